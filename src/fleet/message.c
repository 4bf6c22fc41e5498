#include "message.h"
#include "mpi_check.h"

/* All ranks run the same build on the same architecture: structs travel as bytes. */

void message_send_report(MPI_Comm comm, const struct report *report)
{
    SGS_MPI(MPI_Send(report, sizeof *report, MPI_BYTE, 0, TAG_REPORT, comm));
}

void message_send_order(MPI_Comm comm, int rank, const struct order *order)
{
    SGS_MPI(MPI_Send(order, sizeof *order, MPI_BYTE, rank, TAG_ORDER, comm));
}
