/* @NAME@_weights.c: the weights, nothing else.
 *
@BANNER_C@
 */
#include <stdint.h>

#ifdef @UPPER@_CONFIG_H
#include @UPPER@_CONFIG_H
#endif
#include "tn_port.h"

/* Where the weights go: empty, or for instance __attribute__((section(".qspi"))). */
#ifndef @UPPER@_SECTION_WEIGHTS
#define @UPPER@_SECTION_WEIGHTS
#endif
@ARRAYS@
