/* MatMul, Gemm, and what their integer kin share. See matmul.h for the rules of shapes.

       MatMul   axes batch.. m n   reduce k   a[batch.., m, k] * b[batch.., k, n]
       Gemm     axes m n           reduce k   a[m, k] * b[k, n]     then alpha * acc + beta * c

   Sums are kept in the compute type: float for the 16-bit floats, the type itself otherwise; integers wrap. */
#include "ops/matmul.h"
#include "ops/fixed.h"

#include <math.h>

#include "ops/ops.h"

/* --- shapes and subscripts ---------------------------------------------------------------------------------------- */

static bool check_reduced(tn_graph *g, const tn_node *n, tn_dim x, tn_dim y)
{
    if (tn_dim_same(x, y))
        return true;
    tn_note_alike(g, x, y);
    return tn_node_error(g, n, "the dims summed over are %s in '%s' and %s in '%s'; they must be equal",
                         tn_dim_text(g->arena, x), n->in[0]->name, tn_dim_text(g->arena, y), n->in[1]->name);
}

static tn_shape batch_of(const tn_shape *s)
{
    tn_shape batch = *s;
    batch.rank = s->rank > 2 ? s->rank - 2 : 0;
    return batch;
}

bool tn_matmul_shape(tn_graph *g, const tn_node *n, const tn_value *a, const tn_value *b, tn_shape *y)
{
    const tn_shape *x = &a->shape, *z = &b->shape;
    if (x->rank < 1 || z->rank < 1)
        return tn_node_error(g, n, "'%s' is a scalar; a matrix product takes rank 1 or more",
                             x->rank < 1 ? a->name : b->name);
    tn_dim k = z->dim[z->rank > 1 ? z->rank - 2 : 0];
    if (!tn_dim_same(x->dim[x->rank - 1], k)) {
        tn_note_alike(g, x->dim[x->rank - 1], k);
        return tn_node_error(g, n, "'%s' is %s and '%s' is %s; the dims summed over must be equal", a->name,
                             tn_type_text(g->arena, a->dtype, x), b->name, tn_type_text(g->arena, b->dtype, z));
    }
    tn_shape left = batch_of(x), right = batch_of(z), s;
    if (!tn_broadcast(&left, &right, &s)) {
        tn_note_alike_shapes(g, &left, &right);
        return tn_node_error(g, n, "'%s' is %s and '%s' is %s; the batch dims do not broadcast", a->name,
                             tn_type_text(g->arena, a->dtype, x), b->name, tn_type_text(g->arena, b->dtype, z));
    }
    if (x->rank > 1)
        s.dim[s.rank++] = x->dim[x->rank - 2];
    if (z->rank > 1)
        s.dim[s.rank++] = z->dim[z->rank - 1];
    *y = s;
    return true;
}

/* The batch subscripts of an operand: the last of c's n_batch batch axes, 0 where it has extent 1. */
static void batch_sites(tn_program *p, const tn_comp *c, int n_batch, const tn_shape *s, const tn_expr **at)
{
    for (int i = 0; i + 2 < s->rank; i++)
        at[i] = tn_dim_is(s->dim[i], 1) ? tn_index(p, 0) : c->at[n_batch - (s->rank - 2) + i];
}

void tn_matmul_sites(tn_program *p, tn_comp *c, const tn_value *a, const tn_value *b, const tn_expr **a_at,
                     const tn_expr **b_at)
{
    const tn_shape *x = &a->shape, *z = &b->shape;
    int next = c->out->rank - (x->rank > 1) - (z->rank > 1);
    batch_sites(p, c, next, x, a_at);
    batch_sites(p, c, next, z, b_at);
    const tn_expr *k = tn_reduce_over(p, c, x->dim[x->rank - 1]);
    if (x->rank > 1)
        a_at[x->rank - 2] = c->at[next++];
    a_at[x->rank - 1] = k;
    b_at[z->rank > 1 ? z->rank - 2 : 0] = k;
    if (z->rank > 1)
        b_at[z->rank - 1] = c->at[next];
}

bool tn_gemm_shape(tn_graph *g, const tn_node *n, const tn_value *a, const tn_value *b, tn_shape *y)
{
    if (a->shape.rank != 2 || b->shape.rank != 2)
        return tn_node_error(g, n, "'%s' has rank %d and '%s' rank %d; matrices are wanted", a->name, a->shape.rank,
                             b->name, b->shape.rank);
    int ta = tn_node_int(n, "transA", 0) != 0, tb = tn_node_int(n, "transB", 0) != 0;
    if (!check_reduced(g, n, a->shape.dim[1 - ta], b->shape.dim[tb]))
        return false;
    *y = (tn_shape){.known = true, .rank = 2, .dim = {a->shape.dim[ta], b->shape.dim[1 - tb]}};
    return true;
}

void tn_gemm_sites(tn_program *p, tn_comp *c, const tn_node *n, const tn_value *a, const tn_expr **a_at,
                   const tn_expr **b_at)
{
    int ta = tn_node_int(n, "transA", 0) != 0, tb = tn_node_int(n, "transB", 0) != 0;
    const tn_expr *k = tn_reduce_over(p, c, a->shape.dim[1 - ta]);
    a_at[ta] = c->at[0];
    a_at[1 - ta] = k;
    b_at[tb] = k;
    b_at[1 - tb] = c->at[1];
}

bool tn_gemm_check_addend(tn_graph *g, const tn_node *n, int i, tn_dtype dtype, const tn_shape *y)
{
    tn_shape both;
    if (!tn_has_input(n, i))
        return true;
    const tn_value *v = n->in[i];
    if (v->dtype == dtype && tn_broadcast(&v->shape, y, &both) && tn_shape_equal(&both, y))
        return true;
    return tn_node_error(g, n, "input %d '%s' is %s, which does not broadcast to %s", i, v->name,
                         tn_value_type(g->arena, v), tn_type_text(g->arena, dtype, y));
}

/* --- MatMul, Gemm ------------------------------------------------------------------------------------------------- */

static bool check_types(tn_graph *g, const tn_node *n)
{
    if (tn_sum_takes(n, n->in[0], n->in[1]))
        return true;
    return tn_node_error(g, n, "'%s' is %s and '%s' is %s; one type is wanted", n->in[0]->name,
                         tn_dtype_get(n->in[0]->dtype)->name, n->in[1]->name, tn_dtype_get(n->in[1]->dtype)->name);
}

bool tn_infer_matmul(tn_graph *g, tn_node *n)
{
    tn_shape y;
    if (!check_types(g, n) || !tn_matmul_shape(g, n, n->in[0], n->in[1], &y))
        return false;
    tn_set_output(n, 0, tn_sum_output(n), &y);
    return true;
}

bool tn_lower_matmul(tn_program *p, const tn_node *n)
{
    const tn_expr *a_at[TN_MAX_RANK] = {NULL}, *b_at[TN_MAX_RANK] = {NULL};
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_matmul_sites(p, c, n->in[0], n->in[1], a_at, b_at);
    const tn_expr *a = tn_load(p, tn_buf_of(p, n->in[0]), a_at), *b = tn_load(p, tn_buf_of(p, n->in[1]), b_at);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, tn_sum_type(n), 0), tn_sum_product(p, n, a, b), NULL);
    return true;
}

/* alpha and beta are floats even for integer matrices; there they must be whole. */
static bool check_factor(tn_graph *g, const tn_node *n, const char *name)
{
    double f = tn_node_float(n, name, 1);
    if (tn_dtype_get(n->in[0]->dtype)->is_float || (f == floor(f) && fabs(f) < 2147483648.0))
        return true;
    return tn_node_error(g, n, "%s is %g; a whole number is wanted for matrices of %s", name, f,
                         tn_dtype_get(n->in[0]->dtype)->name);
}

bool tn_infer_gemm(tn_graph *g, tn_node *n)
{
    tn_shape y;
    if (!check_types(g, n) || !tn_gemm_shape(g, n, n->in[0], n->in[1], &y)
        || !tn_gemm_check_addend(g, n, 2, n->in[0]->dtype, &y) || !check_factor(g, n, "alpha")
        || !check_factor(g, n, "beta"))
        return false;
    tn_set_output(n, 0, n->in[0]->dtype, &y);
    return true;
}

bool tn_lower_gemm(tn_program *p, const tn_node *n)
{
    const tn_expr *a_at[TN_MAX_RANK] = {NULL}, *b_at[TN_MAX_RANK] = {NULL};
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_gemm_sites(p, c, n, n->in[0], a_at, b_at);
    const tn_expr *a = tn_load(p, tn_buf_of(p, n->in[0]), a_at), *b = tn_load(p, tn_buf_of(p, n->in[1]), b_at);
    tn_dtype dt = a->dtype;
    const tn_expr *post = tn_comp_acc(p, c, dt);
    float alpha = tn_node_float(n, "alpha", 1), beta = tn_node_float(n, "beta", 1);
    if (alpha != 1)
        post = tn_mul(p, post, tn_number(p, dt, alpha));
    if (tn_has_input(n, 2) && beta != 0) {
        const tn_expr *addend = tn_load_broadcast(p, c, tn_buf_of(p, n->in[2]));
        post = tn_add(p, post, beta == 1 ? addend : tn_mul(p, addend, tn_number(p, dt, beta)));
    }
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, dt, 0), tn_mul(p, a, b), post);
    return true;
}

/* --- parameters of integer products ------------------------------------------------------------------------------- */

/* The dim of the operand that has a row of a (which 0) or a column of b (which 1); -1 when it has none. */
static int outer_dim(int which, const tn_shape *operand)
{
    return operand->rank < 2 ? -1 : which == 0 ? operand->rank - 2 : operand->rank - 1;
}

bool tn_matmul_check_param(tn_graph *g, const tn_node *n, int i, int which, const tn_value *operand)
{
    const tn_value *v = n->in[i];
    const tn_shape *s = &v->shape, *x = &operand->shape;
    int outer = outer_dim(which, x);
    bool fits = s->rank <= x->rank || s->rank == 1;
    if (s->rank == 1)
        fits = tn_dim_is(s->dim[0], 1) || (outer >= 0 && tn_dim_same(s->dim[0], x->dim[outer]));
    for (int k = 0; k < s->rank && s->rank > 1 && fits; k++) {
        int axis = x->rank - s->rank + k, reduced = which == 0 ? x->rank - 1 : x->rank - 2;
        fits = tn_dim_is(s->dim[k], 1) || (axis != reduced && tn_dim_same(s->dim[k], x->dim[axis]));
    }
    if (fits)
        return true;
    return tn_node_error(g, n, "input %d '%s' is %s; one element or one per %s of '%s' is wanted", i, v->name,
                         tn_type_text(g->arena, v->dtype, s), which == 0 ? "row" : "column", operand->name);
}

void tn_matmul_param_sites(tn_program *p, const tn_value *param, int which, const tn_value *operand,
                           const tn_expr *const *operand_at, const tn_expr **at)
{
    const tn_shape *s = &param->shape;
    for (int k = 0; k < s->rank; k++) {
        int axis = s->rank == 1 ? outer_dim(which, &operand->shape) : operand->shape.rank - s->rank + k;
        at[k] = tn_dim_is(s->dim[k], 1) ? tn_index(p, 0) : operand_at[axis];
    }
}
