/* fuse-qdq: DequantizeLinear, operator, QuantizeLinear become one integer operator.
       "a" = DequantizeLinear("x", xs, xz); "w" = DequantizeLinear(wq, ws, wz); "c" = Conv("a", "w")
       "y" = QuantizeLinear("c", ys, yz)            becomes     "y" = QLinearConv("x", xs, xz, wq, ws, wz, ys, yz)
   Conv, MatMul and Gemm become the QLinear operators of ONNX and ONNX Runtime, Add, Mul, Sigmoid, LeakyRelu, Softmax,
   AveragePool, GlobalAveragePool and Concat those of ONNX Runtime. Data movement (Reshape, Transpose, MaxPool ...)
   between equal scales is done on the integers. A Relu before the QuantizeLinear goes away when the smallest
   quantised number stands for 0, a Clip when the quantised range lies inside it: saturation does the same.
   Condition: constant scales and zero points, per tensor but for weights (per output channel), results used once,
   biases quantised as int32 in units of x scale * w scale. The result can differ from the float form where that lies
   on a tie. */
#include "ops/ops.h"
#include "pass/pass.h"

/* A quantised value with its parameters: the inputs of a DequantizeLinear, or what a QuantizeLinear makes. */
typedef struct quantised {
    tn_value *value, *scale, *zero;
} quantised;

static bool is_scalar_constant(const tn_value *v)
{
    return v != NULL && v->constant != NULL && tn_shape_count(&v->shape) == 1;
}

static tn_value *zero_like(tn_graph *g, const tn_value *scale, tn_dtype dtype)
{
    return tn_graph_add_constant(g, tn_strfmt(g->arena, "%s.zero", scale->name),
                                 tn_tensor_make(g->arena, dtype, &scale->shape));
}

static bool is_byte(const tn_value *v)
{
    return tn_dtype_is_byte(v->dtype);
}

enum { PER_TENSOR = -1 };

/* What v was before its DequantizeLinear; quantised per tensor, or else along that axis. */
static bool read_quantised(tn_graph *g, const tn_value *v, int channels, quantised *q)
{
    const tn_node *dq = v != NULL ? v->maker : NULL;
    if (!tn_node_is(dq, "DequantizeLinear") || !is_byte(dq->in[0]) || tn_node_int(dq, "block_size", 0) != 0)
        return false;
    *q = (quantised){dq->in[0], dq->in[1], tn_has_input(dq, 2) ? dq->in[2] : NULL};
    if (q->scale->constant == NULL || q->scale->dtype != TN_FLOAT || (q->zero != NULL && q->zero->constant == NULL))
        return false;
    if (tn_shape_count(&q->scale->shape) != 1) {
        int64_t axis = tn_node_int(dq, "axis", 1), rank = dq->in[0]->shape.rank;
        if (channels == PER_TENSOR || (axis < 0 ? axis + rank : axis) != channels)
            return false;
    }
    if (q->zero == NULL)
        q->zero = zero_like(g, q->scale, q->value->dtype);
    return true;
}

static int64_t lowest(tn_dtype t)
{
    return t == TN_INT8 ? -128 : 0;
}

/* Saturation of the quantised type does what the activation does. */
static bool saturates_like(const tn_node *act, const quantised *y)
{
    double scale = tn_tensor_get(y->scale->constant, 0);
    int64_t zero = y->zero->constant != NULL ? tn_tensor_get_int(y->zero->constant, 0) : 0;
    int64_t low = lowest(y->value->dtype), high = low + 255;
    if (tn_node_is(act, "Relu"))
        return zero == low;
    if (!tn_node_is(act, "Clip") || !tn_has_input(act, 1) || !tn_has_input(act, 2) || !is_scalar_constant(act->in[1])
        || !is_scalar_constant(act->in[2]))
        return false;
    double lo = tn_tensor_get(act->in[1]->constant, 0), hi = tn_tensor_get(act->in[2]->constant, 0);
    return (double)(low - zero) * scale >= lo - scale / 2 && (double)(high - zero) * scale <= hi + scale / 2;
}

static tn_node *make(tn_graph *g, const tn_node *from, const char *domain, const char *name, int n_in,
                     const quantised *y)
{
    const tn_op *op = tn_op_find(domain, name);
    assert(op != NULL);
    tn_node *n = tn_graph_make_node(g, op, from->name, n_in, 1);
    tn_node_set_origin(n, from);
    n->version = domain[0] == '\0' ? from->version : 1;
    n->n_attr = from->n_attr;
    n->attr = from->attr;
    n->out[0] = y->value;
    return n;
}

static void put(tn_node *n, int at, const quantised *q)
{
    n->in[at] = q->value;
    n->in[at + 1] = q->scale;
    n->in[at + 2] = q->zero;
}

/* Element i, or the only one. */
static double element(const tn_tensor *t, int64_t i)
{
    return tn_tensor_get(t, tn_shape_count(&t->shape) == 1 ? 0 : i);
}

/* The operators on integers add the bias to the sum of products, so its scale must be theirs: but for the rounding of
   the one product to a float. */
static bool has_scale_of_sum(const tn_node *dq, const quantised *x, const quantised *w)
{
    const tn_tensor *scale = dq->in[1]->constant, *zero = tn_has_input(dq, 2) ? dq->in[2]->constant : NULL;
    int64_t count = tn_shape_count(&dq->in[0]->shape);
    if (scale == NULL || (zero == NULL && tn_has_input(dq, 2)) || tn_node_int(dq, "block_size", 0) != 0)
        return false;
    bool one = tn_shape_count(&scale->shape) == 1 && tn_shape_count(&w->scale->shape) == 1;
    if (dq->in[0]->shape.rank > 1 && !one)
        return false;
    for (int64_t i = 0; i < count; i++) {
        double sum = tn_tensor_get(x->scale->constant, 0) * element(w->scale->constant, i);
        double off = element(scale, i) - sum;
        if (off > sum / (1 << 22) || -off > sum / (1 << 22) || (zero != NULL && element(zero, i) != 0))
            return false;
    }
    return true;
}

/* A bias that is quantised as int32 with the scale of the sum: NULL when it is something else. */
static tn_value *read_bias(const tn_value *v, const quantised *x, const quantised *w)
{
    const tn_node *dq = v->maker;
    bool fits = tn_node_is(dq, "DequantizeLinear") && dq->in[0]->dtype == TN_INT32 && has_scale_of_sum(dq, x, w);
    return fits ? dq->in[0] : NULL;
}

/* --- one rewrite per kind of operator --------------------------------------------------------------------------------- */

static tn_node *rewrite_conv(tn_graph *g, const tn_node *n, const quantised *y)
{
    quantised x, w;
    if (!read_quantised(g, n->in[0], PER_TENSOR, &x) || !read_quantised(g, n->in[1], 0, &w)
        || x.value->dtype != y->value->dtype)
        return NULL;
    tn_value *bias = tn_has_input(n, 2) ? read_bias(n->in[2], &x, &w) : NULL;
    if (tn_has_input(n, 2) && bias == NULL)
        return NULL;
    tn_node *q = make(g, n, "", "QLinearConv", bias != NULL ? 9 : 8, y);
    put(q, 0, &x);
    put(q, 3, &w);
    q->in[6] = y->scale;
    q->in[7] = y->zero;
    if (bias != NULL)
        q->in[8] = bias;
    return q;
}

static tn_node *rewrite_matmul(tn_graph *g, const tn_node *n, const quantised *y)
{
    quantised a, b;
    int columns = n->in[1]->shape.rank == 2 ? 1 : PER_TENSOR;
    if (!read_quantised(g, n->in[0], PER_TENSOR, &a) || !read_quantised(g, n->in[1], columns, &b)
        || a.value->dtype != y->value->dtype)
        return NULL;
    tn_node *q = make(g, n, "", "QLinearMatMul", 8, y);
    put(q, 0, &a);
    put(q, 3, &b);
    q->in[6] = y->scale;
    q->in[7] = y->zero;
    return q;
}

static tn_node *rewrite_gemm(tn_graph *g, const tn_node *n, const quantised *y)
{
    quantised a, b;
    int columns = tn_node_int(n, "transB", 0) != 0 ? 0 : 1;
    if (!read_quantised(g, n->in[0], PER_TENSOR, &a) || !read_quantised(g, n->in[1], columns, &b)
        || a.value->dtype != y->value->dtype)
        return NULL;
    tn_value *bias = tn_has_input(n, 2) ? read_bias(n->in[2], &a, &b) : NULL;
    if ((tn_has_input(n, 2) && bias == NULL) || tn_node_float(n, "alpha", 1) != 1 || tn_node_float(n, "beta", 1) != 1)
        return NULL;
    tn_node *q = make(g, n, "com.microsoft", "QGemm", 9, y);
    put(q, 0, &a);
    put(q, 3, &b);
    q->in[6] = bias;
    q->in[7] = y->scale;
    q->in[8] = y->zero;
    return q;
}

static tn_node *rewrite_binary(tn_graph *g, const tn_node *n, const quantised *y)
{
    quantised a, b;
    if (!read_quantised(g, n->in[0], PER_TENSOR, &a) || !read_quantised(g, n->in[1], PER_TENSOR, &b))
        return NULL;
    if (a.value->dtype != y->value->dtype || b.value->dtype != y->value->dtype)
        return NULL;
    tn_node *q = make(g, n, "com.microsoft", tn_node_is(n, "Add") ? "QLinearAdd" : "QLinearMul", 8, y);
    put(q, 0, &a);
    put(q, 3, &b);
    q->in[6] = y->scale;
    q->in[7] = y->zero;
    return q;
}

static tn_node *rewrite_unary(tn_graph *g, const tn_node *n, const quantised *y)
{
    quantised x;
    if (!read_quantised(g, n->in[0], PER_TENSOR, &x) || x.value->dtype != y->value->dtype)
        return NULL;
    tn_node *q = make(g, n, "com.microsoft", tn_strfmt(g->arena, "QLinear%s", n->op->name), 5, y);
    put(q, 0, &x);
    q->in[3] = y->scale;
    q->in[4] = y->zero;
    return q;
}

static tn_node *rewrite_concat(tn_graph *g, const tn_node *n, const quantised *y)
{
    tn_node *q = make(g, n, "com.microsoft", "QLinearConcat", 2 + 3 * n->n_in, y);
    q->in[0] = y->scale;
    q->in[1] = y->zero;
    for (int i = 0; i < n->n_in; i++) {
        quantised x;
        if (!read_quantised(g, n->in[i], PER_TENSOR, &x) || x.value->dtype != y->value->dtype)
            return NULL;
        put(q, 2 + 3 * i, &x);
    }
    return q;
}

/* The same operator on the integers, where the scale does not change. */
static tn_node *rewrite_movement(tn_graph *g, const tn_node *n, const quantised *y)
{
    quantised x;
    if (!read_quantised(g, n->in[0], PER_TENSOR, &x) || x.value->dtype != y->value->dtype)
        return NULL;
    if (tn_tensor_get(x.scale->constant, 0) != tn_tensor_get(y->scale->constant, 0)
        || tn_tensor_get_int(x.zero->constant, 0) != tn_tensor_get_int(y->zero->constant, 0))
        return NULL;
    tn_node *q = make(g, n, "", n->op->name, n->n_in, y);
    memcpy(q->in, n->in, sizeof *q->in * (size_t)n->n_in);
    q->in[0] = x.value;
    return q;
}

typedef struct rule {
    const char *name;
    tn_node *(*rewrite)(tn_graph *g, const tn_node *n, const quantised *y);
} rule;

static const rule rules[] = {
    {"Conv", rewrite_conv},         {"MatMul", rewrite_matmul},      {"Gemm", rewrite_gemm},
    {"Add", rewrite_binary},        {"Mul", rewrite_binary},         {"Sigmoid", rewrite_unary},
    {"LeakyRelu", rewrite_unary},   {"Softmax", rewrite_unary},      {"GlobalAveragePool", rewrite_unary},
    {"AveragePool", rewrite_unary}, {"Concat", rewrite_concat},      {"MaxPool", rewrite_movement},
    {"Reshape", rewrite_movement},  {"Flatten", rewrite_movement},   {"Transpose", rewrite_movement},
    {"Squeeze", rewrite_movement},  {"Unsqueeze", rewrite_movement}, {"Slice", rewrite_movement},
};

/* --- the pass --------------------------------------------------------------------------------------------------------- */

static const rule *find_rule(const tn_node *n)
{
    for (size_t i = 0; n != NULL && i < sizeof rules / sizeof *rules; i++)
        if (tn_node_is(n, rules[i].name))
            return &rules[i];
    return NULL;
}

/* The node that a QuantizeLinear may swallow, through an activation that saturation replaces. */
static tn_node *producer(tn_graph *g, const tn_node *q, const quantised *y)
{
    tn_node *n = q->in[0]->maker;
    if (n == NULL || tn_count_uses(g, q->in[0]) != 1)
        return NULL;
    if (saturates_like(n, y) && n->in[0]->maker != NULL && tn_count_uses(g, n->in[0]) == 1)
        n = n->in[0]->maker;
    return n;
}

static bool rewrite_at(tn_graph *g, size_t at)
{
    const tn_node *q = g->nodes.items[at];
    if (!tn_node_is(q, "QuantizeLinear") || !is_scalar_constant(q->in[1]) || !is_byte(q->out[0])
        || q->in[1]->dtype != TN_FLOAT || (tn_has_input(q, 2) && !is_scalar_constant(q->in[2])))
        return false;
    quantised y = {q->out[0], q->in[1], tn_has_input(q, 2) ? q->in[2] : zero_like(g, q->in[1], q->out[0]->dtype)};
    const tn_node *n = producer(g, q, &y);
    const rule *r = find_rule(n);
    tn_node *fused = r != NULL && n->in[0] != NULL ? r->rewrite(g, n, &y) : NULL;
    if (fused == NULL)
        return false;
    fused->out[0]->maker = fused;
    g->nodes.items[at] = fused; /* where the QuantizeLinear stood: all operands are ready */
    return true;
}

bool tn_pass_fuse_qdq(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    for (size_t i = 0; i < g->nodes.n; i++)
        if (rewrite_at(g, i))
            *changed = true;
    tn_graph_drop_dead(g);
    return true;
}
