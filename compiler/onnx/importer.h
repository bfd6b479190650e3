/* What the files of the importer share: the unpacked protobuf, and where to report. Only this folder includes it. */
#ifndef TN_ONNX_IMPORTER_H
#define TN_ONNX_IMPORTER_H

#include "base/map.h"
#include "onnx/onnx.h"
#include "onnx/onnx.pb-c.h"

typedef TnOnnx__ModelProto ModelProto;
typedef TnOnnx__GraphProto GraphProto;
typedef TnOnnx__NodeProto NodeProto;
typedef TnOnnx__FunctionProto FunctionProto;
typedef TnOnnx__OperatorSetIdProto OperatorSetIdProto;
typedef TnOnnx__AttributeProto AttributeProto;
typedef TnOnnx__TensorProto TensorProto;
typedef TnOnnx__SparseTensorProto SparseTensorProto;
typedef TnOnnx__TypeProto TypeProto;
typedef TnOnnx__TensorShapeProto TensorShapeProto;
typedef TnOnnx__ValueInfoProto ValueInfoProto;

typedef TnOnnx__AttributeProto__AttributeType attribute_type;
#define TN_ONNX_ATTRIBUTE(type) TN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##type

/* No file can make the importer recurse until the stack ends: functions and subgraphs inside each other. */
enum { TN_ONNX_MAX_DEPTH = 32 };

/* A function of the model. */
typedef struct function {
    const FunctionProto *proto;
    const char *label; /* tn_onnx_label */
    GraphProto body;   /* its nodes, and what it declares of their values */
    tn_map opsets;     /* as importer.opsets */
    enum { UNCHECKED, CHECKING, CHECKED } state;
} function;

typedef struct functions {
    tn_map by_label;  /* tn_onnx_label -> function */
    tn_map by_name;   /* the same without overloads: the last one of that name */
    size_t nodes;     /* of all calls so far, and calls */
    tn_value omitted; /* stands for an input that a call omits */
} functions;

typedef struct importer {
    tn_arena *arena;
    tn_diag *diag;
    const char *path;               /* of the model, for messages and external data */
    const tn_onnx_options *options; /* may be NULL */
    const ModelProto *model;        /* in the arena; NULL while a single tensor is read */
    tn_graph *graph;
    const GraphProto *proto;      /* what is read: the model's graph, or a subgraph in it */
    tn_node_vec *nodes;           /* where its nodes go */
    const struct importer *outer; /* of the graph around a subgraph; NULL */
    tn_map values;                /* name -> tn_value, of this graph */
    tn_map opsets;                /* domain -> OperatorSetIdProto, ai.onnx being "" */
    tn_map dims;                  /* dim_param of an input -> tn_dim that --input-shapes gave it */
    tn_map *graphs;               /* address of a subgraph's bytes, as text -> GraphProto */
    functions *functions;         /* of the model */
    const function *function;     /* whose body is read, for this call; NULL: the model's graph is */
    const NodeProto *call;
    const char *scope; /* what names of its values and nodes begin with, "layer1/"; NULL: "" */
    tn_map results;    /* names of the function's outputs -> the caller's values */
    int depth;         /* of functions and subgraphs */
} importer;

/* Absent strings of the file are NULL; names are compared as "". */
static inline const char *tn_onnx_text(const char *s)
{
    return s != NULL ? s : "";
}

/* "ai.onnx" and "" are one domain. */
static inline const char *tn_onnx_domain(const char *s)
{
    return s == NULL || strcmp(s, "ai.onnx") == 0 ? "" : s;
}

/* proto_tensor.c. `what` names the tensor in messages: "initializer 'conv1.weight'". NULL after an error. */
tn_tensor *tn_onnx_tensor(importer *im, const TensorProto *p, const char *what);
tn_tensor *tn_onnx_sparse_tensor(importer *im, const SparseTensorProto *p, const char *what);
bool tn_onnx_dtype(importer *im, int32_t number, const char *what, tn_dtype *out);
void tn_onnx_from_little_endian(void *data, size_t bytes, int size); /* in place; does nothing on most hosts */

ProtobufCAllocator tn_onnx_allocator(tn_arena *a); /* unpacks into the arena; freeing does nothing */

/* external.c. The bytes of a tensor that the model keeps in another file; NULL after an error. */
void *tn_onnx_external(importer *im, const TensorProto *p, size_t bytes, const char *what);

/* maps.c. How many values the input, which is a map, has; -1 where the operator that reads it does not say. */
int64_t tn_onnx_map_size(const importer *im, const char *name);

/* inputs.c. Adds the graph's inputs (all but the constants), with their types, and shapes as the options say. */
bool tn_onnx_add_inputs(importer *im);
bool tn_onnx_add_body_inputs(importer *im); /* of a subgraph: types come with the operands */
/* Notes at each value the shape that the file declares for it, where its dims are fixed or bounded. Inference finds
   shapes by itself and turns to these only where a size is not known before the run. */
void tn_onnx_declare_shapes(importer *im);

/* shape_option.c. What the options say of the inputs' shapes. */
typedef struct shape_option {
    const char *input;
    tn_shape shape;
    bool is_list; /* shapes of a sequence's elements instead */
    bool is_none; /* an optional that holds nothing */
    tn_shape *items;
    size_t n, room;
} shape_option;
typedef struct {
    shape_option *items;
    size_t n, room;
} shape_option_vec;
bool tn_onnx_parse_shapes(importer *im, shape_option_vec *out);

/* const_option.c. Which inputs the options make constants. */
typedef struct const_option {
    const char *text; /* as given, for messages */
    const char *input, *values;
} const_option;
typedef struct {
    const_option *items;
    size_t n, room;
} const_option_vec;
bool tn_onnx_parse_consts(importer *im, const_option_vec *out);
tn_tensor *tn_onnx_const_value(importer *im, const const_option *o, tn_dtype dtype, const tn_shape *s); /* s fixed */
int64_t tn_onnx_const_count(const const_option *o); /* how many values it gives */

/* check.c. Whether all operators are supported; errors name those that are not. */
bool tn_onnx_check_operators(importer *im);

/* functions.c. */
bool tn_onnx_read_functions(importer *im);
function *tn_onnx_find_function(const importer *im, const NodeProto *p);    /* that the node calls; NULL */
const char *tn_onnx_other_overload(const importer *im, const NodeProto *p); /* the label of one; NULL: there is none */
/* "Conv", "com.microsoft.FusedConv", "pkg.Norm:half" */
const char *tn_onnx_label(const importer *im, const char *domain, const char *name, const char *overload);
/* In a function: the node with what the call says in the place of references to its attributes; NULL after an error. */
const NodeProto *tn_onnx_follow_attributes(importer *im, int index, const NodeProto *p);
/* Adds what the function does; the outputs of the call are defined already. */
bool tn_onnx_call_function(importer *im, int index, const NodeProto *p, const function *f);

/* nodes.c. What a node is; find_op: NULL, or the operator, also of names that ONNX withdrew. */
const char *tn_onnx_domain_of(const NodeProto *p);
int tn_onnx_version_of(const importer *im, const NodeProto *p); /* 0: the file names no opset of ai.onnx */
const tn_op *tn_onnx_find_op(const NodeProto *p);
bool tn_onnx_is_constant(const NodeProto *p);
attribute_type tn_onnx_attribute_type(const AttributeProto *p);
/* As tn_node_error, for nodes that are not in the graph yet. */
void tn_onnx_node_error(const importer *im, int index, const NodeProto *p, const char *format, ...) TN_PRINTF(4, 5);
const char *tn_onnx_name_in(const importer *im, int index,
                            const NodeProto *p); /* what the node is called in the graph */
/* What its input i, which is not "", is; NULL after an error. */
tn_value *tn_onnx_find_input(const importer *im, int index, const NodeProto *p, int i);
/* Adds Constant nodes as constants and all others as nodes, in the order of the file. */
bool tn_onnx_add_nodes(importer *im);
/* A new value of that name; NULL after an error when there is one already. */
tn_value *tn_onnx_define(importer *im, const char *name, const char *what);
tn_value *tn_onnx_define_constant(importer *im, const char *name, const tn_tensor *t, const char *what);

/* The value of that name, here or in a graph around this one; NULL. */
tn_value *tn_onnx_find(const importer *im, const char *name);

/* import.c. The domains and versions that the model or a function, `owner` in messages, says it uses. */
bool tn_onnx_read_opsets(importer *im, size_t n, OperatorSetIdProto *const *sets, const char *owner, tn_map *out);
/* The subgraph that an attribute holds, unpacked on the first call; NULL after an error. */
const GraphProto *tn_onnx_subgraph(const importer *im, const AttributeProto *a);
/* The same with its values and nodes. */
tn_subgraph *tn_onnx_body(importer *im, const AttributeProto *a);

/* order.c. Sorts nodes topologically, keeping the order of the file where it can; an error when there is a cycle. */
bool tn_onnx_order(tn_graph *g, tn_node_vec *nodes);

#endif
