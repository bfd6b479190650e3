/* tenon validate: a model's outputs against a reference, as a table of metrics per output; against true labels, as a
   confusion matrix. Exit code 1 when an output is beyond the tolerance. */
#include "cli/command.h"
#include "cli/confusion.h"
#include "cli/feed.h"
#include "cli/text.h"
#include "cli/values.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One output and its reference. */
typedef struct pair {
    const tn_array *got, *want;
    double rtol, atol;
    tn_metrics metrics;
    bool ranked; /* top1 and top5 count */
    cli_scores shape;
    size_t top1, top5; /* rows whose wanted class is among the best 1, the best 5 */
} pair;

typedef struct job {
    cli_food food;
    double rtol, atol;
    bool exact_integers, json;
    tn_array_vec wanted;
    const char *labels; /* NULL: none */

    const tn_array *outputs;
    size_t n_outputs;
    pair *pairs;
    size_t n_pairs;
    cli_confusion confusion;
} job;

static int read_job(cli *c, job *j)
{
    const char *reference = cli_value(&c->args, "reference"), *format = cli_choice(c, "format");
    *j = (job){.labels = cli_value(&c->args, "labels-true")};
    if (format == NULL || !cli_real(c, "rtol", &j->rtol) || !cli_real(c, "atol", &j->atol))
        return TN_ERR_USAGE;
    if (reference == NULL && j->labels == NULL)
        return cli_fail(c, TN_ERR_USAGE, "against what? give '--reference PATH' or '--labels-true FILE'");
    if (!cli_is_set(&c->args, "inputs") && !cli_is_set(&c->args, "fill-mode"))
        return cli_fail(c, TN_ERR_USAGE, "on which inputs? give '--inputs PATH' or '--fill-mode MODE'");
    j->json = strcmp(format, "json") == 0;
    j->exact_integers = !cli_is_set(&c->args, "rtol") && !cli_is_set(&c->args, "atol");
    int status = cli_read_food(c, &j->food);
    if (status == TN_OK && reference != NULL)
        status = (int)tn_arrays_read(c->ctx, reference, "output", &j->wanted);
    if (status == TN_OK && reference != NULL && j->wanted.n == 0)
        return cli_fail(c, TN_ERR_RUN, "%s: holds no arrays", reference);
    return status;
}

/* The output that a reference is for: by name, by output_0 ..., and where no reference has a fitting name, by place. */
static const tn_array *find_output(const job *j, const char *name)
{
    char numbered[32];
    for (size_t i = 0; i < j->n_outputs && name != NULL; i++) {
        snprintf(numbered, sizeof numbered, "output_%zu", i);
        if (strcmp(name, numbered) == 0 || (j->outputs[i].name != NULL && strcmp(name, j->outputs[i].name) == 0))
            return &j->outputs[i];
    }
    return NULL;
}

static int match(cli *c, job *j)
{
    size_t named = 0;
    j->pairs = cli_alloc(c, j->wanted.n, sizeof *j->pairs);
    if (j->pairs == NULL)
        return TN_ERR_MEMORY;
    for (size_t i = 0; i < j->wanted.n; i++)
        named += find_output(j, j->wanted.items[i].name) != NULL;
    if (named == 0 && j->wanted.n > j->n_outputs)
        return cli_fail(c, TN_ERR_RUN, "the reference holds %zu arrays; the model has %zu outputs", j->wanted.n,
                        j->n_outputs);
    for (size_t i = 0; i < j->wanted.n; i++) {
        const tn_array *want = &j->wanted.items[i];
        const tn_array *got = named > 0 ? find_output(j, want->name) : &j->outputs[i];
        if (got == NULL)
            return cli_fail(c, TN_ERR_RUN, "the reference's array '%s' is no output of the model", want->name);
        j->pairs[j->n_pairs++] = (pair){.got = got, .want = want};
    }
    return TN_OK;
}

/* Agreement of the classes: the reference's best is among the best of the output. Ties count as agreement. */
static void rank(pair *p)
{
    p->shape = cli_scores_of(p->want);
    p->ranked = p->shape.classes > 1 && cli_has_numbers(p->want) && cli_has_numbers(p->got);
    for (size_t row = 0; row < p->shape.rows && p->ranked; row++) {
        size_t best = cli_largest(p->want, row, p->shape.classes);
        size_t place = cli_place(p->got, row, p->shape.classes, best);
        p->top1 += place < 1;
        p->top5 += place < 5;
    }
}

static int compare(cli *c, job *j)
{
    for (size_t i = 0; i < j->n_pairs; i++) {
        pair *p = &j->pairs[i];
        bool exact = j->exact_integers && !cli_has_floats(p->want);
        p->rtol = exact ? 0 : j->rtol;
        p->atol = exact ? 0 : j->atol;
        tn_status status = tn_arrays_compare(c->ctx, p->got, p->want, p->rtol, p->atol, &p->metrics);
        if (status != TN_OK)
            return (int)status;
        rank(p);
    }
    return TN_OK;
}

static int compute(cli *c, tn_runner *r, job *j)
{
    int status = cli_run_samples(c, r, &j->food, &j->outputs, &j->n_outputs);
    if (status == TN_OK)
        status = match(c, j);
    if (status == TN_OK)
        status = compare(c, j);
    if (status == TN_OK && j->labels != NULL && j->n_outputs == 0)
        status = cli_fail(c, TN_ERR_RUN, "the model has no output for the true labels");
    else if (status == TN_OK && j->labels != NULL)
        status = cli_read_confusion(c, j->labels, &j->outputs[0], &j->confusion);
    return status;
}

/* The numbers of tn_metrics by name, for both forms of the answer. */
typedef struct figure {
    const char *label, *key;
    double value;
    bool floats_only;
} figure;

enum { N_FIGURES = 7 };

static void list_figures(const tn_metrics *m, figure out[N_FIGURES])
{
    const figure list[N_FIGURES] = {
        {"max abs", "max_abs", m->max_abs, false},
        {"max relative", "max_rel", m->max_rel, false},
        {"RMSE", "rmse", m->rmse, false},
        {"MAE", "mae", m->mae, false},
        {"L2r", "l2r", m->l2r, false},
        {"cosine", "cosine", m->cosine, false},
        {"max ULP", "max_ulp", m->max_ulp, true},
    };
    memcpy(out, list, sizeof list);
}

static void print_agreement(const char *label, size_t n, size_t rows)
{
    printf("  %-14s%zu of %zu rows (%.2f %%)\n", label, n, rows, rows > 0 ? 100.0 * (double)n / (double)rows : 0.0);
}

static void print_pair(const pair *p)
{
    figure list[N_FIGURES];
    list_figures(&p->metrics, list);
    printf("%s ", p->got->name != NULL ? p->got->name : "output");
    cli_print_type(stdout, p->got);
    putchar('\n');
    for (int i = 0; i < N_FIGURES; i++)
        if (!list[i].floats_only || cli_has_floats(p->want))
            printf("  %-14s%.6g\n", list[i].label, list[i].value);
    if (p->ranked)
        print_agreement("top-1", p->top1, p->shape.rows);
    if (p->ranked && p->shape.classes >= 5)
        print_agreement("top-5", p->top5, p->shape.rows);
    printf("  %-14s%" PRId64 " of %" PRId64 " elements (rtol %g, atol %g)\n", "mismatched", p->metrics.mismatched,
           p->metrics.count, p->rtol, p->atol);
}

static void print_pair_json(const pair *p)
{
    figure list[N_FIGURES];
    list_figures(&p->metrics, list);
    fputs("{\"name\": ", stdout);
    cli_print_json_string(stdout, p->got->name != NULL ? p->got->name : "");
    fputs(", \"type\": \"", stdout);
    cli_print_type(stdout, p->got);
    putchar('"');
    for (int i = 0; i < N_FIGURES; i++) {
        if (list[i].floats_only && !cli_has_floats(p->want))
            continue;
        printf(", \"%s\": ", list[i].key);
        cli_print_json_number(stdout, list[i].value);
    }
    if (p->ranked)
        printf(", \"rows\": %zu, \"top1\": %zu, \"top5\": %zu", p->shape.rows, p->top1, p->top5);
    printf(", \"count\": %" PRId64 ", \"mismatched\": %" PRId64 ", \"rtol\": %g, \"atol\": %g}", p->metrics.count,
           p->metrics.mismatched, p->rtol, p->atol);
}

static size_t count_beyond(const job *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_pairs; i++)
        n += j->pairs[i].metrics.mismatched > 0;
    return n;
}

static void print_text(const job *j, size_t beyond)
{
    for (size_t i = 0; i < j->n_pairs; i++)
        print_pair(&j->pairs[i]);
    if (j->labels != NULL)
        cli_print_confusion(&j->confusion);
    if (beyond > 0)
        printf("FAIL: %zu of %zu outputs beyond the tolerance\n", beyond, j->n_pairs);
    else if (j->n_pairs > 0)
        printf("PASS: %zu outputs within the tolerance\n", j->n_pairs);
}

static void print_json(const job *j, size_t beyond)
{
    printf("{\"pass\": %s, \"outputs\": [", beyond == 0 ? "true" : "false");
    for (size_t i = 0; i < j->n_pairs; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        print_pair_json(&j->pairs[i]);
    }
    putchar(']');
    if (j->labels != NULL) {
        fputs(", \"labels\": {", stdout);
        cli_print_confusion_json(&j->confusion);
        putchar('}');
    }
    puts("}");
}

/* The arrays whose names are among those of the infos, or all others. */
static void keep_named(tn_array_vec *v, const tn_array *infos, size_t n, bool wanted)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n; i++) {
        bool found = false;
        for (size_t k = 0; k < n && v->items[i].name != NULL; k++)
            found = found || strcmp(v->items[i].name, infos[k].name) == 0;
        if (found == wanted)
            v->items[kept++] = v->items[i];
    }
    v->n = kept;
}

/* Where --inputs and --reference name one file, it holds both: what is named as an output is the reference. */
static void part_arrays(cli *c, tn_runner *r, job *j)
{
    const char *reference = cli_value(&c->args, "reference");
    const tn_array *outputs;
    size_t n = tn_runner_outputs(r, &outputs);
    if (reference == NULL || j->food.path == NULL || strcmp(reference, j->food.path) != 0)
        return;
    tn_array_vec named = j->wanted;
    keep_named(&named, outputs, n, true);
    if (named.n == 0)
        return; /* a folder: input_0, output_0 ... are told apart by reading */
    j->wanted = named;
    keep_named(&j->food.arrays, outputs, n, false);
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
    part_arrays(c, r, &j);
    status = compute(c, r, &j);
    cli_progress_clear(&c->progress);
    if (status == TN_OK) {
        size_t beyond = count_beyond(&j);
        (j.json ? print_json : print_text)(&j, beyond);
        status = beyond > 0 ? CLI_DIFFERS : TN_OK;
    }
    tn_runner_close(r);
    return status;
}

static const cli_example examples[] = {
    {"tenon validate net.onnx --inputs x.npz --reference y.npz", "compares with the outputs of another program"},
    {"tenon validate out/net -i test_data_set_0 -r test_data_set_0", "checks a package with ONNX's test data"},
    {"tenon validate net.onnx -i images.npy --labels-true labels.txt", "prints accuracy and confusion matrix"},
    {NULL, NULL},
};

const cmd cmd_validate = {
    .name = "validate",
    .doc = "compare a model's outputs with a reference or with true labels",
    .usage = "PATH --inputs PATH (--reference PATH | --labels-true FILE) [options]",
    .about = "Runs a package, or a model file, and prints per output how far it is from a reference. Inputs that hold "
             "several times the rows that the model takes are run in turn, and the outputs joined. One .npz may hold "
             "inputs and reference by their names. The exit code is 1 when an element is beyond the tolerance.",
    .examples = examples,
    .min_words = 1,
    .max_words = 1,
    .compiles = true,
    .run = run,
};
