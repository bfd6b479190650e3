/* Constants that a vector axis reads, in the order that its loops read them: outer block of the axis, reduction loops in
   their order, inner block. The loads become those of a buffer packed from the constant; loads of the same layout share it. */
#include "pass/schedule.h"

static void add_part(tn_layout *l, int axis, int64_t div, int64_t mod)
{
    l->part[l->n].axis = axis;
    l->part[l->n].div = div;
    l->part[l->n++].mod = mod;
}

/* Dims that no reduction axis walks come first, then the reduction's in the order of its loops. */
static tn_layout packed_layout(const tn_schedule *s, const tn_expr *load, int vector_dim)
{
    tn_layout l = {0};
    int64_t group = s->nb * s->lanes;
    int main = s->c->n_reduce > 0 ? tn_schedule_dim(s->p, load, s->c->reduce[s->main].var) : -1;
    int64_t block = s->r_block > 0 ? s->r_block : 1;
    bool placed[TN_MAX_RANK] = {false};
    placed[vector_dim] = true;
    if (!s->covers)
        add_part(&l, vector_dim, group, 0);
    for (int i = 0; i < s->c->n_reduce; i++) {
        int d = tn_schedule_dim(s->p, load, s->c->reduce[i].var);
        if (d >= 0)
            placed[d] = true;
    }
    for (int d = 0; d < load->n; d++)
        if (!placed[d])
            add_part(&l, d, 1, 0);
    if (main >= 0 && s->main == 0)
        add_part(&l, main, block, 0);
    for (int i = 0; i < s->c->n_reduce; i++) {
        int d = tn_schedule_dim(s->p, load, s->c->reduce[i].var);
        if (d >= 0 && d != main)
            add_part(&l, d, 1, 0);
    }
    if (main >= 0 && s->main > 0)
        add_part(&l, main, block, 0);
    if (main >= 0 && s->r_block > (s->dots ? 4 : 0))
        add_part(&l, main, s->dots ? 4 : 1, s->r_block / (s->dots ? 4 : 1));
    add_part(&l, vector_dim, 1, s->covers ? 0 : group);
    if (main >= 0 && s->dots)
        add_part(&l, main, 1, 4);
    return l;
}

static tn_buf *packed_buf(tn_program *p, tn_buf *from, const tn_layout *l)
{
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->packed_from == from && tn_layout_is_same(&p->bufs.items[i]->layout, l))
            return p->bufs.items[i];
    tn_dim none[TN_MAX_RANK] = {{0, NULL}};
    tn_buf *b = tn_buf_temp(p, from->name, from->dtype, from->rank, none);
    memcpy(b->dim, from->dim, sizeof b->dim);
    memcpy(b->max, from->max, sizeof b->max);
    b->scope = TN_SCOPE_CONST;
    b->packed_from = from;
    b->layout = *l;
    return b;
}

static const tn_expr *pack_load(tn_program *p, void *user, const tn_expr *e)
{
    const tn_schedule *s = user;
    if (e->kind != TN_E_LOAD || e->buf->scope != TN_SCOPE_CONST || e->buf->data == NULL || e->buf->layout.n > 0
        || e->i == 1)
        return NULL;
    int d = tn_schedule_vector_dim(s, e);
    if (d < 0 || e->n + 3 > 12)
        return NULL;
    tn_layout l = packed_layout(s, e, d);
    return tn_load_raw(p, packed_buf(p, e->buf, &l), e->n, e->arg);
}

void tn_schedule_pack(tn_schedule *s)
{
    s->c->elem = tn_rewrite(s->p, s->c->elem, pack_load, s);
    if (s->c->post != NULL)
        s->c->post = tn_rewrite(s->p, s->c->post, pack_load, s);
}
