/* Optionals whose state is known when compiling: one that holds something is what it holds, one that holds nothing is an
   omitted operand. */
#include "ops/expand.h"
#include "ops/ops.h"

bool tn_expand_optional(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, n->in[0]);
}

bool tn_expand_has_element(tn_expand *e, const tn_node *n)
{
    return tn_give(e, 0, tn_expand_scalar(e, TN_BOOL, tn_has_input(n, 0)));
}
