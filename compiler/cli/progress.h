/* A status line on standard error, "\r[step]", while a long work runs: only on a terminal. In a pipe nothing is said,
   unless the user asked with -v: then each step is a line. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>

typedef struct cli_progress {
    bool terminal; /* keep a status line */
    bool verbose;  /* print each step as a line instead */
    bool shown;    /* the line is on the screen now */
} cli_progress;

void cli_progress_open(cli_progress *p, bool verbose);
void cli_progress_step(cli_progress *p, const char *step);
/* Takes the line away: before anything else is printed. */
void cli_progress_clear(cli_progress *p);

#endif
