/* tenon opt: runs passes on a model or its text, prints the text. */
#include "cli/command.h"
#include "cli/text.h"

static const cli_option options[] = {
    {"passes", 'p', "LIST", NULL, "passes in this order, or a pipeline: fold-const,dce or O2; see 'tenon passes'"},
    {"output", 'o', "FILE", NULL, "write there instead of to standard output"},
    {NULL, 0, NULL, NULL, NULL},
};

static int run(cli *c)
{
    const char *passes = cli_value(&c->args, "passes"), *path = cli_value(&c->args, "output");
    if (passes == NULL)
        return cli_fail(c, TN_ERR_USAGE, "which passes? give '-p LIST'; 'tenon passes' lists all");
    tn_model *m = tn_model_load(c->ctx, c->args.words[0]);
    if (m == NULL)
        return cli_failed(c);
    tn_status status = tn_model_passes(m, passes);
    if (status != TN_OK)
        return (int)status;
    const char *text = tn_model_show(m, 0);
    if (text == NULL || path == NULL)
        return cli_print_text(c, text);
    return cli_write_file(c, path, text);
}

static const cli_example examples[] = {
    {"tenon opt net.onnx -p fold-const,dce", "prints the graph after two passes"},
    {"tenon opt net.onnx -p O2 -o net.tg", "writes the graph after a pipeline to a file"},
    {"tenon opt net.tg -p cse", "goes on from that file"},
    {NULL, NULL},
};

const cmd cmd_opt = {
    .name = "opt",
    .doc = "run passes on a model and print its graph",
    .usage = "MODEL -p LIST [-o FILE.tg] [options]",
    .about = "Runs graph passes on an ONNX model, or on the text that 'show' and 'opt' print (a file ending in .tg), "
             "and prints the graph as such text.",
    .options = options,
    .examples = examples,
    .min_words = 1,
    .max_words = 1,
    .compiles = true,
    .run = run,
};
