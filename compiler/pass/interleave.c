/* interleave: consecutive computations run a few rows at a time, in a repeat, instead of one after the other, so that of
   what lies between them only some rows need memory.

       comp 0 "A"  i2:56   "a"[.., i2, ..] = ...                               repeat turn0:57
       comp 1 "B"  i2:56   "b"[.., i2, ..] = ... "a"[.., i2 + r0 - 1, ..]        row turn0 of "a", if there is one
                           (r0:3)                                  becomes       row turn0 - 1 of "b", if there is one

   Each element is found once, by the expression that it had, so results have the same bits. "a" becomes *rolling*: nobody
   needs more than three of its rows at once, so row y lives where rows y - 4, y + 4, ... do (in its layout 2%4; a power of
   two makes that a mask). Where "a" has a border of zeros above and below, all of its rows stay.

   Which computations: neighbours in the order of execution, each read by row by others of the group. Of all ways to cut
   the program into groups one of those that need the least memory, as share-in-place and plan will see it, and among
   these the one with the fewest turns: a turn is a call of each computation. Does nothing unless interleave.rows is set,
   or the target has no vectors (a board, mostly) and the workspace falls by a quarter. */
#include "pass/pass.h"

enum { ROWS = 2, LONGEST = 64 }; /* the dim of rows, [n, c, y, ...]; computations in a group */

/* A computation in a group: turn t ends with rows up to t * per_turn + offset + per_turn of its result made, those before
   the first and behind the last left out. */
typedef struct part {
    int64_t per_turn, offset;
} part;

typedef struct readings readings;
typedef struct readings_vec {
    readings *items;
    size_t n, room;
} readings_vec;

typedef struct ids {
    int *items;
    size_t n, room;
} ids;

typedef struct rows {
    tn_program *p;
    int64_t in_turn;     /* of a group's last computation */
    int *axis;           /* by computation: which axis are the rows of its result; -1: none that this pass can cut */
    readings_vec *reads; /* by computation: by buffer */
    int *first, *last, *writers; /* by buffer: who writes it first, uses it last; how many write it */
    int64_t *size;               /* by buffer: bytes of workspace */
    bool *has_views;             /* by buffer */
    int64_t *saved;              /* by computation: bytes of its result that takes an operand's place */
    ids *begin,
        *stay; /* by computation: buffers whose life begins there, those that are alive before and are used there
                          or later */
} rows;

typedef struct group {
    int from, to;        /* both in it */
    int64_t turns, late; /* turns, and how many of these pass before all computations have begun */
    part part[LONGEST];  /* by place from the end: part[0] is the last computation's */
} group;

static part *part_of(group *g, int comp)
{
    return &g->part[g->to - comp];
}

static int64_t divide_up(int64_t x, int64_t y)
{
    return (x + y - 1) / y;
}

/* --- what can be cut into rows -------------------------------------------------------------------------------------- */

static int64_t count_rows(const rows *s, int comp)
{
    return s->p->comps.items[comp]->out->max[ROWS];
}

static int find_row_axis(tn_program *p, const tn_comp *c)
{
    const tn_buf *b = c->out;
    int found = -1;
    if (c->repeat != NULL || c->call != NULL || c->serial || c->check || c->view || c->schedule != NULL
        || b->rank <= ROWS + 1 || b->alias != NULL || tn_comp_loads(c, b))
        return -1;
    for (int i = 0; i < c->n_axis; i++)
        if (c->at[ROWS] == tn_axis_var(p, c, i) && tn_expr_is_int(c->axis[i].extent, b->max[ROWS])
            && tn_expr_is_int(b->dim[ROWS], b->max[ROWS]))
            found = i;
    for (int d = 0; found >= 0 && d < b->rank; d++)
        if (d != ROWS && tn_uses_var(c->at[d], c->axis[found].var))
            return -1;
    return found;
}

/* Row y of a result needs rows stride * y + lo .. stride * y + hi of an operand. */
typedef struct reading {
    int64_t stride, lo, hi;
} reading;

static bool read_rows(tn_program *p, const tn_var *y, const tn_expr *load, reading *out)
{
    if (load->n != load->buf->rank || load->n <= ROWS || load->buf->alias != NULL)
        return false;
    for (int d = 0; d < load->n; d++)
        if (d != ROWS && tn_uses_var(load->arg[d], y))
            return false;
    if (!tn_coefficient(load->arg[ROWS], y, &out->stride) || out->stride < 1)
        return false;
    const tn_expr *tap =
        tn_sub(p, load->arg[ROWS], tn_mul(p, tn_var_expr(p, (tn_var *)(uintptr_t)y), tn_index(p, out->stride)));
    tn_range_of(tap, &out->lo, &out->hi);
    return !tn_uses_var(tap, y);
}

/* All loads that a computation has of one buffer. */
struct readings {
    const tn_buf *b;
    bool fits;   /* they are by row, of one stride */
    reading all; /* of them together */
};

typedef struct listing {
    tn_program *p;
    const tn_var *y;
    readings_vec *list;
} listing;

static readings *find_readings(readings_vec *list, const tn_buf *b)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].b == b)
            return &list->items[i];
    return NULL;
}

static void add_reading(void *user, const tn_expr *load)
{
    const listing *l = user;
    reading one = {0};
    bool fits = read_rows(l->p, l->y, load, &one);
    readings *r = find_readings(l->list, tn_buf_root(load->buf));
    if (r == NULL) {
        *TN_PUSH(l->p->arena, *l->list) = (readings){tn_buf_root(load->buf), fits, one};
        return;
    }
    r->fits = r->fits && fits && one.stride == r->all.stride;
    r->all.lo = r->all.lo < one.lo ? r->all.lo : one.lo;
    r->all.hi = r->all.hi > one.hi ? r->all.hi : one.hi;
}

/* --- groups --------------------------------------------------------------------------------------------------------- */

/* It reads what a later computation of the group writes. */
static bool reads_later(const rows *s, const group *g, int comp)
{
    for (int k = g->from; k <= g->to; k++)
        if (find_readings(&s->reads[comp], s->p->comps.items[k]->out) != NULL)
            return true;
    return false;
}

/* The computation before the group joins it, if what it makes is read by row there. */
static bool join(const rows *s, group *g)
{
    int comp = g->from - 1;
    if (comp < 0 || s->axis[comp] < 0 || g->to - comp >= LONGEST || reads_later(s, g, comp))
        return false;
    const tn_buf *made = s->p->comps.items[comp]->out;
    part own = {0, INT64_MIN};
    for (int k = g->from; k <= g->to; k++) {
        const readings *r = find_readings(&s->reads[k], made);
        if (r == NULL)
            continue;
        const part *reader = part_of(g, k);
        int64_t per_turn = r->all.stride * reader->per_turn,
                offset = r->all.stride * (reader->offset - 1) + r->all.hi + 1;
        if (!r->fits || (own.per_turn > 0 && own.per_turn != per_turn))
            return false;
        own = (part){per_turn, own.offset > offset ? own.offset : offset};
    }
    if (own.per_turn == 0)
        return false;
    g->from = comp;
    *part_of(g, comp) = own;
    return true;
}

static void count_turns(const rows *s, group *g)
{
    g->late = g->turns = 0;
    for (int k = g->from; k <= g->to; k++)
        g->late = tn_larger(g->late, divide_up(part_of(g, k)->offset, part_of(g, k)->per_turn));
    for (int k = g->from; k <= g->to; k++)
        g->turns =
            tn_larger(g->turns, g->late + divide_up(count_rows(s, k) - part_of(g, k)->offset, part_of(g, k)->per_turn));
}

/* How many rows of the buffer are alive at once, rounded up to a power of two; 0: it must have all of them. */
static int64_t count_rolling(const rows *s, group *g, const tn_buf *b)
{
    int64_t made = INT64_MIN, needed = INT64_MAX, rolling = 1;
    int writers = 0;
    if (b->scope != TN_SCOPE_ARENA || b->alias != NULL || s->first[b->id] < g->from || s->last[b->id] > g->to
        || s->has_views[b->id] || b->layout.lo[ROWS] != 0 || b->layout.hi[ROWS] != 0)
        return 0;
    for (int k = g->from; k <= g->to; k++) {
        const part *own = part_of(g, k);
        if (s->p->comps.items[k]->out == b) {
            made = tn_larger(made, own->per_turn + own->offset);
            writers++;
        }
        const readings *r = find_readings(&s->reads[k], b);
        int64_t from = r != NULL ? r->all.stride * own->offset + r->all.lo : needed;
        needed = from < needed ? from : needed;
    }
    if (writers != s->writers[b->id] || needed == INT64_MAX)
        return 0;
    while (rolling < made - needed)
        rolling *= 2;
    return rolling < b->max[ROWS] ? rolling : 0;
}

static int64_t bytes_of(const rows *s, group *g, const ids *list)
{
    int64_t sum = 0;
    for (size_t i = 0; i < list->n; i++) {
        const tn_buf *b = s->p->bufs.items[list->items[i]];
        int64_t rolling = g->from < g->to ? count_rolling(s, g, b) : 0;
        sum += rolling > 0 ? divide_up(s->size[b->id], b->max[ROWS]) * rolling : s->size[b->id];
    }
    return sum;
}

/* Of all buffers that are alive at any time of the group. */
static int64_t group_bytes(const rows *s, group *g)
{
    int64_t sum = bytes_of(s, g, &s->stay[g->from]);
    for (int k = g->from; k <= g->to; k++)
        sum += bytes_of(s, g, &s->begin[k]);
    return g->from < g->to ? sum : sum - s->saved[g->from];
}

/* --- lives ---------------------------------------------------------------------------------------------------------- */

typedef struct use {
    rows *s;
    int at;
} use;

static void note_load(void *user, const tn_expr *load)
{
    const use *u = user;
    u->s->last[tn_buf_root(load->buf)->id] = u->at;
}

/* What a repeat uses it may use in every turn: its computations are from .. to. */
static void extend_over_repeat(rows *s, int from, int to)
{
    for (size_t i = 0; i < s->p->bufs.n; i++) {
        if (s->size[i] == 0 || s->first[i] > to || s->last[i] < from)
            continue;
        s->first[i] = s->first[i] > from ? from : s->first[i];
        s->last[i] = s->last[i] < to ? to : s->last[i];
    }
}

static void find_lives(rows *s)
{
    tn_program *p = s->p;
    int n = (int)p->comps.n;
    for (size_t i = 0; i < p->bufs.n; i++) {
        const tn_buf *b = p->bufs.items[i];
        s->first[i] = n;
        s->last[i] = -1;
        if (b->scope == TN_SCOPE_ARENA && b->alias == NULL)
            s->size[i] = tn_buf_room(b) * tn_dtype_get(b->dtype)->size;
    }
    for (int k = 0; k < n; k++) {
        int out = tn_buf_root(p->comps.items[k]->out)->id;
        s->first[out] = s->first[out] < k ? s->first[out] : k;
        s->last[out] = k;
        s->writers[out]++;
        tn_comp_each_load(p->comps.items[k], note_load, &(use){s, k});
    }
    for (int k = 0, end; k < n; k = end) {
        const tn_repeat *r = p->comps.items[k]->repeat;
        for (end = k + 1; r != NULL && r->outer != NULL;)
            r = r->outer;
        while (r != NULL && end < n && tn_repeat_is_in(p->comps.items[end]->repeat, r))
            end++;
        if (r != NULL)
            extend_over_repeat(s, k, end - 1);
    }
}

static void list_lives(rows *s)
{
    tn_program *p = s->p;
    for (size_t i = 0; i < p->bufs.n; i++) {
        if (p->bufs.items[i]->alias != NULL)
            s->has_views[p->bufs.items[i]->alias->id] = true;
        if (s->size[i] > 0 && s->first[i] < (int)p->comps.n)
            *TN_PUSH(p->arena, s->begin[s->first[i]]) = (int)i;
        for (int k = s->first[i] + 1; s->size[i] > 0 && k <= s->last[i]; k++)
            *TN_PUSH(p->arena, s->stay[k]) = (int)i;
    }
}

/* Results that pass share-in-place will put in the place of an operand that is read there last. */
static void find_saved(rows *s)
{
    tn_program *p = s->p;
    for (size_t k = 0; k < p->comps.n; k++) {
        const tn_comp *c = p->comps.items[k];
        for (size_t i = 0; i < p->bufs.n && s->writers[c->out->id] == 1 && c->repeat == NULL; i++)
            if (s->last[i] == (int)k && s->size[i] > 0 && tn_may_take_place(p, c, p->bufs.items[i]))
                s->saved[k] = s->size[c->out->id];
    }
}

static rows look_at(tn_program *p, int64_t in_turn)
{
    rows s = {.p = p, .in_turn = in_turn};
    s.axis = TN_NEW_N(p->arena, int, p->comps.n + 1);
    s.saved = TN_NEW_N(p->arena, int64_t, p->comps.n + 1);
    s.first = TN_NEW_N(p->arena, int, p->bufs.n + 1);
    s.last = TN_NEW_N(p->arena, int, p->bufs.n + 1);
    s.writers = TN_NEW_N(p->arena, int, p->bufs.n + 1);
    s.size = TN_NEW_N(p->arena, int64_t, p->bufs.n + 1);
    s.has_views = TN_NEW_N(p->arena, bool, p->bufs.n + 1);
    s.begin = TN_NEW_N(p->arena, ids, p->comps.n + 1);
    s.stay = TN_NEW_N(p->arena, ids, p->comps.n + 1);
    s.reads = TN_NEW_N(p->arena, readings_vec, p->comps.n + 1);
    for (size_t k = 0; k < p->comps.n; k++) {
        const tn_comp *c = p->comps.items[k];
        s.axis[k] = find_row_axis(p, c);
        if (s.axis[k] >= 0)
            tn_comp_each_load(c, add_reading, &(listing){p, c->axis[s.axis[k]].var, &s.reads[k]});
    }
    find_lives(&s);
    list_lives(&s);
    find_saved(&s);
    return s;
}

/* --- the cut with the least need of memory --------------------------------------------------------------------------- */

/* The best cut of the computations before each: where its last group begins, what it needs and costs. */
typedef struct cut {
    int from;
    int64_t bytes, turns;
} cut;

static void consider(cut *best, const cut *before, const rows *s, group *g, int64_t limit)
{
    cut x = {.from = g->from, .turns = before[g->from].turns};
    count_turns(s, g);
    if (g->from < g->to && g->turns < 2)
        return;
    int64_t bytes = group_bytes(s, g);
    x.bytes = tn_larger(before[g->from].bytes, bytes);
    x.turns += g->from < g->to ? (g->to - g->from + 1) * g->turns : 0;
    bool less = limit < 0 ? x.bytes < best->bytes || (x.bytes == best->bytes && x.turns < best->turns)
                          : x.bytes <= limit && x.turns < best->turns;
    if (best->from < 0 || less)
        *best = x;
}

/* cuts[n]: of all n. limit < 0: for the fewest bytes; else for the fewest turns where no group needs more than limit. */
static cut *find_cuts(const rows *s, int64_t limit)
{
    int n = (int)s->p->comps.n;
    cut *cuts = TN_NEW_N(s->p->arena, cut, n + 1);
    for (int to = 0; to < n; to++) {
        group g = {.from = to, .to = to, .part = {{s->in_turn, 0}}};
        cuts[to + 1] = (cut){.from = -1, .turns = INT64_MAX};
        consider(&cuts[to + 1], cuts, s, &g, limit);
        if (limit >= 0 && cuts[to + 1].bytes > limit)
            cuts[to + 1].turns = INT64_MAX / 2; /* whatever keeps the limit is better */
        while (s->axis[to] >= 0 && join(s, &g))
            consider(&cuts[to + 1], cuts, s, &g, limit);
    }
    return cuts;
}

/* --- the rewriting -------------------------------------------------------------------------------------------------- */

/* 0 .. count; the ranges of both say where nothing has to be cut off. */
static const tn_expr *cut_off(tn_program *p, const tn_expr *row, int64_t count)
{
    return tn_max(p, tn_min(p, row, tn_index(p, count)), tn_index(p, 0));
}

static void make_rolling(tn_buf *b, int64_t rolling)
{
    tn_layout *l = &b->layout;
    if (l->n == 0)
        for (l->n = 0; l->n < b->rank; l->n++) {
            l->part[l->n].axis = l->n;
            l->part[l->n].div = 1;
        }
    for (int k = 0; k < l->n; k++)
        if (l->part[k].axis == ROWS)
            l->part[k].mod = rolling;
}

static void rewrite_comp(const rows *s, group *g, int comp, const tn_expr *turn)
{
    tn_program *p = s->p;
    tn_comp *c = p->comps.items[comp];
    const part *own = part_of(g, comp);
    tn_axis *axis = &c->axis[s->axis[comp]];
    const tn_var *all = axis->var;
    const tn_expr *begin =
        tn_add(p, tn_mul(p, turn, tn_index(p, own->per_turn)), tn_index(p, own->offset - g->late * own->per_turn));
    const tn_expr *end = cut_off(p, tn_add(p, begin, tn_index(p, own->per_turn)), count_rows(s, comp));
    begin = cut_off(p, begin, count_rows(s, comp));
    axis->extent = tn_sub(p, end, begin);
    axis->var = tn_loop_var(p, all->name, axis->extent);
    axis->var->hi = own->per_turn - 1; /* closer than what the extent's range tells */
    const tn_expr *row = tn_add(p, begin, tn_var_expr(p, axis->var));
    for (int d = 0; d < c->out->rank; d++)
        c->at[d] = tn_substitute(p, c->at[d], all, row);
    c->elem = tn_substitute(p, c->elem, all, row);
    if (c->n_reduce > 0) {
        c->init = tn_substitute(p, c->init, all, row);
        c->post = tn_substitute(p, c->post, all, row);
    }
}

static void rewrite_group(const rows *s, group *g)
{
    tn_program *p = s->p;
    count_turns(s, g);
    for (size_t i = 0; i < p->bufs.n; i++) {
        int64_t rolling = s->size[i] > 0 ? count_rolling(s, g, p->bufs.items[i]) : 0;
        if (rolling > 0)
            make_rolling(p->bufs.items[i], rolling);
    }
    const tn_expr *turn = tn_repeat_begin(p, tn_index(p, g->turns));
    for (int k = g->from; k <= g->to; k++) {
        rewrite_comp(s, g, k, turn);
        p->comps.items[k]->repeat = p->repeat;
    }
    tn_repeat_end(p);
}

static int64_t bytes_by_layers(const rows *s)
{
    int64_t most = 0;
    for (int k = 0; k < (int)s->p->comps.n; k++) {
        group g = {.from = k, .to = k};
        most = tn_larger(most, group_bytes(s, &g));
    }
    return most;
}

bool tn_pass_interleave(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    int64_t in_turn = tn_param_get(m, "interleave.rows");
    bool asked = in_turn != TN_PARAM_AUTO;
    if (in_turn == 0 || p->comps.n == 0 || (!asked && m->target->lanes > 1))
        return true;
    rows s = look_at(p, asked ? in_turn : 1);
    int n = (int)p->comps.n;
    int64_t least = find_cuts(&s, -1)[n].bytes;
    if (!asked && least > bytes_by_layers(&s) / 4 * 3)
        return true;
    const cut *cuts = find_cuts(&s, least);
    for (int end = n, from; end > 0; end = from) {
        from = cuts[end].from;
        group g = {.from = end - 1, .to = end - 1, .part = {{s.in_turn, 0}}};
        if (from == end - 1)
            continue;
        while (g.from > from && join(&s, &g))
            ;
        rewrite_group(&s, &g);
        *changed = true;
    }
    return true;
}
