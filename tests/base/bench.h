/* What the tests of base/ share beside ../bench.h: a folder, memory that fails. */
#ifndef TN_TEST_BASE_BENCH_H
#define TN_TEST_BASE_BENCH_H

#include "base/child.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/npz.h"
#include "base/path.h"
#include "base/tar.h"
#include "base/unwind.h"

#include "../bench.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int set_up_folder(void **state)
{
    set_up(state);
    bench *b = *state;
    b->folder = tn_path_temp_folder(&b->arena, &b->diag, NULL);
    return b->folder == NULL;
}

static int tear_down_folder(void **state)
{
    bench *b = *state;
    bool removed = tn_path_remove_tree(&b->diag, b->folder);
    return tear_down(state) != 0 || !removed;
}

static const char *in_folder(bench *b, const char *name)
{
    return tn_path_join(&b->arena, b->folder, name);
}

static const char *put_file(bench *b, const char *name, const void *bytes, size_t n)
{
    const char *path = in_folder(b, name);
    assert_true(tn_write_file(&b->diag, path, bytes, n));
    return path;
}

static void expect_line(const bench *b, const char *part)
{
    if (strstr(b->line, part) == NULL)
        fail_msg("wanted '%s' in '%s'", part, b->line);
}

static void expect_file(bench *b, const char *name, const char *content)
{
    size_t n;
    char *bytes = tn_read_file(&b->arena, &b->diag, in_folder(b, name), &n);
    assert_non_null(bytes);
    assert_string_equal(bytes, content);
}

/* The number the next opened file gets: grows when one leaks. */
static int next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    return fd;
}

/* Runs work with ever more room, 16 bytes at a time, until it no longer runs out of memory. Each time it does, nothing
   may stay open; the sanitizer sees what is leaked. Returns how often it ran out. */
static int sweep_memory(bench *b, void (*work)(bench *b, tn_arena *a))
{
    int fds = next_fd();
    for (int tries = 0; tries < 1 << 12; tries++) {
        tn_arena small = {&b->memory, NULL, 0};
        tn_alloc(&small, ((size_t)1 << 16) - 16 * (size_t)tries);
        bool finished = fits_in(b, &small, 0, work);
        tn_arena_free(&small);
        assert_int_equal(next_fd(), fds);
        if (finished)
            return tries;
    }
    fail_msg("work does not fit in a block");
    return -1;
}

#define FOLDER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up_folder, tear_down_folder)

#endif
