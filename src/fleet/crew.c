#include "clock.h"
#include "crew_private.h"
#include "until.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16 };

static const double SLICE_S = 0.001;
static const int64_t SLICE_STEPS_MAX = (int64_t)1 << 40;

sgs_status crew_create(const struct crew_setup *setup, struct crew **crew, sgs_error *err)
{
    *crew = calloc(1, sizeof **crew);
    if (!*crew)
        return sgs_fail(err, SGS_ENOMEM, "no memory for a trainer");
    (*crew)->setup = *setup;
    (*crew)->shape = (struct row_shape){.grid = setup->grid,
                                        .features = sgs_store_features(setup->store),
                                        .record_values = sgs_store_record_values(setup->store),
                                        .weight_values = sgs_store_weight_values(setup->store)};
    (*crew)->save_due_s = INFINITY;
    return SGS_OK;
}

void crew_destroy(struct crew *crew)
{
    if (!crew)
        return;
    for (int i = 0; i < crew->count; i++)
        task_clear(&crew->tasks[i]);
    for (int i = 0; i < crew->kept_count; i++)
        task_clear(&crew->kept[i]);
    free(crew->kept);
    sgs_trainer_destroy(crew->trainer);
    free(crew->restored);
    free(crew);
}

bool crew_busy(const struct crew *crew)
{
    return crew->count > 0;
}

int64_t crew_steps(const struct crew *crew)
{
    return crew->all_steps;
}

void crew_tell(struct crew *crew, const struct report *report, const sgs_error *text)
{
    crew->setup.sink.tell(crew->setup.sink.context, report, text);
}

bool crew_is_machine(sgs_status status)
{
    return status == SGS_EIO || status == SGS_ENOMEM;
}

/* follows: it broke by the same failure as the one before. */
static void tell_broken(struct crew *crew, sgs_block block, bool follows, sgs_status status, const sgs_error *text)
{
    const struct report report = {.kind = REPORT_BROKEN,
                                  .status = (int32_t)status,
                                  .block = block,
                                  .rank = (int32_t)crew->setup.name.rank,
                                  .follows = follows};

    if (!follows)
        rests_begin(&crew->rests);
    crew_tell(crew, &report, text);
}

void crew_give_back(struct crew *crew, struct task *task, int64_t at, int64_t count, sgs_status status,
                    const sgs_error *text)
{
    task_let_go(task, at, count);
    tell_broken(crew, (sgs_block){task->block.first + at, count}, false, status, text);
}

static int64_t strip_of(const struct crew *crew, sgs_block block)
{
    int64_t first = 0;
    int64_t runs = 1;

    sgs_grid_strip(crew->setup.grid, 0, &first, &runs);
    return block.first / runs;
}

sgs_status crew_push(struct crew *crew, sgs_block block, double predicted_s, sgs_error *err)
{
    struct task *task = &crew->tasks[crew->count];
    sgs_error text;

    if (crew->count == TASKS)
        return sgs_fail(err, SGS_EFAIL, "a block came that was not asked for");
    sgs_status status = task_init(task, &crew->shape, block, &text);
    if (status != SGS_OK) {
        tell_broken(crew, block, false, status, &text);
        return SGS_OK;
    }
    task->strip = strip_of(crew, block);
    task->predicted_s = predicted_s;
    task->run_s = predicted_s / (double)block.count;
    crew->count++;
    return SGS_OK;
}

/* A task of a bundle; whatever lies between its runs is another rank's. */
static sgs_status unpack(struct crew *crew, const struct bundle *bundle, struct task *task, sgs_error *err)
{
    int64_t before = 0;
    const double now_s = clock_now_s();
    sgs_status status = task_init(task, &crew->shape, bundle->span, err);

    if (status != SGS_OK)
        return status;
    task->strip = strip_of(crew, bundle->span);
    task->predicted_s = bundle->left_s;
    task->run_s = bundle->run_s;
    for (int64_t i = 0; i < bundle->count && status == SGS_OK; i++) {
        const struct bundle_run *from = &bundle->at[i];
        const int64_t place = from->run - bundle->span.first;
        sgs_saved_run saved;
        task_let_go(task, before, place - before);
        before = place + 1;
        if (from->bytes == 0)
            continue;
        status = sgs_saved_decode(bundle_record(bundle, from), from->bytes, &saved, err);
        if (status == SGS_OK)
            status = task_hold(task, &saved, err);
        task->runs[place].since_s = now_s - from->age_s;
        crew_mind(crew, task->runs[place].since_s);
    }
    if (status != SGS_OK)
        task_clear(task);
    return status;
}

/* The stretches of neighbouring runs of a bundle, one after the other. */
static bool next_stretch(const struct bundle *bundle, int64_t *at, sgs_block *stretch)
{
    if (*at == bundle->count)
        return false;
    *stretch = (sgs_block){bundle->at[*at].run, 0};
    while (*at < bundle->count && bundle->at[*at].run == stretch->first + stretch->count) {
        stretch->count++;
        ++*at;
    }
    return true;
}

void crew_push_bundle(struct crew *crew, const struct bundle *bundle)
{
    sgs_error text;
    sgs_block stretch;
    int64_t at = 0;
    sgs_status status = crew->count < TASKS ? unpack(crew, bundle, &crew->tasks[crew->count], &text)
                                            : sgs_fail(&text, SGS_EFAIL, "runs came that were not asked for");

    crew->count += status == SGS_OK;
    for (bool follows = false; status != SGS_OK && next_stretch(bundle, &at, &stretch); follows = true)
        tell_broken(crew, stretch, follows, status, &text); /* they start over */
}

void crew_keep(struct crew *crew, const struct bundle *bundle)
{
    sgs_error text;
    sgs_block stretch;
    int64_t at = 0;
    struct task *grown = realloc(crew->kept, ((size_t)crew->kept_count + 1) * sizeof *grown);
    sgs_status status = SGS_OK;

    if (grown)
        crew->kept = grown;
    else
        status = sgs_fail(&text, SGS_ENOMEM, "no memory for runs that were handed over");
    if (status == SGS_OK)
        status = unpack(crew, bundle, &crew->kept[crew->kept_count], &text);
    crew->kept_count += status == SGS_OK;
    if (status == SGS_OK)
        return;
    const struct report unsaved = {.kind = REPORT_UNSAVED, .unsaved = bundle->count, .stopping = true};
    crew_tell(crew, &unsaved, &text);
    while (next_stretch(bundle, &at, &stretch)) {
        const struct report report = {.kind = REPORT_RETURN, .block = stretch};
        crew_tell(crew, &report, NULL);
    }
}

bool crew_wants(const struct crew *crew, double lead_s)
{
    const struct task *task = &crew->tasks[0];

    if (outlet_rests(crew->setup.outlet) || rests_now(&crew->rests))
        return false;
    if (crew->count != 1)
        return crew->count == 0;
    bool draining = task->taken == task->block.count && 2 * task->ended >= task->block.count;
    return draining || task->predicted_s - crew->spent_s < lead_s;
}

/* ---- the feed of the trainer --------------------------------------------------------------------------------------
 */

/* Keep the first trouble; the slice returns it. */
static void keep_trouble(struct crew *crew, sgs_status status, const sgs_error *text)
{
    if (crew->trouble != SGS_OK)
        return;
    crew->trouble = status;
    crew->trouble_text = *text;
}

static void disagree(struct crew *crew)
{
    sgs_error text;
    keep_trouble(crew, sgs_fail(&text, SGS_EFAIL, "the trainer and its feed do not agree about a run"), &text);
}

/* A run that was saved goes on from there. One whose state is of no use starts over, which changes no result; a state
 * that cannot be had now, for want of memory or of the disk, is worth another try: false, and the run is given back. */
static bool restore_saved(struct crew *crew, struct task *task, sgs_job *job)
{
    const struct state_entry *entry = states_find(crew->setup.states, job->tag);
    sgs_saved_run saved;
    sgs_error text;

    if (!entry)
        return true;
    free(crew->restored);
    sgs_status status = states_read(crew->setup.states, entry, &crew->restored, &saved, &text);
    if (status == SGS_OK)
        status = task_restore(task, &crew->shape, &saved, job, &text);
    if (crew_is_machine(status)) {
        crew_give_back(crew, task, job->tag - task->block.first, 1, status, &text);
        return false;
    }
    const struct report report = {
        .kind = status == SGS_OK ? REPORT_RESTORED : REPORT_IGNORED, .block = {job->tag, 1}, .steps = entry->steps};
    crew_tell(crew, &report, &text);
    return true;
}

/* The same for a run that is held. */
static bool restore(struct crew *crew, struct task *task, sgs_job *job)
{
    struct task_run *run = &task->runs[job->tag - task->block.first];
    sgs_saved_run saved;
    sgs_error text;

    if (!run->held) {
        run->since_s = crew->now_s;
        return restore_saved(crew, task, job);
    }
    free(crew->restored);
    crew->restored = run->held;
    run->held = NULL;
    sgs_status status = sgs_saved_decode(crew->restored, run->held_bytes, &saved, &text);
    if (status == SGS_OK)
        status = task_restore(task, &crew->shape, &saved, job, &text);
    if (status == SGS_OK)
        return true;
    const struct report report = {.kind = REPORT_IGNORED, .block = {job->tag, 1}};
    crew_tell(crew, &report, &text);
    run->since_s = crew->now_s;
    return true;
}

/* The next run of a task; false if there is none. */
static bool feed_from(struct crew *crew, struct task *task, sgs_job *job)
{
    while (task->taken < task->block.count && crew->trouble == SGS_OK) {
        const int64_t at = task->taken++;
        if (task->runs[at].ended)
            continue;
        job->tag = task->block.first + at;
        if (!sgs_grid_run(crew->setup.grid, job->tag, &job->run, &job->stop)) {
            disagree(crew); /* skipped runs are never handed out */
        } else if (restore(crew, task, job)) {
            crew->fed = job->tag;
            crew_mind(crew, task->runs[at].since_s);
            return true;
        }
    }
    return false;
}

static bool feed_next(void *context, sgs_job *job)
{
    struct crew *crew = context;

    for (int i = 0; i < crew->count && crew->tasks[i].strip == crew->trainer_strip; i++)
        if (feed_from(crew, &crew->tasks[i], job))
            return true;
    return false;
}

struct task *crew_task_of(struct crew *crew, int64_t run)
{
    for (int i = 0; i < crew->count; i++) {
        struct task *task = &crew->tasks[i];
        int64_t at = run - task->block.first;
        /* a run that was given back, and came again in another block, belongs to that one */
        if (at >= 0 && at < task->block.count && !task->runs[at].written)
            return task;
    }
    return NULL;
}

static void feed_record(void *context, const sgs_job *job, int64_t k, const sgs_value *values, sgs_point at)
{
    struct crew *crew = context;
    struct task *task = crew_task_of(crew, job->tag);

    if (task)
        task_record(task, &crew->shape, job, k, values, at);
    else
        disagree(crew);
}

static sgs_value *feed_walk(void *context, const sgs_job *job)
{
    struct crew *crew = context;
    struct task *task = crew_task_of(crew, job->tag);

    if (task)
        return task_walk(task, &crew->shape, job);
    disagree(crew);
    return NULL;
}

static void feed_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    struct crew *crew = context;
    struct task *task = crew_task_of(crew, job->tag);

    if (task && sgs_run_status_finished(result->status)) {
        task_end(task, &crew->shape, job, result, end);
        crew_mind(crew, crew->now_s);
    } else {
        disagree(crew);
    }
}

/* ---- slices -------------------------------------------------------------------------------------------------------
 */

static int64_t runs_in_hand(const struct crew *crew)
{
    int64_t runs = 0;
    for (int i = 0; i < crew->count && crew->tasks[i].strip == crew->tasks[0].strip; i++)
        runs += crew->tasks[i].block.count - crew->tasks[i].ended;
    return runs;
}

/* A trainer for the strip of the oldest task; one with fewer lanes than there are runs for is replaced when it is idle,
 * and when it has far too few. */
static sgs_status fit_trainer(struct crew *crew, sgs_error *err)
{
    int64_t runs = runs_in_hand(crew);
    bool narrow = crew->busy == 0 && crew->trainer_runs < LANES && crew->trainer_runs < runs;
    sgs_run shape;
    sgs_stop stop;
    sgs_error unheard; /* it goes on with the lanes it has */

    if (crew->trainer && crew->busy > 0 && 4 * crew->trainer_runs <= (runs < LANES ? runs : LANES))
        narrow = crew_shelve(crew, &unheard) == SGS_OK;

    if (crew->trainer && crew->trainer_strip == crew->tasks[0].strip && !narrow)
        return SGS_OK;
    sgs_trainer_destroy(crew->trainer);
    crew->trainer = NULL;
    if (!sgs_grid_run(crew->setup.grid, crew->tasks[0].block.first, &shape, &stop))
        return sgs_fail(err, SGS_EFAIL, "run %" PRId64 " was handed out but is skipped", crew->tasks[0].block.first);
    sgs_status status = sgs_trainer_create(&shape, runs, &crew->trainer, err);
    if (crew->trainer_strip != crew->tasks[0].strip) {
        crew->strip_s = 0;
        crew->strip_steps = 0;
    }
    crew->trainer_strip = crew->tasks[0].strip;
    crew->trainer_runs = runs;
    crew->narrowed = INT64_MAX;
    crew->slice_steps = 64;
    return status;
}

/* Blocks share the lanes, so the seconds of one are its part of the steps that the trainer took for all. */
static double piece_seconds(const struct crew *crew, const struct task *task, int64_t at, int64_t count)
{
    double steps = 0;

    for (int64_t i = at; i < at + count; i++)
        steps += (double)task->results[i].value[SGS_STEPS].integer;
    return crew->strip_steps > 0 && steps > 0 ? steps / (double)crew->strip_steps * crew->strip_s : crew->spent_s;
}

static sgs_status pass_piece(struct crew *crew, struct task *task, int64_t at, int64_t count, sgs_error *err)
{
    const sgs_rows rows = task_rows(task, &crew->shape, at);
    const sgs_block piece = {task->block.first + at, count};
    struct report report = {.kind = REPORT_DONE,
                            .block = piece,
                            .seconds = piece_seconds(crew, task, at, count),
                            .steps = crew->spent_steps,
                            .rank = (int32_t)crew->setup.name.rank};
    sgs_status status = SGS_OK;

    if (sgs_grid_until(crew->setup.grid))
        status = until_evidence(crew->setup.grid, piece, rows.results, &report.evidence, err);
    if (status != SGS_OK)
        return status;
    crew->spent_s = 0;
    crew->spent_steps = 0;
    crew->rests.failures = 0;
    for (int64_t i = at; i < at + count; i++)
        task->runs[i].written = true;
    return outlet_put(crew->setup.outlet, &report, &rows, err);
}

sgs_status crew_pass_ended(struct crew *crew, struct task *task, sgs_error *err)
{
    sgs_status status = SGS_OK;

    for (int64_t at = 0; at < task->block.count && status == SGS_OK;) {
        int64_t end = at;
        while (end < task->block.count && task->runs[end].ended && !task->runs[end].written)
            end++;
        if (end > at)
            status = pass_piece(crew, task, at, end - at, err);
        at = end > at ? end : at + 1;
    }
    return status;
}

sgs_status crew_finish_tasks(struct crew *crew, sgs_error *err)
{
    for (int i = 0; i < crew->count;) {
        struct task *task = &crew->tasks[i];
        if (task->ended < task->block.count) {
            i++;
            continue;
        }
        double began = clock_now_s();
        sgs_status status = crew_pass_ended(crew, task, err);
        if (status != SGS_OK)
            return status;
        crew->strip_s += clock_now_s() - began; /* goes to the next block */
        task_clear(task);
        crew->count--;
        memmove(task, task + 1, (size_t)(crew->count - i) * sizeof *task);
        crew->tasks[crew->count] = (struct task){0};
    }
    if (crew->count == 0)
        crew->spent_s = 0;
    return SGS_OK;
}

/* Steps of the next slice, from what this one took. */
static void adjust_slice(struct crew *crew, double took_s)
{
    double factor = fmin(fmax(SLICE_S / fmax(took_s, 1e-9), 0.25), 4);
    double steps = fmax(1, (double)crew->slice_steps * factor);
    crew->slice_steps = steps < (double)SLICE_STEPS_MAX ? (int64_t)steps : SLICE_STEPS_MAX;
}

/* Train, and count. */
static sgs_status advance(struct crew *crew, sgs_error *err)
{
    const sgs_feed feed = {
        .next = feed_next,
        .done = feed_done,
        .record = feed_record,
        .record_steps = sgs_grid_record_steps(crew->setup.grid),
        .record_count = sgs_grid_record_count(crew->setup.grid),
        .walk = feed_walk,
        .walk_bins = sgs_grid_walk_bins(crew->setup.grid),
        .walk_range = sgs_grid_walk_range(crew->setup.grid),
        .context = crew,
    };
    int64_t before = sgs_trainer_steps(crew->trainer);
    double began = clock_now_s();
    sgs_status status = sgs_trainer_advance(crew->trainer, &feed, crew->slice_steps, &crew->busy, err);

    adjust_slice(crew, clock_now_s() - began);
    crew->spent_steps += sgs_trainer_steps(crew->trainer) - before;
    crew->strip_steps += sgs_trainer_steps(crew->trainer) - before;
    crew->all_steps += sgs_trainer_steps(crew->trainer) - before;
    if (status != SGS_OK || crew->trouble == SGS_OK)
        return status;
    status = crew->trouble;
    if (err)
        *err = crew->trouble_text;
    return status;
}

/* Give back what of a task is not in the file. */
static sgs_status give_back_rest(struct crew *crew, struct task *task, sgs_status why, const sgs_error *text,
                                 sgs_error *err)
{
    sgs_status status = crew_pass_ended(crew, task, err);

    for (int64_t at = 0; at < task->block.count && status == SGS_OK;) {
        int64_t end = at;
        while (end < task->block.count && !task->runs[end].written)
            end++;
        if (end > at)
            crew_give_back(crew, task, at, end - at, why, text);
        at = end > at ? end : at + 1;
    }
    return status;
}

/* There was no memory for a trainer, or for the run that it was given last: those runs are for another try. */
static sgs_status give_back_untrained(struct crew *crew, sgs_status why, const sgs_error *text, sgs_error *err)
{
    struct task *task = crew->trainer ? crew_task_of(crew, crew->fed) : &crew->tasks[0];

    if (!task)
        return sgs_fail(err, SGS_EFAIL, "the trainer was given a run of no block");
    if (!crew->trainer)
        return give_back_rest(crew, task, why, text, err);
    crew_give_back(crew, task, crew->fed - task->block.first, 1, why, text);
    return SGS_OK;
}

sgs_status crew_slice(struct crew *crew, sgs_error *err)
{
    sgs_error text = {""};

    crew->now_s = clock_now_s();
    sgs_status status = fit_trainer(crew, &text);
    if (status == SGS_OK)
        status = advance(crew, &text);
    if (status == SGS_ENOMEM)
        status = give_back_untrained(crew, status, &text, &text);
    if (status != SGS_OK) {
        if (err)
            *err = text;
        return status;
    }
    crew->spent_s += clock_now_s() - crew->now_s;
    crew->strip_s += clock_now_s() - crew->now_s;
    bool dry = crew->busy == 0 && crew->tasks[0].ended < crew->tasks[0].block.count;
    if (dry && crew->tasks[0].taken == crew->tasks[0].block.count)
        return sgs_fail(err, SGS_EFAIL, "the trainer lost a run of block %" PRId64, crew->tasks[0].block.first);
    status = crew_finish_tasks(crew, err);
    crew_narrow(crew);
    return status == SGS_OK ? crew_checkpoint(crew, err) : status;
}

/* ---- stopping -----------------------------------------------------------------------------------------------------
 */

/* Tell the runs of a task that are not in the file as returned, those that were saved apart from the others. */
static void return_task(struct crew *crew, const struct task *task)
{
    for (int64_t at = 0; at < task->block.count;) {
        const struct task_run *run = &task->runs[at];
        int64_t end = at + 1;
        while (end < task->block.count && task->runs[end].written == run->written &&
               task->runs[end].saved == run->saved)
            end++;
        struct report report = {.kind = REPORT_RETURN, .block = {task->block.first + at, end - at}};
        report.saved = run->saved ? end - at : 0;
        if (!run->written)
            crew_tell(crew, &report, NULL);
        at = end;
    }
}

sgs_status crew_stop(struct crew *crew, sgs_error *err)
{
    sgs_status status = SGS_OK;

    for (int i = 0; i < crew->count && status == SGS_OK; i++)
        status = crew_pass_ended(crew, &crew->tasks[i], err);
    if (status == SGS_OK)
        status = outlet_flush(crew->setup.outlet, err);
    crew_save_all(crew);
    if (crew->trainer)
        sgs_trainer_drop(crew->trainer);
    crew->busy = 0;
    for (int i = 0; i < crew->count; i++) {
        return_task(crew, &crew->tasks[i]);
        task_clear(&crew->tasks[i]);
    }
    for (int i = 0; i < crew->kept_count; i++) {
        return_task(crew, &crew->kept[i]);
        task_clear(&crew->kept[i]);
    }
    crew->count = crew->kept_count = 0;
    crew->spent_s = 0;
    return status;
}
