/* See codec.h. The functions of the generated code are the compiler's own. */
#include "base/codec.h"

#include "base/half.h"

#define TN_NEED_MINIFLOAT
#include "runtime_min/tn_port.h"

const tn_codec tn_codec_half = {"half", "HALF", "IEEE binary16 bits", tn_half_to_float, tn_float_to_half};
const tn_codec tn_codec_bfloat = {"bfloat", "HALF", "bfloat16 bits", tn_bfloat_to_float, tn_float_to_bfloat};

#define CODEC(id, doc) \
    static float decode_##id(uint16_t bits) \
    { \
        return tn_##id##_to_float((uint8_t)bits); \
    } \
    static uint16_t encode_##id(float f) \
    { \
        return tn_float_to_##id(f); \
    } \
    const tn_codec tn_codec_##id = {#id, "MINIFLOAT", doc, decode_##id, encode_##id};
CODEC(e4m3fn, "E4M3FN bits")
CODEC(e4m3fnuz, "E4M3FNUZ bits")
CODEC(e5m2, "E5M2 bits")
CODEC(e5m2fnuz, "E5M2FNUZ bits")
CODEC(e2m1, "E2M1 bits in the low half")
CODEC(e8m0, "E8M0 bits")
#undef CODEC
