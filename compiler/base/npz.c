/* See npz.h. The only file that knows libzip. */
#define _POSIX_C_SOURCE 200809L
#include "base/npz.h"

#include "base/map.h"
#include "base/unwind.h"

#include <errno.h>
#include <sys/stat.h>
#include <zip.h>

/* Deflate packs at most 258 bytes into 2 bits: a larger claim is a lie, to be met before memory is asked for. */
enum { DEFLATE_RATIO = 1032 };

/* The first day a zip entry can have; local time by definition, so the time zone of the host does not matter. */
enum { DOS_DATE_1980_01_01 = 33, DOS_MIDNIGHT = 0 };

typedef struct zip_reader {
    tn_arena *arena;
    tn_diag *diag;
    const char *path;
    uint64_t file_size;
    zip_t *zip;
    zip_file_t *file; /* the entry being read, or NULL */
    tn_map seen;      /* names of entries */
    tn_array_vec *out;
} zip_reader;

static zip_t *open_zip(tn_diag *d, const char *shown, const char *path, int flags)
{
    int code = 0;
    zip_t *z = zip_open(path, flags, &code);
    if (z == NULL) {
        zip_error_t e;
        zip_error_init_with_code(&e, code);
        tn_error_at(d, shown, "cannot open as an .npz (zip) file: %s", zip_error_strerror(&e));
        zip_error_fini(&e);
    }
    return z;
}

/* ---- reading ---- */

static bool fail_entry(const zip_reader *r, const char *entry, const char *what)
{
    tn_error_at(r->diag, r->path, "entry '%s': %s", entry, what);
    return false;
}

/* The size of the entry's content; false when its claims cannot be true. */
static bool measure_entry(const zip_reader *r, zip_uint64_t index, const char *entry, size_t *size)
{
    zip_stat_t s;
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(r->zip, index, 0, &s) != 0 || (s.valid & wanted) != wanted)
        return fail_entry(r, entry, zip_strerror(r->zip));
    if (s.comp_method != ZIP_CM_STORE && s.comp_method != ZIP_CM_DEFLATE)
        return fail_entry(r, entry, "is packed by a method other than stored and deflate");
    zip_uint64_t ratio = s.comp_method == ZIP_CM_STORE ? 1 : DEFLATE_RATIO;
    if (s.comp_size > r->file_size || s.size / ratio > s.comp_size || s.size > SIZE_MAX / 2)
        return fail_entry(r, entry, "claims to be larger than the file can hold");
    *size = (size_t)s.size;
    return true;
}

/* Reads to the end and past it: libzip compares the checksum when it meets the end. */
static bool read_content(zip_reader *r, zip_uint64_t index, const char *entry, char *bytes, size_t size)
{
    r->file = zip_fopen_index(r->zip, index, 0);
    if (r->file == NULL)
        return fail_entry(r, entry, zip_strerror(r->zip));
    size_t have = 0;
    zip_int64_t got = 0;
    while (have < size && (got = zip_fread(r->file, bytes + have, size - have)) > 0)
        have += (size_t)got;
    char past;
    if (got >= 0)
        got = zip_fread(r->file, &past, 1);
    if (got < 0)
        return fail_entry(r, entry, zip_file_strerror(r->file));
    if (have != size || got != 0)
        return fail_entry(r, entry, "is not as long as the archive says");
    zip_fclose(r->file);
    r->file = NULL;
    return true;
}

static bool read_entry(zip_reader *r, zip_uint64_t index)
{
    const char *given = zip_get_name(r->zip, index, 0);
    if (given == NULL) {
        tn_error_at(r->diag, r->path, "entry %llu: %s", (unsigned long long)index, zip_strerror(r->zip));
        return false;
    }
    char *entry = tn_strdup(r->arena, given);
    size_t n = strlen(entry), size;
    if (n < 4 || strcmp(entry + n - 4, ".npy") != 0)
        return fail_entry(r, entry, "is not a .npy");
    if (tn_map_get(&r->seen, entry) != NULL)
        return fail_entry(r, entry, "is there twice");
    tn_map_put(r->arena, &r->seen, entry, entry);
    if (!measure_entry(r, index, entry, &size))
        return false;
    char *bytes = tn_alloc(r->arena, size);
    tn_array t;
    if (!read_content(r, index, entry, bytes, size) || !tn_npy_take(r->arena, r->diag, r->path, entry, bytes, size, &t))
        return false;
    t.name = tn_strndup(r->arena, entry, n - 4);
    *TN_PUSH(r->arena, *r->out) = t;
    return true;
}

static bool read_entries(void *state)
{
    zip_reader *r = state;
    zip_int64_t n = zip_get_num_entries(r->zip, 0);
    for (zip_int64_t i = 0; i < n; i++)
        if (!read_entry(r, (zip_uint64_t)i))
            return false;
    return true;
}

static void close_reader(void *state)
{
    zip_reader *r = state;
    if (r->file != NULL)
        zip_fclose(r->file);
    zip_discard(r->zip);
}

bool tn_npz_read(tn_arena *a, tn_diag *d, const char *path, tn_array_vec *out)
{
    struct stat s;
    zip_reader r = {.arena = a, .diag = d, .path = path, .out = out};
    if (stat(path, &s) != 0) {
        tn_error_at(d, path, "cannot open: %s", strerror(errno));
        return false;
    }
    r.file_size = (uint64_t)s.st_size;
    r.zip = open_zip(d, path, path, ZIP_RDONLY);
    return r.zip != NULL && tn_finally(a, read_entries, close_reader, &r);
}

/* ---- writing ---- */

/* What one entry is made of; all in the arena before the archive is opened, so that nothing unwinds then. */
typedef struct entry {
    const char *name;
    zip_buffer_fragment_t part[2]; /* header, data */
} entry;

static bool make_entry(tn_arena *a, tn_diag *d, const char *path, const tn_array *t, entry *out)
{
    assert(t->name != NULL && t->rank >= 0 && t->rank <= TN_ARRAY_MAX_RANK);
    size_t n;
    char *text = tn_npy_header(a, t, &n);
    if (text == NULL) {
        tn_error_at(d, path, "'%s' is of ONNX type %d%s, which numpy has no type for; cast it to float first", t->name,
                    t->dtype, t->dtype == 16 ? " (bfloat16)" : "");
        return false;
    }
    out->name = tn_strfmt(a, "%s.npy", t->name);
    out->part[0] = (zip_buffer_fragment_t){(zip_uint8_t *)text, n};
    out->part[1] = (zip_buffer_fragment_t){t->data, t->bytes};
    return true;
}

static bool add_entry(zip_t *z, const entry *e)
{
    zip_source_t *source = zip_source_buffer_fragment(z, e->part, e->part[1].length > 0 ? 2 : 1, 0);
    if (source == NULL)
        return false;
    zip_int64_t index = zip_file_add(z, e->name, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return false;
    }
    return zip_set_file_compression(z, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0
        && zip_file_set_dostime(z, (zip_uint64_t)index, DOS_MIDNIGHT, DOS_DATE_1980_01_01, 0) == 0;
}

/* libzip deletes an archive that ends up empty, so the one record of an empty zip file is written by hand. */
static bool write_empty(tn_diag *d, const char *path)
{
    return tn_write_file(d, path, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
}

static bool write_entries(tn_diag *d, const char *path, const char *beside, const entry *entries, size_t n)
{
    zip_t *z = open_zip(d, path, beside, ZIP_CREATE | ZIP_TRUNCATE);
    if (z == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!add_entry(z, &entries[i])) {
            tn_error_at(d, path, "cannot add '%s': %s", entries[i].name, zip_strerror(z));
            zip_discard(z);
            return false;
        }
    if (zip_close(z) != 0) {
        tn_error_at(d, path, "cannot write: %s", zip_strerror(z));
        zip_discard(z);
        return false;
    }
    return true;
}

bool tn_npz_write(tn_arena *a, tn_diag *d, const char *path, const tn_array *items, size_t n)
{
    if (n == 0)
        return write_empty(d, path);
    entry *entries = TN_NEW_N(a, entry, n);
    for (size_t i = 0; i < n; i++)
        if (!make_entry(a, d, path, &items[i], &entries[i]))
            return false;
    const char *beside = tn_strfmt(a, "%s.part", path);
    bool ok = write_entries(d, path, beside, entries, n);
    if (ok && rename(beside, path) != 0) {
        tn_error_at(d, path, "cannot write: %s", strerror(errno));
        ok = false;
    }
    if (!ok)
        remove(beside);
    return ok;
}
