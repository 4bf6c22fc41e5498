/* Pages: runs read into memory with everything that belongs to them, and judged by their checksums. */
#include "store_private.h"
#include <stdlib.h>

enum { PAGE_RUNS = 1024, PAGE_WIDE_BYTES = 32 << 20 };

/* Fewer runs where each has many records or weights. */
static int64_t page_room(const sgs_store *store)
{
    int64_t wide = 8 * (sgs_store_record_values(store) + sgs_store_weight_values(store));
    int64_t fit = wide > 0 ? PAGE_WIDE_BYTES / wide : PAGE_RUNS;
    return fit < 1 ? 1 : fit < PAGE_RUNS ? fit : PAGE_RUNS;
}

sgs_status sgs_page_create(const sgs_store *store, sgs_page *page, sgs_error *err)
{
    size_t records = (size_t)sgs_store_record_values(store), weights = (size_t)sgs_store_weight_values(store);
    *page = (sgs_page){.room = page_room(store)};
    size_t room = (size_t)page->room;
    page->results = calloc(room, sizeof *page->results);
    page->keys = calloc(room, sizeof *page->keys);
    page->checksums = calloc(room, sizeof *page->checksums);
    page->damaged = calloc(room, sizeof *page->damaged);
    page->records = records > 0 ? calloc(room, records * sizeof *page->records) : NULL;
    page->weights = weights > 0 ? calloc(room, weights * sizeof *page->weights) : NULL;
    if (page->results && page->keys && page->checksums && page->damaged && (records == 0 || page->records) &&
        (weights == 0 || page->weights))
        return SGS_OK;
    sgs_page_clear(page);
    return sgs_fail(err, SGS_ENOMEM, "reading %s", store->path);
}

void sgs_page_clear(sgs_page *page)
{
    free(page->weights);
    free(page->records);
    free(page->damaged);
    free(page->checksums);
    free(page->keys);
    free(page->results);
    *page = (sgs_page){.room = 0};
}

sgs_rows sgs_page_rows(const sgs_store *store, const sgs_page *page, int64_t i)
{
    const sgs_rows rows = {page->results, page->records, page->weights};
    return sgs_rows_from(store, &rows, i);
}

/* Read runs first + [from, from + count) of the page. */
static sgs_status fill(sgs_store *store, sgs_page *page, int64_t from, int64_t count, sgs_error *err)
{
    int64_t first = page->first + from;
    sgs_rows rows = sgs_page_rows(store, page, from);
    sgs_status status = sgs_store_read(store, first, count, page->results + from, page->checksums + from, err);
    if (status == SGS_OK && rows.records)
        status = sgs_store_read_records(store, first, count, (sgs_value *)rows.records, err);
    if (status == SGS_OK && rows.weights)
        status = sgs_store_read_weights(store, first, count, (double *)rows.weights, err);
    return status;
}

static bool holds(const sgs_store *store, const sgs_page *page, int64_t i, int32_t n)
{
    const sgs_rows row = sgs_page_rows(store, page, i);
    return sgs_store_checksum(store, page->keys[i], &row, n) == page->checksums[i];
}

/* A sweep may have written the run between our reads of its values and of its status. Its data were there before its
 * status, so a second look settles it. */
static sgs_status judge(sgs_store *store, sgs_page *page, int64_t i, sgs_error *err)
{
    sgs_run run;
    sgs_stop stop;
    page->damaged[i] = false;
    if (!sgs_run_status_finished(page->results[i].status) || !sgs_grid_run(store->grid, page->first + i, &run, &stop))
        return SGS_OK;
    page->keys[i] = sgs_run_key(&run);
    if (holds(store, page, i, run.n))
        return SGS_OK;
    sgs_status status = fill(store, page, i, 1, err);
    if (status != SGS_OK || !sgs_run_status_finished(page->results[i].status))
        return status;
    page->damaged[i] = !holds(store, page, i, run.n);
    return SGS_OK;
}

sgs_status sgs_store_read_page(sgs_store *store, int64_t first, int64_t count, sgs_page *page, sgs_error *err)
{
    sgs_status status = sgs_store_check_range(store, first, count, err);
    if (status == SGS_OK && count > page->room)
        status = sgs_fail(err, SGS_ERANGE, "%lld runs on a page of %lld", (long long)count, (long long)page->room);
    if (status != SGS_OK)
        return status;
    if (store->algorithm_version != SGS_ALGORITHM_VERSION)
        return sgs_fail(err, SGS_EINVAL, "%s: its runs are of algorithm version %d, this program checks version %d",
                        store->path, store->algorithm_version, SGS_ALGORITHM_VERSION);
    page->first = first;
    page->count = count;
    status = fill(store, page, 0, count, err);
    for (int64_t i = 0; i < count && status == SGS_OK; i++)
        status = judge(store, page, i, err);
    return status;
}
