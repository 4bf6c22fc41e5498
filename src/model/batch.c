/** @file batch.c
 *  The batch of a step, the plain way; see batch.h for the rules. */
#include "model/batch.h"
#include <string.h>

uint32_t sgs_bounded(sgs_key key, uint32_t word, uint32_t range, int64_t step, int64_t draw)
{
    const uint32_t low = sgs_redraw_below(range);
    uint64_t product = (uint64_t)word * range;
    for (uint64_t block = (uint64_t)step; (uint32_t)product < low; block += 1ull << 60) {
        threefry4x64_ctr_t words =
            sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_BATCH, block, SGS_SUB_REDRAW + (uint64_t)draw);
        for (int w = 0; w < 8 && (uint32_t)product < low; w++)
            product = (uint64_t)sgs_stream_word(words, w) * range;
    }
    return (uint32_t)(product >> 32);
}

/** Word `word` counted from the first word of block `block`. */
static uint32_t word_at(sgs_key key, int64_t block, int64_t word)
{
    threefry4x64_ctr_t words =
        sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_BATCH, (uint64_t)(block + word / 8), SGS_SUB_MAIN);
    return sgs_stream_word(words, (int)(word % 8));
}

/** Floyd's subset of m points as marks[n]. */
static void draw_sparse(const sgs_run *run, sgs_key key, int64_t t, uint64_t *marks)
{
    const int32_t m = sgs_drawn(run->n, run->b);
    memset(marks, 0, (size_t)run->n * sizeof *marks);
    for (int32_t k = 0; k < m; k++) {
        const int32_t last = run->n - m + k;
        const uint32_t word = word_at(key, sgs_main_block(t, m), sgs_main_word(t, m) + k);
        const uint32_t x = sgs_bounded(key, word, (uint32_t)last + 1, t, k);
        marks[marks[x] ? (uint32_t)last : x] = 1;
    }
}

void sgs_dense_correct(sgs_key key, int64_t step, uint64_t *taken, int32_t n, int32_t size, int32_t m)
{
    const uint64_t want = size < m ? 0 : 1; /* add points that are out, or remove points that are in */
    int32_t left = size < m ? m - size : size - m;
    for (uint64_t j = 0; left > 0; j++) {
        threefry4x64_ctr_t words =
            sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_BATCH, (uint64_t)step, SGS_SUB_CORRECT + j);
        for (int w = 0; w < 8 && left > 0; w++) {
            const uint32_t i = sgs_bounded(key, sgs_stream_word(words, w), (uint32_t)n, step, sgs_correct_draw(j, w));
            if ((taken[i / 64] >> (i % 64) & 1) == want) {
                taken[i / 64] ^= 1ull << (i % 64);
                left--;
            }
        }
    }
}

/** 64 points of a DENSE subset before correction. */
static uint64_t dense_bits(sgs_key key, int64_t t, int32_t group, sgs_dense dense)
{
    uint64_t bits = 0;
    for (int32_t j = 0; j < dense.words; j++) {
        const int64_t at = (int64_t)group * dense.words + j;
        const threefry4x64_ctr_t block = sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_BATCH,
                                                          (uint64_t)(t * dense.step_blocks + at / 4), SGS_SUB_MAIN);
        bits = dense.level >> j & 1 ? bits | block.v[at % 4] : bits & block.v[at % 4];
    }
    return bits;
}

static void draw_dense(const sgs_run *run, sgs_key key, int64_t t, uint64_t *marks)
{
    const int32_t n = run->n, m = sgs_drawn(n, run->b);
    const sgs_dense dense = sgs_dense_plan(n, m);
    uint64_t *taken = marks; /* the bits stand in the first words of marks and are unpacked in place, from the end */
    int32_t size = 0;
    for (int32_t g = 0; g < dense.groups; g++) {
        taken[g] = dense_bits(key, t, g, dense) & sgs_dense_mask(n, g);
        size += __builtin_popcountll(taken[g]);
    }
    sgs_dense_correct(key, t, taken, n, size, m);
    for (int32_t g = dense.groups - 1; g >= 0; g--) {
        const uint64_t bits = taken[g];
        for (int32_t i = g == dense.groups - 1 ? n - 1 : 64 * g + 63; i >= 64 * g; i--)
            marks[i] = bits >> (i % 64) & 1;
    }
}

static void members_without_replacement(const sgs_run *run, sgs_key key, int64_t t, int32_t *members, uint64_t *marks)
{
    const int32_t m = sgs_drawn(run->n, run->b);
    if (sgs_draws_dense(run->n, m))
        draw_dense(run, key, t, marks);
    else
        draw_sparse(run, key, t, marks);
    const uint64_t in = m == run->b ? 1 : 0; /* else the points left out were drawn */
    int32_t count = 0;
    for (int32_t i = 0; i < run->n; i++)
        if (marks[i] == in)
            members[count++] = i;
}

static void members_shuffle(const sgs_run *run, sgs_key key, int64_t t, int32_t *members, uint64_t *order)
{
    const int32_t n = run->n, b = run->b;
    const int64_t epoch = t / (n / b), first = t % (n / b) * b;
    for (int32_t i = 0; i < n; i++)
        order[i] = (uint64_t)i;
    for (int32_t i = 0; i < first + b; i++) {
        const uint32_t word = word_at(key, epoch * (((int64_t)n + 7) / 8), i);
        const uint32_t j = (uint32_t)i + sgs_bounded(key, word, (uint32_t)(n - i), epoch, i);
        const uint64_t chosen = order[j];
        order[j] = order[i];
        order[i] = chosen;
    }
    for (int32_t k = 0; k < b; k++)
        members[k] = (int32_t)order[first + k];
}

void sgs_batch_members(const sgs_run *run, int64_t t, int32_t *members, uint64_t *scratch)
{
    const sgs_key key = sgs_batch_key(run);
    switch (run->sampling) {
    case SGS_WITHOUT_REPLACEMENT:
        members_without_replacement(run, key, t, members, scratch);
        break;
    case SGS_WITH_REPLACEMENT:
        for (int32_t k = 0; k < run->b; k++) {
            const uint32_t word = word_at(key, sgs_main_block(t, run->b), sgs_main_word(t, run->b) + k);
            members[k] = (int32_t)sgs_bounded(key, word, (uint32_t)run->n, t, k);
        }
        break;
    case SGS_SHUFFLE:
        if (sgs_draws_subsets(run))
            members_without_replacement(run, key, t, members, scratch);
        else
            members_shuffle(run, key, t, members, scratch);
        break;
    default: /* SGS_CYCLIC; t b is reduced first, so that it cannot overflow */
        for (int32_t k = 0; k < run->b; k++)
            members[k] = (int32_t)((t % run->n * run->b + k) % run->n);
    }
}
