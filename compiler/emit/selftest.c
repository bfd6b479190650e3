/* NAME_test.c: the model on an input that both sides compute by integer arithmetic, against the reference's outputs.
   Large outputs are compared at 256 places, evenly apart. */
#include "emit/frame.h"
#include "emit/names.h"

enum { LARGE = 4096, SAMPLES = 256 };

/* How a type is filled and compared in the test: C expressions of the hash h, and of g (got) and w (wanted). */
typedef struct checked {
    tn_dtype dtype;
    const char *fill;      /* NULL: zeros */
    const char *as, *load; /* what is compared: its C type, and the function that gives it */
    const char *same;
} checked;

#define FORMULA "(float)(int32_t)(h >> 16) / 65536.0f - 0.5f"
static const checked types[] = {
    {TN_FLOAT, FORMULA, "float", "", "@_close(g, w, 1e-3f)"},
    {TN_DOUBLE, "(double)(int32_t)(h >> 16) / 65536.0 - 0.5", "double", "", "@_close_double(g, w)"},
    {TN_FLOAT16, "tn_float_to_half(" FORMULA ")", "float", "tn_half_to_float", "@_close(g, w, 1e-2f)"},
    {TN_BFLOAT16, "tn_float_to_bfloat(" FORMULA ")", "float", "tn_bfloat_to_float", "@_close(g, w, 5e-2f)"},
#define MINI(T, name) \
    { \
        T, "tn_float_to_" name "(" FORMULA ")", "float", "tn_" name "_to_float", "@_close(g, w, 3e-1f)" \
    }
    MINI(TN_FLOAT8E4M3FN, "e4m3fn"),
    MINI(TN_FLOAT8E4M3FNUZ, "e4m3fnuz"),
    MINI(TN_FLOAT8E5M2, "e5m2"),
    MINI(TN_FLOAT8E5M2FNUZ, "e5m2fnuz"),
    MINI(TN_FLOAT4E2M1, "e2m1"),
    MINI(TN_FLOAT8E8M0, "e8m0"),
#undef MINI
    {TN_UINT4, "(uint8_t)(h >> 28)", "int", "", "g - w <= 1 && w - g <= 1"},
    {TN_INT4, "(int8_t)((int)(h >> 28) - 8)", "int", "", "g - w <= 1 && w - g <= 1"},
    {TN_UINT2, "(uint8_t)(h >> 30)", "int", "", "g - w <= 1 && w - g <= 1"},
    {TN_INT2, "(int8_t)((int)(h >> 30) - 2)", "int", "", "g - w <= 1 && w - g <= 1"},
    {TN_UINT8, "(uint8_t)(h >> 24)", "int", "", "g - w <= 1 && w - g <= 1"},
    {TN_INT8, "(int8_t)((int)(h >> 24) - 128)", "int", "", "g - w <= 1 && w - g <= 1"},
    {TN_UINT16, "(uint16_t)(h >> 24)", "uint16_t", "", "g == w"},
    {TN_INT16, "(int16_t)((int)(h >> 24) - 128)", "int16_t", "", "g == w"},
    {TN_UINT32, "h >> 24", "uint32_t", "", "g == w"},
    {TN_INT32, NULL, "int32_t", "", "g == w"},
    {TN_UINT64, "h >> 24", "uint64_t", "", "g == w"},
    {TN_INT64, NULL, "int64_t", "", "g == w"},
    {TN_BOOL, "(uint8_t)(h >> 31)", "uint8_t", "", "g == w"},
};

static const checked *get_type(tn_dtype t)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == t)
            return &types[i];
    assert(false && "inputs and outputs have a type with a C form");
    return NULL;
}

/* Must agree with the fill column above; the test of this file runs both. */
double tn_formula_input(tn_dtype dtype, uint32_t i)
{
    uint32_t h = i * 2654435761u + 12345u;
    if (tn_dtype_get(dtype)->is_float)
        return (double)(h >> 16) / 65536.0 - 0.5;
    switch (dtype) {
    case TN_UINT4: return h >> 28;
    case TN_INT4: return (double)(h >> 28) - 8;
    case TN_UINT2: return h >> 30;
    case TN_INT2: return (double)(h >> 30) - 2;
    case TN_INT8:
    case TN_INT16: return (double)(h >> 24) - 128;
    case TN_BOOL: return h >> 31;
    case TN_INT32:
    case TN_INT64: return 0;
    default: return h >> 24;
    }
}

static bool is_coded(tn_dtype t)
{
    return tn_dtype_get(t)->codec != NULL;
}

static bool uses_codec(const tn_unit *u, const char *need)
{
    for (size_t i = 0; i < u->n_in + u->n_out; i++) {
        const tn_buf *b = i < u->n_in ? u->input[i] : u->output[i - u->n_in];
        const tn_codec *codec = tn_dtype_get(b->dtype)->codec;
        if (codec != NULL && strcmp(codec->need, need) == 0)
            return true;
    }
    return false;
}

static const char *needed_codecs(const tn_unit *u)
{
    static const char *const needs[] = {"HALF", "MINIFLOAT"};
    tn_str out = {.arena = u->arena};
    tn_str_put(&out, "", 0);
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (uses_codec(u, needs[i]))
            tn_str_add(&out, "#define TN_NEED_%s\n", needs[i]);
    return out.text;
}

/* --- outputs ------------------------------------------------------------------------------------------------------ */

static int64_t golden_stride(const tn_tensor *t)
{
    int64_t n = tn_shape_count(&t->shape);
    return n > LARGE ? n / SAMPLES : 1;
}

static int64_t golden_count(const tn_tensor *t)
{
    int64_t n = tn_shape_count(&t->shape);
    return n > LARGE ? SAMPLES : n;
}

static bool compares_bits(const tn_unit *u)
{
    return u->exact && u->program->mixed == TN_UNDEFINED;
}

/* Exact code finds the interpreter's numbers; but of double the functions are the C library's. What is stored in 16 bits
   between the layers differs from the interpreter's floats by more than usual. */
static const char *same_text(const tn_unit *u, tn_dtype t)
{
    const checked *c = get_type(t);
    if (u->program->mixed != TN_UNDEFINED && t == TN_FLOAT)
        return u->program->mixed == TN_FLOAT16 ? "@_close(g, w, 2e-2f)" : "@_close(g, w, 1e-1f)";
    if (!compares_bits(u) || t == TN_DOUBLE)
        return c->same;
    return tn_dtype_get(t)->is_float ? "@_same(g, w)" : "g == w";
}

/* One comparing function per type of output, in the order of first use. */
static const char *check_functions(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    unsigned done = 0;
    for (size_t i = 0; i < u->n_out; i++) {
        tn_dtype t = u->output[i]->dtype;
        if ((done & TN_BIT(t)) != 0)
            continue;
        done |= TN_BIT(t);
        const checked *c = get_type(t);
        const char *same = same_text(u, t);
        same = same[0] == '@' ? tn_strfmt(u->arena, "%s_test%s", u->name, same + 1) : same;
        const tn_mark marks[] = {
            {"DTYPE", tn_dtype_get(t)->name},
            {"CTYPE", tn_dtype_get(t)->c},
            {"AS", c->as},
            {"LOAD", c->load},
            {"SAME", same},
        };
        tn_frame_fill(u, "model_test_check.c", marks, sizeof marks / sizeof *marks, &out);
    }
    return out.text != NULL ? out.text : "";
}

static const char *close_functions(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    bool single = false, twice = false;
    for (size_t i = 0; i < u->n_out; i++) {
        tn_dtype t = u->output[i]->dtype;
        single = single || t == TN_FLOAT || is_coded(t);
        twice = twice || t == TN_DOUBLE;
    }
    bool mixed = u->program->mixed != TN_UNDEFINED, exact = compares_bits(u);
    const tn_mark marks[] = {{"LEAST", u->program->mixed == TN_BFLOAT16 ? "5e-2f" : mixed ? "1e-2f" : "1e-4f"}};
    if (single)
        tn_frame_fill(u, exact ? "model_test_same.c" : "model_test_close.c", marks, exact ? 0 : 1, &out);
    if (twice)
        tn_frame_fill(u, "model_test_close_double.c", NULL, 0, &out);
    return out.text != NULL ? out.text : "";
}

static const char *golden_arrays(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    for (size_t i = 0; i < u->n_out; i++) {
        const tn_tensor *t = u->golden[i];
        int64_t n = golden_count(t), stride = golden_stride(t);
        if (n == 0)
            continue;
        tn_str_add(&out, "\n/* %s", tn_in_comment(u->arena, tn_type_text(u->arena, t->dtype, &t->shape)));
        if (stride > 1)
            tn_str_add(&out, ": every %lldth of %lld elements", (long long)stride,
                       (long long)tn_shape_count(&t->shape));
        tn_str_add(&out, " */\nstatic const %s %s_want_%zu[%lld] = {\n", tn_dtype_get(t->dtype)->c, u->name, i,
                   (long long)n);
        tn_print_numbers(t, n, stride, &out);
        tn_str_add(&out, "};\n");
    }
    return out.text != NULL ? out.text : "";
}

/* --- the function ------------------------------------------------------------------------------------------------- */

static const char *room_text(const tn_unit *u, const char *side, size_t i, const tn_buf *b)
{
    return tn_io_count(b) == 0 ? "1" : tn_strfmt(u->arena, "%s_%s_%zu_COUNT", u->upper, side, i);
}

static const char *io_arrays(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    for (size_t i = 0; i < u->n_in; i++)
        tn_str_add(&out, "static %s %s_in_%zu[%s];\n", tn_dtype_get(u->input[i]->dtype)->c, u->name, i,
                   room_text(u, "INPUT", i, u->input[i]));
    for (size_t i = 0; i < u->n_out; i++)
        tn_str_add(&out, "static %s %s_out_%zu[%s];\n", tn_dtype_get(u->output[i]->dtype)->c, u->name, i,
                   room_text(u, "OUTPUT", i, u->output[i]));
    for (size_t i = 0; i < u->program->symbols.n; i++)
        if (u->program->symbols.items[i]->found)
            tn_str_add(&out, "static ptrdiff_t %s_found_%zu;\n", u->name, i);
    return out.text != NULL ? out.text : "";
}

static bool is_filled(const tn_buf *b)
{
    return get_type(b->dtype)->fill != NULL && tn_io_count(b) > 0;
}

/* Fills to the bounds: element i depends on i alone, so a smaller tensor is a beginning of the largest. */
static const char *fill_inputs(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    for (size_t i = 0; i < u->n_in; i++)
        if (is_filled(u->input[i]))
            tn_str_add(&out,
                       "    for (size_t i = 0; i < %s_INPUT_%zu_COUNT; i++) {\n"
                       "        const uint32_t h = (uint32_t)i * 2654435761u + 12345u;\n"
                       "        %s_in_%zu[i] = %s;\n    }\n",
                       u->upper, i, u->name, i, get_type(u->input[i]->dtype)->fill);
    for (size_t i = 0; i < u->n_in; i++)
        tn_str_add(&out, "    io.%s = %s_in_%zu;\n", u->input_name[i], u->name, i);
    for (size_t i = 0; i < u->n_out; i++)
        tn_str_add(&out, "    io.%s = %s_out_%zu;\n", u->output_name[i], u->name, i);
    for (size_t i = 0; i < u->program->symbols.n; i++)
        if (u->program->symbols.items[i]->found)
            tn_str_add(&out, "    io.%s = &%s_found_%zu;\n", tn_symbol_name(u, i), u->name, i);
        else
            tn_str_add(&out, "    io.%s = %lld;\n", tn_symbol_name(u, i), (long long)u->golden_symbols[i]);
    return out.text != NULL ? out.text : "";
}

static const char *check_outputs(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    for (size_t i = 0; i < u->program->symbols.n; i++)
        if (u->program->symbols.items[i]->found)
            tn_str_add(&out, "    if (status == %s_OK && %s_found_%zu != %lld)\n        status = %s_ERR_SELFTEST;\n",
                       u->upper, u->name, i, (long long)u->golden_symbols[i], u->upper);
    for (size_t i = 0; i < u->n_out; i++) {
        const tn_tensor *t = u->golden[i];
        if (golden_count(t) > 0)
            tn_str_add(&out,
                       "    if (status == %s_OK)\n"
                       "        status = %s_check_%s(%s_OUTPUT_%zu_NAME, %s_out_%zu, %s_want_%zu, %lld, %lld);\n",
                       u->upper, u->name, tn_dtype_get(t->dtype)->name, u->upper, i, u->name, i, u->name, i,
                       (long long)golden_count(t), (long long)golden_stride(t));
    }
    return out.text != NULL ? out.text : "";
}

static const char *open_pool(const tn_unit *u)
{
    if (!tn_is_threaded(u))
        return "";
    return tn_strfmt(u->arena,
                     "    static unsigned char pool_room[%s_POOL_SIZE];\n"
                     "    const tn_parallel *const threads = %s_pool_open(pool_room, sizeof pool_room, %s_THREADS);\n",
                     u->upper, u->name, u->upper);
}

void tn_emit_test(const tn_unit *u, tn_str *out)
{
    bool passed = tn_weights_are_passed(u);
    const char *threads_arg = tn_is_threaded(u) ? ", threads" : "";
    tn_str main_text = {.arena = u->arena};
    const tn_mark main_marks[] = {
        {"OPEN_POOL", open_pool(u)},
        {"CLOSE_POOL", tn_is_threaded(u) ? tn_strfmt(u->arena, "    %s_pool_close(threads);\n", u->name) : ""},
        {"THREADS_ARG", threads_arg},
    };
    tn_frame_fill(u, passed ? "model_test_main_weights.c" : "model_test_main.c", main_marks,
                  sizeof main_marks / sizeof *main_marks, &main_text);
    const tn_mark marks[] = {
        {"NEED_CODECS", needed_codecs(u)},
        {"CLOSE", close_functions(u)},
        {"CHECKS", check_functions(u)},
        {"GOLDEN", golden_arrays(u)},
        {"BUFFERS", io_arrays(u)},
        {"WEIGHTS_PARAM", passed ? "const void *weights, " : ""},
        {"WEIGHTS_ARG", passed ? "weights, " : ""},
        {"THREADS_PARAM", tn_is_threaded(u) ? ", const tn_parallel *threads" : ""},
        {"THREADS_ARG", threads_arg},
        {"FILL", fill_inputs(u)},
        {"CHECK", check_outputs(u)},
        {"MAIN", main_text.text},
    };
    tn_frame_fill(u, "model_test.c", marks, sizeof marks / sizeof *marks, out);
}
