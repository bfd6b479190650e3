/* Dims: numbers, bounded names, and arithmetic on both. See ir.h.
   Kept in a form in which equal terms usually print equally: constants fold and stand on the right, (x+c)+d becomes
   x+(c+d), (x*c)*d becomes x*(c*d), (x*c)/d divides out, and what is added and subtracted goes: x+(y-x) becomes y. Two
   terms that are equal for deeper reasons count as different, which costs an error message or a missed rewrite, never a
   wrong result. */
#include "ir/ir.h"
#include "ir/text.h"

static int64_t clamp(int64_t x)
{
    return x > TN_DIM_MAX ? TN_DIM_MAX : x < -TN_DIM_MAX ? -TN_DIM_MAX : x;
}

static int64_t lower_bound(tn_dim d)
{
    return d.sym != NULL ? d.sym->lo : d.n;
}

static int64_t apply(tn_sym_kind kind, int64_t x, int64_t y)
{
    switch (kind) {
    case TN_SYM_ADD: return clamp(x + y);
    case TN_SYM_SUB: return clamp(x - y);
    case TN_SYM_MUL:
        if (x != 0 && y != 0 && (x < 0 ? -x : x) > TN_DIM_MAX / (y < 0 ? -y : y))
            return (x < 0) == (y < 0) ? TN_DIM_MAX : -TN_DIM_MAX;
        return x * y;
    case TN_SYM_DIV: return y == 0 ? 0 : tn_floor_div(x, y);
    case TN_SYM_MIN: return x < y ? x : y;
    case TN_SYM_MAX: return x > y ? x : y;
    case TN_SYM_NAME: break;
    }
    return 0;
}

tn_dim tn_dim_fixed(int64_t n)
{
    return (tn_dim){clamp(n), NULL};
}

tn_dim tn_dim_named(tn_arena *a, const char *name, int64_t at_most)
{
    tn_sym *s = TN_NEW(a, tn_sym);
    *s = (tn_sym){.kind = TN_SYM_NAME, .name = name, .lo = 1};
    return (tn_dim){clamp(at_most), s};
}

tn_dim tn_dim_found(tn_arena *a, const char *name, int64_t at_most)
{
    tn_sym *s = TN_NEW(a, tn_sym);
    *s = (tn_sym){.kind = TN_SYM_NAME, .name = name, .lo = 0, .found = true};
    return (tn_dim){clamp(at_most), s};
}

bool tn_dim_is_found(tn_dim x)
{
    return x.sym != NULL && x.sym->found;
}

const tn_dim *tn_dim_find(const tn_dim_vec *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i].sym->name, name) == 0)
            return &names->items[i];
    return NULL;
}

bool tn_dim_same(tn_dim x, tn_dim y)
{
    if (x.sym == y.sym)
        return x.sym != NULL || x.n == y.n;
    if (x.sym == NULL || y.sym == NULL || x.sym->kind != y.sym->kind)
        return false;
    if (x.sym->kind == TN_SYM_NAME)
        return strcmp(x.sym->name, y.sym->name) == 0;
    return tn_dim_same(x.sym->a, y.sym->a) && tn_dim_same(x.sym->b, y.sym->b);
}

bool tn_dim_is(tn_dim x, int64_t n)
{
    return x.sym == NULL && x.n == n;
}

static tn_dim make_term(tn_arena *a, tn_sym_kind kind, tn_dim x, tn_dim y)
{
    int64_t xl = lower_bound(x), yl = lower_bound(y), lo = 0, hi = 0;
    switch (kind) {
    case TN_SYM_SUB:
        lo = apply(kind, xl, y.n);
        hi = apply(kind, x.n, yl);
        break;
    case TN_SYM_DIV:
        lo = y.n > 0 ? apply(kind, xl, y.n) : 0;
        hi = yl > 0 ? apply(kind, x.n, yl) : x.n;
        break;
    default:
        lo = apply(kind, xl, yl);
        hi = apply(kind, x.n, y.n);
        break;
    }
    tn_sym *s = TN_NEW(a, tn_sym);
    *s = (tn_sym){.kind = kind, .a = x, .b = y, .lo = lo};
    return (tn_dim){hi, s};
}

static bool is_term(tn_dim x, tn_sym_kind kind)
{
    return x.sym != NULL && x.sym->kind == kind;
}

/* x+(y-x), (y-x)+x, x-(x-y), (x+y)-x, (y+x)-x: y. NULL: there is nothing to cancel. */
static const tn_dim *cancel(tn_sym_kind kind, const tn_dim *x, const tn_dim *y)
{
    if (kind == TN_SYM_ADD && is_term(*y, TN_SYM_SUB) && tn_dim_same(y->sym->b, *x))
        return &y->sym->a;
    if (kind == TN_SYM_ADD && is_term(*x, TN_SYM_SUB) && tn_dim_same(x->sym->b, *y))
        return &x->sym->a;
    if (kind == TN_SYM_SUB && is_term(*y, TN_SYM_SUB) && tn_dim_same(y->sym->a, *x))
        return &y->sym->b;
    if (kind == TN_SYM_SUB && is_term(*x, TN_SYM_ADD) && tn_dim_same(x->sym->a, *y))
        return &x->sym->b;
    if (kind == TN_SYM_SUB && is_term(*x, TN_SYM_ADD) && tn_dim_same(x->sym->b, *y))
        return &x->sym->a;
    return NULL;
}

tn_dim tn_dim_do(tn_arena *a, tn_sym_kind kind, tn_dim x, tn_dim y)
{
    if (x.sym == NULL && y.sym == NULL)
        return tn_dim_fixed(apply(kind, x.n, y.n));
    bool commutes = kind == TN_SYM_ADD || kind == TN_SYM_MUL;
    if (commutes && x.sym == NULL)
        return tn_dim_do(a, kind, y, x);
    if (kind == TN_SYM_SUB && y.sym == NULL)
        return tn_dim_do(a, TN_SYM_ADD, x, tn_dim_fixed(-y.n));
    if (kind == TN_SYM_ADD && tn_dim_same(x, y)) /* keeps sums of one term short: doubling must not double the text */
        return tn_dim_do(a, TN_SYM_MUL, x, tn_dim_fixed(2));
    if (kind == TN_SYM_SUB && tn_dim_same(x, y))
        return tn_dim_fixed(0);
    const tn_dim *rest = cancel(kind, &x, &y);
    if (rest != NULL)
        return *rest;
    if ((kind == TN_SYM_MIN || kind == TN_SYM_MAX) && tn_dim_same(x, y))
        return x;
    if ((kind == TN_SYM_ADD && tn_dim_is(y, 0)) || ((kind == TN_SYM_MUL || kind == TN_SYM_DIV) && tn_dim_is(y, 1)))
        return x;
    if (kind == TN_SYM_MUL && tn_dim_is(y, 0))
        return y;
    if (kind == TN_SYM_DIV && tn_dim_same(x, y))
        return tn_dim_fixed(1);
    if (y.sym == NULL && x.sym->b.sym == NULL && x.sym->kind != TN_SYM_NAME) {
        int64_t c = x.sym->b.n;
        if (commutes && x.sym->kind == kind)
            return tn_dim_do(a, kind, x.sym->a, tn_dim_fixed(apply(kind, c, y.n)));
        if (kind == TN_SYM_DIV && x.sym->kind == TN_SYM_MUL && y.n > 0 && c % y.n == 0)
            return tn_dim_do(a, TN_SYM_MUL, x.sym->a, tn_dim_fixed(c / y.n));
    }
    if (kind == TN_SYM_DIV && x.sym != NULL && x.sym->kind == TN_SYM_MUL && tn_dim_same(x.sym->a, y))
        return x.sym->b;
    return make_term(a, kind, x, y);
}

static void add_text(tn_str *out, tn_dim d, bool bounds)
{
    static const char sign[] = {[TN_SYM_ADD] = '+', [TN_SYM_SUB] = '-', [TN_SYM_MUL] = '*', [TN_SYM_DIV] = '/'};
    if (d.sym == NULL) {
        tn_str_add(out, "%lld", (long long)d.n);
        return;
    }
    if (d.sym->kind == TN_SYM_NAME && bounds) {
        tn_str_add(out, "%s<=%lld", d.sym->name, (long long)d.n);
        return;
    }
    if (d.sym->kind == TN_SYM_NAME) {
        tn_name_print(out, d.sym->name);
        return;
    }
    bool is_call = d.sym->kind == TN_SYM_MIN || d.sym->kind == TN_SYM_MAX;
    bool minus = d.sym->kind == TN_SYM_ADD && d.sym->b.sym == NULL && d.sym->b.n < 0; /* x + -3 reads x-3 */
    tn_str_add(out, "%s(", !is_call ? "" : d.sym->kind == TN_SYM_MIN ? "min" : "max");
    add_text(out, d.sym->a, bounds);
    tn_str_add(out, "%c", is_call ? ',' : minus ? '-' : sign[d.sym->kind]);
    add_text(out, minus ? tn_dim_fixed(-d.sym->b.n) : d.sym->b, bounds);
    tn_str_add(out, ")");
}

/* --- names ----------------------------------------------------------------------------------------------------------- */

tn_dim tn_dim_rename(tn_arena *a, tn_dim d, tn_dim from, tn_dim to)
{
    if (d.sym == NULL || tn_dim_same(d, from))
        return d.sym == NULL ? d : to;
    if (d.sym->kind == TN_SYM_NAME)
        return d;
    return tn_dim_do(a, d.sym->kind, tn_dim_rename(a, d.sym->a, from, to), tn_dim_rename(a, d.sym->b, from, to));
}

enum { MOST_NAMES = 4 };

/* The different names of inputs in d, as far as there is room. */
static int list_names(tn_dim d, tn_dim *names, int n)
{
    if (d.sym == NULL || (d.sym->kind == TN_SYM_NAME && d.sym->found))
        return n;
    if (d.sym->kind != TN_SYM_NAME)
        return list_names(d.sym->b, names, list_names(d.sym->a, names, n));
    for (int i = 0; i < n; i++)
        if (tn_dim_same(names[i], d))
            return n;
    if (n < MOST_NAMES)
        names[n++] = d;
    return n;
}

/* The one name in x, and the one number that it has to be for x to be n; false where other numbers would do. */
static bool solve(tn_dim x, int64_t n, tn_dim *name, tn_dim *number)
{
    if (x.sym == NULL || tn_dim_is_found(x))
        return false;
    tn_dim p = x.sym->a, q = x.sym->b;
    switch (x.sym->kind) {
    case TN_SYM_NAME:
        *name = x;
        *number = tn_dim_fixed(n);
        return n >= x.sym->lo && n <= x.n;
    case TN_SYM_ADD: return q.sym == NULL && solve(p, n - q.n, name, number);
    case TN_SYM_SUB: return p.sym == NULL && solve(q, p.n - n, name, number);
    case TN_SYM_MUL: return q.sym == NULL && q.n != 0 && n % q.n == 0 && solve(p, n / q.n, name, number);
    default: return false;
    }
}

bool tn_dim_alike(tn_arena *a, tn_dim x, tn_dim y, tn_dim *name, tn_dim *other)
{
    if (x.sym == NULL || y.sym == NULL)
        return x.sym == NULL ? solve(y, x.n, name, other) : solve(x, y.n, name, other);
    tn_dim of_x[MOST_NAMES], of_y[MOST_NAMES];
    int n_x = list_names(x, of_x, 0), n_y = list_names(y, of_y, 0);
    for (int i = 0; i < n_x; i++)
        for (int k = 0; k < n_y; k++) {
            *name = of_x[i];
            *other = of_y[k];
            if (!tn_dim_same(*name, *other)
                && tn_dim_same(tn_dim_rename(a, x, *other, *name), tn_dim_rename(a, y, *other, *name)))
                return true;
        }
    return false;
}

const char *tn_dim_text(tn_arena *a, tn_dim d)
{
    tn_str out = {.arena = a};
    add_text(&out, d, true);
    return out.text;
}

void tn_dim_print(tn_str *out, tn_dim d)
{
    add_text(out, d, false);
}
