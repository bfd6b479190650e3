/* Packing: pieces with a life and a size into the least memory. Inside plan/ only. */
#ifndef TN_SEARCH_H
#define TN_SEARCH_H

#include "base/base.h"

typedef struct tn_piece {
    int first, last; /* it lives at all times first..last */
    int64_t size;    /* bytes, more than 0 */
    int64_t offset;  /* bytes; set by tn_pack */
} tn_piece;

/* Sets the offsets so that no two pieces that live at once overlap, and returns the top of the highest piece. All are
   sums of sizes, so sizes of one alignment give offsets of that alignment. n_times is more than every last; lower is
   the most that lives at once. *is_best: no packing is smaller. The same pieces give the same offsets on every host:
   the search is bounded by counting steps, effort times the usual
   number, not by a clock. The scratch arena is not freed. */
int64_t tn_pack(tn_arena *scratch, tn_piece *piece, int n, int n_times, int64_t lower, int effort, bool *is_best);

#endif
