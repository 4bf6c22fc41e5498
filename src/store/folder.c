/* Folders (folder.h). */
#include "folder.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

sgs_status sgs_folder_sync(const char *folder, sgs_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    /* EINVAL: a file system that cannot sync folders; EACCES: a folder that may be written but not read */
    if (why != 0 && why != EINVAL && why != EACCES)
        return sgs_fail(err, SGS_EIO, "folder %s: %s", folder, strerror(why));
    return SGS_OK;
}

char *sgs_folder_of(const char *path)
{
    char *copy = strdup(path);
    char *folder = copy ? strdup(dirname(copy)) : NULL;
    free(copy);
    return folder;
}
