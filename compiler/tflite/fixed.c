/* Quantised operators: TFLite's factors, tables and limits, as constants of the fixed-point operators (ops/fixed.def).

       CONV_2D             ConvInteger, + bias, Rescale with a factor for each channel
       ADD                 Rescale of both with 20 bits in front, sum, Rescale
       LOGISTIC, RELU ...  Lookup in a table of all 256 values, computed here

   The factors are computed in double from the file's float scales, in the order of operations of TFLite's kernels, so that
   multipliers and shifts are theirs to the bit. */
#include "tflite/fixed.h"

#include <math.h>

/* --- factors ---------------------------------------------------------------------------------------------------------- */

tfl_factor tn_tfl_factor(const importer *im, double real)
{
    int shift = 0;
    real = real < 4294967296.0 ? real : 4294967296.0; /* infinite where scales are far apart */
    int64_t m = llround(frexp(real, &shift) * (double)(INT64_C(1) << 31));
    if (m == INT64_C(1) << 31) {
        m /= 2;
        shift++;
    }
    if (shift < -31)
        return (tfl_factor){0, 0};
    if (shift > 30) /* beyond what the arithmetic holds */
        return im->options->single_rounding ? (tfl_factor){INT32_MAX, 30} : (tfl_factor){(int32_t)m, 31};
    return (tfl_factor){(int32_t)m, shift};
}

/* x * factor, as the generated code computes it (tn_fixed_times); tests/tflite/test_fixed.c holds both together. */
int32_t tn_tfl_times(const importer *im, int32_t x, tfl_factor f)
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

tfl_limits tn_tfl_type_limits(tn_dtype t)
{
    int64_t range = INT64_C(1) << tn_dtype_get(t)->bits, min = tn_dtype_get(t)->is_signed ? -range / 2 : 0;
    return (tfl_limits){min, min + range - 1};
}

int64_t tn_tfl_at_zero(const tfl_tensor *t, double real)
{
    double q = (double)roundf((float)real / t->scale[0]) + (double)t->zero[0];
    return q < -2e9 ? -2000000000 : q > 2e9 ? 2000000000 : (int64_t)q;
}

/* The result's type, narrowed by a fused activation. */
bool tn_tfl_find_limits(tfl_op *op, const tfl_tensor *t, int activation, tfl_limits *out)
{
    enum { NONE, RELU, RELU_N1_TO_1, RELU6 };
    *out = tn_tfl_type_limits(t->dtype);
    if (activation < NONE || activation > RELU6)
        return tn_tfl_error(op, "fused activation function %d is not supported for quantised tensors", activation);
    if (activation == NONE)
        return true;
    int64_t lo = tn_tfl_at_zero(t, activation == RELU_N1_TO_1 ? -1 : 0),
            hi = tn_tfl_at_zero(t, activation == RELU_N1_TO_1 ? 1 : 6);
    out->min = lo > out->min ? lo : out->min;
    if (activation != RELU)
        out->max = hi < out->max ? hi : out->max;
    return true;
}

/* One scale, not 0, for all elements. */
bool tn_tfl_check_scale(tfl_op *op, const tfl_tensor *t)
{
    if (t == NULL || !tn_tfl_is_fixed(t) || t->n_scale != 1 || !(t->scale[0] > 0))
        return tn_tfl_error(op, "tensor '%s' is %s%s; one scale above 0 is wanted", t != NULL ? t->name : "",
                            t != NULL ? tn_dtype_get(t->dtype)->name : "",
                            t != NULL && t->n_scale > 1 ? " with many scales" : "");
    return true;
}

/* Of operand 0, of operand 1 where it is no list of axes, and of the result. */
bool tn_tfl_check_scales(tfl_op *op)
{
    bool two = op->n_in > 1 && op->in[1] != NULL && tn_tfl_is_fixed(op->in[1]);
    return tn_tfl_check_scale(op, op->in[0]) && (!two || tn_tfl_check_scale(op, op->in[1]))
        && tn_tfl_check_scale(op, op->out[0]);
}

/* --- constants ----------------------------------------------------------------------------------------------------------- */

tn_value *tn_tfl_list(tfl_op *op, tn_dtype dtype, int rank, const int64_t *dims, const int64_t *x)
{
    tn_shape s = tn_shape_fixed(rank, dims);
    tn_tensor *t = tn_tensor_make(op->im->arena, dtype, &s);
    for (int64_t i = 0; i < tn_shape_count(&s); i++)
        tn_tensor_set_int(t, i, x[i]);
    return tn_tfl_constant(op, t);
}

static int64_t in_15_bits(int64_t m)
{
    m = (m + (1 << 15)) >> 16;
    return m < INT16_MAX ? m : INT16_MAX;
}

static const char *rescale_text(tfl_op *op, const tfl_rescale *r)
{
    return tn_tfl_text(op, "tenon.Rescale x_zero=%lld left=%lld zero=%lld min=%lld max=%lld to=%d single=%d",
                       (long long)r->x_zero, (long long)r->left, (long long)r->zero, (long long)r->limits.min,
                       (long long)r->limits.max, (int)r->to, op->im->options->single_rounding);
}

tn_value *tn_tfl_rescale(tfl_op *op, tn_value *x, int n, const tfl_factor *f, int rank, const int64_t *dims,
                         const tfl_rescale *r)
{
    int64_t *m = TN_NEW_N(op->im->arena, int64_t, n), *s = TN_NEW_N(op->im->arena, int64_t, n);
    for (int i = 0; i < n; i++) {
        m[i] = r->is_wide ? in_15_bits(f[i].multiplier) : f[i].multiplier;
        s[i] = f[i].shift;
        if (r->is_wide && f[i].shift > 7)
            tn_tfl_error(op, "the scales of operands are too large for the result's %g", (double)op->out[0]->scale[0]);
    }
    return tn_tfl_call(op, rescale_text(op, r), x, tn_tfl_list(op, TN_INT32, rank, dims, m),
                       tn_tfl_list(op, TN_INT8, rank, dims, s));
}

tn_value *tn_tfl_by_root(tfl_op *op, tn_value *x, tn_value *of, int bits, const tfl_rescale *r)
{
    tn_value *shift = tn_tfl_call(op, "tenon.InverseRootShift", of);
    if (bits != 0)
        shift = tn_tfl_call(op, "Add", shift, tn_expand_scalar(&op->e, TN_INT8, bits));
    return tn_tfl_call(op, rescale_text(op, r), x, tn_tfl_call(op, "tenon.InverseRoot", of), shift);
}

tn_value *tn_tfl_rescale_one(tfl_op *op, tn_value *x, double real, const tfl_rescale *r)
{
    tfl_factor f = tn_tfl_factor(op->im, real);
    return tn_tfl_rescale(op, x, 1, &f, 0, NULL, r);
}

const tfl_limits tn_tfl_all_of_int32 = {INT32_MIN, INT32_MAX};

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

/* --- from and to floats ------------------------------------------------------------------------------------------------------------- */

static tn_value *requantise(tfl_op *op, tn_value *v, const tfl_tensor *x)
{
    const tfl_tensor *y = op->out[0];
    const tfl_rescale to = {
        .x_zero = x->zero[0], .zero = y->zero[0], .limits = tn_tfl_type_limits(y->dtype), .to = y->dtype};
    return tn_tfl_rescale_one(op, v, (double)x->scale[0] / (double)y->scale[0], &to);
}

tn_value *tn_tfl_requantised(tfl_op *op, int i, tfl_form form)
{
    const tfl_tensor *x = op->in[i], *y = op->out[0];
    tn_value *v = tn_tfl_get(op, op->in[i], form);
    if (!tn_tfl_check_scale(op, x) || !tn_tfl_check_scale(op, y)
        || (x->scale[0] == y->scale[0] && x->zero[0] == y->zero[0] && x->dtype == y->dtype))
        return v;
    return requantise(op, v, x);
}

bool tn_tfl_quantize(tfl_op *op)
{
    const tfl_tensor *y = op->out[0];
    tfl_form form = tn_tfl_form(op);
    if (!tn_tfl_check_scale(op, y))
        return false;
    if (tn_tfl_is_fixed(op->in[0])) {
        if (!tn_tfl_check_scale(op, op->in[0]))
            return false;
        tn_tfl_give(op, 0, form, requantise(op, tn_tfl_operand(op, 0, form), op->in[0]));
        return !op->e.failed;
    }
    tfl_limits l = tn_tfl_type_limits(y->dtype);
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
