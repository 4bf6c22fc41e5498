/** @file start.c
 *  The start w0 of a run. Normal numbers by Box-Muller over 53-bit uniforms, a chi number by Marsaglia and Tsang's
 * method for the gamma distribution (ACM TOMS 26(3), 2000); logarithm, sine and cosine by SLEEF, which has the same
 * bits on every machine. scale multiplies at the end and is not in the stream's key, so starts that differ in scale
 * only have the same direction. */
#include "model/stream.h"
#include <math.h>
#include <sleef.h>

static const double TWO_53 = 9007199254740992.0;

/** Two standard normal numbers from two words. */
static void normal_pair(uint64_t word0, uint64_t word1, double pair[2])
{
    const double u = ((double)(word0 >> 11) + 1.0) / TWO_53; /* (0, 1] */
    const double v = (double)(word1 >> 11) / TWO_53;         /* [0, 1) */
    const double radius = sqrt(-2.0 * Sleef_cinz_logd1_u10purec(u));
    pair[0] = radius * Sleef_cinz_cospid1_u05purec(2.0 * v);
    pair[1] = radius * Sleef_cinz_sinpid1_u05purec(2.0 * v);
}

/** Coordinates 4 k .. 4 k + 3 come from block k. */
static void plain_normals(sgs_key key, double *z, int32_t n)
{
    for (int32_t k = 0; 4 * (int64_t)k < n; k++) {
        const threefry4x64_ctr_t words = sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_START, (uint64_t)k, 0);
        double four[4];
        normal_pair(words.v[0], words.v[1], four);
        normal_pair(words.v[2], words.v[3], four + 2);
        for (int32_t j = 0; j < 4 && 4 * k + j < n; j++)
            z[4 * k + j] = four[j];
    }
}

/** A chi number with `freedom` degrees of freedom >= 1, from the blocks of sub-stream 1. */
static double chi(sgs_key key, int32_t freedom)
{
    const double shape = 0.5 * freedom - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * shape);
    for (uint64_t attempt = 0;; attempt++) {
        const threefry4x64_ctr_t words = sgs_stream_block(key.hi, key.lo, SGS_PURPOSE_START, attempt, 1);
        double pair[2];
        normal_pair(words.v[0], words.v[1], pair);
        if (freedom == 1) /* gamma of shape 1/2 is outside of the method's range */
            return fabs(pair[0]);
        const double root = 1.0 + c * pair[0];
        if (root <= 0.0)
            continue;
        const double v = root * root * root, u = ((double)(words.v[2] >> 11) + 1.0) / TWO_53;
        const double bound = 0.5 * pair[0] * pair[0] + shape - shape * v + shape * Sleef_cinz_logd1_u10purec(v);
        if (Sleef_cinz_logd1_u10purec(u) < bound)
            return sqrt(2.0 * shape * v);
    }
}

void sgs_start_by(sgs_normals *normals, const sgs_run *run, double *a, double *outside)
{
    const int32_t n = run->n, freedom = run->d - n;
    *outside = 0.0;
    if (run->init == SGS_INIT_ONES) {
        for (int32_t i = 0; i < n; i++)
            a[i] = run->scale / sqrt((double)n);
        return;
    }
    const sgs_key key = sgs_start_key(run);
    normals(key, a, n);
    if (freedom > 0)
        *outside = chi(key, freedom);
    double square = (double)run->d;
    if (run->init == SGS_INIT_SPHERE) {
        square = *outside * *outside;
        for (int32_t i = 0; i < n; i++)
            square += a[i] * a[i];
    }
    const double factor = run->scale / sqrt(square);
    for (int32_t i = 0; i < n; i++)
        a[i] *= factor;
    *outside *= factor;
}

void sgs_start(const sgs_run *run, double *a, double *outside)
{
    sgs_start_by(plain_normals, run, a, outside);
}
