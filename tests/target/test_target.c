/* Descriptions of targets, their spellings, and which target's code runs on which machines. */
#include "target/target.h"

#include "../bench.h"
#include "base/embedded.h"
#include "target/describe.h"
#include "target/features.h"

static const tn_target *get(bench *b, const char *text)
{
    const tn_target *t = tn_target_find(&b->arena, &b->diag, text);
    if (t == NULL)
        fail_msg("%s", b->line);
    return t;
}

static bool runs(bench *b, const char *target, const char *machine)
{
    return tn_target_runs_on(get(b, target), get(b, machine));
}

static void test_runs_on(void **state)
{
    bench *b = *state;
    assert_true(runs(b, "generic", "aarch64") && runs(b, "aarch64", "aarch64") && runs(b, "native", "native"));
    assert_true(runs(b, "x86-64", "x86-64-v3") && runs(b, "x86-64-v3", "x86-64-v4"));
    assert_true(runs(b, "x86-64-v4", "x86-64-v4-vnni") && runs(b, "x86-64-v3", "znver3"));
    assert_true(runs(b, "skylake-avx512", "sapphirerapids") && runs(b, "x86-64-v3-vnni", "sapphirerapids"));
    assert_true(runs(b, "x86-64-v4-vnni", "znver4"));
    assert_true(runs(b, "cortex-a53", "cortex-a76") && runs(b, "rpi4", "cortex-a72"));
    assert_true(tn_target_runs_on(tn_target_native(&b->arena), tn_target_here(&b->arena)));
    assert_false(runs(b, "x86-64-v3", "x86-64"));
    assert_false(runs(b, "x86-64-v4-vnni", "x86-64-v4")); /* as many lanes, more instructions */
    assert_false(runs(b, "x86-64-v3-vnni", "x86-64-v4-vnni") || runs(b, "cortex-m4", "x86-64"));
    assert_false(runs(b, "x86-64", "generic") || runs(b, "x86-64", "aarch64") || runs(b, "aarch64", "x86-64-v4"));
}

/* --- ours ---------------------------------------------------------------------------------------------------------- */

static void test_ours(void **state)
{
    bench *b = *state;
    assert_true(tn_target_count() > 30);
    for (size_t i = 0; i < tn_target_count(); i++) {
        const tn_target *t = tn_target_at(&b->arena, i);
        const char *file = tn_strfmt(&b->arena, "targets/%s.target", t->name);
        assert_string_equal(tn_embedded_targets[i].name, file);
        assert_true(t->doc[0] != '\0' && t->lanes >= 1 && t->registers >= 4 && t->l2 > 0);
        assert_int_equal(t->work_align & (t->work_align - 1), 0);
        assert_true(t->lanes * (int)sizeof(float) <= t->work_align);
    }
}

static void check_shape(bench *b, const char *text, int lanes, int registers, const char *cflags)
{
    const tn_target *t = get(b, text);
    if (t->lanes != lanes || t->registers != registers || strcmp(t->cflags, cflags) != 0)
        fail_msg("%s: %d lanes, %d registers, flags %s", text, t->lanes, t->registers, t->cflags);
}

/* Lanes and registers are those of the architectures' manuals. */
static void test_shapes(void **state)
{
    bench *b = *state;
    check_shape(b, "generic", 1, 16, "");
    check_shape(b, "x86-64", 4, 16, "");
    check_shape(b, "x86-64-v2", 4, 16, "-march=x86-64-v2");
    check_shape(b, "x86-64-v3", 8, 16, "-march=x86-64-v3");
    check_shape(b, "x86-64-v4", 16, 32, "-march=x86-64-v4 -mprefer-vector-width=512");
    check_shape(b, "znver3", 8, 16, "-march=znver3");
    check_shape(b, "aarch64", 4, 32, "");
    check_shape(b, "armv7-a", 1, 16, "");
    check_shape(b, "armv7-a-neon", 4, 16,
                "-march=armv7-a+simd -funsafe-math-optimizations -fno-associative-math -fno-reciprocal-math");
    check_shape(b, "cortex-m4", 1, 32, "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard");
    check_shape(b, "riscv64", 1, 32, "");
    check_shape(b, "rv64gcv", 4, 32, "-march=rv64gcv");
}

/* --- spellings ------------------------------------------------------------------------------------------------------ */

static void test_spellings(void **state)
{
    bench *b = *state;
    assert_string_equal(get(b, "llvm -mcpu=skylake-avx512")->name, "skylake-avx512");
    assert_string_equal(get(b, " c  -mcpu=cortex-m7 ")->name, "cortex-m7");
    assert_string_equal(get(b, "c -march=x86-64-v3")->name, "x86-64-v3");
    assert_string_equal(get(b, "c")->name, "generic");
    assert_string_equal(get(b, "llvm -mtriple=aarch64-linux-gnu")->name, "aarch64");
    assert_string_equal(get(b, "llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72")->name, "cortex-a72");
    assert_int_equal(get(b, "c -mcpu=cortex-m4 -workspace-byte-alignment=32")->work_align, 32);
    check_shape(b, "llvm -mcpu=skylake-avx512 -mattr=-avx512f", 8, 16,
                "-march=skylake-avx512 -mprefer-vector-width=512 -mno-avx512f");
    check_shape(b, "x86-64-v3 -mattr=+avx512f,+avx512bw", 16, 32, "-march=x86-64-v3 -mavx512f -mavx512bw");
    check_shape(b, "x86-64-v3 -mattr=+avx2", 8, 16, "-march=x86-64-v3"); /* which it has */
    check_shape(b, "aarch64 -mattr=+dotprod", 4, 32, "-march=armv8-a+dotprod");
    check_shape(b, "cortex-a53 -mattr=+dotprod,-crc", 4, 32, "-mcpu=cortex-a53+dotprod+nocrc");
    check_shape(b, "cortex-a53 -mattr=-neon", 1, 16, "-mcpu=cortex-a53+nosimd");
    check_shape(b, "cortex-m4 -mattr=-fp", 1, 32, "-mcpu=cortex-m4+nofp -mthumb -mfloat-abi=hard -mfloat-abi=soft");
    check_shape(b, "riscv64 -mattr=+v", 4, 32, "-march=rv64gcv");
    assert_string_equal(get(b, "llvm -mcpu=skylake -mattr=-avx2")->name, "skylake -mattr=-avx2");
    assert_string_equal(get(b, "skylake -mattr=-avx2")->name, "skylake -mattr=-avx2"); /* which can be given again */
    assert_false(runs(b, "x86-64-v3 -mattr=+avxvnni", "x86-64-v3"));
    assert_true(runs(b, "x86-64-v4 -mattr=-avx512f", "x86-64-v3")); /* what needs it went with it */
}

static void check_error(bench *b, const char *text, const char *message)
{
    b->line[0] = '\0';
    assert_null(tn_target_find(&b->arena, &b->diag, text));
    if (strstr(b->line, message) == NULL)
        fail_msg("%s: '%s' is not in: %s", text, message, b->line);
    assert_null(tn_target_find(&b->arena, NULL, text));
}

static void test_errors(void **state)
{
    bench *b = *state;
    check_error(b, "pentium", "unknown target 'pentium'; there are aarch64, ");
    check_error(b, "", "unknown target ''");
    check_error(b, "llvm -mcpu=pentium", "unknown target 'pentium'");
    check_error(b, "llvm -mcpu=", "-mcpu= names nothing");
    check_error(b, "llvm -mcpu=skylake -mcpu=znver3", "given twice");
    check_error(b, "skylake -mcpu=znver3", "two processors, skylake and znver3");
    check_error(b, "llvm -num-cores=4", "'-num-cores=4' says nothing that Tenon knows");
    check_error(b, "x86-64-v3 -mattr=avx", "not 'avx'; there are sse3, ");
    check_error(b, "x86-64-v3 -mattr=+neon", "a feature of x86-64, not '+neon'");
    check_error(b, "x86-64-v3 -mattr=+", "not '+'");
    check_error(b, "generic -mattr=+avx", "there are none");
    check_error(b, "rv64gcv -mattr=-v", "cannot leave that out");
    check_error(b, "llvm -mtriple=s390x-linux-gnu", "'s390x-linux-gnu' has is not known");
    check_error(b, "llvm -mtriple=aarch64-linux-gnu -mcpu=skylake", "skylake is of x86-64, and the triple of aarch64");
    check_error(b, "c -workspace-byte-alignment=3", "power of two");
    check_error(b, "./nowhere.target", "nowhere.target");
}

/* --- descriptions --------------------------------------------------------------------------------------------------- */

static void test_descriptions(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"doc x\nlane 4\n", "a.target:2: error: 'lane' is nothing that a target has; there are doc, like, arch, "},
        {"doc x\n", "the file does not say 'arch'"},
        {"arch any\n", "the file does not say 'doc'"},
        {"arch\n", "a.target:1: error: arch is empty"},
        {"# a\n\narch z80\n", "a.target:3: error: arch is 'z80'; there are any, x86-64, "},
        {"doc x\narch any\narch any", "a.target:3: error: arch for the second time"},
        {"doc x\narch any\nlike x86-64", "a.target:3: error: 'like' comes before all but doc"},
        {"like x86\n", "a.target:1: error: like 'x86': there is no such target"},
        {"like aarch64\narch any", "arch is 'any', and what it is like is aarch64"},
        {"features +avx", "features come behind 'arch' or 'like'"},
        {"arch x86-64\nfeatures +avx avx2", "a.target:2: error: feature 'avx2': wanted + or -"},
        {"arch x86-64\nfeatures +dotprod", "one of those of x86-64: sse3, "},
        {"arch any\nlanes 5", "lanes is 5; wanted 1, 4, 8 or 16"},
        {"arch any\nlanes four", "lanes is 'four'; wanted a number from 1 to 16"},
        {"arch any\nlanes 4x", "lanes is '4x'"},
        {"arch any\nregisters 1", "registers is '1'"},
        {"arch any\nalign 24", "align is 24; wanted a power of two"},
        {"arch any\ndot signed", "dot is 'signed'; wanted unsigned or none"},
        {"arch any\nl2 1 GiB", "l2 is in 'GiB'"},
        {"arch any\nnative maybe", "native is 'maybe'"},
    };
    bench *b = *state;
    tn_target t;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        b->line[0] = '\0';
        assert_false(tn_target_parse(&b->arena, &b->diag, "a.target", bad[i].text, &t));
        if (strstr(b->line, bad[i].message) == NULL)
            fail_msg("case %d: '%s' is not in: %s", (int)i, bad[i].message, b->line);
    }
    assert_true(tn_target_parse(&b->arena, &b->diag, "a.target",
                                "  doc my board # with a comment\r\n\tlike x86-64-v3\n features -fma  +aes\nlanes 4\n"
                                "registers 12\nalign 32\ndot none\nl2 256 KiB\ncflags -mavx2 -mtune=znver1\n",
                                &t));
    assert_string_equal(t.doc, "my board");
    assert_string_equal(t.cflags, "-mavx2 -mtune=znver1");
    assert_true(t.lanes == 4 && t.registers == 12 && t.work_align == 32 && t.dot == TN_DOT_NONE && t.l2 == 256 * 1024);
    assert_false(t.native);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_runs_on),   TEST(test_ours),   TEST(test_shapes),
                                       TEST(test_spellings), TEST(test_errors), TEST(test_descriptions)};
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
