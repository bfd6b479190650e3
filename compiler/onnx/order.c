/* Puts nodes in topological order. ONNX demands that order, yet files are met that break it.

       before: c = Add(b, b)   b = Relu(x)        after: b = Relu(x)   c = Add(b, b)

   A depth-first walk in the order of the file, with a stack of its own so that a long chain cannot exhaust C's.
   Does nothing to a file that is in order: each node's inputs are then done when its turn comes. */
#include "onnx/importer.h"

typedef enum { UNSEEN, OPEN, DONE } walk_state;

typedef struct walk_step {
    tn_node *node;
    int next; /* input to look at next */
} walk_step;

typedef struct walk {
    tn_graph *graph;
    walk_state *state; /* by node->index */
    tn_node **node;    /* the same: makers that are not here are of a graph around this one */
    walk_step *stack;
    size_t depth;
    tn_node_vec out;
    int max; /* index */
} walk;

static void enter(walk *w, tn_node *n)
{
    w->state[n->index] = OPEN;
    w->stack[w->depth++] = (walk_step){n, 0};
}

static void leave(walk *w, tn_node *n)
{
    w->state[n->index] = DONE;
    *TN_PUSH(w->graph->arena, w->out) = n;
    w->depth--;
}

static bool walk_from(walk *w, tn_node *root)
{
    enter(w, root);
    while (w->depth > 0) {
        walk_step *top = &w->stack[w->depth - 1];
        if (top->next == top->node->n_in) {
            leave(w, top->node);
            continue;
        }
        const tn_value *v = top->node->in[top->next++];
        tn_node *maker = v != NULL ? v->maker : NULL;
        if (maker == NULL || maker->index > w->max || w->node[maker->index] != maker || w->state[maker->index] == DONE)
            continue;
        if (w->state[maker->index] == OPEN)
            return tn_node_error(w->graph, top->node, "is part of a cycle: its input '%s' depends on its own output",
                                 v->name);
        enter(w, maker);
    }
    return true;
}

static int max_index(const tn_node_vec *nodes)
{
    int max = 0;
    for (size_t i = 0; i < nodes->n; i++)
        if (nodes->items[i]->index > max)
            max = nodes->items[i]->index;
    return max;
}

bool tn_onnx_order(tn_graph *g, tn_node_vec *nodes)
{
    walk w = {.graph = g, .max = max_index(nodes)};
    w.state = TN_NEW_N(g->arena, walk_state, w.max + 1);
    w.node = TN_NEW_N(g->arena, tn_node *, w.max + 1);
    w.stack = TN_NEW_N(g->arena, walk_step, nodes->n + 1);
    for (size_t i = 0; i < nodes->n; i++)
        w.node[nodes->items[i]->index] = nodes->items[i];
    for (size_t i = 0; i < nodes->n; i++)
        if (w.state[nodes->items[i]->index] == UNSEEN && !walk_from(&w, nodes->items[i]))
            return false;
    *nodes = w.out;
    return true;
}
