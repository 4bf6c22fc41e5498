/** @file test_stop_rule.c
 *  The stop rule against the dense gradients of all batches. */
#include "scene.h"

/* ---- the gradients
 * --------------------------------------------------------------------------------------------------- */

static double square_of_sum(const scene *s, unsigned batch)
{
    double sum[D_MAX] = {0.0}, one[D_MAX];
    for (int i = 0; i < s->run.n; i++) {
        if (!(batch >> i & 1))
            continue;
        sample_gradient(s, i, s->w, one);
        for (int k = 0; k < s->run.d; k++)
            sum[k] += one[k];
    }
    return dot(s->run.d, sum, sum);
}

static unsigned window(const sgs_run *run, int t)
{
    unsigned batch = 0;
    for (int k = 0; k < run->b; k++)
        batch |= 1u << (t * run->b + k) % run->n;
    return batch;
}

/* G of model.md section 5 from dense vectors. */
static double dense_G(const scene *s)
{
    const sgs_run *run = &s->run;
    double G = 0.0;
    if (run->sampling == SGS_CYCLIC) {
        for (int t = 0; t < run->n; t++)
            G = fmax(G, square_of_sum(s, window(run, t)));
        return G;
    }
    if (all_active_stay(run))
        return square_of_sum(s, (1u << run->n) - 1);
    for (int i = 0; i < run->n; i++)
        G += square_of_sum(s, 1u << i);
    return G;
}

static double dense_S(const scene *s)
{
    double S = 0.0;
    for (int i = 0; i < s->run.n; i++)
        S += active(s, s->a[i]) ? s->a[i] * s->a[i] : 0.0;
    return S;
}

/* Near a point where no batch moves w any more: one point, or all active ones for full batch. */
static void draw_near_minimum(scene *s)
{
    double limit[D_MAX];
    const int n = s->run.n;
    const double size = log_uniform(1e-5, 1e-3);
    if (!all_active_stay(&s->run)) {
        memset(s->a, 0, sizeof s->a);
        s->a[uniform_int(0, n - 1)] = 1.0;
    } else {
        draw_converged(s, limit);
    }
    for (int i = 0; i < n; i++)
        s->a[i] += size * gsl_ran_gaussian(rng, 1.0);
    s->outside = s->run.d > n ? size * gsl_ran_gaussian(rng, 1.0) : 0.0;
    embed(s, s->a, s->outside, s->w);
}

/* Every batch that the sampling can draw moves w by at most sqrt(b) tol ||w|| eps once the rule is fulfilled. */
static void check_every_batch(const scene *s, double tol)
{
    const sgs_run *run = &s->run;
    const double bound = run->b * tol * tol * dense_S(s) * (1.0 + 1e-3);
    for (unsigned batch = 1; batch < 1u << run->n; batch++) {
        if (__builtin_popcount(batch) != run->b)
            continue;
        bool drawn = run->sampling != SGS_CYCLIC;
        for (int t = 0; t < run->n && !drawn; t++)
            drawn = window(run, t) == batch;
        if (drawn)
            assert_true(square_of_sum(s, batch) <= bound);
    }
}

static bool reached(const scene *s, double tol, sgs_run_status *status)
{
    return sgs_stop_reached(&s->run, tol, (sgs_point){s->a, s->outside}, status);
}

static void stop_rule_has_its_threshold_at_G(void **state)
{
    (void)state;
    int tried = 0;
    for (int c = 0; c < SCENES; c++) {
        scene s = draw_scene();
        draw_near_minimum(&s);
        const double tol = sqrt(dense_G(&s) / dense_S(&s));
        if (!(tol > 1e-7 && tol < 9.9e-3)) /* smaller ones drown in the rounding of the dense vectors */
            continue;
        sgs_run_status status = SGS_RUN_PENDING;
        if (reached(&s, tol * (1.0 - 1e-5), &status))
            fail_msg("over below the threshold, tol %.17g", tol);
        if (!reached(&s, tol * (1.0 + 1e-5), &status))
            fail_msg("not over above the threshold, tol %.17g, sampling %d, d %d, n %d, b %d", tol, s.run.sampling,
                     s.run.d, s.run.n, s.run.b);
        assert_int_equal(status, SGS_RUN_CONVERGED);
        check_every_batch(&s, tol * (1.0 + 1e-5));
        tried++;
    }
    assert_true(tried > SCENES / 2);
}

/* G of cyclic batches as a sum over every window. */
static long double sum_windows(const sgs_run *run, const double *a, double outside)
{
    long double largest = 0.0L;
    for (int64_t first = 0; first < run->n; first++) {
        long double in = 0.0L, rest = (long double)outside * outside;
        for (int32_t k = 0; k < run->n; k++) {
            const long double x = a[(first * run->b + k) % run->n];
            *(k < run->b && (run->activation == SGS_LINEAR || x > 0.0L) ? &in : &rest) += x * x;
        }
        const long double x = 2.0L * in + rest - 2.0L, G = in * x * x + in * in * rest;
        largest = G > largest ? G : largest;
    }
    return largest;
}

/* Large n, where the rule estimates the windows: the threshold is where the sums have it, to a millionth. */
static void cyclic_threshold_for_large_n(void **state)
{
    enum { CASES = 400, N_MAX = 300 };
    static double a[N_MAX];
    (void)state;
    for (int c = 0; c < CASES; c++) {
        const int32_t n = (int32_t)uniform_int(2, N_MAX), b = (int32_t)uniform_int(1, c % 8 ? n - 1 : n);
        const sgs_run run = {
            .activation = c % 2 ? SGS_RELU : SGS_LINEAR, .sampling = SGS_CYCLIC, .n = n, .d = n + 1, .b = b};
        const int32_t together = n / (int32_t)sgs_windows(&run),
                      block = together * (int32_t)uniform_int(0, n / together - 1);
        const double size = log_uniform(1e-6, 1e-4), outside = size * gsl_ran_gaussian(rng, 1.0);
        long double S = 0.0L;
        for (int32_t i = 0; i < n; i++)
            a[i] = size * gsl_ran_gaussian(rng, 1.0) * (c % 3 ? 1.0 : gsl_rng_uniform_int(rng, 10) == 0);
        for (int32_t i = block; i < block + together; i++) /* these are never parted */
            a[i] = 1.0 / sqrt(together) + a[i] / together;
        for (int32_t i = 0; i < n; i++)
            S += run.activation == SGS_LINEAR || a[i] > 0.0 ? (long double)a[i] * a[i] : 0.0L;
        const double tol = (double)sqrtl(sum_windows(&run, a, outside) / S);
        sgs_run_status status = SGS_RUN_PENDING;
        if (sgs_stop_reached(&run, tol * (1.0 - 1e-6), (sgs_point){a, outside}, &status))
            fail_msg("case %d: over below the threshold %g, n %d, b %d", c, tol, n, b);
        if (!sgs_stop_reached(&run, tol * (1.0 + 1e-6), (sgs_point){a, outside}, &status))
            fail_msg("case %d: not over above the threshold %g, n %d, b %d", c, tol, n, b);
    }
}

static void a_dense_minimum_ends_full_batch_only(void **state)
{
    (void)state;
    scene s = {.run = {.d = 6, .n = 6, .b = 6, .eps = 0.1, .scale = 1.0}, .a = {0.6, -0.8, 0.0, 0.0, 0.0, 0.0}};
    for (int sampling = 0; sampling < SGS_SAMPLINGS; sampling++) {
        s.run.sampling = (sgs_sampling)sampling;
        sgs_run_status status = SGS_RUN_PENDING;
        s.run.b = 6;
        assert_int_equal(reached(&s, 1e-2, &status), sampling != SGS_WITH_REPLACEMENT);
        s.run.b = 1;
        assert_false(reached(&s, 1e-2, &status));
    }
    s.run.sampling = SGS_CYCLIC; /* windows {1, 2}, {3, 4}, {5, 6}: the first holds all, the others nothing */
    s.run.b = 2;
    sgs_run_status status = SGS_RUN_PENDING;
    assert_true(reached(&s, 1e-6, &status));
    assert_int_equal(status, SGS_RUN_CONVERGED);
    s.run.b = 4; /* {1..4}, {5, 6, 1, 2}, {3..6}: again all or nothing */
    assert_true(reached(&s, 1e-6, &status));
    s.run.b = 5; /* {6, 1..4} and so on: some hold one of the two */
    assert_false(reached(&s, 1e-2, &status));
}

static void dead_points(void **state)
{
    (void)state;
    scene s = {.run = {.activation = SGS_RELU, .d = 4, .n = 3, .b = 1, .eps = 0.1, .scale = 1.0}, .a = {-1, -2, -0.1}};
    sgs_run_status status = SGS_RUN_PENDING;
    assert_true(reached(&s, 1e-6, &status)); /* nothing active */
    assert_int_equal(status, SGS_RUN_DEAD);
    s.outside = 2.0;
    s.a[0] = 1e-3; /* N = 8.01 and S = 1e-6: S <= tol^2 N from tol = 3.533e-4 */
    assert_false(reached(&s, 3.5e-4, &status));
    status = SGS_RUN_PENDING;
    assert_true(reached(&s, 3.6e-4, &status));
    assert_int_equal(status, SGS_RUN_DEAD);
}

static void saddles_are_not_ends(void **state)
{
    (void)state;
    sgs_run_status status = SGS_RUN_PENDING;
    scene s = {.run = {.activation = SGS_RELU, .d = 4, .n = 2, .b = 2, .eps = 0.1, .scale = 1.0}};
    s.a[0] = 1e-60; /* w near 0 */
    assert_false(reached(&s, 1e-2, &status));
    s.a[0] = 1e-60, s.a[1] = -1.2; /* an inactive coordinate larger than 1, N < 2 */
    assert_false(reached(&s, 1e-2, &status));
    s.a[0] = sqrt(4e-5), s.a[1] = 0.0; /* full gradient below tol, N = 2 - S, and far from a minimum */
    s.outside = sqrt(2.0 - 8e-5);
    embed(&s, s.a, s.outside, s.w);
    assert_false(reached(&s, 1e-2, &status));
    const double N = 4e-5 + s.outside * s.outside, S = 4e-5;
    assert_true(S * (N + S - 2.0) * (N + S - 2.0) + S * S * (N - S) <= 1e-4 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_rule_has_its_threshold_at_G),
        cmocka_unit_test(cyclic_threshold_for_large_n),
        cmocka_unit_test(a_dense_minimum_ends_full_batch_only),
        cmocka_unit_test(dead_points),
        cmocka_unit_test(saddles_are_not_ends),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
