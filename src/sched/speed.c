/* Predicted seconds. A step's time is taken from a table that was fitted on one AVX-512 core, times what the nearest
 * measured shape of the same kind says about this machine; at a measured shape it is the measured time. */
#include "sched_private.h"
#include "shape.h"
#include <math.h>

/* How the kernel draws, as far as speed is concerned (src/model/batch.h, src/train/lanes.h). */
enum kind { KIND_FULL, KIND_SPARSE, KIND_DENSE, KIND_REPEATS, KIND_SHUFFLED, KIND_WINDOW, KINDS };

enum { WIDE_FROM_RUNS = 128 };

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
    return (sgs_speed){.run_s = 0.5e-6, .point_s = 28e-9, .vector = 8};
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

/* ---- trainers of few lanes ----------------------------------------------------------------------------------------
 */

/* Widths that the kernel comes in. */
static const int widths_lanes[SGS_WIDTHS] = {4, 8, 16, 32};

/* What a step of a trainer of each width costs, in steps of a run among 32, where a vector holds 8, 4 and 2 doubles:
 * measured on one machine each (tests/bench/widths.c). */
static const double width_cost[][KINDS][SGS_WIDTHS] = {{[KIND_FULL] = {0, 24, 27, 32},
                                                        [KIND_SPARSE] = {0, 10, 16, 32},
                                                        [KIND_DENSE] = {0, 9.2, 17, 32},
                                                        [KIND_REPEATS] = {0, 8.5, 16, 32},
                                                        [KIND_SHUFFLED] = {0, 8.5, 15.5, 32},
                                                        [KIND_WINDOW] = {0, 19, 25, 32}},
                                                       {[KIND_FULL] = {8.7, 10.3, 16, 32},
                                                        [KIND_SPARSE] = {4.7, 8.3, 16, 32},
                                                        [KIND_DENSE] = {4.8, 8.7, 16.5, 32},
                                                        [KIND_REPEATS] = {4.6, 8.7, 16.3, 32},
                                                        [KIND_SHUFFLED] = {4.3, 8.8, 16, 32},
                                                        [KIND_WINDOW] = {8, 11, 17, 32}},
                                                       {[KIND_FULL] = {7.2, 9.1, 17, 32},
                                                        [KIND_SPARSE] = {4, 8, 16, 32},
                                                        [KIND_DENSE] = {4.3, 8.1, 16.1, 32},
                                                        [KIND_REPEATS] = {4.1, 8.6, 16.3, 32},
                                                        [KIND_SHUFFLED] = {4.1, 8.1, 15.9, 32},
                                                        [KIND_WINDOW] = {5, 9, 18, 32}}};

/* Most lanes of a trainer for fewer than 128 runs, and for more (src/train/trainer.c). */
static int most_lanes(const sgs_run *run, bool many)
{
    enum kind kind = kind_of(run);
    bool few = touches_few(run, kind);
    int32_t wide = (few && kind == KIND_SPARSE) || kind == KIND_REPEATS ? 0 : few ? 512 : 128;
    int32_t near = kind == KIND_FULL ? 1 << 20 : few ? 1 << 14 : 512;

    return run->n > near ? 8 : run->n <= wide && many ? 32 : 16;
}

static int place_of(const sgs_widths *widths, int64_t lanes)
{
    int at = 0;

    while (at < widths->count - 1 && widths->lanes[at] < lanes)
        at++;
    return at;
}

sgs_widths sgs_predict_widths(const sgs_run *run, int vector)
{
    int row = vector >= 8 ? 0 : vector >= 4 ? 1 : 2;
    int first = vector >= 8 ? 1 : 0; /* there is no kernel narrower than a vector */
    const double *cost = width_cost[row][kind_of(run)];
    sgs_widths widths = {.count = SGS_WIDTHS - first};

    for (int at = 0; at < widths.count; at++)
        widths.lanes[at] = widths_lanes[first + at];
    widths.few = place_of(&widths, most_lanes(run, false));
    widths.many = place_of(&widths, most_lanes(run, true));
    for (int at = 0; at < widths.count; at++)
        widths.cost[at] = cost[first + at] / cost[first + widths.many] * widths.lanes[widths.many];
    return widths;
}

/* The width that a trainer of so many runs gets. */
static int width_for(const sgs_widths *widths, int64_t runs)
{
    int at = place_of(widths, runs);
    int most = runs >= WIDE_FROM_RUNS ? widths->many : widths->few;

    return at < most ? at : most;
}

int sgs_predict_lanes(const sgs_widths *widths, int64_t runs)
{
    return widths->lanes[width_for(widths, runs)];
}

double sgs_predict_slowdown(const sgs_widths *widths, int64_t together)
{
    int at = width_for(widths, together);

    return together < 1 ? 1 : widths->cost[at] / fmin((double)together, widths->lanes[at]);
}

double sched_takes_s(const sgs_widths *widths, int64_t runs)
{
    return (double)runs * sgs_predict_slowdown(widths, runs);
}

double sched_lanes_s(const sgs_widths *widths, int lanes)
{
    return widths->cost[place_of(widths, lanes)];
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
        sgs_widths widths = sgs_predict_widths(&run, speed->vector);
        sum.longest_s = fmax(sum.longest_s, walk_s * sgs_predict_slowdown(&widths, 1) + (run_s - walk_s));
    }
    return sum;
}
