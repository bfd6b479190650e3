/* What exact programs call in place of the C library's functions: on the host the very code that packages take along. */
#define TN_NEED_BITS
#include "runtime_min/tn_port.h"

#include "runtime_min/tn_fmath.h"

#include "loop/loop.h"

#define ONE(name) \
    static float host_##name(float x, float y) \
    { \
        (void)y; \
        return tn_f_##name(x); \
    }
#define TWO(name) \
    static float host_##name(float x, float y) \
    { \
        return tn_f_##name(x, y); \
    }
#define WITH_1(name) ONE(name)
#define WITH_2(name) TWO(name)
#define TN_EXACT(op, name, operands) WITH_##operands(name)
#include "loop/exact.def"
#undef TN_EXACT

static const struct {
    const char *name;
    tn_exact_fn *host;
} functions[TN_OP_COUNT] = {
#define TN_EXACT(op, name, operands) [TN_OP_##op] = {"tn_f_" #name, host_##name},
#include "loop/exact.def"
#undef TN_EXACT
};

const char *tn_exact_function(int op)
{
    return functions[op].name;
}

tn_exact_fn *tn_exact_host(int op)
{
    return functions[op].host;
}
