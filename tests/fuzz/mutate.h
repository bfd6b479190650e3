/* Changes a protobuf message at random, by what its descriptors say of its fields: numbers get unusual values, names become
   others of the message, elements are taken away, doubled and swapped, parts are replaced by others of their kind. What
   comes out can still be unpacked, so that the fuzzer reaches what lies behind the reader of bytes.

       mutation how = {&tn_onnx__model_proto__descriptor, nested, operator_name};
       size = mutate_bytes(&how, bytes, size, max, seed); */
#ifndef TN_FUZZ_MUTATE_H
#define TN_FUZZ_MUTATE_H

#include <protobuf-c/protobuf-c.h>

/* A field of bytes that holds a message. The table ends with a row of NULLs. */
typedef struct mutate_nested {
    const ProtobufCMessageDescriptor *message;
    const char *field;
    const ProtobufCMessageDescriptor *inside;
} mutate_nested;

typedef struct mutation {
    const ProtobufCMessageDescriptor *message;
    const mutate_nested *nested;
    const char *(*word)(size_t i); /* names to put in; NULL past the end */
} mutation;

/* In place; the new size, or 0 where the bytes are no such message or the result does not fit. The same seed makes the same
   change. */
size_t mutate_bytes(const mutation *how, uint8_t *bytes, size_t size, size_t max, unsigned seed);

#endif
