/* What kws_run tests before it touches memory: no NULL, the workspace large enough, all aligned, named sizes within their
   bounds, and nothing that is written sharing a byte with anything else. See emit.h, cgen.c. */
#include "emit/cbody.h"
#include "emit/frame.h"
#include "emit/names.h"

typedef struct io_side {
    const tn_buf *const *buf;
    const char *const *name;
    size_t n;
} io_side;

static io_side side_of(const tn_unit *u, bool is_output)
{
    return is_output ? (io_side){u->output, u->output_name, u->n_out} : (io_side){u->input, u->input_name, u->n_in};
}

static void print_null(const tn_unit *u, tn_str *out)
{
    tn_str_add(out, "    if (io == NULL || (work == NULL && %s_WORK_SIZE > 0)%s)\n        return %s_ERR_NULL;\n",
               u->upper, tn_weights_are_passed(u) ? " || weights == NULL" : "", u->upper);
    for (int k = 0; k < 2; k++) {
        io_side s = side_of(u, k == 1);
        for (size_t i = 0; i < s.n; i++)
            tn_str_add(out, "    if (io->%s == NULL)\n        return %s_ERR_NULL;\n", s.name[i], u->upper);
    }
    for (size_t i = 0; i < u->program->symbols.n; i++)
        if (u->program->symbols.items[i]->found)
            tn_str_add(out, "    if (io->%s == NULL)\n        return %s_ERR_NULL;\n", tn_symbol_name(u, i), u->upper);
}

static void print_work_size(const tn_unit *u, tn_str *out)
{
    if (u->work_size > 0) /* a comparison with 0 would be a warning */
        tn_str_add(out, "    if (work_size < %s_WORK_SIZE)\n        return %s_ERR_WORK_SIZE;\n", u->upper, u->upper);
    else
        tn_str_add(out, "    (void)work_size;\n");
}

/* One-byte elements lie well anywhere. */
static void print_align(const tn_unit *u, tn_str *out)
{
    tn_str_add(out, "    if ((uintptr_t)work %% %s_WORK_ALIGN != 0", u->upper);
    if (tn_weights_are_passed(u))
        tn_str_add(out, " || (uintptr_t)weights %% %s_WEIGHTS_ALIGN != 0", u->upper);
    for (int k = 0; k < 2; k++) {
        io_side s = side_of(u, k == 1);
        for (size_t i = 0; i < s.n; i++)
            if (tn_dtype_get(s.buf[i]->dtype)->size > 1)
                tn_str_add(out, "\n        || (uintptr_t)io->%s %% TN_ALIGN_OF(%s) != 0", s.name[i],
                           tn_dtype_get(s.buf[i]->dtype)->c);
    }
    for (size_t i = 0; i < u->program->symbols.n; i++)
        if (u->program->symbols.items[i]->found)
            tn_str_add(out, "\n        || (uintptr_t)io->%s %% TN_ALIGN_OF(ptrdiff_t) != 0", tn_symbol_name(u, i));
    tn_str_add(out, ")\n        return %s_ERR_ALIGN;\n", u->upper);
}

static void print_bounds(const tn_unit *u, tn_str *out)
{
    for (size_t i = 0; i < u->program->symbols.n; i++) {
        const tn_var *v = u->program->symbols.items[i];
        const char *local = tn_symbol_local(u->program, v);
        if (v->found)
            continue;
        tn_str_add(out, "    if (%s < %lld || %s > %lld)\n        return %s_ERR_SHAPE;\n", local, (long long)v->lo,
                   local, (long long)v->hi, u->upper);
    }
}

static bool is_found(const tn_program *p, const tn_expr *e)
{
    for (size_t i = 0; i < p->symbols.n; i++)
        if (p->symbols.items[i]->found && tn_uses_var(e, p->symbols.items[i]))
            return true;
    return false;
}

/* As many bytes as this run uses, so that smaller arrays than the largest may lie side by side; the header's name for
   them where all sizes are fixed. Of a size that the run finds, its bound. */
static const char *bytes_text(const tn_unit *u, const tn_buf *b, const char *name, tn_needs *needs)
{
    int64_t fixed = tn_dtype_get(b->dtype)->size;
    tn_str out = {.arena = u->arena};
    for (int k = 0; k < b->rank; k++)
        if (b->dim[k]->kind == TN_E_INT || is_found(u->program, b->dim[k]))
            fixed *= b->max[k];
        else
            tn_str_add(&out, " * (size_t)%s", tn_index_text(u->program, b->dim[k], needs));
    return out.len > 0 ? tn_strfmt(u->arena, "%lld%s", (long long)fixed, out.text) : name;
}

static void print_areas(const tn_unit *u, bool is_output, tn_needs *needs, tn_str *out)
{
    io_side s = side_of(u, is_output);
    for (size_t i = 0; i < s.n; i++) {
        const char *name = tn_strfmt(u->arena, "%s_%s_%zu_BYTES", u->upper, is_output ? "OUTPUT" : "INPUT", i);
        tn_str_add(out, "        {io->%s, %s},\n", s.name[i], bytes_text(u, s.buf[i], name, needs));
    }
}

static void print_overlap(const tn_unit *u, tn_needs *needs, tn_str *out)
{
    size_t written = 1 + u->n_out;
    needs->areas = true;
    tn_str_add(out, "    const tn_area area[] = { /* what is written comes first */\n        {work, %s_WORK_SIZE},\n",
               u->upper);
    print_areas(u, true, needs, out);
    for (size_t i = 0; i < u->program->symbols.n; i++)
        if (u->program->symbols.items[i]->found) {
            tn_str_add(out, "        {io->%s, sizeof *io->%s},\n", tn_symbol_name(u, i), tn_symbol_name(u, i));
            written++;
        }
    print_areas(u, false, needs, out);
    if (tn_weights_are_passed(u))
        tn_str_add(out, "        {weights, %s_WEIGHTS_FILE_SIZE},\n", u->upper);
    tn_str_add(out,
               "    };\n    if (tn_overlap(area, %zu, sizeof area / sizeof *area))\n        return %s_ERR_OVERLAP;\n",
               written, u->upper);
}

/* Sizes are read between the checks, after io is known to be there and before they are used. */
void tn_print_checks(const tn_unit *u, tn_needs *needs, tn_str *out)
{
    size_t n_symbols = u->program->symbols.n;
    tn_str_add(out, "#ifndef %s_NO_CHECKS\n", u->upper);
    print_null(u, out);
    print_work_size(u, out);
    print_align(u, out);
    if (n_symbols > 0)
        tn_str_add(out, "#endif\n");
    for (size_t i = 0; i < n_symbols; i++) {
        const tn_var *v = u->program->symbols.items[i];
        const char *local = tn_symbol_local(u->program, v);
        if (v->found)
            tn_str_add(out, "    ptrdiff_t %s;\n", local);
        else
            tn_str_add(out, "    const ptrdiff_t %s = io->%s;\n", local, tn_symbol_name(u, i));
    }
    if (n_symbols > 0)
        tn_str_add(out, "#ifndef %s_NO_CHECKS\n", u->upper);
    print_bounds(u, out);
    print_overlap(u, needs, out);
    tn_str_add(out, "#else\n    (void)work;\n    (void)work_size;\n");
    for (size_t i = 0; i < n_symbols; i++)
        if (!u->program->symbols.items[i]->found)
            tn_str_add(out, "    (void)%s;\n", tn_symbol_local(u->program, u->program->symbols.items[i]));
    tn_str_add(out, "#endif\n");
}
