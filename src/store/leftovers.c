/* What a killed sweep leaves beside its file and nobody would miss. */
#include "folder.h"
#include "sgdsweep/store.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

void sgs_store_tidy(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = sgs_folder_of(path), *whole = NULL;
    DIR *dir = folder ? opendir(folder) : NULL;
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (strncmp(entry->d_name, name, strlen(name)) != 0 || !is_mpi_lock(entry->d_name + strlen(name)))
            continue;
        if (asprintf(&whole, "%s/%s", folder, entry->d_name) >= 0) {
            (void)unlink(whole);
            free(whole);
        }
    }
    if (dir)
        (void)closedir(dir);
    free(folder);
}
