/* Opening a results file on all ranks with the MPI-IO driver.
 *
 * Rank 0 checks and opens serially first and hands out the grid, so that no rank is left alone in a collective call by
 * a file that only it found wanting. Every step that can fail on one rank alone ends in an agreement. */
#include "mpi_check.h"
#include "open.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 15000 }; /* of a rank that failed and ends the job anyway */

sgs_status sgs_agree_coll(MPI_Comm comm, sgs_status mine, sgs_error *err)
{
    struct {
        int status, rank;
    } own = {(int)mine, 0}, worst;
    char text[SGS_ERROR_TEXT_BYTES] = "";

    SGS_MPI(MPI_Comm_rank(comm, &own.rank));
    SGS_MPI(MPI_Allreduce(&own, &worst, 1, MPI_2INT, MPI_MAXLOC, comm)); /* ties go to the lowest rank */
    if (worst.status == SGS_OK)
        return SGS_OK;
    if (own.rank == worst.rank && err)
        memcpy(text, err->text, sizeof text);
    SGS_MPI(MPI_Bcast(text, sizeof text, MPI_CHAR, worst.rank, comm));
    if (err)
        memcpy(err->text, text, sizeof text);
    return (sgs_status)worst.status;
}

/* Rank 0: check, open serially, take the grid's text and the algorithm version, close. */
static sgs_status look_first(sgs_store *store, char **canonical, sgs_error *err)
{
    sgs_store *look = NULL;
    sgs_status status = sgs_store_open(store->path, SGS_STORE_READ, &look, err);
    if (status != SGS_OK || !look)
        return status;
    store->algorithm_version = look->algorithm_version;
    *canonical = strdup(sgs_grid_canonical(look->grid));
    status = sgs_store_close(look, err);
    if (status == SGS_OK && !*canonical)
        status = sgs_fail(err, SGS_ENOMEM, "opening %s", store->path);
    return status;
}

/* Called after rank 0's look went well. Collective. */
static sgs_status share_grid(sgs_store *store, char *canonical, sgs_error *err)
{
    int rank;
    long long size = canonical ? (long long)strlen(canonical) + 1 : 0;
    SGS_MPI(MPI_Comm_rank(store->comm, &rank));
    SGS_MPI(MPI_Bcast(&size, 1, MPI_LONG_LONG, 0, store->comm));
    SGS_MPI(MPI_Bcast(&store->algorithm_version, 1, MPI_INT, 0, store->comm));
    char *text = rank == 0 ? canonical : malloc((size_t)size);
    sgs_status status = text ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "the grid of %s", store->path);
    status = sgs_agree_coll(store->comm, status, err);
    if (status == SGS_OK) {
        SGS_MPI(MPI_Bcast(text, (int)size, MPI_CHAR, 0, store->comm));
        status = sgs_agree_coll(store->comm, sgs_store_parse_grid(store, text, err), err);
    }
    if (rank != 0)
        free(text);
    return status;
}

/* Agreement behind a call that is collective inside of HDF5. Where it failed on some ranks alone (they had no memory)
 * it keeps the others for ever, and nothing can fetch them back: then the ranks that did fail end the job. */
static sgs_status agree_behind_hdf5_coll(const sgs_store *store, sgs_status mine, sgs_error *err)
{
    MPI_Request arrived = MPI_REQUEST_NULL;
    int all = 0;
    SGS_MPI(MPI_Ibarrier(store->comm, &arrived));
    for (int waited_ms = 0; mine != SGS_OK && !all; waited_ms++) {
        SGS_MPI(MPI_Test(&arrived, &all, MPI_STATUS_IGNORE));
        if (!all && waited_ms == PATIENCE_MS) {
            (void)fprintf(stderr, "sgdsweep: error: %s, and the other ranks wait inside of HDF5: ending the job\n",
                          err->text);
            MPI_Abort(MPI_COMM_WORLD, 1);
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    SGS_MPI(MPI_Wait(&arrived, MPI_STATUS_IGNORE));
    return sgs_agree_coll(store->comm, mine, err);
}

static sgs_status open_shared(sgs_store *store, sgs_error *err)
{
    hid_t access = sgs_hdf5_access();
    /* Only a rank without memory gets no list, and it must not leave the others alone: the next call duplicates the
     * communicator, and the one after it opens the file. */
    sgs_status status = access >= 0 ? SGS_OK : sgs_hdf5_fail(err, SGS_ENOMEM, "opening %s", store->path);
    status = sgs_agree_coll(store->comm, status, err);
    if (status == SGS_OK &&
        (H5Pset_fapl_mpio(access, store->comm, MPI_INFO_NULL) < 0 || H5Pset_all_coll_metadata_ops(access, true) < 0))
        status = sgs_hdf5_fail(err, SGS_ENOMEM, "opening %s", store->path);
    status = sgs_agree_coll(store->comm, status == SGS_OK ? sgs_store_open_sync(store, err) : status, err);
    if (status == SGS_OK)
        status = agree_behind_hdf5_coll(store, sgs_store_open_file(store, access, err), err);
    H5Pclose(access);
    if (status == SGS_OK)
        status = agree_behind_hdf5_coll(store, sgs_store_open_datasets(store, err), err);
    return status;
}

sgs_status sgs_store_open_coll(const char *path, MPI_Comm comm, sgs_store **store, sgs_error *err)
{
    int rank;
    char *canonical = NULL;
    *store = NULL;
    sgs_hdf5_quiet();
    SGS_MPI(MPI_Comm_rank(comm, &rank));
    sgs_store *opened = sgs_store_new(path, SGS_STORE_WRITE);
    sgs_status status = sgs_agree_coll(comm, opened ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "opening %s", path), err);
    if (!opened || status != SGS_OK) {
        sgs_store_close(opened, NULL); /* not yet collective: it has no communicator */
        return status;
    }
    SGS_MPI(MPI_Comm_dup(comm, &opened->comm));
    SGS_MPI(MPI_Comm_set_errhandler(opened->comm, MPI_ERRORS_RETURN));
    status = sgs_agree_coll(opened->comm, rank == 0 ? look_first(opened, &canonical, err) : SGS_OK, err);
    if (status == SGS_OK)
        status = share_grid(opened, canonical, err);
    if (status == SGS_OK)
        status = open_shared(opened, err);
    free(canonical);
    if (status != SGS_OK) {
        sgs_store_abandon_coll(opened);
        return status;
    }
    *store = opened;
    return SGS_OK;
}
