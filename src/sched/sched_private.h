/* What the schedule tells its simulation. */
#ifndef SGDSWEEP_SCHED_PRIVATE_H
#define SGDSWEEP_SCHED_PRIVATE_H

#include "sgdsweep/sched.h"

const sgs_grid *sched_grid(const sgs_sched *sched);

/* Predicted seconds of a block with all lanes busy, whatever was measured. */
double sched_block_predicted(sgs_sched *sched, sgs_block block);

#endif
