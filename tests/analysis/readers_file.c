/* Writes the results file that test_readers.py opens: a small grid, known results, one strip skipped, some runs
 * pending; with `records`, trajectories and the weights along them too.
 *
 *   readers_file FILE [records] */
#include "sgdsweep/store.h"
#include <stdio.h>
#include <string.h>

static const char *grid_text =
    "activation: [linear, relu]\ndimension: [16, 64, 4]\nbatch_size: [1, n/2, n-1, n, 10]\n"
    "step_size: {scaled_by_batch: [0.05, 0.1]}\nseed: {first: 7, count: 6}\nweights: final\n";

static const char *records_text = "activation: relu\ndimension: [4, 6]\nbatch_size: [1, n, 5]\n"
                                  "step_size: 0.1\nseed: {first: 7, count: 4}\nweights: record\n"
                                  "record: {steps: [0, 3, 1000], measures: [norm, selected, hessian_max]}\n";

enum { FEATURES = 64, RECORD_VALUES = 9 };

/* Real measures hold run + measure/100, integer ones run + measure, and both in the s-th step of the record s/8 or 10 s
 * more; weights run + k/1000, and in the s-th step s/8 more. */
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

static void record_of(const sgs_result *result, sgs_value records[RECORD_VALUES])
{
    for (int step = 0; step < 3; step++) {
        records[step].real = result->value[SGS_NORM].real + step / 8.0;
        records[3 + step].integer = result->value[SGS_SELECTED].integer + 10 * step;
        records[6 + step].real = result->value[SGS_HESSIAN_MAX].real + step / 8.0;
    }
}

static sgs_status write_runs(sgs_store *store, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int64_t run = 0; run < sgs_store_runs(store) && status == SGS_OK; run++) {
        double weights[FEATURES];
        sgs_value records[RECORD_VALUES];
        sgs_result result = result_of(run);
        sgs_run unused;
        sgs_stop stop;
        if (run % 7 == 3 || !sgs_grid_run(sgs_store_grid(store), run, &unused, &stop))
            continue; /* left pending, or skipped */
        for (int64_t k = 0; k < sgs_store_weight_values(store); k++) {
            int64_t step = k / sgs_store_features(store), feature = k % sgs_store_features(store);
            weights[k] = (double)run + (double)feature / 1000.0 + (double)step / 8;
        }
        record_of(&result, records);
        bool recorded = sgs_store_record_values(store) > 0;
        status = sgs_store_write(store, run, 1, &(sgs_rows){&result, recorded ? records : NULL, weights}, err);
    }
    return status;
}

int main(int argc, char **argv)
{
    sgs_error err = {"usage: readers_file FILE [records]"};
    sgs_grid *grid = NULL;
    sgs_store *store = NULL;
    bool records = argc == 3 && strcmp(argv[2], "records") == 0;
    const char *text = records ? records_text : grid_text;
    sgs_status status = argc == 2 || records ? SGS_OK : SGS_EINVAL;
    if (status == SGS_OK)
        status = sgs_grid_parse(text, strlen(text), "grid", &grid, &err);
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
