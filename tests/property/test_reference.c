/** @file test_reference.c
 *  The reference trainer against the recursion of the coordinates (model.md section 2) in long double, written here;
 * its bookkeeping against a loop over its own steps; its ends against what the model says. */
#include "recursion.h"
#include "train/reference.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../chance.h"

enum { N_MAX = 24 };

static int uniform_int(int low, int high)
{
    return low + (int)gsl_rng_uniform_int(rng, (unsigned long)(high - low + 1));
}

static sgs_run draw_run(double eps_max)
{
    sgs_run run = {.scale = pow(10.0, -3.0 * gsl_rng_uniform(rng)),
                   .eps = eps_max * (0.01 + 0.99 * gsl_rng_uniform(rng))};
    run.n = uniform_int(1, N_MAX);
    run.d = run.n + (uniform_int(0, 1) ? 0 : uniform_int(1, 30));
    run.b = uniform_int(0, 3) ? uniform_int(1, run.n) : run.n;
    run.activation = (sgs_activation)uniform_int(0, SGS_ACTIVATIONS - 1);
    run.sampling = (sgs_sampling)uniform_int(0, SGS_SAMPLINGS - 1);
    run.init = (sgs_init)uniform_int(0, SGS_INITS - 1);
    run.init_seed = uniform_int(0, 1000000);
    run.seed = uniform_int(0, 1000000);
    return run;
}

static sgs_reference *create(const sgs_run *run)
{
    sgs_reference *reference = NULL;
    sgs_error err = {""};
    if (sgs_reference_create(run, gsl_rng_get(rng), &reference, &err) != SGS_OK)
        fail_msg("%s", err.text);
    return reference;
}

static double distance(const coordinates *at, sgs_point other)
{
    double largest = (double)fabsl(at->outside - other.outside);
    for (int i = 0; i < at->n; i++)
        largest = fmax(largest, (double)fabsl(at->a[i] - other.a[i]));
    return largest;
}

static void random_start(const sgs_run *run, double size, coordinates *at, double *a, double *outside)
{
    for (int i = 0; i < run->n; i++)
        a[i] = size * gsl_ran_gaussian(rng, 1.0 / sqrt(run->n));
    *outside = run->d > run->n ? size * gsl_ran_gaussian(rng, 1.0) : 0.0;
    *at = coordinates_of(run, (sgs_point){a, *outside});
}

/* ---- one step, and many ------------------------------------------------------------------------------------------ */

static void start_and_place_are_read_back(void **state)
{
    (void)state;
    for (int c = 0; c < 100; c++) {
        const sgs_run run = draw_run(0.5);
        sgs_reference *reference = create(&run);
        double a[N_MAX], outside = 0.0;
        sgs_start(&run, a, &outside);
        coordinates at = coordinates_of(&run, (sgs_point){a, outside});
        assert_true(distance(&at, sgs_reference_point(reference)) <= 1e-14 * run.scale * sqrt(run.d));
        assert_true(fabs(sgs_reference_norm2(reference) - (double)norm2(&at)) <= 1e-13 * (double)norm2(&at));
        assert_int_equal(sgs_reference_steps(reference), 0);
        random_start(&run, 2.0, &at, a, &outside);
        sgs_reference_place(reference, (sgs_point){a, outside}, 77);
        assert_true(distance(&at, sgs_reference_point(reference)) <= 1e-13);
        assert_int_equal(sgs_reference_steps(reference), 77);
        sgs_reference_destroy(reference);
    }
}

/* From anywhere, with step sizes that flip signs and blow up. */
static void one_step_is_the_recursion(void **state)
{
    (void)state;
    for (int c = 0; c < 400; c++) {
        const sgs_run run = draw_run(3.0);
        const int64_t t = uniform_int(0, 1000000);
        sgs_reference *reference = create(&run);
        double a[N_MAX], outside = 0.0;
        coordinates at;
        random_start(&run, 3.0 * gsl_rng_uniform(rng), &at, a, &outside);
        const double size = 1.0 + (double)norm2(&at);
        sgs_reference_place(reference, (sgs_point){a, outside}, t);
        sgs_reference_step(reference);
        recursion_step(&run, t, &at, NULL);
        assert_int_equal(sgs_reference_steps(reference), t + 1);
        assert_true(distance(&at, sgs_reference_point(reference)) <= 1e-13 * run.b * size * size);
        sgs_reference_destroy(reference);
    }
}

static void trajectories_are_the_recursion(void **state)
{
    (void)state;
    for (int c = 0; c < 60; c++) {
        sgs_run run = draw_run(0.4);
        if (run.sampling == SGS_WITH_REPLACEMENT) /* its stable range is smaller */
            run.eps /= 2.0;
        sgs_reference *reference = create(&run);
        coordinates at = coordinates_of(&run, sgs_reference_point(reference));
        double error[N_MAX] = {0.0};
        for (int64_t t = 0; t < 3000; t++) {
            sgs_reference_step(reference);
            recursion_step(&run, t, &at, error);
            const double off = distance(&at, sgs_reference_point(reference));
            if (!(off <= recursion_tolerance(run.n, error)))
                fail_msg("off by %g after %lld steps: n %d, d %d, b %d, eps %g, sampling %d, activation %d, scale %g",
                         off, (long long)t + 1, run.n, run.d, run.b, run.eps, run.sampling, run.activation, run.scale);
        }
        sgs_reference_destroy(reference);
    }
}

/* ---- whole runs -------------------------------------------------------------------------------------------------- */

static sgs_result train(const sgs_job *job, uint64_t data_seed)
{
    sgs_result result;
    sgs_error err = {""};
    memset(&result, 0xa5, sizeof result);
    if (sgs_reference_train(job, data_seed, &result, &err) != SGS_OK)
        fail_msg("%s", err.text);
    return result;
}

static double real(const sgs_result *r, sgs_measure m)
{
    return r->value[m].real;
}

static long long integer(const sgs_result *r, sgs_measure m)
{
    return (long long)r->value[m].integer;
}

/* Any orthonormal data give the same run. */
static void data_do_not_matter(void **state)
{
    (void)state;
    for (int c = 0; c < 20; c++) {
        const sgs_job job = {.run = draw_run(0.3), .stop = {.tol = 1e-6, .max_steps = 2000}};
        const sgs_result one = train(&job, 1), other = train(&job, 2);
        assert_int_equal(one.status, other.status);
        assert_int_equal(integer(&one, SGS_STEPS), integer(&other, SGS_STEPS));
        assert_int_equal(integer(&one, SGS_STEPS_NORM), integer(&other, SGS_STEPS_NORM));
        assert_int_equal(integer(&one, SGS_STEPS_SPARSE), integer(&other, SGS_STEPS_SPARSE));
        const sgs_measure reals[] = {SGS_LOSS, SGS_NORM, SGS_MAX_SHARE, SGS_ALIGNMENT_INIT, SGS_HESSIAN_MAX};
        for (size_t k = 0; k < sizeof reals / sizeof *reals; k++)
            assert_true(fabs(real(&one, reals[k]) - real(&other, reals[k])) <= 1e-8);
    }
}

/* ||w|| after one step of the full gradient, which is where the other end of an oscillation is. */
static double norm_further(const sgs_run *run, const coordinates *at, double S, double N)
{
    const double outside = (double)at->outside * (1.0 - run->eps * S);
    double square = outside * outside;
    for (int i = 0; i < run->n; i++) {
        const double a = (double)at->a[i], pull = run->activation == SGS_LINEAR || a > 0.0 ? N - 2.0 : 0.0;
        square += pow(a - run->eps * (pull * a + S * a), 2.0);
    }
    return sqrt(square);
}

/* What a run says of its history, from a loop over its steps: the sums by the long double recursion. */
static void check_history(const sgs_job *job, const sgs_result *result)
{
    const sgs_run *run = &job->run;
    const int64_t end = integer(result, SGS_STEPS), stride = sgs_check_stride(run);
    sgs_reference *reference = create(run);
    coordinates at = coordinates_of(run, sgs_reference_point(reference));
    int64_t next = 0, norm = -1, sparse = -1;
    double low = INFINITY, high = 0.0;
    for (int64_t t = 0; t <= end; t++) {
        const double N = (double)norm2(&at);
        double S = 0.0, share = 0.0;
        for (int i = 0; i < run->n; i++) {
            S += run->activation == SGS_LINEAR || at.a[i] > 0.0L ? (double)(at.a[i] * at.a[i]) : 0.0;
            share = fmax(share, (double)(at.a[i] * at.a[i]) / N);
        }
        if (t == next) {
            norm = norm < 0 && S >= 0.8 ? t : norm;
            sparse = sparse < 0 && share >= 0.99 ? t : sparse;
        }
        if ((t == next && 10 * t >= 9 * end) || t == end) {
            const double further = norm_further(run, &at, S, N);
            low = fmin(low, fmin(sqrt(N), further));
            high = fmax(high, fmax(sqrt(N), further));
        }
        next = t == next ? sgs_check_next(t, stride) : next;
        recursion_step(run, t, &at, NULL);
    }
    assert_int_equal(integer(result, SGS_STEPS_NORM), norm);
    assert_int_equal(integer(result, SGS_STEPS_SPARSE), sparse);
    assert_true(fabs(real(result, SGS_NORM_MIN) - low) <= 1e-9 && fabs(real(result, SGS_NORM_MAX) - high) <= 1e-9);
    sgs_reference_destroy(reference);
}

static void history_is_kept(void **state)
{
    (void)state;
    for (int c = 0; c < 40; c++) {
        sgs_job job = {.run = draw_run(0.4), .stop = {.tol = 1e-3, .max_steps = uniform_int(0, 1500)}};
        if (job.run.sampling == SGS_WITH_REPLACEMENT)
            job.run.eps /= 2.0;
        if (c % 2) { /* slow enough for the checks to tell S = 0.8 from 0.82 */
            job.run.eps = 0.002;
            job.run.scale = 0.5;
            job.stop.max_steps = 3000;
        }
        const sgs_result result = train(&job, 3);
        check_history(&job, &result);
    }
}

static void full_batch_ends_at_its_start_direction(void **state)
{
    (void)state;
    for (int activation = 0; activation < SGS_ACTIVATIONS; activation++) {
        sgs_job job = {.run = {.d = 40, .n = 16, .b = 16, .eps = 0.2, .scale = 0.1, .init_seed = 5},
                       .stop = {.tol = 1e-6, .max_steps = 100000}};
        job.run.activation = (sgs_activation)activation;
        const sgs_result r = train(&job, 4);
        assert_int_equal(r.status, SGS_RUN_CONVERGED);
        assert_true(real(&r, SGS_ALIGNMENT_INIT_ACTIVE) >= 1.0 - 1e-12);
        assert_true(real(&r, SGS_EXCESS_LOSS) <= 1e-11);
        assert_true(fabs(real(&r, SGS_PARTICIPATION_RATIO) - real(&r, SGS_PARTICIPATION_RATIO_INIT)) <= 1e-9);
        assert_true(fabs(real(&r, SGS_HESSIAN_TRACE_LIMIT) - (44.0 - (double)integer(&r, SGS_ACTIVE_INIT)) / 16.0) <=
                    1e-12);
        assert_int_equal(integer(&r, SGS_STEPS) % 8, 0);
    }
}

static void smaller_batches_end_at_one_point(void **state)
{
    (void)state;
    const int32_t sizes[] = {1, 4, 8, 15};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const sgs_job job = {.run = {.activation = SGS_RELU, .d = 16, .n = 16, .b = sizes[k], .eps = 0.3, .scale = 0.1},
                             .stop = {.tol = 1e-6, .max_steps = 1000000}};
        const sgs_result r = train(&job, 5);
        assert_int_equal(r.status, SGS_RUN_CONVERGED);
        assert_true(real(&r, SGS_MAX_SHARE) >= 1.0 - 1e-11);
        assert_true(integer(&r, SGS_SELECTED) > 0 && integer(&r, SGS_SUPPORT) == 1);
        assert_true(integer(&r, SGS_STEPS_SPARSE) > 0);
        assert_true(fabs(real(&r, SGS_HESSIAN_TRACE_LIMIT) - 19.0 / 16.0) <= 1e-12);
    }
}

static void cyclic_keeps_gcd_points(void **state)
{
    (void)state;
    const sgs_job job = {
        .run = {.sampling = SGS_CYCLIC, .d = 12, .n = 12, .b = 9, .eps = 0.3, .scale = 0.1, .init_seed = 11},
        .stop = {.tol = 1e-6, .max_steps = 200000}};
    const sgs_result r = train(&job, 6);
    assert_int_equal(r.status, SGS_RUN_CONVERGED);
    assert_int_equal(integer(&r, SGS_SUPPORT), 3);
}

/* A start outside of the basin: the active coordinates shrink for ever. */
static void far_starts_are_dead(void **state)
{
    (void)state;
    const sgs_job job = {.run = {.d = 256, .n = 16, .b = 4, .eps = 0.1, .scale = 2.0},
                         .stop = {.tol = 1e-6, .max_steps = 100000}};
    const sgs_result r = train(&job, 7);
    assert_int_equal(r.status, SGS_RUN_DEAD);
    assert_true(real(&r, SGS_NORM) > sqrt(2.0) && fabs(real(&r, SGS_LOSS) - 0.5) <= 1e-10);
}

static void large_steps_diverge(void **state)
{
    (void)state;
    const sgs_job job = {.run = {.d = 1, .n = 1, .b = 1, .eps = 5.0, .init = SGS_INIT_ONES, .scale = 2.0},
                         .stop = {.tol = 1e-6, .max_steps = 100000}};
    /* a <- a (1 + 2 eps (1 - a^2)): 2 -> -58 -> 1950482 has a^2 > 1e12 */
    const sgs_result r = train(&job, 8);
    assert_int_equal(r.status, SGS_RUN_DIVERGED);
    assert_int_equal(integer(&r, SGS_STEPS), 2);
    assert_true(isnan(real(&r, SGS_LOSS)));
    sgs_job beyond = job;
    beyond.run.eps = 1e300; /* infinite after two steps */
    const sgs_result infinite = train(&beyond, 8);
    assert_int_equal(infinite.status, SGS_RUN_DIVERGED);
    assert_int_equal(integer(&infinite, SGS_STEPS), 1);
}

static void max_steps_is_exact(void **state)
{
    (void)state;
    sgs_job job = {.run = {.d = 8, .n = 8, .b = 2, .eps = 0.1, .scale = 0.1}, .stop = {.tol = 0.0}};
    for (job.stop.max_steps = 0; job.stop.max_steps < 20; job.stop.max_steps++) {
        const sgs_result r = train(&job, 9);
        assert_int_equal(r.status, SGS_RUN_MAX_STEPS);
        assert_int_equal(integer(&r, SGS_STEPS), job.stop.max_steps);
    }
}

static void a_relu_start_without_active_points_is_dead_at_once(void **state)
{
    (void)state;
    sgs_job job = {.run = {.activation = SGS_RELU, .d = 3, .n = 1, .b = 1, .eps = 0.1, .scale = 0.1},
                   .stop = {.tol = 1e-6, .max_steps = 1000}};
    double a = 1.0, outside = 0.0;
    for (; a > 0.0; job.run.init_seed++)
        sgs_start(&job.run, &a, &outside);
    job.run.init_seed--;
    const sgs_result r = train(&job, 10);
    assert_int_equal(r.status, SGS_RUN_DEAD);
    assert_int_equal(integer(&r, SGS_STEPS), 0);
}

static int handler_calls;

static void count_errors(const char *reason, const char *file, int line, int code)
{
    (void)reason, (void)file, (void)line, (void)code;
    handler_calls++;
}

/* GSL's errors come out as ours, and the caller's error handler is neither called nor lost. */
static void too_much_memory_is_an_error_and_not_an_abort(void **state)
{
    (void)state;
    sgs_run run = {.d = INT32_MAX, .n = INT32_MAX, .b = 1, .eps = 0.1, .scale = 0.1};
    sgs_reference *reference = NULL;
    sgs_error err = {""};
    gsl_error_handler_t *before = gsl_set_error_handler(count_errors);
    const sgs_status status = sgs_reference_create(&run, 1, &reference, &err);
    assert_ptr_equal(gsl_set_error_handler(before), count_errors);
    assert_int_equal(status, SGS_ENOMEM);
    assert_null(reference);
    assert_true(strlen(err.text) > 0);
    assert_int_equal(handler_calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_and_place_are_read_back),
        cmocka_unit_test(one_step_is_the_recursion),
        cmocka_unit_test(trajectories_are_the_recursion),
        cmocka_unit_test(data_do_not_matter),
        cmocka_unit_test(history_is_kept),
        cmocka_unit_test(full_batch_ends_at_its_start_direction),
        cmocka_unit_test(smaller_batches_end_at_one_point),
        cmocka_unit_test(cyclic_keeps_gcd_points),
        cmocka_unit_test(far_starts_are_dead),
        cmocka_unit_test(large_steps_diverge),
        cmocka_unit_test(max_steps_is_exact),
        cmocka_unit_test(a_relu_start_without_active_points_is_dead_at_once),
        cmocka_unit_test(too_much_memory_is_an_error_and_not_an_abort),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
