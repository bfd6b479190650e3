/* Compress and NonZero: the positions of what is marked, in order.

       marks [4]  1 0 1 1        before[k] = before[k - 1] + marks[k - 1]        0 1 1 2
                                 positions[before[k]] = k where marks[k]         0 2 3

   Constant marks are counted by the compiler. Others are counted by the run: as many as the declared shape of the output
   says, which is checked, or else a size that is found so. */
#include "ops/late.h"

/* --- positions ------------------------------------------------------------------------------------------------------ */

static bool is_marked(const tn_tensor *t, int64_t i)
{
    return tn_dtype_get(t->dtype)->is_float ? tn_tensor_get(t, i) != 0 : tn_tensor_get_int(t, i) != 0;
}

/* The positions of what is not 0, an int64 tensor of rank 1. */
static tn_tensor *find_positions(tn_arena *a, const tn_tensor *marks)
{
    int64_t count = tn_shape_count(&marks->shape), marked = 0;
    for (int64_t i = 0; i < count; i++)
        marked += is_marked(marks, i);
    tn_shape s = tn_shape_fixed(1, &marked);
    tn_tensor *t = tn_tensor_make(a, TN_INT64, &s);
    for (int64_t i = 0, k = 0; i < count; i++)
        if (is_marked(marks, i))
            tn_tensor_set_int(t, k++, i);
    return t;
}

static tn_buf *known_positions(tn_program *p, const tn_tensor *marks)
{
    tn_tensor *t = find_positions(p->arena, marks);
    tn_buf *b = tn_buf_temp(p, "positions", TN_INT64, 1, t->shape.dim);
    b->scope = TN_SCOPE_CONST;
    b->data = t;
    return b;
}

/* Whether element k of b, counted row-major, is not 0; as int64. */
static const tn_expr *mark(tn_program *p, tn_buf *b, const tn_expr *k)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    tn_unflatten(p, b->rank, b->dim, k, at);
    return tn_cast(p, TN_INT64, tn_cast(p, TN_BOOL, tn_load(p, b, at)));
}

static tn_buf *count_before(tn_program *p, const tn_node *n, tn_buf *marks, tn_dim length)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "before", TN_INT64, 1, &length));
    const tn_expr *k = c->at[0], *previous = tn_sub(p, k, tn_index(p, 1));
    const tn_expr *sum = tn_add(p, tn_load(p, c->out, &previous), mark(p, marks, previous));
    c->serial = true;
    tn_comp_set(p, c, tn_select(p, tn_is(p, k, tn_index(p, 0)), tn_int64(p, 0), sum));
    return c->out;
}

/* Nothing is counted where the last is before the first. */
static void settle_count(tn_program *p, const tn_node *n, tn_buf *marks, tn_dim length, tn_buf *before, tn_dim count)
{
    const tn_expr *last = tn_sub(p, tn_dim_expr(p, length), tn_index(p, 1)), *zero = tn_int64(p, 0), *total = zero;
    if (!tn_dim_is(length, 0))
        total = tn_add(p, tn_load(p, before, &last), mark(p, marks, last));
    if (!tn_dim_is(length, 0) && tn_dim_low(length) < 1)
        total = tn_select(p, tn_lt(p, last, tn_index(p, 0)), zero, total);
    tn_late_settle(p, n, count, total);
}

/* A scatter: what is not marked writes what stands at its place. That every place is inside was seen when they were
   counted. There is room for the most, since what writes stays inside even where there are none. */
tn_buf *tn_late_positions(tn_program *p, const tn_node *n, tn_buf *marks, tn_dim length, tn_dim count)
{
    tn_dim room = tn_dim_fixed(count.n);
    tn_buf *before = count_before(p, n, marks, length), *out = tn_buf_temp(p, "positions", TN_INT64, 1, &room);
    settle_count(p, n, marks, length, before, count);
    tn_comp_set(p, tn_comp_begin(p, n, out), tn_int64(p, 0));
    if (tn_dim_is(count, 0))
        return out;
    tn_comp *c = tn_comp_over(p, n, out, 1, &length);
    const tn_expr *k = tn_axis_var(p, c, 0), *last = tn_sub(p, out->dim[0], tn_index(p, 1));
    c->at[0] = tn_min(p, tn_late_index(p, tn_load(p, before, &k)), last);
    const tn_expr *is_marked = tn_cast(p, TN_BOOL, mark(p, marks, k));
    c->serial = true;
    tn_comp_set(p, c, tn_select(p, is_marked, tn_cast(p, TN_INT64, k), tn_load(p, out, c->at)));
    return out;
}

static tn_buf *positions_of(tn_program *p, const tn_node *n, const tn_value *marks, tn_dim count)
{
    if (marks->constant != NULL)
        return known_positions(p, marks->constant);
    tn_dim length = tn_dim_product(p->arena, marks->shape.rank, marks->shape.dim);
    return tn_late_positions(p, n, tn_buf_of(p, marks), length, count);
}

/* --- Compress ------------------------------------------------------------------------------------------------------- */

/* The axis to compress, -1 for the flat input, and its extent. */
static bool read_compressed(tn_graph *g, const tn_node *n, int *axis, tn_dim *extent)
{
    const tn_shape *x = &n->in[0]->shape;
    *axis = -1;
    *extent = tn_dim_product(g->arena, x->rank, x->dim);
    if (tn_node_find_attr(n, "axis") == NULL)
        return true;
    if (!tn_node_axis(g, n, tn_node_int(n, "axis", 0), x->rank, axis))
        return false;
    *extent = x->dim[*axis];
    return true;
}

static bool known_count(tn_graph *g, const tn_node *n, tn_dim extent, tn_dim *out)
{
    const tn_tensor *kept = find_positions(g->arena, n->in[1]->constant);
    int64_t count = kept->shape.dim[0].n;
    if (count > 0 && tn_tensor_get_int(kept, count - 1) >= tn_dim_low(extent))
        return tn_node_error(g, n, "the condition takes element %lld of %s",
                             (long long)tn_tensor_get_int(kept, count - 1), tn_dim_text(g->arena, extent));
    *out = tn_dim_fixed(count);
    return true;
}

/* A condition that is longer than the axis could take what is not there. */
static bool declared_count(tn_graph *g, const tn_node *n, int axis, tn_dim extent, tn_dim *out)
{
    tn_shape s;
    const tn_shape *x = &n->in[0]->shape, *condition = &n->in[1]->shape;
    bool declared = tn_find_declared(n, 0, &s);
    bool fits = tn_dim_same(condition->dim[0], extent) || condition->dim[0].n <= tn_dim_low(extent);
    if (!declared && fits)
        return tn_found_marks(g, n, axis < 0 ? 0 : axis, n->in[1], out);
    if (!declared)
        return tn_node_error(g, n, "the condition %s may be longer than the axis, which is %s",
                             tn_value_type(g->arena, n->in[1]), tn_dim_text(g->arena, extent));
    if (s.rank != (axis < 0 ? 1 : x->rank) || !fits)
        return tn_node_error(g, n, "%s with the condition %s cannot give %s, which the model declares",
                             tn_value_type(g->arena, n->in[0]), tn_value_type(g->arena, n->in[1]),
                             tn_type_text(g->arena, n->in[0]->dtype, &s));
    *out = s.dim[axis < 0 ? 0 : axis];
    return true;
}

bool tn_infer_compress(tn_graph *g, tn_node *n)
{
    int axis = 0;
    tn_dim extent, count;
    const tn_value *v = n->in[1];
    if (v->dtype != TN_BOOL || v->shape.rank != 1)
        return tn_node_error(g, n, "the condition '%s' is %s; bool of rank 1 is wanted", v->name,
                             tn_value_type(g->arena, v));
    if (!read_compressed(g, n, &axis, &extent))
        return false;
    bool known = v->constant != NULL;
    if (known ? !known_count(g, n, extent, &count) : !declared_count(g, n, axis, extent, &count))
        return false;
    tn_shape s = n->in[0]->shape;
    if (axis < 0)
        s.rank = 1;
    s.dim[axis < 0 ? 0 : axis] = count;
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

bool tn_lower_compress(tn_program *p, const tn_node *n)
{
    int axis = 0;
    tn_dim extent;
    const tn_expr *at[TN_MAX_RANK];
    if (!read_compressed(p->graph, n, &axis, &extent))
        return false;
    tn_buf *positions = positions_of(p, n, n->in[1], n->out[0]->shape.dim[axis < 0 ? 0 : axis]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    memcpy(at, c->at, sizeof at);
    const tn_expr *from = tn_cast(p, TN_INDEX, tn_load(p, positions, &c->at[axis < 0 ? 0 : axis]));
    tn_buf *x = tn_buf_of(p, n->in[0]);
    if (axis < 0)
        tn_unflatten(p, x->rank, x->dim, from, at);
    else
        at[axis] = from;
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

/* --- NonZero -------------------------------------------------------------------------------------------------------- */

bool tn_infer_non_zero(tn_graph *g, tn_node *n)
{
    tn_value *x = n->in[0];
    tn_shape s = {.known = true, .rank = 2}, declared;
    s.dim[0] = tn_dim_fixed(x->shape.rank);
    if (x->constant != NULL)
        s.dim[1] = find_positions(g->arena, x->constant)->shape.dim[0];
    else if (!tn_find_declared(n, 0, &declared)) {
        if (!tn_found_marks(g, n, 1, x, &s.dim[1]))
            return false;
    } else if (declared.rank != 2 || !tn_dim_same(declared.dim[0], s.dim[0]))
        return tn_node_error(g, n, "the non-zero elements of %s cannot give %s, which the model declares",
                             tn_value_type(g->arena, x), tn_type_text(g->arena, TN_INT64, &declared));
    else
        s.dim[1] = declared.dim[1];
    tn_set_output(n, 0, TN_INT64, &s);
    return true;
}

/* One row of subscripts for each axis of x. */
bool tn_lower_non_zero(tn_program *p, const tn_node *n)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    tn_buf *x = tn_buf_of(p, n->in[0]), *positions = positions_of(p, n, n->in[0], n->out[0]->shape.dim[1]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    if (x->rank == 0)
        return true; /* no rows */
    tn_unflatten(p, x->rank, x->dim, tn_late_index(p, tn_load(p, positions, &c->at[1])), at);
    const tn_expr *e = at[x->rank - 1];
    for (int i = x->rank - 2; i >= 0; i--)
        e = tn_select(p, tn_is(p, c->at[0], tn_index(p, i)), at[i], e);
    tn_comp_set(p, c, e);
    return true;
}
