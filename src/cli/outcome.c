#include "outcome.h"
#include "sgdsweep/sched.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond so many cells only the sums are kept; so many are listed, those with the most work. */
enum { CELLS_MAX = 1 << 22, LISTED_MAX = 256 };

/* A cell counts with so much work, and is predicted well within this factor. */
static const double WORTH_S = 1;
static const double FACTOR = 1.5;

struct outcome {
    double predicted_s, measured_s;
};

struct outcomes {
    const sgs_grid *grid;
    int64_t seeds;
    struct outcome all;
    struct outcome *cell; /* [cells] or NULL: too many */
    int64_t *restored;    /* runs of the present life that went on from a saved state */
    size_t restored_count, restored_capacity;
};

/* ---- reading ------------------------------------------------------------------------------------------------------
 */

static bool note_restored(struct outcomes *outcomes, int64_t run)
{
    if (outcomes->restored_count == outcomes->restored_capacity) {
        size_t capacity = 2 * outcomes->restored_capacity + 64;
        int64_t *grown = realloc(outcomes->restored, capacity * sizeof *grown);
        if (!grown)
            return false;
        outcomes->restored = grown;
        outcomes->restored_capacity = capacity;
    }
    outcomes->restored[outcomes->restored_count++] = run;
    return true;
}

static bool has_restored(const struct outcomes *outcomes, sgs_block block)
{
    for (size_t i = 0; i < outcomes->restored_count; i++)
        if (outcomes->restored[i] >= block.first && outcomes->restored[i] < block.first + block.count)
            return true;
    return false;
}

/* Predicted seconds of the runs of a block that lie in the cell of `at`, on some machine. */
static double weight_of(const struct outcomes *outcomes, int64_t at, int64_t runs)
{
    const sgs_speed speed = sgs_speed_default();
    sgs_run run;
    sgs_stop stop;
    return sgs_grid_run(outcomes->grid, at, &run, &stop) ? (double)runs * sgs_predict_seconds(&run, &stop, &speed) : 0;
}

/* A block of several cells is shared out among them by what is predicted of each. */
static void share_out(struct outcomes *outcomes, sgs_block block, struct outcome sum)
{
    double all = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (int64_t at = block.first, end = block.first + block.count; at < end;) {
            const int64_t cell_end = (at / outcomes->seeds + 1) * outcomes->seeds;
            const int64_t runs = (cell_end < end ? cell_end : end) - at;
            const double weight = runs == block.count ? 1 : weight_of(outcomes, at, runs);
            if (pass == 0)
                all += weight;
            else if (all > 0) {
                outcomes->cell[at / outcomes->seeds].predicted_s += sum.predicted_s * weight / all;
                outcomes->cell[at / outcomes->seeds].measured_s += sum.measured_s * weight / all;
            }
            at += runs;
        }
    }
}

static void take_block(struct outcomes *outcomes, const json_t *event)
{
    const sgs_block block = {json_integer_value(json_object_get(event, "first")),
                             json_integer_value(json_object_get(event, "count"))};
    const struct outcome sum = {json_number_value(json_object_get(event, "predicted_s")),
                                json_number_value(json_object_get(event, "seconds"))};
    const int64_t runs = sgs_grid_runs(outcomes->grid);

    if (block.first < 0 || block.count < 1 || block.count > runs || block.first > runs - block.count ||
        !(sum.predicted_s > 0) || !(sum.measured_s >= 0) || has_restored(outcomes, block))
        return;
    outcomes->all.predicted_s += sum.predicted_s;
    outcomes->all.measured_s += sum.measured_s;
    if (outcomes->cell)
        share_out(outcomes, block, sum);
}

/* A line that is none, such as one that a kill cut short, says nothing. */
static bool take_line(struct outcomes *outcomes, const char *line)
{
    bool good = true;
    json_t *event = json_loads(line, 0, NULL);
    const char *name = json_string_value(json_object_get(event, "event"));

    if (name && strcmp(name, "block") == 0)
        take_block(outcomes, event);
    else if (name && strcmp(name, "state_restored") == 0)
        good = note_restored(outcomes, json_integer_value(json_object_get(event, "run")));
    else if (name)
        outcomes->restored_count = 0; /* a life begins */
    json_decref(event);
    return good;
}

static bool read_log(struct outcomes *outcomes, FILE *log)
{
    static const char *const wanted[] = {"\"event\":\"block\"", "\"event\":\"state_restored\"", "\"event\":\"resume\""};
    bool good = true;
    char *line = NULL;
    size_t size = 0;

    while (good && getline(&line, &size, log) >= 0) {
        bool want = false;
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
            want = want || strstr(line, wanted[i]) != NULL;
        if (want)
            good = take_line(outcomes, line);
    }
    free(line);
    return good;
}

/* ---- telling ------------------------------------------------------------------------------------------------------
 */

struct listed {
    int64_t cell;
    struct outcome outcome;
};

/* Keep the cells with the most seconds, most first. */
static void list_cell(struct listed *listed, int *count, struct listed here)
{
    if (*count == LISTED_MAX && listed[LISTED_MAX - 1].outcome.measured_s >= here.outcome.measured_s)
        return;
    int at = *count < LISTED_MAX ? (*count)++ : LISTED_MAX - 1;
    for (; at > 0 && listed[at - 1].outcome.measured_s < here.outcome.measured_s; at--)
        listed[at] = listed[at - 1];
    listed[at] = here;
}

static json_t *listed_json(const struct outcomes *outcomes, const struct listed *listed, int count)
{
    json_t *all = json_array();
    bool good = all != NULL;

    for (int i = 0; good && i < count; i++) {
        const int64_t first = listed[i].cell * outcomes->seeds;
        sgs_run run = {.n = 0};
        sgs_stop stop;
        (void)sgs_grid_run(outcomes->grid, first, &run, &stop);
        json_t *one =
            json_pack("{s:I, s:s, s:s, s:i, s:i, s:i, s:f, s:f, s:f}", "first_run", (json_int_t)first, "activation",
                      sgs_activation_name(run.activation), "sampling", sgs_sampling_name(run.sampling), "d", (int)run.d,
                      "n", (int)run.n, "b", (int)run.b, "eps", run.eps, "predicted_s", listed[i].outcome.predicted_s,
                      "measured_s", listed[i].outcome.measured_s);
        good = json_array_append_new(all, one) == 0;
    }
    if (good)
        return all;
    json_decref(all);
    return NULL;
}

static json_t *to_json(const struct outcomes *outcomes)
{
    static struct listed listed[LISTED_MAX];
    int count = 0;
    int64_t cells = 0;
    int64_t within = 0;
    double worst = 1;
    json_t *object =
        json_pack("{s:f, s:f}", "predicted_s", outcomes->all.predicted_s, "measured_s", outcomes->all.measured_s);

    for (int64_t i = 0; outcomes->cell && i < sgs_grid_cells(outcomes->grid); i++) {
        const struct outcome *cell = &outcomes->cell[i];
        if (cell->measured_s <= WORTH_S || cell->predicted_s <= 0)
            continue;
        const double off = fmax(cell->predicted_s / cell->measured_s, cell->measured_s / cell->predicted_s);
        cells++;
        within += off <= FACTOR;
        worst = fmax(worst, off);
        list_cell(listed, &count, (struct listed){i, *cell});
    }
    json_t *more = outcomes->cell
                       ? json_pack("{s:I, s:I, s:f, s:o}", "cells_over_1_s", (json_int_t)cells, "within_1_5",
                                   (json_int_t)within, "worst", worst, "cells", listed_json(outcomes, listed, count))
                       : json_object();
    const bool good = object && more && json_object_update(object, more) == 0;
    json_decref(more);
    if (good)
        return object;
    json_decref(object);
    return NULL;
}

sgs_status cli_outcome_add(const sgs_grid *grid, const char *path, json_t *object, sgs_error *err)
{
    struct outcomes outcomes = {.grid = grid, .seeds = sgs_grid_axis_size(grid, SGS_AXIS_SEED)};
    const int64_t cells = sgs_grid_cells(grid);
    char *name = NULL;
    FILE *log = NULL;
    bool good = asprintf(&name, "%s.log", path) >= 0;

    if (good && cells <= CELLS_MAX) {
        outcomes.cell = calloc((size_t)cells, sizeof *outcomes.cell);
        good = outcomes.cell != NULL;
    }
    if (good)
        log = fopen(name, "re");
    if (log) {
        good = read_log(&outcomes, log);
        (void)fclose(log);
    }
    good = good && json_object_set_new(object, "prediction", log ? to_json(&outcomes) : json_null()) == 0;
    free(name);
    free(outcomes.cell);
    free(outcomes.restored);
    return good ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "no memory to read %s.log", path);
}
