/** @file until.h
 *  The rule of `seed: until`. */
#ifndef SGDSWEEP_GRID_UNTIL_H
#define SGDSWEEP_GRID_UNTIL_H

#include "grid_data.h"
#include "value.h"

/** The rule from the value of `until`. SGS_OK; SGS_EINVAL; SGS_ENOMEM */
sgs_status sgs_until_read(const sgs_reader *reader, const sgs_yaml_node *node, sgs_until *until);

#endif
