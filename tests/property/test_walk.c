/** The walk of log |a_i / a_j|: against the reference trainer's own walk; the same bits however a run is cut and
 * whatever runs beside it; the law that model.md section 7 predicts. */
#include "model/batch.h"
#include "sgdsweep/train.h"
#include "train/lanes.h"
#include "train/reference.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../chance.h"

enum { BINS = 12, VALUES = SGS_WALK_SUMS * BINS, RUNS = 24 };
static const double RANGE = 3.0;

/* ---- random cases ------------------------------------------------------------------------------------------------ */

static sgs_run random_run(int n_max, double eps_max)
{
    const int n = between(2, n_max);
    return (sgs_run){.activation = between(0, 1) ? SGS_RELU : SGS_LINEAR,
                     .sampling = between(0, 1) ? SGS_WITHOUT_REPLACEMENT : (sgs_sampling)between(0, SGS_SAMPLINGS - 1),
                     .d = between(0, 1) ? n : n + between(1, 5),
                     .n = n,
                     .b = between(0, 2)   ? between(1, n)
                          : between(0, 1) ? 1
                                          : n - 1,
                     .eps = uniform(0.02, eps_max),
                     .scale = uniform(0.1, 1.0),
                     .init = (sgs_init)between(0, 2),
                     .init_seed = between(1, 1000000),
                     .seed = between(1, 1000000)};
}

/* ---- the lane kernel's walks ------------------------------------------------------------------------------------- */

typedef struct book {
    sgs_job job[RUNS];
    int count, taken;
    bool done[RUNS];
    sgs_result result[RUNS];
    sgs_value walk[RUNS][VALUES];
    void *state[RUNS]; /* of runs that were saved, to be taken up again */
    size_t state_bytes;
} book;

static bool book_next(void *context, sgs_job *job)
{
    book *b = context;
    while (b->taken < b->count && b->done[b->taken])
        b->taken++;
    if (b->taken == b->count)
        return false;
    *job = b->job[b->taken];
    job->tag = b->taken;
    job->state = b->state[b->taken++];
    return true;
}

static void book_done(void *context, const sgs_job *job, const sgs_result *result, sgs_point end)
{
    book *b = context;
    (void)end;
    b->result[job->tag] = *result;
    b->done[job->tag] = true;
}

static sgs_value *book_walk(void *context, const sgs_job *job)
{
    return ((book *)context)->walk[job->tag];
}

static void book_save(void *context, const sgs_job *job, const void *state, size_t size)
{
    book *b = context;
    free(b->state[job->tag]);
    b->state[job->tag] = malloc(size);
    assert_non_null(b->state[job->tag]);
    memcpy(b->state[job->tag], state, size);
}

static sgs_feed feed_of(book *b, bool watch)
{
    return (sgs_feed){.next = book_next,
                      .done = book_done,
                      .walk = watch ? book_walk : NULL,
                      .walk_bins = watch ? BINS : 0,
                      .walk_range = RANGE,
                      .context = b};
}

static bool all_done(const book *b)
{
    for (int i = 0; i < b->count; i++)
        if (!b->done[i])
            return false;
    return true;
}

/** Train all; slices of `slice` steps at most; with `save` the trainer is saved, destroyed and made anew now and then,
 * for another number of lanes. */
static void train(book *b, bool watch, int runs, int64_t slice, bool save)
{
    const sgs_feed feed = feed_of(b, watch);
    sgs_trainer *trainer = NULL;
    int busy;
    assert_int_equal(sgs_trainer_create(&b->job[0].run, runs, &trainer, NULL), SGS_OK);
    for (int64_t calls = 0; !all_done(b); calls++) {
        assert_true(calls < 10000000);
        assert_int_equal(sgs_trainer_advance(trainer, &feed, slice == 1 ? 1 : between(1, (int)slice), &busy, NULL),
                         SGS_OK);
        if (!save || between(0, 3))
            continue;
        assert_int_equal(sgs_trainer_save(trainer, book_save, b, NULL), SGS_OK);
        sgs_trainer_destroy(trainer);
        b->taken = 0;
        assert_int_equal(sgs_trainer_create(&b->job[0].run, between(1, 40), &trainer, NULL), SGS_OK);
    }
    sgs_trainer_destroy(trainer);
    for (int i = 0; i < b->count; i++) {
        free(b->state[i]);
        b->state[i] = NULL;
    }
}

static void forget(book *b)
{
    memset(b->done, 0, sizeof b->done);
    memset(b->walk, 1, sizeof b->walk); /* a run that starts clears its own */
    b->taken = 0;
}

/* ---- the reference's walk ---------------------------------------------------------------------------------------- */

typedef struct observed {
    double sum[SGS_WALK_SUMS][BINS];
    bool unsure; /* a ratio near an edge, or a coordinate in the rounding noise */
} observed;

static int64_t gcd(int64_t a, int64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}

static int64_t unit_of(const sgs_run *run)
{
    return run->sampling == SGS_SHUFFLE  ? run->n / run->b
           : run->sampling == SGS_CYCLIC ? run->n / gcd(run->n, run->b)
                                         : 1;
}

static bool active(const sgs_run *run, double a)
{
    return run->activation == SGS_LINEAR || a > 0.0;
}

/** The pair; false: fewer than two points are active at the start. */
static bool pair_of(const sgs_run *run, sgs_point start, int32_t pair[2])
{
    int count = 0;
    for (int32_t i = 0; i < run->n && count < 2; i++)
        if (active(run, start.a[i]))
            pair[count++] = i;
    return count == 2;
}

/** Sum of squares of the active members of a batch but for the pair, and which of the pair are in. */
static double rest_of(const sgs_run *run, sgs_point at, int64_t t, const int32_t pair[2], bool in[2])
{
    int32_t members[64];
    uint64_t scratch[64];
    double rest = 0.0;
    in[0] = in[1] = false;
    sgs_batch_members(run, t, members, scratch);
    for (int k = 0; k < run->b; k++) {
        const int32_t i = members[k];
        in[0] = in[0] || i == pair[0];
        in[1] = in[1] || i == pair[1];
        if (i != pair[0] && i != pair[1] && active(run, at.a[i]))
            rest += at.a[i] * at.a[i];
    }
    return rest;
}

/** What the prediction says given the rest of the batch, from the definition; NaN without one. */
static void expect(const sgs_run *run, sgs_point at, int64_t t, const int32_t pair[2], double expected[2])
{
    bool in[2];
    double L[2], N = at.outside * at.outside;
    expected[0] = expected[1] = NAN;
    if (!sgs_draws_subsets(run))
        return;
    const double rest = rest_of(run, at, t, pair, in);
    assert_true(in[0] != in[1]);
    for (int32_t i = 0; i < run->n; i++)
        N += at.a[i] * at.a[i];
    for (int k = 0; k < 2; k++) {
        const double c = 1.0 - run->eps * (rest + at.a[pair[k]] * at.a[pair[k]]);
        L[k] = log((c + run->eps * (2.0 - N)) / c);
    }
    expected[0] = (L[0] - L[1]) / 2.0;
    expected[1] = (L[0] * L[0] + L[1] * L[1]) / 2.0;
}

static int bin_at(double r, observed *o)
{
    const double place = (r + RANGE) * BINS / (2.0 * RANGE);
    o->unsure = o->unsure || fabs(place - round(place)) < 1e-6;
    return place < 0.0 ? 0 : place >= BINS ? BINS - 1 : (int)place;
}

static void watch_unit(sgs_reference *reference, const sgs_run *run, const int32_t pair[2], observed *o)
{
    const int64_t unit = unit_of(run), t = sgs_reference_steps(reference);
    sgs_point at = sgs_reference_point(reference);
    const double before[2] = {at.a[pair[0]], at.a[pair[1]]};
    o->unsure = o->unsure || fabs(before[0]) < 1e-8 || fabs(before[1]) < 1e-8;
    if (!active(run, before[0]) || !active(run, before[1]))
        return;
    double expected[2] = {0.0, 0.0}, here[64];
    memcpy(here, at.a, (size_t)run->n * sizeof *here);
    const double outside = at.outside;
    for (int64_t k = 0; k < unit; k++)
        sgs_reference_step(reference);
    at = sgs_reference_point(reference);
    if (!active(run, at.a[pair[0]]) || !active(run, at.a[pair[1]]))
        return;
    const double D = log(fabs(at.a[pair[0]] / before[0])) - log(fabs(at.a[pair[1]] / before[1]));
    const int bin = bin_at(log(fabs(before[0] / before[1])), o);
    o->sum[SGS_WALK_COUNT][bin]++;
    o->unsure = o->unsure || (fabs(D) > 1e-13 && fabs(D) < 1e-6); /* moves of cyclic windows can be that small */
    if (fabs(D) < 1e-9)
        return;
    expect(run, (sgs_point){here, outside}, t, pair, expected);
    o->sum[SGS_WALK_MOVES][bin]++;
    o->sum[SGS_WALK_SUM][bin] += D;
    o->sum[SGS_WALK_SUM2][bin] += D * D;
    o->sum[SGS_WALK_DRIFT][bin] += expected[0];
    o->sum[SGS_WALK_SQUARE][bin] += expected[1];
}

static void reference_walk(const sgs_job *job, observed *o)
{
    sgs_reference *reference = NULL;
    const sgs_run *run = &job->run;
    int32_t pair[2];
    *o = (observed){.unsure = false};
    assert_int_equal(sgs_reference_create(run, chance_bits(), &reference, NULL), SGS_OK);
    const int64_t stride = sgs_check_stride(run), unit = unit_of(run), part = 16 * unit;
    const int64_t window = (stride + part - 1) / part * unit;
    const bool walks = pair_of(run, sgs_reference_point(reference), pair) && !sgs_gradient_is_full(run);
    while (sgs_reference_steps(reference) < job->stop.max_steps) {
        const int64_t t = sgs_reference_steps(reference);
        if (walks && t % stride < window && t + unit <= job->stop.max_steps)
            watch_unit(reference, run, pair, o);
        while (sgs_reference_steps(reference) < job->stop.max_steps &&
               (sgs_reference_steps(reference) == t || sgs_reference_steps(reference) % unit != 0))
            sgs_reference_step(reference);
    }
    sgs_reference_destroy(reference);
}

static void assert_walk(const sgs_run *run, const sgs_value *walk, const observed *o)
{
    for (int sum = 0; sum < SGS_WALK_SUMS; sum++)
        for (int bin = 0; bin < BINS; bin++) {
            const sgs_value value = walk[sum * BINS + bin];
            const double got = sgs_walk_describe((sgs_walk_sum)sum)->integer ? (double)value.integer : value.real;
            const double want = o->sum[sum][bin];
            if (fabs(got - want) <= 1e-6 || (isnan(got) && isnan(want)))
                continue;
            fail_msg("%s in bin %d: %.17g, the reference's walk %.17g (%s, %s, d = %d, n = %d, b = %d, eps = %.17g, "
                     "seeds %lld, %lld)",
                     sgs_walk_describe((sgs_walk_sum)sum)->name, bin, got, want, sgs_activation_name(run->activation),
                     sgs_sampling_name(run->sampling), run->d, run->n, run->b, run->eps, (long long)run->init_seed,
                     (long long)run->seed);
        }
}

static void test_like_the_reference(void **context)
{
    (void)context;
    enum { CASES = 600 };
    int compared = 0;
    int64_t moves = 0;
    for (int i = 0; i < CASES; i++) {
        static book b;
        observed o;
        b = (book){.count = 1};
        b.job[0] = (sgs_job){.run = random_run(12, 0.2), .stop = {.tol = 0.0, .max_steps = between(1, 250)}};
        train(&b, true, 1, 100, false);
        reference_walk(&b.job[0], &o);
        if (o.unsure || b.result[0].status == SGS_RUN_DEAD) /* dead runs end early, even with tol 0 */
            continue;
        compared++;
        assert_walk(&b.job[0].run, b.walk[0], &o);
        for (int bin = 0; bin < BINS; bin++)
            moves += b.walk[0][SGS_WALK_MOVES * BINS + bin].integer;
    }
    assert_true(compared > CASES / 2);
    assert_true(moves > 2 * CASES);
}

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

static void fill(book *b)
{
    const sgs_run shape = random_run(between(0, 1) ? 6 : 40, 0.6);
    *b = (book){.count = between(1, RUNS)};
    for (int i = 0; i < b->count; i++) {
        b->job[i].run = shape;
        b->job[i].run.eps = uniform(0.02, 0.6);
        b->job[i].run.seed = between(1, 1000000);
        b->job[i].run.init_seed = between(1, 1000000);
        b->job[i].stop = (sgs_stop){.tol = between(0, 1) ? 1e-3 : 0.0, .max_steps = between(0, 1500)};
    }
}

static void assert_same(const book *want, const book *got, bool walks)
{
    for (int i = 0; i < want->count; i++) {
        unsigned char bytes[2][SGS_RESULT_BYTES];
        sgs_result_bytes(&want->result[i], bytes[0]);
        sgs_result_bytes(&got->result[i], bytes[1]);
        assert_memory_equal(bytes[0], bytes[1], SGS_RESULT_BYTES);
        if (walks)
            assert_memory_equal(want->walk[i], got->walk[i], sizeof want->walk[i]);
    }
}

static void test_same_bits(void **context)
{
    (void)context;
    const char *chosen = getenv("SGDSWEEP_ISA");
    char *before = chosen ? strdup(chosen) : NULL;
    static book b, first;
    for (int i = 0; i < 40; i++) {
        fill(&b);
        train(&b, false, RUNS, 1 << 20, false);
        first = b;
        forget(&b);
        train(&b, true, RUNS, 1 << 20, false);
        assert_same(&first, &b, false);
        first = b;
        for (const sgs_isa *isa = sgs_isas; isa->name; isa++) {
            if (!isa->available())
                continue;
            setenv("SGDSWEEP_ISA", isa->name, 1);
            forget(&b);
            train(&b, true, between(1, 200), between(0, 1) ? 1 : 50, false);
            assert_same(&first, &b, true);
            forget(&b);
            train(&b, true, between(1, 200), 100, true);
            assert_same(&first, &b, true);
        }
        before ? setenv("SGDSWEEP_ISA", before, 1) : unsetenv("SGDSWEEP_ISA");
    }
    free(before);
}

/* ---- the law ----------------------------------------------------------------------------------------------------- */

/** Given the rest of its batch, D is L_i or -L_j with probability 1/2: D minus its prediction adds up to a martingale
 *  of variance at most the predicted sum of squares. And P(a move) = 2 b (n-b) / (n (n-1)). At 6 sigma of a bounded
 *  martingale a case fails with probability below 1e-8. */
static void test_law(void **context)
{
    (void)context;
    static book b;
    for (int i = 0; i < 60; i++) {
        double units = 0.0, moves = 0.0, excess = 0.0, square = 0.0, square_excess = 0.0;
        fill(&b);
        const double eps = uniform(0.05, 0.3);
        for (int k = 0; k < b.count; k++) {
            b.job[k].run.sampling = SGS_WITHOUT_REPLACEMENT;
            b.job[k].run.eps = eps;
            b.job[k].run.scale = 0.5;
            b.job[k].stop.max_steps = 3000;
        }
        train(&b, true, RUNS, 1 << 20, false);
        for (int k = 0; k < b.count * BINS; k++) {
            const sgs_value *w = &b.walk[k / BINS][k % BINS];
            units += (double)w[SGS_WALK_COUNT * BINS].integer;
            moves += (double)w[SGS_WALK_MOVES * BINS].integer;
            excess += w[SGS_WALK_SUM * BINS].real - w[SGS_WALK_DRIFT * BINS].real;
            square += w[SGS_WALK_SQUARE * BINS].real;
            square_excess += w[SGS_WALK_SUM2 * BINS].real - w[SGS_WALK_SQUARE * BINS].real;
        }
        const sgs_run *run = &b.job[0].run;
        const double P = 2.0 * run->b * (run->n - run->b) / (run->n * (run->n - 1.0));
        const double largest = 1.0 / (1.0 - eps); /* L <= log1p(2 eps / (1 - eps)), D^2 within twice its mean's bound */
        assert_true(fabs(moves - P * units) <= 6.0 * sqrt(units * P * (1.0 - P)) + 6.0);
        assert_true(fabs(excess) <= 6.0 * sqrt(square) + 6.0 * largest);
        const double bound = 4.0 * eps * eps * largest * largest;
        assert_true(fabs(square_excess) <= 6.0 * sqrt(square * bound) + 6.0 * bound);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_the_reference),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_law),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
