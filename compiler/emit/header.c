/* NAME.h, and the definitions behind it that no schedule touches: kws_get_info, kws_weights_check. */
#include "emit/frame.h"
#include "emit/names.h"

#include <stdlib.h>

typedef struct side {
    const char *word, *upper, *qualifier; /* "input", "INPUT", "const " */
    const tn_buf **buf;
    const char **name;
    size_t n;
} side;

static side get_side(const tn_unit *u, bool is_output)
{
    return is_output ? (side){"output", "OUTPUT", "", u->output, u->output_name, u->n_out}
                     : (side){"input", "INPUT", "const ", u->input, u->input_name, u->n_in};
}

static const tn_var *symbol_at(const tn_unit *u, size_t i)
{
    return u->program->symbols.items[i];
}

/* --- macros and members ------------------------------------------------------------------------------------------- */

static void add_tensor_macros(const tn_unit *u, const side *s, size_t i, tn_str *out)
{
    const tn_buf *b = s->buf[i];
    const char *prefix = tn_strfmt(u->arena, "#define %s_%s_%zu_", u->upper, s->upper, i);
    tn_str_add(out, "\n/* %s %s: %s */\n", s->word, s->name[i], tn_in_comment(u->arena, tn_io_type(u->arena, b)));
    if (b->value != NULL && b->value->keys != NULL)
        tn_str_add(out, "/* maps; the last axis has their keys in this order: %s */\n",
                   tn_in_comment(u->arena, b->value->keys));
    tn_str_add(out, "%sNAME %s\n%sRANK %d\n", prefix, tn_quote_c(u->arena, tn_io_model_name(b)), prefix, b->rank);
    for (int k = 0; k < b->rank; k++)
        tn_str_add(out, "%sDIM_%d %lld%s\n", prefix, k, (long long)b->max[k],
                   tn_io_dim(b, k).sym != NULL ? " /* at most */" : "");
    tn_str_add(out, "%sCOUNT %lld\n%sBYTES %lld\n%sTYPE %s\n", prefix, (long long)tn_io_count(b), prefix,
               (long long)tn_io_bytes(b), prefix, tn_dtype_get(b->dtype)->c);
}

static const char *tensor_macros(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    for (int k = 0; k < 2; k++) {
        side s = get_side(u, k == 1);
        for (size_t i = 0; i < s.n; i++)
            add_tensor_macros(u, &s, i, &out);
    }
    for (size_t i = 0; i < u->program->symbols.n; i++) {
        const tn_var *v = symbol_at(u, i);
        tn_str_add(&out,
                   "\n/* size %s: %lld to %lld%s */\n#define %s_SYMBOL_%zu_NAME %s\n#define %s_SYMBOL_%zu_MAX %lld\n",
                   tn_symbol_name(u, i), (long long)v->lo, (long long)v->hi, v->found ? ", found by the run" : "",
                   u->upper, i, tn_quote_c(u->arena, v->name), u->upper, i, (long long)v->hi);
    }
    return out.text != NULL ? out.text : "";
}

/* How an element stands in memory, where its C type does not tell. */
static const char *element_note(tn_arena *a, const tn_buf *b)
{
    tn_dtype t = b->dtype;
    const tn_dtype_info *info = tn_dtype_get(t);
    if (b->value != NULL && b->value->is_text)
        return tn_strfmt(a, ", strings: UTF-8 in %lld bytes each, zeros behind the end",
                         (long long)b->max[b->rank - 1]);
    if (info->codec != NULL)
        return tn_strfmt(a, ", %s", info->codec->doc);
    if (t == TN_BOOL)
        return ", 0 or 1";
    return info->bits < 8 * info->size ? ", one element a byte" : "";
}

static const char *io_members(const tn_unit *u)
{
    tn_arena *a = u->arena;
    tn_str out = {.arena = a};
    for (int k = 0; k < 2; k++) {
        side s = get_side(u, k == 1);
        for (size_t i = 0; i < s.n; i++)
            tn_str_add(&out, "    %s%s *%s; /* %s \"%s\": %s, row-major%s */\n", s.qualifier,
                       tn_dtype_get(s.buf[i]->dtype)->c, s.name[i], s.word,
                       tn_in_comment(a, tn_io_model_name(s.buf[i])), tn_in_comment(a, tn_io_type(a, s.buf[i])),
                       element_note(a, s.buf[i]));
    }
    for (size_t i = 0; i < u->program->symbols.n; i++) {
        const tn_var *v = symbol_at(u, i);
        tn_str_add(&out, "    ptrdiff_t %s%s; /* %ssize \"%s\": %lld to %lld */\n", v->found ? "*" : "",
                   tn_symbol_name(u, i), v->found ? "the run writes what it finds: " : "", tn_in_comment(a, v->name),
                   (long long)v->lo, (long long)v->hi);
    }
    return out.text != NULL ? out.text : "";
}

/* --- the example -------------------------------------------------------------------------------------------------- */

static const char *example(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    const char *n = u->name, *up = u->upper, *in = " *     ";
    tn_str_add(&out, "%sstatic unsigned char room[%s_WORK_SIZE + %s_WORK_ALIGN];\n", in, up, up);
    if (tn_weights_are_passed(u)) /* a comment here would be one in a comment: what it is, its size's macro says */
        tn_str_add(&out, "%sextern const unsigned char weights[%s_WEIGHTS_FILE_SIZE];\n", in, up);
    if (tn_is_threaded(u))
        tn_str_add(&out, "%sstatic unsigned char pool[%s_POOL_SIZE];\n", in, up);
    for (int k = 0; k < 2; k++) {
        side s = get_side(u, k == 1);
        for (size_t i = 0; i < s.n; i++)
            tn_str_add(&out, "%sstatic %s %s[%s_%s_%zu_COUNT];\n", in, tn_dtype_get(s.buf[i]->dtype)->c, s.name[i], up,
                       s.upper, i);
    }
    tn_str_add(&out,
               "%sunsigned char *work = room + (%s_WORK_ALIGN - (uintptr_t)room %% %s_WORK_ALIGN) %% %s_WORK_ALIGN;\n",
               in, up, up, up);
    for (size_t i = 0; i < u->program->symbols.n; i++)
        if (symbol_at(u, i)->found)
            tn_str_add(&out, "%sptrdiff_t %s;\n", in, tn_symbol_name(u, i));
    tn_str_add(&out, "%s%s_io io;\n", in, n);
    for (int k = 0; k < 2; k++) {
        side s = get_side(u, k == 1);
        for (size_t i = 0; i < s.n; i++)
            tn_str_add(&out, "%sio.%s = %s;\n", in, s.name[i], s.name[i]);
    }
    for (size_t i = 0; i < u->program->symbols.n; i++)
        if (symbol_at(u, i)->found)
            tn_str_add(&out, "%sio.%s = &%s;\n", in, tn_symbol_name(u, i), tn_symbol_name(u, i));
        else
            tn_str_add(&out, "%sio.%s = %lld;\n", in, tn_symbol_name(u, i), (long long)symbol_at(u, i)->lo);
    if (tn_is_threaded(u))
        tn_str_add(&out, "%sconst tn_parallel *threads = %s_pool_open(pool, sizeof pool, %s_THREADS);\n", in, n, up);
    tn_str_add(&out, "%sif (%s_run(&io, %swork, %s_WORK_SIZE%s) != %s_OK)\n", in, n,
               tn_weights_are_passed(u) ? "weights, " : "", up, tn_is_threaded(u) ? ", threads" : "", up);
    tn_str_add(&out, "%s    report_the_error();\n", in);
    if (tn_is_threaded(u))
        tn_str_add(&out, "%s%s_pool_close(threads);\n", in, n);
    return out.text;
}

/* --- optional parts ----------------------------------------------------------------------------------------------- */

static const char *weights_file_size(const tn_unit *u)
{
    if (!tn_weights_are_passed(u))
        return "";
    return tn_strfmt(u->arena,
                     "/* Bytes of %s, which %s_run is given, and the alignment that it needs in memory. */\n"
                     "#define %s_WEIGHTS_FILE_SIZE %lld\n#define %s_WEIGHTS_ALIGN 8\n",
                     tn_weights_file(u), u->name, u->upper, (long long)(u->weights_size + TN_WEIGHTS_HEADER), u->upper);
}

/* For what most models are: one input, one output, all sizes fixed. */
static const char *threads_param(const tn_unit *u)
{
    return tn_is_threaded(u) ? ", const tn_parallel *threads" : "";
}

static const struct {
    const char *name, *doc;
    int number;
} codes[] = {
#define TN_CODE(name, number, doc) {name, doc, number},
#include "emit/codes.def"
#undef TN_CODE
};

enum { N_CODES = sizeof codes / sizeof *codes };

const char *tn_code_text(int number)
{
    for (size_t i = 0; i < N_CODES; i++)
        if (codes[i].number == number)
            return codes[i].doc;
    return NULL;
}

/* The members of the enum behind OK = 0, comments below each other. */
static const char *code_members(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    const char *line[N_CODES];
    size_t width = 0;
    for (size_t i = 0; i < N_CODES; i++) {
        const char *comma = i + 1 < N_CODES ? "," : "";
        line[i] = tn_strfmt(u->arena, "    %s_%s = %d%s", u->upper, codes[i].name, codes[i].number, comma);
        width = strlen(line[i]) > width ? strlen(line[i]) : width;
    }
    for (size_t i = 0; i < N_CODES; i++)
        tn_str_add(&out, "%-*s /* %s */\n", (int)width, line[i], codes[i].doc);
    return out.text;
}

static const char *run_flat(const tn_unit *u)
{
    if (u->n_in != 1 || u->n_out != 1 || u->program->symbols.n > 0)
        return "";
    const char *n = u->name, *passed = tn_weights_are_passed(u) ? "const void *weights, " : "";
    return tn_strfmt(u->arena,
                     "\n/* The same in one line, with a workspace of %s_WORK_SIZE bytes. */\n"
                     "static inline %s_status %s_run_flat(const %s *input, %s *output, %svoid *work%s)\n{\n"
                     "    %s_io io;\n    io.%s = input;\n    io.%s = output;\n"
                     "    return %s_run(&io, %swork, %s_WORK_SIZE%s);\n}\n",
                     u->upper, n, n, tn_dtype_get(u->input[0]->dtype)->c, tn_dtype_get(u->output[0]->dtype)->c, passed,
                     threads_param(u), n, u->input_name[0], u->output_name[0], n, passed[0] != '\0' ? "weights, " : "",
                     u->upper, tn_is_threaded(u) ? ", threads" : "");
}

static const char *state(const tn_unit *u)
{
    const char *n = u->name, *up = u->upper;
    tn_str members = {.arena = u->arena};
    if (u->n_states == 0)
        return "";
    for (size_t i = 0; i < u->n_states; i++)
        tn_str_add(&members, "%s%s from %s", i > 0 ? ", " : "", u->input_name[u->state[i].now],
                   u->output_name[u->state[i].next]);
    return tn_strfmt(
        u->arena,
        "\n/* For streams: %s_run with what the run before left (%s); these members of io\n"
        "   are not looked at. state is the stream's own memory, of %s_STATE_SIZE bytes aligned to %s_STATE_ALIGN,\n"
        "   which %s_state_init sets to zeros before the first run and wherever a stream begins anew. The workspace\n"
        "   may serve others between runs. A run that ends with an error leaves the state as it was. */\n"
        "#define %s_STATE_SIZE %lld\n#define %s_STATE_ALIGN %d\nvoid %s_state_init(void *state);\n"
        "%s_status %s_run_stateful(const %s_io *io, %svoid *work, size_t work_size, void *state%s);\n",
        n, members.text, up, up, n, up, (long long)u->state_size, up, TN_STATE_ALIGN, n, n, n, n,
        tn_weights_are_passed(u) ? "const void *weights, " : "", threads_param(u));
}

static const char *weights_check(const tn_unit *u)
{
    if (!tn_weights_are_passed(u))
        return "";
    return tn_strfmt(u->arena,
                     "\n/* weights is the content of %s, in flash or memory. %s_run trusts it: check it once, after\n"
                     "   loading. Compares magic, version, identity, size and checksum. */\n"
                     "%s_status %s_weights_check(const void *weights, size_t size);\n",
                     tn_weights_file(u), u->name, u->name, u->name);
}

static const char *pool(const tn_unit *u)
{
    if (!tn_is_threaded(u))
        return "";
    const char *n = u->name, *up = u->upper;
    return tn_strfmt(
        u->arena,
        "\n/* threads of %s_run: what shares the layers that are worth it, in parts for %s_THREADS of them. NULL: the\n"
        "   calling thread does all. Results have the same bits with any threads. The application gives a tn_parallel of\n"
        "   its own (see tn_pool.h, and leave %s_pool.c out), or opens this pool of POSIX threads:\n"
        "   memory, of any alignment, is the pool's until it is closed; size is at least %s_POOL_SIZE, or\n"
        "   %s_pool_size(threads) for another number; the calling thread is one of them. NULL when the memory is too small\n"
        "   or the system has no more threads. Runs of several models, one after the other, may share a pool. */\n"
        "#define %s_THREADS %d\n#define %s_POOL_SIZE TN_POOL_SIZE(%s_THREADS)\n"
        "const tn_parallel *%s_pool_open(void *memory, size_t size, int threads);\n"
        "void %s_pool_close(const tn_parallel *pool); /* NULL is allowed */\n"
        "size_t %s_pool_size(int threads);\n",
        n, up, n, up, n, up, u->threads, up, up, n, n, n);
}

static const char *variants(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    for (size_t i = 0; i < u->n_variants; i++)
        tn_str_add(&out, " *   %zu  %s\n", i, u->variants[i]->target->name);
    if (u->n_variants == 0)
        return "";
    return tn_strfmt(
        u->arena,
        " *\n * The code is there in variants; a run takes the last whose instructions the processor has:\n *\n%s *\n"
        " *   %s_VARIANT           when %s.c is compiled: the number of the variant that is to run\n",
        out.text, u->upper, u->name);
}

static const char *selftest(const tn_unit *u)
{
    if (u->golden == NULL)
        return "";
    return tn_strfmt(
        u->arena,
        "\n/* In %s_test.c: runs the model on a fixed input and compares with the compiler's reference. */\n"
        "%s_status %s_selftest(%svoid *work, size_t work_size%s);\n",
        u->name, u->name, u->name, tn_weights_are_passed(u) ? "const void *weights, " : "", threads_param(u));
}

static const char *arg_type(tn_arena *a, const tn_arg *arg)
{
    return arg->kind == TN_ARG_EXTENT
             ? "ptrdiff_t "
             : tn_strfmt(a, "%s%s *", arg->kind == TN_ARG_READ ? "const " : "", tn_dtype_get(arg->expr->buf->dtype)->c);
}

static const char *own_functions(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    const tn_call *call = NULL;
    for (size_t i = 0; (call = tn_own_call_at(u, i)) != NULL; i++) {
        tn_names names = {.arena = u->arena};
        if (i == 0)
            tn_str_add(&out,
                       "\n/* Yours to define: the model calls them (option dispatch). Operands do not overlap the\n"
                       "   result; the extents are those of the pattern's symbols. */\n");
        tn_str_add(&out, "void %s(", call->function);
        for (int k = 0; k < call->n_arg; k++)
            tn_str_add(&out, "%s%s%s", k > 0 ? ", " : "", arg_type(u->arena, &call->arg[k]),
                       tn_name_make(&names, call->arg[k].name));
        tn_str_add(&out, "); /* %s */\n", call->pattern);
    }
    return out.text != NULL ? out.text : "";
}

void tn_emit_header(const tn_unit *u, tn_str *out)
{
    tn_arena *a = u->arena;
    char *rest = NULL; /* MAJOR.MINOR.PATCH */
    long major = strtol(tn_version(), &rest, 10), minor = strtol(rest + 1, &rest, 10),
         patch = strtol(rest + 1, NULL, 10);
    const tn_mark marks[] = {
        {"EXAMPLE", example(u)},
        {"MAJOR", tn_value_text(a, major)},
        {"MINOR", tn_value_text(a, minor)},
        {"PATCH", tn_value_text(a, patch)},
        {"HASH", tn_strfmt(a, "0x%016llxu", (unsigned long long)u->model_hash)},
        {"WORK_SIZE", tn_value_text(a, u->work_size)},
        {"WORK_ALIGN", tn_value_text(a, u->target->work_align)},
        {"STACK_BOUND", tn_value_text(a, tn_stack_bound(u))},
        {"WEIGHTS_SIZE", tn_value_text(a, u->weights_size)},
        {"WEIGHTS_FILE_SIZE", weights_file_size(u)},
        {"MACC", tn_value_text(a, u->macs)},
        {"LAYER_COUNT", tn_value_text(a, (int64_t)u->n_layers)},
        {"INPUTS", tn_value_text(a, (int64_t)u->n_in)},
        {"OUTPUTS", tn_value_text(a, (int64_t)u->n_out)},
        {"SYMBOLS", tn_value_text(a, (int64_t)u->program->symbols.n)},
        {"TENSORS", tensor_macros(u)},
        {"MEMBERS", io_members(u)},
        {"WEIGHTS_PARAM", tn_weights_are_passed(u) ? "const void *weights, " : ""},
        {"ABI", tn_value_text(a, tn_port_version(u))},
        {"DENORMALS",
         u->flush
             ? "   Numbers too small for the full precision count as 0 meanwhile, where the processor can do so (tn_denormals.h)."
             : "   The processor takes numbers too small for the full precision as its caller has it."},
        {"CODES", code_members(u)},
        {"RUN_FLAT", run_flat(u)},
        {"STATE", state(u)},
        {"WEIGHTS_CHECK", weights_check(u)},
        {"SELFTEST", selftest(u)},
        {"FUNCTIONS", own_functions(u)},
        {"POOL_H", tn_is_threaded(u) ? "\n#include \"tn_pool.h\"\n" : ""},
        {"THREADS_PARAM", threads_param(u)},
        {"POOL", pool(u)},
        {"VARIANTS", variants(u)},
    };
    tn_frame_fill(u, "model.h", marks, sizeof marks / sizeof *marks, out);
}

/* --- what NAME.c ends with ---------------------------------------------------------------------------------------- */

static void add_dims(const side *s, size_t i, tn_str *out)
{
    const tn_buf *b = s->buf[i];
    if (b->rank == 0)
        return;
    tn_str_add(out, "    static const int64_t %s_%zu[%d] = {", s->word, i, b->rank);
    for (int k = 0; k < b->rank; k++)
        tn_str_add(out, "%s%s%lld", k > 0 ? ", " : "", tn_io_dim(b, k).sym != NULL ? "-" : "", (long long)b->max[k]);
    tn_str_add(out, "};\n");
}

static void add_tensor_table(const tn_unit *u, const side *s, tn_str *out)
{
    for (size_t i = 0; i < s->n; i++)
        add_dims(s, i, out);
    if (s->n == 0)
        return;
    tn_str_add(out, "    static const %s_tensor_info %ss[%zu] = {\n", u->name, s->word, s->n);
    for (size_t i = 0; i < s->n; i++) {
        const char *dims = s->buf[i]->rank > 0 ? tn_strfmt(u->arena, "%s_%zu", s->word, i) : "NULL";
        tn_str_add(out, "        {%s_%s_%zu_NAME, \"%s\", %d, %s},\n", u->upper, s->upper, i,
                   tn_dtype_get(s->buf[i]->dtype)->name, s->buf[i]->rank, dims);
    }
    tn_str_add(out, "    };\n");
}

static void add_layer_table(const tn_unit *u, tn_str *out)
{
    if (u->n_layers == 0)
        return;
    tn_str_add(out, "    static const %s_layer_info layers[%zu] = {\n", u->name, u->n_layers);
    for (size_t i = 0; i < u->n_layers; i++)
        tn_str_add(out, "        {%s, %lld},\n", tn_quote_c(u->arena, u->layer[i].label), (long long)u->layer[i].macs);
    tn_str_add(out, "    };\n");
}

void tn_emit_weights_check(const tn_unit *u, tn_str *out)
{
    const tn_mark marks[] = {
        {"WEIGHTS_ID", tn_strfmt(u->arena, "0x%016llxu", (unsigned long long)tn_weights_id(u))},
        {"HEADER", tn_value_text(u->arena, TN_WEIGHTS_HEADER)},
    };
    if (tn_weights_are_passed(u))
        tn_frame_fill(u, "weights_check.c", marks, sizeof marks / sizeof *marks, out);
}

void tn_emit_state(const tn_unit *u, tn_str *out)
{
    tn_str members = {.arena = u->arena};
    for (size_t i = 0; i < u->n_states; i++) {
        const tn_state *s = &u->state[i];
        const char *type = tn_dtype_get(u->input[s->now]->dtype)->c;
        tn_str_add(&members, "    own.%s = (const %s *)(const void *)(now + %lld);\n", u->input_name[s->now], type,
                   (long long)s->offset);
        tn_str_add(&members, "    own.%s = (%s *)(void *)(next + %lld);\n", u->output_name[s->next], type,
                   (long long)s->offset);
    }
    const tn_mark marks[] = {
        {"MEMBERS", members.text},
        {"WEIGHTS_PARAM", tn_weights_are_passed(u) ? "const void *weights, " : ""},
        {"WEIGHTS", tn_weights_are_passed(u) ? "weights, " : ""},
        {"THREADS_PARAM", threads_param(u)},
        {"THREADS", tn_is_threaded(u) ? ", threads" : ""},
    };
    if (u->n_states > 0)
        tn_frame_fill(u, "state.c", marks, sizeof marks / sizeof *marks, out);
}

void tn_emit_info(const tn_unit *u, tn_str *out)
{
    tn_str tables = {.arena = u->arena};
    side in = get_side(u, false), produced = get_side(u, true);
    add_tensor_table(u, &in, &tables);
    add_tensor_table(u, &produced, &tables);
    add_layer_table(u, &tables);
    const char *function = tn_function_name(u, "get_info");
    const tn_mark marks[] = {
        {"TABLES", tables.text != NULL ? tables.text : ""},
        {"TARGET", tn_quote_c(u->arena, u->target->name)},
        {"INPUT_TABLE", in.n > 0 ? "inputs" : "NULL"},
        {"OUTPUT_TABLE", produced.n > 0 ? "outputs" : "NULL"},
        {"LAYER_TABLE", u->n_layers > 0 ? "layers" : "NULL"},
        {"LAYERS", tn_value_text(u->arena, (int64_t)u->n_layers)},
        {"GET_INFO", function},
        {"PROTOTYPE", u->variant != NULL ? tn_strfmt(u->arena, "const %s_info *%s(void);\n", u->name, function) : ""},
    };
    tn_frame_fill(u, "model_info.c", marks, sizeof marks / sizeof *marks, out);
}
