/* Saving the states of unfinished runs into this rank's state file.
 *
 * The file is replaced as a whole, so every save writes all runs whose state it is to hold: those that are old enough,
 * and those that the file holds already and that are not in the results file. Runs that ended since go out of it; their
 * results are brought to the disk first. */
#include "clock.h"
#include "crew_private.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* A checkpoint takes this share of the time at most. */
static const double SHARE_MAX = 0.05;

void crew_mind(struct crew *crew)
{
    if (crew->setup.checkpoint_s > 0)
        crew->save_due_s = fmin(crew->save_due_s, crew->now_s + crew->setup.checkpoint_s);
}

/* One round of saving. */
struct saving {
    struct crew *crew;
    double before_s; /* runs that went into a lane, or were last saved, before this time */
    sgs_state_file *file;
    void *state; /* room for one */
    int64_t saved, unsaved;
    bool stopping;
    sgs_error why; /* of the last one not saved */
};

static struct task_run *run_of(struct crew *crew, const sgs_job *job)
{
    struct task *task = crew_task_of(crew, job->tag);
    return task ? &task->runs[job->tag - task->block.first] : NULL;
}

static bool is_wanted(const struct saving *saving, const struct task_run *run)
{
    return run && (run->saved || run->since_s <= saving->before_s);
}

/* Does anything in the lanes need saving? */
static bool any_wanted(const struct saving *saving)
{
    const struct crew *crew = saving->crew;

    for (int lane = 0; crew->trainer && lane < sgs_trainer_lanes(crew->trainer); lane++) {
        const sgs_job *job = sgs_trainer_job(crew->trainer, lane);
        if (job && is_wanted(saving, run_of(saving->crew, job)))
            return true;
    }
    return false;
}

/* Add the run of a lane. SGS_OK also if there is no room for it under the limit. */
static sgs_status add_lane(struct saving *saving, int lane, const sgs_job *job)
{
    struct crew *crew = saving->crew;
    const size_t size = sgs_trainer_state_bytes(crew->trainer);
    const int64_t limit = crew->setup.state_bytes_max;

    sgs_trainer_state(crew->trainer, lane, saving->state);
    const sgs_saved_run saved = task_saved(crew_task_of(crew, job->tag), &crew->shape, job, saving->state, size);
    if (limit > 0 && sgs_saved_bytes(&saved) > limit - sgs_state_bytes(saving->file)) {
        (void)sgs_fail(&saving->why, SGS_OK,
                       "run %" PRId64 " takes %" PRId64 " bytes, and --checkpoint-max-bytes is %" PRId64, job->tag,
                       sgs_saved_bytes(&saved), limit);
        saving->unsaved++;
        return SGS_OK;
    }
    run_of(crew, job)->adding = true;
    saving->saved++;
    return sgs_state_add(saving->file, &saved, &saving->why);
}

static sgs_status add_lanes(struct saving *saving)
{
    struct crew *crew = saving->crew;
    sgs_status status = SGS_OK;

    for (int lane = 0; lane < sgs_trainer_lanes(crew->trainer) && status == SGS_OK; lane++) {
        const sgs_job *job = sgs_trainer_job(crew->trainer, lane);
        if (job && is_wanted(saving, run_of(crew, job)))
            status = add_lane(saving, lane, job);
    }
    return status;
}

/* Write the file; on failure the earlier one, if there is one, stays. */
static sgs_status write_file(struct saving *saving, int64_t *bytes)
{
    struct crew *crew = saving->crew;
    const struct crew_setup *setup = &crew->setup;
    sgs_status status = SGS_OK;

    if (crew->file_there) /* what ended since goes out of the file: its results must be on the disk */
        status = outlet_settle(setup->outlet, &saving->why);
    saving->state = malloc(sgs_trainer_state_bytes(crew->trainer));
    if (status == SGS_OK && !saving->state)
        status = sgs_fail(&saving->why, SGS_ENOMEM, "no memory for a state");
    if (status == SGS_OK)
        status = sgs_state_create(setup->states->path, setup->name, setup->grid, &saving->file, &saving->why);
    if (status == SGS_OK)
        status = add_lanes(saving);
    if (status == SGS_OK && saving->saved > 0) {
        *bytes = sgs_state_bytes(saving->file);
        status = sgs_state_publish(saving->file, &saving->why);
        crew->file_there |= status == SGS_OK;
    } else {
        sgs_state_discard(saving->file);
    }
    free(saving->state);
    return status;
}

/* Note in the runs what is saved now, and since when. */
static void note_saved(struct saving *saving, bool written)
{
    struct crew *crew = saving->crew;

    for (int lane = 0; lane < sgs_trainer_lanes(crew->trainer); lane++) {
        const sgs_job *job = sgs_trainer_job(crew->trainer, lane);
        struct task_run *run = job ? run_of(crew, job) : NULL;
        if (!is_wanted(saving, run))
            continue;
        run->saved = written ? run->adding : run->saved;
        run->adding = false;
        run->since_s = clock_now_s(); /* also if it failed: not again at once */
    }
}

static void save(struct saving *saving)
{
    struct crew *crew = saving->crew;
    const double began_s = clock_now_s();
    int64_t bytes = 0;
    sgs_status status = write_file(saving, &bytes);

    if (status != SGS_OK) {
        saving->unsaved += saving->saved;
        saving->saved = 0;
    }
    note_saved(saving, saving->saved > 0);
    struct report report = {.kind = REPORT_SAVED,
                            .saved = saving->saved,
                            .bytes = bytes,
                            .seconds = clock_now_s() - began_s,
                            .steps = crew->all_steps,
                            .stopping = saving->stopping};
    if (saving->saved > 0)
        crew_tell(crew, &report, NULL);
    report = (struct report){.kind = REPORT_UNSAVED, .unsaved = saving->unsaved, .stopping = saving->stopping};
    if (saving->unsaved > 0 || status != SGS_OK)
        crew_tell(crew, &report, &saving->why);
}

/* When the oldest run in the lanes will be old enough. */
static double next_due_s(struct crew *crew)
{
    double due_s = INFINITY;

    for (int lane = 0; crew->trainer && lane < sgs_trainer_lanes(crew->trainer); lane++) {
        const sgs_job *job = sgs_trainer_job(crew->trainer, lane);
        const struct task_run *run = job ? run_of(crew, job) : NULL;
        if (run)
            due_s = fmin(due_s, run->since_s + crew->setup.checkpoint_s);
    }
    return due_s;
}

sgs_status crew_checkpoint(struct crew *crew, sgs_error *err)
{
    sgs_status status = SGS_OK;
    const double began_s = clock_now_s();

    if (began_s < crew->save_due_s)
        return SGS_OK;
    for (int i = 0; i < crew->count && status == SGS_OK; i++)
        status = crew_pass_ended(crew, &crew->tasks[i], err);
    if (status != SGS_OK)
        return status;
    struct saving saving = {.crew = crew, .before_s = began_s - crew->setup.checkpoint_s / 2};
    if (any_wanted(&saving))
        save(&saving);
    const double ended_s = clock_now_s();
    crew->save_due_s = fmax(next_due_s(crew), ended_s + (ended_s - began_s) / SHARE_MAX);
    return SGS_OK;
}

void crew_save_all(struct crew *crew)
{
    struct saving saving = {.crew = crew, .before_s = INFINITY, .stopping = true};

    if (any_wanted(&saving)) {
        save(&saving);
    } else if (crew->file_there && outlet_settle(crew->setup.outlet, &saving.why) == SGS_OK) {
        (void)sgs_state_remove(crew->setup.states->path, crew->setup.name, NULL); /* all its runs are done */
        crew->file_there = false;
    }
}
