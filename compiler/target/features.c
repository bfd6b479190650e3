/* See features.h. */
#include "target/features.h"

static const tn_feature features[] = {
#define TN_FEATURE(arch, name, needs, flag, a, b, bit, ask) {arch, name, needs, flag, a, b, bit, ask},
#include "target/features.def"
#undef TN_FEATURE
};
enum { N_FEATURES = sizeof features / sizeof *features };

const tn_feature *tn_feature_at(size_t i)
{
    return i < N_FEATURES ? &features[i] : NULL;
}

int tn_feature_find(const char *arch, const char *name, size_t len)
{
    for (int i = 0; i < N_FEATURES; i++)
        if (strcmp(features[i].arch, arch) == 0 && strlen(features[i].name) == len
            && memcmp(features[i].name, name, len) == 0)
            return i;
    return -1;
}

const char *tn_feature_names(tn_arena *a, const char *arch)
{
    tn_str s = {.arena = a};
    for (int i = 0; i < N_FEATURES; i++)
        if (strcmp(features[i].arch, arch) == 0)
            tn_str_add(&s, "%s%s", s.len > 0 ? ", " : "", features[i].name);
    return s.len > 0 ? s.text : "none";
}

/* --- what a target has ---------------------------------------------------------------------------------------------- */

/* Rows count from the first of their architecture. */
static uint64_t bit_of(int feature)
{
    int first = feature;
    while (first > 0 && strcmp(features[first - 1].arch, features[feature].arch) == 0)
        first--;
    assert(feature - first < 64);
    return (uint64_t)1 << (feature - first);
}

static int need_of(int feature)
{
    const tn_feature *f = &features[feature];
    return tn_feature_find(f->arch, f->needs, strlen(f->needs));
}

void tn_target_add(tn_target *t, int feature)
{
    for (; feature >= 0; feature = need_of(feature))
        t->features |= bit_of(feature);
}

bool tn_target_has(const tn_target *t, size_t feature)
{
    return strcmp(t->arch, features[feature].arch) == 0 && (t->features & bit_of((int)feature)) != 0;
}

static bool has_row(const tn_target *t, int feature)
{
    return feature >= 0 && tn_target_has(t, (size_t)feature);
}

/* Rows stand behind what they need, so one walk finds all that hangs on it. */
void tn_target_remove(tn_target *t, int feature)
{
    const char *arch = features[feature].arch;
    t->features &= ~bit_of(feature);
    for (int i = feature + 1; i < N_FEATURES && strcmp(features[i].arch, arch) == 0; i++)
        if (features[i].needs[0] != '\0' && !has_row(t, need_of(i)))
            t->features &= ~bit_of(i);
}

/* --- architectures -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *least; /* the target that all of them run */
    const char *triples;      /* what their triples begin with */
    const char *march;        /* the flag that features are added to, where a target has none */
    const char *with, *without;
} archs[] = {
    {"any", "generic", "", NULL, NULL, NULL},
    {"x86-64", "x86-64", "x86_64 amd64", NULL, "-m", "-mno-"},
    {"aarch64", "aarch64", "aarch64 arm64", "-march=armv8-a", "+", "+no"},
    {"arm", "armv7-a", "armv7 armv8l armhf", "-march=armv7-a", "+", "+no"},
    {"riscv64", "riscv64", "riscv64", "-march=rv64gc", "", NULL},
};
enum { N_ARCHS = sizeof archs / sizeof *archs };

static int find_arch(const char *name)
{
    for (int i = 0; i < N_ARCHS; i++)
        if (strcmp(archs[i].name, name) == 0)
            return i;
    return -1;
}

bool tn_is_arch(const char *name)
{
    return find_arch(name) >= 0;
}

const char *tn_arch_names(tn_arena *a)
{
    tn_str s = {.arena = a};
    for (int i = 0; i < N_ARCHS; i++)
        tn_str_add(&s, "%s%s", i > 0 ? ", " : "", archs[i].name);
    return s.text;
}

const char *tn_arch_least(const char *arch)
{
    return archs[find_arch(arch)].least;
}

const char *tn_arch_of_triple(const char *triple)
{
    for (int i = 0; i < N_ARCHS; i++)
        for (const char *s = archs[i].triples; *s != '\0'; s += strcspn(s, " "), s += strspn(s, " "))
            if (strncmp(triple, s, strcspn(s, " ")) == 0)
                return archs[i].name;
    return NULL;
}

const char *tn_arch_here(void)
{
#if defined(__x86_64__)
    return "x86-64";
#elif defined(__aarch64__)
    return "aarch64";
#elif defined(__arm__)
    return "arm";
#elif defined(__riscv) && __riscv_xlen == 64
    return "riscv64";
#else
    return "any";
#endif
}

/* --- flags ---------------------------------------------------------------------------------------------------------- */

static void add_flag(tn_arena *a, tn_target *t, const char *flag)
{
    t->cflags = tn_strfmt(a, "%s%s%s", t->cflags, t->cflags[0] != '\0' ? " " : "", flag);
}

/* -mcpu=cortex-a53 becomes -mcpu=cortex-a53+dotprod. */
static void extend_march(tn_arena *a, tn_target *t, const char *march, const char *more)
{
    const char *at = strstr(t->cflags, "-mcpu=");
    at = at != NULL ? at : strstr(t->cflags, "-march=");
    if (at == NULL) {
        add_flag(a, t, tn_strfmt(a, "%s%s", march, more));
        return;
    }
    size_t end = (size_t)(at - t->cflags) + strcspn(at, " ");
    t->cflags = tn_strfmt(a, "%.*s%s%s", (int)end, t->cflags, more, t->cflags + end);
}

bool tn_target_change(tn_arena *a, tn_diag *d, tn_target *t, int feature, bool has)
{
    const tn_feature *f = &features[feature];
    int arch = find_arch(f->arch);
    if (has_row(t, feature) == has)
        return true;
    const char *word = has ? archs[arch].with : archs[arch].without;
    if (word == NULL) {
        tn_error(d, "target %s: -mattr=-%s: compilers for %s cannot leave that out; name a target without it", t->name,
                 f->name, f->arch);
        return false;
    }
    word = tn_strfmt(a, "%s%s", word, f->flag);
    if (!has && strcmp(f->arch, "arm") == 0 && strcmp(f->name, "fp") == 0)
        add_flag(a, t, "-mfloat-abi=soft"); /* a target with floats in registers says otherwise before */
    if (archs[arch].march != NULL)
        extend_march(a, t, archs[arch].march, word);
    else
        add_flag(a, t, word);
    if (has)
        tn_target_add(t, feature);
    else
        tn_target_remove(t, feature);
    return true;
}

/* --- vectors -------------------------------------------------------------------------------------------------------- */

/* gcc takes vectors of floats for NEON's of 32-bit Arm only where it may flush denormals; of all that this flag allows only
   that is wanted. */
static const char neon_flags[] = "-funsafe-math-optimizations -fno-associative-math -fno-reciprocal-math";

/* The last row that fits counts. */
static const struct {
    const char *arch, *feature;
    int lanes, registers;
    const char *cflags;
} units[] = {
    {"x86-64", "", 4, 16, ""},      {"x86-64", "avx2", 8, 16, ""},      {"x86-64", "avx512f", 16, 32, ""},
    {"aarch64", "neon", 4, 32, ""}, {"arm", "neon", 4, 16, neon_flags}, {"riscv64", "", 1, 32, ""},
    {"riscv64", "v", 4, 32, ""},
};

void tn_target_finish(tn_arena *a, tn_target *t)
{
    int lanes = 1, registers = 16;
    const char *cflags = "";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(units[i].arch, t->arch) != 0
            || (units[i].feature[0] != '\0'
                && !has_row(t, tn_feature_find(t->arch, units[i].feature, strlen(units[i].feature)))))
            continue;
        lanes = units[i].lanes;
        registers = units[i].registers;
        cflags = units[i].cflags;
    }
    t->lanes = t->lanes != 0 ? t->lanes : lanes;
    t->registers = t->registers != 0 ? t->registers : registers;
    if (t->lanes > 1 && cflags[0] != '\0')
        add_flag(a, t, cflags);
}
