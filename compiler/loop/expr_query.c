/* What is in an expression or a computation: loads, variables, buffers. */
#include "loop/loop.h"

typedef bool is_fn(const tn_expr *e, const void *what);

/* Whether e or a part of it is one. */
static bool has(const tn_expr *e, is_fn *is, const void *what)
{
    if (is(e, what))
        return true;
    for (int k = 0; k < e->n; k++)
        if (has(e->arg[k], is, what))
            return true;
    return false;
}

static bool is_select(const tn_expr *e, const void *what)
{
    (void)what;
    return e->kind == TN_E_SELECT;
}

bool tn_has_select(const tn_expr *e)
{
    return has(e, is_select, NULL);
}

static bool is_var(const tn_expr *e, const void *v)
{
    return e->kind == TN_E_VAR && e->var == v;
}

bool tn_uses_var(const tn_expr *e, const tn_var *v)
{
    return has(e, is_var, v);
}

static bool is_load_of(const tn_expr *e, const void *b)
{
    return e->kind == TN_E_LOAD && e->buf == b;
}

bool tn_loads_buf(const tn_expr *e, const tn_buf *b)
{
    return has(e, is_load_of, b);
}

static bool is_constant(const tn_expr *e, const void *what)
{
    (void)what;
    return e->kind == TN_E_LOAD && e->buf->scope == TN_SCOPE_CONST;
}

bool tn_loads_constants(const tn_expr *e)
{
    return has(e, is_constant, NULL);
}

static bool shares_subscript(const tn_expr *e, const void *vars)
{
    const tn_var *const *v = vars;
    for (int d = 0; e->kind == TN_E_LOAD && d < e->n; d++)
        if (tn_uses_var(e->arg[d], v[0]) && tn_uses_var(e->arg[d], v[1]))
            return true;
    return false;
}

bool tn_share_subscript(const tn_expr *e, const tn_var *x, const tn_var *y)
{
    return has(e, shares_subscript, (const tn_var *const[]){x, y});
}

void tn_each_load(const tn_expr *e, tn_load_fn *f, void *user)
{
    if (e == NULL)
        return;
    if (e->kind == TN_E_LOAD)
        f(user, e);
    for (int k = 0; k < e->n; k++)
        tn_each_load(e->arg[k], f, user);
}

void tn_comp_each_load(const tn_comp *c, tn_load_fn *f, void *user)
{
    tn_each_load(c->elem, f, user);
    tn_each_load(c->init, f, user);
    tn_each_load(c->post, f, user);
    for (int i = 0; i < c->out->rank; i++)
        tn_each_load(c->at[i], f, user);
    for (int i = 0; c->call != NULL && i < c->call->n_arg; i++)
        if (c->call->arg[i].kind != TN_ARG_WRITE)
            tn_each_load(c->call->arg[i].expr, f, user);
}

typedef struct memory_of {
    const tn_buf *root;
    bool found;
} memory_of;

static void match_memory(void *user, const tn_expr *load)
{
    memory_of *m = user;
    m->found = m->found || tn_buf_root(load->buf) == m->root;
}

bool tn_comp_loads(const tn_comp *c, const tn_buf *b)
{
    memory_of m = {tn_buf_root(b), false};
    tn_comp_each_load(c, match_memory, &m);
    return m.found;
}

bool tn_comp_uses(const tn_comp *c, const tn_var *symbol)
{
    const tn_expr *all[] = {c->elem, c->init, c->post};
    bool uses = false;
    for (int i = 0; i < 3; i++)
        uses = uses || (all[i] != NULL && tn_uses_var(all[i], symbol));
    for (int i = 0; i < c->n_axis; i++)
        uses = uses || tn_uses_var(c->axis[i].extent, symbol);
    for (int i = 0; i < c->n_reduce; i++)
        uses = uses || tn_uses_var(c->reduce[i].extent, symbol);
    for (int i = 0; i < c->out->rank; i++)
        uses = uses || tn_uses_var(c->at[i], symbol);
    return uses;
}
