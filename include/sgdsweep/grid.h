/** @file grid.h
 *  The grid: axes of a sweep read from a YAML file, and the one numbering of its runs.
 *
 *  A run is an index. The axes are activation, sampling, dimension, batch, step_value, seed, in this order, seed varies
 *  fastest, and the C-order index over them numbers every run. A cell is one point of all axes but seed; a strip is one
 *  point of (activation, sampling, dimension, batch): its runs share d, n and b and are contiguous.
 *  Nothing is collective; a grid is immutable after parsing and may be read by many threads.
 *
 *  The file is one YAML (or JSON) mapping in UTF-8, up to 16 MiB:
 *
 *      key         accepted                                                                 default
 *      activation  linear, relu; one or a list                                              [linear, relu]
 *      sampling    without_replacement, with_replacement, shuffle, cyclic; one or a list    without_replacement
 *      dimension   whole numbers 1 .. 2^31-1: one, a list or a range                        required
 *      samples     one expression in d with 1 <= n <= d at every dimension                  d
 *      batch_size  expressions in n, "full" for n: one or a list; or a range                required
 *      step_size   numbers 1e-290 .. 1e290: one, a list or a range, eta itself; all of it   required
 *                  below {scaled_by_batch: ...}: eps
 *      seed        whole numbers 0 .. 2^53-1: one, a list or {first: F, count: C};          required
 *                  {first: F, until: {...}}: as many as a precision takes; F is 1 if left out
 *      init        {distribution: gaussian, sphere or ones; scale: SGS_SCALE_MIN .. MAX;    gaussian, 0.1, own
 *                  seed: own or one number, not with ones}
 *      batches     own, common                                                              own
 *      stop        {max_steps: auto or 1 .. 2^53; tol: 0 .. 0.01}                           auto, 1e-6
 *      record      none; ladder; {until: 0 .. 2^53 or auto, measures: ...};                 none
 *                  {steps: whole numbers 0 .. 2^53, ascending: one, a list or a range,
 *                  measures: ...}
 *      weights     none; final: at the end of each run; record: at each step of the record  none
 *      walk        none; {bins: 2 .. SGS_WALK_MAX_BINS; range: 0.001 .. 700}                none, 8
 *
 *  A record looks at every run at the same steps, step 0 is the start; after a run's end its end is repeated. The
 *  ladder is 0, 1, 2, 3, 4, 6, 8, 12, 16, ... (2^k and 3 2^(k-1)) up to `until`; auto, which is what `record: ladder`
 *  means, is the largest max_steps of the grid (of at most SGS_RECORD_MAX_CELLS cells). `measures` are names that
 *  sgs_measure_recordable knows, one or a list, all of them by default; none records the weights only. A record changes
 *  nothing else of a run and stands in no run key. At most SGS_RECORD_MAX_STEPS steps, and SGS_RECORD_MAX_BYTES of
 *  records and weights for one run.
 *
 *  The walk of r = log |a_i / a_j| of two points (sgs_walk_sum in model.h) is added up in that many equal bins of r
 * over -range .. range, those at the ends open; like a record it changes nothing else and stands in no run key.
 *
 *  `seed: until` is a rule that says, cell by cell, when there are enough seeds: {measure: M, half_width: H,
 * confidence: 0.5 .. 0.999999 (0.95), looks: 1 .. SGS_UNTIL_MAX_LOOKS whole numbers 2 .. SGS_UNTIL_MAX_SEEDS,
 * ascending}. The seeds of a cell are trained up to the first look; if the interval for M is wider than H to both
 * sides, up to the next, and so on. M is `sparse` (short for max_share at least 0.99), `converged`, a measure with
 * at_least: T or at_most: T (all three: the share of runs that converged and have it), or a measure that
 * sgs_measure_range knows (its mean). The seed axis has as many points as the last look.
 *
 *  A range is {linear: [low, high], points: k} or {log: [low, high], points: k}, 2 <= k <= 10^6: its ends as
 *  written, the points between rounded to 12 significant digits, or to the nearest whole number where these are
 *  asked for. Whole numbers are plain decimal digits (no 1e3, 0x10, 1_000, 007, no quotes). Expressions are whole
 *  numbers, one variable, + - * / and parentheses, computed exactly and rounded down once at the end. An axis holds
 *  no value twice: numbers by value, batch sizes by their spelling without blanks (n/2 and 2 are two). Unknown keys
 *  and keys given twice are refused; anchors and aliases work; tags and several documents are refused. */
#ifndef SGDSWEEP_GRID_H
#define SGDSWEEP_GRID_H

#include "sgdsweep/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sgs_grid sgs_grid;

enum {
    SGS_RECORD_MAX_STEPS = 100000,
    SGS_RECORD_MAX_CELLS = 10000000,
    SGS_RECORD_MAX_BYTES = 1000000000,
    SGS_WALK_MAX_BINS = 4096
};

typedef enum sgs_axis {
    SGS_AXIS_ACTIVATION,
    SGS_AXIS_SAMPLING,
    SGS_AXIS_DIMENSION,
    SGS_AXIS_BATCH,
    SGS_AXIS_STEP_VALUE,
    SGS_AXIS_SEED,
    SGS_AXES
} sgs_axis;

/** "activation", "sampling", "dimension", "batch", "step_value", "seed". */
const char *sgs_axis_name(sgs_axis axis);

/** Position on every axis. */
typedef struct sgs_coordinates {
    int64_t at[SGS_AXES];
} sgs_coordinates;

/** Read a grid file. On error the text is "FILE:LINE:COLUMN: what, the value, what is accepted".
 *  @return SGS_OK; SGS_EINVAL; SGS_EIO: cannot be read; SGS_ENOMEM */
sgs_status sgs_grid_read(const char *path, sgs_grid **grid, sgs_error *err);

/** The same from text; name stands for the file in error texts. */
sgs_status sgs_grid_parse(const char *text, size_t size, const char *name, sgs_grid **grid, sgs_error *err);

void sgs_grid_destroy(sgs_grid *grid);

/** The text as it was given, NUL-terminated. Borrowed. */
const char *sgs_grid_source(const sgs_grid *grid);

/** The canonical text: a grid file itself, all defaults spelled out, numbers with 17 digits, in axis order; parsing it
 *  gives the same grid and the same canonical text. Borrowed. */
const char *sgs_grid_canonical(const sgs_grid *grid);

/** XXH3-128 of the canonical text. */
sgs_key sgs_grid_digest(const sgs_grid *grid);

/** The first difference between two grids in words ("step_size: 0.1 here, 0.2 there"), into text; false if none. */
bool sgs_grid_difference(const sgs_grid *here, const sgs_grid *there, char *text, size_t size);

/** Number of points on an axis; product of all: number of runs, below 2^53. */
int64_t sgs_grid_axis_size(const sgs_grid *grid, sgs_axis axis);
int64_t sgs_grid_runs(const sgs_grid *grid);

/** Values on the axes. batch label: what the grid said ("n/2", "full"), borrowed. */
sgs_activation sgs_grid_activation(const sgs_grid *grid, int64_t at);
sgs_sampling sgs_grid_sampling(const sgs_grid *grid, int64_t at);
int32_t sgs_grid_dimension(const sgs_grid *grid, int64_t at);
const char *sgs_grid_batch_label(const sgs_grid *grid, int64_t at);
double sgs_grid_step_value(const sgs_grid *grid, int64_t at);
int64_t sgs_grid_seed(const sgs_grid *grid, int64_t at);

/** true: step_value is eps = eta / b; false: it is eta. */
bool sgs_grid_step_scaled(const sgs_grid *grid);

/** n of a dimension; b of (dimension, batch), or 0 where the expression does not fit (b < 1 or b > n). */
int32_t sgs_grid_samples(const sgs_grid *grid, int64_t dimension_at);
int32_t sgs_grid_batch_size(const sgs_grid *grid, int64_t dimension_at, int64_t batch_at);

/** eps of a cell: the step value itself if scaled, else fl(step value / b). b >= 1. */
double sgs_grid_eps(const sgs_grid *grid, int32_t b, int64_t step_at);

double sgs_grid_tol(const sgs_grid *grid);

/** Which weights (coordinates a_i) the results file keeps. */
typedef enum sgs_weights { SGS_WEIGHTS_NONE, SGS_WEIGHTS_FINAL, SGS_WEIGHTS_RECORD } sgs_weights;
sgs_weights sgs_grid_weights(const sgs_grid *grid);
bool sgs_grid_keeps_weights(const sgs_grid *grid); /**< any */

/** The steps at which every run is recorded: their number, 0 without a record, and the steps, ascending (borrowed, NULL
 *  without). Is a measure recorded there? */
int64_t sgs_grid_record_count(const sgs_grid *grid);
const int64_t *sgs_grid_record_steps(const sgs_grid *grid);
bool sgs_grid_records(const sgs_grid *grid, sgs_measure measure);

/** Bins of the walk, 0 without one; the range that they divide. */
int32_t sgs_grid_walk_bins(const sgs_grid *grid);
double sgs_grid_walk_range(const sgs_grid *grid);

/** Values that a run gathers on its way beside the weights: of the record, then of the walk. */
int64_t sgs_grid_gathered_values(const sgs_grid *grid);

/** When a cell has enough seeds (`seed: until`). */
typedef enum sgs_until_kind {
    SGS_UNTIL_CONVERGED, /**< share of runs that converged */
    SGS_UNTIL_AT_LEAST,  /**< share of runs that converged with measure >= threshold */
    SGS_UNTIL_AT_MOST,   /**< ... measure <= threshold */
    SGS_UNTIL_MEAN       /**< mean of a measure of known range */
} sgs_until_kind;

enum { SGS_UNTIL_MAX_LOOKS = 32, SGS_UNTIL_MAX_SEEDS = 1 << 20 };

typedef struct sgs_until {
    sgs_until_kind kind;
    sgs_measure measure; /**< not with SGS_UNTIL_CONVERGED */
    double threshold;
    double half_width; /**< in units of the measure, or of a share */
    double confidence;
    int looks;
    int64_t look[SGS_UNTIL_MAX_LOOKS]; /**< numbers of seeds, ascending; the last is the length of the seed axis */
} sgs_until;

/** The rule; NULL for grids with a fixed number of seeds. Borrowed. */
const sgs_until *sgs_grid_until(const sgs_grid *grid);

/** Number of cells: points of all axes but seed; cell c has the runs [c seeds, (c + 1) seeds). */
int64_t sgs_grid_cells(const sgs_grid *grid);

/** Index <-> coordinates, 0 <= index < runs. */
void sgs_grid_coordinates(const sgs_grid *grid, int64_t index, sgs_coordinates *at);
int64_t sgs_grid_index(const sgs_grid *grid, const sgs_coordinates *at);

/** What run `index` is and when it stops. false: it is skipped (b does not fit), run and stop are not written. */
bool sgs_grid_run(const sgs_grid *grid, int64_t index, sgs_run *run, sgs_stop *stop);

enum { SGS_RUN_TEXT_BYTES = 384 };

/** A run by its parameters, by name: "activation relu, sampling ..., seed 3". Returns text. */
const char *sgs_grid_run_text(const sgs_grid *grid, int64_t index, char text[SGS_RUN_TEXT_BYTES]);

/** Number of strips, and the runs of one: [first, first + count), the same count for all. */
int64_t sgs_grid_strips(const sgs_grid *grid);
void sgs_grid_strip(const sgs_grid *grid, int64_t strip, int64_t *first, int64_t *count);

/* ---- grids made of grids, and runs that are in two ----------------------------------------------------------------
 */

/** The smallest grid with all runs of some. Its axes are sorted (names as the model lists them, numbers ascending,
 * batch sizes by what they are at the largest dimension, then by spelling), so uniting is commutative, associative and
 *  idempotent up to that order. All else (samples, init, batches, stop, record, weights, step_size scaled or not) must
 *  be equal. Grids are added one by one, in any order: seeds may have gaps until the last one is added. A union that
 * was refused a grid can only be destroyed. */
typedef struct sgs_grid_union sgs_grid_union;
sgs_status sgs_grid_union_create(sgs_grid_union **sum, sgs_error *err);

/** @return SGS_OK; SGS_EINVAL: "what: A here, B there", what was added before first; SGS_ENOMEM */
sgs_status sgs_grid_union_add(sgs_grid_union *sum, const sgs_grid *grid, sgs_error *err);

/** @return SGS_OK; SGS_EINVAL: more than a million seeds, with gaps; SGS_ERANGE: nothing was added; SGS_ENOMEM */
sgs_status sgs_grid_union_make(const sgs_grid_union *sum, sgs_grid **united, sgs_error *err);
void sgs_grid_union_destroy(sgs_grid_union *sum);

/** The i-th of count slices of the seed axis, 1 <= i <= count: consecutive positions, as equal as can be; all else as
 * it is.
 *  @return SGS_OK; SGS_EINVAL: fewer seeds than slices; SGS_ENOMEM */
sgs_status sgs_grid_slice(const sgs_grid *grid, int64_t i, int64_t count, sgs_grid **slice, sgs_error *err);

/** Does something keep every run of one grid from being one of the other: init, batches, tol? Then text says what. */
bool sgs_grid_settings_differ(const sgs_grid *from, const sgs_grid *to, char *text, size_t size);

/** Where runs of one grid stand in another: the same run key, by axis values. Cells and seed positions apart, since a
 *  run is its cell times its seed; both grids are borrowed. Settings that differ (see above) are not looked at. */
typedef struct sgs_grid_match sgs_grid_match;
sgs_status sgs_grid_match_create(const sgs_grid *from, const sgs_grid *to, sgs_grid_match **match, sgs_error *err);
void sgs_grid_match_destroy(sgs_grid_match *match);

/** The cells of `to` whose runs have the keys of those of a cell of `from` (index of a run divided by the number of
 *  seeds), none, one, or several where two batch sizes or steps are equal there. Borrowed until the next call. */
sgs_status sgs_grid_match_cells(sgs_grid_match *match, int64_t cell, const int64_t **cells, int64_t *count,
                                sgs_error *err);

/** The position on `to`'s seed axis of the seed at a position of `from`'s, -1 if it is not there. */
int64_t sgs_grid_match_seed(const sgs_grid_match *match, int64_t from_at);

#ifdef __cplusplus
}
#endif
#endif
