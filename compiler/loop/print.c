/* Loop programs as text. One line per buffer that the program makes, one block per computation. See loop.h. */
#include "loop/loop.h"

static void print_args(const tn_expr *e, tn_str *out)
{
    for (int k = 0; k < e->n; k++) {
        if (k > 0)
            tn_str_add(out, ", ");
        tn_expr_print(e->arg[k], out);
    }
}

void tn_expr_print(const tn_expr *e, tn_str *out)
{
    switch (e->kind) {
    case TN_E_INT: tn_str_add(out, "%lld", (long long)e->i); return;
    case TN_E_NUM: tn_str_add(out, "%.9g", e->f); return;
    case TN_E_VAR: tn_str_add(out, "%s", e->var->name); return;
    case TN_E_LOAD:
        tn_str_add(out, "\"%s\"[", e->buf->name);
        print_args(e, out);
        tn_str_add(out, "]");
        return;
    case TN_E_OP: tn_str_add(out, "%s(", tn_scalars[e->op].name); break;
    case TN_E_SELECT: tn_str_add(out, "select("); break;
    case TN_E_CAST: tn_str_add(out, "%s(", tn_dtype_get(e->dtype)->name); break;
    }
    print_args(e, out);
    tn_str_add(out, ")");
}

static void print_axes(const char *word, const tn_axis *axis, int n, tn_str *out)
{
    if (n == 0)
        return;
    tn_str_add(out, "  %s", word);
    for (int i = 0; i < n; i++) {
        tn_str_add(out, " %s:", axis[i].var->name);
        tn_expr_print(axis[i].extent, out);
    }
    tn_str_add(out, "\n");
}

static void print_comp(const tn_comp *c, tn_str *out)
{
    tn_str_add(out, "%s %d  # %s\n", c->view ? "view" : c->serial ? "serial" : "comp", c->id, c->label);
    print_axes("axes", c->axis, c->n_axis, out);
    print_axes("reduce", c->reduce, c->n_reduce, out);
    if (c->n_reduce > 0) {
        tn_str_add(out, "  acc = %s from ", tn_scalars[c->combine].name);
        tn_expr_print(c->init, out);
        tn_str_add(out, " of ");
        tn_expr_print(c->elem, out);
        tn_str_add(out, "\n");
    }
    tn_str_add(out, "  \"%s\"[", c->out->name);
    for (int i = 0; i < c->out->rank; i++) {
        if (i > 0)
            tn_str_add(out, ", ");
        tn_expr_print(c->at[i], out);
    }
    tn_str_add(out, "] = ");
    tn_expr_print(c->n_reduce > 0 ? c->post : c->elem, out);
    tn_str_add(out, "\n");
}

void tn_program_print(const tn_program *p, tn_str *out)
{
    static const char *const scopes[] = {"arena", "input", "output", "const", "register"};
    for (size_t i = 0; i < p->bufs.n; i++) {
        const tn_buf *b = p->bufs.items[i];
        tn_str_add(out, "buffer \"%s\" : %s[", b->name, tn_dtype_get(b->dtype)->name);
        for (int k = 0; k < b->rank; k++) {
            if (k > 0)
                tn_str_add(out, ",");
            tn_expr_print(b->dim[k], out);
        }
        tn_str_add(out, "] %s\n", scopes[b->scope]);
    }
    for (size_t i = 0; i < p->comps.n; i++)
        print_comp(p->comps.items[i], out);
}
