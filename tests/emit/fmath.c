/* The functions of tn_fmath.h: those that vectors have too against tn_vmath.h, bit by bit; the others against the C
   library in double, every STEP-th float. N: lanes; 0: without vectors, and only the others. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#define TN_NEED_BITS
#if N > 0
#define TN_NEED_VECTORS
#define TN_NEED_EXTREMES
#endif
#include "tn_port.h"
#include "tn_fmath.h"

static int failures;

/* In units of the last place of the exact value; large for a wrong NaN or infinity, and for a wrong sign of zero. */
static double error_of(float got, double want)
{
    const double wrong = 1e9;
    int e;
    if (want != want || got != got)
        return want != want && got != got ? 0 : wrong;
    if ((float)want == got)
        return !signbit(want) == !signbit(got) ? 0 : wrong;
    if (fabs((double)got) > 3.5e38 || fabs((double)(float)want) > 3.5e38)
        return wrong;
    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

static void report(const char *name, double worst, float at, double bound)
{
    failures += !(worst <= bound);
    printf("%-7s %.4f ULP at %a\n", name, worst, (double)at);
}

#define CHECK(name) \
    static void check_##name(uint32_t step) \
    { \
        double worst = 0; \
        float at = 0; \
        for (uint64_t u = 0; u < UINT64_C(0x100000000); u += step) { \
            const float x = tn_float_of((uint32_t)u); \
            const double error = error_of(tn_f_##name(x), name((double)x)); \
            if (error > worst) { \
                worst = error; \
                at = x; \
            } \
        } \
        report(#name, worst, at, 0.51); \
    }
CHECK(sin)
CHECK(cos)
CHECK(tan)
CHECK(asin)
CHECK(acos)
CHECK(atan)
CHECK(sinh)
CHECK(cosh)
CHECK(asinh)
CHECK(acosh)
CHECK(atanh)
CHECK(log1p)
CHECK(expm1)

static void check_pow(uint32_t step)
{
    static const float special[] = {0.0f,  -0.0f,  1.0f,        -1.0f,      2.0f,        -2.0f,
                                    3.0f,  -3.0f,  0.5f,        -0.5f,      1e-40f,      -1e-40f,
                                    3e38f, -3e38f, 16777217.0f, 1.0000001f, TN_INFINITY, TN_MINUS_INFINITY,
                                    TN_NAN};
    enum { N_SPECIAL = sizeof special / sizeof *special };
    double worst = 0;
    float at = 0;
    for (uint64_t u = 0; u < UINT64_C(0x100000000); u += step)
        for (int i = 0; i < N_SPECIAL; i++) {
            const float a = tn_float_of((uint32_t)u), b = special[i];
            const double errors[2] = {error_of(tn_f_pow(a, b), pow((double)a, (double)b)),
                                      error_of(tn_f_pow(b, a), pow((double)b, (double)a))};
            for (int k = 0; k < 2; k++)
                if (errors[k] > worst) {
                    worst = errors[k];
                    at = a;
                }
        }
    for (int i = 0; i < N_SPECIAL; i++)
        for (int k = 0; k < N_SPECIAL; k++)
            if (error_of(tn_f_pow(special[i], special[k]), pow((double)special[i], (double)special[k])) > 0.51)
                report("pow", 1e9, special[i], 0);
    report("pow", worst, at, 0.51);
}

#if N > 0
#define GLUE_(x, y) x##y
#define GLUE(x, y) GLUE_(x, y)
#define VECTOR GLUE(tn_f32x, N)

static int same(float x, float y)
{
    return (x != x && y != y) || tn_bits_of(x) == tn_bits_of(y);
}

#define COMPARE(name) \
    static void compare_##name(uint32_t step) \
    { \
        for (uint64_t u = 0; u < UINT64_C(0x100000000); u += (uint64_t)step * N) { \
            VECTOR x, y; \
            for (int i = 0; i < N; i++) \
                x[i] = tn_float_of((uint32_t)(u + (uint64_t)i * step)); \
            GLUE(tn_##name##_, N)(&y, &x); \
            for (int i = 0; i < N; i++) \
                if (!same(y[i], tn_f_##name(x[i]))) { \
                    report(#name " of vectors", 1e9, x[i], 0); \
                    return; \
                } \
        } \
    }
COMPARE(exp)
COMPARE(log)
COMPARE(tanh)
COMPARE(sigmoid)
COMPARE(erf)
#endif

int main(int argc, char **argv)
{
    const uint32_t step = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1009;
#if N > 0
    compare_exp(step);
    compare_log(step);
    compare_tanh(step);
    compare_sigmoid(step);
    compare_erf(step);
#endif
    check_sin(step);
    check_cos(step);
    check_tan(step);
    check_asin(step);
    check_acos(step);
    check_atan(step);
    check_sinh(step);
    check_cosh(step);
    check_asinh(step);
    check_acosh(step);
    check_atanh(step);
    check_log1p(step);
    check_expm1(step);
    check_pow(step * 100);
    return failures != 0;
}
