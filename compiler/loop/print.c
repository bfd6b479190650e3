/* Loop programs as text, which parse.c reads. A line per buffer, a block per computation:

       program "classifier" after "schedule"
       symbol N <= 8
       buffer "x" : float[N,4] input
       buffer "w" : float[4] const = [1, 2, 3, 4]
       buffer "y" : float[N] output
       comp 0 "MatMul 'm' + Relu 'r'"
         axes i0:N
         reduce r0:4
         schedule "split r0 2"
         acc : float = add from float(0) of mul("x"[i0, r0], "w"[r0])
         "y"[i0] = max(acc, float(0))

   Computations that are repeated stand between "repeat turn0:N" and "end", and may name the turn. A repeat may begin with
   `while 1 "c"`, which ends it where the bool that it writes is false; one that `check 2 "d"` writes ends the run.
   What pass dispatch has marked has `mark "cblas.matmul#0"` behind its axes; what a call computes, up to acc, also
   `call cblas_sgemv of cblas for "cblas.matmul" over i0 (word CblasRowMajor, int 4, read "w"[0], write "y"[i0])`.
   Constants of subscripts are bare, all others name their type. `let` names a large expression that occurs more than
   once, to keep the text as small as the program; it says nothing of when it is evaluated. */
#include "ir/text.h"
#include "loop/loop.h"

/* What the text of one computation does with an expression. */
typedef struct mark {
    int round;       /* the computation that the rest is about */
    int uses;        /* by how many others */
    int64_t size;    /* nodes when written out */
    bool is_planned; /* lets inside it are printed */
    const char *let; /* its name, once printed */
} mark;

enum { LET_SIZE = 12 };

typedef struct printer {
    const tn_program *p; /* NULL for a lone expression: then all below is empty */
    tn_str *out;
    bool full;
    const char **buf, **var; /* names by id */
    mark *mark;              /* by expression id */
    int round, lets;         /* computations begun; lets of this one */
    tn_map taken;            /* names of variables in the computation */
} printer;

/* --- expressions -------------------------------------------------------------------------------------------------- */

static void print_expr(const printer *r, const tn_expr *e);

static void print_args(const printer *r, int n, const tn_expr *const *arg)
{
    for (int k = 0; k < n; k++) {
        tn_str_put(r->out, ", ", k > 0 ? 2 : 0);
        print_expr(r, arg[k]);
    }
}

static void print_call(const printer *r, const char *name, const tn_expr *e)
{
    tn_str_add(r->out, "%s(", name);
    print_args(r, e->n, e->arg);
    tn_str_add(r->out, ")");
}

static void print_constant(tn_str *out, const tn_expr *e)
{
    bool bare = e->dtype == TN_INDEX;
    tn_str_add(out, "%s%s", bare ? "" : tn_dtype_get(e->dtype)->name, bare ? "" : "(");
    if (e->kind == TN_E_NUM)
        tn_number_print(out, e->dtype, e->f);
    else
        tn_integer_print(out, e->dtype, e->i);
    tn_str_put(out, ")", !bare);
}

static void print_expr(const printer *r, const tn_expr *e)
{
    const mark *m = r->mark != NULL ? &r->mark[e->id] : NULL;
    const char *known = NULL;
    if (m != NULL && m->round == r->round && m->let != NULL) {
        tn_name_print(r->out, m->let);
        return;
    }
    switch (e->kind) {
    case TN_E_INT:
    case TN_E_NUM: print_constant(r->out, e); return;
    case TN_E_VAR:
        known = r->var != NULL ? r->var[e->var->id] : NULL;
        tn_name_print(r->out, known != NULL ? known : e->var->name);
        return;
    case TN_E_LOAD:
        tn_quote_print(r->out, r->buf != NULL ? r->buf[e->buf->id] : e->buf->name);
        tn_str_add(r->out, e->i == 1 ? "[@ " : "[");
        print_args(r, e->n, e->arg);
        tn_str_add(r->out, "]");
        return;
    case TN_E_OP: print_call(r, tn_scalars[e->op].name, e); return;
    case TN_E_SELECT: print_call(r, "select", e); return;
    case TN_E_CAST:
    case TN_E_BITS:
        tn_str_add(r->out, e->kind == TN_E_CAST ? "cast<%s>" : "bits<%s>", tn_dtype_get(e->dtype)->name);
        print_call(r, "", e);
        return;
    }
}

void tn_expr_print(const tn_expr *e, tn_str *out)
{
    print_expr(&(printer){.out = out}, e);
}

/* --- what occurs more than once ----------------------------------------------------------------------------------- */

static int64_t count_uses(const printer *r, const tn_expr *e)
{
    mark *m = &r->mark[e->id];
    if (m->round != r->round) {
        *m = (mark){.round = r->round, .size = 1};
        for (int k = 0; k < e->n; k++)
            m->size += count_uses(r, e->arg[k]);
        m->size = m->size < TN_DIM_MAX ? m->size : TN_DIM_MAX;
    }
    m->uses++;
    return m->size;
}

/* A line for each let that e needs, those inside others first. */
static void print_lets(printer *r, const tn_expr *e)
{
    mark *m = &r->mark[e->id];
    if (m->is_planned)
        return;
    m->is_planned = true;
    for (int k = 0; k < e->n; k++)
        print_lets(r, e->arg[k]);
    if (m->uses < 2 || m->size < LET_SIZE)
        return;
    const char *name = tn_name_unique(r->p->arena, &r->taken, tn_strfmt(r->p->arena, "t%d", r->lets++));
    tn_str_add(r->out, "  let ");
    tn_name_print(r->out, name);
    tn_str_add(r->out, " = ");
    print_expr(r, e);
    tn_str_add(r->out, "\n");
    m->let = name;
}

/* --- computations ------------------------------------------------------------------------------------------------- */

static void print_axes(printer *r, const char *word, const tn_axis *axis, int n)
{
    for (int i = 0; i < n; i++) {
        const tn_var *v = axis[i].var;
        r->var[v->id] = tn_name_unique(r->p->arena, &r->taken, v->name);
        tn_str_add(r->out, i > 0 ? ", " : "  %s ", word);
        tn_name_print(r->out, r->var[v->id]);
        tn_str_add(r->out, ":");
        print_expr(r, axis[i].extent);
    }
    tn_str_put(r->out, "\n", n > 0);
}

static void print_acc(printer *r, const tn_comp *c)
{
    print_lets(r, c->init);
    print_lets(r, c->elem);
    r->var[c->acc->id] = "acc";
    tn_str_add(r->out, "  acc : %s = %s from ", tn_dtype_get(c->acc->dtype)->name, tn_scalars[c->combine].name);
    print_expr(r, c->init);
    tn_str_add(r->out, " of ");
    print_expr(r, c->elem);
    tn_str_add(r->out, "\n");
}

static void take_turns(printer *r, const tn_repeat *in)
{
    if (in == NULL)
        return;
    take_turns(r, in->outer);
    r->var[in->turn->id] = tn_name_unique(r->p->arena, &r->taken, in->turn->name);
}

/* The names that every computation sees: of the symbols, of the turns, and acc, which is nobody else's. */
static void take_symbols(printer *r, const tn_repeat *in)
{
    r->taken = (tn_map){0};
    tn_name_unique(r->p->arena, &r->taken, "acc");
    for (size_t i = 0; i < r->p->symbols.n; i++)
        r->var[r->p->symbols.items[i]->id] = tn_name_unique(r->p->arena, &r->taken, r->p->symbols.items[i]->name);
    take_turns(r, in);
}

static void print_repeat(void *user, const tn_repeat *in, bool enters)
{
    printer *r = user;
    if (!enters) {
        tn_str_add(r->out, "end\n");
        return;
    }
    r->round++;
    take_symbols(r, in);
    tn_str_add(r->out, "repeat ");
    tn_name_print(r->out, r->var[in->turn->id]);
    tn_str_add(r->out, ":");
    print_expr(r, in->extent);
    tn_str_add(r->out, "\n");
}

static void print_schedule(const printer *r, const tn_comp *c)
{
    if (c->schedule == NULL)
        return;
    tn_str_add(r->out, "  schedule ");
    tn_quote_print(r->out, c->schedule);
    tn_str_add(r->out, "\n");
    if (r->full && c->why != NULL)
        tn_str_add(r->out, "  # %s\n", c->why);
}

static void print_arg(const printer *r, const tn_arg *a)
{
    static const char *const words[] = {"word", "int", "extent", "read", "write"};
    tn_str_add(r->out, "%s ", words[a->kind]);
    if (a->expr != NULL)
        print_expr(r, a->expr);
    if (a->expr != NULL && a->name != NULL)
        tn_str_add(r->out, " as ");
    if (a->name != NULL)
        tn_name_print(r->out, a->name);
}

static void print_mark(const printer *r, const tn_comp *c)
{
    const tn_call *call = c->call;
    if (c->mark != NULL) {
        tn_str_add(r->out, "  mark ");
        tn_quote_print(r->out, c->mark);
        tn_str_add(r->out, "\n");
    }
    if (call == NULL)
        return;
    tn_str_add(r->out, "  call %s%s%s for ", call->function, call->library != NULL ? " of " : "",
               call->library != NULL ? call->library : "");
    tn_quote_print(r->out, call->pattern);
    for (int i = 0; i < call->n_loop; i++)
        tn_str_add(r->out, "%s%s", i > 0 ? ", " : " over ", r->var[call->loop[i].var->id]);
    tn_str_add(r->out, " (");
    for (int i = 0; i < call->n_arg; i++) {
        tn_str_put(r->out, ", ", i > 0 ? 2 : 0);
        print_arg(r, &call->arg[i]);
    }
    tn_str_add(r->out, ")\n");
}

static void print_comp(printer *r, const tn_comp *c)
{
    static const char *const checks[] = {[TN_NO_CHECK] = "comp", [TN_CHECK] = "check", [TN_WHILE] = "while"};
    const tn_expr *value = c->n_reduce > 0 ? c->post : c->elem;
    r->round++;
    r->lets = 0;
    take_symbols(r, c->repeat);
    tn_str_add(r->out, "%s %d ", c->view ? "view" : c->serial ? "serial" : checks[c->check], c->id);
    tn_quote_print(r->out, c->label);
    tn_str_add(r->out, "\n");
    print_axes(r, "axes", c->axis, c->n_axis);
    print_axes(r, "reduce", c->reduce, c->n_reduce);
    if (c->sums != 0)
        tn_str_add(r->out, "  sums %d\n", c->sums);
    if (c->finds != NULL) {
        tn_str_add(r->out, "  finds ");
        tn_name_print(r->out, r->var[c->finds->id]);
        tn_str_add(r->out, "\n");
    }
    print_mark(r, c);
    print_schedule(r, c);
    for (int i = 0; i < c->out->rank; i++)
        count_uses(r, c->at[i]);
    count_uses(r, value);
    if (c->n_reduce > 0) {
        count_uses(r, c->init);
        count_uses(r, c->elem);
        print_acc(r, c);
    }
    for (int i = 0; i < c->out->rank; i++)
        print_lets(r, c->at[i]);
    print_lets(r, value);
    tn_str_add(r->out, "  ");
    tn_quote_print(r->out, r->buf[c->out->id]);
    tn_str_add(r->out, "[");
    print_args(r, c->out->rank, c->at);
    tn_str_add(r->out, "] = ");
    print_expr(r, value);
    tn_str_add(r->out, "\n");
}

/* --- buffers ------------------------------------------------------------------------------------------------------ */

/* layout(0, 1/16, 2, 3, 1%16) border(0:0, 0:0, 1:1, 1:1) fill -3, each when there is one */
static void print_layout(tn_str *out, const tn_buf *b)
{
    bool border = tn_buf_has_border(b);
    for (int k = 0; k < b->layout.n; k++) {
        tn_str_add(out, "%s%d", k > 0 ? ", " : " layout(", b->layout.part[k].axis);
        if (b->layout.part[k].div != 1)
            tn_str_add(out, "/%lld", (long long)b->layout.part[k].div);
        if (b->layout.part[k].mod != 0)
            tn_str_add(out, "%%%lld", (long long)b->layout.part[k].mod);
    }
    tn_str_put(out, ")", b->layout.n > 0);
    for (int k = 0; border && k < b->rank; k++)
        tn_str_add(out, "%s%lld:%lld", k > 0 ? ", " : " border(", (long long)b->layout.lo[k],
                   (long long)b->layout.hi[k]);
    tn_str_put(out, ")", border);
    if (border && b->layout.fill != 0)
        tn_str_add(out, " fill %lld", (long long)b->layout.fill);
}

static void print_reference(const printer *r, const char *word, const tn_buf *b)
{
    if (b == NULL)
        return;
    tn_str_add(r->out, " %s ", word);
    tn_quote_print(r->out, r->buf[b->id]);
}

static void print_buf(const printer *r, const tn_buf *b)
{
    static const char *const scopes[] = {"arena", "input", "output", "const", "register"};
    tn_str_add(r->out, "buffer ");
    tn_quote_print(r->out, r->buf[b->id]);
    tn_str_add(r->out, " : %s[", tn_dtype_get(b->dtype)->name);
    for (int k = 0; k < b->rank; k++) {
        tn_str_put(r->out, ",", k > 0);
        print_expr(r, b->dim[k]);
    }
    tn_str_add(r->out, "] %s", scopes[b->scope]);
    print_layout(r->out, b);
    print_reference(r, "packed", b->packed_from);
    print_reference(r, "alias", b->alias);
    if (b->data != NULL)
        tn_data_print(r->out, b->data, r->full);
    tn_str_add(r->out, "\n");
}

/* --- programs ----------------------------------------------------------------------------------------------------- */

static void print_program(const tn_program *p, tn_str *out, bool full)
{
    printer r = {.p = p, .out = out, .full = full};
    r.buf = TN_NEW_N(p->arena, const char *, p->bufs.n);
    r.var = TN_NEW_N(p->arena, const char *, p->n_vars);
    r.mark = TN_NEW_N(p->arena, mark, p->n_expr);
    r.round = 1; /* no mark is about it */
    tn_map taken = {0};
    for (size_t i = 0; i < p->bufs.n; i++)
        r.buf[i] = tn_name_unique(p->arena, &taken, p->bufs.items[i]->name);
    take_symbols(&r, NULL);
    tn_str_add(out, "program ");
    tn_quote_print(out, p->graph->name != NULL ? p->graph->name : "");
    tn_str_add(out, "%s", p->exact ? " exact" : "");
    if (p->after != NULL) {
        tn_str_add(out, " after ");
        tn_quote_print(out, p->after);
    }
    tn_str_add(out, "\n");
    for (size_t i = 0; i < p->symbols.n; i++) {
        tn_str_add(out, "symbol ");
        tn_name_print(out, r.var[p->symbols.items[i]->id]);
        tn_str_add(out, " <= %lld%s\n", (long long)p->symbols.items[i]->hi, p->symbols.items[i]->found ? " found" : "");
    }
    for (size_t i = 0; i < p->bufs.n; i++)
        print_buf(&r, p->bufs.items[i]);
    const tn_repeat *in = NULL;
    for (size_t i = 0; i < p->comps.n; in = p->comps.items[i++]->repeat) {
        tn_repeat_move(in, p->comps.items[i]->repeat, print_repeat, &r);
        print_comp(&r, p->comps.items[i]);
    }
    tn_repeat_move(in, NULL, print_repeat, &r);
}

void tn_program_print(const tn_program *p, tn_str *out)
{
    print_program(p, out, false);
}

void tn_program_print_full(const tn_program *p, tn_str *out)
{
    print_program(p, out, true);
}
