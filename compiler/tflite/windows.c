/* Convolutions, pooling, resizing: images with their channels first. */
#include "tflite/fixed.h"

/* What the options say of the window; the fields' numbers differ from operator to operator. */
typedef struct window {
    const char *padding;
    int stride[3], dilation[3]; /* rows, columns; of volumes planes first */
    int activation;
} window;

static const char *padding_of(tfl_op *op)
{
    int padding = tn_flat_i8(op->options, 0, 0);
    if (padding != 0 && padding != 1)
        tn_tfl_error(op, "padding %d is not known; 0 (SAME) and 1 (VALID) are", padding);
    return padding == 0 ? "SAME_UPPER" : "VALID";
}

static window read_window(tfl_op *op, int activation, int dilation)
{
    window w = {.padding = padding_of(op)};
    for (int i = 0; i < 2; i++) {
        w.stride[i] = tn_flat_i32(op->options, 2 - i, 1);
        w.dilation[i] = dilation != 0 ? tn_flat_i32(op->options, dilation + 1 - i, 1) : 1;
    }
    w.activation = tn_flat_i8(op->options, activation, 0);
    return w;
}

/* A float operator may have integer weights: they are turned into floats, and the arithmetic stays in float. */
static tn_value *weights(tfl_op *op, int i)
{
    tn_value *w = tn_tfl_in(op, i);
    return tn_tfl_is_fixed(op->in[i]) && !tn_tfl_is_fixed(op->in[0]) ? tn_tfl_dequantised(op, i) : w;
}

/* The call that ends a convolution: bias and activation included. */
static bool convolve(tfl_op *op, const char *call, const window *w, int weights_at, const char *perm, int channel_axis)
{
    tn_value *x = tn_tfl_first(op, 0);
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_conv_fixed(op, call, tn_tfl_call(op, perm, tn_tfl_in(op, weights_at)), channel_axis,
                                 w->activation);
    tn_value *y = tn_tfl_call(op, tn_tfl_text(op, "Conv %s", call), x, tn_tfl_call(op, perm, weights(op, weights_at)),
                              tn_tfl_in(op, 2));
    tn_tfl_give(op, 0, FIRST, tn_tfl_activate(op, y, w->activation));
    return !op->e.failed;
}

static bool check_rank(tfl_op *op, int i, int rank)
{
    const tfl_tensor *t = op->in[i];
    return t->shape.rank == rank
        || tn_tfl_error(op, "input %d '%s' has rank %d; %d is wanted", i, t->name, t->shape.rank, rank);
}

/* Channels in the input over channels in a filter. */
static bool find_groups(tfl_op *op, int x_axis, int w_axis, int64_t *groups)
{
    int64_t in = tn_tfl_dim(op->in[0], x_axis), of = tn_tfl_dim(op->in[1], w_axis);
    *groups = of > 0 ? in / of : 0;
    return (of > 0 && in % of == 0 && in > 0)
        || tn_tfl_error(op, "%lld channels; the filters take %lld each", (long long)in, (long long)of);
}

static const char *window_text(tfl_op *op, const window *w, int64_t groups)
{
    return tn_tfl_text(op, "auto_pad=%s strides=%d,%d dilations=%d,%d group=%lld", w->padding, w->stride[0],
                       w->stride[1], w->dilation[0], w->dilation[1], (long long)groups);
}

bool tn_tfl_conv(tfl_op *op)
{
    window w = read_window(op, 3, 4);
    int64_t groups = 1;
    if (!check_rank(op, 0, 4) || !check_rank(op, 1, 4) || !find_groups(op, 3, 3, &groups))
        return false;
    return convolve(op, window_text(op, &w, groups), &w, 1, "Transpose perm=0,3,1,2", 0);
}

/* The filters [1, rows, columns, channels * multiplier]: a group for each channel. */
bool tn_tfl_depthwise(tfl_op *op)
{
    window w = read_window(op, 4, 5);
    if (!check_rank(op, 0, 4) || !check_rank(op, 1, 4))
        return false;
    return convolve(op, window_text(op, &w, tn_tfl_dim(op->in[0], 3)), &w, 1, "Transpose perm=3,0,1,2", 3);
}

static window read_volume(tfl_op *op)
{
    window w = {.padding = padding_of(op), .activation = tn_flat_i8(op->options, 4, 0)};
    static const int stride[] = {1, 3, 2}, dilation[] = {5, 7, 6};
    for (int i = 0; i < 3; i++) {
        w.stride[i] = tn_flat_i32(op->options, stride[i], 1);
        w.dilation[i] = tn_flat_i32(op->options, dilation[i], 1);
    }
    return w;
}

bool tn_tfl_conv_3d(tfl_op *op)
{
    window w = read_volume(op);
    int64_t groups = 1;
    if (!check_rank(op, 0, 5) || !check_rank(op, 1, 5) || !find_groups(op, 4, 3, &groups))
        return false;
    const char *call =
        tn_tfl_text(op, "auto_pad=%s strides=%d,%d,%d dilations=%d,%d,%d group=%lld", w.padding, w.stride[0],
                    w.stride[1], w.stride[2], w.dilation[0], w.dilation[1], w.dilation[2], (long long)groups);
    return convolve(op, call, &w, 1, "Transpose perm=4,3,0,1,2", 4);
}

/* "1,2," */
static const char *list_of(tfl_op *op, int n, const int *x)
{
    const char *text = "";
    for (int i = 0; i < n; i++)
        text = tn_tfl_text(op, "%s%d,", text, x[i]);
    return text;
}

/* Inputs: the result's shape, filters, x, bias. The padding is that of the convolution whose gradient this is. perm: to filters
   [in, out, ...]; first: the filters' axis that pixels begin at. */
static bool transposed(tfl_op *op, const window *w, int pixels, const char *perm, int first)
{
    size_t n = 0;
    const int64_t *shape = tn_tfl_ints(op, 0, "the result's shape", &n);
    const tfl_tensor *x = op->in[2];
    int pads[6] = {0}, more[3];
    if (shape == NULL || !check_rank(op, 1, 2 + pixels) || !check_rank(op, 2, 2 + pixels))
        return false;
    if (n != 2 + (size_t)pixels || !x->is_fixed)
        return tn_tfl_error(op,
                            n != 2 + (size_t)pixels ? "the result's shape has %zu dims, not the input's"
                                                    : "input 2 has an open dim",
                            n);
    for (int i = 0; i < pixels; i++) {
        int64_t all = (tn_tfl_dim(x, 1 + i) - 1) * w->stride[i]
                    + (tn_tfl_dim(op->in[1], first + i) - 1) * w->dilation[i] + 1,
                rest = all - shape[1 + i];
        if (rest > INT32_MAX || rest < -INT32_MAX)
            return tn_tfl_error(op, "%lld pixels in axis %d for %lld", (long long)shape[1 + i], 1 + i, (long long)all);
        pads[i] = w->padding[0] == 'S' && rest > 0 ? (int)rest / 2 : 0;
        pads[pixels + i] = (int)rest - pads[i] > 0 ? (int)rest - pads[i] : 0;
        more[i] = rest < 0 ? (int)-rest : 0;
    }
    tn_value *k = tn_tfl_call(op, perm, tn_tfl_in(op, 1));
    const char *call = tn_tfl_text(op, "ConvTranspose strides=%s dilations=%s pads=%s output_padding=%s",
                                   list_of(op, pixels, w->stride), list_of(op, pixels, w->dilation),
                                   list_of(op, 2 * pixels, pads), list_of(op, pixels, more));
    if (tn_tfl_is_fixed(x))
        return tn_tfl_conv_transpose_fixed(op, call, k, w->activation);
    if (tn_tfl_is_fixed(op->in[1]))
        k = tn_tfl_call(op, perm, tn_tfl_dequantised(op, 1));
    tn_value *y = tn_tfl_call(op, call, tn_tfl_first(op, 2), k, tn_tfl_has(op, 3) ? tn_tfl_in(op, 3) : NULL);
    tn_tfl_give(op, 0, FIRST, tn_tfl_activate(op, y, w->activation));
    return !op->e.failed;
}

bool tn_tfl_transpose_conv(tfl_op *op)
{
    window w = read_window(op, 3, 0);
    return transposed(op, &w, 2, "Transpose perm=3,0,1,2", 1);
}

bool tn_tfl_conv_3d_transpose(tfl_op *op)
{
    window w = read_volume(op);
    return transposed(op, &w, 3, "Transpose perm=4,3,0,1,2", 0);
}

/* --- pooling -------------------------------------------------------------------------------------------------------- */

static const char *pool_text(tfl_op *op, const char *name, const window *w)
{
    return tn_tfl_text(op, "%s auto_pad=%s strides=%d,%d kernel_shape=%d,%d", name, w->padding, w->stride[0],
                       w->stride[1], tn_flat_i32(op->options, 4, 1), tn_flat_i32(op->options, 3, 1));
}

bool tn_tfl_pool(tfl_op *op)
{
    window w = read_window(op, 5, 0);
    if (!check_rank(op, 0, 4))
        return false;
    tn_value *x = tn_tfl_first(op, 0);
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_pool_fixed(op, pool_text(op, "", &w), w.activation);
    tn_value *y = tn_tfl_call(op, pool_text(op, op->row->call, &w), x);
    tn_tfl_give(op, 0, FIRST, tn_tfl_activate(op, y, w.activation));
    return !op->e.failed;
}

/* The root of the mean of squares. */
bool tn_tfl_l2_pool(tfl_op *op)
{
    window w = read_window(op, 5, 0);
    if (!check_rank(op, 0, 4))
        return false;
    tn_value *x = tn_tfl_first(op, 0);
    tn_value *mean = tn_tfl_call(op, pool_text(op, "AveragePool", &w), tn_tfl_call(op, "Mul", x, x));
    tn_tfl_give(op, 0, FIRST, tn_tfl_activate(op, tn_tfl_call(op, "Sqrt", mean), w.activation));
    return !op->e.failed;
}

/* --- resizing, blocks ------------------------------------------------------------------------------------------------- */

/* Fields `first`, first + 1: corners are aligned; pixels are sampled at their centres. */
static bool resize(tfl_op *op, int first, const char *mode)
{
    size_t n = 0;
    const int64_t *size = tn_tfl_ints(op, 1, "the size", &n);
    bool align = tn_flat_bool(op->options, first), half = tn_flat_bool(op->options, first + 1);
    if (size == NULL || !check_rank(op, 0, 4))
        return false;
    if (n != 2)
        return tn_tfl_error(op, "the size has %zu elements; 2 are wanted", n);
    if (mode[0] == 'l' && tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_bilinear_fixed(op, size, align ? ALIGNED : half ? HALF_PIXELS : CORNERS_APART);
    const char *where = align ? "align_corners" : half ? "half_pixel" : "asymmetric";
    const char *rounding = align || half ? "round_prefer_ceil" : "floor";
    const char *call = tn_tfl_text(op, "Resize mode=%s coordinate_transformation_mode=%s nearest_mode=%s axes=2,3",
                                   mode, where, rounding);
    tn_tfl_give(op, 0, FIRST, tn_tfl_call(op, call, tn_tfl_first(op, 0), NULL, NULL, tn_expand_ints(&op->e, 2, size)));
    return !op->e.failed;
}

bool tn_tfl_resize_bilinear(tfl_op *op)
{
    return resize(op, 2, "linear");
}

bool tn_tfl_resize_nearest(tfl_op *op)
{
    return resize(op, 0, "nearest");
}

/* DepthToSpace, SpaceToDepth: field 0 is the block. */
bool tn_tfl_blocks(tfl_op *op)
{
    if (!check_rank(op, 0, 4))
        return false;
    const char *call = tn_tfl_text(op, "%s blocksize=%d", op->row->call, tn_flat_i32(op->options, 0, 1));
    tn_tfl_give(op, 0, FIRST, tn_tfl_call(op, call, tn_tfl_first(op, 0)));
    return !op->e.failed;
}

/* radius, bias, alpha, beta. The window is radius channels before and radius - 1 behind, where ONNX's even sizes have the
   odd one behind: so the channels are turned round before and after. ONNX divides alpha by the size. */
bool tn_tfl_lrn(tfl_op *op)
{
    int radius = tn_flat_i32(op->options, 0, 0);
    if (!check_rank(op, 0, 4))
        return false;
    if (radius < 1 || radius > 1 << 20)
        return tn_tfl_error(op, "radius %d; 1 to %d is wanted", radius, 1 << 20);
    int size = 2 * radius;
    float alpha = tn_flat_float(op->options, 2, 0) * (float)size;
    const char *call = tn_tfl_text(
        op, "LRN size=%d bias=%s alpha=%s beta=%s", size, tn_tfl_float_text(op, tn_flat_float(op->options, 1, 0)),
        tn_tfl_float_text(op, alpha), tn_tfl_float_text(op, tn_flat_float(op->options, 3, 0)));
    tn_value *turned = tn_call_slice(&op->e, tn_tfl_first(op, 0), 1, INT64_MAX, INT64_MIN, -1);
    tn_tfl_give(op, 0, FIRST, tn_call_slice(&op->e, tn_tfl_call(op, call, turned), 1, INT64_MAX, INT64_MIN, -1));
    return !op->e.failed;
}
