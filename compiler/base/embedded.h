/* Files that are part of the program: toolchain/embed.c makes arrays of them. */
#ifndef TN_EMBEDDED_H
#define TN_EMBEDDED_H

#include <stddef.h>

typedef struct tn_embedded {
    const char *name;  /* its folder and name: "templates/model.h" */
    const char *bytes; /* followed by a NUL that size does not count */
    size_t size;
} tn_embedded;

extern const tn_embedded tn_embedded_files[];   /* templates/ and runtime_min/, in the order of their names; ends with a
                                                   row of NULL */
extern const tn_embedded tn_embedded_targets[]; /* toolchain/targets/, likewise */

#endif
