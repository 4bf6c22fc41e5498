/* The reference trainer: what model.md section 1 says, done the plain way, as the oracle of the lane kernel.
 *
 * Nothing is shared with the kernel but the definition of a run: its start, its batches, the checked steps, the stop
 * rule and the measures. The data are dense, w is dense, and the gradient comes from the residual f_w(x) - x.
 *
 * Invariant between calls: rows 0 .. n-1 of `basis` are the data points, row n (d > n only) is the direction of the
 * outside part; the rows are orthonormal, and w lies in their span, within rounding. */
#include "train/reference.h"
#include "model/rule.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

struct sgs_reference {
    sgs_run run;
    int64_t steps;
    gsl_matrix *basis;                /* [n or n + 1][d] */
    gsl_vector *w, *residual, *total; /* [d] */
    double *a;                        /* [n] */
    int32_t *members;                 /* [b] */
    uint64_t *scratch;                /* [n] */
};

static bool has_outside(const sgs_run *run)
{
    return run->d > run->n;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

static int factorise(gsl_matrix *gaussian, gsl_vector *tau, uint64_t seed)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    if (!rng)
        return GSL_ENOMEM;
    gsl_rng_set(rng, (unsigned long)seed);
    for (size_t i = 0; i < gaussian->size1; i++)
        for (size_t j = 0; j < gaussian->size2; j++)
            gsl_matrix_set(gaussian, i, j, gsl_ran_gaussian(rng, 1.0));
    gsl_rng_free(rng);
    return gsl_linalg_QR_decomp(gaussian, tau);
}

/* The rows of basis become the first columns of Q of a Gaussian matrix: a uniformly random orthonormal frame. */
static int draw_basis(gsl_matrix *basis, uint64_t seed)
{
    int code = GSL_ENOMEM;
    gsl_matrix *qr = gsl_matrix_alloc(basis->size2, basis->size1);
    gsl_vector *tau = gsl_vector_alloc(basis->size1);
    if (!qr || !tau)
        goto out;
    code = factorise(qr, tau, seed);
    for (size_t i = 0; i < basis->size1 && code == GSL_SUCCESS; i++) {
        gsl_vector_view row = gsl_matrix_row(basis, i);
        gsl_vector_set_basis(&row.vector, i);
        code = gsl_linalg_QR_Qvec(qr, tau, &row.vector);
    }
out:
    gsl_matrix_free(qr);
    gsl_vector_free(tau);
    return code;
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

static int allocate(sgs_reference *reference, const sgs_run *run, uint64_t data_seed)
{
    const size_t d = (size_t)run->d, n = (size_t)run->n, rows = n + (has_outside(run) ? 1 : 0);
    reference->run = *run;
    if (rows > SIZE_MAX / sizeof(double) / d) /* GSL does not look */
        return GSL_ENOMEM;
    reference->basis = gsl_matrix_alloc(rows, d);
    if (!reference->basis)
        return GSL_ENOMEM;
    reference->w = gsl_vector_alloc(d);
    reference->residual = gsl_vector_alloc(d);
    reference->total = gsl_vector_alloc(d);
    reference->a = calloc(n, sizeof *reference->a);
    reference->members = calloc((size_t)run->b, sizeof *reference->members);
    reference->scratch = calloc(n, sizeof *reference->scratch);
    if (!reference->w || !reference->residual || !reference->total || !reference->a || !reference->members ||
        !reference->scratch)
        return GSL_ENOMEM;
    return draw_basis(reference->basis, data_seed);
}

sgs_status sgs_reference_create(const sgs_run *run, uint64_t data_seed, sgs_reference **reference, sgs_error *err)
{
    *reference = NULL;
    sgs_reference *made = calloc(1, sizeof *made);
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    const int code = made ? allocate(made, run, data_seed) : GSL_ENOMEM;
    gsl_set_error_handler(handler);
    if (code != GSL_SUCCESS) {
        const sgs_status status = code == GSL_ENOMEM ? SGS_ENOMEM : SGS_EFAIL;
        sgs_reference_destroy(made);
        sgs_fail(err, status, "reference trainer, d = %d, n = %d: %s", (int)run->d, (int)run->n, gsl_strerror(code));
        return status;
    }
    double outside = 0.0;
    sgs_start(run, made->a, &outside);
    sgs_reference_place(made, (sgs_point){made->a, outside}, 0);
    *reference = made;
    return SGS_OK;
}

void sgs_reference_destroy(sgs_reference *reference)
{
    if (!reference)
        return;
    gsl_matrix_free(reference->basis);
    gsl_vector_free(reference->w);
    gsl_vector_free(reference->residual);
    gsl_vector_free(reference->total);
    free(reference->a);
    free(reference->members);
    free(reference->scratch);
    free(reference);
}

int64_t sgs_reference_steps(const sgs_reference *reference)
{
    return reference->steps;
}

static double dot(const gsl_vector *u, const gsl_vector *v)
{
    double product = 0.0;
    gsl_blas_ddot(u, v, &product);
    return product;
}

static double coordinate(const sgs_reference *reference, int32_t row)
{
    gsl_vector_const_view x = gsl_matrix_const_row(reference->basis, (size_t)row);
    return dot(reference->w, &x.vector);
}

static void move_along(sgs_reference *reference, int32_t row, double length)
{
    gsl_vector_const_view x = gsl_matrix_const_row(reference->basis, (size_t)row);
    gsl_blas_daxpy(length, &x.vector, reference->w);
}

double sgs_reference_norm2(const sgs_reference *reference)
{
    return dot(reference->w, reference->w);
}

sgs_point sgs_reference_point(sgs_reference *reference)
{
    const int32_t n = reference->run.n;
    for (int32_t i = 0; i < n; i++)
        reference->a[i] = coordinate(reference, i);
    return (sgs_point){reference->a, has_outside(&reference->run) ? coordinate(reference, n) : 0.0};
}

void sgs_reference_place(sgs_reference *reference, sgs_point at, int64_t steps)
{
    const int32_t n = reference->run.n;
    gsl_vector_set_zero(reference->w);
    for (int32_t i = 0; i < n; i++)
        move_along(reference, i, at.a[i]);
    if (has_outside(&reference->run))
        move_along(reference, n, at.outside);
    reference->steps = steps;
}

/* ---- one step ---------------------------------------------------------------------------------------------------- */

/* total += grad l_i(w). With a = <w, x>, f = phi(a) w and r = f - x: grad l = phi(a) r + phi'(a) <w, r> x. */
static void add_gradient(sgs_reference *reference, int32_t i)
{
    const gsl_vector *w = reference->w;
    gsl_vector *r = reference->residual;
    gsl_vector_const_view x = gsl_matrix_const_row(reference->basis, (size_t)i);
    const double a = dot(w, &x.vector);
    const bool linear = reference->run.activation == SGS_LINEAR;
    const double phi = linear || a > 0.0 ? a : 0.0, slope = linear || a > 0.0 ? 1.0 : 0.0;
    gsl_vector_memcpy(r, w);
    gsl_vector_scale(r, phi);
    gsl_vector_sub(r, &x.vector);
    gsl_blas_daxpy(slope * dot(w, r), &x.vector, reference->total);
    gsl_blas_daxpy(phi, r, reference->total);
}

void sgs_reference_step(sgs_reference *reference)
{
    const sgs_run *run = &reference->run;
    sgs_batch_members(run, reference->steps, reference->members, reference->scratch);
    gsl_vector_set_zero(reference->total);
    for (int32_t k = 0; k < run->b; k++)
        add_gradient(reference, reference->members[k]);
    gsl_blas_daxpy(-run->eps, reference->total, reference->w);
    reference->steps++;
}

/* ---- a whole run ------------------------------------------------------------------------------------------------- */

/* N at the checked steps: which of them belong to the last tenth is known at the end only. */
typedef struct check_list {
    struct check {
        int64_t step;
        double norm2, next; /* N there, and one step of the full gradient further */
    } * list;
    size_t count, room;
} check_list;

static double norm2_next(sgs_reference *reference)
{
    const sgs_point at = sgs_reference_point(reference);
    const sgs_run *run = &reference->run;
    const sgs_norm2 norm2 = sgs_point_norm2(run, at);
    return sgs_norm2_next(norm2.S, norm2.R, run->eps);
}

static bool checks_add(check_list *checks, sgs_reference *reference)
{
    if (checks->count == checks->room) {
        const size_t room = 2 * checks->room + 64;
        struct check *list = realloc(checks->list, room * sizeof *list);
        if (!list)
            return false;
        checks->list = list;
        checks->room = room;
    }
    checks->list[checks->count++] =
        (struct check){reference->steps, sgs_reference_norm2(reference), norm2_next(reference)};
    return true;
}

/* Extremes of N over the checks with 10 t >= 9 T and the end T, and one full step on from each. */
static void take_extremes(const check_list *checks, sgs_reference *reference, sgs_history *history)
{
    const double end = sgs_reference_norm2(reference), next = norm2_next(reference);
    history->norm2_min = fmin(end, next);
    history->norm2_max = fmax(end, next);
    for (size_t i = 0; i < checks->count; i++) {
        const struct check *check = &checks->list[i];
        if (10 * check->step < 9 * history->steps)
            continue;
        history->norm2_min = fmin(history->norm2_min, fmin(check->norm2, check->next));
        history->norm2_max = fmax(history->norm2_max, fmax(check->norm2, check->next));
    }
}

static void note_firsts(const sgs_run *run, sgs_point at, int64_t step, sgs_history *history)
{
    double active = 0.0, all = at.outside * at.outside, largest = 0.0;
    for (int32_t i = 0; i < run->n; i++) {
        const double square = at.a[i] * at.a[i];
        all += square;
        active += run->activation == SGS_LINEAR || at.a[i] > 0.0 ? square : 0.0;
        largest = fmax(largest, square);
    }
    if (history->steps_norm < 0 && active >= 0.8)
        history->steps_norm = step;
    if (history->steps_sparse < 0 && largest >= 0.99 * all && all > 0.0)
        history->steps_sparse = step;
}

/* A checked step: true and the status if the run is over. */
static bool check(sgs_reference *reference, double tol, sgs_run_status *status, sgs_history *history)
{
    const sgs_point at = sgs_reference_point(reference);
    note_firsts(&reference->run, at, reference->steps, history);
    return sgs_stop_reached(&reference->run, tol, at, status);
}

/* From the start to the end of a run. A step is checked before it counts as the last one that max_steps allows. */
static sgs_status train(sgs_reference *reference, const sgs_stop *stop, sgs_run_status *status, sgs_history *history)
{
    const int64_t stride = sgs_check_stride(&reference->run);
    int64_t next = 0;
    check_list checked = {0};
    sgs_status outcome = SGS_OK;
    for (;;) {
        if (reference->steps == next) {
            if (!checks_add(&checked, reference)) {
                outcome = SGS_ENOMEM;
                break;
            }
            if (check(reference, stop->tol, status, history))
                break;
            next = sgs_check_next(next, stride);
        }
        if (reference->steps == stop->max_steps) {
            *status = SGS_RUN_MAX_STEPS;
            break;
        }
        sgs_reference_step(reference);
        if (!(sgs_reference_norm2(reference) <= SGS_NORM2_DIVERGED)) { /* NaN diverges too */
            *status = SGS_RUN_DIVERGED;
            break;
        }
    }
    history->steps = reference->steps;
    take_extremes(&checked, reference, history);
    free(checked.list);
    return outcome;
}

sgs_status sgs_reference_train(const sgs_job *job, uint64_t data_seed, sgs_result *result, sgs_error *err)
{
    const sgs_run *run = &job->run;
    sgs_reference *reference = NULL;
    sgs_history history = {.steps_norm = -1, .steps_sparse = -1};
    sgs_run_status status = SGS_RUN_FAILED;
    double start_outside = 0.0, *start = NULL;
    sgs_status outcome = sgs_reference_create(run, data_seed, &reference, err);
    if (outcome != SGS_OK)
        goto out;
    start = calloc((size_t)run->n, sizeof *start);
    if (!start) {
        outcome = sgs_fail(err, SGS_ENOMEM, "reference trainer: out of memory");
        goto out;
    }
    sgs_start(run, start, &start_outside);
    outcome = train(reference, &job->stop, &status, &history);
    if (outcome != SGS_OK) {
        outcome = sgs_fail(err, outcome, "reference trainer: out of memory");
        goto out;
    }
    sgs_measure_run(run, &job->stop, status, sgs_reference_point(reference), (sgs_point){start, start_outside},
                    &history, result);
out:
    free(start);
    sgs_reference_destroy(reference);
    return outcome;
}
