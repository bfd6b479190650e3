/* Exhaustive packing of a few pieces. Inside plan/ only. */
#ifndef TN_EXACT_H
#define TN_EXACT_H

#include "plan/search.h"

/* Looks for packings with a top below *best_top; writes the best into best (offsets by piece) and *best_top. Stops at
   lower or after so many nodes of the search tree. True: *best_top is the least possible. */
bool tn_pack_exact(tn_arena *scratch, const tn_piece *piece, int n, int64_t lower, int64_t max_nodes, int64_t *best,
                   int64_t *best_top);

#endif
