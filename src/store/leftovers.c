/* What a killed sweep or merge leaves beside its file and nobody would miss. */
#include "folder.h"
#include "sgdsweep/store.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "-DIGITS-DIGITS.lock": Open MPI's name for its lock file of an open file, with job and process. */
static bool is_mpi_lock(const char *tail)
{
    for (int part = 0; part < 2; part++) {
        size_t digits = *tail == '-' ? strspn(tail + 1, "0123456789") : 0;
        if (digits == 0)
            return false;
        tail += 1 + digits;
    }
    return strcmp(tail, ".lock") == 0;
}

/* A results file may be called FILE-12-34, and then that is the name of its lock: ours are known by their record, and
 * before it is written by being held. */
static bool is_lock_of_ours(const char *path)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat info;
    char first = '{';
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return true; /* nor anything that we could read */
    bool theirs = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && pread(fd, &first, 1, 0) == 1 && first != '{' &&
                  fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type == F_UNLCK;
    close(fd);
    return !theirs;
}

/* ".new-PID-NUMBER" or ".newlog-PID-NUMBER" of a creation whose process is gone: who creates holds the lock that the
 * caller has now; only a program that creates without it could be at it still, on this host. */
static bool is_dead_creation(const char *tail)
{
    static const char *const kinds[] = {".new-", ".newlog-"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char *end = NULL;
        if (strncmp(tail, kinds[i], strlen(kinds[i])) != 0)
            continue;
        long pid = strtol(tail + strlen(kinds[i]), &end, 10);
        size_t digits = *end == '-' ? strspn(end + 1, "0123456789") : 0;
        return pid > 0 && digits > 0 && end[1 + digits] == '\0' && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
    }
    return false;
}

/* ".merge-PID", its log and its half-made files, of a merge whose process is gone: a merge holds the lock too, so it is
 * not one of another host. Its inputs have all that was in it. */
static bool is_dead_merge(const char *tail)
{
    static const char kind[] = ".merge-";
    char *end = NULL;
    if (strncmp(tail, kind, strlen(kind)) != 0)
        return false;
    long pid = strtol(tail + strlen(kind), &end, 10);
    bool known = *end == '\0' || strcmp(end, ".log") == 0 || is_dead_creation(end);
    return pid > 0 && known && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

void sgs_store_tidy(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = sgs_folder_of(path), *whole = NULL;
    DIR *dir = folder ? opendir(folder) : NULL;
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        const char *tail = strncmp(entry->d_name, name, strlen(name)) == 0 ? entry->d_name + strlen(name) : "";
        const bool lock = is_mpi_lock(tail);
        if (!lock && !is_dead_creation(tail) && !is_dead_merge(tail))
            continue;
        if (asprintf(&whole, "%s/%s", folder, entry->d_name) < 0)
            break;
        if (!lock || !is_lock_of_ours(whole))
            (void)unlink(whole);
        free(whole);
    }
    if (dir)
        (void)closedir(dir);
    free(folder);
}
