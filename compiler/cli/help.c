/* tenon help: the pages of all commands, from their rows.

       {"seed", 0, "N", "0", "for random inputs"}   ->     --seed N               for random inputs (default: 0) */
#include "cli/help.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { WIDTH = 100, COLUMN = 30 };

const char cli_title[] = "compiles trained models (ONNX, TFLite) to standalone C99";
const char cli_story[] =
    "Tenon turns a trained neural network into C source that needs nothing but a C compiler: no heap, no runtime "
    "library, no operating system. The same program runs, checks and times the result.";

const cli_exit cli_exits[] = {
    {TN_OK, "all went well"},
    {CLI_DIFFERS, "validate: an output is beyond the tolerance"},
    {TN_ERR_USAGE, "unknown command or option, bad value"},
    {TN_ERR_FILE, "a file or folder cannot be read or written"},
    {TN_ERR_MODEL, "the model or tensor file is malformed, or uses what is not supported"},
    {TN_ERR_MEMORY, "out of memory"},
    {TN_ERR_BUILD, "the C compiler failed"},
    {TN_ERR_RUN, "the inputs do not fit the model, or the compiled model reported an error"},
    {0, NULL},
};

static void pad(FILE *f, size_t n)
{
    fprintf(f, "%*s", (int)n, "");
}

/* Prints the words of a text from the column at on; later lines begin at indent. */
static void print_wrapped(FILE *f, const char *text, size_t at, size_t indent)
{
    bool first = true;
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (!first && at + 1 + n > WIDTH) {
            fputc('\n', f);
            pad(f, indent);
            at = indent;
        } else if (!first) {
            fputc(' ', f);
            at++;
        }
        fprintf(f, "%.*s", (int)n, text);
        at += n;
        first = false;
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', f);
}

static void print_option(FILE *f, const cli_option *o)
{
    char left[128], right[400];
    char letter[] = {' ', ' ', '-', o->letter, ',', ' ', '\0'};
    const char *dashes = cli_is_letter(o->name) ? "  -" : o->letter != 0 ? "--" : "      --";
    bool has_default = o->def != NULL && o->def[0] != '\0';
    snprintf(left, sizeof left, "%s%s%s%s%s", o->letter != 0 && !cli_is_letter(o->name) ? letter : "", dashes, o->name,
             o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    snprintf(right, sizeof right, "%s%s%s%s", o->doc, has_default ? " (default: " : "", has_default ? o->def : "",
             has_default ? ")" : "");
    fputs(left, f);
    if (strlen(left) + 2 > COLUMN) {
        fputc('\n', f);
        pad(f, COLUMN);
    } else {
        pad(f, COLUMN - strlen(left));
    }
    print_wrapped(f, right, COLUMN, COLUMN);
}

static void print_heading(FILE *f, const char *group)
{
    if (group[0] == '\0')
        fputs("\nOptions:\n", f);
    else
        fprintf(f, "\n%c%s options:\n", toupper((unsigned char)group[0]), group + 1);
}

/* Row i is the first of its group; prints the group. */
static void print_group(FILE *f, const cmd *c, size_t i, const char *group)
{
    cli_row row;
    print_heading(f, group);
    for (; cli_row_at(c, i, &row); i++)
        if (strcmp(row.group, group) == 0 && !cli_row_is_hidden(c, i))
            print_option(f, &row.option);
}

static bool is_first_of_group(const cmd *c, size_t i, const char *group)
{
    cli_row row;
    for (size_t k = 0; k < i && cli_row_at(c, k, &row); k++)
        if (strcmp(row.group, group) == 0 && !cli_row_is_hidden(c, k))
            return false;
    return !cli_row_is_hidden(c, i);
}

void cli_print_help(FILE *f, const cmd *c)
{
    cli_row row;
    fprintf(f, "usage: tenon %s%s%s\n\n", c->name, c->usage[0] != '\0' ? " " : "", c->usage);
    print_wrapped(f, c->about != NULL ? c->about : c->doc, 0, 0);
    for (size_t i = 0; cli_row_at(c, i, &row); i++)
        if (is_first_of_group(c, i, row.group))
            print_group(f, c, i, row.group);
    fputs("\nExamples:\n", f);
    for (const cli_example *e = c->examples; e->line != NULL; e++) {
        fprintf(f, "  %s\n      ", e->line);
        print_wrapped(f, e->doc, 6, 6);
    }
}

void cli_print_overview(FILE *f)
{
    fprintf(f, "usage: tenon COMMAND [options]\n\ntenon %s ", TN_VERSION);
    fprintf(f, "%s\n\n", cli_title);
    print_wrapped(f, cli_story, 0, 0);
    fputs("\nCommands:\n", f);
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        fprintf(f, "  %-10s  %s\n", cli_commands[i]->name, cli_commands[i]->doc);
    fputs("\n'tenon COMMAND --help' explains a command and its options; 'tenon --version' prints the version.\n"
          "\nExamples:\n",
          f);
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        fprintf(f, "  %s\n", cli_commands[i]->examples[0].line);
    fputs("\nExit codes:\n", f);
    for (const cli_exit *e = cli_exits; e->doc != NULL; e++)
        fprintf(f, "  %d  %s\n", e->code, e->doc);
}

int cli_tell_unknown_command(const char *name)
{
    size_t best = SIZE_MAX;
    const char *nearest = "";
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        size_t far = cli_distance(name, cli_commands[i]->name);
        if (far < best) {
            best = far;
            nearest = cli_commands[i]->name;
        }
    }
    fprintf(stderr, "tenon: error: unknown %s '%s'; ", name[0] == '-' ? "option" : "command", name);
    if (cli_is_near(name, best))
        fprintf(stderr, "the nearest command is '%s'; ", nearest);
    fputs("'tenon --help' lists all\n", stderr);
    return TN_ERR_USAGE;
}

static int run(cli *c)
{
    if (c->args.n_words == 0) {
        cli_print_overview(stdout);
        return TN_OK;
    }
    const cmd *command = cli_find_command(c->args.words[0]);
    if (command == NULL)
        return cli_tell_unknown_command(c->args.words[0]);
    cli_print_help(stdout, command);
    return TN_OK;
}

static const cli_example examples[] = {
    {"tenon help run", "explains the command run"},
    {NULL, NULL},
};

const cmd cmd_help = {
    .name = "help",
    .doc = "explain a command",
    .usage = "[COMMAND]",
    .about = "Explains a command with its options and examples, or lists all commands.",
    .examples = examples,
    .max_words = 1,
    .offline = true,
    .run = run,
};
