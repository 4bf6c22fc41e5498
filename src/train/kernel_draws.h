/** @file kernel_draws.h
 *  Which points a step draws, in L lanes at once: the lane form of src/model/batch.c. Included by kernel_lanes.h. */

/** Random words of `blocks` blocks from first[l] on, eight words a block. */
SGS_INLINE void NAME(fill_words)(sgs_lanes *s, const int64_t *first, int64_t blocks)
{
    for (int64_t j = 0; j < blocks; j++) {
        uint32_t *restrict word = s->word + 8 * j * L;
#pragma omp simd
        LANES
        {
            const threefry4x64_ctr_t r =
                sgs_stream_block(s->key_hi[l], s->key_lo[l], SGS_PURPOSE_BATCH, (uint64_t)(first[l] + j), SGS_SUB_MAIN);
            for (int w = 0; w < 8; w++)
                word[w * L + l] = sgs_stream_word(r, w);
        }
    }
}

/** Rare: the lanes whose word for this draw falls into the rejected range draw again. */
static __attribute__((noinline, cold)) void NAME(redraw)(sgs_lanes *s, const uint32_t *word, int32_t *index,
                                                         uint32_t range, int64_t step, int32_t draw)
{
    LANES
    {
        const sgs_key key = {s->key_hi[l], s->key_lo[l]};
        index[l] = (int32_t)sgs_bounded(key, word[l], range, s->t[l] + step, draw) * L + l;
    }
}

/** One draw uniform in [0, range) in every lane, from a row of words into a row of offsets i * L + l. */
SGS_INLINE void NAME(draw_row)(sgs_lanes *s, const uint32_t *restrict word, int32_t *restrict row, uint32_t range,
                               int64_t step, int32_t draw)
{
    const uint32_t low = sgs_redraw_below(range);
    uint32_t rejected = 0;
#pragma omp simd reduction(| : rejected)
    LANES
    {
        const uint64_t product = (uint64_t)word[l] * range;
        row[l] = (int32_t)(product >> 32) * L + l;
        rejected |= (uint32_t)product < low;
    }
    if (__builtin_expect(rejected != 0, 0))
        NAME(redraw)(s, word, row, range, step, draw);
}

/** Floyd's subsets of one step, from m rows of words into m rows of offsets i * L + l. step counts from t[l]. */
SGS_INLINE void NAME(draw_sparse)(sgs_lanes *s, const uint32_t *restrict word, int32_t *restrict index, int64_t step,
                                  int32_t m)
{
    for (int32_t k = 0; k < m; k++, word += L) {
        const uint32_t last = (uint32_t)(s->n - m + k), range = last + 1;
        int32_t *restrict row = index + (int64_t)k * L;
        NAME(draw_row)(s, word, row, range, step, k);
        if (k == 0)
            continue;
        uint32_t taken[L] = {0};
        for (int32_t j = 0; j < k; j++) {
            const int32_t *restrict before = index + (int64_t)j * L;
#pragma omp simd
            LANES taken[l] |= row[l] == before[l];
        }
#pragma omp simd
        LANES row[l] = taken[l] ? (int32_t)last * L + l : row[l];
    }
}

/** Indices for the group of steps that begins now: eight steps, or one where a step has blocks of its own. */
SGS_INLINE void NAME(fill_sparse)(sgs_lanes *s, int32_t m)
{
    int64_t first[L];
    LANES first[l] = sgs_main_block(s->t[l], m);
    if (m <= SGS_PACKED_MAX) {
        NAME(fill_words)(s, first, m);
        for (int step = 0; step < 8; step++)
            NAME(draw_sparse)(s, s->word + (int64_t)step * m * L, s->index + (int64_t)step * m * L, step, m);
    } else {
        NAME(fill_words)(s, first, (m + 7) / 8);
        NAME(draw_sparse)(s, s->word, s->index, 0, m);
    }
}

/** Draws with repeats for the group of steps that begins now. */
SGS_INLINE void NAME(fill_repeats)(sgs_lanes *s, int32_t m)
{
    const bool packed = m <= SGS_PACKED_MAX;
    const uint32_t range = (uint32_t)s->n;
    int64_t first[L];
    LANES first[l] = sgs_main_block(s->t[l], m);
    NAME(fill_words)(s, first, packed ? m : (m + 7) / 8);
    for (int32_t r = 0; r < (packed ? 8 * m : m); r++) {
        const uint32_t *restrict word = s->word + (int64_t)r * L;
        int32_t *restrict row = s->index + (int64_t)r * L;
        NAME(draw_row)(s, word, row, range, r / m, r % m);
    }
}

/** The permutation of the epoch that begins now, as far as it is used. */
SGS_INLINE void NAME(fill_shuffled)(sgs_lanes *s)
{
    const int32_t used = s->epoch * s->m;
    int32_t *restrict order = s->index;
    int64_t first[L], epoch[L];
    LANES epoch[l] = s->t[l] / s->epoch;
    LANES first[l] = epoch[l] * (((int64_t)s->n + 7) / 8);
    NAME(fill_words)(s, first, (used + 7) / 8);
    for (int32_t i = 0; i < s->n; i++)
        LANES order[i * L + l] = i * L + l;
    for (int32_t i = 0; i < used; i++) {
        const uint32_t *restrict word = s->word + (int64_t)i * L;
        const uint32_t range = (uint32_t)(s->n - i), low = sgs_redraw_below(range);
        LANES
        {
            const uint64_t product = (uint64_t)word[l] * range;
            uint32_t x = (uint32_t)(product >> 32);
            if (__builtin_expect((uint32_t)product < low, 0))
                x = sgs_bounded((sgs_key){s->key_hi[l], s->key_lo[l]}, word[l], range, epoch[l], i);
            const int32_t j = (i + (int32_t)x) * L + l, chosen = order[j];
            order[j] = order[i * L + l];
            order[i * L + l] = chosen;
        }
    }
}

/** The points of the window of the step, or those left out, which follow it. */
SGS_INLINE void NAME(fill_window)(sgs_lanes *s, int32_t m)
{
    const int64_t n = s->n, first = (s->t[0] % n * s->b + (s->left_out ? s->b : 0)) % n;
    for (int32_t k = 0; k < m; k++)
        LANES s->index[k * L + l] = (int32_t)((first + k) % n) * L + l;
}

/** Flip the bit of each lane's point if that corrects its subset's size. */
#if L >= W
SGS_INLINE void NAME(correct_points)(sgs_lanes *s, const int32_t *point, const uint64_t *want, int64_t *left)
{
    if (s->dense.groups > 4) { /* more groups than it pays to look through */
        for (int l = 0; l < L; l++)
            correct_point(&s->bits[(int64_t)(point[l] >> 6) * L + l], point[l], want[l], &left[l]);
        return;
    }
    for (int v = 0; v < L / W; v++) {
        vec_bits group, one, found = {0};
        for (int j = 0; j < W; j++)
            group[j] = (uint64_t)point[v * W + j];
        one = ((vec_bits){0} + 1) << (group & 63);
        group >>= 6;
        for (int32_t g = 0; g < s->dense.groups; g++)
            found |= vec_bits_load(s->bits + (int64_t)g * L + v * W) & one & (vec_bits)(group == (uint64_t)g);
        const vec_bits missing = vec_bits_load((const uint64_t *)(const void *)left + v * W);
        const vec_mask adds = vec_bits_load(want + v * W) == 0;
        const vec_bits hit = (vec_bits)(((found == 0) == adds) & (missing != 0));
        for (int32_t g = 0; g < s->dense.groups; g++) {
            uint64_t *bits = s->bits + (int64_t)g * L + v * W;
            vec_bits_store(bits, vec_bits_load(bits) ^ (one & hit & (vec_bits)(group == (uint64_t)g)));
        }
        vec_bits_store((uint64_t *)(void *)left + v * W, missing - (hit & 1));
    }
}
#else
SGS_INLINE void NAME(correct_points)(sgs_lanes *s, const int32_t *point, const uint64_t *want, int64_t *left)
{
    for (int l = 0; l < L; l++)
        correct_point(&s->bits[(int64_t)(point[l] >> 6) * L + l], point[l], want[l], &left[l]);
}
#endif

/** Eight draws of size corrections, words [8][L] of block j: each adds or removes a point if that is what is wanted. */
SGS_INLINE void NAME(correct_draws)(sgs_lanes *s, const uint32_t *restrict word, uint64_t j, const uint64_t *want,
                                    int64_t *restrict left)
{
    const uint32_t range = (uint32_t)s->n, low = sgs_redraw_below(range);
    for (int w = 0; w < 8; w++, word += L) {
        int32_t point[L];
        uint32_t rejected = 0;
#pragma omp simd reduction(| : rejected)
        LANES
        {
            const uint64_t product = (uint64_t)word[l] * range;
            point[l] = (int32_t)(product >> 32);
            rejected |= (uint32_t)product < low;
        }
        if (__builtin_expect(rejected != 0, 0))
            LANES point[l] = (int32_t)sgs_bounded((sgs_key){s->key_hi[l], s->key_lo[l]}, word[l], range, s->t[l],
                                                  sgs_correct_draw(j, w));
        NAME(correct_points)(s, point, want, left);
    }
}

/** Correct the sizes of the subsets to m, as sgs_dense_correct does for one. */
SGS_INLINE void NAME(correct_dense)(sgs_lanes *s)
{
    uint64_t want[L];
    int64_t left[L], more = 0;
    LANES left[l] = -s->m;
    for (int32_t g = 0; g < s->dense.groups; g++)
        LANES left[l] += __builtin_popcountll(s->bits[(int64_t)g * L + l]);
    LANES
    {
        want[l] = left[l] > 0;
        left[l] = left[l] > 0 ? left[l] : -left[l];
        more |= left[l];
    }
    for (uint64_t j = 0; more != 0; j++) {
        uint32_t word[8 * L];
#pragma omp simd
        LANES
        {
            const threefry4x64_ctr_t r =
                sgs_stream_block(s->key_hi[l], s->key_lo[l], SGS_PURPOSE_BATCH, (uint64_t)s->t[l], SGS_SUB_CORRECT + j);
            for (int w = 0; w < 8; w++)
                word[w * L + l] = sgs_stream_word(r, w);
        }
        NAME(correct_draws)(s, word, j, want, left);
        more = 0;
        LANES more |= left[l];
    }
}

/** Subsets of one step as bits [group][lane]. */
SGS_INLINE void NAME(fill_dense)(sgs_lanes *s)
{
    const sgs_dense dense = s->dense;
    int64_t first[L];
    LANES first[l] = s->t[l] * dense.step_blocks;
    NAME(fill_words)(s, first, dense.step_blocks);
    for (int32_t g = 0; g < dense.groups; g++) {
        const uint32_t *restrict word = s->word + (int64_t)g * dense.words * 2 * L;
        uint64_t *restrict bits = s->bits + (int64_t)g * L;
        const uint64_t mask = sgs_dense_mask(s->n, g);
#pragma omp simd
        LANES bits[l] = 0;
        for (int32_t j = 0; j < dense.words; j++, word += 2 * L) {
            const bool either = dense.level >> j & 1;
#pragma omp simd
            LANES
            {
                const uint64_t w = word[l] | (uint64_t)word[L + l] << 32;
                bits[l] = either ? bits[l] | w : bits[l] & w;
            }
        }
#pragma omp simd
        LANES bits[l] &= mask;
    }
    NAME(correct_dense)(s);
    if (s->m != s->b)
        for (int32_t g = 0; g < dense.groups; g++)
            LANES s->bits[(int64_t)g * L + l] = ~s->bits[(int64_t)g * L + l] & sgs_dense_mask(s->n, g);
}

/** The rows of the present step, filled if they are not there yet. Position in a group of eight steps, in an epoch and
 * in the cycle of windows is the same in every lane. */
SGS_INLINE const int32_t *NAME(rows_of_step)(sgs_lanes *s, int32_t m, sgs_draw draw)
{
    const bool packed = m <= SGS_PACKED_MAX;
    const int64_t group = draw == SGS_DRAW_SHUFFLED ? s->epoch : draw != SGS_DRAW_WINDOW && packed ? 8 : 1;
    const int64_t phase = group == 1 ? 0 : s->t[0] % group;
    if (phase == 0 || !s->filled) {
        LANES s->t[l] -= phase;
        if (draw == SGS_DRAW_SPARSE)
            NAME(fill_sparse)(s, m);
        else if (draw == SGS_DRAW_REPEATS)
            NAME(fill_repeats)(s, m);
        else if (draw == SGS_DRAW_SHUFFLED)
            NAME(fill_shuffled)(s);
        else
            NAME(fill_window)(s, m);
        LANES s->t[l] += phase;
        s->filled = true;
    }
    return s->index + phase * m * L;
}
