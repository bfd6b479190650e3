/* What is true of every packing, checked pair by pair and time by time; shares nothing with the planner. */
#ifndef TN_PLAN_ORACLE_H
#define TN_PLAN_ORACLE_H

#include "plan/search.h"

#include <setjmp.h>

#include <cmocka.h>

static inline bool meet(const tn_piece *x, const tn_piece *y)
{
    return x->first <= y->last && y->first <= x->last;
}

/* No two that live at once overlap, and top is where the highest ends. */
static inline void expect_apart(const tn_piece *v, int n, int64_t top)
{
    int64_t highest = 0;
    for (int i = 0; i < n; i++) {
        int64_t end = v[i].offset + v[i].size;
        assert_true(v[i].offset >= 0);
        highest = end > highest ? end : highest;
        for (int k = 0; k < i; k++)
            if (meet(&v[i], &v[k]))
                assert_true(end <= v[k].offset || v[k].offset + v[k].size <= v[i].offset);
    }
    assert_true(highest == top);
}

static inline int64_t largest_live(const tn_piece *v, int n, int n_times)
{
    int64_t most = 0;
    for (int t = 0; t < n_times; t++) {
        int64_t live = 0;
        for (int i = 0; i < n; i++)
            live += v[i].first <= t && t <= v[i].last ? v[i].size : 0;
        most = live > most ? live : most;
    }
    return most;
}

#endif
