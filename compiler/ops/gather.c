/* Elements found by indices that are data: the Gather and Scatter families, TopK.

       Gather axis=0        out[i,j] = x[index[i], j]
       ScatterND add        out = x; then, in order, out[index[i]] += update[i]

   Negative indices count from the end; tn_load_index says what happens to those outside of the tensor. */
#include "ops/late.h"

static bool read_axis(tn_graph *g, const tn_node *n, int64_t otherwise, int *axis)
{
    return tn_node_axis(g, n, tn_node_int(n, "axis", otherwise), n->in[0]->shape.rank, axis);
}

static bool set_first_type(tn_graph *g, tn_node *n, int rank, const tn_dim *dims)
{
    tn_shape s = {.known = true, .rank = rank};
    if (rank > TN_MAX_RANK)
        return tn_node_error(g, n, "the output would have rank %d; at most %d is supported", rank, TN_MAX_RANK);
    memcpy(s.dim, dims, sizeof *dims * (size_t)rank);
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* --- Gather, GatherElements, GatherND ----------------------------------------------------------------------------- */

bool tn_infer_gather(tn_graph *g, tn_node *n)
{
    int axis = 0;
    const tn_shape *x = &n->in[0]->shape, *q = &n->in[1]->shape;
    tn_dim dims[2 * TN_MAX_RANK];
    if (!read_axis(g, n, 0, &axis) || !tn_check_indices(g, n, 1, x->dim[axis]))
        return false;
    memcpy(dims, x->dim, sizeof *dims * (size_t)axis);
    memcpy(dims + axis, q->dim, sizeof *dims * (size_t)q->rank);
    memcpy(dims + axis + q->rank, x->dim + axis + 1, sizeof *dims * (size_t)(x->rank - axis - 1));
    return set_first_type(g, n, x->rank + q->rank - 1, dims);
}

bool tn_lower_gather(tn_program *p, const tn_node *n)
{
    int axis = 0, q = n->in[1]->shape.rank;
    const tn_shape *x = &n->in[0]->shape;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (!read_axis(p->graph, n, 0, &axis))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < x->rank; i++)
        at[i] = c->at[i < axis ? i : i + q - 1 < 0 ? 0 : i + q - 1];
    at[axis] = tn_load_index(p, n->in[1], c->at + axis, x->dim[axis]);
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

/* Indices of the input's rank, reaching along one axis; on the others at most as long as the input. */
static bool check_element_indices(tn_graph *g, const tn_node *n, int *axis)
{
    const tn_shape *x = &n->in[0]->shape, *q = &n->in[1]->shape;
    if (!read_axis(g, n, 0, axis) || !tn_check_indices(g, n, 1, x->dim[*axis]))
        return false;
    bool fits = q->rank == x->rank;
    for (int i = 0; fits && i < q->rank; i++)
        fits = i == *axis || tn_dim_same(q->dim[i], x->dim[i]) || q->dim[i].n <= tn_dim_low(x->dim[i]);
    return fits
        || tn_node_error(g, n,
                         "the indices are %s for %s along axis %d; the same rank and no longer dims are "
                         "wanted",
                         tn_value_type(g->arena, n->in[1]), tn_value_type(g->arena, n->in[0]), *axis);
}

bool tn_infer_gather_elements(tn_graph *g, tn_node *n)
{
    int axis = 0;
    if (!check_element_indices(g, n, &axis))
        return false;
    return set_first_type(g, n, n->in[1]->shape.rank, n->in[1]->shape.dim);
}

bool tn_lower_gather_elements(tn_program *p, const tn_node *n)
{
    int axis = 0;
    const tn_expr *at[TN_MAX_RANK];
    if (!read_axis(p->graph, n, 0, &axis))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    memcpy(at, c->at, sizeof at);
    at[axis] = tn_load_index(p, n->in[1], c->at, n->in[0]->shape.dim[axis]);
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

/* The last dim of the indices: how many axes of the input, from axis `batch` on, one row of indices fixes. */
static bool read_depth(tn_graph *g, const tn_node *n, int batch, int *depth)
{
    const tn_shape *x = &n->in[0]->shape, *q = &n->in[1]->shape;
    if (x->rank < 1 || q->rank < 1 || batch >= q->rank || batch >= x->rank || q->dim[q->rank - 1].sym != NULL
        || q->dim[q->rank - 1].n < 1 || q->dim[q->rank - 1].n > x->rank - batch)
        return tn_node_error(g, n,
                             "the indices are %s for %s; the last of their dims, after %d of a batch, must be 1 "
                             "to the number of axes left",
                             tn_value_type(g->arena, n->in[1]), tn_value_type(g->arena, n->in[0]), batch);
    *depth = (int)q->dim[q->rank - 1].n;
    for (int i = 0; i < batch; i++)
        if (!tn_dim_same(x->dim[i], q->dim[i]))
            return tn_node_error(g, n, "dim %d of a batch is %s in the input and %s in the indices", i,
                                 tn_dim_text(g->arena, x->dim[i]), tn_dim_text(g->arena, q->dim[i]));
    return true;
}

/* Each column of the indices has an extent of its own; the greatest one bounds them all. */
static bool check_nd_indices(tn_graph *g, const tn_node *n, int batch, int depth)
{
    tn_dim greatest = n->in[0]->shape.dim[batch];
    for (int k = 1; k < depth; k++)
        greatest = tn_dim_most(g->arena, greatest, n->in[0]->shape.dim[batch + k]);
    return tn_check_indices(g, n, 1, greatest);
}

bool tn_infer_gather_nd(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *q = &n->in[1]->shape;
    int64_t batch = tn_node_int(n, "batch_dims", 0);
    int depth = 0;
    tn_dim dims[2 * TN_MAX_RANK];
    if (batch < 0 || batch >= TN_MAX_RANK)
        return tn_node_error(g, n, "batch_dims is %lld; 0 or more is wanted, below both ranks", (long long)batch);
    if (!read_depth(g, n, (int)batch, &depth) || !check_nd_indices(g, n, (int)batch, depth))
        return false;
    int rest = x->rank - (int)batch - depth;
    memcpy(dims, q->dim, sizeof *dims * (size_t)(q->rank - 1));
    memcpy(dims + q->rank - 1, x->dim + x->rank - rest, sizeof *dims * (size_t)rest);
    return set_first_type(g, n, q->rank - 1 + rest, dims);
}

/* The position in the input that the row of indices at point[0 ..] fixes, followed by the point's rest. */
static void find_position(tn_program *p, const tn_node *n, const tn_expr *const *point, int batch, int depth,
                          const tn_expr **out)
{
    const tn_shape *x = &n->in[0]->shape;
    int rows = n->in[1]->shape.rank - 1;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    memcpy(at, point, sizeof *at * (size_t)rows);
    for (int i = 0; i < x->rank; i++)
        if (i < batch)
            out[i] = point[i];
        else if (i < batch + depth) {
            at[rows] = tn_index(p, i - batch);
            out[i] = tn_load_index(p, n->in[1], at, x->dim[i]);
        } else
            out[i] = point[rows + i - batch - depth];
}

bool tn_lower_gather_nd(tn_program *p, const tn_node *n)
{
    int batch = (int)tn_node_int(n, "batch_dims", 0), depth = 0;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (!read_depth(p->graph, n, batch, &depth))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    find_position(p, n, c->at, batch, depth, at);
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

/* --- ScatterElements, ScatterND ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int op;
} reductions[] = {
    {"none", -1}, {"add", TN_OP_ADD}, {"mul", TN_OP_MUL}, {"min", TN_OP_MIN}, {"max", TN_OP_MAX},
};

static bool read_reduction(tn_graph *g, const tn_node *n, int *op)
{
    const char *name = tn_node_string(n, "reduction", "none");
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++)
        if (strcmp(name, reductions[i].name) == 0) {
            *op = reductions[i].op;
            if (*op >= 0 && n->in[0]->dtype == TN_BOOL)
                return tn_node_error(g, n, "reduction '%s' is not supported with bool", name);
            return true;
        }
    return tn_node_error(g, n, "reduction is '%s'; none, add, mul, min or max is wanted", name);
}

static bool check_updates(tn_graph *g, const tn_node *n, int rank, const tn_dim *dims)
{
    const tn_value *u = n->in[2];
    bool fits = u->dtype == n->in[0]->dtype && u->shape.rank == rank;
    for (int i = 0; fits && i < rank; i++)
        fits = tn_dim_same(u->shape.dim[i], dims[i]);
    return fits
        || tn_node_error(g, n, "the updates are %s; they do not fit the indices %s and the input %s",
                         tn_value_type(g->arena, u), tn_value_type(g->arena, n->in[1]),
                         tn_value_type(g->arena, n->in[0]));
}

bool tn_infer_scatter_elements(tn_graph *g, tn_node *n)
{
    int axis = 0, op = 0;
    if (!read_reduction(g, n, &op) || !check_element_indices(g, n, &axis)
        || !check_updates(g, n, n->in[1]->shape.rank, n->in[1]->shape.dim))
        return false;
    return tn_infer_first(g, n);
}

bool tn_infer_scatter_nd(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *q = &n->in[1]->shape;
    int op = 0, depth = 0;
    tn_dim dims[2 * TN_MAX_RANK];
    if (!read_reduction(g, n, &op) || !read_depth(g, n, 0, &depth) || !check_nd_indices(g, n, 0, depth))
        return false;
    memcpy(dims, q->dim, sizeof *dims * (size_t)(q->rank - 1));
    memcpy(dims + q->rank - 1, x->dim + depth, sizeof *dims * (size_t)(x->rank - depth));
    return check_updates(g, n, q->rank - 1 + x->rank - depth, dims) && tn_infer_first(g, n);
}

/* Not marked as a view: the output is written to afterwards, so it must have memory of its own. */
static void copy_input(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], c->at));
}

/* A computation over the updates, in their row-major order: of several for one element the last one stays, and a
   reduction takes all, rounding to the element type each time. */
static tn_comp *begin_updates(tn_program *p, const tn_node *n, const tn_expr **point)
{
    const tn_shape *u = &n->in[2]->shape;
    tn_comp *c = tn_comp_over(p, n, tn_buf_of(p, n->out[0]), u->rank, u->dim);
    for (int i = 0; i < u->rank; i++)
        point[i] = tn_axis_var(p, c, i);
    c->serial = true;
    return c;
}

static bool set_updates(tn_program *p, const tn_node *n, tn_comp *c, const tn_expr *const *point)
{
    int op = 0;
    if (!read_reduction(p->graph, n, &op))
        return false;
    if (op < 0)
        tn_comp_set(p, c, tn_load_stored(p, n->in[2], point));
    else
        tn_comp_set(p, c,
                    tn_op2(p, (tn_scalar_op)op, tn_load(p, c->out, c->at), tn_load(p, tn_buf_of(p, n->in[2]), point)));
    return true;
}

bool tn_lower_scatter_elements(tn_program *p, const tn_node *n)
{
    int axis = 0;
    const tn_expr *point[TN_MAX_RANK] = {NULL};
    if (!read_axis(p->graph, n, 0, &axis))
        return false;
    copy_input(p, n);
    tn_comp *c = begin_updates(p, n, point);
    memcpy(c->at, point, sizeof c->at);
    c->at[axis] = tn_load_index(p, n->in[1], point, n->in[0]->shape.dim[axis]);
    return set_updates(p, n, c, point);
}

bool tn_lower_scatter_nd(tn_program *p, const tn_node *n)
{
    int depth = 0;
    const tn_expr *point[TN_MAX_RANK] = {NULL};
    if (!read_depth(p->graph, n, 0, &depth))
        return false;
    copy_input(p, n);
    tn_comp *c = begin_updates(p, n, point);
    find_position(p, n, point, 0, depth, c->at);
    return set_updates(p, n, c, point);
}

/* --- TopK --------------------------------------------------------------------------------------------------------- */

/* Whether k <= extent can be seen, also of k = min(extent, 100). */
static bool is_within(tn_dim k, tn_dim extent)
{
    if (k.n <= tn_dim_low(extent) || tn_dim_same(k, extent))
        return true;
    return k.sym != NULL && k.sym->kind == TN_SYM_MIN && (is_within(k.sym->a, extent) || is_within(k.sym->b, extent));
}

/* Elements of k; when only the run knows it, the declared extent, or a size that it finds. */
static const tn_dim *find_k(tn_graph *g, const tn_node *n, int axis, size_t *count)
{
    tn_shape s;
    *count = 1;
    if (tn_is_early(g, n, 1))
        return tn_need_dims(g, n, 1, "k", count);
    if (!tn_check_late(g, n, 1, "k", 1))
        return NULL;
    tn_dim *found = TN_NEW(g->arena, tn_dim);
    if (!tn_find_declared(n, n->out[0] == NULL, &s))
        return tn_found_dim(g, n, axis, n->in[0]->shape.dim[axis].n, found) ? found : NULL;
    if (s.rank == n->in[0]->shape.rank) {
        *found = s.dim[axis];
        return found;
    }
    tn_node_error(g, n, "the model declares rank %d for the output; rank %d is wanted", s.rank, n->in[0]->shape.rank);
    return NULL;
}

bool tn_infer_top_k(tn_graph *g, tn_node *n)
{
    int axis = 0;
    size_t count = 0;
    tn_shape s = n->in[0]->shape;
    if (!read_axis(g, n, -1, &axis))
        return false;
    const tn_dim *k = find_k(g, n, axis, &count);
    if (k == NULL)
        return false;
    if (count != 1 || tn_dim_low(k[0]) < 0 || !is_within(k[0], s.dim[axis]))
        return tn_node_error(g, n, "k is %s; one number is wanted, from 0 to dim %d, which is %s",
                             count > 0 ? tn_dim_text(g->arena, k[0]) : "empty", axis,
                             tn_dim_text(g->arena, s.dim[axis]));
    s.dim[axis] = k[0];
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    tn_set_output(n, 1, TN_INT64, &s);
    return true;
}

/* Whether x comes before y. NaN counts as the largest number, so that there is an order and all ranks differ. */
static const tn_expr *is_before(tn_program *p, bool largest, const tn_expr *x, const tn_expr *y)
{
    const tn_expr *great = largest ? x : y, *small = largest ? y : x, *before = tn_lt(p, small, great);
    if (!tn_dtype_get(x->dtype)->is_float)
        return before;
    const tn_expr *ordered = tn_op1(p, TN_OP_NOT, tn_op1(p, TN_OP_ISNAN, small));
    return tn_op2(p, TN_OP_OR, before, tn_and(p, tn_op1(p, TN_OP_ISNAN, great), ordered));
}

/* rank[i] = how many j come before i; of equal elements the one of lower index does. Quadratic in the extent. */
static tn_buf *lower_ranks(tn_program *p, const tn_node *n, int axis)
{
    const tn_shape *x = &n->in[0]->shape;
    bool largest = tn_node_int(n, "largest", 1) != 0;
    tn_dtype t = x->dim[axis].n < INT32_MAX ? TN_INT32 : TN_INT64;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "rank", t, x->rank, x->dim));
    const tn_expr *at[TN_MAX_RANK], *i = c->at[axis], *j = tn_reduce_over(p, c, x->dim[axis]);
    memcpy(at, c->at, sizeof at);
    at[axis] = j;
    const tn_expr *xi = tn_load(p, tn_buf_of(p, n->in[0]), c->at), *xj = tn_load(p, tn_buf_of(p, n->in[0]), at);
    const tn_expr *keeps = tn_op1(p, TN_OP_NOT, is_before(p, largest, xi, xj));
    const tn_expr *ahead = tn_select(p, tn_lt(p, j, i), keeps, is_before(p, largest, xj, xi));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, t, 0), tn_cast(p, t, ahead), NULL);
    return c->out;
}

/* index[k] = the i of rank k, found as the sum over i of (rank[i] == k ? i : 0); value[k] = x[index[k]]. The result is
   sorted whether or not the node asks for it. */
bool tn_lower_top_k(tn_program *p, const tn_node *n)
{
    int axis = 0;
    size_t count = 0;
    if (!read_axis(p->graph, n, -1, &axis))
        return false;
    const tn_dim *k = find_k(p->graph, n, axis, &count);
    if (k == NULL)
        return false;
    tn_late_check_dims(p, n, 1, 1, k);
    tn_shape s = n->in[0]->shape;
    tn_dim extent = s.dim[axis];
    s.dim[axis] = k[0];
    tn_buf *rank = lower_ranks(p, n, axis);
    bool wanted = n->n_out > 1 && n->out[1] != NULL;
    tn_buf *index = wanted ? tn_buf_of(p, n->out[1]) : tn_buf_temp(p, "index", TN_INT64, s.rank, s.dim);
    tn_comp *c = tn_comp_begin(p, n, index);
    const tn_expr *at[TN_MAX_RANK], *i = tn_reduce_over(p, c, extent);
    memcpy(at, c->at, sizeof at);
    at[axis] = i;
    const tn_expr *hit = tn_op2(p, TN_OP_EQ, tn_cast(p, TN_INDEX, tn_load(p, rank, at)), c->at[axis]);
    const tn_expr *zero = tn_integer(p, TN_INT64, 0);
    tn_comp_reduce(p, c, TN_OP_ADD, zero, tn_select(p, hit, tn_cast(p, TN_INT64, i), zero), NULL);
    if (n->out[0] == NULL)
        return true;
    c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    memcpy(at, c->at, sizeof at);
    at[axis] = tn_cast(p, TN_INDEX, tn_load(p, index, c->at));
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}
