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

static tn_value *add_fixed(tfl_op *op, tfl_form form, const char *call, const tfl_rescale *to)
{
    int left = op->out[0]->dtype == TN_INT16 ? 15 : 20;
    float a = op->in[0]->scale[0], b = op->in[1]->scale[0];
    double most = (double)(2 * (a > b ? a : b));
    tn_value *sum = tn_tfl_call(op, call, scaled_up(op, 0, form, left, (double)a / most),
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

bool tn_tfl_arithmetic_fixed(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    const tfl_tensor *y = op->out[0];
    tfl_rescale to = {.zero = y->n_scale > 0 ? y->zero[0] : 0, .to = y->dtype};
    bool squares = strcmp(op->row->name, "SQUARED_DIFFERENCE") == 0, muls = strcmp(op->row->name, "MUL") == 0;
    int activation = squares ? 0 : tn_flat_i8(op->options, 0, 0);
    if (!tn_tfl_check_scales(op) || !tn_tfl_check_scale(op, op->in[0]) || !tn_tfl_check_scale(op, op->in[1])
        || !tn_tfl_find_limits(op, y, activation, &to.limits))
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
    if (!tn_tfl_check_scale(op, op->in[0]) || !tn_tfl_check_scale(op, op->in[1]))
        return tn_tfl_operand(op, 0, form);
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
    const tfl_rescale to = {.zero = y->zero[0], .to = y->dtype, .limits = tn_tfl_type_limits(y->dtype)};
    tn_value *a = as_int(op, 0, form);
    tn_value *same = tn_tfl_rescale_one(op, a, (double)(x->scale[0] / y->scale[0]), &to);
    tn_value *less = tn_tfl_rescale_one(op, tn_tfl_call(op, "Mul", a, as_int(op, 1, form)),
                                        (double)(x->scale[0] * op->in[1]->scale[0] / y->scale[0]), &to);
    tn_value *negative = tn_tfl_call(op, "Less", a, tn_expand_scalar(&op->e, TN_INT32, 0));
    tn_tfl_give(op, 0, form, tn_tfl_call(op, "Where", negative, less, same));
    return !op->e.failed;
}
