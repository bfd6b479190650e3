/* Loop and Scan: one copy of the body between RepeatBegin and RepeatEnd (repeat.h). Where that has no types, since a
   shape inside depends on the turn or on what the turn finds, or what is carried changes its shape, a copy for each
   turn, in which the turn is a constant.

   How many turns is the extent of the slices, a constant, or what the file declares of a scan output's shape, which a
   check then compares. A condition that may end a Loop early is a state, and so is the number of turns taken: the
   repeat ends where the condition is false; of a copy for each turn those behind the end leave the other states as they
   are. Where nothing is declared, scan outputs have room for as many turns as there may be at most, and are sliced to
   those taken: their number is a size that the run finds. */
#include "ops/control.h"
#include "ops/late.h"
#include "ops/ops.h"
#include "ops/repeat.h"

enum {
    MAX_UNROLLED = 1 << 15, /* nodes */
    MOST_REFUSALS = 32
};

/* --- turns -------------------------------------------------------------------------------------------------------- */

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
    out[0] = tn_call(e, "And", active, tn_call_scalar(e, goes_on));
    if (t->limit != NULL)
        out[0] = tn_call(e, "And", out[0], tn_call(e, "Less", tn_call(e, "Add", turn, one), t->limit));
    out[1] = tn_call(e, "Add", now[1], tn_call_cast(e, active, TN_INT64));
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
    const tn_branch *outer = e->branch, own = {outer, active, true};
    e->branch = t->masked && !always ? &own : outer;
    tn_value *const *body = tn_expand_body(e, t->body, in, tn_node_maybe(e->node));
    e->branch = outer;
    if (body == NULL)
        return false;
    const int first = t->is_loop ? 1 : 0;
    for (int i = 0; i < t->states; i++)
        out[i] =
            t->masked && !always ? tn_call_choose(e, active, now[i]->name, body[first + i], now[i]) : body[first + i];
    for (int i = 0; i < t->elements; i++)
        out[t->states + hidden + i] = body[first + t->states + i];
    if (t->masked)
        end_turn(t, turn, now + t->states, body[0], out + t->states);
    else
        t->needs_mask = !e->failed && !stays(t, active, body[0]);
    return !e->failed && !t->needs_mask;
}

/* --- one copy of the body ----------------------------------------------------------------------------------------- */

/* Marks what depends on the results of n that are marked. */
static bool depends(const tn_node *n, const bool *moves)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL && moves[n->in[i]->id])
            return true;
    return false;
}

/* It may end the run with an error, by integers that only the run knows. What finds a size does not compare. */
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

/* Moves nodes behind `begin` that no turn changes before it; a repeat inside stays whole, and so does what may end the
   run where there may be no turn at all. Gives its new place. */
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
    if (tn_finds_inside(e, from, symbols))
        return tn_expand_error(
            e, "sizes in its body are found by the run in each turn, of which there may be %lld: not supported",
            (long long)t->trips.n);
    const tn_node *end = tn_call_repeat_end(e, begin, n, t->elements, next, t->out_axes, t->out_reversed);
    if (end != NULL)
        memcpy(t->result, end->out, sizeof *t->result * (size_t)(n + t->elements));
    return end != NULL;
}

/* --- a copy for each turn ----------------------------------------------------------------------------------------- */

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

/* --- no turn ------------------------------------------------------------------------------------------------------ */

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

/* --- choosing ----------------------------------------------------------------------------------------------------- */

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

/* The condition becomes a state, and so does that the limit is not reached. What is joined has as many elements as it
   is declared with, else as are counted. */
static bool mask(turns *t)
{
    tn_expand *e = t->e;
    tn_value *yes = tn_expand_scalar(e, TN_BOOL, 1);
    if (t->declared >= 0)
        t->trips = tn_dim_fixed(t->declared);
    t->counted = t->declared < 0 && (t->elements > 0 || t->bounded != NULL);
    memmove(t->in + t->states + 2, t->in + t->states, sizeof *t->in * (size_t)t->slices);
    t->in[t->states] = t->condition != NULL ? tn_call_scalar(e, t->condition) : yes;
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

static tn_refusal *find_refusals(const turns *t)
{
    tn_refusal_vec *all = &t->e->g->refusals;
    const tn_subgraph *body = t->body->origin != NULL ? t->body->origin : t->body;
    for (size_t i = 0; i < all->n; i++)
        if (all->items[i].body == body)
            return &all->items[i];
    tn_refusal *r = TN_PUSH(t->e->g->arena, *all);
    *r = (tn_refusal){.body = body};
    return r;
}

/* To try takes as long as a copy, loops inside included: of each at each level that would double the time. One turn needs no
   repeat; and what was none so often in other copies of the body is not tried again, a copy for each turn is right too. */
static bool try_repeat(turns *t, bool may_unroll)
{
    bool alone = !t->masked && tn_dim_is(t->trips, 1);
    if (may_unroll && (alone || find_refusals(t)->times >= MOST_REFUSALS))
        return false;
    bool ok = try(t, repeat, may_unroll);
    if (!ok && !t->needs_mask)
        find_refusals(t)->times++;
    return ok;
}

static bool do_turns(turns *t)
{
    if (tn_dim_is(t->trips, 0))
        return skip_all(t);
    bool may_unroll = t->trips.sym == NULL && t->trips.n <= MAX_UNROLLED / (int64_t)(t->body->nodes.n + 1);
    if (try_repeat(t, may_unroll) || (!t->needs_mask && may_unroll && try(t, unroll, false)))
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

/* --- Loop --------------------------------------------------------------------------------------------------------- */

static bool is_known(const tn_value *v)
{
    return v == NULL || v->constant != NULL;
}

/* The most that a limit may be which only the run knows. */
static bool bound_limit(turns *t, tn_value *limit, int64_t *most)
{
    if (limit->elems == NULL)
        return open_trips(t, tn_note_sizes(t->e->g, limit));
    t->limit = tn_call_scalar(t->e, limit);
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
                        : t->trips.n > 0 ? tn_call(e, "Equal", tn_call_scalar(e, limit), trips)
                                         : tn_call(e, "LessOrEqual", tn_call_scalar(e, limit), trips);
    tn_value *before = t->condition != NULL ? tn_call_scalar(e, t->condition) : yes;
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
    turns t = {.e = e, .body = tn_need_body(e, "body"), .is_loop = true, .own = 2};
    if (t.body == NULL)
        return false;
    int states = (int)t.body->inputs.n - 2, elements = (int)t.body->outputs.n - 1 - states;
    tn_value *limit = tn_has_input(n, 0) ? n->in[0] : NULL;
    t.condition = tn_has_input(n, 1) ? n->in[1] : NULL;
    if (!begin_turns(&t, states, 0, elements) || !tn_check_one(e, 0, TN_INT64) || !tn_check_one(e, 1, TN_BOOL))
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

/* --- Scan --------------------------------------------------------------------------------------------------------- */

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
    turns t = {.e = e, .body = tn_need_body(e, "body"), .own = has_batch};
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
