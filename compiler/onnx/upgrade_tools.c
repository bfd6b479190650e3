/* See upgrade.h. */
#include "onnx/upgrade.h"

#include "ops/ops.h"

void tn_upgrade_set_input(upgrade *u, tn_node *n, int i, tn_value *v)
{
    if (i >= n->n_in) {
        tn_value **wider = TN_NEW_N(u->g->arena, tn_value *, i + 1);
        if (n->n_in > 0)
            memcpy(wider, n->in, sizeof *wider * (size_t)n->n_in);
        n->in = wider;
        n->n_in = i + 1;
    }
    n->in[i] = v;
}

bool tn_upgrade_has_input(const tn_node *n, int i)
{
    return i < n->n_in && n->in[i] != NULL;
}

/* --- constants ---------------------------------------------------------------------------------------------------- */

static const char *name_constant(const upgrade *u, const tn_node *n, const char *what)
{
    if (*n->name != '\0')
        return tn_strfmt(u->g->arena, "%s.%s", n->name, what);
    return tn_strfmt(u->g->arena, "node%d.%s", n->index, what);
}

static tn_value *add_constant(upgrade *u, const tn_node *n, const char *what, tn_dtype dtype, const tn_shape *s,
                              const void *data)
{
    tn_tensor *t = tn_tensor_make(u->g->arena, dtype, s);
    if (t->bytes > 0)
        memcpy(t->data, data, t->bytes);
    return tn_graph_add_constant(u->g, name_constant(u, n, what), t);
}

tn_value *tn_upgrade_add_ints(upgrade *u, const tn_node *n, const char *what, const int64_t *x, size_t count, int rank)
{
    assert(rank == 1 || count == 1);
    int64_t dims[1] = {(int64_t)count};
    tn_shape s = tn_shape_fixed(rank, dims);
    return add_constant(u, n, what, TN_INT64, &s, x);
}

tn_value *tn_upgrade_add_floats(upgrade *u, const tn_node *n, const char *what, const float *x, size_t count)
{
    int64_t dims[1] = {(int64_t)count};
    tn_shape s = tn_shape_fixed(1, dims);
    return add_constant(u, n, what, TN_FLOAT, &s, x);
}

tn_value *tn_upgrade_add_scalar(upgrade *u, const tn_node *n, const char *what, tn_dtype dtype, double x)
{
    tn_shape s = tn_shape_fixed(0, NULL);
    tn_tensor *t = tn_tensor_make(u->g->arena, dtype, &s);
    tn_tensor_set(t, 0, x);
    return tn_graph_add_constant(u->g, name_constant(u, n, what), t);
}

void tn_upgrade_ints_to_input(upgrade *u, tn_node *n, const char *attr, int i)
{
    const tn_attr *a = tn_node_find_attr(n, attr);
    if (a == NULL || (a->kind != TN_ATTR_INTS && a->kind != TN_ATTR_INT))
        return;
    bool list = a->kind == TN_ATTR_INTS;
    if (!tn_upgrade_has_input(n, i))
        tn_upgrade_set_input(u, n, i, tn_upgrade_add_ints(u, n, attr, list ? a->ints : &a->i, list ? a->n : 1, 1));
    tn_node_drop_attr(n, attr);
}

/* --- element types ------------------------------------------------------------------------------------------------ */

/* Operators whose output has not the type of their first input. */
static const struct {
    const char *op;
    int like;       /* the input that has the output's type; -1: none */
    tn_dtype fixed; /* the type when there is no such input */
} type_rules[] = {
    {"And", -1, TN_BOOL},
    {"ArgMax", -1, TN_INT64},
    {"ArgMin", -1, TN_INT64},
    {"CastLike", 1, TN_FLOAT},
    {"DequantizeLinear", 1, TN_FLOAT},
    {"Equal", -1, TN_BOOL},
    {"Greater", -1, TN_BOOL},
    {"GreaterOrEqual", -1, TN_BOOL},
    {"IsInf", -1, TN_BOOL},
    {"IsNaN", -1, TN_BOOL},
    {"Less", -1, TN_BOOL},
    {"LessOrEqual", -1, TN_BOOL},
    {"NonZero", -1, TN_INT64},
    {"Not", -1, TN_BOOL},
    {"OneHot", 2, TN_FLOAT},
    {"Or", -1, TN_BOOL},
    {"QLinearConv", 7, TN_UINT8},
    {"QLinearMatMul", 7, TN_UINT8},
    {"QuantizeLinear", 2, TN_UINT8},
    {"Shape", -1, TN_INT64},
    {"Size", -1, TN_INT64},
    {"Where", 1, TN_FLOAT},
    {"Xor", -1, TN_BOOL},
};

tn_dtype tn_upgrade_type_of(const upgrade *u, const tn_value *v)
{
    if (v == NULL || v->dtype != TN_UNDEFINED)
        return v == NULL ? TN_FLOAT : v->dtype;
    bool reached = (size_t)v->id < u->n_types && u->types[v->id] != TN_UNDEFINED;
    return reached ? u->types[v->id] : TN_FLOAT;
}

static tn_dtype guess_type(const upgrade *u, const tn_node *n)
{
    const tn_attr *value = tn_node_find_attr(n, "value");
    int64_t to = tn_node_int(n, "to", TN_UNDEFINED);
    if (strcmp(n->op->name, "Cast") == 0)
        return to > 0 && to < TN_INDEX ? (tn_dtype)to : TN_FLOAT;
    if (strcmp(n->op->name, "ConstantOfShape") == 0)
        return value != NULL && value->kind == TN_ATTR_TENSOR ? value->tensor->dtype : TN_FLOAT;
    int like = 0;
    for (size_t i = 0; i < sizeof type_rules / sizeof *type_rules; i++)
        if (strcmp(type_rules[i].op, n->op->name) == 0) {
            like = type_rules[i].like;
            if (like < 0 || !tn_upgrade_has_input(n, like))
                return type_rules[i].fixed;
        }
    return tn_upgrade_type_of(u, n->n_in > like ? n->in[like] : NULL);
}

void tn_upgrade_note_types(upgrade *u, const tn_node *n)
{
    tn_dtype t = guess_type(u, n);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL && (size_t)n->out[i]->id < u->n_types)
            u->types[n->out[i]->id] = t;
}

/* --- ranks -------------------------------------------------------------------------------------------------------- */

bool tn_upgrade_infer(upgrade *u, const tn_node *n, const tn_value *v)
{
    for (; !v->shape.known && u->inferred < u->out.n; u->inferred++) {
        tn_node *before = u->out.items[u->inferred];
        if (before->op->infer != NULL && !before->op->infer(u->g, before))
            return false;
    }
    if (v->shape.known)
        return true;
    return tn_node_error(u->g, n, "broadcasting of opset %d needs the rank of '%s', which is not known: not supported",
                         n->version, v->name);
}

static tn_value *reshape_constant(upgrade *u, const tn_node *n, const tn_value *v, const tn_shape *s)
{
    tn_tensor t = *v->constant;
    t.shape = *s;
    return tn_graph_add_constant(u->g, name_constant(u, n, v->name), &t);
}

static tn_value *insert_unsqueeze(upgrade *u, const tn_node *n, tn_value *v, const int64_t *axes, size_t count)
{
    const tn_op *op = tn_op_find("", "Unsqueeze");
    if (op == NULL) {
        tn_node_error(u->g, n, "broadcasting of opset %d needs Unsqueeze: not supported", n->version);
        return NULL;
    }
    tn_node *fresh = tn_graph_make_node(u->g, op, "", 2, 1);
    tn_node_set_origin(fresh, n);
    fresh->name = name_constant(u, n, "align");
    fresh->version = TN_ONNX_MAX_OPSET;
    fresh->in[0] = v;
    fresh->in[1] = tn_upgrade_add_ints(u, fresh, "axes", axes, count, 1);
    fresh->out[0] = tn_graph_add_value(u->g, name_constant(u, n, "aligned"));
    fresh->out[0]->maker = fresh;
    *TN_PUSH(u->g->arena, u->out) = fresh;
    return fresh->out[0];
}

bool tn_upgrade_align(upgrade *u, tn_node *n, int i, int64_t axis)
{
    tn_value *v = n->in[i];
    if (!tn_upgrade_infer(u, n, n->in[0]) || !tn_upgrade_infer(u, n, v))
        return false;
    int rank = n->in[0]->shape.rank, own = v->shape.rank;
    if (axis < -rank || axis > rank)
        return tn_node_error(u->g, n, "axis %lld is outside -%d..%d", (long long)axis, rank, rank);
    int ones = rank - (int)(axis < 0 ? axis + rank : axis) - own;
    if (ones < 0 || own + ones > TN_MAX_RANK)
        return tn_node_error(u->g, n, "input %d '%s' has %d dims, which do not fit at axis %lld of %d dims", i, v->name,
                             own, (long long)axis, rank);
    tn_shape s = v->shape;
    int64_t axes[TN_MAX_RANK];
    for (int k = 0; k < ones; k++) {
        axes[k] = own + k;
        s.dim[s.rank++] = tn_dim_fixed(1);
    }
    if (ones > 0)
        n->in[i] = v->constant != NULL ? reshape_constant(u, n, v, &s) : insert_unsqueeze(u, n, v, axes, (size_t)ones);
    return n->in[i] != NULL;
}
