/* Windows sliding over spatial dims: what convolution and pooling share.

   Output position o and tap k of one spatial dim look at the input position o * stride + k * dilation - begin:

       kernel 3, stride 2, padding 1 over 5 elements:   o 0: -1 0 1   o 1: 1 2 3   o 2: 3 4 5
       (-1 and 5 are padding; a load of them gives the value named in tn_load_or)

   A convolution adds channels: tn_conv tells how they fall into groups. */
#ifndef TN_WINDOW_H
#define TN_WINDOW_H

#include "ir/ir.h"
#include "loop/loop.h"

enum { TN_MAX_SPATIAL = TN_MAX_RANK - 2 };

typedef struct tn_window {
    int rank;  /* number of spatial dims */
    int first; /* index of the first of them in the input: 2 for NCHW, 1 for channels last */
    int64_t kernel[TN_MAX_SPATIAL], stride[TN_MAX_SPATIAL], dilation[TN_MAX_SPATIAL]; /* each 1 .. INT32_MAX */
    tn_dim begin[TN_MAX_SPATIAL], end[TN_MAX_SPATIAL]; /* padding; a term for auto_pad with strides and symbolic dims */
    tn_dim out[TN_MAX_SPATIAL];
} tn_window;

/* Reads kernel_shape (unless kernel is given), strides, dilations, pads, auto_pad and fits them to x, whose spatial
   dims are first .. first + rank - 1. ceil: round the number of positions up, but no window may start in the end
   padding. False after a node error. */
bool tn_window_make(tn_graph *g, const tn_node *n, const tn_shape *x, int first, int rank, const int64_t *kernel,
                    bool ceil, tn_window *out);
/* The attributes alone, for operators that have other rules for padding; same is -1 (NOTSET), 0 (VALID), 1 (upper),
   2 (lower); pads holds begins, then ends, all zero unless NOTSET. */
bool tn_window_read(tn_graph *g, const tn_node *n, int first, int rank, const int64_t *kernel, tn_window *out,
                    int64_t *pads, int *same);
/* An attribute of count integers in lo .. INT32_MAX; otherwise where it is absent or empty. */
bool tn_window_ints(tn_graph *g, const tn_node *n, const char *name, int count, int64_t lo, int64_t otherwise,
                    int64_t *out);
void tn_window_shape(const tn_window *w, tn_shape *y); /* replaces y's spatial dims by w->out */

/* Adds one reduction axis per spatial dim and sets at[first + i] to the input position; tap[i], when tap is not NULL,
   to the axis. Subscripts of c's output at first + i are the output positions. */
void tn_window_taps(tn_program *p, tn_comp *c, const tn_window *w, const tn_expr **at, const tn_expr **tap);
/* Whether the spatial subscripts at[first ..] lie inside b. */
const tn_expr *tn_window_inside(tn_program *p, const tn_window *w, const tn_buf *b, const tn_expr *const *at);
/* How many taps lie inside the input, or (padded) inside the input with its padding; at least 1; an index. */
const tn_expr *tn_window_count(tn_program *p, const tn_comp *c, const tn_window *w, const tn_buf *x, bool padded);

/* Pooling: the window over the spatial dims of input 0 [N, C, ...]; false after a node error. */
bool tn_pool_window(tn_graph *g, const tn_node *n, tn_window *w);
/* The computation of out, with its reduction axes, and in `at` the subscripts of the input under the window. */
tn_comp *tn_pool_begin(tn_program *p, const tn_node *n, tn_buf *out, const tn_window *w, const tn_expr **at);

/* A convolution: x [N, groups * in, ...], w [groups * out, in, kernel...]. */
typedef struct tn_conv {
    tn_window window;
    int64_t groups, in, out; /* channels per group */
} tn_conv;
bool tn_conv_make(tn_graph *g, const tn_node *n, const tn_value *x, const tn_value *w, tn_conv *out, tn_shape *y);
/* Adds the reduction axes, input channels first (none when a group has one channel), and fills both subscripts. */
void tn_conv_sites(tn_program *p, tn_comp *c, const tn_conv *k, const tn_expr **x_at, const tn_expr **w_at);
/* An optional per-channel input: one dim of that many elements and that type; true when omitted. */
bool tn_conv_check_bias(tn_graph *g, const tn_node *n, int i, tn_dtype dtype, int64_t channels);

#endif
