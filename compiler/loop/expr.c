/* Expressions: made unique in the program's table and simplified as they are made. See loop.h.

   Index expressions are sums of products, sorted by the age of their atoms, the constant last:
       ((i * 16 + j) * 4 + 8) / 4   becomes   i * 16 + j + 2
   Ranges of the variables decide comparisons, divisions and remainders wherever they can:
       (i * 16 + j) % 16            becomes   j              when 0 <= j < 16 */
#include "loop/loop.h"

#include <math.h>

const tn_scalar_info tn_scalars[TN_OP_COUNT] = {
#define V false
#define B true
#define S(id, name, operands, result, hf, hi, cf, ci) {name, operands, result, cf, ci},
#include "loop/scalar.def"
#undef S
#undef V
#undef B
};

/* --- uniqueness --------------------------------------------------------------------------------------------------- */

static size_t mix(size_t h, size_t x)
{
    return (h ^ x) * (size_t)0x9E3779B97F4A7C15u + (h >> 29);
}

/* By which -0 is not 0, and NaN is itself. */
static uint64_t bits_of(double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static size_t hash_of(const tn_expr *e)
{
    size_t h = mix((size_t)e->kind * 64 + (size_t)e->dtype, (size_t)e->op + 1);
    h = mix(mix(h, (size_t)e->i), (size_t)bits_of(e->f));
    h = mix(h, (size_t)(e->var != NULL ? e->var->id + 1 : 0));
    h = mix(h, (size_t)(e->buf != NULL ? e->buf->id + 1 : 0));
    for (int k = 0; k < e->n; k++)
        h = mix(h, (size_t)e->arg[k]->id);
    return h ^ h >> 32;
}

static bool same(const tn_expr *x, const tn_expr *y)
{
    return x->kind == y->kind && x->dtype == y->dtype && x->op == y->op && x->i == y->i
        && bits_of(x->f) == bits_of(y->f) && x->var == y->var && x->buf == y->buf && x->n == y->n
        && (x->n == 0 || memcmp(x->arg, y->arg, sizeof *x->arg * (size_t)x->n) == 0);
}

static const tn_expr **find_place(const tn_expr **table, size_t size, const tn_expr *e)
{
    size_t at = hash_of(e) & (size - 1);
    while (table[at] != NULL && !same(table[at], e))
        at = (at + 1) & (size - 1);
    return &table[at];
}

static void grow_table(tn_program *p)
{
    size_t size = p->table_size == 0 ? 256 : p->table_size * 2;
    const tn_expr **table = TN_NEW_N(p->arena, const tn_expr *, size);
    for (size_t i = 0; i < p->table_size; i++)
        if (p->table[i] != NULL)
            *find_place(table, size, p->table[i]) = p->table[i];
    p->table = table;
    p->table_size = size;
}

static const tn_expr *intern(tn_program *p, const tn_expr *proto)
{
    if (p->n_expr * 2 >= p->table_size)
        grow_table(p);
    const tn_expr **place = find_place(p->table, p->table_size, proto);
    if (*place != NULL)
        return *place;
    tn_expr *e = TN_NEW(p->arena, tn_expr);
    *e = *proto;
    e->id = (int)p->n_expr++;
    if (e->n > 0) {
        const tn_expr **arg = TN_NEW_N(p->arena, const tn_expr *, e->n);
        memcpy(arg, proto->arg, sizeof *arg * (size_t)e->n);
        e->arg = arg;
    }
    *place = e;
    return e;
}

const tn_expr *tn_expr_as_is(tn_program *p, const tn_expr *like)
{
    return intern(p, like);
}

static const tn_expr *make_op(tn_program *p, tn_scalar_op op, tn_dtype dtype, int n, const tn_expr *const *arg)
{
    return intern(p, &(tn_expr){.kind = TN_E_OP, .dtype = dtype, .op = op, .n = n, .arg = arg});
}

static const tn_expr *make_op2(tn_program *p, tn_scalar_op op, tn_dtype dtype, const tn_expr *x, const tn_expr *y)
{
    return make_op(p, op, dtype, 2, (const tn_expr *[]){x, y});
}

/* --- constants ---------------------------------------------------------------------------------------------------- */

const tn_expr *tn_integer(tn_program *p, tn_dtype dtype, int64_t x)
{
    if (tn_dtype_get(dtype)->is_float)
        return tn_number(p, dtype, (double)x);
    return intern(p, &(tn_expr){.kind = TN_E_INT, .dtype = dtype, .i = tn_wrap(dtype, x)});
}

const tn_expr *tn_number(tn_program *p, tn_dtype dtype, double x)
{
    if (!tn_dtype_get(dtype)->is_float)
        return tn_integer(p, dtype, (int64_t)x);
    return intern(p, &(tn_expr){.kind = TN_E_NUM, .dtype = dtype, .f = tn_round_to(dtype, x)});
}

const tn_expr *tn_index(tn_program *p, int64_t i)
{
    return tn_integer(p, TN_INDEX, i);
}

const tn_expr *tn_var_expr(tn_program *p, tn_var *v)
{
    if (v->dtype == TN_INDEX && v->lo == v->hi) /* an axis of one element */
        return tn_index(p, v->lo);
    return intern(p, &(tn_expr){.kind = TN_E_VAR, .dtype = v->dtype, .var = v});
}

bool tn_expr_is_int(const tn_expr *e, int64_t i)
{
    return e->kind == TN_E_INT && e->i == i;
}

const tn_expr *tn_load_raw(tn_program *p, tn_buf *b, int n, const tn_expr *const *at)
{
    return intern(p, &(tn_expr){.kind = TN_E_LOAD, .dtype = b->dtype, .buf = b, .n = n, .arg = at});
}

const tn_expr *tn_load_flat(tn_program *p, tn_buf *b, const tn_expr *offset)
{
    return intern(p, &(tn_expr){.kind = TN_E_LOAD, .dtype = b->dtype, .buf = b, .i = 1, .n = 1, .arg = &offset});
}

/* --- ranges ------------------------------------------------------------------------------------------------------- */

static const int64_t far = (int64_t)1 << 45;

static int64_t clamp(int64_t x)
{
    return x > far ? far : x < -far ? -far : x;
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

static void range_of_op(const tn_expr *e, int64_t *lo, int64_t *hi)
{
    int64_t a = 0, b = 0, c = 0, d = 0;
    tn_range_of(e->arg[0], &a, &b);
    if (e->n > 1)
        tn_range_of(e->arg[1], &c, &d);
    *lo = -far;
    *hi = far;
    switch (e->op) {
    case TN_OP_ADD: *lo = clamp(a + c), *hi = clamp(b + d); break;
    case TN_OP_SUB: *lo = clamp(a - d), *hi = clamp(b - c); break;
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
            *lo = tn_floor_div(a, a < 0 ? c : d);
            *hi = tn_floor_div(b, b < 0 ? d : c);
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

void tn_range_of(const tn_expr *e, int64_t *lo, int64_t *hi)
{
    int64_t a = 0, b = 0;
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
        range_of_op(e, lo, hi);
        wrap_range(e->dtype, lo, hi);
        return;
    case TN_E_SELECT:
        tn_range_of(e->arg[1], lo, hi);
        tn_range_of(e->arg[2], &a, &b);
        *lo = a < *lo ? a : *lo;
        *hi = b > *hi ? b : *hi;
        return;
    case TN_E_CAST:
        if (tn_dtype_get(e->arg[0]->dtype)->is_float)
            range_of_type(e->dtype, lo, hi);
        else
            tn_range_of(e->arg[0], lo, hi);
        wrap_range(e->dtype, lo, hi);
        return;
    case TN_E_LOAD:
    case TN_E_BITS:
    case TN_E_NUM: range_of_type(e->dtype, lo, hi); return;
    }
}

bool tn_int_fits(tn_dtype t, int64_t lo, int64_t hi)
{
    int64_t least = 0, most = 0;
    range_of_type(t, &least, &most);
    return lo >= least && hi <= most && lo > -far && hi < far;
}

bool tn_may_wrap(const tn_expr *e)
{
    int64_t lo = 0, hi = 0;
    range_of_op(e, &lo, &hi);
    return !tn_int_fits(e->dtype, lo, hi);
}

/* --- linear forms of index expressions ---------------------------------------------------------------------------- */

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

static const tn_expr *scaled(tn_program *p, const tn_expr *atom, int64_t c)
{
    return c == 1 ? atom : make_op2(p, TN_OP_MUL, TN_INDEX, atom, tn_index(p, c));
}

static const tn_expr *from_linear(tn_program *p, const linear *l)
{
    const tn_expr *sum = NULL;
    for (int i = 0; i < l->n; i++) {
        const tn_expr *t = scaled(p, l->term[i].atom, l->term[i].c);
        sum = sum == NULL ? t : make_op2(p, TN_OP_ADD, TN_INDEX, sum, t);
    }
    if (sum == NULL)
        return tn_index(p, l->constant);
    return l->constant == 0 ? sum : make_op2(p, TN_OP_ADD, TN_INDEX, sum, tn_index(p, l->constant));
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
        return make_op2(p, sign > 0 ? TN_OP_ADD : TN_OP_SUB, TN_INDEX, x, y);
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
        return make_op2(p, TN_OP_MUL, TN_INDEX, x, y);
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
        return make_op2(p, op, TN_INDEX, x, tn_index(p, d));
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
    bool known = tn_floor_div(hi, d) == k && lo > -far && hi < far;
    linear high;
    const tn_expr *low = NULL;
    int64_t g = known ? 0 : split_low(p, &rest, d, &high, &low);
    if (g > 0) {
        const tn_expr *part = index_divide(p, op, from_linear(p, &high), d / g);
        return op == TN_OP_MOD ? index_sum(p, index_product(p, part, tn_index(p, g)), low, 1)
                               : index_sum(p, from_linear(p, &whole), part, 1);
    }
    if (op == TN_OP_MOD)
        return known ? index_sum(p, r, tn_index(p, k * d), -1) : make_op2(p, op, TN_INDEX, r, tn_index(p, d));
    const tn_expr *q = known ? tn_index(p, k) : make_op2(p, op, TN_INDEX, r, tn_index(p, d));
    return index_sum(p, from_linear(p, &whole), q, 1);
}

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
    return t >= 0 ? tn_integer(p, TN_BOOL, t) : make_op2(p, op, TN_BOOL, x, y);
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
    return make_op2(p, op, TN_INDEX, x, y);
}

static const tn_expr *index_op(tn_program *p, tn_scalar_op op, const tn_expr *const *arg)
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
    return make_op(p, op, tn_scalars[op].gives_bool ? TN_BOOL : TN_INDEX, tn_scalars[op].operands, arg);
}

/* --- the other types ---------------------------------------------------------------------------------------------- */

static bool is_const(const tn_expr *e)
{
    return e->kind == TN_E_INT || e->kind == TN_E_NUM;
}

static bool is_value(const tn_expr *e, double x)
{
    return (e->kind == TN_E_NUM && e->f == x) || (e->kind == TN_E_INT && (double)e->i == x);
}

static const tn_expr *fold_logic(tn_program *p, tn_scalar_op op, const tn_expr *const *arg)
{
    if (op == TN_OP_NOT)
        return is_const(arg[0]) ? tn_integer(p, TN_BOOL, arg[0]->i == 0) : NULL;
    if (op != TN_OP_AND && op != TN_OP_OR)
        return NULL;
    for (int k = 0; k < 2; k++)
        if (arg[k]->kind == TN_E_INT)
            return (arg[k]->i != 0) == (op == TN_OP_AND) ? arg[1 - k] : arg[k];
    return arg[0] == arg[1] ? arg[0] : NULL;
}

/* What IEEE arithmetic keeps to the bit: x * 1, x / 1, x - 0, and for integers x + 0. */
static const tn_expr *fold_neutral(tn_scalar_op op, const tn_expr *x, const tn_expr *y)
{
    bool whole = x->dtype != TN_BOOL && !tn_dtype_get(x->dtype)->is_float;
    switch (op) {
    case TN_OP_MUL: return is_value(y, 1) ? x : is_value(x, 1) ? y : NULL;
    case TN_OP_DIV: return is_value(y, 1) ? x : NULL;
    case TN_OP_SUB: return is_value(y, 0) && (whole || !signbit(y->f)) ? x : NULL;
    case TN_OP_ADD: return !whole ? NULL : is_value(y, 0) ? x : is_value(x, 0) ? y : NULL;
    default: return NULL;
    }
}

static const tn_expr *fold_numbers(tn_program *p, tn_scalar_op op, const tn_expr *x, const tn_expr *y)
{
    double a = x->f, b = y->f;
    if (x->kind != TN_E_NUM || y->kind != TN_E_NUM)
        return NULL;
    switch (op) {
    case TN_OP_ADD: return tn_number(p, x->dtype, a + b);
    case TN_OP_SUB: return tn_number(p, x->dtype, a - b);
    case TN_OP_MUL: return tn_number(p, x->dtype, a * b);
    case TN_OP_DIV: return tn_number(p, x->dtype, a / b);
    default: return NULL;
    }
}

const tn_expr *tn_opn(tn_program *p, tn_scalar_op op, const tn_expr *const *arg)
{
    int n = tn_scalars[op].operands;
    assert(n == 1 || arg[0]->dtype == arg[1]->dtype);
    if (arg[0]->dtype == TN_INDEX)
        return index_op(p, op, arg);
    const tn_expr *const swapped[] = {n > 1 ? arg[1] : NULL, arg[0]};
    if ((op == TN_OP_MIN || op == TN_OP_MAX) && arg[0]->kind == TN_E_NUM && arg[1]->kind != TN_E_NUM)
        arg = swapped; /* a constant comes second: there vectors need no test for NaN */
    const tn_expr *folded = fold_logic(p, op, arg);
    if (folded == NULL && n == 2)
        folded = fold_neutral(op, arg[0], arg[1]);
    if (folded == NULL && n == 2)
        folded = fold_numbers(p, op, arg[0], arg[1]);
    if (folded != NULL)
        return folded;
    return make_op(p, op, tn_scalars[op].gives_bool ? TN_BOOL : arg[0]->dtype, n, arg);
}

const tn_expr *tn_op1(tn_program *p, tn_scalar_op op, const tn_expr *x)
{
    return tn_opn(p, op, (const tn_expr *[]){x});
}

const tn_expr *tn_op2(tn_program *p, tn_scalar_op op, const tn_expr *x, const tn_expr *y)
{
    return tn_opn(p, op, (const tn_expr *[]){x, y});
}

const tn_expr *tn_select(tn_program *p, const tn_expr *c, const tn_expr *x, const tn_expr *y)
{
    assert(c->dtype == TN_BOOL && x->dtype == y->dtype);
    if (c->kind == TN_E_INT)
        return c->i != 0 ? x : y;
    if (x == y)
        return x;
    return intern(p, &(tn_expr){.kind = TN_E_SELECT, .dtype = x->dtype, .n = 3, .arg = (const tn_expr *[]){c, x, y}});
}

const tn_expr *tn_cast(tn_program *p, tn_dtype to, const tn_expr *x)
{
    if (x->dtype == to)
        return x;
    bool float_to = tn_dtype_get(to)->is_float;
    if (tn_dtype_get(x->dtype)->is_float && (TN_T_SMALL_INTS >> to & 1u) != 0)
        x = tn_cast(p, TN_INT32, x); /* which saturates; then it wraps */
    if (x->kind == TN_E_INT)
        return float_to ? tn_number(p, to, (double)x->i) : tn_integer(p, to, x->i);
    if (x->kind == TN_E_NUM && float_to)
        return tn_number(p, to, x->f);
    if (x->kind == TN_E_NUM && to == TN_BOOL)
        return tn_integer(p, to, x->f != 0);
    return intern(p, &(tn_expr){.kind = TN_E_CAST, .dtype = to, .n = 1, .arg = &x});
}

const tn_expr *tn_bit_cast(tn_program *p, tn_dtype to, const tn_expr *x)
{
    assert(tn_dtype_get(to)->size == tn_dtype_get(x->dtype)->size);
    return intern(p, &(tn_expr){.kind = TN_E_BITS, .dtype = to, .n = 1, .arg = &x});
}

/* --- rewriting ---------------------------------------------------------------------------------------------------- */

enum { CACHE = 512 };
typedef struct rewriting {
    tn_rewrite_fn f;
    void *user;
    struct {
        const tn_expr *from, *to;
    } cache[CACHE]; /* by id: a shared subexpression is rewritten once */
} rewriting;

const tn_expr *tn_expr_rebuild(tn_program *p, const tn_expr *e, const tn_expr *const *arg)
{
    switch (e->kind) {
    case TN_E_OP: return tn_opn(p, (tn_scalar_op)e->op, arg);
    case TN_E_SELECT: return tn_select(p, arg[0], arg[1], arg[2]);
    case TN_E_CAST: return tn_cast(p, e->dtype, arg[0]);
    case TN_E_BITS: return tn_bit_cast(p, e->dtype, arg[0]);
    case TN_E_LOAD: return e->i == 1 ? tn_load_flat(p, e->buf, arg[0]) : tn_load_raw(p, e->buf, e->n, arg);
    default: return e;
    }
}

static const tn_expr *rewrite(tn_program *p, const tn_expr *e, rewriting *r)
{
    size_t slot = (size_t)e->id % CACHE;
    if (r->cache[slot].from == e)
        return r->cache[slot].to;
    const tn_expr *arg[TN_MAX_AXES + 4] = {NULL}, *out = e;
    bool changed = false;
    for (int k = 0; k < e->n; k++) {
        arg[k] = rewrite(p, e->arg[k], r);
        changed = changed || arg[k] != e->arg[k];
    }
    if (changed)
        out = tn_expr_rebuild(p, e, arg);
    const tn_expr *by = r->f(p, r->user, out);
    if (by != NULL)
        out = by;
    r->cache[slot].from = e;
    r->cache[slot].to = out;
    return out;
}

const tn_expr *tn_rewrite(tn_program *p, const tn_expr *e, tn_rewrite_fn f, void *user)
{
    rewriting r = {.f = f, .user = user};
    return rewrite(p, e, &r);
}

typedef struct substitution {
    const tn_var *v;
    const tn_expr *by;
} substitution;

static const tn_expr *substitute_one(tn_program *p, void *user, const tn_expr *e)
{
    (void)p;
    const substitution *s = user;
    return e->kind == TN_E_VAR && e->var == s->v ? s->by : NULL;
}

const tn_expr *tn_substitute(tn_program *p, const tn_expr *e, const tn_var *v, const tn_expr *by)
{
    substitution s = {v, by};
    return tn_uses_var(e, v) ? tn_rewrite(p, e, substitute_one, &s) : e;
}

bool tn_has_select(const tn_expr *e)
{
    if (e->kind == TN_E_SELECT)
        return true;
    for (int k = 0; k < e->n; k++)
        if (tn_has_select(e->arg[k]))
            return true;
    return false;
}

void tn_each_load(const tn_expr *e, tn_load_fn *f, void *user)
{
    if (e == NULL)
        return;
    if (e->kind == TN_E_LOAD)
        f(user, e);
    for (int k = 0; k < e->n; k++)
        tn_each_load(e->arg[k], f, user);
}

void tn_comp_each_load(const tn_comp *c, tn_load_fn *f, void *user)
{
    tn_each_load(c->elem, f, user);
    tn_each_load(c->init, f, user);
    tn_each_load(c->post, f, user);
    for (int i = 0; i < c->out->rank; i++)
        tn_each_load(c->at[i], f, user);
    for (int i = 0; c->call != NULL && i < c->call->n_arg; i++)
        if (c->call->arg[i].kind != TN_ARG_WRITE)
            tn_each_load(c->call->arg[i].expr, f, user);
}

typedef struct memory_of {
    const tn_buf *root;
    bool found;
} memory_of;

static void match_memory(void *user, const tn_expr *load)
{
    memory_of *m = user;
    m->found = m->found || tn_buf_root(load->buf) == m->root;
}

bool tn_comp_loads(const tn_comp *c, const tn_buf *b)
{
    memory_of m = {tn_buf_root(b), false};
    tn_comp_each_load(c, match_memory, &m);
    return m.found;
}

bool tn_uses_var(const tn_expr *e, const tn_var *v)
{
    if (e->kind == TN_E_VAR)
        return e->var == v;
    for (int k = 0; k < e->n; k++)
        if (tn_uses_var(e->arg[k], v))
            return true;
    return false;
}

bool tn_comp_uses(const tn_comp *c, const tn_var *symbol)
{
    const tn_expr *all[] = {c->elem, c->init, c->post};
    bool uses = false;
    for (int i = 0; i < 3; i++)
        uses = uses || (all[i] != NULL && tn_uses_var(all[i], symbol));
    for (int i = 0; i < c->n_axis; i++)
        uses = uses || tn_uses_var(c->axis[i].extent, symbol);
    for (int i = 0; i < c->n_reduce; i++)
        uses = uses || tn_uses_var(c->reduce[i].extent, symbol);
    for (int i = 0; i < c->out->rank; i++)
        uses = uses || tn_uses_var(c->at[i], symbol);
    return uses;
}

bool tn_share_subscript(const tn_expr *e, const tn_var *x, const tn_var *y)
{
    if (e->kind == TN_E_LOAD)
        for (int d = 0; d < e->n; d++)
            if (tn_uses_var(e->arg[d], x) && tn_uses_var(e->arg[d], y))
                return true;
    for (int k = 0; k < e->n; k++)
        if (tn_share_subscript(e->arg[k], x, y))
            return true;
    return false;
}

bool tn_loads_buf(const tn_expr *e, const tn_buf *b)
{
    if (e->kind == TN_E_LOAD && e->buf == b)
        return true;
    for (int k = 0; k < e->n; k++)
        if (tn_loads_buf(e->arg[k], b))
            return true;
    return false;
}

bool tn_loads_constants(const tn_expr *e)
{
    if (e->kind == TN_E_LOAD && e->buf->scope == TN_SCOPE_CONST)
        return true;
    for (int k = 0; k < e->n; k++)
        if (tn_loads_constants(e->arg[k]))
            return true;
    return false;
}
