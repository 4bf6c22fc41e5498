/** @file slice.c
 *  A slice of a grid along its seeds, for one task of a job array. */
#include "grid_data.h"

#include <stdlib.h>
#include <string.h>

sgs_status sgs_grid_slice(const sgs_grid *grid, int64_t i, int64_t count, sgs_grid **slice, sgs_error *err)
{
    int64_t seeds = grid->size[SGS_AXIS_SEED];
    *slice = NULL;
    if (grid->has_until) {
        return sgs_fail(
            err, SGS_EINVAL,
            "seed: until: a precision takes its seeds in their order; accepted for slices: a list, or first "
            "and count");
    }
    if (i < 1 || i > count || seeds < count) {
        return sgs_fail(err, SGS_EINVAL, "slice %lld of %lld of %lld seeds; accepted: at most as many slices as seeds",
                        (long long)i, (long long)count, (long long)seeds);
    }
    int64_t each = seeds / count;
    int64_t larger = seeds % count; /* the first ones have one seed more */
    int64_t first = (i - 1) * each + (i - 1 < larger ? i - 1 : larger);
    sgs_grid part = *grid; /* borrows all of it */
    part.size[SGS_AXIS_SEED] = each + (i <= larger);
    part.seed = grid->seed ? grid->seed + first : NULL;
    part.seed_first = sgs_grid_seed(grid, first);
    part.canonical = NULL;
    sgs_status status = sgs_grid_make_canonical(&part);
    if (status) {
        status = sgs_fail(err, status, "slicing a grid");
    } else {
        status = sgs_grid_parse(part.canonical, strlen(part.canonical), "a slice of the grid", slice, err);
    }
    free(part.canonical);
    return status;
}
