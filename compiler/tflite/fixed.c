/* Quantised operators: TFLite's factors, tables and limits, as constants of the fixed-point operators (ops/fixed.def).

       CONV_2D             ConvInteger, + bias, Rescale with a factor for each channel
       ADD                 Rescale of both with 20 bits in front, sum, Rescale
       LOGISTIC, RELU ...  Lookup in a table of all 256 values, computed here

   The factors are computed in double from the file's float scales, in the order of operations of TFLite's kernels, so that
   multipliers and shifts are theirs to the bit. */
#include "tflite/fixed.h"

#include <math.h>

/* --- factors ---------------------------------------------------------------------------------------------------------- */

typedef struct factor {
    int32_t multiplier; /* 2^30 .. 2^31 - 1, or 0 */
    int shift;          /* of multiplier / 2^31 to the left */
} factor;

static factor factor_of(const importer *im, double real)
{
    int shift = 0;
    real = real < 4294967296.0 ? real : 4294967296.0; /* infinite where scales are far apart */
    int64_t m = llround(frexp(real, &shift) * (double)(INT64_C(1) << 31));
    if (m == INT64_C(1) << 31) {
        m /= 2;
        shift++;
    }
    if (shift < -31)
        return (factor){0, 0};
    if (shift > 30) /* beyond what the arithmetic holds */
        return im->options->single_rounding ? (factor){INT32_MAX, 30} : (factor){(int32_t)m, 31};
    return (factor){(int32_t)m, shift};
}

/* x * factor, as the generated code computes it. */
static int32_t times(const importer *im, int32_t x, factor f)
{
    if (im->options->single_rounding) {
        int by = 31 - f.shift;
        return (int32_t)(((int64_t)x * f.multiplier + (INT64_C(1) << (by - 1))) >> by);
    }
    int32_t left = f.shift > 0 ? (int32_t)((uint32_t)x << f.shift) : x;
    return tn_fixed_shift(tn_fixed_mul(left, f.multiplier), f.shift < 0 ? -f.shift : 0);
}

/* --- limits ------------------------------------------------------------------------------------------------------------ */

bool tn_tfl_is_fixed(const tfl_tensor *t)
{
    return t->n_scale > 0
        && (t->dtype == TN_INT8 || t->dtype == TN_UINT8 || t->dtype == TN_INT16 || t->dtype == TN_INT4);
}

typedef struct limits {
    int64_t min, max;
} limits;

static limits type_limits(tn_dtype t)
{
    int64_t range = INT64_C(1) << tn_dtype_get(t)->bits, min = tn_dtype_get(t)->is_signed ? -range / 2 : 0;
    return (limits){min, min + range - 1};
}

static int64_t at_zero(const tfl_tensor *t, double real)
{
    double q = (double)roundf((float)real / t->scale[0]) + (double)t->zero[0];
    return q < -2e9 ? -2000000000 : q > 2e9 ? 2000000000 : (int64_t)q;
}

/* The result's type, narrowed by a fused activation. */
static bool find_limits(tfl_op *op, const tfl_tensor *t, int activation, limits *out)
{
    enum { NONE, RELU, RELU_N1_TO_1, RELU6 };
    *out = type_limits(t->dtype);
    if (activation < NONE || activation > RELU6)
        return tn_tfl_error(op, "fused activation function %d is not supported for quantised tensors", activation);
    if (activation == NONE)
        return true;
    int64_t lo = at_zero(t, activation == RELU_N1_TO_1 ? -1 : 0), hi = at_zero(t, activation == RELU_N1_TO_1 ? 1 : 6);
    out->min = lo > out->min ? lo : out->min;
    if (activation != RELU)
        out->max = hi < out->max ? hi : out->max;
    return true;
}

/* One scale, not 0, for all elements. */
static bool check_scale(tfl_op *op, const tfl_tensor *t)
{
    if (t == NULL || !tn_tfl_is_fixed(t) || t->n_scale != 1 || !(t->scale[0] > 0))
        return tn_tfl_error(op, "tensor '%s' is %s%s; one scale above 0 is wanted", t != NULL ? t->name : "",
                            t != NULL ? tn_dtype_get(t->dtype)->name : "",
                            t != NULL && t->n_scale > 1 ? " with many scales" : "");
    return true;
}

static bool check_scales(tfl_op *op)
{
    for (int i = 0; i < op->n_in && i < 2; i++)
        if (op->in[i] != NULL && tn_tfl_is_fixed(op->in[i]) && !check_scale(op, op->in[i]))
            return false;
    return check_scale(op, op->out[0]);
}

static bool only_bytes(tfl_op *op)
{
    for (int i = 0; i < op->n_in && i < 2; i++)
        if (op->in[i] != NULL && op->in[i]->dtype == TN_INT16)
            return tn_tfl_error(op, "16-bit input '%s' is not supported here; 8 bits are", op->in[i]->name);
    return true;
}

/* --- constants ----------------------------------------------------------------------------------------------------------- */

static tn_value *list(tfl_op *op, tn_dtype dtype, int rank, const int64_t *dims, const int64_t *x)
{
    tn_shape s = tn_shape_fixed(rank, dims);
    tn_tensor *t = tn_tensor_make(op->im->arena, dtype, &s);
    for (int64_t i = 0; i < tn_shape_count(&s); i++)
        tn_tensor_set_int(t, i, x[i]);
    return tn_tfl_constant(op, t);
}

/* How Rescale is called; all-zero is: nothing but the factor. */
typedef struct rescale {
    int64_t x_zero, left, zero;
    limits limits;
    tn_dtype to;
} rescale;

static tn_value *call_rescale(tfl_op *op, tn_value *x, int n, const factor *f, int rank, const int64_t *dims,
                              const rescale *r)
{
    int64_t *m = TN_NEW_N(op->im->arena, int64_t, n), *s = TN_NEW_N(op->im->arena, int64_t, n);
    for (int i = 0; i < n; i++) {
        m[i] = f[i].multiplier;
        s[i] = f[i].shift;
    }
    const char *call =
        tn_tfl_text(op, "tenon.Rescale x_zero=%lld left=%lld zero=%lld min=%lld max=%lld to=%d single=%d",
                    (long long)r->x_zero, (long long)r->left, (long long)r->zero, (long long)r->limits.min,
                    (long long)r->limits.max, (int)r->to, op->im->options->single_rounding);
    return tn_tfl_call(op, call, x, list(op, TN_INT32, rank, dims, m), list(op, TN_INT8, rank, dims, s));
}

static tn_value *rescale_one(tfl_op *op, tn_value *x, double real, const rescale *r)
{
    factor f = factor_of(op->im, real);
    return call_rescale(op, x, 1, &f, 0, NULL, r);
}

static const limits all_of_int32 = {INT32_MIN, INT32_MAX};

tn_value *tn_tfl_dequantised(tfl_op *op, int i)
{
    const tfl_tensor *t = op->in[i];
    int64_t dims[1] = {(int64_t)t->n_scale};
    if (t->n_scale > 1 && t->axis < 0)
        tn_tfl_error(op, "tensor '%s' is %s with %zu scales, which fit no axis", t->name,
                     tn_type_text(op->im->arena, t->dtype, &t->shape), t->n_scale);
    tn_shape s = tn_shape_fixed(t->n_scale > 1 ? 1 : 0, dims);
    tn_tensor *scale = tn_tensor_make(op->im->arena, TN_FLOAT, &s), *zero = tn_tensor_make(op->im->arena, t->dtype, &s);
    for (size_t k = 0; k < t->n_scale; k++) {
        tn_tensor_set(scale, (int64_t)k, (double)t->scale[k]);
        tn_tensor_set_int(zero, (int64_t)k, t->zero[k]);
    }
    return tn_tfl_call(op, tn_tfl_text(op, "DequantizeLinear axis=%d", t->axis), tn_tfl_in(op, i),
                       tn_tfl_constant(op, scale), tn_tfl_constant(op, zero));
}

/* --- elements by a table --------------------------------------------------------------------------------------------------- */

/* Each of the 256 values as TFLite's kernels compute it: relu and its kin by factors, the curves in float. */
typedef struct table_of {
    const importer *im;
    const tfl_op *op;
    const tfl_tensor *x, *y;
    factor same, alpha; /* to the result's scale; of LEAKY_RELU below 0 */
    double lo, hi;      /* of the RELU family, real */
} table_of;

static int16_t mul16(int a, int b, bool rounds)
{
    int64_t product = (int64_t)a * b;
    if (product == INT64_C(1) << 30)
        return INT16_MAX;
    return rounds ? (int16_t)((product + (1 << 14)) >> 15) : (int16_t)(product / (1 << 15));
}

static int32_t shift_left_16(int x, int by)
{
    int64_t y = (int64_t)x * (INT64_C(1) << by);
    return (int32_t)(y < INT16_MIN ? INT16_MIN : y > INT16_MAX ? INT16_MAX : y);
}

static int to_16(int32_t m)
{
    return m >= INT32_MAX - (1 << 15) ? INT16_MAX : (m + (1 << 15)) >> 16;
}

/* x * relu6(x + 3) / 6 in 16 bits. */
static int64_t hard_swish(const table_of *t, int64_t q)
{
    float hires = 1.0f / 128 * t->x->scale[0];
    importer twice = *t->im; /* factors of 16 bits have one form */
    factor out = factor_of(&twice, (double)(hires / t->y->scale[0])),
           relu = factor_of(&twice, (double)(hires / (3.0f / 32768)));
    int x = (int)((q - t->x->zero[0]) * 128), on_scale = mul16(x, to_16(out.multiplier), true), r = x;
    if (relu.shift > 0)
        r = shift_left_16(r, relu.shift - 1);
    r = mul16(r, to_16(relu.multiplier), true);
    if (relu.shift > 0)
        r = shift_left_16(r, 1);
    if (relu.shift < 0)
        r = tn_fixed_shift(r, -relu.shift);
    r = (r + (1 << 15)) >> 1;
    return tn_fixed_shift(mul16(r, on_scale, false), -out.shift) + t->y->zero[0];
}

/* Curves in float as TFLite's tables have them: x by scale, rounded by the inverse of the result's scale. */
static double curve(const char *name, double x, const tfl_op *op)
{
    if (strcmp(name, "LOGISTIC") == 0)
        return 1 / (1 + exp(-x));
    if (strcmp(name, "TANH") == 0)
        return tanh(x);
    if (strcmp(name, "ELU") == 0)
        return x < 0 ? expm1(x) : x;
    if (strcmp(name, "EXP") == 0)
        return exp(x);
    if (strcmp(name, "LOG") == 0)
        return log(x);
    if (strcmp(name, "SQRT") == 0)
        return sqrt(x);
    if (strcmp(name, "RSQRT") == 0)
        return 1 / sqrt(x);
    if (strcmp(name, "GELU") == 0)
        return tn_flat_bool(op->options, 0) ? 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
                                            : 0.5 * x * erfc(x * -0.70710678118654752440);
    if (strcmp(name, "ABS") == 0)
        return fabs(x);
    if (strcmp(name, "NEG") == 0)
        return -x;
    if (strcmp(name, "SQUARE") == 0)
        return x * x;
    if (strcmp(name, "SIN") == 0)
        return sin(x);
    if (strcmp(name, "COS") == 0)
        return cos(x);
    if (strcmp(name, "CEIL") == 0)
        return ceil(x);
    if (strcmp(name, "FLOOR") == 0)
        return floor(x);
    if (strcmp(name, "ROUND") == 0)
        return nearbyint(x);
    return NAN; /* no such table */
}

static bool is_relu(const char *name)
{
    return strncmp(name, "RELU", 4) == 0;
}

static int64_t element(const table_of *t, int64_t q)
{
    const char *name = t->op->row->name;
    int32_t x = (int32_t)(q - t->x->zero[0]);
    if (is_relu(name))
        return times(t->im, x, t->same) + t->y->zero[0];
    if (strcmp(name, "LEAKY_RELU") == 0)
        return times(t->im, x, x >= 0 ? t->same : t->alpha) + t->y->zero[0];
    if (strcmp(name, "HARD_SWISH") == 0)
        return hard_swish(t, q);
    float real = (float)curve(name, (double)(t->x->scale[0] * (float)x), t->op);
    float y = roundf(real * (1.0f / t->y->scale[0])) + (float)t->y->zero[0];
    return !(y > -1e9f) ? -1000000000 : y > 1e9f ? 1000000000 : (int64_t)y;
}

bool tn_tfl_unary_fixed(tfl_op *op)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    table_of t = {.im = op->im, .op = op, .x = x, .y = y, .lo = -INFINITY, .hi = INFINITY};
    const char *name = op->row->name;
    if (!check_scales(op) || !only_bytes(op))
        return false;
    bool known = is_relu(name) || strcmp(name, "LEAKY_RELU") == 0 || strcmp(name, "HARD_SWISH") == 0
              || !isnan(curve(name, 1, op));
    if (!known || y->dtype != x->dtype)
        return tn_tfl_error(op, "is not supported for quantised %s", tn_dtype_get(x->dtype)->name);
    t.same = factor_of(op->im, (double)(x->scale[0] / y->scale[0]));
    if (strcmp(name, "LEAKY_RELU") == 0)
        t.alpha = factor_of(op->im, (double)(x->scale[0] * tn_flat_float(op->options, 0, 0) / y->scale[0]));
    if (strcmp(name, "HARD_SWISH") == 0 && !(x->scale[0] / 128 < y->scale[0]))
        return tn_tfl_error(op, "the result's scale %g is too small for an input's of %g", (double)y->scale[0],
                            (double)x->scale[0]);
    int activation = strcmp(name, "RELU") == 0         ? 1
                   : strcmp(name, "RELU6") == 0        ? 3
                   : strcmp(name, "RELU_N1_TO_1") == 0 ? 2
                                                       : 0;
    limits in = type_limits(x->dtype), out;
    if (!find_limits(op, y, activation, &out))
        return false;
    if (strcmp(name, "RELU_0_TO_1") == 0) {
        int64_t lo = at_zero(y, 0), hi = at_zero(y, 1);
        out = (limits){lo > out.min ? lo : out.min, hi < out.max ? hi : out.max};
    }
    int64_t table[256];
    for (int i = 0; i < 256; i++) {
        int64_t v = element(&t, in.min + i);
        table[i] = v < out.min ? out.min : v > out.max ? out.max : v;
    }
    tfl_form form = tn_tfl_form(op);
    tn_tfl_give(op, 0, form,
                tn_tfl_call(op, "tenon.Lookup", tn_tfl_operand(op, 0, form),
                            list(op, y->dtype, 1, (const int64_t[]){256}, table)));
    return !op->e.failed;
}

/* --- two operands ------------------------------------------------------------------------------------------------------------ */

static tn_value *as_int(tfl_op *op, int i, tfl_form form)
{
    tn_value *v = tn_tfl_call(op, "Cast to=6", tn_tfl_operand(op, i, form));
    int64_t zero = op->in[i]->zero[0];
    return zero == 0 ? v : tn_tfl_call(op, "Sub", v, tn_expand_scalar(&op->e, TN_INT32, (double)zero));
}

static tn_value *scaled_up(tfl_op *op, int i, tfl_form form, int left, double real)
{
    const rescale r = {.x_zero = op->in[i]->zero[0], .left = left, .limits = all_of_int32, .to = TN_INT32};
    return rescale_one(op, tn_tfl_operand(op, i, form), real, &r);
}

static tn_value *add_fixed(tfl_op *op, tfl_form form, const char *call, const rescale *to)
{
    int left = op->out[0]->dtype == TN_INT16 ? 15 : 20;
    float a = op->in[0]->scale[0], b = op->in[1]->scale[0];
    double most = (double)(2 * (a > b ? a : b));
    tn_value *sum = tn_tfl_call(op, call, scaled_up(op, 0, form, left, (double)a / most),
                                scaled_up(op, 1, form, left, (double)b / most));
    return rescale_one(op, sum, most / (double)((float)(1 << left) * op->out[0]->scale[0]), to);
}

static tn_value *mul_fixed(tfl_op *op, tfl_form form, const rescale *to)
{
    float real = op->in[0]->scale[0] * op->in[1]->scale[0] / op->out[0]->scale[0];
    return rescale_one(op, tn_tfl_call(op, "Mul", as_int(op, 0, form), as_int(op, 1, form)), (double)real, to);
}

/* (a - b)^2, with 7 bits in front. */
static tn_value *squared_fixed(tfl_op *op, tfl_form form, const rescale *to)
{
    double a = (double)op->in[0]->scale[0], b = (double)op->in[1]->scale[0], most = 2 * (a > b ? a : b);
    tn_value *d = tn_tfl_call(op, "Sub", scaled_up(op, 0, form, 7, a / most), scaled_up(op, 1, form, 7, b / most));
    return rescale_one(op, tn_tfl_call(op, "Mul", d, d),
                       most * most / ((double)(1 << 14) * (double)op->out[0]->scale[0]), to);
}

bool tn_tfl_arithmetic_fixed(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    const tfl_tensor *y = op->out[0];
    rescale to = {.zero = y->n_scale > 0 ? y->zero[0] : 0, .to = y->dtype};
    bool squares = strcmp(op->row->name, "SQUARED_DIFFERENCE") == 0, muls = strcmp(op->row->name, "MUL") == 0;
    int activation = squares ? 0 : tn_flat_i8(op->options, 0, 0);
    if (!check_scales(op) || !check_scale(op, op->in[0]) || !check_scale(op, op->in[1])
        || !find_limits(op, y, activation, &to.limits))
        return false;
    tn_tfl_give(op, 0, form,
                squares ? squared_fixed(op, form, &to)
                : muls  ? mul_fixed(op, form, &to)
                        : add_fixed(op, form, op->row->call, &to));
    return !op->e.failed;
}

/* Both in one scale, with 8 bits in front. */
tn_value *tn_tfl_compare_fixed(tfl_op *op, const char *call, tfl_form form)
{
    if (!check_scale(op, op->in[0]) || !check_scale(op, op->in[1]))
        return tn_tfl_operand(op, 0, form);
    tn_value *a = scaled_up(op, 0, form, 8, (double)op->in[0]->scale[0]),
             *b = scaled_up(op, 1, form, 8, (double)op->in[1]->scale[0]);
    return tn_tfl_call(op, call, a, b);
}

bool tn_tfl_prelu_fixed(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    if (!check_scales(op) || !check_scale(op, op->in[1]))
        return false;
    const rescale to = {.zero = y->zero[0], .to = y->dtype, .limits = type_limits(y->dtype)};
    tn_value *a = as_int(op, 0, form);
    tn_value *same = rescale_one(op, a, (double)(x->scale[0] / y->scale[0]), &to);
    tn_value *less = rescale_one(op, tn_tfl_call(op, "Mul", a, as_int(op, 1, form)),
                                 (double)(x->scale[0] * op->in[1]->scale[0] / y->scale[0]), &to);
    tn_value *negative = tn_tfl_call(op, "Less", a, tn_expand_scalar(&op->e, TN_INT32, 0));
    tn_tfl_give(op, 0, form, tn_tfl_call(op, "Where", negative, less, same));
    return !op->e.failed;
}

/* --- products ------------------------------------------------------------------------------------------------------------------ */

/* A zero point, or several, in the operand's type; NULL: all are 0. */
static tn_value *zero_points(tfl_op *op, const tfl_tensor *t, tn_dtype dtype)
{
    bool any = false, one = true;
    for (size_t i = 0; i < t->n_scale; i++) {
        any = any || t->zero[i] != 0;
        one = one && t->zero[i] == t->zero[0];
    }
    if (!any)
        return NULL;
    return list(op, dtype, one ? 0 : 1, (const int64_t[]){(int64_t)t->n_scale}, t->zero);
}

/* A factor for each filter, or one. Where the weights have one scale, TFLite multiplies the scales in float. */
static factor *product_factors(tfl_op *op, const tfl_tensor *w, bool by_channel)
{
    factor *f = TN_NEW_N(op->im->arena, factor, w->n_scale);
    float x = op->in[0]->scale[0], y = op->out[0]->scale[0];
    for (size_t i = 0; i < w->n_scale; i++)
        f[i] = factor_of(op->im, by_channel ? (double)x * (double)w->scale[i] / (double)y
                                            : (double)(x * w->scale[i]) / (double)y);
    return f;
}

static bool check_weights(tfl_op *op, const tfl_tensor *w, int channel_axis)
{
    if (!tn_tfl_is_fixed(w) || w->dtype == TN_INT16 || (w->n_scale > 1 && w->axis != channel_axis))
        return tn_tfl_error(op, "weights '%s' are %s; 8 bits with one scale, or one for each filter, are wanted",
                            w->name, tn_type_text(op->im->arena, w->dtype, &w->shape));
    if (tn_tfl_has(op, 2) && op->in[2]->dtype != TN_INT32)
        return tn_tfl_error(op, "bias '%s' is %s; int32 is wanted", op->in[2]->name,
                            tn_dtype_get(op->in[2]->dtype)->name);
    return true;
}

/* Weights of 4 bits compute as bytes. */
static tn_value *as_bytes(tfl_op *op, const tfl_tensor *w, tn_value *v)
{
    return w->dtype == TN_INT4 ? tn_tfl_call(op, "Cast to=3", v) : v;
}

/* Bias, rescaled sum. Channels have that rank behind them: 2 behind those of an image. */
static tn_value *end_product(tfl_op *op, tn_value *sum, int behind, bool by_channel, const limits *l)
{
    const tfl_tensor *w = op->in[1], *y = op->out[0];
    int64_t dims[TN_MAX_RANK] = {(int64_t)w->n_scale, 1, 1, 1};
    if (tn_tfl_has(op, 2)) {
        int64_t channels[TN_MAX_RANK] = {-1, 1, 1, 1};
        sum = tn_tfl_call(op, "Add", sum, tn_call_reshape(&op->e, tn_tfl_in(op, 2), 1 + behind, channels));
    }
    const rescale to = {.zero = y->zero[0], .limits = *l, .to = y->dtype};
    return call_rescale(op, sum, (int)w->n_scale, product_factors(op, w, by_channel), w->n_scale > 1 ? 1 + behind : 0,
                        dims, &to);
}

bool tn_tfl_conv_fixed(tfl_op *op, const char *call, tn_value *w, int channel_axis, int activation)
{
    const tfl_tensor *x = op->in[0], *k = op->in[1];
    limits l;
    if (!check_scale(op, x) || !check_scale(op, op->out[0]) || !only_bytes(op) || !check_weights(op, k, channel_axis)
        || !find_limits(op, op->out[0], activation, &l))
        return false;
    tn_value *sum = tn_tfl_call(op, tn_tfl_text(op, "ConvInteger %s", call), tn_tfl_first(op, 0), as_bytes(op, k, w),
                                zero_points(op, x, x->dtype), zero_points(op, k, k->dtype));
    tn_tfl_give(op, 0, FIRST, end_product(op, sum, x->shape.rank - 2, x->dtype != TN_UINT8, &l));
    return !op->e.failed;
}

tn_value *tn_tfl_dense_fixed(tfl_op *op, tn_value *x, int activation)
{
    const tfl_tensor *in = op->in[0], *w = op->in[1];
    limits l;
    if (!check_scale(op, in) || !check_scale(op, op->out[0]) || !only_bytes(op) || !check_weights(op, w, 0)
        || !find_limits(op, op->out[0], activation, &l))
        return x;
    tn_value *k = tn_tfl_call(op, "Transpose perm=1,0", as_bytes(op, w, tn_tfl_in(op, 1)));
    tn_value *sum =
        tn_tfl_call(op, "MatMulInteger", x, k, zero_points(op, in, in->dtype), zero_points(op, w, w->dtype));
    return end_product(op, sum, 0, w->n_scale > 1, &l);
}

bool tn_tfl_matmul_fixed(tfl_op *op, tn_value *x, tn_value *y)
{
    const tfl_tensor *a = op->in[0], *b = op->in[1], *out = op->out[0];
    if (!check_scales(op) || !only_bytes(op) || !check_scale(op, b))
        return false;
    tn_value *sum = tn_tfl_call(op, "MatMulInteger", x, y, zero_points(op, a, a->dtype), zero_points(op, b, b->dtype));
    const rescale to = {.zero = out->zero[0], .limits = type_limits(out->dtype), .to = out->dtype};
    return tn_tfl_give_one(op, rescale_one(op, sum, (double)(a->scale[0] * b->scale[0]) / (double)out->scale[0], &to));
}

/* --- LSTM ------------------------------------------------------------------------------------------------------------ */

static tn_value *join_inputs(tfl_op *op, int first)
{
    tn_value *gate[4];
    for (int i = 0; i < 4; i++)
        gate[i] = tn_tfl_in(op, first + i);
    return tn_call_list(&op->e, "Concat axis=0", 4, gate);
}

/* The four gates' factors from weights times this scale to fractions of 2^12, each for all its cells. */
static factor *gate_factors(tfl_op *op, int first, float scale, int64_t cells)
{
    factor *f = TN_NEW_N(op->im->arena, factor, 4 * cells);
    for (int i = 0; i < 4; i++) {
        factor one = factor_of(op->im, (double)(op->in[first + i]->scale[0] * scale / ldexpf(1, -12)));
        for (int64_t k = 0; k < cells; k++)
            f[i * cells + k] = one;
    }
    return f;
}

/* What the cells' outputs are scaled with: an intermediate tensor of the operator. */
static const tfl_tensor *hidden_tensor(tfl_op *op)
{
    tn_flat_vec list = tn_flat_vector(op->table, 8, 4);
    int i = list.n > 4 ? tn_flat_at_i32(list, 4) : -1;
    return i >= 0 && (size_t)i < op->im->n_tensors ? &op->im->tensors[i] : op->out[0];
}

static bool check_lstm_scales(tfl_op *op, const tfl_tensor *hidden, int *cell_bits)
{
    for (int i = 0; i < BIAS; i++) {
        if (tn_tfl_has(op, i) && !check_scale(op, op->in[i]))
            return false;
        if (i > 0 && tn_tfl_has(op, i) && op->in[i]->zero[0] != 0)
            return tn_tfl_error(op, "weights '%s' have a zero point, which is not supported", op->in[i]->name);
    }
    if (!check_scale(op, op->in[STATE]) || !check_scale(op, op->in[CELL]) || !check_scale(op, hidden))
        return false;
    double mantissa = frexp((double)op->in[CELL]->scale[0], cell_bits);
    *cell_bits -= 1;
    if (mantissa != 0.5 || *cell_bits < -15 || *cell_bits > -11 || op->in[CELL]->zero[0] != 0)
        return tn_tfl_error(op,
                            "the cell's scale is %g; a power of 2 from 2^-15 to 2^-11 without a zero point is wanted",
                            (double)op->in[CELL]->scale[0]);
    return true;
}

void tn_tfl_lstm_fixed(tfl_op *op, tn_value *x, tn_value *h, tn_value *c, tn_value **out)
{
    const tfl_tensor *hidden = hidden_tensor(op);
    int64_t cells = tn_tfl_dim(op->in[RECURRENT], 0), gates[1] = {4 * cells};
    int64_t *m = TN_NEW_N(op->im->arena, int64_t, 4 * cells), *s = TN_NEW_N(op->im->arena, int64_t, 4 * cells);
    int cell_bits = 0;
    if (!check_lstm_scales(op, hidden, &cell_bits))
        return;
    tn_value *w = tn_tfl_call(op, "Transpose perm=1,0", join_inputs(op, WEIGHTS));
    tn_value *sum = tn_tfl_call(op, "MatMulInteger", x, w, zero_points(op, op->in[0], TN_INT8));
    sum = tn_tfl_call(op, "Add", sum, join_inputs(op, BIAS));
    const rescale to = {.limits = type_limits(TN_INT16), .to = TN_INT16};
    sum = call_rescale(op, sum, (int)(4 * cells), gate_factors(op, WEIGHTS, op->in[0]->scale[0], cells), 1, gates, &to);
    const factor *f = gate_factors(op, RECURRENT, op->in[STATE]->scale[0], cells);
    for (int64_t i = 0; i < 4 * cells; i++) {
        m[i] = f[i].multiplier;
        s[i] = f[i].shift;
    }
    factor end = factor_of(op->im, (double)(ldexpf(1, -15) / hidden->scale[0] * ldexpf(1, -15)));
    float clip = tn_flat_float(op->options, 1, 0) / op->in[CELL]->scale[0];
    tn_value *in[6] = {
        sum, join_inputs(op, RECURRENT), list(op, TN_INT32, 1, gates, m), list(op, TN_INT8, 1, gates, s), h, c};
    const char *call = tn_tfl_text(
        op,
        "tenon.FixedLstm h_zero=%lld cell_bits=%d cell_clip=%d hidden_multiplier=%lld hidden_shift=%d hidden_zero=%lld single=%d",
        (long long)op->in[STATE]->zero[0], cell_bits, clip > 0 ? (int)(clip < 32767 ? clip : 32767) : 0,
        (long long)end.multiplier, end.shift, (long long)hidden->zero[0], op->im->options->single_rounding);
    tn_call_all(&op->e, call, 6, in, 3, out);
}

/* --- pooling, reductions, softmax ------------------------------------------------------------------------------------------------ */

/* The elements go through as they are. */
static bool check_same_scale(tfl_op *op)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    if (!check_scales(op))
        return false;
    return (fabs((double)x->scale[0] - (double)y->scale[0]) <= 1e-6 && x->zero[0] == y->zero[0] && x->dtype == y->dtype)
        || tn_tfl_error(op, "input and result have scales %g and %g, zero points %lld and %lld; equal ones are wanted",
                        (double)x->scale[0], (double)y->scale[0], (long long)x->zero[0], (long long)y->zero[0]);
}

bool tn_tfl_pool_fixed(tfl_op *op, const char *call, int activation)
{
    limits l;
    if (!check_same_scale(op) || !find_limits(op, op->out[0], activation, &l))
        return false;
    tn_value *y = NULL;
    if (strcmp(op->row->call, "AveragePool") == 0) {
        y = tn_tfl_call(
            op, tn_tfl_text(op, "tenon.AveragePool%s min=%lld max=%lld", call, (long long)l.min, (long long)l.max),
            tn_tfl_first(op, 0));
    } else {
        y = tn_tfl_call(op, tn_tfl_text(op, "MaxPool%s", call), tn_tfl_first(op, 0));
        if (activation != 0)
            y = tn_tfl_call(op, "Clip", y, tn_expand_scalar(&op->e, op->out[0]->dtype, (double)l.min),
                            tn_expand_scalar(&op->e, op->out[0]->dtype, (double)l.max));
    }
    tn_tfl_give(op, 0, FIRST, y);
    return !op->e.failed;
}

/* Sum and mean: the count goes into the multiplier, with as many bits as the shift has left. */
tn_value *tn_tfl_reduce_fixed(tfl_op *op, tn_value *x, tn_value *at, const int64_t *axes, size_t n)
{
    const tfl_tensor *in = op->in[0], *out = op->out[0];
    bool mean = strcmp(op->row->name, "MEAN") == 0;
    int64_t count = 1;
    if (!check_scales(op))
        return x;
    if (!mean && strcmp(op->row->name, "SUM") != 0) {
        tn_tfl_error(op, "is not supported for quantised tensors");
        return x;
    }
    for (size_t i = 0; i < n; i++)
        count *= tn_tfl_dim(in, tn_tfl_axis(op, LAST, axes[i], in->shape.rank));
    if (count < 1 || !in->is_fixed) {
        tn_tfl_error(op, "the number of elements must be known and not 0");
        return x;
    }
    factor f = factor_of(op->im, (double)in->scale[0] / (double)out->scale[0]);
    if (mean) {
        int shift = 0;
        while (count >> (shift + 1) != 0)
            shift++;
        shift = shift > 32 ? 32 : shift; /* the multiplier has 31 bits */
        shift = shift > 31 + f.shift ? 31 + f.shift : shift;
        f.multiplier = (int32_t)(((int64_t)f.multiplier << shift) / count);
        f.shift -= shift;
    }
    tn_value *y = tn_tfl_call(op, "Cast to=6", x);
    if (in->zero[0] != 0)
        y = tn_tfl_call(op, "Sub", y, tn_expand_scalar(&op->e, TN_INT32, (double)in->zero[0]));
    y = tn_tfl_call(op, tn_tfl_text(op, "ReduceSum keepdims=%d noop_with_empty_axes=1", tn_flat_bool(op->options, 0)),
                    y, at);
    const rescale to = {.zero = out->zero[0], .limits = type_limits(out->dtype), .to = out->dtype};
    return call_rescale(op, y, 1, &f, 0, NULL, &to);
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

/* exp(-d * scale * beta), which counts as 0 from where it does in TFLite. */
static tn_value *exp_table(tfl_op *op, float beta)
{
    int64_t table[256];
    double real = (double)beta * (double)op->in[0]->scale[0] * (1 << 26),
           most = op->im->options->single_rounding ? 1073741823.0 : 2147483647.0;
    factor f = factor_of(op->im, real < most ? real : most);
    double radius = floor(31.0 * (1 << 26) / (double)(INT64_C(1) << (f.shift > 0 ? f.shift : 0)));
    for (int d = 0; d < 256; d++)
        table[d] = d <= radius ? fixed_exp(times(op->im, -d, f)) : 0;
    return list(op, TN_INT32, 1, (const int64_t[]){256}, table);
}

bool tn_tfl_softmax_fixed(tfl_op *op)
{
    float beta = tn_flat_float(op->options, 0, 0);
    if (!check_scales(op) || !only_bytes(op))
        return false;
    if (!(beta > 0))
        return tn_tfl_error(op, "beta is %g; above 0 is wanted", (double)beta);
    limits l = type_limits(op->out[0]->dtype);
    const char *call = tn_tfl_text(op, "tenon.FixedSoftmax min=%lld max=%lld to=%d", (long long)l.min, (long long)l.max,
                                   (int)op->out[0]->dtype);
    return tn_tfl_give_one(op, tn_tfl_call(op, call, tn_tfl_in(op, 0), exp_table(op, beta)));
}

/* --- from and to floats ------------------------------------------------------------------------------------------------------------- */

static tn_value *requantise(tfl_op *op, tn_value *v, const tfl_tensor *x)
{
    const tfl_tensor *y = op->out[0];
    const rescale to = {.x_zero = x->zero[0], .zero = y->zero[0], .limits = type_limits(y->dtype), .to = y->dtype};
    return rescale_one(op, v, (double)x->scale[0] / (double)y->scale[0], &to);
}

tn_value *tn_tfl_requantised(tfl_op *op, int i, tfl_form form)
{
    const tfl_tensor *x = op->in[i], *y = op->out[0];
    tn_value *v = tn_tfl_get(op, op->in[i], form);
    if (!check_scale(op, x) || !check_scale(op, y)
        || (x->scale[0] == y->scale[0] && x->zero[0] == y->zero[0] && x->dtype == y->dtype))
        return v;
    return requantise(op, v, x);
}

bool tn_tfl_quantize(tfl_op *op)
{
    const tfl_tensor *y = op->out[0];
    tfl_form form = tn_tfl_form(op);
    if (!check_scale(op, y))
        return false;
    if (tn_tfl_is_fixed(op->in[0])) {
        if (!check_scale(op, op->in[0]))
            return false;
        tn_tfl_give(op, 0, form, requantise(op, tn_tfl_operand(op, 0, form), op->in[0]));
        return !op->e.failed;
    }
    limits l = type_limits(y->dtype);
    const char *call = tn_tfl_text(op, "tenon.RoundAway scale=%s zero=%lld min=%lld max=%lld to=%d",
                                   tn_tfl_float_text(op, y->scale[0]), (long long)y->zero[0], (long long)l.min,
                                   (long long)l.max, (int)y->dtype);
    tn_tfl_give(op, 0, form, tn_tfl_call(op, call, tn_tfl_operand(op, 0, form)));
    return !op->e.failed;
}

bool tn_tfl_dequantize(tfl_op *op)
{
    const tfl_tensor *x = op->in[0];
    if (tn_tfl_is_fixed(x))
        return tn_tfl_give_one(op, tn_tfl_dequantised(op, 0));
    if (!tn_dtype_get(x->dtype)->is_float)
        return tn_tfl_error(op, "input '%s' is %s; 4, 8 or 16 bits with a scale, or floats, are wanted", x->name,
                            tn_dtype_get(x->dtype)->name);
    return tn_tfl_give_one(op, tn_tfl_call(op, "Cast to=1", tn_tfl_in(op, 0)));
}
