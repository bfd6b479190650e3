/* .npz files: zip archives whose entries are NAME.npy. As numpy.load reads and numpy.savez writes them. */
#ifndef TN_NPZ_H
#define TN_NPZ_H

#include "base/npy.h"

/* Adds the arrays in the order of the file; their names are the entries' without ".npy". Stored and deflated entries.
   An entry that is no .npy, is damaged, or comes twice is an error. On failure *out may hold some of them. */
bool tn_npz_read(tn_arena *a, tn_diag *d, const char *path, tn_array_vec *out);

/* Stored, not deflated; the same arrays give the same bytes. Written beside and renamed. */
bool tn_npz_write(tn_arena *a, tn_diag *d, const char *path, const tn_array *items, size_t n);

#endif
