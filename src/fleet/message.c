#include "message.h"
#include "store/mpi_check.h"

/* All ranks run the same build on the same architecture: structs travel as bytes. */

bool report_has_text(const struct report *report)
{
    return report->kind == REPORT_FAIL || report->kind == REPORT_BROKEN || report->kind == REPORT_IGNORED ||
           report->kind == REPORT_UNSAVED;
}

void message_send_report(MPI_Comm comm, const struct report *report, const sgs_error *text)
{
    SGS_MPI(MPI_Send(report, sizeof *report, MPI_BYTE, 0, TAG_REPORT, comm));
    if (report_has_text(report))
        SGS_MPI(MPI_Send(text->text, SGS_ERROR_TEXT_BYTES, MPI_CHAR, 0, TAG_TEXT, comm));
}

void message_receive_text(MPI_Comm comm, int rank, sgs_error *text)
{
    SGS_MPI(MPI_Recv(text->text, SGS_ERROR_TEXT_BYTES, MPI_CHAR, rank, TAG_TEXT, comm, MPI_STATUS_IGNORE));
    text->text[SGS_ERROR_TEXT_BYTES - 1] = '\0';
}

void message_send_order(MPI_Comm comm, int rank, const struct order *order)
{
    SGS_MPI(MPI_Send(order, sizeof *order, MPI_BYTE, rank, TAG_ORDER, comm));
}
