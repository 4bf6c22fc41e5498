/* Decisions about cells: in the file, and as they follow from it. */
#include "store_private.h"
#include <stdlib.h>

static int64_t seeds_of(const sgs_store *store)
{
    return store->layout.extent[SGS_AXIS_SEED];
}

static sgs_status check_cell(const sgs_store *store, int64_t cell, sgs_error *err)
{
    if (store->layout.decision < 0)
        return sgs_fail(err, SGS_ERANGE, "%s: its grid has no rule for the number of seeds", store->path);
    if (cell < 0 || cell >= store->layout.runs / seeds_of(store))
        return sgs_fail(err, SGS_ERANGE, "cell %lld of %lld", (long long)cell,
                        (long long)(store->layout.runs / seeds_of(store)));
    return SGS_OK;
}

/* Move the members of a decision, one value each. A decision is written with its precision last and taken back with it
 * first, so that a kill in between leaves none that is half one. */
static sgs_status move_decision(const sgs_store *store, int64_t cell, sgs_decision *decision, bool write,
                                sgs_error *err)
{
    void *members[SGS_DECIDED] = {
        [SGS_DECIDED_PRECISION] = &decision->precision,
        [SGS_DECIDED_LOOKS] = &decision->looks,
        [SGS_DECIDED_SEEDS] = &decision->seeds,
        [SGS_DECIDED_ESTIMATE] = &decision->estimate,
        [SGS_DECIDED_LOW] = &decision->low,
        [SGS_DECIDED_HIGH] = &decision->high,
    };
    hsize_t start[SGS_AXES - 1], count[SGS_AXES - 1], one = 1;
    sgs_coordinates at;
    sgs_grid_coordinates(store->grid, cell * seeds_of(store), &at);
    for (int axis = 0; axis < SGS_AXES - 1; axis++) {
        start[axis] = (hsize_t)at.at[axis];
        count[axis] = 1;
    }
    hid_t memory = H5Screate_simple(1, &one, NULL);
    bool moved = memory >= 0 && H5Sselect_hyperslab(store->cell_space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0;
    const int begin = write && decision->precision != SGS_PRECISION_OPEN ? SGS_DECIDED_PRECISION + 1 : 0;
    for (int k = 0; k < SGS_DECIDED && moved; k++) {
        int i = (begin + k) % SGS_DECIDED, variable = store->layout.decision + i;
        hid_t type = sgs_hdf5_memory_type(store->layout.variable[variable].type);
        hid_t dataset = store->dataset[variable], space = store->cell_space;
        moved = (write ? H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, members[i])
                       : H5Dread(dataset, type, memory, space, H5P_DEFAULT, members[i])) >= 0;
    }
    if (!moved) /* before closing anything, which clears the stack that is reported */
        return sgs_hdf5_fail(err, SGS_EIO, "%s the decision of cell %lld of %s", write ? "writing" : "reading",
                             (long long)cell, store->path);
    H5Sclose(memory);
    return SGS_OK;
}

sgs_status sgs_store_read_decision(sgs_store *store, int64_t cell, sgs_decision *decision, sgs_error *err)
{
    sgs_status status = check_cell(store, cell, err);
    return status == SGS_OK ? move_decision(store, cell, decision, false, err) : status;
}

sgs_status sgs_store_write_decision(sgs_store *store, int64_t cell, const sgs_decision *decision, sgs_error *err)
{
    sgs_status status = check_cell(store, cell, err);
    if (status == SGS_OK && store->mode != SGS_STORE_WRITE)
        status = sgs_fail(err, SGS_ERANGE, "%s is open for reading", store->path);
    sgs_decision copy = *decision;
    return status == SGS_OK ? move_decision(store, cell, &copy, true, err) : status;
}

/* Runs from `seeds` on are not needed once there is a decision. */
static bool is_needed(const sgs_standing *standing, int64_t run)
{
    return standing->decision.precision == SGS_PRECISION_OPEN || run < standing->decision.seeds;
}

static void compare_statuses(int64_t seeds, int8_t *status, sgs_tally *tally, sgs_cell_scan *scan)
{
    for (int64_t i = 0; i < seeds; i++) {
        bool needed = is_needed(&scan->standing, i);
        bool says_not = status[i] == SGS_RUN_NOT_NEEDED;
        scan->unsettled += says_not ? needed : !needed && !sgs_run_status_finished(status[i]);
        scan->wrongly_marked += says_not && needed;
        if (!says_not || !needed)
            continue;
        status[i] = SGS_RUN_PENDING;
        tally->status[SGS_RUN_NOT_NEEDED]--;
        tally->status[SGS_RUN_PENDING]++;
    }
}

sgs_status sgs_store_scan_cell(sgs_store *store, int64_t cell, int8_t *status, sgs_tally *tally, sgs_cell_scan *scan,
                               sgs_error *err)
{
    int64_t seeds = seeds_of(store), first = cell * seeds;
    sgs_value *values = NULL;
    *scan = (sgs_cell_scan){.standing = {.decision = sgs_decision_open()}};
    sgs_status result = sgs_store_read_decision(store, cell, &scan->stored, err);
    if (result == SGS_OK)
        result = sgs_store_scan(store, first, seeds, status, tally, err);
    if (result != SGS_OK)
        return result;
    scan->skipped = sgs_store_is_skipped(store, first);
    if (!scan->skipped) {
        values = malloc((size_t)seeds * sizeof *values);
        if (!values)
            return sgs_fail(err, SGS_ENOMEM, "the values of %lld runs", (long long)seeds);
        result = sgs_store_read_measure(store, first, seeds, sgs_decide_measure(store->grid), values, err);
        if (result == SGS_OK)
            result = sgs_decide_cell(store->grid, cell, status, values, &scan->standing, err);
        if (result == SGS_OK)
            compare_statuses(seeds, status, tally, scan);
        free(values);
    }
    scan->settled = scan->unsettled == 0 && sgs_decision_equal(&scan->stored, &scan->standing.decision);
    return result;
}

/* Give runs that are not finished the status that follows. */
static sgs_status settle_statuses(sgs_store *store, int64_t cell, int8_t *status, const sgs_standing *standing,
                                  sgs_error *err)
{
    int64_t seeds = seeds_of(store);
    sgs_status result = SGS_OK;
    for (int64_t at = 0; at < seeds && result == SGS_OK;) {
        int64_t end = at;
        bool needed = is_needed(standing, at);
        while (end < seeds && is_needed(standing, end) == needed && !sgs_run_status_finished(status[end])) {
            status[end] = needed ? SGS_RUN_PENDING : SGS_RUN_NOT_NEEDED;
            end++;
        }
        if (end > at)
            result = sgs_store_set_status(store, cell * seeds + at, end - at,
                                          needed ? SGS_RUN_PENDING : SGS_RUN_NOT_NEEDED, err);
        at = end > at ? end : at + 1;
    }
    return result;
}

sgs_status sgs_store_settle_cell(sgs_store *store, int64_t cell, int8_t *status, const sgs_cell_scan *scan,
                                 sgs_error *err)
{
    sgs_status result = check_cell(store, cell, err);
    if (result == SGS_OK && scan->unsettled > 0)
        result = settle_statuses(store, cell, status, &scan->standing, err);
    return result == SGS_OK ? sgs_store_write_decision(store, cell, &scan->standing.decision, err) : result;
}
