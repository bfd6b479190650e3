/* What every fuzz target needs: an arena that gives out a limited amount of memory for a limited time. When either is
   used up, allocation fails, which unwinds as it does when memory is out: a large but honest input ends quickly. */
#ifndef TN_FUZZ_GUARD_H
#define TN_FUZZ_GUARD_H

#include "base/base.h"

#include <stdlib.h>
#include <time.h>

enum { GUARD_BYTES = 64 << 20, GUARD_SECONDS = 2 };

typedef struct guard {
    tn_memory memory;
    tn_arena arena;
    tn_diag diag;
    size_t taken;
    clock_t begin;
} guard;

static void *guard_take(void *user, size_t size)
{
    guard *g = user;
    if (size > GUARD_BYTES - g->taken || (clock() - g->begin) / CLOCKS_PER_SEC >= GUARD_SECONDS)
        return NULL;
    g->taken += size;
    return malloc(size);
}

static void guard_give(void *user, void *p)
{
    (void)user;
    free(p);
}

/* A message must be one line of text; nobody reads it here. */
static void guard_report(void *user, const char *line)
{
    (void)user;
    if (strchr(line, '\n') != NULL && strchr(line, '\n')[1] != '\0')
        abort();
}

/* In a function of its own: what changes between setjmp and longjmp must not be a local of the function that calls setjmp. */
static void guard_enter(guard *g, void (*body)(guard *g, const void *bytes, size_t n), const void *bytes, size_t n)
{
    jmp_buf here;
    g->memory.guard = &here;
    if (setjmp(here) == 0)
        body(g, bytes, n);
}

/* Runs the body with a fresh arena, and releases it. */
static void guard_run(void (*body)(guard *g, const void *bytes, size_t n), const void *bytes, size_t n)
{
    guard g = {.begin = clock()};
    g.memory = (tn_memory){.alloc = guard_take, .release = guard_give, .user = &g};
    g.arena.memory = &g.memory;
    g.diag.report = guard_report;
    guard_enter(&g, body, bytes, n);
    tn_arena_free(&g.arena);
}

#endif
