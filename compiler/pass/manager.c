/* Runs passes by name: expands pipelines, times, dumps, verifies. See pass.h. */
#define _POSIX_C_SOURCE 200809L
#include "pass/pass.h"

#include <stdlib.h>
#include <time.h>

static const tn_pass passes[] = {
#define TN_PASS(name, fn, level, doc) {name, level, fn, doc},
#include "pass/passes.def"
#undef TN_PASS
};
enum { N_PASSES = sizeof passes / sizeof *passes };

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

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool is_listed(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Every operand is a constant, an input, or made by an earlier node. */
static bool verify(tn_graph *g, const char *after)
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

static void finish(tn_graph *g, const char *name, double start, bool changed, const tn_pass_options *o)
{
    if (o->timed != NULL)
        o->timed(o->user, name, now_ms() - start, changed);
    if (o->dump != NULL && is_listed(o->dump_after, name)) {
        tn_str text = {.arena = g->arena};
        tn_graph_print(g, &text);
        o->dump(o->user, name, changed, text.text);
    }
}

static bool run_one(tn_graph *g, const tn_pass *p, const tn_pass_options *o)
{
    if (is_listed(o->disabled, p->name))
        return true;
    bool changed = false;
    double start = now_ms();
    if (!p->run(g, &changed) || (o->verify && !verify(g, p->name)))
        return false;
    finish(g, p->name, start, changed, o);
    return true;
}

static bool run_pipeline(tn_graph *g, int level, const tn_pass_options *o)
{
    for (size_t i = 0; i < N_PASSES; i++)
        if (passes[i].level <= level && !run_one(g, &passes[i], o))
            return false;
    return true;
}

static bool name_error(tn_graph *g, const char *name)
{
    tn_str known = {.arena = g->arena};
    for (size_t i = 0; i < N_PASSES; i++)
        tn_str_add(&known, "%s%s", i > 0 ? ", " : "", passes[i].name);
    tn_error(g->diag, "unknown pass '%s'; there are %s, and the pipelines O0 O1 O2 O3", name, known.text);
    return false;
}

/* A user's pass maps text to text. */
static bool run_own(tn_graph **g, const tn_user_pass *own, const tn_pass_options *o)
{
    tn_str before = {.arena = (*g)->arena};
    double start = now_ms();
    tn_graph_print_full(*g, &before);
    char *after = own->run(own->user, before.text);
    if (after == NULL) {
        tn_error((*g)->diag, "%s: pass '%s' failed", (*g)->path, own->name);
        return false;
    }
    char *copy = tn_strdup((*g)->arena, after);
    free(after);
    tn_graph *fresh = tn_graph_parse((*g)->arena, (*g)->diag, own->name, copy, o->find);
    if (fresh == NULL)
        return false;
    bool changed = strcmp(copy, before.text) != 0, ignored = false;
    *g = fresh;
    finish(fresh, own->name, start, changed, o);
    return tn_pass_infer(fresh, &ignored) && (!o->verify || verify(fresh, own->name));
}

static bool is_pipeline(const char *name)
{
    return name[0] == 'O' && name[1] >= '0' && name[1] <= '3' && name[2] == '\0';
}

/* "-name" items are put among the disabled ones first, so that they hold for every pipeline of the list. */
static bool run_named(tn_graph **place, const char *name, const tn_pass_options *o)
{
    tn_graph *g = *place;
    for (size_t i = 0; i < o->n_own; i++)
        if (strcmp(o->own[i].name, name) == 0)
            return run_own(place, &o->own[i], o);
    if (is_pipeline(name))
        return run_pipeline(g, name[1] - '0', o);
    const tn_pass *p = tn_pass_find(name);
    return p != NULL ? run_one(g, p, o) : name_error(g, name);
}

bool tn_passes_check(tn_graph *g, const char *list, const tn_pass_options *o)
{
    for (const char *s = list; *s != '\0';) {
        size_t n = strcspn(s, ",");
        const char *name = tn_strndup(g->arena, s + (*s == '-'), n - (*s == '-'));
        bool known = n == 0 || is_pipeline(name) || tn_pass_find(name) != NULL;
        for (size_t i = 0; i < o->n_own; i++)
            known = known || strcmp(o->own[i].name, name) == 0;
        if (!known)
            return name_error(g, name);
        s += n + (s[n] == ',');
    }
    return true;
}

bool tn_passes_run(tn_graph **place, const char *list, const tn_pass_options *o)
{
    tn_graph *g = *place;
    struct {
        const char **items;
        size_t n, room;
    } names = {0}, off = {0};
    for (const char *s = list; *s != '\0';) {
        size_t n = strcspn(s, ",");
        bool minus = *s == '-';
        const char *name = tn_strndup(g->arena, s + minus, n - minus);
        if (minus && tn_pass_find(name) == NULL)
            return name_error(g, name);
        if (minus)
            *TN_PUSH(g->arena, off) = name;
        else if (n > 0)
            *TN_PUSH(g->arena, names) = name;
        s += n + (s[n] == ',');
    }
    for (const char *const *d = o->disabled; d != NULL && *d != NULL; d++)
        *TN_PUSH(g->arena, off) = *d;
    *TN_PUSH(g->arena, off) = NULL;
    tn_pass_options all = *o;
    all.disabled = off.items;
    for (size_t i = 0; i < names.n; i++)
        if (!run_named(place, names.items[i], &all))
            return false;
    return true;
}
