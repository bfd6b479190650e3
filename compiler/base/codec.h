/* Floating types that are held as their bits, of 16 bits and less: how they are converted to float and back. */
#ifndef TN_CODEC_H
#define TN_CODEC_H

#include <stdint.h>

typedef struct tn_codec {
    const char *name;            /* tn_NAME_to_float and tn_float_to_NAME in runtime_min/tn_port.h */
    const char *need;            /* TN_NEED_... that makes them there */
    const char *doc;             /* "E4M3FN bits" */
    float (*decode)(uint16_t);   /* of bits */
    uint16_t (*encode)(float f); /* to nearest even, unless tn_port.h says otherwise */
} tn_codec;

extern const tn_codec tn_codec_half, tn_codec_bfloat;
extern const tn_codec tn_codec_e4m3fn, tn_codec_e4m3fnuz, tn_codec_e5m2, tn_codec_e5m2fnuz, tn_codec_e2m1,
    tn_codec_e8m0;

#endif
