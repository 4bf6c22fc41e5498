/* Folders: what makes a new name in one last. */
#ifndef SGS_STORE_FOLDER_H
#define SGS_STORE_FOLDER_H

#include "sgdsweep/base.h"

/* fsync of a folder. File systems that cannot are no error. */
sgs_status sgs_folder_sync(const char *folder, sgs_error *err);

/* The folder that a path lies in, in a new string; NULL: out of memory. */
char *sgs_folder_of(const char *path);

#endif
