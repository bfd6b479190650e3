/* Reductions over some axes of a tensor: what ReduceSum, ArgMax, Softmax and their kin share.

   The reduced axes are marked in `over`, one bool for each axis of x. A result has the extent 1 there (keep), so that
   it broadcasts back to x, or has not these axes at all:

       x [2,3,4]  over {0,1,0}      keep: [2,1,4]      else: [2,4] */
#ifndef TN_REDUCE_H
#define TN_REDUCE_H

#include "ir/ir.h"
#include "loop/loop.h"

tn_shape tn_reduced_shape(const tn_shape *x, const bool *over, bool keep);
/* A temporary of that shape with the axes kept. */
tn_buf *tn_reduced_temp(tn_program *p, const char *name, tn_dtype dtype, const tn_shape *x, const bool *over);

/* A computation over out, which has the reduced shape, with a reduction axis for each axis in over; fills at with the
   subscripts of x. */
tn_comp *tn_reduce_begin(tn_program *p, const tn_node *n, tn_buf *out, const tn_shape *x, const bool *over, bool keep,
                         const tn_expr **at);
/* How many elements of x make one of the result; an index. */
const tn_expr *tn_reduce_count(tn_program *p, const tn_shape *x, const bool *over);
/* What ADD, MUL, MIN, MAX start from: of integers and bool, the ends of the type. */
const tn_expr *tn_reduce_start(tn_program *p, tn_scalar_op op, tn_dtype dtype);

/* out = the MIN or MAX of x; NaN where there is one. */
void tn_reduce_extreme(tn_program *p, const tn_node *n, tn_scalar_op op, tn_buf *out, const tn_value *x,
                       const bool *over, bool keep);
/* out (int64) = where that was: the row-major position among the axes in over, the first one or the last one. */
void tn_reduce_position(tn_program *p, const tn_node *n, tn_buf *out, const tn_value *x, const bool *over, bool keep,
                        tn_buf *extreme, bool last);
/* Row-major position of the subscripts at among the axes in over. */
const tn_expr *tn_reduce_flat(tn_program *p, const tn_shape *x, const bool *over, const tn_expr *const *at);

#endif
