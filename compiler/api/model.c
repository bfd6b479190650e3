/* Loading models and running passes on them. See tenon.h. */
#include "api/api.h"
#include "api/model.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/path.h"
#include "emit/names.h"
#include "onnx/onnx.h"
#include "ops/ops.h"
#include "pass/dispatch.h"
#include "tflite/tflite.h"

#include <limits.h>
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

/* The name that --module-name gives, or one from the file's: math.onnx becomes model_math. NULL after an error. */
static const char *module_name(tn_ctx *ctx, const char *path)
{
    tn_arena *a = &ctx->arena;
    const char *given = tn_setting_get(ctx, "module-name"), *why = tn_name_hides(a, given);
    if (given[0] == '\0') {
        const char *name = identifier(a, tn_path_stem(a, path));
        return tn_name_hides(a, name) == NULL ? name : tn_strfmt(a, "model_%s", name);
    }
    if (!tn_is_identifier(given))
        tn_error(&ctx->diag, "--module-name '%s' is no C identifier", given);
    else if (why != NULL)
        tn_error(&ctx->diag, "--module-name '%s': %s; choose another name", given, why);
    else
        return given;
    return NULL;
}

typedef struct load_state {
    tn_ctx *ctx;
    const char *path;
    tn_model *model;
} load_state;

/* Both texts end in .tg; that of a loop program begins with its word. */
static bool is_program(const char *text)
{
    text += strspn(text, " \n");
    while (*text == '#') {
        text += strcspn(text, "\n");
        text += strspn(text, " \n");
    }
    return strncmp(text, "program ", 8) == 0;
}

/* --input-shapes and --const are for ONNX files: other files say themselves what their inputs are. */
static bool check_onnx_options(tn_ctx *ctx, const char *path, const char *what, const tn_onnx_options *o,
                               const char *shapes_hint, const char *const_hint)
{
    bool shapes = o->n_shapes > 0;
    if (shapes || o->n_consts > 0)
        tn_bad_option(&ctx->diag, path, "--%s \"%s\" is for ONNX files; this is %s: %s",
                      shapes ? "input-shapes" : "const", shapes ? o->shapes[0] : o->consts[0], what,
                      shapes ? shapes_hint : const_hint);
    return !shapes && o->n_consts == 0;
}

static bool check_text_options(tn_ctx *ctx, const char *path, bool is_loops, const tn_onnx_options *o)
{
    static const char made[] = "give it where the loop program is made from the model";
    return check_onnx_options(ctx, path, "a text", o, is_loops ? made : "edit the line that begins with input",
                              is_loops ? made : "write constant in place of input, and its values");
}

static tn_graph *read_tflite(tn_ctx *ctx, const char *path, const char *bytes, size_t size, const tn_onnx_options *o)
{
    static const char hint[] = "its shapes are fixed where it is converted";
    const char *rounding = tn_setting_get(ctx, "tflite-rounding");
    tn_tflite_options options = {.single_rounding = strcmp(rounding, "single") == 0};
    if (!check_onnx_options(ctx, path, "a TFLite file", o, hint, hint))
        return NULL;
    if (!options.single_rounding && strcmp(rounding, "double") != 0) {
        tn_bad_option(&ctx->diag, NULL, "--tflite-rounding '%s': double or single is wanted", rounding);
        return NULL;
    }
    return tn_tflite_parse(&ctx->arena, &ctx->diag, path, bytes, size, &options);
}

/* Any graph may have sizes that the run finds; whether there is one of that name, infer sees. */
static bool read_bounds(tn_ctx *ctx, const char *path, tn_graph *g)
{
    for (const char *const *text = tn_setting_all(ctx, "bounds"); *text != NULL; text++) {
        const char *at = strstr(*text, "<=");
        char *end = NULL;
        long long most = at != NULL ? strtoll(at + 2, &end, 10) : -1;
        const char *name = at != NULL ? tn_strndup(&ctx->arena, *text, (size_t)(at - *text)) : "";
        if (!tn_is_identifier(name) || end == at + 2 || *end != '\0' || most < 1 || most >= TN_DIM_MAX) {
            tn_bad_option(&ctx->diag, path, "--bounds \"%s\": want NAME<=N, such as boxes<=100", *text);
            return false;
        }
        *TN_PUSH(&ctx->arena, g->bounds) = tn_dim_found(&ctx->arena, name, most);
    }
    return true;
}

static bool read_module(tn_ctx *ctx, tn_module *m, const char *path, const char *bytes, size_t size)
{
    tn_onnx_options o = {.shapes = tn_setting_all(ctx, "input-shapes"), .consts = tn_setting_all(ctx, "const")};
    int string_bytes = 0;
    if (!tn_ctx_string_bytes(ctx, &string_bytes))
        return false;
    o.string_bytes = string_bytes;
    while (o.shapes[o.n_shapes] != NULL)
        o.n_shapes++;
    while (o.consts[o.n_consts] != NULL)
        o.n_consts++;
    bool text = tn_ends_with(path, ".tg") || tn_ends_with(path, ".loops");
    bool loops = text && is_program(bytes);
    if (text && !check_text_options(ctx, path, loops, &o))
        return false;
    if (loops)
        m->program = tn_program_parse(&ctx->arena, &ctx->diag, path, bytes);
    else if (text)
        m->graph = tn_graph_parse(&ctx->arena, &ctx->diag, path, bytes, tn_op_find);
    else if (tn_tflite_is(bytes, size))
        m->graph = read_tflite(ctx, path, bytes, size, &o);
    else
        m->graph = tn_onnx_parse(&ctx->arena, &ctx->diag, path, bytes, size, &o);
    return m->program != NULL || (m->graph != NULL && read_bounds(ctx, path, m->graph));
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
    m->name = module_name(ctx, s->path);
    if (m->name == NULL)
        return TN_ERR_USAGE;
    m->module = (tn_module){.arena = &ctx->arena, .diag = &ctx->diag};
    if (!read_module(ctx, &m->module, m->path, bytes, size))
        return TN_ERR_MODEL;
    s->model = m;
    return TN_OK;
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

static void times(void *user, const char *table)
{
    const tn_ctx *ctx = user;
    if (tn_setting_get(ctx, "print-pass-times")[0] != '\0')
        fputs(table, stderr);
}

static tn_pass_options options_of(tn_ctx *ctx)
{
    tn_pass_options o = {.dump = dump, .times = times, .user = ctx, .verify = true};
    const char *stop_after = tn_setting_get(ctx, "stop-after");
    o.disabled = tn_setting_all(ctx, "disabled-pass");
    o.dump_after = tn_setting_all(ctx, "dump-after");
    o.stop_after = stop_after[0] != '\0' ? stop_after : NULL;
    o.own = (const tn_user_pass *)ctx->own.items;
    o.n_own = ctx->own.n;
    o.find = tn_op_find;
    return o;
}

static bool is_exact(tn_ctx *ctx)
{
    return tn_setting_get(ctx, "exact")[0] != '\0';
}

/* What a function of the user's does is for the user to know. */
static bool check_dispatch(tn_ctx *ctx, const char *item)
{
    bool fits = !is_exact(ctx) || strncmp(item, "user.", 5) == 0;
    if (!fits)
        tn_bad_option(
            &ctx->diag, NULL,
            "--dispatch %s contradicts --exact: in which order a library adds is its own affair; leave one of "
            "them out",
            item);
    return fits;
}

static bool read_dispatch(tn_ctx *ctx, tn_graph *g)
{
    tn_pattern_vec *patterns = TN_NEW(&ctx->arena, tn_pattern_vec);
    for (const char *const *item = tn_setting_all(ctx, "dispatch"); *item != NULL; item++)
        if (!check_dispatch(ctx, *item) || !tn_dispatch_add(&ctx->arena, &ctx->diag, *item, patterns))
            return false;
    if (g != NULL)
        g->patterns = patterns;
    return true;
}

static const char *mixed_type(tn_ctx *ctx)
{
    const char *word = tn_setting_get(ctx, "mixed-precision-calculation-type");
    return strcmp(word, "float16") == 0  ? "mixed-precision.type=1"
         : strcmp(word, "bfloat16") == 0 ? "mixed-precision.type=2"
                                         : "mixed-precision.type=0";
}

/* The names of option mixed-precision-ops, NULL-terminated; NULL after an error. */
static const char *const *mixed_ops(tn_ctx *ctx)
{
    struct {
        const char **items;
        size_t n, room;
    } names = {0};
    for (const char *const *item = tn_setting_all(ctx, "mixed-precision-ops"); *item != NULL; item++)
        for (const char *s = *item; *s != '\0';) {
            size_t length = strcspn(s, ", ");
            const char *name = tn_strndup(&ctx->arena, s, length);
            if (length > 0 && !tn_mixed_is_name(name, tn_op_find)) {
                tn_bad_option(&ctx->diag, NULL,
                              "--mixed-precision-ops '%s': no such operator; wanted conv2d, dense, matmul, "
                              "conv2d_transpose, or one of 'tenon ops'",
                              name);
                return NULL;
            }
            if (length > 0)
                *TN_PUSH(&ctx->arena, names) = name;
            s += length + (s[length] != '\0');
        }
    *TN_PUSH(&ctx->arena, names) = NULL;
    return names.items;
}

/* Options pass-config, threads, exact and mixed-precision; NULL after an error. */
static const char *const *config_of(tn_ctx *ctx)
{
    const char *const *given = tn_setting_all(ctx, "pass-config");
    size_t n = 0;
    int threads = 0;
    if (!tn_ctx_threads(ctx, &threads))
        return NULL;
    while (given[n] != NULL)
        n++;
    const char **all = TN_NEW_N(&ctx->arena, const char *, n + 4);
    memcpy(all, given, n * sizeof *all);
    if (threads > 0)
        all[n++] = tn_strfmt(&ctx->arena, "parallel.threads=%d", threads);
    if (is_exact(ctx))
        all[n++] = "lower.exact=1";
    if (tn_setting_get(ctx, "mixed-precision")[0] != '\0')
        all[n] = mixed_type(ctx);
    return all;
}

static tn_status run_passes(tn_model *m, const char *passes)
{
    tn_pass_options o = options_of(m->ctx);
    m->module.config = config_of(m->ctx);
    m->module.keep = tn_setting_all(m->ctx, "keep-values");
    m->module.mixed = mixed_ops(m->ctx);
    if (m->module.config == NULL || m->module.mixed == NULL || !read_dispatch(m->ctx, m->module.graph)
        || !tn_passes_check(&m->module, passes, &o))
        return TN_ERR_USAGE;
    tn_progress(m->ctx, "running passes");
    return tn_passes_run(&m->module, passes, &o) ? TN_OK : TN_ERR_MODEL;
}

typedef struct passes_state {
    tn_model *m;
    const char *passes;
} passes_state;

static tn_status run_named_passes(void *state)
{
    const passes_state *s = state;
    s->m->module.target = tn_ctx_target(s->m->ctx, "generic");
    tn_status status = s->m->module.target != NULL ? run_passes(s->m, s->passes) : TN_ERR_USAGE;
    s->m->is_optimised = status == TN_OK && s->m->module.plan != NULL;
    return status;
}

tn_status tn_model_passes(tn_model *m, const char *passes)
{
    passes_state s = {m, passes};
    return tn_api_run(m->ctx, run_named_passes, &s);
}

/* What was lowered for another target begins again from the graph. */
static void choose_target(tn_model *m, const tn_target *target)
{
    if (m->module.target != target && m->module.graph != NULL && m->module.program != NULL) {
        m->module.program = NULL;
        m->module.plan = NULL;
        m->is_optimised = false;
    }
    m->module.target = target;
}

tn_status tn_model_optimise(tn_model *m, const tn_target *target)
{
    choose_target(m, target);
    const char *passes = tn_setting_get(m->ctx, "passes");
    if (passes[0] == '\0')
        passes = tn_strfmt(&m->ctx->arena, "O%s", tn_setting_get(m->ctx, "O"));
    tn_status status = m->is_optimised ? TN_OK : run_passes(m, passes);
    m->is_optimised = status == TN_OK;
    return status;
}

bool tn_model_complete(tn_model *m)
{
    tn_pass_options o = options_of(m->ctx);
    return tn_passes_complete(&m->module, TN_FORM_PLAN, &o);
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

static bool takes_any_number(const tn_op *o)
{
    return o->max_in < 0 || o->max_in == INT_MAX;
}

/* "2", "1 to 3", "1 or more" */
static const char *count_text(tn_arena *a, const tn_op *o)
{
    if (takes_any_number(o))
        return tn_strfmt(a, "%d or more", o->min_in);
    return o->min_in == o->max_in ? tn_strfmt(a, "%d", o->min_in) : tn_strfmt(a, "%d to %d", o->min_in, o->max_in);
}

/* One row of the list; types NULL: those of its own rules. */
static void list_op(list_state *s, const tn_op *o, const char *types)
{
    tn_arena *a = &s->ctx->arena;
    const char *dot = o->domain[0] != '\0' ? "." : "", *inputs = count_text(a, o);
    if (strcmp(s->format, "json") == 0)
        tn_str_add(&s->out,
                   "%s  {\"domain\": \"%s\", \"name\": \"%s\", \"since\": %d, \"min_inputs\": %d, \"max_inputs\": %d, "
                   "\"types\": \"%s\", \"doc\": \"%s\"}",
                   s->out.len > 2 ? ",\n" : "", o->domain, o->name, o->since, o->min_in,
                   takes_any_number(o) ? -1 : o->max_in, types, o->doc);
    else
        tn_str_add(&s->out,
                   strcmp(s->format, "markdown") == 0 ? "| %s%s%s | %d | %s%.0s | %s | %s |\n"
                                                      : "%s%s%s  since %d, %s input%s, %s: %s\n",
                   o->domain, dot, o->name, o->since, inputs, o->max_in == 1 ? "" : "s", types, o->doc);
}

/* Rows of the domain tenon are what the compiler makes of others: no file holds them. TFLite's have no versions here. */
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
    for (size_t i = 0; tn_op_at(i) != NULL; i++)
        if (strcmp(tn_op_at(i)->domain, "tenon") != 0)
            list_op(s, tn_op_at(i), types_text(&s->ctx->arena, tn_op_at(i)->types));
    tn_tflite_row r;
    for (size_t i = 0; tn_tflite_row_at(i, &r); i++) {
        const tn_op o = {
            .name = r.name, .domain = "tflite", .since = 1, .min_in = r.min_in, .max_in = r.max_in, .doc = r.doc};
        list_op(s, &o, r.quantised);
    }
    tn_str_add(&s->out, "%s", json ? "\n]\n" : "");
    return TN_OK;
}

const char *tn_ops_list(tn_ctx *ctx, const char *format)
{
    list_state s = {.ctx = ctx, .format = format, .out = {.arena = &ctx->arena}};
    return tn_api_run(ctx, list_ops, &s) == TN_OK ? s.out.text : NULL;
}

static void list_passes_text(tn_str *out)
{
    tn_str_add(out, "%-15s %-5s %-8s %s\n", "pass", "from", "needs", "what it does");
    for (const tn_pass *p = tn_pass_at(0); p != NULL; p = tn_pass_at((size_t)(p - tn_pass_at(0)) + 1))
        tn_str_add(out, "%-15s -O%d   %-8s %s\n", p->name, p->level, tn_form_name(p->needs), p->doc);
    tn_str_add(out, "\n%-24s %-9s %s\n", "--pass-config", "default", "what it is");
    for (size_t i = 0; tn_param_at(i) != NULL; i++) {
        const tn_param *p = tn_param_at(i);
        const char *def = p->def == TN_PARAM_AUTO ? "auto" : tn_strfmt(out->arena, "%lld", (long long)p->def);
        tn_str_add(out, "%-24s %-9s %s (%lld to %lld)\n", p->name, def, p->doc, (long long)p->min, (long long)p->max);
    }
    tn_str_add(out, "\npipelines: -O N, and ON in a list of passes, are all passes up to that level\n");
    for (size_t i = 0; tn_level_at(i) != NULL; i++)
        tn_str_add(out, "O%s  %s\n", tn_level_at(i)->name, tn_level_at(i)->doc);
}

static void list_passes_json(tn_str *out)
{
    tn_str_add(out, "{\"passes\": [");
    for (size_t i = 0; tn_pass_at(i) != NULL; i++) {
        const tn_pass *p = tn_pass_at(i);
        tn_str_add(out,
                   "%s\n  {\"name\": \"%s\", \"level\": %d, \"needs\": \"%s\", \"leaves\": \"%s\", \"doc\": \"%s\"}",
                   i > 0 ? "," : "", p->name, p->level, tn_form_name(p->needs), tn_form_name(p->leaves), p->doc);
    }
    tn_str_add(out, "],\n \"parameters\": [");
    for (size_t i = 0; tn_param_at(i) != NULL; i++) {
        const tn_param *p = tn_param_at(i);
        const char *def = p->def == TN_PARAM_AUTO ? "\"auto\"" : tn_strfmt(out->arena, "%lld", (long long)p->def);
        tn_str_add(out, "%s\n  {\"name\": \"%s\", \"default\": %s, \"min\": %lld, \"max\": %lld, \"doc\": \"%s\"}",
                   i > 0 ? "," : "", p->name, def, (long long)p->min, (long long)p->max, p->doc);
    }
    tn_str_add(out, "],\n \"levels\": [");
    for (size_t i = 0; tn_level_at(i) != NULL; i++)
        tn_str_add(out, "%s\n  {\"name\": \"O%s\", \"level\": %d, \"config\": \"%s\", \"doc\": \"%s\"}",
                   i > 0 ? "," : "", tn_level_at(i)->name, tn_level_at(i)->level, tn_level_at(i)->config,
                   tn_level_at(i)->doc);
    tn_str_add(out, "]}\n");
}

static tn_status list_passes(void *state)
{
    list_state *s = state;
    (s->json ? list_passes_json : list_passes_text)(&s->out);
    return TN_OK;
}

const char *tn_passes_list(tn_ctx *ctx, int json)
{
    list_state s = {.ctx = ctx, .json = json, .out = {.arena = &ctx->arena}};
    return tn_api_run(ctx, list_passes, &s) == TN_OK ? s.out.text : NULL;
}

/* A line for each name; as JSON every alternative with its text. */
static tn_status list_patterns(void *state)
{
    list_state *s = state;
    tn_pattern_row row;
    tn_map listed = {0};
    tn_str_add(&s->out, "%s", s->json ? "[\n" : "");
    for (size_t i = 0; tn_pattern_row_at(&s->ctx->arena, i, &row); i++) {
        if (s->json)
            tn_str_add(&s->out, "%s  {\"name\": \"%s\", \"doc\": \"%s\", \"pattern\": %s}", i > 0 ? ",\n" : "",
                       row.name, row.doc, tn_quote_json(&s->ctx->arena, row.text));
        else if (tn_map_get(&listed, row.name) == NULL)
            tn_str_add(&s->out, "%-36s %s\n", row.name, row.doc);
        tn_map_put(&s->ctx->arena, &listed, row.name, s);
    }
    tn_str_add(&s->out, "%s",
               s->json ? "\n]\n"
                       : "user.NAME=FILE:FUNCTION              a function of yours, for the pattern in FILE\n");
    return TN_OK;
}

const char *tn_patterns_list(tn_ctx *ctx, int json)
{
    list_state s = {.ctx = ctx, .json = json, .out = {.arena = &ctx->arena}};
    return tn_api_run(ctx, list_patterns, &s) == TN_OK ? s.out.text : NULL;
}

static tn_status list_targets(void *state)
{
    list_state *s = state;
    for (size_t i = 0; i < tn_target_count(); i++) {
        const tn_target *t = tn_target_at(&s->ctx->arena, i);
        tn_str_add(&s->out, "%-15s %s\n", t->name, t->doc);
    }
    tn_str_add(&s->out, "%-15s this machine: %s\n", "native", tn_target_native(&s->ctx->arena)->name);
    return TN_OK;
}

const char *tn_targets_list(tn_ctx *ctx)
{
    list_state s = {.ctx = ctx, .out = {.arena = &ctx->arena}};
    return tn_api_run(ctx, list_targets, &s) == TN_OK ? s.out.text : NULL;
}
