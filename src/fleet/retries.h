/* How often which runs broke for a reason of the machine. Memory: one entry a broken piece. */
#ifndef SGDSWEEP_FLEET_RETRIES_H
#define SGDSWEEP_FLEET_RETRIES_H

#include "sgdsweep/sched.h"

enum { RETRIES_MAX = 3 };

struct retries {
    struct retry {
        sgs_block block;
        int times;
    } * at;
    int64_t count, capacity;
};

/* Count a block that broke: how often any of its runs did by now, 1 for the first time. 0: no memory. */
int retries_count(struct retries *retries, sgs_block block);
void retries_clear(struct retries *retries);

#endif
