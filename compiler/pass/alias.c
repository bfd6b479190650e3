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

/* By buffer: the kernel, counted from 1, that reads its memory last. */
typedef struct last_use {
    int *kernel, at;
} last_use;

static void note_use(void *user, const tn_expr *load)
{
    const last_use *u = user;
    u->kernel[tn_buf_root(load->buf)->id] = u->at;
}

/* How often the memory of b is loaded, and how often another element of it than the one at own. */
typedef struct loads_of {
    tn_program *p;
    const tn_buf *b;
    const tn_expr *own;
    int all, others;
} loads_of;

static void count_load(void *user, const tn_expr *load)
{
    loads_of *l = user;
    if (tn_buf_root(load->buf) != l->b)
        return;
    l->all++;
    l->others += tn_buf_offset(l->p, load->buf, load->arg) != l->own;
}

static bool fits(tn_program *p, const tn_comp *c, tn_buf *b)
{
    loads_of before = {.p = p, .b = b}, last = {.p = p, .b = b};
    if (b->scope != TN_SCOPE_ARENA || b == c->out || c->serial)
        return false;
    if (tn_buf_room(b) * tn_dtype_get(b->dtype)->size != tn_buf_room(c->out) * tn_dtype_get(c->out->dtype)->size
        || b->dtype != c->out->dtype || !tn_layout_is_same(&b->layout, &c->out->layout))
        return false;
    before.own = last.own = tn_buf_offset(p, c->out, c->at);
    if (c->n_reduce > 0) { /* read before the element is written */
        tn_each_load(c->elem, count_load, &before);
        tn_each_load(c->init, count_load, &before);
    }
    tn_each_load(c->n_reduce > 0 ? c->post : c->elem, count_load, &last);
    return before.all == 0 && last.all > 0 && last.others == 0;
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
        tn_comp_each_load(c, note_use, &(last_use){last, (int)i + 1});
        writers[tn_buf_root(c->out)->id]++;
    }
    for (size_t i = 0; i < p->kernels.n; i++) {
        const tn_comp *c = p->kernels.items[i].comp;
        tn_buf *out = c->out;
        if (p->kernels.items[i].repeats || out->alias != NULL || out->scope != TN_SCOPE_ARENA || writers[out->id] != 1)
            continue;
        tn_buf *b = find_operand(p, c, (int)i + 1, last);
        if (b == NULL)
            continue;
        out->alias = b;
        last[b->id] = last[out->id];
    }
}
