/* Files of arrays and archives: .npy, .npz, tar. */
#define _POSIX_C_SOURCE 200809L

#include "bench.h"

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
        {"<f4", 4, 1}, {"|u1", 1, 2}, {"|i1", 1, 3},  {"<u2", 2, 4},  {"<i2", 2, 5},  {"<i4", 4, 6},
        {"<i8", 8, 7}, {"|b1", 1, 9}, {"<f2", 2, 10}, {"<f8", 8, 11}, {"<u4", 4, 12}, {"<u8", 8, 13},
        {">f4", 4, 1}, {">i8", 8, 7}, {">f2", 2, 10}, {"<i1", 1, 3},  {">u1", 1, 2},
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
    0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x0b, 0xf9, 0xaa, 0x2d, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x61, 0x2e, 0x6e, 0x70, 0x79, 0x01, 0x00, 0x10,
    0x00, 0x88, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec,
    0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0,
    0x6e, 0x93, 0x69, 0xa2, 0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92,
    0x0a, 0x12, 0x77, 0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a, 0x46, 0x3a,
    0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0x14, 0x00, 0x2e, 0x46, 0x06, 0x06, 0x06, 0x26, 0x20, 0x06, 0x00, 0x50, 0x4b, 0x03,
    0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x16, 0x93, 0x8c, 0xbb, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x62, 0x2e, 0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x83, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x47, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b,
    0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x5e, 0x93, 0x64,
    0xa8, 0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x77,
    0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a, 0xc6, 0x3a, 0x9a, 0x3a, 0x0a,
    0xb5, 0x0a, 0x14, 0x00, 0x2e, 0x46, 0x06, 0x46, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00,
    0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x0b, 0xf9, 0xaa, 0x2d, 0x4b, 0x00, 0x00, 0x00, 0x88, 0x00, 0x00, 0x00, 0x05,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x61, 0x2e,
    0x6e, 0x70, 0x79, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00,
    0x16, 0x93, 0x8c, 0xbb, 0x47, 0x00, 0x00, 0x00, 0x83, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x82, 0x00, 0x00, 0x00, 0x62, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b, 0x05,
    0x06, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x02, 0x00, 0x66, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
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
    assert_string_equal(one, "empty"); /* the least name */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(test_npy_types),
        FOLDER_TEST(test_npy_fortran_order),
        FOLDER_TEST(test_npy_header_variants),
        FOLDER_TEST(test_npy_hostile_headers),
        FOLDER_TEST(test_npy_damage),
        FOLDER_TEST(test_npy_header_as_numpy),
        FOLDER_TEST(test_npy_read),
        FOLDER_TEST(test_npz_from_numpy),
        FOLDER_TEST(test_npz_round_trip),
        FOLDER_TEST(test_npz_empty),
        FOLDER_TEST(test_npz_errors),
        FOLDER_TEST(test_npz_hostile_entries),
        FOLDER_TEST(test_npz_damage),
        FOLDER_TEST(test_npz_without_memory),
        FOLDER_TEST(test_tar_round_trip),
        FOLDER_TEST(test_tar_write_errors),
        FOLDER_TEST(test_tar_hostile_entries),
        FOLDER_TEST(test_tar_damage),
        FOLDER_TEST(test_tar_without_memory),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
