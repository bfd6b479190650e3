/* See unwind.h. */
#include "base/unwind.h"

bool tn_finally(tn_arena *a, bool (*body)(void *state), void (*close)(void *state), void *state)
{
    jmp_buf here;
    jmp_buf *const outer = a->memory->guard;
    volatile bool finished = false, ok = false; /* written between setjmp and longjmp */
    a->memory->guard = &here;
    if (setjmp(here) == 0) {
        ok = body(state);
        finished = true;
    }
    a->memory->guard = outer;
    close(state);
    if (!finished) {
        assert(outer != NULL);
        longjmp(*outer, 1);
    }
    return ok;
}
