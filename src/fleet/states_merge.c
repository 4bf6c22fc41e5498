/* Few state files: lives that stop early, one after the other, would each leave files of which a part is needed. */
#include "states.h"
#include <stdlib.h>

/* More than this is left where it is: copying would make the stop long. */
static const int64_t MERGED_BYTES_MAX = INT64_C(256) << 20;

struct merge {
    sgs_state_file *file;
    sgs_status status;
    sgs_error *err;
};

static void copy_record(void *context, const sgs_saved_run *saved, sgs_state_place place)
{
    struct merge *merge = context;

    (void)place;
    if (merge->status == SGS_OK)
        merge->status = sgs_state_add(merge->file, saved, merge->err);
}

static bool is_needed(const struct states *states, int64_t entry)
{
    return !states->gone[entry] && states->file_class[states->entries[entry].file] == STATES_GOOD;
}

/* Files of this life, files of earlier ones that are still needed, and the bytes to copy out of these. */
struct tally {
    int64_t files, bytes;
    bool own; /* rank 0 has a file of this life */
};

static sgs_status count_files(const struct states *states, struct tally *tally, sgs_error *err)
{
    sgs_state_name *names = NULL;
    int64_t listed = 0;
    sgs_status status = sgs_state_list(states->path, false, &names, &listed, err);

    *tally = (struct tally){0};
    for (int64_t i = 0; i < listed; i++) {
        tally->files += names[i].life == states->life;
        tally->own |= names[i].life == states->life && names[i].rank == 0;
    }
    free(names);
    for (int64_t i = 0; i < states->file_count; i++)
        tally->files += states->file_class[i] == STATES_GOOD && states->file_needs[i] > 0;
    for (int64_t i = 0; i < states->count; i++)
        tally->bytes += is_needed(states, i) ? states->entries[i].place.bytes : 0;
    return status;
}

static sgs_status copy_needed(const struct states *states, struct merge *merge)
{
    for (int64_t i = 0; i < states->count && merge->status == SGS_OK; i++) {
        void *bytes = NULL;
        sgs_saved_run saved;
        if (!is_needed(states, i))
            continue;
        merge->status = states_read(states, &states->entries[i], &bytes, &saved, merge->err);
        if (merge->status == SGS_OK)
            merge->status = sgs_state_add(merge->file, &saved, merge->err);
        free(bytes);
    }
    return merge->status;
}

/* The file of rank 0, if there is one, and all that is needed of earlier lives, into one. */
static sgs_status merge_files(struct states *states, bool own, sgs_error *err)
{
    const sgs_state_name name = {states->life, 0};
    struct merge merge = {.err = err};

    merge.status = sgs_state_create(states->path, name, states->grid, &merge.file, err);
    if (merge.status == SGS_OK && own) {
        sgs_status read = sgs_state_scan(states->path, name, states->grid, copy_record, &merge, err);
        merge.status = read > merge.status ? read : merge.status;
    }
    if (merge.status != SGS_OK || copy_needed(states, &merge) != SGS_OK) {
        sgs_state_discard(merge.file);
        return merge.status;
    }
    return sgs_state_publish(merge.file, err);
}

sgs_status states_bound(struct states *states, int64_t files_max, int64_t bytes_max, sgs_error *err)
{
    struct tally tally = {0};
    sgs_status status = states->count > 0 ? count_files(states, &tally, err) : SGS_OK;

    if (status != SGS_OK || tally.bytes == 0 || tally.files <= files_max || tally.bytes > MERGED_BYTES_MAX ||
        (bytes_max > 0 && tally.bytes > bytes_max))
        return status;
    status = merge_files(states, tally.own, err);
    if (status != SGS_OK)
        return status;
    states_supersede(states, (sgs_block){0, sgs_grid_runs(states->grid)});
    return states_prune(states, err);
}
