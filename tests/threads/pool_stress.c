/* The pool of runtime_min/tn_pool.h under stress: every part exactly once, results visible to the caller, for few and many
   threads and parts, threads that sleep, pools shared by two callers, nested runs, pools opened and closed. Built by
   threads.sh plainly, with ThreadSanitizer and with condition variables in the place of the futex. */
#define _GNU_SOURCE
#include <stddef.h>

#define TN_POOL_NAME(x) stress_pool_##x
size_t TN_POOL_NAME(size)(int threads);
const struct tn_parallel *TN_POOL_NAME(open)(void *memory, size_t size, int threads);
void TN_POOL_NAME(close)(const struct tn_parallel *pool);
#include "tn_pool.h"

#include <stdio.h>
#include <time.h>

enum { MOST_PARTS = 100, MOST_THREADS = 16 };

typedef struct job {
    const tn_parallel *pool;
    int count[MOST_PARTS]; /* plain memory: what a part writes must be there when run returns */
    int depth;             /* of nested runs */
    unsigned seed;
} job;

static int wrong; /* by atomics only */

static int count_wrong(int more)
{
    return __atomic_add_fetch(&wrong, more, __ATOMIC_RELAXED);
}

static void expect(int good, const char *what)
{
    if (!good)
        printf("wrong: %s\n", what);
    count_wrong(!good);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static void rest(unsigned microseconds)
{
    const struct timespec t = {0, (long)microseconds * 1000};
    nanosleep(&t, NULL);
}

static void count_part(void *args, int part)
{
    job *const j = args;
    j->count[part]++;
}

static void nest(void *args, int part)
{
    job inner = {.pool = ((job *)args)->pool};
    inner.pool->run(inner.pool->pool, 5, count_part, &inner);
    for (int i = 0; i < 5; i++)
        expect(inner.count[i] == 1, "a nested part runs once");
    count_part(args, part);
}

static void run_once(job *j, int parts, tn_task *task)
{
    for (int i = 0; i < MOST_PARTS; i++)
        j->count[i] = 0;
    j->pool->run(j->pool->pool, parts, task, j);
    for (int i = 0; i < MOST_PARTS; i++)
        expect(j->count[i] == (i < parts), "a part runs once");
}

static void run_many(job *j, int runs)
{
    for (int i = 0; i < runs && count_wrong(0) == 0; i++) {
        const unsigned r = next_random(&j->seed);
        run_once(j, (int)(r % MOST_PARTS), r % 16 == 0 ? nest : count_part);
        if (r % 64 == 1) /* long enough for the threads to sleep */
            rest(200);
    }
}

static void *run_in_thread(void *args)
{
    run_many(args, 2000);
    return NULL;
}

static void test_one_pool(int threads, int runs)
{
    static unsigned char memory[TN_POOL_SIZE(MOST_THREADS) + 3];
    job j = {.seed = (unsigned)threads};
    j.pool = stress_pool_open(memory + 3, TN_POOL_SIZE(threads), threads); /* any alignment will do */
    expect(j.pool != NULL, "the pool opens");
    if (j.pool != NULL)
        run_many(&j, runs);
    stress_pool_close(j.pool);
}

static void test_two_callers(void)
{
    static unsigned char memory[TN_POOL_SIZE(3)];
    const tn_parallel *const pool = stress_pool_open(memory, sizeof memory, 3);
    job j[2] = {{.pool = pool, .seed = 1}, {.pool = pool, .seed = 2}};
    pthread_t thread;
    int started = pool != NULL && pthread_create(&thread, NULL, run_in_thread, &j[1]) == 0;
    expect(started, "a second caller starts");
    if (started) {
        run_many(&j[0], 2000);
        pthread_join(thread, NULL);
    }
    stress_pool_close(pool);
}

static void test_refused(void)
{
    static unsigned char memory[TN_POOL_SIZE(2)];
    expect(stress_pool_open(NULL, 100000, 2) == NULL, "no memory is refused");
    expect(stress_pool_open(memory, sizeof memory - 1, 2) == NULL, "too little memory is refused");
    expect(stress_pool_open(memory, sizeof memory, 0) == NULL, "no threads are refused");
    expect(stress_pool_open(memory, 100000, TN_POOL_MAX + 1) == NULL, "too many threads are refused");
    expect(stress_pool_size(2) == sizeof memory, "the size is that of the macro");
    stress_pool_close(NULL);
}

int main(void)
{
    static const int threads[] = {1, 2, 3, 4, 8, 16};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        test_one_pool(threads[i], 5000);
    for (int i = 0; i < 200; i++) /* opened and closed at once, before its threads have looked */
        test_one_pool(1 + i % 5, i % 3);
    test_two_callers();
    test_refused();
    printf("pool: %d wrong\n", count_wrong(0));
    return count_wrong(0) != 0;
}
