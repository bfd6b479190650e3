/* Loop programs from text: the inverse of print.c, which shows the form. What comes out has no graph behind it but a
   name and symbols, so buffers have no values and computations no nodes; it can be interpreted and rewritten. */
#include <limits.h>

#include "loop/reader.h"

enum { MAX_PARTS = sizeof((tn_layout *)0)->part / sizeof((tn_layout *)0)->part[0] };

/* A buffer that another one refers to may stand behind it. */
typedef struct reference {
    tn_buf **place;
    const char *name;
    int line;
} reference;

typedef struct reader {
    tn_loop_reader r;
    struct {
        reference *items;
        size_t n, room;
    } references;
} reader;

/* --- buffers ------------------------------------------------------------------------------------------------------ */

static bool parse_dims(tn_loop_reader *r, tn_buf *b)
{
    int64_t lo = 0, count = 1;
    if (!tn_scan_need(&r->s, "["))
        return false;
    for (; !tn_scan_is(&r->s, "]"); b->rank++) {
        if (b->rank == TN_MAX_RANK)
            return tn_scan_error(&r->s, "found more than %d dims; that many are supported", TN_MAX_RANK);
        if (b->rank > 0 && !tn_scan_need(&r->s, ","))
            return false;
        const tn_expr *d = b->dim[b->rank] = tn_expr_parse(r);
        if (d == NULL || !tn_expr_need_type(r, d, TN_INDEX, "a dim"))
            return false;
        tn_range_of(d, &lo, &b->max[b->rank]);
        if (b->max[b->rank] < 0)
            return tn_scan_error(&r->s, "found dim %d, which is negative", b->rank);
        if (!tn_mul_i64(count, b->max[b->rank], &count) || count >= TN_DIM_MAX)
            return tn_scan_error(&r->s, "found a buffer of more than 2^40 elements, which is too large");
    }
    return tn_scan_next(&r->s);
}

static bool parse_scope(tn_scan *s, tn_scope *out)
{
    static const char *const scopes[] = {"arena", "input", "output", "const", "register"};
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
        if (tn_scan_is(s, scopes[i])) {
            *out = (tn_scope)i;
            return tn_scan_next(s);
        }
    return tn_scan_wanted(s, "arena, input, output, const or register");
}

static bool parse_small(tn_scan *s, int64_t least, int64_t most, int64_t *out)
{
    if (!tn_scan_integer(s, TN_INT64, out))
        return false;
    return (*out >= least && *out <= most)
        || tn_scan_error(s, "found %lld, wanted %lld to %lld", (long long)*out, (long long)least, (long long)most);
}

/* 0, 1/16, 2, 1%16) */
static bool parse_parts(tn_scan *s, tn_buf *b)
{
    do {
        int64_t axis = 0, div = 1, mod = 0;
        if (b->layout.n == MAX_PARTS)
            return tn_scan_error(s, "found more than %d parts of a layout", (int)MAX_PARTS);
        if (!parse_small(s, 0, b->rank - 1, &axis) || (tn_scan_skip(s, "/") && !parse_small(s, 1, TN_DIM_MAX, &div))
            || (tn_scan_skip(s, "%") && !parse_small(s, 1, TN_DIM_MAX, &mod)) || s->failed)
            return false;
        b->layout.part[b->layout.n].axis = (int)axis;
        b->layout.part[b->layout.n].div = div;
        b->layout.part[b->layout.n++].mod = mod;
    } while (tn_scan_skip(s, ","));
    return tn_scan_need(s, ")");
}

/* 0:0, 1:1) fill -3 */
static bool parse_border(tn_scan *s, tn_buf *b)
{
    for (int k = 0; k < b->rank; k++)
        if ((k > 0 && !tn_scan_need(s, ",")) || !parse_small(s, 0, INT_MAX, &b->layout.lo[k]) || !tn_scan_need(s, ":")
            || !parse_small(s, 0, INT_MAX, &b->layout.hi[k]))
            return false;
    return tn_scan_need(s, ")") && (!tn_scan_skip(s, "fill") || parse_small(s, INT8_MIN, UINT8_MAX, &b->layout.fill));
}

static bool parse_reference(reader *r, tn_buf **place)
{
    reference *f = TN_PUSH(r->r.p->arena, r->references);
    *f = (reference){.place = place, .line = r->r.s.line};
    return tn_scan_quoted(&r->r.s, "the name of a buffer in quotes", &f->name);
}

static bool parse_contents(tn_loop_reader *r, tn_buf *b)
{
    tn_shape shape = {.known = true, .rank = b->rank};
    for (int k = 0; k < b->rank; k++) {
        if (b->dim[k]->kind != TN_E_INT)
            return tn_scan_error(&r->s, "a constant's dims must be numbers");
        shape.dim[k] = tn_dim_fixed(b->dim[k]->i);
    }
    b->data = tn_scan_data(&r->s, b->dtype, &shape);
    return b->data != NULL;
}

static bool define(tn_loop_reader *r, const char *name, const tn_expr *e)
{
    if (tn_map_get(&r->names, name) != NULL)
        return tn_scan_error(&r->s, "found a second variable %s", name);
    tn_map_put(r->p->arena, &r->names, name, (void *)(uintptr_t)e);
    return true;
}

/* Symbols that are found later, too. */
static void see_all_symbols(tn_loop_reader *r)
{
    r->names = (tn_map){0};
    for (size_t i = 0; i < r->p->symbols.n; i++)
        define(r, r->p->symbols.items[i]->name, tn_var_expr(r->p, r->p->symbols.items[i]));
}

static bool parse_buffer(reader *r)
{
    tn_scan *s = &r->r.s;
    see_all_symbols(&r->r);
    tn_arena *a = r->r.p->arena;
    tn_buf *b = TN_NEW(a, tn_buf);
    b->id = (int)r->r.p->bufs.n;
    if (!tn_scan_quoted(s, "the name of the buffer in quotes", &b->name) || !tn_scan_need(s, ":"))
        return false;
    if (tn_map_get(&r->r.bufs, b->name) != NULL)
        return tn_scan_error(s, "found a second buffer \"%s\"", b->name);
    if (!tn_loop_parse_dtype(s, &b->dtype) || !parse_dims(&r->r, b) || !parse_scope(s, &b->scope))
        return false;
    if (tn_scan_skip(s, "layout") && (!tn_scan_need(s, "(") || !parse_parts(s, b)))
        return false;
    if (tn_scan_skip(s, "border") && (!tn_scan_need(s, "(") || !parse_border(s, b)))
        return false;
    if ((tn_scan_skip(s, "packed") && !parse_reference(r, &b->packed_from))
        || (tn_scan_skip(s, "alias") && !parse_reference(r, &b->alias))
        || (tn_scan_skip(s, "=") && !parse_contents(&r->r, b)) || s->failed)
        return false;
    *TN_PUSH(a, r->r.p->bufs) = b;
    tn_map_put(a, &r->r.bufs, b->name, b);
    return true;
}

/* --- what buffers refer to ---------------------------------------------------------------------------------------- */

static bool in_circle(const tn_program *p, const tn_buf *b)
{
    size_t steps = 0;
    for (const tn_buf *x = b; x->alias != NULL; x = x->alias)
        if (steps++ > p->bufs.n)
            return true;
    return b->packed_from != NULL && (b->packed_from->packed_from != NULL || b->packed_from == b);
}

static bool resolve_references(reader *r)
{
    tn_scan *s = &r->r.s;
    for (size_t i = 0; i < r->references.n; i++) {
        const reference *f = &r->references.items[i];
        *f->place = tn_map_get(&r->r.bufs, f->name);
        s->line = f->line;
        if (*f->place == NULL)
            return tn_scan_error(s, "found the buffer \"%s\", which is not declared", f->name);
    }
    for (size_t i = 0; i < r->r.p->bufs.n; i++) {
        const tn_buf *b = r->r.p->bufs.items[i], *from = b->packed_from;
        if (in_circle(r->r.p, b))
            return tn_scan_error(s, "the buffer \"%s\" comes back to itself", b->name);
        if (from != NULL && (from->data == NULL || from->dtype != b->dtype || from->rank != b->rank))
            return tn_scan_error(s, "the buffer \"%s\" is packed from what has other elements", b->name);
        if (b->scope == TN_SCOPE_CONST && b->data == NULL && from == NULL)
            return tn_scan_error(s, "the constant \"%s\" has no contents", b->name);
    }
    return true;
}

/* --- computations ------------------------------------------------------------------------------------------------- */

static bool parse_axes(tn_loop_reader *r, tn_axis *axis, int *n)
{
    do {
        const char *name = NULL;
        if (*n == TN_MAX_AXES)
            return tn_scan_error(&r->s, "found more than %d axes; that many are supported", (int)TN_MAX_AXES);
        if (!tn_scan_name(&r->s, "the name of an axis", &name) || !tn_scan_need(&r->s, ":"))
            return false;
        const tn_expr *extent = tn_expr_parse(r);
        if (extent == NULL || !tn_expr_need_type(r, extent, TN_INDEX, "an extent"))
            return false;
        axis[*n] = (tn_axis){tn_loop_var(r->p, name, extent), extent};
        if (!define(r, name, tn_var_expr(r->p, axis[(*n)++].var)))
            return false;
    } while (tn_scan_skip(&r->s, ","));
    return !r->s.failed;
}

static bool parse_lets(tn_loop_reader *r)
{
    while (tn_scan_skip(&r->s, "let")) {
        const char *name = NULL;
        if (!tn_scan_name(&r->s, "the name of a let", &name) || !tn_scan_need(&r->s, "="))
            return false;
        const tn_expr *e = tn_expr_parse(r);
        if (e == NULL || !define(r, name, e))
            return false;
    }
    return !r->s.failed;
}

/* acc : float = add from float(0) of ..., behind the first word */
static bool parse_acc(tn_loop_reader *r, tn_comp *c)
{
    tn_dtype t = TN_UNDEFINED;
    if (!tn_scan_need(&r->s, ":") || !tn_loop_parse_dtype(&r->s, &t) || !tn_scan_need(&r->s, "="))
        return false;
    c->combine = tn_scalar_find(&r->s);
    if (c->combine < 0 || tn_scalars[c->combine].operands != 2 || !tn_scalar_takes(c->combine, t)
        || (tn_scalars[c->combine].gives_bool && t != TN_BOOL))
        return tn_scan_wanted(&r->s, "an operation that combines two values of the type into one");
    if (!tn_scan_next(&r->s) || !tn_scan_need(&r->s, "from"))
        return false;
    c->init = tn_expr_parse(r);
    if (c->init == NULL || !tn_expr_need_type(r, c->init, t, "the first value") || !tn_scan_need(&r->s, "of"))
        return false;
    c->elem = tn_expr_parse(r);
    if (c->elem == NULL || !tn_expr_need_type(r, c->elem, t, "an element"))
        return false;
    c->acc = tn_var_make(r->p, "acc", t, 0, 0);
    return define(r, "acc", tn_var_expr(r->p, c->acc));
}

/* "y"[i0, i1] = value */
static bool parse_store(tn_loop_reader *r, tn_comp *c)
{
    const char *name = NULL;
    if (!tn_scan_quoted(&r->s, "the buffer that is written: \"y\"[i0] = ...", &name))
        return false;
    c->out = tn_map_get(&r->bufs, name);
    if (c->out == NULL)
        return tn_scan_error(&r->s, "found the buffer \"%s\", which is not declared", name);
    if (!tn_scan_need(&r->s, "[") || !tn_expr_parse_subscripts(r, c->out->rank, c->at) || !tn_scan_need(&r->s, "="))
        return false;
    const tn_expr *value = tn_expr_parse(r);
    if (value == NULL || !tn_expr_need_type(r, value, c->out->dtype, "a value"))
        return false;
    *(c->n_reduce > 0 ? &c->post : &c->elem) = value;
    return true;
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */

static bool parse_loops(tn_loop_reader *r, const tn_comp *c, tn_call *call)
{
    do {
        const char *name = NULL;
        if (!tn_scan_name(&r->s, "the name of an axis", &name))
            return false;
        const tn_axis *found = NULL;
        for (int i = 0; i < c->n_axis; i++)
            if (strcmp(c->axis[i].var->name, name) == 0)
                found = &c->axis[i];
        if (found == NULL || call->n_loop == TN_MAX_AXES)
            return tn_scan_error(&r->s, "found %s, wanted an axis, each at most once", name);
        call->loop[call->n_loop++] = *found;
    } while (tn_scan_skip(&r->s, ","));
    return !r->s.failed;
}

/* int 4, extent N as M, read "x"[i0, 0] as x, word CblasTrans */
static bool parse_arg(tn_loop_reader *r, tn_arg *a)
{
    static const char *const words[] = {"word", "int", "extent", "read", "write"};
    int kind = 0;
    while (kind < 5 && !tn_scan_is(&r->s, words[kind]))
        kind++;
    if (kind == 5)
        return tn_scan_wanted(&r->s, "word, int, extent, read or write");
    a->kind = (tn_arg_kind)kind;
    if (!tn_scan_next(&r->s))
        return false;
    if (a->kind == TN_ARG_WORD)
        return tn_scan_name(&r->s, "a word of C", &a->name);
    a->expr = tn_expr_parse(r);
    bool is_place = a->kind == TN_ARG_READ || a->kind == TN_ARG_WRITE;
    if (a->expr == NULL || (!is_place && !tn_expr_need_type(r, a->expr, TN_INDEX, "an extent")))
        return false;
    if (is_place && a->expr->kind != TN_E_LOAD)
        return tn_scan_error(&r->s, "found another expression, wanted an element: \"x\"[0]");
    return !tn_scan_skip(&r->s, "as") || tn_scan_name(&r->s, "the name of a parameter", &a->name);
}

/* my_swish for "user.swish" (...), or of cblas; behind the first word */
static bool parse_call(tn_loop_reader *r, tn_comp *c)
{
    tn_call *call = TN_NEW(r->p->arena, tn_call);
    struct {
        tn_arg *items;
        size_t n, room;
    } args = {0};
    if (!tn_scan_name(&r->s, "the name of a function", &call->function)
        || (tn_scan_skip(&r->s, "of") && !tn_scan_name(&r->s, "the name of a library", &call->library))
        || !tn_scan_need(&r->s, "for") || !tn_scan_quoted(&r->s, "the name of a pattern", &call->pattern)
        || (tn_scan_skip(&r->s, "over") && !parse_loops(r, c, call)) || !tn_scan_need(&r->s, "("))
        return false;
    do
        if (!parse_arg(r, TN_PUSH(r->p->arena, args)))
            return false;
    while (tn_scan_skip(&r->s, ","));
    call->arg = args.items;
    call->n_arg = (int)args.n;
    c->call = call;
    return tn_scan_need(&r->s, ")");
}

/* --- a whole computation -------------------------------------------------------------------------------------------- */

static void see_turns(tn_loop_reader *r, const tn_repeat *in)
{
    if (in == NULL)
        return;
    see_turns(r, in->outer);
    define(r, in->turn->name, tn_var_expr(r->p, in->turn));
}

/* A computation sees what those before it have found. */
static void see_symbols(tn_loop_reader *r)
{
    r->names = (tn_map){0};
    for (size_t i = 0; i < r->p->symbols.n; i++) {
        tn_var *v = r->p->symbols.items[i];
        if (!v->found || tn_is_found(r->p, v))
            define(r, v->name, tn_var_expr(r->p, v));
    }
    see_turns(r, r->p->repeat);
}

static bool parse_sums(tn_scan *s, tn_comp *c)
{
    int64_t n = 0;
    bool ok = parse_small(s, 1, TN_FIXED_SUMS, &n);
    c->sums = (int)n;
    return ok;
}

/* Once, and outside of repeats: its value does not change. */
static bool parse_finds(tn_loop_reader *r, tn_comp *c)
{
    const char *name = NULL;
    if (!tn_scan_name(&r->s, "the name of a symbol", &name))
        return false;
    for (size_t i = 0; i < r->p->symbols.n; i++)
        if (r->p->symbols.items[i]->found && strcmp(r->p->symbols.items[i]->name, name) == 0)
            c->finds = r->p->symbols.items[i];
    if (c->finds == NULL)
        return tn_scan_error(&r->s, "found '%s', wanted a symbol of which the head says: found", name);
    if (tn_is_found(r->p, c->finds))
        return tn_scan_error(&r->s, "found a second check that finds '%s'", name);
    return (c->check == TN_CHECK && c->repeat == NULL)
        || tn_scan_error(&r->s, "found 'finds %s', which a check outside of repeats may have", name);
}

static bool parse_comp(tn_loop_reader *r, tn_comp *c)
{
    int64_t id = 0;
    see_symbols(r);
    c->combine = TN_OP_ADD;
    if (!tn_scan_integer(&r->s, TN_INT32, &id) || !tn_scan_quoted(&r->s, "the label in quotes", &c->label))
        return false;
    c->id = (int)id;
    if ((tn_scan_skip(&r->s, "axes") && !parse_axes(r, c->axis, &c->n_axis))
        || (tn_scan_skip(&r->s, "reduce") && !parse_axes(r, c->reduce, &c->n_reduce))
        || (tn_scan_skip(&r->s, "sums") && !parse_sums(&r->s, c))
        || (tn_scan_skip(&r->s, "finds") && !parse_finds(r, c))
        || (tn_scan_skip(&r->s, "mark") && !tn_scan_quoted(&r->s, "the mark in quotes", &c->mark))
        || (tn_scan_skip(&r->s, "call") && !parse_call(r, c))
        || (tn_scan_skip(&r->s, "schedule") && !tn_scan_quoted(&r->s, "the schedule in quotes", &c->schedule))
        || !parse_lets(r))
        return false;
    if (c->n_reduce > 0 && (!tn_scan_need(&r->s, "acc") || !parse_acc(r, c) || !parse_lets(r)))
        return false;
    if (!parse_store(r, c))
        return false;
    if (c->check && (c->out->rank != 0 || c->out->dtype != (c->finds != NULL ? TN_INT64 : TN_BOOL)))
        return tn_scan_error(
            &r->s, "found a check that writes \"%s\", wanted a buffer bool[], or int64[] where it finds a symbol",
            c->out->name);
    if (!tn_sums_fit(c))
        return tn_scan_error(
            &r->s,
            "found sums %d, wanted 1, or up to the last axis's fixed extent 2, 4 or 8 of type float, in "
            "a sum, product, maximum or minimum of floats",
            c->sums);
    *TN_PUSH(r->p->arena, r->p->comps) = c;
    return true;
}

/* --- programs ----------------------------------------------------------------------------------------------------- */

/* What stands in front: the name, the last pass, and the symbols, which the program is made of. */
static bool parse_head(tn_scan *s, tn_graph *g, bool *exact, const char **after)
{
    if (tn_scan_skip(s, "program")
        && (!tn_scan_quoted(s, "the program's name in quotes", &g->name)
            || ((*exact = tn_scan_skip(s, "exact")) && s->failed)
            || (tn_scan_skip(s, "after") && !tn_scan_quoted(s, "the name of a pass in quotes", after))
            || !tn_scan_statement_end(s)))
        return false;
    while (tn_scan_skip(s, "symbol")) {
        const char *name = NULL;
        int64_t bound = 0;
        if (!tn_scan_name(s, "the name of the symbol", &name) || !tn_scan_need(s, "<=")
            || !parse_small(s, 1, TN_DIM_MAX - 1, &bound))
            return false;
        if (tn_dim_find(&g->symbols, name) != NULL)
            return tn_scan_error(s, "found a second symbol '%s'", name);
        *TN_PUSH(g->arena, g->symbols) =
            (tn_scan_skip(s, "found") ? tn_dim_found : tn_dim_named)(g->arena, name, bound);
        if (!tn_scan_statement_end(s))
            return false;
    }
    return !s->failed;
}

/* repeat turn0:N */
static bool parse_repeat(tn_loop_reader *r)
{
    const char *name = NULL;
    see_symbols(r);
    if (!tn_scan_name(&r->s, "the name of the turn", &name) || !tn_scan_need(&r->s, ":"))
        return false;
    if (tn_map_get(&r->names, name) != NULL)
        return tn_scan_error(&r->s, "found a second variable '%s'", name);
    const tn_expr *extent = tn_expr_parse(r);
    if (extent == NULL || !tn_expr_need_type(r, extent, TN_INDEX, "an extent"))
        return false;
    tn_repeat_begin(r->p, extent);
    r->p->repeat->turn->name = name;
    return true;
}

static bool parse_end(tn_loop_reader *r)
{
    if (r->p->repeat == NULL)
        return tn_scan_error(&r->s, "found end without a repeat before it");
    tn_repeat_end(r->p);
    return true;
}

static bool parse_statement(reader *r)
{
    tn_scan *s = &r->r.s;
    bool view = tn_scan_is(s, "view"), serial = tn_scan_is(s, "serial");
    tn_check check = tn_scan_is(s, "check") ? TN_CHECK : tn_scan_is(s, "while") ? TN_WHILE : TN_NO_CHECK;
    if (tn_scan_skip(s, "buffer"))
        return parse_buffer(r);
    if (tn_scan_skip(s, "repeat"))
        return parse_repeat(&r->r);
    if (tn_scan_skip(s, "end"))
        return parse_end(&r->r);
    if (!view && !serial && !check && !tn_scan_is(s, "comp"))
        return tn_scan_wanted(s, "buffer, check, comp, serial, view, while, repeat or end");
    if (check == TN_WHILE && !tn_repeat_begins(r->r.p, r->r.p->repeat, r->r.p->comps.n))
        return tn_scan_error(s, "found while, which only the first computation of a repeat may be");
    tn_comp *c = TN_NEW(r->r.p->arena, tn_comp);
    c->view = view;
    c->serial = serial;
    c->check = check;
    c->repeat = r->r.p->repeat;
    return tn_scan_next(s) && parse_comp(&r->r, c);
}

tn_program *tn_program_parse(tn_arena *a, tn_diag *d, const char *path, const char *text)
{
    reader r = {.r = {.p = NULL}};
    const char *after = NULL;
    bool exact = false;
    tn_graph *g = TN_NEW(a, tn_graph);
    *g = (tn_graph){.arena = a, .diag = d, .path = tn_strdup(a, path), .name = ""};
    if (!tn_scan_begin(&r.r.s, a, d, g->path, text) || !parse_head(&r.r.s, g, &exact, &after))
        return NULL;
    r.r.p = tn_program_make(a, g);
    r.r.p->after = after;
    r.r.p->exact = exact;
    while (r.r.s.kind != TN_TOK_END)
        if (!parse_statement(&r) || !tn_scan_statement_end(&r.r.s))
            return NULL;
    if (r.r.p->repeat != NULL) {
        tn_scan_error(&r.r.s, "found no end of the last repeat");
        return NULL;
    }
    return resolve_references(&r) ? r.r.p : NULL;
}
