/** @file measure.c
 *  What is measured at the end of a run (model.md section 6), in closed form: O(n), no cancellation. */
#include "model/rule.h"
#include <math.h>

static inline void add_square(sgs_sum *active, sgs_sum *inactive, int part, double a, double bound)
{
    const double in = sgs_active_part(a, bound), out = a - in;
    active->part[part] += in * in;
    inactive->part[part] += out * out;
}

sgs_norm2 sgs_point_norm2(const sgs_run *run, sgs_point at)
{
    const double bound = sgs_active_above(run->activation);
    sgs_sum active = {{0.0}}, inactive = {{0.0}};
    int32_t i = 0;
    for (; i + 4 <= run->n; i += 4) /* four at a time, for vectors */
        for (int part = 0; part < 4; part++)
            add_square(&active, &inactive, part, at.a[i + part], bound);
    for (; i < run->n; i++)
        add_square(&active, &inactive, i % 4, at.a[i], bound);
    return (sgs_norm2){sgs_sum_total(&active), sgs_sum_total(&inactive) + at.outside * at.outside};
}

int32_t sgs_point_active(const sgs_run *run, sgs_point at)
{
    int32_t active = 0;
    for (int32_t i = 0; i < run->n; i++)
        active += sgs_is_active(run->activation, at.a[i]);
    return active;
}

/** Point with the largest |a_i|, of all or of the active ones, the lowest of equals; -1 if all of these are zero. */
static int32_t largest_of(const sgs_run *run, sgs_point at, bool active_only)
{
    int32_t place = -1;
    double largest = 0.0;
    for (int32_t i = 0; i < run->n; i++)
        if (fabs(at.a[i]) > largest && (!active_only || sgs_is_active(run->activation, at.a[i]))) {
            largest = fabs(at.a[i]);
            place = i;
        }
    return place;
}

/** 1 + how many active points of the start are larger in size than point i; -1 if i is not active there. */
static int64_t rank_of(const sgs_run *run, sgs_point start, int32_t i)
{
    if (!sgs_is_active(run->activation, start.a[i]))
        return -1;
    int64_t rank = 1;
    for (int32_t j = 0; j < run->n; j++)
        rank += sgs_is_active(run->activation, start.a[j]) & (fabs(start.a[j]) > fabs(start.a[i]));
    return rank;
}

/** (sum a_i^2)^2 / sum a_i^4, over the active points alone or over all. Scaled by the largest of these, point `place`,
 *  so nothing underflows. */
static double participation_ratio(const sgs_run *run, sgs_point at, bool active_only, int32_t place)
{
    double square = 0.0, fourth = 0.0;
    if (place < 0)
        return NAN;
    const double bound = active_only ? sgs_active_above(run->activation) : -INFINITY, largest = fabs(at.a[place]);
    for (int32_t i = 0; i < run->n; i++) {
        const double x = sgs_active_part(at.a[i], bound) / largest, q = x * x;
        square += q;
        fourth += q * q;
    }
    return square * square / fourth;
}

/** Sums for the angle between two vectors. */
typedef struct angle {
    sgs_sum product, square, square_start;
} angle;

static inline void add_coordinate(angle *sums, int part, double a, double a0)
{
    sums->product.part[part] += a * a0;
    sums->square.part[part] += a * a;
    sums->square_start.part[part] += a0 * a0;
}

static double cosine(const angle *sums, double outside, double outside_start)
{
    const double norms = sqrt(sgs_sum_total(&sums->square) + outside * outside) *
                         sqrt(sgs_sum_total(&sums->square_start) + outside_start * outside_start);
    return norms > 0.0 ? (sgs_sum_total(&sums->product) + outside * outside_start) / norms : NAN;
}

/** Cosine of the angle between the end and the start, or the active part of the start. */
static double alignment(const sgs_run *run, sgs_point end, sgs_point start, bool active_only)
{
    const double bound = active_only ? sgs_active_above(run->activation) : -INFINITY;
    angle sums = {.product = {{0.0}}};
    int32_t i = 0;
    for (; i + 4 <= run->n; i += 4) /* four at a time, for vectors */
        for (int part = 0; part < 4; part++)
            add_coordinate(&sums, part, end.a[i + part], sgs_active_part(start.a[i + part], bound));
    for (; i < run->n; i++)
        add_coordinate(&sums, i % 4, end.a[i], sgs_active_part(start.a[i], bound));
    return cosine(&sums, end.outside, active_only ? 0.0 : start.outside);
}

static int64_t support(const sgs_run *run, sgs_point at, double N, double tol)
{
    const double least = fmax(tol, 1e-6);
    int64_t count = 0;
    for (int32_t i = 0; i < run->n; i++)
        count += sgs_is_active(run->activation, at.a[i]) & (at.a[i] * at.a[i] > least * least * N);
    return count;
}

/** n times the largest eigenvalue of the Hessian. */
static double hessian_max_n(const sgs_run *run, int64_t active, double S, double R)
{
    const double N = S + R, x = N - 2.0 + 4.0 * S;
    if (active == 0)
        return 0.0;
    if (active == run->d)
        return N - 2.0 + 5.0 * S;
    return (N - 2.0 + 6.0 * S + sqrt(x * x + 16.0 * S * R)) / 2.0;
}

/** Points that are active at the limit of a converged run. */
static int64_t active_at_limit(const sgs_run *run, int64_t active, int64_t supported)
{
    return run->activation == SGS_LINEAR || sgs_gradient_is_full(run) ? active : supported;
}

static void measure_start(const sgs_run *run, sgs_point start, sgs_value *value)
{
    value[SGS_ACTIVE_INIT].integer = sgs_point_active(run, start);
    value[SGS_PARTICIPATION_RATIO_INIT].real = participation_ratio(run, start, true, largest_of(run, start, true));
}

static void measure_selected(sgs_point end, double N, int32_t i, sgs_value *value)
{
    if (i < 0)
        return; /* w = 0, or outside of the span: no point is selected */
    value[SGS_MAX_SHARE].real = end.a[i] * end.a[i] / N;
    value[SGS_SELECTED].integer = end.a[i] < 0.0 ? -(int64_t)(i + 1) : i + 1;
}

static void measure_end(const sgs_run *run, const sgs_stop *stop, sgs_point end, sgs_point start, sgs_value *value)
{
    const sgs_norm2 norm2 = sgs_point_norm2(run, end);
    const double S = norm2.S, R = norm2.R, N = S + R, n = run->n;
    const int64_t active = sgs_point_active(run, end);
    const int32_t largest = largest_of(run, end, false);
    value[SGS_LOSS].real = (n + S * (N - 2.0)) / (2.0 * n);
    value[SGS_EXCESS_LOSS].real = ((S - 1.0) * (S - 1.0) + S * R) / (2.0 * n);
    value[SGS_NORM].real = sqrt(N);
    value[SGS_PARTICIPATION_RATIO].real = participation_ratio(run, end, false, largest);
    value[SGS_SUPPORT].integer = support(run, end, N, stop->tol);
    value[SGS_ACTIVE].integer = active;
    value[SGS_ALIGNMENT_INIT].real = alignment(run, end, start, false);
    value[SGS_ALIGNMENT_INIT_ACTIVE].real = alignment(run, end, start, true);
    value[SGS_HESSIAN_TRACE].real =
        ((double)active * (2.0 * S + 2.0 * N - 4.0) + 8.0 * S + 2.0 * (double)(run->d - active) * S) / (2.0 * n);
    value[SGS_HESSIAN_MAX].real = hessian_max_n(run, active, S, R) / n;
    measure_selected(end, N, largest, value);
}

/** The sign and payload of a NaN depend on the compiler; a file has one NaN only. */
static void canonical_nan(sgs_value *value)
{
    for (int m = 0; m < SGS_MEASURES; m++)
        if (!sgs_measure_describe((sgs_measure)m)->integer && isnan(value[m].real))
            value[m].integer = 0x7ff8000000000000;
}

bool sgs_measure_recordable(sgs_measure measure)
{
    switch (measure) {
    case SGS_NORM_MIN:
    case SGS_NORM_MAX:
    case SGS_WINNER_RANK:
    case SGS_PARTICIPATION_RATIO_INIT:
    case SGS_ACTIVE_INIT:
    case SGS_HESSIAN_TRACE_LIMIT:
    case SGS_STEPS:
    case SGS_STEPS_NORM:
    case SGS_STEPS_SPARSE:
        return false;
    default:
        return true;
    }
}

void sgs_measure_point(const sgs_run *run, const sgs_stop *stop, sgs_run_status status, sgs_point at, sgs_point start,
                       sgs_value values[SGS_MEASURES])
{
    for (int m = 0; m < SGS_MEASURES; m++)
        values[m] = sgs_measure_describe((sgs_measure)m)->fill;
    if (status != SGS_RUN_DIVERGED)
        measure_end(run, stop, at, start, values);
    canonical_nan(values);
}

/** What only the end of a run has, once its point is measured. */
static void measure_ended(const sgs_run *run, sgs_run_status status, sgs_point start, const sgs_history *history,
                          sgs_value *value)
{
    const int64_t selected = value[SGS_SELECTED].integer;
    value[SGS_NORM_MIN].real = sqrt(history->norm2_min);
    value[SGS_NORM_MAX].real = sqrt(history->norm2_max);
    if (selected != 0)
        value[SGS_WINNER_RANK].integer = rank_of(run, start, (int32_t)(selected < 0 ? -selected : selected) - 1);
    if (status == SGS_RUN_CONVERGED) {
        const int64_t active = active_at_limit(run, value[SGS_ACTIVE].integer, value[SGS_SUPPORT].integer);
        value[SGS_HESSIAN_TRACE_LIMIT].real = (double)(4 + run->d - active) / run->n;
    }
}

void sgs_measure_run(const sgs_run *run, const sgs_stop *stop, sgs_run_status status, sgs_point end, sgs_point start,
                     const sgs_history *history, sgs_result *result)
{
    sgs_value *value = result->value;
    result->status = (int8_t)status;
    sgs_measure_point(run, stop, status, end, start, value);
    value[SGS_STEPS].integer = history->steps;
    value[SGS_STEPS_NORM].integer = history->steps_norm;
    value[SGS_STEPS_SPARSE].integer = history->steps_sparse;
    measure_start(run, start, value);
    if (status != SGS_RUN_DIVERGED)
        measure_ended(run, status, start, history, value);
    canonical_nan(value);
}
