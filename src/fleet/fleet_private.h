/* What the parts of a sweep share. */
#ifndef SGDSWEEP_FLEET_PRIVATE_H
#define SGDSWEEP_FLEET_PRIVATE_H

#include "crew.h"
#include "event_log.h"
#include "outlet.h"
#include "progress.h"
#include "route.h"
#include "sgdsweep/fleet.h"
#include "sgdsweep/sched.h"
#include "sgdsweep/store.h"
#include "states.h"
#include "sync_timer.h"

/* What this life did, as rank 0 counts it. */
struct deeds {
    int64_t steps;                       /* trained */
    double stopping_s;                   /* when the stop was known; 0: it was not asked for */
    int64_t saved, saved_bytes, unsaved; /* runs whose state was saved at the stop, bytes of it, runs whose was not */
    int64_t failed;                      /* runs that broke too often */
    sgs_error failed_text;               /* the first of them */
    int64_t unsaved_said, broken_said;   /* lines about states that could not be saved, about broken blocks */
};

/* One sweep, on one rank. Members of rank 0 are NULL elsewhere. */
struct sweep {
    MPI_Comm comm; /* a duplicate of the caller's */
    int rank, size;
    const sgs_grid *grid;
    const sgs_sweep_options *options;
    double started_s;
    bool dedicated; /* rank 0 does not train */
    sgs_store *store;
    struct route route;      /* who writes */
    int *writers;            /* rank 0: who writes for each rank */
    struct outlet *outlet;   /* while training */
    struct states states;    /* of earlier lives */
    struct sync_timer *sync; /* on one rank per node */
    sgs_lock *lock;          /* rank 0 from here on */
    bool fresh;              /* the file was created in this life */
    bool synced;             /* what all ranks wrote is on the disk */
    bool reused;             /* and has runs of other files; on every rank */
    sgs_sched *sched;
    struct until *until; /* in grids with a rule for the number of seeds */
    int64_t settled;     /* on every rank: cells that the first scan made say what follows (until.h) */
    struct event_log *log;
    struct progress progress;
    struct deeds deeds;
};

/* sweep.c: the first of so many units in a rank's share; the share of rank `size` begins at the end. writes: the file
 * is written on the way, which may be rank 0's alone. */
int64_t sweep_share_begin(const struct sweep *sweep, int64_t units, int rank, bool writes);

/* Runs [first, end) that a rank reads, in chunks of at most SHARE_CHUNK. */
enum { SHARE_CHUNK = 16384 };

/* sweep.c: --max-seconds or the deadline is reached. */
bool sweep_time_is_up(const struct sweep *sweep);

/* sweep.c: what the crew of this rank is told. */
struct crew_setup sweep_crew_setup(const struct sweep *sweep, struct crew_sink sink);

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
