/** @file test_model_start.c
 *  Starts: what they depend on, their norms, and their distribution against GSL's, at fixed seeds. Every statistical
 * test here rejects at 1e-3 a true null hypothesis; the seeds are fixed, so that it does not at random. */
#include "sgdsweep/model.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_MAX = 64, SAMPLES = 4000 };

typedef struct start {
    double a[N_MAX], outside;
} start;

static start start_of(const sgs_run *run)
{
    start s;
    memset(&s, 0, sizeof s);
    sgs_start(run, s.a, &s.outside);
    return s;
}

static double norm2(const start *s)
{
    double sum = s->outside * s->outside;
    for (int i = 0; i < N_MAX; i++)
        sum += s->a[i] * s->a[i];
    return sum;
}

static sgs_run example(sgs_init init)
{
    return (sgs_run){.activation = SGS_RELU,
                     .d = 40,
                     .n = 30,
                     .b = 3,
                     .eps = 0.1,
                     .init = init,
                     .scale = 0.5,
                     .init_seed = 11,
                     .seed = 12};
}

static void a_start_does_not_depend_on_the_training(void **state)
{
    (void)state;
    for (int init = 0; init < SGS_INITS; init++) {
        sgs_run run = example((sgs_init)init);
        const start one = start_of(&run);
        run.activation = SGS_LINEAR;
        run.sampling = SGS_CYCLIC;
        run.b = 30;
        run.eps = 0.7;
        run.seed = 99;
        run.batches_common = true;
        const start other = start_of(&run);
        assert_memory_equal(&one, &other, sizeof one);
    }
}

static void a_start_depends_on_seed_shape_and_distribution(void **state)
{
    (void)state;
    sgs_run runs[5] = {example(SGS_INIT_GAUSSIAN), example(SGS_INIT_GAUSSIAN), example(SGS_INIT_GAUSSIAN),
                       example(SGS_INIT_GAUSSIAN), example(SGS_INIT_SPHERE)};
    runs[1].init_seed = 12;
    runs[2].d = 41;
    runs[3].n = 31;
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++) {
            const start one = start_of(&runs[i]), other = start_of(&runs[j]);
            const double ratio = one.a[0] / other.a[0]; /* not even in direction */
            assert_true(fabs(one.a[1] / other.a[1] - ratio) > 1e-6 * fabs(ratio));
        }
}

static void scale_multiplies(void **state)
{
    (void)state;
    for (int init = 0; init < SGS_INITS; init++) {
        sgs_run run = example((sgs_init)init);
        const start one = start_of(&run);
        const double scales[] = {SGS_SCALE_MIN, 1e-8, 0.3, 1.0, SGS_SCALE_MAX};
        for (int k = 0; k < 5; k++) {
            run.scale = scales[k];
            const start other = start_of(&run);
            const double factor = scales[k] / 0.5;
            for (int i = 0; i < run.n; i++)
                assert_true(fabs(other.a[i] - factor * one.a[i]) <= 1e-15 * fabs(factor * one.a[i]));
            assert_true(fabs(other.outside - factor * one.outside) <= 1e-15 * factor * one.outside);
        }
    }
}

static void sphere_and_ones_have_their_norm(void **state)
{
    (void)state;
    for (int seed = 0; seed < 200; seed++) {
        sgs_run run = example(SGS_INIT_SPHERE);
        run.init_seed = seed;
        run.n = 1 + seed % N_MAX;
        run.d = run.n + (seed % 3 ? seed : 0);
        const start sphere = start_of(&run);
        assert_true(fabs(norm2(&sphere) - 0.25) <= 1e-15);
        run.init = SGS_INIT_ONES;
        const start ones = start_of(&run);
        assert_true(fabs(norm2(&ones) - 0.25) <= 1e-15);
        for (int i = 0; i < run.n; i++)
            assert_true(ones.a[i] == ones.a[0] && ones.a[i] > 0.0);
        assert_true(ones.outside == 0.0);
    }
}

static void nothing_is_outside_where_the_data_span_everything(void **state)
{
    (void)state;
    for (int init = 0; init < SGS_INITS; init++)
        for (int n = 1; n <= N_MAX; n++) {
            sgs_run run = example((sgs_init)init);
            run.n = run.d = n;
            run.b = 1;
            assert_true(start_of(&run).outside == 0.0);
            run.d = n + 1;
            assert_true(init == SGS_INIT_ONES || start_of(&run).outside > 0.0);
        }
}

static void one_dimension(void **state)
{
    (void)state;
    sgs_run run = example(SGS_INIT_SPHERE);
    run.d = run.n = run.b = 1;
    int positive = 0;
    for (run.init_seed = 0; run.init_seed < 100; run.init_seed++) {
        const start s = start_of(&run);
        assert_true(fabs(fabs(s.a[0]) - 0.5) <= 1e-16);
        positive += s.a[0] > 0.0;
    }
    assert_in_range(positive, 30, 70); /* both signs */
}

static void only_n_numbers_are_written(void **state)
{
    (void)state;
    for (int init = 0; init < SGS_INITS; init++)
        for (int n = 1; n < N_MAX; n++) {
            sgs_run run = example((sgs_init)init);
            run.n = n;
            run.d = 2 * N_MAX;
            double a[N_MAX], outside = -1.0;
            for (int i = 0; i < N_MAX; i++)
                a[i] = 12345.0;
            sgs_start(&run, a, &outside);
            for (int i = 0; i < N_MAX; i++)
                assert_int_equal(a[i] == 12345.0, i >= n);
        }
}

/* ---- distributions ----------------------------------------------------------------------------------------------- */

static int ascending(const void *left, const void *right)
{
    const double u = *(const double *)left, v = *(const double *)right;
    return (u > v) - (u < v);
}

/* Kolmogorov-Smirnov: p holds values of the supposed distribution function; sqrt(count) D > 1.95 has probability 1e-3.
 */
static void assert_uniform(double *p, int count, const char *what)
{
    double distance = 0.0;
    qsort(p, (size_t)count, sizeof *p, ascending);
    for (int i = 0; i < count; i++)
        distance = fmax(distance, fmax(p[i] - (double)i / count, (i + 1.0) / count - p[i]));
    if (!(sqrt(count) * distance < 1.95))
        fail_msg("%s: Kolmogorov-Smirnov statistic %g of %d values", what, sqrt(count) * distance, count);
}

static void gaussian_coordinates(void **state)
{
    (void)state;
    static double p[SAMPLES];
    sgs_run run = example(SGS_INIT_GAUSSIAN);
    for (int i = 0; i < 6; i++) { /* coordinates of both pairs of a block, and of the next */
        for (int k = 0; k < SAMPLES; k++) {
            run.init_seed = k;
            p[k] = gsl_cdf_gaussian_P(start_of(&run).a[i], 0.5 / sqrt(40.0));
        }
        assert_uniform(p, SAMPLES, "coordinate");
    }
}

static void gaussian_squares_add_up(void **state)
{
    (void)state;
    static double p[SAMPLES];
    sgs_run run = example(SGS_INIT_GAUSSIAN);
    double mean = 0.0;
    for (int k = 0; k < SAMPLES; k++) {
        run.init_seed = k;
        const start s = start_of(&run);
        mean += norm2(&s) / SAMPLES;
        p[k] = gsl_cdf_chisq_P(norm2(&s) * 40.0 / 0.25, 40.0);
    }
    assert_uniform(p, SAMPLES, "||w0||^2");
    /* E ||w0||^2 = scale^2; the variance of the mean is 2 scale^4 / (d SAMPLES) */
    assert_true(fabs(mean - 0.25) < 3.3 * 0.25 * sqrt(2.0 / (40.0 * SAMPLES)));
}

/* Pairs of coordinates: products of independent normal numbers have mean 0 and variance 1. */
static void coordinates_are_uncorrelated(void **state)
{
    (void)state;
    double sum[8][8] = {{0.0}}, worst = 0.0;
    sgs_run run = example(SGS_INIT_GAUSSIAN);
    run.scale = sqrt(40.0);
    for (run.init_seed = 0; run.init_seed < SAMPLES; run.init_seed++) {
        const start s = start_of(&run);
        for (int i = 0; i < 8; i++)
            for (int j = 0; j < i; j++)
                sum[i][j] += s.a[i] * s.a[j];
    }
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < i; j++)
            worst = fmax(worst, fabs(sum[i][j]) / sqrt(SAMPLES));
    assert_true(worst < 4.13); /* 28 pairs at 1e-3 together */
}

static void the_outside_norm_is_chi(void **state)
{
    (void)state;
    static double p[SAMPLES];
    const int32_t freedoms[] = {1, 2, 3, 4, 10, 1000};
    for (size_t f = 0; f < sizeof freedoms / sizeof *freedoms; f++) {
        sgs_run run = example(SGS_INIT_GAUSSIAN);
        run.n = 5;
        run.d = 5 + freedoms[f];
        run.scale = sqrt(run.d);
        for (int k = 0; k < SAMPLES; k++) {
            run.init_seed = k;
            const double outside = start_of(&run).outside;
            p[k] = gsl_cdf_chisq_P(outside * outside, freedoms[f]);
        }
        assert_uniform(p, SAMPLES, "outside");
    }
}

/* At two thousand million degrees of freedom chi is normal with variance 1/2 around sqrt(freedom - 1/2). */
static void the_largest_dimension(void **state)
{
    (void)state;
    static double p[SAMPLES];
    sgs_run run = example(SGS_INIT_GAUSSIAN);
    run.n = 10;
    run.d = INT32_MAX;
    run.scale = sqrt((double)INT32_MAX);
    for (int k = 0; k < SAMPLES; k++) {
        run.init_seed = k;
        p[k] = gsl_cdf_gaussian_P(start_of(&run).outside - sqrt(INT32_MAX - 10.5), sqrt(0.5));
    }
    assert_uniform(p, SAMPLES, "outside, d = 2^31 - 1");
    run.init = SGS_INIT_SPHERE;
    run.scale = 1.0;
    const start s = start_of(&run);
    assert_true(fabs(norm2(&s) - 1.0) <= 1e-15 && s.outside > 0.999999);
}

/* On a sphere of radius 1 in R^d a coordinate's square is Beta(1/2, (d-1)/2), the outside part's Beta((d-n)/2, n/2). */
static void sphere_coordinates(void **state)
{
    (void)state;
    static double one[SAMPLES], outside[SAMPLES];
    sgs_run run = example(SGS_INIT_SPHERE);
    run.n = 4;
    run.d = 7;
    run.scale = 1.0;
    for (int k = 0; k < SAMPLES; k++) {
        run.init_seed = k;
        const start s = start_of(&run);
        one[k] = gsl_cdf_beta_P(s.a[2] * s.a[2], 0.5, 3.0);
        outside[k] = gsl_cdf_beta_P(s.outside * s.outside, 1.5, 2.0);
    }
    assert_uniform(one, SAMPLES, "coordinate on the sphere");
    assert_uniform(outside, SAMPLES, "outside part on the sphere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_does_not_depend_on_the_training),
        cmocka_unit_test(a_start_depends_on_seed_shape_and_distribution),
        cmocka_unit_test(scale_multiplies),
        cmocka_unit_test(sphere_and_ones_have_their_norm),
        cmocka_unit_test(nothing_is_outside_where_the_data_span_everything),
        cmocka_unit_test(one_dimension),
        cmocka_unit_test(only_n_numbers_are_written),
        cmocka_unit_test(gaussian_coordinates),
        cmocka_unit_test(gaussian_squares_add_up),
        cmocka_unit_test(coordinates_are_uncorrelated),
        cmocka_unit_test(the_outside_norm_is_chi),
        cmocka_unit_test(the_largest_dimension),
        cmocka_unit_test(sphere_coordinates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
