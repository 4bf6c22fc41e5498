#include "task.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

sgs_status task_init(struct task *task, const struct row_shape *shape, sgs_block block, sgs_error *err)
{
    const size_t count = (size_t)block.count;

    *task = (struct task){.block = block};
    task->runs = calloc(count, sizeof *task->runs);
    task->results = calloc(count, sizeof *task->results);
    if (shape->record_values > 0)
        task->records = calloc(count, (size_t)shape->record_values * sizeof *task->records);
    if (shape->weight_values > 0)
        task->weights = calloc(count, (size_t)shape->weight_values * sizeof *task->weights);
    bool whole = task->runs && task->results && (shape->record_values == 0 || task->records) &&
                 (shape->weight_values == 0 || task->weights);
    if (whole)
        return SGS_OK;
    task_clear(task);
    return sgs_fail(err, SGS_ENOMEM, "no memory for the results of %" PRId64 " runs", block.count);
}

void task_clear(struct task *task)
{
    for (int64_t i = 0; task->runs && i < task->block.count; i++)
        free(task->runs[i].held);
    free(task->runs);
    free(task->results);
    free(task->records);
    free(task->weights);
    *task = (struct task){0};
}

sgs_rows task_rows(const struct task *task, const struct row_shape *shape, int64_t at)
{
    return (sgs_rows){
        .results = task->results + at,
        .records = task->records ? task->records + at * shape->record_values : NULL,
        .weights = task->weights ? task->weights + at * shape->weight_values : NULL,
    };
}

/* Keep the coordinates of a point as the k-th of a run's; columns beyond its n are empty. */
static void keep_weights(struct task *task, const struct row_shape *shape, const sgs_job *job, int64_t k,
                         sgs_point point)
{
    double *row = task->weights + (job->tag - task->block.first) * shape->weight_values + k * shape->features;
    memcpy(row, point.a, (size_t)job->run.n * sizeof *row);
    for (int32_t i = job->run.n; i < shape->features; i++)
        row[i] = NAN;
}

void task_record(struct task *task, const struct row_shape *shape, const sgs_job *job, int64_t k,
                 const sgs_value *values, sgs_point at)
{
    if (task->records) {
        sgs_value *cell = task->records + (job->tag - task->block.first) * shape->record_values + k;
        for (int measure = 0; measure < SGS_MEASURES; measure++) {
            if (!sgs_grid_records(shape->grid, (sgs_measure)measure))
                continue;
            *cell = values[measure];
            cell += sgs_grid_record_count(shape->grid);
        }
    }
    if (sgs_grid_weights(shape->grid) == SGS_WEIGHTS_RECORD)
        keep_weights(task, shape, job, k, at);
}

sgs_value *task_walk(struct task *task, const struct row_shape *shape, const sgs_job *job)
{
    const int64_t values = (int64_t)SGS_WALK_SUMS * sgs_grid_walk_bins(shape->grid);
    return task->records + (job->tag - task->block.first + 1) * shape->record_values - values;
}

void task_end(struct task *task, const struct row_shape *shape, const sgs_job *job, const sgs_result *result,
              sgs_point end)
{
    int64_t at = job->tag - task->block.first;

    task->results[at] = *result;
    task->runs[at].ended = true;
    task->ended++;
    if (sgs_grid_weights(shape->grid) == SGS_WEIGHTS_FINAL)
        keep_weights(task, shape, job, 0, end);
}

void task_let_go(struct task *task, int64_t at, int64_t count)
{
    for (int64_t i = at; i < at + count; i++) {
        task->ended += !task->runs[i].ended;
        task->runs[i].ended = task->runs[i].written = true;
        task->runs[i].saved = false;
        free(task->runs[i].held);
        task->runs[i].held = NULL;
    }
}

sgs_status task_hold(struct task *task, const sgs_saved_run *saved, sgs_error *err)
{
    struct task_run *run = &task->runs[saved->run - task->block.first];
    const int64_t bytes = sgs_saved_bytes(saved);
    void *record = malloc((size_t)bytes);

    if (!record)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the state of run %" PRId64, saved->run);
    sgs_saved_encode(saved, record);
    free(run->held);
    run->held = record;
    run->held_bytes = bytes;
    run->held_steps = saved->steps;
    return SGS_OK;
}

/* What of the feed a state is held against. */
static sgs_feed record_of(const sgs_grid *grid)
{
    return (sgs_feed){.record_steps = sgs_grid_record_steps(grid), .record_count = sgs_grid_record_count(grid)};
}

/* Weights gathered by a run that has `recorded` steps of the record behind it. */
static int64_t weights_behind(const struct row_shape *shape, int64_t recorded)
{
    return sgs_grid_weights(shape->grid) == SGS_WEIGHTS_RECORD ? recorded * shape->features : 0;
}

sgs_saved_run task_saved(const struct task *task, const struct row_shape *shape, const sgs_job *job, const void *state,
                         size_t size)
{
    const sgs_rows row = task_rows(task, shape, job->tag - task->block.first);
    const sgs_feed feed = record_of(shape->grid);
    sgs_state_info info = {0};

    (void)sgs_state_look(job, state, size, &feed, &info); /* it comes from a trainer of this job */
    return (sgs_saved_run){.run = job->tag,
                           .key = sgs_run_key(&job->run),
                           .steps = info.steps,
                           .state = state,
                           .state_bytes = (int64_t)size,
                           .records = row.records,
                           .record_values = shape->record_values,
                           .weights = row.weights,
                           .weight_values = weights_behind(shape, info.recorded)};
}

sgs_status task_restore(struct task *task, const struct row_shape *shape, const sgs_saved_run *saved, sgs_job *job,
                        sgs_error *err)
{
    const int64_t at = saved->run - task->block.first;
    const sgs_feed feed = record_of(shape->grid);
    sgs_state_info info;

    if (job->tag != saved->run || !sgs_key_equal(saved->key, sgs_run_key(&job->run)) ||
        !sgs_state_look(job, saved->state, (size_t)saved->state_bytes, &feed, &info) || info.steps != saved->steps ||
        saved->record_values != shape->record_values || saved->weight_values != weights_behind(shape, info.recorded))
        return sgs_fail(err, SGS_EINVAL, "the saved state of run %" PRId64 " is not one of this run", job->tag);
    if (saved->record_values > 0)
        memcpy(task->records + at * shape->record_values, saved->records,
               (size_t)saved->record_values * sizeof *task->records);
    if (saved->weight_values > 0)
        memcpy(task->weights + at * shape->weight_values, saved->weights,
               (size_t)saved->weight_values * sizeof *task->weights);
    job->state = saved->state;
    return SGS_OK;
}
