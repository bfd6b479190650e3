/* The operators: rows in ops.def, filled by one file per family. A family's file defines the infer, lower and expr
   functions that its rows name; ops.c makes the table. */
#ifndef TN_OPS_H
#define TN_OPS_H

#include "ir/ir.h"
#include "loop/loop.h"

const tn_op *tn_op_find(const char *domain, const char *name); /* "ai.onnx" is ""; NULL when not supported */
const tn_op *tn_op_at(size_t i);                               /* in alphabetical order; NULL past the end */

/* --- helpers that families share (ops.c) -------------------------------------------------------------------------- */

/* NumPy broadcasting of two shapes; false (no message) when they do not fit. A symbolic dim fits 1 and itself. */
bool tn_broadcast(const tn_shape *x, const tn_shape *y, tn_shape *out);
/* The same, and dims that no run can show to be different (tn_dims_may_agree) count as equal: tn_late_check_broadcast, in
   the operator's lower function, compares them at run time. */
bool tn_broadcast_checked(const tn_shape *x, const tn_shape *y, tn_shape *out);
/* x and y have to be equal: notes the names that would have to be one for that, or the name that would have to be a
   number, if there are such (pass infer). */
void tn_note_alike(tn_graph *g, tn_dim x, tn_dim y);
void tn_note_alike_shapes(tn_graph *g, const tn_shape *x, const tn_shape *y); /* as they broadcast */
bool tn_need_broadcast(tn_graph *g, const tn_node *n, int i, tn_shape *s); /* *s with input i; false after an error */
void tn_set_output(tn_node *n, int i, tn_dtype dtype, const tn_shape *s);  /* no effect when that output is omitted */
bool tn_check_attributes(tn_graph *g, const tn_node *n);                   /* kinds of the common attributes */
bool tn_infer_first(tn_graph *g, tn_node *n);     /* output 0 has the type and shape of input 0 */
bool tn_infer_broadcast(tn_graph *g, tn_node *n); /* all inputs broadcast; type of input 0, all inputs of one type */
bool tn_infer_compare(tn_graph *g, tn_node *n);   /* the same, giving bool */
bool tn_lower_elementwise(tn_program *p,
                          const tn_node *n); /* broadcasts, converts to the compute type, calls op->expr */
/* An axis attribute or element: negative counts from the end; an error of the node when outside -rank..rank-1. */
bool tn_node_axis(tn_graph *g, const tn_node *n, int64_t axis, int rank, int *out);
bool tn_has_input(const tn_node *n, int i); /* present and not omitted */
/* A constant integer input's elements (NULL after a node error that names the input when it is not known at compile time). */
const int64_t *tn_need_ints(tn_graph *g, const tn_node *n, int i, const char *what, size_t *count);

/* x in float, limited to the numbers of an 8- or 4-bit float; NaN stays (cast.c). */
const tn_expr *tn_saturate_float(tn_program *p, const tn_expr *x, tn_dtype to);

/* Random numbers (random.c). A node that draws them has a key: it is not computed at compile time and not moved out of a
   repeat, and two of them are never the same. */
bool tn_node_draws(const tn_node *n);
void tn_node_set_key(tn_graph *g, tn_node *n); /* from the seed; without one, its own */
/* A number in [0, 1), float or double: the same for the same i; those of another stream do not depend on it. */
const tn_expr *tn_random_unit(tn_program *p, const tn_node *n, tn_dtype t, const tn_expr *i, uint32_t stream);

/* What an operator that moves elements is where these are strings (string_forms.c); NULL: it takes none. */
bool (*tn_find_text_form(const tn_op *op))(tn_expand *e, const tn_node *n);

/* Shape arithmetic (view.c): when the node makes a small integer tensor out of dims, fills n->out[0]->elems with terms,
   such as [N, 12]; leaves it as it is when they are not known. Never fails; infer has succeeded before. */
bool tn_propagate_elems(tn_graph *g, tn_node *n);

/* The functions that the rows name. */
#define TN_OPERATOR(name, domain, since, min_in, max_in, min_out, max_out, types, infer, lower, expr, detail, doc) \
    bool infer(tn_graph *g, tn_node *n); \
    bool lower(tn_program *p, const tn_node *n);
#define TN_ELEMENTWISE(name, domain, since, in, types, infer, expr, doc) \
    bool infer(tn_graph *g, tn_node *n); \
    const tn_expr *expr(tn_program *p, const tn_node *n, const tn_expr *const *in_);
#define TN_COMPOSITE(name, domain, since, min_in, max_in, min_out, max_out, types, expand, doc) \
    bool expand(tn_expand *e, const tn_node *n);
#define TN_CONTROL(name, domain, since, min_in, max_in, min_out, max_out, expand, doc) \
    bool expand(tn_expand *e, const tn_node *n);
#define TN_SEQUENCE TN_CONTROL
#include "ops/ops.def"
#undef TN_SEQUENCE
#undef TN_OPERATOR
#undef TN_ELEMENTWISE
#undef TN_COMPOSITE
#undef TN_CONTROL

#endif
