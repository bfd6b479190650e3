/* Contexts and options. See tenon.h and api.h. */
#include "api/api.h"

#include <stdlib.h>

/* "optimisation level: 0 what any code needs ...; 1 also ..." */
static const char levels_doc[] = "optimisation level"
#define TN_LEVEL(name, level, config, doc) "; " name " " doc
#include "pass/levels.def"
#undef TN_LEVEL
    ;

static const tn_option options[] = {
#define TN_OPTION(name, value, def, group, doc) {name, value, def, group, doc},
#include "api/options.def"
#undef TN_OPTION
};
enum { N_OPTIONS = sizeof options / sizeof *options };

const tn_option *tn_options(size_t *count)
{
    *count = N_OPTIONS;
    return options;
}

tn_ctx *tn_ctx_open(const tn_config *config)
{
    tn_config c = {0};
    if (config != NULL)
        c = *config;
    tn_ctx *ctx = c.alloc != NULL ? c.alloc(c.user, sizeof *ctx) : malloc(sizeof *ctx);
    if (ctx == NULL)
        return NULL;
    *ctx = (tn_ctx){.config = c};
    ctx->memory = (tn_memory){.alloc = c.alloc, .release = c.release, .user = c.user};
    ctx->arena.memory = &ctx->memory;
    ctx->diag = (tn_diag){.report = c.report, .user = c.user};
    return ctx;
}

void tn_ctx_close(tn_ctx *ctx)
{
    if (ctx == NULL)
        return;
    while (ctx->runners.n > 0)
        tn_runner_close(ctx->runners.items[ctx->runners.n - 1]);
    tn_config c = ctx->config;
    tn_arena_free(&ctx->arena);
    if (c.release != NULL)
        c.release(c.user, ctx);
    else
        free(ctx);
}

tn_status tn_ctx_status(const tn_ctx *ctx)
{
    return ctx->status;
}

tn_status tn_api_run(tn_ctx *ctx, tn_body *body, void *state)
{
    jmp_buf here;
    jmp_buf *outer = ctx->memory.guard;
    volatile tn_status status = TN_ERR_MEMORY;
    int bad_options = ctx->diag.bad_options;
    if (outer != NULL) /* a public function called by another one */
        return body(state);
    ctx->memory.guard = &here;
    if (setjmp(here) == 0)
        status = body(state);
    else
        tn_error(&ctx->diag, "out of memory");
    ctx->memory.guard = NULL;
    if (status == TN_ERR_MODEL && ctx->diag.bad_options > bad_options) /* found out only with the model at hand */
        status = TN_ERR_USAGE;
    if (status != TN_OK)
        ctx->status = status;
    return status;
}

static const tn_option *find_option(const char *name)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

typedef struct set_state {
    tn_ctx *ctx;
    const char *name, *value;
} set_state;

/* Values from a closed list ("a|b|c") are checked here; the others where they are used. */
static bool is_allowed(const tn_option *o, const char *value)
{
    if (o->value == NULL || strchr(o->value, '|') == NULL)
        return true;
    size_t n = strlen(value);
    for (const char *s = o->value; *s != '\0'; s += strcspn(s, "|"), s += *s == '|')
        if (strcspn(s, "|") == n && strncmp(s, value, n) == 0)
            return true;
    return false;
}

/* Messages spell an option as the command line does: -O, --params. */
static const char *dashes(const tn_option *o)
{
    return o->name[1] == '\0' ? "-" : "--";
}

static tn_status set(void *state)
{
    const set_state *s = state;
    const tn_option *o = find_option(s->name);
    if (o == NULL) {
        tn_error(&s->ctx->diag, "unknown option '%s'", s->name);
        return TN_ERR_USAGE;
    }
    const char *value = s->value != NULL ? s->value : "1";
    if (!is_allowed(o, value)) {
        tn_error(&s->ctx->diag, "option '%s%s' is '%s'; it takes %s", dashes(o), o->name, value, o->value);
        return TN_ERR_USAGE;
    }
    *TN_PUSH(&s->ctx->arena, s->ctx->settings) = (tn_setting){o->name, tn_strdup(&s->ctx->arena, value)};
    return TN_OK;
}

tn_status tn_ctx_set(tn_ctx *ctx, const char *name, const char *value)
{
    set_state s = {ctx, name, value};
    return tn_api_run(ctx, set, &s);
}

const char *tn_setting_get(const tn_ctx *ctx, const char *name)
{
    for (size_t i = ctx->settings.n; i-- > 0;)
        if (strcmp(ctx->settings.items[i].name, name) == 0)
            return ctx->settings.items[i].value;
    const tn_option *o = find_option(name);
    assert(o != NULL);
    return o->def;
}

const char *const *tn_setting_all(tn_ctx *ctx, const char *name)
{
    struct {
        const char **items;
        size_t n, room;
    } all = {0};
    for (size_t i = 0; i < ctx->settings.n; i++)
        if (strcmp(ctx->settings.items[i].name, name) == 0)
            *TN_PUSH(&ctx->arena, all) = ctx->settings.items[i].value;
    *TN_PUSH(&ctx->arena, all) = NULL;
    return all.items;
}

/* One object for one text: models compare them. */
const tn_targets *tn_ctx_targets(tn_ctx *ctx, const char *otherwise)
{
    const char *text = tn_setting_get(ctx, "target");
    tn_named_targets found = {.text = text[0] != '\0' ? text : otherwise};
    for (size_t i = 0; i < ctx->targets.n; i++)
        if (strcmp(ctx->targets.items[i].text, found.text) == 0)
            return &ctx->targets.items[i].targets;
    if (!tn_targets_find(&ctx->arena, &ctx->diag, found.text, &found.targets))
        return NULL;
    *TN_PUSH(&ctx->arena, ctx->targets) = found;
    return &ctx->targets.items[ctx->targets.n - 1].targets;
}

const tn_target *tn_ctx_target(tn_ctx *ctx, const char *otherwise)
{
    const tn_targets *t = tn_ctx_targets(ctx, otherwise);
    if (t != NULL && t->n > 1)
        tn_error(&ctx->diag,
                 "targets '%s': one at a time here; 'tenon compile' and 'tenon run' make a package of several",
                 tn_setting_get(ctx, "target"));
    return t != NULL && t->n == 1 ? t->items[0] : NULL;
}

/* An option that takes a number from 1 to most; 0 where it is not given. */
static bool read_count(tn_ctx *ctx, const char *name, int most, int *out)
{
    const char *text = tn_setting_get(ctx, name);
    char *end = NULL;
    long n = strtol(text, &end, 10);
    *out = 0;
    if (text[0] == '\0')
        return true;
    if (*end != '\0' || n < 1 || n > most) {
        tn_bad_option(&ctx->diag, NULL, "option '--%s' is '%s'; it takes a number from 1 to %d", name, text, most);
        return false;
    }
    *out = (int)n;
    return true;
}

bool tn_ctx_threads(tn_ctx *ctx, int *out)
{
    enum { MOST_THREADS = 64 }; /* TN_POOL_MAX; tests/threads/threads.sh opens a pool of as many */
    return read_count(ctx, "threads", MOST_THREADS, out);
}

bool tn_ctx_string_bytes(tn_ctx *ctx, int *out)
{
    return read_count(ctx, "string-bytes", INT16_MAX, out);
}

void tn_progress(tn_ctx *ctx, const char *step)
{
    if (ctx->config.progress != NULL)
        ctx->config.progress(ctx->config.user, step);
}

typedef struct add_state {
    tn_ctx *ctx;
    tn_own_pass pass;
} add_state;

static tn_status add_pass(void *state)
{
    const add_state *s = state;
    *TN_PUSH(&s->ctx->arena, s->ctx->own) = s->pass;
    return TN_OK;
}

tn_status tn_ctx_add_pass(tn_ctx *ctx, const char *name, char *(*run)(void *user, const char *graph_text), void *user)
{
    add_state s = {ctx, {name, run, user}};
    return tn_api_run(ctx, add_pass, &s);
}
