/* What was chosen, written as a schedule (sched/sched.h): one function for each of the three shapes of a kernel. */
#include "pass/schedule.h"

static const char *reduction_name(const tn_schedule *s, int i)
{
    return s->c->reduce[i].var->name;
}

/* In a fixed order all others come first; else the main axis's blocks do. */
static void add_reduction_loops(const tn_schedule *s, tn_str *order)
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
const char *tn_schedule_product_text(const tn_schedule *s)
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

static void add_borders(const tn_schedule *s, tn_str *text)
{
    for (int i = 0; i < s->c->n_axis; i++)
        if (tn_schedule_has_border(s, i))
            tn_str_add(text, "border i%d %lld %lld; ", i, (long long)s->first[i], (long long)s->last[i]);
}

/* Both sides move along the vector axis (depthwise convolution, pooling), or there is no reduction at all. */
const char *tn_schedule_vector_text(const tn_schedule *s)
{
    tn_arena *a = s->p->arena;
    tn_str text = {.arena = a};
    double taps = tn_schedule_taps(s->c);
    bool tiles = s->px > 1;
    add_borders(s, &text);
    if (s->pads)
        tn_str_add(&text, "pad i%d %lld; ", s->v, (long long)s->lanes);
    tn_str_add(&text, "%s i%d %lld; ", s->covers ? "cover" : "split", s->v, (long long)s->lanes);
    if (tiles)
        tn_str_add(&text, "split i%d %lld; ", s->pixel, (long long)s->px);
    tn_str_add(&text, "order");
    for (int i = 0; i < s->c->n_axis; i++)
        if (!tn_schedule_is_picked(s, i))
            tn_str_add(&text, " i%d%s", i, i == s->v || (tiles && i == s->pixel) ? "o" : "");
    for (int i = 0; i < s->c->n_reduce; i++)
        tn_str_add(&text, " r%d", i);
    if (tiles)
        tn_str_add(&text, " i%di", s->pixel);
    for (int i = 0; i < s->c->n_axis; i++)
        if (tn_schedule_is_picked(s, i))
            tn_str_add(&text, " i%d", i);
    tn_str_add(&text, " i%di", s->v);
    for (int i = 0; i < s->c->n_axis; i++)
        if (tn_schedule_is_picked(s, i))
            tn_str_add(&text, "; unroll i%d", i);
    if (tiles)
        tn_str_add(&text, "; unroll i%di", s->pixel);
    if (tiles && s->c->n_reduce > 0 && taps > 0 && taps <= 9)
        for (int i = 0; i < s->c->n_reduce; i++)
            if (!tn_schedule_is_clipped(s, i))
                tn_str_add(&text, "; unroll r%d", i);
    tn_str_add(&text, "; vector i%di", s->v);
    return text.text;
}

/* A reduction along neighbours in memory whose result has none: a row's maximum or sum, a convolution to a few channels.
   The lanes of a vector reduce every lanes-th element; four rows at once hide the latency, and a short axis inside them
   (those channels) reads them once. */
const char *tn_schedule_lanes_text(tn_program *p, const tn_target *t, const tn_comp *c)
{
    tn_str text = {.arena = p->arena};
    int r = tn_sum_axis(c), row = -1, few = -1;
    if (c->n_reduce == 0 || c->serial || c->elem->dtype != TN_FLOAT || t->lanes == 1 || c->sums == 1)
        return NULL;
    int64_t lanes = c->sums > 1 ? c->sums : t->lanes, extent = tn_schedule_extent(&c->reduce[r]);
    while (c->sums == 0 && lanes > 4 && extent < 2 * lanes)
        lanes /= 2;
    if (extent < lanes)
        return NULL;
    for (int i = 0; i < c->n_axis; i++)
        if (tn_schedule_extent(&c->axis[i]) >= 4)
            row = i;
    for (int i = 0; i < row; i++)
        if (tn_schedule_extent(&c->axis[i]) > 1 && tn_schedule_extent(&c->axis[i]) <= 4)
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
