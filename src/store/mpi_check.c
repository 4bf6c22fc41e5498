#include "mpi_check.h"
#include "sgdsweep/base.h"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

void mpi_check(int code, const char *file, int line)
{
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length = 0;
    int rank = -1;

    if (code == MPI_SUCCESS)
        return;
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    (void)MPI_Error_string(code, text, &length);
    (void)fprintf(stderr, "sgdsweep: rank %d: %s:%d: MPI: %s\n", rank, file, line, text);
    (void)MPI_Abort(MPI_COMM_WORLD, SGS_EXIT_FAILURE);
    abort();
}
