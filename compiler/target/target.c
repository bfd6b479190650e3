/* Finding targets: by name, by path, by TVM's spelling. See target.h. */
#include "target/target.h"

#include <stdlib.h>

#include "base/embedded.h"
#include "target/describe.h"
#include "target/features.h"

size_t tn_target_count(void)
{
    size_t n = 0;
    while (tn_embedded_targets[n].name != NULL)
        n++;
    return n;
}

/* "targets/x86-64.target": the name between slash and dot. */
static const char *name_at(tn_arena *a, size_t i)
{
    const char *name = strchr(tn_embedded_targets[i].name, '/') + 1;
    return tn_strndup(a, name, strlen(name) - strlen(".target"));
}

/* NULL past the end. What is wrong with the program's own files is not reported: a test finds it. */
const tn_target *tn_target_at(tn_arena *a, size_t i)
{
    return i < tn_target_count() ? tn_target_find(a, NULL, name_at(a, i)) : NULL;
}

bool tn_target_runs_on(const tn_target *t, const tn_target *here)
{
    return strcmp(t->arch, "any") == 0 || (strcmp(t->arch, here->arch) == 0 && (t->features & ~here->features) == 0);
}

/* --- the base ------------------------------------------------------------------------------------------------------- */

typedef struct finder {
    tn_arena *arena;
    tn_diag *diag;
    const char *text; /* all that was asked for */
    tn_target t;
} finder;

static bool is_path(const char *name)
{
    return strchr(name, '/') != NULL || tn_ends_with(name, ".target");
}

static const char *stem(tn_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t n = strlen(name) - (tn_ends_with(name, ".target") ? strlen(".target") : 0);
    return tn_strndup(a, name, n);
}

static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

static bool read_file(finder *f, const char *path)
{
    size_t size;
    const char *text = tn_read_file(f->arena, f->diag, path, &size);
    if (text == NULL)
        return false;
    if (strlen(text) != size) {
        tn_error_at(f->diag, path, "the file is no text: it holds a zero byte");
        return false;
    }
    if (!tn_target_parse(f->arena, f->diag, path, text, &f->t))
        return false;
    f->t.name = stem(f->arena, path);
    if (f->t.name[0] != '\0' && f->t.name[strspn(f->t.name, name_bytes)] == '\0')
        return true;
    tn_error_at(f->diag, path,
                "the file's name is the target's, which stands in the code: letters, digits, '.', '_', '+', '-'");
    return false;
}

static bool read_ours(finder *f, const char *name)
{
    tn_str known = {.arena = f->arena};
    if (tn_target_parse_ours(f->arena, f->diag, name, &f->t)) {
        f->t.name = tn_strdup(f->arena, name);
        return true;
    }
    for (size_t i = 0; i < tn_target_count(); i++)
        tn_str_add(&known, "%s, ", name_at(f->arena, i));
    tn_error(f->diag, "unknown target '%s'; there are %snative, and any path of a description ('./%s.target')", name,
             known.text, name);
    return false;
}

static bool read_base(finder *f, const char *name)
{
    if (strcmp(name, "native") != 0)
        return is_path(name) ? read_file(f, name) : read_ours(f, name);
    return read_ours(f, tn_target_native(f->arena)->name);
}

/* --- attributes ----------------------------------------------------------------------------------------------------- */

/* Of TVM's targets; NULL: not given. */
typedef struct attributes {
    const char *cpu, *triple, *attr, *align;
} attributes;

static bool take_attribute(finder *f, const char *word, attributes *out)
{
    const struct {
        const char *name;
        const char **to;
    } known[] = {
        {"-mcpu=", &out->cpu},
        {"-march=", &out->cpu},
        {"-mtriple=", &out->triple},
        {"-mattr=", &out->attr},
        {"-workspace-byte-alignment=", &out->align},
    };
    tn_str names = {.arena = f->arena};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i].name);
        tn_str_add(&names, "%s%s", i > 0 ? ", " : "", known[i].name);
        if (strncmp(word, known[i].name, n) != 0)
            continue;
        if (*known[i].to != NULL || word[n] == '\0') {
            tn_error(f->diag, "target '%s': %s %s", f->text, known[i].name,
                     word[n] == '\0' ? "names nothing" : "is given twice");
            return false;
        }
        *known[i].to = word + n;
        return true;
    }
    tn_error(f->diag, "target '%s': '%s' says nothing that Tenon knows; it knows %s", f->text, word, names.text);
    return false;
}

/* What a kind of TVM's stands for without a processor: llvm is this machine's architecture, c any C compiler. */
static const char *base_of_kind(finder *f, const char *kind, const attributes *with)
{
    if (with->cpu != NULL)
        return with->cpu;
    if (with->triple == NULL)
        return tn_arch_least(strcmp(kind, "llvm") == 0 ? tn_arch_here() : "any");
    const char *arch = tn_arch_of_triple(with->triple);
    if (arch == NULL)
        tn_error(f->diag, "target '%s': what processor '%s' has is not known; name it by -mcpu=", f->text,
                 with->triple);
    return arch != NULL ? tn_arch_least(arch) : NULL;
}

static bool check_triple(finder *f, const char *triple)
{
    const char *arch = triple != NULL ? tn_arch_of_triple(triple) : NULL;
    if (arch == NULL || strcmp(arch, f->t.arch) == 0 || strcmp(f->t.arch, "any") == 0)
        return true;
    tn_error(f->diag, "target '%s': %s is of %s, and the triple of %s", f->text, f->t.name, f->t.arch, arch);
    return false;
}

/* "+avx512vnni,-fma" */
static bool change_features(finder *f, const char *attr)
{
    for (const char *s = attr; *s != '\0'; s += *s == ',') {
        size_t n = strcspn(s, ",");
        int row = n > 1 ? tn_feature_find(f->t.arch, s + 1, n - 1) : -1;
        if ((*s != '+' && *s != '-') || row < 0) {
            tn_error(f->diag, "target '%s': -mattr= takes + or - and a feature of %s, not '%.*s'; there are %s",
                     f->text, f->t.arch, (int)n, s, tn_feature_names(f->arena, f->t.arch));
            return false;
        }
        if (!tn_target_change(f->arena, f->diag, &f->t, row, *s == '+'))
            return false;
        s += n;
    }
    f->t.name = tn_strfmt(f->arena, "%s -mattr=%s", f->t.name, attr);
    return true;
}

static bool set_align(finder *f, const char *align)
{
    char *end;
    long n = strtol(align, &end, 10);
    if (*end != '\0' || n < 1 || n > 4096 || (n & (n - 1)) != 0) {
        tn_error(f->diag, "target '%s': an alignment is a power of two up to 4096", f->text);
        return false;
    }
    f->t.work_align = n > f->t.work_align ? (int)n : f->t.work_align;
    return true;
}

static bool apply(finder *f, const attributes *with)
{
    return check_triple(f, with->triple) && (with->attr == NULL || change_features(f, with->attr))
        && (with->align == NULL || set_align(f, with->align));
}

/* --- the entry ------------------------------------------------------------------------------------------------------ */

static bool is_kind(const char *word)
{
    return strcmp(word, "llvm") == 0 || strcmp(word, "c") == 0;
}

/* Cuts it off and steps behind it; "" at the end. */
static const char *next_word(char **at)
{
    char *word = *at + strspn(*at, " ");
    size_t n = strcspn(word, " ");
    *at = word + n + (word[n] != '\0');
    word[n] = '\0';
    return word;
}

static bool find(finder *f)
{
    if (is_path(f->text) && strstr(f->text, " -") == NULL) /* which may hold blanks */
        return read_file(f, f->text);
    char *rest = tn_strdup(f->arena, f->text);
    const char *first = next_word(&rest), *word;
    attributes with = {NULL, NULL, NULL, NULL};
    while (*(word = next_word(&rest)) != '\0')
        if (!take_attribute(f, word, &with))
            return false;
    if (!is_kind(first) && with.cpu != NULL) {
        tn_error(f->diag, "target '%s': two processors, %s and %s", f->text, first, with.cpu);
        return false;
    }
    const char *base = is_kind(first) ? base_of_kind(f, first, &with) : first;
    return base != NULL && read_base(f, base) && apply(f, &with);
}

const tn_target *tn_target_find(tn_arena *a, tn_diag *diag, const char *text)
{
    tn_diag quiet = tn_diag_silent();
    finder f = {.arena = a, .diag = diag != NULL ? diag : &quiet, .text = text};
    if (!find(&f))
        return NULL;
    tn_target *t = TN_NEW(a, tn_target);
    *t = f.t;
    tn_target_finish(a, t);
    return t;
}

/* --- several -------------------------------------------------------------------------------------------------------- */

/* A comma that + or - follows is one of -mattr=. */
static size_t length_of_first(const char *text)
{
    size_t n = strcspn(text, ",");
    while (text[n] == ',' && (text[n + 1] == '+' || text[n + 1] == '-'))
        n += 1 + strcspn(text + n + 1, ",");
    return n;
}

/* Whether a run can find out that the machine has what t needs beside first. */
static bool can_tell(const tn_target *first, const tn_target *t)
{
    const tn_feature *f;
    bool differs = false, asks = false;
    for (size_t i = 0; (f = tn_feature_at(i)) != NULL; i++)
        if (tn_target_has(t, i) && !tn_target_has(first, i)) {
            differs = true;
            asks = asks || f->ask != TN_ASK_NEVER;
        }
    return asks || !differs;
}

static bool fits_behind(tn_diag *d, const char *text, const tn_target *t, const tn_target *before)
{
    if (strcmp(before->arch, "any") != 0 && strcmp(before->arch, t->arch) != 0)
        tn_error(d, "targets '%s': %s is of %s, and %s of %s; a package is for one architecture", text, before->name,
                 before->arch, t->name, t->arch);
    else if (strcmp(before->name, t->name) == 0 || tn_target_runs_on(t, before))
        tn_error(d,
                 "targets '%s': %s would never be chosen: %s comes later and runs wherever it does; name the one that "
                 "needs more later",
                 text, before->name, t->name);
    else
        return true;
    return false;
}

static bool fits_beside(tn_diag *d, const char *text, const tn_target *t, const tn_targets *before)
{
    const tn_target *first = before->items[0];
    bool fits = true;
    if (!tn_target_runs_on(first, t)) {
        tn_error(d, "targets '%s': the first is for every processor, and %s does not run code for %s", text, t->name,
                 first->name);
        return false;
    }
    for (size_t i = 0; i < before->n && fits; i++)
        fits = fits_behind(d, text, t, before->items[i]);
    if (fits && !can_tell(first, t)) {
        tn_error(d,
                 "targets '%s': a run cannot find out whether it may take the code for %s; make a package of its own",
                 text, t->name);
        return false;
    }
    return fits;
}

bool tn_targets_find(tn_arena *a, tn_diag *diag, const char *text, tn_targets *out)
{
    tn_diag quiet = tn_diag_silent();
    tn_diag *d = diag != NULL ? diag : &quiet;
    for (const char *s = text;; s++) {
        size_t n = length_of_first(s);
        const tn_target *t = tn_target_find(a, d, tn_strndup(a, s, n));
        if (t == NULL || (out->n > 0 && !fits_beside(d, text, t, out)))
            return false;
        *TN_PUSH(a, *out) = t;
        s += n;
        if (*s == '\0')
            return true;
    }
}
