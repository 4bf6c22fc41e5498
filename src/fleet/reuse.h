/* Runs of other results files in a new one. */
#ifndef SGDSWEEP_FLEET_REUSE_H
#define SGDSWEEP_FLEET_REUSE_H

#include "fleet_private.h"

/* Rank 0, before anything is made: can every file of --reuse be read? */
sgs_status reuse_check(const struct sweep *sweep, sgs_error *err);

/* Copy into the open file what the others have of its runs, each rank a share. Collective.
 * SGS_EDAMAGED: two files have a run with different bytes; SGS_STOPPED. */
sgs_status reuse_coll(struct sweep *sweep, sgs_error *err);

#endif
