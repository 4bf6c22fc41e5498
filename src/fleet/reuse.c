/* Runs of other results files in a new one: what is copied need not be trained. Before the scan, so that what was
 * copied is read like anything else that is there. A sweep that is stopped here and begun again goes on copying. */
#include "reuse.h"
#include "store/mpi_check.h"
#include <inttypes.h>
#include <sys/stat.h>

static bool same_file(const char *a, const char *b)
{
    struct stat here, there;
    return stat(a, &here) == 0 && stat(b, &there) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

sgs_status reuse_check(const struct sweep *sweep, sgs_error *err)
{
    const sgs_sweep_options *options = sweep->options;
    for (int i = 0; i < options->reuse_count; i++) {
        sgs_store *store = NULL;
        if (same_file(options->path, options->reuse[i]))
            return sgs_fail(err, SGS_EINVAL, "--reuse %s: that is the file to be made", options->reuse[i]);
        sgs_status status = sgs_store_open(options->reuse[i], SGS_STORE_READ, &store, err);
        if (status == SGS_OK)
            status = sgs_store_close(store, err);
        if (status != SGS_OK)
            return sgs_fail_in(err, status, "--reuse");
    }
    return SGS_OK;
}

/* This rank's share of a file, with a look at the clock between chunks. */
static sgs_status copy_share(const struct sweep *sweep, sgs_copier *copier, int64_t runs, sgs_error *err)
{
    int64_t end = sweep_share_begin(sweep, runs, sweep->rank + 1, true);
    sgs_status status = SGS_OK;
    for (int64_t at = sweep_share_begin(sweep, runs, sweep->rank, true); at < end && status == SGS_OK;
         at += SHARE_CHUNK) {
        if (sgs_stop_requested() || sweep_time_is_up(sweep))
            return sgs_fail(err, SGS_STOPPED, "stopped while copying from another file");
        status = sgs_copier_copy(copier, at, end - at < SHARE_CHUNK ? end - at : SHARE_CHUNK, err);
    }
    return status;
}

/* Add up what all ranks copied; tell and log. */
static sgs_status report_coll(struct sweep *sweep, const char *path, const char *why, sgs_copied mine, sgs_error *err)
{
    int64_t n[] = {mine.copied, mine.same, mine.damaged, mine.limited};
    sgs_status status = SGS_OK;
    SGS_MPI(MPI_Allreduce(MPI_IN_PLACE, n, 4, MPI_INT64_T, MPI_SUM, sweep->comm));
    sweep->reused = sweep->reused || n[0] > 0;
    if (sweep->rank != 0)
        return sgs_agree_coll(sweep->comm, SGS_OK, err);
    if (why[0] != '\0')
        progress_say(&sweep->progress, "nothing of %s is reused: %s", path, why);
    else
        progress_say(&sweep->progress,
                     "%" PRId64 " runs copied from %s; not copied: %" PRId64 " that are here, %" PRId64
                     " that do not match their checksums, %" PRId64 " that another step limit ended",
                     n[0], path, n[1], n[2], n[3]);
    status = event_log_add(sweep->log, "reuse",
                           json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "file", path, "why_not", why, "copied",
                                     (json_int_t)n[0], "there", (json_int_t)n[1], "damaged", (json_int_t)n[2],
                                     "other_limit", (json_int_t)n[3]),
                           err);
    return sgs_agree_coll(sweep->comm, status, err);
}

static sgs_status reuse_file_coll(struct sweep *sweep, const char *path, sgs_error *err)
{
    sgs_store *store = NULL;
    sgs_copier *copier = NULL;
    char why[SGS_ERROR_TEXT_BYTES] = "";
    sgs_copied mine = {0};
    sgs_status status = sgs_store_open(path, SGS_STORE_READ, &store, err);
    if (status == SGS_OK)
        status = sgs_copier_create(store, sweep->store, &copier, why, err);
    if (status == SGS_OK && copier)
        status = copy_share(sweep, copier, sgs_store_runs(store), err);
    if (copier)
        mine = sgs_copier_count(copier);
    sgs_copier_destroy(copier);
    sgs_status closed = sgs_store_close(store, status == SGS_OK ? err : NULL);
    status = sgs_agree_coll(sweep->comm, status == SGS_OK ? closed : status, err);
    return status == SGS_OK ? report_coll(sweep, path, why, mine, err) : status;
}

sgs_status reuse_coll(struct sweep *sweep, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int i = 0; i < sweep->options->reuse_count && status == SGS_OK; i++)
        status = reuse_file_coll(sweep, sweep->options->reuse[i], err);
    return status;
}
