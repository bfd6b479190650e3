/* Fusion: a consumer's expression becomes the epilogue of what it consumes, a producer's is substituted into its
   consumer. No operator knows that it can be fused; the expression's shape tells.

       t[i,j] = sum_k x[i,k] * w[k,j]                       t2[i,j] = sum_k ..., then max(acc + b[j], 0)
       t2[i,j] = max(t[i,j] + b[j], 0)          becomes

   Condition in both directions: the buffer between is read by this one computation, both run in the same repeat, and
   nothing that the first reads is written on the way to the second or by it. A producer is substituted only where that
   computes nothing twice: into what is summed, or into what follows a sum (the other operand of a residual addition). What
   only moves elements is substituted into several readers, where those together read no element twice: slices of a slice. */
#include "pass/fuse.h"

/* --- what a computation loads --------------------------------------------------------------------------------------- */

/* Buffers, each once. */
typedef struct loaded {
    tn_arena *arena;
    tn_buf_vec bufs;
} loaded;

static bool is_listed(const loaded *l, const tn_buf *b)
{
    for (size_t i = 0; i < l->bufs.n; i++)
        if (l->bufs.items[i] == b)
            return true;
    return false;
}

static void list_load(void *user, const tn_expr *load)
{
    loaded *l = user;
    if (!is_listed(l, load->buf))
        *TN_PUSH(l->arena, l->bufs) = load->buf;
}

static loaded loads_of(tn_program *p, const tn_comp *c)
{
    loaded l = {.arena = p->arena};
    tn_comp_each_load(c, list_load, &l);
    return l;
}

tn_uses *tn_fuse_uses(tn_program *p)
{
    tn_uses *u = TN_NEW_N(p->arena, tn_uses, p->bufs.n + 1);
    for (size_t i = 0; i < p->comps.n; i++) {
        const tn_comp *c = p->comps.items[i];
        loaded l = loads_of(p, c);
        for (size_t k = 0; k < l.bufs.n; k++)
            u[l.bufs.items[k]->id].readers++;
        u[c->out->id].writers++;
    }
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->alias != NULL)
            u[p->bufs.items[i]->id].aliased = u[p->bufs.items[i]->alias->id].aliased = true;
    return u;
}

static bool is_between(const tn_buf *b, const tn_uses *u)
{
    return b->scope == TN_SCOPE_ARENA && u[b->id].readers == 1 && u[b->id].writers > 0 && !u[b->id].aliased;
}

static bool writes_own_axes(tn_program *p, const tn_comp *c)
{
    if (c->n_axis != c->out->rank)
        return false;
    for (int i = 0; i < c->n_axis; i++)
        if (c->at[i] != tn_axis_var(p, c, i))
            return false;
    return true;
}

/* The only load of b in e; NULL when there are several different ones. */
static bool find_load(const tn_expr *e, const tn_buf *b, const tn_expr **found)
{
    if (e->kind == TN_E_LOAD && e->buf == b) {
        if (*found != NULL && *found != e)
            return false;
        *found = e;
    }
    for (int k = 0; k < e->n; k++)
        if (!find_load(e->arg[k], b, found))
            return false;
    return true;
}

typedef struct replacement {
    const tn_expr *load, *by;
    int n;
    const tn_var *from[TN_MAX_AXES];
    const tn_expr *to[TN_MAX_AXES];
} replacement;

static const tn_expr *replace_var(tn_program *p, void *user, const tn_expr *e)
{
    (void)p;
    const replacement *r = user;
    for (int i = 0; e->kind == TN_E_VAR && i < r->n; i++)
        if (r->from[i] == e->var)
            return r->to[i];
    return NULL;
}

static const tn_expr *replace_load(tn_program *p, void *user, const tn_expr *e)
{
    (void)p;
    const replacement *r = user;
    return e == r->load ? r->by : NULL;
}

/* --- consumers become epilogues ------------------------------------------------------------------------------------- */

/* Where a writes, as subscripts of a view of its result: [2,3,4] written at i, j, k is [6,4] written at i * 3 + j, k. From left
   to right each dim of the view takes the result's next dims, as many as its extent is the product of; a 1 may take none. False
   where that does not come out: the view parts a dim, or only the run knows an extent. */
static bool places_in_view(tn_program *p, const tn_comp *a, const tn_buf *view, const tn_expr **at)
{
    int k = 0;
    for (int d = 0; d < view->rank; d++) {
        int64_t extent = 1;
        if (view->dim[d]->kind != TN_E_INT)
            return false;
        at[d] = tn_index(p, 0);
        while (k < a->out->rank && a->out->dim[k]->kind == TN_E_INT && extent * a->out->max[k] <= view->max[d]) {
            at[d] = tn_add(p, tn_mul(p, at[d], tn_index(p, a->out->max[k])), a->at[k]);
            extent *= a->out->max[k++];
        }
        if (extent != view->max[d])
            return false;
    }
    return k == a->out->rank;
}

/* b's axes in terms of a's, where b reads the buffer that a writes element by element, by its name or a view's. */
static bool match_axes(tn_program *p, const tn_comp *a, const tn_comp *b, const tn_expr *load, replacement *r)
{
    bool used[TN_MAX_AXES] = {false};
    const tn_expr *merged[TN_MAX_RANK], *const *at = a->at;
    const tn_buf *buf = load->buf;
    if (buf != a->out) {
        if (!places_in_view(p, a, buf, merged))
            return false;
        at = merged;
    }
    r->n = 0;
    for (int i = 0; i < load->n; i++) {
        int before = r->n;
        for (int k = 0; k < b->n_axis; k++)
            if (b->axis[k].var == load->arg[i]->var && !used[k] && b->axis[k].extent == buf->dim[i]) {
                used[k] = true;
                r->from[r->n] = b->axis[k].var;
                r->to[r->n++] = at[i];
            }
        bool single = tn_expr_is_int(load->arg[i], 0) && tn_expr_is_int(buf->dim[i], 1);
        if (r->n == before && !single)
            return false;
    }
    for (int k = 0; k < b->n_axis; k++)
        if (!used[k]) {
            if (!tn_expr_is_int(b->axis[k].extent, 1))
                return false;
            r->from[r->n] = b->axis[k].var;
            r->to[r->n++] = tn_index(p, 0);
        }
    return true;
}

bool tn_fuse_may(const tn_comp *a, const tn_comp *b)
{
    bool same = a->mark == b->mark || (a->mark != NULL && b->mark != NULL && strcmp(a->mark, b->mark) == 0);
    return same && a->call == NULL && b->call == NULL;
}

tn_comp *tn_fuse_consumer(tn_program *p, const tn_comp *a, const tn_comp *b, const tn_buf *read)
{
    const tn_expr *load = NULL;
    replacement r = {0};
    if (b->n_reduce > 0 || b->serial || a->serial || b->view)
        return NULL;
    if (!find_load(b->elem, read, &load) || load == NULL || !match_axes(p, a, b, load, &r))
        return NULL;
    for (int i = 0; i < b->out->rank; i++)
        if (tn_loads_buf(b->at[i], read))
            return NULL;
    tn_comp *c = tn_comp_copy(p, a);
    const tn_expr *value = a->n_reduce > 0 ? a->post : a->elem;
    r.load = tn_rewrite(p, load, replace_var, &r);
    r.by = value;
    const tn_expr *e = tn_rewrite(p, b->elem, replace_var, &r);
    e = tn_rewrite(p, e, replace_load, &r);
    if (a->n_reduce > 0)
        c->post = e;
    else
        c->elem = e;
    c->view = false;
    c->check = b->check;
    c->finds = b->finds;
    c->out = b->out;
    memset(c->at, 0, sizeof c->at);
    for (int i = 0; i < b->out->rank; i++)
        c->at[i] = tn_rewrite(p, b->at[i], replace_var, &r);
    c->label = tn_strfmt(p->arena, "%s + %s", a->label, b->label);
    return c;
}

/* --- producers are substituted -------------------------------------------------------------------------------------- */

static const tn_expr *inline_load(tn_program *p, void *user, const tn_expr *e)
{
    const tn_comp *a = user;
    if (e->kind != TN_E_LOAD || e->buf != a->out)
        return NULL;
    replacement r = {.n = a->n_axis};
    for (int i = 0; i < a->n_axis; i++) {
        r.from[i] = a->axis[i].var;
        r.to[i] = e->arg[i];
    }
    return tn_rewrite(p, a->elem, replace_var, &r);
}

static int count_load_sites(const tn_expr *e, const tn_buf *b)
{
    int n = e->kind == TN_E_LOAD && e->buf == b;
    for (int k = 0; k < e->n && n < 8; k++)
        n += count_load_sites(e->arg[k], b);
    return n;
}

typedef struct order {
    const tn_comp *comp;
    bool keeps, varies;
} order;

static void note_order(void *user, const tn_expr *load)
{
    order *s = user;
    int axis = 0;
    s->varies = s->varies || tn_buf_root(load->buf)->scope != TN_SCOPE_CONST;
    for (int d = 0; d < load->n; d++) {
        if (load->arg[d]->kind == TN_E_INT)
            continue;
        while (axis < s->comp->n_axis && s->comp->axis[axis].var != load->arg[d]->var)
            axis++;
        s->keeps = s->keeps && axis++ < s->comp->n_axis;
    }
}

/* Whether what follows a sum, such as a residual addition, is as good to write in vectors with c in it: each subscript is a
   number or an axis, in the order of the axes. Not what is constant, which is computed at compile time. */
static bool may_follow_sum(const tn_comp *c)
{
    order s = {c, true, false};
    tn_each_load(c->elem, note_order, &s);
    return s.keeps && s.varies;
}

/* Where that computes nothing twice. */
static tn_comp *fuse_producer(tn_program *p, tn_comp *a, const tn_comp *b)
{
    if (a->n_reduce > 0 || a->serial || a->view || b->serial || b->view || !writes_own_axes(p, a))
        return NULL;
    bool after = b->n_reduce > 0 && tn_loads_buf(b->post, a->out);
    double reads = after ? tn_points(b->axis, b->n_axis) : tn_comp_points(b);
    bool moves = a->mark != NULL && a->elem->kind == TN_E_LOAD; /* a call reads it in place */
    if ((reads > tn_points(a->axis, a->n_axis) && !moves) || (after && (moves || !may_follow_sum(a))))
        return NULL;
    if (count_load_sites(after ? b->post : b->elem, a->out) > 4)
        return NULL;
    tn_comp *c = tn_comp_copy(p, b);
    *(after ? &c->post : &c->elem) = tn_rewrite(p, after ? b->post : b->elem, inline_load, a);
    if (tn_comp_loads(c, a->out)) /* elsewhere too */
        return NULL;
    c->label = tn_strfmt(p->arena, "%s + %s", a->label, b->label);
    return c;
}

/* --- moves are substituted into all readers -------------------------------------------------------------------------- */

static bool is_move(tn_program *p, const tn_comp *a, const tn_uses *u)
{
    return a->n_reduce == 0 && !a->serial && !a->view && a->mark == NULL && a->call == NULL
        && a->elem->kind == TN_E_LOAD && a->out->scope == TN_SCOPE_ARENA && u[a->out->id].writers == 1
        && !u[a->out->id].aliased && writes_own_axes(p, a);
}

/* Whether computation a gives the same in the place of computation k: only a repeat writes what was read before. */
static bool may_move(const tn_program *p, const tn_comp *a, size_t k)
{
    const tn_comp *b = p->comps.items[k];
    if (a->repeat != b->repeat || tn_comp_loads(a, b->out))
        return false;
    size_t i = k;
    while (a->repeat != NULL && i > 0 && p->comps.items[i - 1] != a)
        if (tn_comp_loads(a, p->comps.items[--i]->out))
            return false;
    return a->repeat == NULL || i > 0; /* else a runs after b */
}

static bool may_take_move(const tn_program *p, const tn_comp *a, size_t k)
{
    const tn_comp *b = p->comps.items[k];
    return b->n_reduce == 0 && !b->serial && !b->view && tn_fuse_may(a, b) && may_move(p, a, k)
        && count_load_sites(b->elem, a->out) == 1;
}

static bool inline_move(tn_program *p, size_t i)
{
    tn_comp *a = p->comps.items[i];
    double reads = 0;
    for (size_t k = 0; k < p->comps.n; k++) {
        const tn_comp *b = p->comps.items[k];
        if (!tn_comp_loads(b, a->out))
            continue;
        if (!may_take_move(p, a, k))
            return false;
        reads += tn_points(b->axis, b->n_axis);
    }
    if (reads == 0 || reads > tn_points(a->axis, a->n_axis))
        return false;
    for (size_t k = 0; k < p->comps.n; k++) {
        tn_comp *b = p->comps.items[k];
        if (!tn_comp_loads(b, a->out))
            continue;
        b->elem = tn_rewrite(p, b->elem, inline_load, a);
        b->label = tn_strfmt(p->arena, "%s + %s", a->label, b->label);
    }
    memmove(&p->comps.items[i], &p->comps.items[i + 1], sizeof *p->comps.items * (p->comps.n - i - 1));
    p->comps.n--;
    return true;
}

static void inline_moves(tn_program *p)
{
    const tn_uses *u = tn_fuse_uses(p);
    for (size_t i = 0; i < p->comps.n;)
        if (!is_move(p, p->comps.items[i], u) || u[p->comps.items[i]->out->id].readers < 2 || !inline_move(p, i))
            i++;
}

/* --- the pass ------------------------------------------------------------------------------------------------------- */

static const tn_expr *constant_scalar(tn_program *p, void *user, const tn_expr *e)
{
    (void)user;
    if (e->kind != TN_E_LOAD)
        return NULL;
    const tn_tensor *t = tn_buf_root(e->buf)->data;
    if (t == NULL || tn_shape_count(&t->shape) != 1)
        return NULL;
    return tn_dtype_get(t->dtype)->is_float ? tn_number(p, t->dtype, tn_tensor_get(t, 0))
                                            : tn_integer(p, t->dtype, tn_tensor_get_int(t, 0));
}

static bool inline_in(tn_program *p, const tn_expr **e)
{
    const tn_expr *before = *e;
    *e = tn_rewrite(p, before, constant_scalar, NULL);
    return *e != before;
}

/* Whether there was any. */
static bool inline_scalars(tn_program *p)
{
    bool any = false;
    for (size_t i = 0; i < p->comps.n; i++) {
        tn_comp *c = p->comps.items[i];
        any = inline_in(p, &c->elem) || any;
        any = (c->n_reduce > 0 && inline_in(p, &c->post)) || any;
        any = (c->n_reduce > 0 && inline_in(p, &c->init)) || any;
    }
    return any;
}

static int count_nodes(const tn_expr *e, int limit)
{
    int n = 1;
    for (int k = 0; k < e->n && n < limit; k++)
        n += count_nodes(e->arg[k], limit - n);
    return n;
}

/* Past max_nodes an expression is no longer read by anybody, and rewriting it again and again costs more than a pass
   over memory. */
static bool is_small(const tn_comp *c, int max_nodes)
{
    return count_nodes(c->elem, max_nodes) < max_nodes
        && (c->post == NULL || count_nodes(c->post, max_nodes) < max_nodes);
}

/* Each buffer is a parameter of the kernel's function (TN_MAX_PARAMS); C promises 127. */
static bool has_few_operands(tn_program *p, const tn_comp *c)
{
    enum { MOST_OPERANDS = 48 };
    return loads_of(p, c).bufs.n <= MOST_OPERANDS;
}

/* What stands in the place of t's writers and of its reader, at k; nothing when they do not fuse. */
static tn_comp_vec fuse_all(tn_program *p, const tn_comp_vec *writers, size_t k, int max_nodes)
{
    const tn_comp *b = p->comps.items[k];
    tn_comp_vec out = {0};
    for (size_t i = 0; i < writers->n; i++) {
        if (!may_move(p, writers->items[i], k) || !tn_fuse_may(writers->items[i], b))
            return (tn_comp_vec){0};
        tn_comp *a = writers->items[i], *fused = tn_fuse_consumer(p, a, b, a->out);
        if (fused == NULL && writers->n == 1)
            fused = fuse_producer(p, a, b);
        if (fused == NULL || !is_small(fused, max_nodes) || !has_few_operands(p, fused))
            return (tn_comp_vec){0};
        *TN_PUSH(p->arena, out) = fused;
    }
    return out;
}

tn_comp_vec tn_fuse_writers(tn_program *p, const tn_buf *b)
{
    tn_comp_vec out = {0};
    for (size_t i = 0; i < p->comps.n; i++)
        if (p->comps.items[i]->out == b)
            *TN_PUSH(p->arena, out) = p->comps.items[i];
    return out;
}

/* The writers leave the list, and the fused computations stand where the reader was, at k: all that they read is ready
   there. */
static void put_fused(tn_program *p, size_t k, const tn_buf *t, const tn_comp_vec *fused)
{
    size_t kept = 0;
    tn_comp **list = p->comps.items;
    for (size_t i = 0; i < k; i++)
        if (list[i]->out != t)
            list[kept++] = list[i];
    memcpy(&list[kept], fused->items, sizeof *list * fused->n);
    memmove(&list[kept + fused->n], &list[k + 1], sizeof *list * (p->comps.n - k - 1));
    p->comps.n--; /* as many as the writers, less the reader */
}

/* Fuses computation k with the writers of a buffer that only it reads. What both have read is now read once. */
static bool fuse_into(tn_program *p, size_t k, tn_uses *u, int max_nodes)
{
    tn_comp *b = p->comps.items[k];
    loaded loads = loads_of(p, b);
    for (size_t i = 0; i < loads.bufs.n; i++) {
        tn_buf *t = loads.bufs.items[i];
        if (!is_between(t, u))
            continue;
        tn_comp_vec writers = tn_fuse_writers(p, t), fused = fuse_all(p, &writers, k, max_nodes);
        if (fused.n == 0)
            continue;
        for (size_t l = 0; l < loads.bufs.n; l++)
            u[loads.bufs.items[l]->id].readers--;
        for (size_t w = 0; w < writers.n; w++) {
            loaded of = loads_of(p, writers.items[w]);
            for (size_t l = 0; l < loads.bufs.n; l++)
                u[loads.bufs.items[l]->id].readers += !is_listed(&of, loads.bufs.items[l]);
        }
        u[b->out->id].writers += (int)writers.n - 1;
        u[t->id] = (tn_uses){0};
        put_fused(p, k, t, &fused);
        return true;
    }
    return false;
}

bool tn_pass_fuse(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    int max_nodes = (int)tn_param_get(m, "fuse.max-nodes");
    size_t before = p->comps.n;
    *changed = inline_scalars(p);
    inline_moves(p);
    tn_uses *u = tn_fuse_uses(p);
    for (size_t k = 0; k < p->comps.n;)
        if (fuse_into(p, k, u, max_nodes))
            k--; /* the list is one shorter; the fused computation may take more */
        else
            k++;
    tn_program_number(p);
    *changed = *changed || p->comps.n != before;
    return true;
}
