/* What a Resize does along each axis, found at compile time. See resize_plan.c and resize.c. */
#ifndef TN_RESIZE_H
#define TN_RESIZE_H

#include "ir/ir.h"
#include "loop/loop.h"

typedef enum { TN_RESIZE_NEAREST, TN_RESIZE_LINEAR, TN_RESIZE_CUBIC } tn_resize_mode;

typedef struct tn_resize_axis {
    tn_dim in, out;
    double scale;      /* out / in as given or derived; not 1 whenever the axis changes; 0 when only the run knows it */
    double length;     /* scale * in: the output's length before it was made whole; 0 for a symbolic axis */
    int64_t up, down;  /* scale as the fraction up / down in lowest terms; 0 when it is not one of small numbers */
    double begin, end; /* the region of interest, for tf_crop_and_resize: 0 and 1 are the whole axis */
    bool same;         /* out is in: nothing to do */
} tn_resize_axis;

typedef struct tn_resize {
    tn_resize_mode mode;
    const char *coordinates; /* coordinate_transformation_mode */
    int rounding;            /* of nearest: TN_PREFER_FLOOR and so on */
    bool crops;              /* tf_crop_and_resize */
    bool antialias, exclude_outside;
    double cubic_a, extrapolation;
    int rank;
    tn_resize_axis axis[TN_MAX_RANK];
    int n_axes, axes[TN_MAX_RANK]; /* those that scales, sizes and region are for, in their order */
    bool by_sizes;
    int policy; /* of sizes: TN_STRETCH and so on */
    bool late;  /* only the run knows scales, policy or region: of the axes, just in, out and same are set */
} tn_resize;
enum { TN_STRETCH, TN_NOT_LARGER, TN_NOT_SMALLER };

enum { TN_PREFER_FLOOR, TN_PREFER_CEIL, TN_FLOOR, TN_CEIL };

bool tn_resize_read(tn_graph *g, const tn_node *n, tn_resize *out);
bool tn_resize_is_symbolic(const tn_resize_axis *a); /* its length before or after is */

/* The elements that each output element of one axis is made of: taps of them, by index and weight. outside marks output
   elements beyond the region (NULL: none). For an axis that is fixed and not empty. */
typedef struct tn_resize_taps {
    int64_t n;
    tn_tensor *index;                          /* int32 [out, n], each within the input */
    tn_tensor *weight;                         /* float [out, n]; NULL for nearest */
    tn_tensor *outside;                        /* bool [out] */
    tn_buf *index_at, *weight_at, *outside_at; /* the same as the run finds them; the tensors are NULL then */
} tn_resize_taps;
bool tn_resize_find_taps(tn_graph *g, const tn_node *n, const tn_resize *r, const tn_resize_axis *a,
                         tn_resize_taps *out);

/* resize_late.c: tables that the run fills, as the axis is symbolic or its scale late. The check of the declared shape, where
   it is not known to be right. */
void tn_resize_late_check(tn_program *p, const tn_node *n, const tn_resize *r);
/* There is something to take elements from wherever some are wanted. */
void tn_resize_late_check_empty(tn_program *p, const tn_node *n, const tn_resize *r);
void tn_resize_late_taps(tn_program *p, const tn_node *n, const tn_resize *r, int axis, tn_resize_taps *out);

#endif
