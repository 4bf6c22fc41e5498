/** @file vector.h
 *  Vectors of W doubles with the compilers' vector extension, for the parts of the kernel whose state should stay in
 *  registers from step to step. W fits the instruction set that the file is compiled for; elementwise operations only,
 * so the bits do not depend on it. Scatter and the test of a mask have an intrinsic where that is faster. */
#ifndef SGS_TRAIN_VECTOR_H
#define SGS_TRAIN_VECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define W 8
#elif defined(__AVX2__)
#define W 4
#else
#define W 2
#endif

typedef double vec __attribute__((vector_size(8 * W)));
typedef int64_t vec_mask __attribute__((vector_size(8 * W)));
typedef uint64_t vec_bits __attribute__((vector_size(8 * W)));

static inline vec vec_load(const double *x)
{
    vec v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline vec_bits vec_bits_load(const uint64_t *x)
{
    vec_bits v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline void vec_bits_store(uint64_t *x, vec_bits v)
{
    memcpy(x, &v, sizeof v);
}

static inline void vec_store(double *x, vec v)
{
    memcpy(x, &v, sizeof v);
}

static inline vec vec_select(vec_mask m, vec a, vec b)
{
    return (vec)(((vec_mask)a & m) | ((vec_mask)b & ~m));
}

static inline bool mask_all(vec_mask m)
{
#if defined(__AVX512DQ__)
    return _mm512_movepi64_mask((__m512i)m) == 0xff;
#elif defined(__AVX2__)
    return _mm256_movemask_pd((__m256d)m) == 0xf;
#else
    return (m[0] & m[1]) != 0;
#endif
}

static inline bool mask_none(vec_mask m)
{
    return mask_all(~m);
}

/** u[offset[j]] for j < W. Loads one by one: a gather instruction has to wait for the scatters before it, 3.0
 * against 5.1 ns a step at n = 100, b = 1. */
static inline vec vec_gather(const double *u, const int32_t *offset)
{
    vec v;
    for (int j = 0; j < W; j++)
        v[j] = u[offset[j]];
    return v;
}

/** u[offset[j]] = v[j]. Stores one by one, by halves of registers: a scatter instruction takes longer. */
static inline void vec_scatter(double *u, const int32_t *offset, vec v)
{
#if defined(__AVX512F__)
    const __m256d low = _mm512_castpd512_pd256((__m512d)v), high = _mm512_extractf64x4_pd((__m512d)v, 1);
    const __m128d pair[4] = {_mm256_castpd256_pd128(low), _mm256_extractf128_pd(low, 1), _mm256_castpd256_pd128(high),
                             _mm256_extractf128_pd(high, 1)};
    for (int j = 0; j < 4; j++) {
        _mm_storel_pd(&u[offset[2 * j]], pair[j]);
        _mm_storeh_pd(&u[offset[2 * j + 1]], pair[j]);
    }
#else
    for (int j = 0; j < W; j++)
        u[offset[j]] = v[j];
#endif
}

/** The products of the low halves. */
static inline vec_bits vec_multiply32(vec_bits a, vec_bits b)
{
#if defined(__AVX512F__)
    return (vec_bits)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vec_bits)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (vec_bits)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

#endif
