/* What the fixed-point operators share. */
#ifndef TN_FIXED_H
#define TN_FIXED_H

#include "ir/ir.h"
#include "loop/loop.h"

/* x (int32) times multiplier / 2^31 * 2^shift; m and s are their loads (s int8), for the values of those operands: where
   they are constant, what does not occur in them is left out. once: rounded once, see fixed.c. */
const tn_expr *tn_fixed_times(tn_program *p, const tn_value *multiplier, const tn_value *shift, const tn_expr *x,
                              const tn_expr *m, const tn_expr *s, bool once);

#endif
