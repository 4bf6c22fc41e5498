/** @file grid.c
 *  Reading a parsed grid: sizes, values, index <-> coordinates, what a run is. All O(1) and without allocation. */
#include "grid_data.h"

#include <stdlib.h>

const char *sgs_axis_name(sgs_axis axis)
{
    static const char *const names[SGS_AXES] = {"activation", "sampling", "dimension", "batch", "step_value", "seed"};
    return (int)axis >= 0 && axis < SGS_AXES ? names[axis] : NULL;
}

void sgs_grid_destroy(sgs_grid *grid)
{
    if (!grid) {
        return;
    }
    for (int64_t i = 0; grid->batch_label && i < grid->size[SGS_AXIS_BATCH]; i++) {
        free(grid->batch_label[i]);
    }
    free(grid->batch_label);
    free(grid->batch_size);
    free(grid->samples_label);
    free(grid->samples);
    free(grid->dimension);
    free(grid->step_value);
    free(grid->seed);
    free(grid->record_steps);
    free(grid->source);
    free(grid->canonical);
    free(grid);
}

const char *sgs_grid_source(const sgs_grid *grid)
{
    return grid->source;
}

const char *sgs_grid_canonical(const sgs_grid *grid)
{
    return grid->canonical;
}

sgs_key sgs_grid_digest(const sgs_grid *grid)
{
    return grid->digest;
}

int64_t sgs_grid_axis_size(const sgs_grid *grid, sgs_axis axis)
{
    return grid->size[axis];
}

int64_t sgs_grid_runs(const sgs_grid *grid)
{
    return grid->runs;
}

sgs_activation sgs_grid_activation(const sgs_grid *grid, int64_t at)
{
    return grid->activation[at];
}

sgs_sampling sgs_grid_sampling(const sgs_grid *grid, int64_t at)
{
    return grid->sampling[at];
}

int32_t sgs_grid_dimension(const sgs_grid *grid, int64_t at)
{
    return grid->dimension[at];
}

const char *sgs_grid_batch_label(const sgs_grid *grid, int64_t at)
{
    return grid->batch_label[at];
}

double sgs_grid_step_value(const sgs_grid *grid, int64_t at)
{
    return grid->step_value[at];
}

int64_t sgs_grid_seed(const sgs_grid *grid, int64_t at)
{
    return grid->seed ? grid->seed[at] : grid->seed_first + at;
}

bool sgs_grid_step_scaled(const sgs_grid *grid)
{
    return grid->step_scaled;
}

int32_t sgs_grid_samples(const sgs_grid *grid, int64_t dimension_at)
{
    return grid->samples[dimension_at];
}

int32_t sgs_grid_batch_size(const sgs_grid *grid, int64_t dimension_at, int64_t batch_at)
{
    return grid->batch_size[dimension_at * grid->size[SGS_AXIS_BATCH] + batch_at];
}

double sgs_grid_eps(const sgs_grid *grid, int32_t b, int64_t step_at)
{
    double value = grid->step_value[step_at];
    return grid->step_scaled ? value : value / (double)b;
}

double sgs_grid_tol(const sgs_grid *grid)
{
    return grid->tol;
}

bool sgs_grid_keeps_weights(const sgs_grid *grid)
{
    return grid->weights != SGS_WEIGHTS_NONE;
}

sgs_weights sgs_grid_weights(const sgs_grid *grid)
{
    return grid->weights;
}

int64_t sgs_grid_record_count(const sgs_grid *grid)
{
    return grid->record_count;
}

const int64_t *sgs_grid_record_steps(const sgs_grid *grid)
{
    return grid->record_steps;
}

int32_t sgs_grid_walk_bins(const sgs_grid *grid)
{
    return grid->walk_bins;
}

double sgs_grid_walk_range(const sgs_grid *grid)
{
    return grid->walk_range;
}

int64_t sgs_grid_gathered_values(const sgs_grid *grid)
{
    int64_t values = (int64_t)SGS_WALK_SUMS * grid->walk_bins;
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        values += grid->recorded[measure] ? grid->record_count : 0;
    }
    return values;
}

bool sgs_grid_records(const sgs_grid *grid, sgs_measure measure)
{
    return grid->recorded[measure];
}

const sgs_until *sgs_grid_until(const sgs_grid *grid)
{
    return grid->has_until ? &grid->until : NULL;
}

int64_t sgs_grid_cells(const sgs_grid *grid)
{
    return grid->runs / grid->size[SGS_AXIS_SEED];
}

void sgs_grid_coordinates(const sgs_grid *grid, int64_t index, sgs_coordinates *at)
{
    for (int axis = SGS_AXES - 1; axis >= 0; axis--) {
        at->at[axis] = index % grid->size[axis];
        index /= grid->size[axis];
    }
}

int64_t sgs_grid_index(const sgs_grid *grid, const sgs_coordinates *at)
{
    int64_t index = 0;
    for (int axis = 0; axis < SGS_AXES; axis++) {
        index = index * grid->size[axis] + at->at[axis];
    }
    return index;
}

bool sgs_grid_run(const sgs_grid *grid, int64_t index, sgs_run *run, sgs_stop *stop)
{
    sgs_coordinates c;
    sgs_grid_coordinates(grid, index, &c);
    int32_t b = sgs_grid_batch_size(grid, c.at[SGS_AXIS_DIMENSION], c.at[SGS_AXIS_BATCH]);
    if (b == 0) {
        return false;
    }
    int64_t seed = sgs_grid_seed(grid, c.at[SGS_AXIS_SEED]);
    *run = (sgs_run){
        .activation = grid->activation[c.at[SGS_AXIS_ACTIVATION]],
        .sampling = grid->sampling[c.at[SGS_AXIS_SAMPLING]],
        .d = grid->dimension[c.at[SGS_AXIS_DIMENSION]],
        .n = grid->samples[c.at[SGS_AXIS_DIMENSION]],
        .b = b,
        .eps = sgs_grid_eps(grid, b, c.at[SGS_AXIS_STEP_VALUE]),
        .init = grid->init,
        .scale = grid->scale,
        .init_seed = grid->init_seed == SGS_INIT_SEED_OWN ? seed : grid->init_seed,
        .seed = seed,
        .batches_common = grid->batches_common,
    };
    bool automatic = grid->max_steps == SGS_MAX_STEPS_AUTO;
    *stop = (sgs_stop){.tol = grid->tol, .max_steps = automatic ? sgs_auto_max_steps(run) : grid->max_steps};
    return true;
}

int64_t sgs_grid_strips(const sgs_grid *grid)
{
    return grid->runs / (grid->size[SGS_AXIS_STEP_VALUE] * grid->size[SGS_AXIS_SEED]);
}

void sgs_grid_strip(const sgs_grid *grid, int64_t strip, int64_t *first, int64_t *count)
{
    *count = grid->size[SGS_AXIS_STEP_VALUE] * grid->size[SGS_AXIS_SEED];
    *first = strip * *count;
}
