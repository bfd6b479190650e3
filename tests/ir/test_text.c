/* The text form of graphs: what is printed parses back to the same text, and what does not parse is an error with its
   line. */
#include "ir/text.h"
#include "ops/ops.h"

#include "../bench.h"

#include <math.h>

static tn_graph *parse(bench *b, const char *text)
{
    tn_graph *g = tn_graph_parse(&b->arena, &b->diag, "t.tg", text, tn_op_find);
    if (g == NULL)
        print_error("%s\n", b->line);
    assert_non_null(g);
    return g;
}

static const char *full(bench *b, const tn_graph *g)
{
    tn_str s = {.arena = &b->arena};
    tn_graph_print_full(g, &s);
    return s.text;
}

/* The text prints as itself. */
static void check_same(bench *b, const char *text)
{
    assert_string_equal(full(b, parse(b, text)), text);
}

static void check_error(bench *b, const char *text, const char *message)
{
    int before = b->diag.errors;
    assert_null(tn_graph_parse(&b->arena, &b->diag, "t.tg", text, tn_op_find));
    assert_string_equal(b->line, message);
    assert_int_equal(b->diag.errors, before + 1);
}

/* --- graphs --- */

static void test_graph(void **state)
{
    check_same(*state, "graph \"g\"\n"
                       "symbol N <= 8\n"
                       "symbol \"batch size\" <= 3\n"
                       "input \"x\" : float[N,\"batch size\",4]\n"
                       "constant \"c\" : float[2] = [0.5, -3]\n"
                       "\"a\" : float[N] = Relu(\"x\")\n"
                       "\"b\" = Pad(\"a\", \"c\", \"\", \"c\") {mode=\"edge\"} @ 7 \"pad me\"\n"
                       "\"y\" : float16[((N+1)*2),min(N,3),max((N/2),(N-1))] = Relu(\"b\") @ 3\n"
                       "output \"y\"\n"
                       "output \"x\"\n");
}

/* The last dim of strings is their bytes. */
static void test_strings(void **state)
{
    check_same(*state, "graph \"\"\n"
                       "input \"x\" : string[2,8]\n"
                       "constant \"c\" : string[1,2] = [97, 0]\n"
                       "\"y\" : string[2,10] = StringConcat(\"x\", \"c\") {t=string[1,2] = [98, 99]}\n"
                       "output \"y\"\n");
}

static void test_attributes(void **state)
{
    check_same(*state, "graph \"\"\n"
                       "input \"x\" : float[]\n"
                       "\"y\" = Relu(\"x\") {i=-3, f=1.0, g=-0.125, h=1e-30, n=nan, m=-inf, s=\"a\\\"\\\\\\n\\x01\", "
                       "is=[1,-2], none=[], fs=[1.0,0.1,inf], no=floats[], t=int8[2] = [-128, 127]}\n"
                       "output \"y\"\n");
    const tn_graph *g =
        parse(*state, "input \"x\" : float[]\n\"y\" = Relu(\"x\") {alpha=0x1p-3, l=[0x1p-1, 2]}\noutput \"y\"\n");
    assert_true(tn_node_float(g->nodes.items[0], "alpha", 0) == 0.125f);
    assert_true(tn_node_find_attr(g->nodes.items[0], "l")->floats[1] == 2);
}

static void test_domains(void **state)
{
    check_same(*state, "graph \"\"\n"
                       "input \"x\" : uint8[2]\n"
                       "constant \"s\" : float[] = [0.5]\n"
                       "constant \"z\" : uint8[] = [128]\n"
                       "\"y\" = com.microsoft::QLinearAdd(\"x\", \"s\", \"z\", \"x\", \"s\", \"z\", \"s\", \"z\")\n"
                       "output \"y\"\n");
}

/* A line that begins with a space continues the one before; comments and empty lines are nothing. */
static void test_layout_of_text(void **state)
{
    const char *text = "# a comment\n\n"
                       "input \"x\" : float[2,\n"
                       "   3] # and more\n"
                       "# between\n"
                       "  \n"
                       "\"y\" = Relu(\"x\")\r\n"
                       "   @ 5\n"
                       "output \"y\"";
    assert_string_equal(full(*state, parse(*state, text)), "graph \"\"\ninput \"x\" : float[2,3]\n"
                                                           "\"y\" = Relu(\"x\") @ 5\noutput \"y\"\n");
}

static void test_numbers(void **state)
{
    check_same(
        *state,
        "graph \"\"\n"
        "constant \"f\" : float[9] = [0.1, 16777216, 1.4013e-45, 3.4028235e+38, -0, nan, inf, -inf, 0.33333334]\n"
        "constant \"d\" : double[2] = [0.1, 0.30000000000000004]\n"
        "constant \"h\" : float16[4] = [65504, 5.96046e-08, 0.333252, -inf]\n"
        "constant \"b\" : bfloat16[2] = [0.333984, 1]\n"
        "constant \"u\" : uint64[2] = [18446744073709551615, 0]\n"
        "constant \"i\" : int64[2] = [-9223372036854775808, 9223372036854775807]\n"
        "constant \"o\" : bool[2] = [1, 0]\n"
        "constant \"e\" : int8[0,3] = []\n"
        "output \"f\"\n");
}

/* Every float of a large set of bit patterns comes back to the bit, through decimal text or hexadecimal. */
static void test_bits_come_back(void **state)
{
    bench *b = *state;
    uint32_t seed = 1;
    for (int round = 0; round < 200; round++) {
        tn_graph *g = parse(b, "constant \"c\" : float[16] = [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]\noutput \"c\"\n");
        uint32_t bits[16];
        for (int i = 0; i < 16; i++)
            bits[i] = seed = seed * 1664525u + 1013904223u;
        memcpy(g->values.items[0]->constant->data, bits, sizeof bits);
        const tn_graph *again = parse(b, full(b, g));
        assert_memory_equal(again->values.items[0]->constant->data, bits, sizeof bits);
    }
}

static void test_numbers_beyond_integers(void **state)
{
    bench *b = *state;
    tn_shape scalar = tn_shape_fixed(0, NULL);
    tn_tensor *whole = tn_tensor_make(&b->arena, TN_INT64, &scalar);
    tn_tensor *natural = tn_tensor_make(&b->arena, TN_UINT64, &scalar);
    const struct {
        double x;
        int64_t want;
        uint64_t natural;
    } rows[] = {{-1e30, INT64_MIN, (uint64_t)INT64_MIN},
                {1e30, INT64_MAX, UINT64_MAX},
                {0x1p63, INT64_MAX, (uint64_t)INT64_MIN},
                {-2.5, -2, (uint64_t)-2},
                {NAN, INT64_MIN, (uint64_t)INT64_MIN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tn_tensor_set(whole, 0, rows[i].x);
        tn_tensor_set(natural, 0, rows[i].x);
        assert_true(tn_tensor_get_int(whole, 0) == rows[i].want);
        assert_true((uint64_t)tn_tensor_get_int(natural, 0) == rows[i].natural);
    }
}

static void test_large_constants(void **state)
{
    bench *b = *state;
    const char *text = "graph \"\"\n"
                       "constant \"c\" : int16[21] = hex "
                       "\"010002000300040005000600070008000900ff000b000c000d000e000f001000110012001300fffe\"\n"
                       "  \"0080\"\n"
                       "output \"c\"\n";
    const tn_graph *g = parse(b, text);
    assert_int_equal(tn_tensor_get_int(g->values.items[0]->constant, 9), 255);
    assert_int_equal(tn_tensor_get_int(g->values.items[0]->constant, 19), -257);
    assert_int_equal(tn_tensor_get_int(g->values.items[0]->constant, 20), -32768);
    assert_string_equal(full(b, g), text);
    tn_str out = {.arena = &b->arena};
    tn_graph_print(g, &out);
    assert_string_equal(out.text, "graph \"\"\nconstant \"c\" : int16[21] = ...\noutput \"c\"\n");
    check_error(b, out.text,
                "t.tg:2: error: the data is left out here (...); only text that was printed in full can be "
                "read");
}

/* Graphs may hold two values of one name, and none; texts name them apart. */
static void test_names_are_made_unique(void **state)
{
    bench *b = *state;
    tn_graph *g = parse(
        b, "input \"x\" : float[2]\n\"a\" = Relu(\"x\")\n\"b\" = Relu(\"a\")\n\"c\" = Relu(\"b\")\noutput \"c\"\n");
    g->values.items[1]->name = "x";
    g->values.items[2]->name = "";
    g->values.items[3]->name = "x";
    const char *text = full(b, g);
    assert_string_equal(text, "graph \"\"\ninput \"x\" : float[2]\n\"x~2\" = Relu(\"x\")\n\"v\" = Relu(\"x~2\")\n"
                              "\"x~3\" = Relu(\"v\")\noutput \"x~3\"\n");
    check_same(b, text);
}

static void test_symbols_are_shared(void **state)
{
    const tn_graph *g = parse(*state, "symbol N <= 8\ninput \"x\" : float[N,(N+1)]\noutput \"x\"\n");
    tn_shape s = g->values.items[0]->shape;
    assert_int_equal(s.dim[0].n, 8);
    assert_int_equal(s.dim[1].n, 9);
    assert_true(tn_dim_same(s.dim[0], g->symbols.items[0]));
    assert_string_equal(tn_type_text(g->arena, TN_FLOAT, &s), "float[N<=8,(N<=8+1)]");
}

/* --- errors --- */

static void test_syntax_errors(void **state)
{
    bench *b = *state;
    check_error(b, "", "t.tg:1: error: found the end of the text, wanted an output");
    check_error(b, "inputs \"x\"",
                "t.tg:1: error: found inputs, wanted graph, symbol, input, constant, output, or a node: "
                "\"y\" = Relu(\"x\")");
    check_error(b, "\n\ninput \"x\" :\noutput \"x\"",
                "t.tg:3: error: found the end of the line, wanted a type: float, int8, uint8, "
                "int32, int64, bool, float16, ...");
    check_error(b, "input x : float[2]", "t.tg:1: error: found x, wanted the name of the input in quotes");
    check_error(b, "graph \"g\"\ninput \"x\n", "t.tg:2: error: found the end of the line in a quoted text, wanted \"");
    check_error(b, "input \"\\q\"",
                "t.tg:1: error: found a wrong escape in a quoted text; \\n \\t \\r \\\" \\\\ and \\x01 to \\xff "
                "are known");
    check_error(b, "input \"\\x00\"",
                "t.tg:1: error: found a wrong escape in a quoted text; \\n \\t \\r \\\" \\\\ and \\x01 to "
                "\\xff are known");
    check_error(b, "graph \"\\",
                "t.tg:1: error: found a wrong escape in a quoted text; \\n \\t \\r \\\" \\\\ and \\x01 to "
                "\\xff are known");
    check_error(b, "graph \"a\" $", "t.tg:1: error: found the byte 0x24 ($), which begins nothing");
    check_error(b, "graph \"a\"\ngraph \"b\"", "t.tg:2: error: found a second name of the graph");
    check_error(b, "graph \"a\" \"b\"", "t.tg:1: error: found \"b\", wanted the end of the line");
}

static void test_type_errors(void **state)
{
    bench *b = *state;
    check_error(b, "input \"x\" : string[]",
                "t.tg:1: error: found string[]; the last dim of strings is how many bytes each has");
    check_error(b, "input \"x\" : complex64[2]",
                "t.tg:1: error: found complex64, wanted a type: float, int8, uint8, int32, int64, bool, float16, ...");
    check_error(b, "input \"x\" : float[N]",
                "t.tg:1: error: found the dim 'N', which is no symbol; symbols are declared "
                "by: symbol N <= 8");
    check_error(b, "input \"x\" : float[-1]", "t.tg:1: error: found the dim -1, which is negative");
    check_error(b, "symbol N <= 8\ninput \"x\" : float[(N-9)]",
                "t.tg:2: error: found the dim (N<=8-9), which is negative");
    check_error(b, "input \"x\" : float[1,1,1,1,1,1,1,1,1]",
                "t.tg:1: error: found more than 8 dims; that many are supported");
    check_error(b, "input \"x\" : float[1000000,1000000,1000000]",
                "t.tg:1: error: found float[1000000,1000000,1000000], "
                "which is too large");
    check_error(b, "input \"x\" : float[99999999999999999999]",
                "t.tg:1: error: found 99999999999999999999, which does "
                "not fit int64");
    check_error(b, "input \"x\" : float[2.5]", "t.tg:1: error: found 2.5, wanted a whole number");
    check_error(b, "input \"x\" : float[(1%2)]", "t.tg:1: error: found %, wanted one of + - * /");
    check_error(b, "symbol N <= 0", "t.tg:1: error: found the bound 0 of 'N', wanted 1 to 2^40 - 1");
    check_error(b, "symbol N <= 2\nsymbol N <= 2", "t.tg:2: error: found a second symbol 'N'");
}

static void test_data_errors(void **state)
{
    bench *b = *state;
    check_error(b, "constant \"c\" : float[3] = [1, 2]  # padding", "t.tg:1: error: found 2 elements, wanted 3");
    check_error(b, "constant \"c\" : float[1] = [1, 2]", "t.tg:1: error: found more than 1 elements, wanted 1");
    check_error(b, "constant \"c\" : uint8[2] = [1, 256]", "t.tg:1: error: found 256, which does not fit uint8");
    check_error(b, "constant \"c\" : int8[2] = [-128,\n  -129]", "t.tg:2: error: found -129, which does not fit int8");
    check_error(b, "constant \"c\" : uint8[1] = [-1]    ", "t.tg:1: error: found -1, which does not fit uint8");
    check_error(b, "constant \"c\" : float16[1] = [65520]", "t.tg:1: error: found 65520, which does not fit float16");
    check_error(b, "constant \"c\" : float[1] = [1e39]", "t.tg:1: error: found 1e39, which does not fit float");
    check_error(b, "constant \"c\" : float[1] = [zero]", "t.tg:1: error: found zero, wanted a number, inf or nan");
    check_error(b, "constant \"c\" : float[1000000,1000000] = [1]",
                "t.tg:1: error: found the end of the text before "
                "1000000000000 elements, which are wanted");
    check_error(b, "constant \"c\" : float[1] = hex \"000000\"", "t.tg:1: error: found 3 bytes, wanted 4");
    check_error(b, "constant \"c\" : float[1] = hex \"0000000000\"",
                "t.tg:1: error: found more than 4 bytes, wanted 4");
    check_error(b, "constant \"c\" : int8[1] = hex \"0g\"",
                "t.tg:1: error: found '0g' in the bytes, wanted two "
                "hexadecimal digits");
    check_error(b, "symbol N <= 2\nconstant \"c\" : int8[N] = [1]", "t.tg:2: error: a constant's dims must be numbers");
}

#define X "input \"x\" : float[2]\n"

static void test_node_errors(void **state)
{
    bench *b = *state;
    check_error(b, X "\"y\" = Rely(\"x\")", "t.tg:2: error: found the operator Rely, which is not supported");
    check_error(b, X "\"y\" = a.b::Relu(\"x\")", "t.tg:2: error: found the operator a.b::Relu, which is not supported");
    check_error(b, X "\"y\" = Relu(\"z\")", "t.tg:2: error: found the operand \"z\", which nothing above makes");
    check_error(b, X "\"y\" = Relu(\"y\")", "t.tg:2: error: found the operand \"y\", which nothing above makes");
    check_error(b, X "\"y\" = Relu(\"x\", \"x\")", "t.tg:2: error: found 2 operands of Relu, wanted 1");
    check_error(b, X "\"y\", \"z\" = Relu(\"x\")", "t.tg:2: error: found 2 results of Relu, wanted 1");
    check_error(b, X "\"y\" = Relu(\"\")", "t.tg:2: error: operand 0 is omitted; Relu needs it");
    check_error(b, X "\"\" = Relu(\"x\")", "t.tg:2: error: result 0 of Relu is omitted");
    check_error(b, X "\"x\" = Relu(\"x\")",
                "t.tg:2: error: found a second value \"x\"; each value has a name of its own");
    check_error(b, X X, "t.tg:2: error: found a second value \"x\"; each value has a name of its own");
    check_error(b, X "\"y\" = Relu(\"x\") {a=1, a=2}", "t.tg:2: error: found the attribute a a second time");
    check_error(b, X "\"y\" = Relu(\"x\") {a=[1, 2.5]}",
                "t.tg:2: error: found a float after integers in attribute a, wanted "
                "one kind (1.0, not 1)");
    check_error(b, X "\"y\" = Relu(\"x\") {a=}",
                "t.tg:2: error: found }, wanted a number, a text in quotes, a list or a "
                "tensor");
    check_error(b, X "\"y\" = Relu(\"x\") {a=-$}", "t.tg:2: error: found the byte 0x24 ($), which begins nothing");
    check_error(b, X "output \"y\"", "t.tg:2: error: found the output \"y\", which nothing above makes");
    check_error(b, X "output \"x\"\noutput \"x\"", "t.tg:3: error: found the output \"x\" a second time");
}

static void test_deep_nesting(void **state)
{
    bench *b = *state;
    tn_str s = {.arena = &b->arena};
    tn_str_add(&s, "input \"x\" : float[");
    for (int i = 0; i < 100000; i++)
        tn_str_put(&s, "(", 1);
    check_error(b, s.text, "t.tg:1: error: nested deeper than 1000");
}

static void *read_graph(bench *b, const char *text)
{
    tn_arena scratch = {.memory = &b->memory};
    tn_graph *g = tn_graph_parse(&scratch, &b->diag, "t.tg", text, tn_op_find);
    if (g != NULL) {
        tn_str s = {.arena = &scratch};
        tn_graph_print_full(g, &s);
        tn_str again = {.arena = &scratch};
        g = tn_graph_parse(&scratch, &b->diag, "t.tg", s.text, tn_op_find);
        assert_non_null(g);
        tn_graph_print_full(g, &again);
        assert_string_equal(again.text, s.text);
    }
    tn_arena_free(&scratch);
    return NULL;
}

static void test_damaged_graphs(void **state)
{
    damage(
        *state,
        "graph \"g\"\nsymbol N <= 8\ninput \"x\" : float[N,(N*2)]\n"
        "constant \"c\" : int8[2] = [-1, 2]\nconstant \"h\" : int16[1] = hex \"0f00\"\n"
        "\"y\" : float[min(N,3)] = Pad(\"x\", \"c\", \"\") {mode=\"a\\n\", k=[1.5,2.0], t=float[1] = [inf]} @ 3 \"n\"\n"
        "output \"y\"\n",
        read_graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_graph),
        TEST(test_strings),
        TEST(test_attributes),
        TEST(test_domains),
        TEST(test_layout_of_text),
        TEST(test_numbers),
        TEST(test_bits_come_back),
        TEST(test_numbers_beyond_integers),
        TEST(test_large_constants),
        TEST(test_names_are_made_unique),
        TEST(test_symbols_are_shared),
        TEST(test_syntax_errors),
        TEST(test_type_errors),
        TEST(test_data_errors),
        TEST(test_node_errors),
        TEST(test_deep_nesting),
        TEST(test_damaged_graphs),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
