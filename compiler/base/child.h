/* Child processes: the C compiler, the assembler, a simulator. POSIX. */
#ifndef TN_CHILD_H
#define TN_CHILD_H

#include "base/base.h"

/* Runs argv (NULL at its end; argv[0] looked up on PATH) in the folder cwd (NULL: here) with an empty standard input
   and waits. *output is its standard output and error as they came, in the arena; with output NULL they are discarded.
   A relative argv[0] with a slash is taken from cwd. Returns the exit status, 128 plus the number of the signal that
   ended it, or -1 after an error when it could not be run. */
int tn_child_run(tn_arena *a, tn_diag *d, const char *const *argv, const char *cwd, char **output);

/* The words of a command line, as a shell splits one without expanding anything: blanks separate; '...' is literal;
   "..." keeps blanks, with \" and \\ inside; outside quotes \ takes the next byte as it is. NULL after the last word.
   Returns NULL when a quote is not closed. */
char **tn_child_split(tn_arena *a, const char *words, size_t *n);

#endif
