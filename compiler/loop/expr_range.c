/* The least and the most that an integer expression can be, by the ranges of its variables and types. */
#include "loop/expr.h"

/* A range that ends there, on either side, is not known. */
static const int64_t far = (int64_t)1 << 45;

static int64_t clamp(int64_t x)
{
    return x > far ? far : x < -far ? -far : x;
}

/* What is not known stays so. */
static int64_t add_ends(int64_t x, int64_t y)
{
    return x >= far || x <= -far ? x : y >= far || y <= -far ? y : clamp(x + y);
}

static int64_t divide_end(int64_t x, int64_t by)
{
    return x >= far || x <= -far ? x : tn_floor_div(x, by);
}

static int64_t mul_clamped(int64_t x, int64_t y)
{
    double d = (double)x * (double)y;
    return d > (double)far ? far : d < -(double)far ? -far : x * y;
}

static void range_of_type(tn_dtype t, int64_t *lo, int64_t *hi)
{
    const tn_dtype_info *info = tn_dtype_get(t);
    *lo = -far;
    *hi = far;
    if (t == TN_BOOL)
        *lo = 0, *hi = 1;
    else if (!info->is_float && info->bits < 33 && info->bits > 0 && t != TN_INDEX) {
        *lo = info->is_signed ? -((int64_t)1 << (info->bits - 1)) : 0;
        *hi = info->is_signed ? -*lo - 1 : ((int64_t)1 << info->bits) - 1;
    } else if (t == TN_UINT64) {
        *lo = 0;
    }
}

/* A walk, and how many nodes it may still visit: of what is shared again and again, as in random numbers, it would visit a
   power of 2 of the depth. */
enum { MOST_VISITS = 4096 };

static void range_within(const tn_expr *e, int *left, int64_t *lo, int64_t *hi);

static void range_of_op(const tn_expr *e, int *left, int64_t *lo, int64_t *hi)
{
    int64_t a = 0, b = 0, c = 0, d = 0;
    range_within(e->arg[0], left, &a, &b);
    if (e->n > 1)
        range_within(e->arg[1], left, &c, &d);
    *lo = -far;
    *hi = far;
    switch (e->op) {
    case TN_OP_ADD: *lo = add_ends(a, c), *hi = add_ends(b, d); break;
    case TN_OP_SUB: *lo = add_ends(a, -d), *hi = add_ends(b, -c); break;
    case TN_OP_MUL: {
        int64_t v[4] = {mul_clamped(a, c), mul_clamped(a, d), mul_clamped(b, c), mul_clamped(b, d)};
        *lo = *hi = v[0];
        for (int i = 1; i < 4; i++) {
            *lo = v[i] < *lo ? v[i] : *lo;
            *hi = v[i] > *hi ? v[i] : *hi;
        }
        break;
    }
    case TN_OP_FDIV:
        if (c > 0) {
            *lo = divide_end(a, a < 0 ? c : d);
            *hi = divide_end(b, b < 0 ? d : c);
        }
        break;
    case TN_OP_MOD:
        if (c > 0) {
            *lo = 0;
            *hi = a >= 0 && b < d - 1 ? b : d - 1;
        }
        break;
    case TN_OP_MIN: *lo = a < c ? a : c, *hi = b < d ? b : d; break;
    case TN_OP_MAX: *lo = a > c ? a : c, *hi = b > d ? b : d; break;
    default: break;
    }
}

/* What may leave its type wraps, and can then be any number of it. */
static void wrap_range(tn_dtype t, int64_t *lo, int64_t *hi)
{
    int64_t least = 0, most = 0;
    range_of_type(t, &least, &most);
    if (*lo < least || *hi > most)
        *lo = least, *hi = most;
}

static void range_within(const tn_expr *e, int *left, int64_t *lo, int64_t *hi)
{
    int64_t a = 0, b = 0;
    if ((*left)-- <= 0) {
        range_of_type(e->dtype, lo, hi);
        return;
    }
    switch (e->kind) {
    case TN_E_INT: *lo = *hi = clamp(e->i); return;
    case TN_E_VAR:
        if (e->dtype != TN_INDEX && e->var->lo == e->var->hi) { /* an accumulator of any value */
            range_of_type(e->dtype, lo, hi);
            return;
        }
        *lo = e->var->lo, *hi = e->var->hi;
        return;
    case TN_E_OP:
        range_of_op(e, left, lo, hi);
        wrap_range(e->dtype, lo, hi);
        return;
    case TN_E_SELECT:
        range_within(e->arg[1], left, lo, hi);
        range_within(e->arg[2], left, &a, &b);
        *lo = a < *lo ? a : *lo;
        *hi = b > *hi ? b : *hi;
        return;
    case TN_E_CAST:
        if (tn_dtype_get(e->arg[0]->dtype)->is_float)
            range_of_type(e->dtype, lo, hi);
        else
            range_within(e->arg[0], left, lo, hi);
        wrap_range(e->dtype, lo, hi);
        return;
    case TN_E_LOAD:
    case TN_E_BITS:
    case TN_E_NUM: range_of_type(e->dtype, lo, hi); return;
    }
}

void tn_range_of(const tn_expr *e, int64_t *lo, int64_t *hi)
{
    int left = MOST_VISITS;
    range_within(e, &left, lo, hi);
}

bool tn_expr_range_is_known(int64_t lo, int64_t hi)
{
    return lo > -far && hi < far;
}

bool tn_int_fits(tn_dtype t, int64_t lo, int64_t hi)
{
    int64_t least = 0, most = 0;
    range_of_type(t, &least, &most);
    return lo >= least && hi <= most && tn_expr_range_is_known(lo, hi);
}

bool tn_may_wrap(const tn_expr *e)
{
    int64_t lo = 0, hi = 0;
    int left = MOST_VISITS;
    range_of_op(e, &left, &lo, &hi);
    return !tn_int_fits(e->dtype, lo, hi);
}
