/* tn_arrays_read and tn_arrays_write: files of tensors, by the end of their name. See tenon.h.

       x.npz          arrays by name
       x.npy, x.pb    one array (numpy's format, a TensorProto), read without a name: it is the first
       a folder       PREFIX_0.pb, PREFIX_1.pb ... up to the first that is not there, as ONNX's test data are. Their
                      order is what counts: the arrays are named PREFIX_0, PREFIX_1 ... whatever the files say. */
#define _POSIX_C_SOURCE 200809L
#include "api/arrays.h"

#include "base/npz.h"
#include "base/path.h"
#include "onnx/onnx.h"

#include <errno.h>

typedef struct files_state {
    tn_ctx *ctx;
    const char *path, *prefix;
    const tn_array *items; /* writing: n of them */
    size_t n;
    tn_array_vec *out; /* reading */
} files_state;

const char *tn_dtype_name(int dtype)
{
    return tn_dtype_get(dtype == TN_INDEX ? TN_UNDEFINED : dtype)->name;
}

/* --- arrays and tensors ------------------------------------------------------------------------------------------- */

const char *tn_array_text(tn_arena *a, const tn_array *x)
{
    tn_str s = {.arena = a};
    tn_str_add(&s, "%s[", tn_dtype_name(x->dtype));
    for (int i = 0; i < x->rank && i < TN_ARRAY_MAX_RANK; i++)
        tn_str_add(&s, "%s%lld", i > 0 ? "," : "", (long long)x->dim[i]);
    tn_str_add(&s, "]");
    return s.text;
}

bool tn_array_is_sound(const tn_array *x)
{
    int64_t bytes = x->dtype != TN_INDEX ? tn_dtype_get(x->dtype)->size : 0;
    if (bytes == 0 || x->rank < 0 || x->rank > TN_ARRAY_MAX_RANK)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] < 0 || x->dim[i] > TN_DIM_MAX || !tn_mul_i64(bytes, x->dim[i], &bytes) || bytes > TN_DIM_MAX * 8)
            return false;
    return (uint64_t)bytes == x->bytes && (x->data != NULL || bytes == 0);
}

tn_tensor tn_array_view(const tn_array *x)
{
    return (tn_tensor){
        .dtype = (tn_dtype)x->dtype, .shape = tn_shape_fixed(x->rank, x->dim), .bytes = x->bytes, .data = x->data};
}

int64_t tn_array_count(const tn_array *x)
{
    return (int64_t)x->bytes / tn_dtype_get(x->dtype)->size;
}

static tn_array to_array(const tn_tensor *t, const char *name)
{
    tn_array x = {.name = name, .dtype = (int)t->dtype, .rank = t->shape.rank, .bytes = t->bytes, .data = t->data};
    for (int i = 0; i < x.rank; i++)
        x.dim[i] = t->shape.dim[i].n;
    return x;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* What is wrong with a file that opens is its content. */
static bool check_readable(const files_state *s)
{
    FILE *f = fopen(s->path, "rb");
    if (f == NULL) {
        tn_error_at(&s->ctx->diag, s->path, "cannot open: %s", strerror(errno));
        return false;
    }
    fclose(f);
    return true;
}

/* The name in the file is not always that of the model's input: several of ONNX's published test data differ there. */
static bool read_proto(const files_state *s, const char *path, const char *name)
{
    tn_arena *a = &s->ctx->arena;
    const tn_tensor *t = tn_onnx_read_tensor(a, &s->ctx->diag, path);
    if (t == NULL)
        return false;
    *TN_PUSH(a, *s->out) = to_array(t, name);
    return true;
}

static tn_status read_folder(const files_state *s)
{
    tn_arena *a = &s->ctx->arena;
    for (size_t i = 0;; i++) {
        const char *name = tn_strfmt(a, "%s_%zu", s->prefix, i);
        const char *path = tn_path_join(a, s->path, tn_strfmt(a, "%s.pb", name));
        if (!tn_path_exists(path)) {
            if (i > 0)
                return TN_OK;
            tn_error_at(&s->ctx->diag, s->path, "the folder has no %s.pb; wanted %s_0.pb, %s_1.pb ...", name, s->prefix,
                        s->prefix);
            return TN_ERR_FILE;
        }
        if (!read_proto(s, path, name))
            return TN_ERR_MODEL;
    }
}

static tn_status read_arrays(void *state)
{
    const files_state *s = state;
    tn_arena *a = &s->ctx->arena;
    tn_diag *d = &s->ctx->diag;
    if (tn_path_is_folder(s->path))
        return read_folder(s);
    if (!check_readable(s))
        return TN_ERR_FILE;
    if (tn_ends_with(s->path, ".npz"))
        return tn_npz_read(a, d, s->path, s->out) ? TN_OK : TN_ERR_MODEL;
    if (tn_ends_with(s->path, ".pb"))
        return read_proto(s, s->path, "") ? TN_OK : TN_ERR_MODEL;
    if (tn_ends_with(s->path, ".npy")) {
        tn_array x;
        if (!tn_npy_read(a, d, s->path, &x))
            return TN_ERR_MODEL;
        x.name = ""; /* the format has no names, and that of the file is no input's */
        *TN_PUSH(a, *s->out) = x;
        return TN_OK;
    }
    tn_error_at(d, s->path, "is no file of arrays; wanted .npz, .npy, .pb, or a folder of %s_0.pb, %s_1.pb ...",
                s->prefix, s->prefix);
    return TN_ERR_USAGE;
}

tn_status tn_arrays_read(tn_ctx *ctx, const char *path, const char *prefix, tn_array_vec *out)
{
    files_state s = {.ctx = ctx, .path = path, .prefix = prefix, .out = out};
    return tn_api_run(ctx, read_arrays, &s);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Copies of the structs, all of them with names. */
static tn_array *name_all(const files_state *s)
{
    tn_array *named = TN_NEW_N(&s->ctx->arena, tn_array, s->n + 1);
    for (size_t i = 0; i < s->n; i++) {
        named[i] = s->items[i];
        if (named[i].name == NULL || named[i].name[0] == '\0')
            named[i].name = tn_strfmt(&s->ctx->arena, "%s_%zu", s->prefix, i);
    }
    return named;
}

static bool write_npy(const files_state *s)
{
    tn_arena *a = &s->ctx->arena;
    const tn_array *x = &s->items[0];
    size_t n = 0;
    const char *header = tn_npy_header(a, x, &n);
    if (header == NULL) {
        tn_error_at(&s->ctx->diag, s->path, "numpy has no type for %s; write a .pb", tn_dtype_name(x->dtype));
        return false;
    }
    tn_str file = {.arena = a};
    tn_str_put(&file, header, n);
    if (x->bytes > 0)
        tn_str_put(&file, x->data, x->bytes);
    return tn_write_file(&s->ctx->diag, s->path, file.text, file.len);
}

static bool write_proto(const files_state *s, const char *path, size_t i)
{
    tn_tensor t = tn_array_view(&s->items[i]);
    const char *name = s->items[i].name != NULL ? s->items[i].name : "";
    return tn_onnx_write_tensor(&s->ctx->arena, &s->ctx->diag, path, name, &t);
}

/* Files of an earlier, longer list would be read as part of this one: they go. */
static bool write_folder(const files_state *s)
{
    tn_arena *a = &s->ctx->arena;
    if (!tn_path_make_folder(&s->ctx->diag, s->path))
        return false;
    for (size_t i = 0;; i++) {
        const char *path = tn_path_join(a, s->path, tn_strfmt(a, "%s_%zu.pb", s->prefix, i));
        if (i < s->n && !write_proto(s, path, i))
            return false;
        if (i >= s->n && !tn_path_exists(path))
            return true;
        if (i >= s->n && !tn_path_remove_tree(&s->ctx->diag, path))
            return false;
    }
}

static bool check_items(const files_state *s, bool single)
{
    if (single && s->n != 1) {
        tn_error_at(&s->ctx->diag, s->path, "holds one array, and there are %zu; name an .npz or a folder", s->n);
        return false;
    }
    for (size_t i = 0; i < s->n; i++)
        if (!tn_array_is_sound(&s->items[i])) {
            tn_error_at(&s->ctx->diag, s->path, "array %zu: %s and %zu bytes do not go together", i,
                        tn_array_text(&s->ctx->arena, &s->items[i]), s->items[i].bytes);
            return false;
        }
    return true;
}

static tn_status write_arrays(void *state)
{
    const files_state *s = state;
    bool npy = tn_ends_with(s->path, ".npy"), pb = tn_ends_with(s->path, ".pb"), ok;
    if (!check_items(s, npy || pb))
        return TN_ERR_USAGE;
    if (npy)
        ok = write_npy(s);
    else if (pb)
        ok = write_proto(s, s->path, 0);
    else if (tn_ends_with(s->path, ".npz"))
        ok = tn_npz_write(&s->ctx->arena, &s->ctx->diag, s->path, name_all(s), s->n);
    else
        ok = write_folder(s);
    return ok ? TN_OK : TN_ERR_FILE;
}

tn_status tn_arrays_write(tn_ctx *ctx, const char *path, const char *prefix, const tn_array *items, size_t n)
{
    files_state s = {.ctx = ctx, .path = path, .prefix = prefix, .items = items, .n = n};
    return tn_api_run(ctx, write_arrays, &s);
}
