/* Regular expressions as tables: RE2's syntax, matched against a whole string of bytes that ends in a zero.

       state = 2;   for each byte b of the string, and its zero:   state = next[state * classes + class_of[b]]
       it matches when state is 1 */
#ifndef TN_REGEX_H
#define TN_REGEX_H

#include "base/base.h"

enum { TN_REGEX_MATCH = 1, TN_REGEX_START = 2 };

typedef struct tn_regex {
    int states, classes;
    int32_t class_of[256];
    int32_t *next; /* [states][classes] */
} tn_regex;

/* NULL, or what is wrong with the pattern. */
const char *tn_regex_make(tn_arena *a, const char *pattern, tn_regex *out);

#endif
