/* Names, numbers and the elements of tensors as text, and back. See text.h.
   Numbers are decimal and as short as reads back exactly; where that cannot be (a NaN that carries bits of its own),
   and for tensors of more than TN_TEXT_SHOWN elements, the bytes are written in hexadecimal, little-endian. */
#include "ir/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { BYTES_A_LINE = 40 };

/* --- names -------------------------------------------------------------------------------------------------------- */

void tn_quote_print(tn_str *out, const char *s)
{
    tn_str_put(out, "\"", 1);
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            tn_str_add(out, "\\%c", c);
        else if (c == '\n' || c == '\t')
            tn_str_put(out, c == '\n' ? "\\n" : "\\t", 2);
        else if (c < 0x20 || c == 0x7f)
            tn_str_add(out, "\\x%02x", c);
        else
            tn_str_put(out, s, 1);
    }
    tn_str_put(out, "\"", 1);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void tn_name_print(tn_str *out, const char *s)
{
    static const char *const reserved[] = {"min", "max"};
    bool word = is_letter(*s);
    for (const char *c = s; *c != '\0'; c++)
        word = word && (is_letter(*c) || (*c >= '0' && *c <= '9') || *c == '_' || *c == '.');
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        word = word && strcmp(s, reserved[i]) != 0;
    if (word)
        tn_str_put(out, s, strlen(s));
    else
        tn_quote_print(out, s);
}

const char *tn_name_unique(tn_arena *a, tn_map *taken, const char *name)
{
    const char *base = *name != '\0' ? name : "v", *unique = base;
    int *last = tn_map_get(taken, base), *number = TN_NEW(a, int);
    for (int i = last != NULL ? *last + 1 : 2; tn_map_get(taken, unique) != NULL; i++) {
        unique = tn_strfmt(a, "%s~%d", base, i);
        *last = i;
    }
    *number = 1;
    tn_map_put(a, taken, unique, number); /* the last number behind it that was tried */
    return unique;
}

/* --- printing numbers --------------------------------------------------------------------------------------------- */

static bool reads_back(const char *text, tn_dtype t, double x)
{
    return tn_round_to(t, strtod(text, NULL)) == tn_round_to(t, x);
}

void tn_number_print(tn_str *out, tn_dtype t, double x)
{
    char text[40];
    if (x != x) {
        tn_str_add(out, "%s", signbit(x) ? "-nan" : "nan");
        return;
    }
    for (int digits = t == TN_DOUBLE ? 15 : 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (reads_back(text, t, x))
            break;
    }
    tn_str_put(out, text, strlen(text));
}

void tn_integer_print(tn_str *out, tn_dtype t, int64_t x)
{
    if (t == TN_UINT64)
        tn_str_add(out, "%llu", (unsigned long long)x);
    else
        tn_str_add(out, "%lld", (long long)x);
}

void tn_type_print(tn_str *out, tn_dtype t, const tn_shape *s)
{
    tn_str_add(out, "%s[", tn_dtype_get(t)->name);
    for (int i = 0; s->known && i < s->rank; i++) {
        tn_str_put(out, ",", i > 0);
        tn_dim_print(out, s->dim[i]);
    }
    tn_str_add(out, "%s]", s->known ? "" : "?");
}

/* --- printing tensors --------------------------------------------------------------------------------------------- */

/* Byte k, counted from the lowest, of an element of size bytes: on hosts of either byte order. */
static unsigned char *byte_of(void *element, size_t size, size_t k)
{
    const uint16_t one = 1;
    unsigned char low = 0;
    memcpy(&low, &one, 1);
    return (unsigned char *)element + (low == 1 ? k : size - 1 - k);
}

static bool is_plain_nan(const tn_tensor *t, int64_t i)
{
    union {
        double d;
        float f;
        uint16_t h;
    } plain;
    size_t size = (size_t)tn_dtype_get(t->dtype)->size;
    tn_tensor one = {.dtype = t->dtype, .data = &plain};
    tn_tensor_set(&one, 0, (double)NAN);
    return memcmp(&plain, (const char *)t->data + (size_t)i * size, size) == 0;
}

static bool is_decimal(const tn_tensor *t, int64_t n)
{
    for (int64_t i = 0; i < n && tn_dtype_get(t->dtype)->is_float; i++) {
        double x = tn_tensor_get(t, i);
        if (x != x && !is_plain_nan(t, i))
            return false;
    }
    return n <= TN_TEXT_SHOWN;
}

static void print_list(tn_str *out, const tn_tensor *t, int64_t n)
{
    tn_str_add(out, " = [");
    for (int64_t i = 0; i < n; i++) {
        tn_str_put(out, ", ", i > 0 ? 2 : 0);
        if (tn_dtype_get(t->dtype)->is_float)
            tn_number_print(out, t->dtype, tn_tensor_get(t, i));
        else
            tn_integer_print(out, t->dtype, tn_tensor_get_int(t, i));
    }
    tn_str_add(out, "]");
}

static void print_hex(tn_str *out, const tn_tensor *t)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = (size_t)tn_dtype_get(t->dtype)->size;
    tn_str_add(out, " = hex");
    for (size_t at = 0; at < t->bytes; at += BYTES_A_LINE) {
        char line[2 * BYTES_A_LINE];
        size_t n = t->bytes - at < BYTES_A_LINE ? t->bytes - at : BYTES_A_LINE;
        for (size_t i = 0; i < n; i++) {
            unsigned char b = *byte_of((char *)t->data + (at + i) / size * size, size, (at + i) % size);
            line[2 * i] = digits[b >> 4];
            line[2 * i + 1] = digits[b & 15];
        }
        tn_str_add(out, at == 0 ? " \"" : "\n  \"");
        tn_str_put(out, line, 2 * n);
        tn_str_put(out, "\"", 1);
    }
}

void tn_data_print(tn_str *out, const tn_tensor *t, bool full)
{
    int64_t n = tn_shape_count(&t->shape);
    if (is_decimal(t, n))
        print_list(out, t, n);
    else if (full)
        print_hex(out, t);
    else
        tn_str_add(out, " = ...");
}

/* --- parsing numbers ---------------------------------------------------------------------------------------------- */

/* Whether the number, with a minus in front where negative is set, is one of the type's. */
static bool fits(tn_dtype t, bool negative, uint64_t x)
{
    const tn_dtype_info *info = tn_dtype_get(t);
    int bits = t == TN_BOOL ? 1 : info->bits - info->is_signed;
    uint64_t max = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    return negative ? x == 0 || (info->is_signed && x - 1 <= max) : x <= max;
}

static bool does_not_fit(tn_scan *s, tn_dtype t, bool negative)
{
    return tn_scan_error(s, "found %s%.60s, which does not fit %s", negative ? "-" : "", s->text,
                         tn_dtype_get(t)->name);
}

bool tn_scan_integer(tn_scan *s, tn_dtype t, int64_t *out)
{
    bool negative = tn_scan_skip(s, "-");
    if (s->failed || s->kind != TN_TOK_NUMBER || s->text[strspn(s->text, "0123456789")] != '\0')
        return tn_scan_wanted(s, "a whole number");
    errno = 0;
    uint64_t x = strtoull(s->text, NULL, 10);
    if (errno != 0 || !fits(t, negative, x))
        return does_not_fit(s, t, negative);
    *out = (int64_t)(negative ? 0 - x : x);
    return tn_scan_next(s);
}

bool tn_scan_float(tn_scan *s, tn_dtype t, double *out)
{
    bool negative = tn_scan_skip(s, "-"), word = tn_scan_is(s, "inf") || tn_scan_is(s, "nan");
    char *end = NULL;
    double x = s->kind == TN_TOK_NUMBER || word ? strtod(s->text, &end) : 0;
    if (s->failed || end == NULL || *end != '\0')
        return tn_scan_wanted(s, "a number, inf or nan");
    if (!word && !isfinite(tn_round_to(t, x)))
        return does_not_fit(s, t, negative);
    *out = negative ? -x : x;
    return tn_scan_next(s);
}

/* --- parsing tensors ---------------------------------------------------------------------------------------------- */

static bool scan_list(tn_scan *s, tn_tensor *t, int64_t n)
{
    bool is_float = tn_dtype_get(t->dtype)->is_float;
    if (!tn_scan_need(s, "["))
        return false;
    for (int64_t i = 0; i < n; i++) {
        double x = 0;
        int64_t whole = 0;
        if (tn_scan_is(s, "]") || (i > 0 && !tn_scan_is(s, ",")))
            return tn_scan_error(s, "found %lld elements, wanted %lld", (long long)i, (long long)n);
        if (i > 0 && !tn_scan_next(s))
            return false;
        if (is_float ? !tn_scan_float(s, t->dtype, &x) : !tn_scan_integer(s, t->dtype, &whole))
            return false;
        if (is_float)
            tn_tensor_set(t, i, x);
        else
            tn_tensor_set_int(t, i, whole);
    }
    if (tn_scan_is(s, ","))
        return tn_scan_error(s, "found more than %lld elements, wanted %lld", (long long)n, (long long)n);
    return tn_scan_need(s, "]");
}

static int nibble(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static bool scan_hex(tn_scan *s, tn_tensor *t)
{
    size_t size = (size_t)tn_dtype_get(t->dtype)->size, n = 0;
    while (s->kind == TN_TOK_QUOTED) {
        for (const char *c = s->text; *c != '\0'; c += 2, n++) {
            int high = nibble(c[0]), low = high >= 0 ? nibble(c[1]) : -1;
            if (low < 0)
                return tn_scan_error(s, "found '%.2s' in the bytes, wanted two hexadecimal digits", c);
            if (n == t->bytes)
                return tn_scan_error(s, "found more than %zu bytes, wanted %zu", n, t->bytes);
            *byte_of((char *)t->data + n / size * size, size, n % size) = (unsigned char)(high * 16 + low);
        }
        if (!tn_scan_next(s))
            return false;
    }
    return n == t->bytes || tn_scan_error(s, "found %zu bytes, wanted %zu", n, t->bytes);
}

/* Bytes other than 0 and 1 would be booleans that are neither. */
static void make_boolean(tn_tensor *t)
{
    uint8_t *b = t->data;
    for (size_t i = 0; t->dtype == TN_BOOL && i < t->bytes; i++)
        b[i] = b[i] != 0;
}

tn_tensor *tn_scan_data(tn_scan *s, tn_dtype t, const tn_shape *shape)
{
    if (!tn_shape_is_fixed(shape)) {
        tn_scan_error(s, "a constant's dims must be numbers");
        return NULL;
    }
    if (tn_scan_is(s, "...")) {
        tn_scan_error(s, "the data is left out here (...); only text that was printed in full can be read");
        return NULL;
    }
    /* an element takes two bytes of text at least: so no memory for more than the text can hold */
    int64_t n = tn_shape_count(shape), most = (int64_t)((s->end - s->at) / 2) + 1;
    if (n > most) {
        tn_scan_error(s, "found the end of the text before %lld elements, which are wanted", (long long)n);
        return NULL;
    }
    tn_tensor *out = tn_tensor_make(s->arena, t, shape);
    bool ok = tn_scan_skip(s, "hex") ? scan_hex(s, out) : !s->failed && scan_list(s, out, n);
    make_boolean(out);
    return ok ? out : NULL;
}
