/* plan: every buffer of the workspace gets its place, see plan/plan.h.
       buffer "a" : float[4] arena     becomes     # plan 32 B: 0 "a", kernels 0 to 1;  16 "b", kernels 1 to 2 */
#include "pass/pass.h"

bool tn_pass_plan(tn_module *m, bool *changed)
{
    tn_plan *plan = TN_NEW(m->arena, tn_plan);
    if (!tn_plan_make(m->program, m->target->work_align, (int)tn_param_get(m, "plan.effort"), plan))
        return false;
    m->plan = plan;
    *changed = true;
    return true;
}
