/* What the fixed-point operators share. */
#ifndef TN_FIXED_H
#define TN_FIXED_H

#include "ir/ir.h"
#include "loop/loop.h"

/* x (int32) times multiplier / 2^31 * 2^shift; m and s are their loads (s int8), for the values of those operands: where
   they are constant, what does not occur in them is left out. once: rounded once, see fixed.c. */
const tn_expr *tn_fixed_times(tn_program *p, const tn_value *multiplier, const tn_value *shift, const tn_expr *x,
                              const tn_expr *m, const tn_expr *s, bool once);

/* x (int32) between the node's attributes min and max, in that type. */
const tn_expr *tn_fixed_limit(tn_program *p, const tn_node *n, const tn_expr *x, tn_dtype to);

/* The element of a table of 513 for x (int32, of 16 bits), whose last 7 bits lie between two of them; int32. */
const tn_expr *tn_fixed_interpolate(tn_program *p, tn_buf *table, const tn_expr *x);

/* Sums of products, which Conv, ConvTranspose and MatMul of floats share with those of integers of 16 and 8 bits (fixed.def):
   of the latter the node's attribute sum names the type of the sum, int32 or int64, and each product is in int32. Without the
   attribute both operands have one type, in whose compute type the sum is. */
bool tn_sum_takes(const tn_node *n, const tn_value *x, const tn_value *w);
tn_dtype tn_sum_type(const tn_node *n);
tn_dtype tn_sum_output(const tn_node *n);
const tn_expr *tn_sum_product(tn_program *p, const tn_node *n, const tn_expr *x, const tn_expr *w);

#endif
