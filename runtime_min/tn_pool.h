/* How a model's layers are shared among threads. Two halves:

   1. tn_parallel, what NAME_run takes: a function that runs the parts of a layer, and what it works with. An
      application with threads of its own (an RTOS, a server's scheduler) fills one in and needs nothing else of this.
   2. A pool of POSIX threads that is such a thing: NAME_pool_open and NAME_pool_close, compiled from NAME_pool.c, which
      defines TN_POOL_NAME(x) as NAME_pool_##x and includes this file. Each model has its own copy under its own name, so
      that several link into one program; a pool serves any model, though, whichever opened it.

   The pool keeps all its state in memory that the caller gives: no heap, no globals, nothing allocated after opening.
   The caller's thread takes part, so a pool of n has n - 1 threads of its own. They spin for a few microseconds when a
   layer ends and then sleep. Every thread begins with its own share of the parts, the same ones each time (its caches
   hold them), then takes what others have not begun: a layer never waits for a thread that sleeps, or whose processor
   was taken away, unless that thread has begun a part.

   At the same time one run at most has the threads; another run with the same pool is done by its caller alone. */
#ifndef TN_POOL_VERSION
#define TN_POOL_VERSION 1

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void tn_task(void *args, int part);

typedef struct tn_parallel {
    /* Calls task(args, 0), task(args, 1) ... task(args, parts - 1), each once, in any order and at the same time as it
       likes, and returns when all have returned. What they wrote must be visible then, as after joining threads. Every
       thread must round as the caller does, and take denormals as the caller does where the model was compiled to keep
       them; where it flushes them the tasks see to it themselves. */
    void (*run)(void *pool, int parts, tn_task *task, void *args);
    void *pool;
} tn_parallel;

/* The most threads of a pool, the caller's included, and the bytes that a pool of n takes. */
#define TN_POOL_MAX 64
#define TN_POOL_SIZE(n) (512 + 64 * (size_t)(n))

#ifdef __cplusplus
}
#endif

#elif TN_POOL_VERSION != 1
#error "two versions of tn_pool.h in one source file: compile the models with one version of Tenon"
#endif

/* --- the pool ----------------------------------------------------------------------------------------------------- */

#if defined(TN_POOL_NAME) && !defined(TN_HAS_POOL)
#define TN_HAS_POOL

#ifndef __GNUC__
#error "the pool needs atomics of gcc or clang: leave this file out and give NAME_run a tn_parallel of your own"
#endif

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#if defined(__linux__) && !defined(TN_POOL_NO_FUTEX)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(SYS_futex)
#define TN_POOL_FUTEX
#endif
#endif

/* Bits of tn_pool_state.state: while it is open, threads may join in. Each that is in counts as TN_POOL_ONE. The caller
   that sleeps until the last one leaves says so. */
#define TN_POOL_OPEN 1u
#define TN_POOL_WAITING 2u
#define TN_POOL_ONE 4u

/* Turns of a waiting loop before a thread sleeps: 10 to 30 microseconds on most processors. */
#define TN_POOL_SPIN 2000

typedef struct tn_pool_state tn_pool_state;

/* One per thread, on a cache line of its own, since next is written by whoever takes a part. */
typedef struct tn_pool_slot {
    unsigned next, end; /* the thread's share that nobody has begun: part next up to end */
    int index;          /* 0: the caller's */
    pthread_t thread;
    tn_pool_state *pool;
} tn_pool_slot;

struct tn_pool_state {
    tn_parallel parallel; /* what the user has of the pool */
    int n;
    unsigned busy; /* 1: a run has the threads */
    tn_task *task;
    void *args;
    unsigned char gap[64]; /* the line above is read by all, the one below written */
    unsigned state;
    unsigned epoch;    /* changes when there may be something to do: what sleeping threads watch */
    unsigned sleepers; /* threads that sleep, or are about to look at epoch once more */
    unsigned stop;
#ifndef TN_POOL_FUTEX
    pthread_mutex_t mutex;
    pthread_cond_t changed;
#endif
};

enum { TN_POOL_LINE = 64 };
/* An array of negative size where TN_POOL_SIZE is too small for this system. */
typedef char tn_pool_fits
    [TN_POOL_SIZE(0) >= sizeof(tn_pool_state) + 2 * TN_POOL_LINE && sizeof(tn_pool_slot) <= TN_POOL_LINE ? 1 : -1];

static tn_pool_slot *tn_pool_slot_of(tn_pool_state *p, int index)
{
    const size_t head = (sizeof *p + TN_POOL_LINE - 1) / TN_POOL_LINE * TN_POOL_LINE;
    return (tn_pool_slot *)(void *)((unsigned char *)p + head + (size_t)index * TN_POOL_LINE);
}

/* --- sleeping ----------------------------------------------------------------------------------------------------- */

static void tn_pool_pause(void)
{
#if defined(__i386__) || defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* yield is no more than a no-op there */
#else
    __asm__ volatile("" ::: "memory");
#endif
}

/* Sleeps while *word is value, and maybe less long. */
static void tn_pool_sleep(tn_pool_state *p, unsigned *word, unsigned value)
{
#ifdef TN_POOL_FUTEX
    (void)p;
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
#else
    (void)pthread_mutex_lock(&p->mutex);
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value)
        (void)pthread_cond_wait(&p->changed, &p->mutex);
    (void)pthread_mutex_unlock(&p->mutex);
#endif
}

/* Wakes all that sleep on the word, which has changed. */
static void tn_pool_wake(tn_pool_state *p, unsigned *word)
{
#ifdef TN_POOL_FUTEX
    (void)p;
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)word;
    (void)pthread_mutex_lock(&p->mutex);
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->mutex);
#endif
}

/* Either the thread is counted before the caller looks for sleepers, or epoch has changed before it looks again: both
   sides write first and read then, in one order for all. */
static unsigned tn_pool_await_epoch(tn_pool_state *p, unsigned seen)
{
    for (int i = 0; i < TN_POOL_SPIN; i++) {
        if (__atomic_load_n(&p->epoch, __ATOMIC_ACQUIRE) != seen)
            return __atomic_load_n(&p->epoch, __ATOMIC_ACQUIRE);
        tn_pool_pause();
    }
    (void)__atomic_add_fetch(&p->sleepers, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&p->epoch, __ATOMIC_SEQ_CST) == seen)
        tn_pool_sleep(p, &p->epoch, seen);
    (void)__atomic_sub_fetch(&p->sleepers, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&p->epoch, __ATOMIC_ACQUIRE);
}

static void tn_pool_next_epoch(tn_pool_state *p)
{
    (void)__atomic_add_fetch(&p->epoch, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&p->sleepers, __ATOMIC_SEQ_CST) != 0)
        tn_pool_wake(p, &p->epoch);
}

/* --- working ------------------------------------------------------------------------------------------------------ */

static void tn_pool_work(tn_pool_state *p, int index)
{
    for (int k = 0; k < p->n; k++) {
        tn_pool_slot *const s = tn_pool_slot_of(p, (index + k) % p->n);
        while (__atomic_load_n(&s->next, __ATOMIC_RELAXED) < s->end) {
            const unsigned part = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);
            if (part < s->end)
                p->task(p->args, (int)part);
        }
    }
}

/* 0: too late. A thread that is in keeps the caller from leaving, and thus all that it reads of the pool as it is. */
static int tn_pool_enter(tn_pool_state *p)
{
    unsigned s = __atomic_load_n(&p->state, __ATOMIC_RELAXED);
    while ((s & TN_POOL_OPEN) != 0)
        if (__atomic_compare_exchange_n(&p->state, &s, s + TN_POOL_ONE, 1, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return 1;
    return 0;
}

static void tn_pool_leave(tn_pool_state *p)
{
    if (__atomic_sub_fetch(&p->state, TN_POOL_ONE, __ATOMIC_ACQ_REL) == TN_POOL_WAITING)
        tn_pool_wake(p, &p->state);
}

static void *tn_pool_thread(void *arg)
{
    tn_pool_slot *const me = (tn_pool_slot *)arg;
    tn_pool_state *const p = me->pool;
    unsigned seen = 0;
    for (;;) {
        seen = tn_pool_await_epoch(p, seen);
        if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE) != 0)
            return NULL;
        if (tn_pool_enter(p)) {
            tn_pool_work(p, me->index);
            tn_pool_leave(p);
        }
    }
}

/* Nobody enters any more; some may still be in. */
static void tn_pool_await_threads(tn_pool_state *p)
{
    unsigned s;
    for (int i = 0; i < TN_POOL_SPIN; i++) {
        if (__atomic_load_n(&p->state, __ATOMIC_ACQUIRE) == 0)
            return;
        tn_pool_pause();
    }
    s = __atomic_or_fetch(&p->state, TN_POOL_WAITING, __ATOMIC_ACQ_REL);
    while (s != TN_POOL_WAITING) {
        tn_pool_sleep(p, &p->state, s);
        s = __atomic_load_n(&p->state, __ATOMIC_ACQUIRE);
    }
    __atomic_store_n(&p->state, 0, __ATOMIC_RELAXED);
}

static void tn_pool_run(void *pool, int parts, tn_task *task, void *args)
{
    tn_pool_state *const p = (tn_pool_state *)pool;
    if (parts < 2 || p->n < 2 || __atomic_exchange_n(&p->busy, 1, __ATOMIC_ACQUIRE) != 0) {
        for (int i = 0; i < parts; i++)
            task(args, i);
        return;
    }
    p->task = task;
    p->args = args;
    for (int i = 0; i < p->n; i++) {
        tn_pool_slot *const s = tn_pool_slot_of(p, i);
        s->next = (unsigned)((uint64_t)parts * (unsigned)i / (unsigned)p->n);
        s->end = (unsigned)((uint64_t)parts * ((unsigned)i + 1) / (unsigned)p->n);
    }
    __atomic_store_n(&p->state, TN_POOL_OPEN, __ATOMIC_RELEASE);
    tn_pool_next_epoch(p);
    tn_pool_work(p, 0);
    if (__atomic_and_fetch(&p->state, ~TN_POOL_OPEN, __ATOMIC_ACQ_REL) != 0)
        tn_pool_await_threads(p);
    __atomic_store_n(&p->busy, 0, __ATOMIC_RELEASE);
}

/* --- opening and closing ------------------------------------------------------------------------------------------ */

void TN_POOL_NAME(close)(const tn_parallel *parallel)
{
    tn_pool_state *p;
    if (parallel == NULL)
        return;
    p = (tn_pool_state *)parallel->pool;
    __atomic_store_n(&p->stop, 1, __ATOMIC_RELEASE);
    tn_pool_next_epoch(p);
    for (int i = 1; i < p->n; i++)
        (void)pthread_join(tn_pool_slot_of(p, i)->thread, NULL);
#ifndef TN_POOL_FUTEX
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->mutex);
#endif
}

/* As many as the system gives; n counts them. The program's signals are for its own threads. */
static int tn_pool_start(tn_pool_state *p, int threads)
{
    sigset_t all, before;
    int failed = 0;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < threads; i++) { /* all are in place before the first thread looks */
        tn_pool_slot *const s = tn_pool_slot_of(p, i);
        s->index = i;
        s->pool = p;
    }
    for (p->n = 1; p->n < threads && !failed; p->n += !failed)
        failed = pthread_create(&tn_pool_slot_of(p, p->n)->thread, NULL, tn_pool_thread, tn_pool_slot_of(p, p->n)) != 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !failed;
}

size_t TN_POOL_NAME(size)(int threads)
{
    return TN_POOL_SIZE(threads);
}

const tn_parallel *TN_POOL_NAME(open)(void *memory, size_t size, int threads)
{
    unsigned char *const at = (unsigned char *)memory;
    tn_pool_state *p;
    if (memory == NULL || threads < 1 || threads > TN_POOL_MAX || size < TN_POOL_SIZE(threads))
        return NULL;
    memset(memory, 0, TN_POOL_SIZE(threads));
    p = (tn_pool_state *)(void *)(at + (TN_POOL_LINE - (uintptr_t)at % TN_POOL_LINE) % TN_POOL_LINE);
    p->parallel.run = tn_pool_run;
    p->parallel.pool = p;
#ifndef TN_POOL_FUTEX
    if (pthread_mutex_init(&p->mutex, NULL) != 0)
        return NULL;
    if (pthread_cond_init(&p->changed, NULL) != 0) {
        (void)pthread_mutex_destroy(&p->mutex);
        return NULL;
    }
#endif
    if (tn_pool_start(p, threads))
        return &p->parallel;
    TN_POOL_NAME(close)(&p->parallel);
    return NULL;
}

#endif
