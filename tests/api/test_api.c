/* The library as a user sees it, tenon.h alone: options, statuses, a pass of the user's own, two contexts in two threads,
   and the digits network, compiled, built and run on all of its held-out images. */
#define _POSIX_C_SOURCE 200809L
#include "tenon.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, IMAGES = 360, CLASSES = 10, RIGHT = 352 };

/* Reports of one context. */
typedef struct log {
    char line[1024]; /* the last one */
    int lines;
} log;

static void keep_line(void *user, const char *line)
{
    log *l = user;
    snprintf(l->line, sizeof l->line, "%s", line);
    l->lines++;
}

static tn_ctx *open_ctx(log *l)
{
    tn_config config = {.report = keep_line, .user = l};
    *l = (log){0};
    tn_ctx *ctx = tn_ctx_open(&config);
    assert_non_null(ctx);
    return ctx;
}

/* A path of the repository; the caller frees it. */
static char *repo_path(const char *name)
{
    const char *end = strstr(__FILE__, "tests/api/");
    size_t n = (size_t)(end - __FILE__) + strlen(name) + 1;
    char *path = malloc(n);
    snprintf(path, n, "%.*s%s", (int)(end - __FILE__), __FILE__, name);
    return path;
}

/* The whole file, NUL-terminated; the caller frees it. NULL when it cannot be read. */
static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    *size = 0;
    for (size_t room = 1 << 12, got = 1; f != NULL && got > 0; room *= 2) {
        text = realloc(text, room + 1);
        got = fread(text + *size, 1, room - *size, f);
        *size += got;
        text[*size] = '\0';
    }
    if (f != NULL)
        fclose(f);
    return text;
}

/* --- options and statuses ------------------------------------------------------------------------------------------- */

static void options_are_listed(void **state)
{
    (void)state;
    size_t n;
    const tn_option *o = tn_options(&n);
    assert_true(n > 5);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(o[i].name);
        assert_non_null(o[i].def);
        assert_true(strlen(o[i].doc) > 5);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(o[i].name, o[k].name);
    }
}

static void unknown_option_is_refused(void **state)
{
    (void)state;
    log l;
    tn_ctx *ctx = open_ctx(&l);
    assert_int_equal(tn_ctx_status(ctx), TN_OK);
    assert_int_equal(tn_ctx_set(ctx, "frobnicate", "1"), TN_ERR_USAGE);
    assert_int_equal(tn_ctx_status(ctx), TN_ERR_USAGE);
    assert_int_equal(l.lines, 1);
    assert_non_null(strstr(l.line, "'frobnicate'"));
    assert_int_equal(tn_ctx_set(ctx, "params", "tape"), TN_ERR_USAGE);
    assert_non_null(strstr(l.line, "'tape'"));
    assert_int_equal(tn_ctx_set(ctx, "params", "const"), TN_OK);
    tn_ctx_close(ctx);
    tn_ctx_close(NULL);
}

static void absent_model_is_an_error(void **state)
{
    (void)state;
    log l;
    tn_ctx *ctx = open_ctx(&l);
    assert_null(tn_model_load(ctx, "absent.onnx"));
    assert_int_equal(tn_ctx_status(ctx), TN_ERR_FILE);
    assert_non_null(strstr(l.line, "absent.onnx"));
    assert_null(tn_runner_open(ctx, "absent.onnx"));
    assert_int_equal(tn_ctx_status(ctx), TN_ERR_FILE);
    tn_runner_close(NULL);
    tn_ctx_close(ctx);
}

static void lists_have_text(void **state)
{
    (void)state;
    log l;
    tn_ctx *ctx = open_ctx(&l);
    assert_non_null(strstr(tn_ops_list(ctx, "text"), "Conv"));
    assert_non_null(strstr(tn_passes_list(ctx, 0), "fold-const"));
    assert_non_null(strstr(tn_targets_list(ctx), "generic"));
    assert_null(tn_ops_list(ctx, "xml"));
    assert_int_equal(tn_ctx_status(ctx), TN_ERR_USAGE);
    assert_string_equal(tn_dtype_name(1), "float");
    assert_string_equal(tn_dtype_name(-1), "undefined");
    tn_ctx_close(ctx);
}

/* --- a pass of the user's own ----------------------------------------------------------------------------------------- */

static char *copy(const char *text)
{
    char *out = malloc(strlen(text) + 1);
    strcpy(out, text);
    return out;
}

static char *count_and_keep(void *user, const char *text)
{
    ++*(int *)user;
    return copy(text);
}

/* Relu becomes Abs, which has the same arity and type. */
static char *make_abs(void *user, const char *text)
{
    (void)user;
    char *out = malloc(strlen(text) + 1), *to = out;
    while (*text != '\0') {
        if (strncmp(text, "Relu", 4) == 0) {
            memcpy(to, "Abs", 3);
            to += 3;
            text += 4;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
    return out;
}

static char *give_up(void *user, const char *text)
{
    (void)user;
    (void)text;
    return NULL;
}

static char *talk_nonsense(void *user, const char *text)
{
    (void)user;
    (void)text;
    return copy("this is no graph {\n");
}

static void own_passes_run(void **state)
{
    (void)state;
    log l;
    int calls = 0;
    char *path = repo_path("samples/digits/digits.onnx");
    tn_ctx *ctx = open_ctx(&l);
    assert_int_equal(tn_ctx_add_pass(ctx, "my-count", count_and_keep, &calls), TN_OK);
    assert_int_equal(tn_ctx_add_pass(ctx, "my-abs", make_abs, NULL), TN_OK);
    assert_int_equal(tn_ctx_add_pass(ctx, "my-failure", give_up, NULL), TN_OK);
    assert_int_equal(tn_ctx_add_pass(ctx, "my-nonsense", talk_nonsense, NULL), TN_OK);

    tn_model *m = tn_model_load(ctx, path);
    assert_non_null(m);
    assert_string_equal(tn_model_name(m), "digits");
    assert_int_equal(tn_model_passes(m, "infer,my-count,dce,my-count"), TN_OK);
    assert_int_equal(calls, 2);
    assert_non_null(strstr(tn_model_show(m, 0), "Relu"));
    assert_int_equal(tn_model_passes(m, "my-abs"), TN_OK);
    assert_null(strstr(tn_model_show(m, 0), "Relu("));
    assert_non_null(strstr(tn_model_show(m, 0), "Abs"));
    assert_int_equal(l.lines, 0);

    assert_int_equal(tn_model_passes(m, "O1,+after:dce=my-count"), TN_OK); /* in a pipeline */
    assert_int_equal(calls, 3);
    assert_non_null(strstr(tn_model_show(m, -1), "program "));
    assert_int_not_equal(tn_model_passes(m, "my-count"), TN_OK); /* over a graph that is lowered */
    assert_non_null(strstr(l.line, "+after:dce="));
    assert_int_equal(calls, 3);

    m = tn_model_load(ctx, path);
    assert_non_null(m);
    assert_int_not_equal(tn_model_passes(m, "my-failure"), TN_OK);
    assert_non_null(strstr(l.line, "my-failure"));
    assert_int_not_equal(tn_model_passes(m, "my-nonsense"), TN_OK);
    assert_non_null(strstr(l.line, "my-nonsense"));
    assert_int_not_equal(tn_model_passes(m, "nobody"), TN_OK);
    assert_non_null(strstr(l.line, "nobody"));
    tn_ctx_close(ctx);
    free(path);
}

/* --- two contexts in two threads ---------------------------------------------------------------------------------------- */

typedef struct compile_job {
    const char *model, *package;
    tn_status status;
} compile_job;

/* No assertions here: cmocka's belong to the main thread. */
static void *compile_in_thread(void *p)
{
    compile_job *job = p;
    job->status = TN_ERR_MEMORY;
    tn_ctx *ctx = tn_ctx_open(NULL);
    tn_model *m = ctx != NULL ? tn_model_load(ctx, job->model) : NULL;
    if (m != NULL)
        job->status = tn_model_compile(m, job->package);
    tn_ctx_close(ctx);
    return NULL;
}

/* Both gone afterwards. */
static void assert_equal_files(const char *a, const char *b)
{
    size_t na, nb;
    char *x = read_file(a, &na), *y = read_file(b, &nb);
    assert_non_null(x);
    assert_non_null(y);
    assert_int_equal(na, nb);
    assert_memory_equal(x, y, na);
    assert_true(na > 1000);
    free(x);
    free(y);
    assert_int_equal(unlink(a), 0);
    assert_int_equal(unlink(b), 0);
}

static void two_threads_compile(void **state)
{
    (void)state;
    static const char *const models[] = {"samples/digits/digits.onnx", "samples/digits/digits_int8.onnx"};
    char folder[] = "/tmp/tenon_api_XXXXXX", first[64], second[64];
    assert_non_null(mkdtemp(folder));
    snprintf(first, sizeof first, "%s/first.tar", folder);
    snprintf(second, sizeof second, "%s/second.tar", folder);
    for (int i = 0; i < 4; i++) {
        char *model = repo_path(models[i % 2]);
        compile_job jobs[2] = {{model, first, TN_OK}, {model, second, TN_OK}};
        pthread_t threads[2];
        for (int k = 0; k < 2; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, compile_in_thread, &jobs[k]), 0);
        for (int k = 0; k < 2; k++)
            assert_int_equal(pthread_join(threads[k], NULL), 0);
        assert_int_equal(jobs[0].status, TN_OK);
        assert_int_equal(jobs[1].status, TN_OK);
        assert_equal_files(first, second);
        free(model);
    }
    assert_int_equal(rmdir(folder), 0);
}

/* --- running ------------------------------------------------------------------------------------------------------------ */

static int classify(tn_runner *r, const unsigned char *pixels)
{
    float image[PIXELS];
    tn_array input = {.name = "image", .dtype = 1, .rank = 4, .dim = {1, 1, SIDE, SIDE}, .bytes = sizeof image};
    input.data = image;
    for (int i = 0; i < PIXELS; i++)
        image[i] = (float)pixels[i] / 16.0f;
    assert_int_equal(tn_runner_set_inputs(r, &input, 1), TN_OK);
    assert_int_equal(tn_runner_run(r), TN_OK);
    size_t n;
    const tn_array *out = tn_runner_result(r, &n);
    assert_int_equal(n, 1);
    assert_int_equal(out->bytes, CLASSES * sizeof(float));
    const float *logits = out->data;
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

static void check_shape(tn_runner *r)
{
    const tn_array *info;
    assert_int_equal(tn_runner_inputs(r, &info), 1);
    assert_string_equal(info[0].name, "image");
    assert_int_equal(info[0].rank, 4);
    assert_int_equal(info[0].dim[3], SIDE);
    assert_int_equal(tn_runner_outputs(r, &info), 1);
    assert_string_equal(info[0].name, "logits");
    assert_int_equal(info[0].dim[1], CLASSES);
}

static void check_wrong_inputs(tn_runner *r, log *l)
{
    float x[PIXELS + 1] = {0};
    tn_array wrong = {.name = "image", .dtype = 1, .rank = 2, .dim = {5, 13}, .bytes = sizeof x, .data = x};
    assert_int_equal(tn_runner_set_inputs(r, &wrong, 1), TN_ERR_RUN);
    assert_non_null(strstr(l->line, "[1,1,8,8]"));
    wrong =
        (tn_array){.name = "image", .dtype = 6, .rank = 4, .dim = {1, 1, SIDE, SIDE}, .bytes = PIXELS * 4, .data = x};
    assert_int_equal(tn_runner_set_inputs(r, &wrong, 1), TN_ERR_RUN);
    assert_non_null(strstr(l->line, "int32"));
    assert_int_equal(tn_runner_set_inputs(r, &wrong, 0), TN_ERR_RUN);
    assert_non_null(strstr(l->line, "image"));
}

static void digits_are_read(const char *model)
{
    log l;
    size_t n_images, n_labels;
    char *path = repo_path(model), *images_path = repo_path("samples/digits/test_images.bin");
    char *labels_path = repo_path("samples/digits/test_labels.bin");
    char *images = read_file(images_path, &n_images), *labels = read_file(labels_path, &n_labels);
    assert_int_equal(n_images, IMAGES * PIXELS);
    assert_int_equal(n_labels, IMAGES);

    tn_ctx *ctx = open_ctx(&l);
    tn_runner *r = tn_runner_open(ctx, path);
    assert_non_null(r);
    check_shape(r);
    check_wrong_inputs(r, &l);
    int right = 0;
    for (int i = 0; i < IMAGES; i++)
        right += classify(r, (const unsigned char *)images + i * PIXELS) == labels[i];
    print_message("%s: %d of %d right\n", model, right, IMAGES);
    assert_in_range(right, RIGHT - 1, RIGHT + 1); /* as trained; another order of sums may tip one image */

    double ms[3];
    assert_int_equal(tn_runner_time(r, 3, ms), TN_OK);
    assert_true(ms[0] >= 0 && ms[1] >= 0 && ms[2] >= 0);
    tn_runner_close(r);
    tn_ctx_close(ctx);
    free(path);
    free(images_path);
    free(labels_path);
    free(images);
    free(labels);
}

static void float_digits_are_read(void **state)
{
    (void)state;
    digits_are_read("samples/digits/digits.onnx");
}

static void int8_digits_are_read(void **state)
{
    (void)state;
    digits_are_read("samples/digits/digits_int8.onnx");
}

/* tn_ctx_close closes a runner that is left open. */
static void runner_left_open(void **state)
{
    (void)state;
    log l;
    char *path = repo_path("samples/digits/digits.onnx");
    tn_ctx *ctx = open_ctx(&l);
    tn_runner *r = tn_runner_open(ctx, path);
    assert_non_null(r);
    assert_int_equal(tn_runner_fill_inputs(r, "random", 1), TN_OK);
    assert_int_equal(tn_runner_run(r), TN_OK);
    assert_int_equal(tn_runner_fill_inputs(r, "sevens", 1), TN_ERR_USAGE);
    tn_ctx_close(ctx);
    free(path);
}

/* Types of 4 and 2 bits: a byte each in memory, packed in files, the first element in the lowest bits. */
static void small_types_are_packed(void **state)
{
    (void)state;
    log l;
    tn_ctx *ctx = open_ctx(&l);
    int8_t int4[] = {1, -2, 7, -8, 3}, int2[] = {1, -2, 0, -1, 1};
    uint8_t e2m1[] = {0x1, 0xf, 0x7};
    const tn_array arrays[] = {{"a", 22, 1, {5}, 5, int4}, {"b", 26, 1, {5}, 5, int2}, {"c", 23, 1, {3}, 3, e2m1}};
    static const unsigned char packed[3][3] = {{0xe1, 0x87, 0x03}, {0xc9, 0x01, 0}, {0xf1, 0x07, 0}};
    char folder[] = "/tmp/tenon-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(tn_arrays_write(ctx, folder, "x", arrays, 3), TN_OK);
    tn_array_vec back = {0};
    assert_int_equal(tn_arrays_read(ctx, folder, "x", &back), TN_OK);
    assert_int_equal(back.n, 3);
    for (int i = 0; i < 3; i++) {
        size_t size = 0, bytes = i == 0 ? 3 : 2;
        snprintf(path, sizeof path, "%s/x_%d.pb", folder, i);
        char *file = read_file(path, &size);
        assert_memory_equal(file + size - bytes, packed[i], bytes); /* raw_data comes last */
        free(file);
        unlink(path);
        assert_int_equal(back.items[i].dtype, arrays[i].dtype);
        assert_int_equal(back.items[i].bytes, arrays[i].bytes);
        assert_memory_equal(back.items[i].data, arrays[i].data, arrays[i].bytes);
    }
    rmdir(folder);
    tn_ctx_close(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_listed),       cmocka_unit_test(unknown_option_is_refused),
        cmocka_unit_test(absent_model_is_an_error), cmocka_unit_test(lists_have_text),
        cmocka_unit_test(own_passes_run),           cmocka_unit_test(two_threads_compile),
        cmocka_unit_test(float_digits_are_read),    cmocka_unit_test(int8_digits_are_read),
        cmocka_unit_test(runner_left_open),         cmocka_unit_test(small_types_are_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
