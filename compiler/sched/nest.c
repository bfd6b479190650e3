/* The primitives of schedules, and their text. See sched.h. */
#define _POSIX_C_SOURCE 200809L
#include "sched/sched.h"

#include <limits.h>
#include <stdlib.h>

/* The axis decides only within limits where the result goes, at[..] = min(4 * i, 5): some points are written again. */
static bool repeats_points(const tn_expr *at, const tn_var *v)
{
    if (at->kind == TN_E_OP && (at->op == TN_OP_MIN || at->op == TN_OP_MAX))
        return tn_uses_var(at, v);
    for (int k = 0; k < (at->kind == TN_E_OP ? at->n : 0); k++)
        if (repeats_points(at->arg[k], v))
            return true;
    return false;
}

static tn_loop make_loop(const tn_axis *axis, bool is_reduce)
{
    tn_loop l = {.name = axis->var->name, .var = axis->var, .symbol = axis->extent, .is_reduce = is_reduce};
    if (axis->extent->kind == TN_E_INT)
        l.extent = axis->extent->i;
    return l;
}

tn_nest *tn_nest_make(tn_program *p, tn_comp *c)
{
    tn_nest *nest = TN_NEW(p->arena, tn_nest);
    nest->program = p;
    nest->comp = c;
    for (int i = 0; i < c->n_axis; i++) {
        tn_loop *l = &nest->loop[nest->n++];
        *l = make_loop(&c->axis[i], false);
        for (int d = 0; d < c->out->rank; d++)
            l->repeats = l->repeats || repeats_points(c->at[d], c->axis[i].var);
        nest->repeats = nest->repeats || l->repeats;
        nest->axis[i] = tn_var_expr(p, c->axis[i].var);
    }
    for (int i = 0; i < c->n_reduce; i++) {
        nest->loop[nest->n++] = make_loop(&c->reduce[i], true);
        nest->reduce[i] = tn_var_expr(p, c->reduce[i].var);
    }
    return nest;
}

/* -1, which no primitive takes, for what is not a number. */
static int64_t read_number(const char *word)
{
    char *end = NULL;
    int64_t x = strtoll(word, &end, 10);
    return end != word && *end == '\0' ? x : -1;
}

static tn_loop *find_loop(tn_nest *nest, const char *name)
{
    for (int i = 0; i < nest->n; i++)
        if (strcmp(nest->loop[i].name, name) == 0)
            return &nest->loop[i];
    return NULL;
}

static void substitute_all(tn_nest *nest, const tn_var *v, const tn_expr *by)
{
    for (int i = 0; i < nest->comp->n_axis; i++)
        nest->axis[i] = tn_substitute(nest->program, nest->axis[i], v, by);
    for (int i = 0; i < nest->comp->n_reduce; i++)
        nest->reduce[i] = tn_substitute(nest->program, nest->reduce[i], v, by);
}

/* X becomes Xo * factor + Xi. A ragged end is a second section: its code is made apart, without a test inside.
   cover: the last turn starts earlier instead, so that it is a whole one and does some points again. */
static const char *split(tn_nest *nest, const char *name, int64_t factor, bool cover)
{
    tn_program *p = nest->program;
    tn_loop *l = find_loop(nest, name);
    if (l == NULL || l->extent == 0)
        return "split wants a loop of fixed extent";
    if (factor < 1 || factor > l->extent || nest->n == TN_MAX_LOOPS)
        return "split wants a factor of 1 up to the extent";
    if (l->tail != 0) /* which of the inner loop's turns would be the short one? */
        return "a loop with a ragged end is not split again; split its inner loop";
    int at = (int)(l - nest->loop);
    memmove(l + 2, l + 1, sizeof *l * (size_t)(nest->n - at - 1));
    nest->n++;
    tn_loop outer = *l, inner = *l;
    outer.name = tn_strfmt(p->arena, "%so", name);
    inner.name = tn_strfmt(p->arena, "%si", name);
    outer.extent = (l->extent + factor - 1) / factor;
    inner.extent = factor;
    outer.tail = cover ? 0 : l->extent % factor;
    outer.inner = inner.name;
    outer.var = tn_loop_var(p, outer.name, tn_index(p, outer.extent));
    inner.var = tn_loop_var(p, inner.name, tn_index(p, factor));
    const tn_expr *start = tn_mul(p, tn_var_expr(p, outer.var), tn_index(p, factor));
    if (cover)
        start = tn_min(p, start, tn_index(p, l->extent - factor));
    substitute_all(nest, l->var, tn_add(p, start, tn_var_expr(p, inner.var)));
    outer.repeats = outer.repeats || (cover && l->extent % factor != 0);
    nest->repeats = nest->repeats || outer.repeats;
    for (int i = 0; i < nest->n;
         i++) { /* the ragged end of a split further out, counted in the new outer loop's turns */
        tn_loop *ragged = &nest->loop[i];
        if (ragged->tail != 0 && strcmp(ragged->inner, name) == 0) {
            if (ragged->tail % factor != 0)
                return "split of a loop with a ragged end wants a factor that divides the end";
            ragged->inner = outer.name;
            ragged->tail /= factor;
        }
    }
    nest->loop[at] = outer;
    nest->loop[at + 1] = inner;
    return NULL;
}

static const char *cover(tn_nest *nest, const char *name, int64_t factor)
{
    const tn_loop *l = find_loop(nest, name);
    if (nest->comp->serial || (l != NULL && l->is_reduce) || tn_comp_loads(nest->comp, nest->comp->out))
        return "cover wants an axis whose points may be computed twice";
    return split(nest, name, factor, true);
}

/* Whether the loop is a variable of the computation as it stands. */
static bool is_whole(const tn_nest *nest, const tn_loop *l)
{
    const tn_comp *c = nest->comp;
    for (int i = 0; i < c->n_axis + c->n_reduce; i++)
        if (l->var == (i < c->n_axis ? c->axis[i].var : c->reduce[i - c->n_axis].var))
            return true;
    return false;
}

/* Rounds a loop's extent up: more turns than the axis has elements. The caller knows that every buffer has room. */
static const char *pad(tn_nest *nest, const char *name, int64_t multiple)
{
    tn_loop *l = find_loop(nest, name);
    if (l == NULL || l->extent == 0 || !is_whole(nest, l) || l->extent > INT64_MAX - INT32_MAX)
        return "pad wants a loop of fixed extent, of an axis without a border, before it is split";
    if (multiple < 1 || multiple > INT32_MAX)
        return "pad wants a factor of at least 1";
    l->extent = (l->extent + multiple - 1) / multiple * multiple;
    l->var->hi = l->extent - 1;
    l->symbol = tn_index(nest->program, l->extent);
    return NULL;
}

/* The loop is left with what is between the two ends, which lowering does apart. */
static const char *border(tn_nest *nest, const char *name, int64_t first, int64_t last)
{
    tn_program *p = nest->program;
    tn_loop *l = find_loop(nest, name);
    int axis = 0;
    while (axis < nest->comp->n_axis && (l == NULL || l->var != nest->comp->axis[axis].var))
        axis++;
    if (axis == nest->comp->n_axis || l->extent == 0 || nest->comp->serial)
        return "border wants an axis of fixed extent, before it is split";
    if (first < 0 || last < 0 || first >= l->extent || last >= l->extent - first || first + last < 1)
        return "border wants a number of points at each end, and some left between them";
    l->extent -= first + last;
    l->symbol = tn_index(p, l->extent);
    l->var = tn_loop_var(p, name, l->symbol);
    l->bordered = axis + 1;
    nest->axis[axis] = tn_add(p, tn_var_expr(p, l->var), tn_index(p, first));
    nest->first[axis] = first;
    nest->last[axis] = last;
    return NULL;
}

static const char *order(tn_nest *nest, char **names, int n)
{
    tn_loop sorted[TN_MAX_LOOPS];
    if (n != nest->n)
        return "order wants every loop once";
    for (int i = 0; i < n; i++) {
        const tn_loop *l = find_loop(nest, names[i]);
        for (int k = 0; k < i; k++)
            if (l != NULL && strcmp(sorted[k].name, l->name) == 0)
                l = NULL;
        if (l == NULL)
            return "order wants every loop once";
        sorted[i] = *l;
    }
    if (nest->comp->serial)
        return "the points of this computation must stay in order";
    memcpy(nest->loop, sorted, sizeof *sorted * (size_t)n);
    return NULL;
}

static const char *set_kind(tn_nest *nest, char **names, int n, tn_loop_kind kind)
{
    for (int i = 0; i < n; i++) {
        tn_loop *l = find_loop(nest, names[i]);
        if (l == NULL || l->extent == 0)
            return "unroll and vector want loops of fixed extent";
        l->kind = kind;
    }
    return NULL;
}

/* The ranges are counted from all loops that are parallel in the end, so more may follow. */
static const char *make_parallel(tn_nest *nest, char **word, int n)
{
    int64_t parts = read_number(word[0]);
    if (parts < 2 || parts > INT_MAX)
        return "parallel wants a number of parts, at least 2, and loops";
    if (nest->comp->serial)
        return "the points of this computation must stay in order";
    for (int i = 1; i < n; i++) {
        tn_loop *l = find_loop(nest, word[i]);
        if (l == NULL)
            return "parallel wants loops of the nest";
        l->is_parallel = true;
    }
    nest->share.parts = (int)parts;
    return NULL;
}

const tn_expr *tn_loop_turns(tn_program *p, const tn_loop *l)
{
    return l->extent > 0 ? tn_index(p, l->extent) : l->symbol;
}

static void count_turns(tn_nest *nest)
{
    tn_program *p = nest->program;
    int64_t lo = 0, hi = 0;
    nest->share.turns = tn_index(p, 1);
    for (int i = 0; i < nest->n; i++)
        if (nest->loop[i].is_parallel)
            nest->share.turns = tn_mul(p, nest->share.turns, tn_loop_turns(p, &nest->loop[i]));
    tn_range_of(nest->share.turns, &lo, &hi);
    nest->share.begin = tn_var_make(p, "begin", TN_INDEX, 0, hi);
    nest->share.end = tn_var_make(p, "end", TN_INDEX, 0, hi);
}

static const char *prefetch(tn_nest *nest, const char *name, int64_t ahead)
{
    tn_loop *l = find_loop(nest, name);
    if (l == NULL || l->extent == 0 || nest->comp->n_reduce == 0)
        return "prefetch wants a loop of fixed extent, and a reduction";
    if (ahead < 1 || ahead >= l->extent)
        return "prefetch wants a number of turns, from 1 to the loop's less 1";
    l->ahead = ahead;
    return NULL;
}

static const char *apply_one(tn_nest *nest, char **word, int n)
{
    if (strcmp(word[0], "split") == 0 && n == 3)
        return split(nest, word[1], read_number(word[2]), false);
    if (strcmp(word[0], "cover") == 0 && n == 3)
        return cover(nest, word[1], read_number(word[2]));
    if (strcmp(word[0], "pad") == 0 && n == 3)
        return pad(nest, word[1], read_number(word[2]));
    if (strcmp(word[0], "border") == 0 && n == 4)
        return border(nest, word[1], read_number(word[2]), read_number(word[3]));
    if (strcmp(word[0], "prefetch") == 0 && n == 3)
        return prefetch(nest, word[1], read_number(word[2]));
    if (strcmp(word[0], "order") == 0)
        return order(nest, word + 1, n - 1);
    if (strcmp(word[0], "unroll") == 0)
        return set_kind(nest, word + 1, n - 1, TN_LOOP_UNROLL);
    if (strcmp(word[0], "vector") == 0 && n == 2)
        return set_kind(nest, word + 1, 1, TN_LOOP_VECTOR);
    if (strcmp(word[0], "dot") == 0 && n == 2)
        return set_kind(nest, word + 1, 1, TN_LOOP_DOT);
    if (strcmp(word[0], "lanes") == 0 && n == 2)
        return set_kind(nest, word + 1, 1, TN_LOOP_LANES);
    if (strcmp(word[0], "parallel") == 0 && n > 2)
        return make_parallel(nest, word + 1, n - 1);
    if (strcmp(word[0], "sums") == 0 && n == 2)
        return set_kind(nest, word + 1, 1, TN_LOOP_SUMS);
    return "unknown primitive; there are split, cover, pad, border, prefetch, dot, lanes, sums, order, unroll, vector and "
           "parallel";
}

static bool is_before_reduction(const tn_nest *nest, int at)
{
    for (int i = at + 1; i < nest->n; i++)
        if (nest->loop[i].is_reduce)
            return true;
    return false;
}

/* A serial loop of the reduction, which is the loop or stands inside of it. */
static bool has_serial_reduction_from(const tn_nest *nest, int at)
{
    for (int i = at; i < nest->n; i++)
        if (nest->loop[i].is_reduce && nest->loop[i].kind == TN_LOOP_SERIAL && nest->loop[i].extent != 1)
            return true;
    return false;
}

/* The last turn of a ragged loop has fewer turns of its inner loop, which is lowered after it. */
static bool is_outside_of(const tn_nest *nest, int at, const char *inner)
{
    for (int i = at + 1; i < nest->n; i++)
        if (strcmp(nest->loop[i].name, inner) == 0)
            return true;
    return false;
}

static bool is_vector(const tn_nest *nest, const char *name)
{
    for (int i = 0; i < nest->n; i++)
        if (nest->loop[i].kind == TN_LOOP_VECTOR && strcmp(nest->loop[i].name, name) == 0)
            return true;
    return false;
}

static bool can_be_lanes(const tn_nest *nest, int at)
{
    const tn_comp *c = nest->comp;
    bool combines =
        c->combine == TN_OP_ADD || c->combine == TN_OP_MUL || c->combine == TN_OP_MAX || c->combine == TN_OP_MIN;
    for (int i = 0; i < nest->n; i++)
        if (nest->loop[i].kind == TN_LOOP_VECTOR || nest->loop[i].kind == TN_LOOP_DOT)
            return false;
    return at == nest->n - 1 && nest->loop[at].is_reduce && c->n_reduce > 0 && combines && c->elem->dtype == TN_FLOAT;
}

/* The reduction's loops step through its axes as they stand, each from its first element to its last. */
static bool keeps_order(const tn_nest *nest)
{
    int last = 0;
    int64_t stride = INT64_MAX;
    for (int i = 0; i < nest->n; i++) {
        const tn_loop *l = &nest->loop[i];
        if (!l->is_reduce || l->extent == 1)
            continue;
        int axis = 0;
        int64_t c = 0;
        while (axis + 1 < nest->comp->n_reduce && !tn_uses_var(nest->reduce[axis], l->var))
            axis++;
        bool linear = tn_coefficient(nest->reduce[axis], l->var, &c);
        if (!linear || axis < last || (axis == last && c >= stride))
            return false;
        last = axis;
        stride = c;
    }
    return true;
}

/* The lanes or sums are as many as the computation has side by side, which are all steps of one along their axis. */
static bool keeps_sums(const tn_nest *nest)
{
    const tn_loop *last = &nest->loop[nest->n - 1];
    int64_t c = 0;
    bool side = last->kind == TN_LOOP_LANES || last->kind == TN_LOOP_SUMS;
    if (nest->comp->sums <= 1)
        return !side;
    return side && last->extent == nest->comp->sums
        && tn_coefficient(nest->reduce[tn_sum_axis(nest->comp)], last->var, &c) && c == 1;
}

static const char *check_loops(const tn_nest *nest)
{
    bool in_tile = false;
    if (nest->comp->sums != 0 && nest->comp->call == NULL && (!keeps_order(nest) || !keeps_sums(nest)))
        return "the order of this computation's sums is fixed";
    for (int i = 0; i < nest->n; i++) {
        const tn_loop *l = &nest->loop[i];
        if (l->tail != 0 && !is_outside_of(nest, i, l->inner))
            return "a loop with a ragged end must stand outside of its inner loop";
        if (l->tail != 0 && nest->comp->n_reduce > 0 && is_vector(nest, l->inner))
            return "the vectors of a reduction must be whole: a factor that divides the extent, pad or cover";
        if (l->ahead > 0 && (l->kind != TN_LOOP_SERIAL || !has_serial_reduction_from(nest, i)))
            return "prefetch wants a serial loop, and one of the reduction in it or as it";
        in_tile = in_tile || l->is_reduce;
        if (l->is_parallel && l->repeats)
            return "a parallel loop must not repeat points: two threads would write them";
        if (l->is_parallel && l->bordered > 0)
            return "a parallel loop must not be of an axis with a border: two threads would write that";
        if (l->is_parallel && (in_tile || l->kind != TN_LOOP_SERIAL))
            return "a parallel loop must be outside of the reduction, and neither unrolled nor vector";
        if (in_tile && !l->is_reduce && l->tail != 0)
            return "a loop with a ragged end must stand outside of the reduction, unless it is one";
        if (in_tile && !l->is_reduce && l->kind == TN_LOOP_SERIAL)
            return "a loop inside the reduction must be unrolled or vector";
        if (l->kind == TN_LOOP_DOT
            && (!l->is_reduce || nest->comp->combine != TN_OP_ADD || is_before_reduction(nest, i)))
            return "the dot loop must be the innermost of the reduction, a sum";
        if ((l->kind == TN_LOOP_LANES || l->kind == TN_LOOP_SUMS) && !can_be_lanes(nest, i))
            return "the lanes of a reduction must be its innermost loop, of a float sum, product, maximum or minimum";
        if (l->kind == TN_LOOP_VECTOR && (i != nest->n - 1 || l->is_reduce))
            return "the vector loop must be the innermost and no reduction";
    }
    return NULL;
}

bool tn_nest_apply(tn_nest *nest, const char *schedule, const char **why)
{
    tn_arena *a = nest->program->arena;
    *why = NULL;
    for (const char *s = schedule; *s != '\0' && *why == NULL;) {
        size_t length = strcspn(s, ";");
        char *text = tn_strndup(a, s, length), *word[TN_MAX_LOOPS + 2], *rest = NULL;
        int n = 0;
        for (char *w = strtok_r(text, " ", &rest); w != NULL && n < TN_MAX_LOOPS + 2; w = strtok_r(NULL, " ", &rest))
            word[n++] = w;
        if (n > 0)
            *why = apply_one(nest, word, n);
        s += length + (s[length] == ';');
    }
    if (*why == NULL)
        *why = check_loops(nest);
    if (*why == NULL && nest->share.parts > 0)
        count_turns(nest);
    return *why == NULL;
}
