/* TFLite's fixed-point arithmetic: what the families hand on when their tensors are quantised (fixed.c). */
#ifndef TN_TFLITE_FIXED_H
#define TN_TFLITE_FIXED_H

#include "tflite/importer.h"

bool tn_tfl_is_fixed(const tfl_tensor *t); /* 8- or 16-bit integers with a scale */
tn_value *tn_tfl_dequantised(tfl_op *op, int i);

bool tn_tfl_unary_fixed(tfl_op *op);
bool tn_tfl_arithmetic_fixed(tfl_op *op); /* Add, Sub, Mul, SquaredDifference */
tn_value *tn_tfl_compare_fixed(tfl_op *op, const char *call, tfl_form form);
bool tn_tfl_prelu_fixed(tfl_op *op);
/* The call holds ConvInteger's attributes, w is [out, in, kernel...]; channel_axis: of the filters' scales in the file. */
bool tn_tfl_conv_fixed(tfl_op *op, const char *call, tn_value *w, int channel_axis, int activation);
tn_value *tn_tfl_dense_fixed(tfl_op *op, tn_value *x, int activation);
bool tn_tfl_matmul_fixed(tfl_op *op, tn_value *x, tn_value *y);
bool tn_tfl_pool_fixed(tfl_op *op, const char *call, int activation);
tn_value *tn_tfl_reduce_fixed(tfl_op *op, tn_value *x, tn_value *at, const int64_t *axes, size_t n);
bool tn_tfl_softmax_fixed(tfl_op *op);
/* Of an LSTM whose inputs are checked. x: steps first; out: all results, the last ones, the last cells. */
void tn_tfl_lstm_fixed(tfl_op *op, tn_value *x, tn_value *h, tn_value *c, tn_value **out);
enum { /* inputs of UNIDIRECTIONAL_SEQUENCE_LSTM, see state.c */
       WEIGHTS = 1,
       RECURRENT = 5,
       PEEPHOLE = 9,
       BIAS = 12,
       PROJECTION = 16,
       STATE = 18,
       CELL = 19,
       NORM = 20
};
/* Input i, in output 0's scale. */
tn_value *tn_tfl_requantised(tfl_op *op, int i, tfl_form form);

#endif
