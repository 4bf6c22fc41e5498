/* Runs on their way out of a trainer: shelved, for a trainer with fewer or more lanes, and handed over to other ranks.
 *
 * Only the youngest task gives. With an older one beside it all of it may go; alone it is split, and the first part,
 * which has the runs that are begun, stays. */
#include "clock.h"
#include "crew_private.h"
#include <math.h>
#include <stdlib.h>

/* One that has had its predicted length has so much of it to go. */
static const double OVERDUE = 0.25;

/* ---- shelving -----------------------------------------------------------------------------------------------------
 */

static sgs_status hold_lane(struct crew *crew, int lane, void *state, sgs_error *err)
{
    const sgs_job *job = sgs_trainer_job(crew->trainer, lane);
    struct task *task = job ? crew_task_of(crew, job->tag) : NULL;

    if (!task)
        return SGS_OK;
    sgs_trainer_state(crew->trainer, lane, state);
    const sgs_saved_run saved = task_saved(task, &crew->shape, job, state, sgs_trainer_state_bytes(crew->trainer));
    return task_hold(task, &saved, err);
}

/* Held forms of runs that stay in their lanes are of no use. */
static void let_lanes_be(struct crew *crew)
{
    for (int lane = 0; lane < sgs_trainer_lanes(crew->trainer); lane++) {
        const sgs_job *job = sgs_trainer_job(crew->trainer, lane);
        struct task *task = job ? crew_task_of(crew, job->tag) : NULL;
        if (!task)
            continue;
        free(task->runs[job->tag - task->block.first].held);
        task->runs[job->tag - task->block.first].held = NULL;
    }
}

static sgs_status hold_lanes(struct crew *crew, sgs_error *err)
{
    if (!crew->trainer || crew->busy == 0)
        return SGS_OK;
    void *state = malloc(sgs_trainer_state_bytes(crew->trainer));
    sgs_status status = state ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "no memory for a state");

    for (int lane = 0; lane < sgs_trainer_lanes(crew->trainer) && status == SGS_OK; lane++)
        status = hold_lane(crew, lane, state, err);
    free(state);
    if (status != SGS_OK)
        let_lanes_be(crew);
    return status;
}

/* What is held goes on in another trainer. */
static void drop_lanes(struct crew *crew)
{
    sgs_trainer_destroy(crew->trainer);
    crew->trainer = NULL;
    crew->busy = 0;
    for (int i = 0; i < crew->count; i++)
        crew->tasks[i].taken = 0;
}

sgs_status crew_shelve(struct crew *crew, sgs_error *err)
{
    sgs_status status = hold_lanes(crew, err);

    if (status == SGS_OK)
        drop_lanes(crew);
    return status;
}

/* ---- what is left -------------------------------------------------------------------------------------------------
 */

static int64_t unfinished(const struct task *task)
{
    return task->block.count - task->ended;
}

/* A run of a task, and what widths cost there. */
static bool shape_of(const struct crew *crew, const struct task *task, sgs_run *run, sgs_stop *stop, sgs_widths *widths)
{
    if (!sgs_grid_run(crew->setup.grid, task->block.first, run, stop))
        return false;
    *widths = sgs_predict_widths(run, sgs_trainer_vector());
    return true;
}

/* Seconds of a run's step in the strip that is trained; 0: none was measured yet. */
static double pace_s(const struct crew *crew)
{
    return crew->strip_steps > 0 ? crew->strip_s / (double)crew->strip_steps : 0;
}

/* Predicted steps that are left of a run after so many. */
static double steps_left(const struct crew *crew, int64_t run, int64_t steps)
{
    sgs_run shape;
    sgs_stop stop;

    if (!sgs_grid_run(crew->setup.grid, run, &shape, &stop))
        return 0;
    const double predicted = sgs_predict_steps(&shape, &stop);
    return fmax(predicted - (double)steps, OVERDUE * predicted);
}

/* Seconds that this rank takes for what is left of a task whose states are held: at the pace of the strip that it
 * trains, else as predicted. */
static double left_s(const struct crew *crew, const struct task *task)
{
    const bool here = task->strip == crew->trainer_strip && crew->strip_steps > 0;
    double left = 0;
    double all = 0;
    sgs_run shape;
    sgs_stop stop;
    sgs_widths widths;

    for (int64_t at = 0; at < task->block.count; at++) {
        if (task->runs[at].ended)
            continue;
        const int64_t run = task->block.first + at;
        left += steps_left(crew, run, task->runs[at].held ? task->runs[at].held_steps : 0);
        all += steps_left(crew, run, 0);
    }
    if (here)
        return left * pace_s(crew);
    if (all == 0 || !shape_of(crew, task, &shape, &stop, &widths))
        return 0;
    const double runs = (double)unfinished(task);
    return left / all * runs * task->run_s * sgs_predict_slowdown(&widths, unfinished(task));
}

/* ---- fewer lanes --------------------------------------------------------------------------------------------------
 */

void crew_narrow(struct crew *crew)
{
    const struct task *task = &crew->tasks[0];
    const int lanes = crew->trainer ? sgs_trainer_lanes(crew->trainer) : 1;
    sgs_run shape;
    sgs_stop stop;
    sgs_widths widths;
    sgs_error unheard;

    const bool fewer = crew->busy < crew->narrowed;
    crew->narrowed = crew->busy;
    if (!fewer || crew->busy == 0 || 2 * crew->busy > lanes)
        return;
    for (int i = 0; i < crew->count; i++)
        if (crew->tasks[i].strip == crew->trainer_strip && crew->tasks[i].taken < crew->tasks[i].block.count)
            return; /* the lanes get more */
    if (!shape_of(crew, task, &shape, &stop, &widths))
        return;
    double seconds = OVERDUE * sgs_predict_steps(&shape, &stop) * pace_s(crew) * lanes;
    if (sgs_share_narrows(&widths, lanes, crew->busy, seconds,
                          sgs_share_restart_s(&shape, &widths, crew->busy, pace_s(crew))))
        (void)crew_shelve(crew, &unheard); /* without memory for it, it goes on as it is */
}

/* ---- handing over -------------------------------------------------------------------------------------------------
 */

void gift_clear(struct gift *gift)
{
    for (int i = 0; i < gift->count; i++)
        free(gift->bundles[i]);
    free(gift->bundles);
    *gift = (struct gift){.bundles = NULL};
}

static int64_t held_runs(const struct task *task)
{
    int64_t held = 0;

    for (int64_t at = 0; at < task->block.count; at++)
        held += task->runs[at].held != NULL;
    return held;
}

/* Into how many parts the unfinished runs of a task go; *first: the first of them that is given. */
static int decide_parts(const struct crew *crew, const struct task *task, int takers, int *first)
{
    const int64_t runs = unfinished(task);
    sgs_run shape;
    sgs_stop stop;
    sgs_widths widths;

    *first = crew->count > 1 ? 0 : 1;
    if (runs < 1 + *first || !shape_of(crew, task, &shape, &stop, &widths))
        return 0;
    if (crew->setup.give_always)
        return (int)fmin((double)runs, takers + *first);
    const double here_s = left_s(crew, task);
    const double moving_s = sgs_share_move_s(&shape, &widths, held_runs(task), pace_s(crew));
    if (*first == 0)
        return here_s > moving_s ? sgs_share_parts_away(&widths, runs, takers) : 0;
    const int parts = sgs_share_parts(&widths, runs, takers, here_s, moving_s);
    return parts > 1 ? parts : 0;
}

/* Places of the unfinished runs in a task, those that are begun first. */
static int64_t *list_unfinished(const struct task *task)
{
    int64_t *places = malloc((size_t)unfinished(task) * sizeof *places);
    int64_t count = 0;

    for (int begun = 1; places && begun >= 0; begun--)
        for (int64_t at = 0; at < task->block.count; at++)
            if (!task->runs[at].ended && (task->runs[at].held != NULL) == (begun == 1))
                places[count++] = at;
    return places;
}

static int compare_places(const void *a, const void *b)
{
    const int64_t one = *(const int64_t *)a;
    const int64_t other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* One part goes: its runs are no longer ours. */
static bool give_part(struct crew *crew, struct task *task, int64_t *places, int64_t count, struct gift *gift)
{
    qsort(places, (size_t)count, sizeof *places, compare_places);
    struct bundle *bundle = bundle_pack(task, places, count, clock_now_s());
    if (!bundle)
        return false;
    const double before_s = left_s(crew, task);
    for (int64_t i = 0; i < count; i++) {
        crew->gave_saved |= task->runs[places[i]].saved;
        task_let_go(task, places[i], 1);
    }
    bundle->left_s = fmax(before_s - left_s(crew, task), 0);
    gift->bundles[gift->count++] = bundle;
    return true;
}

/* Parts of about equal size. Where memory is out the rest stays. */
static void give_parts(struct crew *crew, struct task *task, int parts, int first, struct gift *gift)
{
    const int64_t runs = unfinished(task);
    int64_t *places = list_unfinished(task);
    bool good = places != NULL;

    gift->bundles = good ? calloc((size_t)parts, sizeof(struct bundle *)) : NULL;
    good = good && gift->bundles;
    for (int part = first; part < parts && good; part++) {
        const int64_t from = runs * part / parts;
        good = give_part(crew, task, places + from, runs * (part + 1) / parts - from, gift);
    }
    free(places);
}

sgs_status crew_give(struct crew *crew, int takers, struct gift *gift, sgs_error *err)
{
    sgs_error unheard; /* without memory for it, nothing is given */
    int first = 0;

    *gift = (struct gift){.bundles = NULL};
    if (crew->count == 0 || hold_lanes(crew, &unheard) != SGS_OK)
        return SGS_OK;
    struct task *task = &crew->tasks[crew->count - 1];
    const int parts = decide_parts(crew, task, takers, &first);
    if (parts > first && held_runs(task) > 0)
        drop_lanes(crew);
    if (parts > first)
        give_parts(crew, task, parts, first, gift);
    for (int i = 0; i < crew->count; i++)
        gift->left_s += left_s(crew, &crew->tasks[i]);
    if (crew->trainer)
        let_lanes_be(crew);
    return gift->count > 0 ? crew_finish_tasks(crew, err) : SGS_OK;
}
