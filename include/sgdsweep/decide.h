/** @file decide.h
 *  Early stopping by precision: when has a cell enough seeds? (grid.h, `seed: until`.) Nothing is collective.
 *
 *  Seeds are added at fixed looks on contiguous prefixes of the seed axis. A decision is a function of the runs of such
 *  a prefix alone, and of integer sums over them, which do not depend on the order of adding: so it is the same for any
 *  number of ranks, any order of arrival and any interruption, and can be derived again from the file.
 *
 *  With L looks at confidence 1 - alpha every look has its interval at 1 - alpha / L, so that all of them hold together
 *  with probability 1 - alpha at least, and with them the one at which a cell stops, whichever that is. That is for
 * each cell, not for all cells together.
 *
 *  - Shares (`sparse`, `converged`, at_least, at_most): the exact interval of Clopper and Pearson (Biometrika 26,
 * 1934). A run that did not converge is no success.
 *  - Means: the empirical Bernstein bound of Maurer and Pontil (COLT 2009, Theorem 4) on the known range, on both sides
 *    at half of the error: mean +- sqrt(2 V ln(4 / delta) / m) + 7 ln(4 / delta) / (3 (m - 1)) for values in [0, 1], V
 *    their sample variance, delta = alpha / L. A run that did not converge, or has no value, counts as the lowest value
 *    for the lower end and as the highest for the upper end: so the interval holds for the mean over converged runs,
 * and for the mean over all runs whatever value the others are given.
 *
 *  Ends are rounded outwards to a millionth of the range: they must not depend on the last bit of a library's
 * logarithm, which differs between processors. */
#ifndef SGDSWEEP_DECIDE_H
#define SGDSWEEP_DECIDE_H

#include "sgdsweep/grid.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What some runs of one cell say. All zero: nothing. Values are counted in 2^-32 of the range. */
typedef struct sgs_evidence {
    int64_t runs;                       /**< finished ones that were added */
    int64_t unknown;                    /**< of them, those without a value (means only) */
    int64_t sum;                        /**< of values; of a share: successes times 2^32 */
    uint64_t squares_high, squares_low; /**< sum of squares, 128 bits */
} sgs_evidence;

typedef enum sgs_precision {
    SGS_PRECISION_OPEN = 0,       /**< not decided yet, or skipped */
    SGS_PRECISION_REACHED = 1,    /**< precise enough */
    SGS_PRECISION_NOT_REACHED = 2 /**< not at the last look either */
} sgs_precision;

/** "open", "reached", "not_reached". */
const char *sgs_precision_name(sgs_precision precision);

/** What was decided for a cell. */
typedef struct sgs_decision {
    int8_t precision; /**< sgs_precision */
    int32_t looks;    /**< used; 0 while open */
    int64_t seeds;    /**< used: the first so many of the axis; 0 while open */
    double estimate;  /**< the share, or the mean over the converged runs (NaN without any); NaN while open */
    double low, high; /**< its interval, units of the measure; NaN while open */
} sgs_decision;

/** The decision that is none. */
sgs_decision sgs_decision_open(void);

/** The same decision; NaN equals NaN. */
bool sgs_decision_equal(const sgs_decision *a, const sgs_decision *b);

/** Add a finished run of a cell. grid: with a rule. */
void sgs_evidence_add(const sgs_grid *grid, int64_t cell, const sgs_result *result, sgs_evidence *evidence);

/** Add other evidence of the same cell. */
void sgs_evidence_join(sgs_evidence *evidence, const sgs_evidence *other);

/** Decide at a look (0 is the first) from all the runs up to it: decision is open if the next look is needed.
 *  @return SGS_OK; SGS_ERANGE: evidence is not of as many runs as the look has; SGS_EFAIL: a quantile cannot be had */
sgs_status sgs_decide(const sgs_grid *grid, int64_t cell, int look, const sgs_evidence *evidence,
                      sgs_decision *decision, sgs_error *err);

/** The interval at a number of runs, on the range of the cell, as sgs_decide takes it.
 *  @return SGS_OK; SGS_EFAIL */
sgs_status sgs_decide_interval(const sgs_grid *grid, int64_t cell, const sgs_evidence *evidence, double *low,
                               double *high, sgs_error *err);

/** Where a cell stands: look by look over its runs as far as they are there without a gap. */
typedef struct sgs_standing {
    sgs_decision decision; /**< open if runs are missing */
    int look;              /**< open: the look whose runs are not all there */
    int64_t missing;       /**< open: how many runs up to that look are not finished */
    sgs_evidence evidence; /**< open: of the others up to that look */
} sgs_standing;

/** Derive it from the status and the value (sgs_decide_measure) of every run of a cell, in seed order; [seeds].
 *  @return SGS_OK; SGS_EFAIL */
sgs_status sgs_decide_cell(const sgs_grid *grid, int64_t cell, const int8_t *status, const sgs_value *values,
                           sgs_standing *standing, sgs_error *err);

/** The measure that the rule of a grid looks at. */
sgs_measure sgs_decide_measure(const sgs_grid *grid);

#ifdef __cplusplus
}
#endif
#endif
