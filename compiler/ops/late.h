/* Sizes, axes and positions that only the run knows: inputs such as Reshape's shape or Slice's starts that depend on the
   data. Where the file declares the shape of the result, that is its shape, and the elements are found from what the
   input holds at run time; a check compares the two and ends the run with an error where they do not agree. Where it does
   not, the run finds the size, which is a symbol with a bound like those of the inputs (tn_dim_found): by counting, or
   by what an integer is that shapes depend on (found.c).

       y [3,4] = Reshape(x [2,6], s [2])       check  s[0] == 3 or -1, s[1] == 4 or -1, not both -1
                                               y = view of x

   Checks come before the computations that rely on them, so that these may read at the positions without a test of their
   own. */
#ifndef TN_LATE_H
#define TN_LATE_H

#include "ops/index.h"

/* Input i is omitted, or what it holds is known at compile time. */
bool tn_is_early(tn_graph *g, const tn_node *n, int i);

/* Input i, which only the run knows, is a list (or a scalar) of `count` integers (-1: of any number). */
bool tn_check_late(tn_graph *g, const tn_node *n, int i, const char *what, int64_t count);
/* The declared shape of output `out`, when what input `in` holds is known at run time only. False after an error of the
   node that says how to make it known: `what` is the name of the input in ONNX. */
bool tn_need_declared(tn_graph *g, const tn_node *n, int in, const char *what, int out, tn_shape *s);
/* The same, and output 0 gets that shape and the type of input 0. */
bool tn_infer_declared(tn_graph *g, tn_node *n, int in, const char *what);
/* As tn_need_declared and tn_infer_declared where the input holds sizes: without a declared shape they are noted, see
   tn_note_sizes. */
bool tn_need_sizes(tn_graph *g, const tn_node *n, int in, const char *what, int out, tn_shape *s);
bool tn_infer_sized(tn_graph *g, tn_node *n, int in, const char *what);
bool tn_find_declared(const tn_node *n, int out, tn_shape *s); /* false: the shape of output `out` is not declared */
/* The shape that input i gives for output 0: what it holds, else the declared one; tn_late_check_dims compares. */
bool tn_find_shape(tn_graph *g, const tn_node *n, int i, const char *what, tn_shape *out);

/* --- sizes that the run finds: found.c */

/* Notes in g->late_sizes what v is made of, where option bounds has a bound for all of it; else gives what would have to
   be said, --bounds "n<=N", or "" where v is not made of sizes. */
const char *tn_note_sizes(tn_graph *g, tn_value *v);
/* Dim `axis` of the first output is a size that the run finds, 0 to `most` (negative: only the user can tell).
   False after an error that names the option. */
bool tn_found_dim(tn_graph *g, const tn_node *n, int axis, int64_t most, tn_dim *out);
/* The same where the size is how many elements of `marks` are not 0, for which it is one size. */
bool tn_found_marks(tn_graph *g, const tn_node *n, int axis, tn_value *marks, tn_dim *out);
/* What a size is called, from the name of a value, and its bound by option bounds; NULL: none. */
const char *tn_size_name(tn_graph *g, const char *from);
bool tn_is_bounded(tn_graph *g, const tn_value *v); /* any of its integers is */
const tn_dim *tn_size_bound(const tn_graph *g, const char *name);
/* The integer v, which is a size that the run finds, at most that. name NULL: after the composite. */
tn_value *tn_call_size(tn_expand *e, tn_value *v, const char *name, int64_t most);
/* Puts tenon::Sizes behind the integers in g->late_sizes from `from` on. */
void tn_insert_sizes(tn_graph *g, size_t from);
bool tn_check_bounds(tn_graph *g); /* option bounds names sizes that there are */

/* ---------------------------------------------------------------------------------------------------------------------- */

/* Declared shapes go from results to the values that they are elementwise functions of (Log, Cast, x + 1). */
void tn_declare_operands(tn_graph *g);

/* Element k of an integer input of rank 0 or 1, in int64; limited to +-2^40, so that arithmetic on it does not wrap. */
const tn_expr *tn_late_int(tn_program *p, const tn_value *v, int64_t k);
int64_t tn_late_count(const tn_value *v);                      /* how many it has */
const tn_expr *tn_late_dim(tn_program *p, tn_dim d);           /* a dim in int64 */
const tn_expr *tn_late_index(tn_program *p, const tn_expr *x); /* an int64 as an index */
const tn_expr *tn_int64(tn_program *p, int64_t x);
const tn_expr *tn_is(tn_program *p, const tn_expr *x, const tn_expr *y);     /* x == y */
const tn_expr *tn_either(tn_program *p, const tn_expr *x, const tn_expr *y); /* x or y */
const tn_expr *tn_limit(tn_program *p, const tn_expr *x, const tn_expr *lo, const tn_expr *hi);

/* The position in input `axes` of an axis of a tensor of that rank; as expressions, one for each element. */
const tn_expr *tn_late_is_axis(tn_program *p, const tn_value *axes, int64_t k, int axis, int rank);
/* Element `base` + k of values, k being where axis stands in axes (NULL: at its own number); otherwise where it does
   not. */
const tn_expr *tn_late_pick(tn_program *p, const tn_value *values, int64_t base, int64_t count, const tn_value *axes,
                            int axis, int rank, const tn_expr *otherwise);

/* Whether axes, of a tensor of that rank, have this one. */
const tn_expr *tn_late_has_axis(tn_program *p, const tn_value *axes, int axis, int rank);

/* Two dims that must be equal where nothing shows that they are, such as 2 * ((H + 1) / 2) and H, which a network that
   halves and doubles has: *out is the simpler one, and the lower function checks (tn_late_check_same). False where they
   differ in any case, and for names, which tn_note_alike is to make one, or numbers. */
bool tn_dims_may_agree(tn_dim x, tn_dim y, tn_dim *out);
void tn_late_check_same(tn_program *p, const tn_node *n, int count, const tn_dim *x, const tn_dim *y);
void tn_late_check_broadcast(tn_program *p, const tn_node *n); /* all inputs against output 0 */

/* The run's x, an int64, is dim d. Where d is a size that nothing has found yet, this finds it; else a check compares. */
void tn_late_settle(tn_program *p, const tn_node *n, tn_dim d, const tn_expr *x);
/* The same for one check of several: what must be true for it, which is so where this finds the size. */
const tn_expr *tn_late_agrees(tn_program *p, const tn_node *n, tn_dim d, const tn_expr *x);
/* Where agrees is false the run ends with an error; nothing where it is known to be true. */
void tn_late_check(tn_program *p, const tn_node *n, const tn_expr *agrees);
/* The elements of input i are these dims; no check where that is known. */
void tn_late_check_dims(tn_program *p, const tn_node *n, int i, int count, const tn_dim *d);
/* Input i holds different axes of whole; the dims of the others are part, in order. ones: those of the axes are 1. */
void tn_late_check_axes(tn_program *p, const tn_node *n, int i, const tn_shape *whole, const tn_shape *part, bool ones);

/* The row-major positions of what is not 0 among the `length` elements of marks, in order, an int64 buffer of rank 1; the
   run ends with an error unless there are `count` (pick.c). */
tn_buf *tn_late_positions(tn_program *p, const tn_node *n, tn_buf *marks, tn_dim length, tn_dim count);

#endif
