/* Running sums and products along an axis: CumSum and CumProd. The computation reads what it has written one step
   before, so its axes run in order.

       CumSum(x [3])                 out[i] = select(i == 0, x[0], out[i - 1] + x[i])
         exclusive=1                 out[i] = select(i == 0, 0, out[i - 1] + x[i - 1])
         reverse=1                   the same with position 2 - i in the place of i

   An axis that only the run knows: the same, each axis stepping by 1 where it is the one, else by 0.
   Accumulated in the compute type (float for the 16-bit floats, by way of a temporary); integers wrap. */
#include "ops/late.h"
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
    bool fine = tn_is_early(g, n, 1) ? read_axis(g, n, &axis) : tn_check_late(g, n, 1, "axis", 1);
    return fine && tn_infer_first(g, n);
}

/* How far each axis steps: 1 where it is the scanned one. */
typedef struct steps {
    bool late;
    int axis; /* not late */
} steps;

static bool read_steps(tn_program *p, const tn_node *n, steps *s)
{
    *s = (steps){.late = !tn_is_early(p->graph, n, 1)};
    return s->late || read_axis(p->graph, n, &s->axis);
}

static const tn_expr *is_scanned(tn_program *p, const tn_node *n, const steps *s, int i)
{
    return s->late ? tn_late_has_axis(p, n->in[1], i, n->in[0]->shape.rank) : tn_integer(p, TN_BOOL, i == s->axis);
}

/* Backwards all axes run, since the scanned one has to and the others may. */
static void scan_into(tn_program *p, const tn_node *n, tn_buf *out, tn_scalar_op op, const steps *s)
{
    const tn_expr *before_at[TN_MAX_RANK] = {NULL}, *first = tn_integer(p, TN_BOOL, 0), *zero = tn_index(p, 0);
    bool reverse = tn_node_int(n, "reverse", 0) != 0, exclusive = tn_node_int(n, "exclusive", 0) != 0;
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_comp_begin(p, n, out);
    for (int i = 0; i < out->rank; i++) {
        const tn_expr *scanned = is_scanned(p, n, s, i), *step = tn_cast(p, TN_INDEX, scanned);
        first = tn_either(p, first, tn_and(p, scanned, tn_is(p, c->at[i], zero)));
        if (reverse && (s->late || i == s->axis))
            c->at[i] = tn_sub(p, tn_sub(p, out->dim[i], tn_index(p, 1)), c->at[i]);
        before_at[i] = reverse ? tn_add(p, c->at[i], step) : tn_sub(p, c->at[i], step);
    }
    const tn_expr *e = tn_load(p, x, exclusive ? before_at : c->at);
    const tn_expr *start = exclusive ? tn_reduce_start(p, op, e->dtype) : e;
    c->serial = true;
    tn_comp_set(p, c, tn_select(p, first, start, tn_op2(p, op, tn_load(p, out, before_at), e)));
}

static const tn_expr *has_scanned_axis(tn_program *p, const tn_node *n)
{
    const tn_expr *has = tn_integer(p, TN_BOOL, 0);
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        has = tn_either(p, has, tn_late_has_axis(p, n->in[1], i, n->in[0]->shape.rank));
    return has;
}

static bool lower_scan(tn_program *p, const tn_node *n, tn_scalar_op op)
{
    steps s;
    if (!read_steps(p, n, &s))
        return false;
    if (s.late)
        tn_late_check(p, n, has_scanned_axis(p, n));
    tn_buf *out = tn_buf_of(p, n->out[0]);
    tn_dtype t = tn_dtype_get(out->dtype)->compute;
    if (t == out->dtype) {
        scan_into(p, n, out, op, &s);
        return true;
    }
    tn_buf *wide = tn_buf_temp(p, "running", t, out->rank, n->out[0]->shape.dim);
    scan_into(p, n, wide, op, &s);
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
