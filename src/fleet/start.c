/* Start and end of MPI, and a grid for all ranks. */
#include "sgdsweep/fleet.h"
#include "sgdsweep/store.h"
#include "store/mpi_check.h"
#include <stdlib.h>
#include <string.h>

void sgs_fleet_start_coll(int *argc, char ***argv, int *rank)
{
    int provided = 0;

    /* Nothing here uses shared file pointers, but Open MPI prepares them: in shared memory by default, with a semaphore
     * that is named after the file without its folder. Two sweeps that open files of one name on one node would wait
     * for ever, and so would every later one after a kill at that moment. What is left makes a lock file beside the
     * results file, which goes with it (sgs_store_tidy). */
    (void)setenv("OMPI_MCA_sharedfp", "^sm", 0);
    (void)setenv("OMPI_MCA_fbtl_posix_write_datasieving", "0", 0); /* never write what another rank may be writing */
    SGS_MPI(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
    SGS_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    if (provided < MPI_THREAD_FUNNELED)
        mpi_check(MPI_ERR_OTHER, __FILE__, __LINE__);
    SGS_MPI(MPI_Comm_rank(MPI_COMM_WORLD, rank));
}

void sgs_fleet_end_coll(void)
{
    SGS_MPI(MPI_Finalize());
}

sgs_status sgs_grid_share_coll(MPI_Comm comm, sgs_grid **grid, sgs_error *err)
{
    int rank = 0;
    int size = 0;
    char *text = NULL;
    sgs_status status = SGS_OK;

    SGS_MPI(MPI_Comm_rank(comm, &rank));
    if (rank == 0)
        size = (int)strlen(sgs_grid_canonical(*grid));
    SGS_MPI(MPI_Bcast(&size, 1, MPI_INT, 0, comm));
    text = malloc((size_t)size + 1);
    status = sgs_agree_coll(comm, text ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "no memory for the grid"), err);
    if (status != SGS_OK || !text)
        goto out;
    if (rank == 0)
        memcpy(text, sgs_grid_canonical(*grid), (size_t)size);
    SGS_MPI(MPI_Bcast(text, size, MPI_CHAR, 0, comm));
    if (rank != 0)
        status = sgs_grid_parse(text, (size_t)size, "grid of rank 0", grid, err);
    status = sgs_agree_coll(comm, status, err);
out:
    free(text);
    return status;
}
