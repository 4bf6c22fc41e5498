/** @file test_batches.c
 *  The law of the batches, beyond the shapes of tests/unit/test_model_batch.c: every subset equally often where their
 * number is large enough to see both ways of drawing (sparse for min(b, n - b) <= 8, dense above), one step independent
 * of others, runs independent of each other, orders of shuffle, multiplicities with replacement. */
#include "statistics.h"

#include <gsl/gsl_sf_gamma.h>

enum { N_MAX = 64, SUBSETS_MAX = 184756 };

static sgs_run draws(sgs_sampling sampling, int32_t n, int32_t b)
{
    return (sgs_run){.sampling = sampling, .d = n, .n = n, .b = b, .eps = 0.1, .scale = 0.1, .seed = first_seed};
}

static uint64_t subset_of(const sgs_run *run, int64_t t)
{
    int32_t members[N_MAX];
    uint64_t scratch[N_MAX], subset = 0;
    sgs_batch_members(run, t, members, scratch);
    for (int k = 0; k < run->b; k++)
        subset |= 1ull << members[k];
    return subset;
}

static int32_t point_of(const sgs_run *run, int64_t t)
{
    int32_t members[N_MAX];
    uint64_t scratch[N_MAX];
    sgs_batch_members(run, t, members, scratch);
    return members[0];
}

/* Rank of a subset among those of its size: the sum of C(i, k) over its points i in ascending order, k = 1, 2, ... */
static size_t rank_of(uint64_t subset)
{
    static size_t choose[N_MAX][N_MAX];
    if (choose[0][0] == 0)
        for (int i = 0; i < 32; i++)
            for (int k = 0; k <= i; k++)
                choose[i][k] = i == 0 || k == 0 || k == i ? 1 : choose[i - 1][k - 1] + choose[i - 1][k];
    size_t rank = 0;
    for (int k = 1; subset != 0; subset &= subset - 1, k++) {
        const int i = __builtin_ctzll(subset);
        rank += k <= i ? choose[i][k] : 0;
    }
    return rank;
}

/* ---- without replacement ----------------------------------------------------------------------------------------- */

static const int32_t shapes[][2] = {{4, 2},   {9, 4},  {12, 3},  {12, 9}, {16, 8},  {24, 4},
                                    {24, 21}, {18, 9}, {19, 10}, {20, 9}, {20, 11}, {20, 10}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Counts of single points, which see a small bias that is spread over many subsets. They add up to b a step, so that
 * (n-1)/n sum (c_i - T p)^2 / (T p (1-p)) is chi-square with n - 1 degrees. */
static void assert_points(const sgs_run *run, const int64_t *point, int64_t steps)
{
    const double n = run->n, p = run->b / n, T = (double)steps;
    double statistic = 0.0;
    for (int i = 0; i < run->n; i++)
        statistic += pow((double)point[i] - T * p, 2.0) / (T * p * (1.0 - p)) * (n - 1.0) / n;
    assert_likely("points", gsl_cdf_chisq_Q(statistic, n - 1.0));
}

static void every_subset_equally_often(void **state)
{
    (void)state;
    static int64_t count[SUBSETS_MAX];
    int dense = 0;
    for (int k = 0; k < SHAPES; k++) {
        const sgs_run run = draws(SGS_WITHOUT_REPLACEMENT, shapes[k][0], shapes[k][1]);
        const size_t subsets = (size_t)(gsl_sf_choose((unsigned)run.n, (unsigned)run.b) + 0.5);
        const int64_t steps = 6 * (int64_t)subsets + 20000;
        int64_t point[N_MAX] = {0};
        memset(count, 0, sizeof count);
        for (int64_t t = 0; t < steps; t++) {
            const uint64_t subset = subset_of(&run, t);
            count[rank_of(subset)]++;
            for (uint64_t left = subset; left != 0; left &= left - 1)
                point[__builtin_ctzll(left)]++;
        }
        char what[64];
        snprintf(what, sizeof what, "subsets, n = %d, b = %d", run.n, run.b);
        assert_equal_counts(what, count, subsets);
        assert_points(&run, point, steps);
        dense += sgs_draws_dense(run.n, sgs_drawn(run.n, run.b));
    }
    assert_int_equal(dense, 5);
}

/* Pairs of batches `lag` steps apart that do not overlap; steps 8 k .. 8 k + 7 share blocks of random words. */
static void steps_are_independent(void **state)
{
    (void)state;
    static const int64_t lags[] = {1, 2, 3, 4, 7, 8, 9, 64, 1000003};
    const sgs_run small = draws(SGS_WITHOUT_REPLACEMENT, 5, 2), dense = draws(SGS_WITHOUT_REPLACEMENT, 20, 10);
    for (size_t k = 0; k < sizeof lags / sizeof *lags; k++) {
        int64_t table[100] = {0}, overlap[11] = {0};
        double probability[11];
        for (int64_t block = 0; block < 8000; block++) {
            const int64_t t = block / lags[k] * 2 * lags[k] + block % lags[k];
            table[rank_of(subset_of(&small, t)) * 10 + rank_of(subset_of(&small, t + lags[k]))]++;
            overlap[__builtin_popcountll(subset_of(&dense, t) & subset_of(&dense, t + lags[k]))]++;
        }
        for (unsigned j = 0; j <= 10; j++)
            probability[j] = gsl_ran_hypergeometric_pdf(j, 10, 10, 10);
        assert_equal_counts("sparse batches, lag", table, 100);
        assert_counts("dense batches, lag", overlap, probability, 11);
    }
}

/* Runs that differ in one thing only. */
static void runs_are_independent(void **state)
{
    (void)state;
    const sgs_run run = draws(SGS_WITHOUT_REPLACEMENT, 5, 2);
    sgs_run others[9] = {run, run, run, run, run, run, run, run, run};
    others[0].seed++, others[1].seed += 1LL << 32, others[2].eps = nextafter(run.eps, 1.0), others[3].eps *= 2.0;
    others[4].activation = SGS_RELU, others[5].d++, others[6].scale *= 0.5, others[7].init = SGS_INIT_ONES;
    others[8].init_seed++;
    for (int k = 0; k < 9; k++) {
        int64_t table[100] = {0};
        for (int64_t t = 0; t < 8000; t++)
            table[rank_of(subset_of(&run, t)) * 10 + rank_of(subset_of(&others[k], t))]++;
        assert_equal_counts("two runs", table, 100);
    }
}

/* A step over many seeds is as random as a seed over many steps. */
static void seeds_are_independent(void **state)
{
    (void)state;
    static const int64_t steps[] = {0, 1, 7, 8, 123456789};
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        int64_t count[20] = {0}, table[100] = {0};
        sgs_run one = draws(SGS_WITHOUT_REPLACEMENT, 20, 1), pair = draws(SGS_WITHOUT_REPLACEMENT, 5, 2);
        for (int64_t seed = 0; seed < 8000; seed++) {
            one.seed = first_seed + seed;
            pair.seed = first_seed + 2 * seed;
            count[point_of(&one, steps[k])]++;
            const size_t rank = rank_of(subset_of(&pair, steps[k]));
            pair.seed++;
            table[rank * 10 + rank_of(subset_of(&pair, steps[k]))]++;
        }
        assert_equal_counts("one step of many seeds", count, 20);
        assert_equal_counts("neighbouring seeds", table, 100);
    }
}

/* The start of a run tells nothing of its first batch, nor of the point that is drawn first. */
static void the_start_tells_nothing_of_the_batches(void **state)
{
    (void)state;
    enum { POINTS = 5, QUARTERS = 4 };
    int64_t table[POINTS][QUARTERS * POINTS] = {{0}};
    sgs_run run = draws(SGS_WITHOUT_REPLACEMENT, POINTS, 1);
    for (int64_t seed = 0; seed < 8000; seed++) {
        double a[POINTS], outside;
        run.seed = run.init_seed = first_seed + seed;
        sgs_start(&run, a, &outside);
        const int32_t first = point_of(&run, 0);
        for (int i = 0; i < POINTS; i++) {
            const double p = gsl_cdf_gaussian_P(a[i], run.scale / sqrt(POINTS));
            table[i][(int)(p * QUARTERS) % QUARTERS * POINTS + first]++;
        }
    }
    for (int i = 0; i < POINTS; i++)
        assert_independent("a coordinate of the start and the first point drawn", table[i], QUARTERS, POINTS);
}

/* ---- shuffle ----------------------------------------------------------------------------------------------------- */

/* Points at two places of an epoch's order: every ordered pair equally often. */
static void shuffle_pairs(void **state)
{
    (void)state;
    enum { N = 30 };
    static const int places[][2] = {{0, 1}, {1, 2}, {7, 8}, {0, 29}, {28, 29}, {3, 17}};
    static int64_t count[N * (N - 1)];
    const sgs_run run = draws(SGS_SHUFFLE, N, 1);
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        memset(count, 0, sizeof count);
        for (int64_t epoch = 0; epoch < 10000; epoch++) {
            const int32_t i = point_of(&run, N * epoch + places[k][0]), j = point_of(&run, N * epoch + places[k][1]);
            assert_int_not_equal(i, j);
            count[i * (N - 1) + j - (j > i)]++;
        }
        assert_equal_counts("ordered pairs", count, N * (N - 1));
    }
}

/* Batches of an epoch: the points of the lower half in the first two have the law of drawing 2 b without replacement.
 */
static void shuffle_batches_of_an_epoch(void **state)
{
    (void)state;
    enum { N = 26, B = 6, HALF = 13 };
    const sgs_run run = draws(SGS_SHUFFLE, N, B);
    int64_t count[(B + 1) * (B + 1)] = {0};
    double probability[(B + 1) * (B + 1)];
    for (int64_t epoch = 0; epoch < 20000; epoch++) {
        const uint64_t lower = (1ull << HALF) - 1, one = subset_of(&run, 4 * epoch),
                       two = subset_of(&run, 4 * epoch + 1);
        assert_true((one & two) == 0);
        count[__builtin_popcountll(one & lower) * (B + 1) + __builtin_popcountll(two & lower)]++;
    }
    for (unsigned x = 0; x <= B; x++)
        for (unsigned y = 0; y <= B; y++)
            probability[x * (B + 1) + y] = gsl_ran_hypergeometric_pdf(x, HALF, N - HALF, B) *
                                           gsl_ran_hypergeometric_pdf(y, HALF - x, N - HALF - B + x, B);
    assert_counts("lower halves of two batches", count, probability, (B + 1) * (B + 1));
}

/* 24 orders in one epoch and in the next: all pairs of orders equally often; at n = 4, b = 2 pairs of first batches. */
static void shuffle_epochs_are_independent(void **state)
{
    (void)state;
    static int64_t table[24 * 24];
    int64_t first[36] = {0};
    const sgs_run run = draws(SGS_SHUFFLE, 4, 1), pairs = draws(SGS_SHUFFLE, 4, 2);
    for (int64_t k = 0; k < 12000; k++) {
        size_t order[2];
        for (int64_t e = 0; e < 2; e++) {
            int32_t p[4];
            for (int64_t place = 0; place < 4; place++)
                p[place] = point_of(&run, 4 * (2 * k + e) + place);
            order[e] = (size_t)(6 * p[0] + 2 * (p[1] - (p[1] > p[0])) + (p[2] > p[3]));
        }
        table[24 * order[0] + order[1]]++;
        first[6 * rank_of(subset_of(&pairs, 4 * k)) + rank_of(subset_of(&pairs, 4 * k + 2))]++;
    }
    assert_equal_counts("orders of two epochs", table, (size_t)24 * 24);
    assert_equal_counts("first batches of two epochs", first, 36);
}

/* ---- with replacement -------------------------------------------------------------------------------------------- */

/* Probability of `distinct` different points among b draws from n: the occupancy law, by its recursion. */
static double occupancy(int n, int b, int distinct)
{
    double p[N_MAX + 1] = {1.0};
    for (int draw = 0; draw < b; draw++)
        for (int k = b; k >= 0; k--)
            p[k] = p[k] * k / n + (k > 0 ? p[k - 1] * (n - k + 1) / n : 0.0);
    return p[distinct];
}

static void multiplicities(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{3, 5}, {20, 20}, {33, 7}, {20, 40}};
    for (int s = 0; s < 4; s++) {
        const int32_t n = sizes[s][0], b = sizes[s][1];
        sgs_run run = draws(SGS_WITH_REPLACEMENT, n, b);
        int64_t of_last[N_MAX + 1] = {0}, distinct[N_MAX + 1] = {0};
        double binomial[N_MAX + 1], occupied[N_MAX + 1];
        for (int64_t t = 0; t < 20000; t++) {
            int32_t members[N_MAX], times[N_MAX] = {0};
            uint64_t scratch[N_MAX];
            int different = 0;
            sgs_batch_members(&run, t, members, scratch);
            for (int k = 0; k < b; k++)
                different += times[members[k]]++ == 0;
            of_last[times[n - 1]]++, distinct[different]++;
        }
        for (int k = 0; k <= b; k++) {
            binomial[k] = gsl_ran_binomial_pdf((unsigned)k, 1.0 / n, (unsigned)b);
            occupied[k] = occupancy(n, b, k);
        }
        assert_counts("times of the last point", of_last, binomial, (size_t)b + 1);
        assert_counts("different points", distinct, occupied, (size_t)b + 1);
    }
}

/* Draws of a batch are independent: first and last of a step, last of a step and first of the next. */
static void draws_are_independent(void **state)
{
    (void)state;
    enum { N = 10 };
    static const int32_t sizes[] = {2, 5, 8, 40};
    for (int s = 0; s < 4; s++) {
        sgs_run run = draws(SGS_WITH_REPLACEMENT, N, sizes[s]);
        int64_t within[N * N] = {0}, across[N * N] = {0};
        int32_t last = 0;
        for (int64_t t = 0; t < 16000; t++) {
            int32_t members[N_MAX];
            uint64_t scratch[N_MAX];
            sgs_batch_members(&run, t, members, scratch);
            within[members[0] * N + members[run.b - 1]]++;
            if (t % 2)
                across[last * N + members[0]]++;
            last = members[run.b - 1];
        }
        assert_equal_counts("draws of a step", within, (size_t)N * N);
        assert_equal_counts("draws of two steps", across, (size_t)N * N);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_subset_equally_often),
        cmocka_unit_test(steps_are_independent),
        cmocka_unit_test(runs_are_independent),
        cmocka_unit_test(seeds_are_independent),
        cmocka_unit_test(the_start_tells_nothing_of_the_batches),
        cmocka_unit_test(shuffle_pairs),
        cmocka_unit_test(shuffle_batches_of_an_epoch),
        cmocka_unit_test(shuffle_epochs_are_independent),
        cmocka_unit_test(multiplicities),
        cmocka_unit_test(draws_are_independent),
        cmocka_unit_test(assert_all_planned),
    };
    return run_statistics(tests, sizeof tests / sizeof *tests, 2 * SHAPES + 2 * 9 + 9 + 2 * 5 + 5 + 6 + 1 + 2 + 8 + 8);
}
