/* Bringing written bytes to the disk. No HDF5 and no MPI call: a thread runs this beside the sweep.
 *
 * The system reports that bytes were lost once, to whoever syncs first: the store remembers it for all who ask later,
 * and one waits for another, who might be about to hear of it. */
#include "store_private.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

sgs_status sgs_store_sync(sgs_store *store, sgs_error *err)
{
    if (store->sync_fd < 0)
        return SGS_OK; /* open for reading: nothing was written */
    (void)pthread_mutex_lock(&store->sync_turn);
    if (store->sync_errno == 0 && fdatasync(store->sync_fd) != 0)
        store->sync_errno = errno;
    const int failed = store->sync_errno;
    (void)pthread_mutex_unlock(&store->sync_turn);
    if (failed != 0)
        return sgs_fail(err, SGS_EIO, "bringing %s to the disk: %s", store->path, strerror(failed));
    return SGS_OK;
}
