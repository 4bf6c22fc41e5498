/* Training runs of a file again, to see whether it holds what they leave. */
#ifndef SGDSWEEP_CLI_RETRAIN_H
#define SGDSWEEP_CLI_RETRAIN_H

#include "sgdsweep/store.h"

/* By the lane kernel, bit for bit: results, records and weights. Runs of the page from `first` on, `count` of them, of
 * one strip, all finished and undamaged where chosen.
 *  @param[in] chosen  [page->count] which of them to train
 *  @param[out] what   [page->count] name of the first variable that differs, NULL: none (also where not chosen) */
sgs_status retrain_lanes(const sgs_store *store, const sgs_page *page, const bool *chosen, const char **what,
                         sgs_error *err);

/* Predicted seconds of that for a finished run, from the steps that it took. */
double retrain_seconds(const sgs_grid *grid, int64_t index, const sgs_result *result);

/* By the reference trainer, within RETRAIN_TOLERANCE: rounding errors of dying coordinates in R^d have a tail like 1/x,
 * and exceed 1e-10 once in some hundred runs. */
#define RETRAIN_TOLERANCE 1e-4

/* Predicted seconds; INFINITY where the comparison means nothing (the map is chaotic, or ended off the scale) or would
 * take more memory than is decent. */
double retrain_reference_seconds(const sgs_grid *grid, int64_t index, const sgs_result *result);

/* what: as above. */
sgs_status retrain_reference(const sgs_grid *grid, int64_t index, const sgs_result *result, const char **what,
                             sgs_error *err);

#endif
