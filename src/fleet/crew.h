/* The trainer of one rank: takes blocks, trains them in slices of about a millisecond, writes each into the results
 * file when its last run ends, and says so. No MPI in here; master and workers use it alike.
 *
 * Two blocks at most are in hand, so that the second fills the lanes that the first leaves empty (when both are of one
 * strip) and nobody waits for an answer. A run's result depends on neither. */
#ifndef SGDSWEEP_FLEET_CREW_H
#define SGDSWEEP_FLEET_CREW_H

#include "message.h"
#include "sgdsweep/store.h"

struct crew;

/* Where done and dropped blocks are told. */
struct crew_sink {
    void (*tell)(void *context, const struct report *report);
    void *context;
};

sgs_status crew_create(const sgs_grid *grid, sgs_store *store, struct crew_sink sink, struct crew **crew,
                       sgs_error *err);
void crew_destroy(struct crew *crew);

/* Take a block; there must be room (crew_wants). */
sgs_status crew_push(struct crew *crew, sgs_block block, double predicted_s, sgs_error *err);

/* true if a block asked for now, to arrive in lead_s seconds, would come not too early. */
bool crew_wants(const struct crew *crew, double lead_s);

bool crew_busy(const struct crew *crew);

/* Train for a slice; write and tell what is complete. */
sgs_status crew_slice(struct crew *crew, sgs_error *err);

/* Stop: write and tell the finished pieces of unfinished blocks, tell the rest as returned. */
sgs_status crew_drop(struct crew *crew, sgs_error *err);

#endif
