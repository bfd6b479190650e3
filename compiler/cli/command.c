/* What every command uses: messages, memory, values of options. See command.h. */
#include "cli/command.h"

#include "cli/help.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cli_block {
    cli_block *next;
    max_align_t data[]; /* as malloc aligns */
};

static void keep_error(cli *c, const char *line)
{
    if (c->error[0] == '\0')
        snprintf(c->error, sizeof c->error, "%s", line);
}

int cli_fail(cli *c, int status, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    cli_progress_clear(&c->progress);
    fprintf(stderr, "tenon %s: error: %s\n", c->cmd->name, line);
    keep_error(c, line);
    return status;
}

void cli_note(cli *c, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    cli_progress_clear(&c->progress);
    fprintf(stderr, "tenon %s: note: %s\n", c->cmd->name, line);
}

/* A line of the API, which is whole already. The first that is no mere note is the one to quote. */
void cli_report(void *user, const char *line)
{
    cli *c = user;
    char whole[sizeof c->error];
    cli_progress_clear(&c->progress);
    if (c->about != NULL) {
        snprintf(whole, sizeof whole, "%s: %s", c->about, line);
        line = whole;
    }
    fprintf(stderr, "%s\n", line);
    if (strstr(line, "note: ") == NULL && strstr(line, "warning: ") == NULL)
        keep_error(c, line);
}

void cli_step(void *user, const char *step)
{
    cli *c = user;
    cli_progress_step(&c->progress, step);
}

int cli_failed(const cli *c)
{
    tn_status status = tn_ctx_status(c->ctx);
    return status != TN_OK ? (int)status : TN_ERR_RUN;
}

/* Of a package only how it is built and by how many threads it runs can still be said. */
static bool shapes_code(const cmd *command, const cli_setting *s)
{
    cli_row row;
    for (size_t i = 0; s->api && cli_row_at(command, i, &row); i++)
        if (row.api && strcmp(row.option.name, s->name) == 0)
            return strcmp(row.group, "build") != 0 && strcmp(s->name, "threads") != 0;
    return false;
}

tn_runner *cli_open_runner(cli *c, int *status)
{
    const char *path = c->args.words[0];
    for (size_t i = 0; i < c->args.n_settings && tn_is_package(path); i++)
        if (shapes_code(c->cmd, &c->args.settings[i])) {
            *status = cli_fail(c, TN_ERR_USAGE, "%s is compiled already: option '%s%s' comes too late; give the model",
                               path, cli_is_letter(c->args.settings[i].name) ? "-" : "--", c->args.settings[i].name);
            return NULL;
        }
    tn_runner *r = tn_runner_open(c->ctx, path);
    *status = r != NULL ? TN_OK : cli_failed(c);
    return r;
}

void cli_forget_error(cli *c)
{
    c->error[0] = '\0';
}

void *cli_alloc(cli *c, size_t count, size_t size)
{
    cli_block *b = NULL;
    if (size == 0 || count <= (SIZE_MAX / 2 - sizeof *b) / size)
        b = calloc(1, sizeof *b + count * size);
    if (b == NULL) {
        cli_fail(c, TN_ERR_MEMORY, "out of memory");
        return NULL;
    }
    b->next = c->owned;
    c->owned = b;
    return b->data;
}

void cli_free(cli *c)
{
    while (c->owned != NULL) {
        cli_block *b = c->owned;
        c->owned = b->next;
        free(b);
    }
    cli_args_free(&c->args);
}

/* What the row of an option says; the commands ask only for options that they take. */
static cli_option get_option(const cli *c, const char *name)
{
    cli_row row = {0};
    bool found = cli_row_find(c->cmd, name, &row);
    assert(found);
    (void)found;
    return row.option;
}

static const char *value_or_default(const cli *c, const char *name)
{
    const char *text = cli_value(&c->args, name), *def = get_option(c, name).def;
    return text != NULL ? text : def != NULL ? def : "";
}

bool cli_int(cli *c, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const char *text = value_or_default(c, name);
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (cli_value(&c->args, name) == NULL || (end != text && *end == '\0' && errno == 0 && *out >= min && *out <= max))
        return true;
    cli_fail(c, TN_ERR_USAGE, "option '--%s' is '%s'; it takes a whole number from %" PRId64 " to %" PRId64, name, text,
             min, max);
    return false;
}

bool cli_real(cli *c, const char *name, double *out)
{
    const char *text = value_or_default(c, name);
    char *end;
    *out = strtod(text, &end);
    if (end != text && *end == '\0' && isfinite(*out) && *out >= 0)
        return true;
    cli_fail(c, TN_ERR_USAGE, "option '--%s' is '%s'; it takes a number that is not negative", name, text);
    return false;
}

const char *cli_choice(cli *c, const char *name)
{
    const char *text = value_or_default(c, name), *choices = get_option(c, name).value;
    char known[200] = "";
    for (const char *at = choices; *at != '\0'; at += *at == '|') {
        size_t n = strcspn(at, "|"), used = strlen(known);
        if (strlen(text) == n && memcmp(text, at, n) == 0)
            return text;
        snprintf(known + used, sizeof known - used, "%s%.*s", used > 0 ? ", " : "", (int)n, at);
        at += n;
    }
    cli_fail(c, TN_ERR_USAGE, "option '--%s' is '%s'; it takes one of: %s", name, text, known);
    return NULL;
}
