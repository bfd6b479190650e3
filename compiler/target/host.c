/* What this machine has: cpuid and what the system saves of registers, or Linux's auxiliary vector. */
#include "target/features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)
/* Registers that the system saves when it switches threads, by extended state bits: without that they cannot be used. */
static const struct {
    const char *feature;
    unsigned state;
} states[] = {{"avx", 0x6}, {"avx512f", 0xe6}, {"amx-tile", 0x60000}};

static unsigned saved_state(void)
{
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> 27 & 1u) == 0)
        return 0;
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

static bool is_told(const tn_feature *f)
{
    unsigned word[4];
    if (__get_cpuid_count(f->a, f->b / 4, &word[0], &word[1], &word[2], &word[3]) == 0
        || (word[f->b % 4] >> f->bit & 1u) == 0)
        return false;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].feature, f->name) == 0 && (saved_state() & states[i].state) != states[i].state)
            return false;
    return true;
}
#elif defined(__linux__)
static bool is_told(const tn_feature *f)
{
    return f->a != 0 && (getauxval(f->a) >> f->bit & 1u) != 0;
}
#else
static bool is_told(const tn_feature *f)
{
    return strcmp(f->arch, "aarch64") == 0 && strcmp(f->name, "neon") == 0; /* which all have that run a system */
}
#endif

/* First all that the machine tells, then without what lacks what it needs. */
static uint64_t features_here(const char *arch)
{
    tn_target t = {.arch = arch};
    const tn_feature *f;
    for (size_t i = 0; (f = tn_feature_at(i)) != NULL; i++)
        if (strcmp(f->arch, arch) == 0 && is_told(f))
            tn_target_add(&t, (int)i);
    for (size_t i = 0; (f = tn_feature_at(i)) != NULL; i++)
        if (strcmp(f->arch, arch) == 0 && !is_told(f))
            tn_target_remove(&t, (int)i);
    return t.features;
}

static int count_bits(uint64_t bits)
{
    int n = 0;
    for (; bits != 0; bits &= bits - 1)
        n++;
    return n;
}

/* The one with the most features of those that run here; one of this architecture rather than the generic one. */
const tn_target *tn_target_native(tn_arena *a)
{
    const char *arch = tn_arch_here();
    const tn_target here = {.arch = arch, .features = features_here(arch)};
    const tn_target *best = NULL;
    for (size_t i = 0; i < tn_target_count(); i++) {
        const tn_target *t = tn_target_at(a, i);
        bool fits = t->native && tn_target_runs_on(t, &here);
        if (fits
            && (best == NULL || strcmp(best->arch, "any") == 0
                || (strcmp(t->arch, "any") != 0 && count_bits(t->features) > count_bits(best->features))))
            best = t;
    }
    assert(best != NULL); /* generic runs anywhere */
    return best;
}

const tn_target *tn_target_here(tn_arena *a)
{
    tn_target *t = TN_NEW(a, tn_target);
    *t = *tn_target_native(a);
    t->arch = tn_arch_here();
    t->features = features_here(t->arch);
    return t;
}
