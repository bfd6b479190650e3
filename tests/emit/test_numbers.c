/* Numbers at their edges: NaN in minimum and maximum, conversions beyond a type's range, integers with the highest bit,
   division by 0 and by -1. Each graph is interpreted, and compiled to C for this machine's vectors and for plain C; all
   must give what the loops of this file give. */
#define _DEFAULT_SOURCE
#include "include/tenon.h"
#include "ops/ops.h"
#include "pass/pass.h"

#include <math.h>
#include <unistd.h>

#include "../bench.h"

enum { N = 67 }; /* whole vectors of 4, 8 and 16, and a tail; 3 does not divide a vector: NaN comes to every lane */

typedef struct test_case {
    bench *b;
    const char *text;
    size_t n_in, n_want;
    tn_tensor *room[32]; /* the inputs, then what the outputs must be */
} test_case;

static test_case begin(bench *b, const char *text)
{
    return (test_case){.b = b, .text = text};
}

static void *add(test_case *c, tn_dtype dtype, int rank, const int64_t *dims)
{
    tn_shape s = tn_shape_fixed(rank, dims);
    tn_tensor *t = tn_tensor_make(&c->b->arena, dtype, &s);
    c->room[c->n_in + c->n_want] = t;
    return t->data;
}

/* Inputs first, then what the outputs must be; the elements are the caller's to fill. */
static void *add_input(test_case *c, tn_dtype dtype, int rank, const int64_t *dims)
{
    void *data = add(c, dtype, rank, dims);
    c->n_in++;
    return data;
}

static void *add_wanted(test_case *c, tn_dtype dtype, int rank, const int64_t *dims)
{
    void *data = add(c, dtype, rank, dims);
    c->n_want++;
    return data;
}

/* NaN is NaN whatever its bits, and -0 is 0. */
static void check_elements(const tn_tensor *want, const void *data, const char *engine, const char *name)
{
    tn_tensor got = *want;
    got.data = (void *)(uintptr_t)data;
    for (int64_t i = 0, n = tn_shape_count(&want->shape); i < n; i++) {
        bool is_float = tn_dtype_get(want->dtype)->is_float;
        double x = tn_tensor_get(want, i), y = tn_tensor_get(&got, i);
        bool same =
            is_float ? x == y || (isnan(x) && isnan(y)) : tn_tensor_get_int(want, i) == tn_tensor_get_int(&got, i);
        if (!same)
            fail_msg("%s: output %s[%d]: %.17g, wanted %.17g", engine, name, (int)i, y, x);
    }
}

static void interpret(test_case *c)
{
    tn_arena *a = &c->b->arena;
    tn_graph *g = tn_graph_parse(a, &c->b->diag, "t.tg", c->text, tn_op_find);
    tn_program *p = NULL;
    if (g == NULL || !tn_lower_graph(a, g, &p))
        fail_msg("%s", c->b->line);
    tn_tensor **store = TN_NEW_N(a, tn_tensor *, p->bufs.n + 1);
    for (size_t i = 0; i < c->n_in; i++)
        store[tn_buf_of(p, g->inputs.items[i])->id] = c->room[i];
    assert_true(tn_interpret(p, a, store, NULL));
    for (size_t i = 0; i < c->n_want; i++) {
        const tn_value *v = g->outputs.items[i];
        check_elements(c->room[c->n_in + i], store[tn_buf_of(p, v)->id]->data, "interpreter", v->name);
    }
}

static void compile(test_case *c, const char *target, const char *path)
{
    tn_config config = {.report = keep_line, .user = c->b};
    tn_ctx *ctx = tn_ctx_open(&config);
    tn_ctx_set(ctx, "target", target);
    tn_runner *r = tn_runner_open(ctx, path);
    if (r == NULL)
        fail_msg("%s", c->b->line);
    const tn_array *info = NULL, *out = NULL;
    size_t n = tn_runner_inputs(r, &info);
    assert_int_equal(n, c->n_in);
    tn_array in[16];
    for (size_t i = 0; i < n; i++) {
        in[i] = info[i];
        in[i].data = c->room[i]->data;
        in[i].bytes = c->room[i]->bytes;
    }
    if (tn_runner_set_inputs(r, in, n) != TN_OK || tn_runner_run(r) != TN_OK)
        fail_msg("%s", c->b->line);
    out = tn_runner_result(r, &n);
    assert_int_equal(n, c->n_want);
    for (size_t i = 0; i < n; i++)
        check_elements(c->room[c->n_in + i], out[i].data, target, out[i].name);
    tn_ctx_close(ctx);
}

static void run(test_case *c)
{
    char path[] = "/tmp/tenon_XXXXXX.tg";
    int fd = mkstemps(path, 3);
    assert_true(fd >= 0 && write(fd, c->text, strlen(c->text)) == (ssize_t)strlen(c->text));
    close(fd);
    interpret(c);
    compile(c, "generic", path);
    compile(c, "native", path);
    unlink(path);
}

/* --- NaN ---------------------------------------------------------------------------------------------------------- */

static float max_of(float x, float y)
{
    return isnan(x) || isnan(y) ? NAN : x > y ? x : y;
}

static float min_of(float x, float y)
{
    return isnan(x) || isnan(y) ? NAN : x < y ? x : y;
}

/* Every third element of a is NaN, and every third of b, one further. */
static void fill_with_nans(float *a, float *b, int n)
{
    for (int i = 0; i < n; i++) {
        a[i] = i % 3 == 1 ? NAN : (float)(i * 7 % 11 - 5);
        b[i] = i % 3 == 2 ? NAN : (float)(i * 5 % 13 - 6);
    }
}

static void test_nan_elementwise(void **state)
{
    test_case c =
        begin(*state,
              "input \"a\" : float[67]\ninput \"b\" : float[67]\ninput \"lo\" : float[]\n"
              "constant \"least\" : float[] = [-2]\nconstant \"most\" : float[] = [3]\n"
              "\"max\" : float[67] = Max(\"a\", \"b\")\n\"min\" : float[67] = Min(\"a\", \"b\")\n"
              "\"relu\" : float[67] = Relu(\"a\")\n\"first\" : float[67] = Max(\"least\", \"a\")\n"
              "\"clip\" : float[67] = Clip(\"a\", \"least\", \"most\")\n"
              "\"bound\" : float[67] = Clip(\"a\", \"lo\")\n"
              "output \"max\"\noutput \"min\"\noutput \"relu\"\noutput \"first\"\noutput \"clip\"\noutput \"bound\"\n");
    int64_t n = N;
    float *a = add_input(&c, TN_FLOAT, 1, &n), *b = add_input(&c, TN_FLOAT, 1, &n);
    *(float *)add_input(&c, TN_FLOAT, 0, NULL) = NAN;
    fill_with_nans(a, b, N);
    float *max = add_wanted(&c, TN_FLOAT, 1, &n), *min = add_wanted(&c, TN_FLOAT, 1, &n);
    float *relu = add_wanted(&c, TN_FLOAT, 1, &n), *first = add_wanted(&c, TN_FLOAT, 1, &n);
    float *clip = add_wanted(&c, TN_FLOAT, 1, &n), *bound = add_wanted(&c, TN_FLOAT, 1, &n);
    for (int i = 0; i < N; i++) {
        max[i] = max_of(a[i], b[i]);
        min[i] = min_of(a[i], b[i]);
        relu[i] = max_of(a[i], 0);
        first[i] = max_of(a[i], -2);
        clip[i] = min_of(max_of(a[i], -2), 3);
        bound[i] = NAN;
    }
    run(&c);
}

/* b > a ? b : a and b < a ? b : a, which are one instruction on x86 where the order of operands is right: a stays where one
   is NaN, and where both are 0. The reciprocals tell the zeros apart. */
static void test_where_as_extreme(void **state)
{
    test_case c =
        begin(*state, "input \"a\" : float[67]\ninput \"b\" : float[67]\n"
                      "input \"i\" : int32[67]\ninput \"k\" : int32[67]\n"
                      "\"less\" : bool[67] = Less(\"a\", \"b\")\n\"more\" : bool[67] = Greater(\"a\", \"b\")\n"
                      "\"below\" : bool[67] = Less(\"i\", \"k\")\n"
                      "\"up\" : float[67] = Where(\"less\", \"b\", \"a\")\n"
                      "\"down\" : float[67] = Where(\"more\", \"b\", \"a\")\n"
                      "\"x\" : float[67] = Reciprocal(\"up\")\n\"y\" : float[67] = Reciprocal(\"down\")\n"
                      "\"top\" : int32[67] = Where(\"below\", \"k\", \"i\")\n"
                      "\"least\" : int32[67] = Where(\"below\", \"i\", \"k\")\n"
                      "output \"x\"\noutput \"y\"\noutput \"top\"\noutput \"least\"\n");
    int64_t n = N;
    float *a = add_input(&c, TN_FLOAT, 1, &n), *b = add_input(&c, TN_FLOAT, 1, &n);
    int32_t *i = add_input(&c, TN_INT32, 1, &n), *k = add_input(&c, TN_INT32, 1, &n);
    float *x = add_wanted(&c, TN_FLOAT, 1, &n), *y = add_wanted(&c, TN_FLOAT, 1, &n);
    int32_t *top = add_wanted(&c, TN_INT32, 1, &n), *least = add_wanted(&c, TN_INT32, 1, &n);
    fill_with_nans(a, b, N);
    for (int e = 0; e < N; e++) {
        if (e % 5 == 0) {
            a[e] = e % 2 == 0 ? -0.0f : 0.0f;
            b[e] = -a[e];
        }
        i[e] = e % 7 == 0 ? INT32_MIN : e * 11 % 17 - 8;
        k[e] = e % 7 == 1 ? INT32_MAX : e * 3 % 13 - 6;
        x[e] = 1 / (a[e] < b[e] ? b[e] : a[e]);
        y[e] = 1 / (a[e] > b[e] ? b[e] : a[e]);
        top[e] = i[e] < k[e] ? k[e] : i[e];
        least[e] = i[e] < k[e] ? i[e] : k[e];
    }
    run(&c);
}

/* The largest of -p around (y, x) in one plane of 6 x 6. */
static float pool_at(const float *plane, int y, int x)
{
    float most = -INFINITY;
    for (int k = 0; k < 9; k++) {
        int row = y + k / 3 - 1, column = x + k % 3 - 1;
        if (row >= 0 && row < 6 && column >= 0 && column < 6)
            most = max_of(most, -plane[row * 6 + column]);
    }
    return most;
}

/* A NaN in the accumulator, and one that comes to it, in every lane. The negation gives the pooling an operand in blocks
   of channels. */
static void test_nan_reductions(void **state)
{
    test_case c = begin(*state, "input \"a\" : float[5,64]\ninput \"p\" : float[1,32,6,6]\n"
                                "constant \"rows\" : int64[1] = [0]\n"
                                "\"max\" : float[64] = ReduceMax(\"a\", \"rows\") {keepdims=0}\n"
                                "\"min\" : float[64] = ReduceMin(\"a\", \"rows\") {keepdims=0}\n"
                                "\"q\" : float[1,32,6,6] = Neg(\"p\")\n"
                                "\"pool\" : float[1,32,6,6] = MaxPool(\"q\") {kernel_shape=[3,3], pads=[1,1,1,1]}\n"
                                "output \"max\"\noutput \"min\"\noutput \"pool\"\n");
    int64_t rows[] = {5, 64}, n = 64, image[] = {1, 32, 6, 6};
    float *a = add_input(&c, TN_FLOAT, 2, rows), *p = add_input(&c, TN_FLOAT, 4, image);
    float *max = add_wanted(&c, TN_FLOAT, 1, &n), *min = add_wanted(&c, TN_FLOAT, 1, &n);
    float *pool = add_wanted(&c, TN_FLOAT, 4, image);
    for (int i = 0; i < 5 * 64; i++) /* column k has its NaN in row k % 7, none where that is 5 or 6 */
        a[i] = i / 64 == i % 64 % 7 ? NAN : (float)(i * 7 % 23 - 11);
    for (int k = 0; k < 64; k++) {
        max[k] = min[k] = a[k];
        for (int i = 1; i < 5; i++) {
            max[k] = max_of(max[k], a[i * 64 + k]);
            min[k] = min_of(min[k], a[i * 64 + k]);
        }
    }
    for (int i = 0; i < 32 * 36; i++)
        p[i] = i % 37 == 5 ? NAN : (float)(i * 7 % 23 - 11);
    for (int i = 0; i < 32 * 36; i++)
        pool[i] = pool_at(p + i / 36 * 36, i % 36 / 6, i % 6);
    run(&c);
}

/* --- conversions -------------------------------------------------------------------------------------------------- */

static const double edges[] = {
    0.0,
    -0.0,
    0.5,
    -0.5,
    -0.99,
    126.99,
    127,
    127.99,
    128,
    -128,
    -128.9,
    -129,
    254.9,
    255,
    255.9,
    256,
    32767.9,
    32768,
    -32768.5,
    -32769,
    65535.9,
    65536,
    2147483520,
    2147483648.0,
    -2147483648.0,
    -2147483904.0,
    4294967040.0,
    4294967296.0,
    1e10,
    -1e10,
    9.2e18,
    9223372036854775808.0,
    -9223372036854775808.0,
    -9.3e18,
    1.8e19,
    18446744073709551616.0,
    1e30,
    -1e30,
    INFINITY,
    -INFINITY,
    NAN,
};
enum { EDGES = sizeof edges / sizeof *edges };

/* least <= x <= most, truncated; the bits of a uint64. */
static int64_t saturate(double x, int64_t least, uint64_t most)
{
    if (!(x > (double)least))
        return least;
    if (x >= (double)most) /* at most 2^k - 1 rounds to 2^k, which is above it */
        return (int64_t)most;
    return x < 0 ? (int64_t)x : (int64_t)(uint64_t)x;
}

static void check_casts(bench *b, tn_dtype from)
{
    static const struct {
        tn_dtype dtype;
        int64_t least;
        uint64_t most;
    } to[] = {{TN_INT8, INT8_MIN, INT8_MAX},    {TN_UINT8, 0, UINT8_MAX},         {TN_INT16, INT16_MIN, INT16_MAX},
              {TN_UINT16, 0, UINT16_MAX},       {TN_INT32, INT32_MIN, INT32_MAX}, {TN_UINT32, 0, UINT32_MAX},
              {TN_INT64, INT64_MIN, INT64_MAX}, {TN_UINT64, 0, UINT64_MAX}};
    tn_str text = {.arena = &b->arena};
    tn_str_add(&text, "input \"x\" : %s[%d]\n", tn_dtype_get(from)->name, (int)EDGES);
    for (int k = 0; k < 8; k++)
        tn_str_add(&text, "\"y%d\" : %s[%d] = Cast(\"x\") {to=%d}\n", k, tn_dtype_get(to[k].dtype)->name, (int)EDGES,
                   (int)to[k].dtype);
    tn_str_add(
        &text,
        "output \"y0\"\noutput \"y1\"\noutput \"y2\"\noutput \"y3\"\noutput \"y4\"\noutput \"y5\"\noutput \"y6\"\noutput \"y7\"\n");
    test_case c = begin(b, text.text);
    int64_t n = EDGES;
    add_input(&c, from, 1, &n);
    for (int i = 0; i < EDGES; i++)
        tn_tensor_set(c.room[0], i, edges[i]);
    for (int k = 0; k < 8; k++) {
        add_wanted(&c, to[k].dtype, 1, &n);
        for (int i = 0; i < EDGES; i++)
            tn_tensor_set_int(c.room[k + 1], i, saturate(tn_tensor_get(c.room[0], i), to[k].least, to[k].most));
    }
    run(&c);
}

static void test_casts(void **state)
{
    check_casts(*state, TN_FLOAT);
    check_casts(*state, TN_DOUBLE);
}

/* Integers that wrap before they become floats: what the float can be follows from the type, not from the operands. */
static void test_wrapped_then_cast(void **state)
{
    test_case c = begin(*state, "input \"x\" : int8[256]\ninput \"b\" : bool[256]\n"
                                "constant \"k\" : float[] = [0.75]\nconstant \"five\" : uint8[] = [5]\n"
                                "\"u\" : uint8[256] = Cast(\"x\") {to=2}\n\"f\" : float[256] = Cast(\"u\") {to=1}\n"
                                "\"m\" : float[256] = Mul(\"f\", \"k\")\n\"y\" : int8[256] = Cast(\"m\") {to=3}\n"
                                "\"t\" : uint8[256] = Cast(\"b\") {to=2}\n\"s\" : uint8[256] = Sub(\"t\", \"five\")\n"
                                "\"g\" : float[256] = Cast(\"s\") {to=1}\n\"n\" : float[256] = Mul(\"g\", \"k\")\n"
                                "\"z\" : int8[256] = Cast(\"n\") {to=3}\n"
                                "output \"y\"\noutput \"z\"\n");
    int64_t n = 256;
    int8_t *x = add_input(&c, TN_INT8, 1, &n);
    uint8_t *b = add_input(&c, TN_BOOL, 1, &n);
    int8_t *y = add_wanted(&c, TN_INT8, 1, &n), *z = add_wanted(&c, TN_INT8, 1, &n);
    for (int i = 0; i < 256; i++) {
        x[i] = (int8_t)(i - 128);
        b[i] = (uint8_t)(i % 2);
        y[i] = (int8_t)saturate((uint8_t)x[i] * 0.75, INT8_MIN, INT8_MAX);
        z[i] = INT8_MAX; /* 251 and 252 by 0.75 */
    }
    run(&c);
}

/* Clamped as a double, rounded to a float, which may be 2^31 then. */
static void test_clamped_then_rounded(void **state)
{
    test_case c =
        begin(*state, "input \"x\" : double[5]\n"
                      "constant \"lo\" : double[] = [-2147483648]\nconstant \"hi\" : double[] = [2147483647]\n"
                      "\"a\" : bool[5] = Less(\"lo\", \"x\")\n\"y\" : double[5] = Where(\"a\", \"x\", \"lo\")\n"
                      "\"b\" : bool[5] = Less(\"y\", \"hi\")\n\"z\" : double[5] = Where(\"b\", \"y\", \"hi\")\n"
                      "\"f\" : float[5] = Cast(\"z\") {to=1}\n\"i\" : int32[5] = Cast(\"f\") {to=6}\n"
                      "output \"i\"\n");
    static const double x[] = {1e10, 2147483646, 2147483500, -1e10, NAN};
    static const int32_t i[] = {INT32_MAX, INT32_MAX, 2147483520, INT32_MIN, INT32_MIN};
    int64_t n = 5;
    memcpy(add_input(&c, TN_DOUBLE, 1, &n), x, sizeof x);
    memcpy(add_wanted(&c, TN_INT32, 1, &n), i, sizeof i);
    run(&c);
}

/* Products that just fit and that just do not: 255 * -128 * 2^16 fits int32_t, 255 * 127 * 2^17 does not. */
static void test_products(void **state)
{
    test_case c = begin(*state, "input \"u\" : uint8[256]\ninput \"s\" : int8[256]\n"
                                "constant \"k\" : int32[] = [65536]\nconstant \"two\" : int32[] = [2]\n"
                                "\"a\" : int32[256] = Cast(\"u\") {to=6}\n\"b\" : int32[256] = Cast(\"s\") {to=6}\n"
                                "\"ab\" : int32[256] = Mul(\"a\", \"b\")\n\"p\" : int32[256] = Mul(\"ab\", \"k\")\n"
                                "\"q\" : int32[256] = Mul(\"p\", \"two\")\n\"d\" : int32[256] = Sub(\"a\", \"b\")\n"
                                "output \"p\"\noutput \"q\"\noutput \"d\"\n");
    int64_t n = 256;
    uint8_t *u = add_input(&c, TN_UINT8, 1, &n);
    int8_t *s = add_input(&c, TN_INT8, 1, &n);
    int32_t *p = add_wanted(&c, TN_INT32, 1, &n), *q = add_wanted(&c, TN_INT32, 1, &n);
    int32_t *d = add_wanted(&c, TN_INT32, 1, &n);
    for (int i = 0; i < 256; i++) {
        u[i] = (uint8_t)i;
        s[i] = (int8_t)(i % 3 == 0 ? -128 : i % 3 == 1 ? 127 : i - 128);
        p[i] = u[i] * s[i] * 65536;
        q[i] = (int32_t)((uint32_t)p[i] * 2u);
        d[i] = u[i] - s[i];
    }
    run(&c);
}

/* --- integers ----------------------------------------------------------------------------------------------------- */

static const uint64_t wide[] = {
    0, 1, 3, UINT64_C(1) << 62, INT64_MAX, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 5, UINT64_MAX};
enum { WIDE = sizeof wide / sizeof *wide, PAIRS = WIDE * WIDE };

static void test_uint64(void **state)
{
    test_case c = begin(
        *state,
        "input \"a\" : uint64[64]\ninput \"b\" : uint64[64]\n"
        "\"less\" : bool[64] = Less(\"a\", \"b\")\n"
        "\"least\" : bool[64] = LessOrEqual(\"a\", \"b\")\n"
        "\"div\" : uint64[64] = Div(\"a\", \"b\")\n\"mod\" : uint64[64] = Mod(\"a\", \"b\")\n"
        "\"max\" : uint64[64] = Max(\"a\", \"b\")\n\"min\" : uint64[64] = Min(\"a\", \"b\")\n"
        "\"shift\" : uint64[64] = BitShift(\"a\", \"b\") {direction=\"RIGHT\"}\n"
        "\"float\" : double[64] = Cast(\"a\") {to=11}\n"
        "output \"less\"\noutput \"least\"\noutput \"div\"\noutput \"mod\"\noutput \"max\"\noutput \"min\"\noutput \"shift\"\noutput \"float\"\n");
    int64_t n = PAIRS;
    uint64_t *a = add_input(&c, TN_UINT64, 1, &n), *b = add_input(&c, TN_UINT64, 1, &n);
    uint8_t *less = add_wanted(&c, TN_BOOL, 1, &n), *least = add_wanted(&c, TN_BOOL, 1, &n);
    uint64_t *div = add_wanted(&c, TN_UINT64, 1, &n), *mod = add_wanted(&c, TN_UINT64, 1, &n);
    uint64_t *max = add_wanted(&c, TN_UINT64, 1, &n), *min = add_wanted(&c, TN_UINT64, 1, &n);
    uint64_t *shift = add_wanted(&c, TN_UINT64, 1, &n);
    double *f = add_wanted(&c, TN_DOUBLE, 1, &n);
    for (int i = 0; i < PAIRS; i++) {
        uint64_t x = a[i] = wide[i / WIDE], y = b[i] = wide[i % WIDE];
        less[i] = x < y;
        least[i] = x <= y;
        div[i] = y == 0 ? 0 : x / y;
        mod[i] = y == 0 ? 0 : x % y;
        max[i] = x > y ? x : y;
        min[i] = x < y ? x : y;
        shift[i] = y > 63 ? 0 : x >> y;
        f[i] = (double)x;
    }
    run(&c);
}

static void test_signed_division(void **state)
{
    test_case c =
        begin(*state, "input \"a\" : int64[6]\ninput \"b\" : int64[6]\ninput \"c\" : int32[6]\n"
                      "input \"d\" : int32[6]\nconstant \"minus\" : int32[] = [-1]\n"
                      "\"wide\" : int64[6] = Div(\"a\", \"b\")\n\"narrow\" : int32[6] = Div(\"c\", \"d\")\n"
                      "\"rest\" : int32[6] = Mod(\"c\", \"d\") {fmod=1}\n"
                      "\"mod\" : int32[6] = Mod(\"c\", \"d\")\n"
                      "\"turn\" : int32[6] = Div(\"c\", \"minus\")\n"
                      "output \"wide\"\noutput \"narrow\"\noutput \"rest\"\noutput \"mod\"\noutput \"turn\"\n");
    static const int64_t a[] = {INT64_MIN, INT64_MIN, -7, 7, 5, INT64_MIN}, b[] = {-1, 1, 2, -2, 0, 0};
    static const int64_t quotient[] = {INT64_MIN, INT64_MIN, -3, -3, 0, 0};
    static const int32_t x[] = {INT32_MIN, INT32_MIN, -7, 7, 5, INT32_MIN}, y[] = {-1, 1, 2, -2, 0, 0};
    static const int32_t narrow[] = {INT32_MIN, INT32_MIN, -3, -3, 0, 0}, rest[] = {0, 0, -1, 1, 0, 0};
    static const int32_t mod[] = {0, 0, 1, -1, 0, 0}, turn[] = {INT32_MIN, INT32_MIN, 7, -7, -5, INT32_MIN};
    int64_t n = 6;
    memcpy(add_input(&c, TN_INT64, 1, &n), a, sizeof a);
    memcpy(add_input(&c, TN_INT64, 1, &n), b, sizeof b);
    memcpy(add_input(&c, TN_INT32, 1, &n), x, sizeof x);
    memcpy(add_input(&c, TN_INT32, 1, &n), y, sizeof y);
    memcpy(add_wanted(&c, TN_INT64, 1, &n), quotient, sizeof quotient);
    memcpy(add_wanted(&c, TN_INT32, 1, &n), narrow, sizeof narrow);
    memcpy(add_wanted(&c, TN_INT32, 1, &n), rest, sizeof rest);
    memcpy(add_wanted(&c, TN_INT32, 1, &n), mod, sizeof mod);
    memcpy(add_wanted(&c, TN_INT32, 1, &n), turn, sizeof turn);
    run(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nan_elementwise),   TEST(test_where_as_extreme),     TEST(test_nan_reductions), TEST(test_casts),
        TEST(test_wrapped_then_cast), TEST(test_clamped_then_rounded), TEST(test_products),       TEST(test_uint64),
        TEST(test_signed_division),
    };
    return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
