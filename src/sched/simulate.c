/* A sweep without trainers: the same schedule, driven by events in simulated time.
 *
 * The master is a server that answers one message after the other. A trainer asks for its next block two latencies
 * before it runs dry, as a worker does, and tells what it has done. Runs of one strip share the lanes across blocks;
 * where the next block is of another strip, or there is none, the last runs of a block leave lanes empty (`tail`). */
#include "events.h"
#include "sched_private.h"
#include <math.h>
#include <stdlib.h>

enum what { ASK, DONE, FAILURE };
enum { DEDICATED_FROM_RANKS = 64 };

/* Run lengths by which the last of a block's runs ends after the mean lane: drawn batches, ordered ones. */
static const double SPREAD_DRAWN = 0.85;
static const double SPREAD_ORDERED = 0.4;
/* A master that trains looks at its mail between slices. */
static const double SLICE_S = 0.001;
static const double LEAD_MAX_S = 0.1;
static const double MASTER_BLOCK_S = 0.5;

struct trainer {
    double ready_s, tail_s, latency_s;
    int64_t strip;
    sgs_block hand[3]; /* oldest first */
    double took_s[3];
    int count;
};

struct world {
    sgs_sched *sched;
    const sgs_fleet *fleet;
    struct events events;
    struct trainer *trainers;
    int trainer_count;
    int64_t strip_runs;
    double now_s, master_free_s;
    uint64_t random;
    sgs_simulation sum;
};

static bool is_master(const struct world *world, int who)
{
    return who == 0 && !world->fleet->dedicated;
}

/* A number in (0, 1): SplitMix64. */
static double random_share(struct world *world)
{
    uint64_t z = (world->random += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

static bool plan_failure(struct world *world)
{
    double gap_s = -log(random_share(world)) * world->fleet->failure_gap_s / world->trainer_count;
    return world->fleet->failure_gap_s <= 0 || events_add(&world->events, world->now_s + gap_s, FAILURE, 0);
}

/* How long a trainer works on a block, and what it leaves when nothing of the strip follows. */
static double block_takes_s(const struct world *world, sgs_block block, double *tail_s)
{
    sgs_run run;
    sgs_stop stop;
    double predicted_s = sgs_sched_block_predicted(world->sched, block);

    *tail_s = 0;
    if (!sgs_grid_run(sched_grid(world->sched), block.first, &run, &stop))
        return 0; /* skipped runs are never handed out */
    bool drawn = run.sampling == SGS_WITHOUT_REPLACEMENT || run.sampling == SGS_WITH_REPLACEMENT;
    double seconds = predicted_s * sgs_predict_slowdown(&run, block.count);
    double rounds = fmax(1, (double)block.count / sgs_predict_lanes(&run));
    *tail_s = seconds / rounds * (run.b < run.n && drawn ? SPREAD_DRAWN : SPREAD_ORDERED);
    return seconds;
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

/* A trainer gets a block at a time. */
static bool take_block(struct world *world, int who, sgs_block block, double arrives_s)
{
    struct trainer *trainer = &world->trainers[who];
    int64_t strip = block.first / world->strip_runs;
    double tail_s = 0;
    double takes_s = block_takes_s(world, block, &tail_s);
    double begin_s = fmax(arrives_s, trainer->ready_s + (strip == trainer->strip ? 0 : trainer->tail_s));

    trainer->ready_s = begin_s + takes_s;
    trainer->tail_s = tail_s;
    trainer->strip = strip;
    trainer->hand[trainer->count] = block;
    trainer->took_s[trainer->count++] = takes_s;
    world->sum.busy_s += takes_s;
    world->sum.blocks++;
    double lead_s = is_master(world, who) ? 0 : fmin(2 * trainer->latency_s, LEAD_MAX_S);
    return events_add(&world->events, trainer->ready_s, DONE, who) &&
           events_add(&world->events, fmax(arrives_s, fmax(begin_s, trainer->ready_s - lead_s)), ASK, who);
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
    if (!sgs_sched_next_near(world->sched, limit_s, near, &block))
        return true; /* nothing comes back before a failure begins everything anew */
    double arrives_s = answered_s;
    if (!is_master(world, who))
        arrives_s += world->fleet->latency_s + (world->fleet->dedicated ? 0 : 0.5 * SLICE_S);
    trainer->latency_s += 0.25 * (arrives_s - world->now_s - trainer->latency_s);
    return take_block(world, who, block, arrives_s);
}

static bool report(struct world *world, int who)
{
    struct trainer *trainer = &world->trainers[who];
    sgs_block block = trainer->hand[0];
    double took_s = trainer->took_s[0];

    (void)serve(world, who);
    trainer->count--;
    for (int i = 0; i < trainer->count; i++) {
        trainer->hand[i] = trainer->hand[i + 1];
        trainer->took_s[i] = trainer->took_s[i + 1];
    }
    world->sum.makespan_s = fmax(world->sum.makespan_s, fmax(world->now_s + trainer->tail_s, world->master_free_s));
    return sgs_sched_done(world->sched, block, took_s, NULL) == SGS_OK;
}

/* A rank dies and MPI ends the job: it begins again, what was in hand is to do again. */
static bool restart(struct world *world)
{
    double begin_s = world->now_s + world->fleet->restart_s;

    world->events.count = 0;
    world->sum.failures++;
    for (int who = 0; who < world->trainer_count; who++) {
        struct trainer *trainer = &world->trainers[who];
        for (int i = 0; i < trainer->count; i++)
            if (sgs_sched_return(world->sched, trainer->hand[i], NULL) != SGS_OK)
                return false;
        *trainer = (struct trainer){.ready_s = begin_s, .strip = -1};
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
        good = event.what == ASK    ? answer(world, event.who)
               : event.what == DONE ? report(world, event.who)
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
    struct world world = {.sched = sched, .fleet = fleet, .random = fleet->seed};
    double total_s = sgs_sched_progress_now(sched).total_s;

    world.trainer_count = fleet->ranks - (fleet->dedicated ? 1 : 0);
    if (world.trainer_count < 1)
        return sgs_fail(err, SGS_ERANGE, "a sweep on %d ranks has no trainer", fleet->ranks);
    world.trainers = calloc((size_t)world.trainer_count, sizeof *world.trainers);
    sgs_grid_strip(sched_grid(sched), 0, &strip_first, &world.strip_runs);
    for (int who = 0; world.trainers && who < world.trainer_count; who++)
        world.trainers[who].strip = -1;
    bool good = world.trainers && play(&world);
    free(world.trainers);
    free(world.events.at);
    if (!good)
        return sgs_fail(err, SGS_ENOMEM, "no memory to simulate %d ranks", fleet->ranks);
    *sum = world.sum;
    sum->efficiency = sum->makespan_s > 0 ? total_s / (sum->makespan_s * fleet->ranks) : 1;
    return SGS_OK;
}
