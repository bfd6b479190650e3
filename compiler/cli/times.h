/* Measures runs and prints TVM's table of five columns. */
#ifndef CLI_TIMES_H
#define CLI_TIMES_H

#include "cli/command.h"

typedef struct cli_times {
    double *ms; /* one number a repeat: the mean of its runs */
    size_t n;
} cli_times;

/* As options --repeat and --number say, after a run that is not counted. Gives the exit code. */
int cli_measure(cli *c, tn_runner *r, cli_times *out);

void cli_print_times(const cli_times *t); /* at least one; sorts them */

#endif
