/* tenon ops, passes, patterns, targets: what there is, printed from the compiler's own tables. */
#include "cli/command.h"
#include "cli/text.h"

#include <string.h>

static int run_ops(cli *c)
{
    const char *format = cli_choice(c, "format");
    return format != NULL ? cli_print_text(c, tn_ops_list(c->ctx, format)) : TN_ERR_USAGE;
}

static const cli_example ops_examples[] = {
    {"tenon ops", "lists each operator with its versions and types"},
    {"tenon ops --format markdown > operators.md", "writes them as a table for a document"},
    {NULL, NULL},
};

const cmd cmd_ops = {
    .name = "ops",
    .doc = "list the supported operators",
    .usage = "[--format text|markdown|json]",
    .about = "Lists every supported ONNX operator with its versions and types, and TFLite's builtin operators.",
    .examples = ops_examples,
    .run = run_ops,
};

static int run_passes(cli *c)
{
    const char *format = cli_choice(c, "format");
    if (format == NULL)
        return TN_ERR_USAGE;
    return cli_print_text(c, tn_passes_list(c->ctx, strcmp(format, "json") == 0));
}

static const cli_example passes_examples[] = {
    {"tenon passes", "lists passes, parameters and levels"},
    {"tenon passes --format json", "the same for a program to read"},
    {NULL, NULL},
};

const cmd cmd_passes = {
    .name = "passes",
    .doc = "list the passes, their parameters and the pipelines",
    .usage = "[--format text|json]",
    .about =
        "Lists the passes in their order, with the lowest -O that runs each and the form of the model that it needs; "
        "the parameters that --pass-config sets; and what each -O means.",
    .examples = passes_examples,
    .run = run_passes,
};

static int run_patterns(cli *c)
{
    const char *format = cli_choice(c, "format");
    if (format == NULL)
        return TN_ERR_USAGE;
    return cli_print_text(c, tn_patterns_list(c->ctx, strcmp(format, "json") == 0));
}

static const cli_example patterns_examples[] = {
    {"tenon patterns", "lists the names that --dispatch takes; 'tenon --list-patterns' does the same"},
    {"tenon patterns --format json", "every alternative with its text, to write patterns of your own from"},
    {NULL, NULL},
};

const cmd cmd_patterns = {
    .name = "patterns",
    .doc = "list what --dispatch can send to a library",
    .usage = "[--format text|json]",
    .about =
        "Lists the patterns of --dispatch: parts of a graph that become calls of the CBLAS interface. A pattern of "
        "your own is a graph as text, as 'tenon show' prints it, with one output; --dispatch "
        "user.NAME=FILE:FUNCTION calls FUNCTION for it, with a pointer for each input and for the output, then "
        "the value of each symbol. The package's header has its prototype.",
    .examples = patterns_examples,
    .run = run_patterns,
};

static int run_targets(cli *c)
{
    return cli_print_text(c, tn_targets_list(c->ctx));
}

static const cli_example targets_examples[] = {
    {"tenon targets", "lists each name that --target takes"},
    {NULL, NULL},
};

const cmd cmd_targets = {
    .name = "targets",
    .doc = "list the targets",
    .usage = "",
    .about = "Lists the machines that code can be compiled for.",
    .examples = targets_examples,
    .run = run_targets,
};
