/* FILE.ckpt/: names of state files, listing and removing them. */
#include "frozen.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *sgs_state_folder(const char *path)
{
    return sgs_beside(path, ".ckpt");
}

char *sgs_state_path(const char *path, sgs_state_name name)
{
    char *text = NULL;
    if (asprintf(&text, "%s.ckpt/%" PRId64 "-%" PRId64 ".state", path, name.life, name.rank) < 0)
        return NULL;
    return text;
}

/* "LIFE-RANK.state" or, with temporary, "LIFE-RANK.state.tmp"; and nothing else, not even other spellings of it. */
static bool parse_name(const char *text, bool temporary, sgs_state_name *name)
{
    char again[80];
    char *end = NULL;
    const long long life = strtoll(text, &end, 10);
    const long long rank = *end == '-' ? strtoll(end + 1, NULL, 10) : -1;
    if (life < 0 || rank < 0)
        return false;
    *name = (sgs_state_name){life, rank};
    (void)snprintf(again, sizeof again, "%lld-%lld.state%s", life, rank, temporary ? ".tmp" : "");
    return strcmp(text, again) == 0;
}

static int compare_names(const void *a, const void *b)
{
    const sgs_state_name *one = a;
    const sgs_state_name *other = b;
    if (one->life != other->life)
        return one->life < other->life ? -1 : 1;
    return (one->rank > other->rank) - (one->rank < other->rank);
}

typedef struct name_list {
    sgs_state_name *at;
    int64_t count, capacity;
} name_list;

static bool append_name(name_list *list, sgs_state_name name)
{
    if (list->count == list->capacity) {
        int64_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        sgs_state_name *grown = realloc(list->at, (size_t)capacity * sizeof *grown);
        if (!grown)
            return false;
        list->at = grown;
        list->capacity = capacity;
    }
    list->at[list->count++] = name;
    return true;
}

static sgs_status list_folder(DIR *folder, const char *where, bool tidy, name_list *list, sgs_error *err)
{
    const struct dirent *entry;
    sgs_state_name name;
    errno = 0;
    while ((entry = readdir(folder)) != NULL) {
        if (parse_name(entry->d_name, false, &name) && !append_name(list, name))
            return sgs_fail(err, SGS_ENOMEM, "no memory for the names in %s", where);
        if (tidy && parse_name(entry->d_name, true, &name))
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* nothing depends on it: the next life tries again */
        errno = 0;
    }
    return errno == 0 ? SGS_OK : sgs_fail(err, SGS_EIO, "%s: %s", where, strerror(errno));
}

sgs_status sgs_state_list(const char *path, bool tidy, sgs_state_name **names, int64_t *count, sgs_error *err)
{
    name_list list = {0};
    sgs_status status = SGS_OK;
    char *where = sgs_state_folder(path);
    *names = NULL;
    *count = 0;
    if (!where)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the state files of %s", path);
    DIR *folder = opendir(where);
    if (folder)
        status = list_folder(folder, where, tidy, &list, err);
    else if (errno != ENOENT && errno != ENOTDIR)
        status = sgs_fail(err, SGS_EIO, "%s: %s", where, strerror(errno));
    if (folder)
        (void)closedir(folder);
    free(where);
    if (status != SGS_OK) {
        free(list.at);
        return status;
    }
    if (list.count > 0)
        qsort(list.at, (size_t)list.count, sizeof *list.at, compare_names);
    *names = list.at;
    *count = list.count;
    return SGS_OK;
}

sgs_status sgs_state_remove(const char *path, sgs_state_name name, sgs_error *err)
{
    char *file = sgs_state_path(path, name);
    sgs_status status = SGS_OK;
    if (!file)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the name of a state file");
    if (unlink(file) != 0 && errno != ENOENT)
        status = sgs_fail(err, SGS_EIO, "removing %s: %s", file, strerror(errno));
    free(file);
    return status;
}

void sgs_state_remove_folder(const char *path)
{
    char *folder = sgs_state_folder(path);
    if (folder)
        (void)rmdir(folder); /* not empty: something in it is not ours */
    free(folder);
}
