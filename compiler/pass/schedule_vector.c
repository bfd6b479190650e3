/* The vector axis, how many lanes its vectors have, and what becomes of a last one that is not full. */
#include "pass/schedule.h"

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
static bool may_pad(const tn_schedule *s)
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

/* The vector axis shares its dim with another: the channels of a group. */
static bool is_grouped(const tn_schedule *s)
{
    for (int d = 0; d < s->c->out->rank; d++)
        for (int i = 0; i < s->c->n_axis && tn_uses_var(s->c->at[d], s->c->axis[s->v].var); i++)
            if (i != s->v && tn_uses_var(s->c->at[d], s->c->axis[i].var))
                return true;
    return false;
}

/* Whole vectors only: beyond a group's last channel begins the next group. */
static bool choose_group_lanes(tn_schedule *s, int64_t channels)
{
    while (s->lanes > 4 && channels % s->lanes != 0)
        s->lanes /= 2;
    s->blocks = channels / s->lanes;
    return channels % s->lanes == 0;
}

static bool choose_lanes(tn_schedule *s)
{
    int64_t extent = tn_schedule_inner_extent(s, s->v), block = tn_layout_block(&s->c->out->layout);
    s->lanes = block > 0 && block < s->t->lanes ? block : s->t->lanes; /* half a vector's channels may be a block */
    s->grouped = is_grouped(s);
    if (s->grouped)
        return choose_group_lanes(s, extent);
    if (extent % s->lanes != 0)
        s->pads = !tn_schedule_has_border(s, s->v) && may_pad(s);
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

bool tn_schedule_choose_vector(tn_schedule *s)
{
    const tn_comp *c = s->c;
    bool vectors = !c->serial && c->sums <= 1 && has_vectors(c->out->dtype, c->elem->dtype, c->n_reduce > 0);
    s->nb = s->px = 1;
    s->v = vectors ? tn_schedule_vector_axis(c) : -1;
    if (s->v >= 0)
        tn_schedule_choose_border(s, s->v, 4);
    return s->v >= 0 && choose_lanes(s);
}
