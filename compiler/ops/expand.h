/* Operators that are functions of others. Such a row has no computations of its own: while types and shapes are
   inferred, its node is replaced by the nodes that its expand function calls, which are inferred one by one, so that
   the function can look at the shapes of what it has made so far.

       bool tn_expand_mean_variance(tn_expand *e, const tn_node *n)
       {
           tn_value *mean = tn_call(e, "ReduceMean keepdims=1", n->in[0]);
           return tn_give(e, 0, tn_call(e, "Sub", n->in[0], mean));
       }

   After a failed call, which has reported its error, further calls do nothing and give a scalar; tn_give is then false.
   Each step rounds to the type of its values, as ONNX's own function bodies do. */
#ifndef TN_EXPAND_H
#define TN_EXPAND_H

#include "ir/ir.h"

/* The branch of an If that nodes are in, by a condition of the run, or the turn of a Loop, and those around it. */
typedef struct tn_branch {
    const struct tn_branch *outer; /* NULL: none */
    tn_value *condition;
    bool wanted; /* the run takes it where the condition is that */
} tn_branch;

struct tn_expand {
    tn_graph *g;
    const tn_node *node;                   /* the composite: fresh nodes carry its name and index */
    bool (*add)(tn_expand *e, tn_node *n); /* infers n and appends it to the graph; false after an error */
    tn_node_vec *done;                     /* where add appends */
    const tn_branch *branch;               /* that the node is in; NULL: none */
    bool bytes;                            /* strings are bytes to the calls, as any uint8 */
    bool failed;
};

/* Calls the operator; what follows its name are attributes: whole numbers, numbers with a point, words, or lists of
   whole numbers. "Transpose perm=0,2,1,", "Gelu approximate=tanh", "LeakyRelu alpha=0.5". A list of one ends in a
   comma. A name alone is the composite's own attribute, if it has one: "Conv pads strides". An operator of another domain
   has its name in front: "tenon.Rescale". Inputs: NULL is an omitted one. Gives output 0. */
#define tn_call(e, op, ...) \
    tn_call_list((e), (op), (int)(sizeof((tn_value *[]){__VA_ARGS__}) / sizeof(tn_value *)), \
                 (tn_value *[]){__VA_ARGS__})
tn_value *tn_call_list(tn_expand *e, const char *op, int n_in, tn_value *const *in);
/* All outputs. */
void tn_call_all(tn_expand *e, const char *op, int n_in, tn_value *const *in, int n_out, tn_value **out);
/* Output i of the composite is v; no effect where that output is omitted. False when a call has failed. */
bool tn_give(tn_expand *e, int i, tn_value *v);
/* tn_node_error of the composite; then all has failed. */
bool tn_expand_error(tn_expand *e, const char *format, ...) TN_PRINTF(2, 3);

/* Input i of the composite: NULL where it is omitted; need reports that as an error and gives a scalar. */
tn_value *tn_expand_input(const tn_expand *e, int i);
tn_value *tn_expand_need(tn_expand *e, int i, const char *what);
const char *tn_expand_show(const tn_expand *e, const tn_value *v); /* 'x' is float[2,3] */

/* Puts a copy of a subgraph behind the nodes that are done; its outputs, NULL after an error. may_skip: the run may
   not take it, see tn_node_maybe. */
tn_value *const *tn_expand_body(tn_expand *e, const tn_subgraph *b, tn_value *const *inputs, bool may_skip);

/* What fresh values are called: after the first output of the composite. */
const char *tn_expand_name(const tn_expand *e, const char *what);

/* Nodes of a branch that the run may not take are marked so, and what they are functions of. */
bool tn_node_maybe(const tn_node *n);
void tn_node_set_maybe(tn_graph *g, tn_node *n);
/* One of them that ends no run that does not take the branch, since it asks whether it does. */
bool tn_node_asks(const tn_node *n);
void tn_node_set_asks(tn_graph *g, tn_node *n);

/* Constants. ints: int64 of rank 1. */
tn_value *tn_expand_ints(tn_expand *e, int count, const int64_t *x);
tn_value *tn_expand_int(tn_expand *e, int64_t x);                   /* one, of rank 1 */
tn_value *tn_expand_scalar(tn_expand *e, tn_dtype dtype, double x); /* rank 0 */
tn_value *tn_expand_constant(tn_expand *e, const tn_tensor *t);

/* Frequent calls. */
tn_value *tn_call_reshape(tn_expand *e, tn_value *v, int rank,
                          const int64_t *dims); /* 0: keeps the dim, -1: the rest */
tn_value *tn_call_slice(tn_expand *e, tn_value *v, int64_t axis, int64_t start, int64_t end, int64_t step);
tn_value *tn_call_join(tn_expand *e, int64_t axis, tn_value *x, tn_value *y);
tn_value *tn_call_unsqueeze(tn_expand *e, tn_value *v, int64_t axis);
tn_value *tn_call_dim(tn_expand *e, tn_value *v, int axis);     /* the extent: int64 of rank 1 */
tn_value *tn_call_cast(tn_expand *e, tn_value *v, tn_dtype to); /* v itself where it has that type */

#endif
