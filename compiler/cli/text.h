/* Small things about text: JSON on standard output, whole files in and out. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "cli/command.h"

#include <stdio.h>

void cli_print_json_string(FILE *f, const char *text); /* with its quotes */
void cli_print_json_number(FILE *f, double x);         /* null when it is no number */

/* The whole file with a zero after it, which *size does not count; NULL after an error message. */
char *cli_read_file(cli *c, const char *path, size_t *size);

/* Written beside and renamed, so that a failure leaves what was there. Gives the exit code. */
int cli_write_file(cli *c, const char *path, const char *text);

/* Prints what the API gave, or gives the exit code of its failure when it gave NULL. */
int cli_print_text(cli *c, const char *text);

typedef struct cli_lines {
    char **line;
    size_t n;
} cli_lines;

/* Lines without their ends. */
bool cli_read_lines(cli *c, const char *path, cli_lines *out);

#endif
