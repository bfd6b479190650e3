/* Construction, lookup and printing of graphs. See ir.h. */
#include "ir/ir.h"

static const tn_dtype_info types[] = {
    [TN_UNDEFINED] = {"undefined", NULL, 0, false, false},
    [TN_FLOAT] = {"float", "float", 4, true, true},
    [TN_UINT8] = {"uint8", "uint8_t", 1, false, false},
    [TN_INT8] = {"int8", "int8_t", 1, false, true},
    [TN_UINT16] = {"uint16", "uint16_t", 2, false, false},
    [TN_INT16] = {"int16", "int16_t", 2, false, true},
    [TN_INT32] = {"int32", "int32_t", 4, false, true},
    [TN_INT64] = {"int64", "int64_t", 8, false, true},
    [TN_STRING] = {"string", NULL, 0, false, false},
    [TN_BOOL] = {"bool", "uint8_t", 1, false, false},
    [TN_FLOAT16] = {"float16", NULL, 2, true, true},
    [TN_DOUBLE] = {"double", "double", 8, true, true},
    [TN_UINT32] = {"uint32", "uint32_t", 4, false, false},
    [TN_UINT64] = {"uint64", "uint64_t", 8, false, false},
};

const tn_dtype_info *tn_dtype_get(int dtype)
{
    bool listed = dtype > 0 && (size_t)dtype < sizeof types / sizeof *types;
    return &types[listed ? dtype : TN_UNDEFINED];
}

int64_t tn_shape_count(const tn_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dim[i];
    return n;
}

bool tn_shape_equal(const tn_shape *x, const tn_shape *y)
{
    return x->known && y->known && x->rank == y->rank
           && memcmp(x->dim, y->dim, sizeof x->dim[0] * (size_t)x->rank) == 0;
}

tn_value *tn_graph_add_value(tn_graph *g, const char *name)
{
    tn_value *v = TN_NEW(g->arena, tn_value);
    v->id = (int)g->values.n;
    v->name = name;
    *TN_PUSH(g->arena, g->values) = v;
    return v;
}

tn_value *tn_graph_add_constant(tn_graph *g, const char *name, const tn_tensor *t)
{
    tn_value *v = tn_graph_add_value(g, name);
    v->constant = TN_NEW(g->arena, tn_tensor);
    *v->constant = *t;
    v->dtype = t->dtype;
    v->shape = t->shape;
    return v;
}

const tn_attr *tn_node_find_attr(const tn_node *n, const char *name)
{
    for (int i = 0; i < n->n_attr; i++)
        if (strcmp(n->attr[i].name, name) == 0)
            return &n->attr[i];
    return NULL;
}

int64_t tn_node_int(const tn_node *n, const char *name, int64_t otherwise)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    return a != NULL && a->kind == TN_ATTR_INT ? a->i : otherwise;
}

float tn_node_float(const tn_node *n, const char *name, float otherwise)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    return a != NULL && a->kind == TN_ATTR_FLOAT ? a->f : otherwise;
}

const char *tn_node_string(const tn_node *n, const char *name, const char *otherwise)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    return a != NULL && a->kind == TN_ATTR_STRING ? a->s : otherwise;
}

bool tn_node_error(tn_graph *g, const tn_node *n, const char *format, ...)
{
    char prefix[512];
    snprintf(prefix, sizeof prefix, "%s: node %d '%s' (%s): ", g->path, n->index, n->name, n->op->name);
    va_list args;
    va_start(args, format);
    tn_verror(g->diag, prefix, format, args);
    va_end(args);
    return false;
}

const char *tn_type_text(tn_arena *a, tn_dtype dtype, const tn_shape *s)
{
    tn_str out = {.arena = a};
    tn_str_add(&out, "%s", tn_dtype_get(dtype)->name);
    if (!s->known) {
        tn_str_add(&out, "[?]");
        return out.text;
    }
    tn_str_add(&out, "[");
    for (int i = 0; i < s->rank; i++)
        tn_str_add(&out, "%s%lld", i > 0 ? "," : "", (long long)s->dim[i]);
    tn_str_add(&out, "]");
    return out.text;
}

static void print_values(const tn_graph *g, tn_str *out, const char *what, const tn_value_vec *vs)
{
    for (size_t i = 0; i < vs->n; i++)
        tn_str_add(out, "%s \"%s\" : %s\n", what, vs->items[i]->name,
                   tn_type_text(g->arena, vs->items[i]->dtype, &vs->items[i]->shape));
}

static void print_attr(tn_str *out, const tn_attr *a)
{
    tn_str_add(out, " %s=", a->name);
    switch (a->kind) {
    case TN_ATTR_INT: tn_str_add(out, "%lld", (long long)a->i); return;
    case TN_ATTR_FLOAT: tn_str_add(out, "%a", (double)a->f); return;
    case TN_ATTR_STRING: tn_str_add(out, "\"%s\"", a->s); return;
    case TN_ATTR_TENSOR: tn_str_add(out, "tensor"); return;
    case TN_ATTR_INTS:
    case TN_ATTR_FLOATS: break;
    }
    tn_str_add(out, "[");
    for (size_t i = 0; i < a->n; i++) {
        tn_str_add(out, "%s", i > 0 ? "," : "");
        if (a->kind == TN_ATTR_INTS)
            tn_str_add(out, "%lld", (long long)a->ints[i]);
        else
            tn_str_add(out, "%a", (double)a->floats[i]);
    }
    tn_str_add(out, "]");
}

static void print_node(const tn_graph *g, tn_str *out, const tn_node *n)
{
    for (int i = 0; i < n->n_out; i++)
        tn_str_add(out, "%s\"%s\" : %s", i > 0 ? ", " : "", n->out[i]->name,
                   tn_type_text(g->arena, n->out[i]->dtype, &n->out[i]->shape));
    tn_str_add(out, " = %s(", n->op->name);
    for (int i = 0; i < n->n_in; i++)
        tn_str_add(out, "%s\"%s\"", i > 0 ? ", " : "", n->in[i] != NULL ? n->in[i]->name : "");
    tn_str_add(out, ")");
    for (int i = 0; i < n->n_attr; i++)
        print_attr(out, &n->attr[i]);
    tn_str_add(out, "\n");
}

void tn_graph_print(const tn_graph *g, tn_str *out)
{
    print_values(g, out, "input", &g->inputs);
    for (size_t i = 0; i < g->values.n; i++)
        if (g->values.items[i]->constant != NULL)
            tn_str_add(out, "constant \"%s\" : %s\n", g->values.items[i]->name,
                       tn_type_text(g->arena, g->values.items[i]->dtype, &g->values.items[i]->shape));
    for (size_t i = 0; i < g->nodes.n; i++)
        print_node(g, out, g->nodes.items[i]);
    print_values(g, out, "output", &g->outputs);
}
