/* NAME.c: a function per kernel, the borders of zeros, and the entry that calls them in order. See emit.h.
   Kernels whose text is equal but for the buffers they work on become one function. */
#include "base/map.h"
#include "emit/cbody.h"
#include "emit/frame.h"
#include "emit/names.h"
#include "include/tenon.h"

/* Around what computes, in the entry and in the parts that threads do. */
static const char flush_text[] = "const tn_denormals denormals = tn_denormals_flush();";
static const char restore_text[] = "tn_denormals_restore(denormals);";

typedef struct call {
    const tn_function *f;
    const char *name;
} call;

typedef struct generator {
    const tn_unit *u;
    tn_needs needs;
    tn_str functions, entry;
    call *calls; /* one per kernel */
    tn_map by_text;
    bool has_borders, has_shares;
    int n_open; /* repeats in the entry, around what is printed */
} generator;

/* A declaration or call: what does not fit a line goes on in the next, behind a comma. */
static void add_wrapped(tn_str *out, const char *text, int indent)
{
    enum { WIDTH = 120 };
    const int more = indent == 0 ? 8 : indent + 4; /* below a declaration its body begins at 4 */
    tn_str_add(out, "%*s", indent, "");
    for (size_t room = (size_t)(WIDTH - indent); strlen(text) > room; room = (size_t)(WIDTH - more)) {
        size_t cut = room - 1;
        while (cut > 0 && (text[cut - 1] != ',' || text[cut] != ' '))
            cut--;
        if (cut == 0)
            break;
        tn_str_put(out, text, cut);
        tn_str_add(out, "\n%*s", more, "");
        text += cut + 1;
    }
    tn_str_add(out, "%s\n", text);
}

/* --- functions ------------------------------------------------------------------------------------------------------ */

static const tn_share *share_of(const generator *g, size_t k)
{
    return &g->u->program->kernels.items[k].share;
}

static const char *params_text(const generator *g, const tn_function *f, const tn_share *share)
{
    tn_str s = {.arena = g->u->arena};
    for (int i = 0; i < f->n_param; i++)
        tn_str_add(&s, "%s%s%s *TN_RESTRICT %s", i > 0 ? ", " : "", f->param[i].is_written ? "" : "const ",
                   tn_dtype_get(f->param[i].root->dtype)->c, f->param[i].name);
    for (int i = 0; i < f->n_symbol; i++)
        tn_str_add(&s, "%sptrdiff_t %s", s.len > 0 ? ", " : "", tn_symbol_local(g->u->program, f->symbol[i]));
    if (share->parts > 0)
        tn_str_add(&s, "%sptrdiff_t begin, ptrdiff_t end", s.len > 0 ? ", " : "");
    return s.len > 0 ? s.text : "void";
}

static const char *turns_text(generator *g, const tn_share *share)
{
    return tn_index_text(g->u->program, share->turns, &g->needs);
}

static const char *op_word(const generator *g, const tn_comp *c)
{
    char *word = tn_strdup(g->u->arena, c->node != NULL ? c->node->op->name : "copy");
    for (char *s = word; *s != '\0'; s++)
        *s = (char)(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
    return word;
}

static void print_comment(generator *g, size_t k)
{
    const tn_layer *l = &g->u->layer[k];
    tn_str_add(&g->functions, "/* %s\n   %s -> %s", tn_in_comment(g->u->arena, l->label),
               tn_in_comment(g->u->arena, l->in), tn_in_comment(g->u->arena, l->out));
    if (l->schedule[0] != '\0')
        tn_str_add(&g->functions, "\n   %s", l->schedule);
    for (size_t i = k + 1; i < g->u->n_layers; i++)
        if (g->calls[i].name == g->calls[k].name)
            tn_str_add(&g->functions, "\n   also: %s", tn_in_comment(g->u->arena, g->u->layer[i].label));
    tn_str_add(&g->functions, " */\n");
}

/* Equal kernels share the function of the first; its comment names all of them, so texts are made before printing. */
static void make_functions(generator *g)
{
    const tn_unit *u = g->u;
    for (size_t i = 0; i < u->n_layers; i++) {
        tn_function *f = TN_NEW(u->arena, tn_function);
        tn_print_function(u->program, u->program->kernels.items[i].body, &g->needs, f);
        const tn_share *share = share_of(g, i);
        const char *params = params_text(g, f, share), *turns = share->parts > 0 ? turns_text(g, share) : "";
        const char *key =
            tn_strfmt(u->arena, "%s\n%d %s\n%s", params, share->parts, turns, f->text.len > 0 ? f->text.text : "");
        const char *name = tn_map_get(&g->by_text, key);
        if (name == NULL) {
            name = tn_strfmt(u->arena, "%s_%s_%zu", u->name, op_word(g, u->program->kernels.items[i].comp), i);
            tn_map_put(u->arena, &g->by_text, key, (void *)(uintptr_t)name);
        }
        g->calls[i] = (call){f, name};
        u->layer[i].function = name;
        u->layer[i].stack_bytes = tn_stack_bytes(u->program, f, u->program->kernels.items[i].body);
    }
}

/* What the parts of a kernel have in common, and the task that does one: turns x part / parts up to the next part's. */
static void print_task(generator *g, size_t k)
{
    tn_str *out = &g->functions;
    const tn_function *f = g->calls[k].f;
    const tn_share *share = share_of(g, k);
    const char *name = g->calls[k].name, *turns = share->turns->kind == TN_E_INT ? turns_text(g, share) : "a->turns";
    tn_str_add(out, "typedef struct %s_args {\n", name);
    for (int i = 0; i < f->n_param; i++)
        tn_str_add(out, "    %s%s *%s;\n", f->param[i].is_written ? "" : "const ",
                   tn_dtype_get(f->param[i].root->dtype)->c, f->param[i].name);
    for (int i = 0; i < f->n_symbol; i++)
        tn_str_add(out, "    ptrdiff_t %s;\n", tn_symbol_local(g->u->program, f->symbol[i]));
    tn_str_add(out, "%s} %s_args;\n\n%s_SECTION_CODE ", share->turns->kind == TN_E_INT ? "" : "    ptrdiff_t turns;\n",
               name, g->u->upper);
    tn_str_add(out, "static void %s_part(void *args, int part)\n{\n", name);
    tn_str_add(out, "    const %s_args *const a = (const %s_args *)args;\n", name, name);
    if (g->u->flush)
        tn_str_add(out, "    %s\n", flush_text);
    tn_str_add(out, "    %s(", name);
    for (int i = 0; i < f->n_param; i++)
        tn_str_add(out, "a->%s, ", f->param[i].name);
    for (int i = 0; i < f->n_symbol; i++)
        tn_str_add(out, "a->%s, ", tn_symbol_local(g->u->program, f->symbol[i]));
    tn_str_add(out, "(ptrdiff_t)part * %s / %d, ((ptrdiff_t)part + 1) * %s / %d);\n", turns, share->parts, turns,
               share->parts);
    if (g->u->flush)
        tn_str_add(out, "    %s\n", restore_text);
    tn_str_add(out, "}\n\n");
    g->has_shares = true;
}

static void print_functions(generator *g)
{
    for (size_t i = 0; i < g->u->n_layers; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = g->calls[k].name != g->calls[i].name;
        if (!first)
            continue;
        const tn_function *f = g->calls[i].f;
        print_comment(g, i);
        add_wrapped(&g->functions,
                    tn_strfmt(g->u->arena, "%s_SECTION_CODE static void %s(%s)", g->u->upper, g->calls[i].name,
                              params_text(g, f, share_of(g, i))),
                    0);
        tn_str_add(&g->functions, "{\n%s}\n\n", f->text.len > 0 ? f->text.text : "");
        if (share_of(g, i)->parts > 0 && tn_is_threaded(g->u))
            print_task(g, i);
    }
}

/* --- the entry ------------------------------------------------------------------------------------------------------ */

/* Within the repeats that are open. */
static void add_line(generator *g, const char *text)
{
    add_wrapped(&g->entry, text, 4 + 4 * g->n_open);
}

static int find_io(const tn_buf *const *list, size_t n, const tn_buf *b)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == b)
            return (int)i;
    return -1;
}

static const char *weight_text(const generator *g, const tn_buf *b)
{
    const tn_unit *u = g->u;
    for (size_t i = 0; i < u->weights.n; i++) {
        const tn_weight *w = &u->weights.items[i];
        if (w->buf != b)
            continue;
        const char *type = tn_dtype_get(b->dtype)->c;
        if (u->params == TN_PARAMS_CONST)
            return tn_strfmt(u->arena, "%s_w_%s", u->name, w->name);
        if (u->params == TN_PARAMS_INCBIN)
            return tn_strfmt(u->arena, "(const %s *)(const void *)(%s_weights_data + %lld)", type, u->name,
                             (long long)w->offset);
        return tn_strfmt(u->arena, "(const %s *)(const void *)(params + %lld)", type, (long long)w->offset + 64);
    }
    return "NULL";
}

static const char *argument(const generator *g, const tn_buf *root)
{
    const tn_unit *u = g->u;
    int at = find_io(u->input, u->n_in, root);
    if (at >= 0)
        return tn_strfmt(u->arena, "io->%s", u->input_name[at]);
    at = find_io(u->output, u->n_out, root);
    if (at >= 0)
        return tn_strfmt(u->arena, "io->%s", u->output_name[at]);
    if (root->scope == TN_SCOPE_CONST)
        return weight_text(g, root);
    if (tn_buf_room(root) == 0) /* no place: it would be that of another argument, which restrict forbids */
        return tn_strfmt(u->arena, "(%s *)NULL", tn_dtype_get(root->dtype)->c);
    return tn_strfmt(u->arena, "(%s *)(void *)(mem + %lld)", tn_dtype_get(root->dtype)->c,
                     (long long)u->plan->offset[root->id]);
}

/* Rows in memory, border included: all of them, or those of a buffer whose rows take each other's place. */
static int64_t count_rows(const tn_buf *b, int axis)
{
    for (int k = 0; k < b->layout.n; k++)
        if (b->layout.part[k].axis == axis && b->layout.part[k].mod != 0)
            return b->layout.part[k].mod;
    return b->max[axis] + b->layout.lo[axis] + b->layout.hi[axis];
}

static void add_border(generator *g, const tn_buf *b, int64_t rows, int64_t row_bytes, const int64_t end[4])
{
    assert(rows > 0 && row_bytes > 0); /* an empty buffer has no border */
    int64_t planes = tn_buf_room(b) * tn_dtype_get(b->dtype)->size / (rows * row_bytes);
    g->has_borders = true;
    add_line(g, tn_strfmt(g->u->arena, "%s_border(mem + %lld, %d, %lld, %lld, %lld, %lld, %lld, %lld, %lld);",
                          g->u->name, (long long)g->u->plan->offset[b->id], (int)(uint8_t)b->layout.fill,
                          (long long)planes, (long long)rows, (long long)row_bytes, (long long)end[0],
                          (long long)end[1], (long long)end[2], (long long)end[3]));
}

/* The last two dims are planes, with the elements of a block innermost. Of three dims the first has planes for its
   border, which are rows of one larger plane. */
static void print_border(generator *g, const tn_buf *b)
{
    const int64_t *lo = b->layout.lo, *hi = b->layout.hi;
    int64_t lanes = b->layout.n > b->rank ? b->layout.part[b->layout.n - 1].mod : 1;
    int64_t size = lanes * tn_dtype_get(b->dtype)->size, rows[TN_MAX_RANK];
    int x = b->rank - 1, y = b->rank - 2, z = b->rank - 3;
    for (int d = 0; d < b->rank; d++)
        rows[d] = count_rows(b, d);
    if (z >= 2 && lo[z] + hi[z] > 0)
        add_border(g, b, rows[z], rows[y] * rows[x] * size, (int64_t[]){lo[z], hi[z], 0, 0});
    if (y >= 2)
        add_border(g, b, rows[y], rows[x] * size, (int64_t[]){lo[y], hi[y], lo[x] * size, hi[x] * size});
    else
        add_border(g, b, 1, rows[x] * size, (int64_t[]){0, 0, lo[x] * size, hi[x] * size});
}

static const char border_function[] =
    "/* Fills the border of each plane with a byte: top and bottom rows of row_bytes, left and right bytes of every row. */\n"
    "static void %s_border(unsigned char *p, int fill, ptrdiff_t planes, ptrdiff_t rows, ptrdiff_t row_bytes,\n"
    "                      ptrdiff_t top, ptrdiff_t bottom, ptrdiff_t left, ptrdiff_t right)\n"
    "{\n"
    "    for (ptrdiff_t i = 0; i < planes; i++) {\n"
    "        memset(p, fill, (size_t)(top * row_bytes));\n"
    "        p += top * row_bytes;\n"
    "        for (ptrdiff_t y = 0; y < rows - top - bottom; y++) {\n"
    "            memset(p, fill, (size_t)left);\n"
    "            memset(p + row_bytes - right, fill, (size_t)right);\n"
    "            p += row_bytes;\n"
    "        }\n"
    "        memset(p, fill, (size_t)(bottom * row_bytes));\n"
    "        p += bottom * row_bytes;\n"
    "    }\n"
    "}\n\n";

/* A function's text with the model's name in the place of %s. */
static void print_helper(const tn_unit *u, const char *text, tn_str *out)
{
    const char *at = strstr(text, "%s");
    tn_str_put(out, text, (size_t)(at - text));
    tn_str_add(out, "%s%s", u->name, at + 2);
}

typedef struct entering {
    const tn_expr *const *at;
    int rank;
    bool found;
} entering;

static void note_turn(void *user, const tn_repeat *r, bool enters)
{
    entering *e = user;
    for (int d = 0; enters && d < e->rank; d++)
        e->found = e->found || tn_uses_var(e->at[d], r->turn);
}

/* Whether the turns of a repeat write b part by part: its border is then cleared before the repeat. */
static bool is_written_by_turns(const generator *g, const tn_buf *b)
{
    const tn_kernel_vec *kernels = &g->u->program->kernels;
    for (size_t k = 0; k < kernels->n; k++) {
        const tn_comp *c = kernels->items[k].comp;
        entering e = {c->at, c->out->rank, false};
        if (tn_buf_root(c->out) == b)
            tn_repeat_move(NULL, c->repeat, note_turn, &e);
        if (e.found)
            return true;
    }
    return false;
}

/* Of all buffers whose life begins with kernel k. */
static void print_borders(generator *g, size_t k, bool by_turns)
{
    const tn_program *p = g->u->program;
    for (size_t i = 0; i < p->bufs.n; i++) {
        const tn_buf *b = p->bufs.items[i];
        if (b->alias == NULL && g->u->plan->offset[i] >= 0 && g->u->plan->first[i] == (int)k && tn_buf_has_border(b)
            && is_written_by_turns(g, b) == by_turns)
            print_border(g, b);
    }
}

static void print_repeat(void *user, const tn_repeat *r, bool enters)
{
    generator *g = user;
    const char *turn = r->turn->name;
    g->n_open -= !enters;
    add_line(g, enters ? tn_strfmt(g->u->arena, "for (ptrdiff_t %s = 0; %s < %s; %s++) {", turn, turn,
                                   tn_index_text(g->u->program, r->extent, &g->needs), turn)
                       : "}");
    g->n_open += enters;
}

static const char share_function[] =
    "/* The parts of a layer by the threads; one after the other where there are none. */\n"
    "static void %s_share(const tn_parallel *threads, int parts, tn_task *task, void *args)\n"
    "{\n"
    "    if (threads != NULL)\n"
    "        threads->run(threads->pool, parts, task, args);\n"
    "    else\n"
    "        for (int part = 0; part < parts; part++)\n"
    "            task(args, part);\n"
    "}\n\n";

static const char *arguments(const generator *g, const tn_function *f)
{
    tn_str s = {.arena = g->u->arena};
    tn_str_put(&s, "", 0);
    for (int i = 0; i < f->n_param; i++)
        tn_str_add(&s, "%s%s", i > 0 ? ", " : "", argument(g, f->param[i].root));
    for (int i = 0; i < f->n_symbol; i++)
        tn_str_add(&s, "%s%s", s.len > 0 ? ", " : "", tn_symbol_local(g->u->program, f->symbol[i]));
    return s.text;
}

static void print_return_if(generator *g, const char *condition, const char *code)
{
    const tn_unit *u = g->u;
    add_line(g, tn_strfmt(u->arena, "if (%s)%s", condition, u->flush ? " {" : ""));
    if (u->flush)
        add_line(g, tn_strfmt(u->arena, "    %s", restore_text));
    add_line(g, tn_strfmt(u->arena, "    return %s_%s;", u->upper, code));
    if (u->flush)
        add_line(g, "}");
}

/* The bounds hold for ptrdiff_t too, which may have 32 bits. */
static void print_found(generator *g, const tn_var *v, int64_t at)
{
    const tn_unit *u = g->u;
    const char *local = tn_symbol_local(u->program, v), *read = "*(const int64_t *)(const void *)(mem + %lld)";
    const char *value = tn_strfmt(u->arena, read, (long long)at);
    print_return_if(g, tn_strfmt(u->arena, "%s < %lld || %s > %lld", value, (long long)v->lo, value, (long long)v->hi),
                    "ERR_SHAPE");
    add_line(g, tn_strfmt(u->arena, "%s = (ptrdiff_t)%s;", local, value));
    add_line(g, tn_strfmt(u->arena, "*io->%s = %s;", tn_symbol_name(u, tn_symbol_place(u->program, v)), local));
}

/* What a check or a while wrote, which nobody else reads. */
static void print_check(generator *g, const tn_comp *c)
{
    const tn_unit *u = g->u;
    int64_t at = u->plan->offset[tn_buf_root(c->out)->id];
    if (c->finds != NULL)
        print_found(g, c->finds, at);
    else if (c->check == TN_WHILE) {
        add_line(g, tn_strfmt(u->arena, "if (mem[%lld] == 0)", (long long)at));
        add_line(g, "    break; /* no further turn */");
    } else
        print_return_if(g, tn_strfmt(u->arena, "mem[%lld] == 0", (long long)at), "ERR_VALUE");
}

static void print_shared(generator *g, const call *c, const tn_share *share)
{
    tn_arena *a = g->u->arena;
    const char *turns = share->turns->kind == TN_E_INT ? "" : tn_strfmt(a, ", %s", turns_text(g, share));
    add_line(g, "{");
    add_line(g, tn_strfmt(a, "    %s_args args = {%s%s};", c->name, arguments(g, c->f), turns));
    add_line(g, tn_strfmt(a, "    %s_share(threads, %d, %s_part, &args);", g->u->name, share->parts, c->name));
    add_line(g, "}");
}

static void print_call(generator *g, size_t k)
{
    const tn_unit *u = g->u;
    const call *c = &g->calls[k];
    print_borders(g, k, false);
    add_line(g, tn_strfmt(u->arena, "%s_LAYER_BEGIN(%zu);", u->upper, k));
    if (share_of(g, k)->parts > 0 && tn_is_threaded(u))
        print_shared(g, c, share_of(g, k));
    else if (share_of(g, k)->parts > 0) /* by a schedule that was given */
        add_line(g, tn_strfmt(u->arena, "%s(%s, 0, %s);", c->name, arguments(g, c->f), turns_text(g, share_of(g, k))));
    else
        add_line(g, tn_strfmt(u->arena, "%s(%s);", c->name, arguments(g, c->f)));
    add_line(g, tn_strfmt(u->arena, "%s_LAYER_END(%zu);", u->upper, k));
    if (u->program->kernels.items[k].comp->check)
        print_check(g, u->program->kernels.items[k].comp);
}

static void print_entry(generator *g)
{
    const tn_unit *u = g->u;
    if (u->variant != NULL) /* no header tells of it */
        tn_str_add(&g->entry, "%s;\n\n", tn_run_prototype(u));
    tn_str_add(&g->entry, "%s_SECTION_CODE %s\n{\n", u->upper, tn_run_prototype(u));
    tn_print_checks(u, &g->needs, &g->entry);
    if (tn_is_threaded(u) && !g->has_shares)
        tn_str_add(&g->entry, "    (void)threads; /* every layer is too small to share */\n");
    bool uses_mem = false;
    for (size_t i = 0; i < u->program->bufs.n; i++)
        uses_mem = uses_mem || (u->plan->offset[i] >= 0 && tn_buf_room(u->program->bufs.items[i]) > 0);
    if (uses_mem)
        tn_str_add(&g->entry, "    unsigned char *const mem = (unsigned char *)work;\n");
    if (tn_weights_are_passed(u) && u->weights.n > 0)
        tn_str_add(&g->entry, "    const unsigned char *const params = (const unsigned char *)weights;\n");
    if (u->flush) {
        add_line(g, "/* denormals count as 0 from here to each return, and are what they were behind it */");
        add_line(g, flush_text);
    }
    tn_str_add(&g->entry, "\n");
    const tn_repeat *in = NULL;
    for (size_t i = 0; i < u->n_layers; i++) {
        const tn_repeat *next = u->program->kernels.items[i].comp->repeat, *around = in;
        while (!tn_repeat_is_in(next, around))
            around = around->outer;
        tn_repeat_move(in, around, print_repeat,
                       g); /* what an earlier repeat reads may lie where a border comes to be */
        print_borders(g, i, true);
        tn_repeat_move(around, next, print_repeat, g);
        print_call(g, i);
        in = next;
    }
    tn_repeat_move(in, NULL, print_repeat, g);
    if (u->flush)
        add_line(g, restore_text);
    tn_str_add(&g->entry, "    return %s_OK;\n}\n", u->upper);
}

/* --- the file ------------------------------------------------------------------------------------------------------- */

static void print_head(const generator *g, tn_str *out)
{
    const tn_unit *u = g->u;
    tn_str_add(out, "/* %s: generated by Tenon " TN_VERSION " for %s (%s). See %s.h for how to call it. */\n", u->name,
               u->target->name, u->options, u->name);
    if (g->needs.vectors)
        tn_str_add(out, "#define TN_NEED_VECTORS\n");
    if (g->needs.extremes || g->needs.vmath)
        tn_str_add(out, "#define TN_NEED_EXTREMES\n");
    if (g->needs.minmax)
        tn_str_add(out, "#define TN_NEED_MINMAX\n");
    if (g->needs.fixed)
        tn_str_add(out, "#define TN_NEED_FIXED\n");
    if (g->needs.fixed_curves)
        tn_str_add(out, "#define TN_NEED_FIXED_CURVES\n");
    if (g->needs.ints)
        tn_str_add(out, "#define TN_NEED_INT\n");
    if (g->needs.convert)
        tn_str_add(out, "#define TN_NEED_CONVERT\n");
    if (g->needs.half)
        tn_str_add(out, "#define TN_NEED_HALF\n");
    if (g->needs.bits || g->needs.fmath)
        tn_str_add(out, "#define TN_NEED_BITS\n");
    if (g->needs.minifloat)
        tn_str_add(out, "#define TN_NEED_MINIFLOAT\n");
    if (g->needs.areas)
        tn_str_add(out, "#define TN_NEED_AREAS\n");
    if (u->exact)
        tn_str_add(out, "#define TN_NEED_EXACT\n");
    tn_str_add(out, "#include \"%s.h\"\n\n%s%s#include <stdint.h>\n%s\n#include \"tn_port.h\"\n%s%s%s%s%s\n", u->name,
               g->needs.cblas ? "#include <cblas.h>\n" : "", g->needs.math ? "#include <math.h>\n" : "",
               g->has_borders || u->n_states > 0 ? "#include <string.h>\n" : "",
               g->needs.vmath ? "#include \"tn_vmath.h\"\n" : "", g->needs.fmath ? "#include \"tn_fmath.h\"\n" : "",
               g->needs.halves ? "#include \"tn_half.h\"\n" : "", g->needs.bytes ? "#include \"tn_bytes.h\"\n" : "",
               u->flush ? "#include \"tn_denormals.h\"\n" : "");
    tn_str_add(
        out,
        "#if %s_ABI_VERSION != TN_PORT_VERSION\n#error \"tn_port.h is of another version of Tenon than %s.h\"\n#endif\n",
        u->upper, u->name);
    tn_str_add(out, "#ifdef %s_CONFIG_H\n#include %s_CONFIG_H\n#endif\n", u->upper, u->upper);
    tn_str_add(out, "#ifndef %s_SECTION_CODE\n#define %s_SECTION_CODE\n#endif\n", u->upper, u->upper);
    tn_str_add(out, "/* For clocks and traces: i is the layer's index in %s_get_info()->layers. */\n", u->name);
    tn_str_add(out, "#ifndef %s_LAYER_BEGIN\n#define %s_LAYER_BEGIN(i) ((void)0)\n#endif\n", u->upper, u->upper);
    tn_str_add(out, "#ifndef %s_LAYER_END\n#define %s_LAYER_END(i) ((void)0)\n#endif\n\n", u->upper, u->upper);
}

/* A blob holds numbers in little-endian order, which the code reads as they lie. */
static void print_byte_order(const tn_unit *u, tn_str *out)
{
    if (u->params != TN_PARAMS_CONST && u->weights.n > 0)
        tn_str_add(out, "#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__)\n"
                        "#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__\n"
                        "#error \"the weights are little-endian: compile the model with params=const\"\n"
                        "#endif\n#endif\n\n");
}

static void print_weight_names(const tn_unit *u, tn_str *out)
{
    print_byte_order(u, out);
    if (u->params == TN_PARAMS_INCBIN && u->weights.n > 0)
        tn_str_add(out, "extern const unsigned char %s_weights_data[];\n\n", u->name);
    if (u->params != TN_PARAMS_CONST || u->weights.n == 0)
        return;
    for (size_t i = 0; i < u->weights.n; i++) {
        const tn_weight *w = &u->weights.items[i];
        tn_str_add(out, "extern const %s %s_w_%s[%lld];\n", tn_dtype_get(w->buf->dtype)->c, u->name, w->name,
                   (long long)tn_weight_count(w));
    }
    tn_str_add(out, "\n");
}

void tn_emit_source(const tn_unit *u, tn_str *out)
{
    generator g = {.u = u, .functions = {.arena = u->arena}, .entry = {.arena = u->arena}};
    tn_str_put(&g.functions, "", 0);
    g.calls = TN_NEW_N(u->arena, call, u->n_layers + 1);
    make_functions(&g);
    print_functions(&g);
    print_entry(&g);
    print_head(&g, out);
    print_weight_names(u, out);
    if (g.has_borders)
        print_helper(u, border_function, out);
    if (g.has_shares)
        print_helper(u, share_function, out);
    tn_str_add(out, "%s%s", g.functions.text, g.entry.text);
    if (u->variant == NULL) {
        tn_emit_weights_check(u, out);
        tn_emit_state(u, out);
    }
    tn_emit_info(u, out);
}
