/* Packing on random sets of lives. The oracles share nothing with the search: overlap is checked pair by
   pair, the least top by trying every order. */
#include "plan/exact.h"
#include "plan/search.h"

#include "oracle.h"

#include "../bench.h"

/* --- oracles ------------------------------------------------------------------------------------------------------ */

/* The lowest offset where v[i] meets none of the pieces in the set placed. */
static int64_t lowest_place(const tn_piece *v, int n, unsigned placed, int i)
{
    for (int64_t at = 0;; at++) {
        bool is_free = true;
        for (int k = 0; k < n; k++)
            if ((placed >> k & 1) != 0 && meet(&v[i], &v[k]) && at < v[k].offset + v[k].size
                && v[k].offset < at + v[i].size)
                is_free = false;
        if (is_free)
            return at;
    }
}

/* The least top over all orders, each piece at the lowest place. */
static int64_t brute_force(tn_piece *v, int n, unsigned placed, int64_t top)
{
    int64_t best = INT64_MAX;
    if (placed == (1u << n) - 1)
        return top;
    for (int i = 0; i < n; i++) {
        if ((placed >> i & 1) != 0)
            continue;
        v[i].offset = lowest_place(v, n, placed, i);
        int64_t end = v[i].offset + v[i].size;
        int64_t found = brute_force(v, n, placed | 1u << i, end > top ? end : top);
        best = found < best ? found : best;
    }
    return best;
}

static void random_pieces(bench *b, tn_piece *v, int n, int n_times, int longest, int largest)
{
    for (int i = 0; i < n; i++) {
        int first = draw(b, n_times), last = first + draw(b, longest);
        v[i] = (tn_piece){first, last < n_times ? last : n_times - 1, 1 + draw(b, largest), -1};
    }
}

/* --- packing ------------------------------------------------------------------------------------------------------ */

static void packs_small_sets_best(void **state)
{
    bench *b = *state;
    for (int round = 0; round < 1500; round++) {
        tn_piece v[7], w[7];
        int n = 1 + draw(b, round < 1400 ? 6 : 7), n_times = 2 + draw(b, 8);
        random_pieces(b, v, n, n_times, 6, 9);
        memcpy(w, v, sizeof w);
        int64_t lower = largest_live(v, n, n_times), wanted = brute_force(w, n, 0, 0);
        bool is_best = false;
        int64_t top = tn_pack(&b->arena, v, n, n_times, lower, 1, &is_best);
        assert_true(top == wanted && is_best);
        expect_apart(v, n, top);
    }
}

/* Without the bound, which decides nearly all small sets before the exhaustive search is needed. */
static void searches_exhaustively(void **state)
{
    bench *b = *state;
    for (int round = 0; round < 1000; round++) {
        tn_piece v[7];
        int64_t offset[7] = {0}, top = INT64_MAX;
        int n = 1 + draw(b, 6), n_times = 2 + draw(b, 8);
        random_pieces(b, v, n, n_times, 6, 4);
        int64_t wanted = brute_force(v, n, 0, 0);
        assert_true(tn_pack_exact(&b->arena, v, n, 0, INT64_MAX, offset, &top));
        assert_true(top == wanted);
        for (int i = 0; i < n; i++)
            v[i].offset = offset[i];
        expect_apart(v, n, top);
        assert_true(tn_pack_exact(&b->arena, v, n, 0, INT64_MAX, offset, &top) && top == wanted); /* nothing below */
    }
}

/* 4 bytes live at once at most, yet 5 are needed; found by search, the smallest there is so far. */
static const tn_piece needs_more[8] = {{0, 0, 2, -1}, {0, 1, 2, -1}, {1, 4, 1, -1}, {1, 3, 1, -1},
                                       {3, 5, 1, -1}, {4, 6, 2, -1}, {5, 5, 1, -1}, {6, 6, 2, -1}};

static void knows_the_best_above_the_bound(void **state)
{
    bench *b = *state;
    tn_piece v[8], w[8];
    memcpy(v, needs_more, sizeof v);
    memcpy(w, needs_more, sizeof w);
    assert_true(largest_live(v, 8, 7) == 4 && brute_force(w, 8, 0, 0) == 5);
    bool is_best = false;
    assert_true(tn_pack(&b->arena, v, 8, 7, 4, 1, &is_best) == 5 && is_best);
    expect_apart(v, 8, 5);
}

/* The same with up to four others: later ones of 1 byte change nothing; ones in between may raise the bound, but
   whatever comes out is known to be the best. */
static void searches_twelve_to_the_end(void **state)
{
    bench *b = *state;
    for (int round = 0; round < 1000; round++) {
        tn_piece v[12];
        int n = 8 + draw(b, 5);
        bool is_later = round % 2 == 0;
        memcpy(v, needs_more, sizeof needs_more);
        random_pieces(b, v + 8, n - 8, 7, 3, is_later ? 1 : 2);
        for (int i = 8; i < n && is_later; i++) {
            v[i].first += 7;
            v[i].last += 7;
        }
        int64_t lower = largest_live(v, n, 14);
        bool is_best = false;
        int64_t top = tn_pack(&b->arena, v, n, 14, lower, 1, &is_best);
        assert_true(is_best && (!is_later || top == 5));
        expect_apart(v, n, top);
    }
}

static void keeps_pieces_apart(void **state)
{
    bench *b = *state;
    for (int round = 0; round < 4000; round++) {
        tn_piece v[60];
        int n = 1 + draw(b, round % 400 == 0 ? 60 : 24), n_times = 1 + draw(b, 30);
        random_pieces(b, v, n, n_times, 1 + draw(b, 12), 1 + draw(b, 1000));
        int64_t lower = largest_live(v, n, n_times);
        bool is_best = false;
        int64_t top = tn_pack(&b->arena, v, n, n_times, lower, 1, &is_best);
        expect_apart(v, n, top);
        assert_true(top >= lower && (is_best || top > lower));
        assert_true((double)top <= 1.3 * (double)lower);
    }
}

static void packs_large_sets(void **state)
{
    bench *b = *state;
    enum { N = 3000 };
    tn_piece *v = TN_NEW_N(&b->arena, tn_piece, N);
    random_pieces(b, v, N, 1500, 12, 100000);
    bool is_best = false;
    int64_t lower = largest_live(v, N, 1500), top = tn_pack(&b->arena, v, N, 1500, lower, 1, &is_best);
    expect_apart(v, N, top);
    assert_true((double)top <= 1.05 * (double)lower);
}

/* Everything lives at once, so sorting by offset meets long lists. */
static void stacks_what_always_lives(void **state)
{
    bench *b = *state;
    tn_piece v[300];
    for (int i = 0; i < 300; i++)
        v[i] = (tn_piece){0, 9, 1 + i, -1};
    bool is_best = false;
    assert_true(tn_pack(&b->arena, v, 300, 10, 300 * 301 / 2, 1, &is_best) == 300 * 301 / 2 && is_best);
    expect_apart(v, 300, 300 * 301 / 2);
}

static void packs_the_same_again(void **state)
{
    bench *b = *state;
    enum { N = 200 };
    tn_piece v[N], w[N];
    random_pieces(b, v, N, 60, 40, 1000);
    memcpy(w, v, sizeof w);
    int64_t lower = largest_live(v, N, 60);
    bool is_best = false;
    assert_true(tn_pack(&b->arena, v, N, 60, lower, 1, &is_best) == tn_pack(&b->arena, w, N, 60, lower, 1, &is_best));
    assert_memory_equal(v, w, sizeof v);
}

/* A longer search goes on where the shorter one ended: it never packs worse, and of these two sets one better. */
static void effort_pays(void **state)
{
    bench *b = *state;
    enum { N = 80, SETS = 2 };
    int64_t usual = 0, longer = 0;
    for (int i = 0; i < SETS; i++) {
        tn_piece v[N], w[N];
        bool is_best = false;
        random_pieces(b, v, N, 100, 30, 1000);
        memcpy(w, v, sizeof w);
        int64_t lower = largest_live(v, N, 100), top = tn_pack(&b->arena, v, N, 100, lower, 1, &is_best);
        int64_t better = tn_pack(&b->arena, w, N, 100, lower, 2, &is_best);
        assert_true(better <= top);
        expect_apart(w, N, better);
        usual += top;
        longer += better;
    }
    assert_true(longer < usual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packs_small_sets_best),      TEST(searches_exhaustively), TEST(knows_the_best_above_the_bound),
        TEST(searches_twelve_to_the_end), TEST(keeps_pieces_apart),    TEST(packs_large_sets),
        TEST(stacks_what_always_lives),   TEST(packs_the_same_again),  TEST(effort_pays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
