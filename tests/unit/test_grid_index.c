/** @file test_grid_index.c
 *  The numbering of runs on a small grid, all of it, against six nested loops; strips; what each run is. */
#include "sgdsweep/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "activation: [relu, linear]\ndimension: [9, 1, 4]\nsamples: (d+1)/2\n"
                           "batch_size: [1, n/2, n, 3]\nstep_size: [0.3, 0.7]\nseed: [8, 2, 5, 0, 1]\n"
                           "init: {seed: 77}\nstop: {max_steps: 1000}\n";
static const sgs_activation activations[] = {SGS_RELU, SGS_LINEAR};
static const int dims[] = {9, 1, 4};
static const int samples[] = {5, 1, 2};
static const int sizes[3][4] = {{1, 2, 5, 3}, {1, 0, 1, 0}, {1, 1, 2, 0}};
static const double steps[] = {0.3, 0.7};
static const int64_t seeds[] = {8, 2, 5, 0, 1};

static int setup(void **state)
{
    sgs_error err;
    return sgs_grid_parse(text, strlen(text), "g", (sgs_grid **)state, &err) != SGS_OK;
}

static int teardown(void **state)
{
    sgs_grid_destroy(*state);
    return 0;
}

static void check_run(const sgs_grid *grid, int64_t index, const sgs_coordinates *c)
{
    sgs_run run;
    sgs_stop stop;
    memset(&run, 0x55, sizeof run);
    sgs_run before = run;
    const int64_t *at = c->at;
    int b = sizes[at[2]][at[3]];
    assert_int_equal(sgs_grid_batch_size(grid, at[2], at[3]), b);
    assert_int_equal(sgs_grid_run(grid, index, &run, &stop), b > 0);
    if (b == 0) {
        assert_memory_equal(&run, &before, sizeof run);
        return;
    }
    assert_int_equal(run.activation, activations[at[0]]);
    assert_int_equal(run.sampling, SGS_WITHOUT_REPLACEMENT);
    assert_int_equal(run.d, dims[at[2]]);
    assert_int_equal(run.n, samples[at[2]]);
    assert_int_equal(run.b, b);
    assert_true(run.eps == steps[at[4]] / b);
    assert_true(sgs_grid_eps(grid, b, at[4]) == run.eps);
    assert_int_equal(run.seed, seeds[at[5]]);
    assert_int_equal(run.init_seed, 77);
    assert_int_equal(stop.max_steps, 1000);
}

static void numbering(void **state)
{
    const sgs_grid *grid = *state;
    static const int64_t extent[SGS_AXES] = {2, 1, 3, 4, 2, 5};
    for (int axis = 0; axis < SGS_AXES; axis++) {
        assert_int_equal(sgs_grid_axis_size(grid, (sgs_axis)axis), extent[axis]);
    }
    assert_int_equal(sgs_grid_runs(grid), 2 * 1 * 3 * 4 * 2 * 5);
    sgs_coordinates c;
    int64_t *at = c.at;
    int64_t index = 0;
    for (at[0] = 0; at[0] < 2; at[0]++) {
        for (at[1] = 0; at[1] < 1; at[1]++) {
            for (at[2] = 0; at[2] < 3; at[2]++) {
                for (at[3] = 0; at[3] < 4; at[3]++) {
                    for (at[4] = 0; at[4] < 2; at[4]++) {
                        for (at[5] = 0; at[5] < 5; at[5]++, index++) {
                            sgs_coordinates back;
                            assert_int_equal(sgs_grid_index(grid, &c), index);
                            sgs_grid_coordinates(grid, index, &back);
                            assert_memory_equal(&back, &c, sizeof c);
                            check_run(grid, index, &c);
                        }
                    }
                }
            }
        }
    }
    assert_int_equal(index, sgs_grid_runs(grid));
}

static void strips_cover_the_runs(void **state)
{
    const sgs_grid *grid = *state;
    int64_t next = 0;
    assert_int_equal(sgs_grid_strips(grid), 2 * 1 * 3 * 4);
    for (int64_t strip = 0; strip < sgs_grid_strips(grid); strip++) {
        int64_t first = -1;
        int64_t count = -1;
        sgs_grid_strip(grid, strip, &first, &count);
        assert_int_equal(first, next);
        assert_int_equal(count, 10);
        sgs_coordinates a;
        sgs_coordinates b;
        sgs_grid_coordinates(grid, first, &a);
        sgs_grid_coordinates(grid, first + count - 1, &b);
        assert_memory_equal(a.at, b.at, 4 * sizeof a.at[0]); /* activation, sampling, dimension, batch */
        next = first + count;
    }
    assert_int_equal(next, sgs_grid_runs(grid));
}

/** The largest index of the largest grid there is. */
static void large_grids(void **state)
{
    (void)state;
    static const char big[] = "activation: relu\ndimension: 2\nbatch_size: 1\nstep_size: {scaled_by_batch: 0.1}\n"
                              "seed: {first: 0, count: 9007199254740991}\n";
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    assert_int_equal(sgs_grid_parse(big, strlen(big), "g", &grid, &err), SGS_OK);
    assert_int_equal(sgs_grid_runs(grid), SGS_SEED_MAX);
    sgs_coordinates c;
    sgs_grid_coordinates(grid, SGS_SEED_MAX - 1, &c);
    assert_int_equal(c.at[SGS_AXIS_SEED], SGS_SEED_MAX - 1);
    assert_int_equal(sgs_grid_index(grid, &c), SGS_SEED_MAX - 1);
    sgs_run run;
    sgs_stop stop;
    assert_true(sgs_grid_run(grid, SGS_SEED_MAX - 1, &run, &stop));
    assert_int_equal(run.seed, SGS_SEED_MAX - 1);
    assert_int_equal(run.init_seed, SGS_SEED_MAX - 1);
    sgs_grid_destroy(grid);
}

static void axis_names(void **state)
{
    (void)state;
    static const char *const names[] = {"activation", "sampling", "dimension", "batch", "step_value", "seed"};
    for (int axis = 0; axis < SGS_AXES; axis++) {
        assert_string_equal(sgs_axis_name((sgs_axis)axis), names[axis]);
    }
    assert_null(sgs_axis_name(SGS_AXES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbering),
        cmocka_unit_test(strips_cover_the_runs),
        cmocka_unit_test(large_grids),
        cmocka_unit_test(axis_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
