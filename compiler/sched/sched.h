/* Schedules: how a computation's loops are split, ordered, unrolled and vectorised. A schedule is text, one primitive
   after another separated by ';', so that it can be printed, stored and replayed:

       split i1 32; split i3 14; order i0 i1o i2 i3o r0 r1 r2 i3i i1i; unroll i3i; vector i1i

   split X F    Xo and Xi, X = Xo * F + Xi; a ragged end is a section of its own
   cover X F    the same, but the last turn begins earlier and is whole: it computes some points again
   dot X        the turns of X, the innermost of a sum's loops, are one step: acc = acc + e0 + e1 + ...; four products of
                bytes that lie side by side come out as a dot-product instruction
   lanes X      the turns of X, the innermost of a reduction's loops, are the lanes of a vector, which are combined at
                the end; a ragged end follows one by one
   sums X       the same with a scalar for each turn of X
   border X A B the first A and the last B points of the axis X are sections apart: one by one, without X's vector or tile,
                their reductions' bounds clipped where the element is neutral; what is between needs no test. Before X
                is split
   pad X F      turns beyond the end of X, up to a multiple of F: what they store beyond the result is left out
   prefetch X A the innermost serial loop of a reduction asks for the constants that it loads A turns of X later, X being
                itself or a loop around it: the next slice of weights is on its way while this one is used
   parallel 8 i1o i2
                the turns of those loops, counted as one loop in the order of the nest, are cut into 8 ranges for threads;
                other loops around them are done whole in every range. No reduction is cut, so results are the same

   Loops are named i0 i1 ... (axes) and r0 r1 ... (reduction axes); split X F makes Xo and Xi. The non-reduction loops
   that stand after the first reduction loop are the register tile: they must be unrolled or vector.
   Where the order of sums is fixed (tn_fix_sums), no schedule may change it. */
#ifndef TN_SCHED_H
#define TN_SCHED_H

#include "loop/loop.h"

typedef enum { TN_LOOP_SERIAL, TN_LOOP_UNROLL, TN_LOOP_VECTOR, TN_LOOP_DOT, TN_LOOP_LANES, TN_LOOP_SUMS } tn_loop_kind;

typedef struct tn_loop {
    const char *name;
    tn_var *var;
    int64_t extent; /* 0: symbolic, see symbol */
    const tn_expr *symbol;
    tn_loop_kind kind;
    bool is_reduce, is_parallel;
    int64_t ahead;     /* turns whose constants are asked for in advance; 0: none */
    bool repeats;      /* its last turn does points of the one before again */
    int bordered;      /* the axis with a border that it steps through, counted from 1; 0: none */
    int64_t tail;      /* a ragged split's outer loop: its last turn has so many inner turns; 0: even */
    const char *inner; /* the inner loop's name */
} tn_loop;

enum { TN_MAX_LOOPS = 40 };
typedef struct tn_nest {
    tn_program *program;
    tn_comp *comp;
    int n;
    tn_loop loop[TN_MAX_LOOPS];
    bool repeats; /* some points are computed twice: the result cannot take an operand's place */
    const tn_expr *axis[TN_MAX_AXES], *reduce[TN_MAX_AXES]; /* the computation's variables in terms of the loops */
    int64_t first[TN_MAX_AXES], last[TN_MAX_AXES];          /* points of each axis in its border */
    tn_share share;                                         /* set by parallel */
} tn_nest;

tn_nest *tn_nest_make(tn_program *p, tn_comp *c); /* axes outside, reduction axes inside, all serial */
/* False when the text is wrong for this nest; *why (in the program's arena) says what. */
bool tn_nest_apply(tn_nest *nest, const char *schedule, const char **why);
/* How often a loop turns; symbolic ones included. */
const tn_expr *tn_loop_turns(tn_program *p, const tn_loop *l);
tn_stmt *tn_nest_lower(tn_nest *nest);
/* guards.c: the conditions without which the element is neutral, so that a step of the reduction does nothing. */
typedef struct tn_guards {
    int n;
    const tn_expr *item[32];
} tn_guards;
void tn_find_guards(const tn_comp *c, const tn_expr *elem, tn_guards *out);
/* How many points of an axis, its first and its last ones, need the guards that it moves: behind them these hold. */
void tn_find_border(tn_program *p, const tn_comp *c, int axis, int64_t *first, int64_t *last);
/* The condition x < y or x <= y as y - x - (0 or 1), which must not be negative; NULL: it is no such, of subscripts. */
const tn_expr *tn_slack_of(tn_program *p, const tn_expr *cond);
/* share.c: gives what the statements share a name, as a LET before the first that needs it. Loads: the statements must not
   write what they load; lane: of the vectors among them. Values: of stores, which must not write what others load. */
void tn_share_loads(tn_program *p, tn_var *lane, tn_stmt_vec *block);
void tn_share_values(tn_program *p, tn_stmt_vec *block);
/* batch.c: functions that every store of the block calls are called once, for the vectors of all of them, which wait in an
   array. Nothing where the stores are few, no vectors, or call different functions. tn_match_batch knows the result. */
void tn_batch_calls(tn_program *p, tn_stmt_vec *block);
/* prefetch.c: body, inside of the loop of that many turns, also asks for its constants of loop->ahead turns later, the last
   turn's if there are not so many. */
void tn_add_prefetch(tn_program *p, const tn_loop *loop, int64_t turns, const tn_var *lane, tn_stmt_vec *body);
/* Whether the expression, a function of var, can be evaluated for a vector of consecutive values of var. */
bool tn_can_vector(tn_program *p, const tn_expr *e, const tn_var *var);
/* What a vector statement may store: that, a dot product, or a vector narrowed to bytes. */
bool tn_can_store_vector(tn_program *p, const tn_expr *e, const tn_var *lane);
/* Whether every statement with a lane variable has a vector form. */
bool tn_stmt_is_vector_clean(tn_program *p, const tn_stmt *s);
/* Loads with their offset in memory as the only subscript. */
const tn_expr *tn_flatten_loads(tn_program *p, const tn_expr *e);

#endif
