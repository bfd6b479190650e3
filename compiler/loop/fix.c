/* Sums of floats in an order that is part of the program. See loop.h. */
#include "loop/loop.h"

#include <math.h>

int tn_sum_axis(const tn_comp *c)
{
    int r = c->n_reduce - 1;
    while (r > 0 && tn_expr_is_int(c->reduce[r].extent, 1))
        r--;
    return r;
}

double tn_neutral(int combine)
{
    switch (combine) {
    case TN_OP_ADD: return 0;
    case TN_OP_MUL: return 1;
    case TN_OP_MAX: return -INFINITY;
    default: assert(combine == TN_OP_MIN); return INFINITY;
    }
}

/* -0 added to it would not stay. */
bool tn_starts_neutral(const tn_comp *c)
{
    double neutral = tn_neutral(c->combine);
    return c->init->kind == TN_E_NUM && c->init->f == neutral && !signbit(c->init->f) == !signbit(neutral);
}

/* --- windows before channels ---------------------------------------------------------------------------------------- */

static bool slides(const tn_comp *c, const tn_axis *r)
{
    for (int i = 0; i < c->n_axis; i++)
        if (tn_share_subscript(c->elem, c->axis[i].var, r->var))
            return true;
    return false;
}

/* Taps outside and channels inside, which lie side by side where they are blocked: as fast as any other order. */
static void order_axes(tn_comp *c)
{
    tn_axis sorted[TN_MAX_AXES];
    const char *name[TN_MAX_AXES];
    int n = 0;
    for (int i = 0; i < c->n_reduce; i++)
        name[i] = c->reduce[i].var->name;
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < c->n_reduce; i++)
            if (slides(c, &c->reduce[i]) == (turn == 0))
                sorted[n++] = c->reduce[i];
    memcpy(c->reduce, sorted, sizeof *sorted * (size_t)n);
    for (int i = 0; i < n; i++)
        c->reduce[i].var->name = name[i]; /* r0 is the first */
}

/* --- one sum, or several side by side ------------------------------------------------------------------------------- */

typedef struct looks {
    const tn_comp *comp;
    const tn_var *along;
    bool beside, none; /* loads that move along the axis step to the neighbour; no load moves */
} looks;

static bool steps_beside(const tn_expr *load, int dim, const tn_var *v)
{
    int64_t c = 0;
    for (int d = 0; d < load->n; d++)
        if (d != dim && tn_uses_var(load->arg[d], v))
            return false;
    return tn_coefficient(load->arg[dim], v, &c) && c == 1;
}

/* An image summed over its pixels: channels, where they are blocked, are neighbours. */
static bool is_sum_of_pixels(const tn_comp *c, const tn_expr *load, const tn_var *v)
{
    if (load->n != 4 || !steps_beside(load, 1, v))
        return false;
    for (int i = 0; i < c->n_axis; i++)
        if (tn_uses_var(load->arg[2], c->axis[i].var) || tn_uses_var(load->arg[3], c->axis[i].var))
            return false;
    return true;
}

static void look_along(void *user, const tn_expr *load)
{
    looks *s = user;
    bool is_result = s->along != s->comp->reduce[tn_sum_axis(s->comp)].var;
    if (!tn_uses_var(load, s->along) || (is_result && load->buf->scope == TN_SCOPE_CONST))
        return; /* constants are packed as a schedule wants them */
    s->none = false;
    s->beside = s->beside
             && (steps_beside(load, load->n - 1, s->along) || (is_result && is_sum_of_pixels(s->comp, load, s->along)));
}

/* Whether vectors of results are possible: then each lane has a sum of its own. */
static bool has_vectors_of_results(const tn_comp *c)
{
    for (int i = 0; i < c->n_axis; i++) {
        looks s = {c, c->axis[i].var, true, true};
        if (tn_expr_is_int(c->axis[i].extent, 1))
            continue;
        bool used = tn_uses_var(c->elem, s.along);
        tn_each_load(c->elem, look_along, &s);
        if (used && s.beside)
            return true;
    }
    return false;
}

static bool has_vectors_along_sum(const tn_comp *c)
{
    const tn_axis *r = &c->reduce[tn_sum_axis(c)];
    looks s = {c, r->var, true, true};
    if (c->elem->dtype != TN_FLOAT || r->extent->kind != TN_E_INT || r->extent->i < 2 * TN_FIXED_SUMS)
        return false;
    tn_each_load(c->elem, look_along, &s);
    return s.beside && !s.none;
}

static bool depends_on_order(const tn_comp *c)
{
    bool orders = c->combine == TN_OP_ADD || c->combine == TN_OP_MUL || c->combine == TN_OP_MAX
               || c->combine == TN_OP_MIN; /* of extremes the sign of a zero does */
    return c->n_reduce > 0 && orders && tn_dtype_get(c->elem->dtype)->is_float;
}

bool tn_sums_fit(const tn_comp *c)
{
    if (c->sums == 0 || (c->sums == 1 && depends_on_order(c)))
        return true;
    bool power = (c->sums & (c->sums - 1)) == 0 && c->sums > 0 && c->sums <= TN_FIXED_SUMS;
    const tn_expr *extent = depends_on_order(c) ? c->reduce[tn_sum_axis(c)].extent : NULL;
    return power && extent != NULL && extent->kind == TN_E_INT && extent->i >= c->sums && c->elem->dtype == TN_FLOAT;
}

void tn_fix_sums(tn_program *p)
{
    p->exact = true;
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        if (!depends_on_order(c))
            continue;
        if (c->mark == NULL)
            order_axes(c);
        c->sums = !has_vectors_of_results(c) && has_vectors_along_sum(c) ? TN_FIXED_SUMS : 1;
    }
}
