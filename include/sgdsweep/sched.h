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

/** Seconds of one step of one run with all lanes busy, measured for one way to draw batches. */
typedef struct sgs_shape_speed {
    sgs_sampling sampling;
    int32_t n, b;
    double step_s;
} sgs_shape_speed;

enum { SGS_SPEED_SHAPES = 64 };

/** Speed of the machine: the seconds that a run costs whatever its length = run + point * n, and what was measured of
 *  steps; other shapes follow from the nearest one of their kind. */
typedef struct sgs_speed {
    double run_s, point_s;
    int shapes;
    sgs_shape_speed shape[SGS_SPEED_SHAPES];
} sgs_speed;

/** A machine that was not measured: the one that the fits were made on. */
sgs_speed sgs_speed_default(void);

/** Add a measured shape; false if there is no room or it is none. */
bool sgs_speed_add(sgs_speed *speed, sgs_shape_speed shape);

/** Predicted steps of a run until it ends (model.md section 5; capped by max_steps), and predicted seconds with all
 *  lanes busy. Not part of the bits: free to be improved. */
double sgs_predict_steps(const sgs_run *run, const sgs_stop *stop);
double sgs_predict_step_seconds(const sgs_run *run, const sgs_speed *speed);
double sgs_predict_seconds(const sgs_run *run, const sgs_stop *stop, const sgs_speed *speed);

/** Lanes of a trainer that has runs enough, and how much longer than predicted a run's steps take, in seconds of the
 *  trainer divided by runs, where only so many are in its lanes. */
int sgs_predict_lanes(const sgs_run *run);
double sgs_predict_slowdown(const sgs_run *run, int64_t together);

/** What a whole grid is predicted to take. */
typedef struct sgs_forecast {
    int64_t runs, cells; /**< of the grid, skipped ones included */
    int64_t skipped;     /**< runs whose batch size does not fit */
    double seconds;      /**< of all runs on one core, lanes busy */
    double longest_s;    /**< of the longest run, alone on a core: no number of ranks is faster */
} sgs_forecast;
sgs_forecast sgs_forecast_grid(const sgs_grid *grid, const sgs_speed *speed);

/** A range of runs inside one strip, handed out together. */
typedef struct sgs_block {
    int64_t first, count;
} sgs_block;

typedef struct sgs_sched sgs_sched;

/** Bytes of the results, records and weights of the largest block of a grid. */
int64_t sgs_sched_block_bytes_max(const sgs_grid *grid);

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

/** Runs of one cell that turned out to be needed after the start: they wait too. Not added before.
 *  @return SGS_OK; SGS_ERANGE: outside of the grid, of several cells, or before sgs_sched_start; SGS_ENOMEM */
sgs_status sgs_sched_extend(sgs_sched *sched, int64_t first, int64_t count, sgs_error *err);

/** All runs are added: put them in order. Once, before the first sgs_sched_next and any question.
 *  @return SGS_OK; SGS_ENOMEM */
sgs_status sgs_sched_start(sgs_sched *sched, sgs_error *err);

/** Hand out the next block: true and the block, or false when nothing is left to hand out (or, with waiting > 0, memory
 *  is). max_seconds > 0 bounds the predicted seconds of the block (a single run may exceed it) and prefers runs so
 *  short that a block full of them stays below it. */
bool sgs_sched_next(sgs_sched *sched, double max_seconds, sgs_block *block);

/** The same for a trainer that has run `near` in hand or had it last (-1: none): runs of the same strip can share its
 *  lanes, so they are preferred while there is so much left to do that the longest runs can wait. */
bool sgs_sched_next_near(sgs_sched *sched, double max_seconds, int64_t near, sgs_block *block);

/** Predicted seconds of a block, corrected by what was measured so far; and with all lanes busy, whatever was measured.
 */
double sgs_sched_block_seconds(sgs_sched *sched, sgs_block block);
double sgs_sched_block_predicted(sgs_sched *sched, sgs_block block);

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

/** Predictions against what was measured, in groups of one or more neighbouring cells. */
typedef struct sgs_sched_accuracy {
    double predicted_s, measured_s; /**< of what is done, by all trainers */
    int64_t cells;                  /**< groups with more than a second of work */
    int64_t within;                 /**< of these, predicted within a factor of 1.5 */
    double worst; /**< largest of predicted / measured and its inverse among them; 1 if there is none */
} sgs_sched_accuracy;
sgs_sched_accuracy sgs_sched_accuracy_now(const sgs_sched *sched);

/* ---- simulation ------------------------------------------------------------------------------------------------- */

/** Ranks in a simulation. */
typedef struct sgs_fleet {
    int ranks;
    bool dedicated;       /**< rank 0 does not train */
    double request_s;     /**< the master's time for a question and a report */
    double latency_s;     /**< of an answer on its way */
    double failure_gap_s; /**< mean time between failures of one rank; 0: none fails */
    double restart_s;     /**< after a failure the whole job begins again so much later */
    uint64_t seed;        /**< of the failures */
} sgs_fleet;

/** As measured on one machine; dedicated as `run` decides it. */
sgs_fleet sgs_fleet_default(int ranks);

typedef struct sgs_simulation {
    double makespan_s, busy_s; /**< until the last result is in; spent by all trainers */
    double efficiency;         /**< predicted seconds with all lanes busy / (ranks * makespan) */
    double master_s;           /**< spent on messages */
    int64_t blocks, messages, failures;
} sgs_simulation;

/** Do all that is to do in simulated time: every block takes what it is predicted to take. The schedule was started and
 *  is complete afterwards.
 *  @return SGS_OK; SGS_ERANGE: no trainer; SGS_ENOMEM */
sgs_status sgs_sched_simulate(sgs_sched *sched, const sgs_fleet *fleet, sgs_simulation *sum, sgs_error *err);

#ifdef __cplusplus
}
#endif
#endif
