/** @file recursion.h
 *  The recursion of the coordinates (model.md section 2) in long double, as plainly as it can be written: what trainers
 *  are tested against. */
#ifndef SGS_TEST_RECURSION_H
#define SGS_TEST_RECURSION_H

#include "sgdsweep/model.h"

#include <math.h>

enum { RECURSION_N_MAX = 40 };

typedef struct coordinates {
    int32_t n;
    long double a[RECURSION_N_MAX], outside;
} coordinates;

static inline coordinates coordinates_of(const sgs_run *run, sgs_point at)
{
    coordinates c = {.n = run->n, .outside = at.outside};
    for (int i = 0; i < run->n; i++)
        c.a[i] = at.a[i];
    return c;
}

static inline long double norm2(const coordinates *c)
{
    long double N = c->outside * c->outside;
    for (int i = 0; i < c->n; i++)
        N += c->a[i] * c->a[i];
    return N;
}

/* a_i <- a_i (c + m_i e) for active i, a_i c for the others; m_i: how often point i is in the batch.
 *
 * error (may be NULL) follows what rounding does to a trainer that works on w in R^d: every step adds some ulps of
 * ||w|| to each coordinate, however small, and what is there goes by the factor |c + m_i e|. Near the limit the mean of
 * that factor is 1, so that the error of a dying coordinate is a Kesten process whose tail is about 1/x: a fixed
 * tolerance fails for some seed. Errors of c and e, which the coordinates share, are left out. */
static inline void recursion_step(const sgs_run *run, int64_t t, coordinates *at, double *error)
{
    int32_t members[RECURSION_N_MAX];
    uint64_t scratch[RECURSION_N_MAX];
    int times[RECURSION_N_MAX] = {0};
    long double S1 = 0.0L;
    sgs_batch_members(run, t, members, scratch);
    for (int k = 0; k < run->b; k++)
        times[members[k]]++;
    for (int i = 0; i < run->n; i++)
        if (run->activation == SGS_LINEAR || at->a[i] > 0.0L)
            S1 += times[i] * at->a[i] * at->a[i];
    const long double c = 1.0L - run->eps * S1, e = run->eps * (2.0L - norm2(at));
    const double ulp = 0x1p-52 * (double)sqrtl(norm2(at));
    for (int i = 0; i < run->n; i++) {
        const long double factor = run->activation == SGS_LINEAR || at->a[i] > 0.0L ? c + times[i] * e : c;
        at->a[i] *= factor;
        if (error)
            error[i] = (double)fabsl(factor) * error[i] + ulp;
    }
    at->outside *= c;
}

/* How far a trainer may be from the recursion. Without the constant: 41 times at most in 6000 trajectories. */
static inline double recursion_tolerance(int n, const double *error)
{
    double largest = 0x1p-52;
    for (int i = 0; i < n; i++)
        largest = fmax(largest, error[i]);
    return 1e4 * largest;
}

#endif
