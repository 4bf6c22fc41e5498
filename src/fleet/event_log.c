#include "event_log.h"
#include "clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event_log {
    FILE *file;
    char *path;
    sgs_status status;
    sgs_error error;
};

static sgs_status keep_failure(struct event_log *log, sgs_error *err)
{
    if (log->status == SGS_OK)
        log->status = sgs_fail(&log->error, SGS_EIO, "%s: %s", log->path, strerror(errno));
    if (err)
        *err = log->error;
    return log->status;
}

/* true if the file is empty or ends with a newline. */
static bool ends_whole(FILE *file)
{
    return fseek(file, -1, SEEK_END) != 0 || fgetc(file) == '\n';
}

sgs_status event_log_open(const char *path, struct event_log **log, sgs_error *err)
{
    struct event_log *made = calloc(1, sizeof *made);

    *log = NULL;
    if (!made || asprintf(&made->path, "%s.log", path) < 0) {
        free(made);
        return sgs_fail(err, SGS_ENOMEM, "no memory for the log");
    }
    made->file = fopen(made->path, "a+e");
    if (!made->file) {
        sgs_status status = sgs_fail(err, SGS_EIO, "%s: %s", made->path, strerror(errno));
        free(made->path);
        free(made);
        return status;
    }
    *log = made;
    bool whole = ends_whole(made->file);
    if (fseek(made->file, 0, SEEK_END) != 0 || (!whole && fputc('\n', made->file) == EOF))
        return keep_failure(made, err);
    return SGS_OK;
}

sgs_status event_log_add(struct event_log *log, const char *name, json_t *fields, sgs_error *err)
{
    char time[CLOCK_TEXT_BYTES];
    json_t *line = json_pack("{s:s, s:s}", "event", name, "time", clock_utc_text(time));
    bool packed = line && (!fields || json_object_update(line, fields) == 0);

    json_decref(fields);
    if (packed && log->status == SGS_OK) {
        if (json_dumpf(line, log->file, JSON_COMPACT | JSON_REAL_PRECISION(6)) != 0 || fputc('\n', log->file) == EOF)
            (void)keep_failure(log, NULL);
    } else if (!packed && log->status == SGS_OK) {
        log->status = sgs_fail(&log->error, SGS_ENOMEM, "%s: no memory for an event", log->path);
    }
    json_decref(line);
    if (log->status != SGS_OK && err)
        *err = log->error;
    return log->status;
}

sgs_status event_log_flush(struct event_log *log, sgs_error *err)
{
    if (fflush(log->file) != 0 || log->status != SGS_OK)
        return keep_failure(log, err);
    return SGS_OK;
}

sgs_status event_log_close(struct event_log *log, sgs_error *err)
{
    if (!log)
        return SGS_OK;
    sgs_status status = event_log_flush(log, err);
    if (fclose(log->file) != 0 && status == SGS_OK)
        status = keep_failure(log, err);
    free(log->path);
    free(log);
    return status;
}
