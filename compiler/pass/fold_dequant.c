/* fold-dequant: as fold-const, now with the DequantizeLinears that fuse-qdq had no use for.
       constant "q", "s"; "d" = DequantizeLinear("q", "s")     becomes     constant "d"
   Weights of an operator that stays in float are not dequantised at run time then. */
#include "pass/pass.h"

bool tn_pass_fold_dequant(tn_module *m, bool *changed)
{
    return tn_fold_constants(m, true, changed);
}
