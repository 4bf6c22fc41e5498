/** @file statistics.h
 *  Tests of randomness, shared by the programs that make them: every one rejects a true null hypothesis with
 *  probability SIGNIFICANCE, divided among all statistics of a program (Bonferroni: the program says how many there are
 * and fails if it made more). Seeds are fixed, so a program fails always or never; SGDSWEEP_TEST_SEED gives other ones.
 */
#ifndef SGS_TEST_STATISTICS_H
#define SGS_TEST_STATISTICS_H

#include "model/batch.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIGNIFICANCE 1e-3

static int statistics_planned, statistics_made;

/* The level of one statistic. */
static inline double level(void)
{
    return SIGNIFICANCE / statistics_planned;
}

/* p: how likely a true null hypothesis gives something at least as far off. */
static inline void assert_likely(const char *what, double p)
{
    statistics_made++;
    if (!(p >= level()))
        fail_msg("%s: probability %g, rejected below %g", what, p, level());
}

static inline void assert_all_planned(void **state)
{
    (void)state;
    if (statistics_made > statistics_planned)
        fail_msg("%d statistics, %d planned", statistics_made, statistics_planned);
}

/* Chi-square of counts against probabilities; neighbours are put together until 5 are expected. Far tails of
 * gsl_cdf_chisq_Q are right to many digits. */
static inline void assert_counts(const char *what, const int64_t *count, const double *probability, size_t cells)
{
    double statistic = 0.0, expected = 0.0, seen = 0.0, total = 0.0, freedom = -1.0, last_seen = 0.0, last = 0.0;
    for (size_t k = 0; k < cells; k++)
        total += (double)count[k];
    for (size_t k = 0; k < cells; k++) {
        expected += total * probability[k];
        seen += (double)count[k];
        if (expected < 5.0)
            continue;
        statistic += (seen - expected) * (seen - expected) / expected;
        last_seen = seen, last = expected;
        expected = seen = 0.0;
        freedom += 1.0;
    }
    if (expected > 0.0 || seen > 0.0) { /* what is left joins the last cell */
        statistic -= (last_seen - last) * (last_seen - last) / last;
        statistic += pow(last_seen + seen - last - expected, 2.0) / (last + expected);
    }
    assert_true(freedom >= 1.0);
    assert_likely(what, gsl_cdf_chisq_Q(statistic, freedom));
}

static inline void assert_equal_counts(const char *what, const int64_t *count, size_t cells)
{
    double statistic = 0.0, total = 0.0;
    for (size_t k = 0; k < cells; k++)
        total += (double)count[k];
    const double expected = total / (double)cells;
    assert_true(expected >= 5.0);
    for (size_t k = 0; k < cells; k++)
        statistic += pow((double)count[k] - expected, 2.0) / expected;
    assert_likely(what, gsl_cdf_chisq_Q(statistic, (double)cells - 1.0));
}

/* Rows and columns of a table of counts are independent, with the margins as they are. */
static inline void assert_independent(const char *what, const int64_t *count, size_t rows, size_t columns)
{
    double statistic = 0.0, total = 0.0;
    for (size_t k = 0; k < rows * columns; k++)
        total += (double)count[k];
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            double row = 0.0, column = 0.0;
            for (size_t k = 0; k < columns; k++)
                row += (double)count[r * columns + k];
            for (size_t k = 0; k < rows; k++)
                column += (double)count[k * columns + c];
            const double expected = row * column / total;
            assert_true(expected >= 5.0);
            statistic += pow((double)count[r * columns + c] - expected, 2.0) / expected;
        }
    assert_likely(what, gsl_cdf_chisq_Q(statistic, (double)((rows - 1) * (columns - 1))));
}

/* A sum of `count` independent numbers of mean 0 and variance 1, many enough to be normal. */
static inline void assert_normal_sum(const char *what, double sum, double count)
{
    assert_likely(what, 2.0 * gsl_cdf_ugaussian_Q(fabs(sum) / sqrt(count)));
}

static inline int ascending(const void *left, const void *right)
{
    const double u = *(const double *)left, v = *(const double *)right;
    return (u > v) - (u < v);
}

/* Kolmogorov and Smirnov: p[count], values of the supposed distribution function, sorted here. Stephens's correction
 * makes the limit law good to some percent from ten values on. */
static inline void assert_uniform(const char *what, double *p, int count)
{
    double distance = 0.0, q = 0.0;
    qsort(p, (size_t)count, sizeof *p, ascending);
    for (int i = 0; i < count; i++)
        distance = fmax(distance, fmax(p[i] - (double)i / count, (i + 1.0) / count - p[i]));
    const double root = sqrt((double)count), x = distance * (root + 0.12 + 0.11 / root);
    for (int k = 1; k <= 100; k++)
        q += (k % 2 ? 2.0 : -2.0) * exp(-2.0 * k * k * x * x);
    assert_likely(what, x < 0.2 ? 1.0 : q);
}

/* ---- a stream of ours as a generator of GSL ---------------------------------------------------------------------- */

typedef struct stream_state {
    sgs_key key;
    uint64_t purpose, block;
    threefry4x64_ctr_t words;
    int word;
} stream_state;

static inline void stream_set(void *state, unsigned long seed)
{
    stream_state *stream = state;
    stream->key = sgs_key_of(&seed, sizeof seed);
    stream->purpose = SGS_PURPOSE_BATCH;
    stream->block = 0;
    stream->word = 8;
}

static inline unsigned long stream_get(void *state)
{
    stream_state *stream = state;
    if (stream->word == 8) {
        stream->words =
            sgs_stream_block(stream->key.hi, stream->key.lo, stream->purpose, stream->block++, SGS_SUB_MAIN);
        stream->word = 0;
    }
    return sgs_stream_word(stream->words, stream->word++);
}

static inline double stream_get_double(void *state)
{
    return (double)stream_get(state) / 4294967296.0;
}

static const gsl_rng_type stream_type = {"sgdsweep", 0xffffffffu,      0, sizeof(stream_state), stream_set,
                                         stream_get, stream_get_double};

/* Continue at another key and purpose. */
static inline void stream_aim(gsl_rng *rng, sgs_key key, uint64_t purpose)
{
    stream_state *stream = gsl_rng_state(rng);
    stream->key = key;
    stream->purpose = purpose;
    stream->block = 0;
    stream->word = 8;
}

/* ---- fixtures ---------------------------------------------------------------------------------------------------- */

static int64_t first_seed = 20261123;

static inline int run_statistics(const struct CMUnitTest *tests, size_t count, int planned)
{
    const char *text = getenv("SGDSWEEP_TEST_SEED");
    statistics_planned = planned;
    if (text)
        first_seed = strtoll(text, NULL, 10);
    printf("SGDSWEEP_TEST_SEED=%lld\n", (long long)first_seed);
    return _cmocka_run_group_tests("statistics", tests, count, NULL, NULL);
}

#endif
