/* The quantised operators of ONNX Runtime's domain com.microsoft that are not products. Each says what a float operator
   would give on dequantised inputs, requantised; the order of the float operations is ONNX Runtime's on x86.

       QLinearAdd   c_zero - (ra * a_zero + rb * b_zero) + ra * a + rb * b,   where ra = a_scale / c_scale
       QLinearMul   (a - a_zero) * (b - b_zero) * (a_scale * b_scale / c_scale) + c_zero
       both then rounded half to even and saturated */
#include "ops/ops.h"
#include "ops/quant.h"
#include "ops/window.h"

static const tn_expr *scale_of(tn_program *p, const tn_node *n, int i)
{
    return tn_quant_scale(p, n->in[i], NULL);
}

static const tn_expr *zero_of(tn_program *p, const tn_node *n, int i)
{
    return tn_quant_zero(p, tn_optional_input(n, i), NULL);
}

/* --- Add, Mul: a a_scale a_zero b b_scale b_zero c_scale [c_zero] ------------------------------------------------- */

bool tn_infer_qlinear_binary(tn_graph *g, tn_node *n)
{
    const tn_value *a = n->in[0], *b = n->in[3];
    tn_shape y;
    if (!tn_quant_check_type(g, n, 3, TN_BIT(a->dtype)) || !tn_quant_check_pair(g, n, 1, 2, a->dtype)
        || !tn_quant_check_pair(g, n, 4, 5, a->dtype) || !tn_quant_check_pair(g, n, 6, 7, a->dtype))
        return false;
    if (!tn_broadcast(&a->shape, &b->shape, &y))
        return tn_node_error(g, n, "'%s' is %s and '%s' is %s, which do not broadcast", a->name,
                             tn_value_type(g->arena, a), b->name, tn_value_type(g->arena, b));
    tn_set_output(n, 0, a->dtype, &y);
    return true;
}

bool tn_lower_qlinear_add(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *a = tn_cast(p, TN_FLOAT, tn_load_broadcast(p, c, tn_buf_of(p, n->in[0])));
    const tn_expr *b = tn_cast(p, TN_FLOAT, tn_load_broadcast(p, c, tn_buf_of(p, n->in[3])));
    const tn_expr *ra = tn_div(p, scale_of(p, n, 1), scale_of(p, n, 6));
    const tn_expr *rb = tn_div(p, scale_of(p, n, 4), scale_of(p, n, 6));
    const tn_expr *moved = tn_add(p, tn_mul(p, ra, tn_cast(p, TN_FLOAT, zero_of(p, n, 2))),
                                  tn_mul(p, rb, tn_cast(p, TN_FLOAT, zero_of(p, n, 5))));
    const tn_expr *sum = tn_sub(p, tn_cast(p, TN_FLOAT, zero_of(p, n, 7)), moved);
    sum = tn_add(p, tn_add(p, sum, tn_mul(p, a, ra)), tn_mul(p, b, rb));
    tn_comp_set(p, c, tn_quantise(p, sum, tn_integer(p, TN_INT32, 0), c->out->dtype));
    return true;
}

bool tn_lower_qlinear_mul(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *a = tn_cast(p, TN_INT32, tn_load_broadcast(p, c, tn_buf_of(p, n->in[0])));
    const tn_expr *b = tn_cast(p, TN_INT32, tn_load_broadcast(p, c, tn_buf_of(p, n->in[3])));
    const tn_expr *ratio = tn_div(p, tn_mul(p, scale_of(p, n, 1), scale_of(p, n, 4)), scale_of(p, n, 6));
    const tn_expr *product = tn_mul(p, tn_sub(p, a, zero_of(p, n, 2)), tn_sub(p, b, zero_of(p, n, 5)));
    const tn_expr *y = tn_mul(p, tn_cast(p, TN_FLOAT, product), ratio);
    y = tn_add(p, y, tn_cast(p, TN_FLOAT, zero_of(p, n, 7)));
    tn_comp_set(p, c, tn_quantise(p, y, tn_integer(p, TN_INT32, 0), c->out->dtype));
    return true;
}

/* --- LeakyRelu, Sigmoid, Softmax: x x_scale x_zero y_scale [y_zero] ----------------------------------------------- */

bool tn_infer_qlinear_unary(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0];
    if (!tn_quant_check_pair(g, n, 1, 2, x->dtype) || !tn_quant_check_pair(g, n, 3, 4, x->dtype))
        return false;
    tn_set_output(n, 0, x->dtype, &x->shape);
    return true;
}

static const tn_expr *requantise(tn_program *p, const tn_node *n, const tn_expr *x)
{
    return tn_quantise(p, tn_div(p, x, scale_of(p, n, 3)), zero_of(p, n, 4), n->in[0]->dtype);
}

bool tn_lower_qlinear_leaky_relu(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *q = tn_load(p, tn_buf_of(p, n->in[0]), c->at);
    const tn_expr *x = tn_dequantise(p, q, zero_of(p, n, 2), scale_of(p, n, 1));
    const tn_expr *leaked = tn_mul(p, tn_number(p, TN_FLOAT, tn_node_float(n, "alpha", 0.01f)), x);
    const tn_expr *negative = tn_lt(p, x, tn_number(p, TN_FLOAT, 0));
    tn_comp_set(p, c, requantise(p, n, tn_select(p, negative, leaked, x)));
    return true;
}

/* The subscript of a 256-element table for a byte. */
static const tn_expr *byte_index(tn_program *p, const tn_expr *q, tn_dtype dtype)
{
    return tn_add(p, tn_cast(p, TN_INDEX, q), tn_index(p, dtype == TN_INT8 ? 128 : 0));
}

/* By a table of all 256 values, which is a constant when the parameters are. */
bool tn_lower_qlinear_sigmoid(tn_program *p, const tn_node *n)
{
    tn_dtype dt = n->in[0]->dtype;
    tn_dim all = tn_dim_fixed(256);
    tn_buf *table = tn_buf_temp(p, "table", dt, 1, &all);
    tn_comp *c = tn_comp_begin(p, n, table);
    const tn_expr *one = tn_number(p, TN_FLOAT, 1);
    const tn_expr *q = tn_sub(p, c->at[0], tn_index(p, dt == TN_INT8 ? 128 : 0));
    const tn_expr *x = tn_dequantise(p, q, zero_of(p, n, 2), scale_of(p, n, 1));
    const tn_expr *e = tn_op1(p, TN_OP_EXP, tn_op1(p, TN_OP_NEG, x));
    tn_comp_set(p, c, requantise(p, n, tn_div(p, one, tn_add(p, one, e))));
    c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *at = byte_index(p, tn_load(p, tn_buf_of(p, n->in[0]), c->at), dt);
    tn_comp_set(p, c, tn_load(p, table, &at));
    return true;
}

static bool softmax_axes(tn_graph *g, const tn_node *n, int *first, int *last)
{
    int rank = n->in[0]->shape.rank;
    bool flat = tn_node_int(n, "opset", 13) < 13;
    if (!tn_node_axis(g, n, tn_node_int(n, "axis", flat ? 1 : -1), rank, first))
        return false;
    *last = flat ? rank - 1 : *first;
    return true;
}

bool tn_infer_qlinear_softmax(tn_graph *g, tn_node *n)
{
    int first = 0, last = 0;
    return tn_infer_qlinear_unary(g, n) && softmax_axes(g, n, &first, &last);
}

/* A computation over the rows that reduces what is along them; at gets the subscripts of x. */
static tn_comp *over_rows(tn_program *p, const tn_node *n, tn_buf *out, int first, int last, const tn_expr **at)
{
    const tn_shape *s = &n->in[0]->shape;
    tn_comp *c = tn_comp_begin(p, n, out);
    for (int i = 0; i < s->rank; i++)
        at[i] = i >= first && i <= last ? tn_reduce_over(p, c, s->dim[i]) : c->at[i];
    return c;
}

static const tn_expr *below(tn_program *p, const tn_expr *most, const tn_expr *x)
{
    return tn_sub(p, tn_cast(p, TN_INDEX, most), tn_cast(p, TN_INDEX, x));
}

/* exp((x - largest) * x_scale) by a table of the 256 differences; then e / (sum * y_scale), rounded, plus y_zero. ONNX
   Runtime takes floor(1 / y_scale) instead, the same for its own scale of 1/256, but of 1/255 in float it makes 254;
   and it lets an int8 result of 128 wrap to -128, where this saturates. */
bool tn_lower_qlinear_softmax(tn_program *p, const tn_node *n)
{
    int first = 0, last = 0;
    tn_dtype dt = n->in[0]->dtype;
    tn_dim all = tn_dim_fixed(256), rows[TN_MAX_RANK];
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *row[TN_MAX_RANK] = {NULL};
    if (!softmax_axes(p->graph, n, &first, &last))
        return false;
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        rows[i] = i >= first && i <= last ? tn_dim_fixed(1) : n->in[0]->shape.dim[i];
    tn_buf *x = tn_buf_of(p, n->in[0]), *table = tn_buf_temp(p, "exp", TN_FLOAT, 1, &all);
    tn_buf *most = tn_buf_temp(p, "largest", dt, x->rank, rows);
    tn_buf *total = tn_buf_temp(p, "sum", TN_FLOAT, x->rank, rows);
    tn_comp *c = tn_comp_begin(p, n, table);
    const tn_expr *down = tn_cast(p, TN_FLOAT, tn_sub(p, tn_index(p, 0), c->at[0]));
    tn_comp_set(p, c, tn_op1(p, TN_OP_EXP, tn_mul(p, down, scale_of(p, n, 1))));

    c = over_rows(p, n, most, first, last, at);
    tn_comp_reduce(p, c, TN_OP_MAX, tn_integer(p, dt, dt == TN_INT8 ? -128 : 0), tn_load(p, x, at), NULL);

    c = over_rows(p, n, total, first, last, at);
    const tn_expr *step = below(p, tn_load(p, most, c->at), tn_load(p, x, at));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, TN_FLOAT, 0), tn_load(p, table, &step), NULL);

    c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < x->rank; i++)
        row[i] = i >= first && i <= last ? tn_index(p, 0) : c->at[i];
    step = below(p, tn_load(p, most, row), tn_load(p, x, c->at));
    const tn_expr *y = tn_div(p, tn_load(p, table, &step), tn_mul(p, tn_load(p, total, row), scale_of(p, n, 3)));
    tn_comp_set(p, c, tn_quantise(p, y, zero_of(p, n, 4), dt));
    return true;
}

/* --- pooling: x x_scale x_zero y_scale [y_zero] ------------------------------------------------------------------- */

/* The first spatial dim and their number. */
static bool spatial_dims(tn_graph *g, const tn_node *n, int *first, int *rank)
{
    const tn_value *x = n->in[0];
    if (x->shape.rank < 3)
        return tn_node_error(g, n, "input '%s' is %s; a batch, channels and at least one spatial dim are wanted",
                             x->name, tn_value_type(g->arena, x));
    *first = tn_node_int(n, "channels_last", 0) != 0 ? 1 : 2;
    *rank = x->shape.rank - 2;
    return true;
}

bool tn_infer_qlinear_global_pool(tn_graph *g, tn_node *n)
{
    int first = 0, rank = 0;
    tn_shape y = n->in[0]->shape;
    if (!tn_infer_qlinear_unary(g, n) || !spatial_dims(g, n, &first, &rank))
        return false;
    for (int i = 0; i < rank; i++)
        y.dim[first + i] = tn_dim_fixed(1);
    tn_set_output(n, 0, n->in[0]->dtype, &y);
    return true;
}

/* The sum of x - x_zero is exact in int32; the factor is x_scale / (y_scale * count). */
bool tn_lower_qlinear_global_pool(tn_program *p, const tn_node *n)
{
    int first = 0, rank = 0;
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *count = tn_index(p, 1);
    if (!spatial_dims(p->graph, n, &first, &rank))
        return false;
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = over_rows(p, n, tn_buf_of(p, n->out[0]), first, first + rank - 1, at);
    for (int i = 0; i < rank; i++)
        count = tn_mul(p, count, x->dim[first + i]);
    const tn_expr *factor = tn_mul(p, scale_of(p, n, 3), tn_cast(p, TN_FLOAT, count));
    factor = tn_div(p, scale_of(p, n, 1), factor);
    const tn_expr *e = tn_sub(p, tn_cast(p, TN_INT32, tn_load(p, x, at)), zero_of(p, n, 2));
    const tn_expr *y = tn_mul(p, tn_cast(p, TN_FLOAT, tn_comp_acc(p, c, TN_INT32)), factor);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, TN_INT32, 0), e, tn_quantise(p, y, zero_of(p, n, 4), x->dtype));
    return true;
}

static bool make_window(tn_graph *g, const tn_node *n, tn_window *w)
{
    int first = 0, rank = 0;
    return spatial_dims(g, n, &first, &rank)
        && tn_window_make(g, n, &n->in[0]->shape, first, rank, NULL, tn_node_int(n, "ceil_mode", 0) != 0, w);
}

bool tn_infer_qlinear_average_pool(tn_graph *g, tn_node *n)
{
    tn_window w;
    tn_shape y = n->in[0]->shape;
    if (!tn_infer_qlinear_unary(g, n) || !make_window(g, n, &w))
        return false;
    tn_window_shape(&w, &y);
    tn_set_output(n, 0, n->in[0]->dtype, &y);
    return true;
}

/* round(sum * x_scale / count / y_scale + y_zero), the sum exact in int32. count_include_pad counts the whole kernel,
   even where ceil_mode lets it reach past the padding, as ONNX Runtime does. */
bool tn_lower_qlinear_average_pool(tn_program *p, const tn_node *n)
{
    tn_window w;
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *count = tn_index(p, 1);
    if (!make_window(p->graph, n, &w))
        return false;
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < x->rank; i++)
        at[i] = c->at[i];
    tn_window_taps(p, c, &w, at, NULL);
    for (int i = 0; i < w.rank; i++)
        count = tn_mul(p, count, tn_index(p, w.kernel[i]));
    if (tn_node_int(n, "count_include_pad", 0) == 0)
        count = tn_window_count(p, c, &w, x, false);
    const tn_expr *zero = zero_of(p, n, 2), *acc = tn_comp_acc(p, c, TN_INT32);
    const tn_expr *e = tn_cast(p, TN_INT32, tn_load_or(p, x, at, tn_cast(p, x->dtype, zero)));
    const tn_expr *y = tn_mul(p, scale_of(p, n, 1), tn_cast(p, TN_FLOAT, acc));
    y = tn_div(p, tn_div(p, y, tn_cast(p, TN_FLOAT, count)), scale_of(p, n, 3));
    y = tn_add(p, y, tn_cast(p, TN_FLOAT, zero_of(p, n, 4)));
    y = tn_quantise(p, y, tn_integer(p, TN_INT32, 0), x->dtype);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, TN_INT32, 0), tn_sub(p, e, zero), y);
    return true;
}

/* --- Concat: y_scale y_zero (x x_scale x_zero)... ----------------------------------------------------------------- */

static bool add_part(tn_graph *g, const tn_node *n, int i, int axis, tn_shape *y)
{
    const tn_value *x = n->in[i];
    bool fits = x->shape.rank == y->rank;
    for (int k = 0; k < y->rank && fits; k++)
        fits = k == axis || tn_dim_same(x->shape.dim[k], y->dim[k]);
    if (!fits)
        return tn_node_error(g, n, "input %d '%s' is %s, input 2 is %s; all dims but %d must be equal", i, x->name,
                             tn_value_type(g->arena, x), n->in[2]->name, axis);
    y->dim[axis] = tn_dim_do(g->arena, TN_SYM_ADD, y->dim[axis], x->shape.dim[axis]);
    return true;
}

bool tn_infer_qlinear_concat(tn_graph *g, tn_node *n)
{
    int axis = 0;
    if ((n->n_in - 2) % 3 != 0)
        return tn_node_error(g, n, "%d inputs; y_scale, y_zero_point and three for each part are wanted", n->n_in);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] == NULL)
            return tn_node_error(g, n, "input %d is omitted", i);
    tn_dtype dt = n->in[1]->dtype;
    if (!tn_quant_check_type(g, n, 1, TN_T_BYTES) || !tn_quant_check_pair(g, n, 0, 1, dt))
        return false;
    tn_shape y = n->in[2]->shape;
    if (tn_node_find_attr(n, "axis") == NULL)
        return tn_node_error(g, n, "attribute axis is missing");
    if (!tn_node_axis(g, n, tn_node_int(n, "axis", 0), y.rank, &axis))
        return false;
    y.dim[axis] = tn_dim_fixed(0);
    for (int i = 2; i < n->n_in; i += 3)
        if (!tn_quant_check_type(g, n, i, TN_BIT(dt)) || !tn_quant_check_pair(g, n, i + 1, i + 2, dt)
            || !add_part(g, n, i, axis, &y))
            return false;
    tn_set_output(n, 0, dt, &y);
    return true;
}

bool tn_lower_qlinear_concat(tn_program *p, const tn_node *n)
{
    int axis = 0;
    tn_buf *out = tn_buf_of(p, n->out[0]);
    const tn_expr *offset = tn_index(p, 0), *y_scale = scale_of(p, n, 0), *y_zero = zero_of(p, n, 1);
    if (!tn_node_axis(p->graph, n, tn_node_int(n, "axis", 0), out->rank, &axis))
        return false;
    for (int i = 2; i < n->n_in; i += 3) {
        const tn_expr *at[TN_MAX_RANK] = {NULL}, *x_scale = scale_of(p, n, i + 1), *x_zero = zero_of(p, n, i + 2);
        tn_buf *x = tn_buf_of(p, n->in[i]);
        tn_comp *c = tn_comp_over(p, n, out, out->rank, n->in[i]->shape.dim);
        for (int k = 0; k < out->rank; k++) {
            at[k] = tn_axis_var(p, c, k);
            c->at[k] = k == axis ? tn_add(p, at[k], offset) : at[k];
        }
        const tn_expr *q = tn_load(p, x, at);
        if (x_scale != y_scale || x_zero != y_zero)
            q = tn_quantise(p, tn_div(p, tn_dequantise(p, q, x_zero, x_scale), y_scale), y_zero, out->dtype);
        tn_comp_set(p, c, q);
        offset = tn_add(p, offset, x->dim[axis]);
    }
    return true;
}
