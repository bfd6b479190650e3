/* Quantised: two operands, element by element. */
#include "tflite/fixed.h"

static tn_value *as_int(tfl_op *op, int i, tfl_form form)
{
    tn_value *v = tn_tfl_call(op, "Cast to=6", tn_tfl_operand(op, i, form));
    int64_t zero = op->in[i]->zero[0];
    return zero == 0 ? v : tn_tfl_call(op, "Sub", v, tn_expand_scalar(&op->e, TN_INT32, (double)zero));
}

static tn_value *scaled_up(tfl_op *op, int i, tfl_form form, int left, double real)
{
    const tfl_rescale r = {.x_zero = op->in[i]->zero[0], .left = left, .limits = tn_tfl_all_of_int32, .to = TN_INT32};
    return tn_tfl_rescale_one(op, tn_tfl_operand(op, i, form), real, &r);
}

static tn_value *add_fixed(tfl_op *op, tfl_form form, const tfl_rescale *to)
{
    int left = op->out[0]->dtype == TN_INT16 ? 15 : 20;
    float a = op->in[0]->scale[0], b = op->in[1]->scale[0];
    double most = (double)(2 * (a > b ? a : b));
    tn_value *sum = tn_tfl_call(op, op->row->call, scaled_up(op, 0, form, left, (double)a / most),
                                scaled_up(op, 1, form, left, (double)b / most));
    return tn_tfl_rescale_one(op, sum, most / (double)((float)(1 << left) * op->out[0]->scale[0]), to);
}

static tn_value *mul_fixed(tfl_op *op, tfl_form form, const tfl_rescale *to)
{
    float real = op->in[0]->scale[0] * op->in[1]->scale[0] / op->out[0]->scale[0];
    return tn_tfl_rescale_one(op, tn_tfl_call(op, "Mul", as_int(op, 0, form), as_int(op, 1, form)), (double)real, to);
}

/* (a - b)^2, with 7 bits in front. */
static tn_value *squared_fixed(tfl_op *op, tfl_form form, const tfl_rescale *to)
{
    double a = (double)op->in[0]->scale[0], b = (double)op->in[1]->scale[0], most = 2 * (a > b ? a : b);
    tn_value *d = tn_tfl_call(op, "Sub", scaled_up(op, 0, form, 7, a / most), scaled_up(op, 1, form, 7, b / most));
    return tn_tfl_rescale_one(op, tn_tfl_call(op, "Mul", d, d),
                              most * most / ((double)(1 << 14) * (double)op->out[0]->scale[0]), to);
}

static tn_value *div_fixed(tfl_op *op, tfl_form form, const tfl_rescale *to)
{
    tfl_factor f = tn_tfl_factor(op->im, (double)(op->in[0]->scale[0] / (op->in[1]->scale[0] * op->out[0]->scale[0])));
    int64_t multiplier = f.multiplier, shift = f.shift;
    const char *call = tn_tfl_text(op, "tenon.FixedDivide zero=%lld min=%lld max=%lld to=%d", (long long)to->zero,
                                   (long long)to->limits.min, (long long)to->limits.max, (int)to->to);
    return tn_tfl_call(op, call, as_int(op, 0, form), as_int(op, 1, form),
                       tn_tfl_list(op, TN_INT32, 0, NULL, &multiplier), tn_tfl_list(op, TN_INT8, 0, NULL, &shift));
}

static const struct {
    const char *name;
    tn_value *(*make)(tfl_op *op, tfl_form form, const tfl_rescale *to);
} arithmetic[] = {
    {"ADD", add_fixed},
    {"SUB", add_fixed},
    {"MUL", mul_fixed},
    {"DIV", div_fixed},
    {"SQUARED_DIFFERENCE", squared_fixed},
};

bool tn_tfl_arithmetic_fixed(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    const tfl_tensor *y = op->out[0];
    tfl_rescale to = {.zero = y->n_scale > 0 ? y->zero[0] : 0, .to = y->dtype};
    size_t i = 0;
    while (strcmp(arithmetic[i].name, op->row->name) != 0)
        i++;
    int activation = arithmetic[i].make == squared_fixed ? 0 : tn_flat_i8(op->options, 0, 0);
    if (!tn_tfl_check_scales(op) || !tn_tfl_check_scale(op, op->in[1])
        || !tn_tfl_find_limits(op, y, activation, &to.limits))
        return false;
    tn_tfl_give(op, 0, form, arithmetic[i].make(op, form, &to));
    return !op->e.failed;
}

/* Both in one scale, with 8 bits in front. Of 16 bits TFLite compares the numbers as they stand. */
tn_value *tn_tfl_compare_fixed(tfl_op *op, const char *call, tfl_form form)
{
    const tfl_tensor *x = op->in[0], *y = op->in[1];
    if (!tn_tfl_check_scale(op, x) || !tn_tfl_check_scale(op, y))
        return tn_tfl_operand(op, 0, form);
    if (x->dtype == TN_INT16 && (x->scale[0] != y->scale[0] || x->zero[0] != y->zero[0]))
        tn_tfl_error(op, "16-bit operands have scales %g and %g, zero points %lld and %lld; equal ones are wanted",
                     (double)x->scale[0], (double)y->scale[0], (long long)x->zero[0], (long long)y->zero[0]);
    if (x->dtype == TN_INT16)
        return tn_tfl_call(op, call, tn_tfl_operand(op, 0, form), tn_tfl_operand(op, 1, form));
    tn_value *a = scaled_up(op, 0, form, 8, (double)op->in[0]->scale[0]),
             *b = scaled_up(op, 1, form, 8, (double)op->in[1]->scale[0]);
    return tn_tfl_call(op, call, a, b);
}

bool tn_tfl_prelu_fixed(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    const tfl_tensor *x = op->in[0], *y = op->out[0];
    if (!tn_tfl_check_scales(op) || !tn_tfl_check_scale(op, op->in[1]))
        return false;
    if (op->in[1]->dtype == TN_INT16)
        return tn_tfl_error(op, "slopes '%s' are int16; 8 bits are wanted, which TFLite reads there", op->in[1]->name);
    const tfl_rescale to = {.zero = y->zero[0], .to = y->dtype, .limits = tn_tfl_type_limits(y->dtype)};
    tn_value *a = as_int(op, 0, form);
    tn_value *same = tn_tfl_rescale_one(op, a, (double)(x->scale[0] / y->scale[0]), &to);
    tn_value *less = tn_tfl_rescale_one(op, tn_tfl_call(op, "Mul", a, as_int(op, 1, form)),
                                        (double)(x->scale[0] * op->in[1]->scale[0] / y->scale[0]), &to);
    tn_value *negative = tn_tfl_call(op, "Less", a, tn_expand_scalar(&op->e, TN_INT32, 0));
    tn_tfl_give(op, 0, form, tn_tfl_call(op, "Where", negative, less, same));
    return !op->e.failed;
}
