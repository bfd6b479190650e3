/* What the generated code runs on. A target is a row of targets.def, or "native", which is the row that fits this host. */
#ifndef TN_TARGET_H
#define TN_TARGET_H

#include "base/base.h"

typedef struct tn_target {
    const char *name;
    int lanes;          /* floats in a vector; 1: plain C99 without vector types */
    int registers;      /* vector registers; general float registers when lanes is 1 */
    int work_align;     /* bytes */
    const char *cflags; /* what gcc and clang need for it, "" for nothing */
    const char *doc;
} tn_target;
const tn_target *tn_target_at(size_t i);           /* NULL past the end */
const tn_target *tn_target_find(const char *name); /* "native" resolves to a row; NULL when unknown */

#endif
