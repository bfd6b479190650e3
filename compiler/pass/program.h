/* Passes over the program: between the graph's lowering and the kernels. Called in this order by tn_build_program. */
#ifndef TN_PASS_PROGRAM_H
#define TN_PASS_PROGRAM_H

#include "loop/loop.h"
#include "target/target.h"

bool tn_lower_graph(tn_arena *a, tn_graph *g, tn_program **out); /* operators to computations */
void tn_alias_views(tn_program *p);                              /* Reshape and its kin cost nothing */
void tn_fuse(tn_program *p);                                     /* elementwise producers and consumers */
void tn_choose_layouts(tn_program *p, const tn_target *t);       /* channels in blocks of a vector, borders of zeros */
bool tn_schedule(tn_program *p, const tn_target *t); /* rules: a schedule per computation; packs constants */
void tn_share_in_place(tn_program *p);               /* an elementwise result takes its operand's memory */

/* All of the above; level 0 leaves out fusion, layouts and rules. */
bool tn_build_program(tn_arena *a, tn_graph *g, const tn_target *t, int level, tn_program **out);

#endif
