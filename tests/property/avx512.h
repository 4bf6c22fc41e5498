/* The kernel for AVX-512 on a processor without it: included before kernel.c, this stands in for its intrinsics, by
 * SIMDe, and for SLEEF's vectors of eight, one by one. Same source, same bits. */
#ifndef SGS_TESTS_AVX512_H
#define SGS_TESTS_AVX512_H

#include <immintrin.h> /* before its names are taken */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <sleef.h>
#include <string.h>

#define __AVX512F__ 1

/* What SIMDe has not. */
static inline __mmask8 both_at_least(__mmask8 mask, __m512d a, __m512d b)
{
    return mask & _mm512_cmp_pd_mask(a, b, _CMP_GE_OQ);
}
#undef _mm512_mask_cmp_pd_mask
#define _mm512_mask_cmp_pd_mask(mask, a, b, how) both_at_least(mask, a, b) /* the one that the kernel asks for */

static inline __mmask16 both_below(__mmask16 mask, __m512i a, __m512i b)
{
    uint32_t x[16], y[16];
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    for (int j = 0; j < 16; j++)
        if (x[j] >= y[j])
            mask &= (__mmask16) ~(1U << j);
    return mask;
}
#undef _mm512_mask_cmplt_epu32_mask
#define _mm512_mask_cmplt_epu32_mask both_below

typedef double eight __attribute__((vector_size(64)));
#define ONE_BY_ONE(vectors, one)                                                                                       \
    static inline eight vectors(eight x)                                                                               \
    {                                                                                                                  \
        for (int j = 0; j < 8; j++)                                                                                    \
            x[j] = one(x[j]);                                                                                          \
        return x;                                                                                                      \
    }
ONE_BY_ONE(Sleef_cinz_logd8_u10avx512fnofma, Sleef_cinz_logd1_u10purec)
ONE_BY_ONE(Sleef_cinz_cospid8_u05avx512fnofma, Sleef_cinz_cospid1_u05purec)
ONE_BY_ONE(Sleef_cinz_sinpid8_u05avx512fnofma, Sleef_cinz_sinpid1_u05purec)
#undef ONE_BY_ONE

#endif
