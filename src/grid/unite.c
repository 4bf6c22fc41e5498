/** @file unite.c
 *  The union of grids.
 *
 *  A union's axes are sorted, so that it does not depend on the order of what is united: names as the model lists them,
 * numbers ascending, batch sizes by what they are at the largest dimension, then by their spelling. The result is made
 * as a canonical text and parsed, so it is a grid like any other. While grids are added their seeds are kept apart, as
 * ranges: a text can hold few seeds with gaps, and gaps may close with grids that come later. */
#include "expression.h"
#include "grid_data.h"

#include <stdlib.h>
#include <string.h>

enum { LISTED_SEEDS_MAX = 1000000 };

/** Seeds first .. end - 1. */
typedef struct seed_range {
    int64_t first, end;
} seed_range;

struct sgs_grid_union {
    sgs_grid *axes;    /**< all but the seeds of what was added; NULL: nothing was */
    seed_range *range; /**< ascending, with gaps between them */
    int64_t count;
};

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

/** All but the seeds. */
static sgs_status unite_axes(const sgs_grid *a, const sgs_grid *b, sgs_grid *out, sgs_error *err)
{
    unite_names(a, b, out);
    out->seed_first = a->seed_first;
    out->size[SGS_AXIS_SEED] = 1;
    out->dimension = merge_lists(a->dimension, a->size[SGS_AXIS_DIMENSION], b->dimension, b->size[SGS_AXIS_DIMENSION],
                                 sizeof *a->dimension, compare_dimensions, &out->size[SGS_AXIS_DIMENSION]);
    out->step_value =
        merge_lists(a->step_value, a->size[SGS_AXIS_STEP_VALUE], b->step_value, b->size[SGS_AXIS_STEP_VALUE],
                    sizeof *a->step_value, compare_reals, &out->size[SGS_AXIS_STEP_VALUE]);
    if (!out->dimension || !out->step_value || !unite_batches(a, b, out)) {
        return sgs_fail(err, SGS_ENOMEM, "uniting grids");
    }
    return SGS_OK;
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
    return sgs_grid_make_canonical(mixed) == SGS_OK ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "uniting grids");
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

/** What all grids so far unite to, with one seed. */
static sgs_status add_axes(sgs_grid_union *sum, const sgs_grid *grid, sgs_error *err)
{
    sgs_grid *united = NULL;
    sgs_grid *axes = calloc(1, sizeof *axes);
    if (!axes) {
        return sgs_fail(err, SGS_ENOMEM, "uniting grids");
    }
    const sgs_grid *before = sum->axes ? sum->axes : grid;
    sgs_status status = unite_axes(before, grid, axes, err);
    status = status ? status : finish(axes, before, grid, &united, err);
    sgs_grid_destroy(axes);
    if (!status) {
        sgs_grid_destroy(sum->axes);
        sum->axes = united;
    }
    return status;
}

/* ---- seeds ------------------------------------------------------------------------------------------------------ */

static int compare_ranges(const void *left, const void *right)
{
    const seed_range *a = left;
    const seed_range *b = right;
    return (a->first > b->first) - (a->first < b->first);
}

/** In order, those that touch in one. */
static void tidy_ranges(sgs_grid_union *sum)
{
    int64_t count = 0;
    qsort(sum->range, (size_t)sum->count, sizeof *sum->range, compare_ranges);
    for (int64_t i = 0; i < sum->count; i++) {
        seed_range *last = count > 0 ? &sum->range[count - 1] : NULL;
        if (last && sum->range[i].first <= last->end) {
            last->end = sum->range[i].end > last->end ? sum->range[i].end : last->end;
        } else {
            sum->range[count++] = sum->range[i];
        }
    }
    sum->count = count;
}

static sgs_status add_seeds(sgs_grid_union *sum, const sgs_grid *grid, sgs_error *err)
{
    int64_t more = grid->seed ? grid->size[SGS_AXIS_SEED] : 1;
    seed_range *grown = realloc(sum->range, (size_t)(sum->count + more) * sizeof *grown);
    if (!grown) {
        return sgs_fail(err, SGS_ENOMEM, "uniting grids");
    }
    sum->range = grown;
    for (int64_t i = 0; i < more; i++) {
        int64_t first = grid->seed ? grid->seed[i] : grid->seed_first;
        sum->range[sum->count++] = (seed_range){first, first + (grid->seed ? 1 : grid->size[SGS_AXIS_SEED])};
    }
    tidy_ranges(sum);
    return SGS_OK;
}

/** Into a shallow copy: a range, or a list that the caller frees. */
static sgs_status set_seeds(const sgs_grid_union *sum, sgs_grid *grid, sgs_error *err)
{
    int64_t count = 0;
    for (int64_t i = 0; i < sum->count; i++) {
        count += sum->range[i].end - sum->range[i].first;
    }
    grid->seed_first = sum->range[0].first;
    grid->size[SGS_AXIS_SEED] = count;
    grid->seed = NULL;
    if (sum->count <= 1) {
        return SGS_OK;
    }
    if (count > LISTED_SEEDS_MAX) {
        return sgs_fail(
            err, SGS_EINVAL,
            "seeds: %lld of them, and between %lld and %lld there is a gap; accepted: at most %d seeds with "
            "gaps",
            (long long)count, (long long)sum->range[0].end - 1, (long long)sum->range[1].first, (int)LISTED_SEEDS_MAX);
    }
    grid->seed = malloc((size_t)count * sizeof *grid->seed);
    if (!grid->seed) {
        return sgs_fail(err, SGS_ENOMEM, "uniting grids");
    }
    for (int64_t i = 0, at = 0; i < sum->count; i++) {
        for (int64_t seed = sum->range[i].first; seed < sum->range[i].end; seed++) {
            grid->seed[at++] = seed;
        }
    }
    return SGS_OK;
}

/* ---- the union -------------------------------------------------------------------------------------------------- */

sgs_status sgs_grid_union_create(sgs_grid_union **sum, sgs_error *err)
{
    *sum = calloc(1, sizeof **sum);
    return *sum ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "uniting grids");
}

void sgs_grid_union_destroy(sgs_grid_union *sum)
{
    if (!sum) {
        return;
    }
    sgs_grid_destroy(sum->axes);
    free(sum->range);
    free(sum);
}

sgs_status sgs_grid_union_add(sgs_grid_union *sum, const sgs_grid *grid, sgs_error *err)
{
    const sgs_grid *before = sum->axes;
    if (before && (before->has_until || grid->has_until) && before->seed_first != grid->seed_first) {
        return sgs_fail(err, SGS_EINVAL, "seed: until: first: %lld here, %lld there", (long long)before->seed_first,
                        (long long)grid->seed_first);
    }
    sgs_status status = add_axes(sum, grid, err);
    return status ? status : add_seeds(sum, grid, err);
}

sgs_status sgs_grid_union_make(const sgs_grid_union *sum, sgs_grid **united, sgs_error *err)
{
    *united = NULL;
    if (!sum->axes) {
        return sgs_fail(err, SGS_ERANGE, "a union of no grids");
    }
    sgs_grid whole = *sum->axes;
    whole.canonical = NULL;
    sgs_status status = set_seeds(sum, &whole, err);
    if (!status && sgs_grid_make_canonical(&whole) != SGS_OK) {
        status = sgs_fail(err, SGS_ENOMEM, "uniting grids");
    }
    if (!status) {
        status = sgs_grid_parse(whole.canonical, strlen(whole.canonical), "the union of the grids", united, err);
    }
    free(whole.canonical);
    free(whole.seed);
    return status;
}
