/* Sizes that the run finds.

       marks -> NonZero -> [2,n]           n, at most the elements of marks, is counted: tn_late_settle of the operator
       x -> ReduceMax -> m -> Range        the elements of m become the size n by tenon::Sizes behind it, at most what
                                           option bounds says; Range, and all else that reads m, then knows a term

   The second is found when types cannot be inferred without: the operator that fails notes what its sizes come from, and
   infer begins anew (pass/infer.c). */
#include "ops/expand.h"
#include "ops/late.h"

/* --- bounds --------------------------------------------------------------------------------------------------------- */

/* An identifier of that beginning that no symbol has: it is a member of the io struct. */
const char *tn_size_name(tn_graph *g, const char *from)
{
    tn_str s = {.arena = g->arena};
    for (const char *c = from; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'), digit = *c >= '0' && *c <= '9';
        if (letter || (digit && s.len > 0))
            tn_str_put(&s, c, 1);
        else if (s.len > 0 && s.text[s.len - 1] != '_')
            tn_str_put(&s, "_", 1);
    }
    const char *name = s.len > 0 ? s.text : "size", *unique = name;
    for (int i = 2; tn_dim_find(&g->symbols, unique) != NULL; i++)
        unique = tn_strfmt(g->arena, "%s_%d", name, i);
    return unique;
}

static const char *name_element(tn_graph *g, const tn_value *v, int64_t i)
{
    return tn_size_name(g, tn_shape_count(&v->shape) > 1 ? tn_strfmt(g->arena, "%s_%lld", v->name, (long long)i)
                                                         : v->name);
}

bool tn_is_bounded(tn_graph *g, const tn_value *v)
{
    for (int64_t i = 0; i < tn_shape_count(&v->shape); i++)
        if (tn_dim_find(&g->bounds, name_element(g, v, i)) != NULL)
            return true;
    return false;
}

const tn_dim *tn_size_bound(const tn_graph *g, const char *name)
{
    return tn_dim_find(&g->bounds, name);
}

static bool make_size(tn_graph *g, const tn_node *n, const char *name, int64_t most, tn_dim *out)
{
    const tn_dim *given = tn_dim_find(&g->bounds, name);
    int64_t bound = given == NULL ? most : most >= 0 && most < given->n ? most : given->n;
    if (bound < 0)
        return tn_node_error(
            g, n,
            "shapes depend on '%s', which only the run finds, and nothing bounds it: say what it is at "
            "most with --bounds \"%s<=N\"",
            name, name);
    *out = bound == 0 ? tn_dim_fixed(0) : tn_dim_found(g->arena, name, bound);
    if (bound > 0)
        *TN_PUSH(g->arena, g->symbols) = *out;
    return true;
}

bool tn_check_bounds(tn_graph *g)
{
    tn_str names = {.arena = g->arena};
    for (size_t i = 0; i < g->symbols.n; i++)
        if (tn_dim_is_found(g->symbols.items[i]))
            tn_str_add(&names, "%s%s", names.len > 0 ? ", " : "", g->symbols.items[i].sym->name);
    for (size_t i = 0; i < g->bounds.n; i++) {
        const tn_dim *d = tn_dim_find(&g->symbols, g->bounds.items[i].sym->name);
        if (d != NULL && tn_dim_is_found(*d))
            continue;
        tn_bad_option(g->diag, g->path, "--bounds names '%s', which is no size that the run finds; there %s: %s",
                      g->bounds.items[i].sym->name, names.len > 0 ? "are" : "is", names.len > 0 ? names.text : "none");
        return false;
    }
    return true;
}

/* --- sizes that operators count ------------------------------------------------------------------------------------- */

static const tn_value *first_output(const tn_node *n)
{
    int i = 0;
    while (i < n->n_out - 1 && n->out[i] == NULL)
        i++;
    return n->out[i];
}

/* The same node before, as exporters write it for each use of a mask: its size is the same. */
static const tn_node *find_twin(const tn_graph *g, const tn_node *n)
{
    for (size_t i = 0; i < g->nodes.n && g->nodes.items[i] != n; i++)
        if (tn_node_same(g->nodes.items[i], n) && first_output(g->nodes.items[i])->shape.known)
            return g->nodes.items[i];
    return NULL;
}

bool tn_found_dim(tn_graph *g, const tn_node *n, int axis, int64_t most, tn_dim *out)
{
    const tn_node *twin = find_twin(g, n);
    const tn_value *v = first_output(n);
    if (twin != NULL) {
        *out = first_output(twin)->shape.dim[axis];
        return true;
    }
    return make_size(g, n, tn_size_name(g, tn_strfmt(g->arena, "%s_%d", v->name, axis)), most, out);
}

bool tn_found_marks(tn_graph *g, const tn_node *n, int axis, tn_value *marks, tn_dim *out)
{
    const tn_dim *known = marks->marked != NULL ? tn_dim_find(&g->symbols, marks->marked->sym->name) : NULL;
    if (known == NULL || known->sym != marks->marked->sym) { /* what a trial finds does not stay (pass/find_sizes.c) */
        tn_dim *d = TN_NEW(g->arena, tn_dim);
        if (!tn_found_dim(g, n, axis, tn_shape_count(&marks->shape), d))
            return false;
        marks->marked = d->sym != NULL ? d : NULL;
        known = d;
    }
    *out = *known;
    return true;
}

/* --- integers that are sizes ---------------------------------------------------------------------------------------- */

enum { MOST_SIZES = 16 };

static bool is_size(const tn_value *v)
{
    bool integer = v->dtype == TN_INT32 || v->dtype == TN_INT64;
    return integer && v->shape.known && v->shape.rank <= 1 && tn_shape_is_fixed(&v->shape)
        && tn_shape_count(&v->shape) <= MOST_SIZES;
}

static bool is_known(const tn_value *v)
{
    return v == NULL || v->constant != NULL || v->elems != NULL;
}

/* Where what is known of the operands is known of the result. */
static bool is_arithmetic(const tn_node *n)
{
    static const char *const names[] = {"Add", "Cast", "Concat",  "Div",     "Identity", "Max",
                                        "Min", "Mul",  "Reshape", "Squeeze", "Sub",      "Unsqueeze"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (tn_node_is(n, names[i]))
            return true;
    return false;
}

/* Notes what v comes from: as far back as integers are only computed with, so that one size serves all shapes. False
   where v is not made of sizes alone. */
static bool note_sources(tn_graph *g, tn_value *v)
{
    bool noted = false;
    if (is_known(v))
        return true;
    if (!is_size(v))
        return false;
    size_t before = g->late_sizes.n;
    for (int i = 0; v->maker != NULL && is_arithmetic(v->maker) && i < v->maker->n_in; i++) {
        if (!note_sources(g, v->maker->in[i])) {
            g->late_sizes.n = before;
            noted = false;
            break;
        }
        noted = noted || !is_known(v->maker->in[i]);
    }
    for (size_t i = 0; i < g->late_sizes.n && !noted; i++)
        noted = g->late_sizes.items[i] == v;
    if (!noted)
        *TN_PUSH(g->arena, g->late_sizes) = v;
    return true;
}

const char *tn_note_sizes(tn_graph *g, tn_value *v)
{
    size_t before = g->late_sizes.n;
    tn_str hint = {.arena = g->arena};
    tn_str_put(&hint, "", 0);
    note_sources(g, v);
    for (size_t i = before; i < g->late_sizes.n; i++)
        for (int64_t k = 0; k < tn_shape_count(&g->late_sizes.items[i]->shape); k++) {
            const char *name = name_element(g, g->late_sizes.items[i], k);
            if (tn_dim_find(&g->bounds, name) == NULL)
                tn_str_add(&hint, "%s\"%s<=N\"", hint.len > 0 ? " --bounds " : "--bounds ", name);
        }
    if (hint.len > 0)
        g->late_sizes.n = before;
    return hint.text;
}

/* Each reader but the graph's outputs reads the result of tenon::Sizes. */
static tn_node *insert_behind(tn_graph *g, tn_value *v)
{
    tn_node *n = tn_graph_make_node(g, tn_op_find("tenon", "Sizes"), v->maker != NULL ? v->maker->name : v->name, 1, 1);
    n->version = 1;
    n->index = v->maker != NULL ? v->maker->index : 0;
    n->out[0] = tn_graph_add_value(g, tn_strfmt(g->arena, "%s.sizes", v->name));
    n->out[0]->maker = n;
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int k = 0; k < g->nodes.items[i]->n_in; k++)
            if (g->nodes.items[i]->in[k] == v)
                g->nodes.items[i]->in[k] = n->out[0];
    n->in[0] = v;
    return n;
}

void tn_insert_sizes(tn_graph *g, size_t from)
{
    for (size_t i = from; i < g->late_sizes.n; i++) {
        tn_value *v = g->late_sizes.items[i];
        tn_node_vec nodes = {0};
        tn_node *n = insert_behind(g, v);
        if (v->maker == NULL)
            *TN_PUSH(g->arena, nodes) = n;
        for (size_t k = 0; k < g->nodes.n; k++) {
            *TN_PUSH(g->arena, nodes) = g->nodes.items[k];
            if (g->nodes.items[k] == v->maker)
                *TN_PUSH(g->arena, nodes) = n;
        }
        g->nodes = nodes;
    }
}

tn_value *tn_call_size(tn_expand *e, tn_value *v, const char *name, int64_t most)
{
    tn_attr names = {.name = "names", .kind = TN_ATTR_STRINGS, .n = 1, .strings = TN_NEW(e->g->arena, const char *)};
    names.strings[0] = name != NULL ? name : tn_size_name(e->g, tn_expand_name(e, "count"));
    tn_node *n = tn_graph_make_node(e->g, tn_op_find("tenon", "Sizes"), e->node->name, 1, 1);
    if (e->failed)
        return v;
    if (tn_node_maybe(e->node))
        tn_node_set_maybe(e->g, n);
    n->version = 1;
    n->index = e->node->index;
    n->in[0] = v;
    n->out[0] = tn_graph_add_value(e->g, tn_strfmt(e->g->arena, "%s.sizes", v->name));
    n->out[0]->maker = n;
    tn_node_set_int(e->g, n, "most", most);
    tn_node_set_attr(e->g, n, &names);
    e->failed = !e->add(e, n);
    return n->out[0];
}

/* The names of the sizes are attributes: shapes elsewhere in the graph speak of them. Attribute "most" bounds all. */
bool tn_infer_sizes(tn_graph *g, tn_node *n)
{
    const tn_value *x = n->in[0];
    if (!is_size(x))
        return tn_node_error(g, n, "sizes are %s; at most %d integers are wanted", tn_value_type(g->arena, x),
                             MOST_SIZES);
    tn_set_output(n, 0, x->dtype, &x->shape);
    int64_t count = tn_shape_count(&x->shape);
    const tn_attr *given = tn_node_find_attr(n, "names");
    tn_attr names = {.name = "names", .kind = TN_ATTR_STRINGS, .n = (size_t)count};
    names.strings = TN_NEW_N(g->arena, const char *, count + 1);
    tn_dim *elems = TN_NEW_N(g->arena, tn_dim, count + 1);
    if (given != NULL && (given->kind != TN_ATTR_STRINGS || given->n != (size_t)count))
        return tn_node_error(g, n, "attribute 'names' has not one name for each of %lld sizes", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        const tn_dim *known = given != NULL ? tn_dim_find(&g->symbols, given->strings[i]) : NULL;
        names.strings[i] = given != NULL ? given->strings[i] : name_element(g, x, i);
        if (known != NULL)
            elems[i] = *known;
        else if (!make_size(g, n, names.strings[i], tn_node_int(n, "most", -1), &elems[i]))
            return false;
    }
    if (given == NULL)
        tn_node_set_attr(g, n, &names);
    n->out[0]->elems = elems;
    return true;
}

bool tn_lower_sizes(tn_program *p, const tn_node *n)
{
    const tn_value *v = n->out[0];
    for (int64_t i = 0; i < tn_shape_count(&v->shape); i++)
        tn_late_settle(p, n, v->elems[i], tn_late_int(p, n->in[0], i));
    tn_comp_view(p, n, tn_buf_of(p, v), tn_buf_of(p, n->in[0]));
    return true;
}
