/* Operators that relate each element to all elements of its row: Softmax, LogSoftmax, Hardmax, LpNormalization,
   MeanVarianceNormalization. A row is what the reduced axes span (see reduce.h); its statistics go to temporaries.

       Softmax(x [2,3])      largest[i] = max x[i,r]                exps[i,j] = exp(x[i,j] - largest[i])
                             inverse[i] = 1 / (sum exps[i,r])       out[i,j] = exps[i,j] * inverse[i]

   All in the compute type (float for the 16-bit floats), temporaries included; the result is rounded once, on storing.
   Subtracting the largest element keeps exp from overflowing; a row with an infinite largest element gives NaN. */
#include "ops/ops.h"
#include "ops/reduce.h"

static tn_dtype compute_of(const tn_value *v)
{
    return tn_dtype_get(v->dtype)->compute;
}

static tn_buf *row_temp(tn_program *p, const tn_node *n, const char *name, const bool *over)
{
    return tn_reduced_temp(p, name, compute_of(n->in[0]), &n->in[0]->shape, over);
}

/* The row: one axis or, in the form before opset 13 (attribute flatten), all from that axis on. */
static bool read_row(tn_graph *g, const tn_node *n, bool *over)
{
    int axis = 0, rank = n->in[0]->shape.rank;
    if (!tn_node_axis(g, n, tn_node_int(n, "axis", -1), rank, &axis))
        return false;
    int end = tn_node_int(n, "flatten", 0) != 0 ? rank : axis + 1;
    for (int i = axis; i < end; i++)
        over[i] = true;
    return true;
}

bool tn_infer_softmax(tn_graph *g, tn_node *n)
{
    bool over[TN_MAX_RANK] = {false};
    return read_row(g, n, over) && tn_infer_first(g, n);
}

static tn_buf *find_largest(tn_program *p, const tn_node *n, const bool *over)
{
    tn_buf *b = row_temp(p, n, "largest", over);
    tn_reduce_extreme(p, n, TN_OP_MAX, b, n->in[0], over, true);
    return b;
}

/* x - largest at the subscripts `at`; the row's subscripts in b, of extent 1, are 0. */
static const tn_expr *load_less(tn_program *p, const tn_value *x, const tn_expr *const *at, tn_buf *b)
{
    const tn_expr *b_at[TN_MAX_RANK] = {NULL};
    for (int i = 0; i < b->rank; i++)
        b_at[i] = tn_expr_is_int(b->dim[i], 1) ? tn_index(p, 0) : at[i];
    return tn_sub(p, tn_load(p, tn_buf_of(p, x), at), tn_load(p, b, b_at));
}

/* --- Softmax ------------------------------------------------------------------------------------------------------ */

/* One exp for each element, kept; one division for each row, so that a result may be an ulp from exp / sum. */
bool tn_lower_softmax(tn_program *p, const tn_node *n)
{
    bool over[TN_MAX_RANK] = {false};
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *x = n->in[0];
    tn_dtype t = compute_of(x);
    if (!read_row(p->graph, n, over))
        return false;
    tn_buf *largest = find_largest(p, n, over);
    tn_buf *exps = tn_buf_temp(p, "exps", t, x->shape.rank, x->shape.dim), *inverse = row_temp(p, n, "inverse", over);
    tn_comp *c = tn_comp_begin(p, n, exps);
    tn_comp_set(p, c, tn_op1(p, TN_OP_EXP, load_less(p, x, c->at, largest)));
    c = tn_reduce_begin(p, n, inverse, &x->shape, over, true, at);
    const tn_expr *acc = tn_comp_acc(p, c, t);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, t, 0), tn_load(p, exps, at), tn_div(p, tn_number(p, t, 1), acc));
    c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_comp_set(p, c, tn_mul(p, tn_load(p, exps, c->at), tn_load_broadcast(p, c, inverse)));
    return true;
}

/* (x - largest) - log(sum(exp(x - largest))) */
bool tn_lower_log_softmax(tn_program *p, const tn_node *n)
{
    bool over[TN_MAX_RANK] = {false};
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *x = n->in[0];
    tn_dtype t = compute_of(x);
    if (!read_row(p->graph, n, over))
        return false;
    tn_buf *largest = find_largest(p, n, over), *log_sum = row_temp(p, n, "log_sum", over);
    tn_comp *c = tn_reduce_begin(p, n, log_sum, &x->shape, over, true, at);
    const tn_expr *acc = tn_comp_acc(p, c, t), *e = tn_op1(p, TN_OP_EXP, load_less(p, x, at, largest));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, t, 0), e, tn_op1(p, TN_OP_LOG, acc));
    c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_comp_set(p, c, tn_sub(p, load_less(p, x, c->at, largest), tn_load_broadcast(p, c, log_sum)));
    return true;
}

/* 1 at the first of the largest elements, 0 elsewhere. */
bool tn_lower_hardmax(tn_program *p, const tn_node *n)
{
    bool over[TN_MAX_RANK] = {false};
    const tn_value *x = n->in[0];
    tn_dtype t = compute_of(x);
    if (!read_row(p->graph, n, over))
        return false;
    tn_buf *largest = find_largest(p, n, over), *where = tn_reduced_temp(p, "where", TN_INT64, &x->shape, over);
    tn_reduce_position(p, n, where, x, over, true, largest, false);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *own = tn_cast(p, TN_INT64, tn_reduce_flat(p, &x->shape, over, c->at));
    const tn_expr *hit = tn_op2(p, TN_OP_EQ, own, tn_load_broadcast(p, c, where));
    tn_comp_set(p, c, tn_select(p, hit, tn_number(p, t, 1), tn_number(p, t, 0)));
    return true;
}

/* --- LpNormalization ---------------------------------------------------------------------------------------------- */

bool tn_infer_lp_normalization(tn_graph *g, tn_node *n)
{
    int64_t norm = tn_node_int(n, "p", 2);
    if (norm != 1 && norm != 2)
        return tn_node_error(g, n, "p is %lld; 1 or 2 is wanted", (long long)norm);
    return tn_infer_softmax(g, n);
}

/* A row of zeros stays: 0 / 0 is 0 here. */
bool tn_lower_lp_normalization(tn_program *p, const tn_node *n)
{
    bool over[TN_MAX_RANK] = {false}, squares = tn_node_int(n, "p", 2) == 2;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_dtype t = compute_of(n->in[0]);
    if (!read_row(p->graph, n, over))
        return false;
    tn_buf *norms = row_temp(p, n, "norm", over);
    tn_comp *c = tn_reduce_begin(p, n, norms, &n->in[0]->shape, over, true, at);
    const tn_expr *e = tn_load(p, x, at), *acc = tn_comp_acc(p, c, t), *zero = tn_number(p, t, 0);
    e = squares ? tn_mul(p, e, e) : tn_op1(p, TN_OP_ABS, e);
    tn_comp_reduce(p, c, TN_OP_ADD, zero, e, squares ? tn_op1(p, TN_OP_SQRT, acc) : acc);
    c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *norm = tn_load_broadcast(p, c, norms), *quotient = tn_div(p, tn_load(p, x, c->at), norm);
    tn_comp_set(p, c, tn_select(p, tn_op2(p, TN_OP_EQ, norm, zero), zero, quotient));
    return true;
}

/* --- MeanVarianceNormalization ------------------------------------------------------------------------------------ */

static bool read_mvn_axes(tn_graph *g, const tn_node *n, bool *over)
{
    static const int64_t usual[] = {0, 2, 3};
    const tn_attr *a = tn_node_find_attr(n, "axes");
    if (a != NULL && a->kind != TN_ATTR_INTS)
        return tn_node_error(g, n, "axes is not a list of integers");
    const int64_t *axes = a != NULL ? a->ints : usual;
    size_t count = a != NULL ? a->n : sizeof usual / sizeof *usual;
    for (size_t i = 0; i < count; i++) {
        int axis = 0;
        if (!tn_node_axis(g, n, axes[i], n->in[0]->shape.rank, &axis))
            return false;
        over[axis] = true;
    }
    return true;
}

bool tn_infer_mvn(tn_graph *g, tn_node *n)
{
    bool over[TN_MAX_RANK] = {false};
    return read_mvn_axes(g, n, over) && tn_infer_first(g, n);
}

/* (x - mean) / (deviation + 1e-9), as in ONNX's function body; the deviation from a second pass over the data, not as
   a difference of squares. */
bool tn_lower_mvn(tn_program *p, const tn_node *n)
{
    bool over[TN_MAX_RANK] = {false};
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    const tn_value *x = n->in[0];
    tn_dtype t = compute_of(x);
    if (!read_mvn_axes(p->graph, n, over))
        return false;
    tn_buf *mean = row_temp(p, n, "mean", over), *deviation = row_temp(p, n, "deviation", over);
    const tn_expr *zero = tn_number(p, t, 0), *count = tn_cast(p, t, tn_reduce_count(p, &x->shape, over));
    tn_comp *c = tn_reduce_begin(p, n, mean, &x->shape, over, true, at);
    const tn_expr *acc = tn_comp_acc(p, c, t);
    tn_comp_reduce(p, c, TN_OP_ADD, zero, tn_load(p, tn_buf_of(p, x), at), tn_div(p, acc, count));
    c = tn_reduce_begin(p, n, deviation, &x->shape, over, true, at);
    acc = tn_comp_acc(p, c, t);
    const tn_expr *d = load_less(p, x, at, mean), *root = tn_op1(p, TN_OP_SQRT, tn_div(p, acc, count));
    tn_comp_reduce(p, c, TN_OP_ADD, zero, tn_mul(p, d, d), tn_add(p, root, tn_number(p, t, 1e-9)));
    c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_comp_set(p, c, tn_div(p, load_less(p, x, c->at, mean), tn_load_broadcast(p, c, deviation)));
    return true;
}
