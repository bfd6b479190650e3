/* Schedules: the primitives' text, what they refuse, and the loops they give, worked out by hand. */
#include "emit/cbody.h"
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

static const tn_stmt *find_kind(const tn_stmt *s, tn_stmt_kind kind)
{
    const tn_stmt *found = s->kind == kind ? s : NULL;
    for (size_t i = 0; i < s->body.n && found == NULL; i++)
        found = find_kind(s->body.items[i], kind);
    return found;
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

/* The first point, 8 in two turns of 4, the last point: sections side by side, the tile in one of them only. */
static void test_border(void **state)
{
    bench *b = *state;
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(b->p, make_product(b));
    assert_true(tn_nest_apply(nest, "border i0 1 1; split i0 4; order i0o r0 i0i; unroll i0i", &why));
    tn_stmt *s = tn_nest_lower(nest);
    assert_int_equal(count_kind(s, TN_S_STORE), 1 + 4 + 1);
    assert_int_equal(count_kind(s, TN_S_FOR), 1 + 2 + 1); /* r0; i0o and r0; r0 */
    tn_str text = {.arena = b->p->arena};
    tn_expr_print(s->body.items[2]->offset, &text); /* let, sum, store, .. */
    assert_string_equal(text.text, "0");
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

/* 6 = one vector of 4 and 2 more: the lanes become one number, then the end follows. */
static void test_lanes(void **state)
{
    bench *b = *state;
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(b->p, make_product(b));
    assert_true(tn_nest_apply(nest, "split r0 4; order i0 r0o r0i; lanes r0i", &why));
    const tn_stmt *body = tn_nest_lower(nest)->body.items[0]; /* for i0 */
    assert_int_equal(count_kind(body, TN_S_LET), 2);          /* the vector, the number */
    assert_int_equal(count_kind(body, TN_S_SET), 2);          /* a step of the vector, one of the end */
    assert_int_equal(count_kind(body, TN_S_STORE), 2);        /* the lanes, y[i0] */
}

/* w[i0][r], whose two numbers are one line: one question, for those of the next turn, or of the next row; past the last the
   last's. In the C a hint in front of the sums. */
static void test_prefetch(void **state)
{
    bench *b = *state;
    const char *why = NULL;
    const struct {
        const char *schedule, *offset, *text;
    } cases[] = {
        {"split r0 2; order i0 r0o r0i; unroll r0i; prefetch r0o 1", "add(mul(i0, 6), mul(min(add(r0o, 1), 2), 2))",
         "TN_PREFETCH(weights + "},
        {"split r0 2; order i0 r0o r0i; unroll r0i; prefetch i0 3", "add(mul(r0o, 2), mul(min(add(i0, 3), 9), 6))",
         "TN_PREFETCH(weights + "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_comp *c = make_product(b);
        tn_nest *nest = tn_nest_make(b->p, c);
        ((tn_buf *)c->elem->arg[1]->buf)->scope = TN_SCOPE_CONST;
        assert_true(tn_nest_apply(nest, cases[i].schedule, &why));
        tn_stmt *s = tn_nest_lower(nest);
        assert_int_equal(count_kind(s, TN_S_PREFETCH), 1);
        const tn_stmt *asks = find_kind(s, TN_S_PREFETCH);
        tn_str offset = {.arena = b->p->arena};
        tn_expr_print(asks->value->arg[0], &offset);
        assert_string_equal(offset.text, cases[i].offset);
        tn_needs needs = {0};
        tn_function f = {0};
        tn_print_function(b->p, s, &needs, &f);
        assert_non_null(strstr(f.text.text, cases[i].text));
    }
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
    refuses(b, "split i0 4x", "factor of 1 up to the extent");
    refuses(b, "split i0 0", "factor of 1 up to the extent");
    refuses(b, "split i0 11", "factor of 1 up to the extent");
    refuses(b, "order i0", "every loop once");
    refuses(b, "order i0 i0", "every loop once");
    refuses(b, "order r0 i0", "must be unrolled or vector");
    refuses(b, "vector r0", "innermost and no reduction");
    refuses(b, "cover r0 2", "may be computed twice");
    refuses(b, "cover i0 16", "factor of 1 up to the extent");
    refuses(b, "border i0 5 5", "some left between");
    refuses(b, "border i0 0 0", "a number of points");
    refuses(b, "border r0 1 1", "border wants an axis");
    refuses(b, "split i0 5; border i0o 1 0", "before it is split");
    refuses(b, "border i0 1 0; pad i0 4", "an axis without a border");
    refuses(b, "border i0 9223372036854775807 9223372036854775807", "some left between");
    refuses(b, "split i0 5; pad i0i 8", "before it is split"); /* the next turn's points, once more */
    refuses(b, "pad i0 0", "a factor of at least 1");
    refuses(b, "pad i0 9223372036854775807", "a factor of at least 1");
    refuses(b, "pad i0 9223372036854775808", "a factor of at least 1");
    refuses(b, "prefetch r0 6", "a number of turns");
    refuses(b, "prefetch r0 0", "a number of turns");
    refuses(b, "prefetch i1 1", "a loop of fixed extent");
    refuses(b, "unroll r0; prefetch r0 1", "prefetch wants a serial loop");
    refuses(b, "unroll r0; prefetch i0 1", "prefetch wants a serial loop");
    refuses(b, "lanes i0", "must be its innermost loop");
    refuses(b, "shuffle i0", "unknown primitive");
    refuses(b, "split i0 4; split i0i 4", "divides the end"); /* the end of 2 is no whole turn of 4 */
    refuses(b, "split i0 4; split i0o 2", "split its inner loop");
    refuses(b, "split i0 4; order i0i i0o r0", "outside of its inner loop");
    refuses(b, "split i0 4; order i0o r0 i0i; vector i0i", "vectors of a reduction must be whole");
    refuses(b, "split i0 4; order r0 i0o i0i; unroll i0o i0i", "outside of the reduction");
}

/* --- parallel ----------------------------------------------------------------------------------------------------------- */

enum { MOST_VARS = 200, MOST_PLACES = 2000 };
typedef struct walk {
    int64_t value[MOST_VARS]; /* of index variables, by id */
    int times[MOST_PLACES];   /* that an offset was written */
} walk;

static int64_t floor_div(int64_t x, int64_t y)
{
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static int64_t eval(const walk *w, const tn_expr *e)
{
    if (e->kind == TN_E_INT)
        return e->i;
    if (e->kind == TN_E_VAR)
        return w->value[e->var->id];
    assert_int_equal(e->kind, TN_E_OP);
    int64_t x = eval(w, e->arg[0]), y = eval(w, e->arg[1]);
    switch (e->op) {
    case TN_OP_ADD: return x + y;
    case TN_OP_SUB: return x - y;
    case TN_OP_MUL: return x * y;
    case TN_OP_FDIV: return floor_div(x, y);
    case TN_OP_MOD: return x - y * floor_div(x, y);
    case TN_OP_MIN: return x < y ? x : y;
    case TN_OP_MAX: return x > y ? x : y;
    default: fail_msg("operation %d in a subscript", e->op); return 0;
    }
}

static void run_body(walk *w, const tn_stmt *s);

/* Runs the loops and notes what is stored where; values do not matter. */
static void run_stmt(walk *w, const tn_stmt *s)
{
    bool stores = s->kind == TN_S_STORE && s->buf->scope != TN_SCOPE_REGISTER;
    int64_t lanes = !stores ? 0 : s->lane != NULL ? s->lane->hi + 1 : 1;
    for (int64_t i = 0; i < lanes; i++) {
        if (s->lane != NULL)
            w->value[s->lane->id] = i;
        w->times[eval(w, s->offset)]++;
    }
    if (s->kind != TN_S_FOR) {
        run_body(w, s);
        return;
    }
    for (int64_t i = eval(w, s->begin), end = eval(w, s->end); i < end; i++) {
        w->value[s->var->id] = i;
        run_body(w, s);
    }
}

static void run_body(walk *w, const tn_stmt *s)
{
    for (size_t k = 0; k < s->body.n; k++)
        run_stmt(w, s->body.items[k]);
}

/* y[i0][i1][i2] = sum over r of x[i2][r] * w[i1][r] */
static tn_comp *make_block(bench *b, const int64_t *extent)
{
    tn_dim d[3], four = tn_dim_fixed(4);
    for (int i = 0; i < 3; i++)
        d[i] = tn_dim_fixed(extent[i]);
    tn_dim x_dims[2] = {d[2], four}, w_dims[2] = {d[1], four};
    tn_buf *x = tn_buf_temp(b->p, "x", TN_FLOAT, 2, x_dims), *w = tn_buf_temp(b->p, "w", TN_FLOAT, 2, w_dims);
    tn_comp *c = tn_comp_begin(b->p, NULL, tn_buf_temp(b->p, "y", TN_FLOAT, 3, d));
    const tn_expr *r = tn_reduce_over(b->p, c, four);
    const tn_expr *x_at[2] = {tn_axis_var(b->p, c, 2), r}, *w_at[2] = {tn_axis_var(b->p, c, 1), r};
    tn_comp_reduce(b->p, c, TN_OP_ADD, tn_number(b->p, TN_FLOAT, 0),
                   tn_mul(b->p, tn_load(b->p, x, x_at), tn_load(b->p, w, w_at)), NULL);
    return c;
}

/* Cut into any number of ranges, every element is written exactly once, in one of them. */
static void covers(bench *b, int64_t i0, int64_t i1, int64_t i2, const char *schedule, int64_t turns)
{
    const char *why = NULL;
    int64_t extent[3] = {i0, i1, i2};
    tn_nest *nest = tn_nest_make(b->p, make_block(b, extent));
    assert_true(tn_nest_apply(nest, schedule, &why));
    const tn_stmt *body = tn_nest_lower(nest);
    assert_true(tn_expr_is_int(nest->share.turns, turns));
    assert_true(b->p->n_vars <= MOST_VARS);
    for (int64_t ranges = 1; ranges <= turns + 1; ranges++) {
        walk w = {{0}, {0}};
        for (int64_t i = 0; i < ranges; i++) {
            w.value[nest->share.begin->id] = turns * i / ranges;
            w.value[nest->share.end->id] = turns * (i + 1) / ranges;
            run_stmt(&w, body);
        }
        for (int64_t i = 0; i < i0 * i1 * i2; i++)
            assert_int_equal(w.times[i], 1);
    }
}

static void test_parallel_covers(void **state)
{
    covers(*state, 3, 4, 5, "parallel 2 i0", 3);
    covers(*state, 3, 4, 5, "parallel 2 i1", 4); /* i0 is done whole in every range */
    covers(*state, 3, 4, 5, "parallel 2 i0 i1", 12);
    covers(*state, 3, 4, 5, "parallel 2 i0 i2", 15); /* with i1 between them */
    covers(*state, 1, 4, 5, "parallel 2 i0 i1 i2", 20);
    covers(*state, 2, 1, 5, "parallel 2 i0 i1 i2", 10);
    covers(*state, 4, 5, 7, "border i1 2 1; border i2 1 0; split i2 3; parallel 2 i0", 4);
    covers(*state, 4, 5, 7, "border i0 1 1; parallel 2 i1 i2", 35); /* a section after the other */
}

/* The ragged end is a section of its own: 10 = 2 x 4 + 2 and 5 = 4 + 1. */
static void test_parallel_ragged(void **state)
{
    bench *b = *state;
    const char *one = "split i1 4; order i0 i1o i2 r0 i1i; unroll i1i";
    covers(b, 2, 10, 5, tn_strfmt(&b->arena, "%s; parallel 8 i1o", one), 3);
    covers(b, 2, 10, 5, tn_strfmt(&b->arena, "%s; parallel 8 i0 i1o i2", one), 30);
    covers(b, 2, 5, 3, tn_strfmt(&b->arena, "%s; parallel 8 i1o i2", one), 6);
    covers(b, 3, 10, 5, "split i1 4; split i2 3; order i0 i1o i2o r0 i1i i2i; unroll i1i i2i; parallel 8 i0 i1o i2o",
           18);
    covers(b, 7, 7, 3, "split i1 3; split i0 3; order i1o i0o i0i i1i i2 r0; parallel 2 i2", 3); /* two ends of one */
    covers(b, 1, 16, 5, "split i1 8; order i0 i1o i2 r0 i1i; vector i1i; parallel 8 i1o i2", 10);
}

static void test_parallel_refused(void **state)
{
    bench *b = *state;
    refuses(b, "parallel 1 i0", "at least 2");
    refuses(b, "parallel 2", "unknown primitive");
    refuses(b, "parallel 2 i9", "loops of the nest");
    refuses(b, "parallel 2 r0", "outside of the reduction");
    refuses(b, "order r0 i0; unroll i0; parallel 2 i0", "outside of the reduction");
    refuses(b, "unroll i0; parallel 2 i0", "neither unrolled nor vector");
    refuses(b, "border i0 1 0; parallel 2 i0", "an axis with a border");
    refuses(b, "cover i0 4; order i0o r0 i0i; unroll i0i; parallel 2 i0o", "must not repeat points");
    refuses(b, "cover i0 4; split i0o 2; order i0oo r0 i0oi i0i; unroll i0oi i0i; parallel 2 i0oo", "must not repeat");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROGRAM_TEST(test_plain),           PROGRAM_TEST(test_ragged_tile),     PROGRAM_TEST(test_shared_loads),
        PROGRAM_TEST(test_cover),           PROGRAM_TEST(test_border),          PROGRAM_TEST(test_pad),
        PROGRAM_TEST(test_lanes),           PROGRAM_TEST(test_prefetch),        PROGRAM_TEST(test_refused),
        PROGRAM_TEST(test_parallel_covers), PROGRAM_TEST(test_parallel_ragged), PROGRAM_TEST(test_parallel_refused),
    };
    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
