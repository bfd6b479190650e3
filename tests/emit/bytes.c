/* tn_bytes.h against plain loops, with all extremes among the bytes. N: lanes. */
#include <stdio.h>
#define TN_NEED_VECTORS
#include "tn_port.h"
#include "tn_bytes.h"

#define GLUE_(x, y) x##y
#define GLUE(x, y) GLUE_(x, y)
#define INTS GLUE(tn_i32x, N)
#define FLOATS GLUE(tn_f32x, N)

static uint32_t state = 1;

/* The ends of both types' ranges come often. */
static int next_byte(void)
{
    static const int end[6] = {0, 127, 128, 129, 255, 1};
    state = state * 1664525u + 1013904223u;
    return state >> 30 == 0 ? end[(state >> 8) % 6] : (int)(state >> 16 & 255u);
}

static int check(const uint8_t *x, const int8_t *w)
{
    int wrong = 0;
    INTS a = {0}, b = {0}, u = GLUE(TN_WIDEN_U8X, N)(w), i = GLUE(TN_WIDEN_I8X, N)(w);
    uint8_t of_ints[N], of_floats[N];
    GLUE(TN_DOT4_I32X, N)(a, x, w);
    GLUE(TN_DOT4S_I32X, N)(b, x, w);
    INTS product = {0}, both_signed = product;
    GLUE(TN_MULADD_I32X, N)(product, u, i);
    GLUE(TN_MULADDS_I32X, N)(both_signed, GLUE(TN_WIDEN_I8X, N)(w + N), i);
    GLUE(TN_STORE_U8X, N)(of_ints, i);
    const FLOATS f = __builtin_convertvector(u, FLOATS);
    GLUE(TN_STORE_U8X, N)(of_floats, f);
    for (int l = 0; l < N; l++) {
        int32_t sum = 0, moved = 0;
        for (int k = 0; k < 4; k++) {
            sum += (int32_t)x[k] * w[4 * l + k];
            moved += ((int32_t)(x[k] < 128 ? x[k] : x[k] - 256) + 128) * w[4 * l + k];
        }
        wrong += a[l] != sum || b[l] != moved || i[l] != w[l] || u[l] != (uint8_t)w[l];
        wrong += product[l] != (uint8_t)w[l] * w[l] || both_signed[l] != w[N + l] * w[l];
        wrong += of_ints[l] != (uint8_t)w[l] || of_floats[l] != (uint8_t)w[l];
    }
    return wrong;
}

int main(void)
{
    int wrong = 0;
    for (int turn = 0; turn < 100000; turn++) {
        uint8_t x[4];
        int8_t w[4 * N];
        for (int k = 0; k < 4; k++)
            x[k] = (uint8_t)next_byte();
        for (int k = 0; k < 4 * N; k++)
            w[k] = (int8_t)(next_byte() - 128);
        wrong += check(x, w);
    }
    printf("bytes, %d lanes: %d wrong\n", N, wrong);
    return wrong != 0;
}
