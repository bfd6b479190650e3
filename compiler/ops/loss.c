/* Losses, as functions of other operators.

       NegativeLogLikelihoodLoss   loss[n,d] = -x[n, t[n,d], d] * w[t[n,d]]       0 where t is ignore_index
                                   reduction: none, sum, mean (divided by the sum of the weights that took part)
       SoftmaxCrossEntropyLoss     the same of LogSoftmax(x), which is its second output */
#include "ops/expand.h"
#include "ops/ops.h"

/* x [N,C,d..], t [N,d..], weights [C] or NULL. */
static bool check_loss(tn_expand *e, const tn_value *x, const tn_value *t, const tn_value *w)
{
    tn_arena *a = e->g->arena;
    bool fits = x->shape.rank >= 2 && t->shape.rank == x->shape.rank - 1;
    for (int i = 0; fits && i < t->shape.rank; i++)
        fits = tn_dim_same(t->shape.dim[i], x->shape.dim[i + (i > 0)]);
    if (!fits)
        return tn_expand_error(e, "'%s' is %s and '%s' is %s; [N,C,d..] and [N,d..] are wanted", x->name,
                               tn_value_type(a, x), t->name, tn_value_type(a, t));
    if (t->dtype != TN_INT32 && t->dtype != TN_INT64)
        return tn_expand_error(e, "target '%s' is %s; int32 or int64 is wanted", t->name, tn_dtype_get(t->dtype)->name);
    if (w != NULL && (w->dtype != x->dtype || w->shape.rank != 1 || !tn_dim_same(w->shape.dim[0], x->shape.dim[1])))
        return tn_expand_error(e, "weights '%s' are %s; one for each class, of the type of '%s', is wanted", w->name,
                               tn_value_type(a, w), x->name);
    return true;
}

static tn_value *reduce_loss(tn_expand *e, const char *reduction, tn_value *loss, tn_value *weights)
{
    if (strcmp(reduction, "none") == 0)
        return loss;
    if (strcmp(reduction, "mean") == 0 && weights == NULL)
        return tn_call(e, "ReduceMean keepdims=0", loss);
    tn_value *sum = tn_call(e, "ReduceSum keepdims=0", loss);
    if (strcmp(reduction, "sum") == 0)
        return sum;
    if (strcmp(reduction, "mean") != 0)
        tn_expand_error(e, "reduction is '%s'; none, sum or mean is wanted", reduction);
    return tn_call(e, "Div", sum, tn_call(e, "ReduceSum keepdims=0", weights));
}

static tn_value *call_loss(tn_expand *e, tn_value *x, tn_value *t, tn_value *w)
{
    if (!check_loss(e, x, t, w))
        return NULL;
    const tn_attr *ignored = tn_node_find_attr(e->node, "ignore_index");
    tn_value *one = tn_expand_int(e, 1), *ignore = NULL;
    if (ignored != NULL) { /* another class takes its place, with the weight 0 */
        ignore = tn_call(e, "Equal", t, tn_expand_scalar(e, t->dtype, (double)ignored->i));
        t = tn_call(e, "Where", ignore, tn_expand_scalar(e, t->dtype, 0), t);
    }
    tn_value *picked = tn_call(e, "GatherElements axis=1", x, tn_call(e, "Unsqueeze", t, one));
    tn_value *loss = tn_call(e, "Neg", tn_call(e, "Squeeze", picked, one));
    tn_value *weights = w != NULL ? tn_call(e, "Gather", w, t) : NULL;
    if (weights != NULL)
        loss = tn_call(e, "Mul", loss, weights);
    if (ignore != NULL) {
        tn_value *zero = tn_expand_scalar(e, x->dtype, 0);
        weights = tn_call(e, "Where", ignore, zero, weights != NULL ? weights : tn_expand_scalar(e, x->dtype, 1));
        loss = tn_call(e, "Where", ignore, zero, loss);
    }
    return reduce_loss(e, tn_node_string(e->node, "reduction", "mean"), loss, weights);
}

bool tn_expand_nll_loss(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, call_loss(e, n->in[0], n->in[1], tn_has_input(n, 2) ? n->in[2] : NULL));
}

bool tn_expand_softmax_cross_entropy(tn_expand *e, const tn_node *n)
{
    tn_value *log_prob = tn_call(e, "LogSoftmax axis=1", n->in[0]);
    tn_value *loss = call_loss(e, log_prob, n->in[1], tn_has_input(n, 2) ? n->in[2] : NULL);
    return tn_give(e, 0, loss) && tn_give(e, 1, log_prob);
}
