/* What the rewrites of upgrade.c build on (upgrade_tools.c): inputs and constants, element types and ranks. */
#ifndef TN_ONNX_UPGRADE_H
#define TN_ONNX_UPGRADE_H

#include "onnx/onnx.h"

typedef struct upgrade {
    tn_graph *g;
    tn_node_vec out; /* nodes that are done, in topological order */
    size_t inferred; /* how many of out had their shapes inferred */
    tn_dtype *types; /* by value id, of the values that were there at the start; TN_UNDEFINED: not reached yet */
    size_t n_types;
} upgrade;

/* Input i, made room for when the node has fewer; NULL omits it. */
void tn_upgrade_set_input(upgrade *u, tn_node *n, int i, tn_value *v);
bool tn_upgrade_has_input(const tn_node *n, int i);

/* Constants, called after the node in messages: 'conv1.axes'. rank is 0 or 1. */
tn_value *tn_upgrade_add_ints(upgrade *u, const tn_node *n, const char *what, const int64_t *x, size_t count, int rank);
tn_value *tn_upgrade_add_floats(upgrade *u, const tn_node *n, const char *what, const float *x, size_t count);
tn_value *tn_upgrade_add_scalar(upgrade *u, const tn_node *n, const char *what, tn_dtype dtype, double x);

/* An integer attribute, a list or a single number, becomes input i, a list; nothing happens when it is absent. */
void tn_upgrade_ints_to_input(upgrade *u, tn_node *n, const char *attr, int i);

/* Element type of a value as far as nodes tell without inference: most give the type of their first input. */
tn_dtype tn_upgrade_type_of(const upgrade *u, const tn_value *v);
void tn_upgrade_note_types(upgrade *u, const tn_node *n); /* of the outputs of a node that is done */

/* Makes sure that the value's shape is known, by inferring the nodes before. */
bool tn_upgrade_infer(upgrade *u, const tn_node *n, const tn_value *v);

/* Appends 1s to the shape of input i so that its first dim stands at `axis` of input 0: how opset 1 to 6 aligned. */
bool tn_upgrade_align(upgrade *u, tn_node *n, int i, int64_t axis);

#endif
