/* Views: the same elements in the same order under another shape, and shapes as values.

       Reshape(x : float[N<=8,3,4], [N,12]) : float[N<=8,12]        Shape(x : float[N<=8,3,4]) = [N,3,4]

   At the end, shape arithmetic: what a small integer tensor holds, as terms over the symbolic dims. */
#include "ops/late.h"

bool tn_lower_view(tn_program *p, const tn_node *n)
{
    tn_comp_view(p, n, tn_buf_of(p, n->out[0]), tn_buf_of(p, n->in[0]));
    return true;
}

/* --- Reshape ------------------------------------------------------------------------------------------------------ */

static const char *shape_text(tn_graph *g, const tn_node *n)
{
    return tn_value_type(g->arena, n->in[0]);
}

/* The dims asked for; *open is the axis of the -1, which stands as 1 for now. */
static bool read_target(tn_graph *g, const tn_node *n, tn_shape *out, int *open)
{
    const tn_shape *x = &n->in[0]->shape;
    bool zero_copies = tn_node_int(n, "allowzero", 0) == 0;
    size_t count = 0;
    const tn_dim *d = tn_need_dims(g, n, 1, "shape", &count);
    if (d == NULL)
        return false;
    if (count > TN_MAX_RANK)
        return tn_node_error(g, n, "the shape has %zu dims; at most %d are supported", count, TN_MAX_RANK);
    *out = (tn_shape){.known = true, .rank = (int)count};
    *open = -1;
    for (int i = 0; i < out->rank; i++) {
        out->dim[i] = d[i];
        if (tn_dim_is(d[i], -1)) {
            if (*open >= 0)
                return tn_node_error(g, n, "dims %d and %d of the shape are both -1", *open, i);
            *open = i;
            out->dim[i] = tn_dim_fixed(1);
        } else if (tn_dim_low(d[i]) < 0) {
            return tn_node_error(g, n, "dim %d of the shape is %s; -1 or more is wanted", i,
                                 tn_dim_text(g->arena, d[i]));
        } else if (tn_dim_is(d[i], 0) && zero_copies) {
            if (i >= x->rank)
                return tn_node_error(g, n, "dim %d of the shape is 0, to be copied from %s", i, shape_text(g, n));
            out->dim[i] = x->dim[i];
        }
    }
    return true;
}

/* The open dim takes what the others leave. Where nothing shows that they divide the elements, the quotient is rounded
   down: a model that is right for some value of the symbolic dims has it exact there. */
static bool close_dim(tn_graph *g, const tn_node *n, tn_shape *s, int open)
{
    const tn_shape *x = &n->in[0]->shape;
    tn_dim whole = tn_dim_product(g->arena, x->rank, x->dim), others = tn_dim_product(g->arena, s->rank, s->dim);
    if (tn_dims_divide(g->arena, x->rank, x->dim, s->rank, s->dim, &s->dim[open]))
        return true;
    if ((whole.sym == NULL && others.sym == NULL) || tn_dim_low(others) < 1)
        return tn_node_error(g, n, "%s cannot be split into dims whose product is %s and one more", shape_text(g, n),
                             tn_dim_text(g->arena, others));
    s->dim[open] = tn_dim_do(g->arena, TN_SYM_DIV, whole, others);
    return true;
}

static bool infer_late_reshape(tn_graph *g, tn_node *n)
{
    tn_dim one;
    const tn_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    if (!tn_infer_sized(g, n, 1, "shape"))
        return false;
    bool fits = tn_shape_count(x) == 0
                  ? tn_shape_count(y) == 0
                  : tn_dims_divide(g->arena, x->rank, x->dim, y->rank, y->dim, &one) && tn_dim_is(one, 1);
    return (fits && tn_late_count(n->in[1]) == y->rank)
        || tn_node_error(g, n, "%s cannot become %s, which the model declares, by a shape of %lld dims",
                         shape_text(g, n), tn_type_text(g->arena, n->in[0]->dtype, y),
                         (long long)tn_late_count(n->in[1]));
}

bool tn_infer_reshape(tn_graph *g, tn_node *n)
{
    int open = -1;
    if (!tn_is_early(g, n, 1))
        return infer_late_reshape(g, n);
    tn_shape s;
    tn_dim one;
    const tn_shape *x = &n->in[0]->shape;
    if (!read_target(g, n, &s, &open))
        return false;
    if (open >= 0 && !close_dim(g, n, &s, open))
        return false;
    bool empty = tn_shape_count(x) == 0 && tn_shape_count(&s) == 0;
    bool fits = empty || (tn_dims_divide(g->arena, x->rank, x->dim, s.rank, s.dim, &one) && tn_dim_is(one, 1));
    if (!fits)
        tn_note_alike(g, tn_dim_product(g->arena, x->rank, x->dim), tn_dim_product(g->arena, s.rank, s.dim));
    if (open < 0 && !fits)
        return tn_node_error(g, n, "%s does not have as many elements as %s", shape_text(g, n),
                             tn_type_text(g->arena, n->in[0]->dtype, &s));
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* Each dim is the declared one, or 0 that copies it, or the only -1. */
bool tn_lower_reshape(tn_program *p, const tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1), *open = tn_int64(p, 0), *one = tn_int64(p, 1);
    if (tn_is_early(p->graph, n, 1))
        return tn_lower_view(p, n);
    for (int i = 0; i < y->rank; i++) {
        const tn_expr *d = tn_late_int(p, n->in[1], i), *is_open = tn_is(p, d, tn_int64(p, -1));
        const tn_expr *fits = tn_either(p, is_open, tn_is(p, d, tn_late_dim(p, y->dim[i])));
        if (tn_node_int(n, "allowzero", 0) == 0 && i < x->rank && tn_dim_same(x->dim[i], y->dim[i]))
            fits = tn_either(p, fits, tn_is(p, d, tn_int64(p, 0)));
        agrees = tn_and(p, agrees, fits);
        open = tn_add(p, open, tn_cast(p, TN_INT64, is_open));
    }
    tn_late_check(p, n, tn_and(p, agrees, tn_le(p, open, one)));
    return tn_lower_view(p, n);
}

/* --- Flatten, Squeeze, Unsqueeze ---------------------------------------------------------------------------------- */

bool tn_infer_flatten(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape;
    int64_t axis = tn_node_int(n, "axis", 1);
    if (axis < -x->rank || axis > x->rank)
        return tn_node_error(g, n, "axis %lld is outside -%d..%d", (long long)axis, x->rank, x->rank);
    int k = (int)(axis < 0 ? axis + x->rank : axis);
    tn_shape s = {.known = true, .rank = 2};
    s.dim[0] = tn_dim_product(g->arena, k, x->dim);
    s.dim[1] = tn_dim_product(g->arena, x->rank - k, x->dim + k);
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* The declared shape has so many axes less (-1) or more (1) than the input as are given. */
static bool infer_late_axes(tn_graph *g, tn_node *n, int sign)
{
    const tn_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    if (!tn_infer_declared(g, n, 1, "axes"))
        return false;
    return (y->rank == x->rank + sign * (int)tn_late_count(n->in[1]) && tn_shape_count(x) == tn_shape_count(y))
        || tn_node_error(g, n, "%s cannot become %s, which the model declares, by %lld axes", shape_text(g, n),
                         tn_type_text(g->arena, n->in[0]->dtype, y), (long long)tn_late_count(n->in[1]));
}

/* Which dims go, where they are known. Without axes those of extent 1; a symbolic dim, which may be 1 or not, stays. One
   that axes name has to be 1: a check says so. */
static bool find_squeezed(tn_graph *g, const tn_node *n, bool *drop)
{
    const tn_shape *x = &n->in[0]->shape;
    int axes[TN_MAX_RANK];
    size_t count = 0;
    for (int i = 0; i < x->rank; i++)
        drop[i] = !tn_has_input(n, 1) && tn_dim_is(x->dim[i], 1);
    if (tn_has_input(n, 1) && !tn_need_axes(g, n, 1, x->rank, axes, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        tn_dim d = x->dim[axes[i]];
        if (!tn_dim_is(d, 1) && (d.sym == NULL || tn_dim_low(d) > 1))
            return tn_node_error(g, n, "axis %d of %s does not have extent 1", axes[i], shape_text(g, n));
        drop[axes[i]] = true;
    }
    return true;
}

/* The part of x at 0 of the dims that go, which the run has to find to be 1. */
static void take_only(tn_program *p, const tn_node *n, const bool *drop)
{
    const tn_shape *x = &n->in[0]->shape;
    const tn_expr *at[TN_MAX_RANK];
    tn_dim wanted[TN_MAX_RANK];
    for (int i = 0; i < x->rank; i++)
        wanted[i] = drop[i] ? tn_dim_fixed(1) : x->dim[i];
    tn_late_check_same(p, n, x->rank, x->dim, wanted);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0, k = 0; i < x->rank; i++)
        at[i] = drop[i] ? tn_index(p, 0) : c->at[k++];
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
}

bool tn_lower_squeeze(tn_program *p, const tn_node *n)
{
    bool drop[TN_MAX_RANK] = {false}, open = false;
    const tn_shape *x = &n->in[0]->shape;
    if (!tn_is_early(p->graph, n, 1)) {
        tn_late_check_axes(p, n, 1, x, &n->out[0]->shape, true);
        return tn_lower_view(p, n);
    }
    if (!find_squeezed(p->graph, n, drop))
        return false;
    for (int i = 0; i < x->rank; i++)
        open = open || (drop[i] && !tn_dim_is(x->dim[i], 1));
    if (!open)
        return tn_lower_view(p, n);
    take_only(p, n, drop);
    return true;
}

bool tn_lower_unsqueeze(tn_program *p, const tn_node *n)
{
    if (!tn_is_early(p->graph, n, 1))
        tn_late_check_axes(p, n, 1, &n->out[0]->shape, &n->in[0]->shape, true);
    return tn_lower_view(p, n);
}

bool tn_infer_squeeze(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape;
    bool drop[TN_MAX_RANK] = {false};
    tn_shape s = {.known = true};
    if (!tn_is_early(g, n, 1))
        return infer_late_axes(g, n, -1);
    if (!find_squeezed(g, n, drop))
        return false;
    for (int i = 0; i < x->rank; i++)
        if (!drop[i])
            s.dim[s.rank++] = x->dim[i];
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

bool tn_infer_unsqueeze(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape;
    int axes[TN_MAX_RANK];
    size_t count = 0;
    bool added[TN_MAX_RANK] = {false};
    if (!tn_is_early(g, n, 1))
        return infer_late_axes(g, n, 1);
    if (tn_need_dims(g, n, 1, "axes", &count) == NULL)
        return false;
    if (count > (size_t)(TN_MAX_RANK - x->rank))
        return tn_node_error(g, n, "%zu axes are added to %s; at most rank %d is supported", count, shape_text(g, n),
                             TN_MAX_RANK);
    tn_shape s = {.known = true, .rank = x->rank + (int)count};
    if (!tn_need_axes(g, n, 1, s.rank, axes, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        added[axes[i]] = true;
    for (int i = 0, k = 0; i < s.rank; i++)
        s.dim[i] = added[i] ? tn_dim_fixed(1) : x->dim[k++];
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* --- Shape, Size -------------------------------------------------------------------------------------------------- */

static int clip_axis(int64_t axis, int rank)
{
    if (axis < 0)
        axis = axis < -rank ? 0 : axis + rank;
    return (int)(axis > rank ? rank : axis);
}

/* The dims start .. start + count - 1 of a Shape's input. */
static int shape_range(const tn_node *n, int *count)
{
    int rank = n->in[0]->shape.rank;
    int start = clip_axis(tn_node_int(n, "start", 0), rank), end = clip_axis(tn_node_int(n, "end", rank), rank);
    *count = end > start ? end - start : 0;
    return start;
}

bool tn_infer_shape(tn_graph *g, tn_node *n)
{
    int count = 0;
    (void)g;
    shape_range(n, &count);
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){count});
    tn_set_output(n, 0, TN_INT64, &s);
    return true;
}

bool tn_lower_shape(tn_program *p, const tn_node *n)
{
    int count = 0, start = shape_range(n, &count);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *e = tn_index(p, 0);
    for (int i = count - 1; i >= 0; i--) {
        const tn_expr *dim = tn_dim_expr(p, n->in[0]->shape.dim[start + i]);
        e = i == count - 1 ? dim : tn_select(p, tn_op2(p, TN_OP_EQ, c->at[0], tn_index(p, i)), dim, e);
    }
    tn_comp_set(p, c, e);
    return true;
}

bool tn_infer_size(tn_graph *g, tn_node *n)
{
    (void)g;
    tn_shape s = {.known = true};
    tn_set_output(n, 0, TN_INT64, &s);
    return true;
}

bool tn_lower_size(tn_program *p, const tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_comp_set(p, c, tn_dim_expr(p, tn_dim_product(p->arena, x->rank, x->dim)));
    return true;
}

/* --- shape arithmetic --------------------------------------------------------------------------------------------- */

/* Bounds that keep the analysis cheap: elements of a tensor, and operations of one element's term. */
enum { MAX_ELEMS = 64, MAX_KNOWN = 1024, MAX_TERM = 32 };

/* The largest number up to which a type holds every integer; 0: not a type in which shapes are computed. Floats are:
   exporters write Cast to float, Min or Mul, Cast back. */
static int64_t most_exact(tn_dtype t)
{
    switch (t) {
    case TN_BOOL: return 1;
    case TN_INT32: return INT32_MAX;
    case TN_INT64:
    case TN_DOUBLE: return TN_DIM_MAX - 1;
    case TN_FLOAT: return 1 << 24;
    case TN_FLOAT16: return 1 << 11;
    default: return 0;
    }
}

/* Element i of a constant, where it is an integer that a dim can hold. */
static bool get_integer(const tn_tensor *t, int64_t i, int64_t *x)
{
    if (tn_dtype_get(t->dtype)->is_float) {
        double d = tn_tensor_get(t, i);
        if (!(d > -(double)TN_DIM_MAX && d < (double)TN_DIM_MAX) || d != (double)(int64_t)d)
            return false;
    }
    *x = tn_tensor_get_int(t, i);
    return *x > -TN_DIM_MAX && *x < TN_DIM_MAX; /* a clamped number would be a wrong one */
}

typedef struct known {
    const tn_dim *d;
    int64_t n;
} known;

/* What an input holds; false when that is not known as dims. */
static bool get_known(tn_graph *g, const tn_value *v, known *k)
{
    if (v == NULL || v->shape.rank > 1 || !tn_shape_is_fixed(&v->shape))
        return false;
    k->n = tn_shape_count(&v->shape);
    k->d = v->elems;
    if (v->constant == NULL)
        return v->elems != NULL;
    if (k->n > MAX_KNOWN)
        return false;
    tn_dim *d = TN_NEW_N(g->arena, tn_dim, k->n + 1);
    for (int64_t i = 0; i < k->n; i++) {
        int64_t x = 0;
        if (!get_integer(v->constant, i, &x))
            return false;
        d[i] = tn_dim_fixed(x);
    }
    k->d = d;
    return true;
}

/* Each fills out[0 .. n-1], the elements of output 0; false when one is not known. */
typedef bool elems_fn(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count);

static bool elems_of_shape(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    int same = 0, start = shape_range(n, &same);
    (void)g;
    for (int64_t i = 0; i < count; i++)
        out[i] = n->in[0]->shape.dim[start + i];
    return true;
}

static bool elems_of_size(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    (void)count;
    out[0] = tn_dim_product(g->arena, n->in[0]->shape.rank, n->in[0]->shape.dim);
    return true;
}

/* Views, Cast and Identity; Expand of a single element. */
static bool elems_of_copy(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    known x;
    if (!get_known(g, n->in[0], &x) || (x.n != count && x.n != 1))
        return false;
    for (int64_t i = 0; i < count; i++)
        out[i] = x.d[x.n == 1 ? 0 : i];
    return true;
}

static bool elems_of_gather(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    known x, at;
    if (!get_known(g, n->in[0], &x) || !get_known(g, n->in[1], &at))
        return false;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = at.d[i].n < 0 ? at.d[i].n + x.n : at.d[i].n;
        if (at.d[i].sym != NULL || k < 0 || k >= x.n)
            return false;
        out[i] = x.d[k];
    }
    return true;
}

static bool elems_of_concat(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    known x;
    int64_t at = 0;
    for (int i = 0; i < n->n_in; i++) {
        if (!get_known(g, n->in[i], &x) || at + x.n > count)
            return false;
        for (int64_t k = 0; k < x.n; k++)
            out[at++] = x.d[k];
    }
    return at == count;
}

static bool elems_of_slice(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    known x;
    tn_slice s[TN_MAX_RANK];
    if (!get_known(g, n->in[0], &x) || !tn_slices_make(g, n, s) || s[0].start.sym != NULL)
        return false;
    for (int64_t i = 0; i < count; i++)
        out[i] = x.d[s[0].start.n + i * s[0].step];
    return true;
}

static bool elems_of_constant(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    const tn_attr *value = tn_node_find_attr(n, "value");
    int64_t x = 0;
    (void)g;
    if (value != NULL && !get_integer(value->tensor, 0, &x))
        return false;
    for (int64_t i = 0; i < count; i++)
        out[i] = tn_dim_fixed(x);
    return true;
}

static bool elems_of_where(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    known c, x, y;
    if (!get_known(g, n->in[0], &c) || !get_known(g, n->in[1], &x) || !get_known(g, n->in[2], &y))
        return false;
    for (int64_t i = 0; i < count; i++) {
        tn_dim on = c.d[c.n == 1 ? 0 : i];
        if (on.sym != NULL)
            return false;
        out[i] = on.n != 0 ? x.d[x.n == 1 ? 0 : i] : y.d[y.n == 1 ? 0 : i];
    }
    return true;
}

/* ReduceProd of everything: from one axis to one element. */
static bool elems_of_product(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    known x;
    if (count != 1 || (tn_has_input(n, 1) && n->in[1]->constant == NULL) || !get_known(g, n->in[0], &x)
        || x.n > MAX_ELEMS)
        return false;
    out[0] = tn_dim_product(g->arena, (int)x.n, x.d);
    return true;
}

/* --- of two numbers */

/* Terms know no signs: products and quotients of symbols are kept where nothing is negative. */
static bool is_natural(tn_dim x)
{
    return tn_dim_low(x) >= 0;
}

static bool add(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out)
{
    *out = tn_dim_do(a, TN_SYM_ADD, x, y);
    return true;
}

static bool subtract(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out)
{
    *out = tn_dim_do(a, TN_SYM_SUB, x, y);
    return true;
}

static bool multiply(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out)
{
    *out = tn_dim_product(a, 2, (const tn_dim[]){x, y});
    return (x.sym == NULL && y.sym == NULL) || (is_natural(x) && is_natural(y));
}

/* Truncates toward zero, as ONNX Div does. */
static bool divide(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out)
{
    if (x.sym == NULL && y.sym == NULL && y.n != 0) {
        *out = tn_dim_fixed(x.n / y.n);
        return true;
    }
    if (!is_natural(x) || tn_dim_low(y) < 1)
        return false;
    if (!tn_dims_divide(a, 1, &x, 1, &y, out))
        *out = tn_dim_do(a, TN_SYM_DIV, x, y);
    return true;
}

static bool least(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out)
{
    *out = tn_dim_least(a, x, y);
    return true;
}

static bool most(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out)
{
    *out = tn_dim_most(a, x, y);
    return true;
}

static bool equal(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out)
{
    (void)a;
    bool same = tn_dim_same(x, y);
    *out = tn_dim_fixed(same);
    return same || x.n < tn_dim_low(y) || y.n < tn_dim_low(x);
}

typedef bool pair_fn(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out);

/* Broadcast, and over all inputs from the left: Min and Max take any number. */
static bool elems_of_pairs(tn_graph *g, const tn_node *n, pair_fn *f, tn_dim *out, int64_t count)
{
    known x;
    for (int k = 0; k < n->n_in; k++) {
        if (!get_known(g, n->in[k], &x) || (x.n != count && x.n != 1))
            return false;
        for (int64_t i = 0; i < count; i++) {
            tn_dim y = x.d[x.n == 1 ? 0 : i];
            if (k == 0)
                out[i] = y;
            else if (!f(g->arena, out[i], y, &out[i]))
                return false;
        }
    }
    return true;
}

/* Floats keep the fraction, which no dim holds. */
static bool divide_exactly(tn_arena *a, tn_dim x, tn_dim y, tn_dim *out)
{
    return is_natural(x) && tn_dim_low(y) >= 1 && tn_dims_divide(a, 1, &x, 1, &y, out);
}

static bool elems_of_quotient(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    bool fractions = tn_dtype_get(n->out[0]->dtype)->is_float;
    return elems_of_pairs(g, n, fractions ? divide_exactly : divide, out, count);
}

static const struct {
    const char *name;
    elems_fn *elems;
    pair_fn *pair;
} arithmetic[] = {
    {"Add", NULL, add},
    {"Cast", elems_of_copy, NULL},
    {"Ceil", elems_of_copy, NULL},
    {"Concat", elems_of_concat, NULL},
    {"ConstantOfShape", elems_of_constant, NULL},
    {"Div", elems_of_quotient, NULL},
    {"Equal", NULL, equal},
    {"Expand", elems_of_copy, NULL},
    {"Floor", elems_of_copy, NULL},
    {"Gather", elems_of_gather, NULL},
    {"Identity", elems_of_copy, NULL},
    {"Max", NULL, most},
    {"Min", NULL, least},
    {"Mul", NULL, multiply},
    {"ReduceProd", elems_of_product, NULL},
    {"Reshape", elems_of_copy, NULL},
    {"Round", elems_of_copy, NULL},
    {"Shape", elems_of_shape, NULL},
    {"Size", elems_of_size, NULL},
    {"Slice", elems_of_slice, NULL},
    {"Squeeze", elems_of_copy, NULL},
    {"Sub", NULL, subtract},
    {"Unsqueeze", elems_of_copy, NULL},
    {"Where", elems_of_where, NULL},
};

static bool find_elems(tn_graph *g, const tn_node *n, tn_dim *out, int64_t count)
{
    for (size_t i = 0; i < sizeof arithmetic / sizeof *arithmetic; i++)
        if (strcmp(arithmetic[i].name, n->op->name) == 0 && n->op->domain[0] == '\0')
            return arithmetic[i].elems != NULL ? arithmetic[i].elems(g, n, out, count)
                                               : elems_of_pairs(g, n, arithmetic[i].pair, out, count);
    return false;
}

/* Operations in a term, counted as far as `left`: terms share parts, so that a small graph can make a huge one. */
static int count_term(tn_dim d, int left)
{
    if (d.sym == NULL || d.sym->kind == TN_SYM_NAME || left <= 0)
        return 1;
    int x = count_term(d.sym->a, left - 1);
    return 1 + x + count_term(d.sym->b, left - 1 - x);
}

/* Whether the term is small and the tensor's type holds each of its values. */
static bool is_sound(tn_dtype t, tn_dim d)
{
    int64_t limit = most_exact(t);
    if (t == TN_BOOL && (d.sym != NULL || d.n < 0))
        return false;
    return tn_dim_low(d) >= -limit && d.n <= limit && count_term(d, MAX_TERM) < MAX_TERM;
}

/* Where all inputs are constants the interpreter finds the exact numbers; terms would clamp the large ones. */
static bool has_constants_only(const tn_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL && n->in[i]->constant == NULL)
            return false;
    return true;
}

static void keep_elems(tn_graph *g, tn_value *v, const tn_dim *elems, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!is_sound(v->dtype, elems[i]))
            return;
    v->elems = TN_NEW_N(g->arena, tn_dim, count + 1);
    memcpy(v->elems, elems, sizeof *elems * (size_t)count);
}

/* A part for each output. */
static void split_elems(tn_graph *g, tn_node *n)
{
    known x;
    int64_t start = 0;
    if (!get_known(g, n->in[0], &x) || x.n > MAX_ELEMS)
        return;
    for (int i = 0; i < n->n_out && n->out[i] != NULL && tn_shape_is_fixed(&n->out[i]->shape); i++) {
        int64_t count = tn_shape_count(&n->out[i]->shape);
        if (start + count > x.n)
            return;
        keep_elems(g, n->out[i], x.d + start, count);
        start += count;
    }
}

bool tn_propagate_elems(tn_graph *g, tn_node *n)
{
    tn_value *v = n->n_out > 0 ? n->out[0] : NULL;
    tn_dim elems[MAX_ELEMS];
    if (v == NULL || n->n_in == 0 || has_constants_only(n) || v->shape.rank > 1 || !tn_shape_is_fixed(&v->shape))
        return true;
    int64_t count = tn_shape_count(&v->shape);
    bool exact = most_exact(v->dtype) > 0;
    if (exact && tn_node_is(n, "Split"))
        split_elems(g, n);
    else if (exact && count <= MAX_ELEMS && find_elems(g, n, elems, count))
        keep_elems(g, v, elems, count);
    return true;
}
