/* Rules: a schedule for every computation, by arithmetic from the target. No search, no measurement.

   1. The vector axis is the one whose neighbours lie beside each other in the output.
   2. A product of something that moves along it (weights) with something that does not (pixels, rows) gets a register
      tile: nb vectors times px points of the last other axis, chosen by counting cycles per reduction step.
   3. Anything else gets its vector axis innermost. What does not come out as vectors falls back to plain loops.
   Constants that a vector axis reads are packed: outer block of the axis, reduction loops in their order, inner block. */
#include "pass/call.h"
#include "sched/sched.h"

typedef struct plan {
    tn_program *p;
    const tn_target *t;
    tn_comp *c;
    int v, pixel; /* axes; pixel -1: none */
    int64_t lanes, blocks, nb, px;
    bool grouped;                                  /* the vectors are of channels of a group, one of several */
    bool pads, covers;                             /* what becomes of a last vector that is not full */
    int64_t first[TN_MAX_AXES], last[TN_MAX_AXES]; /* points at the axis's two ends that are sections apart */
    bool product;                   /* of weights and what stands still along a vector: it has a register tile */
    double point_load, vector_load; /* what loading one of the tile's points, one vector of weights costs: 1 as float */
    double start;                   /* START_CYCLES by step of the reduction */
    bool far_weights;               /* those that the first cache does not hold until the next points */
    int64_t unroll;                 /* at most so many turns of a sum stand one behind the other */
    int main;                  /* the reduction axis that is split: the first, or the last where the order is fixed */
    int64_t r_block, r_unroll; /* of that; 0: not split */
    int slides;                /* the reduction axis whose loop comes before those of the others; 0: as they stand */
    bool dots;                 /* four turns of it are one dot product of bytes */
    int dot_axis;              /* which it was before it became the first */
} plan;

/* --- what the computation looks like -------------------------------------------------------------------------------- */

static int64_t extent_of(const tn_axis *a)
{
    return a->extent->kind == TN_E_INT ? a->extent->i : 0;
}

/* Steps of the reduction, however many; 0 where only the run knows. */
static double count_taps(const tn_comp *c)
{
    double n = 1;
    for (int i = 0; i < c->n_reduce; i++)
        n *= (double)extent_of(&c->reduce[i]);
    return n;
}

/* Of what is between the sections at its ends. */
static int64_t inner_extent(const plan *s, int i)
{
    return extent_of(&s->c->axis[i]) - s->first[i] - s->last[i];
}

static int find_vector_axis(const tn_comp *c)
{
    const tn_layout *l = &c->out->layout;
    int dim = c->out->rank - 1;
    if (l->n > 0)
        dim = l->part[l->n - 1].axis;
    else
        while (dim > 0 && c->out->max[dim] == 1)
            dim--;
    for (int i = 0; i < c->n_axis && dim >= 0; i++) {
        int64_t coefficient = 0;
        if (tn_coefficient(c->at[dim], c->axis[i].var, &coefficient) && coefficient == 1 && extent_of(&c->axis[i]) > 0)
            return i;
    }
    return -1;
}

static int find_pixel_axis(const tn_comp *c, int v)
{
    for (int i = c->n_axis - 1; i >= 0; i--)
        if (i != v && extent_of(&c->axis[i]) > 1)
            return i;
    return -1;
}

/* A load that does not move along the vector axis: the other side of a product. */
static bool has_still_load(const tn_expr *e, const tn_var *v)
{
    if (e->kind == TN_E_LOAD)
        return !tn_uses_var(e, v);
    for (int k = 0; k < e->n; k++)
        if (has_still_load(e->arg[k], v))
            return true;
    return false;
}

/* A select takes its side by the axis: where that is unrolled only one side is left. */
static bool picks_by(const tn_expr *e, const tn_var *v)
{
    if (e->kind == TN_E_SELECT && e->arg[0]->kind == TN_E_OP && e->arg[0]->op == TN_OP_EQ
        && e->arg[0]->arg[0]->kind == TN_E_VAR && e->arg[0]->arg[0]->var == v)
        return true;
    for (int k = 0; k < (e->kind == TN_E_LOAD ? 0 : e->n); k++)
        if (picks_by(e->arg[k], v))
            return true;
    return false;
}

static bool is_picked(const plan *s, int i)
{
    return s->c->n_reduce == 0 && i != s->v && extent_of(&s->c->axis[i]) > 0 && extent_of(&s->c->axis[i]) <= 8
        && picks_by(s->c->elem, s->c->axis[i].var);
}

/* Every buffer that the axis walks through has room for the turns beyond its end: packed constants and blocks do. */
static bool has_room(const tn_expr *e, tn_var *v)
{
    if (e == NULL)
        return true;
    if (e->kind == TN_E_LOAD)
        for (int d = 0; d < e->n; d++)
            if (tn_uses_var(e->arg[d], v)
                && !(e->arg[d]->kind == TN_E_VAR
                     && (e->buf->scope == TN_SCOPE_CONST || tn_buf_is_blocked_on(e->buf, d))))
                return false;
    for (int k = 0; k < e->n; k++)
        if (!has_room(e->arg[k], v))
            return false;
    return true;
}

/* What lies beyond the end of a result that is not blocked is left out lane by lane: worth it behind a reduction. */
static bool may_pad(const plan *s)
{
    tn_var *v = s->c->axis[s->v].var;
    if (v->hi == 0) /* subscripts of a single element are numbers already */
        return false;
    for (int d = 0; d < s->c->out->rank; d++)
        if (tn_uses_var(s->c->at[d], v)
            && (s->c->at[d]->kind != TN_E_VAR || (s->c->n_reduce == 0 && !tn_buf_is_blocked_on(s->c->out, d))))
            return false;
    return has_room(s->c->elem, v) && has_room(s->c->post, v) && has_room(s->c->init, v);
}

/* --- the register tile ---------------------------------------------------------------------------------------------- */

static double larger(double x, double y)
{
    return x > y ? x : y;
}

/* What a tile's first and last steps wait for each other, whatever its size: of tiles that are as fast otherwise the larger
   one is right (measured on Zen 4: 1x1 from 64 to 64 channels in tiles of 13 instead of 4 pixels by 2 vectors 3 %; with 16
   registers, 3 pixels by 4 vectors instead of 2 by 4 half of the time). */
enum { START_CYCLES = 8 };

/* Cycles of a reduction step of px points by nb vectors: two multiply-adds and two loads a cycle, and a chain of
   multiply-adds per accumulator that needs eight of them in flight (latency 4). Weights that the first cache does not
   hold until the next points come from the second, at two cycles for a vector (measured on Zen 4: 197 rows by 192,
   3 x 4 vectors 83 GFLOP/s, 12 x 2 vectors 113, of 118). */
static double step_cycles(const plan *s, int64_t px, int64_t nb)
{
    double compute = larger((double)(px * nb) / 2, 4),
           load = ((double)px * s->point_load + (double)nb * s->vector_load) / 2;
    return larger(larger(compute, load), s->far_weights ? 2 * (double)nb : 0);
}

static double paced_cycles(const plan *s, int64_t px, int64_t nb)
{
    return step_cycles(s, px, nb) + s->start;
}

static double tile_cycles(const plan *s, int64_t extent, int64_t px, int64_t nb)
{
    int64_t whole = extent / px, tail = extent % px, whole_nb = s->blocks / nb, tail_nb = s->blocks % nb;
    double row = (double)whole * paced_cycles(s, px, nb) + (tail > 0 ? paced_cycles(s, tail, nb) * 1.1 : 0), rest = 0;
    if (tail_nb > 0)
        rest = (double)whole * paced_cycles(s, px, tail_nb) + (tail > 0 ? paced_cycles(s, tail, tail_nb) : 0);
    return row * (double)whole_nb + rest * 1.1;
}

/* The weights of two vectors fill more than half of a first cache of 32 KiB. */
static bool has_far_weights(const plan *s)
{
    return count_taps(s->c) * (double)(2 * s->lanes * tn_dtype_get(s->c->elem->dtype)->size) > 16384;
}

static void see_load(void *user, const tn_expr *load)
{
    plan *s = user;
    bool moves = tn_uses_var(load, s->c->axis[s->v].var);
    if (tn_dtype_is_half(load->dtype))
        *(moves ? &s->vector_load : &s->point_load) = moves ? 2 : 4;
}

/* 16-bit floats are widened as they are loaded, a single one on its way through a general register. */
static void weigh_loads(plan *s)
{
    s->point_load = s->vector_load = 1;
    tn_each_load(s->c->elem, see_load, s);
}

static void choose_tile(plan *s)
{
    weigh_loads(s);
    int64_t extent = s->pixel >= 0 ? extent_of(&s->c->axis[s->pixel]) : 1;
    int64_t budget = s->t->registers > 4 ? s->t->registers - 4 : 1, most = extent == 1 ? 8 : 4;
    double best = 0;
    s->start = START_CYCLES / larger(1, count_taps(s->c));
    s->far_weights = extent > 1 && has_far_weights(s); /* a single row reads all of them once, whatever the tile */
    for (int64_t nb = 1; nb <= most && nb <= s->blocks; nb++)
        for (int64_t px = 1; px <= extent && px * nb <= budget && (!s->grouped || s->blocks % nb == 0); px++) {
            double cost = tile_cycles(s, extent, px, nb);
            if (best == 0 || cost < best * 0.999) {
                best = cost;
                s->nb = nb;
                s->px = px;
            }
        }
}

static int find_dim(tn_program *p, const tn_expr *load, tn_var *v);
static int find_vector_dim(const plan *s, const tn_expr *load);

/* The axis is added to that subscript and moves no other: taps along a row. */
static bool walks_row(const tn_expr *load, int dim, const tn_var *v)
{
    int64_t c = 0;
    for (int d = 0; d < load->n; d++)
        if (d != dim && tn_uses_var(load->arg[d], v))
            return false;
    return dim >= 0 && tn_coefficient(load->arg[dim], v, &c) && c == 1;
}

/* How many elements along a reduction axis lie side by side in memory, at any of its multiples: the block of a blocked
   dim, all of a last dim, the taps in a row; 0: none. */
static int64_t find_run(const plan *s, const tn_axis *r, const tn_expr *load)
{
    const tn_layout *l = &load->buf->layout;
    int d = find_dim(s->p, load, r->var), last = l->n > 0 ? l->part[l->n - 1].axis : load->buf->rank - 1;
    int64_t block = tn_layout_block(l);
    if (l->n > 0 && l->part[l->n - 1].div != 1)
        return 0;
    if (d >= 0)
        return d != last ? 0 : block > 0 ? block : load->buf->max[d];
    return block == 0 && walks_row(load, last, r->var) ? extent_of(r) : 0;
}

typedef struct bytes_seen {
    const plan *s;
    const tn_axis *r;
    int64_t run;      /* of the activations */
    bool has_weights; /* int8 constants that the reduction axis and the vector axis walk */
} bytes_seen;

static void see_bytes(void *user, const tn_expr *load)
{
    bytes_seen *b = user;
    if (load->buf->scope == TN_SCOPE_CONST)
        b->has_weights =
            load->dtype == TN_INT8 && find_vector_dim(b->s, load) >= 0 && find_dim(b->s->p, load, b->r->var) >= 0;
    else
        b->run = tn_dtype_is_byte(load->dtype) ? find_run(b->s, b->r, load) : 0;
}

/* How many operands of the sum along a reduction axis lie side by side, so that four of them are one instruction; 0:
   they do not. A ragged last four reads on in the block, times weights of 0; behind a last dim is nothing to read. */
static int64_t find_dots(const plan *s, const tn_axis *r)
{
    bytes_seen b = {.s = s, .r = r};
    tn_each_load(s->c->elem, see_bytes, &b);
    bool is_last = b.run == extent_of(r);
    return b.has_weights && b.run >= 4 && b.run % 4 == 0 ? is_last ? 4 : b.run : 0;
}

/* A sum of products of bytes by constant bytes. The axis of the dot products becomes the first: integers may be added
   in any order. */
static void choose_dots(plan *s)
{
    bool products = s->c->elem->kind == TN_E_OP && s->c->elem->op == TN_OP_MUL && s->c->elem->dtype == TN_INT32;
    for (int i = 0; i < s->c->n_reduce && products && s->t->dot != TN_DOT_NONE && !s->covers && !s->dots; i++) {
        s->r_block = find_dots(s, &s->c->reduce[i]);
        s->dots = s->r_block > 0;
        s->r_unroll = s->r_block > 4 ? 4 : 0; /* one instruction, however little is unrolled */
        s->dot_axis = s->dots ? i : 0;
    }
}

static void bring_first(tn_comp *c, int i)
{
    tn_axis first = c->reduce[0];
    c->reduce[0] = c->reduce[i];
    c->reduce[i] = first;
}

/* A load of blocks along the variable: within a block its subscripts need no division. */
static bool walks_blocks(const tn_expr *e, const tn_var *v)
{
    if (e->kind == TN_E_LOAD)
        for (int d = 0; d < e->n; d++)
            if (tn_uses_var(e->arg[d], v) && tn_buf_is_blocked_on(e->buf, d))
                return true;
    for (int k = 0; k < e->n; k++)
        if (walks_blocks(e->arg[k], v))
            return true;
    return false;
}

/* Taps whose next turn reads what the tile's next pixels read. As the innermost loop gcc would carry that from turn to
   turn in registers that the accumulators need, and spill those (predictive commoning, a third of the speed). Other
   taps go inside; without any, the channels do. */
static void place_sliding_taps(plan *s)
{
    bool has_others = false, channels_inside = s->r_unroll > 0 && extent_of(&s->c->reduce[0]) >= 2 * s->r_unroll;
    if (s->px == 1 || s->r_block > 4 || channels_inside)
        return;
    for (int i = 1; i < s->c->n_reduce; i++) {
        if (extent_of(&s->c->reduce[i]) == 1)
            continue;
        if (tn_share_subscript(s->c->elem, s->c->axis[s->pixel].var, s->c->reduce[i].var))
            s->slides = i;
        else
            has_others = true;
    }
    if (s->slides > 0 && !has_others)
        s->r_unroll = 0;
}

static void split_reduction(plan *s)
{
    const tn_axis *main = &s->c->reduce[s->main];
    int64_t r = extent_of(main), lanes = s->t->lanes;
    bool apart = s->c->sums == 0 && s->c->n_reduce > 1; /* the loops of the others come between */
    if (r > lanes && (apart || walks_blocks(s->c->elem, main->var)))
        s->r_block = lanes;
    int64_t inner = s->r_block > 0 ? lanes : r, tail = s->r_block > 0 ? r % lanes : 0;
    for (int64_t u = s->unroll; u > 1 && s->r_unroll == 0; u /= 2)
        if (inner >= u && tail % u == 0 && (inner % u == 0 || s->r_block == 0))
            s->r_unroll = u;
}

static void choose_reduction(plan *s)
{
    choose_dots(s);
    bring_first(s->c, s->dot_axis);
    s->main = s->c->sums == 0 ? 0 : tn_sum_axis(s->c);
    if (!s->dots && extent_of(&s->c->reduce[s->main]) > 0)
        split_reduction(s);
    if (s->c->sums == 0)
        place_sliding_taps(s);
}

/* --- packing constants ---------------------------------------------------------------------------------------------- */

static void add_part(tn_layout *l, int axis, int64_t div, int64_t mod)
{
    l->part[l->n].axis = axis;
    l->part[l->n].div = div;
    l->part[l->n++].mod = mod;
}

static int find_dim(tn_program *p, const tn_expr *load, tn_var *v)
{
    for (int d = 0; d < load->n; d++)
        if (load->arg[d]->kind == TN_E_VAR && load->arg[d] == tn_var_expr(p, v))
            return d;
    return -1;
}

/* Where the vector axis walks, from a multiple of its extent on where it is that of a group. */
static int find_vector_dim(const plan *s, const tn_expr *load)
{
    const tn_axis *v = &s->c->axis[s->v];
    int d = find_dim(s->p, load, v->var);
    for (int i = 0; i < load->n && s->grouped && d < 0; i++) {
        int64_t coefficient = 0;
        const tn_expr *group = tn_substitute(s->p, load->arg[i], v->var, tn_index(s->p, 0));
        if (tn_coefficient(load->arg[i], v->var, &coefficient) && coefficient == 1
            && tn_expr_is_int(tn_op2(s->p, TN_OP_MOD, group, tn_index(s->p, extent_of(v))), 0))
            d = i;
    }
    return d;
}

/* Dims that no reduction axis walks come first, then the reduction's in the order of its loops. */
static tn_layout packed_layout(const plan *s, const tn_expr *load, int vector_dim)
{
    tn_layout l = {0};
    int64_t group = s->nb * s->lanes;
    int main = s->c->n_reduce > 0 ? find_dim(s->p, load, s->c->reduce[s->main].var) : -1;
    int64_t block = s->r_block > 0 ? s->r_block : 1;
    bool placed[TN_MAX_RANK] = {false};
    placed[vector_dim] = true;
    if (!s->covers)
        add_part(&l, vector_dim, group, 0);
    for (int i = 0; i < s->c->n_reduce; i++) {
        int d = find_dim(s->p, load, s->c->reduce[i].var);
        if (d >= 0)
            placed[d] = true;
    }
    for (int d = 0; d < load->n; d++)
        if (!placed[d])
            add_part(&l, d, 1, 0);
    if (main >= 0 && s->main == 0)
        add_part(&l, main, block, 0);
    for (int i = 0; i < s->c->n_reduce; i++) {
        int d = find_dim(s->p, load, s->c->reduce[i].var);
        if (d >= 0 && d != main)
            add_part(&l, d, 1, 0);
    }
    if (main >= 0 && s->main > 0)
        add_part(&l, main, block, 0);
    if (main >= 0 && s->r_block > (s->dots ? 4 : 0))
        add_part(&l, main, s->dots ? 4 : 1, s->r_block / (s->dots ? 4 : 1));
    add_part(&l, vector_dim, 1, s->covers ? 0 : group);
    if (main >= 0 && s->dots)
        add_part(&l, main, 1, 4);
    return l;
}

static tn_buf *packed_buf(tn_program *p, tn_buf *from, const tn_layout *l)
{
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->packed_from == from && tn_layout_is_same(&p->bufs.items[i]->layout, l))
            return p->bufs.items[i];
    tn_dim none[TN_MAX_RANK] = {{0, NULL}};
    tn_buf *b = tn_buf_temp(p, from->name, from->dtype, from->rank, none);
    memcpy(b->dim, from->dim, sizeof b->dim);
    memcpy(b->max, from->max, sizeof b->max);
    b->scope = TN_SCOPE_CONST;
    b->packed_from = from;
    b->layout = *l;
    return b;
}

static const tn_expr *pack_load(tn_program *p, void *user, const tn_expr *e)
{
    const plan *s = user;
    if (e->kind != TN_E_LOAD || e->buf->scope != TN_SCOPE_CONST || e->buf->data == NULL || e->buf->layout.n > 0
        || e->i == 1)
        return NULL;
    int d = find_vector_dim(s, e);
    if (d < 0 || e->n + 3 > 12)
        return NULL;
    tn_layout l = packed_layout(s, e, d);
    return tn_load_raw(p, packed_buf(p, e->buf, &l), e->n, e->arg);
}

static void pack_constants(plan *s)
{
    s->c->elem = tn_rewrite(s->p, s->c->elem, pack_load, s);
    if (s->c->post != NULL)
        s->c->post = tn_rewrite(s->p, s->c->post, pack_load, s);
}

/* --- sections at the borders ---------------------------------------------------------------------------------------- */

static bool has_border(const plan *s, int i)
{
    return s->first[i] + s->last[i] > 0;
}

/* Where the first and last points of an axis need a test of what they read (pooling with padding) they are sections
   apart, if enough are left between them. */
static void choose_border(plan *s, int i, int64_t least)
{
    if (s->c->n_reduce == 0 || s->c->serial || extent_of(&s->c->axis[i]) == 0)
        return;
    tn_find_border(s->p, s->c, i, &s->first[i], &s->last[i]);
    if (inner_extent(s, i) < least)
        s->first[i] = s->last[i] = 0;
}

/* The bounds of a reduction's loop leave out what an axis outside of the tile needs not. */
static bool is_clipped(const plan *s, int r)
{
    tn_guards g = {0};
    bool clipped = false;
    tn_find_guards(s->c, s->c->elem, &g);
    for (int i = 0; i < g.n; i++) {
        bool open = tn_uses_var(g.item[i], s->c->reduce[r].var);
        for (int k = 0; k < s->c->n_axis; k++)
            open = open && !(has_border(s, k) && tn_uses_var(g.item[i], s->c->axis[k].var));
        clipped = clipped || open;
    }
    return clipped;
}

/* The element has tests that neither sections nor bounds of loops take over. */
static bool is_guarded(const plan *s)
{
    const tn_expr *e = s->c->elem;
    tn_guards g = {0};
    if (!tn_has_select(e))
        return false;
    tn_find_guards(s->c, e, &g);
    if (e->kind != TN_E_SELECT || tn_has_select(e->arg[1]) || g.n == 0)
        return true;
    for (int i = 0; i < g.n; i++)
        for (int k = 0; k < s->c->n_axis; k++)
            if ((k == s->v || k == s->pixel) && !has_border(s, k) && tn_uses_var(g.item[i], s->c->axis[k].var))
                return true;
    return false;
}

/* --- the schedule's text -------------------------------------------------------------------------------------------- */

static const char *reduction_name(const plan *s, int i)
{
    return s->c->reduce[i].var->name;
}

/* In a fixed order all others come first; else the main axis's blocks do. */
static void add_reduction_loops(const plan *s, tn_str *order)
{
    const char *r = reduction_name(s, s->main);
    if (s->r_block > 0 && s->main == 0)
        tn_str_add(order, " %so", r);
    else if (s->r_unroll == 0 && s->slides == 0 && s->main == 0)
        tn_str_add(order, " %s", r);
    if (s->slides > 0)
        tn_str_add(order, " %s", reduction_name(s, s->slides));
    for (int i = 0; i < s->c->n_reduce; i++)
        if (i != s->main && (i != s->slides || s->slides == 0))
            tn_str_add(order, " %s", reduction_name(s, i));
    if (s->r_block > 0 && s->main > 0)
        tn_str_add(order, " %so", r);
    else if (s->r_unroll == 0 && s->main > 0)
        tn_str_add(order, " %s", r);
    if (s->r_block > 0 && s->r_unroll > 0)
        tn_str_add(order, " %sio %sii", r, r);
    else if (s->r_block > 0)
        tn_str_add(order, " %si", r);
    else if (s->r_unroll > 0)
        tn_str_add(order, " %so %si", r, r);
    else if (s->slides > 0)
        tn_str_add(order, " %s", r);
}

/* The vectors' outer loop is outside that of the pixels or rows: a tile's weights then serve all of those from a cache,
   and what is read again and again is the smaller share, a row of it per 16 or more results. */
static const char *product_text(const plan *s)
{
    tn_arena *a = s->p->arena;
    tn_str text = {.arena = a}, order = {.arena = a};
    const char *r = reduction_name(s, s->main), *vector = s->covers ? "i" : "ii", *block = s->covers ? "oi" : "io",
               *rest = s->covers ? "oo" : "o";
    if (s->pads)
        tn_str_add(&text, "pad i%d %lld; ", s->v, (long long)s->lanes);
    if (s->covers)
        tn_str_add(&text, "cover i%d %lld; split i%do %lld; ", s->v, (long long)s->lanes, s->v, (long long)s->nb);
    else
        tn_str_add(&text, "split i%d %lld; split i%di %lld; ", s->v, (long long)(s->nb * s->lanes), s->v,
                   (long long)s->lanes);
    bool tiles = s->px > 1;
    if (tiles)
        tn_str_add(&text, "split i%d %lld; ", s->pixel, (long long)s->px);
    if (s->dots)
        tn_str_add(&text, "pad %s 4; ", r);
    if (s->r_block > 0)
        tn_str_add(&text, "split %s %lld; ", r, (long long)s->r_block);
    if (s->r_unroll > 0)
        tn_str_add(&text, "split %s%s %lld; ", r, s->r_block > 0 ? "i" : "", (long long)s->r_unroll);
    tn_str_add(&order, "order");
    for (int i = 0; i < s->c->n_axis; i++) {
        if (tiles && i == s->pixel && s->v > i)
            tn_str_add(&order, " i%d%s", s->v, rest);
        if (i != s->v)
            tn_str_add(&order, " i%d%s", i, tiles && i == s->pixel ? "o" : "");
        else if (!tiles || s->v < s->pixel)
            tn_str_add(&order, " i%d%s", i, rest);
    }
    add_reduction_loops(s, &order);
    if (tiles)
        tn_str_add(&order, " i%di", s->pixel);
    tn_str_add(&order, " i%d%s i%d%s", s->v, block, s->v, vector);
    tn_str_add(&text, "%s; unroll i%d%s", order.text, s->v, block);
    if (tiles)
        tn_str_add(&text, " i%di", s->pixel);
    const char *last = s->r_block > 0 && s->r_unroll > 0 ? "ii" : "i";
    if (s->dots)
        tn_str_add(&text, "; dot %s%s", r, last);
    else if (s->r_unroll > 0)
        tn_str_add(&text, " %s%s", r, last);
    tn_str_add(&text, "; vector i%d%s", s->v, vector);
    return text.text;
}

static void add_borders(const plan *s, tn_str *text)
{
    for (int i = 0; i < s->c->n_axis; i++)
        if (has_border(s, i))
            tn_str_add(text, "border i%d %lld %lld; ", i, (long long)s->first[i], (long long)s->last[i]);
}

/* Both sides move along the vector axis (depthwise convolution, pooling), or there is no reduction at all. */
static const char *vector_text(const plan *s)
{
    tn_arena *a = s->p->arena;
    tn_str text = {.arena = a};
    double taps = count_taps(s->c);
    bool tiles = s->px > 1;
    add_borders(s, &text);
    if (s->pads)
        tn_str_add(&text, "pad i%d %lld; ", s->v, (long long)s->lanes);
    tn_str_add(&text, "%s i%d %lld; ", s->covers ? "cover" : "split", s->v, (long long)s->lanes);
    if (tiles)
        tn_str_add(&text, "split i%d %lld; ", s->pixel, (long long)s->px);
    tn_str_add(&text, "order");
    for (int i = 0; i < s->c->n_axis; i++)
        if (!is_picked(s, i))
            tn_str_add(&text, " i%d%s", i, i == s->v || (tiles && i == s->pixel) ? "o" : "");
    for (int i = 0; i < s->c->n_reduce; i++)
        tn_str_add(&text, " r%d", i);
    if (tiles)
        tn_str_add(&text, " i%di", s->pixel);
    for (int i = 0; i < s->c->n_axis; i++)
        if (is_picked(s, i))
            tn_str_add(&text, " i%d", i);
    tn_str_add(&text, " i%di", s->v);
    for (int i = 0; i < s->c->n_axis; i++)
        if (is_picked(s, i))
            tn_str_add(&text, "; unroll i%d", i);
    if (tiles)
        tn_str_add(&text, "; unroll i%di", s->pixel);
    if (tiles && s->c->n_reduce > 0 && taps > 0 && taps <= 9)
        for (int i = 0; i < s->c->n_reduce; i++)
            if (!is_clipped(s, i))
                tn_str_add(&text, "; unroll r%d", i);
    tn_str_add(&text, "; vector i%di", s->v);
    return text.text;
}

/* --- rules ---------------------------------------------------------------------------------------------------------- */

/* The vector axis shares its dim with another: the channels of a group. */
static bool is_grouped(const plan *s)
{
    for (int d = 0; d < s->c->out->rank; d++)
        for (int i = 0; i < s->c->n_axis && tn_uses_var(s->c->at[d], s->c->axis[s->v].var); i++)
            if (i != s->v && tn_uses_var(s->c->at[d], s->c->axis[i].var))
                return true;
    return false;
}

/* Whole vectors only: beyond a group's last channel begins the next group. */
static bool choose_group_lanes(plan *s, int64_t channels)
{
    while (s->lanes > 4 && channels % s->lanes != 0)
        s->lanes /= 2;
    s->blocks = channels / s->lanes;
    return channels % s->lanes == 0;
}

static bool choose_lanes(plan *s)
{
    int64_t extent = inner_extent(s, s->v), block = tn_layout_block(&s->c->out->layout);
    s->lanes = block > 0 && block < s->t->lanes ? block : s->t->lanes; /* half a vector's channels may be a block */
    s->grouped = is_grouped(s);
    if (s->grouped)
        return choose_group_lanes(s, extent);
    if (extent % s->lanes != 0)
        s->pads = !has_border(s, s->v) && may_pad(s);
    s->covers = extent % s->lanes != 0 && !s->pads && s->c->n_reduce > 0 && !tn_comp_loads(s->c, s->c->out);
    while (s->covers && s->lanes > 4 && (s->lanes > extent || (extent % (s->lanes / 2) == 0 && extent < 4 * s->lanes)))
        s->lanes /= 2;
    s->covers = s->covers && extent % s->lanes != 0;
    s->blocks = (extent + s->lanes - 1) / s->lanes;
    return s->pads || extent >= s->lanes;
}

/* Float, which may be stored in 16 bits, and sums of products of bytes in int32. What is no reduction is done lane by
   lane where it must. */
static bool has_vectors(tn_dtype out, tn_dtype compute, bool reduces)
{
    bool byte = tn_dtype_is_byte(out);
    if (reduces)
        return compute == TN_FLOAT || compute == TN_INT32;
    return (out == TN_FLOAT && compute == TN_FLOAT) || tn_dtype_is_half(out) || byte;
}

/* The maximum or minimum of bytes is found in int32, which has vectors. */
static void widen_bytes(tn_program *p, tn_comp *c)
{
    tn_dtype t = c->elem->dtype;
    const tn_expr *load = c->elem->kind == TN_E_SELECT ? c->elem->arg[1] : c->elem;
    if (c->n_reduce == 0 || (c->combine != TN_OP_MAX && c->combine != TN_OP_MIN) || load->kind != TN_E_LOAD
        || (t != TN_INT8 && t != TN_UINT8))
        return;
    tn_var *acc = tn_var_make(p, "acc", TN_INT32, 0, 0);
    c->elem = c->elem->kind == TN_E_LOAD ? tn_cast(p, TN_INT32, c->elem)
                                         : tn_select(p, c->elem->arg[0], tn_cast(p, TN_INT32, c->elem->arg[1]),
                                                     tn_cast(p, TN_INT32, c->elem->arg[2]));
    c->init = tn_cast(p, TN_INT32, c->init);
    c->post = tn_substitute(p, c->post, c->acc, tn_cast(p, t, tn_var_expr(p, acc)));
    c->acc = acc;
}

static bool choose_vector(plan *s)
{
    const tn_comp *c = s->c;
    bool vectors = !c->serial && c->sums <= 1 && has_vectors(c->out->dtype, c->elem->dtype, c->n_reduce > 0);
    s->nb = s->px = 1;
    s->v = vectors ? find_vector_axis(c) : -1;
    if (s->v >= 0)
        choose_border(s, s->v, 4);
    return s->v >= 0 && choose_lanes(s);
}

bool tn_has_dots(tn_program *p, const tn_target *t, tn_comp *c)
{
    plan s = {.p = p, .t = t, .c = c}; /* where the sum's turns stand does not matter */
    if (t->lanes == 1 || c->n_reduce == 0 || !choose_vector(&s))
        return false;
    choose_dots(&s);
    return s.dots;
}

static int64_t largest_factor(int64_t n, int64_t most)
{
    while (most > 1 && n % most != 0)
        most--;
    return most;
}

static const char *choose(plan *s)
{
    tn_comp *c = s->c;
    widen_bytes(s->p, c);
    if (!choose_vector(s))
        return NULL;
    s->pixel = find_pixel_axis(c, s->v);
    if (s->pixel >= 0)
        choose_border(s, s->pixel, 1);
    bool guarded = is_guarded(s);
    s->product = !guarded && c->n_reduce > 0 && has_still_load(c->elem, c->axis[s->v].var);
    if (s->product) {
        choose_tile(s);
        choose_reduction(s);
        pack_constants(s);
        return product_text(s);
    }
    if (c->n_reduce > 0 && s->pixel >= 0 && !guarded) {
        int64_t extent = inner_extent(s, s->pixel), most = s->t->registers >= 32 ? 8 : 4;
        s->px = largest_factor(extent, most);
        if (s->px < most / 2) /* a ragged end */
            s->px = extent < most ? extent : most;
    }
    pack_constants(s);
    return vector_text(s);
}

/* A reduction along neighbours in memory whose result has none: a row's maximum or sum, a convolution to a few channels.
   The lanes of a vector reduce every lanes-th element; four rows at once hide the latency, and a short axis inside them
   (those channels) reads them once. */
static const char *lanes_text(tn_program *p, const tn_target *t, const tn_comp *c)
{
    tn_str text = {.arena = p->arena};
    int r = tn_sum_axis(c), row = -1, few = -1;
    if (c->n_reduce == 0 || c->serial || c->elem->dtype != TN_FLOAT || t->lanes == 1 || c->sums == 1)
        return NULL;
    int64_t lanes = c->sums > 1 ? c->sums : t->lanes, extent = extent_of(&c->reduce[r]);
    while (c->sums == 0 && lanes > 4 && extent < 2 * lanes)
        lanes /= 2;
    if (extent < lanes)
        return NULL;
    for (int i = 0; i < c->n_axis; i++)
        if (extent_of(&c->axis[i]) >= 4)
            row = i;
    for (int i = 0; i < row; i++)
        if (extent_of(&c->axis[i]) > 1 && extent_of(&c->axis[i]) <= 4)
            few = i;
    if (row >= 0)
        tn_str_add(&text, "split i%d %d; ", row, few >= 0 && t->registers < 32 ? 2 : 4);
    tn_str_add(&text, "split r%d %lld; order", r, (long long)lanes);
    for (int i = 0; i < c->n_axis; i++)
        if (i != few)
            tn_str_add(&text, " i%d%s", i, i == row ? "o" : "");
    for (int i = 0; i < c->n_reduce; i++)
        tn_str_add(&text, " r%d%s", i, i == r ? "o" : "");
    if (few >= 0)
        tn_str_add(&text, " i%d", few);
    if (row >= 0)
        tn_str_add(&text, " i%di", row);
    tn_str_add(&text, " r%di; ", r);
    if (few >= 0)
        tn_str_add(&text, "unroll i%d; ", few);
    if (row >= 0)
        tn_str_add(&text, "unroll i%di; ", row);
    tn_str_add(&text, "lanes r%di", r);
    return text.text;
}

/* For people: the rule that chose the schedule, and what its arithmetic promises. */
static void explain(const plan *s, tn_comp *c, bool vectors, bool lanes)
{
    tn_arena *a = s->p->arena;
    c->bound = 0;
    if (!vectors)
        c->why = lanes            ? tn_strfmt(a, "a row's result: its %d lanes are reduced side by side",
                                   c->sums > 1 ? c->sums : s->t->lanes)
               : s->t->lanes == 1 ? "plain loops: the target has no vectors"
                                  : "plain loops: no axis of it is vectors of one type side by side in memory";
    else if (!s->product)
        c->why = tn_strfmt(a, "no product with weights: %lld of one axis in a vector%s", (long long)s->lanes,
                           s->px > 1 ? ", several results at once hide the latency" : "");
    else {
        c->bound = (double)(s->px * s->nb) / 2 / step_cycles(s, s->px, s->nb);
        c->why = tn_strfmt(
            a, "a product: %lld x %lld vectors of %lld are %lld of %d registers and allow %.0f %% of the peak%s",
            (long long)s->px, (long long)s->nb, (long long)s->lanes, (long long)(s->px * s->nb), s->t->registers,
            100 * c->bound, s->dots ? "; four bytes to an instruction" : "");
    }
}

/* What does not come out as vectors, one way or the other, falls back to plain loops. */
static void schedule_one(tn_program *p, const tn_target *t, int64_t unroll, tn_comp *c, tn_kernel *out)
{
    tn_comp *before = tn_comp_copy(p, c);
    plan s = {.p = p, .t = t, .c = c, .unroll = unroll};
    const char *text = t->lanes > 1 ? choose(&s) : NULL, *why = NULL;
    bool vectors = text != NULL && tn_kernel_make(p, c, text, out, &why), lanes = false;
    if (!vectors) {
        *c = *before; /* constants unpacked again */
        text = lanes_text(p, t, c);
        lanes = text != NULL && tn_kernel_make(p, c, text, out, &why);
        if (!lanes)
            tn_kernel_make(p, c, tn_plain_schedule(p, c), out, &why);
    }
    explain(&s, c, vectors, lanes);
    c->schedule = out->schedule;
}

/* The rules see what follows the call. */
static void schedule_call(tn_program *p, const tn_target *t, int64_t unroll, tn_comp *c, tn_kernel *out)
{
    tn_comp *rest = tn_call_rest(p, c);
    tn_kernel after;
    if (rest != NULL)
        schedule_one(p, t, unroll, rest, &after);
    assert(rest == NULL || !after.repeats); /* only sums over an axis are */
    *out = tn_call_kernel(p, c, rest != NULL ? &after : NULL);
    c->schedule = out->schedule;
}

/* A schedule that the program's text gives is kept. */
bool tn_pass_schedule(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    tn_target t = *m->target;
    int64_t registers = tn_param_get(m, "schedule.registers"), unroll = tn_param_get(m, "schedule.unroll");
    t.registers = registers == TN_PARAM_AUTO ? t.registers : (int)registers;
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        tn_kernel *k = TN_PUSH(p->arena, p->kernels);
        if (c->schedule == NULL && c->call != NULL)
            schedule_call(p, &t, unroll, c, k);
        else if (c->schedule == NULL)
            schedule_one(p, &t, unroll, c, k);
        else if (!tn_kernel_replay(p, c, k))
            return false;
    }
    *changed = true;
    return true;
}
