/* A block in hand: the rows that its runs fill, and how far each run is. */
#ifndef SGDSWEEP_FLEET_TASK_H
#define SGDSWEEP_FLEET_TASK_H

#include "sgdsweep/sched.h"
#include "sgdsweep/store.h"
#include "sgdsweep/train.h"

/* What a run leaves in a row besides its result; of a grid. */
struct row_shape {
    const sgs_grid *grid;
    int32_t features;                     /* 0: no weights */
    int64_t record_values, weight_values; /* of a run, as in sgs_rows */
};

struct task_run {
    double since_s; /* when it went into a lane, or was last saved */
    void *held;     /* the record to go on from, of a run that was begun and is in no lane; NULL: none */
    int64_t held_bytes, held_steps;
    bool ended;   /* its row is whole, or it was given back as broken */
    bool written; /* and in the file, or not this rank's to write any more */
    bool saved;   /* stands in this rank's state file */
    bool adding;  /* and in the one being written */
};

struct task {
    sgs_block block;
    int64_t strip;
    double run_s;         /* predicted of one run, with all lanes busy */
    double predicted_s;   /* of all */
    int64_t taken, ended; /* runs up to here were handed to the trainer; that ended */
    struct task_run *runs;
    sgs_result *results;
    sgs_value *records; /* as in sgs_rows, or NULL */
    double *weights;    /* as in sgs_rows, or NULL */
};

sgs_status task_init(struct task *task, const struct row_shape *shape, sgs_block block, sgs_error *err);
void task_clear(struct task *task);

/* The rows of a task from run `at` on. */
sgs_rows task_rows(const struct task *task, const struct row_shape *shape, int64_t at);

/* Runs of a task are named by their index in the grid from here on. */

/* Keep what a run is at its k-th recorded step, and at its end. */
void task_record(struct task *task, const struct row_shape *shape, const sgs_job *job, int64_t k,
                 const sgs_value *values, sgs_point at);
/* Where the walk of a run is added up: behind the record in its row. */
sgs_value *task_walk(struct task *task, const struct row_shape *shape, const sgs_job *job);
void task_end(struct task *task, const struct row_shape *shape, const sgs_job *job, const sgs_result *result,
              sgs_point end);

/* Let go of runs, from the at-th on: they failed for a reason of the machine, or are another rank's. */
void task_let_go(struct task *task, int64_t at, int64_t count);

/* Keep the saved form of a run to go on from, as a record of its own. SGS_ENOMEM */
sgs_status task_hold(struct task *task, const sgs_saved_run *saved, sgs_error *err);

/* The saved form of a run at a state of its trainer; all borrowed. */
sgs_saved_run task_saved(const struct task *task, const struct row_shape *shape, const sgs_job *job, const void *state,
                         size_t size);

/* Put back what was saved of a run: its rows, and its state into job (borrowed from saved).
 *  @return SGS_OK; SGS_EINVAL: not a state that this program could have saved of this run */
sgs_status task_restore(struct task *task, const struct row_shape *shape, const sgs_saved_run *saved, sgs_job *job,
                        sgs_error *err);

#endif
