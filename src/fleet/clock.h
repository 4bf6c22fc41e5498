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

#endif
