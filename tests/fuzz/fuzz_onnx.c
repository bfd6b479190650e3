/* Any bytes as an ONNX model; most of what is tried is a model of which some fields are changed (mutate.h). */
#include "model.h"
#include "mutate.h"
#include "onnx/onnx.h"
#include "onnx/onnx.pb-c.h"

static tn_graph *parse(guard *g, const void *bytes, size_t n)
{
    return tn_onnx_parse(&g->arena, &g->diag, "fuzz.onnx", bytes, n, NULL);
}

static const char *operator_name(size_t i)
{
    const tn_op *op = tn_op_at(i);
    return op != NULL ? op->name : NULL;
}

/* What onnx.proto declares as bytes. */
static const mutate_nested nested[] = {
    {&tn_onnx__attribute_proto__descriptor, "g", &tn_onnx__graph_proto__descriptor},
    {&tn_onnx__attribute_proto__descriptor, "tp", &tn_onnx__type_proto__descriptor},
    {&tn_onnx__type_proto__sequence__descriptor, "elem_type", &tn_onnx__type_proto__descriptor},
    {&tn_onnx__type_proto__optional__descriptor, "elem_type", &tn_onnx__type_proto__descriptor},
    {&tn_onnx__type_proto__map__descriptor, "value_type", &tn_onnx__type_proto__descriptor},
    {0},
};

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t max, unsigned seed);

/* Bytes are changed now and then, so that the reader of protobuf is tried too. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t max, unsigned seed)
{
    const mutation how = {&tn_onnx__model_proto__descriptor, nested, operator_name};
    size_t now = seed % 8 > 0 ? mutate_bytes(&how, bytes, n, max, seed) : 0;
    return now > 0 ? now : LLVMFuzzerMutate(bytes, n, max);
}
