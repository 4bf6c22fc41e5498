/* The cost model: predicted steps of a run (model.md section 5) and seconds on a machine of known speed. Nothing here
 * is part of a run's bits, so libm is fine. */
#include "sgdsweep/sched.h"
#include <math.h>

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

/* k * steps until the second largest |a_i| is tol of the largest: linear in log10(tol) through the two fitted points.
 */
static double walk_length(double ln_m, double tol)
{
    double decades = -log10(tol) - 6;
    return fmax(12.6 + 2.1 * ln_m + decades * (2.4 + 0.2 * ln_m), 1.0);
}

static double predict_full(const sgs_run *run, double tol)
{
    double eps = run->eps;
    double ln_tol = -log(tol);
    double rate = fabs(log(fabs(1 - 4 * eps)));
    double growth = fmax(-log(run->scale), 0) / (2 * eps);
    return fmax(ln_tol / eps, rate > 0 ? ln_tol / rate : 0) + growth;
}

static bool is_full_batch(const sgs_run *run)
{
    return run->n == 1 || (run->b == run->n && run->sampling != SGS_WITH_REPLACEMENT);
}

/* shuffle with a second batch in its epoch, and cyclic: no diffusion, the points leave one after the other. */
static bool is_ordered(const sgs_run *run)
{
    return run->sampling == SGS_CYCLIC || (run->sampling == SGS_SHUFFLE && 2 * (int64_t)run->b <= run->n);
}

static double predict_sparse(const sgs_run *run, double tol)
{
    double n = run->n;
    double b = run->b;
    double m = active_points(run);
    double ln_m = log(m);
    double draws = run->sampling == SGS_WITH_REPLACEMENT ? b / n : b * (n - b) / (n * (n - 1));
    double length = walk_length(ln_m, tol);

    if (is_ordered(run))
        length = fmax(length, run->init == SGS_INIT_ONES ? 2 * m : 8.5 + 0.7 * m / fmax(ln_m, 1));
    double growth = fmax(-log(run->scale), 0) * n / (2 * run->eps * b);
    return length / (draws * walk_rate(run->eps)) + growth;
}

double sgs_predict_steps(const sgs_run *run, const sgs_stop *stop)
{
    double limit = (double)stop->max_steps;
    double steps;

    if (stop->tol <= 0)
        return limit;
    if (run->eps >= 0.8) /* diverges or dies on its way up */
        return fmin(limit, 100 + fmax(-log(run->scale), 0) * run->n / (2 * run->eps * run->b));
    if (run->eps > 0.5) /* oscillates for ever, usually */
        return limit;
    steps = is_full_batch(run) ? predict_full(run, stop->tol) : predict_sparse(run, stop->tol);
    return fmin(limit, ceil(steps));
}

sgs_speed sgs_speed_default(void)
{
    return (sgs_speed){.step_s = 2e-9, .member_s = 3e-9, .run_s = 1e-6, .point_s = 60e-9};
}

static double members_touched(const sgs_run *run)
{
    if (is_full_batch(run))
        return 0;
    if (run->sampling == SGS_WITHOUT_REPLACEMENT)
        return fmin(run->b, run->n - run->b);
    return run->b;
}

double sgs_predict_seconds(const sgs_run *run, const sgs_stop *stop, const sgs_speed *speed)
{
    double per_step = speed->step_s + speed->member_s * members_touched(run);
    return speed->run_s + speed->point_s * run->n + per_step * sgs_predict_steps(run, stop);
}

sgs_forecast sgs_forecast_grid(const sgs_grid *grid, const sgs_speed *speed)
{
    int64_t seeds = sgs_grid_axis_size(grid, SGS_AXIS_SEED);
    sgs_forecast sum = {.runs = sgs_grid_runs(grid), .cells = sgs_grid_runs(grid) / seeds};

    for (int64_t cell = 0; cell < sum.cells; cell++) {
        sgs_run run;
        sgs_stop stop;
        if (!sgs_grid_run(grid, cell * seeds, &run, &stop)) {
            sum.skipped += seeds;
            continue;
        }
        double run_s = sgs_predict_seconds(&run, &stop, speed);
        sum.seconds += run_s * (double)seeds;
        sum.longest_s = fmax(sum.longest_s, run_s);
    }
    return sum;
}
