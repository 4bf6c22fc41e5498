/* Invariants: a trainer is dry only with no runs; promised counts the parts that were asked for and not answered, never
 * more than the dry ones. */
#include "sched_private.h"
#include <math.h>
#include <stdlib.h>

/* Who is done within so much is not asked: a question and an answer take up to some slices. */
static const double LEAST_S = 0.05;
/* One whose runs take longer than predicted has so much of that time to go. */
static const double OVERDUE = 0.25;
/* Handing over has to gain so much of what is left. */
static const double GAIN = 0.1;
/* Going on elsewhere: messages and slices; bytes copied and sent, of a state its coordinates and some more. */
static const double MOVE_S = 0.02;
static const double MOVE_BYTE_S = 4e-9;
static const double STATE_BYTES = 4096;
static const double AGAIN_S = 0.05;
enum { REFUSALS_MAX = 20 };
/* Looking through all trainers takes a small part of the time: per trainer, and at least. */
static const double LOOK_TRAINER_S = 4e-8;
static const double LOOK_S = 0.0005;
/* The master needs so long for a part on its way, and spends a part of its time on that, and of the time that is at
 * stake. */
static const double PART_S = 24e-6;
static const double MASTER_SHARE = 0.25;

struct hand {
    int64_t runs;
    double began_s, ready_s;
    double not_before_s; /* not asked earlier */
    int refusals;
    bool dry, stacked, asked;
    int parts; /* asked for */
};

/* Who is worth asking, as of the last look. */
struct giver {
    int who;
    double left_s;
};

struct sgs_share {
    struct hand *hands;
    int *stack;           /* [stacked] has all that are dry, each once; those that are no more go when they are met */
    struct giver *givers; /* [giver_count] least left first */
    int trainers, dry, stacked, promised, giver_count;
    double least_s;
    double looked_s, first_s; /* the last look, the first */
    int64_t parts;            /* asked for since */
};

sgs_status sgs_share_create(int trainers, double least_s, sgs_share **share, sgs_error *err)
{
    *share = calloc(1, sizeof **share);
    const size_t room = trainers > 0 ? (size_t)trainers : 1;

    if (*share) {
        (*share)->hands = calloc(room, sizeof *(*share)->hands);
        (*share)->stack = calloc(room, sizeof *(*share)->stack);
        (*share)->givers = calloc(room, sizeof *(*share)->givers);
    }
    if (!*share || !(*share)->hands || !(*share)->stack || !(*share)->givers) {
        sgs_share_destroy(*share);
        *share = NULL;
        return sgs_fail(err, SGS_ENOMEM, "no memory for what %d trainers have in hand", trainers);
    }
    (*share)->trainers = trainers;
    (*share)->least_s = least_s > 0 ? least_s : LEAST_S;
    (*share)->looked_s = -INFINITY;
    (*share)->first_s = INFINITY;
    return SGS_OK;
}

void sgs_share_destroy(sgs_share *share)
{
    if (!share)
        return;
    free(share->hands);
    free(share->stack);
    free(share->givers);
    free(share);
}

static void set_dry(sgs_share *share, int who, bool dry)
{
    struct hand *hand = &share->hands[who];

    share->dry += (int)dry - (int)hand->dry;
    hand->dry = dry;
    if (!dry || hand->stacked)
        return;
    hand->stacked = true;
    share->stack[share->stacked++] = who;
}

void sgs_share_took(sgs_share *share, int who, double now_s, int64_t runs, double seconds)
{
    struct hand *hand = &share->hands[who];

    set_dry(share, who, false);
    if (hand->runs == 0 || hand->ready_s < now_s)
        hand->ready_s = now_s;
    hand->runs += runs;
    hand->ready_s += seconds;
    hand->began_s = now_s;
    hand->not_before_s = 0;
    hand->refusals = 0;
}

void sgs_share_left(sgs_share *share, int who, int64_t runs)
{
    if (share) /* a master that could not begin has none */
        share->hands[who].runs -= runs;
}

void sgs_share_dry(sgs_share *share, int who)
{
    set_dry(share, who, true);
}

int sgs_share_taker(sgs_share *share)
{
    while (share->stacked > 0) {
        int who = share->stack[--share->stacked];
        share->hands[who].stacked = false;
        if (!share->hands[who].dry)
            continue;
        set_dry(share, who, false);
        return who;
    }
    return -1;
}

static double left_s(const struct hand *hand, double now_s)
{
    return fmax(hand->ready_s - now_s, OVERDUE * (now_s - hand->began_s));
}

static bool is_worth_asking(const sgs_share *share, const struct hand *hand, double now_s)
{
    return hand->runs > 1 && !hand->dry && !hand->asked && hand->not_before_s <= now_s &&
           left_s(hand, now_s) > share->least_s;
}

static int least_left_first(const void *left, const void *right)
{
    const struct giver *a = left;
    const struct giver *b = right;
    return a->left_s != b->left_s ? (a->left_s > b->left_s) - (a->left_s < b->left_s) : b->who - a->who;
}

static void look(sgs_share *share, double now_s)
{
    share->giver_count = 0;
    if (now_s < share->looked_s + fmax(LOOK_S, LOOK_TRAINER_S * share->trainers))
        return;
    share->looked_s = now_s;
    share->first_s = fmin(share->first_s, now_s);
    for (int who = 0; who < share->trainers; who++)
        if (is_worth_asking(share, &share->hands[who], now_s))
            share->givers[share->giver_count++] = (struct giver){who, left_s(&share->hands[who], now_s)};
    if (share->giver_count > 0)
        qsort(share->givers, (size_t)share->giver_count, sizeof *share->givers, least_left_first);
}

bool sgs_share_ask(sgs_share *share, double now_s, int *giver, int *takers)
{
    if (share->dry <= share->promised)
        return false;
    if (share->giver_count == 0)
        look(share, now_s);
    while (share->giver_count > 0) {
        const int givers = share->giver_count--;
        struct hand *hand = &share->hands[share->givers[givers - 1].who];
        if (!is_worth_asking(share, hand, now_s))
            continue;
        const double reach = MASTER_SHARE * (now_s - share->first_s + left_s(hand, now_s)) / PART_S;
        const int spare = (int)fmin(share->dry - share->promised, floor(reach) - (double)share->parts);
        if (spare <= 0) {
            share->giver_count = 0;
            return false;
        }
        const int64_t parts = (spare + givers - 1) / givers;
        *giver = share->givers[givers - 1].who;
        *takers = (int)(parts < hand->runs ? parts : hand->runs);
        hand->asked = true;
        hand->parts = *takers;
        share->promised += *takers;
        share->parts += *takers;
        return true;
    }
    return false;
}

void sgs_share_answer(sgs_share *share, int giver, double now_s, int parts, double left_s)
{
    struct hand *hand = &share->hands[giver];

    share->promised -= hand->parts;
    hand->asked = false;
    hand->parts = 0;
    hand->began_s = now_s;
    hand->ready_s = now_s + left_s;
    hand->refusals = parts > 0 ? 0 : hand->refusals + (hand->refusals < REFUSALS_MAX);
    hand->not_before_s = now_s + (parts > 0 ? AGAIN_S : ldexp(AGAIN_S, hand->refusals));
}

bool sgs_share_is_asked(const sgs_share *share, int who)
{
    return share->hands[who].asked;
}

/* ---- the one who is asked -----------------------------------------------------------------------------------------
 */

double sgs_share_restart_s(const sgs_run *run, const sgs_widths *widths, int64_t begun, double step_s)
{
    double alone_s = step_s * sgs_predict_slowdown(widths, 1);
    double bytes = (double)begun * (8.0 * run->n + STATE_BYTES);

    return 0.5 * (double)begun * (double)sgs_check_stride(run) * alone_s + MOVE_BYTE_S * bytes;
}

double sgs_share_move_s(const sgs_run *run, const sgs_widths *widths, int64_t begun, double step_s)
{
    return MOVE_S + sgs_share_restart_s(run, widths, begun, step_s);
}

/* The fewest parts that are about as fast as any number up to most. */
static int best_parts(const sgs_widths *widths, int64_t unfinished, int most)
{
    double fastest = sched_takes_s(widths, unfinished);
    int best = 1;

    if (most > unfinished)
        most = (int)unfinished;
    for (int parts = 2; parts <= most; parts++) {
        double here = sched_takes_s(widths, (unfinished + parts - 1) / parts);
        if (here < (1 - GAIN) * fastest) {
            fastest = here;
            best = parts;
        }
    }
    return best;
}

int sgs_share_parts(const sgs_widths *widths, int64_t unfinished, int takers, double left_s, double move_s)
{
    int parts = best_parts(widths, unfinished, takers + 1);
    double after_s =
        left_s * sched_takes_s(widths, (unfinished + parts - 1) / parts) / sched_takes_s(widths, unfinished);

    return left_s - after_s > fmax(move_s, GAIN * left_s) ? parts : 1;
}

int sgs_share_parts_away(const sgs_widths *widths, int64_t unfinished, int takers)
{
    return best_parts(widths, unfinished, takers);
}

bool sgs_share_narrows(const sgs_widths *widths, int lanes, int64_t unfinished, double left_s, double move_s)
{
    double now = sched_lanes_s(widths, lanes);
    double after = sched_takes_s(widths, unfinished);
    return left_s * (1 - after / now) > fmax(move_s, GAIN * left_s);
}
