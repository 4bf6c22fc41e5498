/* Rank 0: hands out blocks, counts what is in the file, and trains between two looks at its mail.
 *
 * Every worker gets exactly one END or DROP, its last order, and answers with BYE, its last report: then no message is
 * under way any more. Only what a worker reports as written counts as done. */
#include "clock.h"
#include "master_private.h"
#include "store/mpi_check.h"
#include "until.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MISSES = 3, SAID_LINES = 5, BROKEN_IN_A_ROW_MAX = 16 };

static const double NAP_S = 20e-6;
static const double FLUSH_GAP_S = 0.1;
/* Blocks of a master that trains take so long at most, unless there is plenty left to do. */
static const double MASTER_BLOCK_S = 0.5;

/* Tell every worker that this was it. */
static void end_all(struct master *master, int32_t kind)
{
    struct order order = {.kind = kind};

    if (master->ending != 0)
        return;
    master->ending = kind;
    if (kind == ORDER_DROP)
        master->sweep->deeds.stopping_s = clock_now_s();
    for (int rank = 1; rank < master->sweep->size; rank++) {
        if (kind == ORDER_DROP && master->share)
            handover_drop(master, rank);
        else
            message_send_order(master->sweep->comm, rank, &order);
    }
}

void master_fail(struct master *master, sgs_status status, const sgs_error *text)
{
    if (status == SGS_OK)
        return;
    if (master->status == SGS_OK) {
        master->status = status;
        if (master->err && text != master->err)
            *master->err = *text;
    }
    end_all(master, ORDER_DROP);
}

/* ---- handing out --------------------------------------------------------------------------------------------------
 */

/* A block that broke elsewhere comes first, however long it is. The schedule knows it as handed out all the time. */
static bool next_block(struct master *master, int rank, double max_seconds, struct order *order)
{
    const struct sweep *sweep = master->sweep;
    const struct trainers trainers = {sweep->dedicated ? 1 : 0, sweep->size, sweep->writers};

    *order = (struct order){.kind = ORDER_BLOCK};
    if (retries_take(&master->retries, rank, &trainers, &order->block) ||
        sgs_sched_next_near(master->sweep->sched, max_seconds, master->near[rank], &order->block)) {
        master->near[rank] = order->block.first;
        order->predicted_s = sgs_sched_block_seconds(master->sweep->sched, order->block);
        handover_note(master, rank, order->block, order->predicted_s);
        return true;
    }
    sgs_sched_progress now = sgs_sched_progress_now(master->sweep->sched);
    if (now.waiting > 0 && now.out == 0) {
        sgs_error error;
        master_fail(master, sgs_fail(&error, SGS_ENOMEM, "no memory to hand out a block"), &error);
    }
    return false;
}

static void answer(struct master *master, int rank)
{
    struct order order;

    if (master->ending != 0 || handover_answer(master, rank)) /* END is on its way */
        return;
    bool found = next_block(master, rank, 0, &order);
    if (found)
        message_send_order(master->sweep->comm, rank, &order);
    master->idle_count += (!found) - master->idle[rank];
    master->idle[rank] = !found;
}

static void answer_idle(struct master *master)
{
    for (int rank = 1; rank < master->sweep->size && master->idle_count > 0; rank++)
        if (master->idle[rank])
            answer(master, rank);
}

/* Blocks for the master itself: short ones. */
static void feed_crew(struct master *master)
{
    sgs_sched_progress now = sgs_sched_progress_now(master->sweep->sched);
    double max_seconds = fmax(MASTER_BLOCK_S, now.left_s / (4 * master->trainers));
    sgs_error error;
    struct order order;

    while (master->ending == 0 && crew_wants(master->crew, 0)) {
        if (handover_answer(master, 0))
            continue;
        if (!next_block(master, 0, master->sweep->size == 1 ? 0 : max_seconds, &order))
            return;
        master->own_dry = false;
        master_fail(master, crew_push(master->crew, order.block, order.predicted_s, &error), &error);
    }
}

/* ---- reports ------------------------------------------------------------------------------------------------------
 */

/* A block of a grid with a rule: it may complete a look of its cell. */
static void decide(struct master *master, const struct report *report)
{
    sgs_error error;
    bool more = false;

    master_fail(master, until_take(master->sweep, report->block, &report->evidence, &more, &error), &error);
    if (more)
        answer_idle(master);
}

/* All is done, or what waits could not be handed out when it was asked for. */
static void end_if_done(struct master *master)
{
    sgs_sched_progress now = sgs_sched_progress_now(master->sweep->sched);

    if (now.done == now.total)
        end_all(master, ORDER_END);
    else if (now.waiting > 0)
        answer_idle(master);
}

static void count_done(struct master *master, int rank, const struct report *report)
{
    sgs_error error;
    struct sweep *sweep = master->sweep;
    sgs_block block = report->block;
    json_t *fields = json_pack("{s:I, s:I, s:i, s:f, s:f, s:I}", "first", (json_int_t)block.first, "count",
                               (json_int_t)block.count, "rank", rank, "seconds", report->seconds, "predicted_s",
                               sgs_sched_block_predicted(sweep->sched, block), "steps", (json_int_t)report->steps);

    master_fail(master, event_log_add(sweep->log, "block", fields, &error), &error);
    master_fail(master, sgs_sched_done(sweep->sched, block, report->seconds, &error), &error);
    sgs_share_left(master->share, report->rank, block.count);
    retries_done(&master->retries, block);
    states_supersede(&sweep->states, block);
    if (sweep->until && master->status == SGS_OK)
        decide(master, report);
    master->broken_in_a_row = 0;
    end_if_done(master);
}

/* Runs that broke too often: their status says so, the next `run` tries them again. */
static void give_up(struct master *master, int rank, const struct report *report, const sgs_error *text)
{
    sgs_error error;
    struct sweep *sweep = master->sweep;
    sgs_block block = report->block;
    json_t *fields = json_pack("{s:I, s:I, s:i, s:s}", "first", (json_int_t)block.first, "count",
                               (json_int_t)block.count, "rank", rank, "text", text->text);

    master_fail(master, event_log_add(sweep->log, "failed", fields, &error), &error);
    if (sgs_store_set_status(sweep->store, block.first, block.count, SGS_RUN_FAILED, &error) != SGS_OK)
        progress_say(&sweep->progress, "%s", error.text); /* they stay pending, which is as good */
    if (sweep->deeds.failed == 0)
        sweep->deeds.failed_text = *text;
    sweep->deeds.failed += block.count;
    double seconds = sgs_sched_block_seconds(sweep->sched, block); /* no news about the speed */
    master_fail(master, sgs_sched_done(sweep->sched, block, seconds, &error), &error);
    end_if_done(master);
}

/* No other try will find more room, on any rank. */
static bool is_disk_full(const sgs_error *text)
{
    static const int reasons[] = {ENOSPC, EDQUOT, EROFS};

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strstr(text->text, strerror(reasons[i])))
            return true;
    return false;
}

/* A block broke for a reason of the machine: it is handed out again, to another rank, but not for ever. */
static void count_broken(struct master *master, int rank, const struct report *report, const sgs_error *text)
{
    sgs_error error;
    struct sweep *sweep = master->sweep;
    sgs_share_left(master->share, report->rank, report->block.count);
    const int times = retries_broken(&master->retries, report->block, rank);
    json_t *fields = json_pack("{s:I, s:I, s:i, s:i, s:s}", "first", (json_int_t)report->block.first, "count",
                               (json_int_t)report->block.count, "rank", rank, "times", times, "text", text->text);

    master_fail(master, event_log_add(sweep->log, "broken", fields, &error), &error);
    if (sweep->deeds.broken_said++ < SAID_LINES)
        progress_say(&sweep->progress, "rank %d: %" PRId64 " runs from run %" PRId64 " on failed (%d. time): %s", rank,
                     report->block.count, report->block.first, times, text->text);
    if (sweep->options->fail_fast || times == 0 || is_disk_full(text))
        master_fail(master, (sgs_status)report->status, text);
    else if (!report->follows && ++master->broken_in_a_row >= BROKEN_IN_A_ROW_MAX + 4 * (int64_t)master->trainers)
        master_fail(master,
                    sgs_fail(&error, (sgs_status)report->status, "%" PRId64 " blocks failed in a row; the last: %.800s",
                             master->broken_in_a_row, text->text),
                    &error);
    if (times > RETRIES_MAX)
        give_up(master, rank, report, text);
    else
        answer_idle(master);
}

static void count_returned(struct master *master, int rank, const struct report *report)
{
    sgs_error error;

    sgs_share_left(master->share, rank, report->block.count);
    master_fail(master, sgs_sched_return(master->sweep->sched, report->block, &error), &error);
    if (report->saved > 0)
        states_supersede(&master->sweep->states, report->block);
    answer_idle(master);
}

static void count_saved(struct master *master, int rank, const struct report *report)
{
    sgs_error error;
    struct deeds *deeds = &master->sweep->deeds;
    json_t *fields = json_pack("{s:i, s:I, s:I, s:f, s:I, s:b}", "rank", rank, "runs", (json_int_t)report->saved,
                               "bytes", (json_int_t)report->bytes, "seconds", report->seconds, "steps",
                               (json_int_t)report->steps, "stopping", (int)report->stopping);

    master_fail(master, event_log_add(master->sweep->log, "checkpoint", fields, &error), &error);
    if (report->stopping) {
        deeds->saved += report->saved;
        deeds->saved_bytes += report->bytes;
    }
}

/* What could not be saved costs time, never a result: a line and an event. */
static void count_unsaved(struct master *master, int rank, const struct report *report, const sgs_error *text)
{
    sgs_error error;
    struct deeds *deeds = &master->sweep->deeds;
    json_t *fields = json_pack("{s:i, s:I, s:b, s:s}", "rank", rank, "runs", (json_int_t)report->unsaved, "stopping",
                               (int)report->stopping, "text", text->text);

    master_fail(master, event_log_add(master->sweep->log, "state_unsaved", fields, &error), &error);
    if (report->stopping)
        deeds->unsaved += report->unsaved;
    if (deeds->unsaved_said++ < SAID_LINES)
        progress_say(&master->sweep->progress, "rank %d: the states of %" PRId64 " runs are not saved, %s: %s", rank,
                     report->unsaved, report->stopping ? "they start over" : "they start over after a kill",
                     text->text);
}

static void count_restored(struct master *master, int rank, const struct report *report)
{
    sgs_error error;
    json_t *fields = json_pack("{s:I, s:I, s:i}", "run", (json_int_t)report->block.first, "steps",
                               (json_int_t)report->steps, "rank", rank);
    master_fail(master, event_log_add(master->sweep->log, "state_restored", fields, &error), &error);
}

static void count_ignored(struct master *master, int rank, const struct report *report, const sgs_error *text)
{
    sgs_error error;
    json_t *fields =
        json_pack("{s:I, s:i, s:s}", "run", (json_int_t)report->block.first, "rank", rank, "text", text->text);
    master_fail(master, event_log_add(master->sweep->log, "state_ignored", fields, &error), &error);
    progress_say(&master->sweep->progress, "state ignored, run %" PRId64 " starts over: %s", report->block.first,
                 text->text);
}

static void take_failure(struct master *master, int rank, const struct report *report, const sgs_error *text)
{
    sgs_error error;
    json_t *fields = json_pack("{s:i, s:i, s:s}", "rank", rank, "status", (int)report->status, "text", text->text);
    master_fail(master, (sgs_status)report->status, text);
    master_fail(master, event_log_add(master->sweep->log, "failure", fields, &error), &error);
}

/* text: of reports that have one */
static void take_report(struct master *master, int rank, const struct report *report, const sgs_error *text)
{
    switch ((enum report_kind)report->kind) {
    case REPORT_ASK:
        answer(master, rank);
        break;
    case REPORT_DRY:
        handover_dry(master, rank);
        break;
    case REPORT_GIVEN:
        handover_take(master, rank, report);
        break;
    case REPORT_DONE:
        count_done(master, report->rank, report);
        break;
    case REPORT_RETURN:
        count_returned(master, rank, report);
        break;
    case REPORT_RESTORED:
        count_restored(master, rank, report);
        break;
    case REPORT_IGNORED:
        count_ignored(master, rank, report, text);
        break;
    case REPORT_SAVED:
        count_saved(master, rank, report);
        break;
    case REPORT_UNSAVED:
        count_unsaved(master, rank, report, text);
        break;
    case REPORT_BROKEN:
        count_broken(master, rank, report, text);
        break;
    case REPORT_STOP:
        end_all(master, ORDER_DROP);
        break;
    case REPORT_FAIL:
        take_failure(master, rank, report, text);
        break;
    case REPORT_BYE:
        master->byes++;
        master->sweep->deeds.steps += report->steps;
        break;
    }
}

static void take_own_report(void *context, const struct report *report, const sgs_error *text)
{
    take_report(context, 0, report, text);
}

/* Answer until nobody has asked three times in a row: messages in shared memory arrive while one looks. */
static bool take_mail(struct master *master)
{
    bool any = false;

    for (int misses = 0; misses < MISSES;) {
        int arrived = 0;
        MPI_Status status;
        struct report report;
        sgs_error text = {""};
        SGS_MPI(MPI_Iprobe(MPI_ANY_SOURCE, TAG_REPORT, master->sweep->comm, &arrived, &status));
        if (!arrived) {
            misses++;
            continue;
        }
        double began_s = clock_now_s();
        SGS_MPI(MPI_Recv(&report, sizeof report, MPI_BYTE, status.MPI_SOURCE, TAG_REPORT, master->sweep->comm,
                         MPI_STATUS_IGNORE));
        if (report_has_text(&report))
            message_receive_text(master->sweep->comm, status.MPI_SOURCE, &text);
        take_report(master, status.MPI_SOURCE, &report, &text);
        master->messages++;
        master->messages_s += clock_now_s() - began_s;
        misses = 0;
        any = true;
    }
    return any;
}

/* ---- the loop -----------------------------------------------------------------------------------------------------
 */

static void look_around(struct master *master)
{
    struct sweep *sweep = master->sweep;
    sgs_error error;
    double now_s = clock_now_s();

    if (sgs_stop_requested() || sweep_time_is_up(sweep))
        end_all(master, ORDER_DROP);
    master_fail(master, sync_timer_check(sweep->sync, &error), &error);
    sgs_sched_progress now = sgs_sched_progress_now(sweep->sched);
    bool shown = progress_show(&sweep->progress, &now);
    if (shown && sweep->progress.mode == SGS_PROGRESS_LOG) {
        json_t *fields = json_pack("{s:I, s:I, s:f}", "done", (json_int_t)now.done, "total", (json_int_t)now.total,
                                   "left_s", now.left_s);
        master_fail(master, event_log_add(sweep->log, "progress", fields, &error), &error);
    }
    if (now_s - master->flushed_s >= FLUSH_GAP_S) {
        master->flushed_s = now_s;
        master_fail(master, event_log_flush(sweep->log, &error), &error);
    }
}

/* The master's own training: a slice, or what is left to do with its blocks at the end. */
static bool train(struct master *master)
{
    sgs_error error;

    if (!master->crew)
        return false;
    feed_crew(master);
    if (master->ending == 0 && crew_busy(master->crew)) {
        master_fail(master, crew_slice(master->crew, &error), &error);
        return true;
    }
    return false;
}

static void serve(struct master *master)
{
    sgs_sched_progress now = sgs_sched_progress_now(master->sweep->sched);
    sgs_error error;
    bool stopped = false;

    if (now.total == 0)
        end_all(master, ORDER_END);
    do {
        bool moved = take_mail(master);
        look_around(master);
        const bool idle = !master->crew || !crew_busy(master->crew);
        master_fail(master, outlet_poll(master->sweep->outlet, idle, &moved, &error), &error);
        moved |= train(master);
        handover_ask(master);
        if (master->ending == ORDER_DROP && master->crew && !stopped) {
            stopped = true;
            handover_drop_own(master);
            master_fail(master, crew_stop(master->crew, &error), &error);
        }
        if (!moved)
            clock_nap(NAP_S);
    } while (master->ending == 0 || master->byes < master->sweep->size - 1);
    master_fail(master, outlet_end(master->sweep->outlet, &error), &error);
}

/* What predictions were worth and what messages took, for the log. */
static void log_worth(struct master *master)
{
    sgs_sched_accuracy sum = sgs_sched_accuracy_now(master->sweep->sched);
    sgs_error error;
    json_t *fields =
        json_pack("{s:f, s:f, s:I, s:I, s:f}", "predicted_s", sum.predicted_s, "measured_s", sum.measured_s, "cells",
                  (json_int_t)sum.cells, "within_1_5", (json_int_t)sum.within, "worst", sum.worst);

    master_fail(master, event_log_add(master->sweep->log, "prediction", fields, &error), &error);
    fields = json_pack("{s:I, s:f}", "messages", (json_int_t)master->messages, "seconds", master->messages_s);
    master_fail(master, event_log_add(master->sweep->log, "master", fields, &error), &error);
}

sgs_status master_run(struct sweep *sweep, sgs_error *err)
{
    struct master master = {.sweep = sweep, .trainers = sweep->size - sweep->dedicated, .err = err};
    const struct crew_setup setup = sweep_crew_setup(sweep, (struct crew_sink){take_own_report, &master});
    sgs_error error;
    sgs_status status = SGS_OK;

    master.idle = calloc((size_t)sweep->size, sizeof *master.idle);
    master.near = malloc((size_t)sweep->size * sizeof *master.near);
    for (int rank = 0; master.near && rank < sweep->size; rank++)
        master.near[rank] = -1;
    if (!master.idle || !master.near)
        status = sgs_fail(&error, SGS_ENOMEM, "no memory for a master of %d ranks", sweep->size);
    if (status == SGS_OK)
        status = sgs_share_create(sweep->size, sweep->options->hand_over == SGS_HAND_OVER_ALWAYS ? 1e-9 : 0,
                                  &master.share, &error);
    if (status == SGS_OK && !sweep->dedicated)
        status = crew_create(&setup, &master.crew, &error);
    outlet_connect(sweep->outlet, setup.sink);
    master_fail(&master, status, &error);
    master.flushed_s = clock_now_s();
    serve(&master);
    sgs_sched_progress now = sgs_sched_progress_now(sweep->sched);
    if (now.total > 0) {
        log_worth(&master);
        progress_end(&sweep->progress, &now);
    }
    if (master.crew)
        sweep->deeds.steps += crew_steps(master.crew);
    crew_destroy(master.crew);
    free(master.idle);
    free(master.near);
    retries_clear(&master.retries);
    handover_end(&master);
    if (master.status == SGS_OK && now.done < now.total)
        return sgs_fail(err, SGS_STOPPED, "stopped with %" PRId64 " runs left to do", now.total - now.done);
    if (master.status == SGS_OK && sweep->deeds.failed > 0)
        return sgs_fail(err, SGS_EIO, "%" PRId64 " runs failed, the same command tries them again; the first: %.800s",
                        sweep->deeds.failed, sweep->deeds.failed_text.text);
    return master.status;
}
