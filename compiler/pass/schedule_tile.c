/* The register tile of a product: how many vectors by how many points, by counting the cycles of a step of its sum. Every
   tile that the registers hold is priced; the cheapest is taken. */
#include "pass/schedule.h"

static double larger(double x, double y)
{
    return x > y ? x : y;
}

/* What a tile's first and last steps wait for each other, whatever its size: of tiles that are as fast otherwise the larger
   one is right (measured on Zen 4: 1x1 from 64 to 64 channels in tiles of 13 instead of 4 pixels by 2 vectors 3 %; with 16
   registers, 3 pixels by 4 vectors instead of 2 by 4 half of the time). */
enum { START_CYCLES = 8 };

/* Cycles of a reduction step of px points by nb vectors: two multiply-adds and two loads a cycle, and a chain of
   multiply-adds per accumulator that needs eight of them in flight (latency 4). Weights that the first cache does not
   hold until the next points come from the second, at two cycles for a vector (measured on Zen 4: 197 rows by 192,
   3 x 4 vectors 83 GFLOP/s, 12 x 2 vectors 113, of 118). */
double tn_schedule_step_cycles(const tn_schedule *s, int64_t px, int64_t nb)
{
    double compute = larger((double)(px * nb) / 2, 4),
           load = ((double)px * s->point_load + (double)nb * s->vector_load) / 2;
    return larger(larger(compute, load), s->far_weights ? 2 * (double)nb : 0);
}

static double paced_cycles(const tn_schedule *s, int64_t px, int64_t nb)
{
    return tn_schedule_step_cycles(s, px, nb) + s->start;
}

static double tile_cycles(const tn_schedule *s, int64_t extent, int64_t px, int64_t nb)
{
    int64_t whole = extent / px, tail = extent % px, whole_nb = s->blocks / nb, tail_nb = s->blocks % nb;
    double row = (double)whole * paced_cycles(s, px, nb) + (tail > 0 ? paced_cycles(s, tail, nb) * 1.1 : 0), rest = 0;
    if (tail_nb > 0)
        rest = (double)whole * paced_cycles(s, px, tail_nb) + (tail > 0 ? paced_cycles(s, tail, tail_nb) : 0);
    return row * (double)whole_nb + rest * 1.1;
}

/* The weights of two vectors fill more than half of a first cache of 32 KiB. */
static bool has_far_weights(const tn_schedule *s)
{
    return tn_schedule_taps(s->c) * (double)(2 * s->lanes * tn_dtype_get(s->c->elem->dtype)->size) > 16384;
}

static void see_load(void *user, const tn_expr *load)
{
    tn_schedule *s = user;
    bool moves = tn_uses_var(load, s->c->axis[s->v].var);
    if (tn_dtype_is_half(load->dtype))
        *(moves ? &s->vector_load : &s->point_load) = moves ? 2 : 4;
}

/* 16-bit floats are widened as they are loaded, a single one on its way through a general register. */
static void weigh_loads(tn_schedule *s)
{
    s->point_load = s->vector_load = 1;
    tn_each_load(s->c->elem, see_load, s);
}

void tn_schedule_choose_tile(tn_schedule *s)
{
    weigh_loads(s);
    int64_t extent = s->pixel >= 0 ? tn_schedule_extent(&s->c->axis[s->pixel]) : 1;
    int64_t budget = s->t->registers > 4 ? s->t->registers - 4 : 1, most = extent == 1 ? 8 : 4;
    double best = 0;
    s->start = START_CYCLES / larger(1, tn_schedule_taps(s->c));
    s->far_weights = extent > 1 && has_far_weights(s); /* a single row reads all of them once, whatever the tile */
    for (int64_t nb = 1; nb <= most && nb <= s->blocks; nb++)
        for (int64_t px = 1; px <= extent && px * nb <= budget && (!s->grouped || s->blocks % nb == 0); px++) {
            double cost = tile_cycles(s, extent, px, nb);
            if (best == 0 || cost < best * 0.999) {
                best = cost;
                s->nb = nb;
                s->px = px;
            }
        }
}
