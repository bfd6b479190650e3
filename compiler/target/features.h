/* Features of processors (features.def) and architectures: what goes with what, and how gcc and clang are told. */
#ifndef TN_FEATURES_H
#define TN_FEATURES_H

#include "target/target.h"

/* How generated code asks whether the processor has it, see features.def. */
typedef enum { TN_ASK_NEVER, TN_ASK_NAME, TN_ASK_IF_KNOWN, TN_ASK_LATE, TN_ASK_AUX, TN_ASKS } tn_ask;

typedef struct tn_feature {
    const char *arch, *name;
    const char *needs; /* another row, before this one; "" for none */
    const char *flag;  /* gcc's and clang's name */
    unsigned a, b;     /* where the machine tells, see features.def */
    int bit;
    tn_ask ask;
} tn_feature;
const tn_feature *tn_feature_at(size_t i);                           /* NULL past the end */
int tn_feature_find(const char *arch, const char *name, size_t len); /* a row's number; -1 */
const char *tn_feature_names(tn_arena *a, const char *arch);         /* "avx, avx2 ..."; "none" */

bool tn_target_has(const tn_target *t, size_t feature);
/* With what it needs; without what needs it. */
void tn_target_add(tn_target *t, int feature);
void tn_target_remove(tn_target *t, int feature);
/* As -mattr would: also in the flags. False after an error: the architecture's compilers have no word for it. */
bool tn_target_change(tn_arena *a, tn_diag *d, tn_target *t, int feature, bool has);

bool tn_is_arch(const char *name);
const char *tn_arch_names(tn_arena *a); /* "any, x86-64 ..." */
/* The architecture of this machine, "any" for one that we do not know. */
const char *tn_arch_here(void);
/* By the beginning of a triple such as armv7l-linux-gnueabihf; NULL for one that we do not know. */
const char *tn_arch_of_triple(const char *triple);
const char *tn_arch_least(const char *arch); /* the target that all its processors run */

/* Lanes and registers as the features have them, where the description left them open; flags that go with them. */
void tn_target_finish(tn_arena *a, tn_target *t);

#endif
