/* share-in-place: a result takes the memory of an operand that nobody reads afterwards.
       buffer "y" : float[4] arena                              buffer "y" : float[4] arena alias "x"
       comp 1 "Relu"  "y"[i0] = max("x"[i0], float(0))   keeps the computation, and no byte moves
   Condition: every load of the operand is of the very element that is written, both have one size and layout, and in a
   reduction only the last step reads it. */
#include "pass/pass.h"

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

bool tn_may_take_place(tn_program *p, const tn_comp *c, const tn_buf *b)
{
    loads_of before = {.p = p, .b = b}, last = {.p = p, .b = b};
    if (b->scope != TN_SCOPE_ARENA || b == c->out || c->serial || c->call != NULL)
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
        if (b->alias == NULL && last[b->id] == at && tn_may_take_place(p, c, b))
            return b;
    }
    return NULL;
}

bool tn_pass_share_in_place(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    int *last = TN_NEW_N(p->arena, int, p->bufs.n), *writers = TN_NEW_N(p->arena, int, p->bufs.n);
    for (size_t i = 0; i < p->kernels.n; i++) {
        const tn_comp *c = p->kernels.items[i].comp;
        tn_comp_each_load(c, note_use, &(last_use){last, (int)i + 1});
        writers[tn_buf_root(c->out)->id]++;
    }
    for (size_t i = 0; i < p->kernels.n; i++) {
        const tn_comp *c = p->kernels.items[i].comp;
        tn_buf *out = c->out;
        if (p->kernels.items[i].repeats || out->alias != NULL || out->scope != TN_SCOPE_ARENA || writers[out->id] != 1
            || c->repeat != NULL)
            continue; /* in a repeat an operand may be read again in the next turn */
        tn_buf *b = find_operand(p, c, (int)i + 1, last);
        if (b == NULL)
            continue;
        out->alias = b;
        *changed = true;
        last[b->id] = last[out->id];
    }
    return true;
}
