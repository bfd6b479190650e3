/* Graphs as text, which parse.c reads:

       graph "classifier"
       symbol N <= 8
       input "x" : float[N,4]
       constant "w" : float[4,2] = [1, 2.5, 0, 0, 0, 0, 0, 1]
       "t" : float[N,2] = MatMul("x", "w")
       "y" : float[N,2] = LeakyRelu("t") {alpha=0.125} @ 3 "act"
       output "y"

   Strings show their bytes as the last dim: "s" : string[N,64].

   A subgraph is an attribute: its inputs, its nodes, its outputs; constants stand outside.

       "y" = If("c", "x") {then_branch={(), "t" = Relu("x"), gives ("t")}, else_branch={(), gives ("x")}}

   @ tells a node's index in the model file, where that is not its place here, and its name. What infer finds of the
   contents of computed values (tn_value.elems, and constants that a node still makes) is not part of the text. */
#include "ir/text.h"

typedef struct printer {
    const tn_graph *g;
    tn_str *out;
    const char **name; /* by value id, each its own */
    bool full;
} printer;

/* --- names -------------------------------------------------------------------------------------------------------- */

static void name_value(printer *p, tn_map *taken, const tn_value *v)
{
    if (v != NULL && p->name[v->id] == NULL)
        p->name[v->id] = tn_name_unique(p->g->arena, taken, v->name);
}

/* In the order of the text, so that the first of two equal names is kept. Marks what nodes make. */
static void name_values(printer *p, bool *is_made)
{
    const tn_graph *g = p->g;
    tn_map taken = {0};
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.items[i]->n_out; k++)
            if (g->nodes.items[i]->out[k] != NULL)
                is_made[g->nodes.items[i]->out[k]->id] = true;
    for (size_t i = 0; i < g->inputs.n; i++)
        name_value(p, &taken, g->inputs.items[i]);
    for (size_t i = 0; i < g->values.n; i++)
        if (g->values.items[i]->constant != NULL && !is_made[i])
            name_value(p, &taken, g->values.items[i]);
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.items[i]->n_out; k++)
            name_value(p, &taken, g->nodes.items[i]->out[k]);
    for (size_t i = 0; i < g->values.n; i++) /* what is used and never made: a broken graph is printed all the same */
        name_value(p, &taken, g->values.items[i]);
}

static void print_name(const printer *p, const tn_value *v)
{
    tn_quote_print(p->out, v != NULL ? p->name[v->id] : "");
}

/* "x" : float[N,4], or the name alone while inference has not reached the value */
static void print_typed(const printer *p, const tn_value *v)
{
    print_name(p, v);
    if (v == NULL || !v->shape.known)
        return;
    tn_str_add(p->out, " : ");
    tn_type_print(p->out, tn_value_dtype(v), &v->shape);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

/* As an integer has neither point nor exponent, a float always has one. */
static void print_float(tn_str *out, float f)
{
    size_t before = out->len;
    tn_number_print(out, TN_FLOAT, (double)f);
    if (strcspn(out->text + before, ".enai") == out->len - before)
        tn_str_add(out, ".0");
}

static void print_subgraph(const printer *p, const tn_subgraph *b);

static void print_attr(const printer *p, const tn_attr *a)
{
    tn_name_print(p->out, a->name);
    tn_str_add(p->out, "=");
    switch (a->kind) {
    case TN_ATTR_INT: tn_str_add(p->out, "%lld", (long long)a->i); return;
    case TN_ATTR_FLOAT: print_float(p->out, a->f); return;
    case TN_ATTR_STRING: tn_quote_print(p->out, a->s); return;
    case TN_ATTR_TENSOR:
        tn_type_print(p->out, a->tensor->is_text ? TN_STRING : a->tensor->dtype, &a->tensor->shape);
        tn_data_print(p->out, a->tensor, p->full);
        return;
    case TN_ATTR_BODY: print_subgraph(p, a->body); return;
    case TN_ATTR_INTS:
    case TN_ATTR_FLOATS:
    case TN_ATTR_STRINGS: break;
    }
    tn_str_add(p->out, "%s[",
               a->kind == TN_ATTR_STRINGS               ? "strings"
               : a->kind == TN_ATTR_FLOATS && a->n == 0 ? "floats"
                                                        : "");
    for (size_t i = 0; i < a->n; i++) {
        tn_str_put(p->out, ",", i > 0);
        if (a->kind == TN_ATTR_STRINGS)
            tn_quote_print(p->out, a->strings[i]);
        else if (a->kind == TN_ATTR_INTS)
            tn_str_add(p->out, "%lld", (long long)a->ints[i]);
        else
            print_float(p->out, a->floats[i]);
    }
    tn_str_add(p->out, "]");
}

static void print_node(const printer *p, const tn_node *n, size_t place)
{
    for (int i = 0; i < n->n_out; i++) {
        tn_str_put(p->out, ", ", i > 0 ? 2 : 0);
        print_typed(p, n->out[i]);
    }
    tn_str_add(p->out, " = %s%s%s(", n->op->domain, n->op->domain[0] != '\0' ? "::" : "", n->op->name);
    for (int i = 0; i < n->n_in; i++) {
        tn_str_put(p->out, ", ", i > 0 ? 2 : 0);
        print_name(p, n->in[i]);
    }
    tn_str_add(p->out, ")");
    for (int i = 0; i < n->n_attr; i++) {
        tn_str_add(p->out, i > 0 ? ", " : " {");
        print_attr(p, &n->attr[i]);
    }
    tn_str_put(p->out, "}", n->n_attr > 0);
    if (n->name[0] != '\0' || (size_t)n->index != place)
        tn_str_add(p->out, " @ %d", n->index);
    if (n->name[0] != '\0') {
        tn_str_add(p->out, " ");
        tn_quote_print(p->out, n->name);
    }
}

static void print_names(const printer *p, const tn_value_vec *v)
{
    tn_str_add(p->out, "(");
    for (size_t i = 0; i < v->n; i++) {
        tn_str_put(p->out, ", ", i > 0 ? 2 : 0);
        print_name(p, v->items[i]);
    }
    tn_str_add(p->out, ")");
}

static void print_subgraph(const printer *p, const tn_subgraph *b)
{
    tn_str_add(p->out, "{");
    print_names(p, &b->inputs);
    for (size_t i = 0; i < b->nodes.n; i++) {
        tn_str_add(p->out, ",\n    ");
        print_node(p, b->nodes.items[i], SIZE_MAX);
    }
    tn_str_add(p->out, ",\n    gives ");
    print_names(p, &b->outputs);
    tn_str_add(p->out, "}");
}

/* --- graphs ------------------------------------------------------------------------------------------------------- */

static void print_head(const tn_graph *g, tn_str *out)
{
    tn_str_add(out, "graph ");
    tn_quote_print(out, g->name != NULL ? g->name : "");
    tn_str_add(out, "\n");
    for (size_t i = 0; i < g->symbols.n; i++) {
        tn_str_add(out, "symbol ");
        tn_dim_print(out, g->symbols.items[i]);
        tn_str_add(out, " <= %lld%s\n", (long long)g->symbols.items[i].n,
                   tn_dim_is_found(g->symbols.items[i]) ? " found" : "");
    }
}

static void print_graph(const tn_graph *g, tn_str *out, bool full)
{
    printer p = {g, out, TN_NEW_N(g->arena, const char *, g->values.n), full};
    bool *is_made = TN_NEW_N(g->arena, bool, g->values.n);
    name_values(&p, is_made);
    print_head(g, out);
    for (size_t i = 0; i < g->inputs.n; i++) {
        tn_str_add(out, "input ");
        print_typed(&p, g->inputs.items[i]);
        tn_str_add(out, "\n");
    }
    for (size_t i = 0; i < g->values.n; i++)
        if (g->values.items[i]->constant != NULL && !is_made[i]) {
            tn_str_add(out, "constant ");
            print_typed(&p, g->values.items[i]);
            tn_data_print(out, g->values.items[i]->constant, full);
            tn_str_add(out, "\n");
        }
    for (size_t i = 0; i < g->nodes.n; i++) {
        print_node(&p, g->nodes.items[i], i);
        tn_str_add(out, "\n");
    }
    for (size_t i = 0; i < g->outputs.n; i++) {
        tn_str_add(out, "output ");
        print_name(&p, g->outputs.items[i]);
        tn_str_add(out, "\n");
    }
}

void tn_graph_print(const tn_graph *g, tn_str *out)
{
    print_graph(g, out, false);
}

void tn_graph_print_full(const tn_graph *g, tn_str *out)
{
    print_graph(g, out, true);
}
