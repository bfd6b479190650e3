/* Layouts: which buffers hold their channels in blocks of one vector, and which have a border of zeros.

       x f32[1,64,56,56]     becomes     [1, 64/16, 56+2, 56+2, 16]     for 16 lanes and a 3x3 convolution with padding 1

   A layout changes nothing but the place of an element: computations keep their subscripts, and tn_buf_offset maps
   them. The border takes the place of the test "is the pixel inside" of every convolution that reads the buffer:
   it is cleared before the buffer is written. Blocked may be float and byte buffers of the arena with a dim or two
   behind the channels, none of them shared with a view; a kernel that does not like the blocks is right all the same.

   Which ones are: every computation that reduces votes, by its work, for the buffers that it reads and writes. It wants
   blocks where it keeps the pixels in place (convolution, pooling) and plain order where it does not (matrix products,
   softmax). Elementwise neighbours follow. A convolution whose result must be plain (an output, a view) writes blocks
   all the same, which are then put in order. */
#include "pass/call.h"

/* State of a repeat, mostly, which is small; its border would be cleared in every turn. */
static bool is_repeated(const tn_program *p, const tn_buf *b)
{
    for (size_t i = 0; i < p->comps.n && p->turns.n > 0; i++)
        if (p->comps.items[i]->out == b && p->comps.items[i]->repeat != NULL)
            return true;
    return false;
}

static bool is_fixed(const tn_buf *b, int from)
{
    for (int i = from; i < b->rank; i++)
        if (b->dim[i]->kind != TN_E_INT)
            return false;
    return true;
}

enum { MAX_RANK = 5 }; /* of a convolution in three dims */

static int64_t spatial(const tn_buf *b)
{
    int64_t n = 1;
    for (int i = 2; i < b->rank; i++)
        n *= b->max[i];
    return n;
}

static bool has_blocks(tn_dtype t)
{
    return t == TN_FLOAT || tn_dtype_is_half(t) || tn_dtype_is_byte(t);
}

/* Channels in a block: those of a vector, or of half a vector where there are not more; four bytes make a dot product.
   0: too few. */
static int64_t block_of(const tn_buf *b, const tn_target *t, int64_t block)
{
    bool bytes = tn_dtype_is_byte(b->dtype);
    if (b->max[1] * 2 > block)
        return block;
    if (b->max[1] * 4 > block && block >= 8 && block <= t->lanes)
        return block / 2;
    return bytes && t->dot != TN_DOT_NONE && b->max[1] <= 4 && b->max[1] > 1 ? 4 : 0;
}

static bool may_block(const tn_program *p, const bool *called, const tn_buf *b, int64_t lanes)
{
    return !called[b->id] && b->scope == TN_SCOPE_ARENA && has_blocks(b->dtype) && b->rank >= 3 && b->rank <= MAX_RANK
        && is_fixed(b, 1) && lanes > 0 && (spatial(b) > 1 || b->max[1] % lanes != 0) && b->alias == NULL
        && !tn_buf_has_views(p, b) && !is_repeated(p, b);
}

/* --- votes ---------------------------------------------------------------------------------------------------------- */

/* The subscripts behind the channels follow those of the result: x[n, c, 2 * i + r, j] for y[n, k, i, j]. */
static bool keeps_pixels(const tn_comp *c, const tn_expr *load)
{
    if (load->n < 3 || load->n != c->out->rank)
        return false;
    for (int d = 2; d < load->n; d++) {
        bool follows = c->at[d]->kind == TN_E_INT && load->buf->max[d] == 1;
        for (int i = 0; i < c->n_axis; i++)
            follows = follows || (tn_uses_var(c->at[d], c->axis[i].var) && tn_uses_var(load->arg[d], c->axis[i].var));
        if (!follows)
            return false;
    }
    return true;
}

/* Sums over the pixels (global pooling) like one order as much as the other. */
static bool sums_pixels(const tn_comp *c, const tn_expr *load)
{
    bool all = load->n >= 3 && load->n == c->out->rank && load->arg[1] == c->at[1];
    for (int d = 2; d < load->n; d++)
        all = all && c->out->max[d] == 1;
    return all;
}

/* Channels of groups whose number no vector divides: such a convolution goes along its rows, in plain order. */
static bool has_odd_group(const tn_comp *c)
{
    int64_t coefficient = 0;
    int axes = 0, channels = -1;
    for (int i = 0; i < c->n_axis && c->out->rank >= 3; i++)
        if (tn_uses_var(c->at[1], c->axis[i].var)) {
            axes++;
            if (tn_coefficient(c->at[1], c->axis[i].var, &coefficient) && coefficient == 1)
                channels = i;
        }
    return axes == 2 && channels >= 0 && (c->axis[channels].var->hi + 1) % 4 != 0;
}

/* Pooling. */
static bool has_no_weights(const tn_comp *c)
{
    const tn_expr *e = c->elem->kind == TN_E_SELECT ? c->elem->arg[1] : c->elem;
    return e->kind == TN_E_LOAD;
}

typedef struct ballot {
    const tn_comp *comp;
    double *votes, work; /* votes by buffer id: positive for blocks */
} ballot;

static void vote_for(void *user, const tn_expr *load)
{
    const ballot *b = user;
    if (load->buf->scope == TN_SCOPE_CONST || load->n < 3 || sums_pixels(b->comp, load))
        return;
    bool gathers = has_no_weights(b->comp) && load->buf->scope != TN_SCOPE_ARENA; /* blocks of plain channels */
    bool keeps = keeps_pixels(b->comp, load) && !has_odd_group(b->comp) && !gathers;
    b->votes[load->buf->id] += keeps ? b->work : -b->work;
    b->votes[b->comp->out->id] += keeps ? b->work : -b->work;
}

/* An elementwise computation's buffers without votes take a small part of a neighbour's. */
static void follow(void *user, const tn_expr *load)
{
    const ballot *b = user;
    double *in = &b->votes[load->buf->id], *out = &b->votes[b->comp->out->id];
    if (!keeps_pixels(b->comp, load))
        return;
    if (*out == 0)
        *out = *in / 16;
    else if (*in == 0)
        *in = *out / 16;
}

static double *take_votes(tn_program *p)
{
    double *votes = TN_NEW_N(p->arena, double, p->bufs.n + 1);
    for (size_t i = 0; i < p->comps.n; i++) {
        const tn_comp *c = p->comps.items[i];
        if (c->n_reduce > 0)
            tn_each_load(c->elem, vote_for, &(ballot){c, votes, tn_comp_points(c)});
    }
    for (int turn = 0; turn < 2; turn++) /* forward, then back */
        for (size_t i = 0; i < p->comps.n; i++) {
            const tn_comp *c = p->comps.items[turn == 0 ? i : p->comps.n - 1 - i];
            tn_each_load(c->n_reduce > 0 ? c->post : c->elem, follow, &(ballot){c, votes, 0});
        }
    return votes;
}

static void block_channels(tn_buf *b, int64_t lanes)
{
    tn_layout *l = &b->layout;
    l->n = b->rank + 1;
    for (int k = 0; k < b->rank; k++) {
        l->part[k].axis = k;
        l->part[k].div = k == 1 ? lanes : 1;
        l->part[k].mod = 0;
    }
    l->part[b->rank].axis = 1;
    l->part[b->rank].div = 1;
    l->part[b->rank].mod = lanes;
}

/* --- borders -------------------------------------------------------------------------------------------------------- */

/* What a border can be filled with: 0.0, or any byte. */
static bool read_fill(const tn_expr *e, int64_t *fill)
{
    bool byte = e->kind == TN_E_INT && tn_dtype_is_byte(e->dtype);
    *fill = byte ? e->i : 0;
    return byte || (e->kind == TN_E_NUM && e->f == 0);
}

/* All conjuncts of c say that a subscript of the load is inside its dim. */
static bool tests_bounds(tn_program *p, const tn_expr *c, const tn_expr *load)
{
    if (c->kind == TN_E_OP && c->op == TN_OP_AND)
        return tests_bounds(p, c->arg[0], load) && tests_bounds(p, c->arg[1], load);
    for (int i = 0; i < load->n; i++)
        if (c == tn_le(p, tn_index(p, 0), load->arg[i]) || c == tn_lt(p, load->arg[i], load->buf->dim[i]))
            return true;
    return false;
}

static bool is_padded_load(tn_program *p, const tn_expr *e, int64_t *fill)
{
    return e->kind == TN_E_SELECT && read_fill(e->arg[2], fill) && e->arg[1]->kind == TN_E_LOAD
        && tests_bounds(p, e->arg[0], e->arg[1]);
}

/* Widens the borders of blocked buffers so that every padded load of e stays inside. */
static void widen(tn_program *p, const tn_expr *e)
{
    int64_t fill = 0;
    bool padded = is_padded_load(p, e, &fill) && e->arg[1]->buf->layout.n > 0;
    if (padded && (!tn_buf_has_border(e->arg[1]->buf) || e->arg[1]->buf->layout.fill == fill)) {
        tn_buf *b = e->arg[1]->buf;
        b->layout.fill = fill;
        for (int i = 2; i < b->rank; i++) {
            int64_t lo = 0, hi = 0;
            tn_range_of(e->arg[1]->arg[i], &lo, &hi);
            b->layout.lo[i] = tn_larger(b->layout.lo[i], tn_larger(0, -lo));
            b->layout.hi[i] = tn_larger(b->layout.hi[i], tn_larger(0, hi - (b->max[i] - 1)));
        }
    }
    for (int k = 0; k < e->n; k++)
        widen(p, e->arg[k]);
}

static bool reaches(const tn_expr *load)
{
    for (int i = 0; i < load->n; i++) {
        int64_t lo = 0, hi = 0;
        tn_range_of(load->arg[i], &lo, &hi);
        bool inside = lo >= -load->buf->layout.lo[i] && hi < load->buf->max[i] + load->buf->layout.hi[i];
        if (!inside)
            return false;
    }
    return true;
}

static const tn_expr *drop_test(tn_program *p, void *user, const tn_expr *e)
{
    int64_t fill = 0;
    (void)user;
    bool padded = is_padded_load(p, e, &fill) && e->arg[1]->buf->layout.n > 0;
    return padded && e->arg[1]->buf->layout.fill == fill && reaches(e->arg[1]) ? e->arg[1] : NULL;
}

/* A border so wide that it outweighs the buffer (a large dilation) is not worth it. */
static void limit_border(tn_buf *b)
{
    int64_t room = tn_buf_room(b);
    tn_layout without = b->layout;
    memset(without.lo, 0, sizeof without.lo);
    memset(without.hi, 0, sizeof without.hi);
    tn_layout with = b->layout;
    b->layout = without;
    if (room < 4 * tn_buf_room(b))
        b->layout = with;
}

/* --- copies in another order ----------------------------------------------------------------------------------- */

static tn_buf *buf_like(tn_program *p, const tn_buf *b, const char *what)
{
    tn_dim none[TN_MAX_RANK] = {{0, NULL}};
    tn_buf *like = tn_buf_temp(p, tn_strfmt(p->arena, "%s.%s", b->name, what), b->dtype, b->rank, none);
    memcpy(like->dim, b->dim, sizeof like->dim);
    memcpy(like->max, b->max, sizeof like->max);
    return like;
}

typedef struct kept {
    const tn_comp *comp;
    bool keeps;
} kept;

static void note_kept(void *user, const tn_expr *load)
{
    kept *s = user;
    s->keeps = s->keeps || (load->buf->scope != TN_SCOPE_CONST && keeps_pixels(s->comp, load));
}

/* Each subscript of the result moves with the axis of the same number, or with none. */
static bool writes_apart(const tn_comp *c)
{
    if (c->n_axis != c->out->rank)
        return false;
    for (int d = 0; d < c->n_axis; d++)
        for (int i = 0; i < c->n_axis; i++)
            if (i != d && tn_uses_var(c->at[d], c->axis[i].var))
                return false;
    return true;
}

/* As many points as a box of the result has elements: all of them, by whatever axes (a group's channels are two). */
static bool writes_box(const tn_comp *c, int64_t *lo, int64_t *hi)
{
    int64_t points = 1, elements = 1;
    for (int d = 0; d < c->out->rank; d++) {
        tn_range_of(c->at[d], &lo[d], &hi[d]);
        elements *= hi[d] - lo[d] + 1;
    }
    for (int i = 0; i < c->n_axis; i++)
        points *= c->axis[i].var->hi + 1;
    return points == elements;
}

/* Whether blocks of the channels that c writes are blocks of its result: not in a plain one, and not where they begin
   within one. */
static bool has_own_blocks(const tn_comp *c)
{
    int64_t lo = 0, hi = 0, block = tn_layout_block(&c->out->layout);
    tn_range_of(c->at[1], &lo, &hi);
    return block > 0 && lo % block == 0;
}

typedef struct gathering {
    const tn_comp *comp;
    bool found;
} gathering;

static void note_gathered(void *user, const tn_expr *load)
{
    gathering *g = user;
    for (int i = 0; i < g->comp->n_axis; i++) {
        const tn_var *v = g->comp->axis[i].var;
        int64_t coefficient = 0;
        if (!tn_coefficient(g->comp->at[1], v, &coefficient) || coefficient != 1 || load->buf->scope == TN_SCOPE_CONST)
            continue;
        for (int d = 0; d < load->n; d++)
            g->found = g->found || (tn_uses_var(load->arg[d], v) && !tn_buf_is_blocked_on(load->buf, d));
    }
}

/* Whether a vector of the result's channels would take its operands one by one: channels of a plain buffer (pooling of
   an input), rows of a matrix. Weights are packed, and the pixels of a convolution stand still. */
static bool gathers(const tn_comp *c)
{
    gathering g = {c, false};
    tn_each_load(c->elem, note_gathered, &g);
    return g.found;
}

/* A convolution whose result cannot be blocked writes blocks that are put in order after it: along a row of plain
   pixels it would have to gather its operands. */
static bool copy_from_blocks(tn_program *p, const tn_target *t, size_t at, int block)
{
    tn_comp *c = p->comps.items[at];
    tn_buf *to = c->out;
    kept seen = {c, false};
    if (c->n_reduce == 0 || c->serial || c->call != NULL || to->rank < 3 || to->rank > MAX_RANK
        || !has_blocks(to->dtype) || !is_fixed(to, 1) || spatial(to) == 1 || has_own_blocks(c) || has_odd_group(c)
        || gathers(c))
        return false;
    int64_t lo[TN_MAX_RANK], hi[TN_MAX_RANK];
    bool box = writes_box(c, lo, hi);
    if (!box && !writes_apart(c))
        return false;
    tn_each_load(c->elem, note_kept, &seen);
    tn_buf *blocks = buf_like(p, to, "blocks");
    for (int d = 0; d < to->rank; d++) {
        bool whole = box && lo[d] == 0 && hi[d] == to->max[d] - 1;
        if (!box)
            blocks->dim[d] = c->axis[d].extent;
        else if (!whole)
            blocks->dim[d] = tn_index(p, hi[d] - lo[d] + 1);
        blocks->max[d] = box ? hi[d] - lo[d] + 1 : c->axis[d].var->hi + 1;
    }
    int64_t lanes = block_of(blocks, t, block);
    if (!seen.keeps || lanes == 0)
        return false;
    block_channels(blocks, lanes);
    tn_comp *copy = tn_comp_begin(p, c->node, blocks);
    copy->label = tn_strfmt(p->arena, "order of '%s'", to->name);
    copy->repeat = c->repeat;
    copy->out = to;
    const tn_expr *value = tn_load_raw(p, blocks, blocks->rank, copy->at);
    for (int d = 0; d < to->rank; d++) {
        const tn_expr *own = tn_axis_var(p, copy, d), *first = tn_index(p, box ? lo[d] : 0);
        copy->at[d] = box ? tn_add(p, own, first) : tn_substitute(p, c->at[d], c->axis[d].var, own);
        c->at[d] = box ? tn_sub(p, c->at[d], first) : tn_axis_var(p, c, d);
    }
    tn_comp_set(p, copy, value);
    c->out = blocks;
    tn_comp_move_last(p, at + 1);
    return true;
}

static const tn_expr *padded_input(tn_program *p, const tn_expr *e)
{
    int64_t fill = 0;
    if (is_padded_load(p, e, &fill)) {
        const tn_buf *b = e->arg[1]->buf;
        bool outside = b->scope == TN_SCOPE_INPUT || b->alias != NULL || b->layout.n == 0;
        if (outside && b->scope != TN_SCOPE_CONST && b->rank >= 3 && b->rank <= MAX_RANK && has_blocks(b->dtype)
            && is_fixed(b, 1))
            return e->arg[1];
    }
    const tn_expr *found = NULL;
    for (int k = 0; k < e->n && found == NULL; k++)
        found = padded_input(p, e->arg[k]);
    return found;
}

typedef struct redirect {
    tn_buf *from, *to;
} redirect;

static const tn_expr *redirect_load(tn_program *p, void *user, const tn_expr *e)
{
    const redirect *r = user;
    return e->kind == TN_E_LOAD && e->buf == r->from ? tn_load_raw(p, r->to, e->n, e->arg) : NULL;
}

/* The input is copied into a buffer with a border: one pass over it instead of a test at every tap. */
static bool copy_with_border(tn_program *p, const tn_target *t, size_t at, int block)
{
    tn_comp *c = p->comps.items[at];
    const tn_expr *load = c->n_reduce > 0 && c->call == NULL ? padded_input(p, c->elem) : NULL;
    if (load == NULL || has_no_weights(c)) /* sections at the borders cost less than the pass */
        return false;
    tn_buf *from = load->buf, *to = buf_like(p, from, "padded");
    to->layout.n = to->rank;
    for (int k = 0; k < to->rank; k++) {
        to->layout.part[k].axis = k;
        to->layout.part[k].div = 1;
    }
    int64_t lanes = block_of(to, t, load->arg[1] == c->at[1] && has_own_blocks(c) ? block : INT32_MAX);
    if (lanes > 0) /* those of the result, whose channels would be gathered; four bytes */
        block_channels(to, lanes);
    tn_comp *copy = tn_comp_begin(p, c->node, to);
    copy->label = tn_strfmt(p->arena, "border of '%s'", from->name);
    copy->repeat = c->repeat;
    tn_comp_set(p, copy, tn_load_raw(p, from, from->rank, copy->at));
    tn_comp_move_last(p, at); /* before its reader */
    redirect r = {from, to};
    c->elem = tn_rewrite(p, c->elem, redirect_load, &r);
    return true;
}

static void choose_layouts(tn_program *p, const tn_target *t, int block)
{
    const double *votes = take_votes(p);
    const bool *called = tn_find_called(p);
    for (size_t i = 0; i < p->bufs.n; i++)
        if (votes[i] > 0 && may_block(p, called, p->bufs.items[i], block_of(p->bufs.items[i], t, block)))
            block_channels(p->bufs.items[i], block_of(p->bufs.items[i], t, block));
    for (size_t i = 0; i < p->comps.n; i++)
        if (copy_from_blocks(p, t, i, block))
            i++;
    for (size_t i = 0; i < p->comps.n; i++)
        if (copy_with_border(p, t, i, block))
            i++;
    for (size_t i = 0; i < p->comps.n; i++)
        if (p->comps.items[i]->n_reduce > 0)
            widen(p, p->comps.items[i]->elem);
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->layout.n > 0 && p->bufs.items[i]->scope == TN_SCOPE_ARENA)
            limit_border(p->bufs.items[i]);
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        c->elem = tn_rewrite(p, c->elem, drop_test, NULL);
        if (c->post != NULL)
            c->post = tn_rewrite(p, c->post, drop_test, NULL);
    }
}

static bool has_layouts(const tn_program *p)
{
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->layout.n > 0 && p->bufs.items[i]->scope == TN_SCOPE_ARENA)
            return true;
    return false;
}

/* A vector never crosses a block's end. */
bool tn_pass_layout(tn_module *m, bool *changed)
{
    int64_t block = tn_param_get(m, "layout.block"), lanes = m->target->lanes;
    if (block == TN_PARAM_AUTO)
        block = lanes > 1 ? lanes : 0;
    if (block % lanes != 0) {
        tn_error(m->diag, "layout.block=%lld: a vector of target %s has %lld lanes; wanted 0 or a multiple of that",
                 (long long)block, m->target->name, (long long)lanes);
        return false;
    }
    if (block > 0)
        choose_layouts(m->program, m->target, (int)block);
    *changed = has_layouts(m->program);
    return true;
}
