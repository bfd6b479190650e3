/* Integer constants are computed as expressions are made: all comparisons at the ends of every type, against C's own. */
#include "ops/late.h"

#include "../program.h"

static const int64_t ends[] = {0,          1,         -1,        2,          6,         127,
                               128,        -128,      255,       256,        INT16_MAX, INT16_MIN,
                               UINT16_MAX, INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN};
enum { N_ENDS = sizeof ends / sizeof *ends };

/* op(x, y) is a constant, and this one. */
static void gives(tn_program *p, tn_scalar_op op, tn_dtype t, int64_t x, int64_t y, bool wanted)
{
    const tn_expr *e = tn_op2(p, op, tn_integer(p, t, x), tn_integer(p, t, y));
    assert_int_equal(e->kind, TN_E_INT);
    assert_int_equal(e->dtype, TN_BOOL);
    assert_int_equal(e->i, wanted);
}

#define COMPARE(ID, T) \
    static void compare_##ID(tn_program *p, int64_t i, int64_t k) \
    { \
        T x = (T)i, y = (T)k; \
        gives(p, TN_OP_EQ, TN_##ID, i, k, x == y); \
        gives(p, TN_OP_NE, TN_##ID, i, k, x != y); \
        gives(p, TN_OP_LT, TN_##ID, i, k, x < y); \
        gives(p, TN_OP_LE, TN_##ID, i, k, x <= y); \
    }
COMPARE(INT8, int8_t)
COMPARE(UINT8, uint8_t)
COMPARE(INT16, int16_t)
COMPARE(UINT16, uint16_t)
COMPARE(INT32, int32_t)
COMPARE(UINT32, uint32_t)
COMPARE(INT64, int64_t)
COMPARE(UINT64, uint64_t)
COMPARE(BOOL, bool)

static void test_comparisons(void **state)
{
    static void (*const compare[])(tn_program *, int64_t, int64_t) = {compare_INT8,   compare_UINT8,  compare_INT16,
                                                                      compare_UINT16, compare_INT32,  compare_UINT32,
                                                                      compare_INT64,  compare_UINT64, compare_BOOL};
    bench *b = *state;
    for (size_t t = 0; t < sizeof compare / sizeof *compare; t++)
        for (int i = 0; i < N_ENDS; i++)
            for (int k = 0; k < N_ENDS; k++)
                compare[t](b->p, ends[i], ends[k]);
}

static void is(const tn_expr *e, tn_dtype t, int64_t wanted)
{
    assert_int_equal(e->kind, TN_E_INT);
    assert_int_equal(e->dtype, t);
    assert_true(e->i == wanted);
}

/* What overflows wraps, a zero divisor gives 0, and the highest bit of uint64 is no sign. */
static void test_arithmetic(void **state)
{
    bench *b = *state;
    tn_program *p = b->p;
#define INT(T, X) tn_integer(p, TN_##T, X)
    is(tn_add(p, INT(INT8, 100), INT(INT8, 100)), TN_INT8, -56);
    is(tn_mul(p, INT(INT32, 65536), INT(INT32, 65536)), TN_INT32, 0);
    is(tn_div(p, INT(INT64, 7), INT(INT64, 0)), TN_INT64, 0);
    is(tn_div(p, INT(INT64, -7), INT(INT64, 2)), TN_INT64, -3);
    is(tn_div(p, INT(UINT64, -1), INT(UINT64, 2)), TN_UINT64, INT64_MAX);
    is(tn_op2(p, TN_OP_SHR, INT(INT64, -8), INT(INT64, 1)), TN_INT64, -4);
    is(tn_op2(p, TN_OP_SHL, INT(INT32, 1), INT(INT32, 31)), TN_INT32, INT32_MIN);
    is(tn_op1(p, TN_OP_NEG, INT(INT8, -128)), TN_INT8, -128);
    is(tn_max(p, INT(UINT64, -1), INT(UINT64, 1)), TN_UINT64, -1);
    is(tn_op1(p, TN_OP_NOT, INT(BOOL, 1)), TN_BOOL, 0);
    const tn_expr *large = tn_cast(p, TN_DOUBLE, INT(UINT64, INT64_MIN));
    assert_true(large->kind == TN_E_NUM && large->f == 0x1p63);
}

/* What a check makes of equal constants is true, so that no check is made of it (tn_late_check). */
static void test_check_of_constants(void **state)
{
    bench *b = *state;
    tn_program *p = b->p;
    const tn_expr *six = tn_integer(p, TN_INT64, 6), *one = tn_integer(p, TN_INT64, 1);
    is(tn_and(p, tn_is(p, six, six), tn_le(p, one, six)), TN_BOOL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {PROGRAM_TEST(test_comparisons), PROGRAM_TEST(test_arithmetic),
                                       PROGRAM_TEST(test_check_of_constants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
