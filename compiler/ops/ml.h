/* What operators of ai.onnx.ml share: lists in attributes, rows of features, labels, transformed scores (ml.c). */
#ifndef TN_ML_H
#define TN_ML_H

#include "ops/expand.h"

/* A list in an attribute, numbers or a tensor of them: 0 elements where it is missing. */
int64_t tn_ml_count(const tn_node *n, const char *name);
bool tn_ml_need_count(tn_expand *e, const char *name, int64_t wanted); /* an error where it has not as many */
double tn_ml_number(const tn_node *n, const char *name, int64_t i);
int64_t tn_ml_integer(const tn_node *n, const char *name, int64_t i); /* 0 where the list holds no integers */
/* The list as a constant of float of that shape; an error where it has not as many elements. */
tn_value *tn_ml_floats(tn_expand *e, const char *name, int rank, const int64_t *dims);
/* A list of integers or strings as a constant; NULL where it is missing or empty. */
tn_value *tn_ml_keys(tn_expand *e, const char *name);

/* Input 0 as [N,features] of that type; a vector is one row. An error where the number of features is not known. */
tn_value *tn_ml_rows(tn_expand *e, tn_dtype dtype);

/* The class labels, of which classlabels_strings, or the attribute of that name, holds one for each class. */
int64_t tn_ml_classes(tn_expand *e, const char *integers);
/* Output 0: the labels of the classes `best`, which has integers. */
bool tn_ml_give_labels(tn_expand *e, const char *integers, tn_value *best);

/* post_transform of scores [N,classes]. */
tn_value *tn_ml_transform(tn_expand *e, const char *post, tn_value *scores);
/* [N,2] from one score [N,1], with its post_transform: the first class has the complement, 1 - score, or the negative. */
tn_value *tn_ml_two_scores(tn_expand *e, const char *post, tn_value *score, bool complement);

/* [.., keys]: which key each element is; a NaN among the keys is every NaN (labels.c). Of strings in terms of bytes. */
tn_value *tn_ml_match(tn_expand *e, tn_value *x, tn_value *keys);

#endif
