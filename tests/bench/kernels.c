/* The program behind tests/bench/kernels: one kernel shape by Tenon, OpenBLAS and oneDNN, one thread each, hot (run again
   and again) and cold (a walk over 64 MiB before each run), in GFLOP/s and as a share of the multiply-adds that this
   core can do. A convolution of OpenBLAS is its product alone, over columns that are there already. Weights are packed
   beforehand by all who do that; pixels come and go in plain order.
       KIND 0 conv, 1 depthwise, 2 matmul, 3 gemv; SHAPE: C F S K STRIDE of a convolution, M N P of a product (P is
       summed over) */
#define _POSIX_C_SOURCE 200809L
#include <cblas.h>
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "k.h"

enum { SHAPE }; /* "C=64,F=64,..." from the command line */
enum { COLD_BYTES = 64 << 20, MOST = 401 };

typedef struct task {
    float *x, *w, *y, *columns;
    void *work;
    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
    dnnl_exec_arg_t args[3];
    char *flush;
} task;
typedef void run_fn(task *t);

static void *room(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes + 64) != 0)
        abort();
    memset(p, 0, bytes + 64);
    return p;
}

static void need(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "kernels: %s failed\n", what);
    exit(1);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* --- contenders --------------------------------------------------------------------------------------------------- */

static void run_tenon(task *t)
{
    k_io io;
    memset(&io, 0, sizeof io);
    io.x = t->x;
    io.y = t->y;
    need(k_run(&io, t->work, K_WORK_SIZE) == K_OK, "k_run");
}

#if KIND == 0
enum {
    OUT = (S + 2 * (K / 2) - K) / STRIDE + 1,
    IN_COUNT = C * S * S,
    W_COUNT = F * C * K * K,
    OUT_COUNT = F * OUT * OUT
};
static const double flops = 2.0 * F * C * K * K * OUT * OUT;
static void run_blas(task *t)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, F, OUT * OUT, C * K * K, 1.0f, t->w, C * K * K, t->columns,
                OUT * OUT, 0.0f, t->y, OUT * OUT);
}
#elif KIND == 1
enum {
    F = C,
    OUT = (S + 2 * (K / 2) - K) / STRIDE + 1,
    IN_COUNT = C * S * S,
    W_COUNT = C * K * K,
    OUT_COUNT = C * OUT * OUT
};
static const double flops = 2.0 * C * K * K * OUT * OUT;
#elif KIND == 2
enum { IN_COUNT = M * P, W_COUNT = P * N, OUT_COUNT = M * N };
static const double flops = 2.0 * M * N * P;
static void run_blas(task *t)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, M, N, P, 1.0f, t->x, P, t->w, N, 0.0f, t->y, N);
}
#else
enum { M = 1, IN_COUNT = P, W_COUNT = P * N, OUT_COUNT = N };
static const double flops = 2.0 * N * P;
static void run_blas(task *t)
{
    cblas_sgemv(CblasRowMajor, CblasTrans, P, N, 1.0f, t->w, N, t->x, 1, 0.0f, t->y, 1);
}
#endif

static void run_dnnl(task *t)
{
    need(dnnl_primitive_execute(t->primitive, t->stream, 3, t->args) == dnnl_success
             && dnnl_stream_wait(t->stream) == dnnl_success,
         "oneDNN");
}

static dnnl_memory_desc_t describe(int rank, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    need(dnnl_memory_desc_init_by_tag(&d, rank, dims, dnnl_f32, tag) == dnnl_success, "dnnl_memory_desc_init_by_tag");
    return d;
}

static dnnl_memory_t memory_of(dnnl_engine_t e, const dnnl_memory_desc_t *d, void *data)
{
    dnnl_memory_t m;
    need(dnnl_memory_create(&m, d, e, data) == dnnl_success, "dnnl_memory_create");
    return m;
}

/* The weights in the order that the primitive likes best. */
static dnnl_memory_t reorder(dnnl_engine_t e, dnnl_stream_t s, dnnl_memory_t from, const dnnl_memory_desc_t *plain,
                             const dnnl_memory_desc_t *wanted)
{
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;
    dnnl_memory_t to = memory_of(e, wanted, DNNL_MEMORY_ALLOCATE);
    dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    need(dnnl_reorder_primitive_desc_create(&pd, plain, e, wanted, e, NULL) == dnnl_success
             && dnnl_primitive_create(&p, pd) == dnnl_success && dnnl_primitive_execute(p, s, 2, args) == dnnl_success
             && dnnl_stream_wait(s) == dnnl_success,
         "a reorder of oneDNN");
    return to;
}

static void make_dnnl(task *t)
{
    dnnl_engine_t e;
    dnnl_primitive_desc_t pd;
    need(dnnl_engine_create(&e, dnnl_cpu, 0) == dnnl_success
             && dnnl_stream_create(&t->stream, e, dnnl_stream_default_flags) == dnnl_success,
         "dnnl_engine_create");
#if KIND <= 1
    dnnl_dims_t x = {1, C, S, S}, y = {1, F, OUT, OUT}, step = {STRIDE, STRIDE}, pad = {K / 2, K / 2};
#if KIND == 0
    int w_rank = 4;
    dnnl_dims_t w = {F, C, K, K};
#else
    int w_rank = 5;
    dnnl_dims_t w = {C, 1, 1, K, K};
#endif
    dnnl_memory_desc_t xd = describe(4, x, dnnl_abcd), yd = describe(4, y, dnnl_abcd);
    dnnl_memory_desc_t plain = describe(w_rank, w, KIND == 0 ? dnnl_abcd : dnnl_abcde);
    dnnl_memory_desc_t any = describe(w_rank, w, dnnl_format_tag_any);
    dnnl_convolution_desc_t d;
    need(dnnl_convolution_forward_desc_init(&d, dnnl_forward_inference, dnnl_convolution_auto, &xd, &any, NULL, &yd,
                                            step, pad, pad)
             == dnnl_success,
         "dnnl_convolution_forward_desc_init");
#else
    dnnl_dims_t x = {M, P}, w = {P, N}, y = {M, N};
    dnnl_memory_desc_t xd = describe(2, x, dnnl_ab), yd = describe(2, y, dnnl_ab), plain = describe(2, w, dnnl_ab);
    dnnl_memory_desc_t any = describe(2, w, dnnl_format_tag_any);
    dnnl_matmul_desc_t d;
    need(dnnl_matmul_desc_init(&d, &xd, &any, NULL, &yd) == dnnl_success, "dnnl_matmul_desc_init");
#endif
    need(dnnl_primitive_desc_create(&pd, &d, NULL, e, NULL) == dnnl_success
             && dnnl_primitive_create(&t->primitive, pd) == dnnl_success,
         "dnnl_primitive_create");
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    dnnl_memory_t weights = reorder(e, t->stream, memory_of(e, &plain, t->w), &plain, wanted);
    t->args[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, memory_of(e, &xd, t->x)};
    t->args[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, weights};
    t->args[2] = (dnnl_exec_arg_t){DNNL_ARG_DST, memory_of(e, &yd, t->y)};
}

/* --- times -------------------------------------------------------------------------------------------------------- */

static int compare(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double median(double *us, int n)
{
    qsort(us, (size_t)n, sizeof *us, compare);
    return us[n / 2];
}

/* Short kernels run several times between two looks at the clock. */
static double time_hot(run_fn *run, task *t)
{
    double us[MOST], begin = now_us();
    run(t);
    double once = now_us() - begin;
    int n = 0, inner = once < 20 ? (int)(20 / (once + 0.05)) + 1 : 1;
    for (begin = now_us(); n < MOST && (n < 11 || now_us() - begin < 3e5); n++) {
        double start = now_us();
        for (int i = 0; i < inner; i++)
            run(t);
        us[n] = (now_us() - start) / inner;
    }
    return median(us, n);
}

static double time_cold(run_fn *run, task *t)
{
    double us[15];
    for (int n = 0; n < 15; n++) {
        for (size_t i = 0; i < COLD_BYTES; i += 64)
            t->flush[i]++;
        double start = now_us();
        run(t);
        us[n] = now_us() - start;
    }
    return median(us, 15);
}

/* --- the peak -------------------------------------------------------------------------------------------------------- */

#include "../../templates/calibrate.c"

/* --- the table ---------------------------------------------------------------------------------------------------- */

static void report(const char *name, run_fn *run, task *t, const float *want, double peak)
{
    double worst = 0, size = 0;
    memset(t->y, 0, sizeof *t->y * OUT_COUNT);
    run(t);
    for (int i = 0; i < OUT_COUNT; i++) {
        worst = fmax(worst, fabs((double)t->y[i] - (double)want[i]));
        size = fmax(size, fabs((double)want[i]));
    }
    double hot = time_hot(run, t), cold = time_cold(run, t);
    printf("%-22s %12.2f %12.2f %10.1f %8.0f%% %12.1e\n", name, hot, cold, flops / hot * 1e-3,
           100 * flops / hot * 1e-3 / peak, size > 0 ? worst / size : worst);
}

#if KIND == 0
static void make_columns(task *t)
{
    t->columns = room(sizeof(float) * C * K * K * OUT * OUT);
    for (int r = 0; r < C * K * K; r++)
        for (int p = 0; p < OUT * OUT; p++) {
            int c = r / (K * K), y = p / OUT * STRIDE + r / K % K - K / 2, x = p % OUT * STRIDE + r % K - K / 2;
            t->columns[r * OUT * OUT + p] = y < 0 || x < 0 || y >= S || x >= S ? 0.0f : t->x[(c * S + y) * S + x];
        }
}
#endif

int main(int argc, char **argv)
{
    task t = {.x = room(sizeof(float) * IN_COUNT), .w = room(sizeof(float) * W_COUNT), .work = room(K_WORK_SIZE)};
    t.y = room(sizeof(float) * OUT_COUNT);
    t.flush = room(COLD_BYTES);
    float *want = room(sizeof(float) * OUT_COUNT);
    FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
    need(f != NULL && fread(t.w, sizeof(float), W_COUNT, f) == W_COUNT, "reading the weights");
    fclose(f);
    for (int i = 0; i < IN_COUNT; i++)
        t.x[i] = (float)((uint32_t)i * 2654435761u >> 16) / 65536.0f - 0.5f;
    double peak = tn_calibrate_gflops();
    make_dnnl(&t);
    run_dnnl(&t);
    memcpy(want, t.y, sizeof *want * OUT_COUNT);
    printf("%.1f MFLOP; peak of one core %.1f GFLOP/s\n", flops * 1e-6, peak);
    printf("%-22s %12s %12s %10s %9s %12s\n", "", "hot us", "cold us", "GFLOP/s", "of peak", "difference");
    report("tenon", run_tenon, &t, want, peak);
    report("oneDNN", run_dnnl, &t, want, peak);
#if KIND == 0
    make_columns(&t);
    report("OpenBLAS, product only", run_blas, &t, want, peak);
#elif KIND >= 2
    report("OpenBLAS", run_blas, &t, want, peak);
#endif
    return 0;
}
