/* TFLite's fixed-point arithmetic: what the families hand on when their tensors are quantised (fixed.c). */
#ifndef TN_TFLITE_FIXED_H
#define TN_TFLITE_FIXED_H

#include "tflite/importer.h"

bool tn_tfl_is_fixed(const tfl_tensor *t); /* 8- or 16-bit integers with a scale */
tn_value *tn_tfl_dequantised(tfl_op *op, int i);

/* --- fixed.c: what the others are made of ------------------------------------------------------------------------------ */

/* A real number: multiplier / 2^31 * 2^shift. */
typedef struct tfl_factor {
    int32_t multiplier; /* 2^30 .. 2^31 - 1, or 0 */
    int shift;
} tfl_factor;
tfl_factor tn_tfl_factor(const importer *im, double real);
int32_t tn_tfl_times(const importer *im, int32_t x, tfl_factor f); /* as the generated code computes it */

typedef struct tfl_limits {
    int64_t min, max;
} tfl_limits;
extern const tfl_limits tn_tfl_all_of_int32;
tfl_limits tn_tfl_type_limits(tn_dtype t);
/* The result's type, narrowed by a fused activation. */
bool tn_tfl_find_limits(tfl_op *op, const tfl_tensor *t, int activation, tfl_limits *out);
int64_t tn_tfl_at_zero(const tfl_tensor *t, double real); /* that number in the tensor's scale */

/* One scale, not 0, for all elements; of inputs 0 and 1, where they are quantised, and of the result. */
bool tn_tfl_check_scale(tfl_op *op, const tfl_tensor *t);
bool tn_tfl_check_scales(tfl_op *op);

tn_value *tn_tfl_list(tfl_op *op, tn_dtype dtype, int rank, const int64_t *dims, const int64_t *x);

/* How Rescale is called; all-zero is: nothing but the factor. */
typedef struct tfl_rescale {
    int64_t x_zero, left, zero;
    tfl_limits limits;
    tn_dtype to;
    bool is_wide; /* the sum is int64: factors have 15 bits */
} tfl_rescale;
tn_value *tn_tfl_rescale(tfl_op *op, tn_value *x, int n, const tfl_factor *f, int rank, const int64_t *dims,
                         const tfl_rescale *r);
tn_value *tn_tfl_rescale_one(tfl_op *op, tn_value *x, double real, const tfl_rescale *r);

/* x (int32) / sqrt(of) * 2^bits. */
tn_value *tn_tfl_by_root(tfl_op *op, tn_value *x, tn_value *of, int bits, const tfl_rescale *r);

/* A curve from lo to hi, for 16 bits, as a table of 513 points. */
typedef struct tfl_curve {
    double (*of)(double);
    double lo, hi, inverse; /* of the scale of its results */
    double least, most;     /* where it is infinite or not defined */
    bool in_float;          /* each step of the arithmetic is rounded to float */
} tfl_curve;
tn_value *tn_tfl_points(tfl_op *op, const tfl_curve *c);

/* --- families --------------------------------------------------------------------------------------------------------- */

bool tn_tfl_unary_fixed(tfl_op *op);
bool tn_tfl_arithmetic_fixed(tfl_op *op); /* Add, Sub, Mul, Div, SquaredDifference */
tn_value *tn_tfl_compare_fixed(tfl_op *op, const char *call, tfl_form form);
bool tn_tfl_prelu_fixed(tfl_op *op);
/* The call holds ConvInteger's attributes, w is [out, in, kernel...]; channel_axis: of the filters' scales in the file. */
bool tn_tfl_conv_fixed(tfl_op *op, const char *call, tn_value *w, int channel_axis, int activation);
bool tn_tfl_conv_transpose_fixed(tfl_op *op, const char *call, tn_value *w,
                                 int activation); /* w: [in, out, kernel...] */
tn_value *tn_tfl_dense_fixed(tfl_op *op, tn_value *x, int activation);
bool tn_tfl_matmul_fixed(tfl_op *op, tn_value *x, tn_value *y);
bool tn_tfl_pool_fixed(tfl_op *op, const char *call, int activation);
typedef struct tfl_axes { /* that are reduced: rising, channels last */
    int n;
    int axis[TN_MAX_RANK];
} tfl_axes;
tn_value *tn_tfl_reduce_fixed(tfl_op *op, tn_value *x, tn_value *at, const tfl_axes *axes); /* Mean, Sum */
bool tn_tfl_product_fixed(tfl_op *op, const tfl_axes *axes);
bool tn_tfl_softmax_fixed(tfl_op *op);
bool tn_tfl_log_softmax_fixed(tfl_op *op);
bool tn_tfl_l2_normalization_fixed(tfl_op *op);
typedef enum { CORNERS_APART, ALIGNED, HALF_PIXELS } tfl_sampling; /* where pixels of two sizes meet */
bool tn_tfl_bilinear_fixed(tfl_op *op, const int64_t *size, tfl_sampling how);
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
