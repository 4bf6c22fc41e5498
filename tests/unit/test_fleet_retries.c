/* Who tries a broken block next, against a plain array of what happened to each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../src/fleet/retries.h"
#include "../chance.h"
#include <stdlib.h>

enum { RUNS = 200, RANKS_MAX = 6, EVENTS = 30000 };

static const sgs_block WHOLE = {100, 8};

static void assert_takes(struct retries *retries, int rank, int ranks, sgs_block expected)
{
    const struct trainers trainers = {0, ranks, NULL};
    sgs_block block = {-1, -1};
    assert_true(retries_take(retries, rank, &trainers, &block));
    assert_int_equal(block.first, expected.first);
    assert_int_equal(block.count, expected.count);
}

static void assert_takes_none(struct retries *retries, int rank, int ranks)
{
    const struct trainers trainers = {0, ranks, NULL};
    sgs_block block;
    assert_false(retries_take(retries, rank, &trainers, &block));
}

/* However fast a rank that always fails asks again: the tries are of three others. */
static void another_rank_tries(void **state)
{
    struct retries retries = {0};
    (void)state;

    for (int times = 1; times <= RETRIES_MAX; times++) {
        assert_int_equal(retries_broken(&retries, WHOLE, times), times);
        for (int rank = 1; rank <= times; rank++)
            assert_takes_none(&retries, rank, 5);
        assert_takes(&retries, times + 1, 5, WHOLE);
        assert_takes_none(&retries, 0, 5); /* in hand */
    }
    assert_int_equal(retries_broken(&retries, WHOLE, 4), RETRIES_MAX + 1);
    assert_int_equal(retries.count, 0);
    retries_clear(&retries);
}

/* Where every trainer broke it, the one before the last tries again; a trainer alone always does. */
static void few_ranks_take_turns(void **state)
{
    struct retries retries = {0};
    (void)state;

    for (int times = 1; times <= RETRIES_MAX; times++) {
        int rank = times % 2;
        assert_int_equal(retries_broken(&retries, WHOLE, rank), times);
        assert_takes_none(&retries, rank, 2);
        assert_takes(&retries, !rank, 2, WHOLE);
    }
    assert_int_equal(retries_broken(&retries, WHOLE, 0), RETRIES_MAX + 1);
    for (int times = 1; times <= RETRIES_MAX; times++) {
        assert_int_equal(retries_broken(&retries, WHOLE, 0), times);
        assert_takes(&retries, 0, 1, WHOLE);
    }
    retries_clear(&retries);
}

/* What a writer could not write is for a rank of another node, while there is one. Rank 0 does not train. */
static void another_writer_tries(void **state)
{
    static const int nodes[] = {0, 0, 2, 2}, root[] = {0, 0, 0, 0};
    const struct trainers of_nodes = {1, 4, nodes}, of_root = {1, 4, root};
    struct retries retries = {0};
    sgs_block block;
    (void)state;

    assert_int_equal(retries_broken(&retries, WHOLE, 2), 1);
    assert_false(retries_take(&retries, 2, &of_nodes, &block));
    assert_false(retries_take(&retries, 3, &of_nodes, &block));
    assert_true(retries_take(&retries, 1, &of_nodes, &block));
    assert_int_equal(retries_broken(&retries, WHOLE, 0), 2); /* and this one's writer neither */
    for (int rank = 1; rank < 4; rank++) {
        assert_true(retries_take(&retries, rank, &of_nodes, &block));
        retries.at[0].waiting = true;
    }
    retries_done(&retries, WHOLE);

    for (int times = 1; times <= RETRIES_MAX; times++) { /* one writes for all */
        assert_int_equal(retries_broken(&retries, WHOLE, 0), times);
        assert_true(retries_take(&retries, times, &of_root, &block));
    }
    retries_done(&retries, WHOLE);
    assert_int_equal(retries_broken(&retries, WHOLE, 2), 1); /* for want of memory: this one alone */
    assert_false(retries_take(&retries, 2, &of_root, &block));
    assert_true(retries_take(&retries, 3, &of_root, &block));
    retries_clear(&retries);
}

/* Of a block that broke, parts are done and parts break again. */
static void parts_count_by_themselves(void **state)
{
    struct retries retries = {0};
    (void)state;

    assert_int_equal(retries_broken(&retries, WHOLE, 1), 1);
    assert_takes(&retries, 2, 3, WHOLE);
    retries_done(&retries, (sgs_block){100, 3});
    assert_int_equal(retries_broken(&retries, (sgs_block){104, 2}, 2), 2);
    assert_takes_none(&retries, 1, 3);
    assert_takes(&retries, 0, 3, (sgs_block){104, 2});
    assert_int_equal(retries_broken(&retries, (sgs_block){90, 20}, 2), 3);
    assert_int_equal(retries.count, 1);
    retries_done(&retries, (sgs_block){90, 20});
    assert_int_equal(retries.count, 0);
    assert_int_equal(retries_broken(&retries, WHOLE, 1), 1); /* forgotten */
    retries_clear(&retries);
    assert_int_equal(retries.count, 0);
}

/* ---- a fleet with bad ranks ---------------------------------------------------------------------------------------
 */

struct fleet {
    struct retries retries;
    int trainers;
    bool bad[RANKS_MAX];
    sgs_block hand[RANKS_MAX]; /* count 0: none */
    int times[RUNS], last[RUNS];
    bool broke[RUNS][RANKS_MAX];
    int next, done, given_up;
};

static bool everyone_broke(const struct fleet *fleet, int run)
{
    int ranks = 0;
    for (int rank = 0; rank < fleet->trainers; rank++)
        ranks += fleet->broke[run][rank];
    return ranks == fleet->trainers;
}

static void ask(struct fleet *fleet, int rank)
{
    const struct trainers trainers = {0, fleet->trainers, NULL};
    sgs_block block;

    if (retries_take(&fleet->retries, rank, &trainers, &block)) {
        for (int64_t run = block.first; run < block.first + block.count; run++) {
            assert_in_range(fleet->times[run], 1, RETRIES_MAX);
            assert_true(!fleet->broke[run][rank] || everyone_broke(fleet, (int)run));
            assert_true(fleet->last[run] != rank || fleet->trainers == 1);
        }
    } else if (fleet->next < RUNS) {
        block = (sgs_block){fleet->next, chance(12) + 1};
        block.count = block.first + block.count < RUNS ? block.count : RUNS - block.first;
        fleet->next += (int)block.count;
    } else {
        return;
    }
    fleet->hand[rank] = block;
}

static void break_part(struct fleet *fleet, int rank, sgs_block part)
{
    int most = 0;

    for (int64_t run = part.first; run < part.first + part.count; run++) {
        most = fleet->times[run] > most ? fleet->times[run] : most;
        fleet->last[run] = rank;
        fleet->broke[run][rank] = true;
    }
    assert_int_equal(retries_broken(&fleet->retries, part, rank), most + 1);
    for (int64_t run = part.first; run < part.first + part.count; run++)
        fleet->times[run] = most + 1;
    fleet->given_up += most == RETRIES_MAX ? (int)part.count : 0;
}

/* A part from the front of what a rank has in hand comes back. */
static void come_back(struct fleet *fleet, int rank)
{
    sgs_block *hand = &fleet->hand[rank];
    sgs_block part = {hand->first, chance((int)hand->count) + 1};

    hand->first += part.count;
    hand->count -= part.count;
    if (fleet->bad[rank] || chance(20) == 0) {
        break_part(fleet, rank, part);
        return;
    }
    retries_done(&fleet->retries, part);
    fleet->done += (int)part.count;
}

/* A good rank among them: what a bad one breaks is done by others. */
static void sweep_with(int trainers, int bad)
{
    struct fleet fleet = {.trainers = trainers};

    for (int rank = 0; rank < bad; rank++)
        fleet.bad[rank] = true;
    for (int event = 0; fleet.done + fleet.given_up < RUNS; event++) {
        int rank = (int)chance(trainers);
        assert_in_range(event, 0, EVENTS); /* nothing waits for ever */
        if (fleet.hand[rank].count == 0)
            ask(&fleet, rank);
        else
            come_back(&fleet, rank);
    }
    assert_int_equal(fleet.retries.count, 0);
    if (bad == trainers)
        assert_int_equal(fleet.given_up, RUNS);
    retries_clear(&fleet.retries);
}

static void follows_what_happened(void **state)
{
    (void)state;
    for (int trainers = 1; trainers <= RANKS_MAX; trainers++)
        for (int bad = 0; bad <= trainers; bad++)
            for (int trial = 0; trial < 5; trial++)
                sweep_with(trainers, bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_rank_tries),    cmocka_unit_test(few_ranks_take_turns),
        cmocka_unit_test(another_writer_tries),  cmocka_unit_test(parts_count_by_themselves),
        cmocka_unit_test(follows_what_happened),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
