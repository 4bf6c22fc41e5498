/* Writes the results file that test_readers.py opens: a small grid, known results, one strip skipped, some runs
 * pending.
 *
 *   readers_file FILE */
#include "sgdsweep/store.h"
#include <stdio.h>
#include <string.h>

static const char *grid_text =
    "activation: [linear, relu]\ndimension: [16, 64, 4]\nbatch_size: [1, n/2, n-1, n, 10]\n"
    "step_size: {scaled_by_batch: [0.05, 0.1]}\nseed: {first: 7, count: 6}\nweights: final\n";

enum { FEATURES = 64 };

/* Real measures hold run + measure/100, integer ones run + measure, weights run + k/1000. */
static sgs_result result_of(int64_t run)
{
    sgs_result result = {.status = run % 5 == 0 ? SGS_RUN_MAX_STEPS : SGS_RUN_CONVERGED};
    for (int measure = 0; measure < SGS_MEASURES; measure++) {
        if (sgs_measure_describe((sgs_measure)measure)->integer)
            result.value[measure].integer = run + measure;
        else
            result.value[measure].real = (double)run + measure / 100.0;
    }
    return result;
}

static sgs_status write_runs(sgs_store *store, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int64_t run = 0; run < sgs_store_runs(store) && status == SGS_OK; run++) {
        double weights[FEATURES];
        sgs_result result = result_of(run);
        sgs_run unused;
        sgs_stop stop;
        if (run % 7 == 3 || !sgs_grid_run(sgs_store_grid(store), run, &unused, &stop))
            continue; /* left pending, or skipped */
        for (int k = 0; k < FEATURES; k++)
            weights[k] = (double)run + k / 1000.0;
        status = sgs_store_write(store, run, 1, &(sgs_rows){.results = &result, .weights = weights}, err);
    }
    return status;
}

int main(int argc, char **argv)
{
    sgs_error err = {"usage: readers_file FILE"};
    sgs_grid *grid = NULL;
    sgs_store *store = NULL;
    sgs_status status = argc == 2 ? SGS_OK : SGS_EINVAL;
    if (status == SGS_OK)
        status = sgs_grid_parse(grid_text, strlen(grid_text), "grid", &grid, &err);
    if (status == SGS_OK)
        status = sgs_store_create(argv[1], grid, false, &err);
    if (status == SGS_OK)
        status = sgs_store_open(argv[1], SGS_STORE_WRITE, &store, &err);
    if (status == SGS_OK)
        status = write_runs(store, &err);
    if (status == SGS_OK)
        status = sgs_store_close(store, &err);
    sgs_grid_destroy(grid);
    if (status != SGS_OK)
        fprintf(stderr, "readers_file: %s\n", err.text);
    return sgs_exit_code(status);
}
