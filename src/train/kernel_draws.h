/** @file kernel_draws.h
 *  Which points a step draws, in L lanes at once: the lane form of src/model/batch.c. Included by kernel_lanes.h. */

/** Offsets stand in vectors of 32-bit numbers that fill a register, or of L. */
#undef ROWS
#define ROWS (L < 2 * W ? L : 2 * W)
typedef int32_t NAME(rows) __attribute__((vector_size(4 * ROWS)));

/** 0, 1, ... */
SGS_INLINE NAME(rows) NAME(lane_row)(void)
{
    NAME(rows) x;
    for (int l = 0; l < ROWS; l++)
        x[l] = l;
    return x;
}

/** The high halves of the products of ROWS lanes. */
SGS_INLINE NAME(rows) NAME(high)(const vec_bits *product)
{
#if L >= 2 * W
    return vec_high_two(product[0], product[1]);
#else
    return vec_high(product[0]);
#endif
}

SGS_INLINE NAME(rows) NAME(rows_at)(const int32_t *index)
{
    NAME(rows) x;
    memcpy(&x, index, sizeof x);
    return x;
}

/** Random words of `blocks` blocks from first[l] on, as pairs: four rows of 64 bits a block. */
SGS_INLINE void NAME(fill_words)(sgs_lanes *s, const int64_t *first, int64_t blocks)
{
    for (int64_t j = 0; j < blocks; j++) {
        uint64_t *restrict pair = s->pair + 4 * j * L;
#pragma omp simd
        LANES
        {
            const threefry4x64_ctr_t r =
                sgs_stream_block(s->key_hi[l], s->key_lo[l], SGS_PURPOSE_BATCH, (uint64_t)(first[l] + j), SGS_SUB_MAIN);
            for (int p = 0; p < 4; p++)
                pair[p * L + l] = r.v[p];
        }
    }
}

/** Word r of lane l. */
SGS_INLINE uint32_t NAME(word)(const sgs_lanes *s, int64_t r, int l)
{
    return (uint32_t)(s->pair[r / 2 * L + l] >> (r % 2 * 32));
}

/** The draws of the steps that share their words with the step `ahead` of t[l], m each; draw k uniform in
 * [0, range + k grows). Row r of index is draw r % m of step r / m from there. */
typedef struct NAME(draws) {
    int32_t *index;
    int64_t ahead;
    int32_t m;
    uint32_t range, grows;
} NAME(draws);

/** Rare: some word of block j in some of the lanes from h on may fall into the rejected range. */
static __attribute__((noinline, cold)) void NAME(redraw)(const sgs_lanes *s, const NAME(draws) * d, int32_t j, int h)
{
    for (int l = h; l < h + ROWS; l++) {
        const sgs_key key = {s->key_hi[l], s->key_lo[l]};
        const int64_t step = s->t[l] + d->ahead, block = sgs_main_block(step, d->m) + j;
        const threefry4x64_ctr_t words =
            sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_BATCH, (uint64_t)block, SGS_SUB_MAIN);
        for (int w = 0; w < 8; w++) {
            const int32_t r = 8 * j + w, k = r % d->m;
            const uint32_t range = d->range + (uint32_t)k * d->grows;
            const uint32_t x = sgs_bounded(key, sgs_stream_word(words, w), range, step + r / d->m, k);
            d->index[(int64_t)r * L + l] = (int32_t)x * L + l;
        }
    }
}

/** The eight rows of draws of block j in ROWS lanes from h on, as offsets i * L + l. L is a power of two: floor(word
 * range L / 2^32) has i above its last bits. A word in the rejected range, one below 2^32 mod range, has a low half
 * below range L; few others have. */
SGS_INLINE void NAME(draw_block)(const sgs_lanes *s, const NAME(draws) * d, int32_t j, int h)
{
    uint64_t pair[4][ROWS];
    vec_lows lows = vec_no_lows();
    const uint32_t widest = (d->range + (uint32_t)(d->m - 1) * d->grows) * L;
    SIMD for (int l = 0; l < ROWS; l++)
    {
        const int64_t block = sgs_main_block(s->t[h + l] + d->ahead, d->m) + j;
        const threefry4x64_ctr_t words =
            sgs_stream_block(s->key_hi[h + l], s->key_lo[h + l], SGS_PURPOSE_BATCH, (uint64_t)block, SGS_SUB_MAIN);
        for (int p = 0; p < 4; p++)
            pair[p][l] = words.v[p];
    }
    int32_t k = 8 * j % d->m, *restrict row = d->index + 8 * (int64_t)j * L + h;
    for (int w = 0; w < 8; w++, row += L) {
        vec_bits product[ROWS / W];
        const vec_bits wide = (vec_bits){0} + (d->range + (uint32_t)k * d->grows) * L;
        for (int v = 0; v < ROWS / W; v++) {
            const vec_bits words = vec_bits_load(&pair[w / 2][v * W]);
            product[v] = vec_multiply32(w % 2 ? words >> 32 : words, wide);
            lows = vec_note_lows(lows, product[v], widest);
        }
        const NAME(rows) x = (NAME(high)(product) & -L) | (NAME(lane_row)() + h);
        memcpy(row, &x, sizeof x);
        k = k + 1 == d->m ? 0 : k + 1;
    }
    if (__builtin_expect(any_low(lows, widest), 0))
        NAME(redraw)(s, d, j, h);
}

/** The blocks that step `step` of eight is the first to need. */
SGS_INLINE void NAME(draw_step)(const sgs_lanes *s, const NAME(draws) * d, int32_t step)
{
    for (int32_t j = (step * d->m + 7) / 8; j < ((step + 1) * d->m + 7) / 8; j++)
        for (int h = 0; h < L; h += ROWS)
            NAME(draw_block)(s, d, j, h);
}

/** Floyd's rule for a few points in eight steps: draw k is replaced by the last point of its range where it is there
 *  already. All steps in the innermost loop: it has one length, so that its end is no surprise. */
SGS_INLINE void NAME(replace_few)(int32_t *index, int32_t n, int32_t m)
{
    const int64_t step = (int64_t)m * L;
    for (int h = 0; h < L; h += ROWS)
        for (int32_t k = 1; k < m; k++) {
            int32_t *restrict row = index + (int64_t)k * L + h;
            NAME(rows) taken[8] = {{0}};
            const NAME(rows) last = NAME(lane_row)() + (n - m + k) * L + h;
            for (int32_t j = 0; j < k; j++)
                for (int t = 0; t < 8; t++)
                    taken[t] |= NAME(rows_at)(row + t * step) == NAME(rows_at)(row + t * step - (int64_t)(k - j) * L);
            for (int t = 0; t < 8; t++) {
                const NAME(rows) x = (NAME(rows_at)(row + t * step) & ~taken[t]) | (last & taken[t]);
                memcpy(row + t * step, &x, sizeof x);
            }
        }
}

/** The same for many points in one step, draws first to first + count: points that are there already are marked with a
 * number of the step's own. */
SGS_INLINE void NAME(replace_many)(const sgs_lanes *s, int32_t first, int32_t count)
{
    uint8_t *restrict mark = s->mark;
    const uint8_t now = s->marked;
    for (int32_t k = first; k < first + count; k++) {
        int32_t *restrict row = s->index + (int64_t)k * L;
        const int32_t last = (s->n - s->m + k) * L;
        LANES
        {
            int32_t x = row[l];
            if (__builtin_expect(mark[x] == now, 0))
                row[l] = x = last + l;
            mark[x] = now;
        }
    }
}

/** Eight steps that share their words. */
SGS_INLINE void NAME(fill_packed)(const sgs_lanes *s, const NAME(draws) * d)
{
    for (int step = 0; step < 8; step++)
        NAME(draw_step)(s, d, step);
    if (d->grows)
        NAME(replace_few)(d->index, s->n, d->m);
}

/** A step that has words of its own. */
SGS_INLINE void NAME(fill_single)(sgs_lanes *s, const NAME(draws) * d)
{
    if (d->grows && ++s->marked == 0) {
        memset(s->mark, 0, (size_t)s->n * L);
        s->marked = 1;
    }
    for (int32_t j = 0; 8 * j < d->m; j++) {
        for (int h = 0; h < L; h += ROWS)
            NAME(draw_block)(s, d, j, h);
        if (d->grows)
            NAME(replace_many)(s, 8 * j, d->m - 8 * j < 8 ? d->m - 8 * j : 8);
    }
}

/** How lists without repeats are drawn. */
SGS_INLINE NAME(draws) NAME(subsets)(const sgs_lanes *s, int32_t *index, int64_t ahead, int32_t m)
{
    return (NAME(draws)){index, ahead, m, (uint32_t)(s->n - m + 1), 1};
}

/** Lists for the group of steps that begins now. */
SGS_INLINE void NAME(fill_lists)(sgs_lanes *s, int32_t m, bool repeats)
{
    const NAME(draws) several = {s->index, 0, m, (uint32_t)s->n, 0};
    const NAME(draws) draws = repeats ? several : NAME(subsets)(s, s->index, 0, m);
    if (m <= SGS_PACKED_MAX)
        NAME(fill_packed)(s, &draws);
    else
        NAME(fill_single)(s, &draws);
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
        const uint32_t range = (uint32_t)(s->n - i), low = sgs_redraw_below(range);
        LANES
        {
            const uint32_t word = NAME(word)(s, i, l);
            const uint64_t product = (uint64_t)word * range;
            uint32_t x = (uint32_t)(product >> 32);
            if (__builtin_expect((uint32_t)product < low, 0))
                x = sgs_bounded((sgs_key){s->key_hi[l], s->key_lo[l]}, word, range, epoch[l], i);
            const int32_t j = (i + (int32_t)x) * L + l, chosen = order[j];
            order[j] = order[i * L + l];
            order[i * L + l] = chosen;
        }
    }
}

/** The points of the window of the step, or those left out, which follow it. */
SGS_INLINE void NAME(fill_window)(sgs_lanes *s, int32_t m)
{
    const int64_t n = s->n;
    int32_t point = (int32_t)((s->t[0] % n * s->b + (s->left_out ? s->b : 0)) % n);
    for (int32_t k = 0; k < m; k++) {
        for (int h = 0; h < L; h += ROWS) {
            const NAME(rows) x = NAME(lane_row)() + (point * L + h);
            memcpy(s->index + (int64_t)k * L + h, &x, sizeof x);
        }
        point = point + 1 == s->n ? 0 : point + 1;
    }
}

/** Points of W lanes from one word of each, for the size corrections of their subsets: draw w of block j. */
SGS_INLINE vec_bits NAME(correct_point)(const sgs_lanes *s, int v, uint64_t j, int w, vec_bits words)
{
    const uint32_t range = (uint32_t)s->n;
    const vec_bits zero = {0};
    vec_bits point = vec_multiply32(words, zero + range);
    const bool rejected = any_low(vec_note_lows(vec_no_lows(), point, range), range); /* and some more */
    point >>= 32;
    if (__builtin_expect(rejected, 0))
        for (int l = v * W; l < v * W + W; l++) {
            const sgs_key key = {s->key_hi[l], s->key_lo[l]};
            point[l - v * W] = sgs_bounded(key, (uint32_t)words[l - v * W], range, s->t[l], sgs_correct_draw(j, w));
        }
    return point;
}

/** Take drawn points out of subsets of at most 64 `groups` points where `left` says that too many are in. */
SGS_INLINE void NAME(take_out_few)(vec_bits *bits, vec_bits *left, vec_bits point, int groups)
{
    const vec_bits more = (vec_bits)(*left != 0) & 1;
    vec_bits hit = {0};
    for (int g = 0; g < groups; g++) {
        const vec_bits one = vec_shift_into(more, point, g);
        hit |= bits[g] & one;
        bits[g] &= ~one;
    }
    *left -= (vec_bits)(hit != 0) & 1;
}

/** The same for any number of groups, bits in memory. */
SGS_INLINE void NAME(take_out_many)(uint64_t *bits, vec_bits *left, vec_bits point)
{
    for (int l = 0; l < W; l++) {
        uint64_t *group = &bits[(int64_t)(point[l] >> 6) * L + l];
        const uint64_t hit = (*group >> (point[l] & 63)) & ((*left)[l] != 0);
        *group ^= hit << (point[l] & 63);
        (*left)[l] -= hit;
    }
}

/** Correct the sizes of the subsets of vector v of the lanes to m, as sgs_dense_correct does for one. Where points are
 * to be added, the rest of the points is made smaller instead. few: the number of groups if it is small, else 0. */
SGS_INLINE void NAME(correct_vector)(sgs_lanes *s, int v, int few)
{
    const int32_t groups = s->dense.groups;
    uint64_t *bits = s->bits + v * W;
    vec_bits near[2], size = {0}, adds, left;
    for (int32_t g = 0; g < groups; g++)
        for (int l = 0; l < W; l++)
            size[l] += (uint64_t)__builtin_popcountll(bits[(int64_t)g * L + l]);
    left = size - (uint64_t)s->m;
    adds = (vec_bits)((vec_signed)left < 0);
    left = (left ^ adds) - adds;
    for (int32_t g = 0; g < groups; g++) {
        const vec_bits all = vec_bits_load(bits + (int64_t)g * L) ^ (adds & sgs_dense_mask(s->n, g));
        if (few)
            near[g] = all;
        else
            vec_bits_store(bits + (int64_t)g * L, all);
    }
    for (uint64_t j = 0; mask_truths(vec_nonzero(left)) != 0; j++) {
        uint64_t pair[4][W];
        SIMD for (int l = 0; l < W; l++)
        {
            const int lane = v * W + l;
            const threefry4x64_ctr_t r = sgs_stream_block(s->key_hi[lane], s->key_lo[lane], SGS_PURPOSE_BATCH,
                                                          (uint64_t)s->t[lane], SGS_SUB_CORRECT + j);
            for (int p = 0; p < 4; p++)
                pair[p][l] = r.v[p];
        }
        for (int w = 0; w < 8; w++) {
            const vec_bits words = vec_bits_load(pair[w / 2]);
            const vec_bits point = NAME(correct_point)(s, v, j, w, w % 2 ? words >> 32 : words);
            if (few)
                NAME(take_out_few)(near, &left, point, few);
            else
                NAME(take_out_many)(bits, &left, point);
        }
    }
    for (int32_t g = 0; g < groups; g++) {
        const vec_bits all = few ? near[g] : vec_bits_load(bits + (int64_t)g * L);
        vec_bits_store(bits + (int64_t)g * L, all ^ (adds & sgs_dense_mask(s->n, g)));
    }
}

/** Correct the sizes of all subsets. */
SGS_INLINE void NAME(correct_dense)(sgs_lanes *s)
{
    for (int v = 0; v < L / W; v++)
        switch (s->dense.groups) {
        case 1:
            NAME(correct_vector)(s, v, 1);
            break;
        case 2:
            NAME(correct_vector)(s, v, 2);
            break;
        default:
            NAME(correct_vector)(s, v, 0);
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
        const uint64_t *restrict pair = s->pair + (int64_t)g * dense.words * L;
        uint64_t *restrict bits = s->bits + (int64_t)g * L;
        const uint64_t mask = sgs_dense_mask(s->n, g);
#pragma omp simd
        LANES bits[l] = 0;
        for (int32_t j = 0; j < dense.words; j++, pair += L) {
            const bool either = dense.level >> j & 1;
#pragma omp simd
            LANES bits[l] = either ? bits[l] | pair[l] : bits[l] & pair[l];
        }
#pragma omp simd
        LANES bits[l] &= mask;
    }
    NAME(correct_dense)(s);
    if (s->m != s->b)
        for (int32_t g = 0; g < dense.groups; g++)
            LANES s->bits[(int64_t)g * L + l] = ~s->bits[(int64_t)g * L + l] & sgs_dense_mask(s->n, g);
}

/** Steps whose rows are drawn together. */
SGS_INLINE int64_t NAME(steps_of_fill)(const sgs_lanes *s, int32_t m, sgs_draw draw)
{
    return draw == SGS_DRAW_SHUFFLED ? s->epoch : draw != SGS_DRAW_WINDOW && m <= SGS_PACKED_MAX ? 8 : 1;
}

/** Steps of the present group that are done. Position in a group of eight steps, in an epoch and in the cycle of
 * windows is the same in every lane. */
SGS_INLINE int64_t NAME(phase)(const sgs_lanes *s, int64_t group)
{
    return group == 8 ? s->t[0] & 7 : group == 1 ? 0 : s->t[0] % group;
}

/** The next group of steps, drawn while the last was taken, is now the present one. */
SGS_INLINE void NAME(turn_over)(sgs_lanes *s)
{
    int32_t *drawn = s->next_index;
    s->next_index = s->index;
    s->index = drawn;
    s->next_filled = false;
}

/** The group of steps that holds the present one, `phase` steps into it. */
static __attribute__((noinline)) void NAME(fill)(sgs_lanes *s, int32_t m, sgs_draw draw, int64_t phase)
{
    LANES s->t[l] -= phase;
    if (draw == SGS_DRAW_SPARSE || draw == SGS_DRAW_REPEATS)
        NAME(fill_lists)(s, m, draw == SGS_DRAW_REPEATS);
    else if (draw == SGS_DRAW_SHUFFLED)
        NAME(fill_shuffled)(s);
    else
        NAME(fill_window)(s, m);
    LANES s->t[l] += phase;
    s->filled = true;
}

/** The rows of the present step, filled if they are not there yet. */
SGS_INLINE const int32_t *NAME(rows_of_step)(sgs_lanes *s, int32_t m, sgs_draw draw)
{
    const int64_t phase = NAME(phase)(s, NAME(steps_of_fill)(s, m, draw));
    if (phase == 0 && s->next_filled)
        NAME(turn_over)(s);
    else if (phase == 0 || !s->filled)
        NAME(fill)(s, m, draw, phase);
    return s->index + phase * m * L;
}
