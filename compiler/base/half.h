/* The 16-bit floating types of IEEE 754-2008 (binary16) and bfloat16, converted by arithmetic on their bits. */
#ifndef TN_HALF_H
#define TN_HALF_H

#include <stdint.h>

float tn_half_to_float(uint16_t h);
uint16_t tn_float_to_half(float f); /* round to nearest, ties to even; overflow gives infinity */
float tn_bfloat_to_float(uint16_t b);
uint16_t tn_float_to_bfloat(float f); /* round to nearest, ties to even */

#endif
