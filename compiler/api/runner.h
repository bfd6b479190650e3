/* Inside of a runner: a package whose shared library is loaded, with buffers for one run. */
#ifndef TN_API_RUNNER_H
#define TN_API_RUNNER_H

#include "api/package.h"

/* NAME_run, by whether weights and threads are passed. */
typedef union tn_entry {
    int (*plain)(const void *io, void *work, size_t work_size);
    int (*weights)(const void *io, const void *weights, void *work, size_t work_size);
    int (*threads)(const void *io, void *work, size_t work_size, const void *threads);
    int (*both)(const void *io, const void *weights, void *work, size_t work_size, const void *threads);
} tn_entry;
typedef const void *tn_pool_open_fn(void *memory, size_t size, int threads);
typedef size_t tn_pool_size_fn(int threads);
typedef void tn_pool_close_fn(const void *pool);

/* Members of NAME_io: inputs, outputs, then one size per symbol, or where the run writes one that it finds; each as large
   as a pointer. */
typedef union tn_io_member {
    void *data;
    ptrdiff_t size;
} tn_io_member;

typedef struct tn_library {
    void *handle; /* of dlopen; NULL: closed */
    tn_entry run;
} tn_library;

struct tn_runner {
    tn_ctx *ctx;
    tn_arena arena;   /* all of the runner but itself; freed when it is closed */
    const char *path; /* as opened, for messages */
    const char *temp; /* a folder that goes with the runner; NULL: none */
    tn_package package;
    tn_library library;
    void *weights;       /* NULL: they are in the library */
    const void *threads; /* a tn_parallel of the library's pool; NULL: the calling thread does all */
    tn_pool_close_fn *close_pool;
    void *work;
    tn_io_member *io;
    int64_t *symbols; /* their values now */
    ptrdiff_t *found; /* by symbol: what the run finds */
    bool has_inputs, has_results;
    tn_array *input_info, *output_info; /* dims are negative where they vary; no data */
    tn_array *results;                  /* of the last run; data is the io struct's */
    /* for matching inputs, by input and by symbol */
    const tn_array **given;
    int64_t *fresh; /* 0: not known yet */
    size_t *giver;  /* the input that a fresh symbol comes from */
};

/* runner_load.c. The library's file must be a path with a slash. False after an error. */
bool tn_library_open(tn_ctx *ctx, const tn_package *p, const char *file, tn_library *out);
void tn_library_close(tn_library *l);
int tn_library_call(const tn_library *l, const tn_runner *r); /* NAME_run on the runner's buffers */

/* runner.c. What messages call the package's folder: not a temporary one, but what tenon compile would write. */
const char *tn_runner_shown(const tn_runner *r);
bool tn_runner_check(const tn_runner *r, int code); /* reports a code of NAME_run other than OK */

#endif
