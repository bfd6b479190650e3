/* The memory plan: where in the one workspace each buffer lives. */
#ifndef TN_PLAN_H
#define TN_PLAN_H

#include "loop/loop.h"

typedef struct tn_plan {
    int64_t *offset;   /* by buffer id: bytes from the start of the workspace; -1 for buffers that are not in it */
    int *first, *last; /* by buffer id: kernels (index into program->kernels) of first write and last use; -1: none */
    int64_t work_size; /* bytes */
    int64_t largest_live; /* bytes alive at once at the worst kernel: no plan for this order can be smaller */
    int worst_kernel;     /* where that is */
    bool is_optimal;      /* work_size equals largest_live, or the search was exhaustive */
} tn_plan;

/* Places every root buffer (alias == NULL) of scope arena that a kernel writes. Sizes are tn_buf_room elements, rounded
   up to align bytes; offsets are multiples of align. A buffer with several writers lives from the first of them.
   Aliases (buf->alias, to any depth) extend their root's life and get its offset. effort: how many times the usual
   steps a search may take, 1 or more. */
bool tn_plan_make(tn_program *p, int64_t align, int effort, tn_plan *out);
/* As comments of the program's text: sizes, then a line per buffer of the workspace. */
void tn_plan_print(const tn_program *p, const tn_plan *plan, tn_str *out);

#endif
