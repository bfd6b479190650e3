/* Element by element, in float or whole numbers; what is quantised goes to fixed.c. */
#include <math.h>
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

/* By 0 to all bits but one. */
bool tn_tfl_right_shift(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    tn_value *by = tn_tfl_call(op, "Max", tn_tfl_operand(op, 1, form), scalar(op, 0));
    by = tn_tfl_call(op, "Min", by, scalar(op, tn_dtype_get(op->out[0]->dtype)->bits - 1));
    return give(op, form, tn_tfl_call(op, "BitShift direction=RIGHT", operand(op, form), by));
}

/* --- compositions ------------------------------------------------------------------------------------------------------ */

bool tn_tfl_bitcast(tfl_op *op)
{
    tn_dtype from = op->in[0]->dtype, to = op->out[0]->dtype;
    if (tn_dtype_get(from)->bits != tn_dtype_get(to)->bits)
        return tn_tfl_error(op, "from %s to %s; as many bits are wanted", tn_dtype_get(from)->name,
                            tn_dtype_get(to)->name);
    return tn_tfl_give_one(op, tn_tfl_call(op, tn_tfl_text(op, "BitCast to=%d", (int)to), tn_tfl_in(op, 0)));
}

/* Less than 0, or -0. */
static tn_value *has_sign(tfl_op *op, tn_value *x)
{
    tn_value *inverse = tn_tfl_call(op, "Reciprocal", x);
    return tn_tfl_call(op, "Less", tn_tfl_call(op, "Min", x, inverse), scalar(op, 0));
}

/* The angle of the point (x, y), input 0 being y: that of |y| / |x|, mirrored by the signs. */
bool tn_tfl_atan2(tfl_op *op)
{
    enum { Y, X };
    const double pi = 3.14159265358979323846;
    tfl_form form = tn_tfl_form(op);
    tn_value *v[2], *infinite[2], *size[2];
    for (int i = 0; i < 2; i++) {
        v[i] = tn_tfl_operand(op, i, form);
        infinite[i] = tn_tfl_call(op, "IsInf", v[i]);
        size[i] = tn_tfl_call(op, "Abs", v[i]);
    }
    tn_value *both = tn_tfl_call(op, "And", infinite[Y], infinite[X]);
    tn_value *ratio = tn_tfl_call(op, "Where", both, scalar(op, 1), tn_tfl_call(op, "Div", size[Y], size[X]));
    tn_value *is_flat = tn_tfl_call(op, "Equal", v[Y], scalar(op, 0));
    tn_value *a = tn_tfl_call(op, "Where", is_flat, scalar(op, 0), tn_tfl_call(op, "Atan", ratio));
    a = tn_tfl_call(op, "Where", has_sign(op, v[X]), tn_tfl_call(op, "Sub", scalar(op, pi), a), a);
    return give(op, form, tn_tfl_call(op, "Where", has_sign(op, v[Y]), tn_tfl_call(op, "Neg", a), a));
}

/* How many of the boundaries (field 0) are not above the element. */
bool tn_tfl_bucketize(tfl_op *op)
{
    tn_flat_vec list = tn_flat_vector(op->options, 0, 4);
    int64_t n = (int64_t)list.n;
    tn_dtype type = op->in[0]->dtype == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
    tn_shape s = tn_shape_fixed(1, &n);
    tn_tensor *t = tn_tensor_make(op->im->arena, type, &s);
    for (size_t i = 0; i < list.n; i++)
        tn_tensor_set(t, (int64_t)i, (double)tn_flat_at_float(list, i));
    tn_value *x = tn_call_unsqueeze(&op->e, tn_call_cast(&op->e, tn_tfl_in(op, 0), type), -1);
    tn_value *below = tn_call_cast(&op->e, tn_tfl_call(op, "LessOrEqual", tn_tfl_constant(op, t), x), TN_INT32);
    return tn_tfl_give_one(op, tn_tfl_call(op, "ReduceSum keepdims=0", below, tn_expand_int(&op->e, -1)));
}

/* Limits (fields 0, 1) moved so that 0 is one of the 2^bits numbers between them, to whose nearest the element goes. */
bool tn_tfl_fake_quant(tfl_op *op)
{
    float min = tn_flat_float(op->options, 0, 0), max = tn_flat_float(op->options, 1, 0);
    int bits = tn_flat_i32(op->options, 2, 0);
    if (!(min <= 0 && max >= 0 && min < max) || bits < 2 || bits > 16)
        return tn_tfl_error(op, "limits %g and %g in %d bits; 0 between them and 2 to 16 bits are wanted", (double)min,
                            (double)max, bits);
    if (tn_flat_bool(op->options, 3))
        return tn_tfl_error(op, "a narrow range is not supported, as in LiteRT");
    float most = (float)((1 << bits) - 1), scale = (max - min) / most, zero = roundf(-min / scale);
    zero = zero < 0 ? 0 : zero > most ? most : zero;
    float lo = -zero * scale, hi = (most - zero) * scale;
    tfl_form form = tn_tfl_form(op);
    tn_value *x = tn_tfl_call(op, "Clip", operand(op, form), scalar(op, (double)lo), scalar(op, (double)hi));
    x = tn_tfl_call(op, "Mul", tn_tfl_call(op, "Sub", x, scalar(op, (double)lo)), scalar(op, (double)(1.0f / scale)));
    x = tn_tfl_call(op, tn_tfl_text(op, "tenon.RoundAway scale=1.0 zero=0 min=0 max=%d to=6", 1 << bits), x);
    x = tn_tfl_call(op, "Mul", tn_call_cast(&op->e, x, TN_FLOAT), scalar(op, (double)scale));
    return give(op, form, tn_tfl_call(op, "Add", x, scalar(op, (double)lo)));
}

/* RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL: field 0 and 1 are seeds. The stream is the compiler's own. */
static const char *seed_text(tfl_op *op)
{
    int64_t seed = tn_flat_int(op->options, 0, 8, true, 0), more = tn_flat_int(op->options, 1, 8, true, 0);
    return seed == 0 && more == 0
             ? ""
             : tn_tfl_text(op, " seed=%s", tn_tfl_float_text(op, (float)(seed % 65521 * 31 + more % 65521)));
}

bool tn_tfl_random(tfl_op *op)
{
    size_t n = 0;
    const int64_t *dims = tn_tfl_ints(op, 0, "the shape", &n);
    const char *list = "";
    if (dims == NULL || op->out[0]->dtype != TN_FLOAT)
        return dims != NULL
            && tn_tfl_error(op, "results in %s; float is wanted", tn_dtype_get(op->out[0]->dtype)->name);
    for (size_t i = 0; i < n && n <= TN_MAX_RANK; i++)
        list = tn_tfl_text(op, "%s%lld,", list, (long long)dims[i]);
    return tn_tfl_give_one(
        op, tn_call_list(&op->e, tn_tfl_text(op, "%s%s shape=%s", op->row->call, seed_text(op), list), 0, NULL));
}

bool tn_tfl_multinomial(tfl_op *op)
{
    size_t n = 0;
    const int64_t *count = tn_tfl_ints(op, 1, "the number of samples", &n);
    if (count == NULL || n != 1)
        return count != NULL && tn_tfl_error(op, "%zu numbers of samples; one is wanted", n);
    const char *call = tn_tfl_text(op, "Multinomial dtype=%d sample_size=%lld%s", (int)op->out[0]->dtype,
                                   (long long)count[0], seed_text(op));
    return tn_tfl_give_one(op, tn_tfl_call(op, call, tn_tfl_in(op, 0)));
}
