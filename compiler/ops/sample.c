/* Sampling and spreading on spatial grids: GridSample reads images at real positions, Col2Im adds up columns.

       GridSample linear   out[n,c,y,x] = sum over 2x2 neighbours of weight * image[n, c, iy, ix]
       Col2Im              out[n,c,y,x] = sum over the kernel of column[n, (c,ky,kx), (ly,lx)] where ly*s + ky*d - p = y

   Sums are kept in the compute type of the input (float for the 16-bit floats). */
#include "ops/late.h"

/* --- GridSample --------------------------------------------------------------------------------------------------- */

enum { MAX_SPATIAL = 3, MAX_TAPS = 4 };
typedef enum { NEAREST, LINEAR, CUBIC } sample_mode;
typedef enum { ZEROS, BORDER, REFLECTION } sample_padding;

/* For each spatial axis d: the position of tap 0 and the weights of the taps, in the compute type of the image. */
typedef struct sampler {
    tn_program *p;
    tn_buf *image;
    sample_mode mode;
    sample_padding padding;
    bool align;
    int n, taps; /* spatial axes; taps on each */
    const tn_expr *first[MAX_SPATIAL];
    const tn_expr *weight[MAX_SPATIAL][MAX_TAPS];
} sampler;

static const struct {
    const char *name;
    sample_mode mode;
} modes[] = {
    {"nearest", NEAREST}, {"linear", LINEAR}, {"bilinear", LINEAR}, {"cubic", CUBIC}, {"bicubic", CUBIC},
};
static const char *const paddings[] = {"zeros", "border", "reflection"};

static bool read_sampler(tn_graph *g, const tn_node *n, sampler *s)
{
    const char *mode = tn_node_string(n, "mode", "linear"), *padding = tn_node_string(n, "padding_mode", "zeros");
    size_t m = 0, k = 0;
    while (m < sizeof modes / sizeof *modes && strcmp(mode, modes[m].name) != 0)
        m++;
    while (k < sizeof paddings / sizeof *paddings && strcmp(padding, paddings[k]) != 0)
        k++;
    if (m == sizeof modes / sizeof *modes || k == sizeof paddings / sizeof *paddings)
        return tn_node_error(g, n,
                             "mode is '%s', padding_mode '%s'; nearest, linear or cubic and zeros, border or "
                             "reflection are wanted",
                             mode, padding);
    *s = (sampler){.mode = modes[m].mode, .padding = (sample_padding)k, .n = n->in[0]->shape.rank - 2};
    s->align = tn_node_int(n, "align_corners", 0) != 0;
    s->taps = s->mode == NEAREST ? 1 : s->mode == LINEAR ? 2 : MAX_TAPS;
    if (s->n < 1 || s->n > MAX_SPATIAL || (s->mode == CUBIC && s->n > 2))
        return tn_node_error(g, n, "the image is %s; 1 to %d spatial dims are supported",
                             tn_value_type(g->arena, n->in[0]), s->mode == CUBIC ? 2 : MAX_SPATIAL);
    return true;
}

bool tn_infer_grid_sample(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *q = &n->in[1]->shape;
    sampler s;
    if (!read_sampler(g, n, &s))
        return false;
    if (!tn_dtype_get(n->in[1]->dtype)->is_float || q->rank != x->rank || !tn_dim_same(q->dim[0], x->dim[0])
        || !tn_dim_is(q->dim[q->rank - 1], s.n))
        return tn_node_error(g, n,
                             "the grid is %s for the image %s; floats of the same rank and batch are wanted, "
                             "with %d coordinates",
                             tn_value_type(g->arena, n->in[1]), tn_value_type(g->arena, n->in[0]), s.n);
    if (s.mode != NEAREST && !tn_dtype_get(n->in[0]->dtype)->is_float)
        return tn_node_error(g, n, "the image is %s; between its elements only floats can be sampled",
                             tn_value_type(g->arena, n->in[0]));
    tn_shape out = *x;
    for (int d = 0; d < s.n; d++) {
        if (tn_dim_low(x->dim[2 + d]) < 1)
            return tn_node_error(g, n, "the image %s may be empty", tn_value_type(g->arena, n->in[0]));
        out.dim[2 + d] = q->dim[1 + d];
    }
    tn_set_output(n, 0, n->in[0]->dtype, &out);
    return true;
}

/* x outside of least..greatest goes to and fro between them. */
static const tn_expr *reflect(tn_program *p, const tn_expr *x, const tn_expr *least, const tn_expr *range)
{
    const tn_expr *way = tn_op1(p, TN_OP_ABS, tn_sub(p, x, least));
    way = tn_op2(p, TN_OP_MOD, way, tn_add(p, range, range));
    way = tn_sub(p, range, tn_op1(p, TN_OP_ABS, tn_sub(p, way, range)));
    return tn_add(p, least, way);
}

static const tn_expr *clamp(tn_program *p, const tn_expr *x, const tn_expr *lo, const tn_expr *hi)
{
    return tn_select(p, tn_le(p, lo, x), tn_min(p, x, hi), lo); /* NaN becomes lo */
}

/* From -1..1 to elements of an axis: with align_corners the ends are the centres of the outer elements, else their
   outer edges. A position outside is brought back as the padding says. What is left far outside, NaN included, is moved
   to where no tap meets the image, so that the conversion to an index is defined. */
static const tn_expr *find_place(const sampler *s, const tn_expr *v, const tn_expr *length)
{
    tn_program *p = s->p;
    tn_dtype t = v->dtype;
    const tn_expr *zero = tn_number(p, t, 0), *one = tn_number(p, t, 1), *two = tn_number(p, t, 2);
    const tn_expr *size = tn_cast(p, t, length), *last = tn_sub(p, size, one), *from_left = tn_add(p, v, one);
    const tn_expr *x = s->align ? tn_mul(p, tn_div(p, from_left, two), last)
                                : tn_div(p, tn_sub(p, tn_mul(p, from_left, size), one), two);
    if (s->mode == NEAREST)
        x = tn_op1(p, TN_OP_ROUND, x);
    const tn_expr *least = tn_number(p, t, s->align ? 0 : -0.5), *range = s->align ? last : size;
    const tn_expr *outside = tn_op2(p, TN_OP_OR, tn_lt(p, x, least), tn_lt(p, tn_add(p, least, range), x));
    if (s->padding == BORDER && s->mode != CUBIC)
        x = tn_select(p, outside, clamp(p, x, zero, last), x);
    if (s->padding == REFLECTION)
        x = tn_select(p, outside, reflect(p, x, least, range), x);
    return clamp(p, x, tn_number(p, t, -3), tn_add(p, size, two));
}

/* Keys' cubic convolution with a = -0.75, for taps at distances 1+t, t, 1-t, 2-t. */
static const tn_expr *cubic_weight(tn_program *p, const tn_expr *t, int tap)
{
    static const double near[] = {1.25, -2.25, 0, 1}, far[] = {-0.75, 3.75, -6, 3};
    const tn_expr *one = tn_number(p, t->dtype, 1), *two = tn_number(p, t->dtype, 2);
    const tn_expr *x = tap == 0 ? tn_add(p, t, one) : tap == 1 ? t : tn_sub(p, tap == 2 ? one : two, t);
    const double *poly = tap == 1 || tap == 2 ? near : far;
    const tn_expr *w = tn_number(p, t->dtype, poly[0]);
    for (int i = 1; i < 4; i++) {
        w = tn_mul(p, w, x);
        w = poly[i] != 0 ? tn_add(p, w, tn_number(p, t->dtype, poly[i])) : w;
    }
    return w;
}

static void find_taps(sampler *s, int d, const tn_expr *x, tn_dtype t)
{
    tn_program *p = s->p;
    const tn_expr *whole = tn_op1(p, TN_OP_FLOOR, x), *rest = tn_cast(p, t, tn_sub(p, x, whole));
    s->first[d] = tn_cast(p, TN_INDEX, whole);
    if (s->mode == LINEAR) {
        s->weight[d][0] = tn_sub(p, tn_number(p, t, 1), rest);
        s->weight[d][1] = rest;
    }
    if (s->mode == CUBIC) {
        s->first[d] = tn_sub(p, s->first[d], tn_index(p, 1));
        for (int k = 0; k < MAX_TAPS; k++)
            s->weight[d][k] = cubic_weight(p, rest, k);
    }
}

/* Where tap i of an axis is read. */
static const tn_expr *place_tap(const sampler *s, const tn_expr *i, const tn_expr *length)
{
    tn_program *p = s->p;
    const tn_expr *last = tn_sub(p, length, tn_index(p, 1)), *two = tn_index(p, 2);
    if (s->padding == ZEROS)
        return i;
    if (s->padding == BORDER)
        return tn_min(p, tn_max(p, i, tn_index(p, 0)), last);
    const tn_expr *turn = s->align ? tn_mul(p, last, two) : tn_sub(p, tn_mul(p, length, two), tn_index(p, 1));
    const tn_expr *period = s->align ? tn_max(p, turn, tn_index(p, 1)) : tn_mul(p, length, two);
    i = tn_op2(p, TN_OP_MOD, i, period);
    return tn_min(p, i, tn_sub(p, turn, i));
}

/* The weighted sum over the taps of axes d, d+1, ...; at holds the subscripts of the axes before. */
static const tn_expr *sum_taps(const sampler *s, int d, const tn_expr **at)
{
    tn_program *p = s->p;
    bool done = d == s->n || d == MAX_SPATIAL;
    if (done && s->padding == ZEROS)
        return tn_load_or(p, s->image, at, tn_number(p, tn_dtype_get(s->image->dtype)->compute, 0));
    if (done)
        return tn_load(p, s->image, at);
    const tn_expr *sum = NULL;
    for (int k = 0; k < s->taps; k++) {
        at[2 + d] = place_tap(s, tn_add(p, s->first[d], tn_index(p, k)), s->image->dim[2 + d]);
        const tn_expr *v = sum_taps(s, d + 1, at);
        v = s->mode == NEAREST ? v : tn_mul(p, s->weight[d][k], v);
        sum = sum == NULL ? v : tn_add(p, sum, v);
    }
    return sum;
}

/* Coordinates are computed in the grid's compute type; the grid lists them from the last axis to the first. */
bool tn_lower_grid_sample(tn_program *p, const tn_node *n)
{
    sampler s;
    if (!read_sampler(p->graph, n, &s))
        return false;
    s.p = p;
    s.image = tn_buf_of(p, n->in[0]);
    tn_buf *grid = tn_buf_of(p, n->in[1]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *from[TN_MAX_RANK] = {c->at[0]}, *at[TN_MAX_RANK] = {c->at[0], c->at[1]};
    for (int d = 0; d < s.n; d++)
        from[1 + d] = c->at[2 + d];
    for (int d = 0; d < s.n; d++) {
        from[1 + s.n] = tn_index(p, s.n - 1 - d);
        const tn_expr *x = find_place(&s, tn_load(p, grid, from), s.image->dim[2 + d]);
        find_taps(&s, d, x, tn_dtype_get(s.image->dtype)->compute);
    }
    tn_comp_set(p, c, sum_taps(&s, 0, at));
    return true;
}

/* --- Col2Im ------------------------------------------------------------------------------------------------------- */

/* One spatial axis of the image and the blocks that cover it. */
typedef struct block {
    int64_t image, kernel, count; /* not set where only the run knows them */
    int64_t stride, dilation, begin, pads;
} block;

enum { MAX_EXTENT = 1 << 30 };

static bool read_ints(tn_graph *g, const tn_node *n, const char *name, size_t count, int64_t least, int64_t otherwise,
                      int64_t *out)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    if (a != NULL && (a->kind != TN_ATTR_INTS || a->n != count))
        return tn_node_error(g, n, "%s must list %zu numbers", name, count);
    for (size_t i = 0; i < count; i++) {
        out[i] = a != NULL ? a->ints[i] : otherwise;
        if (out[i] < least || out[i] > MAX_EXTENT)
            return tn_node_error(g, n, "%s has %lld; %lld to %d is wanted", name, (long long)out[i], (long long)least,
                                 MAX_EXTENT);
    }
    return true;
}

static bool read_sizes(tn_graph *g, const tn_node *n, int i, const char *what, int64_t *out, int *count)
{
    size_t k = 0;
    const tn_dim *d = tn_need_dims(g, n, i, what, &k);
    if (d == NULL)
        return false;
    if (k < 1 || k > TN_MAX_RANK - 2 || (*count > 0 && k != (size_t)*count))
        return tn_node_error(g, n, "%s has %zu numbers; one for each of 1 to %d spatial dims is wanted", what, k,
                             TN_MAX_RANK - 2);
    *count = (int)k;
    for (size_t j = 0; j < k; j++) {
        out[j] = d[j].n;
        if (d[j].sym != NULL || d[j].n < 1 || d[j].n > MAX_EXTENT)
            return tn_node_error(g, n, "%s has %s; a number from 1 to %d is wanted", what, tn_dim_text(g->arena, d[j]),
                                 MAX_EXTENT);
    }
    return true;
}

/* Strides, dilations and pads, one of each (two pads) for k spatial dims. */
static bool read_steps(tn_graph *g, const tn_node *n, size_t k, block *b)
{
    int64_t stride[TN_MAX_RANK], dilation[TN_MAX_RANK], pad[2 * TN_MAX_RANK];
    if (!read_ints(g, n, "strides", k, 1, 1, stride) || !read_ints(g, n, "dilations", k, 1, 1, dilation)
        || !read_ints(g, n, "pads", 2 * k, 0, 0, pad))
        return false;
    for (size_t i = 0; i < k; i++)
        b[i] = (block){.stride = stride[i], .dilation = dilation[i], .begin = pad[i], .pads = pad[i] + pad[i + k]};
    return true;
}

static bool read_blocks(tn_graph *g, const tn_node *n, block *b, int *count)
{
    int64_t image[TN_MAX_RANK], kernel[TN_MAX_RANK];
    *count = 0;
    if (!read_sizes(g, n, 1, "image_shape", image, count) || !read_sizes(g, n, 2, "block_shape", kernel, count)
        || !read_steps(g, n, (size_t)*count, b))
        return false;
    for (int i = 0; i < *count; i++) {
        int64_t room = image[i] + b[i].pads - b[i].dilation * (kernel[i] - 1) - 1;
        if (room < 0)
            return tn_node_error(g, n, "a block of %lld with dilation %lld does not fit an image of %lld",
                                 (long long)kernel[i], (long long)b[i].dilation, (long long)image[i]);
        b[i].image = image[i];
        b[i].kernel = kernel[i];
        b[i].count = room / b[i].stride + 1;
    }
    return true;
}

/* --- Col2Im with shapes that only the run knows */

static bool is_late(tn_graph *g, const tn_node *n)
{
    return !tn_is_early(g, n, 1) || !tn_is_early(g, n, 2);
}

/* The image is the declared one; the blocks' elements are the channels of x for each channel of it. */
static bool infer_late(tn_graph *g, tn_node *n)
{
    int late = tn_is_early(g, n, 1) ? 2 : 1;
    block b[TN_MAX_RANK];
    tn_dim kernel;
    const tn_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    if (!tn_infer_declared(g, n, late, late == 1 ? "image_shape" : "block_shape"))
        return false;
    int count = y->rank - 2;
    bool fits = x->rank == 3 && count >= 1 && tn_dim_same(x->dim[0], y->dim[0])
             && tn_dims_divide(g->arena, 1, &x->dim[1], 1, &y->dim[1], &kernel);
    if (!fits)
        return tn_node_error(g, n, "the columns %s cannot give %s, which the model declares",
                             tn_value_type(g->arena, n->in[0]), tn_value_type(g->arena, n->out[0]));
    return tn_check_late(g, n, 1, "image_shape", count) && tn_check_late(g, n, 2, "block_shape", count)
        && read_steps(g, n, (size_t)count, b);
}

/* How many positions a block has along dim i, in int64; below 1 where it does not fit. */
static const tn_expr *late_positions(tn_program *p, const tn_node *n, const block *b, int i)
{
    const tn_expr *one = tn_int64(p, 1), *image = tn_late_dim(p, n->out[0]->shape.dim[2 + i]);
    const tn_expr *reach = tn_mul(p, tn_sub(p, tn_late_int(p, n->in[2], i), one), tn_int64(p, b[i].dilation));
    const tn_expr *room = tn_sub(p, tn_add(p, image, tn_int64(p, b[i].pads - 1)), reach);
    return tn_add(p, tn_op2(p, TN_OP_FDIV, room, tn_int64(p, b[i].stride)), one);
}

static void check_late(tn_program *p, const tn_node *n, const block *b, int count, tn_dim kernel)
{
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1), *one = tn_int64(p, 1), *elements = one, *columns = one;
    for (int i = 0; i < count; i++) {
        const tn_expr *k = tn_late_int(p, n->in[2], i), *positions = late_positions(p, n, b, i);
        agrees = tn_and(p, agrees, tn_and(p, tn_le(p, one, k), tn_le(p, one, positions)));
        elements = tn_mul(p, elements, k);
        columns = tn_mul(p, columns, positions);
    }
    agrees = tn_and(p, agrees, tn_is(p, elements, tn_late_dim(p, kernel)));
    tn_late_check(p, n, tn_and(p, agrees, tn_is(p, columns, tn_late_dim(p, n->in[0]->shape.dim[2]))));
    tn_late_check_dims(p, n, 1, count, n->out[0]->shape.dim + 2);
}

/* One reduction axis counts the elements of a block, whose extents are taken out of it at run time. */
static bool lower_late(tn_program *p, const tn_node *n)
{
    block b[TN_MAX_RANK];
    const tn_shape *xs = &n->in[0]->shape, *y = &n->out[0]->shape;
    int count = y->rank - 2;
    tn_dim kernel;
    if (!read_steps(p->graph, n, (size_t)count, b) || !tn_dims_divide(p->arena, 1, &xs->dim[1], 1, &y->dim[1], &kernel))
        return false;
    check_late(p, n, b, count, kernel);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *flat = tn_reduce_over(p, c, kernel), *column = tn_index(p, 0), *zero = column;
    const tn_expr *row = tn_add(p, tn_mul(p, c->at[1], tn_dim_expr(p, kernel)), flat), *at[TN_MAX_RANK];
    const tn_expr *hits = tn_integer(p, TN_BOOL, 1);
    for (int i = count - 1; i >= 0; i--) {
        const tn_expr *extent = tn_late_index(p, tn_max(p, tn_late_int(p, n->in[2], i), tn_int64(p, 1)));
        const tn_expr *k = tn_op2(p, TN_OP_MOD, flat, extent), *stride = tn_index(p, b[i].stride);
        const tn_expr *offset = tn_sub(p, tn_index(p, b[i].begin), tn_mul(p, k, tn_index(p, b[i].dilation)));
        const tn_expr *from = tn_add(p, c->at[2 + i], offset);
        flat = tn_op2(p, TN_OP_FDIV, flat, extent);
        at[i] = tn_op2(p, TN_OP_FDIV, from, stride);
        hits = tn_and(p, hits, tn_is(p, tn_op2(p, TN_OP_MOD, from, stride), zero));
    }
    for (int i = 0; i < count; i++) {
        const tn_expr *positions = tn_late_index(p, late_positions(p, n, b, i));
        hits = tn_and(p, hits, tn_and(p, tn_le(p, zero, at[i]), tn_lt(p, at[i], positions)));
        column = tn_add(p, tn_mul(p, column, positions), at[i]);
    }
    hits = tn_and(p, hits, tn_lt(p, column, tn_dim_expr(p, xs->dim[2]))); /* the check's products may wrap */
    const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[0]), (const tn_expr *[]){c->at[0], row, column});
    const tn_expr *none = tn_number(p, x->dtype, 0);
    tn_comp_reduce(p, c, TN_OP_ADD, none, tn_select(p, hits, x, none), NULL);
    return true;
}

/* --- Col2Im */

bool tn_infer_col2im(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape;
    block b[TN_MAX_RANK];
    int count = 0;
    if (is_late(g, n))
        return infer_late(g, n);
    if (!read_blocks(g, n, b, &count))
        return false;
    tn_dim kernel = tn_dim_fixed(1), columns = tn_dim_fixed(1);
    tn_shape s = {.known = true, .rank = 2 + count};
    for (int i = 0; i < count; i++) {
        kernel = tn_dim_do(g->arena, TN_SYM_MUL, kernel, tn_dim_fixed(b[i].kernel));
        columns = tn_dim_do(g->arena, TN_SYM_MUL, columns, tn_dim_fixed(b[i].count));
        s.dim[2 + i] = tn_dim_fixed(b[i].image);
    }
    s.dim[0] = x->dim[0];
    if (x->rank != 3 || !tn_dim_same(x->dim[2], columns)
        || !tn_dims_divide(g->arena, 1, &x->dim[1], 1, &kernel, &s.dim[1]))
        return tn_node_error(g, n, "the columns are %s; [N, a multiple of %lld, %lld] is wanted",
                             tn_value_type(g->arena, n->in[0]), (long long)kernel.n, (long long)columns.n);
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

bool tn_lower_col2im(tn_program *p, const tn_node *n)
{
    block b[TN_MAX_RANK];
    int count = 0;
    if (is_late(p->graph, n))
        return lower_late(p, n);
    if (!read_blocks(p->graph, n, b, &count))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *row = c->at[1], *column = tn_index(p, 0), *zero = tn_index(p, 0);
    const tn_expr *hits = tn_integer(p, TN_BOOL, 1);
    for (int i = 0; i < count; i++) {
        const tn_expr *k = tn_reduce_over(p, c, tn_dim_fixed(b[i].kernel)), *blocks = tn_index(p, b[i].count);
        const tn_expr *offset = tn_sub(p, tn_index(p, b[i].begin), tn_mul(p, k, tn_index(p, b[i].dilation)));
        const tn_expr *from = tn_add(p, c->at[2 + i], offset), *stride = tn_index(p, b[i].stride);
        const tn_expr *at = tn_op2(p, TN_OP_FDIV, from, stride);
        hits = tn_and(p, hits, tn_op2(p, TN_OP_EQ, tn_op2(p, TN_OP_MOD, from, stride), zero));
        hits = tn_and(p, hits, tn_and(p, tn_le(p, zero, at), tn_lt(p, at, blocks)));
        row = tn_add(p, tn_mul(p, row, tn_index(p, b[i].kernel)), k);
        column = tn_add(p, tn_mul(p, column, blocks), at);
    }
    const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[0]), (const tn_expr *[]){c->at[0], row, column});
    const tn_expr *none = tn_number(p, x->dtype, 0);
    tn_comp_reduce(p, c, TN_OP_ADD, none, tn_select(p, hits, x, none), NULL);
    return true;
}
