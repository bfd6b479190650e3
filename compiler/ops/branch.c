/* If: a branch takes its place.

   A condition that is known leaves one. Otherwise each result is chosen (Where). A branch of more than a few
   elementwise operators is a repeat of one turn, or none where the condition is not its own. The others, and those that
   give sequences or strings or find sizes, are computed in any case, so they may not hold what ends the run with an
   error (late.h): their nodes are marked, lowering refuses that.

   Between results of two ranks or types nothing can choose. Such an If is a fork: where the rest of the model has types
   behind one of its branches only, pass infer decides for that one, and a run that would take the other ends with an
   error, as it would in any runtime, a few nodes on.

       y = If(c) {then: Conv(x), else: x + 1}      i, a = RepeatBegin(c) {while=0, trips=1}     t = Conv(x)
                                                   e, r = RepeatEnd(i, a, t)      y = Where(c, Squeeze(r), x + 1) */
#include "ops/control.h"
#include "ops/ops.h"
#include "ops/repeat.h"

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

/* Without their repeat, whose beginning stands at `begin`, the nodes of a branch are computed in any case. They are not
   made anew: of branches in branches that would take twice the time at each level. */
static void leave_repeat(tn_expand *e, size_t begin)
{
    tn_node_vec *done = e->done;
    for (size_t i = begin + 1; i < done->n; i++) {
        done->items[i - 1] = done->items[i];
        tn_node_set_maybe(e->g, done->items[i]);
    }
    done->n--;
}

static tn_value *const *expand_branch(tn_expand *e, const tn_subgraph *b, const tn_branch *own, bool may_skip)
{
    const tn_branch *outer = e->branch;
    e->branch = own;
    tn_value *const *out = tn_expand_body(e, b, NULL, may_skip);
    e->branch = outer;
    return out;
}

/* The results of a branch as those of a repeat that is only taken where active (of no use otherwise), if they can be.
   NULL after an error. */
static tn_value *const *enter_branch(tn_expand *e, const tn_subgraph *b, const tn_branch *own, tn_value *active)
{
    size_t nodes = e->done->n, symbols = e->g->symbols.n;
    int count = (int)b->outputs.n;
    const tn_node *begin = tn_call_repeat_while(e, 0, 1, 1, 0, &active, NULL, NULL);
    tn_value *const *out = begin != NULL ? expand_branch(e, b, own, tn_node_maybe(e->node)) : NULL;
    if (out == NULL)
        return NULL;
    if (gives_no_element(b, out) || tn_finds_inside(e, nodes, symbols)) {
        leave_repeat(e, nodes);
        return out;
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

/* NULL after an error. */
static tn_value *const *branch_results(tn_expand *e, const tn_subgraph *b, tn_value *condition, bool wanted)
{
    const tn_branch own = {e->branch, condition, wanted};
    if (is_small(b))
        return expand_branch(e, b, &own, true);
    return enter_branch(e, b, &own, wanted ? condition : tn_call(e, "Not", condition));
}

static bool give_branch(tn_expand *e, const tn_subgraph *b)
{
    tn_value *const *out = tn_expand_body(e, b, NULL, tn_node_maybe(e->node));
    for (int i = 0; out != NULL && i < e->node->n_out; i++)
        tn_give(e, i, out[i]);
    return !e->failed;
}

/* --- forks -------------------------------------------------------------------------------------------------------- */

static const char *fork_name(const tn_node *n)
{
    int i = 0;
    while (i < n->n_out - 1 && n->out[i] == NULL)
        i++;
    return n->out[i] != NULL ? n->out[i]->name : n->name;
}

static const tn_subgraph *fork_place(const tn_node *n)
{
    const tn_subgraph *then = tn_node_body(n, "then_branch");
    return then->origin != NULL ? then->origin : then;
}

static const tn_fork *find_fork(const tn_expand *e)
{
    for (size_t i = 0; i < e->g->forks.n; i++)
        if (e->g->forks.items[i].where == fork_place(e->node))
            return &e->g->forks.items[i];
    return NULL;
}

/* Sequences without an element have nothing that a check could stand before. */
static void note_fork(tn_expand *e, tn_value *const *x, tn_value *const *y)
{
    bool tensors = true;
    for (int i = 0; i < e->node->n_out; i++)
        tensors = tensors && x[i]->list == NULL && y[i]->list == NULL;
    if (tensors && e->g->open_fork.name == NULL)
        e->g->open_fork = (tn_fork){.name = fork_name(e->node), .where = fork_place(e->node)};
}

/* Whether the run takes it, or does not come to it at all. */
static tn_value *call_taken(tn_expand *e, tn_value *condition, bool wanted)
{
    tn_value *taken = wanted ? condition : tn_call(e, "Not", condition);
    for (const tn_branch *b = e->branch; b != NULL; b = b->outer)
        taken = tn_call(e, "Or", taken, b->wanted ? tn_call(e, "Not", b->condition) : b->condition);
    return taken;
}

static bool take_fork(tn_expand *e, const tn_subgraph *b, tn_value *condition, bool wanted)
{
    tn_value *taken = call_taken(e, condition, wanted);
    tn_value *const *out = tn_expand_body(e, b, NULL, tn_node_maybe(e->node));
    for (int i = 0; !e->failed && i < e->node->n_out; i++) {
        tn_value *v = tn_call_check(e, taken, out[i]);
        if (!e->failed)
            tn_node_set_asks(e->g, v->maker);
        tn_give(e, i, v);
    }
    return !e->failed;
}

/* --- If ----------------------------------------------------------------------------------------------------------- */

static bool choose(tn_expand *e, const tn_subgraph *then, const tn_subgraph *otherwise)
{
    tn_value *condition = tn_call_scalar(e, e->node->in[0]);
    const tn_fork *f = find_fork(e);
    if (f != NULL)
        return take_fork(e, f->then ? then : otherwise, condition, f->then);
    tn_value *const *x = branch_results(e, then, condition, true);
    tn_value *const *y = e->failed ? NULL : branch_results(e, otherwise, condition, false);
    for (int i = 0; !e->failed && i < e->node->n_out; i++) {
        const tn_value *out = e->node->out[i];
        tn_value *v = tn_call_choose(e, condition, out != NULL ? out->name : e->node->name, x[i], y[i]);
        if (e->failed)
            note_fork(e, x, y);
        tn_give(e, i, v);
    }
    return !e->failed;
}

bool tn_expand_if(tn_expand *e, const tn_node *n)
{
    const tn_subgraph *then = tn_need_body(e, "then_branch"), *otherwise = tn_need_body(e, "else_branch");
    if (then == NULL || otherwise == NULL)
        return false;
    if (!tn_check_one(e, 0, TN_BOOL))
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
