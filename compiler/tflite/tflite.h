/* Reading TensorFlow Lite: a .tflite file becomes the graph that the ONNX importer makes, of ONNX's operators and, for
   fixed-point arithmetic, the compiler's own (ops/fixed.def).

       if (tn_tflite_is(bytes, n))
           g = tn_tflite_parse(arena, &diag, "kws.tflite", bytes, n, &o);

   Any bytes may be given: what is wrong with them is reported, and the result is NULL. */
#ifndef TN_TFLITE_H
#define TN_TFLITE_H

#include "ir/ir.h"

typedef struct tn_tflite_options {
    bool single_rounding; /* requantise as builds with TFLITE_SINGLE_ROUNDING do; otherwise as TFLite does by default */
} tn_tflite_options;

bool tn_tflite_is(const void *bytes, size_t n); /* by the file's identifier, whatever it is called */
tn_graph *tn_tflite_parse(tn_arena *a, tn_diag *d, const char *path, const void *bytes, size_t n,
                          const tn_tflite_options *o);

/* The rows of operators.def; false past the end. */
typedef struct tn_tflite_row {
    const char *name, *doc;
    int min_in, max_in;    /* -1: any number */
    const char *quantised; /* the types that it takes, in words */
} tn_tflite_row;
bool tn_tflite_row_at(size_t i, tn_tflite_row *out);

#endif
