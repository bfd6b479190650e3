/* The fixed-point operators of TFLite, as the compiler calls them (domain tenon). A real factor is multiplier / 2^31 *
   2^shift, multiplier in 2^30 .. 2^31 - 1. With double rounding, which is TFLite's own arithmetic:

       Rescale     x = (x - x_zero) * 2^left
                   x * factor = fixshift(fixmul(x * 2^shift, multiplier), 0)      shift > 0
                              = fixshift(fixmul(x, multiplier), -shift)           else: rounded twice, at the ends of
                                                                                  scalar.def's operations
                   then + zero, limited to min .. max

   with single rounding (attribute single) the whole product in 64 bits, shifted once. Sums in int64 (of 16-bit inputs) have
   factors of 15 bits, multiplier / 2^15 * 2^shift, and are rounded once. */
#include "ops/fixed.h"
#include "ops/ops.h"
#include "ops/reduce.h"
#include "ops/window.h"

/* --- sums of products ------------------------------------------------------------------------------------------------- */

static bool names_sum(const tn_node *n)
{
    return tn_node_find_attr(n, "sum") != NULL && strcmp(n->op->domain, "tenon") == 0;
}

bool tn_sum_takes(const tn_node *n, const tn_value *x, const tn_value *w)
{
    return names_sum(n) ? w->dtype == TN_INT8 || w->dtype == TN_INT16 : x->dtype == w->dtype;
}

tn_dtype tn_sum_output(const tn_node *n)
{
    return names_sum(n) ? (tn_dtype)tn_node_int(n, "sum", TN_INT64) : n->in[0]->dtype;
}

tn_dtype tn_sum_type(const tn_node *n)
{
    return tn_dtype_get(tn_sum_output(n))->compute;
}

const tn_expr *tn_sum_product(tn_program *p, const tn_node *n, const tn_expr *x, const tn_expr *w)
{
    if (!names_sum(n))
        return tn_mul(p, x, w);
    return tn_cast(p, tn_sum_type(n), tn_mul(p, tn_cast(p, TN_INT32, x), tn_cast(p, TN_INT32, w)));
}

/* --- Rescale: x multiplier shift ------------------------------------------------------------------------------------ */

static const tn_expr *int_of(tn_program *p, tn_dtype t, const tn_node *n, const char *name)
{
    return tn_integer(p, t, tn_node_int(n, name, 0));
}

const tn_expr *tn_fixed_limit(tn_program *p, const tn_node *n, const tn_expr *x, tn_dtype to)
{
    x = tn_max(p, x, int_of(p, TN_INT32, n, "min"));
    return tn_cast(p, to, tn_min(p, x, int_of(p, TN_INT32, n, "max")));
}

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

/* Halves go up. */
static const tn_expr *rescale_wide(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    const tn_expr *m = tn_cast(p, TN_INT64, uniform(p, n->in[1], in[1])), *one = tn_integer(p, TN_INT64, 1);
    const tn_expr *shift = tn_cast(p, TN_INT64, uniform(p, n->in[2], in[2]));
    const tn_expr *by = tn_sub(p, tn_integer(p, TN_INT64, 15), shift);
    const tn_expr *half = tn_op2(p, TN_OP_SHL, one, tn_sub(p, by, one));
    return tn_cast(p, TN_INT32, tn_op2(p, TN_OP_SHR, tn_add(p, tn_mul(p, in[0], m), half), by));
}

const tn_expr *tn_expr_rescale(tn_program *p, const tn_node *n, const tn_expr *const *in)
{
    if (n->in[0]->dtype == TN_INT64)
        return tn_fixed_limit(p, n, tn_add(p, rescale_wide(p, n, in), int_of(p, TN_INT32, n, "zero")),
                              n->out[0]->dtype);
    const tn_expr *x = tn_sub(p, tn_cast(p, TN_INT32, in[0]), int_of(p, TN_INT32, n, "x_zero"));
    if (tn_node_int(n, "left", 0) != 0)
        x = tn_op2(p, TN_OP_SHL, x, int_of(p, TN_INT32, n, "left"));
    x = tn_fixed_times(p, n->in[1], n->in[2], x, in[1], in[2], tn_node_int(n, "single", 0) != 0);
    return tn_fixed_limit(p, n, tn_add(p, x, int_of(p, TN_INT32, n, "zero")), n->out[0]->dtype);
}

/* --- Lookup: x table -------------------------------------------------------------------------------------------------- */

bool tn_infer_lookup(tn_graph *g, tn_node *n)
{
    const tn_value *table = n->in[1];
    int64_t wanted = n->in[0]->dtype == TN_INT16 ? 513 : 256;
    if (table->shape.rank != 1 || !tn_dim_is(table->shape.dim[0], wanted))
        return tn_node_error(g, n, "the table is %s; %lld elements are wanted", tn_value_type(g->arena, table),
                             (long long)wanted);
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
    const tn_expr *x = tn_load_broadcast(p, c, tn_buf_of(p, n->in[0]));
    tn_buf *table = tn_buf_of(p, n->in[1]);
    if (n->in[0]->dtype == TN_INT16) {
        x = tn_fixed_interpolate(p, table, tn_cast(p, TN_INT32, x));
        tn_comp_set(p, c, tn_cast(p, c->out->dtype, x));
    } else {
        const tn_expr *at = byte_place(p, x, n->in[0]->dtype);
        tn_comp_set(p, c, tn_load(p, table, &at));
    }
    return true;
}

const tn_expr *tn_fixed_interpolate(tn_program *p, tn_buf *table, const tn_expr *x)
{
    const tn_expr *step = tn_op2(p, TN_OP_SHR, x, tn_integer(p, TN_INT32, 7));
    const tn_expr *at = tn_add(p, tn_cast(p, TN_INDEX, step), tn_index(p, 256)), *next = tn_add(p, at, tn_index(p, 1));
    const tn_expr *base = tn_cast(p, TN_INT32, tn_load(p, table, &at));
    const tn_expr *slope = tn_sub(p, tn_cast(p, TN_INT32, tn_load(p, table, &next)), base);
    const tn_expr *rest = tn_mul(p, slope, tn_op2(p, TN_OP_BITAND, x, tn_integer(p, TN_INT32, 127)));
    rest = tn_op2(p, TN_OP_SHR, tn_add(p, rest, tn_integer(p, TN_INT32, 64)), tn_integer(p, TN_INT32, 7));
    return tn_add(p, base, rest);
}

/* --- FixedSigmoid: x table ----------------------------------------------------------------------------------------------

   table[i] is sigmoid(i / 24) in fractions of 2^16. |x| * multiplier / 2^shift counts in 1 / (3 * 2^12), so that 9 bits of it
   lie between two elements; the tanh of x is twice the sigmoid of 2 x, less 1. In fractions of 2^25 (2^24) until the end. */

bool tn_infer_fixed_sigmoid(tn_graph *g, tn_node *n)
{
    const tn_value *table = n->in[1];
    if (table->dtype != TN_UINT16 || table->shape.rank != 1 || !tn_dim_is(table->shape.dim[0], 256))
        return tn_node_error(g, n, "the table is %s; uint16[256] is wanted", tn_value_type(g->arena, table));
    tn_set_output(n, 0, TN_INT16, &n->in[0]->shape);
    return true;
}

/* Between two elements of the table; from the last one on a little less than 1. */
static const tn_expr *sigmoid_of(tn_program *p, tn_buf *table, const tn_expr *x, int bits, int64_t most)
{
    const tn_expr *place = tn_op2(p, TN_OP_SHR, x, tn_integer(p, TN_INT32, bits)), *last = tn_integer(p, TN_INT32, 254);
    const tn_expr *at = tn_cast(p, TN_INDEX, tn_min(p, place, last)), *next = tn_add(p, at, tn_index(p, 1));
    const tn_expr *a = tn_cast(p, TN_INT32, tn_load(p, table, &at)),
                  *b = tn_cast(p, TN_INT32, tn_load(p, table, &next));
    const tn_expr *rest = tn_op2(p, TN_OP_BITAND, x, tn_integer(p, TN_INT32, ((int64_t)1 << bits) - 1));
    const tn_expr *y =
        tn_add(p, tn_op2(p, TN_OP_SHL, a, tn_integer(p, TN_INT32, bits)), tn_mul(p, rest, tn_sub(p, b, a)));
    return tn_select(p, tn_lt(p, last, place), tn_integer(p, TN_INT32, most), y);
}

bool tn_lower_fixed_sigmoid(tn_program *p, const tn_node *n)
{
    bool tanh = tn_node_int(n, "tanh", 0) != 0;
    int64_t shift = tn_node_int(n, "shift", 0);
    const tn_expr *zero = tn_integer(p, TN_INT32, 0);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *x = tn_cast(p, TN_INT32, tn_load_broadcast(p, c, tn_buf_of(p, n->in[0])));
    x = tn_mul(p, x, int_of(p, TN_INT32, n, "multiplier"));
    if (shift > 0)
        x = tn_op2(p, TN_OP_SHR, tn_add(p, x, tn_integer(p, TN_INT32, INT64_C(1) << (shift - 1))),
                   tn_integer(p, TN_INT32, shift));
    const tn_expr *negative = tn_lt(p, x, zero), *size = tn_max(p, x, tn_sub(p, zero, x));
    const tn_expr *y = sigmoid_of(p, tn_buf_of(p, n->in[1]), size, tanh ? 8 : 9, tanh ? 0xffff << 8 : 0x7fff << 10);
    if (tanh) /* y - 1/2, in fractions of 2^24; then of 2^16, twice */
        y = tn_select(p, negative, tn_sub(p, tn_integer(p, TN_INT32, (1 << 23) + 127), y),
                      tn_sub(p, y, tn_integer(p, TN_INT32, (1 << 23) - 128)));
    else
        y = tn_select(p, negative, tn_sub(p, tn_integer(p, TN_INT32, (1 << 25) + 511), y),
                      tn_add(p, y, tn_integer(p, TN_INT32, 512)));
    tn_comp_set(p, c, tn_cast(p, TN_INT16, tn_op2(p, TN_OP_SHR, y, tn_integer(p, TN_INT32, tanh ? 8 : 10))));
    return true;
}

/* --- RoundAway -------------------------------------------------------------------------------------------------------- */

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
    tn_comp_reduce(p, c, TN_OP_ADD, zero, e, tn_fixed_limit(p, n, tn_div(p, sum, count), x->dtype));
    return true;
}
