/* sgdsweep plan GRID: what a grid will cost, by letting the schedule of `run` hand out all of it in simulated time. */
#include "cli.h"
#include "sgdsweep/sched.h"
#include "sgdsweep/store.h"
#include "sgdsweep/train.h"
#include "speed.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static const char help[] =
    "usage: sgdsweep plan GRID [OPTIONS]\n\n"
    "Print what a grid file asks for: runs, time, size of the results file, and how well it spreads over ranks. The\n"
    "schedule that `run` uses hands out every run in simulated time; nothing is trained or written.\n\n"
    "  -o, --output FILE  a results file of this grid that was begun: count only what is left to do in it\n"
    "  -n, --ranks P      plan for P ranks (default: the number suggested)\n"
    "      --hours H      suggest the fewest ranks that are done in H hours (default 1)\n"
    "      --speed FILE   speed of the machine, as `sgdsweep bench --json` printed it there (default: measure here)\n"
    "      --mtbf H       a rank fails every H hours on average, and the job begins again a minute later\n"
    "      --request-us U the master takes U microseconds for a question and a report (default 11)\n"
    "      --json         one JSON object\n"
    "      --help         this\n";

enum { RANKS_MAX = 1000000, CELLS_SHOWN = 8, CHUNK = 65536 };

/* Of the time that is there, what is planned with; and a job's start and end besides. */
static const double MARGIN = 1.25;
static const double JOB_S = 60;
static const double FILL_BYTES_S = 0.5e9;
static const double EFFICIENCY_MIN = 0.8;
static const double RESTART_S = 60;
/* A rank before it has a block: program, MPI, HDF5. */
static const double RANK_BYTES = 60e6;
/* What a rank that writes for others takes from them before it writes. */
static const double OUTLET_BYTES = 20e6;

struct wishes {
    const char *grid, *file, *speed;
    int ranks;
    double hours, mtbf_h, request_us;
    bool json;
};

struct costly {
    int64_t cell;
    double seconds;
};

struct plan {
    const sgs_grid *grid;
    sgs_speed speed;
    sgs_forecast forecast;
    sgs_simulation simulation;
    int ranks, suggested_ranks;
    double suggested_s;
    int64_t pending, file_bytes, rank_bytes;
    double pending_s;
    struct costly costly[CELLS_SHOWN];
    int costly_count;
};

/* ---- what is to do ------------------------------------------------------------------------------------------------
 */

static sgs_status add_pending(const char *path, const sgs_grid *grid, sgs_sched *sched, sgs_error *err)
{
    sgs_store *store = NULL;
    static int8_t seen[CHUNK];
    static bool pending[CHUNK];
    sgs_status status = sgs_store_open(path, SGS_STORE_READ, &store, err);

    if (status == SGS_OK && !sgs_key_equal(sgs_grid_digest(grid), sgs_grid_digest(sgs_store_grid(store))))
        status = sgs_fail(err, SGS_EINVAL, "%s holds another grid", path);
    for (int64_t at = 0; status == SGS_OK && at < sgs_grid_runs(grid); at += CHUNK) {
        int64_t count = sgs_grid_runs(grid) - at < CHUNK ? sgs_grid_runs(grid) - at : CHUNK;
        status = sgs_store_read_status(store, at, count, seen, err);
        for (int64_t i = 0; i < count; i++)
            pending[i] = seen[i] == SGS_RUN_PENDING || seen[i] == SGS_RUN_FAILED;
        if (status == SGS_OK)
            status = sgs_sched_add(sched, at, count, pending, err);
    }
    sgs_status closed = sgs_store_close(store, status == SGS_OK ? err : NULL);
    return status == SGS_OK ? closed : status;
}

/* A schedule with all that is to do. */
static sgs_status make_schedule(const struct plan *plan, const struct wishes *wishes, int ranks, sgs_sched **sched,
                                sgs_error *err)
{
    sgs_fleet fleet = sgs_fleet_default(ranks);
    sgs_status status = sgs_sched_create(plan->grid, ranks - fleet.dedicated, &plan->speed, sched, err);

    if (status == SGS_OK && wishes->file && access(wishes->file, F_OK) == 0)
        status = add_pending(wishes->file, plan->grid, *sched, err);
    else if (status == SGS_OK)
        status = sgs_sched_add_range(*sched, 0, sgs_grid_runs(plan->grid), err);
    if (status == SGS_OK)
        status = sgs_sched_start(*sched, err);
    return status;
}

static sgs_status simulate(struct plan *plan, const struct wishes *wishes, int ranks, sgs_simulation *sum,
                           sgs_error *err)
{
    sgs_sched *sched = NULL;
    sgs_fleet fleet = sgs_fleet_default(ranks);
    fleet.failure_gap_s = 3600 * wishes->mtbf_h;
    fleet.restart_s = RESTART_S;
    if (wishes->request_us > 0)
        fleet.request_s = 1e-6 * wishes->request_us;
    sgs_status status = make_schedule(plan, wishes, ranks, &sched, err);

    if (status == SGS_OK) {
        plan->pending = sgs_sched_progress_now(sched).total;
        plan->pending_s = sgs_sched_progress_now(sched).total_s;
        status = sgs_sched_simulate(sched, &fleet, sum, err);
    }
    sgs_sched_destroy(sched);
    return status;
}

/* ---- the plan -----------------------------------------------------------------------------------------------------
 */

/* Run a first time on one rank, which tells what is to do; then double the ranks until it is done in time, while they
 * are put to good use. */
static sgs_status suggest(struct plan *plan, const struct wishes *wishes, sgs_error *err)
{
    const double limit_s = 3600 * wishes->hours;
    sgs_simulation sum = {0};
    sgs_status status = simulate(plan, wishes, 1, &sum, err);
    const double alone = sum.efficiency;

    plan->suggested_ranks = 1;
    while (status == SGS_OK && MARGIN * sum.makespan_s + JOB_S > limit_s && plan->suggested_ranks < RANKS_MAX / 2) {
        const double least_s = fmax(plan->pending_s / (2 * plan->suggested_ranks), plan->forecast.longest_s);
        if (plan->pending_s < EFFICIENCY_MIN * 2 * plan->suggested_ranks * least_s)
            break;
        sgs_simulation twice;
        status = simulate(plan, wishes, 2 * plan->suggested_ranks, &twice, err);
        if (status != SGS_OK || twice.efficiency < EFFICIENCY_MIN * alone)
            break;
        sum = twice;
        plan->suggested_ranks *= 2;
    }
    plan->simulation = sum;
    plan->suggested_s = ceil(MARGIN * sum.makespan_s + JOB_S + (double)plan->file_bytes / FILL_BYTES_S);
    return status;
}

/* Memory of one rank, whatever the number of runs: two blocks in hand with results, records and weights, one on its way
 * into the file, and the widest trainer. */
static int64_t rank_bytes(const struct plan *plan)
{
    int64_t rows = sgs_sched_block_bytes_max(plan->grid);
    double lanes_bytes = 0;

    for (int64_t at = 0; at < sgs_grid_axis_size(plan->grid, SGS_AXIS_DIMENSION); at++) {
        sgs_run run = {.n = sgs_grid_samples(plan->grid, at), .b = 1};
        /* coordinates, indices, counts and values in every lane, two points */
        sgs_widths widths = sgs_predict_widths(&run, plan->speed.vector);
        lanes_bytes = fmax(lanes_bytes, run.n * (24.0 * widths.lanes[widths.many] + 40));
    }
    return (int64_t)(RANK_BYTES + OUTLET_BYTES + lanes_bytes) + 3 * rows;
}

static void find_costly(struct plan *plan)
{
    int64_t seeds = sgs_grid_axis_size(plan->grid, SGS_AXIS_SEED);

    for (int64_t cell = 0; cell < plan->forecast.cells; cell++) {
        sgs_run run;
        sgs_stop stop;
        if (!sgs_grid_run(plan->grid, cell * seeds, &run, &stop))
            continue;
        struct costly here = {cell, (double)seeds * sgs_predict_seconds(&run, &stop, &plan->speed)};
        int at = plan->costly_count < CELLS_SHOWN ? plan->costly_count++ : CELLS_SHOWN - 1;
        if (at == CELLS_SHOWN - 1 && plan->costly[at].seconds >= here.seconds)
            continue;
        for (; at > 0 && plan->costly[at - 1].seconds < here.seconds; at--)
            plan->costly[at] = plan->costly[at - 1];
        plan->costly[at] = here;
    }
}

static sgs_status make_plan(struct plan *plan, const struct wishes *wishes, sgs_error *err)
{
    sgs_status status = SGS_OK;
    const sgs_speed guess = sgs_speed_default();

    if (wishes->speed) {
        status = cli_speed_read(wishes->speed, &plan->speed, err);
    } else { /* a fiftieth of what is to do, 2 s at most */
        double seconds = 0.02 * sgs_forecast_grid(plan->grid, &guess).seconds;
        status = cli_speed_measure(plan->grid, wishes->ranks, fmin(fmax(seconds, 0.03), 2), &plan->speed, err);
    }
    if (status != SGS_OK)
        return status;
    plan->forecast = sgs_forecast_grid(plan->grid, &plan->speed);
    plan->file_bytes = sgs_store_size_bytes(plan->grid);
    plan->rank_bytes = rank_bytes(plan);
    find_costly(plan);
    status = suggest(plan, wishes, err);
    plan->ranks = wishes->ranks > 0 ? wishes->ranks : plan->suggested_ranks;
    return status == SGS_OK && plan->ranks != plan->suggested_ranks
               ? simulate(plan, wishes, plan->ranks, &plan->simulation, err)
               : status;
}

/* ---- printing -----------------------------------------------------------------------------------------------------
 */

static sgs_run costly_run(const struct plan *plan, int i)
{
    sgs_run run = {0};
    sgs_stop stop;
    (void)sgs_grid_run(plan->grid, plan->costly[i].cell * sgs_grid_axis_size(plan->grid, SGS_AXIS_SEED), &run, &stop);
    return run;
}

static json_t *costly_json(const struct plan *plan)
{
    json_t *all = json_array();
    bool good = all != NULL;

    for (int i = 0; good && i < plan->costly_count; i++) {
        const sgs_run run = costly_run(plan, i);
        json_t *one =
            json_pack("{s:s, s:s, s:i, s:i, s:i, s:f, s:f}", "activation", sgs_activation_name(run.activation),
                      "sampling", sgs_sampling_name(run.sampling), "d", (int)run.d, "n", (int)run.n, "b", (int)run.b,
                      "eps", run.eps, "core_seconds", plan->costly[i].seconds);
        good = json_array_append_new(all, one) == 0;
    }
    if (good)
        return all;
    json_decref(all);
    return NULL;
}

static sgs_status print_json(const struct plan *plan, sgs_error *err)
{
    const sgs_forecast *forecast = &plan->forecast;
    const sgs_simulation *simulation = &plan->simulation;
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:i, s:f, s:f, s:I, s:I, s:f, s:I, s:i, s:f, s:s, s:o}", "runs",
        (json_int_t)forecast->runs, "cells", (json_int_t)forecast->cells, "skipped", (json_int_t)forecast->skipped,
        "pending_runs", (json_int_t)plan->pending, "core_seconds", forecast->seconds, "predicted_core_seconds",
        plan->pending_s, "longest_run_seconds", forecast->longest_s, "file_bytes", (json_int_t)plan->file_bytes,
        "memory_per_rank_bytes", (json_int_t)plan->rank_bytes, "ranks", plan->ranks, "makespan_seconds",
        simulation->makespan_s, "efficiency", simulation->efficiency, "blocks", (json_int_t)simulation->blocks,
        "messages", (json_int_t)simulation->messages, "master_seconds", simulation->master_s, "failures",
        (json_int_t)simulation->failures, "suggested_ranks", plan->suggested_ranks, "suggested_seconds",
        plan->suggested_s, "isa", sgs_trainer_isa(), "costly_cells", costly_json(plan));
    sgs_status status = object ? cli_plan_until(plan->grid, plan->forecast.seconds, object, err)
                               : sgs_fail(err, SGS_ENOMEM, "no memory for the answer");

    if (status == SGS_OK && json_dumpf(object, stdout, JSON_INDENT(2)) != 0)
        status = sgs_fail(err, SGS_EIO, "cannot write the answer");
    (void)putchar('\n');
    json_decref(object);
    return status;
}

static sgs_status print_text(const struct plan *plan, sgs_error *err)
{
    char text[CLI_TEXT_BYTES];
    const sgs_forecast *forecast = &plan->forecast;

    printf("runs          %" PRId64 " in %" PRId64 " cells, %" PRId64 " skipped, %" PRId64 " to do\n", forecast->runs,
           forecast->cells, forecast->skipped, plan->pending);
    printf("predicted     %.3g core-seconds (%.3g core-hours)\n", plan->pending_s, plan->pending_s / 3600);
    printf("longest run   %.3g s\n", forecast->longest_s);
    printf("results file  %s%s\n", cli_size_text((double)plan->file_bytes, text),
           (double)plan->file_bytes > 100e9 ? ", more than run makes without --allow-size" : "");
    printf("memory        %s a rank\n", cli_size_text((double)plan->rank_bytes, text));
    printf("on %d rank%-5s %.3g s at %.0f %% efficiency\n", plan->ranks, plan->ranks > 1 ? "s" : "",
           plan->simulation.makespan_s, 100 * plan->simulation.efficiency);
    printf("suggested     %d rank%s, a time limit of %.0f s\n", plan->suggested_ranks,
           plan->suggested_ranks > 1 ? "s" : "", plan->suggested_s);
    sgs_status status = cli_plan_until(plan->grid, forecast->seconds, NULL, err);
    if (status != SGS_OK)
        return status;
    printf("\nwhere the time goes\n%8s  %-10s %-19s %8s %8s %10s\n", "share", "activation", "sampling", "n", "b",
           "eps");
    for (int i = 0; i < plan->costly_count; i++) {
        const sgs_run run = costly_run(plan, i);
        printf("%6.1f %%  %-10s %-19s %8" PRId32 " %8" PRId32 " %10.4g\n",
               100 * plan->costly[i].seconds / forecast->seconds, sgs_activation_name(run.activation),
               sgs_sampling_name(run.sampling), run.n, run.b, run.eps);
    }
    return SGS_OK;
}

static int plan_grid(const struct wishes *wishes)
{
    sgs_grid *grid = NULL;
    sgs_error err = {""};
    struct plan plan = {.ranks = 0};
    sgs_status status = sgs_grid_read(wishes->grid, &grid, &err);

    plan.grid = grid;
    if (status == SGS_OK)
        status = make_plan(&plan, wishes, &err);
    if (status == SGS_OK)
        status = wishes->json ? print_json(&plan, &err) : print_text(&plan, &err);
    sgs_grid_destroy(grid);
    return cli_failure(status, &err);
}

/* ---- the command line ---------------------------------------------------------------------------------------------
 */

static int parse_option(int found, struct wishes *wishes)
{
    char *end = NULL;
    long ranks = 0;

    switch (found) {
    case 'o':
        wishes->file = optarg;
        break;
    case 's':
        wishes->speed = optarg;
        break;
    case 'j':
        wishes->json = true;
        break;
    case 'n':
        ranks = strtol(optarg, &end, 10);
        if (end == optarg || *end || ranks < 1 || ranks > RANKS_MAX)
            return cli_usage_error("plan: --ranks '%s' is not a whole number from 1 to %d", optarg, RANKS_MAX);
        wishes->ranks = (int)ranks;
        break;
    case 'f':
        if (!cli_parse_seconds(optarg, &wishes->mtbf_h) || wishes->mtbf_h == 0)
            return cli_usage_error("plan: --mtbf '%s' is not a positive number", optarg);
        break;
    case 'u':
        if (!cli_parse_seconds(optarg, &wishes->request_us) || wishes->request_us == 0)
            return cli_usage_error("plan: --request-us '%s' is not a positive number", optarg);
        break;
    default:
        if (!cli_parse_seconds(optarg, &wishes->hours) || wishes->hours == 0)
            return cli_usage_error("plan: --hours '%s' is not a positive number", optarg);
    }
    return SGS_EXIT_COMPLETE;
}

int cli_plan(int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"ranks", required_argument, NULL, 'n'},
                                            {"hours", required_argument, NULL, 't'},
                                            {"speed", required_argument, NULL, 's'},
                                            {"mtbf", required_argument, NULL, 'f'},
                                            {"request-us", required_argument, NULL, 'u'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct wishes wishes = {.hours = 1};
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":ho:n:", options, NULL)) != -1) {
        if (found == 'h')
            return fputs(help, stdout) < 0 ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
        if (found == '?' || found == ':')
            return cli_option_error(found, argc, argv);
        int code = parse_option(found, &wishes);
        if (code != SGS_EXIT_COMPLETE)
            return code;
    }
    if (!cli_one_operand(argc, argv, "the grid file", &wishes.grid))
        return SGS_EXIT_USAGE;
    return plan_grid(&wishes);
}
