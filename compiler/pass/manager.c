/* Runs passes by name: expands pipelines, runs what a pass needs, times, dumps, verifies. See pass.h.

       infer,fuse       runs   infer   lower   fuse       since fuse needs the form loops, which lower makes */
#define _POSIX_C_SOURCE 200809L
#include "pass/pass.h"

#include <stdlib.h>
#include <time.h>

static const tn_pass passes[] = {
#define TN_PASS(name, fn, level, needs, leaves, doc) {name, fn, level, needs, leaves, doc},
#include "pass/passes.def"
#undef TN_PASS
};
enum { N_PASSES = sizeof passes / sizeof *passes };

/* The forms in order, each with the pass that makes it from the one before. */
static const struct {
    const char *name, *maker;
} forms[] = {{"graph", NULL}, {"types", "infer"}, {"loops", "lower"}, {"kernels", "kernels"}, {"plan", "plan"}};

const tn_pass *tn_pass_at(size_t i)
{
    return i < N_PASSES ? &passes[i] : NULL;
}

const tn_pass *tn_pass_find(const char *name)
{
    for (size_t i = 0; i < N_PASSES; i++)
        if (strcmp(passes[i].name, name) == 0)
            return &passes[i];
    return NULL;
}

const char *tn_form_name(tn_form form)
{
    return forms[form].name;
}

static tn_form form_of(const tn_module *m)
{
    if (m->program == NULL)
        return m->is_typed ? TN_FORM_TYPES : TN_FORM_GRAPH;
    bool has_kernels = m->program->kernels.n == m->program->comps.n;
    return m->plan != NULL ? TN_FORM_PLAN : has_kernels ? TN_FORM_KERNELS : TN_FORM_LOOPS;
}

static bool is_maker(const tn_pass *p)
{
    return forms[p->leaves].maker != NULL && strcmp(forms[p->leaves].maker, p->name) == 0;
}

/* --- one call of tn_passes_run ------------------------------------------------------------------------------------ */

/* A pass that ran, in the order of their beginnings; those that it needed follow it, one deeper. */
typedef struct entry {
    const char *name;
    int depth;
    double ms;
    bool changed;
} entry;

typedef struct names {
    const char **items;
    size_t n, room;
} names;

typedef struct insertion {
    const char *after, *name;
} insertion;

typedef struct run {
    tn_module *m;
    const tn_pass_options *o;
    names list, off; /* to run; not to run */
    struct {
        insertion *items;
        size_t n, room;
    } inserted;
    struct {
        entry *items;
        size_t n, room;
    } entries;
    int depth;
    bool stopped; /* option stop_after was reached */
} run;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool is_listed(const char *const *list, const char *name)
{
    for (; list != NULL && *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool is_off(const run *r, const char *name)
{
    for (size_t i = 0; i < r->off.n; i++)
        if (strcmp(r->off.items[i], name) == 0)
            return true;
    return is_listed(r->o->disabled, name);
}

static const tn_user_pass *find_own(const tn_pass_options *o, const char *name)
{
    for (size_t i = 0; i < o->n_own; i++)
        if (strcmp(o->own[i].name, name) == 0)
            return &o->own[i];
    return NULL;
}

static bool is_pipeline(const char *name)
{
    return name[0] == 'O' && tn_level_find(name + 1) != NULL;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool check_name(const tn_module *m, const tn_pass_options *o, const char *where, const char *name)
{
    if (tn_pass_find(name) != NULL || find_own(o, name) != NULL)
        return true;
    tn_str known = {.arena = m->arena};
    for (size_t i = 0; i < N_PASSES; i++)
        tn_str_add(&known, "%s%s", i > 0 ? ", " : "", passes[i].name);
    for (size_t i = 0; *where == '\0' && tn_level_at(i) != NULL; i++)
        tn_str_add(&known, "%sO%s", i > 0 ? " " : ", and the pipelines ", tn_level_at(i)->name);
    tn_error(m->diag, "%sunknown pass '%s'; there are %s", where, name, known.text);
    return false;
}

/* "+after:fuse=my-pass", behind the plus. */
static bool parse_insertion(run *r, const char *item)
{
    const char *name = strchr(item, '=');
    if (strncmp(item, "after:", 6) != 0 || name == NULL) {
        tn_error(r->m->diag, "--passes: found '+%s', wanted '+after:PASS=PASS'", item);
        return false;
    }
    insertion i = {tn_strndup(r->m->arena, item + 6, (size_t)(name - item) - 6), name + 1};
    *TN_PUSH(r->m->arena, r->inserted) = i;
    return check_name(r->m, r->o, "", i.after) && check_name(r->m, r->o, "", i.name);
}

static bool parse_item(run *r, const char *item)
{
    bool minus = *item == '-';
    if (*item == '+')
        return parse_insertion(r, item + 1);
    if (*item == '\0')
        return true;
    *TN_PUSH(r->m->arena, *(minus ? &r->off : &r->list)) = item + minus;
    return (!minus && is_pipeline(item)) || check_name(r->m, r->o, "", item + minus);
}

static bool parse_list(run *r, const char *list)
{
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        if (!parse_item(r, tn_strndup(r->m->arena, list, n)))
            return false;
        list += n + (list[n] == ',');
    }
    return true;
}

static bool check_names(const tn_module *m, const tn_pass_options *o, const char *where, const char *const *list)
{
    for (; list != NULL && *list != NULL; list++)
        if (!check_name(m, o, where, *list))
            return false;
    return true;
}

bool tn_passes_check(const tn_module *m, const char *list, const tn_pass_options *o)
{
    tn_module copy = *m;
    run r = {.m = &copy, .o = o};
    return parse_list(&r, list) && check_names(m, o, "--disabled-pass: ", o->disabled)
        && check_names(m, o, "--dump-after: ", o->dump_after)
        && (o->stop_after == NULL || check_name(m, o, "--stop-after: ", o->stop_after))
        && tn_config_check(m->diag, m->config);
}

/* --- verifying ---------------------------------------------------------------------------------------------------- */

/* Every operand is a constant, an input, or made by an earlier node. */
static bool verify_graph(tn_graph *g, const char *after)
{
    bool *ready = TN_NEW_N(g->arena, bool, g->values.n + 1);
    for (size_t i = 0; i < g->values.n; i++)
        ready[i] = g->values.items[i]->is_input || g->values.items[i]->constant != NULL;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const tn_node *n = g->nodes.items[i];
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] != NULL && !ready[n->in[k]->id])
                return tn_node_error(g, n, "after pass %s: input '%s' is used before it is made", after,
                                     n->in[k]->name);
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k] != NULL)
                ready[n->out[k]->id] = true;
    }
    return true;
}

typedef struct load_check {
    const bool *written; /* by id of the buffer whose memory it is */
    const tn_buf *missing;
} load_check;

static void check_load(void *user, const tn_expr *load)
{
    load_check *c = user;
    const tn_buf *b = tn_buf_root(load->buf);
    if (!c->written[b->id] && tn_buf_room(b) > 0 && (b->scope == TN_SCOPE_ARENA || b->scope == TN_SCOPE_OUTPUT))
        c->missing = load->buf;
}

/* Every buffer that is read is empty, an input, a constant, or written by the computation or an earlier one. What may end a
   repeat is its first computation: generated code leaves the loop there, and nothing of the turn must have run. */
static bool verify_program(const tn_module *m, const char *after)
{
    const tn_program *p = m->program;
    bool *written = TN_NEW_N(m->arena, bool, p->bufs.n + 1);
    load_check check = {written, NULL};
    for (size_t i = 0; i < p->comps.n; i++) {
        const tn_comp *c = p->comps.items[i];
        if (c->check == TN_WHILE && !tn_repeat_begins(p, c->repeat, i)) {
            tn_error_at(m->diag, p->graph->path,
                        "after pass %s: computation %zu (%s), a while, is not the first of its repeat", after, i,
                        c->label);
            return false;
        }
        written[tn_buf_root(c->out)->id] = true;
        tn_comp_each_load(c, check_load, &check);
        if (check.missing == NULL)
            continue;
        tn_error_at(m->diag, p->graph->path,
                    "after pass %s: computation %zu (%s) reads '%s', which nothing has written", after, i, c->label,
                    check.missing->name);
        return false;
    }
    return true;
}

static bool verify(const run *r, const char *after)
{
    if (!r->o->verify)
        return true;
    return r->m->program != NULL ? verify_program(r->m, after) : verify_graph(r->m->graph, after);
}

/* --- one pass ----------------------------------------------------------------------------------------------------- */

void tn_module_print(const tn_module *m, bool full, tn_str *out)
{
    if (m->program == NULL)
        (full ? tn_graph_print_full : tn_graph_print)(m->graph, out);
    else
        (full ? tn_program_print_full : tn_program_print)(m->program, out);
    if (m->plan != NULL)
        tn_plan_print(m->program, m->plan, out);
}

static size_t begin(run *r, const char *name)
{
    *TN_PUSH(r->m->arena, r->entries) = (entry){.name = name, .depth = r->depth++, .ms = now_ms()};
    return r->entries.n - 1;
}

static bool run_named(run *r, const char *name);

static bool finish(run *r, size_t at, bool changed)
{
    entry *e = &r->entries.items[at];
    const char *name = e->name;
    e->ms = now_ms() - e->ms;
    e->changed = changed;
    r->depth--;
    if (!verify(r, name))
        return false;
    if (r->o->dump != NULL && is_listed(r->o->dump_after, name)) {
        tn_str text = {.arena = r->m->arena};
        tn_module_print(r->m, false, &text);
        r->o->dump(r->o->user, name, changed, text.text);
    }
    for (size_t i = 0; i < r->inserted.n; i++)
        if (strcmp(r->inserted.items[i].after, name) == 0 && !run_named(r, r->inserted.items[i].name))
            return false;
    return true;
}

/* Where the program stands: the pass that last rewrote its computations. Behind it they may no longer be what an
   earlier pass takes for granted: a bounds test that became a border, a buffer that became another one's. */
static bool is_in_order(const tn_module *m, const tn_pass *p)
{
    if (m->program == NULL || (is_maker(p) && p->needs >= TN_FORM_LOOPS))
        return true;
    const tn_pass *last = m->program->after != NULL ? tn_pass_find(m->program->after) : NULL;
    return p > (last != NULL ? last : tn_pass_find("lower"));
}

static bool order_error(const tn_module *m, const char *name)
{
    tn_bad_option(
        m->diag, NULL,
        "pass '%s' cannot run after '%s': passes over the graph come before 'lower', those over loops run once, in "
        "the order of 'tenon passes'%s",
        name, m->program->after != NULL ? m->program->after : "lower",
        tn_pass_find(name) == NULL ? "; '+after:dce=NAME' puts a pass into a pipeline" : "");
    return false;
}

static bool run_one(run *r, const tn_pass *p);

/* Form by form, each by its maker; by: what needs it. */
static bool complete(run *r, tn_form form, const char *by)
{
    while (form_of(r->m) < form) {
        const tn_pass *maker = tn_pass_find(forms[form_of(r->m) + 1].maker);
        if (is_off(r, maker->name)) {
            tn_bad_option(r->m->diag, NULL, "%s needs the form %s, which pass '%s' makes, and that is disabled", by,
                          tn_form_name(maker->leaves), maker->name);
            return false;
        }
        if (!run_one(r, maker))
            return false;
    }
    return true;
}

static void take_back(tn_module *m, tn_form form)
{
    if (m->program != NULL && form < TN_FORM_KERNELS)
        m->program->kernels.n = 0;
    if (form < TN_FORM_PLAN)
        m->plan = NULL;
}

static bool run_body(run *r, const tn_pass *p, bool *changed)
{
    tn_module *m = r->m;
    if (is_maker(p) && form_of(m) >= p->leaves) /* it is there */
        return true;
    if (!complete(r, p->needs, tn_strfmt(m->arena, "pass '%s'", p->name)))
        return false;
    take_back(m, p->needs);
    if (!p->run(m, changed))
        return false;
    m->is_typed = m->is_typed && (!*changed || p->leaves >= TN_FORM_TYPES);
    if (*changed && p->needs >= TN_FORM_LOOPS && !is_maker(p))
        m->program->after = p->name;
    return true;
}

static bool run_one(run *r, const tn_pass *p)
{
    bool changed = false;
    if (is_off(r, p->name))
        return true;
    if (!is_in_order(r->m, p))
        return order_error(r->m, p->name);
    size_t at = begin(r, p->name);
    return run_body(r, p, &changed) && finish(r, at, changed);
}

/* On a loop program the passes begin behind those that it has gone through. */
static bool run_pipeline(run *r, const tn_level *level)
{
    r->m->level = level;
    for (size_t i = 0; i < N_PASSES && !r->stopped; i++) {
        if (passes[i].level <= level->level && is_in_order(r->m, &passes[i]) && !run_one(r, &passes[i]))
            return false;
        r->stopped = r->o->stop_after != NULL && strcmp(r->o->stop_after, passes[i].name) == 0;
    }
    return true;
}

/* A user's pass maps text to text. */
static bool run_own(run *r, const tn_user_pass *own)
{
    tn_module *m = r->m;
    tn_str before = {.arena = m->arena};
    if (m->program != NULL)
        return order_error(m, own->name);
    size_t at = begin(r, own->name);
    tn_graph_print_full(m->graph, &before);
    char *after = own->run(own->user, before.text);
    if (after == NULL) {
        tn_error(m->diag, "%s: pass '%s' failed", m->graph->path, own->name);
        return false;
    }
    char *copy = tn_strdup(m->arena, after);
    free(after);
    tn_graph *fresh = tn_graph_parse(m->arena, m->diag, own->name, copy, r->o->find);
    if (fresh == NULL)
        return false;
    fresh->patterns = m->graph->patterns;
    m->graph = fresh;
    m->is_typed = false;
    return complete(r, TN_FORM_TYPES, own->name) && finish(r, at, strcmp(copy, before.text) != 0);
}

static bool run_named(run *r, const char *name)
{
    const tn_user_pass *own = find_own(r->o, name);
    if (is_pipeline(name))
        return run_pipeline(r, tn_level_find(name + 1));
    bool ok = own != NULL ? is_off(r, name) || run_own(r, own) : run_one(r, tn_pass_find(name));
    r->stopped = r->stopped || (r->o->stop_after != NULL && strcmp(r->o->stop_after, name) == 0);
    return ok;
}

/* --- times -------------------------------------------------------------------------------------------------------- */

static double nested_ms(const run *r, size_t at, size_t *end)
{
    double sum = 0;
    for (*end = at + 1; *end < r->entries.n && r->entries.items[*end].depth > r->entries.items[at].depth; ++*end)
        if (r->entries.items[*end].depth == r->entries.items[at].depth + 1)
            sum += r->entries.items[*end].ms;
    return sum;
}

/* TVM's form, a tree: name, time, time without what it needed, share of all, share of the pass that needed it. */
static void add_times(const run *r, size_t from, size_t to, double all, double parent, tn_str *out)
{
    for (size_t i = from, end = from; i < to; i = end) {
        const entry *e = &r->entries.items[i];
        double own = e->ms - nested_ms(r, i, &end);
        tn_str_add(out, "%.*s%s: %.0fus [%.0fus] (%.2f%%; %.2f%%)%s\n", e->depth, "\t\t\t\t\t\t\t\t", e->name,
                   e->ms * 1e3, own * 1e3, 100 * e->ms / all, 100 * e->ms / parent, e->changed ? "" : " (unchanged)");
        add_times(r, i + 1, end, all, e->ms > 0 ? e->ms : all, out);
    }
}

static bool report_times(const run *r)
{
    double all = 1e-9; /* no division by zero */
    tn_str text = {.arena = r->m->arena};
    for (size_t i = 0; i < r->entries.n; i++)
        all += r->entries.items[i].depth == 0 ? r->entries.items[i].ms : 0;
    add_times(r, 0, r->entries.n, all, all, &text);
    if (r->o->times != NULL && text.len > 0)
        r->o->times(r->o->user, text.text);
    return true;
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static bool check_start(const run *r)
{
    const tn_program *p = r->m->program;
    if (p == NULL)
        return true;
    const tn_pass *last = p->after != NULL ? tn_pass_find(p->after) : NULL;
    if (p->after != NULL && (last == NULL || last->needs < TN_FORM_LOOPS)) {
        tn_error_at(r->m->diag, p->graph->path, "the program is said to come after '%s', which is no pass over loops",
                    p->after);
        return false;
    }
    return verify(r, p->after != NULL ? p->after : "lower");
}

bool tn_passes_run(tn_module *m, const char *list, const tn_pass_options *o)
{
    run r = {.m = m, .o = o};
    if (!parse_list(&r, list) || !check_start(&r))
        return false;
    for (size_t i = 0; i < r.list.n && !r.stopped; i++)
        if (!run_named(&r, r.list.items[i]))
            return false;
    return report_times(&r);
}

bool tn_passes_complete(tn_module *m, tn_form form, const tn_pass_options *o)
{
    run r = {.m = m, .o = o};
    return complete(&r, form, "the C code") && report_times(&r);
}
