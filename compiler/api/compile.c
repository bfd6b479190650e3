/* tn_model_compile, tn_model_show and tn_model_summary. See tenon.h. */
#define _POSIX_C_SOURCE 200809L
#include "api/model.h"
#include "base/path.h"
#include "base/tar.h"
#include "base/unwind.h"

static bool is_mlf(const tn_ctx *ctx)
{
    return strcmp(tn_setting_get(ctx, "output-format"), "mlf") == 0;
}

/* The folder that holds path's last part. */
static bool make_folder_of(tn_ctx *ctx, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL || tn_path_make_folder(&ctx->diag, tn_strndup(&ctx->arena, path, (size_t)(slash - path)));
}

static bool write_all(tn_ctx *ctx, const char *folder, const tn_file_vec *files)
{
    for (size_t i = 0; i < files->n; i++) {
        const tn_file *f = &files->items[i];
        const char *path = tn_path_join(&ctx->arena, folder, f->name);
        if (!make_folder_of(ctx, path)
            || !(f->pieces != NULL ? tn_write_pieces(&ctx->diag, path, f->pieces, f->user)
                                   : tn_write_file(&ctx->diag, path, f->bytes, f->size)))
            return false;
    }
    return true;
}

static void add_dumps(tn_model *m, tn_unit *u, tn_file_vec *files)
{
    tn_str graph = {.arena = u->arena}, loops = {.arena = u->arena};
    tn_graph_print(m->module.graph, &graph);
    tn_module_print(&m->module, false, &loops);
    *TN_PUSH(u->arena, *files) = tn_file_of(tn_strfmt(u->arena, "%s.tg", u->name), graph.text, graph.len);
    *TN_PUSH(u->arena, *files) = tn_file_of(tn_strfmt(u->arena, "%s.loops", u->name), loops.text, loops.len);
}

tn_status tn_model_write_package(tn_model *m, const char *folder, const char *default_target)
{
    tn_ctx *ctx = m->ctx;
    const tn_targets *targets = tn_ctx_targets(ctx, default_target != NULL ? default_target : "generic");
    if (targets == NULL)
        return TN_ERR_USAGE;
    tn_unit *u = NULL;
    tn_status status = tn_unit_make_all(m, targets, &u);
    if (status != TN_OK)
        return status;
    tn_progress(ctx, "writing C");
    tn_file_vec files = {0};
    tn_emit_package(u, &files);
    if (is_mlf(ctx)) {
        tn_str graph = {.arena = u->arena};
        tn_graph_print(m->module.graph, &graph);
        tn_emit_mlf(u, graph.text, &files);
    }
    if (tn_setting_get(ctx, "dump-code")[0] != '\0')
        add_dumps(m, u, &files);
    return write_all(ctx, folder, &files) ? TN_OK : TN_ERR_FILE;
}

/* --- the package's place -------------------------------------------------------------------------------------------- */

/* A package of ours has NAME_report.json; anything else with files in it is somebody's. */
static bool may_replace(tn_ctx *ctx, const char *path)
{
    char **names = NULL;
    size_t n = 0;
    if (!tn_path_exists(path))
        return true;
    if (!tn_path_is_folder(path)) {
        tn_error_at(&ctx->diag, path, "exists and is no folder");
        return false;
    }
    if (!tn_path_list(&ctx->arena, &ctx->diag, path, &names, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (tn_ends_with(names[i], "_report.json") || strcmp(names[i], "metadata.json") == 0)
            return true;
    if (n > 0)
        tn_error_at(&ctx->diag, path, "the folder is no Tenon package and is not empty; it is left as it is");
    return n == 0;
}

typedef struct compile_state {
    tn_model *m;
    const char *path, *folder; /* folder: the temporary one beside path */
    bool is_tar, done;
    tn_status status;
} compile_state;

static tn_status build_package(compile_state *s)
{
    tn_ctx *ctx = s->m->ctx;
    const char *kind = tn_setting_get(ctx, "build");
    if (kind[0] == '\0')
        return TN_OK;
    tn_progress(ctx, "running the C compiler");
    size_t n = strlen(s->path) - (s->is_tar ? strlen(".tar") : 0);
    return tn_package_build(ctx, s->folder, s->m->name, tn_strndup(&ctx->arena, s->path, n), kind);
}

static bool fill_folder(void *state)
{
    compile_state *s = state;
    tn_ctx *ctx = s->m->ctx;
    s->folder = tn_path_temp_folder(&ctx->arena, &ctx->diag, s->path);
    if (s->folder == NULL)
        return s->status = TN_ERR_FILE, false;
    s->status = tn_model_write_package(s->m, s->folder, NULL);
    if (s->status == TN_OK)
        s->status = build_package(s);
    if (s->status != TN_OK)
        return false;
    s->done = s->is_tar ? tn_tar_write(&ctx->arena, &ctx->diag, s->path, s->folder)
                        : tn_path_replace_folder(&ctx->diag, s->folder, s->path);
    s->status = s->done ? TN_OK : TN_ERR_FILE;
    return s->done;
}

static void clean_folder(void *state)
{
    compile_state *s = state;
    if (s->folder != NULL && (s->is_tar || !s->done))
        tn_path_remove_tree(&s->m->ctx->diag, s->folder);
}

static tn_status compile(void *state)
{
    compile_state *s = state;
    tn_ctx *ctx = s->m->ctx;
    if (is_mlf(ctx) && tn_setting_get(ctx, "build")[0] != '\0') {
        tn_error(&ctx->diag, "--output-format mlf holds sources only; leave out --build");
        return TN_ERR_USAGE;
    }
    s->is_tar = tn_ends_with(s->path, ".tar");
    if ((!s->is_tar && !may_replace(ctx, s->path)) || !make_folder_of(ctx, s->path))
        return TN_ERR_FILE;
    tn_finally(&ctx->arena, fill_folder, clean_folder, s);
    return s->status;
}

tn_status tn_model_compile(tn_model *m, const char *path)
{
    compile_state s = {.m = m, .path = path};
    return tn_api_run(m->ctx, compile, &s);
}

/* --- show and summary ----------------------------------------------------------------------------------------------- */

typedef struct show_state {
    tn_model *m;
    int flag;
    tn_str out;
} show_state;

/* Only what becomes C needs a bound. */
static void note_unbounded(const tn_model *m)
{
    const tn_graph *g = m->module.graph;
    for (size_t i = 0; g != NULL && i < g->unbounded.n; i++)
        tn_note(&m->ctx->diag, tn_strfmt(&m->ctx->arena, "%s: ", m->path), "%s; 1 is taken here",
                g->unbounded.items[i]);
}

static tn_status show(void *state)
{
    show_state *s = state;
    tn_module *m = &s->m->module;
    note_unbounded(s->m);
    const tn_target *t = tn_ctx_target(s->m->ctx, "generic");
    tn_status status = t == NULL ? TN_ERR_USAGE : s->flag > 0 ? tn_model_optimise(s->m, t) : TN_OK;
    if (status == TN_OK && s->flag == 0 && m->graph != NULL)
        tn_graph_print_full(m->graph, &s->out);
    else if (status == TN_OK)
        tn_module_print(m, true, &s->out);
    return status;
}

const char *tn_model_show(tn_model *m, int loops)
{
    show_state s = {.m = m, .flag = loops, .out = {.arena = &m->ctx->arena}};
    return tn_api_run(m->ctx, show, &s) == TN_OK ? s.out.text : NULL;
}

static tn_status summarise(void *state)
{
    show_state *s = state;
    note_unbounded(s->m);
    const tn_target *t = tn_ctx_target(s->m->ctx, "generic");
    tn_status status = t == NULL ? TN_ERR_USAGE : tn_model_optimise(s->m, t);
    if (status != TN_OK)
        return status;
    tn_unit *u = tn_unit_make(s->m, t);
    if (u == NULL)
        return TN_ERR_MODEL;
    if (s->flag != 0)
        tn_emit_report_json(u, &s->out);
    else
        tn_emit_summary(u, &s->out);
    return TN_OK;
}

const char *tn_model_summary(tn_model *m, int json)
{
    show_state s = {.m = m, .flag = json, .out = {.arena = &m->ctx->arena}};
    return tn_api_run(m->ctx, summarise, &s) == TN_OK ? s.out.text : NULL;
}
