/* The schedule in simulated time: everything gets done, with and without failures, and no faster than possible. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sgdsweep/sched.h"
#include <math.h>
#include <string.h>

static const char mixed[] = "activation: relu\ndimension: [4, 64]\nbatch_size: [1, n/2, n-1, n]\n"
                            "step_size: {scaled_by_batch: [0.03, 0.1, 0.3]}\nseed: {first: 1, count: 3000}\n";
static const char million[] = "activation: relu\ndimension: 64\nbatch_size: 1\n"
                              "step_size: {scaled_by_batch: [0.03, 0.032]}\nseed: {first: 1, count: 500000}\n";

static const char decades[] =
    "dimension: [4, 100, 1000]\nbatch_size: [1, 10, n/2, n-1, n]\nactivation: [linear, relu]\n"
    "step_size: {scaled_by_batch: {log: [0.01, 0.45], points: 10}}\n"
    "seed: {first: 1, count: 3334}\n";

/* Simulate a grid, and see that all of it is done. total_s: predicted with all lanes busy. */
static sgs_simulation simulate(const char *text, const sgs_fleet *fleet, double *total_s)
{
    sgs_grid *grid = NULL;
    sgs_sched *sched = NULL;
    sgs_simulation sum = {0};
    sgs_speed speed = sgs_speed_default();
    sgs_error err = {""};

    if (sgs_grid_parse(text, strlen(text), "test", &grid, &err) != SGS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sgs_sched_create(grid, fleet->ranks - fleet->dedicated, &speed, &sched, &err), SGS_OK);
    assert_int_equal(sgs_sched_add_range(sched, 0, sgs_grid_runs(grid), &err), SGS_OK);
    assert_int_equal(sgs_sched_start(sched, &err), SGS_OK);
    *total_s = sgs_sched_progress_now(sched).total_s;
    assert_int_equal(sgs_sched_simulate(sched, fleet, &sum, &err), SGS_OK);
    sgs_sched_progress now = sgs_sched_progress_now(sched);
    assert_int_equal(now.done, now.total);
    assert_int_equal(now.waiting + now.out, 0);
    sgs_sched_destroy(sched);
    sgs_grid_destroy(grid);
    return sum;
}

static void no_faster_than_possible(void **state)
{
    static const int ranks[] = {1, 2, 3, 16, 64, 1000};
    double total_s = 0;
    (void)state;

    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        sgs_fleet fleet = sgs_fleet_default(ranks[i]);
        sgs_simulation sum = simulate(mixed, &fleet, &total_s);
        assert_true(sum.makespan_s * ranks[i] >= total_s * 0.999);
        assert_true(sum.efficiency <= 1.001);
        assert_true(sum.blocks >= (ranks[i] > 1 ? 2 : 1));
    }
}

/* One run takes what the forecast says of the longest run alone; no trainer shortens or lengthens it. */
static void one_run_takes_its_time(void **state)
{
    static const char one[] = "activation: relu\ndimension: 1000\nbatch_size: 1\nstep_size: 0.01\nseed: 1\n";
    const sgs_speed speed = sgs_speed_default();
    sgs_grid *grid = NULL;
    double total_s = 0;
    (void)state;

    assert_int_equal(sgs_grid_parse(one, strlen(one), "test", &grid, NULL), SGS_OK);
    const double longest_s = sgs_forecast_grid(grid, &speed).longest_s;
    sgs_grid_destroy(grid);
    for (int ranks = 1; ranks <= 100; ranks *= 10) {
        sgs_fleet fleet = sgs_fleet_default(ranks);
        sgs_simulation sum = simulate(one, &fleet, &total_s);
        if (!(fabs(sum.makespan_s - longest_s) < 0.01 * longest_s))
            fail_msg("%d ranks: %g s, alone %g s", ranks, sum.makespan_s, longest_s);
    }
}

/* A makespan of at most `factor` times total / ranks, which no schedule can beat, and some seconds. */
static void check_balance(const char *text, int ranks, double factor, double seconds)
{
    double total_s = 0;
    sgs_fleet fleet = sgs_fleet_default(ranks);
    sgs_simulation sum = simulate(text, &fleet, &total_s);

    if (!(sum.makespan_s <= factor * total_s / ranks + seconds))
        fail_msg("%d ranks: %g s, at best %g s", ranks, sum.makespan_s, total_s / ranks);
}

static void few_ranks_lose_little(void **state)
{
    (void)state;
    for (int ranks = 1; ranks <= 8; ranks *= 2)
        check_balance(million, ranks, 1.02, 1);
}

/* Runs that cost from a microsecond to seconds. */
static void six_decades_are_balanced(void **state)
{
    static const int ranks[] = {2, 10, 60, 100, 300, 1000};
    (void)state;

    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
        check_balance(decades, ranks[i], 1.02, 0);
}

/* As many blocks as trainers could take would keep a single master busy for longer than the work lasts. */
static void blocks_grow_with_the_ranks(void **state)
{
    (void)state;
    for (int ranks = 1000; ranks <= 100000; ranks *= 10)
        check_balance(million, ranks, 1.2, 1);
}

static void failures_cost_time_and_nothing_else(void **state)
{
    double total_s = 0;
    double expected = 0;
    int64_t failures = 0;
    sgs_fleet fleet = sgs_fleet_default(16);
    (void)state;

    sgs_simulation calm = simulate(million, &fleet, &total_s);
    fleet.failure_gap_s = 16 * calm.makespan_s / 10;
    fleet.restart_s = 1;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fleet.seed = seed;
        sgs_simulation rough = simulate(million, &fleet, &total_s);
        sgs_simulation again = simulate(million, &fleet, &total_s);
        assert_true(rough.makespan_s == again.makespan_s && rough.busy_s == again.busy_s);
        assert_true(rough.failures == again.failures && rough.messages == again.messages);
        assert_true(rough.failures > 0);
        assert_true(rough.makespan_s > calm.makespan_s);
        assert_true(rough.efficiency < calm.efficiency);
        /* a failure costs its restart at least, and what was in hand (two blocks of 4 s) and a tail at most */
        assert_true(rough.makespan_s >= calm.makespan_s - 8 + (double)rough.failures * fleet.restart_s);
        assert_true(rough.makespan_s <= calm.makespan_s + (double)(rough.failures + 1) * (fleet.restart_s + 16));
        expected += rough.makespan_s * fleet.ranks / fleet.failure_gap_s;
        failures += rough.failures;
    }
    /* one of the ranks in failure_gap_s each: within five deviations of a Poisson number */
    assert_true(fabs((double)failures - expected) <= 5 * sqrt(expected));
}

static void a_master_alone_is_refused(void **state)
{
    sgs_fleet fleet = {.ranks = 1, .dedicated = true};
    sgs_grid *grid = NULL;
    sgs_sched *sched = NULL;
    sgs_simulation sum;
    sgs_speed speed = sgs_speed_default();
    (void)state;

    assert_int_equal(sgs_grid_parse(mixed, strlen(mixed), "test", &grid, NULL), SGS_OK);
    assert_int_equal(sgs_sched_create(grid, 1, &speed, &sched, NULL), SGS_OK);
    assert_int_equal(sgs_sched_start(sched, NULL), SGS_OK);
    assert_int_equal(sgs_sched_simulate(sched, &fleet, &sum, NULL), SGS_ERANGE);
    sgs_sched_destroy(sched);
    sgs_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_faster_than_possible),    cmocka_unit_test(one_run_takes_its_time),
        cmocka_unit_test(few_ranks_lose_little),      cmocka_unit_test(six_decades_are_balanced),
        cmocka_unit_test(blocks_grow_with_the_ranks), cmocka_unit_test(failures_cost_time_and_nothing_else),
        cmocka_unit_test(a_master_alone_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
