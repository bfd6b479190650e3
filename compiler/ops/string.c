/* Operators of strings. A string is a row of bytes, UTF-8 with zeros behind its end, so that what is a tensor of strings
   [2,3] in the model is one of uint8 [2,3,W] here, and these operators are loop programs over bytes like all others.

       Equal             all bytes are equal
       StringConcat      out[j] = j < length of x ? x[j] : y[j - length of x]                         W = Wx + Wy
       StringSplit       where the parts begin is found byte by byte, then each part is copied
       StringNormalizer  what is no stop word, moved together; letters of ASCII change their case
       RegexFullMatch    a table (regex.h), a state for each string, a byte of each at a time
       LabelEncoder      which key it is, then the value in its place; also of numbers
       CategoryMapper    the same with its two lists, from strings to numbers or back

   Operators that only move elements take strings too: their text forms say what becomes of axes and shapes. */
#include "ops/late.h"
#include "ops/ml.h"
#include "ops/regex.h"
#include "ops/repeat.h"

enum { LAST = -1 };

/* --- what all share ------------------------------------------------------------------------------------------------- */

static int rank_of(const tn_value *text) /* without the bytes */
{
    return text->shape.rank - 1;
}

static tn_dim width_of(const tn_value *text)
{
    return text->shape.dim[rank_of(text)];
}

static bool give_text(tn_expand *e, int i, tn_value *v)
{
    if (i < e->node->n_out && e->node->out[i] != NULL)
        e->node->out[i]->is_text = true;
    return tn_give(e, i, v);
}

static bool need_text(tn_expand *e, int i)
{
    const tn_value *v = e->node->in[i];
    return v->is_text
        || tn_expand_error(e, "input %d '%s' is %s; strings are wanted", i, v->name, tn_value_type(e->g->arena, v));
}

/* v with zeros up to that width. */
static tn_value *widen(tn_expand *e, tn_value *v, int64_t width)
{
    int64_t more = width - width_of(v).n;
    return more <= 0
             ? v
             : tn_call(e, "Pad", v, tn_expand_ints(e, 2, (const int64_t[]){0, more}), NULL, tn_expand_int(e, LAST));
}

static int64_t widest(const tn_value *x, const tn_value *y)
{
    return width_of(x).n > width_of(y).n ? width_of(x).n : width_of(y).n;
}

/* Whether strings are equal; shapes broadcast. */
static tn_value *same_text(tn_expand *e, tn_value *x, tn_value *y)
{
    int64_t width = widest(x, y);
    tn_value *bytes = tn_call(e, "Equal", widen(e, x, width), widen(e, y, width));
    tn_value *all = tn_call(e, "ReduceMin keepdims=0", tn_call_cast(e, bytes, TN_INT32), tn_expand_int(e, LAST));
    return tn_call_cast(e, all, TN_BOOL);
}

static tn_value *byte(tn_expand *e, int x)
{
    return tn_expand_scalar(e, TN_UINT8, x);
}

/* Letters of ASCII from `first` on move by `by`. */
static tn_value *change_case(tn_expand *e, tn_value *v, char first, int by)
{
    tn_value *is_letter = tn_call(e, "And", tn_call(e, "GreaterOrEqual", v, byte(e, first)),
                                  tn_call(e, "LessOrEqual", v, byte(e, first + 25)));
    tn_value *changed = by > 0 ? tn_call(e, "Add", v, byte(e, by)) : tn_call(e, "Sub", v, byte(e, -by));
    return tn_call(e, "Where", is_letter, changed, v);
}

static tn_value *to_lower(tn_expand *e, tn_value *v)
{
    return change_case(e, v, 'A', 'a' - 'A');
}

/* --- text forms of operators that move elements --------------------------------------------------------------------- */

static bool text_equal(tn_expand *e, const tn_node *n)
{
    return need_text(e, 0) && need_text(e, 1) && tn_give(e, 0, same_text(e, n->in[0], n->in[1]));
}

static bool text_where(tn_expand *e, const tn_node *n)
{
    if (!need_text(e, 1) || !need_text(e, 2))
        return false;
    int64_t width = widest(n->in[1], n->in[2]);
    return give_text(e, 0,
                     tn_call(e, "Where", tn_call_unsqueeze(e, n->in[0], LAST), widen(e, n->in[1], width),
                             widen(e, n->in[2], width)));
}

static bool text_concat(tn_expand *e, const tn_node *n)
{
    tn_value **parts = TN_NEW_N(e->g->arena, tn_value *, n->n_in);
    int axis = 0;
    int64_t width = 1;
    if (!tn_node_axis(e->g, n, tn_node_int(n, "axis", 0), rank_of(n->in[0]), &axis))
        return false;
    for (int i = 0; i < n->n_in; i++) {
        if (!need_text(e, i))
            return false;
        width = width_of(n->in[i]).n > width ? width_of(n->in[i]).n : width;
    }
    for (int i = 0; i < n->n_in; i++)
        parts[i] = widen(e, n->in[i], width);
    return give_text(e, 0, tn_call_list(e, tn_strfmt(e->g->arena, "Concat axis=%d", axis), n->n_in, parts));
}

static bool text_gather(tn_expand *e, const tn_node *n)
{
    int axis = 0;
    return tn_node_axis(e->g, n, tn_node_int(n, "axis", 0), rank_of(n->in[0]), &axis)
        && give_text(e, 0, tn_call(e, tn_strfmt(e->g->arena, "Gather axis=%d", axis), n->in[0], n->in[1]));
}

/* Reshape, Expand: the shape and the bytes. */
static bool text_reshape(tn_expand *e, const tn_node *n)
{
    tn_value *shape = tn_call_join(e, 0, n->in[1], tn_call_dim(e, n->in[0], rank_of(n->in[0])));
    const char *op = tn_node_int(n, "allowzero", 0) != 0 ? "Reshape allowzero=1" : n->op->name;
    return give_text(e, 0, tn_call(e, op, n->in[0], shape));
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
    return give_text(e, 0, tn_call(e, "Unsqueeze", n->in[0], front_axes(e, 1, rank_of(n->in[0]) + added)));
}

static bool text_squeeze(tn_expand *e, const tn_node *n)
{
    int64_t ones[TN_MAX_RANK];
    int count = 0;
    for (int i = 0; i < rank_of(n->in[0]); i++)
        if (tn_dim_is(n->in[0]->shape.dim[i], 1))
            ones[count++] = i;
    tn_value *axes = tn_has_input(n, 1) ? front_axes(e, 1, rank_of(n->in[0])) : tn_expand_ints(e, count, ones);
    return give_text(e, 0, tn_call(e, "Squeeze", n->in[0], axes));
}

static bool text_slice(tn_expand *e, const tn_node *n)
{
    tn_value *axes = tn_has_input(n, 3) ? front_axes(e, 3, rank_of(n->in[0])) : NULL;
    if (axes == NULL && tn_shape_count(&n->in[1]->shape) > rank_of(n->in[0])) /* the next one would cut bytes */
        return tn_expand_error(e, "%lld starts are given; '%s' has %d axes",
                               (long long)tn_shape_count(&n->in[1]->shape), n->in[0]->name, rank_of(n->in[0]));
    return give_text(e, 0,
                     tn_call(e, "Slice", n->in[0], n->in[1], n->in[2], axes, tn_has_input(n, 4) ? n->in[4] : NULL));
}

static bool text_transpose(tn_expand *e, const tn_node *n)
{
    const tn_attr *perm = tn_node_find_attr(n, "perm");
    int rank = rank_of(n->in[0]);
    tn_str op = {.arena = e->g->arena};
    if (perm != NULL && perm->n != (size_t)rank)
        return tn_expand_error(e, "perm has %zu elements; %d are wanted", perm->n, rank);
    tn_str_add(&op, "Transpose perm=");
    for (int i = 0; i < rank; i++)
        tn_str_add(&op, "%lld,", (long long)(perm != NULL ? perm->ints[i] : rank - 1 - i));
    tn_str_add(&op, "%d,", rank);
    return give_text(e, 0, tn_call(e, op.text, n->in[0]));
}

static tn_value *text_dims(tn_expand *e, const tn_node *n)
{
    return tn_call(e, tn_strfmt(e->g->arena, "Shape start=0 end=%d", rank_of(n->in[0])), n->in[0]);
}

static bool text_shape(tn_expand *e, const tn_node *n)
{
    tn_value *all = text_dims(e, n);
    return tn_give(e, 0, tn_call_slice(e, all, 0, tn_node_int(n, "start", 0), tn_node_int(n, "end", INT64_MAX), 1));
}

static bool text_size(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_call(e, "ReduceProd keepdims=0", text_dims(e, n)));
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
    int64_t count = tn_shape_count(&s), width = t->table == NULL ? width_of(v).n : widest(t->table, v);
    tn_tensor *numbers = tn_tensor_make(e->g->arena, TN_INT64, &s);
    for (int64_t i = 0; i < count; i++)
        tn_tensor_set_int(numbers, i, t->rows + i);
    v = widen(e, tn_call_reshape(e, v, 2, (const int64_t[]){count, width_of(v).n}), width);
    t->table = t->table == NULL ? v : tn_call_join(e, 0, widen(e, t->table, width), v);
    t->rows += count;
    return tn_expand_constant(e, numbers);
}

static numbered begin_table(tn_expand *e)
{
    tn_shape s = tn_shape_fixed(2, (const int64_t[]){1, width_of(e->node->in[0]).n});
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
        give_text(e, i, tn_call(e, "Gather axis=0", t->table, out[i]));
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

/* --- StringConcat --------------------------------------------------------------------------------------------------- */

static void set_text(tn_node *n, int i, const tn_shape *s)
{
    tn_set_output(n, i, TN_UINT8, s);
    if (i < n->n_out && n->out[i] != NULL)
        n->out[i]->is_text = true;
}

static bool check_text(tn_graph *g, const tn_node *n, int i)
{
    const tn_value *v = n->in[i];
    if (v->is_text && width_of(v).sym == NULL && width_of(v).n > 0)
        return true;
    return tn_node_error(g, n, "input %d '%s' is %s; strings of a fixed number of bytes are wanted", i, v->name,
                         tn_value_type(g->arena, v));
}

bool tn_infer_string_concat(tn_graph *g, tn_node *n)
{
    tn_shape x = n->in[0]->shape, y = n->in[1]->shape, out;
    if (!check_text(g, n, 0) || !check_text(g, n, 1))
        return false;
    tn_dim width = tn_dim_fixed(x.dim[--x.rank].n + y.dim[--y.rank].n);
    if (!tn_broadcast(&x, &y, &out) || out.rank == TN_MAX_RANK)
        return tn_node_error(g, n, "%s and %s do not broadcast", tn_type_text(g->arena, TN_STRING, &x),
                             tn_type_text(g->arena, TN_STRING, &y));
    out.dim[out.rank++] = width;
    set_text(n, 0, &out);
    return true;
}

/* How many bytes each string has: int32, of the shape without the bytes. */
static tn_buf *find_lengths(tn_program *p, const tn_node *n, int i)
{
    const tn_shape *s = &n->in[i]->shape;
    const tn_expr *at[TN_MAX_RANK];
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "length", TN_INT32, s->rank - 1, s->dim));
    memcpy(at, c->at, sizeof at);
    at[s->rank - 1] = tn_reduce_over(p, c, s->dim[s->rank - 1]);
    const tn_expr *b = tn_load(p, tn_buf_of(p, n->in[i]), at);
    const tn_expr *is_one = tn_op2(p, TN_OP_NE, b, tn_integer(p, TN_UINT8, 0));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, TN_INT32, 0), tn_cast(p, TN_INT32, is_one), NULL);
    return c->out;
}

/* The place in a tensor of that shape that broadcasts to the first `rank` axes of c. */
static void broadcast_at(tn_program *p, const tn_comp *c, int rank, const tn_shape *s, int s_rank, const tn_expr **at)
{
    for (int i = 0; i < s_rank; i++)
        at[i] = tn_dim_is(s->dim[i], 1) ? tn_index(p, 0) : c->at[rank - s_rank + i];
}

bool tn_lower_string_concat(tn_program *p, const tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *y = &n->in[1]->shape;
    tn_buf *lengths = find_lengths(p, n, 0);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    int rank = rank_of(n->out[0]);
    const tn_expr *x_at[TN_MAX_RANK], *y_at[TN_MAX_RANK], *j = c->at[rank];
    broadcast_at(p, c, rank, x, x->rank - 1, x_at);
    broadcast_at(p, c, rank, y, y->rank - 1, y_at);
    const tn_expr *length = tn_cast(p, TN_INDEX, tn_load(p, lengths, x_at));
    x_at[x->rank - 1] = j;
    y_at[y->rank - 1] = tn_sub(p, j, length);
    const tn_expr *zero = tn_integer(p, TN_UINT8, 0);
    const tn_expr *behind = tn_lt(p, y_at[y->rank - 1], tn_index(p, y->dim[y->rank - 1].n));
    const tn_expr *rest = tn_select(p, behind, tn_load(p, tn_buf_of(p, n->in[1]), y_at), zero);
    tn_comp_set(p, c, tn_select(p, tn_lt(p, j, length), tn_load(p, tn_buf_of(p, n->in[0]), x_at), rest));
    return true;
}

/* --- StringSplit ---------------------------------------------------------------------------------------------------- */

/* What is found from the left to the right, for each byte p of each string: where the last part so far begins, and how many
   parts there are up to here. With a delimiter a part begins behind it, and the first at 0; else at what is no blank behind
   what is one. Behind `most` parts nothing splits any more. */
typedef struct split {
    tn_program *p;
    const tn_node *node;
    tn_buf *x, *scan, *lengths; /* scan: [S.., W, 2] */
    const char *delimiter;      /* "": blanks */
    int rank;                   /* of S */
    int64_t width, most;        /* most: INT32_MAX without a limit */
} split;

enum { BEGIN, COUNT };

bool tn_infer_string_split(tn_graph *g, tn_node *n)
{
    tn_shape s = n->in[0]->shape, y;
    if (!check_text(g, n, 0))
        return false;
    tn_dim width = s.dim[--s.rank];
    bool empty = tn_shape_is_fixed(&s) && tn_shape_count(&s) == 0;
    if (s.rank + 2 > TN_MAX_RANK)
        return tn_node_error(g, n, "strings of rank %d; at most %d is supported", s.rank, TN_MAX_RANK - 2);
    if (!empty && !tn_need_declared(g, n, 0, "x", 0, &y))
        return false;
    if (!empty && y.rank == s.rank + 2)
        y.rank--; /* known by an earlier inference, bytes and all */
    if (!empty && (y.rank != s.rank + 1 || y.dim[s.rank].sym != NULL))
        return tn_node_error(g, n, "the model declares %s for the parts of '%s'; one dim more than that has is wanted",
                             tn_type_text(g->arena, TN_STRING, &y), n->in[0]->name);
    tn_set_output(n, 1, TN_INT64, &s);
    s.dim[s.rank] = empty ? tn_dim_fixed(0) : y.dim[s.rank];
    s.dim[s.rank + 1] = width;
    s.rank += 2;
    set_text(n, 0, &s);
    return true;
}

static const tn_expr *byte_is(const split *s, const tn_expr *b, int c)
{
    return tn_is(s->p, b, tn_integer(s->p, TN_UINT8, c));
}

static const tn_expr *is_blank(const split *s, const tn_expr *b)
{
    tn_program *p = s->p;
    const tn_expr *control =
        tn_and(p, tn_le(p, tn_integer(p, TN_UINT8, '\t'), b), tn_le(p, b, tn_integer(p, TN_UINT8, '\r')));
    return tn_either(p, byte_is(s, b, ' '), control);
}

/* Byte q of the string at c's axes; 0 outside. */
static const tn_expr *byte_at(const split *s, const tn_comp *c, const tn_expr *q)
{
    const tn_expr *at[TN_MAX_RANK];
    memcpy(at, c->at, sizeof at);
    at[s->rank] = q;
    return tn_load_or(s->p, s->x, at, tn_integer(s->p, TN_UINT8, 0));
}

static const tn_expr *scanned(const split *s, const tn_comp *c, const tn_expr *q, int what)
{
    const tn_expr *at[TN_MAX_RANK];
    memcpy(at, c->at, sizeof at);
    at[s->rank] = q;
    at[s->rank + 1] = tn_index(s->p, what);
    return tn_load(s->p, s->scan, at);
}

static const tn_expr *begins_delimiter(const split *s, const tn_comp *c, const tn_expr *q)
{
    const tn_expr *all = tn_integer(s->p, TN_BOOL, 1);
    for (int i = 0; s->delimiter[i] != '\0'; i++)
        all = tn_and(s->p, all,
                     byte_is(s, byte_at(s, c, tn_add(s->p, q, tn_index(s->p, i))), (unsigned char)s->delimiter[i]));
    return all;
}

static const tn_expr *begins_word(const split *s, const tn_comp *c, const tn_expr *q)
{
    tn_program *p = s->p;
    const tn_expr *b = byte_at(s, c, q), *before = byte_at(s, c, tn_sub(p, q, tn_index(p, 1)));
    const tn_expr *is_first = tn_either(p, tn_is(p, q, tn_index(p, 0)), is_blank(s, before));
    const tn_expr *is_gap = tn_either(p, is_blank(s, b), byte_is(s, b, 0));
    return tn_and(p, tn_op1(p, TN_OP_NOT, is_gap), is_first);
}

static void scan_parts(split *s)
{
    tn_program *p = s->p;
    bool words = *s->delimiter == '\0';
    tn_shape shape = s->node->in[0]->shape;
    shape.dim[shape.rank++] = tn_dim_fixed(2);
    s->scan = tn_buf_temp(p, "parts", TN_INT32, shape.rank, shape.dim);
    tn_comp *c = tn_comp_begin(p, s->node, s->scan);
    const tn_expr *q = c->at[s->rank], *before = tn_sub(p, q, tn_index(p, 1)), *is_first = tn_is(p, q, tn_index(p, 0));
    const tn_expr *zero = tn_integer(p, TN_INT32, 0), *one = tn_integer(p, TN_INT32, 1),
                  *here = tn_cast(p, TN_INT32, q);
    const tn_expr *begin = tn_select(p, is_first, zero, scanned(s, c, before, BEGIN));
    const tn_expr *count = tn_select(p, is_first, words ? zero : one, scanned(s, c, before, COUNT));
    const tn_expr *behind = tn_add(p, here, tn_integer(p, TN_INT32, (int64_t)strlen(s->delimiter)));
    const tn_expr *splits = words ? begins_word(s, c, q) : tn_and(p, tn_le(p, begin, here), begins_delimiter(s, c, q));
    splits = tn_and(p, splits, tn_lt(p, count, tn_integer(p, TN_INT32, s->most)));
    const tn_expr *is_begin = tn_is(p, c->at[s->rank + 1], tn_index(p, BEGIN));
    c->serial = true;
    tn_comp_set(p, c,
                tn_select(p, is_begin, tn_select(p, splits, words ? here : behind, begin),
                          tn_select(p, splits, tn_add(p, count, one), count)));
}

/* The least over p of what holds for p, int32 of [S.., K]; the width where nothing does. end: where part k ends instead of
   where it begins. */
static tn_buf *find_bounds(const split *s, const tn_dim *parts, tn_buf *begins)
{
    tn_program *p = s->p;
    bool words = *s->delimiter == '\0';
    tn_dim dims[TN_MAX_RANK];
    memcpy(dims, s->node->in[0]->shape.dim, sizeof dims);
    dims[s->rank] = *parts;
    tn_comp *c =
        tn_comp_begin(p, s->node, tn_buf_temp(p, begins == NULL ? "begin" : "end", TN_INT32, s->rank + 1, dims));
    const tn_expr *k = tn_cast(p, TN_INT32, c->at[s->rank]), *q = tn_reduce_over(p, c, tn_dim_fixed(s->width));
    const tn_expr *one = tn_integer(p, TN_INT32, 1), *here = tn_cast(p, TN_INT32, q), *holds, *place;
    if (begins == NULL) {
        holds = tn_lt(p, k, scanned(s, c, q, COUNT));
        place = scanned(s, c, q, BEGIN);
    } else if (words) {
        const tn_expr *gap = tn_either(p, is_blank(s, byte_at(s, c, q)), byte_is(s, byte_at(s, c, q), 0));
        const tn_expr *last = tn_is(p, k, tn_integer(p, TN_INT32, s->most - 1));
        gap = tn_select(p, last, byte_is(s, byte_at(s, c, q), 0), gap);
        holds = tn_and(p, tn_le(p, tn_load(p, begins, c->at), here), gap);
        place = here;
    } else {
        holds = tn_lt(p, tn_add(p, k, one), scanned(s, c, q, COUNT));
        place = tn_sub(p, scanned(s, c, q, BEGIN), tn_integer(p, TN_INT32, (int64_t)strlen(s->delimiter)));
    }
    const tn_expr *width = tn_integer(p, TN_INT32, s->width);
    tn_comp_reduce(p, c, TN_OP_MIN, width, tn_select(p, holds, place, width), NULL);
    return c->out;
}

static void copy_parts(const split *s, tn_buf *begins, tn_buf *ends)
{
    tn_program *p = s->p;
    tn_comp *c = tn_comp_begin(p, s->node, tn_buf_of(p, s->node->out[0]));
    const tn_expr *begin = tn_cast(p, TN_INDEX, tn_load(p, begins, c->at)),
                  *end = tn_cast(p, TN_INDEX, tn_load(p, ends, c->at));
    const tn_expr *from = tn_add(p, begin, c->at[s->rank + 1]);
    tn_comp_set(p, c, tn_select(p, tn_lt(p, from, end), byte_at(s, c, from), tn_integer(p, TN_UINT8, 0)));
}

/* How many parts each string has; the run ends where one has more than there is room for. */
static void count_parts(const split *s, tn_dim parts)
{
    tn_program *p = s->p;
    const tn_value *length = s->node->n_out > 1 ? s->node->out[1] : NULL;
    const tn_shape *x = &s->node->in[0]->shape;
    tn_comp *most = tn_comp_over(p, s->node, tn_buf_temp(p, "most", TN_INT32, 0, NULL), 0, NULL);
    const tn_expr *at[TN_MAX_RANK], *zero = tn_integer(p, TN_INT32, 0);
    for (int i = 0; i < s->rank; i++)
        at[i] = tn_reduce_over(p, most, x->dim[i]);
    at[s->rank] = tn_index(p, s->width - 1);
    at[s->rank + 1] = tn_index(p, COUNT);
    if (s->rank > 0)
        tn_comp_reduce(p, most, TN_OP_MAX, zero, tn_load(p, s->scan, at), NULL);
    else
        tn_comp_set(p, most, tn_load(p, s->scan, at));
    tn_late_check(p, s->node, tn_le(p, tn_load(p, most->out, NULL), tn_integer(p, TN_INT32, parts.n)));
    if (length == NULL)
        return;
    tn_comp *c = tn_comp_begin(p, s->node, tn_buf_of(p, length));
    tn_comp_set(p, c, scanned(s, c, tn_index(p, s->width - 1), COUNT));
}

bool tn_lower_string_split(tn_program *p, const tn_node *n)
{
    const tn_value *x = n->in[0];
    int64_t limit = tn_node_int(n, "maxsplit", -1);
    split s = {p, n, tn_buf_of(p, x), .delimiter = tn_node_string(n, "delimiter", ""), .rank = rank_of(x)};
    s.width = width_of(x).n;
    s.most = limit >= 0 && limit < INT32_MAX ? limit + 1 : INT32_MAX;
    tn_dim parts = n->out[0]->shape.dim[s.rank];
    scan_parts(&s);
    count_parts(&s, parts);
    tn_buf *begins = find_bounds(&s, &parts, NULL);
    copy_parts(&s, begins, find_bounds(&s, &parts, begins));
    return true;
}

/* --- StringNormalizer ----------------------------------------------------------------------------------------------- */

/* [words, W] */
static tn_value *strings_constant(tn_expand *e, size_t n, const char *const *strings)
{
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){(int64_t)n});
    return tn_expand_constant(e, tn_tensor_of_strings(e->g->arena, &s, strings));
}

/* Which of the strings x [C,W] are no stop word: bool [C]. */
static tn_value *find_kept(tn_expand *e, tn_value *x, const tn_attr *words)
{
    tn_value *list = strings_constant(e, words->n, words->strings);
    if (tn_node_int(e->node, "is_case_sensitive", 0) == 0) {
        x = to_lower(e, x);
        list = to_lower(e, list);
    }
    tn_value *is_word = tn_call_cast(e, same_text(e, tn_call_unsqueeze(e, x, 1), list), TN_INT32);
    return tn_call(e, "Not",
                   tn_call_cast(e, tn_call(e, "ReduceMax keepdims=0", is_word, tn_expand_int(e, 1)), TN_BOOL));
}

/* The strings of x [C,W] that are kept, as many as the model declares; where none is, one empty string. Place i is that of
   the first behind which more than i are kept. */
static tn_value *move_together(tn_expand *e, tn_value *x, tn_value *kept, int64_t count)
{
    tn_value *running = tn_call(e, "CumSum", tn_call_cast(e, kept, TN_INT64), tn_expand_scalar(e, TN_INT64, 0));
    tn_value *i = tn_call(e, "Range", tn_expand_scalar(e, TN_INT64, 0), tn_expand_scalar(e, TN_INT64, (double)count),
                          tn_expand_scalar(e, TN_INT64, 1));
    tn_value *before = tn_call(e, "LessOrEqual", running, tn_call_unsqueeze(e, i, 1));
    tn_value *from = tn_call(e, "ReduceSum keepdims=0", tn_call_cast(e, before, TN_INT64), tn_expand_int(e, 1));
    tn_value *padded = tn_call(e, "Pad", x, tn_expand_ints(e, 4, (const int64_t[]){0, 0, 1, 0}));
    tn_value *total = tn_call(e, "ReduceMax keepdims=0", running, tn_expand_int(e, 0));
    tn_value *agrees = tn_call(e, "Equal", total, tn_expand_scalar(e, TN_INT64, (double)count));
    if (count == 1)
        agrees = tn_call(e, "Or", agrees, tn_call(e, "Equal", total, tn_expand_scalar(e, TN_INT64, 0)));
    return tn_call_check(e, agrees, tn_call(e, "Gather axis=0", padded, from));
}

bool tn_expand_string_normalizer(tn_expand *e, const tn_node *n)
{
    const char *action = tn_node_string(n, "case_change_action", "NONE");
    const tn_attr *words = tn_node_find_attr(n, "stopwords");
    tn_value *x = n->in[0];
    bool row = rank_of(x) == 2, lower = strcmp(action, "LOWER") == 0, upper = strcmp(action, "UPPER") == 0;
    tn_shape y;
    if (!need_text(e, 0))
        return false;
    if (!lower && !upper && strcmp(action, "NONE") != 0)
        return tn_expand_error(e, "case_change_action is '%s'; LOWER, UPPER or NONE is wanted", action);
    if ((rank_of(x) != 1 && !row) || (row && !tn_dim_is(x->shape.dim[0], 1)) || x->shape.dim[row].sym != NULL)
        return tn_expand_error(e, "'%s' is %s; [C] or [1,C] with a fixed C is wanted", x->name,
                               tn_value_type(e->g->arena, x));
    if (words != NULL && words->kind == TN_ATTR_STRINGS && words->n > 0) {
        if (!tn_need_declared(e->g, n, 0, "X", 0, &y))
            return !(e->failed = true);
        if (y.rank != rank_of(x) || y.dim[y.rank - 1].sym != NULL)
            return tn_expand_error(e, "the model declares %s for the strings that are left",
                                   tn_type_text(e->g->arena, TN_STRING, &y));
        x = row ? tn_call(e, "Squeeze", x, tn_expand_int(e, 0)) : x;
        x = move_together(e, x, find_kept(e, x, words), y.dim[y.rank - 1].n);
        x = row ? tn_call_unsqueeze(e, x, 0) : x;
    }
    x = lower ? to_lower(e, x) : upper ? change_case(e, x, 'a', 'A' - 'a') : x;
    return give_text(e, 0, x);
}

/* --- RegexFullMatch ------------------------------------------------------------------------------------------------- */

static tn_value *table(tn_expand *e, int64_t n, const int32_t *items)
{
    tn_shape s = tn_shape_fixed(1, &n);
    tn_tensor *t = tn_tensor_make(e->g->arena, TN_INT32, &s);
    memcpy(t->data, items, t->bytes);
    return tn_expand_constant(e, t);
}

static tn_value *step(tn_expand *e, const tn_regex *r, tn_value *next, tn_value *state, tn_value *class_of_byte)
{
    tn_value *row = tn_call(e, "Mul", state, tn_expand_scalar(e, TN_INT32, r->classes));
    return tn_call(e, "Gather", next, tn_call(e, "Add", row, class_of_byte));
}

bool tn_expand_regex(tn_expand *e, const tn_node *n)
{
    const char *pattern = tn_node_string(n, "pattern", "");
    tn_value *x = n->in[0];
    tn_regex r;
    if (!need_text(e, 0))
        return false;
    const char *wrong = tn_regex_make(e->g->arena, pattern, &r);
    if (wrong != NULL)
        return tn_expand_error(e, "pattern '%s': %s", pattern, wrong);
    tn_value *next = table(e, (int64_t)r.states * r.classes, r.next), *classes = table(e, 256, r.class_of);
    tn_value *in[] = {tn_call(e, "Expand", tn_expand_scalar(e, TN_INT32, TN_REGEX_START), text_dims(e, n)), x};
    const tn_node *begin =
        e->failed ? NULL : tn_call_repeat_begin(e, 0, 1, 1, in, &(int64_t){rank_of(x)}, &(int64_t){0});
    if (begin == NULL)
        return false;
    tn_value *class_of_byte = tn_call(e, "Gather", classes, tn_call_cast(e, begin->out[2], TN_INT32));
    tn_value *state = step(e, &r, next, begin->out[1], class_of_byte);
    const tn_node *end = e->failed ? NULL : tn_call_repeat_end(e, begin, 1, 0, &state, NULL, NULL);
    if (end == NULL)
        return false;
    state = step(e, &r, next, end->out[0], tn_expand_scalar(e, TN_INT32, r.class_of[0]));
    return tn_give(e, 0, tn_call(e, "Equal", state, tn_expand_scalar(e, TN_INT32, TN_REGEX_MATCH)));
}

/* --- LabelEncoder, CategoryMapper --------------------------------------------------------------------------------------------------- */

static const tn_tensor *tensor_of_list(tn_expand *e, const tn_attr *l)
{
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){(int64_t)l->n});
    if (l->kind == TN_ATTR_TENSOR)
        return l->tensor;
    if (l->kind == TN_ATTR_STRINGS)
        return tn_tensor_of_strings(e->g->arena, &s, l->strings);
    tn_tensor *t = tn_tensor_make(e->g->arena, l->kind == TN_ATTR_INTS ? TN_INT64 : TN_FLOAT, &s);
    for (size_t k = 0; k < l->n; k++)
        if (l->kind == TN_ATTR_INTS)
            tn_tensor_set_int(t, (int64_t)k, l->ints[k]);
        else
            tn_tensor_set(t, (int64_t)k, l->kind == TN_ATTR_FLOATS ? (double)l->floats[k] : 0);
    return t;
}

/* A list of keys or values by any of its names: NAME_strings, NAME_int64s, NAME_floats, NAME_tensor; NULL without. */
static const tn_tensor *find_list(tn_expand *e, const char *name)
{
    static const char *const ends[] = {"strings", "int64s", "floats", "tensor"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const tn_attr *l = tn_node_find_attr(e->node, tn_strfmt(e->g->arena, "%s_%s", name, ends[i]));
        if (l != NULL)
            return tensor_of_list(e, l);
    }
    return NULL;
}

/* Version 1: classes_strings, keyed by their places or the other way round. */
static bool read_classes(tn_expand *e, const tn_tensor **keys, const tn_tensor **values)
{
    const tn_tensor *names = find_list(e, "classes");
    if (names == NULL)
        return false;
    tn_tensor *places =
        tn_tensor_make(e->g->arena, TN_INT64, &(tn_shape){.known = true, .rank = 1, .dim = {names->shape.dim[0]}});
    for (int64_t i = 0; i < places->shape.dim[0].n; i++)
        tn_tensor_set_int(places, i, i);
    *keys = e->node->in[0]->is_text ? names : places;
    *values = e->node->in[0]->is_text ? places : names;
    return true;
}

static tn_value *default_value(tn_expand *e, const tn_tensor *values)
{
    const tn_attr *a = tn_node_find_attr(e->node, "default_tensor");
    if (a != NULL && a->kind == TN_ATTR_TENSOR && a->tensor->dtype == values->dtype)
        return values->is_text ? tn_expand_constant(e, a->tensor)
                               : tn_call_reshape(e, tn_expand_constant(e, a->tensor), 1, (const int64_t[]){1});
    if (values->is_text)
        return strings_constant(e, 1, (const char *[]){tn_node_string(e->node, "default_string", "_Unused")});
    tn_shape one = tn_shape_fixed(1, (const int64_t[]){1});
    tn_tensor *t = tn_tensor_make(e->g->arena, values->dtype, &one);
    if (tn_dtype_get(values->dtype)->is_float)
        tn_tensor_set(t, 0, (double)tn_node_float(e->node, "default_float", -0.0F));
    else
        tn_tensor_set_int(t, 0, tn_node_int(e->node, "default_int64", -1));
    return tn_expand_constant(e, t);
}

tn_value *tn_ml_match(tn_expand *e, tn_value *x, tn_value *keys)
{
    if (x->is_text)
        return same_text(e, tn_call_unsqueeze(e, x, -2), keys);
    tn_value *each = tn_call_unsqueeze(e, x, LAST), *same = tn_call(e, "Equal", each, keys);
    if (!tn_dtype_get(x->dtype)->is_float)
        return same;
    return tn_call(e, "Or", same, tn_call(e, "And", tn_call(e, "IsNaN", each), tn_call(e, "IsNaN", keys)));
}

/* The value in the place of the key that each element of input 0 is, or else the default one. */
static bool give_values(tn_expand *e, const tn_tensor *keys, const tn_tensor *values)
{
    tn_value *x = e->node->in[0];
    e->bytes = true; /* of strings among keys and values, where the input has none, too */
    int64_t count = keys->shape.rank > 0 ? keys->shape.dim[0].n : 0;
    if (keys->shape.rank != 1 + keys->is_text || values->shape.rank != 1 + values->is_text || count < 1
        || values->shape.dim[0].n != count)
        return tn_expand_error(e, "%lld keys; as many values, and at least one, are wanted", (long long)count);
    if (keys->is_text != x->is_text || keys->dtype != x->dtype)
        return tn_expand_error(e, "'%s' is %s, the keys are %s", x->name, tn_dtype_get(tn_value_dtype(x))->name,
                               tn_dtype_get(keys->is_text ? (int)TN_STRING : (int)keys->dtype)->name);
    tn_value *hits = tn_call_cast(e, tn_ml_match(e, x, tn_expand_constant(e, keys)), TN_INT32);
    tn_value *any = tn_call_cast(e, tn_call(e, "ReduceMax keepdims=0", hits, tn_expand_int(e, LAST)), TN_BOOL);
    tn_value *place = tn_call(e, "Where", any, tn_call(e, "ArgMax axis=-1 keepdims=0", hits),
                              tn_expand_scalar(e, TN_INT64, (double)count));
    tn_value *list = tn_expand_constant(e, values), *otherwise = default_value(e, values);
    if (values->is_text) {
        int64_t width = widest(list, otherwise);
        list = widen(e, list, width);
        otherwise = widen(e, otherwise, width);
    }
    tn_value *y = tn_call(e, "Gather axis=0", tn_call_join(e, 0, list, otherwise), place);
    return values->is_text ? give_text(e, 0, y) : tn_give(e, 0, y);
}

bool tn_expand_label_encoder(tn_expand *e, const tn_node *n)
{
    (void)n;
    const tn_tensor *keys = find_list(e, "keys"), *values = find_list(e, "values");
    if (!read_classes(e, &keys, &values) && (keys == NULL || values == NULL))
        return tn_expand_error(e, "keys_* and values_*, or classes_strings, are wanted");
    return give_values(e, keys, values);
}

/* Two lists side by side, read from the one to the other. */
bool tn_expand_category_mapper(tn_expand *e, const tn_node *n)
{
    const tn_attr *names = tn_node_find_attr(n, "cats_strings"), *numbers = tn_node_find_attr(n, "cats_int64s");
    if (names == NULL || names->kind != TN_ATTR_STRINGS || numbers == NULL || numbers->kind != TN_ATTR_INTS)
        return tn_expand_error(e, "attributes 'cats_strings' and 'cats_int64s' are wanted");
    const tn_tensor *of_names = tensor_of_list(e, names), *of_numbers = tensor_of_list(e, numbers);
    return n->in[0]->is_text ? give_values(e, of_names, of_numbers) : give_values(e, of_numbers, of_names);
}
