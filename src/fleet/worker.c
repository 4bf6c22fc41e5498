/* A worker: asks for blocks before it runs dry, trains between two looks at its mail, passes on what has ended.
 *
 * It ends when the master says so and never before: after a failure of its own it tells the master and waits. */
#include "clock.h"
#include "crew.h"
#include "fleet_private.h"
#include "store/mpi_check.h"
#include <math.h>
#include <stdlib.h>

static const double LATENCY_GUESS_S = 0.002;
static const double DRY_S = 0.003;
static const double NAP_MIN_S = 20e-6;
static const double NAP_MAX_S = 0.001;

struct worker {
    struct sweep *sweep;
    struct crew *crew;
    int32_t ended; /* ORDER_END or ORDER_DROP once it came */
    bool asked, told_dry, told_stop;
    double asked_s, latency_s;
    sgs_status status; /* the failure that the master was told */
};

static void send_report(void *context, const struct report *report, const sgs_error *text)
{
    message_send_report(((struct worker *)context)->sweep->comm, report, text);
}

/* Keep the first failure and tell the master. */
static void fail(struct worker *worker, sgs_status status, const sgs_error *err)
{
    if (worker->status != SGS_OK)
        return;
    struct report report = {.kind = REPORT_FAIL, .status = (int32_t)status};
    worker->status = status;
    send_report(worker, &report, err);
}

static void keep_failure(struct worker *worker, sgs_status status, const sgs_error *error, sgs_error *err)
{
    if (status == SGS_OK || worker->status != SGS_OK)
        return;
    *err = *error;
    fail(worker, status, err);
}

static void take_block(struct worker *worker, const struct order *order, sgs_error *err)
{
    worker->latency_s += 0.25 * (clock_now_s() - worker->asked_s - worker->latency_s);
    worker->asked = false;
    if (worker->status != SGS_OK)
        return;
    sgs_status status = crew_push(worker->crew, order->block, order->predicted_s, err);
    if (status != SGS_OK)
        fail(worker, status, err);
}

static void take_bundle(struct worker *worker, int32_t kind)
{
    struct bundle *bundle = bundle_receive(worker->sweep->comm, 0);

    if (kind == ORDER_BUNDLE)
        worker->asked = false;
    if (worker->crew && (kind == ORDER_KEEP || worker->status != SGS_OK))
        crew_keep(worker->crew, bundle);
    else if (worker->crew)
        crew_push_bundle(worker->crew, bundle);
    free(bundle);
}

/* The master waits for an answer, whatever it is. */
static void give(struct worker *worker, int takers, sgs_error *err)
{
    struct gift gift = {.bundles = NULL};
    sgs_status status = SGS_OK;

    if (worker->status == SGS_OK)
        status = crew_give(worker->crew, takers, &gift, err);
    const struct report report = {.kind = REPORT_GIVEN, .block = {0, gift.count}, .seconds = gift.left_s};
    send_report(worker, &report, NULL);
    for (int i = 0; i < gift.count; i++)
        bundle_send(worker->sweep->comm, 0, gift.bundles[i]);
    gift_clear(&gift);
    if (status != SGS_OK)
        fail(worker, status, err);
}

/* Take one order, if there is one. */
static bool take_order(struct worker *worker, sgs_error *err)
{
    int arrived = 0;
    struct order order;
    MPI_Comm comm = worker->sweep->comm;

    SGS_MPI(MPI_Iprobe(0, TAG_ORDER, comm, &arrived, MPI_STATUS_IGNORE));
    if (!arrived)
        return false;
    SGS_MPI(MPI_Recv(&order, sizeof order, MPI_BYTE, 0, TAG_ORDER, comm, MPI_STATUS_IGNORE));
    switch ((enum order_kind)order.kind) {
    case ORDER_BLOCK:
        take_block(worker, &order, err);
        break;
    case ORDER_BUNDLE:
    case ORDER_KEEP:
        take_bundle(worker, order.kind);
        break;
    case ORDER_GIVE:
        give(worker, (int)order.block.count, err);
        break;
    case ORDER_END:
    case ORDER_DROP:
        worker->ended = order.kind;
        break;
    }
    return true;
}

static void ask(struct worker *worker)
{
    struct report report = {.kind = REPORT_ASK};
    worker->asked = true;
    worker->told_dry = false;
    worker->asked_s = clock_now_s();
    send_report(worker, &report, NULL);
}

/* Nothing in hand, and no answer for longer than answers take: nothing waits any more. */
static void tell_dry(struct worker *worker)
{
    struct report report = {.kind = REPORT_DRY};

    if (!worker->asked || worker->told_dry || clock_now_s() - worker->asked_s < fmax(2 * worker->latency_s, DRY_S))
        return;
    worker->told_dry = true;
    send_report(worker, &report, NULL);
}

static void tell_stop(struct worker *worker)
{
    struct report report = {.kind = REPORT_STOP};
    worker->told_stop = true;
    send_report(worker, &report, NULL);
}

/* One round: look around, then train for a slice. false: there was nothing to do. */
static bool work(struct worker *worker, sgs_error *err)
{
    sgs_status status = sync_timer_check(worker->sweep->sync, err);

    if (sgs_stop_requested() && !worker->told_stop)
        tell_stop(worker);
    /* Two latencies ahead, but not so far that a block waits here while others run dry. */
    if (status == SGS_OK && !worker->asked && crew_wants(worker->crew, fmin(2 * worker->latency_s, 0.1)))
        ask(worker);
    if (status == SGS_OK && !crew_busy(worker->crew)) {
        tell_dry(worker);
        return false;
    }
    if (status == SGS_OK)
        status = crew_slice(worker->crew, err);
    if (status != SGS_OK)
        fail(worker, status, err);
    return true;
}

/* A latency measured while there was nothing to hand out is none. */
static void bound_latency(struct worker *worker)
{
    worker->latency_s = fmin(worker->latency_s, 0.05);
}

/* Take in what others sent to be written, whatever happened here. */
static bool pass_on(struct worker *worker, sgs_error *err)
{
    const bool idle = !worker->crew || !crew_busy(worker->crew);
    bool moved = false;
    sgs_error error;
    sgs_status status = outlet_poll(worker->sweep->outlet, idle, &moved, &error);

    keep_failure(worker, status, &error, err);
    return moved;
}

static sgs_status serve(struct worker *worker, sgs_error *err)
{
    double nap_s = NAP_MIN_S;

    while (worker->ended == 0) {
        bool moved = take_order(worker, err);
        if (worker->ended == 0 && worker->status == SGS_OK)
            moved |= work(worker, err);
        moved |= pass_on(worker, err);
        nap_s = moved ? NAP_MIN_S : fmin(2 * nap_s, NAP_MAX_S);
        if (!moved)
            clock_nap(nap_s);
        bound_latency(worker);
    }
    /* After a failure too: what can be saved is. */
    if (worker->ended == ORDER_DROP && worker->crew) {
        sgs_error error;
        keep_failure(worker, crew_stop(worker->crew, &error), &error, err);
    }
    return worker->status;
}

sgs_status worker_run(struct sweep *sweep, sgs_error *err)
{
    struct worker worker = {.sweep = sweep, .latency_s = LATENCY_GUESS_S};
    struct report bye = {.kind = REPORT_BYE};
    const struct crew_setup setup = sweep_crew_setup(sweep, (struct crew_sink){send_report, &worker});
    sgs_error error;

    outlet_connect(sweep->outlet, setup.sink);
    keep_failure(&worker, crew_create(&setup, &worker.crew, &error), &error, err);
    (void)serve(&worker, err);
    keep_failure(&worker, outlet_end(sweep->outlet, &error), &error, err);
    if (worker.crew)
        bye.steps = crew_steps(worker.crew);
    message_send_report(sweep->comm, &bye, NULL);
    crew_destroy(worker.crew);
    return worker.status;
}
