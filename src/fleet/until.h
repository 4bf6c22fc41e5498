/* Early stopping by precision (decide.h): which cells are open, and what becomes of them when their runs come in. For
 * grids with a rule only.
 *
 * A cell's runs are handed out up to its look and no further. When the last of them is in the file, in whatever order
 * they came, the cell is decided from integer sums over them: enough, or the runs up to the next look are added, as far
 * as the file does not have them. It gets the marks of what is not needed and the decision after the results that they
 * follow from. */
#ifndef SGDSWEEP_FLEET_UNTIL_H
#define SGDSWEEP_FLEET_UNTIL_H

#include "fleet_private.h"

/* A cell that needs runs: `missing` of those up to its look. */
struct open_cell {
    int64_t cell, missing;
    int64_t look;
    sgs_evidence evidence; /* of the others up to that look */
};

struct open_cells {
    struct open_cell *at;
    size_t count, capacity;
    int64_t settled; /* cells of which the file did not say what follows */
};

struct until; /* rank 0: all open cells */

sgs_status until_create(const sgs_grid *grid, struct until **until, sgs_error *err);
void until_destroy(struct until *until);

/* Rank 0, a new file: every cell is open at its first look. Adds their runs to the schedule. */
sgs_status until_begin(struct sweep *sweep, sgs_error *err);

/* Scan a cell as sgs_store_scan_cell. open: write what follows where the file does not say so, and keep the cell if it
 * is open; runs that are not to do now come out as not needed in `seen` alone. NULL: reading back, everything must be
 * settled and decided: SGS_EDAMAGED. */
sgs_status until_scan_cell(sgs_store *store, int64_t cell, int8_t *seen, struct open_cells *open, sgs_tally *tally,
                           sgs_error *err);

/* Rank 0 takes the open cells of all ranks; every rank learns how many cells were settled. Collective. */
sgs_status until_gather_coll(struct sweep *sweep, struct open_cells *open, sgs_error *err);

/* Rank 0: runs of one cell are in the file. Decides if they were the last up to its look. *more: runs were added to the
 * schedule. */
sgs_status until_take(struct sweep *sweep, sgs_block block, const sgs_evidence *evidence, bool *more, sgs_error *err);

/* What a range of runs of one cell says. SGS_EFAIL: it is not of one cell. */
sgs_status until_evidence(const sgs_grid *grid, sgs_block block, const sgs_result *results, sgs_evidence *evidence,
                          sgs_error *err);

#endif
