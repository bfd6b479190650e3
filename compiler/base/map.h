/* A map from text to pointers, in an arena. All-zero is the empty map.

       tn_map byname = {0};
       tn_map_put(a, &byname, v->name, v);
       v = tn_map_get(&byname, "conv1/out");

   Why not uthash: its tables come from malloc, so they would outlive an unwound arena, and it calls exit when memory
   runs out, which a library must not do. Iteration is not offered on purpose: the order would depend on the hashes, and
   output must not; keep the values in an array beside. */
#ifndef TN_MAP_H
#define TN_MAP_H

#include "base/base.h"

typedef struct tn_map_slot {
    const char *key; /* NULL: free */
    void *value;
    uint64_t hash;
} tn_map_slot;

typedef struct tn_map {
    tn_map_slot *slots; /* in the arena; room of them, a power of two or 0 */
    size_t n, room;
} tn_map;

void *tn_map_get(const tn_map *m, const char *key); /* NULL: absent, or put as NULL */
/* Adds, or replaces the value of an equal key. The key is not copied: it must live as long as the map. */
void tn_map_put(tn_arena *a, tn_map *m, const char *key, void *value);

#endif
