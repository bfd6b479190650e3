/* The text form of loop programs: what is printed parses back to the same text, and what does not parse is an error with
   its line. */
#include "ops/ops.h"
#include "pass/pass.h"

#include "../program.h"

static const char *print_loops(bench *b, const tn_program *p)
{
    tn_str s = {.arena = &b->arena};
    tn_program_print_full(p, &s);
    return s.text;
}

static const char program[] =
    "program \"p\" after \"layout\"\n"
    "symbol N <= 8\n"
    "buffer \"x\" : float[N,4] input\n"
    "buffer \"w\" : float[4] const = [1, 2.5, -3, 4]\n"
    "buffer \"w~2\" : float[4] const layout(0/2, 0%2) packed \"w\"\n"
    "buffer \"h\" : float16[add(N, 1)] arena border(1:2) fill -3 alias \"y\"\n"
    "buffer \"y\" : float[N] output\n"
    "buffer \"ok\" : bool[] arena\n"
    "comp 0 \"MatMul 'm' + Relu \\\"r\\\"\"\n"
    "  axes i0:N\n"
    "  reduce r0:4\n"
    "  schedule \"split r0 2\"\n"
    "  acc : float = add from float(0) of mul(\"x\"[i0, r0], \"w\"[r0])\n"
    "  \"y\"[i0] = max(acc, float(0))\n"
    "serial 1 \"\"\n"
    "  axes i0:floordiv(N, 2), i1:2\n"
    "  \"y\"[add(add(i1, mul(i0, 2)), -1)] = select(and(le(0, i0), lt(i1, N)), cast<float>(int32(3)), float(0.1))\n"
    "view 4 \"copy\"\n"
    "  \"y\"[0] = \"w\"[@ 3]\n"
    "check 5 \"Reshape\"\n"
    "  \"ok\"[] = lt(\"w\"[0], float(2))\n";

static void test_program(void **state)
{
    bench *b = *state;
    const tn_program *p = parse_loops(b, program);
    assert_string_equal(print_loops(b, p), program);
    assert_ptr_equal(p->bufs.items[2]->packed_from, p->bufs.items[1]);
    assert_ptr_equal(p->bufs.items[3]->alias, p->bufs.items[4]);
    assert_int_equal(p->bufs.items[3]->max[0], 9);
    assert_true(p->comps.items[2]->view && p->comps.items[1]->serial);
}

/* y = relu(x w), with N = 2: [1 0 0 0] gives 1, [0 0 1 0] gives -3 and so 0. */
static void test_program_runs(void **state)
{
    bench *b = *state;
    tn_program *p = parse_loops(b, program);
    int64_t two = 2, dims[] = {2, 4};
    tn_shape in = tn_shape_fixed(2, dims);
    tn_tensor *store[6] = {tn_tensor_make(&b->arena, TN_FLOAT, &in)};
    tn_tensor_set(store[0], 0, 1);
    tn_tensor_set(store[0], 6, 1);
    p->comps.n = 1;
    assert_true(tn_interpret(p, &b->arena, store, &two));
    assert_true(tn_tensor_get(store[4], 0) == 1);
    assert_true(tn_tensor_get(store[4], 1) == 0);
    tn_comp *check = p->comps.items[3];
    assert_true(check->check && tn_interpret_comp(p, &b->arena, check, store, &two)); /* 1 < 2 */
    check->elem = tn_op1(p, TN_OP_NOT, check->elem);
    assert_false(tn_interpret_comp(p, &b->arena, check, store, &two));
    assert_non_null(strstr(b->line, "not compiled for"));
}

/* Running sums of the rows' sums: the state s is carried from turn to turn of the outer repeat. */
static const char repeats[] = "program \"p\"\n"
                              "symbol N <= 4\n"
                              "buffer \"x\" : float[N,2] input\n"
                              "buffer \"s\" : float[] arena\n"
                              "buffer \"y\" : float[N] output\n"
                              "comp 0 \"\"\n"
                              "  \"s\"[] = float(0)\n"
                              "repeat turn0:N\n"
                              "repeat turn1:2\n"
                              "comp 1 \"\"\n"
                              "  \"s\"[] = add(\"s\"[], \"x\"[turn0, turn1])\n"
                              "end\n"
                              "comp 2 \"\"\n"
                              "  \"y\"[turn0] = \"s\"[]\n"
                              "end\n";

static void test_repeats(void **state)
{
    bench *b = *state;
    tn_program *p = parse_loops(b, repeats);
    assert_string_equal(print_loops(b, p), repeats);
    int64_t three = 3, dims[] = {3, 2};
    tn_shape in = tn_shape_fixed(2, dims);
    tn_tensor *store[3] = {tn_tensor_make(&b->arena, TN_FLOAT, &in)};
    for (int i = 0; i < 6; i++)
        tn_tensor_set(store[0], i, i);
    assert_true(tn_interpret(p, &b->arena, store, &three));
    for (int i = 0; i < 3; i++)
        assert_true((tn_tensor_get(store[2], i) == (double[]){1, 6, 15}[i]));
}

/* As many elements of x as are not 0 go to y; behind them is -1. */
#define WHILE_HEAD \
    "program \"p\"\n" \
    "buffer \"x\" : float[4] input\n" \
    "buffer \"y\" : float[4] output\n" \
    "buffer \"c\" : bool[] arena\n"
#define WHILE \
    "while 1 \"\"\n" \
    "  \"c\"[] = cast<bool>(\"x\"[turn0])\n"
#define COPIES \
    "comp 2 \"\"\n" \
    "  \"y\"[turn0] = \"x\"[turn0]\n"
static const char whiles[] = WHILE_HEAD "comp 0 \"\"\n  axes i0:4\n  \"y\"[i0] = float(-1)\n"
                                        "repeat turn1:2\nrepeat turn0:4\n" WHILE COPIES "end\nend\n";

static void test_while(void **state)
{
    bench *b = *state;
    tn_program *p = parse_loops(b, whiles);
    assert_string_equal(print_loops(b, p), whiles);
    int64_t four = 4;
    tn_shape in = tn_shape_fixed(1, &four);
    tn_tensor *store[3] = {tn_tensor_make(&b->arena, TN_FLOAT, &in)};
    for (int zero = 0; zero < 5; zero++) {
        for (int i = 0; i < 4; i++)
            tn_tensor_set(store[0], i, i == zero ? 0 : i + 1);
        assert_true(tn_interpret(p, &b->arena, store, NULL));
        for (int i = 0; i < 4; i++)
            assert_true(tn_tensor_get(store[1], i) == (i < zero ? i + 1 : -1));
    }
}

/* y holds the first n elements of x, n being what the run finds in k. */
#define FOUND \
    "program \"p\"\n" \
    "symbol n <= 3 found\n" \
    "buffer \"x\" : float[3] input\n" \
    "buffer \"k\" : int64[] input\n" \
    "buffer \"c\" : int64[] arena\n" \
    "buffer \"y\" : float[n] output\n"
#define FINDS \
    "check 0 \"\"\n" \
    "  finds n\n" \
    "  \"c\"[] = \"k\"[]\n"
#define TAKES \
    "comp 1 \"\"\n" \
    "  axes i0:n\n" \
    "  \"y\"[i0] = \"x\"[i0]\n"

static bool find(bench *b, int64_t k, tn_tensor **y, int64_t *n)
{
    tn_program *p = parse_loops(b, FOUND FINDS TAKES);
    int64_t three = 3;
    tn_shape in = tn_shape_fixed(1, &three), one = tn_shape_fixed(0, NULL);
    tn_tensor *store[4] = {tn_tensor_make(&b->arena, TN_FLOAT, &in), tn_tensor_make(&b->arena, TN_INT64, &one)};
    for (int i = 0; i < 3; i++)
        tn_tensor_set(store[0], i, 10 + i);
    tn_tensor_set_int(store[1], 0, k);
    bool ok = tn_interpret(p, &b->arena, store, n);
    *y = store[3];
    return ok;
}

static void test_found_size(void **state)
{
    bench *b = *state;
    tn_tensor *y = NULL;
    int64_t n = -1;
    assert_string_equal(print_loops(b, parse_loops(b, FOUND FINDS TAKES)), FOUND FINDS TAKES);
    assert_true(find(b, 2, &y, &n));
    assert_true(n == 2 && tn_shape_count(&y->shape) == 2 && tn_tensor_get(y, 1) == 11);
    assert_true(find(b, 0, &y, &n));
    assert_true(n == 0 && tn_shape_count(&y->shape) == 0);
    assert_false(find(b, 4, &y, &n));
    assert_non_null(strstr(b->line, "size n is found to be 4; it may be 0 to 3"));
    assert_false(find(b, -1, &y, &n));
}

/* What a chain of x * sigmoid(x) shares grows with its length, not with 2 to the length. */
static void test_shared_expressions(void **state)
{
    bench *b = *state;
    tn_program *p = parse_loops(b, "buffer \"x\" : float[2] input\nbuffer \"y\" : float[2] output\n");
    tn_dim two = tn_dim_fixed(2);
    tn_comp *c = tn_comp_over(p, NULL, p->bufs.items[1], 1, &two);
    c->at[0] = tn_axis_var(p, c, 0);
    const tn_expr *e = tn_load(p, p->bufs.items[0], c->at);
    for (int i = 0; i < 60; i++) {
        const tn_expr *bottom = tn_add(p, tn_number(p, TN_FLOAT, 1), tn_op1(p, TN_OP_EXP, tn_op1(p, TN_OP_NEG, e)));
        e = tn_div(p, e, bottom);
    }
    tn_comp_set(p, c, e);
    const char *text = print_loops(b, p);
    assert_true(strlen(text) < 10000);
    assert_non_null(strstr(text, "\n  let t0 = "));
    assert_string_equal(print_loops(b, parse_loops(b, text)), text);
}

static tn_graph *parse_graph(bench *b, const char *text)
{
    tn_graph *g = tn_graph_parse(&b->arena, &b->diag, "t.tg", text, tn_op_find);
    assert_non_null(g);
    return g;
}

static void test_program_of_a_graph(void **state)
{
    bench *b = *state;
    tn_graph *g = parse_graph(b, "symbol acc <= 3\ninput \"x\" : float[acc,1,4,4]\n"
                                 "constant \"w\" : float[1,1,2,2] = [1, 2, 3, 4]\n"
                                 "\"c\" : float[acc,1,4,4] = Conv(\"x\", \"w\") {pads=[0,0,1,1]} @ 0 \"c\"\n"
                                 "\"y\" : float[acc,1,4,4] = Relu(\"c\")\noutput \"y\"\n");
    tn_program *p = NULL;
    assert_true(tn_lower_graph(&b->arena, g, &p));
    const char *text = print_loops(b, p);
    assert_string_equal(print_loops(b, parse_loops(b, text)), text);
    tn_pass_options o = {.verify = true};
    tn_module m = {
        .arena = &b->arena, .diag = &b->diag, .target = tn_target_find(&b->arena, NULL, "generic"), .program = p};
    assert_true(tn_passes_run(&m, "fuse", &o));
    text = print_loops(b, p);
    assert_non_null(strstr(text, "symbol \"acc~2\" <= 3\n"));
    assert_non_null(strstr(text, "\"Conv 'c' + Relu\""));
    assert_string_equal(print_loops(b, parse_loops(b, text)), text);
}

static void check_loop_error(bench *b, const char *text, const char *message)
{
    int before = b->diag.errors;
    assert_null(tn_program_parse(&b->arena, &b->diag, "t.loops", text));
    assert_string_equal(b->line, message);
    assert_int_equal(b->diag.errors, before + 1);
}

#define B "buffer \"x\" : float[2] input\nbuffer \"y\" : float[2] output\ncomp 0 \"\"\n  axes i0:2\n"

static void test_program_errors(void **state)
{
    bench *b = *state;
    check_loop_error(b, "end", "t.loops:1: error: found end without a repeat before it");
    check_loop_error(b, "repeat t:2\n", "t.loops:1: error: found no end of the last repeat");
    check_loop_error(b, "loop",
                     "t.loops:1: error: found loop, wanted buffer, check, comp, serial, view, while, repeat or end");
    static const char late_while[] = "found while, which only the first computation of a repeat may be";
    check_loop_error(b, WHILE_HEAD WHILE, tn_strfmt(&b->arena, "t.loops:5: error: %s", late_while));
    check_loop_error(b, WHILE_HEAD "repeat turn0:4\n" COPIES WHILE,
                     tn_strfmt(&b->arena, "t.loops:8: error: %s", late_while));
    check_loop_error(b, FOUND TAKES, "t.loops:9: error: found the variable n, which is not declared");
    check_loop_error(b, FOUND FINDS FINDS, "t.loops:12: error: found a second check that finds 'n'");
    check_loop_error(b, FOUND "check 0 \"\"\n  finds m",
                     "t.loops:8: error: found 'm', wanted a symbol of which the head says: found");
    check_loop_error(b, FOUND "comp 0 \"\"\n  finds n",
                     "t.loops:8: error: found 'finds n', which a check outside of repeats may have");
    check_loop_error(
        b, FOUND "check 0 \"\"\n  \"c\"[] = \"k\"[]\n",
        "t.loops:8: error: found a check that writes \"c\", wanted a buffer bool[], or int64[] where it finds a symbol");
    check_loop_error(b, B "  \"y\"[i1] = float(0)", "t.loops:5: error: found the variable i1, which is not declared");
    check_loop_error(b, B "  \"y\"[i0] = \"z\"[i0]", "t.loops:5: error: found the buffer \"z\", which is not declared");
    check_loop_error(b, B "  \"y\"[i0] = int32(0)", "t.loops:5: error: found a value of type int32, wanted float");
    check_loop_error(b, B "  \"y\"[float(0)] = float(0)",
                     "t.loops:5: error: found a subscript of type float, wanted index");
    check_loop_error(b, B "  \"y\"[i0, i0] = float(0)", "t.loops:5: error: found ,, wanted ]");
    check_loop_error(b, B "  \"y\"[i0] = add(float(0), double(0))",
                     "t.loops:5: error: found the other operand of type "
                     "double, wanted float");
    check_loop_error(b, B "  \"y\"[i0] = bitand(float(0), float(0))",
                     "t.loops:5: error: found bitand of float, which "
                     "there is not");
    check_loop_error(b, B "  \"y\"[i0] = select(i0, float(0), float(0))",
                     "t.loops:5: error: found a condition of type "
                     "index, wanted bool");
    check_loop_error(b, B "  \"y\"[i0] = sort(float(0))",
                     "t.loops:5: error: found sort, wanted an operation, a type, bits, cast "
                     "or select");
    check_loop_error(b, B "  reduce r0:2\n  \"y\"[i0] = float(0)", "t.loops:6: error: found \"y\", wanted acc");
    check_loop_error(b, B "  reduce i0:2", "t.loops:5: error: found a second variable i0");
    check_loop_error(b, B "  reduce r0:2\n  acc : float = lt from float(0) of float(0)",
                     "t.loops:6: error: found lt, wanted an operation that combines two values of the type into one");
    check_loop_error(
        b, B "  reduce r0:35\n  sums 3\n  acc : float = add from float(0) of float(1)\n  \"y\"[i0] = acc",
        "t.loops:8: error: found sums 3, wanted 1, or up to the last axis's fixed extent 2, 4 or 8 of type float, in "
        "a sum, product, maximum or minimum of floats");
    check_loop_error(
        b, B "  reduce r0:4\n  sums 8\n  acc : float = add from float(0) of float(1)\n  \"y\"[i0] = acc",
        "t.loops:8: error: found sums 8, wanted 1, or up to the last axis's fixed extent 2, 4 or 8 of type float, in "
        "a sum, product, maximum or minimum of floats");
    check_loop_error(b, "buffer \"x\" : float[-1] arena", "t.loops:1: error: found dim 0, which is negative");
    check_loop_error(b, "buffer \"x\" : float[mul(1000000, 1000000),1000000] arena",
                     "t.loops:1: error: found a buffer of more than 2^40 elements, which is too large");
    check_loop_error(b, "buffer \"x\" : float[2] const", "t.loops:1: error: the constant \"x\" has no contents");
    check_loop_error(b, "buffer \"x\" : float[2] arena alias \"y\"\n\nbuffer \"y\" : float[2] arena alias \"x\"",
                     "t.loops:3: error: the buffer \"x\" comes back to itself");
    check_loop_error(b, "\nbuffer \"x\" : float[2] arena alias \"y\"\nbuffer \"z\" : float[2] arena",
                     "t.loops:2: error: found the buffer \"y\", which is not declared");
    check_loop_error(b, "buffer \"x\" : float[2] arena layout(1)", "t.loops:1: error: found 1, wanted 0 to 0");
}

static void *read_program(bench *b, const char *text)
{
    tn_arena scratch = {.memory = &b->memory};
    tn_program *p = tn_program_parse(&scratch, &b->diag, "t.loops", text);
    if (p != NULL) {
        tn_str s = {.arena = &scratch}, again = {.arena = &scratch};
        tn_program_print_full(p, &s);
        p = tn_program_parse(&scratch, &b->diag, "t.loops", s.text);
        assert_non_null(p);
        tn_program_print_full(p, &again);
        assert_string_equal(again.text, s.text);
    }
    tn_arena_free(&scratch);
    return NULL;
}

static void test_damaged_programs(void **state)
{
    damage(*state, program, read_program);
}

static void test_deep_nesting(void **state)
{
    bench *b = *state;
    tn_str loop = {.arena = &b->arena};
    tn_str_add(&loop, "buffer \"x\" : float[");
    for (int i = 0; i < 100000; i++)
        tn_str_put(&loop, "neg(", 4);
    assert_null(tn_program_parse(&b->arena, &b->diag, "t.loops", loop.text));
    assert_string_equal(b->line, "t.loops:1: error: nested deeper than 1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_program),
        TEST(test_program_runs),
        TEST(test_repeats),
        TEST(test_while),
        TEST(test_found_size),
        TEST(test_shared_expressions),
        TEST(test_program_of_a_graph),
        TEST(test_program_errors),
        TEST(test_damaged_programs),
        TEST(test_deep_nesting),
    };
    return cmocka_run_group_tests_name("loop text", tests, NULL, NULL);
}
