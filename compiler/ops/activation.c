/* Activation functions, and Clip. Operands arrive in the compute type (float for the 16-bit floats), where everything
   is computed; the result is rounded once, on storing.

       LeakyRelu(x) alpha=0.1      out[i] = select(x[i] < 0, 0.1 * x[i], x[i])

   The formulas are ONNX's, rearranged where one exp does instead of tanh or where ONNX's overflows; a comment says how.
   exp(x) - 1 is written so, not as expm1: the error is below half an ulp of 1. NaN gives NaN, except in
   ThresholdedRelu and Shrink, whose definitions make it 0. */
#include "ops/ops.h"

static const tn_expr *attribute(tn_program *p, const tn_node *n, const tn_expr *x, const char *name, float otherwise)
{
    return tn_number(p, x->dtype, (double)tn_node_float(n, name, otherwise));
}

static const tn_expr *zero_of(tn_program *p, const tn_expr *x)
{
    return tn_number(p, x->dtype, 0);
}

static const tn_expr *one_of(tn_program *p, const tn_expr *x)
{
    return tn_number(p, x->dtype, 1);
}

static const tn_expr *times_sigmoid(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_mul(p, x, tn_op1(p, TN_OP_SIGMOID, y));
}

/* alpha * (exp(x) - 1) */
static const tn_expr *scaled_exp_less_one(tn_program *p, const tn_expr *x, const tn_expr *alpha)
{
    return tn_mul(p, tn_sub(p, tn_op1(p, TN_OP_EXP, x), one_of(p, x)), alpha);
}

/* --- piecewise linear --------------------------------------------------------------------------------------------- */

const tn_expr *tn_expr_relu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return tn_max(p, in[0], zero_of(p, in[0]));
}

const tn_expr *tn_expr_leaky_relu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *x = in[0], *below = tn_mul(p, x, attribute(p, n, x, "alpha", 0.01f));
    return tn_select(p, tn_lt(p, x, zero_of(p, x)), below, x);
}

bool tn_infer_prelu(tn_graph *g, tn_node *n)
{
    if (!tn_infer_broadcast(g, n))
        return false;
    const tn_shape *x = &n->in[0]->shape;
    if (n->out[0] != NULL && !tn_shape_equal(&n->out[0]->shape, x))
        return tn_node_error(g, n, "the slope '%s' is %s; it must not be larger than the input, %s", n->in[1]->name,
                             tn_value_type(g->arena, n->in[1]), tn_type_text(g->arena, n->in[0]->dtype, x));
    return true;
}

const tn_expr *tn_expr_prelu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    if (!tn_dtype_get(in[0]->dtype)->is_signed)
        return in[0]; /* never below 0 */
    return tn_select(p, tn_lt(p, in[0], zero_of(p, in[0])), tn_mul(p, in[0], in[1]), in[0]);
}

const tn_expr *tn_expr_thresholded_relu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *x = in[0];
    return tn_select(p, tn_lt(p, attribute(p, n, x, "alpha", 1), x), x, zero_of(p, x));
}

/* min(max(scale * x + shift, 0), 1) */
static const tn_expr *limited_line(tn_program *p, const tn_expr *x, const tn_expr *scale, const tn_expr *shift)
{
    const tn_expr *line = tn_add(p, tn_mul(p, x, scale), shift);
    return tn_min(p, tn_max(p, line, zero_of(p, x)), one_of(p, x));
}

const tn_expr *tn_expr_hard_sigmoid(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *x = in[0];
    return limited_line(p, x, attribute(p, n, x, "alpha", 0.2f), attribute(p, n, x, "beta", 0.5f));
}

const tn_expr *tn_expr_hard_swish(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    const tn_expr *x = in[0];
    return tn_mul(p, x, limited_line(p, x, tn_number(p, x->dtype, 1.0 / 6.0), tn_number(p, x->dtype, 0.5)));
}

/* The attributes are floats whatever the type of x, so integers are computed in double; the result truncates. */
const tn_expr *tn_expr_shrink(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    tn_dtype t = in[0]->dtype;
    const tn_expr *x = tn_dtype_get(t)->is_float ? in[0] : tn_cast(p, TN_DOUBLE, in[0]);
    const tn_expr *lambd = attribute(p, n, x, "lambd", 0.5f), *bias = attribute(p, n, x, "bias", 0);
    const tn_expr *above = tn_select(p, tn_lt(p, lambd, x), tn_sub(p, x, bias), zero_of(p, x));
    return tn_cast(p, t, tn_select(p, tn_lt(p, x, tn_op1(p, TN_OP_NEG, lambd)), tn_add(p, x, bias), above));
}

/* --- Clip --------------------------------------------------------------------------------------------------------- */

bool tn_infer_clip(tn_graph *g, tn_node *n)
{
    for (int i = 1; i < 3; i++) {
        const tn_value *v = tn_has_input(n, i) ? n->in[i] : NULL;
        bool scalar = v == NULL || v->shape.rank == 0 || (v->shape.rank == 1 && tn_dim_is(v->shape.dim[0], 1));
        if (!scalar || (v != NULL && v->dtype != n->in[0]->dtype))
            return tn_node_error(g, n, "%s '%s' is %s; a scalar of type %s is wanted", i == 1 ? "min" : "max", v->name,
                                 tn_value_type(g->arena, v), tn_dtype_get(n->in[0]->dtype)->name);
    }
    return tn_infer_first(g, n);
}

/* A constant bound becomes a number, which later stages see through. */
static const tn_expr *bound(tn_program *p, const tn_comp *c, const tn_value *v)
{
    tn_dtype t = tn_dtype_get(v->dtype)->compute;
    if (v->constant == NULL)
        return tn_load_broadcast(p, c, tn_buf_of(p, v));
    return tn_dtype_get(t)->is_float ? tn_number(p, t, tn_tensor_get(v->constant, 0))
                                     : tn_integer(p, t, tn_tensor_get_int(v->constant, 0));
}

bool tn_lower_clip(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *e = tn_load(p, tn_buf_of(p, n->in[0]), c->at);
    if (tn_has_input(n, 1))
        e = tn_max(p, e, bound(p, c, n->in[1]));
    if (tn_has_input(n, 2))
        e = tn_min(p, e, bound(p, c, n->in[2]));
    tn_comp_set(p, c, e);
    return true;
}

/* --- exponential -------------------------------------------------------------------------------------------------- */

const tn_expr *tn_expr_sigmoid(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return tn_op1(p, TN_OP_SIGMOID, in[0]);
}

const tn_expr *tn_expr_swish(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    return times_sigmoid(p, in[0], tn_mul(p, in[0], attribute(p, n, in[0], "alpha", 1)));
}

bool tn_infer_swiglu(tn_graph *g, tn_node *n)
{
    const tn_value *a = n->in[0], *b = n->in[1];
    if (a->dtype != b->dtype || !tn_shape_equal(&a->shape, &b->shape))
        return tn_node_error(g, n, "the inputs are %s and %s; one type and shape is wanted", tn_value_type(g->arena, a),
                             tn_value_type(g->arena, b));
    return tn_infer_first(g, n);
}

const tn_expr *tn_expr_swiglu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    return tn_mul(p, tn_expr_swish(p, n, in), in[1]);
}

const tn_expr *tn_expr_elu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *x = in[0], *alpha = attribute(p, n, x, "alpha", 1);
    return tn_select(p, tn_lt(p, x, zero_of(p, x)), scaled_exp_less_one(p, x, alpha), x);
}

bool tn_infer_celu(tn_graph *g, tn_node *n)
{
    if (tn_node_float(n, "alpha", 1) == 0)
        return tn_node_error(g, n, "alpha is 0, by which it would divide");
    return tn_infer_first(g, n);
}

const tn_expr *tn_expr_celu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *x = in[0], *zero = zero_of(p, x), *alpha = attribute(p, n, x, "alpha", 1);
    const tn_expr *below = tn_min(p, scaled_exp_less_one(p, tn_div(p, x, alpha), alpha), zero);
    return tn_add(p, tn_max(p, x, zero), below);
}

const tn_expr *tn_expr_selu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *x = in[0], *alpha = attribute(p, n, x, "alpha", 1.67326319217681884765625f);
    const tn_expr *gamma = attribute(p, n, x, "gamma", 1.05070102214813232421875f);
    const tn_expr *below = scaled_exp_less_one(p, x, alpha);
    return tn_mul(p, tn_select(p, tn_le(p, x, zero_of(p, x)), below, x), gamma);
}

/* max(x, 0) + log1p(exp(-|x|)): the same, without the overflow. */
const tn_expr *tn_expr_softplus(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    const tn_expr *x = in[0], *e = tn_op1(p, TN_OP_EXP, tn_op1(p, TN_OP_NEG, tn_op1(p, TN_OP_ABS, x)));
    return tn_add(p, tn_max(p, x, zero_of(p, x)), tn_op1(p, TN_OP_LOG1P, e));
}

const tn_expr *tn_expr_softsign(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    return tn_div(p, in[0], tn_add(p, one_of(p, in[0]), tn_op1(p, TN_OP_ABS, in[0])));
}

/* With e = exp(x), tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1) = w / (w + 2), w = e * (e + 2). From 20 on that
   is 1 in float and double, so e stops there, before w overflows. */
const tn_expr *tn_expr_mish(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    (void)n;
    const tn_expr *x = in[0], *two = tn_number(p, x->dtype, 2);
    const tn_expr *e = tn_op1(p, TN_OP_EXP, tn_min(p, x, tn_number(p, x->dtype, 20)));
    const tn_expr *w = tn_mul(p, e, tn_add(p, e, two));
    return tn_mul(p, x, tn_div(p, w, tn_add(p, w, two)));
}

/* --- Gelu --------------------------------------------------------------------------------------------------------- */

bool tn_infer_gelu(tn_graph *g, tn_node *n)
{
    const char *approximate = tn_node_string(n, "approximate", "none");
    if (strcmp(approximate, "none") != 0 && strcmp(approximate, "tanh") != 0)
        return tn_node_error(g, n, "approximate is '%s'; none or tanh is wanted", approximate);
    return tn_infer_first(g, n);
}

/* By tanh: 0.5 * (1 + tanh(u)) is the sigmoid of 2 * u, u = sqrt(2 / pi) * (x + 0.044715 * x^3). */
static const tn_expr *gelu_by_tanh(tn_program *p, const tn_expr *x)
{
    const tn_expr *cube = tn_mul(p, tn_mul(p, x, x), x);
    const tn_expr *u = tn_add(p, x, tn_mul(p, cube, tn_number(p, x->dtype, 0.044715)));
    return times_sigmoid(p, x, tn_mul(p, u, tn_number(p, x->dtype, 2 * 0.79788456080286535588)));
}

const tn_expr *tn_expr_gelu(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *x = in[0], *half = tn_number(p, x->dtype, 0.5);
    if (strcmp(tn_node_string(n, "approximate", "none"), "tanh") == 0)
        return gelu_by_tanh(p, x);
    const tn_expr *erf = tn_op1(p, TN_OP_ERF, tn_mul(p, x, tn_number(p, x->dtype, 0.70710678118654752440)));
    return tn_mul(p, tn_mul(p, x, half), tn_add(p, erf, one_of(p, x)));
}
