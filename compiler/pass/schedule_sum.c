/* The loops of a product's sum: which of them is split, what is unrolled, and whether four of its turns are one dot product
   of bytes. */
#include "pass/schedule.h"

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
static int64_t find_run(const tn_schedule *s, const tn_axis *r, const tn_expr *load)
{
    const tn_layout *l = &load->buf->layout;
    int d = tn_schedule_dim(s->p, load, r->var), last = l->n > 0 ? l->part[l->n - 1].axis : load->buf->rank - 1;
    int64_t block = tn_layout_block(l);
    if (l->n > 0 && l->part[l->n - 1].div != 1)
        return 0;
    if (d >= 0)
        return d != last ? 0 : block > 0 ? block : load->buf->max[d];
    return block == 0 && walks_row(load, last, r->var) ? tn_schedule_extent(r) : 0;
}

typedef struct bytes_seen {
    const tn_schedule *s;
    const tn_axis *r;
    int64_t run;      /* of the activations */
    bool has_weights; /* int8 constants that the reduction axis and the vector axis walk */
} bytes_seen;

static void see_bytes(void *user, const tn_expr *load)
{
    bytes_seen *b = user;
    if (load->buf->scope == TN_SCOPE_CONST)
        b->has_weights = load->dtype == TN_INT8 && tn_schedule_vector_dim(b->s, load) >= 0
                      && tn_schedule_dim(b->s->p, load, b->r->var) >= 0;
    else
        b->run = tn_dtype_is_byte(load->dtype) ? find_run(b->s, b->r, load) : 0;
}

/* How many operands of the sum along a reduction axis lie side by side, so that four of them are one instruction; 0:
   they do not. A ragged last four reads on in the block, times weights of 0; behind a last dim is nothing to read. */
static int64_t find_dots(const tn_schedule *s, const tn_axis *r)
{
    bytes_seen b = {.s = s, .r = r};
    tn_each_load(s->c->elem, see_bytes, &b);
    bool is_last = b.run == tn_schedule_extent(r);
    return b.has_weights && b.run >= 4 && b.run % 4 == 0 ? is_last ? 4 : b.run : 0;
}

/* A sum of products of bytes by constant bytes. The axis of the dot products becomes the first: integers may be added
   in any order. */
void tn_schedule_choose_dots(tn_schedule *s)
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
static void place_sliding_taps(tn_schedule *s)
{
    bool has_others = false,
         channels_inside = s->r_unroll > 0 && tn_schedule_extent(&s->c->reduce[0]) >= 2 * s->r_unroll;
    if (s->px == 1 || s->r_block > 4 || channels_inside)
        return;
    for (int i = 1; i < s->c->n_reduce; i++) {
        if (tn_schedule_extent(&s->c->reduce[i]) == 1)
            continue;
        if (tn_share_subscript(s->c->elem, s->c->axis[s->pixel].var, s->c->reduce[i].var))
            s->slides = i;
        else
            has_others = true;
    }
    if (s->slides > 0 && !has_others)
        s->r_unroll = 0;
}

static void split_reduction(tn_schedule *s)
{
    const tn_axis *main = &s->c->reduce[s->main];
    int64_t r = tn_schedule_extent(main), lanes = s->t->lanes;
    bool apart = s->c->sums == 0 && s->c->n_reduce > 1; /* the loops of the others come between */
    if (r > lanes && (apart || walks_blocks(s->c->elem, main->var)))
        s->r_block = lanes;
    int64_t inner = s->r_block > 0 ? lanes : r, tail = s->r_block > 0 ? r % lanes : 0;
    for (int64_t u = s->unroll; u > 1 && s->r_unroll == 0; u /= 2)
        if (inner >= u && tail % u == 0 && (inner % u == 0 || s->r_block == 0))
            s->r_unroll = u;
}

void tn_schedule_choose_sum(tn_schedule *s)
{
    tn_schedule_choose_dots(s);
    bring_first(s->c, s->dot_axis);
    s->main = s->c->sums == 0 ? 0 : tn_sum_axis(s->c);
    if (!s->dots && tn_schedule_extent(&s->c->reduce[s->main]) > 0)
        split_reduction(s);
    if (s->c->sums == 0)
        place_sliding_taps(s);
}
