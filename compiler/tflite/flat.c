/* See flat.h. A table begins with the distance back to its vtable: two sizes, then for each field where it lies in the
   table, 0 for one that is left out. */
#include "tflite/flat.h"

static bool fail(tn_flat *f, size_t where, const char *why)
{
    if (f->why == NULL) {
        f->why = why;
        f->where = where;
    }
    return false;
}

static bool has(tn_flat *f, size_t at, size_t bytes, const char *what)
{
    return (at <= f->size && bytes <= f->size - at) || fail(f, at, what);
}

/* The caller has checked the place. */
static uint64_t read_bytes(const tn_flat *f, size_t at, int bytes)
{
    uint64_t x = 0;
    for (int i = bytes - 1; i >= 0; i--)
        x = x << 8 | f->bytes[at + (size_t)i];
    return x;
}

/* What the 32-bit offset at that place points to; 0 where it is outside. */
static size_t follow(tn_flat *f, size_t at)
{
    if (!has(f, at, 4, "an offset lies outside the file"))
        return 0;
    size_t to = at + (size_t)read_bytes(f, at, 4);
    return to > at && has(f, to, 4, "an offset points outside the file") ? to : 0;
}

static tn_flat_table table_at(tn_flat *f, size_t at)
{
    tn_flat_table none = {.f = f};
    if (at == 0 || !has(f, at, 4, "a table lies outside the file"))
        return none;
    int64_t fields = (int64_t)at - (int32_t)(uint32_t)read_bytes(f, at, 4);
    if (fields < 0 || !has(f, (size_t)fields, 4, "a table's vtable lies outside the file")) {
        fail(f, at, "a table's vtable lies outside the file");
        return none;
    }
    size_t n = (size_t)read_bytes(f, (size_t)fields, 2), size = (size_t)read_bytes(f, (size_t)fields + 2, 2);
    if (n < 4 || !has(f, (size_t)fields, n, "a vtable lies outside the file")
        || !has(f, at, size, "a table ends outside the file")) {
        fail(f, at, "a vtable is too short");
        return none;
    }
    return (tn_flat_table){f, at, (size_t)fields, n};
}

tn_flat_table tn_flat_root(tn_flat *f)
{
    return table_at(f, follow(f, 0));
}

/* Where the field lies; 0: left out, or outside. */
static size_t find_field(tn_flat_table t, int field, size_t bytes)
{
    size_t entry = 4 + 2 * (size_t)field;
    if (t.at == 0 || entry + 2 > t.n)
        return 0;
    size_t offset = (size_t)read_bytes(t.f, t.fields + entry, 2);
    return offset != 0 && has(t.f, t.at + offset, bytes, "a field lies outside the file") ? t.at + offset : 0;
}

static int64_t extend(uint64_t x, int bytes, bool is_signed)
{
    uint64_t top = UINT64_C(1) << (8 * bytes - 1);
    return is_signed && bytes < 8 && (x & top) != 0 ? (int64_t)(x - top) - (int64_t)top : (int64_t)x;
}

int64_t tn_flat_int(tn_flat_table t, int field, int bytes, bool is_signed, int64_t otherwise)
{
    size_t at = find_field(t, field, (size_t)bytes);
    return at != 0 ? extend(read_bytes(t.f, at, bytes), bytes, is_signed) : otherwise;
}

int tn_flat_i32(tn_flat_table t, int field, int otherwise)
{
    return (int)tn_flat_int(t, field, 4, true, otherwise);
}

uint32_t tn_flat_u32(tn_flat_table t, int field, uint32_t otherwise)
{
    return (uint32_t)tn_flat_int(t, field, 4, false, otherwise);
}

int tn_flat_i8(tn_flat_table t, int field, int otherwise)
{
    return (int)tn_flat_int(t, field, 1, true, otherwise);
}

bool tn_flat_bool(tn_flat_table t, int field)
{
    return tn_flat_int(t, field, 1, false, 0) != 0;
}

static float as_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float tn_flat_float(tn_flat_table t, int field, float otherwise)
{
    size_t at = find_field(t, field, 4);
    return at != 0 ? as_float((uint32_t)read_bytes(t.f, at, 4)) : otherwise;
}

tn_flat_table tn_flat_child(tn_flat_table t, int field)
{
    size_t at = find_field(t, field, 4);
    return table_at(t.f, at != 0 ? follow(t.f, at) : 0);
}

tn_flat_vec tn_flat_vector(tn_flat_table t, int field, size_t item)
{
    tn_flat_vec none = {.f = t.f};
    size_t at = find_field(t, field, 4), to = at != 0 ? follow(t.f, at) : 0;
    if (to == 0)
        return none;
    size_t n = (size_t)read_bytes(t.f, to, 4);
    if (n > (t.f->size - to - 4) / item) {
        fail(t.f, to, "a vector ends outside the file");
        return none;
    }
    return (tn_flat_vec){t.f, to + 4, n};
}

const char *tn_flat_text(tn_arena *a, tn_flat_table t, int field)
{
    tn_flat_vec v = tn_flat_vector(t, field, 1);
    if (v.n == 0)
        return "";
    char *s = tn_strndup(a, (const char *)t.f->bytes + v.at, v.n);
    for (char *c = s; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 127 || *c == '"' || *c == '\\')
            *c = '?';
    return s;
}

int tn_flat_at_i32(tn_flat_vec v, size_t i)
{
    return (int)(int32_t)(uint32_t)read_bytes(v.f, v.at + 4 * i, 4);
}

int64_t tn_flat_at_i64(tn_flat_vec v, size_t i)
{
    return (int64_t)read_bytes(v.f, v.at + 8 * i, 8);
}

float tn_flat_at_float(tn_flat_vec v, size_t i)
{
    return as_float((uint32_t)read_bytes(v.f, v.at + 4 * i, 4));
}

tn_flat_table tn_flat_at_table(tn_flat_vec v, size_t i)
{
    return table_at(v.f, follow(v.f, v.at + 4 * i));
}
