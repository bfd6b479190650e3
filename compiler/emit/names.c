/* See names.h. */
#define _POSIX_C_SOURCE 200809L
#include "emit/names.h"

#include <strings.h>

/* Keywords of C up to C23 and of C++, and the object-like macros that common headers and compilers define. */
/* clang-format off */
static const char *const reserved[] = {
    "NULL", "EOF", "I", "NAN", "INFINITY", "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand",
    "bitor", "bool", "break", "case", "catch", "char", "class", "compl", "complex", "const", "const_cast",
    "constexpr", "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum",
    "errno", "explicit", "export", "extern", "false", "far", "float", "for", "friend", "fortran", "goto",
    "i386", "if", "imaginary", "inline", "int", "linux", "long", "main", "mutable", "namespace", "near", "new",
    "noexcept", "noreturn", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected",
    "public", "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof",
    "small", "static", "static_assert", "static_cast", "stderr", "stdin", "stdout", "struct", "switch",
    "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "typeof",
    "typeof_unqual", "union", "unix", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while",
    "xor", "xor_eq",
};

/* Headers of C up to C23, of POSIX, what theirs include in glibc, musl, newlib and Microsoft's; of CBLAS. */
static const char *const headers[] = {
    "aio", "alloca", "assert", "cblas", "complex", "corecrt", "cpio", "crtdefs", "ctype", "dirent", "dlfcn",
    "endian", "errno", "fcntl", "features", "fenv", "float", "fmtmsg", "fnmatch", "ftw", "glob", "grp", "iconv",
    "inttypes", "iso646", "langinfo", "libgen", "libintl", "limits", "locale", "malloc", "math", "memory",
    "monetary", "mqueue", "ndbm", "netdb", "newlib", "nl_types", "openblas_config", "poll", "pthread", "pwd",
    "regex", "sal", "sched", "search", "semaphore", "setjmp", "signal", "spawn", "stdalign", "stdarg",
    "stdatomic", "stdbit", "stdbool", "stdckdint", "stddef", "stdint", "stdio", "stdlib", "stdnoreturn",
    "string", "strings", "stropts", "syslog", "tar", "termios", "tgmath", "threads", "time", "trace", "uchar",
    "ulimit", "unistd", "utime", "utmpx", "vcruntime", "wchar", "wctype", "wordexp",
};
/* clang-format on */

enum { LONGEST = 48 };

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_reserved(const char *s)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(reserved[i], s) == 0)
            return true;
    return false;
}

static const char *to_identifier(tn_arena *a, const char *from)
{
    char s[LONGEST + 2];
    size_t n = 0;
    bool gap = false;
    for (const char *c = from; *c != '\0' && n < LONGEST; c++) {
        if (!is_plain(*c)) {
            gap = n > 0;
            continue;
        }
        if (n == 0 && *c >= '0' && *c <= '9')
            s[n++] = 'x';
        if (gap)
            s[n++] = '_';
        gap = false;
        s[n++] = *c;
    }
    s[n] = '\0';
    if (n == 0)
        return "x";
    return is_reserved(s) ? tn_strfmt(a, "%s_", s) : tn_strdup(a, s);
}

const char *tn_name_make(tn_names *names, const char *from)
{
    const char *base = to_identifier(names->arena, from), *s = base;
    for (int k = 2; tn_map_get(&names->taken, s) != NULL; k++)
        s = tn_strfmt(names->arena, "%s%s%d", base, base[strlen(base) - 1] == '_' ? "" : "_", k);
    tn_map_put(names->arena, &names->taken, s, names);
    return s;
}

const char *tn_name_upper(tn_arena *a, const char *name)
{
    char *s = tn_strdup(a, name);
    for (char *c = s; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return s;
}

const char *tn_name_hides(tn_arena *a, const char *module)
{
    if (strcasecmp(module, "tn") == 0 || strncasecmp(module, "tn_", 3) == 0)
        return "names in tn_ are those of Tenon's runtime";
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (strcasecmp(headers[i], module) == 0)
            return tn_strfmt(a, "%s.h is a header of the C library or of CBLAS", headers[i]);
    return NULL;
}

const char *tn_symbol_name(const tn_unit *u, size_t i)
{
    tn_names names = {.arena = u->arena};
    for (size_t k = 0; k < u->n_in; k++)
        tn_map_put(u->arena, &names.taken, u->input_name[k], &names);
    for (size_t k = 0; k < u->n_out; k++)
        tn_map_put(u->arena, &names.taken, u->output_name[k], &names);
    const char *s = NULL;
    for (size_t k = 0; k <= i; k++)
        s = tn_name_make(&names, u->program->symbols.items[k]->name);
    return s;
}

const char *tn_symbol_local(tn_program *p, const tn_var *symbol)
{
    for (size_t i = 0; i < p->turns.n; i++)
        if (p->turns.items[i] == symbol)
            return symbol->name;
    for (size_t i = 0; i < p->symbols.n; i++) {
        if (p->symbols.items[i] != symbol)
            continue;
        char *name = tn_strfmt(p->arena, "dim%zu_%s", i, symbol->name);
        for (char *s = name; *s != '\0'; s++)
            *s = is_plain(*s) ? *s : '_';
        return name;
    }
    return NULL;
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

const char *tn_quote_c(tn_arena *a, const char *s)
{
    tn_str out = {.arena = a};
    tn_str_put(&out, "\"", 1);
    for (const char *c = s; *c != '\0'; c++) {
        bool trigraph = *c == '?' && c > s && c[-1] == '?';
        if (*c == '"' || *c == '\\' || trigraph)
            tn_str_add(&out, "\\%c", *c);
        else if (*c < ' ' || *c > '~')
            tn_str_add(&out, "\\%03o", (unsigned)(unsigned char)*c);
        else
            tn_str_put(&out, c, 1);
    }
    tn_str_put(&out, "\"", 1);
    return out.text;
}

/* Length of the UTF-8 sequence at s, 0 for a malformed one. Overlong forms and surrogates are malformed. */
static size_t utf8_length(const char *s)
{
    const unsigned char *c = (const unsigned char *)s;
    if (c[0] < 0x80)
        return 1;
    size_t n = c[0] >= 0xc2 && c[0] <= 0xdf ? 2 : (c[0] & 0xf0) == 0xe0 ? 3 : c[0] >= 0xf0 && c[0] <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool outside = (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf4 && c[1] > 0x8f);
    return overlong || outside ? 0 : n;
}

const char *tn_quote_json(tn_arena *a, const char *s)
{
    tn_str out = {.arena = a};
    tn_str_put(&out, "\"", 1);
    for (size_t n; *s != '\0'; s += n == 0 ? 1 : n) {
        n = utf8_length(s);
        if (n == 0)
            tn_str_add(&out, "\\ufffd");
        else if (*s == '"' || *s == '\\')
            tn_str_add(&out, "\\%c", *s);
        else if (n == 1 && (*s < ' ' || *s == 0x7f))
            tn_str_add(&out, "\\u%04x", (unsigned)*s);
        else
            tn_str_put(&out, s, n);
    }
    tn_str_put(&out, "\"", 1);
    return out.text;
}

const char *tn_in_comment(tn_arena *a, const char *s)
{
    tn_str out = {.arena = a};
    char last = '\0';
    for (; *s != '\0'; s++) {
        char c = *s < ' ' || *s > '~' ? '?' : *s == '\\' ? '/' : *s;
        bool joins = (last == '*' && c == '/') || (last == '/' && c == '*') || (last == '?' && c == '?');
        if (joins)
            tn_str_put(&out, " ", 1);
        tn_str_put(&out, &c, 1);
        last = c;
    }
    return out.text != NULL ? out.text : "";
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

int tn_print_real(double x, bool is_double, char out[TN_NUMBER_ROOM])
{
    if (x - x != 0)
        return snprintf(out, TN_NUMBER_ROOM, "%s%s", is_double ? "(double)" : "",
                        x != x  ? "TN_NAN"
                        : x < 0 ? "TN_MINUS_INFINITY"
                                : "TN_INFINITY");
    int n = snprintf(out, TN_NUMBER_ROOM, is_double ? "%.17g" : "%.9g", x);
    const char *tail = strpbrk(out, ".e") != NULL ? (is_double ? "" : "f") : is_double ? ".0" : ".0f";
    return n + snprintf(out + n, TN_NUMBER_ROOM - (size_t)n, "%s", tail);
}

/* Element i as a C constant of the tensor's element type; codes of floats as their bits. */
static int print_number(const tn_tensor *t, int64_t i, char out[TN_NUMBER_ROOM])
{
    const tn_dtype_info *info = tn_dtype_get(t->dtype);
    if (info->codec != NULL)
        return snprintf(out, TN_NUMBER_ROOM, info->size == 2 ? "0x%04xu" : "0x%02xu",
                        (unsigned)tn_tensor_get_bits(t, i));
    switch (t->dtype) {
    case TN_FLOAT:
    case TN_DOUBLE: return tn_print_real(tn_tensor_get(t, i), t->dtype == TN_DOUBLE, out);
    case TN_UINT32:
    case TN_UINT64: return snprintf(out, TN_NUMBER_ROOM, "%lluu", (unsigned long long)tn_tensor_get_int(t, i));
    default: break;
    }
    int64_t x = tn_tensor_get_int(t, i);
    if (x == INT64_MIN) /* has no constant of its own in C */
        return snprintf(out, TN_NUMBER_ROOM, "(-9223372036854775807 - 1)");
    return snprintf(out, TN_NUMBER_ROOM, "%lld", (long long)x);
}

void tn_print_numbers(const tn_tensor *t, int64_t count, int64_t stride, tn_str *out)
{
    int size = tn_dtype_get(t->dtype)->size, per_line = size == 1 ? 16 : size == 8 ? 4 : 8;
    for (int64_t i = 0; i < count; i++) {
        char s[TN_NUMBER_ROOM];
        int n = print_number(t, i * stride, s);
        tn_str_put(out, i % per_line == 0 ? "    " : " ", i % per_line == 0 ? 4 : 1);
        tn_str_put(out, s, (size_t)n);
        tn_str_put(out, i % per_line == per_line - 1 || i == count - 1 ? ",\n" : ",",
                   i % per_line == per_line - 1 || i == count - 1 ? 2 : 1);
    }
}
