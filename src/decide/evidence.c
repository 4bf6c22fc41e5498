/* What runs of a cell say: integer sums, which add up to the same in any order. */
#include "evidence.h"
#include <math.h>
#include <string.h>

static const double UNIT = 4294967296.0; /* 2^32 */

sgs_measure sgs_decide_measure(const sgs_grid *grid)
{
    return sgs_grid_until(grid)->measure;
}

void sgs_cell_range(const sgs_grid *grid, int64_t cell, double *low, double *high)
{
    const sgs_until *until = sgs_grid_until(grid);
    sgs_coordinates at;

    *low = 0;
    *high = 1;
    if (until->kind != SGS_UNTIL_MEAN)
        return;
    sgs_grid_coordinates(grid, cell * sgs_grid_axis_size(grid, SGS_AXIS_SEED), &at);
    int64_t dimension = at.at[SGS_AXIS_DIMENSION];
    (void)sgs_measure_range(until->measure, sgs_grid_dimension(grid, dimension), sgs_grid_samples(grid, dimension), low,
                            high); /* the grid has no rule for other measures */
}

/* The value as a number; NaN where there is none. */
static double number_of(sgs_measure measure, sgs_value value)
{
    const sgs_measure_info *info = sgs_measure_describe(measure);
    if (!info->integer)
        return value.real;
    return value.integer == info->fill.integer ? NAN : (double)value.integer;
}

static bool is_success(const sgs_until *until, double value)
{
    switch (until->kind) {
    case SGS_UNTIL_AT_LEAST:
        return value >= until->threshold;
    case SGS_UNTIL_AT_MOST:
        return value <= until->threshold;
    default:
        return true;
    }
}

/* Place in the range in 2^-32 of it; a value that rounding put outside counts as its end. */
static int64_t units_of(double value, double low, double high)
{
    double place = high > low ? (value - low) / (high - low) : 0;
    return (int64_t)rint(fmin(fmax(place, 0), 1) * UNIT);
}

static void add_units(sgs_evidence *evidence, int64_t units)
{
    wide squares = evidence_squares(evidence) + (wide)units * (wide)units;
    evidence->sum += units;
    evidence->squares_high = (uint64_t)(squares >> 64);
    evidence->squares_low = (uint64_t)squares;
}

void sgs_evidence_add_value(const sgs_grid *grid, int64_t cell, int8_t status, sgs_value value, sgs_evidence *evidence)
{
    const sgs_until *until = sgs_grid_until(grid);
    double number = number_of(until->measure, value);
    bool there = status == SGS_RUN_CONVERGED;
    double low;
    double high;

    evidence->runs++;
    if (until->kind != SGS_UNTIL_MEAN) {
        add_units(evidence, there && is_success(until, number) ? SGS_EVIDENCE_UNIT : 0);
    } else if (there && isfinite(number)) {
        sgs_cell_range(grid, cell, &low, &high);
        add_units(evidence, units_of(number, low, high));
    } else {
        evidence->unknown++;
    }
}

void sgs_evidence_add(const sgs_grid *grid, int64_t cell, const sgs_result *result, sgs_evidence *evidence)
{
    sgs_evidence_add_value(grid, cell, result->status, result->value[sgs_decide_measure(grid)], evidence);
}

void sgs_evidence_join(sgs_evidence *evidence, const sgs_evidence *other)
{
    wide squares = evidence_squares(evidence) + evidence_squares(other);

    evidence->runs += other->runs;
    evidence->unknown += other->unknown;
    evidence->sum += other->sum;
    evidence->squares_high = (uint64_t)(squares >> 64);
    evidence->squares_low = (uint64_t)squares;
}
