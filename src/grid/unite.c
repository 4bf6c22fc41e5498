/** @file unite.c
 *  The union of two grids.
 *
 *  A union's axes are sorted, so that it does not depend on the order of what is united: names as the model lists them,
 * numbers ascending, batch sizes by what they are at the largest dimension, then by their spelling. The result is made
 * as a canonical text and parsed, so it is a grid like any other. */
#include "expression.h"
#include "grid_data.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED_SEEDS_MAX = 1000000 };

static int compare_integers(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int compare_dimensions(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left;
    int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

static int compare_reals(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/** Both lists in one, sorted, every value once; NULL without memory. */
static void *merge_lists(const void *a, int64_t count_a, const void *b, int64_t count_b, size_t each,
                         int (*compare)(const void *, const void *), int64_t *count)
{
    char *all = calloc((size_t)(count_a + count_b), each);
    if (!all) {
        return NULL;
    }
    memcpy(all, a, (size_t)count_a * each);
    memcpy(all + (size_t)count_a * each, b, (size_t)count_b * each);
    qsort(all, (size_t)(count_a + count_b), each, compare);
    *count = 0;
    for (int64_t i = 0; i < count_a + count_b; i++) {
        const char *value = all + (size_t)i * each;
        if (*count == 0 || compare(value, all + (size_t)(*count - 1) * each) != 0) {
            memmove(all + (size_t)(*count)++ * each, value, each);
        }
    }
    return all;
}

static void unite_names(const sgs_grid *a, const sgs_grid *b, sgs_grid *out)
{
    bool activation[SGS_ACTIVATIONS] = {false};
    bool sampling[SGS_SAMPLINGS] = {false};
    const sgs_grid *both[] = {a, b};
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < both[k]->size[SGS_AXIS_ACTIVATION]; i++) {
            activation[both[k]->activation[i]] = true;
        }
        for (int64_t i = 0; i < both[k]->size[SGS_AXIS_SAMPLING]; i++) {
            sampling[both[k]->sampling[i]] = true;
        }
    }
    for (int i = 0; i < SGS_ACTIVATIONS; i++) {
        if (activation[i]) {
            out->activation[out->size[SGS_AXIS_ACTIVATION]++] = (sgs_activation)i;
        }
    }
    for (int i = 0; i < SGS_SAMPLINGS; i++) {
        if (sampling[i]) {
            out->sampling[out->size[SGS_AXIS_SAMPLING]++] = (sgs_sampling)i;
        }
    }
}

/** A batch label and what it is at the largest dimension; 0 where it does not fit. */
typedef struct label {
    const char *text;
    int64_t size;
} label;

static int compare_labels(const void *left, const void *right)
{
    const label *a = left;
    const label *b = right;
    int order = (a->size > b->size) - (a->size < b->size);
    return order ? order : strcmp(a->text, b->text);
}

static int64_t label_size(const char *text, int32_t n)
{
    int64_t size = n;
    bool full = strcmp(text, "full") == 0;
    bool fine = full || sgs_expression_compute(text, 'n', n, &size) == SGS_EXPRESSION_FINE;
    return fine && size >= 1 && size <= n ? size : 0;
}

/** n at the largest dimension of either. */
static int32_t largest_samples(const sgs_grid *a, const sgs_grid *b)
{
    const sgs_grid *both[] = {a, b};
    int32_t largest = 0;
    int32_t n = 0;
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < both[k]->size[SGS_AXIS_DIMENSION]; i++) {
            if (both[k]->dimension[i] > largest) {
                largest = both[k]->dimension[i];
                n = both[k]->samples[i];
            }
        }
    }
    return n;
}

static label *list_labels(const sgs_grid *a, const sgs_grid *b, int64_t *count)
{
    int64_t first = a->size[SGS_AXIS_BATCH];
    int64_t all = first + b->size[SGS_AXIS_BATCH];
    int32_t n = largest_samples(a, b);
    label *labels = calloc((size_t)all, sizeof *labels);
    for (int64_t i = 0; labels && i < all; i++) {
        const char *text = i < first ? a->batch_label[i] : b->batch_label[i - first];
        labels[i] = (label){text, label_size(text, n)};
    }
    if (labels) {
        qsort(labels, (size_t)all, sizeof *labels, compare_labels);
    }
    *count = all;
    return labels;
}

static bool unite_batches(const sgs_grid *a, const sgs_grid *b, sgs_grid *out)
{
    int64_t count = 0;
    label *labels = list_labels(a, b, &count);
    out->batch_label = labels ? calloc((size_t)count, sizeof *out->batch_label) : NULL;
    int64_t *size = &out->size[SGS_AXIS_BATCH];
    bool good = out->batch_label != NULL;
    for (int64_t i = 0; i < count && good; i++) {
        if (i > 0 && strcmp(labels[i].text, labels[i - 1].text) == 0) {
            continue;
        }
        out->batch_label[*size] = strdup(labels[i].text);
        good = out->batch_label[(*size)++] != NULL;
    }
    free(labels);
    return good;
}

/** Seeds first .. last of a range, or of a list that may have gaps. */
static int64_t last_seed(const sgs_grid *grid)
{
    int64_t last = grid->seed_first;
    for (int64_t i = 0; grid->seed && i < grid->size[SGS_AXIS_SEED]; i++) {
        last = grid->seed[i] > last ? grid->seed[i] : last;
    }
    return grid->seed ? last : grid->seed_first + grid->size[SGS_AXIS_SEED] - 1;
}

/** All seeds of a grid, or NULL: no memory. */
static int64_t *list_seeds(const sgs_grid *grid)
{
    int64_t count = grid->size[SGS_AXIS_SEED];
    int64_t *seeds = calloc((size_t)count, sizeof *seeds);
    for (int64_t i = 0; seeds && i < count; i++) {
        seeds[i] = sgs_grid_seed(grid, i);
    }
    return seeds;
}

/** As lists, which must not be long: the text of a grid has to hold what is no range. */
static sgs_status unite_listed_seeds(const sgs_grid *a, const sgs_grid *b, sgs_grid *out, sgs_error *err)
{
    if (a->size[SGS_AXIS_SEED] > LISTED_SEEDS_MAX || b->size[SGS_AXIS_SEED] > LISTED_SEEDS_MAX) {
        return sgs_fail(err, SGS_EINVAL, "the seeds of both grids make no range; accepted: at most %d seeds with gaps",
                        (int)LISTED_SEEDS_MAX);
    }
    int64_t *of_a = list_seeds(a);
    int64_t *of_b = list_seeds(b);
    int64_t *size = &out->size[SGS_AXIS_SEED];
    if (of_a && of_b) {
        out->seed = merge_lists(of_a, a->size[SGS_AXIS_SEED], of_b, b->size[SGS_AXIS_SEED], sizeof *of_a,
                                compare_integers, size);
    }
    free(of_a);
    free(of_b);
    if (!out->seed) {
        return sgs_fail(err, SGS_ENOMEM, "uniting two grids");
    }
    out->seed_first = out->seed[0];
    if (out->seed[*size - 1] - out->seed_first == *size - 1) { /* ascending and distinct: no gap */
        free(out->seed);
        out->seed = NULL;
    }
    return SGS_OK;
}

static sgs_status unite_seeds(const sgs_grid *a, const sgs_grid *b, sgs_grid *out, sgs_error *err)
{
    bool touch = a->seed_first <= last_seed(b) + 1 && b->seed_first <= last_seed(a) + 1;
    if ((a->has_until || b->has_until) && a->seed_first != b->seed_first) { /* what else differs, finish() says */
        return sgs_fail(err, SGS_EINVAL, "seed: until: first: %lld here, %lld there", (long long)a->seed_first,
                        (long long)b->seed_first);
    }
    if (a->seed || b->seed || !touch) {
        return unite_listed_seeds(a, b, out, err);
    }
    int64_t last = last_seed(a) > last_seed(b) ? last_seed(a) : last_seed(b);
    out->seed_first = a->seed_first < b->seed_first ? a->seed_first : b->seed_first;
    out->size[SGS_AXIS_SEED] = last - out->seed_first + 1;
    return SGS_OK;
}

static sgs_status unite_axes(const sgs_grid *a, const sgs_grid *b, sgs_grid *out, sgs_error *err)
{
    unite_names(a, b, out);
    out->dimension = merge_lists(a->dimension, a->size[SGS_AXIS_DIMENSION], b->dimension, b->size[SGS_AXIS_DIMENSION],
                                 sizeof *a->dimension, compare_dimensions, &out->size[SGS_AXIS_DIMENSION]);
    out->step_value =
        merge_lists(a->step_value, a->size[SGS_AXIS_STEP_VALUE], b->step_value, b->size[SGS_AXIS_STEP_VALUE],
                    sizeof *a->step_value, compare_reals, &out->size[SGS_AXIS_STEP_VALUE]);
    if (!out->dimension || !out->step_value || !unite_batches(a, b, out)) {
        return sgs_fail(err, SGS_ENOMEM, "uniting two grids");
    }
    return unite_seeds(a, b, out, err);
}

/** The axes of one grid with all else of another, as a canonical text that the caller frees; nothing else in it is. */
static sgs_status mix(const sgs_grid *axes, const sgs_grid *rest, sgs_grid *mixed, sgs_error *err)
{
    *mixed = *rest;
    memcpy(mixed->size, axes->size, sizeof mixed->size);
    memcpy(mixed->activation, axes->activation, sizeof mixed->activation);
    memcpy(mixed->sampling, axes->sampling, sizeof mixed->sampling);
    mixed->dimension = axes->dimension;
    mixed->batch_label = axes->batch_label;
    mixed->step_value = axes->step_value;
    mixed->seed = axes->seed;
    mixed->seed_first = axes->seed_first;
    mixed->canonical = NULL;
    return sgs_grid_make_canonical(mixed) == SGS_OK ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "uniting two grids");
}

/** With the same axes the canonical texts differ where anything else does. */
static sgs_status finish(const sgs_grid *axes, const sgs_grid *a, const sgs_grid *b, sgs_grid **united, sgs_error *err)
{
    char text[SGS_ERROR_TEXT_BYTES / 2];
    sgs_grid with_a = {0};
    sgs_grid with_b = {0};
    sgs_status status = mix(axes, a, &with_a, err);
    status = status ? status : mix(axes, b, &with_b, err);
    if (!status && sgs_grid_difference(&with_a, &with_b, text, sizeof text)) {
        status = sgs_fail(err, SGS_EINVAL, "%s", text);
    }
    if (!status) {
        status = sgs_grid_parse(with_a.canonical, strlen(with_a.canonical), "the union of the grids", united, err);
    }
    free(with_a.canonical);
    free(with_b.canonical);
    return status;
}

sgs_status sgs_grid_unite(const sgs_grid *a, const sgs_grid *b, sgs_grid **united, sgs_error *err)
{
    *united = NULL;
    sgs_grid *axes = calloc(1, sizeof *axes);
    if (!axes) {
        return sgs_fail(err, SGS_ENOMEM, "uniting two grids");
    }
    sgs_status status = unite_axes(a, b, axes, err);
    status = status ? status : finish(axes, a, b, united, err);
    sgs_grid_destroy(axes);
    return status;
}
