/* Results in the place of an operand: where the memory fits, and where it only seems to. */
#include "loop/loop.h"
#include "pass/program.h"

#include <stdlib.h>

#include <cmocka.h>

typedef struct bench {
    tn_memory memory;
    tn_arena arena;
    tn_diag diag;
} bench;

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    b->arena.memory = &b->memory;
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    tn_arena_free(&b->arena);
    free(b);
    return 0;
}

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
    tn_program *p = tn_program_parse(&b->arena, &b->diag, "t.loops", text);
    assert_non_null(p);
    tn_schedule(p, tn_target_find("generic"));
    tn_share_in_place(p);
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
        cmocka_unit_test_setup_teardown(test_same_layout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_border, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_order, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("alias", tests, NULL, NULL);
}
