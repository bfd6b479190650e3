/* Scalar expressions as C99 text, and the walker over all of them; those in vectors are cvector.c's. Integer arithmetic of
   tensors wraps, as ONNX has it, so it goes through unsigned types; subscripts (TN_INDEX) are ptrdiff_t and never
   overflow. Each text is an operand: a name, a call, or something in parentheses that tn_bare takes off again. */
#include "emit/cexpr.h"
#include "emit/names.h"

/* --- names -------------------------------------------------------------------------------------------------------- */

const char *tn_pointer_text(tn_printer *c, const tn_buf *b)
{
    const tn_buf *root = tn_buf_root(b);
    if (root->scope == TN_SCOPE_REGISTER)
        return tn_strfmt(c->p->arena, "%s%d", root->name, root->id);
    for (int i = 0; i < c->f->n_param; i++)
        if (c->f->param[i].root == root)
            return c->f->param[i].name;
    assert(false && "every buffer of the body is a parameter");
    return "";
}

const char *tn_var_text(tn_printer *c, const tn_var *v)
{
    const char *symbol = v->dtype == TN_INDEX ? tn_symbol_local(c->p, v) : NULL;
    if (symbol != NULL)
        return symbol;
    if (v->dtype == TN_INDEX)
        return v->name;
    for (size_t i = 0; i < c->vars.n; i++)
        if (c->vars.items[i] == v)
            return tn_strfmt(c->p->arena, "%s%zu", v->name, i);
    *TN_PUSH(c->p->arena, c->vars) = v;
    return tn_strfmt(c->p->arena, "%s%zu", v->name, c->vars.n - 1);
}

static const char *c_type(tn_dtype t)
{
    return tn_dtype_get(t)->c;
}

bool tn_is_vector(const tn_printer *c, const tn_expr *e)
{
    if (c->lane == NULL)
        return false;
    if (e->kind == TN_E_VAR)
        return e->var->lanes > 0 || e->var == c->lane;
    for (int k = 0; k < e->n; k++)
        if (tn_is_vector(c, e->arg[k]))
            return true;
    return false;
}

/* --- constants ---------------------------------------------------------------------------------------------------- */

static const char *number_text(tn_printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    const tn_dtype_info *info = tn_dtype_get(e->dtype);
    if (info->codec != NULL)
        return tn_strfmt(a, info->size == 2 ? "0x%04x" : "0x%02x", (unsigned)info->codec->encode((float)e->f));
    char s[TN_NUMBER_ROOM];
    tn_print_real(e->f, e->dtype == TN_DOUBLE, s);
    return tn_strfmt(a, *s == '-' || *s == '(' ? "(%s)" : "%s", s);
}

static const char *integer_text(tn_printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    if (e->dtype == TN_UINT64)
        return tn_strfmt(a, "UINT64_C(%llu)", (unsigned long long)e->i);
    if (e->dtype == TN_UINT32)
        return tn_strfmt(a, "UINT32_C(%llu)", (unsigned long long)e->i);
    if (e->i == INT64_MIN)
        return "(-INT64_C(9223372036854775807) - 1)";
    if (e->dtype == TN_INT64)
        return tn_strfmt(a, e->i < 0 ? "(-INT64_C(%lld))" : "INT64_C(%lld)", (long long)(e->i < 0 ? -e->i : e->i));
    if (e->dtype == TN_INT32 && e->i == INT32_MIN)
        return "(-INT32_C(2147483647) - 1)";
    if (e->dtype == TN_INT32 && (e->i > 32767 || e->i < -32767))
        return tn_strfmt(a, e->i < 0 ? "(-INT32_C(%lld))" : "INT32_C(%lld)", (long long)(e->i < 0 ? -e->i : e->i));
    return tn_strfmt(a, e->i < 0 ? "(%lld)" : "%lld", (long long)e->i);
}

static bool is_wrapped(const char *s)
{
    size_t n = strlen(s);
    int depth = 0;
    if (n < 2 || s[0] != '(')
        return false;
    for (size_t i = 0; i < n; i++) {
        depth += s[i] == '(' ? 1 : s[i] == ')' ? -1 : 0;
        if (depth == 0 && i + 1 < n)
            return false;
    }
    return true;
}

const char *tn_bare(tn_printer *c, const char *s)
{
    return is_wrapped(s) ? tn_strndup(c->p->arena, s + 1, strlen(s) - 2) : s;
}

const char *tn_operand(tn_printer *c, const char *s)
{
    return strchr(s, '?') != NULL ? s : tn_bare(c, s);
}

static const char *wrapped(tn_printer *c, const char *s)
{
    return is_wrapped(s) ? s : tn_strfmt(c->p->arena, "(%s)", s);
}

/* --- operations --------------------------------------------------------------------------------------------------- */

/* An tn_operand that is a whole argument, "floor(" $0 ")", needs no parentheses of its own. */
const char *tn_fill_template(tn_printer *c, const char *t, const char *x, const char *y, bool is_double)
{
    tn_str s = {.arena = c->p->arena};
    char before = '\0'; /* the last character that is no space */
    tn_str_put(&s, "", 0);
    for (; *t != '\0'; before = *t == ' ' ? before : *t, t++)
        if (*t == '$') {
            t++;
            bool alone = (before == '(' || before == ',') && (t[1] == ')' || t[1] == ',');
            const char *text = *t == '0' ? x : y;
            tn_str_add(&s, "%s", alone ? tn_bare(c, text) : text);
        } else if (*t == '@') {
            tn_str_add(&s, "%s", is_double ? "" : "f");
        } else {
            tn_str_put(&s, t, 1);
        }
    return s.text;
}

static const char *float_op(tn_printer *c, const tn_expr *e, const char *x, const char *y)
{
    const char *exact = c->p->exact && e->arg[0]->dtype == TN_FLOAT ? tn_exact_function(e->op) : NULL;
    if (exact != NULL) {
        c->needs->fmath = true;
        return tn_fill_template(c, tn_strfmt(c->p->arena, e->n > 1 ? "%s($0, $1)" : "%s($0)", exact), x, y, false);
    }
    const char *t = tn_scalars[e->op].c_float;
    if (strstr(t, "tn_") != NULL)
        c->needs->minmax = true;
    else if (strchr(t, '@') != NULL)
        c->needs->math = true;
    return tn_strfmt(c->p->arena, "(%s)", tn_fill_template(c, t, x, y, e->arg[0]->dtype == TN_DOUBLE));
}

bool tn_has_name(const tn_printer *c, const tn_expr *e)
{
    for (size_t i = 0; i < c->named.n; i++)
        if (c->named.items[i].expr == e)
            return true; /* the caller prints the name, by tn_text_of */
    return false;
}

/* A term of a sum with the sign in front: "+ i * 4", "- 9". */
static void add_term(tn_printer *c, const tn_expr *e, tn_str *positive, tn_str *negative)
{
    if (e->kind == TN_E_OP && e->op == TN_OP_ADD && !tn_has_name(c, e)) {
        add_term(c, e->arg[0], positive, negative);
        add_term(c, e->arg[1], positive, negative);
        return;
    }
    bool product = e->kind == TN_E_OP && e->op == TN_OP_MUL && e->arg[1]->kind == TN_E_INT && !tn_has_name(c, e);
    int64_t factor = product ? e->arg[1]->i : e->kind == TN_E_INT ? e->i : 1, size = factor < 0 ? -factor : factor;
    tn_str *out = factor < 0 ? negative : positive;
    tn_str_add(out, "%s", out->len == 0 ? "" : factor < 0 ? " - " : " + ");
    if (e->kind == TN_E_INT)
        tn_str_add(out, "%lld", (long long)size);
    else if (product && size == 1)
        tn_str_add(out, "%s", tn_text_of(c, e->arg[0]));
    else if (product)
        tn_str_add(out, "%s * %lld", tn_text_of(c, e->arg[0]), (long long)size);
    else
        tn_str_add(out, "%s", tn_text_of(c, e));
}

static const char *sum_text(tn_printer *c, const tn_expr *e)
{
    tn_str positive = {.arena = c->p->arena}, negative = {.arena = c->p->arena};
    add_term(c, e, &positive, &negative);
    if (negative.len == 0)
        return tn_strfmt(c->p->arena, "(%s)", positive.text);
    return tn_strfmt(c->p->arena, "(%s - %s)", positive.len > 0 ? positive.text : "0", negative.text);
}

static bool is_power_of_two(const tn_expr *e)
{
    return e->kind == TN_E_INT && e->i > 0 && (e->i & (e->i - 1)) == 0;
}

/* Subscripts: what cannot be negative divides as C does. */
static const char *index_op(tn_printer *c, const tn_expr *e, const char *x, const char *y)
{
    tn_arena *a = c->p->arena;
    int64_t lo = 0, hi = 0;
    if (e->op != TN_OP_FDIV && e->op != TN_OP_MOD)
        return wrapped(c, tn_fill_template(c, tn_scalars[e->op].c_int, x, y, false));
    tn_range_of(e->arg[0], &lo, &hi);
    if (lo >= 0 && e->op == TN_OP_MOD
        && is_power_of_two(e->arg[1])) /* C compilers do not see that it is not negative */
        return tn_strfmt(a, "(%s & %lld)", x, (long long)(e->arg[1]->i - 1));
    if (lo >= 0)
        return tn_strfmt(a, "(%s %s %s)", x, e->op == TN_OP_FDIV ? "/" : "%", y);
    c->needs->ints = true;
    return tn_strfmt(a, "(ptrdiff_t)tn_floor%s(%s, %s)", e->op == TN_OP_FDIV ? "div" : "mod", x, y);
}

static const char *unsigned_of(tn_dtype t)
{
    return t == TN_INT64 || t == TN_UINT64 ? "uint64_t" : t == TN_INT32 || t == TN_UINT32 ? "uint32_t" : "unsigned";
}

/* Through unsigned types, which wrap, unless it is known that nothing does: of bytes the product fits an int32_t. */
static const char *arithmetic_text(tn_printer *c, const tn_expr *e, char op, const char *x, const char *y)
{
    tn_arena *a = c->p->arena;
    const char *type = c_type(e->dtype), *u = unsigned_of(e->dtype);
    if (tn_may_wrap(e))
        return tn_strfmt(a, "(%s)((%s)%s %c (%s)%s)", type, u, x, op, u, y);
    return tn_strfmt(a, tn_dtype_get(e->dtype)->size < 4 ? "(%s)(%s %c %s)" : "(%.0s%s %c %s)", type, x, op, y);
}

/* Toward zero; by 0 it is 0, and the least number by -1 wraps (narrow types divide as int, which holds the result). */
static const char *divide_text(tn_printer *c, const tn_expr *e, char op, const char *x, const char *y)
{
    tn_arena *a = c->p->arena;
    const tn_expr *by = e->arg[1];
    const tn_dtype_info *info = tn_dtype_get(e->dtype);
    if (by->kind == TN_E_INT && by->i != 0 && by->i != -1)
        return tn_strfmt(a, "(%s)(%s %c %s)", info->c, x, op, y);
    if (info->is_signed && info->size >= 4) {
        c->needs->ints = true;
        return tn_strfmt(a, "(%s)tn_i%s(%s, %s)", info->c, op == '/' ? "div" : "rem", x, y);
    }
    return tn_strfmt(a, "(%s)(%s != 0 ? %s %c %s : 0)", info->c, y, x, op, y);
}

static const char *int_op(tn_printer *c, const tn_expr *e, const char *x, const char *y)
{
    tn_arena *a = c->p->arena;
    tn_dtype t = e->arg[0]->dtype;
    const char *type = c_type(e->dtype), *u = unsigned_of(t), *raw = tn_scalars[e->op].c_int;
    int bits = tn_dtype_get(t)->size * 8;
    if (e->op == TN_OP_FIXMUL || e->op == TN_OP_FIXSHIFT)
        c->needs->fixed = true;
    else if (strstr(raw, "tn_fix") != NULL)
        c->needs->fixed_curves = true;
    else if (strstr(raw, "tn_") != NULL)
        c->needs->ints = true;
    switch (e->op) {
    case TN_OP_FDIV:
    case TN_OP_MOD:
        if (!tn_dtype_get(t)->is_signed)
            return divide_text(c, e, e->op == TN_OP_FDIV ? '/' : '%', x, y);
        break;
    case TN_OP_ADD:
    case TN_OP_SUB:
    case TN_OP_MUL: return arithmetic_text(c, e, raw[3], x, y);
    case TN_OP_NEG: return tn_strfmt(a, "(%s)(0 - (%s)%s)", type, u, x);
    case TN_OP_ABS: return tn_strfmt(a, "(%s)(%s < 0 ? 0 - (%s)%s : (%s)%s)", type, x, u, x, u, x);
    case TN_OP_DIV:
    case TN_OP_REM: return divide_text(c, e, e->op == TN_OP_DIV ? '/' : '%', x, y);
    case TN_OP_SHL: return tn_strfmt(a, "(%s)(%s < %d ? (%s)%s << %s : 0)", type, y, bits, u, x, y);
    case TN_OP_SHR: return tn_strfmt(a, "(%s)(%s < %d ? %s >> %s : 0)", type, y, bits, x, y);
    default: break;
    }
    const char *s = tn_fill_template(c, raw, x, y, false);
    return tn_scalars[e->op].gives_bool ? tn_strfmt(a, "(%s)", s) : tn_strfmt(a, "(%s)%s", type, wrapped(c, s));
}

static const char *op_text(tn_printer *c, const tn_expr *e)
{
    if (tn_is_vector(c, e))
        return tn_vector_op(c, e);
    if (e->dtype == TN_INDEX && e->op == TN_OP_ADD)
        return sum_text(c, e);
    const char *x = tn_text_of(c, e->arg[0]), *y = e->n > 1 ? tn_text_of(c, e->arg[1]) : "";
    if (tn_dtype_get(e->arg[0]->dtype)->is_float)
        return float_op(c, e, x, y);
    if (e->arg[0]->dtype == TN_INDEX)
        return index_op(c, e, x, y);
    return int_op(c, e, x, y);
}

/* --- casts -------------------------------------------------------------------------------------------------------- */

static void need_codec(tn_printer *c, const tn_codec *codec)
{
    bool is_half = strcmp(codec->need, "HALF") == 0;
    c->needs->half = c->needs->half || is_half;
    c->needs->minifloat = c->needs->minifloat || !is_half;
}

/* The low bits, and for a signed type the sign spread over the byte. */
static const char *small_int_text(tn_printer *c, tn_dtype to, const char *x)
{
    const tn_dtype_info *info = tn_dtype_get(to);
    unsigned mask = (1u << info->bits) - 1, sign = 1u << (info->bits - 1);
    if (!info->is_signed)
        return tn_strfmt(c->p->arena, "(uint8_t)((unsigned)%s & %uu)", x, mask);
    return tn_strfmt(c->p->arena, "(int8_t)((int)(((unsigned)%s & %uu) ^ %uu) - %u)", x, mask, sign, sign);
}

/* Of types that are held as their bits, and of integers, the C type says all; float and double go through memory. */
static const char *bit_cast_text(tn_printer *c, const tn_expr *e)
{
    static const char *const from[] = {[TN_FLOAT] = "tn_bits_of", [TN_DOUBLE] = "tn_bits_of_double"};
    static const char *const to[] = {[TN_FLOAT] = "tn_float_of", [TN_DOUBLE] = "tn_double_of"};
    tn_arena *a = c->p->arena;
    tn_dtype f = e->arg[0]->dtype, t = e->dtype;
    const char *x = tn_text_of(c, e->arg[0]);
    c->needs->bits = true;
    if (f == TN_FLOAT || f == TN_DOUBLE)
        x = tn_strfmt(a, "%s(%s)", from[f], x);
    if (t == TN_FLOAT || t == TN_DOUBLE)
        return tn_strfmt(a, "%s((uint%d_t)%s)", to[t], tn_dtype_get(t)->bits, x);
    if ((TN_T_SMALL_INTS >> t & 1u) != 0)
        return small_int_text(c, t, x);
    if (tn_dtype_get(f)->bits < 8) /* a sign spread over the byte */
        return tn_strfmt(a, "(%s)(%s & %d)", c_type(t), x, (1 << tn_dtype_get(f)->bits) - 1);
    return tn_strfmt(a, "(%s)%s", c_type(t), x);
}

static const char *cast_text(tn_printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    tn_dtype from = e->arg[0]->dtype, to = e->dtype;
    if (tn_is_vector(c, e))
        return tn_vector_cast(c, e);
    const char *x = tn_text_of(c, e->arg[0]);
    const tn_codec *decode = tn_dtype_get(from)->codec, *encode = tn_dtype_get(to)->codec;
    if (decode != NULL) {
        need_codec(c, decode);
        x = tn_strfmt(a, "tn_%s_to_float(%s)", decode->name, x);
        from = TN_FLOAT;
        if (to == TN_FLOAT)
            return x;
    }
    if (encode != NULL) {
        need_codec(c, encode);
        return tn_strfmt(a, "tn_float_to_%s(%s)", encode->name, from == TN_FLOAT ? x : tn_strfmt(a, "(float)%s", x));
    }
    if ((TN_T_SMALL_INTS >> to & 1u) != 0)
        return small_int_text(c, to, x);
    if (to == TN_BOOL)
        return tn_strfmt(a, tn_dtype_get(from)->is_float ? "(%s < 0 || %s > 0 || %s != %s)" : "(%s != 0)", x, x, x, x);
    if (tn_dtype_get(from)->is_float && !tn_dtype_get(to)->is_float && !tn_float_fits(e->arg[0], to)) {
        c->needs->convert = true;
        return tn_strfmt(a, "tn_to_%s%s(%s)", tn_dtype_get(to)->name, from == TN_FLOAT ? "f" : "", tn_bare(c, x));
    }
    return tn_strfmt(a, "(%s)%s", c_type(to), x);
}

/* --- loads and choices -------------------------------------------------------------------------------------------- */

const char *tn_place_text(tn_printer *c, const tn_buf *b, const tn_expr *offset, bool vector)
{
    const char *pointer = tn_pointer_text(c, b), *i = tn_text_of(c, tn_first_lane(c->p, offset, c->lane));
    if (!vector)
        return tn_strfmt(c->p->arena, "%s[%s]", pointer, tn_bare(c, i));
    return strcmp(i, "0") == 0 ? pointer : tn_strfmt(c->p->arena, "%s + %s", pointer, tn_operand(c, i));
}

static const char *select_text(tn_printer *c, const tn_expr *e)
{
    if (tn_is_vector(c, e))
        return tn_vector_select(c, e);
    const char *cond = tn_text_of(c, e->arg[0]);
    return tn_strfmt(c->p->arena, "(%s ? %s : %s)", cond, tn_text_of(c, e->arg[1]), tn_text_of(c, e->arg[2]));
}

const char *tn_text_of(tn_printer *c, const tn_expr *e)
{
    for (size_t i = 0; i < c->named.n; i++)
        if (c->named.items[i].expr == e) {
            c->named.items[i].is_used = true;
            return c->named.items[i].name;
        }
    switch (e->kind) {
    case TN_E_INT: return integer_text(c, e);
    case TN_E_NUM: return number_text(c, e);
    case TN_E_VAR: return tn_var_text(c, e->var);
    case TN_E_LOAD: return tn_is_vector(c, e) ? tn_vector_load(c, e) : tn_place_text(c, e->buf, e->arg[0], false);
    case TN_E_OP: return op_text(c, e);
    case TN_E_CAST: return cast_text(c, e);
    case TN_E_BITS: return bit_cast_text(c, e);
    case TN_E_SELECT: return select_text(c, e);
    }
    return "";
}

const char *tn_index_text(tn_program *p, const tn_expr *e, tn_needs *needs)
{
    tn_printer c = {.p = p, .needs = needs};
    return tn_text_of(&c, e);
}
