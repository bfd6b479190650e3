/* Operators of ai.onnx.ml that are functions of others.

       Binarizer               x > threshold ? 1 : 0
       ArrayFeatureExtractor   the columns y of x: Gather along the last axis; of a vector x, one row */
#include "ops/expand.h"
#include "ops/ops.h"

bool tn_expand_binarizer(tn_expand *e, const tn_node *n)
{
    tn_dtype t = n->in[0]->dtype;
    float threshold = tn_node_float(n, "threshold", 0);
    tn_value *x = tn_call_cast(e, n->in[0], t == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT);
    tn_value *above =
        tn_call(e, "Greater", x, tn_expand_scalar(e, t == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT, (double)threshold));
    return tn_give(e, 0, tn_call_cast(e, above, t));
}

bool tn_expand_feature_extractor(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0]->shape.rank > 1 ? n->in[0] : tn_call_unsqueeze(e, n->in[0], 0);
    tn_value *y = tn_call_reshape(e, n->in[1], 1, (const int64_t[]){-1});
    return tn_give(e, 0, tn_call(e, "Gather axis=-1", x, y));
}
