/* From a description's text to a target. Inside of target/. */
#ifndef TN_DESCRIBE_H
#define TN_DESCRIBE_H

#include "target/target.h"

/* Lanes and registers are 0 where the text leaves them to tn_target_finish. False after an error, which names path and
   line. */
bool tn_target_parse(tn_arena *a, tn_diag *d, const char *path, const char *text, tn_target *out);
/* Likewise one of ours by its name; false, without an error, when there is none. */
bool tn_target_parse_ours(tn_arena *a, tn_diag *d, const char *name, tn_target *out);

#endif
