/* Runs on their way from one rank to another: part of a block in hand, running ones as records of saved runs, others as
 * indices. One buffer, which is also the message. */
#ifndef SGDSWEEP_FLEET_BUNDLE_H
#define SGDSWEEP_FLEET_BUNDLE_H

#include "task.h"
#include <mpi.h>

struct bundle_run {
    int64_t run;
    int64_t offset, bytes; /* of its record in the bundle; 0 bytes: not begun */
    double age_s;          /* since it was last saved; INFINITY: it is to be saved at once */
};

struct bundle {
    int64_t size;           /* of everything, in bytes */
    sgs_block span;         /* from the first run to the last, others may lie between */
    int64_t count;          /* runs */
    double run_s, left_s;   /* predicted: of one run with all lanes busy; for what is left of all, on one rank */
    struct bundle_run at[]; /* [count] ascending; records behind, aligned to 8 */
};

/* Runs of a task, as places in it, ascending; what is held of them is copied. now_s: what ages are told from. */
struct bundle *bundle_pack(const struct task *task, const int64_t *places, int64_t count, double now_s);

static inline const void *bundle_record(const struct bundle *bundle, const struct bundle_run *run)
{
    return (const char *)bundle + run->offset;
}

/* Waits until the other side receives it, where the bundle is large; without memory to receive it the job is aborted.
 */
void bundle_send(MPI_Comm comm, int rank, const struct bundle *bundle);
struct bundle *bundle_receive(MPI_Comm comm, int rank);

/* Does not wait; the bundle stays until the request is complete. */
MPI_Request bundle_post(MPI_Comm comm, int rank, const struct bundle *bundle);

#endif
