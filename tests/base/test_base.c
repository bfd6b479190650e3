/* The ground floor: base.h, half.h, unwind.h, hash.h, map.h, path.h, child.h, npy.h, npz.h and tar.h. Every test gets a
   fresh arena, a fresh folder and a diagnostic that keeps the last line. */
#define _POSIX_C_SOURCE 200809L
#include "base/base.h"
#include "base/child.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/npz.h"
#include "base/path.h"
#include "base/tar.h"
#include "base/unwind.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- what every test gets ---- */

typedef struct bench {
    tn_memory memory;
    tn_arena arena;
    tn_diag diag;
    char line[2100]; /* the last diagnostic */
    const char *folder;
    int allowed; /* allocations until the allocator says no */
    int live;    /* blocks not released */
} bench;

static void keep_line(void *user, const char *line)
{
    bench *b = user;
    snprintf(b->line, sizeof b->line, "%s", line);
}

static void *count_alloc(void *user, size_t size)
{
    bench *b = user;
    if (b->allowed <= 0)
        return NULL;
    void *p = malloc(size);
    if (p != NULL) {
        b->allowed--;
        b->live++;
    }
    return p;
}

static void count_release(void *user, void *p)
{
    ((bench *)user)->live--;
    free(p);
}

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    b->memory = (tn_memory){count_alloc, count_release, b, NULL};
    b->arena.memory = &b->memory;
    b->allowed = 1 << 20;
    b->diag = (tn_diag){keep_line, b, 0};
    b->folder = tn_path_temp_folder(&b->arena, &b->diag, NULL);
    *state = b;
    return b->folder == NULL;
}

static int tear_down(void **state)
{
    bench *b = *state;
    bool removed = tn_path_remove_tree(&b->diag, b->folder);
    tn_arena_free(&b->arena);
    int live = b->live;
    free(b);
    return !removed || live != 0;
}

static const char *in_folder(bench *b, const char *name)
{
    return tn_path_join(&b->arena, b->folder, name);
}

static const char *put_file(bench *b, const char *name, const void *bytes, size_t n)
{
    const char *path = in_folder(b, name);
    assert_true(tn_write_file(&b->diag, path, bytes, n));
    return path;
}

static void expect_line(const bench *b, const char *part)
{
    if (strstr(b->line, part) == NULL)
        fail_msg("wanted '%s' in '%s'", part, b->line);
}

static void expect_file(bench *b, const char *name, const char *content)
{
    size_t n;
    char *bytes = tn_read_file(&b->arena, &b->diag, in_folder(b, name), &n);
    assert_non_null(bytes);
    assert_string_equal(bytes, content);
}

/* The number the next opened file gets: grows when one leaks. */
static int next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    return fd;
}

/* Whether work finished with so many more allocations; false when it ran out of memory. */
static bool fits_in(bench *b, tn_arena *a, int allocations, void (*work)(bench *b, tn_arena *a))
{
    jmp_buf guard;
    volatile bool finished = false;
    const int allowed = b->allowed;
    b->memory.guard = &guard;
    b->allowed = allocations;
    if (setjmp(guard) == 0) {
        work(b, a);
        finished = true;
    }
    assert_ptr_equal(b->memory.guard, &guard); /* whoever set another put this one back */
    b->memory.guard = NULL;
    b->allowed = allowed;
    return finished;
}

/* Runs work with ever more room, 16 bytes at a time, until it no longer runs out of memory. Each time it does, nothing
   may stay open; the sanitizer sees what is leaked. Returns how often it ran out. */
static int sweep_memory(bench *b, void (*work)(bench *b, tn_arena *a))
{
    int fds = next_fd();
    for (int tries = 0; tries < 1 << 12; tries++) {
        tn_arena small = {&b->memory, NULL, 0};
        tn_alloc(&small, ((size_t)1 << 16) - 16 * (size_t)tries);
        bool finished = fits_in(b, &small, 0, work);
        tn_arena_free(&small);
        assert_int_equal(next_fd(), fds);
        if (finished)
            return tries;
    }
    fail_msg("work does not fit in a block");
    return -1;
}

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
        {0x1.002p0f, 0x3c00},      /* halfway, 1.0 is even */
        {0x1.006p0f, 0x3c02},      /* halfway, the upper is even */
        {0x1.002002p0f, 0x3c01},   /* just above halfway */
        {0x1.005ffep0f, 0x3c01},   /* just below halfway */
        {65504.0f, 0x7bff},        /* the largest */
        {0x1.ffdffep15f, 0x7bff},  /* just below 65520 */
        {65520.0f, 0x7c00},        /* halfway to 65536, which is even: infinity */
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

/* ---- hash.h and map.h ---- */

static void test_hashes(void **state)
{
    (void)state;
    assert_true(tn_hash("", 0, 0) == UINT64_C(0xcbf29ce484222325)); /* both from the draft's test vectors */
    assert_true(tn_hash("foobar", 6, 0) == UINT64_C(0x85944171f73967e8));
    assert_true(tn_hash("a", 1, 0) != tn_hash("a", 1, 1));
    assert_int_equal(tn_crc32("", 0), 0);
    assert_int_equal(tn_crc32("123456789", 9), 0xcbf43926); /* the check value of CRC-32/ISO-HDLC */
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
        {"out/kws.v1.onnx", "kws.v1"}, {"kws", "kws"}, {".rc", ".rc"}, {"d.x/kws", "kws"}, {"d.x/", "d"},
        {"", ""},                      {"/", ""},      {"a.", "a"},    {"d/.rc.bak", ".rc"},
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

/* ---- npy.h ---- */

/* A file of the version with the dictionary and the items; its length in *size. */
static unsigned char *make_npy(bench *b, int version, const char *dictionary, const void *items, size_t n, size_t *size)
{
    tn_str s = {.arena = &b->arena};
    size_t len = strlen(dictionary);
    tn_str_put(&s, "\x93NUMPY", 6);
    tn_str_put(&s, (const char[]){(char)version, 0, (char)(len & 255u), (char)(len >> 8), 0, 0}, version == 1 ? 4 : 6);
    tn_str_put(&s, dictionary, len);
    tn_str_put(&s, items, n);
    *size = s.len;
    return (unsigned char *)s.text;
}

static bool parse_npy(bench *b, int version, const char *dictionary, const void *items, size_t n, tn_array *out)
{
    size_t size;
    unsigned char *bytes = make_npy(b, version, dictionary, items, n, &size);
    unsigned char *exact = malloc(size); /* so that the sanitizer sees a read past the end */
    memcpy(exact, bytes, size);
    bool ok = tn_npy_parse(&b->arena, &b->diag, "t.npy", exact, size, out);
    free(exact);
    return ok;
}

static void test_npy_types(void **state)
{
    bench *b = *state;
    static const struct {
        const char *descr;
        int size, onnx;
    } rows[] = {
        {"<f4", 4, 1},  {"|u1", 1, 2}, {"|i1", 1, 3}, {"<u2", 2, 4},  {"<i2", 2, 5},  {"<i4", 4, 6},  {"<i8", 8, 7},
        {"|b1", 1, 9},  {"<f2", 2, 10}, {"<f8", 8, 11}, {"<u4", 4, 12}, {"<u8", 8, 13}, {">f4", 4, 1}, {">i8", 8, 7},
        {">f2", 2, 10}, {"<i1", 1, 3}, {">u1", 1, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char items[16] = {0}, want[16] = {0};
        bool big = rows[i].descr[0] == '>';
        items[big ? rows[i].size - 1 : 0] = 1; /* 1 in its own byte order; host order below is little */
        want[0] = 1;
        const char *form = "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }";
        const char *text = tn_strfmt(&b->arena, form, rows[i].descr);
        tn_array t;
        for (int version = 1; version <= 3; version++) {
            assert_true(parse_npy(b, version, text, items, 2 * (size_t)rows[i].size, &t));
            assert_int_equal(t.dtype, rows[i].onnx);
            assert_int_equal(t.rank, 1);
            assert_int_equal(t.dim[0], 2);
            assert_int_equal(t.bytes, 2 * rows[i].size);
            assert_memory_equal(t.data, want, (size_t)rows[i].size);
        }
    }
}

/* numpy.asfortranarray(numpy.arange(24, dtype='>i2').reshape(2, 3, 4)): the first axis runs fastest. */
static void test_npy_fortran_order(void **state)
{
    bench *b = *state;
    unsigned char items[48] = {0};
    for (int k = 0, at = 1; k < 4; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++, at += 2)
                items[at] = (unsigned char)(12 * i + 4 * j + k);
    tn_array t;
    assert_true(parse_npy(b, 1, "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3, 4), }", items, 48, &t));
    for (int16_t i = 0; i < 24; i++)
        assert_int_equal(((int16_t *)t.data)[i], i);
    assert_true(parse_npy(b, 1, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 0, 4), }", items, 0, &t));
    assert_int_equal(t.bytes, 0);
}

static void test_npy_header_variants(void **state)
{
    bench *b = *state;
    tn_array t;
    const unsigned char seven[8] = {7};
    assert_true(parse_npy(b, 1, "{\"shape\":(),\"descr\":\"<i8\",\"fortran_order\":False}  \n", seven, 8, &t));
    assert_int_equal(t.rank, 0);
    assert_int_equal(*(int64_t *)t.data, 7);
    assert_true(parse_npy(b, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 4L), }\n", seven, 8, &t));
    assert_int_equal(t.dim[1], 4);
    assert_true(parse_npy(b, 1, "{'descr':'|b1','fortran_order':False,'shape':(8,)}", seven, 8, &t));
    assert_int_equal(((unsigned char *)t.data)[0], 1); /* a bool is 0 or 1, whatever the byte was */
}

static void test_npy_hostile_headers(void **state)
{
    bench *b = *state;
    static const char *const rows[][2] = {
        {"", "not a Python dictionary"},
        {"{", "not a Python dictionary"},
        {"{'descr", "not a Python dictionary"},
        {"{'descr': '<f4'", "not closed"},
        {"{'descr': '<f4', }", "lacks 'fortran_order'"},
        {"{'descr': '<f4', 'fortran_order': False}", "lacks 'shape'"},
        {"{'fortran_order': False, 'shape': ()}", "lacks 'descr'"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "descr '<c8' is not a type"},
        {"{'descr': '=f4', 'fortran_order': False, 'shape': (1,)}", "descr '=f4' is not a type"},
        {"{'descr': '', 'fortran_order': False, 'shape': (1,)}", "descr '' is not a type"},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", "descr '<f16' is not a type"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "descr '|O' is not a type"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "descr [('a', '<f4')]"},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}", "neither True nor False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 4}", "not a tuple"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "not a tuple of numbers"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1", "not closed"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", "not a tuple of numbers"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "more than 8 axes"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", "does not fit 64 bits"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (92233720368547758070,)}", "does not fit 64 bits"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}", "too large to address"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 9223372036854775807, 4)}", "too large to address"},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (4294967296, 2147483647)}", "has 4 bytes of data"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "has 4 bytes of data where its shape needs 8"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", "has 4 bytes of data where its shape needs 3"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", "unknown key 'x'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} + 1", "goes on after"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tn_array t;
        assert_false(parse_npy(b, 1, rows[i][0], "\0\0\0\0", 4, &t));
        expect_line(b, "t.npy: error: ");
        expect_line(b, rows[i][1]);
    }
}

/* Every file cut short and every byte changed: an answer or an error, never a crash. */
static void test_npy_damage(void **state)
{
    bench *b = *state;
    size_t size;
    const char *text = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }";
    unsigned char *bytes = make_npy(b, 1, text, "01234567", 8, &size);
    tn_array t;
    for (size_t n = 0; n < size; n++) {
        unsigned char *cut = malloc(n > 0 ? n : 1);
        memcpy(cut, bytes, n);
        assert_false(tn_npy_parse(&b->arena, &b->diag, "t.npy", cut, n, &t));
        free(cut);
    }
    for (size_t i = 0; i < size; i++)
        for (int x = 1; x < 256; x++) {
            bytes[i] = (unsigned char)(bytes[i] ^ x);
            tn_npy_parse(&b->arena, &b->diag, "t.npy", bytes, size, &t);
            bytes[i] = (unsigned char)(bytes[i] ^ x);
        }
    bytes[6] = 4;
    assert_false(tn_npy_parse(&b->arena, &b->diag, "t.npy", bytes, size, &t));
    expect_line(b, "version 4.0");
}

/* The header that numpy 2.4.6 wrote for numpy.array([[1, 2, 3], [4, 5, 6.5]], '<f4'). */
static void test_npy_header_as_numpy(void **state)
{
    bench *b = *state;
    tn_array t = {.dtype = 1, .rank = 2, .dim = {2, 3}};
    size_t n;
    const char *got = tn_npy_header(&b->arena, &t, &n);
    const char *want = tn_strfmt(&b->arena, "%-117s\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
    assert_int_equal(n, 128);
    assert_memory_equal(got, "\x93NUMPY\x01\x00v\x00", 10);
    assert_memory_equal(got + 10, want, 118);
    t = (tn_array){.dtype = 16};
    assert_null(tn_npy_header(&b->arena, &t, &n));
}

static void test_npy_read(void **state)
{
    bench *b = *state;
    size_t n;
    const float items[2] = {1.5f, -2.0f};
    const void *bytes = make_npy(b, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", items, 8, &n);
    put_file(b, "in.x.npy", bytes, n);
    tn_array t;
    assert_true(tn_npy_read(&b->arena, &b->diag, in_folder(b, "in.x.npy"), &t));
    assert_string_equal(t.name, "in.x");
    assert_memory_equal(t.data, items, 8);
    assert_int_equal((uintptr_t)t.data % 16, 0);
}

/* ---- npz.h ---- */

/* numpy.savez_compressed(f, a=numpy.array([1, 2], '<i4'), b=numpy.array([True, False, True])), numpy 2.4.6. */
static const unsigned char numpy_npz[] = {
    0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x0b, 0xf9, 0xaa, 0x2d,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x61, 0x2e, 0x6e, 0x70, 0x79, 0x01,
    0x00, 0x10, 0x00, 0x88, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c,
    0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x69, 0xa2, 0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98,
    0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x77, 0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16,
    0xa4, 0x02, 0xf9, 0x1a, 0x46, 0x3a, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0x14, 0x00, 0x2e, 0x46, 0x06, 0x06, 0x06,
    0x26, 0x20, 0x06, 0x00, 0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00,
    0x16, 0x93, 0x8c, 0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x62, 0x2e,
    0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x83, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x47, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e,
    0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x5e, 0x93, 0x64, 0xa8, 0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f,
    0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x77, 0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a,
    0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a, 0xc6, 0x3a, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0x14, 0x00, 0x2e,
    0x46, 0x06, 0x46, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
    0x21, 0x00, 0x0b, 0xf9, 0xaa, 0x2d, 0x4b, 0x00, 0x00, 0x00, 0x88, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x61, 0x2e, 0x6e, 0x70,
    0x79, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x16,
    0x93, 0x8c, 0xbb, 0x47, 0x00, 0x00, 0x00, 0x83, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x82, 0x00, 0x00, 0x00, 0x62, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b,
    0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x02, 0x00, 0x66, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
    0x00, 0x00,
};

static void test_npz_from_numpy(void **state)
{
    bench *b = *state;
    const char *path = put_file(b, "n.npz", numpy_npz, sizeof numpy_npz);
    tn_array_vec v = {0};
    assert_true(tn_npz_read(&b->arena, &b->diag, path, &v));
    assert_int_equal(v.n, 2);
    assert_string_equal(v.items[0].name, "a");
    assert_int_equal(v.items[0].dtype, 6);
    assert_int_equal(((int32_t *)v.items[0].data)[1], 2);
    assert_string_equal(v.items[1].name, "b");
    assert_int_equal(v.items[1].dtype, 9);
    assert_memory_equal(v.items[1].data, "\1\0\1", 3);
}

static void test_npz_round_trip(void **state)
{
    bench *b = *state;
    float x[6] = {1, 2, 3, 4, 5, 6.5f};
    int64_t scalar = -7;
    const tn_array items[] = {
        {"conv1/weight:0", 1, 2, {2, 3}, sizeof x, x},
        {"s\xc3\xa9", 7, 0, {0}, 8, &scalar},
        {"none", 10, 3, {4, 0, 2}, 0, NULL},
    };
    size_t n[2];
    char *bytes[2];
    for (int i = 0; i < 2; i++) {
        setenv("TZ", i == 0 ? "Asia/Tokyo" : "UTC+9", 1);
        const char *path = in_folder(b, i == 0 ? "a.npz" : "b.npz");
        assert_true(tn_npz_write(&b->arena, &b->diag, path, items, 3));
        bytes[i] = tn_read_file(&b->arena, &b->diag, path, &n[i]);
    }
    unsetenv("TZ");
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
    tn_array_vec v = {0};
    assert_true(tn_npz_read(&b->arena, &b->diag, in_folder(b, "a.npz"), &v));
    assert_int_equal(v.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(v.items[i].name, items[i].name);
        assert_int_equal(v.items[i].dtype, items[i].dtype);
        assert_int_equal(v.items[i].rank, items[i].rank);
        assert_memory_equal(v.items[i].dim, items[i].dim, sizeof items[i].dim);
        assert_int_equal(v.items[i].bytes, items[i].bytes);
        if (items[i].bytes > 0)
            assert_memory_equal(v.items[i].data, items[i].data, items[i].bytes);
    }
    assert_false(tn_path_exists(in_folder(b, "a.npz.part")));
}

static void test_npz_empty(void **state)
{
    bench *b = *state;
    tn_array_vec v = {0};
    assert_true(tn_npz_write(&b->arena, &b->diag, in_folder(b, "e.npz"), NULL, 0));
    assert_true(tn_npz_read(&b->arena, &b->diag, in_folder(b, "e.npz"), &v));
    assert_int_equal(v.n, 0);
}

static void test_npz_errors(void **state)
{
    bench *b = *state;
    tn_array_vec v = {0};
    uint16_t half = 0;
    const tn_array bf = {"w", 16, 0, {0}, 2, &half}, h = {"w", 10, 0, {0}, 2, &half}, same[] = {h, h};
    assert_false(tn_npz_write(&b->arena, &b->diag, in_folder(b, "w.npz"), &bf, 1));
    expect_line(b, "w.npz: error: 'w' is of ONNX type 16 (bfloat16), which numpy has no type for");
    assert_false(tn_npz_write(&b->arena, &b->diag, in_folder(b, "w.npz"), same, 2));
    expect_line(b, "w.npz: error: cannot add 'w.npy': ");
    assert_false(tn_path_exists(in_folder(b, "w.npz")));
    assert_false(tn_npz_write(&b->arena, &b->diag, in_folder(b, "no/w.npz"), same, 1));
    expect_line(b, "no/w.npz: error: cannot ");
    assert_false(tn_npz_read(&b->arena, &b->diag, in_folder(b, "none.npz"), &v));
    expect_line(b, "none.npz: error: cannot open: No such file");
    assert_false(tn_npz_read(&b->arena, &b->diag, put_file(b, "text.npz", "hello, world", 12), &v));
    expect_line(b, "text.npz: error: cannot open as an .npz (zip) file: ");
    assert_false(tn_npz_read(&b->arena, &b->diag, b->folder, &v));
}

/* An entry renamed in place, both where it lies and in the directory at the end; then a false size in that. */
static void test_npz_hostile_entries(void **state)
{
    bench *b = *state;
    unsigned char bytes[sizeof numpy_npz];
    tn_array_vec v = {0};
    static const char *const names[][2] = {
        {"b.npy", "entry 'b.npy': is there twice"},
        {"a.txt", "entry 'a.txt': is not a .npy"},
    };
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        memcpy(bytes, numpy_npz, sizeof bytes);
        for (size_t i = 0; i + 5 <= sizeof bytes; i++)
            if (memcmp(bytes + i, "a.npy", 5) == 0)
                memcpy(bytes + i, names[k][0], 5);
        assert_false(tn_npz_read(&b->arena, &b->diag, put_file(b, "h.npz", bytes, sizeof bytes), &v));
        expect_line(b, names[k][1]);
    }
    memcpy(bytes, numpy_npz, sizeof bytes);
    for (size_t i = 0; i + 46 < sizeof bytes; i++)
        if (memcmp(bytes + i, "PK\1\2", 4) == 0)
            memset(bytes + i + 24, 0x7f, 4); /* the size it claims to unpack to */
    assert_false(tn_npz_read(&b->arena, &b->diag, put_file(b, "h.npz", bytes, sizeof bytes), &v));
    expect_line(b, "h.npz: error: ");
}

static void test_npz_damage(void **state)
{
    bench *b = *state;
    unsigned char bytes[sizeof numpy_npz];
    int fds = next_fd(), refused = 0;
    const char *path = in_folder(b, "d.npz");
    for (size_t i = 0; i < sizeof bytes; i++) {
        tn_array_vec v = {0};
        assert_true(tn_write_file(&b->diag, path, numpy_npz, i));
        assert_false(tn_npz_read(&b->arena, &b->diag, path, &v));
        for (int x = 1; x < 256; x = x * 4 + 3) {
            memcpy(bytes, numpy_npz, sizeof bytes);
            bytes[i] = (unsigned char)(bytes[i] ^ x);
            assert_true(tn_write_file(&b->diag, path, bytes, sizeof bytes));
            refused += !tn_npz_read(&b->arena, &b->diag, path, &v);
        }
    }
    assert_true(refused > (int)sizeof bytes);
    assert_int_equal(next_fd(), fds);
}

static void read_one_npz(bench *b, tn_arena *a)
{
    tn_array_vec v = {0};
    assert_true(tn_npz_read(a, &b->diag, in_folder(b, "n.npz"), &v));
}

static void test_npz_without_memory(void **state)
{
    bench *b = *state;
    put_file(b, "n.npz", numpy_npz, sizeof numpy_npz);
    assert_true(sweep_memory(b, read_one_npz) > 20);
}

/* ---- tar.h ---- */

static void make_small_folder(bench *b, const char *name)
{
    assert_true(tn_path_make_folder(&b->diag, in_folder(b, tn_path_join(&b->arena, name, "include"))));
    put_file(b, tn_path_join(&b->arena, name, "kws.c"), "int x;\n", 7);
    put_file(b, tn_path_join(&b->arena, name, "include/kws.h"), "/* h */\n", 8);
    put_file(b, tn_path_join(&b->arena, name, "empty"), "", 0);
    put_file(b, tn_path_join(&b->arena, name, "n\xc3\xa9.txt"), "e", 1);
}

static void test_tar_round_trip(void **state)
{
    bench *b = *state;
    make_small_folder(b, "one");
    assert_int_equal(chmod(in_folder(b, "one/kws.c"), 0700), 0);
    assert_true(tn_tar_write(&b->arena, &b->diag, in_folder(b, "one.tar"), in_folder(b, "one")));
    make_small_folder(b, "two");
    assert_true(tn_tar_write(&b->arena, &b->diag, in_folder(b, "two.tar"), in_folder(b, "two")));
    size_t n, m;
    char *one = tn_read_file(&b->arena, &b->diag, in_folder(b, "one.tar"), &n);
    char *two = tn_read_file(&b->arena, &b->diag, in_folder(b, "two.tar"), &m);
    assert_int_equal(n, m);
    assert_memory_equal(one, two, n);
    assert_string_equal(one, "empty");              /* the least name */
    assert_string_equal(one + 512, "include/kws.h");
    assert_string_equal(one + 257, "ustar");
    assert_true(tn_tar_extract(&b->arena, &b->diag, in_folder(b, "one.tar"), in_folder(b, "new/out")));
    expect_file(b, "new/out/kws.c", "int x;\n");
    expect_file(b, "new/out/include/kws.h", "/* h */\n");
    expect_file(b, "new/out/empty", "");
    expect_file(b, "new/out/n\xc3\xa9.txt", "e");
    assert_true(tn_tar_extract(&b->arena, &b->diag, in_folder(b, "one.tar"), in_folder(b, "new/out")));
    assert_false(tn_path_exists(in_folder(b, "one.tar.part")));
}

static void test_tar_write_errors(void **state)
{
    bench *b = *state;
    assert_false(tn_tar_write(&b->arena, &b->diag, in_folder(b, "x.tar"), in_folder(b, "none")));
    expect_line(b, "none: error: cannot list the folder");
    make_small_folder(b, "one");
    assert_false(tn_tar_write(&b->arena, &b->diag, in_folder(b, "no/x.tar"), in_folder(b, "one")));
    expect_line(b, "no/x.tar: error: ");
    assert_int_equal(symlink("kws.c", in_folder(b, "one/link")), 0);
    assert_false(tn_tar_write(&b->arena, &b->diag, in_folder(b, "x.tar"), in_folder(b, "one")));
    expect_line(b, "one/link: error: is neither a file nor a folder");
    assert_false(tn_path_exists(in_folder(b, "x.tar")));
}

/* One ustar header by hand (POSIX pax, "ustar Interchange Format") and the two blocks of zeros that end an archive. */
static const char *put_tar(bench *b, const char *name, char type, const char *link, const char *size)
{
    char block[512 * 4] = {0};
    unsigned sum = 8 * ' ';
    snprintf(block, 100, "%s", name);
    memcpy(block + 100, "0000644\0000000000\0000000000\0", 24);
    memcpy(block + 124, size, 11);
    memcpy(block + 136, "00000000000", 11);
    block[156] = type;
    snprintf(block + 157, 100, "%s", link);
    memcpy(block + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)block[i];
    snprintf(block + 148, 8, "%06o", sum & 0777777u);
    block[155] = ' ';
    memcpy(block + 512, "evil", 4);
    return put_file(b, "h.tar", block, sizeof block);
}

static void test_tar_hostile_entries(void **state)
{
    bench *b = *state;
    static const struct {
        const char *name;
        char type;
        const char *link, *size, *line;
    } rows[] = {
        {"/tmp/evil", '0', "", "00000000004", "absolute"},
        {"../evil", '0', "", "00000000004", "'..'"},
        {"a/../../evil", '0', "", "00000000004", "'..'"},
        {"a/..", '5', "", "00000000000", "'..'"},
        {"evil", '2', "/etc/passwd", "00000000000", "is a link"},
        {"evil", '1', "kws.c", "00000000000", "is a link"},
        {"evil", '6', "", "00000000000", "neither a file nor a folder"},
        {"evil", '3', "", "00000000000", "neither a file nor a folder"},
        {"evil", '0', "", "77777777777", "larger than the archive"},
    };
    const char *out = in_folder(b, "out");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *path = put_tar(b, rows[i].name, rows[i].type, rows[i].link, rows[i].size);
        assert_false(tn_tar_extract(&b->arena, &b->diag, path, out));
        expect_line(b, "h.tar: error: entry '");
        expect_line(b, rows[i].line);
        assert_false(tn_path_exists(in_folder(b, "evil")));
        assert_false(tn_path_exists(in_folder(b, "out/evil")));
    }
    assert_true(tn_tar_extract(&b->arena, &b->diag, put_tar(b, "..a/b..", '0', "", "00000000004"), out));
    expect_file(b, "out/..a/b..", "evil");
    assert_int_equal(symlink("../kept", in_folder(b, "out/kept")), 0);
    assert_false(tn_tar_extract(&b->arena, &b->diag, put_tar(b, "kept", '0', "", "00000000004"), out));
    assert_false(tn_path_exists(in_folder(b, "kept")));
    assert_false(tn_tar_extract(&b->arena, &b->diag, put_file(b, "t.tar", "hello", 5), out));
    expect_line(b, "t.tar: error: ");
    assert_false(tn_tar_extract(&b->arena, &b->diag, in_folder(b, "none.tar"), out));
    expect_line(b, "none.tar: error: cannot open: No such file");
}

static void test_tar_damage(void **state)
{
    bench *b = *state;
    size_t n;
    int fds = next_fd();
    char *bytes = tn_read_file(&b->arena, &b->diag, put_tar(b, "x", '0', "", "00000000004"), &n);
    for (size_t i = 0; i < 516; i += i >= 157 && i < 257 ? 16 : 1) {
        bytes[i] = (char)(bytes[i] ^ 0x11);
        tn_tar_extract(&b->arena, &b->diag, put_file(b, "d.tar", bytes, n), in_folder(b, "out"));
        bytes[i] = (char)(bytes[i] ^ 0x11);
        assert_false(tn_tar_extract(&b->arena, &b->diag, put_file(b, "d.tar", bytes, i), in_folder(b, "out")));
    }
    assert_int_equal(next_fd(), fds);
}

static void write_one_tar(bench *b, tn_arena *a)
{
    assert_true(tn_tar_write(a, &b->diag, in_folder(b, "one.tar"), in_folder(b, "one")));
}

static void extract_one_tar(bench *b, tn_arena *a)
{
    assert_true(tn_tar_extract(a, &b->diag, in_folder(b, "one.tar"), in_folder(b, "out")));
}

static void test_tar_without_memory(void **state)
{
    bench *b = *state;
    make_small_folder(b, "one");
    assert_true(sweep_memory(b, write_one_tar) > 20);
    assert_false(tn_path_exists(in_folder(b, "one.tar.part")));
    assert_true(sweep_memory(b, extract_one_tar) > 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_arena),
        TEST(test_out_of_memory_unwinds),
        TEST(test_sizes_that_overflow_unwind),
        TEST(test_products),
        TEST(test_text_builder),
        TEST(test_push),
        TEST(test_diagnostics),
        TEST(test_whole_files),
        TEST(test_whole_files_without_memory),
        TEST(test_halves_round_trip),
        TEST(test_half_rounding),
        TEST(test_bfloat_rounding),
        TEST(test_hashes),
        TEST(test_map),
        TEST(test_path_names),
        TEST(test_path_folders),
        TEST(test_path_remove_tree),
        TEST(test_path_replace_folder),
        TEST(test_path_list_without_memory),
        TEST(test_child_run),
        TEST(test_child_errors),
        TEST(test_child_without_memory),
        TEST(test_child_split),
        TEST(test_npy_types),
        TEST(test_npy_fortran_order),
        TEST(test_npy_header_variants),
        TEST(test_npy_hostile_headers),
        TEST(test_npy_damage),
        TEST(test_npy_header_as_numpy),
        TEST(test_npy_read),
        TEST(test_npz_from_numpy),
        TEST(test_npz_round_trip),
        TEST(test_npz_empty),
        TEST(test_npz_errors),
        TEST(test_npz_hostile_entries),
        TEST(test_npz_damage),
        TEST(test_npz_without_memory),
        TEST(test_tar_round_trip),
        TEST(test_tar_write_errors),
        TEST(test_tar_hostile_entries),
        TEST(test_tar_damage),
        TEST(test_tar_without_memory),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
