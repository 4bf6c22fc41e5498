/** @file walk.c
 *  The walk of r = log |a_i / a_j| of a pair (model.md section 7), watched at the side of the kernel.
 *
 *  Active points share the scale g, so r = log |u_i / u_j|: two numbers a lane. Their unit must end between two calls
 * of the kernel, hence it is called step by step (epoch by epoch) in the first sixteenth of every check stride and at
 * full length in the rest. Lanes are in phase with the strides, so the units that are watched are a function of the
 * run's own step count, whatever its neighbours, and cutting the kernel's calls changes no bit. Sums are added up in
 * the order of the run's steps; logarithms are SLEEF's.
 *
 *  Prediction. When exactly one of i and j is in a batch, the rest of it (with sum of squares s) is as likely with i as
 *  with j. So given the rest, D = L(a_i^2 + s) or -L(a_j^2 + s) with probability 1/2 each, L(x) = ln(ce / c) =
 * log1p(eps (2 - N) / (1 - eps x)). s comes from the step that was taken: ce / c gives c = 1 - eps S_B. It is held to
 * what a batch of b points can have (b = 1: s = 0; b = n - 1: all others), so that a wrong step does not predict
 * itself. */
#include "train/trainer.h"
#include <math.h>
#include <sleef.h>
#include <string.h>

static const double MOVED = 0x1p-40;
enum { WATCHED_PART = 16 };

static double natural_log(double x)
{
    return Sleef_cinz_logd1_u10purec(x);
}

void sgs_walk_plan(sgs_trainer *tr)
{
    const sgs_run *shape = &tr->shape;
    tr->walk_unit = shape->sampling == SGS_SHUFFLE  ? shape->n / shape->b
                    : shape->sampling == SGS_CYCLIC ? sgs_windows(shape)
                                                    : 1;
    const int64_t part = WATCHED_PART * tr->walk_unit;
    tr->walk_window = sgs_gradient_is_full(shape) ? 0 : (tr->stride + part - 1) / part * tr->walk_unit;
}

/** The first two points that are active at the start. */
static void find_pair(sgs_trainer *tr, int l)
{
    lane_walk *w = &tr->run[l].walk;
    const sgs_run *run = &tr->run[l].job.run;
    double outside;
    sgs_start(run, tr->start, &outside);
    int32_t found[2], count = 0;
    for (int32_t i = 0; i < run->n && count < 2; i++)
        if (sgs_is_active(run->activation, tr->start[i]))
            found[count++] = i;
    w->i = count == 2 ? found[0] : -1;
    w->j = count == 2 ? found[1] : 0;
}

void sgs_walk_begin(sgs_trainer *tr, const sgs_feed *feed, int l)
{
    lane_run *r = &tr->run[l];
    r->walk = (lane_walk){0};
    sgs_value *sums = feed->walk_bins > 0 ? feed->walk(feed->context, &r->job) : NULL;
    if (sums)
        memset(sums, 0, (size_t)feed->walk_bins * SGS_WALK_SUMS * sizeof *sums);
}

void sgs_walk_release(sgs_trainer *tr)
{
    for (int l = 0; l < tr->lanes->lanes; l++)
        tr->run[l].walk.sums = NULL;
}

static double coordinate(const sgs_lanes *s, int32_t i, int l)
{
    return s->u[(size_t)i * (size_t)s->lanes + (size_t)l];
}

/** Both are active and not zero: u into at. */
static bool look_up(const sgs_lanes *s, const lane_walk *w, int l, double at[2])
{
    at[0] = coordinate(s, w->i, l);
    at[1] = coordinate(s, w->j, l);
    return at[0] != 0.0 && at[1] != 0.0 && sgs_is_active(s->activation, at[0]) && sgs_is_active(s->activation, at[1]);
}

int64_t sgs_walk_note(sgs_trainer *tr, const sgs_feed *feed)
{
    const sgs_lanes *s = tr->lanes;
    const int64_t in_unit = tr->phase % tr->walk_unit;
    if (tr->phase >= tr->walk_window)
        return INT64_MAX;
    for (int l = 0; l < s->lanes; l++) {
        lane_run *r = &tr->run[l];
        lane_walk *w = &r->walk;
        if (r->busy && w->i == 0 && w->j == 0)
            find_pair(tr, l);
        if (!r->busy || w->i < 0)
            continue;
        if (!w->sums)
            w->sums = feed->walk(feed->context, &r->job);
        if (in_unit != 0)
            continue;
        if (!look_up(s, w, l, w->from))
            w->from[0] = 0.0;
        const double g = s->g[l], a[2] = {g * w->from[0], g * w->from[1]};
        w->S = s->S[l];
        w->N = s->S[l] + s->R[l];
        w->square[0] = a[0] * a[0];
        w->square[1] = a[1] * a[1];
    }
    return tr->walk_unit - in_unit;
}

/** The bin of r = log |from[0] / from[1]|. */
static int32_t bin_of(lane_walk *w, const sgs_feed *feed)
{
    if (w->binned[0] == w->from[0] && w->binned[1] == w->from[1])
        return w->bin;
    const double r = natural_log(fabs(w->from[0] / w->from[1]));
    const double place = (r + feed->walk_range) / (2.0 * feed->walk_range) * feed->walk_bins;
    const double last = feed->walk_bins - 1;
    w->bin = (int32_t)(place > 0.0 ? place < last ? place : last : 0.0);
    w->binned[0] = w->from[0];
    w->binned[1] = w->from[1];
    return w->bin;
}

/** Expected D and D^2 of a move by the ratio q = exp D, given the rest of its batch; what it was where a factor is
 * negative and the logarithm of its size says nothing about the batch. */
static void predict(const sgs_run *run, const lane_walk *w, double q, double D, double expected[2])
{
    const double e = run->eps * (2.0 - w->N), others = fmax(w->S - w->square[0] - w->square[1], 0.0);
    const bool first = (q > 1.0) == (e > 0.0); /* i is in */
    const double c = e / ((first ? q : 1.0 / q) - 1.0);
    const double lowest = run->b == run->n - 1 ? others : 0.0, highest = run->b == 1 ? 0.0 : others;
    const double rest = fmin(fmax((1.0 - c) / run->eps - w->square[first ? 0 : 1], lowest), highest);
    double L[2];
    for (int k = 0; k < 2; k++)
        L[k] = Sleef_cinz_log1pd1_u10purec(e / (1.0 - run->eps * (w->square[k] + rest)));
    const bool known = q > 0.0 && c > 0.0 && isfinite(L[0]) && isfinite(L[1]);
    expected[0] = known ? (L[0] - L[1]) / 2.0 : D;
    expected[1] = known ? (L[0] * L[0] + L[1] * L[1]) / 2.0 : D * D;
}

static void add_move(const sgs_trainer *tr, const lane_run *r, double q, sgs_value *sums, int32_t bins)
{
    const double D = natural_log(fabs(q));
    double expected[2] = {NAN, NAN};
    if (!(fabs(D) > MOVED))
        return;
    if (sgs_draws_subsets(&tr->shape))
        predict(&r->job.run, &r->walk, q, D, expected);
    sums[SGS_WALK_MOVES * bins].integer++;
    sums[SGS_WALK_SUM * bins].real += D;
    sums[SGS_WALK_SUM2 * bins].real += D * D;
    sums[SGS_WALK_DRIFT * bins].real += expected[0];
    sums[SGS_WALK_SQUARE * bins].real += expected[1];
}

void sgs_walk_add(sgs_trainer *tr, const sgs_feed *feed, int64_t count)
{
    const sgs_lanes *s = tr->lanes;
    const int64_t end = tr->phase + count;
    if (tr->phase >= tr->walk_window || end % tr->walk_unit != 0)
        return;
    for (int l = 0; l < s->lanes; l++) {
        lane_run *r = &tr->run[l];
        lane_walk *w = &r->walk;
        double to[2];
        if (!r->busy || w->i < 0 || !w->sums || w->from[0] == 0.0 || !look_up(s, w, l, to))
            continue;
        sgs_value *sums = w->sums + bin_of(w, feed);
        sums[0].integer++; /* SGS_WALK_COUNT */
        if (to[0] != w->from[0] || to[1] != w->from[1])
            add_move(tr, r, (to[0] / w->from[0]) / (to[1] / w->from[1]), sums, feed->walk_bins);
    }
}
