/* infer: the type and shape of every value, from the inputs on.
       "y" = Relu("x"), x : float[N<=8,4]     gives     "y" : float[N<=8,4] = Relu("x")
   Shape arithmetic is followed as it goes: with fixed dims by computing the constants, with symbolic dims as terms
   (tn_propagate_elems), since later shapes depend on it. Operators that are functions of others (ops/expand.h) give way
   to those here, since how they do depends on the shapes:
       "y" = NegativeLogLikelihoodLoss("x", "t") ...     gives     "..." = GatherElements("x", ...) ... "y" = ...
   Sequences and optionals end here: what one is made of is known (ops/sequence.c), and an output that is one becomes an
   output for each element:
       "s" = SequenceConstruct("a", "b")  output "s"      gives     output "s_0"  output "s_1"
   Does nothing where everything is known already. */
#include "ops/expand.h"
#include "ops/late.h"
#include "ops/ops.h"
#include "pass/pass.h"

enum { SMALL = 1024, SMALL_FLOATS = 64 };

/* Operators that take a string in input 0 take strings where they take strings at all; where a text form exists, it asks. */
static bool check_text(tn_graph *g, const tn_node *n)
{
    bool takes = (n->op->types & TN_T_STRING) != 0 || n->op->has_bodies || n->op->takes_lists
              || tn_find_text_form(n->op) != NULL;
    for (int i = 0; i < n->n_in && !takes; i++)
        if (n->in[i] != NULL && n->in[i]->is_text)
            return tn_node_error(g, n, "input %d '%s' is %s; %s takes no strings", i, n->in[i]->name,
                                 tn_value_type(g->arena, n->in[i]), n->op->name);
    return true;
}

/* An attribute of nodes that take strings as bytes, since they are what an operator of strings stands for. */
static const char bytes_mark[] = "bytes";

static bool has_text(const tn_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL && n->in[i]->is_text)
            return true;
    return false;
}

static bool check_types(tn_graph *g, const tn_node *n, bool bytes)
{
    bool text = !bytes && has_text(n);
    if (text && !check_text(g, n))
        return false;
    for (int i = 0; i < n->n_in; i++) {
        const tn_value *v = n->in[i];
        if (v != NULL && v->list != NULL && !n->op->takes_lists && !n->op->has_bodies)
            return tn_node_error(g, n, "input %d '%s' is a sequence or an optional; %s takes tensors", i, v->name,
                                 n->op->name);
        if (v != NULL && v->list == NULL && !v->shape.known)
            return tn_node_error(g, n, "the shape of input %d '%s' is not known", i, v->name);
    }
    if (n->n_in == 0 || n->in[0] == NULL || n->in[0]->list != NULL)
        return true;
    tn_dtype dtype = text ? tn_value_dtype(n->in[0]) : n->in[0]->dtype;
    if ((n->op->types >> dtype & 1u) != 0 || dtype == TN_STRING)
        return true;
    tn_str wanted = {.arena = g->arena};
    for (int t = 0; t < 32; t++)
        if ((n->op->types >> t & 1u) != 0)
            tn_str_add(&wanted, "%s%s", wanted.len > 0 ? ", " : "", tn_dtype_get(t)->name);
    return tn_node_error(g, n, "input 0 '%s' is %s; %s takes %s", n->in[0]->name, tn_value_type(g->arena, n->in[0]),
                         n->op->name, wanted.text);
}

/* Dims that are fixed are the declared ones; files write no rank as rank 0. */
static bool keeps_promise(const tn_value *v)
{
    bool ok = v->dtype == v->promised && (v->declared.rank == 0 || v->declared.rank == v->shape.rank);
    for (int i = 0; i < v->declared.rank && ok; i++)
        ok = v->shape.dim[i].sym != NULL || tn_dim_same(v->shape.dim[i], v->declared.dim[i]);
    return ok;
}

static bool check_outputs(tn_graph *g, const tn_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        const tn_value *v = n->out[i];
        if (v == NULL || v->list != NULL)
            continue;
        if (!v->shape.known)
            return tn_node_error(g, n, "output %d '%s' is not supported", i, v->name);
        for (int d = 0; d < v->shape.rank; d++)
            if (v->shape.dim[d].n < 0)
                return tn_node_error(g, n, "output %d '%s' would have a negative dim: %s", i, v->name,
                                     tn_value_type(g->arena, v));
        if (tn_shape_count(&v->shape) >= TN_DIM_MAX)
            return tn_node_error(g, n, "output %d '%s' is too large: %s", i, v->name, tn_value_type(g->arena, v));
        if (v->promised != TN_UNDEFINED && !keeps_promise(v))
            return tn_node_error(g, n, "the file says that '%s' is %s, but %s follows", v->name,
                                 tn_type_text(g->arena, v->promised, &v->declared), tn_value_type(g->arena, v));
    }
    return true;
}

/* Results that later shapes may depend on: integers, and floats that become integers again (Floor of a size times a
   scale). fuse-qdq wants to see what DequantizeLinear takes. */
static bool is_shape_like(const tn_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        const tn_value *v = n->out[i];
        if (v == NULL)
            continue;
        bool is_float = tn_dtype_get(v->dtype)->is_float;
        if (!tn_shape_is_fixed(&v->shape) || tn_shape_count(&v->shape) > (is_float ? SMALL_FLOATS : SMALL))
            return false;
        if (is_float && (v->shape.rank > 1 || tn_node_is(n, "DequantizeLinear")))
            return false;
    }
    return tn_all_constant(n);
}

static void take_elems(tn_graph *g, tn_value *v)
{
    for (int64_t i = 0, n = tn_shape_count(&v->shape); i < n; i++)
        if (v->elems[i].sym != NULL)
            return;
    v->constant = tn_tensor_make(g->arena, v->dtype, &v->shape);
    for (int64_t i = 0, n = tn_shape_count(&v->shape); i < n; i++)
        tn_tensor_set_int(v->constant, i, v->elems[i].n);
}

static bool infer_node(tn_graph *g, tn_node *n)
{
    if (!n->op->infer(g, n) || !check_outputs(g, n))
        return false;
    if (!tn_propagate_elems(g, n))
        return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL && n->out[i]->elems != NULL && tn_shape_is_fixed(&n->out[i]->shape))
            take_elems(g, n->out[i]);
    if (!is_shape_like(n) || n->out[0] == NULL || n->out[0]->constant != NULL)
        return true;
    tn_tensor **t = TN_NEW_N(g->arena, tn_tensor *, n->n_out);
    if (!tn_evaluate_node(g, n, t))
        return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL)
            n->out[i]->constant = t[i];
    return true;
}

/* Infers n and appends it, or what it is a function of, to the nodes that are done. */
static bool add_node(tn_expand *parent, tn_node *n)
{
    tn_graph *g = parent->g;
    tn_node_vec *done = parent->done;
    if (tn_node_is(n, "Identity") && n->in[0]->list != NULL) {
        n->out[0]->list = n->in[0]->list;
        return true;
    }
    bool bytes = parent->bytes || tn_node_int(n, bytes_mark, 0) != 0;
    if (bytes && has_text(n))
        tn_node_set_int(g, n, bytes_mark, 1);
    if (!check_types(g, n, bytes) || !tn_check_attributes(g, n))
        return false;
    bool text = !bytes && has_text(n) && !n->op->has_bodies && !n->op->takes_lists;
    bool (*expand)(tn_expand *, const tn_node *) =
        text && n->op->expand == NULL ? tn_find_text_form(n->op) : n->op->expand;
    if (expand != NULL) {
        tn_expand e = {
            .g = g, .node = n, .add = add_node, .done = done, .branch = parent->branch, .bytes = text || bytes};
        return expand(&e, n) && check_outputs(g, n);
    }
    *TN_PUSH(g->arena, *done) = n;
    if (text && tn_node_is(n, "Identity"))
        n->out[0]->is_text = true;
    return infer_node(g, n);
}

/* An output that is a sequence becomes an output for each of its elements, which may be a value that others use too. */
static bool spread_outputs(tn_expand *top)
{
    tn_graph *g = top->g;
    tn_value_vec outputs = {0};
    for (size_t i = 0; i < g->outputs.n; i++) {
        tn_value *v = g->outputs.items[i];
        if (v->list == NULL)
            *TN_PUSH(g->arena, outputs) = v;
        for (int64_t k = 0; v->list != NULL && k < v->list->n; k++) {
            tn_node *copy = tn_graph_make_node(g, tn_op_find("", "Identity"), v->name, 1, 1);
            copy->in[0] = v->list->items[k];
            copy->out[0] = tn_graph_add_value(g, tn_strfmt(g->arena, "%s_%lld", v->name, (long long)k));
            copy->out[0]->maker = copy;
            copy->out[0]->is_output = true;
            *TN_PUSH(g->arena, outputs) = copy->out[0];
            if (!add_node(top, copy))
                return false;
        }
    }
    g->outputs = outputs;
    if (outputs.n == 0)
        tn_error_at(g->diag, g->path, "the outputs are empty sequences or optionals: there is nothing to compute");
    return outputs.n > 0;
}

bool tn_infer_nodes(tn_graph *g, const tn_node_vec *nodes, tn_node_vec *done)
{
    tn_expand top = {.g = g, .add = add_node, .done = done};
    for (size_t i = 0; i < nodes->n; i++)
        if (!add_node(&top, nodes->items[i]))
            return false;
    return true;
}

static bool is_typed(const tn_graph *g)
{
    for (size_t i = 0; i < g->nodes.n; i++) {
        const tn_node *n = g->nodes.items[i];
        if (n->n_out == 0 || n->out[0] == NULL || !n->out[0]->shape.known)
            return false;
    }
    return true;
}

static void rename_shape(tn_graph *g, tn_shape *s, tn_dim from, tn_dim to)
{
    for (int i = 0; s->known && i < s->rank; i++)
        s->dim[i] = tn_dim_rename(g->arena, s->dim[i], from, to);
}

/* Two names of inputs that have to be equal become one, the one with the smaller bound; a name that has to be a number
   becomes that. Returns how many names are gone. */
static size_t unite_names(tn_graph *g, tn_str *notes)
{
    bool second = g->alike.items[1].sym == NULL || g->alike.items[1].n < g->alike.items[0].n;
    tn_dim to = g->alike.items[second], from = g->alike.items[!second];
    size_t kept = 0, symbols = g->symbols.n;
    for (size_t i = 0; i < g->values.n; i++) {
        rename_shape(g, &g->values.items[i]->shape, from, to);
        rename_shape(g, &g->values.items[i]->declared, from, to);
    }
    for (size_t i = 0; i < g->symbols.n; i++)
        if (!tn_dim_same(g->symbols.items[i], from))
            g->symbols.items[kept++] = g->symbols.items[i];
    g->symbols.n = kept;
    tn_str_add(notes, "%s'%s' ", notes->len > 0 ? "; " : "", from.sym->name);
    if (to.sym == NULL)
        tn_str_add(notes, "is %lld", (long long)to.n);
    else
        tn_str_add(notes, "and '%s' are one, '%s'", to.sym->name, to.sym->name);
    return symbols - kept;
}

/* What is known of the graph's values before, so that inference can begin anew: a shape that stays from the time before
   would count as declared. */
typedef struct beginning {
    tn_value *values;
    size_t n, symbols;
} beginning;

static void keep_beginning(const tn_graph *g, beginning *b)
{
    b->n = g->values.n;
    b->values = TN_NEW_N(g->arena, tn_value, b->n + 1);
    for (size_t i = 0; i < b->n; i++)
        b->values[i] = *g->values.items[i];
}

static void go_back(tn_graph *g, const beginning *b)
{
    for (size_t i = 0; i < b->n; i++)
        *g->values.items[i] = b->values[i];
    g->values.n = b->n;
    g->symbols.n = b->symbols; /* sizes that the run finds are found again, by the same names */
}

/* All nodes once. What it notes in the graph (alike, open_fork, late_sizes) may call for another time. */
static bool infer_once(tn_graph *g, tn_diag *diag, tn_node_vec *done)
{
    tn_diag *own = g->diag;
    *done = (tn_node_vec){0};
    g->alike.n = 0;
    g->open_fork = (tn_fork){.name = NULL};
    g->refusals.n = 0;
    g->diag = diag;
    bool ok = tn_infer_nodes(g, &g->nodes, done);
    g->diag = own;
    return ok;
}

static const char *note_prefix(const tn_graph *g)
{
    return tn_strfmt(g->arena, "%s: ", g->path);
}

static void keep_line(void *user, const char *line)
{
    tn_str *kept = user;
    if (kept->len == 0)
        tn_str_add(kept, "%s", line);
}

/* Whether nothing speaks against that branch as far as the next fork; otherwise *why is the error. */
static bool try_fork(tn_graph *g, const beginning *b, const tn_fork *f, tn_str *why)
{
    size_t late = g->late_sizes.n;
    tn_node_vec done;
    tn_diag kept = {.report = keep_line, .user = why};
    *TN_PUSH(g->arena, g->forks) = *f;
    bool ok = infer_once(g, &kept, &done) || g->open_fork.name != NULL || g->alike.n > 0 || g->late_sizes.n > late;
    g->forks.n--;
    g->late_sizes.n = late;
    g->alike.n = 0;
    go_back(g, b);
    return ok;
}

/* Takes the branch of the open fork behind which alone the rest has types. False where that is none or both. */
static bool decide_fork(tn_graph *g, const beginning *b)
{
    tn_fork f = g->open_fork;
    tn_str why[2] = {{.arena = g->arena}, {.arena = g->arena}};
    bool fits[2];
    for (int i = 0; i < 2; i++) {
        f.then = i == 1;
        fits[i] = try_fork(g, b, &f, &why[i]);
    }
    if (fits[0] == fits[1])
        return false;
    f.then = fits[1];
    *TN_PUSH(g->arena, g->forks) = f;
    const char *line = why[fits[0]].len > 0 ? why[fits[0]].text : "";
    size_t path = strlen(g->path);
    line += strncmp(line, g->path, path) == 0 && strncmp(line + path, ": ", 2) == 0 ? path + 2 : 0;
    tn_note(g->diag, note_prefix(g),
            "a run that takes the %s of the If that gives '%s' ends with an error, since that leads to: %s",
            f.then ? "else_branch" : "then_branch", f.name, line);
    return true;
}

static void tell_united(const tn_graph *g, const tn_str *united)
{
    if (united->len > 0)
        tn_note(g->diag, note_prefix(g), "of the dims of inputs, which operators need to be equal, %s", united->text);
}

/* Where types do not follow because shapes depend on integers that only the run knows, these become sizes that it finds
   (ops/found.c), and it begins anew: what they come from may be found before they are. So it does where two names of
   dims have to be one, or one a number, and where a fork is decided (ops/branch.c). Errors are reported once. */
static bool infer_all(tn_graph *g, tn_node_vec *done)
{
    enum { MOST_ROUNDS = 64 }; /* that insert sizes: others leave a name or a fork less */
    tn_diag silent = tn_diag_silent();
    tn_str united = {.arena = g->arena};
    beginning b = {.symbols = g->symbols.n};
    keep_beginning(g, &b);
    for (int round = 0; round < MOST_ROUNDS;) {
        size_t late = g->late_sizes.n, symbols = b.symbols, forks = g->forks.n;
        if (infer_once(g, &silent, done)) {
            tell_united(g, &united);
            return true;
        }
        go_back(g, &b);
        bool again = g->late_sizes.n > late || g->alike.n > 0;
        if (!again && (g->open_fork.name == NULL || !decide_fork(g, &b)))
            break;
        if (g->alike.n > 0)
            b.symbols -= unite_names(g, &united);
        tn_insert_sizes(g, late);
        keep_beginning(g, &b);
        round += b.symbols == symbols && g->forks.n == forks;
    }
    tell_united(g, &united); /* the error speaks of what has become of the dims */
    return infer_once(g, g->diag, done);
}

bool tn_pass_infer(tn_module *m, bool *changed)
{
    tn_graph *g = m->graph;
    tn_node_vec done = {0};
    tn_expand top = {.g = g, .add = add_node, .done = &done};
    bool typed = is_typed(g);
    *changed = *changed || !typed;
    tn_declare_operands(g);
    const tn_sizes *sizes = typed ? NULL : tn_sizes_find(g);
    if (!infer_all(g, &done) || !spread_outputs(&top))
        return false;
    if (sizes != NULL && !tn_sizes_check(&top, sizes))
        return false;
    g->nodes = done;
    m->is_typed = true;
    return tn_check_bounds(g);
}
