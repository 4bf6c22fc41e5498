/* Blocks that broke for a reason of the machine: how often, where, and who tries them next. A pure state machine.
 *
 * A rank whose memory or disk is bad breaks whatever it is given, in no time, while others are busy: so a block's next
 * try is for a rank that has not broken it, and whose writer has not. Once there is none such, it is for any but the
 * one that was last.
 *
 * Invariants: entries overlap none; one that waits is in nobody's hand; a run that is in the file, or was given up, is
 * in no entry. Memory: one entry a piece that broke and is not done. */
#ifndef SGDSWEEP_FLEET_RETRIES_H
#define SGDSWEEP_FLEET_RETRIES_H

#include "sgdsweep/sched.h"

enum { RETRIES_MAX = 3 };

struct retries {
    struct retry {
        sgs_block block;
        int times;
        int rank[RETRIES_MAX]; /* that broke it, the last one last; [times] */
        bool waiting;
    } * at;
    size_t count, capacity;
};

/* A block, or a part of one, broke on a rank: it waits for another try, or is forgotten after RETRIES_MAX of them.
 * Returns how often it did by now, 1 for the first time; 0: no memory. */
int retries_broken(struct retries *retries, sgs_block block, int rank);

/* Ranks first .. end - 1 train. */
struct trainers {
    int first, end;
    const int *writer; /* of each rank from 0 on; NULL: itself */
};

/* A block that waits and that this rank, one of the trainers, is to try; false if there is none. */
bool retries_take(struct retries *retries, int rank, const struct trainers *trainers, sgs_block *block);

/* A block, or a part of one, is in the file. */
void retries_done(struct retries *retries, sgs_block block);

void retries_clear(struct retries *retries);

#endif
