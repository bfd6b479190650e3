/* Arenas, growing text, diagnostics and whole files. See base.h. */
#include "base/base.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct tn_block {
    tn_block *next;
    size_t used, size;
};

#ifndef TN_BLOCK_SIZE /* the test of exhausted memory makes every allocation a block of its own */
#define TN_BLOCK_SIZE (1 << 16)
#endif
enum { BLOCK_SIZE = TN_BLOCK_SIZE, ALIGN = 16 };

static const size_t header_size = (sizeof(tn_block) + ALIGN - 1) / ALIGN * ALIGN;

static void out_of_memory(const tn_arena *a)
{
    assert(a->memory->guard != NULL);
    longjmp(*a->memory->guard, 1);
}

static tn_block *add_block(tn_arena *a, size_t size)
{
    tn_memory *m = a->memory;
    size_t want = header_size + (size > BLOCK_SIZE ? size : (size_t)BLOCK_SIZE);
    tn_block *b = want < size ? NULL : m->alloc != NULL ? m->alloc(m->user, want) : malloc(want);
    if (b == NULL)
        out_of_memory(a);
    *b = (tn_block){a->blocks, 0, want - header_size};
    a->blocks = b;
    return b;
}

void *tn_alloc(tn_arena *a, size_t size)
{
    size_t need = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (need < size)
        out_of_memory(a);
    tn_block *b = a->blocks;
    if (b == NULL || b->size - b->used < need)
        b = add_block(a, need);
    char *p = (char *)b + header_size + b->used;
    b->used += need;
    a->total += need;
    memset(p, 0, need);
    return p;
}

void tn_arena_free(tn_arena *a)
{
    while (a->blocks != NULL) {
        tn_block *next = a->blocks->next;
        if (a->memory->release != NULL)
            a->memory->release(a->memory->user, a->blocks);
        else
            free(a->blocks);
        a->blocks = next;
    }
}

size_t tn_mul_size(tn_arena *a, size_t x, size_t y)
{
    if (y != 0 && x > SIZE_MAX / y)
        out_of_memory(a);
    return x * y;
}

int64_t tn_larger(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

bool tn_mul_i64(int64_t x, int64_t y, int64_t *out)
{
    assert(x >= 0 && y >= 0);
    if (y != 0 && x > INT64_MAX / y)
        return false;
    *out = x * y;
    return true;
}

char *tn_strndup(tn_arena *a, const char *s, size_t n)
{
    char *copy = tn_alloc(a, n + 1);
    memcpy(copy, s, n);
    return copy;
}

int64_t tn_floor_div(int64_t x, int64_t y)
{
    if (y == -1)
        return (int64_t)(0 - (uint64_t)x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

bool tn_ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

char *tn_strdup(tn_arena *a, const char *s)
{
    return tn_strndup(a, s, strlen(s));
}

bool tn_is_identifier(const char *s)
{
    bool ok = *s != '\0' && !(*s >= '0' && *s <= '9');
    for (; *s != '\0'; s++)
        ok = ok && ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_');
    return ok;
}

char *tn_strfmt(tn_arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *s = tn_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, format, again);
    va_end(again);
    return s;
}

void tn_grow(tn_arena *a, void **items, size_t n, size_t *room, size_t item_size)
{
    if (n < *room)
        return;
    size_t wider = *room == 0 ? 8 : tn_mul_size(a, *room, 2);
    void *fresh = tn_alloc(a, tn_mul_size(a, wider, item_size));
    if (n > 0)
        memcpy(fresh, *items, n * item_size);
    *items = fresh;
    *room = wider;
}

static void reserve_text(tn_str *s, size_t more)
{
    if (s->len + more + 1 <= s->room)
        return;
    size_t room = (s->len + more + 1) * 2;
    char *text = tn_alloc(s->arena, room);
    if (s->len > 0)
        memcpy(text, s->text, s->len);
    s->text = text;
    s->room = room;
}

void tn_str_put(tn_str *s, const char *bytes, size_t n)
{
    reserve_text(s, n);
    memcpy(s->text + s->len, bytes, n);
    s->len += n;
    s->text[s->len] = '\0';
}

void tn_str_add(tn_str *s, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    reserve_text(s, (size_t)n);
    vsnprintf(s->text + s->len, (size_t)n + 1, format, again);
    va_end(again);
    s->len += (size_t)n;
}

/* Names come from users' files: a line feed or an escape in one must not forge a line or steer a terminal. */
static void hide_control_bytes(char *line)
{
    for (char *p = line; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

/* A fixed buffer, so that reporting works when memory has run out; longer lines end in "...". */
static void report(tn_diag *d, const char *prefix, const char *kind, const char *format, va_list args)
{
    char line[2048];
    int n = snprintf(line, sizeof line, "%s%s: ", prefix, kind);
    if (n < 0 || (size_t)n >= sizeof line)
        n = 0;
    int m = vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    if (m >= 0 && (size_t)(n + m) >= sizeof line)
        memcpy(line + sizeof line - 4, "...", 4);
    hide_control_bytes(line);
    if (d->report != NULL)
        d->report(d->user, line);
    else
        fprintf(stderr, "%s\n", line);
}

void tn_verror(tn_diag *d, const char *prefix, const char *format, va_list args)
{
    d->errors++;
    report(d, prefix, "error", format, args);
}

void tn_note(tn_diag *d, const char *prefix, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report(d, prefix, "note", format, args);
    va_end(args);
}

static void drop_line(void *user, const char *line)
{
    (void)user;
    (void)line;
}

tn_diag tn_diag_silent(void)
{
    return (tn_diag){.report = drop_line};
}

void tn_error(tn_diag *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tn_verror(d, "", format, args);
    va_end(args);
}

static void verror_at(tn_diag *d, const char *path, const char *format, va_list args)
{
    char prefix[1024];
    snprintf(prefix, sizeof prefix, "%.1000s: ", path);
    tn_verror(d, prefix, format, args);
}

void tn_error_at(tn_diag *d, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    verror_at(d, path, format, args);
    va_end(args);
}

void tn_bad_option(tn_diag *d, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    d->bad_options++;
    if (path != NULL)
        verror_at(d, path, format, args);
    else
        tn_verror(d, "", format, args);
    va_end(args);
}

/* Opening a folder succeeds on Linux; it then claims to be LONG_MAX bytes long, or fails to be read. */
static bool measure_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    long end = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    int reason = end == LONG_MAX ? EISDIR : errno;
    fclose(f);
    errno = reason;
    *size = (size_t)end;
    return end >= 0 && end < LONG_MAX;
}

static bool fill_from_file(const char *path, char *bytes, size_t size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    errno = 0;
    bool ok = fread(bytes, 1, size, f) == size;
    int reason = errno;
    fclose(f);
    errno = reason;
    return ok;
}

/* Opened twice, because no file may be open while tn_alloc can unwind. */
char *tn_read_file(tn_arena *a, tn_diag *d, const char *path, size_t *size)
{
    if (!measure_file(path, size)) {
        tn_error_at(d, path, "cannot open: %s", strerror(errno));
        return NULL;
    }
    char *bytes = tn_alloc(a, *size + 1);
    if (!fill_from_file(path, bytes, *size)) {
        tn_error_at(d, path, "cannot read: %s", errno != 0 ? strerror(errno) : "the file ended early");
        return NULL;
    }
    return bytes;
}

typedef struct file_sink {
    FILE *file;
    bool ok;
} file_sink;

static void put_piece(void *to, const void *bytes, size_t n)
{
    file_sink *s = to;
    s->ok = s->ok && fwrite(bytes, 1, n, s->file) == n;
}

bool tn_write_pieces(tn_diag *d, const char *path, tn_pieces_fn *pieces, void *user)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.part", path) >= (int)sizeof beside) {
        tn_error_at(d, path, "path too long");
        return false;
    }
    file_sink s = {fopen(beside, "wb"), true};
    if (s.file != NULL)
        pieces(user, put_piece, &s);
    bool ok = s.file != NULL && s.ok;
    if (s.file != NULL)
        ok = fclose(s.file) == 0 && ok;
    ok = ok && rename(beside, path) == 0;
    if (!ok) {
        tn_error_at(d, path, "cannot write: %s", strerror(errno));
        remove(beside);
    }
    return ok;
}

typedef struct one_piece {
    const void *bytes;
    size_t size;
} one_piece;

static void give_one(void *user, tn_put_fn *put, void *to)
{
    const one_piece *p = user;
    put(to, p->bytes, p->size);
}

bool tn_write_file(tn_diag *d, const char *path, const void *bytes, size_t size)
{
    one_piece p = {bytes, size};
    return tn_write_pieces(d, path, give_one, &p);
}
