/* Construction and lookup of graphs. See ir.h. */
#include "ir/ir.h"

static const tn_dtype_info types[] = {
    [TN_UNDEFINED] = {"undefined", NULL, 0, false, false, TN_UNDEFINED, 0, NULL},
    [TN_FLOAT] = {"float", "float", 4, true, true, TN_FLOAT, 32, NULL},
    [TN_UINT8] = {"uint8", "uint8_t", 1, false, false, TN_UINT8, 8, NULL},
    [TN_INT8] = {"int8", "int8_t", 1, false, true, TN_INT8, 8, NULL},
    [TN_UINT16] = {"uint16", "uint16_t", 2, false, false, TN_UINT16, 16, NULL},
    [TN_INT16] = {"int16", "int16_t", 2, false, true, TN_INT16, 16, NULL},
    [TN_INT32] = {"int32", "int32_t", 4, false, true, TN_INT32, 32, NULL},
    [TN_INT64] = {"int64", "int64_t", 8, false, true, TN_INT64, 64, NULL},
    [TN_STRING] = {"string", NULL, 0, false, false, TN_STRING, 0, NULL},
    [TN_BOOL] = {"bool", "uint8_t", 1, false, false, TN_BOOL, 8, NULL},
    [TN_FLOAT16] = {"float16", "uint16_t", 2, true, true, TN_FLOAT, 16, &tn_codec_half},
    [TN_DOUBLE] = {"double", "double", 8, true, true, TN_DOUBLE, 64, NULL},
    [TN_UINT32] = {"uint32", "uint32_t", 4, false, false, TN_UINT32, 32, NULL},
    [TN_UINT64] = {"uint64", "uint64_t", 8, false, false, TN_UINT64, 64, NULL},
    [TN_BFLOAT16] = {"bfloat16", "uint16_t", 2, true, true, TN_FLOAT, 16, &tn_codec_bfloat},
    [TN_FLOAT8E4M3FN] = {"float8e4m3fn", "uint8_t", 1, true, true, TN_FLOAT, 8, &tn_codec_e4m3fn},
    [TN_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", "uint8_t", 1, true, true, TN_FLOAT, 8, &tn_codec_e4m3fnuz},
    [TN_FLOAT8E5M2] = {"float8e5m2", "uint8_t", 1, true, true, TN_FLOAT, 8, &tn_codec_e5m2},
    [TN_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", "uint8_t", 1, true, true, TN_FLOAT, 8, &tn_codec_e5m2fnuz},
    [TN_UINT4] = {"uint4", "uint8_t", 1, false, false, TN_UINT8, 4, NULL},
    [TN_INT4] = {"int4", "int8_t", 1, false, true, TN_INT8, 4, NULL},
    [TN_FLOAT4E2M1] = {"float4e2m1", "uint8_t", 1, true, true, TN_FLOAT, 4, &tn_codec_e2m1},
    [TN_FLOAT8E8M0] = {"float8e8m0", "uint8_t", 1, true, false, TN_FLOAT, 8, &tn_codec_e8m0},
    [TN_UINT2] = {"uint2", "uint8_t", 1, false, false, TN_UINT8, 2, NULL},
    [TN_INT2] = {"int2", "int8_t", 1, false, true, TN_INT8, 2, NULL},
    [TN_INDEX] = {"index", "ptrdiff_t", 8, false, true, TN_INDEX, 64, NULL},
};

const tn_dtype_info *tn_dtype_get(int dtype)
{
    bool listed = dtype > 0 && (size_t)dtype < sizeof types / sizeof *types && types[dtype].name != NULL;
    return &types[listed ? dtype : TN_UNDEFINED];
}

int64_t tn_shape_count(const tn_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        if (!tn_mul_i64(n, s->dim[i].n, &n) || n > TN_DIM_MAX)
            n = TN_DIM_MAX;
    return n;
}

bool tn_shape_is_fixed(const tn_shape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i].sym != NULL)
            return false;
    return s->known;
}

bool tn_shape_equal(const tn_shape *x, const tn_shape *y)
{
    if (!x->known || !y->known || x->rank != y->rank)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (!tn_dim_same(x->dim[i], y->dim[i]))
            return false;
    return true;
}

tn_dtype tn_value_dtype(const tn_value *v)
{
    return v->is_text ? TN_STRING : v->dtype;
}

bool tn_value_same_type(const tn_value *x, const tn_value *y)
{
    return x->list == NULL && y->list == NULL && tn_value_dtype(x) == tn_value_dtype(y)
        && tn_shape_equal(&x->shape, &y->shape);
}

tn_shape tn_shape_fixed(int rank, const int64_t *dims)
{
    tn_shape s = {.known = true, .rank = rank};
    for (int i = 0; i < rank; i++)
        s.dim[i] = tn_dim_fixed(dims[i]);
    return s;
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
    v->is_text = t->is_text;
    return v;
}

tn_node *tn_graph_make_node(tn_graph *g, const tn_op *op, const char *name, int n_in, int n_out)
{
    tn_node *n = TN_NEW(g->arena, tn_node);
    *n = (tn_node){.op = op, .name = name, .n_in = n_in, .n_out = n_out};
    n->in = TN_NEW_N(g->arena, tn_value *, n_in);
    n->out = TN_NEW_N(g->arena, tn_value *, n_out);
    return n;
}

void tn_node_set_origin(tn_node *n, const tn_node *from)
{
    n->name = from->name;
    n->index = from->index;
    n->function = from->function;
}

void tn_graph_replace(tn_graph *g, tn_value *from, tn_value *to)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.items[i]->n_in; k++)
            if (g->nodes.items[i]->in[k] == from)
                g->nodes.items[i]->in[k] = to;
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.items[i] == from)
            g->outputs.items[i] = to;
}

const int64_t *tn_value_ints(tn_graph *g, const tn_value *v, size_t *count)
{
    const tn_tensor *t = v->constant;
    if (t == NULL && (v->elems == NULL || !tn_shape_is_fixed(&v->shape)))
        return NULL;
    *count = (size_t)tn_shape_count(&v->shape);
    int64_t *out = TN_NEW_N(g->arena, int64_t, *count);
    for (size_t i = 0; i < *count; i++) {
        if (t == NULL && v->elems[i].sym != NULL)
            return NULL;
        out[i] = t != NULL ? tn_tensor_get_int(t, (int64_t)i) : v->elems[i].n;
    }
    return out;
}

bool tn_node_is(const tn_node *n, const char *op)
{
    return n != NULL && n->op->domain[0] == '\0' && strcmp(n->op->name, op) == 0;
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

static tn_attr *set_attr(tn_graph *g, tn_node *n, const char *name, tn_attr_kind kind)
{
    tn_node_drop_attr(n, name);
    tn_attr *wider = TN_NEW_N(g->arena, tn_attr, n->n_attr + 1);
    if (n->n_attr > 0)
        memcpy(wider, n->attr, sizeof *wider * (size_t)n->n_attr);
    n->attr = wider;
    tn_attr *a = &wider[n->n_attr++];
    *a = (tn_attr){.name = name, .kind = kind};
    return a;
}

void tn_node_set_int(tn_graph *g, tn_node *n, const char *name, int64_t value)
{
    set_attr(g, n, name, TN_ATTR_INT)->i = value;
}

void tn_node_set_ints(tn_graph *g, tn_node *n, const char *name, const int64_t *values, size_t count)
{
    tn_attr *a = set_attr(g, n, name, TN_ATTR_INTS);
    a->ints = TN_NEW_N(g->arena, int64_t, count);
    a->n = count;
    if (count > 0)
        memcpy(a->ints, values, sizeof *values * count);
}

void tn_node_set_float(tn_graph *g, tn_node *n, const char *name, float value)
{
    set_attr(g, n, name, TN_ATTR_FLOAT)->f = value;
}

void tn_node_set_string(tn_graph *g, tn_node *n, const char *name, const char *value)
{
    set_attr(g, n, name, TN_ATTR_STRING)->s = value;
}

void tn_node_set_attr(tn_graph *g, tn_node *n, const tn_attr *a)
{
    *set_attr(g, n, a->name, a->kind) = *a;
}

/* By their bits: -0 is not 0, and NaN is itself. */
static bool same_floats(const float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t a = 0, b = 0;
        memcpy(&a, &x[i], sizeof a);
        memcpy(&b, &y[i], sizeof b);
        if (a != b)
            return false;
    }
    return true;
}

static bool same_strings(const char *const *x, const char *const *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(x[i], y[i]) != 0)
            return false;
    return true;
}

bool tn_attr_same(const tn_attr *x, const tn_attr *y)
{
    if (strcmp(x->name, y->name) != 0 || x->kind != y->kind || x->n != y->n)
        return false;
    switch (x->kind) {
    case TN_ATTR_INT: return x->i == y->i;
    case TN_ATTR_FLOAT: return same_floats(&x->f, &y->f, 1);
    case TN_ATTR_STRING: return strcmp(x->s, y->s) == 0;
    case TN_ATTR_INTS: return x->n == 0 || memcmp(x->ints, y->ints, sizeof *x->ints * x->n) == 0;
    case TN_ATTR_FLOATS: return same_floats(x->floats, y->floats, x->n);
    case TN_ATTR_STRINGS: return same_strings(x->strings, y->strings, x->n);
    case TN_ATTR_TENSOR: return tn_tensor_same(x->tensor, y->tensor);
    case TN_ATTR_BODY: return x->body == y->body;
    }
    return false;
}

bool tn_node_same(const tn_node *x, const tn_node *y)
{
    if (x->op != y->op || x->n_in != y->n_in || x->n_out != y->n_out || x->n_attr != y->n_attr)
        return false;
    for (int i = 0; i < x->n_in; i++)
        if (x->in[i] != y->in[i])
            return false;
    for (int i = 0; i < x->n_attr; i++)
        if (!tn_attr_same(&x->attr[i], &y->attr[i]))
            return false;
    return true;
}

void tn_node_drop_attr(tn_node *n, const char *name)
{
    for (int i = 0; i < n->n_attr; i++)
        if (strcmp(n->attr[i].name, name) == 0) {
            memmove(&n->attr[i], &n->attr[i + 1], sizeof *n->attr * (size_t)(n->n_attr - i - 1));
            n->n_attr--;
            return;
        }
}

bool tn_node_error(tn_graph *g, const tn_node *n, const char *format, ...)
{
    const char *within = n->function != NULL ? tn_strfmt(g->arena, " in function %s", n->function) : "";
    const char *prefix =
        tn_strfmt(g->arena, "%s: node %d '%s' (%s%s): ", g->path, n->index, n->name, n->op->name, within);
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
        tn_str_add(&out, "%s%s", i > 0 ? "," : "", tn_dim_text(a, s->dim[i]));
    tn_str_add(&out, "]");
    return out.text;
}

const char *tn_value_type(tn_arena *a, const tn_value *v)
{
    return tn_type_text(a, tn_value_dtype(v), &v->shape);
}
