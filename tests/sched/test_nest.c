/* Schedules: the primitives' text, what they refuse, and the loops they give, worked out by hand. */
#include "sched/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct fixture {
    jmp_buf guard;
    tn_memory memory;
    tn_arena arena;
    tn_graph graph;
    tn_diag diag;
    tn_program *p;
    tn_buf *x, *w, *y;
} fixture;

/* y[i] = sum over r of x[r] * w[i][r]: i of 10, r of 6 */
static tn_comp *make_product(fixture *f)
{
    tn_dim ten = tn_dim_fixed(10), six = tn_dim_fixed(6), both[2] = {ten, six};
    f->x = tn_buf_temp(f->p, "x", TN_FLOAT, 1, &six);
    f->w = tn_buf_temp(f->p, "w", TN_FLOAT, 2, both);
    f->y = tn_buf_temp(f->p, "y", TN_FLOAT, 1, &ten);
    tn_comp *c = tn_comp_begin(f->p, NULL, f->y);
    const tn_expr *r = tn_reduce_over(f->p, c, six), *at[2] = {tn_axis_var(f->p, c, 0), r};
    tn_comp_reduce(f->p, c, TN_OP_ADD, tn_number(f->p, TN_FLOAT, 0),
                   tn_mul(f->p, tn_load(f->p, f->x, &r), tn_load(f->p, f->w, at)), NULL);
    return c;
}

static int set_up(void **state)
{
    static fixture f;
    f = (fixture){0};
    f.memory.guard = &f.guard;
    f.arena.memory = &f.memory;
    f.graph = (tn_graph){.arena = &f.arena, .diag = &f.diag, .path = "test"};
    f.p = tn_program_make(&f.arena, &f.graph);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    tn_arena_free(&((fixture *)*state)->arena);
    return 0;
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
    fixture *f = *state;
    tn_stmt *s = tn_nest_lower(tn_nest_make(f->p, make_product(f)));
    assert_int_equal(count_kind(s, TN_S_FOR), 2); /* i, r */
    assert_int_equal(count_kind(s, TN_S_SET), 1);
    assert_int_equal(count_kind(s, TN_S_STORE), 1);
}

/* 10 = 2 whole turns of 4 and one of 2: the tile stands in the code twice, with 4 and with 2 accumulators. */
static void test_ragged_tile(void **state)
{
    fixture *f = *state;
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(f->p, make_product(f));
    assert_true(tn_nest_apply(nest, "split i0 4; order i0o r0 i0i; unroll i0i", &why));
    tn_stmt *s = tn_nest_lower(nest);
    assert_int_equal(count_kind(s, TN_S_SET), 4 + 2);
    assert_int_equal(count_kind(s, TN_S_STORE), 4 + 2);
    assert_int_equal(count_kind(s, TN_S_FOR), 3); /* i0o and r0; r0 */
}

/* x[r] is shared by the points of the tile: one load, named. */
static void test_shared_loads(void **state)
{
    fixture *f = *state;
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(f->p, make_product(f));
    assert_true(tn_nest_apply(nest, "split i0 5; order i0o r0 i0i; unroll i0i", &why));
    tn_stmt *s = tn_nest_lower(nest);
    assert_int_equal(count_kind(s, TN_S_LET), 5 + 1); /* accumulators, x[r] */
}

static void refuses(fixture *f, const char *schedule, const char *reason)
{
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(f->p, make_product(f));
    assert_false(tn_nest_apply(nest, schedule, &why));
    assert_non_null(strstr(why, reason));
}

static void test_refused(void **state)
{
    fixture *f = *state;
    refuses(f, "split i7 2", "split wants a loop of fixed extent");
    refuses(f, "split i0 0", "factor of 1 up to the extent");
    refuses(f, "split i0 11", "factor of 1 up to the extent");
    refuses(f, "order i0", "every loop once");
    refuses(f, "order i0 i0", "every loop once");
    refuses(f, "order r0 i0", "must be unrolled or vector");
    refuses(f, "vector r0", "innermost and no reduction");
    refuses(f, "shuffle i0", "unknown primitive");
    refuses(f, "split i0 4; split i0i 4", "divides the end"); /* the end of 2 is no whole turn of 4 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ragged_tile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared_loads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
