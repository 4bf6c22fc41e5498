/* The two intervals (decide.h says which and why). */
#include "interval.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <math.h>

static struct interval outwards(double low, double high)
{
    return (struct interval){(int64_t)floor(fmin(fmax(low, 0), 1) * MILLION),
                             (int64_t)ceil(fmin(fmax(high, 0), 1) * MILLION)};
}

/* The lower end in millionths: the largest share at which so many successes or more have probability delta / 2 at most.
 * By bisection of the probability: gsl_cdf_beta_Pinv gives NaN or hangs for some thousands of runs and more, while
 * gsl_cdf_beta_P is good to a million of them. The factor keeps shares that fit exactly clear of the last bit. -1: the
 * probability cannot be had. */
static int64_t lower_end(int64_t successes, int64_t runs, double delta)
{
    double bound = delta / 2 * (1 - 1e-9);
    int64_t low = 0;

    for (int64_t high = successes > 0 ? MILLION : 1; high - low > 1;) {
        int64_t middle = (low + high) / 2;
        double p = gsl_cdf_beta_P((double)middle / MILLION, (double)successes, (double)(runs - successes) + 1);
        if (isnan(p))
            return -1;
        *(p <= bound ? &low : &high) = middle;
    }
    return low;
}

sgs_status interval_of_share(int64_t successes, int64_t runs, double delta, struct interval *interval, sgs_error *err)
{
    gsl_error_handler_t *before = gsl_set_error_handler_off();
    /* The upper end is one minus the lower end of the failures. */
    int64_t low = lower_end(successes, runs, delta);
    int64_t failures = lower_end(runs - successes, runs, delta);

    (void)gsl_set_error_handler(before);
    *interval = (struct interval){low, MILLION - failures};
    if (low >= 0 && failures >= 0)
        return SGS_OK;
    return sgs_fail(err, SGS_EFAIL, "no interval for %lld of %lld runs at %g", (long long)successes, (long long)runs,
                    1 - delta);
}

/* Mean and half width of the bound for m values in units whose sum and sum of squares are known exactly. */
static void bernstein(int64_t sum, wide squares, int64_t m, double log_term, double *mean, double *half)
{
    double unit = (double)SGS_EVIDENCE_UNIT;
    double runs = (double)m;
    wide spread = (wide)m * squares - (wide)sum * (wide)sum; /* m (m - 1) V, exact: below 2^104 */
    double variance = (double)spread / (runs * (runs - 1)) / (unit * unit);

    *mean = (double)sum / (runs * unit);
    *half =
        sqrt(2 * variance * log_term / runs) + 7 * log_term / (3 * (runs - 1)) + 2 / unit; /* of counting in units */
}

struct interval interval_of_mean(const sgs_evidence *evidence, double delta)
{
    double log_term = log(4 / delta);
    double mean;
    double half;
    int64_t unknown = evidence->unknown * SGS_EVIDENCE_UNIT;
    wide squares = evidence_squares(evidence);

    bernstein(evidence->sum, squares, evidence->runs, log_term, &mean, &half);
    double low = mean - half;
    bernstein(evidence->sum + unknown, squares + (wide)unknown * (wide)SGS_EVIDENCE_UNIT, evidence->runs, log_term,
              &mean, &half);
    return outwards(low, mean + half);
}
