/* See npy.h. The header is parsed as the small part of Python that numpy writes: a dictionary of text, True or False
   and a tuple of numbers, the keys in any order. */
#include "base/npy.h"

#include "base/path.h"

#include <inttypes.h>

/* One row a numpy type: its code without the byte order, the bytes of an item, the ONNX number. */
typedef struct npy_type {
    char code[3];
    unsigned char size;
    unsigned char onnx;
} npy_type;

static const npy_type types[] = {
    {"f4", 4, 1}, {"u1", 1, 2}, {"i1", 1, 3},  {"u2", 2, 4},  {"i2", 2, 5},  {"i4", 4, 6},
    {"i8", 8, 7}, {"b1", 1, 9}, {"f2", 2, 10}, {"f8", 8, 11}, {"u4", 4, 12}, {"u8", 8, 13},
};

enum { TYPE_COUNT = sizeof types / sizeof types[0], ONNX_BOOL = 9, NPY_ALIGN = 64, GROWTH_DIGITS = 21 };

typedef struct reader {
    tn_diag *diag;
    const char *path, *entry; /* entry NULL: the file itself */
    const char *at, *end;     /* what is left of the header */
} reader;

typedef struct header {
    const char *descr; /* in the file's bytes, without quotes; NULL: not seen */
    size_t descr_len;
    bool has_order, has_shape;
    bool fortran;
    int rank;
    int64_t dim[TN_ARRAY_MAX_RANK];
} header;

static bool fail(const reader *r, const char *format, ...) TN_PRINTF(2, 3);

static bool fail(const reader *r, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->entry != NULL)
        tn_error_at(r->diag, r->path, "entry '%s': %s", r->entry, text);
    else
        tn_error_at(r->diag, r->path, "%s", text);
    return false;
}

static bool host_is_little(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

/* ---- the header's dictionary ---- */

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static bool eat(reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool eat_word(reader *r, const char *word)
{
    size_t n = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* Quoted text without escapes: no key or descr that we take has one. */
static bool read_text(reader *r, const char **text, size_t *n)
{
    char quote = '\'';
    if (!eat(r, quote)) {
        quote = '"';
        if (!eat(r, quote))
            return false;
    }
    const char *close = memchr(r->at, quote, (size_t)(r->end - r->at));
    if (close == NULL)
        return false;
    *text = r->at;
    *n = (size_t)(close - r->at);
    r->at = close + 1;
    return true;
}

/* A number of numpy's; the L is Python 2's. */
static bool read_extent(reader *r, int64_t *out)
{
    const char *start = r->at;
    int64_t x = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (!tn_mul_i64(x, 10, &x) || x > INT64_MAX - (*r->at - '0'))
            return fail(r, "an extent in 'shape' does not fit 64 bits");
        else
            x += *r->at - '0';
    if (r->at == start)
        return fail(r, "the header's 'shape' is not a tuple of numbers >= 0");
    eat(r, 'L');
    *out = x;
    return true;
}

static bool read_shape(reader *r, header *h)
{
    h->has_shape = true;
    h->rank = 0;
    if (!eat(r, '('))
        return fail(r, "the header's 'shape' is not a tuple");
    while (!eat(r, ')')) {
        if (h->rank == TN_ARRAY_MAX_RANK)
            return fail(r, "the array has more than %d axes", TN_ARRAY_MAX_RANK);
        if (!read_extent(r, &h->dim[h->rank++]))
            return false;
        if (eat(r, ','))
            continue;
        if (!eat(r, ')'))
            return fail(r, "the header's 'shape' is not closed");
        break;
    }
    return true;
}

static bool read_descr(reader *r, header *h)
{
    if (read_text(r, &h->descr, &h->descr_len))
        return true;
    int n = r->end - r->at > 40 ? 40 : (int)(r->end - r->at);
    return fail(r, "descr %.*s is not a plain type; save each field as an array of its own", n, r->at);
}

static bool read_order(reader *r, header *h)
{
    h->has_order = true;
    h->fortran = eat_word(r, "True");
    return h->fortran || eat_word(r, "False") || fail(r, "the header's 'fortran_order' is neither True nor False");
}

static bool is_text(const char *text, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

static bool read_item(reader *r, header *h)
{
    const char *key;
    size_t n;
    if (!read_text(r, &key, &n) || !eat(r, ':'))
        return fail(r, "the header is not a Python dictionary");
    skip_space(r);
    if (is_text(key, n, "descr"))
        return read_descr(r, h);
    if (is_text(key, n, "fortran_order"))
        return read_order(r, h);
    if (is_text(key, n, "shape"))
        return read_shape(r, h);
    return fail(r, "the header has the unknown key '%.*s'", n > 40 ? 40 : (int)n, key);
}

static bool read_dictionary(reader *r, header *h)
{
    if (!eat(r, '{'))
        return fail(r, "the header is not a Python dictionary");
    while (!eat(r, '}')) {
        if (!read_item(r, h))
            return false;
        if (eat(r, ','))
            continue;
        if (!eat(r, '}'))
            return fail(r, "the header's dictionary is not closed");
        break;
    }
    skip_space(r);
    if (r->at != r->end)
        return fail(r, "the header goes on after its dictionary");
    if (h->descr == NULL || !h->has_order || !h->has_shape)
        return fail(r, "the header lacks '%s'", h->descr == NULL ? "descr" : h->has_order ? "shape" : "fortran_order");
    return true;
}

/* ---- the file ---- */

/* Sets r to the header's text and *body to where the items begin. */
static bool find_header(reader *r, const unsigned char *bytes, size_t n, size_t *body)
{
    if (n < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
        return fail(r, "is not in numpy's .npy format");
    if (bytes[6] < 1 || bytes[6] > 3)
        return fail(r, "is .npy version %d.%d; versions 1.0 to 3.0 are read", bytes[6], bytes[7]);
    size_t width = bytes[6] == 1 ? 2 : 4, len = 0;
    if (n < 8 + width)
        return fail(r, "ends inside its header");
    for (size_t i = width; i > 0; i--)
        len = len << 8 | bytes[7 + i];
    if (len > n - 8 - width)
        return fail(r, "ends inside its header");
    *body = 8 + width + len;
    r->at = (const char *)bytes + 8 + width;
    r->end = r->at + len;
    return true;
}

static const npy_type *find_type(const header *h)
{
    if (h->descr_len != 3 || strchr("<>|", h->descr[0]) == NULL || h->descr[0] == '\0')
        return NULL;
    for (int i = 0; i < TYPE_COUNT; i++)
        if (memcmp(types[i].code, h->descr + 1, 2) == 0)
            return &types[i];
    return NULL;
}

/* An empty array must fit without its extents of 0 as well, so that strides computed from its shape cannot overflow. */
static bool size_data(const reader *r, const header *h, const npy_type *type, size_t *bytes)
{
    int64_t total = type->size;
    bool fits = true, empty = false;
    for (int i = 0; i < h->rank && fits; i++) {
        empty = empty || h->dim[i] == 0;
        fits = tn_mul_i64(total, h->dim[i] > 0 ? h->dim[i] : 1, &total);
    }
    if (!fits || (uint64_t)total > SIZE_MAX / 2)
        return fail(r, "the array is too large to address");
    *bytes = empty ? 0 : (size_t)total;
    return true;
}

static void swap_bytes(unsigned char *data, size_t bytes, size_t size)
{
    for (unsigned char *item = data; item < data + bytes; item += size)
        for (size_t i = 0; i < size / 2; i++) {
            unsigned char x = item[i];
            item[i] = item[size - 1 - i];
            item[size - 1 - i] = x;
        }
}

/* Walks the items in row-major order; `at` is where the first-axis-fastest order has the same item. */
static void to_row_major(const unsigned char *from, unsigned char *to, const tn_array *t, size_t size)
{
    size_t stride[TN_ARRAY_MAX_RANK], at = 0;
    int64_t index[TN_ARRAY_MAX_RANK] = {0};
    for (int k = 0; k < t->rank; k++)
        stride[k] = k == 0 ? size : stride[k - 1] * (size_t)t->dim[k - 1];
    for (unsigned char *item = to; item < to + t->bytes; item += size) {
        memcpy(item, from + at, size);
        for (int k = t->rank - 1; k >= 0; k--) {
            at += stride[k];
            if (++index[k] < t->dim[k])
                break;
            at -= stride[k] * (size_t)t->dim[k];
            index[k] = 0;
        }
    }
}

/* Fills t->data from the file's items; in place when they may be kept, lie as malloc's would, and are in our order. */
static void fill_data(tn_arena *a, tn_array *t, const header *h, const npy_type *type, void *items, bool keep)
{
    bool reorder = h->fortran && t->rank > 1;
    if (keep && !reorder && (uintptr_t)items % 16 == 0) {
        t->data = items;
    } else {
        t->data = tn_alloc(a, t->bytes);
        if (reorder)
            to_row_major(items, t->data, t, type->size);
        else if (t->bytes > 0)
            memcpy(t->data, items, t->bytes);
    }
    unsigned char *data = t->data;
    if (type->size > 1 && (h->descr[0] == '>') == host_is_little())
        swap_bytes(data, t->bytes, type->size);
    for (size_t i = 0; type->onnx == ONNX_BOOL && i < t->bytes; i++)
        data[i] = data[i] != 0; /* any other byte read as a C bool is undefined */
}

static bool parse(tn_arena *a, reader *r, void *bytes, size_t n, bool keep, tn_array *out)
{
    size_t body = 0, want = 0;
    header h = {0};
    if (!find_header(r, bytes, n, &body) || !read_dictionary(r, &h))
        return false;
    const npy_type *type = find_type(&h);
    if (type == NULL)
        return fail(r, "descr '%.*s' is not a type that is read; wanted f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 or b1",
                    h.descr_len > 40 ? 40 : (int)h.descr_len, h.descr);
    if (!size_data(r, &h, type, &want))
        return false;
    if (n - body != want)
        return fail(r, "has %zu bytes of data where its shape needs %zu", n - body, want);
    *out = (tn_array){.dtype = type->onnx, .rank = h.rank, .bytes = want};
    memcpy(out->dim, h.dim, sizeof out->dim);
    fill_data(a, out, &h, type, (unsigned char *)bytes + body, keep);
    return true;
}

bool tn_npy_parse(tn_arena *a, tn_diag *d, const char *path_for_messages, const void *bytes, size_t n, tn_array *out)
{
    reader r = {d, path_for_messages, NULL, NULL, NULL};
    return parse(a, &r, (void *)(uintptr_t)bytes, n, false, out); /* only read: not kept */
}

bool tn_npy_take(tn_arena *a, tn_diag *d, const char *path, const char *entry, void *bytes, size_t n, tn_array *out)
{
    reader r = {d, path, entry, NULL, NULL};
    return parse(a, &r, bytes, n, true, out);
}

bool tn_npy_read(tn_arena *a, tn_diag *d, const char *path, tn_array *out)
{
    size_t n;
    char *bytes = tn_read_file(a, d, path, &n);
    if (bytes == NULL || !tn_npy_take(a, d, path, NULL, bytes, n, out))
        return false;
    out->name = tn_path_stem(a, path);
    return true;
}

/* The blanks: room for the first extent to grow to 21 digits in place, then to a multiple of 64 with the line feed. */
char *tn_npy_header(tn_arena *a, const tn_array *t, size_t *n)
{
    const npy_type *type = NULL;
    for (int i = 0; i < TYPE_COUNT; i++)
        if (types[i].onnx == t->dtype)
            type = &types[i];
    if (type == NULL)
        return NULL;
    tn_str s = {.arena = a};
    tn_str_put(&s, "\x93NUMPY\x01\0\0\0", 10);
    char order = type->size == 1 ? '|' : host_is_little() ? '<' : '>';
    tn_str_add(&s, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order, type->code);
    for (int i = 0; i < t->rank; i++)
        tn_str_add(&s, "%s%" PRId64, i == 0 ? "" : ", ", t->dim[i]);
    tn_str_add(&s, "%s), }", t->rank == 1 ? "," : "");
    if (t->rank > 0)
        tn_str_add(&s, "%*s", GROWTH_DIGITS - snprintf(NULL, 0, "%" PRId64, t->dim[0]), "");
    size_t blanks = NPY_ALIGN - (s.len + 1) % NPY_ALIGN;
    tn_str_add(&s, "%*s\n", (int)blanks, "");
    s.text[8] = (char)((s.len - 10) & 255u);
    s.text[9] = (char)((s.len - 10) >> 8);
    *n = s.len;
    return s.text;
}
