#include "speed.h"
#include "bench_measure.h"
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { MEASURED_SHAPES = 24, REPEATS = 3 };
static const double TAME_EPS = 0.01; /* no run ends or leaves the basin */

/* ---- from a file --------------------------------------------------------------------------------------------------
 */

static bool sampling_of(const json_t *object, sgs_sampling *sampling)
{
    const char *name = json_string_value(json_object_get(object, "sampling"));
    for (int i = 0; name && i < SGS_SAMPLINGS; i++) {
        if (strcmp(name, sgs_sampling_name((sgs_sampling)i)) == 0) {
            *sampling = (sgs_sampling)i;
            return true;
        }
    }
    return false;
}

/* One row of "steps"; its full batch is one for every sampling that has it. */
static bool add_row(const json_t *row, sgs_sampling sampling, sgs_speed *speed)
{
    json_int_t n = json_integer_value(json_object_get(row, "n"));
    json_int_t b = json_integer_value(json_object_get(row, "b"));
    double ns = json_number_value(json_object_get(row, "ns"));

    return n >= 1 && n <= INT32_MAX && b >= 1 && b <= n &&
           sgs_speed_add(speed, (sgs_shape_speed){sampling, (int32_t)n, (int32_t)b, 1e-9 * ns});
}

static bool read_rows(const json_t *root, sgs_speed *speed)
{
    const json_t *vector = json_object_get(root, "vector");
    const json_t *fitted = json_object_get(root, "fitted");
    const json_t *steps = json_object_get(root, "steps");
    sgs_sampling sampling = SGS_WITHOUT_REPLACEMENT;
    bool good = sampling_of(root, &sampling) && json_array_size(steps) > 0;

    for (size_t i = 0; good && i < json_array_size(steps) && i < SGS_SPEED_SHAPES; i++)
        good = add_row(json_array_get(steps, i), sampling, speed);
    if (good && json_is_object(fitted)) {
        speed->run_s = json_number_value(json_object_get(fitted, "run_s"));
        speed->point_s = json_number_value(json_object_get(fitted, "point_s"));
    }
    if (vector)
        speed->vector = (int)json_integer_value(vector);
    return good && speed->run_s >= 0 && speed->point_s >= 0 && speed->vector > 0;
}

sgs_status cli_speed_read(const char *path, sgs_speed *speed, sgs_error *err)
{
    json_error_t problem;
    json_t *root = json_load_file(path, 0, &problem);

    *speed = sgs_speed_default();
    if (!root && problem.line < 0)
        return sgs_fail(err, SGS_EIO, "%s", problem.text);
    if (!root)
        return sgs_fail(err, SGS_EINVAL, "%s:%d: %s; what `sgdsweep bench --json` prints is accepted", path,
                        problem.line, problem.text);
    bool good = read_rows(root, speed);
    json_decref(root);
    return good ? SGS_OK
                : sgs_fail(err, SGS_EINVAL, "%s: no speeds in it; what `sgdsweep bench --json` prints is accepted",
                           path);
}

/* ---- from this machine --------------------------------------------------------------------------------------------
 */

struct shape {
    sgs_run run;
    double seconds; /* predicted for the whole grid */
};

static bool is_same_shape(const sgs_run *a, const sgs_run *b)
{
    return a->sampling == b->sampling && a->n == b->n && a->b == b->b;
}

/* Keep the shapes with the most seconds, most first. */
static void note_shape(struct shape *shapes, int *count, const struct shape *shape)
{
    struct shape here = *shape;
    int at = 0;

    while (at < *count && !is_same_shape(&shapes[at].run, &here.run))
        at++;
    if (at < *count)
        here.seconds += shapes[at].seconds;
    else if (*count < MEASURED_SHAPES)
        at = (*count)++;
    else if (shapes[at - 1].seconds < here.seconds)
        at--;
    else
        return;
    for (; at > 0 && shapes[at - 1].seconds < here.seconds; at--)
        shapes[at] = shapes[at - 1];
    shapes[at] = here;
}

static int dearest_shapes(const sgs_grid *grid, struct shape *shapes)
{
    const sgs_speed speed = sgs_speed_default();
    int64_t seeds = sgs_grid_axis_size(grid, SGS_AXIS_SEED);
    int count = 0;

    for (int64_t strip = 0; strip < sgs_grid_strips(grid); strip++) {
        struct shape shape = {.seconds = 0};
        int64_t first = 0;
        int64_t runs = 0;
        sgs_stop stop;
        sgs_grid_strip(grid, strip, &first, &runs);
        for (int64_t at = first; at < first + runs && sgs_grid_run(grid, at, &shape.run, &stop); at += seeds)
            shape.seconds += sgs_predict_seconds(&shape.run, &stop, &speed) * (double)seeds;
        if (shape.seconds > 0)
            note_shape(shapes, &count, &shape);
    }
    return count;
}

/* Nanoseconds of a step or of a run of a shape. */
static sgs_status time_shape(bench_kind kind, const sgs_run *run, double seconds, double *ns, sgs_error *err)
{
    bench_cell cell = {0};
    sgs_run tame = *run;

    tame.eps = TAME_EPS;
    sgs_status status = bench_cell_open(&cell, kind, &tame, REPEATS, err);

    if (status == SGS_OK)
        status = bench_warm_up(&cell, seconds / (REPEATS + 1), err);
    for (int i = 0; status == SGS_OK && i < REPEATS; i++)
        status = bench_repeat(&cell, seconds / (REPEATS + 1), err);
    if (status == SGS_OK) {
        bench_summarise(&cell);
        *ns = cell.spread.median;
    }
    bench_cell_close(&cell);
    return status;
}

/* What a run costs whatever its length: a line through two sizes. */
static sgs_status measure_runs(const sgs_run *like, double seconds, sgs_speed *speed, sgs_error *err)
{
    sgs_run small = *like;
    sgs_run large = *like;
    double ns[2] = {0, 0};

    small.d = small.n = 10;
    large.d = large.n = 500;
    small.b = large.b = 1;
    sgs_status status = time_shape(BENCH_RUN, &small, seconds / 2, &ns[0], err);
    if (status == SGS_OK)
        status = time_shape(BENCH_RUN, &large, seconds / 2, &ns[1], err);
    if (status != SGS_OK)
        return status;
    speed->point_s = 1e-9 * fmax(ns[1] - ns[0], 0) / (large.n - small.n);
    speed->run_s = fmax(1e-9 * ns[0] - speed->point_s * small.n, 0);
    return SGS_OK;
}

/* ---- the other cores ----------------------------------------------------------------------------------------------
 */

enum { NEIGHBOURS_MAX = 255 };

/* Bounds of what they may cost: memory of all their trainers, of about so many bytes a coordinate; and wall time, in
 * terms of the processor time that is measured, for where there are fewer processors to have than to see. */
static const double NEIGHBOURS_BYTES = 1 << 30;
static const double COORDINATE_BYTES = 400;
static const double NEIGHBOURS_PATIENCE = 3;

/* Threads that train the dearest shape until they are told to stop, or it gets late. */
struct neighbours {
    pthread_t thread[NEIGHBOURS_MAX];
    int count;
    sgs_run run;
    double until_s;
    atomic_bool stop;
};

static double wall_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *keep_busy(void *context)
{
    struct neighbours *neighbours = context;
    bench_cell cell = {0};
    sgs_error unheard;

    sgs_status status = bench_cell_open(&cell, BENCH_STEP, &neighbours->run, 1, &unheard);
    while (status == SGS_OK && !atomic_load(&neighbours->stop) && wall_s() < neighbours->until_s)
        status = bench_warm_up(&cell, 0.001, &unheard);
    bench_cell_close(&cell);
    return NULL;
}

/* For one rank less than there are cores for; fewer, if there is no memory for more, and NEIGHBOURS_MAX at most. Where
 * the cores cannot be counted there are none. ranks 0: one for every core. */
static void start_neighbours(struct neighbours *neighbours, const sgs_run *run, int ranks, double seconds)
{
    cpu_set_t here;
    int cores = sched_getaffinity(0, sizeof here, &here) == 0 ? CPU_COUNT(&here) : 1;
    double most = fmin(ranks > 0 && ranks < cores ? ranks : cores, 1 + NEIGHBOURS_MAX) - 1;

    most = fmin(most, NEIGHBOURS_BYTES / (COORDINATE_BYTES * run->n));
    neighbours->run = *run;
    neighbours->run.eps = TAME_EPS;
    neighbours->until_s = wall_s() + NEIGHBOURS_PATIENCE * seconds;
    while (neighbours->count + 1 <= most &&
           pthread_create(&neighbours->thread[neighbours->count], NULL, keep_busy, neighbours) == 0)
        neighbours->count++;
}

static void stop_neighbours(struct neighbours *neighbours)
{
    atomic_store(&neighbours->stop, true);
    while (neighbours->count > 0)
        (void)pthread_join(neighbours->thread[--neighbours->count], NULL);
}

sgs_speed cli_speed_guess(void)
{
    sgs_speed speed = sgs_speed_default();

    speed.vector = sgs_trainer_vector();
    return speed;
}

sgs_status cli_speed_measure(const sgs_grid *grid, int ranks, double seconds, sgs_speed *speed, sgs_error *err)
{
    struct shape shapes[MEASURED_SHAPES];
    struct neighbours neighbours = {.count = 0};
    int count = dearest_shapes(grid, shapes);
    sgs_status status = SGS_OK;

    *speed = cli_speed_guess();
    if (count > 0)
        start_neighbours(&neighbours, &shapes[0].run, ranks, seconds);
    for (int i = 0; i < count && status == SGS_OK; i++) {
        const sgs_run *run = &shapes[i].run;
        double ns = 0;
        status = time_shape(BENCH_STEP, run, seconds / (count + 1), &ns, err);
        if (status == SGS_OK)
            (void)sgs_speed_add(speed, (sgs_shape_speed){run->sampling, run->n, run->b, 1e-9 * ns});
    }
    if (status == SGS_OK && count > 0)
        status = measure_runs(&shapes[0].run, seconds / (count + 1), speed, err);
    stop_neighbours(&neighbours);
    return status;
}
