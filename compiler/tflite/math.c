/* Element by element, in float or whole numbers; what is quantised goes to fixed.c. */
#include <stdlib.h>

#include "tflite/fixed.h"

static tn_value *scalar(tfl_op *op, double x)
{
    return tn_expand_scalar(&op->e, op->out[0]->dtype, x);
}

/* Gives the result in the operands' form. */
static bool give(tfl_op *op, tfl_form form, tn_value *v)
{
    tn_tfl_give(op, 0, form, v);
    return !op->e.failed;
}

static tn_value *operand(tfl_op *op, tfl_form form)
{
    return tn_tfl_operand(op, 0, form);
}

/* --- one operand ---------------------------------------------------------------------------------------------------- */

bool tn_tfl_unary(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_unary_fixed(op);
    return give(op, form, tn_tfl_call(op, op->row->call, operand(op, form)));
}

bool tn_tfl_rsqrt(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_unary_fixed(op);
    return give(op, form, tn_tfl_call(op, "Reciprocal", tn_tfl_call(op, "Sqrt", operand(op, form))));
}

bool tn_tfl_square(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    return give(op, form, tn_tfl_call(op, "Mul", operand(op, form), operand(op, form)));
}

/* Between the two limits that the row gives: "0 6". */
bool tn_tfl_clip(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    char *rest = NULL;
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_unary_fixed(op);
    int lo = (int)strtol(op->row->call, &rest, 10), hi = (int)strtol(rest, NULL, 10);
    return give(op, form, tn_tfl_call(op, "Clip", operand(op, form), scalar(op, lo), scalar(op, hi)));
}

bool tn_tfl_leaky_relu(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_unary_fixed(op);
    const char *alpha = tn_tfl_float_text(op, tn_flat_float(op->options, 0, 0));
    return give(op, form, tn_tfl_call(op, tn_tfl_text(op, "LeakyRelu alpha=%s", alpha), operand(op, form)));
}

bool tn_tfl_gelu(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_unary_fixed(op);
    const char *how = tn_flat_bool(op->options, 0) ? "Gelu approximate=tanh" : "Gelu";
    return give(op, form, tn_tfl_call(op, how, operand(op, form)));
}

bool tn_tfl_cast(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    return give(op, form, tn_tfl_call(op, tn_tfl_text(op, "Cast to=%d", (int)op->out[0]->dtype), operand(op, form)));
}

bool tn_tfl_zeros_like(tfl_op *op)
{
    return tn_tfl_give_one(op, tn_tfl_call(op, "Expand", scalar(op, 0), tn_tfl_call(op, "Shape", tn_tfl_in(op, 0))));
}

/* --- two and more ---------------------------------------------------------------------------------------------------- */

static tn_value *two(tfl_op *op, const char *call, tfl_form form)
{
    return tn_tfl_call(op, call, tn_tfl_operand(op, 0, form), tn_tfl_operand(op, 1, form));
}

/* Logic, minimum, maximum, powers: no activation follows. */
bool tn_tfl_binary(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    return give(op, form, two(op, op->row->call, form));
}

/* Add, Sub, Mul, Div: field 0 is the activation. */
bool tn_tfl_arithmetic(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (tn_tfl_is_fixed(op->out[0]))
        return tn_tfl_arithmetic_fixed(op);
    return give(op, form, tn_tfl_activate(op, two(op, op->row->call, form), tn_flat_i8(op->options, 0, 0)));
}

static tn_value *compare(tfl_op *op, const char *call, tfl_form form)
{
    bool fixed = tn_tfl_is_fixed(op->in[0]) && tn_tfl_is_fixed(op->in[1]);
    return (fixed ? tn_tfl_compare_fixed : two)(op, call, form);
}

bool tn_tfl_compare(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    return give(op, form, compare(op, op->row->call, form));
}

bool tn_tfl_not_equal(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    return give(op, form, tn_tfl_call(op, "Not", compare(op, "Equal", form)));
}

bool tn_tfl_squared_difference(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (tn_tfl_is_fixed(op->out[0]))
        return tn_tfl_arithmetic_fixed(op);
    tn_value *d = two(op, "Sub", form);
    return give(op, form, tn_tfl_call(op, "Mul", d, d));
}

/* Rounded down, also for whole numbers, which ONNX's Div truncates: (x - floored remainder) / y. */
bool tn_tfl_floor_div(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (tn_dtype_get(op->out[0]->dtype)->is_float)
        return give(op, form, tn_tfl_call(op, "Floor", two(op, "Div", form)));
    tn_value *y = tn_tfl_operand(op, 1, form);
    tn_value *whole = tn_tfl_call(op, "Sub", tn_tfl_operand(op, 0, form), two(op, "Mod", form));
    return give(op, form, tn_tfl_call(op, "Div", whole, y));
}

bool tn_tfl_floor_mod(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (!tn_dtype_get(op->out[0]->dtype)->is_float)
        return give(op, form, two(op, "Mod", form));
    tn_value *y = tn_tfl_operand(op, 1, form);
    tn_value *turns = tn_tfl_call(op, "Floor", two(op, "Div", form));
    return give(op, form, tn_tfl_call(op, "Sub", tn_tfl_operand(op, 0, form), tn_tfl_call(op, "Mul", turns, y)));
}

bool tn_tfl_add_n(tfl_op *op)
{
    tn_value *sum = tn_tfl_in(op, 0);
    for (int i = 1; i < op->n_in; i++)
        sum = tn_tfl_call(op, "Add", sum, tn_tfl_in(op, i));
    return tn_tfl_give_one(op, sum);
}

bool tn_tfl_prelu(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    if (tn_tfl_is_fixed(op->out[0]))
        return tn_tfl_prelu_fixed(op);
    return give(op, form, two(op, "PRelu", form));
}

/* SELECT's condition may have one element for each row. */
bool tn_tfl_select(tfl_op *op)
{
    tn_value *c = tn_tfl_in(op, 0);
    int rank = op->in[1]->shape.rank;
    int64_t dims[TN_MAX_RANK] = {-1, 1, 1, 1, 1, 1, 1, 1};
    if (op->in[0]->shape.rank == 1 && rank > 1 && op->row->call[0] == '1')
        c = tn_call_reshape(&op->e, c, rank, dims);
    return tn_tfl_give_one(op, tn_tfl_call(op, "Where", c, tn_tfl_in(op, 1), tn_tfl_in(op, 2)));
}
