/* See feed.h. */
#include "cli/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int cli_read_food(cli *c, cli_food *out)
{
    const char *path = cli_value(&c->args, "inputs");
    int64_t seed;
    *out = (cli_food){.path = path, .fill_mode = cli_choice(c, "fill-mode")};
    if (out->fill_mode == NULL || !cli_int(c, "seed", 0, INT64_MAX, &seed))
        return TN_ERR_USAGE;
    out->seed = (uint64_t)seed;
    if (path == NULL)
        return TN_OK;
    if (cli_is_set(&c->args, "fill-mode"))
        return cli_fail(c, TN_ERR_USAGE, "options '--inputs' and '--fill-mode' exclude each other");
    tn_status status = tn_arrays_read(c->ctx, path, "input", &out->arrays);
    if (status == TN_OK && out->arrays.n == 0)
        return cli_fail(c, TN_ERR_RUN, "%s: holds no arrays", path);
    return (int)status;
}

/* Errors say which file the arrays are from. */
static int set_inputs(cli *c, tn_runner *r, const cli_food *food, const tn_array *arrays)
{
    c->about = food->path;
    tn_status status = tn_runner_set_inputs(r, arrays, food->arrays.n);
    c->about = NULL;
    return (int)status;
}

int cli_feed(cli *c, tn_runner *r, const cli_food *food)
{
    if (food->arrays.n > 0)
        return set_inputs(c, r, food, food->arrays.items);
    return (int)tn_runner_fill_inputs(r, food->fill_mode, food->seed);
}

/* The model's input that an array is for; position i counts when no name fits. */
static const tn_array *find_input(const tn_array *info, size_t n, const tn_array *a, size_t i)
{
    for (size_t k = 0; k < n && a->name != NULL; k++)
        if (info[k].name != NULL && strcmp(info[k].name, a->name) == 0)
            return &info[k];
    return &info[i];
}

/* How often a fits into the array along the first axis; 0 when it does not. */
static int64_t times_in(const tn_array *info, const tn_array *a)
{
    if (a->rank != info->rank || a->rank == 0 || info->dim[0] <= 0 || a->dim[0] % info->dim[0] != 0)
        return 0;
    for (int i = 1; i < a->rank; i++)
        if (a->dim[i] != info->dim[i])
            return 0;
    return a->dim[0] / info->dim[0];
}

/* 1 unless all inputs hold the same number of samples; a wrong shape is for the API to explain. */
static int64_t count_samples(const tn_runner *r, const tn_array_vec *arrays)
{
    const tn_array *info;
    size_t n = tn_runner_inputs(r, &info);
    int64_t samples = 0;
    if (n != arrays->n)
        return 1;
    for (size_t i = 0; i < n; i++) {
        int64_t k = times_in(find_input(info, n, &arrays->items[i], i), &arrays->items[i]);
        if (k == 0 || (samples != 0 && k != samples))
            return 1;
        samples = k;
    }
    return samples > 0 ? samples : 1;
}

/* Sample number s of count, without copying the data. */
static void slice(const tn_array_vec *arrays, int64_t s, int64_t count, tn_array *out)
{
    for (size_t i = 0; i < arrays->n; i++) {
        out[i] = arrays->items[i];
        out[i].dim[0] /= count;
        out[i].bytes /= (size_t)count;
        out[i].data = (char *)arrays->items[i].data + (size_t)s * out[i].bytes;
    }
}

/* Room for count times one sample's outputs. */
static tn_array *make_joined(cli *c, const tn_array *one, size_t n, int64_t count)
{
    tn_array *all = cli_alloc(c, n, sizeof *all);
    for (size_t i = 0; i < n && all != NULL; i++) {
        all[i] = one[i];
        if (one[i].rank == 0 || one[i].data == NULL) {
            cli_fail(c, TN_ERR_RUN, "output '%s' has no first axis: the outputs of several samples cannot be joined",
                     one[i].name);
            return NULL;
        }
        all[i].dim[0] *= count;
        all[i].bytes = one[i].bytes * (size_t)count;
        all[i].data = cli_alloc(c, (size_t)count, one[i].bytes);
        if (all[i].data == NULL)
            return NULL;
    }
    return all;
}

/* Copies the outputs of sample s into the joined ones. */
static int join(cli *c, const tn_array *one, const tn_array *all, size_t n, int64_t s, int64_t count)
{
    for (size_t i = 0; i < n; i++) {
        size_t bytes = all[i].bytes / (size_t)count;
        if (one[i].bytes != bytes)
            return cli_fail(c, TN_ERR_RUN, "output '%s' differs in size from sample to sample", one[i].name);
        if (bytes > 0)
            memcpy((char *)all[i].data + (size_t)s * bytes, one[i].data, bytes);
    }
    return TN_OK;
}

static int run_each(cli *c, tn_runner *r, const cli_food *food, int64_t count, tn_array **all, size_t *n)
{
    const tn_array_vec *arrays = &food->arrays;
    tn_array *sample = cli_alloc(c, arrays->n, sizeof *sample);
    int status = sample != NULL ? TN_OK : TN_ERR_MEMORY;
    for (int64_t s = 0; s < count && status == TN_OK; s++) {
        char step[64];
        snprintf(step, sizeof step, "run sample %" PRId64 " of %" PRId64, s + 1, count);
        cli_progress_step(&c->progress, step);
        slice(arrays, s, count, sample);
        status = set_inputs(c, r, food, sample);
        if (status == TN_OK)
            status = (int)tn_runner_run(r);
        if (status != TN_OK)
            break;
        const tn_array *one = tn_runner_result(r, n);
        if (s == 0 && (*all = make_joined(c, one, *n, count)) == NULL)
            return TN_ERR_RUN;
        status = join(c, one, *all, *n, s, count);
    }
    return status;
}

int cli_run_samples(cli *c, tn_runner *r, const cli_food *food, const tn_array **outputs, size_t *n)
{
    int64_t count = count_samples(r, &food->arrays);
    if (count > 1) {
        tn_array *all = NULL;
        int status = run_each(c, r, food, count, &all, n);
        *outputs = all;
        return status;
    }
    int status = cli_feed(c, r, food);
    if (status == TN_OK)
        status = (int)tn_runner_run(r);
    if (status == TN_OK)
        *outputs = tn_runner_result(r, n);
    return status;
}

int cli_save_outputs(cli *c, const char *path, const tn_array *outputs, size_t n)
{
    enum { NAME = 32 };
    tn_array *renamed = cli_alloc(c, n, sizeof *renamed);
    char *names = cli_alloc(c, n, NAME);
    if (renamed == NULL || names == NULL)
        return TN_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) {
        snprintf(names + i * NAME, NAME, "output_%zu", i);
        renamed[i] = outputs[i];
        renamed[i].name = names + i * NAME;
    }
    return (int)tn_arrays_write(c->ctx, path, "output", renamed, n);
}
