/* The cost model against the numbers of model.md section 5 and against what was measured there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sgdsweep/sched.h"
#include <math.h>
#include <string.h>

static sgs_run a_run(void)
{
    return (sgs_run){.activation = SGS_LINEAR,
                     .sampling = SGS_WITHOUT_REPLACEMENT,
                     .d = 64,
                     .n = 64,
                     .b = 1,
                     .eps = 0.1,
                     .init = SGS_INIT_GAUSSIAN,
                     .scale = 1};
}

static const sgs_stop unlimited = {.tol = 1e-6, .max_steps = SGS_STEPS_MAX};

static void assert_within(double got, double expected, double factor)
{
    if (!(got <= expected * factor && got >= expected / factor))
        fail_msg("%g is not within a factor of %g of %g", got, factor, expected);
}

/* Starts of norm 1 need no growth: k * steps = 12.6 + 2.1 ln m with k = b (n-b) / (n (n-1)) l(eps). */
static void follows_the_walk_clock(void **state)
{
    (void)state;
    for (int b = 1; b < 64; b++) {
        sgs_run run = a_run();
        run.b = b;
        double k = b * (64.0 - b) / (64.0 * 63.0) * -log(1 - 0.01);
        assert_within(k * sgs_predict_steps(&run, &unlimited), 12.6 + 2.1 * log(64), 1.001);
    }
}

static void has_the_symmetry_of_b_and_n_minus_b(void **state)
{
    sgs_run few = a_run();
    sgs_run many = a_run();
    sgs_speed speed = sgs_speed_default();
    (void)state;

    many.b = 63;
    assert_within(sgs_predict_seconds(&few, &unlimited, &speed), sgs_predict_seconds(&many, &unlimited, &speed), 1.001);
}

static void full_batch_is_short(void **state)
{
    sgs_run run = a_run();
    (void)state;

    run.b = 64;
    assert_within(sgs_predict_steps(&run, &unlimited), 14 / 0.1, 1.1);
    run.sampling = SGS_WITH_REPLACEMENT; /* goes sparse: (b/n) l(eps) */
    assert_within(sgs_predict_steps(&run, &unlimited), (12.6 + 2.1 * log(64)) / -log(0.99), 1.001);
    run = a_run();
    run.n = 1;
    assert_within(sgs_predict_steps(&run, &unlimited), 14 / 0.1, 1.1);
}

static void ordered_sampling_has_no_diffusion(void **state)
{
    sgs_run run = a_run();
    double k = 63.0 / (64.0 * 63.0) * -log(0.99);
    (void)state;

    run.sampling = SGS_CYCLIC;
    run.init = SGS_INIT_ONES;
    assert_within(k * sgs_predict_steps(&run, &unlimited), 2 * 64, 1.001);
    run.init = SGS_INIT_GAUSSIAN;
    assert_within(k * sgs_predict_steps(&run, &unlimited), fmax(12.6 + 2.1 * log(64), 8.5 + 0.7 * 64 / log(64)), 1.001);
}

static void limits_hold(void **state)
{
    sgs_run run = a_run();
    sgs_stop stop = {.tol = 1e-6, .max_steps = 1000};
    (void)state;

    assert_true(sgs_predict_steps(&run, &stop) == 1000);
    stop = (sgs_stop){.tol = 0, .max_steps = 123456};
    assert_true(sgs_predict_steps(&run, &stop) == 123456);
    stop.tol = 1e-6;
    run.eps = 0.6;
    assert_true(sgs_predict_steps(&run, &stop) == 123456);
    stop.max_steps = 0;
    assert_true(sgs_predict_steps(&run, &stop) == 0);
}

static void is_finite_and_positive_everywhere(void **state)
{
    static const double eps[] = {1e-300, 1e-9, 0.1, 0.25, 0.5, 0.7, 0.8, 1, 10, 1e6};
    static const double tol[] = {1e-12, 1e-6, 1e-2};
    static const int sizes[] = {1, 2, 3, 64, 1000000};
    sgs_speed speed = sgs_speed_default();
    (void)state;

    for (size_t i = 0; i < sizeof eps / sizeof eps[0]; i++)
        for (size_t j = 0; j < 3; j++)
            for (size_t k = 0; k < 5; k++)
                for (int sampling = 0; sampling < SGS_SAMPLINGS; sampling++)
                    for (int b = 1; b <= sizes[k]; b += 1 + sizes[k] / 3) {
                        sgs_run run = a_run();
                        sgs_stop stop = {.tol = tol[j], .max_steps = SGS_STEPS_MAX};
                        run.d = run.n = sizes[k];
                        run.b = b;
                        run.eps = eps[i];
                        run.sampling = (sgs_sampling)sampling;
                        run.activation = b % 2 ? SGS_RELU : SGS_LINEAR;
                        double seconds = sgs_predict_seconds(&run, &stop, &speed);
                        assert_true(isfinite(seconds) && seconds > 0);
                        assert_true(sgs_predict_steps(&run, &stop) >= 1);
                    }
}

static void forecasts_a_grid(void **state)
{
    static const char text[] = "dimension: [2, 16]\nbatch_size: [1, 4]\nstep_size: {scaled_by_batch: [0.1, 0.2]}\n"
                               "seed: {first: 1, count: 10}\nactivation: relu\n";
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    sgs_speed speed = sgs_speed_default();
    double sum = 0;
    (void)state;

    assert_int_equal(sgs_grid_parse(text, strlen(text), "test", &grid, &err), SGS_OK);
    sgs_forecast forecast = sgs_forecast_grid(grid, &speed);
    assert_int_equal(forecast.runs, 80);
    assert_int_equal(forecast.cells, 8);
    assert_int_equal(forecast.skipped, 20); /* b = 4 at n = 2 */
    for (int64_t i = 0; i < 80; i++) {
        sgs_run run;
        sgs_stop stop;
        if (sgs_grid_run(grid, i, &run, &stop))
            sum += sgs_predict_seconds(&run, &stop, &speed);
    }
    assert_within(forecast.seconds, sum, 1.000001);
    assert_true(forecast.longest_s > 0 && forecast.longest_s < forecast.seconds);
    sgs_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_walk_clock),
        cmocka_unit_test(has_the_symmetry_of_b_and_n_minus_b),
        cmocka_unit_test(full_batch_is_short),
        cmocka_unit_test(ordered_sampling_has_no_diffusion),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(is_finite_and_positive_everywhere),
        cmocka_unit_test(forecasts_a_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
