/* The record in FILE.lock: who owns the lock, and a counter that shows that the owner is alive. */
#ifndef SGS_STORE_OWNER_H
#define SGS_STORE_OWNER_H

#include "sgdsweep/base.h"

/* A record is overwritten by one pwrite of this size: JSON, blanks, a newline. */
enum { SGS_OWNER_RECORD_BYTES = 512 };

typedef struct sgs_owner {
    char host[128];
    char job[64]; /* Slurm's job id, "" outside of a job */
    int64_t restarts, pid, counter;
} sgs_owner;

void sgs_owner_self(sgs_owner *owner);

sgs_status sgs_owner_write(int fd, const sgs_owner *owner, sgs_error *err);

/* false: no record, or one that cannot be read (raw then holds its bytes all the same, zero-padded). */
bool sgs_owner_read(int fd, sgs_owner *owner, char raw[SGS_OWNER_RECORD_BYTES]);

/* "host n1, pid 77, Slurm job 12 (restart 1)" */
const char *sgs_owner_text(const sgs_owner *owner, char *text, size_t size);

#endif
