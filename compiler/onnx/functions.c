/* Functions of the model. A call is replaced by the nodes of the function while nodes are added, so that nothing behind the
   importer knows of functions:

       y = pkg.Scale<slope=2.0>(x)             "f/k" = Constant<value_float=2.0>()
       pkg.Scale<slope>(a) => b {       ->     "y" = Mul("x", "f/k")                    f: the name of the call
           k = Constant<value_float=@slope>()
           b = Mul(a, k)
       }

   Operands and results of the call are the values of the caller; values inside are called CALL/NAME, and so are nodes. An
   operand that the call omits is omitted inside. A result that no node of the function makes (an input that is handed through,
   a Constant) is a copy. */
#include "onnx/importer.h"
#include "ops/ops.h"

/* --- which there are ------------------------------------------------------------------------------------------------- */

const char *tn_onnx_label(const importer *im, const char *domain, const char *name, const char *overload)
{
    const char *label = *domain == '\0' ? name : tn_strfmt(im->arena, "%s.%s", domain, name);
    return *overload == '\0' ? label : tn_strfmt(im->arena, "%s:%s", label, overload);
}

static bool read_opsets(importer *im, function *f)
{
    return tn_onnx_read_opsets(im, f->proto->n_opset_import, f->proto->opset_import,
                               tn_strfmt(im->arena, "function %s", f->label), &f->opsets);
}

static function *make_function(importer *im, const FunctionProto *p)
{
    function *f = TN_NEW(im->arena, function);
    f->proto = p;
    f->label = tn_onnx_label(im, tn_onnx_domain(p->domain), tn_onnx_text(p->name), tn_onnx_text(p->overload));
    f->body = (GraphProto)TN_ONNX__GRAPH_PROTO__INIT;
    f->body.n_node = p->n_node;
    f->body.node = p->node;
    f->body.n_value_info = p->n_value_info;
    f->body.value_info = p->value_info;
    return f;
}

bool tn_onnx_read_functions(importer *im)
{
    im->functions = TN_NEW(im->arena, functions);
    for (size_t i = 0; i < im->model->n_functions; i++) {
        const FunctionProto *p = im->model->functions[i];
        function *f = make_function(im, p);
        if (tn_map_get(&im->functions->by_label, f->label) != NULL) {
            tn_error_at(im->diag, im->path, "function %s is there twice", f->label);
            return false;
        }
        if (!read_opsets(im, f))
            return false;
        tn_map_put(im->arena, &im->functions->by_label, f->label, f);
        tn_map_put(im->arena, &im->functions->by_name,
                   tn_onnx_label(im, tn_onnx_domain(p->domain), tn_onnx_text(p->name), ""), f);
    }
    return true;
}

function *tn_onnx_find_function(const importer *im, const NodeProto *p)
{
    if (im->model->n_functions == 0)
        return NULL;
    return tn_map_get(&im->functions->by_label,
                      tn_onnx_label(im, tn_onnx_domain_of(p), tn_onnx_text(p->op_type), tn_onnx_text(p->overload)));
}

const char *tn_onnx_other_overload(const importer *im, const NodeProto *p)
{
    const function *f =
        tn_map_get(&im->functions->by_name, tn_onnx_label(im, tn_onnx_domain_of(p), tn_onnx_text(p->op_type), ""));
    return f != NULL ? f->label : NULL;
}

/* --- attributes ------------------------------------------------------------------------------------------------------ */

static const AttributeProto *find_attribute(size_t n, AttributeProto *const *list, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(tn_onnx_text(list[i]->name), name) == 0)
            return list[i];
    return NULL;
}

static bool has_attribute(const function *f, const char *name)
{
    for (size_t i = 0; i < f->proto->n_attribute; i++)
        if (strcmp(f->proto->attribute[i], name) == 0)
            return true;
    return find_attribute(f->proto->n_attribute_proto, f->proto->attribute_proto, name) != NULL;
}

static bool check_attributes(importer *im, int index, const NodeProto *p, const function *f)
{
    for (size_t i = 0; i < p->n_attribute; i++) {
        const char *name = tn_onnx_text(p->attribute[i]->name);
        if (find_attribute(i, p->attribute, name) != NULL) {
            tn_onnx_node_error(im, index, p, "attribute '%s' is given twice", name);
            return false;
        }
        if (!has_attribute(f, name)) {
            tn_onnx_node_error(im, index, p, "attribute '%s' is given; function %s has none of that name", name,
                               f->label);
            return false;
        }
    }
    return true;
}

/* As the text form of ONNX calls them, by number. */
static const char *type_name(attribute_type t)
{
    static const char *const names[] = {
        "undefined", "float",   "int",    "string",        "tensor",         "graph",      "floats",     "ints",
        "strings",   "tensors", "graphs", "sparse_tensor", "sparse_tensors", "type_proto", "type_protos"};
    return (size_t)t < sizeof names / sizeof *names ? names[t] : "of a type that ONNX does not define";
}

/* What attribute a of a node in the function is: the call's, else the function's own; *out NULL: it is left out. */
static bool follow(importer *im, int index, const NodeProto *p, const AttributeProto *a, AttributeProto **out)
{
    const function *f = im->function;
    const char *name = tn_onnx_text(a->ref_attr_name);
    const AttributeProto *given = find_attribute(im->call->n_attribute, im->call->attribute, name);
    if (given == NULL)
        given = find_attribute(f->proto->n_attribute_proto, f->proto->attribute_proto, name);
    *out = NULL;
    if (given == NULL) {
        if (!has_attribute(f, name))
            tn_onnx_node_error(im, index, p, "attribute '%s' refers to attribute '%s', which the function has not",
                               tn_onnx_text(a->name), name);
        return has_attribute(f, name);
    }
    attribute_type wanted = tn_onnx_attribute_type(a), found = tn_onnx_attribute_type(given);
    if (wanted != found && wanted != TN_ONNX_ATTRIBUTE(UNDEFINED)) {
        tn_onnx_node_error(im, index, p, "attribute '%s' refers to attribute '%s', which is %s; %s is wanted",
                           tn_onnx_text(a->name), name, type_name(found), type_name(wanted));
        return false;
    }
    *out = TN_NEW(im->arena, AttributeProto);
    **out = *given;
    (*out)->name = a->name;
    return true;
}

static bool is_reference(const AttributeProto *a)
{
    return *tn_onnx_text(a->ref_attr_name) != '\0';
}

const NodeProto *tn_onnx_follow_attributes(importer *im, int index, const NodeProto *p)
{
    size_t references = 0;
    for (size_t i = 0; im->function != NULL && i < p->n_attribute; i++)
        references += is_reference(p->attribute[i]);
    if (references == 0)
        return p;
    NodeProto *q = TN_NEW(im->arena, NodeProto);
    *q = *p;
    q->attribute = TN_NEW_N(im->arena, AttributeProto *, p->n_attribute);
    q->n_attribute = 0;
    for (size_t i = 0; i < p->n_attribute; i++) {
        AttributeProto *a = p->attribute[i];
        if (is_reference(a) && !follow(im, index, p, a, &a))
            return NULL;
        if (a != NULL)
            q->attribute[q->n_attribute++] = a;
    }
    return q;
}

/* --- calls ----------------------------------------------------------------------------------------------------------- */

/* No file can make the importer recurse until the stack ends, or a few calls become more nodes than any machine holds. */
static bool check_size(importer *im, int index, const NodeProto *p, const function *f)
{
    enum { MOST_NODES = 1 << 18 };
    im->functions->nodes += f->proto->n_node + 1;
    if (im->functions->nodes > MOST_NODES)
        tn_onnx_node_error(im, index, p,
                           "the functions that are called have more than %d nodes together, which is not supported",
                           (int)MOST_NODES);
    else if (im->depth >= TN_ONNX_MAX_DEPTH)
        tn_onnx_node_error(im, index, p,
                           "more than %d functions and subgraphs inside each other, which is not supported",
                           (int)TN_ONNX_MAX_DEPTH);
    return im->functions->nodes <= MOST_NODES && im->depth < TN_ONNX_MAX_DEPTH;
}

static bool check_arity(importer *im, int index, const NodeProto *p, const function *f)
{
    bool in = p->n_input > f->proto->n_input;
    if (!in && p->n_output <= f->proto->n_output)
        return true;
    tn_onnx_node_error(im, index, p, "has %zu %sputs; function %s has %zu", in ? p->n_input : p->n_output,
                       in ? "in" : "out", f->label, in ? f->proto->n_input : f->proto->n_output);
    return false;
}

/* The values of the caller get the names that they have in the function. */
static bool hand_inputs(const importer *im, int index, const NodeProto *p, importer *in)
{
    const FunctionProto *f = in->function->proto;
    for (size_t i = 0; i < f->n_input; i++) {
        tn_value *v = &im->functions->omitted;
        if (i < p->n_input && *p->input[i] != '\0')
            v = tn_onnx_find_input(im, index, p, (int)i);
        if (v == NULL)
            return false;
        if (tn_map_get(&in->values, f->input[i]) != NULL) {
            tn_error_at(im->diag, im->path, "function %s has two inputs '%s'", in->function->label, f->input[i]);
            return false;
        }
        tn_map_put(im->arena, &in->values, f->input[i], v);
    }
    return true;
}

static void hand_outputs(const importer *im, const NodeProto *p, importer *in)
{
    for (size_t i = 0; i < p->n_output; i++)
        if (*p->output[i] != '\0')
            tn_map_put(im->arena, &in->results, in->function->proto->output[i], tn_map_get(&im->values, p->output[i]));
}

static void copy_result(importer *in, int index, tn_value *from, tn_value *to)
{
    tn_node *n = tn_graph_make_node(in->graph, tn_op_find("", "Identity"), in->scope, 1, 1);
    n->index = index;
    n->version = TN_ONNX_MAX_OPSET;
    n->function = in->function->label;
    n->in[0] = from;
    n->out[0] = to;
    to->maker = n;
    *TN_PUSH(in->arena, *in->nodes) = n;
}

static bool take_outputs(importer *im, int index, const NodeProto *p, importer *in)
{
    for (size_t i = 0; i < p->n_output; i++) {
        const char *name = in->function->proto->output[i];
        tn_value *to = tn_map_get(&im->values, p->output[i]), *from = tn_map_get(&in->values, name);
        if (*p->output[i] == '\0' || from == to)
            continue;
        if (from == NULL || from == &im->functions->omitted) {
            tn_onnx_node_error(im, index, p, "output '%s' of function %s is %s", name, in->function->label,
                               from == NULL ? "made by none of its nodes" : "an input that is omitted here");
            return false;
        }
        copy_result(in, index, from, to);
    }
    return true;
}

bool tn_onnx_call_function(importer *im, int index, const NodeProto *p, const function *f)
{
    const char *name = tn_onnx_name_in(im, index, p);
    importer in = *im;
    if (!check_size(im, index, p, f) || !check_arity(im, index, p, f) || !check_attributes(im, index, p, f))
        return false;
    in.function = f;
    in.call = p;
    in.proto = &f->body;
    in.opsets = f->opsets;
    in.scope = tn_strfmt(im->arena, "%s/", name);
    in.outer = NULL;
    in.values = in.results = (tn_map){0};
    in.dims = (tn_map){0}; /* names of dims are the function's own */
    in.depth++;
    if (!hand_inputs(im, index, p, &in))
        return false;
    hand_outputs(im, p, &in);
    if (!tn_onnx_add_nodes(&in) || !take_outputs(im, index, p, &in))
        return false;
    tn_onnx_declare_shapes(&in);
    return true;
}
