/* Matrix products with NumPy's rules: the shape and the subscripts that MatMul and its integer kin share.

       a [7, 1, M, K]  b [5, K, N]   gives  [7, 5, M, N];   a of rank 1 is a row whose M is dropped from the result,
                                                            b of rank 1 a column whose N is dropped */
#ifndef TN_MATMUL_H
#define TN_MATMUL_H

#include "ir/ir.h"
#include "loop/loop.h"

bool tn_matmul_shape(tn_graph *g, const tn_node *n, const tn_value *a, const tn_value *b, tn_shape *y);
/* Adds the reduction axis k to c, whose output is of that shape, and fills the subscripts of both operands. */
void tn_matmul_sites(tn_program *p, tn_comp *c, const tn_value *a, const tn_value *b, const tn_expr **a_at,
                     const tn_expr **b_at);

/* Gemm's: a [M, K] or [K, M] by transA, b [K, N] or [N, K] by transB. */
bool tn_gemm_shape(tn_graph *g, const tn_node *n, const tn_value *a, const tn_value *b, tn_shape *y);
void tn_gemm_sites(tn_program *p, tn_comp *c, const tn_node *n, const tn_value *a, const tn_expr **a_at,
                   const tn_expr **b_at);
/* An optional input that broadcasts to y without widening it; true when omitted. */
bool tn_gemm_check_addend(tn_graph *g, const tn_node *n, int i, tn_dtype dtype, const tn_shape *y);

/* A parameter of operand which (0 or 1): one element, one per row of a or column of b, or anything that broadcasts to
   the operand with its reduced dim 1. */
bool tn_matmul_check_param(tn_graph *g, const tn_node *n, int i, int which, const tn_value *operand);
void tn_matmul_param_sites(tn_program *p, const tn_value *param, int which, const tn_value *operand,
                           const tn_expr *const *operand_at, const tn_expr **at);

#endif
