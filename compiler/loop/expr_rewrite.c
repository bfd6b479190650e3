/* An expression made of another: parts replaced, what stands around them simplified again. */
#include "loop/loop.h"

enum { CACHE = 512 };
typedef struct rewriting {
    tn_rewrite_fn f;
    void *user;
    struct {
        const tn_expr *from, *to;
    } cache[CACHE]; /* by id: a shared subexpression is rewritten once */
} rewriting;

const tn_expr *tn_expr_rebuild(tn_program *p, const tn_expr *e, const tn_expr *const *arg)
{
    switch (e->kind) {
    case TN_E_OP: return tn_opn(p, (tn_scalar_op)e->op, arg);
    case TN_E_SELECT: return tn_select(p, arg[0], arg[1], arg[2]);
    case TN_E_CAST: return tn_cast(p, e->dtype, arg[0]);
    case TN_E_BITS: return tn_bit_cast(p, e->dtype, arg[0]);
    case TN_E_LOAD: return e->i == 1 ? tn_load_flat(p, e->buf, arg[0]) : tn_load_raw(p, e->buf, e->n, arg);
    default: return e;
    }
}

static const tn_expr *rewrite(tn_program *p, const tn_expr *e, rewriting *r)
{
    size_t slot = (size_t)e->id % CACHE;
    if (r->cache[slot].from == e)
        return r->cache[slot].to;
    const tn_expr *arg[TN_MAX_AXES + 4] = {NULL}, *out = e;
    bool changed = false;
    for (int k = 0; k < e->n; k++) {
        arg[k] = rewrite(p, e->arg[k], r);
        changed = changed || arg[k] != e->arg[k];
    }
    if (changed)
        out = tn_expr_rebuild(p, e, arg);
    const tn_expr *by = r->f(p, r->user, out);
    if (by != NULL)
        out = by;
    r->cache[slot].from = e;
    r->cache[slot].to = out;
    return out;
}

const tn_expr *tn_rewrite(tn_program *p, const tn_expr *e, tn_rewrite_fn f, void *user)
{
    rewriting r = {.f = f, .user = user};
    return rewrite(p, e, &r);
}

typedef struct substitution {
    const tn_var *v;
    const tn_expr *by;
} substitution;

static const tn_expr *substitute_one(tn_program *p, void *user, const tn_expr *e)
{
    (void)p;
    const substitution *s = user;
    return e->kind == TN_E_VAR && e->var == s->v ? s->by : NULL;
}

const tn_expr *tn_substitute(tn_program *p, const tn_expr *e, const tn_var *v, const tn_expr *by)
{
    substitution s = {v, by};
    return tn_uses_var(e, v) ? tn_rewrite(p, e, substitute_one, &s) : e;
}
