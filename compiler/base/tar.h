/* Packed folders: a model's emitted files as one .tar. POSIX. */
#ifndef TN_TAR_H
#define TN_TAR_H

#include "base/base.h"

/* Packs the folder's regular files and those of the folders in it, by names relative to it in strcmp order, as ustar
   with mode 0644, owner 0 and time 0: the same files give the same bytes. A link or a device in the folder is an error;
   an empty folder is left out. Written beside and renamed. */
bool tn_tar_write(tn_arena *a, tn_diag *d, const char *tar_path, const char *folder);

/* Unpacks regular files and folders into the folder, which is made when absent; files there are overwritten. Absolute
   names, "..", links, devices and sparse files are refused at the entry; what came before it stays. */
bool tn_tar_extract(tn_arena *a, tn_diag *d, const char *tar_path, const char *folder);

#endif
