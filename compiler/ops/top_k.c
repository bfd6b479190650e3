/* TopK: values and indices of the k largest (or smallest) elements of each row along an axis, in order; of equal ones the
   one of lower index comes first, and NaN counts as the largest number.

       key[i]      an integer that is larger where x[i] comes before
       rank[i]     how many j have a larger key than i, or the same and j < i

   Of short rows index[rank[i]] = i for the ranks below k. Of long ones (n elements, 32 or 64 bits wide) what is not among the
   first k is left out beforehand, in time w n + k^2:
       least       the largest number that at least k keys reach, found bit by bit from the highest, each time by counting
       chosen[p]   the p-th i with key[i] > least, or = least as long as these are needed; then ranks of those alone */
#include "ops/expand.h"
#include "ops/late.h"

static bool read_axis(tn_graph *g, const tn_node *n, int *axis)
{
    return tn_node_axis(g, n, tn_node_int(n, "axis", -1), n->in[0]->shape.rank, axis);
}

/* Whether k <= extent can be seen, also of k = min(extent, 100). Otherwise, of sizes that the run finds, a check says so. */
static bool is_within(tn_dim k, tn_dim extent)
{
    if (k.n <= tn_dim_low(extent) || tn_dim_same(k, extent))
        return true;
    return k.sym != NULL && k.sym->kind == TN_SYM_MIN && (is_within(k.sym->a, extent) || is_within(k.sym->b, extent));
}

/* Elements of k; when only the run knows it, the declared extent, or a size that it finds. */
static const tn_dim *find_k(tn_graph *g, const tn_node *n, int axis, size_t *count)
{
    tn_shape s;
    *count = 1;
    if (tn_is_early(g, n, 1))
        return tn_need_dims(g, n, 1, "k", count);
    if (!tn_check_late(g, n, 1, "k", 1))
        return NULL;
    if (tn_node_maybe(n)) { /* k may be anything where the branch is not taken */
        tn_node_error(g, n,
                      "k is known at run time only, in a branch of an If that only the run chooses: not supported; "
                      "fix the condition or k with --const");
        return NULL;
    }
    tn_dim *found = TN_NEW(g->arena, tn_dim);
    if (!tn_find_declared(n, n->out[0] == NULL, &s))
        return tn_found_dim(g, n, axis, n->in[0]->shape.dim[axis].n, found) ? found : NULL;
    if (s.rank == n->in[0]->shape.rank) {
        *found = s.dim[axis];
        return found;
    }
    tn_node_error(g, n, "the model declares rank %d for the output; rank %d is wanted", s.rank, n->in[0]->shape.rank);
    return NULL;
}

bool tn_infer_top_k(tn_graph *g, tn_node *n)
{
    int axis = 0;
    size_t count = 0;
    tn_shape s = n->in[0]->shape;
    if (!read_axis(g, n, &axis))
        return false;
    const tn_dim *k = find_k(g, n, axis, &count);
    if (k == NULL)
        return false;
    if (count != 1 || tn_dim_low(k[0]) < 0 || tn_dim_low(k[0]) > s.dim[axis].n)
        return tn_node_error(g, n, "k is %s; one number is wanted, from 0 to dim %d, which is %s",
                             count > 0 ? tn_dim_text(g->arena, k[0]) : "empty", axis,
                             tn_dim_text(g->arena, s.dim[axis]));
    s.dim[axis] = k[0];
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    tn_set_output(n, 1, TN_INT64, &s);
    return true;
}

/* --- the order ------------------------------------------------------------------------------------------------------ */

typedef struct selection {
    tn_program *p;
    const tn_node *n;
    int axis;
    tn_dtype t;      /* of keys: int32 or int64 */
    tn_shape x, few; /* of the input, and of the results */
    tn_dim k;
    tn_buf *key;   /* of x */
    tn_buf *least; /* of a row, whose extent along the axis is 1 */
} selection;

static tn_dtype count_type(tn_dim extent)
{
    return extent.n < INT32_MAX ? TN_INT32 : TN_INT64;
}

static const tn_expr *load_at(const selection *s, tn_buf *b, const tn_expr *const *at, const tn_expr *place)
{
    const tn_expr *moved[TN_MAX_RANK];
    memcpy(moved, at, sizeof moved);
    moved[s->axis] = place;
    return tn_load(s->p, b, moved);
}

static const tn_expr *number(const selection *s, int64_t x)
{
    return tn_integer(s->p, s->t, x);
}

/* The bits of a float as an integer have its order, but for those below 0, of which the other bits are turned. -0 is 0. */
static const tn_expr *key_of_float(const selection *s, const tn_expr *x)
{
    tn_program *p = s->p;
    int last = s->t == TN_INT32 ? 31 : 63;
    int64_t most = s->t == TN_INT32 ? INT32_MAX : INT64_MAX;
    const tn_expr *zero = tn_number(p, x->dtype, 0);
    const tn_expr *bits = tn_bit_cast(p, s->t, tn_select(p, tn_is(p, x, zero), zero, x));
    const tn_expr *turned = tn_op2(p, TN_OP_BITAND, tn_op2(p, TN_OP_SHR, bits, number(s, last)), number(s, most));
    return tn_select(p, tn_op1(p, TN_OP_ISNAN, x), number(s, most), tn_op2(p, TN_OP_BITXOR, bits, turned));
}

/* An integer for each element, larger where that comes before another: the one definition of the order. */
static void make_keys(selection *s)
{
    tn_program *p = s->p;
    tn_buf *x = tn_buf_of(p, s->n->in[0]);
    s->key = tn_buf_temp(p, "key", s->t, s->x.rank, s->x.dim);
    tn_comp *c = tn_comp_begin(p, s->n, s->key);
    const tn_expr *e = tn_load(p, x, c->at);
    if (tn_dtype_is_float(e->dtype))
        e = key_of_float(s, e);
    else if (e->dtype == TN_UINT64)
        e = tn_op2(p, TN_OP_BITXOR, tn_bit_cast(p, TN_INT64, e), number(s, INT64_MIN));
    else
        e = tn_cast(p, s->t, e);
    tn_comp_set(p, c, tn_node_int(s->n, "largest", 1) != 0 ? e : tn_op1(p, TN_OP_BITNOT, e));
}

/* rank[i] = how many j of a row come before i; of equal keys the one of lower index does. Quadratic in the extent. */
static tn_buf *find_ranks(const selection *s, tn_buf *key, const tn_shape *shape)
{
    tn_program *p = s->p;
    tn_dim extent = shape->dim[s->axis];
    tn_dtype t = count_type(extent);
    tn_comp *c = tn_comp_begin(p, s->n, tn_buf_temp(p, "rank", t, shape->rank, shape->dim));
    const tn_expr *i = c->at[s->axis], *j = tn_reduce_over(p, c, extent);
    const tn_expr *x = tn_load(p, key, c->at), *y = load_at(s, key, c->at, j);
    const tn_expr *ahead = tn_select(p, tn_lt(p, j, i), tn_le(p, x, y), tn_lt(p, x, y));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, t, 0), tn_cast(p, t, ahead), NULL);
    return c->out;
}

/* --- short rows ----------------------------------------------------------------------------------------------------- */

/* The longest rows of which all are ranked. Of 64 floats that takes 1.2 to 2.2 times as long as selection (Zen 4, native; generic
   1.6 to 6), for k from all to 1; of 32 about as long. Keys of 64 bits, of which selection tries each, break even later. */
enum { SHORT_ROW = 32, SHORT_WIDE_ROW = 48 };

/* Found as the sum over i of (rank[i] == k ? i : 0). */
static void index_by_rank(const selection *s, tn_buf *index)
{
    tn_program *p = s->p;
    tn_buf *rank = find_ranks(s, s->key, &s->x);
    tn_comp *c = tn_comp_begin(p, s->n, index);
    const tn_expr *i = tn_reduce_over(p, c, s->x.dim[s->axis]);
    const tn_expr *hit = tn_is(p, tn_cast(p, TN_INDEX, load_at(s, rank, c->at, i)), c->at[s->axis]);
    const tn_expr *zero = tn_int64(p, 0);
    tn_comp_reduce(p, c, TN_OP_ADD, zero, tn_select(p, hit, tn_cast(p, TN_INT64, i), zero), NULL);
}

/* --- long rows ------------------------------------------------------------------------------------------------------ */

/* A buffer of one element for each row; subscripts of it, from those of a tensor of rows. */
static tn_buf *row_buffer(const selection *s, const char *name, tn_dtype t)
{
    tn_shape one = s->x;
    one.dim[s->axis] = tn_dim_fixed(1);
    return tn_buf_temp(s->p, name, t, one.rank, one.dim);
}

static const tn_expr *load_row(const selection *s, tn_buf *b, const tn_expr *const *at)
{
    const tn_expr *row[TN_MAX_RANK];
    memcpy(row, at, sizeof row);
    row[s->axis] = tn_index(s->p, 0);
    return tn_load(s->p, b, row);
}

/* What is tried: `least` so far with a bit more. bit NULL: the first try, whether k keys are not below 0. */
static const tn_expr *least_so_far(const selection *s, const tn_expr *const *at, const tn_expr *bit)
{
    return bit == NULL ? number(s, s->t == TN_INT32 ? INT32_MIN : INT64_MIN) : load_row(s, s->least, at);
}

static const tn_expr *least_tried(const selection *s, const tn_expr *const *at, const tn_expr *bit)
{
    return bit == NULL ? number(s, 0) : tn_op2(s->p, TN_OP_BITXOR, least_so_far(s, at, bit), bit);
}

/* For each row: of how many keys `than` op key is true. */
static void count_keys(const selection *s, tn_buf *count, tn_scalar_op op,
                       const tn_expr *(*than)(const selection *, const tn_expr *const *, const tn_expr *),
                       const tn_expr *bit)
{
    tn_program *p = s->p;
    tn_comp *c = tn_comp_begin(p, s->n, count);
    const tn_expr *i = tn_reduce_over(p, c, s->x.dim[s->axis]);
    const tn_expr *counts = tn_op2(p, op, than(s, c->at, bit), load_at(s, s->key, c->at, i));
    tn_comp_reduce(p, c, TN_OP_ADD, tn_integer(p, count->dtype, 0), tn_cast(p, count->dtype, counts), NULL);
}

static void raise_least(const selection *s, tn_buf *count, const tn_expr *bit)
{
    tn_program *p = s->p;
    count_keys(s, count, TN_OP_LE, least_tried, bit);
    tn_comp *c = tn_comp_begin(p, s->n, s->least);
    const tn_expr *enough = tn_le(p, tn_late_dim(p, s->k), tn_cast(p, TN_INT64, tn_load(p, count, c->at)));
    tn_comp_set(p, c, tn_select(p, enough, least_tried(s, c->at, bit), least_so_far(s, c->at, bit)));
}

static void find_least(selection *s, tn_buf *count)
{
    tn_program *p = s->p;
    int bits = s->t == TN_INT32 ? 31 : 63; /* below the sign */
    s->least = row_buffer(s, "least", s->t);
    raise_least(s, count, NULL);
    const tn_expr *turn = tn_repeat_begin(p, tn_index(p, bits));
    raise_least(s, count, tn_op2(p, TN_OP_SHL, number(s, 1), tn_sub(p, number(s, bits - 1), tn_cast(p, s->t, turn))));
    tn_repeat_end(p);
}

/* Of each element: how many there are before it along the axis. */
static tn_buf *count_before(const selection *s, const char *name,
                            const tn_expr *(*counts)(const selection *, const tn_expr *const *, const void *),
                            const void *user)
{
    tn_program *p = s->p;
    const tn_expr *before[TN_MAX_RANK];
    tn_comp *c = tn_comp_begin(p, s->n, tn_buf_temp(p, name, TN_INT64, s->x.rank, s->x.dim));
    memcpy(before, c->at, sizeof before);
    before[s->axis] = tn_sub(p, c->at[s->axis], tn_index(p, 1));
    const tn_expr *sum = tn_add(p, tn_load(p, c->out, before), tn_cast(p, TN_INT64, counts(s, before, user)));
    c->serial = true;
    tn_comp_set(p, c, tn_select(p, tn_is(p, c->at[s->axis], tn_index(p, 0)), tn_int64(p, 0), sum));
    return c->out;
}

static const tn_expr *is_least(const selection *s, const tn_expr *const *at, const void *user)
{
    (void)user;
    return tn_is(s->p, tn_load(s->p, s->key, at), load_row(s, s->least, at));
}

/* Of rows: how many keys are above the least; of elements: how many before are equal to it. */
typedef struct ties {
    tn_buf *above, *before;
} ties;

static const tn_expr *is_chosen(const selection *s, const tn_expr *const *at, const void *user)
{
    tn_program *p = s->p;
    const ties *t = user;
    const tn_expr *needed = tn_sub(p, tn_late_dim(p, s->k), tn_cast(p, TN_INT64, load_row(s, t->above, at)));
    const tn_expr *fills = tn_and(p, is_least(s, at, NULL), tn_lt(p, tn_load(p, t->before, at), needed));
    return tn_either(p, tn_lt(p, load_row(s, s->least, at), tn_load(p, s->key, at)), fills);
}

/* A scatter, as in tn_late_positions: there is room for the largest k, so that what is not chosen writes inside. */
static tn_buf *choose(const selection *s, tn_buf *count)
{
    tn_program *p = s->p;
    tn_shape room = s->few;
    room.dim[s->axis] = tn_dim_fixed(s->k.n);
    tn_buf *out = tn_buf_temp(p, "chosen", TN_INT64, room.rank, room.dim);
    ties t = {.above = count};
    count_keys(s, count, TN_OP_LT, least_so_far, number(s, 0));
    t.before = count_before(s, "equal", is_least, NULL);
    tn_buf *place = count_before(s, "place", is_chosen, &t);
    tn_comp_set(p, tn_comp_begin(p, s->n, out), tn_int64(p, 0));
    tn_comp *c = tn_comp_over(p, s->n, out, s->x.rank, s->x.dim);
    const tn_expr *at[TN_MAX_RANK];
    for (int d = 0; d < s->x.rank; d++)
        c->at[d] = at[d] = tn_axis_var(p, c, d);
    c->at[s->axis] = tn_min(p, tn_late_index(p, tn_load(p, place, at)), tn_index(p, s->k.n - 1));
    c->serial = true;
    tn_comp_set(p, c, tn_select(p, is_chosen(s, at, &t), tn_cast(p, TN_INT64, at[s->axis]), tn_load(p, out, c->at)));
    return out;
}

/* Each of the chosen goes to its rank among them. They stand in the order of their indices. */
static void order_chosen(const selection *s, tn_buf *chosen, tn_buf *index)
{
    tn_program *p = s->p;
    tn_buf *key = tn_buf_temp(p, "chosen_key", s->t, s->few.rank, s->few.dim);
    tn_comp *c = tn_comp_begin(p, s->n, key);
    tn_comp_set(p, c, load_at(s, s->key, c->at, tn_late_index(p, tn_load(p, chosen, c->at))));
    tn_buf *rank = find_ranks(s, key, &s->few);
    c = tn_comp_over(p, s->n, index, s->few.rank, s->few.dim);
    const tn_expr *at[TN_MAX_RANK];
    for (int d = 0; d < s->few.rank; d++)
        c->at[d] = at[d] = tn_axis_var(p, c, d);
    c->at[s->axis] = tn_late_index(p, tn_load(p, rank, at));
    c->serial = true;
    tn_comp_set(p, c, tn_load(p, chosen, at));
}

static void index_by_selection(selection *s, tn_buf *index)
{
    tn_buf *count = row_buffer(s, "count", count_type(s->x.dim[s->axis]));
    find_least(s, count);
    order_chosen(s, choose(s, count), index);
}

/* --- lowering ------------------------------------------------------------------------------------------------------- */

static void find_indices(tn_program *p, const tn_node *n, int axis, tn_dim k, tn_buf *index)
{
    const tn_value *x = n->in[0];
    tn_dtype compute = tn_dtype_get(x->dtype)->compute;
    bool wide = compute == TN_DOUBLE || compute == TN_INT64 || compute == TN_UINT64 || compute == TN_UINT32;
    selection s = {.p = p, .n = n, .axis = axis, .k = k, .x = x->shape, .few = x->shape};
    s.t = wide ? TN_INT64 : TN_INT32;
    s.few.dim[axis] = k;
    make_keys(&s);
    if (x->shape.dim[axis].n > (wide ? SHORT_WIDE_ROW : SHORT_ROW) && k.n > 0)
        index_by_selection(&s, index);
    else
        index_by_rank(&s, index);
}

/* value[k] = x[index[k]]. The result is sorted whether or not the node asks for it. */
bool tn_lower_top_k(tn_program *p, const tn_node *n)
{
    int axis = 0;
    size_t count = 0;
    if (!read_axis(p->graph, n, &axis))
        return false;
    const tn_dim *k = find_k(p->graph, n, axis, &count);
    if (k == NULL)
        return false;
    tn_late_check_dims(p, n, 1, 1, k);
    tn_shape s = n->in[0]->shape;
    tn_dim extent = s.dim[axis];
    s.dim[axis] = k[0];
    if (!is_within(k[0], extent))
        tn_late_check(p, n, tn_le(p, tn_late_dim(p, k[0]), tn_late_dim(p, extent)));
    bool wanted = n->n_out > 1 && n->out[1] != NULL;
    tn_buf *index = wanted ? tn_buf_of(p, n->out[1]) : tn_buf_temp(p, "index", TN_INT64, s.rank, s.dim);
    find_indices(p, n, axis, k[0], index);
    if (n->out[0] == NULL)
        return true;
    const tn_expr *at[TN_MAX_RANK];
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[0]));
    memcpy(at, c->at, sizeof at);
    at[axis] = tn_cast(p, TN_INDEX, tn_load(p, index, c->at));
    tn_comp_set(p, c, tn_load_stored(p, n->in[0], at));
    return true;
}
