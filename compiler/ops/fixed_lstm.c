/* LSTM in fixed point, as TFLite's reference kernel has it for 8-bit inputs and 16-bit cells. What the inputs contribute to
   the gates is an operand (int16, fractions of 2^12), so that it is one product for all steps:

       repeat t    pre[b,g] = sat16(x[t,b,g] + (h[b,k] - h_zero) * R[g,k], rescaled)      gates: input forget cell output
                   cell     = sat16(sigmoid(f) * cell / 2^15 + sigmoid(i) * tanh(c) / 2^(30 + cell_bits)), limited
                   h        = sat8(sigmoid(o) * tanh(cell), rescaled)

   Sigmoid and tanh are gemmlowp's in 16 bits: exp of what is not above 0 by a polynomial for the quarter and a product for
   each bit above it, then a quotient by Newton's rule. Each stage is a computation of its own; fusion joins them. */
#include "ops/fixed.h"
#include "ops/ops.h"

typedef struct step {
    tn_program *p;
    const tn_node *n;
    tn_dim dims[2]; /* batch, cells */
} step;

/* Inputs and outputs. */
enum { X, R, MULTIPLIER, SHIFT, H, CELL };
enum { Y, LAST_H, LAST_CELL };

bool tn_infer_fixed_lstm(tn_graph *g, tn_node *n)
{
    static const tn_dtype types[] = {TN_INT16, TN_INT8, TN_INT32, TN_INT8, TN_INT8, TN_INT16};
    static const int ranks[] = {3, 2, 1, 1, 2, 2};
    for (int i = 0; i < 6; i++)
        if (n->in[i]->dtype != types[i] || n->in[i]->shape.rank != ranks[i])
            return tn_node_error(g, n, "input %d '%s' is %s; %s of rank %d is wanted", i, n->in[i]->name,
                                 tn_value_type(g->arena, n->in[i]), tn_dtype_get(types[i])->name, ranks[i]);
    const tn_shape *x = &n->in[X]->shape, *r = &n->in[R]->shape, *h = &n->in[H]->shape;
    bool fits = r->dim[0].sym == NULL && r->dim[1].sym == NULL && r->dim[0].n == 4 * r->dim[1].n
             && tn_dim_same(x->dim[2], r->dim[0]) && tn_dim_same(x->dim[1], h->dim[0])
             && tn_dim_same(h->dim[1], r->dim[1]) && tn_shape_equal(h, &n->in[CELL]->shape)
             && tn_dim_same(n->in[MULTIPLIER]->shape.dim[0], r->dim[0])
             && tn_dim_same(n->in[SHIFT]->shape.dim[0], r->dim[0]);
    if (!fits)
        return tn_node_error(g, n, "gates %s, weights %s and state %s do not fit", tn_value_type(g->arena, n->in[X]),
                             tn_value_type(g->arena, n->in[R]), tn_value_type(g->arena, n->in[H]));
    tn_shape y = {.known = true, .rank = 3, .dim = {x->dim[0], x->dim[1], r->dim[1]}};
    tn_set_output(n, Y, TN_INT8, &y);
    tn_set_output(n, LAST_H, TN_INT8, h);
    tn_set_output(n, LAST_CELL, TN_INT16, h);
    return true;
}

/* --- arithmetic of 16 bits, held in int32 ------------------------------------------------------------------------------ */

static const tn_expr *num(tn_program *p, int64_t x)
{
    return tn_integer(p, TN_INT32, x);
}

static const tn_expr *sat16(tn_program *p, const tn_expr *x)
{
    return tn_min(p, tn_max(p, x, num(p, INT16_MIN)), num(p, INT16_MAX));
}

/* x * y / 2^15 to nearest, ties up. */
static const tn_expr *mul(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_SHR, tn_add(p, tn_mul(p, x, y), num(p, 1 << 14)), num(p, 15));
}

static const tn_expr *shrink(tn_program *p, const tn_expr *x, int by)
{
    return tn_op2(p, TN_OP_FIXSHIFT, x, num(p, by));
}

static const tn_expr *grow(tn_program *p, const tn_expr *x, int by)
{
    return sat16(p, tn_mul(p, x, num(p, INT64_C(1) << by)));
}

static tn_comp *begin(const step *s, const char *name)
{
    return tn_comp_begin(s->p, s->n, tn_buf_temp(s->p, name, TN_INT32, 2, s->dims));
}

static const tn_expr *load(const step *s, const tn_comp *c, tn_buf *b)
{
    return tn_load(s->p, b, c->at);
}

/* --- sigmoid, tanh ------------------------------------------------------------------------------------------------------ */

/* exp of -1/4 .. 0, a in fractions of 2^15: around -1/8. */
static const tn_expr *exp_of_quarter(tn_program *p, const tn_expr *a)
{
    const tn_expr *x = tn_add(p, a, num(p, 1 << 12)), *x2 = mul(p, x, x), *x3 = mul(p, x2, x), *x4 = mul(p, x2, x2);
    const tn_expr *tail = shrink(p, tn_add(p, mul(p, tn_add(p, shrink(p, x4, 2), x3), num(p, 10923)), x2), 1);
    return sat16(p, tn_add(p, num(p, 28918), mul(p, num(p, 28918), tn_add(p, x, tail))));
}

/* exp of -|v|, v with that many bits before the point; in fractions of 2^15. */
static tn_buf *exp_of_negative(const step *s, tn_buf *v, int bits)
{
    tn_program *p = s->p;
    static const int of_power[] = {25520, 19875, 12055, 4435, 600, 11, 0};
    int quarter = 1 << (13 - bits);
    tn_comp *c = begin(s, "exp");
    const tn_expr *x = load(s, c, v), *a = tn_min(p, x, tn_sub(p, num(p, 0), x));
    const tn_expr *rest = tn_sub(p, tn_op2(p, TN_OP_BITAND, a, num(p, quarter - 1)), num(p, quarter));
    tn_comp_set(p, c, exp_of_quarter(p, grow(p, rest, bits)));
    tn_buf *e = c->out;
    for (int i = 0; i < bits + 2; i++) {
        c = begin(s, "exp");
        x = load(s, c, v);
        a = tn_min(p, x, tn_sub(p, num(p, 0), x));
        rest = tn_sub(p, tn_op2(p, TN_OP_BITAND, a, num(p, quarter - 1)), num(p, quarter));
        const tn_expr *now = load(s, c, e),
                      *is_set = tn_op2(p, TN_OP_BITAND, tn_sub(p, rest, a), num(p, (int64_t)quarter << i));
        const tn_expr *without = tn_op2(p, TN_OP_EQ, is_set, num(p, 0));
        tn_comp_set(p, c, tn_select(p, without, now, mul(p, now, num(p, of_power[i]))));
        e = c->out;
    }
    c = begin(s, "exp");
    const tn_expr *is_zero = tn_op2(p, TN_OP_EQ, load(s, c, v), num(p, 0));
    tn_comp_set(p, c, tn_select(p, is_zero, num(p, INT16_MAX), load(s, c, e)));
    return c->out;
}

/* 2 / (1 + e) in fractions of 2^13. */
static tn_buf *divide(const step *s, tn_buf *e)
{
    tn_program *p = s->p;
    tn_comp *c = begin(s, "half");
    tn_comp_set(p, c, tn_op2(p, TN_OP_SHR, tn_add(p, load(s, c, e), num(p, INT16_MAX + 1)), num(p, 1)));
    tn_buf *half = c->out;
    c = begin(s, "guess");
    tn_comp_set(p, c, tn_add(p, num(p, 23130), mul(p, load(s, c, half), num(p, -15420))));
    tn_buf *x = c->out;
    for (int i = 0; i < 3; i++) {
        c = begin(s, "better");
        const tn_expr *now = load(s, c, x), *rest = tn_sub(p, num(p, 1 << 13), mul(p, load(s, c, half), now));
        tn_comp_set(p, c, tn_add(p, now, grow(p, mul(p, now, rest), 2)));
        x = c->out;
    }
    return x;
}

static tn_buf *sigmoid(const step *s, tn_buf *v)
{
    tn_program *p = s->p;
    tn_buf *quotient = divide(s, exp_of_negative(s, v, 3));
    tn_comp *c = begin(s, "sigmoid");
    const tn_expr *x = load(s, c, v), *y = grow(p, load(s, c, quotient), 1), *zero = num(p, 0);
    const tn_expr *below = tn_select(p, tn_lt(p, x, zero), tn_sub(p, num(p, INT16_MAX), y), num(p, 1 << 14));
    tn_comp_set(p, c, tn_select(p, tn_lt(p, zero, x), y, below));
    return c->out;
}

/* Of a number with that many bits before the point: (1 - e) / (1 + e), e = exp(-2 |x|). */
static tn_buf *tanh_of(const step *s, tn_buf *v, int bits)
{
    tn_program *p = s->p;
    tn_buf *quotient = divide(s, exp_of_negative(s, v, bits + 1));
    tn_comp *c = begin(s, "tanh");
    const tn_expr *x = load(s, c, v), *zero = num(p, 0);
    const tn_expr *y = grow(p, tn_sub(p, load(s, c, quotient), num(p, 1 << 13)), 2);
    const tn_expr *below = tn_select(p, tn_lt(p, x, zero), tn_sub(p, zero, y), zero);
    tn_comp_set(p, c, tn_select(p, tn_lt(p, zero, x), y, below));
    return c->out;
}

/* --- a step ---------------------------------------------------------------------------------------------------------------- */

static tn_buf *state(const step *s, const char *name, int input)
{
    tn_buf *b = tn_buf_temp(s->p, name, s->n->in[input]->dtype, 2, s->dims);
    tn_comp *c = tn_comp_begin(s->p, s->n, b);
    tn_comp_set(s->p, c, tn_load(s->p, tn_buf_of(s->p, s->n->in[input]), c->at));
    return b;
}

static tn_buf *gates_before(const step *s, tn_buf *h, const tn_expr *turn)
{
    tn_program *p = s->p;
    const tn_node *n = s->n;
    tn_dim dims[] = {s->dims[0], n->in[R]->shape.dim[0]};
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "pre", TN_INT32, 2, dims));
    const tn_expr *k = tn_reduce_over(p, c, s->dims[1]), *h_at[] = {c->at[0], k}, *r_at[] = {c->at[1], k};
    const tn_expr *x_at[] = {turn, c->at[0], c->at[1]}, *acc = tn_comp_acc(p, c, TN_INT32);
    const tn_expr *x = tn_sub(p, tn_cast(p, TN_INT32, tn_load(p, h, h_at)), num(p, tn_node_int(n, "h_zero", 0)));
    const tn_expr *m = tn_load(p, tn_buf_of(p, n->in[MULTIPLIER]), &c->at[1]);
    const tn_expr *shift = tn_load(p, tn_buf_of(p, n->in[SHIFT]), &c->at[1]);
    const tn_expr *y =
        tn_fixed_times(p, n->in[MULTIPLIER], n->in[SHIFT], acc, m, shift, tn_node_int(n, "single", 0) != 0);
    y = sat16(p, tn_add(p, y, tn_cast(p, TN_INT32, tn_load(p, tn_buf_of(p, n->in[X]), x_at))));
    tn_comp_reduce(p, c, TN_OP_ADD, num(p, 0),
                   tn_mul(p, x, tn_cast(p, TN_INT32, tn_load(p, tn_buf_of(p, n->in[R]), r_at))), y);
    return c->out;
}

static tn_buf *gate(const step *s, tn_buf *pre, int k)
{
    tn_comp *c = begin(s, "gate");
    const tn_expr *first = tn_index(s->p, k * s->dims[1].n), *at[] = {c->at[0], tn_add(s->p, c->at[1], first)};
    tn_comp_set(s->p, c, tn_load(s->p, pre, at));
    return c->out;
}

/* Fractions of 2^-cell_bits become the cell's: what tanh takes has 15 + cell_bits bits before the point. */
static void step_cell(const step *s, tn_buf *cell, tn_buf *pre, int cell_bits)
{
    tn_program *p = s->p;
    tn_buf *i = sigmoid(s, gate(s, pre, 0)), *f = sigmoid(s, gate(s, pre, 1)), *fresh = tanh_of(s, gate(s, pre, 2), 3);
    int64_t clip = tn_node_int(s->n, "cell_clip", 0);
    tn_comp *c = tn_comp_begin(p, s->n, cell);
    const tn_expr *kept = shrink(p, tn_mul(p, load(s, c, f), tn_cast(p, TN_INT32, load(s, c, cell))), 15);
    const tn_expr *x =
        sat16(p, tn_add(p, kept, shrink(p, tn_mul(p, load(s, c, i), load(s, c, fresh)), 30 + cell_bits)));
    if (clip > 0)
        x = tn_min(p, tn_max(p, x, num(p, -clip)), num(p, clip));
    tn_comp_set(p, c, tn_cast(p, TN_INT16, x));
}

static void step_h(const step *s, tn_buf *h, tn_buf *cell, tn_buf *pre, int cell_bits)
{
    tn_program *p = s->p;
    tn_buf *o = sigmoid(s, gate(s, pre, 3));
    tn_comp *c = begin(s, "cell");
    tn_comp_set(p, c, tn_cast(p, TN_INT32, load(s, c, cell)));
    tn_buf *t = tanh_of(s, c->out, 15 + cell_bits);
    c = tn_comp_begin(p, s->n, h);
    const tn_expr *x = tn_mul(p, load(s, c, o), load(s, c, t));
    int64_t shift = tn_node_int(s->n, "hidden_shift", 0);
    x = tn_op2(p, TN_OP_FIXMUL, x, num(p, tn_node_int(s->n, "hidden_multiplier", 0)));
    x = tn_op2(p, TN_OP_FIXSHIFT, x, num(p, -shift));
    x = tn_add(p, x, num(p, tn_node_int(s->n, "hidden_zero", 0)));
    tn_comp_set(p, c, tn_cast(p, TN_INT8, tn_min(p, tn_max(p, x, num(p, INT8_MIN)), num(p, INT8_MAX))));
}

static void write_last(const step *s, int output, tn_buf *from)
{
    if (output >= s->n->n_out || s->n->out[output] == NULL)
        return;
    tn_comp *c = tn_comp_begin(s->p, s->n, tn_buf_of(s->p, s->n->out[output]));
    tn_comp_set(s->p, c, tn_load(s->p, from, c->at));
}

bool tn_lower_fixed_lstm(tn_program *p, const tn_node *n)
{
    const tn_shape *x = &n->in[X]->shape;
    step s = {.p = p, .n = n, .dims = {x->dim[1], n->in[R]->shape.dim[1]}};
    int64_t bits = tn_node_int(n, "cell_bits", -12), shift = tn_node_int(n, "hidden_shift", 0);
    if (bits < -15 || bits > -11 || shift > 0 || shift < -31)
        return tn_node_error(p->graph, n, "cells in fractions of 2^%lld and a shift of %lld are not supported",
                             (long long)-bits, (long long)shift);
    tn_buf *h = state(&s, "h", H), *cell = state(&s, "cell", CELL);
    const tn_expr *turn = tn_repeat_begin(p, tn_dim_expr(p, x->dim[0]));
    tn_buf *pre = gates_before(&s, h, turn);
    step_cell(&s, cell, pre, (int)bits);
    step_h(&s, h, cell, pre, (int)bits);
    if (n->out[Y] != NULL) {
        tn_comp *c = tn_comp_over(p, n, tn_buf_of(p, n->out[Y]), 2, s.dims);
        const tn_expr *at[] = {tn_axis_var(p, c, 0), tn_axis_var(p, c, 1)};
        c->at[0] = turn;
        c->at[1] = at[0];
        c->at[2] = at[1];
        tn_comp_set(p, c, tn_load(p, h, at));
    }
    tn_repeat_end(p);
    write_last(&s, LAST_H, h);
    write_last(&s, LAST_CELL, cell);
    return true;
}
