/** @file test_model_batch.c
 *  Batches and the check schedule. Uniformity by chi-square with GSL's distributions, at fixed seeds: every test
 * statistic must stay below its quantile at 1 - 1e-4 (some 150 statistics in all), and the seeds are fixed, so it does
 * or does not. */
#include "sgdsweep/model.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_MAX = 400 };
static const double LEVEL = 1e-4;

static sgs_run draws(sgs_sampling sampling, int32_t n, int32_t b)
{
    return (sgs_run){.sampling = sampling, .d = n, .n = n, .b = b, .eps = 0.1, .scale = 0.1, .seed = 20261123};
}

/* The batch of step t, and how often each point is in it. */
static void take(const sgs_run *run, int64_t t, int32_t *members, int32_t *times)
{
    uint64_t scratch[N_MAX];
    memset(times, 0, N_MAX * sizeof *times);
    sgs_batch_members(run, t, members, scratch);
    for (int k = 0; k < run->b; k++) {
        assert_in_range(members[k], 0, run->n - 1);
        times[members[k]]++;
    }
}

static void assert_fits(const sgs_run *run, const char *what, double statistic, double freedom)
{
    if (!(statistic <= gsl_cdf_chisq_Qinv(LEVEL, freedom)))
        fail_msg("%s: chi-square %g with %g degrees of freedom, n = %d, b = %d, sampling %d", what, statistic, freedom,
                 run->n, run->b, run->sampling);
}

/* ---- without replacement ----------------------------------------------------------------------------------------- */

static void batches_are_distinct_points(void **state)
{
    (void)state;
    const int32_t ns[] = {1, 2, 3, 7, 16, 17, 40, 63, 64, 65, 128, 129, 200, 400};
    int32_t members[N_MAX], times[N_MAX];
    for (size_t k = 0; k < sizeof ns / sizeof *ns; k++)
        for (int32_t b = 1; b <= ns[k]; b += 1 + ns[k] / 50) {
            const sgs_run run = draws(SGS_WITHOUT_REPLACEMENT, ns[k], b);
            for (int64_t t = 0; t < 40; t++) {
                take(&run, t * t * t * 1000003, members, times);
                for (int i = 0; i < run.n; i++)
                    assert_in_range(times[i], 0, 1);
            }
        }
}

/* Every one of the 2^n subsets of size b equally often. */
static void small_subsets_are_uniform(void **state)
{
    (void)state;
    int32_t members[N_MAX], times[N_MAX];
    for (int n = 2; n <= 7; n++)
        for (int b = 1; b < n; b++) {
            sgs_run run = draws(SGS_WITHOUT_REPLACEMENT, n, b);
            run.batches_common = b % 2;
            int count[1 << 7] = {0}, subsets = 0;
            const int steps = 20000;
            double statistic = 0.0;
            for (int64_t t = 0; t < steps; t++) {
                take(&run, t, members, times);
                unsigned subset = 0;
                for (int k = 0; k < b; k++)
                    subset |= 1u << members[k];
                count[subset]++;
            }
            for (int s = 0; s < 1 << n; s++)
                subsets += __builtin_popcount((unsigned)s) == b;
            for (int s = 0; s < 1 << n; s++)
                if (__builtin_popcount((unsigned)s) == b)
                    statistic += pow(count[s] - (double)steps / subsets, 2.0) / ((double)steps / subsets);
            assert_fits(&run, "subsets", statistic, subsets - 1);
        }
}

typedef struct inclusions {
    int64_t single[N_MAX], pair[N_MAX][N_MAX];
} inclusions;

static void count_steps(const sgs_run *run, int steps, inclusions *tally)
{
    int32_t members[N_MAX], times[N_MAX];
    memset(tally, 0, sizeof *tally);
    for (int64_t t = 0; t < steps; t++) {
        take(run, t, members, times);
        for (int k = 0; k < run->b; k++) {
            tally->single[members[k]]++;
            for (int l = 0; l < k; l++) {
                const int i = members[k] > members[l] ? members[k] : members[l];
                tally->pair[i][members[k] + members[l] - i]++;
            }
        }
    }
}

/* Shapes with b > 8 and n - b > 8 are drawn in another way than small ones; n up to 64 and across words of 64 points.
 */
static const int32_t shapes[][2] = {{20, 9},  {24, 12}, {33, 17}, {48, 9},  {50, 40}, {63, 31}, {64, 9},   {64, 11},
                                    {64, 16}, {64, 32}, {64, 48}, {64, 54}, {64, 55}, {65, 32}, {100, 25}, {130, 64},
                                    {64, 3},  {64, 8},  {64, 60}, {60, 9},  {200, 9}, {200, 40}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Inclusion counts c_i of b-subsets: (n-1)/n sum (c_i - T p)^2 / (T p (1-p)) is chi-square with n - 1 degrees. */
static void every_point_equally_often(void **state)
{
    (void)state;
    static inclusions counted;
    for (int k = 0; k < SHAPES; k++) {
        const sgs_run run = draws(SGS_WITHOUT_REPLACEMENT, shapes[k][0], shapes[k][1]);
        const int steps = 8000;
        const double n = run.n, p = run.b / n, pp = p * (run.b - 1.0) / (n - 1.0);
        double statistic = 0.0, worst = 0.0;
        count_steps(&run, steps, &counted);
        for (int i = 0; i < run.n; i++) {
            statistic += pow((double)counted.single[i] - steps * p, 2.0) / (steps * p * (1.0 - p)) * (n - 1.0) / n;
            for (int j = 0; j < i; j++)
                worst = fmax(worst, fabs((double)counted.pair[i][j] - steps * pp) / sqrt(steps * pp * (1.0 - pp)));
        }
        assert_fits(&run, "points", statistic, n - 1.0);
        /* up to 19900 pairs: the largest of them, by the union bound; 6.5 where few expected make the tail heavier */
        const double bound = -gsl_cdf_ugaussian_Pinv(LEVEL / (n * (n - 1.0)));
        if (!(worst <= (steps * pp > 100.0 ? bound : 6.5)))
            fail_msg("a pair is %g standard deviations off, n = %d, b = %d", worst, run.n, run.b);
    }
}

/* How many points of a fixed or an earlier batch come again is hypergeometric. bins below 5 expected are put together.
 */
static void assert_hypergeometric(const sgs_run *run, const char *what, const int *count, int steps, int marked)
{
    double statistic = 0.0, expected = 0.0, seen = 0.0, freedom = -1.0;
    const unsigned in = (unsigned)marked, out = (unsigned)(run->n - marked), b = (unsigned)run->b;
    double rest = steps;
    for (unsigned k = 0; k <= b; k++) {
        expected += steps * gsl_ran_hypergeometric_pdf(k, in, out, b);
        seen += count[k];
        if (expected < 5.0 || (rest - expected < 5.0 && k < b))
            continue;
        statistic += (seen - expected) * (seen - expected) / expected;
        rest -= expected;
        expected = seen = 0.0;
        freedom += 1.0;
    }
    assert_true(fabs(expected) < 5.0 && freedom >= 1.0);
    assert_fits(run, what, statistic, freedom);
}

static void overlaps_are_hypergeometric(void **state)
{
    (void)state;
    int32_t members[N_MAX], times[N_MAX], before[N_MAX] = {0};
    for (int k = 0; k < SHAPES; k++) {
        const sgs_run run = draws(SGS_WITHOUT_REPLACEMENT, shapes[k][0], shapes[k][1]);
        const int steps = 8000, half = run.n / 2;
        int low[N_MAX] = {0}, even[N_MAX] = {0}, again[N_MAX] = {0};
        take(&run, steps, members, before);
        for (int64_t t = 0; t < steps; t++) {
            int lows = 0, evens = 0, agains = 0;
            take(&run, steps + 1 + t, members, times);
            for (int i = 0; i < run.n; i++) {
                lows += i < half ? times[i] : 0;
                evens += i % 2 == 0 ? times[i] : 0;
                agains += before[i] * times[i];
            }
            memcpy(before, times, sizeof before);
            low[lows]++, even[evens]++, again[agains]++;
        }
        assert_hypergeometric(&run, "first half", low, steps, half);
        assert_hypergeometric(&run, "even points", even, steps, (run.n + 1) / 2);
        assert_hypergeometric(&run, "points of the step before", again, steps, run.b);
    }
}

/* Batches of other seeds, runs and sizes have nothing in common but chance; `common` leaves the rest of the run out. */
static void streams_are_of_the_run_or_common(void **state)
{
    (void)state;
    int32_t members[N_MAX], times[N_MAX], other[N_MAX];
    sgs_run runs[4] = {draws(SGS_WITHOUT_REPLACEMENT, 64, 20), draws(SGS_WITHOUT_REPLACEMENT, 64, 20),
                       draws(SGS_WITHOUT_REPLACEMENT, 64, 20), draws(SGS_WITHOUT_REPLACEMENT, 64, 20)};
    runs[1].eps = nextafter(0.1, 1.0);
    runs[2].activation = SGS_RELU;
    runs[3].seed++;
    for (int common = 0; common <= 1; common++)
        for (int r = 1; r < 4; r++) {
            sgs_run one = runs[0], two = runs[r];
            one.batches_common = two.batches_common = common;
            int count[N_MAX] = {0}, equal = 0;
            for (int64_t t = 0; t < 4000; t++) {
                int both = 0;
                take(&one, t, members, times);
                take(&two, t, members, other);
                for (int i = 0; i < 64; i++)
                    both += times[i] * other[i];
                count[both]++;
                equal += both == 20;
            }
            if (common && r < 3)
                assert_int_equal(equal, 4000);
            else
                assert_hypergeometric(&one, "points of another run", count, 4000, 20);
        }
}

/* ---- the other samplings ----------------------------------------------------------------------------------------- */

static void with_replacement_every_tuple(void **state)
{
    (void)state;
    for (int n = 2; n <= 5; n++) {
        const sgs_run run = draws(SGS_WITH_REPLACEMENT, n, n < 4 ? n : 3);
        int32_t members[N_MAX], times[N_MAX];
        int count[125] = {0}, tuples = 1;
        double statistic = 0.0;
        for (int k = 0; k < run.b; k++)
            tuples *= n;
        for (int64_t t = 0; t < 20000; t++) {
            int tuple = 0;
            take(&run, t, members, times);
            for (int k = 0; k < run.b; k++)
                tuple = tuple * n + members[k];
            count[tuple]++;
        }
        for (int k = 0; k < tuples; k++)
            statistic += pow(count[k] - 20000.0 / tuples, 2.0) / (20000.0 / tuples);
        assert_fits(&run, "tuples", statistic, tuples - 1.0);
    }
}

static void shuffle_every_order(void **state)
{
    (void)state;
    const sgs_run run = draws(SGS_SHUFFLE, 5, 1);
    int32_t members[N_MAX], times[N_MAX];
    static int count[3125];
    double statistic = 0.0;
    int orders = 0;
    for (int64_t epoch = 0; epoch < 12000; epoch++) {
        int order = 0, seen = 0;
        for (int k = 0; k < 5; k++) {
            take(&run, 5 * epoch + k, members, times);
            order = 5 * order + members[0];
            seen |= 1 << members[0];
        }
        assert_int_equal(seen, 31);
        count[order]++;
    }
    for (int k = 0; k < 3125; k++) {
        orders += count[k] > 0;
        statistic += count[k] > 0 ? pow(count[k] - 100.0, 2.0) / 100.0 : 0.0;
    }
    assert_int_equal(orders, 120);
    assert_fits(&run, "orders", statistic, 119.0);
}

/* Epochs of floor(n / b) batches without a point in common; the rest of the permutation is dropped. */
static void shuffle_drops_the_rest(void **state)
{
    (void)state;
    const sgs_run run = draws(SGS_SHUFFLE, 23, 7);
    int32_t members[N_MAX], times[N_MAX];
    int64_t total[23] = {0};
    double statistic = 0.0;
    const int epochs = 4000;
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        int in_epoch[23] = {0};
        for (int64_t k = 0; k < 3; k++) {
            take(&run, 3 * epoch + k, members, times);
            for (int i = 0; i < 23; i++)
                in_epoch[i] += times[i];
        }
        for (int i = 0; i < 23; i++) {
            assert_in_range(in_epoch[i], 0, 1);
            total[i] += in_epoch[i];
        }
    }
    const double p = 21.0 / 23.0;
    for (int i = 0; i < 23; i++)
        statistic += pow((double)total[i] - epochs * p, 2.0) / (epochs * p * (1.0 - p)) * 22.0 / 23.0;
    assert_fits(&run, "points of an epoch", statistic, 22.0);
}

static void cyclic_windows(void **state)
{
    (void)state;
    const int32_t all[][2] = {{1, 1}, {7, 3}, {12, 9}, {12, 12}, {10, 1}};
    int32_t members[N_MAX], times[N_MAX];
    for (size_t c = 0; c < sizeof all / sizeof *all; c++) {
        const sgs_run run = draws(SGS_CYCLIC, all[c][0], all[c][1]);
        int32_t point = 0;
        for (int64_t t = 0; t < 100; t++) {
            take(&run, t, members, times);
            for (int k = 0; k < run.b; k++) {
                assert_int_equal(members[k], point);
                point = (point + 1) % run.n;
            }
        }
    }
    const sgs_run late = draws(SGS_CYCLIC, 7, 3); /* 2^53 mod 7 = 4: window from 12 mod 7 */
    take(&late, SGS_STEPS_MAX, members, times);
    assert_int_equal(members[0], 5);
}

/* ---- check schedule ---------------------------------------------------------------------------------------------- */

static void the_next_check(void **state)
{
    (void)state;
    static const int64_t strides[] = {8, 16, 24, 800, 8000000};
    for (size_t k = 0; k < sizeof strides / sizeof *strides; k++)
        for (int64_t t = 0, checks = 0; t < SGS_STEPS_MAX && checks < 5000; checks++) {
            const int64_t s = strides[k], next = sgs_check_next(t, s);
            int64_t want = s; /* the smallest multiple of the stride that is not below t / 64, at least one */
            if (t / 64 > s)
                want = t / 64 % s ? (t / 64 / s + 1) * s : t / 64;
            assert_true(next == t + want);
            t = next;
        }
    assert_true(sgs_check_next(0, 8) == 8 && sgs_check_next(512, 8) == 520 && sgs_check_next(576, 8) == 592);
}

/* A step touches m points and a stride ends with work on all n: the largest multiple of 8 steps that touch at most 2 n.
 */
static void the_stride_goes_with_the_points_touched(void **state)
{
    (void)state;
    for (int32_t n = 1; n <= 300; n += 7)
        for (int32_t b = 1; b <= n; b++) {
            const sgs_run run = draws(SGS_WITHOUT_REPLACEMENT, n, b);
            const int64_t stride = sgs_check_stride(&run), touched = b < n - b ? b : n - b;
            assert_int_equal(stride % 8, 0);
            if (b == n || 8 * touched > 2 * n)
                assert_int_equal(stride, 8);
            else
                assert_true(stride * touched <= 2 * n && (stride + 8) * touched > 2 * n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_distinct_points),
        cmocka_unit_test(small_subsets_are_uniform),
        cmocka_unit_test(every_point_equally_often),
        cmocka_unit_test(overlaps_are_hypergeometric),
        cmocka_unit_test(streams_are_of_the_run_or_common),
        cmocka_unit_test(with_replacement_every_tuple),
        cmocka_unit_test(shuffle_every_order),
        cmocka_unit_test(shuffle_drops_the_rest),
        cmocka_unit_test(cyclic_windows),
        cmocka_unit_test(the_next_check),
        cmocka_unit_test(the_stride_goes_with_the_points_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
