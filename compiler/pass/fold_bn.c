/* fold-bn: folds BatchNormalization (inference form) into the convolution before it.
       "c" = Conv("x", w, b); "y" = BatchNormalization("c", scale, bias, mean, var)     becomes
       "y" = Conv("x", w', b')
   Algebra, per output channel:  k = scale / sqrt(var + epsilon);  w' = w * k;  b' = (b - mean) * k + bias.
   Condition: all parameters constant float, the convolution's result used only here. Computed in double and rounded
   once. ConvTranspose keeps its channels on axis 1 of the weights (times groups) and is left alone. */
#include <math.h>

#include "pass/pass.h"

static bool is_constant_float(const tn_value *v)
{
    return v != NULL && v->constant != NULL && v->dtype == TN_FLOAT;
}

static bool fits(const tn_graph *g, const tn_node *bn)
{
    const tn_node *conv = bn->in[0]->maker;
    if (!tn_node_is(bn, "BatchNormalization") || !tn_node_is(conv, "Conv") || tn_count_uses(g, bn->in[0]) != 1)
        return false;
    for (int i = 1; i < 5; i++)
        if (!is_constant_float(bn->in[i]) || bn->in[i]->constant->shape.dim[0].n != conv->in[1]->shape.dim[0].n)
            return false;
    for (int i = 1; i < bn->n_out; i++)
        if (bn->out[i] != NULL)
            return false;
    return is_constant_float(conv->in[1]) && (conv->n_in < 3 || conv->in[2] == NULL || is_constant_float(conv->in[2]));
}

static void fold(tn_graph *g, const tn_node *bn, tn_node *conv)
{
    const tn_tensor *w = conv->in[1]->constant,
                    *b = conv->n_in > 2 && conv->in[2] != NULL ? conv->in[2]->constant : NULL;
    int64_t channels = w->shape.dim[0].n, each = channels > 0 ? tn_shape_count(&w->shape) / channels : 0;
    tn_shape vector = tn_shape_fixed(1, &channels);
    tn_tensor *fw = tn_tensor_make(g->arena, TN_FLOAT, &w->shape), *fb = tn_tensor_make(g->arena, TN_FLOAT, &vector);
    double epsilon = tn_node_float(bn, "epsilon", 1e-5f);
    for (int64_t c = 0; c < channels; c++) {
        double k = tn_tensor_get(bn->in[1]->constant, c) / sqrt(tn_tensor_get(bn->in[4]->constant, c) + epsilon);
        double shift = (b != NULL ? tn_tensor_get(b, c) : 0) - tn_tensor_get(bn->in[3]->constant, c);
        tn_tensor_set(fb, c, shift * k + tn_tensor_get(bn->in[2]->constant, c));
        for (int64_t i = 0; i < each; i++)
            tn_tensor_set(fw, c * each + i, tn_tensor_get(w, c * each + i) * k);
    }
    tn_value **in = TN_NEW_N(g->arena, tn_value *, 3);
    in[0] = conv->in[0];
    in[1] = tn_graph_add_constant(g, tn_strfmt(g->arena, "%s.bn", conv->in[1]->name), fw);
    in[2] = tn_graph_add_constant(g, tn_strfmt(g->arena, "%s.bias", bn->out[0]->name), fb);
    conv->in = in;
    conv->n_in = 3;
}

bool tn_pass_fold_bn(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    for (size_t i = 0; i < g->nodes.n; i++) {
        tn_node *bn = g->nodes.items[i];
        if (bn->n_in != 5 || bn->in[0] == NULL || !fits(g, bn))
            continue;
        tn_node *conv = bn->in[0]->maker;
        fold(g, bn, conv);
        conv->out[0] = bn->out[0]; /* the node stays where it is: its inputs were ready there */
        conv->out[0]->maker = conv;
        bn->out[0] = NULL;
        *changed = true;
    }
    tn_graph_drop_dead(g);
    return true;
}
