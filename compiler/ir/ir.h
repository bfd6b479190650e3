/* The graph: values, nodes and constants of a model. Operators are rows elsewhere (ops/); the graph knows only their
   struct, so it verifies and prints any operator without knowing one. */
#ifndef TN_IR_H
#define TN_IR_H

#include "base/base.h"

enum { TN_MAX_RANK = 8 };

/* Element types, numbered as in ONNX (TensorProto.DataType), so that importing needs no table. */
typedef enum tn_dtype {
    TN_UNDEFINED = 0,
    TN_FLOAT = 1,
    TN_UINT8 = 2,
    TN_INT8 = 3,
    TN_UINT16 = 4,
    TN_INT16 = 5,
    TN_INT32 = 6,
    TN_INT64 = 7,
    TN_STRING = 8,
    TN_BOOL = 9,
    TN_FLOAT16 = 10,
    TN_DOUBLE = 11,
    TN_UINT32 = 12,
    TN_UINT64 = 13
} tn_dtype;

typedef struct tn_dtype_info {
    const char *name;  /* ONNX's spelling: float, int8 */
    const char *c;     /* C spelling; NULL where the type has no C form yet */
    int size;          /* bytes per element; 0 where there is no fixed one */
    bool is_float;     /* arithmetic in floating point */
    bool is_signed;
} tn_dtype_info;
const tn_dtype_info *tn_dtype_get(int dtype); /* never NULL: an unknown number gives the row of TN_UNDEFINED */

/* Rank and dims by value. known is false while inference has not reached the value. */
typedef struct tn_shape {
    bool known;
    int rank;
    int64_t dim[TN_MAX_RANK];
} tn_shape;
int64_t tn_shape_count(const tn_shape *s); /* product of dims; 1 for rank 0. The importer has checked that it fits */
bool tn_shape_equal(const tn_shape *x, const tn_shape *y);

typedef struct tn_tensor {
    tn_dtype dtype;
    tn_shape shape;
    size_t bytes;
    void *data; /* dense, row-major, host byte order, owned by the model's arena */
} tn_tensor;

typedef struct tn_node tn_node;
typedef struct tn_op tn_op;
typedef struct tn_graph tn_graph;

typedef struct tn_value {
    int id;           /* dense, in order of creation */
    const char *name; /* as in the file; never NULL */
    tn_dtype dtype;
    tn_shape shape;
    tn_node *maker;      /* NULL for inputs and constants */
    tn_tensor *constant; /* NULL when not known at compile time */
    bool is_input, is_output;
} tn_value;

typedef enum { TN_ATTR_INT, TN_ATTR_FLOAT, TN_ATTR_STRING, TN_ATTR_INTS, TN_ATTR_FLOATS, TN_ATTR_TENSOR } tn_attr_kind;

typedef struct tn_attr {
    const char *name;
    tn_attr_kind kind;
    int64_t i;
    float f;
    const char *s;
    size_t n; /* length of ints or floats */
    int64_t *ints;
    float *floats;
    tn_tensor *tensor;
} tn_attr;

struct tn_node {
    int index;        /* position in the model file, for messages */
    const char *name; /* may be "" */
    const tn_op *op;
    int version; /* opset version of the node's domain */
    int n_in, n_out, n_attr;
    tn_value **in; /* NULL for an omitted optional input */
    tn_value **out;
    tn_attr *attr;
};

typedef struct { tn_value **items; size_t n, room; } tn_value_vec;
typedef struct { tn_node **items; size_t n, room; } tn_node_vec;

struct tn_graph {
    tn_arena *arena;
    tn_diag *diag;
    const char *path; /* of the model file, for messages */
    tn_value_vec values, inputs, outputs;
    tn_node_vec nodes; /* topological order */
};

typedef struct tn_lowering tn_lowering; /* loop/loop.h */

struct tn_op {
    const char *name;
    const char *domain; /* "" is ai.onnx */
    int min_in, max_in; /* max_in -1: any number */
    bool (*infer)(tn_graph *g, tn_node *n); /* sets dtype and shape of the outputs; false after an error */
    bool (*lower)(tn_lowering *l, const tn_node *n); /* appends computations; false after an error */
    int detail; /* the operator's own: a scalar operation, a reduction kind */
    const char *doc;
};

tn_value *tn_graph_add_value(tn_graph *g, const char *name);
tn_value *tn_graph_add_constant(tn_graph *g, const char *name, const tn_tensor *t);
const tn_attr *tn_node_find_attr(const tn_node *n, const char *name); /* NULL when absent */
int64_t tn_node_int(const tn_node *n, const char *name, int64_t otherwise);
float tn_node_float(const tn_node *n, const char *name, float otherwise);
const char *tn_node_string(const tn_node *n, const char *name, const char *otherwise);

/* "model.onnx: node 12 'conv2' (Conv): error: ..." Always returns false, so that callers may return it. */
bool tn_node_error(tn_graph *g, const tn_node *n, const char *format, ...) TN_PRINTF(3, 4);

/* float[1,3,224,224] */
const char *tn_type_text(tn_arena *a, tn_dtype dtype, const tn_shape *s);
void tn_graph_print(const tn_graph *g, tn_str *out);

#endif
