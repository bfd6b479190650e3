/* lower: every operator becomes its computations, which is what the operator is defined as.
       "y" = Relu("x")     becomes     comp 0 "Relu"   axes i0:4   "y"[i0] = max("x"[i0], float(0))
   With parameter exact, sums of floats are in an order that nothing behind this pass changes (tn_fix_sums).
   Results that nobody reads (second outputs, mostly) go away at once. An operator that has no computations in the form
   at hand is an error. */
#include "ops/ops.h"
#include "pass/dispatch.h"
#include "pass/pass.h"

/* A graph output that is an input, a constant, or listed twice gets an Identity of its own that writes it. */
static void copy_to_output(tn_graph *g, size_t at)
{
    tn_value *v = g->outputs.items[at];
    tn_node *n = NULL;
    g->outputs.items[at] = tn_graph_copy_value(g, v, tn_strfmt(g->arena, "%s.out", v->name), &n);
    *TN_PUSH(g->arena, g->nodes) = n;
}

static bool is_listed_before(const tn_graph *g, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (g->outputs.items[k] == g->outputs.items[i])
            return true;
    return false;
}

static void note_load(void *user, const tn_expr *load)
{
    bool *needed = user;
    needed[load->buf->id] = true;
}

/* It writes no element: a buffer without any has no place of its own, and nobody reads an element from it. An output
   without elements keeps its computation; of others, others write the elements. */
static bool is_empty(const tn_comp *c)
{
    for (int i = 0; i < c->n_axis; i++)
        if (tn_expr_is_int(c->axis[i].extent, 0))
            return c->out->scope != TN_SCOPE_OUTPUT || tn_buf_room(c->out) > 0;
    return false;
}

/* Marks what is needed, from the last to the first; false when that was all marked already. */
static bool mark_needed(tn_program *p, bool *needed, bool *keep)
{
    bool more = false;
    for (size_t i = p->comps.n; i-- > 0;) {
        const tn_comp *c = p->comps.items[i];
        if (keep[i] || is_empty(c) || (!needed[c->out->id] && c->out->scope != TN_SCOPE_OUTPUT && !c->check))
            continue;
        keep[i] = more = true;
        tn_comp_each_load(c, note_load, needed);
    }
    return more;
}

/* Results that nobody reads: second outputs of operators, mostly. In a repeat an earlier computation may read what a
   later one writes, so there one look is not enough. */
static void drop_dead(tn_program *p)
{
    bool *needed = TN_NEW_N(p->arena, bool, p->bufs.n + 1), *keep = TN_NEW_N(p->arena, bool, p->comps.n + 1);
    while (mark_needed(p, needed, keep) && p->turns.n > 0)
        ;
    size_t kept = 0;
    for (size_t i = 0; i < p->comps.n; i++)
        if (keep[i])
            p->comps.items[kept++] = p->comps.items[i];
    p->comps.n = kept;
}

static bool is_used(const tn_program *p, const tn_var *symbol)
{
    for (size_t i = 0; i < p->comps.n; i++)
        if (tn_comp_uses(p->comps.items[i], symbol))
            return true;
    return false;
}

/* Sizes of nodes that are gone. */
static bool drop_symbols(tn_program *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->symbols.n; i++) {
        tn_var *v = p->symbols.items[i];
        if (!v->found || tn_is_found(p, v))
            p->symbols.items[kept++] = v;
        else if (is_used(p, v)) {
            tn_error_at(p->graph->diag, p->graph->path, "the size '%s' is used, and nothing finds it", v->name);
            return false;
        }
    }
    p->symbols.n = kept;
    return true;
}

bool tn_lower_graph(tn_arena *a, tn_graph *g, tn_program **out)
{
    for (size_t i = g->outputs.n; i-- > 0;) {
        const tn_value *v = g->outputs.items[i];
        if (v->is_input || v->constant != NULL || is_listed_before(g, i))
            copy_to_output(g, i);
    }
    tn_program *p = tn_program_make(a, g);
    int errors = g->diag->errors;
    for (size_t i = 0; i < g->inputs.n; i++)
        tn_buf_of(p, g->inputs.items[i]);
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.items[i]->op->lower == NULL || !g->nodes.items[i]->op->lower(p, g->nodes.items[i])) {
            if (g->diag->errors == errors)
                tn_node_error(g, g->nodes.items[i], "not supported in this form");
            return false;
        }
    drop_dead(p);
    *out = p;
    return drop_symbols(p) && g->diag->errors == errors;
}

bool tn_pass_lower(tn_module *m, bool *changed)
{
    *changed = true;
    if (!tn_graph_keep_values(m->graph, m->keep) || !tn_lower_graph(m->arena, m->graph, &m->program))
        return false;
    for (size_t i = 0; i < m->program->comps.n; i++)
        m->program->comps.items[i]->mark = tn_node_mark(m->program->comps.items[i]->node);
    if (tn_param_get(m, "lower.exact") != 0)
        tn_fix_sums(m->program);
    return true;
}
