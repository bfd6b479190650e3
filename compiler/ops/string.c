/* Operators of strings: what all share (string.h), and

       StringConcat      out[j] = j < length of x ? x[j] : y[j - length of x]                         W = Wx + Wy
       StringNormalizer  what is no stop word, moved together; letters of ASCII change their case
       RegexFullMatch    a table (regex.h), a state for each string, a byte of each at a time */
#include "ops/string.h"

#include "ops/late.h"
#include "ops/regex.h"
#include "ops/repeat.h"

enum { LAST = -1 };

/* --- what all share ----------------------------------------------------------------------------------------------- */

int tn_text_rank(const tn_value *text)
{
    return text->shape.rank - 1;
}

/* What a call gives that has failed is a scalar. */
tn_dim tn_text_width(const tn_value *text)
{
    return text->shape.rank > 0 ? text->shape.dim[tn_text_rank(text)] : tn_dim_fixed(1);
}

bool tn_text_give(tn_expand *e, int i, tn_value *v)
{
    if (i < e->node->n_out && e->node->out[i] != NULL)
        e->node->out[i]->is_text = true;
    return tn_give(e, i, v);
}

bool tn_text_need(tn_expand *e, int i)
{
    const tn_value *v = e->node->in[i];
    return v->is_text
        || tn_expand_error(e, "input %d '%s' is %s; strings are wanted", i, v->name, tn_value_type(e->g->arena, v));
}

/* v with zeros up to that width. */
tn_value *tn_text_widen(tn_expand *e, tn_value *v, int64_t width)
{
    int64_t more = width - tn_text_width(v).n;
    return more <= 0
             ? v
             : tn_call(e, "Pad", v, tn_expand_ints(e, 2, (const int64_t[]){0, more}), NULL, tn_expand_int(e, LAST));
}

int64_t tn_text_widest(const tn_value *x, const tn_value *y)
{
    return tn_text_width(x).n > tn_text_width(y).n ? tn_text_width(x).n : tn_text_width(y).n;
}

/* Whether strings are equal; shapes broadcast. */
tn_value *tn_text_same(tn_expand *e, tn_value *x, tn_value *y)
{
    int64_t width = tn_text_widest(x, y);
    tn_value *bytes = tn_call(e, "Equal", tn_text_widen(e, x, width), tn_text_widen(e, y, width));
    tn_value *all = tn_call(e, "ReduceMin keepdims=0", tn_call_cast(e, bytes, TN_INT32), tn_expand_int(e, LAST));
    return tn_call_cast(e, all, TN_BOOL);
}

tn_value *tn_text_dims(tn_expand *e, const tn_node *n)
{
    return tn_call(e, tn_strfmt(e->g->arena, "Shape start=0 end=%d", tn_text_rank(n->in[0])), n->in[0]);
}

tn_value *tn_text_constant(tn_expand *e, size_t n, const char *const *strings)
{
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){(int64_t)n});
    return tn_expand_constant(e, tn_tensor_of_strings(e->g->arena, &s, strings));
}

void tn_text_set(tn_node *n, int i, const tn_shape *s)
{
    tn_set_output(n, i, TN_UINT8, s);
    if (i < n->n_out && n->out[i] != NULL)
        n->out[i]->is_text = true;
}

bool tn_text_check(tn_graph *g, const tn_node *n, int i)
{
    const tn_value *v = n->in[i];
    if (v->is_text && tn_text_width(v).sym == NULL && tn_text_width(v).n > 0)
        return true;
    return tn_node_error(g, n, "input %d '%s' is %s; strings of a fixed number of bytes are wanted", i, v->name,
                         tn_value_type(g->arena, v));
}

/* --- StringConcat --------------------------------------------------------------------------------------------------- */

bool tn_infer_string_concat(tn_graph *g, tn_node *n)
{
    tn_shape x = n->in[0]->shape, y = n->in[1]->shape, out;
    if (!tn_text_check(g, n, 0) || !tn_text_check(g, n, 1))
        return false;
    tn_dim width = tn_dim_fixed(x.dim[--x.rank].n + y.dim[--y.rank].n);
    if (!tn_broadcast(&x, &y, &out) || out.rank == TN_MAX_RANK)
        return tn_node_error(g, n, "%s and %s do not broadcast", tn_type_text(g->arena, TN_STRING, &x),
                             tn_type_text(g->arena, TN_STRING, &y));
    out.dim[out.rank++] = width;
    tn_text_set(n, 0, &out);
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
    int rank = tn_text_rank(n->out[0]);
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

/* --- StringNormalizer ----------------------------------------------------------------------------------------------- */

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

/* Which of the strings x [C,W] are no stop word: bool [C]. */
static tn_value *find_kept(tn_expand *e, tn_value *x, const tn_attr *words)
{
    tn_value *list = tn_text_constant(e, words->n, words->strings);
    if (tn_node_int(e->node, "is_case_sensitive", 0) == 0) {
        x = to_lower(e, x);
        list = to_lower(e, list);
    }
    tn_value *is_word = tn_call_cast(e, tn_text_same(e, tn_call_unsqueeze(e, x, 1), list), TN_INT32);
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
    bool row = tn_text_rank(x) == 2, lower = strcmp(action, "LOWER") == 0, upper = strcmp(action, "UPPER") == 0;
    tn_shape y;
    if (!tn_text_need(e, 0))
        return false;
    if (!lower && !upper && strcmp(action, "NONE") != 0)
        return tn_expand_error(e, "case_change_action is '%s'; LOWER, UPPER or NONE is wanted", action);
    if ((tn_text_rank(x) != 1 && !row) || (row && !tn_dim_is(x->shape.dim[0], 1)) || x->shape.dim[row].sym != NULL)
        return tn_expand_error(e, "'%s' is %s; [C] or [1,C] with a fixed C is wanted", x->name,
                               tn_value_type(e->g->arena, x));
    if (words != NULL && words->kind == TN_ATTR_STRINGS && words->n > 0) {
        if (!tn_need_declared(e->g, n, 0, "X", 0, &y))
            return !(e->failed = true);
        if (y.rank != tn_text_rank(x) || y.dim[y.rank - 1].sym != NULL)
            return tn_expand_error(e, "the model declares %s for the strings that are left",
                                   tn_type_text(e->g->arena, TN_STRING, &y));
        x = row ? tn_call(e, "Squeeze", x, tn_expand_int(e, 0)) : x;
        x = move_together(e, x, find_kept(e, x, words), y.dim[y.rank - 1].n);
        x = row ? tn_call_unsqueeze(e, x, 0) : x;
    }
    x = lower ? to_lower(e, x) : upper ? change_case(e, x, 'a', 'A' - 'a') : x;
    return tn_text_give(e, 0, x);
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
    if (!tn_text_need(e, 0))
        return false;
    const char *wrong = tn_regex_make(e->g->arena, pattern, &r);
    if (wrong != NULL)
        return tn_expand_error(e, "pattern '%s': %s", pattern, wrong);
    tn_value *next = table(e, (int64_t)r.states * r.classes, r.next), *classes = table(e, 256, r.class_of);
    tn_value *in[] = {tn_call(e, "Expand", tn_expand_scalar(e, TN_INT32, TN_REGEX_START), tn_text_dims(e, n)), x};
    const tn_node *begin =
        e->failed ? NULL : tn_call_repeat_begin(e, 0, 1, 1, in, &(int64_t){tn_text_rank(x)}, &(int64_t){0});
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
