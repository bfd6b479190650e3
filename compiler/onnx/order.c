/* Puts nodes in topological order. ONNX demands that order, yet files are met that break it.

       before: c = Add(b, b)   b = Relu(x)        after: b = Relu(x)   c = Add(b, b)

   A depth-first walk in the order of the file, with a stack of its own so that a long chain cannot exhaust C's.
   Does nothing to a file that is in order: each node's inputs are then done when its turn comes. */
#include "onnx/importer.h"

#include <limits.h>

typedef enum { UNSEEN, OPEN, DONE } walk_state;

typedef struct walk_step {
    size_t at; /* of the node in the list */
    int next;  /* input to look at next */
} walk_step;

typedef struct walk {
    tn_graph *graph;
    const tn_node_vec *nodes;
    walk_state *state; /* by place in nodes */
    size_t *maker;     /* by value, from id `first` on: the place of the node that makes it, and 1; 0: none of these */
    size_t n_maker;
    int first;
    walk_step *stack;
    size_t depth;
    tn_node_vec out;
} walk;

static void enter(walk *w, size_t at)
{
    w->state[at] = OPEN;
    w->stack[w->depth++] = (walk_step){at, 0};
}

static void leave(walk *w, size_t at)
{
    w->state[at] = DONE;
    *TN_PUSH(w->graph->arena, w->out) = w->nodes->items[at];
    w->depth--;
}

/* 0: of a graph around this one, or made by no node. */
static size_t maker_of(const walk *w, const tn_value *v)
{
    return v != NULL && v->id >= w->first && (size_t)(v->id - w->first) < w->n_maker ? w->maker[v->id - w->first] : 0;
}

static bool walk_from(walk *w, size_t root)
{
    enter(w, root);
    while (w->depth > 0) {
        walk_step *top = &w->stack[w->depth - 1];
        const tn_node *n = w->nodes->items[top->at];
        if (top->next == n->n_in) {
            leave(w, top->at);
            continue;
        }
        const tn_value *v = n->in[top->next++];
        size_t maker = maker_of(w, v);
        if (maker == 0 || w->state[maker - 1] == DONE)
            continue;
        if (w->state[maker - 1] == OPEN)
            return tn_node_error(w->graph, n, "is part of a cycle: its input '%s' depends on its own output", v->name);
        enter(w, maker - 1);
    }
    return true;
}

/* Which values they make: ids from w->first on. A graph's own stand close together, so that this is as long as the list. */
static void note_makers(walk *w)
{
    int last = -1;
    w->first = INT_MAX;
    for (size_t i = 0; i < w->nodes->n; i++)
        for (int k = 0; k < w->nodes->items[i]->n_out; k++) {
            const tn_value *v = w->nodes->items[i]->out[k];
            w->first = v != NULL && v->id < w->first ? v->id : w->first;
            last = v != NULL && v->id > last ? v->id : last;
        }
    w->n_maker = last < 0 ? 0 : (size_t)(last - w->first) + 1;
    w->maker = TN_NEW_N(w->graph->arena, size_t, w->n_maker + 1);
    for (size_t i = 0; i < w->nodes->n; i++)
        for (int k = 0; k < w->nodes->items[i]->n_out; k++)
            if (w->nodes->items[i]->out[k] != NULL)
                w->maker[w->nodes->items[i]->out[k]->id - w->first] = i + 1;
}

bool tn_onnx_order(tn_graph *g, tn_node_vec *nodes)
{
    walk w = {.graph = g, .nodes = nodes};
    note_makers(&w);
    w.state = TN_NEW_N(g->arena, walk_state, nodes->n + 1);
    w.stack = TN_NEW_N(g->arena, walk_step, nodes->n + 1);
    for (size_t i = 0; i < nodes->n; i++)
        if (w.state[i] == UNSEEN && !walk_from(&w, i))
            return false;
    *nodes = w.out;
    return true;
}
