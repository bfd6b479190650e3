/* fold-identity: removes nodes that hand their input on unchanged.
       "a" = Identity("x"); "b" = Relu("a")     becomes     "b" = Relu("x")
   Identity, Dropout (without a mask), Cast and Reshape to what the value already is, Pad and Slice by nothing
   (same shape in and out), a Transpose whose neighbour undoes it. A graph output keeps its node. */
#include "ops/ops.h"
#include "pass/pass.h"

static const tn_attr *perm_of(const tn_node *n)
{
    return tn_node_find_attr(n, "perm");
}

/* Two transposes in a row that compose to the identity: the value before them. */
static tn_value *undone_transpose(const tn_node *n)
{
    const tn_node *before = n->in[0]->maker;
    if (!tn_node_is(n, "Transpose") || !tn_node_is(before, "Transpose"))
        return NULL;
    const tn_attr *outer = perm_of(n), *inner = perm_of(before);
    int rank = n->in[0]->shape.rank;
    for (int i = 0; i < rank; i++) {
        int64_t o = outer != NULL ? outer->ints[i] : rank - 1 - i;
        int64_t both = inner != NULL ? inner->ints[o] : rank - 1 - o;
        if (both != i)
            return NULL;
    }
    return before->in[0];
}

/* A Pad by 1 in front and -1 behind keeps the shape and moves the elements. */
static bool pads_nothing(const tn_node *n)
{
    const tn_tensor *pads = n->n_in > 1 && n->in[1] != NULL ? n->in[1]->constant : NULL;
    for (int64_t i = 0; pads != NULL && i < tn_shape_count(&pads->shape); i++)
        if (tn_tensor_get_int(pads, i) != 0)
            return false;
    return pads != NULL;
}

static tn_value *same_value(const tn_node *n)
{
    static const char *const keeps[] = {"Identity", "Dropout",   "Cast",   "CastLike", "Reshape", "Flatten",
                                        "Squeeze",  "Unsqueeze", "Expand", "Pad",      "Slice"};
    if (n->n_in == 0 || n->in[0] == NULL || n->out[0] == NULL || tn_node_draws(n))
        return NULL;
    for (size_t i = 0; i < sizeof keeps / sizeof *keeps; i++) {
        if (!tn_node_is(n, keeps[i]))
            continue;
        bool is_slice = tn_node_is(n, "Slice"); /* a negative step keeps the shape and turns the order */
        bool same = n->in[0]->dtype == n->out[0]->dtype && tn_shape_equal(&n->in[0]->shape, &n->out[0]->shape);
        return same && !(is_slice && n->n_in > 4) && !(tn_node_is(n, "Pad") && !pads_nothing(n)) ? n->in[0] : NULL;
    }
    return undone_transpose(n);
}

static bool has_second_output(const tn_graph *g, const tn_node *n)
{
    for (int i = 1; i < n->n_out; i++)
        if (n->out[i] != NULL && tn_count_uses(g, n->out[i]) > 0)
            return true;
    return false;
}

bool tn_pass_fold_identity(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const tn_node *n = g->nodes.items[i];
        tn_value *v = n->n_out > 0 && n->out[0] != NULL && !n->out[0]->is_output && !has_second_output(g, n)
                        ? same_value(n)
                        : NULL;
        if (v == NULL)
            continue;
        tn_graph_replace(g, n->out[0], v);
        *changed = true;
    }
    tn_graph_drop_dead(g);
    return true;
}
