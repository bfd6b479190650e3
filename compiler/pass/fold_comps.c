/* fold-comps: what a computation makes of constants alone is a constant.
       "w" const = [2, 4]; "y"[i0] = mul("w"[i0], 0.5)     becomes     "y" const = [1, 2]
   Operators make such computations of their parameters (the factors of a requantisation). The result is found by the
   interpreter. Not folded: results of more than max-elements elements. */
#include "base/unwind.h"
#include "pass/pass.h"

typedef struct folding {
    tn_program *p;
    tn_program part; /* the constant computations alone */
    int64_t max_elements;
    bool *known; /* by buffer id: a constant, or what a constant computation gives */
    tn_arena scratch;
} folding;

typedef struct inputs {
    const folding *f;
    bool known;
} inputs;

static void note_input(void *user, const tn_expr *load)
{
    inputs *s = user;
    s->known = s->known && s->f->known[load->buf->id];
}

static bool is_whole(const tn_comp *c)
{
    if (c->n_axis != c->out->rank)
        return false;
    for (int i = 0; i < c->n_axis; i++)
        if (c->at[i]->kind != TN_E_VAR || c->at[i]->var != c->axis[i].var || c->axis[i].extent->kind != TN_E_INT)
            return false;
    for (int i = 0; i < c->n_reduce; i++)
        if (c->reduce[i].extent->kind != TN_E_INT)
            return false;
    return true;
}

static bool is_constant(const folding *f, const tn_comp *c)
{
    inputs s = {f, true};
    const tn_buf *out = c->out;
    if (c->serial || c->repeat != NULL || c->call != NULL || c->check || c->view || out->scope != TN_SCOPE_ARENA
        || out->alias != NULL || out->layout.n > 0 || !is_whole(c) || tn_buf_room(out) > f->max_elements)
        return false;
    for (size_t i = 0; i < f->p->symbols.n; i++)
        if (tn_comp_uses(c, f->p->symbols.items[i]))
            return false;
    tn_comp_each_load(c, note_input, &s);
    return s.known;
}

static bool evaluate(void *state)
{
    folding *f = state;
    tn_tensor **store = TN_NEW_N(&f->scratch, tn_tensor *, f->p->bufs.n);
    int64_t *symbols = TN_NEW_N(&f->scratch, int64_t, f->p->symbols.n + 1);
    if (!tn_interpret(&f->part, &f->scratch, store, symbols))
        return false;
    for (size_t i = 0; i < f->part.comps.n; i++) {
        tn_buf *b = f->part.comps.items[i]->out;
        const tn_tensor *t = store[b->id];
        tn_tensor *kept = tn_tensor_make(f->p->arena, t->dtype, &t->shape);
        if (t->bytes > 0)
            memcpy(kept->data, t->data, t->bytes);
        b->scope = TN_SCOPE_CONST;
        b->data = kept;
    }
    return true;
}

static void release(void *state)
{
    tn_arena_free(&((folding *)state)->scratch);
}

/* Nothing else writes that memory: no view of it, no other part of it, no later turn of a repetition. */
static bool is_own(const tn_program *p, const tn_buf *b)
{
    int writers = 0;
    for (size_t i = 0; i < p->comps.n; i++)
        writers += p->comps.items[i]->out == b;
    return writers == 1 && !tn_buf_has_views(p, b);
}

bool tn_pass_fold_comps(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    folding f = {.p = p, .part = *p, .max_elements = tn_param_get(m, "fold-comps.max-elements")};
    size_t kept = 0;
    f.scratch.memory = p->arena->memory;
    f.part.comps = (tn_comp_vec){0};
    f.known = TN_NEW_N(p->arena, bool, p->bufs.n + 1);
    for (size_t i = 0; i < p->bufs.n; i++)
        f.known[p->bufs.items[i]->id] = p->bufs.items[i]->scope == TN_SCOPE_CONST && p->bufs.items[i]->data != NULL;
    bool *folds = TN_NEW_N(p->arena, bool, p->comps.n + 1);
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        folds[i] = is_constant(&f, c) && is_own(p, c->out);
        if (folds[i]) {
            f.known[c->out->id] = true;
            *TN_PUSH(p->arena, f.part.comps) = c;
        }
    }
    for (size_t i = 0; i < p->comps.n; i++)
        if (!folds[i])
            p->comps.items[kept++] = p->comps.items[i];
    p->comps.n = kept;
    *changed = f.part.comps.n > 0;
    return f.part.comps.n == 0 || tn_finally(p->arena, evaluate, release, &f);
}
