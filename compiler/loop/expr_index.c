/* Index expressions are sums of products, sorted by the age of their atoms, the constant last:
       ((i * 16 + j) * 4 + 8) / 4   becomes   i * 16 + j + 2
   Ranges of the variables decide comparisons, divisions and remainders wherever they can:
       (i * 16 + j) % 16            becomes   j              when 0 <= j < 16 */
#include "loop/expr.h"

/* --- linear forms ------------------------------------------------------------------------------------------------- */

enum { MAX_TERMS = 40 };
typedef struct linear {
    int n;
    struct {
        const tn_expr *atom;
        int64_t c;
    } term[MAX_TERMS];
    int64_t constant;
} linear;

/* Beyond it are only the absurd strides of damaged models. */
static const int64_t most_factor = INT64_C(1) << 62;

/* sum += x * y; false, and nothing happens, where something would leave 62 bits. */
static bool add_product(int64_t *sum, int64_t x, int64_t y)
{
    int64_t product = 0;
    if (x <= -most_factor || y <= -most_factor || !tn_mul_i64(x < 0 ? -x : x, y < 0 ? -y : y, &product)
        || product >= most_factor)
        return false;
    int64_t total = *sum + ((x < 0) != (y < 0) ? -product : product);
    if (total >= most_factor || total <= -most_factor)
        return false;
    *sum = total;
    return true;
}

static bool add_term(linear *l, const tn_expr *atom, int64_t c)
{
    int at = 0;
    while (at < l->n && l->term[at].atom->id < atom->id)
        at++;
    if (at < l->n && l->term[at].atom == atom) {
        if (!add_product(&l->term[at].c, c, 1))
            return false;
        if (l->term[at].c == 0)
            memmove(&l->term[at], &l->term[at + 1], sizeof l->term[0] * (size_t)(--l->n - at));
        return true;
    }
    if (l->n == MAX_TERMS)
        return false;
    memmove(&l->term[at + 1], &l->term[at], sizeof l->term[0] * (size_t)(l->n++ - at));
    l->term[at].atom = atom;
    l->term[at].c = c;
    return true;
}

/* l += e * c; false when it has too many terms or too large numbers */
static bool add_linear(linear *l, const tn_expr *e, int64_t c)
{
    int64_t factor = 0;
    if (c >= most_factor || c <= -most_factor)
        return false;
    if (e->kind == TN_E_INT)
        return add_product(&l->constant, e->i, c);
    if (e->kind == TN_E_OP && e->op == TN_OP_ADD)
        return add_linear(l, e->arg[0], c) && add_linear(l, e->arg[1], c);
    if (e->kind == TN_E_OP && e->op == TN_OP_SUB)
        return add_linear(l, e->arg[0], c) && add_linear(l, e->arg[1], -c);
    if (e->kind == TN_E_OP && e->op == TN_OP_MUL && e->arg[1]->kind == TN_E_INT)
        return add_product(&factor, e->arg[1]->i, c) && add_linear(l, e->arg[0], factor);
    return c == 0 || add_term(l, e, c);
}

static const tn_expr *as_is(tn_program *p, tn_scalar_op op, tn_dtype dtype, const tn_expr *x, const tn_expr *y)
{
    return tn_expr_make_op(p, op, dtype, 2, (const tn_expr *[]){x, y});
}

static const tn_expr *scaled(tn_program *p, const tn_expr *atom, int64_t c)
{
    return c == 1 ? atom : as_is(p, TN_OP_MUL, TN_INDEX, atom, tn_index(p, c));
}

static const tn_expr *from_linear(tn_program *p, const linear *l)
{
    const tn_expr *sum = NULL;
    for (int i = 0; i < l->n; i++) {
        const tn_expr *t = scaled(p, l->term[i].atom, l->term[i].c);
        sum = sum == NULL ? t : as_is(p, TN_OP_ADD, TN_INDEX, sum, t);
    }
    if (sum == NULL)
        return tn_index(p, l->constant);
    return l->constant == 0 ? sum : as_is(p, TN_OP_ADD, TN_INDEX, sum, tn_index(p, l->constant));
}

bool tn_coefficient(const tn_expr *e, const tn_var *v, int64_t *out)
{
    linear l = {0};
    *out = 0;
    if (!add_linear(&l, e, 1))
        return false;
    for (int i = 0; i < l.n; i++)
        if (l.term[i].atom->kind == TN_E_VAR && l.term[i].atom->var == v)
            *out = l.term[i].c;
        else if (tn_uses_var(l.term[i].atom, v))
            return false;
    return true;
}

static const tn_expr *index_sum(tn_program *p, const tn_expr *x, const tn_expr *y, int64_t sign)
{
    linear l = {0};
    if (!add_linear(&l, x, 1) || !add_linear(&l, y, sign))
        return as_is(p, sign > 0 ? TN_OP_ADD : TN_OP_SUB, TN_INDEX, x, y);
    return from_linear(p, &l);
}

static const tn_expr *index_product(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    if (x->kind == TN_E_INT || (y->kind != TN_E_INT && x->id > y->id)) {
        const tn_expr *swap = x;
        x = y;
        y = swap;
    }
    linear l = {0};
    if (y->kind != TN_E_INT || !add_linear(&l, x, y->i))
        return as_is(p, TN_OP_MUL, TN_INDEX, x, y);
    return from_linear(p, &l);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* l = g * high + low, 0 <= low < g, g > 1 a divisor of d: then l / d is high / (d / g). The terms of high are those
   with the divisor g. g, or 0: there is none. */
static int64_t split_low(tn_program *p, const linear *l, int64_t d, linear *high, const tn_expr **low)
{
    for (int k = 0; k < l->n; k++) {
        int64_t g = common_divisor(d, l->term[k].c), lo = 0, hi = 0;
        linear rest = {0};
        *high = (linear){.constant = tn_floor_div(l->constant, g)};
        rest.constant = l->constant - high->constant * g;
        for (int i = 0; i < l->n; i++)
            if (l->term[i].c % g == 0)
                add_term(high, l->term[i].atom, l->term[i].c / g);
            else
                add_term(&rest, l->term[i].atom, l->term[i].c);
        *low = from_linear(p, &rest);
        tn_range_of(*low, &lo, &hi);
        if (g > 1 && lo >= 0 && hi < g)
            return g;
    }
    return 0;
}

/* x / d and x % d, d a positive number: x = d * whole + rest; rest / d is a number when its range shows it, and has a
   smaller divisor when part of it does not matter: (4 * i + j) / 16 is i / 4 and its rest 4 * (i % 4) + j, for j < 4 */
static const tn_expr *index_divide(tn_program *p, tn_scalar_op op, const tn_expr *x, int64_t d)
{
    linear l = {0}, whole = {0}, rest = {0};
    if (!add_linear(&l, x, 1))
        return as_is(p, op, TN_INDEX, x, tn_index(p, d));
    for (int i = 0; i < l.n; i++)
        if (l.term[i].c % d == 0)
            add_term(&whole, l.term[i].atom, l.term[i].c / d);
        else
            add_term(&rest, l.term[i].atom, l.term[i].c);
    whole.constant = tn_floor_div(l.constant, d);
    rest.constant = l.constant - whole.constant * d;
    const tn_expr *r = from_linear(p, &rest);
    int64_t lo = 0, hi = 0;
    tn_range_of(r, &lo, &hi);
    int64_t k = tn_floor_div(lo, d);
    bool known = tn_floor_div(hi, d) == k && tn_expr_range_is_known(lo, hi);
    linear high;
    const tn_expr *low = NULL;
    int64_t g = known ? 0 : split_low(p, &rest, d, &high, &low);
    if (g > 0) {
        const tn_expr *part = index_divide(p, op, from_linear(p, &high), d / g);
        return op == TN_OP_MOD ? index_sum(p, index_product(p, part, tn_index(p, g)), low, 1)
                               : index_sum(p, from_linear(p, &whole), part, 1);
    }
    if (op == TN_OP_MOD)
        return known ? index_sum(p, r, tn_index(p, k * d), -1) : as_is(p, op, TN_INDEX, r, tn_index(p, d));
    const tn_expr *q = known ? tn_index(p, k) : as_is(p, op, TN_INDEX, r, tn_index(p, d));
    return index_sum(p, from_linear(p, &whole), q, 1);
}

/* --- what ranges decide ------------------------------------------------------------------------------------------- */

/* The largest that e can be, using v <= extent - 1 for loop variables of symbolic extent. */
static const tn_expr *raise(tn_program *p, const tn_expr *e)
{
    linear l = {0}, out = {0};
    if (!add_linear(&l, e, 1))
        return e;
    out.constant = l.constant;
    for (int i = 0; i < l.n; i++) {
        const tn_expr *a = l.term[i].atom;
        bool symbolic = a->kind == TN_E_VAR && a->var->extent != NULL && a->var->extent->kind != TN_E_INT;
        if (!symbolic || l.term[i].c < 0) {
            if (!add_term(&out, a, l.term[i].c))
                return e;
        } else if (!add_linear(&out, a->var->extent, l.term[i].c)) {
            return e;
        } else {
            out.constant -= l.term[i].c;
        }
    }
    return from_linear(p, &out);
}

/* -1 unknown, else the truth of x < y */
static int index_less(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    int64_t lo = 0, hi = 0;
    const tn_expr *d = index_sum(p, x, y, -1);
    tn_range_of(d, &lo, &hi);
    if (hi < 0)
        return 1;
    if (lo >= 0)
        return 0;
    tn_range_of(raise(p, d), &lo, &hi);
    return hi < 0 ? 1 : -1;
}

static const tn_expr *index_compare(tn_program *p, tn_scalar_op op, const tn_expr *x, const tn_expr *y)
{
    int t = -1;
    if (op == TN_OP_LT)
        t = index_less(p, x, y);
    else if (op == TN_OP_LE)
        t = index_less(p, x, index_sum(p, y, tn_index(p, 1), 1));
    else {
        bool apart = index_less(p, x, y) == 1 || index_less(p, y, x) == 1;
        t = x == y ? op == TN_OP_EQ : apart ? op == TN_OP_NE : -1;
    }
    return t >= 0 ? tn_integer(p, TN_BOOL, t) : as_is(p, op, TN_BOOL, x, y);
}

static const tn_expr *index_extreme(tn_program *p, tn_scalar_op op, const tn_expr *x, const tn_expr *y)
{
    if (x == y)
        return x;
    int less = index_less(p, x, index_sum(p, y, tn_index(p, 1), 1)); /* x <= y */
    if (less >= 0)
        return (less == 1) == (op == TN_OP_MIN) ? x : y;
    if (index_less(p, y, index_sum(p, x, tn_index(p, 1), 1)) == 1) /* y <= x */
        return op == TN_OP_MIN ? y : x;
    return as_is(p, op, TN_INDEX, x, y);
}

const tn_expr *tn_expr_index_op(tn_program *p, tn_scalar_op op, const tn_expr *const *arg)
{
    const tn_expr *x = arg[0], *y = tn_scalars[op].operands > 1 ? arg[1] : NULL;
    int64_t lo = 0, hi = 0;
    switch (op) {
    case TN_OP_ADD: return index_sum(p, x, y, 1);
    case TN_OP_SUB: return index_sum(p, x, y, -1);
    case TN_OP_NEG: return index_product(p, x, tn_index(p, -1));
    case TN_OP_MUL: return index_product(p, x, y);
    case TN_OP_DIV:
    case TN_OP_REM:
        tn_range_of(x, &lo, &hi);
        if (lo < 0)
            break;
        op = op == TN_OP_DIV ? TN_OP_FDIV : TN_OP_MOD; /* the same for what is not negative */
        if (y->kind == TN_E_INT && y->i > 0)
            return index_divide(p, op, x, y->i);
        break;
    case TN_OP_FDIV:
    case TN_OP_MOD:
        if (y->kind == TN_E_INT && y->i > 0)
            return index_divide(p, op, x, y->i);
        if (y->kind == TN_E_INT && y->i == 0) /* as scalar.def has it: an axis of no elements */
            return y;
        if (op == TN_OP_FDIV && x == y)
            return tn_index(p, 1);
        break;
    case TN_OP_MIN:
    case TN_OP_MAX: return index_extreme(p, op, x, y);
    case TN_OP_EQ:
    case TN_OP_NE:
    case TN_OP_LT:
    case TN_OP_LE: return index_compare(p, op, x, y);
    default: break;
    }
    return tn_expr_make_op(p, op, tn_scalars[op].gives_bool ? TN_BOOL : TN_INDEX, tn_scalars[op].operands, arg);
}
