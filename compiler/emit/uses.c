/* How often statements use their subexpressions: what is used twice, and on every path, deserves a name before them.

       y[i * 4] = expf(x[j] - m) * w[i * 4]    ->    i * 4 twice, the others once

   Expressions are shared nodes, so that equal ones are one pointer. */
#include "emit/cbody.h"

const tn_expr *tn_first_lane(tn_program *p, const tn_expr *offset, const tn_var *lane)
{
    return lane != NULL ? tn_substitute(p, offset, lane, tn_index(p, 0)) : offset;
}

bool tn_needs_data(const tn_expr *e)
{
    if (e->kind == TN_E_LOAD || (e->kind == TN_E_VAR && e->var->dtype != TN_INDEX))
        return true;
    for (int k = 0; k < e->n; k++)
        if (tn_needs_data(e->arg[k]))
            return true;
    return false;
}

static tn_use *find_use(const tn_use_vec *uses, const tn_expr *e)
{
    for (size_t i = 0; i < uses->n; i++)
        if (uses->items[i].expr == e)
            return &uses->items[i];
    return NULL;
}

static bool is_leaf(const tn_expr *e)
{
    return e->kind == TN_E_INT || e->kind == TN_E_NUM || e->kind == TN_E_VAR;
}

/* The operand's text appears twice in some C forms. */
static bool doubles(const tn_expr *e)
{
    bool whole = !tn_dtype_get(e->dtype)->is_float;
    if (e->kind == TN_E_CAST)
        return e->dtype == TN_BOOL && tn_dtype_get(e->arg[0]->dtype)->is_float;
    if (e->kind != TN_E_OP)
        return false;
    return (whole && (e->op == TN_OP_MIN || e->op == TN_OP_MAX || e->op == TN_OP_ABS)) || e->op == TN_OP_MOD
        || e->op == TN_OP_ISNAN;
}

typedef struct counting {
    tn_program *p;
    const tn_var *lane;
    bool index_only;
    tn_use_vec *uses;
} counting;

/* Post-order, so that a name is made before its users; certain: reached on every path (not in a select's branch). What
   does not count itself is looked into twice, so that what is in it counts as often as is of interest, but not by the number
   of paths that lead to it. */
static void count_in(const counting *c, const tn_expr *e, bool certain)
{
    if (is_leaf(e))
        return;
    if (e->dtype == TN_INDEX && e->kind == TN_E_OP && e->op == TN_OP_ADD && e->arg[1]->kind == TN_E_INT) {
        count_in(c, e->arg[0], certain); /* x[a + 16]: the name is for a */
        return;
    }
    tn_use *u = find_use(c->uses, e);
    bool counts = !c->index_only || e->dtype == TN_INDEX;
    bool seen = u != NULL && (u->hoistable || !certain) && (counts || u->visits > 1);
    for (int k = 0; k < e->n && !seen; k++) {
        const tn_expr *arg = e->kind == TN_E_LOAD ? tn_first_lane(c->p, e->arg[k], c->lane) : e->arg[k];
        bool sure = certain && !(e->kind == TN_E_SELECT && k > 0)
                 && !(e->kind == TN_E_OP && k > 0 && (e->op == TN_OP_AND || e->op == TN_OP_OR));
        count_in(c, arg, sure);
        if (doubles(e))
            count_in(c, arg, sure);
    }
    if ((u = find_use(c->uses, e)) == NULL) { /* its operands may have moved the array */
        u = TN_PUSH(c->p->arena, *c->uses);
        u->expr = e;
    }
    u->visits++;
    u->count += counts;
    u->hoistable = u->hoistable || certain;
}

void tn_expr_uses(tn_program *p, const tn_expr *e, const tn_var *lane, bool index_only, tn_use_vec *uses)
{
    counting c = {p, lane, index_only, uses};
    count_in(&c, e, true);
}
