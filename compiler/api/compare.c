/* tn_arrays_compare: how far one array is from another. See tenon.h.

   Elements are compared as doubles, 16-bit floats as what they stand for; 64-bit integers are subtracted exactly. Two
   NaN are equal, and so are two infinities of one sign; such pairs take no part in the sums. Any other pair with a NaN
   or an infinity differs by infinity. */
#include "api/arrays.h"

#include <math.h>

typedef struct sums {
    double squares, absolutes;      /* of the differences */
    double got_got, want_want, dot; /* of finite elements */
    int64_t got_best, want_best;    /* where the largest stand; -1: nothing but NaN */
} sums;

/* --- one element -------------------------------------------------------------------------------------------------- */

static bool is_64_bits(tn_dtype t)
{
    return t == TN_INT64 || t == TN_UINT64;
}

/* Subtracting as unsigned gives the distance of any two numbers of either type. */
static double distance_of_64_bits(const tn_tensor *got, const tn_tensor *want, int64_t i)
{
    uint64_t x = (uint64_t)tn_tensor_get_int(got, i), y = (uint64_t)tn_tensor_get_int(want, i);
    bool larger = got->dtype == TN_INT64 ? (int64_t)x > (int64_t)y : x > y;
    return (double)(larger ? x - y : y - x);
}

static bool is_same(double x, double y)
{
    return x == y || (isnan(x) && isnan(y));
}

static double difference(const tn_tensor *got, const tn_tensor *want, int64_t i)
{
    if (is_64_bits(want->dtype))
        return distance_of_64_bits(got, want, i);
    double x = tn_tensor_get(got, i), y = tn_tensor_get(want, i);
    if (is_same(x, y))
        return 0;
    return isfinite(x) && isfinite(y) ? fabs(x - y) : INFINITY;
}

/* The floats of a type in their order, as consecutive integers; both zeros are 0. */
static int64_t rank_of_float(const tn_tensor *t, int64_t i)
{
    uint64_t bits = 0, sign = (uint64_t)1 << (tn_dtype_get(t->dtype)->size * 8 - 1);
    if (t->dtype == TN_DOUBLE) {
        memcpy(&bits, (const double *)t->data + i, sizeof(double));
    } else if (t->dtype == TN_FLOAT) {
        uint32_t word;
        memcpy(&word, (const float *)t->data + i, sizeof word);
        bits = word;
    } else {
        bits = tn_tensor_get_bits(t, i);
        sign = tn_dtype_get(t->dtype)->is_signed ? (uint64_t)1 << (tn_dtype_get(t->dtype)->bits - 1) : 0;
    }
    return (bits & sign) != 0 ? -(int64_t)(bits ^ sign) : (int64_t)bits;
}

/* Units in the last place between the two: how many floats of the type further one is. */
static double ulp_distance(const tn_tensor *got, const tn_tensor *want, int64_t i)
{
    double x = tn_tensor_get(got, i), y = tn_tensor_get(want, i);
    if (is_same(x, y))
        return 0;
    if (isnan(x) || isnan(y))
        return INFINITY;
    int64_t a = rank_of_float(got, i), b = rank_of_float(want, i);
    return (double)(a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a);
}

/* --- all elements ------------------------------------------------------------------------------------------------- */

static void note_largest(const tn_tensor *t, int64_t i, int64_t *best)
{
    double x = tn_tensor_get(t, i);
    if (!isnan(x) && (*best < 0 || x > tn_tensor_get(t, *best)))
        *best = i;
}

static void add_element(const tn_tensor *got, const tn_tensor *want, int64_t i, double rtol, double atol, sums *s,
                        tn_metrics *m)
{
    double x = tn_tensor_get(got, i), y = tn_tensor_get(want, i), d = difference(got, want, i);
    m->max_abs = fmax(m->max_abs, d);
    if (y != 0 && d != 0)
        m->max_rel = fmax(m->max_rel, isfinite(y) ? d / fabs(y) : INFINITY);
    if (d != 0 && (!isfinite(d) || !(d <= atol + rtol * fabs(y))))
        m->mismatched++;
    if (tn_dtype_get(want->dtype)->is_float)
        m->max_ulp = fmax(m->max_ulp, ulp_distance(got, want, i));
    s->squares += d * d;
    s->absolutes += d;
    if (isfinite(x) && isfinite(y)) {
        s->got_got += x * x;
        s->want_want += y * y;
        s->dot += x * y;
    }
    note_largest(got, i, &s->got_best);
    note_largest(want, i, &s->want_best);
}

/* The angle between two vectors; of a zero vector there is none, unless both are zero. */
static double cosine(const sums *s)
{
    if (!isfinite(s->squares))
        return NAN;
    if (s->got_got == 0 || s->want_want == 0)
        return s->got_got == s->want_want ? 1 : 0;
    return s->dot / (sqrt(s->got_got) * sqrt(s->want_want));
}

/* Ties count as agreement. */
static bool is_argmax_equal(const tn_tensor *got, const sums *s)
{
    if (s->got_best < 0 || s->want_best < 0)
        return s->got_best == s->want_best;
    return tn_tensor_get(got, s->want_best) == tn_tensor_get(got, s->got_best);
}

static void finish(const tn_tensor *got, const sums *s, tn_metrics *m)
{
    double n = m->count > 0 ? (double)m->count : 1;
    m->rmse = sqrt(s->squares / n);
    m->mae = s->absolutes / n;
    bool bounded = isfinite(s->squares) && s->want_want > 0;
    m->l2r = s->squares == 0 ? 0 : bounded ? sqrt(s->squares / s->want_want) : INFINITY;
    m->cosine = cosine(s);
    m->argmax_equal = is_argmax_equal(got, s);
}

typedef struct compare_state {
    tn_ctx *ctx;
    const tn_array *got, *want;
    double rtol, atol;
    tn_metrics *out;
} compare_state;

static bool check_pair(const compare_state *s)
{
    tn_arena *a = &s->ctx->arena;
    const tn_array *got = s->got, *want = s->want;
    const char *name = want->name != NULL && want->name[0] != '\0' ? want->name : got->name;
    bool same = got->dtype == want->dtype && got->rank == want->rank;
    for (int i = 0; same && i < want->rank && i < TN_ARRAY_MAX_RANK; i++)
        same = got->dim[i] == want->dim[i];
    if (same && tn_array_is_sound(got) && tn_array_is_sound(want))
        return true;
    tn_error(&s->ctx->diag, "array '%s': is %s in %zu bytes, wanted is %s in %zu bytes", name != NULL ? name : "",
             tn_array_text(a, got), got->bytes, tn_array_text(a, want), want->bytes);
    return false;
}

static tn_status compare(void *state)
{
    const compare_state *s = state;
    if (!check_pair(s))
        return TN_ERR_RUN;
    tn_tensor got = tn_array_view(s->got), want = tn_array_view(s->want);
    sums sum = {.got_best = -1, .want_best = -1};
    *s->out = (tn_metrics){.count = tn_array_count(s->want)};
    for (int64_t i = 0; i < s->out->count; i++)
        add_element(&got, &want, i, s->rtol, s->atol, &sum, s->out);
    finish(&got, &sum, s->out);
    return TN_OK;
}

tn_status tn_arrays_compare(tn_ctx *ctx, const tn_array *got, const tn_array *want, double rtol, double atol,
                            tn_metrics *out)
{
    compare_state s = {ctx, got, want, rtol, atol, out};
    return tn_api_run(ctx, compare, &s);
}
