/* Reading the file in shares: before training, to learn what is to do, and at the end, to see that everything is there.
 */
#include "fleet_private.h"
#include "message.h"
#include "store/mpi_check.h"
#include "until.h"
#include <inttypes.h>
#include <stdlib.h>

enum { RANGES_PER_MESSAGE = 1 << 16 };

struct ranges {
    sgs_block *at;
    size_t count, capacity;
};

/* A run is to do again when it is not there, damaged, or failed in an earlier life. */
static bool is_to_do(int8_t status)
{
    return status == SGS_RUN_PENDING || status == SGS_RUN_FAILED;
}

static bool ranges_append(struct ranges *ranges, sgs_block block)
{
    if (ranges->count > 0) {
        sgs_block *last = &ranges->at[ranges->count - 1];
        if (last->first + last->count == block.first) {
            last->count += block.count;
            return true;
        }
    }
    if (ranges->count == ranges->capacity) {
        size_t capacity = ranges->capacity ? 2 * ranges->capacity : 64;
        sgs_block *grown = realloc(ranges->at, capacity * sizeof *grown);
        if (!grown)
            return false;
        ranges->at = grown;
        ranges->capacity = capacity;
    }
    ranges->at[ranges->count++] = block;
    return true;
}

static sgs_status collect_ranges(const int8_t *status, sgs_block chunk, struct ranges *ranges, sgs_error *err)
{
    for (int64_t at = 0; at < chunk.count;) {
        bool to_do = is_to_do(status[at]);
        int64_t end = at + 1;
        while (end < chunk.count && is_to_do(status[end]) == to_do)
            end++;
        if (to_do && !ranges_append(ranges, (sgs_block){chunk.first + at, end - at}))
            return sgs_fail(err, SGS_ENOMEM, "no memory for %zu ranges of runs", ranges->count);
        at = end;
    }
    return SGS_OK;
}

/* First run of a rank's share. In grids with a rule for the number of seeds whole cells, since decisions are theirs,
 * and what follows from runs is written where it is missing, but not when reading back. */
static int64_t share_begin(const struct sweep *sweep, int rank, bool back)
{
    const bool until = sgs_grid_until(sweep->grid) != NULL;
    const int64_t unit = until ? sgs_grid_axis_size(sweep->grid, SGS_AXIS_SEED) : 1;
    return sweep_share_begin(sweep, sgs_grid_runs(sweep->grid) / unit, rank, until && !back) * unit;
}

/* What is to do of this rank's share; open: in grids with a rule. */
struct to_do {
    struct ranges ranges;
    struct open_cells open;
};

/* Scan this rank's share; to_do is NULL when reading back. A stop request ends it early. */
static sgs_status scan_share(const struct sweep *sweep, sgs_store *store, struct to_do *to_do, sgs_tally *tally,
                             sgs_error *err)
{
    int64_t end = share_begin(sweep, sweep->rank + 1, !to_do);
    const sgs_until *until = sgs_grid_until(sweep->grid);
    int64_t size = until ? sgs_grid_axis_size(sweep->grid, SGS_AXIS_SEED) : SHARE_CHUNK;
    int8_t *seen = malloc((size_t)size);
    sgs_status status = SGS_OK;

    if (!seen)
        return sgs_fail(err, SGS_ENOMEM, "no memory to read the file");
    for (int64_t at = share_begin(sweep, sweep->rank, !to_do); at < end && status == SGS_OK; at += size) {
        sgs_block chunk = {at, end - at < size ? end - at : size};
        if (until)
            status = until_scan_cell(store, at / size, seen, to_do ? &to_do->open : NULL, tally, err);
        else
            status = sgs_store_scan(store, chunk.first, chunk.count, seen, tally, err);
        if (status == SGS_OK && to_do)
            status = collect_ranges(seen, chunk, &to_do->ranges, err);
        if (status == SGS_OK && (sgs_stop_requested() || sweep_time_is_up(sweep)) && at + chunk.count < end)
            status = sgs_fail(err, SGS_STOPPED, "stopped while reading the file");
    }
    free(seen);
    return status;
}

/* Sum of every rank's tally, on every rank. */
static void add_tallies_coll(const struct sweep *sweep, sgs_tally *tally)
{
    int64_t counts[SGS_RUN_STATUSES + 1];
    uint64_t digest[2] = {tally->digest.hi, tally->digest.lo};
    uint64_t low;

    for (int i = 0; i < SGS_RUN_STATUSES; i++)
        counts[i] = tally->status[i];
    counts[SGS_RUN_STATUSES] = tally->damaged;
    SGS_MPI(MPI_Allreduce(MPI_IN_PLACE, counts, SGS_RUN_STATUSES + 1, MPI_INT64_T, MPI_SUM, sweep->comm));
    for (int i = 0; i < SGS_RUN_STATUSES; i++)
        tally->status[i] = counts[i];
    tally->damaged = counts[SGS_RUN_STATUSES];

    /* The digest is a sum modulo 2^128: 32-bit limbs add up without loss, then carry. */
    uint64_t limbs[4] = {digest[1] & UINT32_MAX, digest[1] >> 32, digest[0] & UINT32_MAX, digest[0] >> 32};
    SGS_MPI(MPI_Allreduce(MPI_IN_PLACE, limbs, 4, MPI_UINT64_T, MPI_SUM, sweep->comm));
    for (int i = 0; i < 3; i++)
        limbs[i + 1] += limbs[i] >> 32;
    low = (limbs[1] << 32) | (limbs[0] & UINT32_MAX);
    tally->digest = (sgs_key){.hi = (limbs[3] << 32) | (limbs[2] & UINT32_MAX), .lo = low};
}

static sgs_status add_to_schedule(sgs_sched *sched, const sgs_block *blocks, int count, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int i = 0; i < count && status == SGS_OK; i++)
        status = sgs_sched_add_range(sched, blocks[i].first, blocks[i].count, err);
    return status;
}

static void send_ranges(const struct sweep *sweep, const struct ranges *ranges)
{
    size_t at = 0;
    int count = 0;

    do { /* a message that is not full is the last one */
        count = ranges->count - at < RANGES_PER_MESSAGE ? (int)(ranges->count - at) : RANGES_PER_MESSAGE;
        SGS_MPI(MPI_Send(count > 0 ? &ranges->at[at] : NULL, count * (int)sizeof(sgs_block), MPI_BYTE, 0, TAG_RANGES,
                         sweep->comm));
        at += (size_t)count;
    } while (count == RANGES_PER_MESSAGE);
}

/* Rank 0: all ranks' ranges in rank order, which is run order. Receives everything even after an error. */
static sgs_status receive_ranges(const struct sweep *sweep, sgs_error *err)
{
    sgs_status status = SGS_OK;
    static sgs_block buffer[RANGES_PER_MESSAGE];

    for (int rank = 1; rank < sweep->size; rank++) {
        int count = RANGES_PER_MESSAGE;
        while (count == RANGES_PER_MESSAGE) {
            MPI_Status envelope;
            SGS_MPI(MPI_Recv(buffer, sizeof buffer, MPI_BYTE, rank, TAG_RANGES, sweep->comm, &envelope));
            SGS_MPI(MPI_Get_count(&envelope, MPI_BYTE, &count));
            count /= (int)sizeof(sgs_block);
            if (status == SGS_OK)
                status = add_to_schedule(sweep->sched, buffer, count, err);
        }
    }
    return status;
}

/* Rank 0 takes its own ranges and those of the others; afterwards its schedule is complete. */
static sgs_status gather_ranges_coll(const struct sweep *sweep, const struct ranges *ranges, sgs_error *err)
{
    sgs_status status = SGS_OK;

    if (sweep->rank != 0) {
        send_ranges(sweep, ranges);
        return sgs_agree_coll(sweep->comm, SGS_OK, err);
    }
    for (size_t i = 0; i < ranges->count && status == SGS_OK; i++)
        status = sgs_sched_add_range(sweep->sched, ranges->at[i].first, ranges->at[i].count, err);
    sgs_error other;
    sgs_status received = receive_ranges(sweep, &other);
    if (status == SGS_OK && received != SGS_OK) {
        status = received;
        if (err)
            *err = other;
    }
    return sgs_agree_coll(sweep->comm, status, err);
}

sgs_status scan_pending_coll(struct sweep *sweep, sgs_tally *tally, sgs_error *err)
{
    struct to_do to_do = {{0}, {0}};
    bool until = sgs_grid_until(sweep->grid) != NULL;
    sgs_status status = SGS_OK;

    *tally = (sgs_tally){0};
    if (sweep->fresh && !sweep->reused) {
        if (sweep->rank == 0 && until)
            status = until_begin(sweep, err);
        else if (sweep->rank == 0)
            status = sgs_sched_add_range(sweep->sched, 0, sgs_grid_runs(sweep->grid), err);
        return sgs_agree_coll(sweep->comm, status, err);
    }
    status = scan_share(sweep, sweep->store, &to_do, tally, err);
    status = sgs_agree_coll(sweep->comm, status, err);
    if (status == SGS_OK) {
        add_tallies_coll(sweep, tally);
        status = gather_ranges_coll(sweep, &to_do.ranges, err);
    }
    if (status == SGS_OK && until)
        status = until_gather_coll(sweep, &to_do.open, err);
    free(to_do.ranges.at);
    free(to_do.open.at);
    return status;
}

sgs_status scan_back_coll(struct sweep *sweep, sgs_tally *tally, sgs_error *err)
{
    sgs_store *store = NULL;
    sgs_status status = sgs_store_open(sweep->options->path, SGS_STORE_READ, &store, err);

    *tally = (sgs_tally){0};
    if (status == SGS_OK)
        status = scan_share(sweep, store, NULL, tally, err);
    sgs_status closed = sgs_store_close(store, status == SGS_OK ? err : NULL);
    status = sgs_agree_coll(sweep->comm, status == SGS_OK ? closed : status, err);
    if (status != SGS_OK)
        return sgs_fail_in(err, status, "reading back");
    add_tallies_coll(sweep, tally);
    int64_t missing = tally->status[SGS_RUN_PENDING] + tally->status[SGS_RUN_FAILED];
    if (tally->damaged > 0 || missing > 0)
        return sgs_fail(err, SGS_EDAMAGED,
                        "%s did not read back as it was written: %" PRId64 " runs damaged, %" PRId64 " not there",
                        sweep->options->path, tally->damaged, missing);
    return SGS_OK;
}
