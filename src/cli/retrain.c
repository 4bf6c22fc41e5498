/* Training runs of a file again (retrain.h). */
#include "retrain.h"
#include "sgdsweep/sched.h"
#include "sgdsweep/train.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the lane kernel ----------------------------------------------------------------------------------------------
 */

/* One strip's share of a page, being trained. */
struct lesson {
    const sgs_store *store;
    const sgs_grid *grid;
    const sgs_page *page;
    const bool *chosen;
    const char **what;
    int64_t next, end; /* of the page */
    int64_t left;      /* runs that have not ended */
    sgs_value *walks;  /* of the page's runs, added up here; NULL without */
};

/* A run that is longer than the file says differs already: no need to see its end, which a wrong file may have put far
 * away. One that ends where the file says does so whatever its limit beyond. */
static void cut(sgs_stop *stop, const sgs_result *there)
{
    int64_t steps = there->value[SGS_STEPS].integer;
    if (steps < stop->max_steps)
        stop->max_steps = steps < 0 ? 0 : steps + 1;
}

static bool next_run(void *context, sgs_job *job)
{
    struct lesson *lesson = context;
    while (lesson->next < lesson->end && !lesson->chosen[lesson->next])
        lesson->next++;
    if (lesson->next == lesson->end)
        return false;
    job->tag = lesson->next++;
    job->state = NULL;
    if (!sgs_grid_run(lesson->grid, lesson->page->first + job->tag, &job->run, &job->stop))
        return false;
    cut(&job->stop, &lesson->page->results[job->tag]);
    return true;
}

static bool same_bits(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static void note(struct lesson *lesson, const sgs_job *job, const char *what)
{
    if (!lesson->what[job->tag])
        lesson->what[job->tag] = what;
}

/* The k-th point of a run's weights; what lies beyond its n is padding. */
static void compare_weights(struct lesson *lesson, const sgs_job *job, int64_t k, sgs_point at)
{
    sgs_rows row = sgs_page_rows(lesson->store, lesson->page, job->tag);
    const double *there = row.weights + k * sgs_store_features(lesson->store);
    if (!same_bits(there, at.a, (size_t)job->run.n * sizeof *there))
        note(lesson, job, "weights");
}

static void compare_record(void *context, const sgs_job *job, int64_t k, const sgs_value *values, sgs_point at)
{
    struct lesson *lesson = context;
    sgs_rows row = sgs_page_rows(lesson->store, lesson->page, job->tag);
    for (int m = 0, column = 0; m < SGS_MEASURES && row.records; m++) {
        if (!sgs_grid_records(lesson->grid, (sgs_measure)m))
            continue;
        if (row.records[column * sgs_grid_record_count(lesson->grid) + k].integer != values[m].integer)
            note(lesson, job, sgs_measure_describe((sgs_measure)m)->name);
        column++;
    }
    if (sgs_grid_weights(lesson->grid) == SGS_WEIGHTS_RECORD)
        compare_weights(lesson, job, k, at);
}

static int64_t walk_values(const struct lesson *lesson)
{
    return (int64_t)SGS_WALK_SUMS * sgs_grid_walk_bins(lesson->grid);
}

static sgs_value *walk_of(void *context, const sgs_job *job)
{
    struct lesson *lesson = context;
    return lesson->walks + job->tag * walk_values(lesson);
}

/* It stands behind the record. */
static void compare_walk(struct lesson *lesson, const sgs_job *job)
{
    sgs_rows row = sgs_page_rows(lesson->store, lesson->page, job->tag);
    const sgs_value *there = row.records + sgs_store_record_values(lesson->store) - walk_values(lesson);
    if (!same_bits(there, walk_of(lesson, job), (size_t)walk_values(lesson) * sizeof *there))
        note(lesson, job, "the walk");
}

static void compare_result(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    struct lesson *lesson = context;
    const sgs_result *there = &lesson->page->results[job->tag];
    lesson->left--;
    if (there->status != result->status)
        note(lesson, job, "status");
    for (int m = 0; m < SGS_MEASURES; m++)
        if (there->value[m].integer != result->value[m].integer)
            note(lesson, job, sgs_measure_describe((sgs_measure)m)->name);
    if (sgs_grid_weights(lesson->grid) == SGS_WEIGHTS_FINAL)
        compare_weights(lesson, job, 0, end);
    if (lesson->walks)
        compare_walk(lesson, job);
}

static sgs_status teach(struct lesson *lesson, sgs_error *err)
{
    enum { SLICE_STEPS = 1 << 20 };
    const sgs_feed feed = {
        .next = next_run,
        .done = compare_result,
        .record = compare_record,
        .record_steps = sgs_grid_record_steps(lesson->grid),
        .record_count = sgs_grid_record_count(lesson->grid),
        .walk = walk_of,
        .walk_bins = sgs_grid_walk_bins(lesson->grid),
        .walk_range = sgs_grid_walk_range(lesson->grid),
        .context = lesson,
    };
    sgs_run shape;
    sgs_stop stop;
    sgs_trainer *trainer = NULL;
    int busy = 1;
    if (!sgs_grid_run(lesson->grid, lesson->page->first + lesson->next, &shape, &stop))
        return sgs_fail(err, SGS_EFAIL, "run %" PRId64 " is skipped", lesson->page->first + lesson->next);
    if (walk_values(lesson) > 0) {
        lesson->walks = calloc((size_t)(lesson->page->count * walk_values(lesson)), sizeof *lesson->walks);
        if (!lesson->walks)
            return sgs_fail(err, SGS_ENOMEM, "training runs again");
    }
    sgs_status status = sgs_trainer_create(&shape, lesson->left, &trainer, err);
    while (status == SGS_OK && busy > 0)
        status = sgs_trainer_advance(trainer, &feed, SLICE_STEPS, &busy, err);
    sgs_trainer_destroy(trainer);
    free(lesson->walks);
    if (status == SGS_OK && lesson->left != 0)
        status = sgs_fail(err, SGS_EFAIL, "the trainer lost a run of %" PRId64 " to %" PRId64,
                          lesson->page->first + lesson->next, lesson->page->first + lesson->end);
    return status;
}

sgs_status retrain_lanes(const sgs_store *store, const sgs_page *page, const bool *chosen, const char **what,
                         sgs_error *err)
{
    const sgs_grid *grid = sgs_store_grid(store);
    int64_t strip_first, strip_runs;
    sgs_status status = SGS_OK;
    sgs_grid_strip(grid, 0, &strip_first, &strip_runs);
    for (int64_t at = 0; at < page->count && status == SGS_OK;) {
        int64_t end = ((page->first + at) / strip_runs + 1) * strip_runs - page->first;
        struct lesson lesson = {.store = store, .grid = grid, .page = page, .chosen = chosen, .what = what};
        lesson.end = end < page->count ? end : page->count;
        lesson.next = lesson.end;
        for (int64_t i = lesson.end - 1; i >= at; i--) {
            what[i] = NULL;
            lesson.left += chosen[i];
            lesson.next = chosen[i] ? i : lesson.next;
        }
        at = lesson.end;
        if (lesson.left > 0)
            status = teach(&lesson, err);
    }
    return status;
}

double retrain_seconds(const sgs_grid *grid, int64_t index, const sgs_result *result)
{
    sgs_run run;
    sgs_stop stop;
    sgs_speed speed = sgs_speed_default();
    if (!sgs_grid_run(grid, index, &run, &stop))
        return 0;
    stop = (sgs_stop){.tol = 0, .max_steps = result->value[SGS_STEPS].integer}; /* as many as it took */
    return sgs_predict_seconds(&run, &stop, &speed);
}

/* ---- the reference trainer ----------------------------------------------------------------------------------------
 */

/* Largest eps at which the norm settles; above it oscillates or is chaotic and rounding grows (model.md, section 2). */
static double settled_eps(const sgs_run *run)
{
    return run->sampling == SGS_WITH_REPLACEMENT ? 0.35 : 0.45;
}

double retrain_reference_seconds(const sgs_grid *grid, int64_t index, const sgs_result *result)
{
    static const double VALUE_S = 2e-9, STEP_S = 1e-7, LARGEST_BYTES = 256e6, CHECKS = 1000;
    sgs_run run;
    sgs_stop stop;
    if (!sgs_grid_run(grid, index, &run, &stop) || run.eps > settled_eps(&run))
        return INFINITY;
    if (result->status != SGS_RUN_CONVERGED && result->status != SGS_RUN_MAX_STEPS)
        return INFINITY;
    double d = run.d, n = run.n, steps = (double)result->value[SGS_STEPS].integer;
    if (16 * (n + 1) * d > LARGEST_BYTES)
        return INFINITY;
    return steps * (STEP_S + VALUE_S * run.b * d) + CHECKS * VALUE_S * n * d + 4 * VALUE_S * n * n * d;
}

static bool is_near(double a, double b, double tolerance)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance * fmax(1.0, fabs(b));
}

/* Measures that rounding moves by little. Not those that count active points, which are noise where coordinates tend to
 * zero, nor the first step at which something holds. */
static const char *compare_measures(const sgs_run *run, const sgs_result *ours, const sgs_result *theirs,
                                    double tolerance)
{
    static const sgs_measure reals[] = {SGS_LOSS,           SGS_EXCESS_LOSS,           SGS_NORM,
                                        SGS_MAX_SHARE,      SGS_PARTICIPATION_RATIO,   SGS_PARTICIPATION_RATIO_INIT,
                                        SGS_ALIGNMENT_INIT, SGS_ALIGNMENT_INIT_ACTIVE, SGS_HESSIAN_MAX};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        if (!is_near(ours->value[reals[i]].real, theirs->value[reals[i]].real, tolerance))
            return sgs_measure_describe(reals[i])->name;
    bool tied = run->init == SGS_INIT_ONES; /* equal coordinates stay equal: the largest is a matter of rounding */
    if (!tied && ours->value[SGS_SELECTED].integer != theirs->value[SGS_SELECTED].integer)
        return sgs_measure_describe(SGS_SELECTED)->name;
    return NULL;
}

sgs_status retrain_reference(const sgs_grid *grid, int64_t index, const sgs_result *result, const char **what,
                             sgs_error *err)
{
    sgs_job job = {.tag = index};
    sgs_result other;
    *what = NULL;
    if (!sgs_grid_run(grid, index, &job.run, &job.stop))
        return sgs_fail(err, SGS_EFAIL, "run %" PRId64 " is skipped", index);
    int64_t stride = sgs_check_stride(&job.run), ours = result->value[SGS_STEPS].integer;
    int64_t enough = ours < 0 || ours > SGS_STEPS_MAX / 4 ? SGS_STEPS_MAX : 2 * ours + 64 * stride;
    if (enough < job.stop.max_steps)
        job.stop.max_steps = enough;
    sgs_status status = sgs_reference_train(&job, (uint64_t)index, &other, err);
    if (status != SGS_OK)
        return status;
    /* Rounding can hold a dying coordinate up in R^d, and with it the end; there all differs by what tol lets pass. */
    bool together = result->value[SGS_STEPS].integer == other.value[SGS_STEPS].integer;
    double tolerance = together ? RETRAIN_TOLERANCE : fmax(RETRAIN_TOLERANCE, 10 * job.stop.tol);
    *what = result->status != other.status ? "status" : compare_measures(&job.run, result, &other, tolerance);
    return SGS_OK;
}
