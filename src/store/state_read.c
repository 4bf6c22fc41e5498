/* Reading state files. Whatever bytes a file has: nothing is believed before its checksum holds, nothing is allocated
 * beyond what a run of the grid can need. */
#include "saved_run.h"
#include "state_head.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A state file that is being read. */
typedef struct reading {
    char *path;
    int fd;
    int64_t bytes; /* as the file system says */
    sgs_state_head head;
} reading;

/* Exactly size bytes from offset on. */
static sgs_status read_all(const reading *r, void *bytes, int64_t size, int64_t offset, sgs_error *err)
{
    unsigned char *at = bytes;
    while (size > 0) {
        ssize_t got = pread(r->fd, at, (size_t)size, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sgs_fail(err, SGS_EIO, "%s: %s", r->path, strerror(errno));
        if (got == 0)
            return sgs_fail(err, SGS_EDAMAGED, "%s is cut short", r->path);
        at += got;
        offset += got;
        size -= got;
    }
    return SGS_OK;
}

/* In this order: what it is, that it is whole, whose it is. */
static sgs_status check_head(const reading *r, const sgs_grid *grid, sgs_error *err)
{
    const sgs_state_head *head = &r->head;
    const sgs_key digest = sgs_grid_digest(grid);
    if (memcmp(head->magic, SGS_STATE_MAGIC, sizeof head->magic) != 0)
        return sgs_fail(err, SGS_EDAMAGED, "%s is no state file", r->path);
    if (head->byte_order != SGS_STATE_BYTE_ORDER)
        return sgs_fail(err, SGS_EINVAL, "%s is of a machine with another byte order", r->path);
    if (head->format_version != SGS_STATE_FORMAT_VERSION)
        return sgs_fail(err, SGS_EINVAL, "%s has state format version %" PRIu32 ", this program reads %d", r->path,
                        head->format_version, SGS_STATE_FORMAT_VERSION);
    if (head->crc != sgs_crc32c(0, head, offsetof(sgs_state_head, crc)))
        return sgs_fail(err, SGS_EDAMAGED, "%s is damaged: the checksum of its head does not hold", r->path);
    if (head->algorithm_version != SGS_ALGORITHM_VERSION)
        return sgs_fail(err, SGS_EINVAL, "%s is of algorithm version %" PRIu32 ", this program has %d", r->path,
                        head->algorithm_version, SGS_ALGORITHM_VERSION);
    if (!sgs_key_equal(digest, (sgs_key){.hi = head->digest_hi, .lo = head->digest_lo}))
        return sgs_fail(err, SGS_EINVAL, "%s is of another grid", r->path);
    if (head->bytes != r->bytes)
        return sgs_fail(err, SGS_EDAMAGED, "%s is damaged: it has %" PRId64 " bytes of %" PRId64, r->path, r->bytes,
                        head->bytes);
    return SGS_OK;
}

/* O_NONBLOCK: whatever has the name, opening it must not wait. */
static sgs_status open_state(const char *path, sgs_state_name name, const sgs_grid *grid, reading *r, sgs_error *err)
{
    struct stat info;
    *r = (reading){.fd = -1, .path = sgs_state_path(path, name)};
    if (!r->path)
        return sgs_fail(err, SGS_ENOMEM, "no memory for the name of a state file");
    r->fd = open(r->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (r->fd < 0 && errno == ENOENT) /* removed meanwhile, by whoever: its runs start over */
        return sgs_fail(err, SGS_EDAMAGED, "%s: %s", r->path, strerror(errno));
    if (r->fd < 0 || fstat(r->fd, &info) != 0)
        return sgs_fail(err, SGS_EIO, "%s: %s", r->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return sgs_fail(err, SGS_EDAMAGED, "%s is no state file", r->path);
    r->bytes = info.st_size;
    sgs_status status = read_all(r, &r->head, sizeof r->head, 0, err);
    return status == SGS_OK ? check_head(r, grid, err) : status;
}

static void close_state(reading *r)
{
    if (r->fd >= 0)
        (void)close(r->fd);
    free(r->path);
}

/* The record at an offset, into bytes, which has room for the largest of this grid. */
static sgs_status read_record(const reading *r, const sgs_grid *grid, sgs_state_place place, void *bytes,
                              sgs_saved_run *saved, sgs_error *err)
{
    sgs_status status = read_all(r, bytes, place.bytes, place.offset, err);
    if (status != SGS_OK)
        return status;
    status = sgs_saved_decode(bytes, place.bytes, saved, err);
    if (status == SGS_OK)
        status = sgs_saved_check(saved, grid, err);
    return status == SGS_OK ? SGS_OK : sgs_fail_in(err, SGS_EDAMAGED, "%s", r->path);
}

/* Where the record at an offset ends, as its head says, if that can be true at all. */
static sgs_status measure_record(const reading *r, int64_t bytes_max, sgs_state_place *place, sgs_error *err)
{
    sgs_record_head head;
    if (r->bytes - place->offset < (int64_t)sizeof head)
        return sgs_fail(err, SGS_EDAMAGED, "%s has fewer records than it says", r->path);
    sgs_status status = read_all(r, &head, sizeof head, place->offset, err);
    place->bytes = head.bytes;
    if (status == SGS_OK &&
        (!sgs_record_adds_up(&head) || head.bytes > bytes_max || head.bytes > r->bytes - place->offset))
        status = sgs_fail(err, SGS_EDAMAGED, "%s is damaged: a record's sizes do not add up", r->path);
    return status;
}

/* What sgs_state_scan does with an open file. */
typedef struct scanning {
    const sgs_grid *grid;
    void (*visit)(void *context, const sgs_saved_run *saved, sgs_state_place place);
    void *context;
} scanning;

static sgs_status scan_records(const reading *r, const scanning *scan, sgs_error *err)
{
    const int64_t bytes_max = sgs_record_bytes_max(scan->grid);
    sgs_state_place place = {.offset = sizeof(sgs_state_head)};
    int64_t runs = 0;
    int64_t room = 0;
    void *bytes = NULL;
    sgs_status status = SGS_OK;
    while (place.offset < r->bytes) {
        sgs_saved_run saved;
        status = measure_record(r, bytes_max, &place, err);
        if (status == SGS_OK && place.bytes > room) {
            free(bytes);
            bytes = malloc((size_t)place.bytes);
            room = bytes ? place.bytes : 0;
            if (!bytes)
                status = sgs_fail(err, SGS_ENOMEM, "no memory to read %s", r->path);
        }
        if (status == SGS_OK)
            status = read_record(r, scan->grid, place, bytes, &saved, err);
        if (status != SGS_OK)
            break;
        scan->visit(scan->context, &saved, place);
        place.offset += place.bytes;
        runs++;
    }
    free(bytes);
    if (status == SGS_OK && runs != r->head.runs)
        status = sgs_fail(err, SGS_EDAMAGED, "%s has %" PRId64 " records, not %" PRId64, r->path, runs, r->head.runs);
    return status;
}

sgs_status sgs_state_scan(const char *path, sgs_state_name name, const sgs_grid *grid,
                          void (*visit)(void *context, const sgs_saved_run *saved, sgs_state_place place),
                          void *context, sgs_error *err)
{
    const scanning scan = {grid, visit, context};
    reading r;
    sgs_status status = open_state(path, name, grid, &r, err);
    if (status == SGS_OK)
        status = scan_records(&r, &scan, err);
    close_state(&r);
    return status;
}

sgs_status sgs_state_read(const char *path, sgs_state_name name, const sgs_grid *grid, sgs_state_place place,
                          void **bytes, sgs_saved_run *saved, sgs_error *err)
{
    reading r;
    *bytes = NULL;
    sgs_status status = open_state(path, name, grid, &r, err);
    if (status == SGS_OK && (place.bytes <= 0 || place.offset < (int64_t)sizeof(sgs_state_head) ||
                             place.bytes > r.bytes || place.offset > r.bytes - place.bytes))
        status = sgs_fail(err, SGS_EDAMAGED, "%s is not what it was", r.path);
    if (status == SGS_OK) {
        *bytes = malloc((size_t)place.bytes);
        status = *bytes ? read_record(&r, grid, place, *bytes, saved, err)
                        : sgs_fail(err, SGS_ENOMEM, "no memory to read %s", r.path);
    }
    close_state(&r);
    if (status != SGS_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}
