/* Any bytes as a TFLite model: the importer, then the passes of O2, must end in a graph or an error, whatever they hold.
   How to run: tests/README.md. */
#include "model.h"
#include "tflite/tflite.h"

static void compile(guard *g, const void *bytes, size_t n)
{
    compile_graph(g, tn_tflite_parse(&g->arena, &g->diag, "fuzz.tflite", bytes, n, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    guard_run(compile, bytes, n);
    return 0;
}
