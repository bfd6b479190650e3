/* The parameters of a kernel's function: the buffers that its statements touch, in the order of first use, and the named
   dims and turns.

       static void kws_conv_3(const float *x, const float *weights, const float *bias, float *y, ptrdiff_t dim0_batch)

   A constant is named by what the statements do with it. So equal statements have equal names, and kernels that differ in
   nothing but their buffers still share one function. */
#include "emit/cbody.h"

/* A variable that holds an element of parameter `of`. */
typedef struct held {
    const tn_var *var;
    int of;
} held;

typedef struct collector {
    tn_program *p;
    tn_function *f;
    bool *symbols;                      /* of outside_var: those that are used */
    const char *use[TN_MAX_PARAMS];     /* of each parameter that is a constant; NULL: not known yet */
    bool begins_written[TN_MAX_PARAMS]; /* of the others: it is written before it is read */
    struct {
        held *items;
        size_t n, room;
    } held;
} collector;

/* The variables that a function does not make: symbols, then turns. */
static const tn_var *outside_var(const tn_program *p, size_t i)
{
    return i < p->symbols.n ? p->symbols.items[i] : p->turns.items[i - p->symbols.n];
}

/* Its index; -1 for a register, which is no parameter. */
static int add_param(collector *c, const tn_buf *b, bool is_written)
{
    tn_function *f = c->f;
    const tn_buf *root = tn_buf_root(b);
    if (root->scope == TN_SCOPE_REGISTER)
        return -1;
    for (int i = 0; i < f->n_param; i++)
        if (f->param[i].root == root) {
            f->param[i].is_written = f->param[i].is_written || is_written;
            return i;
        }
    assert(f->n_param < TN_MAX_PARAMS);
    f->param[f->n_param] = (tn_param){root, "", is_written};
    c->begins_written[f->n_param] = is_written;
    return f->n_param++;
}

/* --- what constants are for --------------------------------------------------------------------------------------- */

static bool is_literal(const tn_expr *e)
{
    return e->kind == TN_E_INT || e->kind == TN_E_NUM || (e->kind == TN_E_CAST && is_literal(e->arg[0]));
}

/* Of operand k, where the result is for `outer`; sums: in what is added to an accumulator. */
static const char *use_in(const tn_expr *e, int k, const char *outer, bool sums)
{
    if (e->n == 2 && is_literal(e->arg[1 - k]))
        return outer;
    switch (e->op) {
    case TN_OP_MUL: return sums ? "weights" : "scale";
    case TN_OP_ADD: return "bias";
    case TN_OP_SUB: return k == 1 ? "offset" : outer;
    case TN_OP_DIV:
    case TN_OP_FDIV: return k == 1 ? "divisor" : outer;
    case TN_OP_POW: return k == 1 ? "exponent" : outer;
    case TN_OP_MIN:
    case TN_OP_MAX: return "limit";
    case TN_OP_EQ:
    case TN_OP_NE: return "keys";
    case TN_OP_LT:
    case TN_OP_LE: return "threshold";
    case TN_OP_AND:
    case TN_OP_OR: return "mask";
    default: return outer;
    }
}

static void note_use(collector *c, int param, const char *use)
{
    if (param >= 0 && c->use[param] == NULL)
        c->use[param] = use;
}

static void collect_var(collector *c, const tn_var *v, const char *use)
{
    for (size_t i = 0; i < c->p->symbols.n + c->p->turns.n; i++)
        c->symbols[i] = c->symbols[i] || outside_var(c->p, i) == v;
    for (size_t i = 0; i < c->held.n; i++)
        if (c->held.items[i].var == v)
            note_use(c, c->held.items[i].of, use);
}

static void collect_expr(collector *c, const tn_expr *e, const char *use, bool sums)
{
    if (e->kind == TN_E_VAR)
        collect_var(c, e->var, use);
    if (e->kind == TN_E_LOAD) /* a subscript that data decide looks its element up */
        note_use(c, add_param(c, e->buf, false), tn_needs_data(e->arg[0]) ? "table" : use);
    for (int k = 0; k < e->n; k++)
        collect_expr(c, e->arg[k],
                     e->kind == TN_E_LOAD                         ? "indices"
                     : e->kind == TN_E_OP && e->dtype != TN_INDEX ? use_in(e, k, use, sums)
                     : e->kind == TN_E_SELECT && k == 0           ? "mask"
                                                                  : use,
                     sums);
}

/* --- statements --------------------------------------------------------------------------------------------------- */

static void collect_value(collector *c, const tn_stmt *s)
{
    bool sums = s->kind == TN_S_SET && s->value->kind == TN_E_OP && s->value->op == TN_OP_ADD;
    const tn_expr *e = s->value;
    collect_expr(c, e, s->kind == TN_S_LET && s->is_mutable ? "bias" : NULL, sums);
    while (e->kind == TN_E_CAST)
        e = e->arg[0];
    if (s->kind == TN_S_LET && e->kind == TN_E_LOAD)
        *TN_PUSH(c->p->arena, c->held) = (held){s->var, add_param(c, e->buf, false)};
}

static void collect_call(collector *c, const tn_call *call)
{
    for (int i = 0; i < call->n_arg; i++) {
        const tn_arg *a = &call->arg[i];
        if (a->kind == TN_ARG_WRITE)
            add_param(c, a->expr->buf, true);
        if (a->expr != NULL)
            collect_expr(c, a->expr, "weights", false);
    }
}

static void collect(collector *c, const tn_stmt *s)
{
    if (s->value != NULL)
        collect_value(c, s);
    if (s->offset != NULL)
        collect_expr(c, s->offset, "indices", false);
    if (s->begin != NULL) {
        collect_expr(c, s->begin, NULL, false);
        collect_expr(c, s->end, NULL, false);
    }
    if (s->call != NULL)
        collect_call(c, s->call);
    for (size_t i = 0; i < s->body.n; i++)
        collect(c, s->body.items[i]);
    if (s->kind == TN_S_STORE)
        add_param(c, s->buf, true);
}

/* x, x1, weights, bias, y ...: the second of a kind gets a number. */
static void name_params(collector *c)
{
    tn_function *f = c->f;
    const char *kind[TN_MAX_PARAMS];
    for (int i = 0; i < f->n_param; i++) {
        int same = 0;
        kind[i] = f->param[i].root->scope != TN_SCOPE_CONST ? (c->begins_written[i] ? "y" : "x")
                : c->use[i] != NULL                         ? c->use[i]
                                                            : "values";
        for (int k = 0; k < i; k++)
            same += strcmp(kind[k], kind[i]) == 0;
        f->param[i].name = same == 0 ? kind[i] : tn_strfmt(c->p->arena, "%s%d", kind[i], same);
    }
}

void tn_collect_params(tn_program *p, const tn_stmt *body, tn_function *out)
{
    collector c = {.p = p, .f = out, .symbols = TN_NEW_N(p->arena, bool, p->symbols.n + p->turns.n + 1)};
    collect(&c, body);
    out->symbol = TN_NEW_N(p->arena, const tn_var *, p->symbols.n + p->turns.n + 1);
    for (size_t i = 0; i < p->symbols.n + p->turns.n; i++)
        if (c.symbols[i])
            out->symbol[out->n_symbol++] = outside_var(p, i);
    name_params(&c);
}
