/* The tests of a reduction's element that do no more than leave some of its steps out: is this pixel of the window
   inside? Bounds of loops and sections at the borders take their place. See sched.h. */
#include "sched/sched.h"

static bool is_neutral(const tn_comp *c, const tn_expr *e)
{
    if (c->combine == TN_OP_ADD)
        return (e->kind == TN_E_NUM && e->f == 0) || tn_expr_is_int(e, 0);
    return (c->combine == TN_OP_MAX || c->combine == TN_OP_MIN) && e == c->init;
}

static void add_conjuncts(const tn_expr *c, tn_guards *out)
{
    if (c->kind == TN_E_OP && c->op == TN_OP_AND) {
        add_conjuncts(c->arg[0], out);
        add_conjuncts(c->arg[1], out);
    } else if (out->n < 32) {
        out->item[out->n++] = c;
    }
}

static bool is_padding_of(const tn_expr *difference)
{
    const tn_expr *x = difference->arg[0], *zero = difference->arg[1];
    return x->kind == TN_E_CAST && x->arg[0]->kind == TN_E_SELECT && zero->kind == TN_E_INT
        && x->arg[0]->arg[2]->kind == TN_E_INT && x->arg[0]->arg[2]->i == zero->i;
}

/* Conditions without which the element is neutral: of select(c, x, 0) itself, and of a factor of a product. */
void tn_find_guards(const tn_comp *c, const tn_expr *e, tn_guards *out)
{
    if (e->kind == TN_E_SELECT && is_neutral(c, e->arg[2])) {
        add_conjuncts(e->arg[0], out);
        tn_find_guards(c, e->arg[1], out);
    } else if (e->kind == TN_E_OP && e->op == TN_OP_MUL && c->combine == TN_OP_ADD) {
        tn_find_guards(c, e->arg[0], out);
        tn_find_guards(c, e->arg[1], out);
    } else if (e->kind == TN_E_OP && e->op == TN_OP_SUB && c->combine == TN_OP_ADD && is_padding_of(e)) {
        add_conjuncts(e->arg[0]->arg[0]->arg[0], out); /* (int32)select(c, x, zero point) - zero point */
    } else if (e->kind == TN_E_CAST && c->combine == TN_OP_ADD) {
        tn_find_guards(c, e->arg[0], out);
    }
}

const tn_expr *tn_slack_of(tn_program *p, const tn_expr *cond)
{
    if (cond->kind != TN_E_OP || (cond->op != TN_OP_LT && cond->op != TN_OP_LE) || cond->arg[0]->dtype != TN_INDEX)
        return NULL;
    const tn_expr *slack = tn_sub(p, cond->arg[1], cond->arg[0]);
    return cond->op == TN_OP_LT ? tn_sub(p, slack, tn_index(p, 1)) : slack;
}

/* slack = c * v + rest must not be negative, whatever the rest is. */
void tn_find_border(tn_program *p, const tn_comp *c, int axis, int64_t *first, int64_t *last)
{
    tn_var *v = c->axis[axis].var;
    tn_guards g = {0};
    *first = *last = 0;
    tn_find_guards(c, c->elem, &g);
    for (int i = 0; i < g.n; i++) {
        const tn_expr *slack = tn_slack_of(p, g.item[i]);
        int64_t k = 0, lo = 0, hi = 0;
        if (slack == NULL || !tn_coefficient(slack, v, &k) || k == 0)
            continue;
        tn_range_of(tn_substitute(p, slack, v, tn_index(p, 0)), &lo, &hi);
        if (k > 0)
            *first = tn_larger(*first, tn_floor_div(-lo + k - 1, k));
        else
            *last = tn_larger(*last, v->hi - tn_floor_div(lo, -k));
    }
}
