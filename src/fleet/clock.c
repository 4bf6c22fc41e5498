#include "clock.h"
#include <math.h>
#include <stdio.h>
#include <time.h>

static const double REST_S = 0.05;
static const double REST_MAX_S = 2;

static double seconds_of(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now); /* cannot fail for these two clocks */
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_now_s(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double clock_epoch_s(void)
{
    return seconds_of(CLOCK_REALTIME);
}

const char *clock_utc_text(char text[CLOCK_TEXT_BYTES])
{
    struct timespec now;
    struct tm parts;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(text, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + length, CLOCK_TEXT_BYTES - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
    return text;
}

void clock_nap(double seconds)
{
    struct timespec nap = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    (void)nanosleep(&nap, NULL);
}

void rests_begin(struct rests *rests)
{
    rests->until_s = clock_now_s() + fmin(ldexp(REST_S, rests->failures), REST_MAX_S);
    rests->failures += rests->failures < 30;
}

bool rests_now(const struct rests *rests)
{
    return rests->until_s > 0 && clock_now_s() < rests->until_s;
}
