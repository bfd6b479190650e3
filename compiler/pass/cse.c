/* cse: nodes with the same operator, attributes and inputs are computed once.
       "a" = Relu("x"); "b" = Relu("x"); "c" = Add("a", "b")     becomes     "a" = Relu("x"); "c" = Add("a", "a")
   Outputs of the graph keep their own node, since each has its own place to be written to. */
#include "ops/repeat.h"
#include "pass/pass.h"

static bool makes_output(const tn_node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL && n->out[i]->is_output)
            return true;
    return false;
}

/* A size that the run finds has a name for each node that finds it: shapes behind n speak of its own. */
static bool has_shape_of(const tn_value *v, const tn_value *of)
{
    return !v->shape.known || !of->shape.known || tn_shape_equal(&v->shape, &of->shape);
}

static bool has_outputs_of(const tn_node *n, const tn_node *of)
{
    for (int i = 0; i < n->n_out; i++)
        if (of->out[i] != NULL && (n->out[i] == NULL || !has_shape_of(n->out[i], of->out[i])))
            return false;
    return true;
}

/* Where the repeat that begins at k ends, 0 where node i is inside: what turns compute is there only if they were taken. */
static size_t end_of_repeat(const tn_graph *g, size_t k, size_t i)
{
    int depth = 1;
    for (size_t end = k + 1; end < i; end++) {
        depth += tn_node_begins_repeat(g->nodes.items[end]) - tn_node_ends_repeat(g->nodes.items[end]);
        if (depth == 0)
            return end;
    }
    return 0;
}

bool tn_pass_cse(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    for (size_t i = 0; i < g->nodes.n; i++) {
        tn_node *n = g->nodes.items[i];
        for (size_t k = 0; k < i && !makes_output(n); k++) {
            const tn_node *earlier = g->nodes.items[k];
            size_t end = tn_node_begins_repeat(earlier) ? end_of_repeat(g, k, i) : 0;
            if (end > 0) {
                k = end;
                continue;
            }
            if (!tn_node_same(earlier, n) || !has_outputs_of(earlier, n))
                continue;
            for (int o = 0; o < n->n_out; o++)
                if (n->out[o] != NULL)
                    tn_graph_replace(g, n->out[o], earlier->out[o]);
            *changed = true;
            break;
        }
    }
    tn_graph_drop_dead(g);
    return true;
}
