/* Text forms of operators that move elements: what becomes of their axes and shapes where the elements are rows of bytes.

       Transpose perm=1,0 of strings [2,3]     Transpose perm=1,0,2 of uint8 [2,3,W]
       Equal                                   all bytes are equal
       Concat, Where, Equal                    the shorter ones get zeros behind

   Operators whose axes are not simply those in front of the bytes (GatherND, Tile ...) move numbers of the strings. */
#include "ops/index.h"
#include "ops/ops.h"
#include "ops/string.h"

enum { LAST = -1 };

static bool text_equal(tn_expand *e, const tn_node *n)
{
    return tn_text_need(e, 0) && tn_text_need(e, 1) && tn_give(e, 0, tn_text_same(e, n->in[0], n->in[1]));
}

static bool text_where(tn_expand *e, const tn_node *n)
{
    if (!tn_text_need(e, 1) || !tn_text_need(e, 2))
        return false;
    int64_t width = tn_text_widest(n->in[1], n->in[2]);
    return tn_text_give(e, 0,
                        tn_call(e, "Where", tn_call_unsqueeze(e, n->in[0], LAST), tn_text_widen(e, n->in[1], width),
                                tn_text_widen(e, n->in[2], width)));
}

static bool text_concat(tn_expand *e, const tn_node *n)
{
    tn_value **parts = TN_NEW_N(e->g->arena, tn_value *, n->n_in);
    int axis = 0;
    int64_t width = 1;
    if (!tn_node_axis(e->g, n, tn_node_int(n, "axis", 0), tn_text_rank(n->in[0]), &axis))
        return false;
    for (int i = 0; i < n->n_in; i++) {
        if (!tn_text_need(e, i))
            return false;
        width = tn_text_width(n->in[i]).n > width ? tn_text_width(n->in[i]).n : width;
    }
    for (int i = 0; i < n->n_in; i++)
        parts[i] = tn_text_widen(e, n->in[i], width);
    return tn_text_give(e, 0, tn_call_list(e, tn_strfmt(e->g->arena, "Concat axis=%d", axis), n->n_in, parts));
}

static bool text_gather(tn_expand *e, const tn_node *n)
{
    int axis = 0;
    return tn_node_axis(e->g, n, tn_node_int(n, "axis", 0), tn_text_rank(n->in[0]), &axis)
        && tn_text_give(e, 0, tn_call(e, tn_strfmt(e->g->arena, "Gather axis=%d", axis), n->in[0], n->in[1]));
}

/* Reshape, Expand: the shape and the bytes. */
static bool text_reshape(tn_expand *e, const tn_node *n)
{
    tn_value *shape = tn_call_join(e, 0, n->in[1], tn_call_dim(e, n->in[0], tn_text_rank(n->in[0])));
    const char *op = tn_node_int(n, "allowzero", 0) != 0 ? "Reshape allowzero=1" : n->op->name;
    return tn_text_give(e, 0, tn_call(e, op, n->in[0], shape));
}

/* Axes of a tensor of that rank, from its front: they mean the same with the bytes behind. */
static tn_value *front_axes(tn_expand *e, int i, int rank)
{
    size_t count = 0;
    int64_t axes[TN_MAX_RANK];
    const int64_t *x = tn_need_ints(e->g, e->node, i, "axes", &count);
    e->failed = e->failed || x == NULL;
    if (count > TN_MAX_RANK)
        tn_expand_error(e, "%zu axes are given; '%s' has %d", count, e->node->in[0]->name, rank);
    for (size_t k = 0; !e->failed && k < count; k++) {
        int axis = 0;
        e->failed = !tn_node_axis(e->g, e->node, x[k], rank, &axis);
        axes[k] = axis;
    }
    return tn_expand_ints(e, e->failed ? 0 : (int)count, axes);
}

static bool text_unsqueeze(tn_expand *e, const tn_node *n)
{
    int added = (int)tn_shape_count(&n->in[1]->shape);
    return tn_text_give(e, 0, tn_call(e, "Unsqueeze", n->in[0], front_axes(e, 1, tn_text_rank(n->in[0]) + added)));
}

static bool text_squeeze(tn_expand *e, const tn_node *n)
{
    int64_t ones[TN_MAX_RANK];
    int count = 0;
    for (int i = 0; i < tn_text_rank(n->in[0]); i++)
        if (tn_dim_is(n->in[0]->shape.dim[i], 1))
            ones[count++] = i;
    tn_value *axes = tn_has_input(n, 1) ? front_axes(e, 1, tn_text_rank(n->in[0])) : tn_expand_ints(e, count, ones);
    return tn_text_give(e, 0, tn_call(e, "Squeeze", n->in[0], axes));
}

static bool text_slice(tn_expand *e, const tn_node *n)
{
    tn_value *axes = tn_has_input(n, 3) ? front_axes(e, 3, tn_text_rank(n->in[0])) : NULL;
    if (axes == NULL && tn_shape_count(&n->in[1]->shape) > tn_text_rank(n->in[0])) /* the next one would cut bytes */
        return tn_expand_error(e, "%lld starts are given; '%s' has %d axes",
                               (long long)tn_shape_count(&n->in[1]->shape), n->in[0]->name, tn_text_rank(n->in[0]));
    return tn_text_give(e, 0,
                        tn_call(e, "Slice", n->in[0], n->in[1], n->in[2], axes, tn_has_input(n, 4) ? n->in[4] : NULL));
}

static bool text_transpose(tn_expand *e, const tn_node *n)
{
    const tn_attr *perm = tn_node_find_attr(n, "perm");
    int rank = tn_text_rank(n->in[0]);
    tn_str op = {.arena = e->g->arena};
    if (perm != NULL && perm->n != (size_t)rank)
        return tn_expand_error(e, "perm has %zu elements; %d are wanted", perm->n, rank);
    tn_str_add(&op, "Transpose perm=");
    for (int i = 0; i < rank; i++)
        tn_str_add(&op, "%lld,", (long long)(perm != NULL ? perm->ints[i] : rank - 1 - i));
    tn_str_add(&op, "%d,", rank);
    return tn_text_give(e, 0, tn_call(e, op.text, n->in[0]));
}

static bool text_shape(tn_expand *e, const tn_node *n)
{
    tn_value *all = tn_text_dims(e, n);
    return tn_give(e, 0, tn_call_slice(e, all, 0, tn_node_int(n, "start", 0), tn_node_int(n, "end", INT64_MAX), 1));
}

static bool text_size(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "ReduceProd keepdims=0", tn_text_dims(e, n)));
}

/* Where strings go that no form above knows. Each string gets a number, first and on; the operator moves these; at their
   places strings are taken from a table. Its row 0, which stands where the operator fills in zeros, has no bytes. */
typedef struct numbered {
    tn_value *table; /* [rows,W] */
    int64_t rows;
} numbered;

/* The strings of v become rows of the table: their numbers, in the shape of v. */
static tn_value *number_strings(tn_expand *e, numbered *t, tn_value *v)
{
    tn_shape s = v->shape;
    s.rank--;
    if (e->failed || !v->is_text || !tn_shape_is_fixed(&v->shape)) {
        tn_expand_error(e, "'%s' is %s; strings of a fixed shape are wanted", v->name, tn_value_type(e->g->arena, v));
        return v;
    }
    int64_t count = tn_shape_count(&s), width = t->table == NULL ? tn_text_width(v).n : tn_text_widest(t->table, v);
    tn_tensor *numbers = tn_tensor_make(e->g->arena, TN_INT64, &s);
    for (int64_t i = 0; i < count; i++)
        tn_tensor_set_int(numbers, i, t->rows + i);
    v = tn_text_widen(e, tn_call_reshape(e, v, 2, (const int64_t[]){count, tn_text_width(v).n}), width);
    t->table = t->table == NULL ? v : tn_call_join(e, 0, tn_text_widen(e, t->table, width), v);
    t->rows += count;
    return tn_expand_constant(e, numbers);
}

static numbered begin_table(tn_expand *e)
{
    tn_shape s = tn_shape_fixed(2, (const int64_t[]){1, tn_text_width(e->node->in[0]).n});
    return (numbered){tn_expand_constant(e, tn_tensor_make(e->g->arena, TN_UINT8, &s)), 1};
}

/* Applies the operator to operand 0, and to `more` (0: none), by their numbers. */
static bool move_numbers(tn_expand *e, numbered *t, int more)
{
    enum { MAX_IN = 6, MAX_OUT = 64 };
    const tn_node *n = e->node;
    tn_value *in[MAX_IN] = {NULL}, *out[MAX_OUT];
    const char *call = tn_strfmt(
        e->g->arena, "%s axes axis batch_axis batch_dims blocksize mode num_outputs reduction time_axis upper",
        n->op->name);
    if (n->n_in > MAX_IN || n->n_out > MAX_OUT)
        return tn_expand_error(e, "%d inputs and %d outputs are more than is supported of strings", n->n_in, n->n_out);
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i];
    in[0] = number_strings(e, t, in[0]);
    if (more > 0 && in[more] != NULL)
        in[more] = number_strings(e, t, in[more]);
    if (tn_node_is(n, "Pad"))
        in[2] = NULL; /* it is row 0 */
    tn_call_all(e, call, n->n_in, in, n->n_out, out);
    for (int i = 0; i < n->n_out && !e->failed; i++)
        tn_text_give(e, i, tn_call(e, "Gather axis=0", t->table, out[i]));
    return !e->failed;
}

static bool text_move(tn_expand *e, const tn_node *n)
{
    (void)n;
    numbered t = begin_table(e);
    return move_numbers(e, &t, 0);
}

static bool text_scatter(tn_expand *e, const tn_node *n)
{
    numbered t = begin_table(e);
    if (strcmp(tn_node_string(n, "reduction", "none"), "none") != 0)
        return tn_expand_error(e, "reduction is '%s'; strings are not added", tn_node_string(n, "reduction", "none"));
    return move_numbers(e, &t, tn_node_is(n, "TensorScatter") ? 1 : 2);
}

static bool text_pad(tn_expand *e, const tn_node *n)
{
    numbered t = {NULL, 0};
    if (tn_has_input(n, 2))
        number_strings(e, &t, n->in[2]);
    else
        t = begin_table(e);
    if (!e->failed && t.rows != 1)
        return tn_expand_error(e, "the value has %lld strings; one is wanted", (long long)t.rows);
    return move_numbers(e, &t, 0);
}

static const struct {
    const char *op;
    bool (*expand)(tn_expand *e, const tn_node *n);
} forms[] = {
    {"CenterCropPad", text_move},
    {"Compress", text_move},
    {"DepthToSpace", text_move},
    {"Flatten", text_move},
    {"GatherElements", text_move},
    {"GatherND", text_move},
    {"Pad", text_pad},
    {"ReverseSequence", text_move},
    {"ScatterElements", text_scatter},
    {"ScatterND", text_scatter},
    {"SpaceToDepth", text_move},
    {"Split", text_move},
    {"TensorScatter", text_scatter},
    {"Tile", text_move},
    {"Trilu", text_move},
    {"Concat", text_concat},
    {"Equal", text_equal},
    {"Expand", text_reshape},
    {"Gather", text_gather},
    {"Reshape", text_reshape},
    {"Shape", text_shape},
    {"Size", text_size},
    {"Slice", text_slice},
    {"Squeeze", text_squeeze},
    {"Transpose", text_transpose},
    {"Unsqueeze", text_unsqueeze},
    {"Where", text_where},
};

bool (*tn_find_text_form(const tn_op *op))(tn_expand *e, const tn_node *n)
{
    for (size_t i = 0; *op->domain == '\0' && i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].op, op->name) == 0)
            return forms[i].expand;
    return NULL;
}
