#include "progress.h"
#include "clock.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_CELLS = 24, TEXT_BYTES = 32 };

static const double BAR_GAP_S = 0.2;
static const double LOG_FIRST_GAP_S = 2;
static const double LOG_MAX_GAP_S = 180;

void progress_init(struct progress *progress, sgs_progress mode, int trainers, int64_t before)
{
    if (mode == SGS_PROGRESS_AUTO)
        mode = isatty(STDERR_FILENO) ? SGS_PROGRESS_BAR : SGS_PROGRESS_LOG;
    *progress = (struct progress){.mode = mode, .trainers = trainers, .before = before};
    progress->start_s = progress->shown_s = clock_now_s();
    progress->gap_s = mode == SGS_PROGRESS_BAR ? BAR_GAP_S : LOG_FIRST_GAP_S;
}

/* "2 h 05 min", "3 min 20 s", "12 s". */
static const char *duration_text(double seconds, char text[TEXT_BYTES])
{
    long s = seconds < 3e9 ? lround(seconds) : 3000000000L;
    if (s >= 360000)
        (void)snprintf(text, TEXT_BYTES, "%ld days", s / 86400);
    else if (s >= 3600)
        (void)snprintf(text, TEXT_BYTES, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        (void)snprintf(text, TEXT_BYTES, "%ld min %02ld s", s / 60, s % 60);
    else
        (void)snprintf(text, TEXT_BYTES, "%ld s", s);
    return text;
}

static void draw(struct progress *progress, const sgs_sched_progress *now)
{
    char left[TEXT_BYTES];
    char bar[BAR_CELLS + 1];
    int64_t total = progress->before + now->total;
    int64_t done = progress->before + now->done;
    double elapsed_s = fmax(clock_now_s() - progress->start_s, 1e-9);
    double part = total > 0 ? (double)done / (double)total : 1;
    int filled = (int)(fmin(fmax(part, 0), 1) * BAR_CELLS);

    (void)duration_text(now->left_s / progress->trainers, left);
    memset(bar, '-', BAR_CELLS);
    memset(bar, '#', (size_t)filled);
    bar[BAR_CELLS] = '\0';
    if (progress->mode == SGS_PROGRESS_BAR)
        (void)fprintf(stderr, "\r[%s] %5.1f%%  ", bar, 100 * part);
    (void)fprintf(stderr, "%" PRId64 " of %" PRId64 " runs, %.3g runs/s, ETA %s", done, total,
                  (double)now->done / elapsed_s, left);
    (void)fprintf(stderr, progress->mode == SGS_PROGRESS_BAR ? "\033[K" : "\n");
    (void)fflush(stderr);
    progress->drawn = progress->mode == SGS_PROGRESS_BAR;
}

bool progress_show(struct progress *progress, const sgs_sched_progress *now)
{
    double time_s = clock_now_s();
    if (progress->mode == SGS_PROGRESS_NONE || time_s - progress->shown_s < progress->gap_s)
        return false;
    draw(progress, now);
    progress->shown_s = time_s;
    if (progress->mode == SGS_PROGRESS_LOG)
        progress->gap_s = fmin(1.5 * progress->gap_s, LOG_MAX_GAP_S);
    return true;
}

static void end_line(struct progress *progress)
{
    if (progress->drawn)
        (void)fputc('\n', stderr);
    progress->drawn = false;
}

void progress_end(struct progress *progress, const sgs_sched_progress *now)
{
    if (progress->mode == SGS_PROGRESS_NONE)
        return;
    draw(progress, now);
    end_line(progress);
}

void progress_say(struct progress *progress, const char *format, ...)
{
    va_list arguments;

    if (progress->mode == SGS_PROGRESS_NONE)
        return;
    end_line(progress);
    (void)fputs("sgdsweep: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}
