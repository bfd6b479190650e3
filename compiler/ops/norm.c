/* Normalisations: BatchNormalization, InstanceNormalization, GroupNormalization, LayerNormalization, RMSNormalization
   and LRN.

       LayerNormalization   mean[row] = sum(x) / count     inv[row] = 1 / sqrt(sum((x - mean)^2) / count + epsilon)
                            y = (x - mean[row]) * inv[row] * scale + bias

   All in the compute type (float for the 16-bit floats, double for double), whatever stash_type says; the variance is
   found in a second pass over the data, not as a difference of squares; y is rounded once, on storing. */
#include "ops/ops.h"

#include "ops/quant.h"

static tn_dtype compute_of(const tn_value *v)
{
    return tn_dtype_get(v->dtype)->compute;
}

static bool check_float(tn_graph *g, const tn_node *n, int i)
{
    return tn_quant_check_type(g, n, i, TN_T_FLOATS);
}

/* One float per channel (or per group): rank 1 and that extent. */
static bool check_channels(tn_graph *g, const tn_node *n, int i, tn_dim channels)
{
    const tn_value *v = n->in[i];
    if (v->shape.rank != 1 || !tn_dim_same(v->shape.dim[0], channels))
        return tn_node_error(g, n, "input %d '%s' is %s; %s elements are wanted", i, v->name,
                             tn_value_type(g->arena, v), tn_dim_text(g->arena, channels));
    return check_float(g, n, i);
}

static bool check_rank(tn_graph *g, const tn_node *n, int rank)
{
    if (n->in[0]->shape.rank >= rank)
        return true;
    return tn_node_error(g, n, "input '%s' is %s; rank %d or more is wanted", n->in[0]->name,
                         tn_value_type(g->arena, n->in[0]), rank);
}

static const tn_expr *load_as(tn_program *p, tn_dtype dt, const tn_value *v, const tn_expr *const *at)
{
    return tn_cast(p, dt, tn_load(p, tn_buf_of(p, v), at));
}

static const tn_expr *inverse_root(tn_program *p, const tn_node *n, const tn_expr *variance)
{
    const tn_expr *epsilon = tn_number(p, variance->dtype, tn_node_float(n, "epsilon", 1e-5f));
    const tn_expr *root = tn_op1(p, TN_OP_SQRT, tn_add(p, variance, epsilon));
    return tn_div(p, tn_number(p, variance->dtype, 1), root);
}

/* --- rows: what one mean and variance belong to ------------------------------------------------------------------- */

/* Either all dims from axis on (axis >= 0), statistics of x's rank with those dims 1; or groups of channels and all
   spatial dims (axis -1), statistics [N, groups]. */
typedef struct rows {
    int axis;
    int64_t groups, per_group; /* channels */
} rows;

static int stat_dims(const tn_value *x, const rows *r, tn_dim *dims)
{
    if (r->axis < 0) {
        dims[0] = x->shape.dim[0];
        dims[1] = tn_dim_fixed(r->groups);
        return 2;
    }
    for (int i = 0; i < x->shape.rank; i++)
        dims[i] = i < r->axis ? x->shape.dim[i] : tn_dim_fixed(1);
    return x->shape.rank;
}

static tn_buf *stat_temp(tn_program *p, const tn_value *x, const rows *r, const char *name)
{
    tn_dim dims[TN_MAX_RANK];
    int rank = stat_dims(x, r, dims);
    return tn_buf_temp(p, name, compute_of(x), rank, dims);
}

/* The computation of a statistic: subscripts of x with the reduction axes, and the number of elements reduced. */
static tn_comp *begin_stat(tn_program *p, const tn_node *n, tn_buf *out, const rows *r, const tn_expr **at,
                           const tn_expr **count)
{
    const tn_value *x = n->in[0];
    tn_comp *c = tn_comp_begin(p, n, out);
    *count = tn_index(p, 1);
    int first = r->axis;
    if (r->axis < 0) {
        at[0] = c->at[0];
        at[1] = c->at[1];
        if (r->per_group != 1) {
            const tn_expr *k = tn_reduce_over(p, c, tn_dim_fixed(r->per_group));
            at[1] = tn_add(p, tn_mul(p, c->at[1], tn_index(p, r->per_group)), k);
            *count = tn_index(p, r->per_group);
        }
        first = 2;
    }
    for (int i = 0; i < x->shape.rank; i++) {
        if (i >= first) {
            at[i] = tn_reduce_over(p, c, x->shape.dim[i]);
            *count = tn_mul(p, *count, tn_dim_expr(p, x->shape.dim[i]));
        } else if (r->axis >= 0) {
            at[i] = c->at[i];
        }
    }
    *count = tn_cast(p, compute_of(x), *count);
    return c;
}

/* The statistic's subscripts for an element of x. */
static void stat_sites(tn_program *p, const tn_comp *c, const rows *r, const tn_expr **at)
{
    for (int i = 0; i < c->out->rank; i++)
        at[i] = i < r->axis ? c->at[i] : tn_index(p, 0);
    if (r->axis < 0) {
        at[0] = c->at[0];
        at[1] = tn_op2(p, TN_OP_FDIV, c->at[1], tn_index(p, r->per_group));
    }
}

static void lower_mean(tn_program *p, const tn_node *n, tn_buf *mean, const rows *r)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *count = NULL;
    tn_comp *c = begin_stat(p, n, mean, r, at, &count);
    const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[0]), at), *acc = tn_comp_acc(p, c, x->dtype);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, x->dtype, 0), x, tn_div(p, acc, count));
}

/* 1 / sqrt(mean of (x - mean)^2 + epsilon); mean NULL: 0. */
static void lower_inverse(tn_program *p, const tn_node *n, tn_buf *inverse, tn_buf *mean, const rows *r)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *count = NULL;
    tn_comp *c = begin_stat(p, n, inverse, r, at, &count);
    const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[0]), at), *acc = tn_comp_acc(p, c, x->dtype);
    if (mean != NULL)
        x = tn_sub(p, x, tn_load(p, mean, c->at));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, x->dtype, 0), tn_mul(p, x, x),
                   inverse_root(p, n, tn_div(p, acc, count)));
}

/* --- LayerNormalization, RMSNormalization ------------------------------------------------------------------------- */

static bool read_rows(tn_graph *g, const tn_node *n, rows *out)
{
    *out = (rows){0};
    return check_rank(g, n, 1) && tn_node_axis(g, n, tn_node_int(n, "axis", -1), n->in[0]->shape.rank, &out->axis);
}

/* Scale or bias: broadcasts to the input without widening it. */
static bool check_broadcast(tn_graph *g, const tn_node *n, int i)
{
    tn_shape both;
    const tn_shape *x = &n->in[0]->shape;
    if (!tn_has_input(n, i))
        return true;
    if (!tn_broadcast(&n->in[i]->shape, x, &both) || !tn_shape_equal(&both, x))
        return tn_node_error(g, n, "input %d '%s' is %s, which does not broadcast to %s", i, n->in[i]->name,
                             tn_value_type(g->arena, n->in[i]), tn_type_text(g->arena, n->in[0]->dtype, x));
    return check_float(g, n, i);
}

bool tn_infer_layer_norm(tn_graph *g, tn_node *n)
{
    rows r = {0};
    if (!read_rows(g, n, &r) || !check_broadcast(g, n, 1) || !check_broadcast(g, n, 2))
        return false;
    int64_t stash = tn_node_int(n, "stash_type", TN_FLOAT);
    if (stash < 0 || stash > 30 || (TN_T_FLOATS & TN_BIT(stash)) == 0)
        return tn_node_error(g, n, "stash_type is %lld; a float type is wanted", (long long)stash);
    tn_shape s = n->in[0]->shape;
    s.rank = stat_dims(n->in[0], &r, s.dim);
    tn_set_output(n, 0, n->in[0]->dtype, &n->in[0]->shape);
    tn_set_output(n, 1, (tn_dtype)stash, &s);
    tn_set_output(n, 2, (tn_dtype)stash, &s);
    return true;
}

/* The output itself where it is there and has the compute type, otherwise a temporary. */
static tn_buf *stat_buf(tn_program *p, const tn_node *n, int i, const rows *r, const char *name)
{
    if (i < n->n_out && n->out[i] != NULL && n->out[i]->dtype == compute_of(n->in[0]))
        return tn_buf_of(p, n->out[i]);
    return stat_temp(p, n->in[0], r, name);
}

static void copy_stat(tn_program *p, const tn_node *n, int i, tn_buf *from)
{
    if (i >= n->n_out || n->out[i] == NULL || tn_buf_of(p, n->out[i]) == from)
        return;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[i]));
    tn_comp_set(p, c, tn_load(p, from, c->at));
}

static const tn_expr *scale_rows(tn_program *p, const tn_node *n, const tn_comp *c, const tn_expr *x)
{
    if (tn_has_input(n, 1))
        x = tn_mul(p, x, tn_cast(p, x->dtype, tn_load_broadcast(p, c, tn_buf_of(p, n->in[1]))));
    if (tn_has_input(n, 2))
        x = tn_add(p, x, tn_cast(p, x->dtype, tn_load_broadcast(p, c, tn_buf_of(p, n->in[2]))));
    return x;
}

bool tn_lower_layer_norm(tn_program *p, const tn_node *n)
{
    rows r = {0};
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (!read_rows(p->graph, n, &r))
        return false;
    tn_buf *mean = stat_buf(p, n, 1, &r, "mean"), *inverse = stat_buf(p, n, 2, &r, "inverse");
    lower_mean(p, n, mean, &r);
    lower_inverse(p, n, inverse, mean, &r);
    copy_stat(p, n, 1, mean);
    copy_stat(p, n, 2, inverse);
    if (n->out[0] == NULL)
        return true;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    stat_sites(p, c, &r, at);
    const tn_expr *x = tn_sub(p, tn_load(p, tn_buf_of(p, n->in[0]), c->at), tn_load(p, mean, at));
    tn_comp_set(p, c, scale_rows(p, n, c, tn_mul(p, x, tn_load(p, inverse, at))));
    return true;
}

bool tn_infer_rms_norm(tn_graph *g, tn_node *n)
{
    rows r = {0};
    if (!read_rows(g, n, &r) || !check_broadcast(g, n, 1))
        return false;
    tn_set_output(n, 0, n->in[0]->dtype, &n->in[0]->shape);
    return true;
}

bool tn_lower_rms_norm(tn_program *p, const tn_node *n)
{
    rows r = {0};
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (!read_rows(p->graph, n, &r))
        return false;
    tn_buf *inverse = stat_temp(p, n->in[0], &r, "inverse");
    lower_inverse(p, n, inverse, NULL, &r);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    stat_sites(p, c, &r, at);
    const tn_expr *x = tn_load(p, tn_buf_of(p, n->in[0]), c->at);
    tn_comp_set(p, c, scale_rows(p, n, c, tn_mul(p, x, tn_load(p, inverse, at))));
    return true;
}

/* --- InstanceNormalization, GroupNormalization -------------------------------------------------------------------- */

/* Instances are groups of one channel. per_group 1 is ours, set by the upgrade of opset 18: scale and bias have one
   element per group. */
static bool read_groups(tn_graph *g, const tn_node *n, bool instances, rows *out)
{
    const tn_value *x = n->in[0];
    if (!check_rank(g, n, 2))
        return false;
    tn_dim channels = x->shape.dim[1];
    if (channels.sym != NULL)
        return tn_node_error(g, n, "dim 1 of '%s' is %s; not supported with a symbolic dim there", x->name,
                             tn_dim_text(g->arena, channels));
    int64_t groups = instances ? channels.n : tn_node_int(n, "num_groups", 0);
    if (!instances && (groups < 1 || channels.n % groups != 0))
        return tn_node_error(g, n, "num_groups is %lld; it must be positive and divide the %lld channels",
                             (long long)groups, (long long)channels.n);
    *out = (rows){.axis = -1, .groups = groups, .per_group = groups == 0 ? 1 : channels.n / groups};
    return true;
}

static bool infer_groups(tn_graph *g, tn_node *n, bool instances)
{
    rows r = {0};
    if (!read_groups(g, n, instances, &r))
        return false;
    tn_dim each = tn_node_int(n, "per_group", 0) == 1 ? tn_dim_fixed(r.groups) : n->in[0]->shape.dim[1];
    if (!check_channels(g, n, 1, each) || !check_channels(g, n, 2, each))
        return false;
    tn_set_output(n, 0, n->in[0]->dtype, &n->in[0]->shape);
    return true;
}

static bool lower_groups(tn_program *p, const tn_node *n, bool instances)
{
    rows r = {0};
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (!read_groups(p->graph, n, instances, &r))
        return false;
    tn_buf *mean = stat_temp(p, n->in[0], &r, "mean"), *inverse = stat_temp(p, n->in[0], &r, "inverse");
    lower_mean(p, n, mean, &r);
    lower_inverse(p, n, inverse, mean, &r);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    stat_sites(p, c, &r, at);
    const tn_expr *const *each = tn_node_int(n, "per_group", 0) == 1 ? &at[1] : &c->at[1];
    const tn_expr *x = tn_sub(p, tn_load(p, tn_buf_of(p, n->in[0]), c->at), tn_load(p, mean, at));
    x = tn_mul(p, tn_mul(p, x, tn_load(p, inverse, at)), load_as(p, x->dtype, n->in[1], each));
    tn_comp_set(p, c, tn_add(p, x, load_as(p, x->dtype, n->in[2], each)));
    return true;
}

bool tn_infer_instance_norm(tn_graph *g, tn_node *n)
{
    return infer_groups(g, n, true);
}

bool tn_lower_instance_norm(tn_program *p, const tn_node *n)
{
    return lower_groups(p, n, true);
}

bool tn_infer_group_norm(tn_graph *g, tn_node *n)
{
    return infer_groups(g, n, false);
}

bool tn_lower_group_norm(tn_program *p, const tn_node *n)
{
    return lower_groups(p, n, false);
}

/* --- BatchNormalization: x scale bias mean variance --------------------------------------------------------------- */

bool tn_infer_batch_norm(tn_graph *g, tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape;
    if (!check_rank(g, n, 2))
        return false;
    for (int i = 1; i < 5; i++)
        if (!check_channels(g, n, i, x->dim[1]))
            return false;
    bool training = tn_node_int(n, "training_mode", 0) != 0;
    if (!training && n->n_out > 1 && (n->out[1] != NULL || (n->n_out > 2 && n->out[2] != NULL)))
        return tn_node_error(g, n, "outputs 1 and 2 exist with training_mode 1 only");
    tn_set_output(n, 0, n->in[0]->dtype, x);
    tn_set_output(n, 1, n->in[3]->dtype, &n->in[3]->shape);
    tn_set_output(n, 2, n->in[4]->dtype, &n->in[4]->shape);
    return true;
}

/* A statistic over the batch and all spatial dims: of x, or of (x - mean)^2. */
static tn_buf *batch_stat(tn_program *p, const tn_node *n, const char *name, tn_buf *mean)
{
    const tn_value *x = n->in[0];
    const tn_expr *at[TN_MAX_RANK] = {NULL}, *count = tn_index(p, 1);
    tn_buf *b = tn_buf_temp(p, name, compute_of(x), 1, &x->shape.dim[1]);
    tn_comp *c = tn_comp_begin(p, n, b);
    for (int i = 0; i < x->shape.rank; i++) {
        at[i] = i == 1 ? c->at[0] : tn_reduce_over(p, c, x->shape.dim[i]);
        count = i == 1 ? count : tn_mul(p, count, tn_dim_expr(p, x->shape.dim[i]));
    }
    const tn_expr *e = tn_load(p, tn_buf_of(p, x), at), *acc = tn_comp_acc(p, c, e->dtype);
    if (mean != NULL)
        e = tn_sub(p, e, tn_load(p, mean, c->at));
    if (mean != NULL)
        e = tn_mul(p, e, e);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, e->dtype, 0), e, tn_div(p, acc, tn_cast(p, e->dtype, count)));
    return b;
}

/* running = input * momentum + current * (1 - momentum) */
static void lower_running(tn_program *p, const tn_node *n, int out, int in, tn_buf *current)
{
    if (out >= n->n_out || n->out[out] == NULL)
        return;
    tn_dtype dt = compute_of(n->in[0]);
    float momentum = tn_node_float(n, "momentum", 0.9f);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[out]));
    const tn_expr *old = tn_mul(p, load_as(p, dt, n->in[in], c->at), tn_number(p, dt, momentum));
    tn_comp_set(p, c, tn_add(p, old, tn_mul(p, tn_load(p, current, c->at), tn_number(p, dt, 1 - (double)momentum))));
}

/* y = x * s + t with s = scale / sqrt(variance + epsilon), t = bias - mean * s per channel: constants in inference, so
   that a convolution before it takes both. */
bool tn_lower_batch_norm(tn_program *p, const tn_node *n)
{
    const tn_value *x = n->in[0];
    tn_dtype dt = compute_of(x);
    tn_buf *mean = tn_buf_of(p, n->in[3]), *variance = tn_buf_of(p, n->in[4]);
    if (tn_node_int(n, "training_mode", 0) != 0) {
        mean = batch_stat(p, n, "mean", NULL);
        variance = batch_stat(p, n, "variance", mean);
        lower_running(p, n, 1, 3, mean);
        lower_running(p, n, 2, 4, variance);
    }
    if (n->out[0] == NULL)
        return true;
    tn_buf *s = tn_buf_temp(p, "factor", dt, 1, &x->shape.dim[1]);
    tn_buf *t = tn_buf_temp(p, "shift", dt, 1, &x->shape.dim[1]);
    tn_comp *c = tn_comp_begin(p, n, s);
    const tn_expr *inverse = inverse_root(p, n, tn_cast(p, dt, tn_load(p, variance, c->at)));
    tn_comp_set(p, c, tn_mul(p, load_as(p, dt, n->in[1], c->at), inverse));

    c = tn_comp_begin(p, n, t);
    const tn_expr *moved = tn_mul(p, tn_cast(p, dt, tn_load(p, mean, c->at)), tn_load(p, s, c->at));
    tn_comp_set(p, c, tn_sub(p, load_as(p, dt, n->in[2], c->at), moved));

    c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    const tn_expr *e = tn_mul(p, tn_load(p, tn_buf_of(p, x), c->at), tn_load(p, s, &c->at[1]));
    tn_comp_set(p, c, tn_add(p, e, tn_load(p, t, &c->at[1])));
    return true;
}

/* --- LRN ---------------------------------------------------------------------------------------------------------- */

bool tn_infer_lrn(tn_graph *g, tn_node *n)
{
    int64_t size = tn_node_int(n, "size", 0);
    if (!check_rank(g, n, 2))
        return false;
    if (size < 1 || size > INT32_MAX)
        return tn_node_error(g, n, "size is %lld; at least 1 is wanted", (long long)size);
    return tn_infer_first(g, n);
}

/* x / (bias + alpha / size * sum of squares of the channels c - (size-1)/2 .. c + size/2) ^ beta */
bool tn_lower_lrn(tn_program *p, const tn_node *n)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    int64_t size = tn_node_int(n, "size", 1);
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < x->rank; i++)
        at[i] = c->at[i];
    const tn_expr *k = tn_reduce_over(p, c, tn_dim_fixed(size));
    at[1] = tn_sub(p, tn_add(p, c->at[1], k), tn_index(p, (size - 1) / 2));
    tn_dtype dt = compute_of(n->in[0]);
    const tn_expr *zero = tn_number(p, dt, 0), *e = tn_load_or(p, x, at, zero), *acc = tn_comp_acc(p, c, dt);
    double alpha = tn_node_float(n, "alpha", 1e-4f);
    const tn_expr *base = tn_mul(p, acc, tn_number(p, dt, alpha / (double)size));
    base = tn_add(p, base, tn_number(p, dt, tn_node_float(n, "bias", 1)));
    const tn_expr *power = tn_op2(p, TN_OP_POW, base, tn_number(p, dt, tn_node_float(n, "beta", 0.75f)));
    tn_comp_reduce(p, c, TN_OP_ADD, zero, tn_mul(p, e, e), tn_div(p, tn_load(p, x, c->at), power));
    return true;
}
