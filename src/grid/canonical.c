/** @file canonical.c
 *  The canonical text: what a grid is, in one spelling. One line a key, always the same keys in the same order (walk
 * only if there is one); its digest names the grid in results files, so every change here changes digests. */
#include "grid_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *separator(int64_t i)
{
    return i ? ", " : "";
}

static void write_names(FILE *out, const sgs_grid *grid)
{
    fputs("activation: [", out);
    for (int64_t i = 0; i < grid->size[SGS_AXIS_ACTIVATION]; i++) {
        fprintf(out, "%s%s", separator(i), sgs_activation_name(grid->activation[i]));
    }
    fputs("]\nsampling: [", out);
    for (int64_t i = 0; i < grid->size[SGS_AXIS_SAMPLING]; i++) {
        fprintf(out, "%s%s", separator(i), sgs_sampling_name(grid->sampling[i]));
    }
    fputs("]\n", out);
}

static void write_shapes(FILE *out, const sgs_grid *grid)
{
    fputs("dimension: [", out);
    for (int64_t i = 0; i < grid->size[SGS_AXIS_DIMENSION]; i++) {
        fprintf(out, "%s%d", separator(i), (int)grid->dimension[i]);
    }
    fprintf(out, "]\nsamples: %s\nbatch_size: [", grid->samples_label);
    for (int64_t i = 0; i < grid->size[SGS_AXIS_BATCH]; i++) {
        fprintf(out, "%s%s", separator(i), grid->batch_label[i]);
    }
    fputs("]\n", out);
}

static void write_steps(FILE *out, const sgs_grid *grid)
{
    fputs(grid->step_scaled ? "step_size: {scaled_by_batch: [" : "step_size: [", out);
    for (int64_t i = 0; i < grid->size[SGS_AXIS_STEP_VALUE]; i++) {
        fprintf(out, "%s%.17g", separator(i), grid->step_value[i]);
    }
    fputs(grid->step_scaled ? "]}\n" : "]\n", out);
}

static void write_until(FILE *out, const sgs_until *until)
{
    bool measured = until->kind != SGS_UNTIL_CONVERGED;
    fprintf(out, "until: {measure: %s, ", measured ? sgs_measure_describe(until->measure)->name : "converged");
    if (until->kind == SGS_UNTIL_AT_LEAST || until->kind == SGS_UNTIL_AT_MOST) {
        fprintf(out, "%s: %.17g, ", until->kind == SGS_UNTIL_AT_LEAST ? "at_least" : "at_most", until->threshold);
    }
    fprintf(out, "half_width: %.17g, confidence: %.17g, looks: [", until->half_width, until->confidence);
    for (int i = 0; i < until->looks; i++) {
        fprintf(out, "%s%lld", separator(i), (long long)until->look[i]);
    }
    fputs("]}}\n", out);
}

static void write_seeds(FILE *out, const sgs_grid *grid)
{
    int64_t count = grid->size[SGS_AXIS_SEED];
    if (grid->has_until) {
        fprintf(out, "seed: {first: %lld, ", (long long)grid->seed_first);
        write_until(out, &grid->until);
        return;
    }
    if (!grid->seed) {
        fprintf(out, "seed: {first: %lld, count: %lld}\n", (long long)grid->seed_first, (long long)count);
        return;
    }
    fputs("seed: [", out);
    for (int64_t i = 0; i < count; i++) {
        fprintf(out, "%s%lld", separator(i), (long long)grid->seed[i]);
    }
    fputs("]\n", out);
}

/** A number, or the word that stands for a negative one. */
static void write_or_word(FILE *out, int64_t value, const char *word)
{
    if (value < 0) {
        fputs(word, out);
    } else {
        fprintf(out, "%lld", (long long)value);
    }
}

static void write_settings(FILE *out, const sgs_grid *grid)
{
    fprintf(out, "init: {distribution: %s, scale: %.17g, seed: ", sgs_init_name(grid->init), grid->scale);
    write_or_word(out, grid->init_seed, "own");
    fprintf(out, "}\nbatches: %s\nstop: {max_steps: ", grid->batches_common ? "common" : "own");
    write_or_word(out, grid->max_steps, "auto");
    fprintf(out, ", tol: %.17g}\n", grid->tol);
}

/** The steps one by one, however they were asked for: what `auto` stands for must not change under a file. */
static void write_record(FILE *out, const sgs_grid *grid)
{
    static const char *const weights[] = {"none", "final", "record"};
    fputs(grid->record_count ? "record: {steps: [" : "record: none", out);
    for (int64_t i = 0; i < grid->record_count; i++) {
        fprintf(out, "%s%lld", separator(i), (long long)grid->record_steps[i]);
    }
    fputs(grid->record_count ? "], measures: " : "", out);
    int recorded = 0;
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        if (grid->recorded[measure]) {
            fprintf(out, "%s%s", recorded++ ? ", " : "[", sgs_measure_describe((sgs_measure)measure)->name);
        }
    }
    if (grid->record_count) {
        fputs(recorded ? "]}" : "none}", out);
    }
    fprintf(out, "\nweights: %s\n", weights[grid->weights]);
}

/** No line where there is none: texts and digests of grids from before there were walks stay what they are. */
static void write_walk(FILE *out, const sgs_grid *grid)
{
    if (grid->walk_bins) {
        fprintf(out, "walk: {bins: %d, range: %.17g}\n", (int)grid->walk_bins, grid->walk_range);
    }
}

sgs_status sgs_grid_make_canonical(sgs_grid *grid)
{
    size_t size = 0;
    FILE *out = open_memstream(&grid->canonical, &size);
    if (!out) {
        return SGS_ENOMEM;
    }
    write_names(out, grid);
    write_shapes(out, grid);
    write_steps(out, grid);
    write_seeds(out, grid);
    write_settings(out, grid);
    write_record(out, grid);
    write_walk(out, grid);
    bool failed = ferror(out);
    if (fclose(out) || failed) {
        return SGS_ENOMEM;
    }
    grid->digest = sgs_key_of(grid->canonical, size);
    return SGS_OK;
}
