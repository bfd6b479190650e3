/* Makefile.inc and CMakeLists.txt. */
#include "emit/frame.h"

static bool has_weights_source(const tn_unit *u)
{
    return !tn_weights_are_passed(u);
}

static tn_file make_file(const char *name, const tn_str *text)
{
    return tn_file_of(name, text->text, text->len);
}

/* "kws.c kws_weights.c" */
static const char *sources(const tn_unit *u, const char *suffix)
{
    const char *more = has_weights_source(u) ? tn_strfmt(u->arena, " %s_weights%s", u->name, suffix) : "";
    const char *pool = tn_is_threaded(u) ? tn_strfmt(u->arena, " %s_pool%s", u->name, suffix) : "";
    tn_str out = {.arena = u->arena};
    tn_str_add(&out, "%s%s", u->name, suffix);
    for (size_t i = 0; i < u->n_variants; i++)
        tn_str_add(&out, " %s_%s%s", u->name, u->variants[i]->variant, suffix);
    tn_str_add(&out, "%s%s", more, pool);
    return out.text;
}

/* "kws.h tn_port.h": whatever of the package the objects depend on beside their source */
static const char *headers(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    for (const char **name = tn_package_names(u); *name != NULL; name++)
        if (strcmp(*name + strlen(*name) - 2, ".h") == 0)
            tn_str_add(&out, "%s%s", out.len > 0 ? " " : "", *name);
    return out.text;
}

static const char *make_test(const tn_unit *u)
{
    if (u->golden == NULL)
        return "";
    tn_str out = {.arena = u->arena};
    const char *run =
        tn_weights_are_passed(u) ? tn_strfmt(u->arena, " $(%s_DIR)/%s", u->upper, tn_weights_file(u)) : "";
    const tn_mark marks[] = {{"RUN", run}};
    tn_frame_fill(u, "Makefile_test.inc", marks, 1, &out);
    return out.text;
}

static const char *make_incbin(const tn_unit *u)
{
    const char *up = u->upper;
    if (u->params != TN_PARAMS_INCBIN)
        return "";
    return tn_strfmt(u->arena, "%s_DEFINES += '-D%s_WEIGHTS_FILE=\"$(%s_DIR)/%s\"'\n", up, up, up, tn_weights_file(u));
}

/* What the code calls that is not in the package. */
static const char *make_calls(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    const char *up = u->upper;
    tn_str_put(&out, "", 0);
    if (tn_uses_cblas(u))
        tn_str_add(&out,
                   "# CBLAS, of OpenBLAS unless set before the include.\n"
                   "%s_BLAS_CFLAGS ?= $(shell pkg-config --cflags openblas 2>/dev/null)\n"
                   "%s_BLAS_LIBS ?= $(or $(shell pkg-config --libs openblas 2>/dev/null),-lopenblas)\n"
                   "%s_DEFINES += $(%s_BLAS_CFLAGS)\n",
                   up, up, up, up);
    const tn_call *call = NULL;
    for (size_t i = 0; (call = tn_own_call_at(u, i)) != NULL; i++)
        tn_str_add(&out,
                   "# Link the object that defines %s, see %s.h. For the self-test: $(%s_OBJDIR)/%s_test: OBJECT\n",
                   call->function, u->name, up, u->name);
    return out.text;
}

/* Each variant has flags of its own. */
static const char *make_variants(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    tn_str_put(&out, "", 0);
    for (size_t i = 0; i < u->n_variants; i++)
        if (u->variants[i]->target->cflags[0] != '\0')
            tn_str_add(&out, "$(%s_OBJDIR)/%s_%s.o: %s_VARIANT_CFLAGS := %s\n", u->upper, u->name,
                       u->variants[i]->variant, u->upper, u->variants[i]->target->cflags);
    return out.text;
}

static const char *cmake_variants(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    tn_str_put(&out, "", 0);
    for (size_t i = 0; i < u->n_variants; i++)
        if (u->variants[i]->target->cflags[0] != '\0')
            tn_str_add(&out, "  set_property(SOURCE %s APPEND_STRING PROPERTY COMPILE_FLAGS \" %s\")\n",
                       tn_source_name(u->variants[i]), u->variants[i]->target->cflags);
    return out.text;
}

static tn_file make_fragment(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    const char *up = u->upper;
    const char *file = u->params == TN_PARAMS_INCBIN ? tn_weights_file(u) : "";
    bool incbin = u->params == TN_PARAMS_INCBIN;
    const tn_mark marks[] = {
        {"SRCS", sources(u, ".c")},
        {"OBJS", sources(u, ".o")},
        {"HEADERS", headers(u)},
        {"CFLAGS", tn_cflags(u)},
        {"LIBRARIES", tn_uses_cblas(u) ? tn_strfmt(u->arena, "$(%s_BLAS_LIBS) ", up) : ""},
        {"DEFINES", tn_strfmt(u->arena, "%s%s", make_incbin(u), make_calls(u))},
        {"PTHREAD", tn_is_threaded(u) ? " -pthread" : ""},
        {"DEPENDS",
         incbin ? tn_strfmt(u->arena, "$(%s_OBJDIR)/%s_weights.o: $(%s_DIR)/%s\n\n", up, u->name, up, file) : ""},
        {"VARIANTS", make_variants(u)},
        {"VARIANT_CFLAGS", u->n_variants > 0 ? tn_strfmt(u->arena, "$(%s_VARIANT_CFLAGS) ", up) : ""},
        {"TEST", make_test(u)},
    };
    tn_frame_fill(u, "Makefile.inc", marks, sizeof marks / sizeof *marks, &out);
    return make_file("Makefile.inc", &out);
}

static const char *cmake_incbin(const tn_unit *u)
{
    if (u->params != TN_PARAMS_INCBIN)
        return "";
    return tn_strfmt(u->arena,
                     "set_source_files_properties(%s_weights.c PROPERTIES\n"
                     "  COMPILE_DEFINITIONS %s_WEIGHTS_FILE=\"${CMAKE_CURRENT_SOURCE_DIR}/%s\"\n"
                     "  OBJECT_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/%s)\n",
                     u->name, u->upper, tn_weights_file(u), tn_weights_file(u));
}

static const char *cmake_calls(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    const char *up = u->upper, *name = u->name;
    tn_str_put(&out, "", 0);
    if (tn_uses_cblas(u))
        tn_str_add(&out,
                   "find_path(%s_CBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas openblas-pthread)\n"
                   "find_library(%s_CBLAS_LIBRARY NAMES openblas cblas)\n"
                   "if(NOT %s_CBLAS_INCLUDE OR NOT %s_CBLAS_LIBRARY)\n"
                   "  message(FATAL_ERROR \"%s calls CBLAS: install OpenBLAS (Debian: libopenblas-dev), or set "
                   "%s_CBLAS_INCLUDE and %s_CBLAS_LIBRARY\")\n"
                   "endif()\n"
                   "target_include_directories(%s_model SYSTEM PRIVATE ${%s_CBLAS_INCLUDE})\n"
                   "target_link_libraries(%s_model PUBLIC ${%s_CBLAS_LIBRARY})\n",
                   up, up, up, up, name, up, up, name, up, name, up);
    const tn_call *call = NULL;
    for (size_t i = 0; (call = tn_own_call_at(u, i)) != NULL; i++)
        tn_str_add(&out, "# Link what defines %s as well, see %s.h.\n", call->function, name);
    return out.text;
}

static const char *cmake_threads(const tn_unit *u)
{
    if (!tn_is_threaded(u))
        return "";
    return tn_strfmt(u->arena,
                     "set(THREADS_PREFER_PTHREAD_FLAG ON)\n"
                     "find_package(Threads REQUIRED)\n"
                     "target_link_libraries(%s_model PUBLIC Threads::Threads)\n",
                     u->name);
}

static const char *cmake_test(const tn_unit *u)
{
    if (u->golden == NULL)
        return "";
    const char *file =
        tn_weights_are_passed(u) ? tn_strfmt(u->arena, " ${CMAKE_CURRENT_SOURCE_DIR}/%s", tn_weights_file(u)) : "";
    return tn_strfmt(u->arena,
                     "\nadd_executable(%s_selftest EXCLUDE_FROM_ALL %s_test.c)\n"
                     "target_link_libraries(%s_selftest PRIVATE %s_model)\n"
                     "add_custom_target(%s_run_selftest COMMAND %s_selftest%s)\n",
                     u->name, u->name, u->name, u->name, u->name, u->name, file);
}

static tn_file make_cmake(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    const tn_mark marks[] = {
        {"SRCS", sources(u, ".c")},      {"CFLAGS", tn_code_flags(u)},  {"INCBIN", cmake_incbin(u)},
        {"LIBRARIES", cmake_calls(u)},   {"THREADS", cmake_threads(u)}, {"TEST", cmake_test(u)},
        {"VARIANTS", cmake_variants(u)}, {"LEVEL", tn_level_flag(u)},
    };
    tn_frame_fill(u, "CMakeLists.txt", marks, sizeof marks / sizeof *marks, &out);
    return make_file("CMakeLists.txt", &out);
}

void tn_emit_build_files(const tn_unit *u, tn_file_vec *out)
{
    *TN_PUSH(u->arena, *out) = make_fragment(u);
    *TN_PUSH(u->arena, *out) = make_cmake(u);
}
