/* Exhaustive packing by branch and bound. See exact.h.

   Let every piece of a packing sink until it rests on the floor or on another one. Then each lies exactly on the
   highest of its peers below, so the packing is rebuilt by placing the pieces in order of offset, each on the highest
   peer placed so far: its floor. The search tries all such orders; those where an offset is less than the one before
   are other ways to the same packing. A branch ends when what is still to come would reach the best top: all unplaced
   pieces that live at a time stack up from the lowest of their floors. */
#include "plan/exact.h"

typedef struct exact {
    const tn_piece *piece;
    int n;
    bool *is_peer; /* n x n */
    bool *is_placed;
    int64_t *floor; /* n for each depth: the least offset of each piece that is not placed */
    int64_t *offset;
    int64_t *best, best_top, lower;
    int64_t nodes, max_nodes;
} exact;

static bool lives_at(const tn_piece *p, int time)
{
    return p->first <= time && time <= p->last;
}

/* Whether the unplaced pieces can all stay below the best top. Starts of pieces are the times that matter: what lives
   at any time lives at the latest start before it. */
static bool is_hopeful(const exact *e, const int64_t *floor, int64_t least)
{
    for (int k = 0; k < e->n; k++) {
        if (e->is_placed[k])
            continue;
        int64_t sum = 0, from = INT64_MAX;
        for (int i = 0; i < e->n; i++) {
            if (e->is_placed[i] || !lives_at(&e->piece[i], e->piece[k].first))
                continue;
            int64_t at = floor[i] > least ? floor[i] : least;
            sum += e->piece[i].size;
            from = at < from ? at : from;
        }
        if (from + sum >= e->best_top)
            return false;
    }
    return true;
}

/* An equal piece with a smaller number goes first. */
static bool has_twin_before(const exact *e, int i)
{
    const tn_piece *p = &e->piece[i];
    for (int k = 0; k < i; k++) {
        const tn_piece *q = &e->piece[k];
        if (!e->is_placed[k] && p->first == q->first && p->last == q->last && p->size == q->size)
            return true;
    }
    return false;
}

static void raise_floors(const exact *e, int i, const int64_t *floor, int64_t *next)
{
    int64_t top = floor[i] + e->piece[i].size;
    for (int k = 0; k < e->n; k++)
        next[k] = e->is_peer[i * e->n + k] && top > floor[k] ? top : floor[k];
}

static bool is_done(const exact *e)
{
    return e->best_top <= e->lower || e->nodes >= e->max_nodes;
}

/* last: the piece placed before, -1 at first. Of equal offsets the smaller number goes first. */
static void place_rest(exact *e, int depth, int last, int64_t top)
{
    const int64_t *floor = e->floor + (ptrdiff_t)depth * e->n;
    int64_t least = last < 0 ? 0 : e->offset[last];
    if (depth == e->n) {
        e->best_top = top; /* it is less: no piece was placed that reaches the best */
        memcpy(e->best, e->offset, (size_t)e->n * sizeof *e->best);
        return;
    }
    if (!is_hopeful(e, floor, least))
        return;
    for (int i = 0; i < e->n && !is_done(e); i++) {
        int64_t end = floor[i] + e->piece[i].size;
        if (e->is_placed[i] || floor[i] < least || (floor[i] == least && i < last) || end >= e->best_top
            || has_twin_before(e, i))
            continue;
        e->nodes++;
        e->is_placed[i] = true;
        e->offset[i] = floor[i];
        raise_floors(e, i, floor, e->floor + (ptrdiff_t)(depth + 1) * e->n);
        place_rest(e, depth + 1, i, end > top ? end : top);
        e->is_placed[i] = false;
    }
}

bool tn_pack_exact(tn_arena *scratch, const tn_piece *piece, int n, int64_t lower, int64_t max_nodes, int64_t *best,
                   int64_t *best_top)
{
    exact e = {.piece = piece, .n = n, .best = best, .best_top = *best_top, .lower = lower, .max_nodes = max_nodes};
    e.is_peer = TN_NEW_N(scratch, bool, n *n);
    e.is_placed = TN_NEW_N(scratch, bool, n);
    e.floor = TN_NEW_N(scratch, int64_t, n * (n + 1));
    e.offset = TN_NEW_N(scratch, int64_t, n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            e.is_peer[i * n + k] = i != k && piece[i].first <= piece[k].last && piece[k].first <= piece[i].last;
    place_rest(&e, 0, -1, 0);
    *best_top = e.best_top;
    return e.nodes < e.max_nodes || e.best_top <= e.lower;
}
