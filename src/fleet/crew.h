/* The trainer of one rank: takes blocks, trains them in slices of about a millisecond, and passes each on to the
 * results file (outlet.h) when its last run ends. No MPI in here; master and workers use it alike.
 *
 * Two blocks at most are in hand, so that the second fills the lanes that the first leaves empty (when both are of one
 * strip) and nobody waits for an answer. A run's result depends on neither.
 *
 * Long runs: every `checkpoint_s` of work the states of unfinished runs go to the rank's state file, and at a stop all
 * of them; a run that was saved in an earlier life goes on from there. */
#ifndef SGDSWEEP_FLEET_CREW_H
#define SGDSWEEP_FLEET_CREW_H

#include "bundle.h"
#include "outlet.h"
#include "states.h"

struct crew;

/* All borrowed. */
struct crew_setup {
    const sgs_grid *grid;
    sgs_store *store;
    struct outlet *outlet;       /* takes the rows of finished runs */
    const struct states *states; /* of earlier lives */
    sgs_state_name name;         /* of this rank's state file */
    double checkpoint_s;         /* 0: only at a stop */
    int64_t state_bytes_max;     /* of this rank's state file; 0: no limit */
    bool give_always;            /* hand over what is asked for, whether it gains or not */
    struct crew_sink sink;
};

sgs_status crew_create(const struct crew_setup *setup, struct crew **crew, sgs_error *err);
void crew_destroy(struct crew *crew);

/* Take a block; there must be room (crew_wants). */
sgs_status crew_push(struct crew *crew, sgs_block block, double predicted_s, sgs_error *err);

/* Take a bundle; there must be room. It is copied. */
void crew_push_bundle(struct crew *crew, const struct bundle *bundle);

/* Take a bundle that crew_stop, which follows, is to save. It is copied. */
void crew_keep(struct crew *crew, const struct bundle *bundle);

/* What was handed over. */
struct gift {
    struct bundle **bundles; /* [count] the taker's */
    int count;
    double left_s; /* predicted for what the crew keeps */
};

/* Others, so many, have nothing to do: hand over unfinished runs, or none if that would not gain. */
sgs_status crew_give(struct crew *crew, int takers, struct gift *gift, sgs_error *err);
void gift_clear(struct gift *gift);

/* true if a block asked for now, to arrive in lead_s seconds, would come not too early. */
bool crew_wants(const struct crew *crew, double lead_s);

bool crew_busy(const struct crew *crew);

/* Steps trained so far. */
int64_t crew_steps(const struct crew *crew);

/* A status that another try, here or elsewhere, may not give. */
bool crew_is_machine(sgs_status status);

/* Train for a slice; pass on what is complete; save states if it is time. */
sgs_status crew_slice(struct crew *crew, sgs_error *err);

/* Stop: write the finished pieces of unfinished blocks, save the runs that are under way, tell the rest as
 * returned. A state that cannot be saved is told and costs its run a start from the beginning, no more. */
sgs_status crew_stop(struct crew *crew, sgs_error *err);

#endif
