/* See cbody.h. Integer arithmetic of tensors wraps, as ONNX has it, so it goes through unsigned types; subscripts
   (TN_INDEX) are ptrdiff_t and never overflow. Subexpressions that a run of statements shares get a name first. */
#include "emit/cbody.h"
#include "emit/names.h"

#include <math.h>

/* A subexpression that has a name; lane: of the statement that it stands in. */
typedef struct named {
    const tn_expr *expr;
    const char *name;
    const tn_var *lane;
    bool is_used;
} named;
typedef struct {
    named *items;
    size_t n, room;
} named_vec;
typedef struct printer {
    tn_program *p;
    tn_needs *needs;
    tn_function *f;
    tn_str *out;
    int indent;
    const tn_var *lane; /* of the statement being printed; NULL in scalar code */
    named_vec named;    /* subexpressions that have a name here */
    struct {
        const tn_var **items;
        size_t n, room;
    } vars; /* numbered accumulators and lets */
    int n_temps;
} printer;

static const char *text_of(printer *c, const tn_expr *e);

static void line(printer *c, const char *format, ...) TN_PRINTF(2, 3);
static void line(printer *c, const char *format, ...)
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

/* --- names -------------------------------------------------------------------------------------------------------- */

static const char *pointer_name(printer *c, const tn_buf *b)
{
    const tn_buf *root = tn_buf_root(b);
    if (root->scope == TN_SCOPE_REGISTER)
        return tn_strfmt(c->p->arena, "%s%d", root->name, root->id);
    for (int i = 0; i < c->f->n_param; i++)
        if (c->f->param[i].root == root)
            return c->f->param[i].name;
    assert(!"every buffer of the body is a parameter");
    return "";
}

const char *tn_symbol_local(tn_program *p, const tn_var *symbol)
{
    for (size_t i = 0; i < p->turns.n; i++)
        if (p->turns.items[i] == symbol)
            return symbol->name;
    for (size_t i = 0; i < p->symbols.n; i++) {
        if (p->symbols.items[i] != symbol)
            continue;
        char *name = tn_strfmt(p->arena, "dim%zu_%s", i, symbol->name);
        for (char *s = name; *s != '\0'; s++) {
            bool ok = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
            *s = ok ? *s : '_';
        }
        return name;
    }
    return NULL;
}

static const char *var_name(printer *c, const tn_var *v)
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

static bool is_vector(const printer *c, const tn_expr *e)
{
    if (c->lane == NULL)
        return false;
    if (e->kind == TN_E_VAR)
        return e->var->lanes > 0 || e->var == c->lane;
    for (int k = 0; k < e->n; k++)
        if (is_vector(c, e->arg[k]))
            return true;
    return false;
}

/* --- constants ---------------------------------------------------------------------------------------------------- */

static const char *number_text(printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    const tn_dtype_info *info = tn_dtype_get(e->dtype);
    if (info->codec != NULL)
        return tn_strfmt(a, info->size == 2 ? "0x%04x" : "0x%02x", (unsigned)info->codec->encode((float)e->f));
    char s[TN_NUMBER_ROOM];
    tn_print_real(e->f, e->dtype == TN_DOUBLE, s);
    return tn_strfmt(a, *s == '-' || *s == '(' ? "(%s)" : "%s", s);
}

static const char *integer_text(printer *c, const tn_expr *e)
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

/* Without the parentheses around the whole. */
static const char *bare(printer *c, const char *s)
{
    return is_wrapped(s) ? tn_strndup(c->p->arena, s + 1, strlen(s) - 2) : s;
}

/* As the right operand of + or <: a choice keeps its parentheses. */
static const char *operand(printer *c, const char *s)
{
    return strchr(s, '?') != NULL ? s : bare(c, s);
}

static const char *wrapped(printer *c, const char *s)
{
    return is_wrapped(s) ? s : tn_strfmt(c->p->arena, "(%s)", s);
}

/* --- operations --------------------------------------------------------------------------------------------------- */

/* An operand that is a whole argument, "floor(" $0 ")", needs no parentheses of its own. */
static const char *template_text(printer *c, const char *t, const char *x, const char *y, bool is_double)
{
    tn_str s = {.arena = c->p->arena};
    char before = '\0'; /* the last character that is no space */
    tn_str_put(&s, "", 0);
    for (; *t != '\0'; before = *t == ' ' ? before : *t, t++)
        if (*t == '$') {
            t++;
            bool alone = (before == '(' || before == ',') && (t[1] == ')' || t[1] == ',');
            const char *text = *t == '0' ? x : y;
            tn_str_add(&s, "%s", alone ? bare(c, text) : text);
        } else if (*t == '@') {
            tn_str_add(&s, "%s", is_double ? "" : "f");
        } else {
            tn_str_put(&s, t, 1);
        }
    return s.text;
}

/* "F32": the start of the ending of the vector macros of tn_port.h; a mask is an int32 vector. */
static const char *lane_type(tn_dtype t)
{
    switch (t) {
    case TN_FLOAT: return "F32";
    case TN_FLOAT16: return "F16";
    case TN_BFLOAT16: return "BF16";
    case TN_INT8: return "I8";
    case TN_UINT8: return "U8";
    default: return "I32";
    }
}

static const char *vector_kind(printer *c, tn_dtype t, const tn_var *lane)
{
    return tn_strfmt(c->p->arena, "%sX%d", lane_type(t), (int)lane->hi + 1);
}

static const char *vector_type(printer *c, tn_dtype t, const tn_var *lane)
{
    return tn_strfmt(c->p->arena, "tn_%s32x%d", t == TN_FLOAT ? "f" : "i", (int)lane->hi + 1);
}

/* e as a vector, whether or not its lanes differ. */
static const char *vector_text(printer *c, const tn_expr *e)
{
    const char *x = text_of(c, e);
    return is_vector(c, e) ? x : tn_strfmt(c->p->arena, "TN_SPLAT_%s(%s)", vector_kind(c, e->dtype, c->lane), x);
}

/* The function of tn_vmath.h, NULL where C has an operator. */
static const char *vector_function(int op)
{
    switch (op) {
    case TN_OP_EXP: return "exp";
    case TN_OP_LOG: return "log";
    case TN_OP_TANH: return "tanh";
    case TN_OP_SIGMOID: return "sigmoid";
    case TN_OP_ERF: return "erf";
    case TN_OP_ABS: return "abs";
    case TN_OP_FLOOR: return "floor";
    case TN_OP_CEIL: return "ceil";
    case TN_OP_TRUNC: return "trunc";
    case TN_OP_ROUND: return "round";
    default: return NULL;
    }
}

/* Of a constant, which comes second, the test for NaN is left out. */
static const char *vector_extreme(printer *c, const tn_expr *e)
{
    const tn_expr *x = e->arg[0], *y = e->arg[1];
    bool number = y->kind == TN_E_NUM && !isnan(y->f);
    c->needs->extremes = true;
    return tn_strfmt(c->p->arena, "TN_%s%s_%s(%s, %s)", e->op == TN_OP_MIN ? "MIN" : "MAX", number ? "K" : "",
                     vector_kind(c, e->dtype, c->lane), vector_text(c, x), vector_text(c, y));
}

static const char *vector_op(printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    tn_dtype of = e->arg[0]->dtype;
    const char *function = vector_function(e->op), *kind = vector_kind(c, of, c->lane);
    if (function != NULL) {
        c->needs->vmath = true;
        return tn_strfmt(a, "TN_CALL_%s(%s, %s)", kind, function, text_of(c, e->arg[0]));
    }
    if (e->op == TN_OP_MIN || e->op == TN_OP_MAX)
        return vector_extreme(c, e);
    if (e->op == TN_OP_FIXMUL || e->op == TN_OP_FIXSHIFT) {
        c->needs->fixed = true;
        return tn_strfmt(a, "TN_FIX%s_%s(%s, %s)", e->op == TN_OP_FIXMUL ? "MUL" : "SHIFT", kind,
                         vector_text(c, e->arg[0]), vector_text(c, e->arg[1]));
    }
    if (e->op == TN_OP_AND || e->op == TN_OP_OR)
        return tn_strfmt(a, "(%s %s %s)", text_of(c, e->arg[0]), e->op == TN_OP_AND ? "&" : "|", text_of(c, e->arg[1]));
    if (e->op == TN_OP_NOT)
        return tn_strfmt(a, "(~%s)", text_of(c, e->arg[0]));
    /* gcc and clang take a scalar operand only of the vector's own type: a float constant is, an int32 may not be */
    bool plain = e->dtype == TN_FLOAT;
    const char *x = plain ? text_of(c, e->arg[0]) : vector_text(c, e->arg[0]), *y = "";
    if (e->n > 1)
        y = plain ? text_of(c, e->arg[1]) : vector_text(c, e->arg[1]);
    return tn_strfmt(a, "(%s)", template_text(c, tn_scalars[e->op].c_float, x, y, false));
}

static const char *float_op(printer *c, const tn_expr *e, const char *x, const char *y)
{
    const char *exact = c->p->exact && e->arg[0]->dtype == TN_FLOAT ? tn_exact_function(e->op) : NULL;
    if (exact != NULL) {
        c->needs->fmath = true;
        return template_text(c, tn_strfmt(c->p->arena, e->n > 1 ? "%s($0, $1)" : "%s($0)", exact), x, y, false);
    }
    const char *t = tn_scalars[e->op].c_float;
    if (strstr(t, "tn_") != NULL)
        c->needs->minmax = true;
    else if (strchr(t, '@') != NULL)
        c->needs->math = true;
    return tn_strfmt(c->p->arena, "(%s)", template_text(c, t, x, y, e->arg[0]->dtype == TN_DOUBLE));
}

static bool has_name(const printer *c, const tn_expr *e)
{
    for (size_t i = 0; i < c->named.n; i++)
        if (c->named.items[i].expr == e)
            return true; /* the caller prints the name, by text_of */
    return false;
}

/* A term of a sum with the sign in front: "+ i * 4", "- 9". */
static void add_term(printer *c, const tn_expr *e, tn_str *positive, tn_str *negative)
{
    if (e->kind == TN_E_OP && e->op == TN_OP_ADD && !has_name(c, e)) {
        add_term(c, e->arg[0], positive, negative);
        add_term(c, e->arg[1], positive, negative);
        return;
    }
    bool product = e->kind == TN_E_OP && e->op == TN_OP_MUL && e->arg[1]->kind == TN_E_INT && !has_name(c, e);
    int64_t factor = product ? e->arg[1]->i : e->kind == TN_E_INT ? e->i : 1, size = factor < 0 ? -factor : factor;
    tn_str *out = factor < 0 ? negative : positive;
    tn_str_add(out, "%s", out->len == 0 ? "" : factor < 0 ? " - " : " + ");
    if (e->kind == TN_E_INT)
        tn_str_add(out, "%lld", (long long)size);
    else if (product && size == 1)
        tn_str_add(out, "%s", text_of(c, e->arg[0]));
    else if (product)
        tn_str_add(out, "%s * %lld", text_of(c, e->arg[0]), (long long)size);
    else
        tn_str_add(out, "%s", text_of(c, e));
}

static const char *sum_text(printer *c, const tn_expr *e)
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
static const char *index_op(printer *c, const tn_expr *e, const char *x, const char *y)
{
    tn_arena *a = c->p->arena;
    int64_t lo = 0, hi = 0;
    if (e->op != TN_OP_FDIV && e->op != TN_OP_MOD)
        return wrapped(c, template_text(c, tn_scalars[e->op].c_int, x, y, false));
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
static const char *arithmetic_text(printer *c, const tn_expr *e, char op, const char *x, const char *y)
{
    tn_arena *a = c->p->arena;
    const char *type = c_type(e->dtype), *u = unsigned_of(e->dtype);
    if (tn_may_wrap(e))
        return tn_strfmt(a, "(%s)((%s)%s %c (%s)%s)", type, u, x, op, u, y);
    return tn_strfmt(a, tn_dtype_get(e->dtype)->size < 4 ? "(%s)(%s %c %s)" : "(%.0s%s %c %s)", type, x, op, y);
}

/* Toward zero; by 0 it is 0, and the least number by -1 wraps (narrow types divide as int, which holds the result). */
static const char *divide_text(printer *c, const tn_expr *e, char op, const char *x, const char *y)
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

static const char *int_op(printer *c, const tn_expr *e, const char *x, const char *y)
{
    tn_arena *a = c->p->arena;
    tn_dtype t = e->arg[0]->dtype;
    const char *type = c_type(e->dtype), *u = unsigned_of(t), *raw = tn_scalars[e->op].c_int;
    int bits = tn_dtype_get(t)->size * 8;
    if (e->op == TN_OP_FIXMUL || e->op == TN_OP_FIXSHIFT)
        c->needs->fixed = true;
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
    const char *s = template_text(c, raw, x, y, false);
    return tn_scalars[e->op].gives_bool ? tn_strfmt(a, "(%s)", s) : tn_strfmt(a, "(%s)%s", type, wrapped(c, s));
}

static const char *op_text(printer *c, const tn_expr *e)
{
    if (is_vector(c, e))
        return vector_op(c, e);
    if (e->dtype == TN_INDEX && e->op == TN_OP_ADD)
        return sum_text(c, e);
    const char *x = text_of(c, e->arg[0]), *y = e->n > 1 ? text_of(c, e->arg[1]) : "";
    if (tn_dtype_get(e->arg[0]->dtype)->is_float)
        return float_op(c, e, x, y);
    if (e->arg[0]->dtype == TN_INDEX)
        return index_op(c, e, x, y);
    return int_op(c, e, x, y);
}

static const char *place_text(printer *c, const tn_buf *b, const tn_expr *offset, bool vector);

/* A float as int32; where it was just rounded, by the instruction that rounds. */
static const char *integers_of(printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    if (has_name(c, e) || !tn_float_is_whole(e))
        return tn_strfmt(a, "__builtin_convertvector(%s, %s)", text_of(c, e), vector_type(c, TN_INT32, c->lane));
    if (e->kind == TN_E_NUM)
        return tn_strfmt(a, "TN_SPLAT_%s(%s)", vector_kind(c, TN_INT32, c->lane),
                         text_of(c, tn_integer(c->p, TN_INT32, (int64_t)e->f)));
    if (e->op == TN_OP_ADD)
        return tn_strfmt(a, "(%s + %s)", integers_of(c, e->arg[0]), integers_of(c, e->arg[1]));
    c->needs->vmath = true;
    return tn_strfmt(a, "TN_NEAREST_%s(%s)", vector_kind(c, TN_INT32, c->lane), bare(c, text_of(c, e->arg[0])));
}

/* A byte's value, of which a vector is an int32 or a float, as a vector of type to. */
static const char *unnarrowed(printer *c, const tn_expr *e, tn_dtype to)
{
    if (to == TN_INT32)
        return integers_of(c, e);
    if (tn_float_is_whole(e))
        return text_of(c, e);
    return tn_strfmt(c->p->arena, "__builtin_convertvector(%s, %s)", integers_of(c, e),
                     vector_type(c, TN_FLOAT, c->lane)); /* what follows the point goes */
}

static const char *widened(printer *c, const tn_expr *load)
{
    return tn_strfmt(c->p->arena, "TN_WIDEN_%s(%s)", vector_kind(c, load->dtype, c->lane),
                     place_text(c, load->buf, load->arg[0], true));
}

/* 16-bit floats and bytes are widened as they are loaded, and narrowed as they are stored. */
static const char *vector_cast(printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    const tn_expr *x = e->arg[0];
    c->needs->halves = c->needs->halves || tn_dtype_is_half(x->dtype);
    if (tn_dtype_is_half(x->dtype))
        return widened(c, x);
    if (tn_dtype_is_half(e->dtype))
        return text_of(c, x);
    bool is_byte = tn_dtype_is_byte(x->dtype), is_load = is_byte && x->kind == TN_E_LOAD;
    tn_dtype to = e->dtype == TN_FLOAT ? TN_FLOAT : TN_INT32, from = x->dtype == TN_FLOAT ? TN_FLOAT : TN_INT32;
    c->needs->bytes = c->needs->bytes || is_load;
    if (is_byte && !is_load) /* of a float that fits a byte */
        return unnarrowed(c, x->arg[0], to);
    if (from == TN_FLOAT && to == TN_INT32)
        return integers_of(c, x);
    const char *text = is_load ? widened(c, x) : text_of(c, x);
    return from == to ? text : tn_strfmt(a, "__builtin_convertvector(%s, %s)", text, vector_type(c, to, c->lane));
}

static void need_codec(printer *c, const tn_codec *codec)
{
    bool is_half = strcmp(codec->need, "HALF") == 0;
    c->needs->half = c->needs->half || is_half;
    c->needs->minifloat = c->needs->minifloat || !is_half;
}

/* The low bits, and for a signed type the sign spread over the byte. */
static const char *small_int_text(printer *c, tn_dtype to, const char *x)
{
    const tn_dtype_info *info = tn_dtype_get(to);
    unsigned mask = (1u << info->bits) - 1, sign = 1u << (info->bits - 1);
    if (!info->is_signed)
        return tn_strfmt(c->p->arena, "(uint8_t)((unsigned)%s & %uu)", x, mask);
    return tn_strfmt(c->p->arena, "(int8_t)((int)(((unsigned)%s & %uu) ^ %uu) - %u)", x, mask, sign, sign);
}

/* Of types that are held as their bits, and of integers, the C type says all; float and double go through memory. */
static const char *bit_cast_text(printer *c, const tn_expr *e)
{
    static const char *const from[] = {[TN_FLOAT] = "tn_bits_of", [TN_DOUBLE] = "tn_bits_of_double"};
    static const char *const to[] = {[TN_FLOAT] = "tn_float_of", [TN_DOUBLE] = "tn_double_of"};
    tn_arena *a = c->p->arena;
    tn_dtype f = e->arg[0]->dtype, t = e->dtype;
    const char *x = text_of(c, e->arg[0]);
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

static const char *cast_text(printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    tn_dtype from = e->arg[0]->dtype, to = e->dtype;
    if (is_vector(c, e))
        return vector_cast(c, e);
    const char *x = text_of(c, e->arg[0]);
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
        return tn_strfmt(a, "tn_to_%s%s(%s)", tn_dtype_get(to)->name, from == TN_FLOAT ? "f" : "", bare(c, x));
    }
    return tn_strfmt(a, "(%s)%s", c_type(to), x);
}

/* --- loads and stores --------------------------------------------------------------------------------------------- */

static const char *place_text(printer *c, const tn_buf *b, const tn_expr *offset, bool vector)
{
    const char *pointer = pointer_name(c, b), *i = text_of(c, tn_first_lane(c->p, offset, c->lane));
    if (!vector)
        return tn_strfmt(c->p->arena, "%s[%s]", pointer, bare(c, i));
    return strcmp(i, "0") == 0 ? pointer : tn_strfmt(c->p->arena, "%s + %s", pointer, operand(c, i));
}

static const char *load_text(printer *c, const tn_expr *e)
{
    if (!is_vector(c, e))
        return place_text(c, e->buf, e->arg[0], false);
    return tn_strfmt(c->p->arena, "TN_LOAD_%s(%s)", vector_kind(c, e->dtype, c->lane),
                     place_text(c, e->buf, e->arg[0], true));
}

/* b > a ? b : a and b < a ? b : a in vectors, which are one instruction. */
static const char *select_as_extreme(printer *c, const tn_expr *e)
{
    const tn_expr *cond = e->arg[0], *yes = e->arg[1], *no = e->arg[2];
    if (cond->kind != TN_E_OP || cond->op != TN_OP_LT || (e->dtype != TN_FLOAT && e->dtype != TN_INT32))
        return NULL;
    bool larger = cond->arg[0] == no && cond->arg[1] == yes, smaller = cond->arg[0] == yes && cond->arg[1] == no;
    if (!larger && !smaller)
        return NULL;
    c->needs->extremes = true;
    return tn_strfmt(c->p->arena, "TN_%s%s_%s(%s, %s)", larger ? "MAX" : "MIN", e->dtype == TN_FLOAT ? "K" : "",
                     vector_kind(c, e->dtype, c->lane), vector_text(c, no), vector_text(c, yes));
}

static const char *select_text(printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    const char *cond = text_of(c, e->arg[0]);
    if (!is_vector(c, e))
        return tn_strfmt(a, "(%s ? %s : %s)", cond, text_of(c, e->arg[1]), text_of(c, e->arg[2]));
    const char *extreme = select_as_extreme(c, e);
    if (extreme != NULL)
        return extreme;
    const char *yes = vector_text(c, e->arg[1]), *no = vector_text(c, e->arg[2]);
    if (!is_vector(c, e->arg[0]))
        return tn_strfmt(a, "(%s ? %s : %s)", cond, yes, no);
    return tn_strfmt(a, "TN_SELECT_%s(%s, %s, %s)", vector_kind(c, e->dtype, c->lane), cond, yes, no);
}

static const char *text_of(printer *c, const tn_expr *e)
{
    for (size_t i = 0; i < c->named.n; i++)
        if (c->named.items[i].expr == e) {
            c->named.items[i].is_used = true;
            return c->named.items[i].name;
        }
    switch (e->kind) {
    case TN_E_INT: return integer_text(c, e);
    case TN_E_NUM: return number_text(c, e);
    case TN_E_VAR: return var_name(c, e->var);
    case TN_E_LOAD: return load_text(c, e);
    case TN_E_OP: return op_text(c, e);
    case TN_E_CAST: return cast_text(c, e);
    case TN_E_BITS: return bit_cast_text(c, e);
    case TN_E_SELECT: return select_text(c, e);
    }
    return "";
}

/* --- naming what is shared ---------------------------------------------------------------------------------------- */

static void name_one(printer *c, const tn_expr *e)
{
    const char *name = tn_strfmt(c->p->arena, e->dtype == TN_INDEX ? "a%d" : "t%d", c->n_temps++);
    *TN_PUSH(c->p->arena, c->named) = (named){e, name, c->lane, false};
}

static const char *definition(printer *c, const named *n)
{
    tn_arena *a = c->p->arena;
    const tn_expr *e = n->expr;
    c->lane = n->lane;
    bool vector = is_vector(c, e), truth = e->dtype == TN_BOOL && e->kind != TN_E_LOAD;
    const char *type = vector ? vector_type(c, e->dtype, c->lane) : c_type(e->dtype), *value = bare(c, text_of(c, e));
    c->lane = NULL;
    return tn_strfmt(a, truth ? "const %s %s = (uint8_t)(%s);" : "const %s %s = %s;", type, n->name, value);
}

/* Prints the definitions of the names from first on that the text below uses, then that text. From the last back,
   since a definition may use the names before it. */
static void print_named(printer *c, size_t first, tn_str *outer, const tn_str *below)
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
static void name_shared(printer *c, const tn_use_vec *uses, bool index_only)
{
    for (size_t i = 0; i < uses->n; i++) {
        const tn_use *u = &uses->items[i];
        if (u->count > 1 && u->hoistable && (!index_only || !tn_needs_data(u->expr)))
            name_one(c, u->expr);
    }
}

/* --- statements --------------------------------------------------------------------------------------------------- */

static void print_stmts(printer *c, const tn_stmt_vec *body);

static const char *typed(printer *c, const tn_stmt *s, const char *value)
{
    if (s->lane == NULL || is_vector(c, s->value))
        return value;
    return tn_strfmt(c->p->arena, "TN_SPLAT_%s(%s)", vector_kind(c, s->value->dtype, s->lane), value);
}

static const char *stored(printer *c, const tn_buf *b, const tn_expr *e, const char *value)
{
    bool truth = b->dtype == TN_BOOL && (e->kind == TN_E_OP || e->kind == TN_E_CAST || e->kind == TN_E_SELECT);
    return truth ? tn_strfmt(c->p->arena, "(uint8_t)(%s)", value) : value;
}

static bool is_widened_byte(const tn_expr *e)
{
    return e->kind == TN_E_CAST && e->dtype == TN_INT32 && tn_dtype_is_byte(e->arg[0]->dtype);
}

/* sum += x * y in vectors, x and y bytes: the product of their 16-bit halves does. */
static bool print_byte_product(printer *c, const tn_stmt *s)
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
    line(c, "TN_MULADD%s_%s(%s, %s, %s);", is_signed ? "S" : "", vector_kind(c, TN_INT32, s->lane), var_name(c, s->var),
         bare(c, vector_text(c, x)), bare(c, vector_text(c, y)));
    return true;
}

static void print_set(printer *c, const tn_stmt *s)
{
    const tn_expr *e = s->value;
    tn_dot4 dot;
    if (print_byte_product(c, s))
        return;
    if (tn_match_dot4(c->p, e, s->lane, &dot)) {
        c->needs->bytes = true;
        line(c, "TN_DOT4%s_%s(%s, %s, %s);", dot.flips ? "S" : "", vector_kind(c, TN_INT32, s->lane),
             var_name(c, s->var), place_text(c, dot.x->buf, dot.x->arg[0], true),
             place_text(c, dot.w->buf, dot.w->arg[0], true));
        return;
    }
    bool adds = e->kind == TN_E_OP && e->op == TN_OP_ADD && e->arg[0]->kind == TN_E_VAR && e->arg[0]->var == s->var
             && (tn_dtype_get(e->dtype)->is_float || s->lane != NULL
                 || (tn_dtype_get(e->dtype)->size >= 4 && !tn_may_wrap(e)));
    if (adds && s->lane != NULL && !is_vector(c, e->arg[1]))
        line(c, "%s += TN_SPLAT_%s(%s);", var_name(c, s->var), vector_kind(c, e->dtype, s->lane),
             bare(c, text_of(c, e->arg[1])));
    else if (adds)
        line(c, "%s += %s;", var_name(c, s->var), bare(c, text_of(c, e->arg[1])));
    else
        line(c, "%s = %s;", var_name(c, s->var), bare(c, text_of(c, e)));
}

static void print_simple(printer *c, const tn_stmt *s)
{
    tn_use_vec uses = {0};
    size_t first = c->named.n;
    tn_str *outer = c->out, below = {.arena = c->p->arena};
    c->out = &below;
    c->lane = s->lane;
    c->needs->vectors = c->needs->vectors || s->lane != NULL;
    tn_expr_uses(c->p, s->value, c->lane, false, &uses);
    name_shared(c, &uses, false);
    const char *type = s->lane != NULL ? vector_type(c, s->value->dtype, s->lane) : c_type(s->value->dtype);
    switch (s->kind) {
    case TN_S_LET:
        line(c, "%s%s %s = %s;", s->is_mutable ? "" : "const ", type, var_name(c, s->var),
             typed(c, s, bare(c, text_of(c, s->value))));
        break;
    case TN_S_SET: print_set(c, s); break;
    case TN_S_STORE:
        c->needs->bytes = c->needs->bytes || (s->lane != NULL && tn_dtype_get(s->value->dtype)->size == 1);
        c->needs->halves = c->needs->halves || (s->lane != NULL && tn_dtype_is_half(s->value->dtype));
        if (s->lane != NULL)
            line(c, "TN_STORE_%s(%s, %s);", vector_kind(c, s->value->dtype, s->lane),
                 place_text(c, s->buf, s->offset, true), typed(c, s, bare(c, text_of(c, s->value))));
        else
            line(c, "%s = %s;", place_text(c, s->buf, s->offset, false),
                 stored(c, s->buf, s->value, bare(c, text_of(c, s->value))));
        break;
    default: break;
    }
    c->lane = NULL;
    print_named(c, first, outer, &below);
}

/* One call for the vectors of a whole tile. */
static bool print_batch(printer *c, const tn_stmt *s)
{
    tn_batch b;
    if (!tn_match_batch(s, &b))
        return false;
    c->needs->vectors = c->needs->vmath = true;
    line(c, "TN_EACH_%s(%s, %s, %lld);", vector_kind(c, TN_FLOAT, b.lane), vector_function(b.op),
         pointer_name(c, b.buf), (long long)b.n);
    return true;
}

static void print_for(printer *c, const tn_stmt *s)
{
    if (print_batch(c, s))
        return;
    const char *v = var_name(c, s->var);
    line(c, "for (ptrdiff_t %s = %s; %s < %s; %s++) {", v, bare(c, text_of(c, s->begin)), v,
         operand(c, text_of(c, s->end)), v);
    c->indent++;
    print_stmts(c, &s->body);
    c->indent--;
    line(c, "}");
}

static const char *arg_text(printer *c, const tn_arg *a)
{
    switch (a->kind) {
    case TN_ARG_WORD: return a->name;
    case TN_ARG_READ:
    case TN_ARG_WRITE: return place_text(c, a->expr->buf, a->expr->arg[0], true);
    case TN_ARG_INT:
    case TN_ARG_EXTENT: break;
    }
    bool narrows = a->kind == TN_ARG_INT && a->expr->kind != TN_E_INT;
    return tn_strfmt(c->p->arena, narrows ? "(int)%s" : "%s",
                     narrows ? text_of(c, a->expr) : bare(c, text_of(c, a->expr)));
}

static void print_call(printer *c, const tn_stmt *s)
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
    return s->kind == TN_S_LET || s->kind == TN_S_SET || s->kind == TN_S_STORE;
}

static void count_run(printer *c, const tn_stmt_vec *body, size_t from, size_t to, tn_use_vec *uses)
{
    for (size_t i = from; i < to; i++) {
        const tn_stmt *s = body->items[i];
        tn_expr_uses(c->p, s->value, s->lane, true, uses);
        if (s->kind == TN_S_STORE)
            tn_expr_uses(c->p, tn_first_lane(c->p, s->offset, s->lane), s->lane, true, uses);
    }
}

/* A run of simple statements, what they share named before them, then the loop after it, then the rest. */
static void print_from(printer *c, const tn_stmt_vec *body, size_t i)
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

static void print_stmts(printer *c, const tn_stmt_vec *body)
{
    if (body->n > 0)
        print_from(c, body, 0);
}

/* --- the function --------------------------------------------------------------------------------------------------- */

static void declare_spills(printer *c, const tn_stmt *s, bool *declared)
{
    if (s->kind == TN_S_STORE && s->buf->scope == TN_SCOPE_REGISTER && !declared[s->buf->id]) {
        int64_t vector = (s->lane != NULL ? s->lane->hi + 1 : 1) * tn_dtype_get(s->buf->dtype)->size;
        const char *aligned = s->lane != NULL ? tn_strfmt(c->p->arena, "TN_ALIGNED(%d) ", (int)vector) : "";
        line(c, "%s%s %s[%lld];", aligned, c_type(s->buf->dtype), pointer_name(c, s->buf), (long long)s->buf->max[0]);
        declared[s->buf->id] = true;
    }
    for (size_t i = 0; i < s->body.n; i++)
        declare_spills(c, s->body.items[i], declared);
}

/* Whether the call decides it: a subscript of named dims and turns alone. */
static bool is_of_call(printer *c, const tn_expr *e)
{
    if (e->kind == TN_E_LOAD || (e->kind == TN_E_VAR && tn_symbol_local(c->p, e->var) == NULL))
        return false;
    for (int k = 0; k < e->n; k++)
        if (!is_of_call(c, e->arg[k]))
            return false;
    return e->dtype == TN_INDEX;
}

/* Operands first. */
static void name_limits_in(printer *c, const tn_expr *e, bool *seen)
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
static void name_limits(printer *c, const tn_stmt *s, bool *seen)
{
    name_limits_in(c, s->begin, seen);
    name_limits_in(c, s->end, seen);
    name_limits_in(c, s->value, seen);
    name_limits_in(c, s->offset, seen);
    for (size_t i = 0; i < s->body.n; i++)
        name_limits(c, s->body.items[i], seen);
}

const char *tn_index_text(tn_program *p, const tn_expr *e, tn_needs *needs)
{
    printer c = {.p = p, .needs = needs};
    return text_of(&c, e);
}

void tn_print_function(tn_program *p, const tn_stmt *body, tn_needs *needs, tn_function *out)
{
    bool *declared = TN_NEW_N(p->arena, bool, p->bufs.n);
    *out = (tn_function){.text = {.arena = p->arena}};
    printer c = {.p = p, .needs = needs, .f = out, .out = &out->text, .indent = 1};
    tn_collect_params(p, body, out);
    declare_spills(&c, body, declared);
    tn_str below = {.arena = p->arena};
    name_limits(&c, body, TN_NEW_N(p->arena, bool, p->n_expr));
    c.out = &below;
    print_stmts(&c, &body->body);
    print_named(&c, 0, &out->text, &below);
}
