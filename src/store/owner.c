/* The record in FILE.lock (owner.h). */
#include "owner.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sgs_owner_self(sgs_owner *owner)
{
    const char *job = getenv("SLURM_JOB_ID"), *restarts = getenv("SLURM_RESTART_COUNT");
    *owner = (sgs_owner){.pid = getpid()};
    if (gethostname(owner->host, sizeof owner->host - 1) != 0)
        snprintf(owner->host, sizeof owner->host, "unknown");
    snprintf(owner->job, sizeof owner->job, "%s", job ? job : "");
    owner->restarts = restarts ? strtoll(restarts, NULL, 10) : 0;
}

sgs_status sgs_owner_write(int fd, const sgs_owner *owner, sgs_error *err)
{
    char record[SGS_OWNER_RECORD_BYTES];
    json_t *root =
        json_pack("{s:s,s:I,s:s,s:I,s:I}", "host", owner->host, "pid", (json_int_t)owner->pid, "slurm_job", owner->job,
                  "restarts", (json_int_t)owner->restarts, "counter", (json_int_t)owner->counter);
    memset(record, ' ', sizeof record);
    size_t size = root ? json_dumpb(root, record, sizeof record - 1, JSON_COMPACT) : sizeof record;
    json_decref(root);
    if (size >= sizeof record)
        return sgs_fail(err, SGS_EFAIL, "the owner's record does not fit");
    record[sizeof record - 1] = '\n';
    ssize_t written = pwrite(fd, record, sizeof record, 0);
    if (written != (ssize_t)sizeof record)
        return sgs_fail(err, SGS_EIO, "%s", written < 0 ? strerror(errno) : "short write");
    return SGS_OK;
}

bool sgs_owner_read(int fd, sgs_owner *owner, char raw[SGS_OWNER_RECORD_BYTES])
{
    const char *host = "", *job = "";
    json_int_t pid = 0, restarts = 0, counter = 0;
    *owner = (sgs_owner){.pid = 0};
    memset(raw, 0, SGS_OWNER_RECORD_BYTES);
    if (pread(fd, raw, SGS_OWNER_RECORD_BYTES, 0) != SGS_OWNER_RECORD_BYTES)
        return false;
    json_t *root = json_loadb(raw, SGS_OWNER_RECORD_BYTES, 0, NULL);
    bool good = root && json_unpack(root, "{s:s,s:I,s:s,s:I,s:I}", "host", &host, "pid", &pid, "slurm_job", &job,
                                    "restarts", &restarts, "counter", &counter) == 0;
    if (good) {
        snprintf(owner->host, sizeof owner->host, "%s", host);
        snprintf(owner->job, sizeof owner->job, "%s", job);
        owner->pid = pid;
        owner->restarts = restarts;
        owner->counter = counter;
    }
    json_decref(root);
    return good;
}

const char *sgs_owner_text(const sgs_owner *owner, char *text, size_t size)
{
    if (owner->host[0] == '\0')
        snprintf(text, size, "an owner that left no name");
    else if (owner->job[0] == '\0')
        snprintf(text, size, "host %s, pid %lld", owner->host, (long long)owner->pid);
    else
        snprintf(text, size, "host %s, pid %lld, Slurm job %s (restart %lld)", owner->host, (long long)owner->pid,
                 owner->job, (long long)owner->restarts);
    return text;
}
