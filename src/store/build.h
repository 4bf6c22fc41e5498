/* Everything that stands in a results file before the first result, written into a new HDF5 file. */
#ifndef SGS_STORE_BUILD_H
#define SGS_STORE_BUILD_H

#include "layout.h"

typedef struct sgs_build_options {
    bool reserve_wide;     /* allocate records and weights without filling them */
    int64_t reserve_bytes; /* ask the file system for so much before HDF5 begins; 0: do not */
} sgs_build_options;

/* Make the file at path anew (it may exist: it is emptied) with all variables, attributes, coordinates and the status
 * of skipped runs, and close it. On error the file is in no defined state. */
sgs_status sgs_store_build(const char *path, const sgs_grid *grid, const sgs_layout *layout,
                           const sgs_build_options *options, sgs_error *err);

#endif
