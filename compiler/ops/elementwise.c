/* Arithmetic, comparisons and logic, element by element: the operators that are one scalar operation or a few. Operands
   arrive broadcast and in the compute type (float for the 16-bit floats); the result is rounded once, on storing.

       Sub(x [2,3], y [3])      out[i,j] = x[i,j] - y[j]
       Max(a, b, c)             out[i] = max(max(a[i], b[i]), c[i])

   Numbers: integers wrap, integer division truncates and gives 0 for a divisor of 0; the functions are the C
   library's; a NaN operand makes a NaN result, in minima and maxima too; comparisons with NaN are false. */
#include <math.h>

#include "ops/late.h"

/* --- one scalar operation ----------------------------------------------------------------------------------------- */

#define UNARY(name, op) \
    const tn_expr *tn_expr_##name(tn_program *p, const tn_node *n, const tn_expr *const *in) \
    { \
        (void)n; \
        return tn_op1(p, TN_OP_##op, in[0]); \
    }
UNARY(acos, ACOS)
UNARY(acosh, ACOSH)
UNARY(asin, ASIN)
UNARY(asinh, ASINH)
UNARY(atan, ATAN)
UNARY(atanh, ATANH)
UNARY(bitwise_not, BITNOT)
UNARY(ceil, CEIL)
UNARY(cos, COS)
UNARY(cosh, COSH)
UNARY(exp, EXP)
UNARY(floor, FLOOR)
UNARY(is_nan, ISNAN)
UNARY(log, LOG)
UNARY(neg, NEG)
UNARY(not, NOT)
UNARY(round, ROUND) /* ties to even, as ONNX has it */
UNARY(sin, SIN)
UNARY(sinh, SINH)
UNARY(sqrt, SQRT)
UNARY(tan, TAN)
UNARY(tanh, TANH)
#undef UNARY

/* a and b say which operand comes first: "greater" is "less" turned round. */
#define BINARY(name, op, a, b) \
    const tn_expr *tn_expr_##name(tn_program *p, const tn_node *n, const tn_expr *const *in) \
    { \
        (void)n; \
        return tn_op2(p, TN_OP_##op, in[a], in[b]); \
    }
BINARY(add, ADD, 0, 1)
BINARY(and, AND, 0, 1)
BINARY(bitwise_and, BITAND, 0, 1)
BINARY(bitwise_or, BITOR, 0, 1)
BINARY(bitwise_xor, BITXOR, 0, 1)
BINARY(div, DIV, 0, 1)
BINARY(equal, EQ, 0, 1)
BINARY(greater, LT, 1, 0)
BINARY(greater_or_equal, LE, 1, 0)
BINARY(less, LT, 0, 1)
BINARY(less_or_equal, LE, 0, 1)
BINARY(mul, MUL, 0, 1)
BINARY(or, OR, 0, 1)
BINARY(sub, SUB, 0, 1)
BINARY(xor, NE, 0, 1)
#undef BINARY

/* --- a few scalar operations -------------------------------------------------------------------------------------- */

static bool is_unsigned(tn_dtype t)
{
    return !tn_dtype_get(t)->is_signed;
}

const tn_expr *tn_expr_abs(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return is_unsigned(in[0]->dtype) ? in[0] : tn_op1(p, TN_OP_ABS, in[0]);
}

/* What is neither above nor below 0 stays what it is: 0 and NaN. */
const tn_expr *tn_expr_sign(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    tn_dtype t = in[0]->dtype;
    const tn_expr *x = in[0], *zero = tn_number(p, t, 0), *one = tn_number(p, t, 1);
    if (is_unsigned(t))
        return tn_select(p, tn_op2(p, TN_OP_NE, x, zero), one, zero);
    return tn_select(p, tn_lt(p, zero, x), one, tn_select(p, tn_lt(p, x, zero), tn_number(p, t, -1), x));
}

const tn_expr *tn_expr_reciprocal(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return tn_div(p, tn_number(p, in[0]->dtype, 1), in[0]);
}

/* Of an integer in double; storing truncates. */
const tn_expr *tn_expr_erf(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return tn_op1(p, TN_OP_ERF, tn_dtype_get(in[0]->dtype)->is_float ? in[0] : tn_cast(p, TN_DOUBLE, in[0]));
}

const tn_expr *tn_expr_is_inf(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    bool below = tn_node_int(n, "detect_negative", 1) != 0, above = tn_node_int(n, "detect_positive", 1) != 0;
    if (below && above)
        return tn_op1(p, TN_OP_ISINF, in[0]);
    if (!below && !above)
        return tn_integer(p, TN_BOOL, 0);
    return tn_op2(p, TN_OP_EQ, in[0], tn_number(p, in[0]->dtype, above ? INFINITY : -INFINITY));
}

/* --- BitShift ----------------------------------------------------------------------------------------------------- */

bool tn_infer_bit_shift(tn_graph *g, tn_node *n)
{
    const char *direction = tn_node_string(n, "direction", "");
    if (strcmp(direction, "LEFT") != 0 && strcmp(direction, "RIGHT") != 0)
        return tn_node_error(g, n, "direction is '%s'; LEFT or RIGHT is wanted", direction);
    return tn_infer_broadcast(g, n);
}

/* A signed number is shifted right with its sign. A distance that is negative or reaches the width leaves what filling
   alone makes: the sign to the right, 0 to the left. Unsigned SHL and SHR do that by themselves. */
const tn_expr *tn_expr_bit_shift(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    tn_dtype t = in[0]->dtype;
    bool left = strcmp(tn_node_string(n, "direction", ""), "LEFT") == 0;
    if (is_unsigned(t))
        return tn_op2(p, left ? TN_OP_SHL : TN_OP_SHR, in[0], in[1]);
    const tn_expr *zero = tn_integer(p, t, 0), *most = tn_integer(p, t, tn_dtype_get(t)->size * 8 - 1);
    const tn_expr *inside = tn_and(p, tn_le(p, zero, in[1]), tn_le(p, in[1], most));
    if (left)
        return tn_select(p, inside, tn_op2(p, TN_OP_SHL, in[0], in[1]), zero);
    return tn_op2(p, TN_OP_SHR, in[0], tn_select(p, inside, in[1], most));
}

/* --- Mod ---------------------------------------------------------------------------------------------------------- */

/* The remainder with the sign of the divisor, from C's: NaN for a divisor of 0, the divisor itself where that is
   infinite and the signs differ, and a zero has the divisor's sign, as ONNX and NumPy have it. */
static const tn_expr *float_mod(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    const tn_expr *r = tn_op2(p, TN_OP_REM, x, y), *zero = tn_number(p, x->dtype, 0);
    const tn_expr *signed_zero = tn_select(p, tn_lt(p, y, zero), tn_number(p, x->dtype, -0.0), zero);
    const tn_expr *differ = tn_op2(p, TN_OP_NE, tn_lt(p, r, zero), tn_lt(p, y, zero));
    return tn_select(p, tn_op2(p, TN_OP_EQ, r, zero), signed_zero, tn_select(p, differ, tn_add(p, r, y), r));
}

/* fmod=1 is the remainder of C, with the sign of the dividend; otherwise it has the sign of the divisor. */
const tn_expr *tn_expr_mod(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    tn_dtype t = in[0]->dtype;
    if (tn_node_int(n, "fmod", 0) != 0
        || (!tn_dtype_is_float(t) && is_unsigned(t))) /* without signs both are the same */
        return tn_op2(p, TN_OP_REM, in[0], in[1]);
    return tn_dtype_is_float(t) ? float_mod(p, in[0], in[1]) : tn_op2(p, TN_OP_MOD, in[0], in[1]);
}

/* --- Pow ---------------------------------------------------------------------------------------------------------- */

bool tn_infer_pow(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0], *y = n->in[1];
    tn_shape s = x->shape;
    if ((TN_T_NUMBERS >> y->dtype & 1u) == 0)
        return tn_node_error(g, n, "the exponent '%s' is %s; a number is wanted", y->name,
                             tn_dtype_get(y->dtype)->name);
    if (!tn_need_broadcast(g, n, 1, &s))
        return false;
    tn_set_output(n, 0, x->dtype, &s);
    return true;
}

static bool constant_exponent(const tn_node *n, double *out)
{
    const tn_value *y = n->in[1];
    if (y->constant == NULL || tn_shape_count(&y->shape) != 1)
        return false;
    *out = tn_tensor_get(y->constant, 0);
    return true;
}

/* x^2, x^3 by multiplying and the roots by sqrt, as other runtimes do: a hundred times faster than pow, at most an ulp
   apart. (They differ at -infinity and -0 alone: pow(-inf, 0.5) is inf, sqrt(-inf) NaN.) NULL: none of these. */
static const tn_expr *simple_pow(tn_program *p, const tn_expr *x, double y)
{
    const tn_expr *one = tn_number(p, x->dtype, 1), *square = tn_mul(p, x, x);
    if (y == 1 || y == 2 || y == 3)
        return y == 1 ? x : y == 2 ? square : tn_mul(p, square, x);
    if (!tn_dtype_is_float(x->dtype))
        return NULL;
    if (y == -1 || y == -2)
        return tn_div(p, one, y == -1 ? x : square);
    if (y == 0.5 || y == -0.5) {
        const tn_expr *root = tn_op1(p, TN_OP_SQRT, x);
        return y == 0.5 ? root : tn_div(p, one, root);
    }
    return NULL;
}

/* The type in which the power is found. Between integers 64 bits, exactly; between floats the wider one's; a float and
   an integer of more bits than a float has, or an integer base, in double. */
static tn_dtype pow_type(tn_dtype x, tn_dtype y)
{
    if (!tn_dtype_is_float(x) && !tn_dtype_is_float(y))
        return TN_INT64;
    bool narrow = tn_dtype_is_float(x) && (y == TN_FLOAT || (!tn_dtype_is_float(y) && tn_dtype_get(y)->size <= 2));
    return x == TN_FLOAT && narrow ? TN_FLOAT : TN_DOUBLE;
}

const tn_expr *tn_expr_pow(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    double y = 0;
    const tn_expr *simple = constant_exponent(n, &y) ? simple_pow(p, in[0], y) : NULL;
    if (simple != NULL)
        return simple;
    tn_dtype t = pow_type(in[0]->dtype, in[1]->dtype);
    return tn_cast(p, in[0]->dtype, tn_op2(p, TN_OP_POW, tn_cast(p, t, in[0]), tn_cast(p, t, in[1])));
}

/* --- Where -------------------------------------------------------------------------------------------------------- */

bool tn_infer_where(tn_graph *g, tn_node *n)
{
    tn_shape s = n->in[0]->shape;
    tn_dtype t = n->in[1]->dtype;
    if ((TN_T_ANY >> t & 1u) == 0 || n->in[2]->dtype != t)
        return tn_node_error(g, n, "the inputs '%s' and '%s' are %s and %s; one type of numbers or bool is wanted",
                             n->in[1]->name, n->in[2]->name, tn_dtype_get(t)->name,
                             tn_dtype_get(n->in[2]->dtype)->name);
    for (int i = 1; i < 3; i++)
        if (!tn_need_broadcast(g, n, i, &s))
            return false;
    tn_set_output(n, 0, t, &s);
    return true;
}

const tn_expr *tn_expr_where(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return tn_select(p, in[0], in[1], in[2]);
}

/* --- any number of operands --------------------------------------------------------------------------------------- */

/* PART of them make one computation, to which the next adds its own: a kernel has no more operands than C promises to pass. */
enum { MAX_OPERANDS = 256, PART = 32 };

bool tn_infer_variadic(tn_graph *g, tn_node *n)
{
    if (n->n_in > MAX_OPERANDS)
        return tn_node_error(g, n, "%d inputs; at most %d are supported", n->n_in, MAX_OPERANDS);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] == NULL)
            return tn_node_error(g, n, "input %d is omitted; %s needs it", i, n->op->name);
    return tn_infer_broadcast(g, n);
}

/* Of all operands before `end`, which the next part goes on with. */
static tn_buf *part_buffer(tn_program *p, const tn_node *n, int end)
{
    const tn_value *y = n->out[0];
    return end >= n->n_in ? tn_buf_of(p, y)
                          : tn_buf_temp(p, "part", tn_dtype_get(y->dtype)->compute, y->shape.rank, y->shape.dim);
}

/* From the first operand to the last, which fixes how a sum rounds. Gives the last part, which is to be set to *e. */
static tn_comp *begin_variadic(tn_program *p, const tn_node *n, tn_scalar_op op, const tn_expr **e)
{
    tn_late_check_broadcast(p, n);
    tn_comp *c = tn_comp_begin(p, n, part_buffer(p, n, PART));
    *e = tn_load_broadcast(p, c, tn_buf_of(p, n->in[0]));
    for (int i = 1; i < n->n_in; i++) {
        if (i % PART == 0) {
            tn_buf *part = c->out;
            tn_comp_set(p, c, *e);
            c = tn_comp_begin(p, n, part_buffer(p, n, i + PART));
            *e = tn_load(p, part, c->at);
        }
        *e = tn_op2(p, op, *e, tn_load_broadcast(p, c, tn_buf_of(p, n->in[i])));
    }
    return c;
}

#define VARIADIC(name, op) \
    bool tn_lower_##name(tn_program *p, const tn_node *n) \
    { \
        const tn_expr *e = NULL; \
        tn_comp *c = begin_variadic(p, n, TN_OP_##op, &e); \
        tn_comp_set(p, c, e); \
        return true; \
    }
VARIADIC(max, MAX)
VARIADIC(min, MIN)
VARIADIC(sum, ADD)
#undef VARIADIC

bool tn_lower_mean(tn_program *p, const tn_node *n)
{
    const tn_expr *e = NULL;
    tn_comp *c = begin_variadic(p, n, TN_OP_ADD, &e);
    tn_comp_set(p, c, tn_div(p, e, tn_number(p, e->dtype, n->n_in)));
    return true;
}
