/** @file describe.c
 *  A run in words, for messages that name one. */
#include "grid_data.h"

#include <stdio.h>

const char *sgs_grid_run_text(const sgs_grid *grid, int64_t index, char text[SGS_RUN_TEXT_BYTES])
{
    sgs_coordinates c;
    sgs_grid_coordinates(grid, index, &c);
    int64_t dimension = c.at[SGS_AXIS_DIMENSION];
    int64_t batch = c.at[SGS_AXIS_BATCH];
    int32_t b = sgs_grid_batch_size(grid, dimension, batch);
    snprintf(text, SGS_RUN_TEXT_BYTES,
             "activation %s, sampling %s, dimension %d, batch %s (b = %d, n = %d), step_value %.17g, seed %lld",
             sgs_activation_name(grid->activation[c.at[SGS_AXIS_ACTIVATION]]),
             sgs_sampling_name(grid->sampling[c.at[SGS_AXIS_SAMPLING]]), (int)grid->dimension[dimension],
             grid->batch_label[batch], (int)b, (int)grid->samples[dimension],
             grid->step_value[c.at[SGS_AXIS_STEP_VALUE]], (long long)sgs_grid_seed(grid, c.at[SGS_AXIS_SEED]));
    return text;
}
