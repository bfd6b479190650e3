/* tenon run: runs a model or a package; saves, times, ranks or profiles. Everything is computed before the first line
   is printed, so that an error leaves no half of an answer. */
#include "cli/command.h"
#include "cli/feed.h"
#include "cli/text.h"
#include "cli/times.h"
#include "cli/values.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PROFILE_RUNS = 10 }; /* unless --repeat says how many */

/* What was asked for, and what came out. */
typedef struct job {
    cli_food food;
    int64_t top; /* 0: none */
    cli_lines labels;
    bool softmax, timed, profiled;
    const char *save; /* NULL: nowhere */

    cli_times times;
    const tn_layer_time *layers;
    size_t n_layers;
    tn_machine machine; /* where a profile is taken */
    const tn_array *outputs;
    size_t n_outputs;
    cli_score *scores; /* rows times classes of the first output, sorted */
} job;

static int read_job(cli *c, job *j)
{
    const char *labels = cli_value(&c->args, "labels");
    *j = (job){.softmax = cli_is_set(&c->args, "softmax"),
               .timed = cli_is_set(&c->args, "print-time"),
               .profiled = cli_is_set(&c->args, "profile"),
               .save = cli_value(&c->args, "outputs")};
    if (!cli_int(c, "top", 1, INT32_MAX, &j->top))
        return TN_ERR_USAGE;
    if (j->top == 0 && (labels != NULL || j->softmax))
        return cli_fail(c, TN_ERR_USAGE, "option '--%s' needs '--top K'", labels != NULL ? "labels" : "softmax");
    if (labels != NULL && !cli_read_lines(c, labels, &j->labels))
        return TN_ERR_FILE;
    return cli_read_food(c, &j->food);
}

/* Else a row is of scores: logits, say. */
static bool are_probabilities(const cli_score *s, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(s[i].value >= 0))
            return false;
        sum += s[i].value;
    }
    return fabs(sum - 1) < 1e-2; /* of int8 outputs too */
}

/* The best classes of the first output, all rows. */
static int rank_outputs(cli *c, job *j)
{
    if (j->n_outputs == 0 || !cli_has_numbers(&j->outputs[0]))
        return cli_fail(c, TN_ERR_RUN, "option '--top' needs a first output of numbers");
    const tn_array *a = &j->outputs[0];
    cli_scores shape = cli_scores_of(a);
    j->scores = cli_alloc(c, shape.rows * shape.classes, sizeof *j->scores);
    if (j->scores == NULL)
        return TN_ERR_MEMORY;
    if (j->labels.n > 0 && j->labels.n != shape.classes)
        cli_note(c, "%zu labels for %zu classes", j->labels.n, shape.classes);
    for (size_t row = 0; row < shape.rows; row++) {
        cli_score *s = j->scores + row * shape.classes;
        cli_rank(a, row, shape.classes, s);
        if (j->softmax)
            cli_softmax(s, shape.classes);
    }
    return TN_OK;
}

static int measure(cli *c, tn_runner *r, job *j)
{
    int status = TN_OK;
    int64_t repeat;
    if (!cli_int(c, "repeat", 1, 1000000, &repeat))
        return TN_ERR_USAGE;
    if (!cli_is_set(&c->args, "repeat"))
        repeat = PROFILE_RUNS;
    if (j->timed)
        status = cli_measure(c, r, &j->times);
    if (status == TN_OK && j->profiled)
        status = (int)tn_runner_profile(r, (int)repeat, &j->layers, &j->n_layers);
    if (status == TN_OK && j->profiled)
        status = (int)tn_machine_measure(c->ctx, &j->machine);
    return status;
}

static int compute(cli *c, tn_runner *r, job *j)
{
    int status = cli_feed(c, r, &j->food);
    if (status == TN_OK)
        status = measure(c, r, j);
    if (status == TN_OK)
        status = (int)tn_runner_run(r);
    if (status != TN_OK)
        return status;
    j->outputs = tn_runner_result(r, &j->n_outputs);
    if (j->top > 0)
        status = rank_outputs(c, j);
    if (status == TN_OK && j->save != NULL)
        status = cli_save_outputs(c, j->save, j->outputs, j->n_outputs);
    return status;
}

/* "logits float[1,10]: min -3.1 max 12.5 mean 0.2" */
static void print_output(const tn_array *a)
{
    size_t n = cli_count(a), counted = 0;
    double min = INFINITY, max = -INFINITY, sum = 0;
    printf("%s ", a->name != NULL ? a->name : "output");
    cli_print_type(stdout, a);
    for (size_t i = 0; i < n && cli_has_numbers(a); i++) {
        double x = cli_number(a, i);
        if (isnan(x))
            continue;
        min = x < min ? x : min;
        max = x > max ? x : max;
        sum += x;
        counted++;
    }
    if (counted > 0)
        printf(": min %.6g max %.6g mean %.6g", min, max, sum / (double)counted);
    if (counted < n && cli_has_numbers(a))
        printf(": %zu NaN", n - counted);
    putchar('\n');
}

static void print_class(const job *j, const cli_score *s, const char *what)
{
    if (s->index < j->labels.n)
        printf("class='%s' with %s=%f\n", j->labels.line[s->index], what, s->value);
    else
        printf("class='%zu' with %s=%f\n", s->index, what, s->value);
}

static void print_top(const job *j)
{
    cli_scores shape = cli_scores_of(&j->outputs[0]);
    size_t k = (size_t)j->top < shape.classes ? (size_t)j->top : shape.classes;
    for (size_t row = 0; row < shape.rows; row++) {
        if (shape.rows > 1)
            printf("row %zu:\n", row);
        const cli_score *s = &j->scores[row * shape.classes];
        const char *what = are_probabilities(s, shape.classes) ? "probability" : "score";
        for (size_t i = 0; i < k; i++)
            print_class(j, &s[i], what);
    }
}

/* How fast one core could do a layer: as fast as its register tile allows, or as it reads and writes. */
static double predicted_ms(const tn_machine *m, const tn_layer_time *t)
{
    int level = 0;
    while (level < TN_MACHINE_LEVELS - 1 && t->mbytes * 1e6 > m->mib[level] * 1048576)
        level++;
    double computing = t->bound > 0 ? t->mflop / (t->bound * m->gflops) : 0, moving = t->mbytes / m->gbytes[level];
    return computing > moving ? computing : moving;
}

static void print_rate(double mflop, double ms)
{
    if (mflop > 0 && ms > 0)
        printf("  %8.2f", mflop / ms); /* MFLOP per ms is GFLOP per s */
    else
        printf("  %8s", "-");
}

static void print_layer(const job *j, int width, const tn_layer_time *t, double all_ms, double predicted)
{
    printf("%-*s  %10.4f", width, t->name, t->ms);
    print_rate(t->mflop, t->ms);
    print_rate(t->mflop, predicted);
    if (t->mflop > 0 && t->ms > 0)
        printf("  %7.1f", 100 * t->mflop / t->ms / j->machine.gflops);
    else
        printf("  %7s", "-");
    printf("  %7.1f\n", all_ms > 0 ? 100 * t->ms / all_ms : 0);
}

static void print_reason(const tn_layer_time *t)
{
    if (t->schedule != NULL && t->schedule[0] != '\0')
        printf("    %s\n", t->schedule);
    if (t->why != NULL && t->why[0] != '\0')
        printf("    %s\n", t->why);
}

static void print_profile(const job *j, bool reasons)
{
    int width = 5;
    double predicted = 0;
    tn_layer_time total = {.name = "total"};
    for (size_t i = 0; i < j->n_layers; i++) {
        int n = (int)strlen(j->layers[i].name);
        width = n > width ? n : width;
        total.ms += j->layers[i].ms;
        total.mflop += j->layers[i].mflop;
        predicted += predicted_ms(&j->machine, &j->layers[i]);
    }
    printf("%-*s  %10s  %8s  %8s  %7s  %7s\n", width, "layer", "ms", "GFLOP/s", "expected", "peak %", "share %");
    for (size_t i = 0; i < j->n_layers; i++) {
        print_layer(j, width, &j->layers[i], total.ms, predicted_ms(&j->machine, &j->layers[i]));
        if (reasons)
            print_reason(&j->layers[i]);
    }
    print_layer(j, width, &total, total.ms, predicted);
    printf(
        "One core's peak is %.1f GFLOP/s in multiply-adds of floats; expected: one core, by register tile and memory.\n",
        j->machine.gflops);
}

static void print_answers(const cli *c, const job *j)
{
    bool asked = j->top > 0 || j->timed || j->profiled || j->save != NULL;
    for (size_t i = 0; i < j->n_outputs && !asked; i++)
        print_output(&j->outputs[i]);
    if (j->top > 0)
        print_top(j);
    if (j->timed)
        cli_print_times(&j->times);
    if (j->profiled)
        print_profile(j, cli_is_set(&c->args, "verbose"));
}

static int run(cli *c)
{
    job j;
    int status = read_job(c, &j);
    if (status != TN_OK)
        return status;
    tn_runner *r = cli_open_runner(c, &status);
    if (r == NULL)
        return status;
    status = compute(c, r, &j);
    cli_progress_clear(&c->progress);
    if (status == TN_OK)
        print_answers(c, &j);
    tn_runner_close(r);
    return status;
}

static const cli_example examples[] = {
    {"tenon run net.onnx", "compiles, builds and runs a model on random inputs; prints a line per output"},
    {"tenon run out/net --inputs x.npz --outputs y.npz", "runs a package"},
    {"tenon run net.onnx -i test_data_set_0 -o results", "takes input_0.pb ... and writes output_0.pb ..."},
    {"tenon run net.onnx -i cat.npz --top 5 --labels synset.txt --softmax", "prints the five best classes"},
    {"tenon run net.onnx --print-time --repeat 10 --number 10", "measures it: ten times the mean of ten runs"},
    {"tenon run net.onnx --profile",
     "prints time, GFLOP/s, what was expected and the share of the peak of each layer; with -v schedules and why"},
    {NULL, NULL},
};

const cmd cmd_run = {
    .name = "run",
    .doc = "run a model or a package",
    .usage = "PATH [options]",
    .about = "Runs a package, or a model file, which is compiled for this machine and built first. Inputs that are not "
             "given are random numbers. Unless outputs are saved, ranked, timed or profiled, prints a line for each.",
    .examples = examples,
    .min_words = 1,
    .max_words = 1,
    .compiles = true,
    .run = run,
};
