/* The graph's inputs: their types, and shapes made of the file's dims and of --input-shapes; those that --const fixes
   become constants.

   An option replaces the whole shape of its input, fixed dims included; inference then finds out whether the model
   takes it. A name that stands for a replaced dim has the same size wherever else it occurs in the inputs. A batch that
   nothing bounds (the first dim of several, and its name wherever else it stands) is compiled for 1, and a note says so: that is
   what who exports one means on a board. Any other dim that nothing bounds is an error once C is made of the model. */
#include "onnx/importer.h"
#include "ops/ops.h"

typedef struct inputs {
    importer *im;
    shape_option_vec options;
    const_option_vec consts;
} inputs;

/* --- notes -------------------------------------------------------------------------------------------------------- */

static void report_note(importer *im, const char *text)
{
    tn_note(im->diag, tn_strfmt(im->arena, "%s: ", im->path), "%s", text);
}

typedef TnOnnx__TensorShapeProto__Dimension Dimension;

static bool is_fixed(const Dimension *d)
{
    /* -1 is how older exporters say "not known". */
    return d->value_case == TN_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value != -1;
}

static const char *param_of(const Dimension *d)
{
    return d->value_case == TN_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM ? tn_onnx_text(d->dim_param) : "";
}

/* The option that would bound this input's dims, ready to be copied: x:[N<=8,3,224,224] */
static const char *suggest_option(importer *im, const char *name, const TensorShapeProto *s)
{
    tn_str out = {.arena = im->arena};
    tn_str_add(&out, "%s:[", name);
    for (size_t i = 0; i < s->n_dim; i++) {
        const char *param = param_of(s->dim[i]);
        tn_str_add(&out, "%s", i > 0 ? "," : "");
        if (is_fixed(s->dim[i]))
            tn_str_add(&out, "%lld", (long long)s->dim[i]->dim_value);
        else if (tn_is_identifier(param))
            tn_str_add(&out, "%s<=8", param);
        else
            tn_str_add(&out, "d%zu<=8", i);
    }
    tn_str_add(&out, "]");
    return out.text;
}

static const TensorShapeProto *find_shape(const ValueInfoProto *info)
{
    const TypeProto *t = info->type;
    if (t == NULL || t->value_case != TN_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || t->tensor_type == NULL)
        return NULL;
    return t->tensor_type->shape;
}

/* The first of several dims, or called as such a dim of another input. */
static bool is_batch(const importer *im, const TensorShapeProto *s, size_t i)
{
    const char *param = param_of(s->dim[i]);
    bool found = i == 0 && s->n_dim > 1;
    for (size_t k = 0; k < im->model->graph->n_input && *param != '\0' && !found; k++) {
        const TensorShapeProto *other = find_shape(im->model->graph->input[k]);
        found = other != NULL && other->n_dim > 1 && strcmp(param_of(other->dim[0]), param) == 0;
    }
    return found;
}

static void report_unbounded(importer *im, const char *name, const TensorShapeProto *s, size_t i)
{
    const char *param = param_of(s->dim[i]);
    const char *what = tn_strfmt(im->arena, "input '%s' dim %zu '%s' is symbolic and has no bound", name, i,
                                 *param != '\0' ? param : "?");
    const char *option = suggest_option(im, name, s);
    if (is_batch(im, s, i)) {
        report_note(im,
                    tn_strfmt(im->arena, "%s: compiled for 1 (give a bound with --input-shapes \"%s\")", what, option));
        return;
    }
    *TN_PUSH(im->arena, im->graph->unbounded) =
        tn_strfmt(im->arena, "%s: give one, or its size, with --input-shapes \"%s\"", what, option);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

/* What an input is: a tensor, a sequence of tensors, an optional that may hold either, or a map. */
typedef struct input_type {
    const TnOnnx__TypeProto__Tensor *tensor; /* or of each element, each value */
    bool is_sequence, is_optional, is_map;
} input_type;

static void bad_type(importer *im, const ValueInfoProto *info, const TypeProto *t)
{
    static const char *const kinds[] = {
        [TN_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE] = "a tensor",
        [TN_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE] = "a sequence",
        [TN_ONNX__TYPE_PROTO__VALUE_MAP_TYPE] = "a map",
        [TN_ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE] = "opaque",
        [TN_ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE] = "a sparse tensor",
        [TN_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE] = "an optional",
    };
    size_t kind = t != NULL ? (size_t)t->value_case : 0;
    bool named = kind < sizeof kinds / sizeof *kinds && kinds[kind] != NULL, inside = t != info->type;
    tn_error_at(
        im->diag, im->path,
        "input '%s' %s%s%s; inputs must be tensors of a known element type, sequences or optionals of such, or maps",
        tn_onnx_text(info->name),
        inside  ? "holds "
        : named ? "is "
                : "has no type",
        named ? kinds[kind] : "", inside && !named ? "what has no type" : "");
}

/* The type inside a sequence or an optional; NULL when there is none. */
static const TypeProto *unpack_type(importer *im, const ProtobufCBinaryData *bytes)
{
    ProtobufCAllocator allocator = tn_onnx_allocator(im->arena);
    return tn_onnx__type_proto__unpack(&allocator, bytes->len, bytes->data);
}

static bool find_type(importer *im, const ValueInfoProto *info, input_type *out)
{
    const TypeProto *t = info->type;
    *out = (input_type){0};
    if (t != NULL && t->value_case == TN_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE && t->optional_type != NULL) {
        out->is_optional = true;
        t = unpack_type(im, &t->optional_type->elem_type);
    }
    if (t != NULL && t->value_case == TN_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE && t->sequence_type != NULL) {
        out->is_sequence = true;
        t = unpack_type(im, &t->sequence_type->elem_type);
    }
    if (t != NULL && t == info->type && t->value_case == TN_ONNX__TYPE_PROTO__VALUE_MAP_TYPE && t->map_type != NULL) {
        out->is_map = true;
        t = unpack_type(im, &t->map_type->value_type);
    }
    out->tensor = t != NULL && t->value_case == TN_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? t->tensor_type : NULL;
    if (out->tensor == NULL)
        bad_type(im, info, t);
    return out->tensor != NULL;
}

/* --- shapes ------------------------------------------------------------------------------------------------------- */

static const shape_option *find_option(const inputs *s, const char *name)
{
    for (size_t i = 0; i < s->options.n; i++)
        if (strcmp(s->options.items[i].input, name) == 0)
            return &s->options.items[i];
    return NULL;
}

static const tn_dim *find_binding(const importer *im, const char *param)
{
    if (*param == '\0')
        return NULL;
    const tn_dim *bound = tn_map_get(&im->dims, param);
    return bound != NULL ? bound : tn_dim_find(&im->graph->symbols, param);
}

/* The names of this input's dims take the sizes that its option gives them. */
static bool bind_names(inputs *s, const char *name, const TensorShapeProto *file, const shape_option *o)
{
    importer *im = s->im;
    if (file->n_dim != (size_t)o->shape.rank) {
        tn_bad_option(im->diag, im->path, "--input-shapes gives input '%s' %d dims; the model has %zu: %s", name,
                      o->shape.rank, file->n_dim, suggest_option(im, name, file));
        return false;
    }
    for (size_t i = 0; i < file->n_dim; i++) {
        const char *param = param_of(file->dim[i]);
        const tn_dim *before = *param != '\0' ? tn_map_get(&im->dims, param) : NULL;
        if (before != NULL && !tn_dim_same(*before, o->shape.dim[i])) {
            tn_bad_option(im->diag, im->path,
                          "--input-shapes gives '%s' two sizes: %s, and %s at dim %zu of input '%s'", param,
                          tn_dim_text(im->arena, *before), tn_dim_text(im->arena, o->shape.dim[i]), i, name);
            return false;
        }
        if (before == NULL && *param != '\0') {
            tn_dim *bound = TN_NEW(im->arena, tn_dim);
            *bound = o->shape.dim[i];
            tn_map_put(im->arena, &im->dims, param, bound);
        }
    }
    return true;
}

static bool read_dim(inputs *s, const char *name, const TensorShapeProto *file, size_t i, tn_dim *out)
{
    const Dimension *d = file->dim[i];
    if (is_fixed(d)) {
        if (d->dim_value < 0 || d->dim_value > TN_DIM_MAX) {
            tn_error_at(s->im->diag, s->im->path, "input '%s' has dim %zu of %lld", name, i, (long long)d->dim_value);
            return false;
        }
        *out = tn_dim_fixed(d->dim_value);
        return true;
    }
    const tn_dim *bound = find_binding(s->im, param_of(d));
    *out = bound != NULL ? *bound : tn_dim_fixed(1);
    if (bound == NULL)
        report_unbounded(s->im, name, file, i);
    if (bound == NULL && *param_of(d) != '\0') { /* said once for each name */
        tn_dim *one = TN_NEW(s->im->arena, tn_dim);
        *one = *out;
        tn_map_put(s->im->arena, &s->im->dims, param_of(d), one);
    }
    return true;
}

static bool read_shape(inputs *s, const char *name, const TensorShapeProto *file, tn_shape *out)
{
    importer *im = s->im;
    if (file == NULL) {
        tn_error_at(im->diag, im->path,
                    "input '%s' has no shape in the file: give one with --input-shapes "
                    "\"%s:[...]\"",
                    name, name);
        return false;
    }
    if (file->n_dim > TN_MAX_RANK) {
        tn_error_at(im->diag, im->path, "input '%s' has %zu dims; at most %d are supported", name, file->n_dim,
                    TN_MAX_RANK);
        return false;
    }
    *out = (tn_shape){.known = true, .rank = (int)file->n_dim};
    for (size_t i = 0; i < file->n_dim; i++)
        if (!read_dim(s, name, file, i, &out->dim[i]))
            return false;
    if (tn_shape_count(out) < TN_DIM_MAX)
        return true;
    tn_error_at(im->diag, im->path, "input '%s' has 2^40 elements or more", name);
    return false;
}

static const const_option *find_const(const inputs *s, const char *name)
{
    for (size_t i = 0; i < s->consts.n; i++)
        if (strcmp(s->consts.items[i].input, name) == 0)
            return &s->consts.items[i];
    return NULL;
}

/* The file's shape; its only dim may be open, and then the values tell. */
static bool add_const(inputs *s, const const_option *o, tn_dtype dtype, const TensorShapeProto *file)
{
    importer *im = s->im;
    tn_shape shape = {.known = true, .rank = 1};
    if (dtype == TN_STRING) {
        tn_bad_option(im->diag, im->path, "--const \"%s\": input '%s' has strings; numbers are supported", o->text,
                      o->input);
        return false;
    }
    if (file != NULL && file->n_dim == 1 && !is_fixed(file->dim[0]))
        shape.dim[0] = tn_dim_fixed(tn_onnx_const_count(o));
    else if (!read_shape(s, o->input, file, &shape))
        return false;
    if (!tn_shape_is_fixed(&shape)) {
        tn_bad_option(im->diag, im->path, "--const \"%s\": input '%s' is %s; a constant has a fixed shape", o->text,
                      o->input, tn_type_text(im->arena, dtype, &shape));
        return false;
    }
    const tn_tensor *t = tn_onnx_const_value(im, o, dtype, &shape);
    return t != NULL && tn_onnx_define_constant(im, o->input, t, "input") != NULL;
}

static bool define_input(inputs *s, const char *name, tn_dtype dtype, const tn_shape *shape)
{
    importer *im = s->im;
    tn_value *v = tn_onnx_define(im, name, "input");
    if (v == NULL)
        return false;
    v->dtype = dtype;
    v->shape = *shape;
    v->is_input = true;
    if (dtype == TN_STRING) {
        const int64_t bytes = im->options != NULL ? im->options->string_bytes : 0;
        if (shape->rank == TN_MAX_RANK) {
            tn_error_at(im->diag, im->path, "input '%s' has strings of rank %d; at most %d is supported", name,
                        shape->rank, TN_MAX_RANK - 1);
            return false;
        }
        v->dtype = TN_UINT8;
        v->is_text = true;
        v->shape.dim[v->shape.rank++] = tn_dim_fixed(bytes > 0 ? bytes : TN_ONNX_STRING_BYTES);
    }
    *TN_PUSH(im->arena, im->graph->inputs) = v;
    return true;
}

/* The node that makes a sequence, or an optional, of that name. */
static bool define_list(inputs *s, const char *name, const char *op, size_t n, tn_value *const *items)
{
    importer *im = s->im;
    tn_node *node = tn_graph_make_node(im->graph, tn_op_find("", op), name, (int)n, 1);
    for (size_t i = 0; i < n; i++)
        node->in[i] = items[i];
    node->out[0] = tn_onnx_define(im, name, "input");
    if (node->out[0] == NULL)
        return false;
    node->out[0]->maker = node;
    node->version = TN_ONNX_MAX_OPSET;
    node->index = (int)(im->model->graph->n_node + im->nodes->n); /* for messages: no node of the file has it */
    *TN_PUSH(im->arena, *im->nodes) = node;
    return true;
}

/* NAME_0, NAME_1 ... as many as --input-shapes says. */
static bool add_sequence(inputs *s, const char *name, tn_dtype dtype, const TensorShapeProto *file,
                         const shape_option *o)
{
    importer *im = s->im;
    if (o == NULL || !o->is_list) {
        static const TensorShapeProto open = TN_ONNX__TENSOR_SHAPE_PROTO__INIT;
        const char *item = suggest_option(im, "", file != NULL ? file : &open) + 1;
        tn_error_at(im->diag, im->path,
                    "input '%s' is a sequence: say what it holds with --input-shapes \"%s:{%s,%s}\", the shape of each "
                    "element",
                    name, name, item, item);
        return false;
    }
    tn_value **items = TN_NEW_N(im->arena, tn_value *, o->n + 1);
    for (size_t i = 0; i < o->n; i++) {
        if (!define_input(s, tn_strfmt(im->arena, "%s_%zu", name, i), dtype, &o->items[i]))
            return false;
        items[i] = im->graph->inputs.items[im->graph->inputs.n - 1];
    }
    return define_list(s, name, o->n > 0 ? "SequenceConstruct" : "SequenceEmpty", o->n, items);
}

static bool add_tensor(inputs *s, const char *name, tn_dtype dtype, const TensorShapeProto *file, const shape_option *o)
{
    const const_option *fixed = find_const(s, name);
    tn_shape shape;
    if (fixed != NULL)
        return add_const(s, fixed, dtype, file);
    if (o != NULL)
        shape = o->shape;
    else if (!read_shape(s, name, file, &shape))
        return false;
    return define_input(s, name, dtype, &shape);
}

/* A map is the tensor of its values (ops/maps.c). */
static bool add_map(inputs *s, const char *name, tn_dtype dtype, const shape_option *o)
{
    importer *im = s->im;
    int64_t n = tn_onnx_map_size(im, name);
    tn_shape shape = o != NULL ? o->shape : tn_shape_fixed(1, &n);
    if (find_const(s, name) != NULL) {
        tn_bad_option(im->diag, im->path, "--const names '%s', which is a map; a constant is a tensor", name);
        return false;
    }
    if (shape.rank == 1 && (shape.dim[0].sym != NULL || (shape.dim[0].n >= 0 && shape.dim[0].n < TN_DIM_MAX)))
        return define_input(s, name, dtype, &shape);
    tn_error_at(
        im->diag, im->path,
        "input '%s' is a map, read by no DictVectorizer with a vocabulary: say how many values it has, which are "
        "given in the order of their keys, with --input-shapes \"%s:[N]\"",
        name, name);
    return false;
}

static bool add_input(inputs *s, const ValueInfoProto *info)
{
    importer *im = s->im;
    const char *name = tn_onnx_text(info->name);
    input_type t;
    tn_dtype dtype;
    if (!find_type(im, info, &t)
        || !tn_onnx_dtype(im, t.tensor->elem_type, tn_strfmt(im->arena, "input '%s'", name), &dtype))
        return false;
    const shape_option *o = find_option(s, name);
    bool lists = (o != NULL && (o->is_list || o->is_none)) || t.is_sequence;
    if (lists && find_const(s, name) != NULL) {
        tn_bad_option(im->diag, im->path, "--const names '%s', which is a sequence or empty; a constant is a tensor",
                      name);
        return false;
    }
    if (o != NULL && ((o->is_none && !t.is_optional) || (o->is_list && !t.is_sequence))) {
        tn_bad_option(im->diag, im->path, "--input-shapes says that input '%s' is %s; in the model it is %s", name,
                      o->is_none ? "none" : "a sequence", t.is_sequence ? "a sequence" : "a tensor");
        return false;
    }
    if (o != NULL && o->is_none)
        return define_list(s, name, "Optional", 0, NULL);
    if (t.is_map)
        return add_map(s, name, dtype, o);
    return (t.is_sequence ? add_sequence : add_tensor)(s, name, dtype, t.tensor->shape, o);
}

/* In files of IR version 3, constants are also listed as inputs. */
static bool is_constant(const importer *im, const ValueInfoProto *info)
{
    const tn_value *v = tn_map_get(&im->values, tn_onnx_text(info->name));
    return v != NULL && v->constant != NULL;
}

static const ValueInfoProto *find_input(const importer *im, const char *name)
{
    const GraphProto *p = im->model->graph;
    for (size_t i = 0; i < p->n_input; i++)
        if (strcmp(tn_onnx_text(p->input[i]->name), name) == 0 && !is_constant(im, p->input[i]))
            return p->input[i];
    return NULL;
}

static bool unknown_input(importer *im, const char *option, const char *name)
{
    const GraphProto *p = im->model->graph;
    tn_str list = {.arena = im->arena};
    for (size_t i = 0; i < p->n_input; i++)
        if (!is_constant(im, p->input[i]))
            tn_str_add(&list, "%s'%s'", list.len > 0 ? ", " : "", tn_onnx_text(p->input[i]->name));
    tn_bad_option(im->diag, im->path, "%s names '%s', which is no input of the model; its inputs: %s", option, name,
                  list.len > 0 ? list.text : "none");
    return false;
}

bool tn_onnx_add_inputs(importer *im)
{
    inputs s = {.im = im};
    const GraphProto *p = im->model->graph;
    if (!tn_onnx_parse_shapes(im, &s.options) || !tn_onnx_parse_consts(im, &s.consts))
        return false;
    for (size_t i = 0; i < s.consts.n; i++)
        if (find_input(im, s.consts.items[i].input) == NULL)
            return unknown_input(im, "--const", s.consts.items[i].input);
    for (size_t i = 0; i < s.options.n; i++) {
        const shape_option *o = &s.options.items[i];
        const ValueInfoProto *info = find_input(im, o->input);
        if (info == NULL)
            return unknown_input(im, "--input-shapes", o->input);
        const TensorShapeProto *file = find_shape(info);
        if (file != NULL && !o->is_list && !o->is_none && !bind_names(&s, o->input, file, o))
            return false;
    }
    for (size_t i = 0; i < p->n_input; i++)
        if (!is_constant(im, p->input[i]) && !add_input(&s, p->input[i]))
            return false;
    return true;
}

bool tn_onnx_add_body_inputs(importer *im)
{
    for (size_t i = 0; i < im->proto->n_input; i++)
        if (tn_onnx_define(im, tn_onnx_text(im->proto->input[i]->name), "input of a subgraph") == NULL)
            return false;
    return true;
}

/* --- what the file declares of other values ----------------------------------------------------------------------- */

/* False where the file leaves a dim open, or says what cannot be. */
static bool find_declared(const importer *im, const TensorShapeProto *file, tn_shape *out)
{
    if (file == NULL || file->n_dim > TN_MAX_RANK)
        return false;
    *out = (tn_shape){.known = true, .rank = (int)file->n_dim};
    for (size_t i = 0; i < file->n_dim; i++) {
        const Dimension *d = file->dim[i];
        const tn_dim *bound = is_fixed(d) ? NULL : find_binding(im, param_of(d));
        if (bound == NULL && (!is_fixed(d) || d->dim_value < 0 || d->dim_value >= TN_DIM_MAX))
            return false;
        out->dim[i] = bound != NULL ? *bound : tn_dim_fixed(d->dim_value);
    }
    return tn_shape_count(out) < TN_DIM_MAX;
}

static void declare(importer *im, size_t n, ValueInfoProto *const *info)
{
    for (size_t i = 0; i < n; i++) {
        tn_value *v = tn_map_get(&im->values, tn_onnx_text(info[i]->name));
        if (v != NULL && !v->declared.known && !find_declared(im, find_shape(info[i]), &v->declared))
            v->declared = (tn_shape){0};
    }
}

void tn_onnx_declare_shapes(importer *im)
{
    const GraphProto *p = im->proto;
    declare(im, p->n_output, p->output);
    declare(im, p->n_value_info, p->value_info);
}
