/* What the files of api/ share about models. */
#ifndef TN_API_MODEL_H
#define TN_API_MODEL_H

#include "api/api.h"
#include "emit/emit.h"

tn_status tn_model_optimise(tn_model *m); /* the pipeline of the options, once */
/* unit.c: program, kernels, plan and weights of an optimised model; NULL after an error. */
tn_unit *tn_unit_make(tn_model *m, const tn_target *target);

#endif
