/* mixed-precision: the weights of the operators that are named, and the values that they read and write, are stored as
   float16 or bfloat16. Arithmetic stays float: what is loaded is widened, what is stored is rounded once.
       buffer "x" : float[..] arena              buffer "x" : float16[..] arena
       acc = add of mul("x"[..], "w"[..])        acc = add of mul(cast<float>("x"[..]), cast<float>("w.float16"[..]))
       "y"[..] = acc                             "y"[..] = cast<float16>(acc)
   Over loops, behind fusion, and not over the graph: what is fused has no storage, so no value is rounded on the way through
   an epilogue, and an operator that is not named needs no Cast of its own: it reads and writes as it did. Not narrowed: inputs and
   outputs of the model, state of repeats, what calls touch, exponentials, weights beyond float16's range, biases and other
   small constants. Does nothing without parameter type. */
#include "pass/pass.h"

#include <math.h>

typedef struct mixing {
    tn_program *p;
    tn_dtype type;
    bool *is_half;    /* by buffer id, of roots: becomes one */
    bool *is_fixed;   /* must not */
    tn_buf **weights; /* by buffer id: the constant's narrow copy */
    bool is_named;    /* the expression that is rewritten is a named operator's sum */
} mixing;

/* --- names ---------------------------------------------------------------------------------------------------------- */

/* tvmc's names of operators; any of ONNX's stands for itself. */
static const struct {
    const char *name, *op;
} names[] = {
    {"conv2d", "Conv"},  {"conv1d", "Conv"},         {"conv3d", "Conv"},   {"conv2d_transpose", "ConvTranspose"},
    {"dense", "MatMul"}, {"dense", "Gemm"},          {"matmul", "MatMul"}, {"matmul", "Gemm"},
    {"gemm", "Gemm"},    {"batch_matmul", "MatMul"},
};
enum { N_NAMES = sizeof names / sizeof *names };

static const char *bare_name(const char *name)
{
    return strncmp(name, "nn.", 3) == 0 ? name + 3 : name;
}

bool tn_mixed_is_name(const char *name, const tn_op *(*find)(const char *domain, const char *name))
{
    for (int i = 0; i < N_NAMES; i++)
        if (strcmp(names[i].name, bare_name(name)) == 0)
            return true;
    return find("", name) != NULL;
}

static bool is_meant(const char *name, const tn_node *n)
{
    for (int i = 0; i < N_NAMES; i++)
        if (strcmp(names[i].name, bare_name(name)) == 0 && tn_node_is(n, names[i].op))
            return true;
    return tn_node_is(n, name);
}

static bool is_named(const tn_module *m, const tn_comp *c)
{
    static const char *const by_default[] = {"conv2d", "dense", NULL};
    const char *const *name = m->mixed != NULL && m->mixed[0] != NULL ? m->mixed : by_default;
    bool sums = c->n_reduce > 0 && c->combine == TN_OP_ADD && c->elem->dtype == TN_FLOAT && c->call == NULL;
    for (; *name != NULL && c->node != NULL && sums; name++)
        if (is_meant(*name, c->node))
            return true;
    return false;
}

/* --- what stays float ---------------------------------------------------------------------------------------------- */

/* Numbers that leave float16's range soon: an exponential, and sums and products of it. */
static bool grows(const tn_expr *e)
{
    if (e->kind == TN_E_SELECT)
        return grows(e->arg[1]) || grows(e->arg[2]);
    if (e->kind != TN_E_OP)
        return false;
    switch (e->op) {
    case TN_OP_EXP:
    case TN_OP_POW:
    case TN_OP_SINH:
    case TN_OP_COSH: return true;
    case TN_OP_ADD:
    case TN_OP_SUB:
    case TN_OP_MUL:
    case TN_OP_MIN:
    case TN_OP_MAX: return grows(e->arg[0]) || grows(e->arg[1]);
    case TN_OP_DIV:
    case TN_OP_NEG: return grows(e->arg[0]);
    default: return false;
    }
}

/* Numbers of bfloat16 have float's range. */
static bool fits(const mixing *m, const tn_tensor *t)
{
    for (int64_t i = 0; i < tn_shape_count(&t->shape) && m->type == TN_FLOAT16; i++)
        if (!(fabs(tn_tensor_get(t, i)) < 65520))
            return false;
    return true;
}

/* --- what is narrowed ----------------------------------------------------------------------------------------------- */

static void note_half(void *user, const tn_expr *load)
{
    const mixing *m = user;
    m->is_half[tn_buf_root(load->buf)->id] = true;
}

static void note_fixed(void *user, const tn_expr *load)
{
    const mixing *m = user;
    m->is_fixed[tn_buf_root(load->buf)->id] = true;
}

/* By buffer id: the outermost repeat of which a computation further down writes it. */
typedef struct carrying {
    const mixing *m;
    const tn_repeat **written, *here;
} carrying;

static void note_state(void *user, const tn_expr *load)
{
    const carrying *s = user;
    int id = tn_buf_root(load->buf)->id;
    s->m->is_fixed[id] = s->m->is_fixed[id] || s->written[id] == s->here;
}

/* What one turn leaves for the next would be rounded again in each: a repeat reads it before, or where, it is written. */
static void fix_states(const mixing *m)
{
    carrying s = {m, TN_NEW_N(m->p->arena, const tn_repeat *, m->p->bufs.n + 1), NULL};
    for (size_t i = m->p->comps.n; i-- > 0;) {
        const tn_comp *c = m->p->comps.items[i];
        s.here = c->repeat;
        while (s.here != NULL && s.here->outer != NULL)
            s.here = s.here->outer;
        if (s.here == NULL)
            continue;
        s.written[tn_buf_root(c->out)->id] = s.here;
        tn_comp_each_load(c, note_state, &s);
    }
}

static void choose_values(const tn_module *module, const mixing *m)
{
    fix_states(m);
    for (size_t i = 0; i < m->p->comps.n; i++) {
        const tn_comp *c = m->p->comps.items[i];
        if (is_named(module, c)) {
            tn_each_load(c->elem, note_half, (void *)(uintptr_t)m);
            m->is_half[tn_buf_root(c->out)->id] = true;
        }
        if (grows(c->n_reduce > 0 ? c->post : c->elem))
            m->is_fixed[tn_buf_root(c->out)->id] = true;
        if (c->call != NULL || c->serial || c->check) {
            tn_comp_each_load(c, note_fixed, (void *)(uintptr_t)m);
            m->is_fixed[tn_buf_root(c->out)->id] = true;
        }
    }
    for (size_t i = 0; i < m->p->bufs.n; i++) {
        const tn_buf *b = m->p->bufs.items[i];
        if (b->scope != TN_SCOPE_ARENA || b->dtype != TN_FLOAT)
            m->is_fixed[tn_buf_root(b)->id] = true;
    }
}

static bool becomes_half(const mixing *m, const tn_buf *b)
{
    return m->is_half[tn_buf_root(b)->id] && !m->is_fixed[tn_buf_root(b)->id];
}

/* --- rewriting ------------------------------------------------------------------------------------------------------ */

static tn_buf *narrow_constant(const mixing *m, tn_buf *b)
{
    tn_buf **place = &m->weights[b->id];
    if (*place != NULL)
        return *place;
    tn_dim none[TN_MAX_RANK] = {{0, NULL}};
    const char *type = tn_dtype_get(m->type)->name;
    tn_buf *narrow = *place = tn_buf_temp(m->p, tn_strfmt(m->p->arena, "%s.%s", b->name, type), m->type, b->rank, none);
    memcpy(narrow->dim, b->dim, sizeof narrow->dim);
    memcpy(narrow->max, b->max, sizeof narrow->max);
    tn_tensor *data = tn_tensor_make(m->p->arena, m->type, &b->data->shape);
    for (int64_t i = 0; i < tn_shape_count(&data->shape); i++)
        tn_tensor_set(data, i, tn_tensor_get(b->data, i));
    narrow->scope = TN_SCOPE_CONST;
    narrow->data = data;
    return narrow;
}

/* Matrices and more: a vector is read once, or for each result. */
static bool is_weight(const tn_buf *b)
{
    return b->scope == TN_SCOPE_CONST && b->data != NULL && b->dtype == TN_FLOAT && b->rank >= 2 && b->layout.n == 0
        && b->alias == NULL;
}

/* A bounds test stays beside its load, where later passes look for it: cast<float>(select(c, x, 0)). */
static const tn_expr *narrow_test(tn_program *p, const tn_expr *e)
{
    const tn_expr *yes = e->arg[1], *no = e->arg[2];
    bool is_load = yes->kind == TN_E_CAST && yes->arg[0]->kind == TN_E_LOAD && tn_dtype_is_half(yes->arg[0]->dtype);
    if (!is_load || no->kind != TN_E_NUM || no->f != 0)
        return NULL;
    const tn_expr *zero = tn_number(p, yes->arg[0]->dtype, no->f);
    return tn_cast(p, TN_FLOAT, tn_select(p, e->arg[0], yes->arg[0], zero));
}

static const tn_expr *narrow_load(tn_program *p, void *user, const tn_expr *e)
{
    const mixing *m = user;
    if (e->kind == TN_E_SELECT)
        return narrow_test(p, e);
    if (e->kind != TN_E_LOAD)
        return NULL;
    if (becomes_half(m, e->buf))
        return tn_cast(p, TN_FLOAT, tn_load_raw(p, e->buf, e->n, e->arg));
    if (m->is_named && is_weight(e->buf) && fits(m, e->buf->data))
        return tn_cast(p, TN_FLOAT, tn_load_raw(p, narrow_constant(m, e->buf), e->n, e->arg));
    return NULL;
}

/* What is only moved keeps its bits. */
static const tn_expr *narrow_value(const mixing *m, const tn_comp *c, const tn_expr *value)
{
    if (!becomes_half(m, c->out))
        return value;
    bool moves = value->kind == TN_E_CAST && value->arg[0]->dtype == m->type;
    return moves ? value->arg[0] : tn_cast(m->p, m->type, value);
}

static void rewrite_comp(mixing *m, tn_comp *c, bool named)
{
    m->is_named = named;
    c->elem = tn_rewrite(m->p, c->elem, narrow_load, m);
    m->is_named = false;
    if (c->n_reduce == 0) {
        c->elem = narrow_value(m, c, c->elem);
        return;
    }
    c->init = tn_rewrite(m->p, c->init, narrow_load, m);
    c->post = narrow_value(m, c, tn_rewrite(m->p, c->post, narrow_load, m));
}

bool tn_pass_mixed_precision(tn_module *module, bool *changed)
{
    tn_program *p = module->program;
    size_t n = p->bufs.n; /* those that are added are narrow already */
    int64_t type = tn_param_get(module, "mixed-precision.type");
    if (type == 0)
        return true;
    mixing m = {.p = p, .type = type == 1 ? TN_FLOAT16 : TN_BFLOAT16};
    p->mixed = m.type;
    m.is_half = TN_NEW_N(p->arena, bool, n + 1);
    m.is_fixed = TN_NEW_N(p->arena, bool, n + 1);
    m.weights = TN_NEW_N(p->arena, tn_buf *, n + 1);
    choose_values(module, &m);
    for (size_t i = 0; i < n; i++)
        if (becomes_half(&m, p->bufs.items[i])) {
            p->bufs.items[i]->dtype = m.type;
            *changed = true;
        }
    for (size_t i = 0; i < p->comps.n; i++)
        rewrite_comp(&m, p->comps.items[i], is_named(module, p->comps.items[i]));
    *changed = *changed || p->bufs.n > n;
    return true;
}
