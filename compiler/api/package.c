/* NAME_report.json to tn_package. The only file that knows jansson. See package.h; emit/report.c writes what is read
   here. jansson's memory comes from malloc, so the document is closed by tn_finally and all text is copied. */
#include "api/package.h"

#include "base/path.h"
#include "base/unwind.h"

#include <jansson.h>

enum { MOST_ITEMS = 1 << 20, MOST_ALIGN = 4096, MOST_THREADS = 1 << 16 };

typedef struct reader {
    tn_arena *arena;
    tn_diag *diag;
    const char *path; /* of the JSON file */
    const char *bytes;
    size_t size;
    json_t *root;
    tn_package *out;
    bool failed; /* and reported */
} reader;

/* The first error counts; what follows is its consequence. */
static void fail(reader *r, const char *key, const char *wanted)
{
    if (!r->failed)
        tn_error_at(r->diag, r->path, "'%s': wanted %s; compile the model again", key, wanted);
    r->failed = true;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static const char *get_text(reader *r, const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_string(v)) {
        fail(r, key, "a string");
        return "";
    }
    return tn_strdup(r->arena, json_string_value(v));
}

static int64_t get_number(reader *r, const json_t *object, const char *key, int64_t lo, int64_t hi)
{
    const json_t *v = json_object_get(object, key);
    int64_t x = json_is_integer(v) ? (int64_t)json_integer_value(v) : lo - 1;
    if (x >= lo && x <= hi)
        return x;
    fail(r, key, tn_strfmt(r->arena, "a number from %lld to %lld", (long long)lo, (long long)hi));
    return lo;
}

static const json_t *get_list(reader *r, const json_t *object, const char *key, size_t *n)
{
    const json_t *v = json_object_get(object, key);
    *n = json_is_array(v) ? json_array_size(v) : 0;
    if (!json_is_array(v) || *n > MOST_ITEMS) {
        fail(r, key, "a list");
        *n = 0;
    }
    return v;
}

/* Of the package's own folder: a path that leads elsewhere is refused. */
static const char *check_file_name(reader *r, const char *key, const char *name)
{
    if (name[0] == '\0' || strchr(name, '/') != NULL)
        fail(r, key, "names of files in the package's folder");
    return name;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

static void read_symbols(reader *r, const json_t *abi)
{
    tn_package *p = r->out;
    const json_t *list = get_list(r, abi, "symbols", &p->n_symbols);
    p->symbol = TN_NEW_N(r->arena, tn_package_symbol, p->n_symbols + 1);
    for (size_t i = 0; i < p->n_symbols; i++) {
        const json_t *v = json_array_get(list, i);
        p->symbol[i] =
            (tn_package_symbol){get_text(r, v, "name"), get_text(r, v, "c_name"),
                                get_number(r, v, "max", 1, TN_DIM_MAX), json_is_true(json_object_get(v, "found"))};
    }
}

static int find_symbol(const tn_package *p, const char *name)
{
    for (size_t i = 0; i < p->n_symbols; i++)
        if (strcmp(p->symbol[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* 4, {"symbol": "batch", "max": 8} or {"expr": "(batch*4)", "max": 32} */
static tn_package_dim read_dim(reader *r, const json_t *v)
{
    tn_package_dim d = {.symbol = -1};
    if (json_is_integer(v)) {
        d.max = (int64_t)json_integer_value(v);
        if (d.max < 0 || d.max > TN_DIM_MAX)
            fail(r, "shape", "dims that are not negative");
        return d;
    }
    d.max = get_number(r, v, "max", 0, TN_DIM_MAX);
    if (json_object_get(v, "symbol") != NULL) {
        const char *name = get_text(r, v, "symbol");
        d.symbol = find_symbol(r->out, name);
        if (d.symbol < 0)
            fail(r, "shape", tn_strfmt(r->arena, "one of the symbols, not '%s'", name));
        return d;
    }
    d.term = get_text(r, v, "expr");
    int64_t *most = TN_NEW_N(r->arena, int64_t, r->out->n_symbols + 1), value;
    for (size_t i = 0; i < r->out->n_symbols; i++)
        most[i] = r->out->symbol[i].max;
    if (!tn_package_dim_value(r->out, &d, most, &value))
        fail(r, "shape", tn_strfmt(r->arena, "a term of numbers and symbols, not '%s'", d.term));
    return d;
}

static void read_one_io(reader *r, const json_t *v, tn_package_io *io)
{
    size_t rank = 0;
    *io = (tn_package_io){.name = get_text(r, v, "name"), .c_name = get_text(r, v, "c_name")};
    io->dtype = (int)get_number(r, v, "dtype", 1, TN_INDEX - 1);
    int64_t bytes = tn_dtype_get(io->dtype)->size;
    const json_t *shape = get_list(r, v, "shape", &rank);
    if (bytes == 0)
        fail(r, "dtype", "a type of fixed size");
    if (rank > TN_ARRAY_MAX_RANK) {
        fail(r, "shape", "at most 8 dims");
        rank = 0;
    }
    io->rank = (int)rank;
    for (size_t k = 0; k < rank && !r->failed; k++) {
        io->dim[k] = read_dim(r, json_array_get(shape, k));
        if (!r->failed && !tn_mul_i64(bytes, io->dim[k].max, &bytes))
            fail(r, "shape", "fewer elements");
    }
    io->room = (size_t)bytes;
}

static tn_package_io *read_io(reader *r, const json_t *abi, const char *key, size_t *n)
{
    const json_t *list = get_list(r, abi, key, n);
    tn_package_io *io = TN_NEW_N(r->arena, tn_package_io, *n + 1);
    for (size_t i = 0; i < *n && !r->failed; i++)
        read_one_io(r, json_array_get(list, i), &io[i]);
    return io;
}

static void read_layers(reader *r, const json_t *abi)
{
    tn_package *p = r->out;
    const json_t *list = get_list(r, abi, "layers", &p->n_layers);
    p->layer = TN_NEW_N(r->arena, tn_package_layer, p->n_layers + 1);
    for (size_t i = 0; i < p->n_layers; i++) {
        const json_t *v = json_array_get(list, i);
        p->layer[i] = (tn_package_layer){.label = get_text(r, v, "label"),
                                         .macs = (double)get_number(r, v, "macs", 0, INT64_MAX)};
    }
}

static void read_files(reader *r, const json_t *abi)
{
    tn_package *p = r->out;
    const json_t *list = get_list(r, abi, "files", &p->n_files);
    p->file = TN_NEW_N(r->arena, const char *, p->n_files + 1);
    for (size_t i = 0; i < p->n_files; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        p->file[i] = tn_strdup(r->arena, check_file_name(r, "files", name != NULL ? name : ""));
    }
}

static void read_variants(reader *r, const json_t *abi)
{
    tn_package *p = r->out;
    if (json_object_get(abi, "variants") == NULL)
        return;
    const json_t *list = get_list(r, abi, "variants", &p->n_variants);
    p->variant = TN_NEW_N(r->arena, tn_package_variant, p->n_variants + 1);
    for (size_t i = 0; i < p->n_variants; i++) {
        const json_t *v = json_array_get(list, i);
        p->variant[i] =
            (tn_package_variant){check_file_name(r, "source", get_text(r, v, "source")), get_text(r, v, "cflags")};
    }
}

static void read_abi(reader *r, const json_t *abi)
{
    tn_package *p = r->out;
    p->name = get_text(r, abi, "module");
    if (!tn_is_identifier(p->name))
        fail(r, "module", "a C identifier");
    p->target = get_text(r, abi, "target");
    p->cflags = get_text(r, abi, "cflags");
    p->params = get_text(r, abi, "params");
    if (strcmp(p->params, "blob") == 0 || strcmp(p->params, "arg") == 0)
        p->weights_file = check_file_name(r, "weights_file", get_text(r, abi, "weights_file"));
    p->work_size = (size_t)get_number(r, abi, "work_size", 0, INT64_MAX / 2);
    p->work_align = (size_t)get_number(r, abi, "work_align", 1, MOST_ALIGN);
    if ((p->work_align & (p->work_align - 1)) != 0)
        fail(r, "work_align", "a power of two");
    p->uses_cblas = json_array_size(json_object_get(abi, "libraries")) > 0;
    const char *function = json_string_value(json_array_get(json_object_get(abi, "functions"), 0));
    p->function = function != NULL ? tn_strdup(r->arena, function) : NULL;
    p->threads = (int)get_number(r, abi, "threads", 1, MOST_THREADS);
    read_symbols(r, abi);
    p->input = read_io(r, abi, "inputs", &p->n_in);
    p->output = read_io(r, abi, "outputs", &p->n_out);
    read_layers(r, abi);
    read_files(r, abi);
    read_variants(r, abi);
}

static const char *text_or_none(reader *r, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return tn_strdup(r->arena, text != NULL ? text : "");
}

static double real_or_none(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) && json_number_value(v) >= 0 ? json_number_value(v) : 0;
}

/* What a profile says beside times: of the report's own list of layers, in the same order, where it has it. */
static void read_reasons(reader *r)
{
    const json_t *list = json_object_get(r->root, "layers");
    for (size_t i = 0; i < r->out->n_layers; i++) {
        const json_t *v = json_array_get(list, i);
        tn_package_layer *l = &r->out->layer[i];
        l->schedule = text_or_none(r, v, "schedule");
        l->why = text_or_none(r, v, "why");
        l->bytes = real_or_none(v, "bytes");
        l->bound = real_or_none(v, "bound");
    }
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static bool read_report(void *state)
{
    reader *r = state;
    json_error_t e;
    r->root = json_loadb(r->bytes, r->size, 0, &e);
    if (r->root == NULL) {
        tn_error_at(r->diag, r->path, "is not JSON: line %d: %s; compile the model again", e.line, e.text);
        return false;
    }
    const json_t *abi = json_object_get(r->root, "abi");
    if (!json_is_object(abi))
        fail(r, "abi", "an object");
    else
        read_abi(r, abi);
    read_reasons(r);
    return !r->failed;
}

static void close_report(void *state)
{
    json_decref(((reader *)state)->root);
}

/* As in emit/mlf.c. */
static const struct {
    const char *end, *folder;
} mlf_folders[] = {{".c", "codegen/host/src"}, {".h", "codegen/host/include"}, {".bin", "parameters"}};

const char *tn_package_path(tn_arena *a, const tn_package *p, const char *name)
{
    const char *flat = tn_path_join(a, p->folder, name), *dot = strrchr(name, '.');
    if (dot == NULL || tn_path_exists(flat))
        return flat;
    for (size_t i = 0; i < sizeof mlf_folders / sizeof *mlf_folders; i++)
        if (strcmp(dot, mlf_folders[i].end) == 0) {
            const char *folder = tn_path_join(a, p->folder, mlf_folders[i].folder);
            return tn_path_is_folder(folder) ? tn_path_join(a, folder, name) : flat;
        }
    return flat;
}

static bool is_report(const char *file)
{
    static const char end[] = "_report.json";
    size_t n = strlen(file), k = sizeof end - 1;
    return n > k && strcmp(file + n - k, end) == 0;
}

/* NULL after an error. */
static const char *find_report(tn_arena *a, tn_diag *d, const char *folder)
{
    char **names = NULL;
    size_t n = 0;
    const char *found = NULL;
    if (!tn_path_list(a, d, folder, &names, &n))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!is_report(names[i]))
            continue;
        if (found != NULL) {
            tn_error_at(d, folder, "holds two packages, by %s and %s; wanted one", found, names[i]);
            return NULL;
        }
        found = names[i];
    }
    if (found == NULL)
        tn_error_at(d, folder, "is no package: it has no NAME_report.json; 'tenon compile MODEL -o FOLDER' makes one");
    return found;
}

tn_status tn_package_read(tn_arena *a, tn_diag *d, const char *folder, const char *name, tn_package *out)
{
    /* a name that begins with a dash would be an option of the C compiler */
    const char *dot = folder[0] == '-' ? "./" : "";
    *out = (tn_package){.folder = tn_strfmt(a, "%s%s", dot, folder)};
    const char *file = name != NULL ? tn_strfmt(a, "%s_report.json", name) : find_report(a, d, folder);
    if (file == NULL)
        return TN_ERR_FILE;
    reader r = {.arena = a, .diag = d, .path = tn_path_join(a, folder, file), .out = out};
    r.bytes = tn_read_file(a, d, r.path, &r.size);
    if (r.bytes == NULL)
        return TN_ERR_FILE;
    return tn_finally(a, read_report, close_report, &r) ? TN_OK : TN_ERR_MODEL;
}
