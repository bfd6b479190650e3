/* fold-pad: folds a Pad with zeros into the convolution after it.
       "p" = Pad("x", [0,0,1,1,0,0,1,1]); "y" = Conv("p", w) pads=[0,0,0,0]     becomes     "y" = Conv("x", w) pads=[1,1,1,1]
   Condition: mode constant, value zero, no padding of batch or channels, nothing negative, explicit pads in the
   convolution. AveragePool counts its padding differently and is left alone. */
#include "pass/pass.h"

static bool pads_zero(const tn_node *pad)
{
    if (strcmp(tn_node_string(pad, "mode", "constant"), "constant") != 0 || (pad->n_in > 3 && pad->in[3] != NULL))
        return false;
    const tn_value *value = pad->n_in > 2 ? pad->in[2] : NULL;
    return value == NULL || (value->constant != NULL && tn_tensor_get(value->constant, 0) == 0);
}

/* The convolution's pads after folding; NULL when they do not fold. */
static int64_t *sum_pads(tn_graph *g, const tn_node *pad, const tn_node *conv)
{
    size_t n = 0;
    const int64_t *more = tn_value_ints(g, pad->in[1], &n);
    int rank = pad->in[0]->shape.rank, spatial = rank - 2;
    const tn_attr *own = tn_node_find_attr(conv, "pads");
    if (more == NULL || n != 2 * (size_t)rank || strcmp(tn_node_string(conv, "auto_pad", "NOTSET"), "NOTSET") != 0)
        return NULL;
    if (own != NULL && own->n != 2 * (size_t)spatial)
        return NULL;
    int64_t *sum = TN_NEW_N(g->arena, int64_t, 2 * (size_t)spatial);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < rank; i++) {
            int64_t x = more[side * rank + i];
            if (x < 0 || (i < 2 && x != 0))
                return NULL;
            if (i >= 2)
                sum[side * spatial + i - 2] = x + (own != NULL ? own->ints[side * spatial + i - 2] : 0);
        }
    return sum;
}

bool tn_pass_fold_pad(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    for (size_t i = 0; i < g->nodes.n; i++) {
        tn_node *conv = g->nodes.items[i];
        const tn_node *pad = tn_node_is(conv, "Conv") ? conv->in[0]->maker : NULL;
        if (!tn_node_is(pad, "Pad") || !pads_zero(pad))
            continue;
        const int64_t *pads = sum_pads(g, pad, conv);
        if (pads == NULL)
            continue;
        tn_node_set_ints(g, conv, "pads", pads, 2 * (size_t)(pad->in[0]->shape.rank - 2));
        conv->in[0] = pad->in[0];
        *changed = true;
    }
    tn_graph_drop_dead(g);
    return true;
}
