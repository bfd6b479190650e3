/* Building the nodes that a composite stands for. See expand.h. */
#include "ops/expand.h"

#include "ops/ops.h"

#include <stdlib.h>

/* --- attributes as text --------------------------------------------------------------------------------------------- */

static void set_list(tn_expand *e, tn_node *n, const char *name, const char *text)
{
    int64_t items[4 * TN_MAX_RANK];
    size_t count = 0;
    for (char *end; *text != '\0'; text = *end == ',' ? end + 1 : end) {
        assert(count < sizeof items / sizeof *items);
        items[count++] = strtoll(text, &end, 10);
        assert(end > text);
    }
    tn_node_set_ints(e->g, n, name, items, count);
}

/* The composite's own attribute of that name, if it has one. */
static void pass_attribute(tn_expand *e, tn_node *n, const char *name)
{
    const tn_attr *a = tn_node_find_attr(e->node, name);
    if (a != NULL)
        tn_node_set_attr(e->g, n, a);
}

/* The texts are ours: what is wrong in one is an assert. */
static void set_attribute(tn_expand *e, tn_node *n, const char *text)
{
    const char *equal = strchr(text, '=');
    if (equal == NULL) {
        pass_attribute(e, n, text);
        return;
    }
    const char *name = tn_strndup(e->g->arena, text, (size_t)(equal - text)), *value = equal + 1;
    bool number = *value == '-' || (*value >= '0' && *value <= '9');
    if (!number)
        tn_node_set_string(e->g, n, name, value);
    else if (strchr(value, ',') != NULL)
        set_list(e, n, name, value);
    else if (strpbrk(value, ".e") != NULL)
        tn_node_set_float(e->g, n, name, strtof(value, NULL));
    else
        tn_node_set_int(e->g, n, name, strtoll(value, NULL, 10));
}

static const char maybe[] = "maybe"; /* an attribute, so that it is part of the text form */

bool tn_node_maybe(const tn_node *n)
{
    return tn_node_int(n, maybe, 0) != 0;
}

void tn_node_set_maybe(tn_graph *g, tn_node *n)
{
    tn_node_set_int(g, n, maybe, 1);
}

static const char asks[] = "asks";

bool tn_node_asks(const tn_node *n)
{
    return tn_node_int(n, asks, 0) != 0;
}

void tn_node_set_asks(tn_graph *g, tn_node *n)
{
    tn_node_set_int(g, n, asks, 1);
}

/* "Relu", or with a domain "tenon.Rescale". */
static const tn_op *find_op(char *name)
{
    char *dot = strrchr(name, '.');
    if (dot == NULL)
        return tn_op_find("", name);
    *dot = '\0';
    return tn_op_find(name, dot + 1);
}

static tn_node *make_node(tn_expand *e, const char *text, int n_in, int n_out)
{
    const char *at = text;
    size_t len = strcspn(at, " ");
    const tn_op *op = find_op(tn_strndup(e->g->arena, at, len));
    assert(op != NULL);
    tn_node *n = tn_graph_make_node(e->g, op, e->node->name, n_in, n_out);
    tn_node_set_origin(n, e->node);
    n->version = op->since;
    for (at += len; *at == ' '; at += len) {
        at++;
        len = strcspn(at, " ");
        set_attribute(e, n, tn_strndup(e->g->arena, at, len));
    }
    if (tn_node_maybe(e->node))
        tn_node_set_maybe(e->g, n);
    return n;
}

/* --- values --------------------------------------------------------------------------------------------------------- */

const char *tn_expand_name(const tn_expand *e, const char *what)
{
    const tn_value *out = NULL;
    for (int i = 0; i < e->node->n_out && out == NULL; i++)
        out = e->node->out[i];
    return tn_strfmt(e->g->arena, "%s.%s", out != NULL ? out->name : e->node->name, what);
}

tn_value *tn_expand_constant(tn_expand *e, const tn_tensor *t)
{
    return tn_graph_add_constant(e->g, tn_expand_name(e, "constant"), t);
}

tn_value *tn_expand_scalar(tn_expand *e, tn_dtype dtype, double x)
{
    tn_shape s = tn_shape_fixed(0, NULL);
    tn_tensor *t = tn_tensor_make(e->g->arena, dtype, &s);
    tn_tensor_set(t, 0, x);
    return tn_expand_constant(e, t);
}

tn_value *tn_expand_ints(tn_expand *e, int count, const int64_t *x)
{
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){count});
    tn_tensor *t = tn_tensor_make(e->g->arena, TN_INT64, &s);
    for (int i = 0; i < count; i++)
        tn_tensor_set_int(t, i, x[i]);
    return tn_expand_constant(e, t);
}

tn_value *tn_expand_int(tn_expand *e, int64_t x)
{
    return tn_expand_ints(e, 1, &x);
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */

static bool add_node(tn_expand *e, tn_node *n)
{
    e->failed = e->failed || !e->add(e, n);
    return !e->failed;
}

static void set_output(tn_node *n, int i, tn_value *v)
{
    n->out[i] = v;
    v->maker = n;
}

void tn_call_all(tn_expand *e, const char *op, int n_in, tn_value *const *in, int n_out, tn_value **out)
{
    while (n_in > 0 && in[n_in - 1] == NULL)
        n_in--;
    tn_node *n = e->failed ? NULL : make_node(e, op, n_in, n_out);
    for (int i = 0; n != NULL && i < n_in; i++)
        n->in[i] = in[i];
    for (int i = 0; n != NULL && i < n_out; i++) {
        out[i] = tn_graph_add_value(e->g, tn_expand_name(e, n->op->name));
        set_output(n, i, out[i]);
    }
    if (n == NULL || !add_node(e, n))
        for (int i = 0; i < n_out; i++)
            out[i] = tn_expand_scalar(e, TN_FLOAT, 0);
}

tn_value *tn_call_list(tn_expand *e, const char *op, int n_in, tn_value *const *in)
{
    tn_value *out = NULL;
    tn_call_all(e, op, n_in, in, 1, &out);
    return out;
}

bool tn_give(tn_expand *e, int i, tn_value *v)
{
    if (e->failed || i >= e->node->n_out || e->node->out[i] == NULL)
        return !e->failed;
    tn_node *n = make_node(e, "Identity", 1, 1);
    n->in[0] = v;
    set_output(n, 0, e->node->out[i]);
    return add_node(e, n);
}

bool tn_expand_error(tn_expand *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char line[512];
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    e->failed = true;
    return tn_node_error(e->g, e->node, "%s", line);
}

tn_value *tn_expand_input(const tn_expand *e, int i)
{
    return tn_has_input(e->node, i) ? e->node->in[i] : NULL;
}

tn_value *tn_expand_need(tn_expand *e, int i, const char *what)
{
    if (tn_has_input(e->node, i))
        return e->node->in[i];
    if (!e->failed)
        tn_expand_error(e, "input %d (%s) is omitted; %s needs it here", i, what, e->node->op->name);
    return tn_expand_scalar(e, TN_FLOAT, 0);
}

const char *tn_expand_show(const tn_expand *e, const tn_value *v)
{
    return tn_strfmt(e->g->arena, "'%s' is %s", v->name, tn_value_type(e->g->arena, v));
}

tn_value *const *tn_expand_body(tn_expand *e, const tn_subgraph *b, tn_value *const *inputs, bool may_skip)
{
    if (e->failed)
        return NULL;
    const tn_subgraph *copy = tn_subgraph_copy(e->g, b, inputs);
    for (size_t i = 0; i < copy->nodes.n; i++) {
        if (may_skip)
            tn_node_set_maybe(e->g, copy->nodes.items[i]);
        if (!e->add(e, copy->nodes.items[i])) {
            e->failed = true;
            return NULL;
        }
    }
    return copy->outputs.items;
}

tn_value *tn_call_reshape(tn_expand *e, tn_value *v, int rank, const int64_t *dims)
{
    return tn_call(e, "Reshape", v, tn_expand_ints(e, rank, dims));
}

tn_value *tn_call_slice(tn_expand *e, tn_value *v, int64_t axis, int64_t start, int64_t end, int64_t step)
{
    return tn_call(e, "Slice", v, tn_expand_int(e, start), tn_expand_int(e, end), tn_expand_int(e, axis),
                   tn_expand_int(e, step));
}

tn_value *tn_call_join(tn_expand *e, int64_t axis, tn_value *x, tn_value *y)
{
    return tn_call(e, tn_strfmt(e->g->arena, "Concat axis=%lld", (long long)axis), x, y);
}

tn_value *tn_call_unsqueeze(tn_expand *e, tn_value *v, int64_t axis)
{
    return tn_call(e, "Unsqueeze", v, tn_expand_int(e, axis));
}

tn_value *tn_call_dim(tn_expand *e, tn_value *v, int axis)
{
    return tn_call(e, tn_strfmt(e->g->arena, "Shape start=%d end=%d", axis, axis + 1), v);
}

tn_value *tn_call_cast(tn_expand *e, tn_value *v, tn_dtype to)
{
    return e->failed || v->dtype == to ? v : tn_call(e, tn_strfmt(e->g->arena, "Cast to=%d", (int)to), v);
}
