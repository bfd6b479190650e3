/* Fixed point of tn_port.h, single numbers and vectors of them, against division with a remainder. N: lanes.
   tn_fixmul: x * y / 2^31 to nearest, ties up. tn_fixshift: x / 2^e to nearest, ties away from 0. */
#include <stdio.h>
#define TN_NEED_VECTORS
#define TN_NEED_FIXED
#include "tn_port.h"

#define GLUE_(x, y) x##y
#define GLUE(x, y) GLUE_(x, y)
#define INTS GLUE(tn_i32x, N)

static uint64_t state = 1;

static uint32_t next_bits(void)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* Of all sizes; one in four is a power of two or beside one, where ties and ends are. */
static int32_t next_number(void)
{
    const uint32_t bits = next_bits(), by = bits >> 27;
    int64_t x = (int32_t)next_bits() >> by;
    if (bits % 4 == 0)
        x = ((INT64_C(1) << by) + (int32_t)(bits >> 8 & 3) - 1) * ((bits & 4) != 0 ? -1 : 1);
    return (int32_t)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
}

static int64_t floor_of(int64_t x, int64_t by)
{
    return x / by - (x % by < 0);
}

static int32_t product(int32_t x, int32_t y)
{
    const int64_t unit = INT64_C(1) << 31, p = (int64_t)x * y, whole = floor_of(p, unit);
    return (int32_t)(whole + (2 * (p - whole * unit) >= unit));
}

static int32_t shifted(int32_t x, int32_t e)
{
    const int64_t unit = INT64_C(1) << e, size = x < 0 ? -(int64_t)x : x;
    const int64_t rounded = size / unit + (2 * (size % unit) >= unit);
    return (int32_t)(x < 0 ? -rounded : rounded);
}

static int check(void)
{
    INTS x = {0}, y = x, e = x;
    int wrong = 0;
    for (int l = 0; l < N; l++) {
        x[l] = next_number();
        y[l] = next_number();
        y[l] = y[l] == INT32_MIN ? INT32_MAX : y[l];
        e[l] = (int32_t)(next_bits() >> 27);
    }
    const INTS products = GLUE(TN_FIXMUL_I32X, N)(x, y), shifts = GLUE(TN_FIXSHIFT_I32X, N)(x, e);
    for (int l = 0; l < N; l++) {
        wrong += products[l] != product(x[l], y[l]) || tn_fixmul(x[l], y[l]) != products[l];
        wrong += shifts[l] != shifted(x[l], e[l]) || tn_fixshift(x[l], e[l]) != shifts[l];
    }
    return wrong;
}

int main(void)
{
    int wrong = 0;
    for (int turn = 0; turn < 200000; turn++)
        wrong += check();
    printf("fixed point, %d lanes: %d wrong\n", N, wrong);
    return wrong != 0;
}
