/* Subgraphs: see tn_subgraph. */
#include "ir/ir.h"

tn_subgraph *tn_node_body(const tn_node *n, const char *name)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    return a != NULL && a->kind == TN_ATTR_BODY ? a->body : NULL;
}

/* What stands for each value, by id: NULL where it stands for itself. */
typedef struct copying {
    tn_graph *g;
    tn_value **to;
    size_t n;
} copying;

static tn_value *copy_of(const copying *c, tn_value *v)
{
    return v != NULL && (size_t)v->id < c->n && c->to[v->id] != NULL ? c->to[v->id] : v;
}

static tn_value *copy_value(copying *c, const tn_value *v)
{
    tn_value *copy = tn_graph_add_value(c->g, v->name);
    copy->declared = v->declared;
    return c->to[v->id] = copy;
}

static tn_subgraph *copy_body(copying *c, const tn_subgraph *b);

static tn_node *copy_node(copying *c, const tn_node *n)
{
    tn_node *copy = tn_graph_make_node(c->g, n->op, n->name, n->n_in, n->n_out);
    tn_node_set_origin(copy, n);
    copy->version = n->version;
    copy->n_attr = n->n_attr;
    copy->attr = TN_NEW_N(c->g->arena, tn_attr, n->n_attr + 1);
    for (int i = 0; i < n->n_attr; i++) {
        copy->attr[i] = n->attr[i];
        const tn_subgraph *body = n->attr[i].kind == TN_ATTR_BODY ? n->attr[i].body : NULL;
        if (body == NULL)
            continue;
        copy->attr[i].body = copy_body(c, body);
        copy->attr[i].body->origin = body->origin != NULL ? body->origin : body;
    }
    for (int i = 0; i < n->n_in; i++)
        copy->in[i] = copy_of(c, n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL) {
            copy->out[i] = copy_value(c, n->out[i]);
            copy->out[i]->maker = copy;
        }
    return copy;
}

/* Inputs that nothing stands for get values of their own: those of bodies inside. */
static tn_subgraph *copy_body(copying *c, const tn_subgraph *b)
{
    tn_subgraph *copy = TN_NEW(c->g->arena, tn_subgraph);
    *copy = (tn_subgraph){0};
    for (size_t i = 0; i < b->inputs.n; i++) {
        tn_value *v = c->to[b->inputs.items[i]->id];
        *TN_PUSH(c->g->arena, copy->inputs) = v != NULL ? v : copy_value(c, b->inputs.items[i]);
    }
    for (size_t i = 0; i < b->nodes.n; i++) {
        tn_node *n = copy_node(c, b->nodes.items[i]);
        *TN_PUSH(c->g->arena, copy->nodes) = n;
    }
    for (size_t i = 0; i < b->outputs.n; i++)
        *TN_PUSH(c->g->arena, copy->outputs) = copy_of(c, b->outputs.items[i]);
    return copy;
}

tn_subgraph *tn_subgraph_copy(tn_graph *g, const tn_subgraph *b, tn_value *const *inputs)
{
    copying c = {.g = g, .n = g->values.n};
    c.to = TN_NEW_N(g->arena, tn_value *, c.n + 1);
    for (size_t i = 0; i < b->inputs.n; i++)
        c.to[b->inputs.items[i]->id] = inputs[i];
    return copy_body(&c, b);
}
