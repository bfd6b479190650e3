/* One step of an optimiser, as functions of elementwise operators. Inputs: the learning rate R, the number of steps done T,
   then all tensors X, all gradients G and the state of each; outputs: all new X, then the new states.

       Adagrad    H' = H + g^2                          X' = X - R / (1 + T * decay) * g / (sqrt(H') + epsilon)
       Momentum   V' = alpha * V + (T > 0 ? beta : 1) * g      X' = X - R * V'      nesterov: X - R * (g + alpha * V')
       Adam       V' = alpha * V + (1 - alpha) * g      H' = beta * H + (1 - beta) * g^2
                  X' = (X - r * V' / (sqrt(H') + epsilon)) * (1 - norm_coefficient_post)
                  r = R * sqrt(1 - beta^T) / (1 - alpha^T), or R where T is 0

   with g = G + norm_coefficient * X everywhere. */
#include "ops/expand.h"
#include "ops/ops.h"

/* A tensor and its states among the inputs: R T X.. G.. V.. H.. */
static tn_value *part(const tn_node *n, int states, int which, int i)
{
    int count = (n->n_in - 2) / (2 + states);
    return n->in[2 + which * count + i];
}

static bool check_parts(tn_expand *e, int states, int *count)
{
    const tn_node *n = e->node;
    *count = (n->n_in - 2) / (2 + states);
    if (*count > 0 && n->n_in == 2 + *count * (2 + states) && n->n_out == *count * (1 + states))
        return true;
    return tn_expand_error(e, "has %d inputs and %d outputs; 2 + %d and %d for each tensor are wanted", n->n_in,
                           n->n_out, 2 + states, 1 + states);
}

static tn_value *scalar(tn_expand *e, double x)
{
    return tn_expand_scalar(e, e->node->in[2]->dtype, x);
}

static tn_value *attribute(tn_expand *e, const char *name, float otherwise)
{
    return scalar(e, (double)tn_node_float(e->node, name, otherwise));
}

/* 1 less an attribute, found in double so that 1 - 0.999f does not lose digits twice. */
static tn_value *rest_of(tn_expand *e, const char *name, float otherwise)
{
    return scalar(e, 1 - (double)tn_node_float(e->node, name, otherwise));
}

static tn_value *mul(tn_expand *e, tn_value *x, tn_value *y)
{
    return tn_call(e, "Mul", x, y);
}

static tn_value *add(tn_expand *e, tn_value *x, tn_value *y)
{
    return tn_call(e, "Add", x, y);
}

static tn_value *sub(tn_expand *e, tn_value *x, tn_value *y)
{
    return tn_call(e, "Sub", x, y);
}

static tn_value *gradient(tn_expand *e, int states, int i)
{
    tn_value *x = part(e->node, states, 0, i), *g = part(e->node, states, 1, i);
    return add(e, mul(e, attribute(e, "norm_coefficient", 0), x), g);
}

/* x / (sqrt(h) + epsilon) */
static tn_value *over_root(tn_expand *e, tn_value *x, tn_value *h)
{
    return tn_call(e, "Div", x, add(e, tn_call(e, "Sqrt", h), attribute(e, "epsilon", 1e-6f)));
}

static tn_value *steps(tn_expand *e)
{
    return tn_call_cast(e, e->node->in[1], e->node->in[2]->dtype);
}

static tn_value *is_first(tn_expand *e)
{
    return tn_call(e, "LessOrEqual", steps(e), scalar(e, 0));
}

bool tn_expand_adagrad(tn_expand *e, const tn_node *n)
{
    int count = 0;
    if (!check_parts(e, 1, &count))
        return false;
    tn_value *slower = add(e, scalar(e, 1), mul(e, steps(e), attribute(e, "decay_factor", 0)));
    tn_value *rate = tn_call(e, "Div", n->in[0], slower);
    for (int i = 0; i < count; i++) {
        tn_value *g = gradient(e, 1, i), *h = add(e, part(n, 1, 2, i), mul(e, g, g));
        tn_value *x = sub(e, part(n, 1, 0, i), over_root(e, mul(e, rate, g), h));
        if (!tn_give(e, i, x) || !tn_give(e, count + i, h))
            return false;
    }
    return true;
}

bool tn_expand_momentum(tn_expand *e, const tn_node *n)
{
    int count = 0;
    const char *mode = tn_node_string(n, "mode", "standard");
    bool nesterov = strcmp(mode, "nesterov") == 0;
    if (!check_parts(e, 1, &count))
        return false;
    if (!nesterov && strcmp(mode, "standard") != 0)
        return tn_expand_error(e, "mode is '%s'; standard or nesterov is wanted", mode);
    tn_value *alpha = attribute(e, "alpha", 0);
    tn_value *beta = tn_call(e, "Where", is_first(e), scalar(e, 1), attribute(e, "beta", 1));
    for (int i = 0; i < count; i++) {
        tn_value *g = gradient(e, 1, i), *v = add(e, mul(e, alpha, part(n, 1, 2, i)), mul(e, beta, g));
        tn_value *step = nesterov ? add(e, g, mul(e, alpha, v)) : v;
        if (!tn_give(e, i, sub(e, part(n, 1, 0, i), mul(e, n->in[0], step))) || !tn_give(e, count + i, v))
            return false;
    }
    return true;
}

/* 1 - base^T */
static tn_value *less_power(tn_expand *e, const char *base, float otherwise)
{
    return sub(e, scalar(e, 1), tn_call(e, "Pow", attribute(e, base, otherwise), steps(e)));
}

static tn_value *adam_rate(tn_expand *e)
{
    tn_value *later = mul(e, e->node->in[0], tn_call(e, "Sqrt", less_power(e, "beta", 0.999f)));
    later = tn_call(e, "Div", later, less_power(e, "alpha", 0.9f));
    return tn_call(e, "Where", is_first(e), e->node->in[0], later);
}

bool tn_expand_adam(tn_expand *e, const tn_node *n)
{
    int count = 0;
    if (!check_parts(e, 2, &count))
        return false;
    tn_value *rate = adam_rate(e), *alpha = attribute(e, "alpha", 0.9f), *beta = attribute(e, "beta", 0.999f);
    for (int i = 0; i < count; i++) {
        tn_value *g = gradient(e, 2, i);
        tn_value *v = add(e, mul(e, alpha, part(n, 2, 2, i)), mul(e, rest_of(e, "alpha", 0.9f), g));
        tn_value *h = add(e, mul(e, beta, part(n, 2, 3, i)), mul(e, rest_of(e, "beta", 0.999f), mul(e, g, g)));
        tn_value *x = sub(e, part(n, 2, 0, i), mul(e, rate, over_root(e, v, h)));
        x = mul(e, x, rest_of(e, "norm_coefficient_post", 0));
        if (!tn_give(e, i, x) || !tn_give(e, count + i, v) || !tn_give(e, 2 * count + i, h))
            return false;
    }
    return true;
}
