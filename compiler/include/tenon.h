/* Tenon: compiles trained models (ONNX, TFLite) to standalone C99.

       tn_ctx *ctx = tn_ctx_open(NULL);
       tn_ctx_set(ctx, "target", "native");
       tn_model *m = tn_model_load(ctx, "kws.onnx");
       if (m != NULL && tn_model_compile(m, "out/kws") == TN_OK)
           ...
       tn_ctx_close(ctx);

   Nothing is global: two contexts work in two threads. A context and what was made from it belong to one thread at a
   time. Everything made from a context (models, arrays, texts, runners) lives until tn_ctx_close unless it says
   otherwise. Every failure is reported as one line through the callback, and the function returns NULL or a status
   other than TN_OK. */
#ifndef TENON_H
#define TENON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Tenon itself is compiled with everything hidden but what stands here. */
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define TN_VERSION "0.1.0"

/* Also the exit codes of the command line. */
typedef enum tn_status {
    TN_OK = 0,
    TN_ERR_USAGE = 2,  /* unknown option, bad value */
    TN_ERR_FILE = 3,   /* a file or folder cannot be read or written */
    TN_ERR_MODEL = 4,  /* the model or tensor file is malformed, or uses what is not supported */
    TN_ERR_MEMORY = 5, /* out of memory */
    TN_ERR_BUILD = 6,  /* the C compiler failed */
    TN_ERR_RUN = 7     /* inputs do not fit the model, or the compiled model reported an error */
} tn_status;

typedef struct tn_ctx tn_ctx;
typedef struct tn_model tn_model;
typedef struct tn_runner tn_runner;

typedef struct tn_config {
    void (*report)(void *user, const char *line);   /* errors and notes, one line each; NULL: standard error */
    void (*progress)(void *user, const char *step); /* what is being done, for a status line; NULL: nothing */
    void *user;
    void *(*alloc)(void *user, size_t size); /* NULL: malloc; may return NULL */
    void (*release)(void *user, void *p);    /* NULL: free */
} tn_config;

tn_ctx *tn_ctx_open(const tn_config *config); /* config NULL: defaults. NULL when memory is out */
void tn_ctx_close(tn_ctx *ctx);               /* NULL is allowed */
tn_status tn_ctx_status(const tn_ctx *ctx);   /* of the last call that failed; TN_OK before any has */

/* --- options: set before loading; the command line's options are these ------------------------------------------- */

typedef struct tn_option {
    const char *name;  /* "target" is --target on the command line */
    const char *value; /* what it takes: "NAME", "native|generic|..."; NULL for a switch (value "1") */
    const char *def;   /* the default, "" for none */
    const char *group; /* "compile", "passes", "package", "build" */
    const char *doc;   /* one line */
} tn_option;
const tn_option *tn_options(size_t *count);
/* Options that may be given several times (input-shapes, state, pass-config, disabled-pass, dump-after, dispatch, link) add up. */
tn_status tn_ctx_set(tn_ctx *ctx, const char *name, const char *value);

/* --- models ------------------------------------------------------------------------------------------------------ */

tn_model *tn_model_load(tn_ctx *ctx, const char *path); /* ONNX, TFLite, or the text of tn_model_show (.tg, .loops) */
const char *tn_model_name(const tn_model *m);           /* a C identifier */
/* Runs passes, "fold-const,dce" or a pipeline "O2", on the model, and before each what it needs. What is compiled later
   goes on from there. */
tn_status tn_model_passes(tn_model *m, const char *passes);
/* A pass of the user's own over the graph's text: gets the text form, returns the new text form (malloc'ed, freed by
   Tenon) or NULL for an error. Its name can then be used like any other, before
   pass lower; "O2,+after:dce=NAME" puts it into a pipeline. */
tn_status tn_ctx_add_pass(tn_ctx *ctx, const char *name, char *(*run)(void *user, const char *graph_text), void *user);
const char *tn_model_show(tn_model *m, int loops);   /* loops 0: the graph; 1: the loop program that C is printed from;
                                                      -1: the one of them that the passes so far have come to */
const char *tn_model_summary(tn_model *m, int json); /* per layer and total: shapes, parameters, MACs, RAM, weights */
/* Writes the package: a folder, or a tar when the path ends in ".tar". Also builds it when option "build" says so. */
tn_status tn_model_compile(tn_model *m, const char *path);
const char *tn_passes_list(tn_ctx *ctx, int json); /* passes, their parameters, levels */
/* The operators that model files may hold, as "text", "markdown" or "json", where a max_inputs of -1 is any number. */
const char *tn_ops_list(tn_ctx *ctx, const char *format);
const char *tn_patterns_list(tn_ctx *ctx,
                             int json); /* what option dispatch can send to CBLAS; as JSON with their text */
const char *tn_targets_list(tn_ctx *ctx);

/* --- arrays ------------------------------------------------------------------------------------------------------ */

enum { TN_ARRAY_MAX_RANK = 8 };
typedef struct tn_array {
    const char *name;
    int dtype; /* ONNX element type: 1 float, 2 uint8, 3 int8, 6 int32, 7 int64, 9 bool, 10 float16, 11 double ... */
    int rank;
    int64_t dim[TN_ARRAY_MAX_RANK];
    size_t bytes;
    void *data; /* row-major, host byte order */
} tn_array;
typedef struct tn_array_vec {
    tn_array *items;
    size_t n, room;
} tn_array_vec;

/* An .npz, an .npy, a .pb (TensorProto), or a folder of PREFIX_0.pb, PREFIX_1.pb ... (prefix "input" or "output"). */
tn_status tn_arrays_read(tn_ctx *ctx, const char *path, const char *prefix, tn_array_vec *out);
tn_status tn_arrays_write(tn_ctx *ctx, const char *path, const char *prefix, const tn_array *items, size_t n);
const char *tn_dtype_name(int dtype); /* "float", "int8"; "undefined" for an unknown number */

/* --- running ----------------------------------------------------------------------------------------------------- */

/* path: a package folder or tar, or a model file, which is compiled and built into a temporary folder first. Target is
   "native" unless option "target" was set. */
tn_runner *tn_runner_open(tn_ctx *ctx, const char *path);
int tn_is_package(const char *path); /* 1: tn_runner_open takes it as a package, which is compiled already */
void tn_runner_close(tn_runner *r);  /* NULL is allowed; tn_ctx_close closes what is open */
size_t tn_runner_inputs(const tn_runner *r, const tn_array **info); /* name, dtype, dims (-N: symbolic, at most N) */
size_t tn_runner_outputs(const tn_runner *r, const tn_array **info);
/* Takes inputs by name, or by position when their names are input_0, input_1 ..., or none. Checks number, type, shape. */
tn_status tn_runner_set_inputs(tn_runner *r, const tn_array *items, size_t n);
/* mode "zeros", "ones" or "random" (uniform in 0..1 for floats, 0..9 for integers, from seed). */
tn_status tn_runner_fill_inputs(tn_runner *r, const char *mode, uint64_t seed);
tn_status tn_runner_run(tn_runner *r);
tn_status tn_runner_time(tn_runner *r, int count, double *ms); /* count runs, one wall time each */
const tn_array *tn_runner_result(tn_runner *r, size_t *n);     /* valid until the next run */
typedef struct tn_layer_time {
    const char *name, *schedule, *why; /* why that schedule, in words; "": no rule chose it */
    double ms, mflop;
    double mbytes; /* read and written, once each */
    double bound;  /* the share of the peak of multiply-adds that the schedule allows; 0: not known */
} tn_layer_time;
/* Mean time per layer over repeat runs, from a build with layer hooks. */
tn_status tn_runner_profile(tn_runner *r, int repeat, const tn_layer_time **layers, size_t *n);

/* What a core of this machine does at most, measured in a second by a program that option cc builds. */
enum { TN_MACHINE_LEVELS = 4 };
typedef struct tn_machine {
    const char *target;               /* what native is */
    double gflops;                    /* multiply-adds of floats in vectors, 10^9 operations a second */
    double mib[TN_MACHINE_LEVELS];    /* sizes of memory, smallest first */
    double gbytes[TN_MACHINE_LEVELS]; /* 10^9 bytes a second that one core reads of as much again and again */
} tn_machine;
tn_status tn_machine_measure(tn_ctx *ctx, tn_machine *out);

/* --- comparing --------------------------------------------------------------------------------------------------- */

typedef struct tn_metrics {
    double max_abs, max_rel, rmse, mae, l2r, cosine; /* max_rel: |a-b| / |b| where b is not 0; l2r: |a-b| / |b| */
    double max_ulp;                                  /* floats only */
    int64_t count, mismatched;                       /* elements beyond atol + rtol * |b| */
    int argmax_equal;                                /* the largest elements stand at one place */
} tn_metrics;
tn_status tn_arrays_compare(tn_ctx *ctx, const tn_array *got, const tn_array *want, double rtol, double atol,
                            tn_metrics *out);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
