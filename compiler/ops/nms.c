/* NonMaxSuppression: of boxes that overlap, those of the best score.

       rank[i]    how many boxes of the class have a better score (of equal ones the first counts as better)
       order[r]   the box of that rank
       kept[r]    for r in order: the score is high enough, fewer than the maximum are kept, and none of these overlaps
                  box order[r] by more than the threshold
       out        [batch, class, order[r]] of what is kept, in order

   Quadratic in the boxes. The number of rows is the declared one, which is checked, or found by the run. */
#include "ops/late.h"

/* In the sums over what is kept: an overlap counts more than all boxes together. */
static const int64_t overlap = (int64_t)1 << 40;

static bool check_scalar(tn_graph *g, const tn_node *n, int i, tn_dtype dtype)
{
    static const char *const names[] = {"boxes", "scores", "max_output_boxes_per_class", "iou_threshold",
                                        "score_threshold"};
    const tn_value *v = tn_has_input(n, i) ? n->in[i] : NULL;
    return v == NULL || (v->dtype == dtype && v->shape.rank <= 1 && tn_shape_count(&v->shape) == 1)
        || tn_node_error(g, n, "%s (input %d) is %s; one %s is wanted", names[i], i, tn_value_type(g->arena, v),
                         tn_dtype_get(dtype)->name);
}

/* What is kept at most: of each class all boxes, or the maximum where that is known. */
static int64_t most_boxes(const tn_node *n)
{
    const tn_shape *s = &n->in[1]->shape;
    const tn_tensor *t = tn_has_input(n, 2) ? n->in[2]->constant : NULL;
    int64_t most = tn_has_input(n, 2) ? s->dim[2].n : 0;
    if (t != NULL && tn_tensor_get_int(t, 0) < most)
        most = tn_tensor_get_int(t, 0);
    tn_shape kept = *s;
    kept.dim[2] = tn_dim_fixed(most > 0 ? most : 0);
    return tn_shape_count(&kept);
}

bool tn_infer_nms(tn_graph *g, tn_node *n)
{
    const tn_value *boxes = n->in[0], *scores = n->in[1];
    const tn_shape *b = &boxes->shape, *s = &scores->shape;
    tn_shape y;
    bool fits = b->rank == 3 && s->rank == 3 && scores->dtype == boxes->dtype && tn_dim_is(b->dim[2], 4)
             && tn_dim_same(b->dim[0], s->dim[0]) && tn_dim_same(b->dim[1], s->dim[2]);
    if (!fits)
        return tn_node_error(g, n,
                             "the boxes are %s and the scores %s; [batch, boxes, 4] and [batch, classes, boxes] are "
                             "wanted",
                             tn_value_type(g->arena, boxes), tn_value_type(g->arena, scores));
    if (!check_scalar(g, n, 2, TN_INT64) || !check_scalar(g, n, 3, TN_FLOAT) || !check_scalar(g, n, 4, TN_FLOAT))
        return false;
    if (!tn_find_declared(n, 0, &y)) {
        y = (tn_shape){.known = true, .rank = 2, .dim = {{0, NULL}, tn_dim_fixed(3)}};
        if (!tn_found_dim(g, n, 0, most_boxes(n), &y.dim[0]))
            return false;
    }
    if (y.rank != 2 || !tn_dim_is(y.dim[1], 3))
        return tn_node_error(g, n, "the model declares %s for the selected indices; [count, 3] is wanted",
                             tn_type_text(g->arena, TN_INT64, &y));
    tn_set_output(n, 0, TN_INT64, &y);
    return true;
}

/* A threshold or the maximum; otherwise where it is omitted. */
static const tn_expr *scalar(tn_program *p, const tn_node *n, int i, tn_dtype t, double otherwise)
{
    const tn_expr *at = tn_index(p, 0);
    return tn_has_input(n, i) ? tn_load(p, tn_buf_of(p, n->in[i]), &at) : tn_number(p, t, otherwise);
}

/* --- order ---------------------------------------------------------------------------------------------------------- */

static tn_buf *find_ranks(tn_program *p, const tn_node *n)
{
    const tn_shape *s = &n->in[1]->shape;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "rank", TN_INT32, 3, s->dim));
    const tn_expr *i = c->at[2], *j = tn_reduce_over(p, c, s->dim[2]);
    const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[1]), c->at);
    const tn_expr *y = tn_load(p, tn_buf_of(p, n->in[1]), (const tn_expr *[]){c->at[0], c->at[1], j});
    const tn_expr *ahead = tn_select(p, tn_lt(p, j, i), tn_le(p, x, y), tn_lt(p, x, y));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, TN_INT32, 0), tn_cast(p, TN_INT32, ahead), NULL);
    return c->out;
}

/* Ranks differ unless scores are NaN: then a place may stay at 0, and none lies outside. */
static tn_buf *find_order(tn_program *p, const tn_node *n)
{
    const tn_shape *s = &n->in[1]->shape;
    tn_buf *rank = find_ranks(p, n), *order = tn_buf_temp(p, "order", TN_INT32, 3, s->dim);
    tn_comp_set(p, tn_comp_begin(p, n, order), tn_integer(p, TN_INT32, 0));
    tn_comp *c = tn_comp_begin(p, n, order);
    const tn_expr *i = c->at[2];
    c->at[2] = tn_cast(p, TN_INDEX, tn_load(p, rank, c->at));
    c->serial = true;
    tn_comp_set(p, c, tn_cast(p, TN_INT32, i));
    return order;
}

/* --- overlap -------------------------------------------------------------------------------------------------------- */

typedef struct box {
    const tn_expr *lo[2], *hi[2];
} box;

/* Corners in either order, or the centre (x, y) and the sizes. */
static box load_box(tn_program *p, const tn_node *n, const tn_expr *batch, const tn_expr *i)
{
    bool centre = tn_node_int(n, "center_point_box", 0) != 0;
    const tn_expr *v[4];
    box b;
    for (int k = 0; k < 4; k++)
        v[k] = tn_load(p, tn_buf_of(p, n->in[0]), (const tn_expr *[]){batch, i, tn_index(p, k)});
    for (int k = 0; k < 2; k++) {
        const tn_expr *half = centre ? tn_div(p, v[k + 2], tn_number(p, TN_FLOAT, 2)) : NULL;
        b.lo[k] = centre ? tn_sub(p, v[k], half) : tn_min(p, v[k], v[k + 2]);
        b.hi[k] = centre ? tn_add(p, v[k], half) : tn_max(p, v[k], v[k + 2]);
    }
    return b;
}

static const tn_expr *area(tn_program *p, const box *b)
{
    return tn_mul(p, tn_sub(p, b->hi[0], b->lo[0]), tn_sub(p, b->hi[1], b->lo[1]));
}

/* Intersection over union above the threshold; boxes without area overlap nothing. */
static const tn_expr *overlaps(tn_program *p, const box *a, const box *b, const tn_expr *threshold)
{
    const tn_expr *zero = tn_number(p, TN_FLOAT, 0), *side[2];
    for (int k = 0; k < 2; k++)
        side[k] = tn_max(p, tn_sub(p, tn_min(p, a->hi[k], b->hi[k]), tn_max(p, a->lo[k], b->lo[k])), zero);
    const tn_expr *common = tn_mul(p, side[0], side[1]);
    const tn_expr *whole = tn_sub(p, tn_add(p, area(p, a), area(p, b)), common);
    return tn_and(p, tn_lt(p, zero, common), tn_lt(p, threshold, tn_div(p, common, whole)));
}

/* --- choice --------------------------------------------------------------------------------------------------------- */

static tn_buf *choose(tn_program *p, const tn_node *n, tn_buf *order)
{
    const tn_shape *s = &n->in[1]->shape;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "kept", TN_BOOL, 3, s->dim));
    const tn_expr *r = c->at[2], *q = tn_reduce_over(p, c, s->dim[2]), *zero = tn_int64(p, 0);
    const tn_expr *before[3] = {c->at[0], c->at[1], q};
    const tn_expr *i = tn_cast(p, TN_INDEX, tn_load(p, order, c->at));
    const box mine = load_box(p, n, c->at[0], i);
    const box other = load_box(p, n, c->at[0], tn_cast(p, TN_INDEX, tn_load(p, order, before)));
    const tn_expr *hit = overlaps(p, &mine, &other, scalar(p, n, 3, TN_FLOAT, 0));
    const tn_expr *weight = tn_select(p, hit, tn_int64(p, overlap), tn_int64(p, 1));
    const tn_expr *counts = tn_select(p, tn_load(p, c->out, before), weight, zero);
    const tn_expr *most = tn_min(p, scalar(p, n, 2, TN_INT64, 0), tn_int64(p, overlap));
    const tn_expr *keeps = tn_lt(p, tn_comp_acc(p, c, TN_INT64), most);
    if (tn_has_input(n, 4)) {
        const tn_expr *score = tn_load(p, tn_buf_of(p, n->in[1]), (const tn_expr *[]){c->at[0], c->at[1], i});
        keeps = tn_and(p, keeps, tn_lt(p, scalar(p, n, 4, TN_FLOAT, 0), score));
    }
    c->serial = true;
    tn_comp_reduce(p, c, TN_OP_ADD, zero, tn_select(p, tn_lt(p, q, r), counts, zero), keeps);
    return c->out;
}

bool tn_lower_nms(tn_program *p, const tn_node *n)
{
    const tn_shape *s = &n->in[1]->shape;
    tn_buf *order = find_order(p, n), *kept = choose(p, n, order);
    const tn_expr *at[3];
    tn_buf *positions = tn_late_positions(p, n, kept, tn_dim_product(p->arena, 3, s->dim), n->out[0]->shape.dim[0]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_unflatten(p, 3, kept->dim, tn_late_index(p, tn_load(p, positions, c->at)), at);
    const tn_expr *which = tn_cast(p, TN_INDEX, tn_load(p, order, at));
    const tn_expr *first = tn_is(p, c->at[1], tn_index(p, 0)), *second = tn_is(p, c->at[1], tn_index(p, 1));
    tn_comp_set(p, c, tn_select(p, first, at[0], tn_select(p, second, at[1], which)));
    return true;
}
