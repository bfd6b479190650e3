/* What the generated code runs on. A target is described by a file of toolchain/targets/, which are part of the program, or by
   one of the user's own (describe.c says how such a file reads). "native" is the one of ours that fits this machine best.

       x86-64-v3                                    a file's name
       my/board.target                              a path
       llvm -mcpu=skylake-avx512 -mattr=-avx512vnni the spelling of TVM: also c -mcpu=cortex-m7, llvm -mtriple=aarch64-linux-gnu
       x86-64-v3 -mattr=+avxvnni                    both */
#ifndef TN_TARGET_H
#define TN_TARGET_H

#include "base/base.h"

/* The operands of the processor's dot product of four bytes: none, or one without sign and one with. */
typedef enum { TN_DOT_NONE, TN_DOT_UNSIGNED } tn_dot;

typedef struct tn_target {
    const char *name; /* as it is asked for again: "x86-64-v3", "x86-64-v3 -mattr=+avxvnni" */
    const char *doc, *arch;
    uint64_t features; /* bits of rows of features.def */
    int lanes;         /* floats in a vector; 1: plain C99 without vector types */
    int registers;     /* vector registers; general float registers when lanes is 1 */
    int work_align;    /* bytes */
    int64_t l2;        /* bytes of a core's second-level cache */
    tn_dot dot;
    const char *cflags; /* what gcc and clang need for it, "" for nothing */
    bool native;        /* may be what "native" is */
} tn_target;

size_t tn_target_count(void);
const tn_target *tn_target_at(tn_arena *a, size_t i);
/* From the spellings above; NULL after an error. diag NULL: says nothing. */
const tn_target *tn_target_find(tn_arena *a, tn_diag *diag, const char *text);
typedef struct tn_targets {
    const tn_target **items;
    size_t n, room;
} tn_targets;
/* "x86-64-v2,x86-64-v4": several of one architecture, the first of which the others' machines run too. False after an
   error. */
bool tn_targets_find(tn_arena *a, tn_diag *diag, const char *text, tn_targets *out);
const tn_target *tn_target_native(tn_arena *a);
/* This machine: as native, with all features that it has. */
const tn_target *tn_target_here(tn_arena *a);
/* Whether code for t runs on a machine that has the instructions of here. */
bool tn_target_runs_on(const tn_target *t, const tn_target *here);

#endif
