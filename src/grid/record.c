/** @file record.c
 *  The key `record`: a ladder of steps or a list of them, and the measures to take there. */
#include "record.h"

#include "numbers.h"

#include <stdlib.h>
#include <string.h>

static const sgs_integer_range steps_range = {0, SGS_STEPS_MAX, ""};

/** A scalar with this text, in quotes or not: JSON has its words in quotes. */
static bool is_word(const sgs_yaml_node *node, const char *word)
{
    const sgs_yaml_node *value = sgs_yaml_value(node);
    return value->kind == SGS_YAML_SCALAR && strcmp(value->text, word) == 0;
}

/** The ladder up to `last` into steps (NULL: count only): 0, 1, 2, 3, 4, 6, 8, 12, ... Returns its length. */
static int64_t climb(int64_t last, int64_t *steps)
{
    int64_t count = 0;
    int64_t rungs[2] = {1, 0}; /* 2^k, 3 2^(k-1) */
    if (steps) {
        steps[count] = 0;
    }
    count++;
    for (; rungs[0] <= last; rungs[0] *= 2, rungs[1] = rungs[0] / 2 * 3) {
        for (int i = 0; i < 2 && rungs[i] && rungs[i] <= last; i++) {
            if (steps) {
                steps[count] = rungs[i];
            }
            count++;
        }
    }
    return count;
}

static sgs_status make_ladder(const sgs_reader *reader, int64_t last, sgs_grid *grid)
{
    int64_t count = climb(last, NULL);
    grid->record_steps = calloc((size_t)count, sizeof *grid->record_steps);
    if (!grid->record_steps) {
        return sgs_value_out_of_memory(reader);
    }
    grid->record_count = climb(last, grid->record_steps);
    return SGS_OK;
}

/** The largest step limit of all runs; that of a cell is the same for all of its seeds. */
static sgs_status largest_limit(const sgs_reader *reader, const sgs_yaml_node *node, const sgs_grid *grid,
                                int64_t *largest)
{
    int64_t seeds = grid->size[SGS_AXIS_SEED];
    int64_t cells = grid->runs / seeds;
    *largest = grid->max_steps;
    if (grid->max_steps != SGS_MAX_STEPS_AUTO) {
        return SGS_OK;
    }
    if (cells > SGS_RECORD_MAX_CELLS) {
        return sgs_value_fail(reader, node,
                              "record: the ladder of %lld cells has no end that can be found; accepted: "
                              "{until: STEP}, or at most %d cells",
                              (long long)cells, (int)SGS_RECORD_MAX_CELLS);
    }
    *largest = 0;
    for (int64_t cell = 0; cell < cells; cell++) {
        sgs_run run;
        sgs_stop stop;
        if (sgs_grid_run(grid, cell * seeds, &run, &stop) && stop.max_steps > *largest) {
            *largest = stop.max_steps;
        }
    }
    return SGS_OK;
}

/** node: the value of `until`, or of `record` itself with auto. */
static sgs_status read_ladder(const sgs_reader *reader, const sgs_yaml_node *node, bool automatic, sgs_grid *grid)
{
    static const sgs_integer_range range = {0, SGS_STEPS_MAX, ", or auto"};
    int64_t last = 0;
    sgs_status status = automatic ? largest_limit(reader, node, grid, &last)
                                  : sgs_value_integer(reader, node, "record: until", &range, &last);
    return status ? status : make_ladder(reader, last, grid);
}

static sgs_status read_steps(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    sgs_status status =
        sgs_numbers_integers(reader, node, "record: steps", &steps_range, &grid->record_steps, &grid->record_count);
    const int64_t *steps = grid->record_steps;
    if (!status && grid->record_count > SGS_RECORD_MAX_STEPS) {
        status = sgs_value_fail(reader, node, "record: steps: %lld of them; accepted: at most %d",
                                (long long)grid->record_count, (int)SGS_RECORD_MAX_STEPS);
    }
    for (int64_t i = 1; !status && i < grid->record_count; i++) {
        if (steps[i] < steps[i - 1]) {
            status = sgs_value_fail(reader, sgs_items_at(node, i),
                                    "record: steps: %lld comes after %lld; accepted: ascending steps",
                                    (long long)steps[i], (long long)steps[i - 1]);
        }
    }
    return status;
}

/** The measure of this name, or -1. */
static int find_measure(const char *name)
{
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        if (strcmp(sgs_measure_describe((sgs_measure)measure)->name, name) == 0) {
            return measure;
        }
    }
    return -1;
}

static sgs_status fail_measure(const sgs_reader *reader, const sgs_yaml_node *node, const char *wrong)
{
    char shown[SGS_VALUE_SHOWN_BYTES];
    char accepted[512] = "none";
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        if (sgs_measure_recordable((sgs_measure)measure)) {
            strncat(accepted, ", ", sizeof accepted - strlen(accepted) - 1);
            strncat(accepted, sgs_measure_describe((sgs_measure)measure)->name, sizeof accepted - strlen(accepted) - 1);
        }
    }
    return sgs_value_fail(reader, node, "record: measures: %s %s; accepted: %s", sgs_value_show(node, shown), wrong,
                          accepted);
}

static sgs_status read_measures(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    if (is_word(node, "none")) {
        return SGS_OK;
    }
    sgs_status status = sgs_items_check(reader, node, "record: measures");
    sgs_items items = sgs_items_of(node);
    const sgs_yaml_node *item = NULL;
    while (!status && (item = sgs_items_next(&items)) != NULL) {
        const sgs_yaml_node *value = sgs_yaml_value(item);
        int measure = value->kind == SGS_YAML_SCALAR ? find_measure(value->text) : -1;
        if (measure < 0) {
            status = fail_measure(reader, item, "is not known");
        } else if (!sgs_measure_recordable((sgs_measure)measure)) {
            status = fail_measure(reader, item, "belongs to the end of a run");
        } else if (grid->recorded[measure]) {
            status = fail_measure(reader, item, "is there twice");
        } else {
            grid->recorded[measure] = true;
        }
    }
    return status;
}

static void record_all(sgs_grid *grid)
{
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        grid->recorded[measure] = sgs_measure_recordable((sgs_measure)measure);
    }
}

static sgs_status read_map(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    static const char *const keys[] = {"until", "steps", "measures"};
    const sgs_yaml_node *found[3];
    sgs_status status = sgs_value_keys(reader, node, "record", keys, 3, found);
    if (!status && !found[0] == !found[1]) {
        status = sgs_value_fail(reader, node, "record: %s; accepted: {until: STEP}, {until: auto}, {steps: [0, 1, 10]}",
                                found[0] ? "until and steps exclude each other" : "neither until nor steps");
    }
    if (!status) {
        status = found[0] ? read_ladder(reader, found[0], is_word(found[0], "auto"), grid)
                          : read_steps(reader, found[1], grid);
    }
    if (!status && !found[2]) {
        record_all(grid);
    }
    return !status && found[2] ? read_measures(reader, found[2], grid) : status;
}

sgs_status sgs_record_read(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    if (!node || is_word(node, "none")) {
        return SGS_OK;
    }
    if (sgs_yaml_value(node)->kind == SGS_YAML_MAP) {
        return read_map(reader, node, grid);
    }
    if (is_word(node, "ladder")) {
        record_all(grid);
        return read_ladder(reader, node, true, grid);
    }
    char shown[SGS_VALUE_SHOWN_BYTES];
    return sgs_value_fail(reader, node,
                          "record: %s is not known; accepted: none, ladder, {until: STEP}, {steps: [0, 1, 10]}",
                          sgs_value_show(node, shown));
}

sgs_status sgs_walk_read(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    static const char *const keys[] = {"bins", "range"};
    static const sgs_integer_range bins = {2, SGS_WALK_MAX_BINS, ""};
    static const sgs_number_range ranges = {1e-3, 700.0};
    const sgs_yaml_node *found[2];
    int64_t count = 0;
    if (!node || is_word(node, "none")) {
        return SGS_OK;
    }
    char shown[SGS_VALUE_SHOWN_BYTES];
    if (sgs_yaml_value(node)->kind != SGS_YAML_MAP) {
        return sgs_value_fail(reader, node, "walk: %s is not known; accepted: none, {bins: 32}, {bins: 32, range: 8}",
                              sgs_value_show(node, shown));
    }
    sgs_status status = sgs_value_keys(reader, node, "walk", keys, 2, found);
    if (!status && !found[0]) {
        status = sgs_value_fail(reader, node, "walk: bins is missing; accepted: for instance {bins: 32}");
    }
    status = status ? status : sgs_value_integer(reader, found[0], "walk: bins", &bins, &count);
    grid->walk_range = 8.0;
    if (!status && found[1]) {
        status = sgs_value_number(reader, found[1], "walk: range", &ranges, &grid->walk_range);
    }
    grid->walk_bins = (int32_t)count;
    return status;
}

/** Bytes of record, walk and weights of one run; products stay below 2^53. */
static int64_t run_bytes(const sgs_grid *grid)
{
    int64_t features = 0;
    for (int64_t i = 0; grid->weights && i < grid->size[SGS_AXIS_DIMENSION]; i++) {
        features = grid->samples[i] > features ? grid->samples[i] : features;
    }
    return 8 *
           (sgs_grid_gathered_values(grid) + features * (grid->weights == SGS_WEIGHTS_RECORD ? grid->record_count : 1));
}

sgs_status sgs_record_check(const sgs_reader *reader, const sgs_yaml_node *record, const sgs_yaml_node *weights,
                            const sgs_grid *grid)
{
    bool any = false;
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        any = any || grid->recorded[measure];
    }
    if (weights && grid->weights == SGS_WEIGHTS_RECORD && grid->record_count == 0) {
        return sgs_value_fail(reader, weights,
                              "weights: record needs a record; accepted: none, final, or record: "
                              "ladder with it");
    }
    if (record && grid->record_count > 0 && !any && grid->weights != SGS_WEIGHTS_RECORD) {
        return sgs_value_fail(reader, record,
                              "record: measures: none records nothing; accepted: a measure, or "
                              "weights: record with it");
    }
    const sgs_yaml_node *node = grid->weights ? weights : record;
    int64_t bytes = run_bytes(grid);
    if (node && bytes > SGS_RECORD_MAX_BYTES) {
        return sgs_value_fail(reader, node, "record and weights: %.3g GB for each run; accepted: at most %g GB",
                              (double)bytes / 1e9, SGS_RECORD_MAX_BYTES / 1e9);
    }
    return SGS_OK;
}
