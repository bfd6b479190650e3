/* parallel: which loops of a kernel threads share, by arithmetic.
       schedule "split i1 16; ..."     becomes     schedule "split i1 16; ...; parallel 8 i1o"
   Does nothing where parallel.threads is 1.

   1. The blocks of the vector axis, output channels mostly: each core then streams its own part of the weights, and
      finds in its caches the channels that it wrote in the layer before.
   2. Where these do not divide evenly among the threads: the outermost loops, as few of them as do (one block of 16
      channels with 112 rows; 3 blocks with 56 rows as 168 turns).
   3. Without weights, the loops of the first axes, heads and rows mostly, whichever loops stand outside.
   4. Nothing where the kernel is shorter than what handing it out costs, and what moves from core to core because the kernels
      around it are not shared.
   Reductions are never cut, and the parts do not depend on the threads that are there: a package's results have the same
   bits with any number of them. */
#include "pass/pass.h"
#include "sched/sched.h"

#include <math.h>

/* --- how long it takes --------------------------------------------------------------------------------------------- */

typedef struct work {
    double loads;
    double operations; /* by how many simple ones each takes; functions are polynomials */
} work;

static bool is_multiply_add(const tn_expr *e)
{
    return e->op == TN_OP_ADD && e->arg[1]->kind == TN_E_OP && e->arg[1]->op == TN_OP_MUL;
}

static void add_work(const tn_expr *e, work *w)
{
    enum { ENOUGH = 1000 }; /* shared parts are walked again: not for ever */
    if (e == NULL || e->dtype == TN_INDEX || w->loads + w->operations > ENOUGH)
        return;
    if (e->kind == TN_E_LOAD)
        w->loads++;
    else if (e->kind == TN_E_SELECT || e->kind == TN_E_CAST)
        w->operations++;
    else if (e->kind == TN_E_OP)
        w->operations += e->op == TN_OP_DIV || e->op == TN_OP_SQRT                         ? 8
                       : e->op == TN_OP_POW || (e->op >= TN_OP_EXP && e->op <= TN_OP_GELU) ? 20
                                                                                           : !is_multiply_add(e);
    for (int k = 0; k < e->n && e->kind != TN_E_LOAD; k++)
        add_work(e->arg[k], w);
}

/* Two loads, two operations and a store side by side in a cycle; one operation on vectors of 64 bytes, which most processors
   do in two halves, or at a lower clock. */
static double statement_cycles(tn_program *p, const tn_stmt *s)
{
    work w = {0};
    tn_dot4 dot;
    bool halves = s->lane != NULL && s->lane->hi >= 15;
    if (s->kind == TN_S_SET && tn_match_dot4(p, s->value, s->lane, &dot))
        w = (work){2, 1};
    else
        add_work(s->value, &w);
    double operations = w.operations * (halves ? 1 : 0.5), loads = w.loads * 0.5;
    double cycles = operations > loads ? operations : loads;
    return s->kind == TN_S_STORE && cycles < 1 ? 1 : cycles;
}

/* Of the statements as they are printed: what they share is in them once. */
static double count_cycles(tn_program *p, const tn_stmt *s)
{
    double cycles = s->value != NULL ? statement_cycles(p, s) : 0, turns = 1;
    if (s->kind == TN_S_FOR) {
        int64_t lo = 0, hi = 0, ignored = 0;
        tn_range_of(s->begin, &lo, &ignored);
        tn_range_of(s->end, &ignored, &hi);
        turns = hi > lo ? (double)hi - (double)lo : 0;
    }
    for (size_t i = 0; i < s->body.n; i++)
        cycles += turns * count_cycles(p, s->body.items[i]);
    return cycles;
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

/* The kernel's schedule with its parallel loops; NULL where no loop may be shared. saved: cycles, by threads. */
static const char *extend_schedule(tn_program *p, const tn_kernel *k, int threads, double *saved)
{
    const char *why = NULL;
    tn_nest *nest = tn_nest_make(p, k->comp);
    if (k->comp->serial || k->comp->call != NULL || k->share.parts > 0 || !tn_nest_apply(nest, k->schedule, &why))
        return NULL;
    choice x = choose_loops(nest, threads);
    double cycles = count_cycles(p, k->body);
    if (x.n == 0)
        return NULL;
    *saved = cycles * (1 - 1 / (threads * x.balance));
    tn_str s = {.arena = p->arena};
    tn_str_add(&s, "%s%sparallel %d", k->schedule, k->schedule[0] != '\0' ? "; " : "",
               count_parts(&x, threads, cycles));
    for (int i = 0; i < x.n; i++)
        tn_str_add(&s, " %s", x.loop[i]->name);
    return s.text;
}

/* --- what moves from core to core ---------------------------------------------------------------------------------- */

typedef struct sharing {
    const char **text;          /* by kernel: its schedule with parallel loops; NULL: it has none */
    double *saved;              /* by kernel: cycles */
    bool *is_shared;            /* by kernel: as decided so far */
    bool *is_written, *is_read; /* by root: by a kernel that is shared */
    size_t *seen;               /* by root: the last kernel, counted from 1, that has counted it */
    size_t at;                  /* the kernel whose loads are looked at, counted from 1 */
    double most;                /* elements that it touches of one buffer */
    double from_one, from_many; /* bytes that one thread has, and that several have, before or behind it */
} sharing;

/* Whose an input is, or an output will be, only the caller knows. */
static void count_bytes(sharing *s, const tn_buf *b, bool is_shared)
{
    if (b->scope != TN_SCOPE_ARENA)
        return;
    double n = (double)tn_buf_room(b);
    double bytes = (n < s->most ? n : s->most) * (double)tn_dtype_get(b->dtype)->size;
    *(is_shared ? &s->from_many : &s->from_one) += bytes;
}

static void count_operand(void *user, const tn_expr *load)
{
    sharing *s = user;
    const tn_buf *b = tn_buf_root(load->buf);
    if (s->seen[b->id] == s->at)
        return;
    s->seen[b->id] = s->at;
    count_bytes(s, b, s->is_written[b->id]);
}

static void note_reader(void *user, const tn_expr *load)
{
    sharing *s = user;
    s->is_read[tn_buf_root(load->buf)->id] = true;
}

static void note_shared(const tn_program *p, sharing *s)
{
    memset(s->is_written, 0, p->bufs.n * sizeof *s->is_written);
    memset(s->is_read, 0, p->bufs.n * sizeof *s->is_read);
    for (size_t i = 0; i < p->kernels.n; i++) {
        if (!s->is_shared[i])
            continue;
        s->is_written[tn_buf_root(p->kernels.items[i].comp->out)->id] = true;
        tn_comp_each_load(p->kernels.items[i].comp, note_reader, s);
    }
}

/* What is saved must be twice what it costs: both are estimates. A kernel that is shared waits for what one thread made, or
   is to read; one that is not for what several made: kernels side by side are best shared together, since their parts
   are much the same. */
static bool pays(const tn_program *p, sharing *s, size_t i, int threads, double overhead)
{
    const double margin = 2,
                 bytes_per_cycle = 4; /* measured on Zen 4: lines that another core has, mostly those to be written */
    const tn_comp *c = p->kernels.items[i].comp;
    s->at = i + 1;
    s->most = tn_comp_points(c);
    s->from_one = s->from_many = 0;
    tn_comp_each_load(c, count_operand, s);
    count_bytes(s, tn_buf_root(c->out), s->is_read[tn_buf_root(c->out)->id]);
    double per_byte = (1 - 1 / (double)threads) / bytes_per_cycle;
    return s->saved[i] + s->from_many * per_byte >= margin * (overhead + s->from_one * per_byte);
}

/* First by each kernel's length, then again with what is around it. */
static void choose_kernels(tn_program *p, sharing *s, int threads, double overhead)
{
    enum { ROUNDS = 3 };
    for (size_t i = 0; i < p->kernels.n; i++) {
        s->text[i] = extend_schedule(p, &p->kernels.items[i], threads, &s->saved[i]);
        s->is_shared[i] = s->text[i] != NULL && s->saved[i] >= 2 * overhead;
    }
    for (int round = 0; round < ROUNDS && overhead > 0; round++) {
        note_shared(p, s);
        for (size_t i = 0; i < p->kernels.n; i++)
            s->is_shared[i] = s->text[i] != NULL && pays(p, s, i, threads, overhead);
    }
}

bool tn_pass_parallel(tn_module *m, bool *changed)
{
    enum { CYCLES_PER_NS = 3 };
    tn_program *p = m->program;
    int threads = (int)tn_param_get(m, "parallel.threads");
    double overhead = (double)tn_param_get(m, "parallel.overhead-ns") * CYCLES_PER_NS;
    sharing s = {.text = TN_NEW_N(p->arena, const char *, p->kernels.n + 1),
                 .saved = TN_NEW_N(p->arena, double, p->kernels.n + 1),
                 .is_shared = TN_NEW_N(p->arena, bool, p->kernels.n + 1),
                 .is_written = TN_NEW_N(p->arena, bool, p->bufs.n + 1),
                 .is_read = TN_NEW_N(p->arena, bool, p->bufs.n + 1),
                 .seen = TN_NEW_N(p->arena, size_t, p->bufs.n + 1)};
    if (threads > 1)
        choose_kernels(p, &s, threads, overhead);
    for (size_t i = 0; i < p->kernels.n; i++) {
        tn_kernel *k = &p->kernels.items[i];
        if (!s.is_shared[i])
            continue;
        k->comp->schedule = s.text[i];
        if (!tn_kernel_replay(p, k->comp, k))
            return false;
        *changed = true;
    }
    return true;
}
