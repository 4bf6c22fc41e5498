/** @file model.h
 *  The model: what a run is, its random streams, its start, what is measured at its end.
 *
 *  Single-neuron tied-weight autoencoder on n orthonormal points of R^d (Ghosh, Frei, Ha, Yu, JMLR 26(49), 2025). Only
 *  the coordinates a_i = <w, x_i> and one signed scalar for the part of w outside their span move. Notation: A active
 * set (relu: a_i > 0; linear: all), N = ||w||^2, S = sum over A of a_i^2, R = N - S, p_i = a_i^2 / N, eps = eta / b.
 *
 *  Everything here uses + - * / sqrt, integers and SLEEF's Sleef_cinz_*purec functions only, so the bits are the same
 * on every machine. Nothing is collective. */
#ifndef SGDSWEEP_MODEL_H
#define SGDSWEEP_MODEL_H

#include "sgdsweep/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Raised whenever the bits of any run change: streams, subset drawing, check and fold schedule, measures, `auto`. */
enum { SGS_ALGORITHM_VERSION = 1 };

typedef enum sgs_activation { SGS_LINEAR = 0, SGS_RELU = 1, SGS_ACTIVATIONS } sgs_activation;

typedef enum sgs_sampling {
    SGS_WITHOUT_REPLACEMENT = 0, /**< b distinct points, uniform, fresh at each step */
    SGS_WITH_REPLACEMENT = 1,    /**< b independent uniform points */
    SGS_SHUFFLE = 2, /**< a new permutation each epoch, cut in consecutive batches; a short rest is dropped */
    SGS_CYCLIC = 3,  /**< windows of b consecutive points from the first, wrapping modulo n */
    SGS_SAMPLINGS
} sgs_sampling;

typedef enum sgs_init { SGS_INIT_GAUSSIAN = 0, SGS_INIT_SPHERE = 1, SGS_INIT_ONES = 2, SGS_INITS } sgs_init;

/** Names as they stand in grid files and results files; NULL outside of the enum. */
const char *sgs_activation_name(sgs_activation activation);
const char *sgs_sampling_name(sgs_sampling sampling);
const char *sgs_init_name(sgs_init init);

/** Limits of what a run can be. */
#define SGS_SEED_MAX       9007199254740991LL /* 2^53 - 1: R and JSON hold it exactly */
#define SGS_STEPS_MAX      9007199254740992LL
#define SGS_SCALE_MIN      1e-50
#define SGS_SCALE_MAX      1e6
#define SGS_NORM2_DIVERGED 1e12 /* N above this: the run ends as diverged */

/** What a run is: everything its bits depend on except when it is stopped (sgs_stop). */
typedef struct sgs_run {
    sgs_activation activation;
    sgs_sampling sampling;
    int32_t d;  /**< dimension, 1 <= d */
    int32_t n;  /**< data points, 1 <= n <= d */
    int32_t b;  /**< batch size, 1 <= b <= n */
    double eps; /**< eta / b, > 0 */
    sgs_init init;
    double scale;        /**< E ||w0||^2 = scale^2 (gaussian), ||w0|| = scale (sphere, ones) */
    int64_t init_seed;   /**< 0 .. SGS_SEED_MAX; ignored by SGS_INIT_ONES */
    int64_t seed;        /**< of the batch stream, 0 .. SGS_SEED_MAX */
    bool batches_common; /**< one batch stream per (seed, n, b, sampling) instead of one per run */
} sgs_run;

/** When a run is stopped; not part of its key. */
typedef struct sgs_stop {
    double tol;        /**< converged at the first checked step with G <= tol^2 S; 0: run to max_steps; <= 1e-2 */
    int64_t max_steps; /**< 0 .. SGS_STEPS_MAX */
} sgs_stop;

/** The run key: XXH3-128 of the canonical ASCII text of the run (model.md section 6a; layout in src/model/run.c). */
sgs_key sgs_run_key(const sgs_run *run);

/** The step limit behind `max_steps: auto`: 20 times the predicted length, rounded up, at most SGS_STEPS_MAX. Part of
 *  the bits (algorithm version). model.md section 5. */
int64_t sgs_auto_max_steps(const sgs_run *run);

/** Status of a run in a results file (int8). */
typedef enum sgs_run_status {
    SGS_RUN_PENDING = 0,
    SGS_RUN_CONVERGED = 1,
    SGS_RUN_MAX_STEPS = 2,
    SGS_RUN_DIVERGED = 3,
    SGS_RUN_DEAD = 4,
    SGS_RUN_SKIPPED = 5,
    SGS_RUN_FAILED = 6,
    SGS_RUN_NOT_NEEDED = 7,
    SGS_RUN_STATUSES
} sgs_run_status;

const char *sgs_run_status_name(sgs_run_status status);

/** A finished run is one whose results are in the file: converged, max_steps, diverged, dead. */
bool sgs_run_status_finished(int status);

/** The measures of model.md section 6, in the order of the results file, its checksums and its digest. */
typedef enum sgs_measure {
    SGS_LOSS,
    SGS_EXCESS_LOSS,
    SGS_NORM,
    SGS_NORM_MIN,
    SGS_NORM_MAX,
    SGS_MAX_SHARE,
    SGS_SELECTED,
    SGS_WINNER_RANK,
    SGS_PARTICIPATION_RATIO,
    SGS_PARTICIPATION_RATIO_INIT,
    SGS_SUPPORT,
    SGS_ACTIVE,
    SGS_ACTIVE_INIT,
    SGS_ALIGNMENT_INIT,
    SGS_ALIGNMENT_INIT_ACTIVE,
    SGS_HESSIAN_TRACE,
    SGS_HESSIAN_MAX,
    SGS_HESSIAN_TRACE_LIMIT,
    SGS_STEPS,
    SGS_STEPS_NORM,
    SGS_STEPS_SPARSE,
    SGS_MEASURES
} sgs_measure;

/** One measured value: the member that the table says, 8 bytes either way. */
typedef union sgs_value {
    double real;
    int64_t integer;
} sgs_value;

typedef struct sgs_measure_info {
    const char *name;      /**< of the variable in the results file */
    bool integer;          /**< int64, else float64 */
    const char *units;     /**< "1", "step" */
    const char *long_name; /**< one line */
    sgs_value fill;        /**< _FillValue, "no value": NaN; integers -1, but 0 for selected, which can be -1 */
} sgs_measure_info;

/** Never NULL for 0 <= measure < SGS_MEASURES. */
const sgs_measure_info *sgs_measure_describe(sgs_measure measure);

/** What is added up about the walk of r = log |a_i / a_j| (model.md section 7), one sum for each bin of r, in the order
 * of the results file. i and j are the first two points, by index, that are active at the start; a unit is a step, for
 * shuffle an epoch, for cyclic the windows until they repeat; only units in the first sixteenth of every check stride
 * are watched, and only those in which i and j are active throughout. D is what a unit adds to r, and r at its start
 * decides the bin. Exactly what was watched is a function of the run alone. */
typedef enum sgs_walk_sum {
    SGS_WALK_COUNT,  /**< units */
    SGS_WALK_MOVES,  /**< units with |D| > 2^-40 */
    SGS_WALK_SUM,    /**< of D */
    SGS_WALK_SUM2,   /**< of D^2 */
    SGS_WALK_DRIFT,  /**< over the moves, of the expected D given the rest of the batch: i or j is in, equally likely */
    SGS_WALK_SQUARE, /**< the same of D^2. Both NaN but for subsets drawn afresh at each step */
    SGS_WALK_SUMS
} sgs_walk_sum;

/** Never NULL for 0 <= sum < SGS_WALK_SUMS. */
const sgs_measure_info *sgs_walk_describe(sgs_walk_sum sum);

/** The range that a measure of a converged run lies in, known from d and n alone (up to rounding); false: it has none,
 *  and low and high mean nothing. */
bool sgs_measure_range(sgs_measure measure, int32_t d, int32_t n, double *low, double *high);

/** What a run leaves. */
typedef struct sgs_result {
    int8_t status; /**< sgs_run_status, a finished one when it comes from a trainer */
    sgs_value value[SGS_MEASURES];
} sgs_result;

/** The bytes of a result that checksum and digest cover: status, then the values in table order, little-endian. */
enum { SGS_RESULT_BYTES = 1 + 8 * SGS_MEASURES };
void sgs_result_bytes(const sgs_result *result, unsigned char bytes[SGS_RESULT_BYTES]);

/** CRC32C of (run key: hi, lo little-endian; status; values), 0 mapped to 1. */
uint32_t sgs_result_checksum(sgs_key run_key, const sgs_result *result);

/** XXH3-128 of the same bytes: the addend of results_digest. */
sgs_key sgs_result_digest(sgs_key run_key, const sgs_result *result);

/** The start of a run: a_i into a[n], and the norm of the part outside of the span (>= 0; 0 where d = n) into outside.
 *  A function of (init_seed, d, n, init) times scale: the same for every batch size, step size and activation. */
void sgs_start(const sgs_run *run, double *a, double *outside);

/** Where a run stands, in plain coordinates, for measuring. Borrowed arrays. */
typedef struct sgs_point {
    const double *a; /**< [n] coordinates */
    double outside;  /**< signed scalar of the part outside of the span */
} sgs_point;

/** What a trainer knows of a run's history that cannot be computed from its end. */
typedef struct sgs_history {
    int64_t steps, steps_norm, steps_sparse; /**< -1: never */
    double norm2_min,
        norm2_max; /**< extremes of N over the checks of the last tenth and the end, and one full step on */
} sgs_history;

/** All end-of-run measures (model.md section 6) of a run with the given status. start is sgs_start's. */
void sgs_measure_run(const sgs_run *run, const sgs_stop *stop, sgs_run_status status, sgs_point end, sgs_point start,
                     const sgs_history *history, sgs_result *result);

/** The measures that a point has whenever it is looked at, so that a trajectory can record them; the others belong to
 * the end of a run: norm_min, norm_max, winner_rank, hessian_trace_limit, the counts of steps, and those of the start.
 */
bool sgs_measure_recordable(sgs_measure measure);

/** Those measures at a point (fill values in the others). status: SGS_RUN_DIVERGED for the end of a diverged run, which
 *  has no point; else not read. */
void sgs_measure_point(const sgs_run *run, const sgs_stop *stop, sgs_run_status status, sgs_point at, sgs_point start,
                       sgs_value values[SGS_MEASURES]);

/** The batch of step t (t = 0 is the first step) as a list of points 0 .. n-1 into members[b]; with repeats where the
 *  sampling has them. The plain, slow form: what a step of the lane kernel is tested against.
 *  scratch: [n], owned by the caller. */
void sgs_batch_members(const sgs_run *run, int64_t t, int32_t *members, uint64_t *scratch);

/** How many different windows cyclic sampling has: n / gcd(n, b). Each begins at a multiple of gcd(n, b). */
int64_t sgs_windows(const sgs_run *run);

/** The check schedule, part of the bits: every check and every end but max_steps and divergence falls on a multiple of
 *  the stride, so that lanes that started together stay in phase for ever: a multiple of 8 steps, which share their
 * random words, and of the sampling's own period (an epoch of shuffle, the windows of cyclic). */
int64_t sgs_check_stride(const sgs_run *run);

/** The checked step after t, t a checked step itself (0 is one): t + stride * max(1, ceil(floor(t / 64) / stride)). */
int64_t sgs_check_next(int64_t t, int64_t stride);

/** The stop rule of model.md section 5 at a point: true and the status if the run is over there (converged or dead). */
bool sgs_stop_reached(const sgs_run *run, double tol, sgs_point at, sgs_run_status *status);

#ifdef __cplusplus
}
#endif
#endif
