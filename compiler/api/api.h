/* Inside of tenon.h: the context, and the frame that every public function runs in. */
#ifndef TN_API_H
#define TN_API_H

#include "base/base.h"
#include "include/tenon.h"
#include "ir/ir.h"
#include "target/target.h"

typedef struct tn_setting {
    const char *name, *value;
} tn_setting;
typedef struct {
    tn_setting *items;
    size_t n, room;
} tn_setting_vec;
typedef struct tn_own_pass {
    const char *name;
    char *(*run)(void *, const char *);
    void *user;
} tn_own_pass;
typedef struct {
    tn_own_pass *items;
    size_t n, room;
} tn_own_pass_vec;
typedef struct tn_named_targets {
    const char *text; /* as option target has it */
    tn_targets targets;
} tn_named_targets;
typedef struct {
    tn_named_targets *items;
    size_t n, room;
} tn_named_targets_vec;
typedef struct {
    tn_runner **items;
    size_t n, room;
} tn_runner_vec;

struct tn_ctx {
    tn_config config;
    tn_memory memory;
    tn_arena arena;
    tn_diag diag;
    tn_status status;
    tn_setting_vec settings; /* in the order of tn_ctx_set */
    tn_own_pass_vec own;
    tn_named_targets_vec targets; /* found so far */
    tn_runner_vec runners;        /* open ones; tn_ctx_close closes them */
};

/* Every public function is body(state) run here: unwinding from exhausted memory ends as TN_ERR_MEMORY, and a status
   other than TN_OK is kept for tn_ctx_status. */
typedef tn_status tn_body(void *state);
tn_status tn_api_run(tn_ctx *ctx, tn_body *body, void *state);

/* The last value set, else the default of the option's row. Never NULL. */
const char *tn_setting_get(const tn_ctx *ctx, const char *name);
/* All values of an option that adds up, NULL-terminated. */
const char *const *tn_setting_all(tn_ctx *ctx, const char *name);
/* Of option target; NULL after an error that is reported. */
const tn_targets *tn_ctx_targets(tn_ctx *ctx, const char *otherwise);
const tn_target *tn_ctx_target(tn_ctx *ctx, const char *otherwise); /* also where there are several */
/* Option threads, 0 where it is not set; false after an error. */
bool tn_ctx_threads(tn_ctx *ctx, int *out);
bool tn_ctx_string_bytes(tn_ctx *ctx, int *out); /* the same for option string-bytes */
void tn_progress(tn_ctx *ctx, const char *step);

/* compile.c: writes the package of a loaded model into an existing folder, no tar and no renaming. default_target: what
   option "target" is when it is not set; NULL: "generic". */
tn_status tn_model_write_package(tn_model *m, const char *folder, const char *default_target);
/* build.c: runs the C compiler on it. shown: what messages call the folder, which may be a temporary one. */
tn_status tn_package_build(tn_ctx *ctx, const char *folder, const char *name, const char *shown, const char *kind);

#endif
