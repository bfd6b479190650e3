/* Operators that move elements, and those on shapes. Tensors of any type, quantised ones included. */
#include "tflite/fixed.h"

static tn_value *ints_of(tfl_op *op, int i)
{
    return tn_tfl_call(op, "Cast to=7", tn_tfl_in(op, i));
}

/* One element of a constant input. */
static bool find_int(tfl_op *op, int i, const char *what, int64_t *out)
{
    size_t n = 0;
    const int64_t *x = tn_tfl_ints(op, i, what, &n);
    if (x != NULL && n != 1)
        return tn_tfl_error(op, "%s (input %d) has %zu elements; one is wanted", what, i, n);
    *out = x != NULL ? x[0] : 0;
    return x != NULL;
}

/* Input 1 as ONNX's second operand in int64: Tile, Expand. */
bool tn_tfl_with_ints(tfl_op *op)
{
    return tn_tfl_give_one(op, tn_tfl_call(op, op->row->call, tn_tfl_in(op, 0), ints_of(op, 1)));
}

/* The new shape is input 1 or, in old files, field 0. */
bool tn_tfl_reshape(tfl_op *op)
{
    tn_value *x = tn_tfl_in(op, 0);
    tn_flat_vec field = tn_flat_vector(op->options, 0, 4);
    int64_t dims[TN_MAX_RANK];
    if (op->out[0]->is_fixed && op->in[0]->is_fixed) {
        for (int i = 0; i < op->out[0]->shape.rank; i++)
            dims[i] = tn_tfl_dim(op->out[0], i);
        return tn_tfl_give_one(
            op, tn_tfl_call(op, "Reshape allowzero=1", x, tn_expand_ints(&op->e, op->out[0]->shape.rank, dims)));
    }
    if (tn_tfl_has(op, 1))
        return tn_tfl_give_one(op, tn_tfl_call(op, "Reshape", x, ints_of(op, 1)));
    if (field.n > TN_MAX_RANK)
        return tn_tfl_error(op, "a shape of rank %zu; at most %d is supported", field.n, (int)TN_MAX_RANK);
    for (size_t i = 0; i < field.n; i++)
        dims[i] = tn_flat_at_i32(field, i);
    return tn_tfl_give_one(op, tn_call_reshape(&op->e, x, (int)field.n, dims));
}

static const char *list_text(tfl_op *op, const int64_t *x, size_t n)
{
    const char *text = "";
    for (size_t i = 0; i < n; i++)
        text = tn_tfl_text(op, "%s%lld,", text, (long long)x[i]);
    return text;
}

bool tn_tfl_transpose(tfl_op *op)
{
    size_t n = 0;
    const int64_t *perm = tn_tfl_ints(op, 1, "the permutation", &n);
    if (perm == NULL || n > TN_MAX_RANK)
        return perm != NULL && tn_tfl_error(op, "a permutation of %zu axes", n);
    if (n == 0)
        return tn_tfl_give_one(op, tn_tfl_in(op, 0));
    return tn_tfl_give_one(
        op, tn_tfl_call(op, tn_tfl_text(op, "Transpose perm=%s", list_text(op, perm, n)), tn_tfl_in(op, 0)));
}

bool tn_tfl_squeeze(tfl_op *op)
{
    tn_flat_vec axes = tn_flat_vector(op->options, 0, 4);
    int64_t list[TN_MAX_RANK];
    if (axes.n > TN_MAX_RANK)
        return tn_tfl_error(op, "%zu axes", axes.n);
    for (size_t i = 0; i < axes.n; i++)
        list[i] = tn_flat_at_i32(axes, i);
    return tn_tfl_give_one(op, tn_tfl_call(op, "Squeeze", tn_tfl_in(op, 0),
                                           axes.n > 0 ? tn_expand_ints(&op->e, (int)axes.n, list) : NULL));
}

bool tn_tfl_expand_dims(tfl_op *op)
{
    int64_t axis = 0;
    return find_int(op, 1, "the axis", &axis) && tn_tfl_give_one(op, tn_call_unsqueeze(&op->e, tn_tfl_in(op, 0), axis));
}

/* --- joining and cutting --------------------------------------------------------------------------------------------- */

static bool join(tfl_op *op, tfl_form form, int axis, tn_value **parts)
{
    tn_value *y = tn_call_list(&op->e, tn_tfl_text(op, "Concat axis=%d", axis), op->n_in, parts);
    tn_tfl_give(op, 0, form, y);
    return !op->e.failed;
}

bool tn_tfl_pack(tfl_op *op)
{
    int axis = tn_flat_i32(op->options, 1, 0);
    tn_value **parts = TN_NEW_N(op->im->arena, tn_value *, op->n_in);
    for (int i = 0; i < op->n_in; i++) {
        if (op->in[i] == NULL)
            return tn_tfl_error(op, "input %d is omitted", i);
        parts[i] = tn_call_unsqueeze(&op->e, tn_tfl_in(op, i), axis);
    }
    return join(op, LAST, axis, parts);
}

bool tn_tfl_unpack(tfl_op *op)
{
    const char *call = tn_tfl_text(op, "Gather axis=%d", tn_flat_i32(op->options, 1, 0));
    for (int i = 0; i < op->n_out; i++)
        tn_tfl_give(op, i, LAST, tn_tfl_call(op, call, tn_tfl_in(op, 0), tn_expand_scalar(&op->e, TN_INT64, i)));
    return !op->e.failed;
}

/* Quantised parts are brought to the result's scale. */
bool tn_tfl_concatenation(tfl_op *op)
{
    tfl_form form = tn_tfl_form(op);
    int axis = tn_tfl_axis(op, form, tn_flat_i32(op->options, 0, 0), op->out[0]->shape.rank);
    tn_value **parts = TN_NEW_N(op->im->arena, tn_value *, op->n_in);
    if (axis < 0)
        return false;
    for (int i = 0; i < op->n_in; i++) {
        if (op->in[i] == NULL || op->in[i]->shape.rank != op->out[0]->shape.rank)
            return tn_tfl_error(op, "input %d is omitted or has another rank", i);
        parts[i] = tn_tfl_is_fixed(op->out[0]) ? tn_tfl_requantised(op, i, form) : tn_tfl_get(op, op->in[i], form);
    }
    if (tn_flat_i8(op->options, 1, 0) != 0)
        return tn_tfl_error(op, "a fused activation is not supported here");
    return join(op, form, axis, parts);
}

static bool split(tfl_op *op, int of, const char *call, tn_value *sizes)
{
    tn_value **out = TN_NEW_N(op->im->arena, tn_value *, op->n_out);
    tn_value *in[2] = {tn_tfl_in(op, of), sizes};
    tn_call_all(&op->e, call, sizes != NULL ? 2 : 1, in, op->n_out, out);
    for (int i = 0; i < op->n_out; i++)
        tn_tfl_give(op, i, LAST, out[i]);
    return !op->e.failed;
}

/* SPLIT: axis, x. SPLIT_V: x, sizes, axis. */
bool tn_tfl_split(tfl_op *op)
{
    int64_t axis = 0;
    return find_int(op, 0, "the axis", &axis)
        && split(op, 1, tn_tfl_text(op, "Split axis=%lld num_outputs=%d", (long long)axis, op->n_out), NULL);
}

bool tn_tfl_split_v(tfl_op *op)
{
    int64_t axis = 0, rest = 0;
    size_t n = 0, open = 0;
    const int64_t *sizes = tn_tfl_ints(op, 1, "the sizes", &n);
    if (sizes == NULL || !find_int(op, 2, "the axis", &axis) || tn_tfl_axis(op, LAST, axis, op->in[0]->shape.rank) < 0)
        return false;
    int64_t *all = TN_NEW_N(op->im->arena, int64_t, n + 1);
    rest = tn_tfl_dim(op->in[0], tn_tfl_axis(op, LAST, axis, op->in[0]->shape.rank));
    for (size_t i = 0; i < n; i++) {
        rest -= sizes[i] >= 0 ? sizes[i] : 0;
        open += sizes[i] < 0;
    }
    if (n != (size_t)op->n_out || open > 1 || (open == 1 && !op->in[0]->is_fixed))
        return tn_tfl_error(op, "%zu sizes, %zu of them open, for %d outputs", n, open, op->n_out);
    for (size_t i = 0; i < n; i++)
        all[i] = sizes[i] >= 0 ? sizes[i] : rest;
    return split(op, 0, tn_tfl_text(op, "Split axis=%lld", (long long)axis), tn_expand_ints(&op->e, (int)n, all));
}

bool tn_tfl_slice(tfl_op *op)
{
    size_t n = 0, m = 0;
    const int64_t *begin = tn_tfl_ints(op, 1, "the begin", &n),
                  *size = begin != NULL ? tn_tfl_ints(op, 2, "the size", &m) : NULL;
    int64_t end[TN_MAX_RANK];
    if (size == NULL)
        return false;
    if (n != m || n != (size_t)op->in[0]->shape.rank)
        return tn_tfl_error(op, "%zu begins and %zu sizes for rank %d", n, m, op->in[0]->shape.rank);
    for (size_t i = 0; i < n; i++)
        end[i] = size[i] < 0 ? INT64_MAX : begin[i] + size[i];
    return tn_tfl_give_one(op, tn_tfl_call(op, "Slice", tn_tfl_in(op, 0), tn_expand_ints(&op->e, (int)n, begin),
                                           tn_expand_ints(&op->e, (int)n, end)));
}

/* Begin, end and step for each axis that is cut; what is dropped and what is new afterwards. */
typedef struct cut {
    int n, n_drop, n_new;
    int64_t axis[TN_MAX_RANK], begin[TN_MAX_RANK], end[TN_MAX_RANK], step[TN_MAX_RANK], drop[TN_MAX_RANK],
        add[TN_MAX_RANK];
} cut;

static bool bit(tfl_op *op, int field, size_t i)
{
    return i < 32 && (tn_flat_u32(op->options, field, 0) >> i & 1u) != 0;
}

/* One entry of begin, end and strides for axis `axis`. */
static bool cut_axis(tfl_op *op, cut *c, size_t i, int axis, const int64_t *begin, const int64_t *end,
                     const int64_t *step)
{
    bool shrinks = bit(op, 4, i);
    if (step[i] == 0 || axis >= op->in[0]->shape.rank)
        return tn_tfl_error(op, step[i] == 0 ? "stride %zu is 0" : "more entries (%zu) than axes", i);
    int64_t last = tn_flat_bool(op->options, 5) ? begin[i] + end[i] : end[i];
    c->axis[c->n] = axis;
    c->step[c->n] = shrinks ? 1 : step[i];
    c->begin[c->n] = !bit(op, 0, i) || shrinks ? begin[i] : step[i] > 0 ? 0 : INT64_MAX;
    c->end[c->n] = shrinks       ? (begin[i] == -1 ? INT64_MAX : begin[i] + 1)
                 : bit(op, 1, i) ? (step[i] > 0 ? INT64_MAX : INT64_MIN)
                                 : last;
    if (shrinks)
        c->drop[c->n_drop++] = axis;
    c->n++;
    return true;
}

/* Which axis of the input each entry is for: an ellipsis stands for those that no other entry names, a new axis for
   none. */
static bool read_cut(tfl_op *op, size_t n, const int64_t *begin, const int64_t *end, const int64_t *step, cut *c)
{
    int rank = op->in[0]->shape.rank, axis = 0, named = 0, out = 0;
    for (size_t i = 0; i < n; i++)
        named += !bit(op, 2, i) && !bit(op, 3, i);
    for (size_t i = 0; i < n; i++) {
        if (bit(op, 2, i)) {
            axis += rank > named ? rank - named : 0;
            out += rank > named ? rank - named : 0;
        } else if (bit(op, 3, i)) {
            if (c->n_new >= TN_MAX_RANK)
                return tn_tfl_error(op, "too many new axes");
            c->add[c->n_new++] = out++;
        } else {
            if (!cut_axis(op, c, i, axis++, begin, end, step))
                return false;
            out += !bit(op, 4, i);
        }
    }
    return true;
}

bool tn_tfl_strided_slice(tfl_op *op)
{
    size_t n[3] = {0};
    const int64_t *at[3] = {NULL};
    static const char *const what[] = {"the begin", "the end", "the strides"};
    cut c = {0};
    for (int i = 0; i < 3; i++) {
        at[i] = tn_tfl_ints(op, 1 + i, what[i], &n[i]);
        if (at[i] == NULL)
            return false;
    }
    if (n[0] != n[1] || n[0] != n[2] || n[0] > 2 * TN_MAX_RANK)
        return tn_tfl_error(op, "%zu begins, %zu ends, %zu strides", n[0], n[1], n[2]);
    if (!read_cut(op, n[0], at[0], at[1], at[2], &c))
        return false;
    tn_value *y = tn_tfl_in(op, 0);
    if (c.n > 0)
        y = tn_tfl_call(op, "Slice", y, tn_expand_ints(&op->e, c.n, c.begin), tn_expand_ints(&op->e, c.n, c.end),
                        tn_expand_ints(&op->e, c.n, c.axis), tn_expand_ints(&op->e, c.n, c.step));
    if (c.n_drop > 0)
        y = tn_tfl_call(op, "Squeeze", y, tn_expand_ints(&op->e, c.n_drop, c.drop));
    if (c.n_new > 0)
        y = tn_tfl_call(op, "Unsqueeze", y, tn_expand_ints(&op->e, c.n_new, c.add));
    return tn_tfl_give_one(op, y);
}

bool tn_tfl_reverse(tfl_op *op)
{
    size_t n = 0;
    const int64_t *axes = tn_tfl_ints(op, 1, "the axes", &n);
    if (axes == NULL || n > TN_MAX_RANK)
        return axes != NULL && tn_tfl_error(op, "%zu axes", n);
    tn_value *y = tn_tfl_in(op, 0);
    for (size_t i = 0; i < n; i++)
        y = tn_call_slice(&op->e, y, axes[i], INT64_MAX, INT64_MIN, -1);
    return tn_tfl_give_one(op, y);
}

bool tn_tfl_reverse_sequence(tfl_op *op)
{
    const char *call = tn_tfl_text(op, "ReverseSequence time_axis=%d batch_axis=%d", tn_flat_i32(op->options, 0, 0),
                                   tn_flat_i32(op->options, 1, 0));
    return tn_tfl_give_one(op, tn_tfl_call(op, call, tn_tfl_in(op, 0), ints_of(op, 1)));
}

/* --- padding ---------------------------------------------------------------------------------------------------------- */

/* [[before, after], ...] by axes of the file, as ONNX's befores and afters by axes of the form. */
static tn_value *pads_of(tfl_op *op, tfl_form form, const int64_t **pairs)
{
    size_t n = 0;
    int rank = op->in[0]->shape.rank;
    int64_t pads[2 * TN_MAX_RANK] = {0};
    *pairs = tn_tfl_ints(op, 1, "the paddings", &n);
    if (*pairs != NULL && n != 2 * (size_t)rank) {
        tn_tfl_error(op, "%zu paddings for rank %d", n, rank);
        *pairs = NULL;
    }
    for (int i = 0; *pairs != NULL && i < rank; i++) {
        int axis = tn_tfl_axis(op, form, i, rank);
        pads[axis] = (*pairs)[2 * i];
        pads[axis + rank] = (*pairs)[2 * i + 1];
        if (pads[axis] < 0 || pads[axis + rank] < 0)
            tn_tfl_error(op, "paddings %lld and %lld of axis %d; 0 or more are wanted", (long long)pads[axis],
                         (long long)pads[axis + rank], i);
    }
    return tn_expand_ints(&op->e, 2 * rank, pads);
}

/* With zeros, which in a quantised tensor are its zero point, or with input 2. */
bool tn_tfl_pad(tfl_op *op)
{
    const tfl_tensor *x = op->in[0];
    tfl_form form = tn_tfl_form_of(x);
    const int64_t *pairs = NULL;
    tn_value *pads = pads_of(op, form, &pairs), *fill = NULL;
    if (tn_tfl_has(op, 2))
        fill = tn_call_reshape(&op->e, tn_tfl_in(op, 2), 0, NULL);
    else
        fill = tn_expand_scalar(&op->e, x->dtype, x->n_scale > 0 ? (double)x->zero[0] : 0);
    tn_tfl_give(op, 0, form, tn_tfl_call(op, "Pad", tn_tfl_get(op, op->in[0], form), pads, fill));
    return !op->e.failed;
}

/* DILATE: so many steps from each element to the next one, with input 2 between. */
bool tn_tfl_dilate(tfl_op *op)
{
    size_t n = 0;
    const int64_t *steps = tn_tfl_ints(op, 1, "the steps", &n);
    tn_value *y = tn_tfl_in(op, 0), *fill = tn_call_reshape(&op->e, tn_tfl_in(op, 2), 0, NULL);
    int rank = op->in[0]->shape.rank;
    if (steps == NULL)
        return false;
    if (n != (size_t)rank || rank >= TN_MAX_RANK || !op->in[0]->is_fixed)
        return tn_tfl_error(op, "%zu steps for rank %d, whose dims must be fixed", n, rank);
    int64_t dims[TN_MAX_RANK];
    for (int i = 0; i < rank; i++)
        dims[i] = tn_tfl_dim(op->in[0], i);
    for (int i = 0; i < rank; i++) {
        int64_t pads[2 * TN_MAX_RANK] = {0}, d = dims[i];
        if (steps[i] < 1 || (d > 0 && steps[i] > TN_DIM_MAX / d))
            return tn_tfl_error(op, "step %lld of axis %d; 1 or more is wanted", (long long)steps[i], i);
        pads[rank + 1 + i + 1] = steps[i] - 1;
        dims[i] = d * steps[i];
        y = tn_tfl_call(op, "Pad", tn_call_unsqueeze(&op->e, y, i + 1), tn_expand_ints(&op->e, 2 * rank + 2, pads),
                        fill);
        y = tn_tfl_call(op, "Reshape allowzero=1", y, tn_expand_ints(&op->e, rank, dims));
        dims[i] = d > 0 ? dims[i] - steps[i] + 1 : 0;
        y = tn_call_slice(&op->e, y, i, 0, dims[i], 1);
    }
    return tn_tfl_give_one(op, y);
}

/* The border element counts too: by a list of indices for each axis. */
static tn_value *pad_symmetric(tfl_op *op, tn_value *x, int axis, int64_t extent, int64_t before, int64_t after)
{
    int64_t n = before + extent + after;
    tn_shape s = tn_shape_fixed(1, &n);
    tn_tensor *index = tn_tensor_make(op->im->arena, TN_INT64, &s);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i - before;
        tn_tensor_set_int(index, i, at < 0 ? -1 - at : at >= extent ? 2 * extent - 1 - at : at);
    }
    return tn_tfl_call(op, tn_tfl_text(op, "Gather axis=%d", axis), x, tn_tfl_constant(op, index));
}

bool tn_tfl_mirror_pad(tfl_op *op)
{
    const tfl_tensor *x = op->in[0];
    const int64_t *pairs = NULL;
    tn_value *pads = pads_of(op, LAST, &pairs), *y = tn_tfl_in(op, 0);
    if (pairs == NULL)
        return false;
    if (tn_flat_i8(op->options, 0, 0) == 0)
        return tn_tfl_give_one(op, tn_tfl_call(op, "Pad mode=reflect", y, pads));
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t before = pairs[2 * i], after = pairs[2 * i + 1], n = tn_tfl_dim(x, i);
        if (!x->is_fixed || before < 0 || after < 0 || before > n || after > n)
            return tn_tfl_error(op, "paddings %lld and %lld of axis %d, which has %lld", (long long)before,
                                (long long)after, i, (long long)n);
        if (before + after > 0)
            y = pad_symmetric(op, y, i, n, before, after);
    }
    return tn_tfl_give_one(op, y);
}

/* --- by index ---------------------------------------------------------------------------------------------------------- */

bool tn_tfl_gather(tfl_op *op)
{
    int axis = tn_flat_i32(op->options, 0, 0), batch = tn_flat_i32(op->options, 1, 0);
    int rank = op->in[0]->shape.rank;
    tn_value *x = tn_tfl_in(op, 0), *index = tn_tfl_in(op, 1);
    axis = axis < 0 ? axis + rank : axis;
    if (batch == 0)
        return tn_tfl_give_one(op, tn_tfl_call(op, tn_tfl_text(op, "Gather axis=%d", axis), x, index));
    if (batch != axis)
        return tn_tfl_error(op, "batch_dims %d with axis %d is not supported; equal ones are", batch, axis);
    index = tn_call_unsqueeze(&op->e, tn_call_cast(&op->e, index, TN_INT64), -1);
    return tn_tfl_give_one(op, tn_tfl_call(op, tn_tfl_text(op, "GatherND batch_dims=%d", batch), x, index));
}

bool tn_tfl_gather_nd(tfl_op *op)
{
    return tn_tfl_give_one(op, tn_tfl_call(op, "GatherND", tn_tfl_in(op, 0), ints_of(op, 1)));
}

/* Indices, table, whose rows become floats where the result is one. */
bool tn_tfl_embedding(tfl_op *op)
{
    bool is_float = tn_dtype_get(op->out[0]->dtype)->is_float;
    tn_value *table = is_float && tn_tfl_is_fixed(op->in[1]) ? tn_tfl_dequantised(op, 1) : tn_tfl_in(op, 1);
    return tn_tfl_give_one(op, tn_tfl_call(op, "Gather axis=0", table, tn_tfl_in(op, 0)));
}

bool tn_tfl_one_hot(tfl_op *op)
{
    int axis = tn_flat_i32(op->options, 0, -1);
    tn_value *depth = tn_call_reshape(&op->e, tn_tfl_in(op, 1), 1, (const int64_t[]){1});
    tn_value *on = tn_call_reshape(&op->e, tn_tfl_in(op, 2), 1, (const int64_t[]){1});
    tn_value *off = tn_call_reshape(&op->e, tn_tfl_in(op, 3), 1, (const int64_t[]){1});
    return tn_tfl_give_one(op, tn_tfl_call(op, tn_tfl_text(op, "OneHot axis=%d", axis), tn_tfl_in(op, 0), depth,
                                           tn_call_join(&op->e, 0, off, on)));
}

bool tn_tfl_top_k(tfl_op *op)
{
    tn_value *out[2];
    tn_value *k = tn_call_reshape(&op->e, ints_of(op, 1), 1, (const int64_t[]){1});
    tn_value *in[2] = {tn_tfl_in(op, 0), k};
    tn_call_all(&op->e, "TopK axis=-1", 2, in, 2, out);
    tn_tfl_give(op, 0, LAST, out[0]);
    tn_tfl_give(op, 1, LAST, tn_tfl_call(op, tn_tfl_text(op, "Cast to=%d", (int)op->out[1]->dtype), out[1]));
    return !op->e.failed;
}

/* Rows of subscripts. */
bool tn_tfl_where(tfl_op *op)
{
    return tn_tfl_give_one(op, tn_tfl_call(op, "Transpose perm=1,0", tn_tfl_call(op, "NonZero", tn_tfl_in(op, 0))));
}

/* --- shapes, ranges, blocks of batches -------------------------------------------------------------------------------- */

bool tn_tfl_shape(tfl_op *op)
{
    tn_value *s = tn_tfl_call(op, "Shape", tn_tfl_in(op, 0));
    return tn_tfl_give_one(op, tn_tfl_call(op, tn_tfl_text(op, "Cast to=%d", (int)op->out[0]->dtype), s));
}

bool tn_tfl_rank(tfl_op *op)
{
    return tn_tfl_give_one(op, tn_expand_scalar(&op->e, TN_INT32, op->in[0]->shape.rank));
}

bool tn_tfl_fill(tfl_op *op)
{
    return tn_tfl_give_one(op, tn_tfl_call(op, "Expand", tn_tfl_in(op, 1), ints_of(op, 0)));
}

bool tn_tfl_range(tfl_op *op)
{
    return tn_tfl_give_one(op, tn_tfl_call(op, "Range", tn_tfl_in(op, 0), tn_tfl_in(op, 1), tn_tfl_in(op, 2)));
}

/* Two shapes become the one that they broadcast to. */
bool tn_tfl_broadcast_args(tfl_op *op)
{
    tn_value *dims[2];
    int64_t n[2];
    for (int i = 0; i < 2; i++) {
        if (op->in[i]->shape.rank != 1 || !op->in[i]->is_fixed)
            return tn_tfl_error(op, "input %d is no list of dims whose number is fixed", i);
        n[i] = tn_tfl_dim(op->in[i], 0);
        dims[i] = tn_tfl_in(op, i);
    }
    int shorter = n[0] < n[1] ? 0 : 1;
    int64_t more = n[1 - shorter] - n[shorter];
    tn_value *one = tn_expand_scalar(&op->e, op->in[0]->dtype, 1);
    if (more > 0)
        dims[shorter] =
            tn_call_join(&op->e, 0, tn_tfl_call(op, "Expand", one, tn_expand_int(&op->e, more)), dims[shorter]);
    return tn_tfl_give_one(op, tn_tfl_call(op, "Where", tn_tfl_call(op, "Equal", dims[0], one), dims[1], dims[0]));
}

/* The blocks of the axes behind the batch, and what is padded or cropped there. */
typedef struct batch_blocks {
    int n, rank;
    const int64_t *block, *pairs;
} batch_blocks;

static bool read_blocks(tfl_op *op, batch_blocks *b)
{
    size_t n = 0, pairs = 0;
    int64_t all = 1;
    b->rank = op->in[0]->shape.rank;
    b->block = tn_tfl_ints(op, 1, "the block", &n);
    b->pairs = b->block != NULL ? tn_tfl_ints(op, 2, "paddings or crops", &pairs) : NULL;
    b->n = (int)n;
    if (b->pairs == NULL)
        return false;
    bool ok = b->rank >= 2 && n >= 1 && n < (size_t)b->rank && 2 * n == pairs && b->rank + b->n <= TN_MAX_RANK
           && op->in[0]->is_fixed;
    for (size_t i = 0; i < n && ok; i++)
        ok = b->block[i] > 0 && (all *= b->block[i]) <= 1 << 20 && b->pairs[2 * i] >= 0 && b->pairs[2 * i + 1] >= 0;
    return ok
        || tn_tfl_error(op, "%zu blocks and %zu paddings for an input of rank %d, whose dims must be fixed", n, pairs,
                        b->rank);
}

/* Pad; [n, h/b, b, w/b, b, c]; the blocks before the batch. */
bool tn_tfl_space_to_batch(tfl_op *op)
{
    batch_blocks b = {0};
    int64_t pads[2 * TN_MAX_RANK] = {0}, dims[TN_MAX_RANK], perm[TN_MAX_RANK], out[TN_MAX_RANK];
    if (!read_blocks(op, &b))
        return false;
    const tfl_tensor *x = op->in[0];
    int at = 1;
    dims[0] = out[0] = tn_tfl_dim(x, 0);
    perm[b.n] = 0;
    for (int i = 0; i < b.n; i++) {
        pads[1 + i] = b.pairs[2 * i];
        pads[1 + i + b.rank] = b.pairs[2 * i + 1];
        int64_t n = tn_tfl_dim(x, 1 + i) + b.pairs[2 * i] + b.pairs[2 * i + 1];
        if (n % b.block[i] != 0)
            return tn_tfl_error(op, "axis %d has %lld elements, not a multiple of the block %lld", 1 + i, (long long)n,
                                (long long)b.block[i]);
        dims[at] = out[1 + i] = n / b.block[i];
        dims[at + 1] = b.block[i];
        perm[i] = at + 1;
        perm[b.n + 1 + i] = at;
        out[0] *= b.block[i];
        at += 2;
    }
    for (int i = b.n + 1; i < b.rank; i++, at++) {
        dims[at] = out[i] = tn_tfl_dim(x, i);
        perm[at] = at;
    }
    tn_value *fill = tn_expand_scalar(&op->e, x->dtype, x->n_scale > 0 ? (double)x->zero[0] : 0);
    tn_value *y = tn_tfl_call(op, "Pad", tn_tfl_in(op, 0), tn_expand_ints(&op->e, 2 * b.rank, pads), fill);
    y = tn_call_reshape(&op->e, y, at, dims);
    y = tn_tfl_call(op, tn_tfl_text(op, "Transpose perm=%s", list_text(op, perm, (size_t)at)), y);
    return tn_tfl_give_one(op, tn_call_reshape(&op->e, y, b.rank, out));
}

/* The way back; then crop. */
bool tn_tfl_batch_to_space(tfl_op *op)
{
    batch_blocks b = {0};
    int64_t dims[TN_MAX_RANK], perm[TN_MAX_RANK], out[TN_MAX_RANK], all = 1;
    if (!read_blocks(op, &b))
        return false;
    const tfl_tensor *x = op->in[0];
    int at = 1;
    for (int i = 0; i < b.n; i++)
        all *= dims[i] = b.block[i];
    if (tn_tfl_dim(x, 0) % all != 0)
        return tn_tfl_error(op, "a batch of %lld is no multiple of the blocks' %lld", (long long)tn_tfl_dim(x, 0),
                            (long long)all);
    dims[b.n] = out[0] = tn_tfl_dim(x, 0) / all;
    perm[0] = b.n;
    for (int i = 1; i < b.rank; i++) {
        dims[b.n + i] = tn_tfl_dim(x, i);
        out[i] = dims[b.n + i] * (i <= b.n ? b.block[i - 1] : 1);
        perm[at++] = b.n + i;
        if (i <= b.n)
            perm[at++] = i - 1;
    }
    tn_value *y = tn_call_reshape(&op->e, tn_tfl_in(op, 0), b.rank + b.n, dims);
    y = tn_tfl_call(op, tn_tfl_text(op, "Transpose perm=%s", list_text(op, perm, (size_t)at)), y);
    y = tn_call_reshape(&op->e, y, b.rank, out);
    for (int i = 0; i < b.n; i++)
        if (b.pairs[2 * i] + b.pairs[2 * i + 1] > 0)
            y = tn_call_slice(&op->e, y, 1 + i, b.pairs[2 * i], out[1 + i] - b.pairs[2 * i + 1], 1);
    return tn_tfl_give_one(op, y);
}
