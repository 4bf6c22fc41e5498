/* What decide.c knows of evidence besides its header. */
#ifndef SGDSWEEP_DECIDE_EVIDENCE_H
#define SGDSWEEP_DECIDE_EVIDENCE_H

#include "sgdsweep/decide.h"

/* Sums of squares: 2^20 runs of at most 2^64 each. */
__extension__ typedef unsigned __int128 wide;

#define SGS_EVIDENCE_UNIT ((int64_t)1 << 32)

static inline wide evidence_squares(const sgs_evidence *evidence)
{
    return (wide)evidence->squares_high << 64 | evidence->squares_low;
}

/* The range that the values of a cell lie in. */
void sgs_cell_range(const sgs_grid *grid, int64_t cell, double *low, double *high);

/* A finished run by its status and its value of sgs_decide_measure. */
void sgs_evidence_add_value(const sgs_grid *grid, int64_t cell, int8_t status, sgs_value value, sgs_evidence *evidence);

#endif
