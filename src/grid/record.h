/** @file record.h
 *  What is recorded along a run. */
#ifndef SGDSWEEP_GRID_RECORD_H
#define SGDSWEEP_GRID_RECORD_H

#include "grid_data.h"
#include "value.h"

/** Steps and measures from the value of `record` (NULL: none). After the axes, their product and the step limit, which
 *  `until: auto` asks for. SGS_OK; SGS_EINVAL; SGS_ENOMEM */
sgs_status sgs_record_read(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);

/** Bins and range from the value of `walk` (NULL: none). SGS_OK; SGS_EINVAL; SGS_ENOMEM */
sgs_status sgs_walk_read(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid);

/** Do record and weights go together, and does a run's share of both stay within SGS_RECORD_MAX_BYTES?
 *  @param[in] record, weights  values of these keys, NULL where the file has none */
sgs_status sgs_record_check(const sgs_reader *reader, const sgs_yaml_node *record, const sgs_yaml_node *weights,
                            const sgs_grid *grid);

#endif
