/** @file trainer.c
 *  Runs in lanes from start to end: refill, check, finish. See lanes.h for what a lane is.
 *
 *  Lanes are in phase: `phase` steps lie behind the last stride boundary in all of them. At a boundary lanes are
 * checked and refilled; a lane that ends elsewhere (divergence, max_steps) stays idle until the next one. */
#include "train/trainer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/** Lanes for a number of runs. More lanes hide more latency, but idle ones cost as much as busy ones, so 32 only where
 * there are runs enough to refill them, and where drawing the next steps meanwhile does not hide it as well; fewer
 * where that keeps coordinates in the first cache, which matters to steps that touch more than a few, or in the second.
 */
static int lanes_for(const sgs_run *shape, int64_t runs)
{
    const bool full = sgs_gradient_is_full(shape), repeats = shape->sampling == SGS_WITH_REPLACEMENT;
    const bool few = full || (repeats ? shape->b : sgs_drawn(shape->n, shape->b)) <= 4;
    const bool ahead = few && !full && sgs_draws_subsets(shape);
    const int32_t wide = ahead || repeats ? 0 : few ? 512 : 128, near = full ? 1 << 20 : few ? 1 << 14 : 512;
    const int64_t most = shape->n > near ? 8 : shape->n <= wide && runs >= 128 ? 32 : 16;
    return (int)(runs < most ? runs : most);
}

/** A start is needed again at the end of its run. Making it twice takes longer than a short run, keeping it takes
 * memory. */
enum { STARTS_KEPT = 4096 };

sgs_status sgs_trainer_create(const sgs_run *shape, int64_t runs, sgs_trainer **trainer, sgs_error *err)
{
    *trainer = NULL;
    const sgs_kernel *kernel;
    sgs_status status = sgs_kernel_choose(lanes_for(shape, runs), &kernel, err);
    if (status)
        return status;
    sgs_trainer *tr = calloc(1, sizeof *tr);
    if (!tr)
        return sgs_fail(err, SGS_ENOMEM, "no memory for a trainer");
    tr->shape = *shape;
    tr->stride = sgs_check_stride(shape);
    tr->sum_stride = sgs_sum_stride(shape);
    sgs_walk_plan(tr);
    tr->end = malloc((size_t)shape->n * sizeof *tr->end);
    tr->start = malloc((size_t)shape->n * sizeof *tr->start);
    if (shape->n <= STARTS_KEPT)
        tr->starts = malloc((size_t)kernel->lanes * (size_t)shape->n * sizeof *tr->starts);
    bool whole = tr->end && tr->start && (tr->starts || shape->n > STARTS_KEPT);
    status = whole ? sgs_lanes_create(shape, kernel, &tr->lanes, err)
                   : sgs_fail(err, SGS_ENOMEM, "no memory for a trainer at n = %d", shape->n);
    if (tr->lanes)
        *trainer = tr;
    else
        sgs_trainer_destroy(tr);
    return status;
}

void sgs_trainer_destroy(sgs_trainer *trainer)
{
    if (!trainer)
        return;
    sgs_trainer_destroy(trainer->solo);
    sgs_lanes_destroy(trainer->lanes);
    free(trainer->end);
    free(trainer->start);
    free(trainer->starts);
    free(trainer);
}

int64_t sgs_trainer_steps(const sgs_trainer *trainer)
{
    return trainer->steps;
}

static void release(sgs_trainer *tr, int l)
{
    tr->run[l].busy = false;
    tr->busy--;
    sgs_lane_clear(tr->lanes, l);
}

void sgs_trainer_drop(sgs_trainer *trainer)
{
    for (int l = 0; l < trainer->lanes->lanes; l++)
        if (trainer->run[l].busy)
            release(trainer, l);
    trainer->phase = 0;
    trainer->lanes->filled = false;
}

static void widen(sgs_history *history, const double N[2])
{
    history->norm2_min = fmin(history->norm2_min, fmin(N[0], N[1]));
    history->norm2_max = fmax(history->norm2_max, fmax(N[0], N[1]));
}

/** History at the end, step t, from the checks kept. */
static sgs_history history_at(const lane_run *r, int64_t t, const double N[2])
{
    sgs_history history = {t, r->steps_norm, r->steps_sparse, N[0], N[0]};
    const int kept = r->checks < CHECKS_KEPT ? r->checks : CHECKS_KEPT;
    widen(&history, N);
    for (int k = 0; k < kept; k++)
        if (10 * r->check_t[k] >= 9 * t) /* no overflow: steps are at most 2^53 */
            widen(&history, r->check_N[k]);
    return history;
}

/** Make the start of the run in lane l, and keep it if starts are kept. */
static sgs_point make_start(sgs_trainer *tr, int l)
{
    lane_run *r = &tr->run[l];
    double *start = tr->starts ? tr->starts + (size_t)l * (size_t)tr->shape.n : tr->start;
    sgs_start_by(tr->lanes->kernel->normals, &r->job.run, start, &r->start_outside);
    r->start_kept = tr->starts != NULL;
    return (sgs_point){start, r->start_outside};
}

/** The start of the run in lane l, which may have begun elsewhere. */
static sgs_point start_of(sgs_trainer *tr, int l)
{
    const lane_run *r = &tr->run[l];
    if (!r->start_kept)
        return make_start(tr, l);
    return (sgs_point){tr->starts + (size_t)l * (size_t)tr->shape.n, r->start_outside};
}

/** The next step to record of a run; INT64_MAX: none. */
static int64_t next_record(const sgs_feed *feed, const lane_run *r)
{
    return r->recorded < feed->record_count ? feed->record_steps[r->recorded] : INT64_MAX;
}

/** Record the point of lane l for every step of the record up to t (after the end: for all that are left). */
static void record_until(const sgs_feed *feed, lane_run *r, int64_t t, sgs_run_status status, sgs_point at,
                         sgs_point start)
{
    sgs_value values[SGS_MEASURES];
    sgs_measure_point(&r->job.run, &r->job.stop, status, at, start, values);
    for (; r->recorded < feed->record_count && feed->record_steps[r->recorded] <= t; r->recorded++)
        feed->record(feed->context, &r->job, r->recorded, values, at);
}

/** A step of the record is due in lane l. */
static void record(sgs_trainer *tr, const sgs_feed *feed, int l)
{
    lane_run *r = &tr->run[l];
    double outside;
    sgs_lane_read(tr->lanes, l, tr->end, &outside);
    record_until(feed, r, tr->lanes->t[l], SGS_RUN_PENDING, (sgs_point){tr->end, outside}, start_of(tr, l));
}

/** The run of lane l is over at step t with its point in tr->end: measure, hand over, free the lane. */
static void finish(sgs_trainer *tr, const sgs_feed *feed, int l, sgs_run_status status, double outside)
{
    lane_run *r = &tr->run[l];
    const sgs_run *run = &r->job.run;
    const int64_t t = status == SGS_RUN_DIVERGED ? tr->lanes->diverged_at[l] : tr->lanes->t[l];
    const sgs_point end = {tr->end, outside}, start = start_of(tr, l);
    const sgs_norm2 norm2 = sgs_point_norm2(run, end);
    const sgs_history history =
        history_at(r, t, (double[2]){norm2.S + norm2.R, sgs_norm2_next(norm2.S, norm2.R, run->eps)});
    sgs_result result;
    sgs_measure_run(run, &r->job.stop, status, end, start, &history, &result);
    if (r->recorded < feed->record_count)
        record_until(feed, r, INT64_MAX, status, end, start);
    feed->done(feed->context, &r->job, &result, end);
    release(tr, l);
}

/** A diverged run has no end point: NaN stands for it. */
static void finish_diverged(sgs_trainer *tr, const sgs_feed *feed, int l)
{
    for (int32_t i = 0; i < tr->shape.n; i++)
        tr->end[i] = NAN;
    finish(tr, feed, l, SGS_RUN_DIVERGED, NAN);
}

static void finish_here(sgs_trainer *tr, const sgs_feed *feed, int l, sgs_run_status status)
{
    double outside;
    sgs_lane_read(tr->lanes, l, tr->end, &outside);
    finish(tr, feed, l, status, outside);
}

static double max_share(const sgs_lanes *s, int l)
{
    const double g = s->g[l], h = s->two_scales ? s->h[l] : g;
    return fmax(g * g * s->largest[l], h * h * s->largest_inactive[l]) / (s->S[l] + s->R[l]);
}

/** The exact stop rule, O(n), is worth asking. This is false only where the rule would say no, so no bit depends on it.
 *  N is near 1 long before the other coordinates are gone: at b = n - 1 the rule took a quarter of a run's time, and
 *  most of it for full batch. With q the largest a_i^2, G >= q^2 (N - q), and for cyclic batches G >= q^2 (N - q) / b
 * if every other point is missing in some window that has the largest. S and N are those of the point to some ulps for
 * each of their terms, R to as many as there are steps behind: `most` has room for that. */
static bool may_end(const sgs_trainer *tr, int l)
{
    const sgs_lanes *s = tr->lanes;
    const lane_run *r = &tr->run[l];
    const double S = s->S[l], R = s->R[l], tol = r->job.stop.tol, ulps = 0x1p-50 * s->n;
    if (sgs_is_dead(S, R, tol))
        return true;
    if (!sgs_may_be_minimum(&r->job.run, S, R, tol))
        return false;
    const double most = 2.0 * tol * tol * S, q = s->g[l] * s->g[l] * s->largest[l];
    if (sgs_gradient_is_full(&r->job.run))
        return fabs(S + R + S - 2.0) <= sqrt(most / S) + 4.0 * ulps && S * S * R <= most + ulps * R;
    const bool cyclic = r->job.run.sampling == SGS_CYCLIC;
    if (cyclic && sgs_windows(&r->job.run) < s->n)
        return true;
    return q * q * (S + R - q) <= (cyclic ? s->b : 1.0) * most + ulps;
}

/** The check of lane l at its step t: bookkeeping, then the stop rule. */
static void check(sgs_trainer *tr, const sgs_feed *feed, int l)
{
    sgs_lanes *s = tr->lanes;
    lane_run *r = &tr->run[l];
    const double S = s->S[l], R = s->R[l], N = S + R;
    const int64_t t = s->t[l];
    r->check_t[r->checks % CHECKS_KEPT] = t;
    r->check_N[r->checks % CHECKS_KEPT][0] = N;
    r->check_N[r->checks++ % CHECKS_KEPT][1] = sgs_norm2_next(S, R, r->job.run.eps);
    if (r->steps_norm < 0 && S >= 0.8)
        r->steps_norm = t;
    if (r->steps_sparse < 0 && max_share(s, l) >= 0.99)
        r->steps_sparse = t;
    if (!(N <= SGS_NORM2_DIVERGED)) {
        s->diverged_at[l] = t;
        finish_diverged(tr, feed, l);
        return;
    }
    if (may_end(tr, l)) {
        sgs_run_status status;
        double outside;
        sgs_lane_read(s, l, tr->end, &outside);
        if (sgs_stop_reached(&r->job.run, r->job.stop.tol, (sgs_point){tr->end, outside}, &status)) {
            finish(tr, feed, l, status, outside);
            return;
        }
    }
    if (N > 2.0) /* active coordinates shrink without the scale: keep them above the floor */
        sgs_lane_fold(s, l);
    r->next_check = sgs_check_next(t, tr->stride);
}

/** After some steps: runs that diverged, checks that are due, runs at max_steps. In this order: a check at the last
 * step counts, and a diverged lane has no point to check. */
static void look(sgs_trainer *tr, const sgs_feed *feed)
{
    sgs_lanes *s = tr->lanes;
    if (tr->phase % tr->sum_stride == 0)
        s->kernel->sums(s);
    for (int l = 0; l < s->lanes; l++) {
        const lane_run *r = &tr->run[l];
        if (r->busy && s->diverged_at[l] >= 0)
            finish_diverged(tr, feed, l);
        if (r->busy && s->t[l] == next_record(feed, r))
            record(tr, feed, l);
        if (r->busy && s->t[l] == r->next_check)
            check(tr, feed, l);
        if (r->busy && s->t[l] >= r->job.stop.max_steps)
            finish_here(tr, feed, l, SGS_RUN_MAX_STEPS);
    }
}

/** Begin a run in free lane l; it may end at its start. */
static void begin(sgs_trainer *tr, const sgs_feed *feed, int l)
{
    lane_run *r = &tr->run[l];
    sgs_lane_load(tr->lanes, l, &r->job.run, make_start(tr, l), 0);
    r->busy = true;
    tr->busy++;
    r->next_check = r->recorded = r->checks = 0;
    r->steps_norm = r->steps_sparse = -1;
    sgs_walk_begin(tr, feed, l);
    if (next_record(feed, r) == 0)
        record(tr, feed, l);
    check(tr, feed, l);
    if (r->busy && r->job.stop.max_steps == 0)
        finish_here(tr, feed, l, SGS_RUN_MAX_STEPS);
}

static void advance_once(sgs_trainer *tr, const sgs_feed *feed, int64_t most);

/** Continue a saved run in free lane l. One that was saved between boundaries goes on by itself until the next. */
static sgs_status resume(sgs_trainer *tr, const sgs_feed *feed, int l, sgs_error *err)
{
    const sgs_job *job = &tr->run[l].job;
    const int64_t steps = sgs_state_steps(job);
    if (steps < 0)
        return sgs_fail(err, SGS_EDAMAGED, "the saved state of run %lld is not one of this run", (long long)job->tag);
    if (steps % tr->stride == 0) {
        sgs_state_unpack(tr, l, job);
        return SGS_OK;
    }
    if (!tr->solo) {
        const sgs_status status = sgs_trainer_create(&tr->shape, 1, &tr->solo, err);
        if (!tr->solo)
            return status;
    }
    sgs_trainer *solo = tr->solo;
    solo->phase = steps % tr->stride;
    solo->lanes->filled = false;
    sgs_state_unpack(solo, 0, job);
    while (solo->busy && solo->phase != 0)
        advance_once(solo, feed, INT64_MAX);
    tr->steps += solo->steps;
    solo->steps = 0;
    if (!solo->busy)
        return SGS_OK;
    void *state = malloc(sgs_trainer_state_bytes(tr));
    if (!state) {
        release(solo, 0);
        return sgs_fail(err, SGS_ENOMEM, "no memory for a saved run at n = %d", tr->shape.n);
    }
    sgs_state_pack(solo, 0, state);
    release(solo, 0);
    tr->run[l].job.state = state;
    sgs_state_unpack(tr, l, &tr->run[l].job);
    tr->run[l].job.state = NULL;
    free(state);
    return SGS_OK;
}

/** Put runs into idle lanes. */
static sgs_status refill(sgs_trainer *tr, const sgs_feed *feed, bool *dry, sgs_error *err)
{
    for (int l = 0; l < tr->lanes->lanes; l++)
        while (!tr->run[l].busy) {
            sgs_job *job = &tr->run[l].job;
            *job = (sgs_job){0};
            if (!feed->next(feed->context, job)) {
                *dry = true;
                return SGS_OK;
            }
            if (!job->state) {
                begin(tr, feed, l);
                continue;
            }
            const sgs_status status = resume(tr, feed, l, err);
            if (status)
                return status;
        }
    return SGS_OK;
}

/** Steps until something happens to some lane: the next boundary that matters, or max_steps. */
static int64_t quiet_steps(const sgs_trainer *tr, const sgs_feed *feed)
{
    const sgs_lanes *s = tr->lanes;
    int64_t count = INT64_MAX;
    if (s->draw != SGS_DRAW_NONE) {
        const int64_t sum = tr->sum_stride - tr->phase % tr->sum_stride, boundary = tr->stride - tr->phase;
        count = sum < boundary ? sum : boundary;
    }
    for (int l = 0; l < s->lanes; l++) {
        if (!tr->run[l].busy)
            continue;
        const int64_t end = tr->run[l].job.stop.max_steps, due = tr->run[l].next_check;
        const int64_t recorded = next_record(feed, &tr->run[l]), event = end < due ? end : due;
        const int64_t left = (event < recorded ? event : recorded) - s->t[l];
        count = left < count ? left : count;
    }
    return count;
}

/** Steps up to the next event, at most `most` of them, and what happens there. */
static void advance_once(sgs_trainer *tr, const sgs_feed *feed, int64_t most)
{
    const int64_t quiet = quiet_steps(tr, feed), watched = feed->walk_bins > 0 ? sgs_walk_note(tr, feed) : INT64_MAX;
    const int64_t event = quiet < watched ? quiet : watched, count = event < most ? event : most;
    tr->lanes->kernel->steps(tr->lanes, count);
    if (feed->walk_bins > 0)
        sgs_walk_add(tr, feed, count);
    tr->phase = (tr->phase + count) % tr->stride;
    tr->clock += count;
    tr->steps += count * tr->busy;
    look(tr, feed);
}

sgs_status sgs_trainer_advance(sgs_trainer *trainer, const sgs_feed *feed, int64_t steps, int *busy, sgs_error *err)
{
    bool dry = false;
    sgs_status status = SGS_OK;
    const int64_t first = trainer->clock, most = steps > 1 ? steps : 1;
    sgs_walk_release(trainer);
    while (!status && trainer->clock - first < most) {
        if (trainer->busy == 0)
            trainer->phase = 0;
        if (trainer->phase == 0 && !dry && trainer->busy < trainer->lanes->lanes)
            status = refill(trainer, feed, &dry, err);
        if (trainer->busy == 0)
            break;
        advance_once(trainer, feed, most - (trainer->clock - first));
    }
    if (!status && trainer->busy == 0 && !dry) { /* all lanes ended between boundaries: 0 is to mean that all is done */
        trainer->phase = 0;
        status = refill(trainer, feed, &dry, err);
    }
    *busy = trainer->busy;
    return status;
}
