/* What pass infer does with integer inputs that are sizes, where the file declares the shapes of the model's outputs alone:

       input "shape" : int64[2]    ... = Pad("x", f("shape"))  ...  output "y", declared float[3,10,9]

   The sizes are those that give the declared shapes. They stand among the declared dims, mostly in the same order, so
   these are tried: each trial infers a copy of the graph in which the inputs are constants. What is found is what the inputs are
   known to hold (tn_value.elems), and the run ends with an error where they hold anything else. An element that no shape
   depends on stays unknown, a term that nobody else has, and is not checked.
   Does nothing where no such input is there, or types follow without; inputs that option bounds names are left to the run. */
#include "ops/expand.h"
#include "ops/late.h"
#include "ops/ops.h"
#include "ops/repeat.h"
#include "pass/pass.h"

enum { MOST_SIZES = 8, MOST_TRIALS = 4000, MOST_NODES = 1 << 18 }; /* nodes: of all trials together */

/* Integer inputs, and their elements one after the other. */
struct tn_sizes {
    tn_graph *g;
    tn_value_vec inputs;
    int n;
    int64_t value[MOST_SIZES];
    bool is_free[MOST_SIZES];
    size_t trials_left;
};
typedef struct tn_sizes sizes;

static bool find_inputs(sizes *s)
{
    for (size_t i = 0; i < s->g->inputs.n; i++) {
        tn_value *v = s->g->inputs.items[i];
        bool ints = v->dtype == TN_INT64 || v->dtype == TN_INT32;
        if (!ints || v->shape.rank > 1 || !tn_shape_is_fixed(&v->shape) || v->elems != NULL || v->is_output)
            continue;
        int64_t count = tn_shape_count(&v->shape);
        if (count <= MOST_SIZES && tn_is_bounded(s->g, v))
            continue;
        if (s->n + count > MOST_SIZES)
            return false;
        s->n += (int)count;
        *TN_PUSH(s->g->arena, s->inputs) = v;
    }
    return s->n > 0;
}

/* --- a trial -------------------------------------------------------------------------------------------------------- */

/* Element k of all: the number, or a symbol where it is free. A symbol is 1 or more, but such an element may be 0 or
   negative, which shape arithmetic must not rule out; and symbols of one name are the same. */
static tn_dim dim_of(const sizes *s, int k)
{
    tn_arena *a = s->g->arena;
    if (!s->is_free[k])
        return tn_dim_fixed(s->value[k]);
    tn_dim any = tn_dim_named(a, tn_strfmt(a, " %d", k), 2 * (int64_t)INT32_MAX);
    return tn_dim_do(a, TN_SYM_SUB, any, tn_dim_fixed(INT32_MAX));
}

static bool are_free(const sizes *s, int first, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!s->is_free[first + i])
            return false;
    return true;
}

/* The graph's nodes with what stands for each input; what is unknown of the sizes: all, if s is NULL. */
static tn_subgraph *copy_graph(tn_graph *g, const sizes *s, tn_value **stand_ins)
{
    const tn_subgraph whole = {.inputs = g->inputs, .outputs = g->outputs, .nodes = g->nodes};
    tn_value **in = TN_NEW_N(g->arena, tn_value *, g->inputs.n + 1);
    for (size_t i = 0, k = 0; i < g->inputs.n; i++) {
        bool sized = s != NULL && k < s->inputs.n && s->inputs.items[k] == g->inputs.items[i];
        in[i] = sized ? stand_ins[k++] : g->inputs.items[i];
    }
    return tn_subgraph_copy(g, &whole, in);
}

/* A value like v that holds elements `first` and on; nothing is known of it where all of them are free. */
static tn_value *stand_in(const sizes *s, const tn_value *v, int first)
{
    tn_value *out = tn_graph_add_value(s->g, v->name);
    int64_t n = tn_shape_count(&v->shape);
    bool known = true;
    out->dtype = v->dtype;
    out->shape = v->shape;
    if (are_free(s, first, n))
        return out;
    out->elems = TN_NEW_N(s->g->arena, tn_dim, n + 1);
    for (int64_t i = 0; i < n; i++) {
        out->elems[i] = dim_of(s, first + (int)i);
        known = known && out->elems[i].sym == NULL;
    }
    if (!known)
        return out;
    out->constant = tn_tensor_make(s->g->arena, v->dtype, &v->shape);
    for (int64_t i = 0; i < n; i++)
        tn_tensor_set_int(out->constant, i, out->elems[i].n);
    return out;
}

static tn_value **stand_ins(const sizes *s)
{
    tn_value **out = TN_NEW_N(s->g->arena, tn_value *, s->inputs.n);
    for (size_t i = 0, first = 0; i < s->inputs.n; first += (size_t)tn_shape_count(&s->inputs.items[i++]->shape))
        out[i] = stand_in(s, s->inputs.items[i], (int)first);
    return out;
}

static bool is_unknown(const tn_graph *g, tn_dim d)
{
    bool known = d.sym == NULL;
    for (size_t i = 0; d.sym != NULL && d.sym->kind == TN_SYM_NAME && i < g->symbols.n; i++)
        known = known || g->symbols.items[i].sym == d.sym;
    if (d.sym != NULL && d.sym->kind != TN_SYM_NAME)
        return is_unknown(g, d.sym->a) || is_unknown(g, d.sym->b);
    return !known;
}

static bool has_unknown_shape(const tn_graph *g, const tn_value *v)
{
    for (int d = 0; d < v->shape.rank; d++)
        if (is_unknown(g, v->shape.dim[d]))
            return true;
    return false;
}

static bool has_unknown_elems(const tn_graph *g, const tn_value *v)
{
    for (int64_t i = 0; v->elems != NULL && i < tn_shape_count(&v->shape); i++)
        if (is_unknown(g, v->elems[i]))
            return true;
    return false;
}

/* Whether shapes are made of the graph's own symbols, and what is unknown is only moved about, or read as a number. */
static bool needs_no_unknown(const tn_graph *g, const tn_node_vec *nodes)
{
    static const char *const moves[] = {"Cast", "Concat", "Gather", "Identity", "Reshape",  "Shape",
                                        "Size", "Slice",  "Split",  "Squeeze",  "Unsqueeze"};
    for (size_t i = 0; i < nodes->n; i++) {
        const tn_node *n = nodes->items[i];
        bool is_move = n->op->expr != NULL;
        for (size_t k = 0; k < sizeof moves / sizeof *moves; k++)
            is_move = is_move || tn_node_is(n, moves[k]);
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k] != NULL && has_unknown_shape(g, n->out[k]))
                return false;
        for (int k = 0; k < n->n_in; k++) {
            bool fits = is_move && (k == 0 || n->op->expr != NULL || tn_node_is(n, "Concat"));
            if (n->in[k] != NULL && !fits && has_unknown_elems(g, n->in[k]))
                return false;
        }
    }
    return true;
}

/* Whether types follow, and the outputs have the declared shapes. s NULL: of the graph as it is, without sizes that the
   run would have to find. */
static bool try_sizes(tn_graph *g, const sizes *s)
{
    tn_diag *diag = g->diag, silent = tn_diag_silent();
    size_t values = g->values.n, symbols = g->symbols.n, late = g->late_sizes.n;
    tn_node_vec done = {0};
    const tn_subgraph *copy = copy_graph(g, s, s != NULL ? stand_ins(s) : NULL);
    g->diag = &silent;
    bool ok =
        tn_infer_nodes(g, &copy->nodes, &done) && (s != NULL || g->symbols.n == symbols) && needs_no_unknown(g, &done);
    g->diag = diag;
    for (size_t i = 0; ok && s != NULL && i < copy->outputs.n; i++) {
        const tn_value *v = copy->outputs.items[i];
        ok = v->list != NULL || !v->declared.known || v->is_text || tn_shape_equal(&v->shape, &v->declared);
    }
    g->values.n = values; /* and the sizes that the run would find */
    g->symbols.n = symbols;
    g->late_sizes.n = late;
    return ok;
}

/* --- the search ----------------------------------------------------------------------------------------------------- */

/* Elements k and on take declared dims from number `from` on: in order, each that of the one before or a later one. */
static bool try_from(sizes *s, const tn_shape *declared, bool in_order, int k, int from)
{
    if (k == s->n) {
        s->trials_left--;
        return try_sizes(s->g, s);
    }
    for (int i = from; i < declared->rank && s->trials_left > 0; i++) {
        if (declared->dim[i].sym != NULL)
            continue;
        s->value[k] = declared->dim[i].n;
        if (try_from(s, declared, in_order, k + 1, in_order ? i : 0))
            return true;
    }
    return false;
}

static bool search(sizes *s)
{
    for (int any = 0; any < 2; any++)
        for (size_t i = 0; i < s->g->outputs.n; i++) {
            const tn_value *v = s->g->outputs.items[i];
            if (v->declared.known && !v->is_text && try_from(s, &v->declared, any == 0, 0, 0))
                return true;
        }
    return false;
}

static bool try_free(sizes *s, int first, int n)
{
    for (int i = 0; i < n; i++)
        s->is_free[first + i] = true;
    bool ok = try_sizes(s->g, s);
    for (int i = 0; i < n; i++)
        s->is_free[first + i] = ok;
    return ok;
}

/* Elements that may be anything: all of an input, else one by one. */
static void find_free(sizes *s)
{
    for (int i = 0, first = 0; i < (int)s->inputs.n; i++) {
        int n = (int)tn_shape_count(&s->inputs.items[i]->shape);
        if (!try_free(s, first, n))
            for (int k = 0; k < n && n > 1; k++)
                try_free(s, first + k, 1);
        first += n;
    }
}

/* --- what follows --------------------------------------------------------------------------------------------------- */

/* An Identity of each input that holds what is known of it takes its place; it is not folded into a constant, so that the
   check of the input itself stays. */
static void use_sizes(const sizes *s)
{
    tn_graph *g = s->g;
    tn_value **alias = stand_ins(s);
    const tn_subgraph *copy = copy_graph(g, s, alias);
    tn_node_vec nodes = {0};
    for (size_t i = 0; i < s->inputs.n; i++) {
        if (alias[i]->constant != NULL)
            continue;
        tn_node *n = tn_graph_make_node(g, tn_op_find("", "Identity"), alias[i]->name, 1, 1);
        n->in[0] = s->inputs.items[i];
        n->out[0] = alias[i];
        alias[i]->maker = n;
        *TN_PUSH(g->arena, nodes) = n;
    }
    for (size_t i = 0; i < copy->nodes.n; i++)
        *TN_PUSH(g->arena, nodes) = copy->nodes.items[i];
    g->nodes = nodes;
    for (size_t i = 0; i < g->outputs.n; i++) {
        copy->outputs.items[i]->is_output = true;
        g->outputs.items[i] = copy->outputs.items[i];
    }
}

/* Whether input v holds the sizes from number `first` on. */
static tn_value *agrees(tn_expand *e, const sizes *s, tn_value *v, int first)
{
    int64_t place[MOST_SIZES], want[MOST_SIZES];
    int n = 0;
    for (int i = 0; i < (int)tn_shape_count(&v->shape); i++)
        if (!s->is_free[first + i]) {
            place[n] = i;
            want[n++] = s->value[first + i];
        }
    if (n == 0)
        return NULL;
    tn_value *flat = tn_call_cast(e, tn_call_reshape(e, v, 1, (const int64_t[]){-1}), TN_INT64);
    tn_value *same =
        tn_call(e, "Equal", tn_call(e, "Gather", flat, tn_expand_ints(e, n, place)), tn_expand_ints(e, n, want));
    tn_value *all = tn_call(e, "ReduceMin keepdims=0", tn_call_cast(e, same, TN_INT32), tn_expand_int(e, 0));
    return tn_call_cast(e, all, TN_BOOL);
}

/* The number of the first output that a node makes; -1: all are inputs or constants. */
static int find_made(const tn_graph *g)
{
    for (size_t i = 0; i < g->outputs.n; i++)
        if (g->outputs.items[i]->maker != NULL)
            return (int)i;
    return -1;
}

bool tn_sizes_check(tn_expand *e, const tn_sizes *s)
{
    tn_graph *g = e->g;
    int at = find_made(g);
    if (at < 0)
        return true; /* nothing depends on the sizes */
    tn_value *out = g->outputs.items[at], *all = NULL;
    e->node = out->maker;
    e->bytes = true; /* the output may be strings */
    for (size_t i = 0, first = 0; i < s->inputs.n; first += (size_t)tn_shape_count(&s->inputs.items[i++]->shape)) {
        tn_value *one = agrees(e, s, s->inputs.items[i], (int)first);
        all = one == NULL ? all : all == NULL ? one : tn_call(e, "And", all, one);
    }
    tn_value *checked = all != NULL ? tn_call_check(e, all, out) : out;
    if (e->failed || checked == out)
        return !e->failed;
    checked->name = out->name;
    checked->is_text = out->is_text;
    checked->is_output = true;
    out->is_output = false;
    out->name = tn_strfmt(g->arena, "%s.unchecked", out->name);
    g->outputs.items[at] = checked;
    return true;
}

const tn_sizes *tn_sizes_find(tn_graph *g)
{
    sizes *s = TN_NEW(g->arena, sizes);
    *s = (sizes){.g = g, .trials_left = MOST_NODES / (g->nodes.n + 1) + 1};
    s->trials_left = s->trials_left < MOST_TRIALS ? s->trials_left : MOST_TRIALS;
    bool declared = false;
    for (size_t i = 0; i < g->outputs.n; i++)
        declared = declared || g->outputs.items[i]->declared.known;
    if (!declared || !find_inputs(s) || try_sizes(g, NULL) || !search(s))
        return NULL;
    find_free(s);
    use_sizes(s);
    return s;
}
