/* call-functions: all that is marked for a function of the user becomes one call of it (see dispatch.h).
       user.swish     my_swish(x, y, M, N)       void my_swish(const float *x, float *y, ptrdiff_t M, ptrdiff_t N)
   It gets a pointer to each operand, one to the result, and the value of each symbol of its pattern. Runs before views
   and fusion, so that the match is still whole. Does nothing without marks. */
#include "pass/dispatch.h"
#include "pass/call.h"

static bool has_mark(const tn_comp *c, const char *mark)
{
    return c->mark != NULL && strcmp(c->mark, mark) == 0;
}

/* --- functions of the user ------------------------------------------------------------------------------------------ */

static tn_node *root_of(const tn_graph *g, const char *mark)
{
    for (size_t i = g->nodes.n; i-- > 0;) {
        const char *own = tn_node_mark(g->nodes.items[i]);
        if (own != NULL && strcmp(own, mark) == 0)
            return g->nodes.items[i];
    }
    assert(false && "the mark is some node's");
    return NULL;
}

static const tn_pattern *pattern_of(const tn_graph *g, const char *mark)
{
    size_t n = (size_t)(strrchr(mark, '#') - mark);
    for (size_t i = 0; g->patterns != NULL && i < g->patterns->n; i++)
        if (strlen(g->patterns->items[i].name) == n && memcmp(g->patterns->items[i].name, mark, n) == 0)
            return &g->patterns->items[i];
    return NULL;
}

static const tn_expr *start_of(tn_program *p, tn_buf *b)
{
    const tn_expr *zero[TN_MAX_RANK] = {NULL};
    for (int i = 0; i < b->rank; i++)
        zero[i] = tn_index(p, 0);
    return tn_load_raw(p, b, b->rank, zero);
}

static tn_call *make_own_call(tn_program *p, const tn_match *m, tn_buf *out)
{
    const tn_graph *g = m->pattern->graph;
    tn_call *call = TN_NEW(p->arena, tn_call);
    *call = (tn_call){.function = m->pattern->function, .pattern = m->pattern->name};
    for (size_t i = 0; i < g->inputs.n; i++) {
        tn_buf *b = tn_buf_of(p, m->value[g->inputs.items[i]->id]);
        tn_call_add(p, call, TN_ARG_READ, g->inputs.items[i]->name)->expr = start_of(p, b);
    }
    tn_call_add(p, call, TN_ARG_WRITE, g->outputs.items[0]->name)->expr = start_of(p, out);
    for (size_t i = 0; i < g->symbols.n; i++)
        tn_call_add(p, call, TN_ARG_EXTENT, g->symbols.items[i].sym->name)->expr = tn_dim_expr(p, m->symbol[i]);
    return call;
}

static const char *label_of(tn_program *p, const char *mark)
{
    tn_str label = {.arena = p->arena};
    for (size_t i = 0; i < p->comps.n; i++)
        if (has_mark(p->comps.items[i], mark))
            tn_str_add(&label, "%s%s", label.len > 0 ? " + " : "", p->comps.items[i]->label);
    return label.text;
}

/* The computation that stands for all of the match: its operands and its result, without what happens between. */
static tn_comp *make_own_comp(tn_program *p, const char *mark)
{
    tn_graph *g = p->graph;
    tn_node *root = root_of(g, mark);
    const tn_pattern *pattern = strchr(mark, '#') != NULL ? pattern_of(g, mark) : NULL;
    tn_match m;
    if (pattern == NULL || pattern->function == NULL || !tn_dispatch_match(g, pattern, root, mark, &m)) {
        tn_node_error(
            g, root,
            "is marked for %s, which nothing matches: give its pattern again (dispatch user.NAME=FILE:FUNCTION), and keep no value inside it",
            mark);
        return NULL;
    }
    tn_buf *out = tn_buf_of(p, root->out[0]);
    tn_comp *c = tn_comp_over(p, root, out, 0, NULL);
    for (int i = 0; i < out->rank; i++)
        c->at[i] = tn_index(p, 0);
    bool is_float = tn_dtype_get(out->dtype)->is_float;
    c->elem = is_float ? tn_number(p, out->dtype, 0) : tn_integer(p, out->dtype, 0);
    c->label = label_of(p, mark);
    c->mark = mark;
    c->call = make_own_call(p, &m, out);
    return c;
}

static size_t last_of(const tn_program *p, const char *mark)
{
    size_t last = 0;
    for (size_t i = 0; i < p->comps.n; i++)
        if (has_mark(p->comps.items[i], mark))
            last = i;
    return last;
}

/* The call stands where the last computation of its match was: all operands are ready there. */
static bool replace_match(tn_program *p, size_t first)
{
    const char *mark = p->comps.items[first]->mark;
    size_t last = last_of(p, mark), kept = first;
    tn_comp *c = make_own_comp(p, mark);
    if (c == NULL)
        return false;
    for (size_t i = first; i < p->comps.n; i++)
        if (i == last)
            p->comps.items[kept++] = c;
        else if (!has_mark(p->comps.items[i], mark))
            p->comps.items[kept++] = p->comps.items[i];
    p->comps.n = kept;
    return true;
}

/* All of a match that the computation at that place begins. */
static bool replace_at(tn_module *m, size_t i, bool *changed)
{
    const tn_program *p = m->program;
    while (i < p->comps.n && tn_is_marked(p->comps.items[i], "user.") && p->comps.items[i]->call == NULL) {
        if (m->graph == NULL) {
            tn_error_at(m->diag, p->graph->path,
                        "computation %d (%s) is marked for %s, whose operands only the graph tells",
                        p->comps.items[i]->id, p->comps.items[i]->label, p->comps.items[i]->mark);
            return false;
        }
        if (!replace_match(m->program, i))
            return false;
        *changed = true;
    }
    return true;
}

bool tn_pass_call_functions(tn_module *m, bool *changed)
{
    for (size_t i = 0; i < m->program->comps.n; i++)
        if (!replace_at(m, i, changed))
            return false;
    tn_program_number(m->program);
    return true;
}
