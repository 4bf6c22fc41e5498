/* sgdsweep run GRID -o FILE: create or resume. The only verb that starts MPI, and not before its command line is good.
 */
#include "cli.h"
#include "sgdsweep/fleet.h"
#include "sgdsweep/sched.h"
#include "sgdsweep/store.h"
#include "sgdsweep/train.h"
#include "speed.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: [mpirun -n P] sgdsweep run GRID -o FILE [OPTIONS]\n\n"
    "Train every run of a grid file into the results file FILE. A FILE that is there is resumed: the same command "
    "again\n"
    "does what is left to do. Beside FILE: FILE.log (what happened, JSON lines) and FILE.lock.\n\n"
    "  -o, --output FILE     the results file\n"
    "      --yes             go ahead above one core-hour outside of a batch job\n"
    "      --allow-size      create a file above 100 GB or half of the free space\n"
    "      --progress HOW    bar, log, none (default: bar on a terminal, log elsewhere)\n"
    "      --master HOW      shared (rank 0 trains too), dedicated (default: dedicated from 64 ranks)\n"
    "      --writer HOW      all (every rank writes its results), node (one rank a node), root (rank 0); default: root "
    "on\n"
    "                        several nodes on NFS or SMB, else all\n"
    "      --hand-over HOW   at the end, ranks with long runs left hand some over to ranks that wait: auto (where it\n"
    "                        gains; default), never, always\n"
    "      --max-seconds S   stop after S seconds\n"
    "      --checkpoint S    save the state of unfinished runs after every S seconds of work on them (default 60; 0:\n"
    "                        only when the sweep is stopped)\n"
    "      --checkpoint-max-bytes N\n"
    "                        no rank's state file gets larger; runs that do not fit in start over (k, M, G: powers of\n"
    "                        1000)\n"
    "      --speed FILE      speed of the machine, as `sgdsweep bench --json` printed it (default: measure at start)\n"
    "      --fail-fast       stop at the first run that fails for want of memory or of the disk (default: it is tried\n"
    "                        again three times, then left as failed while the sweep goes on)\n"
    "      --reuse OLD...    copy what other results files have of the runs, up to the next option\n"
    "      --shard I/K       only the I-th of K slices of the seeds; `merge` makes one file of all\n"
    "      --help            this\n\n"
    "Stops early on USR1, TERM or INT, after --max-seconds, and before SGDSWEEP_DEADLINE (environment, seconds since "
    "the\n"
    "epoch): exit code 75, nothing done is lost, the same command resumes.\n";

static const double ASK_ABOVE_S = 3600;
static const double CHECKPOINT_S = 60;

struct run_options {
    const char *grid;
    bool yes;
    const char *speed_file; /* NULL: measure */
    sgs_speed speed;
    int64_t shard, shards; /* 0: the whole grid */
    const char **reuse;    /* of sweep.reuse; as long as the command line */
    sgs_sweep_options sweep;
};

/* ---- the command line ---------------------------------------------------------------------------------------------
 */

static int parse_word(const char *option, const char *word, const char *const words[], int *value)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *value = i;
            return SGS_EXIT_COMPLETE;
        }
    }
    char accepted[64] = "";
    for (int i = 0; words[i]; i++) {
        (void)strncat(accepted, i > 0 ? ", " : "", sizeof accepted - strlen(accepted) - 1);
        (void)strncat(accepted, words[i], sizeof accepted - strlen(accepted) - 1);
    }
    return cli_usage_error("run: %s '%s' is not known; accepted: %s", option, word, accepted);
}

/* "1500000", "1500k", "20M", "2G". */
static bool parse_bytes(const char *text, int64_t *bytes)
{
    static const char units[] = "kMGT";
    char *end = NULL;
    int64_t factor = 1;

    errno = 0;
    long long number = strtoll(text, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    for (const char *at = units; unit && at <= unit; at++)
        factor *= 1000;
    return end != text && errno == 0 && (*end == '\0' || (unit && end[1] == '\0')) && number > 0 &&
           !__builtin_mul_overflow((int64_t)number, factor, bytes);
}

/* I/K in plain digits. */
static bool parse_shard(const char *text, struct run_options *options)
{
    char *slash = NULL, *end = NULL;
    if (text[0] < '1' || text[0] > '9')
        return false;
    options->shard = strtoll(text, &slash, 10);
    if (*slash != '/' || slash[1] < '1' || slash[1] > '9')
        return false;
    options->shards = strtoll(slash + 1, &end, 10);
    return *end == '\0' && options->shard <= options->shards;
}

/* A shell's OLD*.h5 is many words: all up to the next option. */
static void take_reuse(int argc, char **argv, struct run_options *options)
{
    options->reuse[options->sweep.reuse_count++] = optarg;
    while (optind < argc && argv[optind][0] != '-')
        options->reuse[options->sweep.reuse_count++] = argv[optind++];
}

static int parse_option(int found, struct run_options *options)
{
    static const char *const progress[] = {"auto", "bar", "log", "none", NULL};
    static const char *const master[] = {"auto", "shared", "dedicated", NULL};
    static const char *const writer[] = {"auto", "all", "node", "root", NULL};
    static const char *const hand_over[] = {"auto", "never", "always", NULL};
    int value = 0;
    int code = SGS_EXIT_COMPLETE;

    switch (found) {
    case 'o':
        options->sweep.path = optarg;
        break;
    case 'y':
        options->yes = true;
        break;
    case 'a':
        options->sweep.allow_size = true;
        break;
    case 'p':
        code = parse_word("--progress", optarg, progress, &value);
        options->sweep.progress = (sgs_progress)value;
        break;
    case 'v':
        options->speed_file = optarg;
        break;
    case 'k':
        if (!parse_shard(optarg, options))
            code = cli_usage_error("run: --shard '%s' is no slice; accepted: I/K, such as 1/8 to 8/8", optarg);
        break;
    case 'm':
        code = parse_word("--master", optarg, master, &value);
        options->sweep.master = (sgs_master)value;
        break;
    case 'w':
        code = parse_word("--writer", optarg, writer, &value);
        options->sweep.writer = (sgs_writer)value;
        break;
    case 'g':
        code = parse_word("--hand-over", optarg, hand_over, &value);
        options->sweep.hand_over = (sgs_hand_over)value;
        break;
    case 'f':
        options->sweep.fail_fast = true;
        break;
    case 'c':
        if (!cli_parse_seconds(optarg, &options->sweep.checkpoint_s))
            code = cli_usage_error("run: --checkpoint '%s' is not a number of seconds; accepted: 0 or more", optarg);
        break;
    case 'b':
        if (!parse_bytes(optarg, &options->sweep.state_bytes_max))
            code = cli_usage_error("run: --checkpoint-max-bytes '%s' is not a size; accepted: a whole number above 0, "
                                   "with k, M, G or T behind it or not",
                                   optarg);
        break;
    default:
        if (!cli_parse_seconds(optarg, &options->sweep.max_seconds) || options->sweep.max_seconds == 0)
            code = cli_usage_error("run: --max-seconds '%s' is not a number of seconds; accepted: more than 0", optarg);
    }
    return code;
}

static int parse_environment(struct run_options *options)
{
    const char *deadline = getenv("SGDSWEEP_DEADLINE");
    if (!deadline || deadline[0] == '\0')
        return SGS_EXIT_COMPLETE;
    if (!cli_parse_seconds(deadline, &options->sweep.deadline) || options->sweep.deadline == 0)
        return cli_usage_error(
            "run: SGDSWEEP_DEADLINE '%s' is not a time; accepted: seconds since the epoch, more than "
            "0",
            deadline);
    return SGS_EXIT_COMPLETE;
}

/* -1: go on; else the exit code. */
static int parse_command_line(int argc, char **argv, struct run_options *options)
{
    static const struct option table[] = {{"output", required_argument, NULL, 'o'},
                                          {"yes", no_argument, NULL, 'y'},
                                          {"allow-size", no_argument, NULL, 'a'},
                                          {"progress", required_argument, NULL, 'p'},
                                          {"master", required_argument, NULL, 'm'},
                                          {"writer", required_argument, NULL, 'w'},
                                          {"hand-over", required_argument, NULL, 'g'},
                                          {"max-seconds", required_argument, NULL, 's'},
                                          {"fail-fast", no_argument, NULL, 'f'},
                                          {"checkpoint", required_argument, NULL, 'c'},
                                          {"checkpoint-max-bytes", required_argument, NULL, 'b'},
                                          {"speed", required_argument, NULL, 'v'},
                                          {"reuse", required_argument, NULL, 'r'},
                                          {"shard", required_argument, NULL, 'k'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, ":ho:", table, NULL)) != -1) {
        if (found == 'h')
            return fputs(help, stdout) < 0 ? SGS_EXIT_FAILURE : SGS_EXIT_COMPLETE;
        if (found == '?' || found == ':')
            return cli_option_error(found, argc, argv);
        if (found == 'r')
            take_reuse(argc, argv, options);
        int code = found == 'r' ? SGS_EXIT_COMPLETE : parse_option(found, options);
        if (code != SGS_EXIT_COMPLETE)
            return code;
    }
    if (!cli_one_operand(argc, argv, "the grid file", &options->grid))
        return SGS_EXIT_USAGE;
    if (!options->sweep.path || options->sweep.path[0] == '\0')
        return cli_usage_error("run: -o FILE is missing");
    int code = parse_environment(options);
    return code == SGS_EXIT_COMPLETE ? -1 : code;
}

/* ---- rank 0, before the sweep -------------------------------------------------------------------------------------
 */

static bool in_batch_job(void)
{
    return getenv("SLURM_JOB_ID") || getenv("PBS_JOBID") || getenv("LSB_JOBID");
}

/* Of short sweeps the speed does not matter: measure for a hundredth of what is to do, up to half a second. */
static sgs_status take_speed(const sgs_grid *grid, struct run_options *options, sgs_error *err)
{
    static const double worth_s = 10;

    options->sweep.speed = &options->speed;
    options->speed = cli_speed_guess();
    if (options->speed_file) {
        sgs_status status = cli_speed_read(options->speed_file, &options->speed, err);
        options->speed.vector = sgs_trainer_vector(); /* trained here, wherever it was measured */
        return status;
    }
    double predicted_s = sgs_forecast_grid(grid, &options->speed).seconds;
    return predicted_s > worth_s ? cli_speed_measure(grid, 1, fmin(0.01 * predicted_s, 0.5), &options->speed, err)
                                 : SGS_OK;
}

/* Say what it will cost, and refuse what nobody meant to start on a login node. */
static sgs_status check_cost(const sgs_grid *grid, struct run_options *options, sgs_error *err)
{
    char size[CLI_TEXT_BYTES];
    sgs_status status = take_speed(grid, options, err);

    if (status != SGS_OK)
        return status;
    sgs_forecast forecast = sgs_forecast_grid(grid, &options->speed);

    (void)cli_size_text((double)sgs_store_size_bytes(grid), size);
    (void)fprintf(stderr,
                  "sgdsweep: %" PRId64 " runs, %" PRId64 " of them skipped; predicted %.3g core-hours (%.3g s on one "
                  "core), results file %s\n",
                  forecast.runs, forecast.skipped, forecast.seconds / 3600, forecast.seconds, size);
    if (forecast.seconds > ASK_ABOVE_S && !options->yes && !in_batch_job())
        return sgs_fail(err, SGS_EINVAL,
                        "predicted to take %.3g core-hours, and this is no batch job: add --yes to go ahead",
                        forecast.seconds / 3600);
    return SGS_OK;
}

static sgs_status read_grid(struct run_options *options, sgs_grid **grid, sgs_error *err)
{
    sgs_status status = sgs_grid_read(options->grid, grid, err);
    if (status == SGS_OK && options->shards > 0) {
        sgs_grid *whole = *grid;
        status = sgs_grid_slice(whole, options->shard, options->shards, grid, err);
        sgs_grid_destroy(whole);
        if (status != SGS_OK)
            return sgs_fail_in(err, status, "%s", options->grid);
    }
    return status == SGS_OK ? check_cost(*grid, options, err) : status;
}

static sgs_status run_coll(struct run_options *options, int rank, sgs_error *err)
{
    sgs_grid *grid = NULL;
    sgs_status status = rank == 0 ? read_grid(options, &grid, err) : SGS_OK;

    status = sgs_agree_coll(MPI_COMM_WORLD, status, err);
    if (status == SGS_OK)
        status = sgs_grid_share_coll(MPI_COMM_WORLD, &grid, err);
    if (status == SGS_OK)
        status = sgs_sweep_coll(MPI_COMM_WORLD, grid, &options->sweep, err);
    sgs_grid_destroy(grid);
    return status;
}

int cli_run(int argc, char **argv)
{
    struct run_options options = {.sweep = {.checkpoint_s = CHECKPOINT_S}};
    sgs_error err = {""};
    int rank = 0;
    options.reuse = calloc((size_t)argc, sizeof *options.reuse);
    if (!options.reuse)
        return cli_failure(sgs_fail(&err, SGS_ENOMEM, "no memory for the command line"), &err);
    options.sweep.reuse = options.reuse;
    int code = parse_command_line(argc, argv, &options);

    if (code >= 0) {
        free((void *)options.reuse);
        return code;
    }
    sgs_stop_install();
    sgs_fleet_start_coll(&argc, &argv, &rank);
    sgs_status status = run_coll(&options, rank, &err);
    code = rank == 0 ? cli_failure(status, &err) : sgs_exit_code(status);
    sgs_fleet_end_coll();
    free((void *)options.reuse);
    return code;
}
