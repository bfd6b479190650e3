/* What the fuzz targets of model files share: any bytes go through an importer and the passes of O2, and must end in a graph
   or an error, whatever they hold. A target only defines

       static tn_graph *parse(guard *g, const void *bytes, size_t n)

   How to run: tests/README.md. */
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

static tn_graph *parse(guard *g, const void *bytes, size_t n); /* the target's */

static void parse_and_compile(guard *g, const void *bytes, size_t n)
{
    compile_graph(g, parse(g, bytes, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    guard_run(parse_and_compile, bytes, n);
    return 0;
}

#endif
