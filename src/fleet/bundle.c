#include "bundle.h"
#include "message.h"
#include "store/mpi_check.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bundle *bundle_pack(const struct task *task, const int64_t *places, int64_t count, double now_s)
{
    size_t size = sizeof(struct bundle) + (size_t)count * sizeof(struct bundle_run);
    size_t offset = size;

    for (int64_t i = 0; i < count; i++)
        size += task->runs[places[i]].held ? (size_t)task->runs[places[i]].held_bytes : 0;
    struct bundle *bundle = size <= INT_MAX ? malloc(size) : NULL;
    if (!bundle)
        return NULL;
    *bundle = (struct bundle){.size = (int64_t)size, .count = count, .run_s = task->run_s};
    bundle->span = (sgs_block){task->block.first + places[0], places[count - 1] - places[0] + 1};
    for (int64_t i = 0; i < count; i++) {
        const struct task_run *run = &task->runs[places[i]];
        bundle->at[i] = (struct bundle_run){.run = task->block.first + places[i], .offset = (int64_t)offset};
        if (!run->held)
            continue;
        bundle->at[i].bytes = run->held_bytes;
        bundle->at[i].age_s = run->saved ? INFINITY : now_s - run->since_s;
        memcpy((char *)bundle + offset, run->held, (size_t)run->held_bytes);
        offset += (size_t)run->held_bytes;
    }
    return bundle;
}

void bundle_send(MPI_Comm comm, int rank, const struct bundle *bundle)
{
    SGS_MPI(MPI_Send(bundle, (int)bundle->size, MPI_BYTE, rank, TAG_RUNS, comm));
}

MPI_Request bundle_post(MPI_Comm comm, int rank, const struct bundle *bundle)
{
    MPI_Request request = MPI_REQUEST_NULL;

    SGS_MPI(MPI_Isend(bundle, (int)bundle->size, MPI_BYTE, rank, TAG_RUNS, comm, &request));
    return request;
}

struct bundle *bundle_receive(MPI_Comm comm, int rank)
{
    MPI_Status status;
    int size = 0;

    SGS_MPI(MPI_Probe(rank, TAG_RUNS, comm, &status));
    SGS_MPI(MPI_Get_count(&status, MPI_BYTE, &size));
    struct bundle *bundle = malloc((size_t)size);
    if (!bundle) /* whoever sends it waits: nobody can go on */
        SGS_MPI(MPI_ERR_NO_MEM);
    SGS_MPI(MPI_Recv(bundle, size, MPI_BYTE, rank, TAG_RUNS, comm, MPI_STATUS_IGNORE));
    return bundle;
}
