/* Predicted steps of a run: model.md section 5, and fits to what runs took on grids of all samplings, both activations,
 * n = 2 .. 256 and eps = 0.02 .. 1 (16 seeds each; most cells within 1.2; tests/unit/test_sched_predict.c has some).
 * Nothing here is part of a run's bits, so libm is fine. */
#include "sgdsweep/sched.h"
#include "shape.h"
#include <math.h>

/* Above these eps nothing converges: full batches and batches without repeats oscillate up to EPS_BOUNDED and fly off
 * beyond; relu loses every active coordinate from EPS_DEAD on where nearly all points are in a batch. */
static const double EPS_OSCILLATES = 0.5;
static const double EPS_DEAD = 0.8;
static const double EPS_BOUNDED = 1.0;

/* Where batches are drawn the fits are medians, but what runs take adds up as means: 1.03 to 1.06 times as long (256
 * seeds of n = 8 .. 512, b = 1 .. n - 1, eps = 0.1 .. 0.4). */
static const double MEAN_OVER_MEDIAN = 1.045;

/* The walk's clock per step is k; l(eps) is the variance that one draw adds. */
static double walk_rate(double eps)
{
    double x = fmin(eps, 0.9);
    return -log1p(-x * x);
}

/* Active points expected at the start. */
static double active_points(const sgs_run *run)
{
    bool half = run->activation == SGS_RELU && run->init != SGS_INIT_ONES;
    return fmax(half ? 0.5 * run->n : run->n, 1.0);
}

/* Decades of the tolerance take ln(1 / tol) of these; a run at tol = 0 never gets here. */
static double ln_tolerance(const sgs_stop *stop)
{
    return -log(stop->tol);
}

/* Steps of the norm's own approach to 1, which a batch makes only when it holds the point: slow near eps = 1/2. */
static double settling(const sgs_run *run, const sgs_stop *stop)
{
    double rate = fabs(log(fabs(1 - 4 * fmin(run->eps, EPS_OSCILLATES))));
    return rate > 0 ? fmin(ln_tolerance(stop) / rate, 1e300) : 1e300;
}

/* Steps from a start of norm `scale` to a norm near 1. */
static double growth(const sgs_run *run)
{
    return fmax(-log(run->scale), 0) * run->n / (2 * run->eps * run->b);
}

static double predict_full(const sgs_run *run, const sgs_stop *stop)
{
    /* what is inactive or outside of the span shrinks at its own rate */
    bool rest = run->d > run->n || (run->activation == SGS_RELU && run->init != SGS_INIT_ONES);
    double shrinking = rest ? 0.83 * ln_tolerance(stop) / run->eps : 0;
    return fmax(shrinking, settling(run, stop)) + growth(run);
}

/* k * steps until the second largest |a_i| is tol of the largest: linear in log10(tol) through the two fitted points.
 */
static double walk_length(double ln_m, double tol)
{
    double decades = -log10(tol) - 6;
    return fmax(12.6 + 2.1 * ln_m + decades * (2.4 + 0.2 * ln_m), 1.0);
}

/* shuffle with a second batch in its epoch, and cyclic where b or n - b divides n: no diffusion, the points leave one
 * after the other. Larger windows of cyclic meet in fewer ways and separate sooner. */
static double ordered_length(const sgs_run *run, double walk, double ln_m)
{
    double m = active_points(run);
    double share = fmin(run->b, run->n - run->b) / (double)run->n;
    double length = fmax(walk, run->init == SGS_INIT_ONES ? 2 * m : 8.5 + 0.7 * m / fmax(ln_m, 1));

    double drift = 0.2 * ln_m * fmin(run->eps, EPS_OSCILLATES);
    if (run->init != SGS_INIT_ONES && 2 * (int64_t)run->b < run->n)
        length *= 1 + drift * (1 - 2 * share);
    else if (run->init != SGS_INIT_ONES && run->sampling == SGS_CYCLIC)
        length /= 1 + drift;
    if (run->sampling == SGS_CYCLIC && run->init != SGS_INIT_ONES && run->n > 2)
        length = fmin(length, 8 + 5 * log2(0.5 / share));
    return length;
}

/* Steps of the walk's clock for a length of it, where b points are drawn. */
static double walk_steps(const sgs_run *run, double length, double b)
{
    double n = run->n;
    double draws = run->sampling == SGS_WITH_REPLACEMENT ? b / n : b * (n - b) / (n * (n - 1));
    return length / (draws * walk_rate(run->eps));
}

/* Steps until one point is left. */
static double separation(const sgs_run *run, const sgs_stop *stop)
{
    double ln_m = log(active_points(run));
    double length = walk_length(ln_m, stop->tol);

    length = shape_is_ordered(run) ? ordered_length(run, length, ln_m) : MEAN_OVER_MEDIAN * length;
    return walk_steps(run, length, run->b);
}

/* Cyclic windows begin at multiples of g = gcd(n, b), and neighbours part in two of the n / g windows whatever b: the
 * last two take as long as with random batches of g. Before that points leave one after the other, by the batches' own
 * clock. Fitted on n / g = 8 .. 1001. */
static double separation_cyclic(const sgs_run *run, const sgs_stop *stop)
{
    double m = active_points(run);
    double g = run->n / (double)sgs_windows(run);

    if (run->b == g || run->n - run->b == g)
        return separation(run, stop);
    double last = (m < run->n ? 12.7 : 14.5) * walk_length(log(m), stop->tol) / walk_length(log(m), 1e-6);
    double first = run->init == SGS_INIT_ONES ? 0.5 * m : 0.5 * m / fmax(log(m), 1);
    return walk_steps(run, last, g) + walk_steps(run, first, run->b);
}

static double predict_sparse(const sgs_run *run, const sgs_stop *stop)
{
    double steps = run->sampling == SGS_CYCLIC ? separation_cyclic(run, stop) : separation(run, stop);

    if (run->eps > 0.45)
        steps = fmax(steps, 0.65 * run->n / run->b * settling(run, stop));
    return steps + growth(run);
}

/* With repeats and b > 1 the largest eps that converges falls with b/n, from 0.48 to 0.39; near it runs are slow, a
 * little above they oscillate to the end, further up they diverge. */
static double predict_repeats(const sgs_run *run, const sgs_stop *stop)
{
    double share = run->b / (double)run->n;
    double limit = 0.48 - 0.09 * share;

    if (run->eps < limit)
        return predict_sparse(run, stop) * (1 + 0.006 / (limit - run->eps));
    if (run->eps < limit + 0.06 - 0.055 * share || share < 0.1)
        return INFINITY;
    sgs_run tame = *run;
    tame.eps = 0.3;
    return predict_sparse(&tame, stop) * fmin(0.08 / (share * run->eps * run->eps), 20);
}

/* Above EPS_OSCILLATES, without repeats. */
static double predict_unstable(const sgs_run *run)
{
    bool dies = run->activation == SGS_RELU && run->eps >= EPS_DEAD && run->b >= 0.9 * run->n;
    return run->eps > EPS_BOUNDED || dies ? 100 + growth(run) : INFINITY;
}

double sgs_predict_steps(const sgs_run *run, const sgs_stop *stop)
{
    double limit = (double)stop->max_steps;
    double steps;

    if (stop->tol <= 0)
        return limit;
    if (run->sampling == SGS_WITH_REPLACEMENT && run->b > 1)
        steps = predict_repeats(run, stop);
    else if (run->eps > EPS_OSCILLATES)
        steps = predict_unstable(run);
    else
        steps = shape_is_full(run) ? predict_full(run, stop) : predict_sparse(run, stop);
    return fmin(limit, fmax(ceil(steps), 1));
}
