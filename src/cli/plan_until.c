/* What `plan` says of a grid with a rule for the number of seeds. */
#include "cli.h"
#include "sgdsweep/decide.h"
#include <inttypes.h>
#include <math.h>

/* Half of the interval's width at the last look if all runs of a cell agree; of the dimension where it is widest. */
static sgs_status finest_half_width(const sgs_grid *grid, double *half_width, sgs_error *err)
{
    const sgs_until *until = sgs_grid_until(grid);
    const sgs_evidence agree = {.runs = until->look[until->looks - 1]};
    sgs_status status = SGS_OK;
    sgs_coordinates at = {{0}};

    *half_width = 0;
    for (int64_t i = 0; i < sgs_grid_axis_size(grid, SGS_AXIS_DIMENSION) && status == SGS_OK; i++) {
        double low;
        double high;
        at.at[SGS_AXIS_DIMENSION] = i;
        int64_t cell = sgs_grid_index(grid, &at) / sgs_grid_axis_size(grid, SGS_AXIS_SEED);
        status = sgs_decide_interval(grid, cell, &agree, &low, &high, err);
        *half_width = fmax(*half_width, (high - low) / 2);
    }
    return status;
}

sgs_status cli_plan_until(const sgs_grid *grid, double seconds, json_t *object, sgs_error *err)
{
    const sgs_until *until = sgs_grid_until(grid);
    double finest;

    if (!until)
        return SGS_OK;
    double seeds = (double)until->look[until->looks - 1];
    double least_s = seconds * (double)until->look[0] / seeds;
    sgs_status status = finest_half_width(grid, &finest, err);
    if (status != SGS_OK)
        return status;
    if (object) {
        json_t *more = json_pack("{s:I, s:I, s:f, s:f, s:f}", "seeds_least", (json_int_t)until->look[0], "seeds_most",
                                 (json_int_t)until->look[until->looks - 1], "core_seconds_least", least_s, "half_width",
                                 until->half_width, "half_width_finest", finest);
        bool failed = json_object_update(object, more) != 0;
        json_decref(more);
        return failed ? sgs_fail(err, SGS_ENOMEM, "no memory for the answer") : SGS_OK;
    }
    printf("seeds a cell  %" PRId64 " to %.0f; runs, time and file above are for %.0f, %" PRId64
           " take %.3g core-seconds\n",
           until->look[0], seeds, seeds, until->look[0], least_s);
    printf("half width    %g asked for; %.3g at best, when all %.0f runs of a cell agree%s\n", until->half_width,
           finest, seeds, finest > until->half_width ? ": it is not reached" : "");
    return SGS_OK;
}
