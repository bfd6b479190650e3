/* Resize, the part at compile time: attributes, scales, and tables of the elements that each output element is made of.

       in 4, scale 2, linear, half_pixel    output 1 is at (1 + 0.5) / 2 - 0.5 = 0.25:  0.75 * x[0] + 0.25 * x[1]

   Coordinates and weights are those of ONNX's reference, found in double; those of nearest in float, which is what
   ONNX Runtime takes, so that ties fall as there. */
#include "ops/resize.h"

#include <math.h>

#include "ops/late.h"

/* --- attributes --------------------------------------------------------------------------------------------------- */

static bool choose(tn_graph *g, const tn_node *n, const char *name, const char *otherwise, int count,
                   const char *const *names, int *out)
{
    const char *text = tn_node_string(n, name, otherwise);
    for (int i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return true;
        }
    return tn_node_error(g, n, "%s is '%s', which is not supported", name, text);
}

static bool read_modes(tn_graph *g, const tn_node *n, tn_resize *r)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    static const char *const coordinates[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                              "align_corners", "asymmetric",           "tf_crop_and_resize"};
    int mode = 0, which = 0;
    if (!choose(g, n, "mode", "nearest", 3, modes, &mode)
        || !choose(g, n, "nearest_mode", "round_prefer_floor", 4, roundings, &r->rounding)
        || !choose(g, n, "coordinate_transformation_mode", "half_pixel", 6, coordinates, &which))
        return false;
    r->mode = (tn_resize_mode)mode;
    r->coordinates = coordinates[which];
    r->crops = which == 5;
    r->antialias = tn_node_int(n, "antialias", 0) != 0 && mode != TN_RESIZE_NEAREST;
    r->exclude_outside = tn_node_int(n, "exclude_outside", 0) != 0 && mode != TN_RESIZE_NEAREST;
    r->cubic_a = tn_node_float(n, "cubic_coeff_a", -0.75f);
    r->extrapolation = tn_node_float(n, "extrapolation_value", 0);
    return true;
}

/* The axes that scales, sizes and roi are for; all without the attribute. */
static bool read_axes(tn_graph *g, const tn_node *n, int rank, int *axes, int *count)
{
    const tn_attr *a = tn_node_find_attr(n, "axes");
    bool seen[TN_MAX_RANK] = {false};
    bool given = a != NULL && a->kind == TN_ATTR_INTS;
    *count = given ? (int)(a->n <= TN_MAX_RANK ? a->n : TN_MAX_RANK + 1) : rank;
    if (*count > rank)
        return tn_node_error(g, n, "axes has more than %d elements, the rank of the input", rank);
    for (int i = 0; i < *count; i++) {
        axes[i] = i;
        if (given && !tn_node_axis(g, n, a->ints[i], rank, &axes[i]))
            return false;
        if (seen[axes[i]])
            return tn_node_error(g, n, "axes has %d twice", axes[i]);
        seen[axes[i]] = true;
    }
    return true;
}

static bool given(const tn_node *n, int i)
{
    return tn_has_input(n, i) && !(n->in[i]->shape.rank == 1 && tn_dim_is(n->in[i]->shape.dim[0], 0));
}

/* The elements of a constant float input. */
static const tn_tensor *need_floats(tn_graph *g, const tn_node *n, int i, const char *what, int64_t count)
{
    const tn_value *v = n->in[i];
    if (v->constant == NULL || !tn_dtype_get(v->dtype)->is_float) {
        tn_node_error(g, n, "%s (input %d) must be floats known at compile time", what, i);
        return NULL;
    }
    if (tn_shape_count(&v->shape) != count) {
        tn_node_error(g, n, "%s has %lld elements; %lld are wanted", what, (long long)tn_shape_count(&v->shape),
                      (long long)count);
        return NULL;
    }
    return v->constant;
}

/* --- scales and sizes --------------------------------------------------------------------------------------------- */

static int64_t common_divisor(int64_t x, int64_t y)
{
    while (y != 0) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return x;
}

/* up / down for scales that are exactly n / 64 or 1 / n in float, n small. */
static void find_fraction(tn_resize_axis *a)
{
    double up = a->scale * 64, down = 1 / a->scale;
    a->up = a->down = 0;
    if (up == floor(up) && up < 1 << 20) {
        int64_t d = common_divisor((int64_t)up, 64);
        a->up = (int64_t)up / d;
        a->down = 64 / d;
    } else if (down < 1 << 20 && (float)(1 / floor(down + 0.5)) == (float)a->scale) {
        a->up = 1;
        a->down = (int64_t)floor(down + 0.5);
    }
}

static bool refuse_policy(tn_graph *g, const tn_node *n, const tn_resize_axis *a)
{
    return tn_node_error(g, n,
                         "keep_aspect_ratio_policy '%s' is not supported with the symbolic dim %s; fix it with "
                         "--input-shapes",
                         tn_node_string(n, "keep_aspect_ratio_policy", "stretch"),
                         tn_dim_text(g->arena, a->in.sym != NULL ? a->in : a->out));
}

bool tn_resize_is_symbolic(const tn_resize_axis *a)
{
    return a->in.sym != NULL || a->out.sym != NULL;
}

/* In float as in ONNX. */
static int64_t scaled_extent(int64_t in, double s)
{
    return (int64_t)floorf((float)in * (float)s);
}

/* The least that a symbolic dim may be of which in * up / down, rounded down, is not the scaled extent: beyond 2^24 floats have
   gaps, before it a product may be rounded up to a whole number. 0: there is none. */
static int64_t find_other(tn_dim in, double s, int64_t up, int64_t down)
{
    for (int64_t i = tn_dim_low(in); i <= in.n && i <= TN_DIM_MAX / up; i++)
        if (scaled_extent(i, s) != tn_floor_div(i * up, down))
            return i;
    return 0;
}

/* A symbolic axis has a term for its output, in * up / down: the scale's own fraction, or the least that is it in float. */
static bool set_symbolic_scale(tn_graph *g, const tn_node *n, tn_resize_axis *a, double s)
{
    enum { MOST = 1000 };
    int64_t up = a->up, down = a->up != 0 ? a->down : 0;
    while (up == 0 && down < MOST) {
        int64_t near = (int64_t)floor(s * (double)++down + 0.5);
        up = (float)((double)near / (double)down) == (float)s ? near : 0;
    }
    if (up == 0)
        return tn_node_error(g, n,
                             "a scale of %g is not supported with the symbolic dim %s: it is no fraction of small "
                             "numbers; fix the dim with --input-shapes",
                             s, tn_dim_text(g->arena, a->in));
    int64_t other = find_other(a->in, s, up, down);
    if (other != 0)
        return tn_node_error(
            g, n,
            "a scale of %g is not supported with the symbolic dim %s: ONNX multiplies in float, by which "
            "%lld becomes %lld, and not %lld, which is %lld / %lld of it; bound the dim below %lld with "
            "--input-shapes, or fix it",
            s, tn_dim_text(g->arena, a->in), (long long)other, (long long)scaled_extent(other, s),
            (long long)tn_floor_div(other * up, down), (long long)up, (long long)down, (long long)other);
    a->out = tn_dim_do(g->arena, TN_SYM_MUL, a->in, tn_dim_fixed(up));
    a->out = tn_dim_do(g->arena, TN_SYM_DIV, a->out, tn_dim_fixed(down));
    return (a->in.n <= TN_DIM_MAX / up && a->out.n <= INT32_MAX)
        || tn_node_error(g, n, "a dim of %s scaled by %g is too large", tn_dim_text(g->arena, a->in), s);
}

/* A scale s: out is floor(in * s), in float as in ONNX. */
static bool set_scale(tn_graph *g, const tn_node *n, tn_resize_axis *a, double s, bool rounds)
{
    if (!(s > 0) || s > 1e6)
        return tn_node_error(g, n, "a scale is %g; it must be positive and at most 1e6", s);
    a->scale = s;
    a->same = s == 1;
    find_fraction(a);
    if (a->same)
        return true;
    if (a->in.sym != NULL && rounds)
        return refuse_policy(g, n, a);
    if (a->in.sym != NULL)
        return set_symbolic_scale(g, n, a, s);
    a->length = s * (double)a->in.n; /* kept with its fraction, as ONNX's reference does */
    double out = rounds ? floor(a->length + 0.5) : (double)scaled_extent(a->in.n, s);
    if (out > INT32_MAX)
        return tn_node_error(g, n, "a dim of %lld scaled by %g is too large", (long long)a->in.n, s);
    a->out = tn_dim_fixed((int64_t)out);
    return true;
}

/* A size: the scale is out / in, which only the run knows where one is symbolic, unless out is a multiple of in. */
static bool set_size(tn_graph *g, const tn_node *n, tn_resize_axis *a, tn_dim out)
{
    a->same = tn_dim_same(out, a->in);
    a->out = out;
    if (a->same)
        return true;
    if (a->in.sym == NULL && out.sym == NULL) {
        if (out.n < 0 || out.n > INT32_MAX || a->in.n == 0)
            return tn_node_error(g, n, "a dim of %lld cannot get size %lld", (long long)a->in.n, (long long)out.n);
        int64_t d = common_divisor(out.n, a->in.n);
        a->up = out.n / d;
        a->down = a->in.n / d;
        a->scale = (double)out.n / (double)a->in.n;
        a->length = (double)out.n;
        return true;
    }
    if (tn_dim_low(out) < 0 || out.n > INT32_MAX || tn_dim_is(a->in, 0))
        return tn_node_error(g, n, "a dim of %s cannot get size %s", tn_dim_text(g->arena, a->in),
                             tn_dim_text(g->arena, out));
    tn_dim up = tn_dim_do(g->arena, TN_SYM_DIV, out, a->in);
    bool multiple = up.sym == NULL && up.n >= 1 && tn_dim_same(tn_dim_do(g->arena, TN_SYM_MUL, a->in, up), out);
    a->scale = multiple ? (double)up.n : 0;
    a->up = multiple ? up.n : 0;
    a->down = multiple ? 1 : 0;
    return true;
}

static bool read_scales(tn_graph *g, const tn_node *n, tn_resize *r, const int *axes, int count)
{
    const tn_tensor *t = need_floats(g, n, 2, "scales", count);
    for (int i = 0; t != NULL && i < count; i++)
        if (!set_scale(g, n, &r->axis[axes[i]], tn_tensor_get(t, i), false))
            return false;
    return t != NULL;
}

/* Sizes that only the run knows are the declared extents: tn_resize_late_check compares. */
static const tn_dim *find_sizes(tn_graph *g, const tn_node *n, const int *axes, int count, size_t *elements)
{
    tn_shape y;
    if (tn_is_early(g, n, 3))
        return tn_need_dims(g, n, 3, "sizes", elements);
    if (!tn_check_late(g, n, 3, "sizes", count) || !tn_need_declared(g, n, 3, "sizes", 0, &y))
        return NULL;
    tn_dim *d = TN_NEW_N(g->arena, tn_dim, count + 1);
    for (int i = 0; i < count && axes[i] < y.rank; i++)
        d[i] = y.dim[axes[i]];
    *elements = (size_t)count;
    return d;
}

static bool read_sizes(tn_graph *g, const tn_node *n, tn_resize *r, const int *axes, int count)
{
    int policy = r->policy;
    size_t elements = 0;
    const tn_dim *sizes = find_sizes(g, n, axes, count, &elements);
    if (sizes == NULL)
        return false;
    if (elements != (size_t)count)
        return tn_node_error(g, n, "sizes has %zu elements; %d are wanted", elements, count);
    double common = 0;
    for (int i = 0; i < count; i++) {
        tn_resize_axis *a = &r->axis[axes[i]];
        if (!set_size(g, n, a, sizes[i]))
            return false;
        if (policy != TN_STRETCH && !a->same && a->scale == 0)
            return refuse_policy(g, n, a);
        double s = a->same ? 1 : a->scale;
        if (i == 0 || (policy == 1 ? s < common : s > common))
            common = s;
    }
    for (int i = 0; i < count && policy != 0; i++) {
        tn_resize_axis *a = &r->axis[axes[i]];
        *a = (tn_resize_axis){.in = a->in, .out = a->in, .end = 1};
        if (!set_scale(g, n, a, common, true))
            return false;
    }
    return true;
}

static bool read_region(tn_graph *g, const tn_node *n, tn_resize *r, const int *axes, int count)
{
    if (!r->crops)
        return true;
    const tn_tensor *t = need_floats(g, n, 1, "roi", 2 * (int64_t)count);
    for (int i = 0; t != NULL && i < count; i++) {
        tn_resize_axis *a = &r->axis[axes[i]];
        a->begin = tn_tensor_get(t, i);
        a->end = tn_tensor_get(t, count + i);
        bool whole = a->begin == 0 && a->end == 1;
        if (tn_resize_is_symbolic(a) && !(whole && a->same))
            return tn_node_error(
                g, n, "tf_crop_and_resize is not supported with the symbolic dim %s; fix it with --input-shapes",
                tn_dim_text(g->arena, a->in.sym != NULL ? a->in : a->out));
        a->same = a->same && whole;
    }
    return t != NULL;
}

/* How far a widened kernel reaches, so how long its table is, must be known. */
static bool check_symbolic(tn_graph *g, const tn_node *n, const tn_resize *r)
{
    for (int i = 0; i < r->rank; i++) {
        const tn_resize_axis *a = &r->axis[i];
        if (!a->same && r->antialias && a->scale == 0 && tn_resize_is_symbolic(a))
            return tn_node_error(
                g, n,
                "antialias is not supported from %s to %s, a ratio that only the run knows; give scales, "
                "or fix the dims with --input-shapes",
                tn_dim_text(g->arena, a->in), tn_dim_text(g->arena, a->out));
    }
    return true;
}

/* The first input that makes the node late; 0 when there is none. */
static int find_late(tn_graph *g, const tn_node *n, const tn_resize *r)
{
    if (r->crops && given(n, 1) && n->in[1]->constant == NULL)
        return 1;
    if (!r->by_sizes)
        return given(n, 2) && n->in[2]->constant == NULL ? 2 : 0;
    return r->policy != TN_STRETCH && !tn_is_early(g, n, 3) ? 3 : 0;
}

static bool check_list(tn_graph *g, const tn_node *n, int i, const char *what, int count)
{
    const tn_value *v = n->in[i];
    bool fits = v->shape.rank == 1 && tn_dim_is(v->shape.dim[0], count) && tn_dtype_get(v->dtype)->is_float;
    return fits
        || tn_node_error(g, n, "%s (input %d) is %s; %d floats are wanted", what, i, tn_value_type(g->arena, v), count);
}

/* The output's extents are the declared ones, and tables are filled at run time. */
static bool read_late(tn_graph *g, const tn_node *n, tn_resize *r, int late)
{
    static const char *const inputs[] = {"X", "roi", "scales", "sizes"};
    const tn_shape *x = &n->in[0]->shape;
    tn_shape y;
    if (!tn_need_declared(g, n, late, inputs[late], 0, &y))
        return false;
    if ((r->crops && !check_list(g, n, 1, "roi", 2 * r->n_axes))
        || (r->by_sizes ? !tn_check_late(g, n, 3, "sizes", r->n_axes) : !check_list(g, n, 2, "scales", r->n_axes)))
        return false;
    bool fits = y.rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++)
        r->axis[i] = (tn_resize_axis){.in = x->dim[i], .out = y.dim[i], .same = true};
    for (int k = 0; fits && k < r->n_axes; k++) {
        tn_resize_axis *a = &r->axis[r->axes[k]];
        a->same = tn_dim_is(a->in, 1) && tn_dim_is(a->out, 1); /* its only element, whatever the scale */
        fits = a->same || tn_resize_is_symbolic(a) || a->in.n > 0 || a->out.n == 0;
    }
    for (int i = 0; fits && i < x->rank; i++)
        fits = !r->axis[i].same || tn_dim_same(r->axis[i].in, r->axis[i].out);
    r->late = true;
    if (!fits)
        return tn_node_error(g, n, "%s cannot be resized to %s, which the model declares, at run time",
                             tn_type_text(g->arena, n->in[0]->dtype, x), tn_type_text(g->arena, n->in[0]->dtype, &y));
    return check_symbolic(g, n, r);
}

bool tn_resize_read(tn_graph *g, const tn_node *n, tn_resize *out)
{
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
    const tn_shape *x = &n->in[0]->shape;
    int axes[TN_MAX_RANK + 1] = {0}, count = 0;
    tn_resize r = {.rank = x->rank};
    if (!read_modes(g, n, &r) || !read_axes(g, n, x->rank, axes, &count))
        return false;
    for (int i = 0; i < x->rank; i++)
        r.axis[i] = (tn_resize_axis){.in = x->dim[i],
                                     .out = x->dim[i],
                                     .scale = 1,
                                     .up = 1,
                                     .down = 1,
                                     .end = 1,
                                     .length = x->dim[i].sym != NULL ? 0 : (double)x->dim[i].n,
                                     .same = true};
    if (given(n, 2) == given(n, 3) && count > 0)
        return tn_node_error(g, n, "one of scales (input 2) and sizes (input 3) is wanted, not %s",
                             given(n, 2) ? "both" : "neither");
    if (r.crops && !given(n, 1))
        return tn_node_error(g, n, "tf_crop_and_resize needs the region, input 1 (roi)");
    r.by_sizes = given(n, 3);
    r.n_axes = count;
    memcpy(r.axes, axes, sizeof r.axes);
    if (!choose(g, n, "keep_aspect_ratio_policy", "stretch", 3, policies, &r.policy))
        return false;
    int late = find_late(g, n, &r);
    if (late != 0) {
        *out = r;
        return read_late(g, n, out, late);
    }
    if (given(n, 2) ? !read_scales(g, n, &r, axes, count) : given(n, 3) && !read_sizes(g, n, &r, axes, count))
        return false;
    if (!read_region(g, n, &r, axes, count) || !check_symbolic(g, n, &r))
        return false;
    if (!tn_dtype_get(n->in[0]->dtype)->is_float && !(fabs(r.extrapolation) < 1e9))
        return tn_node_error(g, n, "extrapolation_value is %g, too large for integers", r.extrapolation);
    *out = r;
    return true;
}

/* --- coordinates -------------------------------------------------------------------------------------------------- */

static double narrow(double x, bool to_float)
{
    return to_float ? (float)x : x;
}

/* x / scale; exact where the scale is a fraction, so that ties are ties. */
static double unscale(const tn_resize_axis *a, double x, bool single)
{
    if (a->up != 0)
        return x * (double)a->down / (double)a->up;
    return narrow(x / narrow(a->scale, single), single);
}

/* Where output element o lies in the input; single: every operation rounded to float. */
static double coordinate(const tn_resize *r, const tn_resize_axis *a, int64_t o, bool single)
{
    double in = (double)a->in.n, last = in - 1, x = (double)o;
    if (strcmp(r->coordinates, "align_corners") == 0)
        return a->length == 1 ? 0 : narrow(x * last / (a->length - 1), single);
    if (strcmp(r->coordinates, "asymmetric") == 0)
        return unscale(a, x, single);
    if (r->crops) {
        double span = (a->end - a->begin) * last;
        double at = a->length == 1 ? span / 2 : x * span / (a->length - 1);
        return narrow(at + a->begin * last, single);
    }
    if (strcmp(r->coordinates, "pytorch_half_pixel") == 0 && a->out.n == 1)
        return 0;
    double at = narrow(unscale(a, x + 0.5, single) - 0.5, single);
    if (strcmp(r->coordinates, "half_pixel_symmetric") == 0)
        at = narrow(at + in / 2 * (1 - (double)a->out.n / a->length), single);
    return at;
}

static int64_t nearest(double x, int rounding)
{
    switch (rounding) {
    case TN_PREFER_FLOOR: x = ceil(x - 0.5); break;
    case TN_PREFER_CEIL: x = floor(x + 0.5); break;
    case TN_FLOOR: x = floor(x); break;
    default: x = ceil(x); break;
    }
    return (int64_t)x;
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double weight_at(const tn_resize *r, double distance)
{
    if (r->mode == TN_RESIZE_CUBIC)
        return cubic(distance, r->cubic_a);
    return fabs(distance) < 1 ? 1 - fabs(distance) : 0;
}

/* Weights of n elements from first on for position x; widened by 1 / shrink when shrinking with antialias. They are
   made to sum to 1 whenever some were widened or left out. */
static void find_weights(const tn_resize *r, int64_t in, double x, int64_t first, double shrink, int64_t n, double *w)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        bool outside = first + k < 0 || first + k >= in;
        w[k] = r->exclude_outside && outside ? 0 : weight_at(r, ((double)(first + k) - x) * shrink);
        sum += w[k];
    }
    for (int64_t k = 0; k < n && sum != 0 && (r->antialias || r->exclude_outside); k++)
        w[k] /= sum;
}

static int64_t limit(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static void fill_taps(tn_graph *g, const tn_resize *r, const tn_resize_axis *a, tn_resize_taps *t)
{
    bool single = r->mode == TN_RESIZE_NEAREST;
    double shrink = r->antialias && a->scale < 1 ? a->scale : 1;
    double *w = TN_NEW_N(g->arena, double, t->n);
    for (int64_t o = 0; o < a->out.n; o++) {
        double x = coordinate(r, a, o, single);
        if (r->crops)
            tn_tensor_set_int(t->outside, o, x < 0 || x > (double)(a->in.n - 1));
        x = !(x > -1e9) ? -1e9 : x > 1e9 ? 1e9 : x; /* a region far outside, or not a number */
        if (single) {
            tn_tensor_set_int(t->index, o, limit(nearest(x, r->rounding), a->in.n));
            continue;
        }
        int64_t first = (int64_t)floor(x) + 1 - t->n / 2;
        find_weights(r, a->in.n, x, first, shrink, t->n, w);
        for (int64_t k = 0; k < t->n; k++) {
            tn_tensor_set_int(t->index, o * t->n + k, limit(first + k, a->in.n));
            tn_tensor_set(t->weight, o * t->n + k, w[k]);
        }
    }
}

bool tn_resize_find_taps(tn_graph *g, const tn_node *n, const tn_resize *r, const tn_resize_axis *a,
                         tn_resize_taps *out)
{
    tn_resize_taps t = {.n = r->mode == TN_RESIZE_NEAREST ? 1 : r->mode == TN_RESIZE_LINEAR ? 2 : 4};
    if (r->antialias && a->scale < 1)
        t.n = -2 * (int64_t)floor(-(double)t.n / 2 / a->scale);
    if (t.n > ((int64_t)1 << 28) / a->out.n)
        return tn_node_error(g, n, "resizing %lld to %lld elements needs too large a table", (long long)a->in.n,
                             (long long)a->out.n);
    bool nearest_only = r->mode == TN_RESIZE_NEAREST;
    tn_shape s = tn_shape_fixed(nearest_only ? 1 : 2, (int64_t[]){a->out.n, t.n}), row = s;
    row.rank = 1;
    t.index = tn_tensor_make(g->arena, TN_INT32, &s);
    t.weight = nearest_only ? NULL : tn_tensor_make(g->arena, n->in[0]->dtype == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT, &s);
    t.outside = r->crops ? tn_tensor_make(g->arena, TN_BOOL, &row) : NULL;
    fill_taps(g, r, a, &t);
    *out = t;
    return true;
}
