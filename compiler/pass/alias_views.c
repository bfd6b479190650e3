/* alias-views: a computation that only gives its operand another shape goes away; both buffers share their memory.
       view 1 "Reshape"   axes i0:4, i1:4   "y"[i0, i1] = "x"[add(i1, mul(i0, 4))]     becomes
       buffer "y" : float[4,4] arena alias "x"
   It stays, as a copy, where both have a memory of their own: an input that is reshaped to an output; in a repeat that
   changes the operand; and where it is there for a look only, since a buffer that is an output too loses its layout. */
#include "pass/pass.h"

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
    bool is_kept = out->value != NULL && out->value->is_kept;
    if (out->scope == TN_SCOPE_OUTPUT && !is_kept && from->scope == TN_SCOPE_ARENA && out->alias == NULL) {
        from->alias = out;
        return true;
    }
    return false;
}

/* State of a repeat may change while a view of it is still read. */
static int *count_writers(tn_program *p)
{
    int *writers = TN_NEW_N(p->arena, int, p->bufs.n + 1);
    for (size_t i = 0; i < p->comps.n; i++)
        writers[p->comps.items[i]->out->id]++;
    return writers;
}

bool tn_pass_alias_views(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    const int *writers = count_writers(p);
    size_t kept = 0;
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        tn_buf *in = c->view ? source_of(c) : NULL;
        bool is_state = in != NULL && c->repeat != NULL && writers[tn_buf_root(in)->id] > 1;
        if (in == NULL || is_state || !alias_view(c->out, in))
            p->comps.items[kept++] = c;
    }
    *changed = kept != p->comps.n;
    p->comps.n = kept;
    return true;
}
