/* Does the next rank live? mpirun ends a job when a rank dies; srun does only if it was started with
 * --kill-on-bad-exit=1 or the site says so, else the others wait for ever, with MPI none the wiser. */
#ifndef SGDSWEEP_FLEET_WATCH_H
#define SGDSWEEP_FLEET_WATCH_H

#include "sgdsweep/base.h"
#include <mpi.h>

struct watch;

/* Under srun: ranks watch each other until watch_stop. When one dies, its two neighbours say so in a line and all end.
 * Collective. *watch is NULL where a launcher watches, or where no watch can be had; then `notice` says so, on every
 * rank. */
void watch_start_coll(MPI_Comm comm, struct watch **watch, char notice[SGS_ERROR_TEXT_BYTES]);

/* This rank ends in good order; the others may go on. Accepts NULL. */
void watch_stop(struct watch *watch);

#endif
