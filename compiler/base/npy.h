/* The .npy format of numpy (numpy.lib.format, versions 1.0 to 3.0): a magic number, a header that is the text of a
   Python dictionary such as {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, and the items.

   Read: f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1 in either byte order and either array order; given in host order and
   row-major. Structured, text, complex and object arrays are errors, and so are bytes missing or left over. */
#ifndef TN_NPY_H
#define TN_NPY_H

#include "include/tenon.h"
#include "base/base.h"

/* out->name stays NULL; out->data is a copy. */
bool tn_npy_parse(tn_arena *a, tn_diag *d, const char *path_for_messages, const void *bytes, size_t n, tn_array *out);

/* out->name is the stem of the path. */
bool tn_npy_read(tn_arena *a, tn_diag *d, const char *path, tn_array *out);

/* As parse, but takes over bytes that lie in the arena: out->data may point into them. Messages name the entry. */
bool tn_npy_take(tn_arena *a, tn_diag *d, const char *path, const char *entry, void *bytes, size_t n, tn_array *out);

/* What comes before the data in a file, byte for byte as numpy 2 writes it; NULL when numpy has no such type (bfloat16,
   the 4- and 8-bit floats). */
char *tn_npy_header(tn_arena *a, const tn_array *t, size_t *n);

#endif
