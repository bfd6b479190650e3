/* The graph: values, nodes and constants of a model. Operators are rows elsewhere (ops/); the graph knows only their
   struct, so it verifies and prints any operator without knowing one. */
#ifndef TN_IR_H
#define TN_IR_H

#include "base/base.h"
#include "base/codec.h"

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
    TN_UINT64 = 13,
    TN_BFLOAT16 = 16,
    TN_FLOAT8E4M3FN = 17,
    TN_FLOAT8E4M3FNUZ = 18,
    TN_FLOAT8E5M2 = 19,
    TN_FLOAT8E5M2FNUZ = 20,
    TN_UINT4 = 21, /* 4 and 2 bits: one element a byte in memory, several in files */
    TN_INT4 = 22,
    TN_FLOAT4E2M1 = 23,
    TN_FLOAT8E8M0 = 24,
    TN_UINT2 = 25,
    TN_INT2 = 26,
    TN_INDEX = 31 /* ours: subscripts of loop programs, ptrdiff_t in C; never the type of a tensor */
} tn_dtype;

typedef struct tn_dtype_info {
    const char *name; /* ONNX's spelling: float, int8 */
    const char *c;    /* C spelling; NULL where the type has no C form yet */
    int size;         /* bytes per element; 0 where there is no fixed one */
    bool is_float;    /* arithmetic in floating point */
    bool is_signed;
    tn_dtype compute;      /* the type that arithmetic is done in: float for the 16-bit floats, else the type itself */
    int bits;              /* of an element: below 8 * size for the types that files pack */
    const tn_codec *codec; /* floats that are held as their bits; NULL for the others */
} tn_dtype_info;
const tn_dtype_info *tn_dtype_get(int dtype); /* never NULL: an unknown number gives the row of TN_UNDEFINED */
static inline bool tn_dtype_is_byte(tn_dtype t)
{
    return t == TN_INT8 || t == TN_UINT8;
}
static inline bool tn_dtype_is_float(tn_dtype t)
{
    return tn_dtype_get(t)->is_float;
}
/* Floats of 16 bits: held as their bits, computed with as float. */
static inline bool tn_dtype_is_half(tn_dtype t)
{
    return t == TN_FLOAT16 || t == TN_BFLOAT16;
}

/* A dim: exactly n when sym is NULL; otherwise a run-time number in lo..n, known as the term sym.
   Terms are made by tn_dim_* only, which fold whatever is fixed. Arithmetic saturates at TN_DIM_MAX, so that a check
   of the result suffices. */
typedef struct tn_sym tn_sym;
typedef struct tn_dim {
    int64_t n; /* value, or upper bound */
    const tn_sym *sym;
} tn_dim;
typedef enum { TN_SYM_NAME, TN_SYM_ADD, TN_SYM_SUB, TN_SYM_MUL, TN_SYM_DIV, TN_SYM_MIN, TN_SYM_MAX } tn_sym_kind;
struct tn_sym {
    tn_sym_kind kind;
    const char *name; /* TN_SYM_NAME only */
    tn_dim a, b;      /* operands of the others; DIV rounds toward minus infinity */
    int64_t lo;       /* lower bound */
    bool found;       /* a name whose value the run finds, from 0 on, instead of being given it */
};
#define TN_DIM_MAX ((int64_t)1 << 40)
tn_dim tn_dim_fixed(int64_t n);
tn_dim tn_dim_named(tn_arena *a, const char *name, int64_t at_most);
tn_dim tn_dim_found(tn_arena *a, const char *name, int64_t at_most);
bool tn_dim_is_found(tn_dim x); /* a name of that kind alone */
tn_dim tn_dim_do(tn_arena *a, tn_sym_kind kind, tn_dim x, tn_dim y);
bool tn_dim_same(tn_dim x, tn_dim y);                                /* provably equal */
tn_dim tn_dim_rename(tn_arena *a, tn_dim d, tn_dim from, tn_dim to); /* d with one name in place of another */
/* Whether x and y would be the same if two names of inputs, x's and y's, were one: these; or, where one of them is a
   number, if a name were a number: these. */
bool tn_dim_alike(tn_arena *a, tn_dim x, tn_dim y, tn_dim *name, tn_dim *other);
bool tn_dim_is(tn_dim x, int64_t n);            /* fixed and equal to n */
const char *tn_dim_text(tn_arena *a, tn_dim d); /* for messages, with bounds: (N<=8+1) */
void tn_dim_print(tn_str *out, tn_dim d);       /* as the text form has it: (N+1) */

/* Rank and dims by value. known is false while inference has not reached the value. */
typedef struct tn_shape {
    bool known;
    int rank;
    tn_dim dim[TN_MAX_RANK];
} tn_shape;
int64_t tn_shape_count(
    const tn_shape *s); /* product of (upper bounds of) dims; 1 for rank 0; saturates at TN_DIM_MAX */
bool tn_shape_is_fixed(const tn_shape *s); /* known, without a symbol */
bool tn_shape_equal(const tn_shape *x, const tn_shape *y);
tn_shape tn_shape_fixed(int rank, const int64_t *dims);

typedef struct tn_tensor {
    tn_dtype dtype;
    tn_shape shape;
    size_t bytes;
    void *data;   /* dense, row-major, host byte order, owned by the model's arena */
    bool is_text; /* strings, see tn_value */
} tn_tensor;

typedef struct tn_node tn_node;
typedef struct tn_value tn_value;
typedef struct tn_op tn_op;
typedef struct tn_graph tn_graph;
typedef struct tn_subgraph tn_subgraph;

/* What a sequence holds, or an optional that holds nothing; one that holds something is what it holds. */
typedef struct tn_list {
    tn_value **items;
    int64_t n;
    bool none;
} tn_list;

struct tn_value {
    int id;           /* dense, in order of creation */
    const char *name; /* as in the file; never NULL */
    tn_dtype dtype;
    tn_shape shape;
    tn_shape declared;    /* what the file says of it: the bound where only the run knows sizes; else not known */
    tn_dtype promised;    /* TFLite: the type that its file relies on, as on `declared`; undefined: nothing is said */
    tn_node *maker;       /* NULL for inputs and constants */
    tn_tensor *constant;  /* NULL when not known at compile time */
    tn_dim *elems;        /* what a value of rank 0 or 1 holds, as dims (shape arithmetic); NULL when not known */
    const tn_dim *marked; /* how many elements are not 0, where that is a size that the run finds; else NULL */
    bool is_text;         /* strings: bytes of UTF-8 along the last dim of uint8, zeros behind the end */
    const tn_list *list;  /* a sequence or an optional: only while types are inferred; NULL: a tensor */
    const char *keys; /* of an output that is a map (of each row): the keys along its last axis, as text; else NULL */
    bool is_input, is_output;
    bool
        is_kept; /* it is an output only to be looked at (a copy, so that the value shown keeps its layout), or has one */
};

typedef enum {
    TN_ATTR_INT,
    TN_ATTR_FLOAT,
    TN_ATTR_STRING,
    TN_ATTR_INTS,
    TN_ATTR_FLOATS,
    TN_ATTR_STRINGS,
    TN_ATTR_TENSOR,
    TN_ATTR_BODY
} tn_attr_kind;

typedef struct tn_attr {
    const char *name;
    tn_attr_kind kind;
    int64_t i;
    float f;
    const char *s;
    size_t n; /* length of ints, floats or strings */
    int64_t *ints;
    float *floats;
    const char **strings;
    tn_tensor *tensor;
    tn_subgraph *body;
} tn_attr;

struct tn_node {
    int index;            /* position in the model file, or in its function or subgraph, for messages */
    const char *name;     /* may be ""; of nodes of a function: "CALL/NAME" */
    const char *function; /* of the model whose body it stands in, "pkg.Norm", for messages; NULL */
    const tn_op *op;
    int version; /* opset version of the node's domain */
    int n_in, n_out, n_attr;
    tn_value **in; /* NULL for an omitted optional input */
    tn_value **out;
    tn_attr *attr;
};

typedef struct {
    tn_value **items;
    size_t n, room;
} tn_value_vec;
typedef struct {
    tn_node **items;
    size_t n, room;
} tn_node_vec;

typedef struct {
    tn_dim *items;
    size_t n, room;
} tn_dim_vec;
const tn_dim *tn_dim_find(const tn_dim_vec *names, const char *name); /* NULL: none has it */

/* The subgraph of If, Loop or Scan, until pass infer puts what it does in the node's place. Its values are the graph's;
   those of outside that it reads are operands of its node, behind the node's own. */
struct tn_subgraph {
    const tn_subgraph *origin;    /* the file's, of which this is a copy; NULL: this is the file's */
    tn_value_vec inputs, outputs; /* an output may be a value of outside */
    tn_node_vec nodes;            /* topological order */
};

typedef struct tn_text_vec {
    const char **items;
    size_t n, room;
} tn_text_vec;

/* An If between whose branches no run can choose, and the branch that is compiled. */
typedef struct tn_fork {
    const char *name;         /* of its first result, for messages; NULL: none */
    const tn_subgraph *where; /* its then_branch in the file: two Ifs may have results of one name */
    bool then;
} tn_fork;

typedef struct tn_fork_vec {
    tn_fork *items;
    size_t n, room;
} tn_fork_vec;

/* A loop's body, the file's, that could not be a repeat, and how often that was tried. */
typedef struct tn_refusal {
    const tn_subgraph *body;
    int times;
} tn_refusal;

typedef struct tn_refusal_vec {
    tn_refusal *items;
    size_t n, room;
} tn_refusal_vec;

struct tn_graph {
    tn_arena *arena;
    const char *name;   /* of the model, as in the file */
    tn_dim_vec symbols; /* named dims of the inputs, in order of appearance, and those that the run finds */
    tn_diag *diag;
    const char *path; /* of the model file, for messages */
    tn_value_vec values, inputs, outputs;
    tn_node_vec nodes;       /* topological order */
    tn_dim_vec bounds;       /* of option bounds: what sizes that the run finds may be at most, by name */
    tn_dim_vec alike;        /* two names of inputs that have to be one, or a name and a number, met while types are
                                inferred; else none */
    tn_value_vec late_sizes; /* integers that shapes depend on and only the run knows, met while types are inferred */
    tn_text_vec unbounded;   /* dims of inputs that nothing bounds, other than a batch: what to say before C is made */
    tn_fork_vec forks;       /* those that pass infer has decided */
    tn_fork open_fork;       /* one that it has not, met while types are inferred; else none */
    tn_refusal_vec refusals; /* met while types are inferred */
    const struct tn_pattern_vec *patterns; /* what pass dispatch looks for, see pass/dispatch.h; NULL: nothing */
};

struct tn_program; /* loop/loop.h */
struct tn_expr;
typedef struct tn_expand tn_expand; /* ops/expand.h */

/* Sets of element types, for the rows of operators: bit t is dtype t. */
#define TN_BIT(t) (1u << (t))
#define TN_T_FLOATS (TN_BIT(TN_FLOAT) | TN_BIT(TN_DOUBLE) | TN_BIT(TN_FLOAT16) | TN_BIT(TN_BFLOAT16))
#define TN_T_SIGNED (TN_BIT(TN_INT8) | TN_BIT(TN_INT16) | TN_BIT(TN_INT32) | TN_BIT(TN_INT64))
#define TN_T_UNSIGNED (TN_BIT(TN_UINT8) | TN_BIT(TN_UINT16) | TN_BIT(TN_UINT32) | TN_BIT(TN_UINT64))
#define TN_T_INTS (TN_T_SIGNED | TN_T_UNSIGNED)
#define TN_T_NUMBERS (TN_T_FLOATS | TN_T_INTS)
#define TN_T_FEATURES (TN_BIT(TN_FLOAT) | TN_BIT(TN_DOUBLE) | TN_BIT(TN_INT32) | TN_BIT(TN_INT64)) /* of ai.onnx.ml */
#define TN_T_BOOL TN_BIT(TN_BOOL)
#define TN_T_STRING TN_BIT(TN_STRING)
#define TN_T_SMALL_INTS (TN_BIT(TN_INT4) | TN_BIT(TN_UINT4) | TN_BIT(TN_INT2) | TN_BIT(TN_UINT2))
#define TN_T_FLOAT8 \
    (TN_BIT(TN_FLOAT8E4M3FN) | TN_BIT(TN_FLOAT8E4M3FNUZ) | TN_BIT(TN_FLOAT8E5M2) | TN_BIT(TN_FLOAT8E5M2FNUZ))
#define TN_T_SMALL_FLOATS (TN_T_FLOAT8 | TN_BIT(TN_FLOAT4E2M1) | TN_BIT(TN_FLOAT8E8M0))
#define TN_T_ANY (TN_T_NUMBERS | TN_T_BOOL | TN_T_SMALL_INTS | TN_T_SMALL_FLOATS)

/* An operator: one row of ops/ops.def, in the form of its newest opset version (onnx/upgrade.c rewrites older ones). */
struct tn_op {
    const char *name;
    const char *domain; /* "" is ai.onnx */
    int since;          /* opset version that introduced it */
    int min_in, max_in; /* max_in -1: any number */
    int min_out, max_out;
    unsigned types;                         /* types of input 0 */
    bool (*infer)(tn_graph *g, tn_node *n); /* sets dtype and shape of the outputs; false after tn_node_error */
    bool (*lower)(struct tn_program *p, const tn_node *n); /* appends computations; false after tn_node_error */
    /* Elementwise operators only: the result from the operands, already broadcast and in the compute type. */
    const struct tn_expr *(*expr)(struct tn_program *p, const tn_node *n, const struct tn_expr *const *in);
    int detail;      /* the family's own: a scalar operation, a reduction kind */
    const char *doc; /* one line */
    /* Operators that are functions of others only, which have neither infer nor lower: puts calls in the node's place. */
    bool (*expand)(tn_expand *e, const tn_node *n);
    bool has_bodies;  /* its attributes hold subgraphs, which expand puts in its place */
    bool takes_lists; /* operands and results may be sequences and optionals */
};

/* A copy with values of its own, in which inputs[i] is input i: those of outside and constants stay what they are. */
tn_subgraph *tn_subgraph_copy(tn_graph *g, const tn_subgraph *b, tn_value *const *inputs);
tn_value *tn_graph_add_value(tn_graph *g, const char *name);
tn_value *tn_graph_add_constant(tn_graph *g, const char *name,
                                const tn_tensor *t); /* copies the struct, not the data */
tn_node *tn_graph_make_node(tn_graph *g, const tn_op *op, const char *name, int n_in,
                            int n_out);                   /* not yet in g->nodes */
void tn_node_set_origin(tn_node *n, const tn_node *from); /* its name, index and function: what messages say of it */
void tn_node_set_int(tn_graph *g, tn_node *n, const char *name, int64_t value);
void tn_node_set_ints(tn_graph *g, tn_node *n, const char *name, const int64_t *values, size_t count);
void tn_node_set_float(tn_graph *g, tn_node *n, const char *name, float value);
void tn_node_set_string(tn_graph *g, tn_node *n, const char *name, const char *value);
void tn_node_set_attr(tn_graph *g, tn_node *n, const tn_attr *a); /* a copy, which shares lists */
void tn_node_drop_attr(tn_node *n, const char *name);
void tn_graph_replace(tn_graph *g, tn_value *from, tn_value *to); /* every use, outputs included */
tn_dtype tn_value_dtype(const tn_value *v);                       /* as ONNX has it: string for text */
bool tn_value_same_type(const tn_value *x, const tn_value *y);    /* tensors of one element type and shape */
/* Elements of a constant integer tensor, or of known shape arithmetic that is fixed; NULL when not known.
   The items live in the graph's arena. */
const int64_t *tn_value_ints(tn_graph *g, const tn_value *v, size_t *count);
tn_tensor *tn_tensor_make(tn_arena *a, tn_dtype dtype, const tn_shape *s); /* zeroed data; s must be fixed */
/* Strings of these bytes; as wide as the longest, but at least 1. s is the shape without the bytes, of a rank below the
   greatest. What follows a zero in a string is not kept. */
tn_tensor *tn_tensor_of_strings(tn_arena *a, const tn_shape *s, const char *const *item);
double tn_tensor_get(const tn_tensor *t, int64_t i);        /* any type to double; 16-bit floats are widened */
int64_t tn_tensor_get_int(const tn_tensor *t, int64_t i);   /* integer and bool types exactly; floats truncate */
uint16_t tn_tensor_get_bits(const tn_tensor *t, int64_t i); /* types with a codec only */
void tn_tensor_set_bits(tn_tensor *t, int64_t i, uint16_t bits);
int64_t tn_wrap(tn_dtype t, int64_t x);   /* an integer as the type holds it */
double tn_round_to(tn_dtype t, double x); /* a float as the type holds it */
void tn_tensor_set(tn_tensor *t, int64_t i, double x);
void tn_tensor_set_int(tn_tensor *t, int64_t i, int64_t x);
bool tn_node_is(const tn_node *n, const char *op);                    /* of ONNX's own domain; false for NULL */
tn_subgraph *tn_node_body(const tn_node *n, const char *name);        /* NULL when absent */
const tn_attr *tn_node_find_attr(const tn_node *n, const char *name); /* NULL when absent */
int64_t tn_node_int(const tn_node *n, const char *name, int64_t otherwise);
float tn_node_float(const tn_node *n, const char *name, float otherwise);
const char *tn_node_string(const tn_node *n, const char *name, const char *otherwise);
bool tn_node_same(const tn_node *x, const tn_node *y);       /* operator, inputs and attributes */
bool tn_attr_same(const tn_attr *x, const tn_attr *y);       /* name, kind and value */
bool tn_tensor_same(const tn_tensor *x, const tn_tensor *y); /* type, shape and every byte */

/* "model.onnx: node 12 'conv2' (Conv): error: ..." Always returns false, so that callers may return it. */
bool tn_node_error(tn_graph *g, const tn_node *n, const char *format, ...) TN_PRINTF(3, 4);

/* float[1,3,224,224] */
const char *tn_type_text(tn_arena *a, tn_dtype dtype, const tn_shape *s);
const char *tn_value_type(tn_arena *a, const tn_value *v); /* the same of a value; string[2,64] */
void tn_graph_print(const tn_graph *g, tn_str *out);       /* without the data of large constants */
void tn_graph_print_full(const tn_graph *g, tn_str *out);  /* with all data: parses back */
/* Errors read PATH:LINE: error: ...; find looks operators up, so that ir knows none. NULL after errors. */
tn_graph *tn_graph_parse(tn_arena *a, tn_diag *d, const char *path, const char *text,
                         const tn_op *(*find)(const char *domain, const char *name));
/* The same for a pattern of graphs: an input's type may leave its shape open, as float[...]. */
tn_graph *tn_graph_parse_pattern(tn_arena *a, tn_diag *d, const char *path, const char *text,
                                 const tn_op *(*find)(const char *domain, const char *name));

#endif
