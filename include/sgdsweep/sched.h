/** @file sched.h
 *  The schedule: a pure state machine, no MPI, no clock, no file. It holds what is still to do as ranges of run indices
 *  with predicted costs, hands out blocks, longest predicted first and shrinking towards the end, and knows what is
 * done. The schedule never changes a result. */
#ifndef SGDSWEEP_SCHED_H
#define SGDSWEEP_SCHED_H

#include "sgdsweep/grid.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Speed of the machine: seconds for one step of one run = step + member * min(b, n - b) (without replacement), and the
 *  seconds that one run costs whatever its length = run + point * n. */
typedef struct sgs_speed {
    double step_s, member_s, run_s, point_s;
} sgs_speed;

/** A guess for an unmeasured machine. */
sgs_speed sgs_speed_default(void);

/** Predicted steps of a run until it ends (model.md section 5; capped by max_steps), and predicted seconds. Not part of
 *  the bits: free to be improved. */
double sgs_predict_steps(const sgs_run *run, const sgs_stop *stop);
double sgs_predict_seconds(const sgs_run *run, const sgs_stop *stop, const sgs_speed *speed);

/** What a whole grid is predicted to take. */
typedef struct sgs_forecast {
    int64_t runs, cells; /**< of the grid, skipped ones included */
    int64_t skipped;     /**< runs whose batch size does not fit */
    double seconds;      /**< of all runs on one core */
    double longest_s;    /**< of the longest run */
} sgs_forecast;
sgs_forecast sgs_forecast_grid(const sgs_grid *grid, const sgs_speed *speed);

/** A range of runs inside one strip, handed out together. */
typedef struct sgs_block {
    int64_t first, count;
} sgs_block;

typedef struct sgs_sched sgs_sched;

/** Create a schedule over a grid for a number of trainers; nothing is to do yet. The grid is borrowed. */
sgs_status sgs_sched_create(const sgs_grid *grid, int trainers, const sgs_speed *speed, sgs_sched **sched,
                            sgs_error *err);
void sgs_sched_destroy(sgs_sched *sched);

/** Add runs to do: [first, first + count) from a scan; pending[i] tells if run first + i is to do (skipped ones never
 * are). Call in ascending order of first, before sgs_sched_start.
 *  @return SGS_OK; SGS_ERANGE: outside of the grid, out of order or too late; SGS_ENOMEM */
sgs_status sgs_sched_add(sgs_sched *sched, int64_t first, int64_t count, const bool *pending, sgs_error *err);

/** The same for a range that is to do as a whole (skipped runs in it are left out). */
sgs_status sgs_sched_add_range(sgs_sched *sched, int64_t first, int64_t count, sgs_error *err);

/** All runs are added: put them in order. Once, before the first sgs_sched_next and any question.
 *  @return SGS_OK; SGS_ENOMEM */
sgs_status sgs_sched_start(sgs_sched *sched, sgs_error *err);

/** Hand out the next block: true and the block, or false when nothing is left to hand out (or, with waiting > 0, memory
 *  is). max_seconds > 0 bounds the predicted seconds of the block (a single run may exceed it) and prefers runs so
 *  short that a block full of them stays below it. */
bool sgs_sched_next(sgs_sched *sched, double max_seconds, sgs_block *block);

/** Predicted seconds of a block, corrected by what was measured so far. */
double sgs_sched_block_seconds(const sgs_sched *sched, sgs_block block);

/** A block, or a part of it, came back finished, with the seconds it took; or it did not (its trainer was stopped or
 *  failed): it is to do again.
 *  @return SGS_OK; SGS_ERANGE: not handed out; SGS_ENOMEM */
sgs_status sgs_sched_done(sgs_sched *sched, sgs_block block, double seconds, sgs_error *err);
sgs_status sgs_sched_return(sgs_sched *sched, sgs_block block, sgs_error *err);

/** Runs that are to do in all, not handed out, handed out and not back, done; predicted seconds, in all and of what is
 *  not done, corrected by what was measured so far. */
typedef struct sgs_sched_progress {
    int64_t total, waiting, out, done;
    double total_s, left_s;
} sgs_sched_progress;
sgs_sched_progress sgs_sched_progress_now(const sgs_sched *sched);

#ifdef __cplusplus
}
#endif
#endif
