/* A sweep without trainers: the same schedule, driven by events in simulated time.
 *
 * The master is a server that answers one message after the other. A trainer asks for its next block two latencies
 * before it runs dry, as a worker does, and tells what it has done. Runs of one strip share the lanes across blocks;
 * where the next block is of another strip, or there is none, the last runs of a block leave lanes empty: they end one
 * after the other around `ready`, the last of them `tail` later. What is unfinished then changes hands by the rules of
 * sgs_share. */
#include "events.h"
#include "sched_private.h"
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>

enum what { ASK, DONE, DRY, SHARE, FAILURE };
enum { DEDICATED_FROM_RANKS = 64, HANDS = 3 };

/* Run lengths by which the last of 16 runs ends after their mean: drawn batches, ordered ones. */
static const double SPREAD_DRAWN = 0.85;
static const double SPREAD_ORDERED = 0.4;
/* A master that trains looks at its mail between slices. */
static const double SLICE_S = 0.001;
static const double LEAD_MAX_S = 0.1;
static const double MASTER_BLOCK_S = 0.5;
/* A waiting trainer says so after a while. */
static const double DRY_S = 0.003;
/* While some wait the others are looked at so often. */
static const double SHARE_S = 0.05;
static const double SHARE_PART = 1e-4;

/* A block in hand. */
struct hold {
    sgs_block block;
    double begin_s, ready_s, took_s; /* its mean lane ends at ready; predicted */
    double tail_s, spread_s;         /* its runs end within spread_s of their mean, the last at ready + tail */
    int lanes;                       /* of its trainer */
};

struct trainer {
    double ready_s, tail_s, latency_s; /* ready and tail of the youngest block */
    int64_t strip;
    int lanes;
    struct hold hand[HANDS]; /* oldest first */
    int count;
    bool waits; /* its question is open */
    bool dry;   /* it told that it has nothing, and got nothing since */
};

struct world {
    sgs_sched *sched;
    const sgs_fleet *fleet;
    struct events events;
    struct trainer *trainers;
    int trainer_count;
    int64_t strip_runs;
    sgs_share *share;
    int dry;
    bool share_due; /* a SHARE event is to come */
    double now_s, master_free_s;
    gsl_rng *random;
    sgs_simulation sum;
};

static bool is_master(const struct world *world, int who)
{
    return who == 0 && !world->fleet->dedicated;
}

static bool plan_failure(struct world *world)
{
    if (world->fleet->failure_gap_s <= 0)
        return true;
    double gap_s = gsl_ran_exponential(world->random, world->fleet->failure_gap_s / world->trainer_count);
    return events_add(&world->events, world->now_s + gap_s, FAILURE, 0);
}

/* A run of a block, and what widths cost there. */
static bool first_run(const struct world *world, sgs_block block, sgs_run *run, sgs_widths *widths)
{
    sgs_stop stop;
    if (!sgs_grid_run(sched_grid(world->sched), block.first, run, &stop))
        return false; /* skipped runs are never handed out */
    *widths = sgs_predict_widths(run, sched_speed(world->sched)->vector);
    return true;
}

/* A trainer's work on a block: its share of the lanes' time, which blocks of one strip have in common, and what is left
 * after that if nothing of the strip follows. */
struct work {
    int lanes;
    double takes_s, tail_s, spread_s;
    double alone_s; /* what the master reckons with, which does not know what else is in the lanes */
};

/* lanes: of a trainer that has runs of the strip under way, or 0; far too few are replaced. The last runs of a block go
 * on with fewer lanes when half of them are empty. */
static struct work work_on(const struct world *world, sgs_block block, int lanes)
{
    sgs_run run;
    sgs_widths widths;
    double predicted_s = sgs_sched_block_predicted(world->sched, block);
    struct work work = {.lanes = lanes};

    if (!first_run(world, block, &run, &widths))
        return work;
    int fitting = sgs_predict_lanes(&widths, block.count);
    if (4 * lanes <= fitting)
        work.lanes = fitting;
    bool drawn = run.sampling == SGS_WITHOUT_REPLACEMENT || run.sampling == SGS_WITH_REPLACEMENT;
    int64_t together = block.count < work.lanes ? block.count : work.lanes;
    double lanes_s = sched_lanes_s(&widths, work.lanes);
    double run_s = predicted_s / (double)block.count * lanes_s;
    double narrow = fmin(1, sched_takes_s(&widths, (together + 1) / 2) / sched_takes_s(&widths, together));
    double spread = run.b < run.n && drawn ? SPREAD_DRAWN : SPREAD_ORDERED;
    work.spread_s = narrow * run_s * spread * fmin(log((double)together) / log(16), 1); /* 0 for one run */
    work.takes_s = predicted_s * lanes_s / work.lanes;
    work.alone_s = predicted_s * sgs_predict_slowdown(&widths, block.count);
    work.tail_s = fmax(work.spread_s, run_s + (lanes == 0 ? work.spread_s : 0) - work.takes_s);
    return work;
}

/* The master spends some time on a message that arrived now; returns when it is done with it. */
static double serve(struct world *world, int who)
{
    double begin_s = fmax(world->master_free_s, world->now_s);
    if (is_master(world, who))
        return world->now_s;
    world->master_free_s = begin_s + 0.5 * world->fleet->request_s; /* a question or a report: half a request each */
    world->sum.master_s += 0.5 * world->fleet->request_s;
    world->sum.messages++;
    return world->master_free_s;
}

/* When everything that a trainer has in hand is done. */
static double ends_s(const struct trainer *trainer)
{
    return trainer->ready_s + (trainer->count > 0 ? trainer->tail_s : 0);
}

/* Put a block into a trainer's hands. */
static bool hold_block(struct world *world, int who, struct hold hold)
{
    struct trainer *trainer = &world->trainers[who];

    trainer->ready_s = hold.ready_s;
    trainer->tail_s = hold.tail_s;
    trainer->lanes = hold.lanes;
    trainer->strip = hold.block.first / world->strip_runs;
    trainer->hand[trainer->count++] = hold;
    trainer->waits = false;
    world->sum.busy_s += hold.ready_s - hold.begin_s;
    return events_add(&world->events, hold.ready_s, DONE, who);
}

/* A trainer gets a block at a time. */
static bool take_block(struct world *world, int who, sgs_block block, double arrives_s)
{
    struct trainer *trainer = &world->trainers[who];
    int64_t strip = block.first / world->strip_runs;
    bool goes_on = strip == trainer->strip && arrives_s < trainer->ready_s + trainer->tail_s;
    struct work work = work_on(world, block, goes_on ? trainer->lanes : 0);
    double begin_s = fmax(arrives_s, trainer->ready_s + (goes_on ? 0 : trainer->tail_s));
    struct hold hold = {block, begin_s, begin_s + work.takes_s, work.takes_s, work.tail_s, work.spread_s, work.lanes};

    sgs_share_took(world->share, who, world->now_s, block.count, work.alone_s);
    world->sum.blocks++;
    /* At the same moment the question comes first: only who knows that nothing follows waits for the last runs. */
    double lead_s = is_master(world, who) ? 0 : fmin(2 * trainer->latency_s, LEAD_MAX_S);
    return events_add(&world->events, fmax(arrives_s, fmax(begin_s, hold.ready_s - lead_s)), ASK, who) &&
           hold_block(world, who, hold);
}

static bool answer(struct world *world, int who)
{
    struct trainer *trainer = &world->trainers[who];
    double answered_s = serve(world, who);
    double limit_s = 0;
    sgs_block block;

    if (is_master(world, who) && world->fleet->ranks > 1) {
        sgs_sched_progress now = sgs_sched_progress_now(world->sched);
        limit_s = fmax(MASTER_BLOCK_S, now.left_s / (4 * world->trainer_count));
    }
    int64_t near = trainer->strip < 0 ? -1 : trainer->strip * world->strip_runs;
    if (trainer->count == HANDS || !sgs_sched_next_near(world->sched, limit_s, near, &block)) {
        trainer->waits = true; /* nothing comes back before a failure begins everything anew */
        return events_add(&world->events, fmax(world->now_s, ends_s(trainer)) + DRY_S, DRY, who);
    }
    double arrives_s = answered_s;
    if (!is_master(world, who))
        arrives_s += world->fleet->latency_s + (world->fleet->dedicated ? 0 : 0.5 * SLICE_S);
    trainer->latency_s += 0.25 * (arrives_s - world->now_s - trainer->latency_s);
    return take_block(world, who, block, arrives_s);
}

static void drop_hold(struct trainer *trainer, int place)
{
    trainer->count--;
    for (int i = place; i < trainer->count; i++)
        trainer->hand[i] = trainer->hand[i + 1];
}

static bool report(struct world *world, int who)
{
    struct trainer *trainer = &world->trainers[who];
    struct hold hold = trainer->hand[0];

    if (trainer->count == 0 || hold.ready_s > world->now_s) /* it changed hands */
        return true;
    double until_s = trainer->count > 1 ? trainer->hand[1].begin_s : trainer->waits ? ends_s(trainer) : 0;
    if (until_s > world->now_s) { /* its last runs are under way, and nothing shares their lanes */
        trainer->hand[0].tail_s = fmax(hold.tail_s - (until_s - hold.ready_s), 0);
        trainer->hand[0].ready_s = until_s;
        return events_add(&world->events, until_s, DONE, who);
    }
    (void)serve(world, who);
    drop_hold(trainer, 0);
    sgs_share_left(world->share, who, hold.block.count);
    world->sum.makespan_s = fmax(world->sum.makespan_s, fmax(world->now_s, world->master_free_s));
    return sgs_sched_done(world->sched, hold.block, hold.took_s, NULL) == SGS_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------------------
 */

static bool share_soon(struct world *world, double in_s)
{
    if (world->share_due)
        return true;
    world->share_due = true;
    return events_add(&world->events, world->now_s + in_s, SHARE, 0);
}

static bool run_dry(struct world *world, int who)
{
    struct trainer *trainer = &world->trainers[who];

    if (!trainer->waits || trainer->dry || trainer->count > 0)
        return true;
    trainer->waits = false;
    trainer->dry = true;
    world->dry++;
    sgs_share_dry(world->share, who);
    return share_soon(world, SLICE_S);
}

/* Runs of a trainer's last block that have not ended by now, begun or not: those in the lanes end one after the other.
 */
static int64_t unfinished(const struct world *world, const struct trainer *trainer)
{
    const struct hold *hold = &trainer->hand[trainer->count - 1];
    double lanes = fmin((double)hold->block.count, hold->lanes);
    double first_end_s = fmax(hold->begin_s, ends_s(trainer) - 2 * hold->spread_s);
    double runs = lanes;

    if (world->now_s > first_end_s)
        runs = lanes * (ends_s(trainer) - world->now_s) / (ends_s(trainer) - first_end_s);
    else if (first_end_s > hold->begin_s)
        runs += ((double)hold->block.count - lanes) * (first_end_s - world->now_s) / (first_end_s - hold->begin_s);
    return (int64_t)fmin(fmax(ceil(runs), 1), (double)hold->block.count);
}

/* Runs that change hands: of the last block of a trainer, which keeps the first of the parts, or none. */
struct gift {
    int giver, parts, first;
    sgs_block block;       /* unfinished */
    double left_s, tail_s; /* of every part */
    int lanes;
    double move_s;
};

static bool decide(const struct world *world, int giver, int takers, struct gift *gift)
{
    const struct trainer *trainer = &world->trainers[giver];
    const struct hold *hold = &trainer->hand[trainer->count - 1];
    sgs_run run;
    sgs_widths widths;

    *gift = (struct gift){.giver = giver, .first = trainer->count > 1 ? 0 : 1};
    if (trainer->count == 0 || !first_run(world, hold->block, &run, &widths))
        return false;
    int64_t runs = hold->begin_s >= world->now_s ? hold->block.count : unfinished(world, trainer);
    double left_s = ends_s(trainer) - fmax(world->now_s, hold->begin_s);
    int lanes = sgs_predict_lanes(&widths, runs);
    int64_t begun = hold->begin_s >= world->now_s ? 0 : runs < lanes ? runs : lanes;
    gift->move_s = sgs_share_move_s(&run, &widths, begun, sgs_predict_step_seconds(&run, sched_speed(world->sched)));
    if (gift->first == 0)
        gift->parts = left_s > gift->move_s ? sgs_share_parts_away(&widths, runs, takers) : 0;
    else if (runs > 1)
        gift->parts = sgs_share_parts(&widths, runs, takers, left_s, gift->move_s);
    int64_t most = gift->parts > 0 ? (runs + gift->parts - 1) / gift->parts : runs;
    double faster = sched_takes_s(&widths, most) / sched_takes_s(&widths, runs);
    gift->block = (sgs_block){hold->block.first + hold->block.count - runs, runs};
    gift->left_s = left_s * faster;
    gift->tail_s = fmin(0.5 * gift->left_s, trainer->tail_s);
    gift->lanes = sgs_predict_lanes(&widths, most);
    return gift->parts > gift->first;
}

static bool take_part(struct world *world, int who, const struct gift *gift, int part, double begin_s)
{
    int64_t from = gift->block.count * part / gift->parts;
    sgs_block block = {gift->block.first + from, gift->block.count * (part + 1) / gift->parts - from};
    double ready_s = begin_s + gift->left_s - gift->tail_s;
    bool away = who != gift->giver;
    double took_s = sgs_sched_block_seconds(world->sched, block); /* no news about the speed */

    if (away) {
        sgs_share_took(world->share, who, world->now_s, block.count, gift->left_s);
        sgs_share_left(world->share, gift->giver, block.count);
        world->trainers[who].dry = false;
        world->dry--;
        world->sum.handed_over++;
    }
    if (!hold_block(world, who,
                    (struct hold){block, begin_s, ready_s, took_s, gift->tail_s, gift->tail_s, gift->lanes}))
        return false;
    return events_add(&world->events, fmax(begin_s, ready_s), ASK, who);
}

/* What of the last block is done is told, the rest is dealt out. */
static bool give(struct world *world, const struct gift *gift)
{
    struct trainer *trainer = &world->trainers[gift->giver];
    struct hold hold = trainer->hand[trainer->count - 1];
    sgs_block done = {hold.block.first, hold.block.count - gift->block.count};
    double arrives_s = serve(world, gift->giver) + 2 * world->fleet->latency_s + SLICE_S + gift->move_s;
    bool good = true;

    drop_hold(trainer, trainer->count - 1);
    world->sum.busy_s -= fmax(hold.ready_s - fmax(world->now_s, hold.begin_s), 0);
    if (done.count > 0) {
        sgs_share_left(world->share, gift->giver, done.count);
        good = sgs_sched_done(world->sched, done, hold.took_s * (double)done.count / (double)hold.block.count, NULL) ==
               SGS_OK;
    }
    if (gift->first == 1) {
        good = good && take_part(world, gift->giver, gift, 0, world->now_s);
    } else {
        const struct hold *kept = &trainer->hand[trainer->count - 1];
        trainer->ready_s = kept->ready_s;
        trainer->tail_s = kept->tail_s;
        trainer->lanes = kept->lanes;
        trainer->strip = kept->block.first / world->strip_runs;
        good = good && events_add(&world->events, fmax(world->now_s, kept->ready_s), ASK, gift->giver);
    }
    for (int part = gift->first; part < gift->parts && good; part++)
        good = take_part(world, sgs_share_taker(world->share), gift, part, arrives_s);
    return good;
}

static bool share_out(struct world *world)
{
    int giver = 0;
    int takers = 0;
    bool good = true;

    world->share_due = false;
    if (sgs_sched_progress_now(world->sched).waiting > 0)
        return true;
    while (good && sgs_share_ask(world->share, world->now_s, &giver, &takers)) {
        struct gift gift;
        bool gives = decide(world, giver, takers, &gift);
        if (gives)
            good = give(world, &gift);
        else
            (void)serve(world, giver);
        sgs_share_answer(world->share, giver, world->now_s, gives ? gift.parts - gift.first : 0,
                         fmax(ends_s(&world->trainers[giver]) - world->now_s, 0));
    }
    return good && (world->dry == 0 || share_soon(world, fmax(SHARE_S, SHARE_PART * world->now_s)));
}

/* A rank dies and MPI ends the job: it begins again, what was in hand is to do again. */
static bool restart(struct world *world)
{
    double begin_s = world->now_s + world->fleet->restart_s;

    world->events.count = 0;
    world->sum.failures++;
    world->dry = 0;
    world->share_due = false;
    sgs_share_destroy(world->share);
    if (sgs_share_create(world->trainer_count, 0, &world->share, NULL) != SGS_OK)
        return false;
    for (int who = 0; who < world->trainer_count; who++) {
        struct trainer *trainer = &world->trainers[who];
        for (int i = 0; i < trainer->count; i++)
            if (sgs_sched_return(world->sched, trainer->hand[i].block, NULL) != SGS_OK)
                return false;
        *trainer = (struct trainer){.ready_s = begin_s, .strip = trainer->strip}; /* the schedule counts it there */
        if (!events_add(&world->events, begin_s, ASK, who))
            return false;
    }
    world->master_free_s = begin_s;
    return plan_failure(world);
}

static bool play(struct world *world)
{
    bool good = plan_failure(world);

    for (int who = 0; good && who < world->trainer_count; who++)
        good = events_add(&world->events, 0, ASK, who);
    for (sgs_sched_progress now = sgs_sched_progress_now(world->sched); good && now.done < now.total;
         now = sgs_sched_progress_now(world->sched)) {
        struct event event = events_take(&world->events);
        world->now_s = event.time_s;
        good = event.what == ASK     ? answer(world, event.who)
               : event.what == DONE  ? report(world, event.who)
               : event.what == DRY   ? run_dry(world, event.who)
               : event.what == SHARE ? share_out(world)
                                     : restart(world);
    }
    return good;
}

sgs_fleet sgs_fleet_default(int ranks)
{
    return (sgs_fleet){
        .ranks = ranks, .dedicated = ranks >= DEDICATED_FROM_RANKS, .request_s = 11e-6, .latency_s = 5e-6};
}

sgs_status sgs_sched_simulate(sgs_sched *sched, const sgs_fleet *fleet, sgs_simulation *sum, sgs_error *err)
{
    int64_t strip_first = 0;
    struct world world = {.sched = sched, .fleet = fleet};
    double total_s = sgs_sched_progress_now(sched).total_s;

    world.trainer_count = fleet->ranks - (fleet->dedicated ? 1 : 0);
    if (world.trainer_count < 1)
        return sgs_fail(err, SGS_ERANGE, "a sweep on %d ranks has no trainer", fleet->ranks);
    world.trainers = calloc((size_t)world.trainer_count, sizeof *world.trainers);
    sgs_grid_strip(sched_grid(sched), 0, &strip_first, &world.strip_runs);
    for (int who = 0; world.trainers && who < world.trainer_count; who++)
        world.trainers[who].strip = -1;
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    world.random = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_set_error_handler(handler);
    bool good =
        world.trainers && world.random && sgs_share_create(world.trainer_count, 0, &world.share, NULL) == SGS_OK;
    if (world.random)
        gsl_rng_set(world.random, fleet->seed);
    good = good && play(&world);
    free(world.trainers);
    gsl_rng_free(world.random);
    sgs_share_destroy(world.share);
    free(world.events.at);
    if (!good)
        return sgs_fail(err, SGS_ENOMEM, "no memory to simulate %d ranks", fleet->ranks);
    *sum = world.sum;
    sum->efficiency = sum->makespan_s > 0 ? total_s / (sum->makespan_s * fleet->ranks) : 1;
    return SGS_OK;
}
