/* zero-points: the zero point of a sum of products of bytes goes from every product into the result.
       sum of (x - 3) * w      becomes     sum of x * w, then + (-3 * sum of w)    a constant, with the bias one constant
   What is left are products of bytes as dot-product instructions take them. On targets whose instruction wants one
   operand without sign (x86), int8 activations are read as uint8, moved by 128:
       x                       becomes     (uint8(x) ^ 128) - 128
   Runs after layout, which turns tests for padding into borders that hold the zero point. */
#include "pass/pass.h"

/* elem = mul(cast<int32>(x) - zero, cast<int32>(w)), w a constant. */
typedef struct product {
    const tn_expr *x, *w; /* the loads */
    int64_t zero;
} product;

static const tn_expr *byte_load(const tn_expr *e)
{
    bool is_load = e->kind == TN_E_CAST && e->dtype == TN_INT32 && e->arg[0]->kind == TN_E_LOAD
                && tn_dtype_is_byte(e->arg[0]->dtype);
    return is_load ? e->arg[0] : NULL;
}

static bool match_sides(const tn_expr *x, const tn_expr *w, product *out)
{
    out->zero = 0;
    if (x->kind == TN_E_OP && x->op == TN_OP_SUB && x->arg[1]->kind == TN_E_INT) {
        out->zero = x->arg[1]->i;
        x = x->arg[0];
    }
    out->x = byte_load(x);
    out->w = byte_load(w);
    return out->x != NULL && out->w != NULL && out->w->buf->data != NULL && out->w->buf->layout.n == 0
        && out->x->buf->scope != TN_SCOPE_CONST;
}

static bool match_product(const tn_comp *c, product *out)
{
    const tn_expr *e = c->elem;
    if (c->n_reduce == 0 || c->combine != TN_OP_ADD || e->kind != TN_E_OP || e->op != TN_OP_MUL || e->dtype != TN_INT32)
        return false;
    return match_sides(e->arg[0], e->arg[1], out) || match_sides(e->arg[1], e->arg[0], out);
}

/* Each subscript of w is a reduction axis of the dim's extent, or moves with no reduction axis; all reduction axes of
   the computation are among them. */
static bool find_summed(tn_program *p, const tn_comp *c, const tn_expr *w, bool *summed)
{
    int n = 0;
    for (int d = 0; d < w->n; d++) {
        summed[d] = false;
        for (int i = 0; i < c->n_reduce; i++) {
            if (!tn_uses_var(w->arg[d], c->reduce[i].var))
                continue;
            if (w->arg[d] != tn_var_expr(p, c->reduce[i].var) || c->reduce[i].extent != w->buf->dim[d])
                return false;
            summed[d] = true;
            n++;
        }
    }
    for (int i = 0; i < c->n_reduce; i++)
        n += c->reduce[i].var->hi == 0; /* a single turn has no subscript */
    return n == c->n_reduce;
}

static const tn_expr *load_constant(tn_program *p, const char *name, tn_tensor *t, const tn_expr *const *at)
{
    tn_buf *b = tn_buf_temp(p, name, TN_INT32, t->shape.rank, t->shape.dim);
    b->scope = TN_SCOPE_CONST;
    b->data = t;
    return tn_load(p, b, at);
}

/* What the zero point adds to the sum: the constant of -zero times the sums over those dims; its subscripts are w's
   others. */
static const tn_expr *load_moved(tn_program *p, const tn_expr *w, const bool *summed, int64_t zero)
{
    const tn_tensor *from = w->buf->data;
    const tn_expr *at[TN_MAX_RANK];
    tn_shape shape = {.known = true};
    for (int d = 0; d < w->n; d++)
        if (!summed[d]) {
            shape.dim[shape.rank] = tn_dim_fixed(w->buf->max[d]);
            at[shape.rank++] = w->arg[d];
        }
    tn_tensor *t = tn_tensor_make(p->arena, TN_INT32, &shape);
    for (int64_t i = 0; i < tn_shape_count(&from->shape); i++) {
        int64_t rest = i, to = 0, stride = 1;
        for (int d = w->n - 1; d >= 0; d--) {
            int64_t index = rest % w->buf->max[d];
            rest /= w->buf->max[d];
            to += summed[d] ? 0 : index * stride;
            stride *= summed[d] ? 1 : w->buf->max[d];
        }
        tn_tensor_set_int(t, to, tn_tensor_get_int(t, to) - zero * tn_tensor_get_int(from, i));
    }
    return load_constant(p, tn_strfmt(p->arena, "%s.moved", w->buf->name), t, at);
}

/* acc + moved where acc stands, or acc + (moved + bias) where a bias of the same subscripts is added. */
typedef struct moving {
    tn_var *acc;
    const tn_expr *sum, *moved; /* sum: acc + moved */
} moving;

/* The subscripts that count, in their order: not those of dims of one element. */
static int subscripts(const tn_expr *load, const tn_expr **out, int64_t *extent)
{
    int n = 0;
    for (int d = 0; d < load->n; d++)
        if (load->buf->max[d] != 1) {
            extent[n] = load->buf->max[d];
            out[n++] = load->arg[d];
        }
    return n;
}

static bool is_alike(const tn_expr *x, const tn_expr *y)
{
    const tn_expr *a[TN_MAX_RANK], *b[TN_MAX_RANK];
    int64_t extent_a[TN_MAX_RANK], extent_b[TN_MAX_RANK];
    int n = subscripts(x, a, extent_a);
    if (x->dtype != y->dtype || n != subscripts(y, b, extent_b))
        return false;
    for (int i = 0; i < n; i++)
        if (a[i] != b[i] || extent_a[i] != extent_b[i])
            return false;
    return true;
}

static const tn_expr *add_constants(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    tn_tensor *t = tn_tensor_make(p->arena, TN_INT32, &x->buf->data->shape);
    for (int64_t i = 0; i < tn_shape_count(&t->shape); i++) /* wraps, as the sum of the two would */
        tn_tensor_set_int(t, i, tn_tensor_get_int(x->buf->data, i) + tn_tensor_get_int(y->buf->data, i));
    return load_constant(p, tn_strfmt(p->arena, "%s.moved", y->buf->name), t, x->arg);
}

static const tn_expr *move_one(tn_program *p, void *user, const tn_expr *e)
{
    const moving *m = user;
    if (e->kind == TN_E_VAR && e->var == m->acc)
        return m->sum;
    if (e->kind != TN_E_OP || e->op != TN_OP_ADD || e->arg[0] != m->sum)
        return NULL;
    const tn_expr *bias = e->arg[1];
    bool is_constant = bias->kind == TN_E_LOAD && bias->buf->data != NULL && bias->buf->layout.n == 0;
    if (!is_constant || !is_alike(m->moved, bias))
        return NULL;
    return tn_add(p, tn_var_expr(p, m->acc), add_constants(p, m->moved, bias));
}

static bool move_zero_point(tn_program *p, const tn_target *t, tn_comp *c)
{
    product m;
    bool summed[TN_MAX_RANK];
    if (!match_product(c, &m) || !find_summed(p, c, m.w, summed))
        return false;
    bool moves = t->dot == TN_DOT_UNSIGNED && m.x->dtype == TN_INT8 && tn_has_dots(p, t, c);
    int64_t zero = m.zero + (moves ? 128 : 0);
    if (zero == 0 && !moves)
        return false;
    const tn_expr *x = m.x;
    if (moves)
        x = tn_op2(p, TN_OP_BITXOR, tn_cast(p, TN_UINT8, x), tn_integer(p, TN_UINT8, 128));
    c->elem = tn_mul(p, tn_cast(p, TN_INT32, x), tn_cast(p, TN_INT32, m.w));
    if (zero == 0) /* int8 less -128 is uint8 */
        return true;
    moving moves_to = {.acc = c->acc, .moved = load_moved(p, m.w, summed, zero)};
    moves_to.sum = tn_add(p, tn_var_expr(p, c->acc), moves_to.moved);
    c->post = tn_rewrite(p, c->post, move_one, &moves_to);
    return true;
}

bool tn_pass_zero_points(tn_module *m, bool *changed)
{
    for (size_t i = 0; i < m->program->comps.n && m->target->lanes > 1; i++)
        *changed = move_zero_point(m->program, m->target, m->program->comps.items[i]) || *changed;
    return true;
}
