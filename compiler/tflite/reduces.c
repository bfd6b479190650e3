/* Over axes and rows: sums, extremes, softmax, norms; and products of matrices. */
#include "tflite/fixed.h"

/* --- reductions ------------------------------------------------------------------------------------------------------ */

/* An image's channels may stay first where that leaves the result's order as it is: all dims are kept, or the pixels go. */
static tfl_form reduced_form(const tfl_op *op, const tfl_axes *axes, bool keeps)
{
    bool rows = false, columns = false;
    for (int i = 0; i < axes->n; i++) {
        rows = rows || axes->axis[i] == 1;
        columns = columns || axes->axis[i] == 2;
    }
    bool may = keeps || (op->in[0]->shape.rank == 4 && rows && columns);
    return may ? tn_tfl_form_of(op->in[0]) : LAST;
}

/* Each once, as the file counts them. */
static bool find_axes(tfl_op *op, tfl_axes *out)
{
    size_t n = 0;
    const int64_t *axes = tn_tfl_ints(op, 1, "the axes", &n);
    bool is_reduced[TN_MAX_RANK] = {false};
    for (size_t i = 0; axes != NULL && i < n; i++) {
        int axis = tn_tfl_axis(op, LAST, axes[i], op->in[0]->shape.rank);
        if (axis < 0)
            return false;
        is_reduced[axis] = true;
    }
    for (int i = 0; i < op->in[0]->shape.rank; i++)
        if (is_reduced[i])
            out->axis[out->n++] = i;
    return axes != NULL;
}

bool tn_tfl_reduce(tfl_op *op)
{
    tfl_axes axes = {0};
    bool keeps = tn_flat_bool(op->options, 0), is_bool = op->in[0]->dtype == TN_BOOL;
    int64_t list[TN_MAX_RANK];
    if (!find_axes(op, &axes))
        return false;
    if (tn_tfl_is_fixed(op->in[0]) && strcmp(op->row->call, "ReduceProd") == 0)
        return tn_tfl_product_fixed(op, &axes);
    tfl_form form = reduced_form(op, &axes, keeps);
    for (int i = 0; i < axes.n; i++)
        list[i] = tn_tfl_axis(op, form, axes.axis[i], op->in[0]->shape.rank);
    tn_value *x = tn_tfl_get(op, op->in[0], form), *at = tn_expand_ints(&op->e, axes.n, list), *y = NULL;
    const char *call = tn_tfl_text(op, "%s keepdims=%d noop_with_empty_axes=1", op->row->call, keeps);
    if (tn_tfl_is_fixed(op->in[0]) && strcmp(op->row->call, "ReduceMax") != 0
        && strcmp(op->row->call, "ReduceMin") != 0)
        y = tn_tfl_reduce_fixed(op, x, at, &axes);
    else if (is_bool)
        y = tn_tfl_call(op, "Cast to=9", tn_tfl_call(op, call, tn_tfl_call(op, "Cast to=6", x), at));
    else
        y = tn_tfl_call(op, call, x, at);
    tn_tfl_give(op, 0, keeps ? form : LAST, y);
    return !op->e.failed;
}

bool tn_tfl_arg(tfl_op *op)
{
    size_t n = 0;
    const int64_t *axis = tn_tfl_ints(op, 1, "the axis", &n);
    if (axis == NULL || n != 1)
        return axis != NULL && tn_tfl_error(op, "%zu axes; one is wanted", n);
    tn_value *y = tn_tfl_call(op, tn_tfl_text(op, "%s keepdims=0 axis=%lld", op->row->call, (long long)axis[0]),
                              tn_tfl_in(op, 0));
    return tn_tfl_give_one(op, tn_tfl_call(op, tn_tfl_text(op, "Cast to=%d", (int)op->out[0]->dtype), y));
}

bool tn_tfl_cumsum(tfl_op *op)
{
    const char *call =
        tn_tfl_text(op, "CumSum exclusive=%d reverse=%d", tn_flat_bool(op->options, 0), tn_flat_bool(op->options, 1));
    return tn_tfl_give_one(op, tn_tfl_call(op, call, tn_tfl_in(op, 0), tn_tfl_in(op, 1)));
}

/* --- rows ------------------------------------------------------------------------------------------------------------- */

bool tn_tfl_softmax(tfl_op *op)
{
    float beta = tn_flat_float(op->options, 0, 0);
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_softmax_fixed(op);
    tn_value *x = tn_tfl_in(op, 0);
    if (beta != 1)
        x = tn_tfl_call(op, "Mul", x, tn_expand_scalar(&op->e, TN_FLOAT, (double)beta));
    return tn_tfl_give_one(op, tn_tfl_call(op, "Softmax axis=-1", x));
}

bool tn_tfl_log_softmax(tfl_op *op)
{
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_log_softmax_fixed(op);
    return tn_tfl_give_one(op, tn_tfl_call(op, "LogSoftmax axis=-1", tn_tfl_in(op, 0)));
}

/* x over the root of the sum of squares along the last axis, which is at least 1e-6. */
bool tn_tfl_l2_normalization(tfl_op *op)
{
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_l2_normalization_fixed(op);
    tn_value *x = tn_tfl_in(op, 0);
    tn_value *sum = tn_tfl_call(op, "ReduceSum keepdims=1", tn_tfl_call(op, "Mul", x, x), tn_expand_int(&op->e, -1));
    tn_value *norm = tn_tfl_call(op, "Max", tn_tfl_call(op, "Sqrt", sum), tn_expand_scalar(&op->e, TN_FLOAT, 1e-6));
    return tn_tfl_give_one(op, tn_tfl_activate(op, tn_tfl_call(op, "Div", x, norm), tn_flat_i8(op->options, 0, 0)));
}

/* --- matrices --------------------------------------------------------------------------------------------------------- */

/* The rows of x as the weights [out, in] want them, unless the result keeps x's dims. */
static tn_value *rows_of(tfl_op *op, bool keeps)
{
    tn_value *x = tn_tfl_in(op, 0);
    const tfl_tensor *w = op->in[1];
    if (keeps || (op->in[0]->shape.rank == 2 && tn_tfl_dim(op->in[0], 1) == tn_tfl_dim(w, 1)))
        return x;
    return tn_call_reshape(&op->e, x, 2, (const int64_t[]){-1, tn_tfl_dim(w, 1)});
}

/* A vector, where the result has no dim for the rows. */
static tn_value *shaped(tfl_op *op, tn_value *y, bool keeps)
{
    int64_t dims[TN_MAX_RANK];
    int rank = op->out[0]->shape.rank;
    if (keeps || rank == 2 || !op->out[0]->is_fixed)
        return y;
    for (int i = 0; i < rank; i++)
        dims[i] = tn_tfl_dim(op->out[0], i);
    return tn_tfl_call(op, "Reshape allowzero=1", y, tn_expand_ints(&op->e, rank, dims));
}

bool tn_tfl_fully_connected(tfl_op *op)
{
    const tfl_tensor *w = op->in[1];
    int activation = tn_flat_i8(op->options, 0, 0);
    if (tn_flat_i8(op->options, 1, 0) != 0)
        return tn_tfl_error(op,
                            "shuffled weights are not supported: convert the model with the default weights format");
    if (w->shape.rank != 2 || tn_tfl_dim(w, 1) < 1)
        return tn_tfl_error(op, "weights '%s' are %s; a matrix is wanted", w->name,
                            tn_type_text(op->im->arena, w->dtype, &w->shape));
    bool keeps = tn_flat_bool(op->options, 2) && op->in[0]->shape.rank > 2;
    tn_value *x = rows_of(op, keeps), *y = NULL;
    if (tn_tfl_is_fixed(op->in[0])) {
        y = tn_tfl_dense_fixed(op, x, activation);
    } else {
        tn_value *k = tn_tfl_is_fixed(w) ? tn_tfl_dequantised(op, 1) : tn_tfl_in(op, 1);
        tn_value *bias = tn_tfl_has(op, 2) ? tn_tfl_in(op, 2) : NULL;
        if (keeps)
            y = tn_tfl_call(op, "MatMul", x, tn_tfl_call(op, "Transpose perm=1,0", k));
        else
            y = tn_tfl_call(op, "Gemm transB=1", x, k, bias);
        if (keeps && bias != NULL)
            y = tn_tfl_call(op, "Add", y, bias);
        y = tn_tfl_activate(op, y, activation);
    }
    return tn_tfl_give_one(op, shaped(op, y, keeps));
}

static tn_value *turned(tfl_op *op, tn_value *x, int rank)
{
    const char *perm = "";
    for (int i = 0; i < rank; i++)
        perm = tn_tfl_text(op, "%s%d,", perm, i < rank - 2 ? i : i == rank - 2 ? rank - 1 : rank - 2);
    return tn_tfl_call(op, tn_tfl_text(op, "Transpose perm=%s", perm), x);
}

bool tn_tfl_batch_matmul(tfl_op *op)
{
    tn_value *v[2];
    for (int i = 0; i < 2; i++) {
        if (op->in[i]->shape.rank < 2)
            return tn_tfl_error(op, "input %d has rank %d; a matrix is wanted", i, op->in[i]->shape.rank);
        v[i] = i == 1 && tn_tfl_is_fixed(op->in[1]) && !tn_tfl_is_fixed(op->in[0]) ? tn_tfl_dequantised(op, 1)
                                                                                   : tn_tfl_in(op, i);
        v[i] = tn_flat_bool(op->options, i) ? turned(op, v[i], op->in[i]->shape.rank) : v[i];
    }
    if (tn_tfl_is_fixed(op->in[0]))
        return tn_tfl_matmul_fixed(op, v[0], v[1]);
    return tn_tfl_give_one(op, tn_tfl_call(op, "MatMul", v[0], v[1]));
}
