/* Writing a state file: under a temporary name, synced, renamed over the rank's earlier one, so that it appears in one
 * step. The head goes last: it counts the records and the bytes, so that a file that was cut short, or has more, shows.
 */
#include "folder.h"
#include "frozen.h"
#include "saved_run.h"
#include "state_head.h"
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sgs_state_file {
    char *path, *temporary; /* temporary: NULL once there is no such file any more */
    int fd;
    sgs_state_head head;
};

static sgs_status write_all(sgs_state_file *file, const void *bytes, size_t size, sgs_error *err)
{
    const unsigned char *at = bytes;
    while (size > 0) {
        ssize_t written = write(file->fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return sgs_fail(err, SGS_EIO, "%s: %s", file->path, written < 0 ? strerror(errno) : "nothing was written");
        at += written;
        size -= (size_t)written;
        file->head.bytes += written;
    }
    return SGS_OK;
}

/* The folder, whose name then lasts like the file's. */
static sgs_status make_folder(const char *path, sgs_error *err)
{
    char *folder = sgs_state_folder(path);
    char *parent = sgs_folder_of(path);
    sgs_status status = SGS_OK;
    if (!folder || !parent)
        status = sgs_fail(err, SGS_ENOMEM, "no memory for the state files of %s", path);
    else if (mkdir(folder, 0777) == 0)
        status = sgs_folder_sync(parent, err);
    else if (errno != EEXIST)
        status = sgs_fail(err, SGS_EIO, "%s: %s", folder, strerror(errno));
    free(parent);
    free(folder);
    return status;
}

static sgs_status open_temporary(sgs_state_file *file, const char *path, sgs_error *err)
{
    static const sgs_state_head nothing = {.magic = ""};
    sgs_status status = make_folder(path, err);
    if (status != SGS_OK)
        return status;
    file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file->fd < 0)
        return sgs_fail(err, SGS_EIO, "%s: %s", file->temporary, strerror(errno));
    return write_all(file, &nothing, sizeof nothing, err); /* the head's place */
}

sgs_status sgs_state_create(const char *path, sgs_state_name name, const sgs_grid *grid, sgs_state_file **file,
                            sgs_error *err)
{
    const sgs_key digest = sgs_grid_digest(grid);
    sgs_state_file *made = calloc(1, sizeof *made);
    *file = NULL;
    if (!made)
        return sgs_fail(err, SGS_ENOMEM, "no memory for a state file");
    made->fd = -1;
    made->head = (sgs_state_head){.byte_order = SGS_STATE_BYTE_ORDER,
                                  .format_version = SGS_STATE_FORMAT_VERSION,
                                  .algorithm_version = SGS_ALGORITHM_VERSION,
                                  .digest_hi = digest.hi,
                                  .digest_lo = digest.lo};
    memcpy(made->head.magic, SGS_STATE_MAGIC, sizeof made->head.magic);
    made->path = sgs_state_path(path, name);
    made->temporary = made->path ? sgs_beside(made->path, ".tmp") : NULL;
    sgs_status status = made->temporary ? open_temporary(made, path, err)
                                        : sgs_fail(err, SGS_ENOMEM, "no memory for the name of a state file");
    if (status == SGS_OK)
        *file = made;
    else
        sgs_state_discard(made);
    return status;
}

sgs_status sgs_state_add(sgs_state_file *file, const sgs_saved_run *saved, sgs_error *err)
{
    sgs_record_head head;
    sgs_part parts[SGS_RECORD_PARTS];
    uint32_t crc = 0;
    sgs_status status = SGS_OK;
    sgs_record_parts(saved, &head, parts);
    for (int i = 0; i < SGS_RECORD_PARTS && status == SGS_OK; i++) {
        if (parts[i].size == 0)
            continue;
        crc = sgs_crc32c(crc, parts[i].bytes, parts[i].size);
        status = write_all(file, parts[i].bytes, parts[i].size, err);
    }
    const sgs_record_tail tail = {crc};
    if (status == SGS_OK)
        status = write_all(file, &tail, sizeof tail, err);
    file->head.runs++;
    return status;
}

int64_t sgs_state_bytes(const sgs_state_file *file)
{
    return file->head.bytes;
}

static sgs_status write_head(sgs_state_file *file, sgs_error *err)
{
    file->head.crc = sgs_crc32c(0, &file->head, offsetof(sgs_state_head, crc));
    ssize_t written = pwrite(file->fd, &file->head, sizeof file->head, 0);
    if (written != (ssize_t)sizeof file->head)
        return sgs_fail(err, SGS_EIO, "%s: %s", file->path, written < 0 ? strerror(errno) : "short write");
    return SGS_OK;
}

static sgs_status sync_and_close(sgs_state_file *file, sgs_error *err)
{
    int why = fsync(file->fd) != 0 ? errno : 0;
    if (close(file->fd) != 0 && why == 0)
        why = errno;
    file->fd = -1;
    return why == 0 ? SGS_OK : sgs_fail(err, SGS_EIO, "%s: %s", file->path, strerror(why));
}

sgs_status sgs_state_publish(sgs_state_file *file, sgs_error *err)
{
    char *folder = sgs_folder_of(file->path);
    sgs_status status = folder ? write_head(file, err) : sgs_fail(err, SGS_ENOMEM, "no memory for a folder's name");
    if (status == SGS_OK)
        status = sync_and_close(file, err);
    if (status == SGS_OK && rename(file->temporary, file->path) != 0)
        status = sgs_fail(err, SGS_EIO, "%s: %s", file->path, strerror(errno));
    if (status == SGS_OK) {
        free(file->temporary);
        file->temporary = NULL;
        status = sgs_folder_sync(folder, err);
    }
    free(folder);
    sgs_state_discard(file);
    return status;
}

void sgs_state_discard(sgs_state_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        (void)close(file->fd);
    if (file->temporary)
        (void)unlink(file->temporary);
    free(file->temporary);
    free(file->path);
    free(file);
}
