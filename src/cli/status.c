/* sgdsweep status FILE: what a results file holds. */
#include "cli.h"
#include "outcome.h"
#include "sgdsweep/store.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

static const char help[] = "usage: sgdsweep status FILE [--json] [--digest] [--grid]\n\n"
                           "Print how many runs of a results file are done, and how they ended.\n\n"
                           "  --json    one JSON object, with what was predicted and what it took by FILE.log\n"
                           "  --digest  read everything, check every checksum, print the digest of all results\n"
                           "  --grid    the grid as a grid file, and nothing else\n"
                           "  --help    this\n";

enum { CHUNK = 16384 };

struct wishes {
    bool json, digest, grid;
};

static sgs_status count_chunk(sgs_store *store, int64_t first, int64_t count, bool check, sgs_tally *tally,
                              sgs_error *err)
{
    int8_t status[CHUNK];
    sgs_status read;

    if (check)
        return sgs_store_scan(store, first, count, NULL, tally, err);
    read = sgs_store_read_status(store, first, count, status, err);
    for (int64_t i = 0; read == SGS_OK && i < count; i++)
        tally->status[status[i]]++;
    return read;
}

/* Cells by what is decided about the number of their seeds, in grids with a rule. */
struct cells {
    int64_t with[SGS_PRECISION_NOT_REACHED + 1];
};

/* check: what does not follow from the runs is open, and runs that say not_needed without reason are pending. */
static sgs_status count_cell(sgs_store *store, int64_t cell, bool check, sgs_tally *tally, struct cells *cells,
                             sgs_error *err)
{
    sgs_cell_scan scan = {.settled = true};
    int64_t seeds = sgs_grid_axis_size(sgs_store_grid(store), SGS_AXIS_SEED);
    int8_t *seen = check ? malloc((size_t)seeds) : NULL;
    sgs_status status = check && !seen ? sgs_fail(err, SGS_ENOMEM, "no memory to read a cell") : SGS_OK;

    if (status == SGS_OK)
        status = check ? sgs_store_scan_cell(store, cell, seen, tally, &scan, err)
                       : sgs_store_read_decision(store, cell, &scan.stored, err);
    free(seen);
    if (scan.stored.precision < SGS_PRECISION_OPEN || scan.stored.precision > SGS_PRECISION_NOT_REACHED)
        scan.stored.precision = SGS_PRECISION_OPEN;
    if (status == SGS_OK && !scan.skipped)
        cells->with[scan.settled ? scan.stored.precision : SGS_PRECISION_OPEN]++;
    return status;
}

static sgs_status count_cells(sgs_store *store, bool check, sgs_tally *tally, struct cells *cells, sgs_error *err)
{
    const sgs_grid *grid = sgs_store_grid(store);
    int64_t seeds = sgs_grid_axis_size(grid, SGS_AXIS_SEED);
    sgs_status status = SGS_OK;
    sgs_run run;
    sgs_stop stop;

    for (int64_t cell = 0; cell < sgs_grid_cells(grid) && status == SGS_OK; cell++)
        if (check || sgs_grid_run(grid, cell * seeds, &run, &stop))
            status = count_cell(store, cell, check, tally, cells, err);
    return status;
}

static sgs_status count_runs(sgs_store *store, bool check, sgs_tally *tally, struct cells *cells, sgs_error *err)
{
    int64_t runs = sgs_store_runs(store);
    sgs_status status = SGS_OK;

    if (sgs_grid_until(sgs_store_grid(store)))
        status = count_cells(store, check, tally, cells, err);
    if (check && sgs_grid_until(sgs_store_grid(store)))
        return status;
    for (int64_t at = 0; at < runs && status == SGS_OK; at += CHUNK)
        status = count_chunk(store, at, runs - at < CHUNK ? runs - at : CHUNK, check, tally, err);
    return status;
}

static json_t *to_json(const sgs_store *store, const sgs_tally *tally, const struct cells *cells, bool check)
{
    char text[SGS_KEY_TEXT_BYTES];
    json_t *object = json_pack("{s:I}", "runs", (json_int_t)sgs_store_runs(store));
    bool complete = tally->status[SGS_RUN_PENDING] == 0 && tally->status[SGS_RUN_FAILED] == 0 && tally->damaged == 0;
    bool until = sgs_grid_until(sgs_store_grid(store)) != NULL;
    int failed = object == NULL;

    for (int i = 0; i < SGS_RUN_STATUSES; i++)
        failed |= json_object_set_new(object, sgs_run_status_name((sgs_run_status)i), json_integer(tally->status[i]));
    for (int i = 0; until && i <= SGS_PRECISION_NOT_REACHED; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "cells_%s", sgs_precision_name((sgs_precision)i));
        failed |= json_object_set_new(object, key, json_integer(cells->with[i]));
    }
    complete = complete && (!until || cells->with[SGS_PRECISION_OPEN] == 0);
    failed |= json_object_set_new(object, "complete", json_boolean(complete));
    sgs_key_text(sgs_grid_digest(sgs_store_grid(store)), text);
    failed |= json_object_set_new(object, "grid_digest", json_string(text));
    if (check) {
        failed |= json_object_set_new(object, "damaged", json_integer(tally->damaged));
        failed |= json_object_set_new(object, "results_digest", json_string(sgs_key_text(tally->digest, text)));
    }
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

/* The same object, one line per key. */
static void print_lines(json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (json_is_integer(value))
            printf("%-15s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
        else if (json_is_boolean(value))
            printf("%-15s %s\n", key, json_is_true(value) ? "yes" : "no");
        else
            printf("%-15s %s\n", key, json_string_value(value));
    }
}

static sgs_status print_tally(const sgs_store *store, const char *path, const sgs_tally *tally,
                              const struct cells *cells, struct wishes wishes, sgs_error *err)
{
    json_t *object = to_json(store, tally, cells, wishes.digest);
    sgs_status status = object ? SGS_OK : sgs_fail(err, SGS_ENOMEM, "no memory for the answer");

    if (status == SGS_OK && wishes.json)
        status = cli_outcome_add(sgs_store_grid(store), path, object, err);
    if (status != SGS_OK) {
        json_decref(object);
        return status;
    }
    if (!wishes.json)
        print_lines(object);
    else if (json_dumpf(object, stdout, JSON_INDENT(2)) == 0)
        (void)putchar('\n');
    json_decref(object);
    return SGS_OK;
}

static int show_status(const char *path, struct wishes wishes)
{
    sgs_store *store = NULL;
    sgs_tally tally = {0};
    struct cells cells = {{0}};
    sgs_error err = {""};
    sgs_status status = sgs_store_open(path, SGS_STORE_READ, &store, &err);

    if (status == SGS_OK && wishes.grid)
        (void)fputs(sgs_grid_canonical(sgs_store_grid(store)), stdout);
    if (status == SGS_OK && !wishes.grid)
        status = count_runs(store, wishes.digest, &tally, &cells, &err);
    if (status == SGS_OK && !wishes.grid)
        status = print_tally(store, path, &tally, &cells, wishes, &err);
    if (status == SGS_OK && tally.damaged > 0)
        status = sgs_fail(&err, SGS_EDAMAGED, "%s: %" PRId64 " runs do not match their checksums", path, tally.damaged);
    sgs_status closed = sgs_store_close(store, status == SGS_OK ? &err : NULL);
    return cli_failure(status == SGS_OK ? closed : status, &err);
}

int cli_status(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"digest", no_argument, NULL, 'd'},
                                            {"grid", no_argument, NULL, 'g'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct wishes wishes = {false, false, false};
    const char *path = NULL;
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (found == 'h')
            return fputs(help, stdout) < 0 ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
        if (found == '?' || found == ':')
            return cli_option_error(found, argc, argv);
        wishes.json |= found == 'j';
        wishes.digest |= found == 'd';
        wishes.grid |= found == 'g';
    }
    if (!cli_one_operand(argc, argv, "the results file", &path))
        return SGS_EXIT_USAGE;
    return show_status(path, wishes);
}
