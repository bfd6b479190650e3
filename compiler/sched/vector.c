/* What has a form on vectors: the operations that tn_port.h, tn_vmath.h and tn_bytes.h spell. See sched.h. */
#include "sched/sched.h"

static bool is_arithmetic(int op)
{
    return op == TN_OP_ADD || op == TN_OP_SUB || op == TN_OP_MUL || op == TN_OP_NEG;
}

static bool has_float_form(int op)
{
    switch (op) {
    case TN_OP_DIV:
    case TN_OP_MIN:
    case TN_OP_MAX:
    case TN_OP_EXP:
    case TN_OP_LOG:
    case TN_OP_TANH:
    case TN_OP_SIGMOID:
    case TN_OP_SILU2:
    case TN_OP_ERF:
    case TN_OP_GELU:
    case TN_OP_ABS:
    case TN_OP_FLOOR:
    case TN_OP_CEIL:
    case TN_OP_TRUNC:
    case TN_OP_ROUND: return true;
    default: return is_arithmetic(op);
    }
}

static bool has_int_form(int op)
{
    return is_arithmetic(op) || op == TN_OP_MIN || op == TN_OP_MAX || op == TN_OP_FIXMUL || op == TN_OP_FIXSHIFT;
}

static bool is_comparison(int op)
{
    return op == TN_OP_LT || op == TN_OP_LE || op == TN_OP_EQ || op == TN_OP_NE || op == TN_OP_ISNAN;
}

/* The same in all lanes. */
static bool is_still(const tn_expr *e, const tn_var *lane)
{
    if (e->kind == TN_E_VAR)
        return e->var != lane && e->var->lanes == 0;
    for (int k = 0; k < e->n; k++)
        if (!is_still(e->arg[k], lane))
            return false;
    return true;
}

/* A load in a lane that does not take this branch must not do harm: only what data alone place could. */
static bool loads_by_data(const tn_expr *e, bool in_subscript)
{
    if (e->kind == TN_E_LOAD && in_subscript)
        return true;
    for (int k = 0; k < e->n; k++)
        if (loads_by_data(e->arg[k], in_subscript || e->kind == TN_E_LOAD))
            return true;
    return false;
}

static bool is_contiguous(const tn_expr *load, const tn_var *lane)
{
    int64_t c = 0;
    return tn_coefficient(load->arg[0], lane, &c) && (c == 1 || c == 0);
}

/* Every second float, two vectors from which the emitter picks. */
static bool has_load_form(const tn_expr *load, const tn_var *lane)
{
    int64_t c = 0;
    return is_contiguous(load, lane)
        || (load->dtype == TN_FLOAT && tn_coefficient(load->arg[0], lane, &c) && c == 2 && lane->hi > 2);
}

static bool can_vector_select(tn_program *p, const tn_expr *e, const tn_var *lane)
{
    const tn_expr *cond = e->arg[0], *yes = e->arg[1], *no = e->arg[2];
    if (!tn_can_vector(p, yes, lane) || !tn_can_vector(p, no, lane))
        return false;
    if (is_still(cond, lane))
        return true;
    return tn_can_vector(p, cond, lane) && !loads_by_data(yes, false) && !loads_by_data(no, false);
}

static bool can_vector_op(tn_program *p, const tn_expr *e, const tn_var *lane)
{
    tn_dtype of = e->arg[0]->dtype;
    bool has = e->dtype == TN_FLOAT ? has_float_form(e->op) : e->dtype == TN_INT32 ? has_int_form(e->op) : false;
    if (e->dtype == TN_BOOL)
        has = is_comparison(e->op) ? of == TN_FLOAT || of == TN_INT32
                                   : e->op == TN_OP_AND || e->op == TN_OP_OR || e->op == TN_OP_NOT;
    for (int k = 0; k < e->n && has; k++) /* a mask and a scalar truth do not mix */
        has = tn_can_vector(p, e->arg[k], lane) && !(e->arg[k]->dtype == TN_BOOL && is_still(e->arg[k], lane));
    return has;
}

/* A vector that becomes bytes. */
static bool can_narrow(tn_program *p, const tn_expr *e, const tn_var *lane)
{
    const tn_expr *wide = e->arg[0];
    return tn_dtype_is_byte(e->dtype)
        && (wide->dtype == TN_INT32 || (wide->dtype == TN_FLOAT && tn_float_fits(wide, e->dtype)))
        && tn_can_vector(p, wide, lane) && !is_still(wide, lane);
}

/* Vectors are of float or int32, and what comparisons give are masks; bytes and 16-bit floats are widened as they are
   loaded. */
bool tn_can_vector(tn_program *p, const tn_expr *e, const tn_var *lane)
{
    if (e->dtype != TN_FLOAT && e->dtype != TN_INT32 && e->dtype != TN_BOOL)
        return false;
    switch (e->kind) {
    case TN_E_LOAD: return e->dtype != TN_BOOL && has_load_form(e, lane);
    case TN_E_OP: return can_vector_op(p, e, lane);
    case TN_E_SELECT: return e->dtype != TN_BOOL && can_vector_select(p, e, lane);
    case TN_E_CAST:
        if (e->arg[0]->kind == TN_E_CAST && e->arg[0]->arg[0]->dtype == TN_FLOAT
            && can_narrow(p, e->arg[0], lane)) /* to a byte and back */
            return e->dtype != TN_BOOL;
        if (tn_dtype_is_half(e->arg[0]->dtype) && e->dtype != TN_FLOAT)
            return false;
        if (tn_dtype_is_byte(e->arg[0]->dtype) || tn_dtype_is_half(e->arg[0]->dtype))
            return e->dtype != TN_BOOL && e->arg[0]->kind == TN_E_LOAD && is_contiguous(e->arg[0], lane);
        return e->dtype == TN_FLOAT && e->arg[0]->dtype == TN_INT32 && tn_can_vector(p, e->arg[0], lane);
    case TN_E_BITS: return false;
    default: return e->dtype != TN_BOOL;
    }
}

bool tn_can_store_vector(tn_program *p, const tn_expr *e, const tn_var *lane)
{
    if (e->kind == TN_E_CAST && tn_dtype_is_byte(e->dtype))
        return can_narrow(p, e, lane);
    if (e->kind == TN_E_CAST && tn_dtype_is_half(e->dtype))
        return e->arg[0]->dtype == TN_FLOAT && tn_can_vector(p, e->arg[0], lane) && !is_still(e->arg[0], lane);
    tn_dot4 dot;
    return e->dtype != TN_BOOL && (tn_can_vector(p, e, lane) || tn_match_dot4(p, e, lane, &dot));
}

bool tn_stmt_is_vector_clean(tn_program *p, const tn_stmt *s)
{
    if (s->lane != NULL && !tn_can_store_vector(p, s->value, s->lane))
        return false;
    for (size_t i = 0; i < s->body.n; i++)
        if (!tn_stmt_is_vector_clean(p, s->body.items[i]))
            return false;
    return true;
}
