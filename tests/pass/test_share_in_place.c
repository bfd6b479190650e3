/* Results in the place of an operand: where the memory fits, and where it only seems to. */
#include "pass/pass.h"

#include "../program.h"

/* x is copied to a, and b = a + 1 elementwise; a and b have these layouts. Whether b lives in the place of a. */
static bool shares(bench *b, const char *of_a, const char *of_b)
{
    const char *text = tn_strfmt(&b->arena,
                                 "buffer \"x\" : int8[4,6] input\nbuffer \"a\" : int8[4,6] arena %s\n"
                                 "buffer \"b\" : int8[4,6] arena %s\nbuffer \"y\" : int8[4,6] output\n"
                                 "comp 0 \"\"\n  axes i:4, k:6\n  \"a\"[i, k] = \"x\"[i, k]\n"
                                 "comp 1 \"\"\n  axes i:4, k:6\n  \"b\"[i, k] = add(\"a\"[i, k], int8(1))\n"
                                 "comp 2 \"\"\n  axes i:4, k:6\n  \"y\"[i, k] = \"b\"[i, k]\n",
                                 of_a, of_b);
    tn_program *p = parse_loops(b, text);
    tn_pass_options o = {.verify = true};
    tn_module m = {
        .arena = &b->arena, .diag = &b->diag, .target = tn_target_find(&b->arena, NULL, "generic"), .program = p};
    assert_true(tn_passes_run(&m, "kernels,share-in-place", &o));
    return p->bufs.items[2]->alias == p->bufs.items[1];
}

static void test_same_layout(void **state)
{
    assert_true(shares(*state, "", ""));
    assert_true(shares(*state, "layout(0, 1) border(1:1, 1:1) fill 3", "layout(0, 1) border(1:1, 1:1) fill 3"));
}

/* Only the first writer fills a border: b's would be a's. */
static void test_other_border(void **state)
{
    assert_false(shares(*state, "border(1:1, 1:1) fill 3", "border(1:1, 1:1) fill -5"));
    assert_false(shares(*state, "border(1:1, 1:1)", "border(1:1, 1:1) fill 1"));
    assert_false(shares(*state, "border(1:1, 1:1)", "border(2:0, 1:1)"));
    assert_false(shares(*state, "border(1:1, 0:0)", ""));
}

static void test_other_order(void **state)
{
    assert_false(shares(*state, "layout(1, 0)", ""));
    assert_false(shares(*state, "layout(0, 1/2, 1%2)", "layout(0, 1/3, 1%3)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_same_layout),
        TEST(test_other_border),
        TEST(test_other_order),
    };
    return cmocka_run_group_tests_name("alias", tests, NULL, NULL);
}
