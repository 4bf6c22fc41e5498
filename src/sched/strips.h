/* Who works where: of each strip the predicted seconds that wait, and the trainers whose lanes have its runs. A trainer
 * that changes its strip waits for the last runs of the old one with most lanes empty, so it should change seldom, and
 * strips should get trainers in proportion to their work: then they come to their ends together. Numbers of trainers
 * are a guide: blocks that are tried again go another way, and a trainer that takes short runs only is no help. */
#ifndef SGDSWEEP_SCHED_STRIPS_H
#define SGDSWEEP_SCHED_STRIPS_H

#include "groups.h"
#include "pieces.h"

struct strip {
    double waiting_s; /* predicted, not corrected */
    int64_t trainers;
};

struct strips {
    struct strip *at; /* NULL: too many, nobody looks */
    int64_t *live;    /* [live_count] strips that may have waiting runs, in no order */
    int64_t live_count;
};

/* SGS_OK also where strips are so many that looking through them would take longer than a trainer may wait. */
sgs_status strips_create(struct strips *strips, int64_t count, sgs_error *err);
void strips_clear(struct strips *strips);

/* So many seconds more, or less, wait in a strip. */
void strips_wait(struct strips *strips, int64_t strip, double seconds);

/* A trainer goes from a strip, -1: from none, to a strip. */
void strips_move(struct strips *strips, int64_t from, int64_t to);

/* Where a trainer that has lanes of strip `own` (-1: none) is needed most, as the place of a piece; pieces->count:
 * nowhere. */

/* Among strips that nobody works on, or so few that they have far more than share_s each to do, with runs that take at
 * least run_s (not corrected): the longest runs. */
size_t strips_neglected(struct strips *strips, struct pieces *pieces, const struct groups *groups, int64_t own,
                        double share_s, double run_s);

/* The longest runs of the strip with most to do for each trainer, one more included. */
size_t strips_busiest(struct strips *strips, struct pieces *pieces, const struct groups *groups);

#endif
