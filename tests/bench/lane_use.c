/** @file lane_use.c
 *  What the lanes of a trainer are used for, on blocks of runs whose lengths differ a hundredfold: the share of lane
 * steps that belong to a run, with the runs in an order drawn at random and longest first (as a grid with ascending
 * step sizes has them); and what of the time is not steps: the sums that keep them exact, and the rest (starts, checks,
 * folds, measures). Times are processor time; steps and sums alone are timed in turns with the blocks.
 *
 *      cmake --preset dev -B build-tests && cmake --build build-tests --target lane_use && build-tests/tests/lane_use
 */
#include "sgdsweep/train.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 512, ROUNDS = 7 };

typedef struct block {
    sgs_run shape;
    int order[RUNS], given;
    int64_t shortest, longest;
} block;

static double processor_s(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Length goes like 1 / eps^2, for full batch like 1 / eps. */
static bool next_run(void *context, sgs_job *job)
{
    block *b = context;
    const double range = b->shape.b == b->shape.n ? 100.0 : 10.0;
    if (b->given == RUNS)
        return false;
    const int k = b->order[b->given++];
    *job = (sgs_job){.run = b->shape, .stop = {1e-6, SGS_STEPS_MAX}, .tag = k};
    job->run.eps = 0.4 * pow(range, -(double)k / (RUNS - 1));
    job->run.seed = job->run.init_seed = k;
    return true;
}

static bool endless_run(void *context, sgs_job *job)
{
    block *b = context;
    *job = (sgs_job){.run = b->shape, .stop = {0.0, SGS_STEPS_MAX}, .tag = b->given++};
    job->run.eps = 0.1;
    job->run.seed = job->run.init_seed = job->tag;
    return true;
}

static void run_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    block *b = context;
    (void)job;
    (void)end;
    const int64_t steps = result->value[SGS_STEPS].integer;
    b->shortest = steps < b->shortest ? steps : b->shortest;
    b->longest = steps > b->longest ? steps : b->longest;
}

static sgs_trainer *trainer_of(const block *b)
{
    sgs_trainer *trainer = NULL;
    sgs_error err = {""};
    if (sgs_trainer_create(&b->shape, RUNS, &trainer, &err) != SGS_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return trainer;
}

static void advance(sgs_trainer *trainer, const sgs_feed *feed, int64_t steps, int *busy)
{
    sgs_error err = {""};
    if (sgs_trainer_advance(trainer, feed, steps, busy, &err) != SGS_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

/* All runs of the block. Seconds come back, and the steps that the lanes took together. */
static double time_block(block *b, int64_t *clock, double *use)
{
    const sgs_feed feed = {.next = next_run, .done = run_done, .context = b};
    int busy = 1;
    b->given = 0;
    b->shortest = INT64_MAX;
    b->longest = 0;
    const double start = processor_s();
    sgs_trainer *trainer = trainer_of(b);
    while (busy > 0 || b->given < RUNS)
        advance(trainer, &feed, 1 << 20, &busy);
    const double took = processor_s() - start;
    *clock = trainer->clock;
    *use = (double)trainer->steps / ((double)trainer->clock * trainer->lanes->lanes);
    sgs_trainer_destroy(trainer);
    return took;
}

/* Seconds of a step of all lanes, and of the sums that belong to it. */
typedef struct step_time {
    double step_s, sum_s;
} step_time;

/* Of stretches of steps with a sum each, and of as many sums alone. */
static step_time time_steps(const block *b, double seconds)
{
    block endless = *b;
    const sgs_feed feed = {.next = endless_run, .done = run_done, .context = &endless};
    sgs_trainer *trainer = trainer_of(b);
    sgs_lanes *lanes = trainer->lanes;
    const int64_t stretch = trainer->sum_stride;
    int busy = 0;
    int64_t count = 0;
    endless.given = 0;
    advance(trainer, &feed, 64 * trainer->stride, &busy); /* from there on they are where runs spend their time */
    const double start = processor_s();
    double middle = start;
    while (middle - start < seconds) {
        for (int k = 0; k < 8; k++, count++) {
            lanes->kernel->steps(lanes, stretch);
            lanes->kernel->sums(lanes);
        }
        middle = processor_s();
    }
    for (int64_t k = 0; k < count; k++)
        lanes->kernel->sums(lanes);
    const double end = processor_s();
    sgs_trainer_destroy(trainer);
    const double steps = (double)count * (double)stretch;
    return (step_time){(2.0 * middle - start - end) / steps, (end - middle) / steps};
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void shuffle(int order[RUNS], unsigned seed)
{
    for (int k = 0; k < RUNS; k++)
        order[k] = k;
    for (int k = RUNS - 1; k > 0; k--) {
        seed = seed * 1664525u + 1013904223u;
        const int other = (int)(((uint64_t)seed * (uint64_t)(k + 1)) >> 32), swap = order[k];
        order[k] = order[other];
        order[other] = swap;
    }
}

static void measure(int32_t n, int32_t b)
{
    block it = {.shape = {.activation = SGS_RELU, .d = n, .n = n, .b = b, .scale = 0.1}};
    double sums[ROUNDS], rest[ROUNDS], drawn = 0.0, use = 0.0, took = 0.0;
    int64_t ignored;
    shuffle(it.order, 1);
    (void)time_block(&it, &ignored, &drawn);
    for (int k = 0; k < RUNS; k++)
        it.order[k] = RUNS - 1 - k; /* run k is the k-th in length */
    for (int k = 0; k < ROUNDS; k++) {
        int64_t clock = 0;
        took = time_block(&it, &clock, &use);
        const step_time time = time_steps(&it, fmin(0.5, took));
        sums[k] = 100.0 * time.sum_s * (double)clock / took;
        rest[k] = 100.0 * (1.0 - time.step_s * (double)clock / took) - sums[k];
    }
    qsort(sums, ROUNDS, sizeof *sums, ascending);
    qsort(rest, ROUNDS, sizeof *rest, ascending);
    printf("%6d %6d %12lld %12lld %9.4f %8.1f %8.1f %8.1f %8.1f  (%.1f to %.1f)\n", n, b, (long long)it.shortest,
           (long long)it.longest, took, 100.0 * drawn, 100.0 * use, sums[ROUNDS / 2], rest[ROUNDS / 2], rest[0],
           rest[ROUNDS - 1]);
    fflush(stdout);
}

/* Without arguments: a table of shapes; with n and b: that one. */
int main(int argc, char **argv)
{
    static const int32_t shapes[][2] = {{100, 1},  {100, 10},  {100, 50},   {100, 99},   {100, 100},
                                        {1000, 1}, {1000, 10}, {1000, 500}, {1000, 999}, {1000, 1000}};
    printf("%d runs a block, relu, without replacement, %s\n", RUNS, sgs_trainer_isa());
    printf("     n      b     shortest      longest   seconds  lanes%%:drawn,first    sums%%    rest%% (median of %d, "
           "spread)\n",
           ROUNDS);
    if (argc == 3)
        measure((int32_t)strtol(argv[1], NULL, 10), (int32_t)strtol(argv[2], NULL, 10));
    for (size_t k = 0; argc != 3 && k < sizeof shapes / sizeof *shapes; k++)
        measure(shapes[k][0], shapes[k][1]);
    return 0;
}
