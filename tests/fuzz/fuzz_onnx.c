/* Any bytes as an ONNX model: the importer, then the passes of O2, must end in a graph or an error, whatever they hold.
   A failure without a message is a failure of ours. How to run: tests/README.md. */
#include "guard.h"
#include "onnx/onnx.h"
#include "ops/ops.h"
#include "pass/pass.h"

static void compile(guard *g, const void *bytes, size_t n)
{
    tn_graph *graph = tn_onnx_parse(&g->arena, &g->diag, "fuzz.onnx", bytes, n, NULL);
    if (graph == NULL) {
        if (g->diag.errors == 0) /* a failure without a word */
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    guard_run(compile, bytes, n);
    return 0;
}
