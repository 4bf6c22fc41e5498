/** @file scene.h
 *  A model in R^d, d <= 8, done densely: data vectors, loss, per-sample gradients and random points, by their
 * definitions alone. What the measures and the stop rule are tested against. */
#ifndef SGS_TEST_SCENE_H
#define SGS_TEST_SCENE_H

#include "sgdsweep/model.h"

#include <gsl/gsl_linalg.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../chance.h"

enum { D_MAX = 8, SCENES = 400 };

/* A run's shape, its data, and two points of R^d with their coordinates: the end w and the start w0. */
typedef struct scene {
    sgs_run run;
    double x[D_MAX][D_MAX]; /* a whole orthonormal basis; rows 0 .. n-1 are the data, row n the outside direction */
    double a[D_MAX], a0[D_MAX], outside, outside0;
    double w[D_MAX], w0[D_MAX];
} scene;

/* ---- dense definitions ------------------------------------------------------------------------------------------- */

static inline double dot(int d, const double *u, const double *v)
{
    double sum = 0.0;
    for (int k = 0; k < d; k++)
        sum += u[k] * v[k];
    return sum;
}

static inline double phi(const scene *s, double a)
{
    return s->run.activation == SGS_LINEAR || a > 0.0 ? a : 0.0;
}

static inline double dense_loss(const scene *s, const double *w)
{
    double sum = 0.0;
    for (int i = 0; i < s->run.n; i++) {
        const double f = phi(s, dot(s->run.d, w, s->x[i]));
        for (int k = 0; k < s->run.d; k++)
            sum += 0.5 * (f * w[k] - s->x[i][k]) * (f * w[k] - s->x[i][k]);
    }
    return sum / s->run.n;
}

/* grad l_i = (N - 2) a_i x_i + a_i^2 w for active points; checked against dense_loss below. */
static inline void sample_gradient(const scene *s, int i, const double *w, double *g)
{
    const int d = s->run.d;
    const double a = phi(s, dot(d, w, s->x[i])), N = dot(d, w, w);
    for (int k = 0; k < d; k++)
        g[k] = (N - 2.0) * a * s->x[i][k] + a * a * w[k];
}

static inline void dense_gradient(const scene *s, const double *w, double *g)
{
    double one[D_MAX];
    memset(g, 0, D_MAX * sizeof *g);
    for (int i = 0; i < s->run.n; i++) {
        sample_gradient(s, i, w, one);
        for (int k = 0; k < s->run.d; k++)
            g[k] += one[k] / s->run.n;
    }
}

/* ---- random scenes ----------------------------------------------------------------------------------------------- */

static inline int uniform_int(int low, int high)
{
    return low + (int)gsl_rng_uniform_int(rng, (unsigned long)(high - low + 1));
}

static inline double log_uniform(double low, double high)
{
    return low * pow(high / low, gsl_rng_uniform(rng));
}

static inline void draw_basis(scene *s)
{
    const size_t d = (size_t)s->run.d;
    gsl_matrix *z = gsl_matrix_alloc(d, d), *q = gsl_matrix_alloc(d, d), *r = gsl_matrix_alloc(d, d);
    gsl_vector *tau = gsl_vector_alloc(d);
    for (size_t k = 0; k < d * d; k++)
        z->data[k] = gsl_ran_gaussian(rng, 1.0);
    gsl_linalg_QR_decomp(z, tau);
    gsl_linalg_QR_unpack(z, tau, q, r);
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k < d; k++)
            s->x[i][k] = gsl_matrix_get(q, k, i);
    gsl_matrix_free(z);
    gsl_matrix_free(q);
    gsl_matrix_free(r);
    gsl_vector_free(tau);
}

static inline void embed(const scene *s, const double *a, double outside, double *w)
{
    memset(w, 0, D_MAX * sizeof *w);
    for (int k = 0; k < s->run.d; k++) {
        for (int i = 0; i < s->run.n; i++)
            w[k] += a[i] * s->x[i][k];
        if (s->run.d > s->run.n)
            w[k] += outside * s->x[s->run.n][k];
    }
}

/* Coordinates away from the kink of relu, so that differences of 1e-5 see one side of it only. */
static inline void draw_point(const scene *s, double size, double *a, double *outside)
{
    for (int i = 0; i < s->run.n; i++) {
        const double z = size * gsl_ran_gaussian(rng, 1.0);
        a[i] = z + (z < 0.0 ? -1e-3 : 1e-3);
    }
    *outside = s->run.d > s->run.n ? size * gsl_ran_gaussian(rng, 1.0) : 0.0;
}

static inline scene draw_scene(void)
{
    scene s = {.run = {.eps = 0.1, .scale = 1.0}};
    s.run.d = uniform_int(1, D_MAX);
    s.run.n = uniform_int(1, s.run.d);
    s.run.b = uniform_int(1, s.run.n);
    s.run.activation = (sgs_activation)uniform_int(0, SGS_ACTIVATIONS - 1);
    s.run.sampling = (sgs_sampling)uniform_int(0, SGS_SAMPLINGS - 1);
    draw_basis(&s);
    draw_point(&s, log_uniform(0.05, 1.5), s.a, &s.outside);
    draw_point(&s, log_uniform(0.01, 1.5), s.a0, &s.outside0);
    embed(&s, s.a, s.outside, s.w);
    embed(&s, s.a0, s.outside0, s.w0);
    return s;
}

static inline bool active(const scene *s, double a)
{
    return s->run.activation == SGS_LINEAR || a > 0.0;
}

static inline void assert_near(const scene *s, const char *what, double got, double want, double tolerance)
{
    if (fabs(got - want) <= tolerance)
        return;
    fail_msg("%s: %.17g, dense computation %.17g (%s, d = %d, n = %d, b = %d, sampling %d)", what, got, want,
             sgs_activation_name(s->run.activation), s->run.d, s->run.n, s->run.b, s->run.sampling);
}

/* ---- the limit point --------------------------------------------------------------------------------------------- */

/* Does every active point stay at the limit? model.md section 6: for b = n without repeats, and n = 1 trivially. */
static inline bool all_active_stay(const sgs_run *run)
{
    return run->n == 1 || (run->b == run->n && run->sampling != SGS_WITH_REPLACEMENT);
}

/* Turn s into a converged end: `kept` points share N = S = 1, the others are active but tiny, or inactive; limit is the
 *  point that it tends to, with relu's zeros approached from the inactive side, since phi'(0) = 0. */
static inline void draw_converged(scene *s, double *limit)
{
    const bool linear = s->run.activation == SGS_LINEAR;
    const int n = s->run.n, kept = all_active_stay(&s->run) && linear ? n : uniform_int(1, n);
    double square = 0.0, at[D_MAX] = {0.0};
    for (int i = 0; i < n; i++) {
        const double sign = linear && uniform_int(0, 1) ? -1.0 : 1.0;
        at[i] = i < kept ? sign * log_uniform(0.2, 1.0) : 0.0;
        square += at[i] * at[i];
        const bool active = linear || !all_active_stay(&s->run);
        s->a[i] = at[i] + (i < kept ? 0.0 : active ? 1e-9 : -1e-9);
    }
    for (int i = 0; i < kept; i++)
        s->a[i] = at[i] /= sqrt(square);
    for (int i = kept; i < n && !linear; i++)
        at[i] = -1e-4;
    s->outside = s->run.d > n ? 1e-9 : 0.0;
    embed(s, at, 0.0, limit);
    embed(s, s->a, s->outside, s->w);
}

#endif
