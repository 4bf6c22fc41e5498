#include "strips.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { STRIPS_MAX = 1024 };

/* A strip is neglected where its trainers have so many shares each to do: enough that another trainer leaves its own
 * strip for it; and for one that has none, or will have to leave it soon, since so little of a share is left there.
 * Found by simulating some thirty grids on 2 to 3,000 ranks: no values are the best for all. */
static const double NEGLECTED = 2;
static const double NEGLECTED_NEAR_END = 0.7;
static const double NEAR_END = 0.5;

sgs_status strips_create(struct strips *strips, int64_t count, sgs_error *err)
{
    *strips = (struct strips){0};
    if (count > STRIPS_MAX)
        return SGS_OK;
    strips->at = calloc((size_t)count, sizeof *strips->at);
    strips->live = calloc((size_t)count, sizeof *strips->live);
    if (!strips->at || !strips->live) {
        strips_clear(strips);
        return sgs_fail(err, SGS_ENOMEM, "no memory for a schedule of %" PRId64 " strips", count);
    }
    for (int64_t i = 0; i < count; i++)
        strips->live[i] = i;
    strips->live_count = count;
    return SGS_OK;
}

void strips_clear(struct strips *strips)
{
    free(strips->at);
    free(strips->live);
    *strips = (struct strips){0};
}

void strips_wait(struct strips *strips, int64_t strip, double seconds)
{
    if (strips->at)
        strips->at[strip].waiting_s += seconds;
}

void strips_move(struct strips *strips, int64_t from, int64_t to)
{
    if (!strips->at)
        return;
    if (from >= 0 && strips->at[from].trainers > 0)
        strips->at[from].trainers--;
    strips->at[to].trainers++;
}

/* The first piece of the live strip i; one without any is live no more, and another takes its place. */
static size_t live_piece(struct strips *strips, struct pieces *pieces, int64_t i)
{
    while (i < strips->live_count) {
        size_t place = pieces_of_strip(pieces, strips->live[i], INFINITY);
        if (place < pieces->count)
            return place;
        strips->live[i] = strips->live[--strips->live_count];
    }
    return pieces->count;
}

static double waiting_s(const struct strips *strips, const struct groups *groups, int64_t strip)
{
    return fmax(strips->at[strip].waiting_s, 0) * groups_strip_correction(groups, strip);
}

/* More seconds than one trainer of a strip should have waiting, before others help. */
static double most_s(const struct strips *strips, const struct groups *groups, int64_t own, double share_s)
{
    if (own >= 0 && waiting_s(strips, groups, own) > NEAR_END * share_s * (double)strips->at[own].trainers)
        return NEGLECTED * share_s;
    return NEGLECTED_NEAR_END * share_s;
}

size_t strips_neglected(struct strips *strips, struct pieces *pieces, const struct groups *groups, int64_t own,
                        double share_s, double run_s)
{
    size_t best = pieces->count;
    double each_s = most_s(strips, groups, own, share_s);

    for (int64_t i = 0; i < strips->live_count; i++) {
        size_t place = live_piece(strips, pieces, i);
        if (place >= best || strips->live[i] == own || pieces->at[place].run_s < run_s)
            continue;
        if (waiting_s(strips, groups, strips->live[i]) > each_s * (double)strips->at[strips->live[i]].trainers)
            best = place;
    }
    return best;
}

size_t strips_busiest(struct strips *strips, struct pieces *pieces, const struct groups *groups)
{
    size_t best = pieces->count;
    double best_s = -1;

    for (int64_t i = 0; i < strips->live_count; i++) {
        size_t place = live_piece(strips, pieces, i);
        if (place == pieces->count)
            break;
        double each_s = waiting_s(strips, groups, strips->live[i]) / (double)(strips->at[strips->live[i]].trainers + 1);
        if (each_s > best_s || (each_s == best_s && place < best)) {
            best_s = each_s;
            best = place;
        }
    }
    return best;
}
