/* Memory running out, at every allocation in turn: loading and compiling the digits model must end in TN_ERR_MEMORY (or
   in no context at all), leave nothing of a package behind, and release every block.

   The arena is compiled in here, with blocks so small that each piece is an allocation of its own; the library's copy
   of base.c is then not linked. */
#define _POSIX_C_SOURCE 200809L
#define TN_BLOCK_SIZE 1
#include "base/base.c"
#include "tenon.h"

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { EVERY = 200, SECONDS = 8 }; /* the first 200 one by one, the others as far as the time goes */

/* An allocator whose k-th call fails. */
typedef struct heap {
    long calls, fail_at; /* fail_at 0: never */
    long live;           /* blocks not released */
    char line[1024];     /* the last report */
} heap;

static void *take(void *user, size_t size)
{
    heap *h = user;
    if (++h->calls == h->fail_at)
        return NULL;
    void *p = malloc(size);
    h->live += p != NULL;
    return p;
}

static void give(void *user, void *p)
{
    heap *h = user;
    h->live -= p != NULL;
    free(p);
}

static void keep_line(void *user, const char *line)
{
    heap *h = user;
    snprintf(h->line, sizeof h->line, "%s", line);
}

/* tests/api/test_memory.c -> samples/digits/digits.onnx */
static const char *digits_path(void)
{
    static char path[PATH_MAX];
    const char *end = strstr(__FILE__, "tests/api/");
    assert_non_null(end);
    snprintf(path, sizeof path, "%.*ssamples/digits/digits.onnx", (int)(end - __FILE__), __FILE__);
    return path;
}

static int count_entries(const char *folder)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

/* Removes a folder of files: what a package is. */
static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            assert_int_equal(unlink(path), 0);
    }
    closedir(d);
    assert_int_equal(rmdir(folder), 0);
}

/* Loads and compiles with the heap; TN_ERR_MEMORY also when no context can be made. */
static tn_status compile(heap *h, const char *package)
{
    tn_config config = {.report = keep_line, .user = h, .alloc = take, .release = give};
    tn_ctx *ctx = tn_ctx_open(&config);
    if (ctx == NULL)
        return TN_ERR_MEMORY;
    tn_status status = tn_ctx_set(ctx, "target", "generic");
    tn_model *m = status == TN_OK ? tn_model_load(ctx, digits_path()) : NULL;
    if (m != NULL)
        status = tn_model_compile(m, package);
    else if (status == TN_OK)
        status = tn_ctx_status(ctx);
    assert_true(status == TN_OK || tn_ctx_status(ctx) == status);
    tn_ctx_close(ctx);
    return status;
}

/* One run in which allocation k fails; in an empty folder, which must be empty afterwards. */
static void fail_once(long k, const char *folder, const char *package)
{
    heap h = {.fail_at = k};
    tn_status status = compile(&h, package);
    if (status != TN_ERR_MEMORY || h.live != 0 || count_entries(folder) != 0)
        fail_msg("allocation %ld fails: status %d, %ld blocks not released, %d files left, last line '%s'", k,
                 (int)status, h.live, count_entries(folder), h.line);
    if (k > 1)
        assert_non_null(strstr(h.line, "out of memory"));
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenon_memory_XXXXXX", package[sizeof folder + 16];
    assert_non_null(mkdtemp(folder));
    snprintf(package, sizeof package, "%s/digits", folder);

    heap whole = {0};
    double start = now();
    assert_int_equal(compile(&whole, package), TN_OK);
    double one = now() - start;
    assert_int_equal(whole.live, 0);
    remove_folder(package);

    /* a failing run takes half of a whole one on average */
    long rest = whole.calls - EVERY, fit = (long)(SECONDS / (one / 2 + 1e-6));
    long step = rest > 0 && fit > 0 && rest > fit ? rest / fit + 1 : 1, tried = 0;
    for (long k = 1; k < whole.calls && now() - start < 2 * SECONDS; k += k < EVERY ? 1 : step, tried++)
        fail_once(k, folder, package);
    fail_once(whole.calls, folder, package);
    print_message("%ld of %ld allocations failed once\n", tried + 1, whole.calls);

    /* one more than there are: all goes well */
    heap enough = {.fail_at = whole.calls + 1};
    assert_int_equal(compile(&enough, package), TN_OK);
    assert_int_equal(enough.calls, whole.calls);
    remove_folder(package);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
