/* One run as a row of text. */
#ifndef SGDSWEEP_CLI_EXPORT_ROW_H
#define SGDSWEEP_CLI_EXPORT_ROW_H

#include "sgdsweep/grid.h"
#include <stdio.h>

enum export_format { EXPORT_CSV, EXPORT_JSONL };

/* The line of column names; false if it could not be written. */
bool export_header(FILE *out);

/* The row of a run; measures of a run that is not finished are left empty. false: ferror(out) tells a failed write from
 * a lack of memory. */
bool export_row(FILE *out, enum export_format format, const sgs_grid *grid, int64_t index, const sgs_result *result);

#endif
