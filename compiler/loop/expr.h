/* What the files expr*.c share. */
#ifndef TN_LOOP_EXPR_H
#define TN_LOOP_EXPR_H
#include "loop/loop.h"

/* The operation as it is, made unique but not simplified. */
const tn_expr *tn_expr_make_op(tn_program *p, tn_scalar_op op, tn_dtype dtype, int n, const tn_expr *const *arg);
/* expr_range.c: of what tn_range_of finds; a range's ends are clamped where its numbers are too large. */
bool tn_expr_range_is_known(int64_t lo, int64_t hi);
/* expr_index.c: an operation on subscripts, simplified. */
const tn_expr *tn_expr_index_op(tn_program *p, tn_scalar_op op, const tn_expr *const *arg);
/* interp.c: what the interpreter finds for two integers of that type (one operand: x). */
int64_t tn_expr_compute(tn_scalar_op op, tn_dtype dtype, int64_t x, int64_t y);

#endif
