/* Progress on standard error of rank 0: a bar on a terminal, lines at growing intervals elsewhere. */
#ifndef SGDSWEEP_FLEET_PROGRESS_H
#define SGDSWEEP_FLEET_PROGRESS_H

#include "sgdsweep/fleet.h"
#include "sgdsweep/sched.h"

struct progress {
    sgs_progress mode; /* not AUTO */
    int trainers;
    int64_t before; /* runs done in earlier lives */
    double start_s, shown_s, gap_s;
    bool drawn; /* a bar stands on the current line */
};

void progress_init(struct progress *progress, sgs_progress mode, int trainers, int64_t before);

/* Show where the sweep stands, if it is time; true if something was shown. */
bool progress_show(struct progress *progress, const sgs_sched_progress *now);

/* The last state, whatever the time. */
void progress_end(struct progress *progress, const sgs_sched_progress *now);

/* One line of text. Silent with SGS_PROGRESS_NONE. */
void progress_say(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
