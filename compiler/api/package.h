/* A package as its NAME_report.json describes it, for what builds and runs packages. */
#ifndef TN_API_PACKAGE_H
#define TN_API_PACKAGE_H

#include "api/api.h"

/* At run time a dim is max, the value of a symbol, or that of a term. */
typedef struct tn_package_dim {
    int64_t max;
    int symbol;       /* index, or -1 */
    const char *term; /* of the symbols' C names: "((batch+1)*4)"; NULL: none */
} tn_package_dim;

typedef struct tn_package_io {
    const char *name, *c_name; /* the model's, and that of the io struct's member */
    int dtype, rank;
    tn_package_dim dim[TN_ARRAY_MAX_RANK];
    size_t room; /* bytes at the largest sizes */
} tn_package_io;

typedef struct tn_package_symbol {
    const char *name, *c_name;
    int64_t max;
    bool found;      /* by the run, which writes it: 0..max */
} tn_package_symbol; /* 1..max */
typedef struct tn_package_layer {
    const char *label, *schedule, *why; /* "" where the report does not say */
    double macs, bytes, bound;
} tn_package_layer;

typedef struct tn_package_variant {
    const char *source, *cflags; /* its file, and what that needs beside the package's flags */
} tn_package_variant;

typedef struct tn_package {
    const char *folder, *name; /* name: a C identifier, the prefix of its symbols and files */
    const char *target, *cflags, *params;
    const char *function; /* one that the user must link, see option link; NULL: none */
    bool uses_cblas;
    const char *weights_file; /* what the caller loads and passes to NAME_run; NULL: nothing to pass */
    size_t work_size, work_align;
    int threads; /* above 1: NAME_run takes a tn_parallel, and there is NAME_pool_open */
    tn_package_io *input, *output;
    tn_package_symbol *symbol;
    tn_package_layer *layer;
    tn_package_variant *variant; /* none in a package for one target */
    const char **file;           /* names in the folder */
    size_t n_in, n_out, n_symbols, n_layers, n_variants, n_files;
} tn_package;

/* name NULL: of the one *_report.json in the folder. Errors are reported. */
tn_status tn_package_read(tn_arena *a, tn_diag *d, const char *folder, const char *name, tn_package *out);

/* Where a file of the package is: in its folder, or in that of its kind in TVM's Model Library Format. */
const char *tn_package_path(tn_arena *a, const tn_package *p, const char *name);

/* False when the term is malformed. */
bool tn_package_dim_value(const tn_package *p, const tn_package_dim *d, const int64_t *symbols, int64_t *out);

/* build.c: tn_package_build with its results in another folder. The profile's library exports double tn_profile_ms[],
   the time of each layer summed over all runs. */
tn_status tn_package_build_into(tn_ctx *ctx, const tn_package *p, const char *into, const char *shown, const char *kind,
                                bool profile);

#endif
