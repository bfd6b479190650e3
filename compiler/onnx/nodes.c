/* NodeProtos: their operators and attributes, and the values that they read and write. */
#include "onnx/importer.h"

#include "ops/ops.h"

enum { MAX_ATTRIBUTES = 256 }; /* of one node; operators have a dozen */

/* Names that ONNX withdrew: read as the operator that took over, in the last form that the old one had. */
static const struct {
    const char *old, *now;
    int last;
} renamed[] = {
    {"Scatter", "ScatterElements", 10},
    {"Upsample", "Resize", 9},
};

const char *tn_onnx_domain_of(const NodeProto *p)
{
    return tn_onnx_domain(p->domain);
}

/* 0: the model names no opset of ai.onnx. Of other domains files often say nothing: then it is 1. */
int tn_onnx_version_of(const importer *im, const NodeProto *p)
{
    const char *domain = tn_onnx_domain_of(p);
    const TnOnnx__OperatorSetIdProto *set = tn_map_get(&im->opsets, domain);
    int version = set != NULL ? (int)set->version : *domain == '\0' ? 0 : 1;
    for (size_t i = 0; *domain == '\0' && i < sizeof renamed / sizeof *renamed; i++)
        if (strcmp(renamed[i].old, tn_onnx_text(p->op_type)) == 0 && version > renamed[i].last)
            version = renamed[i].last;
    return version;
}

const tn_op *tn_onnx_find_op(const NodeProto *p)
{
    const char *name = tn_onnx_text(p->op_type), *domain = tn_onnx_domain_of(p);
    for (size_t i = 0; *domain == '\0' && i < sizeof renamed / sizeof *renamed; i++)
        if (strcmp(renamed[i].old, name) == 0)
            name = renamed[i].now;
    return tn_op_find(domain, name);
}

bool tn_onnx_is_constant(const NodeProto *p)
{
    return *tn_onnx_domain_of(p) == '\0' && strcmp(tn_onnx_text(p->op_type), "Constant") == 0;
}

/* In functions all nodes have a name: it leads to the call. */
const char *tn_onnx_name_in(const importer *im, int index, const NodeProto *p)
{
    const char *name = tn_onnx_text(p->name);
    if (*name == '\0' && (im->scope != NULL || tn_onnx_find_function(im, p) != NULL))
        name = tn_strfmt(im->arena, "%s_%d", tn_onnx_text(p->op_type), index);
    return im->scope != NULL ? tn_strfmt(im->arena, "%s%s", im->scope, name) : name;
}

/* node 3 'layer1/relu' (Relu in function pkg.Layer) */
static const char *describe_node(const importer *im, int index, const NodeProto *p)
{
    const char *within = im->function != NULL ? tn_strfmt(im->arena, " in function %s", im->function->label) : "";
    return tn_strfmt(im->arena, "node %d '%s' (%s%s)", index, tn_onnx_name_in(im, index, p), tn_onnx_text(p->op_type),
                     within);
}

void tn_onnx_node_error(const importer *im, int index, const NodeProto *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tn_verror(im->diag, tn_strfmt(im->arena, "%s: %s: ", im->path, describe_node(im, index, p)), format, args);
    va_end(args);
}

/* --- attributes --------------------------------------------------------------------------------------------------- */

/* The oldest files leave the type out: it is the kind of the field that is there. */
attribute_type tn_onnx_attribute_type(const AttributeProto *p)
{
    if (p->has_type && p->type != TN_ONNX_ATTRIBUTE(UNDEFINED))
        return p->type;
    return p->has_f     ? TN_ONNX_ATTRIBUTE(FLOAT)
         : p->has_i     ? TN_ONNX_ATTRIBUTE(INT)
         : p->has_s     ? TN_ONNX_ATTRIBUTE(STRING)
         : p->t != NULL ? TN_ONNX_ATTRIBUTE(TENSOR)
         : p->n_floats  ? TN_ONNX_ATTRIBUTE(FLOATS)
         : p->n_ints    ? TN_ONNX_ATTRIBUTE(INTS)
         : p->n_strings ? TN_ONNX_ATTRIBUTE(STRINGS)
         : p->has_g     ? TN_ONNX_ATTRIBUTE(GRAPH)
                        : TN_ONNX_ATTRIBUTE(UNDEFINED);
}

/* How errors call this attribute's tensor. */
static const char *describe(importer *im, int index, const NodeProto *node, const char *attribute)
{
    return tn_strfmt(im->arena, "attribute '%s' of %s", attribute, describe_node(im, index, node));
}

static const char *text_of(importer *im, const ProtobufCBinaryData *s)
{
    return s->len > 0 ? tn_strndup(im->arena, (const char *)s->data, s->len) : "";
}

static bool read_attribute(importer *im, int index, const NodeProto *node, const AttributeProto *p, tn_attr *a)
{
    switch (tn_onnx_attribute_type(p)) {
    case TN_ONNX_ATTRIBUTE(INT):
        a->kind = TN_ATTR_INT;
        a->i = p->i;
        return true;
    case TN_ONNX_ATTRIBUTE(FLOAT):
        a->kind = TN_ATTR_FLOAT;
        a->f = p->f;
        return true;
    case TN_ONNX_ATTRIBUTE(STRING):
        a->kind = TN_ATTR_STRING;
        a->s = text_of(im, &p->s);
        return true;
    case TN_ONNX_ATTRIBUTE(STRINGS):
        a->kind = TN_ATTR_STRINGS;
        a->n = p->n_strings;
        a->strings = TN_NEW_N(im->arena, const char *, p->n_strings + 1);
        for (size_t i = 0; i < a->n; i++)
            a->strings[i] = text_of(im, &p->strings[i]);
        return true;
    case TN_ONNX_ATTRIBUTE(INTS):
        a->kind = TN_ATTR_INTS;
        a->n = p->n_ints;
        a->ints = p->ints;
        return true;
    case TN_ONNX_ATTRIBUTE(FLOATS):
        a->kind = TN_ATTR_FLOATS;
        a->n = p->n_floats;
        a->floats = p->floats;
        return true;
    case TN_ONNX_ATTRIBUTE(TENSOR):
        a->kind = TN_ATTR_TENSOR;
        if (p->t == NULL)
            tn_onnx_node_error(im, index, node, "attribute '%s' should hold a tensor and holds none", a->name);
        else
            a->tensor = tn_onnx_tensor(im, p->t, describe(im, index, node, a->name));
        return a->tensor != NULL;
    default: return false;
    }
}

/* Kinds that the graph has no place for: operators that need one find it absent. */
static bool is_skipped(const AttributeProto *p)
{
    switch (tn_onnx_attribute_type(p)) {
    case TN_ONNX_ATTRIBUTE(INT):
    case TN_ONNX_ATTRIBUTE(FLOAT):
    case TN_ONNX_ATTRIBUTE(STRING):
    case TN_ONNX_ATTRIBUTE(INTS):
    case TN_ONNX_ATTRIBUTE(FLOATS):
    case TN_ONNX_ATTRIBUTE(STRINGS):
    case TN_ONNX_ATTRIBUTE(TENSOR): return false;
    default: return true;
    }
}

static bool add_attribute(importer *im, tn_node *n, const NodeProto *node, const AttributeProto *p)
{
    const char *name = tn_onnx_text(p->name);
    if (p->ref_attr_name != NULL && *p->ref_attr_name != '\0') {
        tn_onnx_node_error(im, n->index, node, "attribute '%s' refers to an attribute of a function, and this is none",
                           name);
        return false;
    }
    if (p->has_type && (p->type < TN_ONNX_ATTRIBUTE(UNDEFINED) || p->type > TN_ONNX_ATTRIBUTE(TYPE_PROTOS))) {
        tn_onnx_node_error(im, n->index, node, "attribute '%s' has type number %d, which ONNX does not define", name,
                           (int)p->type);
        return false;
    }
    if (is_skipped(p))
        return true;
    if (tn_node_find_attr(n, name) != NULL) {
        tn_onnx_node_error(im, n->index, node, "attribute '%s' is given twice", name);
        return false;
    }
    tn_attr *a = &n->attr[n->n_attr];
    *a = (tn_attr){.name = name};
    if (!read_attribute(im, n->index, node, p, a))
        return false;
    n->n_attr++;
    return true;
}

static bool add_attributes(importer *im, tn_node *n, const NodeProto *p)
{
    if (p->n_attribute > MAX_ATTRIBUTES) {
        tn_onnx_node_error(im, n->index, p, "has %zu attributes; at most %d are supported", p->n_attribute,
                           MAX_ATTRIBUTES);
        return false;
    }
    n->attr = TN_NEW_N(im->arena, tn_attr, p->n_attribute);
    for (size_t i = 0; i < p->n_attribute; i++)
        if (!add_attribute(im, n, p, p->attribute[i]))
            return false;
    return true;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static bool is_taken(importer *im, const char *name, const char *what)
{
    if (tn_map_get(&im->values, name) != NULL)
        tn_error_at(im->diag, im->path, "%s '%s': another value has the same name", what, name);
    return tn_map_get(&im->values, name) != NULL;
}

tn_value *tn_onnx_find(const importer *im, const char *name)
{
    tn_value *v = NULL;
    for (; im != NULL && v == NULL; im = im->outer)
        v = tn_map_get(&im->values, name);
    return v;
}

static const char *scoped(const importer *im, const char *name)
{
    return im->scope != NULL ? tn_strfmt(im->arena, "%s%s", im->scope, name) : name;
}

/* A function's output is the caller's value. */
tn_value *tn_onnx_define(importer *im, const char *name, const char *what)
{
    if (is_taken(im, name, what))
        return NULL;
    tn_value *v = tn_map_get(&im->results, name);
    if (v == NULL)
        v = tn_graph_add_value(im->graph, scoped(im, name));
    tn_map_put(im->arena, &im->values, name, v);
    return v;
}

tn_value *tn_onnx_define_constant(importer *im, const char *name, const tn_tensor *t, const char *what)
{
    if (is_taken(im, name, what))
        return NULL;
    tn_value *v = tn_graph_add_constant(im->graph, scoped(im, name), t);
    tn_map_put(im->arena, &im->values, name, v);
    return v;
}

/* --- Constant nodes ----------------------------------------------------------------------------------------------- */

static tn_tensor *wrap(importer *im, tn_dtype dtype, bool is_list, size_t n, const void *data)
{
    int64_t dims[1] = {(int64_t)n};
    tn_shape shape = tn_shape_fixed(is_list ? 1 : 0, dims);
    tn_tensor *t = tn_tensor_make(im->arena, dtype, &shape);
    if (t->bytes > 0)
        memcpy(t->data, data, t->bytes);
    return t;
}

static tn_tensor *strings_of(importer *im, const AttributeProto *p)
{
    tn_shape s = tn_shape_fixed(1, (const int64_t[]){(int64_t)p->n_strings});
    const char **items = TN_NEW_N(im->arena, const char *, p->n_strings + 1);
    for (size_t i = 0; i < p->n_strings; i++)
        items[i] = text_of(im, &p->strings[i]);
    return tn_tensor_of_strings(im->arena, &s, items);
}

static tn_tensor *constant_of(importer *im, int index, const NodeProto *node, const AttributeProto *p)
{
    const char *name = tn_onnx_text(p->name);
    if (strcmp(name, "value") == 0 && p->t != NULL)
        return tn_onnx_tensor(im, p->t, describe(im, index, node, name));
    if (strcmp(name, "value_float") == 0)
        return wrap(im, TN_FLOAT, false, 1, &p->f);
    if (strcmp(name, "value_floats") == 0)
        return wrap(im, TN_FLOAT, true, p->n_floats, p->floats);
    if (strcmp(name, "value_int") == 0)
        return wrap(im, TN_INT64, false, 1, &p->i);
    if (strcmp(name, "value_ints") == 0)
        return wrap(im, TN_INT64, true, p->n_ints, p->ints);
    if (strcmp(name, "value_string") == 0)
        return tn_tensor_of_strings(im->arena, &(tn_shape){.known = true}, (const char *[]){text_of(im, &p->s)});
    if (strcmp(name, "value_strings") == 0)
        return strings_of(im, p);
    tn_onnx_node_error(im, index, node, "a Constant given by attribute '%s' is not supported", name);
    return NULL;
}

static bool add_constant(importer *im, int index, const NodeProto *p)
{
    if (p->n_attribute != 1 || p->n_output != 1 || p->n_input != 0) {
        tn_onnx_node_error(im, index, p, "has %zu attributes, %zu inputs and %zu outputs; Constant has 1, 0 and 1",
                           p->n_attribute, p->n_input, p->n_output);
        return false;
    }
    const tn_tensor *t = constant_of(im, index, p, p->attribute[0]);
    return t != NULL && tn_onnx_define_constant(im, p->output[0], t, "output of Constant") != NULL;
}

/* --- all others --------------------------------------------------------------------------------------------------- */

static int count_used(size_t n, char *const *names)
{
    while (n > 0 && *names[n - 1] == '\0')
        n--;
    return (int)n;
}

/* maker: NULL where it is not known yet. */
static bool define_outputs(importer *im, int index, const NodeProto *p, int n, tn_node *maker)
{
    for (int i = 0; i < n; i++) {
        if (*p->output[i] == '\0')
            continue;
        if (tn_map_get(&im->values, p->output[i]) != NULL) {
            tn_onnx_node_error(im, index, p, "output '%s': another value has the same name", p->output[i]);
            return false;
        }
        tn_value *v = tn_onnx_define(im, p->output[i], "output");
        if (maker != NULL) {
            v->maker = maker;
            maker->out[i] = v;
        }
    }
    return true;
}

/* A node of the file, which Constant is not; one that calls a function has no tn_node of its own. */
typedef struct entry {
    int index;
    const NodeProto *proto;
    tn_node *node;            /* NULL: a call */
    const function *function; /* that is called */
} entry;

static bool add_node(importer *im, entry *e)
{
    const NodeProto *p = e->proto;
    const tn_op *op = tn_onnx_find_op(p);
    /* An operator with any number of outputs, such as Split, counts the omitted ones. */
    int n_out = op->max_out < 0 ? (int)p->n_output : count_used(p->n_output, p->output);
    const char *name = tn_onnx_name_in(im, e->index, p);
    tn_node *n = tn_graph_make_node(im->graph, op, name, count_used(p->n_input, p->input), n_out);
    n->index = e->index;
    n->function = im->function != NULL ? im->function->label : NULL;
    n->version = tn_onnx_version_of(im, p);
    e->node = n;
    if (n->version < 1) {
        tn_onnx_node_error(im, e->index, p, "the %s does not say which opset of ai.onnx it uses",
                           im->function != NULL ? "function" : "model");
        return false;
    }
    return add_attributes(im, n, p) && define_outputs(im, e->index, p, n_out, n);
}

static bool add_entry(importer *im, entry *e)
{
    e->function = tn_onnx_find_function(im, e->proto);
    if (e->function == NULL)
        return add_node(im, e);
    return define_outputs(im, e->index, e->proto, (int)e->proto->n_output, NULL);
}

/* --- subgraphs ---------------------------------------------------------------------------------------------------- */

static void add_operand(importer *im, tn_value_vec *list, tn_value *v)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i] == v)
            return;
    *TN_PUSH(im->arena, *list) = v;
}

/* The values of a body come after all that it can see of the graphs around it: ids from `first` on. */
static void note_outside(importer *im, int first, tn_value_vec *list, tn_value *v)
{
    if (v != NULL && v->constant == NULL && v->id < first)
        add_operand(im, list, v);
}

/* What the body reads of outside, each once: operands of its node, so that its makers come before it. */
static void find_outside(importer *im, const tn_subgraph *b, int first, tn_value_vec *list)
{
    for (size_t i = 0; i < b->nodes.n; i++)
        for (int k = 0; k < b->nodes.items[i]->n_in; k++)
            note_outside(im, first, list, b->nodes.items[i]->in[k]);
    for (size_t i = 0; i < b->outputs.n; i++)
        note_outside(im, first, list, b->outputs.items[i]);
}

/* The operands are as many as the body has inputs, omitted ones too; for If, which hands none on, those there are. */
static void add_operands(importer *im, tn_node *n, int own, const tn_value_vec *outside)
{
    tn_value **in = TN_NEW_N(im->arena, tn_value *, (size_t)own + outside->n + 1);
    for (int i = 0; i < own && i < n->n_in; i++)
        in[i] = n->in[i];
    for (size_t i = 0; i < outside->n; i++)
        in[(size_t)own + i] = outside->items[i];
    n->in = in;
    n->n_in = own + (int)outside->n;
}

static bool add_bodies(importer *im, const entry *e)
{
    const NodeProto *p = e->proto;
    tn_node *n = e->node;
    tn_value_vec outside = {0};
    int own = n->n_in;
    for (size_t i = 0; n->op->has_bodies && i < p->n_attribute; i++) {
        if (!p->attribute[i]->has_g || tn_onnx_attribute_type(p->attribute[i]) != TN_ONNX_ATTRIBUTE(GRAPH))
            continue; /* what is there beside another kind counts as that kind */
        if (tn_node_find_attr(n, tn_onnx_text(p->attribute[i]->name)) != NULL) {
            tn_onnx_node_error(im, e->index, p, "attribute '%s' is given twice", tn_onnx_text(p->attribute[i]->name));
            return false;
        }
        tn_attr *a = &n->attr[n->n_attr++];
        *a = (tn_attr){.name = tn_onnx_text(p->attribute[i]->name), .kind = TN_ATTR_BODY};
        int first = (int)im->graph->values.n;
        a->body = tn_onnx_body(im, p->attribute[i]);
        if (a->body == NULL)
            return false;
        own = (int)a->body->inputs.n > own ? (int)a->body->inputs.n : own;
        find_outside(im, a->body, first, &outside);
    }
    if (n->op->has_bodies)
        add_operands(im, n, own, &outside);
    return true;
}

/* --- entry -------------------------------------------------------------------------------------------------------- */

tn_value *tn_onnx_find_input(const importer *im, int index, const NodeProto *p, int i)
{
    tn_value *v = tn_onnx_find(im, p->input[i]);
    if (v == NULL)
        tn_onnx_node_error(im, index, p,
                           "input %d '%s' is not defined: no input, constant or node output has that name", i,
                           p->input[i]);
    return v;
}

/* What the caller of a function omits is omitted here too. */
static bool link_inputs(importer *im, const entry *e)
{
    tn_node *n = e->node;
    for (int i = 0; i < n->n_in; i++) {
        if (*e->proto->input[i] == '\0')
            continue;
        n->in[i] = tn_onnx_find_input(im, e->index, e->proto, i);
        if (n->in[i] == NULL)
            return false;
        if (n->in[i] == &im->functions->omitted)
            n->in[i] = NULL;
    }
    while (n->n_in > 0 && n->in[n->n_in - 1] == NULL)
        n->n_in--;
    return true;
}

/* The nodes, in the order of the file; for a call, those of the function. */
static bool place_entry(importer *im, const entry *e)
{
    if (e->node == NULL)
        return tn_onnx_call_function(im, e->index, e->proto, e->function);
    *TN_PUSH(im->arena, *im->nodes) = e->node;
    return link_inputs(im, e);
}

/* First all names are defined: files are met whose nodes are in no order. */
bool tn_onnx_add_nodes(importer *im)
{
    const GraphProto *g = im->proto;
    entry *entries = TN_NEW_N(im->arena, entry, g->n_node + 1);
    size_t n = 0;
    for (size_t i = 0; i < g->n_node; i++) {
        const NodeProto *p = tn_onnx_follow_attributes(im, (int)i, g->node[i]);
        if (p == NULL)
            return false;
        entries[n] = (entry){.index = (int)i, .proto = p};
        if (!(tn_onnx_is_constant(p) ? add_constant(im, (int)i, p) : add_entry(im, &entries[n++])))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!place_entry(im, &entries[i]))
            return false;
    for (size_t i = 0; i < n; i++)
        if (entries[i].node != NULL && !add_bodies(im, &entries[i]))
            return false;
    return true;
}
