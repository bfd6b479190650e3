/* The conversions of tn_half.h against those of tn_port.h: all 16-bit floats, and every STEP-th float. N: lanes. */
#include <stdio.h>
#include <stdlib.h>
#define TN_NEED_HALF
#define TN_NEED_VECTORS
#include "tn_port.h"
#include "tn_half.h"

#define GLUE_(x, y) x##y
#define GLUE(x, y) GLUE_(x, y)
#define VECTOR GLUE(tn_f32x, N)

static int failures;

/* Of NaN it may be another one. */
static void compare(const char *name, uint32_t of, uint32_t got, uint32_t want, int both_nan)
{
    if (got == want || both_nan || failures > 9)
        return;
    failures++;
    printf("%s of %08x is %08x, wanted %08x\n", name, (unsigned)of, (unsigned)got, (unsigned)want);
}

#define CHECK(name, scalar, widen, store) \
    static void check_##name(uint32_t step) \
    { \
        uint16_t in[N + 1], out[N + 1]; /* from an odd place on */ \
        for (uint32_t u = 0; u < 0x10000u; u += N) { \
            for (uint32_t i = 0; i < N; i++) \
                in[i + 1] = (uint16_t)(u + i); \
            const VECTOR y = widen(in + 1); \
            for (uint32_t i = 0; i < N; i++) { \
                const float want = tn_##scalar##_to_float((uint16_t)(u + i)); \
                compare(#name " widened", u + i, tn_bits_of(y[i]), tn_bits_of(want), y[i] != y[i] && want != want); \
            } \
        } \
        for (uint64_t u = 0; u < UINT64_C(0x100000000); u += (uint64_t)step * N) { \
            VECTOR x; \
            for (uint32_t i = 0; i < N; i++) \
                x[i] = tn_float_of((uint32_t)u + i * step); \
            store(out + 1, x); \
            for (uint32_t i = 0; i < N; i++) { \
                const uint16_t want = tn_float_to_##scalar(x[i]); \
                const float back = tn_##scalar##_to_float(out[i + 1]); \
                compare(#name " narrowed", tn_bits_of(x[i]), out[i + 1], want, x[i] != x[i] && back != back); \
            } \
        } \
    }
CHECK(f16, half, GLUE(TN_WIDEN_F16X, N), GLUE(TN_STORE_F16X, N))
CHECK(bf16, bfloat, GLUE(TN_WIDEN_BF16X, N), GLUE(TN_STORE_BF16X, N))

int main(int argc, char **argv)
{
    const uint32_t step = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1009;
    check_f16(step);
    check_bf16(step);
    return failures != 0;
}
