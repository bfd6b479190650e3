/* Whether a conversion from a float to an integer needs no test: the value is known to lie in the type.

       cast<index>(floor(i * 0.5 + 0.25)), 0 <= i < 8       fits: no NaN, from 0.25 to 3.75
       cast<uint8>(select(y < 255, y, 255)), y = select(0 < x, x, 0)      fits whatever x is: of NaN this makes 0
       cast<int8>(round(y) + 3), y from -131 to 124 by such selections    fits: these are whole numbers, exact in a float
*/
#include "loop/loop.h"

#include <math.h>

typedef struct range {
    double lo, hi; /* inclusive; lo > hi: unknown, or NaN is possible */
    bool is_exact; /* nothing was rounded on the way to lo and hi */
} range;

static const range unknown = {.lo = 1, .hi = 0};

static range range_of(const tn_expr *e);

static bool is_known(range r)
{
    return r.lo <= r.hi;
}

static range range_of_whole(const tn_expr *e)
{
    static const int64_t far = (int64_t)1 << 44; /* tn_range_of's least number that may stand for more */
    int64_t lo = 0, hi = 0;
    tn_range_of(e, &lo, &hi);
    return lo > -far && hi < far ? (range){.lo = (double)lo, .hi = (double)hi} : unknown;
}

static bool is_whole(range r)
{
    static const double most = 1 << 22; /* a sum of few is still exact in a float */
    return r.is_exact && r.lo == floor(r.lo) && r.hi == floor(r.hi) && r.lo >= -most && r.hi <= most;
}

static range product(range x, range y)
{
    double a = x.lo * y.lo, b = x.lo * y.hi, c = x.hi * y.lo, d = x.hi * y.hi;
    return (range){.lo = fmin(fmin(a, b), fmin(c, d)), .hi = fmax(fmax(a, b), fmax(c, d))};
}

static range range_of_op(const tn_expr *e)
{
    range x = range_of(e->arg[0]), y = e->n > 1 ? range_of(e->arg[1]) : x;
    if (!is_known(x) || !is_known(y))
        return unknown;
    switch (e->op) {
    case TN_OP_ADD: return (range){x.lo + y.lo, x.hi + y.hi, is_whole(x) && is_whole(y)};
    case TN_OP_SUB: return (range){x.lo - y.hi, x.hi - y.lo, is_whole(x) && is_whole(y)};
    case TN_OP_MUL: return product(x, y);
    case TN_OP_DIV: return y.lo > 0 || y.hi < 0 ? product(x, (range){.lo = 1 / y.hi, .hi = 1 / y.lo}) : unknown;
    case TN_OP_MIN: return (range){.lo = fmin(x.lo, y.lo), .hi = fmin(x.hi, y.hi)};
    case TN_OP_MAX: return (range){.lo = fmax(x.lo, y.lo), .hi = fmax(x.hi, y.hi)};
    case TN_OP_NEG: return (range){.lo = -x.hi, .hi = -x.lo};
    case TN_OP_FLOOR:
    case TN_OP_CEIL:
    case TN_OP_TRUNC:
    case TN_OP_ROUND: return (range){floor(x.lo), ceil(x.hi), x.is_exact};
    default: return unknown;
    }
}

/* x < y ? x : y with y a number, or its mirror image: gives the number for NaN. */
static bool is_bound(const tn_expr *e, bool upper)
{
    if (e->kind != TN_E_SELECT || e->arg[2]->kind != TN_E_NUM)
        return false;
    const tn_expr *c = e->arg[0], *x = e->arg[1], *end = e->arg[2];
    return c->kind == TN_E_OP && c->op == TN_OP_LT && c->arg[0] == (upper ? x : end) && c->arg[1] == (upper ? end : x);
}

static range range_of_select(const tn_expr *e)
{
    if (is_bound(e, true) && is_bound(e->arg[1], false))
        return (range){e->arg[1]->arg[2]->f, e->arg[2]->f, true};
    range x = range_of(e->arg[1]), y = range_of(e->arg[2]);
    return is_known(x) && is_known(y) ? (range){.lo = fmin(x.lo, y.lo), .hi = fmax(x.hi, y.hi)} : unknown;
}

/* To fewer bits rounds, also what bounds the range: 2^31 - 1 of a double is 2^31 as a float. */
static range range_of_cast(const tn_expr *e)
{
    const tn_dtype_info *from = tn_dtype_get(e->arg[0]->dtype), *to = tn_dtype_get(e->dtype);
    if (!from->is_float)
        return range_of_whole(e->arg[0]);
    range r = range_of(e->arg[0]);
    r.is_exact = r.is_exact && from->size < to->size && to->codec == NULL;
    return r;
}

static range range_of(const tn_expr *e)
{
    switch (e->kind) {
    case TN_E_NUM: return isfinite(e->f) ? (range){e->f, e->f, true} : unknown;
    case TN_E_CAST: return range_of_cast(e);
    case TN_E_OP: return range_of_op(e);
    case TN_E_SELECT: return range_of_select(e);
    default: return unknown;
    }
}

/* Of an index 32 bits: where ptrdiff_t is narrower, no buffer is so long that one could come near its end. */
static range range_of_type(tn_dtype t)
{
    const tn_dtype_info *info = tn_dtype_get(t);
    int bits = t == TN_INDEX ? 31 : info->size * 8 - info->is_signed;
    return (range){info->is_signed ? -ldexp(1, bits) : 0, ldexp(1, bits) - 1, true};
}

bool tn_float_fits(const tn_expr *e, tn_dtype to)
{
    range type = range_of_type(to), r = range_of(e);
    double share = r.is_exact ? 1 : 0.99; /* what rounding may add */
    return is_known(r) && r.lo >= share * type.lo && r.hi <= share * type.hi;
}

bool tn_float_is_whole(const tn_expr *e)
{
    if (e->kind == TN_E_NUM)
        return is_whole(range_of(e));
    if (e->kind != TN_E_OP)
        return false;
    bool adds = e->op == TN_OP_ADD && tn_float_is_whole(e->arg[0]) && tn_float_is_whole(e->arg[1]);
    return (adds || e->op == TN_OP_ROUND) && is_whole(range_of(e));
}
