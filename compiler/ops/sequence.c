/* Sequences and optionals. What one is made of is known when compiling: a list of values of the graph (tn_list), so these
   operators choose among values and compute nothing, but for SequenceAt of a position that only the run knows, which takes
   a slice of all elements joined.

       s = SequenceConstruct(a, b)     list a b        SequenceInsert(s, c, 0)     list c a b      SequenceLength(s)   2
       SequenceAt(s, 1)     b          SplitToSequence(x)   slices of x             SequenceMap: its body for each element

   An optional that holds something is what it holds; one that holds nothing is the list none. */
#include "ops/late.h"
#include "ops/repeat.h"

enum { MOST_ITEMS = 1 << 15 };

/* --- lists ---------------------------------------------------------------------------------------------------------- */

static tn_list *make_list(tn_expand *e, int64_t n)
{
    tn_list *l = TN_NEW(e->g->arena, tn_list);
    *l = (tn_list){.items = TN_NEW_N(e->g->arena, tn_value *, n + 1), .n = n};
    return l;
}

static bool give_list(tn_expand *e, int i, const tn_list *l)
{
    if (i < e->node->n_out && e->node->out[i] != NULL)
        e->node->out[i]->list = l;
    return !e->failed;
}

/* Input i as a sequence; NULL after an error. */
static const tn_list *need_list(tn_expand *e, int i)
{
    const tn_value *v = e->node->in[i];
    if (v->list == NULL || v->list->none)
        tn_expand_error(e, "input %d '%s' is %s; a sequence is wanted", i, v->name,
                        v->list != NULL ? "an optional without an element" : "a tensor");
    return e->failed ? NULL : v->list;
}

static bool check_item(tn_expand *e, int i)
{
    const tn_value *v = e->node->in[i];
    return v->list == NULL
        || tn_expand_error(e, "input %d '%s' is a sequence or an optional; a tensor is wanted", i, v->name);
}

/* Input i as a place among `count`, of which a negative one counts from the end; `otherwise` where it is omitted. */
static bool need_position(tn_expand *e, int i, int64_t count, int64_t otherwise, int64_t *out)
{
    size_t n = 0;
    *out = otherwise;
    if (!tn_has_input(e->node, i))
        return true;
    if (!tn_is_early(e->g, e->node, i) && e->node->in[i]->is_input)
        return tn_expand_error(
            e,
            "what the sequence is made of depends on position '%s', which only the run knows; fix it "
            "with --const \"%s=...\"",
            e->node->in[i]->name, e->node->in[i]->name);
    const int64_t *x = tn_need_ints(e->g, e->node, i, "position", &n);
    if (x == NULL || n != 1)
        return x == NULL ? !(e->failed = true) : tn_expand_error(e, "%zu positions; one is wanted", n);
    *out = x[0] < 0 ? x[0] + count : x[0];
    return (*out >= 0 && *out < count)
        || tn_expand_error(e, "position %lld is outside a sequence of %lld", (long long)x[0], (long long)count);
}

/* --- making, changing ----------------------------------------------------------------------------------------------- */

bool tn_expand_sequence(tn_expand *e, const tn_node *n)
{
    tn_list *l = make_list(e, n->n_in);
    for (int i = 0; i < n->n_in; i++) {
        if (!check_item(e, i))
            return false;
        l->items[i] = n->in[i];
    }
    return give_list(e, 0, l);
}

bool tn_expand_sequence_insert(tn_expand *e, const tn_node *n)
{
    const tn_list *before = need_list(e, 0);
    int64_t at = 0;
    if (before == NULL || !check_item(e, 1) || !need_position(e, 2, before->n + 1, before->n, &at))
        return false;
    if (tn_has_input(n, 2) && tn_tensor_get_int(n->in[2]->constant, 0) < 0)
        at--; /* -1 is in front of the last, not behind it */
    if (at < 0 || before->n >= MOST_ITEMS)
        return tn_expand_error(e, "position %lld in a sequence of %lld; at most %d elements are supported",
                               (long long)at, (long long)before->n, MOST_ITEMS);
    tn_list *l = make_list(e, before->n + 1);
    for (int64_t i = 0; i < l->n; i++)
        l->items[i] = i == at ? n->in[1] : before->items[i - (i > at)];
    return give_list(e, 0, l);
}

bool tn_expand_sequence_erase(tn_expand *e, const tn_node *n)
{
    (void)n;
    const tn_list *before = need_list(e, 0);
    int64_t at = 0;
    if (before == NULL || !need_position(e, 1, before->n, before->n - 1, &at))
        return false;
    if (before->n == 0)
        return tn_expand_error(e, "the sequence is empty");
    tn_list *l = make_list(e, before->n - 1);
    for (int64_t i = 0; i < l->n; i++)
        l->items[i] = before->items[i + (i >= at)];
    return give_list(e, 0, l);
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

/* All elements, of one type, along a new axis in front. */
static tn_value *stack(tn_expand *e, const tn_list *l)
{
    tn_value **parts = TN_NEW_N(e->g->arena, tn_value *, l->n);
    for (int64_t i = 0; i < l->n; i++)
        parts[i] = tn_call_unsqueeze(e, l->items[i], 0);
    return tn_call_list(e, "Concat axis=0", (int)l->n, parts);
}

static bool is_uniform(const tn_list *l)
{
    for (int64_t i = 1; i < l->n; i++)
        if (!tn_value_same_type(l->items[0], l->items[i]))
            return false;
    return l->n > 0;
}

static bool give_late_item(tn_expand *e, const tn_list *l)
{
    tn_value *last = tn_expand_scalar(e, TN_INT64, (double)(l->n - 1)),
             *first = tn_expand_scalar(e, TN_INT64, (double)-l->n);
    tn_value *at = tn_call_reshape(e, tn_call_cast(e, e->node->in[1], TN_INT64), 0, NULL);
    tn_value *inside = tn_call(e, "And", tn_call(e, "LessOrEqual", first, at), tn_call(e, "LessOrEqual", at, last));
    return tn_give(e, 0, tn_call_check(e, inside, tn_call(e, "Gather axis=0", stack(e, l), at)));
}

bool tn_expand_sequence_at(tn_expand *e, const tn_node *n)
{
    const tn_list *l = need_list(e, 0);
    int64_t at = 0;
    if (l == NULL)
        return false;
    if (!tn_is_early(e->g, n, 1) && is_uniform(l))
        return give_late_item(e, l);
    return need_position(e, 1, l->n, 0, &at) && tn_give(e, 0, l->items[at]);
}

bool tn_expand_sequence_length(tn_expand *e, const tn_node *n)
{
    (void)n;
    const tn_list *l = need_list(e, 0);
    return l != NULL && tn_give(e, 0, tn_expand_scalar(e, TN_INT64, (double)l->n));
}

bool tn_expand_concat_from_sequence(tn_expand *e, const tn_node *n)
{
    const tn_list *l = need_list(e, 0);
    const tn_attr *axis = tn_node_find_attr(n, "axis");
    if (l == NULL)
        return false;
    if (axis == NULL || l->n == 0)
        return tn_expand_error(e, l->n == 0 ? "the sequence is empty" : "attribute 'axis' is wanted");
    tn_value **parts = TN_NEW_N(e->g->arena, tn_value *, l->n);
    for (int64_t i = 0; i < l->n; i++)
        parts[i] = tn_node_int(n, "new_axis", 0) != 0 ? tn_call_unsqueeze(e, l->items[i], axis->i) : l->items[i];
    return tn_give(e, 0,
                   tn_call_list(e, tn_strfmt(e->g->arena, "Concat axis=%lld", (long long)axis->i), (int)l->n, parts));
}

/* --- SplitToSequence ------------------------------------------------------------------------------------------------ */

/* The lengths of the parts: those of input 1, or all of one length but the last; without it 1. NULL after an error. */
static int64_t *find_parts(tn_expand *e, int64_t extent, int64_t *count)
{
    const tn_node *n = e->node;
    size_t given = 0;
    const int64_t one = 1, *x = &one;
    bool list = tn_has_input(n, 1) && n->in[1]->shape.rank == 1;
    int64_t sum = 0;
    if (tn_has_input(n, 1) && !tn_is_early(e->g, n, 1) && n->in[1]->is_input)
        tn_expand_error(
            e, "how many parts there are depends on '%s', which only the run knows; fix it with --const \"%s=...\"",
            n->in[1]->name, n->in[1]->name);
    else if (tn_has_input(n, 1) && (x = tn_need_ints(e->g, n, 1, "split", &given)) == NULL)
        e->failed = true;
    if (e->failed)
        return NULL;
    if (!list && (x[0] < 1 || extent / x[0] > MOST_ITEMS)) {
        tn_expand_error(e, "parts of %lld of an axis of %lld: 1 to %d parts are supported", (long long)x[0],
                        (long long)extent, MOST_ITEMS);
        return NULL;
    }
    *count = list ? (int64_t)given : (extent + x[0] - 1) / x[0];
    int64_t *parts = TN_NEW_N(e->g->arena, int64_t, *count + 1);
    for (int64_t i = 0; i < *count; i++) {
        parts[i] = list ? x[i] : x[0] < extent - sum ? x[0] : extent - sum;
        sum = parts[i] < 0 || parts[i] > extent - sum ? INT64_MAX / 2 : sum + parts[i];
    }
    if (sum != extent)
        tn_expand_error(e, "the parts do not add up to the axis, %lld", (long long)extent);
    return e->failed ? NULL : parts;
}

bool tn_expand_split_to_sequence(tn_expand *e, const tn_node *n)
{
    tn_value *x = n->in[0];
    bool drop = tn_node_int(n, "keepdims", 1) == 0 && !tn_has_input(n, 1);
    int axis = 0;
    int64_t count = 0, start = 0;
    if (!check_item(e, 0) || !tn_node_axis(e->g, n, tn_node_int(n, "axis", 0), x->shape.rank, &axis))
        return !(e->failed = true);
    if (x->shape.dim[axis].sym != NULL)
        return tn_expand_error(e, "axis %d of '%s', %s, is known at run time only", axis, x->name,
                               tn_value_type(e->g->arena, x));
    const int64_t *parts = find_parts(e, x->shape.dim[axis].n, &count);
    if (parts == NULL)
        return false;
    tn_list *l = make_list(e, count);
    for (int64_t i = 0; i < count; start += parts[i++]) {
        l->items[i] = tn_call_slice(e, x, axis, start, start + parts[i], 1);
        if (drop)
            l->items[i] = tn_call(e, "Squeeze", l->items[i], tn_expand_int(e, axis));
    }
    return give_list(e, 0, l);
}

/* --- SequenceMap ---------------------------------------------------------------------------------------------------- */

static bool check_map(tn_expand *e, const tn_subgraph *b, const tn_list *first)
{
    const tn_node *n = e->node;
    if (b == NULL)
        return tn_expand_error(e, "attribute 'body' is missing; a subgraph is wanted");
    if ((size_t)n->n_in < b->inputs.n || b->inputs.n < 1 || b->outputs.n != (size_t)n->n_out)
        return tn_expand_error(e,
                               "its body has %zu inputs and %zu outputs, which does not fit %d inputs and %d outputs",
                               b->inputs.n, b->outputs.n, n->n_in, n->n_out);
    for (int i = 1; i < (int)b->inputs.n; i++) {
        if (!tn_has_input(n, i))
            return tn_expand_error(e, "input %d is omitted", i);
        const tn_list *l = n->in[i]->list;
        if (l != NULL && (l->none || l->n != first->n))
            return tn_expand_error(e, "input %d '%s' has %lld elements, input 0 %lld", i, n->in[i]->name,
                                   (long long)l->n, (long long)first->n);
    }
    return true;
}

/* A tensor among the inputs is the same for each element. */
bool tn_expand_sequence_map(tn_expand *e, const tn_node *n)
{
    const tn_subgraph *b = tn_node_body(n, "body");
    const tn_list *first = need_list(e, 0);
    if (first == NULL || !check_map(e, b, first))
        return false;
    int n_in = (int)b->inputs.n;
    tn_list **out = TN_NEW_N(e->g->arena, tn_list *, n->n_out + 1);
    tn_value **in = TN_NEW_N(e->g->arena, tn_value *, n_in);
    for (int i = 0; i < n->n_out; i++)
        out[i] = make_list(e, first->n);
    for (int64_t k = 0; k < first->n; k++) {
        for (int i = 0; i < n_in; i++)
            in[i] = n->in[i]->list != NULL ? n->in[i]->list->items[k] : n->in[i];
        tn_value *const *results = tn_expand_body(e, b, in, tn_node_maybe(n));
        for (int i = 0; results != NULL && i < n->n_out; i++)
            out[i]->items[k] = results[i];
    }
    for (int i = 0; i < n->n_out; i++)
        give_list(e, i, out[i]);
    return !e->failed;
}

/* --- optionals ------------------------------------------------------------------------------------------------------ */

bool tn_expand_optional(tn_expand *e, const tn_node *n)
{
    static const tn_list none = {.none = true};
    return tn_has_input(n, 0) ? tn_give(e, 0, n->in[0]) : give_list(e, 0, &none);
}

static bool holds(const tn_node *n)
{
    return tn_has_input(n, 0) && (n->in[0]->list == NULL || !n->in[0]->list->none);
}

bool tn_expand_get_element(tn_expand *e, const tn_node *n)
{
    return holds(n) ? tn_give(e, 0, n->in[0]) : tn_expand_error(e, "the optional '%s' holds nothing", n->in[0]->name);
}

bool tn_expand_has_element(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_expand_scalar(e, TN_BOOL, holds(n)));
}
