/** @file sched.h
 *  The schedule: a pure state machine, no MPI, no clock, no file. It holds what is still to do as ranges of run indices
 *  with predicted costs, hands out blocks that shrink towards the end, long runs first, and knows what is done. The
 * schedule never changes a result. */
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

/** Speed of the machine: the seconds that a run costs whatever its length = run + point * n, doubles in a vector
 *  (sgs_trainer_vector), and what was measured of steps; other shapes follow from the nearest one of their kind. */
typedef struct sgs_speed {
    double run_s, point_s;
    int vector;
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

/** What trainers of each number of lanes cost for runs of one shape. */
enum { SGS_WIDTHS = 4 };
typedef struct sgs_widths {
    int count;
    int lanes[SGS_WIDTHS];   /**< ascending */
    double cost[SGS_WIDTHS]; /**< of a step of such a trainer, in steps of a run with all lanes busy */
    int few, many;           /**< places of the widest for fewer than 128 runs, and for more */
} sgs_widths;

/** @param[in] vector  doubles in a vector, as in sgs_speed */
sgs_widths sgs_predict_widths(const sgs_run *run, int vector);

/** Lanes of a trainer made for so many runs, and how much longer than predicted a run's steps take there, in seconds of
 *  the trainer divided by runs. */
int sgs_predict_lanes(const sgs_widths *widths, int64_t runs);
double sgs_predict_slowdown(const sgs_widths *widths, int64_t together);

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

/** The same for a trainer, instead of longest first: `near` is a run that it has in hand or had last, -1: none so far.
 *  Runs of the same strip can share its lanes, so it stays in its strip while there are any, unless much longer runs
 *  elsewhere would come too late; without a strip it goes where most is to do for each trainer. */
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

/* ---- the end: runs that change hands ------------------------------------------------------------------------------
 */

/** The end of a sweep: nothing waits any more, some trainers have nothing to do, others have long runs left. Who is
 *  asked to hand runs over, to how many, and what one who is asked does. Pure as the rest of the schedule: the time
 * comes from the caller, so that master and simulation decide alike. Handing runs over never changes a result.
 *
 *  Bounded: whoever hands over splits what he has into parts, so a run is handed over as often as a set can be split
 *  until it is alone, and no more; one who has nothing to give, or would not gain, says so and is left alone for a
 * while that doubles. */
typedef struct sgs_share sgs_share;

/** Trainers are numbered 0 .. trainers - 1. least_s: who is done within so many seconds is not asked; 0: the default.
 */
sgs_status sgs_share_create(int trainers, double least_s, sgs_share **share, sgs_error *err);
void sgs_share_destroy(sgs_share *share);

/** A trainer got runs that are predicted to take it so many seconds, or told that runs it has will take that. */
void sgs_share_took(sgs_share *share, int who, double now_s, int64_t runs, double seconds);

/** Runs of a trainer are done, or came back, or were handed over. share may be NULL. */
void sgs_share_left(sgs_share *share, int who, int64_t runs);

/** A trainer waits with empty hands. It does until it takes runs. */
void sgs_share_dry(sgs_share *share, int who);

/** The next trainer that waits with empty hands, and is now promised to the caller's runs; -1: none. */
int sgs_share_taker(sgs_share *share);

/** Nothing waits in the schedule: whom to ask now, and for how many trainers. Call until it says false.
 *  Every trainer that is asked must answer (sgs_share_answer), at most one question to it is open. */
bool sgs_share_ask(sgs_share *share, double now_s, int *giver, int *takers);

/** A trainer that was asked answers: parts it gives (0: none), and what it has left for itself. */
void sgs_share_answer(sgs_share *share, int giver, double now_s, int parts, double left_s);

/** Is a trainer's answer outstanding? */
bool sgs_share_is_asked(const sgs_share *share, int who);

/** Seconds that are lost where runs, so many of them begun, go on in another trainer: each begins with up to a stride
 * on its own. step_s: of a run's step where it was. And where that is another rank's. */
double sgs_share_restart_s(const sgs_run *run, const sgs_widths *widths, int64_t begun, double step_s);
double sgs_share_move_s(const sgs_run *run, const sgs_widths *widths, int64_t begun, double step_s);

/** Into how many parts, its own included, a trainer splits unfinished runs alike that will take it left_s: no more than
 *  takers + 1, and 1 where it would not gain more than moving costs.
 *  @param[in] move_s  seconds that handing over takes */
int sgs_share_parts(const sgs_widths *widths, int64_t unfinished, int takers, double left_s, double move_s);

/** The same for runs that it need not keep: at least 1, at most takers, each to another trainer. */
int sgs_share_parts_away(const sgs_widths *widths, int64_t unfinished, int takers);

/** A trainer with that many lanes has so few unfinished runs, and nothing else: would it gain from fewer lanes? */
bool sgs_share_narrows(const sgs_widths *widths, int lanes, int64_t unfinished, double left_s, double move_s);

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
    int64_t handed_over; /**< parts of blocks that changed hands at the end */
} sgs_simulation;

/** Do all that is to do in simulated time: every block takes what it is predicted to take. The schedule was started and
 *  is complete afterwards.
 *  @return SGS_OK; SGS_ERANGE: no trainer; SGS_ENOMEM */
sgs_status sgs_sched_simulate(sgs_sched *sched, const sgs_fleet *fleet, sgs_simulation *sum, sgs_error *err);

#ifdef __cplusplus
}
#endif
#endif
