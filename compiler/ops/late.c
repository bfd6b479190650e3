/* Sizes, axes and positions that only the run knows. See late.h. */
#include "ops/late.h"

#include "ops/expand.h"

enum { MOST_ELEMENTS = 4 * TN_MAX_RANK };

/* --- inference ---------------------------------------------------------------------------------------------------- */

static bool is_integer(tn_dtype t)
{
    return t == TN_INT32 || t == TN_INT64;
}

bool tn_is_early(tn_graph *g, const tn_node *n, int i)
{
    size_t count = 0;
    return !tn_has_input(n, i) || n->in[i]->constant != NULL || tn_value_dims(g, n->in[i], &count) != NULL;
}

int64_t tn_late_count(const tn_value *v)
{
    return tn_shape_count(&v->shape);
}

bool tn_check_late(tn_graph *g, const tn_node *n, int i, const char *what, int64_t count)
{
    const tn_value *v = n->in[i];
    bool fits = is_integer(v->dtype) && v->shape.rank <= 1 && tn_shape_is_fixed(&v->shape);
    if (fits && tn_late_count(v) <= MOST_ELEMENTS && (count < 0 || tn_late_count(v) == count))
        return true;
    const char *wanted =
        count < 0 ? tn_strfmt(g->arena, "at most %d", MOST_ELEMENTS) : tn_strfmt(g->arena, "%lld", (long long)count);
    return tn_node_error(g, n, "%s (input %d) is %s; int64 of %s elements is wanted", what, i,
                         tn_value_type(g->arena, v), wanted);
}

/* Passes run after a first inference, and graphs read from text, have the shape itself. */
bool tn_find_declared(const tn_node *n, int out, tn_shape *s)
{
    const tn_value *v = out < n->n_out ? n->out[out] : NULL;
    if (v == NULL || (!v->declared.known && !v->shape.known))
        return false;
    *s = v->declared.known ? v->declared : v->shape;
    return true;
}

/* hint: options that would help, "" or NULL where there are none but the last. */
static bool undeclared_error(tn_graph *g, const tn_node *n, int in, const char *what, int out, const char *hint)
{
    const tn_value *v = n->in[in];
    bool bounds = hint != NULL && hint[0] != '\0';
    return tn_node_error(
        g, n, "%s (input %d) is known at run time only, and the model does not declare the shape of output %d; %s%s%s",
        what, in, out, bounds ? "say what it is at most with " : "", bounds ? tn_strfmt(g->arena, "%s, or ", hint) : "",
        v->is_input ? tn_strfmt(g->arena, "fix the input with --const \"%s=...\"", v->name)
                    : "fix the inputs that it depends on with --const, or declare the shape");
}

bool tn_need_declared(tn_graph *g, const tn_node *n, int in, const char *what, int out, tn_shape *s)
{
    return tn_find_declared(n, out, s) || undeclared_error(g, n, in, what, out, NULL);
}

bool tn_need_sizes(tn_graph *g, const tn_node *n, int in, const char *what, int out, tn_shape *s)
{
    return tn_find_declared(n, out, s) || undeclared_error(g, n, in, what, out, tn_note_sizes(g, n->in[in]));
}

/* Output 0 gets the shape that need finds, and the type of input 0. */
static bool infer_by(tn_graph *g, tn_node *n, int in, const char *what,
                     bool (*need)(tn_graph *, const tn_node *, int, const char *, int, tn_shape *))
{
    tn_shape s;
    if (!tn_check_late(g, n, in, what, -1) || !need(g, n, in, what, 0, &s))
        return false;
    tn_set_output(n, 0, n->in[0]->dtype, &s);
    return true;
}

bool tn_infer_declared(tn_graph *g, tn_node *n, int in, const char *what)
{
    return infer_by(g, n, in, what, tn_need_declared);
}

bool tn_infer_sized(tn_graph *g, tn_node *n, int in, const char *what)
{
    return infer_by(g, n, in, what, tn_need_sizes);
}

bool tn_find_shape(tn_graph *g, const tn_node *n, int i, const char *what, tn_shape *out)
{
    if (tn_is_early(g, n, i))
        return tn_need_shape(g, n, i, out);
    if (!tn_need_sizes(g, n, i, what, 0, out))
        return false;
    return tn_check_late(g, n, i, what, out->rank);
}

/* Whether the result has the shape of operand 0, whatever it is. */
static bool keeps_shape(const tn_node *n)
{
    return n->op->infer == tn_infer_first || n->op->infer == tn_infer_cast || n->op->infer == tn_infer_cast_like
        || (n->op->expr != NULL && n->n_in == 1);
}

/* Whether the result's shape is that of the operands broadcast. */
static bool broadcasts(const tn_node *n)
{
    return n->op->expr != NULL && (n->op->infer == tn_infer_broadcast || n->op->infer == tn_infer_compare);
}

/* The value whose shape n's result has, as far as that is seen without types: of all operands that are not scalars the
   same one; NULL: the result is a scalar too. of: the same for each value before, by id. */
static tn_value *find_source(const tn_node *n, tn_value *const *of)
{
    tn_value *source = NULL;
    int operands = keeps_shape(n) ? 1 : broadcasts(n) ? n->n_in : 0;
    for (int i = 0; i < operands; i++) {
        tn_value *x = n->in[i] != NULL ? of[n->in[i]->id] : NULL;
        if (n->in[i] == NULL || (x != NULL && source != NULL && x != source))
            return n->out[0];
        source = x != NULL ? x : source;
    }
    return operands > 0 ? source : n->out[0];
}

/* Log(x) + 1, a * sin(x) + b * cos(x): what is declared of the result is the shape of x. */
void tn_declare_operands(tn_graph *g)
{
    tn_value **of = TN_NEW_N(g->arena, tn_value *, g->values.n + 1);
    for (size_t i = 0; i < g->values.n; i++) {
        tn_value *v = g->values.items[i];
        of[i] = v->shape.known && v->shape.rank == 0 ? NULL : v;
    }
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.items[i]->n_out == 1 && g->nodes.items[i]->out[0] != NULL)
            of[g->nodes.items[i]->out[0]->id] = find_source(g->nodes.items[i], of);
    for (size_t i = g->values.n; i-- > 0;) {
        const tn_value *v = g->values.items[i];
        if (v->declared.known && of[i] != NULL && !of[i]->declared.known)
            of[i]->declared = v->declared;
    }
}

/* --- expressions -------------------------------------------------------------------------------------------------- */

const tn_expr *tn_int64(tn_program *p, int64_t x)
{
    return tn_integer(p, TN_INT64, x);
}

const tn_expr *tn_late_dim(tn_program *p, tn_dim d)
{
    return d.sym == NULL ? tn_int64(p, d.n) : tn_cast(p, TN_INT64, tn_dim_expr(p, d));
}

const tn_expr *tn_late_index(tn_program *p, const tn_expr *x)
{
    return tn_cast(p, TN_INDEX, x);
}

const tn_expr *tn_is(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_EQ, x, y);
}

const tn_expr *tn_either(tn_program *p, const tn_expr *x, const tn_expr *y)
{
    return tn_op2(p, TN_OP_OR, x, y);
}

const tn_expr *tn_limit(tn_program *p, const tn_expr *x, const tn_expr *lo, const tn_expr *hi)
{
    return tn_max(p, tn_min(p, x, hi), lo);
}

const tn_expr *tn_late_int(tn_program *p, const tn_value *v, int64_t k)
{
    size_t count = 0;
    const tn_dim *known = tn_value_dims(p->graph, v, &count);
    if (known != NULL)
        return tn_late_dim(p, known[k]);
    const tn_expr *at = tn_index(p, k);
    const tn_expr *x = tn_cast(p, TN_INT64, tn_load(p, tn_buf_of(p, v), &at));
    return v->dtype == TN_INT32 ? x : tn_limit(p, x, tn_int64(p, -TN_DIM_MAX), tn_int64(p, TN_DIM_MAX));
}

const tn_expr *tn_late_is_axis(tn_program *p, const tn_value *axes, int64_t k, int axis, int rank)
{
    const tn_expr *x = tn_late_int(p, axes, k);
    return tn_either(p, tn_is(p, x, tn_int64(p, axis)), tn_is(p, x, tn_int64(p, axis - rank)));
}

const tn_expr *tn_late_has_axis(tn_program *p, const tn_value *axes, int axis, int rank)
{
    const tn_expr *found = tn_integer(p, TN_BOOL, 0);
    for (int64_t k = 0; k < tn_late_count(axes); k++)
        found = tn_either(p, found, tn_late_is_axis(p, axes, k, axis, rank));
    return found;
}

const tn_expr *tn_late_pick(tn_program *p, const tn_value *values, int64_t base, int64_t count, const tn_value *axes,
                            int axis, int rank, const tn_expr *otherwise)
{
    if (axes == NULL)
        return axis < count ? tn_late_int(p, values, base + axis) : otherwise;
    for (int64_t k = count - 1; k >= 0; k--)
        otherwise = tn_select(p, tn_late_is_axis(p, axes, k, axis, rank), tn_late_int(p, values, base + k), otherwise);
    return otherwise;
}

/* --- checks ------------------------------------------------------------------------------------------------------- */

/* safe: it finds a size that cannot be beyond its bound, which the operands set and not the user. */
static tn_comp *begin_check(tn_program *p, const tn_node *n, const char *what, tn_dtype t, bool safe)
{
    tn_comp *c = tn_comp_begin(p, n, tn_buf_temp(p, what, t, 0, NULL));
    c->check = TN_CHECK;
    if (tn_node_maybe(n) && !tn_node_asks(n) && !safe)
        tn_node_error(p->graph, n,
                      "it checks a value that only the run knows, in a branch of an If that only the run "
                      "chooses: not supported; fix the condition with --const");
    return c;
}

void tn_late_check(tn_program *p, const tn_node *n, const tn_expr *agrees)
{
    if (!tn_expr_is_int(agrees, 1))
        tn_comp_set(p, begin_check(p, n, "agrees", TN_BOOL, false), agrees);
}

/* The symbol that d is, while nothing has found it; NULL otherwise. */
static tn_var *find_open(const tn_program *p, tn_dim d)
{
    for (size_t i = 0; tn_dim_is_found(d) && i < p->comps.n; i++)
        if (p->comps.items[i]->finds != NULL && strcmp(p->comps.items[i]->finds->name, d.sym->name) == 0)
            return NULL;
    for (size_t i = 0; tn_dim_is_found(d) && i < p->symbols.n; i++)
        if (strcmp(p->symbols.items[i]->name, d.sym->name) == 0)
            return p->symbols.items[i];
    return NULL;
}

const tn_expr *tn_late_agrees(tn_program *p, const tn_node *n, tn_dim d, const tn_expr *x)
{
    tn_var *open = find_open(p, d);
    if (open == NULL)
        return tn_is(p, x, tn_late_dim(p, d));
    if (p->repeat != NULL)
        tn_node_error(p->graph, n,
                      "it finds the size '%s' in each turn of a loop: not supported; sizes are found outside of loops",
                      open->name);
    tn_comp *c = begin_check(p, n, open->name, TN_INT64, tn_size_bound(p->graph, open->name) == NULL);
    c->finds = open;
    tn_comp_set(p, c, x);
    return tn_integer(p, TN_BOOL, 1);
}

void tn_late_settle(tn_program *p, const tn_node *n, tn_dim d, const tn_expr *x)
{
    tn_late_check(p, n, tn_late_agrees(p, n, d, x));
}

void tn_late_check_dims(tn_program *p, const tn_node *n, int i, int count, const tn_dim *d)
{
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1);
    if (tn_is_early(p->graph, n, i))
        return;
    for (int k = 0; k < count; k++)
        agrees = tn_and(p, agrees, tn_late_agrees(p, n, d[k], tn_late_int(p, n->in[i], k)));
    tn_late_check(p, n, agrees);
}

static bool is_computed(tn_dim d)
{
    return d.sym != NULL && (d.sym->kind != TN_SYM_NAME || d.sym->found);
}

/* d without the number that it ends in: (H/2)+3 is H/2. */
static tn_dim drop_number(tn_dim d)
{
    return d.sym != NULL && d.sym->kind == TN_SYM_ADD && d.sym->b.sym == NULL ? d.sym->a : d;
}

bool tn_dims_may_agree(tn_dim x, tn_dim y, tn_dim *out)
{
    *out = is_computed(x) ? y : x;
    return (is_computed(x) || is_computed(y)) && x.n >= tn_dim_low(y) && y.n >= tn_dim_low(x)
        && !tn_dim_same(drop_number(x), drop_number(y));
}

/* For the sizes at which the model is right this is always so. */
void tn_late_check_same(tn_program *p, const tn_node *n, int count, const tn_dim *x, const tn_dim *y)
{
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1);
    for (int i = 0; i < count; i++)
        if (!tn_dim_same(x[i], y[i]))
            agrees = tn_and(p, agrees, tn_is(p, tn_late_dim(p, x[i]), tn_late_dim(p, y[i])));
    tn_late_check(p, n, agrees);
}

void tn_late_check_broadcast(tn_program *p, const tn_node *n)
{
    const tn_shape *y = &n->out[0]->shape;
    for (int i = 0; i < n->n_in; i++) {
        const tn_shape *x = n->in[i] != NULL ? &n->in[i]->shape : y;
        tn_dim wanted[TN_MAX_RANK];
        for (int k = 0; k < x->rank; k++)
            wanted[k] = tn_dim_is(x->dim[k], 1) ? x->dim[k] : y->dim[k + y->rank - x->rank];
        tn_late_check_same(p, n, x->rank, x->dim, wanted);
    }
}

/* Dim `at` of s, -1 where there is none. */
static const tn_expr *dim_at(tn_program *p, const tn_shape *s, const tn_expr *at)
{
    const tn_expr *d = tn_int64(p, -1);
    for (int i = 0; i < s->rank; i++)
        d = tn_select(p, tn_is(p, at, tn_int64(p, i)), tn_late_dim(p, s->dim[i]), d);
    return d;
}

void tn_late_check_axes(tn_program *p, const tn_node *n, int i, const tn_shape *whole, const tn_shape *part, bool ones)
{
    const tn_expr *agrees = tn_integer(p, TN_BOOL, 1), *found = tn_int64(p, 0), *one = tn_int64(p, 1);
    for (int k = 0; k < whole->rank; k++) {
        const tn_expr *is_axis = tn_late_has_axis(p, n->in[i], k, whole->rank), *dim = tn_late_dim(p, whole->dim[k]);
        const tn_expr *rest = dim_at(p, part, tn_sub(p, tn_int64(p, k), found));
        const tn_expr *fits = tn_is(p, tn_select(p, is_axis, ones ? one : dim, rest), dim);
        agrees = tn_and(p, agrees, fits);
        found = tn_add(p, found, tn_cast(p, TN_INT64, is_axis));
    }
    tn_late_check(p, n, tn_and(p, agrees, tn_is(p, found, tn_int64(p, tn_late_count(n->in[i])))));
}
