/* A thread that calls fdatasync on the results file every half a minute, on one rank per node, so that a power loss
 * costs little and errors of network file systems show up early. It makes no MPI and no HDF5 call. */
#ifndef SGDSWEEP_FLEET_SYNC_TIMER_H
#define SGDSWEEP_FLEET_SYNC_TIMER_H

#include "sgdsweep/store.h"

struct sync_timer;

/* Start the thread; the store is borrowed. jitter: any number, spreads the nodes in time. */
sgs_status sync_timer_start(sgs_store *store, unsigned jitter, struct sync_timer **timer, sgs_error *err);

/* What the last sync said; accepts NULL. */
sgs_status sync_timer_check(struct sync_timer *timer, sgs_error *err);

/* End the thread, sync once more, and tell if any sync failed. Accepts NULL. */
sgs_status sync_timer_stop(struct sync_timer *timer, sgs_error *err);

#endif
