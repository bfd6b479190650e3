/* See frame.h. */
#include "emit/frame.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/embedded.h"
#include "emit/names.h"
#include "include/tenon.h"

const char *tn_version(void)
{
    return TN_VERSION;
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

const char *tn_function_name(const tn_unit *u, const char *what)
{
    return u->variant != NULL ? tn_strfmt(u->arena, "%s_%s_%s", u->name, u->variant, what)
                              : tn_strfmt(u->arena, "%s_%s", u->name, what);
}

const char *tn_run_prototype(const tn_unit *u)
{
    return tn_strfmt(u->arena, "%s_status %s(const %s_io *io, %svoid *work, size_t work_size%s)", u->name,
                     tn_function_name(u, "run"), u->name, tn_weights_are_passed(u) ? "const void *weights, " : "",
                     tn_is_threaded(u) ? ", const tn_parallel *threads" : "");
}

const char *tn_source_name(const tn_unit *u)
{
    return u->variant != NULL ? tn_strfmt(u->arena, "%s_%s.c", u->name, u->variant)
                              : tn_strfmt(u->arena, "%s.c", u->name);
}

bool tn_weights_are_passed(const tn_unit *u)
{
    return u->params == TN_PARAMS_BLOB || u->params == TN_PARAMS_ARG;
}

bool tn_is_threaded(const tn_unit *u)
{
    return u->threads > 1;
}

const char *tn_weights_file(const tn_unit *u)
{
    return u->params == TN_PARAMS_CONST ? NULL : tn_strfmt(u->arena, "%s_weights.bin", u->name);
}

const char *tn_params_text(tn_params p)
{
    static const char *const text[] = {
        [TN_PARAMS_CONST] = "const", [TN_PARAMS_INCBIN] = "incbin", [TN_PARAMS_BLOB] = "blob", [TN_PARAMS_ARG] = "arg"};
    return text[p];
}

const char *tn_code_flags(const tn_unit *u)
{
    return tn_strfmt(u->arena, "%s%s-ffp-contract=%s -fno-math-errno", u->target->cflags,
                     u->target->cflags[0] != '\0' ? " " : "", u->exact ? "off" : "fast");
}

const char *tn_level_flag(const tn_unit *u)
{
    return u->small ? "-Os" : "-O2";
}

const char *tn_cflags(const tn_unit *u)
{
    return tn_strfmt(u->arena, "-std=c99 %s %s", tn_level_flag(u), tn_code_flags(u));
}

int64_t tn_weight_count(const tn_weight *w)
{
    int64_t n = w->bytes / tn_dtype_get(w->buf->dtype)->size;
    return n > 0 ? n : 1; /* C has no empty arrays */
}

tn_dim tn_io_dim(const tn_buf *b, int k)
{
    return b->value != NULL && b->value->shape.known ? b->value->shape.dim[k] : tn_dim_fixed(b->max[k]);
}

int64_t tn_io_count(const tn_buf *b)
{
    int64_t n = 1;
    for (int k = 0; k < b->rank; k++)
        n *= b->max[k];
    return n;
}

int64_t tn_io_bytes(const tn_buf *b)
{
    return tn_io_count(b) * tn_dtype_get(b->dtype)->size;
}

const char *tn_io_type(tn_arena *a, const tn_buf *b)
{
    tn_shape s = {.known = true, .rank = b->rank};
    for (int k = 0; k < b->rank; k++)
        s.dim[k] = tn_io_dim(b, k);
    return tn_type_text(a, b->dtype, &s);
}

const char *tn_io_model_name(const tn_buf *b)
{
    return b->value != NULL ? b->value->name : b->name;
}

bool tn_uses_cblas(const tn_unit *u)
{
    for (size_t i = 0; i < u->program->kernels.n; i++) {
        const tn_call *call = u->program->kernels.items[i].comp->call;
        if (call != NULL && call->library != NULL)
            return true;
    }
    return false;
}

static const tn_call *own_call(const tn_unit *u, size_t kernel)
{
    const tn_call *call = u->program->kernels.items[kernel].comp->call;
    return call != NULL && call->library == NULL ? call : NULL;
}

const tn_call *tn_own_call_at(const tn_unit *u, size_t i)
{
    for (size_t k = 0; k < u->program->kernels.n; k++) {
        const tn_call *call = own_call(u, k);
        bool first = call != NULL;
        for (size_t e = 0; e < k && first; e++)
            first = own_call(u, e) == NULL || strcmp(own_call(u, e)->function, call->function) != 0;
        if (first && i-- == 0)
            return call;
    }
    return NULL;
}

const char *tn_value_text(tn_arena *a, int64_t x)
{
    return tn_strfmt(a, "%lld", (long long)x);
}

static const char *symbol_name(const tn_unit *u, const char *name)
{
    size_t i = 0;
    while (i < u->program->symbols.n && strcmp(u->program->symbols.items[i]->name, name) != 0)
        i++;
    assert(i < u->program->symbols.n);
    return tn_symbol_name(u, i);
}

const char *tn_dim_formula(const tn_unit *u, tn_dim d)
{
    tn_arena *a = u->arena;
    static const char sign[] = {[TN_SYM_ADD] = '+', [TN_SYM_SUB] = '-', [TN_SYM_MUL] = '*', [TN_SYM_DIV] = '/'};
    if (d.sym == NULL)
        return tn_value_text(a, d.n);
    if (d.sym->kind == TN_SYM_NAME)
        return symbol_name(u, d.sym->name);
    const char *x = tn_dim_formula(u, d.sym->a), *y = tn_dim_formula(u, d.sym->b);
    if (d.sym->kind == TN_SYM_MIN || d.sym->kind == TN_SYM_MAX)
        return tn_strfmt(a, "%s(%s,%s)", d.sym->kind == TN_SYM_MIN ? "min" : "max", x, y);
    return tn_strfmt(a, "(%s%c%s)", x, sign[d.sym->kind], y);
}

/* What rules look at beside the name: that may be of a description of the user's, which changes. */
static uint64_t hash_target(tn_arena *a, const tn_target *t, uint64_t h)
{
    const char *facts =
        tn_strfmt(a, "%s %d %d %d %lld", t->name, t->lanes, t->registers, (int)t->dot, (long long)t->l2);
    return tn_hash(facts, strlen(facts), h);
}

uint64_t tn_weights_id(const tn_unit *u)
{
    const char *const text[] = {TN_VERSION, u->options};
    uint64_t h = u->model_hash;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        h = tn_hash(text[i], strlen(text[i]), h);
    h = hash_target(u->arena, u->target, h);
    for (size_t i = 0; i < u->n_variants; i++)
        h = hash_target(u->arena, u->variants[i]->target, h);
    for (size_t i = 0; i < u->weights.n; i++) {
        const tn_weight *w = &u->weights.items[i];
        const char *place = tn_strfmt(u->arena, "%s %lld %lld", w->name, (long long)w->offset, (long long)w->bytes);
        h = tn_hash(place, strlen(place), h);
    }
    return h;
}

static bool has_bytes(const tn_unit *u)
{
    bool bytes = false;
    for (size_t i = 0; i < u->program->bufs.n; i++)
        bytes = bytes || tn_dtype_get(u->program->bufs.items[i]->dtype)->size == 1;
    return bytes;
}

static bool has_halves(const tn_unit *u)
{
    bool halves = false;
    for (size_t i = 0; i < u->program->bufs.n; i++)
        halves = halves || tn_dtype_is_half(u->program->bufs.items[i]->dtype);
    return halves;
}

const char *tn_runtime_file(const tn_unit *u, const char *embedded)
{
    static const char folder[] = "runtime_min/";
    if (strncmp(embedded, folder, sizeof folder - 1) != 0)
        return NULL;
    const char *name = embedded + sizeof folder - 1;
    bool vectors = u->target->lanes > 1;
    bool unused =
        (strcmp(name, "tn_vmath.h") == 0 && !vectors && !u->exact) || (strcmp(name, "tn_fmath.h") == 0 && !u->exact)
        || (strcmp(name, "tn_bytes.h") == 0 && !(vectors && has_bytes(u)))
        || (strcmp(name, "tn_half.h") == 0 && !(vectors && has_halves(u)))
        || (strcmp(name, "tn_pool.h") == 0 && !tn_is_threaded(u)) || (strcmp(name, "tn_denormals.h") == 0 && !u->flush)
        || (strcmp(name, "tn_cpu.h") == 0 && u->n_variants == 0);
    return unused ? NULL : name;
}

const char **tn_package_names(const tn_unit *u)
{
    const struct {
        const char *format;
        bool is_there;
    } file[] = {
        {"%s.h", true},
        {"%s.c", true},
        {"%s_weights.c", !tn_weights_are_passed(u)},
        {"%s_weights.bin", u->params != TN_PARAMS_CONST},
        {"%s_pool.c", tn_is_threaded(u)},
        {"%s_test.c", u->golden != NULL},
        {"Makefile.inc", true},
        {"CMakeLists.txt", true},
        {"%s_report.txt", true},
        {"%s_report.json", true},
    };
    enum { SOURCE = 1 }; /* behind which the variants' stand */
    size_t n = 0, n_own = sizeof file / sizeof *file, n_runtime = 0;
    for (const tn_embedded *e = tn_embedded_files; e->name != NULL; e++)
        n_runtime++;
    const char **out = TN_NEW_N(u->arena, const char *, n_own + u->n_variants + n_runtime + 1);
    for (size_t i = 0; i < n_own; i++) {
        if (file[i].is_there)
            out[n++] =
                strchr(file[i].format, '%') != NULL ? tn_strfmt(u->arena, file[i].format, u->name) : file[i].format;
        for (size_t k = 0; i == SOURCE && k < u->n_variants; k++)
            out[n++] = tn_source_name(u->variants[k]);
    }
    for (const tn_embedded *e = tn_embedded_files; e->name != NULL; e++)
        if (tn_runtime_file(u, e->name) != NULL)
            out[n++] = tn_runtime_file(u, e->name);
    return out;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

const char *tn_banner(const tn_unit *u, const char *prefix)
{
    tn_arena *a = u->arena;
    tn_str out = {.arena = a};
    tn_str_add(&out, "%sMade by Tenon %s. Do not edit: compile the model again.\n", prefix, TN_VERSION);
    tn_str_add(&out, "%s  model    %s, hash %016llx\n", prefix, tn_in_comment(a, u->program->graph->name),
               (unsigned long long)u->model_hash);
    tn_str_add(&out, "%s  target   %s\n", prefix, u->target->name);
    tn_str_add(&out, "%s  options  %s\n", prefix, u->options[0] != '\0' ? tn_in_comment(a, u->options) : "defaults");
    return out.text;
}

static const tn_embedded *find_embedded(tn_arena *a, const char *folder, const char *file)
{
    const char *name = tn_strfmt(a, "%s/%s", folder, file);
    for (const tn_embedded *e = tn_embedded_files; e->name != NULL; e++)
        if (strcmp(e->name, name) == 0)
            return e;
    assert(false && "every frame and runtime file is embedded");
    return NULL;
}

int tn_port_version(const tn_unit *u)
{
    static const char definition[] = "#define TN_PORT_VERSION ";
    const char *at = strstr(find_embedded(u->arena, "runtime_min", "tn_port.h")->bytes, definition);
    assert(at != NULL);
    return (int)strtol(at + sizeof definition - 1, NULL, 10);
}

static const char *find_mark(const tn_mark *marks, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(marks[i].name) == len && memcmp(marks[i].name, name, len) == 0)
            return marks[i].text;
    return NULL;
}

/* Length of the mark's name at "@NAME@", 0 where there is no mark. */
static size_t mark_length(const char *s)
{
    size_t n = 1;
    while ((s[n] >= 'A' && s[n] <= 'Z') || s[n] == '_' || (n > 1 && s[n] >= '0' && s[n] <= '9'))
        n++;
    return s[0] == '@' && s[n] == '@' ? n - 1 : 0;
}

void tn_frame_fill(const tn_unit *u, const char *frame, const tn_mark *marks, size_t n, tn_str *out)
{
    const tn_mark known[] = {
        {"NAME", u->name},
        {"UPPER", u->upper},
        {"VERSION", TN_VERSION},
        {"BANNER_C", tn_banner(u, " * ")},
        {"BANNER_SH", tn_banner(u, "# ")},
    };
    const tn_embedded *e = find_embedded(u->arena, "templates", frame);
    const char *end = e->bytes + e->size, *s = e->bytes;
    while (s < end) {
        size_t len = mark_length(s);
        if (len == 0) {
            tn_str_put(out, s++, 1);
            continue;
        }
        const char *text = find_mark(marks, n, s + 1, len);
        text = text != NULL ? text : find_mark(known, sizeof known / sizeof *known, s + 1, len);
        assert(text != NULL);
        size_t size = strlen(text);
        bool alone = (s == e->bytes || s[-1] == '\n') && s[len + 2] == '\n';
        tn_str_put(out, text, size);
        s += len + 2;
        if (alone && (size == 0 || text[size - 1] == '\n'))
            s++;
    }
}
