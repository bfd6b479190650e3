/* tenon man: the man page in troff's man macros, from the rows of the commands. It has no date, so that a version's
   page is always the same bytes. */
#include "cli/help.h"

#include <ctype.h>
#include <string.h>

/* Dashes stay dashes when copied from the page, backslashes stay themselves, no line is taken for a macro. */
static void print_escaped(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '"')
            fputs("\\(dq", stdout);
        else
            putchar(*text);
    }
}

static void print_paragraph(const char *text)
{
    print_escaped(text);
    putchar('\n');
}

static void print_option(const cli_option *o)
{
    fputs(".TP\n", stdout);
    if (o->letter != 0 && !cli_is_letter(o->name))
        printf("\\fB\\-%c\\fR, ", o->letter);
    fputs(cli_is_letter(o->name) ? "\\fB\\-" : "\\fB\\-\\-", stdout);
    print_escaped(o->name);
    fputs("\\fR", stdout);
    if (o->value != NULL) {
        fputs(" \\fI", stdout);
        print_escaped(o->value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    print_escaped(o->doc);
    if (o->def != NULL && o->def[0] != '\0') {
        fputs(" (default: ", stdout);
        print_escaped(o->def);
        putchar(')');
    }
    putchar('\n');
}

static void print_examples(const cmd *c)
{
    fputs(".PP\nExamples:\n", stdout);
    for (const cli_example *e = c->examples; e->line != NULL; e++) {
        fputs(".TP\n\\fB", stdout);
        print_escaped(e->line);
        fputs("\\fR\n", stdout);
        print_paragraph(e->doc);
    }
}

/* The options of the compiler are shared by many commands: they have a section of their own. */
static void print_command(const cmd *c)
{
    cli_row row;
    fputs(".SS \"tenon ", stdout);
    print_escaped(c->name);
    fputs(c->usage[0] != '\0' ? " " : "", stdout);
    print_escaped(c->usage);
    fputs("\"\n", stdout);
    print_paragraph(c->about != NULL ? c->about : c->doc);
    if (c->compiles)
        fputs("Takes the options of the compiler as well.\n", stdout);
    for (size_t i = 0; cli_row_at(c, i, &row); i++)
        if (!row.api && strcmp(row.option.name, "help") != 0 && strcmp(row.option.name, "verbose") != 0)
            print_option(&row.option);
    print_examples(c);
}

/* Options of one group stand together in the table; each group has a heading. */
static void print_compiler_options(void)
{
    fputs(".SH OPTIONS OF THE COMPILER\nThese go with the commands that compile; those that only look at "
          "a model, show, opt and summary, take none of the groups Package and Build.\n",
          stdout);
    cli_row row;
    const char *group = "";
    for (size_t i = 0; cli_row_at(&cmd_compile, i, &row); i++) {
        if (!row.api || cli_row_is_hidden(&cmd_compile, i))
            continue;
        if (strcmp(group, row.group) != 0)
            printf(".SS \"%c%s\"\n", toupper((unsigned char)row.group[0]), row.group + 1);
        group = row.group;
        print_option(&row.option);
    }
}

static int run(cli *c)
{
    (void)c;
    printf(".TH TENON 1 \"\" \"Tenon %s\" \"User Commands\"\n.SH NAME\ntenon \\- ", TN_VERSION);
    print_paragraph(cli_title);
    fputs(".SH SYNOPSIS\n\\fBtenon\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n", stdout);
    print_paragraph(cli_story);
    fputs(".SH COMMANDS\nEach command also takes \\fB\\-h\\fR, \\fB\\-\\-help\\fR and, for a line on each step, "
          "\\fB\\-v\\fR, \\fB\\-\\-verbose\\fR.\n",
          stdout);
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        print_command(cli_commands[i]);
    print_compiler_options();
    fputs(".SH EXIT STATUS\n", stdout);
    for (const cli_exit *e = cli_exits; e->doc != NULL; e++) {
        printf(".TP\n\\fB%d\\fR\n", e->code);
        print_paragraph(e->doc);
    }
    return TN_OK;
}

static const cli_example examples[] = {
    {"tenon man > tenon.1", "writes the man page to a file"},
    {"tenon man | man -l -", "shows it"},
    {NULL, NULL},
};

const cmd cmd_man = {
    .name = "man",
    .doc = "print the man page",
    .usage = "",
    .about = "Prints the man page, in troff's man macros, on standard output.",
    .examples = examples,
    .offline = true,
    .run = run,
};
