/* What is drawn at random: the moments of its distribution, the same numbers for the same seed, others for another, and what
   Dropout makes of them. Bounds are five standard deviations of the estimate: arithmetic on the size of the sample. */
#include "ops/ops.h"
#include "pass/pass.h"

#include "../bench.h"

#include <math.h>

enum { MANY = 40000 };

/* Output i of a model without inputs. */
static const tn_tensor *run(bench *b, const char *text, size_t output)
{
    tn_pass_options o = {0};
    tn_program *p = NULL;
    tn_module m = {.arena = &b->arena, .diag = &b->diag, .target = tn_target_find(&b->arena, NULL, "generic")};
    m.graph = tn_graph_parse(&b->arena, &b->diag, "t.tg", text, tn_op_find);
    bool ok = m.graph != NULL && tn_passes_run(&m, "infer", &o) && tn_lower_graph(&b->arena, m.graph, &p);
    if (!ok)
        print_error("%s\n", b->line);
    assert_true(ok);
    tn_tensor **store = TN_NEW_N(&b->arena, tn_tensor *, p->bufs.n + 1);
    assert_true(tn_interpret(p, &b->arena, store, NULL));
    return store[tn_buf_of(p, m.graph->outputs.items[output])->id];
}

static double mean_of(const tn_tensor *t, int power, double about)
{
    double sum = 0;
    int64_t n = tn_shape_count(&t->shape);
    for (int64_t i = 0; i < n; i++)
        sum += pow(tn_tensor_get(t, i) - about, power);
    return sum / (double)n;
}

static void check_near(double got, double want, double deviation)
{
    if (fabs(got - want) > 5 * deviation)
        print_error("%g, %g is wanted, within %g\n", got, want, 5 * deviation);
    assert_true(fabs(got - want) <= 5 * deviation);
}

static void test_uniform(void **state)
{
    const tn_tensor *t =
        run(*state, "\"y\" = RandomUniform() {shape=[200,200], low=-1.0, high=3.0, seed=7.0}\noutput \"y\"\n", 0);
    const double root = sqrt(MANY);
    for (int64_t i = 0; i < MANY; i++)
        assert_true(tn_tensor_get(t, i) >= -1 && tn_tensor_get(t, i) <= 3);
    check_near(mean_of(t, 1, 0), 1, 4 / sqrt(12) / root);
    check_near(mean_of(t, 2, 1), 16.0 / 12, 16 / sqrt(180) / root);
    double next = 0; /* neighbours know nothing of each other */
    for (int64_t i = 1; i < MANY; i++)
        next += (tn_tensor_get(t, i) - 1) * (tn_tensor_get(t, i - 1) - 1);
    check_near(next / MANY, 0, 16.0 / 12 / root);
}

static void test_normal(void **state)
{
    const tn_tensor *t =
        run(*state, "\"y\" = RandomNormal() {shape=[40000], mean=5.0, scale=2.0, dtype=11}\noutput \"y\"\n", 0);
    const double root = sqrt(MANY);
    assert_int_equal(t->dtype, TN_DOUBLE);
    check_near(mean_of(t, 1, 0), 5, 2 / root);
    check_near(mean_of(t, 2, 5), 4, 4 * sqrt(2) / root);
    check_near(mean_of(t, 3, 5), 0, 8 * sqrt(15) / root);
    check_near(mean_of(t, 4, 5), 48, 16 * sqrt(96) / root);
}

static void test_seeds(void **state)
{
    static const char text[] = "\"a\" = RandomUniform() {shape=[1000], seed=1.0}\n"
                               "\"b\" = RandomUniform() {shape=[1000], seed=1.0}\n"
                               "\"c\" = RandomUniform() {shape=[1000], seed=2.0}\n"
                               "\"d\" = RandomUniform() {shape=[1000]}\n"
                               "\"e\" = RandomUniform() {shape=[1000]}\n"
                               "output \"a\"\noutput \"b\"\noutput \"c\"\noutput \"d\"\noutput \"e\"\n";
    const tn_tensor *t[5];
    for (size_t i = 0; i < 5; i++)
        t[i] = run(*state, text, i);
    assert_true(tn_tensor_same(t[0], t[1]));
    for (int i = 1; i < 5; i++)
        for (int k = i + 1; k < 5; k++)
            for (int64_t j = 0, same = 0; j < 1000; j++) {
                same += tn_tensor_get(t[i], j) == tn_tensor_get(t[k], j);
                assert_true(same <= 1); /* 24 bits: 1000 pairs agree in one place with a chance of 6e-5 */
            }
    assert_true(tn_tensor_same(t[3], run(*state, text, 3))); /* each run anew */
}

static void test_bernoulli(void **state)
{
    const tn_tensor *t = run(*state,
                             "constant \"s\" : int64[1] = [40000]\n"
                             "\"p\" = ConstantOfShape(\"s\") {value=float[1] = [0.3]}\n"
                             "\"y\" = Bernoulli(\"p\") {dtype=6}\noutput \"y\"\n",
                             0);
    assert_int_equal(t->dtype, TN_INT32);
    check_near(mean_of(t, 1, 0), 0.3, sqrt(0.3 * 0.7 / MANY));
    check_near(mean_of(t, 2, 0), 0.3, sqrt(0.3 * 0.7 / MANY)); /* 0 and 1 alone */
}

static void test_multinomial(void **state)
{
    const tn_tensor *t = run(*state,
                             "constant \"x\" : float[2,3] = [0, 0.6931472, 1.609438, 9, -inf, -inf]\n"
                             "\"y\" = Multinomial(\"x\") {sample_size=40000, dtype=7}\noutput \"y\"\n",
                             0);
    double count[3] = {0};
    for (int64_t i = 0; i < MANY; i++) {
        count[tn_tensor_get_int(t, i)]++;
        assert_int_equal(tn_tensor_get_int(t, MANY + i), 0);
    }
    static const double want[3] = {1.0 / 8, 2.0 / 8, 5.0 / 8};
    for (int k = 0; k < 3; k++)
        check_near(count[k] / MANY, want[k], sqrt(want[k] * (1 - want[k]) / MANY));
}

static const char *dropout(bench *b, const char *mode, const char *ratio)
{
    return tn_strfmt(&b->arena,
                     "constant \"s\" : int64[1] = [40000]\n\"x\" = ConstantOfShape(\"s\") {value=float[1] = [3.0]}\n"
                     "constant \"r\" : float[] = [%s]\nconstant \"t\" : bool[] = [%s]\n"
                     "\"y\", \"m\" = Dropout(\"x\", \"r\", \"t\") {seed=3}\noutput \"y\"\noutput \"m\"\n",
                     ratio, mode);
}

static void test_dropout(void **state)
{
    bench *b = *state;
    const tn_tensor *y = run(b, dropout(b, "1", "0.25"), 0), *m = run(b, dropout(b, "1", "0.25"), 1);
    for (int64_t i = 0; i < MANY; i++)
        assert_true(tn_tensor_get(y, i) == (tn_tensor_get_int(m, i) != 0 ? 4 : 0));
    check_near(mean_of(m, 1, 0), 0.75, sqrt(0.25 * 0.75 / MANY));
    assert_true(mean_of(run(b, dropout(b, "1", "1"), 0), 2, 0) == 0);
    assert_true(mean_of(run(b, dropout(b, "1", "0"), 0), 2, 3) == 0);
    assert_true(mean_of(run(b, dropout(b, "0", "0.25"), 0), 2, 3) == 0);
    assert_true(mean_of(run(b, dropout(b, "0", "0.25"), 1), 1, 0) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_uniform),   TEST(test_normal),      TEST(test_seeds),
                                       TEST(test_bernoulli), TEST(test_multinomial), TEST(test_dropout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
