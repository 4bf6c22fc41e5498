/** @file trainer.h
 *  What the trainer's files share: the lanes and the history of the run in each. */
#ifndef SGS_TRAIN_TRAINER_H
#define SGS_TRAIN_TRAINER_H

#include "sgdsweep/train.h"
#include "train/lanes.h"

/** Norms at the last checks: enough for those of the last tenth of a run, of which there are at most nine. */
enum { CHECKS_KEPT = 16 };

/** History of one lane's run. */
typedef struct lane_run {
    sgs_job job;
    bool busy;
    int64_t next_check, steps_norm, steps_sparse;
    int64_t check_t[CHECKS_KEPT];
    double check_N[CHECKS_KEPT][2]; /* at the check, and one step of the full gradient further */
    int checks;
    int64_t recorded; /* steps of the record that are behind */
    bool start_kept;  /* in the lane's row of `starts` */
    double start_outside;
} lane_run;

struct sgs_trainer {
    sgs_lanes *lanes;
    sgs_run shape;
    int64_t stride, sum_stride, phase;
    int64_t clock, steps; /* steps taken by all lanes together; by lanes that held a run, summed */
    int busy;
    double *end, *start; /* [n] each */
    double *starts;      /* [lanes][n], the runs' starts where they began here; NULL for large n */
    lane_run run[SGS_LANES_MAX];
    sgs_trainer *solo; /* one lane, for a restored run until it is in phase with the others; NULL until needed */
};

/** Write the unfinished run of lane l as a state of sgs_trainer_state_bytes bytes. */
void sgs_state_pack(const sgs_trainer *tr, int l, void *state);

/** Put a job with a state into lane l, which must be free; the lane's phase is that of the state. False: the bytes are
 * not a state of this job. */
bool sgs_state_unpack(sgs_trainer *tr, int l, const sgs_job *job);

/** Steps that a state of this job has behind it, or -1: the bytes are not a state of it. */
int64_t sgs_state_steps(const sgs_job *job);

#endif
