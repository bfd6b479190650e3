/* Loading models and running passes on them. See tenon.h. */
#include "api/api.h"
#include "api/model.h"
#include "base/hash.h"
#include "base/path.h"
#include "onnx/onnx.h"
#include "ops/ops.h"
#include "pass/pass.h"

#include <stdlib.h>

/* A C identifier from a file name: what is no letter, digit or _ becomes _, a digit in front gets one before it. */
static const char *identifier(tn_arena *a, const char *s)
{
    char *id = tn_strfmt(a, "%s%s", *s >= '0' && *s <= '9' ? "m" : "", s);
    for (char *c = id; *c != '\0'; c++) {
        bool ok = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_';
        *c = ok ? *c : '_';
    }
    return *id != '\0' ? id : "model";
}

typedef struct load_state {
    tn_ctx *ctx;
    const char *path;
    tn_model *model;
} load_state;

static bool is_text(const char *path)
{
    size_t n = strlen(path);
    return n > 3 && strcmp(path + n - 3, ".tg") == 0;
}

static tn_graph *read_graph(tn_ctx *ctx, const char *path, const char *bytes, size_t size)
{
    tn_onnx_options o = {.shapes = tn_setting_all(ctx, "input-shapes"), .consts = tn_setting_all(ctx, "const")};
    while (o.shapes[o.n_shapes] != NULL)
        o.n_shapes++;
    while (o.consts[o.n_consts] != NULL)
        o.n_consts++;
    if (is_text(path))
        return tn_graph_parse(&ctx->arena, &ctx->diag, path, bytes, tn_op_find);
    return tn_onnx_parse(&ctx->arena, &ctx->diag, path, bytes, size, &o);
}

static tn_status load(void *state)
{
    load_state *s = state;
    tn_ctx *ctx = s->ctx;
    size_t size = 0;
    tn_progress(ctx, "reading the model");
    char *bytes = tn_read_file(&ctx->arena, &ctx->diag, s->path, &size);
    if (bytes == NULL)
        return TN_ERR_FILE;
    tn_model *m = TN_NEW(&ctx->arena, tn_model);
    *m = (tn_model){.ctx = ctx, .path = tn_strdup(&ctx->arena, s->path), .hash = tn_hash(bytes, size, 0)};
    const char *name = tn_setting_get(ctx, "module-name");
    m->name = identifier(&ctx->arena, name[0] != '\0' ? name : tn_path_stem(&ctx->arena, s->path));
    if (name[0] != '\0' && strcmp(m->name, name) != 0) {
        tn_error(&ctx->diag, "module-name '%s' is no C identifier", name);
        return TN_ERR_USAGE;
    }
    m->graph = read_graph(ctx, m->path, bytes, size);
    s->model = m->graph != NULL ? m : NULL;
    return m->graph != NULL ? TN_OK : TN_ERR_MODEL;
}

tn_model *tn_model_load(tn_ctx *ctx, const char *path)
{
    load_state s = {ctx, path, NULL};
    return tn_api_run(ctx, load, &s) == TN_OK ? s.model : NULL;
}

const char *tn_model_name(const tn_model *m)
{
    return m->name;
}

/* --- passes --------------------------------------------------------------------------------------------------------- */

static void dump(void *user, const char *pass, bool changed, const char *text)
{
    (void)user;
    printf("# after %s%s\n%s", pass, changed ? "" : " (unchanged)", text);
}

static void timed(void *user, const char *pass, double ms, bool changed)
{
    const tn_ctx *ctx = user;
    if (tn_setting_get(ctx, "print-pass-times")[0] != '\0')
        fprintf(stderr, "%-16s %10.3f ms%s\n", pass, ms, changed ? "" : "  (unchanged)");
}

static tn_pass_options options_of(tn_ctx *ctx)
{
    tn_pass_options o = {.dump = dump, .timed = timed, .user = ctx, .verify = true};
    o.disabled = tn_setting_all(ctx, "disabled-pass");
    o.dump_after = tn_setting_all(ctx, "dump-after");
    o.own = (const tn_user_pass *)ctx->own.items;
    o.n_own = ctx->own.n;
    o.find = tn_op_find;
    return o;
}

typedef struct passes_state {
    tn_model *m;
    const char *passes;
} passes_state;

/* A name in a disabled-pass or dump-after option that no pass has would be silently useless. */
static bool check_names(tn_ctx *ctx, const char *option)
{
    for (const char *const *n = tn_setting_all(ctx, option); *n != NULL; n++)
        if (tn_pass_find(*n) == NULL) {
            tn_error(&ctx->diag, "%s: there is no pass '%s'; see tenon passes", option, *n);
            return false;
        }
    return true;
}

static tn_status run_passes(void *state)
{
    const passes_state *s = state;
    tn_ctx *ctx = s->m->ctx;
    tn_pass_options o = options_of(ctx);
    if (!check_names(ctx, "disabled-pass") || !check_names(ctx, "dump-after"))
        return TN_ERR_USAGE;
    const char *config = tn_setting_get(ctx, "pass-config");
    if (config[0] != '\0') {
        tn_error(&ctx->diag, "pass-config '%s': no pass takes a parameter yet", config);
        return TN_ERR_USAGE;
    }
    if (!tn_passes_check(s->m->graph, s->passes, &o))
        return TN_ERR_USAGE;
    tn_progress(ctx, "running passes");
    return tn_passes_run(&s->m->graph, s->passes, &o) ? TN_OK : TN_ERR_MODEL;
}

tn_status tn_model_passes(tn_model *m, const char *passes)
{
    passes_state s = {m, passes};
    return tn_api_run(m->ctx, run_passes, &s);
}

tn_status tn_model_optimise(tn_model *m)
{
    if (m->is_optimised)
        return TN_OK;
    const char *passes = tn_setting_get(m->ctx, "passes");
    if (passes[0] == '\0')
        passes = tn_strfmt(&m->ctx->arena, "O%s", tn_setting_get(m->ctx, "O"));
    else
        passes = tn_strfmt(&m->ctx->arena, "infer,%s", passes);
    tn_status status = tn_model_passes(m, passes);
    m->is_optimised = status == TN_OK;
    return status;
}

/* --- lists ---------------------------------------------------------------------------------------------------------- */

typedef struct list_state {
    tn_ctx *ctx;
    const char *format;
    int json;
    tn_str out;
} list_state;

static const char *types_text(tn_arena *a, unsigned types)
{
    tn_str s = {.arena = a};
    for (int t = 0; t < 32; t++)
        if ((types >> t & 1u) != 0)
            tn_str_add(&s, "%s%s", s.len > 0 ? ", " : "", tn_dtype_get(t)->name);
    return s.len > 0 ? s.text : "";
}

static tn_status list_ops(void *state)
{
    list_state *s = state;
    bool json = strcmp(s->format, "json") == 0, markdown = strcmp(s->format, "markdown") == 0;
    if (!json && !markdown && strcmp(s->format, "text") != 0) {
        tn_error(&s->ctx->diag, "format '%s': ops takes text, markdown or json", s->format);
        return TN_ERR_USAGE;
    }
    tn_str_add(&s->out, "%s",
               json       ? "[\n"
               : markdown ? "| operator | since | inputs | types | what |\n|---|---|---|---|---|\n"
                          : "");
    for (size_t i = 0; tn_op_at(i) != NULL; i++) {
        const tn_op *o = tn_op_at(i);
        const char *types = types_text(&s->ctx->arena, o->types), *dot = o->domain[0] != '\0' ? "." : "";
        const char *most = o->max_in < 0 ? "any" : tn_strfmt(&s->ctx->arena, "%d", o->max_in);
        if (json)
            tn_str_add(
                &s->out,
                "%s  {\"domain\": \"%s\", \"name\": \"%s\", \"since\": %d, \"min_inputs\": %d, \"max_inputs\": %d, "
                "\"types\": \"%s\", \"doc\": \"%s\"}",
                i > 0 ? ",\n" : "", o->domain, o->name, o->since, o->min_in, o->max_in, types, o->doc);
        else
            tn_str_add(&s->out,
                       markdown ? "| %s%s%s | %d | %d to %s | %s | %s |\n"
                                : "%s%s%s  since %d, %d to %s inputs, %s: %s\n",
                       o->domain, dot, o->name, o->since, o->min_in, most, types, o->doc);
    }
    tn_str_add(&s->out, "%s", json ? "\n]\n" : "");
    return TN_OK;
}

const char *tn_ops_list(tn_ctx *ctx, const char *format)
{
    list_state s = {.ctx = ctx, .format = format, .out = {.arena = &ctx->arena}};
    return tn_api_run(ctx, list_ops, &s) == TN_OK ? s.out.text : NULL;
}

static tn_status list_passes(void *state)
{
    list_state *s = state;
    tn_str_add(&s->out, "%s", s->json ? "[\n" : "");
    for (size_t i = 0; tn_pass_at(i) != NULL; i++) {
        const tn_pass *p = tn_pass_at(i);
        if (s->json)
            tn_str_add(&s->out, "%s  {\"name\": \"%s\", \"level\": %d, \"doc\": \"%s\"}", i > 0 ? ",\n" : "", p->name,
                       p->level, p->doc);
        else
            tn_str_add(&s->out, "%-14s O%d  %s\n", p->name, p->level, p->doc);
    }
    tn_str_add(&s->out, "%s", s->json ? "\n]\n" : "");
    return TN_OK;
}

const char *tn_passes_list(tn_ctx *ctx, int json)
{
    list_state s = {.ctx = ctx, .json = json, .out = {.arena = &ctx->arena}};
    return tn_api_run(ctx, list_passes, &s) == TN_OK ? s.out.text : NULL;
}

static tn_status list_targets(void *state)
{
    list_state *s = state;
    for (size_t i = 0; tn_target_at(i) != NULL; i++)
        tn_str_add(&s->out, "%-12s %s\n", tn_target_at(i)->name, tn_target_at(i)->doc);
    tn_str_add(&s->out, "%-12s this machine: %s\n", "native", tn_target_find("native")->name);
    return TN_OK;
}

const char *tn_targets_list(tn_ctx *ctx)
{
    list_state s = {.ctx = ctx, .out = {.arena = &ctx->arena}};
    return tn_api_run(ctx, list_targets, &s) == TN_OK ? s.out.text : NULL;
}
