/* Strings as rows of bytes, UTF-8 with zeros behind the end: what is a tensor of strings [2,3] in the model is one of uint8
   [2,3,W] here (tn_value.is_text), and the operators are loop programs over bytes like all others. */
#ifndef TN_STRING_H
#define TN_STRING_H

#include "ops/expand.h"

int tn_text_rank(const tn_value *text); /* without the bytes */
tn_dim tn_text_width(const tn_value *text);
int64_t tn_text_widest(const tn_value *x, const tn_value *y);

/* For infer: output i is strings; input i must be strings of a fixed number of bytes. */
void tn_text_set(tn_node *n, int i, const tn_shape *s);
bool tn_text_check(tn_graph *g, const tn_node *n, int i);

/* For expand. give, need: as tn_give; an error unless input i is strings. */
bool tn_text_give(tn_expand *e, int i, tn_value *v);
bool tn_text_need(tn_expand *e, int i);
tn_value *tn_text_widen(tn_expand *e, tn_value *v, int64_t width); /* zeros up to that width */
tn_value *tn_text_same(tn_expand *e, tn_value *x, tn_value *y);    /* bool; shapes broadcast */
tn_value *tn_text_dims(tn_expand *e, const tn_node *n);            /* of input 0, without the bytes: int64 */
tn_value *tn_text_constant(tn_expand *e, size_t n, const char *const *strings); /* [n,W] */

#endif
