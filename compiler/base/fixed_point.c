/* See base.h. The functions of the generated code are the compiler's own. */
#include "base/base.h"

#define TN_NEED_FIXED_CURVES
#include "runtime_min/tn_port.h"

int32_t tn_fixed_mul(int32_t x, int32_t y)
{
    return tn_fixmul(x, y);
}

int32_t tn_fixed_shift(int32_t x, int e)
{
    return tn_fixshift(x, e);
}

int32_t tn_fixed_zeros(int32_t x)
{
    return tn_fixzeros(x);
}

int32_t tn_fixed_reciprocal(int32_t x)
{
    return tn_fixrecip(x);
}

int32_t tn_fixed_root(int32_t x)
{
    return tn_fixroot(x);
}

int32_t tn_fixed_root_shift(int32_t x)
{
    return tn_fixrootshift(x);
}

int32_t tn_fixed_log(int32_t x)
{
    return tn_fixlog(x);
}
