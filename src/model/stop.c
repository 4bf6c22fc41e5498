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

int64_t sgs_windows(const sgs_run *run)
{
    return run->n / gcd(run->n, run->b);
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
        period = sgs_windows(run);
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

/** Active point with the largest |a_i|, the lowest of equals; -1: there is none. */
static int32_t largest_active(const sgs_run *run, sgs_point at)
{
    int32_t largest = -1;
    for (int32_t i = 0; i < run->n; i++)
        if (sgs_is_active(run->activation, at.a[i]) && (largest < 0 || fabs(at.a[i]) > fabs(at.a[largest])))
            largest = i;
    return largest;
}

/** sum_i ||v_i||^2 over the active points. N - a_i^2 of the largest is summed from the others. */
static double gradient_of_each(const sgs_run *run, sgs_point at, double S, double R)
{
    const bool linear = run->activation == SGS_LINEAR;
    const double N = S + R;
    const int32_t largest = largest_active(run, at);
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

/** What estimates say of the largest G of all windows: it is above the bound, or may be. */
typedef struct estimate {
    bool above, may_be_above;
} estimate;

static void estimate_window(estimate *largest, double most, double G, double error)
{
    largest->above |= G - error > most;
    largest->may_be_above |= G + error > most;
}

/** The points that are always in the same windows: g = gcd(n, b) neighbours. A window is b / g blocks. */
typedef struct blocks {
    const sgs_run *run;
    sgs_point at;
    int32_t count, size; /* n / g and g */
    int32_t largest;     /* block with the largest sum */
} blocks;

/** Squares of the active points of the block `places` further than the largest one, summed; 0 <= places < count. */
static double block_square(const blocks *of, int32_t places)
{
    const int32_t left = of->count - of->largest, block = places < left ? of->largest + places : places - left;
    const double bound = sgs_active_above(of->run->activation);
    double sum = 0.0;
    for (int32_t i = block * of->size; i < (block + 1) * of->size; i++) {
        const double a = sgs_active_part(of->at.a[i], bound);
        sum += a * a;
    }
    return sum;
}

static blocks blocks_of(const sgs_run *run, sgs_point at)
{
    blocks of = {run, at, (int32_t)sgs_windows(run), 0, 0};
    int32_t largest = 0;
    of.size = run->n / of.count;
    for (int32_t k = 1; k < of.count; k++)
        if (block_square(&of, k) > block_square(&of, largest))
            largest = k;
    of.largest = largest;
    return of;
}

/** G of the windows with the largest block, which leave out a stretch of the others; and of the windows without it,
 * which are such a stretch. Sums of neighbouring stretches differ by two blocks, so all of this is O(n), and the error
 * of a sum is `ulps` of the sum of the other blocks, or of N where the largest is in it. */
static estimate estimate_windows(const sgs_run *run, sgs_point at, double S, double R, double most)
{
    const blocks of = blocks_of(run, at);
    const int32_t count = of.count, window = run->b / of.size;
    const double N = S + R, ulps = 0x1p-50 * run->n;
    double others = 0.0, left_out = 0.0, inside = 0.0;
    estimate largest = {false, false};
    for (int32_t k = 1; k < count; k++) {
        const double q = block_square(&of, k);
        others += q;
        left_out += k <= count - window ? q : 0.0;
        inside += k <= window ? q : 0.0;
    }
    for (int32_t k = 0; k < window && !largest.above; k++) { /* k blocks of the window follow the largest */
        const double S_B = S - left_out, x = N - 2.0 + S_B, rest = left_out + R;
        estimate_window(&largest, most, S_B * (x * x) + S_B * S_B * rest,
                        8.0 * ulps * (fabs(x) + ulps + rest + others));
        if (k + 1 < window)
            left_out += block_square(&of, k + count - window + 1) - block_square(&of, k + 1);
    }
    for (int32_t k = 1; k + window <= count && !largest.above; k++) { /* it begins k blocks after the largest */
        const double x = N - 2.0 + inside;
        estimate_window(&largest, most, inside * (x * x) + inside * inside * (N - inside),
                        8.0 * ulps * (inside + others));
        if (k + window < count)
            inside += block_square(&of, k + window) - block_square(&of, k);
    }
    return largest;
}

/** Whether the largest G of all windows is at most `most`. Summing every window takes O(n^2) in all, so it is done only
 *  where estimates do not decide. */
static bool windows_small(const sgs_run *run, sgs_point at, double S, double R, double most)
{
    const estimate largest = estimate_windows(run, at, S, R, most);
    if (largest.above || !largest.may_be_above)
        return !largest.above;
    return gradient_of_windows(run, at, R, S + R) <= most;
}

static bool gradient_small(const sgs_run *run, double tol, sgs_point at, double S, double R)
{
    const double most = tol * tol * S;
    if (run->sampling == SGS_CYCLIC)
        return windows_small(run, at, S, R, most);
    return (sgs_gradient_is_full(run) ? sgs_gradient_full(S, R) : gradient_of_each(run, at, S, R)) <= most;
}

bool sgs_stop_reached(const sgs_run *run, double tol, sgs_point at, sgs_run_status *status)
{
    const sgs_norm2 norm2 = sgs_point_norm2(run, at);
    const double S = norm2.S, R = norm2.R;
    if (sgs_is_dead(S, R, tol)) {
        *status = SGS_RUN_DEAD;
        return true;
    }
    if (!sgs_may_be_minimum(run, S, R, tol) || !gradient_small(run, tol, at, S, R))
        return false;
    *status = SGS_RUN_CONVERGED;
    return true;
}
