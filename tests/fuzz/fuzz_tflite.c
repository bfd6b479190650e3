/* Any bytes as a TFLite model. */
#include "model.h"
#include "tflite/tflite.h"

static tn_graph *parse(guard *g, const void *bytes, size_t n)
{
    return tn_tflite_parse(&g->arena, &g->diag, "fuzz.tflite", bytes, n, NULL);
}
