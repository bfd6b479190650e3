/* Attention as ONNX Runtime has it, domain com.microsoft, as functions of ONNX's operators:

       Attention             q, k, v = x w + b, side by side; then MultiHeadAttention
       MultiHeadAttention    heads side by side; bias of the projections, masks of padding, a past in front of the keys
       GroupQueryAttention   fewer key heads than query heads; a cache of a fixed size, rotary embedding, sinks, windows
       RotaryEmbedding       pairs of elements turned by the angle of their position

   A masked key gets mask_filter_value (-10000) added to its score; one that comes later in causal order is not seen at
   all, whatever a mask says. */
#include "ops/attention.h"
#include "ops/late.h"
#include "ops/ops.h"
#include "ops/repeat.h"

#include <math.h>

/* 0 says the same as no attribute. */
static float read_scale(const tn_node *n)
{
    float scale = tn_node_float(n, "scale", 0);
    return scale == 0 ? NAN : scale;
}

static bool refuse_int(tn_expand *e, const char *name, int64_t wanted, const char *hint)
{
    int64_t found = tn_node_int(e->node, name, wanted);
    return found == wanted
        || tn_expand_error(e, "%s is %lld, which is not supported; %s", name, (long long)found, hint);
}

static bool refuse_input(tn_expand *e, int i, const char *hint)
{
    return !tn_has_input(e->node, i) || tn_expand_error(e, "input %d is given, which is not supported; %s", i, hint);
}

/* Positions from first on along the last dim. */
static tn_value *part(tn_expand *e, tn_value *v, int64_t first, int64_t count)
{
    return tn_call_slice(e, v, -1, first, first + count, 1);
}

/* Element i of an axis, which is dropped. */
static tn_value *pick(tn_expand *e, tn_value *v, int64_t axis, int64_t i)
{
    return tn_call(e, tn_strfmt(e->g->arena, "Gather axis=%lld", (long long)axis), v,
                   tn_expand_scalar(e, TN_INT64, (double)i));
}

static tn_value *positions(tn_expand *e, tn_value *v, int axis, tn_dtype t)
{
    return tn_call_cast(e, tn_call_range(e, v, axis), t);
}

/* --- masks ---------------------------------------------------------------------------------------------------------- */

static tn_value *in_rank_4(tn_expand *e, tn_value *v)
{
    if (v->shape.rank == 2)
        return tn_call(e, "Unsqueeze", v, tn_expand_ints(e, 2, (const int64_t[]){1, 2}));
    return v->shape.rank == 3 ? tn_call_unsqueeze(e, v, 1) : v;
}

/* Lengths [B], or ends and starts [2*B], or [3*B+2], whose first are the lengths: bool [B,1,1,T]. */
static tn_value *seen_by_lengths(tn_expand *e, tn_value *mask, const tn_attention *a)
{
    tn_dim batch = a->q->shape.dim[0], count = mask->shape.dim[0];
    bool starts = batch.sym == NULL && tn_dim_is(count, 2 * batch.n);
    if (!tn_dim_same(batch, count) && !starts && !(batch.sym == NULL && tn_dim_is(count, 3 * batch.n + 2)))
        tn_expand_error(e, "mask %s for a batch of %s; [B], [2*B] or [3*B+2] is wanted", tn_expand_show(e, mask),
                        tn_dim_text(e->g->arena, batch));
    tn_value *keys = positions(e, a->k, 2, TN_INT32), *zero = tn_expand_int(e, 0), *end = tn_call_dim(e, a->q, 0);
    tn_value *ends = tn_call(e, "Slice", mask, zero, end, zero);
    tn_value *seen = tn_call(e, "Less", keys, tn_call_reshape(e, ends, 4, (const int64_t[]){-1, 1, 1, 1}));
    if (!starts)
        return seen;
    tn_value *first = tn_call(e, "Slice", mask, end, tn_expand_int(e, 2 * batch.n), zero);
    first = tn_call_reshape(e, first, 4, (const int64_t[]){-1, 1, 1, 1});
    return tn_call_both(e, seen, tn_call(e, "GreaterOrEqual", keys, first));
}

/* [B,1,M,M] to the rows of the queries, which are the last of the keys that there are, and the columns of the keys. */
static tn_value *cut_square_mask(tn_expand *e, tn_value *mask, const tn_attention *a)
{
    tn_value *end = tn_call_dim(e, a->k, 2), *start = tn_call(e, "Sub", end, tn_call_dim(e, a->q, 2));
    tn_value *rows = tn_call(e, "Slice", mask, start, end, tn_expand_int(e, 2));
    return tn_call(e, "Slice", rows, tn_expand_int(e, 0), end, tn_expand_int(e, 3));
}

/* What a mask, int32 of any form, adds to the scores. */
static tn_value *bias_of_mask(tn_expand *e, tn_value *mask, const tn_attention *a)
{
    tn_value *seen = NULL;
    if (mask->dtype != TN_INT32 || mask->shape.rank < 1 || mask->shape.rank > 4) {
        tn_expand_error(e, "mask %s; int32 of [B], [2*B], [B,T], [B,S,T] or [B,1,M,M] is wanted",
                        tn_expand_show(e, mask));
        return a->q;
    }
    if (mask->shape.rank == 1) {
        seen = seen_by_lengths(e, mask, a);
    } else {
        mask = mask->shape.rank == 4 ? cut_square_mask(e, mask, a) : in_rank_4(e, mask);
        seen = tn_call(e, "Greater", mask, tn_expand_scalar(e, TN_INT32, 0));
    }
    return tn_call_hide(e, seen, a->q->dtype, (double)tn_node_float(e->node, "mask_filter_value", -10000.0f));
}

static tn_value *add(tn_expand *e, tn_value *x, tn_value *y)
{
    return x == NULL ? y : y == NULL ? x : tn_call(e, "Add", x, y);
}

/* mask, added: NULL where there is none. past: keys before those of the first query. */
static tn_value *call_bias(tn_expand *e, const tn_attention *a, tn_value *mask, tn_value *added, tn_value *past)
{
    tn_value *bias = add(e, mask != NULL ? bias_of_mask(e, mask, a) : NULL, added);
    if (tn_node_int(e->node, "unidirectional", 0) == 0)
        return bias;
    tn_value *queries = tn_call_unsqueeze(e, tn_call_range(e, a->q, 2), 1);
    if (past != NULL)
        queries = tn_call(e, "Add", queries, tn_call_dim(e, past, 2));
    tn_value *seen = tn_call(e, "LessOrEqual", tn_call_range(e, a->k, 2), queries);
    tn_value *hidden = tn_expand_scalar(e, a->q->dtype, -(double)INFINITY);
    return tn_call(e, "Where", seen, bias != NULL ? bias : tn_expand_scalar(e, a->q->dtype, 0), hidden);
}

/* 16-bit floats are computed with in float, and rounded once. */
static tn_dtype wide_type(const tn_value *v)
{
    return tn_dtype_get(v->dtype)->compute;
}

static tn_value *widen(tn_expand *e, tn_value *v)
{
    return v == NULL || !tn_dtype_get(v->dtype)->is_float ? v : tn_call_cast(e, v, wide_type(v));
}

/* [B,S,H*D]; the stages are in the wide type. */
static tn_value *attend(tn_expand *e, tn_attention *a)
{
    tn_attention wide = *a;
    wide.q = widen(e, a->q);
    wide.k = widen(e, a->k);
    wide.v = widen(e, a->v);
    wide.bias = widen(e, a->bias);
    wide.precision = wide.q->dtype;
    tn_value *y = tn_join_heads(e, tn_call_cast(e, tn_call_attention(e, &wide), a->q->dtype));
    memcpy(a->stage, wide.stage, sizeof a->stage);
    return y;
}

/* --- Attention: input weights [bias mask_index past attention_bias past_sequence_length] ---------------------------- */

/* The widths of q, k and v; the last two sum up to what is left. */
static bool read_widths(tn_expand *e, tn_dim total, int64_t *width)
{
    const tn_attr *sizes = tn_node_find_attr(e->node, "qkv_hidden_sizes");
    int64_t heads = tn_node_int(e->node, "num_heads", 0);
    bool listed = sizes != NULL && sizes->kind == TN_ATTR_INTS && sizes->n == 3;
    for (int i = 0; i < 3; i++)
        width[i] = listed ? sizes->ints[i] : total.n / 3;
    bool fits = total.sym == NULL && heads > 0 && width[0] == width[1] && width[0] > 0 && width[2] > 0
             && width[0] <= total.n && width[2] <= total.n /* no sum overflows */
             && width[0] + width[1] + width[2] == total.n && width[0] % heads == 0 && width[2] % heads == 0;
    if (fits && (sizes == NULL || listed))
        return true;
    return tn_expand_error(
        e,
        "num_heads is %lld and the projections have %s columns; hidden sizes of q, k, v (q and k the "
        "same) that sum up to them and are multiples of the heads are wanted",
        (long long)heads, tn_dim_text(e->g->arena, total));
}

/* projected: [B,S,q+k+v]. mask, past, added: NULL for none. */
static bool attend_projected(tn_expand *e, tn_value *projected, tn_value *mask, tn_value *past, tn_value *added)
{
    static const char fuse[] = "place RotaryEmbedding before MultiHeadAttention";
    int64_t width[3], heads = tn_node_int(e->node, "num_heads", 0);
    if (e->failed || !refuse_int(e, "do_rotary", 0, fuse)
        || !refuse_int(e, "past_present_share_buffer", 0, "give past and present a tensor each")
        || !read_widths(e, projected->shape.dim[2], width))
        return false;
    tn_attention a = {.scale = read_scale(e->node)};
    a.q = tn_split_heads(e, part(e, projected, 0, width[0]), heads);
    a.k = tn_split_heads(e, part(e, projected, width[0], width[1]), heads);
    a.v = tn_split_heads(e, part(e, projected, width[0] + width[1], width[2]), heads);
    tn_value *past_k = past != NULL ? pick(e, past, 0, 0) : NULL;
    if (past != NULL) {
        a.k = tn_call_join(e, 2, past_k, a.k);
        a.v = tn_call_join(e, 2, pick(e, past, 0, 1), a.v);
    }
    a.bias = call_bias(e, &a, mask, added, past_k);
    tn_give(e, 0, attend(e, &a));
    if (e->node->n_out > 1 && e->node->out[1] != NULL)
        tn_give(e, 1, tn_call_join(e, 0, tn_call_unsqueeze(e, a.k, 0), tn_call_unsqueeze(e, a.v, 0)));
    return !e->failed;
}

bool tn_expand_contrib_attention(tn_expand *e, const tn_node *n)
{
    tn_value *bias = tn_expand_input(e, 2);
    if (n->in[0]->shape.rank != 3 || n->in[1]->shape.rank != 2)
        return tn_expand_error(e, "input %s, weights %s; [B,S,X] and [X,3*H*D] are wanted", tn_expand_show(e, n->in[0]),
                               tn_expand_show(e, n->in[1]));
    if (!refuse_input(e, 6, "a cache that is changed in place"))
        return false;
    tn_value *projected = add(e, tn_call(e, "MatMul", n->in[0], n->in[1]), bias);
    return attend_projected(e, projected, tn_expand_input(e, 3), tn_expand_input(e, 4), tn_expand_input(e, 5));
}

/* input weight bias input_scale weight_scale [mask_index input_zero weight_zero past] */
bool tn_expand_qattention(tn_expand *e, const tn_node *n)
{
    tn_value *in[] = {n->in[0], n->in[1], tn_expand_input(e, 6), tn_expand_input(e, 7)};
    if (n->in[0]->shape.rank != 3)
        return tn_expand_error(e, "input %s; [B,S,X] is wanted", tn_expand_show(e, n->in[0]));
    tn_value *sum = tn_call_cast(e, tn_call_list(e, "MatMulInteger", 4, in), n->in[3]->dtype);
    tn_value *factor = tn_call(e, "Mul", n->in[3], n->in[4]);
    tn_value *projected = tn_call(e, "Add", tn_call(e, "Mul", sum, factor), n->in[2]);
    return attend_projected(e, projected, tn_expand_input(e, 5), tn_expand_input(e, 8), NULL);
}

/* --- MultiHeadAttention --------------------------------------------------------------------------------------------- */

/* query [key value bias key_padding_mask attention_bias past_key past_value past_sequence_length cache_indirection] */
enum { KEY = 1, VALUE, BIAS, PADDING, ADDED, PAST_KEY, PAST_VALUE, PAST_LENGTH, INDIRECTION };

/* Element i of what is packed, [B,L,N,count,H], as [B,L,N*H]. */
static tn_value *unpack(tn_expand *e, tn_value *v, int64_t i)
{
    return tn_call_reshape(e, pick(e, v, 3, i), 3, (const int64_t[]){0, 0, -1});
}

/* q, k, v with their heads side by side; k and v of rank 4 are [B,H,L,D] already. */
static bool read_qkv(tn_expand *e, tn_attention *a)
{
    tn_value *q = e->node->in[0], *k = tn_expand_input(e, KEY), *v = tn_expand_input(e, VALUE);
    if (k == NULL && v == NULL && q->shape.rank == 5 && tn_dim_is(q->shape.dim[3], 3)) {
        for (int i = 0; i < 3; i++)
            *(i == 0 ? &a->q : i == 1 ? &a->k : &a->v) = unpack(e, q, i);
        return !e->failed;
    }
    a->q = q;
    if (k != NULL && v == NULL && k->shape.rank == 5 && tn_dim_is(k->shape.dim[3], 2)) {
        a->k = unpack(e, k, 0);
        a->v = unpack(e, k, 1);
        return !e->failed;
    }
    a->k = k;
    a->v = v;
    return (q->shape.rank == 3 && k != NULL && v != NULL)
        || tn_expand_error(
               e,
               "query %s; it and a key and a value of rank 3, or a packed key [B,L,H,2,D], or a packed query "
               "[B,L,H,3,D] are wanted",
               tn_expand_show(e, q));
}

/* The bias of the projections, q, k and v one after the other; what is no projection (rank 4) has none. */
static bool add_projection_bias(tn_expand *e, tn_attention *a)
{
    tn_value *bias = tn_expand_input(e, BIAS), **each[] = {&a->q, &a->k, &a->v};
    int64_t first = 0;
    for (int i = 0; bias != NULL && i < 3; i++) {
        const tn_shape *s = &(*each[i])->shape;
        if (s->rank != 3)
            return true;
        if (bias->shape.rank != 1 || s->dim[2].sym != NULL || s->dim[2].n > INT32_MAX)
            return tn_expand_error(e, "bias %s; a list as long as the last dims of query, key and value is wanted",
                                   tn_expand_show(e, bias));
        *each[i] = tn_call(e, "Add", *each[i], part(e, bias, first, s->dim[2].n));
        first += s->dim[2].n;
    }
    return !e->failed;
}

static bool split_all(tn_expand *e, tn_attention *a)
{
    int64_t heads = tn_node_int(e->node, "num_heads", 0);
    if (heads < 1)
        return tn_expand_error(e, "num_heads is %lld; at least 1 is wanted", (long long)heads);
    a->q = tn_split_heads(e, a->q, heads);
    a->k = tn_split_heads(e, a->k, heads);
    a->v = tn_split_heads(e, a->v, heads);
    return !e->failed;
}

bool tn_expand_multi_head_attention(tn_expand *e, const tn_node *n)
{
    static const char in_place[] = "a cache that is changed in place; give past and present a tensor each";
    tn_attention a = {.scale = read_scale(n)};
    tn_value *past = tn_expand_input(e, PAST_KEY), *past_v = tn_expand_input(e, PAST_VALUE);
    if (!refuse_input(e, PAST_LENGTH, in_place) || !refuse_input(e, INDIRECTION, "it is for beam search")
        || !read_qkv(e, &a) || !add_projection_bias(e, &a) || !split_all(e, &a))
        return false;
    if ((past == NULL) != (past_v == NULL))
        return tn_expand_error(e, "past_key and past_value are given together or not at all");
    if (past != NULL) {
        a.k = tn_call_join(e, 2, past, a.k);
        a.v = tn_call_join(e, 2, past_v, a.v);
    }
    a.bias = call_bias(e, &a, tn_expand_input(e, PADDING), tn_expand_input(e, ADDED), past);
    tn_value *y = attend(e, &a);
    return tn_give(e, 0, y) && tn_give(e, 1, a.k) && tn_give(e, 2, a.v)
        && tn_give(e, 3, tn_call_cast(e, tn_attention_stage(e, &a, 2), a.q->dtype));
}

/* --- RotaryEmbedding: input position_ids cos_cache sin_cache -------------------------------------------------------- */

/* [B,S] of a first position [1], or as they are. */
static tn_value *list_positions(tn_expand *e, tn_value *x, tn_value *ids)
{
    int length = x->shape.rank == 4 ? 2 : 1;
    if (ids->shape.rank == 2)
        return ids;
    tn_value *row = tn_call(e, "Add", tn_call_range(e, x, length), tn_call_reshape(e, ids, 1, (const int64_t[]){1}));
    return tn_call(e, "Expand", row, tn_call_join(e, 0, tn_call_dim(e, x, 0), tn_call_dim(e, x, length)));
}

/* x [B,H,S,D] or, with heads, [B,S,H*D]. */
static tn_value *rotate(tn_expand *e, tn_value *x, tn_value *ids, tn_value *cos, tn_value *sin, bool neighbours,
                        int64_t heads, int64_t turned)
{
    const char *call = tn_strfmt(e->g->arena, "RotaryEmbedding interleaved=%d num_heads=%lld rotary_embedding_dim=%lld",
                                 (int)neighbours, (long long)heads, (long long)turned);
    tn_value *y = tn_call(e, call, widen(e, x), widen(e, cos), widen(e, sin), ids);
    return tn_call_cast(e, y, x->dtype);
}

bool tn_expand_contrib_rotary_embedding(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0], *cos = n->in[2];
    int64_t turned = tn_node_int(n, "rotary_embedding_dim", 0), heads = tn_node_int(n, "num_heads", 0);
    if (x->shape.rank < 3 || x->shape.rank > 4 || cos->shape.rank != 2 || n->in[3]->shape.rank != 2)
        return tn_expand_error(e, "input %s, cos_cache %s; [B,S,H*D] or [B,H,S,D], and [positions,D/2] are wanted",
                               tn_expand_show(e, x), tn_expand_show(e, cos));
    tn_dim width = x->shape.dim[x->shape.rank - 1], half = cos->shape.dim[1];
    if (!refuse_int(e, "is_packed_batching", 0, "give each sequence a row of its own"))
        return false;
    if (width.sym != NULL || half.sym != NULL || half.n < 1)
        return tn_expand_error(e, "input %s, cos_cache %s; fixed last dims are wanted", tn_expand_show(e, x),
                               tn_expand_show(e, cos));
    if (x->shape.rank == 3 && (turned == 0 || heads == 0))
        heads = width.n / (2 * half.n); /* each head is turned as a whole */
    tn_value *ids = list_positions(e, x, n->in[1]);
    return tn_give(e, 0, rotate(e, x, ids, cos, n->in[3], tn_node_int(n, "interleaved", 0) != 0, heads, turned));
}

/* --- GroupQueryAttention -------------------------------------------------------------------------------------------- */

/* query [key value past_key past_value] seqlens_k total [cos sin position_ids attention_bias head_sink k_scale v_scale
   q_norm k_norm] */
enum { GQA_PAST = 3, SEQLENS = 5, TOTAL, COS, SIN, IDS, GQA_ADDED, SINK, K_SCALE, V_SCALE, Q_NORM, K_NORM };

typedef struct gqa {
    tn_attention a;
    int64_t heads, kv_heads;
    tn_value *lengths;   /* int64 [B,1]: keys of each row, these included */
    tn_value *past;      /* int64 [B,1]: keys of each row before these */
    tn_value *is_prompt; /* bool [1] */
    tn_value *seen;      /* bool [B,1,S,T] */
    tn_value *ids;       /* int64 [B,S]: positions of the queries */
} gqa;

static int64_t read_window(const tn_node *n)
{
    return tn_node_int(n, "local_window_size", -1);
}

/* [B,S,q+k+v] or three: heads apart. */
static bool read_groups(tn_expand *e, gqa *g)
{
    tn_value *q = e->node->in[0], *k = tn_expand_input(e, KEY), *v = tn_expand_input(e, VALUE);
    g->heads = tn_node_int(e->node, "num_heads", 0);
    g->kv_heads = tn_node_int(e->node, "kv_num_heads", 0);
    bool counted = g->heads > 0 && g->kv_heads > 0 && g->heads <= INT32_MAX && g->heads % g->kv_heads == 0;
    int64_t all = counted ? g->heads + (k == NULL ? 2 * g->kv_heads : 0) : 1;
    if (!counted || q->shape.rank != 3 || (k == NULL) != (v == NULL) || q->shape.dim[2].sym != NULL
        || q->shape.dim[2].n % all != 0)
        return tn_expand_error(e,
                               "query %s, num_heads %lld, kv_num_heads %lld; [B,S,H*D], with a key and a value or with "
                               "both behind each query, heads a multiple of key heads, is wanted",
                               tn_expand_show(e, q), (long long)g->heads, (long long)g->kv_heads);
    int64_t size = q->shape.dim[2].n / all;
    if (k == NULL) {
        k = part(e, q, g->heads * size, g->kv_heads * size);
        v = part(e, q, (g->heads + g->kv_heads) * size, g->kv_heads * size);
        q = part(e, q, 0, g->heads * size);
    }
    g->a = (tn_attention){.q = tn_split_heads(e, q, g->heads),
                          .k = tn_split_heads(e, k, g->kv_heads),
                          .v = tn_split_heads(e, v, g->kv_heads),
                          .scale = read_scale(e->node),
                          .softcap = tn_node_float(e->node, "softcap", 0)};
    return !e->failed;
}

/* The root mean square of each head of q and k becomes 1, times a weight. */
static void normalise_heads(tn_expand *e, gqa *g)
{
    float epsilon = tn_node_float(e->node, "qk_norm_epsilon", 1e-6f);
    const char *call = tn_strfmt(e->g->arena, "RMSNormalization axis=-1 epsilon=%.9e", (double)epsilon);
    if (tn_has_input(e->node, Q_NORM) != tn_has_input(e->node, K_NORM))
        tn_expand_error(e, "q_norm_weight and k_norm_weight are given together or not at all");
    if (tn_has_input(e->node, Q_NORM)) {
        g->a.q = tn_call(e, call, g->a.q, e->node->in[Q_NORM]);
        g->a.k = tn_call(e, call, g->a.k, e->node->in[K_NORM]);
    }
}

/* A prompt is as long as the longest row and begins at 0; otherwise the queries are the last of each row. */
static void find_positions(tn_expand *e, gqa *g)
{
    tn_value *lengths = tn_call_cast(e, tn_expand_need(e, SEQLENS, "seqlens_k"), TN_INT64);
    tn_value *total = tn_call_cast(e, tn_expand_need(e, TOTAL, "total_sequence_length"), TN_INT64);
    tn_value *count = tn_call_dim(e, g->a.q, 2);
    g->lengths = tn_call_reshape(e, tn_call(e, "Add", lengths, tn_expand_int(e, 1)), 2, (const int64_t[]){-1, 1});
    g->is_prompt = tn_call(e, "Equal", tn_call_reshape(e, total, 1, (const int64_t[]){-1}), count);
    g->past = tn_call(e, "Where", g->is_prompt, tn_expand_int(e, 0), tn_call(e, "Sub", g->lengths, count));
    g->ids = tn_call(e, "Add", g->past, tn_call_range(e, g->a.q, 2));
}

/* Of a prompt only the first of position_ids counts: the others follow it, in all rows. */
static tn_value *given_positions(tn_expand *e, const gqa *g)
{
    tn_value *ids = tn_expand_input(e, IDS);
    if (ids == NULL)
        return g->ids;
    tn_value *first = tn_call_slice(e, tn_call_slice(e, ids, 0, 0, 1, 1), 1, 0, 1, 1);
    return tn_call(e, "Where", g->is_prompt, tn_call(e, "Add", first, tn_call_range(e, g->a.q, 2)), ids);
}

static bool rotate_groups(tn_expand *e, gqa *g)
{
    bool neighbours = tn_node_int(e->node, "rotary_interleaved", 0) != 0;
    if (tn_node_int(e->node, "do_rotary", 0) == 0)
        return !e->failed;
    tn_value *cos = tn_expand_need(e, COS, "cos_cache"), *sin = tn_expand_need(e, SIN, "sin_cache");
    tn_value *ids = given_positions(e, g);
    if (e->failed || cos->shape.rank != 2 || cos->shape.dim[1].sym != NULL)
        return tn_expand_error(e, "cos_cache %s; [positions,R/2] is wanted", tn_expand_show(e, cos));
    int64_t turned = 2 * cos->shape.dim[1].n;
    g->a.q = rotate(e, g->a.q, ids, cos, sin, neighbours, 0, turned);
    g->a.k = rotate(e, g->a.k, ids, cos, sin, neighbours, 0, turned);
    return !e->failed;
}

/* How many places the cache has: the greater of the past's and the longest row; where that is not known, what the model
   declares. */
static bool find_capacity(tn_expand *e, const tn_value *past, int64_t *capacity)
{
    size_t count = 0;
    const tn_node *n = e->node;
    const int64_t *total = tn_value_ints(e->g, n->in[TOTAL], &count);
    tn_shape s;
    tn_dim room = past->shape.rank == 4 ? past->shape.dim[2] : tn_dim_fixed(0);
    if (past->shape.rank != 4 || room.sym != NULL)
        return tn_expand_error(e, "past_key %s; [B,H,P,D] of fixed length is wanted", tn_expand_show(e, past));
    if (total != NULL && count == 1) {
        *capacity = *total > room.n ? *total : room.n;
        return true;
    }
    if (!tn_need_declared(e->g, n, TOTAL, "total_sequence_length", 1, &s)) {
        e->failed = true;
        return false;
    }
    *capacity = s.rank == 4 && s.dim[2].sym == NULL ? s.dim[2].n : 0;
    return *capacity >= room.n
        || tn_expand_error(e, "present_key is declared as %s, past_key %s; a fixed length that is no less is wanted",
                           tn_type_text(e->g->arena, past->dtype, &s), tn_expand_show(e, past));
}

/* At each place the past, the new, or 0. */
static tn_value *join_cache(tn_expand *e, const gqa *g, tn_value *past, tn_value *fresh, int64_t capacity)
{
    int64_t more = capacity - past->shape.dim[2].n;
    if (more > 0)
        past = tn_call(e, "Pad", past, tn_expand_ints(e, 8, (const int64_t[]){0, 0, 0, 0, 0, 0, more, 0}));
    tn_value *places = tn_call_range(e, past, 2), *from = tn_call(e, "Sub", places, g->past); /* [B,T] */
    tn_value *last = tn_call(e, "Sub", tn_call_dim(e, fresh, 2), tn_expand_int(e, 1));
    tn_value *zero = tn_expand_scalar(e, TN_INT64, 0), *at = tn_call(e, "Min", tn_call(e, "Max", from, zero), last);
    tn_value *rows =
        tn_call(e, "GatherND batch_dims=1", tn_call(e, "Transpose perm=0,2,1,3", fresh), tn_call_unsqueeze(e, at, 2));
    tn_value *is_past = tn_call_reshape(e, tn_call(e, "Less", from, zero), 4, (const int64_t[]){0, 1, -1, 1});
    tn_value *is_new = tn_call_reshape(e, tn_call(e, "LessOrEqual", from, last), 4, (const int64_t[]){0, 1, -1, 1});
    tn_value *nothing = tn_expand_scalar(e, past->dtype, 0);
    return tn_call(e, "Where", is_past, past,
                   tn_call(e, "Where", is_new, tn_call(e, "Transpose perm=0,2,1,3", rows), nothing));
}

/* The run ends with an error where the longest row has no place in the cache. */
static tn_value *check_total(tn_expand *e, tn_value *v, int64_t capacity)
{
    tn_value *total = tn_call_cast(e, e->node->in[TOTAL], TN_INT64);
    tn_value *fits =
        tn_call(e, "LessOrEqual", tn_call_reshape(e, total, 0, NULL), tn_expand_scalar(e, TN_INT64, (double)capacity));
    return e->failed ? v : tn_call_check(e, fits, v);
}

static bool join_past(tn_expand *e, gqa *g)
{
    tn_value *past_k = tn_expand_input(e, GQA_PAST), *past_v = tn_expand_input(e, GQA_PAST + 1);
    int64_t capacity = 0;
    if ((past_k == NULL) != (past_v == NULL))
        return tn_expand_error(e, "past_key and past_value are given together or not at all");
    if (past_k == NULL)
        return !e->failed;
    if (e->failed || !find_capacity(e, past_k, &capacity))
        return false;
    g->a.k = join_cache(e, g, past_k, g->a.k, capacity);
    g->a.v = join_cache(e, g, past_v, g->a.v, capacity);
    if (tn_value_ints(e->g, e->node->in[TOTAL], &(size_t){0}) == NULL)
        g->a.k = check_total(e, g->a.k, capacity);
    return !e->failed;
}

/* Of more than one query those of a prompt may stand behind the end of a shorter sequence. */
static bool may_be_padded(const gqa *g)
{
    return !tn_dim_is(g->a.q->shape.dim[2], 1);
}

/* The last key that each query sees: the one in its own place, in causal order, at most the last of its sequence, also for
   queries behind its end, as in ONNX Runtime. [B,1,S,1] or, of all keys, [B,1,1,1]. */
static tn_value *last_seen(tn_expand *e, const gqa *g, tn_value *queries)
{
    bool causal = tn_node_int(e->node, "causal", 1) != 0;
    if (causal && !may_be_padded(g))
        return queries;
    tn_value *last = tn_call(e, "Sub", g->lengths, tn_expand_scalar(e, TN_INT64, 1));
    last = tn_call_reshape(e, last, 4, (const int64_t[]){-1, 1, 1, 1});
    return causal ? tn_call(e, "Min", queries, last) : last;
}

/* Keys that are there, in causal order or not, within the window: [B,1,S,T]. */
static tn_value *call_seen(tn_expand *e, const gqa *g)
{
    int64_t window = read_window(e->node);
    tn_value *keys = tn_call_range(e, g->a.k, 2);
    tn_value *queries = tn_call_reshape(e, g->ids, 4, (const int64_t[]){0, 1, -1, 1});
    tn_value *seen = tn_call(e, "LessOrEqual", keys, last_seen(e, g, queries));
    if (window <= 0)
        return seen;
    tn_value *first = tn_call(e, "Sub", queries, tn_expand_scalar(e, TN_INT64, (double)window));
    return tn_call_both(e, seen, tn_call(e, "Greater", keys, first));
}

/* attention_bias is as long as the longest row; the places behind it are not seen. */
static void find_group_bias(tn_expand *e, gqa *g)
{
    tn_value *added = tn_expand_input(e, GQA_ADDED);
    g->seen = call_seen(e, g);
    g->a.may_see_none = read_window(e->node) > 0 && may_be_padded(g);
    g->a.bias = tn_call_hide(e, g->seen, g->a.q->dtype, -(double)INFINITY);
    if (added == NULL || e->failed)
        return;
    tn_dim has = added->shape.rank == 4 ? added->shape.dim[3] : tn_dim_fixed(0), wants = g->a.k->shape.dim[2];
    if (has.sym == NULL && wants.sym == NULL && has.n > 0 && has.n < wants.n) {
        int64_t pads[8] = {0, 0, 0, 0, 0, 0, 0, wants.n - has.n};
        added = tn_call(e, "Pad", added, tn_expand_ints(e, 8, pads));
    }
    g->a.bias = tn_call(e, "Add", g->a.bias, added);
}

static void find_sink(tn_expand *e, gqa *g)
{
    bool smooth = tn_node_int(e->node, "smooth_softmax", -1) == 1;
    g->a.sink = tn_expand_input(e, SINK);
    if (g->a.sink == NULL && smooth)
        g->a.sink = tn_call(e, "Expand", tn_expand_scalar(e, g->a.q->dtype, 0), tn_expand_int(e, g->heads));
}

static bool check_group_modes(tn_expand *e)
{
    static const char *const kinds[] = {"k_quant_type", "v_quant_type"};
    for (int i = 0; i < 2; i++)
        if (strcmp(tn_node_string(e->node, kinds[i], "NONE"), "NONE") != 0)
            return tn_expand_error(e, "%s is %s, which is not supported; a cache of floats is", kinds[i],
                                   tn_node_string(e->node, kinds[i], "NONE"));
    if (tn_node_int(e->node, "causal", 1) == 0 && read_window(e->node) != -1)
        return tn_expand_error(e, "local_window_size needs causal 1");
    return refuse_int(e, "sliding_window_cache", 0, "a cache of the whole sequence with local_window_size is");
}

/* Scores, with 0 for what is not seen, or probabilities. Those of keys behind the end of a shorter sequence are 0; ONNX
   Runtime leaves there what was in memory. */
static bool give_scores(tn_expand *e, const gqa *g)
{
    if (e->failed || e->node->n_out < 4 || e->node->out[3] == NULL)
        return !e->failed;
    bool scores = tn_node_int(e->node, "qk_output", 0) != 2;
    tn_value *shown = tn_attention_stage(e, &g->a, scores ? 2 : 3);
    if (scores)
        shown = tn_call(e, "Where", g->seen, shown, tn_expand_scalar(e, shown->dtype, 0));
    return tn_give(e, 3, tn_call_cast(e, shown, g->a.q->dtype));
}

bool tn_expand_group_query_attention(tn_expand *e, const tn_node *n)
{
    gqa g = {.heads = 0};
    int64_t shown = tn_node_int(n, "qk_output", 0);
    if (shown < 0 || shown > 2)
        return tn_expand_error(e, "qk_output is %lld; 0, 1 or 2 is wanted", (long long)shown);
    if (!check_group_modes(e) || !read_groups(e, &g))
        return false;
    normalise_heads(e, &g);
    find_positions(e, &g);
    if (!rotate_groups(e, &g) || !join_past(e, &g))
        return false;
    find_group_bias(e, &g);
    find_sink(e, &g);
    tn_value *y = attend(e, &g.a);
    return tn_give(e, 0, y) && tn_give(e, 1, g.a.k) && tn_give(e, 2, g.a.v) && give_scores(e, &g);
}
