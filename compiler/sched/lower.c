/* From a nest to statements. See sched.h and the head of loop.h.

       for outer loops                          the loops before the first reduction loop
           acc0 = init; acc1 = init; ...        one variable per point of the register tile
           for reduction loops                  bounds clipped to where the element is not the neutral one
               acc0 = acc0 + ...; acc1 = ...
           out[...] = post(acc0); ...  */
#include "sched/sched.h"

typedef struct lowering {
    tn_program *p;
    tn_nest *nest;
    const tn_expr *value[TN_MAX_LOOPS]; /* of each loop: its variable, or a number where unrolled */
    int64_t extent[TN_MAX_LOOPS];       /* in this section */
    tn_var *lane;                       /* of the vector loop */
    const tn_expr *elem;                /* less the guards that loop bounds took over */
    int first_reduce;
    bool in_tail;                      /* the ragged end behind a reduction's lanes */
    const tn_expr *point[TN_MAX_AXES]; /* where in the border of an axis; NULL: between */
    bool is_inside[TN_MAX_AXES];       /* the axis's border is another section */
    int side;     /* the loop of sums side by side: the reduction's lanes, or scalars; -1: there is none */
    tn_var **acc; /* the tile's */
    tn_buf **sum; /* of each point, where they are scalars */
} lowering;

static void lower_loops(lowering *l, int k, tn_stmt_vec *out);

static tn_stmt *add_stmt(lowering *l, tn_stmt_vec *out, tn_stmt_kind kind)
{
    tn_stmt *s = TN_NEW(l->p->arena, tn_stmt);
    s->kind = kind;
    *TN_PUSH(l->p->arena, *out) = s;
    return s;
}

/* --- expressions in terms of the loops ---------------------------------------------------------------------------- */

static const tn_expr *flatten_load(tn_program *p, void *user, const tn_expr *e)
{
    (void)user;
    if (e->kind != TN_E_LOAD || e->i == 1)
        return NULL;
    return tn_load_flat(p, e->buf, tn_buf_offset(p, e->buf, e->arg));
}

const tn_expr *tn_flatten_loads(tn_program *p, const tn_expr *e)
{
    return tn_rewrite(p, e, flatten_load, NULL);
}

/* The loops' values put in place of the computation's variables. */
typedef struct binding {
    lowering *l;
    const tn_comp *c;
} binding;

static const tn_expr *bind_loop(tn_program *p, void *user, const tn_expr *e)
{
    (void)p;
    const lowering *l = user;
    for (int i = 0; e->kind == TN_E_VAR && i < l->nest->n; i++)
        if (l->nest->loop[i].var == e->var)
            return l->value[i];
    return NULL;
}

static const tn_expr *bind_axis(tn_program *p, void *user, const tn_expr *e)
{
    const binding *b = user;
    if (e->kind != TN_E_VAR)
        return NULL;
    for (int i = 0; i < b->c->n_axis; i++)
        if (b->c->axis[i].var == e->var)
            return b->l->point[i] != NULL ? b->l->point[i] : tn_rewrite(p, b->l->nest->axis[i], bind_loop, b->l);
    for (int i = 0; i < b->c->n_reduce; i++)
        if (b->c->reduce[i].var == e->var)
            return tn_rewrite(p, b->l->nest->reduce[i], bind_loop, b->l);
    return NULL;
}

static const tn_expr *bind(lowering *l, const tn_expr *e)
{
    binding b = {l, l->nest->comp};
    return tn_rewrite(l->p, e, bind_axis, &b);
}

static const tn_expr *bind_flat(lowering *l, const tn_expr *e)
{
    return tn_flatten_loads(l->p, bind(l, e));
}

/* --- stores ------------------------------------------------------------------------------------------------------- */

static void add_store(lowering *l, tn_stmt_vec *out, tn_var *lane, const tn_expr *offset, const tn_expr *value)
{
    tn_stmt *s = add_stmt(l, out, TN_S_STORE);
    s->buf = l->nest->comp->out;
    s->offset = offset;
    s->value = value;
    s->lane = lane;
}

static tn_stmt *add_for(lowering *l, tn_stmt_vec *out, tn_var *var, const tn_expr *begin, const tn_expr *end)
{
    tn_stmt *s = add_stmt(l, out, TN_S_FOR);
    s->var = var;
    s->begin = begin;
    s->end = end;
    return s;
}

/* A value without a vector form (a call such as sin), or one of which only the first lanes lie in the result, is stored
   lane by lane: the vector goes through memory. */
static void store_by_lanes(lowering *l, tn_stmt_vec *out, const tn_expr *offset, const tn_expr *value, tn_var *acc,
                           const tn_expr *limit)
{
    tn_program *p = l->p;
    int64_t lanes = l->lane->hi + 1;
    tn_dim extent = tn_dim_fixed(lanes);
    const tn_expr *lane = tn_var_expr(p, l->lane);
    if (acc != NULL && acc->lanes > 0) {
        tn_buf *spill = tn_buf_temp(p, "lanes", acc->dtype, 1, &extent);
        spill->scope = TN_SCOPE_REGISTER;
        tn_stmt *s = add_stmt(l, out, TN_S_STORE);
        *s = (tn_stmt){.kind = TN_S_STORE, .buf = spill, .offset = lane, .value = tn_var_expr(p, acc), .lane = l->lane};
        value = tn_substitute(p, value, acc, tn_load_flat(p, spill, lane));
    }
    const tn_expr *end = limit != NULL ? tn_min(p, limit, tn_index(p, lanes)) : tn_index(p, lanes);
    tn_stmt *loop = add_for(l, out, l->lane, tn_index(p, 0), end);
    add_store(l, &loop->body, NULL, offset, value);
}

/* How many lanes lie in the result, where a padded axis may take some beyond its end; NULL: all. */
static const tn_expr *find_limit(lowering *l, const tn_expr *const *at)
{
    const tn_buf *out = l->nest->comp->out;
    for (int d = 0; d < out->rank && l->lane != NULL; d++) {
        int64_t lo = 0, hi = 0;
        if (tn_buf_is_blocked_on(out, d) || !tn_uses_var(at[d], l->lane))
            continue;
        tn_range_of(at[d], &lo, &hi);
        if (hi >= out->max[d])
            return tn_sub(l->p, tn_index(l->p, out->max[d]), tn_substitute(l->p, at[d], l->lane, tn_index(l->p, 0)));
    }
    return NULL;
}

static void store_point(lowering *l, tn_stmt_vec *out, const tn_expr *value, tn_var *acc)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    int64_t c = 0;
    for (int i = 0; i < l->nest->comp->out->rank; i++)
        at[i] = bind(l, l->nest->comp->at[i]);
    const tn_expr *offset = tn_flatten_loads(l->p, tn_buf_offset(l->p, l->nest->comp->out, at));
    bool vector =
        l->lane != NULL && tn_can_store_vector(l->p, value, l->lane) && tn_coefficient(offset, l->lane, &c) && c == 1;
    const tn_expr *limit = find_limit(l, at);
    if (limit == NULL && (l->lane == NULL || vector))
        add_store(l, out, vector ? l->lane : NULL, offset, value);
    else
        store_by_lanes(l, out, offset, value, acc, limit);
}

/* --- bounds of reduction loops -------------------------------------------------------------------------------------- */

/* Whether a loop after k that is part of the tile or of the reduction moves e. */
static bool moves_later(const lowering *l, const tn_expr *e, int k)
{
    for (int i = k + 1; i < l->nest->n; i++)
        if (tn_uses_var(e, l->nest->loop[i].var))
            return true;
    for (int i = l->first_reduce; i < k; i++) /* a tile loop further out is unrolled: not yet a number here */
        if (!l->nest->loop[i].is_reduce && tn_uses_var(e, l->nest->loop[i].var))
            return true;
    return false;
}

static const tn_expr *make_true(tn_program *p, void *user, const tn_expr *e)
{
    return e == (const tn_expr *)user ? tn_integer(p, TN_BOOL, 1) : NULL;
}

static void note_load(void *user, const tn_expr *e)
{
    (void)e;
    *(bool *)user = true;
}

/* x <= y or x < y, linear in v: raises begin or lowers end so that it holds. Not by what is read from memory: that would
   be read again at each turn, and its place is found for expressions, not for bounds. */
static bool clip(tn_program *p, const tn_expr *cond, tn_var *v, const tn_expr **begin, const tn_expr **end)
{
    int64_t c = 0;
    bool loads = false;
    tn_each_load(cond, note_load, &loads);
    const tn_expr *slack = tn_slack_of(p, cond);
    if (loads || slack == NULL || !tn_coefficient(slack, v, &c) || c == 0)
        return false;
    const tn_expr *rest = tn_sub(p, slack, tn_mul(p, tn_var_expr(p, v), tn_index(p, c)));
    if (c > 0) { /* v >= ceil(-rest / c) */
        const tn_expr *least = tn_add(p, tn_mul(p, rest, tn_index(p, -1)), tn_index(p, c - 1));
        *begin = tn_max(p, *begin, tn_op2(p, TN_OP_FDIV, least, tn_index(p, c)));
    } else { /* v <= floor(rest / -c) */
        const tn_expr *most = tn_op2(p, TN_OP_FDIV, rest, tn_index(p, -c));
        *end = tn_min(p, *end, tn_add(p, most, tn_index(p, 1)));
    }
    return true;
}

static void clip_loop(lowering *l, int k, const tn_expr **begin, const tn_expr **end)
{
    tn_guards g = {0};
    tn_find_guards(l->nest->comp, l->elem, &g);
    for (int i = 0; i < g.n; i++) {
        const tn_expr *cond = bind(l, g.item[i]);
        if (!tn_uses_var(cond, l->nest->loop[k].var) || moves_later(l, cond, k))
            continue;
        if (clip(l->p, cond, l->nest->loop[k].var, begin, end))
            l->elem = tn_rewrite(l->p, l->elem, make_true, (void *)(uintptr_t)g.item[i]);
    }
}

/* --- the register tile -------------------------------------------------------------------------------------------- */

/* At a point of its axis's border a loop has no turns. */
static bool is_set(const lowering *l, int k)
{
    int bordered = l->nest->loop[k].bordered;
    return bordered > 0 && l->point[bordered - 1] != NULL;
}

static bool is_in_border(const lowering *l)
{
    for (int i = 0; i < l->nest->comp->n_axis; i++)
        if (l->point[i] != NULL)
            return true;
    return false;
}

typedef void tile_fn(lowering *l, tn_stmt_vec *out, tn_var *acc);

/* f for each point of the tile: the unrolled loops after the first reduction loop. */
static void each_point(lowering *l, int k, tn_var **acc, int *at, tn_stmt_vec *out, tile_fn *f)
{
    while (k < l->nest->n && (l->nest->loop[k].is_reduce || l->nest->loop[k].kind == TN_LOOP_VECTOR || is_set(l, k)))
        k++;
    if (k == l->nest->n) {
        f(l, out, acc[(*at)++]);
        return;
    }
    const tn_expr *saved = l->value[k];
    for (int64_t i = 0; i < l->extent[k]; i++) {
        l->value[k] = tn_index(l->p, i);
        each_point(l, k + 1, acc, at, out, f);
    }
    l->value[k] = saved;
}

static int find_loop_of(const tn_nest *nest, tn_loop_kind kind)
{
    for (int i = 0; i < nest->n; i++)
        if (nest->loop[i].kind == kind)
            return i;
    return -1;
}

static bool has_scalar_sums(const lowering *l)
{
    return l->side >= 0 && l->nest->loop[l->side].kind == TN_LOOP_SUMS;
}

/* sum[j] = value, or combined with it, for each j; of the point whose accumulator that would be. */
static void step_sums(lowering *l, tn_stmt_vec *out, const tn_var *acc, bool combines, const tn_expr *value)
{
    tn_program *p = l->p;
    tn_var *j = l->nest->loop[l->side].var;
    int point = 0;
    while (l->acc[point] != acc)
        point++;
    tn_stmt *loop = add_for(l, out, j, tn_index(p, 0), tn_index(p, l->nest->comp->sums));
    tn_stmt *s = add_stmt(l, &loop->body, TN_S_STORE);
    const tn_expr *old = tn_load_flat(p, l->sum[point], tn_var_expr(p, j));
    s->buf = l->sum[point];
    s->offset = tn_var_expr(p, j);
    s->value = combines ? tn_op2(p, (tn_scalar_op)l->nest->comp->combine, old, value) : value;
}

static const tn_expr *neutral_of(tn_program *p, const tn_comp *c)
{
    return tn_number(p, c->acc->dtype, tn_neutral(c->combine));
}

static void start_acc(lowering *l, tn_stmt_vec *out, tn_var *acc)
{
    if (has_scalar_sums(l)) {
        step_sums(l, out, acc, false, neutral_of(l->p, l->nest->comp));
        return;
    }
    tn_stmt *s = add_stmt(l, out, TN_S_LET);
    s->var = acc;
    s->is_mutable = true;
    s->value = l->side >= 0 ? neutral_of(l->p, l->nest->comp) : bind_flat(l, l->nest->comp->init);
    s->lane = l->lane;
}

static void step_acc(lowering *l, tn_stmt_vec *out, tn_var *acc)
{
    if (has_scalar_sums(l) && !l->in_tail) {
        step_sums(l, out, acc, true, bind_flat(l, l->elem));
        return;
    }
    tn_stmt *s = add_stmt(l, out, TN_S_SET);
    s->var = acc;
    s->lane = l->lane;
    s->value = tn_var_expr(l->p, acc);
    int k = find_loop_of(l->nest, TN_LOOP_DOT);
    const tn_expr *turn = k >= 0 ? l->value[k] : NULL;
    for (int64_t i = 0; i < (k >= 0 ? l->extent[k] : 1); i++) {
        if (k >= 0)
            l->value[k] = tn_index(l->p, i);
        s->value = tn_op2(l->p, (tn_scalar_op)l->nest->comp->combine, s->value, bind_flat(l, l->elem));
    }
    if (k >= 0)
        l->value[k] = turn;
}

static void finish_acc(lowering *l, tn_stmt_vec *out, tn_var *acc)
{
    const tn_expr *post = tn_substitute(l->p, l->nest->comp->post, l->nest->comp->acc, tn_var_expr(l->p, acc));
    store_point(l, out, bind_flat(l, post), acc);
}

static void lower_reduction(lowering *l, int k, tn_var **acc, tn_stmt_vec *out);

static int find_inner(const tn_nest *nest, const char *name)
{
    for (int i = 0; i < nest->n; i++)
        if (strcmp(nest->loop[i].name, name) == 0)
            return i;
    return -1;
}

/* All whole turns, then the last with fewer inner ones. */
static void reduce_ragged(lowering *l, int k, tn_var **acc, tn_stmt_vec *out)
{
    const tn_loop *loop = &l->nest->loop[k];
    int inner = find_inner(l->nest, loop->inner);
    int64_t whole = l->extent[k] - 1, full = l->extent[inner];
    bool lanes = inner == l->side; /* their end comes once they are one */
    l->extent[k] = whole;
    if (whole > 0 && !l->in_tail)
        lower_reduction(l, k, acc, out);
    l->extent[k] = whole + 1;
    l->value[k] = tn_index(l->p, whole);
    l->extent[inner] = loop->tail;
    if (!lanes || l->in_tail)
        lower_reduction(l, k + 1, acc, out);
    l->extent[inner] = full;
    l->value[k] = tn_var_expr(l->p, loop->var);
}

static void lower_reduction(lowering *l, int k, tn_var **acc, tn_stmt_vec *out)
{
    int at = 0;
    while (k < l->nest->n
           && (!l->nest->loop[k].is_reduce || l->nest->loop[k].kind == TN_LOOP_DOT || (k == l->side && !l->in_tail)))
        k++;
    if (k == l->nest->n) {
        tn_stmt_vec block = {0};
        each_point(l, l->first_reduce, acc, &at, &block, step_acc);
        for (size_t i = 0; i < block.n; i++)
            *TN_PUSH(l->p->arena, *out) = block.items[i];
        return;
    }
    const tn_loop *loop = &l->nest->loop[k];
    if (loop->tail != 0 && l->extent[k] == loop->extent) {
        reduce_ragged(l, k, acc, out);
        return;
    }
    bool unrolls = loop->kind == TN_LOOP_UNROLL && !is_in_border(l); /* where bounds leave steps out */
    if (unrolls || (loop->extent != 0 && l->extent[k] == 1)) {
        for (int64_t i = 0; i < l->extent[k]; i++) {
            l->value[k] = tn_index(l->p, i);
            lower_reduction(l, k + 1, acc, out);
        }
        l->value[k] = tn_var_expr(l->p, loop->var);
        return;
    }
    const tn_expr *begin = tn_index(l->p, 0), *end = loop->extent > 0 ? tn_index(l->p, l->extent[k]) : loop->symbol;
    const tn_expr *saved = l->elem;
    clip_loop(l, k, &begin, &end);
    tn_stmt *s = add_for(l, out, loop->var, begin, end);
    lower_reduction(l, k + 1, acc, &s->body);
    bool innermost = s->body.n > 0 && s->body.items[0]->kind == TN_S_SET;
    if (innermost && find_loop_of(l->nest, TN_LOOP_DOT) < 0)
        tn_share_loads(l->p, l->lane, &s->body);
    for (int i = 0; i < l->nest->n && innermost && !is_in_border(l); i++)
        if (l->nest->loop[i].ahead > 0)
            tn_add_prefetch(l->p, &l->nest->loop[i], l->extent[i], l->lane, &s->body);
    l->elem = saved;
}

/* --- reductions along the lanes ------------------------------------------------------------------------------------ */

/* Loads from first on, combined by halves: a tree. */
static const tn_expr *combine_lanes(lowering *l, const tn_buf *spill, int64_t first, int64_t n)
{
    if (n == 1)
        return tn_load_flat(l->p, (tn_buf *)(uintptr_t)spill, tn_index(l->p, first));
    return tn_op2(l->p, (tn_scalar_op)l->nest->comp->combine, combine_lanes(l, spill, first, n / 2),
                  combine_lanes(l, spill, first + n / 2, n - n / 2));
}

/* The vector's lanes become one number, together with what the reduction starts from. */
static tn_var *reduce_lanes(lowering *l, tn_stmt_vec *out, int point)
{
    tn_program *p = l->p;
    const tn_comp *c = l->nest->comp;
    tn_var *acc = l->acc[point], *lane = l->nest->loop[l->side].var;
    const tn_buf *spill = l->sum[point];
    if (!has_scalar_sums(l))
        *add_stmt(l, out, TN_S_STORE) = (tn_stmt){.kind = TN_S_STORE,
                                                  .buf = l->sum[point],
                                                  .offset = tn_var_expr(p, lane),
                                                  .value = tn_var_expr(p, acc),
                                                  .lane = lane};
    tn_stmt *let = add_stmt(l, out, TN_S_LET);
    let->var = tn_var_make(p, "all", acc->dtype, 0, 0);
    let->is_mutable = true;
    let->value = combine_lanes(l, spill, 0, l->nest->loop[l->side].extent);
    if (!tn_starts_neutral(c))
        let->value = tn_op2(p, (tn_scalar_op)c->combine, bind_flat(l, c->init), let->value);
    return let->var;
}

static bool has_ragged_lanes(const lowering *l)
{
    for (int i = l->first_reduce; i < l->nest->n; i++)
        if (l->nest->loop[i].tail != 0 && find_inner(l->nest, l->nest->loop[i].inner) == l->side)
            return true;
    return false;
}

/* acc[i] become scalars that hold the whole reduction. */
static void finish_lanes(lowering *l, int k, int points, tn_stmt_vec *out)
{
    l->lane = NULL;
    for (int i = 0; i < points; i++)
        l->acc[i] = reduce_lanes(l, out, i);
    l->in_tail = has_ragged_lanes(l);
    if (l->in_tail)
        lower_reduction(l, k, l->acc, out);
    l->in_tail = false;
}

/* Where the sums of each point stand while they are several. */
static tn_buf **make_sums(lowering *l, int points)
{
    tn_dim extent = tn_dim_fixed(l->nest->loop[l->side].extent);
    tn_buf **sum = TN_NEW_N(l->p->arena, tn_buf *, points);
    for (int i = 0; i < points; i++) {
        sum[i] = tn_buf_temp(l->p, "lanes", l->nest->comp->acc->dtype, 1, &extent);
        sum[i]->scope = TN_SCOPE_REGISTER;
    }
    return sum;
}

/* At most so many times the reduction's loops step. */
static double most_steps(const tn_nest *nest)
{
    double steps = 1;
    for (int i = 0; i < nest->n; i++) {
        const tn_loop *loop = &nest->loop[i];
        int64_t lo = 0, hi = loop->extent;
        if (loop->is_reduce && loop->extent <= 0)
            tn_range_of(loop->symbol, &lo, &hi);
        if (loop->is_reduce)
            steps *= (double)(hi + (loop->tail != 0));
    }
    return steps;
}

/* What a sum of integers can be while it grows, where that stays in its type: the C code then needs no wrapping. */
static void bound_acc(const tn_nest *nest, tn_var *acc)
{
    static const double most = 1ll << 40;
    const tn_comp *c = nest->comp;
    int64_t lo = 0, hi = 0, least = 0, greatest = 0;
    if (c->combine != TN_OP_ADD || tn_dtype_get(acc->dtype)->is_float)
        return;
    tn_range_of(c->elem, &lo, &hi);
    tn_range_of(c->init, &least, &greatest);
    double down = lo < 0 ? (double)lo * most_steps(nest) : 0, up = hi > 0 ? (double)hi * most_steps(nest) : 0;
    if (down < -most || up > most)
        return;
    least += (int64_t)down;
    greatest += (int64_t)up;
    if (tn_int_fits(acc->dtype, least, greatest)) {
        acc->lo = least;
        acc->hi = greatest;
    }
}

static void lower_tile(lowering *l, int k, tn_stmt_vec *out)
{
    int points = 1, at = 0;
    l->first_reduce = k;
    l->side = -1;
    for (int i = k; i < l->nest->n; i++) {
        const tn_loop *loop = &l->nest->loop[i];
        if (is_set(l, i))
            continue;
        if (loop->kind == TN_LOOP_LANES || loop->kind == TN_LOOP_SUMS)
            l->side = i;
        if (loop->kind == TN_LOOP_VECTOR || loop->kind == TN_LOOP_LANES)
            l->lane = loop->var;
        else if (!loop->is_reduce)
            points *= (int)l->extent[i];
    }
    tn_var **acc = TN_NEW_N(l->p->arena, tn_var *, points);
    for (int i = 0; i < points; i++) {
        acc[i] = tn_var_make(l->p, "acc", l->nest->comp->acc->dtype, 0, 0);
        acc[i]->lanes = l->lane != NULL ? (int)l->lane->hi + 1 : 0;
        bound_acc(l->nest, acc[i]);
    }
    l->acc = acc;
    l->sum = l->side >= 0 ? make_sums(l, points) : NULL;
    l->elem = l->nest->comp->elem;
    each_point(l, k, acc, &at, out, start_acc);
    lower_reduction(l, k, acc, out);
    if (l->side >= 0)
        finish_lanes(l, k, points, out);
    tn_stmt_vec stores = {0};
    at = 0;
    each_point(l, k, acc, &at, &stores, finish_acc);
    tn_batch_calls(l->p, &stores);
    for (size_t i = 0; i < stores.n; i++)
        *TN_PUSH(l->p->arena, *out) = stores.items[i];
    l->lane = NULL;
}

/* --- the outer loops ---------------------------------------------------------------------------------------------- */

/* Bounds of a parallel loop, less where the call's turns begin and end: counted in turns of this loop, the loops further
   out have done base before it, and per_turn of the call's turns make one. */
static void clip_to_share(lowering *l, int k, const tn_expr **begin, const tn_expr **end)
{
    tn_program *p = l->p;
    const tn_share *s = &l->nest->share;
    const tn_expr *base = tn_index(p, 0), *per_turn = tn_index(p, 1);
    for (int i = 0; i < l->nest->n; i++) {
        const tn_loop *loop = &l->nest->loop[i];
        if (!loop->is_parallel)
            continue;
        if (i <= k)
            base = tn_add(p, tn_mul(p, base, tn_loop_turns(p, loop)), i < k ? l->value[i] : tn_index(p, 0));
        else
            per_turn = tn_mul(p, per_turn, tn_loop_turns(p, loop));
    }
    int64_t least = 0, most = 0;
    tn_range_of(per_turn, &least, &most);
    if (least < 1) /* a size that the run finds may be 0: then there are no turns, and nothing to divide */
        per_turn = tn_max(p, per_turn, tn_index(p, 1));
    const tn_expr *last = tn_add(p, tn_var_expr(p, s->end), tn_sub(p, per_turn, tn_index(p, 1)));
    const tn_expr *from = tn_sub(p, tn_op2(p, TN_OP_FDIV, tn_var_expr(p, s->begin), per_turn), base);
    const tn_expr *to = tn_sub(p, tn_op2(p, TN_OP_FDIV, last, per_turn), base);
    *begin = tn_max(p, *begin, from);
    *end = tn_min(p, *end, to);
}

/* The turns begin to end of a loop, or those of them that are in the call's share. */
static tn_stmt *add_turns(lowering *l, int k, const tn_expr *begin, const tn_expr *end, tn_stmt_vec *out)
{
    const tn_loop *loop = &l->nest->loop[k];
    if (loop->is_parallel)
        clip_to_share(l, k, &begin, &end);
    return add_for(l, out, loop->var, begin, end);
}

/* One turn: nothing to count, but whether it is in the call's share. */
static void lower_turn(lowering *l, int k, int64_t turn, tn_stmt_vec *out)
{
    const tn_loop *loop = &l->nest->loop[k];
    tn_stmt_vec *into = out;
    if (loop->is_parallel && loop->extent != 1)
        into = &add_turns(l, k, tn_index(l->p, turn), tn_index(l->p, turn + 1), out)->body;
    const tn_expr *saved = l->value[k]; /* made anew in a section of one turn, it would be that turn's number */
    l->value[k] = tn_index(l->p, turn);
    lower_loops(l, k + 1, into);
    l->value[k] = saved;
}

/* All whole turns, then the last with fewer inner ones. */
static void lower_ragged(lowering *l, int k, tn_stmt_vec *out)
{
    const tn_loop *loop = &l->nest->loop[k];
    int inner = find_inner(l->nest, loop->inner);
    int64_t whole = l->extent[k] - 1, full = l->extent[inner];
    l->extent[k] = whole;
    loop->var->hi = whole - 1;
    if (whole > 0)
        lower_loops(l, k, out);
    loop->var->hi = whole;
    l->extent[inner] = loop->tail;
    int64_t hi = l->nest->loop[inner].var->hi;
    l->nest->loop[inner].var->hi = loop->tail - 1;
    lower_turn(l, k, whole, out);
    l->nest->loop[inner].var->hi = hi;
    l->extent[inner] = full;
    l->extent[k] = whole + 1;
}

static void lower_vector(lowering *l, int k, tn_stmt_vec *out)
{
    const tn_loop *loop = &l->nest->loop[k];
    bool whole = l->extent[k] == loop->extent;
    if (whole)
        l->lane = loop->var;
    tn_stmt_vec *into = out;
    if (!whole) { /* the ragged end, one by one */
        tn_stmt *s = add_for(l, out, loop->var, tn_index(l->p, 0), tn_index(l->p, l->extent[k]));
        into = &s->body;
    }
    lower_loops(l, k + 1, into);
    l->lane = NULL;
}

/* All loops from k on are unrolled, but for the vector. */
static bool is_unrolled_from(const tn_nest *nest, int k)
{
    while (k < nest->n && nest->loop[k].kind != TN_LOOP_SERIAL)
        k++;
    return k == nest->n;
}

static void lower_unrolled(lowering *l, int k, tn_stmt_vec *out)
{
    bool outermost = k == 0 || l->nest->loop[k - 1].kind == TN_LOOP_SERIAL;
    const tn_expr *saved = l->value[k];
    tn_stmt_vec block = {0};
    for (int64_t i = 0; i < l->extent[k]; i++) {
        l->value[k] = tn_index(l->p, i);
        lower_loops(l, k + 1, &block);
    }
    l->value[k] = saved;
    if (outermost && is_unrolled_from(l->nest, k) && l->nest->comp->n_reduce == 0
        && !tn_comp_loads(l->nest->comp, l->nest->comp->out))
        tn_share_values(l->p, &block);
    for (size_t i = 0; i < block.n; i++)
        *TN_PUSH(l->p->arena, *out) = block.items[i];
}

/* --- borders ------------------------------------------------------------------------------------------------------ */

/* The axis with a border that sections are to be made of before loop k: its own or, since its tile has none, one's inside
   the reduction. -1: none. */
static int find_border(const lowering *l, int k)
{
    for (int i = k; i < l->nest->n && (i == k || l->nest->loop[k].is_reduce); i++) {
        int axis = l->nest->loop[i].bordered - 1;
        if (axis >= 0 && l->point[axis] == NULL && !l->is_inside[axis])
            return axis;
    }
    return -1;
}

static void lower_points(lowering *l, int k, int axis, int64_t begin, int64_t end, tn_stmt_vec *out)
{
    tn_program *p = l->p;
    if (end - begin == 1) {
        l->point[axis] = tn_index(p, begin);
        lower_loops(l, k, out);
    } else if (begin < end) {
        tn_var *at = tn_var_make(p, l->nest->comp->axis[axis].var->name, TN_INDEX, begin, end - 1);
        l->point[axis] = tn_var_expr(p, at);
        lower_loops(l, k, &add_for(l, out, at, tn_index(p, begin), tn_index(p, end))->body);
    }
    l->point[axis] = NULL;
}

static void lower_border(lowering *l, int k, int axis, tn_stmt_vec *out)
{
    int64_t extent = l->nest->comp->axis[axis].var->hi + 1;
    lower_points(l, k, axis, 0, l->nest->first[axis], out);
    l->is_inside[axis] = true;
    lower_loops(l, k, out);
    l->is_inside[axis] = false;
    lower_points(l, k, axis, extent - l->nest->last[axis], extent, out);
}

static void lower_loops(lowering *l, int k, tn_stmt_vec *out)
{
    if (k == l->nest->n && l->nest->comp->n_reduce == 0) {
        store_point(l, out, bind_flat(l, l->nest->comp->elem), NULL);
        return;
    }
    const tn_loop *loop = &l->nest->loop[k];
    int bordered = find_border(l, k);
    if (bordered >= 0) {
        lower_border(l, k, bordered, out);
    } else if (is_set(l, k)) {
        lower_loops(l, k + 1, out);
    } else if (loop->is_reduce) {
        lower_tile(l, k, out);
    } else if (loop->tail != 0 && l->extent[k] == loop->extent && l->value[k]->kind == TN_E_VAR) {
        lower_ragged(l, k, out);
    } else if (loop->kind == TN_LOOP_VECTOR) {
        lower_vector(l, k, out);
    } else if (loop->kind == TN_LOOP_UNROLL) {
        lower_unrolled(l, k, out);
    } else if (loop->extent == 1 || l->extent[k] == 1) {
        lower_turn(l, k, 0, out);
    } else {
        const tn_expr *end = loop->extent > 0 ? tn_index(l->p, l->extent[k]) : loop->symbol;
        tn_stmt *s = add_turns(l, k, tn_index(l->p, 0), end, out);
        lower_loops(l, k + 1, &s->body);
    }
}

tn_stmt *tn_nest_lower(tn_nest *nest)
{
    lowering l = {.p = nest->program, .nest = nest};
    for (int i = 0; i < nest->n; i++) {
        l.value[i] = tn_var_expr(nest->program, nest->loop[i].var);
        l.extent[i] = nest->loop[i].extent;
    }
    tn_stmt *block = TN_NEW(nest->program->arena, tn_stmt);
    lower_loops(&l, 0, &block->body);
    return block;
}
