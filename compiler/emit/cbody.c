/* See cbody.h. Subexpressions that a run of statements shares get a name first. */
#include "emit/cexpr.h"
#include "emit/names.h"

static void line(tn_printer *c, const char *format, ...) TN_PRINTF(2, 3);
static void line(tn_printer *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char small[512], *text = small;
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if ((size_t)n >= sizeof small) {
        text = tn_alloc(c->p->arena, (size_t)n + 1);
        va_start(args, format);
        vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
    }
    tn_str_add(c->out, "%*s%s\n", c->indent * 4, "", text);
}

/* --- naming what is shared ---------------------------------------------------------------------------------------- */

static void name_one(tn_printer *c, const tn_expr *e)
{
    const char *name = tn_strfmt(c->p->arena, e->dtype == TN_INDEX ? "a%d" : "t%d", c->n_temps++);
    *TN_PUSH(c->p->arena, c->named) = (tn_named){e, name, c->lane, false};
}

static const char *type_text(tn_printer *c, tn_dtype t, const tn_var *lane)
{
    return lane != NULL ? tn_vector_type(c, t, lane) : tn_dtype_get(t)->c;
}

static const char *definition(tn_printer *c, const tn_named *n)
{
    tn_arena *a = c->p->arena;
    const tn_expr *e = n->expr;
    c->lane = n->lane;
    bool vector = tn_is_vector(c, e), truth = e->dtype == TN_BOOL && e->kind != TN_E_LOAD && !vector;
    const char *type = type_text(c, e->dtype, vector ? c->lane : NULL), *value = tn_bare(c, tn_text_of(c, e));
    c->lane = NULL;
    return tn_strfmt(a, truth ? "const %s %s = (uint8_t)(%s);" : "const %s %s = %s;", type, n->name, value);
}

/* Prints the definitions of the names from first on that the text below uses, then that text. From the last back,
   since a definition may use the names before it. */
static void print_named(tn_printer *c, size_t first, tn_str *outer, const tn_str *below)
{
    size_t n = c->named.n;
    const char **lines = TN_NEW_N(c->p->arena, const char *, n + 1);
    for (size_t i = n; i-- > first;) {
        c->named.n = i;
        if (c->named.items[i].is_used)
            lines[i] = definition(c, &c->named.items[i]);
    }
    c->named.n = first;
    c->out = outer;
    for (size_t i = first; i < n; i++)
        if (lines[i] != NULL)
            line(c, "%s", lines[i]);
    if (below->len > 0)
        tn_str_put(outer, below->text, below->len);
}

/* index_only: subscripts without data, for a run of statements; else anything, for one statement. */
static void name_shared(tn_printer *c, const tn_use_vec *uses, bool index_only)
{
    for (size_t i = 0; i < uses->n; i++) {
        const tn_use *u = &uses->items[i];
        if (u->count > 1 && u->hoistable && (!index_only || !tn_needs_data(u->expr)))
            name_one(c, u->expr);
    }
}

/* --- statements --------------------------------------------------------------------------------------------------- */

static void print_stmts(tn_printer *c, const tn_stmt_vec *body);

static const char *typed(tn_printer *c, const tn_stmt *s, const char *value)
{
    if (s->lane == NULL || tn_is_vector(c, s->value))
        return value;
    return tn_strfmt(c->p->arena, "TN_SPLAT_%s(%s)", tn_vector_kind(c, s->value->dtype, s->lane), value);
}

static const char *stored(tn_printer *c, const tn_buf *b, const tn_expr *e, const char *value)
{
    bool truth = b->dtype == TN_BOOL && (e->kind == TN_E_OP || e->kind == TN_E_CAST || e->kind == TN_E_SELECT);
    return truth ? tn_strfmt(c->p->arena, "(uint8_t)(%s)", value) : value;
}

static bool is_widened_byte(const tn_expr *e)
{
    return e->kind == TN_E_CAST && e->dtype == TN_INT32 && tn_dtype_is_byte(e->arg[0]->dtype);
}

/* sum += x * y in vectors, x and y bytes: the product of their 16-bit halves does. */
static bool print_byte_product(tn_printer *c, const tn_stmt *s)
{
    const tn_expr *e = s->value;
    if (s->lane == NULL || e->kind != TN_E_OP || e->op != TN_OP_ADD || e->arg[0]->kind != TN_E_VAR
        || e->arg[0]->var != s->var || e->arg[1]->kind != TN_E_OP || e->arg[1]->op != TN_OP_MUL)
        return false;
    const tn_expr *x = e->arg[1]->arg[0], *y = e->arg[1]->arg[1];
    if (!is_widened_byte(x) || !is_widened_byte(y))
        return false;
    bool is_signed = x->arg[0]->dtype == TN_INT8 && y->arg[0]->dtype == TN_INT8;
    c->needs->bytes = true;
    line(c, "TN_MULADD%s_%s(%s, %s, %s);", is_signed ? "S" : "", tn_vector_kind(c, TN_INT32, s->lane),
         tn_var_text(c, s->var), tn_bare(c, tn_vector_text(c, x)), tn_bare(c, tn_vector_text(c, y)));
    return true;
}

static void print_set(tn_printer *c, const tn_stmt *s)
{
    const tn_expr *e = s->value;
    tn_dot4 dot;
    if (print_byte_product(c, s))
        return;
    if (tn_match_dot4(c->p, e, s->lane, &dot)) {
        c->needs->bytes = true;
        line(c, "TN_DOT4%s_%s(%s, %s, %s);", dot.flips ? "S" : "", tn_vector_kind(c, TN_INT32, s->lane),
             tn_var_text(c, s->var), tn_place_text(c, dot.x->buf, dot.x->arg[0], true),
             tn_place_text(c, dot.w->buf, dot.w->arg[0], true));
        return;
    }
    bool adds = e->kind == TN_E_OP && e->op == TN_OP_ADD && e->arg[0]->kind == TN_E_VAR && e->arg[0]->var == s->var
             && (tn_dtype_get(e->dtype)->is_float || s->lane != NULL
                 || (tn_dtype_get(e->dtype)->size >= 4 && !tn_may_wrap(e)));
    if (adds && s->lane != NULL && !tn_is_vector(c, e->arg[1]))
        line(c, "%s += TN_SPLAT_%s(%s);", tn_var_text(c, s->var), tn_vector_kind(c, e->dtype, s->lane),
             tn_bare(c, tn_text_of(c, e->arg[1])));
    else if (adds)
        line(c, "%s += %s;", tn_var_text(c, s->var), tn_bare(c, tn_text_of(c, e->arg[1])));
    else
        line(c, "%s = %s;", tn_var_text(c, s->var), tn_bare(c, tn_text_of(c, e)));
}

static void print_simple(tn_printer *c, const tn_stmt *s)
{
    tn_use_vec uses = {0};
    size_t first = c->named.n;
    tn_str *outer = c->out, below = {.arena = c->p->arena};
    c->out = &below;
    c->lane = s->lane;
    c->needs->vectors = c->needs->vectors || s->lane != NULL;
    tn_expr_uses(c->p, s->value, c->lane, false, &uses);
    name_shared(c, &uses, false);
    const char *type = type_text(c, s->value->dtype, s->lane);
    switch (s->kind) {
    case TN_S_LET:
        line(c, "%s%s %s = %s;", s->is_mutable ? "" : "const ", type, tn_var_text(c, s->var),
             typed(c, s, tn_bare(c, tn_text_of(c, s->value))));
        break;
    case TN_S_SET: print_set(c, s); break;
    case TN_S_STORE:
        c->needs->bytes = c->needs->bytes || (s->lane != NULL && tn_dtype_get(s->value->dtype)->size == 1);
        c->needs->halves = c->needs->halves || (s->lane != NULL && tn_dtype_is_half(s->value->dtype));
        if (s->lane != NULL)
            line(c, "TN_STORE_%s(%s, %s);", tn_vector_kind(c, s->value->dtype, s->lane),
                 tn_place_text(c, s->buf, s->offset, true), typed(c, s, tn_bare(c, tn_text_of(c, s->value))));
        else
            line(c, "%s = %s;", tn_place_text(c, s->buf, s->offset, false),
                 stored(c, s->buf, s->value, tn_bare(c, tn_text_of(c, s->value))));
        break;
    case TN_S_PREFETCH: line(c, "TN_PREFETCH(%s);", tn_place_text(c, s->value->buf, s->value->arg[0], true)); break;
    default: break;
    }
    c->lane = NULL;
    print_named(c, first, outer, &below);
}

/* One call for the vectors of a whole tile. */
static bool print_batch(tn_printer *c, const tn_stmt *s)
{
    tn_batch b;
    if (!tn_match_batch(s, &b))
        return false;
    c->needs->vectors = c->needs->vmath = true;
    line(c, "TN_EACH_%s(%s, %s, %lld);", tn_vector_kind(c, TN_FLOAT, b.lane), tn_vector_function(b.op),
         tn_pointer_text(c, b.buf), (long long)b.n);
    return true;
}

static void print_for(tn_printer *c, const tn_stmt *s)
{
    if (print_batch(c, s))
        return;
    const char *v = tn_var_text(c, s->var);
    line(c, "for (ptrdiff_t %s = %s; %s < %s; %s++) {", v, tn_bare(c, tn_text_of(c, s->begin)), v,
         tn_operand(c, tn_text_of(c, s->end)), v);
    c->indent++;
    print_stmts(c, &s->body);
    c->indent--;
    line(c, "}");
}

static const char *arg_text(tn_printer *c, const tn_arg *a)
{
    switch (a->kind) {
    case TN_ARG_WORD: return a->name;
    case TN_ARG_READ:
    case TN_ARG_WRITE: return tn_place_text(c, a->expr->buf, a->expr->arg[0], true);
    case TN_ARG_INT:
    case TN_ARG_EXTENT: break;
    }
    bool narrows = a->kind == TN_ARG_INT && a->expr->kind != TN_E_INT;
    return tn_strfmt(c->p->arena, narrows ? "(int)%s" : "%s",
                     narrows ? tn_text_of(c, a->expr) : tn_bare(c, tn_text_of(c, a->expr)));
}

static void print_call(tn_printer *c, const tn_stmt *s)
{
    const tn_call *call = s->call;
    tn_str args = {.arena = c->p->arena};
    c->needs->cblas = c->needs->cblas || call->library != NULL;
    for (int i = 0; i < call->n_arg; i++)
        tn_str_add(&args, "%s%s", i > 0 ? ", " : "", arg_text(c, &call->arg[i]));
    line(c, "%s(%s);", call->function, args.text);
}

static bool is_simple(const tn_stmt *s)
{
    return s->kind == TN_S_LET || s->kind == TN_S_SET || s->kind == TN_S_STORE || s->kind == TN_S_PREFETCH;
}

static void count_run(tn_printer *c, const tn_stmt_vec *body, size_t from, size_t to, tn_use_vec *uses)
{
    for (size_t i = from; i < to; i++) {
        const tn_stmt *s = body->items[i];
        tn_expr_uses(c->p, s->value, s->lane, true, uses);
        if (s->kind == TN_S_STORE)
            tn_expr_uses(c->p, tn_first_lane(c->p, s->offset, s->lane), s->lane, true, uses);
    }
}

/* A run of simple statements, what they share named before them, then the loop after it, then the rest. */
static void print_from(tn_printer *c, const tn_stmt_vec *body, size_t i)
{
    size_t end = i, first = c->named.n;
    tn_str *outer = c->out, below = {.arena = c->p->arena};
    while (end < body->n && is_simple(body->items[end]))
        end++;
    tn_use_vec uses = {0};
    count_run(c, body, i, end, &uses);
    name_shared(c, &uses, true);
    c->out = &below;
    for (; i < end; i++)
        print_simple(c, body->items[i]);
    if (i < body->n) {
        if (body->items[i]->kind == TN_S_CALL)
            print_call(c, body->items[i]);
        else
            print_for(c, body->items[i]);
        print_from(c, body, i + 1);
    }
    print_named(c, first, outer, &below);
}

static void print_stmts(tn_printer *c, const tn_stmt_vec *body)
{
    if (body->n > 0)
        print_from(c, body, 0);
}

/* --- the function --------------------------------------------------------------------------------------------------- */

static void declare_spills(tn_printer *c, const tn_stmt *s, bool *declared)
{
    if (s->kind == TN_S_STORE && s->buf->scope == TN_SCOPE_REGISTER && !declared[s->buf->id]) {
        int64_t vector = (s->lane != NULL ? s->lane->hi + 1 : 1) * tn_dtype_get(s->buf->dtype)->size;
        const char *aligned = s->lane != NULL ? tn_strfmt(c->p->arena, "TN_ALIGNED(%d) ", (int)vector) : "";
        line(c, "%s%s %s[%lld];", aligned, tn_dtype_get(s->buf->dtype)->c, tn_pointer_text(c, s->buf),
             (long long)s->buf->max[0]);
        declared[s->buf->id] = true;
    }
    for (size_t i = 0; i < s->body.n; i++)
        declare_spills(c, s->body.items[i], declared);
}

/* Whether the call decides it: a subscript of named dims and turns alone. */
static bool is_of_call(tn_printer *c, const tn_expr *e)
{
    if (e->kind == TN_E_LOAD || (e->kind == TN_E_VAR && tn_symbol_local(c->p, e->var) == NULL))
        return false;
    for (int k = 0; k < e->n; k++)
        if (!is_of_call(c, e->arg[k]))
            return false;
    return e->dtype == TN_INDEX;
}

/* Operands first. */
static void name_limits_in(tn_printer *c, const tn_expr *e, bool *seen)
{
    if (e == NULL || seen[e->id])
        return;
    seen[e->id] = true;
    for (int k = 0; k < e->n; k++)
        name_limits_in(c, e->arg[k], seen);
    if (e->kind == TN_E_OP && (e->op == TN_OP_MIN || e->op == TN_OP_MAX) && is_of_call(c, e))
        name_one(c, e);
}

/* Where a turn begins and ends, min(turn0 * 4, 9), once for all loops that it limits. */
static void name_limits(tn_printer *c, const tn_stmt *s, bool *seen)
{
    name_limits_in(c, s->begin, seen);
    name_limits_in(c, s->end, seen);
    name_limits_in(c, s->value, seen);
    name_limits_in(c, s->offset, seen);
    for (size_t i = 0; i < s->body.n; i++)
        name_limits(c, s->body.items[i], seen);
}

void tn_print_function(tn_program *p, const tn_stmt *body, tn_needs *needs, tn_function *out)
{
    bool *declared = TN_NEW_N(p->arena, bool, p->bufs.n);
    *out = (tn_function){.text = {.arena = p->arena}};
    tn_printer c = {.p = p, .needs = needs, .f = out, .out = &out->text, .indent = 1};
    tn_collect_params(p, body, out);
    declare_spills(&c, body, declared);
    tn_str below = {.arena = p->arena};
    name_limits(&c, body, TN_NEW_N(p->arena, bool, p->n_expr));
    c.out = &below;
    print_stmts(&c, &body->body);
    print_named(&c, 0, &out->text, &below);
}
