/* Expressions of a statement with lanes as C text: the vector types of gcc and clang, and macros of tn_port.h and its
   kin that end in what a vector holds.

       max(x[i] + 1, 0), lane i of 8    ->    TN_MAXK_F32X8((TN_LOAD_F32X8(x) + 1.0f), TN_SPLAT_F32X8(0.0f)) */
#include "emit/cexpr.h"

#include <math.h>

/* --- types -------------------------------------------------------------------------------------------------------- */

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

const char *tn_vector_kind(tn_printer *c, tn_dtype t, const tn_var *lane)
{
    return tn_strfmt(c->p->arena, "%sX%d", lane_type(t), (int)lane->hi + 1);
}

const char *tn_vector_type(tn_printer *c, tn_dtype t, const tn_var *lane)
{
    return tn_strfmt(c->p->arena, "tn_%s32x%d", t == TN_FLOAT ? "f" : "i", (int)lane->hi + 1);
}

const char *tn_vector_text(tn_printer *c, const tn_expr *e)
{
    const char *x = tn_text_of(c, e);
    return tn_is_vector(c, e) ? x : tn_strfmt(c->p->arena, "TN_SPLAT_%s(%s)", tn_vector_kind(c, e->dtype, c->lane), x);
}

/* --- operations --------------------------------------------------------------------------------------------------- */

const char *tn_vector_function(int op)
{
    switch (op) {
    case TN_OP_EXP: return "exp";
    case TN_OP_LOG: return "log";
    case TN_OP_TANH: return "tanh";
    case TN_OP_SIGMOID: return "sigmoid";
    case TN_OP_SILU2: return "silu2";
    case TN_OP_ERF: return "erf";
    case TN_OP_GELU: return "gelu";
    case TN_OP_ABS: return "abs";
    case TN_OP_FLOOR: return "floor";
    case TN_OP_CEIL: return "ceil";
    case TN_OP_TRUNC: return "trunc";
    case TN_OP_ROUND: return "round";
    default: return NULL;
    }
}

/* Of a constant, which comes second, the test for NaN is left out. */
static const char *vector_extreme(tn_printer *c, const tn_expr *e)
{
    const tn_expr *x = e->arg[0], *y = e->arg[1];
    bool number = y->kind == TN_E_NUM && !isnan(y->f);
    c->needs->extremes = true;
    return tn_strfmt(c->p->arena, "TN_%s%s_%s(%s, %s)", e->op == TN_OP_MIN ? "MIN" : "MAX", number ? "K" : "",
                     tn_vector_kind(c, e->dtype, c->lane), tn_vector_text(c, x), tn_vector_text(c, y));
}

const char *tn_vector_op(tn_printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    tn_dtype of = e->arg[0]->dtype;
    const char *function = tn_vector_function(e->op), *kind = tn_vector_kind(c, of, c->lane);
    if (function != NULL) {
        c->needs->vmath = true;
        return tn_strfmt(a, "TN_CALL_%s(%s, %s)", kind, function, tn_text_of(c, e->arg[0]));
    }
    if (e->op == TN_OP_MIN || e->op == TN_OP_MAX)
        return vector_extreme(c, e);
    if (e->op == TN_OP_FIXMUL || e->op == TN_OP_FIXSHIFT) {
        c->needs->fixed = true;
        return tn_strfmt(a, "TN_FIX%s_%s(%s, %s)", e->op == TN_OP_FIXMUL ? "MUL" : "SHIFT", kind,
                         tn_vector_text(c, e->arg[0]), tn_vector_text(c, e->arg[1]));
    }
    if (e->op == TN_OP_AND || e->op == TN_OP_OR)
        return tn_strfmt(a, "(%s %s %s)", tn_text_of(c, e->arg[0]), e->op == TN_OP_AND ? "&" : "|",
                         tn_text_of(c, e->arg[1]));
    if (e->op == TN_OP_NOT)
        return tn_strfmt(a, "(~%s)", tn_text_of(c, e->arg[0]));
    /* gcc and clang take a scalar operand only of the vector's own type: a float constant is, an int32 may not be */
    bool plain = e->dtype == TN_FLOAT;
    const char *x = plain ? tn_text_of(c, e->arg[0]) : tn_vector_text(c, e->arg[0]), *y = "";
    if (e->n > 1)
        y = plain ? tn_text_of(c, e->arg[1]) : tn_vector_text(c, e->arg[1]);
    return tn_strfmt(a, "(%s)", tn_fill_template(c, tn_scalars[e->op].c_float, x, y, false));
}

/* --- casts -------------------------------------------------------------------------------------------------------- */

/* A float as int32; where it was just rounded, by the instruction that rounds. */
static const char *integers_of(tn_printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    if (tn_has_name(c, e) || !tn_float_is_whole(e))
        return tn_strfmt(a, "__builtin_convertvector(%s, %s)", tn_text_of(c, e), tn_vector_type(c, TN_INT32, c->lane));
    if (e->kind == TN_E_NUM)
        return tn_strfmt(a, "TN_SPLAT_%s(%s)", tn_vector_kind(c, TN_INT32, c->lane),
                         tn_text_of(c, tn_integer(c->p, TN_INT32, (int64_t)e->f)));
    if (e->op == TN_OP_ADD)
        return tn_strfmt(a, "(%s + %s)", integers_of(c, e->arg[0]), integers_of(c, e->arg[1]));
    c->needs->vmath = true;
    return tn_strfmt(a, "TN_NEAREST_%s(%s)", tn_vector_kind(c, TN_INT32, c->lane),
                     tn_bare(c, tn_text_of(c, e->arg[0])));
}

/* A byte's value, of which a vector is an int32 or a float, as a vector of type to. */
static const char *unnarrowed(tn_printer *c, const tn_expr *e, tn_dtype to)
{
    if (to == TN_INT32)
        return integers_of(c, e);
    if (tn_float_is_whole(e))
        return tn_text_of(c, e);
    return tn_strfmt(c->p->arena, "__builtin_convertvector(%s, %s)", integers_of(c, e),
                     tn_vector_type(c, TN_FLOAT, c->lane)); /* what follows the point goes */
}

static const char *widened(tn_printer *c, const tn_expr *load)
{
    return tn_strfmt(c->p->arena, "TN_WIDEN_%s(%s)", tn_vector_kind(c, load->dtype, c->lane),
                     tn_place_text(c, load->buf, load->arg[0], true));
}

/* 16-bit floats and bytes are widened as they are loaded, and narrowed as they are stored. */
const char *tn_vector_cast(tn_printer *c, const tn_expr *e)
{
    tn_arena *a = c->p->arena;
    const tn_expr *x = e->arg[0];
    c->needs->halves = c->needs->halves || tn_dtype_is_half(x->dtype);
    if (tn_dtype_is_half(x->dtype))
        return widened(c, x);
    if (tn_dtype_is_half(e->dtype))
        return tn_text_of(c, x);
    bool is_byte = tn_dtype_is_byte(x->dtype), is_load = is_byte && x->kind == TN_E_LOAD;
    tn_dtype to = e->dtype == TN_FLOAT ? TN_FLOAT : TN_INT32, from = x->dtype == TN_FLOAT ? TN_FLOAT : TN_INT32;
    c->needs->bytes = c->needs->bytes || is_load;
    if (is_byte && !is_load) /* of a float that fits a byte */
        return unnarrowed(c, x->arg[0], to);
    if (from == TN_FLOAT && to == TN_INT32)
        return integers_of(c, x);
    const char *text = is_load ? widened(c, x) : tn_text_of(c, x);
    return from == to ? text : tn_strfmt(a, "__builtin_convertvector(%s, %s)", text, tn_vector_type(c, to, c->lane));
}

/* --- loads and choices -------------------------------------------------------------------------------------------- */

const char *tn_vector_load(tn_printer *c, const tn_expr *load)
{
    int64_t stride = 0;
    tn_coefficient(load->arg[0], c->lane, &stride);
    return tn_strfmt(c->p->arena, "TN_LOAD%s_%s(%s)", stride == 2 ? "2" : "", tn_vector_kind(c, load->dtype, c->lane),
                     tn_place_text(c, load->buf, load->arg[0], true));
}

/* b > a ? b : a and b < a ? b : a in vectors, which are one instruction. */
static const char *select_as_extreme(tn_printer *c, const tn_expr *e)
{
    const tn_expr *cond = e->arg[0], *yes = e->arg[1], *no = e->arg[2];
    if (cond->kind != TN_E_OP || cond->op != TN_OP_LT || (e->dtype != TN_FLOAT && e->dtype != TN_INT32))
        return NULL;
    bool larger = cond->arg[0] == no && cond->arg[1] == yes, smaller = cond->arg[0] == yes && cond->arg[1] == no;
    if (!larger && !smaller)
        return NULL;
    c->needs->extremes = true;
    return tn_strfmt(c->p->arena, "TN_%s%s_%s(%s, %s)", larger ? "MAX" : "MIN", e->dtype == TN_FLOAT ? "K" : "",
                     tn_vector_kind(c, e->dtype, c->lane), tn_vector_text(c, no), tn_vector_text(c, yes));
}

const char *tn_vector_select(tn_printer *c, const tn_expr *e)
{
    const char *extreme = select_as_extreme(c, e);
    if (extreme != NULL)
        return extreme;
    const char *cond = tn_text_of(c, e->arg[0]), *yes = tn_vector_text(c, e->arg[1]),
               *no = tn_vector_text(c, e->arg[2]);
    if (!tn_is_vector(c, e->arg[0]))
        return tn_strfmt(c->p->arena, "(%s ? %s : %s)", cond, yes, no);
    return tn_strfmt(c->p->arena, "TN_SELECT_%s(%s, %s, %s)", tn_vector_kind(c, e->dtype, c->lane), cond, yes, no);
}
