/* DeformConv, two spatial dims: a convolution whose taps are moved by an offset each, between elements.

       reduce ic ky kx   bilinear(x[n, ic], oy*s+ky*d-p + dy, ox*s+kx*d-p + dx) * mask * w[oc, ic, ky, kx]
       dy, dx            offset[n, ((og * KH + ky) * KW + kx) * 2 + {0, 1}, oy, ox], og the tap's group of channels

   Elements outside x count as 0 in the interpolation. */
#include "ops/ops.h"
#include "ops/window.h"

static bool check_map(tn_graph *g, const tn_node *n, int i, const tn_shape *y, int64_t channels)
{
    const tn_value *v = n->in[i];
    bool fits = v->dtype == n->in[0]->dtype && v->shape.rank == 4 && tn_dim_same(v->shape.dim[0], y->dim[0])
             && tn_dim_is(v->shape.dim[1], channels) && tn_dim_same(v->shape.dim[2], y->dim[2])
             && tn_dim_same(v->shape.dim[3], y->dim[3]);
    if (fits)
        return true;
    return tn_node_error(g, n,
                         "input %d '%s' is %s; the input's type, the output's batch and spatial dims and %lld "
                         "channels are wanted",
                         i, v->name, tn_value_type(g->arena, v), (long long)channels);
}

bool tn_infer_deform_conv(tn_graph *g, tn_node *n)
{
    tn_conv k;
    tn_shape y;
    const tn_value *x = n->in[0], *w = n->in[1];
    if (x->shape.rank != 4 || w->dtype != x->dtype)
        return tn_node_error(g, n, "input '%s' is %s, the weights are %s; rank 4 and one type are wanted", x->name,
                             tn_value_type(g->arena, x), tn_dtype_get(w->dtype)->name);
    if (!tn_conv_make(g, n, x, w, &k, &y) || !tn_conv_check_bias(g, n, 3, x->dtype, k.groups * k.out))
        return false;
    int64_t groups = tn_node_int(n, "offset_group", 1), maps = k.window.kernel[0] * k.window.kernel[1];
    if (groups < 1 || (k.in * k.groups) % groups != 0)
        return tn_node_error(g, n, "offset_group is %lld; it must be positive and divide the %lld channels",
                             (long long)groups, (long long)(k.in * k.groups));
    if (!tn_mul_i64(maps, groups, &maps) || maps > TN_DIM_MAX / 2)
        return tn_node_error(g, n, "offset_group %lld is too large", (long long)groups);
    if (!check_map(g, n, 2, &y, maps * 2) || (tn_has_input(n, 4) && !check_map(g, n, 4, &y, maps)))
        return false;
    tn_set_output(n, 0, x->dtype, &y);
    return true;
}

/* Where a tap looks along one dim: the element before it and how far it is past that. The position is first brought
   near the input, so that the conversion to an index is defined for any offset; NaN counts as far outside. */
typedef struct along {
    const tn_expr *at, *part;
} along;

static along find_along(tn_program *p, const tn_expr *site, const tn_expr *offset, const tn_expr *extent)
{
    tn_dtype dt = offset->dtype;
    const tn_expr *x = tn_add(p, tn_cast(p, dt, site), offset);
    const tn_expr *low = tn_number(p, dt, -2), *high = tn_add(p, tn_cast(p, dt, extent), tn_number(p, dt, 1));
    x = tn_select(p, tn_lt(p, low, x), tn_min(p, x, high), low);
    const tn_expr *floor = tn_op1(p, TN_OP_FLOOR, x);
    return (along){tn_cast(p, TN_INDEX, floor), tn_sub(p, x, floor)};
}

static const tn_expr *bilinear(tn_program *p, tn_buf *x, const tn_expr **at, along y, along z)
{
    tn_dtype dt = y.part->dtype;
    const tn_expr *sum = NULL, *zero = tn_number(p, dt, 0), *one = tn_number(p, dt, 1);
    for (int i = 0; i < 4; i++) {
        at[2] = tn_add(p, y.at, tn_index(p, i / 2));
        at[3] = tn_add(p, z.at, tn_index(p, i % 2));
        const tn_expr *wy = i / 2 == 1 ? y.part : tn_sub(p, one, y.part);
        const tn_expr *wz = i % 2 == 1 ? z.part : tn_sub(p, one, z.part);
        const tn_expr *term = tn_mul(p, tn_load_or(p, x, at, zero), tn_mul(p, wy, wz));
        sum = sum == NULL ? term : tn_add(p, sum, term);
    }
    return sum;
}

bool tn_lower_deform_conv(tn_program *p, const tn_node *n)
{
    tn_conv k;
    tn_shape y;
    const tn_expr *x_at[TN_MAX_RANK] = {NULL}, *w_at[TN_MAX_RANK] = {NULL};
    if (!tn_conv_make(p->graph, n, n->in[0], n->in[1], &k, &y))
        return false;
    tn_buf *x = tn_buf_of(p, n->in[0]), *offset = tn_buf_of(p, n->in[2]);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    tn_conv_sites(p, c, &k, x_at, w_at);
    int64_t per_group = k.in * k.groups / tn_node_int(n, "offset_group", 1);
    const tn_expr *map = tn_op2(p, TN_OP_FDIV, x_at[1], tn_index(p, per_group));
    map = tn_add(p, tn_mul(p, map, tn_index(p, k.window.kernel[0])), w_at[2]);
    map = tn_add(p, tn_mul(p, map, tn_index(p, k.window.kernel[1])), w_at[3]);
    const tn_expr *map_at[4] = {c->at[0], tn_mul(p, map, tn_index(p, 2)), c->at[2], c->at[3]};
    along rows = find_along(p, x_at[2], tn_load(p, offset, map_at), x->dim[2]);
    map_at[1] = tn_add(p, map_at[1], tn_index(p, 1));
    along columns = find_along(p, x_at[3], tn_load(p, offset, map_at), x->dim[3]);
    const tn_expr *e = bilinear(p, x, x_at, rows, columns);
    map_at[1] = map;
    if (tn_has_input(n, 4))
        e = tn_mul(p, e, tn_load(p, tn_buf_of(p, n->in[4]), map_at));
    e = tn_mul(p, e, tn_load(p, tn_buf_of(p, n->in[1]), w_at));
    const tn_expr *acc = tn_comp_acc(p, c, e->dtype), *post = acc;
    if (tn_has_input(n, 3))
        post = tn_add(p, acc, tn_load(p, tn_buf_of(p, n->in[3]), &c->at[1]));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_number(p, e->dtype, 0), e, post);
    return true;
}
