/* zero-points: the zero point of a sum of products of bytes goes from every product into the result.
       sum of (x - 3) * w      becomes     sum of x * w, then - 3 * (sum of w)     the sum of w is a constant
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

/* The constant of the sums over those dims; its subscripts are w's others. */
static const tn_expr *load_sums(tn_program *p, const tn_expr *w, const bool *summed)
{
    const tn_tensor *from = w->buf->data;
    tn_dim dims[TN_MAX_RANK];
    const tn_expr *at[TN_MAX_RANK];
    int rank = 0;
    for (int d = 0; d < w->n; d++)
        if (!summed[d]) {
            dims[rank] = tn_dim_fixed(w->buf->max[d]);
            at[rank++] = w->arg[d];
        }
    tn_buf *b = tn_buf_temp(p, tn_strfmt(p->arena, "%s.sums", w->buf->name), TN_INT32, rank, dims);
    tn_shape shape = {.known = true, .rank = rank};
    memcpy(shape.dim, dims, sizeof *dims * (size_t)rank);
    tn_tensor *t = tn_tensor_make(p->arena, TN_INT32, &shape);
    for (int64_t i = 0; i < tn_shape_count(&from->shape); i++) {
        int64_t rest = i, to = 0, stride = 1;
        for (int d = w->n - 1; d >= 0; d--) {
            int64_t index = rest % w->buf->max[d];
            rest /= w->buf->max[d];
            to += summed[d] ? 0 : index * stride;
            stride *= summed[d] ? 1 : w->buf->max[d];
        }
        tn_tensor_set_int(t, to, tn_tensor_get_int(t, to) + tn_tensor_get_int(from, i));
    }
    b->scope = TN_SCOPE_CONST;
    b->data = t;
    return tn_load(p, b, at);
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
    const tn_expr *acc = tn_var_expr(p, c->acc);
    const tn_expr *less = tn_mul(p, load_sums(p, m.w, summed), tn_integer(p, TN_INT32, zero));
    c->post = tn_substitute(p, c->post, c->acc, tn_sub(p, acc, less));
    return true;
}

bool tn_pass_zero_points(tn_module *m, bool *changed)
{
    for (size_t i = 0; i < m->program->comps.n && m->target->lanes > 1; i++)
        *changed = move_zero_point(m->program, m->target, m->program->comps.items[i]) || *changed;
    return true;
}
