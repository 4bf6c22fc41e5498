/* Times of the lock, which tests shorten. */
#ifndef SGS_STORE_LOCK_H
#define SGS_STORE_LOCK_H

#include "sgdsweep/store.h"

typedef struct sgs_lock_times {
    double beat_s;  /* the owner raises its counter so often */
    double still_s; /* a counter that stands still for so long belongs to nobody */
    double poll_s;  /* a watcher looks so often */
} sgs_lock_times;

sgs_status sgs_lock_take_timed(const char *path, const sgs_lock_times *times, sgs_lock **taken, char *notice,
                               sgs_error *err);

#endif
