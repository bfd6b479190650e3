/* What a core of this machine does at most: templates/calibrate.c, built for it and loaded. See tenon.h. */
#include "api/api.h"
#include "base/child.h"
#include "base/embedded.h"
#include "base/path.h"
#include "base/unwind.h"

#include <dlfcn.h>
#include <stdlib.h>

typedef struct calibration {
    tn_ctx *ctx;
    tn_machine *out;
    const char *folder;
    void *library, *memory;
    tn_status status;
} calibration;

static const tn_embedded *source(void)
{
    const tn_embedded *e = tn_embedded_files;
    while (strcmp(e->name, "templates/calibrate.c") != 0)
        e++;
    return e;
}

/* The command of option cc, with the flags of this machine. */
static bool build(calibration *c, const char *from, const char *to)
{
    tn_arena *a = &c->ctx->arena;
    const char *command = tn_strfmt(a, "%s -std=c99 -O2 -ffp-contract=fast -shared -fPIC %s",
                                    tn_setting_get(c->ctx, "cc"), tn_target_native(a)->cflags);
    size_t n = 0;
    char **words = tn_child_split(a, command, &n), *output = NULL;
    if (words == NULL) {
        tn_error(&c->ctx->diag, "option '--cc': a quote is not closed: %s", tn_setting_get(c->ctx, "cc"));
        c->status = TN_ERR_USAGE;
        return false;
    }
    const char **argv = TN_NEW_N(a, const char *, n + 4);
    for (size_t i = 0; i < n; i++)
        argv[i] = words[i];
    argv[n] = "-o";
    argv[n + 1] = to;
    argv[n + 2] = from;
    int code = tn_child_run(a, &c->ctx->diag, argv, NULL, &output);
    if (code > 0)
        tn_error(&c->ctx->diag, "the C compiler failed (exit code %d) on what measures the machine: %.300s", code,
                 output);
    c->status = code == 0 ? TN_OK : TN_ERR_BUILD;
    return code == 0;
}

/* C has no conversion from void * to a function. */
static bool find_function(const calibration *c, const char *name, void *function, size_t size)
{
    void *at = dlsym(c->library, name);
    memcpy(function, &at, size);
    return at != NULL;
}

static bool measure(calibration *c)
{
    enum { MOST = 128 << 20, LINE = 64 };
    static const size_t sizes[TN_MACHINE_LEVELS] = {16 << 10, 256 << 10, 4 << 20, MOST};
    double (*gflops)(void) = NULL;
    double (*gbytes)(const void *, size_t) = NULL;
    c->memory = malloc(MOST + LINE);
    c->status = TN_ERR_MEMORY;
    if (c->memory == NULL)
        return false;
    c->status = TN_ERR_BUILD;
    if (!find_function(c, "tn_calibrate_gflops", &gflops, sizeof gflops)
        || !find_function(c, "tn_calibrate_gbytes", &gbytes, sizeof gbytes))
        return false;
    char *at = c->memory;
    at += (LINE - (uintptr_t)at % LINE) % LINE;
    memset(at, 1, MOST); /* pages that nobody wrote are all the same one */
    c->out->target = tn_target_native(&c->ctx->arena)->name;
    c->out->gflops = gflops();
    for (int i = 0; i < TN_MACHINE_LEVELS; i++) {
        c->out->mib[i] = (double)sizes[i] / (1 << 20);
        c->out->gbytes[i] = gbytes(at, sizes[i]);
    }
    c->status = TN_OK;
    return true;
}

static bool build_and_measure(void *state)
{
    calibration *c = state;
    tn_arena *a = &c->ctx->arena;
    const tn_embedded *e = source();
    c->status = TN_ERR_FILE;
    c->folder = tn_path_temp_folder(a, &c->ctx->diag, NULL);
    if (c->folder == NULL)
        return false;
    const char *from = tn_path_join(a, c->folder, "calibrate.c"), *to = tn_path_join(a, c->folder, "calibrate.so");
    if (!tn_write_file(&c->ctx->diag, from, e->bytes, e->size) || !build(c, from, to))
        return false;
    c->library = dlopen(to, RTLD_NOW | RTLD_LOCAL);
    if (c->library == NULL) {
        tn_error(&c->ctx->diag, "what measures the machine cannot be loaded: %s", dlerror());
        return false;
    }
    return measure(c);
}

static void close_all(void *state)
{
    calibration *c = state;
    free(c->memory);
    if (c->library != NULL)
        dlclose(c->library);
    if (c->folder != NULL)
        tn_path_remove_tree(&c->ctx->diag, c->folder);
}

static tn_status calibrate(void *state)
{
    calibration *c = state;
    tn_progress(c->ctx, "measuring this machine");
    tn_finally(&c->ctx->arena, build_and_measure, close_all, c);
    return c->status;
}

tn_status tn_machine_measure(tn_ctx *ctx, tn_machine *out)
{
    calibration c = {.ctx = ctx, .out = out, .status = TN_ERR_FILE};
    *out = (tn_machine){.target = ""};
    return tn_api_run(ctx, calibrate, &c);
}
