/* From a scheduled and planned program to the files of a package. */
#ifndef TN_EMIT_H
#define TN_EMIT_H

#include "loop/loop.h"
#include "plan/plan.h"
#include "target/target.h"

typedef enum { TN_PARAMS_CONST, TN_PARAMS_INCBIN, TN_PARAMS_BLOB, TN_PARAMS_ARG } tn_params;

/* A constant of the program in the weights blob. */
typedef struct tn_weight {
    const tn_buf *buf;
    int64_t offset, bytes; /* in the blob; offset is a multiple of 64 */
    const char *name;      /* C identifier, without the model's prefix */
} tn_weight;
typedef struct {
    tn_weight *items;
    size_t n, room;
} tn_weight_vec;

/* What one run leaves for the next (--state): output `next` becomes input `now`. */
typedef struct tn_state {
    size_t now, next; /* numbers of the input and of the output */
    int64_t offset;   /* in a half of the state's memory */
} tn_state;
enum { TN_STATE_ALIGN = 16 };

/* What the report, the header and the profile say about a kernel. */
typedef struct tn_layer {
    const char *label;    /* "Conv 'conv1' + Relu 'relu1'" */
    const char *function; /* C name of its function */
    const char *schedule;
    const char *in, *out; /* types: "float[1,3,224,224]" */
    const char *why;      /* the schedule was chosen; "": nobody said */
    double bound;         /* share of the peak of multiply-adds that the schedule allows; 0: not known */
    int64_t bytes;        /* of all that it reads and writes, once */
    int64_t macs;         /* multiply-accumulates at the bounds; 0 where it has no reduction */
    int64_t ops;          /* elements written */
    int64_t weight_bytes;
    int64_t live_bytes;  /* of the workspace while it runs */
    int64_t stack_bytes; /* that its function may take, from above; tn_emit_source fills it in */
} tn_layer;

/* A package, or one variant of a package that has several: the same model for another target. The package's unit is then that
   of the last variant but for weights, which are those of all, and for target and work_size. */
typedef struct tn_unit {
    tn_arena *arena;
    tn_program *program;
    const tn_plan *plan;
    const tn_target *target;
    const char *name;  /* "kws": prefix of all symbols, name of all files */
    const char *upper; /* "KWS" */
    tn_params params;
    int threads;         /* that share a kernel; 1: the package knows of no threads */
    const char *options; /* the options that shaped the code, for the banner; no paths */
    bool small;          /* is built with -Os */
    bool exact;          /* the program is; a multiplication and an addition are never one rounding */
    bool flush;          /* denormals count as 0 while it runs */
    uint64_t model_hash;
    const tn_buf **input, **output;         /* in the order of the model */
    const char **input_name, **output_name; /* C identifiers, unique within the io struct */
    size_t n_in, n_out;
    tn_state *state;
    size_t n_states;
    int64_t state_size; /* bytes of state memory: what is now, and room for what is next */
    tn_weight_vec weights;
    int64_t weights_size;      /* bytes of the blob */
    int64_t work_size;         /* bytes of the workspace */
    const char *variant;       /* "x86_64_v4": the part of its names; NULL: the package has no variants, or is meant */
    struct tn_unit **variants; /* in the order of the targets */
    size_t n_variants;
    tn_layer *layer; /* one per kernel */
    size_t n_layers;
    int64_t macs, params_count; /* sums */
    const tn_tensor **golden;   /* outputs for the formula input, by output; NULL: no self-test */
    int64_t *golden_symbols;    /* the values of the symbols that golden was computed for */
} tn_unit;

typedef struct tn_file {
    const char *name;
    const char *bytes;
    size_t size;
    tn_pieces_fn *pieces; /* instead of bytes, where these would be as much as all weights; NULL: bytes */
    void *user;
} tn_file;
static inline tn_file tn_file_of(const char *name, const char *bytes, size_t size)
{
    return (tn_file){.name = name, .bytes = bytes, .size = size};
}
typedef struct {
    tn_file *items;
    size_t n, room;
} tn_file_vec;

/* cgen.c: the entry, kernels and weights of NAME.c. */
void tn_emit_source(const tn_unit *u, tn_str *out);
/* variants.c: NAME.c of a package with several variants. */
void tn_emit_choice(const tn_unit *u, tn_str *out);
/* stack.c: bytes of stack that kws_run may take, without the C library's functions; after tn_emit_source. */
int64_t tn_stack_bound(const tn_unit *u);
/* weights.c: NAME_weights.c (const), NAME_weights.bin (incbin, blob, arg). */
void tn_emit_weights(const tn_unit *u, tn_file_vec *out);
/* header.c */
void tn_emit_header(const tn_unit *u, tn_str *out);
const char *tn_code_text(int number); /* what NAME_run's return says, of codes.def; NULL: there is no such error */
/* selftest.c: NAME_test.c */
void tn_emit_test(const tn_unit *u, tn_str *out);
/* report.c */
void tn_emit_report_text(const tn_unit *u, tn_str *out);
void tn_emit_summary(const tn_unit *u, tn_str *out); /* the report's numbers, without what it says of files */
void tn_emit_report_json(const tn_unit *u, tn_str *out);
/* build.c: Makefile.inc, CMakeLists.txt */
void tn_emit_build_files(const tn_unit *u, tn_file_vec *out);
/* All files of the package, runtime_min's included. */
void tn_emit_package(const tn_unit *u, tn_file_vec *out);

/* mlf.c: the same files in the folders of TVM's Model Library Format, with its metadata.json and the graph's text. */
void tn_emit_mlf(const tn_unit *u, const char *graph_text, tn_file_vec *files);

/* Element i of an input's formula: what NAME_test.c and the golden run both compute.  h = (i * 2654435761 + 12345) mod 2^32;
   floats: (h >> 16) / 65536 - 0.5 (exact in float); integers: h >> 24 (uint8, int8 minus 128), bool: bit 31;
   int32 and int64: 0, since they are often indices. */
double tn_formula_input(tn_dtype dtype, uint32_t i);

#endif
