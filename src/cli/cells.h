/* Does what a file says of its cells follow from their runs? In grids with a rule for the number of seeds. */
#ifndef SGDSWEEP_CLI_CELLS_H
#define SGDSWEEP_CLI_CELLS_H

#include "sgdsweep/store.h"

enum cell_trouble {
    CELL_GOOD,
    CELL_DECISION, /* its decision is another one */
    CELL_MARKS     /* runs are marked as not needed that are, or the other way round */
};

struct cell_finding {
    enum cell_trouble trouble;
    int64_t runs; /* CELL_MARKS */
    sgs_decision stored, derived;
};

struct cells {
    sgs_store *store; /* borrowed */
    int8_t *seen;     /* [seeds] */
    bool at_rest;     /* no run is left to do and no sweep writes or was killed: then every decision is there */
    bool waited;
};

/* A file in which every cell must be settled, or else one that a sweep may be at, or a kill may have left: there a cell
 * may not say yet what follows. left_alone: there is no FILE.lock. Clear it after success only. */
sgs_status cells_init(struct cells *cells, sgs_store *store, bool left_alone, sgs_error *err);
void cells_clear(struct cells *cells);

/* Judge one cell. Damaged runs are no trouble of the cell that they make open. A sweep may write meanwhile. */
sgs_status cells_judge(struct cells *cells, int64_t cell, struct cell_finding *finding, sgs_error *err);

/* Make a cell say what follows. */
sgs_status cells_settle(struct cells *cells, int64_t cell, sgs_error *err);

/* "reached at 50 seeds, 0.1 to 0.2" */
enum { CELLS_TEXT_BYTES = 128 };
const char *cells_text(const sgs_decision *decision, char text[CELLS_TEXT_BYTES]);

#endif
