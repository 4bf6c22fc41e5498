/** @file auto.c
 *  The step limit behind `max_steps: auto`: 20 times the length that model.md section 5 predicts. It decides when a run
 *  ends, so it is part of the bits: logarithms by SLEEF, and frozen by the algorithm version. The schedule has its own,
 *  freely improvable prediction. */
#include "model/rule.h"
#include <math.h>
#include <sleef.h>

/** A rate of full-batch convergence below this is that of eps near 1/2, where there is none: 14 / 0.02 steps are enough
 * to see it. */
static const double SLOWEST_RATE = 0.02;

static double natural_log(double x)
{
    return Sleef_cinz_logd1_u10purec(x);
}

/** l(eps): the walk's variance per step in which one of a pair is drawn and the other is not. */
static double walk_rate(double eps)
{
    const double x = eps < 0.9 ? eps : 0.9;
    return -Sleef_cinz_log1pd1_u10purec(-(x * x));
}

static double full_batch_steps(double eps)
{
    const double rate = fabs(natural_log(fabs(1.0 - 4.0 * eps)));
    return fmax(14.0 / eps, 14.0 / (rate > SLOWEST_RATE ? rate : SLOWEST_RATE));
}

/** Steps from a dense point of norm 1 to one data point. */
static double sparse_steps(const sgs_run *run)
{
    const double n = run->n, b = run->b, m = fmax(2.0, run->activation == SGS_LINEAR ? n : n / 2.0);
    const bool walks = run->sampling == SGS_WITHOUT_REPLACEMENT || run->sampling == SGS_WITH_REPLACEMENT ||
                       (run->sampling == SGS_SHUFFLE && 2 * (int64_t)run->b > run->n);
    double k = walk_rate(run->eps) * b / n;
    if (run->sampling != SGS_WITH_REPLACEMENT)
        k *= (n - b) / (n - 1.0);
    double clock = 12.6 + 2.1 * natural_log(m);
    if (!walks)
        clock = fmax(clock, run->init == SGS_INIT_ONES ? 2.0 * m : 8.5 + 0.7 * m / natural_log(m));
    return clock / k;
}

int64_t sgs_auto_max_steps(const sgs_run *run)
{
    const double growth = run->scale < 1.0 ? -natural_log(run->scale) * run->n / (2.0 * run->eps * run->b) : 0.0;
    const double steps = sgs_gradient_is_full(run) ? full_batch_steps(run->eps) : sparse_steps(run);
    const double limit = ceil(20.0 * (steps + growth));
    return limit < (double)SGS_STEPS_MAX ? (int64_t)limit : SGS_STEPS_MAX;
}
