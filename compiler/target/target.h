/* What the generated code runs on. A target is a row of targets.def, or "native", which is the row that fits this host. */
#ifndef TN_TARGET_H
#define TN_TARGET_H

#include "base/base.h"

/* The operands of the processor's dot product of four bytes: none, or one without sign and one with. */
typedef enum { TN_DOT_NONE, TN_DOT_UNSIGNED } tn_dot;

typedef struct tn_target {
    const char *name;
    int lanes;      /* floats in a vector; 1: plain C99 without vector types */
    int registers;  /* vector registers; general float registers when lanes is 1 */
    int work_align; /* bytes */
    tn_dot dot;
    const char *cflags; /* what gcc and clang need for it, "" for nothing */
    const char *doc;
} tn_target;
const tn_target *tn_target_at(size_t i);           /* NULL past the end */
const tn_target *tn_target_find(const char *name); /* "native" resolves to a row; NULL when unknown */
/* Whether code for t runs on a machine that has the instructions of here. */
bool tn_target_runs_on(const tn_target *t, const tn_target *here);

#endif
