/* Building computations: buffers, axes, loads. See loop.h. */
#include "loop/loop.h"

tn_program *tn_program_make(tn_arena *a, tn_graph *g)
{
    tn_program *p = TN_NEW(a, tn_program);
    p->arena = a;
    p->graph = g;
    for (size_t i = 0; i < g->symbols.n; i++) {
        tn_dim d = g->symbols.items[i];
        tn_var *v = *TN_PUSH(a, p->symbols) = tn_var_make(p, d.sym->name, TN_INDEX, d.sym->lo, d.n);
        v->found = d.sym->found;
    }
    return p;
}

tn_var *tn_var_make(tn_program *p, const char *name, tn_dtype dtype, int64_t lo, int64_t hi)
{
    tn_var *v = TN_NEW(p->arena, tn_var);
    *v = (tn_var){.id = p->n_vars++, .name = name, .dtype = dtype, .lo = lo, .hi = hi};
    return v;
}

tn_var *tn_loop_var(tn_program *p, const char *name, const tn_expr *extent)
{
    int64_t lo = 0, hi = 0;
    tn_range_of(extent, &lo, &hi);
    tn_var *v = tn_var_make(p, name, TN_INDEX, 0, hi > 0 ? hi - 1 : 0);
    v->extent = extent;
    return v;
}

/* --- buffers ------------------------------------------------------------------------------------------------------ */

static const tn_expr *symbol_expr(tn_program *p, const char *name)
{
    for (size_t i = 0; i < p->symbols.n; i++)
        if (strcmp(p->symbols.items[i]->name, name) == 0)
            return tn_var_expr(p, p->symbols.items[i]);
    assert(false && "a dim's name is registered with the graph");
    return NULL;
}

const tn_expr *tn_dim_expr(tn_program *p, tn_dim d)
{
    static const tn_scalar_op op_of[] = {[TN_SYM_ADD] = TN_OP_ADD,  [TN_SYM_SUB] = TN_OP_SUB, [TN_SYM_MUL] = TN_OP_MUL,
                                         [TN_SYM_DIV] = TN_OP_FDIV, [TN_SYM_MIN] = TN_OP_MIN, [TN_SYM_MAX] = TN_OP_MAX};
    if (d.sym == NULL)
        return tn_index(p, d.n);
    if (d.sym->kind == TN_SYM_NAME)
        return symbol_expr(p, d.sym->name);
    const tn_expr *x = tn_dim_expr(p, d.sym->a), *y = tn_dim_expr(p, d.sym->b);
    if (d.sym->kind == TN_SYM_DIV && d.sym->b.sym != NULL && d.sym->b.sym->lo < 1) /* sizes that are found may be 0 */
        y = tn_max(p, y, tn_index(p, 1));
    return tn_op2(p, op_of[d.sym->kind], x, y);
}

tn_buf *tn_buf_temp(tn_program *p, const char *name, tn_dtype dtype, int rank, const tn_dim *dims)
{
    tn_buf *b = TN_NEW(p->arena, tn_buf);
    b->id = (int)p->bufs.n;
    b->name = name;
    b->dtype = dtype;
    b->rank = rank;
    for (int i = 0; i < rank; i++) {
        b->dim[i] = tn_dim_expr(p, dims[i]);
        b->max[i] = dims[i].n;
    }
    *TN_PUSH(p->arena, p->bufs) = b;
    return b;
}

tn_buf *tn_buf_of(tn_program *p, const tn_value *v)
{
    while (p->by_value.n <= (size_t)v->id)
        (void)TN_PUSH(p->arena, p->by_value);
    tn_buf **place = &p->by_value.items[v->id];
    if (*place == NULL) {
        *place = tn_buf_temp(p, v->name, v->dtype, v->shape.rank, v->shape.dim);
        (*place)->value = v;
        (*place)->data = v->constant;
        (*place)->scope = v->constant != NULL ? TN_SCOPE_CONST
                        : v->is_input         ? TN_SCOPE_INPUT
                        : v->is_output        ? TN_SCOPE_OUTPUT
                                              : TN_SCOPE_ARENA;
    }
    return *place;
}

/* --- computations ------------------------------------------------------------------------------------------------- */

static const char *node_label(tn_program *p, const tn_node *n)
{
    if (n == NULL)
        return "";
    return n->name[0] != '\0' ? tn_strfmt(p->arena, "%s '%s'", n->op->name, n->name) : n->op->name;
}

static tn_axis make_axis(tn_program *p, const char *letter, int i, const tn_expr *extent)
{
    return (tn_axis){tn_loop_var(p, tn_strfmt(p->arena, "%s%d", letter, i), extent), extent};
}

tn_comp *tn_comp_over(tn_program *p, const tn_node *n, tn_buf *out, int n_axis, const tn_dim *extents)
{
    assert(n_axis <= TN_MAX_AXES);
    tn_comp *c = TN_NEW(p->arena, tn_comp);
    *c = (tn_comp){.node = n, .label = node_label(p, n), .out = out, .n_axis = n_axis, .combine = TN_OP_ADD};
    c->repeat = p->repeat;
    for (int i = 0; i < n_axis; i++)
        c->axis[i] = make_axis(p, "i", i, tn_dim_expr(p, extents[i]));
    return c;
}

tn_comp *tn_comp_begin(tn_program *p, const tn_node *n, tn_buf *out)
{
    tn_comp *c = tn_comp_over(p, n, out, 0, NULL);
    c->n_axis = out->rank;
    for (int i = 0; i < out->rank; i++) {
        c->axis[i] = make_axis(p, "i", i, out->dim[i]);
        c->at[i] = tn_var_expr(p, c->axis[i].var);
    }
    return c;
}

const tn_expr *tn_axis_var(tn_program *p, const tn_comp *c, int i)
{
    return tn_var_expr(p, c->axis[i].var);
}

const tn_expr *tn_reduce_over(tn_program *p, tn_comp *c, tn_dim extent)
{
    assert(c->n_reduce < TN_MAX_AXES);
    c->reduce[c->n_reduce] = make_axis(p, "r", c->n_reduce, tn_dim_expr(p, extent));
    return tn_var_expr(p, c->reduce[c->n_reduce++].var);
}

const tn_expr *tn_comp_acc(tn_program *p, tn_comp *c, tn_dtype dtype)
{
    if (c->acc == NULL)
        c->acc = tn_var_make(p, "acc", dtype, 0, 0);
    return tn_var_expr(p, c->acc);
}

static void append(tn_program *p, tn_comp *c)
{
    c->id = (int)p->comps.n;
    *TN_PUSH(p->arena, p->comps) = c;
}

void tn_comp_set(tn_program *p, tn_comp *c, const tn_expr *e)
{
    c->elem = tn_cast(p, c->out->dtype, e);
    append(p, c);
}

void tn_comp_reduce(tn_program *p, tn_comp *c, tn_scalar_op op, const tn_expr *init, const tn_expr *elem,
                    const tn_expr *post)
{
    const tn_expr *acc = tn_comp_acc(p, c, elem->dtype);
    assert(acc->dtype == elem->dtype && init->dtype == elem->dtype);
    c->combine = op;
    c->init = init;
    c->elem = elem;
    c->post = tn_cast(p, c->out->dtype, post != NULL ? post : acc);
    if (c->n_reduce == 0) { /* a reduction over nothing is its element combined with init */
        c->elem = tn_substitute(p, c->post, c->acc, tn_op2(p, op, init, elem));
        c->post = NULL;
        c->acc = NULL;
    }
    append(p, c);
}

void tn_program_number(tn_program *p)
{
    for (size_t i = 0; i < p->comps.n; i++)
        p->comps.items[i]->id = (int)i;
}

size_t tn_symbol_place(const tn_program *p, const tn_var *symbol)
{
    size_t i = 0;
    while (p->symbols.items[i] != symbol)
        i++;
    return i;
}

bool tn_is_found(const tn_program *p, const tn_var *symbol)
{
    for (size_t i = 0; i < p->comps.n; i++)
        if (p->comps.items[i]->finds == symbol)
            return true;
    return false;
}

double tn_points(const tn_axis *axis, int n)
{
    double points = 1;
    for (int i = 0; i < n; i++)
        points *= (double)axis[i].var->hi + 1;
    return points;
}

double tn_comp_points(const tn_comp *c)
{
    return tn_points(c->axis, c->n_axis) * tn_points(c->reduce, c->n_reduce);
}

void tn_comp_move_last(tn_program *p, size_t at)
{
    tn_comp **list = p->comps.items, *last = list[p->comps.n - 1];
    memmove(&list[at + 1], &list[at], sizeof *list * (p->comps.n - 1 - at));
    list[at] = last;
}

tn_comp *tn_comp_copy(tn_program *p, const tn_comp *c)
{
    tn_comp *copy = TN_NEW(p->arena, tn_comp);
    *copy = *c;
    copy->schedule = NULL; /* it is of the other's loops */
    return copy;
}

/* --- repeats ------------------------------------------------------------------------------------------------------ */

const tn_expr *tn_repeat_begin(tn_program *p, const tn_expr *extent)
{
    int depth = 0;
    for (const tn_repeat *r = p->repeat; r != NULL; r = r->outer)
        depth++;
    tn_repeat *r = TN_NEW(p->arena, tn_repeat);
    *r = (tn_repeat){.turn = tn_loop_var(p, tn_strfmt(p->arena, "turn%d", depth), extent), .extent = extent};
    r->outer = p->repeat;
    *TN_PUSH(p->arena, p->turns) = r->turn;
    p->repeat = r;
    return tn_var_expr(p, r->turn);
}

void tn_repeat_end(tn_program *p)
{
    assert(p->repeat != NULL);
    p->repeat = p->repeat->outer;
}

bool tn_repeat_is_in(const tn_repeat *r, const tn_repeat *outer)
{
    while (r != outer && r != NULL)
        r = r->outer;
    return r == outer;
}

bool tn_repeat_begins(const tn_program *p, const tn_repeat *r, size_t at)
{
    return r != NULL && (at == 0 || !tn_repeat_is_in(p->comps.items[at - 1]->repeat, r));
}

static void enter_repeats(const tn_repeat *from, const tn_repeat *to, tn_repeat_fn *f, void *user)
{
    if (from == to)
        return;
    enter_repeats(from, to->outer, f, user);
    f(user, to, true);
}

void tn_repeat_move(const tn_repeat *from, const tn_repeat *to, tn_repeat_fn *f, void *user)
{
    for (; !tn_repeat_is_in(to, from); from = from->outer)
        f(user, from, false);
    enter_repeats(from, to, f, user);
}

/* --- loads -------------------------------------------------------------------------------------------------------- */

const tn_expr *tn_load(tn_program *p, tn_buf *b, const tn_expr *const *at)
{
    return tn_cast(p, tn_dtype_get(b->dtype)->compute, tn_load_raw(p, b, b->rank, at));
}

const tn_expr *tn_load_or(tn_program *p, tn_buf *b, const tn_expr *const *at, const tn_expr *otherwise)
{
    const tn_expr *inside = tn_integer(p, TN_BOOL, 1);
    for (int i = 0; i < b->rank; i++) {
        inside = tn_and(p, inside, tn_le(p, tn_index(p, 0), at[i]));
        inside = tn_and(p, inside, tn_lt(p, at[i], b->dim[i]));
    }
    return tn_select(p, inside, tn_load(p, b, at), otherwise);
}

const tn_expr *tn_load_broadcast(tn_program *p, const tn_comp *c, tn_buf *b)
{
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    for (int i = 0; i < b->rank; i++)
        at[i] = tn_expr_is_int(b->dim[i], 1) ? tn_index(p, 0) : c->at[i + c->out->rank - b->rank];
    return tn_load(p, b, at);
}

const tn_expr *tn_flatten(tn_program *p, int rank, const tn_expr *const *dim, const tn_expr *const *at)
{
    const tn_expr *flat = tn_index(p, 0);
    for (int i = 0; i < rank; i++)
        flat = tn_add(p, tn_mul(p, flat, dim[i]), at[i]);
    return flat;
}

void tn_unflatten(tn_program *p, int rank, const tn_expr *const *dim, const tn_expr *flat, const tn_expr **at)
{
    for (int i = rank - 1; i >= 0; i--) {
        at[i] = i == 0 ? flat : tn_op2(p, TN_OP_MOD, flat, dim[i]);
        flat = tn_op2(p, TN_OP_FDIV, flat, dim[i]);
    }
}

/* The common dims in front keep their own subscripts, so that a symbolic batch in front stays simple. */
void tn_comp_view(tn_program *p, const tn_node *n, tn_buf *out, tn_buf *in)
{
    tn_comp *c = tn_comp_begin(p, n, out);
    const tn_expr *at[TN_MAX_RANK] = {NULL};
    int k = 0;
    while (k < out->rank && k < in->rank && out->dim[k] == in->dim[k]) {
        at[k] = c->at[k];
        k++;
    }
    const tn_expr *flat = tn_flatten(p, out->rank - k, out->dim + k, c->at + k);
    tn_unflatten(p, in->rank - k, in->dim + k, flat, at + k);
    c->view = true;
    tn_comp_set(p, c, tn_load_raw(p, in, in->rank, at));
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

tn_buf *tn_buf_root(const tn_buf *b)
{
    while (b->alias != NULL)
        b = b->alias;
    return (tn_buf *)(uintptr_t)b; /* as const as the caller's own pointer to it */
}

bool tn_buf_has_views(const tn_program *p, const tn_buf *b)
{
    for (size_t i = 0; i < p->bufs.n; i++)
        if (p->bufs.items[i]->alias == b)
            return true;
    return false;
}

bool tn_buf_has_border(const tn_buf *b)
{
    for (int i = 0; i < b->rank; i++)
        if (b->layout.lo[i] != 0 || b->layout.hi[i] != 0)
            return true;
    return false;
}

bool tn_layout_is_plain(const tn_layout *l)
{
    for (int i = 0; i < TN_MAX_RANK; i++)
        if (l->lo[i] != 0 || l->hi[i] != 0)
            return false;
    return l->n == 0;
}

int64_t tn_layout_block(const tn_layout *l)
{
    return l->n > 0 ? l->part[l->n - 1].mod : 0;
}

bool tn_buf_is_blocked_on(const tn_buf *b, int dim)
{
    return tn_layout_block(&b->layout) > 0 && b->layout.part[b->layout.n - 1].axis == dim;
}

bool tn_layout_is_same(const tn_layout *x, const tn_layout *y)
{
    bool border = false;
    for (int k = 0; k < x->n && x->n == y->n; k++)
        if (x->part[k].axis != y->part[k].axis || x->part[k].div != y->part[k].div || x->part[k].mod != y->part[k].mod)
            return false;
    for (int i = 0; i < TN_MAX_RANK; i++) {
        if (x->lo[i] != y->lo[i] || x->hi[i] != y->hi[i])
            return false;
        border = border || x->lo[i] != 0 || x->hi[i] != 0;
    }
    return x->n == y->n && (!border || x->fill == y->fill);
}

static const tn_expr *part_extent(tn_program *p, const tn_buf *b, int k)
{
    int axis = b->layout.part[k].axis;
    int64_t div = b->layout.part[k].div, mod = b->layout.part[k].mod;
    if (mod != 0)
        return tn_index(p, mod);
    const tn_expr *whole = tn_add(p, b->dim[axis], tn_index(p, b->layout.lo[axis] + b->layout.hi[axis] + div - 1));
    return tn_op2(p, TN_OP_FDIV, whole, tn_index(p, div));
}

const tn_expr *tn_buf_offset(tn_program *p, const tn_buf *b, const tn_expr *const *at)
{
    const tn_expr *dim[12] = {NULL}, *sub[12] = {NULL};
    int n = b->layout.n > 0 ? b->layout.n : b->rank;
    for (int k = 0; k < n; k++) {
        int axis = b->layout.n > 0 ? b->layout.part[k].axis : k;
        int64_t div = b->layout.n > 0 ? b->layout.part[k].div : 1, mod = b->layout.n > 0 ? b->layout.part[k].mod : 0;
        const tn_expr *i = tn_add(p, at[axis], tn_index(p, b->layout.lo[axis]));
        i = tn_op2(p, TN_OP_FDIV, i, tn_index(p, div));
        sub[k] = mod != 0 ? tn_op2(p, TN_OP_MOD, i, tn_index(p, mod)) : i;
        dim[k] = b->layout.n > 0 ? part_extent(p, b, k)
                                 : tn_add(p, b->dim[k], tn_index(p, b->layout.lo[k] + b->layout.hi[k]));
    }
    return tn_flatten(p, n, dim, sub);
}

static int64_t mul_room(int64_t n, int64_t by)
{
    return tn_mul_i64(n, by, &n) && n < TN_ROOM_MAX ? n : TN_ROOM_MAX;
}

int64_t tn_buf_room(const tn_buf *b)
{
    int64_t n = 1;
    if (b->layout.n == 0) {
        for (int k = 0; k < b->rank; k++)
            n = mul_room(n, b->max[k] + b->layout.lo[k] + b->layout.hi[k]);
        return n;
    }
    for (int k = 0; k < b->layout.n; k++) {
        int axis = b->layout.part[k].axis;
        int64_t div = b->layout.part[k].div, mod = b->layout.part[k].mod;
        n = mul_room(n, mod != 0 ? mod : (b->max[axis] + b->layout.lo[axis] + b->layout.hi[axis] + div - 1) / div);
    }
    return n;
}
