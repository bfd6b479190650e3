/* Schedules: the primitives' text, what they refuse, and the loops they give, worked out by hand. */
#include "sched/sched.h"

#include "../program.h"

/* y[i] = sum over r of x[r] * w[i][r]: i of 10, r of 6 */
static tn_comp *make_product(bench *b)
{
    tn_dim ten = tn_dim_fixed(10), six = tn_dim_fixed(6), both[2] = {ten, six};
    tn_buf *x = tn_buf_temp(b->p, "x", TN_FLOAT, 1, &six), *w = tn_buf_temp(b->p, "w", TN_FLOAT, 2, both);
    tn_comp *c = tn_comp_begin(b->p, NULL, tn_buf_temp(b->p, "y", TN_FLOAT, 1, &ten));
    const tn_expr *r = tn_reduce_over(b->p, c, six), *at[2] = {tn_axis_var(b->p, c, 0), r};
    tn_comp_reduce(b->p, c, TN_OP_ADD, tn_number(b->p, TN_FLOAT, 0),
                   tn_mul(b->p, tn_load(b->p, x, &r), tn_load(b->p, w, at)), NULL);
    return c;
}

static int count_kind(const tn_stmt *s, tn_stmt_kind kind)
{
    int n = s->kind == kind;
    for (size_t i = 0; i < s->body.n; i++)
        n += count_kind(s->body.items[i], kind);
    return n;
}

static void test_plain(void **state)
{
    bench *b = *state;
    tn_stmt *s = tn_nest_lower(tn_nest_make(b->p, make_product(b)));
    assert_int_equal(count_kind(s, TN_S_FOR), 2); /* i, r */
    assert_int_equal(count_kind(s, TN_S_SET), 1);
    assert_int_equal(count_kind(s, TN_S_STORE), 1);
}

/* 10 = 2 whole turns of 4 and one of 2: the tile stands in the code twice, with 4 and with 2 accumulators. */
static void test_ragged_tile(void **state)
{
    bench *b = *state;
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(b->p, make_product(b));
    assert_true(tn_nest_apply(nest, "split i0 4; order i0o r0 i0i; unroll i0i", &why));
    tn_stmt *s = tn_nest_lower(nest);
    assert_int_equal(count_kind(s, TN_S_SET), 4 + 2);
    assert_int_equal(count_kind(s, TN_S_STORE), 4 + 2);
    assert_int_equal(count_kind(s, TN_S_FOR), 3); /* i0o and r0; r0 */
}

/* x[r] is shared by the points of the tile: one load, named. */
static void test_shared_loads(void **state)
{
    bench *b = *state;
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(b->p, make_product(b));
    assert_true(tn_nest_apply(nest, "split i0 5; order i0o r0 i0i; unroll i0i", &why));
    tn_stmt *s = tn_nest_lower(nest);
    assert_int_equal(count_kind(s, TN_S_LET), 5 + 1); /* accumulators, x[r] */
}

/* 10 = 3 turns of 4 that begin at 0, 4 and 6: one tile in the code, no section for the end. */
static void test_cover(void **state)
{
    bench *b = *state;
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(b->p, make_product(b));
    assert_true(tn_nest_apply(nest, "cover i0 4; order i0o r0 i0i; unroll i0i", &why));
    assert_true(nest->repeats);
    tn_stmt *s = tn_nest_lower(nest);
    assert_int_equal(count_kind(s, TN_S_STORE), 4);
    tn_str text = {.arena = b->p->arena};
    tn_expr_print(s->body.items[0]->end, &text);
    assert_string_equal(text.text, "3");
    nest = tn_nest_make(b->p, make_product(b));
    assert_true(tn_nest_apply(nest, "cover i0 5", &why));
    assert_false(nest->repeats); /* 10 = 2 * 5 */
}

/* 10 rounded up to 12: the third vector's store is limited to the 2 lanes that lie in y. */
static void test_pad(void **state)
{
    bench *b = *state;
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(b->p, make_product(b));
    assert_true(tn_nest_apply(nest, "pad i0 4; split i0 4; order i0o r0 i0i; vector i0i", &why));
    const tn_stmt *outer = tn_nest_lower(nest)->body.items[0];
    const tn_stmt *last =
        outer->body.items[outer->body.n - 1]; /* for (i0i < min(10 - i0o * 4, 4)) y[...] = spill[i0i] */
    assert_int_equal(last->kind, TN_S_FOR);
    assert_int_equal(last->end->kind, TN_E_OP);
    assert_int_equal(last->end->op, TN_OP_MIN);
}

static void refuses(bench *b, const char *schedule, const char *reason)
{
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(b->p, make_product(b));
    assert_false(tn_nest_apply(nest, schedule, &why));
    assert_non_null(strstr(why, reason));
}

static void test_refused(void **state)
{
    bench *b = *state;
    refuses(b, "split i7 2", "split wants a loop of fixed extent");
    refuses(b, "split i0 0", "factor of 1 up to the extent");
    refuses(b, "split i0 11", "factor of 1 up to the extent");
    refuses(b, "order i0", "every loop once");
    refuses(b, "order i0 i0", "every loop once");
    refuses(b, "order r0 i0", "must be unrolled or vector");
    refuses(b, "vector r0", "innermost and no reduction");
    refuses(b, "cover r0 2", "may be computed twice");
    refuses(b, "cover i0 16", "factor of 1 up to the extent");
    refuses(b, "shuffle i0", "unknown primitive");
    refuses(b, "split i0 4; split i0i 4", "divides the end"); /* the end of 2 is no whole turn of 4 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROGRAM_TEST(test_plain), PROGRAM_TEST(test_ragged_tile), PROGRAM_TEST(test_shared_loads),
        PROGRAM_TEST(test_cover), PROGRAM_TEST(test_pad),         PROGRAM_TEST(test_refused),
    };
    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
