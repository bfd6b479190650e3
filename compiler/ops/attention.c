/* Attention and what goes with it, as functions of other operators.

       Attention    scores = scale * q k^T          [B,Hq,S,T], q [B,Hq,S,D], k [B,Hk,T,D], v [B,Hk,T,Dv]
                    scores = softcap * tanh(scores / softcap)
                    y = softmax(scores + bias) v    bias: the float mask, and -inf where a key may not be seen

   A group of Hq / Hk query heads shares a key and value head: q is viewed as [B,Hk,group,S,D] and the products
   broadcast, so that nothing is copied; all between them has these five dims, which pass attention follows. A query that
   may see no key at all gives zeros. Inputs of rank 3 hold the heads side by side in the last dim. */
#include "ops/attention.h"
#include "ops/ops.h"

#include <math.h>

/* --- heads ---------------------------------------------------------------------------------------------------------- */

tn_value *tn_split_heads(tn_expand *e, tn_value *v, int64_t count)
{
    if (v->shape.rank != 3)
        return v;
    tn_value *parts = tn_call_reshape(e, v, 4, (const int64_t[]){0, 0, count, -1});
    return tn_call(e, "Transpose perm=0,2,1,3", parts);
}

tn_value *tn_join_heads(tn_expand *e, tn_value *v)
{
    return tn_call_reshape(e, tn_call(e, "Transpose perm=0,2,1,3", v), 3, (const int64_t[]){0, 0, -1});
}

static bool is_number(tn_dim d)
{
    return d.sym == NULL && d.n > 0;
}

static bool check_heads(tn_expand *e, const tn_attention *h)
{
    const tn_shape *q = &h->q->shape, *k = &h->k->shape, *v = &h->v->shape;
    if (e->failed)
        return false;
    bool same = q->rank == 4 && k->rank == 4 && v->rank == 4 && tn_dim_same(q->dim[0], k->dim[0])
             && tn_dim_same(k->dim[0], v->dim[0]) && tn_dim_same(q->dim[3], k->dim[3])
             && tn_dim_same(k->dim[1], v->dim[1]) && tn_dim_same(k->dim[2], v->dim[2]);
    bool fixed = same && is_number(q->dim[1]) && is_number(k->dim[1]) && is_number(q->dim[3]) && is_number(v->dim[3]);
    if (fixed && q->dim[1].n % k->dim[1].n == 0)
        return true;
    return tn_expand_error(e,
                           "query %s, key %s, value %s; [B,Hq,S,D], [B,Hk,T,D] and [B,Hk,T,Dv] with fixed heads "
                           "and head sizes, Hq a multiple of Hk, are wanted",
                           tn_expand_show(e, h->q), tn_expand_show(e, h->k), tn_expand_show(e, h->v));
}

static bool read_heads(tn_expand *e, tn_attention *h)
{
    int64_t q_heads = tn_node_int(e->node, "q_num_heads", 0), kv_heads = tn_node_int(e->node, "kv_num_heads", 0);
    bool packed = h->q->shape.rank == 3 || h->k->shape.rank == 3 || h->v->shape.rank == 3;
    if (packed && (q_heads < 1 || kv_heads < 1))
        return tn_expand_error(e, "inputs of rank 3 need the attributes q_num_heads and kv_num_heads");
    h->q = tn_split_heads(e, h->q, q_heads);
    h->k = tn_split_heads(e, h->k, kv_heads);
    h->v = tn_split_heads(e, h->v, kv_heads);
    h->scale = tn_node_float(e->node, "scale", NAN);
    h->softcap = tn_node_float(e->node, "softcap", 0);
    return check_heads(e, h);
}

/* --- products ------------------------------------------------------------------------------------------------------- */

/* [B,Hq,X,Y] as [B,Hk,group,X,Y]. */
static tn_value *part_heads(tn_expand *e, tn_value *v, int64_t group)
{
    if (group == 1 || e->failed)
        return v;
    tn_value *five[] = {tn_call_dim(e, v, 0), tn_expand_int(e, v->shape.dim[1].n / group), tn_expand_int(e, group),
                        tn_call_dim(e, v, 2), tn_call_dim(e, v, 3)};
    return tn_call(e, "Reshape", v, tn_call_list(e, "Concat axis=0", 5, five));
}

/* And back. */
static tn_value *whole_heads(tn_expand *e, tn_value *v, int64_t group)
{
    if (group == 1 || e->failed)
        return v;
    tn_value *whole = tn_call(e, "Concat axis=0", tn_call_dim(e, v, 0), tn_expand_int(e, v->shape.dim[1].n * group),
                              tn_call_dim(e, v, 3), tn_call_dim(e, v, 4));
    return tn_call(e, "Reshape", v, whole);
}

/* Keys or values, to be multiplied by query heads in their groups. */
static tn_value *share_heads(tn_expand *e, tn_value *v, int64_t group)
{
    return group == 1 ? v : tn_call_unsqueeze(e, v, 2);
}

static int64_t group_of(const tn_attention *a)
{
    return a->q->shape.dim[1].n / a->k->shape.dim[1].n;
}

/* The scale goes to the smaller operand of the product, before it, so that 16-bit floats do not overflow. */
static tn_value *call_scores(tn_expand *e, const tn_attention *a, int64_t group)
{
    double scale = (double)(isnan(a->scale) ? 1 / sqrtf((float)a->q->shape.dim[3].n) : a->scale);
    tn_value *q = tn_call(e, "Mul", a->q, tn_expand_scalar(e, a->q->dtype, scale));
    const char *turned = group == 1 ? "Transpose perm=0,1,3,2" : "Transpose perm=0,1,2,4,3";
    return tn_call(e, "MatMul", part_heads(e, q, group), tn_call(e, turned, share_heads(e, a->k, group)));
}

static tn_value *call_softcap(tn_expand *e, float cap, tn_value *scores)
{
    if (cap == 0)
        return scores;
    tn_value *limit = tn_expand_scalar(e, scores->dtype, (double)cap);
    return tn_call(e, "Mul", tn_call(e, "Tanh", tn_call(e, "Div", scores, limit)), limit);
}

/* --- probabilities -------------------------------------------------------------------------------------------------- */

/* With the sink as a column behind the scores, whose probability is left out. */
static tn_value *softmax_with_sink(tn_expand *e, tn_value *scores, tn_value *sink, int64_t group)
{
    tn_value *column = tn_call_reshape(e, tn_call_cast(e, sink, scores->dtype), 4, (const int64_t[]){1, -1, 1, 1});
    tn_value *shape = tn_call_join(e, 0, tn_call(e, "Shape end=-1", scores), tn_expand_int(e, 1));
    tn_value *wide = tn_call(e, "Expand", part_heads(e, column, group), shape);
    int last = scores->shape.rank - 1;
    tn_value *p = tn_call(e, "Softmax axis=-1", tn_call_join(e, last, scores, wide));
    return tn_call(e, "Slice", p, tn_expand_int(e, 0), tn_call_dim(e, scores, last), tn_expand_int(e, last));
}

/* bias: what was added to the scores. */
static tn_value *call_softmax(tn_expand *e, const tn_attention *a, tn_value *scores, tn_value *bias)
{
    scores = tn_call_cast(e, scores, a->precision);
    tn_value *p =
        a->sink != NULL ? softmax_with_sink(e, scores, a->sink, group_of(a)) : tn_call(e, "Softmax axis=-1", scores);
    if (bias == NULL || !a->may_see_none)
        return p;
    tn_value *most = tn_call(e, "ReduceMax keepdims=1", bias, tn_expand_int(e, -1));
    tn_value *none = tn_call(e, "Equal", most, tn_expand_scalar(e, bias->dtype, -(double)INFINITY));
    return tn_call(e, "Where", none, tn_expand_scalar(e, a->precision, 0), p);
}

/* What broadcasts to [B,Hq,S,T] as what broadcasts to [B,Hk,group,S,T]. */
static tn_value *group_bias(tn_expand *e, tn_value *bias, int64_t group)
{
    int heads = bias != NULL ? bias->shape.rank - 3 : -1;
    if (group == 1 || heads < 0 || e->failed)
        return bias;
    if (tn_dim_is(bias->shape.dim[heads], 1))
        return tn_call_unsqueeze(e, bias, heads);
    return part_heads(e, heads == 0 ? tn_call_unsqueeze(e, bias, 0) : bias, group);
}

tn_value *tn_call_attention(tn_expand *e, tn_attention *a)
{
    if (!check_heads(e, a))
        return a->q;
    int64_t group = group_of(a);
    tn_value **stage = a->stage, *bias = group_bias(e, a->bias, group);
    stage[0] = call_scores(e, a, group);
    stage[1] = call_softcap(e, a->softcap, stage[0]);
    stage[2] = bias != NULL ? tn_call(e, "Add", stage[1], bias) : stage[1];
    stage[3] = tn_call_cast(e, call_softmax(e, a, stage[2], bias), a->q->dtype);
    tn_value *y = tn_call(e, "MatMul", tn_call_cast(e, stage[3], a->v->dtype), share_heads(e, a->v, group));
    return whole_heads(e, tn_call_cast(e, y, a->q->dtype), group);
}

tn_value *tn_attention_stage(tn_expand *e, const tn_attention *a, int64_t i)
{
    return e->failed ? a->q : whole_heads(e, a->stage[i], group_of(a));
}

/* --- which keys a query sees ---------------------------------------------------------------------------------------- */

tn_value *tn_call_both(tn_expand *e, tn_value *x, tn_value *y)
{
    return x == NULL ? y : tn_call(e, "And", x, y);
}

tn_value *tn_call_hide(tn_expand *e, tn_value *seen, tn_dtype t, double hidden)
{
    return tn_call(e, "Where", seen, tn_expand_scalar(e, t, 0), tn_expand_scalar(e, t, hidden));
}

static tn_value *per_batch(tn_expand *e, tn_value *v)
{
    return tn_call_reshape(e, v, 4, (const int64_t[]){-1, 1, 1, 1});
}

tn_value *tn_call_range(tn_expand *e, tn_value *v, int axis)
{
    tn_value *end = tn_call(e, "Squeeze", tn_call_dim(e, v, axis));
    return tn_call(e, "Range", tn_expand_scalar(e, TN_INT64, 0), end, tn_expand_scalar(e, TN_INT64, 1));
}

/* Positions of the queries among the keys, [S,1] or [B,1,S,1]: after the past, or the last of the keys that are there. */
static tn_value *query_positions(tn_expand *e, const tn_attention *h)
{
    tn_value *p = tn_call_unsqueeze(e, tn_call_range(e, h->q, 2), 1);
    tn_value *past = tn_expand_input(e, 4), *present = tn_expand_input(e, 6);
    if (past != NULL)
        return tn_call(e, "Add", p, tn_call_dim(e, past, 2));
    if (present == NULL)
        return p;
    return tn_call(e, "Add", p, per_batch(e, tn_call(e, "Sub", present, tn_call_dim(e, h->q, 2))));
}

/* Causal order, windows, padding: bool that broadcasts to the scores; NULL where all is seen. */
static tn_value *structural_mask(tn_expand *e, const tn_attention *h)
{
    bool causal = tn_node_int(e->node, "is_causal", 0) != 0;
    int64_t left = tn_node_int(e->node, "left_window_size", -1), right = tn_node_int(e->node, "right_window_size", -1);
    tn_value *seen = NULL, *padded = tn_expand_input(e, 6);
    if (!causal && left < 0 && right < 0 && padded == NULL)
        return NULL;
    tn_value *keys = tn_call_range(e, h->k, 2), *queries = query_positions(e, h);
    if (causal)
        seen = tn_call(e, "LessOrEqual", keys, queries);
    if (right >= 0)
        seen =
            tn_call_both(e, seen, tn_call(e, "LessOrEqual", keys, tn_call(e, "Add", queries, tn_expand_int(e, right))));
    if (left >= 0)
        seen = tn_call_both(e, seen,
                            tn_call(e, "GreaterOrEqual", keys, tn_call(e, "Sub", queries, tn_expand_int(e, left))));
    if (padded != NULL)
        seen = tn_call_both(e, seen, tn_call(e, "Less", keys, per_batch(e, padded)));
    return seen;
}

/* A mask shorter than the keys hides the rest of them. */
static tn_value *widen_mask(tn_expand *e, const tn_attention *h, tn_value *mask)
{
    int last = mask->shape.rank - 1;
    if (last < 0 || tn_dim_same(mask->shape.dim[last], h->k->shape.dim[2]))
        return mask;
    tn_value *missing = tn_call(e, "Sub", tn_call_dim(e, h->k, 2), tn_call_dim(e, mask, last));
    tn_value *pads = tn_call_join(e, 0, tn_expand_int(e, 0), missing);
    tn_value *hidden = tn_expand_scalar(e, mask->dtype, mask->dtype == TN_BOOL ? 0 : -(double)INFINITY);
    return tn_call(e, "Pad", mask, pads, hidden, tn_expand_int(e, last));
}

/* What is added to the scores: NULL for nothing. */
static tn_value *call_bias(tn_expand *e, const tn_attention *h)
{
    tn_value *seen = structural_mask(e, h), *mask = tn_expand_input(e, 3), *bias = NULL;
    if (mask != NULL && mask->dtype != TN_BOOL && mask->dtype != h->q->dtype)
        tn_expand_error(e, "mask %s; bool or %s is wanted", tn_expand_show(e, mask), tn_dtype_get(h->q->dtype)->name);
    if (mask != NULL)
        mask = widen_mask(e, h, mask);
    if (mask != NULL && mask->dtype == TN_BOOL)
        seen = tn_call_both(e, seen, mask);
    else
        bias = mask;
    if (seen == NULL)
        return bias;
    tn_value *hidden = tn_call_hide(e, seen, h->q->dtype, -(double)INFINITY);
    return bias == NULL ? hidden : tn_call(e, "Add", bias, hidden);
}

/* Whether a query may be left without keys: in causal order alone each sees itself, or all keys. */
static bool may_see_none(const tn_node *n)
{
    return tn_has_input(n, 3) || tn_has_input(n, 6) || tn_node_int(n, "left_window_size", -1) >= 0;
}

/* --- Attention, FlexAttention --------------------------------------------------------------------------------------- */

static bool read_precision(tn_expand *e, tn_dtype otherwise, tn_dtype *out)
{
    int64_t t = tn_node_int(e->node, "softmax_precision", otherwise);
    *out = t > 0 && t < TN_INDEX ? (tn_dtype)t : TN_UNDEFINED;
    if ((TN_T_FLOATS >> *out & 1u) != 0)
        return true;
    return tn_expand_error(e, "softmax_precision is %lld, which is no floating type", (long long)t);
}

static bool join_past(tn_expand *e, tn_attention *h)
{
    tn_value *key = tn_expand_input(e, 4), *value = tn_expand_input(e, 5);
    if ((key == NULL) != (value == NULL))
        return tn_expand_error(e, "past_key and past_value are given together or not at all");
    if (key != NULL && tn_has_input(e->node, 6))
        return tn_expand_error(e, "nonpad_kv_seqlen is for a cache that is kept outside; past_key is given too");
    if (key == NULL)
        return true;
    h->k = tn_call_join(e, 2, key, h->k);
    h->v = tn_call_join(e, 2, value, h->v);
    return !e->failed;
}

static bool check_modes(tn_expand *e)
{
    int64_t left = tn_node_int(e->node, "left_window_size", -1), right = tn_node_int(e->node, "right_window_size", -1);
    int64_t mode = tn_node_int(e->node, "qk_matmul_output_mode", 0);
    if (left < -1 || right < -1)
        return tn_expand_error(e, "a window of %lld to the left and %lld to the right; -1 is the least",
                               (long long)left, (long long)right);
    if (mode < 0 || mode > 3)
        return tn_expand_error(e, "qk_matmul_output_mode is %lld; 0 to 3 is wanted", (long long)mode);
    return true;
}

bool tn_expand_attention(tn_expand *e, const tn_node *n)
{
    tn_attention h = {.q = n->in[0], .k = n->in[1], .v = n->in[2], .may_see_none = may_see_none(n)};
    bool packed = h.q->shape.rank == 3;
    if (!read_heads(e, &h) || !read_precision(e, h.q->dtype, &h.precision) || !check_modes(e) || !join_past(e, &h))
        return false;
    h.bias = call_bias(e, &h);
    tn_value *y = tn_call_attention(e, &h);
    return tn_give(e, 0, packed ? tn_join_heads(e, y) : y) && tn_give(e, 1, h.k) && tn_give(e, 2, h.v)
        && (n->n_out < 4 || tn_give(e, 3, tn_attention_stage(e, &h, tn_node_int(n, "qk_matmul_output_mode", 0))));
}

/* What the subgraph makes of v, of its type and shape; v itself where there is none. */
static tn_value *change(tn_expand *e, const char *name, tn_value *v)
{
    const tn_subgraph *b = tn_node_body(e->node, name);
    if (b == NULL || e->failed)
        return v;
    if (b->inputs.n != 1 || b->outputs.n != 1) {
        tn_expand_error(e, "%s has %zu inputs and %zu outputs; 1 and 1 are wanted", name, b->inputs.n, b->outputs.n);
        return v;
    }
    tn_value *const *out = tn_expand_body(e, b, &v, tn_node_maybe(e->node));
    if (out != NULL && (out[0]->dtype != v->dtype || !tn_shape_equal(&out[0]->shape, &v->shape)))
        tn_expand_error(e, "%s makes %s of what is %s", name, tn_expand_show(e, out[0]), tn_value_type(e->g->arena, v));
    return e->failed ? v : out[0];
}

bool tn_expand_flex_attention(tn_expand *e, const tn_node *n)
{
    tn_attention h = {.q = n->in[0], .k = n->in[1], .v = n->in[2]};
    if (!read_heads(e, &h) || !read_precision(e, h.q->dtype == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT, &h.precision))
        return false;
    int64_t group = group_of(&h);
    tn_value *scores = tn_call_cast(e, whole_heads(e, call_scores(e, &h, group), group), h.precision);
    tn_value *p = change(e, "prob_mod", call_softmax(e, &h, change(e, "score_mod", scores), NULL));
    p = part_heads(e, tn_call_cast(e, p, h.v->dtype), group);
    return tn_give(e, 0, whole_heads(e, tn_call(e, "MatMul", p, share_heads(e, h.v, group)), group));
}

/* --- RotaryEmbedding ------------------------------------------------------------------------------------------------ */

/* [B,S,R/2], from the rows of a table where positions are given; then with an axis for the heads. */
static tn_value *call_angles(tn_expand *e, tn_value *cache, int heads_axis)
{
    tn_value *positions = tn_expand_input(e, 3);
    if (positions != NULL)
        cache = tn_call(e, "Gather axis=0", cache, positions);
    if (!e->failed && cache->shape.rank != 3)
        tn_expand_error(e, "the table of angles %s; [B,S,R/2], or [positions,R/2] with position_ids, is wanted",
                        tn_expand_show(e, cache));
    return tn_call_unsqueeze(e, cache, heads_axis);
}

/* (x, y) turned by the angle: (x cos - y sin, x sin + y cos); pairs are neighbours or the halves of the vector. */
static tn_value *call_rotation(tn_expand *e, tn_value *v, int64_t size, int heads_axis)
{
    bool neighbours = tn_node_int(e->node, "interleaved", 0) != 0;
    tn_value *cos = call_angles(e, e->node->in[1], heads_axis), *sin = call_angles(e, e->node->in[2], heads_axis);
    tn_value *x = tn_call_slice(e, v, 3, 0, neighbours ? size : size / 2, neighbours ? 2 : 1);
    tn_value *y = tn_call_slice(e, v, 3, neighbours ? 1 : size / 2, size, neighbours ? 2 : 1);
    tn_value *real = tn_call(e, "Sub", tn_call(e, "Mul", cos, x), tn_call(e, "Mul", sin, y));
    tn_value *imag = tn_call(e, "Add", tn_call(e, "Mul", sin, x), tn_call(e, "Mul", cos, y));
    if (!neighbours)
        return tn_call_join(e, 3, real, imag);
    tn_value *pairs = tn_call_join(e, 4, tn_call_unsqueeze(e, real, 4), tn_call_unsqueeze(e, imag, 4));
    return tn_call_reshape(e, pairs, 4, (const int64_t[]){0, 0, 0, size});
}

bool tn_expand_rotary_embedding(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0];
    bool packed = x->shape.rank == 3;
    int64_t count = tn_node_int(n, "num_heads", 0);
    if ((packed && count < 1) || x->shape.rank < 3 || x->shape.rank > 4)
        return tn_expand_error(e, "input %s; [B,H,S,D], or [B,S,H*D] with num_heads, is wanted", tn_expand_show(e, x));
    if (packed)
        x = tn_call_reshape(e, x, 4, (const int64_t[]){0, 0, count, -1});
    int64_t size = x->shape.dim[3].n, turned = tn_node_int(n, "rotary_embedding_dim", 0);
    turned = turned == 0 ? size : turned;
    if (!e->failed && (x->shape.dim[3].sym != NULL || turned < 0 || turned > size || turned % 2 != 0))
        return tn_expand_error(e, "%lld of %s elements of a head are turned; an even number of a fixed head is wanted",
                               (long long)turned, tn_dim_text(e->g->arena, x->shape.dim[3]));
    tn_value *y = call_rotation(e, tn_call_slice(e, x, 3, 0, turned, 1), turned, packed ? 2 : 1);
    if (turned < size)
        y = tn_call_join(e, 3, y, tn_call_slice(e, x, 3, turned, size, 1));
    return tn_give(e, 0, packed ? tn_call_reshape(e, y, 3, (const int64_t[]){0, 0, -1}) : y);
}

/* --- CausalConvWithState -------------------------------------------------------------------------------------------- */

/* The past, or zeros, stands in front of the input; what is left at its end is the next call's past. */
bool tn_expand_causal_conv(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0], *w = n->in[1], *bias = tn_expand_input(e, 2), *past = tn_expand_input(e, 3);
    const char *activation = tn_node_string(n, "activation", "none");
    bool swish = strcmp(activation, "silu") == 0 || strcmp(activation, "swish") == 0;
    if (!swish && strcmp(activation, "none") != 0)
        return tn_expand_error(e, "activation is '%s'; silu, swish or none is wanted", activation);
    if (x->shape.rank != 3 || w->shape.rank != 3 || !is_number(w->shape.dim[0]) || !is_number(w->shape.dim[2])
        || !tn_dim_same(w->shape.dim[0], x->shape.dim[1]))
        return tn_expand_error(e, "input %s, weight %s; [B,C,L] and [C,1,k] are wanted", tn_expand_show(e, x),
                               tn_expand_show(e, w));
    int64_t before = w->shape.dim[2].n - 1;
    tn_value *whole = past != NULL
                        ? tn_call_join(e, 2, past, x)
                        : tn_call(e, "Pad", x, tn_expand_ints(e, 6, (const int64_t[]){0, 0, before, 0, 0, 0}));
    tn_value *y = tn_call(e, tn_strfmt(e->g->arena, "Conv group=%lld", (long long)w->shape.dim[0].n), whole, w, bias);
    tn_value *length = tn_call_dim(e, x, 2);
    tn_value *present = tn_call(e, "Slice", whole, length, tn_expand_int(e, INT64_MAX), tn_expand_int(e, 2));
    return tn_give(e, 0, swish ? tn_call(e, "Swish", y) : y) && tn_give(e, 1, present);
}
