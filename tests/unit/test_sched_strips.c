/* Who works where: trainers keep to their strips, strips get trainers by their work, and long runs are not forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../chance.h"
#include "sgdsweep/sched.h"
#include <math.h>
#include <string.h>

enum { LANES = 16, STRIPS_MAX = 16, TRAINERS_MAX = 400 };

/* Eight strips of very different work, short runs. */
static const char plain[] = "activation: [linear, relu]\ndimension: [16, 48]\nbatch_size: [1, n-1]\n"
                            "step_size: {scaled_by_batch: [0.1, 0.2, 0.3]}\nseed: {first: 1, count: 400000}\n";
/* One strip of a few long runs, and seven with nearly all of the work. */
static const char lonely[] = "activation: relu\ndimension: [20, 21, 22, 23, 24, 25, 26, 1000]\nbatch_size: 1\n"
                             "step_size: 0.05\nseed: {first: 1, count: 20000}\n";

struct world {
    sgs_grid *grid;
    sgs_sched *sched;
    int64_t strip_runs, waiting[STRIPS_MAX]; /* runs */
    double work_s[STRIPS_MAX], longest_s;    /* predicted, at the start */
    int strips, trainers;
    int64_t near[TRAINERS_MAX];
    sgs_block out[TRAINERS_MAX];
};

static void note_work(struct world *world, int64_t first, int64_t count)
{
    const sgs_speed speed = sgs_speed_default();
    const int64_t seeds = sgs_grid_axis_size(world->grid, SGS_AXIS_SEED);

    for (int64_t at = first; at < first + count; at++) {
        sgs_run run;
        sgs_stop stop;
        if (!sgs_grid_run(world->grid, at / seeds * seeds, &run, &stop))
            continue;
        const double run_s = sgs_predict_seconds(&run, &stop, &speed);
        const int64_t cell_end = (at / seeds + 1) * seeds, end = cell_end < first + count ? cell_end : first + count;
        world->waiting[at / world->strip_runs] += end - at;
        world->work_s[at / world->strip_runs] += run_s * (double)(end - at);
        world->longest_s = fmax(world->longest_s, run_s);
        at = end - 1;
    }
}

static struct world a_world(const char *text, int trainers)
{
    struct world world = {.trainers = trainers};
    const sgs_speed speed = sgs_speed_default();
    int64_t first = 0;
    sgs_error err = {""};

    if (sgs_grid_parse(text, strlen(text), "test", &world.grid, &err) != SGS_OK)
        fail_msg("%s", err.text);
    sgs_grid_strip(world.grid, 0, &first, &world.strip_runs);
    world.strips = (int)sgs_grid_strips(world.grid);
    assert_true(world.strips <= STRIPS_MAX && trainers <= TRAINERS_MAX);
    assert_int_equal(sgs_sched_create(world.grid, trainers, &speed, &world.sched, NULL), SGS_OK);
    for (int who = 0; who < trainers; who++)
        world.near[who] = -1;
    return world;
}

static void add(struct world *world, int64_t first, int64_t count)
{
    assert_int_equal(sgs_sched_add_range(world->sched, first, count, NULL), SGS_OK);
    note_work(world, first, count);
}

static void end_world(struct world *world)
{
    sgs_sched_destroy(world->sched);
    sgs_grid_destroy(world->grid);
}

static int64_t strip_of(const struct world *world, int64_t run)
{
    return run / world->strip_runs;
}

/* What a trainer had is done; it asks again. */
static bool ask(struct world *world, int who)
{
    sgs_block *block = &world->out[who];

    if (block->count > 0)
        assert_int_equal(sgs_sched_done(world->sched, *block, sgs_sched_block_seconds(world->sched, *block), NULL),
                         SGS_OK);
    block->count = 0;
    if (!sgs_sched_next_near(world->sched, 0, world->near[who], block))
        return false;
    world->near[who] = block->first;
    world->waiting[strip_of(world, block->first)] -= block->count;
    return true;
}

static double share_s(const struct world *world)
{
    double waiting_s = sgs_sched_progress_now(world->sched).left_s;
    for (int who = 0; who < world->trainers; who++)
        waiting_s -= world->out[who].count > 0 ? sgs_sched_block_seconds(world->sched, world->out[who]) : 0;
    return waiting_s / world->trainers;
}

/* While the longest runs can wait, a trainer leaves its strip when nothing of it waits, and at no other time. */
static void trainers_keep_to_their_strips(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct world world = a_world(plain, 1 + (int)chance(40));
        int64_t stayed = 0, left = 0;
        add(&world, 0, sgs_grid_runs(world.grid));
        assert_int_equal(sgs_sched_start(world.sched, NULL), SGS_OK);
        for (bool more = true; more;) {
            const int who = (int)chance(world.trainers);
            const int64_t own = world.near[who] < 0 ? -1 : strip_of(&world, world.near[who]);
            const bool empty = own >= 0 && world.waiting[own] == 0,
                       hurry = share_s(&world) < 2 * LANES * world.longest_s;
            more = ask(&world, who);
            if (!more || own < 0 || hurry)
                continue;
            const bool same = strip_of(&world, world.near[who]) == own;
            assert_int_equal(same, !empty);
            stayed += same;
            left += !same;
        }
        assert_true(stayed > 0 && left > 0);
        assert_true(left <= (int64_t)world.trainers * world.strips);
        end_world(&world);
    }
}

static void strips_get_trainers_by_their_work(void **state)
{
    struct world world = a_world(plain, TRAINERS_MAX);
    int64_t there[STRIPS_MAX] = {0};
    double total_s = 0;
    (void)state;

    add(&world, 0, sgs_grid_runs(world.grid));
    assert_int_equal(sgs_sched_start(world.sched, NULL), SGS_OK);
    for (int who = 0; who < world.trainers; who++) {
        assert_true(ask(&world, who));
        there[strip_of(&world, world.near[who])]++;
    }
    for (int strip = 0; strip < world.strips; strip++)
        total_s += world.work_s[strip];
    for (int strip = 0; strip < world.strips; strip++) /* each of the others can be one half off, and shifts this one */
        assert_true(fabs((double)there[strip] - world.trainers * world.work_s[strip] / total_s) <= 0.5 * world.strips);
    end_world(&world);
}

/* The long runs are few, so that no trainer goes there for the work's sake; they begin before they would be the last.
 */
static void long_runs_are_not_forgotten(void **state)
{
    struct world world = a_world(lonely, 4);
    const int64_t last = world.strips - 1;
    bool begun = false;
    (void)state;

    for (int64_t strip = 0; strip < last; strip++)
        add(&world, strip * world.strip_runs, world.strip_runs);
    add(&world, last * world.strip_runs, LANES);
    assert_int_equal(sgs_sched_start(world.sched, NULL), SGS_OK);
    assert_true(world.work_s[last] < world.work_s[0] / 10);
    for (int i = 0; !begun; i++) {
        const double share = share_s(&world);
        assert_true(ask(&world, i % world.trainers));
        begun = strip_of(&world, world.near[i % world.trainers]) == last;
        assert_true(begun || share >= LANES * world.longest_s);
    }
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trainers_keep_to_their_strips),
        cmocka_unit_test(strips_get_trainers_by_their_work),
        cmocka_unit_test(long_runs_are_not_forgotten),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
