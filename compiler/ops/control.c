/* If, Loop and Scan: their subgraphs take their place.

   If: a condition that is known leaves one branch. Otherwise each result is chosen (Where). A branch of more than a few
   elementwise operators is a repeat of one turn, or none where the condition is not its own. The others, and those that
   give sequences or strings or find sizes, are computed in any case, so they may not hold what ends the run with an error (late.h):
   their nodes are marked, lowering refuses that. Where the branches give different dims, both results are padded to the larger one
   and cut to the dim of the branch that was taken: a size that the run finds.

   Loop, Scan: one copy of the body between RepeatBegin and RepeatEnd (repeat.h). Where that has no types, since a shape
   inside depends on the turn or on what the turn finds, or what is carried changes its shape, a copy for each turn, in which
   the turn is a constant.

   How many turns is the extent of the slices, a constant, or what the file declares of a scan output's shape, which a check
   then compares. A condition that may end a Loop early is a state, and so is the number of turns taken: the repeat ends
   where the condition is false; of a copy for each turn those behind the end leave the other states as they are. Where
   nothing is declared, scan outputs have room for as many turns as there may be at most, and are sliced to those taken:
   their number is a size that the run finds. */
#include "ops/late.h"
#include "ops/ops.h"
#include "ops/repeat.h"

enum { MAX_UNROLLED = 1 << 15 }; /* nodes */

/* --- bodies --------------------------------------------------------------------------------------------------------- */

static const tn_subgraph *need_body(tn_expand *e, const char *name)
{
    const tn_subgraph *b = tn_node_body(e->node, name);
    if (b == NULL)
        tn_expand_error(e, "attribute '%s' is missing; a subgraph is wanted", name);
    return b;
}

/* Input i is omitted, or one element of that type. */
static bool check_one(tn_expand *e, int i, tn_dtype dtype)
{
    const tn_value *v = tn_has_input(e->node, i) ? e->node->in[i] : NULL;
    return v == NULL || (v->dtype == dtype && tn_shape_is_fixed(&v->shape) && tn_shape_count(&v->shape) == 1)
        || tn_expand_error(e, "input %d '%s' is %s; one %s is wanted", i, v->name, tn_value_type(e->g->arena, v),
                           tn_dtype_get(dtype)->name);
}

static tn_value *to_scalar(tn_expand *e, tn_value *v)
{
    return v->shape.rank == 0 ? v : tn_call_reshape(e, v, 0, NULL);
}

/* --- If ------------------------------------------------------------------------------------------------------------- */

static bool give_branch(tn_expand *e, const tn_subgraph *b)
{
    tn_value *const *out = tn_expand_body(e, b, NULL, tn_node_maybe(e->node));
    for (int i = 0; out != NULL && i < e->node->n_out; i++)
        tn_give(e, i, out[i]);
    return !e->failed;
}

static const char *type_of(tn_expand *e, const tn_value *v)
{
    if (v->list == NULL)
        return tn_value_type(e->g->arena, v);
    return v->list->none ? "an empty optional" : tn_strfmt(e->g->arena, "a sequence of %lld", (long long)v->list->n);
}

/* --- sizes that are found inside ------------------------------------------------------------------------------------ */

static bool has_dim(const tn_node *n, tn_dim d)
{
    for (int i = 0; i < n->n_out; i++)
        for (int k = 0; n->out[i] != NULL && k < n->out[i]->shape.rank; k++)
            if (tn_dim_same(n->out[i]->shape.dim[k], d))
                return true;
    return false;
}

/* Whether each turn would find a size of its own: one of symbol `from` on stands in shapes of the turn and not before it. */
static bool finds_in_turn(const tn_expand *e, size_t begin, size_t from)
{
    for (size_t s = from; s < e->g->symbols.n; s++) {
        bool before = false, inside = false;
        for (size_t i = 0; i < e->done->n; i++) {
            before = before || (i < begin && has_dim(e->done->items[i], e->g->symbols.items[s]));
            inside = inside || (i >= begin && has_dim(e->done->items[i], e->g->symbols.items[s]));
        }
        if (inside && !before)
            return true;
    }
    return false;
}

/* --- If: choosing ---------------------------------------------------------------------------------------------------- */

typedef struct choice {
    tn_expand *e;
    tn_value *condition;
    const char *name; /* of the result, after which sizes are called */
} choice;

static tn_value *choose_value(const choice *c, tn_value *x, tn_value *y);

/* Sequences of one structure: by elements. */
static tn_value *choose_list(const choice *c, const tn_list *x, const tn_list *y)
{
    tn_expand *e = c->e;
    tn_list *l = TN_NEW(e->g->arena, tn_list);
    *l = (tn_list){.items = TN_NEW_N(e->g->arena, tn_value *, x->n + 1), .n = x->n, .none = x->none};
    for (int64_t i = 0; i < x->n; i++)
        l->items[i] = choose_value(c, x->items[i], y->items[i]);
    tn_value *v = tn_graph_add_value(e->g, tn_expand_name(e, "list"));
    v->list = l;
    return v;
}

/* v with zeros behind it, `most` elements along that axis. */
static tn_value *pad_to(tn_expand *e, tn_value *v, int axis, int64_t most)
{
    int64_t zeros[2 * TN_MAX_RANK] = {0};
    int rank = v->shape.rank, at = rank + axis;
    tn_value *more = tn_call(e, "Sub", tn_expand_int(e, most), tn_call_dim(e, v, axis));
    tn_value *pads =
        tn_call(e, "Concat axis=0", tn_expand_ints(e, at, zeros), more, tn_expand_ints(e, 2 * rank - at - 1, zeros));
    return tn_call(e, "Pad", v, pads);
}

/* x and y differ in some dims. */
static tn_value *choose_sized(const choice *c, tn_value *x, tn_value *y)
{
    tn_expand *e = c->e;
    tn_value *ends[TN_MAX_RANK] = {NULL}, *wide[2] = {x, y};
    for (int i = 0; !e->failed && i < x->shape.rank; i++) {
        tn_dim a = x->shape.dim[i], b = y->shape.dim[i];
        if (tn_dim_same(a, b))
            continue;
        int64_t most = a.n > b.n ? a.n : b.n;
        tn_value *taken = tn_call(e, "Where", c->condition, tn_call_dim(e, x, i), tn_call_dim(e, y, i));
        ends[i] = tn_call_size(e, taken, tn_size_name(e->g, tn_strfmt(e->g->arena, "%s_%d", c->name, i)), most);
        for (int k = 0; k < 2 && !e->failed; k++)
            wide[k] = pad_to(e, wide[k], i, most);
    }
    tn_value *v = tn_call(e, "Where", c->condition, wide[0], wide[1]);
    for (int i = 0; !e->failed && i < x->shape.rank; i++)
        if (ends[i] != NULL)
            v = tn_call(e, "Slice", v, tn_expand_int(e, 0), ends[i], tn_expand_int(e, i));
    return v;
}

/* x where the condition holds, else y; a scalar after an error. */
static tn_value *choose_value(const choice *c, tn_value *x, tn_value *y)
{
    tn_expand *e = c->e;
    bool lists = x->list != NULL && y->list != NULL && x->list->n == y->list->n && x->list->none == y->list->none;
    if (!e->failed && lists)
        return choose_list(c, x->list, y->list);
    bool texts = !e->failed && x->is_text && y->is_text && x->shape.rank == y->shape.rank; /* Where widens them */
    for (int i = 0; texts && i < x->shape.rank - 1; i++)
        texts = tn_dim_same(x->shape.dim[i], y->shape.dim[i]);
    if (e->failed || texts || tn_value_same_type(x, y))
        return tn_call(e, "Where", c->condition, x, y);
    if (x->list == NULL && y->list == NULL && x->dtype == y->dtype && x->shape.rank == y->shape.rank && !x->is_text
        && !y->is_text)
        return choose_sized(c, x, y);
    tn_expand_error(e,
                    "%s or %s, by a condition that only the run knows; values of one type and rank are supported: fix "
                    "what '%s' depends on with --const",
                    type_of(e, x), type_of(e, y), c->condition->name);
    return tn_expand_scalar(e, TN_FLOAT, 0);
}

/* --- If: branches ---------------------------------------------------------------------------------------------------- */

enum { FEW_NODES = 8 };

/* Its few elementwise operators fuse with the choice, which costs less than a pass over the results of a repeat. */
static bool is_small(const tn_subgraph *b)
{
    bool small = b->nodes.n <= FEW_NODES;
    for (size_t i = 0; small && i < b->nodes.n; i++) {
        const tn_node *n = b->nodes.items[i];
        small = n->n_in == 0 || n->op->expr != NULL || tn_node_is(n, "Identity") || tn_node_is(n, "Unsqueeze");
    }
    return small;
}

/* What is no element of a repeat: a sequence, strings, a tensor that has no room for one dim more. */
static bool gives_no_element(const tn_subgraph *b, tn_value *const *out)
{
    for (size_t i = 0; i < b->outputs.n; i++)
        if (out[i]->list != NULL || out[i]->is_text || out[i]->shape.rank == TN_MAX_RANK)
            return true;
    return false;
}

/* The results of a branch that is only computed where active, as elements of a repeat; of no use otherwise. NULL: they
   cannot be, or an error. */
static tn_value *const *enter_branch(tn_expand *e, const tn_subgraph *b, tn_value *active)
{
    size_t nodes = e->done->n, symbols = e->g->symbols.n;
    int count = (int)b->outputs.n;
    const tn_node *begin = tn_call_repeat_while(e, 0, 1, 1, 0, &active, NULL, NULL);
    tn_value *const *out = begin != NULL ? tn_expand_body(e, b, NULL, tn_node_maybe(e->node)) : NULL;
    if (out == NULL)
        return NULL;
    if (gives_no_element(b, out) || finds_in_turn(e, nodes, symbols)) {
        e->done->n = nodes;
        e->g->symbols.n = symbols;
        return NULL;
    }
    tn_value **next = TN_NEW_N(e->g->arena, tn_value *, count + 1);
    int64_t *zeros = TN_NEW_N(e->g->arena, int64_t, count + 1);
    memset(zeros, 0, sizeof *zeros * (size_t)(count + 1));
    next[0] = begin->out[1];
    memcpy(next + 1, out, sizeof *out * (size_t)count);
    const tn_node *end = tn_call_repeat_end(e, begin, 1, count, next, zeros, zeros);
    for (int i = 0; end != NULL && i < count; i++)
        next[i] = tn_call(e, "Squeeze", end->out[i + 1], tn_expand_int(e, 0));
    return e->failed ? NULL : next;
}

static tn_value *const *branch_results(tn_expand *e, const tn_subgraph *b, tn_value *condition, bool wanted)
{
    tn_value *const *out = NULL;
    if (!is_small(b))
        out = enter_branch(e, b, wanted ? condition : tn_call(e, "Not", condition));
    return out != NULL || e->failed ? out : tn_expand_body(e, b, NULL, true);
}

static bool choose(tn_expand *e, const tn_subgraph *then, const tn_subgraph *otherwise)
{
    choice c = {.e = e, .condition = to_scalar(e, e->node->in[0])};
    tn_value *const *x = branch_results(e, then, c.condition, true);
    tn_value *const *y = e->failed ? NULL : branch_results(e, otherwise, c.condition, false);
    for (int i = 0; !e->failed && i < e->node->n_out; i++) {
        c.name = e->node->out[i] != NULL ? e->node->out[i]->name : e->node->name;
        tn_give(e, i, choose_value(&c, x[i], y[i]));
    }
    return !e->failed;
}

bool tn_expand_if(tn_expand *e, const tn_node *n)
{
    const tn_subgraph *then = need_body(e, "then_branch"), *otherwise = need_body(e, "else_branch");
    if (then == NULL || otherwise == NULL)
        return false;
    if (!check_one(e, 0, TN_BOOL))
        return false;
    if (then->inputs.n > 0 || otherwise->inputs.n > 0 || then->outputs.n != (size_t)n->n_out
        || otherwise->outputs.n != (size_t)n->n_out)
        return tn_expand_error(e, "branches with %zu and %zu inputs, %zu and %zu outputs; 0 and %d are wanted",
                               then->inputs.n, otherwise->inputs.n, then->outputs.n, otherwise->outputs.n, n->n_out);
    const tn_tensor *known = n->in[0]->constant;
    if (known == NULL)
        return choose(e, then, otherwise);
    return give_branch(e, tn_tensor_get_int(known, 0) != 0 ? then : otherwise);
}

/* --- turns ---------------------------------------------------------------------------------------------------------- */

/* A Loop or a Scan. */
typedef struct turns {
    tn_expand *e;
    const tn_subgraph *body;
    bool is_loop; /* the body's first inputs are the turn and the condition, its first output the latter */
    int own;      /* operands of the node in front of the states */
    int states, slices, elements;
    tn_value **in;            /* states, with room for two more, then slices */
    int64_t *axes, *reversed; /* of the slices */
    int64_t *out_axes, *out_reversed;
    tn_dim trips;
    int64_t declared;    /* Loop: the extent that the file declares of a scan output; -1: none */
    tn_value *limit;     /* Loop: of the turns, where only the run knows it; else NULL */
    tn_value *condition; /* Loop: before the first turn; NULL: true */
    const char *bounded; /* Loop: the name of the size that bounds the turns where nothing else does; else NULL */
    bool counted;        /* the run finds how many turns there are, a size */
    bool masked;         /* the condition is a state (active), and so is the number of turns taken (count) */
    bool needs_mask;     /* found out: the body changes the condition */
    tn_value **result;   /* of all turns: states, active, count, then the joined elements */
} turns;

static int carried(const turns *t)
{
    return t->states + 2 * t->masked;
}

static const tn_value *origin(const tn_value *v)
{
    while (tn_node_is(v->maker, "Identity"))
        v = v->maker->in[0];
    return v;
}

static bool stays(const turns *t, const tn_value *before, const tn_value *after)
{
    bool is_true = after->constant != NULL && after->dtype == TN_BOOL && tn_tensor_get_int(after->constant, 0) != 0;
    return !t->is_loop || is_true || origin(after) == origin(before);
}

/* active and count behind a turn. */
static void end_turn(turns *t, tn_value *turn, tn_value *const *now, tn_value *goes_on, tn_value **out)
{
    tn_expand *e = t->e;
    tn_value *active = now[0], *one = tn_expand_scalar(e, TN_INT64, 1);
    out[0] = tn_call(e, "And", active, to_scalar(e, goes_on));
    if (t->limit != NULL)
        out[0] = tn_call(e, "And", out[0], tn_call(e, "Less", tn_call(e, "Add", turn, one), t->limit));
    out[1] = tn_call(e, "Add", now[1], tn_call_cast(e, active, TN_INT64));
}

static tn_value *choose_state(tn_expand *e, tn_value *active, tn_value *next, tn_value *now)
{
    const choice c = {e, active, now->name};
    return choose_value(&c, next, now);
}

/* One turn. now: states and slices; out: the next states, then elements. always: it is only taken where active. */
static bool take_turn(turns *t, bool always, tn_value *turn, tn_value *const *now, tn_value **out)
{
    tn_expand *e = t->e;
    tn_value **in = TN_NEW_N(e->g->arena, tn_value *, t->states + t->slices + 3), *active = t->condition;
    int extra = t->is_loop ? 2 : 0, hidden = carried(t) - t->states;
    if (t->masked)
        active = now[t->states];
    else if (active == NULL)
        active = tn_expand_scalar(e, TN_BOOL, 1);
    in[0] = turn;
    in[t->is_loop ? 1 : 0] = active;
    for (int i = 0; i < t->states; i++)
        in[extra + i] = now[i];
    for (int i = 0; i < t->slices; i++)
        in[extra + t->states + i] = now[t->states + hidden + i];
    tn_value *const *body = tn_expand_body(e, t->body, in, tn_node_maybe(e->node));
    if (body == NULL)
        return false;
    const int first = t->is_loop ? 1 : 0;
    for (int i = 0; i < t->states; i++)
        out[i] = t->masked && !always ? choose_state(e, active, body[first + i], now[i]) : body[first + i];
    for (int i = 0; i < t->elements; i++)
        out[t->states + hidden + i] = body[first + t->states + i];
    if (t->masked)
        end_turn(t, turn, now + t->states, body[0], out + t->states);
    else
        t->needs_mask = !e->failed && !stays(t, active, body[0]);
    return !e->failed && !t->needs_mask;
}

/* --- one copy of the body ------------------------------------------------------------------------------------------- */

/* Marks what depends on the results of n that are marked. */
static bool depends(const tn_node *n, const bool *moves)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL && moves[n->in[i]->id])
            return true;
    return false;
}

/* It may end the run with an error, by integers that only the run knows. What finds a size instead of comparing does not. */
static bool may_check(const tn_node *n)
{
    bool late = tn_node_is(n, "Check");
    for (int k = 0; k < n->n_out; k++)
        for (int d = 0; n->out[k] != NULL && d < n->out[k]->shape.rank; d++)
            if (tn_dim_is_found(n->out[k]->shape.dim[d]))
                return false;
    for (int i = 1; i < n->n_in && n->op->expr == NULL; i++) {
        const tn_value *v = n->in[i];
        late = late || (v != NULL && v->constant == NULL && (v->dtype == TN_INT64 || v->dtype == TN_INT32));
    }
    return late;
}

/* Moves nodes behind `begin` that no turn changes before it; a repeat inside stays whole, and so does what may end the run
   where there may be no turn at all. Gives its new place. */
static size_t hoist(tn_expand *e, size_t begin, bool always)
{
    tn_node **nodes = e->done->items;
    bool *moves = TN_NEW_N(e->g->arena, bool, e->g->values.n);
    tn_node_vec before = {0}, after = {0};
    int depth = 0;
    for (size_t i = begin; i < e->done->n; i++) {
        tn_node *n = nodes[i];
        depth += i > begin && tn_node_begins_repeat(n);
        bool stay = i == begin || depth > 0 || depends(n, moves) || tn_node_draws(n) || (!always && may_check(n));
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k] != NULL)
                moves[n->out[k]->id] = stay;
        *(stay ? TN_PUSH(e->g->arena, after) : TN_PUSH(e->g->arena, before)) = n;
        depth -= i > begin && tn_node_ends_repeat(n);
    }
    for (size_t i = 0; i < before.n; i++)
        nodes[begin + i] = before.items[i];
    for (size_t i = 0; i < after.n; i++)
        nodes[begin + before.n + i] = after.items[i];
    return begin + before.n;
}

static bool repeat(turns *t)
{
    tn_expand *e = t->e;
    int n = carried(t);
    size_t at = e->done->n, symbols = e->g->symbols.n;
    const tn_node *begin =
        tn_call_repeat_while(e, t->masked ? t->states : -1, t->trips.n, n, t->slices, t->in, t->axes, t->reversed);
    tn_value **next = TN_NEW_N(e->g->arena, tn_value *, n + t->elements + 1);
    if (begin == NULL || !take_turn(t, true, begin->out[0], begin->out + 1, next))
        return false;
    size_t from = hoist(e, at, !t->masked);
    if (finds_in_turn(e, from, symbols))
        return tn_expand_error(
            e, "sizes in its body are found by the run in each turn, of which there may be %lld: not supported",
            (long long)t->trips.n);
    const tn_node *end = tn_call_repeat_end(e, begin, n, t->elements, next, t->out_axes, t->out_reversed);
    if (end != NULL)
        memcpy(t->result, end->out, sizeof *t->result * (size_t)(n + t->elements));
    return end != NULL;
}

/* --- a copy for each turn ------------------------------------------------------------------------------------------- */

static tn_value *slice_of(turns *t, int i, int64_t turn)
{
    tn_expand *e = t->e;
    int64_t place = t->reversed[i] != 0 ? t->trips.n - 1 - turn : turn;
    return tn_call(e, tn_strfmt(e->g->arena, "Gather axis=%lld", (long long)t->axes[i]), t->in[carried(t) + i],
                   tn_expand_scalar(e, TN_INT64, (double)place));
}

static tn_value *join(turns *t, int i, tn_value *const *elements)
{
    tn_expand *e = t->e;
    int n = (int)t->trips.n;
    tn_value **parts = TN_NEW_N(e->g->arena, tn_value *, n);
    for (int k = 0; k < n; k++)
        parts[t->out_reversed[i] != 0 ? n - 1 - k : k] = tn_call_unsqueeze(e, elements[k], t->out_axes[i]);
    return tn_call_list(e, tn_strfmt(e->g->arena, "Concat axis=%lld", (long long)t->out_axes[i]), n, parts);
}

static bool unroll(turns *t)
{
    tn_expand *e = t->e;
    int n = carried(t), trips = (int)t->trips.n;
    tn_value **now = TN_NEW_N(e->g->arena, tn_value *, n + t->slices + 1),
             **next = TN_NEW_N(e->g->arena, tn_value *, n + t->elements + 1),
             **elements = TN_NEW_N(e->g->arena, tn_value *, t->elements * trips + 1);
    memcpy(now, t->in, sizeof *now * (size_t)n);
    for (int k = 0; k < trips; k++) {
        for (int i = 0; i < t->slices; i++)
            now[n + i] = slice_of(t, i, k);
        if (!take_turn(t, false, tn_expand_scalar(e, TN_INT64, k), now, next))
            return false;
        memcpy(now, next, sizeof *now * (size_t)n);
        for (int i = 0; i < t->elements; i++)
            elements[i * trips + k] = next[n + i];
    }
    memcpy(t->result, now, sizeof *now * (size_t)n);
    for (int i = 0; i < t->elements; i++)
        t->result[n + i] = join(t, i, &elements[i * trips]);
    return !e->failed;
}

/* --- no turn -------------------------------------------------------------------------------------------------------- */

/* The states stay; of the elements a turn tells the types. */
static bool skip_all(turns *t)
{
    tn_expand *e = t->e;
    tn_value **next = TN_NEW_N(e->g->arena, tn_value *, t->states + t->elements + 3);
    if (t->slices > 0)
        return tn_expand_error(e, "inputs without a slice are not supported");
    int n = carried(t);
    if (!take_turn(t, false, tn_expand_scalar(e, TN_INT64, 0), t->in, next) && !t->needs_mask)
        return false;
    t->needs_mask = false;
    for (int i = 0; i < n; i++)
        t->result[i] = t->in[i];
    for (int i = n; i < n + t->elements; i++) {
        tn_shape s = next[i]->shape;
        if (!tn_shape_is_fixed(&s) || s.rank == TN_MAX_RANK)
            return tn_expand_error(e, "no turn, and elements of type %s: not supported",
                                   tn_type_text(e->g->arena, next[i]->dtype, &s));
        memmove(&s.dim[1], &s.dim[0], sizeof *s.dim * (size_t)s.rank++);
        s.dim[0] = tn_dim_fixed(0);
        t->result[i] = tn_expand_constant(e, tn_tensor_make(e->g->arena, next[i]->dtype, &s));
    }
    return true;
}

/* --- choosing ------------------------------------------------------------------------------------------------------- */

/* The extent that the file declares of a scan output; -1. */
static int64_t find_declared_trips(const turns *t)
{
    for (int i = t->states; i < t->states + t->elements; i++) {
        const tn_value *v = t->e->node->out[i];
        if (v != NULL && v->declared.known && v->declared.rank > 0 && v->declared.dim[0].sym == NULL)
            return v->declared.dim[0].n;
    }
    return -1;
}

/* hint: option bounds that would help, "" where there are none. */
static bool open_trips(turns *t, const char *hint)
{
    const char *bound = tn_strfmt(t->e->g->arena, "say how many it takes at most with %s, ", hint);
    return tn_expand_error(t->e,
                           "how many turns it takes is known at run time only, and the file does not declare the shape "
                           "of an output that tells; %sfix the inputs that it depends on with --const, or declare the "
                           "shape of output %d",
                           hint[0] != '\0' ? bound : "", t->elements > 0 ? t->states : 0);
}

/* The condition becomes a state, and so does that the limit is not reached. What is joined has as many elements as it is
   declared with, else as are counted. */
static bool mask(turns *t)
{
    tn_expand *e = t->e;
    tn_value *yes = tn_expand_scalar(e, TN_BOOL, 1);
    if (t->declared >= 0)
        t->trips = tn_dim_fixed(t->declared);
    t->counted = t->declared < 0 && (t->elements > 0 || t->bounded != NULL);
    memmove(t->in + t->states + 2, t->in + t->states, sizeof *t->in * (size_t)t->slices);
    t->in[t->states] = t->condition != NULL ? to_scalar(e, t->condition) : yes;
    if (t->limit != NULL)
        t->in[t->states] =
            tn_call(e, "And", t->in[t->states], tn_call(e, "Less", tn_expand_scalar(e, TN_INT64, 0), t->limit));
    t->in[t->states + 1] = tn_expand_scalar(e, TN_INT64, 0);
    t->masked = true;
    t->needs_mask = false;
    return true;
}

/* Whether f does it; otherwise all is as before, and nothing is said of the reason if quiet. */
static bool try(turns *t, bool (*f)(turns *t), bool quiet)
{
    tn_expand *e = t->e;
    size_t nodes = e->done->n;
    tn_diag *diag = e->g->diag, silent = tn_diag_silent();
    e->g->diag = quiet ? &silent : diag;
    bool ok = f(t);
    e->g->diag = diag;
    if (!ok && (quiet || t->needs_mask)) {
        e->done->n = nodes;
        e->failed = false;
    }
    return ok;
}

static bool do_turns(turns *t)
{
    if (tn_dim_is(t->trips, 0))
        return skip_all(t);
    bool may_unroll = t->trips.sym == NULL && t->trips.n <= MAX_UNROLLED / (int64_t)(t->body->nodes.n + 1);
    if (try(t, repeat, may_unroll) || (!t->needs_mask && may_unroll && try(t, unroll, false)))
        return true;
    return t->needs_mask && mask(t) && do_turns(t);
}

static bool give_results(turns *t)
{
    int hidden = carried(t) - t->states;
    for (int i = 0; i < t->states; i++)
        tn_give(t->e, i, t->result[i]);
    for (int i = t->states; i < t->states + t->elements; i++)
        tn_give(t->e, i, t->result[hidden + i]);
    return !t->e->failed;
}

static bool check_operands(turns *t)
{
    const tn_node *n = t->e->node;
    for (int i = 0; i < t->states + t->slices; i++) {
        if (!tn_has_input(n, t->own + i))
            return tn_expand_error(t->e, "input %d is omitted", t->own + i);
        t->in[i] = n->in[t->own + i];
    }
    return true;
}

static int64_t *zeros(tn_expand *e, int n)
{
    int64_t *x = TN_NEW_N(e->g->arena, int64_t, n + 1);
    memset(x, 0, sizeof *x * (size_t)(n + 1));
    return x;
}

static bool begin_turns(turns *t, int states, int slices, int elements)
{
    tn_expand *e = t->e;
    if (states < 0 || slices < 0 || elements < 0 || e->node->n_out != states + elements)
        return tn_expand_error(e, "its body has %zu inputs and %zu outputs, which does not fit its %d outputs",
                               t->body->inputs.n, t->body->outputs.n, e->node->n_out);
    t->states = states;
    t->slices = slices;
    t->elements = elements;
    t->in = TN_NEW_N(e->g->arena, tn_value *, states + slices + 3);
    t->result = TN_NEW_N(e->g->arena, tn_value *, states + elements + 4);
    t->axes = zeros(e, slices);
    t->reversed = zeros(e, slices);
    t->out_axes = zeros(e, elements);
    t->out_reversed = zeros(e, elements);
    return check_operands(t);
}

/* --- Loop ----------------------------------------------------------------------------------------------------------- */

static bool is_known(const tn_value *v)
{
    return v == NULL || v->constant != NULL;
}

/* The most that a limit may be which only the run knows. */
static bool bound_limit(turns *t, tn_value *limit, int64_t *most)
{
    if (limit->elems == NULL)
        return open_trips(t, tn_note_sizes(t->e->g, limit));
    t->limit = to_scalar(t->e, limit);
    *most = limit->elems[0].n;
    return true;
}

/* Without a limit: what option bounds says. */
static bool bound_turns(turns *t, int64_t *most)
{
    tn_graph *g = t->e->g;
    const tn_node *n = t->e->node;
    const char *output = n->n_out > 0 && n->out[0] != NULL ? n->out[0]->name : n->name;
    t->bounded = tn_size_name(g, tn_strfmt(g->arena, "%s_turns", output));
    const tn_dim *given = tn_size_bound(g, t->bounded);
    if (given == NULL)
        return open_trips(t, tn_strfmt(g->arena, "--bounds \"%s<=N\"", t->bounded));
    *most = given->n;
    return true;
}

static bool find_trips(turns *t, tn_value *limit)
{
    int64_t most = TN_DIM_MAX;
    bool by_limit = limit != NULL && limit->constant != NULL;
    if (by_limit)
        most = tn_tensor_get_int(limit->constant, 0);
    if (is_known(t->condition) && t->condition != NULL && tn_tensor_get_int(t->condition->constant, 0) == 0)
        most = 0;
    else if (t->declared >= 0 && !(by_limit && is_known(t->condition)))
        most = t->declared;
    else if (limit != NULL && !by_limit && !bound_limit(t, limit, &most))
        return false;
    if (most >= INT32_MAX && !bound_turns(t, &most))
        return false;
    t->trips = tn_dim_fixed(most > 0 ? most : 0);
    return true;
}

/* Whether the turns were as many as the outputs were declared with. */
static tn_value *find_agreement(turns *t, tn_value *limit)
{
    tn_expand *e = t->e;
    tn_value *trips = tn_expand_scalar(e, TN_INT64, (double)t->trips.n), *yes = tn_expand_scalar(e, TN_BOOL, 1);
    tn_value *exhausted = limit == NULL  ? tn_expand_scalar(e, TN_BOOL, 0)
                        : t->trips.n > 0 ? tn_call(e, "Equal", to_scalar(e, limit), trips)
                                         : tn_call(e, "LessOrEqual", to_scalar(e, limit), trips);
    tn_value *before = t->condition != NULL ? to_scalar(e, t->condition) : yes;
    if (t->trips.n == 0)
        return tn_call(e, "Or", exhausted, tn_call(e, "Not", before));
    if (!t->masked)
        return tn_call(e, "And", exhausted, before);
    tn_value *stopped = tn_call(e, "Not", t->result[t->states]), *count = t->result[t->states + 1];
    return tn_call(e, "And", tn_call(e, "Equal", count, trips), tn_call(e, "Or", exhausted, stopped));
}

/* States too: of a scan output that nobody reads the check would vanish with it. */
static void check_results(turns *t, tn_value *agrees)
{
    for (int i = 0; i < carried(t) + t->elements && agrees->constant == NULL; i++)
        if (t->result[i]->list == NULL)
            t->result[i] = tn_call_check(t->e, agrees, t->result[i]);
}

/* Of the joined elements those of the Loop's own turns. Where only option bounds ends it, one turn more says that it
   would go on. */
static void keep_counted(turns *t)
{
    tn_expand *e = t->e;
    int first = carried(t);
    tn_value *count = tn_call_reshape(e, t->result[t->states + 1], 1, (const int64_t[]){1});
    tn_value *active = t->result[t->states];
    if (t->bounded != NULL)
        count = tn_call(e, "Add", count, tn_call_cast(e, active, TN_INT64));
    count = tn_call_size(e, count, t->bounded, t->trips.n);
    for (int i = first; !e->failed && i < first + t->elements; i++)
        t->result[i] = tn_call(e, "Slice", t->result[i], tn_expand_int(e, 0), count);
    if (t->bounded != NULL)
        check_results(t, tn_call(e, "Not", active));
}

bool tn_expand_loop(tn_expand *e, const tn_node *n)
{
    turns t = {.e = e, .body = need_body(e, "body"), .is_loop = true, .own = 2};
    if (t.body == NULL)
        return false;
    int states = (int)t.body->inputs.n - 2, elements = (int)t.body->outputs.n - 1 - states;
    tn_value *limit = tn_has_input(n, 0) ? n->in[0] : NULL;
    t.condition = tn_has_input(n, 1) ? n->in[1] : NULL;
    if (!begin_turns(&t, states, 0, elements) || !check_one(e, 0, TN_INT64) || !check_one(e, 1, TN_BOOL))
        return false;
    t.declared = find_declared_trips(&t);
    if (!find_trips(&t, limit))
        return false;
    bool may_not_begin = !is_known(t.condition) && t.declared < 0, may_end = t.limit != NULL || t.bounded != NULL;
    if (((may_not_begin || may_end) && !mask(&t)) || !do_turns(&t))
        return false;
    bool open = !is_known(limit) || limit == NULL || !is_known(t.condition) || t.masked;
    if (t.counted)
        keep_counted(&t);
    else if (open && elements > 0)
        check_results(&t, find_agreement(&t, limit));
    return give_results(&t);
}

/* --- Scan ----------------------------------------------------------------------------------------------------------- */

static bool read_list(tn_expand *e, const char *name, int count, int64_t *out)
{
    const tn_attr *a = tn_node_find_attr(e->node, name);
    if (a == NULL)
        return true;
    if (a->kind != TN_ATTR_INTS || a->n != (size_t)count)
        return tn_expand_error(e, "attribute '%s' has %zu elements; %d are wanted", name, a->n, count);
    memcpy(out, a->ints, sizeof *out * a->n);
    return true;
}

static bool find_slices(turns *t)
{
    tn_expand *e = t->e;
    for (int i = 0; i < t->slices; i++) {
        const tn_shape *s = &t->in[t->states + i]->shape;
        int axis;
        if (!tn_node_axis(e->g, e->node, t->axes[i], s->rank, &axis))
            return tn_expand_error(e, "scan_input_axes does not fit scan input %d", i);
        t->axes[i] = axis;
        if (i > 0 && !tn_dim_same(s->dim[axis], t->trips))
            return tn_expand_error(e, "scan input %d has %s slices, the first %s", i,
                                   tn_dim_text(e->g->arena, s->dim[axis]), tn_dim_text(e->g->arena, t->trips));
        t->trips = s->dim[axis];
    }
    return true;
}

/* Negative axes count from the end of the result, whose rank only the body's types tell. */
static bool find_out_axes(turns *t)
{
    for (int i = 0; i < t->elements; i++)
        if (t->out_axes[i] < 0)
            return tn_expand_error(t->e, "scan_output_axes of %lld: counting from the end is not supported",
                                   (long long)t->out_axes[i]);
    return true;
}

/* Opset 8 has a batch in front of all else: a scan for each of its elements. */
static bool scan_batch(turns *t)
{
    tn_expand *e = t->e;
    int n_in = t->states + t->slices, n_out = t->states + t->elements;
    tn_value **whole = TN_NEW_N(e->g->arena, tn_value *, n_in);
    memcpy(whole, t->in, sizeof *whole * (size_t)n_in);
    const tn_shape *s = &whole[0]->shape;
    if (s->rank == 0 || s->dim[0].sym != NULL || s->dim[0].n < 1 || s->dim[0].n > MAX_UNROLLED)
        return tn_expand_error(e, "'%s' is %s; a fixed batch of 1 to %d in front is wanted", whole[0]->name,
                               tn_type_text(e->g->arena, whole[0]->dtype, s), MAX_UNROLLED);
    int batch = (int)s->dim[0].n;
    tn_value **part = TN_NEW_N(e->g->arena, tn_value *, n_out * batch);
    for (int b = 0; b < batch; b++) {
        for (int i = 0; i < n_in; i++)
            t->in[i] = tn_call(e, "Gather axis=0", whole[i], tn_expand_scalar(e, TN_INT64, b));
        if (e->failed || !find_slices(t) || !do_turns(t))
            return false;
        for (int i = 0; i < n_out; i++)
            part[i * batch + b] = tn_call_unsqueeze(e, t->result[i], 0);
    }
    for (int i = 0; i < n_out; i++)
        t->result[i] = tn_call_list(e, "Concat axis=0", batch, &part[i * batch]);
    return !e->failed;
}

static bool read_directions(turns *t, bool has_batch)
{
    if (has_batch)
        return read_list(t->e, "directions", t->slices, t->reversed);
    return read_list(t->e, "scan_input_axes", t->slices, t->axes)
        && read_list(t->e, "scan_input_directions", t->slices, t->reversed)
        && read_list(t->e, "scan_output_axes", t->elements, t->out_axes)
        && read_list(t->e, "scan_output_directions", t->elements, t->out_reversed);
}

bool tn_expand_scan(tn_expand *e, const tn_node *n)
{
    bool has_batch = n->version < 9;
    turns t = {.e = e, .body = need_body(e, "body"), .own = has_batch};
    if (t.body == NULL)
        return false;
    if (has_batch && tn_has_input(n, 0))
        return tn_expand_error(e, "sequence_lens (input 0, opset 8) is not supported; all of one length are");
    int64_t given = tn_node_int(n, "num_scan_inputs", 0);
    int slices = given > 0 && given <= (int64_t)t.body->inputs.n ? (int)given : 0;
    int states = (int)t.body->inputs.n - slices;
    if (slices < 1 || !begin_turns(&t, states, slices, (int)t.body->outputs.n - states))
        return e->failed ? false
                         : tn_expand_error(e, "num_scan_inputs is %lld; 1 to the %zu inputs of its body are wanted",
                                           (long long)given, t.body->inputs.n);
    if (!read_directions(&t, has_batch) || !find_out_axes(&t))
        return false;
    return (has_batch ? scan_batch(&t) : find_slices(&t) && do_turns(&t)) && give_results(&t);
}
