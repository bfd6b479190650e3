/* Softmax in fixed point, and its logarithm, by rows, over the last axis, as TFLite has them.

   Of bytes: x table. table[d] is exp(-d * scale) in fractions of 2^31, 0 where that is negligible:

       largest   max x                                sum    of fixshift(table[largest - x], 12)
       zeros     leading zeros of sum                  inverse = 1 / sum
       out       fixshift(fixmul(inverse, table[largest - x]), 12 - zeros + 31 - bits) + least

   Its logarithm: x table scaled. scaled[d] is -d * scale in fractions of 2^26, and the result counts in 1/16 below the most:

       log       of sum
       least     log - 2^31, in the input's scale: what is as far below the largest is the least there is
       out       fixshift(scaled[largest - x] - log, 22) + most

   Of 16 bits: x exp inverse multiplier shift. exp and inverse are tables of 513 for exp from -10 to 0 and 1 / (1 + x) from 0 to 1,
   in fractions of 2^15; the factor takes 10 to 2^16 - 1:

       e         exp of (x - largest) * factor
       sum       of e; zeros: its leading ones
       inverse   at the sum's fraction behind its leading one
       out       (e * inverse + half) >> (31 - zeros)            between 0 and 2^15 - 1 */
#include "ops/fixed.h"
#include "ops/ops.h"
#include "ops/reduce.h"

static const tn_expr *num(tn_program *p, int64_t x)
{
    return tn_integer(p, TN_INT32, x);
}

typedef struct softmax_rows {
    const tn_node *node;
    bool is_wide; /* of 16 bits */
    bool over[TN_MAX_RANK];
    tn_buf *x, *table, *largest, *sum, *zeros, *inverse;
} softmax_rows;

/* Both operators of bytes. */
bool tn_infer_fixed_softmax(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0];
    if (x->shape.rank < 1)
        return tn_node_error(g, n, "the input is a scalar; rows are wanted");
    for (int i = 1; i < n->n_in; i++)
        if (n->in[i]->dtype != TN_INT32 || n->in[i]->shape.rank != 1 || !tn_dim_is(n->in[i]->shape.dim[0], 256))
            return tn_node_error(g, n, "the table is %s; int32[256] is wanted", tn_value_type(g->arena, n->in[i]));
    tn_set_output(n, 0, (tn_dtype)tn_node_int(n, "to", x->dtype), &x->shape);
    return true;
}

/* How far the element is below the row's largest. */
static const tn_expr *distance(tn_program *p, const tn_comp *c, const softmax_rows *r, const tn_expr *const *at)
{
    const tn_expr *most = tn_cast(p, TN_INT32, tn_load_broadcast(p, c, r->largest));
    return tn_sub(p, most, tn_cast(p, TN_INT32, tn_load(p, r->x, at)));
}

static const tn_expr *entry(tn_program *p, tn_buf *table, const tn_expr *i)
{
    i = tn_cast(p, TN_INDEX, i);
    return tn_load(p, table, &i);
}

static const tn_expr *exp_at(tn_program *p, const tn_comp *c, const softmax_rows *r, const tn_expr *const *at)
{
    return entry(p, r->table, distance(p, c, r, at));
}

/* Of 16 bits: what is below the table's first element is that. */
static const tn_expr *wide_exp_at(tn_program *p, const tn_comp *c, const softmax_rows *r, const tn_expr *const *at)
{
    const tn_node *n = r->node;
    const tn_expr *most = tn_cast(p, TN_INT32, tn_load_broadcast(p, c, r->largest));
    const tn_expr *d = tn_sub(p, tn_cast(p, TN_INT32, tn_load(p, r->x, at)), most);
    d = tn_fixed_times(p, n->in[3], n->in[4], d, tn_load_broadcast(p, c, tn_buf_of(p, n->in[3])),
                       tn_load_broadcast(p, c, tn_buf_of(p, n->in[4])), tn_node_int(n, "single", 0) != 0);
    d = tn_max(p, tn_add(p, d, num(p, INT16_MAX)), num(p, INT16_MIN));
    return tn_fixed_interpolate(p, r->table, tn_min(p, d, num(p, INT16_MAX)));
}

static tn_buf *row_temp(tn_program *p, const softmax_rows *r, const char *name)
{
    return tn_reduced_temp(p, name, TN_INT32, &r->node->in[0]->shape, r->over);
}

/* With 12 bits before the point of bytes' sums, none of which runs over. */
static void lower_sum(tn_program *p, softmax_rows *r)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    r->sum = row_temp(p, r, "sum");
    tn_comp *c = tn_reduce_begin(p, r->node, r->sum, &r->node->in[0]->shape, r->over, true, at);
    const tn_expr *e =
        r->is_wide ? wide_exp_at(p, c, r, at) : tn_op2(p, TN_OP_FIXSHIFT, exp_at(p, c, r, at), num(p, 12));
    tn_comp_acc(p, c, TN_INT32);
    tn_comp_reduce(p, c, TN_OP_ADD, num(p, 0), e, NULL);
}

/* A function of the rows' numbers. */
static tn_buf *lower_curve(tn_program *p, const softmax_rows *r, const char *name, tn_scalar_op op, tn_buf *of)
{
    tn_comp *c = tn_comp_begin(p, r->node, row_temp(p, r, name));
    tn_comp_set(p, c, tn_op1(p, op, tn_load_broadcast(p, c, of)));
    return c->out;
}

static void lower_quotients(tn_program *p, softmax_rows *r)
{
    const tn_node *n = r->node;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    int bits = tn_dtype_get(c->out->dtype)->size * 8;
    const tn_expr *shift = tn_sub(p, num(p, 12 + 31 - bits), tn_load_broadcast(p, c, r->zeros));
    const tn_expr *y = tn_op2(p, TN_OP_FIXMUL, tn_load_broadcast(p, c, r->inverse), exp_at(p, c, r, c->at));
    y = tn_op2(p, TN_OP_FIXSHIFT, y, tn_min(p, shift, num(p, 31)));
    tn_comp_set(p, c, tn_fixed_limit(p, n, tn_add(p, y, num(p, tn_node_int(n, "min", 0))), c->out->dtype));
}

static void lower_logarithms(tn_program *p, const softmax_rows *r, tn_buf *log)
{
    const tn_node *n = r->node;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *sum = tn_load_broadcast(p, c, log), *d = distance(p, c, r, c->at);
    const tn_expr *far = tn_op2(p, TN_OP_FIXMUL, tn_add(p, sum, num(p, INT32_MIN)), num(p, tn_node_int(n, "back", 0)));
    far = tn_sub(p, num(p, 0), tn_op2(p, TN_OP_FIXSHIFT, far, num(p, tn_node_int(n, "back_shift", 0))));
    const tn_expr *counts = tn_lt(p, d, tn_min(p, far, num(p, tn_node_int(n, "radius", 0) + 1)));
    const tn_expr *y = tn_sub(p, entry(p, tn_buf_of(p, n->in[2]), d), sum), *most = num(p, tn_node_int(n, "max", 0));
    y = tn_add(p, tn_op2(p, TN_OP_FIXSHIFT, y, num(p, 22)), most);
    y = tn_select(p, counts, y, num(p, tn_node_int(n, "min", 0)));
    tn_comp_set(p, c, tn_fixed_limit(p, n, y, c->out->dtype));
}

/* --- of 16 bits --------------------------------------------------------------------------------------------------------- */

bool tn_infer_fixed_wide_softmax(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0];
    if (x->shape.rank < 1)
        return tn_node_error(g, n, "the input is a scalar; rows are wanted");
    for (int i = 1; i <= 2; i++)
        if (n->in[i]->dtype != TN_INT16 || n->in[i]->shape.rank != 1 || !tn_dim_is(n->in[i]->shape.dim[0], 513))
            return tn_node_error(g, n, "table %d is %s; int16[513] is wanted", i, tn_value_type(g->arena, n->in[i]));
    if (n->in[3]->dtype != TN_INT32 || n->in[3]->shape.rank != 0 || n->in[4]->dtype != TN_INT8
        || n->in[4]->shape.rank != 0)
        return tn_node_error(g, n, "the factor is %s and %s; int32 and int8 are wanted",
                             tn_value_type(g->arena, n->in[3]), tn_value_type(g->arena, n->in[4]));
    tn_set_output(n, 0, TN_INT16, &x->shape);
    return true;
}

/* The sum's fraction in 16 bits, of which the table's middle is a half. */
static void lower_wide_inverse(tn_program *p, softmax_rows *r)
{
    r->inverse = row_temp(p, r, "inverse");
    tn_comp *c = tn_comp_begin(p, r->node, r->inverse);
    const tn_expr *sum = tn_cast(p, TN_INT64, tn_load_broadcast(p, c, r->sum));
    const tn_expr *left =
        tn_sub(p, tn_cast(p, TN_INT64, tn_load_broadcast(p, c, r->zeros)), tn_integer(p, TN_INT64, 1));
    const tn_expr *shifted = tn_add(p, tn_op2(p, TN_OP_SHL, sum, left), tn_integer(p, TN_INT64, 1 << 13));
    const tn_expr *x = tn_cast(p, TN_INT32, tn_op2(p, TN_OP_SHR, shifted, tn_integer(p, TN_INT64, 14)));
    x = tn_max(p, tn_sub(p, x, num(p, (1 << 15) + (1 << 16))), num(p, INT16_MIN));
    tn_comp_set(p, c, tn_fixed_interpolate(p, tn_buf_of(p, r->node->in[2]), tn_min(p, x, num(p, INT16_MAX))));
}

static void lower_wide_quotients(tn_program *p, softmax_rows *r)
{
    tn_comp *c = tn_comp_begin(p, r->node, tn_buf_of(p, r->node->out[0]));
    const tn_expr *zeros = tn_cast(p, TN_INT64, tn_load_broadcast(p, c, r->zeros)), *one = tn_integer(p, TN_INT64, 1);
    const tn_expr *by = tn_sub(p, tn_integer(p, TN_INT64, 31), zeros);
    const tn_expr *y = tn_mul(p, tn_cast(p, TN_INT64, wide_exp_at(p, c, r, c->at)),
                              tn_cast(p, TN_INT64, tn_load_broadcast(p, c, r->inverse)));
    y = tn_op2(p, TN_OP_SHR, tn_add(p, y, tn_op2(p, TN_OP_SHL, one, tn_sub(p, by, one))), by);
    y = tn_max(p, tn_cast(p, TN_INT32, y), num(p, 0));
    tn_comp_set(p, c, tn_cast(p, TN_INT16, tn_min(p, y, num(p, INT16_MAX))));
}

/* --- both --------------------------------------------------------------------------------------------------------------- */

static softmax_rows begin_rows(tn_program *p, const tn_node *n)
{
    softmax_rows r = {.node = n,
                      .is_wide = n->in[0]->dtype == TN_INT16,
                      .x = tn_buf_of(p, n->in[0]),
                      .table = tn_buf_of(p, n->in[1])};
    r.over[n->in[0]->shape.rank - 1] = true;
    r.largest = tn_reduced_temp(p, "largest", n->in[0]->dtype, &n->in[0]->shape, r.over);
    tn_reduce_extreme(p, n, TN_OP_MAX, r.largest, n->in[0], r.over, true);
    lower_sum(p, &r);
    return r;
}

bool tn_lower_fixed_softmax(tn_program *p, const tn_node *n)
{
    softmax_rows r = begin_rows(p, n);
    r.zeros = lower_curve(p, &r, "zeros", TN_OP_FIXZEROS, r.sum);
    r.inverse = lower_curve(p, &r, "inverse", TN_OP_FIXRECIP, r.sum);
    lower_quotients(p, &r);
    return true;
}

bool tn_lower_fixed_wide_softmax(tn_program *p, const tn_node *n)
{
    softmax_rows r = begin_rows(p, n);
    r.zeros = lower_curve(p, &r, "zeros", TN_OP_FIXZEROS, r.sum);
    lower_wide_inverse(p, &r);
    lower_wide_quotients(p, &r);
    return true;
}

bool tn_lower_fixed_log_softmax(tn_program *p, const tn_node *n)
{
    softmax_rows r = begin_rows(p, n);
    lower_logarithms(p, &r, lower_curve(p, &r, "log", TN_OP_FIXLOG, r.sum));
    return true;
}
