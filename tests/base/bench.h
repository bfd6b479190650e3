/* What the tests of base/ share: a folder, an arena that counts, diagnostics that are kept, memory that fails. */
#ifndef TN_TEST_BENCH_H
#define TN_TEST_BENCH_H

#include "base/base.h"
#include "base/child.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/npz.h"
#include "base/path.h"
#include "base/tar.h"
#include "base/unwind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- what every test gets ---- */

typedef struct bench {
    tn_memory memory;
    tn_arena arena;
    tn_diag diag;
    char line[2100]; /* the last diagnostic */
    const char *folder;
    int allowed; /* allocations until the allocator says no */
    int live;    /* blocks not released */
} bench;

static void keep_line(void *user, const char *line)
{
    bench *b = user;
    snprintf(b->line, sizeof b->line, "%s", line);
}

static void *count_alloc(void *user, size_t size)
{
    bench *b = user;
    if (b->allowed <= 0)
        return NULL;
    void *p = malloc(size);
    if (p != NULL) {
        b->allowed--;
        b->live++;
    }
    return p;
}

static void count_release(void *user, void *p)
{
    ((bench *)user)->live--;
    free(p);
}

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    b->memory = (tn_memory){count_alloc, count_release, b, NULL};
    b->arena.memory = &b->memory;
    b->allowed = 1 << 20;
    b->diag = (tn_diag){keep_line, b, 0};
    b->folder = tn_path_temp_folder(&b->arena, &b->diag, NULL);
    *state = b;
    return b->folder == NULL;
}

static int tear_down(void **state)
{
    bench *b = *state;
    bool removed = tn_path_remove_tree(&b->diag, b->folder);
    tn_arena_free(&b->arena);
    int live = b->live;
    free(b);
    return !removed || live != 0;
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

/* Whether work finished with so many more allocations; false when it ran out of memory. */
static bool fits_in(bench *b, tn_arena *a, int allocations, void (*work)(bench *b, tn_arena *a))
{
    jmp_buf guard;
    volatile bool finished = false;
    const int allowed = b->allowed;
    b->memory.guard = &guard;
    b->allowed = allocations;
    if (setjmp(guard) == 0) {
        work(b, a);
        finished = true;
    }
    assert_ptr_equal(b->memory.guard, &guard); /* whoever set another put this one back */
    b->memory.guard = NULL;
    b->allowed = allowed;
    return finished;
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
