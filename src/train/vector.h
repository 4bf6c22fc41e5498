/** @file vector.h
 *  Vectors of W doubles with the compilers' vector extension, for the parts of the kernel whose state should stay in
 *  registers from step to step. W fits the instruction set that the file is compiled for; elementwise operations only,
 * so the bits do not depend on it. Scatter and the test of a mask have an intrinsic where that is faster. */
#ifndef SGS_TRAIN_VECTOR_H
#define SGS_TRAIN_VECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
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

/** u[offset[j]] for j < W. Loads one by one: a gather instruction has to wait for the scatters before it, 3.0
 * against 5.1 ns a step at n = 100, b = 1. */
static inline vec vec_gather(const double *u, const int32_t *offset)
{
    vec v;
    for (int j = 0; j < W; j++)
        v[j] = u[offset[j]];
    return v;
}

/** u[offset[j]] = v[j]; the offsets are all different. */
static inline void vec_scatter(double *u, const int32_t *offset, vec v)
{
#if defined(__AVX512F__)
    _mm512_i32scatter_pd(u, _mm256_loadu_si256((const __m256i *)(const void *)offset), (__m512d)v, 8);
#else
    for (int j = 0; j < W; j++)
        u[offset[j]] = v[j];
#endif
}

#endif
