/* Grids whose cells get more seeds as the sweep goes on: runs are added after the start, in any order of events, and
 * none is lost or handed out twice; a block never leaves its cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../chance.h"
#include "sgdsweep/sched.h"
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 96, LOOKS = 3, CELLS = 36, RUNS = SEEDS * CELLS };
static const int64_t looks[LOOKS] = {16, 40, 96};
static const char text[] = "dimension: [4, 16, 64]\nbatch_size: [1, n, 10]\nstep_size: {scaled_by_batch: [0.05, 0.2]}\n"
                           "seed: {until: {measure: sparse, half_width: 0.1, looks: [16, 40, 96]}}\n";

struct scene {
    sgs_grid *grid;
    sgs_sched *sched;
    int taken[RUNS], done[RUNS];
    int64_t missing[CELLS];
    int look[CELLS], last[CELLS]; /* look of a cell, and the one at which it is enough */
    sgs_block out[RUNS];
    size_t out_count;
};

static bool fits(const struct scene *scene, int64_t cell)
{
    sgs_run run;
    sgs_stop stop;
    return sgs_grid_run(scene->grid, cell * SEEDS, &run, &stop);
}

static void begin(struct scene *scene)
{
    sgs_speed speed = sgs_speed_default();
    sgs_error err = {""};

    *scene = (struct scene){0};
    if (sgs_grid_parse(text, strlen(text), "test", &scene->grid, &err) != SGS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sgs_grid_runs(scene->grid), RUNS);
    assert_int_equal(sgs_sched_create(scene->grid, 1 + chance(5), &speed, &scene->sched, NULL), SGS_OK);
    /* A resumed sweep: cells are at any look, and some of the runs up to it are done. Neighbours touch. */
    for (int64_t cell = 0; cell < CELLS; cell++) {
        scene->look[cell] = between(0, LOOKS - 1);
        scene->last[cell] = between(scene->look[cell], LOOKS - 1);
        int64_t from = chance(looks[scene->look[cell]]);
        scene->missing[cell] = fits(scene, cell) ? looks[scene->look[cell]] - from : 0;
        for (int64_t i = 0; i < from && fits(scene, cell); i++)
            scene->taken[cell * SEEDS + i] = scene->done[cell * SEEDS + i] = 1;
        assert_int_equal(sgs_sched_add_range(scene->sched, cell * SEEDS + from, looks[scene->look[cell]] - from, NULL),
                         SGS_OK);
    }
    assert_int_equal(sgs_sched_extend(scene->sched, 0, 1, NULL), SGS_ERANGE); /* not before the start */
    assert_int_equal(sgs_sched_start(scene->sched, NULL), SGS_OK);
}

static void take(struct scene *scene)
{
    sgs_block block;
    int64_t near = scene->out_count > 0 && chance(2) ? scene->out[chance((int64_t)scene->out_count)].first : -1;
    if (!sgs_sched_next_near(scene->sched, chance(3) ? 0 : 1e-4 * between(1, 100), near, &block)) {
        assert_int_equal(sgs_sched_progress_now(scene->sched).waiting, 0);
        return;
    }
    assert_int_equal(block.first / SEEDS, (block.first + block.count - 1) / SEEDS);
    for (int64_t i = block.first; i < block.first + block.count; i++)
        assert_int_equal(scene->taken[i]++, 0);
    scene->out[scene->out_count++] = block;
}

static void finish(struct scene *scene, sgs_block block)
{
    int64_t cell = block.first / SEEDS;
    assert_int_equal(sgs_sched_done(scene->sched, block, 1e-3, NULL), SGS_OK);
    for (int64_t i = block.first; i < block.first + block.count; i++)
        assert_int_equal(scene->done[i]++, 0);
    scene->missing[cell] -= block.count;
    if (scene->missing[cell] > 0 || scene->look[cell] == scene->last[cell])
        return;
    int64_t from = looks[scene->look[cell]++];
    scene->missing[cell] = looks[scene->look[cell]] - from;
    sgs_sched_progress before = sgs_sched_progress_now(scene->sched);
    assert_int_equal(sgs_sched_extend(scene->sched, cell * SEEDS + from, scene->missing[cell], NULL), SGS_OK);
    sgs_sched_progress after = sgs_sched_progress_now(scene->sched);
    assert_int_equal(after.total, before.total + scene->missing[cell]);
    assert_int_equal(after.waiting, before.waiting + scene->missing[cell]);
    assert_true(after.left_s > before.left_s && after.total_s > before.total_s);
}

static void come_back(struct scene *scene)
{
    size_t place = (size_t)chance((int64_t)scene->out_count);
    sgs_block block = scene->out[place];
    int64_t done = chance(4) ? block.count : chance(block.count);

    scene->out[place] = scene->out[--scene->out_count];
    if (done < block.count) {
        sgs_block rest = {block.first + done, block.count - done};
        for (int64_t i = rest.first; i < rest.first + rest.count; i++)
            scene->taken[i] = 0;
        assert_int_equal(sgs_sched_return(scene->sched, rest, NULL), SGS_OK);
    }
    if (done > 0)
        finish(scene, (sgs_block){block.first, done});
}

static void any_order_of_events(void **state)
{
    static struct scene scene;
    (void)state;
    for (int round = 0; round < 200; round++) {
        begin(&scene);
        for (sgs_sched_progress now = sgs_sched_progress_now(scene.sched); now.done < now.total;
             now = sgs_sched_progress_now(scene.sched)) {
            if (scene.out_count > 0 && chance(2))
                come_back(&scene);
            else
                take(&scene);
        }
        for (int64_t i = 0; i < RUNS; i++) {
            int64_t cell = i / SEEDS;
            assert_int_equal(scene.done[i], fits(&scene, cell) && i % SEEDS < looks[scene.last[cell]]);
        }
        assert_int_equal(scene.out_count, 0);
        sgs_sched_destroy(scene.sched);
        sgs_grid_destroy(scene.grid);
    }
}

static void refuses_what_is_no_extension(void **state)
{
    static struct scene scene;
    sgs_error err = {""};
    int64_t skipped = 0;
    int count = 0;
    (void)state;
    begin(&scene);
    for (int64_t cell = 0; cell < CELLS; cell++) {
        skipped = fits(&scene, cell) ? skipped : cell;
        count += !fits(&scene, cell);
    }
    assert_int_equal(count, 4); /* b = 10 at n = 4, for two activations and two step sizes */
    assert_int_equal(sgs_sched_extend(scene.sched, skipped * SEEDS + 40, 8, &err), SGS_ERANGE);
    assert_int_equal(sgs_sched_extend(scene.sched, 90, 10, &err), SGS_ERANGE); /* of two cells */
    assert_int_equal(sgs_sched_extend(scene.sched, RUNS - 1, 2, &err), SGS_ERANGE);
    assert_int_equal(sgs_sched_extend(scene.sched, -1, 1, &err), SGS_ERANGE);
    assert_int_equal(sgs_sched_extend(scene.sched, 5, 0, &err), SGS_ERANGE);
    sgs_sched_destroy(scene.sched);
    sgs_grid_destroy(scene.grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_events),
        cmocka_unit_test(refuses_what_is_no_extension),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
