/* What is verified behind every pass: a loop program that a pass has broken is an error that names the pass. */
#include "pass/pass.h"

#include "../program.h"

/* As many elements of x as are not 0 go to y. */
static const char text[] = "buffer \"x\" : float[4] input\n"
                           "buffer \"y\" : float[4] output\n"
                           "buffer \"c\" : bool[] arena\n"
                           "buffer \"t\" : float[] arena\n"
                           "comp 0 \"first\"\n"
                           "  axes i0:4\n"
                           "  \"y\"[i0] = float(-1)\n"
                           "repeat turn0:2\n"
                           "repeat turn1:4\n"
                           "while 1 \"Loop\"\n"
                           "  \"c\"[] = cast<bool>(\"x\"[turn1])\n"
                           "comp 2 \"Neg\"\n"
                           "  \"t\"[] = neg(\"x\"[turn1])\n"
                           "comp 3 \"Exp\"\n"
                           "  \"y\"[turn1] = exp(\"t\"[])\n"
                           "end\n"
                           "end\n";

static bool runs(bench *b, tn_program *p)
{
    tn_pass_options o = {.verify = true};
    tn_module m = {
        .arena = &b->arena, .diag = &b->diag, .target = tn_target_find(&b->arena, NULL, "generic"), .program = p};
    return tn_passes_run(&m, "alias-views", &o);
}

static void swap(tn_program *p, int i, int k)
{
    tn_comp *c = p->comps.items[i];
    p->comps.items[i] = p->comps.items[k];
    p->comps.items[k] = c;
}

static void test_whole(void **state)
{
    assert_true(runs(*state, parse_loops(*state, text)));
}

static void test_late_while(void **state)
{
    bench *b = *state;
    tn_program *p = parse_loops(b, text);
    swap(p, 1, 2);
    assert_false(runs(b, p));
    assert_non_null(strstr(b->line, "after pass "));
    assert_non_null(strstr(b->line, "computation 2 (Loop), a while, is not the first of its repeat"));
}

static void test_while_outside(void **state)
{
    bench *b = *state;
    tn_program *p = parse_loops(b, text);
    p->comps.items[1]->repeat = NULL;
    assert_false(runs(b, p));
    assert_non_null(strstr(b->line, "computation 1 (Loop), a while, is not the first of its repeat"));
}

/* The turn of the outer repeat has begun when the inner one asks. */
static void test_while_of_outer(void **state)
{
    bench *b = *state;
    tn_program *p = parse_loops(b, text);
    tn_comp *w = p->comps.items[1];
    w->repeat = w->repeat->outer;
    assert_true(runs(b, p)); /* before the inner repeat it is the outer one's first */
    swap(p, 1, 3);
    assert_false(runs(b, p));
}

static void test_unwritten(void **state)
{
    bench *b = *state;
    tn_program *p = parse_loops(b, text);
    swap(p, 2, 3);
    assert_false(runs(b, p));
    assert_non_null(strstr(b->line, "computation 2 (Exp) reads 't', which nothing has written"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole),          TEST(test_late_while), TEST(test_while_outside),
        TEST(test_while_of_outer), TEST(test_unwritten),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
