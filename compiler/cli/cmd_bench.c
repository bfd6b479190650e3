/* tenon bench: times a model, or answers the questions of a benchmark, one JSON line each:

       run 2           ->   {"ms": [1.234000, 1.233000], "peak_rss_mb": 13.000}
       output y.npz    ->   {"saved": "y.npz"}
       what?           ->   {"error": "unknown command 'what?'; known: run K, output PATH, quit"} */
#define _POSIX_C_SOURCE 200809L
#include "cli/command.h"
#include "cli/feed.h"
#include "cli/text.h"
#include "cli/times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_RUNS = 10000000 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The most memory that this process ever had resident, in MiB; 0 where /proc does not tell. */
static double peak_rss_mb(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long kib = 0;
    while (f != NULL && kib == 0 && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoul(line + 6, NULL, 10);
    if (f != NULL)
        fclose(f);
    return (double)kib / 1024;
}

/* --- without the protocol ---------------------------------------------------------------------------------------- */

static int print_table(cli *c, tn_runner *r)
{
    cli_times times;
    int status = cli_measure(c, r, &times);
    cli_progress_clear(&c->progress);
    if (status == TN_OK)
        cli_print_times(&times);
    return status;
}

/* --- the protocol ------------------------------------------------------------------------------------------------ */

/* The channel of answers. Whatever else prints to standard output goes to standard error. */
static FILE *take_stdout(cli *c)
{
    fflush(stdout);
    int fd = dup(STDOUT_FILENO);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f == NULL || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        cli_fail(c, TN_ERR_FILE, "cannot set up the channel of answers");
    return f;
}

/* Ends an answer that says what went wrong last. */
static void print_error(cli *c, FILE *f)
{
    fputs("\"error\": ", f);
    cli_print_json_string(f, c->error[0] != '\0' ? c->error : "failed without a message");
    fputs("}\n", f);
    fflush(f);
}

static void answer_run(cli *c, tn_runner *r, FILE *f, const char *count)
{
    char *end;
    long k = strtol(count, &end, 10);
    double *ms = NULL;
    int status;
    if (end == count || *end != '\0' || k < 1 || k > MOST_RUNS)
        status = cli_fail(c, TN_ERR_USAGE, "run takes a number from 1 to %d, not '%s'", MOST_RUNS, count);
    else if ((ms = malloc((size_t)k * sizeof *ms)) == NULL)
        status = cli_fail(c, TN_ERR_MEMORY, "out of memory");
    else
        status = (int)tn_runner_time(r, (int)k, ms);
    fputc('{', f);
    if (status != TN_OK) {
        print_error(c, f);
    } else {
        for (long i = 0; i < k; i++)
            fprintf(f, "%s%.6f", i > 0 ? ", " : "\"ms\": [", ms[i]);
        fprintf(f, "], \"peak_rss_mb\": %.3f}\n", peak_rss_mb());
        fflush(f);
    }
    free(ms);
}

static int save(cli *c, tn_runner *r, const char *path)
{
    size_t n;
    tn_status status = tn_runner_run(r);
    if (status != TN_OK)
        return (int)status;
    const tn_array *outputs = tn_runner_result(r, &n);
    return cli_save_outputs(c, path, outputs, n);
}

static void answer_output(cli *c, tn_runner *r, FILE *f, const char *path)
{
    int status = *path != '\0' ? save(c, r, path) : cli_fail(c, TN_ERR_USAGE, "output takes a path");
    fputc('{', f);
    if (status != TN_OK) {
        print_error(c, f);
        return;
    }
    fputs("\"saved\": ", f);
    cli_print_json_string(f, path);
    fputs("}\n", f);
    fflush(f);
}

/* Cuts a line "VERB ARGUMENT\n" in place; the argument may be "". */
static char *cut_verb(char *line)
{
    size_t n = strlen(line);
    while (n > 0 && strchr(" \t\r\n", line[n - 1]) != NULL)
        line[--n] = '\0';
    char *argument = line + strcspn(line, " ");
    if (*argument != '\0')
        *argument++ = '\0';
    return argument + strspn(argument, " ");
}

/* False when it was the last question. */
static bool answer(cli *c, tn_runner *r, FILE *f, char *line)
{
    const char *argument = cut_verb(line);
    cli_forget_error(c);
    if (strcmp(line, "quit") == 0)
        return false;
    if (strcmp(line, "run") == 0) {
        answer_run(c, r, f, argument);
    } else if (strcmp(line, "output") == 0) {
        answer_output(c, r, f, argument);
    } else {
        cli_fail(c, TN_ERR_USAGE, "unknown command '%s'; known: run K, output PATH, quit", line);
        fputc('{', f);
        print_error(c, f);
    }
    return true;
}

static void answer_all(cli *c, tn_runner *r, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) >= 0)
        if (!answer(c, r, f, line))
            break;
    free(line);
}

/* --- both -------------------------------------------------------------------------------------------------------- */

/* A runner that has its inputs and has run once, so that weights, workspace and threads are set up. */
static int make_ready(cli *c, tn_runner **r)
{
    cli_food food;
    int status = cli_read_food(c, &food);
    if (status != TN_OK)
        return status;
    *r = cli_open_runner(c, &status);
    if (*r == NULL)
        return status;
    status = cli_feed(c, *r, &food);
    if (status == TN_OK)
        status = (int)tn_runner_run(*r);
    return status;
}

static int speak(cli *c)
{
    tn_runner *r = NULL;
    FILE *f = take_stdout(c);
    if (f == NULL)
        return TN_ERR_FILE;
    double start = now_s();
    int status = make_ready(c, &r);
    cli_progress_clear(&c->progress);
    if (status == TN_OK) {
        fprintf(f, "{\"ready\": true, \"version\": \"%s\", \"load_s\": %.6f, \"peak_rss_mb\": %.3f}\n", TN_VERSION,
                now_s() - start, peak_rss_mb());
        fflush(f);
        answer_all(c, r, f);
    } else {
        fputs("{\"ready\": false, ", f);
        print_error(c, f);
    }
    fclose(f);
    tn_runner_close(r);
    return status;
}

static int calibrate(cli *c)
{
    tn_machine m;
    int status = (int)tn_machine_measure(c->ctx, &m);
    cli_progress_clear(&c->progress);
    if (status != TN_OK)
        return status;
    printf("%s, one core\n%-24s %8.1f GFLOP/s\n", m.target, "multiply-adds of floats", m.gflops);
    for (int i = 0; i < TN_MACHINE_LEVELS; i++)
        printf("reading %6.3g MiB       %8.1f GB/s\n", m.mib[i], m.gbytes[i]);
    return TN_OK;
}

static int run(cli *c)
{
    if (cli_is_set(&c->args, "calibrate"))
        return c->args.n_words == 0 ? calibrate(c) : cli_fail(c, TN_ERR_USAGE, "option '--calibrate' takes no model");
    if (c->args.n_words == 0)
        return cli_fail(c, TN_ERR_USAGE, "which model or package? 'tenon bench PATH', or '--calibrate'");
    if (cli_is_set(&c->args, "protocol"))
        return speak(c);
    tn_runner *r = NULL;
    int status = make_ready(c, &r);
    if (status == TN_OK)
        status = print_table(c, r);
    tn_runner_close(r);
    return status;
}

static const cli_example examples[] = {
    {"tenon bench net.onnx --repeat 100 --threads 1", "prints a table of run times on one thread"},
    {"tenon bench out/net --inputs x.npz --threads 1 --protocol", "answers a benchmark's questions about a package"},
    {"tenon bench --calibrate",
     "prints what this machine does at most: multiply-adds, bytes from each level of memory"},
    {NULL, NULL},
};

const cmd cmd_bench = {
    .name = "bench",
    .doc = "measure a model or a package",
    .usage = "[PATH] [options]",
    .about = "Measures a package, or a model file, which is compiled for this machine and built first. With --protocol "
             "it loads everything, prints a line that it is ready, and then answers each line of standard input with "
             "one line of JSON; standard error is the log.",
    .examples = examples,
    .max_words = 1,
    .compiles = true,
    .run = run,
};
