/* Tests of what a padded reduction reads: points at an axis's two ends that need them are sections apart (the primitive
   border), so that what is between is free of them. */
#include "pass/schedule.h"

bool tn_schedule_has_border(const tn_schedule *s, int i)
{
    return s->first[i] + s->last[i] > 0;
}

/* Of what is between the sections at its ends. */
int64_t tn_schedule_inner_extent(const tn_schedule *s, int i)
{
    return tn_schedule_extent(&s->c->axis[i]) - s->first[i] - s->last[i];
}

/* Where the first and last points of an axis need a test of what they read (pooling with padding) they are sections
   apart, if enough are left between them. */
void tn_schedule_choose_border(tn_schedule *s, int i, int64_t least)
{
    if (s->c->n_reduce == 0 || s->c->serial || tn_schedule_extent(&s->c->axis[i]) == 0)
        return;
    tn_find_border(s->p, s->c, i, &s->first[i], &s->last[i]);
    if (tn_schedule_inner_extent(s, i) < least)
        s->first[i] = s->last[i] = 0;
}

/* The bounds of a reduction's loop leave out what an axis outside of the tile needs not. */
bool tn_schedule_is_clipped(const tn_schedule *s, int r)
{
    tn_guards g = {0};
    bool clipped = false;
    tn_find_guards(s->c, s->c->elem, &g);
    for (int i = 0; i < g.n; i++) {
        bool open = tn_uses_var(g.item[i], s->c->reduce[r].var);
        for (int k = 0; k < s->c->n_axis; k++)
            open = open && !(tn_schedule_has_border(s, k) && tn_uses_var(g.item[i], s->c->axis[k].var));
        clipped = clipped || open;
    }
    return clipped;
}

/* The element has tests that neither sections nor bounds of loops take over. */
bool tn_schedule_is_guarded(const tn_schedule *s)
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
            if ((k == s->v || k == s->pixel) && !tn_schedule_has_border(s, k)
                && tn_uses_var(g.item[i], s->c->axis[k].var))
                return true;
    return false;
}
