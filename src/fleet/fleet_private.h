/* What the parts of a sweep share. */
#ifndef SGDSWEEP_FLEET_PRIVATE_H
#define SGDSWEEP_FLEET_PRIVATE_H

#include "event_log.h"
#include "progress.h"
#include "sgdsweep/fleet.h"
#include "sgdsweep/sched.h"
#include "sgdsweep/store.h"
#include "sync_timer.h"

/* One sweep, on one rank. Members of rank 0 are NULL elsewhere. */
struct sweep {
    MPI_Comm comm; /* a duplicate of the caller's */
    int rank, size;
    const sgs_grid *grid;
    const sgs_sweep_options *options;
    double started_s;
    bool dedicated; /* rank 0 does not train */
    sgs_store *store;
    struct sync_timer *sync; /* on one rank per node */
    sgs_lock *lock;          /* rank 0 from here on */
    bool fresh;              /* the file was created in this life */
    sgs_sched *sched;
    struct event_log *log;
    struct progress progress;
};

/* Runs [first, end) that a rank reads, in chunks of at most SHARE_CHUNK. */
enum { SHARE_CHUNK = 16384 };

/* sweep.c: --max-seconds or the deadline is reached. */
bool sweep_time_is_up(const struct sweep *sweep);

/* master.c and worker.c: train until the master says END. Not collective; every rank of the sweep calls one of them.
 * Return SGS_OK, SGS_STOPPED (master only) or what failed on this rank. */
sgs_status master_run(struct sweep *sweep, sgs_error *err);
sgs_status worker_run(struct sweep *sweep, sgs_error *err);

/* scan.c: every rank checks its share of the file and rank 0 adds what is to do to its schedule. tally is of all ranks.
 * Collective. */
sgs_status scan_pending_coll(struct sweep *sweep, sgs_tally *tally, sgs_error *err);

/* scan.c: every rank reads back its share of the closed file. tally is of all ranks. Collective.
 * SGS_EDAMAGED if anything is not as it was written. */
sgs_status scan_back_coll(struct sweep *sweep, sgs_tally *tally, sgs_error *err);

#endif
