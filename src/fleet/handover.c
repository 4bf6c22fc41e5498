/* Runs that change hands at the end of a sweep. They stay handed out in the schedule: who has them is known here and to
 * the ranks alone.
 *
 * Invariants: a rank has one question to give open at most, and its last order comes after its answer; runs that nobody
 * has (strays) are there only between an answer and the next rank that asks, and go back to who gave them when the
 * sweep stops. */
#include "clock.h"
#include "master_private.h"
#include "sgdsweep/train.h"
#include "store/mpi_check.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void handover_note(struct master *master, int rank, sgs_block block, double predicted_s)
{
    sgs_run run;
    sgs_stop stop;
    double slowdown = 1;

    if (sgs_grid_run(master->sweep->grid, block.first, &run, &stop)) {
        sgs_widths widths = sgs_predict_widths(&run, sgs_trainer_vector());
        slowdown = sgs_predict_slowdown(&widths, block.count);
    }
    sgs_share_took(master->share, rank, clock_now_s(), block.count, predicted_s * slowdown);
}

/* ---- bundles ------------------------------------------------------------------------------------------------------
 */

/* Let go of what has arrived; or wait for all of it. */
static void sweep_posted(struct master *master, bool wait)
{
    for (int i = 0; i < master->posted_count;) {
        int arrived = 1;
        if (wait)
            SGS_MPI(MPI_Wait(&master->posted[i].request, MPI_STATUS_IGNORE));
        else
            SGS_MPI(MPI_Test(&master->posted[i].request, &arrived, MPI_STATUS_IGNORE));
        if (!arrived) {
            i++;
            continue;
        }
        free(master->posted[i].bundle);
        master->posted[i] = master->posted[--master->posted_count];
    }
}

/* Takes the bundle. */
static void post(struct master *master, int rank, int32_t kind, struct bundle *bundle)
{
    const struct order order = {.kind = kind};

    message_send_order(master->sweep->comm, rank, &order);
    if (master->posted_count == master->posted_room) {
        int room = master->posted_room > 0 ? 2 * master->posted_room : 8;
        struct posted *grown = realloc(master->posted, (size_t)room * sizeof *grown);
        if (!grown) { /* without room to remember it, it is waited for */
            bundle_send(master->sweep->comm, rank, bundle);
            free(bundle);
            return;
        }
        master->posted = grown;
        master->posted_room = room;
    }
    MPI_Request request = bundle_post(master->sweep->comm, rank, bundle);
    master->posted[master->posted_count++] = (struct posted){bundle, request};
}

/* A bundle goes to a rank that waits. Takes the bundle. */
static void deliver(struct master *master, struct stray stray, int rank)
{
    struct sweep *sweep = master->sweep;
    struct bundle *bundle = stray.bundle;
    sgs_error error;
    json_t *fields =
        json_pack("{s:i, s:i, s:I, s:I, s:I}", "from", stray.giver, "to", rank, "first", (json_int_t)bundle->at[0].run,
                  "count", (json_int_t)bundle->count, "bytes", (json_int_t)bundle->size);

    sgs_share_took(master->share, rank, clock_now_s(), bundle->count, bundle->left_s);
    master->near[rank] = bundle->at[0].run;
    if (rank == 0) {
        master->own_dry = false;
        crew_push_bundle(master->crew, bundle);
        free(bundle);
    } else {
        master->idle[rank] = false;
        master->idle_count--;
        post(master, rank, ORDER_BUNDLE, bundle);
    }
    master_fail(master, event_log_add(sweep->log, "handed_over", fields, &error), &error);
}

/* Wait for the next rank that asks. Takes the bundle. */
static void keep_stray(struct master *master, struct stray stray)
{
    if (master->stray_count == master->stray_room) {
        int room = master->stray_room > 0 ? 2 * master->stray_room : 8;
        struct stray *grown = realloc(master->strays, (size_t)room * sizeof *grown);
        sgs_error error;
        if (!grown) {
            free(stray.bundle);
            master_fail(master, sgs_fail(&error, SGS_ENOMEM, "no memory for runs that are handed over"), &error);
            return;
        }
        master->strays = grown;
        master->stray_room = room;
    }
    master->strays[master->stray_count++] = stray;
}

static void hand_on(struct master *master, int giver, struct bundle *bundle)
{
    const struct stray stray = {bundle, giver};

    sgs_share_left(master->share, giver, bundle->count);
    int taker = master->ending == 0 ? sgs_share_taker(master->share) : -1;
    if (taker >= 0)
        deliver(master, stray, taker);
    else
        keep_stray(master, stray);
}

bool handover_answer(struct master *master, int rank)
{
    if (master->stray_count == 0)
        return false;
    if (rank > 0) {
        master->idle_count += !master->idle[rank];
        master->idle[rank] = true;
    }
    deliver(master, master->strays[--master->stray_count], rank);
    return true;
}

void handover_dry(struct master *master, int rank)
{
    if (master->ending != 0 || !master->idle[rank]) /* an answer is on its way */
        return;
    if (!handover_answer(master, rank)) /* a stray may have come since it asked */
        sgs_share_dry(master->share, rank);
}

/* ---- asking -------------------------------------------------------------------------------------------------------
 */

static void give_own(struct master *master, int takers)
{
    struct gift gift;
    sgs_error error;
    sgs_status status = crew_give(master->crew, takers, &gift, &error);

    sgs_share_answer(master->share, 0, clock_now_s(), gift.count, gift.left_s);
    for (int i = 0; i < gift.count; i++)
        hand_on(master, 0, gift.bundles[i]);
    gift.count = 0; /* the bundles are gone */
    gift_clear(&gift);
    master_fail(master, status, &error);
}

void handover_ask(struct master *master)
{
    int giver = 0;
    int takers = 0;

    sweep_posted(master, false);
    if (master->crew && !crew_busy(master->crew) && crew_wants(master->crew, 0) && !master->own_dry) {
        master->own_dry = true;
        sgs_share_dry(master->share, 0);
    }
    if (master->sweep->options->hand_over == SGS_HAND_OVER_NEVER ||
        sgs_sched_progress_now(master->sweep->sched).waiting > 0)
        return;
    while (master->ending == 0 && sgs_share_ask(master->share, clock_now_s(), &giver, &takers)) {
        const struct order order = {.kind = ORDER_GIVE, .block = {0, takers}};
        if (giver == 0)
            give_own(master, takers);
        else
            message_send_order(master->sweep->comm, giver, &order);
    }
}

void handover_take(struct master *master, int rank, const struct report *report)
{
    sgs_share_answer(master->share, rank, clock_now_s(), (int)report->block.count, report->seconds);
    master->taking = rank;
    for (int64_t i = 0; i < report->block.count; i++)
        hand_on(master, rank, bundle_receive(master->sweep->comm, rank));
    master->taking = 0;
    if (master->ending == ORDER_DROP)
        handover_drop(master, rank);
}

/* ---- the stop -----------------------------------------------------------------------------------------------------
 */

/* The next stray that a rank gave; NULL: none. */
static struct bundle *take_stray(struct master *master, int giver)
{
    for (int i = 0; i < master->stray_count; i++) {
        struct bundle *bundle = master->strays[i].bundle;
        if (master->strays[i].giver != giver)
            continue;
        master->strays[i] = master->strays[--master->stray_count];
        return bundle;
    }
    return NULL;
}

void handover_drop(struct master *master, int rank)
{
    const struct order drop = {.kind = ORDER_DROP};

    if (sgs_share_is_asked(master->share, rank) || master->taking == rank) /* said behind its last bundle */
        return;
    for (struct bundle *bundle; (bundle = take_stray(master, rank)) != NULL;)
        post(master, rank, ORDER_KEEP, bundle);
    message_send_order(master->sweep->comm, rank, &drop);
}

void handover_drop_own(struct master *master)
{
    for (struct bundle *bundle; (bundle = take_stray(master, 0)) != NULL; free(bundle))
        crew_keep(master->crew, bundle);
}

void handover_end(struct master *master)
{
    sweep_posted(master, true);
    sgs_share_destroy(master->share);
    for (int i = 0; i < master->stray_count; i++)
        free(master->strays[i].bundle);
    free(master->strays);
    free(master->posted);
}
