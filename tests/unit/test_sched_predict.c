/* The cost model against the numbers of model.md section 5 and against what was measured there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sgdsweep/sched.h"
#include "sgdsweep/train.h"
#include <math.h>
#include <string.h>

static sgs_run a_run(void)
{
    return (sgs_run){.activation = SGS_LINEAR,
                     .sampling = SGS_WITHOUT_REPLACEMENT,
                     .d = 64,
                     .n = 64,
                     .b = 1,
                     .eps = 0.1,
                     .init = SGS_INIT_GAUSSIAN,
                     .scale = 1};
}

static const sgs_stop unlimited = {.tol = 1e-6, .max_steps = SGS_STEPS_MAX};

static void assert_within(double got, double expected, double factor)
{
    if (!(got <= expected * factor && got >= expected / factor))
        fail_msg("%g is not within a factor of %g of %g", got, factor, expected);
}

/* The mean of runs over their median, where batches are drawn. */
static const double MEAN = 1.045;

/* Starts of norm 1 need no growth: the median of k * steps is 12.6 + 2.1 ln m with k = b (n-b) / (n (n-1)) l(eps). */
static void follows_the_walk_clock(void **state)
{
    (void)state;
    for (int b = 1; b < 64; b++) {
        sgs_run run = a_run();
        run.b = b;
        double k = b * (64.0 - b) / (64.0 * 63.0) * -log(1 - 0.01);
        assert_within(k * sgs_predict_steps(&run, &unlimited), MEAN * (12.6 + 2.1 * log(64)), 1.001);
    }
}

static void has_the_symmetry_of_b_and_n_minus_b(void **state)
{
    sgs_run few = a_run();
    sgs_run many = a_run();
    sgs_speed speed = sgs_speed_default();
    (void)state;

    many.b = 63;
    assert_within(sgs_predict_seconds(&few, &unlimited, &speed), sgs_predict_seconds(&many, &unlimited, &speed), 1.001);
}

static void full_batch_is_short(void **state)
{
    sgs_run run = a_run();
    double settling = log(1e6) / -log(1 - 4 * 0.1);
    (void)state;

    run.b = 64;
    assert_within(sgs_predict_steps(&run, &unlimited), settling, 1.1); /* nothing is inactive or outside */
    run.activation = SGS_RELU;
    assert_within(sgs_predict_steps(&run, &unlimited), 14 / 0.1, 1.3);
    run.activation = SGS_LINEAR;
    run.d = 65;
    assert_within(sgs_predict_steps(&run, &unlimited), 14 / 0.1, 1.3);
    run = a_run();
    run.n = run.d = 1;
    assert_within(sgs_predict_steps(&run, &unlimited), settling, 1.1);
    run = a_run();
    run.b = 64;
    run.sampling = SGS_WITH_REPLACEMENT; /* goes sparse: (b/n) l(eps) */
    assert_within(sgs_predict_steps(&run, &unlimited), MEAN * (12.6 + 2.1 * log(64)) / -log(0.99), 1.05);
}

static void ordered_sampling_has_no_diffusion(void **state)
{
    sgs_run run = a_run();
    double k = 63.0 / (64.0 * 63.0) * -log(0.99);
    (void)state;

    run.sampling = SGS_CYCLIC;
    run.init = SGS_INIT_ONES;
    assert_within(k * sgs_predict_steps(&run, &unlimited), 2 * 64, 1.001);
    run.init = SGS_INIT_GAUSSIAN;
    assert_within(k * sgs_predict_steps(&run, &unlimited), fmax(12.6 + 2.1 * log(64), 8.5 + 0.7 * 64 / log(64)), 1.1);
    run.b = 32; /* windows of half the points separate sooner */
    k = 32.0 * 32 / (64.0 * 63.0) * -log(0.99);
    assert_within(k * sgs_predict_steps(&run, &unlimited), 8, 1.01);
}

/* Means over 16 seeds of runs from scale 0.1 at tol 1e-6, d = n = 64 and 256 (`run`, one sweep over all samplings). */
/* NOLINTNEXTLINE(readability-function-size): most of it is the table */
static void agrees_with_what_runs_took(void **state)
{
    static const struct {
        sgs_activation activation;
        sgs_sampling sampling;
        int n, b;
        double eps, steps;
    } measured[] = {
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 1, 0.05, 579264},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 1, 0.3, 14032},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 8, 0.05, 82826},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 8, 0.3, 2087},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 32, 0.05, 36377},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 32, 0.3, 1040},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 63, 0.05, 567536},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 63, 0.3, 18872},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 64, 0.05, 96},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 64, 64, 0.3, 16},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 1, 0.05, 2562048},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 1, 0.3, 69280},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 32, 0.05, 84767},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 32, 0.3, 2354},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 128, 0.05, 43470},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 128, 0.3, 1096},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 255, 0.05, 2502816},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 255, 0.3, 69632},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 256, 0.05, 96},
        {SGS_LINEAR, SGS_WITHOUT_REPLACEMENT, 256, 256, 0.3, 16},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 1, 0.05, 582704},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 1, 0.3, 15640},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 8, 0.05, 80848},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 8, 0.3, 1829},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 32, 0.05, 18864},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 32, 0.3, 440},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 63, 0.05, 8932},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 63, 0.3, 230},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 64, 0.05, 10010},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 64, 64, 0.3, 242},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 1, 0.05, 2481824},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 1, 0.3, 67968},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 32, 0.05, 81059},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 32, 0.3, 1884},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 128, 0.05, 18440},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 128, 0.3, 452},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 255, 0.05, 10068},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 255, 0.3, 252},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 256, 0.05, 8834},
        {SGS_LINEAR, SGS_WITH_REPLACEMENT, 256, 256, 0.3, 260},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 1, 0.05, 576312},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 1, 0.3, 18256},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 8, 0.05, 80888},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 8, 0.3, 2526},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 32, 0.05, 34473},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 32, 0.3, 972},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 63, 0.05, 522440},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 63, 0.3, 17256},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 64, 0.05, 96},
        {SGS_LINEAR, SGS_SHUFFLE, 64, 64, 0.3, 16},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 1, 0.05, 3699168},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 1, 0.3, 126624},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 32, 0.05, 131724},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 32, 0.3, 4282},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 128, 0.05, 54740},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 128, 0.3, 1581},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 255, 0.05, 2826208},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 255, 0.3, 71840},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 256, 0.05, 96},
        {SGS_LINEAR, SGS_SHUFFLE, 256, 256, 0.3, 16},
        {SGS_LINEAR, SGS_CYCLIC, 64, 1, 0.05, 568888},
        {SGS_LINEAR, SGS_CYCLIC, 64, 1, 0.3, 18344},
        {SGS_LINEAR, SGS_CYCLIC, 64, 8, 0.05, 60699},
        {SGS_LINEAR, SGS_CYCLIC, 64, 8, 0.3, 1781},
        {SGS_LINEAR, SGS_CYCLIC, 64, 32, 0.05, 12502},
        {SGS_LINEAR, SGS_CYCLIC, 64, 32, 0.3, 331},
        {SGS_LINEAR, SGS_CYCLIC, 64, 63, 0.05, 535832},
        {SGS_LINEAR, SGS_CYCLIC, 64, 63, 0.3, 13200},
        {SGS_LINEAR, SGS_CYCLIC, 64, 64, 0.05, 96},
        {SGS_LINEAR, SGS_CYCLIC, 64, 64, 0.3, 16},
        {SGS_LINEAR, SGS_CYCLIC, 256, 1, 0.05, 3567776},
        {SGS_LINEAR, SGS_CYCLIC, 256, 1, 0.3, 108416},
        {SGS_LINEAR, SGS_CYCLIC, 256, 32, 0.05, 67585},
        {SGS_LINEAR, SGS_CYCLIC, 256, 32, 0.3, 1818},
        {SGS_LINEAR, SGS_CYCLIC, 256, 128, 0.05, 12875},
        {SGS_LINEAR, SGS_CYCLIC, 256, 128, 0.3, 328},
        {SGS_LINEAR, SGS_CYCLIC, 256, 255, 0.05, 3240224},
        {SGS_LINEAR, SGS_CYCLIC, 256, 255, 0.3, 63904},
        {SGS_LINEAR, SGS_CYCLIC, 256, 256, 0.05, 96},
        {SGS_LINEAR, SGS_CYCLIC, 256, 256, 0.3, 16},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 1, 0.05, 574872},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 1, 0.3, 13728},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 8, 0.05, 80554},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 8, 0.3, 1957},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 32, 0.05, 37888},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 32, 0.3, 988},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 63, 0.05, 529704},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 63, 0.3, 15680},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 64, 0.05, 251},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 64, 64, 0.3, 40},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 1, 0.05, 2551968},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 1, 0.3, 61664},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 32, 0.05, 84877},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 32, 0.3, 2472},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 128, 0.05, 41018},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 128, 0.3, 986},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 255, 0.05, 2568224},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 255, 0.3, 71616},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 256, 0.05, 248},
        {SGS_RELU, SGS_WITHOUT_REPLACEMENT, 256, 256, 0.3, 40},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 1, 0.05, 572016},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 1, 0.3, 13528},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 8, 0.05, 73770},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 8, 0.3, 1825},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 32, 0.05, 16182},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 32, 0.3, 381},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 63, 0.05, 8178},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 63, 0.3, 174},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 64, 0.05, 10090},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 64, 64, 0.3, 194},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 1, 0.05, 2420448},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 1, 0.3, 62432},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 32, 0.05, 76672},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 32, 0.3, 1790},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 128, 0.05, 15649},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 128, 0.3, 411},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 255, 0.05, 10475},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 255, 0.3, 192},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 256, 0.05, 10196},
        {SGS_RELU, SGS_WITH_REPLACEMENT, 256, 256, 0.3, 212},
        {SGS_RELU, SGS_SHUFFLE, 64, 1, 0.05, 520856},
        {SGS_RELU, SGS_SHUFFLE, 64, 1, 0.3, 15856},
        {SGS_RELU, SGS_SHUFFLE, 64, 8, 0.05, 72918},
        {SGS_RELU, SGS_SHUFFLE, 64, 8, 0.3, 2197},
        {SGS_RELU, SGS_SHUFFLE, 64, 32, 0.05, 31546},
        {SGS_RELU, SGS_SHUFFLE, 64, 32, 0.3, 900},
        {SGS_RELU, SGS_SHUFFLE, 64, 63, 0.05, 541320},
        {SGS_RELU, SGS_SHUFFLE, 64, 63, 0.3, 14304},
        {SGS_RELU, SGS_SHUFFLE, 64, 64, 0.05, 251},
        {SGS_RELU, SGS_SHUFFLE, 64, 64, 0.3, 40},
        {SGS_RELU, SGS_SHUFFLE, 256, 1, 0.05, 2962304},
        {SGS_RELU, SGS_SHUFFLE, 256, 1, 0.3, 98144},
        {SGS_RELU, SGS_SHUFFLE, 256, 32, 0.05, 104966},
        {SGS_RELU, SGS_SHUFFLE, 256, 32, 0.3, 3331},
        {SGS_RELU, SGS_SHUFFLE, 256, 128, 0.05, 44301},
        {SGS_RELU, SGS_SHUFFLE, 256, 128, 0.3, 1263},
        {SGS_RELU, SGS_SHUFFLE, 256, 255, 0.05, 2442304},
        {SGS_RELU, SGS_SHUFFLE, 256, 255, 0.3, 69152},
        {SGS_RELU, SGS_SHUFFLE, 256, 256, 0.05, 248},
        {SGS_RELU, SGS_SHUFFLE, 256, 256, 0.3, 40},
        {SGS_RELU, SGS_CYCLIC, 64, 1, 0.05, 510576},
        {SGS_RELU, SGS_CYCLIC, 64, 1, 0.3, 15112},
        {SGS_RELU, SGS_CYCLIC, 64, 8, 0.05, 58279},
        {SGS_RELU, SGS_CYCLIC, 64, 8, 0.3, 1611},
        {SGS_RELU, SGS_CYCLIC, 64, 32, 0.05, 12239},
        {SGS_RELU, SGS_CYCLIC, 64, 32, 0.3, 322},
        {SGS_RELU, SGS_CYCLIC, 64, 63, 0.05, 492536},
        {SGS_RELU, SGS_CYCLIC, 64, 63, 0.3, 12272},
        {SGS_RELU, SGS_CYCLIC, 64, 64, 0.05, 251},
        {SGS_RELU, SGS_CYCLIC, 64, 64, 0.3, 40},
        {SGS_RELU, SGS_CYCLIC, 256, 1, 0.05, 2839104},
        {SGS_RELU, SGS_CYCLIC, 256, 1, 0.3, 85728},
        {SGS_RELU, SGS_CYCLIC, 256, 32, 0.05, 62771},
        {SGS_RELU, SGS_CYCLIC, 256, 32, 0.3, 1765},
        {SGS_RELU, SGS_CYCLIC, 256, 128, 0.05, 12666},
        {SGS_RELU, SGS_CYCLIC, 256, 128, 0.3, 336},
        {SGS_RELU, SGS_CYCLIC, 256, 255, 0.05, 2615520},
        {SGS_RELU, SGS_CYCLIC, 256, 255, 0.3, 56704},
        {SGS_LINEAR, SGS_CYCLIC, 250, 31, 0.05, 1451698}, /* gcd 1: as long as with small batches */
        {SGS_RELU, SGS_CYCLIC, 250, 31, 0.05, 1265056},
        {SGS_RELU, SGS_CYCLIC, 250, 31, 0.4, 18604},
        {SGS_RELU, SGS_CYCLIC, 100, 15, 0.05, 126120},
        {SGS_RELU, SGS_CYCLIC, 100, 51, 0.2, 31829},
        {SGS_RELU, SGS_CYCLIC, 100, 92, 0.2, 9862},
        {SGS_RELU, SGS_CYCLIC, 256, 256, 0.05, 248},
        {SGS_RELU, SGS_CYCLIC, 256, 256, 0.3, 40},
    };
    (void)state;

    for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++) {
        sgs_run run = a_run();
        run.activation = measured[i].activation;
        run.sampling = measured[i].sampling;
        run.d = run.n = measured[i].n;
        run.b = measured[i].b;
        run.eps = measured[i].eps;
        run.scale = 0.1;
        double ratio = sgs_predict_steps(&run, &unlimited) / measured[i].steps;
        if (!(ratio < 1.5 && ratio > 1 / 1.5))
            fail_msg("row %zu: predicted / measured is %g", i, ratio);
    }
}

static void speed_is_that_of_measured_shapes(void **state)
{
    sgs_speed speed = sgs_speed_default();
    sgs_run run = a_run();
    sgs_run other = a_run();
    (void)state;

    other.b = 2;
    double before = sgs_predict_step_seconds(&other, &speed);
    assert_true(sgs_speed_add(&speed, (sgs_shape_speed){run.sampling, run.n, run.b, 1e-6}));
    assert_within(sgs_predict_step_seconds(&run, &speed), 1e-6, 1.0001);
    assert_true(sgs_predict_step_seconds(&other, &speed) > 10 * before); /* a slow machine is slow for the like */
    assert_false(sgs_speed_add(&speed, (sgs_shape_speed){run.sampling, 10, 11, 1e-6}));
    assert_false(sgs_speed_add(&speed, (sgs_shape_speed){run.sampling, 10, 1, 0}));
    while (sgs_speed_add(&speed, (sgs_shape_speed){run.sampling, run.n, run.b, 1e-6}))
        assert_true(speed.shapes <= SGS_SPEED_SHAPES);
}

/* A vector's worth of runs takes no longer than one; beyond, a run alone is the fastest, a full set the cheapest. */
static void few_runs_leave_lanes_empty(void **state)
{
    static const int vectors[] = {8, 4, 2};
    sgs_run run = a_run();
    (void)state;

    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        sgs_widths widths = sgs_predict_widths(&run, vectors[i]);
        double alone_s = sgs_predict_slowdown(&widths, 1);
        int narrowest = widths.lanes[0];
        for (int64_t together = 1; together <= 300; together++) {
            int lanes = sgs_predict_lanes(&widths, together);
            double slowdown = sgs_predict_slowdown(&widths, together);
            assert_true(slowdown >= 1 - 1e-12 && slowdown <= alone_s);
            assert_true(fmin((double)together, lanes) * slowdown >= alone_s * (1 - 1e-12));
            assert_true(together > 16 || lanes >= together);
        }
        assert_int_equal(narrowest, vectors[i] < 8 ? 4 : 8);
        assert_within(narrowest * sgs_predict_slowdown(&widths, narrowest), alone_s, 1.0001);
        assert_within(sgs_predict_slowdown(&widths, 300), 1, 1.0001);
        assert_true(alone_s > 2);
    }
}

/* Predicted lanes are those that trainers have here, for every way to draw, and costs are what they are for: a step of
 * more lanes takes longer, one of each run less. */
static void widths_are_those_of_trainers(void **state)
{
    static const int32_t shapes[][2] = {{2, 1},     {40, 40},   {100, 1},      {100, 10},  {128, 127},
                                        {129, 60},  {512, 512}, {513, 1},      {513, 100}, {600, 300},
                                        {2000, 10}, {16385, 1}, {20000, 20000}};
    static const int64_t runs[] = {1, 3, 4, 5, 8, 9, 16, 17, 127, 128, 1000};
    (void)state;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (int sampling = 0; sampling < SGS_SAMPLINGS; sampling++) {
            sgs_run run = a_run();
            run.sampling = (sgs_sampling)sampling;
            run.d = run.n = shapes[i][0];
            run.b = shapes[i][1];
            sgs_widths widths = sgs_predict_widths(&run, sgs_trainer_vector());
            for (size_t k = 0; k < sizeof runs / sizeof runs[0]; k++) {
                sgs_trainer *trainer = NULL;
                assert_int_equal(sgs_trainer_create(&run, runs[k], &trainer, NULL), SGS_OK);
                assert_int_equal(sgs_predict_lanes(&widths, runs[k]), sgs_trainer_lanes(trainer));
                sgs_trainer_destroy(trainer);
            }
            for (int vector = 2; vector <= 8; vector *= 2) {
                widths = sgs_predict_widths(&run, vector);
                for (int at = 1; at < widths.count; at++) {
                    assert_true(widths.cost[at] > widths.cost[at - 1]);
                    assert_true(widths.cost[at] / widths.lanes[at] < 1.05 * widths.cost[at - 1] / widths.lanes[at - 1]);
                }
            }
        }
    }
}

static void limits_hold(void **state)
{
    sgs_run run = a_run();
    sgs_stop stop = {.tol = 1e-6, .max_steps = 1000};
    (void)state;

    assert_true(sgs_predict_steps(&run, &stop) == 1000);
    stop = (sgs_stop){.tol = 0, .max_steps = 123456};
    assert_true(sgs_predict_steps(&run, &stop) == 123456);
    stop.tol = 1e-6;
    run.eps = 0.6;
    assert_true(sgs_predict_steps(&run, &stop) == 123456);
    stop.max_steps = 0;
    assert_true(sgs_predict_steps(&run, &stop) == 0);
}

static void is_finite_and_positive_everywhere(void **state)
{
    static const double eps[] = {1e-300, 1e-9, 0.1, 0.25, 0.5, 0.7, 0.8, 1, 10, 1e6};
    static const double tol[] = {1e-12, 1e-6, 1e-2};
    static const int sizes[] = {1, 2, 3, 64, 1000000};
    sgs_speed speed = sgs_speed_default();
    (void)state;

    for (size_t i = 0; i < sizeof eps / sizeof eps[0]; i++)
        for (size_t j = 0; j < 3; j++)
            for (size_t k = 0; k < 5; k++)
                for (int sampling = 0; sampling < SGS_SAMPLINGS; sampling++)
                    for (int b = 1; b <= sizes[k]; b += 1 + sizes[k] / 3) {
                        sgs_run run = a_run();
                        sgs_stop stop = {.tol = tol[j], .max_steps = SGS_STEPS_MAX};
                        run.d = run.n = sizes[k];
                        run.b = b;
                        run.eps = eps[i];
                        run.sampling = (sgs_sampling)sampling;
                        run.activation = b % 2 ? SGS_RELU : SGS_LINEAR;
                        double seconds = sgs_predict_seconds(&run, &stop, &speed);
                        assert_true(isfinite(seconds) && seconds > 0);
                        assert_true(sgs_predict_steps(&run, &stop) >= 1);
                    }
}

static void forecasts_a_grid(void **state)
{
    static const char text[] = "dimension: [2, 16]\nbatch_size: [1, 4]\nstep_size: {scaled_by_batch: [0.1, 0.2]}\n"
                               "seed: {first: 1, count: 10}\nactivation: relu\n";
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    sgs_speed speed = sgs_speed_default();
    double sum = 0;
    (void)state;

    assert_int_equal(sgs_grid_parse(text, strlen(text), "test", &grid, &err), SGS_OK);
    sgs_forecast forecast = sgs_forecast_grid(grid, &speed);
    assert_int_equal(forecast.runs, 80);
    assert_int_equal(forecast.cells, 8);
    assert_int_equal(forecast.skipped, 20); /* b = 4 at n = 2 */
    for (int64_t i = 0; i < 80; i++) {
        sgs_run run;
        sgs_stop stop;
        if (sgs_grid_run(grid, i, &run, &stop))
            sum += sgs_predict_seconds(&run, &stop, &speed);
    }
    assert_within(forecast.seconds, sum, 1.000001);
    assert_true(forecast.longest_s > 0 && forecast.longest_s < forecast.seconds);
    sgs_grid_destroy(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_walk_clock),
        cmocka_unit_test(has_the_symmetry_of_b_and_n_minus_b),
        cmocka_unit_test(full_batch_is_short),
        cmocka_unit_test(ordered_sampling_has_no_diffusion),
        cmocka_unit_test(agrees_with_what_runs_took),
        cmocka_unit_test(speed_is_that_of_measured_shapes),
        cmocka_unit_test(few_runs_leave_lanes_empty),
        cmocka_unit_test(widths_are_those_of_trainers),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(is_finite_and_positive_everywhere),
        cmocka_unit_test(forecasts_a_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
