/* Values that leave the network beside its outputs, for who looks for the layer where a result goes wrong.
       "a" = Relu("x"); "y" = Exp("a")     becomes     "a.kept" = Relu("x"); "a" = Identity("a.kept"); "y" = Exp("a.kept")
                                                       output "y", "a"
   Pass lower calls it, so that the passes before see the graph as it is compiled otherwise: what they fuse stays
   fused, and a value that they removed is not there. A copy leaves, not the value itself, whose buffer therefore may have any
   layout still.
   What is computed in turns that a run may not take (a branch of an If, a Loop that may end early) stays inside: nothing
   would write the output. */
#include "ops/ops.h"
#include "ops/repeat.h"
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

static bool is_before_choice(const tn_node *n)
{
    return tn_node_is(n, "Squeeze") || tn_node_is(n, "Pad");
}

/* By id of the values: which of them a run may leave unwritten, whole or in part. An If squeezes what its branch gave,
   and pads it where the other's is larger. */
static const bool *find_unsure(const tn_graph *g)
{
    bool *unsure = TN_NEW_N(g->arena, bool, g->values.n + 1);
    int depth = 0,
        stops = 0; /* repeats around the node; the outermost of them that may stop, counted from 1: 0, none */
    for (size_t i = 0; i < g->nodes.n; i++) {
        const tn_node *n = g->nodes.items[i];
        depth += tn_node_begins_repeat(n);
        if (stops == 0 && tn_node_may_stop(n))
            stops = depth;
        bool ends = tn_node_ends_repeat(n), leaves = ends && depth == stops;
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k] != NULL)
                unsure[n->out[k]->id] =
                    leaves ? tn_node_joins_turns(n, k) : stops > 0 || (is_before_choice(n) && unsure[n->in[0]->id]);
        stops = leaves ? 0 : stops;
        depth -= ends;
    }
    return unsure;
}

typedef struct keeping {
    tn_graph *g;
    const char *const *names; /* "all" is one */
    const bool *unsure;       /* by id of the values */
    int left;                 /* wanted, but unsure */
    const char *first;        /* of those */
} keeping;

static bool is_wanted(const keeping *s, const tn_value *v)
{
    for (const char *const *name = s->names; *name != NULL; name++)
        if (strcmp(*name, "all") == 0 || strcmp(*name, v->name) == 0)
            return true;
    return false;
}

static bool check_name(const keeping *s, const char *name)
{
    int made = 0, sure = 0; /* several values may have the name */
    for (size_t i = 0; i < s->g->nodes.n; i++)
        for (int k = 0; k < s->g->nodes.items[i]->n_out; k++) {
            const tn_value *v = s->g->nodes.items[i]->out[k];
            bool is = v != NULL && strcmp(v->name, name) == 0;
            made += is;
            sure += is && !s->unsure[v->id];
        }
    if (made == 0)
        tn_bad_option(
            s->g->diag, s->g->path,
            "--keep-values: no operator of the optimised graph makes a value '%s'; tenon compile "
            "--dump-code shows that graph, and a pass that removes the value can be left out with --disabled-pass",
            name);
    else if (sure == 0)
        tn_bad_option(s->g->diag, s->g->path,
                      "--keep-values: '%s' is of a branch of an If or a turn of a Loop that a run may not take, which "
                      "would leave it unwritten; keep what the If or Loop gives",
                      name);
    return sure > 0;
}

static bool check_names(const keeping *s)
{
    for (const char *const *name = s->names; *name != NULL; name++)
        if (strcmp(*name, "all") != 0 && !check_name(s, *name))
            return false;
    return true;
}

static tn_node *keep_value(tn_graph *g, tn_value *v)
{
    const char *name = v->name;
    v->name = tn_strfmt(g->arena, "%s.kept", name);
    tn_node *copy = NULL;
    tn_value *shown = tn_graph_copy_value(g, v, name, &copy);
    v->is_kept = shown->is_kept = true;
    *TN_PUSH(g->arena, g->outputs) = shown;
    return copy;
}

/* The copy stands behind the maker, so that the value lives no longer than without it. */
static void keep_outputs(keeping *s, const tn_node *n, tn_node_vec *nodes)
{
    for (int k = 0; k < n->n_out; k++) {
        tn_value *v = n->out[k];
        if (v == NULL || v->is_output || v->is_kept || v->constant != NULL || !is_wanted(s, v))
            continue;
        if (!s->unsure[v->id])
            *TN_PUSH(s->g->arena, *nodes) = keep_value(s->g, v);
        else if (s->left++ == 0)
            s->first = v->name;
    }
}

static void tell_left(const keeping *s)
{
    if (s->left > 0)
        tn_note(
            s->g->diag, tn_strfmt(s->g->arena, "%s: ", s->g->path),
            "--keep-values leaves out %d value%s ('%s'%s) of branches of an If or turns of a Loop that a run may not "
            "take",
            s->left, s->left > 1 ? "s" : "", s->first, s->left > 1 ? " ..." : "");
}

bool tn_graph_keep_values(tn_graph *g, const char *const *names)
{
    if (names == NULL || names[0] == NULL)
        return true;
    keeping s = {.g = g, .names = names, .unsure = find_unsure(g)};
    tn_node_vec nodes = {0};
    if (!check_names(&s))
        return false;
    for (size_t i = 0; i < g->nodes.n; i++) {
        *TN_PUSH(g->arena, nodes) = g->nodes.items[i];
        keep_outputs(&s, g->nodes.items[i], &nodes);
    }
    g->nodes = nodes;
    tell_left(&s);
    return true;
}
