/* What the rules choose for one computation before it is written as a schedule (sched/sched.h). schedule.c says which rule
   applies and fills a tn_schedule from top to bottom with the functions here; each group is a file. Axes are places in
   comp->axis (i0 i1 ...) or, where it says so, in comp->reduce (r0 r1 ...). */
#ifndef TN_PASS_SCHEDULE_H
#define TN_PASS_SCHEDULE_H
#include "pass/pass.h"
#include "sched/sched.h"

typedef struct tn_schedule {
    tn_program *p;
    const tn_target *t;
    tn_comp *c;
    int v, pixel;                                  /* axes: of the vectors, of the tile's points; pixel -1: none */
    int64_t lanes, blocks, nb, px;                 /* of a vector; vectors; vectors and points in a tile */
    bool grouped;                                  /* the vectors are of channels of a group, one of several */
    bool pads, covers;                             /* what becomes of a last vector that is not full */
    int64_t first[TN_MAX_AXES], last[TN_MAX_AXES]; /* points at the axis's two ends that are sections apart */
    bool product;                   /* of weights and what stands still along a vector: it has a register tile */
    double point_load, vector_load; /* what loading one of the tile's points, one vector of weights costs: 1 as float */
    double start;                   /* what a tile's first and last steps cost, by step of the reduction */
    bool far_weights;               /* those that the first cache does not hold until the next points */
    int64_t unroll;                 /* at most so many turns of a sum stand one behind the other */
    int main;                  /* the reduction axis that is split: the first, or the last where the order is fixed */
    int64_t r_block, r_unroll; /* of that; 0: not split */
    int slides;                /* the reduction axis whose loop comes before those of the others; 0: as they stand */
    bool dots;                 /* four turns of it are one dot product of bytes */
    int dot_axis;              /* which it was before it became the first */
} tn_schedule;

/* schedule_axes.c */
int64_t tn_schedule_extent(const tn_axis *a); /* 0: only the run knows */
double tn_schedule_taps(const tn_comp *c);
int tn_schedule_vector_axis(const tn_comp *c);       /* whose neighbours lie side by side in the result; -1: none */
int tn_schedule_pixel_axis(const tn_comp *c, int v); /* the last other one that turns at all; -1: none */
bool tn_schedule_is_picked(const tn_schedule *s, int i);
int tn_schedule_dim(tn_program *p, const tn_expr *load, tn_var *v); /* whose subscript is v; -1: none */
int tn_schedule_vector_dim(const tn_schedule *s, const tn_expr *load);

/* schedule_border.c */
bool tn_schedule_has_border(const tn_schedule *s, int i);
int64_t tn_schedule_inner_extent(const tn_schedule *s, int i);
void tn_schedule_choose_border(tn_schedule *s, int i, int64_t least);
bool tn_schedule_is_clipped(const tn_schedule *s, int r); /* r: of reduce */
bool tn_schedule_is_guarded(const tn_schedule *s);

/* schedule_vector.c: v, lanes, blocks, grouped, pads, covers; false: no vectors come of it. */
bool tn_schedule_choose_vector(tn_schedule *s);

/* schedule_tile.c: nb and px. */
void tn_schedule_choose_tile(tn_schedule *s);
double tn_schedule_step_cycles(const tn_schedule *s, int64_t px, int64_t nb);

/* schedule_sum.c: main, r_block, r_unroll, slides, dots. */
void tn_schedule_choose_sum(tn_schedule *s);
void tn_schedule_choose_dots(tn_schedule *s); /* dots and dot_axis alone; nothing is moved yet */

/* schedule_pack.c: the computation's constants in the order of the loops chosen. */
void tn_schedule_pack(tn_schedule *s);

/* schedule_text.c */
const char *tn_schedule_product_text(const tn_schedule *s);
const char *tn_schedule_vector_text(const tn_schedule *s);
const char *tn_schedule_lanes_text(tn_program *p, const tn_target *t, const tn_comp *c); /* NULL: not of that shape */

#endif
