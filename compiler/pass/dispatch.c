/* dispatch: marks what a library or the user's own functions compute, by the patterns of option dispatch.
       "t" = MatMul("a", "b"); "y" = Relu("t")     becomes     the same nodes with {call="user.product_relu#0"}
   Does nothing without patterns. Larger patterns are matched first; among equals the one that was asked for first.
   A node belongs to one match at most. What lies inside a match must have no use outside it. See dispatch.h. */
#include "pass/dispatch.h"

#include <stdlib.h>

#include "pass/pass.h"

enum { MOST_STEPS = 20000 }; /* of one match: swapped operands may double the ways at every node */

typedef struct matcher {
    tn_graph *g;
    const char *mark;
    tn_match m;
    int steps;
} matcher;

const char *tn_node_mark(const tn_node *n)
{
    return n != NULL ? tn_node_string(n, "call", NULL) : NULL;
}

static bool same_mark(const char *x, const char *y)
{
    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

static bool match_value(matcher *w, const tn_value *pattern, tn_value *v);

/* --- operands ------------------------------------------------------------------------------------------------------- */

static bool match_dim(matcher *w, tn_dim pattern, tn_dim d)
{
    if (pattern.sym == NULL)
        return tn_dim_is(d, pattern.n);
    const tn_dim_vec *symbols = &w->m.pattern->graph->symbols;
    for (size_t i = 0; i < symbols->n; i++) {
        if (strcmp(symbols->items[i].sym->name, pattern.sym->name) != 0)
            continue;
        if (w->m.symbol[i].n >= 0)
            return tn_dim_same(w->m.symbol[i], d);
        w->m.symbol[i] = d;
        return d.n <= pattern.n;
    }
    return false;
}

static bool match_input(matcher *w, const tn_value *pattern, const tn_value *v)
{
    if (v->dtype != pattern->dtype || !v->shape.known || (pattern->shape.known && v->shape.rank != pattern->shape.rank))
        return false;
    for (int k = 0; k < pattern->shape.rank; k++)
        if (!match_dim(w, pattern->shape.dim[k], v->shape.dim[k]))
            return false;
    return true;
}

/* A single number is the same in any shape that holds one. */
static bool match_constant(const tn_tensor *pattern, const tn_tensor *t)
{
    if (t == NULL || t->dtype != pattern->dtype)
        return false;
    if (tn_shape_count(&pattern->shape) == 1 && tn_shape_count(&t->shape) == 1)
        return memcmp(t->data, pattern->data, t->bytes) == 0;
    return tn_tensor_same(t, pattern);
}

/* --- nodes ---------------------------------------------------------------------------------------------------------- */

/* A library's call is made from the computation, which has the attributes in it; a user's function knows only those
   that its pattern names. */
static bool match_attributes(const matcher *w, const tn_node *pattern, const tn_node *n)
{
    for (int i = 0; i < pattern->n_attr; i++) {
        const tn_attr *a = tn_node_find_attr(n, pattern->attr[i].name);
        if (a == NULL || !tn_attr_same(a, &pattern->attr[i]))
            return false;
    }
    for (int i = 0; i < n->n_attr && w->m.pattern->function != NULL; i++)
        if (strcmp(n->attr[i].name, "call") != 0 && tn_node_find_attr(pattern, n->attr[i].name) == NULL)
            return false;
    return true;
}

static tn_value *operand(const tn_node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}

static bool match_operands(matcher *w, const tn_node *pattern, const tn_node *n, bool swapped)
{
    int most = pattern->n_in > n->n_in ? pattern->n_in : n->n_in;
    for (int i = 0; i < most; i++) {
        const tn_value *wanted = operand(pattern, swapped ? 1 - i : i);
        tn_value *v = operand(n, i);
        if ((wanted == NULL) != (v == NULL) || (wanted != NULL && !match_value(w, wanted, v)))
            return false;
    }
    return true;
}

static bool is_commutative(const tn_node *n)
{
    return n->n_in == 2 && n->op->domain[0] == '\0'
        && (strcmp(n->op->name, "Add") == 0 || strcmp(n->op->name, "Mul") == 0);
}

/* What has been found so far, to go back to. */
static tn_match save(matcher *w)
{
    const tn_graph *p = w->m.pattern->graph;
    tn_match copy = w->m;
    copy.value = TN_NEW_N(w->g->arena, tn_value *, p->values.n + 1);
    copy.node = TN_NEW_N(w->g->arena, tn_node *, p->nodes.n + 1);
    copy.symbol = TN_NEW_N(w->g->arena, tn_dim, p->symbols.n + 1);
    memcpy(copy.value, w->m.value, sizeof *copy.value * p->values.n);
    memcpy(copy.node, w->m.node, sizeof *copy.node * p->nodes.n);
    memcpy(copy.symbol, w->m.symbol, sizeof *copy.symbol * (p->symbols.n + 1));
    return copy;
}

static size_t place_of(const tn_graph *g, const tn_node *n)
{
    size_t i = 0;
    while (g->nodes.items[i] != n)
        i++;
    return i;
}

static bool match_node(matcher *w, const tn_node *pattern, tn_node *n)
{
    if (n->op != pattern->op || n->n_out != pattern->n_out || !same_mark(tn_node_mark(n), w->mark)
        || !match_attributes(w, pattern, n) || ++w->steps > MOST_STEPS)
        return false;
    w->m.node[place_of(w->m.pattern->graph, pattern)] = n;
    if (!is_commutative(n))
        return match_operands(w, pattern, n, false);
    tn_match before = save(w);
    if (match_operands(w, pattern, n, false))
        return true;
    w->m = before;
    return match_operands(w, pattern, n, true);
}

static bool match_value(matcher *w, const tn_value *pattern, tn_value *v)
{
    if (w->m.value[pattern->id] != NULL)
        return w->m.value[pattern->id] == v;
    w->m.value[pattern->id] = v;
    if (pattern->is_input)
        return match_input(w, pattern, v);
    if (pattern->constant != NULL)
        return match_constant(pattern->constant, v->constant);
    if (v->maker == NULL || v->constant != NULL)
        return false;
    int which = 0;
    while (pattern->maker->out[which] != pattern)
        which++;
    return which < v->maker->n_out && v->maker->out[which] == v && match_node(w, pattern->maker, v->maker);
}

/* --- the whole match ------------------------------------------------------------------------------------------------ */

static bool is_inside(const tn_match *m, const tn_node *n)
{
    for (size_t i = 0; i < m->pattern->graph->nodes.n; i++)
        if (m->node[i] == n)
            return true;
    return false;
}

static bool is_used_outside(const tn_graph *g, const tn_match *m, const tn_value *v)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.items[i]->n_in; k++)
            if (g->nodes.items[i]->in[k] == v && !is_inside(m, g->nodes.items[i]))
                return true;
    return v->is_output;
}

/* Operands come from outside; of all that is made inside only the result leaves. */
static bool is_closed(const tn_graph *g, const tn_match *m)
{
    const tn_graph *p = m->pattern->graph;
    const tn_value *result = m->value[p->outputs.items[0]->id];
    for (size_t i = 0; i < p->inputs.n; i++) {
        const tn_value *v = m->value[p->inputs.items[i]->id];
        if (v == NULL || (v->maker != NULL && v->constant == NULL && is_inside(m, v->maker)))
            return false;
    }
    for (size_t i = 0; i < p->nodes.n; i++)
        for (int k = 0; m->node[i] != NULL && k < m->node[i]->n_out; k++) {
            const tn_value *v = m->node[i]->out[k];
            if (v != NULL && v != result && is_used_outside(g, m, v))
                return false;
        }
    return true;
}

bool tn_dispatch_match(tn_graph *g, const tn_pattern *p, tn_node *root, const char *mark, tn_match *out)
{
    matcher w = {.g = g, .mark = mark, .m = {.pattern = p}};
    const tn_value *result = p->graph->outputs.items[0];
    if (root->op != result->maker->op || root->n_out == 0 || root->out[0] == NULL)
        return false;
    w.m.value = TN_NEW_N(g->arena, tn_value *, p->graph->values.n + 1);
    w.m.node = TN_NEW_N(g->arena, tn_node *, p->graph->nodes.n + 1);
    w.m.symbol = TN_NEW_N(g->arena, tn_dim, p->graph->symbols.n + 1);
    for (size_t i = 0; i < p->graph->symbols.n; i++)
        w.m.symbol[i].n = -1;
    if (!match_value(&w, result, root->out[0]) || !is_closed(g, &w.m))
        return false;
    *out = w.m;
    return true;
}

/* --- the pass ------------------------------------------------------------------------------------------------------- */

/* Numbers go on after those of marks that are there already. */
static int first_number(const tn_graph *g)
{
    int next = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const char *mark = tn_node_mark(g->nodes.items[i]), *at = mark != NULL ? strrchr(mark, '#') : NULL;
        long number = at != NULL ? strtol(at + 1, NULL, 10) : -1;
        next = number >= next && number < 1000000000 ? (int)number + 1 : next;
    }
    return next;
}

static bool mark_matches(tn_graph *g, const tn_pattern *p, int *number)
{
    bool changed = false;
    for (size_t i = 0; i < g->nodes.n; i++) {
        tn_match m;
        if (!tn_dispatch_match(g, p, g->nodes.items[i], NULL, &m))
            continue;
        const char *mark = tn_strfmt(g->arena, "%s#%d", p->name, (*number)++);
        for (size_t k = 0; k < p->graph->nodes.n; k++)
            if (m.node[k] != NULL)
                tn_node_set_string(g, m.node[k], "call", mark);
        changed = true;
    }
    return changed;
}

bool tn_pass_dispatch(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    size_t most = 0;
    int number = first_number(g);
    for (size_t i = 0; g->patterns != NULL && i < g->patterns->n; i++)
        if (g->patterns->items[i].graph->nodes.n > most)
            most = g->patterns->items[i].graph->nodes.n;
    for (size_t size = most; size > 0; size--)
        for (size_t i = 0; i < g->patterns->n; i++)
            if (g->patterns->items[i].graph->nodes.n == size && mark_matches(g, &g->patterns->items[i], &number))
                *changed = true;
    return true;
}
