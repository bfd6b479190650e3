/* What a core of this machine can do at most: multiply-adds of floats in a second, and bytes read from each level of memory.
   Built as a library by 'tenon bench --calibrate', with the flags of target native; part of tests/bench/kernels.c too.
   C99 with vectors of gcc and clang. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Chains of multiply-adds that do not wait for each other: enough for two units of latency 5, few enough for the registers. */
#if defined(__AVX512F__)
enum { TN_LANES = 16, TN_CHAINS = 16 };
#elif defined(__AVX__)
enum { TN_LANES = 8, TN_CHAINS = 12 };
#elif defined(__aarch64__)
enum { TN_LANES = 4, TN_CHAINS = 16 };
#else
enum { TN_LANES = 4, TN_CHAINS = 12 };
#endif
typedef float tn_floats __attribute__((__vector_size__(TN_LANES * 4)));
typedef int32_t tn_ints __attribute__((__vector_size__(TN_LANES * 4)));

double tn_calibrate_gflops(void);
double tn_calibrate_gbytes(const void *memory, size_t size);

static double tn_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The best of many short bursts: what the core does when nothing disturbs it. GFLOP/s. */
double tn_calibrate_gflops(void)
{
    enum { BURSTS = 40, TURNS = 100000 };
    tn_floats acc[TN_CHAINS], a = {0}, b = {0};
    volatile float one = 0.999f, sink = 0;
    double best = 0;
    a += one;
    b += one;
    for (int i = 0; i < TN_CHAINS; i++)
        acc[i] = a;
    for (int burst = 0; burst < BURSTS; burst++) {
        const double start = tn_seconds();
        for (int k = 0; k < TURNS; k++)
#pragma GCC unroll 16
            for (int i = 0; i < TN_CHAINS; i++)
                acc[i] = acc[i] * a + b;
        const double rate = 2e-9 * TN_LANES * TN_CHAINS * TURNS / (tn_seconds() - start);
        best = rate > best ? rate : best;
    }
    for (int i = 0; i < TN_CHAINS; i++)
        sink += acc[i][0];
    return best;
}

/* Reads size bytes (a multiple of 1024) from aligned memory again and again. GB/s. */
double tn_calibrate_gbytes(const void *memory, size_t size)
{
    enum { BURSTS = 8, STREAMS = 4 };
    const tn_ints *const p = (const tn_ints *)memory;
    const size_t n = size / sizeof *p, turns = ((size_t)32 << 20) / size + 1;
    tn_ints sum[STREAMS] = {{0}};
    volatile int32_t sink = 0;
    double best = 0;
    for (int burst = 0; burst < BURSTS; burst++) {
        const double start = tn_seconds();
        for (size_t k = 0; k < turns; k++) {
            for (size_t i = 0; i < n; i += STREAMS)
#pragma GCC unroll 4
                for (size_t s = 0; s < STREAMS; s++)
                    sum[s] ^= p[i + s];
            __asm__ volatile("" : : : "memory"); /* the next turn reads again */
        }
        const double rate = 1e-9 * (double)size * (double)turns / (tn_seconds() - start);
        best = rate > best ? rate : best;
    }
    for (int s = 0; s < STREAMS; s++)
        sink ^= sum[s][0];
    return best;
}
