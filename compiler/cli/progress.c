/* The status line; see progress.h. Erased by the terminal's own "erase to the end of the line". */
#define _POSIX_C_SOURCE 200809L
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 78 }; /* so that the line never wraps on a terminal of 80 columns */

void cli_progress_open(cli_progress *p, bool verbose)
{
    const char *term = getenv("TERM");
    bool can_erase = term != NULL && strcmp(term, "dumb") != 0;
    *p = (cli_progress){.terminal = can_erase && !verbose && isatty(STDERR_FILENO), .verbose = verbose};
}

void cli_progress_step(cli_progress *p, const char *step)
{
    if (p->verbose)
        fprintf(stderr, "tenon: %s\n", step);
    if (!p->terminal)
        return;
    fprintf(stderr, "\r\033[K%.*s", WIDTH, step);
    fflush(stderr);
    p->shown = true;
}

void cli_progress_clear(cli_progress *p)
{
    if (!p->shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->shown = false;
}
