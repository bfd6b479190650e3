/* A repeat in the graph: the nodes between RepeatBegin and RepeatEnd run once for each turn. They stand among all others,
   so that passes see one list of nodes in order.

       "i", "s", "x.i" = tenon::RepeatBegin("s0", "x") {id=1, states=1, trips=3, axes=[0], reversed=[0]}
       "s.next" = Add("s", "x.i")
       "s.end", "y" = tenon::RepeatEnd("i", "s.next", "s.next") {axes=[0], reversed=[0]}

   RepeatBegin: states, then tensors whose slices along axes the turns take; gives the turn (int64), the states and the
   slices. RepeatEnd: the turn, the next states, then elements; gives the states behind the last turn and the elements of
   all turns, joined along its axes. There is at least one turn, unless attribute `while` names a state, one bool: no turn
   begins where it is false, and elements of turns that were not taken are whatever was there. id keeps two repeats over the
   same operands apart. */
#include "ops/repeat.h"

#include "ops/late.h"
#include "ops/ops.h"

/* NULL: there is none of that length. */
static const int64_t *list(const tn_node *n, const char *name, size_t wanted)
{
    static const int64_t empty = 0;
    const tn_attr *a = tn_node_find_attr(n, name);
    if (a == NULL || a->kind != TN_ATTR_INTS || a->n != wanted)
        return NULL;
    return wanted > 0 ? a->ints : &empty;
}

/* --- begin ---------------------------------------------------------------------------------------------------------- */

/* The state that attribute while names, among the operands or the results behind the turn; NULL: none. */
static tn_value *find_active(const tn_node *n, tn_value *const *states)
{
    int64_t i = tn_node_int(n, "while", -1);
    return i >= 0 && i < tn_node_int(n, "states", 0) ? states[i] : NULL;
}

static bool check_begin(tn_graph *g, const tn_node *n)
{
    int64_t states = tn_node_int(n, "states", -1);
    size_t slices = (size_t)(n->n_in - (int)states);
    if (states < 0 || states > n->n_in || n->n_out != n->n_in + 1 || list(n, "axes", slices) == NULL
        || list(n, "reversed", slices) == NULL || (slices == 0 && tn_node_int(n, "trips", 0) < 1))
        return tn_node_error(g, n, "states, axes, reversed and trips do not fit its operands and results");
    const tn_value *active = find_active(n, n->in);
    if (tn_node_find_attr(n, "while") != NULL
        && (active == NULL || active->dtype != TN_BOOL || active->shape.rank != 0))
        return tn_node_error(g, n, "while is %lld; a state that is one bool is wanted",
                             (long long)tn_node_int(n, "while", -1));
    for (int i = (int)states; i < n->n_in; i++) {
        int64_t axis = list(n, "axes", slices)[i - states];
        if (axis < 0 || axis >= n->in[i]->shape.rank)
            return tn_node_error(g, n, "operand %d has no axis %lld", i, (long long)axis);
    }
    return true;
}

/* How many turns: as many as the slices. */
static tn_dim find_trips(const tn_node *begin)
{
    int64_t states = tn_node_int(begin, "states", 0), trips = tn_node_int(begin, "trips", 0);
    if (begin->n_in == states)
        return tn_dim_fixed(trips);
    return begin->in[states]->shape.dim[list(begin, "axes", (size_t)(begin->n_in - states))[0]];
}

bool tn_infer_repeat_begin(tn_graph *g, tn_node *n)
{
    if (!check_begin(g, n))
        return false;
    int states = (int)tn_node_int(n, "states", 0);
    const int64_t *axes = list(n, "axes", (size_t)(n->n_in - states));
    tn_shape scalar = tn_shape_fixed(0, NULL);
    tn_set_output(n, 0, TN_INT64, &scalar);
    for (int i = 0; i < n->n_in; i++) {
        tn_shape s = n->in[i]->shape;
        if (i >= states) {
            s.rank--;
            for (int d = (int)axes[i - states]; d < s.rank; d++)
                s.dim[d] = s.dim[d + 1];
        }
        tn_set_output(n, i + 1, n->in[i]->dtype, &s);
    }
    return true;
}

/* Where the turn's slice or element is along its axis. */
static const tn_expr *turn_place(tn_program *p, const tn_expr *turn, const tn_expr *trips, bool reversed)
{
    return reversed ? tn_sub(p, tn_sub(p, trips, tn_index(p, 1)), turn) : turn;
}

/* place with the subscript of one more axis put in. */
static void insert(const tn_expr *const *at, int rank, int64_t axis, const tn_expr *place, const tn_expr **out)
{
    for (int d = 0, from = 0; d <= rank; d++)
        out[d] = d == axis ? place : at[from++];
}

static void copy(tn_program *p, const tn_node *n, tn_buf *to, tn_buf *from)
{
    tn_comp *c = tn_comp_begin(p, n, to);
    tn_comp_set(p, c, tn_load(p, from, c->at));
}

static void begin_while(tn_program *p, const tn_node *n, const tn_value *active)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, "active", TN_BOOL, 0, NULL));
    c->check = TN_WHILE;
    tn_comp_set(p, c, tn_load(p, tn_buf_of(p, active), NULL));
}

static void take_slice(tn_program *p, const tn_node *n, int i, int64_t axis, const tn_expr *place)
{
    const tn_expr *at[TN_MAX_RANK];
    tn_comp *c = tn_comp_begin(p, n, tn_buf_of(p, n->out[i + 1]));
    insert(c->at, c->out->rank, axis, place, at);
    tn_comp_set(p, c, tn_load(p, tn_buf_of(p, n->in[i]), at));
}

bool tn_lower_repeat_begin(tn_program *p, const tn_node *n)
{
    int states = (int)tn_node_int(n, "states", 0);
    size_t slices = (size_t)(n->n_in - states);
    const int64_t *axes = list(n, "axes", slices), *reversed = list(n, "reversed", slices);
    const tn_expr *trips = tn_dim_expr(p, find_trips(n));
    for (int i = 0; i < states; i++)
        copy(p, n, tn_buf_of(p, n->out[i + 1]), tn_buf_of(p, n->in[i]));
    const tn_expr *turn = tn_repeat_begin(p, trips);
    const tn_value *active = find_active(n, n->out + 1);
    if (active != NULL)
        begin_while(p, n, active);
    tn_comp_set(p, tn_comp_begin(p, n, tn_buf_of(p, n->out[0])), tn_cast(p, TN_INT64, turn));
    for (int i = states; i < n->n_in; i++)
        take_slice(p, n, i, axes[i - states], turn_place(p, turn, trips, reversed[i - states] != 0));
    return true;
}

/* --- end ------------------------------------------------------------------------------------------------------------ */

/* NULL after an error. */
static const tn_node *find_begin(tn_graph *g, const tn_node *n, int *states)
{
    const tn_node *begin = n->in[0]->maker;
    bool fits = begin != NULL && begin->op->lower == tn_lower_repeat_begin && begin->out[0] == n->in[0];
    *states = fits ? (int)tn_node_int(begin, "states", 0) : 0;
    size_t elements = (size_t)(n->n_in - 1 - *states);
    if (fits && n->n_in > *states && n->n_out == n->n_in - 1 && list(n, "axes", elements) != NULL
        && list(n, "reversed", elements) != NULL)
        return begin;
    tn_node_error(g, n, "it does not fit its RepeatBegin");
    return NULL;
}

static bool check_state(tn_graph *g, const tn_node *n, const tn_value *state, const tn_value *next)
{
    if (state->dtype == next->dtype && tn_shape_equal(&state->shape, &next->shape))
        return true;
    return tn_node_error(g, n, "what is carried from turn to turn changes from %s to %s ('%s')",
                         tn_value_type(g->arena, state), tn_value_type(g->arena, next), next->name);
}

bool tn_infer_repeat_end(tn_graph *g, tn_node *n)
{
    int states;
    const tn_node *begin = find_begin(g, n, &states);
    for (int i = 0; begin != NULL && i < states; i++) {
        if (!check_state(g, n, begin->out[i + 1], n->in[i + 1]))
            return false;
        tn_set_output(n, i, n->in[i + 1]->dtype, &n->in[i + 1]->shape);
    }
    for (int i = states; begin != NULL && i < n->n_out; i++) {
        tn_shape s = n->in[i + 1]->shape;
        int64_t axis = list(n, "axes", (size_t)(n->n_out - states))[i - states];
        if (s.rank == TN_MAX_RANK || axis < 0 || axis > s.rank)
            return tn_node_error(g, n, "elements of %d dims cannot be joined along axis %lld", s.rank, (long long)axis);
        memmove(&s.dim[axis + 1], &s.dim[axis], sizeof *s.dim * (size_t)(s.rank - axis));
        s.dim[axis] = find_trips(begin);
        s.rank++;
        tn_set_output(n, i, n->in[i + 1]->dtype, &s);
    }
    return begin != NULL;
}

static void put_element(tn_program *p, const tn_node *n, int i, int64_t axis, const tn_expr *place)
{
    const tn_value *element = n->in[i + 1];
    if (n->out[i] == NULL)
        return;
    const tn_expr *at[TN_MAX_RANK];
    tn_comp *c = tn_comp_over(p, n, tn_buf_of(p, n->out[i]), element->shape.rank, element->shape.dim);
    for (int d = 0; d < element->shape.rank; d++)
        at[d] = tn_axis_var(p, c, d);
    insert(at, element->shape.rank, axis, place, c->at);
    tn_comp_set(p, c, tn_load(p, tn_buf_of(p, (tn_value *)element), at));
}

/* States are written one after the other: one that becomes the next of another is first put aside. */
static tn_buf *find_next(tn_program *p, const tn_node *n, const tn_node *begin, int i)
{
    const tn_value *next = n->in[i + 1];
    tn_buf *b = tn_buf_of(p, next);
    if (next->maker != begin || next == begin->out[i + 1])
        return b;
    tn_buf *aside = tn_buf_temp(p, "next", next->dtype, next->shape.rank, next->shape.dim);
    copy(p, n, aside, b);
    return aside;
}

bool tn_lower_repeat_end(tn_program *p, const tn_node *n)
{
    int states;
    const tn_node *begin = find_begin(p->graph, n, &states);
    if (begin == NULL)
        return false;
    if (p->repeat == NULL)
        return tn_node_error(p->graph, n, "it stands before its RepeatBegin");
    size_t elements = (size_t)(n->n_out - states);
    const int64_t *axes = list(n, "axes", elements), *reversed = list(n, "reversed", elements);
    const tn_expr *turn = tn_var_expr(p, p->repeat->turn), *trips = p->repeat->extent;
    for (int i = states; i < n->n_out; i++)
        put_element(p, n, i, axes[i - states], turn_place(p, turn, trips, reversed[i - states] != 0));
    tn_buf **next = TN_NEW_N(p->arena, tn_buf *, states + 1);
    for (int i = 0; i < states; i++)
        next[i] = find_next(p, n, begin, i);
    for (int i = 0; i < states; i++)
        if (n->in[i + 1] != begin->out[i + 1])
            copy(p, n, tn_buf_of(p, begin->out[i + 1]), next[i]);
    tn_repeat_end(p);
    for (int i = 0; i < states; i++)
        if (n->out[i] != NULL)
            copy(p, n, tn_buf_of(p, n->out[i]), tn_buf_of(p, begin->out[i + 1]));
    return true;
}

/* --- check ---------------------------------------------------------------------------------------------------------- */

bool tn_infer_check(tn_graph *g, tn_node *n)
{
    if (tn_shape_count(&n->in[0]->shape) != 1)
        return tn_node_error(g, n, "operand 0 has %lld elements; one is wanted",
                             (long long)tn_shape_count(&n->in[0]->shape));
    tn_set_output(n, 0, n->in[1]->dtype, &n->in[1]->shape);
    return true;
}

bool tn_lower_check(tn_program *p, const tn_node *n)
{
    const tn_expr *zero[TN_MAX_RANK];
    for (int d = 0; d < n->in[0]->shape.rank; d++)
        zero[d] = tn_index(p, 0);
    tn_late_check(p, n, tn_load(p, tn_buf_of(p, n->in[0]), zero));
    tn_comp_view(p, n, tn_buf_of(p, n->out[0]), tn_buf_of(p, n->in[1]));
    return true;
}

/* --- building them -------------------------------------------------------------------------------------------------- */

static tn_node *make(tn_expand *e, const char *op, int n_in, int n_out)
{
    tn_node *n = tn_graph_make_node(e->g, tn_op_find("tenon", op), e->node->name, n_in, n_out);
    tn_node_set_origin(n, e->node);
    n->version = 1;
    if (tn_node_maybe(e->node))
        tn_node_set_maybe(e->g, n);
    return n;
}

static bool add(tn_expand *e, tn_node *n, const char *what)
{
    for (int i = 0; i < n->n_out; i++) {
        n->out[i] = tn_graph_add_value(e->g, tn_expand_name(e, what));
        n->out[i]->maker = n;
    }
    e->failed = e->failed || !e->add(e, n);
    return !e->failed;
}

static void set_lists(tn_expand *e, tn_node *n, int count, const int64_t *axes, const int64_t *reversed)
{
    tn_node_set_ints(e->g, n, "axes", axes, (size_t)count);
    tn_node_set_ints(e->g, n, "reversed", reversed, (size_t)count);
}

tn_node *tn_call_repeat_while(tn_expand *e, int active, int64_t trips, int states, int slices, tn_value *const *in,
                              const int64_t *axes, const int64_t *reversed)
{
    tn_node *n = make(e, "RepeatBegin", states + slices, states + slices + 1);
    for (int i = 0; i < n->n_in; i++)
        n->in[i] = in[i];
    tn_node_set_int(e->g, n, "id", (int64_t)e->g->values.n);
    tn_node_set_int(e->g, n, "states", states);
    tn_node_set_int(e->g, n, "trips", trips);
    if (active >= 0)
        tn_node_set_int(e->g, n, "while", active);
    set_lists(e, n, slices, axes, reversed);
    return add(e, n, "turn") ? n : NULL;
}

tn_node *tn_call_repeat_begin(tn_expand *e, int64_t trips, int states, int slices, tn_value *const *in,
                              const int64_t *axes, const int64_t *reversed)
{
    return tn_call_repeat_while(e, -1, trips, states, slices, in, axes, reversed);
}

tn_node *tn_call_repeat_end(tn_expand *e, const tn_node *begin, int states, int elements, tn_value *const *in,
                            const int64_t *axes, const int64_t *reversed)
{
    tn_node *n = make(e, "RepeatEnd", 1 + states + elements, states + elements);
    n->in[0] = begin->out[0];
    for (int i = 0; i < states + elements; i++)
        n->in[i + 1] = in[i];
    set_lists(e, n, elements, axes, reversed);
    return add(e, n, "end") ? n : NULL;
}

tn_value *tn_call_check(tn_expand *e, tn_value *agrees, tn_value *v)
{
    if (e->failed)
        return v;
    tn_node *n = make(e, "Check", 2, 1);
    n->in[0] = agrees;
    n->in[1] = v;
    return add(e, n, "checked") ? n->out[0] : v;
}

bool tn_node_begins_repeat(const tn_node *n)
{
    return n->op->lower == tn_lower_repeat_begin;
}

bool tn_node_ends_repeat(const tn_node *n)
{
    return n->op->lower == tn_lower_repeat_end;
}

bool tn_node_may_stop(const tn_node *n)
{
    return tn_node_begins_repeat(n) && tn_node_find_attr(n, "while") != NULL;
}

bool tn_node_joins_turns(const tn_node *n, int i)
{
    return tn_node_ends_repeat(n) && i >= tn_node_int(n->in[0]->maker, "states", 0);
}
