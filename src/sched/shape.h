/* What the cost of a run depends on besides its length: how its batches are drawn. */
#ifndef SGDSWEEP_SCHED_SHAPE_H
#define SGDSWEEP_SCHED_SHAPE_H

#include "sgdsweep/model.h"

static inline bool shape_is_full(const sgs_run *run)
{
    return run->n == 1 || (run->b == run->n && run->sampling != SGS_WITH_REPLACEMENT);
}

/* shuffle with a second batch in its epoch, and cyclic */
static inline bool shape_is_ordered(const sgs_run *run)
{
    return run->sampling == SGS_CYCLIC || (run->sampling == SGS_SHUFFLE && 2 * (int64_t)run->b <= run->n);
}

#endif
