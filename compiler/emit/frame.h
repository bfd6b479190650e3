/* Frames of output files (templates/), and the facts that several files of a package must tell alike. */
#ifndef TN_FRAME_H
#define TN_FRAME_H

#include "emit/emit.h"

/* @NAME@ in a frame becomes text. */
typedef struct tn_mark {
    const char *name, *text;
} tn_mark;

/* Appends templates/FRAME. A mark that is alone on its line stands for whole lines, possibly none. Known without being
   given: NAME, UPPER, VERSION, BANNER_C and BANNER_SH (lines of a comment: what made this file, from what). A mark that
   nobody knows is an assert. */
void tn_frame_fill(const tn_unit *u, const char *frame, const tn_mark *marks, size_t n, tn_str *out);

/* The lines of BANNER_C (prefix " * ") and BANNER_SH (prefix "# "). */
const char *tn_banner(const tn_unit *u, const char *prefix);

const char *tn_version(void); /* "0.1.0" */
/* kws_run, or kws_x86_64_v4_run of a variant; what: "run", "get_info". */
const char *tn_function_name(const tn_unit *u, const char *what);
/* "kws_status kws_run(const kws_io *io, void *work, size_t work_size)" */
const char *tn_run_prototype(const tn_unit *u);
const char *tn_source_name(const tn_unit *u);  /* "kws.c", "kws_x86_64_v4.c" */
bool tn_weights_are_passed(const tn_unit *u);  /* kws_run takes a pointer to them: blob and arg */
bool tn_is_threaded(const tn_unit *u);         /* kws_run takes a tn_parallel, and the package has a pool */
const char *tn_weights_file(const tn_unit *u); /* "kws_weights.bin"; NULL where the weights are C */
const char *tn_params_text(tn_params p);       /* "const" */
int tn_port_version(const tn_unit *u);         /* of the tn_port.h that goes with the package */
const char *tn_code_flags(const tn_unit *u);   /* what the code needs of gcc and clang, but for language and level */
const char *tn_level_flag(const tn_unit *u);   /* "-O2" */
const char *tn_cflags(const tn_unit *u);       /* for gcc and clang */
int64_t tn_weight_count(const tn_weight *w);   /* elements of its C array: at least 1 */
tn_dim tn_io_dim(const tn_buf *b, int k);
int64_t tn_io_count(const tn_buf *b); /* elements at the bounds */
int64_t tn_io_bytes(const tn_buf *b);
const char *tn_io_type(tn_arena *a, const tn_buf *b); /* "float[batch<=8,10]" */
const char *tn_io_model_name(const tn_buf *b);        /* as in the model */
bool tn_uses_cblas(const tn_unit *u);
/* The call i of a function of the user's own, each function once, in order; NULL past the end. */
const tn_call *tn_own_call_at(const tn_unit *u, size_t i);
const char *tn_value_text(tn_arena *a, int64_t x);
/* A term without bounds, of the io struct's names, for programs to evaluate: "((n+1)*4)", "min(a,b)"; "/" rounds toward
   minus infinity. */
const char *tn_dim_formula(const tn_unit *u, tn_dim d);

/* The blob starts with this when it is passed to kws_run; the weights' offsets count from its end. Little-endian:
   magic "TNW1", uint32 version 1, uint64 tn_weights_id, uint64 bytes of weights, uint32 their CRC-32, uint32 64,
   zeros. */
enum { TN_WEIGHTS_HEADER = 64 };
uint64_t tn_weights_id(const tn_unit *u); /* of model, compiler, target, options and layout */

/* header.c: what NAME.c ends with: kws_weights_check, nothing where weights are not passed; kws_run_stateful and
   kws_state_init, nothing without --state; kws_get_info. */
void tn_emit_weights_check(const tn_unit *u, tn_str *out);
void tn_emit_state(const tn_unit *u, tn_str *out);
void tn_emit_info(const tn_unit *u, tn_str *out);

/* The name in the package of an embedded file of runtime_min/; NULL when it is none, or is not needed. */
const char *tn_runtime_file(const tn_unit *u, const char *embedded);
/* The names of the package's own files in its order; NULL ends them. */
const char **tn_package_names(const tn_unit *u);

#endif
