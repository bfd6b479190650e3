/* What the rules ask about a computation's axes: how long they are, which of them suit, where a load walks along them. */
#include "pass/schedule.h"

int64_t tn_schedule_extent(const tn_axis *a)
{
    return a->extent->kind == TN_E_INT ? a->extent->i : 0;
}

/* Steps of the reduction, however many; 0 where only the run knows. */
double tn_schedule_taps(const tn_comp *c)
{
    double n = 1;
    for (int i = 0; i < c->n_reduce; i++)
        n *= (double)tn_schedule_extent(&c->reduce[i]);
    return n;
}

int tn_schedule_vector_axis(const tn_comp *c)
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
        if (tn_coefficient(c->at[dim], c->axis[i].var, &coefficient) && coefficient == 1
            && tn_schedule_extent(&c->axis[i]) > 0)
            return i;
    }
    return -1;
}

int tn_schedule_pixel_axis(const tn_comp *c, int v)
{
    for (int i = c->n_axis - 1; i >= 0; i--)
        if (i != v && tn_schedule_extent(&c->axis[i]) > 1)
            return i;
    return -1;
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

bool tn_schedule_is_picked(const tn_schedule *s, int i)
{
    return s->c->n_reduce == 0 && i != s->v && tn_schedule_extent(&s->c->axis[i]) > 0
        && tn_schedule_extent(&s->c->axis[i]) <= 8 && picks_by(s->c->elem, s->c->axis[i].var);
}

int tn_schedule_dim(tn_program *p, const tn_expr *load, tn_var *v)
{
    for (int d = 0; d < load->n; d++)
        if (load->arg[d]->kind == TN_E_VAR && load->arg[d] == tn_var_expr(p, v))
            return d;
    return -1;
}

/* Where the vector axis walks, from a multiple of its extent on where it is that of a group. */
int tn_schedule_vector_dim(const tn_schedule *s, const tn_expr *load)
{
    const tn_axis *v = &s->c->axis[s->v];
    int d = tn_schedule_dim(s->p, load, v->var);
    for (int i = 0; i < load->n && s->grouped && d < 0; i++) {
        int64_t coefficient = 0;
        const tn_expr *group = tn_substitute(s->p, load->arg[i], v->var, tn_index(s->p, 0));
        if (tn_coefficient(load->arg[i], v->var, &coefficient) && coefficient == 1
            && tn_expr_is_int(tn_op2(s->p, TN_OP_MOD, group, tn_index(s->p, tn_schedule_extent(v))), 0))
            d = i;
    }
    return d;
}
