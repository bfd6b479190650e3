/* Quantised: pooling, reductions, softmax, resizing. */
#include "tflite/fixed.h"

#include <math.h>

/* --- pooling, reductions, softmax ------------------------------------------------------------------------------------------------ */

/* The elements go through as they are. */
static bool check_same_scale(tfl_op *op)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    if (!tn_tfl_check_scales(op))
        return false;
    return (fabs((double)x->scale[0] - (double)y->scale[0]) <= 1e-6 && x->zero[0] == y->zero[0] && x->dtype == y->dtype)
        || tn_tfl_error(op, "input and result have scales %g and %g, zero points %lld and %lld; equal ones are wanted",
                        (double)x->scale[0], (double)y->scale[0], (long long)x->zero[0], (long long)y->zero[0]);
}

bool tn_tfl_pool_fixed(tfl_op *op, const char *call, int activation)
{
    tfl_limits l;
    if (!check_same_scale(op) || !tn_tfl_find_limits(op, op->out[0], activation, &l))
        return false;
    tn_value *y = NULL;
    if (strcmp(op->row->call, "AveragePool") == 0) {
        y = tn_tfl_call(
            op, tn_tfl_text(op, "tenon.AveragePool%s min=%lld max=%lld", call, (long long)l.min, (long long)l.max),
            tn_tfl_first(op, 0));
    } else {
        const char *domain = op->in[0]->dtype == TN_INT16 ? "tenon." : "";
        y = tn_tfl_call(op, tn_tfl_text(op, "%sMaxPool%s", domain, call), tn_tfl_first(op, 0));
        if (activation != 0)
            y = tn_tfl_call(op, "Clip", y, tn_expand_scalar(&op->e, op->out[0]->dtype, (double)l.min),
                            tn_expand_scalar(&op->e, op->out[0]->dtype, (double)l.max));
    }
    tn_tfl_give(op, 0, FIRST, y);
    return !op->e.failed;
}

/* How many elements each of the result's is made of; -1 after an error. */
static int64_t count_reduced(tfl_op *op, const tfl_axes *axes)
{
    const tfl_tensor *x = op->in[0];
    int64_t count = 1;
    for (int i = 0; i < axes->n; i++)
        count *= tn_tfl_dim(x, axes->axis[i]);
    if (count >= 1 && x->is_fixed)
        return count;
    tn_tfl_error(op, "the number of elements must be known and not 0");
    return -1;
}

/* In fixed point: the count goes into the multiplier, with as many bits as the shift has left. */
static tn_value *mean_fixed(tfl_op *op, tn_value *sum, int64_t count)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    tfl_factor f = tn_tfl_factor(op->im, (double)x->scale[0] / (double)y->scale[0]);
    int shift = 0;
    while (count >> (shift + 1) != 0)
        shift++;
    shift = shift > 32 ? 32 : shift; /* the multiplier has 31 bits */
    shift = shift > 31 + f.shift ? 31 + f.shift : shift;
    f.multiplier = (int32_t)(((int64_t)f.multiplier << shift) / count);
    f.shift -= shift;
    if (x->zero[0] != 0)
        sum = tn_tfl_call(op, "Sub", sum,
                          tn_expand_scalar(&op->e, TN_INT32, (double)(int32_t)(uint64_t)(x->zero[0] * count)));
    const tfl_rescale to = {.zero = y->zero[0], .limits = tn_tfl_type_limits(y->dtype), .to = y->dtype};
    return tn_tfl_rescale(op, sum, 1, &f, 0, NULL, &to);
}

/* In float, as TFLite has it. */
static tn_value *sum_fixed(tfl_op *op, tn_value *sum, int64_t count)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    float scale = x->scale[0] / y->scale[0], bias = (float)-x->zero[0] * scale * (float)count;
    tfl_limits l = tn_tfl_type_limits(y->dtype);
    sum =
        tn_tfl_call(op, "Mul", tn_call_cast(&op->e, sum, TN_FLOAT), tn_expand_scalar(&op->e, TN_FLOAT, (double)scale));
    if (x->zero[0] != 0)
        sum = tn_tfl_call(op, "Add", sum, tn_expand_scalar(&op->e, TN_FLOAT, (double)bias));
    return tn_tfl_call(op,
                       tn_tfl_text(op, "tenon.RoundAway scale=1.0 zero=%lld min=%lld max=%lld to=%d",
                                   (long long)y->zero[0], (long long)l.min, (long long)l.max, (int)y->dtype),
                       sum);
}

/* [kept dims..., count]: the elements that go into each of the result's, in the file's order, their zero point taken away. */
static tn_value *rows_to_reduce(tfl_op *op, const tfl_axes *axes, int64_t count)
{
    const tfl_tensor *t = op->in[0];
    int64_t dims[TN_MAX_RANK + 1];
    const char *perm = "";
    int kept = 0, reduced = 0;
    for (int i = 0; i < t->shape.rank; i++) {
        if (reduced < axes->n && axes->axis[reduced] == i) {
            reduced++;
            continue;
        }
        perm = tn_tfl_text(op, "%s%d,", perm, i);
        dims[kept++] = tn_tfl_dim(t, i);
    }
    for (int i = 0; i < axes->n; i++)
        perm = tn_tfl_text(op, "%s%d,", perm, axes->axis[i]);
    dims[kept] = count;
    tn_value *x = tn_tfl_call(op, tn_tfl_text(op, "Transpose perm=%s", perm), tn_tfl_in(op, 0));
    x = tn_tfl_call(op, "Reshape allowzero=1", x, tn_expand_ints(&op->e, kept + 1, dims));
    return tn_tfl_call(op, "Sub", tn_call_cast(&op->e, x, TN_INT32),
                       tn_expand_scalar(&op->e, TN_INT32, (double)t->zero[0]));
}

/* After each factor TFLite scales by its share of the result's scale, so that nothing overflows; so each is rounded, and their
   order counts: there is no sum or product that would say it. */
static tn_value *product_of_rows(tfl_op *op, tn_value *rows, int64_t count)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    const double share = (double)x->scale[0] / pow((double)y->scale[0], 1.0 / (double)count);
    const tfl_rescale step = {.limits = tn_tfl_all_of_int32, .to = TN_INT32, .is_wide = true};
    const tfl_rescale last = {
        .zero = y->zero[0], .limits = tn_tfl_type_limits(y->dtype), .to = y->dtype, .is_wide = true};
    tn_value *product = NULL;
    for (int64_t i = 0; i < count; i++) {
        tn_value *factor = tn_tfl_call(op, "Gather axis=-1", rows, tn_expand_scalar(&op->e, TN_INT64, (double)i));
        factor = tn_call_cast(&op->e, factor, TN_INT64);
        if (product != NULL)
            factor = tn_tfl_call(op, "Mul", tn_call_cast(&op->e, product, TN_INT64), factor);
        product = i == 0 ? factor : tn_tfl_rescale_one(op, factor, share, &step);
    }
    return tn_tfl_rescale_one(op, tn_call_cast(&op->e, product, TN_INT64), share, &last);
}

bool tn_tfl_product_fixed(tfl_op *op, const tfl_axes *axes)
{
    enum { MOST = 256 }; /* each is an operation of its own */
    int64_t count = tn_tfl_check_scales(op) ? count_reduced(op, axes) : -1;
    if (count > MOST)
        return tn_tfl_error(op, "the product of %lld quantised elements; up to %d are supported", (long long)count,
                            MOST);
    if (count < 1)
        return false;
    tn_value *y = product_of_rows(op, rows_to_reduce(op, axes, count), count);
    for (int i = 0; i < axes->n && tn_flat_bool(op->options, 0); i++)
        y = tn_call_unsqueeze(&op->e, y, axes->axis[i]);
    return tn_tfl_give_one(op, y);
}

tn_value *tn_tfl_reduce_fixed(tfl_op *op, tn_value *x, tn_value *at, const tfl_axes *axes)
{
    bool mean = strcmp(op->row->name, "MEAN") == 0;
    int64_t count = tn_tfl_check_scales(op) ? count_reduced(op, axes) : -1;
    if (op->e.failed || count < 1)
        return x;
    const char *call = tn_tfl_text(op, "ReduceSum keepdims=%d noop_with_empty_axes=1", tn_flat_bool(op->options, 0));
    tn_value *sum = tn_tfl_call(op, call, tn_call_cast(&op->e, x, TN_INT32), at);
    return mean ? mean_fixed(op, sum, count) : sum_fixed(op, sum, count);
}

/* exp(a) of a number of 5 integer bits that is not above 0, in fractions of 2^31: by its quarters, and the rest by a
   polynomial around -1/8 (gemmlowp's fixed point, in its order of roundings). */
static int32_t fixed_exp(int32_t a)
{
    enum { QUARTER = 1 << 24 };
    static const int32_t of_power[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    if (a == 0)
        return INT32_MAX;
    int32_t rest = (a & (QUARTER - 1)) - QUARTER, quarters = rest - a;
    int32_t x = (int32_t)((int64_t)rest * 32) + (1 << 28); /* rest is above -1/4 */
    int32_t x2 = tn_fixed_mul(x, x), x3 = tn_fixed_mul(x2, x), x4 = tn_fixed_mul(x2, x2);
    int32_t tail = tn_fixed_shift(tn_fixed_mul(tn_fixed_shift(x4, 2) + x3, 715827883) + x2, 1);
    int32_t y = 1895147668 + tn_fixed_mul(1895147668, x + tail);
    for (int i = 0; i < 7; i++)
        if ((quarters >> (24 + i) & 1) != 0)
            y = tn_fixed_mul(y, of_power[i]);
    return y;
}

/* What takes differences of the inputs, times beta, to fractions of 2^26, and how far they count in TFLite. */
static tfl_factor input_factor(const tfl_op *op, float beta, int *radius)
{
    double real = (double)beta * (double)op->in[0]->scale[0] * (1 << 26),
           most = op->im->options->single_rounding ? 1073741823.0 : 2147483647.0;
    tfl_factor f = tn_tfl_factor(op->im, real < most ? real : most);
    *radius = (int)floor(31.0 * (1 << 26) / (double)(INT64_C(1) << (f.shift > 0 ? f.shift : 0)));
    return f;
}

/* exp(-d * scale * beta), 0 where that does not count. */
static tn_value *exp_table(tfl_op *op, float beta)
{
    int64_t table[256];
    int radius = 0;
    tfl_factor f = input_factor(op, beta, &radius);
    for (int d = 0; d < 256; d++)
        table[d] = d <= radius ? fixed_exp(tn_tfl_times(op->im, -d, f)) : 0;
    return tn_tfl_list(op, TN_INT32, 1, (const int64_t[]){256}, table);
}

/* The result's scale and zero point are given by the operator. */
static bool check_result(tfl_op *op, float scale, int64_t zero)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    return (tn_tfl_check_scales(op) && y->dtype == x->dtype && y->scale[0] == scale && y->zero[0] == zero)
        || tn_tfl_error(op, "the result is %s; %s of scale %g and zero point %lld is wanted",
                        tn_dtype_get(y->dtype)->name, tn_dtype_get(x->dtype)->name, (double)scale, (long long)zero);
}

bool tn_tfl_log_softmax_fixed(tfl_op *op)
{
    int64_t scaled[256];
    int radius = 0;
    tfl_limits l = tn_tfl_type_limits(op->in[0]->dtype);
    tfl_factor f = input_factor(op, 1, &radius);
    if (!check_result(op, 1.0f / 16, l.max))
        return false;
    tfl_factor back = tn_tfl_factor(op->im, ldexp(1, 31 - f.shift) / (double)f.multiplier);
    for (int d = 0; d < 256; d++)
        scaled[d] = tn_tfl_times(op->im, -d, f);
    const char *call = tn_tfl_text(
        op, "tenon.FixedLogSoftmax min=%lld max=%lld to=%d radius=%d back=%lld back_shift=%d", (long long)l.min,
        (long long)l.max, (int)op->out[0]->dtype, radius, (long long)back.multiplier, -back.shift);
    return tn_tfl_give_one(op, tn_tfl_call(op, call, tn_tfl_in(op, 0), exp_table(op, 1),
                                           tn_tfl_list(op, TN_INT32, 1, (const int64_t[]){256}, scaled)));
}

/* Each element over the root of its row's sum of squares, in fractions of 2^7. TFLite's kernel of uint8 shifts before, that of int8
   together with the root. */
bool tn_tfl_l2_normalization_fixed(tfl_op *op)
{
    const tfl_tensor *x = op->in[0];
    bool is_signed = x->dtype == TN_INT8;
    if (tn_flat_i8(op->options, 0, 0) != 0)
        return tn_tfl_error(op, "a fused activation is not supported here");
    if (!check_result(op, 1.0f / 128, is_signed ? 0 : 128))
        return false;
    tn_value *d = tn_call_cast(&op->e, tn_tfl_in(op, 0), TN_INT32);
    d = tn_tfl_call(op, "Sub", d, tn_expand_scalar(&op->e, TN_INT32, (double)x->zero[0]));
    tn_value *sum = tn_tfl_call(op, "ReduceSum keepdims=1", tn_tfl_call(op, "Mul", d, d), tn_expand_int(&op->e, -1));
    const tfl_rescale to = {
        .left = is_signed ? 0 : 7, .zero = op->out[0]->zero[0], .limits = tn_tfl_type_limits(x->dtype), .to = x->dtype};
    return tn_tfl_give_one(op, tn_tfl_by_root(op, d, sum, is_signed ? 7 : 0, &to));
}

static double wide_inverse(double x)
{
    return 1 / (1 + x);
}

/* Of 16 bits: what takes 10 to 2^16 - 1, and the tables. */
static bool wide_softmax(tfl_op *op, float beta)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    tfl_factor f = tn_tfl_factor(op->im, (double)x->scale[0] * (double)beta / (10.0 / 65535.0));
    if (y->dtype != TN_INT16 || y->scale[0] != 1.0f / 32768 || y->zero[0] != 0 || f.shift > 14)
        return tn_tfl_error(op, "of scale %g to %s of scale %g; to int16 of 2^-15 without a zero point is wanted",
                            (double)x->scale[0], tn_dtype_get(y->dtype)->name, (double)y->scale[0]);
    int64_t multiplier = f.multiplier, shift = f.shift;
    const char *call = tn_tfl_text(op, "tenon.FixedWideSoftmax single=%d", op->im->options->single_rounding);
    const tfl_curve of_exp = {exp, -10, 0, 32768, 0, 0, false}, of_sum = {wide_inverse, 0, 1, 32768, 0, 0, false};
    return tn_tfl_give_one(op, tn_tfl_call(op, call, tn_tfl_in(op, 0), tn_tfl_points(op, &of_exp),
                                           tn_tfl_points(op, &of_sum), tn_tfl_list(op, TN_INT32, 0, NULL, &multiplier),
                                           tn_tfl_list(op, TN_INT8, 0, NULL, &shift)));
}

bool tn_tfl_softmax_fixed(tfl_op *op)
{
    float beta = tn_flat_float(op->options, 0, 0);
    if (!tn_tfl_check_scales(op))
        return false;
    if (!(beta > 0))
        return tn_tfl_error(op, "beta is %g; above 0 is wanted", (double)beta);
    if (op->in[0]->dtype == TN_INT16)
        return wide_softmax(op, beta);
    tfl_limits l = tn_tfl_type_limits(op->out[0]->dtype);
    const char *call = tn_tfl_text(op, "tenon.FixedSoftmax min=%lld max=%lld to=%d", (long long)l.min, (long long)l.max,
                                   (int)op->out[0]->dtype);
    return tn_tfl_give_one(op, tn_tfl_call(op, call, tn_tfl_in(op, 0), exp_table(op, beta)));
}

/* --- resizing ----------------------------------------------------------------------------------------------------------- */

/* Where each row or column of the result lies between two of the input, and what each of them counts. */
typedef struct taps {
    tn_value *at[2], *weight[2];
} taps;

/* In fractions of 2^10; of uint8, as TFLite has it, in float. */
static double tap_place(int64_t i, int64_t in, int64_t out, tfl_sampling how, bool in_float)
{
    bool align = how == ALIGNED && out > 1;
    int64_t over = align ? out - 1 : out, from = align ? in - 1 : in;
    if (in_float) {
        float scale = (float)from / (float)over;
        return (double)(how == HALF_PIXELS ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale);
    }
    int64_t scale = (1024 * from + over / 2) / over;
    return (double)(how == HALF_PIXELS ? i * scale + scale / 2 - 512 : i * scale) / 1024;
}

static taps make_taps(tfl_op *op, tn_dtype dtype, int axis, int64_t out, tfl_sampling how)
{
    int64_t in = tn_tfl_dim(op->in[0], axis), dims[2] = {out, 1};
    int64_t *at = TN_NEW_N(op->im->arena, int64_t, 2 * out);
    tn_shape s = tn_shape_fixed(axis == 1 ? 2 : 1, dims);
    tn_tensor *weight[2] = {tn_tensor_make(op->im->arena, dtype, &s), tn_tensor_make(op->im->arena, dtype, &s)};
    bool in_float = dtype == TN_FLOAT;
    for (int64_t i = 0; i < out; i++) {
        double place = tap_place(i, in, out, how, in_float);
        at[i] = (int64_t)fmin(fmax(floor(place), 0), (double)(in - 1));
        at[out + i] = (int64_t)fmin(fmax(ceil(place), 0), (double)(in - 1));
        double rest = in_float ? (double)((float)place - (float)at[i]) : 1024 * (place - (double)at[i]);
        tn_tensor_set(weight[0], i, (in_float ? 1 : 1024) - rest);
        tn_tensor_set(weight[1], i, rest);
    }
    taps t;
    for (int k = 0; k < 2; k++) {
        t.at[k] = tn_tfl_list(op, TN_INT64, 1, dims, at + k * out);
        t.weight[k] = tn_tfl_constant(op, weight[k]);
    }
    return t;
}

static tn_value *sum_of_taps(tfl_op *op, tn_value *x, const taps *rows, const taps *columns)
{
    tn_value *sum = NULL;
    for (int i = 0; i < 4; i++) { /* TFLite's order, which floats feel */
        tn_value *v = tn_tfl_call(op, "Gather axis=2", x, rows->at[i % 2]);
        v = tn_tfl_call(op, "Mul", tn_tfl_call(op, "Gather axis=3", v, columns->at[i / 2]), rows->weight[i % 2]);
        v = tn_tfl_call(op, "Mul", v, columns->weight[i / 2]);
        sum = sum == NULL ? v : tn_tfl_call(op, "Add", sum, v);
    }
    return sum;
}

/* x / 2^20 to nearest, ties away from 0; in single rounding up. */
static tn_value *round_20_bits(tfl_op *op, tn_value *x, tn_dtype dtype)
{
    tn_value *half = tn_expand_scalar(&op->e, dtype, 1 << 19), *whole = tn_expand_scalar(&op->e, dtype, 1 << 20);
    tn_value *up = tn_tfl_call(op, "Add", x, half);
    if (op->im->options->single_rounding) {
        tn_value *rest = tn_tfl_call(op, "Mod", up, whole);
        return tn_tfl_call(op, "Div", tn_tfl_call(op, "Sub", up, rest), whole);
    }
    tn_value *is_positive = tn_tfl_call(op, "Greater", x, tn_expand_scalar(&op->e, dtype, 0));
    return tn_tfl_call(op, "Div", tn_tfl_call(op, "Where", is_positive, up, tn_tfl_call(op, "Sub", x, half)), whole);
}

bool tn_tfl_bilinear_fixed(tfl_op *op, const int64_t *size, tfl_sampling how)
{
    const tfl_tensor *x = op->in[0];
    tn_dtype dtype = x->dtype == TN_UINT8 ? TN_FLOAT : x->dtype == TN_INT16 ? TN_INT64 : TN_INT32;
    if (!check_same_scale(op))
        return false;
    for (int i = 0; i < 2; i++)
        if (size[i] < 1 || size[i] > 1 << 20 || !x->is_fixed || tn_tfl_dim(x, 1 + i) < 1)
            return tn_tfl_error(op, "from %lld elements of axis %d to %lld: fixed extents, 1 to %d, are wanted",
                                (long long)tn_tfl_dim(x, 1 + i), 1 + i, (long long)size[i], 1 << 20);
    taps rows = make_taps(op, dtype, 1, size[0], how), columns = make_taps(op, dtype, 2, size[1], how);
    tn_value *y = sum_of_taps(op, tn_call_cast(&op->e, tn_tfl_first(op, 0), dtype), &rows, &columns);
    y = dtype == TN_FLOAT ? tn_tfl_call(op, "Add", y, tn_expand_scalar(&op->e, TN_FLOAT, 0.5))
                          : round_20_bits(op, y, dtype);
    tn_tfl_give(op, 0, FIRST, tn_call_cast(&op->e, y, x->dtype));
    return !op->e.failed;
}
