/* The memory plan, on programs made by hand: lives, aliases, sizes, places. Packing itself: test_pack.c. */
#include "plan/plan.h"

#include "oracle.h"

#include "../program.h"

/* A buffer of so many bytes. */
static tn_buf *make_buf(bench *b, tn_scope scope, int64_t bytes)
{
    tn_dim dim = tn_dim_fixed(bytes);
    tn_buf *buf = tn_buf_temp(b->p, "b", TN_UINT8, 1, &dim);
    buf->scope = scope;
    return buf;
}

static tn_buf *arena_buf(bench *b, int64_t bytes)
{
    return make_buf(b, TN_SCOPE_ARENA, bytes);
}

static const tn_expr *load_first(bench *b, tn_buf *from)
{
    const tn_expr *at[TN_MAX_RANK];
    for (int i = 0; i < from->rank; i++)
        at[i] = tn_index(b->p, 0);
    return tn_load(b->p, from, at);
}

/* Kernel: out = the sum of in. */
static tn_comp *add_kernel(bench *b, tn_buf *out, int n_in, tn_buf *const *in)
{
    const tn_expr *sum = tn_number(b->p, TN_FLOAT, 1);
    for (int i = 0; i < n_in; i++)
        sum = tn_add(b->p, sum, tn_cast(b->p, TN_FLOAT, load_first(b, in[i])));
    tn_comp *c = tn_comp_begin(b->p, NULL, out);
    tn_comp_set(b->p, c, sum);
    TN_PUSH(&b->arena, b->p->kernels)->comp = c;
    return c;
}

#define KERNEL(b, out, ...) \
    add_kernel((b), (out), (int)(sizeof((tn_buf *[]){__VA_ARGS__}) / sizeof(tn_buf *)), (tn_buf *[]){__VA_ARGS__})

static tn_buf *input(bench *b)
{
    return make_buf(b, TN_SCOPE_INPUT, 16);
}
static tn_buf *output(bench *b)
{
    return make_buf(b, TN_SCOPE_OUTPUT, 16);
}

/* --- oracles ------------------------------------------------------------------------------------------------------ */

/* The plan of the program, checked: offsets, alignment, no overlap, the claims about itself. */
static tn_plan plan_checked(bench *b, int64_t align)
{
    tn_plan plan;
    assert_true(tn_plan_make(b->p, align, 1, &plan));
    tn_piece *v = calloc(b->p->bufs.n + 1, sizeof *v);
    int n = 0;
    for (size_t i = 0; i < b->p->bufs.n; i++) {
        const tn_buf *buf = b->p->bufs.items[i];
        int64_t bytes = tn_buf_room(buf) * tn_dtype_get(buf->dtype)->size;
        if (plan.offset[i] < 0 || buf->alias != NULL)
            continue;
        assert_true(buf->scope == TN_SCOPE_ARENA && plan.offset[i] % align == 0);
        v[n++] = (tn_piece){plan.first[i], plan.last[i], (bytes + align - 1) / align * align, plan.offset[i]};
        n -= bytes == 0;
    }
    expect_apart(v, n, plan.work_size);
    assert_true(plan.largest_live == largest_live(v, n, (int)b->p->kernels.n));
    assert_true(plan.largest_live <= plan.work_size);
    assert_true(plan.is_optimal || plan.work_size > plan.largest_live);
    free(v);
    return plan;
}

/* --- programs by hand --------------------------------------------------------------------------------------------- */

static void plans_nothing(void **state)
{
    bench *b = *state;
    tn_plan plan = plan_checked(b, 64);
    assert_true(plan.work_size == 0 && plan.largest_live == 0 && plan.is_optimal);
    tn_buf *in = input(b), *out = output(b);
    KERNEL(b, out, in);
    plan = plan_checked(b, 64);
    assert_true(plan.work_size == 0 && plan.offset[in->id] == -1 && plan.offset[out->id] == -1);
    assert_int_equal(plan.first[in->id], -1);
    assert_int_equal(plan.last[in->id], 0);
    assert_int_equal(plan.first[out->id], 0);
}

/* The example of plan.c's head, with sizes 100, 50 and 80. */
static void reuses_memory_in_a_chain(void **state)
{
    bench *b = *state;
    tn_buf *in = input(b), *x = arena_buf(b, 100), *y = arena_buf(b, 50), *z = arena_buf(b, 80), *out = output(b);
    KERNEL(b, x, in);
    KERNEL(b, y, x);
    KERNEL(b, z, y);
    KERNEL(b, out, y, z);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.work_size == 150 && plan.largest_live == 150 && plan.is_optimal);
    assert_int_equal(plan.worst_kernel, 1);
    assert_true(plan.offset[x->id] == 0 && plan.offset[z->id] == 0 && plan.offset[y->id] == 100);
    assert_int_equal(plan.first[y->id], 1);
    assert_int_equal(plan.last[y->id], 3);
}

static void rounds_to_the_alignment(void **state)
{
    bench *b = *state;
    tn_buf *x = arena_buf(b, 1), *y = arena_buf(b, 65), *z = arena_buf(b, 64);
    KERNEL(b, x, input(b));
    KERNEL(b, y, x);
    KERNEL(b, z, x, y);
    tn_plan plan = plan_checked(b, 64);
    assert_true(plan.work_size == 64 + 128 + 64);
    plan = plan_checked(b, 16);
    assert_true(plan.work_size == 16 + 80 + 64);
}

static void counts_element_sizes(void **state)
{
    bench *b = *state;
    tn_dim dims[2] = {tn_dim_fixed(3), tn_dim_fixed(5)};
    tn_buf *x = tn_buf_temp(b->p, "x", TN_DOUBLE, 2, dims), *y = tn_buf_temp(b->p, "y", TN_FLOAT16, 0, NULL);
    KERNEL(b, x, input(b));
    KERNEL(b, y, x);
    assert_true(plan_checked(b, 1).work_size == 3 * 5 * 8 + 2);
}

/* Written, never read: it still needs its place while its kernel runs. */
static void keeps_dead_results_apart(void **state)
{
    bench *b = *state;
    tn_buf *x = arena_buf(b, 10), *dead = arena_buf(b, 10);
    KERNEL(b, x, input(b));
    KERNEL(b, dead, x);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.work_size == 20 && plan.last[dead->id] == 1);
}

static void leaves_out_what_is_not_its(void **state)
{
    bench *b = *state;
    tn_buf *in = input(b), *weights = make_buf(b, TN_SCOPE_CONST, 1000), *lanes = make_buf(b, TN_SCOPE_REGISTER, 8);
    tn_buf *unused = arena_buf(b, 1000), *x = arena_buf(b, 10), *out = output(b);
    KERNEL(b, lanes, in);
    KERNEL(b, x, in, weights, lanes);
    KERNEL(b, out, x);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.work_size == 10 && plan.offset[x->id] == 0);
    assert_true(plan.offset[weights->id] == -1 && plan.offset[lanes->id] == -1 && plan.offset[unused->id] == -1);
    assert_true(plan.first[lanes->id] == -1 && plan.last[lanes->id] == -1 && plan.first[unused->id] == -1);
    assert_true(plan.first[weights->id] == -1 && plan.last[weights->id] == 1);
}

static void places_empty_buffers(void **state)
{
    bench *b = *state;
    tn_buf *none = arena_buf(b, 0), *x = arena_buf(b, 7);
    KERNEL(b, none, input(b));
    KERNEL(b, x, none);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.work_size == 7 && plan.offset[none->id] == 0 && plan.last[none->id] == 1);
}

/* Lowering drops what writes no element; who reads from there may stay, to write elements of its own. */
static void places_empty_buffers_that_nothing_writes(void **state)
{
    bench *b = *state;
    tn_buf *none = arena_buf(b, 0), *x = arena_buf(b, 7), *out = output(b);
    KERNEL(b, x, input(b));
    KERNEL(b, out, x, none);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.work_size == 7 && plan.offset[none->id] >= 0 && plan.offset[none->id] <= plan.work_size);
    assert_true(plan.first[none->id] == 1 && plan.last[none->id] == 1);
}

/* d -> c -> b -> a: a's memory, read last through d at kernel 3, so x (10 bytes) cannot go there. */
static void follows_alias_chains(void **state)
{
    bench *b = *state;
    tn_buf *v[4], *x = arena_buf(b, 10), *y = arena_buf(b, 10), *out = output(b);
    for (int i = 0; i < 4; i++)
        v[i] = arena_buf(b, 10);
    for (int i = 1; i < 4; i++)
        v[i]->alias = v[i - 1];
    KERNEL(b, x, input(b));
    KERNEL(b, v[1], x); /* the first write is through an alias, too */
    KERNEL(b, y, input(b));
    KERNEL(b, out, v[3], y);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.work_size == 20 && plan.is_optimal);
    for (int i = 0; i < 4; i++) {
        assert_true(plan.offset[v[i]->id] == plan.offset[v[0]->id] && plan.offset[v[0]->id] >= 0);
        assert_true(plan.first[v[i]->id] == 1 && plan.last[v[i]->id] == 3);
    }
}

/* What is an alias of an output is written there at once. */
static void follows_aliases_out_of_the_workspace(void **state)
{
    bench *b = *state;
    tn_buf *out = output(b), *x = arena_buf(b, 16), *y = arena_buf(b, 16), *view = arena_buf(b, 16), *in = input(b);
    x->alias = y;
    y->alias = out;
    view->alias = in;
    KERNEL(b, x, view);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.work_size == 0 && plan.offset[x->id] == -1 && plan.offset[view->id] == -1);
    assert_true(plan.first[out->id] == 0 && plan.last[in->id] == 0);
}

static void lives_from_the_first_of_several_writers(void **state)
{
    bench *b = *state;
    tn_buf *cat = arena_buf(b, 20), *x = arena_buf(b, 10), *y = arena_buf(b, 10), *in = input(b);
    KERNEL(b, x, in);
    KERNEL(b, cat, x);
    KERNEL(b, y, in);
    KERNEL(b, cat, y);
    KERNEL(b, output(b), cat);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.first[cat->id] == 1 && plan.last[cat->id] == 4);
    assert_true(plan.work_size == 30 && plan.offset[x->id] == plan.offset[y->id]);
}

/* The border of 1 and 2 around 4 x 4 makes 7 x 7; cleared just before kernel 1, while x is being read. */
/* before, state; repeat { fresh; state again; log[turn] }; after. State, what every turn reads and the log, which is
   written a piece a turn, live through the repeat; what each turn makes anew does not. */
static void keeps_what_a_repeat_carries(void **state)
{
    bench *b = *state;
    tn_buf *before = arena_buf(b, 10), *carried = arena_buf(b, 10), *fresh = arena_buf(b, 10);
    tn_buf *other = arena_buf(b, 10), *log = arena_buf(b, 10), *after = arena_buf(b, 10);
    KERNEL(b, before, input(b));
    KERNEL(b, carried, input(b));
    const tn_expr *turn = tn_repeat_begin(b->p, tn_index(b->p, 10));
    KERNEL(b, fresh, before, carried);
    KERNEL(b, carried, fresh);
    KERNEL(b, other, carried);
    KERNEL(b, log, other)->at[0] = turn;
    tn_repeat_end(b->p);
    KERNEL(b, after, log);
    KERNEL(b, output(b), after);
    tn_plan plan = plan_checked(b, 1);
    const struct {
        const tn_buf *buf;
        int first, last;
    } want[] = {{before, 0, 5}, {carried, 1, 5}, {fresh, 2, 3}, {other, 4, 5}, {log, 2, 6}, {after, 6, 7}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(plan.first[want[i].buf->id], want[i].first);
        assert_int_equal(plan.last[want[i].buf->id], want[i].last);
    }
    assert_true(plan.work_size == 40);
}

static void makes_room_for_borders(void **state)
{
    bench *b = *state;
    tn_dim dims[2] = {tn_dim_fixed(4), tn_dim_fixed(4)};
    tn_buf *x = arena_buf(b, 16), *padded = tn_buf_temp(b->p, "padded", TN_UINT8, 2, dims);
    for (int i = 0; i < 2; i++) {
        padded->layout.lo[i] = 1;
        padded->layout.hi[i] = 2;
    }
    KERNEL(b, x, input(b));
    KERNEL(b, padded, x);
    KERNEL(b, output(b), padded);
    tn_plan plan = plan_checked(b, 1);
    assert_true(plan.work_size == 16 + 49 && plan.first[padded->id] == 1 && plan.last[padded->id] == 2);
}

/* Blocks of 16 channels: 17 of them take two blocks. */
static void makes_room_for_blocks(void **state)
{
    bench *b = *state;
    tn_dim dims[2] = {tn_dim_fixed(17), tn_dim_fixed(3)};
    tn_buf *x = tn_buf_temp(b->p, "x", TN_FLOAT, 2, dims);
    x->layout.n = 3;
    x->layout.part[0].axis = 0;
    x->layout.part[0].div = 16;
    x->layout.part[1].axis = 1;
    x->layout.part[1].div = 1;
    x->layout.part[2].axis = 0;
    x->layout.part[2].div = 1;
    x->layout.part[2].mod = 16;
    KERNEL(b, x, input(b));
    assert_true(plan_checked(b, 1).work_size == 2 * 3 * 16 * 4);
}

static void takes_bounds_of_symbolic_dims(void **state)
{
    bench *b = *state;
    tn_dim n = tn_dim_named(&b->arena, "n", 32), rows[2] = {n, tn_dim_fixed(10)};
    *TN_PUSH(&b->arena, b->p->graph->symbols) = n;
    b->p = tn_program_make(&b->arena, b->p->graph);
    tn_buf *x = tn_buf_temp(b->p, "x", TN_FLOAT, 2, rows);
    rows[0] = tn_dim_do(&b->arena, TN_SYM_ADD, n, tn_dim_fixed(3));
    tn_buf *y = tn_buf_temp(b->p, "y", TN_UINT8, 2, rows);
    KERNEL(b, x, input(b));
    KERNEL(b, y, x);
    assert_true(plan_checked(b, 1).work_size == 32 * 10 * 4 + 35 * 10);
}

/* --- where loads hide --------------------------------------------------------------------------------------------- */

/* Each kernel uses one of five buffers, in another place of its computation; each must live until then. */
static void finds_loads_everywhere(void **state)
{
    bench *b = *state;
    tn_program *p = b->p;
    tn_buf *v[5], *in = input(b), *out = output(b);
    for (int i = 0; i < 5; i++) {
        v[i] = arena_buf(b, 10 + i);
        KERNEL(b, v[i], in);
    }
    const tn_expr *one = tn_number(p, TN_UINT8, 1);
    KERNEL(b, out, in)->elem = tn_select(p, tn_lt(p, load_first(b, in), one), one, load_first(b, v[0]));
    KERNEL(b, out, in)->at[0] = tn_cast(p, TN_INDEX, load_first(b, v[1]));
    const tn_expr *at = tn_cast(p, TN_INDEX, load_first(b, v[2]));
    KERNEL(b, out, in)->elem = tn_load(p, in, &at);
    for (int i = 3; i < 5; i++) {
        tn_comp *c = tn_comp_begin(p, NULL, out);
        (void)tn_reduce_over(p, c, tn_dim_fixed(4));
        const tn_expr *acc = tn_comp_acc(p, c, TN_UINT8);
        tn_comp_reduce(p, c, TN_OP_ADD, i == 3 ? load_first(b, v[3]) : one, load_first(b, in),
                       i == 4 ? tn_add(p, acc, load_first(b, v[4])) : NULL);
        TN_PUSH(&b->arena, p->kernels)->comp = c;
    }
    tn_plan plan = plan_checked(b, 1);
    for (int i = 0; i < 5; i++)
        assert_true(plan.first[v[i]->id] == i && plan.last[v[i]->id] == 5 + i);
    assert_true(plan.work_size == 10 + 11 + 12 + 13 + 14);
    assert_int_equal(plan.worst_kernel, 4);
}

/* A sum of x with itself, 60 times over, has 2^60 paths and 60 expressions. */
static void visits_shared_expressions_once(void **state)
{
    bench *b = *state;
    tn_buf *x = arena_buf(b, 8), *y = arena_buf(b, 8);
    KERNEL(b, x, input(b));
    tn_comp *c = KERNEL(b, y, x);
    for (int i = 0; i < 60; i++)
        c->elem = tn_op2(b->p, TN_OP_BITXOR, c->elem, tn_op2(b->p, TN_OP_MUL, c->elem, c->elem));
    assert_true(plan_checked(b, 1).work_size == 16);
}

/* --- whole networks ----------------------------------------------------------------------------------------------- */

/* DenseNet-121 in shape: every layer of a block reads all before it. */
static void add_densenet(bench *b)
{
    static const int layers[] = {6, 12, 24, 16};
    int64_t area = 56 * 56, channels = 64;
    tn_buf *made[64] = {arena_buf(b, channels * area * 4)}, *in = input(b);
    KERNEL(b, made[0], in);
    for (int block = 0; block < 4; block++) {
        int n = 1;
        for (int layer = 0; layer <= layers[block]; layer++) {
            tn_buf *cat = arena_buf(b, channels * area * 4), *narrow = arena_buf(b, 128 * area * 4);
            for (int i = 0; i < n; i++)
                KERNEL(b, cat, made[i]);
            if (layer == layers[block]) {
                area /= 4;
                channels /= 2;
                made[0] = arena_buf(b, channels * area * 4);
                KERNEL(b, made[0], cat);
                continue;
            }
            KERNEL(b, narrow, cat);
            made[n] = arena_buf(b, 32 * area * 4);
            KERNEL(b, made[n], narrow);
            n++;
            channels += 32;
        }
    }
    KERNEL(b, output(b), made[0]);
}

static void plans_a_densenet_tightly(void **state)
{
    bench *b = *state;
    add_densenet(b);
    assert_true(b->p->kernels.n > 430);
    tn_plan plan = plan_checked(b, 64);
    assert_true((double)plan.work_size <= 1.03 * (double)plan.largest_live);
}

/* Random graphs: each kernel reads two of the last few results. */
static void plans_random_graphs(void **state)
{
    bench *b = *state;
    for (int round = 0; round < 60; round++) {
        b->p = tn_program_make(&b->arena, b->p->graph);
        tn_buf *made[80], *in = input(b);
        int n = 2 + draw(b, 78), back = 1 + draw(b, 12);
        for (int i = 0; i < n; i++) {
            tn_buf *x = i < 2 ? in : made[i - 1 - draw(b, i < back ? i : back)];
            made[i] = arena_buf(b, draw(b, 5000));
            if (i > 2 && draw(b, 6) == 0)
                made[i]->alias = made[i - 1 - draw(b, 2)]; /* a longer life for its root */
            KERNEL(b, made[i], x, i < 1 ? in : made[i - 1]);
        }
        tn_plan plan = plan_checked(b, 64);
        assert_true((double)plan.work_size <= 1.1 * (double)plan.largest_live);
    }
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static void make_plan(bench *b, tn_arena *a)
{
    (void)a;
    tn_plan plan;
    (void)tn_plan_make(b->p, 64, 1, &plan);
}

static bool plans_with(bench *b, int allocations)
{
    return fits_in(b, &b->arena, allocations, make_plan);
}

static void unwinds_without_memory(void **state)
{
    bench *b = *state;
    add_densenet(b);
    int needed = 0;
    while (!plans_with(b, needed))
        needed++;
    assert_true(needed > 0); /* tear_down sees that nothing leaked */
}

/* 2^40 elements in each of two dims: no host has that; a sum of plans that fit can be too much, too. */
static void unwinds_on_absurd_sizes(void **state)
{
    bench *b = *state;
    tn_dim dims[2] = {tn_dim_fixed((int64_t)1 << 40), tn_dim_fixed((int64_t)1 << 20)};
    KERNEL(b, tn_buf_temp(b->p, "x", TN_DOUBLE, 2, dims), input(b));
    assert_false(plans_with(b, INT32_MAX));
    b->p = tn_program_make(&b->arena, b->p->graph);
    for (int i = 0; i < 8; i++)
        KERNEL(b, tn_buf_temp(b->p, "x", TN_UINT8, 2, dims), input(b));
    assert_false(plans_with(b, INT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROGRAM_TEST(plans_nothing),
        PROGRAM_TEST(reuses_memory_in_a_chain),
        PROGRAM_TEST(rounds_to_the_alignment),
        PROGRAM_TEST(counts_element_sizes),
        PROGRAM_TEST(keeps_dead_results_apart),
        PROGRAM_TEST(leaves_out_what_is_not_its),
        PROGRAM_TEST(places_empty_buffers),
        PROGRAM_TEST(places_empty_buffers_that_nothing_writes),
        PROGRAM_TEST(follows_alias_chains),
        PROGRAM_TEST(follows_aliases_out_of_the_workspace),
        PROGRAM_TEST(lives_from_the_first_of_several_writers),
        PROGRAM_TEST(keeps_what_a_repeat_carries),
        PROGRAM_TEST(makes_room_for_borders),
        PROGRAM_TEST(makes_room_for_blocks),
        PROGRAM_TEST(takes_bounds_of_symbolic_dims),
        PROGRAM_TEST(finds_loads_everywhere),
        PROGRAM_TEST(visits_shared_expressions_once),
        PROGRAM_TEST(plans_a_densenet_tightly),
        PROGRAM_TEST(plans_random_graphs),
        PROGRAM_TEST(unwinds_without_memory),
        PROGRAM_TEST(unwinds_on_absurd_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
