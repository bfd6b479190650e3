/* Resize: nearest copies elements, linear and cubic mix them by weights from tables.

       nearest          y[o] = x[index of o]       the index an expression where it is simple (o / 2), else from a table
       linear           axes of y   reduce one tap per resized axis    weight products * x[indices]
       cubic, antialias one such computation for each resized axis in turn, over temporaries

   Integers are interpolated in float (int32 in double), rounded half to even and saturated. */
#include "ops/resize.h"

#include "ops/late.h"
#include "ops/ops.h"
#include "ops/quant.h"

static tn_dtype compute_of(tn_dtype t)
{
    const tn_dtype_info *info = tn_dtype_get(t);
    return info->is_float ? info->compute : info->size <= 2 ? TN_FLOAT : TN_DOUBLE;
}

bool tn_infer_resize(tn_graph *g, tn_node *n)
{
    tn_resize r;
    const tn_value *x = n->in[0];
    tn_shape y = x->shape;
    unsigned mixes = TN_T_FLOATS | TN_T_QUANT | TN_BIT(TN_INT32);
    if (!tn_resize_read(g, n, &r))
        return false;
    if (r.mode != TN_RESIZE_NEAREST && !tn_quant_check_type(g, n, 0, mixes))
        return false;
    for (int i = 0; i < y.rank; i++)
        y.dim[i] = r.axis[i].out;
    tn_set_output(n, 0, x->dtype, &y);
    return true;
}

static tn_buf *constant(tn_program *p, const char *name, const tn_tensor *t)
{
    tn_buf *b = tn_buf_temp(p, name, t->dtype, t->shape.rank, t->shape.dim);
    b->scope = TN_SCOPE_CONST;
    b->data = t;
    return b;
}

/* A table of the compiler's, or of the run's. */
static tn_buf *table(tn_program *p, const char *name, const tn_tensor *t, tn_buf *late)
{
    return late != NULL ? late : constant(p, name, t);
}

static bool has_outside(const tn_resize_taps *t)
{
    return t->outside != NULL || t->outside_at != NULL;
}

static const tn_expr *outside_of(tn_program *p, const tn_resize_taps *t, const tn_expr *o)
{
    return tn_load(p, table(p, "outside", t->outside, t->outside_at), &o);
}

static bool find_taps(tn_program *p, const tn_node *n, const tn_resize *r, int axis, tn_resize_taps *t)
{
    if (!r->late && !tn_resize_is_symbolic(&r->axis[axis]))
        return tn_resize_find_taps(p->graph, n, r, &r->axis[axis], t);
    tn_resize_late_taps(p, n, r, axis, t);
    return true;
}

static const tn_expr *either(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return x == NULL ? y : tn_op2(p, TN_OP_OR, x, y);
}

/* --- nearest ------------------------------------------------------------------------------------------------------ */

/* The index as an expression, for scales up / down and coordinates that depend on the scale alone: the coordinate is
   n / (2 up), n = 2 o down, or (2 o + 1) down - up for half pixels. Rounding it is a division of integers, as
   ceil(n / d) = floor((n + d - 1) / d) and round(n / d) = floor((n + up) / d), ties going up, or (n + up - 1) down;
   floor((2 x + a) / (2 up)) = floor((x + floor(a / 2)) / up). */
static const tn_expr *fraction_index(tn_program *p, const tn_resize *r, const tn_resize_axis *a, const tn_expr *o,
                                     const tn_expr *extent)
{
    bool plain = strcmp(r->coordinates, "asymmetric") == 0;
    int64_t add = plain ? 0 : a->down - a->up;
    switch (r->rounding) {
    case TN_PREFER_FLOOR: add += a->up - 1; break;
    case TN_PREFER_CEIL: add += a->up; break;
    case TN_CEIL: add += 2 * a->up - 1; break;
    default: break;
    }
    add = (add - (add % 2 != 0 && add < 0)) / 2;
    const tn_expr *x = tn_add(p, tn_mul(p, o, tn_index(p, a->down)), tn_index(p, add));
    x = tn_op2(p, TN_OP_FDIV, x, tn_index(p, a->up));
    return tn_max(p, tn_index(p, 0), tn_min(p, x, tn_sub(p, extent, tn_index(p, 1))));
}

/* A division by a constant is cheaper than a table; a multiplication and a division are not. */
static bool has_fraction(const tn_resize *r, const tn_resize_axis *a)
{
    bool by_scale = !r->crops && strcmp(r->coordinates, "align_corners") != 0 && !tn_dim_is(a->out, 1);
    bool plain = strcmp(r->coordinates, "half_pixel") == 0 || strcmp(r->coordinates, "asymmetric") == 0;
    bool whole = tn_resize_is_symbolic(a) ? plain || a->down == 1 /* half_pixel_symmetric is half_pixel */
                                          : (double)a->out.n == a->length;
    return by_scale && whole && (a->up == 1 || a->down == 1);
}

static bool lower_nearest(tn_program *p, const tn_node *n, const tn_resize *r)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *outside = NULL;
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < r->rank; i++) {
        const tn_resize_axis *a = &r->axis[i];
        tn_resize_taps t;
        at[i] = c->at[i];
        if (a->same)
            continue;
        if (!r->late && has_fraction(r, a)) {
            at[i] = fraction_index(p, r, a, c->at[i], x->dim[i]);
            continue;
        }
        if (!find_taps(p, n, r, i, &t))
            return false;
        at[i] = tn_cast(p, TN_INDEX, tn_load(p, table(p, "nearest", t.index, t.index_at), &c->at[i]));
        if (has_outside(&t))
            outside = either(p, outside, outside_of(p, &t, c->at[i]));
    }
    const tn_expr *e = tn_load(p, x, at);
    if (outside != NULL)
        e = tn_select(p, outside, tn_number(p, e->dtype, r->extrapolation), e);
    tn_comp_set(p, c, e);
    return true;
}

/* --- linear, cubic ------------------------------------------------------------------------------------------------ */

static const tn_expr *to_type(tn_program *p, const tn_expr *x, tn_dtype t)
{
    if (tn_dtype_get(t)->is_float)
        return tn_cast(p, t, x);
    return tn_quantise(p, x, tn_integer(p, TN_INT32, 0), t);
}

/* One computation over the axes first .. last that change: from x to out. outside, when not NULL, is applied. */
static void lower_mix(tn_program *p, const tn_node *n, const tn_resize *r, const tn_resize_taps *taps, int first,
                      int last, tn_buf *x, tn_buf *out)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *weight = NULL, *outside = NULL;
    tn_dtype dt = compute_of(n->in[0]->dtype);
    bool final = out->value != NULL;
    tn_comp *c = tn_comp_begin(p, n, out);
    for (int i = 0; i < r->rank; i++) {
        at[i] = c->at[i];
        if (!r->axis[i].same && final && has_outside(&taps[i]))
            outside = either(p, outside, outside_of(p, &taps[i], c->at[i]));
        if (r->axis[i].same || i < first || i > last)
            continue;
        const tn_expr *site[2] = {c->at[i], tn_reduce_over(p, c, tn_dim_fixed(taps[i].n))};
        const tn_expr *w = tn_load(p, table(p, "weights", taps[i].weight, taps[i].weight_at), site);
        at[i] = tn_cast(p, TN_INDEX, tn_load(p, table(p, "taps", taps[i].index, taps[i].index_at), site));
        weight = weight == NULL ? tn_cast(p, dt, w) : tn_mul(p, weight, tn_cast(p, dt, w));
    }
    const tn_expr *e = tn_cast(p, dt, tn_load(p, x, at)), *acc = tn_comp_acc(p, c, dt);
    if (outside != NULL)
        acc = tn_select(p, outside, tn_number(p, dt, r->extrapolation), acc);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, dt, 0), tn_mul(p, e, weight), to_type(p, acc, out->dtype));
}

static bool lower_interpolated(tn_program *p, const tn_node *n, const tn_resize *r)
{
    tn_resize_taps taps[TN_MAX_RANK] = {{0}};
    tn_dim dims[TN_MAX_RANK];
    int last = -1;
    for (int i = 0; i < r->rank; i++) {
        dims[i] = r->axis[i].in;
        if (r->axis[i].same)
            continue;
        last = i;
        if (!find_taps(p, n, r, i, &taps[i]))
            return false;
    }
    tn_buf *x = tn_buf_of(p, n->in[0]), *out = tn_buf_of(p, n->out[0]);
    if (r->mode == TN_RESIZE_LINEAR && !r->antialias) {
        lower_mix(p, n, r, taps, 0, last, x, out);
        return true;
    }
    for (int i = 0; i <= last; i++) {
        if (r->axis[i].same)
            continue;
        dims[i] = r->axis[i].out;
        tn_buf *to = i == last ? out : tn_buf_temp(p, "resized", compute_of(n->in[0]->dtype), r->rank, dims);
        lower_mix(p, n, r, taps, i, i, x, to);
        x = to;
    }
    return true;
}

static void lower_copy(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_comp_set(p, c, tn_load(p, tn_buf_of(p, n->in[0]), c->at));
}

/* Of no elements: no table says where they come from. */
static void lower_empty(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_comp_set(p, c, tn_number(p, n->out[0]->dtype, 0));
}

bool tn_lower_resize(tn_program *p, const tn_node *n)
{
    tn_resize r;
    bool same = true, empty = false;
    if (!tn_resize_read(p->graph, n, &r))
        return false;
    for (int i = 0; i < r.rank; i++) {
        same = same && r.axis[i].same;
        empty = empty || tn_dim_is(r.axis[i].out, 0);
    }
    if (r.late || (r.by_sizes && !tn_is_early(p->graph, n, 3)))
        tn_resize_late_check(p, n, &r);
    tn_resize_late_check_empty(p, n, &r);
    if (empty)
        lower_empty(p, n);
    else if (same)
        lower_copy(p, n);
    else
        return r.mode == TN_RESIZE_NEAREST ? lower_nearest(p, n, &r) : lower_interpolated(p, n, &r);
    return true;
}
