/* Quantised numbers: real = scale * (q - zero_point). What the quantising operators share.

   Parameters that are constant become numbers in the expressions, so that a zero point of 0 disappears:
       zero_point 0, scale 0.5      (x - 0) * 0.5    is built as   x * 0.5 */
#ifndef TN_QUANT_H
#define TN_QUANT_H

#include "ir/ir.h"
#include "loop/loop.h"

#define TN_T_BYTES (TN_BIT(TN_INT8) | TN_BIT(TN_UINT8))
#define TN_T_QUANT (TN_T_BYTES | TN_BIT(TN_INT16) | TN_BIT(TN_UINT16))

/* The element of a zero point as int32, of a scale as float. v NULL: zero point 0. at NULL: the only element. */
const tn_expr *tn_quant_zero(tn_program *p, const tn_value *v, const tn_expr *const *at);
const tn_expr *tn_quant_scale(tn_program *p, const tn_value *v, const tn_expr *const *at);
/* An optional input: NULL when omitted. */
const tn_value *tn_optional_input(const tn_node *n, int i);

/* left * scale[at] / by, all float; by NULL: 1. What is not a number is computed once per element of scale, into a
   temporary, which is a constant whenever its operands are. */
const tn_expr *tn_quant_factor(tn_program *p, const tn_node *n, const tn_expr *left, const tn_value *scale,
                               const tn_expr *by, const tn_expr *const *at);

/* saturate(round half to even(x) + zero), an integer of 8 or 16 bits, of a double also of 32; zero int32. NaN gives the
   smallest. */
const tn_expr *tn_quantise(tn_program *p, const tn_expr *x, const tn_expr *zero, tn_dtype to);
/* x in float: (q - zero) * scale */
const tn_expr *tn_dequantise(tn_program *p, const tn_expr *q, const tn_expr *zero, const tn_expr *scale);

/* DynamicQuantizeLinear's scale (float) and zero point (uint8), both of rank 0, of a float buffer with these dims. A
   tensor of zeros has scale 1, as in ONNX Runtime; the formula of ONNX would divide by zero. */
void tn_quant_measure(tn_program *p, const tn_node *n, tn_buf *x, const tn_dim *dims, tn_buf *scale, tn_buf *point);

/* One element in rank 0 or 1, of a type in the set; false after a node error. */
bool tn_quant_check_one(tn_graph *g, const tn_node *n, int i, const char *what, unsigned types);
/* A scale of one element (float) and, where present, a zero point of one element of that type. */
bool tn_quant_check_pair(tn_graph *g, const tn_node *n, int scale, int zero, tn_dtype dtype);
bool tn_quant_check_type(tn_graph *g, const tn_node *n, int i, unsigned types);

#endif
