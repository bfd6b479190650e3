/* Calls of functions that are not generated: what call-functions, call-library and kernels share. */
#ifndef TN_PASS_CALL_H
#define TN_PASS_CALL_H

#include "pass/pass.h"

bool tn_is_marked(const tn_comp *c, const char *library); /* "cblas.", "user." */
/* Appends an argument, to be filled. */
tn_arg *tn_call_add(tn_program *p, tn_call *call, tn_arg_kind kind, const char *name);
/* What follows a computation's call, over its result in place; NULL: nothing. */
tn_comp *tn_call_rest(tn_program *p, const tn_comp *c);
/* By buffer id: which of them calls read and write, row-major as they know them; no layout may change that. */
const bool *tn_find_called(tn_program *p);
/* The call, and behind it the loops of what follows (NULL: nothing does). */
tn_kernel tn_call_kernel(tn_program *p, tn_comp *c, const tn_kernel *rest);

#endif
