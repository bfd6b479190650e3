/* Any bytes as an ONNX model: the importer, then the passes of O2, must end in a graph or an error, whatever they hold.
   How to run: tests/README.md. */
#include "model.h"
#include "onnx/onnx.h"

static void compile(guard *g, const void *bytes, size_t n)
{
    compile_graph(g, tn_onnx_parse(&g->arena, &g->diag, "fuzz.onnx", bytes, n, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    guard_run(compile, bytes, n);
    return 0;
}
