/* The schedule, driven by scripted and by random orders of events: no run is lost, none is handed out twice, every
 * order ends; longest first; blocks shrink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../chance.h"
#include "sgdsweep/sched.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char wide[] = "activation: [linear, relu]\ndimension: [4, 64]\nbatch_size: [1, 6, n/2, n-1, n]\n"
                           "step_size: {scaled_by_batch: [0.02, 0.05, 0.1, 0.2]}\nseed: {first: 1, count: 23}\n";
static const char single_seed[] = "dimension: 32\nbatch_size: [1, n/2]\nactivation: relu\n"
                                  "step_size: {scaled_by_batch: {log: [0.01, 0.4], points: 50}}\nseed: 7\n";
static const char even[] = "dimension: 64\nbatch_size: n/2\nactivation: relu\nstep_size: {scaled_by_batch: 0.01}\n"
                           "seed: {first: 1, count: 20000}\n";

static sgs_grid *a_grid(const char *text)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    if (sgs_grid_parse(text, strlen(text), "test", &grid, &err) != SGS_OK)
        fail_msg("%s", err.text);
    return grid;
}

static sgs_sched *a_sched(const sgs_grid *grid, int trainers)
{
    sgs_sched *sched = NULL;
    sgs_speed speed = sgs_speed_default();
    assert_int_equal(sgs_sched_create(grid, trainers, &speed, &sched, NULL), SGS_OK);
    return sched;
}

static void add_all(sgs_sched *sched, const sgs_grid *grid)
{
    assert_int_equal(sgs_sched_add_range(sched, 0, sgs_grid_runs(grid), NULL), SGS_OK);
    assert_int_equal(sgs_sched_start(sched, NULL), SGS_OK);
}

static bool is_skipped(const sgs_grid *grid, int64_t index)
{
    sgs_run run;
    sgs_stop stop;
    return !sgs_grid_run(grid, index, &run, &stop);
}

enum { TRAINERS_MAX = 9 };

/* What the test knows of every run. */
enum where { ELSEWHERE, WAITING, OUT, DONE };

struct world {
    sgs_grid *grid;
    sgs_sched *sched;
    enum where *where;
    sgs_block *out;
    size_t out_count;
    int64_t total;
    int64_t near[TRAINERS_MAX]; /* of the last block of a trainer, or -1 */
};

static void take_in(struct world *world, sgs_block block)
{
    int64_t strip_first;
    int64_t strip_runs;

    sgs_grid_strip(world->grid, 0, &strip_first, &strip_runs);
    assert_true(block.count >= 1 && block.first >= 0);
    assert_true(block.first + block.count <= sgs_grid_runs(world->grid));
    assert_int_equal(block.first / strip_runs, (block.first + block.count - 1) / strip_runs);
    for (int64_t i = block.first; i < block.first + block.count; i++) {
        assert_int_equal(world->where[i], WAITING);
        world->where[i] = OUT;
    }
    world->out[world->out_count++] = block;
}

static void mark(struct world *world, sgs_block block, enum where where)
{
    for (int64_t i = block.first; i < block.first + block.count; i++) {
        assert_int_equal(world->where[i], OUT);
        world->where[i] = where;
    }
}

static void check_counts(const struct world *world)
{
    int64_t count[4] = {0};
    sgs_sched_progress now = sgs_sched_progress_now(world->sched);

    for (int64_t i = 0; i < sgs_grid_runs(world->grid); i++)
        count[world->where[i]]++;
    assert_int_equal(now.total, world->total);
    assert_int_equal(now.waiting, count[WAITING]);
    assert_int_equal(now.out, count[OUT]);
    assert_int_equal(now.done, count[DONE]);
    assert_true(now.left_s >= 0 && now.left_s <= now.total_s * (1 + 1e-9));
}

/* A part of a block comes back, done or not; what remains of it stays out. */
static void come_back(struct world *world, size_t place, bool done)
{
    sgs_block whole = world->out[place];
    int64_t from = chance(3) ? 0 : chance(whole.count);
    int64_t count = chance(3) ? whole.count - from : 1 + chance(whole.count - from);
    sgs_block part = {whole.first + from, count};

    world->out[place] = world->out[--world->out_count];
    if (from > 0)
        world->out[world->out_count++] = (sgs_block){whole.first, from};
    if (from + count < whole.count)
        world->out[world->out_count++] = (sgs_block){whole.first + from + count, whole.count - from - count};
    mark(world, part, done ? DONE : WAITING);
    sgs_status status = done ? sgs_sched_done(world->sched, part, 1e-3 * between(0, 99), NULL)
                             : sgs_sched_return(world->sched, part, NULL);
    assert_int_equal(status, SGS_OK);
}

/* The next block for one trainer or another, or for nobody. */
static bool next(struct world *world, double limit, sgs_block *block)
{
    int who = between(0, TRAINERS_MAX);
    if (who == TRAINERS_MAX)
        return sgs_sched_next(world->sched, limit, block);
    if (!sgs_sched_next_near(world->sched, limit, world->near[who], block))
        return false;
    world->near[who] = block->first;
    return true;
}

/* Some runs are done already, as after a resume; added in chunks of random sizes. */
static void add_some(struct world *world)
{
    int64_t runs = sgs_grid_runs(world->grid);
    int hole = between(1, 200);
    bool *pending = calloc((size_t)runs, sizeof *pending);

    assert_non_null(pending);
    for (int64_t i = 0; i < runs; i++)
        pending[i] = (i / hole + chance(50) / 49) % 4 != 1;
    for (int64_t at = 0, count; at < runs; at += count) {
        count = 1 + chance(300);
        count = count < runs - at ? count : runs - at;
        assert_int_equal(sgs_sched_add(world->sched, at, count, pending + at, NULL), SGS_OK);
    }
    for (int64_t i = 0; i < runs; i++) {
        bool to_do = pending[i] && !is_skipped(world->grid, i);
        world->where[i] = to_do ? WAITING : ELSEWHERE;
        world->total += to_do;
    }
    free(pending);
    assert_int_equal(sgs_sched_start(world->sched, NULL), SGS_OK);
}

static void play(const char *text, int trainers)
{
    struct world world = {.grid = a_grid(text)};
    size_t runs = (size_t)sgs_grid_runs(world.grid);
    int64_t events = 0;

    world.sched = a_sched(world.grid, trainers);
    world.where = calloc(runs, sizeof *world.where);
    world.out = calloc(runs, sizeof *world.out);
    assert_true(world.where && world.out);
    for (int who = 0; who < TRAINERS_MAX; who++)
        world.near[who] = -1;
    add_some(&world);
    check_counts(&world);
    while (sgs_sched_progress_now(world.sched).done < world.total) {
        sgs_block block;
        double limit = chance(3) ? 0 : 1e-4 * between(1, 1000);
        if (chance(2) || world.out_count == 0) {
            if (next(&world, limit, &block))
                take_in(&world, block);
            else
                assert_int_equal(sgs_sched_progress_now(world.sched).waiting, 0);
        } else {
            come_back(&world, (size_t)chance((int64_t)world.out_count), chance(5) != 0);
        }
        if (events % 64 == 0)
            check_counts(&world);
        assert_true(++events < 1000 * (int64_t)runs); /* every order ends */
    }
    check_counts(&world);
    assert_int_equal(world.out_count, 0);
    assert_true(sgs_sched_progress_now(world.sched).left_s == 0);
    free(world.where);
    free(world.out);
    sgs_sched_destroy(world.sched);
    sgs_grid_destroy(world.grid);
}

static void random_orders_lose_nothing(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        play(wide, between(1, TRAINERS_MAX));
        play(single_seed, between(1, TRAINERS_MAX));
    }
}

static double run_seconds(const sgs_grid *grid, int64_t index)
{
    sgs_run run;
    sgs_stop stop;
    sgs_speed speed = sgs_speed_default();
    assert_true(sgs_grid_run(grid, index, &run, &stop));
    return sgs_predict_seconds(&run, &stop, &speed);
}

/* The dearest run of blocks that follow one another in the grid is no cheaper than that of any later ones. */
static void longest_goes_first(void **state)
{
    sgs_grid *grid = a_grid(wide);
    sgs_sched *sched = a_sched(grid, 2);
    sgs_block block;
    int64_t jumps = 0;
    int64_t end = 0;
    double before = INFINITY;
    double dearest = INFINITY;
    (void)state;

    add_all(sched, grid);
    while (sgs_sched_next(sched, 0, &block)) {
        if (block.first != end) {
            assert_true(dearest <= before * 1.0001);
            before = dearest;
            dearest = 0;
            jumps++;
        }
        end = block.first + block.count;
        for (int64_t i = block.first; i < end; i++)
            dearest = fmax(dearest, run_seconds(grid, i));
    }
    assert_true(dearest <= before * 1.0001);
    assert_true(jumps > 10);
    sgs_sched_destroy(sched);
    sgs_grid_destroy(grid);
}

static void blocks_shrink_and_fill_lanes(void **state)
{
    sgs_grid *grid = a_grid(even);
    int trainers = 4;
    sgs_sched *sched = a_sched(grid, trainers);
    double run_s = run_seconds(grid, 0);
    int64_t before = INT64_MAX;
    sgs_block block;
    (void)state;

    add_all(sched, grid);
    double total_s = run_s * 20000;
    assert_true(total_s > 5);
    assert_true(fabs(sgs_sched_progress_now(sched).total_s - total_s) < 1e-3 * total_s);
    assert_true(sgs_sched_next(sched, 0, &block));
    assert_true(fabs((double)block.count * run_s - fmin(total_s / (4 * trainers), 4)) < 0.01 * total_s);
    do {
        assert_true(block.count <= before || block.count <= 16); /* so many take hardly longer than one */
        before = block.count;
        if (sgs_sched_progress_now(sched).waiting > 16 * trainers)
            assert_true(block.count >= 16);
    } while (sgs_sched_next(sched, 0, &block));
    assert_true((double)block.count * run_s < 0.2 || block.count <= 16);
    sgs_sched_destroy(sched);
    sgs_grid_destroy(grid);
}

/* Where trainers are so many that nobody gets a full set of lanes, blocks fill the lanes of a narrower trainer. */
static void small_blocks_fill_narrow_lanes(void **state)
{
    sgs_grid *grid = a_grid(even);
    sgs_run run;
    sgs_stop stop;
    (void)state;

    assert_true(sgs_grid_run(grid, 0, &run, &stop));
    for (int vector = 2; vector <= 8; vector *= 2) {
        sgs_speed speed = sgs_speed_default();
        sgs_sched *sched = NULL;
        sgs_block block;
        int64_t small = 0;
        speed.vector = vector;
        const sgs_widths widths = sgs_predict_widths(&run, vector);
        assert_int_equal(sgs_sched_create(grid, 2000, &speed, &sched, NULL), SGS_OK); /* ten runs each */
        add_all(sched, grid);
        while (sgs_sched_next(sched, 0, &block) && sgs_sched_progress_now(sched).waiting > 0) {
            bool filled = block.count >= 16;
            for (int at = 0; at < widths.count; at++)
                filled = filled || block.count == widths.lanes[at];
            assert_true(filled);
            small += block.count < 16;
        }
        assert_true(small > 1000);
        sgs_sched_destroy(sched);
    }
    sgs_grid_destroy(grid);
}

/* What is left of a piece stays together where it would be dearer apart. */
static void small_rests_stay_together(void **state)
{
    static const char few[] =
        "dimension: 100\nbatch_size: 1\nactivation: relu\nstep_size: 0.1\nseed: {first: 1, count: %d}\n";
    static const int counts[] = {3, 5, 10, 13, 15};
    (void)state;

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (int vector = 2; vector <= 8; vector *= 2) {
            char text[256];
            sgs_run run;
            sgs_stop stop;
            sgs_sched *sched = NULL;
            sgs_block block;
            sgs_speed speed = sgs_speed_default();
            double seconds = 0;
            speed.vector = vector;
            (void)snprintf(text, sizeof text, few, counts[i]);
            sgs_grid *grid = a_grid(text);
            assert_true(sgs_grid_run(grid, 0, &run, &stop));
            const sgs_widths widths = sgs_predict_widths(&run, vector);
            assert_int_equal(sgs_sched_create(grid, 1, &speed, &sched, NULL), SGS_OK);
            add_all(sched, grid);
            while (sgs_sched_next(sched, 0, &block))
                seconds += (double)block.count * sgs_predict_slowdown(&widths, block.count);
            if (!(seconds <= counts[i] * sgs_predict_slowdown(&widths, counts[i]) * 1.0001))
                fail_msg("%d runs, vectors of %d: %g s", counts[i], vector, seconds);
            sgs_sched_destroy(sched);
            sgs_grid_destroy(grid);
        }
}

/* A trainer that must stay short gets short runs while there are any, and one run at a time of the others. */
static void limited_blocks_are_short(void **state)
{
    sgs_grid *grid = a_grid(wide);
    sgs_sched *sched = a_sched(grid, 2);
    double limit = 0.002;
    sgs_block block;
    (void)state;

    add_all(sched, grid);
    while (sgs_sched_next(sched, limit, &block))
        assert_true(block.count == 1 || sgs_sched_block_seconds(sched, block) <= limit * 1.0001);
    assert_int_equal(sgs_sched_progress_now(sched).waiting, 0);
    sgs_sched_destroy(sched);
    sgs_grid_destroy(grid);
}

static void what_was_measured_corrects_the_rest(void **state)
{
    sgs_grid *grid = a_grid(even);
    sgs_sched *sched = a_sched(grid, 1);
    sgs_block block;
    (void)state;

    add_all(sched, grid);
    double before = sgs_sched_progress_now(sched).left_s;
    assert_true(sgs_sched_next(sched, 0, &block));
    double predicted = sgs_sched_block_seconds(sched, block);
    assert_int_equal(sgs_sched_done(sched, block, 3 * predicted, NULL), SGS_OK);
    double left = (before - predicted) * 3;
    assert_true(fabs(sgs_sched_progress_now(sched).left_s - left) < 0.1 * left);
    sgs_sched_destroy(sched);
    sgs_grid_destroy(grid);
}

static void misuse_is_refused(void **state)
{
    sgs_grid *grid = a_grid(single_seed);
    sgs_sched *sched = a_sched(grid, 1);
    bool pending[4] = {true, true, false, true};
    sgs_error err = {""};
    sgs_block block;
    (void)state;

    assert_false(sgs_sched_next(sched, 0, &block)); /* not started */
    assert_int_equal(sgs_sched_add(sched, 4, 4, pending, &err), SGS_OK);
    assert_int_equal(sgs_sched_add(sched, 0, 4, pending, &err), SGS_ERANGE); /* out of order */
    assert_int_equal(sgs_sched_add_range(sched, 98, 3, &err), SGS_ERANGE);   /* 100 runs */
    assert_int_equal(sgs_sched_start(sched, &err), SGS_OK);
    assert_int_equal(sgs_sched_add_range(sched, 50, 1, &err), SGS_ERANGE); /* too late */
    assert_int_equal(sgs_sched_progress_now(sched).total, 3);
    assert_int_equal(sgs_sched_done(sched, (sgs_block){4, 1}, 0, &err), SGS_ERANGE); /* not out */
    assert_true(sgs_sched_next(sched, 0, &block));
    assert_int_equal(sgs_sched_return(sched, block, &err), SGS_OK);
    assert_int_equal(sgs_sched_return(sched, block, &err), SGS_ERANGE);
    assert_non_null(strstr(err.text, "not handed out"));
    sgs_sched_destroy(sched);
    sgs_grid_destroy(grid);
}

/* Nothing to do, and everything skipped: a schedule that is done at once. */
static void nothing_to_do_ends(void **state)
{
    sgs_grid *grid =
        a_grid("dimension: 4\nbatch_size: 5\nstep_size: 0.1\nseed: {first: 0, count: 9}\nactivation: relu\n");
    sgs_sched *sched = a_sched(grid, 3);
    sgs_block block;
    (void)state;

    add_all(sched, grid);
    assert_false(sgs_sched_next(sched, 0, &block));
    sgs_sched_progress now = sgs_sched_progress_now(sched);
    assert_int_equal(now.total, 0);
    assert_true(now.left_s == 0);
    sgs_sched_destroy(sched);
    sgs_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_orders_lose_nothing),
        cmocka_unit_test(longest_goes_first),
        cmocka_unit_test(blocks_shrink_and_fill_lanes),
        cmocka_unit_test(small_blocks_fill_narrow_lanes),
        cmocka_unit_test(small_rests_stay_together),
        cmocka_unit_test(limited_blocks_are_short),
        cmocka_unit_test(what_was_measured_corrects_the_rest),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(nothing_to_do_ends),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
