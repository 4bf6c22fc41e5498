/* The inside of a crew, shared by training (crew.c), saving (crew_save.c) and handing over (crew_give.c). */
#ifndef SGDSWEEP_FLEET_CREW_PRIVATE_H
#define SGDSWEEP_FLEET_CREW_PRIVATE_H

#include "clock.h"
#include "crew.h"
#include "task.h"

enum { TASKS = 2 };

struct crew {
    struct crew_setup setup;
    struct row_shape shape;
    struct task tasks[TASKS]; /* oldest first */
    int count;
    struct task *kept; /* [kept_count] to be saved at the stop that comes */
    int kept_count;
    sgs_trainer *trainer; /* for runs of trainer_strip; NULL at first */
    int64_t trainer_strip, trainer_runs;
    int busy;         /* lanes with an unfinished run */
    int64_t narrowed; /* so many unfinished runs were thought about last: fewer lanes? */
    int64_t slice_steps;
    double now_s;   /* when the present slice began */
    double spent_s; /* training since the last block was told */
    int64_t spent_steps, all_steps;
    double strip_s; /* training and writing in the present strip, and steps */
    int64_t strip_steps;
    double save_due_s;  /* INFINITY: nothing in hand could be old enough */
    bool file_there;    /* this rank has a state file */
    bool gave_saved;    /* runs in it were handed over, and may not be saved there yet */
    void *restored;     /* the record that the last job's state is borrowed from */
    int64_t fed;        /* the run that the trainer was given last */
    struct rests rests; /* after one broke no new block for a while, so that another rank can have it */
    sgs_status trouble; /* in a call of the feed, which cannot fail */
    sgs_error trouble_text;
};

/* Give back runs of a task, from the at-th on: they failed for a reason of the machine. */
void crew_give_back(struct crew *crew, struct task *task, int64_t at, int64_t count, sgs_status status,
                    const sgs_error *text);

struct task *crew_task_of(struct crew *crew, int64_t run);

/* Pass on the runs of a task that have ended and were not passed on yet. */
sgs_status crew_pass_ended(struct crew *crew, struct task *task, sgs_error *err);

void crew_tell(struct crew *crew, const struct report *report, const sgs_error *text);

/* Write, tell and let go of the tasks whose runs have all ended. */
sgs_status crew_finish_tasks(struct crew *crew, sgs_error *err);

/* Take every run out of its lane and hold its state, to go on from in another trainer. SGS_ENOMEM: nothing has changed.
 */
sgs_status crew_shelve(struct crew *crew, sgs_error *err);

/* Go on with fewer lanes, if that is faster; no failure of it matters. */
void crew_narrow(struct crew *crew);

/* A run that was saved then goes into a lane, or one ends: there will be something to save. */
void crew_mind(struct crew *crew, double since_s);

/* If it is time: write what has ended, save the runs that are old enough. A failure to save is told, not returned. */
sgs_status crew_checkpoint(struct crew *crew, sgs_error *err);

/* Save every run that is under way, whatever its age. Told, never returned. */
void crew_save_all(struct crew *crew);

#endif
