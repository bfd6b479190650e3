/* Packing by search. See search.h.

   A packing comes from an order of the pieces: each in turn goes into a gap between the peers (pieces that live at the
   same time) that are placed already, or above them.

       time   0 1 2 3           the order a c b gives     c . .  b b
              a a                                         a a ...
                b b
              c c c             the order a b c           c c c, which is higher, since c spans both

   1. The orders of the table below, each with the lowest gap and with the smallest one (greedy by size and kin:
      Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference").
   2. Exhaustive search when there are few pieces, see exact.c.
   3. Local search over orders ("squeaky wheel"): an order is given up at the first piece that reaches the best top so
      far; that piece moves to the front of a peer that was placed before it, and the new order is tried.
   All stop as soon as the top equals the lower bound, which most networks reach in step 1. */
#include "plan/search.h"

#include "plan/exact.h"

#include <stdlib.h>

enum { FEW = 12, SOME = 28, MIN_PATIENCE = 25, MAX_PATIENCE = 800 };
static const int64_t local_steps = 16 * 1000 * 1000;  /* peers looked at: 0.1 s to 0.7 s */
static const int64_t greedy_steps = 40 * 1000 * 1000; /* reached only by many thousand pieces */
static const int64_t nodes_of_few = 5 * 1000 * 1000;  /* never reached so far: FEW pieces are searched to the end */
static const int64_t nodes_of_some = 100 * 1000;

typedef struct span {
    int64_t from, to;
} span;

typedef struct search {
    const tn_piece *piece;
    int n;
    int *peer_at, *peer; /* the peers of piece i are peer[peer_at[i]] .. peer[peer_at[i + 1] - 1] */
    int64_t *offset;     /* of the try in progress; -1: not placed */
    span *taken;         /* by peers of the piece being placed */
    int64_t *best, best_top;
    int *best_order, *order;
    bool best_smallest;   /* whether best_order was placed by smallest gaps */
    int64_t lower, steps; /* steps: peers looked at */
    uint32_t random;
} search;

/* --- peers -------------------------------------------------------------------------------------------------------- */

typedef struct ranked {
    int64_t key[3];
    int piece;
} ranked; /* sorted downward by the keys, then upward by piece */

static int compare_ranked(const void *x, const void *y)
{
    const ranked *a = x, *b = y;
    for (int k = 0; k < 3; k++)
        if (a->key[k] != b->key[k])
            return a->key[k] > b->key[k] ? -1 : 1;
    return a->piece < b->piece ? -1 : a->piece > b->piece;
}

/* Calls of pairs in the sweep: counts while peer is NULL, then fills. at[i] counts up. */
static void add_peers(const search *s, const ranked *by_start, int *active, int *at, int *peer)
{
    int n_active = 0;
    for (int i = 0; i < s->n; i++) {
        int x = by_start[i].piece, kept = 0;
        for (int k = 0; k < n_active; k++) {
            int y = active[k];
            if (s->piece[y].last < s->piece[x].first)
                continue;
            active[kept++] = y;
            if (peer != NULL) {
                peer[at[x]] = y;
                peer[at[y]] = x;
            }
            at[x]++;
            at[y]++;
        }
        active[kept] = x;
        n_active = kept + 1;
    }
}

static void find_peers(search *s, tn_arena *a)
{
    ranked *by_start = TN_NEW_N(a, ranked, s->n);
    int *active = TN_NEW_N(a, int, s->n), *at = TN_NEW_N(a, int, s->n);
    for (int i = 0; i < s->n; i++)
        by_start[i] = (ranked){{-s->piece[i].first, 0, 0}, i};
    qsort(by_start, (size_t)s->n, sizeof *by_start, compare_ranked);
    add_peers(s, by_start, active, at, NULL);
    s->peer_at = TN_NEW_N(a, int, s->n + 1);
    for (int i = 0; i < s->n; i++)
        s->peer_at[i + 1] = s->peer_at[i] + at[i];
    s->peer = TN_NEW_N(a, int, s->peer_at[s->n] + 1);
    memcpy(at, s->peer_at, (size_t)s->n * sizeof *at);
    add_peers(s, by_start, active, at, s->peer);
}

/* --- one order ---------------------------------------------------------------------------------------------------- */

static int compare_spans(const void *x, const void *y)
{
    const span *a = x, *b = y;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* Few as a rule, so by insertion; many would make that quadratic. Equal keys may stand in any order: the sweep over
   gaps only takes the highest end so far. */
static void sort_spans(span *v, int n)
{
    if (n > 40) {
        qsort(v, (size_t)n, sizeof *v, compare_spans);
        return;
    }
    for (int i = 1; i < n; i++) {
        span x = v[i];
        int k = i;
        for (; k > 0 && v[k - 1].from > x.from; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

static int64_t find_gap(search *s, int i, bool smallest)
{
    int n = 0;
    for (int k = s->peer_at[i]; k < s->peer_at[i + 1]; k++) {
        int j = s->peer[k];
        if (s->offset[j] >= 0)
            s->taken[n++] = (span){s->offset[j], s->offset[j] + s->piece[j].size};
    }
    s->steps += s->peer_at[i + 1] - s->peer_at[i] + 1;
    sort_spans(s->taken, n);
    int64_t size = s->piece[i].size, end = 0, at = -1, room = INT64_MAX;
    for (int k = 0; k < n; k++) {
        int64_t gap = s->taken[k].from - end;
        if (gap >= size && gap < room) {
            at = end;
            room = gap;
            if (!smallest)
                break;
        }
        if (s->taken[k].to > end)
            end = s->taken[k].to;
    }
    return at >= 0 ? at : end;
}

static void keep_best(search *s, bool smallest)
{
    s->best_top = 0;
    for (int i = 0; i < s->n; i++) {
        int64_t end = s->offset[i] + s->piece[i].size;
        s->best_top = end > s->best_top ? end : s->best_top;
    }
    s->best_smallest = smallest;
    memcpy(s->best, s->offset, (size_t)s->n * sizeof *s->best);
    memcpy(s->best_order, s->order, (size_t)s->n * sizeof *s->order);
}

/* Places the pieces in order, those before position from being where they belong; -1, or the position of the piece
   that is not below the best top so far. */
static int try_order(search *s, int from, bool smallest)
{
    for (int k = from; k < s->n; k++)
        s->offset[s->order[k]] = -1;
    for (int k = from; k < s->n; k++) {
        int i = s->order[k];
        s->offset[i] = find_gap(s, i, smallest);
        if (s->offset[i] + s->piece[i].size >= s->best_top)
            return k;
    }
    keep_best(s, smallest);
    return -1;
}

/* --- the greedy orders -------------------------------------------------------------------------------------------- */

typedef enum { SIZE, LIFE, AREA, CLASS, PEAK, START, LATE_START, END, LATE_END, NOTHING, N_KEYS } key_kind;

/* PEAK: the most that lives at once during the piece's life. */
static const key_kind orders[][3] = {
    {SIZE, LIFE, START},  {AREA, SIZE, START},         {CLASS, LIFE, SIZE},     {PEAK, SIZE, LIFE},
    {PEAK, LIFE, SIZE},   {PEAK, AREA, SIZE},          {LIFE, SIZE, START},     {CLASS, START, SIZE},
    {SIZE, START, LIFE},  {SIZE, LATE_START, LIFE},    {START, LIFE, SIZE},     {LATE_END, LIFE, SIZE},
    {END, SIZE, NOTHING}, {LATE_START, SIZE, NOTHING}, {CLASS, LATE_END, SIZE}, {PEAK, START, SIZE}};

static int64_t size_class(int64_t size)
{
    int64_t k = 0;
    while (size > 1) {
        size /= 2;
        k++;
    }
    return k;
}

static int64_t *live_by_time(const search *s, tn_arena *a, int n_times)
{
    int64_t *live = TN_NEW_N(a, int64_t, n_times + 1);
    for (int i = 0; i < s->n; i++) {
        live[s->piece[i].first] += s->piece[i].size;
        live[s->piece[i].last + 1] -= s->piece[i].size;
    }
    for (int t = 1; t < n_times; t++)
        live[t] += live[t - 1];
    return live;
}

static void fill_keys(const search *s, tn_arena *a, int n_times, int64_t (*key)[N_KEYS])
{
    const int64_t *live = live_by_time(s, a, n_times);
    for (int i = 0; i < s->n; i++) {
        const tn_piece *p = &s->piece[i];
        int64_t peak = 0, life = p->last - p->first + 1;
        for (int t = p->first; t <= p->last; t++)
            peak = live[t] > peak ? live[t] : peak;
        key[i][SIZE] = p->size;
        key[i][LIFE] = life;
        key[i][AREA] = p->size > INT64_MAX / life ? INT64_MAX : p->size * life;
        key[i][CLASS] = size_class(p->size);
        key[i][PEAK] = peak;
        key[i][START] = -p->first;
        key[i][LATE_START] = p->first;
        key[i][END] = -p->last;
        key[i][LATE_END] = p->last;
    }
}

static void search_greedy(search *s, tn_arena *a, int n_times)
{
    int64_t(*key)[N_KEYS] = tn_alloc(a, tn_mul_size(a, sizeof *key, (size_t)s->n));
    ranked *by = TN_NEW_N(a, ranked, s->n);
    fill_keys(s, a, n_times, key);
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        if (s->best_top <= s->lower || s->steps >= greedy_steps)
            return;
        for (int i = 0; i < s->n; i++)
            by[i] = (ranked){{key[i][orders[o][0]], key[i][orders[o][1]], key[i][orders[o][2]]}, i};
        qsort(by, (size_t)s->n, sizeof *by, compare_ranked);
        for (int i = 0; i < s->n; i++)
            s->order[i] = by[i].piece;
        for (int smallest = 0; smallest < 2 && s->best_top > s->lower; smallest++)
            (void)try_order(s, 0, smallest != 0);
    }
}

/* --- local search ------------------------------------------------------------------------------------------------- */

/* xorshift32, for the same sequence everywhere. */
static int draw(search *s, int below)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 17;
    s->random ^= s->random << 5;
    return (int)(s->random % (uint32_t)below);
}

/* order[from] goes to place to, those between one on. */
static void move_forward(int *order, int from, int to)
{
    int x = order[from];
    memmove(order + to + 1, order + to, (size_t)(from - to) * sizeof *order);
    order[to] = x;
}

/* The piece at failed goes before a peer that stood before it. Returns
   where it is now. */
static int promote(search *s, int failed)
{
    int x = s->order[failed], seen = 0, chosen = 0;
    for (int k = s->peer_at[x]; k < s->peer_at[x + 1]; k++)
        if (s->offset[s->peer[k]] >= 0 && draw(s, ++seen) == 0)
            chosen = s->peer[k];
    int to = 0;
    if (seen > 0)
        while (s->order[to] != chosen)
            to++;
    move_forward(s->order, failed, to);
    return to;
}

static void restart(search *s)
{
    memcpy(s->order, s->best_order, (size_t)s->n * sizeof *s->order);
    for (int swaps = draw(s, 3); swaps > 0; swaps--) {
        int from = draw(s, s->n);
        move_forward(s->order, from, draw(s, from + 1));
    }
}

static void search_near(search *s, int effort)
{
    int64_t end = s->steps + local_steps * effort;
    int tries = 0, patience = MIN_PATIENCE, from = 0;
    bool smallest = s->best_smallest;
    restart(s);
    while (s->best_top > s->lower && s->steps < end) {
        int failed = try_order(s, from, smallest);
        if (failed >= 0 && ++tries < patience) {
            from = promote(s, failed);
            continue;
        }
        patience = failed < 0 || patience >= MAX_PATIENCE ? MIN_PATIENCE : patience * 2;
        tries = from = 0;
        smallest = draw(s, 4) == 0 ? !s->best_smallest : s->best_smallest;
        restart(s);
    }
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static search *make_search(tn_arena *a, const tn_piece *piece, int n, int64_t lower)
{
    search *s = TN_NEW(a, search);
    *s = (search){.piece = piece, .n = n, .lower = lower, .best_top = INT64_MAX, .random = 2463534242u};
    s->offset = TN_NEW_N(a, int64_t, n);
    s->best = TN_NEW_N(a, int64_t, n);
    s->taken = TN_NEW_N(a, span, n);
    s->order = TN_NEW_N(a, int, n);
    s->best_order = TN_NEW_N(a, int, n);
    find_peers(s, a);
    return s;
}

int64_t tn_pack(tn_arena *scratch, tn_piece *piece, int n, int n_times, int64_t lower, int effort, bool *is_best)
{
    *is_best = true;
    if (n == 0)
        return 0;
    search *s = make_search(scratch, piece, n, lower);
    search_greedy(s, scratch, n_times);
    bool exhausted = false;
    if (s->best_top > lower && n <= SOME)
        exhausted = tn_pack_exact(scratch, piece, n, lower, effort * (n <= FEW ? nodes_of_few : nodes_of_some), s->best,
                                  &s->best_top);
    if (s->best_top > lower && !exhausted)
        search_near(s, effort);
    for (int i = 0; i < n; i++)
        piece[i].offset = s->best[i];
    *is_best = exhausted || s->best_top == lower;
    return s->best_top;
}
