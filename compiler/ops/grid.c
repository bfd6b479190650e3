/* Operators that place a grid over something: AffineGrid, RoiAlign, MaxRoiPool, TensorScatter.

       AffineGrid      grid[n,h,w] = theta[n] * (x, y, 1)          x, y: the pixel's place in -1 .. 1
       RoiAlign        y[r,c,i,j] = mean or maximum of samples of x[batch[r], c], spread evenly over bin (i, j) of the box
       MaxRoiPool      y[r,c,i,j] = maximum of the pixels of x[rois[r,0], c] in bin (i, j) of the box, 0 where there are none
       TensorScatter   y = past, but update from position write[b] on along one axis */
#include "ops/late.h"
#include "ops/quant.h"

#include <math.h>

/* --- AffineGrid ----------------------------------------------------------------------------------------------------- */

/* size [N,C,H,W] and theta [N,2,3], or [N,C,D,H,W] and [N,3,4]. */
bool tn_infer_affine_grid(tn_graph *g, tn_node *n)
{
    const tn_shape *theta = &n->in[0]->shape;
    tn_shape s = {.known = true};
    size_t count = 0;
    bool fits = theta->rank == 3 && (tn_dim_is(theta->dim[1], 2) || tn_dim_is(theta->dim[1], 3))
             && tn_dim_is(theta->dim[2], theta->dim[1].n + 1);
    if (!fits)
        return tn_node_error(g, n, "'%s' is %s; [N,2,3] or [N,3,4] is wanted", n->in[0]->name,
                             tn_type_text(g->arena, n->in[0]->dtype, theta));
    int spatial = (int)theta->dim[1].n;
    if (!tn_is_early(g, n, 1)) {
        if (!tn_check_late(g, n, 1, "size", spatial + 2) || !tn_need_declared(g, n, 1, "size", 0, &s))
            return false;
    } else {
        const tn_dim *size = tn_need_dims(g, n, 1, "size", &count);
        if (size == NULL)
            return false;
        s.rank = spatial + 2;
        for (int i = 0; i <= spatial && count == (size_t)spatial + 2; i++)
            s.dim[i] = size[i == 0 ? 0 : i + 1];
        s.dim[spatial + 1] = theta->dim[1];
    }
    bool agrees = s.rank == spatial + 2 && tn_dim_same(s.dim[0], theta->dim[0]);
    if (!agrees || !tn_dim_same(s.dim[spatial + 1], theta->dim[1]) || (count != 0 && count != (size_t)spatial + 2))
        return tn_node_error(g, n, "size (input 1) does not fit '%s', which is %s", n->in[0]->name,
                             tn_type_text(g->arena, n->in[0]->dtype, theta));
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

static void check_grid_size(tn_program *p, const tn_node *n)
{
    const tn_shape *s = &n->out[0]->shape;
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1);
    if (tn_is_early(p->graph, n, 1))
        return;
    for (int i = 0; i < s->rank - 1; i++) {
        const tn_expr *given = tn_late_int(p, n->in[1], i == 0 ? 0 : i + 1);
        agrees = tn_and(p, agrees, tn_is(p, given, tn_late_dim(p, s->dim[i])));
    }
    tn_late_check(p, n, agrees);
}

/* The place of pixel i of so many in -1 .. 1: the outer pixels' centres are the ends, or their outer edges. */
static const tn_expr *place_of(tn_program *p, tn_dtype t, const tn_expr *i, const tn_expr *extent, bool align)
{
    const tn_expr *one = tn_number(p, t, 1), *two = tn_number(p, t, 2), *at = tn_cast(p, t, i);
    const tn_expr *count = tn_cast(p, t, extent);
    if (!align)
        return tn_sub(p, tn_div(p, tn_add(p, tn_mul(p, two, at), one), count), one);
    const tn_expr *last = tn_sub(p, count, one), *place = tn_sub(p, tn_div(p, tn_mul(p, two, at), last), one);
    return tn_select(p, tn_lt(p, tn_index(p, 1), extent), place, tn_number(p, t, 0)); /* one pixel is in the middle */
}

bool tn_lower_affine_grid(tn_program *p, const tn_node *n)
{
    check_grid_size(p, n);
    bool align = tn_node_int(n, "align_corners", 0) != 0;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_buf *theta = tn_buf_of(p, n->in[0]);
    int spatial = c->n_axis - 2;
    const tn_expr *at[] = {c->at[0], c->at[spatial + 1], tn_index(p, spatial)}, *sum = tn_load(p, theta, at);
    for (int i = 0; i < spatial; i++) { /* x is the last spatial dim */
        const tn_expr *place = place_of(p, sum->dtype, c->at[spatial - i], c->axis[spatial - i].extent, align);
        at[2] = tn_index(p, i);
        sum = tn_add(p, sum, tn_mul(p, tn_load(p, theta, at), place));
    }
    tn_comp_set(p, c, sum);
    return true;
}

/* --- TensorScatter -------------------------------------------------------------------------------------------------- */

static bool scatter_axis(tn_graph *g, const tn_node *n, int *axis)
{
    if (!tn_node_axis(g, n, tn_node_int(n, "axis", -2), n->in[0]->shape.rank, axis))
        return false;
    return *axis > 0 || tn_node_error(g, n, "axis 0 is the batch; another one is wanted");
}

bool tn_infer_tensor_scatter(tn_graph *g, tn_node *n)
{
    const tn_shape *past = &n->in[0]->shape, *update = &n->in[1]->shape;
    const char *mode = tn_node_string(n, "mode", "linear");
    int axis = 0;
    if (!scatter_axis(g, n, &axis))
        return false;
    if (strcmp(mode, "linear") != 0 && strcmp(mode, "circular") != 0)
        return tn_node_error(g, n, "mode is '%s'; linear or circular is wanted", mode);
    bool fits =
        past->rank == update->rank && n->in[0]->dtype == n->in[1]->dtype && update->dim[axis].n <= past->dim[axis].n;
    for (int i = 0; i < past->rank && fits; i++)
        fits = i == axis || tn_dim_same(past->dim[i], update->dim[i]);
    if (!fits)
        return tn_node_error(g, n, "'%s' is %s, which does not fit into '%s', %s, along axis %d", n->in[1]->name,
                             tn_type_text(g->arena, n->in[1]->dtype, update), n->in[0]->name,
                             tn_type_text(g->arena, n->in[0]->dtype, past), axis);
    if (tn_has_input(n, 2) && (n->in[2]->shape.rank != 1 || !tn_dim_same(n->in[2]->shape.dim[0], past->dim[0])))
        return tn_node_error(g, n, "'%s' is %s; one index for each of the batch is wanted", n->in[2]->name,
                             tn_value_type(g->arena, n->in[2]));
    return tn_infer_first(g, n);
}

/* Each element looks whether the update covers it: position - write is inside the update. */
bool tn_lower_tensor_scatter(tn_program *p, const tn_node *n)
{
    int axis = 0;
    if (!scatter_axis(p->graph, n, &axis))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *at[TN_MAX_RANK], *from = c->at[axis];
    memcpy(at, c->at, sizeof at);
    if (tn_has_input(n, 2)) {
        const tn_expr *write = tn_load(p, tn_buf_of(p, n->in[2]), c->at);
        from = tn_sub(p, from, tn_late_index(p, write));
    }
    if (strcmp(tn_node_string(n, "mode", "linear"), "circular") == 0)
        from = tn_op2(p, TN_OP_MOD, from, c->axis[axis].extent);
    at[axis] = from;
    tn_buf *update = tn_buf_of(p, n->in[1]);
    const tn_expr *inside = tn_and(p, tn_le(p, tn_index(p, 0), from), tn_lt(p, from, update->dim[axis]));
    tn_comp_set(p, c, tn_select(p, inside, tn_load_stored(p, n->in[1], at), tn_load_stored(p, n->in[0], c->at)));
    return true;
}

/* --- RoiAlign ------------------------------------------------------------------------------------------------------- */

/* How many bins a box has along one side, 0: x, 1: y. */
static int64_t bins_of(const tn_node *n, int side)
{
    return tn_node_int(n, side == 0 ? "output_width" : "output_height", 1);
}

bool tn_infer_roi_align(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *rois = &n->in[1]->shape, *batch = &n->in[2]->shape;
    const char *mode = tn_node_string(n, "mode", "avg");
    if (x->rank != 4 || rois->rank != 2 || !tn_dim_is(rois->dim[1], 4) || batch->rank != 1
        || !tn_dim_same(rois->dim[0], batch->dim[0]) || n->in[0]->dtype != n->in[1]->dtype)
        return tn_node_error(g, n, "inputs %s, %s, %s; [N,C,H,W], boxes [R,4] of its type and [R] are wanted",
                             tn_type_text(g->arena, n->in[0]->dtype, x), tn_type_text(g->arena, n->in[1]->dtype, rois),
                             tn_type_text(g->arena, n->in[2]->dtype, batch));
    if (strcmp(mode, "avg") != 0 && strcmp(mode, "max") != 0)
        return tn_node_error(g, n, "mode is '%s'; avg or max is wanted", mode);
    if (tn_node_int(n, "sampling_ratio", 0) < 0)
        return tn_node_error(g, n, "sampling_ratio is %lld; 0 (as many samples as each box asks for) or more is wanted",
                             (long long)tn_node_int(n, "sampling_ratio", 0));
    if (bins_of(n, 0) < 1 || bins_of(n, 1) < 1)
        return tn_node_error(g, n, "output_height %lld, output_width %lld; 1 or more are wanted",
                             (long long)bins_of(n, 1), (long long)bins_of(n, 0));
    if (!tn_check_indices(g, n, 2, x->dim[0]))
        return false;
    tn_shape s = {.known = true, .rank = 4, .dim = {rois->dim[0], x->dim[1]}};
    s.dim[2] = tn_dim_fixed(bins_of(n, 1));
    s.dim[3] = tn_dim_fixed(bins_of(n, 0));
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* Where box r begins along one side, and the size of a bin. */
static void find_bins(tn_program *p, const tn_node *n, const tn_expr *r, int side, const tn_expr **first,
                      const tn_expr **bin)
{
    bool half = strcmp(tn_node_string(n, "coordinate_transformation_mode", "half_pixel"), "half_pixel") == 0;
    tn_buf *rois = tn_buf_of(p, n->in[1]);
    const tn_expr *first_at[] = {r, tn_index(p, side)}, *last_at[] = {r, tn_index(p, side + 2)};
    *first = tn_load(p, rois, first_at);
    tn_dtype t = (*first)->dtype;
    const tn_expr *scale = tn_number(p, t, (double)tn_node_float(n, "spatial_scale", 1));
    const tn_expr *shift = tn_number(p, t, half ? 0.5 : 0);
    *first = tn_sub(p, tn_mul(p, *first, scale), shift);
    const tn_expr *size = tn_sub(p, tn_sub(p, tn_mul(p, tn_load(p, rois, last_at), scale), shift), *first);
    if (!half)
        size = tn_max(p, size, tn_number(p, t, 1));
    *bin = tn_div(p, size, tn_number(p, t, (double)bins_of(n, side)));
}

/* Samples of a bin along one side: sampling_ratio, or as many as a bin has pixels, begun ones too. */
typedef struct samples {
    tn_dim most;   /* for all boxes */
    tn_buf *count; /* int64, for each box; NULL: sampling_ratio */
} samples;

/* The run ends with an error where a box is larger than the image and so has more samples than there is room for. */
static samples count_samples(tn_program *p, const tn_node *n, int side)
{
    int64_t ratio = tn_node_int(n, "sampling_ratio", 0), bins = bins_of(n, side);
    if (ratio > 0)
        return (samples){tn_dim_fixed(ratio), NULL};
    const tn_dim *boxes = &n->in[1]->shape.dim[0];
    samples s = {tn_dim_fixed(n->in[0]->shape.dim[3 - side].n / bins + 1),
                 tn_buf_temp(p, "samples", TN_INT64, 1, boxes)};
    const tn_expr *first, *bin;
    tn_comp *c = tn_comp_begin(p, n, s.count);
    find_bins(p, n, c->at[0], side, &first, &bin);
    tn_comp_set(p, c, tn_cast(p, TN_INT64, tn_op1(p, TN_OP_CEIL, bin)));
    c = tn_comp_over(p, n, tn_buf_temp(p, "most", TN_INT64, 0, NULL), 0, NULL);
    const tn_expr *r = tn_reduce_over(p, c, *boxes);
    tn_comp_reduce(p, c, TN_OP_MAX, tn_int64(p, 0), tn_load(p, s.count, &r), NULL);
    tn_late_check(p, n, tn_le(p, tn_load(p, c->out, NULL), tn_int64(p, s.most.n)));
    return s;
}

static const tn_expr *samples_of(tn_program *p, const samples *s, const tn_expr *r)
{
    return s->count != NULL ? tn_load(p, s->count, &r) : tn_int64(p, s->most.n);
}

/* One coordinate of a sample: the pixels before and after it, and how much the second counts. */
typedef struct sample {
    const tn_expr *low, *high, *part, *inside;
} sample;

/* Sample k of bin i along one side of box r. Samples more than a pixel outside are 0; others are moved to the nearest
   pixel. */
static sample sample_at(tn_program *p, const tn_node *n, const samples *all, const tn_expr *r, int side,
                        const tn_expr *i, const tn_expr *k)
{
    const tn_expr *first, *bin, *count = samples_of(p, all, r);
    find_bins(p, n, r, side, &first, &bin);
    tn_dtype t = first->dtype;
    const tn_expr *zero = tn_number(p, t, 0), *one = tn_number(p, t, 1);
    const tn_expr *step =
        tn_div(p, tn_mul(p, tn_add(p, tn_cast(p, t, k), tn_number(p, t, 0.5)), bin), tn_cast(p, t, count));
    const tn_expr *place = tn_add(p, tn_add(p, first, tn_mul(p, tn_cast(p, t, i), bin)), step);
    const tn_expr *extent = tn_dim_expr(p, n->in[0]->shape.dim[3 - side]), *pixels = tn_cast(p, t, extent);
    sample s = {.inside = tn_and(p, tn_le(p, tn_number(p, t, -1), place), tn_le(p, place, pixels))};
    if (all->count != NULL)
        s.inside = tn_and(p, tn_lt(p, tn_cast(p, TN_INT64, k), count), s.inside);
    const tn_expr *last = tn_sub(p, pixels, one);
    place = tn_min(p, tn_max(p, tn_select(p, s.inside, place, zero), zero), last);
    const tn_expr *floor = tn_op1(p, TN_OP_FLOOR, place);
    s.part = tn_sub(p, place, floor);
    s.low = tn_cast(p, TN_INDEX, floor);
    s.high = tn_min(p, tn_add(p, s.low, tn_index(p, 1)), tn_sub(p, extent, tn_index(p, 1)));
    return s;
}

static const tn_expr *corner(tn_program *p, const tn_node *n, const tn_expr *const *at, const tn_expr *y_part,
                             const tn_expr *x_part)
{
    return tn_mul(p, tn_mul(p, y_part, x_part), tn_load(p, tn_buf_of(p, n->in[0]), at));
}

/* The sample's value: the sum of its four corners, each times its weight, or the greatest of them, as ONNX has it. */
static const tn_expr *sample_value(tn_program *p, const tn_node *n, const tn_comp *c, const sample *y, const sample *x,
                                   bool mean)
{
    const tn_expr *one = tn_number(p, y->part->dtype, 1), *value = NULL;
    const tn_expr *batch = tn_load_index(p, n->in[2], c->at, n->in[0]->shape.dim[0]);
    const tn_expr *rest_y = tn_sub(p, one, y->part), *rest_x = tn_sub(p, one, x->part);
    for (int i = 0; i < 4; i++) {
        const tn_expr *at[] = {batch, c->at[1], i / 2 == 0 ? y->low : y->high, i % 2 == 0 ? x->low : x->high};
        const tn_expr *v = corner(p, n, at, i / 2 == 0 ? rest_y : y->part, i % 2 == 0 ? rest_x : x->part);
        value = value == NULL ? v : mean ? tn_add(p, value, v) : tn_max(p, value, v);
    }
    return value;
}

/* A box without samples gives 0. */
bool tn_lower_roi_align(tn_program *p, const tn_node *n)
{
    bool mean = strcmp(tn_node_string(n, "mode", "avg"), "avg") == 0;
    samples rows = count_samples(p, n, 1), columns = count_samples(p, n, 0);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *ky = tn_reduce_over(p, c, rows.most), *kx = tn_reduce_over(p, c, columns.most);
    sample y = sample_at(p, n, &rows, c->at[0], 1, c->at[2], ky);
    sample x = sample_at(p, n, &columns, c->at[0], 0, c->at[3], kx);
    tn_dtype t = y.part->dtype;
    const tn_expr *zero = tn_number(p, t, 0), *least = tn_number(p, t, -(double)INFINITY);
    const tn_expr *value = tn_select(p, tn_and(p, y.inside, x.inside), sample_value(p, n, c, &y, &x, mean), zero);
    const tn_expr *acc = tn_comp_acc(p, c, t);
    const tn_expr *count = tn_mul(p, samples_of(p, &rows, c->at[0]), samples_of(p, &columns, c->at[0]));
    if (mean) {
        count = tn_cast(p, t, tn_max(p, count, tn_int64(p, 1)));
        tn_comp_reduce(p, c, TN_OP_ADD, zero, value, tn_div(p, acc, count));
        return true;
    }
    if (rows.count == NULL) {
        tn_comp_reduce(p, c, TN_OP_MAX, least, value, NULL);
        return true;
    }
    const tn_expr *is_one = tn_and(p, tn_lt(p, tn_cast(p, TN_INT64, ky), samples_of(p, &rows, c->at[0])),
                                   tn_lt(p, tn_cast(p, TN_INT64, kx), samples_of(p, &columns, c->at[0])));
    tn_comp_reduce(p, c, TN_OP_MAX, least, tn_select(p, is_one, value, least),
                   tn_select(p, tn_lt(p, tn_int64(p, 0), count), acc, zero));
    return true;
}

/* --- MaxRoiPool ----------------------------------------------------------------------------------------------------- */

static const tn_attr *pooled_shape(const tn_node *n)
{
    const tn_attr *a = tn_node_find_attr(n, "pooled_shape");
    return a != NULL && a->kind == TN_ATTR_INTS && a->n == 2 && a->ints[0] > 0 && a->ints[1] > 0 ? a : NULL;
}

bool tn_infer_max_roi_pool(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *rois = &n->in[1]->shape;
    const tn_attr *pooled = pooled_shape(n);
    if (x->rank != 4 || rois->rank != 2 || !tn_dim_is(rois->dim[1], 5) || n->in[0]->dtype != n->in[1]->dtype)
        return tn_node_error(g, n, "inputs %s, %s; [N,C,H,W] and boxes [R,5] of its type are wanted",
                             tn_type_text(g->arena, n->in[0]->dtype, x), tn_type_text(g->arena, n->in[1]->dtype, rois));
    if (pooled == NULL)
        return tn_node_error(g, n, "pooled_shape is missing; a list of two positive numbers is wanted");
    tn_shape s = {.known = true, .rank = 4, .dim = {rois->dim[0], x->dim[1]}};
    s.dim[2] = tn_dim_fixed(pooled->ints[0]);
    s.dim[3] = tn_dim_fixed(pooled->ints[1]);
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

static const tn_expr *round_away(tn_program *p, const tn_expr *x)
{
    const tn_expr *half = tn_number(p, x->dtype, 0.5);
    const tn_expr *up = tn_op1(p, TN_OP_FLOOR, tn_add(p, tn_op1(p, TN_OP_ABS, x), half));
    return tn_select(p, tn_lt(p, x, tn_number(p, x->dtype, 0)), tn_op1(p, TN_OP_NEG, up), up);
}

/* The pixels of bin i along one side (0: x, 1: y) of box r: from the first up to the end, both within the image. */
static void bin_pixels(tn_program *p, const tn_node *n, const tn_expr *r, int side, const tn_expr *i,
                       const tn_expr **out)
{
    tn_buf *rois = tn_buf_of(p, n->in[1]);
    const tn_expr *first_at[] = {r, tn_index(p, side + 1)}, *last_at[] = {r, tn_index(p, side + 3)};
    tn_dtype t = tn_load(p, rois, first_at)->dtype;
    const tn_expr *scale = tn_number(p, t, (double)tn_node_float(n, "spatial_scale", 1)), *one = tn_number(p, t, 1);
    const tn_expr *first = round_away(p, tn_mul(p, tn_load(p, rois, first_at), scale));
    const tn_expr *last = round_away(p, tn_mul(p, tn_load(p, rois, last_at), scale));
    const tn_expr *size = tn_max(p, tn_add(p, tn_sub(p, last, first), one), one);
    const tn_expr *bin = tn_div(p, size, tn_number(p, t, (double)pooled_shape(n)->ints[1 - side]));
    const tn_expr *extent = tn_cast(p, t, tn_dim_expr(p, n->in[0]->shape.dim[3 - side])), *zero = tn_number(p, t, 0);
    const tn_expr *edge[] = {tn_op1(p, TN_OP_FLOOR, tn_mul(p, tn_cast(p, t, i), bin)),
                             tn_op1(p, TN_OP_CEIL, tn_mul(p, tn_add(p, tn_cast(p, t, i), one), bin))};
    for (int k = 0; k < 2; k++)
        out[k] = tn_cast(p, TN_INDEX, tn_min(p, tn_max(p, tn_add(p, edge[k], first), zero), extent));
}

bool tn_lower_max_roi_pool(tn_program *p, const tn_node *n)
{
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *y_at = tn_reduce_over(p, c, n->in[0]->shape.dim[2]), *rows[2], *columns[2];
    const tn_expr *x_at = tn_reduce_over(p, c, n->in[0]->shape.dim[3]);
    bin_pixels(p, n, c->at[0], 1, c->at[2], rows);
    bin_pixels(p, n, c->at[0], 0, c->at[3], columns);
    const tn_expr *first_at[] = {c->at[0], tn_index(p, 0)}, *none = tn_index(p, 0);
    const tn_expr *batch = tn_cast(p, TN_INDEX, tn_load(p, tn_buf_of(p, n->in[1]), first_at));
    batch = tn_max(p, tn_min(p, batch, tn_sub(p, x->dim[0], tn_index(p, 1))), none);
    const tn_expr *at[] = {batch, c->at[1], y_at, x_at}, *value = tn_load(p, x, at);
    const tn_expr *inside = tn_and(p, tn_and(p, tn_le(p, rows[0], y_at), tn_lt(p, y_at, rows[1])),
                                   tn_and(p, tn_le(p, columns[0], x_at), tn_lt(p, x_at, columns[1])));
    const tn_expr *least = tn_number(p, value->dtype, -(double)INFINITY), *acc = tn_comp_acc(p, c, value->dtype);
    const tn_expr *any = tn_and(p, tn_lt(p, rows[0], rows[1]), tn_lt(p, columns[0], columns[1]));
    tn_comp_reduce(p, c, TN_OP_MAX, least, tn_select(p, inside, value, least),
                   tn_select(p, any, acc, tn_number(p, value->dtype, 0)));
    return true;
}
