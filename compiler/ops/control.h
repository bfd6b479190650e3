/* What If (branch.c) and Loop, Scan (turns.c) share: their subgraphs, and choosing between two values. */
#ifndef TN_CONTROL_H
#define TN_CONTROL_H

#include "ops/expand.h"

const tn_subgraph *tn_need_body(tn_expand *e, const char *name); /* NULL after an error */
/* Input i is omitted, or one element of that type; false after an error. */
bool tn_check_one(tn_expand *e, int i, tn_dtype dtype);
tn_value *tn_call_scalar(tn_expand *e, tn_value *v); /* v, which has one element, as rank 0 */

/* Whether each turn would find a size of its own: one of symbol `from` on stands in shapes of the nodes from `begin` on
   and not before them. */
bool tn_finds_inside(const tn_expand *e, size_t begin, size_t from);

/* x where the condition holds, else y: tensors of one type and rank, or sequences of such. Where they differ in dims
   both are padded to the larger one and cut to the dim of the one that is taken, a size that the run finds, called after
   name. An error, and a scalar, where they are not alike. */
tn_value *tn_call_choose(tn_expand *e, tn_value *condition, const char *name, tn_value *x, tn_value *y);

#endif
