/* Reductions: ReduceSum and its kin, ArgMax and ArgMin, the pooling of whole channels. See reduce.h.

       ReduceL2(x [2,3]) axes=[1]     for i:  acc = 0;  for r:  acc = acc + x[i,r] * x[i,r];     out[i,0] = sqrt(acc)

   Accumulators have the compute type (float for the 16-bit floats) and the order of the elements is not fixed; integer
   sums and products wrap. A mean of integers is summed in 64 bits and truncates. A reduction of nothing gives what it
   starts from: 0, 1, or the end of the type (an infinity of a float); a mean of nothing is NaN, or 0 of integers. */
#include "ops/reduce.h"

#include <math.h>

#include "ops/late.h"

static tn_dtype compute_of(const tn_value *v)
{
    return tn_dtype_get(v->dtype)->compute;
}

/* --- what the families share -------------------------------------------------------------------------------------- */

tn_shape tn_reduced_shape(const tn_shape *x, const bool *over, bool keep)
{
    tn_shape s = {.known = true};
    for (int i = 0; i < x->rank; i++)
        if (!over[i])
            s.dim[s.rank++] = x->dim[i];
        else if (keep)
            s.dim[s.rank++] = tn_dim_fixed(1);
    return s;
}

tn_buf *tn_reduced_temp(tn_program *p, const char *name, tn_dtype dtype, const tn_shape *x, const bool *over)
{
    tn_shape s = tn_reduced_shape(x, over, true);
    return tn_buf_temp(p, name, dtype, s.rank, s.dim);
}

tn_comp *tn_reduce_begin(tn_program *p, const tn_node *n, tn_buf *out, const tn_shape *x, const bool *over, bool keep,
                         const tn_expr **at)
{
    tn_comp *c = tn_comp_begin(p, n, out);
    int axis = 0; /* of out */
    for (int i = 0; i < x->rank; i++) {
        at[i] = over[i] ? tn_reduce_over(p, c, x->dim[i]) : c->at[axis];
        axis += keep || !over[i];
    }
    return c;
}

const tn_expr *tn_reduce_count(tn_program *p, const tn_shape *x, const bool *over)
{
    const tn_expr *count = tn_index(p, 1);
    for (int i = 0; i < x->rank; i++)
        if (over[i])
            count = tn_mul(p, count, tn_dim_expr(p, x->dim[i]));
    return count;
}

static const tn_expr *end_of_type(tn_program *p, tn_dtype t, bool highest)
{
    const tn_dtype_info *info = tn_dtype_get(t);
    if (info->is_float)
        return tn_number(p, t, highest ? INFINITY : -INFINITY);
    if (t == TN_BOOL)
        return tn_integer(p, t, highest);
    if (!info->is_signed)
        return tn_integer(p, t, highest ? -1 : 0); /* all bits, wrapped to the type */
    int64_t most = (int64_t)(UINT64_MAX >> (65 - info->size * 8));
    return tn_integer(p, t, highest ? most : -most - 1);
}

const tn_expr *tn_reduce_start(tn_program *p, tn_scalar_op op, tn_dtype dtype)
{
    if (op == TN_OP_MIN || op == TN_OP_MAX)
        return end_of_type(p, dtype, op == TN_OP_MIN);
    return tn_number(p, dtype, op == TN_OP_MUL ? 1 : 0);
}

void tn_reduce_extreme(tn_program *p, const tn_node *n, tn_scalar_op op, tn_buf *out, const tn_value *x,
                       const bool *over, bool keep)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    tn_comp *c = tn_reduce_begin(p, n, out, &x->shape, over, keep, at);
    tn_comp_reduce(p, c, op, tn_reduce_start(p, op, compute_of(x)), tn_load(p, tn_buf_of(p, x), at), NULL);
}

const tn_expr *tn_reduce_flat(tn_program *p, const tn_shape *x, const bool *over, const tn_expr *const *at)
{
    const tn_expr *flat = tn_index(p, 0);
    for (int i = 0; i < x->rank; i++)
        if (over[i])
            flat = tn_add(p, tn_mul(p, flat, tn_dim_expr(p, x->dim[i])), at[i]);
    return flat;
}

/* The extreme is NaN exactly where an element is, and then only NaNs are matches. */
void tn_reduce_position(tn_program *p, const tn_node *n, tn_buf *out, const tn_value *x, const bool *over, bool keep,
                        tn_buf *extreme, bool last)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    tn_comp *c = tn_reduce_begin(p, n, out, &x->shape, over, keep, at);
    const tn_expr *e = tn_load(p, tn_buf_of(p, x), at), *best = tn_load(p, extreme, c->at);
    const tn_expr *match = tn_op2(p, TN_OP_EQ, e, best);
    if (tn_dtype_is_float(e->dtype))
        match = tn_op2(p, TN_OP_OR, match, tn_op1(p, TN_OP_ISNAN, e));
    const tn_expr *none = tn_integer(p, TN_INT64, last ? -1 : INT64_MAX);
    const tn_expr *flat = tn_cast(p, TN_INT64, tn_reduce_flat(p, &x->shape, over, at));
    tn_comp_reduce(p, c, last ? TN_OP_MAX : TN_OP_MIN, none, tn_select(p, match, flat, none), NULL);
}

/* --- Reduce* ------------------------------------------------------------------------------------------------------ */

static bool has_axes(const tn_node *n)
{
    return tn_has_input(n, 1) && !(n->in[1]->shape.rank == 1 && tn_dim_is(n->in[1]->shape.dim[0], 0));
}

/* No axes are all axes, or none when noop_with_empty_axes is set. */
static bool read_axes(tn_graph *g, const tn_node *n, bool *over)
{
    int rank = n->in[0]->shape.rank, axes[TN_MAX_RANK] = {0};
    size_t count = 0;
    if (has_axes(n) && !tn_need_axes(g, n, 1, rank, axes, &count))
        return false;
    for (int i = 0; i < rank; i++)
        over[i] = count == 0 && tn_node_int(n, "noop_with_empty_axes", 0) == 0;
    for (size_t k = 0; k < count; k++)
        over[axes[k]] = true;
    return true;
}

static bool keeps_dims(const tn_node *n)
{
    return tn_node_int(n, "keepdims", 1) != 0;
}

/* --- axes that only the run knows */

/* How many elements of x make one of the result. False when nothing shows that it is a whole number. */
static bool late_count(tn_graph *g, const tn_shape *x, const tn_shape *y, tn_dim *out)
{
    *out = tn_dim_fixed(0);
    return tn_shape_count(x) == 0 || tn_shape_count(y) == 0
        || tn_dims_divide(g->arena, x->rank, x->dim, y->rank, y->dim, out);
}

static bool infer_late(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0], *y = n->out[0];
    tn_dim count;
    if (!tn_infer_declared(g, n, 1, "axes"))
        return false;
    int rank = keeps_dims(n) ? x->shape.rank : x->shape.rank - (int)tn_late_count(n->in[1]);
    if (y->shape.rank != rank || !late_count(g, &x->shape, &y->shape, &count))
        return tn_node_error(g, n, "%s cannot be reduced to %s, which the model declares", tn_value_type(g->arena, x),
                             tn_value_type(g->arena, y));
    return true;
}

/* Every axis is one of x, none is given twice, and what they leave of x is the result's shape. */
static void check_late_axes(tn_program *p, const tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    if (!keeps_dims(n)) {
        tn_late_check_axes(p, n, 1, x, y, false);
        return;
    }
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1), *found = tn_int64(p, 0);
    for (int i = 0; i < x->rank; i++) {
        const tn_expr *gone = tn_late_has_axis(p, n->in[1], i, x->rank);
        const tn_expr *dim = tn_select(p, gone, tn_int64(p, 1), tn_late_dim(p, x->dim[i]));
        agrees = tn_and(p, agrees, tn_is(p, tn_late_dim(p, y->dim[i]), dim));
        found = tn_add(p, found, tn_cast(p, TN_INT64, gone));
    }
    tn_late_check(p, n, tn_and(p, agrees, tn_is(p, found, tn_int64(p, tn_late_count(n->in[1])))));
}

/* The reduced positions are counted by one reduction axis, the others by the row-major position in the result; each axis
   of x takes its subscript from the one or the other. */
static tn_comp *begin_late(tn_program *p, const tn_node *n, tn_buf *out, const tn_expr **at)
{
    const tn_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    tn_dim count;
    (void)late_count(p->graph, x, y, &count); /* infer_late has seen to it */
    tn_comp *c = tn_comp_begin(p, n, out);
    const tn_expr *kept = tn_flatten(p, out->rank, out->dim, c->at), *reduced = tn_reduce_over(p, c, count);
    for (int i = x->rank - 1; i >= 0; i--) {
        const tn_expr *gone = tn_late_has_axis(p, n->in[1], i, x->rank), *dim = tn_dim_expr(p, x->dim[i]);
        const tn_expr *flat = tn_select(p, gone, reduced, kept);
        const tn_expr *rest = tn_op2(p, TN_OP_FDIV, flat, dim);
        at[i] = tn_op2(p, TN_OP_MOD, flat, dim);
        reduced = tn_select(p, gone, rest, reduced);
        kept = tn_select(p, gone, kept, rest);
    }
    return c;
}

/* What a Reduce* node reduces: axes known to the compiler, or to the run. */
typedef struct reduction {
    bool late, keep;
    bool over[TN_MAX_RANK]; /* not late */
} reduction;

/* Late axes get their check here: call it once for a node. */
static bool read_reduction(tn_program *p, const tn_node *n, reduction *r)
{
    *r = (reduction){.late = has_axes(n) && !tn_is_early(p->graph, n, 1), .keep = keeps_dims(n)};
    if (r->late)
        check_late_axes(p, n);
    return r->late || read_axes(p->graph, n, r->over);
}

static tn_comp *begin_reduction(tn_program *p, const tn_node *n, const reduction *r, tn_buf *out, const tn_expr **at)
{
    return r->late ? begin_late(p, n, out, at) : tn_reduce_begin(p, n, out, &n->in[0]->shape, r->over, r->keep, at);
}

static const tn_expr *count_reduced(tn_program *p, const tn_node *n, const reduction *r)
{
    tn_dim count;
    if (!r->late)
        return tn_reduce_count(p, &n->in[0]->shape, r->over);
    (void)late_count(p->graph, &n->in[0]->shape, &n->out[0]->shape, &count);
    return tn_dim_expr(p, count);
}

/* --- the operators */

bool tn_infer_reduce(tn_graph *g, tn_node *n)
{
    bool over[TN_MAX_RANK] = {false};
    if (has_axes(n) && !tn_is_early(g, n, 1))
        return infer_late(g, n);
    if (!read_axes(g, n, over))
        return false;
    tn_shape s = tn_reduced_shape(&n->in[0]->shape, over, keeps_dims(n));
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

typedef const tn_expr *map_fn(tn_program *p, const tn_expr *x);

static const tn_expr *itself(tn_program *p, const tn_expr *x)
{
    (void)p;
    return x;
}

static const tn_expr *absolute(tn_program *p, const tn_expr *x)
{
    return tn_dtype_get(x->dtype)->is_signed ? tn_op1(p, TN_OP_ABS, x) : x;
}

static const tn_expr *square(tn_program *p, const tn_expr *x)
{
    return tn_mul(p, x, x);
}

/* Of an integer in double; storing truncates. */
static tn_dtype real_type(tn_dtype t)
{
    return tn_dtype_is_float(t) ? t : TN_DOUBLE;
}

static const tn_expr *root(tn_program *p, const tn_expr *x)
{
    return tn_op1(p, TN_OP_SQRT, tn_cast(p, real_type(x->dtype), x));
}

static const tn_expr *logarithm(tn_program *p, const tn_expr *x)
{
    return tn_op1(p, TN_OP_LOG, tn_cast(p, real_type(x->dtype), x));
}

/* finish(each(x0) op each(x1) op ...) */
static bool lower_reduce(tn_program *p, const tn_node *n, tn_scalar_op op, map_fn *each, map_fn *finish)
{
    reduction r;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *x = n->in[0];
    if (!read_reduction(p, n, &r))
        return false;
    tn_comp *c = begin_reduction(p, n, &r, tn_buf_of(p, n->out[0]), at);
    const tn_expr *e = each(p, tn_load(p, tn_buf_of(p, x), at)), *acc = tn_comp_acc(p, c, e->dtype);
    tn_comp_reduce(p, c, op, tn_reduce_start(p, op, e->dtype), e, finish(p, acc));
    return true;
}

#define REDUCTION(name, op, each, finish) \
    bool tn_lower_reduce_##name(tn_program *p, const tn_node *n) \
    { \
        return lower_reduce(p, n, TN_OP_##op, each, finish); \
    }
REDUCTION(l1, ADD, absolute, itself)
REDUCTION(l2, ADD, square, root)
REDUCTION(log_sum, ADD, itself, logarithm)
REDUCTION(max, MAX, itself, itself)
REDUCTION(min, MIN, itself, itself)
REDUCTION(prod, MUL, itself, itself)
REDUCTION(sum, ADD, itself, itself)
REDUCTION(sum_square, ADD, square, itself)
#undef REDUCTION

/* The sum over the axes, divided by how many there are. */
static void lower_mean(tn_program *p, const tn_node *n, const reduction *r)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *x = n->in[0];
    tn_dtype t = compute_of(x);
    tn_comp *c = begin_reduction(p, n, r, tn_buf_of(p, n->out[0]), at);
    if (!tn_dtype_is_float(t) && t != TN_UINT64)
        t = TN_INT64;
    const tn_expr *e = tn_cast(p, t, tn_load(p, tn_buf_of(p, x), at)), *acc = tn_comp_acc(p, c, t);
    const tn_expr *count = tn_cast(p, t, count_reduced(p, n, r));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, t, 0), e, tn_div(p, acc, count));
}

bool tn_lower_reduce_mean(tn_program *p, const tn_node *n)
{
    reduction r;
    if (!read_reduction(p, n, &r))
        return false;
    lower_mean(p, n, &r);
    return true;
}

/* max + log(sum(exp(x - max))): no exp overflows. An infinite maximum is left out, since inf - inf is NaN. */
bool tn_lower_reduce_log_sum_exp(tn_program *p, const tn_node *n)
{
    reduction r;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *x = n->in[0], *y = n->out[0];
    tn_dtype t = real_type(compute_of(x));
    if (!read_reduction(p, n, &r))
        return false;
    tn_buf *largest = tn_buf_temp(p, "largest", t, y->shape.rank, y->shape.dim);
    tn_comp *c = begin_reduction(p, n, &r, largest, at);
    tn_comp_reduce(p, c, TN_OP_MAX, tn_reduce_start(p, TN_OP_MAX, t), tn_cast(p, t, tn_load(p, tn_buf_of(p, x), at)),
                   NULL);
    c = begin_reduction(p, n, &r, tn_buf_of(p, y), at);
    const tn_expr *zero = tn_number(p, t, 0), *most = tn_load(p, largest, c->at);
    const tn_expr *shift = tn_select(p, tn_op1(p, TN_OP_ISINF, most), zero, most);
    const tn_expr *e = tn_op1(p, TN_OP_EXP, tn_sub(p, tn_cast(p, t, tn_load(p, tn_buf_of(p, x), at)), shift));
    const tn_expr *acc = tn_comp_acc(p, c, t);
    tn_comp_reduce(p, c, TN_OP_ADD, zero, e, tn_add(p, tn_op1(p, TN_OP_LOG, acc), shift));
    return true;
}

/* --- ArgMax, ArgMin ----------------------------------------------------------------------------------------------- */

static bool read_axis(tn_graph *g, const tn_node *n, bool *over)
{
    int axis = 0;
    if (!tn_node_axis(g, n, tn_node_int(n, "axis", 0), n->in[0]->shape.rank, &axis))
        return false;
    over[axis] = true;
    if (tn_dim_is(n->in[0]->shape.dim[axis], 0))
        return tn_node_error(g, n, "axis %d of '%s' has no elements to choose from", axis, n->in[0]->name);
    return true;
}

bool tn_infer_arg(tn_graph *g, tn_node *n)
{
    bool over[TN_MAX_RANK] = {false};
    if (!read_axis(g, n, over))
        return false;
    tn_shape s = tn_reduced_shape(&n->in[0]->shape, over, keeps_dims(n));
    tn_set_output(n, 0, TN_INT64, &s);
    return true;
}

/* The extreme first, then its position. */
static bool lower_arg(tn_program *p, const tn_node *n, tn_scalar_op op)
{
    bool over[TN_MAX_RANK] = {false}, keep = keeps_dims(n), last = tn_node_int(n, "select_last_index", 0) != 0;
    const tn_value *x = n->in[0];
    if (!read_axis(p->graph, n, over))
        return false;
    tn_shape s = tn_reduced_shape(&x->shape, over, keep);
    tn_buf *extreme = tn_buf_temp(p, "extreme", compute_of(x), s.rank, s.dim);
    tn_reduce_extreme(p, n, op, extreme, x, over, keep);
    tn_reduce_position(p, n, tn_buf_of(p, n->out[0]), x, over, keep, extreme, last);
    return true;
}

bool tn_lower_arg_max(tn_program *p, const tn_node *n)
{
    return lower_arg(p, n, TN_OP_MAX);
}

bool tn_lower_arg_min(tn_program *p, const tn_node *n)
{
    return lower_arg(p, n, TN_OP_MIN);
}

/* --- pooling of whole channels ------------------------------------------------------------------------------------ */

static const bool spatial[TN_MAX_RANK] = {false, false, true, true, true, true, true, true};

bool tn_infer_global_pool(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0];
    if (x->shape.rank < 2)
        return tn_node_error(g, n, "input '%s' is %s; a batch and channels are wanted", x->name,
                             tn_value_type(g->arena, x));
    tn_shape s = tn_reduced_shape(&x->shape, spatial, true);
    tn_set_output(n, 0, x->dtype, &s);
    return true;
}

bool tn_lower_global_average_pool(tn_program *p, const tn_node *n)
{
    reduction r = {.keep = true};
    memcpy(r.over, spatial, sizeof spatial);
    lower_mean(p, n, &r);
    return true;
}

bool tn_lower_global_max_pool(tn_program *p, const tn_node *n)
{
    tn_reduce_extreme(p, n, TN_OP_MAX, tn_buf_of(p, n->out[0]), n->in[0], spatial, true);
    return true;
}

bool tn_infer_global_lp_pool(tn_graph *g, tn_node *n)
{
    int64_t norm = tn_node_int(n, "p", 2);
    if (norm < 1)
        return tn_node_error(g, n, "p is %lld; at least 1 is wanted", (long long)norm);
    return tn_infer_global_pool(g, n);
}

/* (sum of |x|^p)^(1/p), without powers for p 1 and 2. */
bool tn_lower_global_lp_pool(tn_program *p, const tn_node *n)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *x = n->in[0];
    double norm = (double)tn_node_int(n, "p", 2);
    tn_comp *c = tn_reduce_begin(p, n, tn_buf_of(p, n->out[0]), &x->shape, spatial, true, at);
    const tn_expr *e = tn_load(p, tn_buf_of(p, x), at), *acc = tn_comp_acc(p, c, e->dtype), *post = acc;
    if (norm == 1) {
        e = absolute(p, e);
    } else if (norm == 2) {
        e = square(p, e);
        post = root(p, acc);
    } else {
        e = tn_op2(p, TN_OP_POW, absolute(p, e), tn_number(p, e->dtype, norm));
        post = tn_op2(p, TN_OP_POW, acc, tn_number(p, e->dtype, 1 / norm));
    }
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, e->dtype, 0), e, post);
    return true;
}
