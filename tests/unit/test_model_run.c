/** @file test_model_run.c
 *  What identifies a run: names and the run key; and the step limit of `max_steps: auto`, against its formula in libm.
 */
#include "sgdsweep/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static sgs_run example(void)
{
    return (sgs_run){.activation = SGS_RELU,
                     .sampling = SGS_WITHOUT_REPLACEMENT,
                     .d = 64,
                     .n = 48,
                     .b = 12,
                     .eps = 0.1,
                     .init = SGS_INIT_GAUSSIAN,
                     .scale = 0.25,
                     .init_seed = 7,
                     .seed = SGS_SEED_MAX,
                     .batches_common = false};
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(sgs_activation_name(SGS_LINEAR), "linear");
    assert_string_equal(sgs_activation_name(SGS_RELU), "relu");
    assert_string_equal(sgs_sampling_name(SGS_WITHOUT_REPLACEMENT), "without_replacement");
    assert_string_equal(sgs_sampling_name(SGS_WITH_REPLACEMENT), "with_replacement");
    assert_string_equal(sgs_sampling_name(SGS_SHUFFLE), "shuffle");
    assert_string_equal(sgs_sampling_name(SGS_CYCLIC), "cyclic");
    assert_string_equal(sgs_init_name(SGS_INIT_GAUSSIAN), "gaussian");
    assert_string_equal(sgs_init_name(SGS_INIT_SPHERE), "sphere");
    assert_string_equal(sgs_init_name(SGS_INIT_ONES), "ones");
    assert_null(sgs_activation_name(SGS_ACTIVATIONS));
    assert_null(sgs_sampling_name(SGS_SAMPLINGS));
    assert_null(sgs_init_name(SGS_INITS));
    assert_null(sgs_run_status_name(SGS_RUN_STATUSES));
}

static void statuses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int value;
        bool finished;
    } table[] = {{"pending", 0, false}, {"converged", 1, true}, {"max_steps", 2, true}, {"diverged", 3, true},
                 {"dead", 4, true},     {"skipped", 5, false},  {"failed", 6, false},   {"not_needed", 7, false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_string_equal(sgs_run_status_name((sgs_run_status)table[i].value), table[i].name);
        assert_int_equal(sgs_run_status_finished(table[i].value), table[i].finished);
    }
    assert_false(sgs_run_status_finished(-1));
    assert_false(sgs_run_status_finished(8));
    assert_false(sgs_run_status_finished(127));
}

/* Files are identified by this: it may change with SGS_ALGORITHM_VERSION only. */
static void the_key_is_the_hash_of_a_known_text(void **state)
{
    (void)state;
    static const char text[] = "algorithm=1;activation=relu;sampling=without_replacement;d=64;n=48;b=12;"
                               "eps=0x1.999999999999ap-4;init=gaussian;scale=0x1p-2;init_seed=7;batches=own;"
                               "seed=9007199254740991";
    const sgs_run run = example();
    char hex[SGS_KEY_TEXT_BYTES];
    assert_int_equal(SGS_ALGORITHM_VERSION, 1);
    assert_true(sgs_key_equal(sgs_run_key(&run), sgs_key_of(text, strlen(text))));
    assert_string_equal(sgs_key_text(sgs_run_key(&run), hex), "7169d2cf549449f3d7b5a7783c091226");
}

static void every_member_changes_the_key(void **state)
{
    (void)state;
    sgs_run runs[] = {example(), example(), example(), example(), example(), example(),
                      example(), example(), example(), example(), example(), example()};
    const size_t count = sizeof runs / sizeof *runs;
    runs[1].activation = SGS_LINEAR;
    runs[2].sampling = SGS_SHUFFLE;
    runs[3].d = 65;
    runs[4].n = 49;
    runs[5].b = 13;
    runs[6].eps = nextafter(0.1, 1.0);
    runs[7].init = SGS_INIT_SPHERE;
    runs[8].scale = nextafter(0.25, 1.0);
    runs[9].init_seed = 8;
    runs[10].seed -= 1;
    runs[11].batches_common = true;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (sgs_key_equal(sgs_run_key(&runs[i]), sgs_run_key(&runs[j])))
                fail_msg("changes %zu and %zu give the same key", i, j);
}

static void ones_have_no_seed_of_the_start(void **state)
{
    (void)state;
    sgs_run one = example(), other = example();
    one.init = other.init = SGS_INIT_ONES;
    other.init_seed = 8;
    assert_true(sgs_key_equal(sgs_run_key(&one), sgs_run_key(&other)));
}

/* The longest numbers that a run can have: nothing is cut off at the end of the text, where the seed stands. */
static void long_texts_are_not_cut(void **state)
{
    (void)state;
    sgs_run one = example(), other = example();
    one.d = one.n = one.b = INT32_MAX;
    one.eps = 1.2345678901234567e-300;
    one.scale = 9.87654321098765432e-60;
    one.init_seed = SGS_SEED_MAX;
    one.batches_common = true;
    other = one;
    other.seed -= 1;
    assert_false(sgs_key_equal(sgs_run_key(&one), sgs_run_key(&other)));
}

/* ---- max_steps: auto --------------------------------------------------------------------------------------------- */

static bool full_gradient(const sgs_run *run)
{
    return run->n == 1 || (run->b == run->n && run->sampling != SGS_WITH_REPLACEMENT);
}

/* model.md section 5, with the choices that it leaves open: relu has m = n/2, never below 2; a scale below 1 takes n /
 * b times the full batch's steps to grow; the rate |ln|1 - 4 eps|| of full batch counts as 0.02 at least. */
static double predicted_steps(const sgs_run *run)
{
    const double n = run->n, b = run->b, eps = run->eps, x = fmin(eps, 0.9);
    const double growth = run->scale < 1.0 ? log(1.0 / run->scale) / (2.0 * eps) * n / b : 0.0;
    if (full_gradient(run))
        return fmax(14.0 / eps, 14.0 / fmax(0.02, fabs(log(fabs(1.0 - 4.0 * eps))))) + growth;
    const double l = -log1p(-x * x), m = fmax(2.0, run->activation == SGS_RELU ? n / 2.0 : n);
    const double k = run->sampling == SGS_WITH_REPLACEMENT ? b / n * l : b * (n - b) / (n * (n - 1.0)) * l;
    double clock = 12.6 + 2.1 * log(m);
    if (run->sampling == SGS_CYCLIC || (run->sampling == SGS_SHUFFLE && run->b <= run->n / 2))
        clock = fmax(clock, run->init == SGS_INIT_ONES ? 2.0 * m : 8.5 + 0.7 * m / log(m));
    return clock / k + growth;
}

static void check_auto(const sgs_run *run)
{
    const double want = fmin(20.0 * predicted_steps(run), (double)SGS_STEPS_MAX);
    const int64_t got = sgs_auto_max_steps(run);
    if (!((double)got >= want * (1.0 - 1e-12) && (double)got <= want * (1.0 + 1e-12) + 1.0))
        fail_msg("%lld steps, 20 times the prediction is %.17g (n %d, b %d, eps %g, scale %g, sampling %d)",
                 (long long)got, want, run->n, run->b, run->eps, run->scale, run->sampling);
}

static void auto_is_twenty_times_the_prediction(void **state)
{
    (void)state;
    const int32_t ns[] = {1, 2, 3, 10, 64, 1001};
    const double steps[] = {1e-6, 0.01, 0.1, 0.2499, 0.25, 0.37, 0.4999, 0.5, 0.6, 0.9, 1.5};
    const double scales[] = {1e-60, 1e-8, 0.1, 1.0, 100.0};
    sgs_run run = example();
    for (int code = 0; code < SGS_ACTIVATIONS * SGS_SAMPLINGS * SGS_INITS * 6 * 11 * 5; code++) {
        int rest = code;
        run.activation = (sgs_activation)(rest % SGS_ACTIVATIONS), rest /= SGS_ACTIVATIONS;
        run.sampling = (sgs_sampling)(rest % SGS_SAMPLINGS), rest /= SGS_SAMPLINGS;
        run.init = (sgs_init)(rest % SGS_INITS), rest /= SGS_INITS;
        run.n = ns[rest % 6], rest /= 6;
        run.eps = steps[rest % 11], rest /= 11;
        run.scale = scales[rest];
        const int32_t bs[] = {1, (run.n + 1) / 2, run.n / 2 + 1, run.n > 1 ? run.n - 1 : 1, run.n};
        for (size_t k = 0; k < sizeof bs / sizeof *bs; k++) {
            run.b = bs[k] < run.n ? bs[k] : run.n;
            check_auto(&run);
        }
    }
}

static void auto_has_a_ceiling(void **state)
{
    (void)state;
    sgs_run run = example();
    run.eps = 1e-12;
    assert_true(sgs_auto_max_steps(&run) == SGS_STEPS_MAX);
    run.eps = 1e-300; /* eps^2 is zero */
    assert_true(sgs_auto_max_steps(&run) == SGS_STEPS_MAX);
    run.b = run.n;
    assert_true(sgs_auto_max_steps(&run) == SGS_STEPS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(statuses),
        cmocka_unit_test(the_key_is_the_hash_of_a_known_text),
        cmocka_unit_test(every_member_changes_the_key),
        cmocka_unit_test(ones_have_no_seed_of_the_start),
        cmocka_unit_test(long_texts_are_not_cut),
        cmocka_unit_test(auto_is_twenty_times_the_prediction),
        cmocka_unit_test(auto_has_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
