/* Expressions of loop programs from text; print.c shows the form. They are kept as written, not brought into normal
   form, so that printing gives the same text again; passes simplify what they rewrite. Every operand is checked for its
   type, since the interpreter and the emitter trust the types. */
#include "loop/reader.h"

static const tn_expr *wrong(tn_loop_reader *r, const char *what)
{
    tn_scan_wanted(&r->s, what);
    return NULL;
}

/* --- constants ---------------------------------------------------------------------------------------------------- */

/* 3, -3 */
static const tn_expr *parse_index(tn_loop_reader *r)
{
    int64_t i = 0;
    if (!tn_scan_integer(&r->s, TN_INT64, &i))
        return NULL;
    if (i > TN_DIM_MAX || i < -TN_DIM_MAX) {
        tn_scan_error(&r->s, "found the subscript %lld, wanted at most 2^40", (long long)i);
        return NULL;
    }
    return tn_index(r->p, i);
}

/* float(0.5), behind the type */
static const tn_expr *parse_constant(tn_loop_reader *r, tn_dtype t)
{
    double x = 0;
    int64_t i = 0;
    bool is_float = tn_dtype_get(t)->is_float;
    if (!tn_scan_need(&r->s, "(") || (is_float ? !tn_scan_float(&r->s, t, &x) : !tn_scan_integer(&r->s, t, &i))
        || !tn_scan_need(&r->s, ")"))
        return NULL;
    return is_float ? tn_number(r->p, t, x) : tn_integer(r->p, t, i);
}

/* --- operands ----------------------------------------------------------------------------------------------------- */

/* n expressions up to the closing sign */
static bool parse_args(tn_loop_reader *r, int n, const tn_expr **arg, const char *close)
{
    for (int k = 0; k < n; k++) {
        if (k > 0 && !tn_scan_need(&r->s, ","))
            return false;
        arg[k] = tn_expr_parse(r);
        if (arg[k] == NULL)
            return false;
    }
    return tn_scan_need(&r->s, close);
}

bool tn_expr_need_type(tn_loop_reader *r, const tn_expr *e, tn_dtype t, const char *what)
{
    return e->dtype == t
        || tn_scan_error(&r->s, "found %s of type %s, wanted %s", what, tn_dtype_get(e->dtype)->name,
                         tn_dtype_get(t)->name);
}

bool tn_expr_parse_subscripts(tn_loop_reader *r, int n, const tn_expr **at)
{
    if (!parse_args(r, n, at, "]"))
        return false;
    for (int k = 0; k < n; k++)
        if (!tn_expr_need_type(r, at[k], TN_INDEX, "a subscript"))
            return false;
    return true;
}

/* "x"[i0, i1], or "x"[@ offset] */
static const tn_expr *parse_load(tn_loop_reader *r, const char *name)
{
    tn_buf *b = tn_map_get(&r->bufs, name);
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    if (b == NULL) {
        tn_scan_error(&r->s, "found the buffer \"%s\", which is not declared", name);
        return NULL;
    }
    if (tn_scan_skip(&r->s, "@"))
        return tn_expr_parse_subscripts(r, 1, at) ? tn_load_flat(r->p, b, at[0]) : NULL;
    return !r->s.failed && tn_expr_parse_subscripts(r, b->rank, at) ? tn_load_raw(r->p, b, b->rank, at) : NULL;
}

bool tn_loop_parse_dtype(tn_scan *s, tn_dtype *out)
{
    *out = TN_INDEX;
    return tn_scan_skip(s, "index") || tn_scan_dtype(s, out);
}

static const tn_expr *parse_cast(tn_loop_reader *r, tn_expr_kind kind)
{
    tn_dtype t = TN_UNDEFINED;
    const tn_expr *x = NULL;
    if (!tn_scan_need(&r->s, "<") || !tn_loop_parse_dtype(&r->s, &t) || !tn_scan_need(&r->s, ">")
        || !tn_scan_need(&r->s, "(") || !parse_args(r, 1, &x, ")"))
        return NULL;
    return tn_expr_as_is(r->p, &(tn_expr){.kind = kind, .dtype = t, .n = 1, .arg = &x});
}

static const tn_expr *parse_select(tn_loop_reader *r)
{
    const tn_expr *x[3] = {NULL};
    if (!tn_scan_need(&r->s, "(") || !parse_args(r, 3, x, ")") || !tn_expr_need_type(r, x[0], TN_BOOL, "a condition")
        || !tn_expr_need_type(r, x[2], x[1]->dtype, "the other side of select"))
        return NULL;
    return tn_expr_as_is(r->p, &(tn_expr){.kind = TN_E_SELECT, .dtype = x[1]->dtype, .n = 3, .arg = x});
}

static const tn_expr *parse_operation(tn_loop_reader *r, int op)
{
    const tn_scalar_info *info = &tn_scalars[op];
    const tn_expr *x[2] = {NULL};
    if (!tn_scan_need(&r->s, "(") || !parse_args(r, info->operands, x, ")"))
        return NULL;
    tn_dtype t = x[0]->dtype;
    if (info->operands > 1 && !tn_expr_need_type(r, x[1], t, "the other operand"))
        return NULL;
    if (!tn_scalar_takes(op, t)) {
        tn_scan_error(&r->s, "found %s of %s, which there is not", info->name, tn_dtype_get(t)->name);
        return NULL;
    }
    tn_dtype result = info->gives_bool ? TN_BOOL : t;
    return tn_expr_as_is(r->p, &(tn_expr){.kind = TN_E_OP, .op = op, .dtype = result, .n = info->operands, .arg = x});
}

bool tn_scalar_takes(int op, tn_dtype t)
{
    return strcmp(tn_dtype_get(t)->is_float ? tn_scalars[op].c_float : tn_scalars[op].c_int, "-") != 0;
}

int tn_scalar_find(const tn_scan *s)
{
    for (int op = 0; op < TN_OP_COUNT; op++)
        if (tn_scan_is(s, tn_scalars[op].name))
            return op;
    return -1;
}

/* --- expressions -------------------------------------------------------------------------------------------------- */

/* What begins with a word and is followed by ( or <. */
static const tn_expr *parse_call(tn_loop_reader *r)
{
    int op = tn_scalar_find(&r->s);
    for (int t = 1; t < TN_INDEX; t++)
        if (tn_dtype_get(t)->size > 0 && tn_scan_is(&r->s, tn_dtype_get(t)->name))
            return tn_scan_next(&r->s) ? parse_constant(r, (tn_dtype)t) : NULL;
    if (tn_scan_is(&r->s, "cast"))
        return tn_scan_next(&r->s) ? parse_cast(r, TN_E_CAST) : NULL;
    if (tn_scan_is(&r->s, "bits"))
        return tn_scan_next(&r->s) ? parse_cast(r, TN_E_BITS) : NULL;
    if (tn_scan_is(&r->s, "select"))
        return tn_scan_next(&r->s) ? parse_select(r) : NULL;
    if (op < 0)
        return wrong(r, "an operation, a type, bits, cast or select");
    return tn_scan_next(&r->s) ? parse_operation(r, op) : NULL;
}

static const tn_expr *parse_any(tn_loop_reader *r)
{
    tn_scan *s = &r->s;
    const char *name = s->text;
    if (s->kind == TN_TOK_NUMBER || tn_scan_is(s, "-"))
        return parse_index(r);
    if (s->kind == TN_TOK_WORD && (*s->at == '(' || *s->at == '<'))
        return parse_call(r);
    bool is_quoted = s->kind == TN_TOK_QUOTED;
    if (!tn_scan_name(s, "an expression", &name))
        return NULL;
    if (is_quoted && tn_scan_is(s, "["))
        return tn_scan_next(s) ? parse_load(r, name) : NULL;
    const tn_expr *e = tn_map_get(&r->names, name);
    if (e == NULL)
        tn_scan_error(s, "found the variable %s, which is not declared", name);
    return e;
}

const tn_expr *tn_expr_parse(tn_loop_reader *r)
{
    const tn_expr *e = tn_scan_deeper(&r->s) ? parse_any(r) : NULL;
    r->s.depth--;
    return e;
}
