/* dce: removes nodes and constants that no output needs.
       "a" = Relu("x"); "b" = Exp("x"); output "b"     becomes     "b" = Exp("x"); output "b"  */
#include "pass/pass.h"

int tn_count_uses(const tn_graph *g, const tn_value *v)
{
    int uses = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.items[i]->n_in; k++)
            uses += g->nodes.items[i]->in[k] == v;
    for (size_t i = 0; i < g->outputs.n; i++)
        uses += g->outputs.items[i] == v;
    return uses;
}

static bool is_needed(const tn_node *n, const bool *needed)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL && needed[n->out[i]->id])
            return true;
    return false;
}

void tn_graph_drop_dead(tn_graph *g)
{
    bool *needed = TN_NEW_N(g->arena, bool, g->values.n + 1), *keep = TN_NEW_N(g->arena, bool, g->nodes.n + 1);
    for (size_t i = 0; i < g->outputs.n; i++)
        needed[g->outputs.items[i]->id] = true;
    for (size_t i = g->nodes.n; i-- > 0;) {
        const tn_node *n = g->nodes.items[i];
        keep[i] = is_needed(n, needed);
        for (int k = 0; keep[i] && k < n->n_in; k++)
            if (n->in[k] != NULL)
                needed[n->in[k]->id] = true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        if (keep[i])
            g->nodes.items[kept++] = g->nodes.items[i];
    g->nodes.n = kept;
    for (size_t i = 0; i < g->values.n;
         i++) /* unused constants lose their data, so that nobody prints or stores them */
        if (!needed[i] && g->values.items[i]->constant != NULL)
            g->values.items[i]->constant = NULL;
}

bool tn_pass_dce(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    size_t before = g->nodes.n;
    tn_graph_drop_dead(g);
    *changed = g->nodes.n != before;
    return true;
}
