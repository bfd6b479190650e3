/* See times.h. The form is that of TVM's BenchmarkResult: each column centred in 12. */
#include "cli/times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMN = 12, MOST_RUNS = 1000000 };

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int cli_measure(cli *c, tn_runner *r, cli_times *out)
{
    int64_t repeat, number;
    if (!cli_int(c, "repeat", 1, MOST_RUNS, &repeat) || !cli_int(c, "number", 1, MOST_RUNS, &number))
        return TN_ERR_USAGE;
    double *ms = cli_alloc(c, (size_t)repeat, sizeof *ms), *one = cli_alloc(c, (size_t)number, sizeof *one);
    if (ms == NULL || one == NULL)
        return TN_ERR_MEMORY;
    tn_status status = tn_runner_run(r);
    for (int64_t i = 0; i < repeat && status == TN_OK; i++) {
        status = tn_runner_time(r, (int)number, one);
        for (int64_t k = 0; k < number; k++)
            ms[i] += one[k] / (double)number;
    }
    *out = (cli_times){ms, (size_t)repeat};
    return (int)status;
}

/* As Python's format "^12": what is left over goes to the right. */
static void print_centred(const char *text, const char *end)
{
    int room = COLUMN - (int)strlen(text), left = room > 0 ? room / 2 : 0;
    printf("%*s%s%*s%s", left, "", text, room > 0 ? room - left : 0, "", end);
}

static void print_row(const char *const cell[5])
{
    for (int i = 0; i < 5; i++)
        print_centred(cell[i], i < 4 ? " " : "\n");
}

void cli_print_times(const cli_times *t)
{
    static const char *const header[5] = {"mean (ms)", "median (ms)", "max (ms)", "min (ms)", "std (ms)"};
    double mean = 0, variance = 0;
    const double *ms = t->ms;
    qsort(t->ms, t->n, sizeof *ms, compare);
    for (size_t i = 0; i < t->n; i++)
        mean += ms[i] / (double)t->n;
    for (size_t i = 0; i < t->n; i++)
        variance += (ms[i] - mean) * (ms[i] - mean) / (double)t->n;
    double median = (ms[(t->n - 1) / 2] + ms[t->n / 2]) / 2;
    double number[5] = {mean, median, ms[t->n - 1], ms[0], sqrt(variance)};
    char text[5][32];
    const char *cell[5];
    for (int i = 0; i < 5; i++) {
        snprintf(text[i], sizeof text[i], "%.4f", number[i]);
        cell[i] = text[i];
    }
    puts("Execution time summary:");
    print_row(header);
    print_row(cell);
}
