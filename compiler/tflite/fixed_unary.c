/* Quantised: one operand, element by element. Of bytes, a table of all 256 values as TFLite's kernels compute them: relu and its
   kin by factors, curves in float. Of 16 bits, factors are Rescale, and curves are tables of 513 points with straight lines
   between them, or, of sigmoid and tanh, TFLite's own table. */
#include "tflite/fixed.h"

#include <math.h>
#include <stdlib.h>

/* --- curves ------------------------------------------------------------------------------------------------------------ */

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double elu(double x)
{
    return x < 0 ? expm1(x) : x;
}

static double rsqrt(double x)
{
    return x > 0 ? 1 / sqrt(x) : INFINITY;
}

/* Both in float, as TFLite's. */
static double gelu(double x)
{
    float f = (float)x;
    return (double)(0.5f * f * erfcf(f * -0.70710678118654752440f));
}

static double gelu_tanh(double x)
{
    float f = (float)x;
    return (double)(0.5f * f * (1 + tanhf(0.7978845608028654f * (f + 0.044715f * f * f * f))));
}

static const struct {
    const char *name;
    double (*of)(double);
} curves[] = {
    {"LOGISTIC", logistic}, {"TANH", tanh}, {"ELU", elu}, {"EXP", exp}, {"LOG", log}, {"GELU", gelu}, {"RSQRT", rsqrt},
};

/* NULL: the operator is no curve. */
static double (*find_curve(const tfl_op *op))(double)
{
    if (strcmp(op->row->name, "GELU") == 0 && tn_flat_bool(op->options, 0))
        return gelu_tanh;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (strcmp(curves[i].name, op->row->name) == 0)
            return curves[i].of;
    return NULL;
}

/* --- bytes by a table -------------------------------------------------------------------------------------------------- */

typedef struct table_of {
    const importer *im;
    const tfl_tensor *x, *y;
    tfl_factor same, alpha; /* to the result's scale; of LEAKY_RELU below 0 */
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
    tfl_factor out = tn_tfl_factor(&twice, (double)(hires / t->y->scale[0])),
               relu = tn_tfl_factor(&twice, (double)(hires / (3.0f / 32768)));
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

static bool is(const tfl_op *op, const char *name)
{
    return strcmp(op->row->name, name) == 0;
}

static bool is_relu(const tfl_op *op)
{
    return strncmp(op->row->name, "RELU", 4) == 0;
}

/* x by scale, rounded by the inverse of the result's scale, all in float. */
static int64_t curve_at(const table_of *t, double (*of)(double), int32_t x)
{
    float real = (float)of((double)(t->x->scale[0] * (float)x));
    float y = roundf(real * (1.0f / t->y->scale[0])) + (float)t->y->zero[0];
    return !(y > -1e9f) ? -1000000000 : y > 1e9f ? 1000000000 : (int64_t)y;
}

/* In float, and towards the least number. */
static int64_t sqrt_at(const table_of *t, int32_t x)
{
    float y = floorf(sqrtf(x > 0 ? (float)x * t->x->scale[0] : 0) / t->y->scale[0]);
    return (y < 1e9f ? (int64_t)y : 1000000000) + t->y->zero[0];
}

/* By the inverse root, with 20 bits behind the point; of 0 the most there is. */
static int64_t rsqrt_at(const table_of *t, int32_t x)
{
    enum { BITS = 20 };
    tfl_factor f = tn_tfl_factor(t->im, 1 / (sqrt((double)t->x->scale[0]) * (double)t->y->scale[0]));
    f.shift = f.shift - BITS > -31 ? f.shift - BITS : -31;
    const tfl_factor root = {tn_fixed_root(x), BITS - tn_fixed_root_shift(x)};
    return x == 0 ? INT32_MAX : (int64_t)tn_tfl_times(t->im, tn_tfl_times(t->im, 1, root), f) + t->y->zero[0];
}

static int64_t element(const table_of *t, const tfl_op *op, int64_t q)
{
    int32_t x = (int32_t)(q - t->x->zero[0]);
    if (is_relu(op))
        return tn_tfl_times(t->im, x, t->same) + t->y->zero[0];
    if (is(op, "LEAKY_RELU"))
        return tn_tfl_times(t->im, x, x >= 0 ? t->same : t->alpha) + t->y->zero[0];
    if (is(op, "HARD_SWISH"))
        return hard_swish(t, q);
    if (is(op, "ABS"))
        return tn_tfl_times(t->im, abs(x), t->same) + t->y->zero[0];
    if (is(op, "SQRT"))
        return sqrt_at(t, x);
    if (is(op, "RSQRT"))
        return rsqrt_at(t, x);
    return curve_at(t, find_curve(op), x);
}

static tn_value *byte_table(tfl_op *op, const table_of *t, const tfl_limits *out)
{
    int64_t table[256], least = tn_tfl_type_limits(t->x->dtype).min;
    for (int i = 0; i < 256; i++) {
        int64_t v = element(t, op, least + i);
        table[i] = v < out->min ? out->min : v > out->max ? out->max : v;
    }
    return tn_tfl_list(op, t->y->dtype, 1, (const int64_t[]){256}, table);
}

/* --- 16 bits ----------------------------------------------------------------------------------------------------------- */

static double as(bool in_float, double x)
{
    return in_float ? (double)(float)x : x;
}

/* Where the curve is infinite, as at 0, or not defined, it is the most or the least number there is. */
static double point(const tfl_curve *c, double x)
{
    double y = c->of(x);
    return as(c->in_float, isfinite(y) ? y : y > 0 ? c->most : c->least);
}

/* Each point is moved by half of what the line to the next one errs in the middle. */
tn_value *tn_tfl_points(tfl_op *op, const tfl_curve *c)
{
    int64_t table[513];
    bool f = c->in_float;
    double step = as(f, c->hi - c->lo) / 512, here = as(f, point(c, c->lo) * c->inverse);
    for (int i = 0; i < 512; i++) {
        double x = as(f, c->lo + as(f, i * step)), middle = point(c, as(f, x + step / 2));
        double next = as(f, point(c, as(f, c->lo + as(f, (i + 1) * step))) * c->inverse);
        double line = round(as(f, next + round(here)) / 2), err = line - round(as(f, middle * c->inverse));
        double y = round(here) - round(err / 2);
        table[i] = !(y > INT16_MIN) ? INT16_MIN : y > INT16_MAX ? INT16_MAX : (int64_t)y;
        here = next;
    }
    here = round(as(f, point(c, c->hi) * c->inverse));
    table[512] = !(here > INT16_MIN) ? INT16_MIN : here > INT16_MAX ? INT16_MAX : (int64_t)here;
    return tn_tfl_list(op, TN_INT16, 1, (const int64_t[]){513}, table);
}

static tn_value *interpolated(tfl_op *op, tfl_form form)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    float lo = x->scale[0] * (float)(INT16_MIN - x->zero[0]), hi = x->scale[0] * (float)(INT16_MAX - x->zero[0]);
    float least = y->scale[0] * (float)(INT16_MIN - y->zero[0]), most = y->scale[0] * (float)(INT16_MAX - y->zero[0]);
    const tfl_curve curve = {find_curve(op), (double)lo,   (double)hi, (double)(65536.0f / (most - least)),
                             (double)least,  (double)most, true};
    tn_value *points = tn_tfl_points(op, &curve);
    return tn_tfl_call(op, "tenon.Lookup", tn_tfl_operand(op, 0, form), points);
}

/* sigmoid(i / 24) in fractions of 2^16; each point moved by half of what the line to the next one errs in the middle. */
static void sigmoid_points(int64_t *table)
{
    for (int i = 0; i < 256; i++) {
        double y = logistic(i / 24.0), line = (y + logistic((i + 1) / 24.0)) / 2;
        table[i] = llround(65536 * (y + (logistic((i + 0.5) / 24) - line) / 2));
    }
    table[255] = UINT16_MAX;
}

/* The multiplier takes the input to a scale of 1 / (3 * 2^12); a power of 2 keeps it exact, others have 15 bits. */
static tn_value *sigmoid(tfl_op *op, tfl_form form)
{
    int64_t table[256];
    int log2 = 0, shift = 0;
    bool tanh = is(op, "TANH");
    double scale = (double)op->in[0]->scale[0], multiplier = scale * 4096 * 3;
    bool exact = frexp(scale, &log2) == 0.5 && (log2 == -11 || (tanh && log2 == -10));
    while (!exact && multiplier <= 32767.0 / 2 && shift <= 30) {
        shift++;
        multiplier *= 2;
    }
    if (op->out[0]->scale[0] != 1.0f / 32768 || op->in[0]->zero[0] != 0 || op->out[0]->zero[0] != 0
        || multiplier > 32767)
        tn_tfl_error(
            op,
            "scales %g and %g, zero points %lld and %lld: an input's below 2.6, a result's of 2^-15 and no zero points are wanted",
            scale, (double)op->out[0]->scale[0], (long long)op->in[0]->zero[0], (long long)op->out[0]->zero[0]);
    sigmoid_points(table);
    const char *call = tn_tfl_text(op, "tenon.FixedSigmoid multiplier=%d shift=%d tanh=%d",
                                   op->e.failed ? 0 : (int)multiplier, shift, tanh);
    return tn_tfl_call(op, call, tn_tfl_operand(op, 0, form),
                       tn_tfl_list(op, TN_UINT16, 1, (const int64_t[]){256}, table));
}

/* To the result's type, without a factor. */
static tfl_rescale to_result(const tfl_op *op, const tfl_limits *limits)
{
    return (tfl_rescale){.zero = op->out[0]->zero[0], .limits = *limits, .to = op->out[0]->dtype};
}

static tn_value *rescaled(tfl_op *op, tfl_form form, double real, const tfl_limits *limits)
{
    tfl_rescale to = to_result(op, limits);
    to.x_zero = op->in[0]->zero[0];
    return tn_tfl_rescale_one(op, tn_tfl_operand(op, 0, form), real, &to);
}

static tn_value *leaky(tfl_op *op, tfl_form form, float same, float alpha, const tfl_limits *limits)
{
    tn_value *zero = tn_expand_scalar(&op->e, TN_INT16, (double)op->in[0]->zero[0]);
    tn_value *negative = tn_tfl_call(op, "Less", tn_tfl_operand(op, 0, form), zero);
    return tn_tfl_call(op, "Where", negative, rescaled(op, form, (double)alpha, limits),
                       rescaled(op, form, (double)same, limits));
}

/* Less its zero point, in int32. */
static tn_value *plain(tfl_op *op, tfl_form form)
{
    int64_t zero = op->in[0]->zero[0];
    tn_value *x = tn_call_cast(&op->e, tn_tfl_operand(op, 0, form), TN_INT32);
    return zero == 0 ? x : tn_tfl_call(op, "Sub", x, tn_expand_scalar(&op->e, TN_INT32, (double)zero));
}

static tn_value *sqrt_16(tfl_op *op, tfl_form form, const tfl_limits *limits)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    tn_value *v = tn_tfl_call(op, "Max", plain(op, form), tn_expand_scalar(&op->e, TN_INT32, 0));
    v = tn_tfl_call(op, "Mul", tn_call_cast(&op->e, v, TN_FLOAT),
                    tn_expand_scalar(&op->e, TN_FLOAT, (double)x->scale[0]));
    v = tn_tfl_call(op, "Div", tn_tfl_call(op, "Sqrt", v), tn_expand_scalar(&op->e, TN_FLOAT, (double)y->scale[0]));
    v = tn_tfl_call(op, "Add", tn_tfl_call(op, "Floor", v), tn_expand_scalar(&op->e, TN_FLOAT, (double)y->zero[0]));
    v = tn_tfl_call(op, "Min", v, tn_expand_scalar(&op->e, TN_FLOAT, (double)limits->max));
    return tn_call_cast(&op->e, v, y->dtype);
}

static tn_value *of_16_bits(tfl_op *op, tfl_form form, const tfl_limits *limits)
{
    float x = op->in[0]->scale[0], y = op->out[0]->scale[0];
    if (is_relu(op))
        return rescaled(op, form, (double)(x / y), limits);
    if (is(op, "LEAKY_RELU"))
        return leaky(op, form, x / y, x * tn_flat_float(op->options, 0, 0) / y, limits);
    if (is(op, "LOGISTIC") || is(op, "TANH"))
        return sigmoid(op, form);
    if (is(op, "ABS")) {
        const tfl_rescale to = to_result(op, limits);
        return tn_tfl_rescale_one(op, tn_tfl_call(op, "Abs", plain(op, form)), (double)(x / y), &to);
    }
    return is(op, "SQRT") ? sqrt_16(op, form, limits) : interpolated(op, form);
}

/* --- both -------------------------------------------------------------------------------------------------------------- */

/* What the result is limited to. */
static bool find_range(tfl_op *op, tfl_limits *out)
{
    const tfl_tensor *y = op->out[0];
    int activation = is(op, "RELU") ? 1 : is(op, "RELU6") ? 3 : is(op, "RELU_N1_TO_1") ? 2 : 0;
    if (!tn_tfl_find_limits(op, y, activation, out))
        return false;
    if (is(op, "RELU_0_TO_1")) {
        int64_t lo = tn_tfl_at_zero(y, 0), hi = tn_tfl_at_zero(y, 1);
        *out = (tfl_limits){lo > out->min ? lo : out->min, hi < out->max ? hi : out->max};
    }
    return true;
}

static bool check_unary(tfl_op *op)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    if (!tn_tfl_check_scales(op))
        return false;
    if (y->dtype != x->dtype)
        return tn_tfl_error(op, "is not supported for quantised %s with results in %s", tn_dtype_get(x->dtype)->name,
                            tn_dtype_get(y->dtype)->name);
    if (is(op, "NEG") && (x->scale[0] != y->scale[0] || x->zero[0] != 0 || y->zero[0] != 0))
        return tn_tfl_error(op,
                            "scales %g and %g, zero points %lld and %lld; equal scales and no zero points are wanted, "
                            "since TFLite negates the numbers as they stand",
                            (double)x->scale[0], (double)y->scale[0], (long long)x->zero[0], (long long)y->zero[0]);
    return !is(op, "HARD_SWISH") || x->scale[0] / 128 < y->scale[0]
        || tn_tfl_error(op, "the result's scale %g is too small for an input's of %g", (double)y->scale[0],
                        (double)x->scale[0]);
}

bool tn_tfl_unary_fixed(tfl_op *op)
{
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    table_of t = {.im = op->im, .x = x, .y = y};
    tfl_form form = tn_tfl_form(op);
    tfl_limits limits;
    if (!check_unary(op) || !find_range(op, &limits))
        return false;
    if (is(op, "NEG")) {
        tn_tfl_give(op, 0, form, tn_tfl_call(op, "Neg", tn_tfl_operand(op, 0, form)));
        return !op->e.failed;
    }
    t.same = tn_tfl_factor(op->im, (double)(x->scale[0] / y->scale[0]));
    if (is(op, "LEAKY_RELU"))
        t.alpha = tn_tfl_factor(op->im, (double)(x->scale[0] * tn_flat_float(op->options, 0, 0) / y->scale[0]));
    tn_value *v = x->dtype == TN_INT16
                    ? of_16_bits(op, form, &limits)
                    : tn_tfl_call(op, "tenon.Lookup", tn_tfl_operand(op, 0, form), byte_table(op, &t, &limits));
    tn_tfl_give(op, 0, form, v);
    return !op->e.failed;
}
