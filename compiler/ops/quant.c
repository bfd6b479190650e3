/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, and the arithmetic of quant.h.

       QuantizeLinear     saturate(round half to even(x / scale) + zero_point)     2.5 / 1 + 10 gives 12, 3.5 gives 14
       DequantizeLinear   (x - zero_point) * scale, the difference in int32

   One scale per tensor, per index of an axis, or per block of an axis. x / scale is a division in float whatever the
   type of x, as in ONNX Runtime. */
#include "ops/quant.h"

#include "ops/ops.h"

/* --- arithmetic --------------------------------------------------------------------------------------------------- */

const tn_value *tn_optional_input(const tn_node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}

static bool is_uniform(const tn_value *v)
{
    if (v->constant == NULL)
        return false;
    int64_t count = tn_shape_count(&v->shape);
    for (int64_t i = 1; i < count; i++)
        if (tn_tensor_get(v->constant, i) != tn_tensor_get(v->constant, 0))
            return false;
    return count > 0;
}

static const tn_expr *load_param(tn_program *p, const tn_value *v, const tn_expr *const *at)
{
    const tn_expr *zeros[TN_MAX_RANK];
    tn_dtype dt = tn_dtype_get(v->dtype)->compute;
    if (is_uniform(v) && tn_dtype_get(v->dtype)->is_float)
        return tn_number(p, dt, tn_tensor_get(v->constant, 0));
    if (is_uniform(v))
        return tn_integer(p, dt, tn_tensor_get_int(v->constant, 0));
    for (int i = 0; i < TN_MAX_RANK; i++)
        zeros[i] = tn_index(p, 0);
    return tn_load(p, tn_buf_of(p, v), at != NULL ? at : zeros);
}

const tn_expr *tn_quant_zero(tn_program *p, const tn_value *v, const tn_expr *const *at)
{
    return v == NULL ? tn_integer(p, TN_INT32, 0) : tn_cast(p, TN_INT32, load_param(p, v, at));
}

const tn_expr *tn_quant_scale(tn_program *p, const tn_value *v, const tn_expr *const *at)
{
    return tn_cast(p, TN_FLOAT, load_param(p, v, at));
}

static const tn_expr *scaled(tn_program *p, const tn_expr *left, const tn_expr *scale, const tn_expr *by)
{
    const tn_expr *x = tn_mul(p, left, scale);
    return by != NULL ? tn_div(p, x, by) : x;
}

const tn_expr *tn_quant_factor(tn_program *p, const tn_node *n, const tn_expr *left, const tn_value *scale,
                               const tn_expr *by, const tn_expr *const *at)
{
    const tn_expr *zeros[TN_MAX_RANK];
    for (int i = 0; i < TN_MAX_RANK; i++)
        zeros[i] = tn_index(p, 0);
    const tn_expr *x = scaled(p, left, tn_quant_scale(p, scale, NULL), by);
    if (x->kind == TN_E_NUM)
        return x;
    tn_buf *b = tn_buf_temp(p, "factor", TN_FLOAT, scale->shape.rank, scale->shape.dim);
    tn_comp *c = tn_comp_begin(p, n, b);
    tn_comp_set(p, c, scaled(p, left, tn_quant_scale(p, scale, c->at), by));
    return tn_load(p, b, at != NULL ? at : zeros);
}

/* x between lo and hi, NaN as lo. Selections, not min and max: one instruction each, and NaN has a result. */
static const tn_expr *clamp(tn_program *p, const tn_expr *x, double lo, double hi)
{
    const tn_expr *least = tn_number(p, x->dtype, lo), *most = tn_number(p, x->dtype, hi);
    x = tn_select(p, tn_lt(p, least, x), x, least);
    return tn_select(p, tn_lt(p, x, most), x, most);
}

/* A known zero point moves the bounds instead of what lies between them: whole numbers, so that rounding comes last
   but for an exact sum, and processors round and convert in one instruction. */
const tn_expr *tn_quantise(tn_program *p, const tn_expr *x, const tn_expr *zero, tn_dtype to)
{
    const tn_dtype_info *info = tn_dtype_get(to);
    assert(!info->is_float && (info->size <= 2 || (info->size == 4 && x->dtype == TN_DOUBLE)));
    int64_t range = (int64_t)1 << info->bits, lowest = info->is_signed ? -range / 2 : 0;
    double lo = (double)lowest, hi = (double)(lowest + range - 1);
    const tn_expr *z = tn_cast(p, x->dtype, zero);
    if (z->kind != TN_E_NUM) {
        x = tn_add(p, tn_op1(p, TN_OP_ROUND, x), z);
        return tn_cast(p, to, clamp(p, x, lo, hi));
    }
    x = tn_op1(p, TN_OP_ROUND, clamp(p, x, lo - z->f, hi - z->f));
    return tn_cast(p, to, z->f != 0 ? tn_add(p, x, z) : x);
}

const tn_expr *tn_dequantise(tn_program *p, const tn_expr *q, const tn_expr *zero, const tn_expr *scale)
{
    const tn_expr *difference = tn_sub(p, tn_cast(p, TN_INT32, q), zero);
    return tn_mul(p, tn_cast(p, TN_FLOAT, difference), scale);
}

/* --- checks ------------------------------------------------------------------------------------------------------- */

bool tn_quant_check_type(tn_graph *g, const tn_node *n, int i, unsigned types)
{
    if ((types & TN_BIT(n->in[i]->dtype)) != 0)
        return true;
    tn_str text = {.arena = g->arena};
    for (int t = 0; t < 31; t++)
        if ((types & TN_BIT(t)) != 0)
            tn_str_add(&text, "%s%s", text.len > 0 ? ", " : "", tn_dtype_get(t)->name);
    return tn_node_error(g, n, "input %d '%s' is %s; one of %s is wanted", i, n->in[i]->name,
                         tn_dtype_get(n->in[i]->dtype)->name, text.text);
}

static bool is_one(const tn_shape *s)
{
    return s->rank == 0 || (s->rank == 1 && tn_dim_is(s->dim[0], 1));
}

bool tn_quant_check_one(tn_graph *g, const tn_node *n, int i, const char *what, unsigned types)
{
    const tn_value *v = n->in[i];
    if (!is_one(&v->shape))
        return tn_node_error(g, n, "the %s '%s' is %s; one element is wanted", what, v->name,
                             tn_value_type(g->arena, v));
    return tn_quant_check_type(g, n, i, types);
}

bool tn_quant_check_pair(tn_graph *g, const tn_node *n, int scale, int zero, tn_dtype dtype)
{
    return tn_quant_check_one(g, n, scale, "scale", TN_BIT(TN_FLOAT))
        && (!tn_has_input(n, zero) || tn_quant_check_one(g, n, zero, "zero point", TN_BIT(dtype)));
}

/* --- granularity -------------------------------------------------------------------------------------------------- */

/* axis -1: one scale; otherwise the subscript is index / block of that axis, among all dims when all is set. */
typedef struct granularity {
    int axis;
    int64_t block;
    bool all;
} granularity;

static bool fits_blocks(tn_graph *g, const tn_shape *x, const tn_shape *s, int axis, int64_t block)
{
    if (s->rank != x->rank)
        return false;
    for (int i = 0; i < x->rank; i++) {
        tn_dim want = x->dim[i];
        if (i == axis) {
            want = tn_dim_do(g->arena, TN_SYM_ADD, want, tn_dim_fixed(block - 1));
            want = tn_dim_do(g->arena, TN_SYM_DIV, want, tn_dim_fixed(block));
        }
        if (!tn_dim_same(want, s->dim[i]))
            return false;
    }
    return true;
}

static bool read_granularity(tn_graph *g, const tn_node *n, granularity *out)
{
    const tn_shape *x = &n->in[0]->shape, *s = &n->in[1]->shape;
    int64_t block = tn_node_int(n, "block_size", 0);
    *out = (granularity){-1, 1, false};
    if (tn_has_input(n, 2) && !tn_shape_equal(&n->in[2]->shape, s) && !(is_one(&n->in[2]->shape) && is_one(s)))
        return tn_node_error(g, n, "the scale is %s, the zero point %s; one shape is wanted",
                             tn_type_text(g->arena, n->in[1]->dtype, s), tn_value_type(g->arena, n->in[2]));
    if (block < 0 || block > INT32_MAX)
        return tn_node_error(g, n, "block_size is %lld", (long long)block);
    if (s->rank == 0 || (block == 0 && is_one(s)))
        return true;
    if (!tn_node_axis(g, n, tn_node_int(n, "axis", 1), x->rank, &out->axis))
        return false;
    out->all = block > 0;
    out->block = block > 0 ? block : 1;
    if (block > 0 ? fits_blocks(g, x, s, out->axis, block) : s->rank == 1 && tn_dim_same(s->dim[0], x->dim[out->axis]))
        return true;
    return tn_node_error(g, n,
                         "the scale is %s, the input %s; one scale, one per index of axis %d or one per block of "
                         "block_size (%lld) is wanted",
                         tn_type_text(g->arena, n->in[1]->dtype, s), tn_type_text(g->arena, n->in[0]->dtype, x),
                         out->axis, (long long)block);
}

static void param_sites(tn_program *p, const tn_comp *c, const granularity *k, const tn_expr **at)
{
    for (int i = 0; i < TN_MAX_RANK; i++)
        at[i] = k->all && i < c->out->rank ? c->at[i] : tn_index(p, 0);
    if (k->axis >= 0)
        at[k->all ? k->axis : 0] = tn_op2(p, TN_OP_FDIV, c->at[k->axis], tn_index(p, k->block));
}

/* --- QuantizeLinear, DequantizeLinear ----------------------------------------------------------------------------- */

#define T_SCALES (TN_BIT(TN_FLOAT) | TN_BIT(TN_FLOAT16) | TN_BIT(TN_BFLOAT16))
/* What QuantizeLinear makes: integers, and the floats of 8 and 4 bits, whose zero point is 0. */
#define T_FLOATS (TN_T_FLOAT8 | TN_BIT(TN_FLOAT4E2M1))
#define T_STORED (TN_T_QUANT | TN_T_SMALL_INTS | T_FLOATS)

/* output_dtype, or otherwise where it is absent; TN_UNDEFINED after an error. */
static tn_dtype read_output_type(tn_graph *g, const tn_node *n, tn_dtype otherwise, unsigned types)
{
    int64_t t = tn_node_int(n, "output_dtype", 0);
    if (t == 0)
        return otherwise;
    if (t > 0 && t < 31 && (types & TN_BIT(t)) != 0)
        return (tn_dtype)t;
    tn_node_error(g, n, "output_dtype is %lld (%s), which is not supported", (long long)t,
                  t > 0 && t < 31 ? tn_dtype_get((int)t)->name : "unknown");
    return TN_UNDEFINED;
}

bool tn_infer_quantize(tn_graph *g, tn_node *n)
{
    granularity k;
    if (!tn_quant_check_type(g, n, 1, T_SCALES | TN_BIT(TN_INT32)))
        return false;
    tn_dtype to = read_output_type(g, n, tn_has_input(n, 2) ? n->in[2]->dtype : TN_UINT8, T_STORED);
    if (to == TN_UNDEFINED || (tn_has_input(n, 2) && !tn_quant_check_type(g, n, 2, TN_BIT(to) & T_STORED)))
        return false;
    if (!read_granularity(g, n, &k))
        return false;
    tn_set_output(n, 0, to, &n->in[0]->shape);
    return true;
}

bool tn_lower_quantize(tn_program *p, const tn_node *n)
{
    granularity k;
    const tn_expr *at[TN_MAX_RANK];
    if (!read_granularity(p->graph, n, &k))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    param_sites(p, c, &k, at);
    const tn_expr *x = tn_cast(p, TN_FLOAT, tn_load(p, tn_buf_of(p, n->in[0]), c->at));
    const tn_value *zero = tn_optional_input(n, 2);
    tn_dtype to = n->out[0]->dtype;
    x = tn_div(p, x, tn_quant_scale(p, n->in[1], at));
    if (!tn_dtype_is_float(to)) {
        tn_comp_set(p, c, tn_quantise(p, x, tn_quant_zero(p, zero, at), to));
        return true;
    }
    if (zero != NULL)
        x = tn_add(p, x, tn_quant_scale(p, zero, at));
    tn_comp_set(p, c, tn_node_int(n, "saturate", 1) != 0 ? tn_saturate_float(p, x, to) : x);
    return true;
}

bool tn_infer_dequantize(tn_graph *g, tn_node *n)
{
    granularity k;
    if (!tn_quant_check_type(g, n, 1, T_SCALES))
        return false;
    tn_dtype to = read_output_type(g, n, n->in[1]->dtype, T_SCALES);
    if (to == TN_UNDEFINED || (tn_has_input(n, 2) && !tn_quant_check_type(g, n, 2, TN_BIT(n->in[0]->dtype))))
        return false;
    if (!read_granularity(g, n, &k))
        return false;
    tn_set_output(n, 0, to, &n->in[0]->shape);
    return true;
}

bool tn_lower_dequantize(tn_program *p, const tn_node *n)
{
    granularity k;
    const tn_expr *at[TN_MAX_RANK];
    if (!read_granularity(p->graph, n, &k))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    param_sites(p, c, &k, at);
    const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[0]), c->at), *scale = tn_quant_scale(p, n->in[1], at);
    const tn_value *zero = tn_optional_input(n, 2);
    if (!tn_dtype_is_float(n->in[0]->dtype)) {
        tn_comp_set(p, c, tn_dequantise(p, x, tn_quant_zero(p, zero, at), scale));
        return true;
    }
    if (zero != NULL)
        x = tn_sub(p, x, tn_quant_scale(p, zero, at));
    tn_comp_set(p, c, tn_mul(p, x, scale));
    return true;
}

/* --- DynamicQuantizeLinear ---------------------------------------------------------------------------------------- */

bool tn_infer_dynamic_quantize(tn_graph *g, tn_node *n)
{
    (void)g;
    tn_shape one = {.known = true};
    tn_set_output(n, 0, TN_UINT8, &n->in[0]->shape);
    tn_set_output(n, 1, TN_FLOAT, &one);
    tn_set_output(n, 2, TN_UINT8, &one);
    return true;
}

/* The smallest or largest element, or 0 if that is beyond: 0 must be representable. */
static const tn_expr *extreme(tn_program *p, const tn_node *n, tn_buf *x, const tn_dim *dims, tn_scalar_op op,
                              const char *name)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    tn_buf *b = tn_buf_temp(p, name, TN_FLOAT, 0, NULL);
    tn_comp *c = tn_comp_begin(p, n, b);
    for (int i = 0; i < x->rank; i++)
        at[i] = tn_reduce_over(p, c, dims[i]);
    tn_comp_reduce(p, c, op, tn_number(p, TN_FLOAT, 0), tn_load(p, x, at), NULL);
    return tn_load(p, b, at);
}

void tn_quant_measure(tn_program *p, const tn_node *n, tn_buf *x, const tn_dim *dims, tn_buf *scale, tn_buf *point)
{
    const tn_expr *nowhere[1] = {NULL}, *zero = tn_number(p, TN_FLOAT, 0);
    const tn_expr *least = extreme(p, n, x, dims, TN_OP_MIN, "smallest");
    const tn_expr *most = extreme(p, n, x, dims, TN_OP_MAX, "largest");
    const tn_expr *span = tn_sub(p, most, least), *one = tn_number(p, TN_FLOAT, 1);
    const tn_expr *step = tn_div(p, span, tn_number(p, TN_FLOAT, 255));
    tn_comp_set(p, tn_comp_begin(p, n, scale), tn_select(p, tn_op2(p, TN_OP_EQ, span, zero), one, step));
    const tn_expr *start = tn_div(p, tn_sub(p, zero, least), tn_load(p, scale, nowhere));
    tn_comp_set(p, tn_comp_begin(p, n, point), tn_quantise(p, start, tn_integer(p, TN_INT32, 0), TN_UINT8));
}

static tn_buf *output_or_temp(tn_program *p, const tn_node *n, int i, const char *name, tn_dtype dtype)
{
    if (i < n->n_out && n->out[i] != NULL)
        return tn_buf_of(p, n->out[i]);
    return tn_buf_temp(p, name, dtype, 0, NULL);
}

bool tn_lower_dynamic_quantize(tn_program *p, const tn_node *n)
{
    const tn_expr *nowhere[1] = {NULL};
    tn_buf *scale = output_or_temp(p, n, 1, "scale", TN_FLOAT);
    tn_buf *point = output_or_temp(p, n, 2, "zero_point", TN_UINT8);
    tn_quant_measure(p, n, tn_buf_of(p, n->in[0]), n->in[0]->shape.dim, scale, point);
    if (n->out[0] == NULL)
        return true;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *x = tn_div(p, tn_load(p, tn_buf_of(p, n->in[0]), c->at), tn_load(p, scale, nowhere));
    tn_comp_set(p, c, tn_quantise(p, x, tn_cast(p, TN_INT32, tn_load(p, point, nowhere)), TN_UINT8));
    return true;
}
