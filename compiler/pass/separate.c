/* separate: a reduction over a window that can be done along one dim after the other is two.
       y[i, j] = max of x[i + r, j + s], r < 5, s < 5     becomes     t[i, k] = max of x[i + r, k], r < 5
                                                                      y[i, j] = max of t[i, j + s], s < 5
   So it is with the sum of a product of which one factor alone has both variables: interpolation, w[i, r] * v[j, s] *
   x[a[i, r], b[j, s]]. A test that a place is inside goes with the variable that it tests. Done where it saves loads,
   what goes into t and out of it counted: not for 3 x 3. Does nothing where the order of sums is fixed, and for targets
   without vectors, which t would cost memory. */
#include "pass/pass.h"

enum { MAX_FACTORS = 8, MAX_TESTS = 16 };

typedef struct cut {
    tn_program *p;
    tn_comp *c;
    int r;                 /* the reduction axis that is done last */
    const tn_expr *moving; /* the subscript that it moves */
    int64_t extent;        /* of the dim there */
    int axis;              /* of the result, which moves that subscript too; t has the dim in its place */
    int n, n_test;         /* factors of the element; tests */
    const tn_expr *factor[MAX_FACTORS], *test[MAX_TESTS];
    int mixed;              /* the factor that moves with r and with other reduction axes */
    const tn_expr *value;   /* that factor, less its tests */
    const tn_expr *neutral; /* that a maximum starts twice does not matter */
    bool fits;
} cut;

/* --- what the element is made of ------------------------------------------------------------------------------------ */

static bool uses_reduce(const cut *s, const tn_expr *e, bool last)
{
    for (int i = 0; i < s->c->n_reduce; i++)
        if ((i == s->r) == last && tn_uses_var(e, s->c->reduce[i].var))
            return true;
    return false;
}

static void add_factors(cut *s, const tn_expr *e)
{
    bool product = e->kind == TN_E_OP && e->op == TN_OP_MUL && s->c->combine == TN_OP_ADD && e->dtype == TN_FLOAT;
    if (product) {
        add_factors(s, e->arg[0]);
        add_factors(s, e->arg[1]);
    } else if (s->n < MAX_FACTORS) {
        s->factor[s->n++] = e;
    } else {
        s->fits = false;
    }
}

static void add_tests(cut *s, const tn_expr *e)
{
    if (e->kind == TN_E_OP && e->op == TN_OP_AND) {
        add_tests(s, e->arg[0]);
        add_tests(s, e->arg[1]);
    } else if (s->n_test < MAX_TESTS) {
        s->test[s->n_test++] = e;
    } else {
        s->fits = false;
    }
}

static void find_mixed(cut *s)
{
    int n = 0;
    for (int i = 0; i < s->n; i++)
        if (uses_reduce(s, s->factor[i], true) && uses_reduce(s, s->factor[i], false)) {
            s->mixed = i;
            n++;
        }
    s->fits = s->fits && n == 1;
}

static void take_tests(cut *s)
{
    s->value = s->factor[s->mixed];
    s->neutral = s->c->combine == TN_OP_ADD ? tn_number(s->p, s->value->dtype, 0) : s->c->init;
    if (s->value->kind != TN_E_SELECT)
        return;
    s->fits = s->fits && s->value->arg[2] == s->neutral;
    add_tests(s, s->value->arg[0]);
    s->value = s->value->arg[1];
}

/* A subscript may be found in a table: what moves there is not looked at. */
static void find_moving(cut *s, const tn_expr *e)
{
    for (int k = 0; e->kind != TN_E_LOAD && k < e->n; k++)
        find_moving(s, e->arg[k]);
    for (int d = 0; e->kind == TN_E_LOAD && d < e->n; d++) {
        if (!tn_uses_var(e->arg[d], s->c->reduce[s->r].var))
            continue;
        if (s->moving == NULL)
            s->extent = e->buf->max[d];
        s->fits = s->fits && (s->moving == NULL || s->moving == e->arg[d]) && s->extent == e->buf->max[d]
               && e->buf->dim[d]->kind == TN_E_INT;
        s->moving = e->arg[d];
    }
}

static const tn_expr *replace(tn_program *p, void *user, const tn_expr *e)
{
    const tn_expr *const *pair = user; /* from, to */
    (void)p;
    return e == pair[0] ? pair[1] : NULL;
}

static const tn_expr *without_moving(const cut *s, const tn_expr *e, const tn_expr *by)
{
    const tn_expr *pair[2] = {s->moving, by};
    return tn_rewrite(s->p, e, replace, pair);
}

/* The one axis that moves the subscript, and nothing else that goes into t. */
static void find_axis(cut *s)
{
    int n = 0;
    for (int i = 0; i < s->c->n_axis; i++)
        if (tn_uses_var(s->moving, s->c->axis[i].var)) {
            s->axis = i;
            n++;
        }
    s->fits = n == 1 && !uses_reduce(s, s->moving, false);
    const tn_expr *rest = without_moving(s, s->value, tn_index(s->p, 0));
    s->fits = s->fits && !uses_reduce(s, rest, true) && !tn_uses_var(rest, s->c->axis[s->axis].var);
}

/* Whether a factor or a test is the second step's. */
static bool is_last(const cut *s, const tn_expr *e)
{
    return uses_reduce(s, e, true) || tn_uses_var(e, s->c->axis[s->axis].var);
}

/* Each test and each factor but the mixed one has to be of one step: w[j, r] of x[i + r, j + s] is of neither, since t has
   k in the place of j, and the second step no r. */
static void check_steps(cut *s)
{
    for (int i = 0; s->fits && i < s->n; i++)
        s->fits = i == s->mixed || !is_last(s, s->factor[i]) || !uses_reduce(s, s->factor[i], false);
    for (int i = 0; s->fits && i < s->n_test; i++)
        s->fits = !is_last(s, s->test[i]) || !uses_reduce(s, s->test[i], false);
}

/* --- the first step's computation ----------------------------------------------------------------------------------- */

static const tn_expr *with_tests(const cut *s, const tn_expr *e, bool last)
{
    const tn_expr *test = NULL;
    for (int i = 0; i < s->n_test; i++)
        if (is_last(s, s->test[i]) == last)
            test = test == NULL ? s->test[i] : tn_and(s->p, test, s->test[i]);
    return test == NULL ? e : tn_select(s->p, test, e, s->neutral);
}

static const tn_expr *with_factors(const cut *s, const tn_expr *e, bool last)
{
    for (int i = 0; i < s->n; i++)
        if (i != s->mixed && is_last(s, s->factor[i]) == last)
            e = tn_mul(s->p, e, s->factor[i]);
    return e;
}

static tn_buf *make_between(const cut *s)
{
    tn_dim dim[TN_MAX_RANK];
    for (int i = 0; i < s->c->n_axis; i++)
        dim[i] = tn_dim_fixed(i == s->axis ? s->extent : s->c->axis[i].extent->i);
    return tn_buf_temp(s->p, "along", s->value->dtype, s->c->n_axis, dim);
}

static tn_comp *make_first(const cut *s, tn_buf *between)
{
    tn_program *p = s->p;
    tn_comp *first = tn_comp_begin(p, s->c->node, between);
    first->label = tn_strfmt(p->arena, "%s, first dims", s->c->label);
    const tn_expr *elem = without_moving(s, s->value, tn_axis_var(p, first, s->axis));
    elem = with_factors(s, with_tests(s, elem, false), false);
    for (int i = 0; i < s->c->n_axis; i++)
        elem = tn_substitute(p, elem, s->c->axis[i].var, tn_axis_var(p, first, i));
    for (int i = 0; i < s->c->n_reduce; i++)
        if (i != s->r)
            elem = tn_substitute(p, elem, s->c->reduce[i].var,
                                 tn_reduce_over(p, first, tn_dim_fixed(s->c->reduce[i].extent->i)));
    tn_comp_reduce(p, first, (tn_scalar_op)s->c->combine, s->neutral, elem, NULL);
    first->repeat = s->c->repeat;
    return first;
}

/* c itself becomes the second. */
static void make_second(const cut *s, tn_buf *between)
{
    tn_program *p = s->p;
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    for (int i = 0; i < s->c->n_axis; i++)
        at[i] = i == s->axis ? s->moving : tn_axis_var(p, s->c, i);
    const tn_expr *elem = with_factors(s, with_tests(s, tn_load(p, between, at), true), true);
    tn_var *own = tn_loop_var(p, "r0", s->c->reduce[s->r].extent);
    s->c->elem = tn_substitute(p, elem, s->c->reduce[s->r].var, tn_var_expr(p, own));
    s->c->reduce[0] = (tn_axis){own, s->c->reduce[s->r].extent};
    s->c->n_reduce = 1;
}

/* --- whether it pays ------------------------------------------------------------------------------------------------ */

static void count_load(void *user, const tn_expr *load)
{
    (void)load;
    ++*(double *)user;
}

static double count_loads(const tn_expr *e)
{
    double n = 0;
    tn_each_load(e, count_load, &n);
    return n;
}

/* Of the factors of a step, but the mixed one. */
static double count_factor_loads(const cut *s, bool last)
{
    double n = 0;
    for (int i = 0; i < s->n; i++)
        if (i != s->mixed && is_last(s, s->factor[i]) == last)
            n += count_loads(s->factor[i]);
    return n;
}

static bool pays(const cut *s)
{
    const double margin = 1.25;
    const tn_comp *c = s->c;
    double out = tn_points(c->axis, c->n_axis), taps = tn_points(c->reduce, c->n_reduce),
           last = (double)c->reduce[s->r].extent->i,
           between = out / (double)c->axis[s->axis].extent->i * (double)s->extent;
    double first_loads = count_loads(s->value) + count_factor_loads(s, false),
           last_loads = count_loads(s->moving) + count_factor_loads(s, true) + 1;
    double after = between * (taps / last * first_loads + 2) + out * last * last_loads;
    return after * margin < out * taps * count_loads(c->elem);
}

/* --- the pass ------------------------------------------------------------------------------------------------------- */

/* Axes of fixed extents, wherever they lead, and a reduction that may be taken apart. */
static bool may_separate(const tn_comp *c)
{
    bool fits = c->n_reduce >= 2 && c->n_axis == c->out->rank && c->n_axis > 0 && c->sums == 0 && !c->serial
             && c->call == NULL && c->mark == NULL;
    fits = fits && (c->combine == TN_OP_MAX || c->combine == TN_OP_MIN || c->combine == TN_OP_ADD);
    for (int i = 0; fits && i < c->n_axis; i++)
        fits = c->axis[i].extent->kind == TN_E_INT;
    for (int i = 0; fits && i < c->n_reduce; i++)
        fits = c->reduce[i].extent->kind == TN_E_INT && c->reduce[i].extent->i > 1;
    return fits;
}

static bool find_cut(tn_program *p, tn_comp *c, cut *s)
{
    for (int r = c->n_reduce - 1; r >= 0; r--) {
        *s = (cut){.p = p, .c = c, .r = r, .fits = true};
        add_factors(s, c->elem);
        find_mixed(s);
        if (!s->fits)
            continue;
        take_tests(s);
        s->fits = s->fits && !tn_has_select(s->value); /* a test inside is of both steps */
        find_moving(s, s->value);
        if (!s->fits || s->moving == NULL)
            continue;
        find_axis(s);
        check_steps(s);
        if (s->fits && pays(s))
            return true;
    }
    return false;
}

bool tn_pass_separate(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    for (size_t i = 0; i < p->comps.n && m->target->lanes > 1; i++) {
        cut s;
        if (!may_separate(p->comps.items[i]) || !find_cut(p, p->comps.items[i], &s))
            continue;
        tn_buf *between = make_between(&s);
        make_first(&s, between);
        make_second(&s, between);
        tn_comp_move_last(p, i--); /* the first step, which may be taken apart once more */
        *changed = true;
    }
    return true;
}
