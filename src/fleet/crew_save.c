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

void crew_mind(struct crew *crew, double since_s)
{
    if (crew->setup.checkpoint_s > 0)
        crew->save_due_s = fmin(crew->save_due_s, since_s + crew->setup.checkpoint_s);
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

/* A run that was begun and has not ended: in a lane, or held. */
struct begun {
    struct task *task;
    struct task_run *run;
    const sgs_job *job; /* NULL: held */
    int next_lane, next_task;
    int64_t next_at;
};

static bool next_in_lane(struct crew *crew, struct begun *begun)
{
    while (crew->trainer && begun->next_lane < sgs_trainer_lanes(crew->trainer)) {
        begun->job = sgs_trainer_job(crew->trainer, begun->next_lane++);
        begun->task = begun->job ? crew_task_of(crew, begun->job->tag) : NULL;
        if (!begun->task)
            continue;
        begun->run = &begun->task->runs[begun->job->tag - begun->task->block.first];
        return true;
    }
    return false;
}

/* From {0} on: the next one; false if there is none. */
static bool next_begun(struct crew *crew, struct begun *begun)
{
    if (next_in_lane(crew, begun))
        return true;
    begun->job = NULL;
    for (; begun->next_task < crew->count + crew->kept_count; begun->next_task++, begun->next_at = 0) {
        const int i = begun->next_task;
        begun->task = i < crew->count ? &crew->tasks[i] : &crew->kept[i - crew->count];
        while (begun->next_at < begun->task->block.count) {
            begun->run = &begun->task->runs[begun->next_at++];
            if (begun->run->held)
                return true;
        }
    }
    return false;
}

static bool is_wanted(const struct saving *saving, const struct task_run *run)
{
    return run->saved || run->since_s <= saving->before_s;
}

static bool any_wanted(const struct saving *saving)
{
    struct begun begun = {0};

    while (next_begun(saving->crew, &begun))
        if (is_wanted(saving, begun.run))
            return true;
    return false;
}

/* The saved form of a run, as it is now. */
static sgs_status form_of(struct saving *saving, const struct begun *begun, sgs_saved_run *saved)
{
    struct crew *crew = saving->crew;

    if (!begun->job)
        return sgs_saved_decode(begun->run->held, begun->run->held_bytes, saved, &saving->why);
    sgs_trainer_state(crew->trainer, begun->next_lane - 1, saving->state);
    *saved = task_saved(begun->task, &crew->shape, begun->job, saving->state, sgs_trainer_state_bytes(crew->trainer));
    return SGS_OK;
}

/* Add a run. SGS_OK also if there is no room for it under the limit. */
static sgs_status add_run(struct saving *saving, const struct begun *begun)
{
    const int64_t limit = saving->crew->setup.state_bytes_max;
    sgs_saved_run saved;
    sgs_status status = form_of(saving, begun, &saved);

    if (status != SGS_OK)
        return status;
    if (limit > 0 && sgs_saved_bytes(&saved) > limit - sgs_state_bytes(saving->file)) {
        (void)sgs_fail(&saving->why, SGS_OK,
                       "run %" PRId64 " takes %" PRId64 " bytes, and --checkpoint-max-bytes is %" PRId64, saved.run,
                       sgs_saved_bytes(&saved), limit);
        saving->unsaved++;
        return SGS_OK;
    }
    begun->run->adding = true;
    saving->saved++;
    return sgs_state_add(saving->file, &saved, &saving->why);
}

static sgs_status add_runs(struct saving *saving)
{
    struct begun begun = {0};
    sgs_status status = SGS_OK;

    while (status == SGS_OK && next_begun(saving->crew, &begun))
        if (is_wanted(saving, begun.run))
            status = add_run(saving, &begun);
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
    saving->state = crew->trainer ? malloc(sgs_trainer_state_bytes(crew->trainer)) : NULL;
    if (status == SGS_OK && crew->trainer && !saving->state)
        status = sgs_fail(&saving->why, SGS_ENOMEM, "no memory for a state");
    if (status == SGS_OK)
        status = sgs_state_create(setup->states->path, setup->name, setup->grid, &saving->file, &saving->why);
    if (status == SGS_OK)
        status = add_runs(saving);
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
    struct begun begun = {0};

    while (next_begun(saving->crew, &begun)) {
        if (!is_wanted(saving, begun.run))
            continue;
        begun.run->saved = written ? begun.run->adding : begun.run->saved;
        begun.run->adding = false;
        begun.run->since_s = clock_now_s(); /* also if it failed: not again at once */
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

/* When the oldest run will be old enough. */
static double next_due_s(struct crew *crew)
{
    struct begun begun = {0};
    double due_s = INFINITY;

    while (next_begun(crew, &begun))
        due_s = fmin(due_s, begun.run->since_s + crew->setup.checkpoint_s);
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
    } else if (crew->file_there && !crew->gave_saved && outlet_settle(crew->setup.outlet, &saving.why) == SGS_OK) {
        (void)sgs_state_remove(crew->setup.states->path, crew->setup.name, NULL); /* all its runs are done */
        crew->file_there = false;
    }
}
