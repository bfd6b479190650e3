/* Resize of symbolic dims, or with scales, a policy of sizes or a region that only the run knows: what resize_plan.c finds at
   compile time, as computations that fill the same tables before they are read. The tables of a symbolic dim are as long as
   its bound. With late scales and the like the output has the declared shape, which is checked.

       position[o] = (o + 0.5) / scale - 0.5        index[o,k] = limit(floor(position[o]) + k, 0, in - 1)
                                                    weight[o,k] = 1 - |k - fraction|

   Positions and weights are found in double, those of nearest rounded to float at each step, as there; of late scales in
   float. */
#include <math.h>

#include "ops/late.h"
#include "ops/resize.h"

/* What the run says of one axis, in the type that positions are found in. */
typedef struct late_axis {
    tn_dtype t;
    const tn_expr *scale, *length; /* length: scale * in */
    const tn_expr *up, *down;      /* scale as the fraction up / down, so that ties are ties; NULL when it is none */
    const tn_expr *begin, *end;    /* of the region */
} late_axis;

static const tn_expr *number(tn_program *p, const late_axis *a, double x)
{
    return tn_number(p, a->t, x);
}

static const tn_expr *extent(tn_program *p, tn_dtype t, tn_dim d)
{
    return d.sym == NULL ? tn_number(p, t, (double)d.n) : tn_cast(p, t, tn_dim_expr(p, d));
}

static tn_dim last_of(tn_program *p, const tn_resize_axis *x)
{
    return tn_dim_do(p->arena, TN_SYM_SUB, x->in, tn_dim_fixed(1));
}

static const tn_expr *load_float(tn_program *p, const tn_value *v, int64_t k, tn_dtype t)
{
    const tn_expr *at = tn_index(p, k);
    return tn_cast(p, t, tn_load(p, tn_buf_of(p, v), &at));
}

/* The sizes' scales: one for all axes when the aspect ratio is kept. */
static const tn_expr *scale_of_sizes(tn_program *p, const tn_node *n, const tn_resize *r)
{
    tn_scalar_op op = r->policy == TN_NOT_LARGER ? TN_OP_MIN : TN_OP_MAX;
    const tn_expr *common = NULL;
    for (int k = 0; k < r->n_axes; k++) {
        const tn_expr *size = tn_cast(p, TN_DOUBLE, tn_late_int(p, n->in[3], k));
        const tn_expr *s = tn_div(p, size, extent(p, TN_DOUBLE, r->axis[r->axes[k]].in));
        common = common == NULL ? s : tn_op2(p, op, common, s);
    }
    return common;
}

static late_axis read_axis(tn_program *p, const tn_node *n, const tn_resize *r, int k)
{
    const tn_resize_axis *x = &r->axis[r->axes[k]];
    late_axis a = {.t = r->late && r->mode == TN_RESIZE_NEAREST ? TN_FLOAT : TN_DOUBLE};
    const tn_expr *in = extent(p, a.t, x->in), *out = extent(p, a.t, x->out);
    if (r->by_sizes && r->policy == TN_STRETCH) {
        a.scale = tn_div(p, out, in);
        a.length = out;
        a.up = out, a.down = in;
    } else {
        a.scale = !r->late    ? number(p, &a, x->scale)
                : r->by_sizes ? tn_cast(p, a.t, scale_of_sizes(p, n, r))
                              : load_float(p, n->in[2], k, a.t);
        a.length = tn_mul(p, a.scale, in);
    }
    if (x->up != 0)
        a.up = number(p, &a, (double)x->up), a.down = number(p, &a, (double)x->down);
    a.begin = r->crops ? load_float(p, n->in[1], k, a.t) : number(p, &a, 0);
    a.end = r->crops ? load_float(p, n->in[1], r->n_axes + k, a.t) : number(p, &a, 1);
    return a;
}

/* --- the declared shape --------------------------------------------------------------------------------------------- */

/* out is the length rounded down, in float as in ONNX; of a policy, rounded to nearest. */
static const tn_expr *makes_out(tn_program *p, const tn_node *n, const tn_resize *r, int k)
{
    const tn_resize_axis *x = &r->axis[r->axes[k]];
    tn_dtype t = r->by_sizes ? TN_DOUBLE : TN_FLOAT;
    const tn_expr *in = extent(p, t, x->in), *out = extent(p, t, x->out), *length;
    if (r->by_sizes)
        length = tn_add(p, tn_mul(p, scale_of_sizes(p, n, r), in), tn_number(p, t, 0.5));
    else
        length = tn_mul(p, in, load_float(p, n->in[2], k, t));
    return tn_is(p, tn_op1(p, TN_OP_FLOOR, length), out);
}

void tn_resize_late_check(tn_program *p, const tn_node *n, const tn_resize *r)
{
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1);
    if (r->by_sizes && r->policy == TN_STRETCH) {
        tn_dim sizes[TN_MAX_RANK];
        for (int k = 0; k < r->n_axes; k++)
            sizes[k] = r->axis[r->axes[k]].out;
        tn_late_check_dims(p, n, 3, r->n_axes, sizes);
        return;
    }
    for (int k = 0; k < r->n_axes; k++)
        agrees = tn_and(p, agrees, makes_out(p, n, r, k));
    tn_late_check(p, n, agrees);
}

void tn_resize_late_check_empty(tn_program *p, const tn_node *n, const tn_resize *r)
{
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1);
    for (int i = 0; r->by_sizes && i < r->rank; i++) { /* by a scale nothing stays nothing */
        const tn_resize_axis *x = &r->axis[i];
        if (x->same || !tn_resize_is_symbolic(x) || x->scale != 0 || tn_dim_low(x->in) > 0)
            continue;
        const tn_expr *one = tn_index(p, 1), *some = tn_le(p, one, tn_dim_expr(p, x->in));
        agrees = tn_and(p, agrees, tn_either(p, some, tn_lt(p, tn_dim_expr(p, x->out), one)));
    }
    tn_late_check(p, n, agrees);
}

/* --- positions ------------------------------------------------------------------------------------------------------ */

/* These are narrow(), unscale() and coordinate() of resize_plan.c; tests/ops/test_resize.c holds them together. */
static const tn_expr *narrow(tn_program *p, const tn_expr *x, bool to_float)
{
    return to_float ? tn_cast(p, x->dtype, tn_cast(p, TN_FLOAT, x)) : x;
}

static const tn_expr *unscale(tn_program *p, const late_axis *a, const tn_expr *x, bool single)
{
    if (a->up != NULL)
        return tn_div(p, tn_mul(p, x, a->down), a->up);
    return narrow(p, tn_div(p, x, a->scale), single);
}

/* Where output element o lies in the input. */
static const tn_expr *position(tn_program *p, const tn_resize *r, const tn_resize_axis *x, const late_axis *a,
                               const tn_expr *o)
{
    const tn_expr *one = number(p, a, 1), *half = number(p, a, 0.5), *zero = number(p, a, 0);
    const tn_expr *last = extent(p, a->t, last_of(p, x)), *steps = tn_sub(p, a->length, one);
    const tn_expr *alone = tn_is(p, a->length, one);
    bool single = r->mode == TN_RESIZE_NEAREST;
    if (strcmp(r->coordinates, "align_corners") == 0)
        return tn_select(p, alone, zero, narrow(p, tn_div(p, tn_mul(p, o, last), steps), single));
    if (strcmp(r->coordinates, "asymmetric") == 0)
        return unscale(p, a, o, single);
    if (r->crops) {
        const tn_expr *span = tn_mul(p, tn_sub(p, a->end, a->begin), last);
        const tn_expr *at = tn_select(p, alone, tn_mul(p, span, half), tn_div(p, tn_mul(p, o, span), steps));
        return tn_add(p, at, tn_mul(p, a->begin, last));
    }
    const tn_expr *at = tn_sub(p, unscale(p, a, tn_add(p, o, half), single), half), *out = extent(p, a->t, x->out);
    at = narrow(p, at, single);
    if (strcmp(r->coordinates, "pytorch_half_pixel") == 0 && tn_dim_low(x->out) <= 1)
        at = tn_select(p, tn_is(p, out, one), zero, at);
    if (strcmp(r->coordinates, "half_pixel_symmetric") == 0) {
        const tn_expr *rest = tn_sub(p, one, tn_div(p, out, a->length));
        at = narrow(p, tn_add(p, at, tn_mul(p, tn_mul(p, extent(p, a->t, x->in), half), rest)), single);
    }
    return at;
}

static tn_buf *find_positions(tn_program *p, const tn_node *n, const tn_resize *r, const tn_resize_axis *x,
                              const late_axis *a)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "position", a->t, 1, &x->out));
    const tn_expr *far = number(p, a, 1e9), *at = position(p, r, x, a, tn_cast(p, a->t, c->at[0]));
    if (r->late) { /* what the run gives may be any number, or none */
        at = tn_select(p, tn_lt(p, tn_sub(p, number(p, a, 0), far), at), at, tn_sub(p, number(p, a, 0), far));
        at = tn_select(p, tn_lt(p, at, far), at, far);
    }
    tn_comp_set(p, c, at);
    return c->out;
}

/* --- indices and weights -------------------------------------------------------------------------------------------- */

static const tn_expr *limited(tn_program *p, const tn_resize_axis *x, const tn_expr *i)
{
    i = tn_max(p, tn_min(p, i, tn_dim_expr(p, last_of(p, x))), tn_index(p, 0));
    return tn_cast(p, TN_INT32, i);
}

static const tn_expr *rounded(tn_program *p, const tn_resize *r, const tn_expr *x)
{
    const tn_expr *half = tn_number(p, x->dtype, 0.5);
    switch (r->rounding) {
    case TN_PREFER_FLOOR: return tn_op1(p, TN_OP_CEIL, tn_sub(p, x, half));
    case TN_PREFER_CEIL: return tn_op1(p, TN_OP_FLOOR, tn_add(p, x, half));
    case TN_FLOOR: return tn_op1(p, TN_OP_FLOOR, x);
    default: return tn_op1(p, TN_OP_CEIL, x);
    }
}

static const tn_expr *cubic(tn_program *p, const tn_expr *d, double a)
{
    const tn_expr *near, *away;
    const tn_expr *c[7];
    const double factor[7] = {a + 2, a + 3, 1, a, 5 * a, 8 * a, 4 * a};
    for (int i = 0; i < 7; i++)
        c[i] = tn_number(p, d->dtype, factor[i]);
    near = tn_add(p, tn_mul(p, tn_mul(p, tn_sub(p, tn_mul(p, c[0], d), c[1]), d), d), c[2]);
    away = tn_sub(p, tn_mul(p, c[3], d), c[4]);
    away = tn_sub(p, tn_mul(p, tn_add(p, tn_mul(p, away, d), c[5]), d), c[6]);
    away = tn_select(p, tn_lt(p, d, tn_number(p, d->dtype, 2)), away, tn_number(p, d->dtype, 0));
    return tn_select(p, tn_le(p, d, c[2]), near, away);
}

static const tn_expr *weight_at(tn_program *p, const tn_resize *r, const tn_expr *distance)
{
    const tn_expr *d = tn_op1(p, TN_OP_ABS, distance), *zero = tn_number(p, d->dtype, 0);
    if (r->mode == TN_RESIZE_CUBIC)
        return cubic(p, d, r->cubic_a);
    return tn_max(p, tn_sub(p, tn_number(p, d->dtype, 1), d), zero);
}

/* Element k of the taps around a position: floor(position) + 1 - taps / 2 + k. */
static const tn_expr *tap(tn_program *p, const tn_resize_taps *t, const tn_expr *x, const tn_expr *k)
{
    const tn_expr *floor = tn_cast(p, TN_INDEX, tn_op1(p, TN_OP_FLOOR, x));
    return tn_add(p, tn_add(p, floor, tn_index(p, 1 - t->n / 2)), k);
}

static const tn_expr *raw_weight(tn_program *p, const tn_resize *r, const tn_resize_axis *x, const late_axis *a,
                                 const tn_expr *at, const tn_expr *tap)
{
    const tn_expr *one = number(p, a, 1), *distance = tn_sub(p, tn_cast(p, a->t, tap), at);
    if (r->antialias)
        distance = tn_mul(p, distance, tn_min(p, a->scale, one));
    const tn_expr *w = weight_at(p, r, distance), *zero = number(p, a, 0);
    if (!r->exclude_outside)
        return w;
    const tn_expr *inside = tn_and(p, tn_le(p, tn_index(p, 0), tap), tn_lt(p, tap, tn_dim_expr(p, x->in)));
    return tn_select(p, inside, w, zero);
}

/* Made to sum to 1 where some were widened or left out. */
static tn_buf *find_weights(tn_program *p, const tn_node *n, const tn_resize *r, const tn_resize_axis *x,
                            const late_axis *a, const tn_resize_taps *t, tn_buf *positions)
{
    const tn_dim dims[2] = {x->out, tn_dim_fixed(t->n)};
    tn_buf *sums = NULL;
    if (r->antialias || r->exclude_outside) {
        tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "sum", a->t, 1, dims));
        const tn_expr *k = tn_reduce_over(p, c, dims[1]), *at = tn_load(p, positions, c->at);
        const tn_expr *w = raw_weight(p, r, x, a, at, tap(p, t, at, k));
        tn_comp_reduce(p, c, TN_OP_ADD, number(p, a, 0), w, NULL);
        sums = c->out;
    }
    tn_dtype to = n->in[0]->dtype == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "weights", to, 2, dims));
    const tn_expr *at = tn_load(p, positions, c->at), *w = raw_weight(p, r, x, a, at, tap(p, t, at, c->at[1]));
    if (sums != NULL) {
        const tn_expr *sum = tn_load(p, sums, c->at), *zero = number(p, a, 0);
        w = tn_select(p, tn_is(p, sum, zero), w, tn_div(p, w, sum));
    }
    tn_comp_set(p, c, w);
    return c->out;
}

static tn_buf *find_outside(tn_program *p, const tn_node *n, const tn_resize_axis *x, const late_axis *a,
                            tn_buf *positions)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "outside", TN_BOOL, 1, &x->out));
    const tn_expr *at = tn_load(p, positions, c->at);
    const tn_expr *below = tn_lt(p, at, number(p, a, 0)), *above = tn_lt(p, extent(p, a->t, last_of(p, x)), at);
    tn_comp_set(p, c, tn_either(p, below, above));
    return c->out;
}

/* At the scale, or the least one that gives the declared extent, the widened kernel reaches furthest; taps beyond it weigh 0. */
static int64_t most_taps(const tn_resize *r, const tn_resize_axis *x)
{
    double taps = r->mode == TN_RESIZE_LINEAR ? 2 : 4;
    double least = x->scale != 0 ? x->scale : ((double)x->out.n - 0.5) / (double)x->in.n;
    return r->antialias && least < 1 ? 2 * (int64_t)ceil(taps / 2 / least) : (int64_t)taps;
}

void tn_resize_late_taps(tn_program *p, const tn_node *n, const tn_resize *r, int axis, tn_resize_taps *out)
{
    int k = 0;
    while (r->axes[k] != axis)
        k++;
    const tn_resize_axis *x = &r->axis[axis];
    const late_axis a = read_axis(p, n, r, k);
    tn_buf *positions = find_positions(p, n, r, x, &a);
    bool nearest = r->mode == TN_RESIZE_NEAREST;
    *out = (tn_resize_taps){.n = nearest ? 1 : most_taps(r, x)};
    const tn_dim dims[2] = {x->out, tn_dim_fixed(out->n)};
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, nearest ? "nearest" : "taps", TN_INT32, nearest ? 1 : 2, dims));
    const tn_expr *at = tn_load(p, positions, c->at);
    const tn_expr *i = nearest ? tn_cast(p, TN_INDEX, rounded(p, r, at)) : tap(p, out, at, c->at[1]);
    tn_comp_set(p, c, limited(p, x, i));
    out->index_at = c->out;
    out->weight_at = nearest ? NULL : find_weights(p, n, r, x, &a, out, positions);
    out->outside_at = r->crops ? find_outside(p, n, x, &a, positions) : NULL;
}
