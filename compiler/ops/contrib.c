/* Operators of ONNX Runtime's domain com.microsoft that are ONNX's with something beside them: what its optimiser makes
   of several nodes, what channels-last layouts need, and older forms.

       FusedConv                activation(Conv(x, w, b) + z)            NhwcFusedConv: the same, channels last
       FusedGemm                activation(Gemm(a, b, c))
       FusedMatMul              alpha * MatMul(transposed a, transposed b)
       SkipLayerNormalization   LayerNormalization(x + skip + bias)
       GroupNorm                GroupNormalization, channels last, then SiLU
       CDist                    the distance of each row of a to each row of b

   Attention and what goes with it: contrib_attention.c; quantised: contrib_quant.c. */
#include "ops/expand.h"
#include "ops/ops.h"

#include <math.h>

/* --- transposed in and out ------------------------------------------------------------------------------------------ */

static tn_value *transpose(tn_expand *e, tn_value *v, const int64_t *perm)
{
    tn_str text = {.arena = e->g->arena};
    tn_str_add(&text, "Transpose perm=");
    for (int i = 0; i < v->shape.rank; i++)
        tn_str_add(&text, "%lld,", (long long)perm[i]);
    return tn_call(e, text.text, v);
}

/* [N,H,W,C] to [N,C,H,W] */
static tn_value *channels_first(tn_expand *e, tn_value *v)
{
    int64_t perm[TN_MAX_RANK] = {0, v->shape.rank - 1};
    if (!e->failed && v->shape.rank < 3)
        tn_expand_error(e, "input %s; rank 3 or more is wanted", tn_expand_show(e, v));
    for (int i = 2; i < v->shape.rank; i++)
        perm[i] = i - 1;
    return e->failed ? v : transpose(e, v, perm);
}

static tn_value *channels_last(tn_expand *e, tn_value *v)
{
    int64_t perm[TN_MAX_RANK] = {0};
    for (int i = 1; i < v->shape.rank; i++)
        perm[i] = i + 1 < v->shape.rank ? i + 1 : 1;
    return e->failed ? v : transpose(e, v, perm);
}

bool tn_expand_nhwc_max_pool(tn_expand *e, const tn_node *n)
{
    tn_value *y =
        tn_call(e, "MaxPool auto_pad ceil_mode dilations kernel_shape pads strides", channels_first(e, n->in[0]));
    return tn_give(e, 0, channels_last(e, y));
}

bool tn_expand_qlinear_conv(tn_expand *e, const tn_node *n)
{
    bool last = tn_node_int(n, "channels_last", 0) != 0;
    tn_value *in[9] = {NULL};
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i];
    if (last)
        in[0] = channels_first(e, in[0]);
    tn_value *y = tn_call_list(e, "QLinearConv auto_pad dilations group kernel_shape pads strides", 9, in);
    return tn_give(e, 0, last ? channels_last(e, y) : y);
}

/* --- activations of products ---------------------------------------------------------------------------------------- */

enum { MAX_PARAMS = 2 };

/* The operator of an activation, and what its parameters are called. */
static const struct {
    const char *name, *params[MAX_PARAMS];
} activations[] = {
    {"Celu", {"alpha"}},
    {"Elu", {"alpha"}},
    {"Gelu", {NULL}},
    {"HardSigmoid", {"alpha", "beta"}},
    {"HardSwish", {NULL}},
    {"LeakyRelu", {"alpha"}},
    {"Relu", {NULL}},
    {"Selu", {"alpha", "gamma"}},
    {"Sigmoid", {NULL}},
    {"Softplus", {NULL}},
    {"Softsign", {NULL}},
    {"Tanh", {NULL}},
    {"ThresholdedRelu", {"alpha"}},
};

/* params: NaN for one that is not given. */
static tn_value *activate_by(tn_expand *e, const char *text, tn_value *v, const float *params, size_t n_params)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(activations[i].name, text) != 0)
            continue;
        tn_str call = {.arena = e->g->arena};
        tn_str_add(&call, "%s", text);
        for (size_t k = 0; k < n_params && k < MAX_PARAMS && activations[i].params[k] != NULL; k++)
            if (!isnan(params[k]))
                tn_str_add(&call, " %s=%.9e", activations[i].params[k], (double)params[k]);
        return tn_call(e, call.text, v);
    }
    tn_str known = {.arena = e->g->arena};
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        tn_str_add(&known, "%s, ", activations[i].name);
    tn_expand_error(e, "activation is '%s'; %sClip (of FusedConv) or none is wanted", text, known.text);
    return v;
}

/* --- FusedConv: X W [B Z] ------------------------------------------------------------------------------------------- */

static tn_value *activate_conv(tn_expand *e, tn_value *y)
{
    const char *name = tn_node_string(e->node, "activation", "");
    const tn_attr *a = tn_node_find_attr(e->node, "activation_params");
    size_t count = a != NULL && a->kind == TN_ATTR_FLOATS ? a->n : 0;
    if (*name == '\0')
        return y;
    if (strcmp(name, "Clip") != 0)
        return activate_by(e, name, y, count > 0 ? a->floats : NULL, count);
    if (count != 2)
        tn_expand_error(e, "activation Clip has %zu activation_params; min and max are wanted", count);
    if (e->failed)
        return y;
    return tn_call(e, "Clip", y, tn_expand_scalar(e, y->dtype, (double)a->floats[0]),
                   tn_expand_scalar(e, y->dtype, (double)a->floats[1]));
}

static bool fused_conv(tn_expand *e, bool last)
{
    tn_value *x = e->node->in[0], *z = tn_expand_input(e, 3);
    if (last)
        x = channels_first(e, x);
    if (last && z != NULL)
        z = channels_first(e, z);
    tn_value *y =
        tn_call(e, "Conv auto_pad dilations group kernel_shape pads strides", x, e->node->in[1], tn_expand_input(e, 2));
    if (z != NULL)
        y = tn_call(e, "Add", y, z);
    y = activate_conv(e, y);
    return tn_give(e, 0, last ? channels_last(e, y) : y);
}

bool tn_expand_fused_conv(tn_expand *e, const tn_node *n)
{
    (void)n;
    return fused_conv(e, false);
}

bool tn_expand_nhwc_fused_conv(tn_expand *e, const tn_node *n)
{
    (void)n;
    return fused_conv(e, true);
}

/* --- FusedGemm, FusedMatMul, GemmFastGelu --------------------------------------------------------------------------- */

bool tn_expand_fused_gemm(tn_expand *e, const tn_node *n)
{
    const char *name = tn_node_string(n, "activation", "");
    bool gamma = tn_node_find_attr(n, "activation_gamma") != NULL;
    float params[MAX_PARAMS] = {tn_node_float(n, "activation_alpha", NAN),
                                tn_node_float(n, gamma ? "activation_gamma" : "activation_beta", NAN)};
    tn_value *y = tn_call(e, "Gemm alpha beta transA transB", n->in[0], n->in[1], tn_expand_input(e, 2));
    return tn_give(e, 0, *name != '\0' ? activate_by(e, name, y, params, MAX_PARAMS) : y);
}

/* [M,batch..,K] to [batch..,M,K] where the batch is transposed, then the last two dims exchanged where the matrix is. */
static tn_value *transpose_operand(tn_expand *e, tn_value *v, bool batch, bool matrix)
{
    int64_t perm[TN_MAX_RANK] = {0};
    int rank = v->shape.rank;
    if (rank < 2 || (!batch && !matrix))
        return v;
    for (int i = 0; i < rank; i++)
        perm[i] = batch && i < rank - 2 ? i + 1 : batch && i == rank - 2 ? 0 : i;
    if (matrix) {
        int64_t last = perm[rank - 1];
        perm[rank - 1] = perm[rank - 2];
        perm[rank - 2] = last;
    }
    return transpose(e, v, perm);
}

bool tn_expand_fused_matmul(tn_expand *e, const tn_node *n)
{
    tn_value *a =
        transpose_operand(e, n->in[0], tn_node_int(n, "transBatchA", 0) != 0, tn_node_int(n, "transA", 0) != 0);
    tn_value *b =
        transpose_operand(e, n->in[1], tn_node_int(n, "transBatchB", 0) != 0, tn_node_int(n, "transB", 0) != 0);
    tn_value *y = tn_call(e, "MatMul", a, b);
    float alpha = tn_node_float(n, "alpha", 1);
    return tn_give(e, 0, alpha == 1 ? y : tn_call(e, "Mul", y, tn_expand_scalar(e, y->dtype, (double)alpha)));
}

/* --- activations ---------------------------------------------------------------------------------------------------- */

static tn_value *add_bias(tn_expand *e, tn_value *x, tn_value *bias)
{
    if (bias == NULL)
        return x;
    if (!e->failed && bias->shape.rank > x->shape.rank)
        tn_expand_error(e, "bias %s, input %s; a bias of the last dim is wanted", tn_expand_show(e, bias),
                        tn_expand_show(e, x));
    return tn_call(e, "Add", x, bias);
}

bool tn_expand_bias_gelu(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "Gelu", add_bias(e, n->in[0], tn_expand_input(e, 1))));
}

bool tn_expand_fast_gelu(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "Gelu approximate=tanh", add_bias(e, n->in[0], tn_expand_input(e, 1))));
}

bool tn_expand_gemm_fast_gelu(tn_expand *e, const tn_node *n)
{
    tn_value *y = tn_call(e, "MatMul", n->in[0], n->in[1]);
    return tn_give(e, 0, tn_call(e, "Gelu approximate=tanh", add_bias(e, y, tn_expand_input(e, 2))));
}

bool tn_expand_quick_gelu(tn_expand *e, const tn_node *n)
{
    float alpha = tn_node_float(n, "alpha", 1.702f);
    return tn_give(e, 0, tn_call(e, tn_strfmt(e->g->arena, "Swish alpha=%.9e", (double)alpha), n->in[0]));
}

/* The left half of the last dim times Gelu of the right one. */
bool tn_expand_bias_split_gelu(tn_expand *e, const tn_node *n)
{
    tn_value *x = add_bias(e, n->in[0], n->in[1]), *half[2];
    tn_dim last = n->in[0]->shape.rank > 0 ? n->in[0]->shape.dim[n->in[0]->shape.rank - 1] : tn_dim_fixed(1);
    if (last.sym == NULL && last.n % 2 != 0)
        return tn_expand_error(e, "input %s; an even last dim is wanted", tn_expand_show(e, n->in[0]));
    tn_call_all(e, "Split axis=-1 num_outputs=2", 1, &x, 2, half);
    return tn_give(e, 0, tn_call(e, "Mul", half[0], tn_call(e, "Gelu", half[1])));
}

bool tn_expand_bias_add(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "Add", add_bias(e, n->in[0], n->in[1]), n->in[2]));
}

/* --- normalisations ------------------------------------------------------------------------------------------------- */

static const char *with_epsilon(const tn_expand *e, const char *op, float otherwise)
{
    return tn_strfmt(e->g->arena, "%s epsilon=%.9e", op, (double)tn_node_float(e->node, "epsilon", otherwise));
}

/* One divided by the root of the mean square, in float: what the RMS normalisations have beside their result. */
static bool give_inverse_root(tn_expand *e, int out, tn_value *x, int64_t axis, float otherwise)
{
    if (out >= e->node->n_out || e->node->out[out] == NULL)
        return true;
    int64_t axes[TN_MAX_RANK];
    int count = 0;
    for (int64_t i = axis < 0 ? axis + x->shape.rank : axis; i < x->shape.rank; i++)
        axes[count++] = i;
    x = tn_call_cast(e, x, TN_FLOAT);
    tn_value *mean = tn_call(e, "ReduceMean keepdims=1", tn_call(e, "Mul", x, x), tn_expand_ints(e, count, axes));
    tn_value *epsilon = tn_expand_scalar(e, TN_FLOAT, (double)tn_node_float(e->node, "epsilon", otherwise));
    return tn_give(e, out, tn_call(e, "Reciprocal", tn_call(e, "Sqrt", tn_call(e, "Add", mean, epsilon))));
}

bool tn_expand_simplified_layer_norm(tn_expand *e, const tn_node *n)
{
    int64_t axis = tn_node_int(n, "axis", -1);
    if (axis < -n->in[0]->shape.rank || axis >= n->in[0]->shape.rank)
        return tn_expand_error(e, "axis is %lld; input %s", (long long)axis, tn_expand_show(e, n->in[0]));
    return tn_give(e, 0, tn_call(e, with_epsilon(e, "RMSNormalization axis stash_type", 1e-5f), n->in[0], n->in[1]))
        && give_inverse_root(e, 1, n->in[0], axis, 1e-5f);
}

static const float skip_epsilon = 1e-12f;

/* x + skip + bias, in the type that is computed in; skip may lack the batch. */
static tn_value *sum_of_skip(tn_expand *e, int bias)
{
    tn_value *x = e->node->in[0], *skip = e->node->in[1], *more = tn_expand_input(e, bias);
    tn_dtype wide = tn_dtype_get(x->dtype)->compute;
    tn_shape both;
    if (!tn_broadcast(&x->shape, &skip->shape, &both) || !tn_shape_equal(&both, &x->shape))
        tn_expand_error(e, "input %s, skip %s; a skip of the input's shape is wanted", tn_expand_show(e, x),
                        tn_expand_show(e, skip));
    tn_value *sum = tn_call(e, "Add", tn_call_cast(e, x, wide), tn_call_cast(e, skip, wide));
    return add_bias(e, sum, more != NULL ? tn_call_cast(e, more, wide) : NULL);
}

/* Of what was computed in a wider type. */
static bool give_narrow(tn_expand *e, int i, tn_value *v)
{
    return tn_give(e, i, tn_call_cast(e, v, e->node->in[0]->dtype));
}

/* input skip gamma [beta bias]; output, mean, 1 / deviation, the sum */
bool tn_expand_skip_layer_norm(tn_expand *e, const tn_node *n)
{
    tn_value *sum = sum_of_skip(e, 4), *out[3];
    tn_call_all(e, with_epsilon(e, "LayerNormalization axis=-1", skip_epsilon), 3,
                (tn_value *[]){sum, n->in[2], tn_expand_input(e, 3)}, 3, out);
    return give_narrow(e, 0, out[0]) && tn_give(e, 1, out[1]) && tn_give(e, 2, out[2]) && give_narrow(e, 3, sum);
}

/* input skip gamma [bias]; output, nothing, 1 / root, the sum */
bool tn_expand_skip_simplified_layer_norm(tn_expand *e, const tn_node *n)
{
    tn_value *sum = sum_of_skip(e, 3);
    if (n->n_out > 1 && n->out[1] != NULL)
        return tn_expand_error(e, "output 1 (mean) is asked for; RMS normalisation has none");
    tn_value *y = tn_call(e, with_epsilon(e, "RMSNormalization axis=-1", skip_epsilon), sum, n->in[2]);
    return give_narrow(e, 0, y) && give_inverse_root(e, 2, sum, -1, skip_epsilon) && give_narrow(e, 3, sum);
}

static tn_value *group_norm(tn_expand *e, tn_value *x)
{
    bool last = tn_node_int(e->node, "channels_last", 1) != 0;
    int64_t activation = tn_node_int(e->node, "activation", 0);
    if (activation < 0 || activation > 1)
        tn_expand_error(e, "activation is %lld; 0 (none) or 1 (SiLU) is wanted", (long long)activation);
    const char *op =
        tn_strfmt(e->g->arena, "GroupNormalization num_groups=%lld", (long long)tn_node_int(e->node, "groups", 0));
    tn_value *y =
        tn_call(e, with_epsilon(e, op, 1e-5f), last ? channels_first(e, x) : x, e->node->in[1], e->node->in[2]);
    if (activation == 1)
        y = tn_call(e, "Swish", y);
    return last ? channels_last(e, y) : y;
}

bool tn_expand_contrib_group_norm(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, group_norm(e, n->in[0]));
}

/* X gamma beta skip [bias]; output, the sum. A skip [N,C] or [N,1,1,C] is one for all pixels. */
bool tn_expand_skip_group_norm(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0], *skip = n->in[3];
    bool last = tn_node_int(n, "channels_last", 1) != 0;
    if (skip->shape.rank == 2)
        skip = tn_call_reshape(e, skip, 4, last ? (const int64_t[]){0, 1, 1, -1} : (const int64_t[]){0, -1, 1, 1});
    tn_value *sum = tn_call(e, "Add", x, skip), *bias = tn_expand_input(e, 4);
    if (bias != NULL)
        sum = tn_call(e, "Add", sum, last ? bias : tn_call_reshape(e, bias, 3, (const int64_t[]){-1, 1, 1}));
    return tn_give(e, 0, group_norm(e, sum)) && tn_give(e, 1, sum);
}

/* How many words each row of the mask has; 0 without a mask. */
static bool give_mask_index(tn_expand *e, tn_value *ids)
{
    if (e->node->n_out < 2 || e->node->out[1] == NULL)
        return true;
    tn_value *mask = tn_expand_input(e, 7);
    if (mask == NULL)
        mask = tn_call(e, "Mul", ids, tn_expand_scalar(e, ids->dtype, 0));
    tn_value *used = tn_call(e, "Equal", mask, tn_expand_scalar(e, mask->dtype, 1));
    return tn_give(e, 1, tn_call(e, "ReduceSum keepdims=0", tn_call_cast(e, used, TN_INT32), tn_expand_int(e, 1)));
}

/* input_ids [segment_ids] words positions [segments] gamma beta [mask position_ids]; output, mask_index, the sum */
bool tn_expand_embed_layer_norm(tn_expand *e, const tn_node *n)
{
    tn_value *ids = n->in[0], *segments = tn_expand_input(e, 1), *places = tn_expand_input(e, 8);
    tn_value *table = tn_expand_need(e, 3, "position_embedding"), *out[1];
    if (ids->shape.rank != 2)
        return tn_expand_error(e, "input_ids %s; [batch,length] is wanted", tn_expand_show(e, ids));
    tn_value *words = tn_call(e, "Gather axis=0", tn_expand_need(e, 2, "word_embedding"), ids);
    tn_value *end = tn_call_dim(e, ids, 1);
    tn_value *position = places != NULL ? tn_call(e, "Gather axis=0", table, places)
                                        : tn_call(e, "Slice", table, tn_expand_int(e, 0), end, tn_expand_int(e, 0));
    tn_value *sum = tn_call(e, "Add", words, position);
    if (segments != NULL)
        sum = tn_call(e, "Add", sum, tn_call(e, "Gather axis=0", tn_expand_need(e, 4, "segment_embedding"), segments));
    tn_call_all(e, with_epsilon(e, "LayerNormalization axis=-1", skip_epsilon), 3,
                (tn_value *[]){sum, tn_expand_need(e, 5, "gamma"), tn_expand_need(e, 6, "beta")}, 1, out);
    return tn_give(e, 0, out[0]) && give_mask_index(e, ids) && tn_give(e, 2, sum);
}

/* --- older forms ---------------------------------------------------------------------------------------------------- */

bool tn_expand_contrib_gelu(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "Gelu", n->in[0]));
}

bool tn_expand_contrib_trilu(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "Trilu upper", n->in[0], tn_expand_input(e, 1)));
}

/* pads may have a row of their own: [1, 2 * rank]. */
bool tn_expand_contrib_pad(tn_expand *e, const tn_node *n)
{
    tn_value *pads = tn_call_reshape(e, n->in[1], 1, (const int64_t[]){-1}), *value = tn_expand_input(e, 2);
    if (value != NULL)
        value = tn_call_reshape(e, value, 0, NULL);
    return tn_give(e, 0, tn_call(e, "Pad mode", n->in[0], pads, value));
}

bool tn_expand_expand_dims(tn_expand *e, const tn_node *n)
{
    tn_value *axis = tn_call_cast(e, tn_call_reshape(e, n->in[1], 1, (const int64_t[]){-1}), TN_INT64);
    return tn_give(e, 0, tn_call(e, "Unsqueeze", n->in[0], axis));
}

bool tn_expand_cdist(tn_expand *e, const tn_node *n)
{
    const char *metric = tn_node_string(n, "metric", "sqeuclidean");
    bool root = strcmp(metric, "euclidean") == 0;
    if (!root && strcmp(metric, "sqeuclidean") != 0)
        return tn_expand_error(e, "metric is '%s'; euclidean or sqeuclidean is wanted", metric);
    const tn_shape *a = &n->in[0]->shape, *b = &n->in[1]->shape;
    if (a->rank != 2 || b->rank != 2 || !tn_dim_same(a->dim[1], b->dim[1]))
        return tn_expand_error(e, "A %s, B %s; [M,K] and [N,K] are wanted", tn_expand_show(e, n->in[0]),
                               tn_expand_show(e, n->in[1]));
    tn_value *apart = tn_call(e, "Sub", tn_call_unsqueeze(e, n->in[0], 1), tn_call_unsqueeze(e, n->in[1], 0));
    tn_value *sum = tn_call(e, "ReduceSumSquare keepdims=0", apart, tn_expand_int(e, 2));
    return tn_give(e, 0, root ? tn_call(e, "Sqrt", sum) : sum);
}
