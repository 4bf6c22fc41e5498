/* Time, and when it is up. */
#ifndef SGDSWEEP_FLEET_CLOCK_H
#define SGDSWEEP_FLEET_CLOCK_H

#include <stdbool.h>

/* Seconds of a clock that never goes back. */
double clock_now_s(void);

/* Seconds since the epoch. */
double clock_epoch_s(void);

/* The same as UTC, "2026-11-23T04:32:43.534Z". */
enum { CLOCK_TEXT_BYTES = 32 };
const char *clock_utc_text(char text[CLOCK_TEXT_BYTES]);

/* Sleep, at most; a signal ends it early. */
void clock_nap(double seconds);

/* Rests after failures, each twice as long as the one before, up to some seconds. From {0} on. */
struct rests {
    double until_s;
    int failures; /* since the last success, which sets it to 0 */
};
void rests_begin(struct rests *rests);
bool rests_now(const struct rests *rests);

#endif
