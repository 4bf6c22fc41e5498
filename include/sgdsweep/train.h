/** @file train.h
 *  Trainers. Two of them, with the same meaning: the lane kernel (fast, exact in the coordinates a_i) and the reference
 *  (plain gradient descent on dense orthonormal data in R^d, the oracle of the tests). Nothing here is collective. */
#ifndef SGDSWEEP_TRAIN_H
#define SGDSWEEP_TRAIN_H

#include "sgdsweep/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One run for a trainer to do. */
typedef struct sgs_job {
    sgs_run run;
    sgs_stop stop;
    int64_t tag; /**< the caller's, usually the run's index */
    const void *
        state; /**< of sgs_trainer_save, to continue from; NULL: from the start. Borrowed until the next call of next */
} sgs_job;

/** Where a trainer takes runs from and where it leaves results; called from sgs_trainer_advance only. */
typedef struct sgs_feed {
    /** Fill job with the next run and return true; false when there is none now. All runs of a trainer share
     * activation, sampling, d, n and b. */
    bool (*next)(void *context, sgs_job *job);
    /** A run ended; end is where, borrowed for the call (it is what `weights: final` stores). */
    void (*done)(void *context, const sgs_job *job, const sgs_result *result, sgs_point end);
    /** A run is at step record_steps[k]: the recordable measures (sgs_measure_recordable) and the point, borrowed. For
     * each run exactly once for every k, in order, all before `done`: after the end the end is repeated. Recording
     * changes no bit of a result. May be NULL, with record_count 0. */
    void (*record)(void *context, const sgs_job *job, int64_t k, const sgs_value *values, sgs_point at);
    const int64_t *record_steps; /**< [record_count] ascending, from 0; borrowed */
    int64_t record_count;
    /** Where the walk of a run is added up (sgs_walk_sum): [SGS_WALK_SUMS][walk_bins], set to zero when it starts,
     * kept by the caller beside the state of an unfinished run. Borrowed until advance returns. Watching changes no bit
     * of a result. May be NULL, with walk_bins 0. */
    sgs_value *(*walk)(void *context, const sgs_job *job);
    int32_t walk_bins; /**< equal bins of r over [-walk_range, walk_range], those at the ends open */
    double walk_range;
    void *context;
} sgs_feed;

/** The lane kernel for one block shape. Opaque; owns its memory. */
typedef struct sgs_trainer sgs_trainer;

/** Create a trainer for runs that share shape's activation, sampling, d, n and b (its other members are not read).
 *  @param[in] runs  how many runs there will be, about; decides the number of lanes, never the bits
 *  @return SGS_OK; SGS_ENOMEM; SGS_EINVAL: SGDSWEEP_ISA names an instruction set that is unknown or not there */
sgs_status sgs_trainer_create(const sgs_run *shape, int64_t runs, sgs_trainer **trainer, sgs_error *err);
void sgs_trainer_destroy(sgs_trainer *trainer);

/** Train for `steps` steps of every lane, one at least; lanes that end are refilled from the feed.
 *  Cutting work into calls never changes a result.
 *  @param[out] busy  lanes that still hold an unfinished run: 0 means that the feed is dry and all is done
 *  @return SGS_OK; SGS_ENOMEM; SGS_EDAMAGED: the state of a job is not one of its run (that run is not in a lane) */
sgs_status sgs_trainer_advance(sgs_trainer *trainer, const sgs_feed *feed, int64_t steps, int *busy, sgs_error *err);

/** Steps done so far, summed over lanes that held a run (what a rate is computed from). */
int64_t sgs_trainer_steps(const sgs_trainer *trainer);

/** Bytes of the state of one unfinished run of this trainer's shape. */
size_t sgs_trainer_state_bytes(const sgs_trainer *trainer);

/** Hand the state of every unfinished run to save, and drop the runs. A job with that state continues, in this trainer
 * or in any other of the same shape, instruction set or number of lanes, to the same bits. States are native to the
 * machine's byte order; the caller guards them against damage. */
sgs_status sgs_trainer_save(sgs_trainer *trainer,
                            void (*save)(void *context, const sgs_job *job, const void *state, size_t size),
                            void *context, sgs_error *err);

/** The same without dropping anything, lane by lane: what a checkpoint saves of a trainer that goes on. Number of
 * lanes; the job of one (its state is NULL), borrowed, NULL if it is idle; the state of a busy one,
 * sgs_trainer_state_bytes bytes. Between two calls of sgs_trainer_advance. */
int sgs_trainer_lanes(const sgs_trainer *trainer);
const sgs_job *sgs_trainer_job(const sgs_trainer *trainer, int lane);
void sgs_trainer_state(const sgs_trainer *trainer, int lane, void *state);

/** What a state says of its run. */
typedef struct sgs_state_info {
    int64_t steps;    /**< done */
    int64_t recorded; /**< steps of the record that are behind */
} sgs_state_info;

/** Look at size bytes that may be the state of job->run, stopped by job->stop; job->state is not read.
 *  @param[in] feed  its record_steps and record_count are read
 *  @return false: not a state of this run, or not one that a trainer with this record could have left */
bool sgs_state_look(const sgs_job *job, const void *state, size_t size, const sgs_feed *feed, sgs_state_info *info);

/** Drop every unfinished run (their results are lost; the runs can be done again). */
void sgs_trainer_drop(sgs_trainer *trainer);

/** "x86-64-v4", "x86-64-v3", "x86-64", or "baseline" on other architectures: what create would choose now. */
const char *sgs_trainer_isa(void);

/** Doubles in one of its vectors: trainers of fewer lanes save nothing. */
int sgs_trainer_vector(void);

/** Train one run with the reference: explicit w in R^d, dense orthonormal data by GSL from data_seed, per-sample
 *  gradients added up, the batches of sgs_batch_members, the stop rule of sgs_stop_reached at the checked steps. O(b d)
 * a step. Equal to the lane kernel within rounding where the map is not chaotic.
 *  @param[out] result  as the lane kernel's
 *  @return SGS_OK; SGS_ENOMEM */
sgs_status sgs_reference_train(const sgs_job *job, uint64_t data_seed, sgs_result *result, sgs_error *err);

#ifdef __cplusplus
}
#endif
#endif
