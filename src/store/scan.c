/* Scanning runs: what is done, what of it holds its checksum, and the digest over it. */
#include "store_private.h"

/* A finished run counts with its status only if its checksum holds; it is pending otherwise. */
static int8_t count_run(const sgs_page *page, int64_t i, sgs_tally *tally)
{
    const sgs_result *result = &page->results[i];
    if (page->damaged[i]) {
        tally->damaged++;
        return SGS_RUN_PENDING;
    }
    if (sgs_run_status_finished(result->status))
        tally->digest = sgs_key_add(tally->digest, sgs_result_digest(page->keys[i], result));
    return result->status;
}

void sgs_page_count(const sgs_page *page, int8_t *statuses, sgs_tally *tally)
{
    for (int64_t i = 0; i < page->count; i++) {
        int8_t status = count_run(page, i, tally);
        tally->status[status]++;
        if (statuses)
            statuses[i] = status;
    }
}

sgs_status sgs_store_scan(sgs_store *store, int64_t first, int64_t count, int8_t *statuses, sgs_tally *tally,
                          sgs_error *err)
{
    sgs_tally ignored = {.damaged = 0};
    sgs_page page;
    sgs_status status = sgs_store_check_range(store, first, count, err);
    if (status == SGS_OK)
        status = sgs_page_create(store, &page, err);
    if (status != SGS_OK)
        return status;
    for (int64_t at = 0; at < count && status == SGS_OK; at += page.count) {
        status = sgs_store_read_page(store, first + at, count - at < page.room ? count - at : page.room, &page, err);
        if (status == SGS_OK)
            sgs_page_count(&page, statuses ? statuses + at : NULL, tally ? tally : &ignored);
    }
    sgs_page_clear(&page);
    return status;
}
