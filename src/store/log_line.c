/* The first line of FILE.log: a JSON object with the event "create", the CRC of the frozen bytes and the raw extents.
 */
#include "frozen.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static json_t *extents_json(const sgs_frozen *frozen)
{
    json_t *extents = json_object();
    for (int i = 0; i < frozen->count; i++) {
        const sgs_extent *extent = &frozen->extent[i];
        json_object_set_new(extents, extent->name,
                            json_pack("[I,I]", (json_int_t)extent->offset, (json_int_t)extent->bytes));
    }
    return extents;
}

char *sgs_frozen_line(const sgs_frozen *frozen, const sgs_grid *grid)
{
    char digest[SGS_KEY_TEXT_BYTES], now[32] = "", *line = NULL;
    time_t seconds = time(NULL);
    struct tm utc;
    if (gmtime_r(&seconds, &utc))
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *event = json_pack("{s:s,s:s,s:i,s:i,s:s,s:s,s:s,s:I,s:I,s:o}", "event", "create", "time", now,
                              "format_version", SGS_FORMAT_VERSION, "algorithm_version", SGS_ALGORITHM_VERSION,
                              "program_version", SGDSWEEP_VERSION, "build", SGDSWEEP_BUILD, "grid_digest",
                              sgs_key_text(sgs_grid_digest(grid), digest), "file_bytes", (json_int_t)frozen->file_bytes,
                              "frozen_crc32c", (json_int_t)frozen->crc, "extents", extents_json(frozen));
    char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    json_decref(event);
    return line;
}

/* Extents as a log states them; false unless they ascend, do not overlap and lie in the file. */
static bool parse_extents(json_t *extents, sgs_frozen *frozen)
{
    const char *name;
    json_t *extent;
    int64_t end = 0;
    json_object_foreach(extents, name, extent)
    {
        json_int_t offset, bytes;
        if (frozen->count == SGS_LAYOUT_VARIABLES || json_unpack(extent, "[I,I!]", &offset, &bytes) != 0)
            return false;
        if (offset < end || bytes < 0 || offset > frozen->file_bytes || bytes > frozen->file_bytes - offset)
            return false;
        frozen->extent[frozen->count++] = (sgs_extent){.offset = offset, .bytes = bytes};
        end = offset + bytes;
    }
    return true;
}

static bool parse_line(const char *line, sgs_frozen *frozen)
{
    const char *event = "";
    json_int_t file_bytes = 0, crc = 0;
    json_t *extents = NULL, *root = json_loads(line, 0, NULL);
    *frozen = (sgs_frozen){0};
    bool good = root && json_unpack(root, "{s:s,s:I,s:I,s:o}", "event", &event, "file_bytes", &file_bytes,
                                    "frozen_crc32c", &crc, "extents", &extents) == 0;
    good = good && strcmp(event, "create") == 0 && file_bytes > 0 && crc >= 0 && crc <= UINT32_MAX;
    frozen->file_bytes = file_bytes;
    frozen->crc = (uint32_t)crc;
    good = good && parse_extents(extents, frozen);
    json_decref(root);
    return good;
}

sgs_status sgs_frozen_read_log(const char *path, bool *found, sgs_frozen *frozen, sgs_error *err)
{
    *found = false;
    char *name = sgs_beside(path, ".log"), *line = NULL;
    size_t size = 0;
    if (!name)
        return sgs_fail(err, SGS_ENOMEM, "reading its log");
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe must not make it wait */
    FILE *log = fd < 0 ? NULL : fdopen(fd, "r");
    int why = errno;
    if (fd >= 0 && !log)
        close(fd);
    sgs_status status = SGS_OK;
    if (!log && why != ENOENT)
        status = sgs_fail(err, SGS_EIO, "cannot read %s: %s", name, strerror(why));
    errno = 0;
    if (log && getline(&line, &size, log) > 0)
        *found = parse_line(line, frozen);
    else if (log && ferror(log)) /* not the same as no log: its word counts */
        status = sgs_fail(err, SGS_EIO, "cannot read %s: %s", name, strerror(errno));
    if (log)
        fclose(log);
    free(line);
    free(name);
    return status;
}
