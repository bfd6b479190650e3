/* See map.h. Open addressing with linear steps; at most three quarters full, so that every search meets a free slot. */
#include "base/map.h"

#include "base/hash.h"

/* The slot that holds the key, or the free one where it belongs. */
static tn_map_slot *find_slot(const tn_map *m, const char *key, uint64_t hash)
{
    size_t i = (size_t)hash & (m->room - 1);
    while (m->slots[i].key != NULL && (m->slots[i].hash != hash || strcmp(m->slots[i].key, key) != 0))
        i = (i + 1) & (m->room - 1);
    return &m->slots[i];
}

static void widen(tn_arena *a, tn_map *m)
{
    tn_map wider = {NULL, m->n, m->room == 0 ? 16 : tn_mul_size(a, m->room, 2)};
    wider.slots = TN_NEW_N(a, tn_map_slot, wider.room);
    for (size_t i = 0; i < m->room; i++)
        if (m->slots[i].key != NULL)
            *find_slot(&wider, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    *m = wider;
}

void *tn_map_get(const tn_map *m, const char *key)
{
    return m->room == 0 ? NULL : find_slot(m, key, tn_hash(key, strlen(key), 0))->value;
}

void tn_map_put(tn_arena *a, tn_map *m, const char *key, void *value)
{
    if (m->n >= m->room / 4 * 3)
        widen(a, m);
    uint64_t hash = tn_hash(key, strlen(key), 0);
    tn_map_slot *slot = find_slot(m, key, hash);
    if (slot->key == NULL) {
        m->n++;
        slot->key = key;
        slot->hash = hash;
    }
    slot->value = value;
}
