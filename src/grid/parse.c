/** @file parse.c
 *  A grid file's keys -> struct sgs_grid. Axes are read in an order in which each finds what it needs: dimension,
 * samples, batch_size. On any error everything made so far is freed by sgs_grid_destroy. */
#include "axes.h"
#include "record.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum key {
    KEY_ACTIVATION,
    KEY_SAMPLING,
    KEY_DIMENSION,
    KEY_SAMPLES,
    KEY_BATCH_SIZE,
    KEY_STEP_SIZE,
    KEY_SEED,
    KEY_INIT,
    KEY_BATCHES,
    KEY_STOP,
    KEY_RECORD,
    KEY_WEIGHTS,
    KEY_WALK,
    KEYS
};

static const char *const key_names[KEYS] = {"activation", "sampling", "dimension", "samples", "batch_size",
                                            "step_size",  "seed",     "init",      "batches", "stop",
                                            "record",     "weights",  "walk"};

static sgs_status check_required(const sgs_reader *reader, const sgs_yaml_node *root, const sgs_yaml_node *const *found)
{
    static const struct {
        enum key key;
        const char *example;
    } required[] = {{KEY_DIMENSION, "[16, 64]"},
                    {KEY_BATCH_SIZE, "[1, n/4, n-1, n]"},
                    {KEY_STEP_SIZE, "{scaled_by_batch: 0.1}"},
                    {KEY_SEED, "{first: 1, count: 64}"}};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        const char *name = key_names[required[i].key];
        if (!found[required[i].key]) {
            return sgs_value_fail(reader, root, "%s is missing; accepted: for instance %s: %s", name, name,
                                  required[i].example);
        }
    }
    return SGS_OK;
}

static sgs_status read_init(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    static const char *const keys[] = {"distribution", "scale", "seed"};
    static const sgs_number_range scales = {SGS_SCALE_MIN, SGS_SCALE_MAX};
    static const sgs_integer_range seeds = {0, SGS_SEED_MAX, ", or own"};
    const sgs_yaml_node *found[3] = {NULL};
    sgs_status status = node ? sgs_value_keys(reader, node, "init", keys, 3, found) : SGS_OK;
    int chosen = SGS_INIT_GAUSSIAN;
    if (!status && found[0]) {
        sgs_choice choices[SGS_INITS];
        for (int i = 0; i < SGS_INITS; i++) {
            choices[i] = (sgs_choice){.name = sgs_init_name((sgs_init)i), .available = true};
        }
        status = sgs_value_choice(reader, found[0], "init: distribution", choices, SGS_INITS, &chosen);
    }
    grid->init = (sgs_init)chosen;
    grid->scale = 0.1;
    if (!status && found[1]) {
        status = sgs_value_number(reader, found[1], "init: scale", &scales, &grid->scale);
    }
    grid->init_seed = SGS_INIT_SEED_OWN;
    if (!status && found[2] && !sgs_value_is(found[2], "own")) {
        status = sgs_value_integer(reader, found[2], "init: seed", &seeds, &grid->init_seed);
        if (!status && grid->init == SGS_INIT_ONES) {
            status =
                sgs_value_fail(reader, found[2], "init: seed: %lld does nothing with distribution ones; accepted: own",
                               (long long)grid->init_seed);
        }
    }
    return status;
}

static sgs_status read_stop(const sgs_reader *reader, const sgs_yaml_node *node, sgs_grid *grid)
{
    static const char *const keys[] = {"max_steps", "tol"};
    static const sgs_integer_range steps = {1, SGS_STEPS_MAX, ", or auto"};
    static const sgs_number_range tols = {0, 1e-2};
    const sgs_yaml_node *found[2] = {NULL};
    sgs_status status = node ? sgs_value_keys(reader, node, "stop", keys, 2, found) : SGS_OK;
    grid->max_steps = SGS_MAX_STEPS_AUTO;
    if (!status && found[0] && !sgs_value_is(found[0], "auto")) {
        status = sgs_value_integer(reader, found[0], "stop: max_steps", &steps, &grid->max_steps);
    }
    grid->tol = 1e-6;
    if (!status && found[1]) {
        status = sgs_value_number(reader, found[1], "stop: tol", &tols, &grid->tol);
    }
    return status;
}

/** The keys that choose between a few words. */
static sgs_status read_words(const sgs_reader *reader, const sgs_yaml_node *const *found, sgs_grid *grid)
{
    static const sgs_choice batches[] = {{"own", true}, {"common", true}};
    static const sgs_choice weights[] = {{"none", true}, {"final", true}, {"record", true}};
    const struct {
        enum key key;
        const sgs_choice *choices;
        int count;
    } words[] = {{KEY_BATCHES, batches, 2}, {KEY_WEIGHTS, weights, 3}};
    int chosen[2] = {0}; /* the first word is the default */
    sgs_status status = SGS_OK;
    for (int i = 0; i < 2 && !status; i++) {
        const sgs_yaml_node *node = found[words[i].key];
        if (node) {
            status =
                sgs_value_choice(reader, node, key_names[words[i].key], words[i].choices, words[i].count, &chosen[i]);
        }
    }
    grid->batches_common = chosen[0] == 1;
    grid->weights = (sgs_weights)chosen[1];
    return status;
}

static sgs_status count_runs(const sgs_reader *reader, const sgs_yaml_node *root, sgs_grid *grid)
{
    grid->runs = 1;
    for (int axis = 0; axis < SGS_AXES; axis++) {
        if (__builtin_mul_overflow(grid->runs, grid->size[axis], &grid->runs) || grid->runs > SGS_SEED_MAX) {
            return sgs_value_fail(reader, root,
                                  "the axes make more runs than can be numbered; accepted: at most %lld runs",
                                  (long long)SGS_SEED_MAX);
        }
    }
    return SGS_OK;
}

static sgs_status read_keys(const sgs_reader *reader, const sgs_yaml_node *root, sgs_grid *grid)
{
    const sgs_yaml_node *found[KEYS];
    sgs_status status = sgs_value_keys(reader, root, "the grid file", key_names, KEYS, found);
    status = status ? status : check_required(reader, root, found);
    status = status ? status : sgs_axes_activation(reader, found[KEY_ACTIVATION], grid);
    status = status ? status : sgs_axes_sampling(reader, found[KEY_SAMPLING], grid);
    status = status ? status : sgs_axes_dimension(reader, found[KEY_DIMENSION], grid);
    status = status ? status : sgs_axes_samples(reader, found[KEY_SAMPLES], grid);
    status = status ? status : sgs_axes_batch_size(reader, found[KEY_BATCH_SIZE], grid);
    status = status ? status : sgs_axes_step_size(reader, found[KEY_STEP_SIZE], grid);
    status = status ? status : sgs_axes_seed(reader, found[KEY_SEED], grid);
    status = status ? status : read_init(reader, found[KEY_INIT], grid);
    status = status ? status : read_stop(reader, found[KEY_STOP], grid);
    status = status ? status : read_words(reader, found, grid);
    status = status ? status : count_runs(reader, root, grid);
    status = status ? status : sgs_record_read(reader, found[KEY_RECORD], grid);
    status = status ? status : sgs_walk_read(reader, found[KEY_WALK], grid);
    return status ? status : sgs_record_check(reader, found[KEY_RECORD], found[KEY_WEIGHTS], grid);
}

sgs_status sgs_grid_parse(const char *text, size_t size, const char *name, sgs_grid **grid, sgs_error *err)
{
    sgs_reader reader = {.name = name, .err = err};
    sgs_yaml yaml = {0};
    sgs_grid *made = NULL;
    *grid = NULL;
    sgs_status status = sgs_text_check(text, size, name, err);
    if (status) {
        goto out;
    }
    status = sgs_yaml_parse(&yaml, text, size, name, err);
    if (status) {
        goto out;
    }
    made = calloc(1, sizeof *made);
    if (!made || !(made->source = sgs_text_copy(text, size))) {
        status = sgs_value_out_of_memory(&reader);
        goto out;
    }
    status = read_keys(&reader, yaml.root, made);
    if (!status && sgs_grid_make_canonical(made)) {
        status = sgs_value_out_of_memory(&reader);
    }
    if (!status) {
        *grid = made;
        made = NULL;
    }
out:
    sgs_grid_destroy(made);
    sgs_yaml_clear(&yaml);
    return status;
}

/** Read until the end or one byte more than a grid file may have. */
static sgs_status read_all(int file, const char *path, char *text, size_t *size, sgs_error *err)
{
    *size = 0;
    while (*size <= SGS_YAML_MAX_BYTES) {
        ssize_t got = read(file, text + *size, (size_t)SGS_YAML_MAX_BYTES + 1 - *size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return sgs_fail(err, SGS_EIO, "%s: cannot be read: %s", path, strerror(errno));
        }
        if (got == 0) {
            break;
        }
        *size += (size_t)got;
    }
    return SGS_OK;
}

sgs_status sgs_grid_read(const char *path, sgs_grid **grid, sgs_error *err)
{
    *grid = NULL;
    size_t size = 0;
    sgs_status status = SGS_OK;
    char *text = NULL;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return sgs_fail(err, SGS_EIO, "%s: cannot be opened: %s", path, strerror(errno));
    }
    text = malloc((size_t)SGS_YAML_MAX_BYTES + 1);
    if (!text) {
        status = sgs_fail(err, SGS_ENOMEM, "%s: out of memory", path);
        goto out;
    }
    status = read_all(file, path, text, &size, err);
    status = status ? status : sgs_grid_parse(text, size, path, grid, err);
out:
    free(text);
    close(file);
    return status;
}
