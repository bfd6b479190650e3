/* Rules: a schedule for every computation, by arithmetic from the target. No search, no measurement.

   1. The vector axis is the one whose neighbours lie beside each other in the output.
   2. A product of something that moves along it (weights) with something that does not (pixels, rows) gets a register
      tile: nb vectors times px points of the last other axis, chosen by counting cycles per reduction step.
   3. Anything else gets its vector axis innermost. What does not come out as vectors falls back to plain loops.
   Constants that a vector axis reads are packed.

   Here is which rule applies; what each of them chooses is in the files schedule_*.c beside this one. */
#include "pass/schedule.h"

#include "pass/call.h"

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

bool tn_has_dots(tn_program *p, const tn_target *t, tn_comp *c)
{
    tn_schedule s = {.p = p, .t = t, .c = c}; /* where the sum's turns stand does not matter */
    if (t->lanes == 1 || c->n_reduce == 0 || !tn_schedule_choose_vector(&s))
        return false;
    tn_schedule_choose_dots(&s);
    return s.dots;
}

static int64_t largest_factor(int64_t n, int64_t most)
{
    while (most > 1 && n % most != 0)
        most--;
    return most;
}

static const char *choose(tn_schedule *s)
{
    tn_comp *c = s->c;
    widen_bytes(s->p, c);
    if (!tn_schedule_choose_vector(s))
        return NULL;
    s->pixel = tn_schedule_pixel_axis(c, s->v);
    if (s->pixel >= 0)
        tn_schedule_choose_border(s, s->pixel, 1);
    bool guarded = tn_schedule_is_guarded(s);
    s->product = !guarded && c->n_reduce > 0 && has_still_load(c->elem, c->axis[s->v].var);
    if (s->product) {
        tn_schedule_choose_tile(s);
        tn_schedule_choose_sum(s);
        tn_schedule_pack(s);
        return tn_schedule_product_text(s);
    }
    if (c->n_reduce > 0 && s->pixel >= 0 && !guarded) {
        int64_t extent = tn_schedule_inner_extent(s, s->pixel), most = s->t->registers >= 32 ? 8 : 4;
        s->px = largest_factor(extent, most);
        if (s->px < most / 2) /* a ragged end */
            s->px = extent < most ? extent : most;
    }
    tn_schedule_pack(s);
    return tn_schedule_vector_text(s);
}

/* For people: the rule that chose the schedule, and what its arithmetic promises. */
static void explain(const tn_schedule *s, tn_comp *c, bool vectors, bool lanes)
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
        c->bound = (double)(s->px * s->nb) / 2 / tn_schedule_step_cycles(s, s->px, s->nb);
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
    tn_schedule s = {.p = p, .t = t, .c = c, .unroll = unroll};
    const char *text = t->lanes > 1 ? choose(&s) : NULL, *why = NULL;
    bool vectors = text != NULL && tn_kernel_make(p, c, text, out, &why), lanes = false;
    if (!vectors) {
        *c = *before; /* constants unpacked again */
        text = tn_schedule_lanes_text(p, t, c);
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
