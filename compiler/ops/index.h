/* Positions: dims with symbols, inputs that hold sizes or indices, slices. What the operators that move data share.

       size_t count;
       const tn_dim *d = tn_need_dims(g, n, 1, "shape", &count);    the elements of input 1, such as [N, 12] */
#ifndef TN_INDEX_H
#define TN_INDEX_H

#include "ops/ops.h"

/* --- dims --------------------------------------------------------------------------------------------------------- */

int64_t tn_dim_low(tn_dim d);                         /* the least value that d can have */
tn_dim tn_dim_least(tn_arena *a, tn_dim x, tn_dim y); /* the smaller; one of them where the bounds show which */
tn_dim tn_dim_most(tn_arena *a, tn_dim x, tn_dim y);
tn_dim tn_dim_product(tn_arena *a, int n, const tn_dim *d); /* in one form, whatever the order of the factors */
/* The product of x over the product of y. False when y is 0, or nothing shows that the division leaves no rest. */
bool tn_dims_divide(tn_arena *a, int nx, const tn_dim *x, int ny, const tn_dim *y, tn_dim *out);

/* --- inputs that hold sizes, axes and indices --------------------------------------------------------------------- */

/* The elements of a constant of int32 or int64, or of shape arithmetic; NULL when not known. A constant beyond
   TN_DIM_MAX is clamped to it. */
const tn_dim *tn_value_dims(tn_graph *g, const tn_value *v, size_t *count);
/* The same for input i, which must have rank 0 or 1; NULL after an error of the node, which calls the input `what`. */
const tn_dim *tn_need_dims(tn_graph *g, const tn_node *n, int i, const char *what, size_t *count);
/* Input i as axes of a tensor of that rank: negative ones count from the end, none is given twice. */
bool tn_need_axes(tn_graph *g, const tn_node *n, int i, int rank, int *axes, size_t *count);

/* Input i as a shape: no dim is negative. */
bool tn_need_shape(tn_graph *g, const tn_node *n, int i, tn_shape *out);

/* Input i holds indices: int32 or int64 and, where all is known at compile time, inside -extent..extent-1. */
bool tn_check_indices(tn_graph *g, const tn_node *n, int i, tn_dim extent);
/* The index that v[at] holds: a negative one counts from the end of extent. An index outside is moved to the nearest
   end, unless compile time shows that there is none, so that wrong input never reaches foreign memory. */
const tn_expr *tn_load_index(tn_program *p, const tn_value *v, const tn_expr *const *at, tn_dim extent);

/* v[at] as it is stored: for moving elements without computing. */
const tn_expr *tn_load_stored(tn_program *p, const tn_value *v, const tn_expr *const *at);

/* --- slices ------------------------------------------------------------------------------------------------------- */

typedef struct tn_slice {
    tn_dim start, count; /* of a tensor's axis: start, start + step, ... */
    int64_t step;        /* not 0 */
} tn_slice;
bool tn_slices_make(tn_graph *g, const tn_node *n, tn_slice *out); /* of a Slice, one for each axis of input 0 */

#endif
