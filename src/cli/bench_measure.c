#include "bench_measure.h"
#include <math.h>
#include <stdlib.h>
#include <time.h>

/* Long enough that the clock costs nothing, short enough to end a repeat in time. */
static const double chunk_s = 1e-3;

/* More runs than lanes, so that a trainer takes all the lanes it can have. */
enum { MANY_RUNS = 1 << 20 };

static double processor_s(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* fails for a bad pointer only */
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int64_t touched(const sgs_run *shape)
{
    if (shape->sampling == SGS_WITH_REPLACEMENT && shape->n > 1)
        return shape->b;
    return shape->b < shape->n - shape->b ? shape->b : shape->n - shape->b;
}

sgs_status bench_cell_open(bench_cell *cell, bench_kind kind, const sgs_run *shape, int repeats, sgs_error *err)
{
    *cell = (bench_cell){.kind = kind, .shape = *shape, .touched = touched(shape), .chunk = 1};
    cell->ns = calloc((size_t)repeats, sizeof *cell->ns);
    if (!cell->ns)
        return sgs_fail(err, SGS_ENOMEM, "no memory for %d times", repeats);
    return sgs_trainer_create(shape, MANY_RUNS, &cell->trainer, err);
}

void bench_cell_close(bench_cell *cell)
{
    sgs_trainer_destroy(cell->trainer);
    free(cell->ns);
    *cell = (bench_cell){0};
}

/* Runs without an end, all with streams of their own; or runs of no steps. */
static bool next_run(void *context, sgs_job *job)
{
    bench_cell *cell = context;
    if (cell->left-- <= 0)
        return false;
    cell->seed++;
    *job = (sgs_job){.run = cell->shape, .stop = {0.0, cell->kind == BENCH_RUN ? 0 : SGS_STEPS_MAX}, .tag = cell->seed};
    job->run.seed = job->run.init_seed = cell->seed;
    return true;
}

static void run_ended(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    bench_cell *cell = context;
    (void)job;
    (void)result;
    (void)end;
    cell->ended++;
}

static int64_t work_done(const bench_cell *cell)
{
    return cell->kind == BENCH_RUN ? cell->ended : sgs_trainer_steps(cell->trainer);
}

/* Work for about so many seconds; the time per step or run comes out. */
static sgs_status work(bench_cell *cell, double seconds, double *ns, sgs_error *err)
{
    const sgs_feed feed = {.next = next_run, .done = run_ended, .context = cell};
    const int64_t before = work_done(cell);
    const double start = processor_s();
    double last = start, now = start;

    while (now - start < seconds || now == start) {
        int busy = 0;
        cell->left = cell->kind == BENCH_RUN ? cell->chunk : INT64_MAX;
        sgs_status status =
            sgs_trainer_advance(cell->trainer, &feed, cell->kind == BENCH_RUN ? 1 : cell->chunk, &busy, err);
        if (status)
            return status;
        now = processor_s();
        if (now - last < chunk_s)
            cell->chunk *= 2;
        last = now;
    }
    if (work_done(cell) == before)
        return sgs_fail(err, SGS_EFAIL, "n = %d, b = %d: the trainer did nothing in %g s", cell->shape.n, cell->shape.b,
                        now - start);
    *ns = 1e9 * (now - start) / (double)(work_done(cell) - before);
    return SGS_OK;
}

sgs_status bench_warm_up(bench_cell *cell, double seconds, sgs_error *err)
{
    double ignored;
    return work(cell, seconds, &ignored, err);
}

sgs_status bench_repeat(bench_cell *cell, double seconds, sgs_error *err)
{
    sgs_status status = work(cell, seconds, &cell->ns[cell->repeats], err);
    if (status == SGS_OK)
        cell->repeats++;
    return status;
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void bench_summarise(bench_cell *cell)
{
    const int count = cell->repeats, middle = count / 2;
    qsort(cell->ns, (size_t)count, sizeof *cell->ns, ascending);
    const double median = count % 2 ? cell->ns[middle] : 0.5 * (cell->ns[middle - 1] + cell->ns[middle]);
    cell->spread = (bench_spread){median, cell->ns[0], cell->ns[count - 1]};
}

double bench_amount(const bench_cell *cell)
{
    return (double)(cell->kind == BENCH_STEP ? cell->touched : cell->shape.n);
}

bool bench_fit(size_t count, const bench_cell *cells, double line[2], double *worst)
{
    double sw = 0, sx = 0, sxx = 0, sy = 0, sxy = 0;
    for (size_t i = 0; i < count; i++) {
        const double x = bench_amount(&cells[i]), y = cells[i].spread.median, w = 1 / (y * y);
        sw += w;
        sx += w * x;
        sxx += w * x * x;
        sy += w * y;
        sxy += w * x * y;
    }
    const double determinant = sw * sxx - sx * sx;
    if (!(determinant > 1e-12 * sw * sxx))
        return false;
    line[0] = (sy * sxx - sx * sxy) / determinant;
    line[1] = (sw * sxy - sx * sy) / determinant;
    if (line[0] < 0) {
        line[0] = 0;
        line[1] = sxy / sxx;
    } else if (line[1] < 0) {
        line[0] = sy / sw;
        line[1] = 0;
    }
    *worst = 1;
    for (size_t i = 0; i < count; i++) {
        const double ratio = (line[0] + line[1] * bench_amount(&cells[i])) / cells[i].spread.median;
        *worst = fmax(*worst, fmax(ratio, 1 / ratio));
    }
    return true;
}
