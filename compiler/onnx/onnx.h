/* Reading ONNX: model files become graphs, TensorProto files become tensors, and tensors are written back.

       tn_onnx_options o = {.shapes = (const char *[]){"image:[N<=8,3,224,224]"}, .n_shapes = 1};
       tn_graph *g = tn_onnx_load(arena, &diag, "mobilenet.onnx", &o);

   The graph that comes out has its nodes in topological order, every operator in the form of its newest opset version
   (upgrade.c), and constants for initializers and Constant nodes. Types and shapes are set for inputs and constants;
   inference does the rest. Any bytes may be given: what is wrong with them is reported, and the result is NULL. */
#ifndef TN_ONNX_H
#define TN_ONNX_H

#include "ir/ir.h"

enum { TN_ONNX_MAX_OPSET = 28 }; /* newest version of ai.onnx whose changes have been gone through */

typedef struct tn_onnx_options {
    const char *const *shapes; /* "name:[1,3,224,224]", or with bounded symbols "name:[N<=8,3]" */
    size_t n_shapes;
    const char *const *consts; /* "name=[1,2]": inputs that become constants */
    size_t n_consts;
    int64_t string_bytes; /* of each string of an input; 0: TN_ONNX_STRING_BYTES */
} tn_onnx_options;
enum { TN_ONNX_STRING_BYTES = 64 };

tn_graph *tn_onnx_load(tn_arena *a, tn_diag *d, const char *path, const tn_onnx_options *o); /* o may be NULL */

/* The same from memory. The path is for messages, and its folder is where external data is looked for. */
tn_graph *tn_onnx_parse(tn_arena *a, tn_diag *d, const char *path, const void *bytes, size_t n,
                        const tn_onnx_options *o);

/* A TensorProto file such as input_0.pb; NULL after an error. */
tn_tensor *tn_onnx_read_tensor(tn_arena *a, tn_diag *d, const char *path);
bool tn_onnx_write_tensor(tn_arena *a, tn_diag *d, const char *path, const char *name, const tn_tensor *t);

/* What a file of test data holds: a tensor, the elements of a sequence (a SequenceProto), of what an optional holds (an
   OptionalProto: nothing, one or several). The file does not say which of these it is. */
typedef enum { TN_ONNX_TENSOR, TN_ONNX_SEQUENCE, TN_ONNX_OPTIONAL } tn_onnx_kind;
typedef struct tn_tensor_vec {
    tn_tensor **items;
    size_t n, room;
} tn_tensor_vec;
bool tn_onnx_read_values(tn_arena *a, tn_diag *d, const char *path, tn_onnx_kind kind, tn_tensor_vec *out);

/* Rewrites nodes of older opsets in place; g->nodes must be in topological order. False after an error. */
bool tn_onnx_upgrade(tn_graph *g);

/* Whether the node has as many inputs and outputs as its operator takes, none of the required ones omitted. */
bool tn_onnx_check_arity(tn_graph *g, const tn_node *n);

#endif
