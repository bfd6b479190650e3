/* The fixed-point operators of TFLite, as the compiler calls them (domain tenon). A real factor is multiplier / 2^31 *
   2^shift, multiplier in 2^30 .. 2^31 - 1. With double rounding, which is TFLite's own arithmetic:

       Rescale     x = (x - x_zero) * 2^left
                   x * factor = fixshift(fixmul(x * 2^shift, multiplier), 0)      shift > 0
                              = fixshift(fixmul(x, multiplier), -shift)           else: rounded twice, at the ends of
                                                                                  scalar.def's operations
                   then + zero, limited to min .. max

   with single rounding (attribute single) the whole product in 64 bits, shifted once. */
#include "ops/fixed.h"
#include "ops/ops.h"
#include "ops/reduce.h"
#include "ops/window.h"

static const tn_expr *int_of(tn_program *p, tn_dtype t, const tn_node *n, const char *name)
{
    return tn_integer(p, t, tn_node_int(n, name, 0));
}

static const tn_expr *limit(tn_program *p, const tn_node *n, const tn_expr *x, tn_dtype to)
{
    x = tn_max(p, x, int_of(p, TN_INT32, n, "min"));
    return tn_cast(p, to, tn_min(p, x, int_of(p, TN_INT32, n, "max")));
}

/* --- Rescale: x multiplier shift ------------------------------------------------------------------------------------ */

bool tn_infer_rescale(tn_graph *g, tn_node *n)
{
    tn_shape y;
    const tn_value *x = n->in[0], *m = n->in[1], *s = n->in[2];
    if (m->dtype != TN_INT32 || s->dtype != TN_INT8)
        return tn_node_error(g, n, "the multiplier is %s and the shift %s; int32 and int8 are wanted",
                             tn_value_type(g->arena, m), tn_value_type(g->arena, s));
    if (!tn_broadcast(&x->shape, &m->shape, &y) || !tn_broadcast(&y, &s->shape, &y))
        return tn_node_error(g, n, "input, multiplier and shift do not broadcast");
    tn_set_output(n, 0, (tn_dtype)tn_node_int(n, "to", TN_INT8), &y);
    return true;
}

/* A constant whose elements are all the same becomes a number. */
static const tn_expr *uniform(tn_program *p, const tn_value *v, const tn_expr *otherwise)
{
    int64_t n = v->constant != NULL ? tn_shape_count(&v->shape) : 0;
    for (int64_t i = 1; i < n; i++)
        if (tn_tensor_get_int(v->constant, i) != tn_tensor_get_int(v->constant, 0))
            return otherwise;
    return n > 0 ? tn_integer(p, otherwise->dtype, tn_tensor_get_int(v->constant, 0)) : otherwise;
}

/* Whether no element is greater than 0 (sign 1), or none less (sign -1). */
static bool has_none(const tn_value *v, int sign)
{
    int64_t n = v->constant != NULL ? tn_shape_count(&v->shape) : 0;
    for (int64_t i = 0; i < n; i++)
        if (tn_tensor_get_int(v->constant, i) * sign > 0)
            return false;
    return n > 0;
}

static const tn_expr *rounded_twice(tn_program *p, const tn_value *shifts, const tn_expr *x, const tn_expr *m,
                                    const tn_expr *shift)
{
    const tn_expr *zero = tn_integer(p, TN_INT32, 0);
    if (!has_none(shifts, 1))
        x = tn_op2(p, TN_OP_SHL, x, tn_max(p, shift, zero));
    x = tn_op2(p, TN_OP_FIXMUL, x, m);
    if (has_none(shifts, -1))
        return x;
    const tn_expr *right = tn_sub(p, zero, shift);
    return tn_op2(p, TN_OP_FIXSHIFT, x, has_none(shifts, 1) ? right : tn_max(p, right, zero));
}

static const tn_expr *rounded_once(tn_program *p, const tn_expr *x, const tn_expr *m, const tn_expr *shift)
{
    const tn_expr *one = tn_integer(p, TN_INT64, 1);
    const tn_expr *by = tn_sub(p, tn_integer(p, TN_INT64, 31), tn_cast(p, TN_INT64, shift));
    const tn_expr *product = tn_mul(p, tn_cast(p, TN_INT64, x), tn_cast(p, TN_INT64, m));
    product = tn_add(p, product, tn_op2(p, TN_OP_SHL, one, tn_sub(p, by, one)));
    return tn_cast(p, TN_INT32, tn_op2(p, TN_OP_SHR, product, by));
}

const tn_expr *tn_fixed_times(tn_program *p, const tn_value *multiplier, const tn_value *shift, const tn_expr *x,
                              const tn_expr *m, const tn_expr *s, bool once)
{
    m = uniform(p, multiplier, m);
    s = tn_cast(p, TN_INT32, uniform(p, shift, s));
    return once ? rounded_once(p, x, m, s) : rounded_twice(p, shift, x, m, s);
}

const tn_expr *tn_expr_rescale(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *x = tn_sub(p, tn_cast(p, TN_INT32, in[0]), int_of(p, TN_INT32, n, "x_zero"));
    if (tn_node_int(n, "left", 0) != 0)
        x = tn_op2(p, TN_OP_SHL, x, int_of(p, TN_INT32, n, "left"));
    x = tn_fixed_times(p, n->in[1], n->in[2], x, in[1], in[2], tn_node_int(n, "single", 0) != 0);
    return limit(p, n, tn_add(p, x, int_of(p, TN_INT32, n, "zero")), n->out[0]->dtype);
}

/* --- Lookup: x table, RoundAway ---------------------------------------------------------------------------------------- */

bool tn_infer_lookup(tn_graph *g, tn_node *n)
{
    const tn_value *table = n->in[1];
    if (table->shape.rank != 1 || !tn_dim_is(table->shape.dim[0], 256))
        return tn_node_error(g, n, "the table is %s; 256 elements are wanted", tn_value_type(g->arena, table));
    tn_set_output(n, 0, table->dtype, &n->in[0]->shape);
    return true;
}

/* The place in a table of all values of a byte, the least first. */
static const tn_expr *byte_place(tn_program *p, const tn_expr *x, tn_dtype dtype)
{
    return tn_add(p, tn_cast(p, TN_INDEX, x), tn_index(p, dtype == TN_INT8 ? 128 : 0));
}

bool tn_lower_lookup(tn_program *p, const tn_node *n)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *at = byte_place(p, tn_load_broadcast(p, c, tn_buf_of(p, n->in[0])), n->in[0]->dtype);
    tn_comp_set(p, c, tn_load(p, tn_buf_of(p, n->in[1]), &at));
    return true;
}

bool tn_infer_round_away(tn_graph *g, tn_node *n)
{
    (void)g;
    tn_set_output(n, 0, (tn_dtype)tn_node_int(n, "to", TN_INT8), &n->in[0]->shape);
    return true;
}

/* What is left of the number tells the way, so that no half is added to what it would round. */
const tn_expr *tn_expr_round_away(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *zero = tn_number(p, TN_FLOAT, 0), *half = tn_number(p, TN_FLOAT, 0.5),
                  *one = tn_number(p, TN_FLOAT, 1);
    const tn_expr *x = tn_div(p, in[0], tn_number(p, TN_FLOAT, (double)tn_node_float(n, "scale", 1)));
    const tn_expr *whole = tn_op1(p, TN_OP_TRUNC, x), *rest = tn_sub(p, x, whole);
    const tn_expr *up = tn_select(p, tn_le(p, half, rest), one, zero);
    const tn_expr *down = tn_select(p, tn_le(p, rest, tn_number(p, TN_FLOAT, -0.5)), one, zero);
    x = tn_add(p, tn_sub(p, tn_add(p, whole, up), down), tn_number(p, TN_FLOAT, (double)tn_node_int(n, "zero", 0)));
    const tn_expr *lo = tn_number(p, TN_FLOAT, (double)tn_node_int(n, "min", 0));
    const tn_expr *hi = tn_number(p, TN_FLOAT, (double)tn_node_int(n, "max", 0));
    x = tn_select(p, tn_lt(p, lo, x), x, lo);
    return tn_cast(p, n->out[0]->dtype, tn_select(p, tn_lt(p, x, hi), x, hi));
}

/* --- AveragePool --------------------------------------------------------------------------------------------------------- */

/* (acc + count / 2) / count, below 0 (acc - count / 2) / count. */
bool tn_lower_fixed_pool(tn_program *p, const tn_node *n)
{
    tn_window w;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (!tn_pool_window(p->graph, n, &w))
        return false;
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_pool_begin(p, n, tn_buf_of(p, n->out[0]), &w, at);
    const tn_expr *count = tn_cast(p, TN_INT32, tn_window_count(p, c, &w, x, false));
    const tn_expr *half = tn_div(p, count, tn_integer(p, TN_INT32, 2)), *zero = tn_integer(p, TN_INT32, 0);
    const tn_expr *acc = tn_comp_acc(p, c, TN_INT32);
    const tn_expr *sum = tn_select(p, tn_lt(p, zero, acc), tn_add(p, acc, half), tn_sub(p, acc, half));
    const tn_expr *e = tn_cast(p, TN_INT32, tn_load_or(p, x, at, tn_integer(p, x->dtype, 0)));
    tn_comp_reduce(p, c, TN_OP_ADD, zero, e, limit(p, n, tn_div(p, sum, count), x->dtype));
    return true;
}

/* --- Softmax: x table ------------------------------------------------------------------------------------------------------

   table[d] is exp(-d * scale) in fractions of 2^31, 0 where that is negligible. By rows, over the last axis:

       largest   max x                                sum    of fixshift(table[largest - x], 12)
       zeros     leading ones of sum                  inverse = 1 / sum, by Newton's rule from 48/17 - 32/17 * sum
       out       fixshift(fixmul(inverse, table[largest - x]), 12 - zeros + 31 - bits) + least */

typedef struct softmax_rows {
    const tn_node *node;
    bool over[TN_MAX_RANK];
    tn_buf *x, *table, *largest, *sum, *zeros, *inverse;
} softmax_rows;

bool tn_infer_fixed_softmax(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0], *table = n->in[1];
    if (x->shape.rank < 1)
        return tn_node_error(g, n, "the input is a scalar; rows are wanted");
    if (table->dtype != TN_INT32 || table->shape.rank != 1 || !tn_dim_is(table->shape.dim[0], 256))
        return tn_node_error(g, n, "the table is %s; int32[256] is wanted", tn_value_type(g->arena, table));
    tn_set_output(n, 0, (tn_dtype)tn_node_int(n, "to", x->dtype), &x->shape);
    return true;
}

static const tn_expr *exp_at(tn_program *p, const tn_comp *c, const softmax_rows *r, const tn_expr *const *at)
{
    const tn_expr *most = tn_cast(p, TN_INT32, tn_load_broadcast(p, c, r->largest));
    const tn_expr *d = tn_cast(p, TN_INDEX, tn_sub(p, most, tn_cast(p, TN_INT32, tn_load(p, r->x, at))));
    return tn_load(p, r->table, &d);
}

static tn_buf *row_temp(tn_program *p, const softmax_rows *r, const char *name)
{
    return tn_reduced_temp(p, name, TN_INT32, &r->node->in[0]->shape, r->over);
}

static void lower_sum(tn_program *p, softmax_rows *r)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    r->sum = row_temp(p, r, "sum");
    tn_comp *c = tn_reduce_begin(p, r->node, r->sum, &r->node->in[0]->shape, r->over, true, at);
    const tn_expr *e = exp_at(p, c, r, at);
    tn_comp_acc(p, c, TN_INT32);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, TN_INT32, 0),
                   tn_op2(p, TN_OP_FIXSHIFT, e, tn_integer(p, TN_INT32, 12)), NULL);
}

/* How many of 2^0 .. 2^31 are above the sum. */
static void lower_zeros(tn_program *p, softmax_rows *r)
{
    r->zeros = row_temp(p, r, "zeros");
    tn_comp *c = tn_comp_begin(p, r->node, r->zeros);
    const tn_expr *bit = tn_cast(p, TN_INT64, tn_reduce_over(p, c, tn_dim_fixed(32)));
    const tn_expr *power = tn_op2(p, TN_OP_SHL, tn_integer(p, TN_INT64, 1), bit);
    const tn_expr *above = tn_lt(p, tn_cast(p, TN_INT64, tn_load_broadcast(p, c, r->sum)), power);
    tn_comp_acc(p, c, TN_INT32);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, TN_INT32, 0),
                   tn_select(p, above, tn_integer(p, TN_INT32, 1), tn_integer(p, TN_INT32, 0)), NULL);
}

static const tn_expr *shift_left_saturating(tn_program *p, const tn_expr *x, int by)
{
    const tn_expr *wide = tn_op2(p, TN_OP_SHL, tn_cast(p, TN_INT64, x), tn_integer(p, TN_INT64, by));
    wide = tn_max(p, wide, tn_integer(p, TN_INT64, INT32_MIN));
    return tn_cast(p, TN_INT32, tn_min(p, wide, tn_integer(p, TN_INT64, INT32_MAX)));
}

/* Half of 1 + the fraction behind the sum's leading one. */
static tn_buf *lower_half_denominator(tn_program *p, softmax_rows *r)
{
    tn_buf *half = row_temp(p, r, "half");
    tn_comp *c = tn_comp_begin(p, r->node, half);
    const tn_expr *sum = tn_cast(p, TN_INT64, tn_load_broadcast(p, c, r->sum));
    const tn_expr *zeros = tn_cast(p, TN_INT64, tn_load_broadcast(p, c, r->zeros));
    const tn_expr *fraction = tn_sub(p, tn_op2(p, TN_OP_SHL, sum, zeros), tn_integer(p, TN_INT64, INT64_C(1) << 31));
    const tn_expr *rounded = tn_add(p, fraction, tn_integer(p, TN_INT64, (int64_t)INT32_MAX + 1));
    tn_comp_set(p, c, tn_cast(p, TN_INT32, tn_op2(p, TN_OP_SHR, rounded, tn_integer(p, TN_INT64, 1))));
    return half;
}

/* Three steps x += x * (1 - half * x), x in fractions of 2^29; the last in fractions of 2^31 of what is sought. */
static void lower_inverse(tn_program *p, softmax_rows *r)
{
    tn_buf *half = lower_half_denominator(p, r), *x = row_temp(p, r, "guess");
    tn_comp *c = tn_comp_begin(p, r->node, x);
    const tn_expr *h = tn_load_broadcast(p, c, half), *slope = tn_integer(p, TN_INT32, -1010580540);
    tn_comp_set(p, c, tn_add(p, tn_integer(p, TN_INT32, 1515870810), tn_op2(p, TN_OP_FIXMUL, h, slope)));
    for (int i = 0; i < 3; i++) {
        tn_buf *next = row_temp(p, r, "better");
        c = tn_comp_begin(p, r->node, next);
        const tn_expr *now = tn_load_broadcast(p, c, x);
        const tn_expr *product = tn_op2(p, TN_OP_FIXMUL, tn_load_broadcast(p, c, half), now);
        const tn_expr *rest = tn_sub(p, tn_integer(p, TN_INT32, 1 << 29), product);
        const tn_expr *step = shift_left_saturating(p, tn_op2(p, TN_OP_FIXMUL, now, rest), 2);
        tn_comp_set(p, c, tn_add(p, now, step));
        x = next;
    }
    r->inverse = row_temp(p, r, "inverse");
    c = tn_comp_begin(p, r->node, r->inverse);
    tn_comp_set(p, c, shift_left_saturating(p, tn_load_broadcast(p, c, x), 1));
}

static void lower_quotients(tn_program *p, softmax_rows *r)
{
    const tn_node *n = r->node;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    int bits = tn_dtype_get(c->out->dtype)->size * 8;
    const tn_expr *shift = tn_sub(p, tn_integer(p, TN_INT32, 12 + 31 - bits), tn_load_broadcast(p, c, r->zeros));
    const tn_expr *y = tn_op2(p, TN_OP_FIXMUL, tn_load_broadcast(p, c, r->inverse), exp_at(p, c, r, c->at));
    y = tn_op2(p, TN_OP_FIXSHIFT, y, tn_min(p, shift, tn_integer(p, TN_INT32, 31)));
    tn_comp_set(p, c, limit(p, n, tn_add(p, y, int_of(p, TN_INT32, n, "min")), c->out->dtype));
}

bool tn_lower_fixed_softmax(tn_program *p, const tn_node *n)
{
    softmax_rows r = {.node = n, .x = tn_buf_of(p, n->in[0]), .table = tn_buf_of(p, n->in[1])};
    r.over[n->in[0]->shape.rank - 1] = true;
    r.largest = tn_reduced_temp(p, "largest", n->in[0]->dtype, &n->in[0]->shape, r.over);
    tn_reduce_extreme(p, n, TN_OP_MAX, r.largest, n->in[0], r.over, true);
    lower_sum(p, &r);
    lower_zeros(p, &r);
    lower_inverse(p, &r);
    lower_quotients(p, &r);
    return true;
}
