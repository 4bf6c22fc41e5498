/* Who hands runs over to whom: scripted decisions, and random orders of events with late answers, answers that are
 * empty, runs that end or fail meanwhile, and stops: no run is lost, none is done twice, every order ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../chance.h"
#include "sgdsweep/sched.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static sgs_share *a_share(int trainers)
{
    sgs_share *share = NULL;
    assert_int_equal(sgs_share_create(trainers, 0, &share, NULL), SGS_OK);
    return share;
}

static sgs_run a_run(void)
{
    return (sgs_run){.activation = SGS_RELU,
                     .sampling = SGS_WITHOUT_REPLACEMENT,
                     .d = 64,
                     .n = 64,
                     .b = 1,
                     .eps = 0.1,
                     .init = SGS_INIT_GAUSSIAN,
                     .scale = 1};
}

/* ---- whom to ask --------------------------------------------------------------------------------------------------
 */

static void nobody_waits_nobody_is_asked(void **state)
{
    sgs_share *share = a_share(3);
    int giver = -1;
    int takers = -1;
    (void)state;

    sgs_share_took(share, 0, 0, 16, 100);
    assert_false(sgs_share_ask(share, 1, &giver, &takers));
    assert_int_equal(sgs_share_taker(share), -1);
    sgs_share_dry(share, 2);
    assert_true(sgs_share_ask(share, 2, &giver, &takers));
    assert_int_equal(giver, 0);
    assert_int_equal(takers, 1);
    assert_true(sgs_share_is_asked(share, 0));
    assert_false(sgs_share_ask(share, 3, &giver, &takers)); /* the one who waits is promised */
    sgs_share_destroy(share);
}

static void who_has_most_left_is_asked_first(void **state)
{
    sgs_share *share = a_share(6);
    int giver = -1;
    int takers = -1;
    (void)state;

    sgs_share_took(share, 0, 0, 16, 10);
    sgs_share_took(share, 1, 0, 16, 30);
    sgs_share_took(share, 2, 0, 1, 50); /* a run alone is nobody else's */
    sgs_share_dry(share, 4);
    sgs_share_dry(share, 5);
    sgs_share_dry(share, 3);
    assert_true(sgs_share_ask(share, 1, &giver, &takers));
    assert_int_equal(giver, 1);
    assert_int_equal(takers, 2); /* three wait, two have something */
    assert_true(sgs_share_ask(share, 1, &giver, &takers));
    assert_int_equal(giver, 0);
    assert_int_equal(takers, 1);
    assert_false(sgs_share_ask(share, 1, &giver, &takers));
    sgs_share_destroy(share);
}

/* Refusals space out; what one who refused takes later makes it worth asking again. */
static void who_refuses_is_left_alone(void **state)
{
    sgs_share *share = a_share(2);
    int giver = -1;
    int takers = -1;
    int asked = 0;
    (void)state;

    sgs_share_took(share, 0, 0, 16, 1000);
    sgs_share_dry(share, 1);
    for (int i = 0; i < 100000; i++) { /* 1000 s in steps of 10 ms */
        if (!sgs_share_ask(share, 0.01 * i, &giver, &takers))
            continue;
        asked++;
        sgs_share_answer(share, 0, 0.01 * i, 0, 1000 - 0.01 * i);
    }
    assert_true(asked >= 5 && asked <= 20);
    sgs_share_took(share, 0, 1000, 16, 1000);
    assert_true(sgs_share_ask(share, 1001, &giver, &takers));
    sgs_share_destroy(share);
}

static void who_is_nearly_done_is_not_asked(void **state)
{
    sgs_share *share = a_share(2);
    int giver = -1;
    int takers = -1;
    (void)state;

    sgs_share_took(share, 0, 0, 16, 10);
    sgs_share_dry(share, 1);
    sgs_share_left(share, 0, 15);
    assert_false(sgs_share_ask(share, 1, &giver, &takers)); /* one run */
    sgs_share_took(share, 0, 1, 7, 0.01);
    sgs_share_answer(share, 0, 1, 1, 0.02);
    assert_false(sgs_share_ask(share, 1.1, &giver, &takers)); /* 20 ms */
    assert_true(sgs_share_ask(share, 2, &giver, &takers));    /* they take longer than that */
    sgs_share_destroy(share);
}

/* Thousands who wait for a tenth of a second of work would keep the master busy for longer than it lasts. */
static void the_master_is_not_swamped(void **state)
{
    enum { TRAINERS = 20000 };
    sgs_share *share = a_share(TRAINERS);
    int giver = -1;
    int takers = -1;
    int64_t parts = 0;
    (void)state;

    for (int who = 0; who < TRAINERS / 2; who++) {
        sgs_share_took(share, who, 0, 1000, 0.1);
        sgs_share_dry(share, TRAINERS / 2 + who);
    }
    for (int ms = 1; ms < 100; ms++) {
        const double now_s = 1e-3 * ms;
        while (sgs_share_ask(share, now_s, &giver, &takers)) {
            parts += takers;
            sgs_share_answer(share, giver, now_s, takers, 0.1 - now_s);
        }
    }
    assert_true(parts > 100 && parts < 4000);
    sgs_share_destroy(share);
}

/* ---- what one who is asked does -----------------------------------------------------------------------------------
 */

static void parts_gain(void **state)
{
    sgs_run run = a_run();
    sgs_widths widths = sgs_predict_widths(&run, 8);
    (void)state;

    assert_int_equal(sgs_share_parts(&widths, 1, 100, 10, 0), 1);
    for (int64_t runs = 2; runs <= 3000; runs += 1 + runs / 7) {
        for (int takers = 1; takers <= 3000; takers += 1 + takers / 5) {
            int parts = sgs_share_parts(&widths, runs, takers, 10, 0.1);
            assert_true(parts >= 1 && parts <= takers + 1 && parts <= runs);
            int64_t most = (runs + parts - 1) / (parts > 0 ? parts : 1);
            assert_true(parts == 1 || (double)most * sgs_predict_slowdown(&widths, most) <
                                          0.95 * (double)runs * sgs_predict_slowdown(&widths, runs));
            assert_int_equal(sgs_share_parts(&widths, runs, takers, 10, 10), 1); /* moving takes as long */
            int away = sgs_share_parts_away(&widths, runs, takers);
            assert_true(away >= 1 && away <= takers && away <= runs);
        }
    }
    assert_int_equal(sgs_share_parts(&widths, 16, 1, 10, 0.1), 2);  /* 8 lanes take half as long as 16 */
    assert_int_equal(sgs_share_parts(&widths, 8, 100, 10, 0.1), 1); /* and as long as one */
    assert_int_equal(sgs_share_parts(&widths, 1000, 9, 10, 0.1), 10);
    widths = sgs_predict_widths(&run, 4);
    assert_int_equal(sgs_share_parts(&widths, 8, 100, 10, 0.1), 2); /* vectors of 4: 4 lanes take half as long as 8 */
}

static void few_runs_go_on_with_fewer_lanes(void **state)
{
    sgs_run run = a_run();
    sgs_widths widths = sgs_predict_widths(&run, 8);
    (void)state;

    assert_true(sgs_share_narrows(&widths, 32, 8, 10, 0.1));
    assert_true(sgs_share_narrows(&widths, 16, 3, 10, 0.1));
    assert_false(sgs_share_narrows(&widths, 16, 16, 10, 0.1));
    assert_false(sgs_share_narrows(&widths, 16, 8, 0.1, 0.1));
}

/* ---- any order ----------------------------------------------------------------------------------------------------
 */

/* A world of trainers, whose runs end, fail and change hands in any order; it is what src/fleet does, without ranks. */
enum { TRAINERS = 7, RUNS = 400, NOBODY = -1, DONE = -2, WAITING = -3, ON_ITS_WAY = -4, SAVED = -5 };

struct world {
    sgs_share *share;
    double now_s;
    int owner[RUNS];
    int way[RUNS];         /* who gave it, while it is on its way */
    bool dry[TRAINERS];    /* waits */
    int to_give[TRAINERS]; /* it was asked for so many parts and has not answered; 0: not asked */
    int64_t done, moves;
    bool stopping;
};

static int64_t count_of(const struct world *world, int owner)
{
    int64_t count = 0;
    for (int i = 0; i < RUNS; i++)
        count += world->owner[i] == owner;
    return count;
}

/* Waiting runs go first; then what is on its way; else it waits, and says so. */
static void want(struct world *world, int who)
{
    int from = count_of(world, WAITING) > 0 ? WAITING : ON_ITS_WAY;
    int64_t most = 1 + chance(40);
    int64_t got = 0;

    if (world->stopping || count_of(world, who) > 0 || world->dry[who])
        return;
    for (int i = 0; i < RUNS && got < most; i++) {
        if (world->owner[i] != from)
            continue;
        world->owner[i] = who;
        got++;
    }
    if (got > 0) {
        world->moves += from == ON_ITS_WAY;
        sgs_share_took(world->share, who, world->now_s, got, 0.01 * (double)(1 + chance(500)));
        return;
    }
    world->dry[who] = true;
    sgs_share_dry(world->share, who);
}

static void end_some(struct world *world, int who)
{
    for (int i = 0; i < RUNS; i++) {
        if (world->owner[i] != who || chance(6) != 0)
            continue;
        bool failed = chance(20) == 0;
        world->owner[i] = failed ? WAITING : DONE;
        world->done += !failed;
        sgs_share_left(world->share, who, 1);
    }
}

/* A part reaches one who waits, or nobody, because all who did have found something else. */
static void pass(struct world *world, int giver, int64_t runs)
{
    int taker = world->stopping || chance(10) == 0 ? NOBODY : sgs_share_taker(world->share);

    sgs_share_left(world->share, giver, runs);
    if (taker != NOBODY) {
        assert_true(world->dry[taker]);
        assert_int_equal(count_of(world, taker), 0);
        world->dry[taker] = false;
        sgs_share_took(world->share, taker, world->now_s, runs, 0.1 * (double)runs);
        world->moves++;
    }
    for (int i = 0; i < RUNS && runs > 0; i++) {
        if (world->owner[i] != giver)
            continue;
        world->owner[i] = taker != NOBODY ? taker : ON_ITS_WAY;
        world->way[i] = giver;
        runs--;
    }
}

/* Late, and perhaps empty, because its runs have ended meanwhile. */
static void answer(struct world *world, int who)
{
    sgs_run run = a_run();
    sgs_widths widths = sgs_predict_widths(&run, 8);
    int64_t have = count_of(world, who);
    int parts = have > 1 ? sgs_share_parts(&widths, have, world->to_give[who], 1, 0.01) : 1;

    if (chance(3) == 0 && have > world->to_give[who])
        parts = world->to_give[who] + 1;
    assert_true(parts - 1 <= world->to_give[who]);
    world->to_give[who] = 0;
    sgs_share_answer(world->share, who, world->now_s, parts - 1, 0.1 * between(0, 19));
    for (int part = 1; part < parts; part++)
        pass(world, who, have * (part + 1) / parts - have * part / parts);
}

static void ask(struct world *world)
{
    int giver = -1;
    int takers = -1;

    while (!world->stopping && count_of(world, WAITING) == 0 &&
           sgs_share_ask(world->share, world->now_s, &giver, &takers)) {
        int waiting = 0;
        int promised = takers;
        for (int who = 0; who < TRAINERS; who++) {
            waiting += world->dry[who];
            promised += world->to_give[who];
        }
        assert_true(giver >= 0 && giver < TRAINERS && takers >= 1);
        assert_true(world->to_give[giver] == 0 && !world->dry[giver]);
        assert_true(promised <= waiting);
        world->to_give[giver] = takers;
    }
}

/* Everybody's state is saved: that of a run on its way by who gave it, after its answer. */
static void stop(struct world *world)
{
    world->stopping = true;
    for (int who = 0; who < TRAINERS; who++) {
        if (world->to_give[who] > 0)
            answer(world, who);
        assert_false(sgs_share_is_asked(world->share, who));
        for (int i = 0; i < RUNS; i++)
            if (world->owner[i] == who || (world->owner[i] == ON_ITS_WAY && world->way[i] == who))
                world->owner[i] = SAVED;
    }
    assert_int_equal(count_of(world, SAVED) + count_of(world, WAITING) + world->done, RUNS);
}

/* Returns how often runs changed hands. */
static int64_t play(bool stops)
{
    struct world world = {.share = a_share(TRAINERS)};
    int64_t stop_at = stops ? 1 + chance(300) : INT64_MAX;
    int64_t events = 0;

    for (int i = 0; i < RUNS; i++)
        world.owner[i] = WAITING;
    while (world.done < RUNS) {
        int who = (int)chance(TRAINERS);
        world.now_s += 0.001 * between(0, 29);
        if (count_of(&world, WAITING) > 0) /* a failed run, or the start: those who wait hear of it */
            for (int other = 0; other < TRAINERS; other++)
                if (world.dry[other]) {
                    world.dry[other] = false;
                    want(&world, other);
                    if (!world.dry[other])
                        break;
                }
        if (world.to_give[who] > 0 && chance(2))
            answer(&world, who);
        else if (count_of(&world, who) > 0)
            end_some(&world, who);
        else
            want(&world, who);
        ask(&world);
        if (++events == stop_at) {
            stop(&world);
            break;
        }
        assert_true(events < 100000); /* every order ends */
    }
    assert_true(stops || count_of(&world, DONE) == RUNS);
    sgs_share_destroy(world.share);
    return world.moves;
}

static void random_orders_lose_nothing(void **state)
{
    (void)state;
    int64_t moves = 0;
    for (int round = 0; round < 300; round++)
        moves += play(round % 2 == 1);
    assert_true(moves > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_nobody_is_asked),    cmocka_unit_test(who_has_most_left_is_asked_first),
        cmocka_unit_test(who_refuses_is_left_alone),       cmocka_unit_test(who_is_nearly_done_is_not_asked),
        cmocka_unit_test(the_master_is_not_swamped),       cmocka_unit_test(parts_gain),
        cmocka_unit_test(few_runs_go_on_with_fewer_lanes), cmocka_unit_test(random_orders_lose_nothing),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
