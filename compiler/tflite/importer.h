/* What the files of the TFLite importer share. Only this folder includes it.

   Images lie channels last in these files, and windows (ops/window.h) want them channels first. So a tensor may be held
   by up to two values of the graph: tn_tfl_in asks for it as the file has it, tn_tfl_first for it with its channels
   behind the batch; whichever is missing is made by one Transpose, once. Operators that do not care (elementwise,
   concatenation, padding) take the form that is there, so that in a network of images transposes stand at its two ends
   only, where fusion makes them part of what reads or writes. */
#ifndef TN_TFLITE_IMPORTER_H
#define TN_TFLITE_IMPORTER_H

#include "base/map.h"
#include "ops/expand.h"
#include "ops/ops.h"
#include "tflite/flat.h"
#include "tflite/tflite.h"

typedef struct importer importer;

typedef enum { LAST, FIRST } tfl_form; /* where the channels of an image are */

typedef struct tfl_tensor {
    const char *name; /* unique */
    tn_dtype dtype;
    tn_shape shape;        /* as declared: dims that the file leaves open are what it was converted with */
    bool is_fixed;         /* none of its dims is open */
    const tn_tensor *data; /* NULL: not a constant */
    bool is_variable;      /* state that is kept from run to run */
    size_t n_scale;        /* 0: not quantised */
    const float *scale;
    const int64_t *zero;  /* as many */
    int axis;             /* that several scales belong to; -1: they fit none */
    tn_value *value[2];   /* by tfl_form; NULL: not made yet */
    const char *variable; /* of a resource: whose handle it is; NULL: of none */
} tfl_tensor;

/* State of the model, see state.c. */
typedef struct tfl_variable {
    const char *name;
    tn_value *now; /* what it holds where the next operator reads it; NULL: not read or written yet */
    bool is_assigned;
} tfl_variable;
typedef struct {
    tfl_variable *items;
    size_t n, room;
} tfl_variable_vec;

/* The types of a row whose arithmetic knows no scales. */
#define TFL_PLAIN "any but quantised"

typedef struct tfl_op tfl_op;
typedef struct tfl_row {
    const char *name;
    int min_in, max_in, n_out; /* -1: any number */
    const char *types;
    bool (*add)(tfl_op *op); /* adds its nodes; false after an error */
    const char *call;        /* the family's own: what is called */
    const char *doc;
} tfl_row;

/* One operator of the file while its nodes are added. */
struct tfl_op {
    importer *im;
    int index;
    size_t first; /* of its nodes among im->nodes */
    const tfl_row *row;
    tn_flat_table table, options; /* of the operator, and its options in it */
    int n_in, n_out;
    tfl_tensor **in, **out; /* in: NULL where omitted */
    tn_node node;           /* what messages of the nodes refer to */
    tn_expand e;
};

struct importer {
    tn_arena *arena;
    tn_diag *diag;
    const char *path;
    const tn_tflite_options *options;
    tn_flat file;
    tn_flat_table model, part; /* the subgraph that is read */
    uint32_t number;           /* its own */
    int depth;                 /* 0: the model itself; else a branch or a loop's body, inside so many operators */
    tn_node_vec *nodes;        /* where its operators go */
    tn_flat_vec parts, codes, buffers;
    tn_graph *graph;
    tfl_tensor *tensors;
    size_t n_tensors;
    tn_map names;
    tfl_variable_vec variables;
};

/* --- tensors.c ------------------------------------------------------------------------------------------------------ */

bool tn_tfl_read_tensors(importer *im); /* of im->part */

/* --- import.c: what operators call ---------------------------------------------------------------------------------- */

/* "model.tflite: operator 3 (CONV_2D): error: ...", "... operator 2 of subgraph 1 ..." Always false. */
bool tn_tfl_error(tfl_op *op, const char *format, ...) TN_PRINTF(2, 3);
bool tn_tfl_has(const tfl_op *op, int i); /* input i is there */
/* Reads subgraph `number`, whose operators go to out->nodes. Its inputs are these values, or, where in is NULL, fresh ones in
   out->inputs. False after an error. */
bool tn_tfl_read_part(tfl_op *op, uint32_t number, size_t n_in, tn_value *const *in, tn_subgraph *out);
/* How many inputs (field 1) or outputs (2) that subgraph has; -1: there is none of this number. */
int tn_tfl_part_count(const tfl_op *op, uint32_t number, int field);

/* Calls an operator, attributes behind its name as in tn_call. */
#define tn_tfl_call(op, text, ...) tn_call(&(op)->e, text, __VA_ARGS__)
const char *tn_tfl_text(tfl_op *op, const char *format, ...) TN_PRINTF(2, 3); /* for such a text */
const char *tn_tfl_float_text(tfl_op *op, float x);                           /* exact, and with a point */

tn_value *tn_tfl_get(tfl_op *op, tfl_tensor *t, tfl_form form);
tn_value *tn_tfl_in(tfl_op *op, int i);    /* as the file has it; NULL where omitted */
tn_value *tn_tfl_first(tfl_op *op, int i); /* channels first; of rank 3 or more */
/* The form in which an operator that does not care takes its operands: all its images are there channels first. */
tfl_form tn_tfl_form(const tfl_op *op);
tfl_form tn_tfl_form_of(const tfl_tensor *t);               /* the form that is there */
tn_value *tn_tfl_operand(tfl_op *op, int i, tfl_form form); /* broadcasts to output 0 in that form */
int tn_tfl_axis(const tfl_op *op, tfl_form form, int64_t axis,
                int rank); /* where that axis is in the form; -1: error */

void tn_tfl_give(tfl_op *op, int i, tfl_form form, tn_value *v); /* output i */
bool tn_tfl_give_one(tfl_op *op, tn_value *v);                   /* output 0 as the file has it; false after an error */

/* Constants. */
/* Input i: dims, places and the like, so what is beyond TN_DIM_MAX is TN_DIM_MAX; NULL after an error. */
const int64_t *tn_tfl_ints(tfl_op *op, int i, const char *what, size_t *count);
tn_value *tn_tfl_constant(tfl_op *op, const tn_tensor *t);
tn_value *tn_tfl_reshaped(tfl_op *op, const tfl_tensor *t, int rank, const int64_t *dims); /* of as many elements */
int64_t tn_tfl_dim(const tfl_tensor *t, int i);

/* What the operator does after its arithmetic in float: none, Relu, Relu6 ... (ActivationFunctionType) */
tn_value *tn_tfl_activate(tfl_op *op, tn_value *v, int function);

/* --- state.c ---------------------------------------------------------------------------------------------------------- */

/* What the state of this name holds; where it is read before it is written, an input of the type of `like`. */
tn_value *tn_tfl_read_state(tfl_op *op, const char *name, const tfl_tensor *like);
void tn_tfl_assign_state(tfl_op *op, const char *name, tn_value *to);
bool tn_tfl_add_state_outputs(importer *im);

/* --- operators.def: a function for each family ---------------------------------------------------------------------- */

#define TFL(name, min_in, max_in, n_out, types, add, call, doc) bool add(tfl_op *op);
#include "tflite/operators.def"
#undef TFL

#endif
