/* Descriptions of targets: a line per fact, a word and what it is; what # begins is a comment.

       doc       AMD Zen 4, 2022                what 'tenon targets' says; must be there
       like      x86-64-v3                      all that this one of our targets is, but for doc and native; comes before the rest
       arch      x86-64                         any, x86-64, aarch64, arm or riscv64; must be there, here or in what it is like
       features  +avx512f -vaes                 what it has or lacks beside that: rows of features.def
       lanes     16                             floats in a vector, 1 for none; by default what arch and features have
       registers 32                             likewise
       align     64                             of workspace and weights, in bytes; 64 by default
       dot       unsigned                       its dot product of bytes: unsigned by signed, or none (the default)
       l2        1 MiB                          second-level cache of a core, as bytes, KiB or MiB; 1 MiB by default
       cflags    -march=znver4                  for gcc and clang
       native    yes                            may be what 'native' is on machines that it runs on */
#include "target/describe.h"

#include <stdlib.h>

#include "base/embedded.h"
#include "target/features.h"

enum { DEEPEST = 16, MOST_REGISTERS = 256, MOST_ALIGN = 4096 };

typedef struct reader {
    tn_arena *arena;
    tn_diag *diag;
    const char *path;
    int line;
    tn_target *t;
    int depth;          /* of likes */
    bool failed, began; /* began: something but doc has been said */
} reader;

static bool parse_text(reader *r, const char *text);

TN_PRINTF(2, 3) static void fail(reader *r, const char *format, ...)
{
    char prefix[600];
    va_list args;
    if (!r->failed) {
        snprintf(prefix, sizeof prefix, "%.500s:%d: ", r->path, r->line);
        va_start(args, format);
        tn_verror(r->diag, prefix, format, args);
        va_end(args);
    }
    r->failed = true;
}

static bool is_word(const char *value, const char *word)
{
    return strcmp(value, word) == 0;
}

/* A whole number of the range, and where it ends in the text. */
static int64_t number(reader *r, const char *what, const char *value, int64_t least, int64_t most, char **end)
{
    int64_t n = strtoll(value, end, 10);
    if (*end != value && n >= least && n <= most)
        return n;
    fail(r, "%s is '%s'; wanted a number from %lld to %lld", what, value, (long long)least, (long long)most);
    *end = "";
    return least;
}

static int whole_number(reader *r, const char *what, const char *value, int least, int most)
{
    char *end;
    int n = (int)number(r, what, value, least, most, &end);
    if (*end != '\0')
        fail(r, "%s is '%s'; wanted a number from %d to %d", what, value, least, most);
    return n;
}

/* --- the facts ------------------------------------------------------------------------------------------------------ */

static void set_doc(reader *r, const char *value)
{
    r->t->doc = tn_strdup(r->arena, value);
}

static const tn_embedded *find_ours(tn_arena *a, const char *name)
{
    const char *file = tn_strfmt(a, "targets/%s.target", name);
    for (const tn_embedded *e = tn_embedded_targets; e->name != NULL; e++)
        if (strcmp(e->name, file) == 0)
            return e;
    return NULL;
}

static void set_like(reader *r, const char *value)
{
    const tn_target before = *r->t;
    reader inner = *r;
    if (r->began || r->depth >= DEEPEST) {
        fail(r,
             r->began ? "'like' comes before all but doc" : "a target that is like itself, or a chain of more than %d",
             DEEPEST);
        return;
    }
    const tn_embedded *e = find_ours(r->arena, value);
    if (e == NULL) {
        fail(r, "like '%s': there is no such target; 'tenon targets' lists all", value);
        return;
    }
    inner.depth++;
    inner.path = e->name;
    inner.line = 0;
    r->failed = !parse_text(&inner, e->bytes);
    r->t->doc = before.doc;
    r->t->native = false;
}

static void set_arch(reader *r, const char *value)
{
    if (!tn_is_arch(value))
        fail(r, "arch is '%s'; there are %s", value, tn_arch_names(r->arena));
    else if (r->t->arch != NULL && !is_word(value, r->t->arch))
        fail(r, "arch is '%s', and what it is like is %s", value, r->t->arch);
    r->t->arch = tn_strdup(r->arena, value);
}

static void set_features(reader *r, const char *value)
{
    if (r->t->arch == NULL) {
        fail(r, "features come behind 'arch' or 'like'");
        return;
    }
    for (const char *s = value; *s != '\0' && !r->failed; s += strspn(s, " \t")) {
        size_t n = strcspn(s, " \t");
        int row = tn_feature_find(r->t->arch, s + 1, n - 1);
        if ((*s != '+' && *s != '-') || row < 0)
            fail(r, "feature '%.*s': wanted + or - and one of those of %s: %s", (int)n, s, r->t->arch,
                 tn_feature_names(r->arena, r->t->arch));
        else if (*s == '+')
            tn_target_add(r->t, row);
        else
            tn_target_remove(r->t, row);
        s += n;
    }
}

static void set_lanes(reader *r, const char *value)
{
    int n = whole_number(r, "lanes", value, 1, 16);
    if (n != 1 && n != 4 && n != 8 && n != 16)
        fail(r, "lanes is %d; wanted 1, 4, 8 or 16", n);
    r->t->lanes = n;
}

static void set_registers(reader *r, const char *value)
{
    r->t->registers = whole_number(r, "registers", value, 4, MOST_REGISTERS);
}

static void set_align(reader *r, const char *value)
{
    int n = whole_number(r, "align", value, 1, MOST_ALIGN);
    if ((n & (n - 1)) != 0)
        fail(r, "align is %d; wanted a power of two", n);
    r->t->work_align = n;
}

static void set_dot(reader *r, const char *value)
{
    if (!is_word(value, "unsigned") && !is_word(value, "none"))
        fail(r, "dot is '%s'; wanted unsigned or none", value);
    r->t->dot = is_word(value, "unsigned") ? TN_DOT_UNSIGNED : TN_DOT_NONE;
}

static void set_l2(reader *r, const char *value)
{
    char *unit;
    int64_t n = number(r, "l2", value, 1, (int64_t)1 << 30, &unit);
    unit += strspn(unit, " \t");
    if (!is_word(unit, "") && !is_word(unit, "KiB") && !is_word(unit, "MiB"))
        fail(r, "l2 is in '%s'; wanted KiB, MiB or nothing for bytes", unit);
    r->t->l2 = is_word(unit, "MiB") ? n << 20 : is_word(unit, "KiB") ? n << 10 : n;
}

static void set_cflags(reader *r, const char *value)
{
    r->t->cflags = tn_strdup(r->arena, value);
}

static void set_native(reader *r, const char *value)
{
    if (!is_word(value, "yes") && !is_word(value, "no"))
        fail(r, "native is '%s'; wanted yes or no", value);
    r->t->native = is_word(value, "yes");
}

static const struct {
    const char *name;
    void (*set)(reader *r, const char *value);
} facts[] = {
    {"doc", set_doc},     {"like", set_like},     {"arch", set_arch},           {"features", set_features},
    {"lanes", set_lanes}, {"align", set_align},   {"registers", set_registers}, {"dot", set_dot},
    {"l2", set_l2},       {"cflags", set_cflags}, {"native", set_native},
};
enum { N_FACTS = sizeof facts / sizeof *facts };

/* --- the text ------------------------------------------------------------------------------------------------------- */

static void tell_unknown(reader *r, const char *word)
{
    tn_str known = {.arena = r->arena};
    for (size_t i = 0; i < N_FACTS; i++)
        tn_str_add(&known, "%s%s", i > 0 ? ", " : "", facts[i].name);
    fail(r, "'%s' is nothing that a target has; there are %s", word, known.text);
}

/* line: without its comment and the blanks around it. said: the facts of this text so far. */
static void parse_line(reader *r, char *line, bool *said)
{
    size_t n = strcspn(line, " \t");
    const char *value = line + n + strspn(line + n, " \t");
    line[n] = '\0'; /* the end, or a blank */
    for (size_t i = 0; i < N_FACTS; i++) {
        if (strcmp(facts[i].name, line) != 0)
            continue;
        if (said[i])
            fail(r, "%s for the second time", line);
        else if (*value == '\0')
            fail(r, "%s is empty", line);
        else
            facts[i].set(r, value);
        said[i] = true;
        r->began = r->began || facts[i].set != set_doc;
        return;
    }
    tell_unknown(r, line);
}

static char *trim(char *s, size_t n)
{
    while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL)
        n--;
    s[n] = '\0';
    return s + strspn(s, " \t");
}

static bool parse_text(reader *r, const char *text)
{
    bool said[N_FACTS] = {false};
    while (*text != '\0' && !r->failed) {
        size_t n = strcspn(text, "\n");
        char *line = tn_strndup(r->arena, text, n);
        r->line++;
        line = trim(line, strcspn(line, "#"));
        if (*line != '\0')
            parse_line(r, line, said);
        text += n + (text[n] == '\n');
    }
    return !r->failed;
}

bool tn_target_parse(tn_arena *a, tn_diag *d, const char *path, const char *text, tn_target *out)
{
    reader r = {.arena = a, .diag = d, .path = path, .t = out};
    *out = (tn_target){.cflags = "", .work_align = 64, .l2 = 1 << 20};
    if (!parse_text(&r, text))
        return false;
    if (out->doc == NULL || out->arch == NULL)
        fail(&r, "the file does not say '%s'", out->doc == NULL ? "doc" : "arch");
    return !r.failed;
}

bool tn_target_parse_ours(tn_arena *a, tn_diag *d, const char *name, tn_target *out)
{
    const tn_embedded *e = find_ours(a, name);
    return e != NULL && tn_target_parse(a, d, e->name, e->bytes, out);
}
