#include "crew.h"
#include "clock.h"
#include "sgdsweep/train.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS = 2, LANES = 16 };

static const double SLICE_S = 0.001;
static const int64_t SLICE_STEPS_MAX = (int64_t)1 << 40;

/* A block in hand. results[i].status tells whether run i of it has ended. */
struct task {
    sgs_block block;
    int64_t strip;
    double predicted_s;
    int64_t taken, ended;
    sgs_result *results;
    sgs_value *records; /* as in sgs_rows, or NULL */
    double *weights;    /* as in sgs_rows, or NULL */
};

struct crew {
    const sgs_grid *grid; /* borrowed */
    sgs_store *store;     /* borrowed */
    struct crew_sink sink;
    int32_t features;                     /* 0: no weights */
    int64_t record_values, weight_values; /* of a run in a task's arrays */
    struct task tasks[TASKS];             /* oldest first */
    int count;
    sgs_trainer *trainer; /* for runs of trainer_strip; NULL at first */
    int64_t trainer_strip, trainer_runs;
    int busy; /* lanes with an unfinished run */
    int64_t slice_steps;
    double spent_s; /* training since the last block was told */
    int64_t spent_steps;
    bool feed_failed;
};

sgs_status crew_create(const sgs_grid *grid, sgs_store *store, struct crew_sink sink, struct crew **crew,
                       sgs_error *err)
{
    *crew = calloc(1, sizeof **crew);
    if (!*crew)
        return sgs_fail(err, SGS_ENOMEM, "no memory for a trainer");
    (*crew)->grid = grid;
    (*crew)->store = store;
    (*crew)->sink = sink;
    (*crew)->features = sgs_store_features(store);
    (*crew)->record_values = sgs_store_record_values(store);
    (*crew)->weight_values = sgs_store_weight_values(store);
    return SGS_OK;
}

static void task_clear(struct task *task)
{
    free(task->results);
    free(task->records);
    free(task->weights);
    *task = (struct task){0};
}

void crew_destroy(struct crew *crew)
{
    if (!crew)
        return;
    for (int i = 0; i < crew->count; i++)
        task_clear(&crew->tasks[i]);
    sgs_trainer_destroy(crew->trainer);
    free(crew);
}

bool crew_busy(const struct crew *crew)
{
    return crew->count > 0;
}

sgs_status crew_push(struct crew *crew, sgs_block block, double predicted_s, sgs_error *err)
{
    int64_t strip_first = 0;
    int64_t strip_runs = 1;
    struct task task = {.block = block, .predicted_s = predicted_s};

    if (crew->count == TASKS)
        return sgs_fail(err, SGS_EFAIL, "a block came that was not asked for");
    sgs_grid_strip(crew->grid, 0, &strip_first, &strip_runs);
    task.strip = block.first / strip_runs;
    task.results = calloc((size_t)block.count, sizeof *task.results);
    if (crew->record_values > 0)
        task.records = malloc((size_t)(block.count * crew->record_values) * sizeof *task.records);
    if (crew->weight_values > 0)
        task.weights = malloc((size_t)(block.count * crew->weight_values) * sizeof *task.weights);
    if (!task.results || (crew->record_values > 0 && !task.records) || (crew->weight_values > 0 && !task.weights)) {
        task_clear(&task);
        return sgs_fail(err, SGS_ENOMEM, "no memory for the results of %" PRId64 " runs", block.count);
    }
    crew->tasks[crew->count++] = task;
    return SGS_OK;
}

bool crew_wants(const struct crew *crew, double lead_s)
{
    const struct task *task = &crew->tasks[0];

    if (crew->count != 1)
        return crew->count == 0;
    bool draining = task->taken == task->block.count && 2 * task->ended >= task->block.count;
    return draining || task->predicted_s - crew->spent_s < lead_s;
}

/* ---- the feed of the trainer --------------------------------------------------------------------------------------
 */

static bool feed_next(void *context, sgs_job *job)
{
    struct crew *crew = context;

    for (int i = 0; i < crew->count && crew->tasks[i].strip == crew->trainer_strip; i++) {
        struct task *task = &crew->tasks[i];
        if (task->taken == task->block.count)
            continue;
        job->tag = task->block.first + task->taken++;
        if (sgs_grid_run(crew->grid, job->tag, &job->run, &job->stop))
            return true;
        crew->feed_failed = true; /* skipped runs are never handed out */
        return false;
    }
    return false;
}

static struct task *task_of(struct crew *crew, int64_t run)
{
    for (int i = 0; i < crew->count; i++) {
        struct task *task = &crew->tasks[i];
        if (run >= task->block.first && run - task->block.first < task->block.count)
            return task;
    }
    return NULL;
}

/* Keep the coordinates of a point as the k-th of a run's; columns beyond its n are empty. */
static void keep_weights(const struct crew *crew, struct task *task, const sgs_job *job, int64_t k, sgs_point point)
{
    double *row = task->weights + (job->tag - task->block.first) * crew->weight_values + k * crew->features;
    memcpy(row, point.a, (size_t)job->run.n * sizeof *row);
    for (int32_t i = job->run.n; i < crew->features; i++)
        row[i] = NAN;
}

static void feed_record(void *context, const sgs_job *job, int64_t k, const sgs_value *values, sgs_point at)
{
    struct crew *crew = context;
    struct task *task = task_of(crew, job->tag);
    int64_t steps = sgs_grid_record_count(crew->grid);

    if (!task) {
        crew->feed_failed = true;
        return;
    }
    if (task->records) {
        sgs_value *cell = task->records + (job->tag - task->block.first) * crew->record_values + k;
        for (int measure = 0; measure < SGS_MEASURES; measure++) {
            if (!sgs_grid_records(crew->grid, (sgs_measure)measure))
                continue;
            *cell = values[measure];
            cell += steps;
        }
    }
    if (sgs_grid_weights(crew->grid) == SGS_WEIGHTS_RECORD)
        keep_weights(crew, task, job, k, at);
}

static void feed_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    struct crew *crew = context;
    struct task *task = task_of(crew, job->tag);

    if (!task || !sgs_run_status_finished(result->status)) {
        crew->feed_failed = true;
        return;
    }
    int64_t at = job->tag - task->block.first;
    task->results[at] = *result;
    task->ended++;
    if (sgs_grid_weights(crew->grid) == SGS_WEIGHTS_FINAL)
        keep_weights(crew, task, job, 0, end);
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

/* A trainer for the strip of the oldest task; an idle one with fewer lanes than there are runs is replaced. */
static sgs_status fit_trainer(struct crew *crew, sgs_error *err)
{
    int64_t runs = runs_in_hand(crew);
    bool narrow = crew->busy == 0 && crew->trainer_runs < LANES && crew->trainer_runs < runs;
    sgs_run shape;
    sgs_stop stop;

    if (crew->trainer && crew->trainer_strip == crew->tasks[0].strip && !narrow)
        return SGS_OK;
    sgs_trainer_destroy(crew->trainer);
    crew->trainer = NULL;
    if (!sgs_grid_run(crew->grid, crew->tasks[0].block.first, &shape, &stop))
        return sgs_fail(err, SGS_EFAIL, "run %" PRId64 " was handed out but is skipped", crew->tasks[0].block.first);
    sgs_status status = sgs_trainer_create(&shape, runs, &crew->trainer, err);
    crew->trainer_strip = crew->tasks[0].strip;
    crew->trainer_runs = runs;
    crew->slice_steps = 64;
    return status;
}

static sgs_status write_piece(struct crew *crew, const struct task *task, int64_t at, int64_t count, sgs_error *err)
{
    const sgs_rows rows = {
        .results = task->results + at,
        .records = task->records ? task->records + at * crew->record_values : NULL,
        .weights = task->weights ? task->weights + at * crew->weight_values : NULL,
    };
    sgs_block piece = {task->block.first + at, count};
    sgs_status status = sgs_store_write(crew->store, piece.first, count, &rows, err);

    if (status != SGS_OK)
        return sgs_fail_in(err, status, "runs %" PRId64 " + %" PRId64, piece.first, count);
    struct report report = {.kind = REPORT_DONE, .block = piece, .seconds = crew->spent_s, .steps = crew->spent_steps};
    crew->spent_s = 0;
    crew->spent_steps = 0;
    crew->sink.tell(crew->sink.context, &report);
    return SGS_OK;
}

/* Write, tell and let go of the tasks whose runs have all ended. */
static sgs_status finish_tasks(struct crew *crew, sgs_error *err)
{
    for (int i = 0; i < crew->count;) {
        struct task *task = &crew->tasks[i];
        if (task->ended < task->block.count) {
            i++;
            continue;
        }
        double began = clock_now_s();
        sgs_status status = write_piece(crew, task, 0, task->block.count, err);
        if (status != SGS_OK)
            return status;
        crew->spent_s += clock_now_s() - began; /* goes to the next block: the sum is right */
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

sgs_status crew_slice(struct crew *crew, sgs_error *err)
{
    const sgs_feed feed = {
        .next = feed_next,
        .done = feed_done,
        .record = feed_record,
        .record_steps = sgs_grid_record_steps(crew->grid),
        .record_count = sgs_grid_record_count(crew->grid),
        .context = crew,
    };
    double began = clock_now_s();
    sgs_status status = fit_trainer(crew, err);

    if (status != SGS_OK)
        return status;
    int64_t steps = sgs_trainer_steps(crew->trainer);
    double ready = clock_now_s();
    status = sgs_trainer_advance(crew->trainer, &feed, crew->slice_steps, &crew->busy, err);
    if (status != SGS_OK)
        return status;
    double ended = clock_now_s();
    adjust_slice(crew, ended - ready);
    crew->spent_s += ended - began;
    crew->spent_steps += sgs_trainer_steps(crew->trainer) - steps;
    if (crew->feed_failed)
        return sgs_fail(err, SGS_EFAIL, "the trainer and its feed do not agree about a run");
    bool dry = crew->busy == 0 && crew->tasks[0].ended < crew->tasks[0].block.count;
    if (dry && crew->tasks[0].taken == crew->tasks[0].block.count)
        return sgs_fail(err, SGS_EFAIL, "the trainer lost a run of block %" PRId64, crew->tasks[0].block.first);
    return finish_tasks(crew, err);
}

/* The pieces of one task: finished ones are written and told as done, the others told as returned. */
static sgs_status drop_task(struct crew *crew, const struct task *task, sgs_error *err)
{
    for (int64_t at = 0; at < task->block.count;) {
        bool ended = task->results[at].status != SGS_RUN_PENDING;
        int64_t end = at + 1;
        while (end < task->block.count && (task->results[end].status != SGS_RUN_PENDING) == ended)
            end++;
        if (ended) {
            sgs_status status = write_piece(crew, task, at, end - at, err);
            if (status != SGS_OK)
                return status;
        } else {
            struct report report = {.kind = REPORT_RETURN, .block = {task->block.first + at, end - at}};
            crew->sink.tell(crew->sink.context, &report);
        }
        at = end;
    }
    return SGS_OK;
}

sgs_status crew_drop(struct crew *crew, sgs_error *err)
{
    sgs_status status = SGS_OK;

    if (crew->trainer)
        sgs_trainer_drop(crew->trainer);
    crew->busy = 0;
    for (int i = 0; i < crew->count; i++) {
        if (status == SGS_OK)
            status = drop_task(crew, &crew->tasks[i], err);
        task_clear(&crew->tasks[i]);
    }
    crew->count = 0;
    crew->spent_s = 0;
    return status;
}
