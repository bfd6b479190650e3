/* groups: where a sum takes its operand by a group of the result's channels, groups and their channels become axes.
       y[k] = sum of x[k / 16 * 8 + r] * w[k, r], k < 64     becomes     y[16 * g + k] = sum of x[8 * g + r] * w[16 * g + k, r]
                                                                         g < 4, k < 16
   Along k now the weights move and x stands still, as in a convolution without groups: it has a register tile. Runs
   before layout, which asks what moves with what. */
#include "pass/pass.h"

/* The divisor of the axis in a subscript of what a load reads, 0: none. The weights have the axis itself. */
typedef struct search {
    const tn_expr *axis;
    int64_t divisor;
    bool has_weights;
} search;

static int64_t find_divisor(const tn_expr *e, const tn_expr *axis)
{
    int64_t found = 0;
    if (e->kind == TN_E_OP && e->op == TN_OP_FDIV && e->arg[0] == axis && e->arg[1]->kind == TN_E_INT)
        return e->arg[1]->i;
    for (int k = 0; k < e->n && found == 0; k++)
        found = find_divisor(e->arg[k], axis);
    return found;
}

static void see_load(void *user, const tn_expr *load)
{
    search *s = user;
    for (int d = 0; d < load->n; d++) {
        s->has_weights = s->has_weights || load->arg[d] == s->axis;
        if (s->divisor == 0)
            s->divisor = find_divisor(load->arg[d], s->axis);
    }
}

/* Channels in a group, 0: the axis has no groups, or one channel in each. */
static int64_t find_group(tn_program *p, const tn_comp *c, int axis)
{
    const tn_expr *extent = c->axis[axis].extent;
    search s = {.axis = tn_axis_var(p, c, axis)};
    if (extent->kind != TN_E_INT)
        return 0;
    tn_each_load(c->elem, see_load, &s);
    bool splits = s.has_weights && s.divisor > 1 && s.divisor < extent->i && extent->i % s.divisor == 0;
    return splits ? s.divisor : 0;
}

static void substitute_all(tn_program *p, tn_comp *c, const tn_var *v, const tn_expr *by)
{
    c->elem = tn_substitute(p, c->elem, v, by);
    c->init = tn_substitute(p, c->init, v, by);
    if (c->post != NULL)
        c->post = tn_substitute(p, c->post, v, by);
    for (int d = 0; d < c->out->rank; d++)
        c->at[d] = tn_substitute(p, c->at[d], v, by);
}

/* Axis a becomes axes a and a + 1; the later ones move up, and get names by their new places. */
static void split_axis(tn_program *p, tn_comp *c, int a, int64_t channels)
{
    tn_axis was[TN_MAX_AXES];
    memcpy(was, c->axis, sizeof was);
    const tn_expr *groups = tn_index(p, was[a].extent->i / channels);
    c->n_axis++;
    for (int i = a; i < c->n_axis; i++) {
        const tn_expr *extent = i == a ? groups : i == a + 1 ? tn_index(p, channels) : was[i - 1].extent;
        c->axis[i] = (tn_axis){tn_loop_var(p, tn_strfmt(p->arena, "i%d", i), extent), extent};
    }
    const tn_expr *group = tn_mul(p, tn_axis_var(p, c, a), tn_index(p, channels));
    substitute_all(p, c, was[a].var, tn_add(p, group, tn_axis_var(p, c, a + 1)));
    for (int i = a + 1; i < c->n_axis - 1; i++)
        substitute_all(p, c, was[i].var, tn_axis_var(p, c, i + 1));
}

bool tn_pass_groups(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        bool may_split = c->n_reduce > 0 && !c->serial && c->call == NULL && c->schedule == NULL;
        for (int a = 0; may_split && a < c->n_axis && c->n_axis < TN_MAX_AXES; a++) {
            int64_t channels = find_group(p, c, a);
            if (channels == 0)
                continue;
            split_axis(p, c, a, channels);
            *changed = true;
        }
    }
    return true;
}
