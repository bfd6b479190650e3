/* Places the buffers of a scheduled program in its workspace. See plan.h.

       kernel 0: a = f(input)     life a 0..1  b 1..3  c 2..3     a and c never live at once:
       kernel 1: b = g(a)                                         c goes where a was
       kernel 2: c = h(b)
       kernel 3: output = b + c

   Lives are read off the expressions of each kernel's computation, loads inside subscripts included. A border of zeros
   (layout lo, hi) is cleared just before the first writer, when the buffer is alive already. A kernel's operands and
   its result all live while it runs; what a repeat carries from turn to turn lives as long as the repeat; where a result may take an operand's place, an earlier pass made it an alias.
   Where to put what: search.c. */
#include "plan/plan.h"

#include "base/unwind.h"
#include "ir/text.h"
#include "plan/search.h"

/* Who writes and reads a buffer: what decides how long it lives in a repeat. */
typedef struct writing {
    int writers;
    const tn_comp *writer; /* the last one */
    int first_load;        /* kernel; -1: none */
} writing;

typedef struct planning {
    tn_program *program;
    tn_arena scratch;
    int64_t align;
    int effort;
    tn_plan *plan;
    int kernel;       /* whose uses are being noted */
    int *seen;        /* by expression: 1 + the last kernel that was searched for its loads */
    int64_t *size;    /* by buffer: bytes if it is to be placed, else 0 */
    writing *writing; /* by buffer */
} planning;

/* --- lives -------------------------------------------------------------------------------------------------------- */

static void note_load(planning *g, const tn_buf *b)
{
    const tn_buf *root = tn_buf_root(b);
    if (root->scope == TN_SCOPE_REGISTER)
        return;
    if (root->scope == TN_SCOPE_ARENA && g->plan->first[root->id] < 0) { /* nobody writes what has no elements */
        assert(tn_buf_room(root) == 0);
        g->plan->first[root->id] = g->kernel;
    }
    g->plan->last[root->id] = g->kernel;
    if (g->writing[root->id].first_load < 0)
        g->writing[root->id].first_load = g->kernel;
}

/* Expressions are shared, so each is looked at once per kernel. */
static void note_loads(planning *g, const tn_expr *e)
{
    if (e == NULL || g->seen[e->id] == g->kernel + 1)
        return;
    g->seen[e->id] = g->kernel + 1;
    if (e->kind == TN_E_LOAD)
        note_load(g, e->buf);
    for (int k = 0; k < e->n; k++)
        note_loads(g, e->arg[k]);
}

static void note_store(planning *g, const tn_comp *c)
{
    const tn_buf *root = tn_buf_root(c->out);
    if (root->scope == TN_SCOPE_REGISTER)
        return;
    g->writing[root->id].writers++;
    g->writing[root->id].writer = c;
    if (g->plan->first[root->id] < 0)
        g->plan->first[root->id] = g->kernel;
    g->plan->last[root->id] = g->kernel;
}

/* The result first: a kernel may read what it has written. */
static void note_kernel(planning *g, const tn_comp *c)
{
    note_store(g, c);
    note_loads(g, c->init);
    note_loads(g, c->elem);
    note_loads(g, c->post);
    for (int i = 0; i < c->out->rank; i++)
        note_loads(g, c->at[i]);
    for (int i = 0; c->call != NULL && i < c->call->n_arg; i++) /* the result, too, is written by now */
        note_loads(g, c->call->arg[i].expr);
    for (int i = 0; i < c->n_axis; i++)
        note_loads(g, c->axis[i].extent);
    for (int i = 0; i < c->n_reduce; i++)
        note_loads(g, c->reduce[i].extent);
}

/* Each turn writes all of it before it reads any: nothing is carried over to the next. */
static bool is_fresh(const planning *g, int id, const tn_repeat *r)
{
    const writing *w = &g->writing[id];
    bool fresh = w->writers == 1 && !w->writer->serial && (w->first_load < 0 || w->first_load > g->plan->first[id]);
    for (int i = 0; fresh && i < w->writer->out->rank; i++)
        fresh = !tn_uses_var(w->writer->at[i], r->turn);
    return fresh;
}

/* What is carried from turn to turn, or read in each, lives as long as the repeat, whose kernels are from .. to. */
static void extend_over(planning *g, const tn_repeat *r, int from, int to)
{
    int *first = g->plan->first, *last = g->plan->last;
    for (size_t i = 0; i < g->program->bufs.n; i++) {
        bool starts_inside = first[i] >= from;
        if (first[i] < 0 || first[i] > to || last[i] < from || (starts_inside && is_fresh(g, (int)i, r)))
            continue;
        first[i] = starts_inside ? from : first[i];
        last[i] = last[i] < to ? to : last[i];
    }
}

static int depth_of(const tn_repeat *r)
{
    int depth = 0;
    for (; r != NULL; r = r->outer)
        depth++;
    return depth;
}

/* Returns whether there is a repeat of that depth. */
static bool extend_over_depth(planning *g, int depth)
{
    const tn_program *p = g->program;
    int n = (int)p->kernels.n;
    bool found = false;
    for (int k = 0, end; k < n; k = end) {
        const tn_repeat *r = p->kernels.items[k].comp->repeat;
        end = k + 1;
        if (depth_of(r) < depth)
            continue;
        while (depth_of(r) > depth)
            r = r->outer;
        while (end < n && tn_repeat_is_in(p->kernels.items[end].comp->repeat, r))
            end++;
        extend_over(g, r, k, end - 1);
        found = true;
    }
    return found;
}

static void find_lives(planning *g)
{
    tn_program *p = g->program;
    g->seen = TN_NEW_N(&g->scratch, int, p->n_expr);
    g->writing = TN_NEW_N(&g->scratch, writing, p->bufs.n);
    for (size_t i = 0; i < p->bufs.n; i++)
        g->plan->first[i] = g->plan->last[i] = g->writing[i].first_load = -1;
    for (size_t i = 0; i < p->kernels.n; i++) {
        g->kernel = (int)i;
        note_kernel(g, p->kernels.items[i].comp);
    }
    for (int depth = 1; extend_over_depth(g, depth); depth++)
        ;
}

/* --- sizes -------------------------------------------------------------------------------------------------------- */

/* No host has memory for a sum beyond this, nor would the sums of the search fit int64_t. */
static const int64_t most_bytes = INT64_MAX / 4;

static int64_t rounded_size(planning *g, const tn_buf *b)
{
    int64_t bytes = 0, room = tn_buf_room(b);
    if (room >= TN_ROOM_MAX || !tn_mul_i64(room, tn_dtype_get(b->dtype)->size, &bytes) || bytes > most_bytes - g->align)
        (void)tn_mul_size(&g->scratch, SIZE_MAX, 2); /* unwinds */
    return (bytes + g->align - 1) / g->align * g->align;
}

/* Returns how many have bytes to place. */
static int find_sizes(planning *g)
{
    tn_program *p = g->program;
    int n = 0;
    int64_t sum = 0;
    g->size = TN_NEW_N(&g->scratch, int64_t, p->bufs.n);
    for (size_t i = 0; i < p->bufs.n; i++) {
        const tn_buf *b = p->bufs.items[i];
        g->plan->offset[i] = -1;
        if (b->alias != NULL || b->scope != TN_SCOPE_ARENA || g->plan->first[i] < 0)
            continue;
        g->plan->offset[i] = 0;
        g->size[i] = rounded_size(g, b);
        n += g->size[i] > 0;
        if (g->size[i] > most_bytes - sum)
            (void)tn_mul_size(&g->scratch, SIZE_MAX, 2); /* unwinds */
        sum += g->size[i];
    }
    return n;
}

static void find_worst_kernel(planning *g)
{
    tn_program *p = g->program;
    int64_t *change = TN_NEW_N(&g->scratch, int64_t, p->kernels.n + 1), live = 0;
    for (size_t i = 0; i < p->bufs.n; i++) {
        if (g->size[i] == 0)
            continue;
        change[g->plan->first[i]] += g->size[i];
        change[g->plan->last[i] + 1] -= g->size[i];
    }
    g->plan->largest_live = 0;
    g->plan->worst_kernel = 0;
    for (size_t k = 0; k < p->kernels.n; k++) {
        live += change[k];
        if (live <= g->plan->largest_live)
            continue;
        g->plan->largest_live = live;
        g->plan->worst_kernel = (int)k;
    }
}

/* --- places ------------------------------------------------------------------------------------------------------- */

static void place(planning *g, int n)
{
    const tn_program *p = g->program;
    tn_plan *plan = g->plan;
    tn_piece *piece = TN_NEW_N(&g->scratch, tn_piece, n);
    int *buf_of = TN_NEW_N(&g->scratch, int, n), k = 0;
    for (size_t i = 0; i < p->bufs.n; i++) {
        if (g->size[i] == 0)
            continue;
        buf_of[k] = (int)i;
        piece[k++] = (tn_piece){.first = plan->first[i], .last = plan->last[i], .size = g->size[i]};
    }
    plan->work_size =
        tn_pack(&g->scratch, piece, n, (int)p->kernels.n, plan->largest_live, g->effort, &plan->is_optimal);
    for (k = 0; k < n; k++)
        plan->offset[buf_of[k]] = piece[k].offset;
}

static void follow_aliases(planning *g)
{
    for (size_t i = 0; i < g->program->bufs.n; i++) {
        const tn_buf *b = g->program->bufs.items[i], *root = tn_buf_root(b);
        g->plan->offset[b->id] = g->plan->offset[root->id];
        g->plan->first[b->id] = g->plan->first[root->id];
        g->plan->last[b->id] = g->plan->last[root->id];
    }
}

static bool make_plan(void *state)
{
    planning *g = state;
    find_lives(g);
    int n = find_sizes(g);
    find_worst_kernel(g);
    place(g, n);
    follow_aliases(g);
    return true;
}

static void free_scratch(void *state)
{
    tn_arena_free(&((planning *)state)->scratch);
}

bool tn_plan_make(tn_program *p, int64_t align, int effort, tn_plan *out)
{
    assert(align > 0 && effort > 0);
    planning g = {.program = p, .scratch = {.memory = p->arena->memory}, .align = align, .effort = effort, .plan = out};
    *out = (tn_plan){0};
    out->offset = TN_NEW_N(p->arena, int64_t, p->bufs.n);
    out->first = TN_NEW_N(p->arena, int, p->bufs.n);
    out->last = TN_NEW_N(p->arena, int, p->bufs.n);
    return tn_finally(p->arena, make_plan, free_scratch, &g);
}

void tn_plan_print(const tn_program *p, const tn_plan *plan, tn_str *out)
{
    tn_str_add(out, "# plan: %lld bytes%s; at most %lld live at once, at kernel %d\n", (long long)plan->work_size,
               plan->is_optimal ? ", the least for this order" : "", (long long)plan->largest_live, plan->worst_kernel);
    for (size_t i = 0; i < p->bufs.n; i++) {
        if (plan->offset[i] < 0 || p->bufs.items[i]->alias != NULL)
            continue;
        tn_str_add(out, "# %8lld ", (long long)plan->offset[i]);
        tn_quote_print(out, p->bufs.items[i]->name);
        tn_str_add(out, ", kernels %d to %d\n", plan->first[i], plan->last[i]);
    }
}
