/* Positions. See index.h. The last part of the file has the operators whose elements follow from their position alone:

       Range(2, 11, 3)         out[i] = 2 + i * 3                              2 5 8
       OneHot([1, 3], 4)       out[i,j] = select(index[i] == j, on, off) */
#include "ops/late.h"

#include <math.h>

/* --- dims --------------------------------------------------------------------------------------------------------- */

int64_t tn_dim_low(tn_dim d)
{
    return d.sym != NULL ? d.sym->lo : d.n;
}

tn_dim tn_dim_least(tn_arena *a, tn_dim x, tn_dim y)
{
    if (x.n <= tn_dim_low(y))
        return x;
    if (y.n <= tn_dim_low(x))
        return y;
    return x.sym == NULL ? tn_dim_do(a, TN_SYM_MIN, y, x) : tn_dim_do(a, TN_SYM_MIN, x, y);
}

tn_dim tn_dim_most(tn_arena *a, tn_dim x, tn_dim y)
{
    if (tn_dim_low(x) >= y.n)
        return x;
    if (tn_dim_low(y) >= x.n)
        return y;
    return x.sym == NULL ? tn_dim_do(a, TN_SYM_MAX, y, x) : tn_dim_do(a, TN_SYM_MAX, x, y);
}

/* A product taken apart: a number and the terms that are no products themselves. */
enum { MAX_FACTORS = 64 };
typedef struct factors {
    tn_dim number;
    int n;
    tn_dim term[MAX_FACTORS];
} factors;

static bool add_factor(tn_arena *a, factors *f, tn_dim d)
{
    if (d.sym == NULL)
        f->number = tn_dim_do(a, TN_SYM_MUL, f->number, d);
    else if (d.sym->kind == TN_SYM_MUL)
        return add_factor(a, f, d.sym->a) && add_factor(a, f, d.sym->b);
    else if (f->n == MAX_FACTORS)
        return false;
    else
        f->term[f->n++] = d;
    return true;
}

/* False when there are too many factors. */
static bool take_apart(tn_arena *a, int n, const tn_dim *d, factors *f)
{
    *f = (factors){.number = tn_dim_fixed(1)};
    for (int i = 0; i < n; i++)
        if (!add_factor(a, f, d[i]))
            return false;
    return true;
}

static tn_dim multiply(tn_arena *a, int n, const tn_dim *d)
{
    tn_dim product = n > 0 ? d[0] : tn_dim_fixed(1);
    for (int i = 1; i < n; i++)
        product = tn_dim_do(a, TN_SYM_MUL, product, d[i]);
    return product;
}

static tn_dim put_together(tn_arena *a, const factors *f)
{
    return f->n == 0 ? f->number : tn_dim_do(a, TN_SYM_MUL, multiply(a, f->n, f->term), f->number);
}

tn_dim tn_dim_product(tn_arena *a, int n, const tn_dim *d)
{
    factors f;
    return take_apart(a, n, d, &f) ? put_together(a, &f) : multiply(a, n, d);
}

static bool drop_factor(factors *f, tn_dim d)
{
    for (int i = 0; i < f->n; i++)
        if (tn_dim_same(f->term[i], d)) {
            memmove(&f->term[i], &f->term[i + 1], sizeof *f->term * (size_t)(--f->n - i));
            return true;
        }
    return false;
}

bool tn_dims_divide(tn_arena *a, int nx, const tn_dim *x, int ny, const tn_dim *y, tn_dim *out)
{
    factors fx, fy;
    if (!take_apart(a, nx, x, &fx) || !take_apart(a, ny, y, &fy) || fy.number.n == 0 || fx.number.n % fy.number.n != 0)
        return false;
    for (int i = 0; i < fy.n; i++)
        if (fx.number.n != 0 && !drop_factor(&fx, fy.term[i]))
            return false;
    fx.number = tn_dim_fixed(fx.number.n / fy.number.n);
    *out = put_together(a, &fx);
    return true;
}

/* --- inputs that hold sizes, axes and indices --------------------------------------------------------------------- */

static bool is_index_type(tn_dtype t)
{
    return t == TN_INT32 || t == TN_INT64;
}

const tn_dim *tn_value_dims(tn_graph *g, const tn_value *v, size_t *count)
{
    if (!is_index_type(v->dtype) || (v->constant == NULL && (v->elems == NULL || !tn_shape_is_fixed(&v->shape))))
        return NULL;
    *count = (size_t)tn_shape_count(&v->shape);
    if (v->constant == NULL)
        return v->elems;
    tn_dim *d = TN_NEW_N(g->arena, tn_dim, *count + 1); /* never empty: NULL means unknown */
    for (size_t i = 0; i < *count; i++)
        d[i] = tn_dim_fixed(tn_tensor_get_int(v->constant, (int64_t)i));
    return d;
}

const tn_dim *tn_need_dims(tn_graph *g, const tn_node *n, int i, const char *what, size_t *count)
{
    const tn_value *v = n->in[i];
    if (!is_index_type(v->dtype) || v->shape.rank > 1) {
        tn_node_error(g, n, "%s (input %d) is %s; int64 of rank 1 is wanted", what, i, tn_value_type(g->arena, v));
        return NULL;
    }
    const tn_dim *d = tn_value_dims(g, v, count);
    if (d == NULL)
        tn_node_error(g, n, "%s (input %d) must be known at compile time; '%s' depends on the data", what, i, v->name);
    return d;
}

bool tn_need_axes(tn_graph *g, const tn_node *n, int i, int rank, int *axes, size_t *count)
{
    bool seen[TN_MAX_RANK] = {false};
    const tn_dim *d = tn_need_dims(g, n, i, "axes", count);
    if (d == NULL)
        return false;
    if (*count > (size_t)rank)
        return tn_node_error(g, n, "%zu axes are given for rank %d", *count, rank);
    for (size_t k = 0; k < *count; k++) {
        if (d[k].sym != NULL)
            return tn_node_error(g, n, "axis %s is not a number", tn_dim_text(g->arena, d[k]));
        if (!tn_node_axis(g, n, d[k].n, rank, &axes[k]))
            return false;
        if (seen[axes[k]])
            return tn_node_error(g, n, "axis %d is given twice", axes[k]);
        seen[axes[k]] = true;
    }
    return true;
}

bool tn_need_shape(tn_graph *g, const tn_node *n, int i, tn_shape *out)
{
    size_t count = 0;
    const tn_dim *d = tn_need_dims(g, n, i, "shape", &count);
    if (d == NULL)
        return false;
    if (count > TN_MAX_RANK)
        return tn_node_error(g, n, "the shape has %zu dims; at most %d are supported", count, TN_MAX_RANK);
    *out = (tn_shape){.known = true, .rank = (int)count};
    for (size_t k = 0; k < count; k++) {
        if (tn_dim_low(d[k]) < 0)
            return tn_node_error(g, n, "dim %zu of the shape is %s; it must not be negative", k,
                                 tn_dim_text(g->arena, d[k]));
        out->dim[k] = d[k];
    }
    return true;
}

/* Least and greatest element of a constant; false when it is none or is empty. */
static bool index_bounds(const tn_value *v, int64_t *lo, int64_t *hi)
{
    int64_t count = tn_shape_count(&v->shape);
    if (v->constant == NULL || count == 0)
        return false;
    *lo = *hi = tn_tensor_get_int(v->constant, 0);
    for (int64_t i = 1; i < count; i++) {
        int64_t x = tn_tensor_get_int(v->constant, i);
        *lo = x < *lo ? x : *lo;
        *hi = x > *hi ? x : *hi;
    }
    return true;
}

bool tn_check_indices(tn_graph *g, const tn_node *n, int i, tn_dim extent)
{
    int64_t lo = 0, hi = 0;
    const tn_value *v = n->in[i];
    if (!is_index_type(v->dtype))
        return tn_node_error(g, n, "the indices '%s' are %s; int32 or int64 is wanted", v->name,
                             tn_dtype_get(v->dtype)->name);
    if (tn_dim_is(extent, 0) && tn_shape_count(&v->shape) > 0)
        return tn_node_error(g, n, "the indices '%s' point into an axis of extent 0", v->name);
    if (index_bounds(v, &lo, &hi) && (lo < -extent.n || hi >= extent.n))
        return tn_node_error(g, n, "index %lld of '%s' is outside -%lld..%lld", (long long)(hi >= extent.n ? hi : lo),
                             v->name, (long long)extent.n, (long long)extent.n - 1);
    return true;
}

const tn_expr *tn_load_index(tn_program *p, const tn_value *v, const tn_expr *const *at, tn_dim extent)
{
    int64_t lo = INT64_MIN, hi = INT64_MAX;
    const tn_expr *i = tn_cast(p, TN_INDEX, tn_load(p, tn_buf_of(p, v), at));
    const tn_expr *zero = tn_index(p, 0), *size = tn_dim_expr(p, extent);
    index_bounds(v, &lo, &hi);
    if (lo < 0)
        i = tn_select(p, tn_lt(p, i, zero), tn_add(p, i, size), i);
    if (lo < -tn_dim_low(extent) || hi >= tn_dim_low(extent))
        i = tn_max(p, tn_min(p, i, tn_sub(p, size, tn_index(p, 1))), zero);
    return i;
}

const tn_expr *tn_load_stored(tn_program *p, const tn_value *v, const tn_expr *const *at)
{
    return tn_load_raw(p, tn_buf_of(p, v), v->shape.rank, at);
}

/* --- slices ------------------------------------------------------------------------------------------------------- */

/* A negative position counts from the end. Where nothing shows the sign, the position is not supported. */
static bool from_end(tn_graph *g, const tn_node *n, tn_dim pos, tn_dim extent, tn_dim *out)
{
    if (pos.n >= 0 && tn_dim_low(pos) < 0)
        return tn_node_error(g, n, "position %s may be negative or not; that is not supported with a symbolic dim",
                             tn_dim_text(g->arena, pos));
    *out = pos.n < 0 ? tn_dim_do(g->arena, TN_SYM_ADD, extent, pos) : pos;
    return true;
}

/* Starts and ends are moved into the axis as ONNX says; a limit that cannot change the count is left out. */
static bool make_slice(tn_graph *g, const tn_node *n, tn_dim start, tn_dim end, int64_t step, tn_dim extent,
                       tn_slice *out)
{
    tn_arena *a = g->arena;
    if (step == 0)
        return tn_node_error(g, n, "a step is 0");
    if (!from_end(g, n, start, extent, &start) || !from_end(g, n, end, extent, &end))
        return false;
    tn_dim length, zero = tn_dim_fixed(0);
    if (step > 0) {
        start = tn_dim_most(a, start, zero);
        length = tn_dim_do(a, TN_SYM_SUB, tn_dim_least(a, end, extent), start);
    } else {
        start = tn_dim_least(a, tn_dim_most(a, start, zero), tn_dim_do(a, TN_SYM_ADD, extent, tn_dim_fixed(-1)));
        length = tn_dim_do(a, TN_SYM_SUB, start, tn_dim_most(a, end, tn_dim_fixed(-1)));
    }
    tn_dim stride = tn_dim_fixed(step < -TN_DIM_MAX ? TN_DIM_MAX : step < 0 ? -step : step);
    length = tn_dim_do(a, TN_SYM_ADD, length, tn_dim_fixed(stride.n - 1));
    out->start = start;
    out->count = tn_dim_most(a, tn_dim_do(a, TN_SYM_DIV, length, stride), zero);
    out->step = step < 0 ? -stride.n : stride.n;
    return true;
}

bool tn_slices_make(tn_graph *g, const tn_node *n, tn_slice *out)
{
    const tn_shape *x = &n->in[0]->shape;
    int axes[TN_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    size_t n_start = 0, n_end = 0, n_axes = 0, n_step = 0;
    const tn_dim *start = tn_need_dims(g, n, 1, "starts", &n_start);
    const tn_dim *end = start != NULL ? tn_need_dims(g, n, 2, "ends", &n_end) : NULL, *step = NULL;
    if (end == NULL)
        return false;
    n_axes = n_step = n_start;
    if (tn_has_input(n, 3) && !tn_need_axes(g, n, 3, x->rank, axes, &n_axes))
        return false;
    if (tn_has_input(n, 4) && (step = tn_need_dims(g, n, 4, "steps", &n_step)) == NULL)
        return false;
    if (n_start > (size_t)x->rank || n_end != n_start || n_axes != n_start || n_step != n_start)
        return tn_node_error(g, n,
                             "%zu starts, %zu ends, %zu axes and %zu steps for rank %d; one of each is wanted "
                             "for every sliced axis",
                             n_start, n_end, n_axes, n_step, x->rank);
    for (int i = 0; i < x->rank; i++)
        out[i] = (tn_slice){.start = tn_dim_fixed(0), .count = x->dim[i], .step = 1};
    for (size_t i = 0; i < n_start; i++) {
        if (step != NULL && step[i].sym != NULL)
            return tn_node_error(g, n, "a step is not supported with a symbolic dim");
        if (!make_slice(g, n, start[i], end[i], step != NULL ? step[i].n : 1, x->dim[axes[i]], &out[axes[i]]))
            return false;
    }
    return true;
}

/* --- elements that follow from their position --------------------------------------------------------------------- */

static bool is_supported(int64_t dtype)
{
    return dtype > 0 && dtype < TN_INDEX && (TN_T_ANY >> dtype & 1u) != 0;
}

static bool is_single(const tn_value *v)
{
    return v->shape.rank == 0 || (v->shape.rank == 1 && tn_dim_is(v->shape.dim[0], 1));
}

/* A scalar input, given with rank 0 or as one element. */
static const tn_expr *load_single(tn_program *p, const tn_value *v)
{
    const tn_expr *at[TN_MAX_RANK] = {tn_index(p, 0)};
    return tn_load(p, tn_buf_of(p, v), at);
}

/* --- ConstantOfShape, EyeLike ------------------------------------------------------------------------------------- */

bool tn_infer_constant_of_shape(tn_graph *g, tn_node *n)
{
    tn_shape s;
    const tn_attr *value = tn_node_find_attr(n, "value");
    if (value != NULL
        && (value->kind != TN_ATTR_TENSOR || value->tensor == NULL || tn_shape_count(&value->tensor->shape) != 1
            || !is_supported(value->tensor->dtype)))
        return tn_node_error(g, n, "value must be a tensor of one number");
    if (!tn_find_shape(g, n, 0, "shape", &s))
        return false;
    tn_set_output(n, 0, value != NULL ? value->tensor->dtype : TN_FLOAT, &s);
    return true;
}

bool tn_lower_constant_of_shape(tn_program *p, const tn_node *n)
{
    const tn_attr *value = tn_node_find_attr(n, "value");
    tn_dtype t = tn_dtype_get(n->out[0]->dtype)->compute;
    const tn_expr *e = tn_number(p, t, 0);
    tn_late_check_dims(p, n, 0, n->out[0]->shape.rank, n->out[0]->shape.dim);
    if (value != NULL)
        e = tn_dtype_get(t)->is_float ? tn_number(p, t, tn_tensor_get(value->tensor, 0))
                                      : tn_integer(p, t, tn_tensor_get_int(value->tensor, 0));
    tn_comp_set(p, tn_comp_begin(p, n, tn_buf_of(p, n->out[0])), e);
    return true;
}

/* The diagonal beyond which no tensor has elements stands for all farther ones, so that sums do not overflow. */
static int64_t clamp_diagonal(int64_t k)
{
    return k > TN_DIM_MAX ? TN_DIM_MAX : k < -TN_DIM_MAX ? -TN_DIM_MAX : k;
}

bool tn_infer_eye_like(tn_graph *g, tn_node *n)
{
    int64_t dtype = tn_node_int(n, "dtype", n->in[0]->dtype);
    if (n->in[0]->shape.rank != 2)
        return tn_node_error(g, n, "input '%s' has rank %d; rank 2 is wanted", n->in[0]->name, n->in[0]->shape.rank);
    if (!is_supported(dtype))
        return tn_node_error(g, n, "dtype %lld is not supported", (long long)dtype);
    tn_set_output(n, 0, (tn_dtype)dtype, &n->in[0]->shape);
    return true;
}

bool tn_lower_eye_like(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_dtype t = tn_dtype_get(c->out->dtype)->compute;
    const tn_expr *k = tn_index(p, clamp_diagonal(tn_node_int(n, "k", 0)));
    const tn_expr *on = tn_op2(p, TN_OP_EQ, c->at[1], tn_add(p, c->at[0], k));
    tn_comp_set(p, c, tn_select(p, on, tn_number(p, t, 1), tn_number(p, t, 0)));
    return true;
}

/* --- Trilu -------------------------------------------------------------------------------------------------------- */

bool tn_infer_trilu(tn_graph *g, tn_node *n)
{
    if (n->in[0]->shape.rank < 2)
        return tn_node_error(g, n, "input '%s' has rank %d; 2 or more is wanted", n->in[0]->name, n->in[0]->shape.rank);
    if (tn_has_input(n, 1) && (n->in[1]->dtype != TN_INT64 || !is_single(n->in[1])))
        return tn_node_error(g, n, "k (input 1) is %s; an int64 scalar is wanted", tn_value_type(g->arena, n->in[1]));
    return tn_infer_first(g, n);
}

static const tn_expr *diagonal(tn_program *p, const tn_node *n)
{
    if (!tn_has_input(n, 1))
        return tn_index(p, 0);
    if (n->in[1]->constant != NULL)
        return tn_index(p, clamp_diagonal(tn_tensor_get_int(n->in[1]->constant, 0)));
    const tn_expr *k = tn_max(p, load_single(p, n->in[1]), tn_integer(p, TN_INT64, -TN_DIM_MAX));
    return tn_cast(p, TN_INDEX, tn_min(p, k, tn_integer(p, TN_INT64, TN_DIM_MAX)));
}

/* upper keeps column >= row + k, lower column <= row + k; the rest is 0. */
bool tn_lower_trilu(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *row = tn_add(p, c->at[c->out->rank - 2], diagonal(p, n)), *column = c->at[c->out->rank - 1];
    const tn_expr *keep = tn_node_int(n, "upper", 1) != 0 ? tn_le(p, row, column) : tn_le(p, column, row);
    const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[0]), c->at);
    tn_comp_set(p, c, tn_select(p, keep, x, tn_number(p, x->dtype, 0)));
    return true;
}

/* --- Range -------------------------------------------------------------------------------------------------------- */

static const char *const range_inputs[] = {"start", "limit", "delta"};

/* Exact for all of int64: the distance is taken unsigned. */
static tn_dim count_steps(int64_t start, int64_t limit, int64_t delta)
{
    bool up = delta > 0;
    if (up ? limit <= start : limit >= start)
        return tn_dim_fixed(0);
    uint64_t distance = up ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = up ? (uint64_t)delta : 0 - (uint64_t)delta, count = (distance - 1) / step + 1;
    return tn_dim_fixed(count > (uint64_t)TN_DIM_MAX ? TN_DIM_MAX : (int64_t)count);
}

/* Counted in double, as NumPy does: ceil((limit - start) / delta). */
static bool count_float_range(tn_graph *g, const tn_node *n, tn_dim *out)
{
    double x[3];
    for (int i = 0; i < 3; i++)
        x[i] = tn_tensor_get(n->in[i]->constant, 0);
    double count = ceil((x[1] - x[0]) / x[2]);
    if (!(fabs(count) < (double)TN_DIM_MAX))
        return tn_node_error(g, n, "the range from %g to %g by %g has no finite number of elements", x[0], x[1], x[2]);
    *out = tn_dim_fixed(count > 0 ? (int64_t)count : 0);
    return true;
}

/* With symbolic dims among start and limit, such as Range(0, N, 1). */
static bool count_symbolic_range(tn_graph *g, const tn_node *n, tn_dim *out)
{
    tn_dim x[3];
    for (int i = 0; i < 3; i++) {
        size_t count = 0;
        const tn_dim *d = tn_need_dims(g, n, i, range_inputs[i], &count);
        if (d == NULL)
            return false;
        x[i] = d[0];
    }
    if (x[2].sym != NULL || x[2].n == 0)
        return tn_node_error(g, n, "delta is %s; a number other than 0 is wanted", tn_dim_text(g->arena, x[2]));
    bool up = x[2].n > 0;
    tn_dim distance = tn_dim_do(g->arena, TN_SYM_SUB, x[up ? 1 : 0], x[up ? 0 : 1]);
    tn_dim step = tn_dim_fixed(up ? x[2].n : -x[2].n);
    distance = tn_dim_do(g->arena, TN_SYM_ADD, distance, tn_dim_fixed(step.n - 1));
    *out = tn_dim_most(g->arena, tn_dim_do(g->arena, TN_SYM_DIV, distance, step), tn_dim_fixed(0));
    return true;
}

bool tn_infer_range(tn_graph *g, tn_node *n)
{
    tn_shape s = {.known = true, .rank = 1};
    bool known = true;
    int late = -1;
    for (int i = 0; i < 3; i++) {
        late = late < 0 && !tn_is_early(g, n, i) ? i : late;
        if (n->in[i]->dtype != n->in[0]->dtype || !is_single(n->in[i]))
            return tn_node_error(g, n, "input %d '%s' is %s; a %s scalar is wanted", i, n->in[i]->name,
                                 tn_value_type(g->arena, n->in[i]), tn_dtype_get(n->in[0]->dtype)->name);
        known = known && n->in[i]->constant != NULL;
    }
    if (late >= 0) {
        if (!tn_need_sizes(g, n, late, range_inputs[late], 0, &s))
            return false;
        if (s.rank != 1)
            return tn_node_error(g, n, "the model declares rank %d for the range; rank 1 is wanted", s.rank);
    } else if (known && tn_dtype_get(n->in[0]->dtype)->is_float) {
        if (!count_float_range(g, n, &s.dim[0]))
            return false;
    } else if (known) {
        int64_t x[3];
        for (int i = 0; i < 3; i++)
            x[i] = tn_tensor_get_int(n->in[i]->constant, 0);
        if (x[2] == 0)
            return tn_node_error(g, n, "delta is 0");
        s.dim[0] = count_steps(x[0], x[1], x[2]);
    } else if (!count_symbolic_range(g, n, &s.dim[0]))
        return false;
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* max(ceil((limit - start) / delta), 0) is the declared extent. Of floats in double, as NumPy does it. */
static void check_late_range(tn_program *p, const tn_node *n)
{
    bool is_float = tn_dtype_get(n->in[0]->dtype)->is_float;
    tn_dtype t = is_float ? TN_DOUBLE : TN_INT64;
    const tn_expr *x[3], *zero = tn_number(p, t, 0), *count;
    for (int i = 0; i < 3; i++)
        x[i] = is_float ? tn_cast(p, t, load_single(p, n->in[i])) : tn_late_int(p, n->in[i], 0);
    const tn_expr *distance = tn_sub(p, x[1], x[0]);
    if (is_float)
        count = tn_op1(p, TN_OP_CEIL, tn_div(p, distance, x[2]));
    else /* rounded up: -floor(-distance / delta) */
        count = tn_sub(p, zero, tn_op2(p, TN_OP_FDIV, tn_sub(p, zero, distance), x[2]));
    const tn_expr *y = tn_cast(p, t, tn_late_dim(p, n->out[0]->shape.dim[0]));
    const tn_expr *agrees = tn_is(p, tn_max(p, count, zero), y);
    tn_late_check(p, n, tn_and(p, agrees, tn_op2(p, TN_OP_NE, x[2], zero)));
}

/* start + i * delta, each step rounded to the compute type (float for the 16-bit floats). */
bool tn_lower_range(tn_program *p, const tn_node *n)
{
    bool early = true;
    for (int i = 0; i < 3; i++)
        early = early && tn_is_early(p->graph, n, i);
    if (!early)
        check_late_range(p, n);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *start = load_single(p, n->in[0]), *delta = load_single(p, n->in[2]);
    tn_comp_set(p, c, tn_add(p, start, tn_mul(p, tn_cast(p, start->dtype, c->at[0]), delta)));
    return true;
}

/* --- OneHot ------------------------------------------------------------------------------------------------------- */

/* Any numeric type may hold the depth. */
static bool read_depth(tn_graph *g, const tn_node *n, int axis, tn_dim *out)
{
    const tn_value *v = n->in[1];
    size_t count = 0;
    tn_shape declared;
    const tn_dim *d = is_single(v) ? tn_value_dims(g, v, &count) : NULL;
    if (!is_single(v))
        return tn_node_error(g, n, "depth (input 1) is %s; one number is wanted", tn_value_type(g->arena, v));
    if (d != NULL)
        *out = d[0];
    else if (v->constant != NULL) {
        double x = tn_tensor_get(v->constant, 0);
        *out = tn_dim_fixed(x >= 0 && x < (double)TN_DIM_MAX ? (int64_t)x : -1);
    } else if (!tn_need_sizes(g, n, 1, "depth", 0, &declared))
        return false;
    else if (declared.rank != n->in[0]->shape.rank + 1)
        return tn_node_error(g, n, "the model declares rank %d for the output; rank %d is wanted", declared.rank,
                             n->in[0]->shape.rank + 1);
    else
        *out = declared.dim[axis];
    if (tn_dim_low(*out) < 0)
        return tn_node_error(g, n, "depth (input 1) is negative or too large");
    return true;
}

bool tn_infer_one_hot(tn_graph *g, tn_node *n)
{
    int axis = 0;
    tn_dim depth;
    const tn_value *values = n->in[2];
    tn_shape s = n->in[0]->shape;
    if (s.rank == TN_MAX_RANK)
        return tn_node_error(g, n, "the output would have rank %d; at most %d is supported", s.rank + 1, TN_MAX_RANK);
    if (!is_supported(values->dtype) || values->shape.rank != 1 || !tn_dim_is(values->shape.dim[0], 2))
        return tn_node_error(g, n, "values (input 2) is %s; two numbers are wanted, off and on",
                             tn_value_type(g->arena, values));
    if (!tn_node_axis(g, n, tn_node_int(n, "axis", -1), s.rank + 1, &axis) || !read_depth(g, n, axis, &depth))
        return false;
    memmove(&s.dim[axis + 1], &s.dim[axis], sizeof s.dim[0] * (size_t)(s.rank - axis));
    s.dim[axis] = depth;
    s.rank++;
    tn_set_output(n, 0, values->dtype, &s);
    return true;
}

/* Floats are compared as they are: 1.5 is no position. Indices outside of -depth..depth-1 are off everywhere. */
static const tn_expr *is_hot(tn_program *p, const tn_expr *index, const tn_expr *position, const tn_expr *depth)
{
    const tn_dtype_info *info = tn_dtype_get(index->dtype);
    tn_dtype t = info->is_float ? index->dtype : TN_INDEX;
    index = tn_cast(p, t, index);
    if (info->is_signed) {
        const tn_expr *wrapped = tn_add(p, index, tn_cast(p, t, depth));
        index = tn_select(p, tn_lt(p, index, tn_number(p, t, 0)), wrapped, index);
    }
    return tn_op2(p, TN_OP_EQ, index, tn_cast(p, t, position));
}

bool tn_lower_one_hot(tn_program *p, const tn_node *n)
{
    int axis = 0;
    const tn_shape *y = &n->out[0]->shape;
    if (!tn_node_axis(p->graph, n, tn_node_int(n, "axis", -1), y->rank, &axis))
        return false;
    if (!tn_is_early(p->graph, n, 1)) {
        const tn_expr *depth = tn_cast(p, TN_INT64, load_single(p, n->in[1]));
        tn_late_check(p, n, tn_is(p, depth, tn_late_dim(p, y->dim[axis])));
    }
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *one = tn_index(p, 1), *zero = tn_index(p, 0);
    for (int i = 0, k = 0; i < c->out->rank; i++)
        if (i != axis)
            at[k++] = c->at[i];
    const tn_expr *index = tn_load(p, tn_buf_of(p, n->in[0]), at);
    tn_buf *values = tn_buf_of(p, n->in[2]);
    const tn_expr *hot = is_hot(p, index, c->at[axis], c->out->dim[axis]);
    tn_comp_set(p, c, tn_select(p, hot, tn_load(p, values, &one), tn_load(p, values, &zero)));
    return true;
}
