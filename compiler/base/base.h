/* Ground floor: memory, text and errors. Every other folder includes this; it includes nothing of ours.

   Memory: everything lives in an arena and dies with it; nobody frees a piece. When memory runs out, tn_alloc does
   not return: it unwinds to the tn_guard of the public call, which reports TN_ERR_MEMORY.
   Errors: tn_error formats one line and hands it to the caller's callback; the caller of the failing function sees
   false or NULL. A broken promise of ours is an assert; no byte of a user's file may reach one. */
#ifndef TN_BASE_H
#define TN_BASE_H

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__GNUC__)
#define TN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define TN_PRINTF(f, a)
#endif

typedef struct tn_block tn_block;

/* An allocation context: what all arenas of one tn_ctx share. */
typedef struct tn_memory {
    void *(*alloc)(void *user, size_t size); /* NULL: malloc */
    void (*release)(void *user, void *p);    /* NULL: free */
    void *user;
    jmp_buf *guard; /* where running out of memory unwinds to; set by the public call */
} tn_memory;

typedef struct tn_arena {
    tn_memory *memory;
    tn_block *blocks; /* newest first */
    size_t total;     /* bytes handed out, for --print-pass-times and tests */
} tn_arena;

void *tn_alloc(tn_arena *a, size_t size); /* zeroed, 16-byte aligned, never NULL */
void tn_arena_free(tn_arena *a);
#define TN_NEW(a, type) ((type *)tn_alloc((a), sizeof(type)))
#define TN_NEW_N(a, type, n) ((type *)tn_alloc((a), tn_mul_size((a), sizeof(type), (size_t)(n))))
size_t tn_mul_size(tn_arena *a, size_t x, size_t y); /* unwinds like exhausted memory when the product overflows */

/* False when the product does not fit int64_t; otherwise *out is the product. */
bool tn_mul_i64(int64_t x, int64_t y, int64_t *out);

int64_t tn_larger(int64_t x, int64_t y);

/* Rounded down; y is not 0. The least number by -1 wraps. */
int64_t tn_floor_div(int64_t x, int64_t y);

/* Fixed point: x * y / 2^31 rounded to nearest, ties up: of fractions of 2^31 their product; y is above the least number.
   And x / 2^e rounded to nearest, ties away from 0; e 0..31. */
int32_t tn_fixed_mul(int32_t x, int32_t y);
int32_t tn_fixed_shift(int32_t x, int e);
int32_t tn_fixed_zeros(int32_t x);      /* leading zeros in 32 bits */
int32_t tn_fixed_reciprocal(int32_t x); /* 1 / x of x > 0, in fractions of 2^(62 - its leading zeros) */
int32_t tn_fixed_root(int32_t x);       /* 1 / sqrt(x) in fractions of 2^31, to be shifted to the right ... */
int32_t tn_fixed_root_shift(int32_t x); /* ... by so many places */
int32_t tn_fixed_log(int32_t x);        /* ln(x), in fractions of 2^26, of x from 1 in fractions of 2^19 */

bool tn_ends_with(const char *s, const char *end);
char *tn_strdup(tn_arena *a, const char *s);
char *tn_strndup(tn_arena *a, const char *s, size_t n);
bool tn_is_identifier(const char *s); /* of C: letters, digits, _; no digit in front */
char *tn_strfmt(tn_arena *a, const char *format, ...) TN_PRINTF(2, 3);

/* Growing text. All-zero but for the arena is an empty string. */
typedef struct tn_str {
    tn_arena *arena;
    char *text; /* NUL-terminated once anything was added; NULL before */
    size_t len, room;
} tn_str;
void tn_str_add(tn_str *s, const char *format, ...) TN_PRINTF(2, 3);
void tn_str_put(tn_str *s, const char *bytes, size_t n);

/* Push on a growing array held as {items, n, room} in a struct; returns the address of the new, zeroed item. */
#define TN_PUSH(a, vec) \
    (tn_grow((a), (void **)&(vec).items, (vec).n, &(vec).room, sizeof *(vec).items), &(vec).items[(vec).n++])
void tn_grow(tn_arena *a, void **items, size_t n, size_t *room, size_t item_size);

typedef struct tn_diag {
    void (*report)(void *user, const char *line); /* NULL: standard error */
    void *user;
    int errors, bad_options; /* the latter: where an option is wrong, not a file */
} tn_diag;
tn_diag tn_diag_silent(void); /* drops what is reported */
void tn_error(tn_diag *d, const char *format, ...) TN_PRINTF(2, 3);
void tn_note(tn_diag *d, const char *prefix, const char *format, ...) TN_PRINTF(3, 4); /* "PREFIXnote: ..." */
void tn_verror(tn_diag *d, const char *prefix, const char *format, va_list args);
void tn_error_at(tn_diag *d, const char *path, const char *format, ...) TN_PRINTF(3, 4);   /* "PATH: error: ..." */
void tn_bad_option(tn_diag *d, const char *path, const char *format, ...) TN_PRINTF(3, 4); /* path: NULL: none */

/* The whole file, NUL-terminated, in the arena; NULL after an error that names the path and the reason. */
char *tn_read_file(tn_arena *a, tn_diag *d, const char *path, size_t *size);
/* Writes beside and renames, so that a failure leaves what was there. */
bool tn_write_file(tn_diag *d, const char *path, const void *bytes, size_t size);
/* The same of what `pieces` puts, one after the other. It may not end by an error of its own: no memory is asked for. */
typedef void tn_put_fn(void *to, const void *bytes, size_t n);
typedef void tn_pieces_fn(void *user, tn_put_fn *put, void *to);
bool tn_write_pieces(tn_diag *d, const char *path, tn_pieces_fn *pieces, void *user);

#endif
