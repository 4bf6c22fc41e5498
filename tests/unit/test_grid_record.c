/** @file test_grid_record.c
 *  What a grid file's record asks for: steps, measures, weights; its canonical text and differences. */
#include "sgdsweep/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                                           \
    "activation: relu\ndimension: 8\nbatch_size: [1, n]\nstep_size: {scaled_by_batch: [0.1, 0.2]}\nseed: [1, 2]\n"

static sgs_grid *parse(const char *tail)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    char text[1024];
    snprintf(text, sizeof text, HEAD "%s", tail);
    if (sgs_grid_parse(text, strlen(text), "g.yaml", &grid, &err)) {
        fail_msg("refused: %s\n%s", err.text, text);
    }
    return grid;
}

static void check_steps(const sgs_grid *grid, const int64_t *steps, int64_t count)
{
    assert_int_equal(sgs_grid_record_count(grid), count);
    for (int64_t i = 0; i < count; i++) {
        assert_int_equal(sgs_grid_record_steps(grid)[i], steps[i]);
    }
}

static int recorded(const sgs_grid *grid)
{
    int count = 0;
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        count += sgs_grid_records(grid, (sgs_measure)measure);
    }
    return count;
}

static void no_record(void **state)
{
    (void)state;
    static const char *const tails[] = {"", "record: none\n", "weights: final\n"};
    for (int i = 0; i < 3; i++) {
        sgs_grid *grid = parse(tails[i]);
        assert_int_equal(sgs_grid_record_count(grid), 0);
        assert_null(sgs_grid_record_steps(grid));
        assert_int_equal(recorded(grid), 0);
        assert_int_equal(sgs_grid_weights(grid), i == 2 ? SGS_WEIGHTS_FINAL : SGS_WEIGHTS_NONE);
        assert_non_null(strstr(sgs_grid_canonical(grid), "\nrecord: none\n"));
        sgs_grid_destroy(grid);
    }
}

static void ladders(void **state)
{
    (void)state;
    static const int64_t rungs[] = {0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32};
    static const struct {
        int until, count;
    } table[] = {{0, 1}, {1, 2},  {2, 3},  {3, 4},   {4, 5},   {5, 5},
                 {6, 6}, {11, 7}, {12, 8}, {31, 10}, {32, 11}, {47, 11}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char tail[64];
        snprintf(tail, sizeof tail, "record: {until: %d}\n", table[i].until);
        sgs_grid *grid = parse(tail);
        check_steps(grid, rungs, table[i].count);
        sgs_grid_destroy(grid);
    }
    sgs_grid *grid = parse("record: {until: 9007199254740992}\n");
    int64_t count = sgs_grid_record_count(grid);
    assert_int_equal(count, 1 + 54 + 52); /* 0; 2^0 .. 2^53; 3 2^0 .. 3 2^51 */
    assert_int_equal(sgs_grid_record_steps(grid)[count - 1], 9007199254740992);
    assert_int_equal(sgs_grid_record_steps(grid)[count - 2], 6755399441055744);
    sgs_grid_destroy(grid);
}

/** Without an end the ladder goes up to the largest step limit of all runs, whichever axis that stands on. */
static void ladder_to_the_longest_run(void **state)
{
    (void)state;
    static const char *const tails[] = {"record: ladder\n", "record: {until: auto}\n"};
    for (int i = 0; i < 2; i++) {
        sgs_grid *grid = parse(tails[i]);
        int64_t longest = 0;
        for (int64_t index = 0; index < sgs_grid_runs(grid); index++) {
            sgs_run run;
            sgs_stop stop;
            if (sgs_grid_run(grid, index, &run, &stop) && stop.max_steps > longest) {
                longest = stop.max_steps;
            }
        }
        int64_t last = sgs_grid_record_steps(grid)[sgs_grid_record_count(grid) - 1];
        assert_true(last <= longest && 3 * last > 2 * longest - 3); /* the next rung is beyond */
        assert_int_equal(recorded(grid), 12);
        sgs_grid_destroy(grid);
    }
    sgs_grid *grid = parse("record: ladder\nstop: {max_steps: 7}\n");
    static const int64_t steps[] = {0, 1, 2, 3, 4, 6};
    check_steps(grid, steps, 6);
    sgs_grid_destroy(grid);
}

static void steps_and_measures(void **state)
{
    (void)state;
    sgs_grid *grid =
        parse("weights: record\nrecord: {measures: [selected, loss], steps: [0, 1, 10, 9007199254740992]}\n");
    static const int64_t steps[] = {0, 1, 10, 9007199254740992};
    check_steps(grid, steps, 4);
    assert_int_equal(recorded(grid), 2);
    assert_true(sgs_grid_records(grid, SGS_LOSS));
    assert_true(sgs_grid_records(grid, SGS_SELECTED));
    assert_int_equal(sgs_grid_weights(grid), SGS_WEIGHTS_RECORD);
    assert_true(sgs_grid_keeps_weights(grid));
    assert_non_null(strstr(sgs_grid_canonical(grid), "\nrecord: {steps: [0, 1, 10, 9007199254740992], measures: "
                                                     "[loss, selected]}\nweights: record\n"));
    sgs_grid_destroy(grid);
    grid = parse("weights: record\nrecord: {steps: {linear: [0, 20], points: 3}, measures: none}\n");
    static const int64_t even[] = {0, 10, 20};
    check_steps(grid, even, 3);
    assert_int_equal(recorded(grid), 0);
    assert_non_null(strstr(sgs_grid_canonical(grid), "\nrecord: {steps: [0, 10, 20], measures: none}\n"));
    sgs_grid_destroy(grid);
}

/** The same record in other words is the same grid. */
static void one_spelling(void **state)
{
    (void)state;
    sgs_grid *a = parse("record: {until: 6}\n");
    sgs_grid *b = parse("record: {steps: [0, 1, 2, 3, 4, 6]}\n");
    assert_true(sgs_key_equal(sgs_grid_digest(a), sgs_grid_digest(b)));
    sgs_grid_destroy(a);
    sgs_grid_destroy(b);
}

static void differences(void **state)
{
    (void)state;
    static const struct {
        const char *here, *there, *text;
    } table[] = {
        {"", "record: {until: 5}\n", "record: none here, some there"},
        {"record: {until: 5}\n", "", "record: some here, none there"},
        {"record: {steps: [0, 5, 9]}\n", "record: {steps: [0, 6, 9]}\n", "record: step 5 here, 6 there"},
        {"record: {steps: [0, 5, 9]}\n", "record: {steps: [0, 5]}\n", "record: 3 steps here, 2 there"},
        {"record: {steps: 1, measures: [loss, norm]}\n", "record: {steps: 1, measures: loss}\n",
         "record: norm here, not there"},
        {"record: {steps: 1, measures: loss}\n", "record: {steps: 1}\n", "record: excess_loss there, not here"},
        {"record: {steps: 1}\n", "record: {steps: 1}\nweights: record\n", "weights: none here, record there"},
        {"", "walk: {bins: 8}\n", "walk: none here, some there"},
        {"walk: {bins: 8}\n", "walk: none\n", "walk: some here, none there"},
        {"walk: {bins: 8}\n", "walk: {bins: 9}\n", "walk: bins: 8 here, bins: 9 there"},
        {"walk: {bins: 8}\n", "walk: {bins: 8, range: 2}\n", "walk: range: 8 here, range: 2 there"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        sgs_grid *here = parse(table[i].here);
        sgs_grid *there = parse(table[i].there);
        char text[256] = "";
        assert_true(sgs_grid_difference(here, there, text, sizeof text));
        assert_string_equal(text, table[i].text);
        sgs_grid_destroy(there);
        sgs_grid_destroy(here);
    }
}

/** Grids without a walk keep the canonical text that they had before there were walks. */
static void walks(void **state)
{
    (void)state;
    sgs_grid *grid = parse("record: {until: 3}\nwalk: none\n"), *plain = parse("record: {until: 3}\n");
    const int64_t recorded_values = sgs_grid_gathered_values(plain);
    assert_int_equal(sgs_grid_walk_bins(grid), 0);
    assert_int_equal(recorded_values, 4 * recorded(plain)); /* 0, 1, 2, 3 */
    assert_string_equal(sgs_grid_canonical(grid), sgs_grid_canonical(plain));
    assert_null(strstr(sgs_grid_canonical(plain), "walk"));
    sgs_grid_destroy(grid);
    grid = parse("walk: {range: 2.5, bins: 10}\nrecord: {until: 3}\n");
    assert_int_equal(sgs_grid_walk_bins(grid), 10);
    assert_true(sgs_grid_walk_range(grid) == 2.5);
    assert_int_equal(sgs_grid_gathered_values(grid), recorded_values + SGS_WALK_SUMS * 10);
    const char *text = strstr(sgs_grid_canonical(grid), "\nwalk: ");
    assert_non_null(text);
    assert_string_equal(text, "\nwalk: {bins: 10, range: 2.5}\n");
    sgs_grid *again = NULL;
    assert_int_equal(sgs_grid_parse(sgs_grid_canonical(grid), strlen(sgs_grid_canonical(grid)), "c", &again, NULL), 0);
    assert_string_equal(sgs_grid_canonical(again), sgs_grid_canonical(grid));
    for (int64_t i = 0; i < sgs_grid_runs(plain); i++) {
        sgs_run a, b;
        sgs_stop stop;
        assert_true(sgs_grid_run(plain, i, &a, &stop) && sgs_grid_run(grid, i, &b, &stop));
        assert_true(sgs_key_equal(sgs_run_key(&a), sgs_run_key(&b)));
    }
    sgs_grid_destroy(again);
    sgs_grid_destroy(grid);
    sgs_grid_destroy(plain);
}

/** A run is the same run whatever is recorded of it. */
static void run_keys_do_not_see_the_record(void **state)
{
    (void)state;
    sgs_grid *plain = parse("");
    sgs_grid *grid = parse("record: {until: 100}\nweights: record\n");
    for (int64_t i = 0; i < sgs_grid_runs(plain); i++) {
        sgs_run a;
        sgs_run b;
        sgs_stop stop;
        assert_true(sgs_grid_run(plain, i, &a, &stop));
        assert_true(sgs_grid_run(grid, i, &b, &stop));
        assert_true(sgs_key_equal(sgs_run_key(&a), sgs_run_key(&b)));
    }
    sgs_grid_destroy(grid);
    sgs_grid_destroy(plain);
}

static void sampling_axis(void **state)
{
    (void)state;
    sgs_grid *grid = parse("sampling: [cyclic, with_replacement, shuffle, without_replacement]\n");
    static const sgs_sampling samplings[] = {SGS_CYCLIC, SGS_WITH_REPLACEMENT, SGS_SHUFFLE, SGS_WITHOUT_REPLACEMENT};
    assert_int_equal(sgs_grid_axis_size(grid, SGS_AXIS_SAMPLING), 4);
    for (int i = 0; i < 4; i++) {
        sgs_run run;
        sgs_stop stop;
        sgs_coordinates at = {.at = {[SGS_AXIS_SAMPLING] = i}};
        assert_int_equal(sgs_grid_sampling(grid, i), samplings[i]);
        assert_true(sgs_grid_run(grid, sgs_grid_index(grid, &at), &run, &stop));
        assert_int_equal(run.sampling, samplings[i]);
    }
    sgs_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_record),
        cmocka_unit_test(ladders),
        cmocka_unit_test(ladder_to_the_longest_run),
        cmocka_unit_test(steps_and_measures),
        cmocka_unit_test(one_spelling),
        cmocka_unit_test(walks),
        cmocka_unit_test(differences),
        cmocka_unit_test(run_keys_do_not_see_the_record),
        cmocka_unit_test(sampling_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
