/** @file vector.h
 *  Vectors of W doubles with the compilers' vector extension, for the parts of the kernel whose state should stay in
 *  registers from step to step. W fits the instruction set that the file is compiled for; elementwise operations only,
 * so the bits do not depend on it. Masks, scatter and the products of halves have intrinsics where that is faster. */
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
typedef uint64_t vec_bits __attribute__((vector_size(8 * W)));
typedef int64_t vec_signed __attribute__((vector_size(8 * W)));
typedef int32_t vec_half __attribute__((vector_size(4 * W)));
typedef int32_t vec_whole __attribute__((vector_size(8 * W)));

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

/* ---- masks: one truth for each of the W doubles --------------------------------------------------------------------
 */

#if defined(__AVX512F__)
typedef __mmask8 vec_mask;

static inline vec_mask vec_all_true(void)
{
    return 0xff;
}

/** m, and a >= b. */
static inline vec_mask vec_at_least(vec_mask m, vec a, double b)
{
    return _mm512_mask_cmp_pd_mask(m, (__m512d)a, _mm512_set1_pd(b), _CMP_GE_OQ);
}

static inline vec_mask vec_positive(vec a)
{
    return _mm512_cmp_pd_mask((__m512d)a, _mm512_setzero_pd(), _CMP_GT_OQ);
}

static inline vec_mask vec_nonzero(vec_bits a)
{
    return _mm512_test_epi64_mask((__m512i)a, (__m512i)a);
}

/** Bit `bit` is set. */
static inline vec_mask vec_has_bit(vec_bits a, int bit)
{
    return _mm512_test_epi64_mask((__m512i)a, _mm512_set1_epi64((int64_t)(1ull << bit)));
}

static inline vec vec_select(vec_mask m, vec a, vec b)
{
    return (vec)_mm512_mask_mov_pd((__m512d)b, m, (__m512d)a);
}

/** a^2, or 0 where the mask is not set. */
static inline vec vec_square_if(vec_mask m, vec a)
{
    return (vec)_mm512_maskz_mul_pd(m, (__m512d)a, (__m512d)a);
}

/** Bit j: the truth for element j. */
static inline unsigned mask_truths(vec_mask m)
{
    return m;
}
#else
typedef int64_t vec_mask __attribute__((vector_size(8 * W)));

static inline vec_mask vec_all_true(void)
{
    return (vec_mask){0} == 0;
}

static inline vec_mask vec_at_least(vec_mask m, vec a, double b)
{
    return m & (a >= b);
}

static inline vec_mask vec_positive(vec a)
{
    return a > 0.0;
}

static inline vec_mask vec_nonzero(vec_bits a)
{
    return a != 0;
}

static inline vec_mask vec_has_bit(vec_bits a, int bit)
{
    return -(vec_mask)((a >> bit) & 1);
}

static inline vec vec_select(vec_mask m, vec a, vec b)
{
    return (vec)(((vec_mask)a & m) | ((vec_mask)b & ~m));
}

static inline vec vec_square_if(vec_mask m, vec a)
{
    const vec kept = (vec)((vec_mask)a & m);
    return kept * kept;
}

static inline unsigned mask_truths(vec_mask m)
{
#if defined(__AVX2__)
    return (unsigned)_mm256_movemask_pd((__m256d)m);
#elif defined(__SSE2__)
    return (unsigned)_mm_movemask_pd((__m128d)m);
#else
    return (m[0] < 0 ? 1 : 0) | (m[1] < 0 ? 2 : 0);
#endif
}
#endif

/** mask_truths where all are true. */
enum { all_truths = (1 << W) - 1 };

/* ---- memory at W offsets -------------------------------------------------------------------------------------------
 */

/** u[offset[j]] for j < W. Loads one by one: a gather instruction has to wait for the scatters before it, 3.0
 * against 5.1 ns a step at n = 100, b = 1. */
static inline vec vec_gather(const double *u, const int32_t *offset)
{
#if defined(__AVX512F__)
    __m256d half[2]; /* blends, which need no masks in registers and run on two ports; gcc takes masks or shuffles */
    for (int h = 0; h < 2; h++, offset += 4) {
        half[h] = _mm256_broadcast_sd(&u[offset[0]]);
        half[h] = _mm256_blend_pd(half[h], _mm256_broadcast_sd(&u[offset[1]]), 2);
        half[h] = _mm256_blend_pd(half[h], _mm256_broadcast_sd(&u[offset[2]]), 4);
        half[h] = _mm256_blend_pd(half[h], _mm256_broadcast_sd(&u[offset[3]]), 8);
    }
    return (vec)_mm512_insertf64x4(_mm512_castpd256_pd512(half[0]), half[1], 1);
#else
    vec v;
    for (int j = 0; j < W; j++)
        v[j] = u[offset[j]];
    return v;
#endif
}

/** count[offset[j]] for j < W, as doubles. */
static inline vec vec_gather_counts(const int32_t *count, const int32_t *offset)
{
    vec_half v;
    for (int j = 0; j < W; j++)
        v[j] = count[offset[j]];
    return __builtin_convertvector(v, vec);
}

/** The same offsets, to be loaded again: kept from the gather to the scatter they take more registers than there are.
 */
static inline const int32_t *vec_again(const int32_t *offset)
{
    __asm__("" : "+r"(offset));
    return offset;
}

/** u[offset[j]] = v[j]. Stores one by one, by halves of registers: a scatter instruction takes longer. */
static inline void vec_scatter(double *u, const int32_t *offset, vec v)
{
#if defined(__AVX512F__)
    const __m256d half[2] = {_mm512_castpd512_pd256((__m512d)v), _mm512_extractf64x4_pd((__m512d)v, 1)};
    for (int h = 0; h < 2; h++, offset += 4) {
        __m128d high = _mm256_extractf128_pd(half[h], 1);
        __asm__("" : "+v"(high)); /* gcc would take its two parts out of the whole one by one */
        _mm_storel_pd(&u[offset[0]], _mm256_castpd256_pd128(half[h]));
        _mm_storeh_pd(&u[offset[1]], _mm256_castpd256_pd128(half[h]));
        _mm_storel_pd(&u[offset[2]], high);
        _mm_storeh_pd(&u[offset[3]], high);
    }
#else
    for (int j = 0; j < W; j++)
        u[offset[j]] = v[j];
#endif
}

/* ---- integers ------------------------------------------------------------------------------------------------------
 */

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

/** Whether the low half of some p[j] is below a bound: note them one by one, then ask. */
#if defined(__AVX2__)
typedef vec_bits vec_lows; /* the least low halves */

static inline vec_lows vec_no_lows(void)
{
    return ~(vec_bits){0};
}

static inline vec_lows vec_note_lows(vec_lows lows, vec_bits p, uint32_t bound)
{
    (void)bound;
#if defined(__AVX512F__)
    return (vec_bits)_mm512_min_epu32((__m512i)lows, (__m512i)p);
#else
    return (vec_bits)_mm256_min_epu32((__m256i)lows, (__m256i)p);
#endif
}

static inline bool any_low(vec_lows lows, uint32_t bound)
{
#if defined(__AVX512F__)
    return _mm512_mask_cmplt_epu32_mask(0x5555, (__m512i)lows, _mm512_set1_epi32((int)bound)) != 0;
#else
    return mask_truths((vec_mask)((lows & 0xffffffff) - bound)) != 0; /* by the sign */
#endif
}
#else
typedef vec_mask vec_lows; /* the sign tells */

static inline vec_lows vec_no_lows(void)
{
    return (vec_mask){0};
}

static inline vec_lows vec_note_lows(vec_lows lows, vec_bits p, uint32_t bound)
{
    return lows | (vec_mask)((p & 0xffffffff) - bound);
}

static inline bool any_low(vec_lows lows, uint32_t bound)
{
    (void)bound;
    return mask_truths(lows) != 0;
}
#endif

/** a << (place - 64 group) where that is 0 to 63, else 0. */
static inline vec_bits vec_shift_into(vec_bits a, vec_bits place, int group)
{
    const vec_bits by = place - 64 * (uint64_t)group;
#if defined(__AVX512F__)
    return (vec_bits)_mm512_sllv_epi64((__m512i)a, (__m512i)by);
#elif defined(__AVX2__)
    return (vec_bits)_mm256_sllv_epi64((__m256i)a, (__m256i)by);
#else
    return (a << (by & 63)) & (vec_bits)(by < 64);
#endif
}

/** The high halves of one vector and of two, in order. */
#if W == 8
static inline vec_half vec_high(vec_bits a)
{
    const __m512i odd = _mm512_set_epi32(15, 13, 11, 9, 7, 5, 3, 1, 15, 13, 11, 9, 7, 5, 3, 1);
    return (vec_half)_mm512_castsi512_si256(_mm512_permutexvar_epi32(odd, (__m512i)a));
}

static inline vec_whole vec_high_two(vec_bits a, vec_bits b)
{
    const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    return (vec_whole)_mm512_permutex2var_epi32((__m512i)a, odd, (__m512i)b);
}
#else
static inline vec_half vec_high(vec_bits a)
{
    return __builtin_convertvector(a >> 32, vec_half);
}

static inline vec_whole vec_high_two(vec_bits a, vec_bits b)
{
#if W == 4
    return __builtin_shufflevector((vec_whole)a, (vec_whole)b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
    enum { HIGH = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ }; /* place of a number's high half in its two */
    return __builtin_shufflevector((vec_whole)a, (vec_whole)b, HIGH, HIGH + 2, HIGH + 4, HIGH + 6);
#endif
}
#endif

#endif
