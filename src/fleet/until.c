#include "until.h"
#include "store/mpi_check.h"
#include <inttypes.h>
#include <stdlib.h>

/* Of every cell; missing is 0 where it is decided or skipped. */
struct until {
    struct open_cell *cells;
    int8_t *seen; /* [seeds] */
};

static int64_t seeds_of(const sgs_grid *grid)
{
    return sgs_grid_axis_size(grid, SGS_AXIS_SEED);
}

sgs_status until_create(const sgs_grid *grid, struct until **until, sgs_error *err)
{
    struct until *made = calloc(1, sizeof *made);

    *until = NULL;
    if (made) {
        made->cells = calloc((size_t)sgs_grid_cells(grid), sizeof *made->cells);
        made->seen = malloc((size_t)seeds_of(grid));
    }
    if (!made || !made->cells || !made->seen) {
        until_destroy(made);
        return sgs_fail(err, SGS_ENOMEM, "no memory for the decisions of %" PRId64 " cells", sgs_grid_cells(grid));
    }
    *until = made;
    return SGS_OK;
}

void until_destroy(struct until *until)
{
    if (!until)
        return;
    free(until->cells);
    free(until->seen);
    free(until);
}

sgs_status until_begin(struct sweep *sweep, sgs_error *err)
{
    const sgs_grid *grid = sweep->grid;
    int64_t seeds = seeds_of(grid);
    int64_t first_look = sgs_grid_until(grid)->look[0];
    sgs_status status = SGS_OK;
    sgs_run run;
    sgs_stop stop;

    for (int64_t cell = 0; cell < sgs_grid_cells(grid) && status == SGS_OK; cell++) {
        if (!sgs_grid_run(grid, cell * seeds, &run, &stop))
            continue;
        sweep->until->cells[cell] = (struct open_cell){.cell = cell, .missing = first_look};
        status = sgs_sched_add_range(sweep->sched, cell * seeds, first_look, err);
    }
    return status;
}

/* ---- scanning -----------------------------------------------------------------------------------------------------
 */

static sgs_status keep_open(struct open_cells *open, int64_t cell, const sgs_standing *standing, sgs_error *err)
{
    if (open->count == open->capacity) {
        size_t capacity = open->capacity ? 2 * open->capacity : 64;
        struct open_cell *grown = realloc(open->at, capacity * sizeof *grown);
        if (!grown)
            return sgs_fail(err, SGS_ENOMEM, "no memory for %zu open cells", capacity);
        open->at = grown;
        open->capacity = capacity;
    }
    open->at[open->count++] = (struct open_cell){cell, standing->missing, standing->look, standing->evidence};
    return SGS_OK;
}

/* Reading back: what a complete sweep leaves. */
static sgs_status check_settled(const sgs_cell_scan *scan, int64_t cell, sgs_error *err)
{
    if (scan->settled && (scan->skipped || scan->standing.decision.precision != SGS_PRECISION_OPEN))
        return SGS_OK;
    return sgs_fail(err, SGS_EDAMAGED,
                    "cell %" PRId64 ": what the file says of its precision does not follow from "
                    "its runs",
                    cell);
}

sgs_status until_scan_cell(sgs_store *store, int64_t cell, int8_t *seen, struct open_cells *open, sgs_tally *tally,
                           sgs_error *err)
{
    const sgs_grid *grid = sgs_store_grid(store);
    sgs_cell_scan scan;
    sgs_status status = sgs_store_scan_cell(store, cell, seen, tally, &scan, err);

    if (status != SGS_OK || !open)
        return status == SGS_OK ? check_settled(&scan, cell, err) : status;
    if (!scan.settled) {
        open->settled++;
        status = sgs_store_settle_cell(store, cell, seen, &scan, err);
    }
    if (status != SGS_OK || scan.skipped || scan.standing.decision.precision != SGS_PRECISION_OPEN)
        return status;
    for (int64_t i = sgs_grid_until(grid)->look[scan.standing.look]; i < seeds_of(grid); i++)
        seen[i] = SGS_RUN_NOT_NEEDED; /* not now */
    return keep_open(open, cell, &scan.standing, err);
}

static void take_open(struct until *until, const struct open_cell *cells, int count)
{
    for (int i = 0; i < count; i++)
        until->cells[cells[i].cell] = cells[i];
}

sgs_status until_gather_coll(struct sweep *sweep, struct open_cells *open, sgs_error *err)
{
    MPI_Datatype type = MPI_DATATYPE_NULL;
    int count = (int)open->count;
    struct open_cell *all = NULL;
    int *counts = NULL;
    int *places = NULL;
    int total = 0;
    sgs_status status = SGS_OK;

    SGS_MPI(MPI_Allreduce(&open->settled, &sweep->settled, 1, MPI_INT64_T, MPI_SUM, sweep->comm));
    if (sweep->rank == 0) {
        counts = calloc(2 * (size_t)sweep->size, sizeof *counts);
        places = counts ? counts + sweep->size : NULL;
        all = calloc((size_t)sgs_grid_cells(sweep->grid), sizeof *all);
        if (!counts || !all)
            status = sgs_fail(err, SGS_ENOMEM, "no memory for the open cells");
    }
    status = sgs_agree_coll(sweep->comm, status, err);
    if (status == SGS_OK) {
        SGS_MPI(MPI_Type_contiguous((int)sizeof *all, MPI_BYTE, &type));
        SGS_MPI(MPI_Type_commit(&type));
        SGS_MPI(MPI_Gather(&count, 1, MPI_INT, counts, 1, MPI_INT, 0, sweep->comm));
        for (int rank = 0; counts && rank < sweep->size; rank++) {
            places[rank] = total;
            total += counts[rank];
        }
        SGS_MPI(MPI_Gatherv(open->at, count, type, all, counts, places, type, 0, sweep->comm));
        SGS_MPI(MPI_Type_free(&type));
        if (all)
            take_open(sweep->until, all, total);
    }
    free(all);
    free(counts);
    return status;
}

/* ---- while runs come in -------------------------------------------------------------------------------------------
 */

sgs_status until_evidence(const sgs_grid *grid, sgs_block block, const sgs_result *results, sgs_evidence *evidence,
                          sgs_error *err)
{
    int64_t cell = block.first / seeds_of(grid);

    *evidence = (sgs_evidence){0};
    if ((block.first + block.count - 1) / seeds_of(grid) != cell)
        return sgs_fail(err, SGS_EFAIL, "runs %" PRId64 " + %" PRId64 " are of more than one cell", block.first,
                        block.count);
    for (int64_t i = 0; i < block.count; i++)
        sgs_evidence_add(grid, cell, &results[i], evidence);
    return SGS_OK;
}

/* Runs of a cell that are in nobody's hand, as their checksums say: an earlier life, or another file, may have left
 * some that are finished. */
static sgs_status see(struct sweep *sweep, int64_t first, int64_t count, sgs_error *err)
{
    int8_t *seen = sweep->until->seen;
    sgs_status status = sgs_store_read_status(sweep->store, first, count, seen, err);
    bool any = false;

    for (int64_t i = 0; i < count && status == SGS_OK; i++)
        any = any || sgs_run_status_finished(seen[i]);
    return any ? sgs_store_scan(sweep->store, first, count, seen, NULL, err) : status;
}

/* The end of the stretch of seen runs from `at` on that are finished, or are not, as the first of them. */
static int64_t stretch_end(const int8_t *seen, int64_t at, int64_t count)
{
    int64_t end = at + 1;
    while (end < count && sgs_run_status_finished(seen[end]) == sgs_run_status_finished(seen[at]))
        end++;
    return end;
}

/* Finished runs of the next look that are in the file already. */
static sgs_status count_in(struct sweep *sweep, struct open_cell *open, sgs_block block, sgs_error *err)
{
    sgs_evidence evidence;
    sgs_result *results = malloc((size_t)block.count * sizeof *results);

    if (!results)
        return sgs_fail(err, SGS_ENOMEM, "no memory to read %" PRId64 " runs", block.count);
    sgs_status status = sgs_store_read(sweep->store, block.first, block.count, results, NULL, err);
    if (status == SGS_OK)
        status = until_evidence(sweep->grid, block, results, &evidence, err);
    if (status == SGS_OK) {
        sgs_evidence_join(&open->evidence, &evidence);
        open->missing -= block.count;
    }
    free(results);
    return status;
}

/* The next look: its runs are to do, as far as they are not there. */
static sgs_status go_on(struct sweep *sweep, struct open_cell *open, sgs_error *err)
{
    const sgs_until *rule = sgs_grid_until(sweep->grid);
    const int64_t from = rule->look[open->look];
    const int64_t count = rule->look[open->look + 1] - from;
    const int64_t first = open->cell * seeds_of(sweep->grid) + from;
    sgs_status status = see(sweep, first, count, err);

    open->look++;
    open->missing = count;
    for (int64_t at = 0; at < count && status == SGS_OK;) {
        int64_t end = stretch_end(sweep->until->seen, at, count);
        if (sgs_run_status_finished(sweep->until->seen[at]))
            status = count_in(sweep, open, (sgs_block){first + at, end - at}, err);
        else
            status = sgs_sched_extend(sweep->sched, first + at, end - at, err);
        at = end;
    }
    return status;
}

/* Runs that are not needed say so; those that are there all the same stay. */
static sgs_status mark_rest(struct sweep *sweep, int64_t first, int64_t count, sgs_error *err)
{
    sgs_status status = count > 0 ? see(sweep, first, count, err) : SGS_OK;

    for (int64_t at = 0; at < count && status == SGS_OK;) {
        int64_t end = stretch_end(sweep->until->seen, at, count);
        if (!sgs_run_status_finished(sweep->until->seen[at]))
            status = sgs_store_set_status(sweep->store, first + at, end - at, SGS_RUN_NOT_NEEDED, err);
        at = end;
    }
    return status;
}

/* Enough, or it was the last look: the results are in the file, now what follows from them. */
static sgs_status close_cell(struct sweep *sweep, const struct open_cell *open, const sgs_decision *decision,
                             sgs_error *err)
{
    int64_t seeds = seeds_of(sweep->grid);
    sgs_status status = mark_rest(sweep, open->cell * seeds + decision->seeds, seeds - decision->seeds, err);

    if (status == SGS_OK)
        status = sgs_store_write_decision(sweep->store, open->cell, decision, err);
    if (status != SGS_OK)
        return sgs_fail_in(err, status, "the decision of cell %" PRId64, open->cell);
    json_t *fields = json_pack(
        "{s:I, s:I, s:s, s:f, s:f}", "cell", (json_int_t)open->cell, "seeds", (json_int_t)decision->seeds, "precision",
        sgs_precision_name((sgs_precision)decision->precision), "low", decision->low, "high", decision->high);
    return event_log_add(sweep->log, "decision", fields, err);
}

sgs_status until_take(struct sweep *sweep, sgs_block block, const sgs_evidence *evidence, bool *more, sgs_error *err)
{
    struct open_cell *open = &sweep->until->cells[block.first / seeds_of(sweep->grid)];
    sgs_decision decision;

    *more = false;
    sgs_evidence_join(&open->evidence, evidence);
    open->missing -= block.count;
    while (open->missing == 0) {
        sgs_status status = sgs_decide(sweep->grid, open->cell, (int)open->look, &open->evidence, &decision, err);
        if (status != SGS_OK)
            return status;
        if (decision.precision != SGS_PRECISION_OPEN)
            return close_cell(sweep, open, &decision, err);
        status = go_on(sweep, open, err);
        if (status != SGS_OK)
            return status;
        *more = open->missing > 0;
    }
    return SGS_OK;
}
