/* Values that leave the network beside its outputs, for who looks for the layer where a result goes wrong.
       "a" = Relu("x"); "y" = Exp("a")     becomes     "a.kept" = Relu("x"); "a" = Identity("a.kept"); "y" = Exp("a.kept")
                                                       output "y", "a"
   Pass lower calls it, so that the passes before see the graph as it is compiled otherwise: what they fuse stays
   fused, and a value that they removed is not there. A copy leaves, not the value itself, whose buffer therefore may have any
   layout still. */
#include "ops/ops.h"
#include "pass/pass.h"

tn_value *tn_graph_copy_value(tn_graph *g, tn_value *v, const char *name, tn_node **made)
{
    tn_value *out = tn_graph_add_value(g, name);
    tn_node *n = tn_graph_make_node(g, tn_op_find("", "Identity"), "", 1, 1);
    n->index = v->maker != NULL ? v->maker->index : g->nodes.n > 0 ? g->nodes.items[g->nodes.n - 1]->index : 0;
    n->version = n->op->since;
    n->in[0] = v;
    n->out[0] = out;
    out->dtype = v->dtype;
    out->shape = v->shape;
    out->is_output = true;
    out->maker = n;
    *made = n;
    return out;
}

static bool is_wanted(const tn_value *v, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, "all") == 0 || strcmp(*names, v->name) == 0)
            return true;
    return false;
}

static bool check_names(tn_graph *g, const char *const *names)
{
    for (; *names != NULL; names++) {
        bool found = strcmp(*names, "all") == 0;
        for (size_t i = 0; i < g->nodes.n && !found; i++)
            for (int k = 0; k < g->nodes.items[i]->n_out; k++)
                found = found
                     || (g->nodes.items[i]->out[k] != NULL && strcmp(g->nodes.items[i]->out[k]->name, *names) == 0);
        if (!found) {
            tn_bad_option(
                g->diag, g->path,
                "--keep-values: no operator of the optimised graph makes a value '%s'; tenon compile "
                "--dump-code shows that graph, and a pass that removes the value can be left out with --disabled-pass",
                *names);
            return false;
        }
    }
    return true;
}

/* The copy stands behind the maker, so that the value lives no longer than without it. */
static void keep_outputs(tn_graph *g, const tn_node *n, const char *const *names, tn_node_vec *nodes)
{
    for (int k = 0; k < n->n_out; k++) {
        tn_value *v = n->out[k];
        if (v == NULL || v->is_output || v->is_kept || v->constant != NULL || !is_wanted(v, names))
            continue;
        const char *name = v->name;
        v->name = tn_strfmt(g->arena, "%s.kept", name);
        tn_node *copy = NULL;
        tn_value *shown = tn_graph_copy_value(g, v, name, &copy);
        v->is_kept = shown->is_kept = true;
        *TN_PUSH(g->arena, g->outputs) = shown;
        *TN_PUSH(g->arena, *nodes) = copy;
    }
}

bool tn_graph_keep_values(tn_graph *g, const char *const *names)
{
    tn_node_vec nodes = {0};
    if (names == NULL || names[0] == NULL)
        return true;
    if (!check_names(g, names))
        return false;
    for (size_t i = 0; i < g->nodes.n; i++) {
        *TN_PUSH(g->arena, nodes) = g->nodes.items[i];
        keep_outputs(g, g->nodes.items[i], names, &nodes);
    }
    g->nodes = nodes;
    return true;
}
