/* Pooling: MaxPool, AveragePool, LpPool and MaxUnpool, any number of spatial dims.

       MaxPool       axes n c oy ox   reduce ky kx   max of load?(x, [n, c, oy*s+ky*d-p, ...], lowest)
       AveragePool   the same, sum of load?(x, [...], 0), divided by how many elements the window covers

   Padding never wins a maximum; a NaN does. Sums are kept in the compute type (float for the 16-bit floats). */
#include <math.h>

#include "ops/late.h"
#include "ops/ops.h"
#include "ops/window.h"

bool tn_pool_window(tn_graph *g, const tn_node *n, tn_window *w)
{
    const tn_value *x = n->in[0];
    if (x->shape.rank < 3)
        return tn_node_error(g, n, "input '%s' is %s; a batch, channels and at least one spatial dim are wanted",
                             x->name, tn_value_type(g->arena, x));
    bool ceil = tn_node_int(n, "ceil_mode", 0) != 0;
    return tn_window_make(g, n, &x->shape, 2, x->shape.rank - 2, NULL, ceil, w);
}

tn_comp *tn_pool_begin(tn_program *p, const tn_node *n, tn_buf *out, const tn_window *w, const tn_expr **at)
{
    tn_comp *c = tn_comp_begin(p, n, out);
    at[0] = c->at[0];
    at[1] = c->at[1];
    tn_window_taps(p, c, w, at, NULL);
    return c;
}

bool tn_infer_pool(tn_graph *g, tn_node *n)
{
    tn_window w;
    tn_shape y = n->in[0]->shape;
    if (!tn_pool_window(g, n, &w))
        return false;
    tn_window_shape(&w, &y);
    tn_set_output(n, 0, n->in[0]->dtype, &y);
    tn_set_output(n, 1, TN_INT64, &y); /* MaxPool's indices */
    return true;
}

/* --- maximum ------------------------------------------------------------------------------------------------------ */

static const tn_expr *lowest(tn_program *p, tn_dtype t)
{
    const tn_dtype_info *info = tn_dtype_get(t);
    if (info->is_float)
        return tn_number(p, t, -INFINITY);
    return tn_integer(p, t, info->is_signed ? -(int64_t)(UINT64_C(1) << (info->size * 8 - 2)) * 2 : 0);
}

/* Row-major position over the whole input; with columns, the spatial dims are counted column by column. */
static const tn_expr *flat_position(tn_program *p, const tn_buf *x, const tn_expr *const *at, bool columns)
{
    if (!columns)
        return tn_flatten(p, x->rank, x->dim, at);
    const tn_expr *flat = tn_flatten(p, 2, x->dim, at);
    for (int i = 2; i < x->rank; i++)
        flat = tn_mul(p, flat, x->dim[i]);
    const tn_expr *inner = at[x->rank - 1];
    for (int i = x->rank - 2; i >= 2; i--)
        inner = tn_add(p, tn_mul(p, inner, x->dim[i]), at[i]);
    return tn_add(p, flat, inner);
}

/* The first element in row-major order that equals the maximum y, found as the smallest position of those not below
   it. Not below: so a NaN maximum finds a position, too. */
static void lower_indices(tn_program *p, const tn_node *n, const tn_window *w, tn_buf *x, tn_buf *y)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    tn_buf *out = tn_buf_of(p, n->out[1]);
    tn_comp *c = tn_pool_begin(p, n, out, w, at);
    const tn_expr *none = tn_integer(p, TN_INT64, INT64_MAX);
    const tn_expr *flat = tn_cast(p, TN_INT64, flat_position(p, x, at, false));
    const tn_expr *below = tn_lt(p, tn_load(p, x, at), tn_load(p, y, c->at));
    const tn_expr *e = tn_select(p, tn_window_inside(p, w, x, at), tn_select(p, below, none, flat), none);
    const tn_expr *acc = tn_comp_acc(p, c, TN_INT64), *post = acc;
    if (tn_node_int(n, "storage_order", 0) == 1) {
        const tn_expr *found[TN_MAX_RANK] = {NULL};
        tn_unflatten(p, x->rank, x->dim, tn_cast(p, TN_INDEX, acc), found);
        post = tn_cast(p, TN_INT64, flat_position(p, x, found, true));
    }
    tn_comp_reduce(p, c, TN_OP_MIN, none, e, post);
}

bool tn_lower_max_pool(tn_program *p, const tn_node *n)
{
    tn_window w;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *v = n->in[0];
    if (!tn_pool_window(p->graph, n, &w))
        return false;
    bool indices = n->n_out > 1 && n->out[1] != NULL;
    tn_shape s = v->shape;
    tn_window_shape(&w, &s);
    tn_buf *x = tn_buf_of(p, v);
    tn_buf *y = n->out[0] != NULL ? tn_buf_of(p, n->out[0]) : tn_buf_temp(p, "largest", v->dtype, s.rank, s.dim);
    tn_comp *c = tn_pool_begin(p, n, y, &w, at);
    const tn_expr *low = lowest(p, tn_dtype_get(v->dtype)->compute);
    tn_comp_reduce(p, c, TN_OP_MAX, low, tn_load_or(p, x, at, low), NULL);
    if (indices)
        lower_indices(p, n, &w, x, y);
    return true;
}

/* --- average and norm --------------------------------------------------------------------------------------------- */

/* count_include_pad counts padding, but not what ceil_mode lets the window reach beyond it. A window over padding
   alone gives 0. */
bool tn_lower_average_pool(tn_program *p, const tn_node *n)
{
    tn_window w;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (!tn_pool_window(p->graph, n, &w))
        return false;
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_pool_begin(p, n, tn_buf_of(p, n->out[0]), &w, at);
    tn_dtype dt = tn_dtype_get(x->dtype)->compute;
    const tn_expr *count = tn_window_count(p, c, &w, x, tn_node_int(n, "count_include_pad", 0) != 0);
    const tn_expr *zero = tn_number(p, dt, 0), *acc = tn_comp_acc(p, c, dt);
    tn_comp_reduce(p, c, TN_OP_ADD, zero, tn_load_or(p, x, at, zero), tn_div(p, acc, tn_cast(p, dt, count)));
    return true;
}

bool tn_infer_lp_pool(tn_graph *g, tn_node *n)
{
    int64_t norm = tn_node_int(n, "p", 2);
    if (norm < 1)
        return tn_node_error(g, n, "p is %lld; at least 1 is wanted", (long long)norm);
    return tn_infer_pool(g, n);
}

/* (sum of |x|^p)^(1/p), without powers for p 1 and 2. */
bool tn_lower_lp_pool(tn_program *p, const tn_node *n)
{
    tn_window w;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    int64_t norm = tn_node_int(n, "p", 2);
    if (!tn_pool_window(p->graph, n, &w))
        return false;
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_pool_begin(p, n, tn_buf_of(p, n->out[0]), &w, at);
    tn_dtype dt = tn_dtype_get(x->dtype)->compute;
    const tn_expr *zero = tn_number(p, dt, 0), *acc = tn_comp_acc(p, c, dt), *post = acc;
    const tn_expr *e = tn_load_or(p, x, at, zero);
    if (norm == 2) {
        e = tn_mul(p, e, e);
        post = tn_op1(p, TN_OP_SQRT, acc);
    } else {
        e = tn_op1(p, TN_OP_ABS, e);
    }
    if (norm > 2) {
        e = tn_op2(p, TN_OP_POW, e, tn_number(p, dt, (double)norm));
        post = tn_op2(p, TN_OP_POW, acc, tn_number(p, dt, 1.0 / (double)norm));
    }
    tn_comp_reduce(p, c, TN_OP_ADD, zero, e, post);
    return true;
}

/* --- MaxUnpool ---------------------------------------------------------------------------------------------------- */

/* What MaxPool with these attributes had as input, as far as can be told: (in - 1) * stride + kernel - padding. The
   indices count in a tensor of this shape, whatever output_shape says. */
static bool unpooled_shape(tn_graph *g, const tn_node *n, tn_shape *out)
{
    tn_window w;
    tn_shape s = n->in[0]->shape;
    int64_t pads[2 * TN_MAX_SPATIAL] = {0};
    int same = -1;
    if (s.rank < 3)
        return tn_node_error(g, n, "input '%s' has rank %d; at least 3 is wanted", n->in[0]->name, s.rank);
    if (!tn_window_read(g, n, 2, s.rank - 2, NULL, &w, pads, &same))
        return false;
    for (int i = 0; i < w.rank; i++) {
        tn_dim steps = tn_dim_do(g->arena, TN_SYM_MUL, s.dim[2 + i], tn_dim_fixed(w.stride[i]));
        int64_t rest = w.kernel[i] - w.stride[i] - pads[i] - pads[i + w.rank];
        s.dim[2 + i] = tn_dim_do(g->arena, TN_SYM_ADD, steps, tn_dim_fixed(rest));
        if (s.dim[2 + i].n < 0)
            return tn_node_error(g, n, "the padding leaves %lld elements in spatial dim %d", (long long)s.dim[2 + i].n,
                                 i);
    }
    *out = s;
    return true;
}

bool tn_infer_max_unpool(tn_graph *g, tn_node *n)
{
    tn_shape s;
    if (!unpooled_shape(g, n, &s))
        return false;
    if (n->in[1]->dtype != TN_INT64 || !tn_shape_equal(&n->in[1]->shape, &n->in[0]->shape))
        return tn_node_error(g, n, "the indices '%s' are %s; int64 and the input's shape are wanted", n->in[1]->name,
                             tn_value_type(g->arena, n->in[1]));
    if (tn_has_input(n, 2)) {
        tn_shape given;
        if (!tn_find_shape(g, n, 2, "output_shape", &given))
            return false;
        if (given.rank != s.rank)
            return tn_node_error(g, n, "output_shape has %d elements; %d are wanted", given.rank, s.rank);
        s = given;
    }
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* Zeros, then each element to its place, the later one winning; an index out of bounds writes what is there. */
bool tn_lower_max_unpool(tn_program *p, const tn_node *n)
{
    tn_shape s;
    const tn_expr *dim[TN_MAX_RANK] = {NULL}, *in_at[TN_MAX_RANK] = {NULL};
    if (!unpooled_shape(p->graph, n, &s))
        return false;
    tn_buf *x = tn_buf_of(p, n->in[0]), *out = tn_buf_of(p, n->out[0]);
    tn_dtype dt = tn_dtype_get(x->dtype)->compute;
    if (tn_has_input(n, 2))
        tn_late_check_dims(p, n, 2, out->rank, n->out[0]->shape.dim);
    tn_comp_set(p, tn_comp_begin(p, n, out), tn_number(p, dt, 0));
    for (int i = 0; i < s.rank; i++)
        if (tn_dim_is(n->out[0]->shape.dim[i], 0))
            return true;
    tn_comp *c = tn_comp_over(p, n, out, x->rank, n->in[0]->shape.dim);
    for (int i = 0; i < s.rank; i++) {
        dim[i] = tn_dim_expr(p, s.dim[i]);
        in_at[i] = tn_axis_var(p, c, i);
    }
    const tn_expr *flat = tn_cast(p, TN_INDEX, tn_load(p, tn_buf_of(p, n->in[1]), in_at));
    tn_unflatten(p, s.rank, dim, flat, c->at);
    const tn_expr *inside = tn_integer(p, TN_BOOL, 1), *zero = tn_index(p, 0);
    for (int i = 0; i < s.rank; i++) {
        inside = tn_and(p, inside, tn_and(p, tn_le(p, zero, c->at[i]), tn_lt(p, c->at[i], out->dim[i])));
        c->at[i] = tn_max(p, tn_min(p, c->at[i], tn_sub(p, out->dim[i], tn_index(p, 1))), zero);
    }
    c->serial = true;
    tn_comp_set(p, c, tn_select(p, inside, tn_load(p, x, in_at), tn_load(p, out, c->at)));
    return true;
}
