#include "states.h"
#include "fleet_private.h"
#include "store/mpi_check.h"
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_SAID = 5 };

/* What one rank finds in its share of the files. */
struct harvest {
    struct state_entry *entries;
    int64_t count, capacity;
    char *lines; /* why files were ignored, each NUL-terminated */
    size_t lines_size;
    int64_t file; /* being read */
    struct sweep *sweep;
    sgs_status status;
    sgs_error error;
};

void states_clear(struct states *states)
{
    free(states->files);
    free(states->entries);
    free(states->file_class);
    free(states->file_needs);
    free(states->gone);
    *states = (struct states){0};
}

/* ---- a rank's share -----------------------------------------------------------------------------------------------
 */

static void harvest_fail(struct harvest *harvest, const char *what)
{
    if (harvest->status == SGS_OK)
        harvest->status = sgs_fail(&harvest->error, SGS_ENOMEM, "no memory for %s", what);
}

/* A state counts only if its run is still to do: its results are not there, or not whole. */
static void harvest_run(void *context, const sgs_saved_run *saved, sgs_state_place place)
{
    struct harvest *harvest = context;
    int8_t there = SGS_RUN_PENDING;

    if (harvest->status == SGS_OK)
        harvest->status = sgs_store_scan(harvest->sweep->store, saved->run, 1, &there, NULL, &harvest->error);
    if (harvest->status != SGS_OK || sgs_run_status_finished(there))
        return;
    if (harvest->count == harvest->capacity) {
        int64_t capacity = harvest->capacity > 0 ? 2 * harvest->capacity : 64;
        struct state_entry *grown = realloc(harvest->entries, (size_t)capacity * sizeof *grown);
        if (!grown) {
            harvest_fail(harvest, "the list of saved runs");
            return;
        }
        harvest->entries = grown;
        harvest->capacity = capacity;
    }
    harvest->entries[harvest->count++] =
        (struct state_entry){.run = saved->run, .steps = saved->steps, .place = place, .file = harvest->file};
}

static void keep_line(struct harvest *harvest, const char *text)
{
    size_t size = strlen(text) + 1;
    char *grown = realloc(harvest->lines, harvest->lines_size + size);
    if (!grown) {
        harvest_fail(harvest, "a message");
        return;
    }
    memcpy(grown + harvest->lines_size, text, size);
    harvest->lines = grown;
    harvest->lines_size += size;
}

/* Files rank, rank + size, ... A file that cannot be read costs its runs their progress, never the sweep. */
static void harvest_share(const struct states *states, struct harvest *harvest, int *classes)
{
    const struct sweep *sweep = harvest->sweep;

    for (int64_t i = sweep->rank; i < states->file_count && harvest->status == SGS_OK; i += sweep->size) {
        sgs_error why = {""};
        harvest->file = i;
        sgs_status status = sgs_state_scan(states->path, states->files[i], states->grid, harvest_run, harvest, &why);
        if (status == SGS_OK)
            continue;
        classes[i] = status == SGS_EDAMAGED ? STATES_DAMAGED : STATES_FOREIGN;
        keep_line(harvest, why.text);
    }
}

/* ---- together -----------------------------------------------------------------------------------------------------
 */

/* Number of the own life, and the names of the files, from rank 0. */
static sgs_status share_names_coll(struct sweep *sweep, struct states *states, sgs_error *err)
{
    int64_t head[2] = {0, 1};
    sgs_status status = SGS_OK;

    if (sweep->rank == 0) {
        status = sgs_state_list(states->path, true, &states->files, &states->file_count, err);
        head[0] = states->file_count;
        if (status == SGS_OK && states->file_count > 0)
            head[1] = states->files[states->file_count - 1].life + 1;
    }
    status = sgs_agree_coll(sweep->comm, status, err);
    if (status != SGS_OK)
        return status;
    SGS_MPI(MPI_Bcast(head, 2, MPI_INT64_T, 0, sweep->comm));
    states->file_count = head[0];
    states->life = head[1];
    if (head[0] == 0)
        return SGS_OK;
    if (head[0] > INT_MAX / (int64_t)sizeof *states->files)
        return sgs_fail(err, SGS_EIO, "%s.ckpt holds %" PRId64 " state files: too many", states->path, head[0]);
    if (sweep->rank != 0)
        states->files = calloc((size_t)head[0], sizeof *states->files);
    status = states->files ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "no memory for the names of the state files");
    status = sgs_agree_coll(sweep->comm, status, err);
    if (status == SGS_OK)
        SGS_MPI(MPI_Bcast(states->files, (int)(head[0] * (int64_t)sizeof *states->files), MPI_BYTE, 0, sweep->comm));
    return status;
}

/* Bytes of every rank, one behind the other in rank order, on rank 0 (elsewhere *all is NULL). */
static sgs_status gather_coll(const struct sweep *sweep, const void *mine, int64_t size, char **all, int64_t *total,
                              sgs_error *err)
{
    int own = (int)size;
    int *sizes = NULL;
    int *offsets = NULL;
    sgs_status status = SGS_OK;

    *all = NULL;
    *total = size;
    SGS_MPI(MPI_Allreduce(MPI_IN_PLACE, total, 1, MPI_INT64_T, MPI_SUM, sweep->comm));
    if (*total == 0)
        return SGS_OK;
    if (*total > INT_MAX)
        return sgs_fail(err, SGS_ERANGE, "too many saved runs: their list takes %" PRId64 " bytes", *total);
    if (sweep->rank == 0) {
        sizes = calloc((size_t)sweep->size, sizeof *sizes);
        offsets = calloc((size_t)sweep->size, sizeof *offsets);
        *all = malloc((size_t)*total);
        if (!sizes || !offsets || !*all)
            status = sgs_fail(err, SGS_ENOMEM, "no memory for the list of saved runs");
    }
    status = sgs_agree_coll(sweep->comm, status, err);
    if (status == SGS_OK) {
        SGS_MPI(MPI_Gather(&own, 1, MPI_INT, sizes, 1, MPI_INT, 0, sweep->comm));
        for (int i = 1; sizes && offsets && i < sweep->size; i++) /* rank 0 */
            offsets[i] = offsets[i - 1] + sizes[i - 1];
        SGS_MPI(MPI_Gatherv(mine, own, MPI_BYTE, *all, sizes, offsets, MPI_BYTE, 0, sweep->comm));
    } else {
        free(*all);
        *all = NULL;
    }
    free(sizes);
    free(offsets);
    return status;
}

/* By run; of one run's states the one with most steps first, then the one of the latest life. */
static int compare_entries(const void *a, const void *b)
{
    const struct state_entry *one = a;
    const struct state_entry *other = b;

    if (one->run != other->run)
        return one->run < other->run ? -1 : 1;
    if (one->steps != other->steps)
        return one->steps > other->steps ? -1 : 1;
    return (one->file < other->file) - (one->file > other->file);
}

/* Rank 0: order, keep the best state of each run, count what is needed of each file. */
static sgs_status sort_entries(struct states *states, sgs_error *err)
{
    int64_t kept = 0;

    if (states->count > 0)
        qsort(states->entries, (size_t)states->count, sizeof *states->entries, compare_entries);
    for (int64_t i = 0; i < states->count; i++)
        if (i == 0 || states->entries[i].run != states->entries[kept - 1].run)
            states->entries[kept++] = states->entries[i];
    states->count = kept;
    states->file_needs = calloc((size_t)states->file_count, sizeof *states->file_needs);
    states->gone = calloc((size_t)kept + 1, sizeof *states->gone);
    if (!states->file_needs || !states->gone)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the list of saved runs");
    for (int64_t i = 0; i < kept; i++)
        states->file_needs[states->entries[i].file]++;
    return SGS_OK;
}

static sgs_status share_entries_coll(struct sweep *sweep, struct states *states, const struct harvest *harvest,
                                     sgs_error *err)
{
    char *all = NULL;
    int64_t bytes = 0;
    sgs_status status =
        gather_coll(sweep, harvest->entries, harvest->count * (int64_t)sizeof *harvest->entries, &all, &bytes, err);
    if (status != SGS_OK)
        return status;
    if (sweep->rank == 0) {
        states->entries = (struct state_entry *)(void *)all;
        states->count = bytes / (int64_t)sizeof *states->entries;
        status = sort_entries(states, err);
    }
    status = sgs_agree_coll(sweep->comm, status, err);
    if (status != SGS_OK)
        return status;
    SGS_MPI(MPI_Bcast(&states->count, 1, MPI_INT64_T, 0, sweep->comm));
    if (states->count == 0)
        return SGS_OK;
    if (sweep->rank != 0)
        states->entries = calloc((size_t)states->count, sizeof *states->entries);
    status = states->entries ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "no memory for the list of saved runs");
    status = sgs_agree_coll(sweep->comm, status, err);
    if (status == SGS_OK)
        SGS_MPI(MPI_Bcast(states->entries, (int)(states->count * (int64_t)sizeof *states->entries), MPI_BYTE, 0,
                          sweep->comm));
    return status;
}

/* Rank 0: one line and one event for each file that is ignored, or in part. */
static sgs_status say_ignored(struct sweep *sweep, const char *lines, int64_t bytes, sgs_error *err)
{
    int64_t said = 0;
    sgs_status status = SGS_OK;

    for (int64_t at = 0; lines && at < bytes && status == SGS_OK; at += (int64_t)strlen(lines + at) + 1, said++) {
        if (said < LINES_SAID)
            progress_say(&sweep->progress, "state ignored, its runs start over: %s", lines + at);
        status = event_log_add(sweep->log, "state_ignored", json_pack("{s:s}", "text", lines + at), err);
    }
    if (said > LINES_SAID)
        progress_say(&sweep->progress, "state ignored: %" PRId64 " more state files, named in %s.log",
                     said - LINES_SAID, sweep->options->path);
    return status;
}

static sgs_status share_lines_coll(struct sweep *sweep, const struct harvest *harvest, sgs_error *err)
{
    char *all = NULL;
    int64_t bytes = 0;
    sgs_status status = gather_coll(sweep, harvest->lines, (int64_t)harvest->lines_size, &all, &bytes, err);

    if (status == SGS_OK && sweep->rank == 0)
        status = say_ignored(sweep, all, bytes, err);
    free(all);
    return sgs_agree_coll(sweep->comm, status, err);
}

static sgs_status harvest_coll(struct sweep *sweep, struct states *states, struct harvest *harvest, sgs_error *err)
{
    int *classes = calloc((size_t)states->file_count, sizeof *classes);
    sgs_status status =
        sgs_agree_coll(sweep->comm, classes ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "no memory for states"), err);

    if (status != SGS_OK || !classes) {
        free(classes);
        return status;
    }
    harvest_share(states, harvest, classes);
    if (err && harvest->status != SGS_OK)
        *err = harvest->error;
    status = sgs_agree_coll(sweep->comm, harvest->status, err);
    if (status == SGS_OK)
        SGS_MPI(MPI_Allreduce(MPI_IN_PLACE, classes, (int)states->file_count, MPI_INT, MPI_MAX, sweep->comm));
    if (status == SGS_OK)
        status = share_lines_coll(sweep, harvest, err);
    if (status == SGS_OK)
        status = share_entries_coll(sweep, states, harvest, err);
    states->file_class = classes;
    return status;
}

sgs_status states_open_coll(struct sweep *sweep, struct states *states, sgs_error *err)
{
    struct harvest harvest = {.sweep = sweep};

    *states = (struct states){.path = sweep->options->path, .grid = sweep->grid};
    sgs_status status = share_names_coll(sweep, states, err);
    if (status != SGS_OK || states->file_count == 0)
        return status;
    status = harvest_coll(sweep, states, &harvest, err);
    free(harvest.entries);
    free(harvest.lines);
    if (status == SGS_OK && sweep->rank == 0) {
        status = sgs_store_sync(sweep->store, err);
        if (status == SGS_OK)
            status = states_prune(states, err);
    }
    return sgs_agree_coll(sweep->comm, status, err);
}

/* ---- use ----------------------------------------------------------------------------------------------------------
 */

/* The first entry of a run that is not before this one. */
static int64_t lower_bound(const struct states *states, int64_t run)
{
    int64_t low = 0;
    int64_t high = states->count;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (states->entries[middle].run < run)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct state_entry *states_find(const struct states *states, int64_t run)
{
    int64_t at = lower_bound(states, run);
    return at < states->count && states->entries[at].run == run ? &states->entries[at] : NULL;
}

sgs_status states_read(const struct states *states, const struct state_entry *entry, void **bytes, sgs_saved_run *saved,
                       sgs_error *err)
{
    sgs_status status =
        sgs_state_read(states->path, states->files[entry->file], states->grid, entry->place, bytes, saved, err);
    if (status != SGS_OK || saved->run == entry->run)
        return status;
    free(*bytes);
    *bytes = NULL;
    return sgs_fail(err, SGS_EDAMAGED, "the state of run %" PRId64 " is not where it was", entry->run);
}

void states_supersede(struct states *states, sgs_block block)
{
    int64_t at = lower_bound(states, block.first);

    for (; at < states->count && states->entries[at].run - block.first < block.count; at++) {
        states->file_needs[states->entries[at].file] -= !states->gone[at];
        states->gone[at] = true;
    }
}

sgs_status states_prune(struct states *states, sgs_error *err)
{
    sgs_status status = SGS_OK;

    for (int64_t i = 0; i < states->file_count && status == SGS_OK; i++)
        if (states->file_class[i] == STATES_GOOD && states->file_needs[i] == 0)
            status = sgs_state_remove(states->path, states->files[i], err);
    return status;
}

static bool is_foreign(const struct states *states, sgs_state_name name)
{
    for (int64_t i = 0; i < states->file_count; i++)
        if (states->files[i].life == name.life && states->files[i].rank == name.rank)
            return states->file_class[i] == STATES_FOREIGN;
    return false;
}

sgs_status states_remove_all(struct states *states, sgs_error *err)
{
    sgs_state_name *names = NULL;
    int64_t count = 0;
    sgs_status status = sgs_state_list(states->path, true, &names, &count, err);

    for (int64_t i = 0; i < count && status == SGS_OK; i++)
        if (!is_foreign(states, names[i]))
            status = sgs_state_remove(states->path, names[i], err);
    free(names);
    if (status == SGS_OK)
        sgs_state_remove_folder(states->path);
    return status;
}
