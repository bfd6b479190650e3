/* tenon summary: what a model costs, per layer and in total. */
#include "cli/command.h"
#include "cli/text.h"

#include <string.h>

static int run(cli *c)
{
    const char *format = cli_choice(c, "format");
    if (format == NULL)
        return TN_ERR_USAGE;
    tn_model *m = tn_model_load(c->ctx, c->args.words[0]);
    if (m == NULL)
        return cli_failed(c);
    return cli_print_text(c, tn_model_summary(m, strcmp(format, "json") == 0));
}

static const cli_example examples[] = {
    {"tenon summary net.onnx", "prints a table of the layers with shapes, parameters, MACs, RAM and weights"},
    {"tenon summary net.onnx --target x86-64-v3 --format json", "the same for a target, for a program to read"},
    {NULL, NULL},
};

const cmd cmd_summary = {
    .name = "summary",
    .doc = "print shapes, parameters, MACs, RAM and weights per layer",
    .usage = "MODEL [--format text|json] [options]",
    .about =
        "Compiles a model in memory and prints what it costs: inputs and outputs, parameters, multiply-accumulates, weights "
        "(flash), workspace and stack (RAM), the same per layer, and where each buffer lies in the workspace.",
    .examples = examples,
    .min_words = 1,
    .max_words = 1,
    .compiles = true,
    .only_looks = true,
    .run = run,
};
