/* Expressions: made unique in the program's table, and folded as they are made wherever that keeps every bit. What is made
   of subscripts is simplified further, in expr_index.c; expr_range.c knows what integers can be, expr_query.c what is in an
   expression, expr_rewrite.c makes one of another. See loop.h. */
#include "loop/expr.h"

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

const tn_expr *tn_expr_as_is(tn_program *p, const tn_expr *like)
{
    if (p->n_expr * 2 >= p->table_size)
        grow_table(p);
    const tn_expr **place = find_place(p->table, p->table_size, like);
    if (*place != NULL)
        return *place;
    tn_expr *e = TN_NEW(p->arena, tn_expr);
    *e = *like;
    e->id = (int)p->n_expr++;
    if (e->n > 0) {
        const tn_expr **arg = TN_NEW_N(p->arena, const tn_expr *, e->n);
        memcpy(arg, like->arg, sizeof *arg * (size_t)e->n);
        e->arg = arg;
    }
    *place = e;
    return e;
}

const tn_expr *tn_expr_make_op(tn_program *p, tn_scalar_op op, tn_dtype dtype, int n, const tn_expr *const *arg)
{
    return tn_expr_as_is(p, &(tn_expr){.kind = TN_E_OP, .dtype = dtype, .op = op, .n = n, .arg = arg});
}

/* --- constants, variables, loads ---------------------------------------------------------------------------------- */

const tn_expr *tn_integer(tn_program *p, tn_dtype dtype, int64_t x)
{
    if (tn_dtype_get(dtype)->is_float)
        return tn_number(p, dtype, (double)x);
    return tn_expr_as_is(p, &(tn_expr){.kind = TN_E_INT, .dtype = dtype, .i = tn_wrap(dtype, x)});
}

const tn_expr *tn_number(tn_program *p, tn_dtype dtype, double x)
{
    if (!tn_dtype_get(dtype)->is_float)
        return tn_integer(p, dtype, (int64_t)x);
    return tn_expr_as_is(p, &(tn_expr){.kind = TN_E_NUM, .dtype = dtype, .f = tn_round_to(dtype, x)});
}

const tn_expr *tn_index(tn_program *p, int64_t i)
{
    return tn_integer(p, TN_INDEX, i);
}

const tn_expr *tn_var_expr(tn_program *p, tn_var *v)
{
    if (v->dtype == TN_INDEX && v->lo == v->hi) /* an axis of one element */
        return tn_index(p, v->lo);
    return tn_expr_as_is(p, &(tn_expr){.kind = TN_E_VAR, .dtype = v->dtype, .var = v});
}

bool tn_expr_is_int(const tn_expr *e, int64_t i)
{
    return e->kind == TN_E_INT && e->i == i;
}

const tn_expr *tn_load_raw(tn_program *p, tn_buf *b, int n, const tn_expr *const *at)
{
    return tn_expr_as_is(p, &(tn_expr){.kind = TN_E_LOAD, .dtype = b->dtype, .buf = b, .n = n, .arg = at});
}

const tn_expr *tn_load_flat(tn_program *p, tn_buf *b, const tn_expr *offset)
{
    return tn_expr_as_is(p, &(tn_expr){.kind = TN_E_LOAD, .dtype = b->dtype, .buf = b, .i = 1, .n = 1, .arg = &offset});
}

/* --- operations --------------------------------------------------------------------------------------------------- */

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

/* A comparison of two constants need not run, and a check of them need not be made. */
static const tn_expr *fold_integers(tn_program *p, tn_scalar_op op, const tn_expr *const *arg)
{
    bool two = tn_scalars[op].operands > 1, gives_bool = tn_scalars[op].gives_bool;
    if (arg[0]->kind != TN_E_INT || (two && arg[1]->kind != TN_E_INT))
        return NULL;
    tn_dtype t = arg[0]->dtype;
    return tn_integer(p, gives_bool ? TN_BOOL : t, tn_expr_compute(op, t, arg[0]->i, two ? arg[1]->i : 0));
}

/* The minimum or maximum of x and a number beyond all that x can be. */
static const tn_expr *fold_extreme(tn_scalar_op op, const tn_expr *x, const tn_expr *number)
{
    int64_t lo = 0, hi = 0;
    if ((op != TN_OP_MIN && op != TN_OP_MAX) || number->kind != TN_E_INT)
        return NULL;
    tn_range_of(x, &lo, &hi);
    if (!tn_expr_range_is_known(lo, hi))
        return NULL;
    bool above = number->i >= hi, below = number->i <= lo;
    return (op == TN_OP_MIN ? above : below) ? x : (op == TN_OP_MIN ? below : above) ? number : NULL;
}

/* x << k, where all that is shifted out is the sign, is a product: its range is known, and vectors have it. */
static const tn_expr *fold_shift(tn_program *p, tn_scalar_op op, const tn_expr *x, const tn_expr *k)
{
    int64_t lo = 0, hi = 0;
    if (op != TN_OP_SHL || k->kind != TN_E_INT || k->i < 0 || k->i > 30 || tn_dtype_get(x->dtype)->size > 4)
        return NULL;
    tn_range_of(x, &lo, &hi);
    int64_t factor = (int64_t)1 << k->i;
    bool fits = tn_expr_range_is_known(lo, hi) && tn_int_fits(x->dtype, lo * factor, hi * factor);
    return fits && tn_int_fits(x->dtype, factor, factor) ? tn_mul(p, x, tn_integer(p, x->dtype, factor)) : NULL;
}

const tn_expr *tn_opn(tn_program *p, tn_scalar_op op, const tn_expr *const *arg)
{
    int n = tn_scalars[op].operands;
    assert(n == 1 || arg[0]->dtype == arg[1]->dtype);
    if (arg[0]->dtype == TN_INDEX)
        return tn_expr_index_op(p, op, arg);
    const tn_expr *const swapped[] = {n > 1 ? arg[1] : NULL, arg[0]};
    if ((op == TN_OP_MIN || op == TN_OP_MAX) && arg[0]->kind == TN_E_NUM && arg[1]->kind != TN_E_NUM)
        arg = swapped; /* a constant comes second: there vectors need no test for NaN */
    const tn_expr *folded = fold_logic(p, op, arg);
    if (folded == NULL && n == 2)
        folded = fold_neutral(op, arg[0], arg[1]);
    if (folded == NULL && n == 2)
        folded = fold_numbers(p, op, arg[0], arg[1]);
    if (folded == NULL)
        folded = fold_integers(p, op, arg);
    if (folded == NULL && n == 2)
        folded = fold_extreme(op, arg[0], arg[1]);
    if (folded == NULL && n == 2)
        folded = fold_extreme(op, arg[1], arg[0]);
    if (folded == NULL && n == 2)
        folded = fold_shift(p, op, arg[0], arg[1]);
    if (folded != NULL)
        return folded;
    return tn_expr_make_op(p, op, tn_scalars[op].gives_bool ? TN_BOOL : arg[0]->dtype, n, arg);
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
    return tn_expr_as_is(
        p, &(tn_expr){.kind = TN_E_SELECT, .dtype = x->dtype, .n = 3, .arg = (const tn_expr *[]){c, x, y}});
}

/* An integer cast to an integer type that holds all that it can be; NULL: x is none. */
static const tn_expr *kept_by_cast(const tn_expr *x)
{
    int64_t lo = 0, hi = 0;
    if (x->kind != TN_E_CAST || tn_dtype_get(x->dtype)->is_float || tn_dtype_get(x->arg[0]->dtype)->is_float)
        return NULL;
    tn_range_of(x->arg[0], &lo, &hi);
    return tn_int_fits(x->dtype, lo, hi) ? x->arg[0] : NULL;
}

const tn_expr *tn_cast(tn_program *p, tn_dtype to, const tn_expr *x)
{
    if (x->dtype == to)
        return x;
    const tn_expr *kept = kept_by_cast(x);
    if (kept != NULL && kept->dtype == to) /* there and back */
        return kept;
    bool float_to = tn_dtype_get(to)->is_float;
    if (tn_dtype_get(x->dtype)->is_float && (TN_T_SMALL_INTS >> to & 1u) != 0)
        x = tn_cast(p, TN_INT32, x); /* which saturates; then it wraps */
    if (x->kind == TN_E_INT)
        return float_to ? tn_number(p, to, x->dtype == TN_UINT64 ? (double)(uint64_t)x->i : (double)x->i)
                        : tn_integer(p, to, x->i);
    if (x->kind == TN_E_NUM && float_to)
        return tn_number(p, to, x->f);
    if (x->kind == TN_E_NUM && to == TN_BOOL)
        return tn_integer(p, to, x->f != 0);
    return tn_expr_as_is(p, &(tn_expr){.kind = TN_E_CAST, .dtype = to, .n = 1, .arg = &x});
}

const tn_expr *tn_bit_cast(tn_program *p, tn_dtype to, const tn_expr *x)
{
    assert(tn_dtype_get(to)->size == tn_dtype_get(x->dtype)->size);
    return tn_expr_as_is(p, &(tn_expr){.kind = TN_E_BITS, .dtype = to, .n = 1, .arg = &x});
}
