/* The frozen part of a results file (frozen.h): extents, CRC, check. */
#include "frozen.h"
#include "store_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_offset(const void *left, const void *right)
{
    const sgs_extent *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

sgs_status sgs_frozen_extents(const sgs_store *store, sgs_frozen *frozen, sgs_error *err)
{
    *frozen = (sgs_frozen){0};
    for (int i = 0; i < store->layout.count; i++) {
        if (!sgs_variable_is_live(&store->layout.variable[i]))
            continue;
        haddr_t offset = H5Dget_offset(store->dataset[i]);
        if (offset == HADDR_UNDEF)
            return sgs_hdf5_fail(err, SGS_EDAMAGED, "variable %s has no place", store->layout.variable[i].name);
        frozen->extent[frozen->count++] = (sgs_extent){
            .name = store->layout.variable[i].name,
            .offset = (int64_t)offset,
            .bytes = sgs_variable_bytes(&store->layout, &store->layout.variable[i]),
        };
    }
    qsort(frozen->extent, (size_t)frozen->count, sizeof frozen->extent[0], by_offset);
    return SGS_OK;
}

static sgs_status crc_range(int fd, int64_t begin, int64_t end, uint32_t *crc, sgs_error *err)
{
    enum { PIECE = 1 << 16 };
    unsigned char piece[PIECE];
    while (begin < end) {
        size_t want = end - begin < PIECE ? (size_t)(end - begin) : PIECE;
        ssize_t got = pread(fd, piece, want, begin);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sgs_fail(err, SGS_EIO, "reading byte %lld: %s", (long long)begin, strerror(errno));
        if (got == 0)
            return sgs_fail(err, SGS_EDAMAGED, "truncated at byte %lld", (long long)begin);
        *crc = sgs_crc32c(*crc, piece, (size_t)got);
        begin += got;
    }
    return SGS_OK;
}

sgs_status sgs_frozen_crc(int fd, const sgs_frozen *frozen, uint32_t *crc, sgs_error *err)
{
    sgs_status status = SGS_OK;
    int64_t at = 0;
    *crc = 0;
    for (int i = 0; i < frozen->count && status == SGS_OK; i++) {
        status = crc_range(fd, at, frozen->extent[i].offset, crc, err);
        at = frozen->extent[i].offset + frozen->extent[i].bytes;
    }
    return status == SGS_OK ? crc_range(fd, at, frozen->file_bytes, crc, err) : status;
}

char *sgs_beside(const char *path, const char *suffix)
{
    char *text = NULL;
    return asprintf(&text, "%s%s", path, suffix) < 0 ? NULL : text;
}

/* What can be said of a file without parsing it. */
static sgs_status look_at_file(int fd, int64_t *size, sgs_error *err)
{
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char begin[sizeof signature];
    struct stat info;
    if (fstat(fd, &info) != 0)
        return sgs_fail(err, SGS_EIO, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return sgs_fail(err, SGS_EIO, "not a regular file");
    *size = info.st_size;
    if (info.st_size == 0)
        return sgs_fail(err, SGS_EDAMAGED, "empty file");
    ssize_t got = pread(fd, begin, sizeof begin, 0);
    if (got < 0)
        return sgs_fail(err, SGS_EIO, "%s", strerror(errno));
    if (got != sizeof begin || memcmp(begin, signature, sizeof begin) != 0)
        return sgs_fail(err, SGS_EDAMAGED, "not an HDF5 file");
    return SGS_OK;
}

static sgs_status compare(int fd, int64_t size, const sgs_frozen *frozen, sgs_error *err)
{
    uint32_t crc;
    if (size != frozen->file_bytes)
        return sgs_fail(err, SGS_EDAMAGED, "%s: %lld bytes, made with %lld",
                        size < frozen->file_bytes ? "truncated" : "grown", (long long)size,
                        (long long)frozen->file_bytes);
    sgs_status status = sgs_frozen_crc(fd, frozen, &crc, err);
    if (status != SGS_OK)
        return status;
    if (crc != frozen->crc)
        return sgs_fail(err, SGS_EDAMAGED,
                        "its structure is not what it was when it was made (CRC %08x, in its log %08x)", (unsigned)crc,
                        (unsigned)frozen->crc);
    return SGS_OK;
}

sgs_status sgs_store_check_frozen(const char *path, sgs_error *err)
{
    sgs_frozen frozen;
    bool logged = false;
    int64_t size = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe must not make it wait */
    if (fd < 0)
        return sgs_fail(err, SGS_EIO, "cannot open %s: %s", path, strerror(errno));
    sgs_status status = look_at_file(fd, &size, err);
    if (status == SGS_OK)
        status = sgs_frozen_read_log(path, &logged, &frozen, err);
    if (status == SGS_OK && logged)
        status = compare(fd, size, &frozen, err);
    close(fd);
    if (status != SGS_OK)
        return sgs_fail_in(err, status, "%s", path);
    return logged ? SGS_OK : sgs_probe_file(path, SGS_PROBE_TIMEOUT_S, err);
}
