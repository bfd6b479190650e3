/* See target.h. */
#include "target/target.h"

static const tn_target targets[] = {
#define TN_TARGET(name, lanes, registers, align, dot, cflags, doc) {name, lanes, registers, align, dot, cflags, doc},
#include "target/targets.def"
#undef TN_TARGET
};

const tn_target *tn_target_at(size_t i)
{
    return i < sizeof targets / sizeof *targets ? &targets[i] : NULL;
}

static const char *native_name(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq"))
        return __builtin_cpu_supports("avx512vnni") ? "x86-64-v4-vnni" : "x86-64-v4";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return "x86-64-v3";
    return "x86-64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "generic";
#endif
}

const tn_target *tn_target_find(const char *name)
{
    if (strcmp(name, "native") == 0)
        name = native_name();
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(targets[i].name, name) == 0)
            return &targets[i];
    return NULL;
}

bool tn_target_runs_on(const tn_target *t, const tn_target *here)
{
    bool x86 = strncmp(t->name, "x86-64", 6) == 0 && strncmp(here->name, "x86-64", 6) == 0;
    return t->lanes == 1 || t == here || (x86 && t < here); /* rows of one table; see there */
}
