/* Det: determinants of square matrices, by elimination with partial pivoting, a column a turn.

       m = x, det = 1
       repeat k     best = max |m[i,k]|, pivot = the first such row, both over i >= k
                    top[j] = m[pivot,j]
                    next = m, rows k and pivot exchanged, and below k less its multiple of top that clears column k
                    det = det * top[k], the other sign where rows were exchanged
                    m = next                                                                                          */
#include "ops/ops.h"

typedef struct elimination {
    tn_program *p;
    const tn_node *n;
    tn_dtype t;
    int batch; /* dims in front of the matrix */
    const tn_dim *dim;
    const tn_expr *k;
    tn_buf *m, *next, *top, *best, *pivot, *det;
} elimination;

bool tn_infer_det(tn_graph *g, tn_node *n)
{
    tn_shape s = n->in[0]->shape;
    if (s.rank < 2 || !tn_dim_same(s.dim[s.rank - 1], s.dim[s.rank - 2]))
        return tn_node_error(g, n, "'%s' is %s; square matrices are wanted", n->in[0]->name,
                             tn_type_text(g->arena, n->in[0]->dtype, &s));
    s.rank -= 2;
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* m[c's batch, i, j] */
static const tn_expr *load_at(const elimination *e, const tn_comp *c, const tn_expr *i, const tn_expr *j)
{
    const tn_expr *at[TN_MAX_RANK];
    memcpy(at, c->at, sizeof *at * (size_t)e->batch);
    at[e->batch] = i;
    at[e->batch + 1] = j;
    return tn_load(e->p, e->m, at);
}

static const tn_expr *load_top(const elimination *e, const tn_comp *c, const tn_expr *j)
{
    const tn_expr *at[TN_MAX_RANK];
    memcpy(at, c->at, sizeof *at * (size_t)e->batch);
    at[e->batch] = j;
    return tn_load(e->p, e->top, at);
}

/* Inside the matrix whatever it holds: where all is NaN, no row is the best. */
static const tn_expr *load_pivot(const elimination *e, const tn_comp *c)
{
    const tn_expr *row = tn_cast(e->p, TN_INDEX, tn_load(e->p, e->pivot, c->at));
    return tn_min(e->p, row, tn_sub(e->p, e->m->dim[e->batch], tn_index(e->p, 1)));
}

static void find_pivot(const elimination *e)
{
    tn_program *p = e->p;
    tn_comp *c = tn_comp_begin(p, e->n, e->best);
    const tn_expr *i = tn_reduce_over(p, c, e->dim[e->batch]), *none = tn_number(p, e->t, -1);
    const tn_expr *size = tn_op1(p, TN_OP_ABS, load_at(e, c, i, e->k));
    tn_comp_reduce(p, c, TN_OP_MAX, none, tn_select(p, tn_le(p, e->k, i), size, none), NULL);
    c = tn_comp_begin(p, e->n, e->pivot);
    i = tn_reduce_over(p, c, e->dim[e->batch]);
    size = tn_op1(p, TN_OP_ABS, load_at(e, c, i, e->k));
    const tn_expr *is_best = tn_op2(p, TN_OP_EQ, size, tn_load(p, e->best, c->at));
    const tn_expr *past = tn_integer(p, TN_INT64, INT32_MAX);
    const tn_expr *row = tn_select(p, tn_and(p, tn_le(p, e->k, i), is_best), tn_cast(p, TN_INT64, i), past);
    tn_comp_reduce(p, c, TN_OP_MIN, past, row, NULL);
}

/* A column of zeros needs no clearing: its pivot, which is 0, makes the determinant 0. */
static void clear_column(const elimination *e)
{
    tn_program *p = e->p;
    tn_comp *c = tn_comp_begin(p, e->n, e->top);
    tn_comp_set(p, c, load_at(e, c, load_pivot(e, c), c->at[e->batch]));
    c = tn_comp_begin(p, e->n, e->next);
    const tn_expr *i = c->at[e->batch], *j = c->at[e->batch + 1], *zero = tn_number(p, e->t, 0);
    const tn_expr *from = tn_select(p, tn_op2(p, TN_OP_EQ, i, load_pivot(e, c)), e->k, i);
    const tn_expr *pivot = load_top(e, c, e->k), *top = load_top(e, c, j);
    const tn_expr *factor = tn_div(p, load_at(e, c, from, e->k), pivot);
    factor = tn_select(p, tn_op2(p, TN_OP_EQ, pivot, zero), zero, factor);
    const tn_expr *below = tn_sub(p, load_at(e, c, from, j), tn_mul(p, factor, top));
    const tn_expr *above = tn_select(p, tn_op2(p, TN_OP_EQ, i, e->k), top, load_at(e, c, i, j));
    tn_comp_set(p, c, tn_select(p, tn_lt(p, e->k, i), below, above));
}

static void multiply_pivot(const elimination *e)
{
    tn_program *p = e->p;
    tn_comp *c = tn_comp_begin(p, e->n, e->det);
    const tn_expr *pivot = load_top(e, c, e->k), *stays = tn_op2(p, TN_OP_EQ, load_pivot(e, c), e->k);
    pivot = tn_select(p, stays, pivot, tn_op1(p, TN_OP_NEG, pivot));
    tn_comp_set(p, c, tn_mul(p, tn_load(p, e->det, c->at), pivot));
}

static void copy(const elimination *e, tn_buf *to, tn_buf *from)
{
    tn_comp *c = tn_comp_begin(e->p, e->n, to);
    tn_comp_set(e->p, c, tn_load(e->p, from, c->at));
}

bool tn_lower_det(tn_program *p, const tn_node *n)
{
    const tn_shape *s = &n->in[0]->shape;
    elimination e = {.p = p, .n = n, .t = tn_dtype_get(n->in[0]->dtype)->compute, .batch = s->rank - 2, .dim = s->dim};
    e.m = tn_buf_temp(p, "m", e.t, s->rank, s->dim);
    e.next = tn_buf_temp(p, "next", e.t, s->rank, s->dim);
    e.top = tn_buf_temp(p, "top", e.t, s->rank - 1, s->dim);
    e.best = tn_buf_temp(p, "best", e.t, e.batch, s->dim);
    e.pivot = tn_buf_temp(p, "pivot", TN_INT64, e.batch, s->dim);
    e.det = tn_buf_temp(p, "det", e.t, e.batch, s->dim);
    copy(&e, e.m, tn_buf_of(p, n->in[0]));
    tn_comp *c = tn_comp_begin(p, n, e.det);
    tn_comp_set(p, c, tn_number(p, e.t, 1));
    e.k = tn_repeat_begin(p, e.m->dim[e.batch]);
    find_pivot(&e);
    clear_column(&e);
    multiply_pivot(&e);
    copy(&e, e.m, e.next);
    tn_repeat_end(p);
    copy(&e, tn_buf_of(p, n->out[0]), e.det);
    return true;
}
