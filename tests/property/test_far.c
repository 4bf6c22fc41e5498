/** @file test_far.c
 *  The same bits far out: a million data points, and runs that have 10^12 steps behind them, from every instruction set
 *  and number of lanes, saved and restored in between; the latter against the recursion too. */
#include "recursion.h"
#include "sgdsweep/train.h"
#include "train/trainer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RUNS_MAX = 8 };

/* Jobs in, results and states out; results and states by tag. */
typedef struct runs {
    sgs_job jobs[RUNS_MAX];
    int count, given, done;
    sgs_result results[RUNS_MAX];
    double a[RUNS_MAX][RECURSION_N_MAX]; /* where they ended, for small n */
    void *states[RUNS_MAX];
} runs;

static bool next_run(void *context, sgs_job *job)
{
    runs *r = context;
    if (r->given == r->count)
        return false;
    *job = r->jobs[r->given++];
    return true;
}

static void run_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    runs *r = context;
    r->results[job->tag] = *result;
    if (job->run.n <= RECURSION_N_MAX)
        memcpy(r->a[job->tag], end.a, (size_t)job->run.n * sizeof *end.a);
    r->done++;
}

static void keep_state(void *context, const sgs_job *job, const void *state, size_t size)
{
    runs *r = context;
    r->states[job->tag] = malloc(size);
    assert_non_null(r->states[job->tag]);
    memcpy(r->states[job->tag], state, size);
}

static sgs_trainer *trainer_for(const sgs_run *shape, int64_t lanes)
{
    sgs_trainer *trainer = NULL;
    sgs_error err = {""};
    if (sgs_trainer_create(shape, lanes, &trainer, &err) != SGS_OK)
        fail_msg("%s", err.text);
    return trainer;
}

/* Train what is left of r to the end, or `steps` steps of it and save the states. */
static void train(runs *r, int64_t lanes, int64_t steps)
{
    const sgs_feed feed = {.next = next_run, .done = run_done, .context = r};
    sgs_trainer *trainer = trainer_for(&r->jobs[0].run, lanes);
    int busy = 0;
    r->given = r->done = 0;
    do
        assert_int_equal(sgs_trainer_advance(trainer, &feed, steps > 0 ? steps : 1 << 20, &busy, NULL), SGS_OK);
    while (steps == 0 && (busy > 0 || r->given < r->count));
    assert_int_equal(sgs_trainer_save(trainer, keep_state, r, NULL), SGS_OK);
    sgs_trainer_destroy(trainer);
}

/* The same runs from the states that r has; r's states are consumed. */
static void train_states(runs *r, int64_t lanes)
{
    void *states[RUNS_MAX];
    memcpy(states, r->states, sizeof states);
    for (int k = 0; k < r->count; k++) {
        r->jobs[k].state = states[k];
        r->states[k] = NULL;
    }
    train(r, lanes, 0);
    for (int k = 0; k < r->count; k++) {
        free(states[k]);
        r->jobs[k].state = NULL;
    }
}

static void assert_same(const runs *x, const runs *y, const char *what)
{
    for (int k = 0; k < x->count; k++) {
        unsigned char left[SGS_RESULT_BYTES], right[SGS_RESULT_BYTES];
        sgs_result_bytes(&x->results[k], left);
        sgs_result_bytes(&y->results[k], right);
        if (memcmp(left, right, sizeof left) != 0)
            fail_msg("%s: run %d differs: n %d, b %d, eps %g, sampling %d", what, k, x->jobs[k].run.n, x->jobs[k].run.b,
                     x->jobs[k].run.eps, x->jobs[k].run.sampling);
    }
}

/* ---- a million points -------------------------------------------------------------------------------------------- */

static void a_million_points(void **state)
{
    (void)state;
    const int32_t n = 1000000, sizes[] = {1, 8, 999999, 1000000};
    for (size_t c = 0; c < sizeof sizes / sizeof *sizes; c++) {
        runs expected = {.count = 2}, other = {.count = 2};
        for (int k = 0; k < 2; k++)
            expected.jobs[k] = other.jobs[k] = (sgs_job){.run = {.activation = c % 2 ? SGS_LINEAR : SGS_RELU,
                                                                 .d = n,
                                                                 .n = n,
                                                                 .b = sizes[c],
                                                                 .eps = 0.3,
                                                                 .scale = 0.5,
                                                                 .seed = k,
                                                                 .init_seed = k},
                                                         .stop = {1e-6, 3000 + 5 * k},
                                                         .tag = k};
        train(&expected, 1, 0);
        assert_int_equal(expected.done, 2);
        for (const sgs_isa *isa = sgs_isas; isa->name; isa++) {
            if (!isa->available())
                continue;
            setenv("SGDSWEEP_ISA", isa->name, 1);
            train(&other, 4, sizes[c] == n ? 11 : 1001); /* the full batch converges soon */
            assert_int_equal(other.done, 0);
            train_states(&other, 2);
            assert_int_equal(other.done, 2);
            assert_same(&expected, &other, isa->name);
        }
        unsetenv("SGDSWEEP_ISA");
    }
}

/* ---- 10^12 steps ------------------------------------------------------------------------------------------------- */

/* States of runs that stand at their start, but after `steps` steps. */
static void put_at(runs *r, int64_t steps)
{
    sgs_trainer *trainer = trainer_for(&r->jobs[0].run, r->count);
    for (int k = 0; k < r->count; k++) {
        double a[RECURSION_N_MAX], outside = 0.0;
        sgs_start(&r->jobs[k].run, a, &outside);
        sgs_lane_load(trainer->lanes, k, &r->jobs[k].run, (sgs_point){a, outside}, steps);
        trainer->run[k] = (lane_run){.job = r->jobs[k],
                                     .busy = true,
                                     .next_check = sgs_check_next(steps, trainer->stride),
                                     .steps_norm = -1,
                                     .steps_sparse = -1,
                                     .checks = 1};
        trainer->busy++;
    }
    assert_int_equal(sgs_trainer_save(trainer, keep_state, r, NULL), SGS_OK);
    sgs_trainer_destroy(trainer);
}

static void assert_recursion(const runs *r, int64_t first)
{
    for (int k = 0; k < r->count; k++) {
        const sgs_run *run = &r->jobs[k].run;
        double a[RECURSION_N_MAX], outside = 0.0, error[RECURSION_N_MAX] = {0.0};
        sgs_start(run, a, &outside);
        coordinates at = coordinates_of(run, (sgs_point){a, outside});
        for (int64_t t = first; t < r->results[k].value[SGS_STEPS].integer; t++)
            recursion_step(run, t, &at, error);
        for (int i = 0; i < run->n; i++)
            if (!(fabs((double)at.a[i] - r->a[k][i]) <= recursion_tolerance(run->n, error)))
                fail_msg("coordinate %d of run %d is %.17g and should be %.17g: b %d, sampling %d", i, k, r->a[k][i],
                         (double)at.a[i], run->b, run->sampling);
    }
}

static void far_steps(const sgs_run *shape)
{
    const int64_t stride = sgs_check_stride(shape), first = (int64_t)1e12 / stride * stride;
    runs expected = {.count = RUNS_MAX}, other = {.count = RUNS_MAX};
    for (int k = 0; k < RUNS_MAX; k++) {
        expected.jobs[k] = (sgs_job){.run = *shape, .stop = {0.0, first + 700 + k}, .tag = k};
        expected.jobs[k].run.seed = expected.jobs[k].run.init_seed = k;
        expected.jobs[k].run.eps = 0.03 + 0.03 * k;
        other.jobs[k] = expected.jobs[k];
    }
    put_at(&expected, first);
    train_states(&expected, 1);
    assert_int_equal(expected.done, RUNS_MAX);
    assert_recursion(&expected, first);
    for (const sgs_isa *isa = sgs_isas; isa->name; isa++)
        for (const sgs_kernel *kernel = isa->kernels; isa->available() && kernel->lanes; kernel++) {
            setenv("SGDSWEEP_ISA", isa->name, 1);
            put_at(&other, first);
            train_states(&other, kernel->lanes);
            assert_same(&expected, &other, isa->name);
        }
    unsetenv("SGDSWEEP_ISA");
}

static void a_trillion_steps(void **state)
{
    (void)state;
    const int32_t sizes[] = {1, 7, 13, 25, 26};
    for (int sampling = 0; sampling < SGS_SAMPLINGS; sampling++)
        for (size_t c = 0; c < sizeof sizes / sizeof *sizes; c++) {
            const sgs_run shape = {.activation = c % 2 ? SGS_LINEAR : SGS_RELU,
                                   .sampling = (sgs_sampling)sampling,
                                   .d = 40,
                                   .n = 26,
                                   .b = sizes[c],
                                   .scale = 0.3};
            far_steps(&shape);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_points),
        cmocka_unit_test(a_trillion_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
