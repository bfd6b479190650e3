/* Interprets the statements that a schedule makes of a computation: the oracle between the loops and the C text. Memory
   is what the generated code has, one flat block a buffer in its layout, and each access is checked against its end.
   What nothing has written is NaN, or 77 in integers. */
#ifndef TN_TEST_MACHINE_H
#define TN_TEST_MACHINE_H

#include "../program.h"

#include <math.h>

enum { MOST_LANES = 16 };

typedef union number {
    int64_t i;
    double f;
} number;

typedef struct machine {
    tn_program *p;
    tn_arena *arena;
    tn_tensor **memory; /* by id of the root; one dim */
    bool *written;      /* by id of the root: a kernel has written it, so its border is there */
    number (*var)[MOST_LANES];
    const tn_var *lane; /* of the statement that runs */
    const char *what;   /* the schedules and the model, for messages */
} machine;

static number get_number(const tn_tensor *t, int64_t i)
{
    return tn_dtype_is_float(t->dtype) ? (number){.f = tn_tensor_get(t, i)} : (number){.i = tn_tensor_get_int(t, i)};
}

static void put_number(tn_tensor *t, int64_t i, number x)
{
    if (tn_dtype_is_float(t->dtype))
        tn_tensor_set(t, i, x.f);
    else
        tn_tensor_set_int(t, i, x.i);
}

/* As a variable of the type holds it: rounded, wrapped. */
static number held(tn_dtype t, number x)
{
    int64_t room = 0;
    tn_tensor one = {.dtype = t, .data = &room};
    if (t == TN_INDEX)
        return x;
    if (t == TN_BOOL)
        return (number){.i = x.i != 0};
    put_number(&one, 0, x);
    return get_number(&one, 0);
}

/* --- expressions --------------------------------------------------------------------------------------------------- */

#define int_pow(x, y) ((x)*0 + (y)*0) /* no computation of these tests raises integers to a power */
static number apply(int op, bool f, number a, number b)
{
    switch (op * 2 + f) {
#define S(id, name, operands, result, hf, hi, cf, ci) \
    case TN_OP_##id * 2 + 1: { \
        double x = a.f, y = b.f; \
        (void)x, (void)y; \
        return tn_scalars[op].gives_bool ? (number){.i = (hf) != 0} : (number){.f = (double)(hf)}; \
    } \
    case TN_OP_##id * 2: { \
        int64_t x = a.i, y = b.i; \
        (void)x, (void)y; \
        return (number){.i = (int64_t)(hi)}; \
    }
#include "loop/scalar.def"
#undef S
    default: fail_msg("operation %d", op); return a;
    }
}
#undef int_pow

static number cast(tn_dtype from, tn_dtype to, number x)
{
    if (tn_dtype_is_float(from) && !tn_dtype_is_float(to))
        x.i = to == TN_BOOL ? x.f != 0 : (int64_t)x.f; /* these tests stay in the range */
    else if (!tn_dtype_is_float(from) && tn_dtype_is_float(to))
        x.f = (double)x.i;
    return held(to, x);
}

static tn_tensor *memory_of(machine *m, const tn_buf *b)
{
    const tn_buf *root = tn_buf_root(b);
    tn_tensor **t = &m->memory[root->id];
    if (*t == NULL) {
        int64_t room = tn_buf_room(root);
        tn_shape s = tn_shape_fixed(1, &room);
        *t = tn_tensor_make(m->arena, root->dtype, &s);
        for (int64_t i = 0; i < room; i++)
            put_number(*t, i, tn_dtype_is_float(root->dtype) ? (number){.f = NAN} : (number){.i = 77});
    }
    return *t;
}

static void check_place(const machine *m, const tn_buf *b, const tn_tensor *t, int64_t at)
{
    if (at < 0 || at >= t->shape.dim[0].n)
        fail_msg("%s: '%s'[%lld] is outside of its %lld elements", m->what, b->name, (long long)at,
                 (long long)t->shape.dim[0].n);
}

static number eval(machine *m, const tn_expr *e, int lane)
{
    switch (e->kind) {
    case TN_E_INT: return (number){.i = e->i};
    case TN_E_NUM: return (number){.f = e->f};
    case TN_E_VAR:
        if (e->var == m->lane)
            return (number){.i = lane};
        return m->var[e->var->id][e->var->lanes > 0 ? lane : 0];
    case TN_E_LOAD: {
        assert_true(e->i == 1);
        int64_t at = eval(m, e->arg[0], lane).i;
        const tn_tensor *t = memory_of(m, e->buf);
        check_place(m, e->buf, t, at);
        return get_number(t, at);
    }
    case TN_E_SELECT: return eval(m, e->arg[eval(m, e->arg[0], lane).i != 0 ? 1 : 2], lane);
    case TN_E_CAST: return cast(e->arg[0]->dtype, e->dtype, eval(m, e->arg[0], lane));
    case TN_E_BITS: fail_msg("no computation of these tests keeps bits"); break;
    case TN_E_OP: {
        number x = eval(m, e->arg[0], lane), y = e->n > 1 ? eval(m, e->arg[1], lane) : x;
        return held(e->dtype, apply(e->op, tn_dtype_is_float(e->arg[0]->dtype), x, y));
    }
    }
    return (number){0};
}

/* --- statements ---------------------------------------------------------------------------------------------------- */

/* All lanes are computed before one is written. */
static void run_simple(machine *m, const tn_stmt *s)
{
    number value[MOST_LANES];
    int lanes = s->lane != NULL ? (int)s->lane->hi + 1 : 1;
    assert_true(lanes <= MOST_LANES);
    m->lane = s->lane;
    for (int i = 0; i < lanes; i++)
        value[i] = eval(m, s->value, i);
    for (int i = 0; i < lanes && s->kind != TN_S_PREFETCH; i++) {
        if (s->kind != TN_S_STORE) {
            m->var[s->var->id][i] = held(s->var->dtype, value[i]);
            continue;
        }
        int64_t at = eval(m, s->offset, i).i;
        tn_tensor *t = memory_of(m, s->buf);
        check_place(m, s->buf, t, at);
        put_number(t, at, value[i]);
    }
    m->lane = NULL;
}

static void run_stmt(machine *m, const tn_stmt *s)
{
    int64_t begin = 0, end = 1;
    if (s->kind == TN_S_LET || s->kind == TN_S_SET || s->kind == TN_S_STORE || s->kind == TN_S_PREFETCH) {
        run_simple(m, s);
        return;
    }
    if (s->kind == TN_S_FOR) {
        begin = eval(m, s->begin, 0).i;
        end = eval(m, s->end, 0).i;
    }
    for (int64_t i = begin; i < end; i++) {
        if (s->kind == TN_S_FOR)
            m->var[s->var->id][0].i = i;
        for (size_t k = 0; k < s->body.n; k++)
            run_stmt(m, s->body.items[k]);
    }
}

/* The border is filled before the first kernel writes, as the generated entry does; a parallel kernel is called for one
   range of turns after the other. */
static void run_kernel(machine *m, const tn_stmt *body, const tn_buf *out, const tn_share *share)
{
    const tn_buf *root = tn_buf_root(out);
    tn_tensor *t = memory_of(m, root);
    for (int64_t i = 0; tn_buf_has_border(root) && !m->written[root->id] && i < t->shape.dim[0].n; i++)
        put_number(t, i, tn_dtype_is_float(root->dtype) ? (number){.f = 0} : (number){.i = root->layout.fill});
    m->written[root->id] = true;
    for (int64_t i = 0; i < share->parts; i++) {
        int64_t turns = eval(m, share->turns, 0).i;
        m->var[share->begin->id][0].i = turns * i / share->parts;
        m->var[share->end->id][0].i = turns * (i + 1) / share->parts;
        run_stmt(m, body);
    }
    if (share->parts == 0)
        run_stmt(m, body);
}

/* The kernels from .. to - 1, which are those of in; what repeats, again and again. */
static void run_range(machine *m, size_t from, size_t to, const tn_repeat *in)
{
    const tn_kernel_vec *kernels = &m->p->kernels;
    for (size_t i = from, end; i < to; i = end) {
        const tn_repeat *r = kernels->items[i].comp->repeat;
        end = i + 1;
        while (r != in && r->outer != in)
            r = r->outer;
        while (r != in && end < to && tn_repeat_is_in(kernels->items[end].comp->repeat, r))
            end++;
        if (r == in)
            run_kernel(m, kernels->items[i].body, kernels->items[i].comp->out, &kernels->items[i].share);
        for (int64_t turn = 0; r != in && turn < eval(m, r->extent, 0).i; turn++) {
            m->var[r->turn->id][0].i = turn;
            run_range(m, i, end, r);
        }
    }
}

static void run_kernels(machine *m)
{
    run_range(m, 0, m->p->kernels.n, NULL);
}

/* --- tensors in and out -------------------------------------------------------------------------------------------- */

/* f(place in memory, index in row-major order) for each element. */
static void each_element(machine *m, tn_buf *b, void (*f)(tn_tensor *memory, int64_t place, tn_tensor *t, int64_t i),
                         tn_tensor *t)
{
    int64_t n = tn_shape_count(&t->shape);
    for (int64_t i = 0; i < n; i++) {
        const tn_expr *at[TN_MAX_RANK] = {NULL};
        int64_t rest = i;
        for (int d = b->rank - 1; d >= 0; d--) {
            at[d] = tn_index(m->p, rest % t->shape.dim[d].n);
            rest /= t->shape.dim[d].n;
        }
        f(memory_of(m, b), eval(m, tn_buf_offset(m->p, b, at), 0).i, t, i);
    }
}

static void copy_in(tn_tensor *memory, int64_t place, tn_tensor *t, int64_t i)
{
    put_number(memory, place, get_number(t, i));
}

static void copy_out(tn_tensor *memory, int64_t place, tn_tensor *t, int64_t i)
{
    put_number(t, i, get_number(memory, place));
}

/* A machine with all constants in place, in their layouts, the room of rounded-up blocks zero. */
static machine start_machine(bench *b, tn_program *p)
{
    machine m = {.p = p, .arena = &b->arena};
    m.memory = TN_NEW_N(m.arena, tn_tensor *, p->bufs.n);
    m.written = TN_NEW_N(m.arena, bool, p->bufs.n);
    m.var = tn_alloc(m.arena, sizeof *m.var * (size_t)p->n_vars);
    for (size_t i = 0; i < p->bufs.n; i++) {
        tn_buf *c = p->bufs.items[i];
        const tn_tensor *data = c->packed_from != NULL ? c->packed_from->data : c->data;
        if (data == NULL)
            continue;
        memset(memory_of(&m, c)->data, 0, memory_of(&m, c)->bytes);
        tn_tensor copy = *data;
        each_element(&m, c, copy_in, &copy);
    }
    return m;
}

#endif
