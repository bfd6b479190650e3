/* The table of operators and what their families share. See ops.h. */
#include "ops/late.h"

#include <limits.h>

static const tn_op table[] = {
#define TN_OPERATOR(name, domain, since, min_in, max_in, min_out, max_out, types, infer, lower, expr, detail, doc) \
    {name, domain, since, min_in, max_in, min_out, max_out, types, infer, lower, expr, detail, doc, NULL, false, false},
#define TN_ELEMENTWISE(name, domain, since, in, types, infer, expr, doc) \
    {name, domain, since, in, in, 1, 1, types, infer, tn_lower_elementwise, expr, 0, doc, NULL, false, false},
#define TN_COMPOSITE(name, domain, since, min_in, max_in, min_out, max_out, types, expand, doc) \
    {name, domain, since, min_in, max_in, min_out, max_out, types, NULL, NULL, NULL, 0, doc, expand, false, false},
#define TN_CONTROL(name, domain, since, min_in, max_in, min_out, max_out, expand, doc) \
    {name, domain, since, min_in, max_in, min_out, max_out, TN_T_ANY, NULL, NULL, NULL, 0, doc, expand, true, true},
#define TN_SEQUENCE(name, domain, since, min_in, max_in, min_out, max_out, expand, doc) \
    {name, domain, since, min_in, max_in, min_out, max_out, TN_T_ANY | TN_T_STRING, \
     NULL, NULL,   NULL,  0,      doc,    expand,  false,   true},
#include "ops/ops.def"
#undef TN_SEQUENCE
#undef TN_OPERATOR
#undef TN_ELEMENTWISE
#undef TN_COMPOSITE
#undef TN_CONTROL
};

const tn_op *tn_op_at(size_t i)
{
    return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const tn_op *tn_op_find(const char *domain, const char *name)
{
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0 && strcmp(table[i].domain, domain) == 0)
            return &table[i];
    return NULL;
}

static bool broadcast_dim(tn_dim x, tn_dim y, bool checked, tn_dim *out)
{
    if (tn_dim_same(x, y) || tn_dim_is(y, 1))
        *out = x;
    else if (tn_dim_is(x, 1))
        *out = y;
    else
        return checked && tn_dims_may_agree(x, y, out);
    return true;
}

static bool broadcast(const tn_shape *x, const tn_shape *y, bool checked, tn_shape *out)
{
    tn_shape s = {.known = true, .rank = x->rank > y->rank ? x->rank : y->rank};
    for (int i = 0; i < s.rank; i++) {
        int xi = i - (s.rank - x->rank), yi = i - (s.rank - y->rank);
        tn_dim one = tn_dim_fixed(1);
        if (!broadcast_dim(xi < 0 ? one : x->dim[xi], yi < 0 ? one : y->dim[yi], checked, &s.dim[i]))
            return false;
    }
    *out = s;
    return true;
}

bool tn_broadcast(const tn_shape *x, const tn_shape *y, tn_shape *out)
{
    return broadcast(x, y, false, out);
}

bool tn_broadcast_checked(const tn_shape *x, const tn_shape *y, tn_shape *out)
{
    return broadcast(x, y, true, out);
}

void tn_set_output(tn_node *n, int i, tn_dtype dtype, const tn_shape *s)
{
    if (i >= n->n_out || n->out[i] == NULL)
        return;
    n->out[i]->dtype = dtype;
    n->out[i]->shape = *s;
    n->out[i]->shape.known = true;
}

bool tn_has_input(const tn_node *n, int i)
{
    return i < n->n_in && n->in[i] != NULL;
}

/* These names mean one kind in every operator, but for those that stand first. A wrong kind must not read as "absent". */
static const struct {
    const char *name;
    tn_attr_kind kind;
    const char *op; /* NULL: all others */
} attribute_kinds[] = {{"activation", TN_ATTR_INT, "GroupNorm"},
                       {"activation", TN_ATTR_INT, "SkipGroupNorm"},
                       {"activation", TN_ATTR_STRING, NULL},
                       {"activation_alpha", TN_ATTR_FLOAT, "FusedGemm"},
                       {"activation_beta", TN_ATTR_FLOAT, "FusedGemm"},
                       {"activation_alpha", TN_ATTR_FLOATS, NULL},
                       {"activation_beta", TN_ATTR_FLOATS, NULL},
                       {"activation_gamma", TN_ATTR_FLOAT, NULL},
                       {"activation_params", TN_ATTR_FLOATS, NULL},
                       {"activations", TN_ATTR_STRINGS, NULL},
                       {"align_corners", TN_ATTR_INT, NULL},
                       {"alpha", TN_ATTR_FLOAT, NULL},
                       {"approximate", TN_ATTR_STRING, NULL},
                       {"auto_pad", TN_ATTR_STRING, NULL},
                       {"axes", TN_ATTR_INTS, NULL},
                       {"axis", TN_ATTR_INT, NULL},
                       {"batch_dims", TN_ATTR_INT, NULL},
                       {"beta", TN_ATTR_FLOAT, NULL},
                       {"bits", TN_ATTR_INT, NULL},
                       {"block_size", TN_ATTR_INT, NULL},
                       {"blocksize", TN_ATTR_INT, NULL},
                       {"ceil_mode", TN_ATTR_INT, NULL},
                       {"channels_last", TN_ATTR_INT, NULL},
                       {"clip", TN_ATTR_FLOAT, NULL},
                       {"dilations", TN_ATTR_INTS, NULL},
                       {"direction", TN_ATTR_STRING, NULL},
                       {"epsilon", TN_ATTR_FLOAT, NULL},
                       {"equation", TN_ATTR_STRING, NULL},
                       {"gamma", TN_ATTR_FLOAT, NULL},
                       {"group", TN_ATTR_INT, NULL},
                       {"groups", TN_ATTR_INT, NULL},
                       {"hidden_size", TN_ATTR_INT, NULL},
                       {"keepdims", TN_ATTR_INT, NULL},
                       {"kernel_shape", TN_ATTR_INTS, NULL},
                       {"kv_num_heads", TN_ATTR_INT, NULL},
                       {"layout", TN_ATTR_INT, NULL},
                       {"mask_filter_value", TN_ATTR_FLOAT, NULL},
                       {"metric", TN_ATTR_STRING, NULL},
                       {"mode", TN_ATTR_STRING, NULL},
                       {"num_heads", TN_ATTR_INT, NULL},
                       {"num_outputs", TN_ATTR_INT, NULL},
                       {"output_shape", TN_ATTR_INTS, NULL},
                       {"pads", TN_ATTR_INTS, NULL},
                       {"perm", TN_ATTR_INTS, NULL},
                       {"reduction", TN_ATTR_STRING, NULL},
                       {"storage_order", TN_ATTR_INT, NULL},
                       {"strides", TN_ATTR_INTS, NULL},
                       {"to", TN_ATTR_INT, NULL},
                       {"transA", TN_ATTR_INT, NULL},
                       {"transB", TN_ATTR_INT, NULL},
                       {"transBatchA", TN_ATTR_INT, NULL},
                       {"transBatchB", TN_ATTR_INT, NULL},
                       {"unidirectional", TN_ATTR_INT, NULL}};

static const tn_attr_kind *find_kind(const char *op, const char *name)
{
    for (size_t i = 0; i < sizeof attribute_kinds / sizeof *attribute_kinds; i++)
        if (strcmp(attribute_kinds[i].name, name) == 0
            && (attribute_kinds[i].op == NULL || strcmp(attribute_kinds[i].op, op) == 0))
            return &attribute_kinds[i].kind;
    return NULL;
}

bool tn_check_attributes(tn_graph *g, const tn_node *n)
{
    static const char *const words[] = {"an int",           "a float",           "a string", "a list of ints",
                                        "a list of floats", "a list of strings", "a tensor", "a subgraph"};
    for (int i = 0; i < n->n_attr; i++) {
        const tn_attr *a = &n->attr[i];
        const tn_attr_kind *kind = find_kind(n->op->name, a->name);
        if (kind != NULL && a->kind != *kind)
            return tn_node_error(g, n, "attribute '%s' is %s; %s is wanted", a->name, words[a->kind], words[*kind]);
    }
    return true;
}

bool tn_infer_first(tn_graph *g, tn_node *n)
{
    (void)g;
    tn_set_output(n, 0, n->in[0]->dtype, &n->in[0]->shape);
    return true;
}

void tn_note_alike(tn_graph *g, tn_dim x, tn_dim y)
{
    tn_dim name, other;
    if (g->alike.n > 0 || tn_dim_same(x, y) || !tn_dim_alike(g->arena, x, y, &name, &other))
        return;
    *TN_PUSH(g->arena, g->alike) = name;
    *TN_PUSH(g->arena, g->alike) = other;
}

void tn_note_alike_shapes(tn_graph *g, const tn_shape *x, const tn_shape *y)
{
    for (int k = 1; k <= x->rank && k <= y->rank; k++)
        tn_note_alike(g, x->dim[x->rank - k], y->dim[y->rank - k]);
}

bool tn_need_broadcast(tn_graph *g, const tn_node *n, int i, tn_shape *s)
{
    tn_shape both;
    const tn_value *v = n->in[i];
    if (tn_broadcast_checked(s, &v->shape, &both)) {
        *s = both;
        return true;
    }
    tn_note_alike_shapes(g, s, &v->shape);
    return tn_node_error(g, n, "input %d '%s' is %s, which does not broadcast with %s", i, v->name,
                         tn_value_type(g->arena, v), tn_type_text(g->arena, v->dtype, s));
}

static bool infer_broadcast(tn_graph *g, tn_node *n, tn_dtype dtype)
{
    tn_shape s = n->in[0]->shape;
    for (int i = 1; i < n->n_in; i++) {
        const tn_value *v = n->in[i];
        if (v->dtype != n->in[0]->dtype)
            return tn_node_error(g, n, "input %d '%s' is %s, input 0 is %s; %s takes inputs of one type", i, v->name,
                                 tn_dtype_get(v->dtype)->name, tn_dtype_get(n->in[0]->dtype)->name, n->op->name);
        if (!tn_need_broadcast(g, n, i, &s))
            return false;
    }
    tn_set_output(n, 0, dtype, &s);
    return true;
}

bool tn_infer_broadcast(tn_graph *g, tn_node *n)
{
    return infer_broadcast(g, n, n->in[0]->dtype);
}

bool tn_infer_compare(tn_graph *g, tn_node *n)
{
    return infer_broadcast(g, n, TN_BOOL);
}

bool tn_lower_elementwise(tn_program *p, const tn_node *n)
{
    const tn_expr *in[TN_MAX_ARGS] = {NULL};
    if (n->n_in > TN_MAX_ARGS)
        return tn_node_error(p->graph, n, "%d inputs; at most %d are supported", n->n_in, TN_MAX_ARGS);
    tn_late_check_broadcast(p, n);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL)
            in[i] = tn_load_broadcast(p, c, tn_buf_of(p, n->in[i]));
    const tn_expr *e = n->op->expr(p, n, in);
    if (e == NULL)
        return false;
    tn_comp_set(p, c, e);
    return true;
}

bool tn_node_axis(tn_graph *g, const tn_node *n, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return tn_node_error(g, n, "axis %lld is outside -%d..%d", (long long)axis, rank, rank - 1);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

const int64_t *tn_need_ints(tn_graph *g, const tn_node *n, int i, const char *what, size_t *count)
{
    const int64_t *x = tn_has_input(n, i) ? tn_value_ints(g, n->in[i], count) : NULL;
    if (x == NULL)
        tn_node_error(g, n, "%s (input %d) must be known at compile time; it depends on the data or on a symbolic dim",
                      what, i);
    return x;
}
