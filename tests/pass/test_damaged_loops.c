/* Loop programs come from users' files too: whatever their text says, the passes end in a program or an error. */
#include "pass/pass.h"

#include "../program.h"

static const char text[] =
    "program \"p\" after \"alias-views\"\n"
    "symbol N <= 8\n"
    "buffer \"x\" : float[1,8,4] input\n"
    "buffer \"w\" : float[8,2] const = hex \"0000803f0000803f0000803f0000803f0000803f0000803f"
    "0000803f0000803f0000803f0000803f0000803f0000803f0000803f0000803f0000803f0000803f\"\n"
    "buffer \"t\" : float[1,8,4] arena\n"
    "buffer \"v\" : float[32] arena alias \"u\"\n"
    "buffer \"u\" : float[1,8,4] arena layout(0, 1/8, 2, 1%8) border(0:0, 0:0, 1:1)\n"
    "buffer \"y\" : float[N,32] output\n"
    "comp 0 \"Relu\"\n"
    "  axes i0:8, i1:4\n"
    "  schedule \"split i1 2; unroll i1i\"\n"
    "  \"t\"[0, i0, i1] = max(\"x\"[0, i0, i1], float(0))\n"
    "comp 1 \"Conv\"\n"
    "  axes i0:8, i1:4\n"
    "  reduce r0:2\n"
    "  acc : float = add from float(0) of mul(select(lt(add(i1, r0), 4), \"t\"[0, i0, add(i1, r0)], "
    "float(0)), \"w\"[i0, r0])\n"
    "  \"u\"[0, i0, i1] = acc\n"
    "comp 2 \"Copy\"\n"
    "  axes i0:N, i1:32\n"
    "  \"y\"[i0, i1] = \"v\"[i1]\n";

/* 1 when the passes go through, else 0. */
static int run_passes(bench *b, const char *damaged)
{
    tn_arena scratch = {.memory = &b->memory};
    tn_pass_options o = {.verify = true};
    tn_module m = {.arena = &scratch, .diag = &b->diag, .target = tn_target_find(&scratch, NULL, "x86-64-v3")};
    int before = b->diag.errors;
    m.program = tn_program_parse(&scratch, &b->diag, "t.loops", damaged);
    bool ok = m.program != NULL && tn_passes_run(&m, "O2", &o);
    assert_true(ok || b->diag.errors > before); /* a failure says why */
    tn_arena_free(&scratch);
    return ok;
}

static void test_undamaged(void **state)
{
    assert_int_equal(run_passes(*state, text), 1);
}

static void test_damaged(void **state)
{
    bench *b = *state;
    static const char bytes[] = "\"[](){}:,-019Niyu%/\n";
    int through = 0;
    char *copy = tn_strdup(&b->arena, text);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        for (size_t k = 0; k < sizeof bytes - 1; k++) {
            copy[i] = bytes[k];
            through += run_passes(b, copy);
        }
        copy[i] = text[i];
    }
    print_message("%d of %zu damaged programs still mean something\n", through, (sizeof text - 1) * (sizeof bytes - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_undamaged),
        TEST(test_damaged),
    };
    return cmocka_run_group_tests_name("damaged loops", tests, NULL, NULL);
}
