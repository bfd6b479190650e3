/* tenon show: a model as text that parses back. */
#include "cli/command.h"
#include "cli/text.h"

static int run(cli *c)
{
    const char *passes = cli_value(&c->args, "passes"), *path = cli_value(&c->args, "output");
    tn_model *m = tn_model_load(c->ctx, c->args.words[0]);
    if (m == NULL)
        return cli_failed(c);
    tn_status status = passes != NULL ? tn_model_passes(m, passes) : TN_OK;
    if (status != TN_OK)
        return (int)status;
    const char *text = tn_model_show(m, cli_is_set(&c->args, "loops"));
    if (text == NULL || path == NULL)
        return cli_print_text(c, text);
    return cli_write_file(c, path, text);
}

static const cli_example examples[] = {
    {"tenon show net.onnx", "prints the graph as it is in the file"},
    {"tenon show net.onnx --passes O2", "prints the graph as it is compiled with -O2"},
    {"tenon show net.onnx --loops --target x86-64-v3", "prints the loop programs made for a target"},
    {NULL, NULL},
};

const cmd cmd_show = {
    .name = "show",
    .doc = "print a model's graph or its loop programs",
    .usage = "MODEL [--loops] [--passes LIST] [options]",
    .about = "Prints a model as text that parses back: 'tenon opt' takes it from a file that ends in .tg, 'tenon "
             "compile' the graph. The loop programs are those that C is printed from: fused, laid out, scheduled.",
    .examples = examples,
    .min_words = 1,
    .max_words = 1,
    .compiles = true,
    .only_looks = true,
    .run = run,
};
