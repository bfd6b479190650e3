/* The parser of options; see options.h. It knows no command: it reads the rows that cli_row_at gives.

       run --inputs=x.npz -v net.onnx   ->   settings inputs=x.npz, verbose=1; words net.onnx */
#include "cli/options.h"

#include "cli/command.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *commands; /* names with spaces between */
    cli_option option;
} own[] = {
#define CLI_OPTION(commands, name, letter, value, def, doc) {commands, {name, letter, value, def, doc}},
#include "cli/options.def"
#undef CLI_OPTION
};

static const cli_option common[] = {
    {"help", 'h', NULL, NULL, "print this help"},
    {"verbose", 'v', NULL, NULL, "print each step on standard error, also when that is no terminal"},
};

enum { N_OWN = sizeof own / sizeof *own, N_COMMON = sizeof common / sizeof *common };

/* Letters for options of the API, which have only names. A name of one letter is its own: "O" is -O. */
static const struct {
    char letter;
    const char *name;
} api_letters[] = {{'f', "output-format"}};

static bool holds_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(words, word); at != NULL; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

bool cli_is_letter(const char *name)
{
    return name[0] != '\0' && name[1] == '\0';
}

static cli_row row_of_api(const tn_option *o)
{
    cli_row row = {{o->name, cli_is_letter(o->name) ? o->name[0] : '\0', o->value, o->def, o->doc}, o->group, true};
    for (size_t i = 0; i < sizeof api_letters / sizeof *api_letters; i++)
        if (strcmp(api_letters[i].name, o->name) == 0)
            row.option.letter = api_letters[i].letter;
    return row;
}

/* What shapes a package, or what the C compiler makes of it, does nothing in a command that writes none. */
static bool takes(const cmd *c, const tn_option *o)
{
    return !c->only_looks || (strcmp(o->group, "package") != 0 && strcmp(o->group, "build") != 0);
}

bool cli_row_at(const cmd *c, size_t i, cli_row *row)
{
    size_t at = 0, api = 0;
    for (size_t k = 0; k < N_OWN; k++)
        if (holds_word(own[k].commands, c->name) && at++ == i) {
            *row = (cli_row){own[k].option, "", false};
            return true;
        }
    if (i < at + N_COMMON) {
        *row = (cli_row){common[i - at], "", false};
        return true;
    }
    at += N_COMMON;
    const tn_option *table = c->compiles ? tn_options(&api) : NULL;
    for (size_t k = 0; k < api; k++)
        if (takes(c, &table[k]) && at++ == i) {
            *row = row_of_api(&table[k]);
            return true;
        }
    return false;
}

bool cli_row_is_hidden(const cmd *c, size_t i)
{
    cli_row row, earlier;
    if (!cli_row_at(c, i, &row))
        return true;
    for (size_t k = 0; k < i && cli_row_at(c, k, &earlier); k++)
        if (strcmp(earlier.option.name, row.option.name) == 0)
            return true;
    return false;
}

/* name: n bytes, not ended by a zero. */
static bool find_long(const cmd *c, const char *name, size_t n, cli_row *row)
{
    for (size_t i = 0; cli_row_at(c, i, row); i++)
        if (strlen(row->option.name) == n && memcmp(row->option.name, name, n) == 0)
            return true;
    return false;
}

bool cli_row_find(const cmd *c, const char *name, cli_row *row)
{
    return find_long(c, name, strlen(name), row);
}

static bool find_letter(const cmd *c, char letter, cli_row *row)
{
    for (size_t i = 0; cli_row_at(c, i, row); i++)
        if (row->option.letter == letter)
            return true;
    return false;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, one row of the table at a time. Names longer than the row count as far away. */
size_t cli_distance(const char *a, const char *b)
{
    size_t row[64], na = strlen(a), nb = strlen(b);
    if (nb >= sizeof row / sizeof *row)
        return na + nb;
    for (size_t k = 0; k <= nb; k++)
        row[k] = k;
    for (size_t i = 1; i <= na; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= nb; k++) {
            size_t above = row[k];
            size_t change = corner + (a[i - 1] != b[k - 1]);
            row[k] = least(change, least(above, row[k - 1]) + 1);
            corner = above;
        }
    }
    return row[nb];
}

bool cli_is_near(const char *word, size_t distance)
{
    return distance <= (strlen(word) + 1) / 2;
}

static int tell_unknown(const cmd *c, const char *word, size_t n)
{
    char name[64];
    const char *bare = word + strspn(word, "-");
    size_t dashes = (size_t)(bare - word), best = SIZE_MAX;
    const char *nearest = "";
    cli_row row;
    snprintf(name, sizeof name, "%.*s", (int)least(n - least(dashes, n), sizeof name - 1), bare);
    for (size_t i = 0; cli_row_at(c, i, &row); i++) {
        size_t far = cli_distance(name, row.option.name);
        if (far < best) {
            best = far;
            nearest = row.option.name;
        }
    }
    fprintf(stderr, "tenon %s: error: unknown option '%.*s'; ", c->name, (int)n, word);
    if (cli_is_near(name, best))
        fprintf(stderr, "the nearest is '%s%s'; ", cli_is_letter(nearest) ? "-" : "--", nearest);
    fprintf(stderr, "'tenon %s --help' lists all\n", c->name);
    return TN_ERR_USAGE;
}

static int tell(const cmd *c, const cli_option *o, const char *what)
{
    fprintf(stderr, "tenon %s: error: option '%s%s' %s", c->name, cli_is_letter(o->name) ? "-" : "--", o->name, what);
    if (o->value != NULL)
        fprintf(stderr, ": %s", o->value);
    fputc('\n', stderr);
    return TN_ERR_USAGE;
}

typedef struct parser {
    const cmd *cmd;
    char **next, **end;
    cli_args *out;
} parser;

static void add(parser *p, const cli_row *row, const char *value)
{
    p->out->settings[p->out->n_settings++] = (cli_setting){row->option.name, value, row->api};
}

/* value: what stood in the same argument; NULL: nothing did. */
static int take_value(parser *p, const cli_row *row, const char *value)
{
    if (value == NULL) {
        if (p->next == p->end)
            return tell(p->cmd, &row->option, "needs a value");
        value = *p->next++;
    }
    add(p, row, value);
    return TN_OK;
}

static int parse_long(parser *p, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t n = equals != NULL ? (size_t)(equals - word) : strlen(word);
    cli_row row;
    if (!find_long(p->cmd, word + 2, n - 2, &row))
        return tell_unknown(p->cmd, word, n);
    if (row.option.value != NULL)
        return take_value(p, &row, equals != NULL ? equals + 1 : NULL);
    if (equals != NULL)
        return tell(p->cmd, &row.option, "is a switch, it takes no value");
    add(p, &row, "1");
    return TN_OK;
}

/* "-vv", "-O2", "-O", "-O=2"; a letter that takes a value takes the rest of the word. */
static int parse_letters(parser *p, const char *word)
{
    for (const char *s = word + 1; *s != '\0'; s++) {
        cli_row row;
        if (!find_letter(p->cmd, *s, &row))
            return tell_unknown(p->cmd, word, strlen(word));
        if (row.option.value == NULL) {
            add(p, &row, "1");
            continue;
        }
        const char *rest = s[1] == '=' ? s + 2 : s + 1;
        return take_value(p, &row, s[1] != '\0' ? rest : NULL);
    }
    return TN_OK;
}

static int parse_words(parser *p)
{
    bool only_words = false;
    while (p->next < p->end) {
        const char *word = *p->next++;
        int status = TN_OK;
        if (only_words || word[0] != '-' || word[1] == '\0')
            p->out->words[p->out->n_words++] = word;
        else if (strcmp(word, "--") == 0)
            only_words = true;
        else
            status = word[1] == '-' ? parse_long(p, word) : parse_letters(p, word);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static int check_words(const cmd *c, const cli_args *a)
{
    if (a->n_words > c->max_words)
        fprintf(stderr, "tenon %s: error: unexpected argument '%s'", c->name, a->words[c->max_words]);
    else if (a->n_words < c->min_words)
        fprintf(stderr, "tenon %s: error: an argument is missing", c->name);
    else
        return TN_OK;
    fprintf(stderr, "; usage: tenon %s%s%s\n", c->name, c->usage[0] != '\0' ? " " : "", c->usage);
    return TN_ERR_USAGE;
}

int cli_parse(const cmd *c, int argc, char **argv, cli_args *out)
{
    size_t letters = 0;
    for (int i = 0; i < argc; i++)
        letters += strlen(argv[i]);
    *out = (cli_args){0};
    out->settings = calloc(letters + 1, sizeof *out->settings); /* no setting without a letter */
    out->words = calloc((size_t)argc + 1, sizeof *out->words);
    if (out->settings == NULL || out->words == NULL) {
        fputs("tenon: error: out of memory\n", stderr);
        return TN_ERR_MEMORY;
    }
    parser p = {c, argv, argv + argc, out};
    int status = parse_words(&p);
    if (status != TN_OK || cli_is_set(out, "help"))
        return status;
    return check_words(c, out);
}

void cli_args_free(cli_args *a)
{
    free(a->settings);
    free(a->words);
    *a = (cli_args){0};
}

const char *cli_value(const cli_args *a, const char *name)
{
    for (size_t i = a->n_settings; i-- > 0;)
        if (strcmp(a->settings[i].name, name) == 0)
            return a->settings[i].value;
    return NULL;
}

bool cli_is_set(const cli_args *a, const char *name)
{
    return cli_value(a, name) != NULL;
}

size_t cli_times_set(const cli_args *a, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_settings; i++)
        n += strcmp(a->settings[i].name, name) == 0;
    return n;
}
