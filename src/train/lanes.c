/** @file lanes.c
 *  What happens to one lane at a time: load, read, fold, the plain step. Rare, so plain C for every instruction set. */
#include "train/lanes.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size, bool *ok)
{
    const size_t bytes = (count * size + 63) / 64 * 64;
    void *memory = bytes ? aligned_alloc(64, bytes) : NULL;
    if (memory)
        memset(memory, 0, bytes);
    else if (bytes)
        *ok = false;
    return memory;
}

/** Rows of words that one fill needs, even, and rows of indices. */
static void fill_rows(const sgs_lanes *s, size_t *words, size_t *indices)
{
    const size_t m = (size_t)s->m, drawn = m <= SGS_PACKED_MAX ? 8 * m : (m + 7) / 8 * 8;
    *words = *indices = 0;
    if (s->draw == SGS_DRAW_DENSE)
        *words = (size_t)s->dense.step_blocks * 8;
    if (s->draw == SGS_DRAW_SPARSE || s->draw == SGS_DRAW_REPEATS)
        *indices = drawn;
    if (s->draw == SGS_DRAW_SHUFFLED) {
        *words = ((size_t)s->epoch * m + 7) / 8 * 8;
        *indices = (size_t)s->n;
    }
    if (s->draw == SGS_DRAW_WINDOW)
        *indices = m;
}

/** How a shape draws. */
static void plan_draws(sgs_lanes *s, const sgs_run *shape)
{
    s->activation = shape->activation;
    s->n = shape->n;
    s->b = shape->b;
    s->m = shape->b;
    if (sgs_gradient_is_full(shape)) {
        s->draw = SGS_DRAW_NONE;
        s->m = 0;
    } else if (shape->sampling == SGS_WITH_REPLACEMENT) {
        s->draw = SGS_DRAW_REPEATS;
    } else if (shape->sampling == SGS_SHUFFLE && !sgs_draws_subsets(shape)) {
        s->draw = SGS_DRAW_SHUFFLED;
        s->epoch = s->n / s->b;
    } else {
        s->m = sgs_drawn(s->n, s->b);
        s->draw = shape->sampling == SGS_CYCLIC ? SGS_DRAW_WINDOW
                  : sgs_draws_dense(s->n, s->m) ? SGS_DRAW_DENSE
                                                : SGS_DRAW_SPARSE;
    }
    s->left_out = s->m != s->b && (s->draw == SGS_DRAW_SPARSE || s->draw == SGS_DRAW_WINDOW);
    s->two_scales = s->left_out || s->draw == SGS_DRAW_NONE;
    if (s->draw == SGS_DRAW_DENSE)
        s->dense = sgs_dense_plan(s->n, s->m);
}

/** Eight steps are drawn while eight are taken, where a step of all lanes is short enough for the processor to look
 * beyond it. */
static bool draws_ahead(const sgs_lanes *s)
{
    return s->draw == SGS_DRAW_SPARSE && s->m <= SGS_PACKED_MAX && s->m * s->lanes <= 128;
}

sgs_status sgs_lanes_create(const sgs_run *shape, const sgs_kernel *kernel, sgs_lanes **lanes, sgs_error *err)
{
    bool ok = true;
    sgs_lanes *s = allocate(1, sizeof *s, &ok);
    *lanes = s;
    if (!s)
        return sgs_fail(err, SGS_ENOMEM, "no memory for a trainer");
    const size_t n = (size_t)shape->n, width = (size_t)kernel->lanes;
    s->kernel = kernel;
    s->lanes = kernel->lanes;
    plan_draws(s, shape);
    size_t words, indices;
    fill_rows(s, &words, &indices);
    s->u = allocate(n * width, sizeof *s->u, &ok);
    s->pair = allocate(words / 2 * width, sizeof *s->pair, &ok);
    s->index = allocate(indices * width, sizeof *s->index, &ok);
    s->next_index = allocate(draws_ahead(s) ? indices * width : 0, sizeof *s->next_index, &ok);
    s->value = allocate((size_t)s->m * width, sizeof *s->value, &ok);
    s->count = allocate(s->draw == SGS_DRAW_REPEATS ? n * width : 0, sizeof *s->count, &ok);
    s->bits = allocate((size_t)s->dense.groups * width, sizeof *s->bits, &ok);
    s->active = allocate((size_t)s->dense.groups * width, sizeof *s->active, &ok);
    s->mark = allocate(s->draw == SGS_DRAW_SPARSE && s->m > SGS_PACKED_MAX ? n * width : 0, sizeof *s->mark, &ok);
    s->scratch = allocate(n, sizeof *s->scratch, &ok);
    s->point = allocate(n, sizeof *s->point, &ok);
    if (!ok) {
        sgs_lanes_destroy(s);
        *lanes = NULL;
        return sgs_fail(err, SGS_ENOMEM, "no memory for a trainer of %d lanes at n = %d", kernel->lanes, shape->n);
    }
    for (int l = 0; l < s->lanes; l++)
        sgs_lane_clear(s, l);
    return SGS_OK;
}

void sgs_lanes_destroy(sgs_lanes *s)
{
    if (!s)
        return;
    free(s->u);
    free(s->pair);
    free(s->index);
    free(s->next_index);
    free(s->value);
    free(s->count);
    free(s->bits);
    free(s->active);
    free(s->mark);
    free(s->scratch);
    free(s->point);
    free(s);
}

static double *coordinate(const sgs_lanes *s, int32_t i, int l)
{
    return &s->u[(size_t)i * (size_t)s->lanes + (size_t)l];
}

void sgs_lane_clear(sgs_lanes *s, int l)
{
    s->eps[l] = s->S[l] = s->R[l] = s->S0[l] = s->R0[l] = s->outside[l] = 0.0;
    s->g[l] = s->h[l] = 1.0;
    s->largest[l] = s->largest_inactive[l] = 0.0;
    s->diverged_at[l] = -1;
    for (int32_t i = 0; i < s->n; i++)
        *coordinate(s, i, l) = 0.0;
}

void sgs_lane_note_active(sgs_lanes *s, int l)
{
    const size_t width = (size_t)s->lanes, lane = (size_t)l;
    for (int32_t g = 0; g < s->dense.groups; g++)
        s->active[(size_t)g * width + lane] = 0;
    for (int32_t i = 0; s->dense.groups > 0 && i < s->n; i++)
        if (sgs_is_active(s->activation, *coordinate(s, i, l)))
            s->active[(size_t)(i / 64) * width + lane] |= 1ull << (i % 64);
}

/** Sums over u as it stands, and S and R from them. */
static void refresh(sgs_lanes *s, int l)
{
    sgs_sum active = {{0.0}}, inactive = {{0.0}};
    const double bound = sgs_active_above(s->activation);
    double largest = 0.0, largest_inactive = 0.0;
    for (int32_t i = 0; i < s->n; i++) {
        const double x = *coordinate(s, i, l), in = sgs_active_part(x, bound), out = x - in;
        active.part[i % 4] += in * in;
        inactive.part[i % 4] += out * out;
        largest = in * in > largest ? in * in : largest;
        largest_inactive = out * out > largest_inactive ? out * out : largest_inactive;
    }
    const double g = s->g[l], h = s->two_scales ? s->h[l] : g;
    s->S0[l] = sgs_sum_total(&active);
    s->R0[l] = sgs_sum_total(&inactive) + s->outside[l] * s->outside[l];
    s->S[l] = g * g * s->S0[l];
    s->R[l] = h * h * s->R0[l];
    s->largest[l] = largest;
    s->largest_inactive[l] = largest_inactive;
}

/** Hold a coordinate above the floor, sign kept; a zero stays. */
static double held(double a)
{
    return a != 0.0 && fabs(a) < SGS_COORDINATE_MIN ? copysign(SGS_COORDINATE_MIN, a) : a;
}

/** Set the point of lane l, with scales of one. */
static void place(sgs_lanes *s, int l, const double *a, double outside)
{
    for (int32_t i = 0; i < s->n; i++)
        *coordinate(s, i, l) = held(a[i]);
    s->outside[l] = held(outside);
    s->g[l] = s->h[l] = 1.0;
    sgs_lane_note_active(s, l);
    refresh(s, l);
}

void sgs_lane_key(sgs_lanes *s, int l, const sgs_run *run)
{
    const sgs_key key = sgs_batch_key(run);
    s->key_hi[l] = key.hi;
    s->key_lo[l] = key.lo;
    s->eps[l] = run->eps;
    s->next_filled = false;
    s->diverged_at[l] = -1;
}

void sgs_lane_load(sgs_lanes *s, int l, const sgs_run *run, sgs_point at, int64_t t)
{
    sgs_lane_key(s, l, run);
    s->t[l] = t;
    place(s, l, at.a, at.outside);
}

void sgs_lane_read(const sgs_lanes *s, int l, double *a, double *outside)
{
    const double g = s->g[l], h = s->two_scales ? s->h[l] : g;
    for (int32_t i = 0; i < s->n; i++) {
        const double x = *coordinate(s, i, l);
        a[i] = x * (sgs_is_active(s->activation, x) ? g : h);
    }
    *outside = s->outside[l] * h;
}

void sgs_lane_fold(sgs_lanes *s, int l)
{
    double outside;
    sgs_lane_read(s, l, s->point, &outside);
    place(s, l, s->point, outside);
}

/** scratch[i] = how often point i is in the batch of the present step. */
static void mark_batch(sgs_lanes *s, int l)
{
    const size_t width = (size_t)s->lanes, lane = (size_t)l;
    const uint64_t base = s->two_scales ? 1 : 0;
    for (int32_t i = 0; i < s->n; i++)
        s->scratch[i] = s->draw == SGS_DRAW_DENSE ? s->bits[(size_t)(i / 64) * width + lane] >> (i % 64) & 1 : base;
    if (s->draw == SGS_DRAW_DENSE)
        return;
    for (int32_t k = 0; k < s->m; k++)
        s->scratch[s->rows[(size_t)k * width + lane] / s->lanes] += s->left_out ? -1ull : 1ull;
}

void sgs_lane_plain_step(sgs_lanes *s, int l)
{
    double *a = s->point, outside;
    sgs_sum batch = {{0.0}};
    const int64_t t = s->t[l];
    if (!(s->S[l] + s->R[l] <= SGS_NORM2_DIVERGED)) {
        sgs_lane_clear(s, l);
        s->diverged_at[l] = t;
        return;
    }
    sgs_lane_read(s, l, a, &outside);
    mark_batch(s, l);
    for (int32_t i = 0; i < s->n; i++)
        batch.part[i % 4] += sgs_is_active(s->activation, a[i]) ? (double)s->scratch[i] * (a[i] * a[i]) : 0.0;
    const double N = s->S[l] + s->R[l], eps = s->eps[l];
    const double c = 1.0 - eps * sgs_sum_total(&batch), e = eps * (2.0 - N);
    for (int32_t i = 0; i < s->n; i++)
        a[i] *= sgs_is_active(s->activation, a[i]) ? c + (double)s->scratch[i] * e : c;
    place(s, l, a, outside * c);
    if (!(s->S[l] + s->R[l] <= SGS_NORM2_DIVERGED)) {
        sgs_lane_clear(s, l);
        s->diverged_at[l] = t + 1;
    }
}

void sgs_lanes_set_aside(sgs_lanes *s, uint32_t lanes, int64_t ahead, sgs_lanes_aside *aside)
{
    aside->lanes = lanes;
    for (int l = 0; l < s->lanes; l++) {
        if ((lanes >> l & 1) == 0)
            continue;
        s->t[l] += ahead;
        sgs_lane_plain_step(s, l);
        s->t[l] -= ahead;
        aside->g[l] = s->g[l];
        aside->h[l] = s->h[l];
        aside->S[l] = s->S[l];
        aside->R[l] = s->R[l];
        aside->eps[l] = s->eps[l];
        s->g[l] = s->h[l] = 1.0;
        s->S[l] = s->R[l] = s->eps[l] = 0.0; /* c = ce = 1, factor 1 */
    }
}

void sgs_lanes_bring_back(sgs_lanes *s, const sgs_lanes_aside *aside)
{
    for (int l = 0; l < s->lanes; l++) {
        if ((aside->lanes >> l & 1) == 0)
            continue;
        s->g[l] = aside->g[l];
        s->h[l] = aside->h[l];
        s->S[l] = aside->S[l];
        s->R[l] = aside->R[l];
        s->eps[l] = aside->eps[l];
    }
}
