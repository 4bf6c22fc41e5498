/** @file axes.c
 *  The axes of names and of numbers out of their YAML values, with the limits of model.h. */
#include "axes.h"

#include "numbers.h"
#include "until.h"

#include <stdlib.h>

static const sgs_integer_range dimensions = {1, INT32_MAX, ""};
static const sgs_integer_range seeds = {0, SGS_SEED_MAX, ""};
static const sgs_number_range step_sizes = {SGS_STEP_SIZE_MIN, SGS_STEP_SIZE_MAX};

/** Values of an axis of names, in the order given, each once. */
static sgs_status read_names(const sgs_reader *reader, const sgs_yaml_node *node, const char *key,
                             const sgs_choice *choices, int count, int *chosen, int64_t *size)
{
    bool seen[SGS_ACTIVATIONS + (int)SGS_SAMPLINGS] = {false}; /* enough for either */
    sgs_status status = sgs_items_check(reader, node, key);
    sgs_items items = sgs_items_of(node);
    const sgs_yaml_node *item = NULL;
    *size = 0;
    while (!status && (item = sgs_items_next(&items)) != NULL) {
        int value = 0;
        status = sgs_value_choice(reader, item, key, choices, count, &value);
        if (!status && seen[value]) {
            char shown[SGS_VALUE_SHOWN_BYTES];
            status = sgs_value_fail(reader, item, "%s: %s is there twice; accepted: every value once", key,
                                    sgs_value_show(item, shown));
        }
        if (!status) {
            seen[value] = true;
            chosen[(*size)++] = value;
        }
    }
    return status;
}

sgs_status sgs_axes_activation(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    sgs_choice choices[SGS_ACTIVATIONS];
    int chosen[SGS_ACTIVATIONS] = {SGS_LINEAR, SGS_RELU};
    for (int i = 0; i < SGS_ACTIVATIONS; i++) {
        choices[i] = (sgs_choice){.name = sgs_activation_name((sgs_activation)i), .available = true};
    }
    int64_t *size = &grid->size[SGS_AXIS_ACTIVATION];
    *size = SGS_ACTIVATIONS;
    sgs_status status = node ? read_names(reader, node, "activation", choices, SGS_ACTIVATIONS, chosen, size) : SGS_OK;
    for (int i = 0; i < *size; i++) {
        grid->activation[i] = (sgs_activation)chosen[i];
    }
    return status;
}

sgs_status sgs_axes_sampling(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    sgs_choice choices[SGS_SAMPLINGS];
    int chosen[SGS_SAMPLINGS] = {SGS_WITHOUT_REPLACEMENT};
    for (int i = 0; i < SGS_SAMPLINGS; i++) {
        choices[i] = (sgs_choice){.name = sgs_sampling_name((sgs_sampling)i), .available = true};
    }
    int64_t *size = &grid->size[SGS_AXIS_SAMPLING];
    *size = 1;
    sgs_status status = node ? read_names(reader, node, "sampling", choices, SGS_SAMPLINGS, chosen, size) : SGS_OK;
    for (int i = 0; i < *size; i++) {
        grid->sampling[i] = (sgs_sampling)chosen[i];
    }
    return status;
}

sgs_status sgs_axes_dimension(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    int64_t *values = NULL;
    int64_t count = 0;
    sgs_status status = sgs_numbers_integers(reader, node, "dimension", &dimensions, &values, &count);
    if (status) {
        return status;
    }
    grid->dimension = calloc((size_t)count, sizeof *grid->dimension);
    for (int64_t i = 0; grid->dimension && i < count; i++) {
        grid->dimension[i] = (int32_t)values[i];
    }
    free(values);
    grid->size[SGS_AXIS_DIMENSION] = count;
    return grid->dimension ? SGS_OK : sgs_value_out_of_memory(reader);
}

sgs_status sgs_axes_step_size(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    static const char *const scaled_key[] = {"scaled_by_batch"};
    static const char *const all_keys[] = {"scaled_by_batch", "linear", "log", "points"};
    const sgs_yaml_node *values = node;
    const sgs_yaml_node *map = sgs_yaml_value(node);
    sgs_status status = SGS_OK;
    if (map->kind == SGS_YAML_MAP) {
        const sgs_yaml_node *found[4];
        status = sgs_value_keys(reader, node, "step_size", all_keys, 4, found);
        grid->step_scaled = !status && found[0];
        if (grid->step_scaled) {
            status = sgs_value_keys(reader, node, "step_size with scaled_by_batch", scaled_key, 1, &values);
        }
    }
    int64_t *size = &grid->size[SGS_AXIS_STEP_VALUE];
    return status ? status : sgs_numbers_reals(reader, values, "step_size", &step_sizes, &grid->step_value, size);
}

/** {first: F, until: {...}}; found: first, count, until. */
static sgs_status read_seed_until(const sgs_reader *reader, const sgs_yaml_node *const *found, sgs_grid *grid)
{
    grid->seed_first = 1;
    if (found[1]) {
        return sgs_value_fail(reader, found[1], "seed: count and until exclude each other; accepted: one of them");
    }
    sgs_status status = SGS_OK;
    if (found[0]) {
        status = sgs_value_integer(reader, found[0], "seed: first", &seeds, &grid->seed_first);
    }
    status = status ? status : sgs_until_read(reader, found[2], &grid->until);
    if (!status) {
        grid->has_until = true;
        grid->size[SGS_AXIS_SEED] = grid->until.look[grid->until.looks - 1];
        if (grid->size[SGS_AXIS_SEED] - 1 > SGS_SEED_MAX - grid->seed_first) {
            status = sgs_value_fail(reader, found[0] ? found[0] : found[2],
                                    "seed: first: %lld leaves too few seeds for the last look; accepted: seeds up to "
                                    "%lld",
                                    (long long)grid->seed_first, (long long)SGS_SEED_MAX);
        }
    }
    return status;
}

static sgs_status read_seed_range(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    static const char *const keys[] = {"first", "count", "until"};
    static const sgs_integer_range counts = {1, SGS_SEED_MAX, ""};
    const sgs_yaml_node *found[3];
    sgs_status status = sgs_value_keys(reader, node, "seed", keys, 3, found);
    if (!status && found[2]) {
        return read_seed_until(reader, found, grid);
    }
    if (!status && (!found[0] || !found[1])) {
        status = sgs_value_fail(reader, node,
                                "seed: first and count go together; accepted: {first: 1, count: 64}, or {until: ...}");
    }
    int64_t *count = &grid->size[SGS_AXIS_SEED];
    status = status ? status : sgs_value_integer(reader, found[0], "seed: first", &seeds, &grid->seed_first);
    status = status ? status : sgs_value_integer(reader, found[1], "seed: count", &counts, count);
    if (!status && *count - 1 > SGS_SEED_MAX - grid->seed_first) {
        char shown[SGS_VALUE_SHOWN_BYTES];
        status = sgs_value_fail(reader, found[1], "seed: count: %s seeds from %lld on; accepted: seeds up to %lld",
                                sgs_value_show(found[1], shown), (long long)grid->seed_first, (long long)SGS_SEED_MAX);
    }
    return status;
}

sgs_status sgs_axes_seed(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    if (sgs_yaml_value(node)->kind == SGS_YAML_MAP) {
        return read_seed_range(reader, node, grid);
    }
    int64_t count = 0;
    sgs_status status = sgs_numbers_integers(reader, node, "seed", &seeds, &grid->seed, &count);
    if (status) {
        return status;
    }
    grid->size[SGS_AXIS_SEED] = count;
    grid->seed_first = grid->seed[0];
    bool consecutive = true;
    for (int64_t i = 0; i < count; i++) {
        consecutive = consecutive && grid->seed[i] == grid->seed_first + i;
    }
    if (consecutive) { /* the same axis as {first, count}: the same canonical text */
        free(grid->seed);
        grid->seed = NULL;
    }
    return SGS_OK;
}
