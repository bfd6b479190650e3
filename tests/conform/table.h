/* The vectors that `conform` ran, and the table that it makes of them. */
#ifndef TN_CONFORM_TABLE_H
#define TN_CONFORM_TABLE_H

#include <stdbool.h>

enum { MESSAGE = 400 };

typedef struct vector {
    const char *folder; /* that it lies in */
    char name[256];
    bool passed, denied;
    char message[MESSAGE];
    char reason[MESSAGE]; /* on the deny list */
} vector;

/* As Markdown on standard output: how many passed of each folder and of each operator, and those denied, with the reason. */
bool tn_table_print(const vector *v, int n);

#endif
