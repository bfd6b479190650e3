/* The ground floor: base.h, half.h, codec.h, unwind.h, hash.h, map.h, path.h, child.h, npy.h, npz.h and tar.h. Every test gets a
   fresh arena, a fresh folder and a diagnostic that keeps the last line. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "base/codec.h"
#include "bench.h"

/* ---- base.h ---- */

static void test_arena(void **state)
{
    bench *b = *state;
    for (size_t size = 0; size < 300; size++) {
        unsigned char *p = tn_alloc(&b->arena, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    char *large = tn_alloc(&b->arena, 1 << 20);
    large[(1 << 20) - 1] = 1;
    assert_true(b->arena.total >= 1 << 20);
    assert_string_equal(tn_strndup(&b->arena, "abcdef", 3), "abc");
    assert_string_equal(tn_strfmt(&b->arena, "%d-%s", 7, "x"), "7-x");
}

static void take_three_blocks(bench *b, tn_arena *a)
{
    (void)b;
    for (int i = 0; i < 3; i++)
        tn_alloc(a, 1 << 17);
}

/* The allocator says no at the k-th block: the k before it are released, and nothing else was taken. */
static void test_out_of_memory_unwinds(void **state)
{
    bench *b = *state;
    int live = b->live;
    for (int k = 0; k <= 3; k++) {
        tn_arena a = {&b->memory, NULL, 0};
        assert_int_equal(fits_in(b, &a, k, take_three_blocks), k == 3);
        assert_int_equal(b->live, live + k);
        tn_arena_free(&a);
        assert_int_equal(b->live, live);
    }
}

static void take_nearly_all(bench *b, tn_arena *a)
{
    (void)b;
    tn_alloc(a, SIZE_MAX - 3);
}

static void take_all_but_a_header(bench *b, tn_arena *a)
{
    (void)b;
    tn_alloc(a, SIZE_MAX - 40);
}

static void take_a_product(bench *b, tn_arena *a)
{
    (void)b;
    TN_NEW_N(a, int64_t, SIZE_MAX / 4);
}

static void test_sizes_that_overflow_unwind(void **state)
{
    bench *b = *state;
    assert_false(fits_in(b, &b->arena, 9, take_nearly_all));
    assert_false(fits_in(b, &b->arena, 9, take_all_but_a_header));
    assert_false(fits_in(b, &b->arena, 9, take_a_product));
}

static void test_products(void **state)
{
    (void)state;
    int64_t x = -1;
    assert_true(tn_mul_i64(INT64_MAX, 1, &x) && x == INT64_MAX);
    assert_true(tn_mul_i64(INT64_MAX, 0, &x) && x == 0);
    assert_true(tn_mul_i64(INT64_C(1) << 31, INT64_C(1) << 31, &x) && x == INT64_C(1) << 62);
    assert_false(tn_mul_i64(INT64_C(1) << 32, INT64_C(1) << 31, &x));
}

static void test_floor_division(void **state)
{
    (void)state;
    assert_true(tn_floor_div(7, 2) == 3 && tn_floor_div(-7, 2) == -4 && tn_floor_div(7, -2) == -4);
    assert_true(tn_floor_div(-7, -2) == 3 && tn_floor_div(-8, 2) == -4 && tn_floor_div(0, -3) == 0);
    assert_true(tn_floor_div(INT64_MIN, -1) == INT64_MIN && tn_floor_div(INT64_MIN, 2) == INT64_MIN / 2);
}

static void test_endings(void **state)
{
    (void)state;
    assert_true(tn_ends_with("x.npz", ".npz") && tn_ends_with(".npz", ".npz") && tn_ends_with("x", ""));
    assert_false(tn_ends_with("npz", ".npz") || tn_ends_with("x.npz.c", ".npz"));
}

static void test_text_builder(void **state)
{
    bench *b = *state;
    tn_str s = {.arena = &b->arena};
    for (int i = 0; i < 1000; i++)
        tn_str_add(&s, "%d,", i % 10);
    tn_str_put(&s, "\0z", 2);
    assert_int_equal(s.len, 2002);
    assert_memory_equal(s.text, "0,1,2,", 6);
    assert_memory_equal(s.text + 1998, "9,\0z", 5);
}

static void test_push(void **state)
{
    bench *b = *state;
    struct {
        int *items;
        size_t n, room;
    } v = {0};
    for (int i = 0; i < 1000; i++) {
        int *item = TN_PUSH(&b->arena, v);
        assert_int_equal(*item, 0);
        *item = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.items[i], i);
}

static void test_diagnostics(void **state)
{
    bench *b = *state;
    tn_error(&b->diag, "bad %d", 3);
    assert_string_equal(b->line, "error: bad 3");
    tn_error_at(&b->diag, "m.onnx", "bad %s", "name\nerror: \x1b[2J");
    assert_string_equal(b->line, "m.onnx: error: bad name?error: ?[2J");
    char longest[4000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    tn_error_at(&b->diag, longest, "%s", longest);
    assert_int_equal(strlen(b->line), 2047);
    assert_string_equal(b->line + 2044, "...");
    assert_int_equal(b->diag.errors, 3);
}

static void test_whole_files(void **state)
{
    bench *b = *state;
    size_t n;
    const char *path = put_file(b, "f", "a\0b", 3);
    char *bytes = tn_read_file(&b->arena, &b->diag, path, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(bytes, "a\0b", 4);
    put_file(b, "empty", "", 0);
    assert_non_null(tn_read_file(&b->arena, &b->diag, in_folder(b, "empty"), &n));
    assert_int_equal(n, 0);
    assert_null(tn_read_file(&b->arena, &b->diag, in_folder(b, "none"), &n));
    expect_line(b, "none: error: cannot open: No such file");
    assert_null(tn_read_file(&b->arena, &b->diag, b->folder, &n));
    expect_line(b, ": error: cannot ");
    assert_false(tn_write_file(&b->diag, in_folder(b, "no/such"), "x", 1));
    expect_line(b, "no/such: error: cannot write");
}

static void read_one_file(bench *b, tn_arena *a)
{
    size_t n;
    assert_non_null(tn_read_file(a, &b->diag, in_folder(b, "f"), &n));
}

static void test_whole_files_without_memory(void **state)
{
    bench *b = *state;
    put_file(b, "f", "0123456789abcdef0123456789abcdef", 32);
    assert_int_equal(sweep_memory(b, read_one_file), 3);
}

/* ---- half.h ---- */

static uint32_t bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static void test_halves_round_trip(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = tn_half_to_float((uint16_t)h), g = tn_bfloat_to_float((uint16_t)h);
        uint16_t back = tn_float_to_half(f), bback = tn_float_to_bfloat(g);
        if ((h & 0x7fffu) > 0x7c00u)
            assert_true(f != f && (back & 0x7fffu) > 0x7c00u && (back ^ h) < 0x8000u);
        else
            assert_int_equal(back, h);
        if ((h & 0x7fffu) > 0x7f80u)
            assert_true(g != g && (bback & 0x7fffu) > 0x7f80u && (bback ^ h) < 0x8000u);
        else
            assert_int_equal(bback, h);
    }
}

/* Worked by hand: a half has 10 bits after the point, its least normal is 2^-14 and its least value 2^-24. */
static void test_half_rounding(void **state)
{
    (void)state;
    static const struct {
        float from;
        uint16_t to;
    } rows[] = {
        {0.0f, 0x0000},
        {-0.0f, 0x8000},
        {1.0f, 0x3c00},
        {-2.0f, 0xc000},
        {0x1.002p0f, 0x3c00},     /* halfway, 1.0 is even */
        {0x1.006p0f, 0x3c02},     /* halfway, the upper is even */
        {0x1.002002p0f, 0x3c01},  /* just above halfway */
        {0x1.005ffep0f, 0x3c01},  /* just below halfway */
        {65504.0f, 0x7bff},       /* the largest */
        {0x1.ffdffep15f, 0x7bff}, /* just below 65520 */
        {65520.0f, 0x7c00},       /* halfway to 65536, which is even: infinity */
        {-1e30f, 0xfc00},
        {0x1p-14f, 0x0400},        /* the least normal */
        {0x1.ff8p-15f, 0x03ff},    /* the largest subnormal */
        {0x1.ffcp-15f, 0x0400},    /* halfway to the least normal, which is even */
        {0x1p-24f, 0x0001},        /* the least */
        {0x1p-25f, 0x0000},        /* halfway to 0 */
        {0x1.000002p-25f, 0x0001}, /* just above halfway */
        {0x1.8p-24f, 0x0002},      /* halfway between 1 and 2 units */
        {0x1p-149f, 0x0000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(tn_float_to_half(rows[i].from), rows[i].to);
    assert_int_equal(bits(tn_half_to_float(0x3555)), bits(0x1.554p-2f));
    assert_int_equal(bits(tn_half_to_float(0x8001)), bits(-0x1p-24f));
}

/* bfloat16 has 7 bits after the point and the exponents of float. */
static void test_bfloat_rounding(void **state)
{
    (void)state;
    assert_int_equal(tn_float_to_bfloat(1.0f), 0x3f80);
    assert_int_equal(tn_float_to_bfloat(0x1.01p0f), 0x3f80);     /* halfway, the lower is even */
    assert_int_equal(tn_float_to_bfloat(0x1.03p0f), 0x3f82);     /* halfway, the upper is even */
    assert_int_equal(tn_float_to_bfloat(0x1.010002p0f), 0x3f81); /* just above halfway */
    assert_int_equal(tn_float_to_bfloat(-0x1.fffffep127f), 0xff80);
    assert_int_equal(tn_float_to_bfloat(0x1p-149f), 0x0000);
}

/* ---- codec.h ---- */

/* A format by its definition: the numbers of its codes, those above the largest left out. */
typedef struct format {
    const tn_codec *codec;
    int e, m, bias, most; /* most: the code of the largest number */
    uint16_t sign, beyond, nan;
    bool has_minus_zero;
} format;

static const format formats[] = {
    {&tn_codec_e4m3fn, 4, 3, 7, 0x7e, 0x80, 0x7f, 0x7f, true},
    {&tn_codec_e4m3fnuz, 4, 3, 8, 0x7f, 0x80, 0x80, 0x80, false},
    {&tn_codec_e5m2, 5, 2, 15, 0x7b, 0x80, 0x7c, 0x7e, true},
    {&tn_codec_e5m2fnuz, 5, 2, 16, 0x7f, 0x80, 0x80, 0x80, false},
    {&tn_codec_e2m1, 2, 1, 1, 7, 8, 7, 8, true},
};

static double number_of(const format *f, int code)
{
    int exponent = code >> f->m, fraction = code & ((1 << f->m) - 1);
    return exponent == 0 ? ldexp(fraction, 1 - f->bias - f->m)
                         : ldexp(fraction + (1 << f->m), exponent - f->bias - f->m);
}

static void test_small_floats_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        for (int code = 0; code <= formats[i].most; code++) {
            const format *f = &formats[i];
            float x = f->codec->decode((uint16_t)code), y = f->codec->decode((uint16_t)(code | f->sign));
            assert_true((double)x == number_of(f, code));
            if (code > 0 || f->has_minus_zero)
                assert_int_equal(bits(y), bits(-x));
            assert_int_equal(f->codec->encode(x), code);
        }
    assert_true(isnan(tn_codec_e4m3fn.decode(0xff)) && isnan(tn_codec_e4m3fnuz.decode(0x80)));
    assert_true(isinf(tn_codec_e5m2.decode(0xfc)) && isnan(tn_codec_e5m2.decode(0x7d)));
}

/* Between two neighbours: the nearer, at the middle the even code; beyond the largest: what the format has for it. */
static void test_small_floats_round(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const format *f = &formats[i];
        for (int code = 0; code < f->most; code++) {
            float middle = (float)((number_of(f, code) + number_of(f, code + 1)) / 2);
            assert_int_equal(f->codec->encode(nextafterf(middle, 0)), code);
            assert_int_equal(f->codec->encode(middle), code % 2 == 0 ? code : code + 1);
            assert_int_equal(f->codec->encode(nextafterf(middle, INFINITY)), code + 1);
        }
        double half_a_place = (number_of(f, f->most) - number_of(f, f->most - 1)) / 2;
        float limit = (float)(number_of(f, f->most) + half_a_place);
        assert_int_equal(f->codec->encode(nextafterf(limit, 0)), f->most);
        assert_int_equal(f->codec->encode(limit), f->most % 2 == 0 ? f->most : f->beyond);
        assert_int_equal(f->codec->encode(1e30f), f->beyond);
        assert_int_equal(f->codec->encode(INFINITY), f->beyond);
        assert_int_equal(f->codec->encode(NAN), f->nan);
        assert_int_equal(f->codec->encode(-0.0f), f->has_minus_zero ? f->sign : 0);
        assert_int_equal(f->codec->encode(-1.0f), f->codec->encode(1.0f) | f->sign);
    }
}

static void test_e8m0(void **state)
{
    (void)state;
    for (int code = 0; code < 255; code++) {
        float x = tn_codec_e8m0.decode((uint16_t)code);
        assert_true((double)x == ldexp(1, code - 127));
        assert_int_equal(tn_codec_e8m0.encode(x), code);
        if (code > 0)
            assert_int_equal(tn_codec_e8m0.encode(x * 1.75f), code);
    }
    assert_true(isnan(tn_codec_e8m0.decode(255)));
    assert_int_equal(tn_codec_e8m0.encode(NAN), 255);
}

/* ---- hash.h and map.h ---- */

static void test_hashes(void **state)
{
    (void)state;
    assert_true(tn_hash("", 0, 0) == UINT64_C(0xcbf29ce484222325)); /* both from the draft's test vectors */
    assert_true(tn_hash("foobar", 6, 0) == UINT64_C(0x85944171f73967e8));
    assert_true(tn_hash("a", 1, 0) != tn_hash("a", 1, 1));
    assert_int_equal(tn_crc32(0, "", 0), 0);
    assert_int_equal(tn_crc32(tn_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(tn_crc32(0, "123456789", 9), 0xcbf43926); /* the check value of CRC-32/ISO-HDLC */
}

static void test_map(void **state)
{
    bench *b = *state;
    tn_map m = {0};
    static int values[5000];
    assert_null(tn_map_get(&m, "x"));
    for (int i = 0; i < 5000; i++)
        tn_map_put(&b->arena, &m, tn_strfmt(&b->arena, "key%d", i), &values[i]);
    tn_map_put(&b->arena, &m, "key7", &values[8]);
    tn_map_put(&b->arena, &m, "", &values[9]);
    assert_int_equal(m.n, 5001);
    for (int i = 0; i < 5000; i++)
        assert_ptr_equal(tn_map_get(&m, tn_strfmt(&b->arena, "key%d", i)), &values[i == 7 ? 8 : i]);
    assert_ptr_equal(tn_map_get(&m, ""), &values[9]);
    assert_null(tn_map_get(&m, "key5000"));
}

/* ---- path.h ---- */

static void test_path_names(void **state)
{
    bench *b = *state;
    static const char *const joins[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"a", "/b", "/b"}, {"/", "b", "/b"}, {"a", "", "a"},
    };
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++)
        assert_string_equal(tn_path_join(&b->arena, joins[i][0], joins[i][1]), joins[i][2]);
    static const char *const stems[][2] = {
        {"out/kws.v1.onnx", "kws.v1"},
        {"kws", "kws"},
        {".rc", ".rc"},
        {"d.x/kws", "kws"},
        {"d.x/", "d"},
        {"", ""},
        {"/", ""},
        {"a.", "a"},
        {"d/.rc.bak", ".rc"},
    };
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++)
        assert_string_equal(tn_path_stem(&b->arena, stems[i][0]), stems[i][1]);
}

static void test_path_folders(void **state)
{
    bench *b = *state;
    char **names;
    size_t n;
    assert_true(tn_path_make_folder(&b->diag, in_folder(b, "x/y//z/")));
    assert_true(tn_path_make_folder(&b->diag, in_folder(b, "x/y")));
    assert_true(tn_path_is_folder(in_folder(b, "x/y/z")));
    put_file(b, "x/b", "", 0);
    put_file(b, "x/B", "", 0);
    put_file(b, "x/.a", "", 0);
    assert_true(tn_path_exists(in_folder(b, "x/b")));
    assert_false(tn_path_is_folder(in_folder(b, "x/b")));
    assert_false(tn_path_make_folder(&b->diag, in_folder(b, "x/b/c")));
    expect_line(b, "x/b/c: error: cannot make the folder");
    assert_false(tn_path_make_folder(&b->diag, ""));
    expect_line(b, "No such file");
    assert_true(tn_path_list(&b->arena, &b->diag, in_folder(b, "x"), &names, &n));
    assert_int_equal(n, 4);
    assert_string_equal(names[0], ".a");
    assert_string_equal(names[1], "B");
    assert_string_equal(names[2], "b");
    assert_string_equal(names[3], "y");
    assert_false(tn_path_list(&b->arena, &b->diag, in_folder(b, "none"), &names, &n));
    expect_line(b, "none: error: cannot list the folder: No such file");
}

static void test_path_remove_tree(void **state)
{
    bench *b = *state;
    assert_true(tn_path_make_folder(&b->diag, in_folder(b, "gone/deep/er")));
    assert_true(tn_path_make_folder(&b->diag, in_folder(b, "kept")));
    put_file(b, "kept/file", "here", 4);
    put_file(b, "gone/deep/file", "x", 1);
    assert_int_equal(symlink("../../kept", in_folder(b, "gone/deep/link")), 0);
    assert_int_equal(symlink("kept", in_folder(b, "link")), 0);
    assert_true(tn_path_remove_tree(&b->diag, in_folder(b, "link/")));
    assert_true(tn_path_remove_tree(&b->diag, in_folder(b, "gone")));
    assert_true(tn_path_remove_tree(&b->diag, in_folder(b, "gone")));
    assert_false(tn_path_exists(in_folder(b, "gone")));
    assert_false(tn_path_exists(in_folder(b, "link")));
    expect_file(b, "kept/file", "here");
}

static void test_path_replace_folder(void **state)
{
    bench *b = *state;
    const char *to = in_folder(b, "out/");
    char **names;
    size_t n;
    for (int round = 0; round < 2; round++) {
        const char *from = tn_path_temp_folder(&b->arena, &b->diag, to);
        assert_non_null(from);
        assert_true(tn_write_file(&b->diag, tn_path_join(&b->arena, from, "f"), round == 0 ? "old" : "new", 3));
        assert_true(tn_path_replace_folder(&b->diag, from, to));
        expect_file(b, "out/f", round == 0 ? "old" : "new");
    }
    assert_false(tn_path_replace_folder(&b->diag, in_folder(b, "none"), to));
    expect_line(b, "cannot be replaced by");
    expect_file(b, "out/f", "new");
    put_file(b, "plain", "x", 1);
    assert_false(tn_path_replace_folder(&b->diag, to, in_folder(b, "plain")));
    expect_line(b, "plain: error: is not a folder");
    assert_true(tn_path_list(&b->arena, &b->diag, b->folder, &names, &n));
    assert_int_equal(n, 2); /* out and plain: nothing aside stays */
}

static void list_one_folder(bench *b, tn_arena *a)
{
    char **names;
    size_t n;
    assert_true(tn_path_list(a, &b->diag, b->folder, &names, &n));
}

static void test_path_list_without_memory(void **state)
{
    bench *b = *state;
    for (char name[] = "a"; name[0] < 'p'; name[0]++)
        put_file(b, name, "", 0);
    assert_true(sweep_memory(b, list_one_folder) > 15);
}

/* ---- child.h ---- */

static void test_child_run(void **state)
{
    bench *b = *state;
    char *output = NULL;
    const char *const both[] = {"sh", "-c", "echo out; echo err >&2; cat; exit 3", NULL};
    assert_int_equal(tn_child_run(&b->arena, &b->diag, both, NULL, &output), 3);
    assert_string_equal(output, "out\nerr\n");
    assert_int_equal(tn_child_run(&b->arena, &b->diag, both, NULL, NULL), 3);
    const char *const quiet[] = {"true", NULL};
    assert_int_equal(tn_child_run(&b->arena, &b->diag, quiet, NULL, &output), 0);
    assert_string_equal(output, "");
    const char *const large[] = {"sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo 0123456; i=$((i+1)); done", NULL};
    assert_int_equal(tn_child_run(&b->arena, &b->diag, large, NULL, &output), 0);
    assert_int_equal(strlen(output), 160000);
    const char *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
    assert_int_equal(tn_child_run(&b->arena, &b->diag, killed, NULL, NULL), 128 + 9);
    put_file(b, "f", "here", 4);
    const char *const cat[] = {"cat", "f", NULL};
    assert_int_equal(tn_child_run(&b->arena, &b->diag, cat, b->folder, &output), 0);
    assert_string_equal(output, "here");
    assert_int_equal(b->diag.errors, 0);
}

static void test_child_errors(void **state)
{
    bench *b = *state;
    int fds = next_fd();
    const char *const missing[] = {"tenon-no-such-cc", "-O2", NULL};
    assert_int_equal(tn_child_run(&b->arena, &b->diag, missing, NULL, NULL), -1);
    assert_string_equal(b->line, "error: cannot run 'tenon-no-such-cc': command not found");
    const char *const fine[] = {"true", NULL};
    assert_int_equal(tn_child_run(&b->arena, &b->diag, fine, in_folder(b, "none"), NULL), -1);
    expect_line(b, "none: error: cannot run 'true' in this folder: No such file");
    const char *const folder[] = {b->folder, NULL};
    assert_int_equal(tn_child_run(&b->arena, &b->diag, folder, NULL, NULL), -1);
    expect_line(b, "Permission denied");
    assert_int_equal(next_fd(), fds);
}

static void run_one_child(bench *b, tn_arena *a)
{
    const char *const argv[] = {"sh", "-c", "echo 0123456789; exec sleep 0.01", NULL};
    char *output;
    assert_int_equal(tn_child_run(a, &b->diag, argv, NULL, &output), 0);
}

static void test_child_without_memory(void **state)
{
    assert_true(sweep_memory(*state, run_one_child) > 0);
}

static void test_child_split(void **state)
{
    bench *b = *state;
    size_t n;
    const char *line = "  ccache gcc\t-O2 \"-DX=a b\" '-DY=\"c\"' -I\"in c\"/x a\\ b \"\\\"\\n\" '' ";
    char **w = tn_child_split(&b->arena, line, &n);
    static const char *const want[] = {"ccache", "gcc", "-O2", "-DX=a b", "-DY=\"c\"", "-Iin c/x", "a b", "\"\\n", ""};
    assert_int_equal(n, 9);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(w[i], want[i]);
    assert_null(w[n]);
    w = tn_child_split(&b->arena, " ", &n);
    assert_int_equal(n, 0);
    assert_null(w[0]);
    assert_null(tn_child_split(&b->arena, "gcc \"-DX", &n));
    assert_null(tn_child_split(&b->arena, "gcc 'x", &n));
    assert_string_equal(tn_child_split(&b->arena, "a\\", &n)[0], "a\\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_arena),
        FOLDER_TEST(test_out_of_memory_unwinds),
        FOLDER_TEST(test_sizes_that_overflow_unwind),
        FOLDER_TEST(test_products),
        FOLDER_TEST(test_floor_division),
        FOLDER_TEST(test_endings),
        FOLDER_TEST(test_text_builder),
        FOLDER_TEST(test_push),
        FOLDER_TEST(test_diagnostics),
        FOLDER_TEST(test_whole_files),
        FOLDER_TEST(test_whole_files_without_memory),
        FOLDER_TEST(test_halves_round_trip),
        FOLDER_TEST(test_half_rounding),
        FOLDER_TEST(test_bfloat_rounding),
        FOLDER_TEST(test_small_floats_decode),
        FOLDER_TEST(test_small_floats_round),
        FOLDER_TEST(test_e8m0),
        FOLDER_TEST(test_hashes),
        FOLDER_TEST(test_map),
        FOLDER_TEST(test_path_names),
        FOLDER_TEST(test_path_folders),
        FOLDER_TEST(test_path_remove_tree),
        FOLDER_TEST(test_path_replace_folder),
        FOLDER_TEST(test_path_list_without_memory),
        FOLDER_TEST(test_child_run),
        FOLDER_TEST(test_child_errors),
        FOLDER_TEST(test_child_without_memory),
        FOLDER_TEST(test_child_split),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
