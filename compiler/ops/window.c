/* Sliding windows: attributes, padding, output dims, subscripts. See window.h. */
#include "ops/window.h"

#include "ops/ops.h"

bool tn_window_ints(tn_graph *g, const tn_node *n, const char *name, int count, int64_t lo, int64_t otherwise,
                    int64_t *out)
{
    const tn_attr *a = tn_node_find_attr(n, name);
    for (int i = 0; i < count; i++)
        out[i] = otherwise;
    if (a == NULL || ((a->kind == TN_ATTR_INTS || a->kind == TN_ATTR_FLOATS) && a->n == 0))
        return true;
    if (a->kind != TN_ATTR_INTS || a->n != (size_t)count)
        return tn_node_error(g, n, "attribute %s has %zu integers; %d are needed for %d spatial dims", name,
                             a->kind == TN_ATTR_INTS ? a->n : 0, count, strcmp(name, "pads") == 0 ? count / 2 : count);
    for (int i = 0; i < count; i++) {
        if (a->ints[i] < lo || a->ints[i] > INT32_MAX)
            return tn_node_error(g, n, "attribute %s has %lld; it must be in %lld..%d", name, (long long)a->ints[i],
                                 (long long)lo, INT32_MAX);
        out[i] = a->ints[i];
    }
    return true;
}

static bool read_auto_pad(tn_graph *g, const tn_node *n, int *same)
{
    static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    const char *text = tn_node_string(n, "auto_pad", "NOTSET");
    for (int i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0) {
            *same = i - 1;
            return true;
        }
    return tn_node_error(g, n, "auto_pad is '%s'; NOTSET, VALID, SAME_UPPER or SAME_LOWER is wanted", text);
}

bool tn_window_read(tn_graph *g, const tn_node *n, int first, int rank, const int64_t *kernel, tn_window *out,
                    int64_t *pads, int *same)
{
    tn_window w = {.rank = rank, .first = first};
    if (!tn_window_ints(g, n, "kernel_shape", rank, 1, 0, w.kernel) || !read_auto_pad(g, n, same))
        return false;
    for (int i = 0; i < rank; i++) {
        if (kernel != NULL && w.kernel[i] != 0 && w.kernel[i] != kernel[i])
            return tn_node_error(g, n, "kernel_shape says %lld in spatial dim %d, the weights have %lld",
                                 (long long)w.kernel[i], i, (long long)kernel[i]);
        if (kernel != NULL)
            w.kernel[i] = kernel[i];
        if (w.kernel[i] < 1 || w.kernel[i] > INT32_MAX)
            return tn_node_error(g, n, "the kernel's extent in spatial dim %d is %lld; at least 1 is wanted", i,
                                 (long long)w.kernel[i]);
    }
    if (!tn_window_ints(g, n, "strides", rank, 1, 1, w.stride)
        || !tn_window_ints(g, n, "dilations", rank, 1, 1, w.dilation)
        || !tn_window_ints(g, n, "pads", 2 * rank, 0, 0, pads))
        return false;
    if (*same >= 0) /* auto_pad wins over pads, as in ONNX Runtime */
        memset(pads, 0, sizeof *pads * (size_t)(2 * rank));
    *out = w;
    return true;
}

/* From the first tap to the last, both included. */
static int64_t reach(const tn_window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

static tn_dim add(tn_graph *g, tn_dim x, int64_t y)
{
    return tn_dim_do(g->arena, TN_SYM_ADD, x, tn_dim_fixed(y));
}

static tn_dim divide(tn_graph *g, tn_dim x, int64_t y)
{
    return tn_dim_do(g->arena, TN_SYM_DIV, x, tn_dim_fixed(y));
}

/* SAME: as many positions as ceil(in / stride); the padding that this takes is split in halves. */
static void fit_same(tn_graph *g, tn_window *w, int i, tn_dim in, bool upper)
{
    tn_dim total = tn_dim_fixed(reach(w, i) - 1);
    w->out[i] = divide(g, add(g, in, w->stride[i] - 1), w->stride[i]);
    if (w->stride[i] > 1) {
        tn_dim last = tn_dim_do(g->arena, TN_SYM_MUL, add(g, w->out[i], -1), tn_dim_fixed(w->stride[i]));
        total = tn_dim_do(g->arena, TN_SYM_SUB, add(g, last, reach(w, i)), in);
        total = tn_dim_do(g->arena, TN_SYM_MAX, total, tn_dim_fixed(0));
    }
    tn_dim less = divide(g, total, 2), more = tn_dim_do(g->arena, TN_SYM_SUB, total, less);
    w->begin[i] = upper ? less : more;
    w->end[i] = upper ? more : less;
}

static bool fit_pads(tn_graph *g, const tn_node *n, tn_window *w, int i, tn_dim in, const int64_t *pads, bool ceil)
{
    int64_t s = w->stride[i], begin = pads[i], end = pads[i + w->rank];
    w->begin[i] = tn_dim_fixed(begin);
    w->end[i] = tn_dim_fixed(end);
    tn_dim span = add(g, in, begin + end - reach(w, i));
    if (span.n < 0 && !tn_dim_is(in, 0))
        return tn_node_error(g, n,
                             "the window spans %lld elements in spatial dim %d, more than the input's %lld with "
                             "padding %lld and %lld",
                             (long long)reach(w, i), i, (long long)in.n, (long long)begin, (long long)end);
    if (span.n < 0) {
        w->out[i] = tn_dim_fixed(0);
        return true;
    }
    w->out[i] = add(g, divide(g, add(g, span, ceil ? s - 1 : 0), s), 1);
    if (ceil && s > 1) { /* the last window starts inside the input or its begin padding */
        tn_dim most = add(g, divide(g, add(g, in, begin - 1), s), 1);
        w->out[i] = tn_dim_do(g->arena, TN_SYM_MIN, w->out[i], most);
    }
    return true;
}

bool tn_window_make(tn_graph *g, const tn_node *n, const tn_shape *x, int first, int rank, const int64_t *kernel,
                    bool ceil, tn_window *out)
{
    int64_t pads[2 * TN_MAX_SPATIAL] = {0};
    int same = -1;
    if (!tn_window_read(g, n, first, rank, kernel, out, pads, &same))
        return false;
    for (int i = 0; i < rank; i++) {
        if (same >= 1)
            fit_same(g, out, i, x->dim[first + i], same == 1);
        else if (!fit_pads(g, n, out, i, x->dim[first + i], pads, ceil))
            return false;
    }
    return true;
}

void tn_window_shape(const tn_window *w, tn_shape *y)
{
    for (int i = 0; i < w->rank; i++)
        y->dim[w->first + i] = w->out[i];
}

/* --- subscripts --------------------------------------------------------------------------------------------------- */

static const tn_expr *start_of(tn_program *p, const tn_comp *c, const tn_window *w, int i)
{
    const tn_expr *o = tn_mul(p, c->at[w->first + i], tn_index(p, w->stride[i]));
    return tn_sub(p, o, tn_dim_expr(p, w->begin[i]));
}

void tn_window_taps(tn_program *p, tn_comp *c, const tn_window *w, const tn_expr **at, const tn_expr **tap)
{
    for (int i = 0; i < w->rank; i++) {
        const tn_expr *k = tn_reduce_over(p, c, tn_dim_fixed(w->kernel[i]));
        at[w->first + i] = tn_add(p, start_of(p, c, w, i), tn_mul(p, k, tn_index(p, w->dilation[i])));
        if (tap != NULL)
            tap[i] = k;
    }
}

const tn_expr *tn_window_inside(tn_program *p, const tn_window *w, const tn_buf *b, const tn_expr *const *at)
{
    const tn_expr *inside = tn_integer(p, TN_BOOL, 1);
    for (int i = w->first; i < w->first + w->rank; i++) {
        inside = tn_and(p, inside, tn_le(p, tn_index(p, 0), at[i]));
        inside = tn_and(p, inside, tn_lt(p, at[i], b->dim[i]));
    }
    return inside;
}

/* The first tap k with start + k * dilation >= bound: ceil((bound - start) / dilation). */
static const tn_expr *first_tap(tn_program *p, const tn_expr *bound, const tn_expr *start, int64_t dilation)
{
    const tn_expr *span = tn_add(p, tn_sub(p, bound, start), tn_index(p, dilation - 1));
    return tn_op2(p, TN_OP_FDIV, span, tn_index(p, dilation));
}

const tn_expr *tn_window_count(tn_program *p, const tn_comp *c, const tn_window *w, const tn_buf *x, bool padded)
{
    const tn_expr *count = tn_index(p, 1), *zero = tn_index(p, 0);
    for (int i = 0; i < w->rank; i++) {
        const tn_expr *start = start_of(p, c, w, i), *lo = zero, *hi = x->dim[w->first + i];
        if (padded) {
            lo = tn_sub(p, zero, tn_dim_expr(p, w->begin[i]));
            hi = tn_add(p, hi, tn_dim_expr(p, w->end[i]));
        }
        const tn_expr *from = tn_max(p, first_tap(p, lo, start, w->dilation[i]), zero);
        const tn_expr *to = tn_min(p, tn_index(p, w->kernel[i]), first_tap(p, hi, start, w->dilation[i]));
        count = tn_mul(p, count, tn_max(p, zero, tn_sub(p, to, from)));
    }
    return tn_max(p, tn_index(p, 1), count);
}
