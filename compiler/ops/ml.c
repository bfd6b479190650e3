/* Operators of ai.onnx.ml that are functions of others, and what its classifiers share. ONNX's text leaves much open; it
   is read as ONNX Runtime does.

       Binarizer               x > threshold ? 1 : 0
       ArrayFeatureExtractor   the columns y of x: Gather along the last axis; of a vector x, one row
       Scaler                  (x - offset) * scale
       Normalizer              each row over its greatest element, the sum of its magnitudes or its length; by 0: itself
       Imputer                 what stands for a missing value becomes another one
       FeatureVectorizer       columns side by side, each input cut or filled up to the width that is told
       OneHotEncoder           x == category ? 1 : 0, along a new axis

   Results are float where ONNX says so, whatever comes in. */
#include "ops/ml.h"

#include "ops/ops.h"
#include "ops/repeat.h"

/* --- lists ---------------------------------------------------------------------------------------------------------- */

int64_t tn_ml_count(const tn_node *n, const char *name)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    return a == NULL ? 0 : a->kind == TN_ATTR_TENSOR ? tn_shape_count(&a->tensor->shape) : (int64_t)a->n;
}

bool tn_ml_need_count(tn_expand *e, const char *name, int64_t wanted)
{
    return tn_ml_count(e->node, name) == wanted
        || tn_expand_error(e, "attribute '%s' has %lld elements; %lld are wanted", name,
                           (long long)tn_ml_count(e->node, name), (long long)wanted);
}

double tn_ml_number(const tn_node *n, const char *name, int64_t i)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    return a->kind == TN_ATTR_TENSOR ? tn_tensor_get(a->tensor, i)
         : a->kind == TN_ATTR_FLOATS ? (double)a->floats[i]
         : a->kind == TN_ATTR_INTS   ? (double)a->ints[i]
                                     : 0;
}

int64_t tn_ml_integer(const tn_node *n, const char *name, int64_t i)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    bool tensor = a->kind == TN_ATTR_TENSOR && !tn_dtype_get(a->tensor->dtype)->is_float;
    return a->kind == TN_ATTR_INTS ? a->ints[i] : tensor ? tn_tensor_get_int(a->tensor, i) : 0;
}

tn_value *tn_ml_floats(tn_expand *e, const char *name, int rank, const int64_t *dims)
{
    tn_shape s = tn_shape_fixed(rank, dims);
    if (e->failed || !tn_ml_need_count(e, name, tn_shape_count(&s)))
        return tn_expand_scalar(e, TN_FLOAT, 0);
    tn_tensor *t = tn_tensor_make(e->g->arena, TN_FLOAT, &s);
    for (int64_t i = 0, n = tn_shape_count(&s); i < n; i++)
        tn_tensor_set(t, i, tn_ml_number(e->node, name, i));
    return tn_expand_constant(e, t);
}

tn_value *tn_ml_keys(tn_expand *e, const char *name)
{
    const tn_attr *a = tn_node_find_attr(e->node, name);
    if (a == NULL || a->n == 0)
        return NULL;
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){(int64_t)a->n});
    if (a->kind == TN_ATTR_STRINGS)
        return tn_expand_constant(e, tn_tensor_of_strings(e->g->arena, &s, a->strings));
    return a->kind == TN_ATTR_INTS ? tn_expand_ints(e, (int)a->n, a->ints) : NULL;
}

tn_value *tn_ml_rows(tn_expand *e, tn_dtype dtype)
{
    tn_value *x = e->node->in[0];
    x = tn_call_cast(e, x->shape.rank == 1 ? tn_call_unsqueeze(e, x, 0) : x, dtype);
    if (!e->failed && (x->shape.rank != 2 || x->shape.dim[1].sym != NULL))
        tn_expand_error(e, "input 0 is %s; [N,features] is wanted", tn_value_type(e->g->arena, x));
    return x;
}

/* --- labels and scores ---------------------------------------------------------------------------------------------- */

static const char strings[] = "classlabels_strings";

int64_t tn_ml_classes(tn_expand *e, const char *integers)
{
    int64_t named = tn_ml_count(e->node, strings), n = named > 0 ? named : tn_ml_count(e->node, integers);
    if (n < 1)
        tn_expand_error(e, "it has no labels: %s or %s is wanted", integers, strings);
    return n;
}

bool tn_ml_give_labels(tn_expand *e, const char *integers, tn_value *best)
{
    tn_value *names = tn_ml_keys(e, strings), *labels = names != NULL ? names : tn_ml_keys(e, integers);
    if (labels == NULL)
        return tn_expand_error(e, "attribute '%s' holds no integers", integers);
    return tn_give(e, 0, tn_call(e, "Gather axis=0", labels, best));
}

static tn_value *number(tn_expand *e, const tn_value *like, double x)
{
    return tn_expand_scalar(e, like->dtype, x);
}

/* Softmax in which what is 0 has no part: it stays (nearly) 0. */
static tn_value *softmax_zero(tn_expand *e, tn_value *x)
{
    tn_value *axis = tn_expand_int(e, -1), *top = tn_call(e, "ReduceMax keepdims=1", x, axis);
    tn_value *is_zero = tn_call(e, "LessOrEqual", tn_call(e, "Abs", x), number(e, x, 1e-7));
    tn_value *power = tn_call(e, "Exp", tn_call(e, "Sub", x, top));
    tn_value *kept = tn_call(e, "Mul", x, tn_call(e, "Exp", tn_call(e, "Neg", top)));
    tn_value *sum = tn_call(e, "ReduceSum keepdims=1", tn_call(e, "Where", is_zero, number(e, x, 0), power), axis);
    return tn_call(e, "Div", tn_call(e, "Where", is_zero, kept, power), sum);
}

/* The inverse of the normal distribution, sqrt(2) * erfinv(2 x - 1), by Winitzki's formula: with a = 0.147,
   l = log(1 - t^2) and v = 2 / (pi a) + l / 2, erfinv(t) is about sign(t) * sqrt(sqrt(v^2 - l / a) - v). */
static tn_value *probit(tn_expand *e, tn_value *x)
{
    const double a = 0.147, pi = 3.14159265358979323846;
    tn_value *one = number(e, x, 1), *t = tn_call(e, "Sub", tn_call(e, "Mul", x, number(e, x, 2)), one);
    tn_value *l = tn_call(e, "Log", tn_call(e, "Mul", tn_call(e, "Sub", one, t), tn_call(e, "Add", one, t)));
    tn_value *v = tn_call(e, "Add", tn_call(e, "Mul", l, number(e, x, 0.5)), number(e, x, 2 / (pi * a)));
    tn_value *square = tn_call(e, "Sub", tn_call(e, "Mul", v, v), tn_call(e, "Mul", l, number(e, x, 1 / a)));
    tn_value *size = tn_call(e, "Sqrt", tn_call(e, "Sub", tn_call(e, "Sqrt", square), v));
    tn_value *signs = tn_call(e, "Where", tn_call(e, "Less", t, number(e, x, 0)), number(e, x, -1), one);
    return tn_call(e, "Mul", tn_call(e, "Mul", signs, size), number(e, x, 1.41421356));
}

tn_value *tn_ml_transform(tn_expand *e, const char *post, tn_value *scores)
{
    if (strcmp(post, "NONE") == 0)
        return scores;
    if (strcmp(post, "LOGISTIC") == 0)
        return tn_call(e, "Sigmoid", scores);
    if (strcmp(post, "SOFTMAX") == 0)
        return tn_call(e, "Softmax axis=-1", scores);
    if (strcmp(post, "SOFTMAX_ZERO") == 0)
        return softmax_zero(e, scores);
    if (strcmp(post, "PROBIT") == 0)
        return probit(e, scores);
    tn_expand_error(e, "post_transform is '%s'; NONE, LOGISTIC, SOFTMAX, SOFTMAX_ZERO and PROBIT are known", post);
    return scores;
}

/* SOFTMAX and SOFTMAX_ZERO leave such scores as they are. */
tn_value *tn_ml_two_scores(tn_expand *e, const char *post, tn_value *score, bool complement)
{
    bool logistic = strcmp(post, "LOGISTIC") == 0, normal = strcmp(post, "PROBIT") == 0;
    tn_value *other =
        normal || (complement && !logistic) ? tn_call(e, "Sub", number(e, score, 1), score) : tn_call(e, "Neg", score);
    tn_value *both = tn_call_join(e, 1, other, score);
    return logistic || normal ? tn_ml_transform(e, post, both) : both;
}

/* --- features ------------------------------------------------------------------------------------------------------- */

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
    tn_value *x = n->in[0];
    e->bytes = false; /* strings by the forms that Unsqueeze and Gather have of them */
    x = x->shape.rank - x->is_text > 1 ? x : tn_call_unsqueeze(e, x, 0);
    tn_value *y = tn_call_reshape(e, n->in[1], 1, (const int64_t[]){-1});
    return tn_give(e, 0, tn_call(e, "Gather axis=-1", x, y));
}

/* An attribute with an element for all features, or for each of the last axis. */
static tn_value *each_feature(tn_expand *e, const char *name)
{
    const tn_shape *s = &e->node->in[0]->shape;
    int64_t count = tn_ml_count(e->node, name);
    if (s->rank < 1 || count == 1 || tn_dim_is(s->dim[s->rank - 1], count))
        return tn_ml_floats(e, name, 1, (const int64_t[]){s->rank < 1 ? 1 : count});
    tn_expand_error(e, "attribute '%s' has %lld elements; one is wanted, or one for each feature of %s", name,
                    (long long)count, tn_expand_show(e, e->node->in[0]));
    return tn_expand_scalar(e, TN_FLOAT, 0);
}

bool tn_expand_scaler(tn_expand *e, const tn_node *n)
{
    tn_dtype t = n->in[0]->dtype == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
    tn_value *x = tn_call_cast(e, n->in[0], t);
    if (tn_ml_count(n, "offset") > 0)
        x = tn_call(e, "Sub", x, tn_call_cast(e, each_feature(e, "offset"), t));
    if (tn_ml_count(n, "scale") > 0)
        x = tn_call(e, "Mul", x, tn_call_cast(e, each_feature(e, "scale"), t));
    return tn_give(e, 0, tn_call_cast(e, x, TN_FLOAT));
}

bool tn_expand_normalizer(tn_expand *e, const tn_node *n)
{
    static const char *const sums[][2] = {
        {"MAX", "ReduceMax keepdims=1"}, {"L1", "ReduceL1 keepdims=1"}, {"L2", "ReduceL2 keepdims=1"}};
    const char *norm = tn_node_string(n, "norm", "MAX");
    tn_value *x = tn_call_cast(e, n->in[0], TN_FLOAT);
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        if (strcmp(norm, sums[i][0]) != 0)
            continue;
        tn_value *sum = tn_call(e, sums[i][1], x, tn_expand_int(e, -1)), *zero = tn_expand_scalar(e, TN_FLOAT, 0);
        sum = tn_call(e, "Where", tn_call(e, "Equal", sum, zero), tn_expand_scalar(e, TN_FLOAT, 1), sum);
        return tn_give(e, 0, tn_call(e, "Div", x, sum));
    }
    return tn_expand_error(e, "norm is '%s'; MAX, L1 and L2 are known", norm);
}

/* imputed_value_int64s, exactly. */
static tn_value *imputed_integers(tn_expand *e)
{
    const tn_value *x = e->node->in[0];
    const tn_attr *a = tn_node_find_attr(e->node, "imputed_value_int64s");
    int last = x->shape.rank - 1;
    if (a != NULL && a->kind == TN_ATTR_INTS
        && (a->n == 1 || (last >= 0 && tn_dim_is(x->shape.dim[last], (int64_t)a->n))))
        return tn_call_cast(e, tn_expand_ints(e, (int)a->n, a->ints), x->dtype);
    tn_expand_error(e, "attribute 'imputed_value_int64s' with one integer, or one for each feature of %s, is wanted",
                    tn_expand_show(e, x));
    return tn_expand_scalar(e, x->dtype, 0);
}

bool tn_expand_imputer(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0];
    bool floats = tn_dtype_get(x->dtype)->is_float;
    tn_value *y = floats ? tn_call_cast(e, each_feature(e, "imputed_value_floats"), x->dtype) : imputed_integers(e);
    double missing = (double)tn_node_float(n, "replaced_value_float", 0);
    tn_value *key = tn_call_cast(e, tn_expand_scalar(e, TN_FLOAT, missing), x->dtype);
    if (!floats)
        key = tn_call_cast(e, tn_call_reshape(e, tn_expand_int(e, tn_node_int(n, "replaced_value_int64", 0)), 0, NULL),
                           x->dtype);
    tn_value *is_missing = missing != missing && floats ? tn_call(e, "IsNaN", x) : tn_call(e, "Equal", x, key);
    return tn_give(e, 0, tn_call(e, "Where", is_missing, y, x));
}

/* Input i as float [N,width]; width -1: as many as it has. */
static tn_value *columns(tn_expand *e, tn_value *x, int64_t width)
{
    x = tn_call_cast(e, x->shape.rank == 1 ? tn_call_unsqueeze(e, x, 0) : x, TN_FLOAT);
    x = x->shape.rank == 2 ? x : tn_call(e, "Flatten axis=1", x);
    if (e->failed || width < 0)
        return x;
    if (x->shape.dim[1].sym != NULL) {
        tn_expand_error(e, "%s; a known number of features is wanted", tn_expand_show(e, x));
        return x;
    }
    int64_t more = width - x->shape.dim[1].n;
    return more > 0 ? tn_call(e, "Pad", x, tn_expand_ints(e, 4, (const int64_t[]){0, 0, 0, more}))
         : more < 0 ? tn_call_slice(e, x, 1, 0, width, 1)
                    : x;
}

bool tn_expand_feature_vectorizer(tn_expand *e, const tn_node *n)
{
    const char *widths = "inputdimensions";
    bool told = tn_ml_count(n, widths) > 0;
    tn_value **parts = TN_NEW_N(e->g->arena, tn_value *, n->n_in);
    if (told && !tn_ml_need_count(e, widths, n->n_in))
        return false;
    for (int i = 0; i < n->n_in; i++) {
        int64_t width = told ? tn_ml_integer(n, widths, i) : -1;
        if (told && width < 0)
            return tn_expand_error(e, "inputdimensions has %lld for input %d", (long long)width, i);
        parts[i] = columns(e, tn_expand_need(e, i, "features"), width);
    }
    return tn_give(e, 0, tn_call_list(e, "Concat axis=1", n->n_in, parts));
}

/* zeros == 0: an element that is no category ends the run. */
bool tn_expand_one_hot_encoder(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0], *cats = tn_ml_keys(e, x->is_text ? "cats_strings" : "cats_int64s");
    if (cats == NULL)
        return tn_expand_error(e, "%s; attribute '%s' is wanted", tn_expand_show(e, x),
                               x->is_text ? "cats_strings" : "cats_int64s");
    tn_value *hits = tn_ml_match(e, x->is_text ? x : tn_call_cast(e, x, TN_INT64), cats);
    tn_value *y = tn_call_cast(e, hits, TN_FLOAT);
    if (tn_node_int(n, "zeros", 1) == 0) {
        tn_value *found = tn_call(e, "ReduceMax keepdims=0", tn_call_cast(e, hits, TN_INT32), tn_expand_int(e, -1));
        y = tn_call_check(e, tn_call_cast(e, tn_call(e, "ReduceMin keepdims=0", found), TN_BOOL), y);
    }
    return tn_give(e, 0, y);
}
