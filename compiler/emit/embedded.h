/* The files of templates/ and runtime_min/, put into the compiler by toolchain/embed.c. */
#ifndef TN_EMBEDDED_H
#define TN_EMBEDDED_H

#include <stddef.h>

typedef struct tn_embedded {
    const char *name;  /* "templates/model.h" */
    const char *bytes; /* followed by a NUL that size does not count */
    size_t size;
} tn_embedded;

extern const tn_embedded tn_embedded_files[]; /* in the order of their names; ends with a row of NULL */

#endif
