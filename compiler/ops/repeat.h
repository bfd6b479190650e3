/* Repeats in the graph, see repeat.c. */
#ifndef TN_REPEAT_H
#define TN_REPEAT_H

#include "ops/expand.h"

/* NULL after an error. trips counts only where there are no slices, which tell by themselves. */
tn_node *tn_call_repeat_begin(tn_expand *e, int64_t trips, int states, int slices, tn_value *const *in,
                              const int64_t *axes, const int64_t *reversed);
/* The same, of fewer turns where state `active`, one bool, is false before one. */
tn_node *tn_call_repeat_while(tn_expand *e, int active, int64_t trips, int states, int slices, tn_value *const *in,
                              const int64_t *axes, const int64_t *reversed);
tn_node *tn_call_repeat_end(tn_expand *e, const tn_node *begin, int states, int elements, tn_value *const *in,
                            const int64_t *axes, const int64_t *reversed);
/* v; the run ends with an error where agrees, a bool, is false. */
tn_value *tn_call_check(tn_expand *e, tn_value *agrees, tn_value *v);

bool tn_node_begins_repeat(const tn_node *n);
bool tn_node_ends_repeat(const tn_node *n);
/* A RepeatBegin whose repeat may take fewer turns than there are, or none. */
bool tn_node_may_stop(const tn_node *n);
/* Whether result i of a RepeatEnd is elements of turns, not a state. */
bool tn_node_joins_turns(const tn_node *n, int i);

#endif
