/* Gives a runner its inputs, as options --inputs, --fill-mode and --seed say; saves what it gives. */
#ifndef CLI_FEED_H
#define CLI_FEED_H

#include "cli/command.h"

/* What to feed, known before the model is. */
typedef struct cli_food {
    const char *path;    /* --inputs; NULL: not given */
    tn_array_vec arrays; /* of --inputs; n 0: none was given */
    const char *fill_mode;
    uint64_t seed;
} cli_food;

/* Both give the exit code. */
int cli_read_food(cli *c, cli_food *out);
int cli_feed(cli *c, tn_runner *r, const cli_food *food);

/* Feeds and runs. Where each input holds K times as many rows (elements of the first axis) as the model takes, runs K
   times and joins the outputs. The arrays live until the next run or, when joined, until the program ends. */
int cli_run_samples(cli *c, tn_runner *r, const cli_food *food, const tn_array **outputs, size_t *n);

/* Under the names output_0, output_1 ..., as TVM and ONNX's test data name them. Gives the exit code. */
int cli_save_outputs(cli *c, const char *path, const tn_array *outputs, size_t n);

#endif
