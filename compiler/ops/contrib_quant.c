/* Quantised operators of ONNX Runtime's domain com.microsoft that are functions of ONNX's; those with arithmetic of their
   own are in qlinear.c and quant_product.c.

       MatMulIntegerToFloat    MatMulInteger(a, b) * (a_scale * b_scale) + bias
       DynamicQuantizeMatMul   the same of DynamicQuantizeLinear(a)
       MatMulNBits             a * ((q - zero) * scale)^T + bias, several q to a byte, the lowest bits first
       GatherBlockQuantized    (q - zero) * scale of the slices that are taken

   MatMulNBits multiplies floats whatever accuracy_level says, which asks for no more than a least accuracy. */
#include "ops/expand.h"
#include "ops/ops.h"

/* --- MatMulIntegerToFloat, DynamicQuantizeMatMul -------------------------------------------------------------------- */

static bool scaled_product(tn_expand *e, tn_value *const *in, tn_value *a_scale, tn_value *b_scale, tn_value *bias)
{
    tn_value *sum = tn_call_cast(e, tn_call_list(e, "MatMulInteger", 4, in), b_scale->dtype);
    tn_value *y = tn_call(e, "Mul", sum, tn_call(e, "Mul", a_scale, b_scale));
    return tn_give(e, 0, bias != NULL ? tn_call(e, "Add", y, bias) : y);
}

bool tn_expand_matmul_integer_to_float(tn_expand *e, const tn_node *n)
{
    tn_value *in[] = {n->in[0], n->in[1], tn_expand_input(e, 4), tn_expand_input(e, 5)};
    return scaled_product(e, in, n->in[2], n->in[3], tn_expand_input(e, 6));
}

/* A B b_scale [b_zero_point bias] */
bool tn_expand_dynamic_quantize_matmul(tn_expand *e, const tn_node *n)
{
    tn_value *a[3];
    tn_call_all(e, "DynamicQuantizeLinear", 1, n->in, 3, a);
    tn_value *in[] = {a[0], n->in[1], a[2], tn_expand_input(e, 3)};
    return scaled_product(e, in, a[1], n->in[2], tn_expand_input(e, 4));
}

/* --- several numbers to a byte -------------------------------------------------------------------------------------- */

static bool check_bits(tn_expand *e, int64_t bits)
{
    return bits == 2 || bits == 4 || bits == 8
        || tn_expand_error(e, "bits is %lld; 2, 4 or 8 is wanted", (long long)bits);
}

/* uint8 [..,n] to [..,n * 8 / bits]: the lowest bits first. */
static tn_value *unpack(tn_expand *e, tn_value *v, int64_t bits)
{
    tn_value *parts[4];
    int64_t dims[TN_MAX_RANK] = {0}, rank = v->shape.rank;
    int count = (int)(8 / bits);
    if (rank < 1)
        tn_expand_error(e, "packed numbers %s; rank 1 or more is wanted", tn_expand_show(e, v));
    if (bits == 8 || e->failed)
        return v;
    tn_value *mask = tn_expand_scalar(e, TN_UINT8, (double)((1 << bits) - 1));
    for (int i = 0; i < count; i++) {
        tn_value *by = tn_expand_scalar(e, TN_UINT8, (double)(i * bits));
        tn_value *low = tn_call(e, "BitwiseAnd", tn_call(e, "BitShift direction=RIGHT", v, by), mask);
        parts[i] = tn_call_unsqueeze(e, low, rank);
    }
    dims[rank - 1] = -1;
    return tn_call_reshape(e, tn_call_list(e, "Concat axis=-1", count, parts), (int)rank, dims);
}

/* --- MatMulNBits: A B scales [zero_points g_idx bias] --------------------------------------------------------------- */

typedef struct blocks {
    int64_t k, n, size, bits, count; /* of a row: count blocks of size, k in all */
} blocks;

static bool read_blocks(tn_expand *e, blocks *b)
{
    const tn_node *n = e->node;
    const tn_value *q = n->in[1];
    *b = (blocks){.k = tn_node_int(n, "K", 0),
                  .n = tn_node_int(n, "N", 0),
                  .size = tn_node_int(n, "block_size", 0),
                  .bits = tn_node_int(n, "bits", 4)};
    if (tn_node_int(n, "weight_prepacked", 0) != 0)
        return tn_expand_error(e, "weight_prepacked is set: B is packed for a GPU; export without it");
    if (!check_bits(e, b->bits))
        return false;
    if (b->size < 1 || b->size > 1 << 20 || (b->size * b->bits) % 8 != 0 || b->k < 1 || b->n < 1 || b->k >= TN_DIM_MAX
        || b->n >= TN_DIM_MAX)
        return tn_expand_error(
            e, "K is %lld, N is %lld, block_size is %lld; positive numbers, blocks of whole bytes are wanted",
            (long long)b->k, (long long)b->n, (long long)b->size);
    b->count = (b->k + b->size - 1) / b->size;
    int64_t bytes = 0;
    if (q->dtype == TN_UINT8 && tn_shape_is_fixed(&q->shape)
        && tn_mul_i64(b->n, b->count * (b->size * b->bits / 8), &bytes) && tn_shape_count(&q->shape) == bytes)
        return true;
    return tn_expand_error(e, "B %s; uint8[%lld,%lld,%lld] is wanted", tn_expand_show(e, q), (long long)b->n,
                           (long long)b->count, (long long)(b->size * b->bits / 8));
}

/* [N,count]; some files have it flat. NULL: the middle of the range. */
static tn_value *find_zero(tn_expand *e, const blocks *b, tn_dtype t)
{
    tn_value *zero = tn_expand_input(e, 3);
    if (zero == NULL)
        return tn_expand_scalar(e, t, (double)(1 << (b->bits - 1)));
    zero = tn_call_reshape(e, zero, 2, (const int64_t[]){b->n, -1});
    if (zero->dtype == TN_UINT8)
        zero = tn_call_slice(e, unpack(e, zero, b->bits), 1, 0, b->count, 1);
    return tn_call_cast(e, zero, t);
}

/* A number for each block, [N,count], or by g_idx for each column, [N,K]; then as the weights are: [N,count,1] or so. */
static tn_value *spread(tn_expand *e, const blocks *b, tn_value *v, tn_value *groups)
{
    if (v->shape.rank == 0)
        return v;
    v = tn_call_reshape(e, v, 2, (const int64_t[]){b->n, b->count});
    return groups != NULL ? tn_call(e, "Gather axis=1", v, groups) : tn_call_unsqueeze(e, v, 2);
}

bool tn_expand_matmul_nbits(tn_expand *e, const tn_node *n)
{
    blocks b;
    tn_value *a = n->in[0], *scales = n->in[2], *groups = tn_expand_input(e, 4), *bias = tn_expand_input(e, 5);
    if (!read_blocks(e, &b))
        return false;
    if (a->dtype != scales->dtype)
        return tn_expand_error(e, "A %s, scales %s; one type is wanted", tn_expand_show(e, a),
                               tn_expand_show(e, scales));
    tn_dtype wide = tn_dtype_get(a->dtype)->compute; /* 16-bit floats: as their product is computed */
    tn_value *q = unpack(e, tn_call_reshape(e, n->in[1], 3, (const int64_t[]){b.n, b.count, -1}), b.bits);
    tn_value *zero = find_zero(e, &b, wide), *columns = tn_expand_int(e, 1);
    scales = tn_call_cast(e, scales, wide);
    if (groups != NULL) {
        groups = tn_call_slice(e, groups, 0, 0, b.k, 1);
        q = tn_call_slice(e, tn_call_reshape(e, q, 2, (const int64_t[]){b.n, -1}), 1, 0, b.k, 1);
    }
    tn_value *w = tn_call(e, "Sub", tn_call_cast(e, q, wide), spread(e, &b, zero, groups));
    w = tn_call(e, "Mul", w, spread(e, &b, scales, groups));
    w = tn_call(e, "Slice", tn_call_reshape(e, w, 2, (const int64_t[]){b.n, -1}), tn_expand_int(e, 0),
                tn_expand_int(e, b.k), columns);
    tn_value *y = tn_call(e, "MatMul", tn_call_cast(e, a, wide), tn_call(e, "Transpose perm=1,0", w));
    if (bias != NULL)
        y = tn_call(e, "Add", y, tn_call_cast(e, bias, wide));
    return tn_give(e, 0, tn_call_cast(e, y, a->dtype));
}

/* --- GatherBlockQuantized: data indices scales [zero_points] -------------------------------------------------------- */

typedef struct table {
    tn_value *q, *scales, *zero; /* numbers not packed; zero NULL: 0 */
    int gather, quantised;       /* axes */
    int64_t size;                /* of a block */
} table;

static bool read_table(tn_expand *e, table *t)
{
    const tn_node *n = e->node;
    int rank = n->in[0]->shape.rank;
    int64_t bits = tn_node_int(n, "bits", 4);
    bool packed = n->in[0]->dtype == TN_UINT8, floats = tn_dtype_get(n->in[0]->dtype)->is_float;
    *t = (table){n->in[0], n->in[2], tn_expand_input(e, 3), 0, 0, tn_node_int(n, "block_size", 128)};
    if (!tn_node_axis(e->g, n, tn_node_int(n, "gather_axis", 0), rank, &t->gather)
        || !tn_node_axis(e->g, n, tn_node_int(n, "quantize_axis", 1), rank, &t->quantised))
        e->failed = true;
    if (e->failed || (packed && !check_bits(e, bits)))
        return false;
    if (packed && (t->gather != 0 || t->quantised == t->gather))
        return tn_expand_error(
            e,
            "gather_axis is %d, quantize_axis %d; of uint8 slices are taken along axis 0, blocks are "
            "along another",
            t->gather, t->quantised);
    if (floats && t->zero != NULL)
        return tn_expand_error(e, "zero_points are given for data of floats");
    if (t->size < 0 || t->size > INT32_MAX)
        return tn_expand_error(e, "block_size is %lld; a positive number below 2^31 is wanted", (long long)t->size);
    if (packed) {
        t->q = unpack(e, t->q, bits);
        t->zero = t->zero != NULL ? unpack(e, t->zero, bits) : tn_expand_scalar(e, TN_UINT8, (double)(1 << (bits - 1)));
    }
    const tn_shape *q = &t->q->shape, *s = &t->scales->shape;
    if (e->failed || !tn_shape_is_fixed(q) || !tn_shape_is_fixed(s) || s->rank != rank)
        return tn_expand_error(e, "data %s, scales %s; fixed shapes of one rank are wanted",
                               tn_expand_show(e, n->in[0]), tn_expand_show(e, n->in[2]));
    if (t->size == 0 && floats)
        t->size = q->dim[t->quantised].n;
    int64_t wanted = t->size > 0 ? (q->dim[t->quantised].n + t->size - 1) / t->size : 0;
    return (wanted > 0 && s->dim[t->quantised].n == wanted)
        || tn_expand_error(e, "scales %s; %lld along axis %d, for blocks of %lld, are wanted",
                           tn_expand_show(e, n->in[2]), (long long)wanted, t->quantised, (long long)t->size);
}

/* A number for each block, as many along the other axes as the data has. */
static tn_value *broadcast_blocks(tn_expand *e, const table *t, tn_value *v)
{
    int64_t dims[TN_MAX_RANK];
    bool same = true;
    int rank = t->q->shape.rank, last = rank - 1;
    int64_t count = t->scales->shape.dim[t->quantised].n;
    if (v->shape.rank == rank && t->quantised == last)
        v = tn_call_slice(e, v, last, 0, count, 1); /* what a byte has left over */
    for (int i = 0; i < rank && !e->failed; i++) {
        dims[i] = i == t->quantised ? count : t->q->shape.dim[i].n;
        same = same && v->shape.rank == rank && v->shape.dim[i].n == dims[i];
    }
    return same ? v : tn_call(e, "Expand", v, tn_expand_ints(e, rank, dims));
}

/* The block of each place. */
static tn_value *list_blocks(tn_expand *e, const table *t)
{
    int64_t extent = t->q->shape.dim[t->quantised].n, *x = TN_NEW_N(e->g->arena, int64_t, extent + 1);
    for (int64_t i = 0; i < extent; i++)
        x[i] = i / t->size;
    return tn_expand_ints(e, (int)extent, x);
}

static tn_value *gather(tn_expand *e, int axis, tn_value *v, tn_value *at)
{
    return tn_call(e, tn_strfmt(e->g->arena, "Gather axis=%d", axis), v, at);
}

/* What belongs to each element of gathered slices. */
static tn_value *gather_blocks(tn_expand *e, const table *t, tn_value *v, tn_value *at)
{
    if (v->shape.rank == 0)
        return v;
    v = broadcast_blocks(e, t, v);
    if (t->gather == t->quantised)
        return gather(e, t->gather, v, tn_call(e, "Div", at, tn_expand_scalar(e, at->dtype, (double)t->size)));
    int along = t->quantised < t->gather ? t->quantised : t->quantised + at->shape.rank - 1;
    return gather(e, along, gather(e, t->gather, v, at), list_blocks(e, t));
}

/* An index outside gives zeros; a negative one counts from the end. */
bool tn_expand_gather_block_quantized(tn_expand *e, const tn_node *n)
{
    table t;
    if (!read_table(e, &t))
        return false;
    tn_value *at = n->in[1], *zero = tn_expand_scalar(e, at->dtype, 0);
    tn_value *extent = tn_expand_scalar(e, at->dtype, (double)t.q->shape.dim[t.gather].n);
    tn_value *last = tn_expand_scalar(e, at->dtype, (double)t.q->shape.dim[t.gather].n - 1);
    at = tn_call(e, "Where", tn_call(e, "Less", at, zero), tn_call(e, "Add", at, extent), at);
    tn_value *safe = tn_call(e, "Min", tn_call(e, "Max", at, zero), last);
    tn_dtype type = t.scales->dtype, wide = tn_dtype_get(type)->compute;
    tn_value *y = tn_call_cast(e, gather(e, t.gather, t.q, safe), wide);
    if (t.zero != NULL)
        y = tn_call(e, "Sub", y, tn_call_cast(e, gather_blocks(e, &t, t.zero, safe), wide));
    y = tn_call(e, "Mul", y, tn_call_cast(e, gather_blocks(e, &t, t.scales, safe), wide));
    tn_value *inside = tn_call(e, "Equal", at, safe);
    int64_t axes[TN_MAX_RANK];
    int more = t.q->shape.rank - 1 - t.gather;
    for (int i = 0; i < more; i++)
        axes[i] = n->in[1]->shape.rank + i;
    if (more > 0)
        inside = tn_call(e, "Unsqueeze", inside, tn_expand_ints(e, more, axes));
    y = tn_call(e, "Where", inside, y, tn_expand_scalar(e, wide, 0));
    return tn_give(e, 0, tn_call_cast(e, y, type));
}

/* --- DynamicQuantizeLSTM -------------------------------------------------------------------------------------------- */

/* X W R [B sequence_lens initial_h initial_c P W_scale W_zero R_scale R_zero] */
enum { W_SCALE = 8, R_SCALE = 10 };

/* [directions, in, 4 * hidden] of integers to [directions, 4 * hidden, in] of floats. */
static tn_value *dequantise_weights(tn_expand *e, tn_value *w, int at)
{
    tn_value *scale = tn_expand_need(e, at, "a scale"), *zero = tn_expand_need(e, at + 1, "a zero point");
    if (e->failed)
        return w;
    int64_t rank = scale->shape.rank;
    if (rank < 1 || rank > 2 || zero->shape.rank != rank || w->shape.rank != 3)
        tn_expand_error(e, "weights %s, scale %s, zero point %s; [D,I,4*H] and [D] or [D,4*H] are wanted",
                        tn_expand_show(e, w), tn_expand_show(e, scale), tn_expand_show(e, zero));
    tn_value *axes = rank == 1 ? tn_expand_ints(e, 2, (const int64_t[]){1, 2}) : tn_expand_int(e, 1);
    tn_value *from = tn_call_cast(e, tn_call(e, "Unsqueeze", zero, axes), TN_FLOAT);
    tn_value *apart = tn_call(e, "Sub", tn_call_cast(e, w, TN_FLOAT), from);
    return tn_call(e, "Transpose perm=0,2,1", tn_call(e, "Mul", apart, tn_call(e, "Unsqueeze", scale, axes)));
}

/* The input, and in each step the state, are rounded as 8 bits would have it; the products are of floats, in which those
   of such numbers are all but exact. */
bool tn_expand_dynamic_quantize_lstm(tn_expand *e, const tn_node *n)
{
    tn_value *x[3], *y[3], *in[8] = {NULL};
    tn_call_all(e, "DynamicQuantizeLinear", 1, n->in, 3, x);
    in[0] = tn_call(e, "DequantizeLinear", x[0], x[1], x[2]);
    in[1] = dequantise_weights(e, n->in[1], W_SCALE);
    in[2] = dequantise_weights(e, n->in[2], R_SCALE);
    for (int i = 3; i < 8; i++)
        in[i] = tn_expand_input(e, i);
    tn_call_all(
        e,
        "LSTM quantised_state=1 activation_alpha activation_beta activations clip direction hidden_size input_forget",
        8, in, 3, y);
    return tn_give(e, 0, y[0]) && tn_give(e, 1, y[1]) && tn_give(e, 2, y[2]);
}

/* --- older forms, and what goes through floats ---------------------------------------------------------------------- */

bool tn_expand_contrib_quantize(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "QuantizeLinear axis", n->in[0], n->in[1], tn_expand_input(e, 2)));
}

bool tn_expand_contrib_dequantize(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "DequantizeLinear axis", n->in[0], n->in[1], tn_expand_input(e, 2)));
}

static tn_value *requantise(tn_expand *e, int from, tn_value *scale, tn_value *zero)
{
    tn_value *const *in = &e->node->in[from];
    return tn_call(e, "QuantizeLinear", tn_call(e, "DequantizeLinear", in[0], in[1], in[2]), scale, zero);
}

/* condition, X and Y each with scale and zero point, then those of the result */
bool tn_expand_qlinear_where(tn_expand *e, const tn_node *n)
{
    tn_value *x = requantise(e, 1, n->in[7], n->in[8]), *y = requantise(e, 4, n->in[7], n->in[8]);
    return tn_give(e, 0, tn_call(e, "Where", n->in[0], x, y));
}

bool tn_expand_qlinear_reduce_mean(tn_expand *e, const tn_node *n)
{
    const tn_attr *axes = tn_node_find_attr(n, "axes");
    tn_value *along = axes != NULL ? tn_expand_ints(e, (int)axes->n, axes->ints) : NULL;
    tn_value *zero = tn_expand_input(e, 4);
    if (zero == NULL)
        zero = tn_expand_scalar(e, n->in[0]->dtype, 0);
    tn_value *x = tn_call(e, "DequantizeLinear", n->in[0], n->in[1], tn_expand_input(e, 2));
    return tn_give(e, 0, tn_call(e, "QuantizeLinear", tn_call(e, "ReduceMean keepdims", x, along), n->in[3], zero));
}
