/* What passes fuse and forward share. */
#ifndef TN_PASS_FUSE_H
#define TN_PASS_FUSE_H
#include "pass/pass.h"

typedef struct tn_uses {
    int readers, writers; /* computations, by this name */
    bool aliased;         /* it has views, or is one */
} tn_uses;

/* By buffer id. */
tn_uses *tn_fuse_uses(tn_program *p);

tn_comp_vec tn_fuse_writers(tn_program *p, const tn_buf *b);

/* What becomes a call, now or later, is fused with what belongs to it only. */
bool tn_fuse_may(const tn_comp *a, const tn_comp *b);

/* a with b as its epilogue, writing where b does; b reads what a writes by the name of read, that of a's result or of a view of
   it. NULL: b is no such computation. */
tn_comp *tn_fuse_consumer(tn_program *p, const tn_comp *a, const tn_comp *b, const tn_buf *read);

#endif
