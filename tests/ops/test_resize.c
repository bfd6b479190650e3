/* Resize finds positions and weights twice: at compile time (resize_plan.c) and, of symbolic dims, as expressions that the run
   evaluates (resize_late.c). Here both agree to the bit: along one axis, of every small size, to every small size and by many
   scales, in all modes and coordinates. That they are right is what ONNX Runtime says (conform/found_cases.py). The input is
   the identity matrix, so that what comes out are the weights themselves; in double, where no rounding hides a difference. */
#include "ops/ops.h"
#include "pass/pass.h"

#include "../program.h"

enum { MOST = 16 };

/* A program, and what it needs to run. */
typedef struct model {
    bench *b;
    tn_arena arena;
    tn_program *p; /* NULL: its graph was refused */
    const tn_graph *g;
} model;

static model lower(bench *b, const char *text)
{
    model m = {.b = b, .arena = {.memory = &b->memory}};
    tn_pass_options o = {0};
    tn_module module = {.arena = &m.arena, .diag = &b->diag, .target = tn_target_find(&m.arena, NULL, "generic")};
    module.graph = tn_graph_parse(&m.arena, &b->diag, "t.tg", text, tn_op_find);
    assert_non_null(module.graph);
    m.g = module.graph;
    if (!tn_passes_run(&module, "infer", &o) || !tn_lower_graph(&m.arena, module.graph, &m.p))
        m.p = NULL;
    return m;
}

/* One element along the resized axis is 1 in each row; the graph's other input, if any, is only a size. */
static const tn_tensor *run(model *m, tn_arena *scratch, int64_t h, int64_t w)
{
    tn_tensor **store = TN_NEW_N(scratch, tn_tensor *, m->p->bufs.n + 1);
    const int64_t extent[] = {h, w};
    for (size_t i = 0; i < m->g->inputs.n; i++) {
        const tn_value *v = m->g->inputs.items[i];
        tn_shape s = tn_shape_fixed(2, (int64_t[]){MOST, extent[i]});
        tn_tensor *t = tn_tensor_make(scratch, v->dtype, &s);
        for (int64_t k = 0; i == 0 && k < h; k++)
            tn_tensor_set(t, k * h + k, 1);
        store[tn_buf_of(m->p, v)->id] = t;
    }
    assert_true(tn_interpret(m->p, scratch, store, (int64_t[]){h, w}));
    return store[tn_buf_of(m->p, m->g->outputs.items[0])->id];
}

static uint64_t bits_of(double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void check_same(const char *kind, int64_t h, const tn_tensor *late, const tn_tensor *early)
{
    int64_t n = tn_shape_count(&early->shape);
    bool same = tn_shape_count(&late->shape) == n && late->dtype == early->dtype;
    for (int64_t i = 0; same && i < n; i++) {
        double x = tn_tensor_get(late, i), y = tn_tensor_get(early, i);
        same = bits_of(x) == bits_of(y);
        if (!same)
            print_error("element %lld: %.17g where the run finds it, %.17g at compile time\n", (long long)i, x, y);
    }
    if (!same)
        print_error("of %lld elements: %s\n", (long long)h, kind);
    assert_true(same);
}

static const char *const coordinates[] = {"half_pixel", "pytorch_half_pixel", "asymmetric", "half_pixel_symmetric",
                                          "align_corners"};
static const char *const to_size[] = {
    "nearest\", nearest_mode=\"round_prefer_floor\"",
    "nearest\", nearest_mode=\"round_prefer_ceil\"",
    "nearest\", nearest_mode=\"floor\"",
    "nearest\", nearest_mode=\"ceil\"",
    "linear\"",
    "linear\", exclude_outside=1",
    "cubic\"",
    "cubic\", cubic_coeff_a=-0.5, exclude_outside=1",
    NULL,
};
static const char *const widened[] = {
    "linear\", antialias=1",
    "linear\", antialias=1, exclude_outside=1",
    "cubic\", antialias=1",
    "cubic\", cubic_coeff_a=-0.6, antialias=1, exclude_outside=1",
    NULL,
};

typedef void kind_fn(bench *b, const char *kind, const char *type);

static void each_kind(bench *b, const char *const *modes, kind_fn *f)
{
    for (; *modes != NULL; modes++)
        for (size_t c = 0; c < sizeof coordinates / sizeof *coordinates; c++) {
            const char *kind =
                tn_strfmt(&b->arena, "{mode=\"%s, coordinate_transformation_mode=\"%s\"}", *modes, coordinates[c]);
            f(b, kind, "double");
            f(b, kind, "float");
        }
}

static void check_sizes(bench *b, const char *kind, const char *type)
{
    static const int sizes[] = {1, 2, 3, 4, 5, 7, 9, 12, MOST};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    model late = lower(b, tn_strfmt(&b->arena,
                                    "symbol h <= %d\nsymbol w <= %d\ninput \"x\" : %s[%d,h]\n"
                                    "input \"z\" : float[%d,w]\n\"s\" = Shape(\"z\")\n"
                                    "\"y\" = Resize(\"x\", \"\", \"\", \"s\") %s\noutput \"y\"\n",
                                    MOST, MOST, type, MOST, MOST, kind));
    assert_non_null(late.p);
    for (int i = 0; i < COUNT * COUNT; i++) {
        int h = sizes[i / COUNT], w = sizes[i % COUNT];
        model early = lower(b, tn_strfmt(&b->arena,
                                         "input \"x\" : %s[%d,%d]\nconstant \"s\" : int64[2] = [%d, %d]\n"
                                         "\"y\" = Resize(\"x\", \"\", \"\", \"s\") %s\noutput \"y\"\n",
                                         type, MOST, h, MOST, w, kind));
        assert_non_null(early.p);
        check_same(kind, h, run(&late, &early.arena, h, w), run(&early, &early.arena, h, w));
        tn_arena_free(&early.arena);
    }
    tn_arena_free(&late.arena);
}

static void test_to_sizes(void **state)
{
    each_kind(*state, to_size, check_sizes);
}

static void check_scale(bench *b, const char *kind, const char *type, const char *scale)
{
    static const int sizes[] = {1, 2, 5, 7, 11, MOST};
    static const char text[] = "input \"x\" : %s[%d,%s]\nconstant \"s\" : float[2] = [1, %s]\n"
                               "\"y\" = Resize(\"x\", \"\", \"s\") %s\noutput \"y\"\n";
    const char *head = tn_strfmt(&b->arena, "symbol h <= %d\n", MOST);
    model late = lower(b, tn_strfmt(&b->arena, "%s%s", head, tn_strfmt(&b->arena, text, type, MOST, "h", scale, kind)));
    if (late.p == NULL)
        print_error("%s\n", b->line);
    assert_non_null(late.p);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *size = tn_strfmt(&b->arena, "%d", sizes[i]);
        model early = lower(b, tn_strfmt(&b->arena, text, type, MOST, size, scale, kind));
        assert_non_null(early.p);
        check_same(tn_strfmt(&b->arena, "scale %s, %s", scale, kind), sizes[i], run(&late, &early.arena, sizes[i], 0),
                   run(&early, &early.arena, sizes[i], 0));
        tn_arena_free(&early.arena);
    }
    tn_arena_free(&late.arena);
}

/* Whole numbers, fractions of 64, of small numbers in float only (1 / 3, 0.7), and below 1. */
static void check_scales(bench *b, const char *kind, const char *type)
{
    static const char *const scales[] = {"2",    "3",   "0.5", "0.25", "1.5", "2.75",       "0.015625",
                                         "0.75", "0.1", "0.7", "1.7",  "3.3", "0.33333334", "1.3333334"};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        check_scale(b, kind, type, scales[i]);
}

static void test_by_scales(void **state)
{
    each_kind(*state, to_size, check_scales);
}

static void test_antialias(void **state)
{
    each_kind(*state, widened, check_scales);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_to_sizes), TEST(test_by_scales), TEST(test_antialias)};
    return cmocka_run_group_tests_name("resize", tests, NULL, NULL);
}
