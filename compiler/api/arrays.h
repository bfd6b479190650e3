/* What the files of api/ share about arrays. */
#ifndef TN_API_ARRAYS_H
#define TN_API_ARRAYS_H

#include "api/api.h"

const char *tn_array_text(tn_arena *a, const tn_array *x); /* "float[1,3,224,224]" */
/* Arrays come from callers, so everything in them is checked before use: a type of fixed size, rank, dims, and the bytes
   that these make. */
bool tn_array_is_sound(const tn_array *x);
tn_tensor tn_array_view(const tn_array *x); /* of a sound array; shares the data */
int64_t tn_array_count(const tn_array *x);  /* elements of a sound array */

#endif
