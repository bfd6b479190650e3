/* Elements found by indices that are data: the Gather and Scatter families.

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
    for (int i = 0; !fits && i < q->rank && i < x->rank; i++)
        if (i != *axis && q->dim[i].sym != NULL && x->dim[i].sym != NULL) /* against a number, other sizes would do */
            tn_note_alike(g, q->dim[i], x->dim[i]);
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
