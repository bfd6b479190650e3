/* Pad: elements around a tensor, or with negative pads fewer of them. Each element is a load at another position, or the
   value; elements are copied as stored.

       [1, 2] constant 0    out[i] = 0 <= i - 1 < n ? x[i - 1] : 0
       [1, 2] reflect       out[i] = x[min(|i - 1|, 2 * (n - 1) - |i - 1|)] */
#include "ops/late.h"

/* One axis: first cut (negative pads), then padded. The kept part has `kept` elements from `skip` on. */
typedef struct pad {
    tn_dim begin, end, skip, kept;
} pad;

static bool make_pad(tn_graph *g, const tn_node *n, tn_dim extent, tn_dim begin, tn_dim end, pad *out)
{
    tn_arena *a = g->arena;
    tn_dim zero = tn_dim_fixed(0), cut[2] = {zero, zero}, *given[2] = {&begin, &end};
    for (int k = 0; k < 2; k++) {
        if (given[k]->n >= 0 && tn_dim_low(*given[k]) < 0)
            return tn_node_error(g, n, "pad %s may be negative or not; that is not supported with a symbolic dim",
                                 tn_dim_text(a, *given[k]));
        if (given[k]->n < 0) {
            cut[k] = tn_dim_do(a, TN_SYM_SUB, zero, *given[k]);
            *given[k] = zero;
        }
    }
    tn_dim kept = tn_dim_do(a, TN_SYM_SUB, tn_dim_do(a, TN_SYM_SUB, extent, cut[0]), cut[1]);
    if (tn_dim_low(kept) < 0)
        return tn_node_error(g, n, "the negative pads cut more than the %s elements of an axis",
                             tn_dim_text(a, extent));
    *out = (pad){.begin = begin, .end = end, .skip = cut[0], .kept = kept};
    return true;
}

static bool read_pads(tn_graph *g, const tn_node *n, pad *out)
{
    const tn_shape *x = &n->in[0]->shape;
    int axes[TN_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    size_t count = 0, n_axes = (size_t)x->rank;
    const tn_dim *d = tn_need_dims(g, n, 1, "pads", &count);
    if (d == NULL || (tn_has_input(n, 3) && !tn_need_axes(g, n, 3, x->rank, axes, &n_axes)))
        return false;
    if (count != n_axes * 2)
        return tn_node_error(g, n, "%zu pads are given; two for each of %zu axes are wanted", count, n_axes);
    for (int i = 0; i < x->rank; i++)
        out[i] = (pad){.kept = x->dim[i]};
    for (size_t i = 0; i < n_axes; i++)
        if (!make_pad(g, n, x->dim[axes[i]], d[i], d[i + n_axes], &out[axes[i]]))
            return false;
    return true;
}

static const char *const pad_inputs[] = {"data", "pads", "constant_value", "axes"};

static int find_late_pad(tn_graph *g, const tn_node *n)
{
    return !tn_is_early(g, n, 1) ? 1 : !tn_is_early(g, n, 3) ? 3 : 0;
}

static bool infer_late_pad(tn_graph *g, tn_node *n, int late)
{
    const tn_value *x = n->in[0];
    int64_t axes = tn_has_input(n, 3) ? tn_late_count(n->in[3]) : x->shape.rank;
    if (tn_has_input(n, 3) && !tn_check_late(g, n, 3, "axes", -1))
        return false;
    if (!tn_check_late(g, n, 1, "pads", 2 * axes) || !tn_infer_declared(g, n, late, pad_inputs[late]))
        return false;
    return (n->out[0]->shape.rank == x->shape.rank && axes <= x->shape.rank)
        || tn_node_error(g, n, "%s cannot become %s, which the model declares, by padding %lld axes",
                         tn_value_type(g->arena, x), tn_value_type(g->arena, n->out[0]), (long long)axes);
}

static bool check_pad(tn_graph *g, const tn_node *n, const char *mode)
{
    if (mode[0] != 'c' && strcmp(mode, "reflect") != 0 && strcmp(mode, "edge") != 0 && strcmp(mode, "wrap") != 0)
        return tn_node_error(g, n, "mode is '%s'; constant, reflect, edge or wrap is wanted", mode);
    if (tn_has_input(n, 2) && (n->in[2]->dtype != n->in[0]->dtype || tn_shape_count(&n->in[2]->shape) != 1))
        return tn_node_error(g, n, "the value (input 2) is %s; a %s scalar is wanted",
                             tn_value_type(g->arena, n->in[2]), tn_dtype_get(n->in[0]->dtype)->name);
    return true;
}

bool tn_infer_pad(tn_graph *g, tn_node *n)
{
    pad pads[TN_MAX_RANK];
    tn_shape s = n->in[0]->shape;
    const char *mode = tn_node_string(n, "mode", "constant");
    bool constant = strcmp(mode, "constant") == 0;
    int late = find_late_pad(g, n);
    if (!check_pad(g, n, constant ? "c" : mode))
        return false;
    if (late != 0)
        return infer_late_pad(g, n, late);
    if (!read_pads(g, n, pads))
        return false;
    for (int i = 0; i < s.rank; i++) {
        s.dim[i] =
            tn_dim_do(g->arena, TN_SYM_ADD, tn_dim_do(g->arena, TN_SYM_ADD, pads[i].kept, pads[i].begin), pads[i].end);
        if (!constant && tn_dim_low(pads[i].kept) < 1 && s.dim[i].n > 0)
            return tn_node_error(g, n, "axis %d has no element to take the padding from", i);
    }
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

/* A pad as expressions. far: reflection may reach further than once, or that is not known. */
typedef struct edges {
    const tn_expr *begin, *skip, *kept;
    bool padded, far;
} edges;

static edges known_edges(tn_program *p, const pad *d)
{
    int64_t reach = tn_dim_low(d->kept) - 1;
    return (edges){.begin = tn_dim_expr(p, d->begin),
                   .skip = tn_dim_expr(p, d->skip),
                   .kept = tn_dim_expr(p, d->kept),
                   .padded = d->begin.n > 0 || d->end.n > 0,
                   .far = d->begin.n > reach || d->end.n > reach};
}

/* The same from pads that only the run knows; *agrees where they make the declared dim of x's, and leave an element to
   take the padding from. */
static edges late_edges(tn_program *p, const tn_node *n, int axis, bool constant, const tn_expr **agrees)
{
    int rank = n->in[0]->shape.rank;
    int64_t count = tn_late_count(n->in[1]) / 2;
    const tn_value *axes = tn_has_input(n, 3) ? n->in[3] : NULL;
    const tn_expr *zero = tn_int64(p, 0), *dim = tn_late_dim(p, n->in[0]->shape.dim[axis]);
    const tn_expr *begin = tn_late_pick(p, n->in[1], 0, count, axes, axis, rank, zero);
    const tn_expr *end = tn_late_pick(p, n->in[1], count, count, axes, axis, rank, zero);
    const tn_expr *kept = tn_add(p, tn_add(p, dim, tn_min(p, begin, zero)), tn_min(p, end, zero));
    const tn_expr *whole = tn_add(p, tn_add(p, dim, begin), end), *y = tn_late_dim(p, n->out[0]->shape.dim[axis]);
    *agrees = tn_and(p, *agrees, tn_and(p, tn_is(p, whole, y), tn_le(p, tn_int64(p, constant ? 0 : 1), kept)));
    return (edges){.begin = tn_late_index(p, tn_max(p, begin, zero)),
                   .skip = tn_late_index(p, tn_max(p, tn_sub(p, zero, begin), zero)),
                   .kept = tn_late_index(p, kept),
                   .padded = true,
                   .far = true};
}

static bool find_edges(tn_program *p, const tn_node *n, bool constant, edges *out)
{
    pad pads[TN_MAX_RANK];
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1);
    bool late = find_late_pad(p->graph, n) != 0;
    if (!late && !read_pads(p->graph, n, pads))
        return false;
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        out[i] = late ? late_edges(p, n, i, constant, &agrees) : known_edges(p, &pads[i]);
    if (late)
        tn_late_check(p, n, agrees);
    return true;
}

/* Where position i of the kept part, which may lie outside of it, takes its element from. Reflection that reaches no
   further than once needs no division; else it goes to and fro with the period 2 * (kept - 1). */
static const tn_expr *bring_inside(tn_program *p, const char *mode, const edges *d, const tn_expr *i)
{
    const tn_expr *zero = tn_index(p, 0), *one = tn_index(p, 1);
    const tn_expr *last = tn_sub(p, d->kept, one), *period = tn_mul(p, last, tn_index(p, 2));
    if (mode[0] == 'e')
        return tn_min(p, tn_max(p, i, zero), last);
    if (mode[0] == 'w')
        return tn_op2(p, TN_OP_MOD, i, d->kept);
    if (d->far)
        i = tn_op2(p, TN_OP_MOD, i, tn_max(p, period, one));
    i = tn_max(p, i, tn_sub(p, zero, i));
    return tn_min(p, i, tn_sub(p, period, i));
}

bool tn_lower_pad(tn_program *p, const tn_node *n)
{
    edges edge[TN_MAX_RANK];
    const tn_expr *at[TN_MAX_RANK], *outside[TN_MAX_RANK] = {NULL};
    const char *mode = tn_node_string(n, "mode", "constant");
    bool constant = strcmp(mode, "constant") == 0;
    if (!find_edges(p, n, constant, edge))
        return false;
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < c->out->rank; i++) {
        at[i] = tn_sub(p, c->at[i], edge[i].begin);
        if (!constant && edge[i].padded)
            at[i] = bring_inside(p, mode, &edge[i], at[i]);
        at[i] = tn_add(p, at[i], edge[i].skip);
        outside[i] = tn_index(p, 0);
    }
    tn_buf *x = tn_buf_of(p, n->in[0]);
    if (!constant)
        tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    else {
        const tn_expr *value = tn_has_input(n, 2) ? tn_load(p, tn_buf_of(p, n->in[2]), outside)
                                                  : tn_number(p, tn_dtype_get(x->dtype)->compute, 0);
        tn_comp_set(p, c, tn_load_or(p, x, at, value));
    }
    return true;
}
