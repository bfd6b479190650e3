/* Tensor data in a file beside the model. The model names that file, so the name is hostile: it may only be relative,
   without "..", and what it leads to, links followed, must be a plain file inside the model's folder. */
#define _XOPEN_SOURCE 700
#include "onnx/importer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

typedef struct external {
    const char *location, *offset, *length; /* as the model says; "" when absent */
    char file[PATH_MAX];                    /* resolved */
    uint64_t size;                          /* of the file */
} external;

static bool refuse(importer *im, const char *what, const external *e, const char *why)
{
    tn_error_at(im->diag, im->path, "%s: external data '%s' %s", what, e->location, why);
    return false;
}

static void read_entries(const TensorProto *p, external *e)
{
    e->location = e->offset = e->length = "";
    for (size_t i = 0; i < p->n_external_data; i++) {
        const char *key = tn_onnx_text(p->external_data[i]->key), *value = tn_onnx_text(p->external_data[i]->value);
        if (strcmp(key, "location") == 0)
            e->location = value;
        else if (strcmp(key, "offset") == 0)
            e->offset = value;
        else if (strcmp(key, "length") == 0)
            e->length = value;
    }
}

static bool has_parent_step(const char *path)
{
    for (const char *p = path; p != NULL; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
            return true;
    }
    return false;
}

static const char *folder_of(tn_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? "." : slash == path ? "/" : tn_strndup(a, path, (size_t)(slash - path));
}

static bool lies_in(const char *folder, const char *file)
{
    size_t n = strlen(folder);
    return strncmp(folder, file, n) == 0 && (file[n] == '/' || (n > 0 && folder[n - 1] == '/'));
}

static bool resolve(importer *im, const char *what, external *e)
{
    char folder[PATH_MAX];
    if (e->location[0] == '\0')
        return refuse(im, what, e, "has no location");
    if (e->location[0] == '/' || strchr(e->location, '\\') != NULL || has_parent_step(e->location))
        return refuse(im, what, e, "must be a relative path without '..'");
    const char *beside = folder_of(im->arena, im->path);
    const char *path = tn_strfmt(im->arena, "%s/%s", beside, e->location);
    if (realpath(beside, folder) == NULL || realpath(path, e->file) == NULL)
        return refuse(im, what, e, tn_strfmt(im->arena, "cannot be opened: %s", strerror(errno)));
    if (!lies_in(folder, e->file))
        return refuse(im, what, e, "is a link that leads out of the model's folder");
    struct stat s;
    if (stat(e->file, &s) != 0 || !S_ISREG(s.st_mode))
        return refuse(im, what, e, "is not a plain file");
    e->size = (uint64_t)s.st_size;
    return true;
}

/* Decimal digits only: strtoull alone would take "-1" and " 7". */
static bool parse_count(const char *text, uint64_t otherwise, uint64_t *out)
{
    *out = otherwise;
    if (text[0] == '\0')
        return true;
    uint64_t n = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || n > (UINT64_MAX - 9) / 10)
            return false;
        n = n * 10 + (uint64_t)(*p - '0');
    }
    *out = n;
    return true;
}

static bool find_range(importer *im, const char *what, const external *e, size_t bytes, uint64_t *offset)
{
    uint64_t length;
    if (!parse_count(e->offset, 0, offset) || *offset > LONG_MAX)
        return refuse(im, what, e, tn_strfmt(im->arena, "has the offset '%s', which is no count of bytes", e->offset));
    if (!parse_count(e->length, bytes, &length))
        return refuse(im, what, e, tn_strfmt(im->arena, "has the length '%s', which is no count of bytes", e->length));
    if (length != bytes)
        return refuse(
            im, what, e,
            tn_strfmt(im->arena, "has %llu bytes; its type and dims need %zu", (unsigned long long)length, bytes));
    if (*offset > e->size || e->size - *offset < bytes)
        return refuse(im, what, e,
                      tn_strfmt(im->arena, "holds %llu bytes; %zu at offset %llu are needed",
                                (unsigned long long)e->size, bytes, (unsigned long long)*offset));
    return true;
}

/* No allocation while the file is open: running out of memory would leave it open. */
static bool read_range(const char *path, uint64_t offset, void *out, size_t bytes)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return false;
    bool ok = fseek(f, (long)offset, SEEK_SET) == 0 && fread(out, 1, bytes, f) == bytes;
    fclose(f);
    return ok;
}

void *tn_onnx_external(importer *im, const TensorProto *p, size_t bytes, const char *what)
{
    external e;
    uint64_t offset;
    read_entries(p, &e);
    if (!resolve(im, what, &e) || !find_range(im, what, &e, bytes, &offset))
        return NULL;
    void *data = tn_alloc(im->arena, bytes);
    if (!read_range(e.file, offset, data, bytes)) {
        refuse(im, what, &e, "cannot be read");
        return NULL;
    }
    tn_onnx_from_little_endian(data, bytes, tn_dtype_get((int)p->data_type)->size);
    return data;
}
