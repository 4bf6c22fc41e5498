/** @file widths.c
 *  What a step of a trainer costs by its number of lanes, in steps of a run of the widest one: the table of
 * src/sched/speed.c, on this machine (SGDSWEEP_ISA forces an instruction set). Processor time, widths in turns.
 *
 *      cmake --preset dev -B build-tests && cmake --build build-tests --target widths && build-tests/tests/widths
 */
#include "train/trainer.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WIDTHS = 4, ROUNDS = 5, MANY = 200 };

typedef struct endless {
    sgs_run shape;
    int64_t seed;
} endless;

static const struct shape {
    const char *kind;
    sgs_sampling sampling;
    int32_t n, b;
} shapes[] = {
    {"full", SGS_WITHOUT_REPLACEMENT, 10, 10},
    {"full", SGS_WITHOUT_REPLACEMENT, 100, 100},
    {"sparse", SGS_WITHOUT_REPLACEMENT, 10, 1},
    {"sparse", SGS_WITHOUT_REPLACEMENT, 100, 1},
    {"sparse", SGS_WITHOUT_REPLACEMENT, 1000, 1},
    {"sparse", SGS_WITHOUT_REPLACEMENT, 100, 99},
    {"sparse", SGS_WITHOUT_REPLACEMENT, 100, 10},
    {"sparse", SGS_WITHOUT_REPLACEMENT, 1000, 10},
    {"sparse", SGS_WITHOUT_REPLACEMENT, 1000, 100},
    {"dense", SGS_WITHOUT_REPLACEMENT, 30, 15},
    {"dense", SGS_WITHOUT_REPLACEMENT, 100, 50},
    {"dense", SGS_WITHOUT_REPLACEMENT, 1000, 500},
    {"repeats", SGS_WITH_REPLACEMENT, 100, 1},
    {"repeats", SGS_WITH_REPLACEMENT, 100, 10},
    {"repeats", SGS_WITH_REPLACEMENT, 1000, 10},
    {"shuffled", SGS_SHUFFLE, 100, 10},
    {"shuffled", SGS_SHUFFLE, 1000, 10},
    {"window", SGS_CYCLIC, 100, 1},
    {"window", SGS_CYCLIC, 100, 10},
    {"window", SGS_CYCLIC, 1000, 100},
};

static double processor_s(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool next_run(void *context, sgs_job *job)
{
    endless *it = context;
    *job = (sgs_job){.run = it->shape, .stop = {0.0, SGS_STEPS_MAX}, .tag = ++it->seed};
    job->run.seed = job->run.init_seed = it->seed;
    return true;
}

static void run_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    (void)context;
    (void)job;
    (void)result;
    (void)end;
}

static void advance(sgs_trainer *trainer, const sgs_feed *feed, int64_t steps)
{
    sgs_error err;
    int busy;
    if (sgs_trainer_advance(trainer, feed, steps, &busy, &err)) {
        (void)fprintf(stderr, "widths: %s\n", err.text);
        exit(EXIT_FAILURE);
    }
}

/* Nanoseconds of a step of all lanes. */
static double step_ns(sgs_trainer *trainer, const sgs_feed *feed)
{
    int64_t steps = 64, done = 0;
    const double begin = processor_s();
    double now = begin;
    while (now - begin < 0.03) {
        advance(trainer, feed, steps);
        done += steps;
        now = processor_s();
        steps *= now - begin < 0.001 ? 2 : 1;
    }
    return 1e9 * (now - begin) / (double)done;
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void measure(const struct shape *shape)
{
    static const int64_t runs[WIDTHS] = {1, 8, 16, MANY};
    endless it = {.shape = {.activation = SGS_RELU,
                            .sampling = shape->sampling,
                            .d = shape->n,
                            .n = shape->n,
                            .b = shape->b,
                            .scale = 0.1,
                            .eps = 0.01}}; /* so that no run ends */
    const sgs_feed feed = {.next = next_run, .done = run_done, .context = &it};
    sgs_trainer *trainer[WIDTHS];
    double ns[WIDTHS][ROUNDS];
    sgs_error err;
    for (int k = 0; k < WIDTHS; k++) {
        if (sgs_trainer_create(&it.shape, runs[k], &trainer[k], &err)) {
            (void)fprintf(stderr, "widths: %s\n", err.text);
            exit(EXIT_FAILURE);
        }
        advance(trainer[k], &feed, 1000);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int k = 0; k < WIDTHS; k++)
            ns[k][round] = step_ns(trainer[k], &feed);
    for (int k = 0; k < WIDTHS; k++)
        qsort(ns[k], ROUNDS, sizeof ns[k][0], ascending);
    const double one = ns[WIDTHS - 1][ROUNDS / 2] / sgs_trainer_lanes(trainer[WIDTHS - 1]);
    printf("%-10s %5d %5d %9.2f", shape->kind, shape->n, shape->b, one);
    for (int k = 0; k < WIDTHS; k++) {
        const int lanes = sgs_trainer_lanes(trainer[k]);
        if (k + 1 == WIDTHS || lanes != sgs_trainer_lanes(trainer[k + 1]))
            printf("   %2d: %5.1f", lanes, ns[k][ROUNDS / 2] / one);
    }
    printf("\n");
    for (int k = 0; k < WIDTHS; k++)
        sgs_trainer_destroy(trainer[k]);
}

int main(void)
{
    printf("%s, median of %d\ndraw           n     b   ns/step   lanes: cost of their step in these\n",
           sgs_trainer_isa(), ROUNDS);
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++)
        measure(&shapes[k]);
    return EXIT_SUCCESS;
}
