/* A number times a factor stands twice: as the importer computes the tables that a model holds (tn_tfl_times), and as the
   expression that becomes generated code (tn_fixed_times). Both give the same bits, of constants, which are folded, and where
   only the run knows the factor; and those of a division. */
#include "ops/fixed.h"
#include "tflite/fixed.h"

#include "../program.h"

static const int64_t numbers[] = {0,         1,          -1,        2,         -2,        3,          -3,
                                  127,       -128,       255,       32767,     -32768,    0x40000000, -0x40000000,
                                  INT32_MAX, -INT32_MAX, INT32_MIN, 123456789, -987654321};
static const int64_t multipliers[] = {0, 0x40000000, 0x40000001, 0x5a827999, 0x6aaaaaab, 0x7ffffffe, 0x7fffffff};
enum {
    N_NUMBERS = sizeof numbers / sizeof *numbers,
    N_MULTIPLIERS = sizeof multipliers / sizeof *multipliers,
    LEAST_SHIFT = -31
};

static const tn_value *constant(bench *b, tn_dtype t, int64_t x)
{
    tn_shape s = tn_shape_fixed(0, NULL);
    tn_tensor *data = tn_tensor_make(&b->arena, t, &s);
    tn_tensor_set_int(data, 0, x);
    tn_value *v = TN_NEW(&b->arena, tn_value);
    *v = (tn_value){.name = "v", .dtype = t, .constant = data, .shape = s};
    return v;
}

/* known: the operator's factor is a constant, so what does not occur in it is left out. */
static int64_t of_expression(bench *b, int64_t x, tfl_factor f, bool once, bool known)
{
    tn_program *p = b->p;
    const tn_value open_m = {.dtype = TN_INT32}, open_s = {.dtype = TN_INT8};
    const tn_value *m = known ? constant(b, TN_INT32, f.multiplier) : &open_m;
    const tn_value *s = known ? constant(b, TN_INT8, f.shift) : &open_s;
    const tn_expr *e = tn_fixed_times(p, m, s, tn_integer(p, TN_INT32, x), tn_integer(p, TN_INT32, f.multiplier),
                                      tn_integer(p, TN_INT8, f.shift), once);
    assert_int_equal(e->kind, TN_E_INT);
    assert_int_equal(e->dtype, TN_INT32);
    return e->i;
}

/* The nearest number to x / 2^n, halves up. */
static int64_t halves_up(int64_t x, int n)
{
    int64_t d = INT64_C(1) << n, q = x / d, r = x % d;
    if (r < 0) {
        r += d;
        q--;
    }
    return q + (r >= d - r);
}

static void same_bits(bench *b, bool once, int64_t x, tfl_factor f)
{
    const tn_tflite_options o = {.single_rounding = once};
    const importer im = {.options = &o};
    int64_t wanted = tn_tfl_times(&im, (int32_t)x, f);
    assert_true(of_expression(b, x, f, once, true) == wanted);
    assert_true(of_expression(b, x, f, once, false) == wanted);
    if (once)
        assert_true(wanted == tn_wrap(TN_INT32, halves_up(x * f.multiplier, 31 - f.shift)));
}

static void same_for_all(bench *b, bool once, int most_shift)
{
    for (int k = 0; k < N_MULTIPLIERS; k++)
        for (int shift = LEAST_SHIFT; shift <= most_shift; shift++)
            for (int i = 0; i < N_NUMBERS; i++)
                same_bits(b, once, numbers[i], (tfl_factor){(int32_t)multipliers[k], shift});
}

/* As far as tn_tfl_factor goes. */
static void test_rounded_once(void **state)
{
    same_for_all(*state, true, 30);
}

static void test_rounded_twice(void **state)
{
    same_for_all(*state, false, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {PROGRAM_TEST(test_rounded_once), PROGRAM_TEST(test_rounded_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
