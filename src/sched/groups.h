/* What was measured against what was predicted, in groups of cells: the cells of a grid while they are few, else
 * neighbours together, so that memory is bounded. A correction leans on that of the group's strip, and this on that of
 * everything, until it has seconds enough of its own. */
#ifndef SGDSWEEP_SCHED_GROUPS_H
#define SGDSWEEP_SCHED_GROUPS_H

#include "sgdsweep/sched.h"

struct group {
    double predicted_s, measured_s; /* of what is done */
    double left_s;                  /* predicted of what is to do, not corrected */
};

struct groups {
    struct group all;
    struct group *strip, *cell;
    int64_t cells, strips;             /* of the grid */
    int64_t cell_groups, strip_groups; /* in memory */
    double scale;                      /* what corrections make of all that is left */
    int64_t measured;                  /* blocks since scale was computed */
};

sgs_status groups_create(struct groups *groups, int64_t cells, int64_t strips, sgs_error *err);
void groups_clear(struct groups *groups);

/* So much of a cell is to do. */
void groups_expect(struct groups *groups, int64_t cell, double predicted_s);

/* So much of a cell was done in so many seconds. */
void groups_measure(struct groups *groups, int64_t cell, double predicted_s, double measured_s);

/* Factor for predicted seconds of a cell, of a strip, and of everything that is left. */
double groups_correction(const struct groups *groups, int64_t cell);
double groups_strip_correction(const struct groups *groups, int64_t strip);
static inline double groups_scale(const struct groups *groups)
{
    return groups->scale;
}

sgs_sched_accuracy groups_accuracy(const struct groups *groups);

#endif
