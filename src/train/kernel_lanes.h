/** @file kernel_lanes.h
 *  The kernel's functions for L lanes, L a multiple of W; included by kernel.c once for each L. What takes most runs
 * most of their time is written in vectors, a step's scalars in registers: gcc vectorises a loop that scatters for
 * AVX-512 only. The rest are loops over lanes, which the compilers vectorise. */
#include "train/kernel_draws.h"

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

/** From the drawn points' sum of u^2 to the next scales and sums. factor: of drawn active u. The lanes that must go the
 *  plain way come back, as bits; nothing is changed then. */
SGS_INLINE uint32_t NAME(advance)(NAME(lane_vectors) * x, const vec *drawn, vec *factor, bool left_out)
{
    vec S1[VECTORS], R1[VECTORS], base[VECTORS], c[VECTORS], ce[VECTORS];
    vec_mask ok = vec_all_true();
    EACH
    {
        const vec N = x->S[v] + x->R[v], D = x->g[v] * x->g[v] * drawn[v];
        c[v] = 1.0 - x->eps[v] * (left_out ? x->S[v] - D : D);
        ce[v] = c[v] + x->eps[v] * (2.0 - N);
        ok = vec_at_least(vec_at_least(ok, c[v], SGS_FACTOR_MIN), ce[v], SGS_FACTOR_MIN);
        const vec other = left_out ? c[v] : ce[v];
        base[v] = left_out ? ce[v] : c[v];
        factor[v] = other / base[v];
        S1[v] = base[v] * base[v] * (x->S[v] - D) + other * other * D;
        R1[v] = c[v] * c[v] * x->R[v];
    }
    if (__builtin_expect(mask_truths(ok) != all_truths, 0)) {
        uint32_t plain = 0;
        EACH
        {
            ok = vec_at_least(vec_at_least(vec_all_true(), c[v], SGS_FACTOR_MIN), ce[v], SGS_FACTOR_MIN);
            plain |= (mask_truths(ok) ^ all_truths) << (v * W);
        }
        return plain;
    }
    EACH
    {
        x->S[v] = S1[v];
        x->R[v] = R1[v];
        x->g[v] = x->g[v] * base[v];
        if (left_out)
            x->h[v] = x->h[v] * c[v];
    }
    return 0;
}

/** What is known to the compiler of a step that draws a list. */
typedef struct NAME(list) {
    int32_t m;
    bool linear, left_out, window; /* window: the same points in every lane */
} NAME(list);

/** Coordinates of the drawn point of a row, for the lanes of vector v; and the way back. */
SGS_INLINE vec NAME(load_drawn)(const double *u, const int32_t *row, int v, bool window)
{
    return window ? vec_load(u + row[0] + v * W) : vec_gather(u, row + v * W);
}

SGS_INLINE void NAME(store_drawn)(double *u, const int32_t *row, int v, bool window, vec q)
{
    if (window)
        vec_store(u + row[0] + v * W, q);
    else
        vec_scatter(u, row + v * W, q);
}

/** A step in which points are drawn that are all different is taken in two halves. */
typedef struct NAME(moves) {
    vec only[VECTORS], factor[VECTORS]; /* only: the coordinates of the drawn points if there is one a lane */
} NAME(moves);

/** First half: the scalars, from the points of index[m][L]. Lanes that must go the plain way come back, and nothing is
 *  changed then. */
SGS_INLINE uint32_t NAME(begin_list)(NAME(lane_vectors) * x, sgs_lanes *s, const int32_t *restrict index,
                                     const NAME(list) list, NAME(moves) * moves)
{
    vec drawn[VECTORS] = {{0}};
    double *restrict u = s->u, *restrict value = s->value;
    for (int32_t k = 0; k < list.m; k++)
        EACH
        {
            const vec q = NAME(load_drawn)(u, index + (int64_t)k * L, v, list.window);
            const vec square = list.linear ? q * q : vec_square_if(vec_positive(q), q);
            if (list.m == 1)
                moves->only[v] = q;
            else
                vec_store(value + (int64_t)k * L + v * W, q);
            drawn[v] = list.m == 1 ? square : drawn[v] + square;
        }
    return NAME(advance)(x, drawn, moves->factor, list.left_out);
}

/** Second half: the drawn points. */
SGS_INLINE void NAME(end_list)(sgs_lanes *s, const int32_t *restrict index, const NAME(list) list,
                               const NAME(moves) * moves)
{
    double *restrict u = s->u, *restrict value = s->value;
    index = vec_again(index);
    for (int32_t k = list.m - 1; k >= 0; k--) /* the last gathered are nearest */
        EACH
        {
            const vec q = list.m == 1 ? moves->only[v] : vec_load(value + (int64_t)k * L + v * W);
            const vec moved = q * moves->factor[v], next = list.linear ? moved : vec_select(vec_positive(q), moved, q);
            NAME(store_drawn)(u, index + (int64_t)k * L, v, list.window, next);
        }
}

/** Bits of the points of a group that are in the batch and active. */
SGS_INLINE vec_bits NAME(movers)(const sgs_lanes *s, int32_t group, int v)
{
    const int64_t at = (int64_t)group * L + v * W;
    return vec_bits_load(s->bits + at) & vec_bits_load(s->active + at);
}

SGS_INLINE void NAME(sum_dense)(const sgs_lanes *s, vec *drawn)
{
    vec part[4][VECTORS] = {{{0}}};
    for (int32_t first = 0; first < s->n; first += 64) {
        const double *u = s->u + (int64_t)first * L;
        const int points = s->n - first < 64 ? s->n - first : 64;
        vec_bits in[VECTORS];
        EACH in[v] = NAME(movers)(s, first / 64, v);
        int i = 0;
        for (; i + 4 <= points; i += 4)
            for (int k = 0; k < 4; k++)
                EACH part[k][v] += vec_square_if(vec_has_bit(in[v], i + k), vec_load(u + (i + k) * L + v * W));
        for (; i < points; i++)
            EACH part[i % 4][v] += vec_square_if(vec_has_bit(in[v], i), vec_load(u + i * L + v * W));
    }
    EACH drawn[v] = (part[0][v] + part[1][v]) + (part[2][v] + part[3][v]);
}

SGS_INLINE void NAME(move_dense)(sgs_lanes *s, const vec *factor)
{
    for (int32_t first = 0; first < s->n; first += 64) {
        double *u = s->u + (int64_t)first * L;
        const int points = s->n - first < 64 ? s->n - first : 64;
        vec_bits in[VECTORS];
        EACH in[v] = NAME(movers)(s, first / 64, v);
        for (int i = 0; i < points; i++)
            EACH
            {
                const vec q = vec_load(u + i * L + v * W);
                vec_store(u + i * L + v * W, vec_select(vec_has_bit(in[v], i), q * factor[v], q));
            }
    }
}

/** A step whose batch is s->bits. Returns as step_list. */
SGS_INLINE uint32_t NAME(step_dense)(NAME(lane_vectors) * x, sgs_lanes *s)
{
    vec drawn[VECTORS], factor[VECTORS];
    NAME(sum_dense)(s, drawn);
    const uint32_t plain = NAME(advance)(x, drawn, factor, false);
    if (__builtin_expect(plain == 0, 1))
        NAME(move_dense)(s, factor);
    return plain;
}

/** Scales and sums of a step with repeats: S1, S2 as sums over u. unit: e / c. The lanes that must go the plain way
 * come back, as bits; nothing is changed then. */
SGS_INLINE uint32_t NAME(advance_repeats)(sgs_lanes *s, const vec *once, const vec *twice, vec *unit)
{
    vec S1[VECTORS], R1[VECTORS], g1[VECTORS];
    uint32_t plain = 0;
    EACH
    {
        const vec g = vec_load(s->g + v * W), S = vec_load(s->S + v * W), R = vec_load(s->R + v * W),
                  eps = vec_load(s->eps + v * W);
        const vec c = 1.0 - eps * (g * g * once[v]), e = eps * (2.0 - (S + R));
        const vec_mask ok = vec_at_least(vec_at_least(vec_all_true(), c, SGS_FACTOR_MIN), c + s->b * e, SGS_FACTOR_MIN);
        plain |= (mask_truths(ok) ^ all_truths) << (v * W);
        unit[v] = e / c;
        S1[v] = c * c * S + 2.0 * c * e * (g * g * once[v]) + e * e * (g * g * twice[v]);
        R1[v] = c * c * R;
        g1[v] = g * c;
    }
    if (__builtin_expect(plain == 0, 1))
        EACH
        {
            vec_store(s->S + v * W, S1[v]);
            vec_store(s->R + v * W, R1[v]);
            vec_store(s->g + v * W, g1[v]);
        }
    return plain;
}

/** The drawn points' u, kept in value, and their sums: each with its multiplicity, and with its square. */
SGS_INLINE void NAME(sum_repeats)(sgs_lanes *s, const int32_t *index, int32_t m, bool linear, vec *once, vec *twice)
{
    EACH once[v] = twice[v] = (vec){0};
    for (int32_t k = 0; k < m; k++)
        EACH
        {
            const int32_t *offset = index + (int64_t)k * L + v * W;
            const vec q = vec_gather(s->u, offset), square = linear ? q * q : vec_square_if(vec_positive(q), q);
            vec_store(s->value + (int64_t)k * L + v * W, q);
            once[v] += square;
            twice[v] += vec_gather_counts(s->count, offset) * square;
        }
}

/** A step in which the points of index[m][L] are drawn, some perhaps several times. */
SGS_INLINE void NAME(step_repeats)(sgs_lanes *s, const int32_t *index, int32_t m, bool linear)
{
    vec once[VECTORS], twice[VECTORS], unit[VECTORS];
    int32_t *count = s->count;
    s->rows = index;
    for (int32_t k = 0; k < m; k++)
        LANES count[index[k * L + l]]++;
    NAME(sum_repeats)(s, index, m, linear, once, twice);
    const uint32_t plain = NAME(advance_repeats)(s, once, twice, unit);
    if (__builtin_expect(plain != 0, 0)) {
        sgs_lanes_aside aside; /* they have new u, and take no further part: unit 0 */
        sgs_lanes_set_aside(s, plain, 0, &aside);
        NAME(sum_repeats)(s, index, m, linear, once, twice);
        (void)NAME(advance_repeats)(s, once, twice, unit);
        sgs_lanes_bring_back(s, &aside);
    }
    for (int32_t k = 0; k < m; k++) /* equal points get equal values */
        EACH
        {
            const int32_t *offset = index + (int64_t)k * L + v * W;
            const vec q = vec_load(s->value + (int64_t)k * L + v * W);
            const vec moved = q * (1.0 + vec_gather_counts(count, offset) * unit[v]);
            vec_scatter(s->u, offset, linear ? moved : vec_select(vec_positive(q), moved, q));
        }
    for (int32_t k = 0; k < m; k++)
        LANES count[index[k * L + l]] = 0;
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

/** Every eighth step: keep scales and the rest in range. False: some lane is to be folded for that. two_scales: h is in
 *  use. */
SGS_INLINE bool NAME(hold_vectors)(NAME(lane_vectors) * x, bool two_scales)
{
    const vec least_h = (vec){0} + SGS_INACTIVE_SCALE_MIN, least_R = (vec){0} + SGS_REST_MIN;
    vec_mask ok = vec_all_true();
    EACH
    {
        ok = vec_at_least(vec_at_least(ok, x->g[v], 1.0 / SGS_SCALE_SPAN), -x->g[v], -SGS_SCALE_SPAN);
        if (two_scales)
            x->h[v] = vec_select(vec_at_least(vec_all_true(), x->h[v], SGS_INACTIVE_SCALE_MIN), x->h[v], least_h);
        const vec held = vec_select(vec_at_least(vec_all_true(), x->R[v], SGS_REST_MIN), x->R[v], least_R);
        x->R[v] = vec_select(vec_positive(x->R[v]), held, x->R[v]);
    }
    return mask_truths(ok) == all_truths;
}

static __attribute__((noinline, cold)) void NAME(fold_range)(sgs_lanes *s)
{
    LANES if (!(s->g[l] >= 1.0 / SGS_SCALE_SPAN) || !(s->g[l] <= SGS_SCALE_SPAN)) sgs_lane_fold(s, l);
}

/** The same for scalars in memory, folds included. */
SGS_INLINE void NAME(hold_range)(sgs_lanes *s)
{
    NAME(lane_vectors) x;
    NAME(load_vectors)(s, &x);
    const bool held = NAME(hold_vectors)(&x, true);
    NAME(store_vectors)(s, &x);
    if (__builtin_expect(!held, 0))
        NAME(fold_range)(s);
}

SGS_INLINE void NAME(step_end)(sgs_lanes *s)
{
#pragma omp simd
    LANES s->t[l]++;
    if (s->t[0] % 8 == 0)
        NAME(hold_range)(s);
}

/** The first half of a step of a list, `ahead` steps beyond s->t, in which some lanes go the plain way. */
static __attribute__((noinline, cold)) void NAME(begin_mixed)(sgs_lanes *s, const int32_t *row, uint32_t plain,
                                                              int64_t ahead, NAME(moves) * moves)
{
    const NAME(list) list = {s->m, s->activation == SGS_LINEAR, s->left_out, false};
    NAME(lane_vectors) x;
    sgs_lanes_aside aside;
    s->rows = row;
    sgs_lanes_set_aside(s, plain, ahead, &aside);
    NAME(load_vectors)(s, &x);
    (void)NAME(begin_list)(&x, s, row, list, moves);
    NAME(store_vectors)(s, &x);
    sgs_lanes_bring_back(s, &aside);
}

/** A step of a list, `ahead` steps beyond s->t. Between its halves step `ahead` of the next group is drawn, if `next`
 *  tells how: drawing keeps the arithmetic busy, while the step waits for its division. */
SGS_INLINE void NAME(take_list)(NAME(lane_vectors) * x, sgs_lanes *s, const int32_t *row, int ahead,
                                const NAME(list) list, const NAME(draws) * next)
{
    NAME(moves) moves = {.only = {{0}}};
    const uint32_t plain = NAME(begin_list)(x, s, row, list, &moves);
    if (__builtin_expect(plain != 0, 0)) {
        NAME(moves) mixed;
        NAME(store_vectors)(s, x);
        NAME(begin_mixed)(s, row, plain, ahead, &mixed);
        NAME(load_vectors)(s, x);
        moves = mixed;
    }
    if (next)
        NAME(draw_step)(s, next, ahead);
    NAME(end_list)(s, row, list, &moves);
}

/** Eight steps that share their words, while the next eight are drawn. */
SGS_INLINE void NAME(take_eight)(NAME(lane_vectors) * x, sgs_lanes *s, const int32_t *row, const NAME(list) list)
{
    const NAME(draws) next = NAME(subsets)(s, s->next_index, 8, list.m);
    for (int k = 0; k < 8; k++, row += (int64_t)list.m * L)
        NAME(take_list)(x, s, row, k, list, &next);
    if (list.m > 1)
        NAME(replace_few)(s->next_index, s->n, list.m);
    s->next_filled = true;
}

/** Steps of lists, scalars in registers. */
SGS_INLINE void NAME(steps_list)(sgs_lanes *s, int64_t count, const NAME(list) list)
{
    const int64_t group = NAME(steps_of_fill)(s, list.m, s->draw);
    NAME(lane_vectors) x;
    NAME(load_vectors)(s, &x);
    while (count > 0) {
        const int32_t *row = NAME(rows_of_step)(s, list.m, s->draw);
        const int64_t left = group - NAME(phase)(s, group), held = 8 - (s->t[0] & 7);
        const int64_t there = left < held ? left : held, steps = there < count ? there : count;
        if (s->next_index && steps == 8)
            NAME(take_eight)(&x, s, row, list);
        else
            for (int k = 0; k < (int)steps; k++, row += (int64_t)list.m * L)
                NAME(take_list)(&x, s, row, k, list, NULL);
        LANES s->t[l] += steps;
        count -= steps;
        if ((s->t[0] & 7) == 0 && !NAME(hold_vectors)(&x, list.left_out)) {
            NAME(store_vectors)(s, &x);
            NAME(hold_range)(s);
            NAME(load_vectors)(s, &x);
        }
    }
    NAME(store_vectors)(s, &x);
}

SGS_INLINE void NAME(steps_dense)(sgs_lanes *s, int64_t count)
{
    for (int64_t done = 0; done < count; done++) {
        NAME(lane_vectors) x;
        NAME(fill_dense)(s);
        NAME(load_vectors)(s, &x);
        const uint32_t plain = NAME(step_dense)(&x, s);
        if (__builtin_expect(plain != 0, 0)) {
            sgs_lanes_aside aside;
            sgs_lanes_set_aside(s, plain, 0, &aside);
            NAME(load_vectors)(s, &x);
            (void)NAME(step_dense)(&x, s);
            NAME(store_vectors)(s, &x);
            sgs_lanes_bring_back(s, &aside);
        } else {
            NAME(store_vectors)(s, &x);
        }
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

SGS_INLINE void NAME(steps_full)(sgs_lanes *s, int64_t count)
{
    for (int64_t done = 0; done < count; done++) {
        if (NAME(step_full)(s))
            NAME(step_full_mixed)(s);
        NAME(step_end)(s);
    }
}

/* One function for each way of drawing, activation and side: gcc optimises each on its own far better than all in one.
 */
#define STEPS(name, call)                                                                                              \
    static __attribute__((noinline)) void NAME(name)(sgs_lanes * s, int64_t count)                                     \
    {                                                                                                                  \
        call;                                                                                                          \
    }
STEPS(linear_one_in, NAME(steps_list)(s, count, (NAME(list)){1, true, false, false}))
STEPS(linear_one_out, NAME(steps_list)(s, count, (NAME(list)){1, true, true, false}))
STEPS(linear_list_in, NAME(steps_list)(s, count, (NAME(list)){s->m, true, false, false}))
STEPS(linear_list_out, NAME(steps_list)(s, count, (NAME(list)){s->m, true, true, false}))
STEPS(linear_window_in, NAME(steps_list)(s, count, (NAME(list)){s->m, true, false, true}))
STEPS(linear_window_out, NAME(steps_list)(s, count, (NAME(list)){s->m, true, true, true}))
STEPS(linear_repeats, NAME(steps_repeats)(s, count, true))
STEPS(relu_one_in, NAME(steps_list)(s, count, (NAME(list)){1, false, false, false}))
STEPS(relu_one_out, NAME(steps_list)(s, count, (NAME(list)){1, false, true, false}))
STEPS(relu_list_in, NAME(steps_list)(s, count, (NAME(list)){s->m, false, false, false}))
STEPS(relu_list_out, NAME(steps_list)(s, count, (NAME(list)){s->m, false, true, false}))
STEPS(relu_window_in, NAME(steps_list)(s, count, (NAME(list)){s->m, false, false, true}))
STEPS(relu_window_out, NAME(steps_list)(s, count, (NAME(list)){s->m, false, true, true}))
STEPS(relu_repeats, NAME(steps_repeats)(s, count, false))
STEPS(dense, NAME(steps_dense)(s, count))
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
        NAME(dense)(s, count);
    else if (s->draw == SGS_DRAW_WINDOW && s->left_out)
        linear ? NAME(linear_window_out)(s, count) : NAME(relu_window_out)(s, count);
    else if (s->draw == SGS_DRAW_WINDOW)
        linear ? NAME(linear_window_in)(s, count) : NAME(relu_window_in)(s, count);
    else if (s->m == 1 && s->left_out)
        linear ? NAME(linear_one_out)(s, count) : NAME(relu_one_out)(s, count);
    else if (s->m == 1)
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
