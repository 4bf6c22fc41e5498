/** @file range.c
 *  Which measures of a converged run lie in a range that is known before it is trained. */
#include "sgdsweep/model.h"

bool sgs_measure_range(sgs_measure measure, int32_t d, int32_t n, double *low, double *high)
{
    *low = 0;
    *high = n;
    switch (measure) {
    case SGS_SUPPORT:
    case SGS_ACTIVE:
    case SGS_ACTIVE_INIT:
        return true;
    case SGS_PARTICIPATION_RATIO:
    case SGS_PARTICIPATION_RATIO_INIT:
        *low = 1;
        return true;
    case SGS_MAX_SHARE:
        *high = 1;
        return true;
    case SGS_ALIGNMENT_INIT:
    case SGS_ALIGNMENT_INIT_ACTIVE:
        *low = -1;
        *high = 1;
        return true;
    case SGS_HESSIAN_TRACE_LIMIT: /* (4 + d - |A|) / n with 1 <= |A| <= n */
        *low = (4.0 + d - n) / n;
        *high = (3.0 + d) / n;
        return true;
    default:
        return false;
    }
}
