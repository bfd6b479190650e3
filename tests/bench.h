/* What unit tests share: an arena whose blocks are counted and can run out, diagnostics that are kept, random numbers.
   cmocka calls set_up before and tear_down after a test, which fails when a block was not released. */
#ifndef TN_TEST_BENCH_H
#define TN_TEST_BENCH_H

#include "base/base.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct bench {
    tn_memory memory;
    tn_arena arena;
    tn_diag diag;
    char line[2100];      /* the last diagnostic */
    int allowed;          /* allocations until the allocator says no */
    int live;             /* blocks not released */
    uint32_t random;      /* the state of draw */
    const char *folder;   /* see base/bench.h */
    struct tn_program *p; /* see program.h */
} bench;

static inline void keep_line(void *user, const char *line)
{
    bench *b = user;
    snprintf(b->line, sizeof b->line, "%s", line);
}

static inline void *count_alloc(void *user, size_t size)
{
    bench *b = user;
    void *p = b->allowed > 0 ? malloc(size) : NULL;
    if (p != NULL) {
        b->allowed--;
        b->live++;
    }
    return p;
}

static inline void count_release(void *user, void *p)
{
    ((bench *)user)->live--;
    free(p);
}

static inline int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    b->memory = (tn_memory){count_alloc, count_release, b, NULL};
    b->arena.memory = &b->memory;
    b->allowed = INT32_MAX;
    b->random = 1;
    b->diag = (tn_diag){.report = keep_line, .user = b};
    *state = b;
    return 0;
}

static inline int tear_down(void **state)
{
    bench *b = *state;
    tn_arena_free(&b->arena);
    int live = b->live;
    free(b);
    return live;
}

/* 0 .. below - 1, the same numbers in every run. */
static inline int draw(bench *b, int below)
{
    b->random = b->random * 1664525u + 1013904223u;
    return (int)((b->random >> 8) % (uint32_t)below);
}

/* Whether work finished with so many more allocations; false when it ran out of memory. */
static inline bool fits_in(bench *b, tn_arena *a, int allocations, void (*work)(bench *b, tn_arena *a))
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

/* Any damage gives an error or a result of read, never a crash: every prefix, and every byte changed in turn. */
static inline void damage(bench *b, const char *text, void *(*read)(bench *b, const char *text))
{
    size_t n = strlen(text);
    static const char bytes[] = "\"[](){}:=,-9Ne@.\n \\%<";
    char *copy = tn_strdup(&b->arena, text);
    for (size_t i = 0; i < n; i++) {
        copy[i] = '\0';
        read(b, copy);
        for (size_t k = 0; k < sizeof bytes - 1; k++) {
            copy[i] = bytes[k];
            read(b, copy);
        }
        copy[i] = text[i];
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
