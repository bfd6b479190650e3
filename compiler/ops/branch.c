/* If: a branch takes its place.

   A condition that is known leaves one. Otherwise each result is chosen (Where). A branch of more than a few
   elementwise operators is a repeat of one turn, or none where the condition is not its own. The others, and those that
   give sequences or strings or find sizes, are computed in any case, so they may not hold what ends the run with an
   error (late.h): their nodes are marked, lowering refuses that.

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

/* The results of a branch as those of a repeat that is only taken where active (of no use otherwise), if they can be.
   NULL after an error. */
static tn_value *const *enter_branch(tn_expand *e, const tn_subgraph *b, tn_value *active)
{
    size_t nodes = e->done->n, symbols = e->g->symbols.n;
    int count = (int)b->outputs.n;
    const tn_node *begin = tn_call_repeat_while(e, 0, 1, 1, 0, &active, NULL, NULL);
    tn_value *const *out = begin != NULL ? tn_expand_body(e, b, NULL, tn_node_maybe(e->node)) : NULL;
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
    if (is_small(b))
        return tn_expand_body(e, b, NULL, true);
    return enter_branch(e, b, wanted ? condition : tn_call(e, "Not", condition));
}

static bool give_branch(tn_expand *e, const tn_subgraph *b)
{
    tn_value *const *out = tn_expand_body(e, b, NULL, tn_node_maybe(e->node));
    for (int i = 0; out != NULL && i < e->node->n_out; i++)
        tn_give(e, i, out[i]);
    return !e->failed;
}

static bool choose(tn_expand *e, const tn_subgraph *then, const tn_subgraph *otherwise)
{
    tn_value *condition = tn_call_scalar(e, e->node->in[0]);
    tn_value *const *x = branch_results(e, then, condition, true);
    tn_value *const *y = e->failed ? NULL : branch_results(e, otherwise, condition, false);
    for (int i = 0; !e->failed && i < e->node->n_out; i++) {
        const tn_value *v = e->node->out[i];
        tn_give(e, i, tn_call_choose(e, condition, v != NULL ? v->name : e->node->name, x[i], y[i]));
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
