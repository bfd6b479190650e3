/* Runs the ONNX node vectors: every folder with model.onnx and test_data_set_0 below the one given.

       conform [--engine interp|c] [--jobs N] [--deny FILE] [--write-deny FILE] [--only NAME] [--cflags FLAGS] [--target NAME]
               [--dispatch WHAT] [--threads N] [--pass-config KEY=VALUE] [--markdown] FOLDER...

   interp runs the unscheduled computations in the interpreter; c compiles the model at -O2 for this machine, builds it
   with the C compiler (--cflags, -O1 by default) and runs that. Each vector runs in a process of its own, so that a crash is one failure.
   With --threads every layer is shared among N, however short it is. --markdown prints the tables of README.md.
   The deny list holds "NAME  reason" lines: a vector on it must fail, any other must pass. const.txt beside it holds
   "NAME INPUT ..." lines: inputs that are compiled in, with the vector's own values, as by --const; n<=9 is a bound, as by --bounds; x:[2,h<=9] is a shape, as by
   --input-shapes. Other open dims, the elements of sequences and what an optional holds are the vector's, too. --write-deny writes the list of
   what fails, each with the reason that --deny gives, else with its message, and what --deny says of other vectors.
   Prints "N passed, M failed, K denied". */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/tenon.h"
#include "loop/loop.h"
#include "onnx/onnx.h"
#include "onnx/onnx.pb-c.h"
#include "ops/ops.h"
#include "pass/pass.h"
#include "table.h"

enum { MAX_TESTS = 8192, MAX_FOLDERS = 16 };

typedef struct options {
    const char *engine, *deny, *write_deny, *only, *cflags, *target, *dispatch, *threads, *pass_config;
    const char *folders[MAX_FOLDERS];
    int n_folders, jobs;
    bool markdown;
} options;

/* --- one vector, in its own process --------------------------------------------------------------------------------- */

static char first_line[MESSAGE];
static bool draws; /* the model has random numbers */

static void keep_first(void *user, const char *line)
{
    (void)user;
    if (first_line[0] == '\0' && strstr(line, "note:") == NULL)
        snprintf(first_line, sizeof first_line, "%s", line);
}

static bool fail(const char *what)
{
    if (first_line[0] == '\0')
        snprintf(first_line, sizeof first_line, "%s", what);
    return false;
}

/* Numbers that the model draws at random are judged by what every stream has in common: type and shape, each element the
   wanted one or 0 where that is not (what is dropped, or the other of two values), only 0 and 1 where only those are
   wanted. That the stream is that of its seed, and its distribution, tests/ops/test_random.c tells. */
static bool is_plausible(const tn_array *got, const tn_array *want)
{
    tn_shape s = tn_shape_fixed(got->rank, got->dim), t = tn_shape_fixed(want->rank, want->dim);
    tn_tensor x = {.dtype = (tn_dtype)got->dtype, .shape = s, .bytes = got->bytes, .data = got->data}, y = x;
    y.shape = t;
    y.data = want->data;
    if (got->dtype != want->dtype || !tn_shape_equal(&x.shape, &y.shape))
        return fail("type or shape of what is drawn");
    bool bits = true;
    for (int64_t i = 0; i < tn_shape_count(&y.shape); i++)
        bits = bits && (tn_tensor_get(&y, i) == 0 || tn_tensor_get(&y, i) == 1);
    for (int64_t i = 0; i < tn_shape_count(&x.shape); i++) {
        double g = tn_tensor_get(&x, i), w = tn_tensor_get(&y, i);
        bool same = fabs(g - w) <= 1e-5 * fabs(w), fits = bits ? g == 0 || g == 1 : same || g == 0 || w == 0;
        if (!fits)
            return fail("what is drawn is not among what can be");
    }
    return true;
}

/* The tolerance of ONNX's own backend test: rtol 1e-3, atol 1e-7, here with room for 16-bit floats. */
static bool near(const tn_array *got, const tn_array *want)
{
    tn_metrics m;
    if (draws)
        return is_plausible(got, want);
    tn_ctx *ctx = tn_ctx_open(&(tn_config){.report = keep_first});
    double rtol = want->dtype == TN_FLOAT16 || want->dtype == TN_BFLOAT16 ? 1e-2 : 1e-3;
    bool ok = tn_arrays_compare(ctx, got, want, rtol, 1e-6, &m) == TN_OK;
    tn_ctx_close(ctx);
    if (ok && m.mismatched > 0) {
        char text[MESSAGE];
        snprintf(text, sizeof text, "output %s: %lld of %lld elements differ, by %g at most", want->name,
                 (long long)m.mismatched, (long long)m.count, m.max_abs);
        return fail(text);
    }
    return ok;
}

static tn_array array_of(const tn_tensor *t, const char *name)
{
    tn_array a = {.name = name, .dtype = (int)t->dtype, .rank = t->shape.rank, .bytes = t->bytes, .data = t->data};
    for (int i = 0; i < a.rank; i++)
        a.dim[i] = t->shape.dim[i].n;
    return a;
}

static tn_tensor *tensor_of(tn_arena *a, const tn_array *x)
{
    tn_shape s = tn_shape_fixed(x->rank, x->dim);
    tn_tensor *t = tn_tensor_make(a, (tn_dtype)x->dtype, &s);
    if (t->bytes > 0)
        memcpy(t->data, x->data, t->bytes);
    return t;
}

/* --- a vector's files ----------------------------------------------------------------------------------------------- */

enum { MAX_OPTIONS = 16, MAX_ARRAYS = 64 };

/* The arrays of a vector, and the options that its model needs. */
typedef struct content {
    tn_array_vec in, want; /* strings as wide as the longest */
    bool in_text[MAX_ARRAYS], want_text[MAX_ARRAYS];
    const char *shapes[MAX_OPTIONS], *consts[MAX_OPTIONS], *bounds[MAX_OPTIONS];
    size_t n_shapes, n_consts, n_bounds;
} content;

/* What const.txt says behind the name of a test; "" where it says nothing. */
static const char *said_of(const options *o, tn_arena *a, const char *name)
{
    char line[1024];
    const char *found = "", *last = o->deny != NULL ? strrchr(o->deny, '/') : NULL;
    const char *path =
        o->deny == NULL ? NULL : tn_strfmt(a, "%.*sconst.txt", last != NULL ? (int)(last + 1 - o->deny) : 0, o->deny);
    FILE *f = path != NULL ? fopen(path, "r") : NULL;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        size_t n = strcspn(line, " \n");
        if (n == strlen(name) && memcmp(line, name, n) == 0)
            found = tn_strdup(a, line + n);
    }
    if (f != NULL)
        fclose(f);
    return found;
}

static bool is_const(const options *o, tn_arena *a, const char *name, const char *input)
{
    bool found = false;
    for (char *word = strtok(tn_strdup(a, said_of(o, a, name)), " \n"); word != NULL; word = strtok(NULL, " \n"))
        found = found || strcmp(word, input) == 0;
    return found;
}

static void read_bounds(const options *o, tn_arena *a, const char *name, content *c)
{
    for (char *word = strtok(tn_strdup(a, said_of(o, a, name)), " \n"); word != NULL; word = strtok(NULL, " \n"))
        if (strchr(word, ':') == NULL && strstr(word, "<=") != NULL && c->n_bounds < MAX_OPTIONS)
            c->bounds[c->n_bounds++] = word;
}

/* x:[2,h<=9] of an input x; NULL: const.txt gives none. */
static const char *find_shape(const options *o, tn_arena *a, const char *name, const char *input)
{
    size_t n = strlen(input);
    char *word = strtok(tn_strdup(a, said_of(o, a, name)), " \n");
    while (word != NULL && (strncmp(word, input, n) != 0 || word[n] != ':'))
        word = strtok(NULL, " \n");
    return word;
}

static const char *shape_text(tn_arena *a, const tn_tensor *t)
{
    tn_str s = {.arena = a};
    tn_str_add(&s, "[");
    for (int i = 0; i < t->shape.rank; i++)
        tn_str_add(&s, "%s%lld", i > 0 ? "," : "", (long long)t->shape.dim[i].n);
    tn_str_add(&s, "]");
    return s.text;
}

/* x:{[4],[3]} */
static const char *list_option(tn_arena *a, const char *name, const tn_tensor_vec *items)
{
    tn_str s = {.arena = a};
    tn_str_add(&s, "%s:{", name);
    for (size_t i = 0; i < items->n; i++)
        tn_str_add(&s, "%s%s", i > 0 ? "," : "", shape_text(a, items->items[i]));
    tn_str_add(&s, "}");
    return s.text;
}

static const char *const_option(tn_arena *a, const char *name, const tn_tensor *t)
{
    tn_str s = {.arena = a};
    tn_str_add(&s, "%s=%s", name, t->shape.rank > 0 ? "[" : "");
    for (int64_t i = 0; i < tn_shape_count(&t->shape); i++)
        tn_str_add(&s, "%s%.17g", i > 0 ? "," : "", tn_tensor_get(t, i));
    tn_str_add(&s, "%s", t->shape.rank > 0 ? "]" : "");
    return s.text;
}

typedef TnOnnx__ValueInfoProto value_info;

/* Maps are tensors to the compiler (ops/maps.c), and so they are in vectors. */
static bool is_maps(const value_info *v)
{
    const ProtobufCBinaryData *inner = &v->type->sequence_type->elem_type;
    TnOnnx__TypeProto *t = tn_onnx__type_proto__unpack(NULL, inner->len, inner->data);
    bool found = t != NULL && t->value_case == TN_ONNX__TYPE_PROTO__VALUE_MAP_TYPE;
    if (t != NULL)
        tn_onnx__type_proto__free_unpacked(t, NULL);
    return found;
}

static tn_onnx_kind kind_of(const value_info *v)
{
    int kind = v->type != NULL ? (int)v->type->value_case : 0;
    return kind == TN_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE && !is_maps(v) ? TN_ONNX_SEQUENCE
         : kind == TN_ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE                ? TN_ONNX_OPTIONAL
                                                                           : TN_ONNX_TENSOR;
}

static bool holds_sequence(const value_info *v)
{
    if (kind_of(v) != TN_ONNX_OPTIONAL)
        return kind_of(v) == TN_ONNX_SEQUENCE;
    const ProtobufCBinaryData *inner = &v->type->optional_type->elem_type;
    TnOnnx__TypeProto *t = tn_onnx__type_proto__unpack(NULL, inner->len, inner->data);
    bool found = t != NULL && t->value_case == TN_ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    if (t != NULL)
        tn_onnx__type_proto__free_unpacked(t, NULL);
    return found;
}

/* Compiled for 1 unless an option says more. */
static bool has_open_dim(const value_info *v)
{
    bool is_tensor = v->type != NULL && v->type->value_case == TN_ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
                  && v->type->tensor_type != NULL;
    const TnOnnx__TensorShapeProto *s = is_tensor ? v->type->tensor_type->shape : NULL;
    bool open = false;
    for (size_t i = 0; s != NULL && i < s->n_dim; i++)
        open = open || s->dim[i]->value_case != TN_ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    return open;
}

/* Appends what file `path` holds of v to out, and to c what its model has to be told. */
static bool read_value(const options *o, tn_arena *a, tn_diag *d, const char *test, const char *path,
                       const value_info *v, bool is_input, content *c)
{
    tn_tensor_vec items = {0};
    tn_array_vec *out = is_input ? &c->in : &c->want;
    if (!tn_onnx_read_values(a, d, path, kind_of(v), &items))
        return false;
    const char *name = tn_strdup(a, v->name);
    if (is_input && items.n == 1 && is_const(o, a, test, name)) {
        c->consts[c->n_consts++] = const_option(a, name, items.items[0]);
        return true;
    }
    if (is_input && kind_of(v) == TN_ONNX_OPTIONAL && items.n == 0)
        c->shapes[c->n_shapes++] = tn_strfmt(a, "%s:none", name);
    else if (is_input && holds_sequence(v))
        c->shapes[c->n_shapes++] = list_option(a, name, &items);
    else if (is_input && has_open_dim(v)) {
        const char *said = find_shape(o, a, test, name);
        c->shapes[c->n_shapes++] = said != NULL ? said : tn_strfmt(a, "%s:%s", name, shape_text(a, items.items[0]));
    }
    for (size_t i = 0; i < items.n && out->n < MAX_ARRAYS; i++) {
        (is_input ? c->in_text : c->want_text)[out->n] = items.items[i]->is_text;
        *TN_PUSH(a, *out) = array_of(items.items[i], name);
    }
    return true;
}

static bool is_initializer(const TnOnnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (strcmp(g->initializer[i]->name, name) == 0)
            return true;
    return false;
}

static bool read_content(const options *o, tn_arena *a, const vector *v, const TnOnnx__GraphProto *g, content *c)
{
    const char *name = v->name;
    tn_diag d = {.report = keep_first};
    read_bounds(o, a, name, c);
    for (size_t i = 0, k = 0; i < g->n_input; i++) {
        const char *path = tn_strfmt(a, "%s/%s/test_data_set_0/input_%zu.pb", v->folder, name, k);
        if (is_initializer(g, g->input[i]->name) && access(path, R_OK) != 0)
            continue;
        if (c->n_consts == MAX_OPTIONS || c->n_shapes == MAX_OPTIONS
            || !read_value(o, a, &d, name, path, g->input[i], true, c))
            return false;
        k++;
    }
    for (size_t i = 0; i < g->n_output; i++) {
        const char *path = tn_strfmt(a, "%s/%s/test_data_set_0/output_%zu.pb", v->folder, name, i);
        if (!read_value(o, a, &d, name, path, g->output[i], false, c))
            return false;
    }
    return true;
}

/* Strings with that many bytes each; what is cut off must be zeros. */
static bool fit_strings(tn_arena *a, tn_array *x, int64_t width)
{
    int64_t now = x->rank > 0 ? x->dim[x->rank - 1] : 0, count = now > 0 ? (int64_t)x->bytes / now : 0;
    char *data = tn_alloc(a, (size_t)(count * width));
    for (int64_t i = 0; i < count * now; i++) {
        char b = ((const char *)x->data)[i];
        if (i % now < width)
            data[i / now * width + i % now] = b;
        else if (b != 0)
            return fail("a string that is too long");
    }
    x->dim[x->rank - 1] = width;
    x->bytes = (size_t)(count * width);
    x->data = data;
    return true;
}

static bool check_result(tn_arena *a, const content *c, size_t i, const tn_array *got)
{
    tn_array x = *got, want = c->want.items[i];
    if (c->want_text[i] && (x.rank != want.rank || !fit_strings(a, &x, want.dim[want.rank - 1])))
        return fail("strings of another rank or length");
    return near(&x, &want);
}

/* --- engines -------------------------------------------------------------------------------------------------------- */

/* Of n<=9. */
static tn_dim bound_of(tn_arena *a, const char *text)
{
    const char *at = strstr(text, "<=");
    return tn_dim_found(a, tn_strndup(a, text, (size_t)(at - text)), strtol(at + 2, NULL, 10));
}

static tn_graph *load(tn_arena *a, tn_diag *d, const char *model, const content *c)
{
    const tn_onnx_options o = {
        .shapes = c->shapes, .n_shapes = c->n_shapes, .consts = c->consts, .n_consts = c->n_consts};
    tn_graph *g = tn_onnx_load(a, d, model, &o);
    for (size_t i = 0; g != NULL && i < c->n_bounds; i++)
        *TN_PUSH(a, g->bounds) = bound_of(a, c->bounds[i]);
    return g;
}

/* What the symbols of an input's dims are, of a vector's. */
static void find_symbols(const tn_program *p, const tn_shape *s, const tn_tensor *t, int64_t *symbols)
{
    for (int i = 0; i < s->rank; i++)
        for (size_t k = 0; s->dim[i].sym != NULL && k < p->symbols.n; k++)
            if (strcmp(p->symbols.items[k]->name, s->dim[i].sym->name) == 0)
                symbols[k] = t->shape.dim[i].n;
}

static bool run_interp(tn_arena *a, const char *model, const content *c)
{
    tn_diag d = {.report = keep_first};
    const tn_array_vec *in = &c->in, *want = &c->want;
    tn_pass_options po = {0};
    tn_graph *g = load(a, &d, model, c);
    tn_program *p = NULL;
    tn_module m = {.arena = a, .diag = &d, .target = tn_target_find(a, NULL, "generic"), .graph = g};
    if (g == NULL || !tn_passes_run(&m, "infer", &po) || !tn_lower_graph(a, g, &p))
        return fail("not supported");
    if (g->inputs.n != in->n || g->outputs.n != want->n)
        return fail("number of inputs or outputs");
    tn_tensor **store = TN_NEW_N(a, tn_tensor *, p->bufs.n + 1);
    int64_t *symbols = TN_NEW_N(a, int64_t, p->symbols.n + 1);
    for (size_t i = 0; i < in->n; i++) {
        const tn_shape *s = &g->inputs.items[i]->shape;
        if (c->in_text[i] && !fit_strings(a, &in->items[i], s->dim[s->rank - 1].n))
            return false;
        tn_tensor *t = tensor_of(a, &in->items[i]);
        store[tn_buf_of(p, g->inputs.items[i])->id] = t;
        find_symbols(p, s, t, symbols);
    }
    if (!tn_interpret(p, a, store, symbols))
        return fail("interpreter");
    for (size_t i = 0; i < want->n; i++) {
        tn_array got = array_of(store[tn_buf_of(p, g->outputs.items[i])->id], want->items[i].name);
        if (!check_result(a, c, i, &got))
            return false;
    }
    return true;
}

static bool run_package(tn_arena *a, tn_ctx *ctx, const char *model, const content *c)
{
    const tn_array_vec *in = &c->in;
    tn_runner *r = tn_runner_open(ctx, model);
    const tn_array *info = NULL;
    size_t n = 0;
    if (r == NULL || tn_runner_inputs(r, &info) != in->n)
        return fail("not supported");
    for (size_t i = 0; i < in->n; i++) {
        in->items[i].name = info[i].name;
        if (c->in_text[i] && !fit_strings(a, &in->items[i], info[i].dim[info[i].rank - 1]))
            return false;
    }
    if (tn_runner_set_inputs(r, in->items, in->n) != TN_OK || tn_runner_run(r) != TN_OK)
        return fail("run");
    const tn_array *got = tn_runner_result(r, &n);
    bool ok = n == c->want.n;
    for (size_t i = 0; ok && i < n; i++)
        ok = check_result(a, c, i, &got[i]);
    return ok;
}

static bool run_c(tn_arena *a, const options *o, const char *model, const content *c)
{
    tn_ctx *ctx = tn_ctx_open(&(tn_config){.report = keep_first});
    tn_ctx_set(ctx, "cflags", o->cflags);
    tn_ctx_set(ctx, "target", o->target);
    if (o->dispatch != NULL)
        tn_ctx_set(ctx, "dispatch", o->dispatch);
    if (o->pass_config != NULL)
        tn_ctx_set(ctx, "pass-config", o->pass_config);
    if (o->threads != NULL) {
        tn_ctx_set(ctx, "threads", o->threads);
        tn_ctx_set(ctx, "pass-config", "parallel.overhead-ns=0");
    }
    for (size_t i = 0; i < c->n_shapes; i++)
        tn_ctx_set(ctx, "input-shapes", c->shapes[i]);
    for (size_t i = 0; i < c->n_consts; i++)
        tn_ctx_set(ctx, "const", c->consts[i]);
    for (size_t i = 0; i < c->n_bounds; i++)
        tn_ctx_set(ctx, "bounds", c->bounds[i]);
    bool ok = run_package(a, ctx, model, c);
    tn_ctx_close(ctx);
    return ok;
}

/* Whether it can be compiled; finds draws. */
static bool look_at(tn_arena *a, const char *model, const content *c)
{
    tn_diag d = {.report = keep_first};
    tn_pass_options po = {0};
    tn_module m = {.arena = a, .diag = &d, .target = tn_target_find(a, NULL, "generic")};
    m.graph = load(a, &d, model, c);
    if (m.graph == NULL || !tn_passes_run(&m, "infer", &po))
        return false;
    for (size_t i = 0; i < m.graph->nodes.n; i++)
        draws = draws || tn_node_draws(m.graph->nodes.items[i]);
    return true;
}

static bool run_vector(const options *o, const vector *v)
{
    jmp_buf guard;
    tn_memory memory = {.guard = &guard};
    tn_arena arena = {.memory = &memory};
    if (setjmp(guard) != 0)
        return fail("out of memory");
    tn_diag d = {.report = keep_first};
    const char *model = tn_strfmt(&arena, "%s/%s/model.onnx", v->folder, v->name);
    size_t size = 0;
    const char *bytes = tn_read_file(&arena, &d, model, &size);
    TnOnnx__ModelProto *m = bytes != NULL ? tn_onnx__model_proto__unpack(NULL, size, (const uint8_t *)bytes) : NULL;
    content c = {0};
    if (m == NULL || m->graph == NULL)
        return fail("no model");
    bool readable = read_content(o, &arena, v, m->graph, &c);
    if (!readable)
        first_line[0] = '\0'; /* that the model is not supported is the better reason */
    if (!look_at(&arena, model, &c))
        return fail("not supported");
    if (!readable)
        return fail("its data cannot be read");
    return strcmp(o->engine, "c") == 0 ? run_c(&arena, o, model, &c) : run_interp(&arena, model, &c);
}

/* --- all of them ---------------------------------------------------------------------------------------------------- */

static vector tests[MAX_TESTS];
static int n_tests;
static char others[1 << 16]; /* lines of the deny list that are of none of them */

static int by_name(const void *x, const void *y)
{
    return strcmp(((const vector *)x)->name, ((const vector *)y)->name);
}

static void list_tests(const options *o, const char *folder)
{
    int first = n_tests;
    DIR *d = opendir(folder);
    if (d == NULL) {
        fprintf(stderr, "%s: cannot open\n", folder);
        exit(2);
    }
    for (struct dirent *e; (e = readdir(d)) != NULL && n_tests < MAX_TESTS;) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s/model.onnx", folder, e->d_name);
        if (access(path, R_OK) != 0 || (o->only != NULL && strstr(e->d_name, o->only) == NULL))
            continue;
        tests[n_tests].folder = folder;
        snprintf(tests[n_tests++].name, sizeof tests[0].name, "%s", e->d_name);
    }
    closedir(d);
    qsort(tests + first, (size_t)(n_tests - first), sizeof *tests, by_name);
}

/* NAME  reason */
static void deny(const char *line)
{
    char name[256] = "";
    int end = 0;
    bool found = false;
    sscanf(line, "%255s %n", name, &end);
    for (int i = 0; i < n_tests; i++)
        if (strcmp(tests[i].name, name) == 0) {
            found = tests[i].denied = true;
            snprintf(tests[i].reason, sizeof tests[i].reason, "%.*s", (int)strcspn(line + end, "\n"), line + end);
        }
    size_t used = strlen(others);
    if (!found)
        snprintf(others + used, sizeof others - used, "%s", line);
}

/* Of an option; NULL where the option is not given. A file that cannot be opened ends the run: without it each verdict is another. */
static FILE *open_or_exit(const char *option, const char *path, const char *mode)
{
    FILE *f = path != NULL ? fopen(path, mode) : NULL;
    if (path != NULL && f == NULL) {
        fprintf(stderr, "conform: %s %s: %s\n", option, path, strerror(errno));
        exit(2);
    }
    return f;
}

static void read_deny(const char *path)
{
    char line[1024];
    FILE *f = open_or_exit("--deny", path, "r");
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL)
        deny(line);
    if (ferror(f)) {
        fprintf(stderr, "conform: --deny %s: %s\n", path, strerror(errno));
        exit(2);
    }
    fclose(f);
}

/* A child per vector; its message comes through the pipe, its verdict is the exit status. */
static void run_children(const options *o)
{
    struct {
        pid_t pid;
        int fd, test;
    } slot[64] = {{0}};
    int next = 0, running = 0;
    while (next < n_tests || running > 0) {
        if (next < n_tests && running < o->jobs) {
            int fd[2], k = 0;
            while (slot[k].pid != 0)
                k++;
            if (pipe(fd) != 0)
                exit(2);
            pid_t pid = fork();
            if (pid == 0) {
                alarm(60);
                bool ok = run_vector(o, &tests[next]);
                if (write(fd[1], first_line, strlen(first_line)) < 0)
                    _exit(3);
                _exit(ok ? 0 : 1);
            }
            close(fd[1]);
            slot[k].pid = pid;
            slot[k].fd = fd[0];
            slot[k].test = next++;
            running++;
            continue;
        }
        int status = 0;
        pid_t done = wait(&status);
        for (int k = 0; k < 64; k++)
            if (slot[k].pid == done) {
                vector *v = &tests[slot[k].test];
                ssize_t n = read(slot[k].fd, v->message, MESSAGE - 1);
                close(slot[k].fd);
                v->message[n > 0 ? n : 0] = '\0';
                v->passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
                if (WIFSIGNALED(status))
                    snprintf(v->message, MESSAGE, "died of signal %d", WTERMSIG(status));
                slot[k].pid = 0;
                running--;
            }
    }
}

/* A message without where it was found: the deny list is read on other machines. */
static const char *reason_of(const char *message)
{
    static const char *const before[] = {"error: ", "model.onnx: "};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        const char *at = strstr(message, before[i]);
        if (at != NULL)
            message = at + strlen(before[i]);
    }
    return message;
}

static int report(const options *o)
{
    int passed = 0, failed = 0, denied = 0;
    FILE *f = open_or_exit("--write-deny", o->write_deny, "w");
    for (int i = 0; i < n_tests; i++) {
        const vector *v = &tests[i];
        if (v->passed && v->denied)
            printf("FAILED %s: passes, but is on the deny list; take it off\n", v->name);
        if (!v->passed && !v->denied)
            printf("FAILED %s: %s\n", v->name, v->message);
        if (f != NULL && !v->passed)
            fprintf(f, "%s  %s\n", v->name, v->denied && v->reason[0] != '\0' ? v->reason : reason_of(v->message));
        passed += v->passed && !v->denied;
        denied += !v->passed && v->denied;
        failed += v->passed == v->denied;
    }
    if (f != NULL) {
        fputs(others, f);
        fclose(f);
    }
    if (o->markdown)
        failed += !tn_table_print(tests, n_tests);
    fprintf(o->markdown ? stderr : stdout, "conform (%s): %d passed, %d failed, %d denied\n", o->engine, passed, failed,
            denied);
    return failed > 0;
}

/* False without folders, or where an option or its value is none. */
static bool read_options(int argc, char **argv, options *o)
{
    const char *jobs = "2";
    const struct {
        const char *name, **value;
    } known[] = {{"--engine", &o->engine},   {"--jobs", &jobs},
                 {"--deny", &o->deny},       {"--write-deny", &o->write_deny},
                 {"--only", &o->only},       {"--cflags", &o->cflags},
                 {"--target", &o->target},   {"--dispatch", &o->dispatch},
                 {"--threads", &o->threads}, {"--pass-config", &o->pass_config}};
    for (int i = 1; i < argc; i++) {
        size_t k = 0, n = sizeof known / sizeof *known;
        while (k < n && strcmp(argv[i], known[k].name) != 0)
            k++;
        if (strcmp(argv[i], "--markdown") == 0)
            o->markdown = true;
        else if (k < n && i + 1 < argc)
            *known[k].value = argv[++i];
        else if (argv[i][0] != '-' && o->n_folders < MAX_FOLDERS)
            o->folders[o->n_folders++] = argv[i];
        else
            return false;
    }
    o->jobs = (int)strtol(jobs, NULL, 10);
    bool engine = strcmp(o->engine, "c") == 0 || strcmp(o->engine, "interp") == 0;
    return engine && o->n_folders > 0 && o->jobs >= 1 && o->jobs <= 64;
}

int main(int argc, char **argv)
{
    options o = {.engine = "interp", .cflags = "-O1", .target = "native"};
    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: conform [options] FOLDER...; the options stand at the top of conform.c\n");
        return 2;
    }
    for (int i = 0; i < o.n_folders; i++)
        list_tests(&o, o.folders[i]);
    read_deny(o.deny);
    run_children(&o);
    return report(&o);
}
