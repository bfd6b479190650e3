/* Linear models: x * coefficients' + intercepts, a row of coefficients for each target or class.

   A classifier's label is that of the highest score before post_transform. With one row and two labels it is the second
   where the score is above 0, and the scores are those of tn_ml_two_scores. A regressor applies post_transform to its one
   target too, as ONNX has it; ONNX Runtime does so from two targets on. */
#include "ops/ml.h"
#include "ops/ops.h"

static tn_value *linear(tn_expand *e, tn_value *x, int64_t rows)
{
    if (e->failed)
        return x;
    tn_value *w = tn_ml_floats(e, "coefficients", 2, (const int64_t[]){rows, x->shape.dim[1].n});
    if (tn_ml_count(e->node, "intercepts") == 0)
        return tn_call(e, "Gemm transB=1", x, w);
    return tn_call(e, "Gemm transB=1", x, w, tn_ml_floats(e, "intercepts", 1, &rows));
}

bool tn_expand_linear_regressor(tn_expand *e, const tn_node *n)
{
    int64_t targets = tn_node_int(n, "targets", 1);
    if (targets < 1)
        return tn_expand_error(e, "it has %lld targets", (long long)targets);
    tn_value *y = linear(e, tn_ml_rows(e, TN_FLOAT), targets);
    return tn_give(e, 0, tn_ml_transform(e, tn_node_string(n, "post_transform", "NONE"), y));
}

static tn_value *is_positive(tn_expand *e, tn_value *score)
{
    tn_value *above = tn_call(e, "Greater", score, tn_expand_scalar(e, TN_FLOAT, 0));
    return tn_call(e, "Squeeze", tn_call_cast(e, above, TN_INT64), tn_expand_int(e, 1));
}

bool tn_expand_linear_classifier(tn_expand *e, const tn_node *n)
{
    const char *post = tn_node_string(n, "post_transform", "NONE"), *labels = "classlabels_ints";
    int64_t classes = tn_ml_classes(e, labels);
    tn_value *x = tn_ml_rows(e, TN_FLOAT);
    if (e->failed)
        return false;
    bool one = classes == 2 && tn_ml_count(n, "coefficients") == x->shape.dim[1].n;
    tn_value *scores = linear(e, x, one ? 1 : classes);
    tn_value *best = one ? is_positive(e, scores) : tn_call(e, "ArgMax axis=1 keepdims=0", scores);
    tn_ml_give_labels(e, labels, best);
    return tn_give(e, 1, one ? tn_ml_two_scores(e, post, scores, true) : tn_ml_transform(e, post, scores));
}
