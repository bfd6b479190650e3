/* tenon compile: a model becomes a package of C. */
#include "cli/command.h"

#include <stdio.h>

static int run(cli *c)
{
    tn_model *m = tn_model_load(c->ctx, c->args.words[0]);
    if (m == NULL)
        return cli_failed(c);
    const char *path = cli_value(&c->args, "output");
    if (path == NULL)
        path = tn_model_name(m);
    tn_status status = tn_model_compile(m, path);
    if (status != TN_OK)
        return (int)status;
    cli_progress_clear(&c->progress);
    printf("%s\n", path);
    return TN_OK;
}

static const cli_example examples[] = {
    {"tenon compile digits.onnx -o out/digits", "writes out/digits/digits.c, digits.h and what goes with them"},
    {"tenon compile net.onnx -o net.tar --input-shapes \"data:[1,3,224,224]\"",
     "gives the input data a fixed shape; writes an archive"},
    {"tenon compile net.onnx -o out/net -O3 --target native --build shared",
     "for this machine; also calls the C compiler"},
    {NULL, NULL},
};

const cmd cmd_compile = {
    .name = "compile",
    .doc = "compile a model to a package of C",
    .usage = "MODEL [-o PATH] [options]",
    .about =
        "Compiles an ONNX or TFLite model, or the text that 'tenon show' prints (a file ending in .tg), to a package: C99 "
        "source, header, weights, build files, self-test and report. Prints the package's path. A folder that is "
        "no package is never overwritten.",
    .examples = examples,
    .min_words = 1,
    .max_words = 1,
    .compiles = true,
    .run = run,
};
