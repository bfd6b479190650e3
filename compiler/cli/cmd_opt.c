/* tenon opt: runs passes on a model or on a text, prints the graph or the loop program that has become of it. */
#include "cli/command.h"
#include "cli/text.h"

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
    const char *text = tn_model_show(m, -1);
    if (text == NULL || path == NULL)
        return cli_print_text(c, text);
    return cli_write_file(c, path, text);
}

static const cli_example examples[] = {
    {"tenon opt net.onnx -p fold-const,dce", "prints the graph after two passes"},
    {"tenon opt net.onnx -p O2 --stop-after fuse -o net.tg", "writes the loop program before layouts to a file"},
    {"tenon opt net.tg -p layout,schedule --target x86-64-v3", "goes on from that file"},
    {NULL, NULL},
};

const cmd cmd_opt = {
    .name = "opt",
    .doc = "run passes on a model and print what it has become",
    .usage = "MODEL -p LIST [-o FILE.tg] [options]",
    .about =
        "Runs passes on an ONNX or TFLite model, or on the text that 'show' and 'opt' print (a file ending in .tg or .loops), "
        "and prints what has become of it as such text: the graph, or from pass 'lower' on its loop program. "
        "What a pass needs is run before it. 'tenon passes' lists all passes and their parameters.",
    .examples = examples,
    .min_words = 1,
    .max_words = 1,
    .compiles = true,
    .only_looks = true,
    .run = run,
};
