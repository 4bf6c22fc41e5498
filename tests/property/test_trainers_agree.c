/** @file test_trainers_agree.c
 *  The lane kernel against the reference trainer: whole runs, and where they are after any number of steps up to 10^4,
 *  over random shapes, step sizes up to 0.6 and starts. */
#include "recursion.h"
#include "train/reference.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../chance.h"

enum { N_MAX = RECURSION_N_MAX, JOBS = 12 };

static int uniform_int(int low, int high)
{
    return low + (int)gsl_rng_uniform_int(rng, (unsigned long)(high - low + 1));
}

static sgs_run draw_shape(void)
{
    sgs_run run = {.activation = (sgs_activation)uniform_int(0, SGS_ACTIVATIONS - 1)};
    run.n = uniform_int(0, 9) ? uniform_int(1, N_MAX) : 1;
    run.d = run.n + (uniform_int(0, 1) ? 0 : uniform_int(1, 30));
    const int32_t sizes[] = {run.n, run.n > 1 ? run.n - 1 : 1, 1, uniform_int(1, run.n), uniform_int(1, run.n)};
    run.b = sizes[uniform_int(0, 4)];
    return run;
}

static sgs_job draw_job(const sgs_run *shape, double eps_max, int64_t tag)
{
    sgs_job job = {.run = *shape, .tag = tag};
    job.run.eps = eps_max * (0.02 + 0.98 * gsl_rng_uniform(rng));
    job.run.init = (sgs_init)uniform_int(0, SGS_INITS - 1);
    job.run.scale = pow(10.0, -3.0 * gsl_rng_uniform(rng));
    job.run.init_seed = uniform_int(0, 1000000);
    job.run.seed = uniform_int(0, 1000000);
    job.run.batches_common = uniform_int(0, 1);
    return job;
}

/* ---- the lane kernel over a list of jobs ------------------------------------------------------------------------- */

typedef struct batch_of_jobs {
    sgs_job jobs[JOBS];
    sgs_result results[JOBS];
    double a[JOBS][N_MAX], outside[JOBS];
    int next, done;
} batch_of_jobs;

static bool next_job(void *context, sgs_job *job)
{
    batch_of_jobs *all = context;
    if (all->next == JOBS)
        return false;
    *job = all->jobs[all->next++];
    return true;
}

static void job_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    batch_of_jobs *all = context;
    all->results[job->tag] = *result;
    memcpy(all->a[job->tag], end.a, (size_t)job->run.n * sizeof *end.a);
    all->outside[job->tag] = end.outside;
    all->done++;
}

static void train_lanes(batch_of_jobs *all)
{
    sgs_trainer *trainer = NULL;
    sgs_error err = {""};
    const sgs_feed feed = {.next = next_job, .done = job_done, .context = all};
    int busy = 1;
    if (sgs_trainer_create(&all->jobs[0].run, JOBS, &trainer, &err) != SGS_OK)
        fail_msg("%s", err.text);
    while (busy > 0)
        if (sgs_trainer_advance(trainer, &feed, 1000, &busy, &err) != SGS_OK)
            fail_msg("%s", err.text);
    sgs_trainer_destroy(trainer);
    assert_int_equal(all->done, JOBS);
}

/* ---- agreement --------------------------------------------------------------------------------------------------- */

static sgs_reference *a_reference(const sgs_run *run, uint64_t seed)
{
    sgs_reference *reference = NULL;
    sgs_error err = {""};
    if (sgs_reference_create(run, seed, &reference, &err) != SGS_OK)
        fail_msg("%s", err.text);
    return reference;
}

/* What rounding alone may do to a coordinate of the reference on a trajectory of so many steps. */
static double rounding(const sgs_run *run, int64_t steps)
{
    double error[N_MAX] = {0.0};
    sgs_reference *reference = a_reference(run, 1); /* whatever its basis, it begins there */
    coordinates path = coordinates_of(run, sgs_reference_point(reference));
    sgs_reference_destroy(reference);
    for (int64_t t = 0; t < steps; t++)
        recursion_step(run, t, &path, error);
    return recursion_tolerance(run->n, error);
}

static double reference_distance(const batch_of_jobs *all, int k)
{
    const sgs_job *job = &all->jobs[k];
    sgs_reference *reference = a_reference(&job->run, gsl_rng_get(rng));
    for (int64_t t = 0; t < all->results[k].value[SGS_STEPS].integer; t++)
        sgs_reference_step(reference);
    const sgs_point at = sgs_reference_point(reference);
    double largest = fabs(at.outside - all->outside[k]);
    for (int i = 0; i < job->run.n; i++)
        largest = fmax(largest, fabs(at.a[i] - all->a[k][i]));
    sgs_reference_destroy(reference);
    return largest;
}

/* tol = 0 and max_steps cut a trajectory at any step. */
static void trajectories_agree(void **state)
{
    (void)state;
    for (int c = 0; c < 20; c++) {
        batch_of_jobs all = {.next = 0};
        const sgs_run shape = draw_shape();
        for (int k = 0; k < JOBS; k++) {
            all.jobs[k] = draw_job(&shape, 0.6, k);
            all.jobs[k].stop.max_steps = (int64_t)pow(10.0, 4.0 * gsl_rng_uniform(rng));
        }
        all.jobs[0].stop.max_steps = 10000;
        train_lanes(&all);
        for (int k = 0; k < JOBS; k++) {
            const sgs_run *run = &all.jobs[k].run;
            const double distance = reference_distance(&all, k);
            if (!(distance <= rounding(run, all.results[k].value[SGS_STEPS].integer)))
                fail_msg(
                    "%g apart after %lld of %lld steps, %s: %s, n %d, d %d, b %d, eps %.17g, init %d, scale %.17g, "
                    "seeds %lld %lld, common %d",
                    distance, (long long)all.results[k].value[SGS_STEPS].integer, (long long)all.jobs[k].stop.max_steps,
                    sgs_run_status_name((sgs_run_status)all.results[k].status), sgs_activation_name(run->activation),
                    run->n, run->d, run->b, run->eps, run->init, run->scale, (long long)run->init_seed,
                    (long long)run->seed, run->batches_common);
        }
    }
}

/* Equal coordinates stay equal under full batch: which of them is the largest is a matter of rounding. */
static bool is_tie(const sgs_run *run, sgs_measure measure)
{
    return (measure == SGS_SELECTED || measure == SGS_WINNER_RANK) && run->init == SGS_INIT_ONES && run->b == run->n;
}

/* Inactive coordinates decay below the rounding of the reference's projection, where their sign is noise. What counts
 * them is compared where both counted the same. */
static bool counts_noise(sgs_measure measure, const sgs_result *lanes, const sgs_result *reference)
{
    return measure == SGS_HESSIAN_TRACE_LIMIT &&
           lanes->value[SGS_ACTIVE].integer != reference->value[SGS_ACTIVE].integer;
}

/* What both measure. A measure moves by a few times as much as the coordinates, which the tolerance has room for. */
static void assert_same_result(const sgs_job *job, const sgs_result *lanes, const sgs_result *reference)
{
    const double tolerance = fmax(1e-9, rounding(&job->run, reference->value[SGS_STEPS].integer));
    static const sgs_measure integers[] = {SGS_SELECTED, SGS_WINNER_RANK, SGS_SUPPORT,     SGS_ACTIVE_INIT,
                                           SGS_STEPS,    SGS_STEPS_NORM,  SGS_STEPS_SPARSE};
    static const sgs_measure reals[] = {SGS_LOSS,
                                        SGS_EXCESS_LOSS,
                                        SGS_NORM,
                                        SGS_NORM_MIN,
                                        SGS_NORM_MAX,
                                        SGS_MAX_SHARE,
                                        SGS_HESSIAN_MAX,
                                        SGS_PARTICIPATION_RATIO,
                                        SGS_ALIGNMENT_INIT,
                                        SGS_ALIGNMENT_INIT_ACTIVE,
                                        SGS_HESSIAN_TRACE_LIMIT};
    const char *activation = sgs_activation_name(job->run.activation);
    if (lanes->status != reference->status)
        fail_msg("status %d, reference %d: %s, n %d, d %d, b %d, eps %.17g", lanes->status, reference->status,
                 activation, job->run.n, job->run.d, job->run.b, job->run.eps);
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        if (lanes->value[integers[i]].integer != reference->value[integers[i]].integer &&
            !is_tie(&job->run, integers[i]))
            fail_msg("%s %lld, reference %lld: %s, n %d, d %d, b %d, eps %.17g",
                     sgs_measure_describe(integers[i])->name, (long long)lanes->value[integers[i]].integer,
                     (long long)reference->value[integers[i]].integer, activation, job->run.n, job->run.d, job->run.b,
                     job->run.eps);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        const double got = lanes->value[reals[i]].real, want = reference->value[reals[i]].real;
        if (!(fabs(got - want) <= tolerance * fmax(1.0, fabs(want)) || (isnan(got) && isnan(want)) ||
              counts_noise(reals[i], lanes, reference)))
            fail_msg("%s %.17g, reference %.17g: %s, n %d, d %d, b %d, eps %.17g", sgs_measure_describe(reals[i])->name,
                     got, want, activation, job->run.n, job->run.d, job->run.b, job->run.eps);
    }
}

static void whole_runs_agree(void **state)
{
    (void)state;
    for (int c = 0; c < 20; c++) {
        batch_of_jobs all = {.next = 0};
        const sgs_run shape = draw_shape();
        for (int k = 0; k < JOBS; k++) {
            all.jobs[k] = draw_job(&shape, 0.45, k);
            all.jobs[k].stop = (sgs_stop){.tol = 1e-6, .max_steps = 6000};
        }
        train_lanes(&all);
        for (int k = 0; k < JOBS; k++) {
            sgs_result reference;
            sgs_error err = {""};
            if (sgs_reference_train(&all.jobs[k], gsl_rng_get(rng), &reference, &err) != SGS_OK)
                fail_msg("%s", err.text);
            assert_same_result(&all.jobs[k], &all.results[k], &reference);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trajectories_agree),
        cmocka_unit_test(whole_runs_agree),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
