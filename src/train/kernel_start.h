/** @file kernel_start.h
 *  The normal numbers of a start, W blocks at once: the vector form of what src/model/start.c does. Included by
 *  kernel.c. SLEEF's cinz functions have the same bits in vectors of every width (without fused multiplication). */
#include <math.h>
#include <sleef.h>

#if defined(__AVX512F__)
#define SLEEF(function, ulp) (vec) Sleef_cinz_##function##d8_##ulp##avx512fnofma
#elif defined(__AVX2__)
#define SLEEF(function, ulp) (vec) Sleef_cinz_##function##d4_##ulp##avx
#elif defined(__SSE2__)
#define SLEEF(function, ulp) (vec) Sleef_cinz_##function##d2_##ulp##sse2
#else
#define ONE_BY_ONE(function, ulp)                                                                                      \
    static vec each_##function(vec x)                                                                                  \
    {                                                                                                                  \
        for (int j = 0; j < W; j++)                                                                                    \
            x[j] = Sleef_cinz_##function##d1_##ulp##purec(x[j]);                                                       \
        return x;                                                                                                      \
    }
ONE_BY_ONE(log, u10)
ONE_BY_ONE(cospi, u05)
ONE_BY_ONE(sinpi, u05)
#undef ONE_BY_ONE
#define SLEEF(function, ulp) each_##function
#endif

/** Two standard normal numbers from two words. */
static inline void normal_pairs(vec_bits word0, vec_bits word1, double *first, double *second)
{
    const vec u = (__builtin_convertvector((vec_signed)(word0 >> 11), vec) + 1.0) * 0x1p-53; /* (0, 1] */
    const vec v = __builtin_convertvector((vec_signed)(word1 >> 11), vec) * 0x1p-53;         /* [0, 1) */
    vec radius = -2.0 * SLEEF(log, u10)(u);
    for (int j = 0; j < W; j++)
        radius[j] = sqrt(radius[j]);
    vec_store(first, radius * SLEEF(cospi, u05)(2.0 * v));
    vec_store(second, radius * SLEEF(sinpi, u05)(2.0 * v));
}
#undef SLEEF

static void normals(sgs_key key, double *z, int32_t n)
{
    for (int32_t k = 0; 4 * (int64_t)k < n; k += W) {
        uint64_t word[4][W];
        double x[4][W];
        SIMD for (int j = 0; j < W; j++)
        {
            const threefry4x64_ctr_t r = sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_START, (uint64_t)(k + j), 0);
            for (int p = 0; p < 4; p++)
                word[p][j] = r.v[p];
        }
        for (int p = 0; p < 4; p += 2)
            normal_pairs(vec_bits_load(word[p]), vec_bits_load(word[p + 1]), x[p], x[p + 1]);
        const int count = n - 4 * k < 4 * W ? n - 4 * k : 4 * W;
        for (int i = 0; i < count; i++)
            z[4 * k + i] = x[i % 4][i / 4];
    }
}
