/* Moving elements: permuting, joining, cutting and repeating tensors. Each output element is a load at another
   position, found by index arithmetic:

       Transpose perm=[1,0]    out[i,j] = x[j,i]              Slice [8:0:-2]    out[i] = x[8 - i*2]
       Concat axis=0           out[i + offset of x] = x[i], a computation for each input

   Nothing is computed, so nothing is rounded: the elements are copied as stored. */
#include "ops/late.h"

static bool set_first_type(tn_node *n, const tn_shape *s)
{
    tn_set_output(n, 0, n->in[0]->dtype, s);
    return true;
}

/* The start of most lowerings: a computation over output 0, and subscripts of input 0 that equal its axes. */
static tn_comp *begin_move(tn_program *p, const tn_node *n, const tn_expr **at)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    memcpy(at, c->at, sizeof c->at);
    return c;
}

/* --- Transpose ---------------------------------------------------------------------------------------------------- */

static bool read_perm(tn_graph *g, const tn_node *n, int *perm)
{
    int rank = n->in[0]->shape.rank;
    bool seen[TN_MAX_RANK] = {false};
    const tn_attr *a = tn_node_find_attr(n, "perm");
    if (a != NULL && (a->kind != TN_ATTR_INTS || a->n != (size_t)rank))
        return tn_node_error(g, n, "perm must list the %d axes of %s", rank, tn_value_type(g->arena, n->in[0]));
    for (int i = 0; i < rank; i++) {
        perm[i] = rank - 1 - i;
        if (a == NULL)
            continue;
        if (!tn_node_axis(g, n, a->ints[i], rank, &perm[i]))
            return false;
        if (seen[perm[i]])
            return tn_node_error(g, n, "perm has axis %d twice", perm[i]);
        seen[perm[i]] = true;
    }
    return true;
}

bool tn_infer_transpose(tn_graph *g, tn_node *n)
{
    int perm[TN_MAX_RANK];
    tn_shape s = n->in[0]->shape;
    if (!read_perm(g, n, perm))
        return false;
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = n->in[0]->shape.dim[perm[i]];
    return set_first_type(n, &s);
}

bool tn_lower_transpose(tn_program *p, const tn_node *n)
{
    int perm[TN_MAX_RANK];
    const tn_expr *at[TN_MAX_RANK];
    if (!read_perm(p->graph, n, perm))
        return false;
    tn_comp *c = begin_move(p, n, at);
    for (int i = 0; i < c->out->rank; i++)
        at[perm[i]] = c->at[i];
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

/* --- Concat ------------------------------------------------------------------------------------------------------- */

static bool read_axis(tn_graph *g, const tn_node *n, int64_t otherwise, int *axis)
{
    return tn_node_axis(g, n, tn_node_int(n, "axis", otherwise), n->in[0]->shape.rank, axis);
}

bool tn_infer_concat(tn_graph *g, tn_node *n)
{
    int axis = 0;
    tn_shape s = n->in[0]->shape;
    if (tn_node_find_attr(n, "axis") == NULL)
        return tn_node_error(g, n, "the attribute axis is missing");
    if (!read_axis(g, n, 0, &axis))
        return false;
    for (int k = 1; k < n->n_in; k++) {
        if (n->in[k] == NULL)
            return tn_node_error(g, n, "input %d is missing", k);
        const tn_shape *x = &n->in[k]->shape;
        bool fits = x->rank == s.rank && n->in[k]->dtype == n->in[0]->dtype;
        for (int i = 0; fits && i < s.rank; i++)
            fits = i == axis || tn_dim_same(x->dim[i], s.dim[i]) || tn_dims_may_agree(s.dim[i], x->dim[i], &s.dim[i]);
        for (int i = 0; !fits && i < s.rank && i < x->rank; i++)
            if (i != axis)
                tn_note_alike(g, x->dim[i], s.dim[i]);
        if (!fits)
            return tn_node_error(g, n, "input %d '%s' is %s, input 0 is %s; only the dims of axis %d may differ", k,
                                 n->in[k]->name, tn_value_type(g->arena, n->in[k]), tn_value_type(g->arena, n->in[0]),
                                 axis);
        s.dim[axis] = tn_dim_do(g->arena, TN_SYM_ADD, s.dim[axis], x->dim[axis]);
    }
    return set_first_type(n, &s);
}

bool tn_lower_concat(tn_program *p, const tn_node *n)
{
    int axis = 0;
    if (!read_axis(p->graph, n, 0, &axis))
        return false;
    const tn_expr *offset = tn_index(p, 0), *at[TN_MAX_RANK] = {NULL};
    tn_buf *out = tn_buf_of(p, n->out[0]);
    for (int k = 0; k < n->n_in; k++) {
        const tn_shape *x = &n->in[k]->shape;
        tn_shape part = n->out[0]->shape;
        part.dim[axis] = x->dim[axis];
        tn_late_check_same(p, n, x->rank, x->dim, part.dim);
        tn_comp *c = tn_comp_over(p, n, out, x->rank, part.dim);
        for (int i = 0; i < x->rank; i++)
            at[i] = c->at[i] = tn_axis_var(p, c, i);
        c->at[axis] = tn_add(p, at[axis], offset);
        tn_comp_set(p, c, tn_load_stored(p, n->in[k], at));
        offset = tn_add(p, offset, tn_dim_expr(p, x->dim[axis]));
    }
    return true;
}

/* --- Split -------------------------------------------------------------------------------------------------------- */

/* Equal parts; where they do not fit the last one is smaller, as ONNX says, and further ones are empty. */
static bool split_evenly(tn_graph *g, const tn_node *n, tn_dim whole, tn_dim *part)
{
    tn_dim count = tn_dim_fixed(n->n_out);
    if (tn_node_int(n, "num_outputs", n->n_out) != n->n_out)
        return tn_node_error(g, n, "num_outputs is %lld; the node has %d outputs",
                             (long long)tn_node_int(n, "num_outputs", 0), n->n_out);
    if (tn_dims_divide(g->arena, 1, &whole, 1, &count, &part[0])) {
        for (int i = 1; i < n->n_out; i++)
            part[i] = part[0];
        return true;
    }
    if (whole.sym != NULL)
        return tn_node_error(g, n, "%d equal parts of dim %s are not supported with a symbolic dim", n->n_out,
                             tn_dim_text(g->arena, whole));
    int64_t size = (whole.n + n->n_out - 1) / n->n_out, rest = whole.n;
    for (int i = 0; i < n->n_out; i++) {
        part[i] = tn_dim_fixed(rest < size ? rest : size);
        rest -= part[i].n;
    }
    return true;
}

static bool read_split(tn_graph *g, const tn_node *n, tn_dim whole, tn_dim *part)
{
    size_t count = 0;
    tn_dim sum = tn_dim_fixed(0);
    const tn_dim *d = tn_need_dims(g, n, 1, "split", &count);
    if (d == NULL)
        return false;
    if (count != (size_t)n->n_out)
        return tn_node_error(g, n, "split has %zu parts; the node has %d outputs", count, n->n_out);
    for (size_t i = 0; i < count; i++) {
        if (tn_dim_low(d[i]) < 0)
            return tn_node_error(g, n, "part %zu of split is %s; it must not be negative", i,
                                 tn_dim_text(g->arena, d[i]));
        part[i] = d[i];
        sum = tn_dim_do(g->arena, TN_SYM_ADD, sum, d[i]);
    }
    if (!tn_dim_same(sum, whole))
        return tn_node_error(g, n, "the parts of split add up to %s; dim %s is split", tn_dim_text(g->arena, sum),
                             tn_dim_text(g->arena, whole));
    return true;
}

/* Parts that only the run knows have the declared extents. */
static bool declared_split(tn_graph *g, const tn_node *n, int axis, tn_dim *part)
{
    tn_dim sum = tn_dim_fixed(0);
    if (!tn_check_late(g, n, 1, "split", n->n_out))
        return false;
    for (int i = 0; i < n->n_out; i++) {
        tn_shape s;
        if (!tn_need_declared(g, n, 1, "split", i, &s))
            return false;
        if (s.rank != n->in[0]->shape.rank)
            return tn_node_error(g, n, "output %d is declared with rank %d; %s is split", i, s.rank,
                                 tn_value_type(g->arena, n->in[0]));
        part[i] = s.dim[axis];
        sum = tn_dim_do(g->arena, TN_SYM_ADD, sum, part[i]);
    }
    return tn_dim_same(sum, n->in[0]->shape.dim[axis])
        || tn_node_error(g, n, "the declared parts add up to %s; dim %s is split", tn_dim_text(g->arena, sum),
                         tn_dim_text(g->arena, n->in[0]->shape.dim[axis]));
}

/* The parts' extents, an array of n_out; NULL after an error. */
static const tn_dim *find_parts(tn_graph *g, const tn_node *n, int *axis)
{
    if (!read_axis(g, n, 0, axis))
        return NULL;
    tn_dim *part = TN_NEW_N(g->arena, tn_dim, n->n_out), whole = n->in[0]->shape.dim[*axis];
    bool fine = !tn_has_input(n, 1)  ? split_evenly(g, n, whole, part)
              : tn_is_early(g, n, 1) ? read_split(g, n, whole, part)
                                     : declared_split(g, n, *axis, part);
    return fine ? part : NULL;
}

bool tn_infer_split(tn_graph *g, tn_node *n)
{
    int axis = 0;
    const tn_dim *part = find_parts(g, n, &axis);
    if (part == NULL)
        return false;
    for (int i = 0; i < n->n_out; i++) {
        tn_shape s = n->in[0]->shape;
        s.dim[axis] = part[i];
        tn_set_output(n, i, n->in[0]->dtype, &s);
    }
    return true;
}

bool tn_lower_split(tn_program *p, const tn_node *n)
{
    int axis = 0;
    const tn_dim *part = find_parts(p->graph, n, &axis);
    if (part == NULL)
        return false;
    const tn_expr *offset = tn_index(p, 0), *at[TN_MAX_RANK];
    tn_late_check_dims(p, n, 1, n->n_out, part);
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] != NULL) {
            tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[i]));
            memcpy(at, c->at, sizeof at);
            at[axis] = tn_add(p, c->at[axis], offset);
            tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
        }
        offset = tn_add(p, offset, tn_dim_expr(p, part[i]));
    }
    return true;
}

/* --- Slice -------------------------------------------------------------------------------------------------------- */

static const char *const slice_inputs[] = {"data", "starts", "ends", "axes", "steps"};

/* An input is known by the run only. */
static bool is_late(tn_graph *g, const tn_node *n)
{
    for (int i = 1; i < n->n_in; i++)
        if (!tn_is_early(g, n, i))
            return true;
    return false;
}

/* Dims of axes that are sliced are found by the run; of all axes, where it finds which. */
static bool find_sliced(tn_graph *g, tn_node *n)
{
    tn_shape s = n->in[0]->shape;
    size_t count = (size_t)tn_late_count(n->in[1]);
    bool sliced[TN_MAX_RANK] = {false}, any = tn_has_input(n, 3) && !tn_is_early(g, n, 3);
    const int64_t *axes = tn_has_input(n, 3) && !any ? tn_need_ints(g, n, 3, "axes", &count) : NULL;
    if (tn_has_input(n, 3) && !any && axes == NULL)
        return false;
    for (size_t i = 0; i < count && !any; i++) {
        int axis = 0;
        if (!tn_node_axis(g, n, axes != NULL ? axes[i] : (int64_t)i, s.rank, &axis))
            return false;
        sliced[axis] = true;
    }
    for (int i = 0; i < s.rank; i++)
        if ((any || sliced[i]) && !tn_found_dim(g, n, i, s.dim[i].n, &s.dim[i]))
            return false;
    return set_first_type(n, &s);
}

static bool infer_late_slice(tn_graph *g, tn_node *n)
{
    tn_shape y;
    const tn_value *x = n->in[0];
    int64_t count = tn_late_count(n->in[1]);
    for (int i = 1; i < n->n_in; i++)
        if (n->in[i] != NULL && !tn_check_late(g, n, i, slice_inputs[i], i > 1 ? count : -1))
            return false;
    if (!tn_find_declared(n, 0, &y))
        return find_sliced(g, n);
    tn_set_output(n, 0, x->dtype, &y);
    return (y.rank == x->shape.rank && count <= x->shape.rank)
        || tn_node_error(g, n, "%lld slices of %s cannot give %s, which the model declares", (long long)count,
                         tn_value_type(g->arena, x), tn_value_type(g->arena, n->out[0]));
}

bool tn_infer_slice(tn_graph *g, tn_node *n)
{
    tn_slice slice[TN_MAX_RANK];
    tn_shape s = n->in[0]->shape;
    if (is_late(g, n))
        return infer_late_slice(g, n);
    if (!tn_slices_make(g, n, slice))
        return false;
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = slice[i].count;
    return set_first_type(n, &s);
}

/* What a slice of one axis comes to, in int64; start and end moved into the axis as ONNX says. */
typedef struct late_slice {
    const tn_expr *start, *step, *count;
} late_slice;

static late_slice make_late_slice(tn_program *p, const tn_node *n, int axis)
{
    int rank = n->in[0]->shape.rank;
    int64_t given = tn_late_count(n->in[1]);
    const tn_value *axes = tn_has_input(n, 3) ? n->in[3] : NULL;
    const tn_expr *zero = tn_int64(p, 0), *one = tn_int64(p, 1), *dim = tn_late_dim(p, n->in[0]->shape.dim[axis]);
    const tn_expr *start = tn_late_pick(p, n->in[1], 0, given, axes, axis, rank, zero);
    const tn_expr *end = tn_late_pick(p, n->in[2], 0, given, axes, axis, rank, dim);
    const tn_expr *step = tn_has_input(n, 4) ? tn_late_pick(p, n->in[4], 0, given, axes, axis, rank, one) : one;
    const tn_expr *up = tn_lt(p, zero, step), *last = tn_sub(p, dim, one),
                  *stride = tn_max(p, tn_max(p, step, tn_sub(p, zero, step)), one);
    start = tn_select(p, tn_lt(p, start, zero), tn_add(p, start, dim), start);
    end = tn_select(p, tn_lt(p, end, zero), tn_add(p, end, dim), end);
    start = tn_min(p, tn_max(p, start, zero), tn_select(p, up, dim, last));
    end = tn_min(p, tn_max(p, end, tn_select(p, up, zero, tn_int64(p, -1))), tn_select(p, up, dim, last));
    const tn_expr *length = tn_select(p, up, tn_sub(p, end, start), tn_sub(p, start, end));
    length = tn_op2(p, TN_OP_FDIV, tn_add(p, length, tn_sub(p, stride, one)), stride);
    const tn_expr *count = tn_select(p, tn_is(p, step, zero), tn_int64(p, -1), tn_max(p, length, zero));
    return (late_slice){start, step, count};
}

static bool lower_late_slice(tn_program *p, const tn_node *n)
{
    const tn_expr *at[TN_MAX_RANK];
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1);
    late_slice s[TN_MAX_RANK];
    for (int i = 0; i < n->in[0]->shape.rank; i++) {
        s[i] = make_late_slice(p, n, i);
        agrees = tn_and(p, agrees, tn_late_agrees(p, n, n->out[0]->shape.dim[i], s[i].count));
    }
    tn_late_check(p, n, agrees);
    tn_comp *c = begin_move(p, n, at);
    for (int i = 0; i < c->out->rank; i++)
        at[i] = tn_add(p, tn_late_index(p, s[i].start), tn_mul(p, c->at[i], tn_late_index(p, s[i].step)));
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

bool tn_lower_slice(tn_program *p, const tn_node *n)
{
    tn_slice slice[TN_MAX_RANK];
    const tn_expr *at[TN_MAX_RANK];
    if (is_late(p->graph, n))
        return lower_late_slice(p, n);
    if (!tn_slices_make(p->graph, n, slice))
        return false;
    tn_comp *c = begin_move(p, n, at);
    for (int i = 0; i < c->out->rank; i++)
        at[i] = tn_add(p, tn_dim_expr(p, slice[i].start), tn_mul(p, c->at[i], tn_index(p, slice[i].step)));
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

/* --- Expand, Tile ------------------------------------------------------------------------------------------------- */

/* The declared shape, of as many dims as input 1 gives at least. */
static bool infer_late_repeats(tn_graph *g, tn_node *n, bool exactly)
{
    const char *what = exactly ? "repeats" : "shape";
    if (!tn_infer_sized(g, n, 1, what))
        return false;
    int64_t count = tn_late_count(n->in[1]), rank = n->out[0]->shape.rank, x = n->in[0]->shape.rank;
    return (exactly ? rank == x && count == x : rank == (count > x ? count : x))
        || tn_node_error(g, n, "%s cannot become %s, which the model declares, by %lld numbers",
                         tn_value_type(g->arena, n->in[0]), tn_value_type(g->arena, n->out[0]), (long long)count);
}

/* Broadcasting gives the declared dims. */
static void check_late_expand(tn_program *p, const tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    int count = (int)tn_late_count(n->in[1]);
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1), *one = tn_int64(p, 1);
    for (int i = 0; i < count; i++) {
        int at = i + y->rank - count, xi = at - (y->rank - x->rank);
        const tn_expr *d = tn_late_int(p, n->in[1], i), *fits = tn_is(p, d, tn_late_dim(p, y->dim[at]));
        if (xi >= 0 && tn_dim_same(x->dim[xi], y->dim[at]))
            fits = tn_either(p, fits, tn_is(p, d, one));
        agrees = tn_and(p, agrees, fits);
    }
    tn_late_check(p, n, agrees);
}

bool tn_infer_expand(tn_graph *g, tn_node *n)
{
    tn_shape s;
    if (!tn_is_early(g, n, 1)) {
        if (!infer_late_repeats(g, n, false))
            return false;
        s = n->out[0]->shape;
        return (tn_broadcast(&n->in[0]->shape, &s, &s) && tn_shape_equal(&s, &n->out[0]->shape))
            || tn_node_error(g, n, "%s does not broadcast to %s, which the model declares",
                             tn_value_type(g->arena, n->in[0]), tn_value_type(g->arena, n->out[0]));
    }
    if (!tn_need_shape(g, n, 1, &s))
        return false;
    if (!tn_broadcast(&n->in[0]->shape, &s, &s))
        return tn_node_error(g, n, "%s does not broadcast with the shape %s", tn_value_type(g->arena, n->in[0]),
                             tn_type_text(g->arena, n->in[1]->dtype, &s));
    return set_first_type(n, &s);
}

bool tn_lower_expand(tn_program *p, const tn_node *n)
{
    const tn_shape *x = &n->in[0]->shape;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (!tn_is_early(p->graph, n, 1))
        check_late_expand(p, n);
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    for (int i = 0; i < x->rank; i++)
        at[i] = tn_dim_is(x->dim[i], 1) ? tn_index(p, 0) : c->at[i + c->out->rank - x->rank];
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

bool tn_infer_tile(tn_graph *g, tn_node *n)
{
    tn_shape s, x = n->in[0]->shape;
    if (!tn_is_early(g, n, 1))
        return infer_late_repeats(g, n, true);
    if (!tn_need_shape(g, n, 1, &s))
        return false;
    if (s.rank != x.rank)
        return tn_node_error(g, n, "%d repeats are given for %s; one for each axis is wanted", s.rank,
                             tn_value_type(g->arena, n->in[0]));
    for (int i = 0; i < x.rank; i++)
        s.dim[i] = tn_dim_do(g->arena, TN_SYM_MUL, x.dim[i], s.dim[i]);
    return set_first_type(n, &s);
}

static void check_late_tile(tn_program *p, const tn_node *n)
{
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1);
    for (int i = 0; i < n->in[0]->shape.rank; i++) {
        const tn_expr *times = tn_mul(p, tn_late_int(p, n->in[1], i), tn_late_dim(p, n->in[0]->shape.dim[i]));
        agrees = tn_and(p, agrees, tn_is(p, times, tn_late_dim(p, n->out[0]->shape.dim[i])));
    }
    tn_late_check(p, n, agrees);
}

bool tn_lower_tile(tn_program *p, const tn_node *n)
{
    const tn_expr *at[TN_MAX_RANK];
    if (!tn_is_early(p->graph, n, 1))
        check_late_tile(p, n);
    tn_comp *c = begin_move(p, n, at);
    for (int i = 0; i < c->out->rank; i++)
        if (!tn_dim_same(n->in[0]->shape.dim[i], n->out[0]->shape.dim[i]))
            at[i] = tn_op2(p, TN_OP_MOD, at[i], tn_dim_expr(p, n->in[0]->shape.dim[i]));
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

/* --- DepthToSpace, SpaceToDepth ----------------------------------------------------------------------------------- */

static bool read_block(tn_graph *g, const tn_node *n, int64_t *block)
{
    *block = tn_node_int(n, "blocksize", 0);
    if (*block < 1 || *block > 1 << 15)
        return tn_node_error(g, n, "blocksize is %lld; 1 to 32768 is wanted", (long long)*block);
    if (n->in[0]->shape.rank != 4)
        return tn_node_error(g, n, "input '%s' is %s; rank 4 is wanted", n->in[0]->name,
                             tn_value_type(g->arena, n->in[0]));
    return true;
}

static bool divide_dim(tn_graph *g, const tn_node *n, tn_shape *s, int axis, int64_t by)
{
    tn_dim d = tn_dim_fixed(by);
    if (!tn_dims_divide(g->arena, 1, &s->dim[axis], 1, &d, &s->dim[axis]))
        return tn_node_error(g, n, "dim %d is %s; a multiple of %lld is wanted", axis,
                             tn_dim_text(g->arena, s->dim[axis]), (long long)by);
    return true;
}

bool tn_infer_depth_to_space(tn_graph *g, tn_node *n)
{
    int64_t block = 0;
    tn_shape s = n->in[0]->shape;
    const char *mode = tn_node_string(n, "mode", "DCR");
    if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)
        return tn_node_error(g, n, "mode is '%s'; DCR or CRD is wanted", mode);
    if (!read_block(g, n, &block) || !divide_dim(g, n, &s, 1, block * block))
        return false;
    for (int i = 2; i < 4; i++)
        s.dim[i] = tn_dim_do(g->arena, TN_SYM_MUL, s.dim[i], tn_dim_fixed(block));
    return set_first_type(n, &s);
}

/* Input channel: DCR (row in block, column in block, channel); CRD (channel, row in block, column in block). */
bool tn_lower_depth_to_space(tn_program *p, const tn_node *n)
{
    int64_t b = 0;
    const tn_expr *at[TN_MAX_RANK];
    if (!read_block(p->graph, n, &b))
        return false;
    tn_comp *c = begin_move(p, n, at);
    const tn_expr *block = tn_index(p, b), *row = tn_op2(p, TN_OP_MOD, at[2], block);
    const tn_expr *cell = tn_add(p, tn_mul(p, row, block), tn_op2(p, TN_OP_MOD, at[3], block));
    bool dcr = strcmp(tn_node_string(n, "mode", "DCR"), "DCR") == 0;
    at[1] = dcr ? tn_add(p, tn_mul(p, cell, c->out->dim[1]), c->at[1])
                : tn_add(p, tn_mul(p, c->at[1], tn_index(p, b * b)), cell);
    at[2] = tn_op2(p, TN_OP_FDIV, at[2], block);
    at[3] = tn_op2(p, TN_OP_FDIV, at[3], block);
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

bool tn_infer_space_to_depth(tn_graph *g, tn_node *n)
{
    int64_t block = 0;
    tn_shape s = n->in[0]->shape;
    if (!read_block(g, n, &block) || !divide_dim(g, n, &s, 2, block) || !divide_dim(g, n, &s, 3, block))
        return false;
    s.dim[1] = tn_dim_do(g->arena, TN_SYM_MUL, s.dim[1], tn_dim_fixed(block * block));
    return set_first_type(n, &s);
}

/* Output channel: (row in block, column in block, channel). */
bool tn_lower_space_to_depth(tn_program *p, const tn_node *n)
{
    int64_t b = 0;
    const tn_expr *at[TN_MAX_RANK];
    if (!read_block(p->graph, n, &b))
        return false;
    tn_comp *c = begin_move(p, n, at);
    const tn_expr *block = tn_index(p, b), *channels = tn_dim_expr(p, n->in[0]->shape.dim[1]);
    const tn_expr *cell = tn_op2(p, TN_OP_FDIV, c->at[1], channels);
    at[1] = tn_op2(p, TN_OP_MOD, c->at[1], channels);
    at[2] = tn_add(p, tn_mul(p, c->at[2], block), tn_op2(p, TN_OP_FDIV, cell, block));
    at[3] = tn_add(p, tn_mul(p, c->at[3], block), tn_op2(p, TN_OP_MOD, cell, block));
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}

/* --- CenterCropPad ------------------------------------------------------------------------------------------------ */

/* The shape asked for; when only the run knows it, as it is declared. */
static bool find_target(tn_graph *g, const tn_node *n, tn_shape *out)
{
    const tn_attr *given = tn_node_find_attr(n, "axes");
    int axis = 0;
    tn_shape y;
    if (tn_is_early(g, n, 1))
        return tn_need_shape(g, n, 1, out);
    if (!tn_check_late(g, n, 1, "shape", -1) || !tn_need_declared(g, n, 1, "shape", 0, &y))
        return false;
    if (y.rank != n->in[0]->shape.rank)
        return tn_node_error(g, n, "%s cannot become %s, which the model declares", tn_value_type(g->arena, n->in[0]),
                             tn_type_text(g->arena, n->in[0]->dtype, &y));
    *out = (tn_shape){.known = true, .rank = given != NULL ? (int)given->n : y.rank};
    for (int i = 0; i < out->rank && out->rank <= y.rank; i++) {
        if (given != NULL && !tn_node_axis(g, n, given->ints[i], y.rank, &axis))
            return false;
        out->dim[i] = y.dim[given != NULL ? axis : i];
    }
    return tn_late_count(n->in[1]) == out->rank
        || tn_node_error(g, n, "%lld sizes are given; one for each axis is wanted", (long long)tn_late_count(n->in[1]));
}

/* Of each axis: out[i] = x[i + crop - grow]. Odd differences leave the smaller half in front. */
static bool center(tn_graph *g, const tn_node *n, tn_shape *out, tn_dim *crop, tn_dim *grow)
{
    tn_arena *a = g->arena;
    int axes[TN_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    const tn_attr *given = tn_node_find_attr(n, "axes");
    tn_shape target;
    *out = n->in[0]->shape;
    if (!find_target(g, n, &target))
        return false;
    if (given != NULL ? given->kind != TN_ATTR_INTS || given->n != (size_t)target.rank : target.rank != out->rank)
        return tn_node_error(g, n, "%d sizes are given; one for each axis is wanted", target.rank);
    for (int i = 0; i < TN_MAX_RANK; i++)
        crop[i] = grow[i] = tn_dim_fixed(0);
    for (int i = 0; i < target.rank; i++) {
        if (given != NULL && !tn_node_axis(g, n, given->ints[i], out->rank, &axes[i]))
            return false;
        tn_dim x = n->in[0]->shape.dim[axes[i]], y = target.dim[i], two = tn_dim_fixed(2);
        bool cuts = tn_dim_low(x) >= y.n, grows = tn_dim_low(y) >= x.n;
        if (!cuts && !grows && !tn_dim_same(x, y))
            return tn_node_error(g, n, "to bring dim %s to %s is not supported with a symbolic dim", tn_dim_text(a, x),
                                 tn_dim_text(a, y));
        if (cuts)
            crop[axes[i]] = tn_dim_do(a, TN_SYM_DIV, tn_dim_do(a, TN_SYM_SUB, x, y), two);
        else if (grows)
            grow[axes[i]] = tn_dim_do(a, TN_SYM_DIV, tn_dim_do(a, TN_SYM_SUB, y, x), two);
        out->dim[axes[i]] = y;
    }
    return true;
}

bool tn_infer_center_crop_pad(tn_graph *g, tn_node *n)
{
    tn_shape s;
    tn_dim crop[TN_MAX_RANK], grow[TN_MAX_RANK];
    return center(g, n, &s, crop, grow) && set_first_type(n, &s);
}

bool tn_lower_center_crop_pad(tn_program *p, const tn_node *n)
{
    tn_shape s;
    tn_dim crop[TN_MAX_RANK], grow[TN_MAX_RANK];
    const tn_expr *at[TN_MAX_RANK];
    if (!find_target(p->graph, n, &s))
        return false;
    tn_late_check_dims(p, n, 1, s.rank, s.dim);
    if (!center(p->graph, n, &s, crop, grow))
        return false;
    tn_comp *c = begin_move(p, n, at);
    for (int i = 0; i < s.rank; i++)
        at[i] = tn_sub(p, tn_add(p, at[i], tn_dim_expr(p, crop[i])), tn_dim_expr(p, grow[i]));
    tn_buf *x = tn_buf_of(p, n->in[0]);
    tn_comp_set(p, c, tn_load_or(p, x, at, tn_number(p, tn_dtype_get(x->dtype)->compute, 0)));
    return true;
}

/* --- ReverseSequence ---------------------------------------------------------------------------------------------- */

bool tn_infer_reverse_sequence(tn_graph *g, tn_node *n)
{
    int64_t time = tn_node_int(n, "time_axis", 0), batch = tn_node_int(n, "batch_axis", 1);
    const tn_shape *x = &n->in[0]->shape, *lens = &n->in[1]->shape;
    if (x->rank < 2 || time < 0 || time > 1 || batch != 1 - time)
        return tn_node_error(g, n,
                             "time_axis is %lld and batch_axis %lld for %s; 0 and 1 or 1 and 0 are wanted, of "
                             "rank 2 or more",
                             (long long)time, (long long)batch, tn_value_type(g->arena, n->in[0]));
    if (n->in[1]->dtype != TN_INT64 || lens->rank != 1 || !tn_dim_same(lens->dim[0], x->dim[batch]))
        return tn_node_error(g, n, "the lengths (input 1) are %s; int64[%s] is wanted",
                             tn_value_type(g->arena, n->in[1]), tn_dim_text(g->arena, x->dim[batch]));
    return tn_infer_first(g, n);
}

/* Lengths outside of 0..extent, which ONNX forbids, count as the nearest of these. */
bool tn_lower_reverse_sequence(tn_program *p, const tn_node *n)
{
    int time = (int)tn_node_int(n, "time_axis", 0);
    const tn_expr *at[TN_MAX_RANK];
    tn_comp *c = begin_move(p, n, at);
    const tn_expr *len = tn_cast(p, TN_INDEX, tn_load(p, tn_buf_of(p, n->in[1]), &c->at[1 - time]));
    len = tn_min(p, tn_max(p, len, tn_index(p, 0)), c->out->dim[time]);
    const tn_expr *mirrored = tn_sub(p, tn_sub(p, len, tn_index(p, 1)), at[time]);
    at[time] = tn_select(p, tn_lt(p, at[time], len), mirrored, at[time]);
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}
