/* Elements that are written, found or kept by their places: segments, diagonals, updates, what repeats, boxes. */
#include "tflite/fixed.h"

/* The rows of indices that ONNX wants: int64. */
static tn_value *places_of(tfl_op *op, int i)
{
    return tn_call_cast(&op->e, tn_tfl_in(op, i), TN_INT64);
}

static tn_value *filled(tfl_op *op, double x, tn_value *shape)
{
    return tn_tfl_call(op, "Expand", tn_expand_scalar(&op->e, op->out[0]->dtype, x), shape);
}

/* Indices, updates, shape: added up over zeros. */
bool tn_tfl_scatter_nd(tfl_op *op)
{
    return tn_tfl_give_one(op, tn_tfl_call(op, "ScatterND reduction=add", filled(op, 0, places_of(op, 2)),
                                           places_of(op, 0), tn_tfl_in(op, 1)));
}

/* Places, shape, values, default. One place is a number, places in a row numbers; one value is for all. */
bool tn_tfl_sparse_to_dense(tfl_op *op)
{
    int rank = op->in[0]->shape.rank;
    const int64_t *dims = rank == 0 ? (const int64_t[]){1, 1} : (const int64_t[]){-1, 1};
    tn_value *at = places_of(op, 0), *values = tn_tfl_in(op, 2);
    if (rank < 2)
        at = tn_call_reshape(&op->e, at, 2, dims);
    int64_t count = rank == 0 ? 1 : tn_tfl_dim(op->in[0], 0);
    if (op->in[2]->shape.rank == 0)
        values = tn_tfl_call(op, "Expand", values, tn_expand_int(&op->e, count));
    tn_value *y = tn_tfl_call(op, "Expand", tn_tfl_in(op, 3), places_of(op, 1));
    return tn_tfl_give_one(op, tn_tfl_call(op, "ScatterND", y, at, values));
}

/* --- segments ------------------------------------------------------------------------------------------------------------ */

static bool reduces_by(const tfl_op *op, const char *name)
{
    return strcmp(op->row->call, name) == 0;
}

/* What no element is combined with. */
static double neutral(const tfl_op *op)
{
    const tn_dtype_info *info = tn_dtype_get(op->out[0]->dtype);
    double most = info->is_float ? 3.40282346638528859812e38 : (double)((INT64_C(1) << (info->bits - 1)) - 1);
    if (reduces_by(op, "min"))
        return most;
    if (reduces_by(op, "max"))
        return info->is_float ? -most : -most - 1;
    return reduces_by(op, "mul") ? 1 : 0;
}

/* Rows by their segments' numbers into so many segments. What has a number below 0 goes to one more, which is cut off. */
static bool combine_segments(tfl_op *op, int64_t count)
{
    int rank = op->in[0]->shape.rank, of = op->in[1]->shape.rank;
    int64_t dims[TN_MAX_RANK] = {count + 1};
    if (!op->in[0]->is_fixed || of > rank || count < 0 || count >= TN_DIM_MAX || rank - of + 1 > TN_MAX_RANK)
        return tn_tfl_error(op, "data %s, segments %s and %lld of these: fixed dims are wanted",
                            tn_type_text(op->im->arena, op->in[0]->dtype, &op->in[0]->shape),
                            tn_type_text(op->im->arena, op->in[1]->dtype, &op->in[1]->shape), (long long)count);
    for (int i = of; i < rank; i++)
        dims[1 + i - of] = tn_tfl_dim(op->in[0], i);
    tn_value *at = places_of(op, 1), *rest = tn_expand_scalar(&op->e, TN_INT64, (double)count);
    tn_value *below = tn_tfl_call(op, "Less", at, tn_expand_scalar(&op->e, TN_INT64, 0));
    at = tn_call_unsqueeze(&op->e, tn_tfl_call(op, "Where", below, rest, at), -1);
    tn_value *y =
        tn_tfl_call(op, tn_tfl_text(op, "ScatterND reduction=%s", op->row->call),
                    filled(op, neutral(op), tn_expand_ints(&op->e, rank - of + 1, dims)), at, tn_tfl_in(op, 0));
    return tn_tfl_give_one(op, tn_call_slice(&op->e, y, 0, 0, count, 1));
}

bool tn_tfl_unsorted_segments(tfl_op *op)
{
    size_t n = 0;
    const int64_t *count = tn_tfl_ints(op, 2, "the number of segments", &n);
    if (count != NULL && n != 1)
        return tn_tfl_error(op, "%zu numbers of segments; one is wanted", n);
    return count != NULL && combine_segments(op, count[0]);
}

/* As many as the last number says: known, or what the file declares. */
bool tn_tfl_segment_sum(tfl_op *op)
{
    size_t n = 0;
    if (op->in[1]->data != NULL) {
        const int64_t *id = tn_tfl_ints(op, 1, "the segments", &n);
        return id != NULL && combine_segments(op, n > 0 ? id[n - 1] + 1 : 0);
    }
    if (!op->out[0]->is_fixed || op->out[0]->shape.rank < 1)
        return tn_tfl_error(
            op, "the number of segments, dim 0 of '%s', must be declared where the segments are not a constant",
            op->out[0]->name);
    return combine_segments(op, tn_tfl_dim(op->out[0], 0));
}

/* --- diagonals ------------------------------------------------------------------------------------------------------------- */

/* Where row and column are the same. */
static tn_value *diagonal(tfl_op *op, int64_t rows, int64_t columns)
{
    tn_shape s = tn_shape_fixed(2, (const int64_t[]){rows, columns});
    tn_tensor *t = tn_tensor_make(op->im->arena, TN_BOOL, &s);
    for (int64_t i = 0; i < rows && i < columns; i++)
        tn_tensor_set_int(t, i * columns + i, 1);
    return tn_tfl_constant(op, t);
}

bool tn_tfl_matrix_diag(tfl_op *op)
{
    const tfl_tensor *x = op->in[0];
    int rank = x->shape.rank;
    if (rank < 1 || rank >= TN_MAX_RANK || !x->is_fixed)
        return tn_tfl_error(op, "input '%s' is %s; rows of fixed dims are wanted", x->name,
                            tn_type_text(op->im->arena, x->dtype, &x->shape));
    int64_t n = tn_tfl_dim(x, rank - 1);
    tn_value *zero = tn_expand_scalar(&op->e, x->dtype, x->n_scale > 0 ? (double)x->zero[0] : 0);
    return tn_tfl_give_one(
        op, tn_tfl_call(op, "Where", diagonal(op, n, n), tn_call_unsqueeze(&op->e, tn_tfl_in(op, 0), -1), zero));
}

/* Along the shorter of the two axes. */
bool tn_tfl_matrix_set_diag(tfl_op *op)
{
    const tfl_tensor *x = op->in[0];
    int rank = x->shape.rank;
    if (rank < 2 || !x->is_fixed)
        return tn_tfl_error(op, "input '%s' is %s; matrices of fixed dims are wanted", x->name,
                            tn_type_text(op->im->arena, x->dtype, &x->shape));
    int64_t rows = tn_tfl_dim(x, rank - 2), columns = tn_tfl_dim(x, rank - 1);
    tn_value *new = tn_call_unsqueeze(&op->e, tn_tfl_in(op, 1), rows <= columns ? -1 : -2);
    return tn_tfl_give_one(op, tn_tfl_call(op, "Where", diagonal(op, rows, columns), new, tn_tfl_in(op, 0)));
}

/* --- DYNAMIC_UPDATE_SLICE: operand, update, start -------------------------------------------------------------------------- */

/* The places in the leading axes of the operand that the update starts from 0: [update's dims..., axes]. */
static tn_value *grid(tfl_op *op, int axes)
{
    int64_t dims[TN_MAX_RANK + 1], all = 1;
    for (int i = 0; i < axes; i++)
        all *= dims[i] = tn_tfl_dim(op->in[1], i);
    dims[axes] = axes;
    tn_shape s = tn_shape_fixed(axes + 1, dims);
    tn_tensor *t = tn_tensor_make(op->im->arena, TN_INT64, &s);
    for (int64_t i = 0; i < all; i++)
        for (int64_t k = axes - 1, rest = i; k >= 0; rest /= dims[k--])
            tn_tensor_set_int(t, i * axes + k, rest % dims[k]);
    return tn_tfl_constant(op, t);
}

/* Slices of the axes behind the last one that the update does not fill are written whole. The start is moved so that the update
   lies inside. */
bool tn_tfl_dynamic_update_slice(tfl_op *op)
{
    const tfl_tensor *x = op->in[0], *u = op->in[1];
    int rank = x->shape.rank, axes = 0;
    int64_t room[TN_MAX_RANK];
    bool ok = x->is_fixed && u->is_fixed && u->shape.rank == rank && op->in[2]->shape.rank == 1;
    for (int i = 0; i < rank && ok; i++) {
        room[i] = tn_tfl_dim(x, i) - tn_tfl_dim(u, i);
        axes = room[i] != 0 ? i + 1 : axes;
        ok = room[i] >= 0;
    }
    if (!ok || axes >= TN_MAX_RANK)
        return tn_tfl_error(op, "an update %s of %s; one of fixed dims inside of it is wanted",
                            tn_type_text(op->im->arena, u->dtype, &u->shape),
                            tn_type_text(op->im->arena, x->dtype, &x->shape));
    if (axes == 0)
        return tn_tfl_give_one(op, tn_tfl_in(op, 1));
    tn_value *start = tn_call_slice(&op->e, places_of(op, 2), 0, 0, axes, 1);
    start = tn_tfl_call(op, "Max", start, tn_expand_scalar(&op->e, TN_INT64, 0));
    start = tn_tfl_call(op, "Min", start, tn_expand_ints(&op->e, axes, room));
    return tn_tfl_give_one(op, tn_tfl_call(op, "ScatterND", tn_tfl_in(op, 0),
                                           tn_tfl_call(op, "Add", grid(op, axes), start), tn_tfl_in(op, 1)));
}

/* --- what repeats, what is looked up ----------------------------------------------------------------------------------------- */

/* Elements as they come first, and which of them each element is. */
bool tn_tfl_unique(tfl_op *op)
{
    tn_value *in[1] = {tn_tfl_in(op, 0)}, *out[3];
    tn_call_all(&op->e, "Unique sorted=0", 1, in, 3, out);
    tn_tfl_give(op, 0, LAST, out[0]);
    tn_tfl_give(op, 1, LAST, tn_call_cast(&op->e, out[2], op->out[1]->dtype));
    return !op->e.failed;
}

/* Keys that are looked for, keys, rows: the row of the key, zeros where there is none; whether there is one. */
bool tn_tfl_hashtable_lookup(tfl_op *op)
{
    int rank = op->in[2]->shape.rank;
    int64_t dims[TN_MAX_RANK] = {-1, 1, 1, 1, 1, 1, 1, 1};
    if (rank < 1 || op->in[0]->shape.rank != 1 || op->in[1]->shape.rank != 1)
        return tn_tfl_error(op, "keys of rank %d and %d, rows of rank %d; 1, 1 and more are wanted",
                            op->in[0]->shape.rank, op->in[1]->shape.rank, rank);
    tn_value *same = tn_tfl_call(op, "Equal", tn_call_unsqueeze(&op->e, tn_tfl_in(op, 0), 1), tn_tfl_in(op, 1));
    same = tn_call_cast(&op->e, same, TN_UINT8);
    tn_value *hit = tn_tfl_call(op, "ReduceMax keepdims=0", same, tn_expand_int(&op->e, 1));
    tn_value *rows =
        tn_tfl_call(op, "Gather axis=0", tn_tfl_in(op, 2), tn_tfl_call(op, "ArgMax axis=1 keepdims=0", same));
    tn_value *is_hit = tn_call_reshape(&op->e, tn_call_cast(&op->e, hit, TN_BOOL), rank, dims);
    tn_value *zero = tn_expand_scalar(&op->e, op->out[0]->dtype, 0);
    tn_tfl_give(op, 0, LAST, tn_tfl_call(op, "Where", is_hit, rows, zero));
    tn_tfl_give(op, 1, LAST, hit);
    return !op->e.failed;
}

/* --- boxes ------------------------------------------------------------------------------------------------------------------ */

/* So many elements, zeros behind those that there are. */
static tn_value *with_zeros(tfl_op *op, tn_value *x, tn_dtype dtype, int64_t count)
{
    tn_shape s = tn_shape_fixed(1, &count);
    tn_value *zeros = tn_tfl_constant(op, tn_tensor_make(op->im->arena, dtype, &s));
    return tn_call_slice(&op->e, tn_call_join(&op->e, 0, tn_call_cast(&op->e, x, dtype), zeros), 0, 0, count, 1);
}

/* Boxes, scores, the most boxes, thresholds of overlap and score; V5: sigma of soft suppression, and scores as a result. */
bool tn_tfl_nms(tfl_op *op)
{
    size_t n = 0;
    const int64_t *most = tn_tfl_ints(op, 2, "the most boxes", &n);
    bool gives_scores = op->n_out == 3;
    if (most == NULL)
        return false;
    if (n != 1 || most[0] < 1 || most[0] >= TN_DIM_MAX)
        return tn_tfl_error(op, "at most %lld boxes; 1 or more are wanted", n == 1 ? (long long)most[0] : 0);
    if (gives_scores && (op->in[5]->data == NULL || tn_tensor_get(op->in[5]->data, 0) != 0))
        return tn_tfl_error(op, "soft suppression (sigma other than a constant 0) is not supported");
    tn_value *in[5] = {tn_call_unsqueeze(&op->e, tn_tfl_in(op, 0), 0),
                       tn_call_reshape(&op->e, tn_tfl_in(op, 1), 3, (const int64_t[]){1, 1, -1}),
                       tn_expand_int(&op->e, most[0]),
                       tn_call_reshape(&op->e, tn_tfl_in(op, 3), 1, (const int64_t[]){1}),
                       tn_call_reshape(&op->e, tn_tfl_in(op, 4), 1, (const int64_t[]){1})};
    tn_value *found = tn_call_list(&op->e, "NonMaxSuppression", 5, in);
    tn_value *boxes = tn_tfl_call(op, "Gather axis=1", found, tn_expand_scalar(&op->e, TN_INT64, 2));
    tn_value *count = tn_call_reshape(&op->e, tn_call_dim(&op->e, found, 0), 0, NULL);
    tn_tfl_give(op, 0, LAST, with_zeros(op, boxes, TN_INT32, most[0]));
    if (gives_scores)
        tn_tfl_give(op, 1, LAST,
                    with_zeros(op, tn_tfl_call(op, "Gather axis=0", tn_tfl_in(op, 1), boxes), TN_FLOAT, most[0]));
    tn_tfl_give(op, op->n_out - 1, LAST, tn_call_cast(&op->e, count, TN_INT32));
    return !op->e.failed;
}
