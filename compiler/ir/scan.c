/* The scanner: from text to tokens, one at a time. See text.h. The text may be hostile: every byte is looked at once,
   in order, and nothing past the first NUL. */
#include "ir/text.h"

enum { MAX_DEPTH = 1000 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_byte(char c)
{
    return is_letter(c) || is_digit(c) || c == '.';
}

static int hex_digit(char c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

bool tn_scan_error(tn_scan *s, const char *format, ...)
{
    if (s->failed)
        return false;
    s->failed = true;
    char prefix[600];
    snprintf(prefix, sizeof prefix, "%.500s:%d: ", s->path, s->line);
    va_list args;
    va_start(args, format);
    tn_verror(s->diag, prefix, format, args);
    va_end(args);
    return false;
}

bool tn_scan_wanted(tn_scan *s, const char *wanted)
{
    if (s->kind == TN_TOK_END || s->kind == TN_TOK_LINE)
        return tn_scan_error(s, "found the end of the %s, wanted %s", s->kind == TN_TOK_END ? "text" : "line", wanted);
    int shown = s->len > 60 ? 60 : (int)s->len;
    return tn_scan_error(s, "found %.*s%s, wanted %s", shown, s->start, s->len > 60 ? "..." : "", wanted);
}

bool tn_scan_deeper(tn_scan *s)
{
    return ++s->depth <= MAX_DEPTH || tn_scan_error(s, "nested deeper than %d", MAX_DEPTH);
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

/* Blanks, comments, and line ends before a line that continues. True when a new statement begins behind them. */
static bool skip_blank(tn_scan *s)
{
    bool fresh = false, indented = false;
    for (;; s->at++) {
        if (*s->at == '#')
            s->at += strcspn(s->at, "\n");
        if (*s->at == '\n') {
            s->row++;
            fresh = true;
            indented = false;
        } else if (*s->at == ' ' || *s->at == '\t' || *s->at == '\r') {
            indented = true;
        } else {
            return fresh && !indented;
        }
    }
}

/* One byte of a quoted text, or an escape; -1 after an error. */
static int unescape(tn_scan *s)
{
    static const char plain[][2] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'"', '"'}, {'\\', '\\'}};
    if (*s->at != '\\')
        return (unsigned char)*s->at++;
    s->at++;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (*s->at == plain[i][0]) {
            s->at++;
            return plain[i][1];
        }
    int high = *s->at == 'x' ? hex_digit(s->at[1]) : -1, low = high >= 0 ? hex_digit(s->at[2]) : -1;
    if (low < 0 || high * 16 + low == 0) {
        tn_scan_error(s, "found a wrong escape in a quoted text; \\n \\t \\r \\\" \\\\ and \\x01 to \\xff are known");
        return -1;
    }
    s->at += 3;
    return high * 16 + low;
}

static bool scan_quoted(tn_scan *s)
{
    size_t room = 0, n = 0;
    s->at++;
    for (const char *c = s->at; *c != '\0' && *c != '\n' && *c != '"'; c++, room++)
        c += *c == '\\' && c[1] != '\0';
    char *text = tn_alloc(s->arena, room + 1);
    while (*s->at != '"') {
        if (*s->at == '\0' || *s->at == '\n')
            return tn_scan_error(s, "found the end of the line in a quoted text, wanted \"");
        int c = unescape(s);
        if (c < 0)
            return false;
        text[n++] = (char)c;
    }
    s->at++;
    s->kind = TN_TOK_QUOTED;
    s->text = text;
    return true;
}

static void scan_number(tn_scan *s)
{
    bool hex = s->at[0] == '0' && (s->at[1] == 'x' || s->at[1] == 'X');
    for (; is_word_byte(*s->at); s->at++) {
        char c = (char)(*s->at | 0x20);
        if (c == (hex ? 'p' : 'e') && (s->at[1] == '-' || s->at[1] == '+'))
            s->at++;
    }
    s->kind = TN_TOK_NUMBER;
}

static bool scan_sign(tn_scan *s)
{
    static const char *const signs[] = {"...", "::", "<=", ":", "=", "(", ")", "[", "]", "{",
                                        "}",   ",",  "+",  "-", "*", "/", "<", ">", "%", "@"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strncmp(s->at, signs[i], strlen(signs[i])) == 0) {
            s->at += strlen(signs[i]);
            s->kind = TN_TOK_SIGN;
            return true;
        }
    return tn_scan_error(s, "found the byte 0x%02x (%c), which begins nothing", (unsigned)(unsigned char)*s->at,
                         *s->at > 0x20 && *s->at < 0x7f ? *s->at : '?');
}

bool tn_scan_next(tn_scan *s)
{
    if (s->failed)
        return false;
    s->text = NULL;
    s->start = NULL;
    s->len = 0;
    s->line = s->row;
    bool fresh = skip_blank(s);
    if (*s->at == '\0') {
        s->kind = TN_TOK_END;
        return true;
    }
    if (fresh) {
        s->kind = TN_TOK_LINE;
        return true;
    }
    s->line = s->row;
    s->start = s->at;
    if (*s->at == '"') {
        if (!scan_quoted(s))
            return false;
        s->len = (size_t)(s->at - s->start);
        return true;
    }
    if (is_letter(*s->at)) {
        s->kind = TN_TOK_WORD;
        while (is_word_byte(*s->at))
            s->at++;
    } else if (is_digit(*s->at)) {
        scan_number(s);
    } else if (!scan_sign(s)) {
        return false;
    }
    s->len = (size_t)(s->at - s->start);
    if (s->kind != TN_TOK_SIGN)
        s->text = tn_strndup(s->arena, s->start, s->len);
    return true;
}

bool tn_scan_begin(tn_scan *s, tn_arena *a, tn_diag *d, const char *path, const char *text)
{
    *s = (tn_scan){.arena = a, .diag = d, .path = path, .at = text, .row = 1, .line = 1};
    s->end = text + strlen(text);
    return tn_scan_next(s) && (s->kind != TN_TOK_LINE || tn_scan_next(s));
}

/* --- what parsers ask for ----------------------------------------------------------------------------------------- */

bool tn_scan_is(const tn_scan *s, const char *token)
{
    return (s->kind == TN_TOK_WORD || s->kind == TN_TOK_SIGN) && strlen(token) == s->len
        && memcmp(s->start, token, s->len) == 0;
}

bool tn_scan_skip(tn_scan *s, const char *token)
{
    return !s->failed && tn_scan_is(s, token) && tn_scan_next(s);
}

bool tn_scan_need(tn_scan *s, const char *token)
{
    return tn_scan_is(s, token) ? tn_scan_next(s) : tn_scan_wanted(s, token);
}

bool tn_scan_quoted(tn_scan *s, const char *what, const char **out)
{
    *out = s->text;
    return s->kind == TN_TOK_QUOTED ? tn_scan_next(s) : tn_scan_wanted(s, what);
}

bool tn_scan_name(tn_scan *s, const char *what, const char **out)
{
    *out = s->text;
    return s->kind == TN_TOK_QUOTED || s->kind == TN_TOK_WORD ? tn_scan_next(s) : tn_scan_wanted(s, what);
}

bool tn_scan_statement_end(tn_scan *s)
{
    if (s->failed || s->kind == TN_TOK_END)
        return !s->failed;
    return s->kind == TN_TOK_LINE ? tn_scan_next(s) : tn_scan_wanted(s, "the end of the line");
}

bool tn_scan_dtype(tn_scan *s, tn_dtype *out)
{
    for (int t = 1; s->kind == TN_TOK_WORD && t < TN_INDEX; t++)
        if (tn_dtype_get(t)->size > 0 && tn_scan_is(s, tn_dtype_get(t)->name)) {
            *out = (tn_dtype)t;
            return tn_scan_next(s);
        }
    return tn_scan_wanted(s, "a type: float, int8, uint8, int32, int64, bool, float16, ...");
}
