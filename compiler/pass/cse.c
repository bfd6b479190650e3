/* cse: nodes with the same operator, attributes and inputs are computed once.
       "a" = Relu("x"); "b" = Relu("x"); "c" = Add("a", "b")     becomes     "a" = Relu("x"); "c" = Add("a", "a")
   Outputs of the graph keep their own node, since each has its own place to be written to. */
#include "pass/pass.h"

static bool same_node(const tn_node *x, const tn_node *y)
{
    if (x->op != y->op || x->n_in != y->n_in || x->n_out != y->n_out || x->n_attr != y->n_attr)
        return false;
    for (int i = 0; i < x->n_in; i++)
        if (x->in[i] != y->in[i])
            return false;
    for (int i = 0; i < x->n_attr; i++)
        if (!tn_attr_same(&x->attr[i], &y->attr[i]))
            return false;
    return true;
}

static bool makes_output(const tn_node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL && n->out[i]->is_output)
            return true;
    return false;
}

static bool has_outputs_of(const tn_node *n, const tn_node *of)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] == NULL && of->out[i] != NULL)
            return false;
    return true;
}

bool tn_pass_cse(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    for (size_t i = 0; i < g->nodes.n; i++) {
        tn_node *n = g->nodes.items[i];
        for (size_t k = 0; k < i && !makes_output(n); k++) {
            const tn_node *earlier = g->nodes.items[k];
            if (!same_node(earlier, n) || !has_outputs_of(earlier, n))
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
