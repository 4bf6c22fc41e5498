/* The speed of this machine for predictions: read from what bench printed, or measured for what a grid asks for. */
#ifndef SGDSWEEP_CLI_SPEED_H
#define SGDSWEEP_CLI_SPEED_H

#include "sgdsweep/sched.h"

/* From a file that `bench --json` wrote. SGS_EIO; SGS_EINVAL: not such a file, said with its name. */
sgs_status cli_speed_read(const char *path, sgs_speed *speed, sgs_error *err);

/* What is known of this machine without measuring. */
sgs_speed cli_speed_guess(void);

/* Measure the shapes that the most time of a grid is predicted for, and what a run costs, in about so many seconds,
 * while as many of this machine's cores as `ranks` are busy, 0: all of them. Neighbours cost speed. */
sgs_status cli_speed_measure(const sgs_grid *grid, int ranks, double seconds, sgs_speed *speed, sgs_error *err);

#endif
