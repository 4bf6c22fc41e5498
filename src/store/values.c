/* The values of axes and coordinates (values.h). */
#include "values.h"
#include <math.h>
#include <stdlib.h>

/* One element of a variable; the member that its type says. */
typedef union element {
    const char *text;
    int32_t int32;
    int64_t int64;
    double real;
} element;

/* Where r is after so many bins. */
static double walk_edge(const sgs_grid *grid, double bins)
{
    return sgs_grid_walk_range(grid) * (2.0 * bins / sgs_grid_walk_bins(grid) - 1.0);
}

static element axis_value(const sgs_grid *grid, int axis, int64_t at)
{
    switch (axis) {
    case SGS_AXIS_ACTIVATION:
        return (element){.text = sgs_activation_name(sgs_grid_activation(grid, at))};
    case SGS_AXIS_SAMPLING:
        return (element){.text = sgs_sampling_name(sgs_grid_sampling(grid, at))};
    case SGS_AXIS_DIMENSION:
        return (element){.int32 = sgs_grid_dimension(grid, at)};
    case SGS_AXIS_BATCH:
        return (element){.text = sgs_grid_batch_label(grid, at)};
    case SGS_AXIS_STEP_VALUE:
        return (element){.real = sgs_grid_step_value(grid, at)};
    case SGS_AXIS_SEED:
        return (element){.int64 = sgs_grid_seed(grid, at)};
    case SGS_STORE_AXIS_WALK:
        return (element){.real = walk_edge(grid, (double)at + 0.5)};
    case SGS_STORE_AXIS_RECORD:
        return (element){.int64 = sgs_grid_record_steps(grid)[at]};
    default:
        return (element){.int64 = at + 1}; /* feature: data points count from 1 */
    }
}

/* eta is for readers. A plain grid states it; (eta / b) b need not give it back. */
static double eta_of(const sgs_grid *grid, int32_t b, int64_t step_at)
{
    if (!sgs_grid_step_scaled(grid))
        return sgs_grid_step_value(grid, step_at);
    return sgs_grid_eps(grid, b, step_at) * b;
}

static element coordinate_value(const sgs_grid *grid, int which, const sgs_coordinates *at)
{
    int64_t dimension = at->at[SGS_AXIS_DIMENSION], step = at->at[SGS_AXIS_STEP_VALUE];
    int32_t b = sgs_grid_batch_size(grid, dimension, at->at[SGS_AXIS_BATCH]);
    sgs_run run;
    sgs_stop stop;
    switch (which) {
    case SGS_COORDINATE_SAMPLES:
        return (element){.int32 = sgs_grid_samples(grid, dimension)};
    case SGS_COORDINATE_BATCH_SIZE:
        return (element){.int32 = b};
    case SGS_COORDINATE_EPS:
        return (element){.real = b > 0 ? sgs_grid_eps(grid, b, step) : NAN};
    case SGS_COORDINATE_ETA:
        return (element){.real = b > 0 ? eta_of(grid, b, step) : NAN};
    default: /* the step limit is the same for all seeds of a cell */
        return (element){.int64 = sgs_grid_run(grid, sgs_grid_index(grid, at), &run, &stop) ? stop.max_steps : 0};
    }
}

/* An end of a bin of the walk; the outer ones are open. */
static element walk_end(const sgs_grid *grid, int which, int64_t bin)
{
    if (which == SGS_COORDINATE_WALK_LOW)
        return (element){.real = bin == 0 ? -INFINITY : walk_edge(grid, (double)bin)};
    return (element){.real = bin + 1 == sgs_grid_walk_bins(grid) ? INFINITY : walk_edge(grid, (double)bin + 1.0)};
}

/* Position on the axes of a variable's element i; the first point of all other axes. */
static void position(const sgs_layout *layout, const sgs_variable *variable, int64_t i, sgs_coordinates *at)
{
    *at = (sgs_coordinates){0};
    for (int k = variable->rank - 1; k >= 0; k--) {
        int64_t extent = layout->extent[variable->axis[k]];
        at->at[variable->axis[k]] = i % extent;
        i /= extent;
    }
}

static void store_element(sgs_variable_type type, void *values, int64_t i, element value)
{
    if (type == SGS_TYPE_TEXT)
        ((const char **)values)[i] = value.text;
    else if (type == SGS_TYPE_INT32)
        ((int32_t *)values)[i] = value.int32;
    else if (type == SGS_TYPE_INT64)
        ((int64_t *)values)[i] = value.int64;
    else
        ((double *)values)[i] = value.real;
}

sgs_status sgs_variable_values(const sgs_grid *grid, const sgs_layout *layout, const sgs_variable *variable,
                               void **values, sgs_error *err)
{
    int64_t elements = sgs_variable_elements(layout, variable);
    *values = malloc((size_t)elements * sizeof(element));
    if (!*values)
        return sgs_fail(err, SGS_ENOMEM, "%lld values of %s", (long long)elements, variable->name);
    for (int64_t i = 0; i < elements; i++) {
        if (variable->kind == SGS_KIND_AXIS) {
            store_element(variable->type, *values, i, axis_value(grid, variable->which, i));
            continue;
        }
        if (variable->axis[0] == SGS_STORE_AXIS_WALK) {
            store_element(variable->type, *values, i, walk_end(grid, variable->which, i));
            continue;
        }
        sgs_coordinates at;
        position(layout, variable, i, &at);
        store_element(variable->type, *values, i, coordinate_value(grid, variable->which, &at));
    }
    return SGS_OK;
}
