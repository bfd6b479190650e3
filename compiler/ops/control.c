/* What If and Loop share (control.h). */
#include "ops/control.h"

#include "ops/late.h"

/* --- bodies ------------------------------------------------------------------------------------------------------- */

const tn_subgraph *tn_need_body(tn_expand *e, const char *name)
{
    const tn_subgraph *b = tn_node_body(e->node, name);
    if (b == NULL)
        tn_expand_error(e, "attribute '%s' is missing; a subgraph is wanted", name);
    return b;
}

bool tn_check_one(tn_expand *e, int i, tn_dtype dtype)
{
    const tn_value *v = tn_has_input(e->node, i) ? e->node->in[i] : NULL;
    return v == NULL || (v->dtype == dtype && tn_shape_is_fixed(&v->shape) && tn_shape_count(&v->shape) == 1)
        || tn_expand_error(e, "input %d '%s' is %s; one %s is wanted", i, v->name, tn_value_type(e->g->arena, v),
                           tn_dtype_get(dtype)->name);
}

tn_value *tn_call_scalar(tn_expand *e, tn_value *v)
{
    return v->shape.rank == 0 ? v : tn_call_reshape(e, v, 0, NULL);
}

/* --- sizes that are found inside ---------------------------------------------------------------------------------- */

static bool has_dim(const tn_node *n, tn_dim d)
{
    for (int i = 0; i < n->n_out; i++)
        for (int k = 0; n->out[i] != NULL && k < n->out[i]->shape.rank; k++)
            if (tn_dim_same(n->out[i]->shape.dim[k], d))
                return true;
    return false;
}

bool tn_finds_inside(const tn_expand *e, size_t begin, size_t from)
{
    for (size_t s = from; s < e->g->symbols.n; s++) {
        bool before = false, inside = false;
        for (size_t i = 0; i < e->done->n; i++) {
            before = before || (i < begin && has_dim(e->done->items[i], e->g->symbols.items[s]));
            inside = inside || (i >= begin && has_dim(e->done->items[i], e->g->symbols.items[s]));
        }
        if (inside && !before)
            return true;
    }
    return false;
}

/* --- choosing ----------------------------------------------------------------------------------------------------- */

static const char *type_of(tn_expand *e, const tn_value *v)
{
    if (v->list == NULL)
        return tn_value_type(e->g->arena, v);
    return v->list->none ? "an empty optional" : tn_strfmt(e->g->arena, "a sequence of %lld", (long long)v->list->n);
}

typedef struct choice {
    tn_expand *e;
    tn_value *condition;
    const char *name; /* of the result */
} choice;

static tn_value *choose_value(const choice *c, tn_value *x, tn_value *y);

/* Sequences of one structure: by elements. */
static tn_value *choose_list(const choice *c, const tn_list *x, const tn_list *y)
{
    tn_expand *e = c->e;
    tn_list *l = TN_NEW(e->g->arena, tn_list);
    *l = (tn_list){.items = TN_NEW_N(e->g->arena, tn_value *, x->n + 1), .n = x->n, .none = x->none};
    for (int64_t i = 0; i < x->n; i++)
        l->items[i] = choose_value(c, x->items[i], y->items[i]);
    tn_value *v = tn_graph_add_value(e->g, tn_expand_name(e, "list"));
    v->list = l;
    return v;
}

/* v with zeros behind it, `most` elements along that axis. */
static tn_value *pad_to(tn_expand *e, tn_value *v, int axis, int64_t most)
{
    int64_t zeros[2 * TN_MAX_RANK] = {0};
    int rank = v->shape.rank, at = rank + axis;
    tn_value *more = tn_call(e, "Sub", tn_expand_int(e, most), tn_call_dim(e, v, axis));
    tn_value *pads =
        tn_call(e, "Concat axis=0", tn_expand_ints(e, at, zeros), more, tn_expand_ints(e, 2 * rank - at - 1, zeros));
    return tn_call(e, "Pad", v, pads);
}

/* x and y differ in some dims. */
static tn_value *choose_sized(const choice *c, tn_value *x, tn_value *y)
{
    tn_expand *e = c->e;
    tn_value *ends[TN_MAX_RANK] = {NULL}, *wide[2] = {x, y};
    for (int i = 0; !e->failed && i < x->shape.rank; i++) {
        tn_dim a = x->shape.dim[i], b = y->shape.dim[i];
        if (tn_dim_same(a, b))
            continue;
        int64_t most = a.n > b.n ? a.n : b.n;
        tn_value *taken = tn_call(e, "Where", c->condition, tn_call_dim(e, x, i), tn_call_dim(e, y, i));
        ends[i] = tn_call_size(e, taken, tn_size_name(e->g, tn_strfmt(e->g->arena, "%s_%d", c->name, i)), most);
        for (int k = 0; k < 2 && !e->failed; k++)
            wide[k] = pad_to(e, wide[k], i, most);
    }
    tn_value *v = tn_call(e, "Where", c->condition, wide[0], wide[1]);
    for (int i = 0; !e->failed && i < x->shape.rank; i++)
        if (ends[i] != NULL)
            v = tn_call(e, "Slice", v, tn_expand_int(e, 0), ends[i], tn_expand_int(e, i));
    return v;
}

static tn_value *choose_value(const choice *c, tn_value *x, tn_value *y)
{
    tn_expand *e = c->e;
    bool lists = x->list != NULL && y->list != NULL && x->list->n == y->list->n && x->list->none == y->list->none;
    if (!e->failed && lists)
        return choose_list(c, x->list, y->list);
    bool texts = !e->failed && x->is_text && y->is_text && x->shape.rank == y->shape.rank; /* Where widens them */
    for (int i = 0; texts && i < x->shape.rank - 1; i++)
        texts = tn_dim_same(x->shape.dim[i], y->shape.dim[i]);
    if (e->failed || texts || tn_value_same_type(x, y))
        return tn_call(e, "Where", c->condition, x, y);
    if (x->list == NULL && y->list == NULL && x->dtype == y->dtype && x->shape.rank == y->shape.rank && !x->is_text
        && !y->is_text)
        return choose_sized(c, x, y);
    tn_expand_error(e,
                    "%s or %s, by a condition that only the run knows; values of one type and rank are supported: fix "
                    "what '%s' depends on with --const",
                    type_of(e, x), type_of(e, y), c->condition->name);
    return tn_expand_scalar(e, TN_FLOAT, 0);
}

tn_value *tn_call_choose(tn_expand *e, tn_value *condition, const char *name, tn_value *x, tn_value *y)
{
    const choice c = {e, condition, name};
    return choose_value(&c, x, y);
}
