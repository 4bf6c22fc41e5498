/** @file axes.h
 *  The axes that take lists, ranges and expressions. */
#ifndef SGDSWEEP_GRID_AXES_H
#define SGDSWEEP_GRID_AXES_H

#include "grid_data.h"
#include "value.h"

enum { SGS_AXIS_MAX_POINTS = 1000000, SGS_GRID_MAX_BATCH_CELLS = 10000000 };

/** Step sizes lie in this range, so that eps = step size / b neither vanishes nor overflows for any b. */
#define SGS_STEP_SIZE_MIN 1e-290
#define SGS_STEP_SIZE_MAX 1e290

/* Each fills its part of the grid from the value of its key. SGS_OK; SGS_EINVAL; SGS_ENOMEM. */
sgs_status sgs_axes_activation(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);
sgs_status sgs_axes_sampling(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);
sgs_status sgs_axes_dimension(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);
sgs_status sgs_axes_step_size(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);
sgs_status sgs_axes_seed(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);

/** n for every dimension; node may be NULL: n = d. After sgs_axes_dimension. */
sgs_status sgs_axes_samples(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);

/** Labels, and b for every dimension. After sgs_axes_samples. */
sgs_status sgs_axes_batch_size(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);

#endif
