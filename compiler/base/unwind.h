/* Closing what the arena does not own. tn_alloc leaves by longjmp when memory runs out, so a function that holds a
   file, a process or a library's object open across an allocation would leak it. tn_finally is the cure:

       return tn_finally(a, read_entries, close_archive, &state);

   runs read_entries(&state), then close_archive(&state) whether the first returned or unwound, and then returns or
   goes on unwinding. */
#ifndef TN_UNWIND_H
#define TN_UNWIND_H

#include "base/base.h"

/* The body's result. Both functions must leave the state valid at every allocation. */
bool tn_finally(tn_arena *a, bool (*body)(void *state), void (*close)(void *state), void *state);

#endif
