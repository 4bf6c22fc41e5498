/** @file test_grid_numbers.c
 *  Values on the axes: lists, ranges, defaults, spellings. */
#include "sgdsweep/grid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static sgs_grid *parse(const char *text)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    if (sgs_grid_parse(text, strlen(text), "g.yaml", &grid, &err)) {
        fail_msg("refused: %s\n%s", err.text, text);
    }
    return grid;
}

/** All keys but one; the one under test comes last. */
static sgs_grid *parse_with(const char *key, const char *value)
{
    static const char *const others[][2] = {
        {"dimension", "8"}, {"batch_size", "2"}, {"step_size", "0.1"}, {"seed", "1"}};
    char text[1024] = "";
    for (int i = 0; i < 4; i++) {
        size_t used = strlen(text);
        if (strcmp(others[i][0], key) != 0) {
            snprintf(text + used, sizeof text - used, "%s: %s\n", others[i][0], others[i][1]);
        }
    }
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s: %s\n", key, value);
    return parse(text);
}

static void step_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool scaled;
        int count;
        double value[7];
    } table[] = {
        {"0.1", false, 1, {0.1}},
        {"[0.1, .5, 1., 1e-3, 2E+1, 007.5]", false, 6, {0.1, 0.5, 1.0, 0.001, 20.0, 7.5}},
        {"0.1000000000000000055511151231257827021181583404541015625", false, 1, {0.1}},
        {"[0.1, 0.10000000000000002]", false, 2, {0.1, 0.10000000000000002}},
        {"{scaled_by_batch: 0.2}", true, 1, {0.2}},
        {"{scaled_by_batch: [0.2, 0.1]}", true, 2, {0.2, 0.1}},
        {"{linear: [0.1, 0.5], points: 5}", false, 5, {0.1, 0.2, 0.3, 0.4, 0.5}},
        {"{scaled_by_batch: {log: [1e-3, 1e3], points: 7}}", true, 7, {1e-3, 1e-2, 0.1, 1, 10, 100, 1000}},
        {"{log: [0.3333333333333333, 2], points: 2}", false, 2, {0.3333333333333333, 2}},
        {"{log: [1, 10], points: 3}", false, 3, {1, 3.16227766017, 10}},
        {"{linear: [1, 2], points: 4}", false, 4, {1, 1.33333333333, 1.66666666667, 2}},
        {"{linear: [1e-290, 1e290], points: 3}", false, 3, {1e-290, 5e289, 1e290}},
        {"[1e-290, 1e290]", false, 2, {1e-290, 1e290}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        sgs_grid *grid = parse_with("step_size", table[i].text);
        assert_int_equal(sgs_grid_step_scaled(grid), table[i].scaled);
        assert_int_equal(sgs_grid_axis_size(grid, SGS_AXIS_STEP_VALUE), table[i].count);
        for (int j = 0; j < table[i].count; j++) {
            double value = sgs_grid_step_value(grid, j);
            if (value != table[i].value[j]) { /* none is zero or NaN: equal is equal in bits */
                fail_msg("%s: value %d is %.17g, expected %.17g", table[i].text, j, value, table[i].value[j]);
            }
        }
        sgs_grid_destroy(grid);
    }
}

/** Points of logarithmic ranges against libm, which may differ in the last of 12 digits at most. */
static void log_ranges_follow_libm(void **state)
{
    (void)state;
    for (int points = 2; points < 60; points++) {
        double low = 1e-9 * points;
        double high = 7.7 * points;
        char text[128];
        snprintf(text, sizeof text, "{log: [%.17g, %.17g], points: %d}", low, high, points);
        sgs_grid *grid = parse_with("step_size", text);
        assert_int_equal(sgs_grid_axis_size(grid, SGS_AXIS_STEP_VALUE), points);
        for (int i = 0; i < points; i++) {
            double expected = low * pow(high / low, (double)i / (points - 1));
            double value = sgs_grid_step_value(grid, i);
            assert_true(fabs(value - expected) <= 6e-12 * expected);
            char digits[32];
            snprintf(digits, sizeof digits, "%.11e", value);
            assert_true(i == 0 || i == points - 1 || strtod(digits, NULL) == value);
        }
        sgs_grid_destroy(grid);
    }
}

static void dimensions_and_batches(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count;
        int value[7];
    } table[] = {
        {"16", 1, {16}},
        {"[64, 16, 2147483647]", 3, {64, 16, 2147483647}},
        {"{linear: [10, 50], points: 5}", 5, {10, 20, 30, 40, 50}},
        {"{linear: [1, 4], points: 3}", 3, {1, 3, 4}}, /* 2.5 goes up */
        {"{log: [10, 1000], points: 5}", 5, {10, 32, 100, 316, 1000}},
        {"{log: [2, 128], points: 7}", 7, {2, 4, 8, 16, 32, 64, 128}},
        {"\n  - 3\n  - 4\n", 2, {3, 4}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        sgs_grid *grid = parse_with("dimension", table[i].text);
        sgs_grid *batches = parse_with("batch_size", table[i].text);
        assert_int_equal(sgs_grid_axis_size(grid, SGS_AXIS_DIMENSION), table[i].count);
        assert_int_equal(sgs_grid_axis_size(batches, SGS_AXIS_BATCH), table[i].count);
        for (int j = 0; j < table[i].count; j++) {
            char label[32];
            snprintf(label, sizeof label, "%d", table[i].value[j]);
            assert_int_equal(sgs_grid_dimension(grid, j), table[i].value[j]);
            assert_int_equal(sgs_grid_samples(grid, j), table[i].value[j]);
            assert_string_equal(sgs_grid_batch_label(batches, j), label);
        }
        sgs_grid_destroy(grid);
        sgs_grid_destroy(batches);
    }
}

static void seeds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t count, first, last;
    } table[] = {
        {"0", 1, 0, 0},
        {"[5, 3, 9]", 3, 5, 9},
        {"{first: 1, count: 64}", 64, 1, 64},
        {"{count: 2, first: 9007199254740990}", 2, 9007199254740990, 9007199254740991},
        {"{first: 7, count: 4503599627370495}", 4503599627370495, 7, 4503599627370501},
        {"{linear: [10, 30], points: 3}", 3, 10, 30},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        bool range = strstr(table[i].text, "linear");
        sgs_grid *grid = parse_with(range ? "dimension" : "seed", table[i].text);
        sgs_axis axis = range ? SGS_AXIS_DIMENSION : SGS_AXIS_SEED;
        int64_t count = sgs_grid_axis_size(grid, axis);
        assert_int_equal(count, table[i].count);
        assert_int_equal(range ? sgs_grid_dimension(grid, 0) : sgs_grid_seed(grid, 0), table[i].first);
        assert_int_equal(range ? sgs_grid_dimension(grid, count - 1) : sgs_grid_seed(grid, count - 1), table[i].last);
        sgs_grid_destroy(grid);
    }
}

static void expressions_fill_the_tables(void **state)
{
    (void)state;
    sgs_grid *grid = parse("dimension: [2, 9, 4]\nsamples: d - 1\nstep_size: 1\nseed: 1\n"
                           "batch_size: [1, n / 2, 2, \"n - 1\", full, n, 3*n/2]\n");
    static const char *const labels[] = {"1", "n/2", "2", "n-1", "full", "n", "3*n/2"};
    static const int samples[] = {1, 8, 3};
    static const int sizes[3][7] = {{1, 0, 0, 0, 1, 1, 1}, {1, 4, 2, 7, 8, 8, 0}, {1, 1, 2, 2, 3, 3, 0}};
    assert_int_equal(sgs_grid_axis_size(grid, SGS_AXIS_BATCH), 7);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sgs_grid_samples(grid, i), samples[i]);
        for (int j = 0; j < 7; j++) {
            assert_string_equal(sgs_grid_batch_label(grid, j), labels[j]);
            assert_int_equal(sgs_grid_batch_size(grid, i, j), sizes[i][j]);
        }
    }
    sgs_grid_destroy(grid);
}

static void defaults(void **state)
{
    (void)state;
    sgs_grid *grid = parse("dimension: 8\nbatch_size: 2\nstep_size: 0.5\nseed: 3\n");
    assert_int_equal(sgs_grid_axis_size(grid, SGS_AXIS_ACTIVATION), 2);
    assert_int_equal(sgs_grid_activation(grid, 0), SGS_LINEAR);
    assert_int_equal(sgs_grid_activation(grid, 1), SGS_RELU);
    assert_int_equal(sgs_grid_axis_size(grid, SGS_AXIS_SAMPLING), 1);
    assert_int_equal(sgs_grid_sampling(grid, 0), SGS_WITHOUT_REPLACEMENT);
    assert_int_equal(sgs_grid_samples(grid, 0), 8);
    assert_true(sgs_grid_tol(grid) == 1e-6);
    assert_false(sgs_grid_keeps_weights(grid));
    sgs_run run;
    sgs_stop stop;
    assert_true(sgs_grid_run(grid, 1, &run, &stop));
    assert_int_equal(run.activation, SGS_RELU);
    assert_int_equal(run.init, SGS_INIT_GAUSSIAN);
    assert_true(run.scale == 0.1 && run.eps == 0.25);
    assert_int_equal(run.init_seed, 3);
    assert_int_equal(run.seed, 3);
    assert_false(run.batches_common);
    assert_true(stop.tol == 1e-6);
    assert_int_equal(stop.max_steps, sgs_auto_max_steps(&run));
    sgs_grid_destroy(grid);
}

static void settings_reach_the_run(void **state)
{
    (void)state;
    sgs_grid *grid =
        parse("{\"dimension\": 6, \"samples\": \"d/2\", \"batch_size\": [\"n\"], \"step_size\": "
              "{\"scaled_by_batch\": [0.25]},\n\t\"seed\": 3, \"activation\": \"relu\", \"init\": "
              "{\"distribution\": \"sphere\", \"scale\": 2.5, \"seed\": 11}, \"batches\": \"common\", "
              "\"stop\": {\"max_steps\": 9007199254740992, \"tol\": 0}, \"record\": \"none\", \"weights\": "
              "\"final\", \"sampling\": [\"without_replacement\"]}");
    sgs_run run;
    sgs_stop stop;
    assert_int_equal(sgs_grid_runs(grid), 1);
    assert_true(sgs_grid_run(grid, 0, &run, &stop));
    assert_int_equal(run.activation, SGS_RELU);
    assert_int_equal(run.sampling, SGS_WITHOUT_REPLACEMENT);
    assert_int_equal(run.d, 6);
    assert_int_equal(run.n, 3);
    assert_int_equal(run.b, 3);
    assert_int_equal(run.init, SGS_INIT_SPHERE);
    assert_true(run.eps == 0.25 && run.scale == 2.5 && stop.tol == 0);
    assert_int_equal(run.init_seed, 11);
    assert_int_equal(run.seed, 3);
    assert_true(run.batches_common);
    assert_int_equal(stop.max_steps, 9007199254740992);
    assert_true(sgs_grid_keeps_weights(grid));
    sgs_grid_destroy(grid);
}

static void spellings_of_yaml(void **state)
{
    (void)state;
    static const char *const same[] = {
        "dimension: [4, 8]\nbatch_size: [4, 8]\nstep_size: 1\nseed: [1, 2]\n",
        "\xef\xbb\xbf\ndimension: [4, 8]\nbatch_size: [4, 8]\nstep_size: 1.0\nseed: {first: 1, count: 2}\n",
        "seed: [1, 2] # last first\r\nstep_size: 1e0\r\nbatch_size: ['4', \"8\"]\r\ndimension: [4, 8]\r\n",
        "%YAML 1.2\n---\ndimension: &a\n  - 4\n  - 8\nbatch_size: *a\nstep_size: &b 10.0e-1\nseed: [1, 2]\n...\n",
        "{dimension: [4, 8], batch_size: [4, 8], step_size: 1, seed: [1, 2], samples: \" d \"}",
        "? dimension\n: [&x 4, 8]\n? batch_size\n: [*x, 8]\n? step_size\n: 1\n? seed\n: [1, 2]",
    };
    sgs_grid *first = parse(same[0]);
    for (size_t i = 1; i < sizeof same / sizeof *same; i++) {
        sgs_grid *other = parse(same[i]);
        char text[200] = "";
        assert_string_equal(sgs_grid_canonical(first), sgs_grid_canonical(other));
        assert_true(sgs_key_equal(sgs_grid_digest(first), sgs_grid_digest(other)));
        assert_false(sgs_grid_difference(first, other, text, sizeof text));
        assert_string_equal(sgs_grid_source(other), same[i]);
        sgs_grid_destroy(other);
    }
    sgs_grid_destroy(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_sizes),
        cmocka_unit_test(log_ranges_follow_libm),
        cmocka_unit_test(dimensions_and_batches),
        cmocka_unit_test(seeds),
        cmocka_unit_test(expressions_fill_the_tables),
        cmocka_unit_test(defaults),
        cmocka_unit_test(settings_reach_the_run),
        cmocka_unit_test(spellings_of_yaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
