/* The functions of tn_vmath.h against the C library in double, every STEP-th float. Prints the worst error of each and
   fails when one is beyond what the header states. N: lanes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define TN_NEED_VECTORS
#define TN_NEED_EXTREMES
#include "tn_port.h"
#include "tn_vmath.h"

#define GLUE_(x, y) x##y
#define GLUE(x, y) GLUE_(x, y)
#define VECTOR GLUE(tn_f32x, N)

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* In units of the last place of the exact value; large for a wrong NaN or infinity. */
static double error_of(float got, double want)
{
    const double wrong = 1e9, largest = 3.4028234663852886e38;
    int e;
    if (want != want || got != got)
        return want != want && got != got ? 0 : wrong;
    if (fabs(want) > largest || fabs((double)got) > largest)
        return fabs(fabs(want) - largest) < largest * 1e-7 || (float)want == got ? 0 : wrong;
    if (want == 0 || (float)want == got)
        return (double)got == want || (float)want == got ? 0 : wrong;
    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

static int failures;

/* Where the exact result is smaller it may be 0. */
#define KEEPS 0
#define FLUSHES 0x1p-126

/* In units of the last place; of gelu left of -1 in parts of x, where its bound of 3.3 stands for 1.5e-7. */
static double ulp_error(float x, float got, double want)
{
    (void)x;
    return error_of(got, want);
}

static double gelu_error(float x, float got, double want)
{
    return x < -1 ? fabs((double)got - want) / fabs((double)x) * (3.3 / 1.5e-7) : error_of(got, want);
}

#define CHECK(name, exact, bound, least) CHECK_BY(ulp_error, name, exact, bound, least)
#define CHECK_BY(judge, name, exact, bound, least) \
    static void check_##name(uint32_t step) \
    { \
        double worst = 0; \
        float at = 0; \
        for (uint64_t u = 0; u < UINT64_C(0x100000000); u += (uint64_t)step * N) { \
            VECTOR x, y; \
            for (int i = 0; i < N; i++) \
                x[i] = float_of((uint32_t)(u + (uint64_t)i * step)); \
            GLUE(tn_##name##_, N)(&y, &x); \
            for (int i = 0; i < N; i++) { \
                const double want = exact((double)x[i]); \
                const double error = fabs(want) < least && y[i] == 0 ? 0 : judge(x[i], y[i], want); \
                if (error > worst) { \
                    worst = error; \
                    at = x[i]; \
                } \
            } \
        } \
        failures += worst > bound; \
        printf("%-7s %.3f ULP at %a, at most %.1f\n", #name, worst, (double)at, (double)bound); \
    }
CHECK(exp, exp, 1.1, KEEPS)
CHECK(log, log, 0.9, KEEPS)
CHECK(tanh, tanh, 1.4, KEEPS)
static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double silu2(double x)
{
    return x * 0.69314718055994530942 / (1 + exp2(-x));
}

static double gelu(double x)
{
    return x * 0.5 * erfc(x * -0.70710678118654752440);
}

CHECK(sigmoid, sigmoid, 3.2, FLUSHES)
CHECK(silu2, silu2, 3.7, 4e-37)
CHECK(erf, erf, 2.1, KEEPS)
CHECK_BY(gelu_error, gelu, gelu, 3.3, FLUSHES)
CHECK(abs, fabs, 0, KEEPS)
CHECK(round, nearbyint, 0, KEEPS)
CHECK(floor, floor, 0, KEEPS)
CHECK(ceil, ceil, 0, KEEPS)
CHECK(trunc, trunc, 0, KEEPS)

static void check_nearest(uint32_t step)
{
    long wrong = 0;
    for (uint64_t u = 0; u < UINT64_C(0x100000000); u += (uint64_t)step * N) {
        VECTOR x;
        for (int i = 0; i < N; i++) {
            const float f = float_of((uint32_t)(u + (uint64_t)i * step));
            x[i] = fabs((double)f) <= 0x1p22 ? f : 0.5f;
        }
        const GLUE(tn_i32x, N) y = GLUE(TN_NEAREST_I32X, N)(x);
        for (int i = 0; i < N; i++)
            wrong += y[i] != (int32_t)nearbyint((double)x[i]);
    }
    failures += wrong != 0;
    printf("nearest %ld wrong\n", wrong);
}

/* Several vectors at once give what one gives. */
#define CHECK_EACH(name) \
    do { \
        float many[5 * N]; \
        for (int i = 0; i < 5 * N; i++) \
            many[i] = (float)(i - 2 * N) * 0.37f; \
        GLUE(tn_##name##_each_, N)(many, 5); \
        for (int k = 0; k < 5; k++) { \
            VECTOR x, y; \
            for (int i = 0; i < N; i++) \
                x[i] = (float)(k * N + i - 2 * N) * 0.37f; \
            GLUE(tn_##name##_, N)(&y, &x); \
            failures += memcmp(&y, many + k * N, sizeof y) != 0; \
        } \
    } while (0)

int main(int argc, char **argv)
{
    const uint32_t step = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1009;
    check_exp(step);
    check_log(step);
    check_tanh(step);
    check_sigmoid(step);
    check_silu2(step);
    check_erf(step);
    check_gelu(step);
    check_abs(step);
    check_round(step);
    check_nearest(step);
    check_floor(step);
    check_ceil(step);
    check_trunc(step);
    CHECK_EACH(log);
    CHECK_EACH(tanh);
    CHECK_EACH(erf);
    CHECK_EACH(gelu);
    return failures != 0;
}
