/* sgdsweep plan GRID: what a grid will cost. */
#include "cli.h"
#include "sgdsweep/sched.h"
#include "sgdsweep/store.h"
#include <inttypes.h>
#include <jansson.h>

static const char help[] = "usage: sgdsweep plan GRID [--json]\n\n"
                           "Print the number of runs and cells of a grid file, the time that training is predicted to\n"
                           "take, and the size of the results file. Nothing is trained or written.\n\n"
                           "  --json  one JSON object\n  --help  this\n";

static int print_json(const sgs_forecast *forecast, int64_t bytes)
{
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:f, s:f, s:I}", "runs", (json_int_t)forecast->runs, "cells",
                  (json_int_t)forecast->cells, "skipped", (json_int_t)forecast->skipped, "core_seconds",
                  forecast->seconds, "longest_run_seconds", forecast->longest_s, "file_bytes", (json_int_t)bytes);
    bool printed = object && json_dumpf(object, stdout, JSON_INDENT(2)) == 0;

    (void)putchar('\n');
    json_decref(object);
    return printed ? SGS_EXIT_COMPLETE : SGS_EXIT_FAILURE;
}

static void print_text(const sgs_forecast *forecast, int64_t bytes)
{
    char text[CLI_TEXT_BYTES];
    printf("runs          %" PRId64 " in %" PRId64 " cells\n", forecast->runs, forecast->cells);
    printf("skipped       %" PRId64 "\n", forecast->skipped);
    printf("predicted     %.3g core-seconds (%.3g core-hours)\n", forecast->seconds, forecast->seconds / 3600);
    printf("longest run   %.3g s\n", forecast->longest_s);
    printf("results file  %s%s\n", cli_size_text((double)bytes, text),
           (double)bytes > 100e9 ? ", more than run makes without --allow-size" : "");
}

static int plan(const char *path, bool as_json)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    sgs_speed speed = sgs_speed_default();
    sgs_status status = sgs_grid_read(path, &grid, &err);
    int code = SGS_EXIT_COMPLETE;

    if (status != SGS_OK)
        return cli_failure(status, &err);
    sgs_forecast forecast = sgs_forecast_grid(grid, &speed);
    int64_t bytes = sgs_store_size_bytes(grid);
    if (as_json)
        code = print_json(&forecast, bytes);
    else
        print_text(&forecast, bytes);
    sgs_grid_destroy(grid);
    return code;
}

int cli_plan(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *path = NULL;
    bool as_json = false;
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (found == 'h')
            return fputs(help, stdout) < 0 ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
        if (found != 'j')
            return cli_option_error(found, argc, argv);
        as_json = true;
    }
    if (!cli_one_operand(argc, argv, "the grid file", &path))
        return SGS_EXIT_USAGE;
    return plan(path, as_json);
}
