/* Running what a runner has loaded: once, timed, or layer by layer. See tenon.h and runner.h. */
#define _POSIX_C_SOURCE 200809L
#include "api/runner.h"

#include "base/path.h"
#include "base/unwind.h"
#include "emit/emit.h"

#include <dlfcn.h>
#include <time.h>

size_t tn_runner_inputs(const tn_runner *r, const tn_array **info)
{
    *info = r->input_info;
    return r->package.n_in;
}

size_t tn_runner_outputs(const tn_runner *r, const tn_array **info)
{
    *info = r->output_info;
    return r->package.n_out;
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

bool tn_runner_check(const tn_runner *r, int code)
{
    const char *text = tn_code_text(code);
    if (code != 0)
        tn_error_at(&r->ctx->diag, r->path, "%s_run returned %d: %s", r->package.name, code,
                    text != NULL ? text : "an error that this version of Tenon does not know");
    return code == 0;
}

/* Sets what the io struct says beside the data, before runs. */
static bool prepare(tn_runner *r)
{
    const tn_package *p = &r->package;
    if (!r->has_inputs && p->n_in > 0) {
        tn_error_at(&r->ctx->diag, r->path, "the inputs are not set; set or fill them before a run");
        return false;
    }
    for (size_t i = 0; i < p->n_symbols; i++)
        if (p->symbol[i].found)
            r->io[p->n_in + p->n_out + i].data = &r->found[i];
        else
            r->io[p->n_in + p->n_out + i].size = (ptrdiff_t)r->symbols[i];
    return true;
}

static bool describe_result(const tn_runner *r, size_t i)
{
    const tn_package_io *io = &r->package.output[i];
    tn_array *x = &r->results[i];
    x->bytes = (size_t)tn_dtype_get(io->dtype)->size;
    for (int k = 0; k < io->rank; k++) {
        bool ok = tn_package_dim_value(&r->package, &io->dim[k], r->symbols, &x->dim[k]);
        if (!ok || x->dim[k] < 0 || x->dim[k] > io->dim[k].max) {
            tn_error_at(&r->ctx->diag, r->path, "output '%s': dim %d is %lld; wanted 0 to %lld", io->name, k,
                        (long long)x->dim[k], (long long)io->dim[k].max);
            return false;
        }
        x->bytes *= (size_t)x->dim[k]; /* not above io->room, whose product was checked */
    }
    return true;
}

static tn_status run_once(void *state)
{
    tn_runner *r = state;
    r->has_results = false;
    if (!prepare(r))
        return TN_ERR_RUN;
    if (!tn_runner_check(r, tn_library_call(&r->library, r)))
        return TN_ERR_RUN;
    for (size_t i = 0; i < r->package.n_symbols; i++)
        r->symbols[i] = r->package.symbol[i].found ? r->found[i] : r->symbols[i];
    for (size_t i = 0; i < r->package.n_out; i++)
        if (!describe_result(r, i))
            return TN_ERR_RUN;
    r->has_results = true;
    return TN_OK;
}

tn_status tn_runner_run(tn_runner *r)
{
    return tn_api_run(r->ctx, run_once, r);
}

const tn_array *tn_runner_result(tn_runner *r, size_t *n)
{
    *n = r->has_results ? r->package.n_out : 0;
    return r->has_results ? r->results : NULL;
}

/* --- times -------------------------------------------------------------------------------------------------------- */

typedef struct time_state {
    tn_runner *runner;
    int count;
    double *ms;
} time_state;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static tn_status time_runs(void *state)
{
    const time_state *s = state;
    if (!prepare(s->runner))
        return TN_ERR_RUN;
    for (int i = 0; i < s->count; i++) {
        double start = now_ms();
        int code = tn_library_call(&s->runner->library, s->runner);
        s->ms[i] = now_ms() - start;
        if (!tn_runner_check(s->runner, code))
            return TN_ERR_RUN;
    }
    return TN_OK;
}

tn_status tn_runner_time(tn_runner *r, int count, double *ms)
{
    time_state s = {r, count, ms};
    return tn_api_run(r->ctx, time_runs, &s);
}

/* --- profiles ----------------------------------------------------------------------------------------------------- */

typedef struct profile_state {
    tn_runner *runner;
    int repeat;
    const char *temp; /* folder of the build with hooks; NULL: none yet */
    tn_library library;
    tn_layer_time *layers;
    tn_status status;
} profile_state;

const char *tn_runner_shown(const tn_runner *r)
{
    bool temporary = r->temp != NULL && strncmp(r->package.folder, r->temp, strlen(r->temp)) == 0;
    return temporary ? r->package.name : r->package.folder;
}

static bool load_profile(profile_state *s)
{
    const tn_runner *r = s->runner;
    tn_arena *a = &r->ctx->arena;
    s->status = TN_ERR_FILE;
    s->temp = tn_path_temp_folder(a, &r->ctx->diag, NULL);
    if (s->temp == NULL)
        return false;
    s->status = tn_package_build_into(r->ctx, &r->package, s->temp, tn_runner_shown(r), "shared", true);
    if (s->status != TN_OK)
        return false;
    const char *file = tn_path_join(a, s->temp, tn_strfmt(a, "lib%s.so", r->package.name));
    s->status = TN_ERR_FILE;
    return tn_library_open(r->ctx, &r->package, file, &s->library);
}

/* The first run finds cold caches and does not count. */
static bool run_layers(profile_state *s, double *sums)
{
    const tn_runner *r = s->runner;
    const tn_package *p = &r->package;
    s->status = TN_ERR_RUN;
    for (int i = 0; i <= s->repeat; i++) {
        if (!tn_runner_check(r, tn_library_call(&s->library, r)))
            return false;
        if (i == 0)
            memset(sums, 0, p->n_layers * sizeof *sums);
    }
    for (size_t i = 0; i < p->n_layers; i++)
        s->layers[i].ms = sums[i] / s->repeat;
    s->status = TN_OK;
    return true;
}

static bool measure_layers(void *state)
{
    profile_state *s = state;
    const tn_package *p = &s->runner->package;
    tn_arena *a = &s->runner->ctx->arena;
    s->layers = TN_NEW_N(a, tn_layer_time, p->n_layers + 1);
    for (size_t i = 0; i < p->n_layers; i++)
        s->layers[i] = (tn_layer_time){.name = tn_strdup(a, p->layer[i].label),
                                       .schedule = tn_strdup(a, p->layer[i].schedule),
                                       .why = tn_strdup(a, p->layer[i].why),
                                       .mflop = 2 * p->layer[i].macs / 1e6,
                                       .mbytes = p->layer[i].bytes / 1e6,
                                       .bound = p->layer[i].bound};
    if (!load_profile(s))
        return false;
    double *sums = dlsym(s->library.handle, "tn_profile_ms");
    if (sums == NULL) {
        tn_error_at(&s->runner->ctx->diag, s->runner->path, "the build for the profile has no tn_profile_ms");
        s->status = TN_ERR_BUILD;
        return false;
    }
    return run_layers(s, sums);
}

static void close_profile(void *state)
{
    profile_state *s = state;
    tn_library_close(&s->library);
    if (s->temp != NULL)
        tn_path_remove_tree(&s->runner->ctx->diag, s->temp);
}

static tn_status profile(void *state)
{
    profile_state *s = state;
    tn_runner *r = s->runner;
    if (s->repeat < 1) {
        tn_error(&r->ctx->diag, "a profile of %d runs; it takes at least 1", s->repeat);
        return TN_ERR_USAGE;
    }
    if (r->package.n_variants > 0) {
        tn_error_at(&r->ctx->diag, r->path,
                    "the package has variants, whose layers differ: take a profile of the model for one target");
        return TN_ERR_USAGE;
    }
    if (!prepare(r))
        return TN_ERR_RUN;
    tn_finally(&r->ctx->arena, measure_layers, close_profile, s);
    return s->status;
}

tn_status tn_runner_profile(tn_runner *r, int repeat, const tn_layer_time **layers, size_t *n)
{
    profile_state s = {.runner = r, .repeat = repeat};
    tn_status status = tn_api_run(r->ctx, profile, &s);
    *layers = status == TN_OK ? s.layers : NULL;
    *n = status == TN_OK ? r->package.n_layers : 0;
    return status;
}
