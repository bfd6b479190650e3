/* Running sums and products along an axis: CumSum and CumProd. The computation reads what it has written one step
   before, so its axes run in order.

       CumSum(x [3])                 out[i] = select(i == 0, x[0], out[i - 1] + x[i])
         exclusive=1                 out[i] = select(i == 0, 0, out[i - 1] + x[i - 1])
         reverse=1                   the same with position 2 - i in the place of i

   Accumulated in the compute type (float for the 16-bit floats, by way of a temporary); integers wrap. */
#include "ops/ops.h"
#include "ops/reduce.h"

static bool read_axis(tn_graph *g, const tn_node *n, int *axis)
{
    size_t count = 0;
    const int64_t *a = tn_need_ints(g, n, 1, "axis", &count);
    if (a == NULL)
        return false;
    if (count != 1)
        return tn_node_error(g, n, "axis (input 1) has %zu elements; one is wanted", count);
    return tn_node_axis(g, n, a[0], n->in[0]->shape.rank, axis);
}

bool tn_infer_scan(tn_graph *g, tn_node *n)
{
    int axis = 0;
    return read_axis(g, n, &axis) && tn_infer_first(g, n);
}

static void scan_into(tn_program *p, const tn_node *n, tn_buf *out, tn_scalar_op op, int axis)
{
    const tn_expr *before_at[TN_MAX_RANK] = {NULL};
    const tn_expr *one = tn_index(p, 1);
    bool reverse = tn_node_int(n, "reverse", 0) != 0, exclusive = tn_node_int(n, "exclusive", 0) != 0;
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_comp_begin(p, n, out);
    const tn_expr *first = tn_op2(p, TN_OP_EQ, c->at[axis], tn_index(p, 0));
    if (reverse)
        c->at[axis] = tn_sub(p, tn_sub(p, out->dim[axis], one), c->at[axis]);
    memcpy(before_at, c->at, sizeof before_at);
    before_at[axis] = reverse ? tn_add(p, c->at[axis], one) : tn_sub(p, c->at[axis], one);
    const tn_expr *e = tn_load(p, x, exclusive ? before_at : c->at);
    const tn_expr *start = exclusive ? tn_reduce_start(p, op, e->dtype) : e;
    c->serial = true;
    tn_comp_set(p, c, tn_select(p, first, start, tn_op2(p, op, tn_load(p, out, before_at), e)));
}

static bool lower_scan(tn_program *p, const tn_node *n, tn_scalar_op op)
{
    int axis = 0;
    if (!read_axis(p->graph, n, &axis))
        return false;
    tn_buf *out = tn_buf_of(p, n->out[0]);
    tn_dtype t = tn_dtype_get(out->dtype)->compute;
    if (t == out->dtype) {
        scan_into(p, n, out, op, axis);
        return true;
    }
    tn_buf *wide = tn_buf_temp(p, "running", t, out->rank, n->out[0]->shape.dim);
    scan_into(p, n, wide, op, axis);
    tn_comp *c = tn_comp_begin(p, n, out);
    tn_comp_set(p, c, tn_load(p, wide, c->at));
    return true;
}

bool tn_lower_cum_sum(tn_program *p, const tn_node *n)
{
    return lower_scan(p, n, TN_OP_ADD);
}

bool tn_lower_cum_prod(tn_program *p, const tn_node *n)
{
    return lower_scan(p, n, TN_OP_MUL);
}
