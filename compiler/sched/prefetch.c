/* prefetch: a loop asks for the constants of a later turn, so that weights which lie in no cache are on their way while
   this turn computes. A hint: nothing depends on it. See sched.h. */
#include "sched/sched.h"

enum { LINE = 64 }; /* bytes that come together */

typedef struct asking {
    tn_program *p;
    const tn_var *turn;
    const tn_expr *later; /* the turn whose constants are asked for */
    tn_stmt_vec asked;
} asking;

static bool is_asked(asking *a, const tn_buf *b, const tn_expr *offset)
{
    int64_t size = (int64_t)tn_dtype_get(b->dtype)->size;
    for (size_t i = 0; i < a->asked.n; i++) {
        const tn_expr *load = a->asked.items[i]->value;
        const tn_expr *apart = tn_sub(a->p, offset, load->arg[0]);
        if (load->buf == b && apart->kind == TN_E_INT && apart->i * size > -LINE && apart->i * size < LINE)
            return true;
    }
    return false;
}

static void ask_for(void *user, const tn_expr *e)
{
    asking *a = user;
    if (e->buf->scope != TN_SCOPE_CONST || e->i != 1 || !tn_uses_var(e->arg[0], a->turn))
        return;
    const tn_expr *offset = tn_substitute(a->p, e->arg[0], a->turn, a->later);
    if (is_asked(a, e->buf, offset))
        return;
    tn_stmt *s = TN_NEW(a->p->arena, tn_stmt);
    *s = (tn_stmt){.kind = TN_S_PREFETCH, .value = tn_load_flat(a->p, e->buf, offset)};
    *TN_PUSH(a->p->arena, a->asked) = s;
}

void tn_add_prefetch(tn_program *p, const tn_loop *loop, int64_t turns, const tn_var *lane, tn_stmt_vec *body)
{
    const tn_expr *later = tn_add(p, tn_var_expr(p, loop->var), tn_index(p, loop->ahead));
    asking a = {.p = p, .turn = loop->var, .later = tn_min(p, later, tn_index(p, turns - 1))};
    for (size_t i = 0; i < body->n; i++) {
        const tn_expr *value = body->items[i]->value;
        tn_each_load(lane == NULL || value == NULL ? value : tn_substitute(p, value, lane, tn_index(p, 0)), ask_for,
                     &a);
    }
    for (size_t i = 0; i < body->n; i++)
        *TN_PUSH(p->arena, a.asked) = body->items[i];
    *body = a.asked;
}
