/* True labels against a model's classes: which class was taken for which. */
#ifndef CLI_CONFUSION_H
#define CLI_CONFUSION_H

#include "cli/command.h"

typedef struct cli_confusion {
    size_t rows, classes, right;
    size_t *truth, *guess; /* per row; NULL: no labels were given */
    size_t *count;         /* [true class][guessed class] */
} cli_confusion;

/* path: one label per row of scores, as text, or as a byte each. Gives the exit code. */
int cli_read_confusion(cli *c, const char *path, const tn_array *scores, cli_confusion *out);

void cli_print_confusion(const cli_confusion *t);      /* accuracy, and a matrix or, of many classes, the worst pairs */
void cli_print_confusion_json(const cli_confusion *t); /* members of an object, without its braces */

#endif
