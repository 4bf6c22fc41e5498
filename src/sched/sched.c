/* The state machine. A run that is to do is in exactly one of three places: waiting (a piece, a returned block, or the
 * range that sgs_sched_add has open), out (blocks), or done (a count). total = waiting + out + done, always. */
#include "sgdsweep/sched.h"
#include "blocks.h"
#include "groups.h"
#include "pieces.h"
#include "sched_private.h"
#include "strips.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { LANES = 16, BLOCK_RUNS_MAX = 65536 };

/* A block is a share of what waits: seconds. */
static const double BLOCK_MIN_S = 0.005;
static const double BLOCK_MAX_S = 4;
/* Seconds that the master needs for a question and a report (tests/bench/scale.py measures 11 us). Blocks of many
 * trainers are so long that this takes half of its time, but not longer than what ends soonest when it hands out one
 * after the other: N blocks take N request + total / N. */
static const double REQUEST_S = 12e-6;
static const double PIECE_MIN_S = 0.010;
static const double HARDLY_LONGER = 1.25;
/* A trainer keeps to its strip while full lanes of the longest runs take no larger part of a trainer's share. */
static const double NEAR_SHARE = 1;
/* Bounds of the schedule's memory: predicted seconds are kept for so many cells and computed anew beyond; a grid is cut
 * into about so many pieces, and one at least for each of its strips. */
static const int64_t CELLS_KEPT = (int64_t)1 << 22;
static const double PIECES_MAX = 1 << 19;
/* Results, records and weights of a block are held in memory. */
static const int64_t BLOCK_BYTES_MAX = 64 << 20;

struct sgs_sched {
    const sgs_grid *grid; /* borrowed */
    sgs_speed speed;
    int trainers;
    int64_t seeds;      /* runs of a cell */
    int64_t strip_runs; /* runs of a strip */
    int64_t row_bytes;  /* of a run's records and weights in a block, 0 if none are kept */
    float *cell_run_s;  /* predicted seconds of a run, by cell; 0: not computed yet, negative: skipped; may be NULL */
    int64_t step_strip; /* strip that step_s, the seconds of a step, is of */
    double step_s;
    double piece_s; /* seconds of a piece, at least */
    struct groups groups;
    struct pieces pieces;
    struct strips strips;
    struct blocks returned; /* waiting again */
    struct blocks out;
    sgs_block open; /* the last range added, which the next one may continue */
    int64_t added_end;
    bool started;
    int64_t total, waiting, done;
    double total_s, left_s, waiting_s; /* predicted, not corrected */
};

static int64_t widest_row_bytes(const sgs_grid *grid)
{
    int64_t widest = 0;
    int64_t values = sgs_grid_gathered_values(grid);
    int64_t steps = sgs_grid_record_count(grid);

    for (int64_t at = 0; sgs_grid_keeps_weights(grid) && at < sgs_grid_axis_size(grid, SGS_AXIS_DIMENSION); at++) {
        int64_t n = sgs_grid_samples(grid, at);
        widest = n > widest ? n : widest;
    }
    values += widest * (sgs_grid_weights(grid) == SGS_WEIGHTS_RECORD ? steps : 1);
    return values * (int64_t)sizeof(double);
}

int64_t sgs_sched_block_bytes_max(const sgs_grid *grid)
{
    int64_t row = widest_row_bytes(grid);
    int64_t runs = sgs_grid_runs(grid) < BLOCK_RUNS_MAX ? sgs_grid_runs(grid) : BLOCK_RUNS_MAX;
    int64_t rows =
        row > 0 && row * runs > BLOCK_BYTES_MAX ? (BLOCK_BYTES_MAX > row ? BLOCK_BYTES_MAX : row) : row * runs;
    return rows + runs * (int64_t)sizeof(sgs_result);
}

sgs_status sgs_sched_create(const sgs_grid *grid, int trainers, const sgs_speed *speed, sgs_sched **sched,
                            sgs_error *err)
{
    int64_t first = 0;
    sgs_sched *made = calloc(1, sizeof *made);

    *sched = NULL;
    if (!made)
        return sgs_fail(err, SGS_ENOMEM, "no memory for a schedule");
    made->grid = grid;
    made->speed = *speed;
    made->trainers = trainers > 0 ? trainers : 1;
    made->seeds = sgs_grid_axis_size(grid, SGS_AXIS_SEED);
    made->row_bytes = widest_row_bytes(grid);
    sgs_grid_strip(grid, 0, &first, &made->strip_runs);
    int64_t cells = sgs_grid_runs(grid) / made->seeds;
    made->piece_s = fmax(PIECE_MIN_S, sgs_forecast_grid(grid, speed).seconds / PIECES_MAX);
    sgs_status status = groups_create(&made->groups, cells, sgs_grid_strips(grid), err);
    if (status == SGS_OK)
        status = strips_create(&made->strips, sgs_grid_strips(grid), err);
    if (status == SGS_OK && cells <= CELLS_KEPT) {
        made->cell_run_s = calloc((size_t)cells, sizeof *made->cell_run_s);
        if (!made->cell_run_s)
            status = sgs_fail(err, SGS_ENOMEM, "no memory for a schedule of %" PRId64 " cells", cells);
    }
    if (status != SGS_OK) {
        sgs_sched_destroy(made);
        return status;
    }
    *sched = made;
    return SGS_OK;
}

void sgs_sched_destroy(sgs_sched *sched)
{
    if (!sched)
        return;
    free(sched->cell_run_s);
    groups_clear(&sched->groups);
    strips_clear(&sched->strips);
    free(sched->pieces.at);
    free(sched->pieces.of_strip);
    free(sched->returned.at);
    free(sched->out.at);
    free(sched);
}

static double run_seconds(sgs_sched *sched, int64_t cell, const sgs_run *run, const sgs_stop *stop)
{
    int64_t strip = cell * sched->seeds / sched->strip_runs;

    if (sched->step_s == 0 || strip != sched->step_strip) {
        sched->step_strip = strip;
        sched->step_s = sgs_predict_step_seconds(run, &sched->speed);
    }
    return sched->speed.run_s + sched->speed.point_s * run->n + sched->step_s * sgs_predict_steps(run, stop);
}

/* Predicted seconds of a run of a cell, negative if it is skipped. */
static double cell_run_s(sgs_sched *sched, int64_t cell)
{
    float *known = sched->cell_run_s ? &sched->cell_run_s[cell] : NULL;
    sgs_run run;
    sgs_stop stop;

    if (known && *known != 0)
        return *known;
    bool runs = sgs_grid_run(sched->grid, cell * sched->seeds, &run, &stop);
    float seconds = runs ? fmaxf((float)run_seconds(sched, cell, &run, &stop), 1e-9F) : -1;
    if (known)
        *known = seconds;
    return seconds;
}

/* Runs of [first, end) that lie in the cell of first. */
static int64_t runs_in_cell(const sgs_sched *sched, int64_t first, int64_t end)
{
    int64_t cell_end = (first / sched->seeds + 1) * sched->seeds;
    return (cell_end < end ? cell_end : end) - first;
}

/* Predicted seconds of a block, without and with what was measured of its cells. */
struct block_seconds {
    double predicted, corrected;
};

static struct block_seconds block_s(sgs_sched *sched, sgs_block block)
{
    struct block_seconds sum = {0, 0};
    for (int64_t at = block.first, end = block.first + block.count; at < end;) {
        int64_t runs = runs_in_cell(sched, at, end);
        double seconds = (double)runs * cell_run_s(sched, at / sched->seeds);
        sum.predicted += seconds;
        sum.corrected += seconds * groups_correction(&sched->groups, at / sched->seeds);
        at += runs;
    }
    return sum;
}

const sgs_grid *sched_grid(const sgs_sched *sched)
{
    return sched->grid;
}

const sgs_speed *sched_speed(const sgs_sched *sched)
{
    return &sched->speed;
}

double sgs_sched_block_predicted(sgs_sched *sched, sgs_block block)
{
    return block_s(sched, block).predicted;
}

/* ---- what is to do ------------------------------------------------------------------------------------------------
 */

/* -1 for no run. */
static int64_t strip_of(const sgs_sched *sched, int64_t run)
{
    return run < 0 ? -1 : run / sched->strip_runs;
}

/* So many predicted seconds of a cell more, or less, wait as pieces. */
static void wait_in(sgs_sched *sched, int64_t first, double seconds)
{
    sched->waiting_s += seconds;
    strips_wait(&sched->strips, strip_of(sched, first), seconds);
}

/* One piece from the front of a range inside a strip: whole cells until there is enough; a rest too small to stand
 * alone goes with it. */
static struct piece cut_piece(sgs_sched *sched, int64_t first, int64_t end)
{
    struct piece piece = {.first = first, .next = -1};
    double seconds = 0;

    while (first < end) {
        int64_t runs = runs_in_cell(sched, first, end);
        double run_s = cell_run_s(sched, first / sched->seeds);
        bool enough = piece.count >= LANES && seconds >= sched->piece_s;
        if (enough && end - first >= LANES)
            break;
        if (piece.count > 0 && sgs_grid_until(sched->grid)) /* a block is evidence about one cell */
            break;
        piece.count += runs;
        piece.run_s = fmax(piece.run_s, run_s);
        groups_expect(&sched->groups, first / sched->seeds, (double)runs * run_s);
        seconds += (double)runs * run_s;
        first += runs;
    }
    wait_in(sched, piece.first, seconds);
    return piece;
}

/* Cut the open range into pieces, strip by strip; all runs of a strip are skipped or none is. */
static sgs_status close_range(sgs_sched *sched, sgs_error *err)
{
    int64_t at = sched->open.first;
    int64_t end = at + sched->open.count;

    sched->open.count = 0;
    while (at < end) {
        int64_t strip_end = (at / sched->strip_runs + 1) * sched->strip_runs;
        int64_t stop = strip_end < end ? strip_end : end;
        if (cell_run_s(sched, at / sched->seeds) < 0) {
            at = stop;
            continue;
        }
        while (at < stop) {
            struct piece piece = cut_piece(sched, at, stop);
            sgs_status status = pieces_append(&sched->pieces, piece, err);
            if (status != SGS_OK)
                return status;
            sched->waiting += piece.count;
            at += piece.count;
        }
    }
    return SGS_OK;
}

sgs_status sgs_sched_add_range(sgs_sched *sched, int64_t first, int64_t count, sgs_error *err)
{
    if (sched->started || first < sched->added_end || count < 0 || count > sgs_grid_runs(sched->grid) - first)
        return sgs_fail(err, SGS_ERANGE, "runs %" PRId64 " + %" PRId64 " cannot be added to the schedule", first,
                        count);
    if (count == 0)
        return SGS_OK;
    sched->added_end = first + count;
    if (sched->open.count > 0 && sched->open.first + sched->open.count == first) {
        sched->open.count += count;
        return SGS_OK;
    }
    sgs_status status = close_range(sched, err);
    sched->open = (sgs_block){first, count};
    return status;
}

sgs_status sgs_sched_add(sgs_sched *sched, int64_t first, int64_t count, const bool *pending, sgs_error *err)
{
    for (int64_t at = 0; at < count;) {
        int64_t end = at;
        while (end < count && pending[end] == pending[at])
            end++;
        if (pending[at]) {
            sgs_status status = sgs_sched_add_range(sched, first + at, end - at, err);
            if (status != SGS_OK)
                return status;
        }
        at = end;
    }
    return SGS_OK;
}

sgs_status sgs_sched_start(sgs_sched *sched, sgs_error *err)
{
    sgs_status status = close_range(sched, err);
    if (status != SGS_OK)
        return status;
    pieces_sort(&sched->pieces);
    pieces_link(&sched->pieces, sgs_grid_strips(sched->grid), sched->strip_runs);
    sched->total = sched->waiting;
    sched->total_s = sched->left_s = sched->waiting_s;
    sched->started = true;
    return SGS_OK;
}

/* ---- handing out --------------------------------------------------------------------------------------------------
 */

double sgs_sched_block_seconds(sgs_sched *sched, sgs_block block)
{
    return block_s(sched, block).corrected;
}

/* Seconds, corrected, that a block should have. */
struct size_rule {
    double target_s, share_s, max_s;
};

static struct size_rule size_rule_now(const sgs_sched *sched, double max_seconds)
{
    double share = fmax(sched->waiting_s, 0) * groups_scale(&sched->groups) / sched->trainers;
    double busy = fmin(2 * REQUEST_S * sched->trainers, sqrt(REQUEST_S * sched->total_s));
    double least = fmax(BLOCK_MIN_S, busy);
    double target = fmax(fmin(fmax(share / 4, BLOCK_MIN_S), BLOCK_MAX_S), least);
    return (struct size_rule){target, share, max_seconds > 0 ? max_seconds : INFINITY};
}

/* Of runs that do not fill LANES: at least as many as take a trainer hardly longer than one, since they share a vector,
 * and as many as fill the lanes of some trainer, unless a rest would be left that is dearer alone. */
static int64_t few_runs(const sgs_sched *sched, int64_t first, int64_t runs, int64_t limit)
{
    sgs_run run;
    sgs_stop stop;
    int64_t at_once = 1;

    if (!sgs_grid_run(sched->grid, first, &run, &stop))
        return runs;
    const sgs_widths widths = sgs_predict_widths(&run, sched->speed.vector);
    const double alone = HARDLY_LONGER * sgs_predict_slowdown(&widths, 1);
    for (int64_t together = 2; together <= LANES; together *= 2)
        at_once = sched_takes_s(&widths, together) <= alone ? together : at_once;
    at_once = at_once < limit ? at_once : limit;
    runs = runs < at_once ? at_once : runs;
    int64_t filled = runs;
    for (int at = 0; at < widths.count && widths.lanes[at] <= runs; at++)
        filled = widths.lanes[at];
    double apart_s = sched_takes_s(&widths, filled) + sched_takes_s(&widths, runs - filled);
    return runs == limit && sched_takes_s(&widths, runs) <= apart_s ? runs : filled;
}

/* How many runs of [first, end) make a block: cells are added until the target is met; short of a full set of lanes the
 * target gives way, as long as the block stays within a trainer's share, or takes hardly longer than one run. */
static int64_t block_runs(sgs_sched *sched, int64_t first, int64_t end, const struct size_rule *rule)
{
    int64_t limit = end - first < BLOCK_RUNS_MAX ? end - first : BLOCK_RUNS_MAX;
    int64_t runs = 0;
    double seconds = 0;

    if (sched->row_bytes > 0 && limit > BLOCK_BYTES_MAX / sched->row_bytes)
        limit = BLOCK_BYTES_MAX / sched->row_bytes;
    while (runs < limit) {
        int64_t cell = (first + runs) / sched->seeds;
        double run_s = cell_run_s(sched, cell) * groups_correction(&sched->groups, cell);
        int64_t here = runs_in_cell(sched, first + runs, first + limit);
        double want_s = runs < LANES ? fmax(rule->target_s, fmin(rule->share_s, LANES * run_s)) : rule->target_s;
        double room = floor((fmin(want_s, rule->max_s) - seconds) / run_s * (1 + 1e-9));
        if (room < (double)here) {
            runs += room > 0 ? (int64_t)room : 0;
            break;
        }
        runs += here;
        seconds += (double)here * run_s;
    }
    if (runs < LANES && isinf(rule->max_s))
        runs = few_runs(sched, first, runs, limit);
    if (runs < LANES || runs == end - first)
        return runs > 0 ? runs : 1;
    /* Neither this block nor the rest should leave most lanes empty; but the last blocks of a sweep are dealt out. */
    int64_t rest = end - first - runs;
    bool absorb = rest < LANES && 2 * rest <= runs && runs + rest <= limit && isinf(rule->max_s);
    if (absorb) {
        double whole_s = block_s(sched, (sgs_block){first, runs + rest}).corrected;
        absorb = whole_s <= fmax(rule->share_s, rule->target_s);
    }
    return absorb ? runs + rest : runs - runs % LANES;
}

/* Which piece to take from: the longest runs; with a limit the longest of those that fill the lanes within it, else the
 * shortest there are. */
static size_t choose_longest(sgs_sched *sched, double max_run_s)
{
    struct pieces *pieces = &sched->pieces;
    size_t from = isinf(max_run_s) ? 0 : pieces_shorter(pieces, max_run_s);
    size_t place = pieces_live(pieces, from);
    return place < pieces->count ? place : pieces_last(pieces);
}

/* The same for a trainer that has run `near` in its lanes (-1: none), where runs of the next block take over as those
 * of the last one end: it stays in that strip, unless long runs wait elsewhere that nobody will get to in time, and
 * goes where most is to do when nothing is left of it. */
static size_t choose_near(sgs_sched *sched, double max_run_s, int64_t near, const struct size_rule *rule)
{
    struct pieces *pieces = &sched->pieces;
    size_t longest = choose_longest(sched, max_run_s);
    size_t place = pieces->count;
    int64_t own = strip_of(sched, near);
    double long_s = NEAR_SHARE * rule->share_s / groups_scale(&sched->groups) / LANES;
    bool look = sched->strips.at && isinf(max_run_s);

    if (pieces->at[longest].run_s > long_s)
        place = look ? strips_neglected(&sched->strips, pieces, &sched->groups, own, rule->share_s, long_s) : longest;
    if (place == pieces->count && own >= 0)
        place = pieces_of_strip(pieces, own, max_run_s);
    if (place == pieces->count && look)
        place = strips_busiest(&sched->strips, pieces, &sched->groups);
    return place < pieces->count ? place : longest;
}

/* The next block, of a trainer that is near a run or of nobody's. */
static bool hand_out(sgs_sched *sched, double max_seconds, const int64_t *near, sgs_block *block)
{
    if (!sched->started || sched->waiting == 0 || !blocks_reserve(&sched->out))
        return false;
    struct size_rule rule = size_rule_now(sched, max_seconds);

    if (sched->returned.count > 0) {
        sgs_block *last = &sched->returned.at[sched->returned.count - 1];
        *block = (sgs_block){last->first, block_runs(sched, last->first, last->first + last->count, &rule)};
        last->first += block->count;
        last->count -= block->count;
        sched->returned.count -= last->count == 0;
        sched->waiting_s -= block_s(sched, *block).predicted;
    } else {
        double max_run_s = rule.max_s / groups_scale(&sched->groups) / LANES;
        size_t place = near ? choose_near(sched, max_run_s, *near, &rule) : choose_longest(sched, max_run_s);
        const struct piece *piece = &sched->pieces.at[place];
        *block =
            pieces_take(&sched->pieces, place, block_runs(sched, piece->first, piece->first + piece->count, &rule));
        wait_in(sched, block->first, -block_s(sched, *block).predicted);
    }
    blocks_insert(&sched->out, *block);
    sched->waiting -= block->count;
    if (near && isinf(rule.max_s))
        strips_move(&sched->strips, strip_of(sched, *near), strip_of(sched, block->first));
    return true;
}

bool sgs_sched_next(sgs_sched *sched, double max_seconds, sgs_block *block)
{
    return hand_out(sched, max_seconds, NULL, block);
}

bool sgs_sched_next_near(sgs_sched *sched, double max_seconds, int64_t near, sgs_block *block)
{
    return hand_out(sched, max_seconds, &near, block);
}

/* ---- coming back --------------------------------------------------------------------------------------------------
 */

sgs_status sgs_sched_done(sgs_sched *sched, sgs_block block, double seconds, sgs_error *err)
{
    sgs_status status = blocks_remove(&sched->out, block, err);
    if (status != SGS_OK)
        return status;
    struct block_seconds sum = block_s(sched, block);
    sched->done += block.count;
    sched->left_s -= sum.predicted;
    for (int64_t at = block.first, end = block.first + block.count; at < end;) {
        int64_t cell = at / sched->seeds;
        int64_t runs = runs_in_cell(sched, at, end);
        double share = (double)runs * cell_run_s(sched, cell);
        double measured = seconds * share * groups_correction(&sched->groups, cell) / sum.corrected;
        groups_measure(&sched->groups, cell, share, measured);
        at += runs;
    }
    return SGS_OK;
}

sgs_status sgs_sched_return(sgs_sched *sched, sgs_block block, sgs_error *err)
{
    if (!blocks_reserve(&sched->returned))
        return sgs_fail(err, SGS_ENOMEM, "no memory for the list of returned blocks");
    sgs_status status = blocks_remove(&sched->out, block, err);
    if (status != SGS_OK)
        return status;
    blocks_insert(&sched->returned, block);
    sched->waiting += block.count;
    sched->waiting_s += block_s(sched, block).predicted;
    return SGS_OK;
}

sgs_status sgs_sched_extend(sgs_sched *sched, int64_t first, int64_t count, sgs_error *err)
{
    bool inside = first >= 0 && count > 0 && count <= sgs_grid_runs(sched->grid) - first;
    if (!sched->started || !inside || runs_in_cell(sched, first, first + count) != count)
        return sgs_fail(err, SGS_ERANGE, "runs %" PRId64 " + %" PRId64 " cannot extend the schedule", first, count);
    double run_s = cell_run_s(sched, first / sched->seeds);
    if (run_s < 0)
        return sgs_fail(err, SGS_ERANGE, "runs %" PRId64 " + %" PRId64 " are skipped", first, count);
    if (!blocks_reserve(&sched->returned))
        return sgs_fail(err, SGS_ENOMEM, "no memory for the list of returned blocks");
    blocks_insert(&sched->returned, (sgs_block){first, count});
    sched->total += count;
    sched->waiting += count;
    sched->total_s += run_s * (double)count;
    sched->left_s += run_s * (double)count;
    sched->waiting_s += run_s * (double)count;
    groups_expect(&sched->groups, first / sched->seeds, run_s * (double)count);
    return SGS_OK;
}

sgs_sched_progress sgs_sched_progress_now(const sgs_sched *sched)
{
    sgs_sched_progress now = {.total = sched->total, .waiting = sched->waiting, .done = sched->done};

    now.out = now.total - now.waiting - now.done;
    now.left_s = now.done == now.total ? 0 : fmax(sched->left_s, 0) * groups_scale(&sched->groups);
    now.total_s = sched->groups.all.measured_s + now.left_s;
    return now;
}

sgs_sched_accuracy sgs_sched_accuracy_now(const sgs_sched *sched)
{
    return groups_accuracy(&sched->groups);
}
