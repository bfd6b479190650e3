/* Any bytes as an ONNX model. */
#include "model.h"
#include "onnx/onnx.h"

static tn_graph *parse(guard *g, const void *bytes, size_t n)
{
    return tn_onnx_parse(&g->arena, &g->diag, "fuzz.onnx", bytes, n, NULL);
}
