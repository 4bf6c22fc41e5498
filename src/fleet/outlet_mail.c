/* Rows on their way from the rank that trained them to the one that writes them.
 *
 * Messages between two ranks arrive in the order in which they were sent, so a question whether all is on the disk is
 * about all that was sent before it. All ranks run the same build on the same architecture: structs travel as bytes,
 * rows as 8-byte words, since a count of bytes could be too large for MPI. */
#include "clock.h"
#include "outlet_private.h"
#include "store/mpi_check.h"
#include <stdlib.h>
#include <string.h>

static const double NAP_S = 50e-6;

struct answer {
    int32_t status;
    sgs_error text;
};

_Static_assert(sizeof(sgs_result) % 8 == 0, "rows are whole words");

/* ---- the rank that trained ----------------------------------------------------------------------------------------
 */

bool outlet_is_sending(struct outlet *outlet)
{
    int done = 1;
    SGS_MPI(MPI_Testall(2, outlet->requests, &done, MPI_STATUSES_IGNORE));
    return !done;
}

void outlet_wait_sent(struct outlet *outlet)
{
    while (outlet_is_sending(outlet))
        clock_nap(NAP_S);
    batch_empty(&outlet->sent);
}

static void post_parcel(struct outlet *outlet, int32_t kind, bool urgent)
{
    struct parcel *parcel = outlet->parcel;
    const size_t bytes = sizeof *parcel + (size_t)outlet->sent.count * sizeof(struct report);

    parcel->kind = kind;
    parcel->urgent = urgent;
    parcel->pieces = outlet->sent.count;
    if (outlet->sent.count > 0)
        memcpy(parcel->piece, outlet->sent.piece, (size_t)outlet->sent.count * sizeof(struct report));
    SGS_MPI(MPI_Isend(parcel, (int)bytes, MPI_BYTE, outlet->setup.writer, TAG_PARCEL, outlet->setup.comm,
                      &outlet->requests[0]));
    outlet->counts.messages++;
    outlet->counts.message_bytes += (int64_t)bytes;
}

void outlet_send(struct outlet *outlet, bool urgent)
{
    outlet_wait_sent(outlet);
    const struct batch free_again = outlet->sent;
    outlet->sent = outlet->batch;
    outlet->batch = free_again;
    outlet->own = 0;
    outlet->urgent = false;
    post_parcel(outlet, PARCEL_ROWS, urgent);
    SGS_MPI(MPI_Isend(outlet->sent.rows, (int)(outlet->sent.bytes / 8), MPI_UINT64_T, outlet->setup.writer, TAG_ROWS,
                      outlet->setup.comm, &outlet->requests[1]));
    outlet->counts.messages++;
    outlet->counts.message_bytes += outlet->sent.bytes;
}

void outlet_send_close(struct outlet *outlet)
{
    outlet_wait_sent(outlet);
    post_parcel(outlet, PARCEL_CLOSE, true);
}

sgs_status outlet_ask_settled(struct outlet *outlet, sgs_error *err)
{
    struct answer answer;
    MPI_Request request = MPI_REQUEST_NULL;
    int done = 0;

    outlet_wait_sent(outlet);
    post_parcel(outlet, PARCEL_SETTLE, true);
    SGS_MPI(
        MPI_Irecv(&answer, sizeof answer, MPI_BYTE, outlet->setup.writer, TAG_SETTLED, outlet->setup.comm, &request));
    while (!done) {
        SGS_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
        if (!done)
            clock_nap(NAP_S);
    }
    outlet_wait_sent(outlet);
    if (answer.status != SGS_OK && err)
        *err = answer.text;
    return (sgs_status)answer.status;
}

/* ---- the rank that writes -----------------------------------------------------------------------------------------
 */

/* There is no memory for rows that came: they are taken off the wire, which is what MPI does with a message that does
 * not fit, and their runs are for another try. */
static void drop_rows(struct outlet *outlet, const struct parcel *parcel, int rank)
{
    static const sgs_error text = {"no memory for the rows that another rank sent"};
    uint64_t word = 0;
    int class = MPI_SUCCESS;
    int code = MPI_Recv(&word, 1, MPI_UINT64_T, rank, TAG_ROWS, outlet->setup.comm, MPI_STATUS_IGNORE);

    if (code != MPI_SUCCESS)
        (void)MPI_Error_class(code, &class);
    if (class != MPI_ERR_TRUNCATE)
        SGS_MPI(code);
    for (int64_t i = 0; i < parcel->pieces; i++)
        outlet_tell_broken(outlet, &parcel->piece[i], i > 0, SGS_ENOMEM, &text);
}

static void take_rows(struct outlet *outlet, const struct parcel *parcel, int rank)
{
    int64_t runs = 0;
    struct batch *batch = &outlet->batch;

    for (int64_t i = 0; i < parcel->pieces; i++)
        runs += parcel->piece[i].block.count;
    if (!batch_reserve(batch, parcel->pieces, runs)) {
        drop_rows(outlet, parcel, rank);
        return;
    }
    if (batch->count == 0)
        batch->since_s = clock_now_s();
    char *rows = batch_add_space(batch, parcel->piece, parcel->pieces);
    SGS_MPI(MPI_Recv(rows, (int)(runs * batch_row_bytes(batch) / 8), MPI_UINT64_T, rank, TAG_ROWS, outlet->setup.comm,
                     MPI_STATUS_IGNORE));
    outlet->urgent |= parcel->urgent != 0;
}

bool outlet_receive(struct outlet *outlet)
{
    const size_t room = sizeof(struct parcel) + OUTLET_PIECES_MAX * sizeof(struct report);
    struct parcel *parcel = outlet->inbox;
    int arrived = 0;
    MPI_Status status;

    SGS_MPI(MPI_Iprobe(MPI_ANY_SOURCE, TAG_PARCEL, outlet->setup.comm, &arrived, &status));
    if (!arrived)
        return false;
    SGS_MPI(
        MPI_Recv(parcel, (int)room, MPI_BYTE, status.MPI_SOURCE, TAG_PARCEL, outlet->setup.comm, MPI_STATUS_IGNORE));
    switch ((enum parcel_kind)parcel->kind) {
    case PARCEL_ROWS:
        take_rows(outlet, parcel, status.MPI_SOURCE);
        break;
    case PARCEL_SETTLE:
        outlet->settling[outlet->settling_count++] = status.MPI_SOURCE; /* once a client: it waits */
        break;
    case PARCEL_CLOSE:
        outlet->open--;
        break;
    }
    return true;
}

void outlet_answer_settled(struct outlet *outlet)
{
    struct answer answer = {.text = {""}};

    answer.status = (int32_t)outlet_sync(outlet, &answer.text);
    for (int i = 0; i < outlet->settling_count; i++)
        SGS_MPI(MPI_Send(&answer, sizeof answer, MPI_BYTE, outlet->settling[i], TAG_SETTLED, outlet->setup.comm));
    outlet->settling_count = 0;
}
