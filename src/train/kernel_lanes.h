/** @file kernel_lanes.h
 *  The kernel's functions for L lanes; included by kernel.c once for each L. Loops over lanes are the vector loops:
 * gather, arithmetic and scatter stand apart because gcc vectorises a loop that scatters for AVX-512 only. */
#include "train/kernel_draws.h"

/** From D, the drawn points' sum of u^2, to the next scales and sums. Returns whether some lane must go the plain way;
 *  nothing is changed then. factor: of drawn active u. */
SGS_INLINE bool NAME(advance)(sgs_lanes *s, const double *restrict drawn, double *restrict factor, bool left_out)
{
    double S1[L], R1[L], g1[L], h1[L];
    uint64_t plain = 0;
#pragma omp simd reduction(| : plain)
    LANES
    {
        const double g = s->g[l], S = s->S[l], R = s->R[l], eps = s->eps[l], N = S + R;
        const double D = g * g * drawn[l];
        const double c = 1.0 - eps * (left_out ? S - D : D), ce = c + eps * (2.0 - N);
        const double base = left_out ? ce : c, other = left_out ? c : ce;
        plain |= (uint64_t) !(c >= SGS_FACTOR_MIN) | (uint64_t) !(ce >= SGS_FACTOR_MIN);
        factor[l] = other / base;
        S1[l] = base * base * (S - D) + other * other * D;
        R1[l] = c * c * R;
        g1[l] = g * base;
        h1[l] = s->h[l] * c;
    }
    if (__builtin_expect(plain != 0, 0))
        return true;
#pragma omp simd
    LANES
    {
        s->S[l] = S1[l];
        s->R[l] = R1[l];
        s->g[l] = g1[l];
        if (left_out)
            s->h[l] = h1[l];
    }
    return false;
}

/** Some lane goes the plain way in this step: that lane by itself, the others as ever, with a factor of 1 for it. */
static __attribute__((noinline, cold)) void NAME(advance_mixed)(sgs_lanes *s, const double *drawn, double *factor)
{
    LANES
    {
        const double g = s->g[l], S = s->S[l], R = s->R[l], eps = s->eps[l], N = S + R, D = g * g * drawn[l];
        const double c = 1.0 - eps * (s->left_out ? S - D : D), ce = c + eps * (2.0 - N);
        const double base = s->left_out ? ce : c, other = s->left_out ? c : ce;
        factor[l] = 1.0;
        if (!(c >= SGS_FACTOR_MIN) || !(ce >= SGS_FACTOR_MIN)) {
            sgs_lane_plain_step(s, l);
            continue;
        }
        factor[l] = other / base;
        s->S[l] = base * base * (S - D) + other * other * D;
        s->R[l] = c * c * R;
        s->g[l] = g * base;
        if (s->left_out)
            s->h[l] = s->h[l] * c;
    }
}

/** A step in which the points of index[m][L] are drawn, all different. */
SGS_INLINE void NAME(step_list)(sgs_lanes *s, const int32_t *restrict index, int32_t m, bool linear, bool left_out)
{
    s->rows = index;
    double drawn[L], factor[L];
    double *restrict u = s->u, *restrict value = s->value;
#pragma omp simd
    LANES drawn[l] = 0.0;
    for (int32_t k = 0; k < m; k++) {
#pragma omp simd
        LANES
        {
            const double x = u[index[k * L + l]];
            const double y = linear || x > 0.0 ? x : 0.0;
            value[k * L + l] = x;
            drawn[l] += y * y;
        }
    }
    if (__builtin_expect(NAME(advance)(s, drawn, factor, left_out), 0)) {
        NAME(advance_mixed)(s, drawn, factor);
        for (int32_t k = 0; k < m; k++) /* plain lanes have new u, with factor 1 */
            LANES value[k * L + l] = u[index[k * L + l]];
    }
    for (int32_t k = 0; k < m; k++) {
#pragma omp simd
        LANES
        {
            const double x = value[k * L + l];
            value[k * L + l] = linear || x > 0.0 ? x * factor[l] : x;
        }
#pragma omp simd
        LANES u[index[k * L + l]] = value[k * L + l];
    }
}

/** Scales and sums of a step with repeats: S1, S2 as sums over u. unit: e / c. */
SGS_INLINE bool NAME(advance_repeats)(sgs_lanes *s, const double *restrict once, const double *restrict twice,
                                      double *restrict unit)
{
    double S1[L], R1[L], g1[L];
    uint64_t plain = 0;
#pragma omp simd reduction(| : plain)
    LANES
    {
        const double g = s->g[l], S = s->S[l], R = s->R[l], eps = s->eps[l];
        const double c = 1.0 - eps * (g * g * once[l]), e = eps * (2.0 - (S + R)), least = c + s->b * e;
        plain |= (uint64_t) !(c >= SGS_FACTOR_MIN) | (uint64_t) !(least >= SGS_FACTOR_MIN);
        unit[l] = e / c;
        S1[l] = c * c * S + 2.0 * c * e * (g * g * once[l]) + e * e * (g * g * twice[l]);
        R1[l] = c * c * R;
        g1[l] = g * c;
    }
    if (__builtin_expect(plain != 0, 0))
        return true;
#pragma omp simd
    LANES
    {
        s->S[l] = S1[l];
        s->R[l] = R1[l];
        s->g[l] = g1[l];
    }
    return false;
}

static __attribute__((noinline, cold)) void NAME(advance_repeats_mixed)(sgs_lanes *s, const double *once,
                                                                        const double *twice, double *unit)
{
    LANES
    {
        const double g = s->g[l], S = s->S[l], R = s->R[l], eps = s->eps[l];
        const double c = 1.0 - eps * (g * g * once[l]), e = eps * (2.0 - (S + R)), least = c + s->b * e;
        unit[l] = 0.0;
        if (!(c >= SGS_FACTOR_MIN) || !(least >= SGS_FACTOR_MIN)) {
            sgs_lane_plain_step(s, l);
            continue;
        }
        unit[l] = e / c;
        s->S[l] = c * c * S + 2.0 * c * e * (g * g * once[l]) + e * e * (g * g * twice[l]);
        s->R[l] = c * c * R;
        s->g[l] = g * c;
    }
}

/** A step in which the points of index[m][L] are drawn, some perhaps several times. */
SGS_INLINE void NAME(step_repeats)(sgs_lanes *s, const int32_t *restrict index, int32_t m, bool linear)
{
    double once[L], twice[L], unit[L];
    double *restrict u = s->u, *restrict value = s->value;
    int32_t *restrict count = s->count;
    s->rows = index;
    LANES once[l] = twice[l] = 0.0;
    for (int32_t k = 0; k < m; k++)
        LANES count[index[k * L + l]]++;
    for (int32_t k = 0; k < m; k++) {
#pragma omp simd
        LANES
        {
            const double x = u[index[k * L + l]], y = linear || x > 0.0 ? x : 0.0;
            value[k * L + l] = x;
            once[l] += y * y;
            twice[l] += count[index[k * L + l]] * (y * y);
        }
    }
    if (__builtin_expect(NAME(advance_repeats)(s, once, twice, unit), 0)) {
        NAME(advance_repeats_mixed)(s, once, twice, unit);
        for (int32_t k = 0; k < m; k++) /* plain lanes have new u, with factor 1 */
            LANES value[k * L + l] = u[index[k * L + l]];
    }
    for (int32_t k = 0; k < m; k++) {
#pragma omp simd
        LANES
        {
            const double x = value[k * L + l];
            value[k * L + l] = linear || x > 0.0 ? x * (1.0 + count[index[k * L + l]] * unit[l]) : x;
        }
    }
    for (int32_t k = 0; k < m; k++) { /* equal points get equal values */
        LANES u[index[k * L + l]] = value[k * L + l];
        LANES count[index[k * L + l]] = 0;
    }
}

#if L >= W
#define EACH for (int v = 0; v < L / W; v++)

/** All ones where the point is in the batch and active. Without branches: the bits are random. */
SGS_INLINE vec_mask NAME(in_batch)(const uint64_t *bits, int shift, vec x, bool linear)
{
    const vec zero = {0};
    const vec_mask in = -(vec_mask)((vec_bits_load(bits) >> shift) & 1);
    return linear ? in : in & (x > zero);
}

SGS_INLINE void NAME(sum_dense)(const sgs_lanes *s, double *drawn, bool linear)
{
    const int32_t n = s->n;
    vec part[4][L / W] = {0};
    int32_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            EACH
            {
                const vec x = vec_load(s->u + (int64_t)(i + k) * L + v * W);
                const vec_mask in = NAME(in_batch)(s->bits + (int64_t)(i / 64) * L + v * W, (i + k) % 64, x, linear);
                const vec y = (vec)((vec_mask)x & in);
                part[k][v] += y * y;
            }
    for (; i < n; i++)
        EACH
        {
            const vec x = vec_load(s->u + (int64_t)i * L + v * W);
            const vec_mask in = NAME(in_batch)(s->bits + (int64_t)(i / 64) * L + v * W, i % 64, x, linear);
            const vec y = (vec)((vec_mask)x & in);
            part[i % 4][v] += y * y;
        }
    EACH vec_store(drawn + v * W, (part[0][v] + part[1][v]) + (part[2][v] + part[3][v]));
}

SGS_INLINE void NAME(move_dense)(sgs_lanes *s, const double *factor, bool linear)
{
    for (int32_t i = 0; i < s->n; i++)
        EACH
        {
            double *row = s->u + (int64_t)i * L + v * W;
            const vec x = vec_load(row);
            const vec_mask in = NAME(in_batch)(s->bits + (int64_t)(i / 64) * L + v * W, i % 64, x, linear);
            vec_store(row, vec_select(in, x * vec_load(factor + v * W), x));
        }
}

#undef EACH
#else
SGS_INLINE bool NAME(in_batch)(const uint64_t *bits, int shift, double x, bool linear)
{
    return (bits[0] >> shift & 1) && (linear || x > 0.0);
}

SGS_INLINE void NAME(sum_dense)(const sgs_lanes *s, double *drawn, bool linear)
{
    double part[4][L] = {{0.0}};
    for (int32_t i = 0; i < s->n; i++)
        LANES
        {
            const double x = s->u[(int64_t)i * L + l];
            const double y = NAME(in_batch)(s->bits + (int64_t)(i / 64) * L + l, i % 64, x, linear) ? x : 0.0;
            part[i % 4][l] += y * y;
        }
    LANES drawn[l] = (part[0][l] + part[1][l]) + (part[2][l] + part[3][l]);
}

SGS_INLINE void NAME(move_dense)(sgs_lanes *s, const double *factor, bool linear)
{
    for (int32_t i = 0; i < s->n; i++)
        LANES
        {
            double *x = s->u + (int64_t)i * L + l;
            *x *= NAME(in_batch)(s->bits + (int64_t)(i / 64) * L + l, i % 64, *x, linear) ? factor[l] : 1.0;
        }
}
#endif

SGS_INLINE void NAME(step_dense)(sgs_lanes *s, bool linear)
{
    double drawn[L], factor[L];
    NAME(sum_dense)(s, drawn, linear);
    if (__builtin_expect(NAME(advance)(s, drawn, factor, false), 0))
        NAME(advance_mixed)(s, drawn, factor);
    NAME(move_dense)(s, factor, linear);
}

/** Full batch: the scales alone move, and S and R are computed from them, so that nothing drifts. */
SGS_INLINE bool NAME(step_full)(sgs_lanes *s)
{
    double g1[L], h1[L];
    uint64_t plain = 0;
#pragma omp simd reduction(| : plain)
    LANES
    {
        const double S = s->S[l], eps = s->eps[l], N = S + s->R[l];
        const double c = 1.0 - eps * S, ce = c + eps * (2.0 - N), h = s->h[l] * c;
        plain |= (uint64_t) !(c >= SGS_FACTOR_MIN) | (uint64_t) !(ce >= SGS_FACTOR_MIN);
        g1[l] = s->g[l] * ce;
        h1[l] = h > SGS_INACTIVE_SCALE_MIN ? h : SGS_INACTIVE_SCALE_MIN;
    }
    if (__builtin_expect(plain != 0, 0))
        return true;
#pragma omp simd
    LANES
    {
        s->g[l] = g1[l];
        s->h[l] = h1[l];
        s->S[l] = g1[l] * g1[l] * s->S0[l];
        s->R[l] = h1[l] * h1[l] * s->R0[l];
    }
    return false;
}

static __attribute__((noinline, cold)) void NAME(step_full_mixed)(sgs_lanes *s)
{
    LANES
    {
        const double S = s->S[l], eps = s->eps[l], N = S + s->R[l];
        const double c = 1.0 - eps * S, ce = c + eps * (2.0 - N), h = s->h[l] * c;
        if (!(c >= SGS_FACTOR_MIN) || !(ce >= SGS_FACTOR_MIN)) {
            sgs_lane_plain_step(s, l);
            continue;
        }
        s->g[l] = s->g[l] * ce;
        s->h[l] = h > SGS_INACTIVE_SCALE_MIN ? h : SGS_INACTIVE_SCALE_MIN;
        s->S[l] = s->g[l] * s->g[l] * s->S0[l];
        s->R[l] = s->h[l] * s->h[l] * s->R0[l];
    }
}

/** Every eighth step: keep scales and the rest in range. */
SGS_INLINE void NAME(hold_range)(sgs_lanes *s)
{
    uint64_t out = 0;
#pragma omp simd reduction(| : out)
    LANES
    {
        out |= (uint64_t) !(s->g[l] >= 1.0 / SGS_SCALE_SPAN) | (uint64_t) !(s->g[l] <= SGS_SCALE_SPAN);
        s->h[l] = s->h[l] > SGS_INACTIVE_SCALE_MIN ? s->h[l] : SGS_INACTIVE_SCALE_MIN;
        s->R[l] = s->R[l] > 0.0 && s->R[l] < SGS_REST_MIN ? SGS_REST_MIN : s->R[l];
    }
    if (__builtin_expect(out != 0, 0))
        LANES if (!(s->g[l] >= 1.0 / SGS_SCALE_SPAN) || !(s->g[l] <= SGS_SCALE_SPAN)) sgs_lane_fold(s, l);
}

SGS_INLINE void NAME(step_end)(sgs_lanes *s)
{
#pragma omp simd
    LANES s->t[l]++;
    if (s->t[0] % 8 == 0)
        NAME(hold_range)(s);
}

SGS_INLINE void NAME(steps_list)(sgs_lanes *s, int64_t count, int32_t m, bool linear, bool left_out)
{
    for (int64_t done = 0; done < count; done++) {
        NAME(step_list)(s, NAME(rows_of_step)(s, m, s->draw), m, linear, left_out);
        NAME(step_end)(s);
    }
}

SGS_INLINE void NAME(steps_repeats)(sgs_lanes *s, int64_t count, bool linear)
{
    for (int64_t done = 0; done < count; done++) {
        NAME(step_repeats)(s, NAME(rows_of_step)(s, s->m, SGS_DRAW_REPEATS), s->m, linear);
        NAME(step_end)(s);
    }
}

SGS_INLINE void NAME(steps_dense)(sgs_lanes *s, int64_t count, bool linear)
{
    for (int64_t done = 0; done < count; done++) {
        NAME(fill_dense)(s);
        NAME(step_dense)(s, linear);
        NAME(step_end)(s);
    }
}

SGS_INLINE void NAME(steps_full)(sgs_lanes *s, int64_t count)
{
    for (int64_t done = 0; done < count; done++) {
        if (NAME(step_full)(s))
            NAME(step_full_mixed)(s);
        NAME(step_end)(s);
    }
}

#if L >= W
#define VECTORS (L / W)
#define EACH    for (int v = 0; v < VECTORS; v++)

/** The scalars of all lanes, in registers. */
typedef struct NAME(lane_vectors) {
    vec g[VECTORS], h[VECTORS], S[VECTORS], R[VECTORS], eps[VECTORS];
} NAME(lane_vectors);

SGS_INLINE void NAME(load_vectors)(const sgs_lanes *s, NAME(lane_vectors) * x)
{
    EACH
    {
        x->g[v] = vec_load(s->g + v * W);
        x->h[v] = vec_load(s->h + v * W);
        x->S[v] = vec_load(s->S + v * W);
        x->R[v] = vec_load(s->R + v * W);
        x->eps[v] = vec_load(s->eps + v * W);
    }
}

SGS_INLINE void NAME(store_vectors)(sgs_lanes *s, const NAME(lane_vectors) * x)
{
    EACH
    {
        vec_store(s->g + v * W, x->g[v]);
        vec_store(s->h + v * W, x->h[v]);
        vec_store(s->S + v * W, x->S[v]);
        vec_store(s->R + v * W, x->R[v]);
    }
}

/** A step of one drawn point a lane, all in registers; the same arithmetic as advance and step_list. False, and nothing
 *  changed, if some lane must go the plain way. */
SGS_INLINE bool NAME(step_one)(NAME(lane_vectors) * x, double *u, const int32_t *row, bool linear, bool left_out)
{
    vec S1[VECTORS], R1[VECTORS], base[VECTORS], c[VECTORS], u1[VECTORS];
    vec_mask ok = {0};
    ok = ~ok;
    EACH
    {
        const vec zero = {0}, q = vec_gather(u, row + v * W), y = linear ? q : vec_select(q > zero, q, zero);
        const vec N = x->S[v] + x->R[v], D = x->g[v] * x->g[v] * (y * y);
        c[v] = 1.0 - x->eps[v] * (left_out ? x->S[v] - D : D);
        const vec ce = c[v] + x->eps[v] * (2.0 - N), other = left_out ? c[v] : ce;
        base[v] = left_out ? ce : c[v];
        ok &= (c[v] >= SGS_FACTOR_MIN) & (ce >= SGS_FACTOR_MIN);
        S1[v] = base[v] * base[v] * (x->S[v] - D) + other * other * D;
        R1[v] = c[v] * c[v] * x->R[v];
        const vec moved = q * (other / base[v]);
        u1[v] = linear ? moved : vec_select(q > zero, moved, q);
    }
    if (__builtin_expect(!mask_all(ok), 0))
        return false;
    EACH
    {
        vec_scatter(u, row + v * W, u1[v]);
        x->S[v] = S1[v];
        x->R[v] = R1[v];
        x->g[v] = x->g[v] * base[v];
        if (left_out)
            x->h[v] = x->h[v] * c[v];
    }
    return true;
}

/** fill_sparse for one drawn point: the offsets of eight steps from one block a lane. */
SGS_INLINE void NAME(fill_one)(sgs_lanes *s)
{
    const uint32_t range = (uint32_t)s->n, low = sgs_redraw_below(range);
    uint64_t product[8][L], rejected = 0;
#pragma omp simd
    LANES
    {
        const threefry4x64_ctr_t r =
            sgs_stream_block(s->key_hi[l], s->key_lo[l], SGS_PURPOSE_BATCH, (uint64_t)s->t[l] / 8, SGS_SUB_MAIN);
        for (int w = 0; w < 4; w++) {
            product[2 * w][l] = r.v[w] & 0xffffffff;
            product[2 * w + 1][l] = r.v[w] >> 32;
        }
    }
    for (int w = 0; w < 8; w++)
        EACH
        {
            const vec_bits word = vec_bits_load(product[w] + v * W), p = vec_multiply32(word, (vec_bits){0} + range);
            const vec_mask bad = (p & 0xffffffff) < (vec_bits){0} + low;
            rejected |= !mask_none(bad);
            vec_bits_store(product[w] + v * W, p >> 32);
        }
    for (int w = 0; w < 8; w++)
#pragma omp simd
        LANES s->index[w * L + l] = (int32_t)product[w][l] * L + l;
    s->filled = rejected == 0;
}

SGS_INLINE void NAME(steps_one)(sgs_lanes *s, int64_t count, bool linear, bool left_out)
{
    NAME(lane_vectors) x;
    NAME(load_vectors)(s, &x);
    for (int64_t done = 0; done < count;) {
        const int64_t left = 8 - s->t[0] % 8, steps = left < count - done ? left : count - done;
        if (left == 8)
            NAME(fill_one)(s);
        const int32_t *row = s->filled ? s->index + (8 - left) * L : NAME(rows_of_step)(s, 1, SGS_DRAW_SPARSE);
        for (int64_t k = 0; k < steps; k++, row += L) {
            if (__builtin_expect(NAME(step_one)(&x, s->u, row, linear, left_out), 1)) {
                LANES s->t[l]++;
                continue;
            }
            NAME(store_vectors)(s, &x);
            NAME(step_list)(s, row, 1, linear, left_out);
            LANES s->t[l]++;
            NAME(load_vectors)(s, &x);
        }
        done += steps;
        if (s->t[0] % 8 == 0) {
            NAME(store_vectors)(s, &x);
            NAME(hold_range)(s);
            NAME(load_vectors)(s, &x);
        }
    }
    NAME(store_vectors)(s, &x);
}

#undef EACH
#undef VECTORS
#else
SGS_INLINE void NAME(steps_one)(sgs_lanes *s, int64_t count, bool linear, bool left_out)
{
    NAME(steps_list)(s, count, 1, linear, left_out);
}
#endif

/* One function for each way of drawing, activation and side: gcc optimises each on its own far better than all in one.
 */
#define STEPS(name, call)                                                                                              \
    static __attribute__((noinline)) void NAME(name)(sgs_lanes * s, int64_t count)                                     \
    {                                                                                                                  \
        call;                                                                                                          \
    }
STEPS(linear_one_in, NAME(steps_one)(s, count, true, false))
STEPS(linear_one_out, NAME(steps_one)(s, count, true, true))
STEPS(linear_list_in, NAME(steps_list)(s, count, s->m, true, false))
STEPS(linear_list_out, NAME(steps_list)(s, count, s->m, true, true))
STEPS(linear_dense, NAME(steps_dense)(s, count, true))
STEPS(linear_repeats, NAME(steps_repeats)(s, count, true))
STEPS(relu_one_in, NAME(steps_one)(s, count, false, false))
STEPS(relu_one_out, NAME(steps_one)(s, count, false, true))
STEPS(relu_list_in, NAME(steps_list)(s, count, s->m, false, false))
STEPS(relu_list_out, NAME(steps_list)(s, count, s->m, false, true))
STEPS(relu_dense, NAME(steps_dense)(s, count, false))
STEPS(relu_repeats, NAME(steps_repeats)(s, count, false))
STEPS(full, NAME(steps_full)(s, count))
#undef STEPS

static void NAME(steps)(sgs_lanes *s, int64_t count)
{
    const bool linear = s->activation == SGS_LINEAR;
    if (s->draw == SGS_DRAW_NONE)
        NAME(full)(s, count);
    else if (s->draw == SGS_DRAW_REPEATS)
        linear ? NAME(linear_repeats)(s, count) : NAME(relu_repeats)(s, count);
    else if (s->draw == SGS_DRAW_DENSE)
        linear ? NAME(linear_dense)(s, count) : NAME(relu_dense)(s, count);
    else if (s->m == 1 && s->draw == SGS_DRAW_SPARSE && s->left_out)
        linear ? NAME(linear_one_out)(s, count) : NAME(relu_one_out)(s, count);
    else if (s->m == 1 && s->draw == SGS_DRAW_SPARSE)
        linear ? NAME(linear_one_in)(s, count) : NAME(relu_one_in)(s, count);
    else if (s->left_out)
        linear ? NAME(linear_list_out)(s, count) : NAME(relu_list_out)(s, count);
    else
        linear ? NAME(linear_list_in)(s, count) : NAME(relu_list_in)(s, count);
}

SGS_INLINE void NAME(add_active)(const double *restrict u, double *restrict part, double *restrict largest, bool linear)
{
#pragma omp simd
    LANES
    {
        const double x = linear || u[l] > 0.0 ? u[l] : 0.0, q = x * x;
        part[l] += q;
        largest[l] = q > largest[l] ? q : largest[l];
    }
}

SGS_INLINE void NAME(sums_of)(sgs_lanes *s, bool linear)
{
    double part[4][L], largest[L];
    const int32_t n = s->n;
    int32_t i = 0;
    for (int k = 0; k < 4; k++)
        LANES part[k][l] = 0.0;
    LANES largest[l] = 0.0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            NAME(add_active)(s->u + (int64_t)(i + k) * L, part[k], largest, linear);
    for (; i < n; i++)
        NAME(add_active)(s->u + (int64_t)i * L, part[i % 4], largest, linear);
#pragma omp simd
    LANES
    {
        s->S[l] = s->g[l] * s->g[l] * ((part[0][l] + part[1][l]) + (part[2][l] + part[3][l]));
        s->largest[l] = largest[l];
    }
}

static void NAME(sums)(sgs_lanes *s)
{
    if (s->draw == SGS_DRAW_NONE)
        return; /* S comes from the scale, and u does not move */
    if (s->activation == SGS_LINEAR)
        NAME(sums_of)(s, true);
    else
        NAME(sums_of)(s, false);
}
