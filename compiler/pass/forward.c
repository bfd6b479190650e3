/* forward: what is only put elsewhere as it is, is written there.
       "t"[i, j] = "blocks"[i, j]; "y"[j, i] = "t"[i, j]     becomes     "y"[j, i] = "blocks"[i, j]
   Runs behind layout, which makes such computations of results that must be plain, and also where the second reads the
   buffer by the name of a view of it (Reshape) that joins dims. */
#include "pass/fuse.h"

/* The only name by which t is read: its own or that of its only view; NULL: there are several. */
static const tn_buf *find_name(const tn_program *p, const tn_buf *t, const tn_uses *u)
{
    const tn_buf *name = t;
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->alias == t) {
            if (name != t || u[t->id].readers > 0 || u[p->bufs.items[i]->id].writers > 0
                || tn_buf_has_views(p, p->bufs.items[i]))
                return NULL;
            name = p->bufs.items[i];
        }
    return u[name->id].readers == 1 ? name : NULL;
}

/* Mostly moves: a sum's vectors would go along other elements than those that its layout was chosen for. */
static bool are_moves(const tn_comp_vec *writers)
{
    double sums = 0, all = 0;
    for (size_t i = 0; i < writers->n; i++) {
        const tn_comp *a = writers->items[i];
        bool moves = a->n_reduce == 0 && a->elem->kind == TN_E_LOAD;
        all += tn_points(a->axis, a->n_axis);
        sums += moves ? 0 : tn_points(a->axis, a->n_axis);
    }
    return writers->n > 0 && 8 * sums <= all;
}

/* Two parts of a join have room beside each other in what they write; a computation that fills it before has not. */
static bool may_overlap(const tn_comp *a, const tn_comp *b)
{
    return tn_buf_root(a->out) == tn_buf_root(b->out)
        && (a->serial || tn_points(a->axis, a->n_axis) + tn_points(b->axis, b->n_axis) > (double)tn_buf_room(b->out));
}

/* Between t's first writer and computation k nobody reads or overwrites what k writes: the writers may do it where they
   stand. */
static bool may_write_early(const tn_program *p, size_t k, const tn_buf *t)
{
    bool writes = false;
    for (size_t i = 0; i < k; i++) {
        const tn_comp *c = p->comps.items[i];
        writes = writes || c->out == t;
        if (writes && (tn_comp_loads(c, p->comps.items[k]->out) || may_overlap(c, p->comps.items[k])))
            return false;
    }
    return writes;
}

/* What takes the places of a buffer's writers when computation k, which only moves it elsewhere, is gone. */
static tn_comp_vec forward(tn_program *p, size_t k, const tn_buf *t, const tn_uses *u)
{
    const tn_comp *b = p->comps.items[k];
    const tn_buf *name = find_name(p, t, u);
    tn_comp_vec writers = tn_fuse_writers(p, t), out = {0};
    if (name != b->elem->buf || !are_moves(&writers) || !may_write_early(p, k, t))
        return out;
    for (size_t i = 0; i < writers.n; i++) {
        const tn_comp *a = writers.items[i];
        tn_comp *moved = a->repeat == NULL && tn_fuse_may(a, b) ? tn_fuse_consumer(p, a, b, name) : NULL;
        if (moved == NULL)
            return (tn_comp_vec){0};
        *TN_PUSH(p->arena, out) = moved;
    }
    return out;
}

/* Each stays where it was: what it reads was just computed, and is in a cache. */
static void put_forwarded(tn_program *p, size_t k, const tn_buf *t, const tn_comp_vec *moved)
{
    tn_comp **list = p->comps.items;
    size_t n = 0;
    for (size_t i = 0; i < k; i++)
        if (list[i]->out == t)
            list[i] = moved->items[n++];
    memmove(&list[k], &list[k + 1], sizeof *list * (p->comps.n - k - 1));
    p->comps.n--;
}

static bool forward_at(tn_program *p, size_t k, const tn_uses *u)
{
    const tn_comp *b = p->comps.items[k];
    if (b->n_reduce > 0 || b->serial || b->view || b->repeat != NULL || b->elem->kind != TN_E_LOAD
        || b->out->layout.n > 0)
        return false;
    const tn_buf *t = tn_buf_root(b->elem->buf);
    if (t->scope != TN_SCOPE_ARENA || t->layout.n > 0)
        return false;
    tn_comp_vec moved = forward(p, k, t, u);
    if (moved.n > 0)
        put_forwarded(p, k, t, &moved);
    return moved.n > 0;
}

bool tn_pass_forward(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    for (size_t k = 0; k < p->comps.n;)
        if (forward_at(p, k, tn_fuse_uses(p)))
            *changed = true; /* the list is one shorter */
        else
            k++;
    tn_program_number(p);
    return true;
}
