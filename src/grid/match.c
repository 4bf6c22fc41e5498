/** @file match.c
 *  Where the runs of one grid stand in another, by their parameters.
 *
 *  Axis by axis: a run key is made of activation, sampling, d, n, b, eps, the seeds and what all runs of a grid share,
 * so two grids are matched in the memory of their axes, whatever their number of runs. One run may stand in several
 * cells: "n/2" and 8 are one batch size at n = 16, and two step sizes may give one eps. */
#include "grid_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A value of an axis and its position, sorted by value. */
typedef struct place {
    int64_t value;
    int64_t at;
} place;

typedef struct step_place {
    double value;
    int64_t at;
} step_place;

struct sgs_grid_match {
    const sgs_grid *from, *to; /**< borrowed */
    place *dimensions;         /**< of `to` */
    place *seeds;              /**< of `to`; NULL: they are a range */
    step_place *steps;         /**< of `to` */
    int64_t cell;              /**< of `from`, whose cells are in the list; -1: none */
    int64_t *cells;            /**< of `to` */
    int64_t count, room;
};

static int by_value(const void *left, const void *right)
{
    const place *a = left;
    const place *b = right;
    return (a->value > b->value) - (a->value < b->value);
}

static int by_step(const void *left, const void *right)
{
    const step_place *a = left;
    const step_place *b = right;
    return (a->value > b->value) - (a->value < b->value);
}

bool sgs_grid_settings_differ(const sgs_grid *from, const sgs_grid *to, char *text, size_t size)
{
    if (from->init != to->init) {
        snprintf(text, size, "init: distribution: %s there, %s here", sgs_init_name(from->init),
                 sgs_init_name(to->init));
    } else if (from->scale != to->scale) {
        snprintf(text, size, "init: scale: %.17g there, %.17g here", from->scale, to->scale);
    } else if (from->batches_common != to->batches_common) {
        snprintf(text, size, "batches: %s there, %s here", from->batches_common ? "common" : "own",
                 to->batches_common ? "common" : "own");
    } else if (from->tol != to->tol) {
        snprintf(text, size, "stop: tol: %.17g there, %.17g here", from->tol, to->tol);
    } else {
        return false;
    }
    return true;
}

static bool sort_axes(sgs_grid_match *match)
{
    const sgs_grid *to = match->to;
    int64_t dimensions = to->size[SGS_AXIS_DIMENSION];
    int64_t steps = to->size[SGS_AXIS_STEP_VALUE];
    int64_t seeds = to->size[SGS_AXIS_SEED];
    match->dimensions = calloc((size_t)dimensions, sizeof *match->dimensions);
    match->steps = calloc((size_t)steps, sizeof *match->steps);
    match->seeds = to->seed ? calloc((size_t)seeds, sizeof *match->seeds) : NULL;
    if (!match->dimensions || !match->steps || (to->seed && !match->seeds)) {
        return false;
    }
    for (int64_t i = 0; i < dimensions; i++) {
        match->dimensions[i] = (place){to->dimension[i], i};
    }
    for (int64_t i = 0; i < steps; i++) {
        match->steps[i] = (step_place){to->step_value[i], i};
    }
    for (int64_t i = 0; i < seeds && match->seeds; i++) {
        match->seeds[i] = (place){to->seed[i], i};
    }
    qsort(match->dimensions, (size_t)dimensions, sizeof *match->dimensions, by_value);
    qsort(match->steps, (size_t)steps, sizeof *match->steps, by_step);
    if (match->seeds) {
        qsort(match->seeds, (size_t)seeds, sizeof *match->seeds, by_value);
    }
    return true;
}

sgs_status sgs_grid_match_create(const sgs_grid *from, const sgs_grid *to, sgs_grid_match **match, sgs_error *err)
{
    *match = NULL;
    sgs_grid_match *made = calloc(1, sizeof *made);
    if (!made) {
        return sgs_fail(err, SGS_ENOMEM, "matching two grids");
    }
    made->from = from;
    made->to = to;
    made->cell = -1;
    if (!sort_axes(made)) {
        sgs_grid_match_destroy(made);
        return sgs_fail(err, SGS_ENOMEM, "matching two grids");
    }
    *match = made;
    return SGS_OK;
}

void sgs_grid_match_destroy(sgs_grid_match *match)
{
    if (!match) {
        return;
    }
    free(match->dimensions);
    free(match->seeds);
    free(match->steps);
    free(match->cells);
    free(match);
}

/** Position of an activation or sampling, which are few; -1: not there. */
static int64_t find_name(const void *names, size_t each, int64_t count, int wanted)
{
    for (int64_t i = 0; i < count; i++) {
        int name = 0;
        memcpy(&name, (const char *)names + (size_t)i * each, sizeof name);
        if (name == wanted) {
            return i;
        }
    }
    return -1;
}

static int64_t find_dimension(const sgs_grid_match *match, int64_t from_at)
{
    const place wanted = {match->from->dimension[from_at], 0};
    const place *found =
        bsearch(&wanted, match->dimensions, (size_t)match->to->size[SGS_AXIS_DIMENSION], sizeof wanted, by_value);
    return found && match->to->samples[found->at] == match->from->samples[from_at] ? found->at : -1;
}

static bool add_cell(sgs_grid_match *match, const sgs_coordinates *at)
{
    if (match->count == match->room) {
        int64_t room = 2 * match->room + 4;
        int64_t *grown = realloc(match->cells, (size_t)room * sizeof *grown);
        if (!grown) {
            return false;
        }
        match->cells = grown;
        match->room = room;
    }
    match->cells[match->count++] = sgs_grid_index(match->to, at) / match->to->size[SGS_AXIS_SEED];
    return true;
}

/** Add the cells of `to` at one batch whose step gives this eps. eps rises with the step value, or stays. */
static bool add_steps(sgs_grid_match *match, sgs_coordinates *at, int32_t b, double eps)
{
    int64_t low = 0;
    int64_t high = match->to->size[SGS_AXIS_STEP_VALUE];
    int64_t end = high;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sgs_grid_eps(match->to, b, match->steps[middle].at) < eps) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < end && sgs_grid_eps(match->to, b, match->steps[low].at) == eps; low++) {
        at->at[SGS_AXIS_STEP_VALUE] = match->steps[low].at;
        if (!add_cell(match, at)) {
            return false;
        }
    }
    return true;
}

static bool find_cells(sgs_grid_match *match, int64_t cell)
{
    const sgs_grid *from = match->from;
    const sgs_grid *to = match->to;
    sgs_coordinates c;
    sgs_coordinates at = {{0}};
    sgs_grid_coordinates(from, cell * from->size[SGS_AXIS_SEED], &c);
    match->count = 0;
    at.at[SGS_AXIS_ACTIVATION] = find_name(to->activation, sizeof *to->activation, to->size[SGS_AXIS_ACTIVATION],
                                           (int)from->activation[c.at[SGS_AXIS_ACTIVATION]]);
    at.at[SGS_AXIS_SAMPLING] = find_name(to->sampling, sizeof *to->sampling, to->size[SGS_AXIS_SAMPLING],
                                         (int)from->sampling[c.at[SGS_AXIS_SAMPLING]]);
    at.at[SGS_AXIS_DIMENSION] = find_dimension(match, c.at[SGS_AXIS_DIMENSION]);
    int32_t b = sgs_grid_batch_size(from, c.at[SGS_AXIS_DIMENSION], c.at[SGS_AXIS_BATCH]);
    if (at.at[SGS_AXIS_ACTIVATION] < 0 || at.at[SGS_AXIS_SAMPLING] < 0 || at.at[SGS_AXIS_DIMENSION] < 0 || b == 0) {
        return true;
    }
    double eps = sgs_grid_eps(from, b, c.at[SGS_AXIS_STEP_VALUE]);
    for (int64_t i = 0; i < to->size[SGS_AXIS_BATCH]; i++) {
        at.at[SGS_AXIS_BATCH] = i;
        if (sgs_grid_batch_size(to, at.at[SGS_AXIS_DIMENSION], i) == b && !add_steps(match, &at, b, eps)) {
            return false;
        }
    }
    return true;
}

sgs_status sgs_grid_match_cells(sgs_grid_match *match, int64_t cell, const int64_t **cells, int64_t *count,
                                sgs_error *err)
{
    if (cell != match->cell) {
        match->cell = -1;
        if (!find_cells(match, cell)) {
            return sgs_fail(err, SGS_ENOMEM, "matching two grids");
        }
        match->cell = cell;
    }
    *cells = match->cells;
    *count = match->count;
    return SGS_OK;
}

/** The seed of the start, which may be one for all. */
static int64_t start_seed(const sgs_grid *grid, int64_t seed)
{
    if (grid->init == SGS_INIT_ONES) {
        return 0;
    }
    return grid->init_seed == SGS_INIT_SEED_OWN ? seed : grid->init_seed;
}

int64_t sgs_grid_match_seed(const sgs_grid_match *match, int64_t from_at)
{
    const sgs_grid *to = match->to;
    int64_t seed = sgs_grid_seed(match->from, from_at);
    if (start_seed(match->from, seed) != start_seed(to, seed)) {
        return -1;
    }
    if (!match->seeds) {
        int64_t at = seed - to->seed_first;
        return at >= 0 && at < to->size[SGS_AXIS_SEED] ? at : -1;
    }
    const place wanted = {seed, 0};
    const place *found = bsearch(&wanted, match->seeds, (size_t)to->size[SGS_AXIS_SEED], sizeof wanted, by_value);
    return found ? found->at : -1;
}
