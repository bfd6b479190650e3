/* Quotients and inverse roots in fixed point, as TFLite has them; the curves are scalar operations (loop/scalar.def).

       InverseRoot, InverseRootShift     1 / sqrt(x) = root / 2^31 * 2^shift

       FixedDivide   x y multiplier shift, the factor being of the quotient; the signs go to x, and bits is how many x has
                     room for:

           inverse = 1 / |y|                          in fractions of 2^(62 - zeros of |y|)
           out     = fixshift(fixmul(fixmul(x << bits, inverse), multiplier), bits + 31 - zeros - shift) + zero

   By 0, where TFLite ends with an error, the quotient is 0. */
#include "ops/fixed.h"
#include "ops/ops.h"

static const tn_expr *num(tn_program *p, int64_t x)
{
    return tn_integer(p, TN_INT32, x);
}

/* --- inverse roots ------------------------------------------------------------------------------------------------------ */

const tn_expr *tn_expr_inverse_root(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return tn_op1(p, TN_OP_FIXROOT, in[0]);
}

bool tn_infer_inverse_root_shift(tn_graph *g, tn_node *n)
{
    (void)g;
    tn_set_output(n, 0, TN_INT8, &n->in[0]->shape);
    return true;
}

const tn_expr *tn_expr_inverse_root_shift(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return tn_cast(p, TN_INT8, tn_sub(p, num(p, 0), tn_op1(p, TN_OP_FIXROOTSHIFT, in[0])));
}

/* --- FixedDivide: x y multiplier shift ---------------------------------------------------------------------------------- */

bool tn_infer_fixed_divide(tn_graph *g, tn_node *n)
{
    tn_shape y;
    if (n->in[1]->dtype != TN_INT32 || n->in[2]->dtype != TN_INT32 || n->in[3]->dtype != TN_INT8)
        return tn_node_error(g, n, "the divisor is %s, the factor %s and %s; int32, int32 and int8 are wanted",
                             tn_value_type(g->arena, n->in[1]), tn_value_type(g->arena, n->in[2]),
                             tn_value_type(g->arena, n->in[3]));
    if (!tn_broadcast(&n->in[0]->shape, &n->in[1]->shape, &y) || n->in[2]->shape.rank != 0 || n->in[3]->shape.rank != 0)
        return tn_node_error(g, n, "dividend and divisor do not broadcast, or the factor is no scalar");
    tn_set_output(n, 0, (tn_dtype)tn_node_int(n, "to", TN_INT8), &y);
    return true;
}

static const tn_expr *negated(tn_program *p, const tn_expr *x)
{
    return tn_sub(p, num(p, 0), x);
}

const tn_expr *tn_expr_fixed_divide(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *is_negative = tn_lt(p, in[1], num(p, 0));
    const tn_expr *x = tn_select(p, is_negative, negated(p, in[0]), in[0]);
    const tn_expr *y = tn_select(p, is_negative, negated(p, in[1]), in[1]);
    const tn_expr *size = tn_select(p, tn_lt(p, x, num(p, 0)), tn_sub(p, num(p, -1), x), x);
    const tn_expr *bits = tn_sub(p, tn_op1(p, TN_OP_FIXZEROS, size), num(p, 1));
    const tn_expr *quotient = tn_op2(p, TN_OP_FIXMUL, tn_op2(p, TN_OP_SHL, x, bits), tn_op1(p, TN_OP_FIXRECIP, y));
    const tn_expr *right = tn_sub(p, tn_add(p, bits, num(p, 31)), tn_op1(p, TN_OP_FIXZEROS, y));
    right = tn_max(p, tn_sub(p, right, tn_cast(p, TN_INT32, in[3])), num(p, 0));
    quotient = tn_op2(p, TN_OP_FIXSHIFT, tn_op2(p, TN_OP_FIXMUL, quotient, in[2]), tn_min(p, right, num(p, 31)));
    quotient = tn_select(p, tn_lt(p, num(p, 31), right), num(p, 0), quotient);
    return tn_fixed_limit(p, n, tn_add(p, quotient, num(p, tn_node_int(n, "zero", 0))), n->out[0]->dtype);
}
