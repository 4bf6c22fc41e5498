/** @file trainer.h
 *  What the trainer's files share: the lanes and the history of the run in each. */
#ifndef SGS_TRAIN_TRAINER_H
#define SGS_TRAIN_TRAINER_H

#include "sgdsweep/train.h"
#include "train/lanes.h"

/** Norms at the last checks: enough for those of the last tenth of a run, of which there are at most nine. */
enum { CHECKS_KEPT = 16 };

/** The walk of one lane's pair. All zeros: nothing is known yet. */
typedef struct lane_walk {
    int32_t i, j;     /* the pair, i < j; both 0: to be found; i < 0: there is none */
    double from[2];   /* u_i and u_j at the start of the present unit; 0: it is not watched */
    double binned[2]; /* u_i and u_j that `bin` belongs to */
    int32_t bin;
    double S, N, square[2]; /* at the start of the present unit: S, N, a_i^2, a_j^2 */
    sgs_value *sums;        /* the caller's; NULL: to be asked for */
} lane_walk;

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
    lane_walk walk;
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
    int64_t walk_unit, walk_window; /* steps of a unit of the walk, and of those watched at the start of a stride */
    sgs_trainer *solo; /* one lane, for a restored run until it is in phase with the others; NULL until needed */
};

/** The walk of section 7 (walk.c). Set walk_unit and walk_window from the shape. */
void sgs_walk_plan(sgs_trainer *tr);

/** A run begins in lane l. */
void sgs_walk_begin(sgs_trainer *tr, const sgs_feed *feed, int l);

/** Forget where sums are added up. */
void sgs_walk_release(sgs_trainer *tr);

/** Before steps are taken: note where the pairs stand, if units begin now. Returns the most steps that may be taken. */
int64_t sgs_walk_note(sgs_trainer *tr, const sgs_feed *feed);

/** After `count` steps, before `phase` is moved on: add up what the units did that end now. */
void sgs_walk_add(sgs_trainer *tr, const sgs_feed *feed, int64_t count);

/** Write the unfinished run of lane l as a state of sgs_trainer_state_bytes bytes. */
void sgs_state_pack(const sgs_trainer *tr, int l, void *state);

/** Put a job with a state into lane l, which must be free; the lane's phase is that of the state. False: the bytes are
 * not a state of this job. */
bool sgs_state_unpack(sgs_trainer *tr, int l, const sgs_job *job);

/** Steps that a state of this job has behind it, or -1: the bytes are not a state of it. */
int64_t sgs_state_steps(const sgs_job *job);

#endif
