/* Runs computations on the host, a block of output elements at a time: every subexpression is evaluated for all lanes
   of the block before the next one. select narrows a mask, so that a load is done only in the lanes that need it.
   Floats are computed in double and rounded to their type after each operation, which gives the correctly rounded
   result of + - * / and sqrt. Wrong indices of a model's data are an error here, not a crash. */
#include "loop/expr.h"

#include <math.h>

enum { LANES = 64 };
typedef union lanes {
    int64_t i[LANES];
    double f[LANES];
} lanes;

/* Which lanes are evaluated. A value found for a mask holds for all masks inside it. */
typedef struct mask {
    int64_t id;
    const struct mask *parent;
    bool on[LANES];
} mask;

typedef struct slot {
    lanes *value;
    int64_t mask_id;
} slot;

typedef struct machine {
    tn_program *p;
    tn_arena *scratch;
    tn_tensor **store;
    slot *slot;        /* by expression id */
    lanes **var;       /* by variable id */
    int n;             /* lanes in use */
    int64_t last_mask; /* ids of masks and rounds */
    int64_t round;     /* the mask id of all lanes, new for each change of the variables */
    int64_t *symbols;  /* by symbol: the caller's */
    const char *error;
    bool ended; /* by a while, up to the end of its repeat */
} machine;

static const lanes *eval(machine *m, const tn_expr *e, const mask *k);

/* --- scalar operations -------------------------------------------------------------------------------------------- */

static int64_t int_pow(int64_t x, int64_t y)
{
    uint64_t r = 1, b = (uint64_t)x;
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (y % 2 != 0 ? -1 : 1) : 0;
    for (; y > 0; y >>= 1, b *= b)
        if (y & 1)
            r *= b;
    return (int64_t)r;
}

#define S(id, name, operands, result, hf, hi, cf, ci) \
    static double float_##id(double x, double y) \
    { \
        (void)x, (void)y; \
        return (double)(hf); \
    } \
    static int64_t int_##id(int64_t x, int64_t y) \
    { \
        (void)x, (void)y; \
        return (int64_t)(hi); \
    }
#include "loop/scalar.def"
#undef S

typedef double float_fn(double, double);
typedef int64_t int_fn(int64_t, int64_t);
static float_fn *const float_fns[TN_OP_COUNT] = {
#define S(id, name, operands, result, hf, hi, cf, ci) float_##id,
#include "loop/scalar.def"
#undef S
};
static int_fn *const int_fns[TN_OP_COUNT] = {
#define S(id, name, operands, result, hf, hi, cf, ci) int_##id,
#include "loop/scalar.def"
#undef S
};

static void wrap_lanes(tn_dtype t, lanes *v, int n)
{
    switch (t) {
#define WRAP(T, E) \
    case T: \
        for (int i = 0; i < n; i++) \
            E; \
        return;
        WRAP(TN_BOOL, v->i[i] = v->i[i] != 0)
        WRAP(TN_UINT8, v->i[i] = (uint8_t)v->i[i])
        WRAP(TN_INT8, v->i[i] = (int8_t)v->i[i])
        WRAP(TN_UINT16, v->i[i] = (uint16_t)v->i[i])
        WRAP(TN_INT16, v->i[i] = (int16_t)v->i[i])
        WRAP(TN_UINT32, v->i[i] = (uint32_t)v->i[i])
        WRAP(TN_INT32, v->i[i] = (int32_t)v->i[i])
        WRAP(TN_FLOAT, v->f[i] = (float)v->f[i])
#undef WRAP
    case TN_DOUBLE:
    case TN_INT64:
    case TN_UINT64:
    case TN_INDEX: return;
    default: break;
    }
    for (int i = 0; i < n; i++)
        if (tn_dtype_is_float(t))
            v->f[i] = tn_round_to(t, v->f[i]);
        else
            v->i[i] = tn_wrap(t, v->i[i]);
}

/* The operations that decide the time of a reduction get loops of their own. */
static bool fast_op(int op, bool f, const lanes *x, const lanes *y, lanes *out, int n)
{
    switch (op * 2 + f) {
#define FAST(OP, F, E) \
    case TN_OP_##OP * 2 + F: \
        for (int i = 0; i < n; i++) \
            E; \
        return true;
        FAST(ADD, 1, out->f[i] = x->f[i] + y->f[i])
        FAST(MUL, 1, out->f[i] = x->f[i] * y->f[i])
        FAST(ADD, 0, out->i[i] = (int64_t)((uint64_t)x->i[i] + (uint64_t)y->i[i]))
        FAST(MUL, 0, out->i[i] = (int64_t)((uint64_t)x->i[i] * (uint64_t)y->i[i]))
        FAST(SUB, 0, out->i[i] = (int64_t)((uint64_t)x->i[i] - (uint64_t)y->i[i]))
        FAST(LT, 0, out->i[i] = x->i[i] < y->i[i])
        FAST(LE, 0, out->i[i] = x->i[i] <= y->i[i])
        FAST(AND, 0, out->i[i] = x->i[i] & y->i[i])
#undef FAST
    default: return false;
    }
}

/* uint64, where the highest bit is no sign. */
static bool unsigned_op(int op, const lanes *x, const lanes *y, lanes *out, int n)
{
    switch (op) {
#define UNSIGNED(OP, E) \
    case TN_OP_##OP: \
        for (int i = 0; i < n; i++) { \
            uint64_t a = (uint64_t)x->i[i], b = (uint64_t)y->i[i]; \
            out->i[i] = (int64_t)(E); \
        } \
        return true;
        UNSIGNED(DIV, b == 0 ? 0 : a / b)
        UNSIGNED(FDIV, b == 0 ? 0 : a / b)
        UNSIGNED(MOD, b == 0 ? 0 : a % b)
        UNSIGNED(REM, b == 0 ? 0 : a % b)
        UNSIGNED(MIN, a < b ? a : b)
        UNSIGNED(MAX, a > b ? a : b)
        UNSIGNED(LT, a < b)
        UNSIGNED(LE, a <= b)
        UNSIGNED(SHR, b > 63 ? 0 : a >> b)
#undef UNSIGNED
    default: return false;
    }
}

/* The numbers that generated code finds: see tn_fix_sums. */
static void apply_exact(tn_exact_fn *f, const lanes *x, const lanes *y, lanes *out, int n)
{
    for (int i = 0; i < n; i++)
        out->f[i] = (double)f((float)x->f[i], (float)y->f[i]);
}

static void apply(bool exact, int op, tn_dtype from, tn_dtype to, const lanes *x, const lanes *y, lanes *out, int n)
{
    bool f = tn_dtype_is_float(from);
    if (exact && from == TN_FLOAT && tn_exact_host(op) != NULL) {
        apply_exact(tn_exact_host(op), x, y, out, n);
        return;
    }
    if ((from == TN_UINT64 && unsigned_op(op, x, y, out, n)) || fast_op(op, f, x, y, out, n)) {
        wrap_lanes(to, out, n);
        return;
    }
    for (int i = 0; i < n; i++)
        if (!f)
            out->i[i] = int_fns[op](x->i[i], y->i[i]);
        else if (tn_scalars[op].gives_bool)
            out->i[i] = float_fns[op](x->f[i], y->f[i]) != 0;
        else
            out->f[i] = float_fns[op](x->f[i], y->f[i]);
    wrap_lanes(to, out, n);
}

int64_t tn_expr_compute(tn_scalar_op op, tn_dtype dtype, int64_t x, int64_t y)
{
    assert(!tn_dtype_is_float(dtype));
    const lanes a = {.i = {x}}, b = {.i = {y}};
    lanes out;
    apply(false, (int)op, dtype, tn_scalars[op].gives_bool ? TN_BOOL : dtype, &a, &b, &out, 1);
    return out.i[0];
}

/* The numbers of an integer type: from lo to hi, as floats; uint64 in the bits of int64. */
typedef struct bounds {
    double bottom, top; /* what lies between them, both excluded, truncates to a number of the type */
    int64_t least, most;
} bounds;

static bounds bounds_of(tn_dtype t)
{
    const tn_dtype_info *info = tn_dtype_get(t);
    int bits = info->size * 8 - info->is_signed;
    if (t == TN_INDEX)
        return (bounds){-0x1p63, 0x1p63, INT64_MIN, INT64_MAX};
    if (bits >= 63)
        return info->is_signed ? (bounds){-0x1p63, 0x1p63, INT64_MIN, INT64_MAX} : (bounds){0, 0x1p64, 0, -1};
    int64_t range = (int64_t)1 << bits;
    return (bounds){info->is_signed ? -(double)range : 0, (double)range, info->is_signed ? -range : 0, range - 1};
}

static int64_t to_int(double x, const bounds *b)
{
    if (!(x > b->bottom))
        return b->least;
    if (!(x < b->top))
        return b->most;
    return x < 0x1p63 ? (int64_t)x : (int64_t)(uint64_t)x;
}

static void cast_lanes(tn_dtype from, tn_dtype to, const lanes *x, lanes *out, int n)
{
    bool f = tn_dtype_is_float(from), t = tn_dtype_is_float(to);
    const bounds b = bounds_of(to);
    for (int i = 0; i < n; i++)
        if (f && t)
            out->f[i] = x->f[i];
        else if (f)
            out->i[i] = to == TN_BOOL ? x->f[i] != 0 : to_int(x->f[i], &b);
        else if (t)
            out->f[i] = from == TN_UINT64 ? (double)(uint64_t)x->i[i] : (double)x->i[i];
        else
            out->i[i] = x->i[i];
    wrap_lanes(to, out, n);
}

/* By way of memory, as a tensor of the one type and as one of the other. */
static void bit_cast_lanes(tn_dtype from, tn_dtype to, const lanes *x, lanes *out, int n)
{
    union {
        double d;
        int64_t i;
    } memory = {0};
    tn_tensor t = {.dtype = from, .data = &memory};
    for (int i = 0; i < n; i++) {
        t.dtype = from;
        if (tn_dtype_is_float(from))
            tn_tensor_set(&t, 0, x->f[i]);
        else
            tn_tensor_set_int(&t, 0, x->i[i]);
        t.dtype = to;
        if (tn_dtype_is_float(to))
            out->f[i] = tn_tensor_get(&t, 0);
        else
            out->i[i] = tn_tensor_get_int(&t, 0);
    }
    wrap_lanes(to, out, n);
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static void read_lanes(const tn_tensor *t, const int64_t *at, const bool *on, lanes *out, int n)
{
    switch (t->dtype) {
#define READ(T, C, F) \
    case T: \
        for (int i = 0; i < n; i++) \
            out->F[i] = on[i] ? ((const C *)t->data)[at[i]] : 0; \
        return;
        READ(TN_FLOAT, float, f)
        READ(TN_DOUBLE, double, f)
        READ(TN_INT8, int8_t, i)
        READ(TN_UINT8, uint8_t, i)
        READ(TN_INT32, int32_t, i)
        READ(TN_INT64, int64_t, i)
#undef READ
    default:
        for (int i = 0; i < n; i++)
            if (!on[i])
                out->i[i] = 0;
            else if (tn_dtype_is_float(t->dtype))
                out->f[i] = tn_tensor_get(t, at[i]);
            else
                out->i[i] = tn_tensor_get_int(t, at[i]);
    }
}

static void write_lanes(tn_tensor *t, const int64_t *at, const bool *on, const lanes *v, int n)
{
    for (int i = 0; i < n; i++)
        if (!on[i])
            continue;
        else if (t->dtype == TN_FLOAT)
            ((float *)t->data)[at[i]] = (float)v->f[i];
        else if (tn_dtype_is_float(t->dtype))
            tn_tensor_set(t, at[i], v->f[i]);
        else
            tn_tensor_set_int(t, at[i], v->i[i]);
}

/* Row-major positions in t; lanes outside of t are switched off after the error is noted. */
static void locate(machine *m, const tn_tensor *t, const tn_expr *const *at, const mask *k, int64_t *pos, bool *on)
{
    for (int i = 0; i < m->n; i++) {
        pos[i] = 0;
        on[i] = k == NULL || k->on[i];
    }
    for (int d = 0; d < t->shape.rank; d++) {
        const lanes *v = eval(m, at[d], k);
        int64_t extent = t->shape.dim[d].n;
        for (int i = 0; i < m->n; i++) {
            if (on[i] && (v->i[i] < 0 || v->i[i] >= extent)) {
                on[i] = false;
                m->error = "an index is outside of its tensor";
            }
            pos[i] = pos[i] * extent + v->i[i];
        }
    }
}

static tn_tensor *tensor_of(machine *m, tn_buf *b)
{
    tn_tensor **t = &m->store[b->id];
    if (*t == NULL && b->data != NULL) {
        *t = TN_NEW(m->scratch, tn_tensor);
        **t = *b->data; /* read only: nothing writes to a constant */
    }
    if (*t == NULL) {
        int64_t dims[TN_MAX_RANK] = {0};
        m->n = m->n > 0 ? m->n : 1;
        for (int d = 0; d < b->rank; d++)
            dims[d] = eval(m, b->dim[d], NULL)->i[0];
        tn_shape s = tn_shape_fixed(b->rank, dims);
        *t = tn_tensor_make(m->scratch, b->dtype, &s);
    }
    return *t;
}

/* --- expressions -------------------------------------------------------------------------------------------------- */

static bool is_valid(const slot *s, const mask *k, int64_t root)
{
    for (; k != NULL; k = k->parent)
        if (s->mask_id == k->id)
            return true;
    return s->mask_id == root;
}

static void eval_select(machine *m, const tn_expr *e, const mask *k, lanes *out)
{
    const lanes *c = eval(m, e->arg[0], k);
    mask side[2] = {{.id = ++m->last_mask, .parent = k}, {.id = ++m->last_mask, .parent = k}};
    bool any[2] = {false, false};
    for (int i = 0; i < m->n; i++) {
        bool on = k == NULL || k->on[i], truth = c->i[i] != 0;
        side[0].on[i] = on && truth;
        side[1].on[i] = on && !truth;
        any[0] = any[0] || side[0].on[i];
        any[1] = any[1] || side[1].on[i];
    }
    for (int s = 0; s < 2; s++) {
        if (!any[s])
            continue;
        const lanes *v = eval(m, e->arg[1 + s], any[1 - s] ? &side[s] : k);
        for (int i = 0; i < m->n; i++)
            if (side[s].on[i])
                out->i[i] = v->i[i];
    }
}

static void eval_load(machine *m, const tn_expr *e, const mask *k, lanes *out)
{
    int64_t pos[LANES];
    bool on[LANES];
    const tn_tensor *t = tensor_of(m, e->buf);
    locate(m, t, e->arg, k, pos, on);
    read_lanes(t, pos, on, out, m->n);
}

static const lanes *eval(machine *m, const tn_expr *e, const mask *k)
{
    if (e->kind == TN_E_VAR)
        return m->var[e->var->id];
    slot *s = &m->slot[e->id];
    if (s->value == NULL)
        s->value = TN_NEW(m->scratch, lanes);
    else if (e->kind == TN_E_INT || e->kind == TN_E_NUM || is_valid(s, k, m->round))
        return s->value;
    lanes *out = s->value;
    switch (e->kind) {
    case TN_E_INT:
        for (int i = 0; i < LANES; i++)
            out->i[i] = e->i;
        break;
    case TN_E_NUM:
        for (int i = 0; i < LANES; i++)
            out->f[i] = e->f;
        break;
    case TN_E_LOAD: eval_load(m, e, k, out); break;
    case TN_E_SELECT: eval_select(m, e, k, out); break;
    case TN_E_BITS: bit_cast_lanes(e->arg[0]->dtype, e->dtype, eval(m, e->arg[0], k), out, m->n); break;
    case TN_E_CAST: cast_lanes(e->arg[0]->dtype, e->dtype, eval(m, e->arg[0], k), out, m->n); break;
    case TN_E_OP: {
        const lanes *x = eval(m, e->arg[0], k), *y = e->n > 1 ? eval(m, e->arg[1], k) : x;
        apply(m->p->exact, e->op, e->arg[0]->dtype, e->dtype, x, y, out, m->n);
        break;
    }
    case TN_E_VAR: break;
    }
    s->mask_id = k != NULL ? k->id : m->round;
    return out;
}

/* --- computations ------------------------------------------------------------------------------------------------- */

static void set_lanes(machine *m, const tn_var *v, int64_t x)
{
    for (int i = 0; i < LANES; i++)
        m->var[v->id]->i[i] = x;
}

static void start_round(machine *m)
{
    m->round = ++m->last_mask;
}

/* Variables of the axes for points base .. base + n - 1 of their row-major space. */
static void place_block(machine *m, const tn_comp *c, const int64_t *extent, int64_t base)
{
    for (int i = 0; i < m->n; i++) {
        int64_t rest = base + i;
        for (int d = c->n_axis - 1; d >= 0; d--) {
            m->var[c->axis[d].var->id]->i[i] = rest % extent[d];
            rest /= extent[d];
        }
    }
    start_round(m);
}

/* acc = combine(acc, x), which may be the same. */
static void combine(const machine *m, const tn_comp *c, lanes *acc, const lanes *x)
{
    apply(false, c->combine, c->elem->dtype, c->elem->dtype, acc, x, acc, m->n);
}

static int64_t place_reduction(machine *m, const tn_comp *c, const int64_t *extent, int64_t turn)
{
    int64_t at[TN_MAX_AXES] = {0};
    for (int d = c->n_reduce - 1; d >= 0; d--) {
        at[d] = turn % extent[d];
        set_lanes(m, c->reduce[d].var, at[d]);
        turn /= extent[d];
    }
    start_round(m);
    return at[tn_sum_axis(c)];
}

/* Those of the sums that stand side by side, whole turns only, as one. */
static void reduce_side_by_side(machine *m, const tn_comp *c, const int64_t *extent, int64_t count, lanes *acc)
{
    lanes sum[TN_FIXED_SUMS];
    int64_t whole = extent[tn_sum_axis(c)] - extent[tn_sum_axis(c)] % c->sums;
    assert(c->sums <= TN_FIXED_SUMS);
    for (int j = 0; j < c->sums; j++)
        for (int i = 0; i < LANES; i++)
            sum[j].f[i] = tn_neutral(c->combine);
    for (int64_t r = 0; r < count; r++) {
        int64_t at = place_reduction(m, c, extent, r);
        if (at < whole)
            combine(m, c, &sum[at % c->sums], eval(m, c->elem, NULL));
    }
    for (int stride = 1; stride < c->sums; stride *= 2)
        for (int j = 0; j + stride < c->sums; j += 2 * stride)
            combine(m, c, &sum[j], &sum[j + stride]);
    if (tn_starts_neutral(c))
        *acc = sum[0];
    else
        combine(m, c, acc, &sum[0]);
}

static void reduce_block(machine *m, const tn_comp *c, const int64_t *extent, int64_t count, lanes *acc)
{
    int64_t done = 0;
    *acc = *eval(m, c->init, NULL);
    if (c->sums > 1) {
        reduce_side_by_side(m, c, extent, count, acc);
        done = extent[tn_sum_axis(c)] - extent[tn_sum_axis(c)] % c->sums;
    }
    for (int64_t r = 0; r < count; r++)
        if (place_reduction(m, c, extent, r) >= done)
            combine(m, c, acc, eval(m, c->elem, NULL));
}

static int64_t find_extents(machine *m, const tn_axis *axis, int n, int64_t *extent)
{
    int64_t total = 1;
    for (int i = 0; i < n; i++) {
        extent[i] = eval(m, axis[i].extent, NULL)->i[0];
        if (extent[i] > 0 && total > TN_ROOM_MAX / extent[i]) {
            m->error = "more steps than can be counted";
            return 0;
        }
        total *= extent[i];
        if (m->var[axis[i].var->id] == NULL)
            m->var[axis[i].var->id] = TN_NEW(m->scratch, lanes);
    }
    return total;
}

static void run_block(machine *m, const tn_comp *c, tn_tensor *out, const int64_t *reduce_extent, int64_t reduce_count)
{
    int64_t pos[LANES];
    bool on[LANES];
    const tn_expr *value = c->elem;
    if (c->n_reduce > 0) {
        reduce_block(m, c, reduce_extent, reduce_count, m->var[c->acc->id]);
        value = c->post;
        start_round(m);
    }
    const lanes *v = eval(m, value, NULL);
    locate(m, out, c->at, NULL, pos, on);
    write_lanes(out, pos, on, v, m->n);
}

static void take_symbol(machine *m, const tn_var *symbol, int64_t value)
{
    m->symbols[tn_symbol_place(m->p, symbol)] = value;
    set_lanes(m, symbol, value);
    if (value < symbol->lo || value > symbol->hi)
        m->error = tn_strfmt(m->scratch, "size %s is found to be %lld; it may be %lld to %lld", symbol->name,
                             (long long)value, (long long)symbol->lo, (long long)symbol->hi);
}

static bool run_comp(machine *m, const tn_comp *c)
{
    int64_t extent[TN_MAX_AXES], reduce_extent[TN_MAX_AXES];
    m->n = 1;
    start_round(m);
    tn_tensor *out = tensor_of(m, c->out);
    int64_t total = find_extents(m, c->axis, c->n_axis, extent);
    int64_t reduce_count = find_extents(m, c->reduce, c->n_reduce, reduce_extent);
    if (c->acc != NULL && m->var[c->acc->id] == NULL)
        m->var[c->acc->id] = TN_NEW(m->scratch, lanes);
    int step = c->serial ? 1 : LANES;
    for (int64_t base = 0; base < total; base += step) {
        m->n = total - base < step ? (int)(total - base) : step;
        place_block(m, c, extent, base);
        run_block(m, c, out, reduce_extent, reduce_count);
    }
    if (m->error == NULL && c->finds != NULL)
        take_symbol(m, c->finds, tn_tensor_get_int(out, 0));
    else if (m->error == NULL && c->check == TN_WHILE)
        m->ended = tn_tensor_get_int(out, 0) == 0;
    else if (m->error == NULL && c->check == TN_CHECK && tn_tensor_get_int(out, 0) == 0)
        m->error = "an input gives a size, axis, position or mode that the model was not compiled for";
    if (m->error != NULL)
        tn_error(m->p->graph->diag, "%s: %s: %s", m->p->graph->path, c->label, m->error);
    return m->error == NULL && !m->ended;
}

static machine make_machine(tn_program *p, tn_arena *scratch, tn_tensor **store, int64_t *symbols)
{
    machine m = {.p = p, .scratch = scratch, .store = store, .symbols = symbols};
    m.slot = TN_NEW_N(scratch, slot, p->n_expr);
    m.var = TN_NEW_N(scratch, lanes *, p->n_vars);
    for (size_t i = 0; i < p->symbols.n; i++) {
        m.var[p->symbols.items[i]->id] = TN_NEW(scratch, lanes);
        set_lanes(&m, p->symbols.items[i], symbols[i]);
    }
    return m;
}

bool tn_interpret_comp(tn_program *p, tn_arena *scratch, const tn_comp *c, tn_tensor **store, int64_t *symbols)
{
    machine m = make_machine(p, scratch, store, symbols);
    return run_comp(&m, c);
}

static bool run_range(machine *m, size_t from, size_t to, const tn_repeat *in);

/* The computations from .. to - 1 are those of r. */
static bool run_repeat(machine *m, size_t from, size_t to, const tn_repeat *r)
{
    m->n = 1;
    start_round(m);
    int64_t turns = eval(m, r->extent, NULL)->i[0];
    if (m->var[r->turn->id] == NULL)
        m->var[r->turn->id] = TN_NEW(m->scratch, lanes);
    for (int64_t i = 0; i < turns; i++) {
        set_lanes(m, r->turn, i);
        if (!run_range(m, from, to, r))
            break;
    }
    m->ended = false;
    return m->error == NULL;
}

static bool run_range(machine *m, size_t from, size_t to, const tn_repeat *in)
{
    for (size_t i = from, end; i < to; i = end) {
        const tn_repeat *r = m->p->comps.items[i]->repeat;
        end = i + 1;
        while (r != in && r->outer != in)
            r = r->outer;
        while (r != in && end < to && tn_repeat_is_in(m->p->comps.items[end]->repeat, r))
            end++;
        if (!(r == in ? run_comp(m, m->p->comps.items[i]) : run_repeat(m, i, end, r)))
            return false;
    }
    return true;
}

bool tn_interpret(tn_program *p, tn_arena *scratch, tn_tensor **store, int64_t *symbols)
{
    machine m = make_machine(p, scratch, store, symbols);
    return run_range(&m, 0, p->comps.n, NULL);
}
