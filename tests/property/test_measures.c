/** @file test_measures.c
 *  Every end-of-run measure against a dense computation in R^d that knows the definitions only: the loss as a sum over
 *  data vectors, the Hessian as central differences of its gradient, alignments as dot products. */
#include "scene.h"

#include <gsl/gsl_eigen.h>

static void dense_hessian(const scene *s, const double *w, gsl_matrix *H)
{
    const int d = s->run.d;
    const double h = 1e-5;
    for (int j = 0; j < d; j++) {
        double moved[D_MAX], up[D_MAX], down[D_MAX];
        memcpy(moved, w, sizeof moved);
        moved[j] = w[j] + h;
        dense_gradient(s, moved, up);
        moved[j] = w[j] - h;
        dense_gradient(s, moved, down);
        for (int k = 0; k < d; k++)
            gsl_matrix_set(H, (size_t)k, (size_t)j, (up[k] - down[k]) / (2.0 * h));
    }
}

static double dense_trace(const scene *s, const double *w)
{
    gsl_matrix *H = gsl_matrix_alloc((size_t)s->run.d, (size_t)s->run.d);
    double trace = 0.0;
    dense_hessian(s, w, H);
    for (int k = 0; k < s->run.d; k++)
        trace += gsl_matrix_get(H, (size_t)k, (size_t)k);
    gsl_matrix_free(H);
    return trace;
}

static double dense_max_eigenvalue(const scene *s, const double *w)
{
    const size_t d = (size_t)s->run.d;
    gsl_matrix *H = gsl_matrix_alloc(d, d);
    gsl_vector *values = gsl_vector_alloc(d);
    gsl_eigen_symm_workspace *work = gsl_eigen_symm_alloc(d);
    dense_hessian(s, w, H);
    gsl_eigen_symm(H, values, work);
    const double largest = gsl_vector_max(values);
    gsl_eigen_symm_free(work);
    gsl_vector_free(values);
    gsl_matrix_free(H);
    return largest;
}

static sgs_result measure(const scene *s, sgs_run_status status, double tol)
{
    const sgs_stop stop = {.tol = tol, .max_steps = 1000};
    const sgs_history history = {
        .steps = 640, .steps_norm = 8, .steps_sparse = -1, .norm2_min = 0.81, .norm2_max = 1.21};
    sgs_result result;
    memset(&result, 0xa5, sizeof result);
    sgs_measure_run(&s->run, &stop, status, (sgs_point){s->a, s->outside}, (sgs_point){s->a0, s->outside0}, &history,
                    &result);
    return result;
}

static double real(const sgs_result *result, sgs_measure m)
{
    return result->value[m].real;
}

static long long integer(const sgs_result *result, sgs_measure m)
{
    return (long long)result->value[m].integer;
}

/* ---- loss, gradient, Hessian ------------------------------------------------------------------------------------- */

static void gradient_of_the_test_is_that_of_the_loss(void **state)
{
    (void)state;
    for (int c = 0; c < SCENES; c++) {
        const scene s = draw_scene();
        double g[D_MAX], moved[D_MAX];
        dense_gradient(&s, s.w, g);
        for (int k = 0; k < s.run.d; k++) {
            memcpy(moved, s.w, sizeof moved);
            moved[k] = s.w[k] + 1e-5;
            const double up = dense_loss(&s, moved);
            moved[k] = s.w[k] - 1e-5;
            const double N = dot(s.run.d, s.w, s.w);
            assert_near(&s, "gradient", g[k], (up - dense_loss(&s, moved)) / 2e-5, 1e-8 * (1.0 + N * N));
        }
    }
}

static void loss_is_the_sum_over_points(void **state)
{
    (void)state;
    for (int c = 0; c < SCENES; c++) {
        const scene s = draw_scene();
        const sgs_result r = measure(&s, SGS_RUN_MAX_STEPS, 1e-6);
        const double L = dense_loss(&s, s.w), n = s.run.n, N = dot(s.run.d, s.w, s.w);
        assert_near(&s, "loss", real(&r, SGS_LOSS), L, 1e-13 * (1.0 + N * N));
        assert_near(&s, "excess_loss", real(&r, SGS_EXCESS_LOSS), L - (n - 1.0) / (2.0 * n), 1e-13 * (1.0 + N * N));
        assert_near(&s, "norm", real(&r, SGS_NORM), sqrt(N), 1e-14 * (1.0 + N));
    }
}

static void hessian_is_the_numerical_one(void **state)
{
    (void)state;
    for (int c = 0; c < SCENES; c++) {
        const scene s = draw_scene();
        const sgs_result r = measure(&s, SGS_RUN_MAX_STEPS, 1e-6);
        const double size = 1.0 + dot(s.run.d, s.w, s.w);
        assert_near(&s, "hessian_trace", real(&r, SGS_HESSIAN_TRACE), dense_trace(&s, s.w), 2e-8 * size);
        assert_near(&s, "hessian_max", real(&r, SGS_HESSIAN_MAX), dense_max_eigenvalue(&s, s.w), 2e-8 * size);
    }
}

/* ---- the limit point --------------------------------------------------------------------------------------------- */

static void trace_limit_is_the_trace_at_the_limit_point(void **state)
{
    (void)state;
    for (int c = 0; c < SCENES; c++) {
        scene s = draw_scene();
        double limit[D_MAX];
        draw_converged(&s, limit);
        const sgs_result r = measure(&s, SGS_RUN_CONVERGED, 1e-6);
        assert_near(&s, "hessian_trace_limit", real(&r, SGS_HESSIAN_TRACE_LIMIT), dense_trace(&s, limit), 1e-5);
        const sgs_result running = measure(&s, SGS_RUN_MAX_STEPS, 1e-6);
        assert_true(isnan(real(&running, SGS_HESSIAN_TRACE_LIMIT)));
    }
}

/* ---- counts, shares, alignments ---------------------------------------------------------------------------------- */

static double dense_cosine(int d, const double *u, const double *v)
{
    return dot(d, u, v) / sqrt(dot(d, u, u) * dot(d, v, v));
}

static void alignments_are_dense_cosines(void **state)
{
    (void)state;
    int empty = 0;
    for (int c = 0; c < SCENES; c++) {
        const scene s = draw_scene();
        double part[D_MAX], w0_active[D_MAX];
        int count = 0;
        for (int i = 0; i < s.run.n; i++) {
            part[i] = active(&s, s.a0[i]) ? s.a0[i] : 0.0;
            count += active(&s, s.a0[i]);
        }
        embed(&s, part, 0.0, w0_active);
        const sgs_result r = measure(&s, SGS_RUN_MAX_STEPS, 1e-6);
        assert_near(&s, "alignment_init", real(&r, SGS_ALIGNMENT_INIT), dense_cosine(s.run.d, s.w, s.w0), 1e-14);
        assert_int_equal(integer(&r, SGS_ACTIVE_INIT), count);
        if (count > 0) {
            assert_near(&s, "alignment_init_active", real(&r, SGS_ALIGNMENT_INIT_ACTIVE),
                        dense_cosine(s.run.d, s.w, w0_active), 1e-14);
        } else {
            assert_true(isnan(real(&r, SGS_ALIGNMENT_INIT_ACTIVE)));
            assert_true(isnan(real(&r, SGS_PARTICIPATION_RATIO_INIT)));
            empty++;
        }
    }
    assert_true(empty > 0); /* relu at n = 1 alone gives some 400 / 16 of them */
}

static double plain_participation(const scene *s, const double *a, bool active_only)
{
    double square = 0.0, fourth = 0.0;
    for (int i = 0; i < s->run.n; i++) {
        const double q = !active_only || active(s, a[i]) ? a[i] * a[i] : 0.0;
        square += q;
        fourth += q * q;
    }
    return square * square / fourth;
}

static const scene *sorted_scene;

static int larger_start_first(const void *left, const void *right)
{
    const double u = fabs(sorted_scene->a0[*(const int *)left]), v = fabs(sorted_scene->a0[*(const int *)right]);
    return (u < v) - (u > v);
}

/* Position of point i among the active ones of the start, sorted by size; -1 if it is not one of them. */
static int sorted_rank(const scene *s, int i)
{
    int order[D_MAX] = {0}, count = 0;
    for (int j = 0; j < s->run.n; j++)
        if (active(s, s->a0[j]))
            order[count++] = j;
    sorted_scene = s;
    qsort(order, (size_t)count, sizeof *order, larger_start_first);
    for (int k = 0; k < count; k++)
        if (order[k] == i)
            return k + 1;
    return -1;
}

static void shares_counts_and_ranks(void **state)
{
    (void)state;
    for (int c = 0; c < SCENES; c++) {
        scene s = draw_scene();
        const double tol = log_uniform(1e-8, 1e-2), least = fmax(tol, 1e-6), N0 = dot(s.run.d, s.w, s.w);
        if (s.run.n > 1) /* one point on either side of the threshold of `support` */
            s.a[0] = least * sqrt(N0) * (uniform_int(0, 1) ? 1.5 : 0.5);
        embed(&s, s.a, s.outside, s.w);
        const sgs_result r = measure(&s, SGS_RUN_MAX_STEPS, tol);
        const double N = dot(s.run.d, s.w, s.w);
        int largest = 0, supported = 0, count = 0;
        for (int i = 0; i < s.run.n; i++) {
            largest = fabs(s.a[i]) > fabs(s.a[largest]) ? i : largest;
            count += active(&s, s.a[i]);
            supported += active(&s, s.a[i]) && s.a[i] * s.a[i] / N > least * least;
        }
        assert_near(&s, "max_share", real(&r, SGS_MAX_SHARE), s.a[largest] * s.a[largest] / N, 1e-14);
        assert_int_equal(integer(&r, SGS_SELECTED), s.a[largest] < 0.0 ? -(largest + 1) : largest + 1);
        assert_int_equal(integer(&r, SGS_WINNER_RANK), sorted_rank(&s, largest));
        assert_int_equal(integer(&r, SGS_ACTIVE), count);
        assert_int_equal(integer(&r, SGS_SUPPORT), supported);
        const double ratio = plain_participation(&s, s.a, false);
        assert_near(&s, "participation_ratio", real(&r, SGS_PARTICIPATION_RATIO), ratio, 1e-13 * ratio);
        if (integer(&r, SGS_ACTIVE_INIT) > 0)
            assert_near(&s, "participation_ratio_init", real(&r, SGS_PARTICIPATION_RATIO_INIT),
                        plain_participation(&s, s.a0, true), 1e-12);
    }
}

static void history_goes_into_the_result(void **state)
{
    (void)state;
    const scene s = draw_scene();
    const sgs_result r = measure(&s, SGS_RUN_DEAD, 1e-6);
    assert_int_equal(r.status, SGS_RUN_DEAD);
    assert_int_equal(integer(&r, SGS_STEPS), 640);
    assert_int_equal(integer(&r, SGS_STEPS_NORM), 8);
    assert_int_equal(integer(&r, SGS_STEPS_SPARSE), -1);
    assert_near(&s, "norm_min", real(&r, SGS_NORM_MIN), 0.9, 1e-15);
    assert_near(&s, "norm_max", real(&r, SGS_NORM_MAX), 1.1, 1e-15);
}

/* ---- closed forms and edges -------------------------------------------------------------------------------------- */

static void closed_forms_at_a_minimum(void **state)
{
    (void)state;
    for (int kept = 1; kept <= 5; kept++) {
        scene s = {.run = {.d = 2000000000, .n = 5, .b = kept == 1 ? 2 : 5, .eps = 0.1, .scale = 1.0}};
        s.run.activation = SGS_RELU;
        for (int i = 0; i < 5; i++) {
            s.a[i] = i < kept ? 1.0 / sqrt((double)kept) : 0.0;
            s.a0[i] = i + 1.0;
        }
        const sgs_result r = measure(&s, SGS_RUN_CONVERGED, 1e-6);
        const double trace = (4.0 + 2e9 - kept) / 5.0;
        assert_near(&s, "hessian_trace", real(&r, SGS_HESSIAN_TRACE), trace, 1e-6);
        assert_near(&s, "hessian_trace_limit", real(&r, SGS_HESSIAN_TRACE_LIMIT), trace, 1e-6);
        assert_near(&s, "hessian_max", real(&r, SGS_HESSIAN_MAX), 4.0 / 5.0, 1e-14);
        assert_near(&s, "loss", real(&r, SGS_LOSS), 4.0 / 10.0, 1e-15);
        assert_near(&s, "excess_loss", real(&r, SGS_EXCESS_LOSS), 0.0, 1e-16);
        assert_near(&s, "participation_ratio", real(&r, SGS_PARTICIPATION_RATIO), kept, 1e-14);
        assert_near(&s, "participation_ratio_init", real(&r, SGS_PARTICIPATION_RATIO_INIT), 55.0 * 55.0 / 979.0, 1e-13);
        assert_int_equal(integer(&r, SGS_SELECTED), 1); /* ties go to the lowest */
        assert_int_equal(integer(&r, SGS_WINNER_RANK), 5);
        assert_int_equal(integer(&r, SGS_SUPPORT), kept);
    }
}

/* Full batch keeps an active point whatever its size, though `support` does not count it. */
static void full_batch_keeps_tiny_active_points(void **state)
{
    (void)state;
    scene s = {.run = {.activation = SGS_RELU, .d = 9, .n = 4, .b = 4, .eps = 0.1, .scale = 1.0},
               .a = {0.6, 0.8, 1e-9, -1e-9},
               .a0 = {0.6, 0.8, 1e-9, -0.5}};
    const sgs_result full = measure(&s, SGS_RUN_CONVERGED, 1e-6);
    assert_int_equal(integer(&full, SGS_SUPPORT), 2);
    assert_near(&s, "hessian_trace_limit", real(&full, SGS_HESSIAN_TRACE_LIMIT), (4.0 + 9.0 - 3.0) / 4.0, 1e-14);
    s.run.b = 3;
    const sgs_result less = measure(&s, SGS_RUN_CONVERGED, 1e-6);
    assert_near(&s, "hessian_trace_limit", real(&less, SGS_HESSIAN_TRACE_LIMIT), (4.0 + 9.0 - 2.0) / 4.0, 1e-14);
}

static void linear_minima_all_have_one_trace(void **state)
{
    (void)state;
    scene s = {
        .run = {.d = 9, .n = 4, .b = 1, .eps = 0.1, .scale = 1.0}, .a = {0.0, -1.0, 0.0, 0.0}, .a0 = {1, 1, 1, 1}};
    const sgs_result sparse = measure(&s, SGS_RUN_CONVERGED, 1e-6);
    assert_near(&s, "hessian_trace_limit", real(&sparse, SGS_HESSIAN_TRACE_LIMIT), 9.0 / 4.0, 1e-14);
    assert_int_equal(integer(&sparse, SGS_SELECTED), -2);
    assert_int_equal(integer(&sparse, SGS_WINNER_RANK), 1); /* equals in size share the better rank */
    s.run.b = 4;
    for (int i = 0; i < 4; i++)
        s.a[i] = 0.5;
    const sgs_result dense = measure(&s, SGS_RUN_CONVERGED, 1e-6);
    assert_near(&s, "hessian_trace_limit", real(&dense, SGS_HESSIAN_TRACE_LIMIT), 9.0 / 4.0, 1e-14);
}

static void excess_loss_has_no_cancellation(void **state)
{
    (void)state;
    const scene s = {.run = {.activation = SGS_RELU, .d = 3, .n = 2, .b = 1, .eps = 0.1, .scale = 1.0},
                     .a = {1.0, -1e-12},
                     .a0 = {1.0, 1.0}};
    const sgs_result r = measure(&s, SGS_RUN_CONVERGED, 1e-6);
    assert_near(&s, "excess_loss", real(&r, SGS_EXCESS_LOSS) / 0.25e-24, 1.0, 1e-12);
}

static void nothing_is_selected_at_zero(void **state)
{
    (void)state;
    const scene s = {.run = {.d = 3, .n = 2, .b = 1, .eps = 0.1, .scale = 1.0}, .a0 = {1.0, 1.0}};
    const sgs_result r = measure(&s, SGS_RUN_DEAD, 1e-6);
    assert_true(isnan(real(&r, SGS_PARTICIPATION_RATIO)));
    assert_true(isnan(real(&r, SGS_ALIGNMENT_INIT)));
    assert_true(isnan(real(&r, SGS_MAX_SHARE)));
    assert_int_equal(integer(&r, SGS_SELECTED), 0);
    assert_int_equal(integer(&r, SGS_SUPPORT), 0);
    assert_near(&s, "loss", real(&r, SGS_LOSS), 0.5, 0.0);
}

/* A run at 1e-60 of the usual size, whose fourth powers underflow. */
static void tiny_points_are_measured_too(void **state)
{
    (void)state;
    scene s = {.run = {.d = 3, .n = 3, .b = 1, .eps = 0.1, .scale = 1.0},
               .a = {3e-100, 4e-100, 0.0},
               .a0 = {3e-60, 4e-60, 0.0}};
    const sgs_result r = measure(&s, SGS_RUN_MAX_STEPS, 1e-6);
    assert_near(&s, "participation_ratio", real(&r, SGS_PARTICIPATION_RATIO), 625.0 / 337.0, 1e-14);
    assert_near(&s, "alignment_init", real(&r, SGS_ALIGNMENT_INIT), 1.0, 1e-14);
    assert_near(&s, "max_share", real(&r, SGS_MAX_SHARE), 16.0 / 25.0, 1e-14);
}

static void a_diverged_run_has_its_steps_and_its_start(void **state)
{
    (void)state;
    scene s = draw_scene();
    s.a[0] = INFINITY;
    const sgs_result r = measure(&s, SGS_RUN_DIVERGED, 1e-6);
    assert_int_equal(r.status, SGS_RUN_DIVERGED);
    assert_int_equal(integer(&r, SGS_STEPS), 640);
    assert_true(integer(&r, SGS_ACTIVE_INIT) >= 0);
    const uint64_t quiet_nan = 0x7ff8000000000000; /* the only NaN in a file, whatever the compiler */
    assert_true((uint64_t)r.value[SGS_LOSS].integer == quiet_nan);
    assert_true((uint64_t)r.value[SGS_NORM].integer == quiet_nan);
    assert_true((uint64_t)r.value[SGS_HESSIAN_MAX].integer == quiet_nan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_of_the_test_is_that_of_the_loss),
        cmocka_unit_test(loss_is_the_sum_over_points),
        cmocka_unit_test(hessian_is_the_numerical_one),
        cmocka_unit_test(trace_limit_is_the_trace_at_the_limit_point),
        cmocka_unit_test(alignments_are_dense_cosines),
        cmocka_unit_test(shares_counts_and_ranks),
        cmocka_unit_test(history_goes_into_the_result),
        cmocka_unit_test(closed_forms_at_a_minimum),
        cmocka_unit_test(full_batch_keeps_tiny_active_points),
        cmocka_unit_test(linear_minima_all_have_one_trace),
        cmocka_unit_test(excess_loss_has_no_cancellation),
        cmocka_unit_test(nothing_is_selected_at_zero),
        cmocka_unit_test(tiny_points_are_measured_too),
        cmocka_unit_test(a_diverged_run_has_its_steps_and_its_start),
    };
    return cmocka_run_group_tests(tests, chance_begin, chance_end);
}
