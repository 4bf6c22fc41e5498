/** @file test_starts.c
 *  The law of the starts, beyond the one shape of tests/unit/test_model_start.c: every coordinate and the norm of the
 * outside part for several n and d, gaussian and on the sphere; tails; independence of coordinates, of the outside
 * part, and of starts of other seeds and shapes. */
#include "statistics.h"

enum { N_MAX = 1000, SAMPLES = 2500 };

typedef struct shape {
    int32_t n, d;
} shape;

/* More outside dimensions than data, one, two, none; n that is no multiple of the four numbers of a block. */
static const shape shapes[] = {{1, 1}, {1, 2},  {2, 2},    {5, 5},       {3, 4},
                               {4, 6}, {7, 12}, {9, 1000}, {6, 1000000}, {13, 20}};
enum { SHAPES = sizeof shapes / sizeof *shapes, COORDINATES = 1 + 1 + 2 + 5 + 3 + 4 + 7 + 9 + 6 + 13, OUTSIDES = 7 };

static sgs_run start_run(shape s, sgs_init init, double scale)
{
    return (sgs_run){.n = s.n, .d = s.d, .b = 1, .eps = 0.1, .init = init, .scale = scale, .init_seed = first_seed};
}

/* Starts of consecutive seeds: a[i][sample] and outside[sample]. */
static double a[16][SAMPLES], outside[SAMPLES];

static void draw(sgs_run run)
{
    for (int k = 0; k < SAMPLES; k++) {
        double start[16];
        run.init_seed = first_seed + k;
        sgs_start(&run, start, &outside[k]);
        for (int i = 0; i < run.n; i++)
            a[i][k] = start[i];
    }
}

static void describe(char what[96], const char *part, sgs_run run, int i)
{
    snprintf(what, 96, "%s %d, %s, n = %d, d = %d", part, i, sgs_init_name(run.init), run.n, run.d);
}

static void gaussian_starts(void **state)
{
    (void)state;
    static double p[SAMPLES];
    char what[96];
    for (int s = 0; s < SHAPES; s++) {
        const double scale = s % 2 ? 0.1 : 3.0;
        const sgs_run run = start_run(shapes[s], SGS_INIT_GAUSSIAN, scale);
        const double sigma = scale / sqrt(run.d);
        draw(run);
        for (int i = 0; i < run.n; i++) {
            for (int k = 0; k < SAMPLES; k++)
                p[k] = gsl_cdf_gaussian_P(a[i][k], sigma);
            describe(what, "coordinate", run, i);
            assert_uniform(what, p, SAMPLES);
        }
        if (run.d == run.n)
            continue;
        for (int k = 0; k < SAMPLES; k++)
            p[k] = gsl_cdf_chisq_P(pow(outside[k] / sigma, 2.0), run.d - run.n);
        describe(what, "outside", run, 0);
        assert_uniform(what, p, SAMPLES);
    }
}

/* A coordinate of a uniform point on the sphere of R^d: its square is Beta(1/2, (d-1)/2) and its sign fair; the outside
 * part's square is Beta((d-n)/2, n/2). For d = 1 only the sign is left. */
static void sphere_starts(void **state)
{
    (void)state;
    static double p[SAMPLES];
    char what[96];
    for (int s = 0; s < SHAPES; s++) {
        const sgs_run run = start_run(shapes[s], SGS_INIT_SPHERE, 0.7);
        draw(run);
        for (int i = 0; i < run.n; i++) {
            double signs = 0.0;
            for (int k = 0; k < SAMPLES; k++) {
                const double square = fmin(pow(a[i][k] / 0.7, 2.0), 1.0), sign = a[i][k] > 0.0 ? 1.0 : -1.0;
                signs += sign;
                p[k] = run.d == 1 ? 0.0 : 0.5 + 0.5 * sign * gsl_cdf_beta_P(square, 0.5, 0.5 * (run.d - 1.0));
            }
            describe(what, "coordinate", run, i);
            if (run.d == 1)
                assert_normal_sum(what, signs, SAMPLES);
            else
                assert_uniform(what, p, SAMPLES);
        }
        if (run.d == run.n)
            continue;
        for (int k = 0; k < SAMPLES; k++) /* from the inner part, which is small where d is large */
        {
            double inner = 0.0;
            for (int i = 0; i < run.n; i++)
                inner += pow(a[i][k] / 0.7, 2.0);
            assert_true(fabs(inner + pow(outside[k] / 0.7, 2.0) - 1.0) < 1e-14);
            p[k] = gsl_cdf_beta_P(fmin(inner, 1.0), 0.5 * run.n, 0.5 * (run.d - run.n));
        }
        describe(what, "inner part", run, 0);
        assert_uniform(what, p, SAMPLES);
    }
}

/* Box-Muller as a whole: two million normal numbers in cells of equal probability and in the tails. */
static void normal_numbers(void **state)
{
    (void)state;
    enum { CELLS = 400, SEEDS = 2000 };
    static double start[N_MAX], p[SEEDS * N_MAX];
    int64_t cells[CELLS] = {0}, tails[2][5] = {{0}};
    double probability[5], none;
    sgs_run run = start_run((shape){N_MAX, N_MAX}, SGS_INIT_GAUSSIAN, sqrt(N_MAX));
    for (int seed = 0; seed < SEEDS; seed++) {
        run.init_seed = first_seed + seed;
        sgs_start(&run, start, &none);
        for (int i = 0; i < N_MAX; i++) {
            const double below = gsl_cdf_ugaussian_P(start[i]), z = fabs(start[i]);
            p[seed * N_MAX + i] = below;
            cells[below < 1.0 ? (int)(below * CELLS) : CELLS - 1]++;
            tails[start[i] < 0.0][z < 2.5 ? 0 : z < 3.0 ? 1 : z < 3.5 ? 2 : z < 4.0 ? 3 : 4]++;
        }
    }
    for (int k = 0; k < 5; k++) {
        const double above = k == 0 ? 0.5 : gsl_cdf_ugaussian_Q(2.0 + 0.5 * k);
        probability[k] = 2.0 * (above - (k == 4 ? 0.0 : gsl_cdf_ugaussian_Q(2.5 + 0.5 * k)));
    }
    assert_uniform("normal numbers", p, SEEDS * N_MAX);
    assert_equal_counts("normal numbers", cells, CELLS);
    assert_counts("upper tail", tails[0], probability, 5);
    assert_counts("lower tail", tails[1], probability, 5);
}

/* The two numbers of a pair: radius, angle, and neither tells of the other. */
static void pairs_are_round(void **state)
{
    (void)state;
    enum { PAIRS = N_MAX / 2, SEEDS = 1000, CELLS = 10 };
    static double start[N_MAX], radius[SEEDS * PAIRS], angle[SEEDS * PAIRS];
    int64_t table[CELLS * CELLS] = {0};
    double none;
    sgs_run run = start_run((shape){N_MAX, N_MAX}, SGS_INIT_GAUSSIAN, sqrt(N_MAX));
    for (int seed = 0; seed < SEEDS; seed++) {
        run.init_seed = first_seed + 2000 + seed;
        sgs_start(&run, start, &none);
        for (int k = 0; k < PAIRS; k++) {
            const double x = start[2 * k], y = start[2 * k + 1];
            const double r = exp(-0.5 * (x * x + y * y)), phi = 0.5 + atan2(y, x) / (2.0 * M_PI);
            radius[seed * PAIRS + k] = r, angle[seed * PAIRS + k] = phi;
            table[(int)fmin(r * CELLS, CELLS - 1.0) * CELLS + (int)fmin(phi * CELLS, CELLS - 1.0)]++;
        }
    }
    assert_uniform("radius", radius, SEEDS * PAIRS);
    assert_uniform("angle", angle, SEEDS * PAIRS);
    assert_equal_counts("radius and angle", table, (size_t)CELLS * CELLS);
}

/* Products of numbers that are independent with mean 0 and variance 1 add up like such numbers; so do those of their
 * squares, made so too. */
static void compare(const char *what, const double *x, const double *y)
{
    double product = 0.0, squares = 0.0;
    for (int k = 0; k < SAMPLES; k++) {
        product += x[k] * y[k];
        squares += 0.5 * (x[k] * x[k] - 1.0) * (y[k] * y[k] - 1.0);
    }
    assert_normal_sum(what, product, SAMPLES);
    assert_normal_sum(what, squares, SAMPLES);
}

static void normal_of_outside(double freedom)
{
    for (int k = 0; k < SAMPLES; k++)
        outside[k] = gsl_cdf_ugaussian_Pinv(gsl_cdf_chisq_P(outside[k] * outside[k], freedom));
}

static void parts_are_independent(void **state)
{
    (void)state;
    static double other[16][SAMPLES];
    sgs_run run = start_run((shape){6, 9}, SGS_INIT_GAUSSIAN, 3.0);
    draw(run);
    normal_of_outside(3.0);
    for (int i = 0; i < 6; i++) {
        compare("a coordinate and the outside part", a[i], outside);
        for (int j = 0; j < i; j++)
            compare("two coordinates", a[i], a[j]);
    }
    memcpy(other, a, sizeof other);
    static const shape changed[] = {{6, 10}, {5, 9}, {7, 9}};
    for (int s = 0; s < 3; s++) {
        draw(start_run(changed[s], SGS_INIT_GAUSSIAN, sqrt(changed[s].d)));
        for (int i = 0; i < 5; i++)
            compare("starts of two shapes", a[i], other[i]);
    }
    run.init_seed = first_seed += SAMPLES;
    draw(run);
    first_seed -= SAMPLES;
    for (int i = 0; i < 6; i++)
        compare("starts of two sets of seeds", a[i], other[i]);
    for (int i = 0; i < 6; i++) { /* a seed and the next; pairs that do not overlap, twice as many samples needed */
        for (int k = 0; k < SAMPLES / 2; k++)
            a[0][k] = other[i][2 * k], a[1][k] = other[i][2 * k + 1];
        for (int k = SAMPLES / 2; k < SAMPLES; k++)
            a[0][k] = other[(i + 1) % 6][2 * k - SAMPLES], a[1][k] = other[(i + 1) % 6][2 * k - SAMPLES + 1];
        compare("a seed and the next", a[0], a[1]);
    }
}

/* Directions on the sphere are those of gaussian starts of another stream: angles between the two are as of strangers.
 */
static void sphere_is_another_stream(void **state)
{
    (void)state;
    static double first[SAMPLES];
    draw(start_run((shape){6, 6}, SGS_INIT_GAUSSIAN, sqrt(6.0)));
    memcpy(first, a[0], sizeof first);
    draw(start_run((shape){6, 6}, SGS_INIT_SPHERE, sqrt(6.0)));
    double product = 0.0;
    for (int k = 0; k < SAMPLES; k++)
        product += first[k] * a[0][k]; /* a coordinate of the sphere of radius sqrt(d) has variance 1 */
    assert_normal_sum("gaussian and sphere", product, SAMPLES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_starts),       cmocka_unit_test(sphere_starts),
        cmocka_unit_test(normal_numbers),        cmocka_unit_test(pairs_are_round),
        cmocka_unit_test(parts_are_independent), cmocka_unit_test(sphere_is_another_stream),
        cmocka_unit_test(assert_all_planned),
    };
    return run_statistics(tests, sizeof tests / sizeof *tests,
                          2 * (COORDINATES + OUTSIDES) + 4 + 3 + 2 * (6 + 15 + 15 + 6 + 6) + 1);
}
