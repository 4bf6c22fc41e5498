/* The inside of the master, shared by its loop (master.c) and by what becomes of runs that change hands (handover.c).
 */
#ifndef SGDSWEEP_FLEET_MASTER_PRIVATE_H
#define SGDSWEEP_FLEET_MASTER_PRIVATE_H

#include "crew.h"
#include "fleet_private.h"
#include "retries.h"

/* A bundle that nobody has taken yet. */
struct stray {
    struct bundle *bundle;
    int giver;
};

/* A bundle on its way. The master waits for nobody: a rank may wait for it meanwhile. */
struct posted {
    struct bundle *bundle;
    MPI_Request request;
};

struct master {
    struct sweep *sweep;
    int trainers;
    struct crew *crew; /* NULL: dedicated */
    bool *idle;        /* ranks whose question is open */
    int64_t messages;  /* from workers */
    double messages_s; /* spent on them, answers included */
    int64_t *near;     /* the last run that a rank was given, -1: none yet */
    int idle_count, byes;
    int32_t ending; /* ORDER_END or ORDER_DROP once it was said */
    double flushed_s;
    struct retries retries;
    int64_t broken_in_a_row; /* blocks since the last that was done */
    sgs_share *share;
    struct stray *strays;
    int stray_count, stray_room;
    struct posted *posted;
    int posted_count, posted_room;
    bool own_dry;      /* the master's crew waits */
    int taking;        /* the rank whose bundles are being received; 0: none */
    sgs_status status; /* the first failure */
    sgs_error *err;
};

/* Keep the first failure, whose text is in *text, and stop. */
void master_fail(struct master *master, sgs_status status, const sgs_error *text);

/* Note that a rank was given a block. */
void handover_note(struct master *master, int rank, sgs_block block, double predicted_s);

/* Nothing waits: ask those who have most to hand over to those who have nothing. */
void handover_ask(struct master *master);

/* A rank answers; its bundles follow, and go to others. */
void handover_take(struct master *master, int rank, const struct report *report);

/* A rank asks for work: it gets runs that nobody has, if there are any. */
bool handover_answer(struct master *master, int rank);

/* A rank has nothing in hand. */
void handover_dry(struct master *master, int rank);

/* The last order to a rank at a stop, once it has given what it was asked for: runs of its that nobody has go back to
 * it, to be saved. */
void handover_drop(struct master *master, int rank);

/* The same for the master's own crew. */
void handover_drop_own(struct master *master);

/* All ranks have said their last: let go of everything. */
void handover_end(struct master *master);

#endif
