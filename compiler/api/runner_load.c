/* Opening and closing runners: from a package or a model file to a loaded library with buffers. See runner.h.

       model file     compiled into a temporary folder, built there
       x.tar          unpacked into a temporary folder
       folder         used as it is; built into a temporary folder when it has no libNAME.so

   The temporary folder stays until the runner is closed, since a profile builds the sources once more. */
#define _POSIX_C_SOURCE 200809L
#include "api/runner.h"

#include "base/path.h"
#include "base/tar.h"
#include "base/unwind.h"

#include <dlfcn.h>

enum { BUFFER_ALIGN = 64 };

/* --- libraries ---------------------------------------------------------------------------------------------------- */

bool tn_library_open(tn_ctx *ctx, const tn_package *p, const char *file, tn_library *out)
{
    const char *name = tn_strfmt(&ctx->arena, "%s_run", p->name);
    *out = (tn_library){.handle = dlopen(file, RTLD_NOW | RTLD_LOCAL)};
    if (out->handle == NULL) {
        tn_error_at(&ctx->diag, file, "cannot load: %s", dlerror());
        return false;
    }
    void *entry = dlsym(out->handle, name);
    if (entry == NULL) {
        tn_error_at(&ctx->diag, file, "has no function %s: it is another package's, or no model", name);
        tn_library_close(out);
        return false;
    }
    memcpy(&out->run, &entry, sizeof entry); /* C has no conversion from void * to a function */
    return true;
}

void tn_library_close(tn_library *l)
{
    if (l->handle != NULL)
        dlclose(l->handle);
    *l = (tn_library){0};
}

int tn_library_call(const tn_library *l, const tn_runner *r)
{
    size_t size = r->package.work_size;
    bool weights = r->package.weights_file != NULL;
    if (r->package.threads > 1)
        return weights ? l->run.both(r->io, r->weights, r->work, size, r->threads)
                       : l->run.threads(r->io, r->work, size, r->threads);
    return weights ? l->run.weights(r->io, r->weights, r->work, size) : l->run.plain(r->io, r->work, size);
}

/* --- the package's folder ----------------------------------------------------------------------------------------- */

typedef struct opening {
    tn_runner *runner;
    tn_model *model; /* NULL: the path is a package */
    bool done;
    tn_status status;
} opening;

static bool fail(opening *o, tn_status status)
{
    o->status = status;
    return false;
}

static bool make_temp(tn_runner *r)
{
    if (r->temp == NULL)
        r->temp = tn_path_temp_folder(&r->arena, &r->ctx->diag, NULL);
    return r->temp != NULL;
}

static bool get_folder(opening *o, const char **folder)
{
    tn_runner *r = o->runner;
    *folder = r->path;
    if (o->model == NULL && tn_path_is_folder(r->path))
        return true;
    if (!make_temp(r))
        return fail(o, TN_ERR_FILE);
    *folder = r->temp;
    if (o->model == NULL)
        return tn_tar_extract(&r->arena, &r->ctx->diag, r->path, r->temp) || fail(o, TN_ERR_FILE);
    tn_status status = tn_model_write_package(o->model, r->temp, "native");
    return status == TN_OK || fail(o, status);
}

/* A processor that lacks the target's instructions would end the process. */
static bool check_target(const opening *o)
{
    tn_runner *r = o->runner;
    const char *name = r->package.target;
    const tn_target *here = tn_target_here(&r->arena);
    tn_targets t = {0};
    if (!tn_targets_find(&r->arena, NULL, name, &t) || tn_target_runs_on(t.items[0], here))
        return true;
    tn_error_at(&r->ctx->diag, r->path, "is compiled for %s, and this machine is %s; compile for native or generic",
                name, here->name);
    return false;
}

/* Builds the library where there is none. */
static bool get_library(opening *o)
{
    tn_runner *r = o->runner;
    const tn_package *p = &r->package;
    const char *file = tn_strfmt(&r->arena, "lib%s.so", p->name), *path = tn_path_join(&r->arena, p->folder, file);
    if (!tn_path_exists(path)) {
        if (!make_temp(r))
            return fail(o, TN_ERR_FILE);
        tn_status status = tn_package_build_into(r->ctx, p, r->temp, tn_runner_shown(r), "shared", false);
        if (status != TN_OK)
            return fail(o, status);
        path = tn_path_join(&r->arena, r->temp, file);
    }
    return tn_library_open(r->ctx, p, path, &r->library) || fail(o, TN_ERR_FILE);
}

/* --- buffers ------------------------------------------------------------------------------------------------------ */

/* Never NULL, which NAME_run refuses even where nothing is read or written. */
static void *alloc_aligned(tn_arena *a, size_t size, size_t align)
{
    align = align > BUFFER_ALIGN ? align : BUFFER_ALIGN;
    char *p = tn_alloc(a, size + align);
    return p + (align - (uintptr_t)p % align) % align;
}

static tn_array *make_info(tn_arena *a, const tn_package_io *io, size_t n)
{
    tn_array *info = TN_NEW_N(a, tn_array, n + 1);
    for (size_t i = 0; i < n; i++) {
        info[i] = (tn_array){.name = io[i].name, .dtype = io[i].dtype, .rank = io[i].rank, .bytes = io[i].room};
        for (int k = 0; k < io[i].rank; k++) {
            const tn_package_dim *d = &io[i].dim[k];
            info[i].dim[k] = d->symbol >= 0 || d->term != NULL ? -d->max : d->max;
        }
    }
    return info;
}

static void make_buffers(tn_runner *r)
{
    tn_arena *a = &r->arena;
    const tn_package *p = &r->package;
    r->work = alloc_aligned(a, p->work_size, p->work_align);
    r->io = TN_NEW_N(a, tn_io_member, p->n_in + p->n_out + p->n_symbols + 1);
    r->symbols = TN_NEW_N(a, int64_t, p->n_symbols + 1);
    r->found = TN_NEW_N(a, ptrdiff_t, p->n_symbols + 1);
    r->fresh = TN_NEW_N(a, int64_t, p->n_symbols + 1);
    r->giver = TN_NEW_N(a, size_t, p->n_symbols + 1);
    r->given = TN_NEW_N(a, const tn_array *, p->n_in + 1);
    r->input_info = make_info(a, p->input, p->n_in);
    r->output_info = make_info(a, p->output, p->n_out);
    r->results = make_info(a, p->output, p->n_out);
    for (size_t i = 0; i < p->n_in; i++)
        r->io[i].data = alloc_aligned(a, p->input[i].room, BUFFER_ALIGN);
    for (size_t i = 0; i < p->n_out; i++)
        r->results[i].data = r->io[p->n_in + i].data = alloc_aligned(a, p->output[i].room, BUFFER_ALIGN);
    for (size_t i = 0; i < p->n_symbols; i++)
        r->symbols[i] = p->symbol[i].max;
}

typedef int check_fn(const void *weights, size_t size);

static bool load_weights(opening *o)
{
    tn_runner *r = o->runner;
    const tn_package *p = &r->package;
    size_t size = 0;
    if (p->weights_file == NULL)
        return true;
    const char *path = tn_package_path(&r->arena, p, p->weights_file);
    const char *bytes = tn_read_file(&r->arena, &r->ctx->diag, path, &size);
    if (bytes == NULL)
        return fail(o, TN_ERR_FILE);
    r->weights = alloc_aligned(&r->arena, size, BUFFER_ALIGN);
    memcpy(r->weights, bytes, size);
    void *found = dlsym(r->library.handle, tn_strfmt(&r->arena, "%s_weights_check", p->name));
    check_fn *check = NULL;
    memcpy(&check, &found, sizeof found);
    if (check == NULL || check(r->weights, size) == 0)
        return true;
    tn_error_at(&r->ctx->diag, path, "is damaged, or the weights of another model or compilation");
    return fail(o, TN_ERR_FILE);
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

static bool find_function(opening *o, const char *suffix, void *out)
{
    tn_runner *r = o->runner;
    const char *name = tn_strfmt(&r->arena, "%s_pool_%s", r->package.name, suffix);
    void *found = dlsym(r->library.handle, name);
    memcpy(out, &found, sizeof found);
    if (found == NULL)
        tn_error_at(&r->ctx->diag, r->path, "the library has no function %s, although it is compiled for %d threads",
                    name, r->package.threads);
    return found != NULL;
}

/* Option threads, or as many as the package was compiled for. */
static bool open_pool(opening *o)
{
    tn_runner *r = o->runner;
    tn_pool_size_fn *get_size = NULL;
    tn_pool_open_fn *open = NULL;
    int threads = 0, most = r->package.threads;
    if (!tn_ctx_threads(r->ctx, &threads))
        return fail(o, TN_ERR_USAGE);
    threads = threads > 0 ? threads : most;
    if (threads > most) {
        tn_error_at(&r->ctx->diag, r->path, "is compiled for %d thread%s, not for %d; compile it with --threads %d",
                    most, most > 1 ? "s" : "", threads, threads);
        return fail(o, TN_ERR_USAGE);
    }
    if (threads == 1)
        return true;
    if (!find_function(o, "size", &get_size) || !find_function(o, "open", &open)
        || !find_function(o, "close", &r->close_pool))
        return fail(o, TN_ERR_FILE);
    size_t size = get_size(threads);
    r->threads = open(tn_alloc(&r->arena, size), size, threads);
    if (r->threads != NULL)
        return true;
    tn_error_at(&r->ctx->diag, r->path, "the system gives no %d threads", threads);
    return fail(o, TN_ERR_RUN);
}

/* --- open and close ----------------------------------------------------------------------------------------------- */

static void release(tn_runner *r)
{
    if (r->threads != NULL)
        r->close_pool(r->threads);
    r->threads = NULL;
    tn_library_close(&r->library);
    if (r->temp != NULL)
        tn_path_remove_tree(&r->ctx->diag, r->temp);
    r->temp = NULL;
    tn_arena_free(&r->arena);
}

static bool fill_runner(void *state)
{
    opening *o = state;
    tn_runner *r = o->runner;
    const char *folder = NULL;
    if (!get_folder(o, &folder))
        return false;
    const char *name = o->model != NULL ? tn_model_name(o->model) : NULL;
    tn_status status = tn_package_read(&r->arena, &r->ctx->diag, folder, name, &r->package);
    if (status != TN_OK)
        return fail(o, status);
    if (!check_target(o))
        return fail(o, TN_ERR_RUN);
    if (!get_library(o) || !load_weights(o))
        return false;
    make_buffers(r);
    if (!open_pool(o))
        return false;
    *TN_PUSH(&r->ctx->arena, r->ctx->runners) = r;
    o->done = true;
    return true;
}

static void release_unfinished(void *state)
{
    const opening *o = state;
    if (!o->done)
        release(o->runner);
}

typedef struct open_state {
    tn_ctx *ctx;
    const char *path;
    tn_model *model;
    tn_runner *runner;
} open_state;

static tn_status open_runner(void *state)
{
    open_state *s = state;
    tn_runner *r = TN_NEW(&s->ctx->arena, tn_runner);
    opening o = {.runner = r, .model = s->model, .status = TN_OK};
    *r = (tn_runner){.ctx = s->ctx, .arena = {.memory = &s->ctx->memory}};
    r->path = tn_strdup(&s->ctx->arena, s->path);
    tn_finally(&s->ctx->arena, fill_runner, release_unfinished, &o);
    s->runner = o.done ? r : NULL;
    return o.status;
}

int tn_is_package(const char *path)
{
    size_t n = strlen(path);
    return tn_path_is_folder(path) || (n > 4 && strcmp(path + n - 4, ".tar") == 0);
}

tn_runner *tn_runner_open(tn_ctx *ctx, const char *path)
{
    open_state s = {.ctx = ctx, .path = path};
    if (!tn_is_package(path) && (s.model = tn_model_load(ctx, path)) == NULL)
        return NULL;
    return tn_api_run(ctx, open_runner, &s) == TN_OK ? s.runner : NULL;
}

void tn_runner_close(tn_runner *r)
{
    if (r == NULL)
        return;
    tn_runner_vec *open = &r->ctx->runners;
    size_t kept = 0;
    for (size_t i = 0; i < open->n; i++)
        if (open->items[i] != r)
            open->items[kept++] = open->items[i];
    open->n = kept;
    release(r);
}
