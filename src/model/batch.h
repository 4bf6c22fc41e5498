/** @file batch.h
 *  How the batch of a step is drawn, as far as the plain form (batch.c) and the lane kernel must agree on it.
 *
 *  Without replacement the drawn subset has m = min(b, n - b) points: the batch itself if b <= n - b, else the points
 * left out. Both methods need no state from step to step; every draw is exactly uniform.
 *
 *  SPARSE (Floyd): for k = 0 .. m-1 draw x uniform in [0, n-m+k]; take x, or n-m+k if x is taken already.
 *      Word for draw k of step t, with c = m draws a step: c <= SGS_PACKED_MAX: eight steps share c blocks, word
 *      (t % 8) c + k of blocks (t / 8) c + ...; else the step has its own ceil(c / 8) blocks, word k of t ceil(c / 8) +
 * .... DENSE: every point is in with probability `level / 2^SGS_LEVEL_BITS` (bits of the binary expansion combined by
 * AND and OR), then the size is corrected to m by uniform additions or removals: given its size such a subset is
 * uniform, and it stays uniform among the subsets of its size after each uniform addition or removal.
 *
 *  With replacement: c = b draws uniform in [0, n), words as for SPARSE. Shuffle: epoch e of E = floor(n / b) steps
 * uses the first E b entries of a Fisher-Yates shuffle of 0 .. n-1, draw i uniform in [i, n), word i of the blocks e
 * ceil(n / 8) +
 *  ...; with E = 1 that is one fresh subset a step, drawn as without replacement. Cyclic: point (t b + k) mod n.
 *
 *  Bounded draws (Lemire): x = high half of word * range; redrawn while the low half is below 2^32 mod range. The
 * redraws of draw k of step t come from counter (t, SGS_SUB_REDRAW + k), word after word; those blocks hold 8 words and
 * each fails with probability below n / 2^32, so running out of a block means going on to block t + 2^60. */
#ifndef SGS_MODEL_BATCH_H
#define SGS_MODEL_BATCH_H

#include "model/stream.h"

enum { SGS_PACKED_MAX = 32, SGS_LEVEL_BITS = 6, SGS_SPARSE_MAX = 8, SGS_DENSE_FROM = 6 };

/** Second counter: 0 the main words, 1 + j the j-th block of size corrections of a step, and redraws. */
#define SGS_SUB_MAIN    0ull
#define SGS_SUB_CORRECT 1ull
#define SGS_SUB_REDRAW  (1ull << 40)

/** m, the number of points that are drawn. */
static inline int32_t sgs_drawn(int32_t n, int32_t b)
{
    return b <= n - b ? b : n - b;
}

/** Draws are those of sampling without replacement. */
static inline bool sgs_draws_subsets(const sgs_run *run)
{
    return run->sampling == SGS_WITHOUT_REPLACEMENT || (run->sampling == SGS_SHUFFLE && run->n / run->b == 1);
}

/** DENSE pays from m > SGS_SPARSE_MAX and SGS_DENSE_FROM m >= n. Part of the bits. */
static inline bool sgs_draws_dense(int32_t n, int32_t m)
{
    return m > SGS_SPARSE_MAX && (int64_t)SGS_DENSE_FROM * m >= n;
}

/** Where the main words of step t >= 0 begin, c draws a step: the block, and the word in it and what follows it. */
static inline int64_t sgs_main_block(int64_t t, int32_t c)
{
    return c <= SGS_PACKED_MAX ? (t >> 3) * c : t * (((int64_t)c + 7) / 8);
}

static inline int64_t sgs_main_word(int64_t t, int32_t c)
{
    return c <= SGS_PACKED_MAX ? t % 8 * c : 0;
}

/** How a DENSE subset is drawn: level / 2^words is the inclusion probability, a little low, since additions are cheaper
 *  than removals; bits of 64 points take `words` 64-bit words, bit j of level telling OR from AND for word j. */
typedef struct sgs_dense {
    int32_t level, words, groups;
    int64_t step_blocks; /* blocks of four 64-bit words that a step has to itself */
} sgs_dense;

static inline sgs_dense sgs_dense_plan(int32_t n, int32_t m)
{
    sgs_dense plan = {(int32_t)(((int64_t)m << SGS_LEVEL_BITS) / n), SGS_LEVEL_BITS, (n + 63) / 64, 0};
    for (; plan.level % 2 == 0; plan.level /= 2)
        plan.words--;
    plan.step_blocks = ((int64_t)plan.groups * plan.words + 3) / 4;
    return plan;
}

/** Which of the 64 bits of a group are points. */
static inline uint64_t sgs_dense_mask(int32_t n, int32_t group)
{
    return n - 64 * group >= 64 ? ~0ull : (1ull << (n - 64 * group)) - 1;
}

/** 2^32 mod range. */
static inline uint32_t sgs_redraw_below(uint32_t range)
{
    return (uint32_t)(-range) % range;
}

/** Number of draw w of block j of a step's size corrections, for its redraws. */
static inline int64_t sgs_correct_draw(uint64_t j, int w)
{
    return (int64_t)((1ull << 32) + 8 * j) + w;
}

/** A bounded draw that begins with `word`; draw and step as above. */
uint32_t sgs_bounded(sgs_key key, uint32_t word, uint32_t range, int64_t step, int64_t draw);

/** Correct the size of a DENSE subset to m. taken: bits, 64 a word, of points 0 .. n-1; size: how many are set now. */
void sgs_dense_correct(sgs_key key, int64_t step, uint64_t *taken, int32_t n, int32_t size, int32_t m);

#endif
