/** @file rule.h
 *  Pieces of the stop rule and of the measures that the lane kernel uses one by one. Shared by model and train only. */
#ifndef SGS_MODEL_RULE_H
#define SGS_MODEL_RULE_H

#include "sgdsweep/model.h"
#include <math.h>

/** Smallest |a_i| that a fold leaves, sign kept; far below anything visible, and its square is a normal number. */
#define SGS_COORDINATE_MIN 1e-100

/** A sum of many terms, in four parts by position modulo 4, added up as (0 + 1) + (2 + 3). Every O(n) sum of squares
 * that a run's bits depend on has this order, in the kernel too. */
typedef struct sgs_sum {
    double part[4];
} sgs_sum;

static inline double sgs_sum_total(const sgs_sum *sum)
{
    return (sum->part[0] + sum->part[1]) + (sum->part[2] + sum->part[3]);
}

static inline bool sgs_is_active(sgs_activation activation, double a)
{
    return activation == SGS_LINEAR || a > 0.0;
}

/** A coordinate is active above this. So its active part is max(a, bound), without a branch: signs of starts are too
 * hard to predict. */
static inline double sgs_active_above(sgs_activation activation)
{
    return activation == SGS_LINEAR ? -INFINITY : 0.0;
}

static inline double sgs_active_part(double a, double bound)
{
    return a > bound ? a : bound;
}

/** The squared norm of a point: of its active coordinates, and of the rest. N = S + R. */
typedef struct sgs_norm2 {
    double S, R;
} sgs_norm2;
sgs_norm2 sgs_point_norm2(const sgs_run *run, sgs_point at);

/** |A| at a point. */
int32_t sgs_point_active(const sgs_run *run, sgs_point at);

/** N one step of the full gradient further. An oscillation of period two has the same N at every check, since checks
 * fall on even steps; this is its other end. */
static inline double sgs_norm2_next(double S, double R, double eps)
{
    const double c = 1.0 - eps * S, ce = c + eps * (2.0 - (S + R));
    return ce * ce * S + c * c * R;
}

/** The stop rule's G where the gradient of the full batch alone must vanish. */
static inline double sgs_gradient_full(double S, double R)
{
    const double x = S + R + S - 2.0;
    return S * (x * x) + S * S * R;
}

/** The limit is that of full-batch descent: b = n without repeats, or n = 1. */
bool sgs_gradient_is_full(const sgs_run *run);

/** S is computed anew at every multiple of this number of steps, counted from the last checked stride. Where the points
 *  left out are drawn, the error of its running value grows by (1 + eps)^2 whenever the largest coordinate is left out,
 *  which is twice in a stride on average. A step touches m points and a sum all n, so this costs some percent whatever
 * n and b. */
int64_t sgs_sum_stride(const sgs_run *run);

/** Nothing is active any more, or will be. */
bool sgs_is_dead(double S, double R, double tol);

/** What a converged point must fulfil in S and R alone. */
bool sgs_may_be_minimum(const sgs_run *run, double S, double R, double tol);

#endif
