/* Quantised: convolutions, matrices, LSTM. */
#include "tflite/fixed.h"

#include <math.h>

/* --- products ------------------------------------------------------------------------------------------------------ */

/* What the file's operators differ in. */
typedef struct product {
    const tfl_tensor *x, *w;
    int bias;         /* the input that it is */
    int channel_axis; /* of the weights' scales in the file */
    int behind;       /* how many axes of the result stand behind its channels */
    bool by_channel;  /* scales are multiplied in double; otherwise in float */
    bool sums_wide;   /* of 16 bits: in int64 also without a bias, which is int64 */
    tfl_limits limits;
} product;

/* A zero point, or several, in the operand's type; NULL: all are 0. */
static tn_value *zero_points(tfl_op *op, const tfl_tensor *t)
{
    bool any = false, one = true;
    for (size_t i = 0; i < t->n_scale; i++) {
        any = any || t->zero[i] != 0;
        one = one && t->zero[i] == t->zero[0];
    }
    if (!any)
        return NULL;
    tn_dtype dtype = t->dtype == TN_INT4 ? TN_INT8 : t->dtype;
    return tn_tfl_list(op, dtype, one ? 0 : 1, (const int64_t[]){(int64_t)t->n_scale}, t->zero);
}

/* A factor for each filter, or one. */
static tfl_factor *product_factors(tfl_op *op, const product *p)
{
    tfl_factor *f = TN_NEW_N(op->im->arena, tfl_factor, p->w->n_scale);
    float x = p->x->scale[0], y = op->out[0]->scale[0];
    for (size_t i = 0; i < p->w->n_scale; i++)
        f[i] = tn_tfl_factor(op->im, p->by_channel ? (double)x * (double)p->w->scale[i] / (double)y
                                                   : (double)(x * p->w->scale[i]) / (double)y);
    return f;
}

/* Of 16-bit inputs, which have no zero points. */
static bool is_wide(const product *p)
{
    return p->x->dtype == TN_INT16;
}

static bool check_wide(tfl_op *op, const product *p)
{
    const tfl_tensor *y = op->out[0];
    bool ok = p->x->zero[0] == 0 && y->zero[0] == 0 && y->dtype == TN_INT16;
    for (size_t i = 0; i < p->w->n_scale; i++)
        ok = ok && p->w->zero[i] == 0;
    return ok
        || tn_tfl_error(op, "a 16-bit input '%s' wants a 16-bit result, which '%s' is%s, and no zero points",
                        p->x->name, y->name, y->dtype == TN_INT16 ? "" : " not");
}

/* Sums stay below 2^46 where no bias is above that, so that they can be multiplied by 15 bits in int64. */
static bool check_bias(tfl_op *op, const product *p)
{
    const tfl_tensor *b = tn_tfl_has(op, p->bias) ? op->in[p->bias] : NULL;
    if (b == NULL || (b->dtype == TN_INT32 && !p->sums_wide))
        return true;
    if (b->dtype != TN_INT64 || !is_wide(p) || b->data == NULL)
        return tn_tfl_error(op, "bias '%s' is %s; %s is wanted", b->name, tn_dtype_get(b->dtype)->name,
                            p->sums_wide ? "constant int64"
                            : is_wide(p) ? "int32, or constant int64,"
                                         : "int32");
    for (int64_t i = 0; i < tn_shape_count(&b->data->shape); i++) {
        int64_t x = tn_tensor_get_int(b->data, i);
        if (x < -(INT64_C(1) << 46) || x > INT64_C(1) << 46)
            return tn_tfl_error(op, "bias '%s' holds %lld, more than 46 bits", b->name, (long long)x);
    }
    return true;
}

static bool check_product(tfl_op *op, product *p, int activation)
{
    const tfl_tensor *w = p->w;
    if (!tn_tfl_check_scale(op, p->x) || !tn_tfl_check_scale(op, op->out[0]))
        return false;
    if (!tn_tfl_is_fixed(w) || w->dtype == TN_INT16 || (w->n_scale > 1 && w->axis != p->channel_axis))
        return tn_tfl_error(op, "weights '%s' are %s; 8 bits with one scale, or one for each filter, are wanted",
                            w->name, tn_type_text(op->im->arena, w->dtype, &w->shape));
    return check_bias(op, p) && (!is_wide(p) || check_wide(op, p))
        && tn_tfl_find_limits(op, op->out[0], activation, &p->limits);
}

/* Weights of 4 bits compute as bytes. */
static tn_value *as_bytes(tfl_op *op, const tfl_tensor *w, tn_value *v)
{
    return w->dtype == TN_INT4 ? tn_tfl_call(op, "Cast to=3", v) : v;
}

/* Whether no sum of 16-bit numbers by these weights leaves int32: by the sum of each filter's sizes. */
static bool fits_int32(tfl_op *op, const product *p)
{
    const tn_tensor *w = p->w->data;
    int64_t inner = 1, filters = p->w->shape.rank > p->channel_axis ? tn_tfl_dim(p->w, p->channel_axis) : 1;
    if (w == NULL || filters < 1)
        return false;
    int64_t *sums = TN_NEW_N(op->im->arena, int64_t, filters);
    memset(sums, 0, (size_t)filters * sizeof *sums);
    for (int i = p->channel_axis + 1; i < p->w->shape.rank; i++)
        inner *= tn_tfl_dim(p->w, i);
    for (int64_t i = 0; i < tn_shape_count(&w->shape); i++) {
        int64_t x = tn_tensor_get_int(w, i), *sum = &sums[i / inner % filters];
        *sum += x < 0 ? -x : x;
        if (*sum > UINT16_MAX)
            return false;
    }
    return true;
}

static bool is_summed_wide(const tfl_op *op, const product *p)
{
    return p->sums_wide || (tn_tfl_has(op, p->bias) && op->in[p->bias]->dtype == TN_INT64);
}

/* Sums are kept in the bias's type, as TFLite keeps them, or in int32 where that makes no difference. */
static tn_dtype sum_type(tfl_op *op, const product *p)
{
    return is_summed_wide(op, p) && !fits_int32(op, p) ? TN_INT64 : TN_INT32;
}

/* Bias, rescaled sum. */
static tn_value *end_product(tfl_op *op, const product *p, tn_value *sum)
{
    const tfl_tensor *w = p->w, *y = op->out[0];
    int64_t dims[TN_MAX_RANK] = {(int64_t)w->n_scale, 1, 1, 1, 1};
    tfl_rescale to = {.zero = y->zero[0], .limits = p->limits, .to = y->dtype, .is_wide = is_summed_wide(op, p)};
    sum = tn_call_cast(&op->e, sum, to.is_wide ? TN_INT64 : TN_INT32);
    if (tn_tfl_has(op, p->bias)) {
        int64_t channels[TN_MAX_RANK] = {-1, 1, 1, 1, 1};
        sum = tn_tfl_call(op, "Add", sum, tn_call_reshape(&op->e, tn_tfl_in(op, p->bias), 1 + p->behind, channels));
    }
    return tn_tfl_rescale(op, sum, (int)w->n_scale, product_factors(op, p), w->n_scale > 1 ? 1 + p->behind : 0, dims,
                          &to);
}

bool tn_tfl_conv_fixed(tfl_op *op, const char *call, tn_value *w, int channel_axis, int activation)
{
    product p = {.x = op->in[0], .w = op->in[1], .bias = 2, .channel_axis = channel_axis};
    p.behind = p.x->shape.rank - 2;
    p.by_channel = p.x->dtype != TN_UINT8;
    if (!check_product(op, &p, activation))
        return false;
    tn_value *x = tn_tfl_first(op, 0), *k = as_bytes(op, p.w, w);
    tn_value *sum = is_wide(&p)
                      ? tn_tfl_call(op, tn_tfl_text(op, "tenon.Conv %s sum=%d", call, (int)sum_type(op, &p)), x, k)
                      : tn_tfl_call(op, tn_tfl_text(op, "ConvInteger %s", call), x, k, zero_points(op, p.x),
                                    zero_points(op, p.w));
    tn_tfl_give(op, 0, FIRST, end_product(op, &p, sum));
    return !op->e.failed;
}

/* The numbers less their zero point, in 16 bits. */
static tn_value *without_zero(tfl_op *op, const tfl_tensor *t, tn_value *v)
{
    v = tn_call_cast(&op->e, v, TN_INT16);
    return t->zero[0] == 0 ? v : tn_tfl_call(op, "Sub", v, tn_expand_scalar(&op->e, TN_INT16, (double)t->zero[0]));
}

bool tn_tfl_conv_transpose_fixed(tfl_op *op, const char *call, tn_value *w, int activation)
{
    product p = {.x = op->in[2], .w = op->in[1], .bias = 3, .behind = 2};
    p.by_channel = p.x->dtype != TN_UINT8;
    p.sums_wide = is_wide(&p);
    if (!check_product(op, &p, activation))
        return false;
    tn_value *k = p.w->dtype == TN_UINT8 ? without_zero(op, p.w, w) : as_bytes(op, p.w, w);
    tn_value *sum = tn_tfl_call(op, tn_tfl_text(op, "tenon.%s sum=%d", call, (int)sum_type(op, &p)),
                                without_zero(op, p.x, tn_tfl_first(op, 2)), k);
    tn_tfl_give(op, 0, FIRST, end_product(op, &p, sum));
    return !op->e.failed;
}

tn_value *tn_tfl_dense_fixed(tfl_op *op, tn_value *x, int activation)
{
    product p = {.x = op->in[0], .w = op->in[1], .bias = 2, .by_channel = op->in[1]->n_scale > 1};
    if (!check_product(op, &p, activation))
        return x;
    tn_value *k = tn_tfl_call(op, "Transpose perm=1,0", as_bytes(op, p.w, tn_tfl_in(op, 1)));
    tn_value *sum = is_wide(&p) ? tn_tfl_call(op, tn_tfl_text(op, "tenon.MatMul sum=%d", (int)sum_type(op, &p)), x, k)
                                : tn_tfl_call(op, "MatMulInteger", x, k, zero_points(op, p.x), zero_points(op, p.w));
    return end_product(op, &p, sum);
}

bool tn_tfl_matmul_fixed(tfl_op *op, tn_value *x, tn_value *y)
{
    const tfl_tensor *a = op->in[0], *b = op->in[1], *out = op->out[0];
    bool is_wide = a->dtype == TN_INT16;
    if (!tn_tfl_check_scales(op) || !tn_tfl_check_scale(op, b))
        return false;
    if ((b->dtype == TN_INT16) != is_wide || (is_wide && (a->zero[0] != 0 || b->zero[0] != 0 || out->zero[0] != 0)))
        return tn_tfl_error(op, "operands are %s and %s; two of 8 bits, or two of 16 without zero points, are wanted",
                            tn_dtype_get(a->dtype)->name, tn_dtype_get(b->dtype)->name);
    tn_value *sum = is_wide ? tn_tfl_call(op, tn_tfl_text(op, "tenon.MatMul sum=%d", (int)TN_INT64), x, y)
                            : tn_tfl_call(op, "MatMulInteger", x, y, zero_points(op, a), zero_points(op, b));
    const tfl_rescale to = {
        .zero = out->zero[0], .limits = tn_tfl_type_limits(out->dtype), .to = out->dtype, .is_wide = is_wide};
    return tn_tfl_give_one(
        op, tn_tfl_rescale_one(op, sum, (double)(a->scale[0] * b->scale[0]) / (double)out->scale[0], &to));
}

/* --- LSTM ------------------------------------------------------------------------------------------------------------ */

static tn_value *join_inputs(tfl_op *op, int first)
{
    tn_value *gate[4];
    for (int i = 0; i < 4; i++)
        gate[i] = tn_tfl_in(op, first + i);
    return tn_call_list(&op->e, "Concat axis=0", 4, gate);
}

/* The four gates' factors from weights times this scale to fractions of 2^12, each for all its cells. */
static tfl_factor *gate_factors(tfl_op *op, int first, float scale, int64_t cells)
{
    tfl_factor *f = TN_NEW_N(op->im->arena, tfl_factor, 4 * cells);
    for (int i = 0; i < 4; i++) {
        tfl_factor one = tn_tfl_factor(op->im, (double)(op->in[first + i]->scale[0] * scale / ldexpf(1, -12)));
        for (int64_t k = 0; k < cells; k++)
            f[i * cells + k] = one;
    }
    return f;
}

/* What the cells' outputs are scaled with: an intermediate tensor of the operator. */
static const tfl_tensor *hidden_tensor(tfl_op *op)
{
    tn_flat_vec list = tn_flat_vector(op->table, 8, 4);
    int i = list.n > 4 ? tn_flat_at_i32(list, 4) : -1;
    return i >= 0 && (size_t)i < op->im->n_tensors ? &op->im->tensors[i] : op->out[0];
}

static bool check_lstm_scales(tfl_op *op, const tfl_tensor *hidden, int *cell_bits)
{
    for (int i = 0; i < BIAS; i++) {
        if (tn_tfl_has(op, i) && !tn_tfl_check_scale(op, op->in[i]))
            return false;
        if (i > 0 && tn_tfl_has(op, i) && op->in[i]->zero[0] != 0)
            return tn_tfl_error(op, "weights '%s' have a zero point, which is not supported", op->in[i]->name);
    }
    if (!tn_tfl_check_scale(op, op->in[STATE]) || !tn_tfl_check_scale(op, op->in[CELL])
        || !tn_tfl_check_scale(op, hidden))
        return false;
    double mantissa = frexp((double)op->in[CELL]->scale[0], cell_bits);
    *cell_bits -= 1;
    if (mantissa != 0.5 || *cell_bits < -15 || *cell_bits > -11 || op->in[CELL]->zero[0] != 0)
        return tn_tfl_error(op,
                            "the cell's scale is %g; a power of 2 from 2^-15 to 2^-11 without a zero point is wanted",
                            (double)op->in[CELL]->scale[0]);
    return true;
}

void tn_tfl_lstm_fixed(tfl_op *op, tn_value *x, tn_value *h, tn_value *c, tn_value **out)
{
    const tfl_tensor *hidden = hidden_tensor(op);
    int64_t cells = tn_tfl_dim(op->in[RECURRENT], 0), gates[1] = {4 * cells};
    int64_t *m = TN_NEW_N(op->im->arena, int64_t, 4 * cells), *s = TN_NEW_N(op->im->arena, int64_t, 4 * cells);
    int cell_bits = 0;
    if (!check_lstm_scales(op, hidden, &cell_bits))
        return;
    tn_value *w = tn_tfl_call(op, "Transpose perm=1,0", join_inputs(op, WEIGHTS));
    tn_value *sum = tn_tfl_call(op, "MatMulInteger", x, w, zero_points(op, op->in[0]));
    sum = tn_tfl_call(op, "Add", sum, join_inputs(op, BIAS));
    const tfl_rescale to = {.limits = tn_tfl_type_limits(TN_INT16), .to = TN_INT16};
    sum =
        tn_tfl_rescale(op, sum, (int)(4 * cells), gate_factors(op, WEIGHTS, op->in[0]->scale[0], cells), 1, gates, &to);
    const tfl_factor *f = gate_factors(op, RECURRENT, op->in[STATE]->scale[0], cells);
    for (int64_t i = 0; i < 4 * cells; i++) {
        m[i] = f[i].multiplier;
        s[i] = f[i].shift;
    }
    tfl_factor end = tn_tfl_factor(op->im, (double)(ldexpf(1, -15) / hidden->scale[0] * ldexpf(1, -15)));
    float clip = tn_flat_float(op->options, 1, 0) / op->in[CELL]->scale[0];
    tn_value *in[6] = {sum,
                       join_inputs(op, RECURRENT),
                       tn_tfl_list(op, TN_INT32, 1, gates, m),
                       tn_tfl_list(op, TN_INT8, 1, gates, s),
                       h,
                       c};
    const char *call = tn_tfl_text(
        op,
        "tenon.FixedLstm h_zero=%lld cell_bits=%d cell_clip=%d hidden_multiplier=%lld hidden_shift=%d hidden_zero=%lld single=%d",
        (long long)op->in[STATE]->zero[0], cell_bits, clip > 0 ? (int)(clip < 32767 ? clip : 32767) : 0,
        (long long)end.multiplier, end.shift, (long long)hidden->zero[0], op->im->options->single_rounding);
    tn_call_all(&op->e, call, 6, in, 3, out);
}
