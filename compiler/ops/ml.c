/* Operators of ai.onnx.ml that are functions of others.

       Binarizer               x > threshold ? 1 : 0
       ArrayFeatureExtractor   the columns y of x: Gather along the last axis; of a vector x, one row
       Scaler                  (x - offset) * scale
       Imputer                 another number in the place of one, which may be NaN
       Normalizer              rows divided by their greatest element, the sum of sizes, or the root of the sum of squares
       FeatureVectorizer       matrices side by side
       OneHotEncoder           1 at the category, 0 elsewhere, along a new last axis
       LinearRegressor         x * coefficients^T + intercepts
       LinearClassifier        the same; the label of the greatest score
       SVMRegressor            sum of coefficient[i] * kernel(x, support_vector[i]), plus rho

   Arithmetic is in float, in double where x is double. */
#include "ops/expand.h"
#include "ops/ops.h"
#include "ops/repeat.h"

#include <math.h>

/* --- what all share ------------------------------------------------------------------------------------------------- */

tn_value *tn_call_post_transform(tn_expand *e, const char *post, tn_value *y)
{
    if (strcmp(post, "NONE") == 0)
        return y;
    if (strcmp(post, "LOGISTIC") == 0)
        return tn_call(e, "Sigmoid", y);
    if (strcmp(post, "SOFTMAX") == 0)
        return tn_call(e, "Softmax axis=-1", y);
    tn_expand_error(e, "post_transform %s is not supported; NONE, LOGISTIC and SOFTMAX are", post);
    return y;
}

static tn_dtype real_type(const tn_value *v)
{
    return v->dtype == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
}

static tn_value *as_real(tn_expand *e, tn_value *v)
{
    return tn_call_cast(e, v, real_type(v));
}

static const tn_attr *find_list(const tn_expand *e, const char *name, tn_attr_kind kind)
{
    const tn_attr *a = tn_node_find_attr(e->node, name);
    return a != NULL && a->kind == kind && a->n > 0 ? a : NULL;
}

/* A list of floats as [rows, the rest]; rows 0: as it is. NULL after an error: it is missing, or no multiple of rows. */
static tn_value *constant_list(tn_expand *e, const char *name, tn_dtype t, int64_t rows)
{
    const tn_attr *a = find_list(e, name, TN_ATTR_FLOATS);
    if (a == NULL || (rows > 0 && (int64_t)a->n % rows != 0)) {
        tn_expand_error(e, "attribute %s has %zu floats; a multiple of %lld is wanted", name, a != NULL ? a->n : 0,
                        (long long)(rows > 0 ? rows : 1));
        return NULL;
    }
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){(int64_t)a->n});
    if (rows > 0)
        s = tn_shape_fixed(2, (const int64_t[]){rows, (int64_t)a->n / rows});
    tn_tensor *x = tn_tensor_make(e->g->arena, t, &s);
    for (size_t i = 0; i < a->n; i++)
        tn_tensor_set(x, (int64_t)i, (double)a->floats[i]);
    return tn_expand_constant(e, x);
}

static bool has_list(const tn_expand *e, const char *name)
{
    return find_list(e, name, TN_ATTR_FLOATS) != NULL;
}

static bool give_float(tn_expand *e, int i, tn_value *v)
{
    return tn_give(e, i, e->failed ? v : tn_call_cast(e, v, TN_FLOAT));
}

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

/* --- before a model ------------------------------------------------------------------------------------------------- */

bool tn_expand_scaler(tn_expand *e, const tn_node *n)
{
    tn_value *x = as_real(e, n->in[0]);
    if (has_list(e, "offset"))
        x = tn_call(e, "Sub", x, constant_list(e, "offset", x->dtype, 0));
    if (has_list(e, "scale"))
        x = tn_call(e, "Mul", x, constant_list(e, "scale", x->dtype, 0));
    return give_float(e, 0, x);
}

bool tn_expand_imputer(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0], *place = NULL, *is_replaced = NULL;
    if (tn_dtype_get(x->dtype)->is_float) {
        float replaced = tn_node_float(n, "replaced_value_float", 0);
        place = constant_list(e, "imputed_value_floats", x->dtype, 0);
        is_replaced = isnan(replaced) ? tn_call(e, "IsNaN", x)
                                      : tn_call(e, "Equal", x, tn_expand_scalar(e, x->dtype, (double)replaced));
    } else {
        const tn_attr *a = find_list(e, "imputed_value_int64s", TN_ATTR_INTS);
        if (a == NULL)
            return tn_expand_error(e, "attribute imputed_value_int64s is missing");
        place = tn_call_cast(e, tn_expand_ints(e, (int)a->n, a->ints), x->dtype);
        tn_value *replaced = tn_expand_int(e, tn_node_int(n, "replaced_value_int64", 0));
        is_replaced = tn_call(e, "Equal", tn_call_cast(e, x, TN_INT64), replaced);
    }
    return !e->failed && tn_give(e, 0, tn_call(e, "Where", is_replaced, place, x));
}

/* A row of zeros stays. */
bool tn_expand_normalizer(tn_expand *e, const tn_node *n)
{
    const char *norm = tn_node_string(n, "norm", "MAX");
    tn_value *x = as_real(e, n->in[0]), *last = tn_expand_int(e, -1), *zero = tn_expand_scalar(e, x->dtype, 0),
             *by = NULL;
    if (strcmp(norm, "MAX") == 0)
        by = tn_call(e, "ReduceMax keepdims=1", x, last);
    else if (strcmp(norm, "L1") == 0)
        by = tn_call(e, "ReduceL1 keepdims=1", x, last);
    else if (strcmp(norm, "L2") == 0)
        by = tn_call(e, "ReduceL2 keepdims=1", x, last);
    else
        return tn_expand_error(e, "norm is '%s'; MAX, L1 or L2 is wanted", norm);
    by = tn_call(e, "Where", tn_call(e, "Equal", by, zero), tn_expand_scalar(e, x->dtype, 1), by);
    return give_float(e, 0, tn_call(e, "Div", x, by));
}

bool tn_expand_feature_vectorizer(tn_expand *e, const tn_node *n)
{
    tn_value *all = NULL;
    for (int i = 0; i < n->n_in && !e->failed; i++) {
        tn_value *x = tn_call_cast(e, n->in[i], TN_FLOAT);
        x = x->shape.rank < 2 ? tn_call_reshape(e, x, 2, (const int64_t[]){1, -1})
                              : tn_call_reshape(e, x, 2, (const int64_t[]){0, -1});
        all = all == NULL ? x : tn_call_join(e, 1, all, x);
    }
    return !e->failed && tn_give(e, 0, all);
}

static tn_value *list_categories(tn_expand *e)
{
    const tn_attr *ints = find_list(e, "cats_int64s", TN_ATTR_INTS),
                  *texts = find_list(e, "cats_strings", TN_ATTR_STRINGS);
    if (ints != NULL && !e->node->in[0]->is_text)
        return tn_expand_ints(e, (int)ints->n, ints->ints);
    if (texts == NULL || !e->node->in[0]->is_text) {
        tn_expand_error(e, "input %s; cats_int64s of numbers, or cats_strings of strings, are wanted",
                        tn_expand_show(e, e->node->in[0]));
        return NULL;
    }
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){(int64_t)texts->n});
    return tn_expand_constant(e, tn_tensor_of_strings(e->g->arena, &s, texts->strings));
}

/* Where zeros is 0 every element must be a category: the run ends with an error where one is not. */
bool tn_expand_one_hot_encoder(tn_expand *e, const tn_node *n)
{
    tn_value *cats = list_categories(e), *x = n->in[0];
    int rank = x->shape.rank - x->is_text;
    if (e->failed)
        return false;
    tn_value *hot = NULL;
    if (x->is_text)
        hot = tn_call_same_text(e, tn_call_unsqueeze(e, x, rank), cats);
    else
        hot = tn_call(e, "Equal", tn_call_unsqueeze(e, tn_call_cast(e, x, TN_INT64), rank), cats);
    tn_value *y = tn_call_cast(e, hot, TN_FLOAT);
    if (tn_node_int(n, "zeros", 1) == 0) {
        tn_value *found = tn_call(e, "ReduceMax keepdims=0", tn_call_cast(e, hot, TN_INT32), tn_expand_int(e, -1));
        tn_value *all = tn_call(e, "ReduceMin keepdims=0", found);
        y = e->failed ? y : tn_call_check(e, tn_call_cast(e, all, TN_BOOL), y);
    }
    return tn_give(e, 0, y);
}

/* --- linear models -------------------------------------------------------------------------------------------------- */

/* [N,F] by the rows of coefficients. */
static tn_value *linear_scores(tn_expand *e, int64_t rows)
{
    tn_value *x = e->node->in[0];
    if (x->shape.rank == 1)
        x = tn_call_unsqueeze(e, x, 0);
    x = tn_call_cast(e, x, TN_FLOAT);
    tn_value *c = constant_list(e, "coefficients", TN_FLOAT, rows);
    if (e->failed)
        return x;
    tn_value *y = tn_call(e, "Gemm transB=1", x, c);
    return has_list(e, "intercepts") ? tn_call(e, "Add", y, constant_list(e, "intercepts", TN_FLOAT, 0)) : y;
}

bool tn_expand_linear_regressor(tn_expand *e, const tn_node *n)
{
    int64_t targets = tn_node_int(n, "targets", 1);
    if (targets < 1)
        return tn_expand_error(e, "targets is %lld; at least 1 is wanted", (long long)targets);
    tn_value *y = linear_scores(e, targets);
    return tn_give(e, 0, tn_call_post_transform(e, tn_node_string(n, "post_transform", "NONE"), y));
}

static tn_value *list_labels(tn_expand *e, int64_t *count)
{
    const tn_attr *ints = find_list(e, "classlabels_ints", TN_ATTR_INTS);
    const tn_attr *texts = find_list(e, "classlabels_strings", TN_ATTR_STRINGS);
    *count = ints != NULL ? (int64_t)ints->n : texts != NULL ? (int64_t)texts->n : 0;
    tn_shape s = tn_shape_fixed(1, count);
    if (ints != NULL)
        return tn_expand_ints(e, (int)ints->n, ints->ints);
    if (texts != NULL)
        return tn_expand_constant(e, tn_tensor_of_strings(e->g->arena, &s, texts->strings));
    tn_expand_error(e, "neither classlabels_ints nor classlabels_strings is given");
    return NULL;
}

bool tn_expand_linear_classifier(tn_expand *e, const tn_node *n)
{
    int64_t classes = 0;
    tn_value *labels = list_labels(e, &classes);
    const tn_attr *intercepts = find_list(e, "intercepts", TN_ATTR_FLOATS);
    if (e->failed)
        return false;
    if (intercepts != NULL && (int64_t)intercepts->n != classes)
        return tn_expand_error(e, "%zu intercepts and %lld labels; as many are wanted", intercepts->n,
                               (long long)classes);
    tn_value *scores = linear_scores(e, classes);
    tn_value *best = tn_call(e, "ArgMax axis=1 keepdims=0", scores);
    tn_give(e, 0, tn_call(e, "Gather axis=0", labels, best));
    return tn_give(e, 1, tn_call_post_transform(e, tn_node_string(n, "post_transform", "NONE"), scores));
}

/* --- support vectors ------------------------------------------------------------------------------------------------ */

static tn_value *scalar(tn_expand *e, float x)
{
    return tn_expand_scalar(e, TN_FLOAT, (double)x);
}

/* [N,rows]: kernel_params are gamma, coef0, degree. */
static tn_value *call_kernel(tn_expand *e, tn_value *x, tn_value *vectors)
{
    const char *kind = tn_node_string(e->node, "kernel_type", "LINEAR");
    const tn_attr *a = find_list(e, "kernel_params", TN_ATTR_FLOATS);
    float p[3] = {0, 0, 0};
    for (size_t i = 0; a != NULL && i < 3 && i < a->n; i++)
        p[i] = a->floats[i];
    if (strcmp(kind, "RBF") == 0) {
        tn_value *apart = tn_call(e, "Sub", tn_call_unsqueeze(e, x, 1), tn_call_unsqueeze(e, vectors, 0));
        tn_value *sum = tn_call(e, "ReduceSumSquare keepdims=0", apart, tn_expand_int(e, 2));
        return tn_call(e, "Exp", tn_call(e, "Mul", sum, scalar(e, -p[0])));
    }
    tn_value *product = tn_call(e, "Gemm transB=1", x, vectors);
    if (strcmp(kind, "LINEAR") == 0)
        return product;
    product = tn_call(e, "Add", tn_call(e, "Mul", product, scalar(e, p[0])), scalar(e, p[1]));
    if (strcmp(kind, "POLY") == 0)
        return tn_call(e, "Pow", product, scalar(e, p[2]));
    if (strcmp(kind, "SIGMOID") == 0)
        return tn_call(e, "Tanh", product);
    tn_expand_error(e, "kernel_type is '%s'; LINEAR, POLY, RBF or SIGMOID is wanted", kind);
    return product;
}

bool tn_expand_svm_regressor(tn_expand *e, const tn_node *n)
{
    int64_t supports = tn_node_int(n, "n_supports", 0);
    tn_value *x = tn_call_cast(e, n->in[0], TN_FLOAT);
    tn_value *c = constant_list(e, "coefficients", TN_FLOAT, 1), *rho = constant_list(e, "rho", TN_FLOAT, 0);
    tn_value *vectors = supports > 0 ? constant_list(e, "support_vectors", TN_FLOAT, supports) : NULL;
    if (e->failed)
        return false;
    tn_value *y = vectors != NULL ? tn_call(e, "Gemm transB=1", call_kernel(e, x, vectors), c) : call_kernel(e, x, c);
    y = tn_call(e, "Add", y, rho);
    if (tn_node_int(n, "one_class", 0) != 0)
        y = tn_call(e, "Where", tn_call(e, "Greater", y, scalar(e, 0)), scalar(e, 1), scalar(e, -1));
    return tn_give(e, 0, tn_call_post_transform(e, tn_node_string(n, "post_transform", "NONE"), y));
}
