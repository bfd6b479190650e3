/* kernels: what has no loop nest yet gets one, by its schedule's text where it has one, else plain: a serial loop for
   each axis in order, which is right for everything.
       comp 0 "Relu"   axes i0:4   "y"[i0] = ...     becomes     for (i0 = 0; i0 < 4; i0++) y[i0] = ...
   Does nothing where pass schedule has run. */
#include "pass/call.h"
#include "sched/sched.h"

/* The schedule is that of what follows the call. */
static bool make_call(tn_program *p, tn_comp *c, const char *schedule, tn_kernel *out, const char **why)
{
    tn_comp *rest = tn_call_rest(p, c);
    tn_kernel after;
    *why = "nothing follows the call";
    if (rest == NULL && *schedule != '\0')
        return false;
    if (rest != NULL && !tn_kernel_make(p, rest, schedule, &after, why))
        return false;
    *why = "a call's result is worked on in place by one thread: no point may be computed twice, no loop be parallel";
    *out = tn_call_kernel(p, c, rest != NULL ? &after : NULL);
    return rest == NULL || (!after.repeats && after.share.parts == 0);
}

/* Plain loops go through the result as it lies in memory: a few channels of a block are the innermost loop, or each of
   them would be a pass over all blocks. */
static const char *memory_order(tn_program *p, const tn_comp *c)
{
    tn_str text = {.arena = p->arena};
    const tn_expr *offset = tn_buf_offset(p, c->out, c->at);
    int64_t stride[TN_MAX_AXES];
    int axis[TN_MAX_AXES];
    bool moved = false;
    for (int i = 0; i < c->n_axis; i++) {
        if (!tn_coefficient(offset, c->axis[i].var, &stride[i]))
            return "";
        int at = i;
        for (; at > 0 && stride[axis[at - 1]] < stride[i] && c->axis[i].var->hi != 0; at--)
            axis[at] = axis[at - 1];
        axis[at] = i;
        moved = moved || at < i;
    }
    for (int i = 0; moved && i < c->n_axis; i++)
        tn_str_add(&text, "%s %s", i > 0 ? "" : "order", c->axis[axis[i]].var->name);
    return moved ? text.text : "";
}

/* A reduction in several sums: r0 r1o r1i, and the turns of r1i have a sum each. */
const char *tn_plain_schedule(tn_program *p, const tn_comp *c)
{
    int side = c->sums > 1 ? tn_sum_axis(c) : -1;
    tn_str text = {.arena = p->arena};
    if (c->n_reduce == 0 && !c->serial && c->n_axis > 0)
        return memory_order(p, c);
    if (side < 0)
        return "";
    const char *r = c->reduce[side].var->name;
    tn_str_add(&text, "split %s %d; order", r, c->sums);
    for (int i = 0; i < c->n_axis; i++)
        tn_str_add(&text, " %s", c->axis[i].var->name);
    for (int i = 0; i < c->n_reduce; i++)
        tn_str_add(&text, " %s%s", c->reduce[i].var->name, i == side ? "o" : "");
    tn_str_add(&text, " %si; sums %si", r, r);
    return text.text;
}

bool tn_kernel_make(tn_program *p, tn_comp *c, const char *schedule, tn_kernel *out, const char **why)
{
    if (c->call != NULL)
        return make_call(p, c, schedule, out, why);
    tn_nest *nest = tn_nest_make(p, c);
    if (!tn_nest_apply(nest, schedule, why))
        return false;
    *out = (tn_kernel){c, schedule, tn_nest_lower(nest), nest->repeats, nest->share};
    *why = "not all of it can be done in vectors";
    return tn_stmt_is_vector_clean(p, out->body);
}

bool tn_kernel_replay(tn_program *p, tn_comp *c, tn_kernel *out)
{
    const char *why = NULL;
    if (tn_kernel_make(p, c, c->schedule != NULL ? c->schedule : tn_plain_schedule(p, c), out, &why))
        return true;
    tn_error_at(p->graph->diag, p->graph->path, "computation %d (%s): its schedule '%s' does not fit: %s", c->id,
                c->label, c->schedule, why);
    return false;
}

bool tn_pass_kernels(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    for (size_t i = 0; i < p->comps.n; i++)
        if (!tn_kernel_replay(p, p->comps.items[i], TN_PUSH(p->arena, p->kernels)))
            return false;
    *changed = true;
    return true;
}
