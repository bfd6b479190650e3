/* Which targets' code runs on which machines. */
#include "target/target.h"

#include "../bench.h"

static bool runs(const char *target, const char *machine)
{
    return tn_target_runs_on(tn_target_find(target), tn_target_find(machine));
}

static void test_runs_on(void **state)
{
    (void)state;
    assert_true(runs("generic", "aarch64") && runs("aarch64", "aarch64") && runs("native", "native"));
    assert_true(runs("x86-64", "x86-64-v3") && runs("x86-64-v3", "x86-64-v4") && runs("x86-64-v4", "x86-64-v4-vnni"));
    assert_false(runs("x86-64-v3", "x86-64"));
    assert_false(runs("x86-64-v4-vnni", "x86-64-v4")); /* as many lanes, more instructions */
    assert_false(runs("x86-64", "generic") || runs("x86-64", "aarch64") || runs("aarch64", "x86-64-v4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_runs_on)};
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
