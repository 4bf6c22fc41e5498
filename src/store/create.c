/* Creating a results file.
 *
 * Invariant: FILE appears in one step, complete and checked, or not at all; an existing FILE is never touched. Order at
 * the end: an older FILE.log (of a FILE that somebody removed) goes first, then FILE appears by link(), which decides a
 * race, then its log. A kill between leaves a FILE without a log, which opens through a child process, never a wrong
 * log. */
#include "build.h"
#include "folder.h"
#include "frozen.h"
#include "store_private.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* Names in play; free them all. A temporary name that is set is that of a file of ours, to be removed. */
typedef struct creation {
    const char *path;
    char *folder, *temporary, *log, *temporary_log;
} creation;

/* Bytes of structure per variable and per file besides values and texts, measured with HDF5 1.10.8. */
enum { VARIABLE_OVERHEAD = 900, FILE_OVERHEAD = 20000, AXIS_OVERHEAD = 2500 };

int64_t sgs_store_size_bytes(const sgs_grid *grid)
{
    sgs_layout layout;
    sgs_layout_build(grid, &layout);
    int64_t bytes = FILE_OVERHEAD + (int64_t)strlen(sgs_grid_canonical(grid)) + (int64_t)strlen(sgs_grid_source(grid));
    for (int i = 0; i < layout.count; i++) {
        const sgs_variable *variable = &layout.variable[i];
        int64_t overhead = VARIABLE_OVERHEAD + (variable->kind == SGS_KIND_AXIS ? AXIS_OVERHEAD : 0);
        if (variable->type == SGS_TYPE_TEXT) /* each label in the heap */
            overhead += 32 * sgs_variable_elements(&layout, variable);
        if (__builtin_add_overflow(bytes, sgs_variable_bytes(&layout, variable), &bytes) ||
            __builtin_add_overflow(bytes, overhead, &bytes))
            return INT64_MAX;
    }
    return bytes;
}

static sgs_status check_space(const creation *c, int64_t needed, const sgs_create_options *options, sgs_error *err)
{
    struct statvfs space;
    if (statvfs(c->folder, &space) != 0)
        return sgs_fail(err, SGS_EIO, "folder %s: %s", c->folder, strerror(errno));
    double free_bytes = (double)space.f_bavail * (double)space.f_frsize, size = (double)needed;
    if (options->ignore_space)
        return SGS_OK;
    if (size > free_bytes)
        return sgs_fail(err, SGS_EIO, "%s needs %.3g GB, %s has %.3g GB free", c->path, size / 1e9, c->folder,
                        free_bytes / 1e9);
    if (options->allow_size || (needed <= SGS_SIZE_LIMIT_BYTES && size <= free_bytes / 2))
        return SGS_OK;
    return sgs_fail(err, SGS_EINVAL, "%s would take %.3g GB, %s; --allow-size makes it all the same", c->path,
                    size / 1e9,
                    needed > SGS_SIZE_LIMIT_BYTES ? "more than 100 GB" : "more than half of the free space");
}

static sgs_status name_files(creation *c, sgs_error *err)
{
    c->folder = sgs_folder_of(c->path);
    c->log = sgs_beside(c->path, ".log");
    if (c->folder && c->log)
        return SGS_OK;
    sgs_fail(err, SGS_ENOMEM, "creating %s", c->path);
    return SGS_ENOMEM;
}

/* Make an empty file under a name of our own beside FILE; a leftover of a killed creation keeps its name. */
static sgs_status make_temporary(const creation *c, const char *what, char **name, sgs_error *err)
{
    for (int attempt = 0; attempt < 10000; attempt++) {
        if (asprintf(name, "%s.%s-%ld-%d", c->path, what, (long)getpid(), attempt) < 0) {
            *name = NULL;
            sgs_fail(err, SGS_ENOMEM, "creating %s", c->path);
            return SGS_ENOMEM;
        }
        int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            close(fd);
            return SGS_OK;
        }
        int why = errno;
        free(*name);
        *name = NULL;
        if (why != EEXIST) {
            sgs_fail(err, SGS_EIO, "cannot create %s: %s", c->path, strerror(why));
            return SGS_EIO;
        }
    }
    sgs_fail(err, SGS_EIO, "cannot create %s: too many leftovers %s.%s-*", c->path, c->path, what);
    return SGS_EIO;
}

static bool is_wide(const sgs_layout *layout, const char *name)
{
    for (int i = 0; i < layout->count; i++)
        if (strcmp(layout->variable[i].name, name) == 0)
            return sgs_variable_is_wide(&layout->variable[i]);
    return false;
}

static sgs_status reserve_wide(int fd, const sgs_layout *layout, const sgs_frozen *frozen, sgs_error *err)
{
    for (int i = 0; i < frozen->count; i++) {
        if (!is_wide(layout, frozen->extent[i].name))
            continue;
        int why;
        do /* a signal that asks to stop is looked at later */
            why = posix_fallocate(fd, frozen->extent[i].offset, frozen->extent[i].bytes);
        while (why == EINTR);
        if (why != 0)
            return sgs_fail(err, SGS_EIO, "reserving %s: %s", frozen->extent[i].name, strerror(why));
    }
    return SGS_OK;
}

/* Reopen the new file read-only and take what the log will say. */
static sgs_status check_new_file(const creation *c, const sgs_grid *grid, sgs_frozen *frozen, sgs_error *err)
{
    sgs_store *store = NULL;
    sgs_status status = sgs_store_open_unchecked(c->temporary, SGS_STORE_READ, &store, err);
    if (status != SGS_OK)
        return sgs_fail_in(err, SGS_EIO, "checking the new file");
    if (!sgs_key_equal(sgs_grid_digest(grid), sgs_grid_digest(sgs_store_grid(store))))
        status = sgs_fail(err, SGS_EFAIL, "the canonical grid parses to another grid");
    if (status == SGS_OK)
        status = sgs_frozen_extents(store, frozen, err);
    sgs_status closed = sgs_store_close(store, status == SGS_OK ? err : NULL);
    return status == SGS_OK ? closed : status;
}

/* layout: whose records and weights are to be reserved; NULL: they are filled. */
static sgs_status finish_file(const creation *c, const sgs_layout *layout, sgs_frozen *frozen, sgs_error *err)
{
    struct stat info;
    int fd = open(c->temporary, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return sgs_fail(err, SGS_EIO, "%s: %s", c->temporary, strerror(errno));
    sgs_status status = layout ? reserve_wide(fd, layout, frozen, err) : SGS_OK;
    /* Truncating to its own size gives back what was reserved behind its end. */
    if (status == SGS_OK && (fstat(fd, &info) != 0 || ftruncate(fd, info.st_size) != 0 || fsync(fd) != 0))
        status = sgs_fail(err, SGS_EIO, "%s: %s", c->temporary, strerror(errno));
    if (status == SGS_OK) {
        frozen->file_bytes = info.st_size;
        status = sgs_frozen_crc(fd, frozen, &frozen->crc, err);
    }
    if (close(fd) != 0 && status == SGS_OK)
        status = sgs_fail(err, SGS_EIO, "%s: %s", c->temporary, strerror(errno));
    return status;
}

static sgs_status write_log(const creation *c, const sgs_frozen *frozen, const sgs_grid *grid, sgs_error *err)
{
    char *line = sgs_frozen_line(frozen, grid);
    if (!line)
        return sgs_fail(err, SGS_ENOMEM, "the first line of %s", c->log);
    sgs_status status = SGS_OK;
    FILE *log = fopen(c->temporary_log, "we");
    bool written = log && fputs(line, log) >= 0 && fflush(log) == 0 && fsync(fileno(log)) == 0;
    if (!written)
        status = sgs_fail(err, SGS_EIO, "%s: %s", c->log, strerror(errno));
    if (log && fclose(log) != 0 && status == SGS_OK)
        status = sgs_fail(err, SGS_EIO, "%s: %s", c->log, strerror(errno));
    free(line);
    return status;
}

int sgs_publish(const char *from, const char *to)
{
    struct stat info;
    if (link(from, to) == 0)
        return 0;
    int why = errno;
    /* NFS may repeat a link whose reply was lost, and then says EEXIST of its own work. */
    if (why == EEXIST)
        return stat(from, &info) == 0 && info.st_nlink == 2 ? 0 : EEXIST;
    if (why != EPERM && why != EOPNOTSUPP && why != ENOSYS)
        return why;
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

/* A log of ours that is left from a file that is gone moves aside; anything else under that name is not ours to touch.
 */
static sgs_status clear_log(const creation *c, sgs_error *err)
{
    static const char ours[] = "{\"event\":\"create\"";
    char head[sizeof ours - 1], *old = NULL;
    int fd = open(c->log, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return SGS_OK;
    ssize_t got = fd < 0 ? -1 : read(fd, head, sizeof head);
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return sgs_fail(err, SGS_EIO, "cannot read %s: %s", c->log, strerror(why));
    if (got != (ssize_t)sizeof head || memcmp(head, ours, sizeof head) != 0)
        return sgs_fail(err, SGS_EEXIST,
                        "%s exists and is no log of a sweep: move it away, the new file needs the name", c->log);
    if (asprintf(&old, "%s.old-%lld", c->log, (long long)time(NULL)) < 0)
        return sgs_fail(err, SGS_ENOMEM, "creating %s", c->path);
    sgs_status status = SGS_OK;
    if (rename(c->log, old) != 0 && errno != ENOENT)
        status = sgs_fail(err, SGS_EIO, "moving the old %s away: %s", c->log, strerror(errno));
    free(old);
    return status;
}

static sgs_status publish(creation *c, sgs_error *err)
{
    struct stat info;
    if (lstat(c->path, &info) == 0) /* somebody was faster: that file's log is not ours */
        return sgs_fail(err, SGS_EEXIST, "%s exists already", c->path);
    sgs_status cleared = clear_log(c, err);
    if (cleared != SGS_OK)
        return cleared;
    int why = sgs_publish(c->temporary, c->path);
    if (why == EEXIST)
        return sgs_fail(err, SGS_EEXIST, "%s exists already", c->path);
    if (why != 0)
        return sgs_fail(err, SGS_EIO, "cannot create %s: %s", c->path, strerror(why));
    sgs_status status = SGS_OK;
    if (rename(c->temporary_log, c->log) != 0)
        status = sgs_fail(err, SGS_EIO, "cannot create %s: %s", c->log, strerror(errno));
    else
        status = sgs_folder_sync(c->folder, err);
    if (status != SGS_OK) {
        unlink(c->path); /* nobody else can have written into it yet */
        unlink(c->log);
    }
    return status;
}

static int64_t wide_bytes(const sgs_layout *layout)
{
    int64_t bytes = 0;
    for (int i = 0; i < layout->count; i++)
        if (sgs_variable_is_wide(&layout->variable[i]) &&
            __builtin_add_overflow(bytes, sgs_variable_bytes(layout, &layout->variable[i]), &bytes))
            return INT64_MAX;
    return bytes;
}

static sgs_status make_file(creation *c, const sgs_grid *grid, const sgs_create_options *options, sgs_error *err)
{
    sgs_layout layout;
    sgs_frozen frozen = {0};
    sgs_layout_build(grid, &layout);
    sgs_build_options build = {.reserve_wide = wide_bytes(&layout) > options->reserve_above_bytes};
    if (!options->ignore_reserve)
        build.reserve_bytes = sgs_store_size_bytes(grid);
    sgs_status status = make_temporary(c, "new", &c->temporary, err);
    if (!c->temporary)
        return status;
    status = sgs_store_build(c->temporary, grid, &layout, &build, err);
    if (status == SGS_OK)
        status = check_new_file(c, grid, &frozen, err);
    if (status == SGS_OK)
        status = finish_file(c, build.reserve_wide ? &layout : NULL, &frozen, err);
    if (status == SGS_OK)
        status = make_temporary(c, "newlog", &c->temporary_log, err);
    return c->temporary_log ? write_log(c, &frozen, grid, err) : status;
}

sgs_status sgs_store_create_with(const char *path, const sgs_grid *grid, const sgs_create_options *options,
                                 sgs_error *err)
{
    creation c = {.path = path};
    struct stat info;
    if (lstat(path, &info) == 0)
        return sgs_fail(err, SGS_EEXIST, "%s exists already", path);
    sgs_hdf5_quiet();
    sgs_status status = name_files(&c, err);
    if (status == SGS_OK)
        status = check_space(&c, sgs_store_size_bytes(grid), options, err);
    if (status == SGS_OK)
        status = make_file(&c, grid, options, err);
    if (status == SGS_OK && c.temporary && c.temporary_log)
        status = publish(&c, err);
    if (c.temporary)
        unlink(c.temporary); /* a second name of FILE by now, or gone by renaming */
    if (c.temporary_log)
        unlink(c.temporary_log);
    free(c.temporary_log);
    free(c.temporary);
    free(c.log);
    free(c.folder);
    return status;
}

sgs_status sgs_store_publish(const char *temporary, const char *path, sgs_error *err)
{
    creation c = {.path = path};
    sgs_status status = name_files(&c, err);
    c.temporary = strdup(temporary);
    c.temporary_log = sgs_beside(temporary, ".log");
    if (status == SGS_OK && (!c.temporary || !c.temporary_log))
        status = sgs_fail(err, SGS_ENOMEM, "creating %s", path);
    if (status == SGS_OK)
        status = publish(&c, err);
    if (status == SGS_OK)
        unlink(temporary);
    free(c.temporary_log);
    free(c.temporary);
    free(c.log);
    free(c.folder);
    return status;
}

sgs_status sgs_store_create(const char *path, const sgs_grid *grid, bool allow_size, sgs_error *err)
{
    sgs_create_options options = {.allow_size = allow_size, .reserve_above_bytes = SGS_RESERVE_ABOVE_BYTES};
    return sgs_store_create_with(path, grid, &options, err);
}
