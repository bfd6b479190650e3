/* Functions of whole vectors that take many steps, and the statement that is one of them for several vectors side by
   side, as sched/batch.c makes it and the printer knows it. */
#include "loop/loop.h"

/* Functions with more constants than registers are left beside a tile; exp and sigmoid have few, and are faster in place
   (measured: EfficientNet-B0, where they follow short sums, by 2 to 10 % of a layer). */
bool tn_is_long_call(const tn_expr *e)
{
    return e->kind == TN_E_OP && e->dtype == TN_FLOAT
        && (e->op == TN_OP_LOG || e->op == TN_OP_TANH || e->op == TN_OP_ERF || e->op == TN_OP_GELU);
}

bool tn_match_batch(const tn_stmt *s, tn_batch *out)
{
    if (s->kind != TN_S_FOR || s->body.n != 1 || s->body.items[0]->kind != TN_S_STORE)
        return false;
    const tn_stmt *one = s->body.items[0];
    if (one->lane == NULL || one->buf->scope != TN_SCOPE_REGISTER || !tn_is_long_call(one->value)
        || one->value->arg[0]->kind != TN_E_LOAD || one->value->arg[0]->buf != one->buf
        || one->value->arg[0]->arg[0] != one->offset || s->begin->kind != TN_E_INT || s->end->kind != TN_E_INT)
        return false;
    *out = (tn_batch){one->buf, one->lane, one->value->op, s->end->i};
    return true;
}
