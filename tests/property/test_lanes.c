/** The lane kernel: against the plain recursion in the coordinates a_i, and against itself in every variant, bit for
 * bit. */
#include "sgdsweep/train.h"
#include "train/trainer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../chance.h"

static const double NOISE = 1e-11; /* relative, of a step: 10^5 times the rounding of doubles */

/* ---- random cases ------------------------------------------------------------------------------------------------ */

static sgs_run random_run(int n_max, double eps_max)
{
    const int n = between(1, n_max), d = between(0, 1) ? n : n + between(1, 50);
    int b = between(1, n);
    if (between(0, 2) == 0)
        b = between(0, 1) ? n : n > 1 ? n - 1 : 1;
    return (sgs_run){.activation = between(0, 1) ? SGS_RELU : SGS_LINEAR,
                     .sampling = between(0, 1) ? SGS_WITHOUT_REPLACEMENT : (sgs_sampling)between(0, SGS_SAMPLINGS - 1),
                     .d = d,
                     .n = n,
                     .b = b,
                     .eps = uniform(0.01, eps_max),
                     .init = (sgs_init)between(0, 2),
                     .scale = uniform(0.01, 1.0),
                     .init_seed = between(1, 1000000),
                     .seed = between(1, 1000000),
                     .batches_common = between(0, 3) == 0};
}

/* ---- the plain recursion ----------------------------------------------------------------------------------------- */

typedef struct plain {
    sgs_run run;
    double *a, outside;
    int32_t *members;
    uint64_t *scratch;
    double *in; /* how often a point is in the batch */
} plain;

static plain plain_create(const sgs_run *run)
{
    const size_t n = (size_t)run->n;
    plain p = {*run,
               calloc(n, sizeof(double)),
               0.0,
               calloc(n, sizeof(int32_t)),
               calloc(n, sizeof(uint64_t)),
               calloc(n, sizeof(double))};
    sgs_start(run, p.a, &p.outside);
    return p;
}

static void plain_destroy(plain *p)
{
    free(p->a);
    free(p->members);
    free(p->scratch);
    free(p->in);
}

/** w <- w - (eta / b) sum over B of grad l_i, in coordinates. */
static void plain_step(plain *p, int64_t t)
{
    const sgs_run *run = &p->run;
    double N = p->outside * p->outside, S_B = 0.0;
    memset(p->in, 0, (size_t)run->n * sizeof *p->in);
    sgs_batch_members(run, t, p->members, p->scratch);
    for (int k = 0; k < run->b; k++) {
        assert_in_range(p->members[k], 0, run->n - 1);
        p->in[p->members[k]] += 1.0;
        assert_true(run->sampling == SGS_WITH_REPLACEMENT || p->in[p->members[k]] == 1.0);
    }
    for (int i = 0; i < run->n; i++) {
        N += p->a[i] * p->a[i];
        if (run->activation == SGS_RELU && !(p->a[i] > 0.0))
            p->in[i] = 0.0;
        S_B += p->in[i] * p->a[i] * p->a[i];
    }
    for (int i = 0; i < run->n; i++)
        p->a[i] -= run->eps * (p->in[i] * (N - 2.0) * p->a[i] + S_B * p->a[i]);
    p->outside -= run->eps * S_B * p->outside;
}

static double squares(const plain *p)
{
    double sum = p->outside * p->outside;
    for (int i = 0; i < p->run.n; i++)
        sum += p->a[i] * p->a[i];
    return sum;
}

/** Largest difference between lane and plain point; d as scale. */
static double distance(const sgs_lanes *s, int l, const plain *p, double *a)
{
    double outside, worst;
    sgs_lane_read(s, l, a, &outside);
    worst = fabs(outside - p->outside);
    for (int i = 0; i < p->run.n; i++)
        worst = fmax(worst, fabs(a[i] - p->a[i]));
    return worst;
}

static sgs_lanes *lanes_for(const sgs_run *run, const sgs_kernel *kernel)
{
    sgs_lanes *s;
    sgs_error err;
    if (sgs_lanes_create(run, kernel, &s, &err))
        fail_msg("%s", err.text);
    return s;
}

static void load_start(sgs_lanes *s, int l, const sgs_run *run)
{
    double *a = malloc((size_t)run->n * sizeof *a), outside;
    sgs_start(run, a, &outside);
    sgs_lane_load(s, l, run, (sgs_point){a, outside}, 0);
    free(a);
}

/* A plain step with large rounding errors, a common one and one a coordinate. */
static void noisy_step(plain *p, int64_t t)
{
    const double common = uniform(-NOISE, NOISE);
    plain_step(p, t);
    for (int i = 0; i < p->run.n; i++)
        p->a[i] *= 1.0 + common + uniform(-NOISE, NOISE);
    p->outside *= 1.0 + common + uniform(-NOISE, NOISE);
}

static double apart(const plain *p, const plain *q)
{
    double worst = fabs(p->outside - q->outside);
    for (int i = 0; i < p->run.n; i++)
        worst = fmax(worst, fabs(p->a[i] - q->a[i]));
    return worst;
}

/** The kernel stays nearer to the plain recursion than a copy of that with larger rounding errors: how errors grow is
 * up to the run, above eps = 1/2 most of all, and no fixed tolerance holds for all of them. */
static void test_trajectories(void **context)
{
    (void)context;
    const sgs_kernel *kernel;
    double nearest = INFINITY;
    assert_int_equal(sgs_kernel_choose(4, &kernel, NULL), SGS_OK);
    for (int c = 0; c < 100; c++) {
        sgs_run run = random_run(c % 4 == 0 ? 200 : 40, 0.6);
        if (run.sampling == SGS_WITH_REPLACEMENT) /* its stability limit is lower, about 0.38 at b = n */
            run.eps *= 0.5;
        const int64_t stride = sgs_check_stride(&run), sum = sgs_sum_stride(&run);
        plain p = plain_create(&run), noisy = plain_create(&run);
        double *a = malloc((size_t)run.n * sizeof *a), worst = 0.0, allowed = NOISE;
        sgs_lanes *s = lanes_for(&run, kernel);
        load_start(s, 1, &run);
        for (int64_t t = 0; t < 10000 && allowed < 1e-3;) { /* beyond, nothing is near */
            const int64_t count = between(1, 30);
            for (int64_t k = 0; k < count; k++, t++) {
                kernel->steps(s, 1);
                plain_step(&p, t);
                noisy_step(&noisy, t);
                if ((t + 1) % stride % sum == 0)
                    kernel->sums(s);
            }
            worst = fmax(worst, distance(s, 1, &p, a));
            allowed = fmax(allowed, apart(&noisy, &p));
            if (!(worst <= allowed))
                fail_msg("case %d: %s n=%d d=%d b=%d eps=%.17g: off by %g of %g", c,
                         sgs_activation_name(run.activation), run.n, run.d, run.b, run.eps, worst, allowed);
        }
        nearest = fmin(nearest, allowed / worst);
        sgs_lanes_destroy(s);
        plain_destroy(&p);
        plain_destroy(&noisy);
        free(a);
    }
    print_message("at least %.3g times nearer\n", nearest);
}

/** What rounding can do to a step of the kernel. S runs along between its sums with an error that each step multiplies
 * by base^2 (lanes.h); c and c + m e follow it. Bounds, but for small factors. */
typedef struct rounding {
    double S; /* error of the running sum */
    double step;
} rounding;

static void follow_rounding(const plain *before, rounding *error)
{
    const sgs_run *run = &before->run;
    double S = 0.0, S_B = 0.0, N = before->outside * before->outside, moved = 0.0;
    for (int i = 0; i < run->n; i++) {
        const double square = before->a[i] * before->a[i];
        N += square;
        S += run->activation == SGS_LINEAR || before->a[i] > 0.0 ? square : 0.0;
        S_B += before->in[i] * square;
    }
    const double eps = run->eps, ulp = 0x1p-52, c = 1.0 - eps * S_B, e = eps * (2.0 - N);
    const double factor_error = eps * error->S + ulp * (1.0 + eps * (S_B + S + N + 2.0));
    double largest = c * c;
    for (int i = 0; i < run->n; i++) {
        largest = fmax(largest, (c + before->in[i] * e) * (c + before->in[i] * e));
        moved = fmax(moved, (1.0 + before->in[i]) * fabs(before->a[i]));
    }
    error->step = factor_error * fmax(moved, fabs(before->outside)) + ulp * sqrt(largest) * moved;
    error->S = largest * (error->S + ulp * S) + ulp * S;
}

/** Beyond eps = 0.6 the map is chaotic: each step from the kernel's own state, sign changes and divergence included. */
static void test_single_steps(void **context)
{
    (void)context;
    const sgs_kernel *kernel;
    int plain_lanes = 0, diverged = 0;
    double largest = 0.0;
    assert_int_equal(sgs_kernel_choose(4, &kernel, NULL), SGS_OK);
    for (int c = 0; c < 200; c++) {
        sgs_run run = random_run(60, 5.0);
        run.scale = uniform(0.1, 3.0);
        plain p = plain_create(&run), from = p;
        sgs_lanes *s = lanes_for(&run, kernel);
        rounding error = {0.0, 0.0};
        load_start(s, 0, &run);
        double *a = malloc((size_t)run.n * sizeof *a);
        for (int64_t t = 0; t < 200 && s->diverged_at[0] < 0; t++) {
            sgs_lane_read(s, 0, p.a, &p.outside);
            memcpy(a, p.a, (size_t)run.n * sizeof *a);
            if (t % sgs_check_stride(&run) % sgs_sum_stride(&run) == 0) {
                kernel->sums(s);
                error.S = 0x1p-52 * run.n * squares(&p);
            }
            kernel->steps(s, 1);
            const double before = squares(&p);
            from.outside = p.outside;
            plain_step(&p, t);
            from.a = a;
            follow_rounding(&from, &error);
            const double after = squares(&p);
            if (s->diverged_at[0] >= 0) {
                if (before <= 0.999e12 && after <= 0.999e12)
                    fail_msg("case %d step %lld: n=%d b=%d eps=%g: diverged at norms %g, %g", c, (long long)t, run.n,
                             run.b, run.eps, sqrt(before), sqrt(after));
                diverged++;
                break;
            }
            bool crossed = false;
            for (int i = 0; i < run.n; i++)
                crossed |= a[i] * p.a[i] < 0.0;
            plain_lanes += crossed;
            const double off = distance(s, 0, &p, a);
            largest = fmax(largest, off / error.step);
            if (!(off <= 10.0 * error.step))
                fail_msg("case %d step %lld: %s n=%d b=%d eps=%g: off by %g, %g expected, at norms %g, %g", c,
                         (long long)t, sgs_sampling_name(run.sampling), run.n, run.b, run.eps, off, error.step,
                         sqrt(before), sqrt(after));
        }
        free(a);
        sgs_lanes_destroy(s);
        plain_destroy(&p);
    }
    print_message("steps with sign changes: %d, diverged: %d; at most %.3g of the rounding expected\n", plain_lanes,
                  diverged, largest);
    assert_true(plain_lanes > 50 && diverged > 20);
}

/* ---- the same bits from every variant -----------------------------------------------------------------------------
 */

typedef struct batch_feed {
    const sgs_job *jobs;
    int count, given;
    sgs_result *results;
} batch_feed;

static bool feed_next(void *context, sgs_job *job)
{
    batch_feed *f = context;
    if (f->given == f->count)
        return false;
    *job = f->jobs[f->given++];
    return true;
}

static void feed_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    (void)end;
    ((batch_feed *)context)->results[job->tag] = *result;
}

static void train_all(const sgs_job *jobs, int count, int64_t lanes, int64_t slice, sgs_result *results)
{
    batch_feed f = {jobs, count, 0, results};
    const sgs_feed feed = {.next = feed_next, .done = feed_done, .context = &f};
    sgs_trainer *trainer;
    sgs_error err;
    int busy = 1;
    if (sgs_trainer_create(&jobs[0].run, lanes, &trainer, &err))
        fail_msg("%s", err.text);
    while (busy || f.given < count)
        assert_int_equal(sgs_trainer_advance(trainer, &feed, slice, &busy, &err), SGS_OK);
    sgs_trainer_destroy(trainer);
}

static void assert_same(const sgs_result *a, const sgs_result *b, const sgs_job *job, const char *what)
{
    unsigned char x[SGS_RESULT_BYTES], y[SGS_RESULT_BYTES];
    sgs_result_bytes(a, x);
    sgs_result_bytes(b, y);
    if (memcmp(x, y, sizeof x) != 0)
        fail_msg("%s: run %lld of n=%d b=%d eps=%g differs: steps %lld and %lld", what, (long long)job->tag, job->run.n,
                 job->run.b, job->run.eps, (long long)a->value[SGS_STEPS].integer,
                 (long long)b->value[SGS_STEPS].integer);
}

enum { RUNS = 37 };

static void random_jobs(sgs_job *jobs, int32_t n_max)
{
    const sgs_run shape = random_run(n_max, 0.3);
    for (int k = 0; k < RUNS; k++) {
        jobs[k].run = shape;
        jobs[k].run.eps = uniform(0.05, between(0, 9) ? 0.45 : 3.0);
        jobs[k].run.seed = jobs[k].run.init_seed = k;
        jobs[k].stop.tol = 1e-6;
        jobs[k].stop.max_steps = between(0, 4) ? 20000 : between(0, 3000);
        jobs[k].tag = k;
        jobs[k].state = NULL;
    }
}

static void test_same_bits(void **context)
{
    (void)context;
    for (int c = 0; c < 40; c++) {
        sgs_job jobs[RUNS], reversed[RUNS];
        sgs_result expected[RUNS], results[RUNS];
        random_jobs(jobs, c % 3 == 0 ? 150 : 30);
        for (int k = 0; k < RUNS; k++)
            reversed[k] = jobs[RUNS - 1 - k];
        setenv("SGDSWEEP_ISA", sgs_isas[0].available() ? sgs_isas[0].name : "", 1);
        train_all(jobs, RUNS, 16, 1 << 30, expected);
        for (const sgs_isa *isa = sgs_isas; isa->name; isa++) {
            if (!isa->available())
                continue;
            setenv("SGDSWEEP_ISA", isa->name, 1);
            for (const sgs_kernel *kernel = isa->kernels; kernel->lanes; kernel++) {
                train_all(between(0, 1) ? jobs : reversed, RUNS, kernel->lanes, between(1, 5000), results);
                for (int k = 0; k < RUNS; k++)
                    assert_same(&expected[k], &results[k], &jobs[k], isa->name);
            }
        }
        unsetenv("SGDSWEEP_ISA");
    }
}

/* The numbers that kernels make for starts are those of sgs_start, for every n modulo what a vector makes: some nine
 * million numbers for each instruction set. */
static void test_start_bits(void **context)
{
    enum { CASES = 60000, MOST = 800 };
    static double expected[MOST], made[MOST + 1];
    (void)context;
    for (int c = 0; c < CASES; c++) {
        sgs_run run = random_run(c % 2 ? MOST : 70, 0.3);
        double outside, outside_made;
        sgs_start(&run, expected, &outside);
        for (const sgs_isa *isa = sgs_isas; isa->name; isa++) {
            if (!isa->available())
                continue;
            made[run.n] = -1.0;
            sgs_start_by(isa->kernels[0].normals, &run, made, &outside_made);
            assert_memory_equal(made, expected, (size_t)run.n * sizeof *made);
            assert_true(outside_made == outside && made[run.n] == -1.0);
        }
    }
}

/* ---- saved and restored -------------------------------------------------------------------------------------------
 */

typedef struct saved_runs {
    batch_feed feed;
    sgs_job waiting[RUNS]; /* to be handed out next, with states of their own */
    int count;
} saved_runs;

static bool saved_next(void *context, sgs_job *job)
{
    saved_runs *saved = context;
    if (saved->count == 0)
        return feed_next(&saved->feed, job);
    *job = saved->waiting[--saved->count];
    return true;
}

static void saved_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    feed_done(&((saved_runs *)context)->feed, job, result, end);
}

static void keep_state(void *context, const sgs_job *job, const void *state, size_t size)
{
    saved_runs *saved = context;
    void *copy = malloc(size);
    memcpy(copy, state, size);
    saved->waiting[saved->count] = *job;
    saved->waiting[saved->count++].state = copy;
}

/** Train with all states saved and restored whenever some steps have passed, the kernel changing every time. */
static void train_saving(const sgs_job *jobs, int count, int64_t most, sgs_result *results)
{
    saved_runs saved = {.feed = {jobs, count, 0, results}};
    const sgs_feed feed = {.next = saved_next, .done = saved_done, .context = &saved};
    int busy = 1;
    while (busy || saved.count || saved.feed.given < count) {
        const void *states[RUNS];
        const int kept = saved.count;
        sgs_trainer *trainer;
        for (int k = 0; k < kept; k++)
            states[k] = saved.waiting[k].state;
        assert_int_equal(sgs_trainer_create(&jobs[0].run, between(1, 16), &trainer, NULL), SGS_OK);
        assert_int_equal(sgs_trainer_advance(trainer, &feed, 1 + between(0, (int)most - 1), &busy, NULL), SGS_OK);
        const int left = saved.count;
        assert_int_equal(sgs_trainer_save(trainer, keep_state, &saved, NULL), SGS_OK);
        for (int k = left; k < kept; k++)
            free((void *)(uintptr_t)states[k]);
        sgs_trainer_destroy(trainer);
    }
}

static void test_saved_and_restored(void **context)
{
    (void)context;
    for (int c = 0; c < 60; c++) {
        sgs_job jobs[RUNS];
        sgs_result expected[RUNS], results[RUNS];
        random_jobs(jobs, c % 3 == 0 ? 60 : 12);
        for (int k = 0; c % 4 == 0 && k < RUNS; k++)
            jobs[k].stop.max_steps = between(0, 100);
        train_all(jobs, RUNS, 16, 1 << 30, expected);
        train_saving(jobs, RUNS, c % 4 == 0 ? 1 : 500, results); /* 1: at every single step */
        for (int k = 0; k < RUNS; k++)
            assert_same(&expected[k], &results[k], &jobs[k], "saved and restored");
    }
}

static void test_foreign_state(void **context)
{
    (void)context;
    sgs_trainer *trainer;
    sgs_error err;
    sgs_result result;
    int busy;
    unsigned char state[4096] = {0};
    sgs_job job = {.run = random_run(10, 0.1), .stop = {1e-6, 1000}, .tag = 0, .state = state};
    batch_feed f = {&job, 1, 0, &result};
    const sgs_feed feed = {.next = feed_next, .done = feed_done, .context = &f};
    assert_int_equal(sgs_trainer_create(&job.run, 1, &trainer, &err), SGS_OK);
    assert_int_equal(sgs_trainer_advance(trainer, &feed, 100, &busy, &err), SGS_EDAMAGED);
    assert_non_null(strstr(err.text, "saved state of run 0"));
    assert_int_equal(busy, 0);
    sgs_trainer_destroy(trainer);
}

static void test_unknown_isa(void **context)
{
    (void)context;
    sgs_trainer *trainer;
    sgs_error err;
    const sgs_run run = random_run(10, 0.1);
    setenv("SGDSWEEP_ISA", "z80", 1);
    assert_int_equal(sgs_trainer_create(&run, 1, &trainer, &err), SGS_EINVAL);
    assert_non_null(strstr(err.text, "SGDSWEEP_ISA=z80"));
    assert_non_null(strstr(err.text, "accepted:"));
    assert_null(trainer);
    unsetenv("SGDSWEEP_ISA");
}

/* ---- the paper's limits -------------------------------------------------------------------------------------------
 */

static sgs_result train_one(sgs_run run)
{
    sgs_job job = {.run = run, .stop = {1e-6, sgs_auto_max_steps(&run)}};
    sgs_result result;
    train_all(&job, 1, 1, 1 << 30, &result);
    return result;
}

static void test_full_batch_is_dense(void **context)
{
    (void)context;
    const int32_t sizes[] = {16, 100, 1000, 30000, 1000000};
    for (int k = 0; k < 5; k++)
        for (int act = 0; act < 2; act++) {
            const sgs_run run = {(sgs_activation)act,
                                 SGS_WITHOUT_REPLACEMENT,
                                 sizes[k],
                                 sizes[k],
                                 sizes[k],
                                 0.1,
                                 SGS_INIT_GAUSSIAN,
                                 0.1,
                                 7,
                                 7,
                                 false};
            const sgs_result r = train_one(run);
            assert_int_equal(r.status, SGS_RUN_CONVERGED);
            assert_true(r.value[SGS_ALIGNMENT_INIT_ACTIVE].real >= 1.0 - 1e-12);
            assert_true(fabs(r.value[SGS_PARTICIPATION_RATIO].real / r.value[SGS_PARTICIPATION_RATIO_INIT].real - 1) <
                        1e-9);
        }
}

static void test_any_other_is_sparse(void **context)
{
    (void)context;
    const int32_t cases[][2] = {{16, 1}, {16, 7}, {16, 15}, {64, 32}, {64, 63}, {256, 255}, {256, 20}, {2, 1}, {3, 2}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (int act = 0; act < 2; act++) {
            const sgs_run run = {(sgs_activation)act,
                                 SGS_WITHOUT_REPLACEMENT,
                                 cases[k][0] + 5,
                                 cases[k][0],
                                 cases[k][1],
                                 0.3,
                                 SGS_INIT_GAUSSIAN,
                                 0.1,
                                 3,
                                 3,
                                 false};
            const sgs_result r = train_one(run);
            if (r.value[SGS_ACTIVE_INIT].integer == 0) { /* a relu start with nothing active is dead at once */
                assert_int_equal(r.status, SGS_RUN_DEAD);
                continue;
            }
            assert_int_equal(r.status, SGS_RUN_CONVERGED);
            assert_true(r.value[SGS_MAX_SHARE].real >= 1.0 - 1e-11);
            assert_int_equal(r.value[SGS_SUPPORT].integer, 1);
        }
}

static void test_starts(void **context)
{
    (void)context;
    sgs_run run = {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 16, 16, 4, 0.2, SGS_INIT_GAUSSIAN, 1e-8, 1, 1, false};
    assert_int_equal(train_one(run).status, SGS_RUN_CONVERGED);
    run.scale = 1e-50;
    assert_int_equal(train_one(run).status, SGS_RUN_CONVERGED);
    run.scale = 2.0; /* outside of the basin: N > 2 through the part outside of the span */
    run.d = 256;
    assert_int_equal(train_one(run).status, SGS_RUN_DEAD);
    run = (sgs_run){SGS_RELU, SGS_WITHOUT_REPLACEMENT, 1, 1, 1, 0.2, SGS_INIT_ONES, 0.1, 1, 1, false};
    assert_int_equal(train_one(run).status, SGS_RUN_CONVERGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trajectories),        cmocka_unit_test(test_single_steps),
        cmocka_unit_test(test_same_bits),           cmocka_unit_test(test_start_bits),
        cmocka_unit_test(test_saved_and_restored),  cmocka_unit_test(test_foreign_state),
        cmocka_unit_test(test_unknown_isa),         cmocka_unit_test(test_full_batch_is_dense),
        cmocka_unit_test(test_any_other_is_sparse), cmocka_unit_test(test_starts),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
