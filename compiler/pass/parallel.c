/* parallel: which loops of a kernel threads share, by arithmetic.
       schedule "split i1 16; ..."     becomes     schedule "split i1 16; ...; parallel 8 i1o"
   Does nothing where parallel.threads is 1.

   1. The blocks of the vector axis, output channels mostly: each core then streams its own part of the weights, and
      finds in its caches the channels that it wrote in the layer before.
   2. Where these do not divide evenly among the threads: the outermost loops, as few of them as do (one block of 16
      channels with 112 rows; 3 blocks with 56 rows as 168 turns).
   3. Without weights, the loops of the first axes, heads and rows mostly, whichever loops stand outside.
   4. Nothing where the kernel is shorter than what handing it out costs.
   Reductions are never cut, and the parts do not depend on the threads that are there: a package's results have the same
   bits with any number of them. */
#include "pass/pass.h"
#include "sched/sched.h"

#include <math.h>

/* Of one point and one lane: two simple operations or two loads a cycle; functions as the polynomials that they are. */
static void add_cycles(const tn_expr *e, double *cycles)
{
    enum { ENOUGH = 1000 }; /* shared parts are walked again: not for ever */
    if (e == NULL || e->dtype == TN_INDEX || *cycles > ENOUGH)
        return;
    if (e->kind == TN_E_LOAD || e->kind == TN_E_SELECT || e->kind == TN_E_CAST)
        *cycles += 0.5;
    else if (e->kind == TN_E_OP)
        *cycles += e->op == TN_OP_DIV || e->op == TN_OP_SQRT                        ? 4
                 : e->op == TN_OP_POW || (e->op >= TN_OP_EXP && e->op <= TN_OP_GELU) ? 20
                                                                                    : 0.5;
    for (int k = 0; k < e->n && e->kind != TN_E_LOAD; k++)
        add_cycles(e->arg[k], cycles);
}

static double kernel_cycles(const tn_nest *nest)
{
    const tn_comp *c = nest->comp;
    const tn_loop *last = nest->n > 0 ? &nest->loop[nest->n - 1] : NULL;
    double lanes = last != NULL && last->kind == TN_LOOP_VECTOR ? (double)last->extent : 1, elem = 0, post = 0.5;
    add_cycles(c->elem, &elem);
    add_cycles(c->post, &post);
    return tn_points(c->axis, c->n_axis) * (elem * tn_points(c->reduce, c->n_reduce) + post) / lanes;
}

/* --- loops ---------------------------------------------------------------------------------------------------------- */

typedef struct choice {
    const tn_loop *loop[TN_MAX_LOOPS];
    int n;
    double turns, balance; /* balance: 1 where every thread has as many turns */
} choice;

static double loop_turns(const tn_loop *l)
{
    return l->extent > 0 ? (double)l->extent : (double)(l->var->hi + 1);
}

static bool may_share(const tn_loop *l)
{
    return loop_turns(l) > 1 && !l->repeats && l->bordered == 0;
}

static void add_loop(choice *x, const tn_loop *l, int threads)
{
    x->loop[x->n++] = l;
    x->turns = (x->n == 1 ? 1 : x->turns) * loop_turns(l);
    x->balance = x->turns / threads / ceil(x->turns / threads);
}

static int count_outer(const tn_nest *nest)
{
    int n = 0;
    while (n < nest->n && !nest->loop[n].is_reduce && nest->loop[n].kind == TN_LOOP_SERIAL)
        n++;
    return n;
}

/* The outer loop of the axis that the vector loop walks along. */
static const tn_loop *find_channels(const tn_nest *nest, int outer)
{
    const tn_loop *last = nest->n > 0 ? &nest->loop[nest->n - 1] : NULL;
    if (last == NULL || last->kind != TN_LOOP_VECTOR)
        return NULL;
    for (int i = 0; i < nest->comp->n_axis; i++)
        for (int k = 0; k < outer && tn_uses_var(nest->axis[i], last->var); k++)
            if (tn_uses_var(nest->axis[i], nest->loop[k].var) && may_share(&nest->loop[k]))
                return &nest->loop[k];
    return NULL;
}

/* The axis's outermost loop; -1: none that can be shared. */
static int find_loop_of(const tn_nest *nest, int axis, int outer)
{
    for (int k = 0; k < outer; k++)
        if (tn_uses_var(nest->axis[axis], nest->loop[k].var) && may_share(&nest->loop[k]))
            return k;
    return -1;
}

/* Loops of the first axes, in the axes' order, as few as give every thread at least nine tenths of the longest share:
   heads and rows of an attention, in each of its computations, so that a core finds what it wrote in the one before. A
   loop that stands outside of those before would cut their axes less than its own. */
static choice choose_rows(const tn_nest *nest, int outer, int threads)
{
    const double fair = 0.9;
    choice x = {.n = 0}, none = {.n = 0};
    for (int i = 0, last = -1; i < nest->comp->n_axis && x.balance < fair; i++) {
        int k = find_loop_of(nest, i, outer);
        if (k >= 0 && k < last)
            break;
        if (k >= 0)
            add_loop(&x, &nest->loop[last = k], threads);
    }
    return x.balance >= fair ? x : none;
}

static choice choose_loops(const tn_nest *nest, int threads)
{
    const double even = 0.94;
    int outer = count_outer(nest);
    choice best = {.n = 0}, prefix = {.n = 0};
    if (!tn_loads_constants(nest->comp->elem)) /* a mask or a bias, after the reduction, are no weights to stream */
        best = choose_rows(nest, outer, threads);
    if (best.n > 0)
        return best;
    const tn_loop *channels = find_channels(nest, outer);
    if (channels != NULL)
        add_loop(&best, channels, threads);
    for (int i = 0; i < outer && best.balance < even; i++) {
        if (!may_share(&nest->loop[i]))
            continue;
        add_loop(&prefix, &nest->loop[i], threads);
        if (prefix.balance > best.balance)
            best = prefix;
    }
    return best;
}

/* --- parts ---------------------------------------------------------------------------------------------------------- */

/* Several parts per thread where each is long enough: a thread that lost its processor delays one part only. */
static int count_parts(const choice *x, int threads, double cycles)
{
    enum { CYCLES = 30000, MOST = 4 };
    double each = floor(cycles / threads / CYCLES);
    double parts = threads * (each < 1 ? 1 : each > MOST ? MOST : each);
    return (int)(parts < x->turns ? parts : x->turns);
}

/* The kernel's schedule with its parallel loops; NULL where threads do not pay. */
static const char *extend_schedule(tn_program *p, const tn_kernel *k, int threads, double overhead_ns)
{
    enum { CYCLES_PER_NS = 3, MARGIN = 2 }; /* what is saved must be twice what it costs: both are estimates */
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(p, k->comp);
    if (k->comp->serial || k->comp->call != NULL || k->share.parts > 0 || !tn_nest_apply(nest, k->schedule, &why))
        return NULL;
    choice x = choose_loops(nest, threads);
    double cycles = kernel_cycles(nest);
    if (x.n == 0 || cycles * (1 - 1 / (threads * x.balance)) < overhead_ns * CYCLES_PER_NS * MARGIN)
        return NULL;
    tn_str s = {.arena = p->arena};
    tn_str_add(&s, "%s%sparallel %d", k->schedule, k->schedule[0] != '\0' ? "; " : "",
               count_parts(&x, threads, cycles));
    for (int i = 0; i < x.n; i++)
        tn_str_add(&s, " %s", x.loop[i]->name);
    return s.text;
}

bool tn_pass_parallel(tn_module *m, bool *changed)
{
    tn_program *p = m->program;
    int threads = (int)tn_param_get(m, "parallel.threads");
    double overhead_ns = (double)tn_param_get(m, "parallel.overhead-ns");
    for (size_t i = 0; i < p->kernels.n && threads > 1; i++) {
        tn_kernel *k = &p->kernels.items[i];
        const char *text = extend_schedule(p, k, threads, overhead_ns);
        if (text == NULL)
            continue;
        k->comp->schedule = text;
        if (!tn_kernel_replay(p, k->comp, k))
            return false;
        *changed = true;
    }
    return true;
}
