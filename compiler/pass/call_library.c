/* call-library: products that are marked for CBLAS become calls of it (see dispatch.h).

   The strides of a product are read, so that any operator that is one (MatMul, Gemm, a convolution over its columns)
   comes out as one call, in loops where it has more axes than CBLAS takes. With strides of axes m, n, k in operands and
   result:
       C[m*cm + n] = sum_k A[m*am + k*ak] * B[k*bk + n*bn]     becomes     cblas_sgemm(..., M, N, K, ..)
   and cblas_sgemv where M or N is 1. Runs after fusion: what follows the sum (bias, activation) is generated behind the
   call, over the result. A product whose strides CBLAS has no parameters for stays generated, and a note says so. */
#include "pass/call.h"

#include <limits.h>

/* --- convolution over columns --------------------------------------------------------------------------------------- */

static bool is_product(const tn_comp *c)
{
    return c->combine == TN_OP_ADD && c->init->kind == TN_E_NUM && c->init->f == 0 && c->elem->kind == TN_E_OP
        && c->elem->op == TN_OP_MUL && c->elem->dtype == TN_FLOAT && c->out->dtype == TN_FLOAT;
}

/* Appends the axes that the image uses: those of the result with places from..to-1, or the reduction's. */
static void add_column_axes(const tn_comp *c, const tn_expr *image, bool reduce, int from, int to, tn_axis *out, int *n)
{
    const tn_axis *axis = reduce ? c->reduce : c->axis;
    for (int i = from; i < to; i++)
        if (*n < TN_MAX_RANK && tn_uses_var(image, axis[i].var))
            out[(*n)++] = axis[i];
}

/* The image moves with the pixels of the result, the weights with its channels (axis 1). */
static bool is_image(const tn_comp *c, const tn_expr *e)
{
    bool moves = e->kind == TN_E_SELECT;
    for (int i = 0; i < c->n_axis; i++)
        moves = moves || (i != 1 && tn_uses_var(e, c->axis[i].var));
    return moves;
}

/* image[n, oy, ox, ic, ky, kx] becomes columns[n, (ic, ky, kx), (oy, ox)], written by a computation of its own. */
static void make_columns(tn_program *p, size_t at)
{
    tn_comp *c = p->comps.items[at];
    int which = is_image(c, c->elem->arg[0]) ? 0 : 1;
    const tn_expr *image = c->elem->arg[which], *weights = c->elem->arg[1 - which];
    tn_axis axis[TN_MAX_RANK];
    int n = 0, channel = 0;
    while (channel < c->n_axis && !tn_uses_var(weights, c->axis[channel].var))
        channel++;
    add_column_axes(c, image, false, 0, channel, axis, &n);
    add_column_axes(c, image, true, 0, c->n_reduce, axis, &n);
    add_column_axes(c, image, false, channel, c->n_axis, axis, &n);
    tn_dim none[TN_MAX_RANK] = {{0, NULL}};
    tn_buf *columns = tn_buf_temp(p, tn_strfmt(p->arena, "%s.columns", c->out->name), TN_FLOAT, n, none);
    const tn_expr *place[TN_MAX_RANK] = {NULL}, *value = image;
    for (int i = 0; i < n; i++) {
        columns->dim[i] = axis[i].extent;
        columns->max[i] = axis[i].var->hi + 1;
        place[i] = tn_var_expr(p, axis[i].var);
    }
    tn_comp *copy = tn_comp_begin(p, c->node, columns);
    for (int i = 0; i < n; i++)
        value = tn_substitute(p, value, axis[i].var, copy->at[i]);
    copy->label = tn_strfmt(p->arena, "columns of %s", c->label);
    tn_comp_set(p, copy, value);
    tn_comp_move_last(p, at);
    c->elem = tn_mul(p, weights, tn_load_raw(p, columns, n, place));
}

/* --- strides -------------------------------------------------------------------------------------------------------- */

/* Axes that lie one in the other in both buffers, seen as one. All-zero: none, extent 1. */
typedef struct run {
    int n;
    const tn_expr *extent; /* NULL: 1 */
    int64_t most;          /* of the extent; 0: 1 */
    int64_t in, out;       /* strides in the operand and in the result; for the reduction: in A and in B */
} run;

typedef struct stride {
    tn_axis axis;
    int64_t a, b, c;
    bool taken;
} stride;

typedef struct product {
    tn_program *p;
    tn_comp *comp;
    const tn_expr *a, *b; /* loads */
    stride s[2 * TN_MAX_AXES];
    int n;
    run m, n_run, k;
} product;

static bool read_strides(product *x)
{
    tn_program *p = x->p;
    const tn_comp *c = x->comp;
    const tn_expr *a = tn_buf_offset(p, x->a->buf, x->a->arg), *b = tn_buf_offset(p, x->b->buf, x->b->arg);
    const tn_expr *out = tn_buf_offset(p, c->out, c->at);
    for (int i = 0; i < c->n_axis + c->n_reduce; i++) {
        stride s = {.axis = i < c->n_axis ? c->axis[i] : c->reduce[i - c->n_axis]};
        if (tn_expr_is_int(s.axis.extent, 1))
            continue;
        if (!tn_coefficient(a, s.axis.var, &s.a) || !tn_coefficient(b, s.axis.var, &s.b)
            || !tn_coefficient(out, s.axis.var, &s.c) || s.a < 0 || s.b < 0 || s.c < 0 || s.axis.var->hi < 0)
            return false;
        x->s[x->n++] = s;
    }
    return true;
}

typedef bool class_fn(const stride *s);

static bool is_m(const stride *s)
{
    return s->a > 0 && s->b == 0 && s->c > 0;
}

static bool is_n(const stride *s)
{
    return s->a == 0 && s->b > 0 && s->c > 0;
}

static bool is_k(const stride *s)
{
    return s->a > 0 && s->b > 0 && s->c == 0;
}

/* in and out of a class: where each has its two strides. */
static int64_t in_of(const stride *s)
{
    return s->a > 0 ? s->a : s->b;
}

static int64_t out_of(const stride *s)
{
    return s->c > 0 ? s->c : s->b;
}

/* Joins the axes of a class from the innermost outwards while each begins where the one before ends. */
static run join(product *x, class_fn *is_class)
{
    run r = {0};
    for (;;) {
        stride *next = NULL;
        for (int i = 0; i < x->n; i++) {
            stride *s = &x->s[i];
            if (s->taken || !is_class(s))
                continue;
            bool first = r.n == 0 && (next == NULL || out_of(s) < out_of(next));
            bool follows =
                r.n > 0 && r.extent->kind == TN_E_INT && in_of(s) == r.in * r.most && out_of(s) == r.out * r.most;
            if (first || follows)
                next = s;
        }
        if (next == NULL)
            return r;
        next->taken = true;
        if (r.n == 0)
            r = (run){.n = 1,
                      .extent = next->axis.extent,
                      .most = next->axis.var->hi + 1,
                      .in = in_of(next),
                      .out = out_of(next)};
        else
            r = (run){r.n + 1, tn_mul(x->p, r.extent, next->axis.extent), r.most * (next->axis.var->hi + 1), r.in,
                      r.out};
    }
}

static bool is_left(const product *x, class_fn *is_class)
{
    for (int i = 0; i < x->n; i++)
        if (!x->s[i].taken && is_class(&x->s[i]))
            return true;
    return false;
}

/* The operand that walks along the result's neighbours is B. */
static void order_operands(product *x)
{
    for (int i = 0; i < x->n; i++) {
        if (x->s[i].c != 1 || !is_m(&x->s[i]))
            continue;
        const tn_expr *a = x->a;
        x->a = x->b;
        x->b = a;
        for (int k = 0; k < x->n; k++) {
            int64_t s = x->s[k].a;
            x->s[k].a = x->s[k].b;
            x->s[k].b = s;
        }
        return;
    }
}

/* --- parameters ----------------------------------------------------------------------------------------------------- */

/* A matrix as CBLAS takes it: one of its two strides is 1, the other the leading dimension. */
typedef struct matrix {
    bool transposed;
    int64_t lead;
} matrix;

/* rows by cols with strides row and col; a stride is 0 where the extent is 1. */
static bool as_matrix(int64_t rows, int64_t row, int64_t cols, int64_t col, matrix *out)
{
    if (cols <= 1)
        col = 1;
    if (rows <= 1)
        row = col == 1 ? tn_larger(cols, 1) : 1;
    *out = (matrix){.transposed = col != 1, .lead = col == 1 ? row : col};
    return (col == 1 && row >= cols) || (row == 1 && col >= rows);
}

static int64_t count(const run *r)
{
    return r->n > 0 ? r->most : 1;
}

static const tn_expr *extent(tn_program *p, const run *r)
{
    return r->n > 0 ? r->extent : tn_index(p, 1);
}

static void add_word(product *x, tn_call *call, const char *word)
{
    tn_call_add(x->p, call, TN_ARG_WORD, word);
}

static void add_int(product *x, tn_call *call, const tn_expr *e)
{
    tn_call_add(x->p, call, TN_ARG_INT, NULL)->expr = e;
}

/* The load with the axes that the call walks at their beginning. */
static const tn_expr *at_start(product *x, const tn_expr *e)
{
    for (int i = 0; i < x->n; i++)
        if (x->s[i].taken)
            e = tn_substitute(x->p, e, x->s[i].axis.var, tn_index(x->p, 0));
    const tn_comp *c = x->comp;
    for (int i = 0; i < c->n_axis + c->n_reduce; i++) {
        const tn_axis *axis = i < c->n_axis ? &c->axis[i] : &c->reduce[i - c->n_axis];
        if (tn_expr_is_int(axis->extent, 1))
            e = tn_substitute(x->p, e, axis->var, tn_index(x->p, 0));
    }
    return e;
}

static void add_operand(product *x, tn_call *call, const tn_expr *load, int64_t step)
{
    tn_call_add(x->p, call, TN_ARG_READ, NULL)->expr = at_start(x, load);
    add_int(x, call, tn_index(x->p, step));
}

static void add_result(product *x, tn_call *call, int64_t step)
{
    tn_arg *a = tn_call_add(x->p, call, TN_ARG_WRITE, NULL);
    a->expr = at_start(x, tn_load_raw(x->p, x->comp->out, x->comp->out->rank, x->comp->at));
    add_int(x, call, tn_index(x->p, step));
}

static bool make_gemm(product *x, tn_call *call)
{
    matrix a, b;
    tn_program *p = x->p;
    if (x->n_run.out != 1 || !as_matrix(count(&x->m), x->m.in, count(&x->k), x->k.in, &a)
        || !as_matrix(count(&x->k), x->k.out, count(&x->n_run), x->n_run.in, &b) || x->m.out < x->n_run.most)
        return false;
    if (tn_larger(tn_larger(a.lead, b.lead), x->m.out) > INT_MAX)
        return false;
    call->function = "cblas_sgemm";
    add_word(x, call, "CblasRowMajor");
    add_word(x, call, a.transposed ? "CblasTrans" : "CblasNoTrans");
    add_word(x, call, b.transposed ? "CblasTrans" : "CblasNoTrans");
    add_int(x, call, extent(p, &x->m));
    add_int(x, call, extent(p, &x->n_run));
    add_int(x, call, extent(p, &x->k));
    add_word(x, call, "1.0f");
    add_operand(x, call, x->a, a.lead);
    add_operand(x, call, x->b, b.lead);
    add_word(x, call, "0.0f");
    add_result(x, call, x->m.out);
    return true;
}

/* rows: the axes of the result, which only the matrix has; the vector has only the reduction. */
static bool make_gemv(product *x, const run *rows, const tn_expr *of, const tn_expr *vector, int64_t k_of,
                      int64_t k_vector, tn_call *call)
{
    matrix a;
    if (!as_matrix(count(rows), rows->in, count(&x->k), k_of, &a))
        return false;
    if (tn_larger(tn_larger(a.lead, k_vector), rows->out) > INT_MAX)
        return false;
    call->function = "cblas_sgemv";
    add_word(x, call, "CblasRowMajor");
    add_word(x, call, a.transposed ? "CblasTrans" : "CblasNoTrans");
    add_int(x, call, extent(x->p, a.transposed ? &x->k : rows));
    add_int(x, call, extent(x->p, a.transposed ? rows : &x->k));
    add_word(x, call, "1.0f");
    add_operand(x, call, of, a.lead);
    add_operand(x, call, vector, tn_larger(k_vector, 1));
    add_word(x, call, "0.0f");
    add_result(x, call, tn_larger(rows->out, 1));
    return true;
}

static void add_loops(const product *x, tn_call *call)
{
    for (int i = 0; i < x->n; i++)
        if (!x->s[i].taken)
            call->loop[call->n_loop++] = x->s[i].axis;
}

static tn_call *make_library_call(tn_program *p, tn_comp *c)
{
    product x = {.p = p, .comp = c, .a = c->elem->arg[0], .b = c->elem->arg[1]};
    tn_call *call = TN_NEW(p->arena, tn_call);
    if (x.a->kind != TN_E_LOAD || x.b->kind != TN_E_LOAD || !read_strides(&x))
        return NULL;
    order_operands(&x);
    x.m = join(&x, is_m);
    x.n_run = join(&x, is_n);
    x.k = join(&x, is_k);
    if (is_left(&x, is_k) || tn_larger(tn_larger(count(&x.m), count(&x.n_run)), count(&x.k)) > INT_MAX)
        return NULL;
    call->pattern = tn_strndup(p->arena, c->mark, strcspn(c->mark, "#"));
    call->library = "cblas";
    bool ok = x.m.n == 0     ? make_gemv(&x, &x.n_run, x.b, x.a, x.k.out, x.k.in, call)
            : x.n_run.n == 0 ? make_gemv(&x, &x.m, x.a, x.b, x.k.in, x.k.out, call)
                             : make_gemm(&x, call);
    add_loops(&x, call);
    return ok ? call : NULL;
}

static void tell(tn_program *p, const tn_comp *c)
{
    tn_note(p->graph->diag, tn_strfmt(p->arena, "%s: %s: ", p->graph->path, c->label),
            "it matches %.*s, but CBLAS has no call for its strides; its code is generated", (int)strcspn(c->mark, "#"),
            c->mark);
}

bool tn_pass_call_library(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        if (!tn_is_marked(c, "cblas.") || c->n_reduce == 0 || c->call != NULL)
            continue;
        bool fits = is_product(c);
        c->call = fits ? make_library_call(p, c) : NULL;
        if (fits && c->call == NULL && tn_is_marked(c, "cblas.conv2d")) {
            make_columns(p, i++);
            c->call = make_library_call(p, c);
        }
        *changed = *changed || c->call != NULL;
        if (c->call == NULL)
            tell(p, c);
    }
    tn_program_number(p);
    return true;
}
