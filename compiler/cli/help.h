/* Help pages and the man page, printed from the rows of the commands; and what only main.c needs of command.c. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"

#include <stdio.h>

extern const char cli_title[]; /* what Tenon is, in a line */
extern const char cli_story[]; /* a paragraph */

/* The exit codes, ended by a row without a text. */
typedef struct cli_exit {
    int code;
    const char *doc;
} cli_exit;
extern const cli_exit cli_exits[];

void cli_print_overview(FILE *f);
void cli_print_help(FILE *f, const cmd *c);
int cli_tell_unknown_command(const char *name); /* gives the exit code */

/* Callbacks of tn_config; user is the cli. */
void cli_report(void *user, const char *line);
void cli_step(void *user, const char *step);
void cli_free(cli *c);

#endif
