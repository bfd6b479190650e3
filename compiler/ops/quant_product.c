/* Products of quantised tensors, exact in int32, which wraps: MatMulInteger, ConvInteger, and with requantisation
   QLinearMatMul, QLinearConv and ONNX Runtime's QGemm.

       element   (x - x_zero_point) * (w - w_zero_point)     padding counts as x_zero_point
       then      saturate(round half to even((acc + bias) * (x_scale * w_scale / y_scale)) + y_zero_point)

   The factor is one float number per output channel and the product with it is in float, as in ONNX Runtime. */
#include "ops/matmul.h"
#include "ops/ops.h"
#include "ops/quant.h"
#include "ops/window.h"

static const tn_expr *int_zero(tn_program *p)
{
    return tn_integer(p, TN_INT32, 0);
}

/* --- matrices ----------------------------------------------------------------------------------------------------- */

/* Subscripts of a parameter that fits its operand. */
static const tn_expr *const *param_sites(tn_program *p, const tn_value *v, int which, const tn_value *operand,
                                         const tn_expr *const *at, const tn_expr **out)
{
    if (v != NULL)
        tn_matmul_param_sites(p, v, which, operand, at, out);
    return out;
}

/* (a - a_zero) * (b - b_zero) */
static const tn_expr *product(tn_program *p, const tn_node *n, int a, int a_zero, int b, int b_zero,
                              const tn_expr *const *a_at, const tn_expr *const *b_at)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *az = tn_optional_input(n, a_zero), *bz = tn_optional_input(n, b_zero);
    const tn_expr *x = tn_cast(p, TN_INT32, tn_load(p, tn_buf_of(p, n->in[a]), a_at));
    const tn_expr *y = tn_cast(p, TN_INT32, tn_load(p, tn_buf_of(p, n->in[b]), b_at));
    x = tn_sub(p, x, tn_quant_zero(p, az, param_sites(p, az, 0, n->in[a], a_at, at)));
    y = tn_sub(p, y, tn_quant_zero(p, bz, param_sites(p, bz, 1, n->in[b], b_at, at)));
    return tn_mul(p, x, y);
}

static bool check_zero(tn_graph *g, const tn_node *n, int i, int which, int operand)
{
    return !tn_has_input(n, i)
        || (tn_quant_check_type(g, n, i, TN_BIT(n->in[operand]->dtype))
            && tn_matmul_check_param(g, n, i, which, n->in[operand]));
}

bool tn_infer_matmul_integer(tn_graph *g, tn_node *n)
{
    tn_shape y;
    if (!tn_quant_check_type(g, n, 1, TN_T_BYTES) || !tn_matmul_shape(g, n, n->in[0], n->in[1], &y)
        || !check_zero(g, n, 2, 0, 0) || !check_zero(g, n, 3, 1, 1))
        return false;
    tn_set_output(n, 0, TN_INT32, &y);
    return true;
}

bool tn_lower_matmul_integer(tn_program *p, const tn_node *n)
{
    const tn_expr *a_at[TN_MAX_RANK] = {NULL}, *b_at[TN_MAX_RANK] = {NULL};
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_matmul_sites(p, c, n->in[0], n->in[1], a_at, b_at);
    tn_comp_reduce(p, c, TN_OP_ADD, int_zero(p), product(p, n, 0, 2, 1, 3, a_at, b_at), NULL);
    return true;
}

/* Inputs: a a_scale a_zero b b_scale b_zero y_scale y_zero. Scales may be 16-bit floats. */
bool tn_infer_qlinear_matmul(tn_graph *g, tn_node *n)
{
    unsigned scales = TN_BIT(TN_FLOAT) | TN_BIT(TN_FLOAT16) | TN_BIT(TN_BFLOAT16);
    tn_shape y;
    if (!tn_quant_check_type(g, n, 3, TN_T_BYTES) || !tn_matmul_shape(g, n, n->in[0], n->in[3], &y)
        || !tn_quant_check_type(g, n, 1, scales) || !tn_matmul_check_param(g, n, 1, 0, n->in[0])
        || !check_zero(g, n, 2, 0, 0) || !tn_quant_check_type(g, n, 4, scales)
        || !tn_matmul_check_param(g, n, 4, 1, n->in[3]) || !check_zero(g, n, 5, 1, 3)
        || !tn_quant_check_one(g, n, 6, "scale", scales) || !tn_quant_check_one(g, n, 7, "zero point", TN_T_BYTES))
        return false;
    tn_set_output(n, 0, n->in[7]->dtype, &y);
    return true;
}

bool tn_lower_qlinear_matmul(tn_program *p, const tn_node *n)
{
    const tn_expr *a_at[TN_MAX_RANK] = {NULL}, *b_at[TN_MAX_RANK] = {NULL}, *at[TN_MAX_RANK] = {NULL}, *factor = NULL;
    const tn_value *a = n->in[0], *b = n->in[3];
    const tn_expr *y_scale = tn_quant_scale(p, n->in[6], NULL), *y_zero = tn_quant_zero(p, n->in[7], NULL);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_matmul_sites(p, c, a, b, a_at, b_at);
    bool per_row = tn_shape_count(&n->in[1]->shape) != 1;
    const tn_expr *a_scale = tn_quant_scale(p, n->in[1], param_sites(p, n->in[1], 0, a, a_at, at));
    tn_matmul_param_sites(p, n->in[4], 1, b, b_at, at);
    if (per_row)
        factor = tn_div(p, tn_mul(p, a_scale, tn_quant_scale(p, n->in[4], at)), y_scale);
    else
        factor = tn_quant_factor(p, n, a_scale, n->in[4], y_scale, at);
    const tn_expr *acc = tn_cast(p, TN_FLOAT, tn_comp_acc(p, c, TN_INT32));
    tn_comp_reduce(p, c, TN_OP_ADD, int_zero(p), product(p, n, 0, 2, 3, 5, a_at, b_at),
                   tn_quantise(p, tn_mul(p, acc, factor), y_zero, n->out[0]->dtype));
    return true;
}

/* QGemm. Inputs: a a_scale a_zero b b_scale b_zero [c y_scale y_zero]; float output without y_zero. */
bool tn_infer_qgemm(tn_graph *g, tn_node *n)
{
    tn_shape y;
    bool quantised = tn_has_input(n, 8);
    if (!tn_quant_check_type(g, n, 3, TN_T_BYTES) || !tn_gemm_shape(g, n, n->in[0], n->in[3], &y)
        || !tn_gemm_check_addend(g, n, 6, TN_INT32, &y) || !tn_quant_check_pair(g, n, 1, 2, n->in[0]->dtype)
        || !tn_quant_check_type(g, n, 4, TN_BIT(TN_FLOAT)) || !tn_quant_check_type(g, n, 5, TN_BIT(n->in[3]->dtype)))
        return false;
    for (int i = 4; i <= 5; i++) {
        const tn_shape *s = &n->in[i]->shape;
        if (s->rank > 1 || (s->rank == 1 && !tn_dim_is(s->dim[0], 1) && !tn_dim_same(s->dim[0], y.dim[1])))
            return tn_node_error(g, n, "input %d '%s' is %s; one element or one per column is wanted", i,
                                 n->in[i]->name, tn_type_text(g->arena, n->in[i]->dtype, s));
    }
    if (quantised && (!tn_has_input(n, 7) || !tn_quant_check_pair(g, n, 7, 8, n->in[0]->dtype)))
        return tn_node_error(g, n, "y_zero_point needs a y_scale of one element and the type of A");
    if (!quantised && tn_has_input(n, 7))
        return tn_node_error(g, n, "y_scale is given without y_zero_point");
    tn_set_output(n, 0, quantised ? n->in[0]->dtype : TN_FLOAT, &y);
    return true;
}

bool tn_lower_qgemm(tn_program *p, const tn_node *n)
{
    const tn_expr *a_at[TN_MAX_RANK] = {NULL}, *b_at[TN_MAX_RANK] = {NULL}, *at[1];
    bool quantised = tn_has_input(n, 8);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_gemm_sites(p, c, n, n->in[0], a_at, b_at);
    const tn_expr *left =
        tn_mul(p, tn_number(p, TN_FLOAT, tn_node_float(n, "alpha", 1)), tn_quant_scale(p, n->in[1], NULL));
    at[0] = tn_shape_count(&n->in[4]->shape) == 1 ? tn_index(p, 0) : c->at[1];
    const tn_expr *factor =
        tn_quant_factor(p, n, left, n->in[4], quantised ? tn_quant_scale(p, n->in[7], NULL) : NULL, at);
    const tn_expr *x = tn_cast(p, TN_INT32, tn_load(p, tn_buf_of(p, n->in[0]), a_at));
    const tn_expr *w = tn_cast(p, TN_INT32, tn_load(p, tn_buf_of(p, n->in[3]), b_at));
    at[0] = tn_shape_count(&n->in[5]->shape) == 1 ? tn_index(p, 0) : c->at[1];
    x = tn_sub(p, x, tn_quant_zero(p, tn_optional_input(n, 2), NULL));
    w = tn_sub(p, w, tn_quant_zero(p, n->in[5], at));
    const tn_expr *post = tn_comp_acc(p, c, TN_INT32);
    if (tn_has_input(n, 6))
        post = tn_add(p, post, tn_load_broadcast(p, c, tn_buf_of(p, n->in[6])));
    post = tn_mul(p, tn_cast(p, TN_FLOAT, post), factor);
    if (quantised)
        post = tn_quantise(p, post, tn_quant_zero(p, n->in[8], NULL), n->out[0]->dtype);
    tn_comp_reduce(p, c, TN_OP_ADD, int_zero(p), tn_mul(p, x, w), post);
    return true;
}

/* --- convolutions ------------------------------------------------------------------------------------------------- */

/* A parameter of the weights: one element or one per filter. */
static bool check_filter_param(tn_graph *g, const tn_node *n, int i, const tn_conv *k, unsigned types)
{
    const tn_value *v = n->in[i];
    bool one = v->shape.rank == 0 || (v->shape.rank == 1 && tn_dim_is(v->shape.dim[0], 1));
    if (one || (v->shape.rank == 1 && tn_dim_is(v->shape.dim[0], k->groups * k->out)))
        return tn_quant_check_type(g, n, i, types);
    return tn_node_error(g, n, "input %d '%s' is %s; one element or one per filter (%lld) is wanted", i, v->name,
                         tn_value_type(g->arena, v), (long long)(k->groups * k->out));
}

static const tn_expr *const *filter_site(tn_program *p, const tn_comp *c, const tn_value *v, const tn_expr **at)
{
    at[0] = v == NULL || tn_shape_count(&v->shape) == 1 ? tn_index(p, 0) : c->at[1];
    return at;
}

/* The sum's element; outside x the load gives the zero point, so that the difference is 0. */
static const tn_expr *conv_element(tn_program *p, const tn_node *n, tn_comp *c, const tn_conv *k, const tn_value *w,
                                   const tn_value *x_zero, const tn_value *w_zero)
{
    const tn_expr *x_at[TN_MAX_RANK] = {NULL}, *w_at[TN_MAX_RANK] = {NULL}, *at[1];
    tn_conv_sites(p, c, k, x_at, w_at);
    tn_buf *x = tn_buf_of(p, n->in[0]);
    const tn_expr *xz = tn_quant_zero(p, x_zero, NULL), *wz = tn_quant_zero(p, w_zero, filter_site(p, c, w_zero, at));
    const tn_expr *a = tn_cast(p, TN_INT32, tn_load_or(p, x, x_at, tn_cast(p, x->dtype, xz)));
    const tn_expr *b = tn_cast(p, TN_INT32, tn_load(p, tn_buf_of(p, w), w_at));
    return tn_mul(p, tn_sub(p, a, xz), tn_sub(p, b, wz));
}

bool tn_infer_conv_integer(tn_graph *g, tn_node *n)
{
    tn_conv k;
    tn_shape y;
    if (!tn_quant_check_type(g, n, 1, TN_T_BYTES) || !tn_conv_make(g, n, n->in[0], n->in[1], &k, &y)
        || (tn_has_input(n, 2) && !tn_quant_check_one(g, n, 2, "zero point", TN_BIT(n->in[0]->dtype)))
        || (tn_has_input(n, 3) && !check_filter_param(g, n, 3, &k, TN_BIT(n->in[1]->dtype))))
        return false;
    tn_set_output(n, 0, TN_INT32, &y);
    return true;
}

bool tn_lower_conv_integer(tn_program *p, const tn_node *n)
{
    tn_conv k;
    tn_shape y;
    if (!tn_conv_make(p->graph, n, n->in[0], n->in[1], &k, &y))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *e = conv_element(p, n, c, &k, n->in[1], tn_optional_input(n, 2), tn_optional_input(n, 3));
    tn_comp_reduce(p, c, TN_OP_ADD, int_zero(p), e, NULL);
    return true;
}

/* Inputs: x x_scale x_zero w w_scale w_zero y_scale y_zero [bias]. */
bool tn_infer_qlinear_conv(tn_graph *g, tn_node *n)
{
    tn_conv k;
    tn_shape y;
    if (!tn_quant_check_type(g, n, 3, TN_T_BYTES) || !tn_conv_make(g, n, n->in[0], n->in[3], &k, &y)
        || !tn_quant_check_pair(g, n, 1, 2, n->in[0]->dtype) || !check_filter_param(g, n, 4, &k, TN_BIT(TN_FLOAT))
        || !check_filter_param(g, n, 5, &k, TN_BIT(n->in[3]->dtype))
        || !tn_quant_check_one(g, n, 6, "scale", TN_BIT(TN_FLOAT))
        || !tn_quant_check_one(g, n, 7, "zero point", TN_T_BYTES)
        || !tn_conv_check_bias(g, n, 8, TN_INT32, k.groups * k.out))
        return false;
    tn_set_output(n, 0, n->in[7]->dtype, &y);
    return true;
}

bool tn_lower_qlinear_conv(tn_program *p, const tn_node *n)
{
    tn_conv k;
    tn_shape y;
    const tn_expr *at[1];
    if (!tn_conv_make(p->graph, n, n->in[0], n->in[3], &k, &y))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *e = conv_element(p, n, c, &k, n->in[3], n->in[2], n->in[5]);
    const tn_expr *x_scale = tn_quant_scale(p, n->in[1], NULL), *y_scale = tn_quant_scale(p, n->in[6], NULL);
    const tn_expr *factor = tn_quant_factor(p, n, x_scale, n->in[4], y_scale, filter_site(p, c, n->in[4], at));
    const tn_expr *post = tn_comp_acc(p, c, TN_INT32);
    if (tn_has_input(n, 8))
        post = tn_add(p, post, tn_load(p, tn_buf_of(p, n->in[8]), &c->at[1]));
    post = tn_mul(p, tn_cast(p, TN_FLOAT, post), factor);
    tn_comp_reduce(p, c, TN_OP_ADD, int_zero(p), e,
                   tn_quantise(p, post, tn_quant_zero(p, n->in[7], NULL), n->out[0]->dtype));
    return true;
}
