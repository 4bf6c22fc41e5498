/** The bits of algorithm version 1, frozen: one digest over runs of every activation, sampling, way of drawing and
 * start. It is the same from every compiler, build type, instruction set and number of lanes; whoever has to change it
 * raises SGS_ALGORITHM_VERSION, since files of before then hold other bits. */
#include "sgdsweep/train.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const int32_t shapes[][3] = {/* d, n, b */
                                    {1, 1, 1},    {2, 2, 1},      {9, 9, 4},      {9, 9, 8},
                                    {9, 9, 9},    {40, 33, 1},    {40, 33, 12},   {40, 33, 20},
                                    {40, 33, 32}, {130, 130, 65}, {130, 130, 40}, {500, 130, 129},
                                    {64, 64, 63}, {64, 64, 64},   {300, 256, 3},  {257, 256, 40}};

enum { SHAPES = sizeof shapes / sizeof shapes[0], SEEDS = 5 };

typedef struct golden {
    sgs_job job;
    int seed;
    sgs_key digest;
    int64_t statuses[SGS_RUN_STATUSES];
} golden;

static bool next_run(void *context, sgs_job *job)
{
    static const double eps[SEEDS] = {0.05, 0.2, 0.45, 0.7, 3.0};
    golden *g = context;
    if (g->seed == SEEDS)
        return false;
    *job = g->job;
    job->run.eps = eps[g->seed];
    job->run.seed = job->run.init_seed = g->seed;
    job->run.init = (sgs_init)((g->seed + job->run.b) % SGS_INITS);
    job->run.scale = g->seed == 1 ? 1e-8 : 0.3;
    g->seed++;
    return true;
}

static void run_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    (void)end;
    golden *g = context;
    g->digest = sgs_key_add(g->digest, sgs_result_digest(sgs_run_key(&job->run), result));
    g->statuses[result->status]++;
}

static void train_shape(golden *g, const int32_t shape[3], int activation, int sampling)
{
    const sgs_feed feed = {.next = next_run, .done = run_done, .context = g};
    sgs_trainer *trainer;
    sgs_error err;
    int busy = 1;
    g->seed = 0;
    g->job = (sgs_job){.run = {.activation = (sgs_activation)activation,
                               .sampling = (sgs_sampling)sampling,
                               .d = shape[0],
                               .n = shape[1],
                               .b = shape[2],
                               .batches_common = shape[1] == 33},
                       .stop = {1e-6, 6000}};
    if (sgs_trainer_create(&g->job.run, SEEDS, &trainer, &err))
        fail_msg("%s", err.text);
    while (busy || g->seed < SEEDS)
        assert_int_equal(sgs_trainer_advance(trainer, &feed, 1000, &busy, &err), SGS_OK);
    sgs_trainer_destroy(trainer);
}

static void test_frozen_bits(void **context)
{
    (void)context;
    golden g = {.seed = 0};
    char text[SGS_KEY_TEXT_BYTES];
    for (int k = 0; k < SHAPES; k++)
        for (int activation = 0; activation < SGS_ACTIVATIONS; activation++)
            for (int sampling = 0; sampling < SGS_SAMPLINGS; sampling++)
                train_shape(&g, shapes[k], activation, sampling);
    printf("converged %lld, max_steps %lld, diverged %lld, dead %lld; %s\n", (long long)g.statuses[SGS_RUN_CONVERGED],
           (long long)g.statuses[SGS_RUN_MAX_STEPS], (long long)g.statuses[SGS_RUN_DIVERGED],
           (long long)g.statuses[SGS_RUN_DEAD], sgs_trainer_isa());
    for (int s = SGS_RUN_CONVERGED; s <= SGS_RUN_DEAD; s++)
        assert_true(g.statuses[s] > 0);
    assert_string_equal(sgs_key_text(g.digest, text), "969e540ec780f5d13b75a78a0ff907da");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_frozen_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
