/* All files of a package, in the order of tn_package_names. */
#include "base/embedded.h"
#include "emit/frame.h"

typedef void emit_fn(const tn_unit *u, tn_str *out);

static tn_file make_text(const tn_unit *u, const char *suffix, emit_fn *emit)
{
    tn_str text = {.arena = u->arena};
    emit(u, &text);
    return tn_file_of(tn_strfmt(u->arena, "%s%s", u->name, suffix), text.text, text.len);
}

static void add_text(const tn_unit *u, tn_file_vec *out, const char *suffix, emit_fn *emit)
{
    *TN_PUSH(u->arena, *out) = make_text(u, suffix, emit);
}

static void add_runtime(const tn_unit *u, tn_file_vec *out)
{
    for (const tn_embedded *e = tn_embedded_files; e->name != NULL; e++)
        if (tn_runtime_file(u, e->name) != NULL)
            *TN_PUSH(u->arena, *out) = tn_file_of(tn_runtime_file(u, e->name), e->bytes, e->size);
}

static void emit_pool(const tn_unit *u, tn_str *out)
{
    tn_frame_fill(u, "pool.c", NULL, 0, out);
}

/* With several variants NAME.c is the choice among them. */
static void add_sources(const tn_unit *u, tn_file_vec *out)
{
    add_text(u, out, ".c", u->n_variants > 0 ? tn_emit_choice : tn_emit_source);
    for (size_t i = 0; i < u->n_variants; i++) {
        tn_str text = {.arena = u->arena};
        tn_emit_source(u->variants[i], &text);
        *TN_PUSH(u->arena, *out) = tn_file_of(tn_source_name(u->variants[i]), text.text, text.len);
    }
}

/* Source is made before header and reports: printing it tells the layers' functions and their stack. */
void tn_emit_package(const tn_unit *u, tn_file_vec *out)
{
    size_t begin = out->n;
    tn_file_vec sources = {0};
    add_sources(u, &sources);
    add_text(u, out, ".h", tn_emit_header);
    for (size_t i = 0; i < sources.n; i++)
        *TN_PUSH(u->arena, *out) = sources.items[i];
    tn_emit_weights(u, out);
    if (tn_is_threaded(u))
        add_text(u, out, "_pool.c", emit_pool);
    if (u->golden != NULL)
        add_text(u, out, "_test.c", tn_emit_test);
    tn_emit_build_files(u, out);
    add_text(u, out, "_report.txt", tn_emit_report_text);
    add_text(u, out, "_report.json", tn_emit_report_json);
    add_runtime(u, out);

    const char **name = tn_package_names(u);
    for (size_t i = begin; i < out->n; i++, name++)
        assert(*name != NULL && strcmp(*name, out->items[i].name) == 0);
    assert(*name == NULL);
}
