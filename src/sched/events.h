/* Things to come, earliest first: a binary heap. */
#ifndef SGDSWEEP_SCHED_EVENTS_H
#define SGDSWEEP_SCHED_EVENTS_H

#include "sgdsweep/base.h"

struct event {
    double time_s;
    int64_t order; /* of equal times the one added first */
    int what, who;
};

struct events {
    struct event *at;
    size_t count, capacity;
    int64_t added;
};

/* false: out of memory */
bool events_add(struct events *events, double time_s, int what, int who);

/* The earliest; there is one. */
struct event events_take(struct events *events);

#endif
