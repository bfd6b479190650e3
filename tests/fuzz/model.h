/* What the fuzz targets of model files share: a graph that came out of an importer goes through the passes of O2. */
#ifndef TN_FUZZ_MODEL_H
#define TN_FUZZ_MODEL_H

#include "guard.h"
#include "ops/ops.h"
#include "pass/pass.h"

/* A failure without a message is a failure of ours. */
static void compile_graph(guard *g, tn_graph *graph)
{
    if (graph == NULL) {
        if (g->diag.errors == 0)
            abort();
        return;
    }
    tn_pass_options o = {.find = tn_op_find, .verify = true};
    tn_module m = {
        .arena = &g->arena, .diag = &g->diag, .target = tn_target_find(&g->arena, NULL, "x86-64-v3"), .graph = graph};
    int before = g->diag.errors;
    if (!tn_passes_run(&m, "O2", &o) && g->diag.errors == before)
        abort();
}

#endif
