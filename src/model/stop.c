/** @file stop.c
 *  When a run is over: the check schedule and the stop rule (model.md section 5). Part of the bits.
 *
 *  Two conditions of the rule need S and N alone and are tested first, because they are cheap and almost always fail:
 *  for batches smaller than the data, G = S (N-2)^2 + (3N-4) sum_A a_i^4, and sum_A a_i^4 <= S^2 <= S N, so that for N
 * < 4/3 G <= tol^2 S implies 4 (N-1)^2 <= tol^2. Full batch likewise; for cyclic batches the window with the largest
 * S_B has S_B >= S b / n, which gives 4 (N-1)^2 <= tol^2 n / b. They are in the rule with room for rounding and decide
 * nothing. */
#include "model/rule.h"
#include <math.h>

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/** Points that a step touches; one at least. */
static int64_t touched(const sgs_run *run)
{
    const int64_t left_out = run->n - run->b;
    const int64_t points = run->sampling != SGS_WITH_REPLACEMENT && left_out < run->b ? left_out : run->b;
    return points > 1 ? points : 1;
}

/** Of numbers that are not both zero. */
static int64_t gcd(int64_t a, int64_t b)
{
    if (b == 0)
        return a > 1 ? a : 1;
    return gcd(b, a % b);
}

int64_t sgs_sum_stride(const sgs_run *run)
{
    const int64_t eights = sgs_gradient_is_full(run) ? 1 : run->n / (4 * touched(run));
    return eights > 1 ? 8 * eights : 8;
}

int64_t sgs_check_stride(const sgs_run *run)
{
    const int64_t stride = sgs_sum_stride(run);
    int64_t period = 1; /* of the sampling: an epoch of shuffle, the windows of cyclic */
    if (run->sampling == SGS_SHUFFLE)
        period = run->n / run->b;
    if (run->sampling == SGS_CYCLIC)
        period = run->n / gcd(run->n, run->b);
    const int64_t eights = period / gcd(period, 8), common = eights > 1 ? 8 * eights : 8;
    return ceil_div(stride, common) * common;
}

int64_t sgs_check_next(int64_t t, int64_t stride)
{
    const int64_t strides = ceil_div(t / 64, stride);
    return t + stride * (strides > 1 ? strides : 1);
}

bool sgs_gradient_is_full(const sgs_run *run)
{
    return run->n == 1 || (run->b == run->n && run->sampling != SGS_WITH_REPLACEMENT);
}

bool sgs_may_be_minimum(const sgs_run *run, double S, double R, double tol)
{
    const double N = S + R, spread = run->sampling == SGS_CYCLIC ? (double)run->n / run->b : 1.0;
    return tol > 0.0 && S > 0.0 && N < 2.0 && (N - 1.0) * (N - 1.0) <= 4.0 * spread * tol * tol &&
           (S - 1.0) * (S - 1.0) + S * R <= 1e-3;
}

bool sgs_is_dead(double S, double R, double tol)
{
    const double N = S + R;
    return !(S > 0.0) || (N > 2.0 && S <= tol * tol * N);
}

/** sum_i ||v_i||^2 over the active points. N - a_i^2 of the largest is summed from the others. */
static double gradient_of_each(const sgs_run *run, sgs_point at, double S, double R)
{
    const bool linear = run->activation == SGS_LINEAR;
    const double N = S + R;
    int32_t largest = -1;
    for (int32_t i = 0; i < run->n; i++)
        if ((linear || at.a[i] > 0.0) && (largest < 0 || fabs(at.a[i]) > fabs(at.a[largest])))
            largest = i;
    double sum = 0.0, others = R;
    for (int32_t i = 0; i < run->n; i++) {
        if (i == largest || !(linear || at.a[i] > 0.0))
            continue;
        const double q = at.a[i] * at.a[i];
        sum += q * ((N - 2.0 + q) * (N - 2.0 + q)) + q * q * (N - q);
        others += q;
    }
    const double q = at.a[largest] * at.a[largest];
    return sum + q * ((N - 2.0 + q) * (N - 2.0 + q)) + q * q * others;
}

/** The largest ||sum over a batch of v_i||^2 over the n / gcd(n, b) batches of cyclic sampling. With the batch's S_B
 * and active sum: ||sum v||^2 = S_B (N-2)^2 + 2 (N-2) S_B^2 + S_B^2 N. */
static double gradient_of_windows(const sgs_run *run, sgs_point at, double R, double N)
{
    double largest = 0.0;
    int64_t first = 0;
    do {
        double S_B = 0.0, S_rest = 0.0;
        for (int32_t k = 0; k < run->n; k++) {
            const double a = at.a[(first + k) % run->n];
            if (run->activation == SGS_LINEAR || a > 0.0)
                *(k < run->b ? &S_B : &S_rest) += a * a;
        }
        /* N = S_B + rest: S_B (N - 2 + S_B)^2 + S_B^2 (N - S_B), the last factor summed and not subtracted */
        const double rest = S_rest + R;
        const double G = S_B * ((N - 2.0 + S_B) * (N - 2.0 + S_B)) + S_B * S_B * rest;
        largest = G > largest ? G : largest;
        first = (first + run->b) % run->n;
    } while (first != 0);
    return largest;
}

static bool gradient_small(const sgs_run *run, double tol, sgs_point at)
{
    const double S = sgs_point_S(run, at), R = sgs_point_R(run, at), N = S + R;
    double G;
    if (run->sampling == SGS_CYCLIC)
        G = gradient_of_windows(run, at, R, N);
    else if (sgs_gradient_is_full(run))
        G = S * ((N + S - 2.0) * (N + S - 2.0)) + S * S * R;
    else
        G = gradient_of_each(run, at, S, R);
    return G <= tol * tol * S;
}

bool sgs_stop_reached(const sgs_run *run, double tol, sgs_point at, sgs_run_status *status)
{
    const double S = sgs_point_S(run, at), R = sgs_point_R(run, at);
    if (sgs_is_dead(S, R, tol)) {
        *status = SGS_RUN_DEAD;
        return true;
    }
    if (!sgs_may_be_minimum(run, S, R, tol) || !gradient_small(run, tol, at))
        return false;
    *status = SGS_RUN_CONVERGED;
    return true;
}
