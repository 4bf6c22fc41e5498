/** @file result.c
 *  The table of measures, and the bytes of a result that checksum and digest cover. */
#include "sgdsweep/model.h"
#include <string.h>

#define REAL(n, u, l)                                                                                                  \
    {                                                                                                                  \
        .name = (n), .integer = false, .units = (u), .long_name = (l), .fill = {.integer = 0x7ff8000000000000 }        \
    }
#define INTEGER(n, u, f, l)                                                                                            \
    {                                                                                                                  \
        .name = (n), .integer = true, .units = (u), .long_name = (l), .fill = {.integer = (f) }                        \
    }

static const sgs_measure_info table[SGS_MEASURES] = {
    [SGS_LOSS] = REAL("loss", "1", "loss L(w) at the end"),
    [SGS_EXCESS_LOSS] = REAL("excess_loss", "1", "loss above the global minimum, L(w) - (n-1)/(2n)"),
    [SGS_NORM] = REAL("norm", "1", "||w|| at the end"),
    [SGS_NORM_MIN] = REAL("norm_min", "1",
                          "smallest ||w|| over the checks of the last tenth of the run and one full step after each"),
    [SGS_NORM_MAX] = REAL("norm_max", "1",
                          "largest ||w|| over the checks of the last tenth of the run and one full step after each"),
    [SGS_MAX_SHARE] = REAL("max_share", "1", "largest share a_i^2 / ||w||^2 of one data point"),
    [SGS_SELECTED] = INTEGER("selected", "1", 0, "data point with the largest share, from 1, negative where a_i < 0"),
    [SGS_WINNER_RANK] =
        INTEGER("winner_rank", "1", -1, "rank of the selected point among the active |a_i| of the start, 1 = largest"),
    [SGS_PARTICIPATION_RATIO] =
        REAL("participation_ratio", "1", "effective number of data points in w, (sum a_i^2)^2 / sum a_i^4; 1 = sparse"),
    [SGS_PARTICIPATION_RATIO_INIT] =
        REAL("participation_ratio_init", "1", "participation ratio of the active part of the start"),
    [SGS_SUPPORT] = INTEGER("support", "1", -1, "active points with a share above max(tol, 1e-6)^2"),
    [SGS_ACTIVE] = INTEGER("active", "1", -1, "active points at the end"),
    [SGS_ACTIVE_INIT] = INTEGER("active_init", "1", -1, "active points at the start"),
    [SGS_ALIGNMENT_INIT] = REAL("alignment_init", "1", "cosine between end and start"),
    [SGS_ALIGNMENT_INIT_ACTIVE] =
        REAL("alignment_init_active", "1", "cosine between end and the active part of the start"),
    [SGS_HESSIAN_TRACE] = REAL("hessian_trace", "1", "trace of the Hessian of L at the end"),
    [SGS_HESSIAN_MAX] = REAL("hessian_max", "1", "largest eigenvalue of the Hessian of L at the end"),
    [SGS_HESSIAN_TRACE_LIMIT] =
        REAL("hessian_trace_limit", "1", "trace of the Hessian of L at the limit point of a converged run"),
    [SGS_STEPS] = INTEGER("steps", "step", -1, "steps until the run stopped"),
    [SGS_STEPS_NORM] = INTEGER("steps_norm", "step", -1, "first checked step with S >= 0.8; missing: never"),
    [SGS_STEPS_SPARSE] =
        INTEGER("steps_sparse", "step", -1, "first checked step with max_share >= 0.99; missing: never"),
};

const sgs_measure_info *sgs_measure_describe(sgs_measure measure)
{
    return &table[measure];
}

static const sgs_measure_info walk_table[SGS_WALK_SUMS] = {
    [SGS_WALK_COUNT] = INTEGER("walk_count", "1", -1, "watched units of the walk of log |a_i / a_j|"),
    [SGS_WALK_MOVES] = INTEGER("walk_moves", "1", -1, "watched units in which the walk moved"),
    [SGS_WALK_SUM] = REAL("walk_sum", "1", "sum of the increments of log |a_i / a_j|"),
    [SGS_WALK_SUM2] = REAL("walk_sum2", "1", "sum of the squared increments of log |a_i / a_j|"),
    [SGS_WALK_DRIFT] = REAL("walk_drift", "1", "sum over the moves of the predicted increment"),
    [SGS_WALK_SQUARE] = REAL("walk_square", "1", "sum over the moves of the predicted squared increment"),
};

const sgs_measure_info *sgs_walk_describe(sgs_walk_sum sum)
{
    return &walk_table[sum];
}

static void put64(unsigned char *bytes, uint64_t x)
{
    for (int k = 0; k < 8; k++)
        bytes[k] = (unsigned char)(x >> (8 * k));
}

void sgs_result_bytes(const sgs_result *result, unsigned char bytes[SGS_RESULT_BYTES])
{
    bytes[0] = (unsigned char)result->status;
    for (int m = 0; m < SGS_MEASURES; m++)
        put64(bytes + 1 + 8 * m, (uint64_t)result->value[m].integer);
}

enum { KEYED_BYTES = 16 + SGS_RESULT_BYTES };

static void keyed_bytes(sgs_key run_key, const sgs_result *result, unsigned char bytes[KEYED_BYTES])
{
    put64(bytes, run_key.hi);
    put64(bytes + 8, run_key.lo);
    sgs_result_bytes(result, bytes + 16);
}

uint32_t sgs_result_checksum(sgs_key run_key, const sgs_result *result)
{
    unsigned char bytes[KEYED_BYTES];
    keyed_bytes(run_key, result, bytes);
    const uint32_t crc = sgs_crc32c(0, bytes, sizeof bytes);
    return crc ? crc : 1;
}

sgs_key sgs_result_digest(sgs_key run_key, const sgs_result *result)
{
    unsigned char bytes[KEYED_BYTES];
    keyed_bytes(run_key, result, bytes);
    return sgs_key_of(bytes, sizeof bytes);
}
