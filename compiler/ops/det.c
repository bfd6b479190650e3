/* Det and Inverse: determinants and inverses of square matrices, by elimination with partial pivoting, a column a turn.

       m = x, det = 1
       repeat k     best = max |m[i,k]|, pivot = the first such row, both over i >= k
                    top[j] = m[pivot,j]
                    next = m, rows k and pivot exchanged, and below k less its multiple of top that clears column k
                    det = det * top[k], the other sign where rows were exchanged
                    m = next

   Inverse: m = (x | 1), and the column is cleared above k too; then, with row k divided by its pivot, m = (1 | inverse). A
   matrix without an inverse gives numbers that are not finite. */
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

static bool check_square(tn_graph *g, const tn_node *n)
{
    const tn_shape *s = &n->in[0]->shape;
    return (s->rank >= 2 && tn_dim_same(s->dim[s->rank - 1], s->dim[s->rank - 2]))
        || tn_node_error(g, n, "'%s' is %s; square matrices are wanted", n->in[0]->name,
                         tn_type_text(g->arena, n->in[0]->dtype, s));
}

bool tn_infer_inverse(tn_graph *g, tn_node *n)
{
    return check_square(g, n) && tn_infer_first(g, n);
}

bool tn_infer_det(tn_graph *g, tn_node *n)
{
    tn_shape s = n->in[0]->shape;
    if (!check_square(g, n))
        return false;
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

static void load_row(const elimination *e)
{
    tn_comp *c = tn_comp_begin(e->p, e->n, e->top);
    tn_comp_set(e->p, c, load_at(e, c, load_pivot(e, c), c->at[e->batch]));
}

/* Which row of m becomes row i. */
static const tn_expr *exchanged(const elimination *e, const tn_comp *c, const tn_expr *i)
{
    return tn_select(e->p, tn_op2(e->p, TN_OP_EQ, i, load_pivot(e, c)), e->k, i);
}

/* A column of zeros needs no clearing: its pivot, which is 0, makes the determinant 0. */
static void clear_column(const elimination *e)
{
    tn_program *p = e->p;
    tn_comp *c = tn_comp_begin(p, e->n, e->next);
    const tn_expr *i = c->at[e->batch], *j = c->at[e->batch + 1], *zero = tn_number(p, e->t, 0);
    const tn_expr *from = exchanged(e, c, i), *pivot = load_top(e, c, e->k), *top = load_top(e, c, j);
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

/* columns: of m */
static elimination begin_elimination(tn_program *p, const tn_node *n, tn_dim columns)
{
    const tn_shape *s = &n->in[0]->shape;
    elimination e = {.p = p, .n = n, .t = tn_dtype_get(n->in[0]->dtype)->compute, .batch = s->rank - 2, .dim = s->dim};
    tn_dim wide[TN_MAX_RANK];
    memcpy(wide, s->dim, sizeof wide);
    wide[e.batch + 1] = columns;
    e.m = tn_buf_temp(p, "m", e.t, s->rank, wide);
    e.next = tn_buf_temp(p, "next", e.t, s->rank, wide);
    wide[e.batch] = columns;
    e.top = tn_buf_temp(p, "top", e.t, s->rank - 1, wide);
    e.best = tn_buf_temp(p, "best", e.t, e.batch, s->dim);
    e.pivot = tn_buf_temp(p, "pivot", TN_INT64, e.batch, s->dim);
    return e;
}

bool tn_lower_det(tn_program *p, const tn_node *n)
{
    elimination e = begin_elimination(p, n, n->in[0]->shape.dim[n->in[0]->shape.rank - 1]);
    e.det = tn_buf_temp(p, "det", e.t, e.batch, e.dim);
    copy(&e, e.m, tn_buf_of(p, n->in[0]));
    tn_comp *c = tn_comp_begin(p, n, e.det);
    tn_comp_set(p, c, tn_number(p, e.t, 1));
    e.k = tn_repeat_begin(p, e.m->dim[e.batch]);
    find_pivot(&e);
    load_row(&e);
    clear_column(&e);
    multiply_pivot(&e);
    copy(&e, e.m, e.next);
    tn_repeat_end(p);
    copy(&e, tn_buf_of(p, n->out[0]), e.det);
    return true;
}

/* m = (x | 1) */
static void begin_inverse(const elimination *e)
{
    tn_program *p = e->p;
    tn_comp *c = tn_comp_begin(p, e->n, e->m);
    const tn_expr *at[TN_MAX_RANK], *size = e->m->dim[e->batch], *j = c->at[e->batch + 1];
    memcpy(at, c->at, sizeof *at * (size_t)(e->batch + 2));
    at[e->batch + 1] = tn_min(p, j, tn_sub(p, size, tn_index(p, 1)));
    const tn_expr *x = tn_cast(p, e->t, tn_load(p, tn_buf_of(p, e->n->in[0]), at));
    const tn_expr *is_one = tn_op2(p, TN_OP_EQ, tn_sub(p, j, size), c->at[e->batch]);
    const tn_expr *unit = tn_select(p, is_one, tn_number(p, e->t, 1), tn_number(p, e->t, 0));
    tn_comp_set(p, c, tn_select(p, tn_lt(p, j, size), x, unit));
}

static void clear_around_pivot(const elimination *e)
{
    tn_program *p = e->p;
    tn_comp *c = tn_comp_begin(p, e->n, e->next);
    const tn_expr *i = c->at[e->batch], *j = c->at[e->batch + 1], *from = exchanged(e, c, i);
    const tn_expr *top = tn_div(p, load_top(e, c, j), load_top(e, c, e->k));
    const tn_expr *cleared = tn_sub(p, load_at(e, c, from, j), tn_mul(p, load_at(e, c, from, e->k), top));
    tn_comp_set(p, c, tn_select(p, tn_op2(p, TN_OP_EQ, i, e->k), top, cleared));
}

bool tn_lower_inverse(tn_program *p, const tn_node *n)
{
    tn_dim size = n->in[0]->shape.dim[n->in[0]->shape.rank - 1];
    elimination e = begin_elimination(p, n, tn_dim_do(p->graph->arena, TN_SYM_MUL, size, tn_dim_fixed(2)));
    begin_inverse(&e);
    e.k = tn_repeat_begin(p, e.m->dim[e.batch]);
    find_pivot(&e);
    load_row(&e);
    clear_around_pivot(&e);
    copy(&e, e.m, e.next);
    tn_repeat_end(p);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_comp_set(p, c, load_at(&e, c, c->at[e.batch], tn_add(p, c->at[e.batch + 1], e.m->dim[e.batch])));
    return true;
}
