/* TopK against a sort by hand: rows of every length about the borders between its ways, of floats with NaN of either sign, infinities, -0 and 0,
   of integers at the ends of their types, all with many ties; the largest and the smallest, sorted or not (Tenon sorts anyway). Of
   equal elements the one of lower index comes first; NaN is the largest number. */
#include "ops/ops.h"
#include "pass/pass.h"

#include "../program.h"

#include <math.h>

enum { ROWS = 3 };

typedef struct model {
    tn_arena arena;
    tn_program *p;
    const tn_graph *g;
} model;

static model lower(bench *b, const char *type, int n, int k, int largest, int sorted)
{
    model m = {.arena = {.memory = &b->memory}};
    tn_pass_options o = {0};
    const char *text =
        tn_strfmt(&m.arena,
                  "input \"x\" : %s[%d,%d]\nconstant \"k\" : int64[1] = [%d]\n"
                  "\"v\", \"i\" = TopK(\"x\", \"k\") {largest=%d, sorted=%d}\noutput \"v\"\noutput \"i\"\n",
                  type, ROWS, n, k, largest, sorted);
    tn_module module = {.arena = &m.arena, .diag = &b->diag, .target = tn_target_find(&m.arena, NULL, "generic")};
    module.graph = tn_graph_parse(&m.arena, &b->diag, "t.tg", text, tn_op_find);
    assert_non_null(module.graph);
    assert_true(tn_passes_run(&module, "infer", &o) && tn_lower_graph(&m.arena, module.graph, &m.p));
    m.g = module.graph;
    return m;
}

static void fill(bench *b, tn_tensor *x)
{
    const double odd[] = {NAN, copysign(NAN, -1), INFINITY, -INFINITY, 0.0, -0.0, 1, -1, 6e-8, -6e-8};
    const tn_dtype_info *info = tn_dtype_get(x->dtype);
    int64_t least = info->is_signed ? INT64_MIN >> (64 - info->bits) : 0, most = (int64_t)(~(uint64_t)least);
    if (!info->is_signed && info->bits < 64)
        most = ((int64_t)1 << info->bits) - 1;
    for (int64_t i = 0; i < tn_shape_count(&x->shape); i++) {
        int r = draw(b, 40);
        if (info->is_float)
            tn_tensor_set(x, i, r < 10 ? odd[r] : ((double)r - 25) / 4);
        else
            tn_tensor_set_int(x, i,
                              r == 0   ? least
                              : r == 1 ? most
                              : r == 2 ? most - 1
                              : r == 3 ? least + 1
                                       : (int64_t)r);
    }
}

/* -1, 0, 1 as x[i] is less than, equal to, greater than x[j]. */
static int compare(const tn_tensor *x, int64_t i, int64_t j)
{
    if (tn_dtype_get(x->dtype)->is_float) {
        double a = tn_tensor_get(x, i), b = tn_tensor_get(x, j);
        return isnan(a) || isnan(b) ? (isnan(a) != 0) - (isnan(b) != 0) : (a > b) - (a < b);
    }
    int64_t a = tn_tensor_get_int(x, i), b = tn_tensor_get_int(x, j);
    if (x->dtype == TN_UINT64)
        return ((uint64_t)a > (uint64_t)b) - ((uint64_t)a < (uint64_t)b);
    return (a > b) - (a < b);
}

/* An insertion sort, which is stable. */
static void sort(const tn_tensor *x, int64_t row, int64_t n, int largest, int64_t *order)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i;
        for (; at > 0; at--) {
            int c = compare(x, row * n + i, row * n + order[at - 1]);
            if (largest ? c <= 0 : c >= 0)
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

static bool same_element(const tn_tensor *x, int64_t i, const tn_tensor *y, int64_t k)
{
    size_t size = tn_dtype_get(x->dtype)->size;
    return memcmp((const char *)x->data + (size_t)i * size, (const char *)y->data + (size_t)k * size, size) == 0;
}

static void check(bench *b, const char *type, int n, int k, int largest, int sorted)
{
    model m = lower(b, type, n, k, largest, sorted);
    tn_tensor **store = TN_NEW_N(&m.arena, tn_tensor *, m.p->bufs.n + 1);
    const tn_value *in = m.g->inputs.items[0];
    tn_tensor *x = tn_tensor_make(&m.arena, in->dtype, &in->shape);
    int64_t *order = TN_NEW_N(&m.arena, int64_t, n);
    fill(b, x);
    store[tn_buf_of(m.p, in)->id] = x;
    assert_true(tn_interpret(m.p, &m.arena, store, NULL));
    const tn_tensor *v = store[tn_buf_of(m.p, m.g->outputs.items[0])->id],
                    *at = store[tn_buf_of(m.p, m.g->outputs.items[1])->id];
    for (int64_t row = 0; row < ROWS; row++) {
        sort(x, row, n, largest, order);
        for (int64_t i = 0; i < k; i++) {
            bool same =
                tn_tensor_get_int(at, row * k + i) == order[i] && same_element(x, row * n + order[i], v, row * k + i);
            if (!same)
                print_error("%s[%d], k %d, largest %d: place %lld has element %lld, wanted %lld\n", type, n, k, largest,
                            (long long)i, (long long)tn_tensor_get_int(at, row * k + i), (long long)order[i]);
            assert_true(same);
        }
    }
    tn_arena_free(&m.arena);
}

static void check_type(bench *b, const char *type)
{
    static const int lengths[] = {1, 2, 7, 30, 31, 32, 33, 34, 47, 48, 49, 63, 64, 65, 100, 255, 256, 257, 300};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int largest = 0; largest < 2; largest++) {
            const int n = lengths[i];
            check(b, type, n, 1, largest, 1);
            check(b, type, n, n / 2, largest, 0);
            check(b, type, n, n - 1, largest, 1);
            check(b, type, n, n, largest, 1);
        }
}

static void test_floats(void **state)
{
    check_type(*state, "float");
    check_type(*state, "double");
    check_type(*state, "float16");
    check_type(*state, "bfloat16");
}

static void test_integers(void **state)
{
    static const char *const types[] = {"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        check_type(*state, types[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_floats), TEST(test_integers)};
    return cmocka_run_group_tests_name("top k", tests, NULL, NULL);
}
