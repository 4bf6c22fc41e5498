/* sgdsweep merge -o OUT IN...: one results file of the runs of several.
 *
 * OUT is made under a temporary name, filled, read back and published whole, so that a kill leaves no OUT. */
#include "../fleet/event_log.h"
#include "cli.h"
#include "sgdsweep/fleet.h"
#include "sgdsweep/store.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: sgdsweep merge -o OUT IN...\n\n"
    "Make the results file OUT from the runs of others. Its grid is the smallest that has all of theirs, with sorted\n"
    "axes; apart from the axes the grids must be the same. Runs are told by their parameters, so it does not matter "
    "in\n"
    "which order files are given, or whether they overlap; two files with different bytes for one run are an error.\n\n"
    "  -o, --output OUT  a file that is not there yet\n"
    "      --allow-size  create a file above 100 GB or half of the free space\n"
    "      --help        this\n\n"
    "Exit code 75 if runs of the grid are in no IN, with their number: `sgdsweep status --grid OUT` prints the grid, "
    "and\n"
    "`sgdsweep run` with it trains them. Exit code 3 and no OUT if a run does not match its checksum and is in no "
    "other\n"
    "IN, or has other bytes there.\n";

enum { CHUNK = 16384 };

struct merge {
    const char *out;
    char *const *in;
    int count;
    bool allow_size;
    bool complaining; /* about damaged runs that are not there */
    sgs_lock *lock;   /* of OUT: no other merge and no sweep makes it meanwhile */
    char *temporary;  /* NULL before there is such a file */
    sgs_grid *grid;
    sgs_store *store;
    struct event_log *log;
    sgs_tally tally;
    int64_t first_pending; /* -1: none */
    sgs_copied sum;
};

/* ---- the grid -----------------------------------------------------------------------------------------------------
 */

static sgs_status add_grid(struct merge *merge, const char *path, const sgs_grid *grid, sgs_grid_union *sum,
                           sgs_error *err)
{
    sgs_status status = sgs_grid_union_add(sum, grid, err);
    if (status == SGS_EINVAL)
        return sgs_fail_in(err, status, "%s and %s do not go together", merge->in[0], path);
    return status;
}

/* One file is open at a time: there may be thousands. */
static sgs_status add_grids(struct merge *merge, sgs_grid_union *sum, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int i = 0; i < merge->count && status == SGS_OK; i++) {
        sgs_store *store = NULL;
        status = sgs_store_open(merge->in[i], SGS_STORE_READ, &store, err);
        if (status == SGS_OK && sgs_store_algorithm_version(store) != SGS_ALGORITHM_VERSION)
            status = sgs_fail(err, SGS_EINVAL, "%s was trained by algorithm version %d, this program has %d",
                              merge->in[i], sgs_store_algorithm_version(store), SGS_ALGORITHM_VERSION);
        if (status == SGS_OK)
            status = add_grid(merge, merge->in[i], sgs_store_grid(store), sum, err);
        sgs_status closed = sgs_store_close(store, status == SGS_OK ? err : NULL);
        status = status == SGS_OK ? closed : status;
    }
    return status;
}

static sgs_status unite_grids(struct merge *merge, sgs_error *err)
{
    sgs_grid_union *sum = NULL;
    sgs_status status = sgs_grid_union_create(&sum, err);
    if (status == SGS_OK)
        status = add_grids(merge, sum, err);
    if (status == SGS_OK) {
        status = sgs_grid_union_make(sum, &merge->grid, err);
        if (status == SGS_EINVAL)
            status = sgs_fail_in(err, status, "the union of the grids");
    }
    sgs_grid_union_destroy(sum);
    return status;
}

/* ---- the runs -----------------------------------------------------------------------------------------------------
 */

static sgs_status copy_runs(sgs_copier *copier, int64_t runs, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int64_t at = 0; at < runs && status == SGS_OK; at += CHUNK) {
        if (sgs_stop_requested())
            return sgs_fail(err, SGS_STOPPED, "stopped: nothing was made");
        status = sgs_copier_copy(copier, at, runs - at < CHUNK ? runs - at : CHUNK, err);
    }
    return status;
}

static sgs_status copy_file(struct merge *merge, const char *path, sgs_copied *count, sgs_error *err)
{
    sgs_store *store = NULL;
    sgs_copier *copier = NULL;
    char why[SGS_ERROR_TEXT_BYTES] = "", text[SGS_RUN_TEXT_BYTES] = "";
    sgs_status status = sgs_store_open(path, SGS_STORE_READ, &store, err);
    if (status == SGS_OK)
        status = sgs_copier_create(store, merge->store, &copier, why, err);
    if (status == SGS_OK && !copier)
        status = sgs_fail(err, SGS_EFAIL, "nothing of %s can be taken: %s", path, why);
    if (copier) {
        status = copy_runs(copier, sgs_store_runs(store), err);
        *count = sgs_copier_count(copier);
    }
    if (status == SGS_OK && merge->complaining && count->lost > 0)
        status = sgs_fail(err, SGS_EDAMAGED,
                          "%" PRId64 " runs of %s do not match their checksums and are in no other file, such as run "
                          "%" PRId64 " (%s); nothing was made; `sgdsweep verify --repair` sets them pending there",
                          count->lost, path, count->first_lost,
                          sgs_grid_run_text(sgs_store_grid(store), count->first_lost, text));
    sgs_copier_destroy(copier);
    sgs_status closed = sgs_store_close(store, status == SGS_OK ? err : NULL);
    return status == SGS_OK ? closed : status;
}

static sgs_status take_file(struct merge *merge, const char *path, sgs_error *err)
{
    sgs_copied count = {0};
    sgs_status status = copy_file(merge, path, &count, err);
    merge->sum.copied += count.copied;
    merge->sum.same += count.same;
    merge->sum.damaged += count.damaged;
    if (count.damaged > 0)
        (void)fprintf(stderr, "sgdsweep: %s: %" PRId64 " runs do not match their checksums and are left out\n", path,
                      count.damaged);
    if (status == SGS_OK)
        status = event_log_add(merge->log, "merge", json_pack("{s:s}", "file", path), err);
    return status;
}

/* Some files are damaged: now that all is copied, does every damaged run stand in another one? */
static sgs_status find_lost(struct merge *merge, sgs_error *err)
{
    sgs_status status = SGS_OK;
    merge->complaining = true;
    for (int i = 0; i < merge->count && status == SGS_OK && merge->sum.damaged > 0; i++) {
        sgs_copied count = {0};
        status = copy_file(merge, merge->in[i], &count, err);
    }
    return status;
}

/* In a grid with a rule for the number of seeds: what follows from the runs that are there. */
static sgs_status settle_cells(struct merge *merge, sgs_error *err)
{
    int64_t seeds = sgs_grid_axis_size(merge->grid, SGS_AXIS_SEED);
    sgs_status status = SGS_OK;
    if (!sgs_grid_until(merge->grid))
        return SGS_OK;
    int8_t *seen = malloc((size_t)seeds);
    if (!seen)
        return sgs_fail(err, SGS_ENOMEM, "settling the cells");
    for (int64_t cell = 0; cell < sgs_grid_runs(merge->grid) / seeds && status == SGS_OK; cell++) {
        sgs_cell_scan scan;
        sgs_tally ignored = {.damaged = 0};
        status = sgs_store_scan_cell(merge->store, cell, seen, &ignored, &scan, err);
        if (status == SGS_OK && !scan.skipped && !scan.settled)
            status = sgs_store_settle_cell(merge->store, cell, seen, &scan, err);
    }
    free(seen);
    return status;
}

static sgs_status copy_files(struct merge *merge, sgs_error *err)
{
    sgs_status status = sgs_store_open(merge->temporary, SGS_STORE_WRITE, &merge->store, err);
    if (status == SGS_OK)
        status = event_log_open(merge->temporary, &merge->log, err);
    for (int i = 0; i < merge->count && status == SGS_OK; i++)
        status = take_file(merge, merge->in[i], err);
    if (status == SGS_OK)
        status = settle_cells(merge, err);
    if (status == SGS_OK)
        status = find_lost(merge, err);
    if (status == SGS_OK)
        status = sgs_store_sync(merge->store, err);
    sgs_status closed = event_log_close(merge->log, status == SGS_OK ? err : NULL);
    status = status == SGS_OK ? closed : status;
    closed = sgs_store_close(merge->store, status == SGS_OK ? err : NULL);
    merge->store = NULL;
    return status == SGS_OK ? closed : status;
}

/* ---- reading back -------------------------------------------------------------------------------------------------
 */

static sgs_status scan(struct merge *merge, sgs_error *err)
{
    int64_t runs = sgs_store_runs(merge->store);
    int8_t *seen = malloc(CHUNK);
    sgs_status status = SGS_OK;
    merge->first_pending = -1;
    if (!seen)
        return sgs_fail(err, SGS_ENOMEM, "reading back");
    for (int64_t at = 0; at < runs && status == SGS_OK; at += CHUNK) {
        int64_t count = runs - at < CHUNK ? runs - at : CHUNK;
        status = sgs_store_scan(merge->store, at, count, seen, &merge->tally, err);
        for (int64_t i = 0; i < count && merge->first_pending < 0 && status == SGS_OK; i++)
            if (seen[i] == SGS_RUN_PENDING)
                merge->first_pending = at + i;
    }
    free(seen);
    return status;
}

static sgs_status read_back(struct merge *merge, sgs_error *err)
{
    sgs_status status = sgs_store_open(merge->temporary, SGS_STORE_READ, &merge->store, err);
    if (status == SGS_OK)
        status = scan(merge, err);
    sgs_status closed = sgs_store_close(merge->store, status == SGS_OK ? err : NULL);
    merge->store = NULL;
    if (status == SGS_OK && merge->tally.damaged > 0)
        status = sgs_fail(err, SGS_EDAMAGED, "%" PRId64 " runs did not read back as they were written",
                          merge->tally.damaged);
    return status == SGS_OK ? closed : status;
}

static sgs_status say_result(const struct merge *merge, sgs_error *err)
{
    char digest[SGS_KEY_TEXT_BYTES], text[SGS_RUN_TEXT_BYTES];
    int64_t pending = merge->tally.status[SGS_RUN_PENDING];
    printf("runs            %" PRId64 "\nskipped         %" PRId64 "\npending         %" PRId64
           "\ncopied          %" PRId64 "\nin several      %" PRId64 "\ndamaged         %" PRId64
           "\nresults_digest  %s\n",
           sgs_grid_runs(merge->grid), merge->tally.status[SGS_RUN_SKIPPED], pending, merge->sum.copied,
           merge->sum.same, merge->sum.damaged, sgs_key_text(merge->tally.digest, digest));
    if (pending == 0)
        return SGS_OK;
    return sgs_fail(err, SGS_STOPPED, "%s: %" PRId64 " runs of its grid are in no file, such as run %" PRId64 " (%s)",
                    merge->out, pending, merge->first_pending,
                    sgs_grid_run_text(merge->grid, merge->first_pending, text));
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static sgs_status refuse_existing(const struct merge *merge, sgs_error *err)
{
    return access(merge->out, F_OK) == 0 ? sgs_fail(err, SGS_EEXIST, "%s exists already", merge->out) : SGS_OK;
}

static sgs_status make_file(struct merge *merge, sgs_error *err)
{
    char *name = NULL, notice[SGS_ERROR_TEXT_BYTES] = "";
    sgs_status status = refuse_existing(merge, err);
    if (status == SGS_OK)
        status = sgs_lock_take(merge->out, &merge->lock, notice, err);
    if (status == SGS_OK && notice[0] != '\0')
        (void)fprintf(stderr, "sgdsweep: %s\n", notice);
    if (status == SGS_OK)
        status = refuse_existing(merge, err); /* who had the lock may have made it */
    if (status != SGS_OK)
        return status;
    sgs_store_tidy(merge->out);
    if (asprintf(&name, "%s.merge-%ld", merge->out, (long)getpid()) < 0)
        return sgs_fail(err, SGS_ENOMEM, "merging into %s", merge->out);
    status = sgs_store_create(name, merge->grid, merge->allow_size, err);
    if (status == SGS_OK)
        merge->temporary = name;
    else
        free(name);
    return status;
}

static sgs_status merge_files(struct merge *merge, sgs_error *err)
{
    sgs_status status = unite_grids(merge, err);
    if (status == SGS_OK)
        status = make_file(merge, err);
    if (status == SGS_OK)
        status = copy_files(merge, err);
    if (status == SGS_OK)
        status = read_back(merge, err);
    if (status == SGS_OK)
        status = sgs_store_publish(merge->temporary, merge->out, err);
    if (status == SGS_OK)
        status = say_result(merge, err);
    return status;
}

static void clean_up(struct merge *merge)
{
    char *log = NULL;
    if (merge->temporary) {
        (void)unlink(merge->temporary);
        if (asprintf(&log, "%s.log", merge->temporary) >= 0) {
            (void)unlink(log);
            free(log);
        }
    }
    sgs_lock_release(merge->lock);
    free(merge->temporary);
    sgs_grid_destroy(merge->grid);
}

int cli_merge(int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"allow-size", no_argument, NULL, 'a'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct merge merge = {.out = ""};
    sgs_error err = {""};
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":ho:", options, NULL)) != -1) {
        if (found == 'h')
            return fputs(help, stdout) < 0 ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
        if (found == '?' || found == ':')
            return cli_option_error(found, argc, argv);
        if (found == 'o')
            merge.out = optarg;
        merge.allow_size |= found == 'a';
    }
    if (merge.out[0] == '\0')
        return cli_usage_error("merge: -o OUT is missing");
    if (optind == argc)
        return cli_usage_error("merge: a results file to merge is missing");
    merge.in = argv + optind;
    merge.count = argc - optind;
    sgs_stop_install();
    sgs_status status = merge_files(&merge, &err);
    int code = cli_failure(status, &err);
    clean_up(&merge);
    return code;
}
