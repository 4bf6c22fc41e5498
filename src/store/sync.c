/* Bringing written bytes to the disk. No HDF5 and no MPI call: a thread runs this beside the sweep. */
#include "store_private.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

sgs_status sgs_store_sync(sgs_store *store, sgs_error *err)
{
    if (store->sync_fd < 0)
        return SGS_OK; /* open for reading: nothing was written */
    if (fdatasync(store->sync_fd) != 0)
        return sgs_fail(err, SGS_EIO, "bringing %s to the disk: %s", store->path, strerror(errno));
    return SGS_OK;
}
