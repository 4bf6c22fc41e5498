/* Scanning runs: what is done, what of it holds its checksum, and the digest over it. */
#include "store_private.h"
#include <stdlib.h>

enum { SCAN_RUNS = 1024, SCAN_WIDE_BYTES = 32 << 20 };

/* Buffers of one piece of a scan; records and weights NULL when the file keeps none. */
typedef struct piece {
    int64_t first, count;
    sgs_result *results;
    uint32_t *checksums;
    sgs_value *records;
    double *weights;
} piece;

static sgs_status read_piece(sgs_store *store, const piece *p, sgs_error *err)
{
    sgs_status status = sgs_store_read(store, p->first, p->count, p->results, p->checksums, err);
    if (status == SGS_OK && p->records)
        status = sgs_store_read_records(store, p->first, p->count, p->records, err);
    if (status == SGS_OK && p->weights)
        status = sgs_store_read_weights(store, p->first, p->count, p->weights, err);
    return status;
}

/* A finished run counts with its status only if its checksum holds; it is pending otherwise. */
static int8_t judge_run(const sgs_store *store, const piece *p, int64_t i, sgs_tally *tally)
{
    const sgs_result *result = &p->results[i];
    sgs_run run;
    sgs_stop stop;
    if (!sgs_run_status_finished(result->status) || !sgs_grid_run(store->grid, p->first + i, &run, &stop))
        return result->status;
    sgs_key key = sgs_run_key(&run);
    const sgs_rows rows = {p->results, p->records, p->weights}, row = sgs_rows_from(store, &rows, i);
    if (sgs_store_checksum(store, key, &row, run.n) != p->checksums[i]) {
        tally->damaged++;
        return SGS_RUN_PENDING;
    }
    tally->digest = sgs_key_add(tally->digest, sgs_result_digest(key, result));
    return result->status;
}

static void judge_piece(const sgs_store *store, const piece *p, int8_t *statuses, sgs_tally *tally)
{
    for (int64_t i = 0; i < p->count; i++) {
        int8_t status = judge_run(store, p, i, tally);
        tally->status[status]++;
        if (statuses)
            statuses[i] = status;
    }
}

/* Runs of a piece: fewer where each has many records or weights. */
static int64_t piece_runs(const sgs_store *store)
{
    int64_t wide = 8 * (sgs_store_record_values(store) + sgs_store_weight_values(store));
    int64_t fit = wide > 0 ? SCAN_WIDE_BYTES / wide : SCAN_RUNS;
    return fit < 1 ? 1 : fit < SCAN_RUNS ? fit : SCAN_RUNS;
}

static sgs_status scan_pieces(sgs_store *store, piece *p, int64_t end, int8_t *statuses, sgs_tally *tally,
                              sgs_error *err)
{
    int64_t begin = p->first, largest = piece_runs(store);
    for (; p->first < end; p->first += p->count) {
        p->count = end - p->first < largest ? end - p->first : largest;
        sgs_status status = read_piece(store, p, err);
        if (status != SGS_OK)
            return status;
        judge_piece(store, p, statuses ? statuses + (p->first - begin) : NULL, tally);
    }
    return SGS_OK;
}

sgs_status sgs_store_scan(sgs_store *store, int64_t first, int64_t count, int8_t *statuses, sgs_tally *tally,
                          sgs_error *err)
{
    sgs_tally ignored = {.damaged = 0};
    sgs_status status = sgs_store_check_range(store, first, count, err);
    if (status != SGS_OK)
        return status;
    if (store->algorithm_version != SGS_ALGORITHM_VERSION)
        return sgs_fail(err, SGS_EINVAL, "%s: its runs are of algorithm version %d, this program checks version %d",
                        store->path, store->algorithm_version, SGS_ALGORITHM_VERSION);
    size_t runs = (size_t)piece_runs(store), records = (size_t)sgs_store_record_values(store);
    size_t weights = (size_t)sgs_store_weight_values(store);
    piece p = {.first = first};
    p.results = malloc(runs * sizeof *p.results);
    p.checksums = malloc(runs * sizeof *p.checksums);
    p.records = records > 0 ? malloc(runs * records * sizeof *p.records) : NULL;
    p.weights = weights > 0 ? malloc(runs * weights * sizeof *p.weights) : NULL;
    if (!p.results || !p.checksums || (records > 0 && !p.records) || (weights > 0 && !p.weights))
        status = sgs_fail(err, SGS_ENOMEM, "scanning %s", store->path);
    else
        status = scan_pieces(store, &p, first + count, statuses, tally ? tally : &ignored, err);
    free(p.weights);
    free(p.records);
    free(p.checksums);
    free(p.results);
    return status;
}
