/* Steps of opening that the serial and the collective way share. */
#ifndef SGS_STORE_OPEN_H
#define SGS_STORE_OPEN_H

#include "store_private.h"

/* A closed store for a path; NULL: out of memory. */
sgs_store *sgs_store_new(const char *path, sgs_store_mode mode);

/* Grid and layout from the canonical text. */
sgs_status sgs_store_parse_grid(sgs_store *store, const char *canonical, sgs_error *err);

sgs_status sgs_store_open_sync(sgs_store *store, sgs_error *err);
sgs_status sgs_store_open_file(sgs_store *store, hid_t access, sgs_error *err);
sgs_status sgs_store_check_variables(const sgs_store *store, sgs_error *err);
sgs_status sgs_store_open_datasets(sgs_store *store, sgs_error *err);

#endif
