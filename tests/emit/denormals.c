/* Whether a package takes denormals as zeros, and leaves its caller's floating-point state as it was. Driver of
   denormals.sh; the model is denormals.tg: low = x / 2, high = x * 2^30, and ERR_VALUE for a wrong shape. FLUSHED: what is
   expected, 1 or 0. THREADED: the package shares layers among threads. */
#include <fenv.h>
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "tiny.h"
#include "tn_denormals.h"
#ifdef THREADED
#include <pthread.h>
#define MORE , threads
#else
#define MORE
typedef void tn_parallel;
#endif

enum { N = TINY_INPUT_0_COUNT };

static float x[N], low[N], high[N];
static unsigned char room[TINY_WORK_SIZE + TINY_WORK_ALIGN];
static int failures;

static void expect(int holds, const char *what)
{
    failures += !holds;
    if (!holds)
        printf("FAILED: %s\n", what);
}

/* As this thread computes just now. */
static int flushes(void)
{
    volatile float least = FLT_MIN;
    volatile float half = least * 0.5f;
    return half == 0.0f;
}

static tiny_status run(const int64_t *shape, const tn_parallel *threads)
{
    tiny_io io;
    (void)threads;
    memset(&io, 0, sizeof io);
    io.x = x;
    io.shape = shape;
    io.low = low;
    io.high = high;
    return tiny_run(&io, room + (TINY_WORK_ALIGN - (uintptr_t)room % TINY_WORK_ALIGN) % TINY_WORK_ALIGN,
                    TINY_WORK_SIZE MORE);
}

/* Results by their bits: a comparison of this thread's might flush them. */
static int all_are(const float *at, float value)
{
    int same = 1;
    for (int i = 0; i < N; i++)
        same = same && memcmp(&at[i], &value, sizeof value) == 0;
    return same;
}

static void fill(float value)
{
    for (int i = 0; i < N; i++)
        memcpy(&x[i], &value, sizeof value);
}

static void test_results(const tn_parallel *threads)
{
    static const int64_t shape[2] = {2, 2048}, wrong[2] = {3, 2048};
    const float denormal = FLT_MIN / 4;
    const int before = flushes();
    fill(FLT_MIN);
    expect(run(shape, threads) == TINY_OK, "it runs");
    expect(all_are(low, FLUSHED ? 0.0f : FLT_MIN / 2), "a result that is denormal");
    expect(all_are(high, FLT_MIN * 1073741824.0f), "a result that is not");
    fill(denormal);
    expect(run(shape, threads) == TINY_OK, "it runs again");
    expect(all_are(high, FLUSHED ? 0.0f : FLT_MIN * 268435456.0f), "an operand that is denormal");
    expect(flushes() == before, "the state is what it was");
    expect(run(wrong, threads) == TINY_ERR_VALUE, "a wrong shape is found");
    expect(flushes() == before, "the state is what it was, after an error");
    expect(run(NULL, threads) == TINY_ERR_NULL && flushes() == before, "and after one that was found at once");
}

/* Rounding and raised exceptions are the caller's. */
static void test_rest_of_the_state(const tn_parallel *threads)
{
    static const int64_t shape[2] = {2, 2048};
    if (fesetround(FE_UPWARD) != 0)
        return;
    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept(FE_DIVBYZERO);
    fill(1.0f);
    expect(run(shape, threads) == TINY_OK && fegetround() == FE_UPWARD, "rounding stays");
    expect(fetestexcept(FE_DIVBYZERO) != 0, "exceptions stay");
    fesetround(FE_TONEAREST);
}

static void test_all(const tn_parallel *threads)
{
    expect(!flushes(), "a thread begins with denormals");
    test_results(threads);
    test_rest_of_the_state(threads);
#ifndef TN_DENORMALS_STAY
    if (FLUSHED) {
        const tn_denormals before = tn_denormals_flush();
        expect(flushes(), "the caller flushes");
        test_results(threads);
        tn_denormals_restore(before);
        expect(!flushes(), "the caller does so no more");
    }
#endif
}

#ifdef THREADED
typedef struct job {
    tn_task *task;
    void *args;
    int part, kept;
} job;

static void *do_part(void *job_)
{
    job *const j = (job *)job_;
    tn_denormals_restore(0); /* a new thread may have its maker's state */
    j->task(j->args, j->part);
    j->kept = !flushes();
    return NULL;
}

/* An application's own threads, which know nothing of denormals: a new one for every part. */
static void run_parts(void *pool, int parts, tn_task *task, void *args)
{
    (void)pool;
    for (int i = 0; i < parts; i++) {
        job j = {task, args, i, 0};
        pthread_t thread;
        expect(pthread_create(&thread, NULL, do_part, &j) == 0 && pthread_join(thread, NULL) == 0, "a thread");
        expect(j.kept, "the thread's state is what it was");
    }
}

static void test_threads(void)
{
    static unsigned char memory[TINY_POOL_SIZE];
    const tn_parallel own = {run_parts, NULL};
    const tn_parallel *const pool = tiny_pool_open(memory, sizeof memory, TINY_THREADS);
    expect(pool != NULL, "the pool opens");
    test_all(pool);
    tiny_pool_close(pool);
    test_all(&own);
}
#endif

int main(void)
{
    test_all(NULL);
#ifdef THREADED
    test_threads();
#endif
    printf("%s\n", failures == 0 ? "passed" : "failed");
    return failures != 0;
}
