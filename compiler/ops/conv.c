/* Convolution and its transpose, any number of spatial dims, groups. For two dims and one group:

       Conv            axes n oc oy ox   reduce ic ky kx
                       load?(x, [n, ic, oy*s+ky*d-p, ox*s+kx*d-p], 0) * w[oc, ic, ky, kx]   then + b[oc]
       ConvTranspose   the same axes; the input position is (oy + p - ky*d) / s, where s divides it

   Schedules know this form. The sum is kept in the compute type (float for the 16-bit floats), the bias added last. Of
   integers of 16 and 8 bits, which fixed.def has, the node says what sums are (tn_sum_type). */
#include "ops/fixed.h"
#include "ops/ops.h"
#include "ops/window.h"

/* --- what every convolution checks -------------------------------------------------------------------------------- */

static bool fixed_dim(tn_graph *g, const tn_node *n, const tn_value *v, int axis, int64_t *out)
{
    if (v->shape.dim[axis].sym != NULL)
        return tn_node_error(g, n, "dim %d of '%s' is %s; a convolution is not supported with a symbolic dim there",
                             axis, v->name, tn_dim_text(g->arena, v->shape.dim[axis]));
    *out = v->shape.dim[axis].n;
    return true;
}

/* The channels of x, of which the weights say how many there have to be. */
static bool fixed_channels(tn_graph *g, const tn_node *n, const tn_value *x, tn_dim wanted, int64_t *out)
{
    tn_dim found = x->shape.dim[1];
    tn_note_alike(g, found, wanted);
    *out = found.n;
    return found.sym == NULL
        || tn_node_error(g, n, "dim 1 of '%s' is %s; it must be %s, since the weights are for that many channels",
                         x->name, tn_dim_text(g->arena, found), tn_dim_text(g->arena, wanted));
}

static bool check_ranks(tn_graph *g, const tn_node *n, const tn_value *x, const tn_value *w)
{
    if (x->shape.rank < 3 || x->shape.rank != w->shape.rank)
        return tn_node_error(g, n, "input '%s' is %s and the weights '%s' are %s; one rank of 3 or more is wanted",
                             x->name, tn_value_type(g->arena, x), w->name, tn_value_type(g->arena, w));
    return true;
}

static bool read_groups(tn_graph *g, const tn_node *n, int64_t channels, const char *what, int64_t *groups)
{
    *groups = tn_node_int(n, "group", 1);
    if (*groups < 1 || channels % *groups != 0)
        return tn_node_error(g, n, "group is %lld; it must be positive and divide the %lld %s", (long long)*groups,
                             (long long)channels, what);
    return true;
}

bool tn_conv_check_bias(tn_graph *g, const tn_node *n, int i, tn_dtype dtype, int64_t channels)
{
    if (!tn_has_input(n, i))
        return true;
    const tn_value *b = n->in[i];
    if (b->dtype != dtype || b->shape.rank != 1 || !tn_dim_is(b->shape.dim[0], channels))
        return tn_node_error(g, n, "the bias '%s' is %s; %s[%lld] is wanted", b->name, tn_value_type(g->arena, b),
                             tn_dtype_get(dtype)->name, (long long)channels);
    return true;
}

static bool check_weights(tn_graph *g, const tn_node *n)
{
    if (!tn_sum_takes(n, n->in[0], n->in[1]))
        return tn_node_error(g, n, "the weights '%s' are %s, the input is %s; one type is wanted", n->in[1]->name,
                             tn_dtype_get(n->in[1]->dtype)->name, tn_dtype_get(n->in[0]->dtype)->name);
    return true;
}

bool tn_conv_make(tn_graph *g, const tn_node *n, const tn_value *x, const tn_value *w, tn_conv *out, tn_shape *y)
{
    tn_conv k = {.groups = 1};
    int64_t channels = 0, filters = 0, kernel[TN_MAX_SPATIAL] = {0};
    if (!check_ranks(g, n, x, w) || !fixed_dim(g, n, w, 0, &filters) || !fixed_dim(g, n, w, 1, &k.in)
        || !read_groups(g, n, filters, "filters", &k.groups)
        || !fixed_channels(g, n, x, tn_dim_do(g->arena, TN_SYM_MUL, w->shape.dim[1], tn_dim_fixed(k.groups)),
                           &channels))
        return false;
    if (channels % k.groups != 0 || channels / k.groups != k.in)
        return tn_node_error(g, n, "the input has %lld channels, the weights %lld per group in %lld groups",
                             (long long)channels, (long long)k.in, (long long)k.groups);
    k.out = filters / k.groups;
    for (int i = 0; i < x->shape.rank - 2; i++)
        if (!fixed_dim(g, n, w, 2 + i, &kernel[i]))
            return false;
    if (!tn_window_make(g, n, &x->shape, 2, x->shape.rank - 2, kernel, false, &k.window))
        return false;
    *out = k;
    *y = x->shape;
    y->dim[1] = tn_dim_fixed(filters);
    tn_window_shape(&k.window, y);
    return true;
}

/* --- Conv --------------------------------------------------------------------------------------------------------- */

void tn_conv_sites(tn_program *p, tn_comp *c, const tn_conv *k, const tn_expr **x_at, const tn_expr **w_at)
{
    const tn_expr *oc = c->at[1];
    bool reduces = k->groups == 1 || k->in != 1;
    const tn_expr *ic = reduces ? tn_reduce_over(p, c, tn_dim_fixed(k->in)) : tn_index(p, 0);
    x_at[0] = c->at[0];
    w_at[0] = oc;
    w_at[1] = ic;
    x_at[1] = ic;
    if (k->groups > 1) {
        const tn_expr *group = tn_op2(p, TN_OP_FDIV, oc, tn_index(p, k->out));
        x_at[1] = tn_add(p, tn_mul(p, group, tn_index(p, k->in)), ic);
    }
    tn_window_taps(p, c, &k->window, x_at, w_at + 2);
}

static const tn_expr *add_bias(tn_program *p, const tn_node *n, const tn_comp *c, const tn_expr *acc)
{
    if (!tn_has_input(n, 2))
        return acc;
    return tn_add(p, acc, tn_load(p, tn_buf_of(p, n->in[2]), &c->at[1]));
}

/* What stands around the input. */
static const tn_expr *padding(tn_program *p, const tn_node *n)
{
    return tn_number(p, tn_dtype_get(n->in[0]->dtype)->compute, 0);
}

bool tn_infer_conv(tn_graph *g, tn_node *n)
{
    tn_conv k;
    tn_shape y;
    if (!check_weights(g, n) || !tn_conv_make(g, n, n->in[0], n->in[1], &k, &y)
        || !tn_conv_check_bias(g, n, 2, n->in[0]->dtype, k.groups * k.out))
        return false;
    tn_set_output(n, 0, tn_sum_output(n), &y);
    return true;
}

bool tn_lower_conv(tn_program *p, const tn_node *n)
{
    tn_conv k;
    tn_shape y;
    const tn_expr *x_at[TN_MAX_RANK] = {NULL}, *w_at[TN_MAX_RANK] = {NULL};
    if (!tn_conv_make(p->graph, n, n->in[0], n->in[1], &k, &y))
        return false;
    tn_dtype sum = tn_sum_type(n);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_conv_sites(p, c, &k, x_at, w_at);
    const tn_expr *x = tn_load_or(p, tn_buf_of(p, n->in[0]), x_at, padding(p, n));
    const tn_expr *w = tn_load(p, tn_buf_of(p, n->in[1]), w_at);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, sum, 0), tn_sum_product(p, n, x, w),
                   add_bias(p, n, c, tn_comp_acc(p, c, sum)));
    return true;
}

/* --- ConvTranspose ------------------------------------------------------------------------------------------------ */

/* One spatial dim: out = full - padding, full = (in - 1) * stride + output_padding + reach. Where auto_pad wants
   in * stride, or output_shape says what, the padding is what is left over, never negative; half of it goes in front,
   the odd one to the end for SAME_UPPER and to the front otherwise, as ONNX Runtime does. */
static void fit_transposed(tn_graph *g, tn_window *w, int i, tn_dim in, int64_t extra, const int64_t *pads, int same,
                           int64_t wanted)
{
    tn_dim stride = tn_dim_fixed(w->stride[i]);
    int64_t tail = extra + (w->kernel[i] - 1) * w->dilation[i] + 1;
    tn_dim steps = tn_dim_do(g->arena, TN_SYM_MUL, in, stride), total = tn_dim_fixed(tail - w->stride[i]);
    tn_dim full = tn_dim_do(g->arena, TN_SYM_ADD, steps, total);
    if (wanted < 0 && same < 1) {
        w->begin[i] = tn_dim_fixed(pads[i]);
        w->end[i] = tn_dim_fixed(pads[i + w->rank]);
        w->out[i] = tn_dim_do(g->arena, TN_SYM_ADD, full, tn_dim_fixed(-pads[i] - pads[i + w->rank]));
        return;
    }
    w->out[i] = wanted >= 0 ? tn_dim_fixed(wanted) : total.n > 0 ? steps : full;
    if (wanted >= 0)
        total = tn_dim_do(g->arena, TN_SYM_SUB, full, w->out[i]);
    total = tn_dim_do(g->arena, TN_SYM_MAX, total, tn_dim_fixed(0));
    tn_dim less = tn_dim_do(g->arena, TN_SYM_DIV, total, tn_dim_fixed(2));
    tn_dim more = tn_dim_do(g->arena, TN_SYM_SUB, total, less);
    w->begin[i] = same == 1 ? less : more;
    w->end[i] = same == 1 ? more : less;
}

/* output_shape may hold the spatial dims only, or all dims as some exporters write it. */
static bool read_output_shape(tn_graph *g, const tn_node *n, int rank, int64_t *out)
{
    const tn_attr *a = tn_node_find_attr(n, "output_shape");
    if (a == NULL || a->kind != TN_ATTR_INTS || a->n != (size_t)rank + 2)
        return tn_window_ints(g, n, "output_shape", rank, 0, -1, out);
    for (int i = 0; i < rank; i++) {
        out[i] = a->ints[i + 2];
        if (out[i] < 0 || out[i] > INT32_MAX)
            return tn_node_error(g, n, "output_shape has %lld", (long long)out[i]);
    }
    return true;
}

static bool fit_transposed_window(tn_graph *g, const tn_node *n, const tn_shape *x, const int64_t *kernel, tn_window *w)
{
    int64_t pads[2 * TN_MAX_SPATIAL] = {0}, extra[TN_MAX_SPATIAL] = {0}, wanted[TN_MAX_SPATIAL] = {0};
    int rank = x->rank - 2, same = -1;
    if (!tn_window_read(g, n, 2, rank, kernel, w, pads, &same)
        || !tn_window_ints(g, n, "output_padding", rank, 0, 0, extra) || !read_output_shape(g, n, rank, wanted))
        return false;
    for (int i = 0; i < rank; i++) {
        fit_transposed(g, w, i, x->dim[2 + i], extra[i], pads, same, wanted[i]);
        if (w->out[i].n < 0 && !tn_dim_is(x->dim[2 + i], 0))
            return tn_node_error(g, n, "the padding leaves %lld output elements in spatial dim %d",
                                 (long long)w->out[i].n, i);
        if (w->out[i].n < 0)
            w->out[i] = tn_dim_fixed(0);
    }
    return true;
}

static bool make_transposed(tn_graph *g, const tn_node *n, tn_conv *out, tn_shape *y)
{
    const tn_value *x = n->in[0], *w = n->in[1];
    tn_conv k = {.groups = 1};
    int64_t channels = 0, filters = 0, kernel[TN_MAX_SPATIAL] = {0}, all = 0;
    if (!check_ranks(g, n, x, w) || !fixed_channels(g, n, x, w->shape.dim[0], &channels)
        || !fixed_dim(g, n, w, 0, &filters) || !fixed_dim(g, n, w, 1, &k.out)
        || !read_groups(g, n, channels, "channels", &k.groups))
        return false;
    if (filters != channels)
        return tn_node_error(g, n, "the input has %lld channels, the weights are for %lld", (long long)channels,
                             (long long)filters);
    if (!tn_mul_i64(k.out, k.groups, &all) || all > TN_DIM_MAX)
        return tn_node_error(g, n, "%lld groups of %lld channels are too many", (long long)k.groups, (long long)k.out);
    k.in = channels / k.groups;
    for (int i = 0; i < x->shape.rank - 2; i++)
        if (!fixed_dim(g, n, w, 2 + i, &kernel[i]))
            return false;
    if (!fit_transposed_window(g, n, &x->shape, kernel, &k.window))
        return false;
    *out = k;
    *y = x->shape;
    y->dim[1] = tn_dim_fixed(all);
    tn_window_shape(&k.window, y);
    return true;
}

bool tn_infer_conv_transpose(tn_graph *g, tn_node *n)
{
    tn_conv k;
    tn_shape y;
    if (!check_weights(g, n) || !make_transposed(g, n, &k, &y)
        || !tn_conv_check_bias(g, n, 2, n->in[0]->dtype, k.groups * k.out))
        return false;
    tn_set_output(n, 0, tn_sum_output(n), &y);
    return true;
}

/* Input positions of the taps; returns whether every stride divides, or NULL when all strides are 1. */
static const tn_expr *transposed_taps(tn_program *p, tn_comp *c, const tn_window *w, const tn_expr **x_at,
                                      const tn_expr **w_at)
{
    const tn_expr *divides = NULL;
    for (int i = 0; i < w->rank; i++) {
        const tn_expr *k = tn_reduce_over(p, c, tn_dim_fixed(w->kernel[i])), *s = tn_index(p, w->stride[i]);
        const tn_expr *from = tn_add(p, c->at[2 + i], tn_dim_expr(p, w->begin[i]));
        from = tn_sub(p, from, tn_mul(p, k, tn_index(p, w->dilation[i])));
        w_at[2 + i] = k;
        x_at[2 + i] = tn_op2(p, TN_OP_FDIV, from, s);
        if (w->stride[i] == 1)
            continue;
        const tn_expr *whole = tn_op2(p, TN_OP_EQ, tn_op2(p, TN_OP_MOD, from, s), tn_index(p, 0));
        divides = divides == NULL ? whole : tn_and(p, divides, whole);
    }
    return divides;
}

/* The channels' subscripts; the input channels are a reduction axis. */
static void transposed_channels(tn_program *p, tn_comp *c, const tn_conv *k, const tn_expr **x_at, const tn_expr **w_at)
{
    const tn_expr *ic = tn_reduce_over(p, c, tn_dim_fixed(k->in));
    w_at[1] = c->at[1];
    if (k->groups > 1) {
        const tn_expr *group = tn_op2(p, TN_OP_FDIV, c->at[1], tn_index(p, k->out));
        ic = tn_add(p, tn_mul(p, group, tn_index(p, k->in)), ic);
        w_at[1] = tn_op2(p, TN_OP_MOD, c->at[1], tn_index(p, k->out));
    }
    x_at[0] = c->at[0];
    x_at[1] = ic;
    w_at[0] = ic;
}

static void set_transposed(tn_program *p, tn_comp *c, const tn_expr *x, const tn_expr *const *w_at)
{
    const tn_node *n = c->node;
    tn_dtype sum = tn_sum_type(n);
    const tn_expr *w = tn_load(p, tn_buf_of(p, n->in[1]), w_at), *acc = tn_comp_acc(p, c, sum);
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, sum, 0), tn_sum_product(p, n, x, w), add_bias(p, n, c, acc));
}

/* Where strides or extents are not known well enough: every tap is tried, and counts where the stride divides. */
static void lower_all_taps(tn_program *p, const tn_node *n, const tn_conv *k)
{
    const tn_expr *x_at[TN_MAX_RANK] = {NULL}, *w_at[TN_MAX_RANK] = {NULL};
    const tn_expr *zero = padding(p, n);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    transposed_channels(p, c, k, x_at, w_at);
    const tn_expr *divides = transposed_taps(p, c, &k->window, x_at, w_at);
    const tn_expr *x = tn_load_or(p, tn_buf_of(p, n->in[0]), x_at, zero);
    set_transposed(p, c, divides != NULL ? tn_select(p, divides, x, zero) : x, w_at);
}

/* --- by phases: outputs whose position has the same remainder by the stride see the same taps ----------------------- */

/* The taps of one phase in one dim: first, first + step, ..., count of them. Tap t looks at the input position
   q + shift - t * move, for output q * stride + phase. */
typedef struct phase {
    int64_t first, step, count, shift, move;
} phase;

static int64_t common_divisor(int64_t x, int64_t y)
{
    return y == 0 ? x : common_divisor(y, x % y);
}

static phase make_phase(const tn_window *w, int i, int64_t remainder)
{
    int64_t s = w->stride[i], d = w->dilation[i], from = remainder + w->begin[i].n;
    phase f = {.step = s / common_divisor(s, d)};
    while (f.first < f.step && f.first < w->kernel[i] && (from - f.first * d) % s != 0) /* steps may be absurd */
        f.first++;
    if (f.first < f.step && f.first < w->kernel[i])
        f.count = (w->kernel[i] - f.first + f.step - 1) / f.step;
    f.shift = f.count > 0 ? (from - f.first * d) / s : 0;
    f.move = f.step * d / s;
    return f;
}

static void lower_phase(tn_program *p, const tn_node *n, const tn_conv *k, const int64_t *remainder)
{
    const tn_window *w = &k->window;
    tn_buf *y = tn_buf_of(p, n->out[0]);
    const tn_expr *x_at[TN_MAX_RANK] = {NULL}, *w_at[TN_MAX_RANK] = {NULL};
    tn_dim extent[TN_MAX_RANK] = {n->out[0]->shape.dim[0], n->out[0]->shape.dim[1]};
    bool has_taps = true;
    for (int i = 0; i < w->rank; i++)
        extent[2 + i] = tn_dim_fixed((w->out[i].n - remainder[i] + w->stride[i] - 1) / w->stride[i]);
    tn_comp *c = tn_comp_over(p, n, y, 2 + w->rank, extent);
    c->at[0] = tn_axis_var(p, c, 0);
    c->at[1] = tn_axis_var(p, c, 1);
    transposed_channels(p, c, k, x_at, w_at);
    for (int i = 0; i < w->rank; i++) {
        phase f = make_phase(w, i, remainder[i]);
        const tn_expr *q = tn_axis_var(p, c, 2 + i), *stride = tn_index(p, w->stride[i]);
        const tn_expr *t = f.count > 1 ? tn_reduce_over(p, c, tn_dim_fixed(f.count)) : tn_index(p, 0);
        c->at[2 + i] = tn_add(p, tn_mul(p, q, stride), tn_index(p, remainder[i]));
        x_at[2 + i] = tn_sub(p, tn_add(p, q, tn_index(p, f.shift)), tn_mul(p, t, tn_index(p, f.move)));
        w_at[2 + i] = tn_add(p, tn_index(p, f.first), tn_mul(p, t, tn_index(p, f.step)));
        has_taps = has_taps && f.count > 0;
    }
    if (has_taps) {
        set_transposed(p, c, tn_load_or(p, tn_buf_of(p, n->in[0]), x_at, padding(p, n)), w_at);
        return;
    }
    c->n_reduce = 0; /* a kernel smaller than the stride leaves gaps */
    tn_comp_set(p, c, add_bias(p, n, c, tn_number(p, tn_sum_type(n), 0)));
}

/* Each phase is a computation; past this many their code weighs more than the tests that they save. */
enum { MOST_PHASES = 16 };

static bool has_phases(const tn_window *w)
{
    int64_t n = 1;
    for (int i = 0; i < w->rank; i++) {
        n *= w->stride[i] < w->out[i].n ? w->stride[i] : w->out[i].n;
        if (n > MOST_PHASES || w->begin[i].sym != NULL || w->out[i].sym != NULL)
            return false;
    }
    return n > 1;
}

bool tn_lower_conv_transpose(tn_program *p, const tn_node *n)
{
    tn_conv k;
    tn_shape y;
    int64_t remainder[TN_MAX_SPATIAL] = {0};
    if (!make_transposed(p->graph, n, &k, &y))
        return false;
    if (!has_phases(&k.window)) {
        lower_all_taps(p, n, &k);
        return true;
    }
    for (int i = 0; i < k.window.rank;) { /* all combinations, the last dim fastest */
        lower_phase(p, n, &k, remainder);
        for (i = 0; i < k.window.rank; i++) {
            int d = k.window.rank - 1 - i;
            if (++remainder[d] < k.window.stride[d] && remainder[d] < k.window.out[d].n)
                break;
            remainder[d] = 0;
        }
    }
    return true;
}
