/* Dot products of four bytes among the expressions of statements. See loop.h. */
#include "loop/loop.h"

/* cast<int32>(load), or cast<int32>(uint8(load) ^ 128). */
static const tn_expr *byte_factor(const tn_expr *e, bool *flips)
{
    if (e->kind != TN_E_CAST || e->dtype != TN_INT32)
        return NULL;
    e = e->arg[0];
    *flips = e->kind == TN_E_OP && e->op == TN_OP_BITXOR && e->arg[0]->kind == TN_E_CAST
          && e->arg[0]->arg[0]->dtype == TN_INT8 && tn_expr_is_int(e->arg[1], 128);
    if (*flips)
        e = e->arg[0]->arg[0];
    return e->kind == TN_E_LOAD && tn_dtype_is_byte(e->dtype) ? e : NULL;
}

static bool match_term(const tn_expr *e, const tn_var *lane, const tn_expr **x, const tn_expr **w, bool *flips)
{
    bool flips_w = false;
    if (e->kind != TN_E_OP || e->op != TN_OP_MUL)
        return false;
    for (int i = 0; i < 2; i++) {
        *x = byte_factor(e->arg[i], flips);
        *w = byte_factor(e->arg[1 - i], &flips_w);
        bool fits = *x != NULL && *w != NULL && !flips_w && (*w)->dtype == TN_INT8;
        if (fits && ((*x)->dtype == TN_UINT8 || *flips) && !tn_uses_var((*x)->arg[0], lane))
            return true;
    }
    return false;
}

bool tn_match_dot4(tn_program *p, const tn_expr *e, const tn_var *lane, tn_dot4 *out)
{
    const tn_expr *x[4], *w[4];
    int64_t c = 0;
    if (lane == NULL || e->dtype != TN_INT32)
        return false;
    for (int i = 3; i >= 0; i--) { /* the last term is the outermost operand */
        if (e->kind != TN_E_OP || e->op != TN_OP_ADD || !match_term(e->arg[1], lane, &x[i], &w[i], &out->flips))
            return false;
        e = e->arg[0];
    }
    if (e->kind != TN_E_VAR) /* a sum of more than four: what takes these four has to add the others */
        return false;
    for (int i = 1; i < 4; i++)
        if (x[i]->buf != x[0]->buf || w[i]->buf != w[0]->buf
            || !tn_expr_is_int(tn_sub(p, x[i]->arg[0], x[0]->arg[0]), i)
            || !tn_expr_is_int(tn_sub(p, w[i]->arg[0], w[0]->arg[0]), i))
            return false;
    out->acc = e;
    out->x = x[0];
    out->w = w[0];
    return tn_coefficient(w[0]->arg[0], lane, &c) && c == 4;
}
