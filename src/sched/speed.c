/* Predicted seconds. A step's time is taken from a table that was fitted on one AVX-512 core, times what the nearest
 * measured shape of the same kind says about this machine; at a measured shape it is the measured time. */
#include "sched_private.h"
#include "shape.h"
#include <math.h>

/* How the kernel draws, as far as speed is concerned (src/model/batch.h, src/train/lanes.h). */
enum kind { KIND_FULL, KIND_SPARSE, KIND_DENSE, KIND_REPEATS, KIND_SHUFFLED, KIND_WINDOW };

static const int32_t FAR_POINTS = 16384; /* coordinates of 8 lanes do not fit in the second cache from here on */
static const double FAR_AWAY = 3;        /* natural logarithm of a distance at which a measured shape says little */

static enum kind kind_of(const sgs_run *run)
{
    int64_t drawn = run->b < run->n - run->b ? run->b : run->n - run->b;

    if (shape_is_full(run))
        return KIND_FULL;
    if (run->sampling == SGS_WITH_REPLACEMENT)
        return KIND_REPEATS;
    if (run->sampling == SGS_CYCLIC)
        return KIND_WINDOW;
    if (shape_is_ordered(run))
        return KIND_SHUFFLED;
    return drawn > 8 && 6 * drawn >= run->n ? KIND_DENSE : KIND_SPARSE;
}

/* Points that a step touches. */
static double touched(const sgs_run *run, enum kind kind)
{
    if (kind == KIND_FULL)
        return 0;
    if (kind == KIND_REPEATS || kind == KIND_SHUFFLED)
        return run->b;
    return fmin(run->b, run->n - run->b);
}

/* A step draws so few points that it does not matter in which cache they are. */
static bool touches_few(const sgs_run *run, enum kind kind)
{
    return kind == KIND_FULL || (kind == KIND_REPEATS ? run->b : fmin(run->b, run->n - run->b)) <= 4;
}

/* Nanoseconds of a step of one run where all lanes are busy, on the machine that the fits were made on. */
static double reference_ns(const sgs_run *run)
{
    enum kind kind = kind_of(run);
    double n = run->n;
    double m = touched(run, kind);
    double decades = fmax(log10(n / 100), 0);
    bool is_small = run->n <= 128;
    bool is_far = run->n > FAR_POINTS;

    switch (kind) {
    case KIND_SPARSE: /* more than 32 points are told apart by marks */
        return 0.3 + m * (1.35 + (touches_few(run, kind) && !is_far ? 0.25 : 0.6) * decades + (m > 32 ? 1.3 : 0));
    case KIND_DENSE:
        return is_far ? 0.72 * n : n * (0.4 + 1.5 / sqrt(n));
    case KIND_REPEATS:
        return 0.6 + m * (is_far ? 4.5 + (m > 32 ? 2 : 0) : 2.45 + (m > 32 ? 1.8 : 0.8) * decades);
    case KIND_SHUFFLED:
        return is_far ? 6.5 * m : 1.2 + m * (is_small ? 2.75 : 3.3);
    case KIND_WINDOW:
        return 1.15 + m * (is_far ? 0.9 : 0.24 + 0.25 * decades);
    case KIND_FULL:
    default:
        return run->n <= 512 ? 0.86 : 1.45;
    }
}

static double distance(const sgs_run *run, const sgs_run *other, enum kind kind)
{
    return fabs(log((double)run->n / other->n)) + fabs(log((touched(run, kind) + 1) / (touched(other, kind) + 1)));
}

/* The nearest measured shape of the same kind and what it makes of the reference; without one, the mean of all. */
static double machine_factor(const sgs_run *run, const sgs_speed *speed)
{
    enum kind kind = kind_of(run);
    double nearest = INFINITY;
    double factor = 1;
    double all = 0;

    for (int i = 0; i < speed->shapes; i++) {
        const sgs_run shape = {.sampling = speed->shape[i].sampling, .n = speed->shape[i].n, .b = speed->shape[i].b};
        double here = 1e9 * speed->shape[i].step_s / reference_ns(&shape);
        all += log(here) / speed->shapes;
        if (kind_of(&shape) != kind || distance(run, &shape, kind) >= nearest)
            continue;
        nearest = distance(run, &shape, kind);
        factor = here;
    }
    double weight = fmin(nearest / FAR_AWAY, 1);
    return speed->shapes ? exp((1 - weight) * log(factor) + weight * all) : 1;
}

sgs_speed sgs_speed_default(void)
{
    return (sgs_speed){.run_s = 0.5e-6, .point_s = 28e-9};
}

bool sgs_speed_add(sgs_speed *speed, sgs_shape_speed shape)
{
    if (speed->shapes == SGS_SPEED_SHAPES || shape.b < 1 || shape.b > shape.n || !(shape.step_s > 0))
        return false;
    speed->shape[speed->shapes++] = shape;
    return true;
}

double sgs_predict_step_seconds(const sgs_run *run, const sgs_speed *speed)
{
    return 1e-9 * reference_ns(run) * machine_factor(run, speed);
}

double sgs_predict_seconds(const sgs_run *run, const sgs_stop *stop, const sgs_speed *speed)
{
    double steps = sgs_predict_steps(run, stop);
    return speed->run_s + speed->point_s * run->n + sgs_predict_step_seconds(run, speed) * steps;
}

/* Widths that the kernel comes in, where a vector holds 8 lanes. */
static const int widths[] = {8, 16, 32};
enum { WIDTHS = sizeof widths / sizeof widths[0], WIDE_FROM_RUNS = 128 };

/* What a step of a trainer of each width costs, in steps of a run among 32: measured on the machine of the fits. */
static const double width_cost[][WIDTHS] = {
    [KIND_FULL] = {24, 27, 32},     [KIND_SPARSE] = {10, 16, 32},      [KIND_DENSE] = {9.2, 17, 32},
    [KIND_REPEATS] = {8.5, 16, 32}, [KIND_SHUFFLED] = {8.5, 15.5, 32}, [KIND_WINDOW] = {19, 25, 32}};

/* Most lanes of a trainer for so many runs (src/train/trainer.c). */
static int most_lanes(const sgs_run *run, int64_t runs)
{
    enum kind kind = kind_of(run);
    bool few = touches_few(run, kind);
    int32_t wide = (few && kind == KIND_SPARSE) || kind == KIND_REPEATS ? 0 : few ? 512 : 128;
    int32_t near = kind == KIND_FULL ? 1 << 20 : few ? 1 << 14 : 512;

    return run->n > near ? 8 : run->n <= wide && runs >= WIDE_FROM_RUNS ? 32 : 16;
}

int sgs_predict_lanes(const sgs_run *run, int64_t runs)
{
    int most = most_lanes(run, runs);
    int at = 0;

    while (at < WIDTHS - 1 && widths[at] < most && widths[at] < runs)
        at++;
    return widths[at];
}

/* Cost of a step of a trainer with so many lanes, in steps of a run with all lanes busy. */
static double step_cost(const sgs_run *run, int lanes)
{
    const double *cost = width_cost[kind_of(run)];
    int most = most_lanes(run, WIDE_FROM_RUNS);
    int at = 0;
    int last = 0;

    while (at < WIDTHS - 1 && widths[at] < lanes)
        at++;
    while (last < WIDTHS - 1 && widths[last] < most)
        last++;
    return cost[at] / cost[last] * most;
}

double sgs_predict_slowdown(const sgs_run *run, int64_t together)
{
    int lanes = sgs_predict_lanes(run, together);

    if (together < 1)
        return 1;
    return step_cost(run, lanes) / fmin((double)together, lanes);
}

double sched_takes_s(const sgs_run *run, int64_t runs)
{
    return (double)runs * sgs_predict_slowdown(run, runs);
}

/* ---- a whole grid -------------------------------------------------------------------------------------------------
 */

sgs_forecast sgs_forecast_grid(const sgs_grid *grid, const sgs_speed *speed)
{
    int64_t seeds = sgs_grid_axis_size(grid, SGS_AXIS_SEED);
    int64_t strip_first = 0;
    int64_t strip_runs = 1;
    double step_s = 0;
    sgs_forecast sum = {.runs = sgs_grid_runs(grid), .cells = sgs_grid_runs(grid) / seeds};

    sgs_grid_strip(grid, 0, &strip_first, &strip_runs);
    for (int64_t cell = 0; cell < sum.cells; cell++) {
        sgs_run run;
        sgs_stop stop;
        if (!sgs_grid_run(grid, cell * seeds, &run, &stop)) {
            sum.skipped += seeds;
            continue;
        }
        if (step_s == 0 || cell * seeds % strip_runs == 0)
            step_s = sgs_predict_step_seconds(&run, speed);
        double walk_s = step_s * sgs_predict_steps(&run, &stop);
        double run_s = speed->run_s + speed->point_s * run.n + walk_s;
        sum.seconds += run_s * (double)seeds;
        sum.longest_s = fmax(sum.longest_s, walk_s * sgs_predict_slowdown(&run, 1) + (run_s - walk_s));
    }
    return sum;
}
