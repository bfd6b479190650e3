/* Runs the C compiler on a package: NAME_test (exe), libNAME.so (shared) or libNAME.a (static).

       cc -std=c99 -O2 -march=x86-64-v3 -O3 -I out -shared -fPIC -o out/libkws.so out/kws.c out/kws_weights.c -lm
       |  |                             |
       |  what the package needs        option "cflags", which therefore wins
       option "cc" */
#define _POSIX_C_SOURCE 200809L
#include "api/package.h"

#include "base/child.h"
#include "base/path.h"
#include "base/unwind.h"
#include "emit/names.h"

#include <unistd.h>

typedef struct {
    const char **items;
    size_t n, room;
} words;

typedef struct build {
    tn_ctx *ctx;
    const tn_package *package;
    const char *into, *kind;
    const char *shown; /* what messages say instead of the package's folder, which may be a temporary one */
    bool profile;
    words command; /* the beginning that all commands share: compiler, flags, folders, definitions */
    words sources; /* without the self-test */
    words waste;   /* files that go in the end */
    tn_status status;
} build;

/* --- command lines ------------------------------------------------------------------------------------------------ */

static void add(build *b, words *w, const char *word)
{
    *TN_PUSH(&b->ctx->arena, *w) = word;
}

static bool add_words(build *b, words *w, const char *what, const char *text)
{
    size_t n = 0;
    char **split = tn_child_split(&b->ctx->arena, text, &n);
    if (split == NULL) {
        tn_error(&b->ctx->diag, "%s: a quote is not closed: %s", what, text);
        b->status = TN_ERR_USAGE;
        return false;
    }
    for (size_t i = 0; i < n; i++)
        add(b, w, split[i]);
    return true;
}

static words copy_words(build *b, const words *from)
{
    words w = {0};
    for (size_t i = 0; i < from->n; i++)
        add(b, &w, from->items[i]);
    return w;
}

static const char *replace(tn_arena *a, const char *text, const char *old, const char *fresh)
{
    tn_str s = {.arena = a};
    tn_str_put(&s, "", 0);
    for (const char *at = strstr(text, old); at != NULL && *old != '\0'; at = strstr(text, old)) {
        tn_str_put(&s, text, (size_t)(at - text));
        tn_str_add(&s, "%s", fresh);
        text = at + strlen(old);
    }
    tn_str_add(&s, "%s", text);
    return s.text;
}

/* As a shell would take it, in the folder where the package can be had. */
static const char *command_text(const build *b, const words *w)
{
    tn_arena *a = &b->ctx->arena;
    tn_str s = {.arena = a};
    for (size_t i = 0; i < w->n && w->items[i] != NULL; i++) {
        const char *word = replace(a, replace(a, w->items[i], b->package->folder, b->shown), b->into, b->shown);
        const char *quote = strpbrk(word, " \t\"'\\$") != NULL ? "'" : "";
        tn_str_add(&s, "%s%s%s%s", i > 0 ? " " : "", quote, word, quote);
    }
    return s.text;
}

/* The first lines that say "error", or the first lines; joined, because a report is one line. */
static const char *essence(tn_arena *a, const char *output)
{
    enum { MOST_LINES = 4 };
    tn_str s = {.arena = a};
    bool any_error = strstr(output, "error") != NULL;
    int taken = 0;
    for (const char *at = output; *at != '\0' && taken < MOST_LINES; at += strcspn(at, "\n"), at += *at == '\n') {
        size_t n = strcspn(at, "\n");
        const char *line = tn_strndup(a, at, n < 300 ? n : 300);
        if (n == 0 || (any_error && strstr(line, "error") == NULL))
            continue;
        tn_str_add(&s, "%s%s", taken++ > 0 ? " | " : "", line);
    }
    return taken > 0 ? s.text : "it said nothing";
}

static bool run_command(build *b, words *w)
{
    tn_arena *a = &b->ctx->arena;
    char *output = NULL;
    add(b, w, NULL);
    int code = tn_child_run(a, &b->ctx->diag, w->items, NULL, &output);
    if (code == 0)
        return true;
    if (code > 0)
        tn_error(&b->ctx->diag,
                 "the C compiler failed (exit code %d): %s; the command, for the package in %s (compiled without "
                 "--build): %s",
                 code, replace(a, essence(a, output), b->package->folder, b->shown), b->shown, command_text(b, w));
    b->status = TN_ERR_BUILD;
    return false;
}

/* --- what all kinds share ----------------------------------------------------------------------------------------- */

static const char *in_package(const build *b, const char *name)
{
    return tn_package_path(&b->ctx->arena, b->package, name);
}

static const char *in_result(const build *b, const char *name)
{
    return tn_path_join(&b->ctx->arena, b->into, name);
}

static const char *test_source(const build *b)
{
    return tn_strfmt(&b->ctx->arena, "%s_test.c", b->package->name);
}

static bool has_file(const build *b, const char *name)
{
    for (size_t i = 0; i < b->package->n_files; i++)
        if (strcmp(b->package->file[i], name) == 0)
            return true;
    return false;
}

static void list_sources(build *b)
{
    for (size_t i = 0; i < b->package->n_files; i++) {
        const char *name = b->package->file[i];
        size_t n = strlen(name);
        if (n > 2 && strcmp(name + n - 2, ".c") == 0 && strcmp(name, test_source(b)) != 0)
            add(b, &b->sources, in_package(b, name));
    }
}

/* The file's name in a literal of the assembler, within one of C. */
static const char *twice_quoted(tn_arena *a, const char *path)
{
    tn_str s = {.arena = a};
    for (; *path != '\0'; path++)
        if (*path == '"' || *path == '\\')
            tn_str_add(&s, "\\\\\\%c", *path);
        else
            tn_str_put(&s, path, 1);
    return s.text;
}

static const char *folder_of(tn_arena *a, const char *path)
{
    return tn_strndup(a, path, (size_t)(strrchr(path, '/') - path));
}

static bool start_command(build *b)
{
    tn_arena *a = &b->ctx->arena;
    const tn_package *p = b->package;
    const char *upper = tn_name_upper(a, p->name);
    if (!add_words(b, &b->command, "option '--cc'", tn_setting_get(b->ctx, "cc")))
        return false;
    if (b->command.n == 0) {
        tn_error(&b->ctx->diag, "option '--cc' is empty; it takes the command of a C compiler");
        b->status = TN_ERR_USAGE;
        return false;
    }
    if (!add_words(b, &b->command, "the package's cflags", p->cflags)
        || !add_words(b, &b->command, "option '--cflags'", tn_setting_get(b->ctx, "cflags")))
        return false;
    add(b, &b->command, "-I");
    add(b, &b->command, folder_of(a, in_package(b, tn_strfmt(a, "%s.h", p->name))));
    if (p->uses_cblas && !add_words(b, &b->command, "the flags of OpenBLAS", TENON_CBLAS_CFLAGS))
        return false;
    if (strcmp(p->params, "incbin") == 0) {
        const char *file = in_package(b, tn_strfmt(a, "%s_weights.bin", p->name));
        add(b, &b->command, tn_strfmt(a, "-D%s_WEIGHTS_FILE=\"%s\"", upper, twice_quoted(a, file)));
    }
    if (b->profile) {
        add(b, &b->command, "-I");
        add(b, &b->command, b->into);
        add(b, &b->command, tn_strfmt(a, "-D%s_CONFIG_H=\"tn_profile.h\"", upper));
    }
    return true;
}

/* --- the profile's hooks ------------------------------------------------------------------------------------------ */

static const char hooks_source[] = "/* Sums the time of each layer, for tn_runner_profile. */\n"
                                   "#define _POSIX_C_SOURCE 200809L\n"
                                   "#include <time.h>\n"
                                   "double tn_profile_ms[TN_PROFILE_LAYERS];\n"
                                   "static struct timespec start;\n"
                                   "void tn_profile_begin(void)\n"
                                   "{\n"
                                   "    clock_gettime(CLOCK_MONOTONIC, &start);\n"
                                   "}\n"
                                   "void tn_profile_end(int layer)\n"
                                   "{\n"
                                   "    struct timespec now;\n"
                                   "    clock_gettime(CLOCK_MONOTONIC, &now);\n"
                                   "    tn_profile_ms[layer] += (double)(now.tv_sec - start.tv_sec) * 1e3;\n"
                                   "    tn_profile_ms[layer] += (double)(now.tv_nsec - start.tv_nsec) / 1e6;\n"
                                   "}\n";

static bool write_hooks(build *b)
{
    tn_arena *a = &b->ctx->arena;
    const char *upper = tn_name_upper(a, b->package->name);
    const char *header = in_result(b, "tn_profile.h"), *source = in_result(b, "tn_profile.c");
    size_t n = b->package->n_layers > 0 ? b->package->n_layers : 1;
    const char *text = tn_strfmt(a,
                                 "#ifndef TN_PROFILE_H\n#define TN_PROFILE_H\n"
                                 "void tn_profile_begin(void);\nvoid tn_profile_end(int layer);\n"
                                 "#define %s_LAYER_BEGIN(i) tn_profile_begin()\n"
                                 "#define %s_LAYER_END(i) tn_profile_end(i)\n#endif\n",
                                 upper, upper);
    add(b, &b->waste, header);
    add(b, &b->waste, source);
    add(b, &b->sources, source);
    add(b, &b->command, tn_strfmt(a, "-DTN_PROFILE_LAYERS=%zu", n));
    if (tn_write_file(&b->ctx->diag, header, text, strlen(text))
        && tn_write_file(&b->ctx->diag, source, hooks_source, sizeof hooks_source - 1))
        return true;
    b->status = TN_ERR_FILE;
    return false;
}

/* --- the kinds ---------------------------------------------------------------------------------------------------- */

/* What the package calls and does not have in itself. */
static bool add_libraries(build *b, words *w)
{
    const char *link = tn_setting_get(b->ctx, "link");
    if (b->package->function != NULL && link[0] == '\0') {
        tn_error(&b->ctx->diag,
                 "the package calls %s (option --dispatch): name the file that defines it by --link FILE",
                 b->package->function);
        b->status = TN_ERR_BUILD;
        return false;
    }
    if (b->package->uses_cblas && TENON_CBLAS_LIBS[0] == '\0' && link[0] == '\0') {
        tn_error(
            &b->ctx->diag,
            "the package calls CBLAS (option --dispatch), and Tenon was built without OpenBLAS: install it (Debian: "
            "libopenblas-dev) and build Tenon again, or name a CBLAS by --link \"-lcblas\"");
        b->status = TN_ERR_BUILD;
        return false;
    }
    for (const char *const *s = tn_setting_all(b->ctx, "link"); *s != NULL; s++)
        if (!add_words(b, w, "option '--link'", *s))
            return false;
    return !b->package->uses_cblas || add_words(b, w, "the libraries of OpenBLAS", TENON_CBLAS_LIBS);
}

/* A file with flags of its own; "" for any other. */
static const char *own_flags(const build *b, const char *source)
{
    for (size_t i = 0; i < b->package->n_variants; i++)
        if (strcmp(in_package(b, b->package->variant[i].source), source) == 0)
            return b->package->variant[i].cflags;
    return "";
}

static bool compile_object(build *b, const words *flags, const char *source, const char *object)
{
    words w = copy_words(b, flags);
    if (!add_words(b, &w, "a variant's cflags", own_flags(b, source)))
        return false;
    add(b, &b->waste, object);
    add(b, &w, "-c");
    add(b, &w, "-o");
    add(b, &w, object);
    add(b, &w, source);
    return run_command(b, &w);
}

static const char *object_of(const build *b, const char *source)
{
    return in_result(b, tn_strfmt(&b->ctx->arena, "%s.o", tn_path_stem(&b->ctx->arena, source)));
}

/* Sources with flags of their own become objects before all is linked by one command. */
static bool compile_variants(build *b, const words *flags)
{
    for (size_t i = 0; i < b->sources.n; i++) {
        const char *source = b->sources.items[i], *object = object_of(b, source);
        if (own_flags(b, source)[0] == '\0')
            continue;
        if (!compile_object(b, flags, source, object))
            return false;
        b->sources.items[i] = object;
    }
    return true;
}

static bool link_sources(build *b, words *w, const char *result)
{
    if (!compile_variants(b, w))
        return false;
    add(b, w, "-o");
    add(b, w, in_result(b, result));
    for (size_t i = 0; i < b->sources.n; i++)
        add(b, w, b->sources.items[i]);
    if (!add_libraries(b, w))
        return false;
    add(b, w, "-lm");
    if (b->package->threads > 1)
        add(b, w, "-pthread");
    return run_command(b, w);
}

static bool build_shared(build *b)
{
    words w = copy_words(b, &b->command);
    add(b, &w, "-shared");
    add(b, &w, "-fPIC");
    return link_sources(b, &w, tn_strfmt(&b->ctx->arena, "lib%s.so", b->package->name));
}

static bool build_exe(build *b)
{
    if (!has_file(b, test_source(b))) {
        tn_error(&b->ctx->diag,
                 "build exe: the package has no self-test %s, as the model is too large for the reference; "
                 "build a library instead",
                 test_source(b));
        b->status = TN_ERR_BUILD;
        return false;
    }
    words w = copy_words(b, &b->command);
    add(b, &b->sources, in_package(b, test_source(b)));
    return link_sources(b, &w, tn_strfmt(&b->ctx->arena, "%s_test", b->package->name));
}

/* "ar", or "arm-none-eabi-ar" where the compiler is arm-none-eabi-gcc. */
static const char *archiver(const build *b)
{
    const char *cc = b->command.items[0];
    size_t n = strlen(cc);
    return n > 4 && strcmp(cc + n - 4, "-gcc") == 0 ? tn_strfmt(&b->ctx->arena, "%.*s-ar", (int)(n - 4), cc) : "ar";
}

/* ar adds to an archive that is there: an older one goes first. */
static bool build_static(build *b)
{
    tn_arena *a = &b->ctx->arena;
    const char *library = in_result(b, tn_strfmt(a, "lib%s.a", b->package->name));
    words pack = {0};
    add(b, &pack, archiver(b));
    add(b, &pack, "rcs");
    add(b, &pack, library);
    for (size_t i = 0; i < b->sources.n; i++) {
        const char *source = b->sources.items[i];
        const char *object = object_of(b, source);
        add(b, &pack, object);
        if (!compile_object(b, &b->command, source, object))
            return false;
    }
    remove(library);
    return run_command(b, &pack);
}

/* --- the entry ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool (*run)(build *b);
} kinds[] = {
    {"shared", build_shared},
    {"static", build_static},
    {"exe", build_exe},
};

static bool run_build(void *state)
{
    build *b = state;
    list_sources(b);
    if (!start_command(b) || (b->profile && !write_hooks(b)))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, b->kind) == 0)
            return kinds[i].run(b);
    tn_error(&b->ctx->diag, "option '--build' is '%s'; it takes shared, static or exe", b->kind);
    b->status = TN_ERR_USAGE;
    return false;
}

static void remove_waste(void *state)
{
    const build *b = state;
    for (size_t i = 0; i < b->waste.n; i++)
        remove(b->waste.items[i]);
}

tn_status tn_package_build_into(tn_ctx *ctx, const tn_package *p, const char *into, const char *shown, const char *kind,
                                bool profile)
{
    build b = {.ctx = ctx, .package = p, .into = into, .shown = shown, .kind = kind, .profile = profile};
    tn_progress(ctx, "running the C compiler");
    tn_finally(&ctx->arena, run_build, remove_waste, &b);
    return b.status;
}

tn_status tn_package_build(tn_ctx *ctx, const char *folder, const char *name, const char *shown, const char *kind)
{
    tn_package p;
    tn_status status = tn_package_read(&ctx->arena, &ctx->diag, folder, name, &p);
    return status == TN_OK ? tn_package_build_into(ctx, &p, p.folder, shown, kind, false) : status;
}
