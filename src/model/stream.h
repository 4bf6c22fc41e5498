/** @file stream.h
 *  Random streams: Threefry4x64-20 of Random123, keyed by a 128-bit key and a purpose, indexed by two counters. There
 * is no stream state, so a draw depends on what the run is and on nothing else. Shared by model and train only.
 *
 *  Chosen over Philox4x32-10 by measurement: per 32-bit word over 16 lanes with gcc 12, 0.42 against 1.27 ns (AVX-512),
 *  1.04 against 2.29 (AVX2), 2.1 against 2.2 (SSE2). */
#ifndef SGS_MODEL_STREAM_H
#define SGS_MODEL_STREAM_H

#include "sgdsweep/model.h"
#include <Random123/threefry.h>

typedef enum sgs_purpose { SGS_PURPOSE_START = 1, SGS_PURPOSE_BATCH = 2 } sgs_purpose;

/** Four 64-bit words at counter (block, sub). Word w of the stream, 32 bits each, is the low half of v[w / 2 % 4] for
 * even w and the high half for odd w, in block w / 8. */
static inline __attribute__((always_inline)) threefry4x64_ctr_t
sgs_stream_block(uint64_t hi, uint64_t lo, uint64_t purpose, uint64_t block, uint64_t sub)
{
    threefry4x64_ctr_t counter = {{block, sub, 0, 0}};
    threefry4x64_key_t key = {{hi, lo, purpose, 0}};
    return threefry4x64_R(20, counter, key);
}

static inline uint32_t sgs_stream_word(threefry4x64_ctr_t block, int word)
{
    return (uint32_t)(block.v[word / 2] >> (32 * (word & 1)));
}

/** The normal numbers of a start: z[n] from the stream of the key. */
typedef void sgs_normals(sgs_key key, double *z, int32_t n);

/** sgs_start with normal numbers by another function of the same bits. */
void sgs_start_by(sgs_normals *normals, const sgs_run *run, double *a, double *outside);

/** Keys of the two streams of a run. */
sgs_key sgs_start_key(const sgs_run *run);
sgs_key sgs_batch_key(const sgs_run *run);

#endif
