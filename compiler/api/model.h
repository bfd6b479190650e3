/* What the files of api/ share about models. */
#ifndef TN_API_MODEL_H
#define TN_API_MODEL_H

#include "api/api.h"
#include "emit/emit.h"
#include "pass/pass.h"

struct tn_model {
    tn_ctx *ctx;
    tn_module module; /* graph, loop program, plan: as far as passes have come */
    const char *path, *name;
    uint64_t hash;
    bool is_optimised; /* the pipeline of the options has run, or the user's passes have gone down to the plan */
};

/* The pipeline of the options, once. Target: of what comes after the graph. */
tn_status tn_model_optimise(tn_model *m, const tn_target *target);
/* Runs what is missing for the plan; false after an error. */
bool tn_model_complete(tn_model *m);
/* state.c: what --state ties; false after an error. */
bool tn_unit_tie_states(tn_model *m, tn_unit *u);
/* unit.c: all that a package is printed from; NULL after an error. */
tn_unit *tn_unit_make(tn_model *m, const tn_target *target);
/* For one target or several, which become variants of one package; optimises the model for each. */
tn_status tn_unit_make_all(tn_model *m, const tn_targets *targets, tn_unit **out);

#endif
