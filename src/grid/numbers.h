/** @file numbers.h
 *  Lists of numbers: one value, a list, or {linear: [low, high], points: k} and {log: [low, high], points: k}. */
#ifndef SGDSWEEP_GRID_NUMBERS_H
#define SGDSWEEP_GRID_NUMBERS_H

#include "value.h"

/** Whole numbers; points of a range are rounded to the nearest one. Allocates *values (free it).
 *  @return SGS_OK; SGS_EINVAL: also for values given twice; SGS_ENOMEM */
sgs_status sgs_numbers_integers(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                                const sgs_integer_range *range, int64_t **values, int64_t *count);

/** Decimal numbers; the ends of a range as they are written, the points between rounded to 12 significant digits. */
sgs_status sgs_numbers_reals(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                             const sgs_number_range *range, double **values, int64_t *count);

/** Index of the first value that equals an earlier one, -1 if there is none, -2 without memory. keys: what to compare;
 *  labels: texts to compare instead, or NULL. */
int64_t sgs_numbers_duplicate(const uint64_t *keys, char *const *labels, int64_t count);

#endif
