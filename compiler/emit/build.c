/* Makefile.inc and CMakeLists.txt. */
#include "emit/frame.h"

static bool has_weights_source(const tn_unit *u)
{
    return !tn_weights_are_passed(u);
}

static tn_file make_file(const char *name, const tn_str *text)
{
    return (tn_file){name, text->text, text->len};
}

/* "kws.c kws_weights.c" */
static const char *sources(const tn_unit *u, const char *suffix)
{
    const char *more = has_weights_source(u) ? tn_strfmt(u->arena, " %s_weights%s", u->name, suffix) : "";
    return tn_strfmt(u->arena, "%s%s%s", u->name, suffix, more);
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
        {"DEFINES",
         incbin ? tn_strfmt(u->arena, "%s_DEFINES := '-D%s_WEIGHTS_FILE=\"$(%s_DIR)/%s\"'\n", up, up, up, file) : ""},
        {"DEPENDS",
         incbin ? tn_strfmt(u->arena, "$(%s_OBJDIR)/%s_weights.o: $(%s_DIR)/%s\n\n", up, u->name, up, file) : ""},
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

static const char *cmake_test(const tn_unit *u)
{
    if (u->golden == NULL)
        return "";
    const char *file =
        tn_weights_are_passed(u) ? tn_strfmt(u->arena, " ${CMAKE_CURRENT_SOURCE_DIR}/%s", tn_weights_file(u)) : "";
    return tn_strfmt(u->arena,
                     "\nadd_executable(%s_selftest EXCLUDE_FROM_ALL %s_test.c)\n"
                     "target_link_libraries(%s_selftest PRIVATE %s)\n"
                     "add_custom_target(%s_run_selftest COMMAND %s_selftest%s)\n",
                     u->name, u->name, u->name, u->name, u->name, u->name, file);
}

static tn_file make_cmake(const tn_unit *u)
{
    tn_str out = {.arena = u->arena};
    const char *target = u->target->cflags[0] != '\0' ? tn_strfmt(u->arena, "%s ", u->target->cflags) : "";
    const tn_mark marks[] = {
        {"SRCS", sources(u, ".c")},
        {"CFLAGS", tn_strfmt(u->arena, "%s-ffp-contract=fast -fno-math-errno", target)},
        {"INCBIN", cmake_incbin(u)},
        {"TEST", cmake_test(u)},
    };
    tn_frame_fill(u, "CMakeLists.txt", marks, sizeof marks / sizeof *marks, &out);
    return make_file("CMakeLists.txt", &out);
}

void tn_emit_build_files(const tn_unit *u, tn_file_vec *out)
{
    *TN_PUSH(u->arena, *out) = make_fragment(u);
    *TN_PUSH(u->arena, *out) = make_cmake(u);
}
