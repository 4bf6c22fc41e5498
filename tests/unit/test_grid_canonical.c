/** @file test_grid_canonical.c
 *  The canonical text: its exact form, and that parsing it gives the same text and the same grid, over random grids.
 * The random test prints its seed and takes one from SGDSWEEP_TEST_SEED. */
#include "sgdsweep/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../chance.h"

static sgs_grid *parse(const char *text)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    if (sgs_grid_parse(text, strlen(text), "g.yaml", &grid, &err)) {
        fail_msg("refused: %s\n%s", err.text, text);
    }
    return grid;
}

static void exact_form(void **state)
{
    (void)state;
    sgs_grid *grid = parse("weights: final\nseed: [4, 5, 6]\nstep_size: {scaled_by_batch: [0.05, 0.5]}\n"
                           "batch_size: [1, n / 4, full]\ndimension: [16, 64]\nactivation: relu\n"
                           "init: {distribution: sphere, seed: 9}\nstop: {max_steps: 77}\nbatches: common\n");
    static const char expected[] = "activation: [relu]\n"
                                   "sampling: [without_replacement]\n"
                                   "dimension: [16, 64]\n"
                                   "samples: d\n"
                                   "batch_size: [1, n/4, full]\n"
                                   "step_size: {scaled_by_batch: [0.050000000000000003, 0.5]}\n"
                                   "seed: {first: 4, count: 3}\n"
                                   "init: {distribution: sphere, scale: 0.10000000000000001, seed: 9}\n"
                                   "batches: common\n"
                                   "stop: {max_steps: 77, tol: 9.9999999999999995e-07}\n"
                                   "record: none\n"
                                   "weights: final\n";
    assert_string_equal(sgs_grid_canonical(grid), expected);
    assert_true(sgs_key_equal(sgs_grid_digest(grid), sgs_key_of(expected, strlen(expected))));
    sgs_grid_destroy(grid);
}

/** Rules in one spelling: `sparse` is what it stands for, first and confidence have defaults, the axis ends at the last
 *  look. */
static void exact_form_of_rules(void **state)
{
    (void)state;
    static const struct {
        const char *given, *line;
    } table[] = {
        {"{until: {looks: [64, 128], measure: sparse, half_width: 0.01}}",
         "\nseed: {first: 1, until: {measure: max_share, at_least: 0.98999999999999999, half_width: 0.01, confidence: "
         "0.94999999999999996, looks: [64, 128]}}\n"},
        {"{first: 7, until: {measure: max_share, at_least: 0.99, half_width: 0.25, confidence: 0.5, looks: 128}}",
         "\nseed: {first: 7, until: {measure: max_share, at_least: 0.98999999999999999, half_width: 0.25, confidence: "
         "0.5, looks: [128]}}\n"},
        {"{until: {measure: converged, half_width: 0.25, confidence: 0.5, looks: {linear: [28, 128], points: 3}}}",
         "\nseed: {first: 1, until: {measure: converged, half_width: 0.25, confidence: 0.5, looks: [28, 78, 128]}}\n"},
        {"{until: {measure: alignment_init, at_most: -0, half_width: 0.25, confidence: 0.5, looks: [5, 128]}}",
         "\nseed: {first: 1, until: {measure: alignment_init, at_most: 0, half_width: 0.25, confidence: 0.5, looks: "
         "[5, 128]}}\n"},
        {"{until: {measure: hessian_trace_limit, half_width: 30, confidence: 0.5, looks: [5, 128]}}",
         "\nseed: {first: 1, until: {measure: hessian_trace_limit, half_width: 30, confidence: 0.5, looks: [5, "
         "128]}}\n"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[400];
        snprintf(text, sizeof text, "dimension: 8\nbatch_size: 1\nstep_size: 0.1\nseed: %s\n", table[i].given);
        sgs_grid *grid = parse(text);
        if (!strstr(sgs_grid_canonical(grid), table[i].line)) {
            fail_msg("%s", sgs_grid_canonical(grid));
        }
        sgs_grid *again = parse(sgs_grid_canonical(grid));
        assert_string_equal(sgs_grid_canonical(again), sgs_grid_canonical(grid));
        assert_memory_equal(sgs_grid_until(again), sgs_grid_until(grid), sizeof(sgs_until));
        assert_int_equal(sgs_grid_axis_size(grid, SGS_AXIS_SEED), 128);
        assert_int_equal(sgs_grid_cells(grid), 2);
        sgs_grid_destroy(again);
        sgs_grid_destroy(grid);
    }
}

/** JSON is YAML with all words in quotes. */
static void json_is_the_same_grid(void **state)
{
    (void)state;
    sgs_grid *yaml = parse("activation: [linear, relu]\nsampling: [without_replacement, cyclic]\ndimension: [4, 8]\n"
                           "samples: d/2\nbatch_size: [1, n/2, n-1, full]\nstep_size: {scaled_by_batch: [0.1, 0.2]}\n"
                           "seed: {first: 1, count: 3}\ninit: {distribution: sphere, scale: 0.1, seed: own}\n"
                           "batches: own\nstop: {max_steps: auto, tol: 1e-6}\nrecord: {until: 16, measures: [norm]}\n"
                           "weights: final\n");
    sgs_grid *json =
        parse("{\"activation\": [\"linear\", \"relu\"], \"sampling\": [\"without_replacement\", \"cyclic\"],"
              "\"dimension\": [4, 8], \"samples\": \"d/2\", \"batch_size\": [1, \"n/2\", \"n-1\", \"full\"],"
              "\"step_size\": {\"scaled_by_batch\": [0.1, 0.2]}, \"seed\": {\"first\": 1, \"count\": 3},"
              "\"init\": {\"distribution\": \"sphere\", \"scale\": 0.1, \"seed\": \"own\"},"
              "\"batches\": \"own\", \"stop\": {\"max_steps\": \"auto\", \"tol\": 1e-6},"
              "\"record\": {\"until\": 16, \"measures\": [\"norm\"]}, \"weights\": \"final\"}");
    assert_string_equal(sgs_grid_canonical(json), sgs_grid_canonical(yaml));
    sgs_grid_destroy(json);
    sgs_grid_destroy(yaml);
}

static const char *pick(const char *const *words, int count)
{
    return words[(int)chance(count)];
}

static double random_step(void)
{
    double mantissa = uniform(1, 2);
    for (int i = (int)chance(60); i > 0; i--) {
        mantissa /= 8;
    }
    return mantissa;
}

static void write_steps(FILE *out)
{
    bool scaled = (int)chance(2);
    fputs(scaled ? "step_size: {scaled_by_batch: " : "step_size: ", out);
    if ((int)chance(3) == 0) {
        double low = random_step();
        fprintf(out, "{%s: [%.17g, %.17g], points: %d}", (int)chance(2) ? "log" : "linear", low,
                low * (2 + (int)chance(100)), 2 + (int)chance(20));
    } else {
        int count = 1 + (int)chance(5);
        for (int i = 0; i < count; i++) {
            fprintf(out, "%s%.17g", i ? ", " : "[", random_step());
        }
        fputs("]", out);
    }
    fputs(scaled ? "}\n" : "\n", out);
}

static void write_seeds(FILE *out)
{
    if ((int)chance(2)) {
        fprintf(out, "seed: {first: %d, count: %d}\n", (int)chance(1000), 1 + (int)chance(1000));
        return;
    }
    int count = 1 + (int)chance(6);
    int64_t seed = (int)chance(5);
    fprintf(out, "seed: [%lld", (long long)seed);
    for (int i = 1; i < count; i++) {
        seed += 1 + (int)chance(3);
        fprintf(out, ", %lld", (long long)seed);
    }
    fputs("]\n", out);
}

/** A random valid grid file. Free it. */
static char *random_text(void)
{
    static const char *const activations[] = {"linear", "relu", "[linear, relu]", "[relu, linear]", "[relu]"};
    static const char *const dimensions[] = {"7", "[16, 64, 256]", "{linear: [10, 90], points: 9}",
                                             "{log: [8, 2048], points: 5}", "[100, 8]"};
    static const char *const samples[] = {"d", "d/2", "d - 3", "(2*d+1)/3", "5", "'d/1'"};
    static const char *const batches[] = {"1",
                                          "[1, 2, n/4, n/2, n-1, n]",
                                          "full",
                                          "[n, full, 2 * n / 3, n-n/2]",
                                          "{linear: [1, 5], points: 5}",
                                          "[\"(n - 1) / 2\", '3', 4]"};
    static const char *const inits[] = {
        "{}",          "{scale: 1e-3}", "{distribution: sphere, seed: 12}", "{distribution: ones, scale: 0.3}",
        "{seed: own}", "{scale: 1e-50}"};
    static const char *const stops[] = {"{}", "{tol: 0}", "{max_steps: 123}", "{max_steps: auto, tol: 0.01}",
                                        "{tol: 3.3e-9, max_steps: 9007199254740992}"};
    static const char *const samplings[] = {"shuffle", "[cyclic, with_replacement]", "[without_replacement, shuffle]",
                                            "[with_replacement, shuffle, cyclic, without_replacement]"};
    static const char *const records[] = {"none",
                                          "ladder",
                                          "{until: 1000}",
                                          "{until: auto, measures: norm}",
                                          "{steps: [0, 9007199254740992], measures: [active, max_share, loss]}",
                                          "{steps: {log: [1, 1000000], points: 20}}"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fprintf(out, "dimension: %s\nbatch_size: %s\n", pick(dimensions, 5), pick(batches, 6));
    write_steps(out);
    write_seeds(out);
    if ((int)chance(2)) {
        fprintf(out, "activation: %s\nsamples: %s\n", pick(activations, 5), pick(samples, 6));
    }
    if ((int)chance(2)) {
        fprintf(out, "init: %s\nstop: %s\n", pick(inits, 6), pick(stops, 5));
    }
    if ((int)chance(2)) {
        fprintf(out, "batches: %s\nweights: %s\n", (int)chance(2) ? "own" : "common",
                (int)chance(2) ? "none" : "final");
        fprintf(out, "record: %s\n", pick(records, 6));
    }
    if ((int)chance(2)) {
        fprintf(out, "sampling: %s\n", pick(samplings, 4));
    }
    fclose(out);
    return text;
}

static void check_same(const sgs_grid *a, const sgs_grid *b)
{
    assert_int_equal(sgs_grid_runs(a), sgs_grid_runs(b));
    for (int axis = 0; axis < SGS_AXES; axis++) {
        assert_int_equal(sgs_grid_axis_size(a, (sgs_axis)axis), sgs_grid_axis_size(b, (sgs_axis)axis));
    }
    assert_int_equal(sgs_grid_record_count(a), sgs_grid_record_count(b));
    for (int64_t i = 0; i < sgs_grid_record_count(a); i++) {
        assert_int_equal(sgs_grid_record_steps(a)[i], sgs_grid_record_steps(b)[i]);
    }
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        assert_int_equal(sgs_grid_records(a, (sgs_measure)measure), sgs_grid_records(b, (sgs_measure)measure));
    }
    assert_int_equal(sgs_grid_weights(a), sgs_grid_weights(b));
    for (int i = 0; i < 20; i++) {
        int64_t index = chance(sgs_grid_runs(a));
        sgs_run x;
        sgs_run y;
        sgs_stop s;
        sgs_stop t;
        bool fits = sgs_grid_run(a, index, &x, &s);
        assert_int_equal(fits, sgs_grid_run(b, index, &y, &t));
        if (fits) {
            assert_true(sgs_key_equal(sgs_run_key(&x), sgs_run_key(&y)));
            assert_int_equal(s.max_steps, t.max_steps);
            assert_memory_equal(&s.tol, &t.tol, sizeof s.tol);
        }
    }
}

static void random_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char *text = random_text();
        sgs_grid *grid = parse(text);
        sgs_grid *again = parse(sgs_grid_canonical(grid));
        char difference[256] = "";
        assert_string_equal(sgs_grid_canonical(again), sgs_grid_canonical(grid));
        assert_true(sgs_key_equal(sgs_grid_digest(again), sgs_grid_digest(grid)));
        assert_false(sgs_grid_difference(grid, again, difference, sizeof difference));
        check_same(grid, again);
        sgs_grid_destroy(again);
        sgs_grid_destroy(grid);
        free(text);
    }
}

static void differences_are_named(void **state)
{
    (void)state;
    static const char *const base = "dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\n";
    static const struct {
        const char *text, *difference;
    } table[] = {
        {"dimension: [16, 65]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\n",
         "dimension: value 2 is 64 here, 65 there"},
        {"dimension: [16, 64, 65]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\n",
         "dimension: value 3 is nothing more here, 65 there"},
        {"dimension: 16\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\n",
         "dimension: value 2 is 64 here, nothing more there"},
        {"dimension: [32, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\n",
         "dimension: 16 here, 32 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/4]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\n",
         "batch_size: value 2 is n/2 here, n/4 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.2, 0.3]\nseed: [1, 2]\n",
         "step_size: 0.1 here, 0.2 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.10000000000000002, 0.3]\nseed: [1, 2]\n",
         "step_size: 0.1 here, 0.10000000000000002 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: {scaled_by_batch: [0.1, 0.3]}\nseed: [1, 2]\n",
         "step_size: not scaled here, scaled by batch there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: {first: 1, count: 3}\n",
         "seed: count: 2 here, count: 3 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: {until: {measure: sparse, "
         "half_width: "
         "0.1, looks: [8, 16]}}\n",
         "seed: count: 2 here, until: {measure: max_share there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 3]\n",
         "seed: first: 1 here, 1 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\nactivation: linear\n",
         "activation: value 2 is relu here, nothing more there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\nsamples: d/2\n",
         "samples: d here, d/2 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\ninit: {scale: 0.2}\n",
         "init: scale: 0.1 here, scale: 0.2 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\nstop: {tol: 1e-5}\n",
         "stop: tol: 1e-06 here, tol: 1e-05 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\nstop: {max_steps: 9}\n",
         "stop: max_steps: auto here, max_steps: 9 there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\nweights: final\n",
         "weights: none here, final there"},
        {"dimension: [16, 64]\nbatch_size: [1, n/2]\nstep_size: [0.1, 0.3]\nseed: [1, 2]\nbatches: common\n",
         "batches: own here, common there"},
    };
    sgs_grid *here = parse(base);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        sgs_grid *there = parse(table[i].text);
        char text[256] = "";
        assert_true(sgs_grid_difference(here, there, text, sizeof text));
        assert_string_equal(text, table[i].difference);
        sgs_grid_destroy(there);
    }
    char text[256] = "untouched";
    assert_false(sgs_grid_difference(here, here, text, sizeof text));
    sgs_grid_destroy(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_form),
        cmocka_unit_test(exact_form_of_rules),
        cmocka_unit_test(json_is_the_same_grid),
        cmocka_unit_test_setup_teardown(random_round_trips, chance_begin, chance_end),
        cmocka_unit_test(differences_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
