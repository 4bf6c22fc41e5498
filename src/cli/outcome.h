/* Predictions against what came of them, from FILE.log. */
#ifndef SGDSWEEP_CLI_OUTCOME_H
#define SGDSWEEP_CLI_OUTCOME_H

#include "sgdsweep/grid.h"
#include <jansson.h>

/* Add "prediction" to a status object: seconds predicted before the sweep and measured, over all its lives, and the
 * cells with more than a second of work. Null without a log. Blocks with a run that went on from a saved state are left
 * out: what they took is not what the run takes.
 *  @return SGS_OK; SGS_ENOMEM */
sgs_status cli_outcome_add(const sgs_grid *grid, const char *path, json_t *object, sgs_error *err);

#endif
