/* Buffers that share memory: views, and results in the place of an operand. See program.h. */
#include "pass/program.h"

/* The only buffer that a view loads. */
static tn_buf *source_of(const tn_comp *c)
{
    return c->elem->kind == TN_E_LOAD ? c->elem->buf : NULL;
}

/* The source's writers write the output at once, unless its memory is fixed already. */
static bool alias_view(tn_buf *out, tn_buf *in)
{
    tn_buf *from = tn_buf_root(in);
    if (out->scope == TN_SCOPE_ARENA && out->alias == NULL) {
        out->alias = in;
        return true;
    }
    if (out->scope == TN_SCOPE_OUTPUT && from->scope == TN_SCOPE_ARENA && out->alias == NULL) {
        from->alias = out;
        return true;
    }
    return false;
}

void tn_alias_views(tn_program *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        tn_buf *in = c->view ? source_of(c) : NULL;
        if (in == NULL || !alias_view(c->out, in))
            p->comps.items[kept++] = c;
    }
    p->comps.n = kept;
}

/* --- results in the place of an operand ----------------------------------------------------------------------------- */

static void note_uses(const tn_expr *e, int at, int *last)
{
    if (e == NULL)
        return;
    if (e->kind == TN_E_LOAD)
        last[tn_buf_root(e->buf)->id] = at;
    for (int k = 0; k < e->n; k++)
        note_uses(e->arg[k], at, last);
}

/* Every load of b in e is of the element that is written. */
static bool loads_only_own(tn_program *p, const tn_expr *e, const tn_buf *b, const tn_expr *own)
{
    if (e == NULL)
        return true;
    if (e->kind == TN_E_LOAD && tn_buf_root(e->buf) == b && tn_buf_offset(p, e->buf, e->arg) != own)
        return false;
    for (int k = 0; k < e->n; k++)
        if (!loads_only_own(p, e->arg[k], b, own))
            return false;
    return true;
}

static bool loads_root(const tn_expr *e, const tn_buf *b)
{
    if (e == NULL)
        return false;
    if (e->kind == TN_E_LOAD && tn_buf_root(e->buf) == b)
        return true;
    for (int k = 0; k < e->n; k++)
        if (loads_root(e->arg[k], b))
            return true;
    return false;
}

static bool fits(tn_program *p, const tn_comp *c, tn_buf *b)
{
    const tn_expr *value = c->n_reduce > 0 ? c->post : c->elem;
    const tn_expr *own = tn_buf_offset(p, c->out, c->at);
    if (b->scope != TN_SCOPE_ARENA || b == c->out || c->serial)
        return false;
    if (tn_buf_room(b) * tn_dtype_get(b->dtype)->size != tn_buf_room(c->out) * tn_dtype_get(c->out->dtype)->size
        || b->dtype != c->out->dtype || !tn_layout_is_same(&b->layout, &c->out->layout))
        return false;
    if (c->n_reduce > 0 && (loads_root(c->elem, b) || loads_root(c->init, b)))
        return false;
    return loads_root(value, b) && loads_only_own(p, value, b, own);
}

static tn_buf *find_operand(tn_program *p, const tn_comp *c, int at, const int *last)
{
    for (size_t i = 0; i < p->bufs.n; i++) {
        tn_buf *b = p->bufs.items[i];
        if (b->alias == NULL && last[b->id] == at && fits(p, c, b))
            return b;
    }
    return NULL;
}

void tn_share_in_place(tn_program *p)
{
    int *last = TN_NEW_N(p->arena, int, p->bufs.n), *writers = TN_NEW_N(p->arena, int, p->bufs.n);
    for (size_t i = 0; i < p->kernels.n; i++) {
        const tn_comp *c = p->kernels.items[i].comp;
        note_uses(c->elem, (int)i + 1, last);
        note_uses(c->post, (int)i + 1, last);
        note_uses(c->init, (int)i + 1, last);
        for (int k = 0; k < c->out->rank; k++)
            note_uses(c->at[k], (int)i + 1, last);
        writers[tn_buf_root(c->out)->id]++;
    }
    for (size_t i = 0; i < p->kernels.n; i++) {
        const tn_comp *c = p->kernels.items[i].comp;
        tn_buf *out = c->out;
        if (out->alias != NULL || out->scope != TN_SCOPE_ARENA || writers[out->id] != 1)
            continue;
        tn_buf *b = find_operand(p, c, (int)i + 1, last);
        if (b == NULL)
            continue;
        out->alias = b;
        last[b->id] = last[out->id];
    }
}
