/* Names of files and folders, and what is done to whole folders. POSIX. */
#ifndef TN_PATH_H
#define TN_PATH_H

#include "base/base.h"

bool tn_path_exists(const char *path);    /* follows links: a dangling link does not exist */
bool tn_path_is_folder(const char *path); /* follows links */

/* "a" and "b": "a/b". An absolute name replaces the folder; an empty one of the two gives the other. */
const char *tn_path_join(tn_arena *a, const char *folder, const char *name);
/* "out/kws.v1.onnx" -> "kws.v1"; ".rc" -> ".rc" */
const char *tn_path_stem(tn_arena *a, const char *path);

bool tn_path_make_folder(tn_diag *d, const char *path); /* and the folders above it; one that is there is fine */
bool tn_path_remove_tree(tn_diag *d, const char *path); /* a link is removed, never followed; nothing there is fine */

/* The names in a folder, without "." and "..", in strcmp order. */
bool tn_path_list(tn_arena *a, tn_diag *d, const char *folder, char ***names, size_t *n);

/* A fresh empty folder. With beside: next to that path, so that a rename onto it stays in one file system, readable as
   the umask allows. Without: private, in TMPDIR or /tmp. NULL after an error. */
const char *tn_path_temp_folder(tn_arena *a, tn_diag *d, const char *beside);

/* Renames the folder `from` to `to`. A folder that was there is renamed aside and removed afterwards; if the second
   rename fails it is put back. Anything else at `to` is an error. */
bool tn_path_replace_folder(tn_diag *d, const char *from, const char *to);

#endif
