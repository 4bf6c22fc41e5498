/* The values of axes and coordinates, computed from the grid. */
#ifndef SGS_STORE_VALUES_H
#define SGS_STORE_VALUES_H

#include "layout.h"

/* All values of an axis or coordinate variable in C order, as the type in memory (text: const char *, borrowed from the
 * grid), in a new array that the caller frees. */
sgs_status sgs_variable_values(const sgs_grid *grid, const sgs_layout *layout, const sgs_variable *variable,
                               void **values, sgs_error *err);

#endif
