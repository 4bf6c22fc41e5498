/* The cells of a file with a rule (cells.h). */
#include "cells.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t seeds_of(const struct cells *cells)
{
    return sgs_grid_axis_size(sgs_store_grid(cells->store), SGS_AXIS_SEED);
}

/* Is nothing pending, and nothing failed? */
static sgs_status find_rest(struct cells *cells, sgs_error *err)
{
    const int64_t runs = sgs_store_runs(cells->store), seeds = seeds_of(cells);
    sgs_status status = SGS_OK;

    for (int64_t at = 0; at < runs && status == SGS_OK && cells->at_rest; at += seeds) {
        status = sgs_store_read_status(cells->store, at, seeds, cells->seen, err);
        for (int64_t i = 0; i < seeds && status == SGS_OK; i++)
            cells->at_rest &= cells->seen[i] != SGS_RUN_PENDING && cells->seen[i] != SGS_RUN_FAILED;
    }
    return status;
}

sgs_status cells_init(struct cells *cells, sgs_store *store, bool left_alone, sgs_error *err)
{
    *cells = (struct cells){.store = store, .at_rest = left_alone};
    cells->seen = malloc((size_t)seeds_of(cells));
    sgs_status status = cells->seen ? find_rest(cells, err) : sgs_fail(err, SGS_ENOMEM, "reading the cells");
    if (status != SGS_OK)
        cells_clear(cells);
    return status;
}

void cells_clear(struct cells *cells)
{
    free(cells->seen);
    cells->seen = NULL;
}

static sgs_status look(struct cells *cells, int64_t cell, struct cell_finding *finding, sgs_error *err)
{
    sgs_cell_scan scan;
    sgs_tally tally = {.damaged = 0};
    sgs_status status = sgs_store_scan_cell(cells->store, cell, cells->seen, &tally, &scan, err);

    if (status != SGS_OK)
        return status;
    const bool open = scan.standing.decision.precision == SGS_PRECISION_OPEN;
    const bool says = cells->at_rest || scan.stored.precision != SGS_PRECISION_OPEN;
    *finding = (struct cell_finding){.stored = scan.stored, .derived = scan.standing.decision};
    finding->runs = says ? scan.unsettled : scan.wrongly_marked;
    if (tally.damaged > 0 && open)
        return SGS_OK;
    if (says && !sgs_decision_equal(&scan.stored, &scan.standing.decision))
        finding->trouble = CELL_DECISION;
    else if (finding->runs > 0)
        finding->trouble = CELL_MARKS;
    return SGS_OK;
}

/* What is read is not of one moment, but a cell changes once while a sweep runs: a second look settles it. At the end
 * of a sweep it may be some moments until it has written the last decision. */
sgs_status cells_judge(struct cells *cells, int64_t cell, struct cell_finding *finding, sgs_error *err)
{
    static const struct timespec moment = {.tv_nsec = 200000000};
    sgs_status status = look(cells, cell, finding, err);

    if (status != SGS_OK || finding->trouble == CELL_GOOD)
        return status;
    if (!cells->waited)
        (void)nanosleep(&moment, NULL);
    cells->waited = true;
    return look(cells, cell, finding, err);
}

sgs_status cells_settle(struct cells *cells, int64_t cell, sgs_error *err)
{
    sgs_cell_scan scan;
    sgs_tally tally = {.damaged = 0};
    sgs_status status = sgs_store_scan_cell(cells->store, cell, cells->seen, &tally, &scan, err);

    if (status != SGS_OK || scan.settled)
        return status;
    return sgs_store_settle_cell(cells->store, cell, cells->seen, &scan, err);
}

const char *cells_text(const sgs_decision *decision, char text[CELLS_TEXT_BYTES])
{
    const char *name = sgs_precision_name((sgs_precision)decision->precision);

    if (!name)
        (void)snprintf(text, CELLS_TEXT_BYTES, "precision %d, which is none", decision->precision);
    else if (decision->precision == SGS_PRECISION_OPEN)
        (void)snprintf(text, CELLS_TEXT_BYTES, "%s", name);
    else
        (void)snprintf(text, CELLS_TEXT_BYTES, "%s at look %" PRId32 " with %" PRId64 " seeds, %.9g, from %.9g to %.9g",
                       name, decision->looks, decision->seeds, decision->estimate, decision->low, decision->high);
    return text;
}
