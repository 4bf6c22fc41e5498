/* The sweep as a whole: prepare the file, open it everywhere, find out what is to do, train, close, read back.
 *
 * Between two collective steps every rank goes through sgs_agree_coll, so all leave at the same place with the same
 * status. A run's bytes depend on the grid and its index alone: nothing here can change them. */
#include "clock.h"
#include "fleet_private.h"
#include "reuse.h"
#include "sgdsweep/train.h"
#include "store/mpi_check.h"
#include "until.h"
#include "watch.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEDICATED_FROM_RANKS = 64 };

bool sweep_time_is_up(const struct sweep *sweep)
{
    const sgs_sweep_options *options = sweep->options;
    return (options->max_seconds > 0 && clock_now_s() - sweep->started_s >= options->max_seconds) ||
           (options->deadline > 0 && clock_epoch_s() >= options->deadline);
}

int64_t sweep_share_begin(const struct sweep *sweep, int64_t units, int rank, bool writes)
{
    const int64_t rest = units % sweep->size;

    if (writes && sweep->route.writer == SGS_WRITER_ROOT)
        return rank == 0 ? 0 : units;
    return units / sweep->size * rank + (rank < rest ? rank : rest);
}

struct crew_setup sweep_crew_setup(const struct sweep *sweep, struct crew_sink sink)
{
    return (struct crew_setup){.grid = sweep->grid,
                               .store = sweep->store,
                               .outlet = sweep->outlet,
                               .states = &sweep->states,
                               .name = {sweep->states.life, sweep->rank},
                               .checkpoint_s = sweep->options->checkpoint_s,
                               .state_bytes_max = sweep->options->state_bytes_max,
                               .give_always = sweep->options->hand_over == SGS_HAND_OVER_ALWAYS,
                               .sink = sink};
}

/* ---- rank 0 before the others come --------------------------------------------------------------------------------
 */

static sgs_status check_same_sweep(const struct sweep *sweep, sgs_store *store, sgs_error *err)
{
    char text[SGS_ERROR_TEXT_BYTES / 2];
    const char *path = sweep->options->path;
    const sgs_grid *there = sgs_store_grid(store);

    if (sgs_grid_difference(sweep->grid, there, text, sizeof text))
        return sgs_fail(err, SGS_EINVAL, "%s holds another grid: %s", path, text);
    if (!sgs_key_equal(sgs_grid_digest(sweep->grid), sgs_grid_digest(there)))
        return sgs_fail(err, SGS_EINVAL, "%s holds another grid: the digests of the grids differ", path);
    if (sgs_store_algorithm_version(store) != SGS_ALGORITHM_VERSION)
        return sgs_fail(err, SGS_EINVAL, "%s was trained by algorithm version %d, this program has %d", path,
                        sgs_store_algorithm_version(store), SGS_ALGORITHM_VERSION);
    return SGS_OK;
}

static sgs_status check_file(const struct sweep *sweep, sgs_error *err)
{
    sgs_store *store = NULL;
    sgs_status status = sgs_store_open(sweep->options->path, SGS_STORE_READ, &store, err);

    if (status == SGS_OK)
        status = check_same_sweep(sweep, store, err);
    sgs_status closed = sgs_store_close(store, status == SGS_OK ? err : NULL);
    return status == SGS_OK ? closed : status;
}

/* Lock, then create the file or see that it is of this sweep, then open its log. */
static sgs_status prepare_root(struct sweep *sweep, sgs_error *err)
{
    const char *path = sweep->options->path;
    char notice[SGS_ERROR_TEXT_BYTES] = "";
    sgs_status status = sgs_lock_take(path, &sweep->lock, notice, err);

    if (status != SGS_OK)
        return status;
    sgs_store_tidy(path);
    if (notice[0] != '\0')
        progress_say(&sweep->progress, "%s", notice);
    status = reuse_check(sweep, err);
    if (status != SGS_OK)
        return status;
    if (access(path, F_OK) == 0) {
        status = check_file(sweep, err);
    } else if (errno == ENOENT) {
        sweep->fresh = true;
        status = sgs_store_create(path, sweep->grid, sweep->options->allow_size, err);
    } else {
        status = sgs_fail(err, SGS_EIO, "%s: %s", path, strerror(errno));
    }
    if (status == SGS_OK)
        status = event_log_open(path, &sweep->log, err);
    if (status == SGS_OK && notice[0] != '\0')
        status = event_log_add(sweep->log, "lock", json_pack("{s:s}", "text", notice), err);
    if (status == SGS_OK) {
        const sgs_speed guess = sgs_speed_default();
        const sgs_speed *speed = sweep->options->speed ? sweep->options->speed : &guess;
        int trainers = sweep->size - sweep->dedicated;
        status = sgs_sched_create(sweep->grid, trainers, speed, &sweep->sched, err);
        if (status == SGS_OK && sgs_grid_until(sweep->grid))
            status = until_create(sweep->grid, &sweep->until, err);
    }
    return status;
}

static sgs_status prepare_coll(struct sweep *sweep, sgs_error *err)
{
    int fresh = 0;
    sgs_status status = sweep->rank == 0 ? prepare_root(sweep, err) : SGS_OK;

    status = sgs_agree_coll(sweep->comm, status, err);
    if (status != SGS_OK)
        return status;
    fresh = sweep->fresh;
    SGS_MPI(MPI_Bcast(&fresh, 1, MPI_INT, 0, sweep->comm));
    sweep->fresh = fresh != 0;
    return sgs_store_open_coll(sweep->options->path, sweep->comm, &sweep->store, err);
}

/* ---- training -----------------------------------------------------------------------------------------------------
 */

/* One rank a node syncs the file. */
static sgs_status start_sync_coll(struct sweep *sweep, sgs_error *err)
{
    sgs_status status = SGS_OK;

    if (sweep->route.leads)
        status = sync_timer_start(sweep->store, (unsigned)sweep->rank, &sweep->sync, err);
    return sgs_agree_coll(sweep->comm, status, err);
}

/* Tell user and log what this life begins with. */
static sgs_status announce(struct sweep *sweep, const sgs_tally *tally, sgs_error *err)
{
    sgs_sched_progress now = sgs_sched_progress_now(sweep->sched);
    int64_t finished = 0;

    for (int i = 0; i < SGS_RUN_STATUSES; i++)
        finished += sgs_run_status_finished(i) ? tally->status[i] : 0;
    sweep->progress.before = finished; /* the scan counts damaged runs as pending */
    if (tally->damaged > 0)
        progress_say(&sweep->progress, "%" PRId64 " runs do not match their checksums and are done again",
                     tally->damaged);
    if (!sweep->fresh)
        progress_say(&sweep->progress, "resuming %s: %" PRId64 " runs done, %" PRId64 " to do", sweep->options->path,
                     sweep->progress.before, now.total);
    if (sweep->states.count > 0)
        progress_say(&sweep->progress, "%" PRId64 " runs go on from where they were stopped", sweep->states.count);
    const struct route *route = &sweep->route;
    json_t *fields =
        json_pack("{s:i, s:i, s:b, s:I, s:I, s:I, s:I, s:f, s:s, s:s, s:s, s:s}", "ranks", sweep->size, "nodes",
                  route->nodes, "dedicated_master", (int)sweep->dedicated, "done", (json_int_t)sweep->progress.before,
                  "to_do", (json_int_t)now.total, "damaged", (json_int_t)tally->damaged, "states",
                  (json_int_t)sweep->states.count, "predicted_s", now.total_s, "isa", sgs_trainer_isa(), "file_system",
                  route->file_system, "writer", route_writer_name(route->writer), "writer_why", route->why);
    sgs_status status = event_log_add(sweep->log, sweep->fresh ? "start" : "resume", fields, err);
    return status == SGS_OK ? event_log_flush(sweep->log, err) : status;
}

/* What writing took, on all ranks together, for the log; a log that fails says so at its end. */
static void log_writes_coll(struct sweep *sweep)
{
    const struct outlet_counts mine = outlet_count(sweep->outlet);
    int64_t counts[] = {mine.pieces, mine.bytes, mine.writes, mine.messages, mine.message_bytes};
    double seconds = mine.seconds;

    SGS_MPI(MPI_Allreduce(MPI_IN_PLACE, counts, 5, MPI_INT64_T, MPI_SUM, sweep->comm));
    SGS_MPI(MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_SUM, sweep->comm));
    if (sweep->rank != 0)
        return;
    json_t *fields =
        json_pack("{s:s, s:I, s:I, s:I, s:f, s:I, s:I}", "writer", route_writer_name(sweep->route.writer), "pieces",
                  (json_int_t)counts[0], "bytes", (json_int_t)counts[1], "writes", (json_int_t)counts[2], "seconds",
                  seconds, "row_messages", (json_int_t)counts[3], "row_message_bytes", (json_int_t)counts[4]);
    (void)event_log_add(sweep->log, "writes", fields, NULL);
}

static sgs_status train_coll(struct sweep *sweep, sgs_error *err)
{
    sgs_error other;
    const struct outlet_setup way = {.comm = sweep->comm,
                                     .store = sweep->store,
                                     .rank = sweep->rank,
                                     .writer = sweep->route.rank,
                                     .clients = sweep->route.clients};
    sgs_status status = start_sync_coll(sweep, err);

    if (status == SGS_OK)
        status = sgs_agree_coll(sweep->comm, outlet_create(&way, &sweep->outlet, err), err);
    if (status == SGS_OK) {
        status = sweep->rank == 0 ? master_run(sweep, err) : worker_run(sweep, err);
        status = sgs_agree_coll(sweep->comm, status, err);
        log_writes_coll(sweep);
    }
    outlet_destroy(sweep->outlet);
    sweep->outlet = NULL;
    sgs_status synced = sync_timer_stop(sweep->sync, &other);
    sweep->sync = NULL;
    synced = sgs_agree_coll(sweep->comm, synced, &other);
    sweep->synced = synced == SGS_OK;
    if (synced <= status)
        return status;
    if (err)
        *err = other;
    return synced;
}

/* Who writes for this rank; rank 0 knows it of all. */
static sgs_status find_routes_coll(struct sweep *sweep, sgs_error *err)
{
    sgs_status status = SGS_OK;

    route_find_coll(sweep->comm, sweep->options->path, sweep->options->writer, &sweep->route);
    if (sweep->rank == 0) {
        sweep->writers = malloc((size_t)sweep->size * sizeof *sweep->writers);
        if (!sweep->writers)
            status = sgs_fail(err, SGS_ENOMEM, "no memory for the routes of %d ranks", sweep->size);
    }
    status = sgs_agree_coll(sweep->comm, status, err);
    if (status == SGS_OK)
        SGS_MPI(MPI_Gather(&sweep->route.rank, 1, MPI_INT, sweep->writers, 1, MPI_INT, 0, sweep->comm));
    return status;
}

/* Scan, and train what is to do. *trained: there was something. */
static sgs_status work_coll(struct sweep *sweep, sgs_tally *tally, int *trained, sgs_error *err)
{
    sgs_status status = find_routes_coll(sweep, err);

    if (status == SGS_OK)
        status = reuse_coll(sweep, err);
    if (status == SGS_OK)
        status = scan_pending_coll(sweep, tally, err);
    if (status == SGS_OK)
        status = states_open_coll(sweep, &sweep->states, err);
    if (status == SGS_OK && sweep->rank == 0) {
        status = sgs_sched_start(sweep->sched, err);
        if (status == SGS_OK)
            status = announce(sweep, tally, err);
        *trained = sgs_sched_progress_now(sweep->sched).total > 0 || sweep->settled > 0;
    }
    status = sgs_agree_coll(sweep->comm, status, err);
    SGS_MPI(MPI_Bcast(trained, 1, MPI_INT, 0, sweep->comm));
    if (status != SGS_OK || *trained)
        return status == SGS_OK ? train_coll(sweep, err) : status;
    /* nothing to do: an earlier life may have ended between its last write and its sync */
    status = sgs_agree_coll(sweep->comm, sgs_store_sync(sweep->store, err), err);
    sweep->synced = status == SGS_OK;
    return status;
}

/* ---- the end ------------------------------------------------------------------------------------------------------
 */

/* What is left of saved states is removed; that it could not be is no reason to fail. */
static void tidy_states(struct sweep *sweep, sgs_status status)
{
    sgs_error why;
    sgs_status removed =
        status == SGS_OK ? states_remove_all(&sweep->states, &why) : states_prune(&sweep->states, &why);
    if (removed == SGS_OK && status == SGS_STOPPED)
        removed = states_bound(&sweep->states, sweep->size, sweep->options->state_bytes_max, &why);
    if (removed != SGS_OK)
        progress_say(&sweep->progress, "old state files stay: %s", why.text);
}

/* The stop in numbers, behind what err says already. */
static void explain_stop(const struct sweep *sweep, double stopping_s, sgs_error *err)
{
    const struct deeds *deeds = &sweep->deeds;
    const sgs_error text = *err;

    if (deeds->stopping_s > 0)
        (void)sgs_fail(err, SGS_STOPPED,
                       "%.600s; stopping took %.2f s, the states of %" PRId64 " runs were saved (%.3g MB)%s", text.text,
                       stopping_s, deeds->saved, (double)deeds->saved_bytes * 1e-6,
                       deeds->unsaved > 0 ? ", others start over" : "");
}

static json_t *end_fields(const struct sweep *sweep, sgs_status status, const sgs_tally *tally, sgs_error *err)
{
    const struct deeds *deeds = &sweep->deeds;
    char digest[SGS_KEY_TEXT_BYTES];
    const double now_s = clock_now_s();
    const double stopping_s = deeds->stopping_s > 0 ? now_s - deeds->stopping_s : 0;
    json_t *fields = json_pack("{s:f, s:I}", "seconds", now_s - sweep->started_s, "steps", (json_int_t)deeds->steps);
    json_t *more = NULL;

    if (status == SGS_OK) {
        more = json_pack("{s:s}", "results_digest", sgs_key_text(tally->digest, digest));
    } else {
        if (status == SGS_STOPPED)
            explain_stop(sweep, stopping_s, err);
        more = json_pack("{s:f, s:I, s:I, s:I, s:I, s:s}", "stopping_s", stopping_s, "saved_runs",
                         (json_int_t)deeds->saved, "saved_bytes", (json_int_t)deeds->saved_bytes, "unsaved_runs",
                         (json_int_t)deeds->unsaved, "failed_runs", (json_int_t)deeds->failed, "text", err->text);
    }
    if (fields && json_object_update(fields, more) != 0) {
        json_decref(fields);
        fields = NULL;
    }
    json_decref(more);
    return fields;
}

static sgs_status log_end(struct sweep *sweep, sgs_status status, const sgs_tally *tally, sgs_error *err)
{
    static const char *const names[] = {[SGS_OK] = "complete", [SGS_STOPPED] = "stop"};
    sgs_error error;

    if (!sweep->log)
        return SGS_OK;
    json_t *fields = end_fields(sweep, status, tally, err);
    sgs_status logged = event_log_add(sweep->log, status <= SGS_STOPPED ? names[status] : "error", fields, &error);
    sgs_status closed = event_log_close(sweep->log, logged == SGS_OK ? &error : NULL);
    sweep->log = NULL;
    if (logged == SGS_OK)
        logged = closed;
    /* A failure that is reported already is the better story. */
    if (logged != SGS_OK && status <= SGS_STOPPED)
        *err = error;
    return status <= SGS_STOPPED ? logged : SGS_OK;
}

static void say_complete(struct sweep *sweep, const sgs_tally *tally)
{
    progress_say(&sweep->progress,
                 "complete in %.3g s: %" PRId64 " converged, %" PRId64 " max_steps, %" PRId64 " diverged, %" PRId64
                 " dead, %" PRId64 " skipped; all read back",
                 clock_now_s() - sweep->started_s, tally->status[SGS_RUN_CONVERGED], tally->status[SGS_RUN_MAX_STEPS],
                 tally->status[SGS_RUN_DIVERGED], tally->status[SGS_RUN_DEAD], tally->status[SGS_RUN_SKIPPED]);
}

/* Log, lock and schedule are rank 0's. A log that cannot be ended fails a sweep that was fine so far. */
static sgs_status end_coll(struct sweep *sweep, sgs_status status, const sgs_tally *tally, sgs_error *err)
{
    sgs_status mine = status;

    if (sweep->rank == 0) {
        if (sweep->synced)
            tidy_states(sweep, status);
        sgs_status logged = log_end(sweep, status, tally, err);
        mine = logged > mine ? logged : mine;
        if (mine == SGS_OK)
            say_complete(sweep, tally);
    }
    sgs_lock_release(sweep->lock);
    sgs_sched_destroy(sweep->sched);
    states_clear(&sweep->states);
    free(sweep->writers);
    until_destroy(sweep->until);
    return sgs_agree_coll(sweep->comm, mine, err);
}

static sgs_status close_coll(struct sweep *sweep, sgs_status status, sgs_error *err)
{
    sgs_error other = {""};
    sgs_status closed = SGS_OK;

    /* Everything is written and synced. HDF5's end on several ranks only adds a write that can keep them waiting. */
    if ((status == SGS_OK || status == SGS_STOPPED) && sweep->size == 1)
        closed = sgs_store_close(sweep->store, &other);
    else
        sgs_store_abandon_coll(sweep->store);
    sweep->store = NULL;
    if (closed <= status)
        return status;
    *err = other;
    return closed;
}

static sgs_status sweep_coll(struct sweep *sweep, sgs_error *err)
{
    sgs_tally tally = {0};
    int trained = 0;
    sgs_status status = prepare_coll(sweep, err);

    if (status == SGS_OK) {
        status = work_coll(sweep, &tally, &trained, err);
        status = close_coll(sweep, status, err);
    }
    if (status == SGS_OK && (trained || sweep->fresh)) /* else the scan was the reading back */
        status = scan_back_coll(sweep, &tally, err);
    return end_coll(sweep, status, &tally, err);
}

sgs_status sgs_sweep_coll(MPI_Comm comm, const sgs_grid *grid, const sgs_sweep_options *options, sgs_error *err)
{
    struct sweep sweep = {.grid = grid, .options = options, .started_s = clock_now_s()};
    sgs_error text = {""};
    struct watch *watch = NULL;
    char notice[SGS_ERROR_TEXT_BYTES];

    SGS_MPI(MPI_Comm_dup(comm, &sweep.comm));
    SGS_MPI(MPI_Comm_set_errhandler(sweep.comm, MPI_ERRORS_RETURN));
    SGS_MPI(MPI_Comm_rank(sweep.comm, &sweep.rank));
    SGS_MPI(MPI_Comm_size(sweep.comm, &sweep.size));
    sweep.dedicated = sweep.size > 1 && (options->master == SGS_MASTER_DEDICATED ||
                                         (options->master == SGS_MASTER_AUTO && sweep.size >= DEDICATED_FROM_RANKS));
    progress_init(&sweep.progress, sweep.rank == 0 ? options->progress : SGS_PROGRESS_NONE,
                  sweep.size - sweep.dedicated, 0);
    watch_start_coll(sweep.comm, &watch, notice);
    if (notice[0] != '\0')
        progress_say(&sweep.progress, "%s", notice);
    sgs_status status = sweep_coll(&sweep, &text);
    watch_stop(watch);
    SGS_MPI(MPI_Comm_free(&sweep.comm));
    if (err)
        *err = text;
    return status;
}
