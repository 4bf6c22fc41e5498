/* What the schedule tells its simulation. */
#ifndef SGDSWEEP_SCHED_PRIVATE_H
#define SGDSWEEP_SCHED_PRIVATE_H

#include "sgdsweep/sched.h"

const sgs_grid *sched_grid(const sgs_sched *sched);
const sgs_speed *sched_speed(const sgs_sched *sched);

/* Seconds of a trainer for so many runs, each of one second with all lanes busy. */
double sched_takes_s(const sgs_widths *widths, int64_t runs);

/* Seconds of a trainer of so many lanes while each of its runs does a second's work. */
double sched_lanes_s(const sgs_widths *widths, int lanes);

#endif
