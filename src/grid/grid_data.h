/** @file grid_data.h
 *  What a grid holds. Filled by parse.c and axes.c, read by everybody else in this folder.
 *
 *  Invariants of a parsed grid: every axis has at least one value and no duplicates; size[] and runs agree, runs <
 * 2^53; 1 <= samples[i] <= dimension[i]; batch_size[i][j] is 0 or in 1 .. samples[i]. */
#ifndef SGDSWEEP_GRID_DATA_H
#define SGDSWEEP_GRID_DATA_H

#include "sgdsweep/grid.h"

enum { SGS_MAX_STEPS_AUTO = -1, SGS_INIT_SEED_OWN = -1 };

struct sgs_grid {
    char *source;
    char *canonical;
    sgs_key digest;
    int64_t size[SGS_AXES];
    int64_t runs;
    sgs_activation activation[SGS_ACTIVATIONS];
    sgs_sampling sampling[SGS_SAMPLINGS];
    int32_t *dimension;  /**< [dimension] */
    char *samples_label; /**< without blanks */
    int32_t *samples;    /**< [dimension] */
    char **batch_label;  /**< [batch], without blanks */
    int32_t *batch_size; /**< [dimension][batch], 0: does not fit */
    double *step_value;  /**< [step_value] */
    bool step_scaled;
    int64_t *seed;      /**< [seed]; NULL: seed_first, seed_first + 1, ... */
    int64_t seed_first; /**< the first seed in either case */
    bool has_until;     /**< seed is NULL then, and the axis as long as the last look */
    sgs_until until;
    sgs_init init;
    double scale;
    int64_t init_seed; /**< or SGS_INIT_SEED_OWN */
    bool batches_common;
    int64_t max_steps; /**< or SGS_MAX_STEPS_AUTO */
    double tol;
    int64_t *record_steps; /**< [record_count] ascending; NULL without a record */
    int64_t record_count;
    bool recorded[SGS_MEASURES]; /**< recordable ones; with a record at least one, or the weights are recorded */
    sgs_weights weights;
    int32_t walk_bins; /**< 0: the walk is not watched */
    double walk_range;
};

/** Write the canonical text into grid->canonical and its digest. SGS_OK or SGS_ENOMEM. */
sgs_status sgs_grid_make_canonical(sgs_grid *grid);

#endif
