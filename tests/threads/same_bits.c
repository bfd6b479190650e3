/* A generated package by any number of threads: every output must have the bits that one thread gives. Driver of
   threads.sh, which says what the model is (-DMODEL=digits -DUPPER=DIGITS, one float input, one float output). Also runs
   two contexts at the same time with a pool each, two that share one pool, and a tn_parallel of the application's own. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define NAME(x) JOIN(MODEL, x)
#define BIG(x) JOIN(UPPER, x)
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
#include TEXT(MODEL.h)

enum { RUNS = 20, CONTEXTS = 2, IN = BIG(_INPUT_0_COUNT), OUT = BIG(_OUTPUT_0_COUNT) };

typedef struct context {
    const tn_parallel *threads;
    float in[IN], out[RUNS][OUT];
    unsigned char work[BIG(_WORK_SIZE) + BIG(_WORK_ALIGN)];
    int errors;
} context;

static context contexts[CONTEXTS];
static float want[RUNS][OUT];

static int run_once(context *c, const tn_parallel *threads, int seed, float *out)
{
    unsigned char *const work = c->work + (BIG(_WORK_ALIGN) - (uintptr_t)c->work % BIG(_WORK_ALIGN)) % BIG(_WORK_ALIGN);
    NAME(_io) io;
    memset(&io, 0, sizeof io);
    memcpy(&io, &(const void *){c->in}, sizeof(void *)); /* the first member, whatever its name */
    memcpy((char *)&io + sizeof(void *), &(void *){out}, sizeof(void *));
    for (int i = 0; i < IN; i++)
        c->in[i] = (float)((i * 31 + seed * 17) % 255) / 255.0f;
    memset(out, 0xff, sizeof(float) * OUT);
    memset(work, 0xff, BIG(_WORK_SIZE)); /* what the workspace holds must not matter */
    return NAME(_run)(&io, work, BIG(_WORK_SIZE), threads) != BIG(_OK);
}

static void *run_all(void *context_)
{
    context *const c = context_;
    c->errors = 0;
    for (int i = 0; i < RUNS; i++)
        c->errors += run_once(c, c->threads, i, c->out[i]);
    c->errors += memcmp(c->out, want, sizeof want) != 0;
    return NULL;
}

static int report(const char *what, int threads, int bad)
{
    printf("%s, %d threads: %s\n", what, threads, bad ? "DIFFER" : "the same bits");
    return bad != 0;
}

static int test_one(int threads)
{
    static unsigned char room[TN_POOL_SIZE(TN_POOL_MAX)];
    contexts[0].threads = NAME(_pool_open)(room, sizeof room, threads);
    run_all(&contexts[0]);
    NAME(_pool_close)(contexts[0].threads);
    return report("one context", threads, contexts[0].threads == NULL || contexts[0].errors);
}

/* At the same time: each with its own pool, or all with one. */
static int test_two(int pools)
{
    static unsigned char room[CONTEXTS][TN_POOL_SIZE(2)];
    pthread_t thread[CONTEXTS];
    const tn_parallel *pool[CONTEXTS];
    int bad = 0;
    for (int i = 0; i < pools; i++)
        pool[i] = NAME(_pool_open)(room[i], sizeof room[i], 2);
    for (int i = 0; i < CONTEXTS; i++) {
        contexts[i].threads = pool[i % pools];
        if (pthread_create(&thread[i], NULL, run_all, &contexts[i]) != 0)
            return 1;
    }
    for (int i = 0; i < CONTEXTS; i++) {
        pthread_join(thread[i], NULL);
        bad += contexts[i].errors;
    }
    for (int i = 0; i < pools; i++)
        NAME(_pool_close)(pool[i]);
    return report(pools > 1 ? "two contexts, two pools" : "two contexts, one pool", 2, bad);
}

static void run_backwards(void *count, int parts, tn_task *task, void *args)
{
    ++*(int *)count;
    while (parts > 0)
        task(args, --parts);
}

static int test_own(void)
{
    int count = 0;
    const tn_parallel own = {run_backwards, &count};
    contexts[0].threads = &own;
    run_all(&contexts[0]);
    return report("an application's own", 1, contexts[0].errors || count == 0);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Many threads on few processors take longer than one, but not out of all proportion. */
static int test_collapse(void)
{
    static unsigned char room[TN_POOL_SIZE(16)];
    const tn_parallel *const pool = NAME(_pool_open)(room, sizeof room, 16);
    double best[2] = {1e9, 1e9};
    for (int i = 0; i < 2 * RUNS; i++) {
        const double start = now_ms();
        run_once(&contexts[0], i % 2 == 0 ? NULL : pool, 0, contexts[0].out[0]);
        best[i % 2] = now_ms() - start < best[i % 2] ? now_ms() - start : best[i % 2];
    }
    NAME(_pool_close)(pool);
    printf("best of %d: %.3f ms by one thread, %.3f by 16\n", RUNS, best[0], best[1]);
    return best[1] > 10 * best[0] + 5;
}

int main(void)
{
    static const int threads[] = {1, 2, 3, 4, 8, TN_POOL_MAX};
    int bad = 0;
    for (int i = 0; i < RUNS; i++)
        bad += run_once(&contexts[0], NULL, i, want[i]);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        bad += test_one(threads[i]);
    bad += test_two(2) + test_two(1) + test_own() + test_collapse();
    printf("%d wrong\n", bad);
    return bad != 0;
}
