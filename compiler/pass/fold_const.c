/* fold-const: a node whose inputs are all constants is replaced by its result, but for DequantizeLinear: fuse-qdq wants
   the integers. What it leaves is folded by fold-dequant, and whatever depends on that.
       constant "c", "d"; "s" = Add("c", "d")     becomes     constant "s"
   The result is found by the interpreter. Not folded: what would grow the constants by more than max-growth bytes beyond
   its inputs (an Expand of a scalar to a feature map), since computing it costs less than keeping it. */
#include "base/unwind.h"
#include "ops/ops.h"
#include "ops/repeat.h"
#include "pass/pass.h"

bool tn_all_constant(const tn_node *n)
{
    if (tn_node_begins_repeat(n) || tn_node_draws(n))
        return false; /* its results change from turn to turn */
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL && n->in[i]->constant == NULL)
            return false;
    return true;
}

typedef struct evaluation {
    tn_graph *g;
    const tn_node *n;
    tn_tensor **out;
    tn_arena scratch;
} evaluation;

/* A result of a few elements may be the sum of more than a model ever computes. */
static bool is_feasible(const tn_program *p)
{
    const double most = 1e10;
    double steps = 0;
    for (size_t i = 0; i < p->comps.n; i++) {
        const tn_comp *c = p->comps.items[i];
        double points = tn_comp_points(c);
        for (const tn_repeat *r = c->repeat; r != NULL; r = r->outer)
            points *= (double)r->turn->hi + 1;
        steps += points;
    }
    return steps < most;
}

static bool evaluate(void *state)
{
    evaluation *e = state;
    tn_program *p = tn_program_make(&e->scratch, e->g);
    if (!e->n->op->lower(p, e->n))
        return false;
    for (int i = 0; i < e->n->n_out; i++)
        if (e->n->out[i] != NULL)
            tn_buf_of(p, e->n->out[i]);
    tn_tensor **store = TN_NEW_N(&e->scratch, tn_tensor *, p->bufs.n);
    int64_t *symbols = TN_NEW_N(&e->scratch, int64_t, p->symbols.n);
    if (!is_feasible(p))
        return true;
    if (!tn_interpret(p, &e->scratch, store, symbols))
        return false;
    for (int i = 0; i < e->n->n_out; i++) {
        const tn_value *v = e->n->out[i];
        const tn_tensor *t = v != NULL ? store[tn_buf_of(p, v)->id] : NULL;
        if (t == NULL)
            continue;
        e->out[i] = tn_tensor_make(e->g->arena, v->dtype, &v->shape);
        if (t->bytes > 0)
            memcpy(e->out[i]->data, t->data, t->bytes);
    }
    return true;
}

static void release(void *state)
{
    tn_arena_free(&((evaluation *)state)->scratch);
}

bool tn_evaluate_node(tn_graph *g, const tn_node *n, tn_tensor **out)
{
    if (!tn_all_constant(n))
        return false;
    evaluation e = {.g = g, .n = n, .out = out, .scratch = {.memory = g->arena->memory}};
    return tn_finally(g->arena, evaluate, release, &e);
}

static bool is_worth_it(const tn_node *n, int64_t max_growth)
{
    int64_t in = 0, out = 0;
    for (int i = 0; i < n->n_in; i++)
        in += n->in[i] != NULL ? (int64_t)n->in[i]->constant->bytes : 0;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL) {
            if (!tn_shape_is_fixed(&n->out[i]->shape))
                return false;
            out += tn_shape_count(&n->out[i]->shape) * tn_dtype_get(n->out[i]->dtype)->size;
        }
    return out <= in + max_growth;
}

static bool fold_node(tn_graph *g, tn_node *n)
{
    tn_tensor **t = TN_NEW_N(g->arena, tn_tensor *, n->n_out);
    if (!tn_evaluate_node(g, n, t))
        return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL && t[i] != NULL) {
            n->out[i]->constant = t[i];
            n->out[i]->maker = NULL;
        }
    return true;
}

static bool is_known(const tn_node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != NULL && n->out[i]->constant == NULL)
            return false;
    return true;
}

bool tn_fold_constants(tn_module *m, bool dequantise, bool *changed)
{
    tn_graph *g = m->graph;
    int64_t max_growth = tn_param_get(m, "fold-const.max-growth");
    size_t kept = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        tn_node *n = g->nodes.items[i];
        bool wanted = dequantise || !tn_node_is(n, "DequantizeLinear");
        if (!is_known(n) && wanted && tn_all_constant(n) && n->op->lower != NULL && is_worth_it(n, max_growth)
            && !fold_node(g, n))
            return false;
        if (!is_known(n))
            g->nodes.items[kept++] = n;
    }
    *changed = kept != g->nodes.n;
    g->nodes.n = kept;
    return true;
}

bool tn_pass_fold_const(tn_module *m, bool *changed)
{
    return tn_fold_constants(m, false, changed);
}
